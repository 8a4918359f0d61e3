//! The arguments and blocks of one block: taken by name, and what nobody took is unknown.

use super::names::SUGGESTED_MAX;
use crate::diag::{Diagnostic, Diagnostics, Span, code};
use crate::lang::syntax::ast::{Attribute, Block, Body, Expr, ExprKind, Ident, Item};
use crate::lang::syntax::json;
use crate::lang::syntax::lexer::is_word;
use std::sync::Arc;

/// Blocks of Terraform that later versions bring.
const LATER: &[&str] = &["ephemeral", "provisioner", "connection", "cloud", "action"];

/// Where a value that is kept nowhere comes from.
pub(super) const INSTEAD_OF_EPHEMERAL: &str =
    "give the value to a variable with `ephemeral = true`: it is used, and kept nowhere";

/// What is left of a block.
pub(super) struct Arguments<'d> {
    /// The block in words: "variable `x`".
    what: String,
    header: Span,
    items: Vec<Item>,
    known_names: Vec<&'static str>,
    known_blocks: Vec<&'static str>,
    pub(super) diagnostics: &'d mut Diagnostics,
}

impl<'d> Arguments<'d> {
    pub(super) fn new(what: String, header: Span, body: &Body, diagnostics: &'d mut Diagnostics) -> Self {
        Self::of(what, header, body.items.clone(), diagnostics)
    }

    /// The same of a block that nobody else wants: a configuration is mostly blocks of resources.
    pub(super) fn of(what: String, header: Span, items: Vec<Item>, diagnostics: &'d mut Diagnostics) -> Self {
        Self { what, header, items, known_names: Vec::new(), known_blocks: Vec::new(), diagnostics }
    }

    /// Takes an argument as it is written: strings of JSON are not read as templates.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Attribute> {
        self.known_names.push(name);
        let is_it = |item: &mut Item| matches!(item, Item::Attribute(attribute) if attribute.name.name.as_ref() == name);
        let taken = self.items.extract_if(.., is_it);
        let mut taken = taken.filter_map(|item| if let Item::Attribute(it) = item { Some(it) } else { None });
        let first = taken.next()?;
        // In other files the parser has looked for these.
        for again in taken {
            self.diagnostics.push(twice(&format!("argument `{name}`"), again.name.span, first.name.span));
        }
        Some(first)
    }

    /// Takes an argument that must be there.
    pub(super) fn require(&mut self, name: &'static str) -> Option<Expr> {
        let taken = self.take_required(name)?;
        Some(evaluated(taken, self.diagnostics).value)
    }

    /// Takes an argument that must be there and is made of names.
    pub(super) fn required_names(&mut self, name: &'static str) -> Option<Expr> {
        let taken = self.take_required(name)?;
        match taken.json {
            Some(text) => json::reference(taken.value, &text, self.diagnostics),
            None => Some(taken.value),
        }
    }

    fn take_required(&mut self, name: &'static str) -> Option<Attribute> {
        let taken = self.take(name);
        if taken.is_none() {
            let what = &self.what;
            let error = Diagnostic::error(code::lang::MISSING_ARGUMENT, format!("{what} has no `{name}`"))
                .at(self.header, format!("`{name} = …` is missing in this block"));
            self.diagnostics.push(error);
        }
        taken
    }

    /// Takes the value of an argument.
    pub(super) fn expr(&mut self, name: &'static str) -> Option<Expr> {
        let taken = self.take(name)?;
        Some(evaluated(taken, self.diagnostics).value)
    }

    /// Takes an argument whose value is used as it is written, never evaluated with names: in JSON, its strings are text.
    pub(super) fn literal(&mut self, name: &'static str) -> Option<Expr> {
        self.take(name).map(|attribute| attribute.value)
    }

    /// Takes an argument that is made of names: in JSON, its strings are these.
    pub(super) fn names(&mut self, name: &'static str) -> Option<Expr> {
        let taken = self.take(name)?;
        match taken.json {
            Some(text) => json::reference(taken.value, &text, self.diagnostics),
            None => Some(taken.value),
        }
    }

    /// Takes an argument that is `true` or `false` as it stands.
    pub(super) fn bool(&mut self, name: &'static str) -> Option<bool> {
        let value = self.literal(name)?;
        let literal = match &value.kind {
            ExprKind::Bool(value) => Some(*value),
            ExprKind::String(text) if text.as_ref() == "true" => Some(true),
            ExprKind::String(text) if text.as_ref() == "false" => Some(false),
            _ => None,
        };
        if literal.is_none() {
            self.bad(name, value.span, "`true` or `false`");
        }
        literal
    }

    /// Takes an argument that is a plain text as it stands.
    pub(super) fn text(&mut self, name: &'static str) -> Option<(Arc<str>, Span)> {
        let value = self.literal(name)?;
        let text = plain_text(&value);
        if text.is_none() {
            self.bad(name, value.span, "a quoted text without `${…}`");
        }
        text.map(|text| (text, value.span))
    }

    /// Takes an argument that is a list of names, and gives its items.
    pub(super) fn list(&mut self, name: &'static str) -> Vec<Expr> {
        match self.names(name) {
            None => Vec::new(),
            Some(Expr { kind: ExprKind::Tuple(items), .. }) => items,
            Some(other) => {
                self.bad(name, other.span, "a list between brackets, `[…]`");
                Vec::new()
            }
        }
    }

    fn bad(&mut self, name: &str, span: Span, wanted: &str) {
        let error = Diagnostic::error(code::lang::BAD_ARGUMENT, format!("`{name}` must be {wanted}"))
            .at(span, format!("expected {wanted}"))
            .detail("It is read before anything is evaluated.");
        self.diagnostics.push(error);
    }

    /// Takes all blocks of a kind that has no labels.
    pub(super) fn blocks(&mut self, kind: &'static str) -> Vec<Block> {
        self.labelled_blocks(kind, 0)
    }

    /// Takes all blocks of a kind that has so many labels.
    pub(super) fn labelled_blocks(&mut self, kind: &'static str, labels: usize) -> Vec<Block> {
        self.known_blocks.push(kind);
        let is_it = |item: &mut Item| match item {
            Item::Block(block) => block.kind.name.as_ref() == kind,
            Item::Attribute(attribute) => attribute.json.is_some() && attribute.name.name.as_ref() == kind,
        };
        let mut blocks = Vec::new();
        for item in self.items.extract_if(.., is_it) {
            match item {
                Item::Block(block) => blocks.push(block),
                Item::Attribute(property) => {
                    blocks.extend(json::blocks(property, labels, self.diagnostics));
                }
            }
        }
        blocks
    }

    /// Takes the block of a kind that may be there once.
    pub(super) fn block(&mut self, kind: &'static str) -> Option<Block> {
        let mut blocks = self.blocks(kind).into_iter();
        let first = blocks.next()?;
        for again in blocks {
            self.diagnostics.push(twice(&format!("block `{kind}`"), again.header, first.header));
        }
        Some(first)
    }

    /// Takes all arguments that are left.
    pub(super) fn rest(&mut self) -> Vec<Attribute> {
        let taken = self.items.extract_if(.., |item| matches!(item, Item::Attribute(_)));
        let taken = taken.filter_map(|item| if let Item::Attribute(it) = item { Some(it) } else { None });
        taken.map(|attribute| evaluated(attribute, self.diagnostics)).collect()
    }

    /// All that is left, as it is; properties of JSON whose form nobody but the schema knows are arguments. Kinds of
    /// blocks that only the language could know are refused.
    pub(super) fn into_items(self) -> Vec<Item> {
        let mut items = Vec::with_capacity(self.items.len());
        for item in self.items {
            match item {
                Item::Attribute(attribute) => match refused_property(&attribute) {
                    Some(error) => self.diagnostics.push(error),
                    None => items.extend(json::provider_items(attribute, self.diagnostics)),
                },
                Item::Block(_) => items.push(item),
            }
        }
        refuse_later(&items, self.diagnostics);
        items
    }

    /// What is left is unknown.
    pub(super) fn finish(self) {
        for item in &self.items {
            let may_suggest = self.diagnostics.len() < SUGGESTED_MAX;
            let error = match item {
                Item::Attribute(attribute) => match refused_property(attribute) {
                    Some(error) => error,
                    None => self.unknown_argument(&attribute.name, attribute.json.is_some(), may_suggest),
                },
                Item::Block(block) => match later(block) {
                    Some(error) => error,
                    None => self.unknown_block(block, may_suggest),
                },
            };
            self.diagnostics.push(error);
        }
    }

    fn unknown_argument(&self, name: &Ident, is_json: bool, may_suggest: bool) -> Diagnostic {
        let word = &name.name;
        if is_json {
            let known: Vec<_> = self.known_names.iter().chain(&self.known_blocks).copied().collect();
            let summary = format!("{} has no argument or block `{word}`", self.what);
            let error =
                Diagnostic::error(code::lang::UNKNOWN_ARGUMENT, summary).at(name.span, "unknown name");
            if !may_suggest {
                return error;
            }
            return error.did_you_mean(word, known.iter().copied()).listing("arguments and blocks", &known);
        }
        let error = Diagnostic::error(
            code::lang::UNKNOWN_ARGUMENT,
            format!("{} has no argument `{word}`", self.what),
        )
        .at(name.span, "unknown argument");
        if !may_suggest {
            return error;
        }
        if self.known_blocks.contains(&word.as_ref()) {
            return error.help(format!("`{word}` is a block: write `{word} {{ … }}`, without `=`"));
        }
        error.did_you_mean(word, self.known_names.iter().copied()).listing("arguments", &self.known_names)
    }

    fn unknown_block(&self, block: &Block, may_suggest: bool) -> Diagnostic {
        let word = &block.kind.name;
        let error =
            Diagnostic::error(code::lang::UNKNOWN_BLOCK, format!("{} has no block `{word}`", self.what))
                .at(block.header, "unknown block");
        if !may_suggest {
            return error;
        }
        if self.known_names.contains(&word.as_ref()) {
            return error.help(format!("`{word}` is an argument: write `{word} = …`"));
        }
        error.did_you_mean(word, self.known_blocks.iter().copied()).listing("blocks", &self.known_blocks)
    }
}

/// An argument with its value as it is evaluated: strings of JSON are templates.
fn evaluated(attribute: Attribute, diagnostics: &mut Diagnostics) -> Attribute {
    match attribute.json.clone() {
        Some(text) => {
            let value = json::expression(attribute.value, &text, diagnostics);
            Attribute { value, ..attribute }
        }
        None => attribute,
    }
}

trait Listing {
    fn listing(self, what: &str, known: &[&str]) -> Self;
}

impl Listing for Diagnostic {
    /// Lists what is known, where nothing is near.
    fn listing(self, what: &str, known: &[&str]) -> Self {
        if !self.help.is_empty() || known.is_empty() {
            return self;
        }
        let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
        self.help(format!("the {what} here are {}", known.join(", ")))
    }
}

/// The text of a string without interpolation.
pub(super) fn plain_text(expr: &Expr) -> Option<Arc<str>> {
    match &expr.kind {
        ExprKind::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// The labels of a block, which must be these; each of them a word.
pub(super) fn labels<const N: usize>(
    block: &Block,
    wanted: [&str; N],
    diagnostics: &mut Diagnostics,
) -> Option<[Ident; N]> {
    let kind = &block.kind.name;
    let Ok(labels) = <[Ident; N]>::try_from(block.labels.clone()) else {
        let form = wanted.map(|label| format!(" \"{label}\"")).concat();
        let count = match block.labels.len() {
            0 => "has no label".to_owned(),
            1 => "has one label".to_owned(),
            count => format!("has {count} labels"),
        };
        let error = Diagnostic::error(code::lang::LABELS, format!("block `{kind}` {count}"))
            .at(
                block.header,
                ["expected none", "expected one", "expected two"].get(N).copied().unwrap_or_default(),
            )
            .help(format!("write `{kind}{form} {{ … }}`"));
        diagnostics.push(error);
        return None;
    };
    let bad = labels.iter().find(|label| !is_word(&label.name));
    if let Some(label) = bad {
        let error = Diagnostic::error(code::lang::LABELS, format!("`{}` is not a name", label.name))
            .at(label.span, "expected a name")
            .help("a name begins with a letter or `_`, and goes on with letters, digits, `_` and `-`");
        diagnostics.push(error);
        return None;
    }
    Some(labels)
}

/// Two of the same name.
pub(super) fn twice(what: &str, again: Span, first: Span) -> Diagnostic {
    Diagnostic::error(code::lang::DUPLICATE, format!("{what} is there twice"))
        .at(again, "declared again here")
        .at(first, "declared first here")
        .help("rename or remove one of them")
}

/// What to say of a block that later versions bring.
pub(super) fn later(block: &Block) -> Option<Diagnostic> {
    later_kind(&block.kind.name, block.header)
}

/// The same for a property of JSON, if it can only be such a block.
fn refused_property(property: &Attribute) -> Option<Diagnostic> {
    let kind = property.name.name.as_ref();
    let is_it = property.json.is_some() && matches!(kind, "provisioner" | "connection");
    if is_it { later_kind(kind, property.name.span) } else { None }
}

fn later_kind(kind: &str, header: Span) -> Option<Diagnostic> {
    let kind = LATER.iter().find(|known| **known == kind)?;
    let error = Diagnostic::error(
        code::lang::UNSUPPORTED,
        format!("`{kind}` blocks are not supported by this version"),
    )
    .at(header, "not supported");
    Some(match *kind {
        "ephemeral" => error.help(INSTEAD_OF_EPHEMERAL),
        "cloud" => error.help("keep the state in a bucket: write a `backend \"s3\"` block in its place"),
        _ => error,
    })
}

/// Refuses the blocks that are the language's own on the first level of a resource. Deeper down any kind may be the
/// provider's.
fn refuse_later(items: &[Item], diagnostics: &mut Diagnostics) {
    for item in items {
        if let Item::Block(block) = item {
            let refused = matches!(block.kind.name.as_ref(), "provisioner" | "connection");
            if let Some(error) = later(block).filter(|_| refused) {
                diagnostics.push(error);
            }
        }
    }
}
