//! YAML text to trees.

use crate::diag::{SourceMap, Style, render};
use crate::manifest::yaml::{DEPTH_MAX, Exact, NODES_MAX, Node, NodeKind, Parsed, exact, parse};
use proptest::prelude::*;

fn parsed(text: &str) -> (Parsed, SourceMap) {
    let mut sources = SourceMap::new();
    let source = sources.add("a.yaml", text);
    (parse(text, source), sources)
}

/// A tree on one line: `{a: 1, b: "x"}`, numbers as written.
fn line(node: &Node) -> String {
    match &node.kind {
        NodeKind::Null => "null".into(),
        NodeKind::Bool(value) => value.to_string(),
        NodeKind::Number(text) => text.to_string(),
        NodeKind::String(text) => format!("{text:?}"),
        NodeKind::Sequence(items) => format!("[{}]", items.iter().map(line).collect::<Vec<_>>().join(", ")),
        NodeKind::Mapping(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|entry| format!("{}: {}", entry.key, line(&entry.value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        NodeKind::Refused => "refused".into(),
    }
}

#[test]
fn text_is_read_by_the_core_schema_of_yaml_1_2() {
    for (text, expected) in [
        ("a: 1", "{a: 1}"),
        ("a: '1'", "{a: \"1\"}"),
        ("a: \"true\"", "{a: \"true\"}"),
        ("a: true\nb: False\nc: TRUE", "{a: true, b: false, c: true}"),
        ("a: yes\nb: no\nc: on\nd: tRue", "{a: \"yes\", b: \"no\", c: \"on\", d: \"tRue\"}"),
        ("a:\nb: ~\nc: null\nd: Null", "{a: null, b: null, c: null, d: null}"),
        ("a: ''", "{a: \"\"}"),
        ("[0.90, 1., .5, -1e3, +7, 0x1F, 0o17, 017]", "[0.90, 1., .5, -1e3, +7, 0x1F, 0o17, 017]"),
        ("[.inf, -.INF, .nan]", "[.inf, -.INF, .nan]"),
        (
            "[., 1_000, 1e, 0x, 1.2.3, 12e3e4, inf, nan, -.nan]",
            "[\".\", \"1_000\", \"1e\", \"0x\", \"1.2.3\", \"12e3e4\", \"inf\", \"nan\", \"-.nan\"]",
        ),
        ("a: 2025-01-15", "{a: \"2025-01-15\"}"),
        ("a: 2.1.0", "{a: \"2.1.0\"}"),
        ("a: |\n  x\n  y\nb: >-\n  x\n  y\n", "{a: \"x\\ny\\n\", b: \"x y\"}"),
        ("a: x\n  y", "{a: \"x y\"}"),
        ("1: a\ntrue: b\n'x y': c", "{1: \"a\", true: \"b\", x y: \"c\"}"),
        ("- a\n- - b\n  - c\n-\n", "[\"a\", [\"b\", \"c\"], null]"),
        ("a: {b: [1, {c: d}], e: }", "{a: {b: [1, {c: \"d\"}], e: null}}"),
        ("a: &x 1\nb: 2", "{a: 1, b: 2}"),
    ] {
        let (parsed, sources) = parsed(text);
        if let Some(stopped) = &parsed.stopped {
            panic!("{text}: {}", render(stopped, &sources, Style::Plain));
        }
        let lines: Vec<_> = parsed.documents.iter().map(|document| line(&document.root)).collect();
        assert_eq!(lines, [expected], "{text}");
        assert!(parsed.documents[0].problems.is_empty(), "{text}");
    }
}

#[test]
fn a_text_holds_any_number_of_documents() {
    for (text, expected) in [
        ("", vec![]),
        ("# nothing\n", vec![]),
        ("---\n...\n---\n", vec![]),
        ("a: 1\n---\nb: 2\n...\n---\n- c\n", vec!["{a: 1}", "{b: 2}", "[\"c\"]"]),
    ] {
        let lines: Vec<_> = parsed(text).0.documents.iter().map(|document| line(&document.root)).collect();
        assert_eq!(lines, expected, "{text:?}");
    }
}

#[test]
fn documents_before_a_syntax_error_are_kept() {
    let (parsed, _) = parsed("a: 1\n---\nb: [1\n");
    assert_eq!(parsed.documents.len(), 1);
    assert!(parsed.stopped.is_some());
}

#[test]
fn places_are_bytes_in_text_of_any_script_and_line_end() {
    let text = "größe: 'ü'\r\nリスト:\r\n  - 日本語  # 註\r\n  - {キー: \"値\\t\", n: 0.5}\r\nempty:\r\nblock: |\r\n  α\r\n  β\r\nlast: ω\r\n";
    let (parsed, sources) = parsed(text);
    let root = &parsed.documents[0].root;
    let mut seen = Vec::new();
    walk(root, &mut |node| {
        if !matches!(node.kind, NodeKind::Mapping(_) | NodeKind::Sequence(_)) {
            seen.push(sources.text(node.span).to_owned());
        }
    });
    assert_eq!(seen, ["'ü'", "日本語", "\"値\\t\"", "0.5", "empty", "α\r\n  β", "ω"]);
    let keys: Vec<_> = root.entries().unwrap().iter().map(|entry| sources.text(entry.key_span)).collect();
    assert_eq!(keys, ["größe", "リスト", "empty", "block", "last"]);
    let list = root.get("リスト").unwrap();
    assert_eq!(sources.text(list.span), "- 日本語  # 註\r\n  - {キー: \"値\\t\", n: 0.5}");
    assert_eq!(sources.place(list.items().unwrap()[1].span), "a.yaml:4:5");
}

fn walk(node: &Node, visit: &mut impl FnMut(&Node)) {
    visit(node);
    for item in node.items().unwrap_or_default() {
        walk(item, visit);
    }
    for entry in node.entries().unwrap_or_default() {
        walk(&entry.value, visit);
    }
}

#[test]
fn what_is_too_deep_too_large_or_a_bomb_stops_at_once() {
    let bomb = "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: [*b, *b]\n";
    let (bombed, _) = parsed(bomb);
    assert_eq!(bombed.documents[0].problems.len(), 11, "each alias is a problem, none is expanded");
    for (text, expected) in [
        ("[".repeat(DEPTH_MAX + 1), "deeper than 64 levels"),
        ("- ".repeat(DEPTH_MAX + 1), "deeper than 64 levels"),
        ("{a: ".repeat(100_000), "nested too deep"),
        ("- a\n".repeat(NODES_MAX), "more than 100000 values"),
        (format!("[{}]", "1,".repeat(2 * NODES_MAX)), "more than 100000 values"),
    ] {
        let stopped = parsed(&text).0.stopped.expect(expected);
        assert!(stopped.summary.contains(expected), "{}", stopped.summary);
    }
    let deepest = format!("{}{}", "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX));
    assert!(parsed(&deepest).0.stopped.is_none(), "{DEPTH_MAX} levels are allowed");
}

#[test]
fn a_key_twice_is_a_problem_however_it_is_quoted() {
    let (parsed, sources) = parsed("a:\n  x: 1\n  \"x\": 2\n  'x': 3\nb: {y: 1, y: 1}\n");
    let problems = &parsed.documents[0].problems;
    let places: Vec<_> = problems.iter().map(|problem| sources.place(problem.labels[0].span)).collect();
    assert_eq!(places, ["a.yaml:3:3", "a.yaml:4:3", "a.yaml:5:11"]);
}

#[test]
fn numbers_have_a_value_only_if_a_double_holds_what_is_written() {
    let double = |value| Some(Exact::Double(value));
    let whole = |value| Some(Exact::Integer(value));
    for (text, expected) in [
        ("0.85", double(0.85)),
        ("0.850", double(0.85)),
        ("+00.85", double(0.85)),
        ("85e-2", double(0.85)),
        (".5", double(0.5)),
        ("1.", double(1.0)),
        ("-0.0", double(-0.0)),
        ("0.30000000000000004", double(0.300_000_000_000_000_04)),
        ("0.84999999999999999999", None),
        ("0.1000000000000000055511151231257827", None),
        ("7", whole(7)),
        ("-7", whole(-7)),
        ("0x1F", whole(31)),
        ("0o17", whole(15)),
        ("017", whole(17)),
        ("9223372036854775807", whole(i64::MAX)),
        ("9223372036854775809", None),
        ("1e20", double(1e20)),
        ("100000000000000000000", double(1e20)),
        ("1e999", None),
        ("1e-999", None),
        ("0e999999999999999999999", double(0.0)),
        ("0xFFFFFFFFFFFFFFFFFF", None),
        (".inf", None),
        (".nan", None),
        ("x", None),
    ] {
        assert_eq!(exact(text), expected, "{text}");
    }
}

/// Pieces that make text look like YAML, and some that break it.
fn yaml_like() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "a",
        "b",
        ": ",
        ":",
        "\n",
        "\r\n",
        "  ",
        "\t",
        "- ",
        "-",
        "[",
        "]",
        "{",
        "}",
        ",",
        "\"",
        "'",
        "|",
        ">",
        "|+2",
        "#",
        "&x ",
        "*x",
        "!!str ",
        "!",
        "? ",
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "%TAG ! x\n",
        "<<",
        "~",
        "0.5",
        "true",
        "é",
        "日本",
        "\u{feff}",
        "\0",
        "\u{85}",
        "\\",
        "\\x41",
        "\\u12",
        "@",
        "`",
        "kind: ModelDeployment\n",
        "spec:\n",
        "apiVersion: mlifecycle.io/v1\n",
        "  model: ",
        "  metrics:\n    accuracy: ",
        "\u{1F600}",
    ]);
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000_u32.max(ProptestConfig::default().cases)))]

    #[test]
    fn no_text_makes_the_reader_panic_and_all_places_are_in_the_text(text in yaml_like()) {
        check_places(&text)?;
    }

    #[test]
    fn a_manifest_that_is_broken_anywhere_is_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..20usize, yaml_like(), any::<bool>()), 1..4),
    ) {
        let mut text = include_str!("../../../examples/iris/iris.yaml").to_owned();
        for (at, removed, piece, insert) in changes {
            let start = text.floor_char_boundary(at.index(text.len() + 1));
            let end = text.floor_char_boundary((start + removed).min(text.len())).max(start);
            text.replace_range(start..end, if insert { &piece } else { "" });
        }
        check_places(&text)?;
        let (found, sources) = super::read(&text);
        let said = match found {
            Ok((_, said)) | Err(said) => said,
        };
        let _ = super::shown(&said, &sources);
    }

    #[test]
    fn no_string_makes_the_reader_panic(text in any::<String>()) {
        check_places(&text)?;
    }

    #[test]
    fn every_double_is_held_as_it_is_printed(number in prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO) {
        for text in [number.to_string(), format!("{number:e}"), format!("{number:?}")] {
            let value = match exact(&text) {
                Some(Exact::Double(value)) => value,
                #[expect(clippy::cast_precision_loss, reason = "compared as a double")]
                Some(Exact::Integer(value)) => value as f64,
                None => return Err(TestCaseError::fail(text)),
            };
            prop_assert!(value.total_cmp(&number).is_eq() || value == 0.0 && number == 0.0, "{text}");
        }
    }

    #[test]
    fn lines_of_keys_are_read_back_with_their_places(keys in prop::collection::btree_map("[a-zé日]{1,8}", "[a-zß本]{1,8}( [a-z]{1,5})?", 1..20)) {
        let reserved = |text: &str| matches!(text, "true" | "false" | "null");
        prop_assume!(!keys.iter().any(|(key, value)| reserved(key) || reserved(value)));
        let lines: Vec<_> = keys.iter().map(|(key, value)| format!("{key}:   {value}  # c\n")).collect();
        let text = lines.concat();
        let (parsed, sources) = parsed(&text);
        let entries = parsed.documents[0].root.entries().unwrap().to_vec();
        prop_assert_eq!(entries.len(), keys.len());
        for (entry, (key, value)) in entries.iter().zip(&keys) {
            prop_assert_eq!(sources.text(entry.key_span), key);
            prop_assert_eq!(sources.text(entry.value.span), value);
        }
    }
}

fn check_places(text: &str) -> Result<(), TestCaseError> {
    let (parsed, sources) = parsed(text);
    let mut outside = None;
    for document in &parsed.documents {
        walk(&document.root, &mut |node| {
            let (start, end) = (node.span.start as usize, node.span.end as usize);
            if text.get(start..end).is_none() {
                outside = Some(node.clone());
            }
        });
    }
    prop_assert!(outside.is_none(), "{outside:?}");
    for diagnostic in parsed.documents.iter().flat_map(|document| &document.problems).chain(&parsed.stopped) {
        prop_assert!(render(diagnostic, &sources, Style::Plain).starts_with("error"));
    }
    let (found, sources) = super::read(text);
    let said = found.map_or_else(|errors| errors, |(_, said)| said);
    for diagnostic in &said {
        prop_assert!(render(diagnostic, &sources, Style::Plain).contains("m.yaml"));
    }
    Ok(())
}
