//! `sprintf`, as Go's package `fmt` does it: messages of a policy are the same here as from `opa`.
//!
//! Numbers that are whole are Go's `int`, others its `float64`; strings are strings; whatever else is the text that `opa`
//! prints of it. A verb that does not suit its value is written as Go does: `%!d(string=hi)`.

use super::{Answer, Wrong, argument, kind, string};
use regorus::Value;
use std::fmt::Write as _;

/// Characters that a width or a precision may ask for.
const WIDTH_MAX: usize = 100_000;

pub(super) fn sprintf(values: &[Value]) -> Answer {
    let format = string(values, 0)?;
    let Value::Array(items) = argument(values, 1)? else {
        let found = kind(argument(values, 1)?);
        return Err(Wrong::new(format_args!("operand 2 must be array but got {found}")));
    };
    let arguments: Vec<Argument> = items.iter().map(Argument::of).collect();
    write(format, &arguments).map(Value::from)
}

/// A value as Go's `fmt` gets it.
enum Argument {
    /// A number that is whole: whether it is below 0, and its digits.
    Whole {
        negative: bool,
        digits: String,
        is_big: bool,
    },
    Float(f64),
    Text(String),
}

impl Argument {
    fn of(value: &Value) -> Self {
        match value {
            // The engine keeps no point of a number that is whole: `1.0` is an `int` here, where it is a `float64` in `opa`.
            Value::Number(number) if number.is_integer() => {
                let text = number.format_decimal();
                let is_big = number.as_i64().is_none();
                let digits = text.trim_start_matches('-').to_owned();
                Self::Whole { negative: text.starts_with('-'), digits, is_big }
            }
            Value::Number(number) => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) => Self::Text(text.to_string()),
            other => Self::Text(shown(other)),
        }
    }

    /// What Go calls its type.
    fn type_name(&self) -> &'static str {
        match self {
            Self::Whole { is_big: false, .. } => "int",
            Self::Whole { is_big: true, .. } => "*big.Int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
        }
    }
}

/// A value as `opa` prints it.
pub(super) fn shown(value: &Value) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(bool) => bool.to_string(),
        Value::Number(number) => number.format_decimal(),
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", list(items.iter().map(shown).collect())),
        Value::Set(items) if items.is_empty() => "set()".to_owned(),
        Value::Set(items) => format!("{{{}}}", list(items.iter_sorted().map(shown).collect())),
        Value::Object(fields) => {
            let fields = fields.iter_sorted().map(|(key, value)| format!("{}: {}", shown(key), shown(value)));
            format!("{{{}}}", list(fields.collect()))
        }
        Value::Undefined => "undefined".to_owned(),
    }
}

fn write(format: &str, arguments: &[Argument]) -> Result<String, Wrong> {
    let mut out = String::new();
    let mut left = arguments.iter();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let mut characters = after.chars();
        let directive = Directive::read(&mut characters, &mut left)?;
        rest = characters.as_str();
        match directive.verb {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some('[') => return Err(Wrong::new("arguments by number, `%[1]d`, are not supported")),
            Some(verb) => match left.next() {
                Some(argument) => directive.write(verb, argument, &mut out)?,
                None => {
                    let _ = write!(out, "%!{verb}(MISSING)");
                }
            },
        }
    }
    out.push_str(rest);
    let extra: Vec<_> = left.map(|it| (it.type_name(), it)).collect();
    if !extra.is_empty() {
        out.push_str("%!(EXTRA ");
        for (index, (name, argument)) in extra.into_iter().enumerate() {
            let _ = write!(out, "{}{name}=", if index > 0 { ", " } else { "" });
            Directive::default().write('v', argument, &mut out)?;
        }
        out.push(')');
    }
    Ok(out)
}

/// What stands between `%` and the end of a verb.
#[derive(Debug, Default, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "these are the flags of the format")]
struct Directive {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
    verb: Option<char>,
}

impl Directive {
    fn read<'a>(
        characters: &mut std::str::Chars<'_>,
        left: &mut impl Iterator<Item = &'a Argument>,
    ) -> Result<Self, Wrong> {
        let mut it = Self::default();
        let mut next = characters.next();
        while let Some(flag) = next {
            match flag {
                '+' => it.plus = true,
                '-' => it.minus = true,
                '#' => it.sharp = true,
                ' ' => it.space = true,
                '0' => it.zero = true,
                _ => break,
            }
            next = characters.next();
        }
        it.width = number(&mut next, characters, left)?.unwrap_or(0);
        if next == Some('.') {
            next = characters.next();
            it.precision = Some(number(&mut next, characters, left)?.unwrap_or(0));
        }
        it.verb = next;
        it.zero &= !it.minus;
        if it.width > WIDTH_MAX || it.precision.is_some_and(|precision| precision > WIDTH_MAX) {
            return Err(Wrong::new(format_args!("a width or precision of more than {WIDTH_MAX}")));
        }
        Ok(it)
    }

    fn write(&self, verb: char, argument: &Argument, out: &mut String) -> Result<(), Wrong> {
        let text = match (argument, verb) {
            (_, 'T') => self.text(argument.type_name()),
            (Argument::Whole { negative, digits, is_big }, _) => {
                self.whole(verb, *negative, digits, *is_big)?
            }
            (Argument::Float(number), _) => self.float(verb, *number)?,
            (Argument::Text(text), 's' | 'v') => Some(self.cut(text)).map(|text| self.padded(&text)),
            (Argument::Text(text), 'q') => Some(self.padded(&self.quote(&self.cut(text)))),
            (Argument::Text(text), 'x' | 'X') => Some(self.padded(&self.hexadecimal(verb, text))),
            (Argument::Text(_), _) => None,
        };
        if let Some(text) = text {
            out.push_str(&text);
        } else {
            let _ = write!(out, "%!{verb}({}=", argument.type_name());
            self.write('v', argument, out)?;
            out.push(')');
        }
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is one of several, and the others may not suit")]
    fn text(&self, text: &str) -> Option<String> {
        Some(self.padded(&self.cut(text)))
    }

    /// As many characters as the precision allows.
    fn cut(&self, text: &str) -> String {
        text.chars().take(self.precision.unwrap_or(usize::MAX)).collect()
    }

    fn padded(&self, text: &str) -> String {
        let missing = self.width.saturating_sub(text.chars().count());
        match (self.minus, self.zero) {
            (true, _) => format!("{text}{}", " ".repeat(missing)),
            (false, true) => format!("{}{text}", "0".repeat(missing)),
            (false, false) => format!("{}{text}", " ".repeat(missing)),
        }
    }

    fn quote(&self, text: &str) -> String {
        let is_plain = !text.contains(|c: char| c == '`' || c == '\u{feff}' || (c.is_control() && c != '\t'));
        if self.sharp && is_plain { format!("`{text}`") } else { quoted(text) }
    }

    fn hexadecimal(&self, verb: char, text: &str) -> String {
        let bytes = text.bytes().take(self.precision.unwrap_or(usize::MAX));
        let mut out = String::new();
        for (index, byte) in bytes.enumerate() {
            if self.space && index > 0 {
                out.push(' ');
            }
            if self.sharp && (self.space || index == 0) {
                out.push_str("0x");
            }
            let _ = write!(out, "{byte:02x}");
        }
        if verb == 'X' { out.to_uppercase() } else { out }
    }

    fn sign(&self, negative: bool) -> &'static str {
        match (negative, self.plus, self.space) {
            (true, ..) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            (false, false, false) => "",
        }
    }

    /// A number with its sign; zeros stand between the two.
    fn signed(&self, sign: &str, digits: &str) -> String {
        if self.zero {
            let missing = self.width.saturating_sub(sign.len() + digits.chars().count());
            return format!("{sign}{}{digits}", "0".repeat(missing));
        }
        self.padded(&format!("{sign}{digits}"))
    }

    fn whole(
        &self,
        verb: char,
        negative: bool,
        decimal: &str,
        is_big: bool,
    ) -> Result<Option<String>, Wrong> {
        if verb == 's' && is_big {
            return Ok(Some(self.signed(self.sign(negative), decimal)));
        }
        let magnitude =
            || decimal.parse::<u128>().map_err(|_| Wrong::new("the number is too large for its verb"));
        let (prefix, digits) = match verb {
            'd' | 'v' => ("", decimal.to_owned()),
            'b' => (if self.sharp { "0b" } else { "" }, format!("{:b}", magnitude()?)),
            'o' => (if self.sharp { "0" } else { "" }, format!("{:o}", magnitude()?)),
            'O' => ("0o", format!("{:o}", magnitude()?)),
            'x' => (if self.sharp { "0x" } else { "" }, format!("{:x}", magnitude()?)),
            'X' => (if self.sharp { "0X" } else { "" }, format!("{:X}", magnitude()?)),
            'c' | 'q' | 'U' => return Ok(Some(self.character(verb, negative, magnitude()?))),
            _ => return Ok(None),
        };
        let mut digits = digits;
        let mut it = self.clone();
        if let Some(precision) = self.precision {
            if precision == 0 && digits == "0" {
                digits.clear();
            }
            digits = format!("{}{digits}", "0".repeat(precision.saturating_sub(digits.len())));
            it.zero = false;
        }
        Ok(Some(it.signed(&format!("{}{prefix}", it.sign(negative)), &digits)))
    }

    fn character(&self, verb: char, negative: bool, number: u128) -> String {
        let known = u32::try_from(number).ok().filter(|_| !negative).and_then(char::from_u32);
        let character = known.unwrap_or('\u{fffd}');
        match verb {
            'c' => self.padded(&character.to_string()),
            'q' => {
                let inner = escaped(character, '\'');
                self.padded(&format!("'{inner}'"))
            }
            _ => {
                let sharp = if self.sharp { format!(" '{character}'") } else { String::new() };
                let digits = self.precision.unwrap_or(4).max(4);
                Self { zero: false, ..self.clone() }.padded(&format!("U+{number:0digits$X}{sharp}"))
            }
        }
    }

    fn float(&self, verb: char, number: f64) -> Result<Option<String>, Wrong> {
        if self.sharp || matches!(verb, 'b' | 'x' | 'X') {
            return Err(Wrong::new(format_args!("`%{verb}` of a number that is not whole is not supported")));
        }
        let magnitude = number.abs();
        let text = match verb {
            'f' | 'F' => format!("{magnitude:.*}", self.precision.unwrap_or(6)),
            'e' | 'E' => scientific(magnitude, Some(self.precision.unwrap_or(6)), verb),
            'g' | 'v' => general(magnitude, self.precision, 'e'),
            'G' => general(magnitude, self.precision, 'E'),
            _ => return Ok(None),
        };
        Ok(Some(self.signed(self.sign(number.is_sign_negative()), &text)))
    }
}

/// The number that stands at `next`, or that `*` takes from the arguments.
fn number<'a>(
    next: &mut Option<char>,
    characters: &mut std::str::Chars<'_>,
    left: &mut impl Iterator<Item = &'a Argument>,
) -> Result<Option<usize>, Wrong> {
    if *next == Some('*') {
        *next = characters.next();
        let Some(Argument::Whole { negative: false, digits, .. }) = left.next() else {
            return Err(Wrong::new("`*` takes a whole number"));
        };
        return digits.parse().map(Some).map_err(Wrong::new);
    }
    let mut found = None;
    while let Some(digit) = next.and_then(|next| next.to_digit(10)) {
        let digit = usize::try_from(digit).unwrap_or_default();
        found = Some(found.unwrap_or(0_usize).saturating_mul(10).saturating_add(digit));
        *next = characters.next();
    }
    Ok(found)
}

/// `1.5e+06`: so many digits after the point, or as few as tell the number from its neighbours.
fn scientific(number: f64, precision: Option<usize>, letter: char) -> String {
    let text = match precision {
        Some(precision) => format!("{number:.precision$e}"),
        None => format!("{number:e}"),
    };
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}{letter}{sign}{exponent:0>2}")
}

/// The shorter of the two ways to write a number.
fn general(number: f64, precision: Option<usize>, letter: char) -> String {
    let significant = precision.map(|precision| precision.max(1));
    let text = match significant {
        Some(significant) => format!("{number:.*e}", significant - 1),
        None => format!("{number:e}"),
    };
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let digits =
        if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    let count = i64::try_from(digits.chars().filter(char::is_ascii_digit).count()).unwrap_or(i64::MAX);
    // As Go has it: as few digits as possible count as 6; more than are needed, as those that are.
    let limit = match significant.and_then(|significant| i64::try_from(significant).ok()) {
        None => 6,
        Some(significant) if significant > count && count > exponent => count,
        Some(significant) => significant,
    };
    if exponent < -4 || exponent >= limit {
        let after_point = usize::try_from(count.saturating_sub(1)).unwrap_or(0);
        return scientific(number, Some(after_point), letter);
    }
    let after_point = usize::try_from((count - 1 - exponent).max(0)).unwrap_or(0);
    format!("{number:.after_point$}")
}

/// A text in double quotes, as Go quotes it.
fn quoted(text: &str) -> String {
    let inner: String = text.chars().map(|character| escaped(character, '"')).collect();
    format!("\"{inner}\"")
}

fn escaped(character: char, quote: char) -> String {
    match character {
        '\u{7}' => "\\a".to_owned(),
        '\u{8}' => "\\b".to_owned(),
        '\u{c}' => "\\f".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        '\u{b}' => "\\v".to_owned(),
        '\\' => "\\\\".to_owned(),
        character if character == quote => format!("\\{quote}"),
        character if is_printed(character) => character.to_string(),
        character => match u32::from(character) {
            code @ 0..=0x7f => format!("\\x{code:02x}"),
            code @ 0x80..=0xffff => format!("\\u{code:04x}"),
            code => format!("\\U{code:08x}"),
        },
    }
}

/// Whether a character is printed as it is.
fn is_printed(character: char) -> bool {
    character == ' '
        || !character.is_whitespace()
            && !character.is_control()
            && !character.escape_debug().to_string().starts_with("\\u{")
}
