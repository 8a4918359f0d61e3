//! What a configuration leaves to the provider, filled from what is there. Pure.

use super::diff::same;
use crate::lang::eval::{BlockSchema, NestedBlock, Nesting};
use crate::lang::value::{Kind, Value};
use std::sync::Arc;

/// `wanted` with its computed attributes that the configuration leaves out: as `prior` has them, or unknown where there
/// is no prior object. Blocks are paired by position, by key, or, in a set, by what the configuration says of them.
pub fn propose(schema: &BlockSchema, prior: Option<&Value>, wanted: &Value) -> Value {
    let Some(attributes) = wanted.as_entries() else { return wanted.clone() };
    let mut proposed = Vec::with_capacity(attributes.len());
    for (name, value) in attributes {
        let before = prior.and_then(|prior| prior.get(name));
        let next = match (schema.attributes.get(name), schema.blocks.get(name)) {
            (Some(attribute), _) if attribute.computed && value.is_null() => match before {
                Some(before) => before.clone(),
                None => Value::unknown(attribute.ty.clone()),
            },
            (None, Some(block)) => propose_blocks(block, before, value),
            _ => value.clone(),
        };
        proposed.push((name.clone(), next));
    }
    Value::object(proposed).with_marks(wanted.marks())
}

fn propose_blocks(block: &NestedBlock, prior: Option<&Value>, wanted: &Value) -> Value {
    let each = |prior: Option<&Value>, wanted: &Value| propose(&block.block, prior, wanted);
    let kind = match (block.nesting, wanted.kind()) {
        (Nesting::Single, Kind::Object(_)) => {
            return each(prior.filter(|prior| !prior.is_null()), wanted);
        }
        (Nesting::List, Kind::List(ty, items)) => {
            let before = prior.and_then(Value::as_items).unwrap_or_default();
            Kind::List(
                ty.clone(),
                items.iter().enumerate().map(|(at, item)| each(before.get(at), item)).collect(),
            )
        }
        (Nesting::List, Kind::Tuple(items)) => {
            let before = prior.and_then(Value::as_items).unwrap_or_default();
            Kind::Tuple(items.iter().enumerate().map(|(at, item)| each(before.get(at), item)).collect())
        }
        (Nesting::Set, Kind::Set(ty, items)) => {
            let before = prior.and_then(Value::as_items).unwrap_or_default();
            let paired = items.iter().map(|item| {
                let twin = before.iter().find(|before| same(&each(Some(before), item), before));
                each(twin, item)
            });
            Kind::Set(ty.clone(), paired.collect())
        }
        (Nesting::Map, Kind::Map(ty, items)) => {
            let items = items
                .iter()
                .map(|(key, item)| (key.clone(), each(prior.and_then(|prior| prior.get(key)), item)));
            Kind::Map(ty.clone(), Arc::new(items.collect()))
        }
        (Nesting::Map, Kind::Object(items)) => {
            let items = items
                .iter()
                .map(|(key, item)| (key.clone(), each(prior.and_then(|prior| prior.get(key)), item)));
            Kind::Object(Arc::new(items.collect()))
        }
        _ => return wanted.clone(),
    };
    Value::from(kind).with_marks(wanted.marks())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::eval::AttributeSchema;
    use crate::lang::value::Type;

    #[test]
    fn what_is_left_out_comes_from_the_object_or_is_unknown() {
        let schema = BlockSchema::new()
            .attribute("id", AttributeSchema::computed(Type::String))
            .attribute("port", AttributeSchema::optional_computed(Type::Number))
            .attribute("name", AttributeSchema::optional(Type::String));
        let object = |id: Value, port: Value, name: Value| {
            Value::object([("id".into(), id), ("port".into(), port), ("name".into(), name)])
        };
        let wanted = object(Value::null(), Value::null(), "new".into());
        let unknown = (Value::unknown(Type::String), Value::unknown(Type::Number));
        assert_eq!(propose(&schema, None, &wanted), object(unknown.0, unknown.1, "new".into()));
        let prior = object("i-1".into(), 80.into(), "old".into());
        assert_eq!(propose(&schema, Some(&prior), &wanted), object("i-1".into(), 80.into(), "new".into()));
        let given = object(Value::null(), 90.into(), Value::null());
        assert_eq!(propose(&schema, Some(&prior), &given), object("i-1".into(), 90.into(), Value::null()));
    }
}
