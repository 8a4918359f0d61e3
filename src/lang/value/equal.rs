//! `==`: whether two values are the same, as far as that is known.

use super::{Bounds, Kind, Refinement, Type, Value};

/// Whether two values are equal: a bool, unknown if that is not known, with the marks of both and of their parts. Values
/// of different types are not equal.
pub fn equal(a: &Value, b: &Value) -> Value {
    let marks = a.marks_deep() | b.marks_deep();
    same(a, b).map_or_else(|| Value::unknown_not_null(Type::Bool), Value::bool).marked(marks)
}

fn same(a: &Value, b: &Value) -> Option<bool> {
    if a.is_null() && b.is_surely_not_null() || b.is_null() && a.is_surely_not_null() {
        return Some(false);
    }
    match (a.kind(), b.kind()) {
        (Kind::Unknown(..), Kind::Unknown(..)) => None,
        (Kind::Unknown(ty, refinement), _) => same_unknown(ty, refinement, b),
        (_, Kind::Unknown(ty, refinement)) => same_unknown(ty, refinement, a),
        (Kind::Null(_), _) | (_, Kind::Null(_)) => Some(a.is_null() && b.is_null()),
        _ if !(has_known_type(a) && has_known_type(b)) => {
            if could_be_one_type(&a.ty(), &b.ty()) {
                None
            } else {
                Some(false)
            }
        }
        _ if a.ty() != b.ty() => Some(false),
        _ => same_known(a, b),
    }
}

/// An unknown value against a known one.
fn same_unknown(ty: &Type, refinement: &Refinement, known: &Value) -> Option<bool> {
    if !could_be(refinement, known) {
        return Some(false);
    }
    if known.is_null() || could_be_one_type(ty, &known.ty()) { None } else { Some(false) }
}

/// Whether two types may turn out to be the same, once all parts of both are known.
fn could_be_one_type(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Any, _) | (_, Type::Any) => true,
        (Type::List(a), Type::List(b)) | (Type::Set(a), Type::Set(b)) | (Type::Map(a), Type::Map(b)) => {
            could_be_one_type(a, b)
        }
        (Type::Tuple(a), Type::Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| could_be_one_type(a, b))
        }
        (Type::Object(a), Type::Object(b)) => {
            a.keys().eq(b.keys()) && a.values().zip(b.values()).all(|(a, b)| could_be_one_type(&a.ty, &b.ty))
        }
        (a, b) => a == b,
    }
}

fn could_be(refinement: &Refinement, known: &Value) -> bool {
    match known.kind() {
        Kind::Null(_) => !refinement.not_null,
        Kind::String(text) => {
            refinement.prefix.as_ref().is_none_or(|prefix| text.as_bytes().starts_with(prefix.as_bytes()))
        }
        Kind::Number(_) => {
            let bounds = Bounds::of(known).zip(refinement.bounds.as_deref());
            bounds.is_none_or(|(known, bounds)| bounds.order(&known).is_none())
        }
        Kind::List(_, items) => fits(refinement, items.len()),
        Kind::Set(_, items) if known.is_wholly_known() => fits(refinement, items.len()),
        Kind::Map(_, entries) => fits(refinement, entries.len()),
        _ => true,
    }
}

fn fits(refinement: &Refinement, length: usize) -> bool {
    let length = length as u64;
    refinement.length_min <= length && refinement.length_max.is_none_or(|max| length <= max)
}

/// Whether the type of the value and of all its parts is known. That of `null` is.
fn has_known_type(value: &Value) -> bool {
    match value.kind() {
        Kind::Unknown(ty, _) => !ty.has_any(),
        _ => value.is_wholly_known() || value.children().all(has_known_type),
    }
}

/// [`same`] of two values of one type.
pub(super) fn same_known(a: &Value, b: &Value) -> Option<bool> {
    match (a.kind(), b.kind()) {
        (Kind::Bool(a), Kind::Bool(b)) => Some(a == b),
        (Kind::Number(a), Kind::Number(b)) => Some(a == b),
        (Kind::String(a), Kind::String(b)) => Some(a == b),
        (Kind::Set(_, a_items), Kind::Set(_, b_items)) => {
            let unknown = a_items.iter().chain(b_items.iter()).any(Value::is_unknown);
            if unknown { None } else { all(a_items.iter(), b_items.iter()) }
        }
        (Kind::List(_, a) | Kind::Tuple(a), Kind::List(_, b) | Kind::Tuple(b)) => all(a.iter(), b.iter()),
        (Kind::Map(_, a) | Kind::Object(a), Kind::Map(_, b) | Kind::Object(b)) => {
            if a.keys().eq(b.keys()) {
                all(a.values(), b.values())
            } else {
                Some(false)
            }
        }
        _ => same(a, b),
    }
}

/// False if one pair surely differs, else unknown if one pair is not known.
fn all<'a>(
    a: impl ExactSizeIterator<Item = &'a Value>,
    b: impl ExactSizeIterator<Item = &'a Value>,
) -> Option<bool> {
    if a.len() != b.len() {
        return Some(false);
    }
    let mut known = true;
    for (a, b) in a.zip(b) {
        match same_known(a, b) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => known = false,
        }
    }
    known.then_some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::value::Marks;

    #[test]
    fn values_are_equal_if_type_and_content_are() {
        let list = |items: &[&str]| Value::list(Type::String, items.iter().map(|item| Value::from(*item)));
        let tuple = |items: &[&str]| Value::tuple(items.iter().map(|item| Value::from(*item)));
        let unknown = || Value::unknown(Type::String);
        let prefixed = Value::unknown_with(
            Type::String,
            Refinement { not_null: true, prefix: Some("ab".into()), ..Refinement::default() },
        );
        let two = Value::unknown_with(
            Type::list(Type::String),
            Refinement { length_min: 2, length_max: Some(2), ..Refinement::default() },
        );
        for (a, b, expected) in [
            ("a".into(), "a".into(), Some(true)),
            (1.into(), "1".into(), Some(false)),
            (list(&["a"]), list(&["a"]), Some(true)),
            (list(&["a"]), tuple(&["a"]), Some(false)),
            (list(&[]), Value::list(Type::Bool, []), Some(false)),
            (Value::null(), Value::null_of(Type::String), Some(true)),
            (Value::null(), "a".into(), Some(false)),
            (Value::null(), unknown(), None),
            (Value::null(), Value::unknown_not_null(Type::Any), Some(false)),
            (unknown(), 1.into(), Some(false)),
            (Value::unknown(Type::Any), 1.into(), None),
            (unknown(), unknown(), None),
            (Value::tuple([unknown(), 1.into()]), Value::tuple(["a".into(), 2.into()]), Some(false)),
            (Value::tuple([unknown(), 1.into()]), Value::tuple(["a".into(), 1.into()]), None),
            (prefixed.clone(), "abc".into(), None),
            (prefixed, "xyz".into(), Some(false)),
            (two.clone(), list(&["a"]), Some(false)),
            (two, list(&["a", "b"]), None),
        ] {
            assert_eq!(same(&a, &b), expected, "{a:?} == {b:?}");
            assert_eq!(same(&b, &a), expected, "{b:?} == {a:?}");
        }
    }

    #[test]
    fn marks_at_any_depth_are_on_the_answer() {
        let secret = Value::tuple([Value::from("a").marked(Marks::SENSITIVE)]);
        assert_eq!(equal(&secret, &1.into()), Value::bool(false).marked(Marks::SENSITIVE));
    }
}
