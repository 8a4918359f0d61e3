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
    let (decode, function) = if begins_json {
        ("jsondecode", "jsonencode")
    } else if text.trim_end().contains('\n') && text.contains(':') {
        ("yamldecode", "yamlencode")
    } else {
        return None;
    };
    let decode = functions::find(decode)?;
    let value = decode.call(vec![Value::string(text)], &Meter::default()).ok()?;
    let has_parts = match value.kind() {
        Kind::Object(entries) => !entries.is_empty(),
        Kind::Tuple(items) => !items.is_empty(),
        _ => false,
    };
    has_parts.then_some(Inside { function, value })
}

/// Both sides, if both are written in the same way and differ in what they say.
pub(super) fn both(old: &str, new: &str) -> Option<(Inside, Inside)> {
    let (old, new) = (inside(old)?, inside(new)?);
    (old.function == new.function && !crate::plan::diff::same(&old.value, &new.value)).then_some((old, new))
}
