//! Two values to what differs between them. Pure.

use crate::lang::eval::BlockSchema;
use crate::lang::value::{Kind, Path, Value};

/// Whether two values are the same, their marks aside. Unknown is the same as nothing, not even as unknown; null is
/// null, of whatever type.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a.kind(), b.kind()) {
        (Kind::Null(_), Kind::Null(_)) => true,
        (Kind::Bool(a), Kind::Bool(b)) => a == b,
        (Kind::Number(a), Kind::Number(b)) => a == b,
        (Kind::String(a), Kind::String(b)) => a == b,
        (Kind::List(_, a), Kind::List(_, b))
        | (Kind::Set(_, a), Kind::Set(_, b))
        | (Kind::Tuple(a), Kind::Tuple(b)) => {
            std::sync::Arc::ptr_eq(a, b) && a.iter().all(Value::is_wholly_known)
                || a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(a, b))
        }
        (Kind::Map(_, a), Kind::Map(_, b)) | (Kind::Object(a), Kind::Object(b)) => {
            a.len() == b.len()
                && a.iter().zip(b.iter()).all(|((a_name, a), (b_name, b))| a_name == b_name && same(a, b))
        }
        _ => false,
    }
}

/// Top-level attributes and blocks that differ, by path into nested single values where both sides are objects.
pub fn changed(before: &Value, after: &Value) -> Vec<Path> {
    let mut paths = Vec::new();
    gather(before, after, &Path::root(), &mut paths);
    paths
}

fn gather(before: &Value, after: &Value, at: &Path, paths: &mut Vec<Path>) {
    match (before.kind(), after.kind()) {
        (Kind::Object(a), Kind::Object(b)) | (Kind::Map(_, a), Kind::Map(_, b)) => {
            let names = a.keys().chain(b.keys().filter(|name| !a.contains_key(*name)));
            for name in names {
                match (a.get(name), b.get(name)) {
                    (Some(a), Some(b)) => gather(a, b, &at.name(name.clone()), paths),
                    _ => paths.push(at.name(name.clone())),
                }
            }
        }
        _ if same(before, after) => {}
        _ => paths.push(at.clone()),
    }
}

/// The changed paths that lie in an attribute whose change needs a new object.
pub fn forces_new(schema: &BlockSchema, changed: &[Path]) -> Vec<Path> {
    changed.iter().filter(|path| is_force_new(schema, path)).cloned().collect()
}

fn is_force_new(schema: &BlockSchema, path: &Path) -> bool {
    use crate::lang::value::PathStep;
    let mut schema = schema;
    for step in &path.0 {
        let PathStep::Name(name) = step else { continue };
        if let Some(attribute) = schema.attributes.get(name) {
            return attribute.force_new;
        }
        // What is no block here is the key of a map of blocks.
        if let Some(block) = schema.blocks.get(name) {
            schema = &block.block;
        }
    }
    // A whole block came or went: it needs a new object if anything in it does.
    schema.attributes.values().any(|attribute| attribute.force_new) && !path.0.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::eval::AttributeSchema;
    use crate::lang::value::{Marks, Type};

    fn object(entries: &[(&str, Value)]) -> Value {
        Value::object(entries.iter().map(|(name, value)| ((*name).into(), value.clone())))
    }

    #[test]
    fn marks_do_not_make_a_difference_and_unknown_always_does() {
        let secret = Value::string("x").marked(Marks::SENSITIVE);
        for (a, b, expected) in [
            (Value::string("x"), secret, true),
            (Value::null_of(Type::String), Value::null(), true),
            (Value::unknown(Type::String), Value::unknown(Type::String), false),
            (Value::number(1), Value::string("1"), false),
            (Value::tuple([Value::number(1)]), Value::tuple([Value::number(1)]), true),
            (Value::tuple([Value::number(1)]), Value::tuple([]), false),
        ] {
            assert_eq!(same(&a, &b), expected, "{a:?} and {b:?}");
        }
    }

    #[test]
    fn changes_are_told_by_the_innermost_attribute() {
        let before = object(&[("a", object(&[("x", 1.into()), ("y", 1.into())])), ("b", 1.into())]);
        let after = object(&[("a", object(&[("x", 1.into()), ("y", 2.into())])), ("c", 1.into())]);
        let shown: Vec<_> = changed(&before, &after).iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["a.y", "b", "c"]);
    }

    #[test]
    fn an_attribute_can_need_a_new_object() {
        let schema = BlockSchema::new()
            .attribute("name", AttributeSchema::required(Type::String).force_new())
            .attribute("tags", AttributeSchema::optional(Type::map(Type::String)));
        let changed = [Path::root().name("name"), Path::root().name("tags").name("a")];
        assert_eq!(forces_new(&schema, &changed), [Path::root().name("name")]);
    }
}
