//! `textencodebase64` and `textdecodebase64`: text in encodings by their names at IANA.
//!
//! Goes in: text, or bytes in Base64, and a name. Comes out: the other one; or an error for what the encoding cannot
//! hold. Never happens: a character that is replaced by another.

use super::encoding::{decode_bytes, encode};
use super::string::string;
use super::{Call, CallError, Function, Param, argument, string_result, text};
use crate::lang::value::Value;

const ENCODING: Param = Param::string("encoding");

/// Encodings of one byte for a character, each a line: its names, a tab, and the characters of the bytes from 128 on;
/// `\` stands for the character of the byte's own number, U+FFFD for none. What is below 128 is ASCII in all of them.
const TABLES: &str = include_str!("charset/tables.txt");

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "textdecodebase64",
        &[Param::string("source"), ENCODING],
        "The text that bytes in Base64 are in an encoding, such as `UTF-16LE`.",
        string_result,
        decode,
    ),
    Function::new(
        "textencodebase64",
        &[Param::string("string"), ENCODING],
        "A string in an encoding, such as `UTF-16LE`, and that in Base64.",
        string_result,
        |args, _: &Call<'_>| match encoding(args)?.encode(text(args, 0)) {
            Some(bytes) => Ok(string(&encode(&bytes))),
            None => Err(argument(0, "it has characters that the encoding does not have")),
        },
    ),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    /// Big-endian after a byte order mark.
    Utf16,
    Utf16Be,
    Utf16Le,
    Ascii,
    /// The characters of the bytes from 128 on.
    Table(&'static str),
}

const ASCII: [&str; 10] = [
    "us-ascii",
    "us",
    "iso646-us",
    "iso-ir-6",
    "ibm367",
    "cp367",
    "csascii",
    "ansi_x3.4-1968",
    "ansi_x3.4-1986",
    "iso_646.irv:1991",
];

fn encoding(args: &[Value]) -> Result<Encoding, CallError> {
    let name = text(args, 1).to_ascii_lowercase();
    let found = match name.as_str() {
        "utf-8" | "csutf8" => Some(Encoding::Utf8),
        "utf-16" | "csutf16" => Some(Encoding::Utf16),
        "utf-16be" | "csutf16be" => Some(Encoding::Utf16Be),
        "utf-16le" | "csutf16le" => Some(Encoding::Utf16Le),
        name if ASCII.contains(&name) => Some(Encoding::Ascii),
        name => TABLES
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .find(|(names, _)| names.split(' ').any(|known| known == name))
            .map(|(_, table)| Encoding::Table(table)),
    };
    found.ok_or_else(|| {
        argument(1, "no encoding of this name is known; UTF-8, UTF-16, UTF-16LE, UTF-16BE, US-ASCII, ISO-8859-1 to 16, windows-1250 to 1258, KOI8-R and some code pages of IBM are")
    })
}

/// The byte and the character of each place of a table; places without a character are left out.
fn places(table: &'static str) -> impl Iterator<Item = (u8, char)> {
    let places = (128..=255).zip(table.chars());
    let places =
        places.map(|(byte, character)| (byte, if character == '\\' { char::from(byte) } else { character }));
    places.filter(|(_, character)| *character != char::REPLACEMENT_CHARACTER)
}

impl Encoding {
    /// Nothing if a character has no place in it.
    fn encode(self, text: &str) -> Option<Vec<u8>> {
        let wide = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes);
        match self {
            Self::Utf8 => Some(text.as_bytes().to_owned()),
            Self::Utf16 => Some([0xfe, 0xff].into_iter().chain(wide(u16::to_be_bytes)).collect()),
            Self::Utf16Be => Some(wide(u16::to_be_bytes).collect()),
            Self::Utf16Le => Some(wide(u16::to_le_bytes).collect()),
            Self::Ascii => text.is_ascii().then(|| text.as_bytes().to_owned()),
            Self::Table(table) => {
                let place = |character: char| match u8::try_from(character) {
                    Ok(ascii @ ..128) => Some(ascii),
                    _ => places(table).find(|(_, known)| *known == character).map(|(byte, _)| byte),
                };
                text.chars().map(place).collect()
            }
        }
    }

    /// Nothing if bytes stand for no character.
    fn decode(self, bytes: &[u8]) -> Option<String> {
        let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
            let (pairs, rest) = bytes.as_chunks::<2>();
            let decoded = char::decode_utf16(pairs.iter().copied().map(unit)).collect::<Result<String, _>>();
            decoded.ok().filter(|_| rest.is_empty())
        };
        let text = match self {
            Self::Utf8 => String::from_utf8(bytes.to_owned()).ok(),
            Self::Utf16 => match bytes {
                [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
                [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
                _ => wide(bytes, u16::from_be_bytes),
            },
            Self::Utf16Be => wide(bytes, u16::from_be_bytes),
            Self::Utf16Le => wide(bytes, u16::from_le_bytes),
            Self::Ascii => String::from_utf8(bytes.to_owned()).ok().filter(|text| text.is_ascii()),
            Self::Table(table) => {
                let character = |byte: &u8| match byte {
                    ascii @ ..128 => Some(char::from(*ascii)),
                    _ => places(table).find(|(known, _)| known == byte).map(|(_, character)| character),
                };
                bytes.iter().map(character).collect()
            }
        };
        text.filter(|text| !text.contains(char::REPLACEMENT_CHARACTER))
    }
}

fn decode(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    let encoding = encoding(args)?;
    let bytes = decode_bytes(text(args, 0)).ok_or_else(|| argument(0, "it is not Base64"))?;
    match encoding.decode(&bytes) {
        Some(text) => Ok(string(&text)),
        None => Err(argument(0, "it has bytes that stand for no character of the encoding")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::find;
    use super::*;
    use crate::lang::eval::Meter;

    fn answer(name: &str, what: &str, encoding: &str) -> String {
        let args = vec![Value::from(what), Value::from(encoding)];
        match find(name).unwrap().call(args, &Meter::default()) {
            Ok(value) => value.as_str().unwrap().to_owned(),
            Err(error) => error.to_string(),
        }
    }

    /// The answers are Terraform's (1.11.4), the words of the errors ours.
    #[test]
    fn text_is_encoded() {
        let missing = "it has characters that the encoding does not have";
        for (text, encoding, expected) in [
            ("é", "ISO-8859-1", "6Q=="),
            ("é", "latin1", "6Q=="),
            ("é", "UTF-16", "/v8A6Q=="),
            ("é", "utf-16le", "6QA="),
            ("é", "UTF-16BE", "AOk="),
            ("é", "UTF-8", "w6k="),
            ("é", "windows-1252", "6Q=="),
            ("é", "IBM437", "gg=="),
            ("é", "US-ASCII", missing),
            ("☃", "windows-1252", missing),
            ("\\", "windows-1252", "XA=="),
            ("\u{81}", "windows-1252", missing),
            ("\u{81}", "ISO-8859-1", "gQ=="),
        ] {
            assert_eq!(answer("textencodebase64", text, encoding), expected, "{text:?} {encoding}");
        }
        for unknown in ["utf8", "cp1252", "UTF-32", ""] {
            assert!(answer("textencodebase64", "é", unknown).starts_with("no encoding"), "{unknown}");
        }
    }

    #[test]
    fn text_is_decoded() {
        let missing = "it has bytes that stand for no character of the encoding";
        for (text, encoding, expected) in [
            ("/v8A6Q==", "UTF-16", "é"),
            ("//7pAA==", "UTF-16", "é"),
            ("gQ==", "windows-1252", missing),
            ("2AA=", "UTF-16BE", missing),
            ("AA==", "UTF-16BE", missing),
            ("/w==", "UTF-8", missing),
            ("77+9", "UTF-8", missing),
            ("gg==", "IBM437", "é"),
            ("zzz", "UTF-8", "it is not Base64"),
        ] {
            assert_eq!(answer("textdecodebase64", text, encoding), expected, "{text:?} {encoding}");
        }
    }

    #[test]
    fn what_is_encoded_is_decoded_again() {
        for (names, table) in TABLES.lines().map(|line| line.split_once('\t').unwrap()) {
            assert_eq!(table.chars().count(), 128, "{names}");
            let text: String = (0..128).map(char::from).chain(places(table).map(|(_, c)| c)).collect();
            let encoding = Encoding::Table(table);
            assert_eq!(
                encoding.encode(&text).and_then(|bytes| encoding.decode(&bytes)),
                Some(text),
                "{names}"
            );
        }
    }
}
