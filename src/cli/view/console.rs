//! Values and types as Terraform's console prints them: such that the text says of which type a value is.

use crate::cli::screen::MASK;
use crate::cli::view::value::UNKNOWN;
use crate::lang::value::{Entries, Kind, Marks, Type, Value, quote};
use std::fmt::Write;

/// What stands for a value that is in no state and no plan.
const EPHEMERAL: &str = "(ephemeral value)";
/// Spaces of one level of a value.
const INDENT: usize = 2;
/// Spaces of one level of a type.
const TYPE_INDENT: usize = 4;

/// A value over as many lines as it needs, without the last line end.
pub(in crate::cli) fn value(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, 0, &mut out);
    out
}

fn write_value(value: &Value, indent: usize, out: &mut String) {
    let marks = value.marks();
    match value.kind() {
        Kind::Unknown(..) => out.push_str(UNKNOWN),
        _ if marks.is_sensitive() => out.push_str(MASK),
        _ if marks.contains(Marks::EPHEMERAL) => out.push_str(EPHEMERAL),
        Kind::Null(ty) => write_null(ty, out),
        Kind::Bool(value) => {
            let _ = write!(out, "{value}");
        }
        Kind::Number(number) => {
            let _ = write!(out, "{number}");
        }
        Kind::String(text) => write_text(text, indent, out),
        Kind::Tuple(items) => write_items("", items, indent, out),
        Kind::List(_, items) => write_items("tolist", items, indent, out),
        Kind::Set(_, items) => write_items("toset", items, indent, out),
        Kind::Map(_, entries) => write_entries("tomap", entries, indent, out),
        Kind::Object(entries) => write_entries("", entries, indent, out),
    }
}

fn write_null(ty: &Type, out: &mut String) {
    let _ = match ty {
        Type::Any => write!(out, "null"),
        Type::String => write!(out, "tostring(null)"),
        Type::Number => write!(out, "tonumber(null)"),
        Type::Bool => write!(out, "tobool(null)"),
        Type::List(element) => write!(out, "tolist(null) /* of {} */", name(element)),
        Type::Set(element) => write!(out, "toset(null) /* of {} */", name(element)),
        Type::Map(element) => write!(out, "tomap(null) /* of {} */", name(element)),
        Type::Tuple(_) | Type::Object(_) => write!(out, "null /* {} */", name(ty)),
    };
}

/// A type in few words.
fn name(ty: &Type) -> String {
    match ty {
        Type::Any => "dynamic".to_owned(),
        Type::List(element) => format!("list of {}", name(element)),
        Type::Set(element) => format!("set of {}", name(element)),
        Type::Map(element) => format!("map of {}", name(element)),
        other => other.to_string(),
    }
}

/// In quotes, or as a heredoc if it has several lines.
fn write_text(text: &str, indent: usize, out: &mut String) {
    if !text.contains('\n') {
        out.push_str(&quote(text));
        return;
    }
    // The longest line that could be taken for the end decides, so that each line is looked at once.
    let taken = text.split('\n').filter_map(|line| {
        let underscores = line.trim().strip_prefix("EOT")?;
        underscores.bytes().all(|byte| byte == b'_').then_some(underscores.len())
    });
    let taken: std::collections::BTreeSet<usize> = taken.collect();
    let free = (0..=taken.len()).find(|length| !taken.contains(length)).unwrap_or(0);
    let end = format!("EOT{}", "_".repeat(free));
    let pad = " ".repeat(indent);
    let _ = write!(out, "{}{end}", if indent > 0 { "<<-" } else { "<<" });
    for line in text.split('\n').chain([end.as_str()]) {
        let _ = write!(out, "\n{pad}{line}");
    }
}

fn write_items(function: &str, items: &[Value], indent: usize, out: &mut String) {
    open(function, '[', out);
    for item in items {
        new_line(indent + INDENT, out);
        write_value(item, indent + INDENT, out);
        out.push(',');
    }
    close(function, ']', (!items.is_empty()).then_some(indent), out);
}

fn write_entries(function: &str, entries: &Entries, indent: usize, out: &mut String) {
    open(function, '{', out);
    for (name, item) in entries {
        new_line(indent + INDENT, out);
        write_text(name, indent + INDENT, out);
        out.push_str(" = ");
        write_value(item, indent + INDENT, out);
    }
    close(function, '}', (!entries.is_empty()).then_some(indent), out);
}

fn open(function: &str, bracket: char, out: &mut String) {
    out.push_str(function);
    if !function.is_empty() {
        out.push('(');
    }
    out.push(bracket);
}

fn close(function: &str, bracket: char, indent: Option<usize>, out: &mut String) {
    if let Some(indent) = indent {
        new_line(indent, out);
    }
    out.push(bracket);
    if !function.is_empty() {
        out.push(')');
    }
}

fn new_line(indent: usize, out: &mut String) {
    let _ = write!(out, "\n{:indent$}", "");
}

/// A type over as many lines as it needs, without the last line end.
pub(in crate::cli) fn ty(ty: &Type) -> String {
    let mut out = String::new();
    write_type(ty, 0, &mut out);
    out
}

fn write_type(ty: &Type, indent: usize, out: &mut String) {
    let inner = indent + TYPE_INDENT;
    match ty {
        Type::Object(fields) if fields.is_empty() => out.push_str("object({})"),
        Type::Object(fields) => {
            out.push_str("object({");
            for (name, field) in fields.iter() {
                new_line(inner, out);
                let _ = write!(out, "{name}: ");
                write_type(&field.ty, inner, out);
                out.push(',');
            }
            new_line(indent, out);
            out.push_str("})");
        }
        Type::Tuple(items) if items.is_empty() => out.push_str("tuple([])"),
        Type::Tuple(items) => {
            out.push_str("tuple([");
            for item in items.iter() {
                new_line(inner, out);
                write_type(item, inner, out);
                out.push(',');
            }
            new_line(indent, out);
            out.push_str("])");
        }
        Type::List(element) => write_collection("list", element, indent, out),
        Type::Set(element) => write_collection("set", element, indent, out),
        Type::Map(element) => write_collection("map", element, indent, out),
        Type::Any | Type::Bool | Type::Number | Type::String => out.push_str(&name(ty)),
    }
}

fn write_collection(kind: &str, element: &Type, indent: usize, out: &mut String) {
    let _ = write!(out, "{kind}(");
    if matches!(element, Type::Object(_) | Type::Tuple(_)) {
        new_line(indent + TYPE_INDENT, out);
        write_type(element, indent + TYPE_INDENT, out);
        out.push(',');
        new_line(indent, out);
    } else {
        write_type(element, indent, out);
    }
    out.push(')');
}
