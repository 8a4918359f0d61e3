use super::*;
use crate::diag::{SourceMap, Style, render};
use crate::lang::eval::tests::{Names, object};
use crate::lang::syntax::parse;

fn schema() -> BlockSchema {
    let port = BlockSchema::new()
        .attribute("number", AttributeSchema::required(Type::Number))
        .attribute("name", AttributeSchema::optional(Type::String).deprecated("Use `title`."));
    BlockSchema::new()
        .attribute("name", AttributeSchema::required(Type::String))
        .attribute("tags", AttributeSchema::optional(Type::map(Type::String)))
        .attribute("password", AttributeSchema::optional(Type::String).sensitive())
        .attribute("id", AttributeSchema::computed(Type::String))
        .block("port", NestedBlock::list(port.clone()).times(0, Some(2)))
        .block(
            "health",
            NestedBlock::single(
                BlockSchema::new().attribute("path", AttributeSchema::optional(Type::String)),
            ),
        )
        .block("rule", NestedBlock::set(port.clone()))
        .block("named", NestedBlock::map(port))
}

fn names() -> Names {
    Names::default()
        .with("later", Value::unknown(Type::String))
        .with("list", Value::unknown(Type::list(Type::Number)))
        .with("ports", Value::list(Type::Number, [80.into(), 81.into()]))
        .with("secret", Value::list(Type::Number, [80.into()]).marked(Marks::SENSITIVE))
}

fn decoded(text: &str) -> Result<Value, String> {
    let mut sources = SourceMap::new();
    let source = sources.add("main.hcl", text);
    let parsed = parse(source, text);
    decode(&parsed.file.body, &schema(), &names())
        .map_err(|errors| errors.iter().map(|error| render(error, &sources, Style::Plain)).collect())
}

fn part(text: &str, name: &str) -> Value {
    decoded(text).unwrap_or_else(|errors| panic!("{text}: {errors}")).get(name).unwrap().clone()
}

fn port(number: impl Into<Value>) -> Value {
    object(&[("number", number.into()), ("name", Value::null_of(Type::String))])
}

fn port_type() -> Type {
    Type::object([("number".into(), Type::Number), ("name".into(), Type::String)])
}

#[test]
fn a_body_becomes_an_object_of_the_schemas_type() {
    let text = r#"
        name = 5
        tags = { a = 1 }
        password = "x"
        port { number = "80" }
        port { number = 81 }
        rule { number = 2 }
        rule { number = 1 }
        rule { number = 2 }
        named "a" { number = 1 }
    "#;
    let value = decoded(text).unwrap();
    let named = Value::map(port_type(), [("a".into(), port(1))]);
    let expected = object(&[
        ("name", "5".into()),
        ("tags", Value::map(Type::String, [("a".into(), "1".into())])),
        ("password", Value::from("x").marked(Marks::SENSITIVE)),
        ("id", Value::null_of(Type::String)),
        ("port", Value::list(port_type(), [port(80), port(81)])),
        ("health", Value::null_of(Type::object([("path".into(), Type::String)]))),
        ("rule", Value::set(port_type(), [port(1), port(2)])),
        ("named", named),
    ]);
    assert_eq!(value, expected);
    assert_eq!(value.ty(), schema().implied_type());
}

#[test]
fn dynamic_blocks_are_written_out() {
    let dynamic = |for_each: &str, content: &str| {
        format!(
            "name = \"x\"\ndynamic \"port\" {{\n for_each = {for_each}\n content {{\n {content}\n }}\n}}\n"
        )
    };
    let list = |items: Vec<Value>| Value::list(port_type(), items);
    for (text, expected) in [
        (dynamic("ports", "number = port.value"), list(vec![port(80), port(81)])),
        (dynamic("ports", "number = port.key + 1"), list(vec![port(1), port(2)])),
        (
            dynamic("{ a = 7 }", "number = port.value\nname = port.key"),
            list(vec![object(&[("number", 7.into()), ("name", "a".into())])]),
        ),
        (dynamic("[]", "number = port.value"), list(vec![])),
        (dynamic("secret", "number = port.value"), list(vec![port(80)]).marked(Marks::SENSITIVE)),
        (dynamic("list", "number = port.value"), Value::unknown_not_null(Type::list(port_type()))),
        (
            dynamic("ports", "number = it.value").replace("content", "iterator = it\ncontent"),
            list(vec![port(80), port(81)]),
        ),
    ] {
        assert_eq!(part(&text, "port"), expected, "{text}");
    }
    let named = "name = \"x\"\ndynamic \"named\" {\n for_each = [\"a\"]\n labels = [named.value]\n content { number = 1 }\n}\n";
    assert_eq!(part(named, "named"), Value::map(port_type(), [("a".into(), port(1))]));
}

#[test]
fn all_errors_of_a_body_are_said_at_their_places() {
    let text = "\
nmae = \"x\"
id = \"y\"
tags = { a = [1] }
port { number = later }
port = 1
prot { }
rule { }
named { number = 1 }
";
    assert_eq!(
        decoded(text).unwrap_err(),
        "\
error[MLO1021]: there is no argument `nmae` here
 --> main.hcl:1:1
  |
1 | nmae = \"x\"
  | ^^^^ no such argument
  |
  = help: did you mean `name`?
error[MLO1021]: `port` is a block, not an argument
 --> main.hcl:5:1
  |
5 | port = 1
  | ^^^^ write it as `port { … }`, without `=`
error[MLO1516]: the attribute `id` is set by the provider, and cannot be given
 --> main.hcl:2:1
  |
2 | id = \"y\"
  | ^^ remove this
error[MLO1022]: the argument `name` is missing
 --> main.hcl:1:1
  |
1 | nmae = \"x\"
  | ^^^^^^^^^^ `name` must be given here
error[MLO1513]: the argument `tags` must be a map of string
 --> main.hcl:3:8
  |
3 | tags = { a = [1] }
  |        ^^^^^^^^^^^ in `a`: a string is required, but this is a tuple
error[MLO1021]: there is no block `prot` here
 --> main.hcl:6:1
  |
6 | prot { }
  | ^^^^ no such block
  |
  = help: did you mean `port`?
error[MLO1022]: the argument `number` is missing
 --> main.hcl:7:1
  |
7 | rule { }
  | ^^^^ `number` must be given here
error[MLO1518]: the block `named` has 0 labels
 --> main.hcl:8:1
  |
8 | named { number = 1 }
  | ^^^^^ it takes one label, which names it
"
    );
}

#[test]
fn blocks_stand_as_often_as_the_schema_lets_them() {
    for (text, expected) in [
        (
            "port { number = 1 }\nport { number = 1 }\nport { number = 1 }",
            "there may be at most 2 `port` blocks, but there are 3",
        ),
        ("health { }\nhealth { }", "there may be at most 1 `health` block, but there are 2"),
        ("named \"a\" { number = 1 }\nnamed \"a\" { number = 1 }", "two `named` blocks are called `a`"),
        ("name = \"y\"", "the argument `name` is given twice"),
        ("port { number = null }", "the argument `number` is null"),
        ("dynamic \"prot\" {\n for_each = []\n content { }\n}", "there is no block `prot` here"),
        ("dynamic \"port\" {\n for_each = []\n}", "this `dynamic` block has no `content`"),
        (
            "dynamic \"port\" {\n for_each = list\n content { nmae = 1 }\n}",
            "there is no argument `nmae` here",
        ),
    ] {
        let errors = decoded(&format!("name = \"x\"\n{text}\n")).unwrap_err();
        assert!(errors.contains(expected), "{text}: {errors}");
    }
}

#[test]
fn what_is_deprecated_is_a_warning() {
    let text = "name = \"x\"\nport {\n  number = 1\n  name = \"a\"\n}\n";
    let mut sources = SourceMap::new();
    let source = sources.add("main.hcl", text);
    let warnings = deprecations(&parse(source, text).file.body, &schema());
    let said: Vec<_> = warnings.iter().map(|warning| warning.summary.as_str()).collect();
    assert_eq!(said, ["`name` is deprecated"]);
    assert!(!warnings.has_errors());
}

/// The same with the body in JSON, read as the loader reads it.
fn decoded_json(text: &str) -> Result<Value, String> {
    let mut sources = SourceMap::new();
    let text: Arc<str> = text.into();
    let source = sources.add("main.tf.json", text.clone());
    let (mut body, mut messages) = json::parse(source, &text);
    let items = std::mem::take(&mut body.items).into_iter();
    body.items = items
        .flat_map(|item| match item {
            Item::Attribute(property) => json::provider_items(property, &mut messages),
            Item::Block(_) => vec![item],
        })
        .collect();
    assert!(messages.is_empty(), "{messages:?}");
    decode(&body, &schema(), &names())
        .map_err(|errors| errors.iter().map(|error| render(error, &sources, Style::Plain)).collect())
}

#[test]
fn in_json_the_schema_tells_blocks_from_arguments() {
    for (native, json) in [
        ("name = 5", r#"{"name": 5}"#),
        (
            "name = \"a\"\ntags = { a = \"${ports[0]}\" }",
            r#"[{"name": "a"}, {"tags": {"a": "${ports[0]}"}}]"#,
        ),
        ("name = \"a\"\nport {\n number = 1\n}", r#"{"name": "a", "port": {"number": 1, "//": "one"}}"#),
        (
            "name = \"a\"\nport {\n number = 1\n}\nport {\n number = ports[1]\n}",
            r#"{"name": "a", "port": [{"number": 1}, {"number": "${ports[1]}"}]}"#,
        ),
        (
            "name = \"a\"\nport {\n number = 1\n}\nport {\n number = 2\n}",
            r#"{"name": "a", "port": {"number": 1}, "port": {"number": 2}}"#,
        ),
        ("name = \"a\"\nhealth {\n}", r#"{"name": "a", "health": {}, "port": null, "rule": []}"#),
        (
            "name = \"a\"\nnamed \"x\" {\n number = 1\n}\nnamed \"y\" {\n number = 2\n}",
            r#"{"name": "a", "named": {"x": {"number": 1}, "y": [{"number": 2}]}}"#,
        ),
        (
            "name = \"a\"\ndynamic \"port\" {\n for_each = ports\n iterator = it\n content {\n number = it.value\n }\n}",
            r#"{"name": "a", "dynamic": {"port": {"for_each": "${ports}", "iterator": "it", "content": {"number": "${it.value}"}}}}"#,
        ),
        (
            "name = \"a\"\ndynamic \"named\" {\n for_each = ports\n labels = [\"x${named.key}\"]\n content {\n number = named.value\n }\n}",
            r#"{"name": "a", "dynamic": [{"named": [{"for_each": "${ports}", "labels": ["x${named.key}"], "content": [{"number": "${named.value}"}]}]}]}"#,
        ),
    ] {
        assert_eq!(decoded_json(json), decoded(native), "{json}");
        assert!(decoded(native).is_ok(), "{native}");
    }
}

#[test]
fn what_is_wrong_in_json_is_shown_where_it_is() {
    for (json, expected) in [
        (
            r#"{"name": "a", "prt": {}}"#,
            "1 | {\"name\": \"a\", \"prt\": {}}\n  |               ^^^^^ no such argument",
        ),
        (r#"{"name": "a", "port": "x"}"#, "|                       ^^^ expected `{ … }` or `[{ … }, …]`"),
        (
            r#"{"name": "a", "port": {"number": "x"}}"#,
            "|                                  ^^^ a number is required",
        ),
        (r#"{"name": "a", "port": [{}]}"#, "|                        ^ `number` must be given here"),
        (r#"{"name": "a", "name": "b"}"#, "the argument `name` is given twice"),
        (
            r#"{"name": "a", "named": {"x": 1}}"#,
            "|                              ^ expected `{ … }` or `[{ … }, …]`",
        ),
    ] {
        let said = decoded_json(json).unwrap_err();
        assert!(said.contains(expected), "{json}\n{said}");
    }
}
