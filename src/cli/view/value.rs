//! A value as HCL shows it.

use crate::cli::screen::MASK;
use crate::diag::escape;
use crate::lang::value::{Kind, Value};
use std::fmt::Write;

/// What stands for a value that only applying will tell.
pub(super) const UNKNOWN: &str = "(known after apply)";

/// A value on one line if it is a primitive, empty, unknown or sensitive; nothing if it has parts to show.
pub(super) fn inline(value: &Value) -> Option<String> {
    if value.marks().is_sensitive() {
        return Some(MASK.to_owned());
    }
    Some(match value.kind() {
        Kind::Null(_) => "null".to_owned(),
        Kind::Unknown(..) => UNKNOWN.to_owned(),
        Kind::Bool(value) => value.to_string(),
        Kind::Number(number) => number.to_string(),
        Kind::String(text) => quote(text),
        Kind::List(_, items) | Kind::Set(_, items) | Kind::Tuple(items) if items.is_empty() => {
            "[]".to_owned()
        }
        Kind::Map(_, items) | Kind::Object(items) if items.is_empty() => "{}".to_owned(),
        _ => return None,
    })
}

/// A quoted string: what HCL would read back, and nothing that steers a terminal.
pub(in crate::cli) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '$' | '%' if characters.peek() == Some(&'{') => {
                quoted.push(character);
                quoted.push(character);
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    escape(&quoted).into_owned()
}

/// The key of a map or object: bare where it can be.
pub(super) fn key(name: &str) -> String {
    let bare = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { name.to_owned() } else { quote(name) }
}

/// A whole value over as many lines as it needs, the first without indentation.
pub(super) fn write(value: &Value, indent: usize, out: &mut String) {
    if let Some(text) = inline(value) {
        out.push_str(&text);
        return;
    }
    let pad = " ".repeat(indent + 2);
    if let Some(items) = value.as_items() {
        out.push_str("[\n");
        for item in items {
            out.push_str(&pad);
            write(item, indent + 2, out);
            out.push_str(",\n");
        }
        let _ = write!(out, "{}]", " ".repeat(indent));
    } else if let Some(entries) = value.as_entries() {
        let keys: Vec<_> = entries.keys().map(|name| key(name)).collect();
        let width = keys.iter().map(|key| key.chars().count()).max().unwrap_or(0);
        out.push_str("{\n");
        for (name, item) in keys.iter().zip(entries.values()) {
            let _ = write!(out, "{pad}{name:width$} = ");
            write(item, indent + 2, out);
            out.push('\n');
        }
        let _ = write!(out, "{}}}", " ".repeat(indent));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::value::{Marks, Type};

    #[test]
    fn primitives_read_as_hcl_and_secrets_are_masked() {
        for (value, text) in [
            (Value::string("a\"b\n${x}"), "\"a\\\"b\\n$${x}\""),
            (Value::string("\u{1b}[31m"), "\"\\u{1b}[31m\""),
            (Value::number(3), "3"),
            (Value::unknown(Type::String), "(known after apply)"),
            (Value::string("hunter2").marked(Marks::SENSITIVE), "(sensitive value)"),
            (Value::tuple([]), "[]"),
        ] {
            assert_eq!(inline(&value).as_deref(), Some(text));
        }
    }

    #[test]
    fn collections_take_lines() {
        let value = Value::object([
            ("a".into(), Value::tuple([1.into(), "x".into()])),
            ("long name".into(), Value::object([("b".into(), Value::null())])),
        ]);
        let mut text = String::new();
        write(&value, 0, &mut text);
        assert_eq!(
            text,
            "{\n  a           = [\n    1,\n    \"x\",\n  ]\n  \"long name\" = {\n    b = null\n  }\n}"
        );
    }
}
