//! `errors.txt`: each case has a title, a file, and what is said of it.

use super::{file, rendered};

#[test]
fn each_syntax_error_says_what_was_found_and_what_to_do() {
    let expected = include_str!("errors.txt");
    let mut actual = String::new();
    for case in expected.split("### ").skip(1) {
        let (title, rest) = case.split_once('\n').unwrap();
        let (text, _) = rest.split_once("---\n").unwrap();
        // The last line end of a case is not part of it, so that a file can end in the middle of a line.
        let (parsed, sources) = file(text.strip_suffix('\n').unwrap());
        assert!(parsed.diagnostics.has_errors(), "{title}");
        let messages = rendered(&parsed.diagnostics, &sources);
        actual.extend(["### ", title, "\n", text, "---\n", &messages, "\n"]);
    }
    assert!(actual == expected, "errors.txt would be:\n{actual}<<<");
}
