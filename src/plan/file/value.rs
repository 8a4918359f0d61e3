//! Values in a plan file: bare JSON of a type, and beside it the places that are unknown or sensitive.

use super::PlanFileError;
use crate::diag::MASK;
use crate::lang::value::{
    Bounds, Kind, Marks, Number, Path, PathStep, Refinement, Type, Value, from_json, to_json, type_from_json,
    type_to_json,
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Values inside one another in a file: JSON and types nest twice as deep, and are read without a stack of their own.
const DEPTH_MAX: u32 = 50;

/// A value that could not be read back.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{what} holds values that nest more than {DEPTH_MAX} deep, which a plan file cannot keep")]
pub struct TooDeep {
    what: String,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ValueOut {
    /// The number of its type.
    #[serde(rename = "type")]
    ty: usize,
    value: Json,
    /// Its parts that are null in `value` and something else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    special: Vec<SpecialOut>,
}

/// A place in a value that is unknown, sensitive, or, with neither, null of which nobody may know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SpecialOut {
    path: Vec<StepOut>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unknown: Option<UnknownOut>,
    /// The number of a sensitive value: the same where the values are the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sensitive: Option<usize>,
}

/// One step to a place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum StepOut {
    Index(usize),
    Name(String),
}

/// What is known of an unknown value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnknownOut {
    #[serde(rename = "type")]
    ty: usize,
    /// It is masked, too.
    sensitive: bool,
    not_null: bool,
    prefix: Option<String>,
    length_min: u64,
    length_max: Option<u64>,
    /// What a number is at least and at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bounds: Option<(Option<String>, Option<String>)>,
}

/// Writes values that share their types.
pub(super) struct Encoder<'s> {
    is_secret: &'s dyn Fn(&str) -> bool,
    types: Vec<Json>,
    numbers: HashMap<Type, usize>,
    /// Sensitive values that were met, marks aside.
    hidden: HashMap<String, usize>,
}

impl<'s> Encoder<'s> {
    pub(super) fn new(is_secret: &'s dyn Fn(&str) -> bool) -> Self {
        Self { is_secret, types: Vec::new(), numbers: HashMap::new(), hidden: HashMap::new() }
    }

    pub(super) fn into_types(self) -> Vec<Json> {
        self.types
    }

    fn type_number(&mut self, ty: &Type) -> usize {
        if let Some(number) = self.numbers.get(ty) {
            return *number;
        }
        let number = self.types.len();
        self.types.push(type_to_json(ty));
        self.numbers.insert(ty.clone(), number);
        number
    }

    /// Whether a type has an attribute in whose name a sensitive value stands.
    fn names_secret(&self, ty: &Type) -> bool {
        match ty {
            Type::List(item) | Type::Set(item) | Type::Map(item) => self.names_secret(item),
            Type::Tuple(items) => items.iter().any(|item| self.names_secret(item)),
            Type::Object(fields) => {
                fields.iter().any(|(name, field)| (self.is_secret)(name) || self.names_secret(&field.ty))
            }
            Type::Any | Type::Bool | Type::Number | Type::String => false,
        }
    }

    /// A value, whose sensitive parts are left out.
    pub(super) fn masked(&mut self, value: &Value, what: &str) -> Result<ValueOut, TooDeep> {
        if value.depth() > DEPTH_MAX {
            return Err(TooDeep { what: what.to_owned() });
        }
        let mut special = Vec::new();
        let bare = self.bare(value, &mut Vec::new(), &mut special);
        let ty = bare.ty();
        let json = to_json(&bare, &ty).expect("what cannot be stored is null by now");
        Ok(ValueOut { ty: self.type_number(&ty), value: json, special })
    }

    /// A value as it is, for a file that is sealed.
    pub(super) fn whole(&mut self, value: &Value, what: &str) -> Result<ValueOut, TooDeep> {
        if value.depth() > DEPTH_MAX {
            return Err(TooDeep { what: what.to_owned() });
        }
        let bare = value.unmarked_deep();
        let ty = bare.ty();
        let json = to_json(&bare, &ty).expect("what is given for a variable is known");
        Ok(ValueOut { ty: self.type_number(&ty), value: json, special: Vec::new() })
    }

    fn bare(&mut self, value: &Value, at: &mut Vec<PathStep>, special: &mut Vec<SpecialOut>) -> Value {
        let path = |at: &[PathStep]| at.iter().map(StepOut::of).collect();
        if let Kind::Unknown(ty, known) = value.kind() {
            let ty = if self.names_secret(ty) { &Type::Any } else { ty };
            let unknown = UnknownOut {
                ty: self.type_number(ty),
                sensitive: !value.marks().is_empty(),
                not_null: known.not_null,
                prefix: known.prefix.as_deref().filter(|prefix| !(self.is_secret)(prefix)).map(str::to_owned),
                length_min: known.length_min,
                length_max: known.length_max,
                bounds: known.bounds.as_deref().map(|bounds| {
                    let digits = |number: &Option<Number>| number.as_ref().map(ToString::to_string);
                    (digits(&bounds.least), digits(&bounds.most))
                }),
            };
            special.push(SpecialOut { path: path(at), unknown: Some(unknown), sensitive: None });
            return Value::null_of(ty.clone());
        }
        let is_hidden = match value.kind() {
            Kind::String(text) => (self.is_secret)(text),
            Kind::Object(entries) => entries.keys().any(|name| (self.is_secret)(name)),
            Kind::Map(ty, entries) => {
                self.names_secret(ty) || entries.keys().any(|name| (self.is_secret)(name))
            }
            Kind::List(ty, _) | Kind::Set(ty, _) => self.names_secret(ty),
            Kind::Null(ty) if self.names_secret(ty) => return Value::null(),
            _ => false,
        };
        if value.is_null() && !value.marks().is_empty() {
            special.push(SpecialOut { path: path(at), unknown: None, sensitive: None });
            return value.clone().with_marks(Marks::NONE);
        }
        if is_hidden || !value.marks().is_empty() {
            let next = self.hidden.len();
            let number = *self.hidden.entry(format!("{:?}", value.unmarked_deep())).or_insert(next);
            special.push(SpecialOut { path: path(at), unknown: None, sensitive: Some(number) });
            return Value::null();
        }
        value.clone().map_parts(|step, part| {
            at.push(step);
            let bare = self.bare(part, at, special);
            at.pop();
            bare
        })
    }
}

impl StepOut {
    pub(super) fn of(step: &PathStep) -> Self {
        match step {
            PathStep::Name(name) => Self::Name(name.to_string()),
            PathStep::Index(index) => Self::Index(*index),
        }
    }

    pub(super) fn step(&self) -> PathStep {
        match self {
            Self::Name(name) => PathStep::Name(name.as_str().into()),
            Self::Index(index) => PathStep::Index(*index),
        }
    }
}

/// The types of a file; nothing stands for what is none.
pub(super) fn types(types: &[Json]) -> Vec<Option<Type>> {
    types.iter().map(type_from_json).collect()
}

impl ValueOut {
    /// Whether a part of it was left out.
    pub(super) fn is_masked(&self) -> bool {
        self.special.iter().any(|special| special.sensitive.is_some())
    }

    /// The value; a mask stands for each sensitive part.
    pub(super) fn decode(&self, types: &[Option<Type>], what: &str) -> Result<Value, PlanFileError> {
        let wrong = || PlanFileError::Value { what: what.to_owned() };
        let ty = |number: usize| types.get(number).cloned().flatten().ok_or_else(wrong);
        let value = from_json(&self.value, &ty(self.ty)?).map_err(|_| wrong())?;
        let mut special = BTreeMap::new();
        for out in &self.special {
            let put = match (&out.unknown, out.sensitive) {
                (Some(unknown), None) => Some(unknown.value(ty(unknown.ty)?)),
                (None, Some(number)) => {
                    Some(Value::string(format!("{MASK} {number}")).marked(Marks::SENSITIVE))
                }
                (None, None) => None,
                (Some(_), Some(_)) => return Err(wrong()),
            };
            special.insert(Path(out.path.iter().map(StepOut::step).collect()), put);
        }
        Ok(if special.is_empty() { value } else { put(value, &Path::root(), &special) })
    }
}

impl UnknownOut {
    fn value(&self, ty: Type) -> Value {
        let refinement = Refinement {
            not_null: self.not_null,
            prefix: self.prefix.as_deref().map(Into::into),
            length_min: self.length_min,
            length_max: self.length_max,
            bounds: self.bounds.as_ref().map(|(least, most)| {
                let number = |digits: &Option<String>| digits.as_deref().and_then(Number::parse);
                Arc::new(Bounds { least: number(least), most: number(most) })
            }),
        };
        let marks = if self.sensitive { Marks::SENSITIVE } else { Marks::NONE };
        Value::unknown_with(ty, refinement).marked(marks)
    }
}

/// With what stands in `special` at its places; nothing stands for a mark.
fn put(value: Value, at: &Path, special: &BTreeMap<Path, Option<Value>>) -> Value {
    if let Some(put) = special.get(at) {
        return put.clone().unwrap_or_else(|| value.marked(Marks::SENSITIVE));
    }
    value.map_parts(|step, part| {
        let mut at = at.clone();
        at.0.push(step);
        put(part.clone(), &at, special)
    })
}
