use super::{file, rendered};
use crate::diag::{SourceMap, code};
use crate::lang::syntax::{NESTING_MAX, NODES_MAX, SOURCE_BYTES_MAX, json, parse_expression};
use std::sync::Arc;

/// Texts that nest `levels` deep, one for each way of nesting.
fn nested(levels: usize) -> Vec<(&'static str, String)> {
    let around = |open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(levels), close.repeat(levels))
    };
    // What a level holds besides the next one: operators of every precedence are the deepest calls.
    vec![
        ("parentheses", around("(", "1", ")")),
        ("operators in parentheses", around("(1 || 1 && 1 == 1 < 1 + 1 * ", "1", ")")),
        ("brackets", around("[", "1", "]")),
        ("objects", around("{a = ", "1", "}")),
        ("keys of objects", around("{", "a", " = 1}")),
        ("calls", around("f(1 || 1 && 1 == 1 < 1 + 1 * ", "1", ")")),
        ("indexes", around("a[1 || 1 && 1 == 1 < 1 + 1 * ", "1", "]")),
        ("splats", format!("a{}", "[*]".repeat(levels))),
        ("signs", around("-", "1", "")),
        ("negations", around("!", "true", "")),
        ("conditionals in the middle", around("a ? ", "b", " : c")),
        ("lists of for", around("[for x in ", "y", " : x]")),
        ("maps of for", around("{for x in y : x => ", "y", "}")),
        (
            "everything",
            format!("{}y{}", "[for x in a ? b : 1 + ".repeat(levels - 1), " : x]".repeat(levels - 1)),
        ),
        (
            "three by turns",
            format!("{}y{}", "{(c) = a ? b : 1 + c[f(".repeat(levels / 3), ")]}".repeat(levels / 3)),
        ),
        ("directives", format!("\"{}x{}\"", "%{if a}".repeat(levels - 1), "%{endif}".repeat(levels - 1))),
    ]
}

fn errors(text: &str) -> Option<String> {
    let mut sources = SourceMap::new();
    let source = sources.add("x", text);
    parse_expression(source, text).err().map(|found| {
        assert!(found.iter().all(|error| error.code == code::lang::LIMIT), "{}", rendered(&found, &sources));
        assert_eq!(found.len(), 1);
        rendered(&found, &sources)
    })
}

/// Runs on a stack of 1.5 MiB; a thread gets 2 by default.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(3 << 19).spawn(test).unwrap().join().unwrap();
}

#[test]
fn nesting_up_to_the_limit_is_read_and_dropped_on_a_small_stack() {
    on_a_small_stack(|| {
        for (name, text) in nested(NESTING_MAX as usize) {
            assert_eq!(errors(&text), None, "{name}");
        }
        // An interpolation in quotes is two levels.
        let half = NESTING_MAX as usize / 2;
        assert_eq!(errors(&format!("{}x{}", "\"a${".repeat(half), "}\"".repeat(half))), None);
        let levels = NESTING_MAX as usize;
        let (parsed, sources) = file(&format!("{}{}", "b {\n".repeat(levels), "}\n".repeat(levels)));
        assert_eq!(rendered(&parsed.diagnostics, &sources), "");
    });
}

#[test]
fn deeper_nesting_is_one_clean_error() {
    on_a_small_stack(|| {
        for levels in [NESTING_MAX as usize + 1, 50_000] {
            for (name, text) in nested(levels + 1) {
                assert!(errors(&text).is_some_and(|text| text.contains("200 levels")), "{name}");
            }
        }
        let (parsed, _) = file(&"b {\n".repeat(100_000));
        assert!(parsed.diagnostics.has_errors());
        assert!(parsed.diagnostics.len() <= 21);
        let (parsed, _) = file(&"\"${".repeat(100_000));
        assert!(parsed.diagnostics.has_errors());
    });
}

#[test]
fn flat_chains_of_any_length_work() {
    on_a_small_stack(|| {
        let sum = vec!["a"; 10_001].join(" + ");
        let mixed = vec!["a * b"; 10_001].join(" || ");
        let conditionals = format!("{}z", "a ? b : ".repeat(10_000));
        let steps = format!("a{}", ".b[0]".repeat(10_000));
        let args = format!("f({})", vec!["x"; 10_000].join(", "));
        let template = format!("\"{}\"", "${x} ".repeat(10_000));
        for text in [sum, mixed, conditionals, steps, args, template] {
            assert_eq!(errors(&text), None);
        }
    });
}

#[test]
fn a_source_that_is_too_large_is_refused_unread() {
    let text = "a".repeat(SOURCE_BYTES_MAX + 1);
    assert!(errors(&text).is_some_and(|error| error.contains("10485761 bytes is too large")));
    let (parsed, sources) = file(&text);
    assert!(rendered(&parsed.diagnostics, &sources).contains("too large"));
}

#[test]
fn a_source_of_too_many_parts_is_refused_with_one_error_at_its_place() {
    let (values, tokens) = (NODES_MAX + 1, 4_000_001);
    for (text, expected) in [
        (format!("a = [{}]", "1,".repeat(values)), "more than 500000 values"),
        (format!("b {{\n  a = c{}\n}}", ".d".repeat(values)), "more than 500000 values"),
        (format!("a = \"{}\"", "${b}".repeat(values / 3)), "more than 500000 values"),
        (format!("a = <<E\n{}E\n", "\n".repeat(values / 2 + 1)), "more than 500000 values"),
        ("b {}\n".repeat(values / 2 + 1), "more than 500000 values"),
        (format!("b {}{{}}", "c ".repeat(values)), "more than 500000 values"),
        ("\n".repeat(tokens), "more than 4000000 words and signs"),
    ] {
        let (parsed, sources) = file(&text);
        let said = rendered(&parsed.diagnostics, &sources);
        assert_eq!(parsed.diagnostics.len(), 1, "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_file_of_json_is_limited_alike() {
    let deep = |levels: usize| format!("{{\"locals\": {}1{}}}", "[".repeat(levels), "]".repeat(levels));
    on_a_small_stack(move || {
        for (text, expected) in [
            (deep(199), None),
            (deep(200), Some("nested more than 200 levels deep")),
            (deep(1_000_000), Some("nested more than 200 levels deep")),
            (format!("{{\"a\": [{}1]}}", "1,".repeat(NODES_MAX)), Some("more than 500000 values")),
            (" ".repeat(SOURCE_BYTES_MAX + 1), Some("10485761 bytes is too large")),
        ] {
            let mut sources = SourceMap::new();
            let text: Arc<str> = text.into();
            let source = sources.add("x.tf.json", text.clone());
            let (_, diagnostics) = json::parse(source, &text);
            let said = rendered(&diagnostics, &sources);
            assert_eq!(diagnostics.len(), usize::from(expected.is_some()), "{said}");
            assert!(said.contains(expected.unwrap_or("")), "{said}");
        }
    });
}
