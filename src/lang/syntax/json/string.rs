//! What a JSON string stands for.

use super::place::Places;
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// Why text between quotes is not a string: where, how many bytes of it, and what is wrong.
#[derive(Debug, Clone, Copy)]
pub(super) struct BadString {
    pub(super) at: usize,
    pub(super) length: usize,
    pub(super) why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Unclosed,
    LineEnd,
    Control,
    Escape,
}

/// A string's value, and the offset after its closing quote.
pub(super) struct Read {
    pub(super) value: String,
    pub(super) end: usize,
    pub(super) places: Places,
}

/// Reads the string whose opening quote is at `open`.
pub(super) fn read(text: &str, open: usize) -> Result<Read, BadString> {
    let start = open + 1;
    let mut value = String::new();
    let mut places = Places::new(u32::try_from(start).unwrap_or(u32::MAX));
    let mut at = start;
    loop {
        let rest = text.get(at..).unwrap_or("");
        let plain = rest.find(|it: char| matches!(it, '"' | '\\') || it < ' ').unwrap_or(rest.len());
        value.push_str(rest.get(..plain).unwrap_or(""));
        at += plain;
        match text.as_bytes().get(at) {
            Some(b'"') => return Ok(Read { value, end: at + 1, places }),
            Some(b'\\') => {
                let (character, length) = escape(text.get(at..).unwrap_or(""))
                    .map_err(|length| BadString { at, length, why: Why::Escape })?;
                value.push(character);
                at += length;
                places.jump(value.len(), at);
            }
            None => return Err(BadString { at: open, length: 1, why: Why::Unclosed }),
            Some(b'\n' | b'\r') => return Err(BadString { at: open, length: at - open, why: Why::LineEnd }),
            Some(_) => return Err(BadString { at, length: 1, why: Why::Control }),
        }
    }
}

/// The character that an escape at the start of a text stands for, and the escape's length; or the length of what is
/// none. Half of a pair of surrogates stands for U+FFFD, as in Go.
fn escape(text: &str) -> Result<(char, usize), usize> {
    let Some(selector) = text.chars().nth(1) else {
        return Err(1);
    };
    let simple = match selector {
        '"' | '\\' | '/' => selector,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let first = unit(text, 2).ok_or(2_usize)?;
            let second = if text.get(6..8) == Some("\\u") { unit(text, 8) } else { None };
            let pair = second.and_then(|second| char::decode_utf16([first, second]).next()?.ok());
            return Ok(match (char::from_u32(u32::from(first)), pair) {
                (Some(character), _) => (character, 6),
                (None, Some(character)) => (character, 12),
                (None, None) => (char::REPLACEMENT_CHARACTER, 6),
            });
        }
        other => return Err(1 + other.len_utf8()),
    };
    Ok((simple, 2))
}

fn unit(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + 4).filter(|digits| digits.bytes().all(|it| it.is_ascii_hexdigit()))?;
    u16::from_str_radix(digits, 16).ok()
}

/// In normal form C, as all text of the language.
pub(super) fn normal(value: String) -> String {
    if value.is_ascii() || is_nfc(&value) { value } else { value.nfc().collect() }
}
