//! Places inside a value.

use super::{Kind, Value};
use std::fmt;
use std::sync::Arc;

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathStep {
    /// Attribute of an object or entry of a map.
    Name(Arc<str>),
    /// Element of a list or tuple, or of a set in its canonical order.
    Index(usize),
}

impl PathStep {
    /// The step that an index takes: by name for a string, by position for a whole number that is not negative.
    pub fn of_index(index: &Value) -> Option<Self> {
        match index.kind() {
            Kind::String(name) => Some(Self::Name(name.clone())),
            Kind::Number(number) => {
                number.as_i64().and_then(|number| usize::try_from(number).ok()).map(Self::Index)
            }
            _ => None,
        }
    }
}

/// Steps from a value to one of its parts; empty for the value itself. Shown as `.a[0].b`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Path(pub Vec<PathStep>);

impl Path {
    /// The value itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// One step further, by name.
    #[must_use]
    pub fn name(&self, name: impl Into<Arc<str>>) -> Self {
        self.step(PathStep::Name(name.into()))
    }

    /// One step further, by position.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.step(PathStep::Index(index))
    }

    fn step(&self, step: PathStep) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// Whether `self` is `other` or leads to something that holds it.
    pub fn is_prefix_of(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                PathStep::Name(name) if is_word(name) => {
                    write!(f, "{}{name}", if at == 0 { "" } else { "." })?;
                }
                PathStep::Name(name) => write!(f, "[{name:?}]")?,
                PathStep::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

fn is_word(name: &str) -> bool {
    name.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}
