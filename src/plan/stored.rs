//! Objects of the state to values of a schema and back. Unknown values cannot pass.

use crate::lang::eval::BlockSchema;
use crate::lang::value::{
    Entries, Kind, Marks, NotStorable, Path, PathStep, Type, Value, WrongJson, from_json, object_from_json,
    to_json, type_from_json, type_to_json,
};
use mlo_state::{Object, Output};
use serde_json::Value as Json;
use std::sync::Arc;

/// A stored object as a value, or why it is not one.
pub type Decoded = Result<Value, WrongJson>;

/// The value of a stored object; attributes that the state or the schema calls sensitive are marked.
///
/// # Errors
/// If an attribute is not of the schema's type: the state was damaged or written for another schema.
pub fn decode_object(object: &Object, schema: &BlockSchema) -> Decoded {
    let blocks: Vec<_> = schema.blocks.iter().map(|(name, block)| (name, block.implied_type())).collect();
    let attributes = schema.attributes.iter().map(|(name, attribute)| (name, &attribute.ty));
    let types = attributes.chain(blocks.iter().map(|(name, ty)| (*name, ty)));
    let value = object_from_json(&object.attributes, types)?;
    Ok(mark_by_schema(&mark_stored(&value, object), schema))
}

/// The stored form of an object's attributes and the paths of its sensitive parts.
///
/// # Errors
/// If a part is unknown or ephemeral.
pub fn encode_object(
    value: &Value,
    schema: &BlockSchema,
) -> Result<(serde_json::Map<String, Json>, Vec<mlo_state::AttributePath>), NotStorable> {
    let attributes = match to_json(value, &schema.implied_type())? {
        Json::Object(attributes) => attributes,
        _ => serde_json::Map::new(),
    };
    Ok((attributes, sensitive_paths(value)))
}

/// The stored form of those attributes that can be stored; null stands for the others.
pub fn encode_storable(
    value: &Value,
    schema: &BlockSchema,
) -> (serde_json::Map<String, Json>, Vec<mlo_state::AttributePath>) {
    let attributes = schema.attributes.iter().map(|(name, attribute)| (name, attribute.ty.clone()));
    let blocks = schema.blocks.iter().map(|(name, block)| (name, block.implied_type()));
    let stored = attributes.chain(blocks).map(|(name, ty)| {
        let json = value.get(name).and_then(|value| to_json(value, &ty).ok());
        (name.to_string(), json.unwrap_or(Json::Null))
    });
    (stored.collect(), sensitive_paths(value))
}

/// The stored form of an output.
///
/// # Errors
/// If a part is unknown or ephemeral.
pub fn encode_output(value: &Value, sensitive: bool) -> Result<Output, NotStorable> {
    let ty = value.ty();
    Ok(Output { value: to_json(value, &ty)?, value_type: type_to_json(&ty), sensitive })
}

/// The value of a stored output.
pub fn decode_output(output: &Output) -> Option<Value> {
    let value = from_json(&output.value, &type_from_json(&output.value_type)?).ok()?;
    Some(if output.sensitive { value.marked(Marks::SENSITIVE) } else { value })
}

/// Marks what the state calls sensitive in the object that `value` is the present form of.
pub fn mark_stored(value: &Value, object: &Object) -> Value {
    object.sensitive.iter().fold(value.clone(), |value, path| mark_at(&value, path))
}

/// `value` with the marks of `like` wherever they have the same shape.
pub fn mark_as(value: &Value, like: &Value) -> Value {
    let kind = match (value.kind(), like.kind()) {
        (Kind::Object(items), Kind::Object(likes)) | (Kind::Map(_, items), Kind::Map(_, likes)) => {
            let entry = |(name, item): (&Arc<str>, &Value)| {
                let marked = likes.get(name).map_or_else(|| item.clone(), |like| mark_as(item, like));
                (name.clone(), marked)
            };
            let items = Arc::new(items.iter().map(entry).collect());
            match value.kind() {
                Kind::Map(ty, _) => Kind::Map(ty.clone(), items),
                _ => Kind::Object(items),
            }
        }
        (Kind::List(ty, items), Kind::List(_, likes)) => Kind::List(ty.clone(), zip_marks(items, likes)),
        (Kind::Tuple(items), Kind::Tuple(likes)) => Kind::Tuple(zip_marks(items, likes)),
        _ => return value.clone().marked(like.marks_deep()),
    };
    Value::from(kind).with_marks(value.marks() | like.marks())
}

fn zip_marks(items: &[Value], likes: &[Value]) -> Arc<[Value]> {
    let marked = items.iter().enumerate().map(|(at, item)| match likes.get(at) {
        Some(like) => mark_as(item, like),
        None => item.clone(),
    });
    marked.collect()
}

/// Marks what the schema calls sensitive.
pub fn mark_by_schema(value: &Value, schema: &BlockSchema) -> Value {
    if !has_sensitive(schema) {
        return value.clone();
    }
    let Some(entries) = value.as_entries() else { return value.clone() };
    let marked = entries.iter().map(|(name, item)| {
        let marked = match (schema.attributes.get(name), schema.blocks.get(name)) {
            (Some(attribute), _) if attribute.sensitive => item.clone().marked(Marks::SENSITIVE),
            (None, Some(block)) => map_children(item, &|child| mark_by_schema(child, &block.block)),
            _ => item.clone(),
        };
        (name.clone(), marked)
    });
    Value::object(marked).with_marks(value.marks())
}

/// Whether the schema calls any part of an object sensitive.
pub fn has_sensitive(schema: &BlockSchema) -> bool {
    schema.attributes.values().any(|attribute| attribute.sensitive)
        || schema.blocks.values().any(|block| has_sensitive(&block.block))
}

/// An object itself, or each element of a collection of objects.
fn map_children(value: &Value, change: &dyn Fn(&Value) -> Value) -> Value {
    let kind = match value.kind() {
        Kind::Object(_) => return change(value),
        Kind::List(ty, items) => Kind::List(ty.clone(), items.iter().map(change).collect()),
        Kind::Set(ty, items) => Kind::Set(ty.clone(), items.iter().map(change).collect()),
        Kind::Tuple(items) => Kind::Tuple(items.iter().map(change).collect()),
        Kind::Map(ty, items) => Kind::Map(
            ty.clone(),
            Arc::new(items.iter().map(|(key, item)| (key.clone(), change(item))).collect()),
        ),
        _ => return value.clone(),
    };
    Value::from(kind).with_marks(value.marks())
}

fn mark_at(value: &Value, path: &[mlo_state::PathStep]) -> Value {
    use mlo_state::PathStep as Stored;
    let Some((step, rest)) = path.split_first() else { return value.clone().marked(Marks::SENSITIVE) };
    let index = match step {
        Stored::Index(index) => usize::try_from(*index).ok(),
        Stored::Name(_) => None,
    };
    let at_index = |items: &Arc<[Value]>| -> Arc<[Value]> {
        let items = items.iter().enumerate();
        items.map(|(at, item)| if Some(at) == index { mark_at(item, rest) } else { item.clone() }).collect()
    };
    let at_name = |entries: &Entries| {
        let mut entries = entries.clone();
        if let Stored::Name(name) = step
            && let Some(item) = entries.get_mut(name.as_str())
        {
            *item = mark_at(item, rest);
        }
        Arc::new(entries)
    };
    let kind = match value.kind() {
        Kind::List(ty, items) => Kind::List(ty.clone(), at_index(items)),
        Kind::Set(ty, items) => Kind::Set(ty.clone(), at_index(items)),
        Kind::Tuple(items) => Kind::Tuple(at_index(items)),
        Kind::Map(ty, entries) => Kind::Map(ty.clone(), at_name(entries)),
        Kind::Object(entries) => Kind::Object(at_name(entries)),
        _ => return value.clone(),
    };
    Value::from(kind).with_marks(value.marks())
}

/// Whether a value holds something sensitive, or will. That there is nothing is no secret.
pub fn holds_secret(value: &Value) -> bool {
    !sensitive_paths(value).is_empty()
}

/// Where a value is sensitive: the outermost places. One where there is nothing hides nothing.
pub fn sensitive_paths(value: &Value) -> Vec<mlo_state::AttributePath> {
    let mut paths = Vec::new();
    gather(value, &Path::root(), &mut paths);
    paths
}

fn gather(value: &Value, at: &Path, paths: &mut Vec<mlo_state::AttributePath>) {
    if value.marks().is_sensitive() {
        if value.is_null() {
            return;
        }
        paths.push(at.0.iter().map(store_step).collect());
        return;
    }
    if let Some(items) = value.as_items() {
        for (index, item) in items.iter().enumerate() {
            gather(item, &at.index(index), paths);
        }
    } else if let Some(entries) = value.as_entries() {
        for (name, item) in entries {
            gather(item, &at.name(name.clone()), paths);
        }
    }
}

fn store_step(step: &PathStep) -> mlo_state::PathStep {
    match step {
        PathStep::Name(name) => mlo_state::PathStep::Name(name.to_string()),
        PathStep::Index(index) => mlo_state::PathStep::Index(*index as u64),
    }
}

/// A stored object whose type nobody knows any more, as a value for display: types are guessed from the JSON.
pub fn guess(attributes: &serde_json::Map<String, Json>) -> Value {
    fn value(json: &Json) -> Value {
        match json {
            Json::Null => Value::null(),
            Json::Bool(value) => Value::bool(*value),
            Json::Number(number) => {
                from_json(&Json::Number(number.clone()), &Type::Number).unwrap_or_else(|_| Value::null())
            }
            Json::String(text) => Value::string(text.as_str()),
            Json::Array(items) => Value::tuple(items.iter().map(value)),
            Json::Object(entries) => {
                Value::object(entries.iter().map(|(name, item)| (Arc::from(name.as_str()), value(item))))
            }
        }
    }
    Value::object(attributes.iter().map(|(name, item)| (Arc::from(name.as_str()), value(item))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_planned_as_sensitive_is_sensitive() {
        let object = |value: Value| Value::object([("a".into(), value)]);
        let planned = object(Value::unknown(Type::String).marked(Marks::SENSITIVE));
        let marked = mark_as(&object("x".into()), &planned);
        assert!(marked.get("a").is_some_and(|value| value.marks().is_sensitive()));
    }
}
