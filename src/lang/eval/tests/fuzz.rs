//! Texts that people wrote, changed at random, through everything that reads text: no panic, no hang, and what is read
//! twice is the same. `cargo xtask fuzz` tries other seeds for as long as it is told.

use super::{Names, object, run};
use crate::diag::SourceMap;
use crate::lang::format::format;
use crate::lang::syntax::ast::{Body, Expr, ExprKind, Item};
use crate::lang::syntax::tests::print;
use crate::lang::syntax::{json, parse, parse_expression};
use crate::lang::value::{Type, Value, normalize};
use proptest::prelude::*;
use serde::Deserialize;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

#[derive(Deserialize)]
struct Row {
    expr: String,
}

/// Expressions whose answers are known.
static EXPRESSIONS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let rows = include_str!("../../../../tests/cases/conformance/expressions.json");
    let rows: Vec<Row> = serde_json::from_str(rows).unwrap();
    rows.into_iter().map(|row| row.expr).collect()
});

/// Files of the language.
const FILES: &[&str] = &[
    include_str!("../../../../tests/cases/fmt/blocks.before"),
    include_str!("../../../../tests/cases/fmt/comments.before"),
    include_str!("../../../../tests/cases/fmt/ends.before"),
    include_str!("../../../../tests/cases/fmt/expressions.before"),
    include_str!("../../../../tests/cases/fmt/templates.before"),
    include_str!("../../../../tests/cases/console/main.tf"),
];

/// Files of values, in both forms.
const VALUES: &[&str] = &[
    "region = \"eu\"\nsizes = [1, 2.5e3, -1]\ntags = {\n  a = \"b\"\n  \"c d\" = null\n}\n",
    "# values\ntext = <<-EOT\n    one\n      two ${\"three\"}\n  EOT\nflag = !true\nsum = 1 + 2 * (3 - 4)\n",
    "all = [for x in [1, 2] : x]\nnested = { a = { b = [{ c = [] }] } }\ncall = upper(\"x\")\nname = var.x\n",
    "{\"region\": \"eu\", \"sizes\": [1, 2.5e3, -1], \"tags\": {\"a\": \"${b}\", \"c d\": null}, \"flag\": true}",
    "[{\"a\": \"\\u00e9\"}, {\"//\": \"said\", \"a\": {\"a\": [[]]}}]",
];

/// Documents that functions decode.
const DOCUMENTS: &[&str] = &[
    "a: &x [1, {b: *x}]\nc: |-\n  text\n  more\n? d\n: >+\n  folded\n\ne: !!str 12\n",
    "---\n- 0o17\n- .inf\n- ~\n- 2020-01-02T03:04:05Z\n- <<: {a: 1}\n...\n",
    "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]\n",
    "{\"resource\": {\"a\": {\"b\": {\"x\": \"${1 + 1}\", \"y\": [1.5e3, null, true, \"\\u00e9\"]}}}}",
    "[1, -0, 1e400, \"\\ud83d\\ude00\", {\"a\": {\"a\": []}}]",
    "a,b,\"c,\"\"d\"\n1,2,3\n\"x\ny\",,\n",
    "region = \"eu\"\nsizes = [1, 2]\ntags = { a = \"b\" }\n",
    "(?P<year>\\d{4})-(?i:[a-z]+|\\pL)*?$",
    "Hello %[2]s %+08.3f %%{ if x } ${~ y ~} %{ for z in w ~}${z}%{ endfor }",
];

/// Functions of one text.
const DECODERS: &[&str] = &[
    "yamldecode(s)",
    "jsondecode(s)",
    "csvdecode(s)",
    "jsonencode(yamldecode(s))",
    "yamlencode(yamldecode(s))",
    "regexall(s, s)",
    "replace(s, \"/${s}/\", s)",
    "format(s, s, 1, true)",
    "formatlist(s, [s, s])",
    "formatdate(s, \"2020-01-02T03:04:05Z\")",
    "templatestring(s, {})",
    "base64decode(s)",
    "base64gzip(s)",
    "cidrsubnets(s, 1)",
    "timeadd(\"2020-01-02T03:04:05Z\", s)",
    "parseint(s, 36)",
    "tonumber(s)",
    "title(s)",
    "strrev(s)",
    "urlencode(s)",
];

/// Places of a text at which it can be changed.
const PLACES: usize = 1_000;

/// One change of a text, at one of [`PLACES`].
#[derive(Debug, Clone)]
enum Change {
    Remove {
        at: usize,
        length: usize,
    },
    Repeat {
        at: usize,
        length: usize,
        times: usize,
    },
    Insert {
        at: usize,
        piece: String,
    },
    /// The rest comes from another text.
    Join {
        at: usize,
        other: String,
    },
}

impl Change {
    fn apply(&self, text: &str) -> String {
        let place = |at: usize| text.floor_char_boundary(text.len() * at / PLACES);
        let part = |at: usize, length: usize| {
            let start = place(at);
            (start, text.floor_char_boundary((start + length).min(text.len())).max(start))
        };
        match self {
            Self::Remove { at, length } => {
                let (start, end) = part(*at, *length);
                [&text[..start], &text[end..]].concat()
            }
            Self::Repeat { at, length, times } => {
                let (start, end) = part(*at, *length);
                [&text[..end], &text[start..end].repeat(*times), &text[end..]].concat()
            }
            Self::Insert { at, piece } => {
                let start = place(*at);
                [&text[..start], piece, &text[start..]].concat()
            }
            Self::Join { at, other } => {
                let end = other.ceil_char_boundary(other.len() - other.len().min(place(*at)));
                [&text[..place(*at)], &other[end..]].concat()
            }
        }
    }
}

const PIECES: &[&str] = &[
    "\"",
    "${",
    "%{",
    "}",
    "{",
    "(",
    ")",
    "[",
    "]",
    "\n",
    ",",
    "=",
    "...",
    "~",
    "\\",
    "\\u",
    "<<EOT\n",
    "EOT",
    "/*",
    "#",
    "null",
    "1e999",
    "-",
    "!",
    "?",
    ":",
    "[*]",
    ".*",
    ".0",
    "é",
    "\u{301}",
    "\u{1f600}",
    "\u{0}",
    "\u{feff}",
    "\r",
    "\t",
    "&x ",
    "*x",
    "<<: ",
    "|\n",
    "- ",
    "? ",
    "!!str ",
    "9999999999",
    "for x in ",
    "if ",
    "endif",
    "=>",
    "::",
    "'",
    "\u{2028}",
];

fn changes(texts: Vec<String>) -> impl Strategy<Value = String> {
    let place = || 0..PLACES;
    let change = prop_oneof![
        (place(), 1..12usize).prop_map(|(at, length)| Change::Remove { at, length }),
        (place(), 1..40usize, 1..6usize).prop_map(|(at, length, times)| Change::Repeat { at, length, times }),
        (place(), prop::sample::select(PIECES))
            .prop_map(|(at, piece)| Change::Insert { at, piece: piece.into() }),
        (place(), any::<char>()).prop_map(|(at, piece)| Change::Insert { at, piece: piece.into() }),
        (place(), prop::sample::select(texts.clone())).prop_map(|(at, other)| Change::Join { at, other }),
    ];
    (prop::sample::select(texts), prop::collection::vec(change, 0..6))
        .prop_map(|(text, changes)| changes.iter().fold(text, |text, change| change.apply(&text)))
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// What names stand for: everything that is asked for, known and not.
fn names() -> Names {
    let unknown =
        object(&[("x", Value::unknown(Type::Any)), ("l", Value::unknown(Type::list(Type::String)))]);
    Names::default().with("var", unknown).with("local", object(&[("n", 5.into()), ("s", "text".into())]))
}

/// What a body says, its layout and the forms of old aside: a value in an interpolation or in parentheses of its own is
/// the value, and the type of a variable may have been text.
fn said(body: &Body, out: &mut String) {
    for item in &body.items {
        match item {
            Item::Attribute(attribute) if attribute.name.name.as_ref() == "type" => out.push_str("type;"),
            Item::Attribute(attribute) => {
                write!(out, "{} = {};", attribute.name.name, print::expr(bare(&attribute.value))).unwrap();
            }
            Item::Block(block) => {
                let labels: Vec<_> = block.labels.iter().map(|label| normalize(&label.name)).collect();
                write!(out, "{} {labels:?} {{", block.kind.name).unwrap();
                said(&block.body, out);
                out.push('}');
            }
        }
    }
}

fn bare(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::TemplateWrap(inner) | ExprKind::Paren(inner) => bare(inner),
        _ => expr,
    }
}

/// Reads a file in every form that it may have; laid out twice it is as laid out once, and says what it said before.
fn read(text: &str) -> Result<(), TestCaseError> {
    let mut sources = SourceMap::new();
    let source = sources.add("main.tf.json", text);
    let _ = json::parse(source, &Arc::from(text));
    let source = sources.add("main.tf", text);
    let parsed = parse(source, text);
    let Ok(once) = format(source, text) else {
        prop_assert!(parsed.diagnostics.has_errors(), "no error, and no layout: {text:?}");
        return Ok(());
    };
    let source = sources.add("again.tf", once.as_str());
    let twice = format(source, &once).ok();
    prop_assert_eq!(twice.as_deref(), Some(once.as_str()), "laid out from {:?}", text);
    let (mut before, mut after) = (String::new(), String::new());
    said(&parsed.file.body, &mut before);
    said(&parse(source, &once).file.body, &mut after);
    prop_assert_eq!(before, after, "laid out from {:?}", text);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000_u32.max(ProptestConfig::default().cases),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn changed_expressions_have_a_value_or_errors(text in changes(EXPRESSIONS.clone())) {
        let first = run(&text, &names());
        // Errors are all in the text; a value is the same whenever it is asked for.
        match (&first, run(&text, &names())) {
            (Ok(first), Ok(second)) => {
                let random = ["uuid(", "bcrypt(", "timestamp("].iter().any(|name| text.contains(name));
                prop_assert!(random || *first == second);
            }
            (Err(errors), Err(_)) => {
                for label in errors.iter().flat_map(|error| &error.labels) {
                    let place = text.get(label.span.start as usize..label.span.end as usize);
                    prop_assert!(place.is_some(), "{label:?} in {text:?}");
                }
            }
            _ => prop_assert!(false, "once a value, once an error: {text:?}"),
        }
    }

    #[test]
    fn changed_expressions_are_read_as_files_and_attributes(text in changes(EXPRESSIONS.clone())) {
        read(&format!("a = {text}\n"))?;
    }

    #[test]
    fn changed_files_are_read_and_laid_out(text in changes(owned(FILES))) {
        read(&text)?;
        let mut sources = SourceMap::new();
        let _ = parse_expression(sources.add("x", text.as_str()), &text);
    }

    #[test]
    fn changed_values_are_read_or_refused_in_the_text(text in changes(owned(VALUES))) {
        read(&text)?;
        let mut sources = SourceMap::new();
        let source = sources.add("x.tfvars", text.as_str());
        let (native, (json, _)) = (parse(source, &text).file.body, json::parse(source, &Arc::from(text.as_str())));
        for attribute in native.attributes().chain(json.attributes()) {
            for error in super::evaluate(&attribute.value, &Names::default()).err().iter().flatten() {
                for label in &error.labels {
                    let place = text.get(label.span.start as usize..label.span.end as usize);
                    prop_assert!(place.is_some(), "{label:?} in {text:?}");
                }
            }
        }
    }

    #[test]
    fn changed_documents_are_decoded_or_refused(text in changes(owned(DOCUMENTS)), decoder in prop::sample::select(DECODERS)) {
        read(&text)?;
        let names = Names::default().with("s", Value::from(text.as_str()));
        let _ = run(decoder, &names);
    }
}
