//! One sink for text from outside: nothing in it can steer a terminal.

use std::borrow::Cow;

/// Makes text safe to print: control characters other than newline and tab, C1, bidirectional controls and
/// zero-width characters are written as `\u{…}`.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_unsafe(character) { out.extend(character.escape_unicode()) } else { out.push(character) }
    }
    Cow::Owned(out)
}

/// Whether a character could steer a terminal or change how text around it looks.
pub fn is_unsafe(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => true,
        other => other.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::escape;
    use proptest::prelude::*;

    #[test]
    fn text_that_could_steer_a_terminal_is_spelled_out() {
        for (text, expected) in [
            ("plain, ünïcode", "plain, ünïcode"),
            ("two\nlines\tand a tab", "two\nlines\tand a tab"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("a\r\nb", "a\\u{d}\nb"),
            ("rtl \u{202e}gnp.exe", "rtl \\u{202e}gnp.exe"),
            ("c1 \u{9b}", "c1 \\u{9b}"),
            ("zero\u{200b}width", "zero\\u{200b}width"),
        ] {
            assert_eq!(escape(text), expected);
        }
    }

    proptest! {
        #[test]
        fn no_control_byte_passes(text in any::<String>()) {
            let safe = escape(&text).into_owned();
            let clean = safe.chars().all(|c| c == '\n' || c == '\t' || !c.is_control());
            prop_assert!(clean, "{safe:?}");
        }
    }
}
