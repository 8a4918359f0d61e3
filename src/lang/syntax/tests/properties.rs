use super::file;
use crate::diag::SourceMap;
use crate::lang::syntax::lexer::lex;
use crate::lang::syntax::{decode, parse_expression};
use proptest::prelude::*;

/// Pieces that mean something to the lexer, so that random rows of them reach deep into it.
const PIECES: &[&str] = &[
    "a",
    "b-c",
    "für",
    "1",
    "1.5",
    "1e",
    "\"",
    "\"",
    "${",
    "%{",
    "${~",
    "~}",
    "}",
    "{",
    "(",
    ")",
    "[",
    "]",
    "=",
    "==",
    "=>",
    "\n",
    "\r\n",
    "\r",
    " ",
    "\t",
    "<<EOT\n",
    "<<-EOT\n",
    "EOT\n",
    "\nEOT\n",
    "#",
    "//",
    "/*",
    "*/",
    "$${",
    "%%{",
    "\\",
    "\\u00",
    "if ",
    "else",
    "endif",
    "for ",
    " in ",
    "endfor",
    ":",
    "::",
    "?",
    ".",
    "...",
    ".*",
    "[*]",
    ",",
    "!",
    "-",
    "+",
    "*",
    "/",
    "%",
    "&&",
    "||",
    "&",
    "|",
    "<",
    ">",
    "<=",
    "'",
    ";",
    "\u{feff}",
    "\u{202e}",
    "é",
    "null",
    "true",
    "resource \"a\" \"b\" {\n",
    "x = 1\n",
    "}\n",
];

fn soup() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..60).prop_map(|pieces| pieces.concat())
}

fn check_lossless(text: &str) {
    let mut at = 0;
    for token in lex(text) {
        assert_eq!(token.start, at, "tokens lie end to end");
        assert!(token.end > token.start, "no token is empty");
        at = token.end;
    }
    assert_eq!(at as usize, text.len(), "tokens cover all");
}

/// Parsing ends, and every place that it names is in the text and between characters.
fn check_parse(text: &str) {
    let (parsed, sources) = file(text);
    for label in parsed.diagnostics.iter().flat_map(|error| &error.labels) {
        let (start, end) = (label.span.start as usize, label.span.end as usize);
        assert!(start <= end && text.get(start..end).is_some(), "{label:?} in {text:?}");
    }
    let _ = super::rendered(&parsed.diagnostics, &sources);
    let mut sources = SourceMap::new();
    let source = sources.add("x", text);
    let _ = parse_expression(source, text);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000_u32.max(ProptestConfig::default().cases),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn tokens_cover_any_text(text in any::<String>()) {
        check_lossless(&text);
        check_parse(&text);
    }

    #[test]
    fn tokens_cover_any_soup_and_parsing_it_ends(text in soup()) {
        check_lossless(&text);
        check_parse(&text);
    }

    #[test]
    fn any_bytes_are_text_or_have_a_place_where_they_are_not(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        match decode(&bytes) {
            Ok(text) => check_parse(text),
            Err(at) => prop_assert!(at < bytes.len() && std::str::from_utf8(&bytes[..at]).is_ok()),
        }
    }
}

#[test]
fn hostile_repetitions_take_no_longer_than_their_length_allows() {
    // Each of these once made some parser quadratic. A megabyte of each is read in one test run.
    for piece in [
        "/**/",
        "\"",
        "${",
        "\"${",
        "a = \"\n",
        "<<E\n",
        "}\n",
        "a\n",
        "a {\n",
        "a {\n}\n",
        "a = [\n",
        "\"${\"",
        "a b\n",
        "a = /**/ = 1\n",
        "a { b {\n",
        "a = <<E\n",
        "(",
        "a ? ",
        "a = 1\n",
    ] {
        let text = piece.repeat(1_000_000 / piece.len());
        check_lossless(&text);
        let (parsed, _) = file(&text);
        assert!(parsed.diagnostics.len() <= 22, "{piece:?}");
    }
}
