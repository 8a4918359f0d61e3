//! Base64 and URLs.

use super::string::string;
use super::{Call, CallError, Function, Param, argument, failed, string_result, text};
use crate::lang::value::Value;
use std::fmt::Write as _;

const STRING: &[Param] = &[Param::string("str")];
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("base64decode", STRING, "The text that a Base64 text stands for.", string_result, decode),
    Function::new("base64encode", STRING, "The bytes of a string in Base64.", string_result, |args, _| {
        Ok(string(&encode(text(args, 0).as_bytes())))
    }),
    Function::new(
        "urlencode",
        STRING,
        "A string as it stands in the query of a URL.",
        string_result,
        |args, _| Ok(string(&url_encode(text(args, 0)))),
    ),
];

/// Bytes in Base64.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place > chunk.len() {
                out.push('=');
            } else {
                let at = (bits >> (18 - 6 * place)) & 63;
                out.push(ALPHABET.get(at as usize).map_or('=', |letter| char::from(*letter)));
            }
        }
    }
    out
}

fn decode(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    let bytes = decode_bytes(text(args, 0)).ok_or_else(|| argument(0, "it is not Base64"))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(string(&text)),
        Err(_) => Err(failed("what the Base64 stands for is not text in UTF-8")),
    }
}

/// With padding; line ends do not count.
pub(super) fn decode_bytes(text: &str) -> Option<Vec<u8>> {
    let letters: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    if !letters.len().is_multiple_of(4) {
        return None;
    }
    let padding = letters.iter().rev().take_while(|letter| **letter == b'=').count();
    let letters = letters.get(..letters.len() - padding.min(2))?;
    let mut out = Vec::with_capacity(letters.len() * 3 / 4);
    for chunk in letters.chunks(4) {
        let mut bits = 0u32;
        for letter in chunk {
            let at = ALPHABET.iter().position(|known| known == letter)?;
            bits = bits << 6 | u32::try_from(at).ok()?;
        }
        bits <<= 6 * (4 - chunk.len());
        let [_, all @ ..] = bits.to_be_bytes();
        out.extend(all.iter().take(chunk.len().checked_sub(1)?));
    }
    Some(out)
}

fn url_encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            other => {
                let _ = write!(out, "%{other:02X}");
            }
        }
        out
    })
}
