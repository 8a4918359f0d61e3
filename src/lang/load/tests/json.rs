//! The same configuration in both forms is the same configuration.

use super::{Root, load_root, rendered};
use crate::diag::SourceMap;
use crate::lang::config::Module;
use crate::lang::load::read_body;
use crate::lang::syntax::json;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// A value that can be written in both forms.
#[derive(Debug, Clone)]
enum Literal {
    Null,
    Bool(bool),
    Number(u32, u8),
    Text(String),
    List(Vec<Literal>),
    Object(Vec<(String, Literal)>),
}

impl Literal {
    /// In JSON, and, since its strings may be templates, in HCL alike. Only an escape of HCL differs: none is used.
    fn write(&self, separator: &str, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => write!(out, "{value}").unwrap(),
            Self::Number(whole, fraction) => write!(out, "{whole}.{fraction}").unwrap(),
            Self::Text(text) => quote(text, out),
            Self::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { ", " });
                    item.write(separator, out);
                }
                out.push(']');
            }
            Self::Object(items) => {
                out.push('{');
                for (at, (key, value)) in items.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { ", " });
                    quote(key, out);
                    out.push_str(separator);
                    value.write(separator, out);
                }
                out.push('}');
            }
        }
    }
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
    out.push('"');
}

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(&["alpha", "beta", "gamma", "delta"][..]).prop_map(str::to_owned)
}

/// Text without templates, so that it means the same where nothing is evaluated.
fn text() -> impl Strategy<Value = String> {
    let piece =
        prop::sample::select(&["a", "é", "e\u{301}", "\\", "\"", "\n", "$", "%", "{", "}", "//", "😀"][..]);
    let pieces = prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat());
    pieces.prop_filter("no template", |text| !text.contains("${") && !text.contains("%{"))
}

/// Text with templates without quotes and backslashes in them, which HCL would not read inside of quotes.
fn template() -> impl Strategy<Value = String> {
    let part = prop::sample::select(
        &[
            "${var.v}",
            "%{ if true }x%{ else }${local.l}%{ endif }",
            "$${x}",
            "%%{",
            "${[for x in var.v : x]}",
            " ~",
        ][..],
    );
    // What stands between them keeps a `%` from making an escape of the next.
    let parts = prop_oneof![text(), part.prop_map(str::to_owned)].prop_map(|part| format!("-{part}"));
    prop::collection::vec(parts, 0..4).prop_map(|parts| parts.concat())
}

fn literal(strings: BoxedStrategy<String>) -> BoxedStrategy<Literal> {
    let leaf = prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Bool),
        (any::<u32>(), any::<u8>()).prop_map(|(whole, fraction)| Literal::Number(whole, fraction)),
        strings.prop_map(Literal::Text),
    ];
    let deeper = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Literal::List),
            prop::collection::btree_map(word(), inner, 0..4)
                .prop_map(|items| Literal::Object(items.into_iter().collect())),
        ]
    });
    deeper.boxed()
}

#[derive(Debug, Clone)]
struct Twin {
    ty: String,
    default: Literal,
    sensitive: bool,
    description: String,
    locals: BTreeMap<String, Literal>,
    output: Literal,
    arguments: BTreeMap<String, Literal>,
    ignored: Vec<String>,
    destroy: bool,
}

fn twin() -> impl Strategy<Value = Twin> {
    let ty = prop::sample::select(&["any", "list(string)", "object({ a = optional(number) })"][..]);
    let values = || literal(template().boxed());
    let head = (ty.prop_map(str::to_owned), literal(text().boxed()), any::<bool>(), text());
    let rest = (
        prop::collection::btree_map(word(), values(), 0..3),
        values(),
        prop::collection::btree_map(word(), values(), 0..3),
        prop::collection::vec(word(), 0..3),
        any::<bool>(),
    );
    (head, rest).prop_map(|((ty, default, sensitive, description), rest)| {
        let (locals, output, arguments, ignored, destroy) = rest;
        Twin { ty, default, sensitive, description, locals, output, arguments, ignored, destroy }
    })
}

impl Twin {
    fn native(&self) -> String {
        let mut out = "variable \"v\" {\n".to_owned();
        write!(out, "  type = {}\n  sensitive = {}\n", self.ty, self.sensitive).unwrap();
        let line = |name: &str, value: &Literal, out: &mut String| {
            write!(out, "  {name} = ").unwrap();
            value.write(" = ", out);
            out.push('\n');
        };
        line("default", &self.default, &mut out);
        line("description", &Literal::Text(self.description.clone()), &mut out);
        out.push_str("}\nlocals {\n  l = 1\n");
        self.locals.iter().for_each(|(name, value)| line(name, value, &mut out));
        out.push_str("}\nresource \"t_x\" \"r\" {\n");
        self.arguments.iter().for_each(|(name, value)| line(name, value, &mut out));
        let (ignored, destroy) = (self.ignored.join(", "), self.destroy);
        write!(
            out,
            "  lifecycle {{\n    ignore_changes = [{ignored}]\n    prevent_destroy = {destroy}\n  }}\n}}\n"
        )
        .unwrap();
        out.push_str("output \"o\" {\n  depends_on = [t_x.r]\n");
        line("value", &self.output, &mut out);
        out.push_str("}\n");
        out
    }

    fn json(&self) -> String {
        let object = |values: &BTreeMap<String, Literal>| {
            Literal::Object(values.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
        };
        let block = |items: Vec<(&str, Literal)>| {
            Literal::Object(items.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
        };
        let text = |text: &str| Literal::Text(text.to_owned());
        let words = |words: &[String]| Literal::List(words.iter().cloned().map(Literal::Text).collect());
        let lifecycle = block(vec![
            ("ignore_changes", words(&self.ignored)),
            ("prevent_destroy", Literal::Bool(self.destroy)),
        ]);
        let Literal::Object(mut arguments) = object(&self.arguments) else { unreachable!() };
        arguments.push(("lifecycle".to_owned(), lifecycle));
        let variable = block(vec![
            ("type", text(&self.ty)),
            ("sensitive", Literal::Bool(self.sensitive)),
            ("default", self.default.clone()),
            ("description", text(&self.description)),
        ]);
        let output =
            block(vec![("depends_on", words(&["t_x.r".to_owned()])), ("value", self.output.clone())]);
        let all = block(vec![
            ("//", text("${ is not read here")),
            ("variable", block(vec![("v", variable)])),
            ("locals", Literal::List(vec![block(vec![("l", Literal::Number(1, 0))]), object(&self.locals)])),
            ("resource", block(vec![("t_x", block(vec![("r", Literal::Object(arguments))]))])),
            ("output", block(vec![("o", Literal::List(vec![output]))])),
        ]);
        let mut out = String::new();
        all.write(": ", &mut out);
        out
    }
}

/// A module in words, without places and without the form in which it is written.
fn described(module: &Module, text: &str) -> String {
    let all = format!("{module:?}").replace(&format!("json: Some({text:?})"), "json: None");
    let mut out = String::with_capacity(all.len());
    let mut parts = all.split("Span {");
    out.push_str(parts.next().unwrap());
    parts.for_each(|part| out.push_str(part.split_once('}').unwrap().1));
    out
}

fn loaded(name: &str, text: &str) -> String {
    let files = BTreeMap::from([(name.to_owned(), text.to_owned())]);
    let (module, diagnostics, sources) = load_root(Root::Memory(&files));
    assert_eq!(rendered(&diagnostics, &sources), "", "{text}");
    described(&module.unwrap(), text)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200_u32.max(ProptestConfig::default().cases),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn both_forms_of_a_configuration_are_the_same(twin in twin()) {
        let (native, json) = (loaded("main.tf", &twin.native()), loaded("main.tf.json", &twin.json()));
        prop_assert_eq!(native, json, "{}\n{}", twin.native(), twin.json());
    }

    #[test]
    fn any_text_is_read_or_refused_at_a_place_in_it(text in r#"([\[\]{},:"\\ \n]|null|true|1|-0\.5|"a"|"locals"|"\$\{|\\u00e9|é|//|\PC){0,40}"#) {
        let mut sources = SourceMap::new();
        let text: Arc<str> = text.into();
        let source = sources.add("x.tf.json", text.clone());
        let (body, messages) = json::parse(source, &text);
        for message in &messages {
            prop_assert!(message.labels.iter().all(|label| label.span.end as usize <= text.len()));
        }
        let _ = rendered(&messages, &sources);
        let is_json = serde_json::from_str::<serde_json::Value>(&text).is_ok();
        let whole: Vec<_> = messages.iter().filter(|it| it.code.id != "MLO1013").collect();
        // What is not JSON is refused; numbers that are too large for one of the two are not looked for here.
        prop_assert_eq!(is_json, whole.is_empty(), "{} {:?}", text, whole);
        prop_assert!(body.blocks().next().is_none());
    }
}

/// Pieces of JSON, so that random rows of them load to something.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"a\"",
    "\"${var.a}\"",
    "\"${\"",
    "1",
    "null",
    "true",
    "\"variable\": {\"a\": {",
    "\"locals\": {",
    "\"output\": {\"o\": {\"value\": ",
    "\"resource\": {\"t_x\": {\"r\": {",
    "\"lifecycle\": {",
    "\"dynamic\": {\"d\": {\"for_each\": [1], \"content\": {",
    "}}",
    "}}}",
    "\"depends_on\": [\"t_x.r\"]",
    "\"type\": \"list(string\"",
    "\"moved\": {",
    "\"environment\": {\"e\": {",
    "\"//\": ",
    "\"ignore_changes\": \"all\"",
];

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500_u32.max(ProptestConfig::default().cases),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_row_of_pieces_gives_a_module_or_errors(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..30)) {
        let all = BTreeMap::from([("main.tf.json".to_owned(), pieces.concat())]);
        let (module, diagnostics, sources) = load_root(Root::Memory(&all));
        prop_assert_eq!(module.is_none(), diagnostics.has_errors());
        let _ = rendered(&diagnostics, &sources);
    }
}

#[test]
fn a_file_of_values_in_json_holds_plain_values() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("x.tfvars.json");
    let text = br#"{"a": "${b}", "//": "c", "d": [{"e": null}]}"#;
    std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), text).unwrap();
    let body = read_body(&path, "x.tfvars.json", &mut SourceMap::new()).unwrap();
    let all: Vec<_> = body.attributes().map(|it| format!("{} {:?}", it.name.name, it.value.kind)).collect();
    assert_eq!(all.len(), 2);
    assert_eq!(all[0], "a String(\"${b}\")");
    assert!(all[1].starts_with("d Tuple([Expr { kind: Object([(Expr { kind: String(\"e\")"), "{}", all[1]);
}
