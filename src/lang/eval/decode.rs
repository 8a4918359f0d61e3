//! Bodies of blocks to objects, as a provider's schema wants them.
//!
//! Goes in: a body, its schema, a scope. Comes out: an object with every attribute and kind of block that the schema
//! has, or all errors. Never happens: an attribute whose value is not of the schema's type.

use super::explain::count;
use super::expression::Evaluator;
use super::schema::{AttributeSchema, BlockSchema, NestedBlock, Nesting};
use crate::diag::{Diagnostic, Diagnostics, Span, code};
use crate::lang::scope::Scope;
use crate::lang::syntax::ast::{Attribute, Block, Body, Ident, Item};
use crate::lang::syntax::json;
use crate::lang::value::{Marks, Type, Value, convert};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The object that a body stands for: every attribute of the schema, null if it is not given, converted to its type and
/// marked if the schema calls it sensitive; and the blocks of each kind, as their nesting says. `dynamic` blocks are
/// written out.
///
/// # Errors
/// All of them: arguments and blocks that the schema does not have, lacks, or only the provider sets; values of the
/// wrong type, with the part that does not fit; arguments and labels given twice.
pub fn decode(body: &Body, schema: &BlockSchema, scope: &dyn Scope) -> Result<Value, Diagnostics> {
    let mut evaluator = Evaluator::new(scope);
    let value = evaluator.body(body, schema, body.span);
    evaluator.finish(value)
}

/// Warnings for what a body uses although its schema calls it deprecated.
pub fn deprecations(body: &Body, schema: &BlockSchema) -> Diagnostics {
    let mut warnings = Diagnostics::new();
    let body = with_blocks(body, schema, &mut Diagnostics::new());
    for attribute in body.attributes() {
        let known = schema.attributes.get(&attribute.name.name);
        warn(&mut warnings, known.and_then(|known| known.deprecated.as_ref()), &attribute.name);
    }
    for block in body.blocks() {
        if let Some(nested) = schema.blocks.get(&block.kind.name) {
            warn(&mut warnings, nested.block.deprecated.as_ref(), &block.kind);
            warnings.extend(deprecations(&block.body, &nested.block));
        }
    }
    warnings
}

fn warn(warnings: &mut Diagnostics, instead: Option<&Arc<str>>, name: &Ident) {
    if let Some(instead) = instead {
        let warning = Diagnostic::warning(code::lang::DEPRECATED, format!("`{}` is deprecated", name.name));
        warnings.push(warning.at(name.span, "").detail(instead.to_string()));
    }
}

/// In JSON an argument and a block look the same: those that the schema calls blocks become blocks.
pub(super) fn with_blocks<'b>(
    body: &'b Body,
    schema: &BlockSchema,
    messages: &mut Diagnostics,
) -> Cow<'b, Body> {
    let labels = |property: &Attribute| {
        property.json.as_ref()?;
        match schema.blocks.get(&property.name.name) {
            Some(nested) => Some(usize::from(nested.nesting == Nesting::Map)),
            None => (property.name.name.as_ref() == "dynamic").then_some(1),
        }
    };
    if !body.attributes().any(|attribute| labels(attribute).is_some()) {
        return Cow::Borrowed(body);
    }
    let mut items = Vec::with_capacity(body.items.len());
    for item in &body.items {
        match item {
            Item::Attribute(property) => match labels(property) {
                Some(labels) => {
                    items.extend(
                        json::blocks(property.clone(), labels, messages).into_iter().map(Item::Block),
                    );
                }
                None => items.push(item.clone()),
            },
            Item::Block(_) => items.push(item.clone()),
        }
    }
    Cow::Owned(Body { items, span: body.span })
}

/// What blocks of one kind have been decoded to so far.
#[derive(Default)]
pub(super) struct Decoded {
    /// The blocks' values, with the label of each.
    pub(super) blocks: Vec<(Option<Arc<str>>, Value)>,
    /// How many blocks there are is not known.
    pub(super) unknown: bool,
    /// Of what decides how many there are.
    pub(super) marks: Marks,
    /// The first block of the kind.
    pub(super) span: Option<Span>,
}

impl Evaluator<'_> {
    /// A body whose block's first line is `header`.
    pub(super) fn body(&mut self, body: &Body, schema: &BlockSchema, header: Span) -> Value {
        let mut messages = Diagnostics::new();
        let body = &*with_blocks(body, schema, &mut messages);
        messages.into_iter().for_each(|message| drop(self.fail(message)));
        let mut object = BTreeMap::new();
        let mut given: BTreeMap<&str, &Attribute> = BTreeMap::new();
        for attribute in body.attributes() {
            if let Some(first) = given.get(&*attribute.name.name) {
                let summary = format!("the argument `{}` is given twice", attribute.name.name);
                let error = Diagnostic::error(code::lang::DUPLICATE_ARGUMENT, summary)
                    .at(attribute.name.span, "again here")
                    .at(first.name.span, "first here");
                self.fail(error);
                continue;
            }
            given.insert(&attribute.name.name, attribute);
            if !schema.attributes.contains_key(&attribute.name.name) {
                self.no_argument(&attribute.name, schema);
            }
        }
        for (name, attribute) in &schema.attributes {
            let value = self.argument(name, attribute, given.get(&**name).copied(), header);
            object.insert(name.clone(), value);
        }
        for (name, value) in self.blocks(body, schema, header) {
            object.insert(name, value);
        }
        self.made(Value::object(object), header)
    }

    fn argument(
        &mut self,
        name: &Arc<str>,
        schema: &AttributeSchema,
        given: Option<&Attribute>,
        header: Span,
    ) -> Value {
        let absent = Value::null_of(schema.ty.without_optional());
        let Some(given) = given else {
            if schema.required {
                let error = Diagnostic::error(
                    code::lang::MISSING_ARGUMENT,
                    format!("the argument `{name}` is missing"),
                )
                .at(header, format!("`{name}` must be given here"));
                self.fail(error);
            }
            return absent;
        };
        if !schema.is_argument() {
            let summary = format!("the attribute `{name}` is set by the provider, and cannot be given");
            let error =
                Diagnostic::error(code::lang::COMPUTED_ARGUMENT, summary).at(given.name.span, "remove this");
            self.fail(error);
            return absent;
        }
        let before = self.failures();
        let value = self.value(&given.value);
        if self.failures() > before {
            return absent;
        }
        if value.is_null() && schema.required {
            let error =
                Diagnostic::error(code::lang::MISSING_ARGUMENT, format!("the argument `{name}` is null"))
                    .at(given.value.span, format!("`{name}` must have a value"));
            self.fail_with(error, &[&given.value]);
            return absent;
        }
        match convert(&value, &schema.ty) {
            Ok(value) if schema.sensitive && !value.is_null() => value.marked(Marks::SENSITIVE),
            Ok(value) => value,
            Err(error) => {
                let summary = format!("the argument `{name}` must be {}", schema.ty.with_article());
                let error = Diagnostic::error(code::lang::WRONG_TYPE, summary)
                    .at(given.value.span, error.to_string());
                self.fail_with(error, &[&given.value]);
                absent
            }
        }
    }

    fn no_argument(&mut self, name: &Ident, schema: &BlockSchema) {
        let word = &name.name;
        if schema.blocks.contains_key(word) {
            let error = Diagnostic::error(
                code::lang::UNKNOWN_ARGUMENT,
                format!("`{word}` is a block, not an argument"),
            )
            .at(name.span, format!("write it as `{word} {{ … }}`, without `=`"));
            self.fail(error);
            return;
        }
        let kept = word.strip_suffix("_version").unwrap_or(word).strip_suffix("_wo");
        if let Some(kept) = kept.filter(|kept| schema.attributes.contains_key(*kept)) {
            let summary = format!("the write-only argument `{word}` is not supported by this version");
            let error = Diagnostic::error(code::lang::UNSUPPORTED, summary).at(name.span, "not supported");
            self.fail(error.help(format!("give `{kept}`, which is kept in the state")));
            return;
        }
        let error =
            Diagnostic::error(code::lang::UNKNOWN_ARGUMENT, format!("there is no argument `{word}` here"))
                .at(name.span, "no such argument")
                .did_you_mean(word, arguments(schema));
        self.fail(error);
    }

    fn blocks(&mut self, body: &Body, schema: &BlockSchema, header: Span) -> Vec<(Arc<str>, Value)> {
        let mut found: BTreeMap<Arc<str>, Decoded> = BTreeMap::new();
        for block in body.blocks() {
            let kind = &block.kind.name;
            if let Some(nested) = schema.blocks.get(kind) {
                let label = self.label(block, nested);
                let value = self.body(&block.body, &nested.block, block.header);
                let decoded = found.entry(kind.clone()).or_default();
                decoded.span.get_or_insert(block.header);
                decoded.blocks.push((label, value));
            } else if &**kind == "dynamic" {
                self.dynamic(block, schema, &mut found);
            } else {
                self.no_block(&block.kind, schema);
            }
        }
        let mut all = Vec::with_capacity(schema.blocks.len());
        for (name, nested) in &schema.blocks {
            let decoded = found.remove(name).unwrap_or_default();
            self.check_count(name, nested, &decoded, header);
            let marks = decoded.marks;
            all.push((name.clone(), self.nest(name, nested, decoded).marked(marks)));
        }
        all
    }

    pub(super) fn no_block(&mut self, name: &Ident, schema: &BlockSchema) {
        let word = &name.name;
        let error = if schema.attributes.contains_key(word) {
            Diagnostic::error(code::lang::UNKNOWN_ARGUMENT, format!("`{word}` is an argument, not a block"))
                .at(name.span, format!("write it as `{word} = …`"))
        } else {
            Diagnostic::error(code::lang::UNKNOWN_ARGUMENT, format!("there is no block `{word}` here"))
                .at(name.span, "no such block")
                .did_you_mean(word, schema.blocks.keys().map(AsRef::as_ref).chain(arguments(schema)))
        };
        self.fail(error);
    }

    /// The label of a block of a map; other blocks have none.
    fn label(&mut self, block: &Block, nested: &NestedBlock) -> Option<Arc<str>> {
        let wanted = usize::from(nested.nesting == Nesting::Map);
        if block.labels.len() != wanted {
            let takes =
                if wanted == 0 { "no label".to_owned() } else { "one label, which names it".to_owned() };
            let summary =
                format!("the block `{}` has {}", block.kind.name, count(block.labels.len(), "label"));
            let error = Diagnostic::error(code::lang::BLOCK_COUNT, summary)
                .at(block.header, format!("it takes {takes}"));
            self.fail(error);
        }
        block.labels.first().map(|label| label.name.clone()).filter(|_| wanted == 1)
    }

    fn check_count(&mut self, name: &str, nested: &NestedBlock, decoded: &Decoded, header: Span) {
        let (given, min, max) = (decoded.blocks.len(), nested.min, nested.max);
        let max = if nested.nesting == Nesting::Single { Some(1) } else { max };
        if decoded.unknown {
            return;
        }
        let place = decoded.span.unwrap_or(header);
        let error = match max {
            _ if given == 0 && min > 0 => {
                Diagnostic::error(code::lang::MISSING_ARGUMENT, format!("the block `{name}` is missing"))
                    .at(header, format!("`{name} {{ … }}` must be given here"))
            }
            _ if given < min => {
                let summary = format!("there must be at least {min} `{name}` blocks, but there are {given}");
                Diagnostic::error(code::lang::BLOCK_COUNT, summary).at(place, "")
            }
            Some(max) if given > max => {
                let summary = format!(
                    "there may be at most {}, but there are {given}",
                    count(max, &format!("`{name}` block"))
                );
                Diagnostic::error(code::lang::BLOCK_COUNT, summary).at(place, "")
            }
            _ => return,
        };
        self.fail(error);
    }

    fn nest(&mut self, name: &str, nested: &NestedBlock, decoded: Decoded) -> Value {
        let each = nested.block.implied_type().without_optional();
        let ty = nested.implied_type().without_optional();
        if decoded.unknown {
            return if nested.nesting == Nesting::Single {
                Value::unknown(ty)
            } else {
                Value::unknown_not_null(ty)
            };
        }
        let mut values = decoded.blocks;
        match nested.nesting {
            Nesting::Single => values.pop().map_or_else(|| Value::null_of(ty), |(_, value)| value),
            Nesting::List if matches!(ty, Type::Any) => {
                Value::tuple(values.into_iter().map(|(_, value)| value))
            }
            Nesting::List => Value::list(each, values.into_iter().map(|(_, value)| value)),
            Nesting::Set => {
                let tuple = Value::tuple(values.into_iter().map(|(_, value)| value));
                convert(&tuple, &Type::set(each)).unwrap_or_else(|_| Value::unknown_not_null(ty))
            }
            Nesting::Map => {
                let mut entries: BTreeMap<Arc<str>, Value> = BTreeMap::new();
                for (label, value) in values {
                    let Some(label) = label else { continue };
                    if entries.insert(label.clone(), value).is_some() {
                        let summary = format!("two `{name}` blocks are called `{label}`");
                        let error = Diagnostic::error(code::lang::DUPLICATE_ARGUMENT, summary);
                        self.fail(
                            decoded.span.map_or(error.clone(), |span| error.at(span, "the first of them")),
                        );
                    }
                }
                if matches!(ty, Type::Any) { Value::object(entries) } else { Value::map(each, entries) }
            }
        }
    }
}

fn arguments(schema: &BlockSchema) -> impl Iterator<Item = &str> {
    schema.attributes.iter().filter(|(_, attribute)| attribute.is_argument()).map(|(name, _)| &**name)
}

#[cfg(test)]
mod tests;
