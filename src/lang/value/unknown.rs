//! What is known of a value that is not known.

use super::{Kind, Number, Type, Value};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

/// Elements up to which a list of known length is made of unknown elements; a longer one stays unknown as a whole.
const ELEMENTS_KNOWN_MAX: u64 = 1024;

/// What is known of an unknown value, so that more can be decided at plan time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refinement {
    /// It will not be null.
    pub not_null: bool,
    /// A string will begin with this.
    pub prefix: Option<Arc<str>>,
    /// A collection will have at least this many elements.
    pub length_min: u64,
    /// A collection will have at most this many elements.
    pub length_max: Option<u64>,
    /// A number will be within these bounds.
    pub bounds: Option<Arc<Bounds>>,
}

/// A refinement as a value carries it: most values that are not known are not refined, and a value is small.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refined(Option<Arc<Refinement>>);

impl From<Refinement> for Refined {
    fn from(refinement: Refinement) -> Self {
        Self((refinement != NOTHING).then(|| Arc::new(refinement)))
    }
}

impl Deref for Refined {
    type Target = Refinement;

    fn deref(&self) -> &Refinement {
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

/// Nothing is known.
static NOTHING: Refinement =
    Refinement { not_null: false, prefix: None, length_min: 0, length_max: None, bounds: None };

/// Between which numbers a number is, both included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bounds {
    /// It is at least this, if that is known.
    pub least: Option<Number>,
    /// It is at most this, if that is known.
    pub most: Option<Number>,
}

impl Bounds {
    /// Of a number, known or not; nothing of one that may be null.
    pub fn of(value: &Value) -> Option<Self> {
        match value.kind() {
            Kind::Number(number) => Some(Self { least: Some(number.clone()), most: Some(number.clone()) }),
            Kind::Unknown(Type::Number, refinement) if refinement.not_null => {
                Some(refinement.bounds.as_deref().cloned().unwrap_or_default())
            }
            _ => None,
        }
    }

    /// Bounds within which both lie.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let choose = |a: Option<Number>, b: Option<Number>, kept: Ordering| {
            a.zip(b).map(|(a, b)| if a.compare_exactly(&b) == kept { a } else { b })
        };
        Self {
            least: choose(self.least, other.least, Ordering::Less),
            most: choose(self.most, other.most, Ordering::Greater),
        }
    }

    /// Whether it is surely less than another number, or surely more; nothing if neither is sure.
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        let below = |most: &Option<Number>, least: &Option<Number>| {
            most.as_ref().zip(least.as_ref()).is_some_and(|(most, least)| most.compare_exactly(least).is_lt())
        };
        if below(&self.most, &other.least) {
            Some(Ordering::Less)
        } else if below(&other.most, &self.least) {
            Some(Ordering::Greater)
        } else {
            None
        }
    }
}

impl Refinement {
    /// The value, if there is only one of this type that it can be; of a list, one of as many unknown elements.
    pub(super) fn only(&self, ty: &Type) -> Option<Value> {
        if !self.not_null {
            return None;
        }
        if let (Type::Number, Some(bounds)) = (ty, &self.bounds) {
            let (least, most) = (bounds.least.as_ref()?, bounds.most.as_ref()?);
            return least.compare_exactly(most).is_eq().then(|| Value::number(least.clone()));
        }
        let length =
            self.length_max.filter(|most| *most == self.length_min && *most <= ELEMENTS_KNOWN_MAX)?;
        match (ty, length) {
            (Type::List(element), _) => {
                let unknown = || Value::unknown((**element).clone());
                Some(Value::list((**element).clone(), (0..length).map(|_| unknown())))
            }
            (Type::Set(element), 0) => Some(Value::set((**element).clone(), [])),
            (Type::Set(element), 1) => {
                Some(Value::set((**element).clone(), [Value::unknown((**element).clone())]))
            }
            (Type::Map(element), 0) => Some(Value::map((**element).clone(), BTreeMap::new())),
            _ => None,
        }
    }
}
