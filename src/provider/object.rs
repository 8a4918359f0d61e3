//! Objects of resource types, read and rebuilt attribute by attribute.

use crate::lang::eval::BlockSchema;
use crate::lang::value::{Kind, Type, Value};
use std::sync::Arc;

/// The text of an attribute, if it is known and not null.
pub(super) fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str()
}

/// An attribute; null if the object lacks it.
pub(super) fn attribute(object: &Value, name: &str) -> Value {
    object.get(name).cloned().unwrap_or_else(Value::null)
}

/// The object with other values for some attributes; its own marks stay.
pub(super) fn with<'a>(object: &Value, changes: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let mut attributes = object.as_entries().cloned().unwrap_or_default();
    for (name, value) in changes {
        attributes.insert(name.into(), value);
    }
    Value::object(attributes).with_marks(object.marks())
}

/// An object of which nothing is known.
pub(super) fn empty(block: &BlockSchema) -> Value {
    let attributes = block.attributes.iter();
    Value::object(attributes.map(|(name, attribute)| (name.clone(), Value::null_of(attribute.ty.clone()))))
}

/// A string, or null.
pub(super) fn text_or_null(text: Option<impl Into<Arc<str>>>) -> Value {
    text.map_or_else(|| Value::null_of(Type::String), Value::string)
}

/// Whether two values are the same, marks aside; what is unknown is the same as nothing. A null is the same as any other.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a.kind(), b.kind()) {
        (Kind::Unknown(..), _) | (_, Kind::Unknown(..)) => false,
        (Kind::Null(_), Kind::Null(_)) => true,
        (Kind::List(_, a), Kind::List(_, b))
        | (Kind::Set(_, a), Kind::Set(_, b))
        | (Kind::Tuple(a), Kind::Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(a, b))
        }
        (Kind::Map(_, a), Kind::Map(_, b)) | (Kind::Object(a), Kind::Object(b)) => {
            a.len() == b.len()
                && a.iter().zip(b.iter()).all(|((key, a), (other, b))| key == other && same(a, b))
        }
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::value::Marks;

    #[test]
    fn sameness_looks_through_marks_and_null_types_but_not_through_unknowns() {
        let secret = || Value::list(Type::String, [Value::string("a").marked(Marks::SENSITIVE)]);
        assert!(same(&secret(), &Value::list(Type::String, [Value::string("a")])));
        assert!(!same(&secret(), &Value::list(Type::String, [Value::string("b")])));
        assert!(!same(&secret(), &Value::tuple([Value::string("a")])), "a list is no tuple");
        assert!(same(&Value::null(), &Value::null_of(Type::String)));
        assert!(!same(&Value::unknown(Type::Bool), &Value::unknown(Type::Bool)));
        let one = |value| Value::object([("a".into(), value)]);
        assert!(same(&one(Value::bool(true)), &one(Value::bool(true))));
        assert!(!same(&one(Value::bool(true)), &one(Value::null())));
    }
}
