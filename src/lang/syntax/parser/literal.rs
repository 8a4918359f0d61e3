//! Text between quotes to what it stands for.

use super::message::syntax;
use super::{Failed, Parse, Parser};
use crate::diag::Span;
use unicode_normalization::{UnicodeNormalization, is_nfc};

impl Parser<'_> {
    /// The text of a token with `$${`, `%%{` and, in a quoted string, escapes resolved, in normal form C.
    pub(super) fn unescape(&mut self, span: Span, quoted: bool) -> Parse<String> {
        let text = self.resolve(span, quoted)?;
        Ok(if text.is_ascii() || is_nfc(&text) { text } else { text.nfc().collect() })
    }

    fn resolve(&mut self, span: Span, quoted: bool) -> Parse<String> {
        let text = self.text_of(span);
        if !text.contains(['\\', '$', '%', '\r']) {
            return Ok(text.to_owned());
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        let mut failed = None;
        while let Some(first) = rest.chars().next() {
            let at = text.len() - rest.len();
            let length = match first {
                '$' if rest.starts_with("$${") => {
                    out.push_str("${");
                    3
                }
                '%' if rest.starts_with("%%{") => {
                    out.push_str("%{");
                    3
                }
                '\\' if quoted => match escape(rest) {
                    Ok((character, length)) => {
                        out.push(character);
                        length
                    }
                    Err(length) => {
                        failed = Some(self.bad_escape(span, at, length));
                        length
                    }
                },
                '\r' if quoted => {
                    failed = Some(self.stray_return(span, at));
                    1
                }
                other => {
                    out.push(other);
                    other.len_utf8()
                }
            };
            rest = rest.get(length..).unwrap_or("");
        }
        failed.map_or(Ok(out), Err)
    }

    #[cold]
    fn bad_escape(&mut self, span: Span, at: usize, length: usize) -> Failed {
        let at = part(span, at, length);
        let text = self.text_of(at);
        let error = syntax(format!("`{text}` is not an escape")).at(at, "unknown escape");
        let error = match text.as_bytes().get(1) {
            Some(b'u') => error.help("`\\u` is followed by the four hexadecimal digits of a character"),
            Some(b'U') => error.help("`\\U` is followed by the eight hexadecimal digits of a character"),
            Some(b'$') => error.help("to write `${` as text, write `$${`"),
            Some(b'%') => error.help("to write `%{` as text, write `%%{`"),
            Some(b'\'') => error.help("a single quote needs no escape"),
            _ => error.help("a backslash itself is written `\\\\`; the escapes are \\n \\r \\t \\\" \\\\ \\uNNNN \\UNNNNNNNN"),
        };
        self.report(error)
    }

    #[cold]
    fn stray_return(&mut self, span: Span, at: usize) -> Failed {
        let error = syntax("a carriage return inside a string")
            .at(part(span, at, 1), "here")
            .help("write it as `\\r`");
        self.report(error)
    }
}

fn part(span: Span, at: usize, length: usize) -> Span {
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let start = span.start.saturating_add(offset(at));
    Span { start, end: start.saturating_add(offset(length)).min(span.end), ..span }
}

/// The character that an escape at the start of a text stands for, and the escape's length; or the length of what is
/// not an escape.
fn escape(text: &str) -> Result<(char, usize), usize> {
    let Some(selector) = text.chars().nth(1) else {
        return Err(1);
    };
    let digits = match selector {
        'n' => return Ok(('\n', 2)),
        'r' => return Ok(('\r', 2)),
        't' => return Ok(('\t', 2)),
        '"' => return Ok(('"', 2)),
        '\\' => return Ok(('\\', 2)),
        'u' => 4,
        'U' => 8,
        other => return Err(1 + other.len_utf8()),
    };
    let hex = text.get(2..2 + digits).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let character = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
    let length = 2 + text.bytes().skip(2).take(digits).take_while(u8::is_ascii_hexdigit).count();
    character.map(|character| (character, length)).ok_or(length)
}
