//! The same texts to this parser and to `hcl-edit`.

use super::{file, rendered};
use crate::lang::syntax::ast;
use hcl_edit::structure::{self, Structure};
use proptest::prelude::*;

/// Names of arguments, and kinds and labels of blocks, in order.
fn ours(body: &ast::Body) -> String {
    let items: Vec<_> = body
        .items
        .iter()
        .map(|item| match item {
            ast::Item::Attribute(attribute) => {
                format!("{}={}", attribute.name.name, ours_expr(&attribute.value))
            }
            ast::Item::Block(block) => {
                let labels: Vec<_> = block.labels.iter().map(|label| label.name.to_string()).collect();
                format!("{}{labels:?}{{{}}}", block.kind.name, ours(&block.body))
            }
        })
        .collect();
    items.join(";")
}

fn ours_expr(expr: &ast::Expr) -> String {
    use ast::ExprKind as Kind;
    match &expr.kind {
        Kind::Null => "null".to_owned(),
        Kind::Bool(value) => value.to_string(),
        Kind::Number(_) => "number".to_owned(),
        Kind::String(text) => format!("{text:?}"),
        Kind::Template(_) | Kind::TemplateWrap(_) => "template".to_owned(),
        Kind::Name(name) => name.to_string(),
        Kind::Access { .. } => "access".to_owned(),
        Kind::Call { name, args, .. } => {
            format!("{}({})", name.name, args.iter().map(ours_expr).collect::<Vec<_>>().join(","))
        }
        // hcl-edit folds the sign into the number.
        Kind::Unary(ast::UnaryOp::Negate, operand) if matches!(operand.kind, Kind::Number(_)) => {
            "number".to_owned()
        }
        Kind::Unary(..) => "unary".to_owned(),
        Kind::Chain { .. } => "operators".to_owned(),
        Kind::Conditional { cases, otherwise } => {
            let cases: Vec<_> = cases
                .iter()
                .map(|(when, then)| format!("{}?{}:", ours_expr(when), ours_expr(then)))
                .collect();
            format!("{}{}", cases.concat(), ours_expr(otherwise))
        }
        Kind::Tuple(items) => format!("[{}]", items.iter().map(ours_expr).collect::<Vec<_>>().join(",")),
        Kind::Object(items) => {
            let items: Vec<_> =
                items.iter().map(|(key, value)| format!("{}={}", ours_expr(key), ours_expr(value))).collect();
            format!("{{{}}}", items.join(","))
        }
        Kind::For(_) => "for".to_owned(),
        Kind::Paren(inner) => format!("({})", ours_expr(inner)),
    }
}

fn theirs(body: &structure::Body) -> String {
    let items: Vec<_> = body
        .iter()
        .map(|item| match item {
            Structure::Attribute(attribute) => {
                format!("{}={}", attribute.key.as_str(), theirs_expr(&attribute.value))
            }
            Structure::Block(block) => {
                let labels: Vec<_> = block.labels.iter().map(|label| label.as_str().to_owned()).collect();
                format!("{}{labels:?}{{{}}}", block.ident.as_str(), theirs(&block.body))
            }
        })
        .collect();
    items.join(";")
}

fn theirs_expr(expr: &hcl_edit::expr::Expression) -> String {
    use hcl_edit::expr::{Expression as Kind, ObjectKey};
    match expr {
        Kind::Null(_) => "null".to_owned(),
        Kind::Bool(value) => value.to_string(),
        Kind::Number(_) => "number".to_owned(),
        Kind::String(text) => format!("{:?}", text.as_str()),
        // A heredoc without interpolation is a string to us.
        Kind::HeredocTemplate(heredoc) => match heredoc.template.as_single_element() {
            Some(hcl_edit::template::Element::Literal(text)) => format!("{:?}", text.as_str()),
            _ => "template".to_owned(),
        },
        Kind::StringTemplate(_) => "template".to_owned(),
        Kind::Variable(name) => name.as_str().to_owned(),
        Kind::Traversal(_) => "access".to_owned(),
        Kind::FuncCall(call) => {
            format!(
                "{}({})",
                call.name.name.as_str(),
                call.args.iter().map(theirs_expr).collect::<Vec<_>>().join(",")
            )
        }
        Kind::UnaryOp(_) => "unary".to_owned(),
        Kind::BinaryOp(_) => "operators".to_owned(),
        Kind::Conditional(it) => {
            format!(
                "{}?{}:{}",
                theirs_expr(&it.cond_expr),
                theirs_expr(&it.true_expr),
                theirs_expr(&it.false_expr)
            )
        }
        Kind::Array(items) => format!("[{}]", items.iter().map(theirs_expr).collect::<Vec<_>>().join(",")),
        Kind::Object(items) => {
            let key = |key: &ObjectKey| match key {
                ObjectKey::Ident(name) => name.as_str().to_owned(),
                ObjectKey::Expression(expr) => theirs_expr(expr),
            };
            let items: Vec<_> = items
                .iter()
                .map(|(name, value)| format!("{}={}", key(name), theirs_expr(value.expr())))
                .collect();
            format!("{{{}}}", items.join(","))
        }
        Kind::ForExpr(_) => "for".to_owned(),
        Kind::Parenthesis(inner) => format!("({})", theirs_expr(inner.inner())),
    }
}

fn compare(text: &str) {
    let (parsed, sources) = file(text);
    let us = if parsed.diagnostics.is_empty() { Ok(ours(&parsed.file.body)) } else { Err(()) };
    let them = hcl_edit::parser::parse_body(text).map(|body| theirs(&body));
    match (us, them) {
        (Ok(us), Ok(them)) => assert_eq!(us, them, "{text}"),
        (Err(()), Err(_)) => {}
        (Ok(us), Err(error)) => panic!("only hcl-edit refuses\n{text}\n{us}\n{error}"),
        (Err(()), Ok(_)) => panic!("only we refuse\n{text}\n{}", rendered(&parsed.diagnostics, &sources)),
    }
}

#[test]
fn both_read_the_corpus_alike() {
    let corpus = include_str!("corpus.txt");
    let snippets: Vec<_> = corpus.split("\n---\n").collect();
    assert!(snippets.len() >= 40, "{}", snippets.len());
    for snippet in snippets {
        compare(snippet);
    }
}

/// Expressions that are right by construction.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "null",
        "true",
        "1",
        "2.5e3",
        "var.x",
        "a.b[0].c",
        "x[*].y",
        "x.*.y",
        "\"text\"",
        "\"a ${b} c\"",
        "\"é\\n\"",
        "local.y[\"k\"]",
        "[]",
        "{}",
        "\"%{ if a }b%{ endif }\"",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 4, |inner| {
        let some = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            some.clone().prop_map(|items| format!("[{}]", items.join(", "))),
            some.clone().prop_map(|items| format!("f({})", items.join(", "))),
            some.clone().prop_map(|items| format!("g({}...)", items.join(", "))),
            some.prop_map(|items| {
                let items: Vec<_> =
                    items.iter().enumerate().map(|(at, item)| format!("k{at} = {item}")).collect();
                format!("{{\n{}\n}}", items.join("\n"))
            }),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} + {b} * {a})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a} == {b} ? {c} : {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[for v in {a} : {b} if v]")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{for k, v in {a} : k => {b}...}}")),
            inner.clone().prop_map(|a| format!("!({a})")),
            inner.prop_map(|a| format!("\"${{{a}}}!\"")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300_u32.max(ProptestConfig::default().cases),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn both_read_generated_files_alike(
        values in prop::collection::vec(expression(), 1..4),
        cut in prop::option::weighted(0.3, any::<prop::sample::Index>()),
    ) {
        let arguments: Vec<_> = values.iter().enumerate().map(|(at, value)| format!("  a{at} = {value}\n")).collect();
        let mut text = format!("resource \"type\" \"name\" {{\n{}\n  lifecycle {{\n    x = 1\n  }}\n}}\n", arguments.concat());
        if let Some(cut) = cut {
            text.truncate(text.floor_char_boundary(cut.index(text.len())));
        }
        compare(&text);
    }
}
