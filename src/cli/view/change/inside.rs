//! Values inside strings: JSON and YAML.

use crate::lang::eval::Meter;
use crate::lang::functions;
use crate::lang::value::{Kind, Value};

/// Longest text that is looked into, in bytes: what is longer is compared by its lines.
const TEXT_BYTES_MAX: usize = 256 * 1024;

/// A value and how it is written in a string.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Inside {
    /// The function that would write it.
    pub(super) function: &'static str,
    pub(in crate::cli) value: Value,
}

/// The object or list that a text spells as JSON; or as YAML, if it has several lines.
pub(in crate::cli) fn inside(text: &str) -> Option<Inside> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let begins_json = text.trim_start().starts_with(['{', '[']);
    let may_be_yaml = text.trim_end().contains('\n') && text.contains(':');
    if begins_json || may_be_yaml { document(text) } else { None }
}

/// The structures that a text spells: as JSON, or as one or several documents of YAML.
pub(in crate::cli) fn structures(text: &str) -> Vec<Value> {
    let is_json = text.trim_start().starts_with(['{', '[']);
    if text.len() > TEXT_BYTES_MAX || !is_json && !text.contains(": ") && !text.contains(":\n") {
        return Vec::new();
    }
    if is_json {
        return document(text).into_iter().map(|inside| inside.value).collect();
    }
    let (mut documents, mut start, mut at) = (Vec::new(), 0, 0);
    for line in text.split_inclusive('\n') {
        if line.trim_end() == "---" || line.starts_with("--- ") {
            documents.push(text.get(start..at).unwrap_or(""));
            start = at + "---".len();
        }
        at += line.len();
    }
    documents.push(text.get(start..).unwrap_or(""));
    documents.into_iter().filter_map(document).map(|inside| inside.value).collect()
}

/// What one document says, if that has parts.
fn document(text: &str) -> Option<Inside> {
    let is_json = text.trim_start().starts_with(['{', '[']);
    let (decode, function) =
        if is_json { ("jsondecode", "jsonencode") } else { ("yamldecode", "yamlencode") };
    let decode = functions::find(decode)?;
    let value = decode.call(vec![Value::string(text)], &Meter::default()).ok()?;
    let has_parts = match value.kind() {
        Kind::Object(entries) => !entries.is_empty(),
        Kind::Tuple(items) => !items.is_empty(),
        _ => false,
    };
    has_parts.then_some(Inside { function, value })
}

/// Whether two texts that differ spell the same.
pub(super) fn same_in_both(old: &str, new: &str) -> bool {
    inside(old).zip(inside(new)).is_some_and(|(old, new)| {
        old.function == new.function && crate::plan::diff::same(&old.value, &new.value)
    })
}

/// Both sides, if both are written in the same way and differ in what they say.
pub(super) fn both(old: &str, new: &str) -> Option<(Inside, Inside)> {
    let (old, new) = (inside(old)?, inside(new)?);
    (old.function == new.function && !crate::plan::diff::same(&old.value, &new.value)).then_some((old, new))
}
