//! Values as the text of expressions.
//!
//! Goes in: a value that is known, and the type that it will be converted to. Comes out: an expression of which just
//! that value comes. Never happens: a look at marks: who may not show a value does not ask for its text.

use super::syntax::lexer::is_word;
use super::value::{Kind, Type, Value};
use std::fmt::Write as _;

/// Words that stand for something else where a key could.
const NOT_KEYS: [&str; 4] = ["for", "true", "false", "null"];
/// What ends a text of several lines.
const MARKER: &str = "EOT";

/// A value as an expression over as many lines as it needs; nothing if a part of it is not known. What it is converted
/// to afterwards, `ty`, says where a bare list is enough; where any type is taken, it is spelt.
pub fn expression(value: &Value, ty: &Type) -> Option<String> {
    if let Kind::String(text) = value.kind()
        && let Some(lines) = heredoc(text)
    {
        return Some(lines);
    }
    let mut out = String::new();
    write(value, ty, &mut out)?;
    Some(out)
}

fn write(value: &Value, ty: &Type, out: &mut String) -> Option<()> {
    let (open, close, inner) = match (value.kind(), ty) {
        (Kind::List(..), Type::Any) => ("tolist(", ")", &Type::Any),
        (Kind::Set(..), Type::Any) => ("toset(", ")", &Type::Any),
        (Kind::Map(..), Type::Any) => ("tomap(", ")", &Type::Any),
        (_, Type::List(item) | Type::Set(item) | Type::Map(item)) => ("", "", &**item),
        _ => ("", "", &Type::Any),
    };
    match value.kind() {
        Kind::Unknown(..) => return None,
        Kind::Null(_) => out.push_str("null"),
        Kind::Bool(value) => write!(out, "{value}").ok()?,
        Kind::Number(number) => write!(out, "{number}").ok()?,
        Kind::String(text) => quote_into(text, out),
        Kind::List(_, items) | Kind::Set(_, items) | Kind::Tuple(items) => {
            let _ = write!(out, "{open}[");
            for (index, item) in items.iter().enumerate() {
                let ty = match ty {
                    Type::Tuple(types) => types.get(index).unwrap_or(&Type::Any),
                    _ => inner,
                };
                out.push('\n');
                write(item, ty, out)?;
                out.push(',');
            }
            out.push_str(if items.is_empty() { "]" } else { "\n]" });
            out.push_str(close);
        }
        Kind::Map(_, entries) | Kind::Object(entries) => {
            let _ = write!(out, "{open}{{");
            for (name, item) in entries.iter() {
                let ty = match ty {
                    Type::Object(attributes) => attributes.get(name).map_or(&Type::Any, |field| &field.ty),
                    _ => inner,
                };
                out.push('\n');
                key(name, out);
                out.push_str(" = ");
                write(item, ty, out)?;
            }
            out.push_str(if entries.is_empty() { "}" } else { "\n}" });
            out.push_str(close);
        }
    }
    Some(())
}

fn key(name: &str, out: &mut String) {
    if is_word(name) && !NOT_KEYS.contains(&name) { out.push_str(name) } else { quote_into(name, out) }
}

/// A text in quotes, such that it is read back as it is.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    quote_into(text, &mut out);
    out
}

fn quote_into(text: &str, out: &mut String) {
    out.push('"');
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' | '%' if characters.peek() == Some(&'{') => out.extend([character, character]),
            other if other == '\t' || !crate::diag::is_unsafe(other) => out.push(other),
            other if u32::from(other) > 0xffff => {
                let _ = write!(out, "\\U{:08x}", u32::from(other));
            }
            other => {
                let _ = write!(out, "\\u{:04x}", u32::from(other));
            }
        }
    }
    out.push('"');
}

/// A text of several whole lines as it would be typed; nothing if it is no such text.
fn heredoc(text: &str) -> Option<String> {
    let lines = text.strip_suffix('\n')?;
    if lines.contains(crate::diag::is_unsafe) || lines.lines().any(|line| line.trim() == MARKER) {
        return None;
    }
    let escaped = lines.replace("${", "$${").replace("%{", "%%{");
    lines.contains('\n').then(|| format!("<<{MARKER}\n{escaped}\n{MARKER}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Diagnostic, SourceMap, Span, code};
    use crate::lang::eval::evaluate;
    use crate::lang::scope::Scope;
    use crate::lang::syntax::ast::Step;
    use crate::lang::syntax::parse_expression;
    use crate::lang::value::{convert, normalize};
    use proptest::prelude::*;

    struct Nameless;

    impl Scope for Nameless {
        fn lookup(&self, root: &str, span: Span, _: &[Step]) -> Result<(Value, usize), Box<Diagnostic>> {
            Err(Box::new(Diagnostic::error(code::lang::ATTRIBUTE, root).at(span, "")))
        }
    }

    fn read(text: &str) -> Value {
        let mut sources = SourceMap::new();
        let source = sources.add("x.hcl", text);
        let expr = parse_expression(source, text).unwrap_or_else(|_| panic!("{text}"));
        evaluate(&expr, &Nameless).unwrap_or_else(|_| panic!("{text}"))
    }

    #[test]
    fn texts_are_typed_as_people_would() {
        for (value, expected) in [
            (
                Value::string("a \"b\" ${c} $d %{e} \\ \t\u{1b}\u{202e}"),
                r#""a \"b\" $${c} $d %%{e} \\ \t\u001b\u202e""#,
            ),
            (Value::string("one line\n"), "\"one line\\n\""),
            (Value::string("one\n  ${two}\n"), "<<EOT\none\n  $${two}\nEOT"),
            (Value::string("one\nEOT\n"), "\"one\\nEOT\\n\""),
            (Value::tuple([]), "[]"),
            (
                Value::object([("for".into(), 1.into()), ("a b".into(), Value::null())]),
                "{\n\"a b\" = null\n\"for\" = 1\n}",
            ),
        ] {
            assert_eq!(expression(&value, &value.ty()).unwrap(), expected);
        }
        assert_eq!(expression(&Value::tuple([Value::unknown(Type::String)]), &Type::Any), None);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::bool),
            any::<i64>().prop_map(Value::number),
            "(\\PC|[\n\t\r\\\\\"$%{}]){0,12}".prop_map(|text| Value::string(normalize(&text))),
            Just(Value::null()),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let names = "(for|null|a|b_c|x y|\\PC{0,4})";
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::tuple),
                prop::collection::btree_map(names, inner, 0..4).prop_map(|map| Value::object(
                    map.into_iter().map(|(name, value)| (normalize(&name), value))
                )),
                prop::collection::vec("[a-z]{0,3}", 0..4)
                    .prop_map(|items| Value::list(Type::String, items.into_iter().map(Value::string))),
                prop::collection::btree_map("[a-z]{1,3}", 0..9_i64, 0..4).prop_map(|map| {
                    Value::map(Type::Number, map.into_iter().map(|(name, value)| (name.into(), value.into())))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in value()) {
            let text = expression(&value, &Type::Any).unwrap();
            let again = read(&text);
            // An empty list that any type is taken for has no type of its own.
            let again = convert(&again, &value.ty()).unwrap_or(again);
            prop_assert_eq!(&again, &value, "{}", text);
            let bare = expression(&value, &value.ty()).unwrap();
            prop_assert_eq!(convert(&read(&bare), &value.ty()).unwrap(), value, "{}", bare);
        }
    }
}
