//! The YAML parser's errors in words for people who do not know its grammar.

use crate::diag::{Diagnostic, Span, code};

/// What the parser says (a part of it), what we say, and what to do.
const WORDS: &[(&str, &str, &str)] = &[
    (
        "indentation in quoted scalar",
        "a quote is opened and not closed before the text leaves its block",
        "close the quote, or indent the lines of the text further than their key",
    ),
    ("tab", "a tab is used where YAML wants spaces", "indent with spaces; set the editor to insert them"),
    (
        "found unexpected end of stream",
        "a quote is opened and never closed",
        "close the quote, or double it inside single quotes (`'it''s'`)",
    ),
    (
        "found unexpected document indicator",
        "a quote is opened and never closed",
        "close the quote before `---` or `...`",
    ),
    (
        "mapping values are not allowed",
        "a `:` stands where no key can be",
        "put quotes around text that holds `: `; else look for a missing `:` in the line above and at the indentation of this one",
    ),
    (
        "mapping keys are not allowed",
        "a key stands where none can be",
        "check the indentation of this line and the one above",
    ),
    (
        "block sequence entries are not allowed",
        "a list item stands where none can be",
        "begin the list on its own line, under its key",
    ),
    (
        "did not find expected '-' indicator",
        "this line is neither an item of the list above nor outside of it",
        "begin the line with `- `, or indent it as the lines that it belongs to",
    ),
    (
        "did not find expected key",
        "this line fits no block above it",
        "indent it exactly as the other keys of its block, and check the line above for a missing `:` or quote",
    ),
    (
        "simple key expect",
        "a `:` is missing after this key",
        "write `key: value`; put quotes around text that goes over lines",
    ),
    (
        "simple key expected",
        "a `:` is missing after this key",
        "write `key: value`, and check the indentation of this line",
    ),
    (
        "invalid indentation",
        "this line fits no block above it",
        "indent it exactly as the other lines of its block",
    ),
    (
        "expected ',' or '}'",
        "a `,` or the closing `}` is missing",
        "separate entries with `,` and close the braces",
    ),
    (
        "expected ',' or ']'",
        "a `,` or the closing `]` is missing",
        "separate items with `,` and close the brackets",
    ),
    (
        "placement of ':' indicator",
        "a `,` or a closing bracket is missing before this line",
        "close the brackets of the lists and blocks above",
    ),
    ("misplaced bracket", "this bracket closes nothing", "take it out, or add the one that opens it"),
    (
        "unknown escape character",
        "this escape is not known inside double quotes",
        "use single quotes, or write `\\\\` for a backslash",
    ),
    (
        "trailing content after",
        "there is text after the closing quote",
        "put the quotes around the whole value",
    ),
    ("found unknown anchor", "this alias refers to no anchor", "put quotes around text that begins with `*`"),
    ("unexpected character", "this character cannot begin a value", "put quotes around the value"),
    (
        "unprintable",
        "this control character cannot be in YAML",
        "take it out, or write it as an escape in double quotes",
    ),
    (
        "did not find expected <document start>",
        "there is text after the end of the document",
        "begin another document with a line `---`",
    ),
    ("did not find expected node content", "a value is missing here", "write the value, or quotes around it"),
    ("recursion limit", "brackets are nested too deep", "manifests need no more than three"),
];

/// The message for an error of the parser.
pub(super) fn explain(info: &str, at: Span) -> Diagnostic {
    match WORDS.iter().find(|(part, ..)| info.contains(part)) {
        Some((_, words, help)) => {
            Diagnostic::error(code::manifest::YAML, format!("not valid YAML: {words}")).at(at, "").help(*help)
        }
        None => Diagnostic::error(code::manifest::YAML, format!("not valid YAML: {info}")).at(at, ""),
    }
}
