//! Values as JSON, in Terraform's way: what is known, and where something else holds.

use crate::cli::screen::MASK;
use crate::lang::value::{Kind, Number, Path, PathStep, Type, Value};
use serde_json::{Map, Value as Json, json};

/// A value as JSON: sensitive parts masked, unknown ones left out (null in a list).
pub(in crate::cli) fn known(value: &Value) -> Json {
    match value.kind() {
        // That there is nothing is no secret.
        Kind::Null(_) => Json::Null,
        _ if value.marks().is_sensitive() => json!(MASK),
        Kind::Unknown(..) => Json::Null,
        Kind::Bool(value) => json!(value),
        Kind::Number(value) => number(value),
        Kind::String(text) => json!(text.as_ref()),
        Kind::List(_, items) | Kind::Set(_, items) | Kind::Tuple(items) => items.iter().map(known).collect(),
        Kind::Map(_, entries) | Kind::Object(entries) => {
            let known_ones = entries.iter().filter(|(_, value)| !value.is_unknown());
            Json::Object(known_ones.map(|(name, value)| (name.to_string(), known(value))).collect())
        }
    }
}

fn number(number: &Number) -> Json {
    serde_json::from_str(&number.to_string()).unwrap_or_else(|_| json!(number.to_string()))
}

/// Where a value is not known: true, or an object of the parts where it is not, or a list of an answer for each.
pub(super) fn unknown(value: &Value) -> Json {
    tree(value, &|value| value.is_unknown().then_some(json!(true)))
}

/// Where a value is sensitive, likewise.
pub(super) fn sensitive(value: &Value) -> Json {
    tree(value, &|value| match value.kind() {
        _ if value.marks().is_sensitive() => Some(json!(true)),
        // Of what has parts that are not known yet, none is known to be sensitive.
        Kind::Unknown(Type::Map(_) | Type::Object(_), _) => Some(json!({})),
        Kind::Unknown(Type::List(_) | Type::Set(_) | Type::Tuple(_), _) => Some(json!([])),
        _ => None,
    })
}

fn tree(value: &Value, holds: &dyn Fn(&Value) -> Option<Json>) -> Json {
    if let Some(answer) = holds(value) {
        return answer;
    }
    if let Some(items) = value.as_items() {
        return items.iter().map(|item| tree(item, holds)).collect();
    }
    if let Some(entries) = value.as_entries() {
        let parts = entries.iter().map(|(name, item)| (name.to_string(), tree(item, holds)));
        return Json::Object(parts.filter(|(_, part)| *part != json!(false)).collect::<Map<_, _>>());
    }
    json!(false)
}

/// A path as a list of names and positions.
pub(super) fn path(path: &Path) -> Json {
    path.0.iter().map(step).collect()
}

/// A name or a position.
pub(super) fn step(step: &PathStep) -> Json {
    match step {
        PathStep::Name(name) => json!(name.as_ref()),
        PathStep::Index(index) => json!(index),
    }
}
