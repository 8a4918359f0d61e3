//! A tree in a few words: every level of it has its own brackets, so that a row of a table shows how a text was read.

use crate::lang::syntax::ast::{Body, Expr, ExprKind, Item, Step, TemplatePart, UnaryOp};

pub(super) fn body(body: &Body) -> String {
    let items: Vec<_> = body
        .items
        .iter()
        .map(|item| match item {
            Item::Attribute(attribute) => format!("{} = {}", attribute.name.name, expr(&attribute.value)),
            Item::Block(block) => {
                let labels: Vec<_> = block.labels.iter().map(|label| format!(" {:?}", label.name)).collect();
                format!("{}{} {{ {} }}", block.kind.name, labels.concat(), self::body(&block.body))
            }
        })
        .collect();
    items.join("; ")
}

pub(in crate::lang) fn expr(it: &Expr) -> String {
    match &it.kind {
        ExprKind::Null => "null".to_owned(),
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::Number(number) => number.to_string(),
        ExprKind::String(text) => format!("{text:?}"),
        ExprKind::Template(all) => format!("template({})", parts(all)),
        ExprKind::TemplateWrap(inner) => format!("wrap({})", expr(inner)),
        ExprKind::Name(name) => name.to_string(),
        ExprKind::Access { target, steps: all } => format!("{}{}", expr(target), steps(all)),
        ExprKind::Call { name, args, expand } => {
            format!("{}({}{})", name.name, list(args), if *expand { "..." } else { "" })
        }
        ExprKind::Unary(UnaryOp::Negate, operand) => format!("-<{}>", expr(operand)),
        ExprKind::Unary(UnaryOp::Not, operand) => format!("!<{}>", expr(operand)),
        ExprKind::Chain { first, rest } => {
            let rest: Vec<_> =
                rest.iter().map(|(op, operand)| format!(" {} {}", op.symbol(), expr(operand))).collect();
            format!("<{}{}>", expr(first), rest.concat())
        }
        ExprKind::Conditional { cases, otherwise } => {
            let cases: Vec<_> =
                cases.iter().map(|(when, then)| format!("{} ? {} : ", expr(when), expr(then))).collect();
            format!("<{}{}>", cases.concat(), expr(otherwise))
        }
        ExprKind::Tuple(items) => format!("[{}]", list(items)),
        ExprKind::Object(items) => {
            let items: Vec<_> =
                items.iter().map(|(key, value)| format!("{} = {}", expr(key), expr(value))).collect();
            format!("{{{}}}", items.join(", "))
        }
        ExprKind::For(it) => {
            let names = match &it.key_name {
                Some(key) => format!("{}, {}", key.name, it.value_name.name),
                None => it.value_name.name.to_string(),
            };
            let key = it.key.as_ref().map_or(String::new(), |key| format!("{} => ", expr(key)));
            let group = if it.group { "..." } else { "" };
            let condition = it.condition.as_ref().map_or(String::new(), |it| format!(" if {}", expr(it)));
            format!("for({names} in {} : {key}{}{group}{condition})", expr(&it.collection), expr(&it.value))
        }
        ExprKind::Paren(inner) => format!("({})", expr(inner)),
    }
}

fn list(items: &[Expr]) -> String {
    items.iter().map(expr).collect::<Vec<_>>().join(", ")
}

fn steps(all: &[Step]) -> String {
    all.iter()
        .map(|step| match step {
            Step::Attr(name) => format!(".{}", name.name),
            Step::Index(index, _) => format!("[{}]", expr(index)),
            Step::Splat { full: true, each, .. } => format!("[*]<{}>", steps(each)),
            Step::Splat { full: false, each, .. } => format!(".*<{}>", steps(each)),
        })
        .collect()
}

fn parts(all: &[TemplatePart]) -> String {
    let all: Vec<_> = all
        .iter()
        .map(|part| match part {
            TemplatePart::Literal(text) => format!("{text:?}"),
            TemplatePart::Interpolation(it) => expr(it),
            TemplatePart::If { condition, then, otherwise, .. } => {
                format!("if {} <{}> else <{}>", expr(condition), parts(then), parts(otherwise))
            }
            TemplatePart::For { key, value, collection, body, .. } => {
                let key = key.as_ref().map_or(String::new(), |key| format!("{}, ", key.name));
                format!("for {key}{} in {} <{}>", value.name, expr(collection), parts(body))
            }
        })
        .collect();
    all.join(", ")
}
