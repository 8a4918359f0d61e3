//! Text as values have it: normalised, and counted in what readers see as one character.

use std::fmt::Write as _;
use std::sync::Arc;
use unicode_normalization::char::is_combining_mark;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
use unicode_segmentation::UnicodeSegmentation;

/// Bytes of a prefix that are remembered of an unknown string: HCL's limit.
const PREFIX_BYTES_MAX: usize = 128;

/// Text in NFC, as all strings of values are.
pub fn normalize(text: &str) -> Arc<str> {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        return text.into();
    }
    text.nfc().collect::<String>().into()
}

/// What readers see as one character each (extended grapheme clusters).
pub fn graphemes(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.graphemes(true)
}

/// What of a text stays if more text follows it: its last character could become part of another.
pub fn known_prefix(text: &str) -> Option<Arc<str>> {
    let text = text.get(..text.floor_char_boundary(PREFIX_BYTES_MAX)).unwrap_or("");
    let closed =
        text.ends_with(|last: char| last.is_ascii() && !last.is_ascii_alphanumeric() && !last.is_control());
    let kept = if closed {
        text
    } else {
        let last = graphemes(text).next_back().map_or(0, str::len);
        text.get(..text.len() - last).unwrap_or("")
    };
    (!kept.is_empty()).then(|| normalize(kept))
}

/// In double quotes, with the escapes of Go's `%q`.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            control if control.is_ascii_control() => {
                let _ = write!(quoted, "\\x{:02x}", u32::from(control));
            }
            hidden if is_hidden(hidden) && u32::from(hidden) > 0xffff => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(hidden));
            }
            hidden if is_hidden(hidden) => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(hidden));
            }
            shown => quoted.push(shown),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether a character shows nothing by itself: controls, formats, spaces other than the plain one.
pub(crate) fn is_hidden(character: char) -> bool {
    // What Rust spells out are these, and marks, which Go shows.
    !matches!(character, ' ' | '\'') && character.escape_debug().len() > 1 && !is_combining_mark(character)
}

/// [`quote`] of at most so many characters, for messages.
pub(crate) fn quote_short(text: &str, characters_max: usize) -> String {
    let shortened: String = text.chars().take(characters_max).collect();
    let more = if shortened.len() < text.len() { "…" } else { "" };
    quote(&(shortened + more))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_where_nothing_that_follows_can_change_it() {
        for (text, expected) in [
            ("arn:aws:", Some("arn:aws:")),
            ("abc", Some("ab")),
            ("a", None),
            ("", None),
            ("x-e\u{301}", Some("x-")),
            ("a b ", Some("a b ")),
        ] {
            assert_eq!(known_prefix(text).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn what_shows_nothing_is_spelled_out() {
        for (text, expected) in [
            ("a'\"\\", r#""a'\"\\""#),
            ("\n\t\u{1}\u{7f}", r#""\n\t\x01\x7f""#),
            ("\u{200b}\u{a0}\u{85}\u{e0001}", r#""\u200b\u00a0\u0085\U000e0001""#),
            ("é x\u{301}☃", "\"é x\u{301}☃\""),
        ] {
            assert_eq!(quote(text), expected);
        }
    }

    #[test]
    fn text_is_composed() {
        assert_eq!(&*normalize("e\u{301}"), "é");
        assert_eq!(&*normalize("plain"), "plain");
    }
}
