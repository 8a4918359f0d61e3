//! Values to YAML, byte for byte as Terraform's emitter (a port of libyaml's) writes them: blocks, strings in double
//! quotes, strings of several lines as literals.

use crate::lang::value::{Form, Kind, Value};
use std::fmt::Write as _;

/// Columns after which a string is broken at its next space.
const WIDTH: usize = 80;
/// Spaces of one level.
const INDENT: usize = 2;
/// Bytes of a key that stands before its colon on one line.
const KEY_BYTES_MAX: usize = 128;
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A value, which is wholly known, as a document.
pub(super) fn document(value: &Value) -> String {
    let mut emitter = Emitter { out: String::new(), column: 0, whitespace: true, indention: true };
    emitter.node(value, None, Place::Item);
    emitter.line(None);
    if matches!(value.kind(), Kind::Null(_) | Kind::Bool(_) | Kind::Number(_)) {
        // A plain scalar could go on; this says that it does not.
        emitter.out.push_str("...\n");
    }
    emitter.out
}

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The document's, or an item of a sequence.
    Item,
    /// A value of a mapping, or a key after `?`.
    Entry,
    /// A key before its colon.
    SimpleKey,
}

struct Emitter {
    out: String,
    column: usize,
    /// What was written last is white space.
    whitespace: bool,
    /// What was written last on this line is indentation, or `-`, `?` and `:` that count as such.
    indention: bool,
}

impl Emitter {
    fn put(&mut self, character: char) {
        self.out.push(character);
        self.column = if character == '\n' { 0 } else { self.column + 1 };
    }

    fn indicator(&mut self, text: char, after_space: bool, indention: bool) {
        if after_space && !self.whitespace {
            self.put(' ');
        }
        self.put(text);
        self.whitespace = false;
        self.indention &= indention;
    }

    /// Goes to an indentation, on a new line if need be. Nothing is the indentation around the document.
    fn line(&mut self, indent: Option<usize>) {
        let indent = indent.unwrap_or(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.put('\n');
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.indention = true;
    }

    fn node(&mut self, value: &Value, indent: Option<usize>, place: Place) {
        match value.kind() {
            Kind::Null(_) | Kind::Unknown(..) => self.plain("null"),
            Kind::Bool(truth) => self.plain(if *truth { "true" } else { "false" }),
            Kind::Number(number) => self.plain(&number.format(Form::Fixed, None)),
            Kind::String(text) => self.string(text, indent, place),
            Kind::List(_, items) | Kind::Set(_, items) | Kind::Tuple(items) => {
                if items.is_empty() {
                    self.indicator('[', true, false);
                    self.indicator(']', false, false);
                    return;
                }
                let inner = match indent {
                    None => 0,
                    // The items of a value stand where its key stands.
                    Some(indent) if place == Place::Entry && !self.indention => indent,
                    Some(indent) => indent + INDENT,
                };
                for item in items.iter() {
                    self.line(Some(inner));
                    self.indicator('-', true, true);
                    self.node(item, Some(inner), Place::Item);
                }
            }
            Kind::Map(_, entries) | Kind::Object(entries) => {
                if entries.is_empty() {
                    self.indicator('{', true, false);
                    self.indicator('}', false, false);
                    return;
                }
                let inner = indent.map_or(0, |indent| indent + INDENT);
                for (key, value) in entries.iter() {
                    self.line(Some(inner));
                    if key.len() <= KEY_BYTES_MAX && !key.contains(is_break) {
                        self.string(key, Some(inner), Place::SimpleKey);
                        self.indicator(':', false, false);
                    } else {
                        self.indicator('?', true, true);
                        self.string(key, Some(inner), Place::Entry);
                        self.line(Some(inner));
                        self.indicator(':', true, true);
                    }
                    self.node(value, Some(inner), Place::Entry);
                }
            }
        }
    }

    fn plain(&mut self, text: &str) {
        if !self.whitespace {
            self.put(' ');
        }
        text.chars().for_each(|character| self.put(character));
        self.whitespace = false;
        self.indention = false;
    }

    fn string(&mut self, text: &str, indent: Option<usize>, place: Place) {
        let inner = indent.map_or(INDENT, |indent| indent + INDENT);
        if text.contains('\n') && place != Place::SimpleKey && may_be_block(text) {
            self.literal(text, inner);
        } else {
            self.quoted(text, inner, place != Place::SimpleKey);
        }
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.indicator('|', true, false);
        if text.starts_with(|first| first == ' ' || is_break(first)) {
            self.indicator('2', false, false);
        }
        let mut from_end = text.chars().rev();
        match (from_end.next().is_some_and(is_break), from_end.next().is_none_or(is_break)) {
            (false, _) => self.indicator('-', false, false),
            (true, true) => self.indicator('+', false, false),
            (true, false) => {}
        }
        self.put('\n');
        self.indention = true;
        self.whitespace = true;
        let mut breaks = true;
        for character in text.chars() {
            if is_break(character) {
                self.put(character);
                self.column = 0;
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.line(Some(indent));
                }
                self.put(character);
                self.indention = false;
                breaks = false;
            }
        }
    }

    fn quoted(&mut self, text: &str, indent: usize, may_break: bool) {
        self.indicator('"', true, false);
        // A byte order mark at the beginning makes Terraform escape all that follows, too.
        let escape_all = text.starts_with(BYTE_ORDER_MARK);
        let mut after_space = false;
        let mut rest = text.chars();
        let mut first = true;
        while let Some(character) = rest.next() {
            let escaped = escape_all
                || !is_printable(character)
                || is_break(character)
                || matches!(character, '"' | '\\');
            let following = rest.as_str();
            if escaped {
                self.escape(character);
            } else if character == ' '
                && may_break
                && !after_space
                && self.column > WIDTH
                && !first
                && !following.is_empty()
            {
                self.line(Some(indent));
                if following.starts_with(' ') {
                    self.put('\\');
                }
            } else {
                self.put(character);
            }
            after_space = !escaped && character == ' ';
            first = false;
        }
        self.indicator('"', false, false);
    }

    fn escape(&mut self, character: char) {
        let letter = match character {
            '\0' => "0",
            '\u{7}' => "a",
            '\u{8}' => "b",
            '\t' => "t",
            '\n' => "n",
            '\u{b}' => "v",
            '\u{c}' => "f",
            '\r' => "r",
            '\u{1b}' => "e",
            '"' => "\"",
            '\\' => "\\",
            '\u{85}' => "N",
            '\u{a0}' => "_",
            '\u{2028}' => "L",
            '\u{2029}' => "P",
            _ => "",
        };
        let code = u32::from(character);
        let mut escape = String::from("\\");
        let _ = match (letter, code) {
            ("", ..=0xff) => write!(escape, "x{code:02X}"),
            ("", ..=0xffff) => write!(escape, "u{code:04X}"),
            ("", _) => write!(escape, "U{code:08X}"),
            _ => escape.write_str(letter),
        };
        escape.chars().for_each(|character| self.put(character));
    }
}

fn is_break(character: char) -> bool {
    matches!(character, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What libyaml shows as it is: no tabs, and nothing beyond the first 65,536 characters.
fn is_printable(character: char) -> bool {
    matches!(character, '\n' | ' '..='~' | '\u{a0}'..='\u{fffd}') && character != BYTE_ORDER_MARK
}

/// Whether a text can stand as a literal block: one with spaces at the end of a line cannot.
fn may_be_block(text: &str) -> bool {
    let mut before = None;
    for character in text.chars() {
        if !is_printable(character) || (is_break(character) && before == Some(' ')) {
            return false;
        }
        before = Some(character);
    }
    before != Some(' ')
}
