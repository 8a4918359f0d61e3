//! Hostile expressions: an error with its place, soon, and no crash.

use super::{Names, errors, run};
use crate::diag::SourceMap;
use crate::lang::syntax::{NESTING_MAX, parse_expression};
use crate::lang::value::{Type, Value};
use std::sync::Arc;

/// The stack that a thread of a server may have.
const STACK_BYTES: usize = 2 << 20;

fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(STACK_BYTES).spawn(test).unwrap().join().unwrap();
}

/// As deep as the parser lets it be.
fn deepest(open: &str, inner: &str, close: &str) -> String {
    let deep = |times: u32| open.repeat(times as usize) + inner + &close.repeat(times as usize);
    let text = (1..NESTING_MAX).rev().map(deep).find(|text| {
        let source = SourceMap::new().add("test.hcl", text.as_str());
        parse_expression(source, text).is_ok()
    });
    text.unwrap_or_else(|| panic!("{open} parses"))
}

#[test]
fn expressions_as_deep_as_can_be_written_fit_a_small_stack() {
    on_a_small_stack(|| {
        for (open, inner, close) in [
            ("(", "1", ")"),
            ("[", "1", "]"),
            ("{a=", "1", "}"),
            ("upper(", "\"a\"", ")"),
            ("-(", "1", ")"),
            ("[for x in [1] : ", "x", "]"),
            ("[for x in ", "[1]", " : x]"),
            ("(true ? ", "1", " : 2)"),
            ("(", "true", " ? true : false)"),
            ("try(", "1", ")"),
            ("[0][", "0", "]"),
            ("\"x${", "1", "}\""),
            ("\"%{ if true }${", "1", "}%{ endif }\""),
            ("(1 + ", "1", ")"),
            ("{for k, v in {a=", "1", "} : k => v}"),
            ("tolist([", "1", "])"),
            ("toset([", "1", "])"),
        ] {
            let text = deepest(open, inner, close);
            assert!(run(&text, &Names::default()).is_ok(), "{open}: {:?}", errors(&text, &Names::default()));
        }
        let text = deepest("[0][", "x", "]");
        assert_eq!(errors(&text, &Names::default()), ["nothing is called `x`"]);
    });
}

#[test]
fn chains_of_a_thousand_operators_work() {
    on_a_small_stack(|| {
        let sum = vec!["1"; 1_001].join(" + ");
        assert_eq!(run(&sum, &Names::default()), Ok(Value::from(1_001)));
        let cases = "false ? 1 : ".repeat(1_000) + "2";
        assert_eq!(run(&cases, &Names::default()), Ok(Value::from(2)));
        let steps = "a".to_owned() + &".b".repeat(1_000);
        assert_eq!(
            errors(&steps, &Names::default().with("a", super::object(&[]))),
            ["this object has no attribute `b`"]
        );
    });
}

#[test]
fn what_would_fill_the_memory_is_an_error() {
    let doubled =
        |depth: usize| (0..depth).fold(Value::from("x"), |inner, _| Value::tuple([inner.clone(), inner]));
    let long: Arc<str> = "x".repeat(1 << 20).into();
    let names = || Names::default().with("long", Value::string(long.clone())).with("deep", doubled(18));
    for text in [
        r#"join("", [for i in range(1000) : long])"#,
        r#""%{ for i in range(1000) }${long}%{ endfor }""#,
        r#"replace(long, "x", long)"#,
        r#"indent(1000000000, replace(long, "x", "\n"))"#,
        "[deep, deep, deep, deep]",
        "jsonencode([for i in range(100) : long])",
        "setproduct(range(1000), range(1000), range(1000))",
        r#"format("%1000000s%1000000s", long, long) == join("", [for i in range(100) : long])"#,
        "[for a in range(1000) : [for b in range(1000) : [for c in range(1000) : 1 if false]]]",
    ] {
        let said = errors(text, &names());
        assert_eq!(said.len(), 1, "{text}: {said:?}");
        assert!(said[0].starts_with("the value is too large: "), "{text}: {said:?}");
    }
}

#[test]
fn limits_of_terraform_are_kept() {
    for (text, expected) in [
        ("range(1025)", "`range` has no result here"),
        ("range(1, 1e9)", "`range` has no result here"),
        (r#"format("%2000000s", "x")"#, "`format` has no result here"),
        ("1e5000 * 1e5000", "`*` has no result here: the number is out of range"),
        (r#"tonumber("1e999999999")"#, "the argument `v` of `tonumber` does not fit"),
        (r#"jsondecode("1e999999999")"#, "the argument `str` of `jsondecode` does not fit"),
    ] {
        assert_eq!(errors(text, &Names::default()), [expected], "{text}");
    }
    let nested = format!("jsondecode(\"{}{}\")", "[".repeat(300), "]".repeat(300));
    assert_eq!(
        errors(&nested, &Names::default()),
        ["the value is too large: values are nested deeper than 200"]
    );
}

/// A limit is a limit also where errors are caught.
#[test]
fn try_does_not_hide_a_limit() {
    let names = Names::default().with("long", Value::string("x".repeat(1 << 20)));
    for text in [r#"try(replace(long, "x", long), 1)"#, r#"can(replace(long, "x", long))"#] {
        assert_eq!(errors(text, &names), ["the value is too large: it takes more than 64 MiB"]);
    }
}

#[test]
fn values_too_deep_to_walk_are_an_error() {
    let deep = (0..199).fold(Value::from(1), |inner, _| Value::tuple([inner]));
    let names = || Names::default().with("deep", deep.clone());
    assert!(run("[deep]", &names()).is_ok());
    assert_eq!(errors("[[deep]]", &names()), ["the value is too large: values are nested deeper than 200"]);
    on_a_small_stack(move || {
        let value = Value::list(Type::Any, [deep.clone()]);
        assert!(
            run("deep == deep && jsonencode(deep) != \"\"", &Names::default().with("deep", value)).is_ok()
        );
    });
}
