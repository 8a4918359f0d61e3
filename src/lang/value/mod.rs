//! Values as Terraform knows them: possibly unknown, possibly marked, at any depth.
//!
//! Cheap to clone: collections are shared, not copied.

mod convert;
mod entries;
mod equal;
mod json;
mod marks;
mod number;
mod path;
mod set;
mod text;
mod types;
mod unify;
mod unknown;

pub use convert::{ConvertError, Mismatch, apply_defaults, convert, convert_with_defaults};
pub use entries::Entries;
pub use equal::equal;
pub use json::{
    NotStorable, WrongJson, from_json, object_from_json, to_json, to_json_dynamic, type_from_json,
    type_to_json,
};
pub use marks::Marks;
pub use number::{Form, Number, NumberError, ParseError};
pub use path::{Path, PathStep};
pub use text::{graphemes, known_prefix, normalize, quote};
pub(crate) use text::{is_hidden, quote_short};
pub use types::{Field, Type};
pub use unify::{convertible, unify};
pub use unknown::{Bounds, Refined, Refinement};

use std::sync::Arc;

/// What a value weighs beside its text, in bytes: about what it takes in memory.
pub const WEIGHT_OF_VALUE: u64 = 64;

/// A value with its marks. Marks of parts are on the parts; [`Value::marks_deep`] gathers them.
#[derive(Clone)]
pub struct Value {
    kind: Kind,
    marks: Marks,
    parts: Parts,
}

/// What is true of all parts of a value, gathered once when it is made, so that no question walks the whole value.
#[derive(Debug, Clone, Copy)]
struct Parts {
    marks: Marks,
    known: bool,
    depth: u32,
    weight: u64,
}

impl Parts {
    fn of(kind: &Kind) -> Self {
        let mut parts = Self { marks: Marks::NONE, known: true, depth: 0, weight: WEIGHT_OF_VALUE };
        match kind {
            Kind::String(text) => parts.weight += text.len() as u64,
            Kind::List(_, items) | Kind::Set(_, items) | Kind::Tuple(items) => {
                items.iter().for_each(|item| parts.add(item, 0));
            }
            Kind::Map(_, entries) | Kind::Object(entries) => {
                entries.iter().for_each(|(name, item)| parts.add(item, name.len() as u64));
            }
            Kind::Null(_) | Kind::Unknown(..) | Kind::Bool(_) | Kind::Number(_) => {}
        }
        parts
    }

    fn add(&mut self, part: &Value, name_bytes: u64) {
        self.marks = self.marks | part.marks_deep();
        self.known &= part.is_wholly_known();
        self.depth = self.depth.max(part.parts.depth.saturating_add(1));
        self.weight = self.weight.saturating_add(part.parts.weight).saturating_add(name_bytes);
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.marks == other.marks && self.kind == other.kind
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.kind)?;
        if self.marks.is_empty() { Ok(()) } else { write!(f, " {:?}", self.marks) }
    }
}

/// What a value is. Collections hold the type of their elements, so that an empty one still has a type.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// No value, of a type; [`Type::Any`] for a bare `null`.
    Null(Type),
    /// Not known yet: its type (possibly [`Type::Any`]) and what is known of it.
    Unknown(Type, Refined),
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string, NFC.
    String(Arc<str>),
    /// Elements of one type, in order.
    List(Type, Arc<[Value]>),
    /// Elements of one type, without duplicates, in the canonical order of sets.
    Set(Type, Arc<[Value]>),
    /// Elements of one type by name.
    Map(Type, Arc<Entries>),
    /// Elements each of its own type, in order.
    Tuple(Arc<[Value]>),
    /// Attributes each of its own type, by name.
    Object(Arc<Entries>),
}

impl From<Kind> for Value {
    fn from(kind: Kind) -> Self {
        let parts = Parts::of(&kind);
        Self { kind, marks: Marks::NONE, parts }
    }
}

impl Value {
    /// `null` without a type.
    pub fn null() -> Self {
        Self::null_of(Type::Any)
    }

    /// `null` of a type.
    pub fn null_of(ty: Type) -> Self {
        Kind::Null(ty).into()
    }

    /// Unknown of a type, nothing else being known of it.
    pub fn unknown(ty: Type) -> Self {
        Kind::Unknown(ty, Refined::default()).into()
    }

    /// Unknown of a type, with what else is known of it; or what it is, if there is only one value that it can be.
    /// Nothing is known of a value of any type but that it is not null.
    pub fn unknown_with(ty: Type, refinement: Refinement) -> Self {
        refinement.only(&ty).unwrap_or_else(|| Kind::Unknown(ty, refinement.into()).into())
    }

    /// Unknown of a type, but not null.
    pub fn unknown_not_null(ty: Type) -> Self {
        Self::unknown_with(ty, Refinement { not_null: true, ..Refinement::default() })
    }

    /// A string. The caller gives NFC; text of users is normalised where it is read.
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        Kind::String(text.into()).into()
    }

    /// A number.
    pub fn number(number: impl Into<Number>) -> Self {
        Kind::Number(number.into()).into()
    }

    /// A bool.
    pub fn bool(value: bool) -> Self {
        Kind::Bool(value).into()
    }

    /// A tuple.
    pub fn tuple(items: impl IntoIterator<Item = Value>) -> Self {
        Kind::Tuple(items.into_iter().collect()).into()
    }

    /// A list; every item is of type `element` already.
    pub fn list(element: Type, items: impl IntoIterator<Item = Value>) -> Self {
        Kind::List(element, items.into_iter().collect()).into()
    }

    /// A map; every item is of type `element` already.
    pub fn map(element: Type, items: impl IntoIterator<Item = (Arc<str>, Value)>) -> Self {
        Kind::Map(element, Arc::new(items.into_iter().collect())).into()
    }

    /// An object.
    pub fn object(attributes: impl IntoIterator<Item = (Arc<str>, Value)>) -> Self {
        Kind::Object(Arc::new(attributes.into_iter().collect())).into()
    }

    /// What it is, marks aside.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Its own marks, not those of its parts.
    pub fn marks(&self) -> Marks {
        self.marks
    }

    /// With more marks.
    #[must_use]
    pub fn marked(mut self, marks: Marks) -> Self {
        self.marks = self.marks | marks;
        self
    }

    /// With exactly these marks of its own.
    #[must_use]
    pub fn with_marks(mut self, marks: Marks) -> Self {
        self.marks = marks;
        self
    }

    /// Its marks and those of all its parts.
    pub fn marks_deep(&self) -> Marks {
        self.marks | self.parts.marks
    }

    /// What it and its parts take, in bytes, parts that are shared counted each time.
    pub fn weight(&self) -> u64 {
        self.parts.weight
    }

    /// How many values stand around its innermost part; 0 for one without parts.
    pub fn depth(&self) -> u32 {
        self.parts.depth
    }

    /// Without its own marks, and those marks.
    #[must_use]
    pub fn unmarked(self) -> (Self, Marks) {
        let marks = self.marks;
        (self.with_marks(Marks::NONE), marks)
    }

    /// Without marks anywhere in it. Cheap where there are none.
    #[must_use]
    pub fn unmarked_deep(&self) -> Self {
        let bare = self.clone().with_marks(Marks::NONE);
        if self.parts.marks.is_empty() { bare } else { bare.map_parts(|_, part| part.unmarked_deep()) }
    }

    /// With every part replaced, of the same kind and with the same marks of its own. The parts keep their type.
    #[must_use]
    pub fn map_parts(self, mut replace: impl FnMut(PathStep, &Value) -> Value) -> Self {
        let mut items = |items: &[Value]| {
            items
                .iter()
                .enumerate()
                .map(|(at, item)| replace(PathStep::Index(at), item))
                .collect::<Arc<[_]>>()
        };
        let kind = match &self.kind {
            Kind::List(element, list) => Kind::List(element.clone(), items(list)),
            Kind::Set(element, list) => Kind::Set(element.clone(), items(list)),
            Kind::Tuple(list) => Kind::Tuple(items(list)),
            Kind::Map(_, entries) | Kind::Object(entries) => {
                let entries = entries
                    .iter()
                    .map(|(name, item)| (name.clone(), replace(PathStep::Name(name.clone()), item)))
                    .collect();
                match &self.kind {
                    Kind::Map(element, _) => Kind::Map(element.clone(), Arc::new(entries)),
                    _ => Kind::Object(Arc::new(entries)),
                }
            }
            _ => return self,
        };
        Self::from(kind).with_marks(self.marks)
    }

    /// Its parts: elements or attribute values. Nothing for primitives, null and unknown.
    pub fn children(&self) -> Box<dyn Iterator<Item = &Value> + '_> {
        match &self.kind {
            Kind::List(_, items) | Kind::Set(_, items) | Kind::Tuple(items) => Box::new(items.iter()),
            Kind::Map(_, items) | Kind::Object(items) => Box::new(items.values()),
            _ => Box::new(std::iter::empty()),
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null(_))
    }

    /// Whether it itself is unknown.
    pub fn is_unknown(&self) -> bool {
        matches!(self.kind, Kind::Unknown(..))
    }

    /// Whether neither it nor any part of it is unknown.
    pub fn is_wholly_known(&self) -> bool {
        !self.is_unknown() && self.parts.known
    }

    /// Whether it is a set of which neither number nor order of elements is known, because some of them are not.
    pub fn is_undecided_set(&self) -> bool {
        matches!(&self.kind, Kind::Set(_, items) if items.len() > 1) && !self.is_wholly_known()
    }

    /// The text, if it is a known string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth, if it is a known bool.
    pub fn as_bool(&self) -> Option<bool> {
        match self.kind {
            Kind::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The number, if it is a known number.
    pub fn as_number(&self) -> Option<&Number> {
        match &self.kind {
            Kind::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The elements of a list, set or tuple.
    pub fn as_items(&self) -> Option<&[Value]> {
        match &self.kind {
            Kind::List(_, items) | Kind::Set(_, items) | Kind::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a map or object.
    pub fn as_entries(&self) -> Option<&Entries> {
        match &self.kind {
            Kind::Map(_, items) | Kind::Object(items) => Some(items),
            _ => None,
        }
    }

    /// The attribute or entry of a name, without the marks of what holds it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_entries()?.get(name)
    }

    /// What is known of it, if it is unknown.
    pub fn refinement(&self) -> Option<&Refinement> {
        match &self.kind {
            Kind::Unknown(_, refinement) => Some(refinement),
            _ => None,
        }
    }

    /// Whether it surely is not null.
    pub fn is_surely_not_null(&self) -> bool {
        match &self.kind {
            Kind::Null(_) => false,
            Kind::Unknown(_, refinement) => refinement.not_null,
            _ => true,
        }
    }

    /// Its type, without the types inside: a tuple or object that is known is one of nothing. For questions about what
    /// kind of value it is, which must not cost a walk over all of it.
    pub fn ty_shallow(&self) -> Type {
        match &self.kind {
            Kind::Tuple(_) => Type::Tuple(Arc::new([])),
            Kind::Object(_) => Type::object([]),
            _ => self.ty(),
        }
    }

    /// Its type. Null and unknown have the type that they were given.
    pub fn ty(&self) -> Type {
        match &self.kind {
            Kind::Null(ty) | Kind::Unknown(ty, _) => ty.clone(),
            Kind::Bool(_) => Type::Bool,
            Kind::Number(_) => Type::Number,
            Kind::String(_) => Type::String,
            Kind::List(element, _) => Type::list(element.clone()),
            Kind::Set(element, _) => Type::set(element.clone()),
            Kind::Map(element, _) => Type::map(element.clone()),
            Kind::Tuple(items) => Type::Tuple(items.iter().map(Value::ty).collect()),
            Kind::Object(entries) => {
                Type::object(entries.iter().map(|(name, value)| (name.clone(), value.ty())))
            }
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::string(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::number(value)
    }
}
