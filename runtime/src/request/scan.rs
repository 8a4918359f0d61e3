//! JSON as a stream of tokens, read from bytes that lie in memory.
//!
//! In: a body. Out: brackets, texts, and numbers as digits and exponent. Never: recursion deeper than [`DEPTH_MAX`],
//! a copy of a text that has no escapes, a number that was rounded before its type was known.

use std::borrow::Cow;

use super::Fault;

/// Nesting of values that are passed over, at most.
const DEPTH_MAX: usize = 64;
/// Decimal digits that always fit 64 bits.
const DIGITS_EXACT: u32 = 19;
/// Digits of a plainly written number at most: they fit 63 bits.
const PLAIN_DIGITS_MAX: usize = 18;

/// Bytes, and how far they are read.
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The plainly written number at the beginning, where a comma or the list's end follows at once, and what follows.
#[inline]
fn plain_number(bytes: &[u8]) -> Option<(Plain, &[u8])> {
    let (negative, rest) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let (whole, count) = digits(rest, 0);
    // `01` is not JSON.
    if count == 0 || (count > 1 && rest.first() == Some(&b'0')) {
        return None;
    }
    let rest = rest.get(count..)?;
    let (mantissa, fraction_digits, rest) = match rest {
        [b'.', fraction @ ..] => {
            let (mantissa, count) = digits(fraction, whole);
            (mantissa, count, fraction.get(count..).filter(|_| count > 0)?)
        }
        rest => (whole, 0, rest),
    };
    let ends = matches!(rest, [b',' | b']', ..]) && count + fraction_digits <= PLAIN_DIGITS_MAX;
    ends.then_some((Plain { negative, mantissa, fraction_digits }, rest))
}

/// What the digits at the beginning make of a number that has these behind it, and how many they are.
#[inline]
fn digits(bytes: &[u8], before: u64) -> (u64, usize) {
    let (mut number, mut count) = (before, 0);
    for byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
        count += 1;
    }
    (number, count)
}

/// A JSON number: `mantissa · 10^exponent` where [`is_exact`](Number::is_exact), and its text for the rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Number<'a> {
    written: &'a [u8],
    pub(crate) negative: bool,
    pub(crate) mantissa: u64,
    pub(crate) exponent: i32,
    /// All digits are in `mantissa`.
    pub(crate) is_exact: bool,
    /// Written without point and exponent.
    pub(crate) is_integer: bool,
}

impl<'a> Number<'a> {
    /// As it is written.
    pub(crate) fn text(&self) -> &'a str {
        // Digits, a point, signs and an `e`: always text.
        std::str::from_utf8(self.written).unwrap_or_default()
    }
}

/// A number that is written plainly: digits, perhaps with a sign in front, a point between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plain {
    pub(super) negative: bool,
    /// All digits.
    pub(super) mantissa: u64,
    /// How many of them stand after the point.
    pub(super) fraction_digits: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The byte that is next, white space passed over.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(*byte),
            }
        }
        None
    }

    /// What is wrong at the next byte.
    pub(super) fn syntax(&self) -> Fault {
        Fault::Syntax(self.at)
    }

    /// Where the next value begins.
    pub(super) fn mark(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// Reads again from a place that [`mark`](Scanner::mark) gave.
    pub(super) fn rewind(&mut self, mark: usize) {
        self.at = mark;
    }

    /// Takes this byte if it is next.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.take(byte) { Ok(()) } else { Err(self.syntax()) }
    }

    /// Nothing but white space may be left.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.syntax()),
        }
    }

    /// Whether a list that has begun goes on: `first` before its first element. Takes the comma, or the bracket.
    pub(super) fn goes_on(&mut self, first: bool, close: u8) -> Result<bool, Fault> {
        if self.take(close) {
            return Ok(false);
        }
        if !first {
            self.expect(b',')?;
            // `[1,]` is not JSON.
            if self.peek() == Some(close) {
                return Err(self.syntax());
            }
        }
        Ok(true)
    }

    /// The next key of an object that has begun, its colon taken; `None` at the end.
    pub(super) fn key(&mut self, first: bool) -> Result<Option<Cow<'a, str>>, Fault> {
        if !self.goes_on(first, b'}')? {
            return Ok(None);
        }
        let key = self.text()?;
        self.expect(b':')?;
        Ok(Some(key))
    }

    /// A word such as `true`.
    pub(super) fn word(&mut self, word: &str) -> Result<(), Fault> {
        for expected in word.bytes() {
            match self.bytes.get(self.at) {
                Some(byte) if *byte == expected => self.at += 1,
                _ => return Err(self.syntax()),
            }
        }
        Ok(())
    }

    /// Whether one of the words comes that Python writes for numbers that JSON does not have.
    pub(super) fn is_non_finite(&self) -> bool {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        [b"NaN".as_slice(), b"Infinity", b"-Infinity", b"-NaN"].iter().any(|word| rest.starts_with(word))
    }

    fn digit(&self) -> Option<u8> {
        self.bytes.get(self.at).filter(|byte| byte.is_ascii_digit()).map(|byte| byte - b'0')
    }

    /// Passes over the numbers of a list as long as they are written plainly and are taken: what almost all of them are, in a
    /// loop of its own. Whatever else comes is still next then. How many elements the list has so far.
    ///
    /// - `got`: how many it had before; a comma comes before all but the first.
    /// - `take`: whether a number is taken.
    #[inline]
    pub(super) fn plain(
        &mut self,
        mut got: usize,
        most: usize,
        mut take: impl FnMut(Plain) -> bool,
    ) -> usize {
        let mut rest = self.bytes.get(self.at..).unwrap_or_default();
        while got < most {
            let after_comma = match (got, rest) {
                (0, _) => rest,
                // As Python writes lists.
                (_, [b',', b' ', after @ ..] | [b',', after @ ..]) => after,
                _ => break,
            };
            let Some((plain, after)) = plain_number(after_comma) else { break };
            if !take(plain) {
                break;
            }
            rest = after;
            got += 1;
        }
        self.at = self.bytes.len() - rest.len();
        got
    }

    /// A number, whose first byte is next.
    pub(super) fn number(&mut self) -> Result<Number<'a>, Fault> {
        let start = self.at;
        let negative = self.bytes.get(self.at) == Some(&b'-');
        self.at += usize::from(negative);
        let (mut mantissa, mut digits, mut exponent) = (0_u64, 0_u32, 0_i32);
        let mut is_exact = true;
        let mut digit = |digit: u8, scale: i32| {
            if digits < DIGITS_EXACT {
                mantissa = mantissa * 10 + u64::from(digit);
                // Zeros in front do not count.
                digits += u32::from(mantissa != 0);
                exponent += scale;
            } else {
                is_exact = false;
            }
        };
        match self.digit() {
            // `01` is not JSON.
            Some(0) => self.at += 1,
            Some(_) => {
                while let Some(next) = self.digit() {
                    digit(next, 0);
                    self.at += 1;
                }
            }
            None => return Err(self.syntax()),
        }
        let mut is_integer = true;
        if self.bytes.get(self.at) == Some(&b'.') {
            is_integer = false;
            self.at += 1;
            if self.digit().is_none() {
                return Err(self.syntax());
            }
            while let Some(next) = self.digit() {
                digit(next, -1);
                self.at += 1;
            }
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            is_integer = false;
            exponent = exponent.saturating_add(self.exponent()?);
        }
        if self.digit().is_some() {
            return Err(self.syntax());
        }
        let written = self.bytes.get(start..self.at).unwrap_or_default();
        Ok(Number { written, negative, mantissa, exponent, is_exact, is_integer })
    }

    fn exponent(&mut self) -> Result<i32, Fault> {
        self.at += 1;
        let sign = self.bytes.get(self.at).copied();
        self.at += usize::from(matches!(sign, Some(b'+' | b'-')));
        if self.digit().is_none() {
            return Err(self.syntax());
        }
        let mut exponent = 0_i32;
        while let Some(next) = self.digit() {
            exponent = exponent.saturating_mul(10).saturating_add(i32::from(next));
            self.at += 1;
        }
        Ok(if sign == Some(b'-') { -exponent } else { exponent })
    }

    /// A text; borrowed where it has no escapes.
    pub(super) fn text(&mut self) -> Result<Cow<'a, str>, Fault> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => return self.escaped_text(start).map(Cow::Owned),
                Some(0..0x20) | None => return Err(self.syntax()),
                Some(_) => self.at += 1,
            }
        }
        let text = self.utf8(start, self.at)?;
        self.at += 1;
        Ok(Cow::Borrowed(text))
    }

    fn utf8(&self, from: usize, to: usize) -> Result<&'a str, Fault> {
        let bytes = self.bytes.get(from..to).unwrap_or_default();
        std::str::from_utf8(bytes).map_err(|error| Fault::Syntax(from + error.valid_up_to()))
    }

    /// The text from `start`, whose first escape is next.
    fn escaped_text(&mut self, start: usize) -> Result<String, Fault> {
        let mut text = self.utf8(start, self.at)?.to_owned();
        loop {
            let from = self.at;
            while !matches!(self.bytes.get(self.at), Some(b'"' | b'\\' | 0..0x20) | None) {
                self.at += 1;
            }
            text.push_str(self.utf8(from, self.at)?);
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    self.at += 1;
                    text.push(self.escape()?);
                }
                _ => return Err(self.syntax()),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Fault> {
        let escape = self.bytes.get(self.at).copied().ok_or_else(|| self.syntax())?;
        let plain = match escape {
            b'"' | b'\\' | b'/' => char::from(escape),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.syntax()),
        };
        self.at += 1;
        Ok(plain)
    }

    /// `d83d\ude00` after `\u`. Half of a pair is no character, so it is refused.
    fn unicode(&mut self) -> Result<char, Fault> {
        let start = self.at;
        let lone = Fault::Syntax(start);
        let first = self.hex()?;
        let code = match first {
            0xd800..=0xdbff => {
                if self.bytes.get(self.at..self.at + 2) != Some(b"\\u") {
                    return Err(lone);
                }
                self.at += 2;
                match self.hex()? {
                    second @ 0xdc00..=0xdfff => 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00),
                    _ => return Err(lone),
                }
            }
            code => code,
        };
        char::from_u32(code).ok_or(lone)
    }

    fn hex(&mut self) -> Result<u32, Fault> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.bytes.get(self.at).and_then(|byte| char::from(*byte).to_digit(16));
            code = code * 16 + digit.ok_or_else(|| self.syntax())?;
            self.at += 1;
        }
        Ok(code)
    }

    /// Passes over a value, which must be JSON.
    pub(super) fn skip(&mut self) -> Result<(), Fault> {
        self.skip_at(0)
    }

    /// Passes over a value that is neither list nor object; of those only the beginning is looked at, for they may be
    /// deep.
    pub(super) fn skip_words(&mut self) -> Result<(), Fault> {
        match self.peek() {
            _ if self.is_non_finite() => Ok(()),
            Some(b'[' | b'{') => Ok(()),
            _ => self.skip(),
        }
    }

    fn skip_at(&mut self, depth: usize) -> Result<(), Fault> {
        if depth > DEPTH_MAX {
            return Err(self.syntax());
        }
        match self.peek() {
            Some(b'[') => {
                self.at += 1;
                let mut first = true;
                while self.goes_on(first, b']')? {
                    self.skip_at(depth + 1)?;
                    first = false;
                }
                Ok(())
            }
            Some(b'{') => {
                self.at += 1;
                let mut first = true;
                while self.key(first)?.is_some() {
                    self.skip_at(depth + 1)?;
                    first = false;
                }
                Ok(())
            }
            Some(b'"') => self.text().map(drop),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            Some(b'-' | b'0'..=b'9') => self.number().map(drop),
            _ => Err(self.syntax()),
        }
    }
}

/// Line and column of a byte, both from 1; at the end of the body, of the last byte that is there.
pub(super) fn place(body: &[u8], at: usize) -> (usize, usize) {
    let before = body.get(..at).unwrap_or(body);
    let line = before.split(|byte| *byte == b'\n').count();
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    (line, before.len() - start + usize::from(at < body.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_passed_over_is_json_as_serde_json_has_it() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let (shallow, too_deep) = (deep(DEPTH_MAX), deep(DEPTH_MAX + 2));
        for text in [
            "null",
            "true",
            "fals",
            "-0",
            "-",
            "01",
            "1.",
            "1.5e",
            "1.5e+3",
            "[1,2]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{}",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{1:2}",
            "\"\\u00e9\\n\"",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"\\ud83d\\ude00\"",
            "\"\\ud83d\\u0041\"",
            "\"\n\"",
            "\"",
            "\"\\",
            "{\"a\":{\"b\":[]}}",
            "1 1",
            "",
            " ",
            "nul",
            "+1",
            ".5",
            "NaN",
            &shallow,
        ] {
            let mut scanner = Scanner::new(text.as_bytes());
            let ours = scanner.skip().and_then(|()| scanner.end()).is_ok();
            let theirs = serde_json::from_str::<serde_json::Value>(text).is_ok();
            assert_eq!(ours, theirs, "{text:.40}");
        }
        assert!(Scanner::new(too_deep.as_bytes()).skip().is_err());
        assert!(Scanner::new(b"\"\xff\"").skip().is_err());
    }

    #[test]
    fn texts_are_read_as_serde_json_reads_them() {
        for text in [r#""""#, r#""plain""#, r#""a\"b\\c\/d\b\f\n\r\t""#, r#""\u00e9\ud83d\ude00é😀""#] {
            let read = Scanner::new(text.as_bytes()).text().unwrap();
            assert_eq!(read, serde_json::from_str::<String>(text).unwrap());
        }
        assert!(matches!(Scanner::new(b"\"plain\"").text(), Ok(Cow::Borrowed("plain"))), "no copy");
    }

    #[test]
    fn a_number_is_its_digits_and_its_exponent() {
        let rows = [
            ("0", 0, 0, true, true),
            ("-12", 12, 0, true, true),
            ("1.50", 150, -2, true, false),
            ("0.001", 1, -3, true, false),
            ("25e3", 25, 3, true, false),
            ("18446744073709551615", 1_844_674_407_370_955_161, 0, false, true),
            ("1e99999999999", 1, i32::MAX, true, false),
        ];
        for (text, mantissa, exponent, is_exact, is_integer) in rows {
            let number = Scanner::new(text.as_bytes()).number().unwrap();
            let expected = Number {
                written: text.as_bytes(),
                negative: text.starts_with('-'),
                mantissa,
                exponent,
                is_exact,
                is_integer,
            };
            assert_eq!(number, expected);
        }
    }
}
