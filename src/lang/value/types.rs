//! Types of values.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A type. [`Type::Any`] is "not known or any" (cty's dynamic).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Type {
    /// Not known, or any.
    Any,
    /// Bool.
    Bool,
    /// Number.
    Number,
    /// String.
    String,
    /// Elements of one type in order.
    List(Arc<Type>),
    /// Elements of one type without order or duplicates.
    Set(Arc<Type>),
    /// Elements of one type by name.
    Map(Arc<Type>),
    /// Elements each of its own type.
    Tuple(Arc<[Type]>),
    /// Attributes each of its own type.
    Object(Arc<BTreeMap<Arc<str>, Field>>),
}

/// An attribute of an object type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Field {
    /// Its type.
    pub ty: Type,
    /// Whether a value may lack it (then it is null). Only in type constraints.
    pub optional: bool,
}

impl Type {
    /// `list(element)`
    pub fn list(element: Type) -> Self {
        Self::List(Arc::new(element))
    }

    /// `set(element)`
    pub fn set(element: Type) -> Self {
        Self::Set(Arc::new(element))
    }

    /// `map(element)`
    pub fn map(element: Type) -> Self {
        Self::Map(Arc::new(element))
    }

    /// `object({…})` with all attributes required.
    pub fn object(fields: impl IntoIterator<Item = (Arc<str>, Type)>) -> Self {
        let fields = fields.into_iter().map(|(name, ty)| (name, Field { ty, optional: false }));
        Self::Object(Arc::new(fields.collect()))
    }

    /// Whether it is a bool, number or string.
    pub fn is_primitive(&self) -> bool {
        matches!(self, Self::Bool | Self::Number | Self::String)
    }

    /// Whether [`Type::Any`] is somewhere in it.
    pub fn has_any(&self) -> bool {
        match self {
            Self::Any => true,
            Self::Bool | Self::Number | Self::String => false,
            Self::List(element) | Self::Set(element) | Self::Map(element) => element.has_any(),
            Self::Tuple(items) => items.iter().any(Self::has_any),
            Self::Object(fields) => fields.values().any(|field| field.ty.has_any()),
        }
    }
}

impl Type {
    /// The type that values have: no attribute of an object is optional, at any depth.
    #[must_use]
    pub fn without_optional(&self) -> Self {
        match self {
            Self::Any | Self::Bool | Self::Number | Self::String => self.clone(),
            Self::List(element) => Self::list(element.without_optional()),
            Self::Set(element) => Self::set(element.without_optional()),
            Self::Map(element) => Self::map(element.without_optional()),
            Self::Tuple(items) => Self::Tuple(items.iter().map(Self::without_optional).collect()),
            Self::Object(fields) => {
                Self::object(fields.iter().map(|(name, field)| (name.clone(), field.ty.without_optional())))
            }
        }
    }

    /// The type of the elements of a list, set or map.
    pub fn element(&self) -> Option<&Self> {
        match self {
            Self::List(element) | Self::Set(element) | Self::Map(element) => Some(element),
            _ => None,
        }
    }

    /// In the words of messages, with its article: `a list of string`, `an object`.
    pub fn with_article(&self) -> String {
        match self {
            Self::Any => "a value of any type".to_owned(),
            Self::List(element) if matches!(**element, Self::Any) => "a list".to_owned(),
            Self::Set(element) if matches!(**element, Self::Any) => "a set".to_owned(),
            Self::Map(element) if matches!(**element, Self::Any) => "a map".to_owned(),
            Self::Object(_) => "an object".to_owned(),
            other => format!("a {other}"),
        }
    }

    /// Whether it is a list, set or map.
    pub fn is_collection(&self) -> bool {
        self.element().is_some()
    }
}

/// In the words of messages: `list of string`, `object`, `number`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Bool => f.write_str("bool"),
            Self::Number => f.write_str("number"),
            Self::String => f.write_str("string"),
            Self::List(element) => write!(f, "list of {element}"),
            Self::Set(element) => write!(f, "set of {element}"),
            Self::Map(element) => write!(f, "map of {element}"),
            Self::Tuple(_) => f.write_str("tuple"),
            Self::Object(_) => f.write_str("object"),
        }
    }
}
