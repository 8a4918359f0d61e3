//! `jsonencode` and `jsondecode`: Go's JSON, byte for byte.

use super::string::string;
use super::{Call, CallError, Function, Param, arg, argument, failed, string_result, text};
use crate::lang::eval::{Exhausted, Growing, VALUE_BYTES_MAX, VALUE_DEPTH_MAX};
use crate::lang::value::{Kind, Number, Refinement, Type, Value, normalize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use thiserror::Error;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "jsondecode",
        &[Param::string("str")],
        "The value of a JSON text: arrays become tuples, objects become objects.",
        |_| Ok(Type::Any),
        |args, _| decode(text(args, 0)),
    )
    .may_be_null(),
    Function::new(
        "jsonencode",
        &[Param::any("val").nullable().unknown().any_type()],
        "A value as JSON text.",
        string_result,
        json_encode,
    ),
];

/// A value that JSON cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum NotJson {
    #[error("infinity cannot be written as JSON")]
    Infinite,
    #[error(transparent)]
    TooLarge(#[from] Exhausted),
    #[error("the value is not known")]
    Unknown,
}

fn json_encode(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    let value = arg(args, 0);
    if value.is_wholly_known() {
        return match encode(value) {
            Ok(text) => Ok(string(&text)),
            Err(NotJson::TooLarge(exhausted)) => Err(exhausted.into()),
            Err(error) => Err(failed(error.to_string())),
        };
    }
    let begins = match value.ty_shallow() {
        _ if !value.is_surely_not_null() => None,
        Type::String => Some("\""),
        Type::Object(_) | Type::Map(_) => Some("{"),
        Type::Tuple(_) | Type::List(_) | Type::Set(_) => Some("["),
        _ => None,
    };
    let prefix = begins.map(Arc::from);
    Ok(Value::unknown_with(Type::String, Refinement { prefix, ..Refinement::default() }))
}

/// JSON without spaces, attributes in the order of their names.
pub(super) fn encode(value: &Value) -> Result<String, NotJson> {
    let mut out = String::new();
    write(value, &mut out)?;
    Ok(out)
}

fn write(value: &Value, out: &mut String) -> Result<(), NotJson> {
    match value.kind() {
        Kind::Null(_) => out.push_str("null"),
        Kind::Unknown(..) => return Err(NotJson::Unknown),
        Kind::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Kind::Number(number) if !number.is_finite() => return Err(NotJson::Infinite),
        Kind::Number(number) => out.push_str(&number.to_string()),
        Kind::String(text) => write_string(text, out),
        Kind::List(_, items) | Kind::Set(_, items) | Kind::Tuple(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(item, out)?;
            }
            out.push(']');
        }
        Kind::Map(_, entries) | Kind::Object(entries) => {
            out.push('{');
            for (at, (name, item)) in entries.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_string(name, out);
                out.push(':');
                write(item, out)?;
            }
            out.push('}');
        }
    }
    if out.len() as u64 > VALUE_BYTES_MAX { Err(Exhausted::Bytes.into()) } else { Ok(()) }
}

/// Go escapes what would end a script in HTML or a line in JavaScript, too.
fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// Where a JSON text is wrong.
fn wrong(reader: &Reader<'_>, what: &str) -> CallError {
    argument(0, format!("it is not JSON: {what} at offset {}", reader.at))
}

fn decode(text: &str) -> Result<Value, CallError> {
    let mut reader = Reader { text, at: 0, growing: Growing::default() };
    let value = reader.value(0)?;
    reader.skip_space();
    if reader.at < text.len() { Err(wrong(&reader, "there is more after the value")) } else { Ok(value) }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    growing: Growing,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word));
        if found {
            self.at += word.len();
        }
        found
    }

    fn value(&mut self, depth: u32) -> Result<Value, CallError> {
        if depth > VALUE_DEPTH_MAX {
            return Err(Exhausted::Depth.into());
        }
        self.skip_space();
        self.growing.part()?;
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Value::string(normalize(&self.string()?))),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ if self.take("true") => Ok(Value::bool(true)),
            _ if self.take("false") => Ok(Value::bool(false)),
            _ if self.take("null") => Ok(Value::null()),
            Some(_) => Err(wrong(self, "there is no value")),
            None => Err(wrong(self, "the text ends")),
        }
    }

    fn array(&mut self, depth: u32) -> Result<Value, CallError> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        if self.take("]") {
            return Ok(Value::tuple(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.skip_space();
            if self.take("]") {
                return Ok(Value::tuple(items));
            }
            if !self.take(",") {
                return Err(wrong(self, "there should be `,` or `]`"));
            }
        }
    }

    fn object(&mut self, depth: u32) -> Result<Value, CallError> {
        self.at += 1;
        let mut entries: BTreeMap<Arc<str>, Value> = BTreeMap::new();
        self.skip_space();
        if self.take("}") {
            return Ok(Value::object(entries));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(wrong(self, "there should be a name in quotes"));
            }
            let name = normalize(&self.string()?);
            self.skip_space();
            if !self.take(":") {
                return Err(wrong(self, "there should be `:`"));
            }
            let value = self.value(depth + 1)?;
            // The last one counts, as in Terraform, if nobody could mistake it for another.
            if entries.get(&name).is_some_and(|earlier| earlier.ty() != value.ty()) {
                let twice = format!("the name {name:?} comes twice, with values of different types,");
                return Err(wrong(self, &twice).showing_values());
            }
            entries.insert(name, value);
            self.skip_space();
            if self.take("}") {
                return Ok(Value::object(entries));
            }
            if !self.take(",") {
                return Err(wrong(self, "there should be `,` or `}`"));
            }
        }
    }

    fn digits(&mut self) -> usize {
        let from = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - from
    }

    fn number(&mut self) -> Result<Value, CallError> {
        let from = self.at;
        self.take("-");
        let leading_zero = self.peek() == Some(b'0');
        let digits = self.digits();
        if digits == 0 || (leading_zero && digits > 1) {
            return Err(wrong(self, "there is no number"));
        }
        if self.take(".") && self.digits() == 0 {
            return Err(wrong(self, "there should be a digit"));
        }
        if self.take("e") || self.take("E") {
            let _ = self.take("+") || self.take("-");
            if self.digits() == 0 {
                return Err(wrong(self, "there should be a digit"));
            }
        }
        let number = self.text.get(from..self.at).unwrap_or("");
        Number::parse_or_why(number).map(Value::number).map_err(|error| wrong(self, &error.to_string()))
    }

    fn string(&mut self) -> Result<String, CallError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = self.text.get(self.at..).unwrap_or("");
            let plain = rest.find(|c: char| c == '"' || c == '\\' || c < ' ').unwrap_or(rest.len());
            out.push_str(rest.get(..plain).unwrap_or(""));
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => return Err(wrong(self, "there is a control character in a string")),
                None => return Err(wrong(self, "the text ends within a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, CallError> {
        self.at += 1;
        let letter = self.peek();
        self.at += 1;
        Ok(match letter {
            Some(plain @ (b'"' | b'\\' | b'/')) => char::from(plain),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let high = self.hex()?;
                let after = self.at;
                if (0xd800..0xdc00).contains(&high) && self.take("\\u") {
                    let low = self.hex()?;
                    if (0xdc00..0xe000).contains(&low) {
                        let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                        return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                    }
                    self.at = after;
                }
                char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => {
                self.at -= 1;
                return Err(wrong(self, "there is an escape that JSON does not have"));
            }
        })
    }

    fn hex(&mut self) -> Result<u32, CallError> {
        let digits = self
            .text
            .get(self.at..self.at + 4)
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| wrong(self, "there should be four hexadecimal digits"))?;
        self.at += 4;
        Ok(code)
    }
}
