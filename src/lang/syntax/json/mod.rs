//! The language written as JSON, as HCL's specification of its JSON syntax has it.
//!
//! Goes in: the text of a file. Comes out: the same tree as of other files. In JSON an argument and a block look the
//! same, and a string may be plain text, a template or a reference: who knows what is wanted asks for it ([`blocks`],
//! [`expression`], [`reference`]); until then every property is an argument, and every string plain text. Never happens:
//! unbounded recursion, more values than [`super::NODES_MAX`], a place that is not in the file.

mod place;
mod read;
mod string;

use super::ast::{Attribute, Block, Body, Expr, ExprKind, Ident, Item};
use super::parser::parse_template;
use super::{SOURCE_BYTES_MAX, parse_expression};
use crate::diag::{Diagnostic, Diagnostics, SourceId, Span, code};
use std::sync::Arc;

/// The property of a block that is a comment.
const COMMENT: &str = "//";

/// Reads a file. `text` is the text of `source`.
pub fn parse(source: SourceId, text: &Arc<str>) -> (Body, Diagnostics) {
    let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let whole = Span { source, start: 0, end };
    let mut messages = Diagnostics::new();
    let mut items = Vec::new();
    if text.len() > SOURCE_BYTES_MAX {
        let summary = format!("a source of {} bytes is too large", text.len());
        let error = Diagnostic::error(code::lang::LIMIT, summary).at(Span { end: 0, ..whole }, "");
        messages.push(error.detail(format!("At most {SOURCE_BYTES_MAX} bytes are read.")));
        return (Body { items, span: whole }, messages);
    }
    match read::value(source, text) {
        Ok(value) => properties(value, text, "a file", &mut items, &mut messages),
        Err(error) => messages.push(*error),
    }
    (Body { items, span: whole }, messages)
}

/// The properties of an object, or of all objects of a list, as arguments.
fn properties(value: Expr, text: &Arc<str>, what: &str, items: &mut Vec<Item>, messages: &mut Diagnostics) {
    match value.kind {
        ExprKind::Object(all) => {
            for (key, value) in all {
                let ExprKind::String(name) = key.kind else {
                    messages.push(wrong(key.span, "a template as a name", "expected plain text"));
                    continue;
                };
                if name.as_ref() == COMMENT {
                    continue;
                }
                let (name, span) = (Ident { name, span: key.span }, key.span.to(value.span));
                items.push(Item::Attribute(Attribute { name, value, span, json: Some(text.clone()) }));
            }
        }
        ExprKind::Tuple(parts) if parts.iter().all(|part| matches!(part.kind, ExprKind::Object(_))) => {
            for part in parts {
                properties(part, text, what, items, messages);
            }
        }
        _ => messages.push(wrong(value.span, &format!("{what} is written as an object"), "expected `{ … }`")),
    }
}

fn wrong(span: Span, summary: &str, label: &str) -> Diagnostic {
    Diagnostic::error(code::lang::JSON_FORM, summary).at(span, label)
}

/// The blocks that a property stands for, if it stands for blocks: an object for each level of labels, and inside of it
/// an object, or a list of objects. `null` stands for none.
pub fn blocks(property: Attribute, labels: usize, messages: &mut Diagnostics) -> Vec<Block> {
    let (Some(text), kind) = (&property.json, &property.name) else { return Vec::new() };
    let mut unpack = Unpack { text, kind, labels: Vec::new(), listed: None, blocks: Vec::new(), messages };
    unpack.level(property.value, labels);
    unpack.blocks
}

struct Unpack<'a> {
    text: &'a Arc<str>,
    kind: &'a Ident,
    /// Labels of the levels around.
    labels: Vec<Ident>,
    /// The opening brace of the object of a list that is being read.
    listed: Option<Span>,
    blocks: Vec<Block>,
    messages: &'a mut Diagnostics,
}

impl Unpack<'_> {
    fn level(&mut self, value: Expr, labels: usize) {
        match value.kind {
            ExprKind::Null if labels == 0 => {}
            ExprKind::Tuple(values) => {
                for value in values {
                    match value.kind {
                        ExprKind::Object(_) => {
                            let outer = self.listed.replace(Span { end: value.span.start + 1, ..value.span });
                            self.level(value, labels);
                            self.listed = outer;
                        }
                        _ => self.refuse(value.span, labels),
                    }
                }
            }
            ExprKind::Object(entries) if labels > 0 => {
                for (key, value) in entries {
                    match key.kind {
                        ExprKind::String(name) if name.as_ref() == COMMENT => {}
                        ExprKind::String(name) => {
                            self.labels.push(Ident { name, span: key.span });
                            self.level(value, labels - 1);
                            self.labels.pop();
                        }
                        _ => self.refuse(key.span, labels),
                    }
                }
            }
            ExprKind::Object(_) => {
                let (mut items, span) = (Vec::new(), value.span);
                properties(value, self.text, "a block", &mut items, self.messages);
                let named = self.labels.last().map_or(self.kind.span, |label| label.span);
                // Of several under one name, each is shown by its brace.
                let header = self.listed.filter(|brace| brace.start > named.start).unwrap_or(named);
                self.blocks.push(Block {
                    kind: self.kind.clone(),
                    labels: self.labels.clone(),
                    body: Body { items, span },
                    header,
                    span: self.kind.span.to(span),
                });
            }
            _ => self.refuse(value.span, labels),
        }
    }

    fn refuse(&mut self, span: Span, labels: usize) {
        let kind = &self.kind.name;
        let error = if labels == 0 {
            wrong(
                span,
                &format!("each `{kind}` block is written as an object"),
                "expected `{ … }` or `[{ … }, …]`",
            )
        } else {
            wrong(
                span,
                &format!("a label of the `{kind}` block is missing"),
                "expected an object whose names are the labels",
            )
        };
        self.messages.push(error);
    }
}

/// A value with its strings, names of objects included, read as templates.
pub fn expression(value: Expr, text: &str, messages: &mut Diagnostics) -> Expr {
    Reading { text, template: true, messages }.expr(value, 0)
}

/// A value with its strings, names of objects included, read as expressions of HCL: `"a.b"` is the reference `a.b`.
/// Nothing if one of them is none.
pub fn reference(value: Expr, text: &str, messages: &mut Diagnostics) -> Option<Expr> {
    let mut errors = Diagnostics::new();
    let expr = Reading { text, template: false, messages: &mut errors }.expr(value, 0);
    let is_good = errors.is_empty();
    messages.extend(errors);
    is_good.then_some(expr)
}

struct Reading<'a> {
    text: &'a str,
    template: bool,
    messages: &'a mut Diagnostics,
}

impl Reading<'_> {
    fn expr(&mut self, value: Expr, depth: u32) -> Expr {
        let kind = match value.kind {
            ExprKind::String(string) => return self.string(&string, value.span, depth),
            ExprKind::Tuple(items) => {
                ExprKind::Tuple(items.into_iter().map(|item| self.expr(item, depth + 1)).collect())
            }
            ExprKind::Object(items) => {
                let mut pair = |(key, value)| (self.expr(key, depth + 1), self.expr(value, depth + 1));
                ExprKind::Object(items.into_iter().map(&mut pair).collect())
            }
            other => other,
        };
        Expr { kind, span: value.span }
    }

    fn string(&mut self, string: &Arc<str>, span: Span, depth: u32) -> Expr {
        let plain = Expr { kind: ExprKind::String(string.clone()), span };
        if self.template && !(string.contains("${") || string.contains("%{")) {
            return plain;
        }
        if !self.template && string.starts_with("${") {
            let error =
                Diagnostic::error(code::lang::BAD_ARGUMENT, "a template where a name or type is expected")
                    .at(span, "this is never evaluated")
                    .help("write the name itself as the text, such as `\"local_file.name\"`, without `${…}`");
            self.messages.push(error);
            return plain;
        }
        let Ok(read) = string::read(self.text, span.start as usize) else { return plain };
        let parsed = if self.template {
            parse_template(span.source, &read.value, depth)
        } else {
            parse_expression(span.source, &read.value)
        };
        match parsed {
            Ok(mut expr) => {
                read.places.expr(&mut expr);
                // What is underlined is the string, quotes and all.
                Expr { span, ..expr }
            }
            Err(errors) => {
                self.messages.extend(read.places.messages(errors));
                plain
            }
        }
    }
}

/// The properties of a block whose schema is not known yet, its strings read as templates. What is a block for sure,
/// since it is `dynamic` or holds one that is, becomes one.
pub fn provider_items(property: Attribute, messages: &mut Diagnostics) -> Vec<Item> {
    let Some(text) = property.json.clone() else { return vec![Item::Attribute(property)] };
    if property.name.name.as_ref() == "dynamic" {
        let read = |mut block: Block, messages: &mut Diagnostics| {
            let items = std::mem::take(&mut block.body.items);
            block.body.items = items.into_iter().flat_map(|item| dynamic_items(item, messages)).collect();
            Item::Block(block)
        };
        return blocks(property, 1, messages).into_iter().map(|block| read(block, messages)).collect();
    }
    if has_dynamic(&property.value) {
        return blocks(property, 0, messages)
            .into_iter()
            .map(|block| provider_block(block, messages))
            .collect();
    }
    let value = expression(property.value, &text, messages);
    vec![Item::Attribute(Attribute { value, ..property })]
}

fn provider_block(mut block: Block, messages: &mut Diagnostics) -> Item {
    let items = std::mem::take(&mut block.body.items);
    for item in items {
        match item {
            Item::Attribute(property) => block.body.items.extend(provider_items(property, messages)),
            Item::Block(_) => block.body.items.push(item),
        }
    }
    Item::Block(block)
}

/// What is inside of a `dynamic` block.
fn dynamic_items(item: Item, messages: &mut Diagnostics) -> Vec<Item> {
    let Item::Attribute(property) = item else { return vec![item] };
    match (property.name.name.as_ref(), &property.value.kind) {
        ("content", _) => {
            blocks(property, 0, messages).into_iter().map(|block| provider_block(block, messages)).collect()
        }
        ("iterator", ExprKind::String(name)) => {
            let value = Expr { kind: ExprKind::Name(name.clone()), span: property.value.span };
            vec![Item::Attribute(Attribute { value, ..property })]
        }
        _ => {
            let text = property.json.clone().unwrap_or_else(|| "".into());
            let value = expression(property.value, &text, messages);
            vec![Item::Attribute(Attribute { value, ..property })]
        }
    }
}

/// Whether a value holds what can only be a `dynamic` block.
fn has_dynamic(value: &Expr) -> bool {
    match &value.kind {
        ExprKind::Tuple(values) => values.iter().any(has_dynamic),
        ExprKind::Object(entries) => entries.iter().any(|(key, value)| {
            let is_dynamic = matches!(&key.kind, ExprKind::String(name) if name.as_ref() == "dynamic");
            is_dynamic && is_labelled_dynamic(value) || has_dynamic(value)
        }),
        _ => false,
    }
}

/// `{ label: { for_each: …, content: … } }`
fn is_labelled_dynamic(value: &Expr) -> bool {
    let has = |entries: &[(Expr, Expr)], wanted: &str| {
        entries.iter().any(|(key, _)| matches!(&key.kind, ExprKind::String(name) if name.as_ref() == wanted))
    };
    let is_body = |value: &Expr| match &value.kind {
        ExprKind::Object(entries) => has(entries, "for_each") && has(entries, "content"),
        _ => false,
    };
    match &value.kind {
        ExprKind::Object(entries) => entries.iter().any(|(_, value)| match &value.kind {
            ExprKind::Tuple(bodies) => bodies.iter().any(is_body),
            _ => is_body(value),
        }),
        ExprKind::Tuple(values) => values.iter().any(is_labelled_dynamic),
        _ => false,
    }
}
