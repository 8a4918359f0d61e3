//! What a configuration leaves as it is (`ignore_changes`), laid over what it wants. Pure.

use crate::lang::eval::{AttributeSchema, BlockSchema, Ignored};
use crate::lang::value::{Entries, Kind, Path, PathStep, Value};
use std::sync::Arc;

/// `wanted` with the parts that are ignored as they are in `prior`.
pub(super) fn keep(ignored: &Ignored, schema: &BlockSchema, prior: &Value, wanted: &Value) -> Value {
    match ignored {
        Ignored::All => keep_all(schema, prior, wanted),
        Ignored::Unknown => wanted.clone(),
        Ignored::Paths(paths) => {
            paths.iter().fold(wanted.clone(), |wanted, Path(steps)| keep_at(&wanted, prior, steps))
        }
    }
}

/// All that a configuration can set is as it is; what only the provider sets stays as the provider has it.
fn keep_all(schema: &BlockSchema, prior: &Value, wanted: &Value) -> Value {
    let Some(entries) = wanted.as_entries() else { return wanted.clone() };
    let kept = entries.iter().map(|(name, value)| {
        let can_be_set = schema.attributes.get(name).is_none_or(AttributeSchema::is_argument);
        let before = prior.get(name).filter(|_| can_be_set);
        (name.clone(), before.unwrap_or(value).clone())
    });
    Value::object(kept).with_marks(wanted.marks())
}

fn keep_at(wanted: &Value, prior: &Value, steps: &[PathStep]) -> Value {
    let Some((step, rest)) = steps.split_first() else { return prior.clone() };
    let kind = match (wanted.kind(), step) {
        (Kind::Object(entries), PathStep::Name(name)) => {
            let (Some(item), Some(before)) = (entries.get(name), prior.get(name)) else {
                return wanted.clone();
            };
            let mut entries = Entries::clone(entries);
            entries.insert(name.clone(), keep_at(item, before, rest));
            Kind::Object(Arc::new(entries))
        }
        (Kind::Map(ty, entries), PathStep::Name(name)) => {
            Kind::Map(ty.clone(), Arc::new(keep_entry(entries, name, prior, rest)))
        }
        // A map that is not written at all is one without entries.
        (Kind::Null(_), PathStep::Name(name)) => match prior.kind() {
            Kind::Map(ty, entries) if rest.is_empty() && entries.contains_key(name) => {
                Kind::Map(ty.clone(), Arc::new(keep_entry(&Entries::default(), name, prior, rest)))
            }
            _ => return wanted.clone(),
        },
        (Kind::List(ty, items), PathStep::Index(index)) => {
            Kind::List(ty.clone(), keep_item(items, *index, prior, rest))
        }
        (Kind::Tuple(items), PathStep::Index(index)) => Kind::Tuple(keep_item(items, *index, prior, rest)),
        _ => return wanted.clone(),
    };
    Value::from(kind).with_marks(wanted.marks())
}

/// An entry that is ignored is there exactly if it was there.
fn keep_entry(entries: &Entries, name: &Arc<str>, prior: &Value, rest: &[PathStep]) -> Entries {
    let mut entries = entries.clone();
    match (entries.get(name), prior.get(name)) {
        (_, None) if rest.is_empty() => {
            entries.remove(name);
        }
        (None, Some(before)) if rest.is_empty() => {
            entries.insert(name.clone(), before.clone());
        }
        (Some(item), Some(before)) => {
            let kept = keep_at(item, before, rest);
            entries.insert(name.clone(), kept);
        }
        _ => {}
    }
    entries
}

fn keep_item(items: &[Value], index: usize, prior: &Value, rest: &[PathStep]) -> Arc<[Value]> {
    let before = prior.as_items().and_then(|before| before.get(index));
    let kept = items.iter().enumerate().map(|(at, item)| match before {
        Some(before) if at == index => keep_at(item, before, rest),
        _ => item.clone(),
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::value::Type;

    fn object(tags: Value, items: Value, size: i64, id: Value) -> Value {
        let entries = [("tags", tags), ("items", items), ("size", size.into()), ("id", id)];
        Value::object(entries.map(|(name, value)| (name.into(), value)))
    }

    fn tags(entries: &[(&str, &str)]) -> Value {
        Value::map(Type::String, entries.iter().map(|(key, value)| ((*key).into(), Value::string(*value))))
    }

    fn list(items: &[i64]) -> Value {
        Value::list(Type::Number, items.iter().map(|item| (*item).into()))
    }

    #[test]
    fn ignored_parts_are_as_they_were() {
        let schema = BlockSchema::new()
            .attribute("tags", AttributeSchema::optional(Type::map(Type::String)))
            .attribute("items", AttributeSchema::optional(Type::list(Type::Number)))
            .attribute("size", AttributeSchema::optional(Type::Number))
            .attribute("id", AttributeSchema::computed(Type::String));
        let prior = object(tags(&[("a", "1"), ("b", "1")]), list(&[1, 1]), 1, "x".into());
        let wanted = object(tags(&[("a", "2"), ("c", "2")]), list(&[2, 2, 2]), 2, Value::null());
        let root = Path::root;
        let unwritten = object(Value::null_of(Type::map(Type::String)), list(&[]), 2, Value::null());
        for (ignored, wanted, expected) in [
            (Ignored::Paths(vec![]), &wanted, wanted.clone()),
            (
                Ignored::Paths(vec![root().name("size"), root().name("tags").name("a")]),
                &wanted,
                object(tags(&[("a", "1"), ("c", "2")]), list(&[2, 2, 2]), 1, Value::null()),
            ),
            (
                // One that was there and is not written stays; one that is written and was not there does not come.
                Ignored::Paths(vec![root().name("tags").name("b"), root().name("tags").name("c")]),
                &wanted,
                object(tags(&[("a", "2"), ("b", "1")]), list(&[2, 2, 2]), 2, Value::null()),
            ),
            (
                Ignored::Paths(vec![root().name("items").index(1), root().name("items").index(9)]),
                &wanted,
                object(tags(&[("a", "2"), ("c", "2")]), list(&[2, 1, 2]), 2, Value::null()),
            ),
            (
                Ignored::Paths(vec![root().name("tags").name("b"), root().name("items")]),
                &unwritten,
                object(tags(&[("b", "1")]), list(&[1, 1]), 2, Value::null()),
            ),
            (Ignored::All, &wanted, object(tags(&[("a", "1"), ("b", "1")]), list(&[1, 1]), 1, Value::null())),
        ] {
            assert_eq!(keep(&ignored, &schema, &prior, wanted), expected, "{ignored:?}");
        }
    }
}
