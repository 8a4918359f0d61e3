//! JSON text to expressions without references: strings stay as they are.

use super::string::{self, BadString, Why};
use crate::diag::{Diagnostic, SourceId, Span, code};
use crate::lang::syntax::ast::{Expr, ExprKind};
use crate::lang::syntax::{NESTING_MAX, NODES_MAX};
use crate::lang::value::Number;

/// Longest word that is quoted in a message, in characters.
const QUOTED_CHARS_MAX: usize = 20;

type Read<T> = Result<T, Box<Diagnostic>>;

/// Reads the value that a text is.
pub(super) fn value(source: SourceId, text: &str) -> Read<Expr> {
    let mut reader = Reader { source, text, at: 0, depth: 0, nodes: 0 };
    if text.starts_with('\u{feff}') {
        reader.at = '\u{feff}'.len_utf8();
    }
    reader.space();
    let value = reader.value()?;
    reader.space();
    if reader.at < text.len() {
        let error = reader.syntax("text after the end of the JSON value", "nothing belongs here");
        return Err(Box::new(error.at(value.span, "the value")));
    }
    Ok(value)
}

struct Reader<'a> {
    source: SourceId,
    text: &'a str,
    at: usize,
    depth: u32,
    nodes: usize,
}

impl Reader<'_> {
    fn span(&self, start: usize, end: usize) -> Span {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span { source: self.source, start: offset(start), end: offset(end) }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// The word or character at the reader's place.
    fn word(&self) -> &str {
        let rest = self.text.get(self.at..).unwrap_or("");
        let is_word = |it: char| it.is_alphanumeric() || it == '_';
        let length = rest.find(|it| !is_word(it)).unwrap_or(rest.len());
        let length = if length == 0 { rest.chars().next().map_or(0, char::len_utf8) } else { length };
        rest.get(..length).unwrap_or("")
    }

    fn syntax(&self, summary: impl Into<String>, label: &str) -> Diagnostic {
        let span = self.span(self.at, self.at + self.word().len());
        Diagnostic::error(code::lang::SYNTAX, summary).at(span, label)
    }

    #[cold]
    fn unexpected(&self, expected: &str) -> Diagnostic {
        let word: String = self.word().chars().take(QUOTED_CHARS_MAX).collect();
        let found = if word.is_empty() { "the end of the text".to_owned() } else { format!("`{word}`") };
        let error =
            self.syntax(format!("expected {expected}, found {found}"), &format!("expected {expected}"));
        match word.as_str() {
            "/" | "#" => {
                error.help("JSON has no comments; a property `\"//\": \"…\"` of a block is left out")
            }
            "'" | "‘" | "’" | "“" | "”" | "`" => {
                error.help("strings and names are written in double quotes: `\"…\"`")
            }
            _ => error,
        }
    }

    /// One more value or name.
    fn count(&mut self) -> Read<()> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            let error =
                Diagnostic::error(code::lang::LIMIT, format!("more than {NODES_MAX} values in one file"))
                    .at(self.span(self.at, self.at + 1), "one value too many")
                    .help("divide the file, or read the data with `jsondecode(file(…))`");
            return Err(Box::new(error));
        }
        Ok(())
    }

    fn value(&mut self) -> Read<Expr> {
        self.count()?;
        let start = self.at;
        let kind = match self.peek() {
            // Most likely a block, which takes as much room as several values.
            Some(b'{') => {
                self.count()?;
                self.nested(Self::object)?
            }
            Some(b'[') => self.nested(Self::array)?,
            Some(b'"') => ExprKind::String(self.string()?.into()),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => self.keyword()?,
        };
        Ok(Expr { kind, span: self.span(start, self.at) })
    }

    fn nested(&mut self, inner: impl FnOnce(&mut Self) -> Read<ExprKind>) -> Read<ExprKind> {
        if self.depth >= NESTING_MAX {
            let error =
                Diagnostic::error(code::lang::LIMIT, format!("nested more than {NESTING_MAX} levels deep"))
                    .at(self.span(self.at, self.at + 1), "one level too many begins here");
            return Err(Box::new(error));
        }
        self.depth += 1;
        let kind = inner(self)?;
        self.depth -= 1;
        Ok(kind)
    }

    fn object(&mut self) -> Read<ExprKind> {
        let open = self.at;
        let mut items = Vec::new();
        let mut next = self.open(b'}');
        while next {
            if self.peek() != Some(b'"') {
                return Err(Box::new(self.bad_item(open, !items.is_empty(), "a name in quotes", '}')));
            }
            self.count()?;
            let start = self.at;
            let name = self.string()?;
            let key = Expr { kind: ExprKind::String(name.into()), span: self.span(start, self.at) };
            self.space();
            if self.peek() != Some(b':') {
                let error = self.unexpected("`:`").at(key.span, "after this name");
                let is_hcl = self.peek() == Some(b'=');
                return Err(Box::new(if is_hcl { error.help("write `\"name\": value`") } else { error }));
            }
            self.at += 1;
            self.space();
            let value = self.value()?;
            items.push((key, value));
            next = self.more(open, b'}')?;
        }
        Ok(ExprKind::Object(items))
    }

    fn array(&mut self) -> Read<ExprKind> {
        let open = self.at;
        let mut items = Vec::new();
        let mut next = self.open(b']');
        while next {
            if matches!(self.peek(), None | Some(b']')) {
                return Err(Box::new(self.bad_item(open, !items.is_empty(), "a value", ']')));
            }
            items.push(self.value()?);
            next = self.more(open, b']')?;
        }
        Ok(ExprKind::Tuple(items))
    }

    /// Takes the opening bracket, and the closing one if it follows; whether there is something between them.
    fn open(&mut self, close: u8) -> bool {
        self.at += 1;
        self.space();
        let empty = self.peek() == Some(close);
        self.at += usize::from(empty);
        !empty
    }

    /// Takes the comma, so that more follows, or the closing bracket.
    fn more(&mut self, open: usize, close: u8) -> Read<bool> {
        self.space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.space();
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ => {
                let close = char::from(close);
                let error = self.unexpected(&format!("`,` or `{close}`"));
                Err(Box::new(error.at(self.span(open, open + 1), "this is open")))
            }
        }
    }

    #[cold]
    fn bad_item(&self, open: usize, follows: bool, expected: &str, close: char) -> Diagnostic {
        let error = self.unexpected(expected).at(self.span(open, open + 1), "this is open");
        if follows && self.text.get(self.at..).is_some_and(|rest| rest.starts_with(close)) {
            return error.help(format!("JSON has no comma before `{close}`: take it out"));
        }
        error
    }

    fn string(&mut self) -> Read<String> {
        match string::read(self.text, self.at) {
            Ok(read) => {
                self.at = read.end;
                Ok(string::normal(read.value))
            }
            Err(bad) => Err(Box::new(self.bad_string(bad))),
        }
    }

    #[cold]
    fn bad_string(&self, bad: BadString) -> Diagnostic {
        let span = self.span(bad.at, bad.at + bad.length);
        let error = |summary: &str| Diagnostic::error(code::lang::SYNTAX, summary);
        match bad.why {
            Why::Unclosed => error("the string is not closed").at(span, "it goes on to the end of the text"),
            Why::LineEnd => error("the string is not closed")
                .at(span, "it ends with its line")
                .help("write a line end as `\\n`"),
            Why::Control => error("a control character inside a string")
                .at(span, "here")
                .help("write it as an escape, such as `\\t` or `\\u0000`"),
            Why::Escape => {
                let text = self.text.get(bad.at..bad.at + bad.length).unwrap_or("\\");
                Diagnostic::error(code::lang::SYNTAX, format!("`{text}` is not an escape"))
                    .at(span, "unknown escape")
                    .help("a backslash itself is written `\\\\`; the escapes are \\n \\r \\t \\b \\f \\\" \\\\ \\/ \\uNNNN")
            }
        }
    }

    fn number(&mut self) -> Read<ExprKind> {
        let rest = self.text.get(self.at..).unwrap_or("");
        let is_part = |it: char| it.is_ascii_alphanumeric() || matches!(it, '+' | '-' | '.');
        let length = rest.find(|it| !is_part(it)).unwrap_or(rest.len());
        let text = rest.get(..length).unwrap_or("");
        let span = self.span(self.at, self.at + length);
        let number = if is_number(text) {
            Number::parse(text).ok_or("the number is out of range")
        } else {
            Err("not a number as JSON has them")
        };
        let number = number.map_err(|why| {
            let error = Diagnostic::error(code::lang::SYNTAX, why).at(span, "here");
            let bare = text.trim_start_matches('-');
            Box::new(
                if bare.len() > 1 && bare.starts_with('0') && bare.bytes().all(|it| it.is_ascii_digit()) {
                    error.help("a number does not begin with a zero")
                } else {
                    error
                },
            )
        })?;
        self.at += length;
        Ok(ExprKind::Number(number))
    }

    fn keyword(&mut self) -> Read<ExprKind> {
        let kind = match self.word() {
            "null" => ExprKind::Null,
            "true" => ExprKind::Bool(true),
            "false" => ExprKind::Bool(false),
            word => {
                let error = self.unexpected("a value");
                let near = match word {
                    "None" | "nil" | "undefined" => Some("null"),
                    _ => ["null", "true", "false"].into_iter().find(|it| word.eq_ignore_ascii_case(it)),
                };
                let is_word = word.starts_with(|it: char| it.is_alphabetic());
                return Err(Box::new(match near {
                    Some(near) => error.help(format!("did you mean `{near}`?")),
                    None if is_word => error.help("strings are written in double quotes: `\"…\"`"),
                    None => error,
                }));
            }
        };
        self.at += self.word().len();
        Ok(kind)
    }
}

/// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|it| digits(it.strip_prefix(['+', '-']).unwrap_or(it)))
}
