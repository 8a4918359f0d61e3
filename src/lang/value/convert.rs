//! Values of one type to values of another, as Terraform converts them.
//!
//! Goes in: a value and the type that is wanted. Comes out: the value as that type, marks kept where they are, or the
//! innermost part that cannot be converted. Never happens: an unknown value that is refused though its known value
//! could be converted.

use super::{
    Entries, Field, Kind, Marks, Number, Path, PathStep, Refinement, Type, Value, convertible, unify,
};
use crate::lang::config::TypeDefaults;
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

/// A value that is not, and cannot be made, of the type that is wanted.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{}{mismatch}", place(path))]
pub struct ConvertError {
    /// The part that cannot be converted; the root for the value itself.
    pub path: Path,
    /// What that part should be.
    pub expected: Type,
    /// What it is.
    pub found: Type,
    /// Why it cannot be converted.
    pub mismatch: Mismatch,
}

fn place(path: &Path) -> String {
    if path.0.is_empty() { String::new() } else { format!("in `{path}`: ") }
}

/// Why a value cannot be converted.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Mismatch {
    /// No value of that type ever can.
    #[error("{expected} is required, but this is {found}")]
    Kind {
        /// With its article: `a list of string`.
        expected: String,
        /// With its article.
        found: String,
    },
    /// The text is not a decimal number.
    #[error("a number is required, and this text is not one")]
    NotANumber,
    /// The text is neither `true` nor `false`; if it is but for its case, `lowercase` says so.
    #[error("a bool is required, and this text is neither \"true\" nor \"false\"{}", if *lowercase { " in lowercase" } else { "" })]
    NotABool {
        /// It would be one in lowercase.
        lowercase: bool,
    },
    /// An object lacks attributes.
    #[error("{} required", required(.0))]
    Missing(Vec<Arc<str>>),
    /// A tuple is longer or shorter.
    #[error("{expected} elements are required, but there are {found}")]
    Length {
        /// As many as there should be.
        expected: usize,
        /// As many as there are.
        found: usize,
    },
    /// No one type fits all parts.
    #[error("all elements must be of one type")]
    NoCommonType,
}

fn required(names: &[Arc<str>]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [one] => format!("the attribute {one} is"),
        [first @ .., last] => format!("the attributes {} and {last} are", first.join(", ")),
        [] => "nothing is".to_owned(),
    }
}

/// The value as a value of type `ty`. Attributes of objects that `ty` does not name are dropped; those that it calls
/// optional may be absent, and are null then.
pub fn convert(value: &Value, ty: &Type) -> Result<Value, ConvertError> {
    convert_at(value, ty, &Place::Root)
}

/// [`apply_defaults`], then [`convert`].
pub fn convert_with_defaults(
    value: &Value,
    ty: &Type,
    defaults: &TypeDefaults,
) -> Result<Value, ConvertError> {
    convert(&apply_defaults(value, defaults), ty)
}

/// The steps to a part; spelled out only when something is wrong with it.
enum Place<'a> {
    Root,
    Name(&'a Place<'a>, &'a Arc<str>),
    Index(&'a Place<'a>, usize),
}

impl Place<'_> {
    fn path(&self) -> Path {
        let mut steps = Vec::new();
        let mut place = self;
        loop {
            place = match place {
                Self::Root => break,
                Self::Name(outer, name) => {
                    steps.push(PathStep::Name((*name).clone()));
                    outer
                }
                Self::Index(outer, index) => {
                    steps.push(PathStep::Index(*index));
                    outer
                }
            };
        }
        steps.reverse();
        Path(steps)
    }

    fn error(&self, value: &Value, expected: &Type, mismatch: Mismatch) -> ConvertError {
        ConvertError { path: self.path(), expected: expected.clone(), found: value.ty(), mismatch }
    }

    fn wrong_kind(&self, value: &Value, expected: &Type) -> ConvertError {
        let found = value.ty();
        let mismatch = Mismatch::Kind { expected: expected.with_article(), found: found.with_article() };
        ConvertError { path: self.path(), expected: expected.clone(), found, mismatch }
    }
}

fn convert_at(value: &Value, ty: &Type, place: &Place<'_>) -> Result<Value, ConvertError> {
    if matches!(ty, Type::Any) {
        return Ok(value.clone());
    }
    let marks = value.marks();
    let converted = match (value.kind(), ty) {
        (Kind::Null(from) | Kind::Unknown(from, _), _) => convert_empty(value, from, ty, place)?,
        (Kind::Bool(_), Type::Bool) | (Kind::Number(_), Type::Number) | (Kind::String(_), Type::String) => {
            return Ok(value.clone());
        }
        (Kind::Bool(truth), Type::String) => Value::string(if *truth { "true" } else { "false" }),
        (Kind::Number(number), Type::String) => Value::string(number.to_string()),
        (Kind::String(text), Type::Number) => match Number::parse(text) {
            Some(number) => Value::number(number),
            None => return Err(place.error(value, ty, Mismatch::NotANumber)),
        },
        (Kind::String(text), Type::Bool) => match &**text {
            "true" | "1" => Value::bool(true),
            "false" | "0" => Value::bool(false),
            other => {
                let lowercase = matches!(other.to_lowercase().as_str(), "true" | "false");
                return Err(place.error(value, ty, Mismatch::NotABool { lowercase }));
            }
        },
        (Kind::Tuple(items), Type::Tuple(types)) if items.len() == types.len() => {
            Value::tuple(each(items, |at| types.get(at).unwrap_or(&Type::Any), place)?)
        }
        (Kind::Tuple(items), Type::Tuple(types)) => {
            let mismatch = Mismatch::Length { expected: types.len(), found: items.len() };
            return Err(place.error(value, ty, mismatch));
        }
        (Kind::Set(own, items), Type::List(element) | Type::Set(element)) => {
            if matches!(ty, Type::List(_)) && value.is_undecided_set() {
                // Nobody knows yet in which order they will be, nor how many are the same; but each has to fit.
                let refinement = Refinement {
                    not_null: true,
                    length_min: 1,
                    length_max: Some(items.len() as u64),
                    ..Refinement::default()
                };
                let element = if matches!(**element, Type::Any) { own } else { &**element };
                each(items, |_| element, place)?;
                return Ok(
                    Value::unknown_with(Type::list(element.without_optional()), refinement).marked(marks)
                );
            }
            sequence(value, (items, Some(own)), (ty, element), place)?
        }
        (Kind::List(own, items), Type::List(element) | Type::Set(element)) => {
            sequence(value, (items, Some(own)), (ty, element), place)?
        }
        (Kind::Tuple(items), Type::List(element) | Type::Set(element)) => {
            sequence(value, (items, None), (ty, element), place)?
        }
        (Kind::Map(own, entries), Type::Map(element)) => {
            mapping(value, (entries, Some(own)), element, place)?
        }
        (Kind::Object(entries), Type::Map(element)) => mapping(value, (entries, None), element, place)?,
        (Kind::Map(_, entries) | Kind::Object(entries), Type::Object(fields)) => {
            object(value, entries, (ty, fields), place)?
        }
        _ => return Err(place.wrong_kind(value, ty)),
    };
    Ok(converted.marked(marks))
}

/// Null and unknown: only their type is converted.
fn convert_empty(value: &Value, from: &Type, ty: &Type, place: &Place<'_>) -> Result<Value, ConvertError> {
    if !convertible(from, ty) {
        return Err(place.wrong_kind(value, ty));
    }
    let wanted = ty.without_optional();
    let wanted = fill_any(from, &wanted);
    let Some(refinement) = value.refinement() else { return Ok(Value::null_of(wanted)) };
    Ok(Value::unknown_with(wanted.clone(), refine(refinement, from, &wanted)))
}

/// What stays known of an unknown value when it is converted.
fn refine(refinement: &Refinement, from: &Type, to: &Type) -> Refinement {
    let not_null = refinement.not_null;
    let of_length = |min: usize, max: usize| Refinement {
        not_null,
        length_min: min as u64,
        length_max: Some(max as u64),
        ..Refinement::default()
    };
    match (from, to) {
        (Type::Object(fields), Type::Map(_)) => of_length(fields.len(), fields.len()),
        (Type::Tuple(items), Type::List(_)) => of_length(items.len(), items.len()),
        (Type::Tuple(items), Type::Set(_)) => of_length(items.len().min(1), items.len()),
        (_, Type::Set(_)) if from.is_collection() => {
            Refinement { length_min: refinement.length_min.min(1), ..refinement.clone() }
        }
        _ if from.is_collection() && to.is_collection() => refinement.clone(),
        (Type::String, Type::String) | (Type::Number, Type::Number) => refinement.clone(),
        _ => Refinement { not_null, ..Refinement::default() },
    }
}

/// `to` with [`Type::Any`] replaced by what stands there in `from`.
fn fill_any(from: &Type, to: &Type) -> Type {
    let element_of = |from: &Type| match from {
        Type::List(element) | Type::Set(element) | Type::Map(element) => (**element).clone(),
        Type::Tuple(items) => unify(items).unwrap_or(Type::Any),
        Type::Object(fields) => {
            unify(&fields.values().map(|field| field.ty.clone()).collect::<Vec<_>>()).unwrap_or(Type::Any)
        }
        _ => Type::Any,
    };
    match to {
        Type::Any => from.clone(),
        Type::Bool | Type::Number | Type::String => to.clone(),
        _ if matches!(from, Type::Any) || !to.has_any() => to.clone(),
        Type::List(element) => Type::list(fill_any(&element_of(from), element)),
        Type::Set(element) => Type::set(fill_any(&element_of(from), element)),
        Type::Map(element) => Type::map(fill_any(&element_of(from), element)),
        Type::Tuple(items) => match from {
            Type::Tuple(own) => {
                Type::Tuple(own.iter().zip(items.iter()).map(|(own, to)| fill_any(own, to)).collect())
            }
            _ => to.clone(),
        },
        Type::Object(fields) => Type::object(fields.iter().map(|(name, field)| {
            let own = match from {
                Type::Map(element) => Some(&**element),
                Type::Object(own) => own.get(name).map(|field| &field.ty),
                _ => None,
            };
            (name.clone(), own.map_or_else(|| field.ty.clone(), |own| fill_any(own, &field.ty)))
        })),
    }
}

fn each<'t>(
    items: &[Value],
    ty: impl Fn(usize) -> &'t Type,
    place: &Place<'_>,
) -> Result<Vec<Value>, ConvertError> {
    let items = items.iter().enumerate();
    items.map(|(at, item)| convert_at(item, ty(at), &Place::Index(place, at))).collect()
}

/// To a list or set: the elements with the type that they had in common, if they had one.
fn sequence(
    value: &Value,
    (items, own): (&[Value], Option<&Type>),
    (ty, element): (&Type, &Type),
    place: &Place<'_>,
) -> Result<Value, ConvertError> {
    let collect = |element: Type, items: Vec<Value>| match ty {
        Type::Set(_) => Value::set(element, items),
        _ => Value::list(element, items),
    };
    if items.is_empty() {
        let own = own.unwrap_or(&Type::Any);
        if !convertible(own, element) {
            return Err(place.wrong_kind(value, ty));
        }
        return Ok(collect(fill_any(own, &element.without_optional()), Vec::new()));
    }
    let wanted = wanted_element(items.iter(), own, element)
        .ok_or_else(|| place.error(value, ty, Mismatch::NoCommonType))?;
    let items = each(items, |_| &wanted, place)?;
    let (element, items) =
        unify_parts(items, &wanted).ok_or_else(|| place.error(value, ty, Mismatch::NoCommonType))?;
    Ok(collect(element, items))
}

fn mapping(
    value: &Value,
    (entries, own): (&Entries, Option<&Type>),
    element: &Type,
    place: &Place<'_>,
) -> Result<Value, ConvertError> {
    let error = |mismatch| place.error(value, &Type::map(element.clone()), mismatch);
    if entries.is_empty() {
        let own = own.unwrap_or(&Type::Any);
        if !convertible(own, element) {
            return Err(place.wrong_kind(value, &Type::map(element.clone())));
        }
        return Ok(Value::map(fill_any(own, &element.without_optional()), []));
    }
    let wanted =
        wanted_element(entries.values(), own, element).ok_or_else(|| error(Mismatch::NoCommonType))?;
    let converted = entries.iter().map(|(name, item)| convert_at(item, &wanted, &Place::Name(place, name)));
    let converted = converted.collect::<Result<Vec<_>, _>>()?;
    let (element, items) = unify_parts(converted, &wanted).ok_or_else(|| error(Mismatch::NoCommonType))?;
    Ok(Value::map(element, entries.keys().cloned().zip(items)))
}

/// The type that elements are converted to: if any will do, the one that all can have.
fn wanted_element<'v>(
    items: impl Iterator<Item = &'v Value>,
    own: Option<&Type>,
    element: &Type,
) -> Option<Type> {
    match (element, own) {
        (Type::Any, Some(own)) => Some(own.clone()),
        (Type::Any, None) => unify(&items.map(Value::ty).collect::<Vec<_>>()),
        (element, _) => Some(element.clone()),
    }
}

/// Elements of a type that is not the same for all of them, as those of `list(any)` nested in another, made the same.
fn unify_parts(items: Vec<Value>, wanted: &Type) -> Option<(Type, Vec<Value>)> {
    if !wanted.has_any() {
        return Some((wanted.without_optional(), items));
    }
    let element = unify(&items.iter().map(Value::ty).collect::<Vec<_>>())?;
    let items = items.iter().map(|item| convert(item, &element)).collect::<Result<Vec<_>, _>>().ok()?;
    Some((element, items))
}

fn object(
    value: &Value,
    entries: &Entries,
    (ty, fields): (&Type, &BTreeMap<Arc<str>, Field>),
    place: &Place<'_>,
) -> Result<Value, ConvertError> {
    let absent = |(name, field): &(&Arc<str>, &Field)| !field.optional && !entries.contains_key(*name);
    let missing: Vec<_> = fields.iter().filter(absent).map(|(name, _)| name.clone()).collect();
    if !missing.is_empty() {
        return Err(place.error(value, ty, Mismatch::Missing(missing)));
    }
    let mut converted = Vec::with_capacity(fields.len());
    for (name, field) in fields {
        let item = match entries.get(name) {
            Some(item) => convert_at(item, &field.ty, &Place::Name(place, name))?,
            None => Value::null_of(field.ty.without_optional()),
        };
        converted.push((name.clone(), item));
    }
    Ok(Value::object(converted))
}

/// The value with the defaults of optional attributes where it lacks them or has null. Before it is converted: what
/// comes out may be a tuple or object where a collection went in.
pub fn apply_defaults(value: &Value, defaults: &TypeDefaults) -> Value {
    if value.is_null() || value.is_unknown() || *defaults == TypeDefaults::default() {
        return value.clone();
    }
    let marks = value.marks();
    let element = defaults.element.as_deref();
    let items = |items: &[Value]| -> Vec<Value> {
        let items = items.iter().enumerate();
        items
            .map(|(at, item)| {
                let inner = defaults.positions.get(&at).or(element);
                inner.map_or_else(|| item.clone(), |inner| apply_defaults(item, inner))
            })
            .collect()
    };
    let applied = match value.kind() {
        Kind::Tuple(list) | Kind::List(_, list) | Kind::Set(_, list) => {
            let list = items(list);
            let common = unify(&list.iter().map(Value::ty).collect::<Vec<_>>());
            let collection = match (value.kind(), common) {
                (Kind::Set(..), Some(element)) => Some(Type::set(element)),
                (Kind::List(..), Some(element)) => Some(Type::list(element)),
                _ => None,
            };
            if matches!(value.kind(), Kind::List(..) | Kind::Set(..)) && list.is_empty() {
                return value.clone();
            }
            let tuple = Value::tuple(list);
            collection.and_then(|ty| convert(&tuple, &ty).ok()).unwrap_or(tuple)
        }
        Kind::Map(_, entries) | Kind::Object(entries) => {
            let entries = default_entries(entries, defaults);
            if matches!(value.kind(), Kind::Map(..)) && entries.is_empty() {
                return value.clone();
            }
            let object = Value::object(entries);
            if matches!(value.kind(), Kind::Map(..)) {
                convert(&object, &Type::map(Type::Any)).unwrap_or(object)
            } else {
                object
            }
        }
        _ => value.clone().with_marks(Marks::NONE),
    };
    applied.marked(marks)
}

fn default_entries(entries: &Entries, defaults: &TypeDefaults) -> BTreeMap<Arc<str>, Value> {
    let inner = |name: &Arc<str>| defaults.children.get(name).or(defaults.element.as_deref());
    let mut applied: BTreeMap<_, _> = entries
        .iter()
        .map(|(name, item)| {
            let item = inner(name).map_or_else(|| item.clone(), |inner| apply_defaults(item, inner));
            (name.clone(), item)
        })
        .collect();
    for (name, default) in &defaults.attributes {
        match applied.get(name) {
            Some(given) if !given.is_null() => {}
            _ => {
                let default =
                    inner(name).map_or_else(|| default.clone(), |inner| apply_defaults(default, inner));
                applied.insert(name.clone(), default);
            }
        }
    }
    applied
}

#[cfg(test)]
mod tests;
