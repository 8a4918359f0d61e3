//! Operators and forms with unknown and marked operands.

use super::{Names, object, run, value};
use crate::lang::value::{Bounds, Marks, Number, Refinement, Type, Value};
use std::sync::Arc;

fn secret(value: impl Into<Value>) -> Value {
    value.into().marked(Marks::SENSITIVE)
}

fn list(items: &[&str]) -> Value {
    Value::list(Type::String, items.iter().map(|item| Value::from(*item)))
}

/// `n`, `s`, `b`, `l`, `m` and `o` are unknown; `sn`, `ss`, `sl`, `so` are secret; `any` is unknown of any type.
fn names() -> Names {
    let unknown = Value::unknown;
    let fields = || Type::object([("a".into(), Type::String), ("b".into(), Type::Number)]);
    Names::default()
        .with("any", unknown(Type::Any))
        .with("n", unknown(Type::Number))
        .with("s", unknown(Type::String))
        .with("b", unknown(Type::Bool))
        .with("l", unknown(Type::list(Type::String)))
        .with("m", unknown(Type::map(Type::Number)))
        .with("o", unknown(fields()))
        .with("id", Value::unknown_not_null(Type::String))
        .with("sn", secret(5))
        .with("ss", secret("x"))
        .with("sl", secret(list(&["p", "q"])))
        .with("so", object(&[("a", secret("p")), ("b", 1.into())]))
        .with("su", secret(unknown(Type::String)))
        .with("pair", list(&["a", "b"]))
}

fn not_null(ty: Type) -> Value {
    Value::unknown_not_null(ty)
}

fn prefixed(prefix: &str) -> Value {
    let refinement = Refinement { not_null: true, prefix: Some(prefix.into()), ..Refinement::default() };
    Value::unknown_with(Type::String, refinement)
}

fn sized(ty: Type, min: u64, max: u64) -> Value {
    Value::unknown_with(
        ty,
        Refinement { not_null: true, length_min: min, length_max: Some(max), ..Refinement::default() },
    )
}

/// A number that is not null, within bounds.
fn between(least: i64, most: Option<i64>) -> Value {
    let bounds = Bounds { least: Some(least.into()), most: most.map(Number::from) };
    let refinement = Refinement { not_null: true, bounds: Some(Arc::new(bounds)), ..Refinement::default() };
    Value::unknown_with(Type::Number, refinement)
}

#[test]
fn what_is_known_of_unknown_results() {
    let any = || not_null(Type::Any);
    for (text, expected) in [
        ("n + 1", not_null(Type::Number)),
        ("-n", not_null(Type::Number)),
        ("n < 2", not_null(Type::Bool)),
        ("any + 1", not_null(Type::Number)),
        ("!b", not_null(Type::Bool)),
        ("false && b", not_null(Type::Bool)),
        ("s == \"x\"", not_null(Type::Bool)),
        ("s == null", not_null(Type::Bool)),
        ("id == null", false.into()),
        ("s == 5", false.into()),
        ("\"x-${id}\"", prefixed("x-")),
        ("\"${id}-x\"", not_null(Type::String)),
        ("\"arn:${\"aws:${id}\"}\"", prefixed("arn:aws:")),
        ("startswith(\"arn:${id}\", \"arn:\")", true.into()),
        ("startswith(\"arn:${id}\", \"x\")", false.into()),
        ("b ? \"x\" : \"y\"", not_null(Type::String)),
        ("b ? \"x\" : null", Value::unknown(Type::String)),
        ("b ? pair : tolist([\"a\"])", sized(Type::list(Type::String), 1, 2)),
        ("b ? null : null", Value::null()),
        ("b ? 1 : \"a\"", not_null(Type::String)),
        ("any ? 1 : 2", between(1, Some(2))),
        ("b ? 1 : n", Value::unknown(Type::Number)),
        ("b ? (any ? 1 : 2) : 7", between(1, Some(7))),
        ("b ? 1 : 1", 1.into()),
        ("(b ? 1 : 2) < 3", true.into()),
        ("(b ? 1 : 2) >= 3", false.into()),
        ("(b ? 1 : 2) >= 1", not_null(Type::Bool)),
        ("(b ? 1 : 2) == 3", false.into()),
        ("(b ? 1 : 2) == 1", not_null(Type::Bool)),
        ("(b ? 1 : 2) + 1", not_null(Type::Number)),
        ("length(l) > -1", true.into()),
        ("length(b ? pair : tolist([\"a\"])) > 0", true.into()),
        ("length(b ? pair : tolist([\"a\"])) == 3", false.into()),
        ("length(toset([s, \"a\"]))", between(1, Some(2))),
        ("length(s)", between(0, None)),
        ("length(any)", not_null(Type::Number)),
        (
            "b ? pair : tolist([\"x\", \"y\"])",
            Value::list(Type::String, [Value::unknown(Type::String), Value::unknown(Type::String)]),
        ),
        ("b ? toset([\"x\"]) : toset([\"y\"])", Value::set(Type::String, [Value::unknown(Type::String)])),
        ("b ? toset([]) : toset([])", Value::set(Type::Any, [])),
        ("l == [\"a\"]", false.into()),
        ("tolist(any) == []", false.into()),
        ("tolist(any) == tolist([])", not_null(Type::Bool)),
        ("[any, 1] == [\"a\", \"b\"]", false.into()),
        ("format(\"%d\", any)", Value::unknown(Type::Any)),
        ("true ? any : 1", Value::unknown(Type::Any)),
        ("true ? 1 : any", 1.into()),
        ("[n, 1]", Value::tuple([Value::unknown(Type::Number), 1.into()])),
        ("{ (s) = 1 }", Value::unknown(Type::Any)),
        ("{ a = s }.a", Value::unknown(Type::String)),
        ("o.a", Value::unknown(Type::String)),
        ("o[\"b\"]", Value::unknown(Type::Number)),
        ("m.x", Value::unknown(Type::Number)),
        ("l[0]", Value::unknown(Type::String)),
        ("pair[n]", Value::unknown(Type::String)),
        ("any.x[0].y", Value::unknown(Type::Any)),
        ("l[*]", not_null(Type::list(Type::String))),
        ("[o][*].a", Value::tuple([Value::unknown(Type::String)])),
        ("o[*].a", Value::unknown(Type::Any)),
        ("id[*]", Value::tuple([not_null(Type::String)])),
        ("[for x in l : x]", any()),
        ("{ for k, v in m : k => v }", any()),
        ("[for x in pair : x if b]", any()),
        ("[for x in pair : \"${x}${s}\"]", Value::tuple([not_null(Type::String), not_null(Type::String)])),
        ("[for x in toset([s, \"a\"]) : 1]", any()),
        ("[for x in toset([s]) : 1]", Value::tuple([1.into()])),
        ("\"%{ for x in l }${x}%{ endfor }\"", not_null(Type::String)),
        ("\"%{ if b }x%{ else }y%{ endif }\"", not_null(Type::String)),
        ("upper(s)", not_null(Type::String)),
        ("length(l)", between(0, None)),
        ("length([n, n])", 2.into()),
        ("length(sort([s, \"a\"]))", 2.into()),
        ("keys(o)", Value::tuple(["a".into(), "b".into()])),
        ("max(n, 1)", not_null(Type::Number)),
        ("concat(pair, [s])", Value::tuple(["a".into(), "b".into(), Value::unknown(Type::String)])),
        ("merge({ a = 1 }, { b = n })", object(&[("a", 1.into()), ("b", Value::unknown(Type::Number))])),
        ("jsonencode(o)", not_null(Type::String)),
        ("jsonencode({ a = s })", prefixed("{")),
        ("coalesce(s, \"x\")", not_null(Type::String)),
        ("coalesce(null, \"x\", s)", "x".into()),
        ("try(any.x, 1)", Value::unknown(Type::Any)),
        ("can(any.x)", not_null(Type::Bool)),
        ("upper(any...)", Value::unknown(Type::Any)),
        ("tolist([s, 1])", Value::list(Type::String, [Value::unknown(Type::String), "1".into()])),
        ("tonumber(s)", Value::unknown(Type::Number)),
        (
            "toset([s, s])",
            Value::set(Type::String, [Value::unknown(Type::String), Value::unknown(Type::String)]),
        ),
        ("lookup(m, \"a\", 1)", Value::unknown(Type::Number)),
        ("alltrue([b, false])", not_null(Type::Bool)),
        ("contains([s, \"a\"], \"a\")", true.into()),
        ("contains([s, \"a\"], \"b\")", not_null(Type::Bool)),
    ] {
        assert_eq!(run(text, &names()), Ok(expected), "{text}");
    }
}

#[test]
fn marks_are_where_terraform_has_them() {
    let inner = |items: Vec<Value>| Value::tuple(items);
    for (text, expected) in [
        ("sn + 1", secret(6)),
        ("-sn", secret(-5)),
        ("sn < 2", secret(false)),
        ("sn == 5", secret(true)),
        ("so == { a = \"p\", b = 1 }", secret(true)),
        ("\"<${ss}>\"", secret("<x>")),
        ("\"${su}!\"", secret(not_null(Type::String))),
        ("true ? ss : \"y\"", secret("x")),
        ("true ? \"y\" : ss", secret("y")),
        ("ss == \"x\" ? 1 : 2", secret(1)),
        ("[sn, 1]", inner(vec![secret(5), 1.into()])),
        ("{ a = sn }", object(&[("a", secret(5))])),
        ("{ (ss) = 1 }", secret(object(&[("x", 1.into())]))),
        ("{ (su) = sn }", secret(Value::unknown(Type::Any))),
        ("so.a", secret("p")),
        ("so.b", 1.into()),
        ("sl[0]", secret("p")),
        ("pair[sn - 5]", secret("a")),
        ("sl[*]", secret(list(&["p", "q"]))),
        ("[so][*].a", inner(vec![secret("p")])),
        ("[for x in sl : x]", secret(inner(vec!["p".into(), "q".into()]))),
        ("[for x in pair : \"${x}${ss}\"]", inner(vec![secret("ax"), secret("bx")])),
        ("[for x in pair : x if ss == \"x\"]", secret(inner(vec!["a".into(), "b".into()]))),
        ("{ for x in [ss] : x => 1 }", secret(object(&[("x", 1.into())]))),
        ("\"%{ for x in sl }${x}%{ endfor }\"", secret("pq")),
        ("\"%{ if sn == 5 }a%{ endif }\"", secret("a")),
        ("upper(ss)", secret("X")),
        ("upper(su)", secret(not_null(Type::String))),
        ("length(sl)", secret(2)),
        ("length([ss])", 1.into()),
        ("join(\",\", [ss, \"b\"])", secret("x,b")),
        ("concat(sl, pair)", secret(list(&["p", "q", "a", "b"]))),
        ("concat([ss], pair)", inner(vec![secret("x"), "a".into(), "b".into()])),
        ("merge({ a = ss }, { b = 1 })", object(&[("a", secret("x")), ("b", 1.into())])),
        ("flatten([[ss], pair])", inner(vec![secret("x"), "a".into(), "b".into()])),
        ("element([ss, \"b\"], 1)", "b".into()),
        ("tolist([ss, 1])", Value::list(Type::String, [secret("x"), "1".into()])),
        ("toset([ss, 1])", secret(Value::set(Type::String, ["1".into(), "x".into()]))),
        ("jsonencode({ a = ss })", secret("{\"a\":\"x\"}")),
        ("values({ a = ss })", inner(vec![secret("x")])),
        ("lookup({ a = ss }, \"a\")", secret("x")),
        ("lookup({ a = 1 }, ss, 2)", secret(2)),
        ("zipmap([ss], [1])", secret(object(&[("x", 1.into())]))),
        ("max(sn, 7)", secret(7)),
        ("max([sn, 7]...)", secret(7)),
        ("upper(sl...)", secret(Value::null())),
        ("try(ss, 1)", secret("x")),
        ("can(ss)", true.into()),
        ("sensitive(1)", secret(1)),
        ("nonsensitive(ss)", "x".into()),
        ("issensitive(ss)", true.into()),
        ("issensitive([ss])", false.into()),
        ("sensitive(null)", secret(Value::null())),
    ] {
        let actual = run(text, &names());
        if text == "upper(sl...)" {
            assert!(actual.is_err(), "two arguments");
            continue;
        }
        assert_eq!(actual, Ok(expected), "{text}");
    }
}

#[test]
fn ephemeral_values_become_null() {
    let ephemeral = Value::from("x").marked(Marks::EPHEMERAL);
    let names = || {
        Names::default()
            .with("e", ephemeral.clone().marked(Marks::SENSITIVE))
            .with("u", Value::unknown_not_null(Type::String).marked(Marks::EPHEMERAL))
    };
    for (text, expected) in [
        ("ephemeralasnull(e)", secret(Value::null_of(Type::String))),
        ("ephemeralasnull([e, 1])", Value::tuple([secret(Value::null_of(Type::String)), 1.into()])),
        ("ephemeralasnull(u)", Value::unknown(Type::String)),
        ("ephemeralasnull(1)", 1.into()),
        ("\"${e}\"", ephemeral.clone().marked(Marks::SENSITIVE)),
    ] {
        assert_eq!(run(text, &names()), Ok(expected), "{text}");
    }
}

#[test]
fn names_of_for_are_seen_inside_only() {
    assert_eq!(value("[for x in [1, 2] : [for x in [x * 10] : x]]"), value("[[10], [20]]"));
    let names = Names::default().with("x", 7);
    assert_eq!(run("[[for x in [1] : x], x]", &names), run("[[1], 7]", &names));
}
