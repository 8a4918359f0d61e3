//! `dynamic` blocks: a block for each element of a collection.

use super::decode::Decoded;
use super::expression::Evaluator;
use super::schema::{BlockSchema, NestedBlock, Nesting};
use crate::diag::{Diagnostic, code};
use crate::lang::syntax::ast::{Attribute, Block, Expr, ExprKind};
use crate::lang::value::{Kind, Marks, Type, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The parts of a `dynamic` block.
struct Dynamic<'b> {
    kind: &'b Arc<str>,
    nested: &'b NestedBlock,
    for_each: &'b Expr,
    iterator: Arc<str>,
    labels: Option<&'b Expr>,
    content: &'b Block,
}

impl Evaluator<'_> {
    /// `dynamic "kind" { for_each = …  content { … } }`
    pub(super) fn dynamic(
        &mut self,
        block: &Block,
        schema: &BlockSchema,
        found: &mut BTreeMap<Arc<str>, Decoded>,
    ) {
        let Some(dynamic) = self.read_dynamic(block, schema) else { return };
        let decoded = found.entry(dynamic.kind.clone()).or_default();
        decoded.span.get_or_insert(block.header);
        let (items, marks) = match self.items_of(dynamic.for_each) {
            Ok(items) => items,
            Err(unknown) => {
                decoded.unknown = true;
                decoded.marks = decoded.marks | unknown.marks();
                // Errors in the content do not wait until the elements are known.
                let element = self.unknown_element(dynamic.for_each);
                let _ = self.dynamic_content(&dynamic, Marks::NONE, element);
                return;
            }
        };
        decoded.marks = decoded.marks | marks;
        for item in items {
            let before = self.failures();
            let (label, value) = self.dynamic_content(&dynamic, marks, item);
            if self.failures() > before || self.is_exhausted() {
                return;
            }
            match label {
                Ok(label) => decoded.blocks.push((label, value)),
                Err(()) => decoded.unknown = true,
            }
        }
    }

    /// Key and value of an element of what is not known, as far as its type tells.
    fn unknown_element(&mut self, for_each: &Expr) -> (Value, Value) {
        let ty = self.held(|evaluator| evaluator.value(for_each)).value.ty_shallow();
        let value = Value::unknown(ty.element().cloned().unwrap_or(Type::Any));
        let key = match ty {
            Type::List(_) | Type::Tuple(_) => Value::unknown_not_null(Type::Number),
            Type::Map(_) | Type::Object(_) => Value::unknown_not_null(Type::String),
            _ => value.clone(),
        };
        (key, value)
    }

    /// One block: its label, `Err` if that is not known, and its value.
    fn dynamic_content(
        &mut self,
        dynamic: &Dynamic<'_>,
        marks: Marks,
        (key, value): (Value, Value),
    ) -> (Result<Option<Arc<str>>, ()>, Value) {
        let iterator = Value::object([("key".into(), key), ("value".into(), value)]);
        self.with_elements(marks, [(dynamic.iterator.clone(), iterator)], |evaluator| {
            let label = evaluator.dynamic_label(dynamic);
            let content = dynamic.content;
            (label, evaluator.body(&content.body, &dynamic.nested.block, content.header))
        })
    }

    fn dynamic_label(&mut self, dynamic: &Dynamic<'_>) -> Result<Option<Arc<str>>, ()> {
        if dynamic.nested.nesting != Nesting::Map {
            return Ok(None);
        }
        let Some(labels) = dynamic.labels else {
            let summary = format!("the block `{}` takes one label, which names it", dynamic.kind);
            let error = Diagnostic::error(code::lang::BLOCK_COUNT, summary)
                .at(dynamic.content.header, "`labels = [ … ]` is missing before this");
            self.fail(error);
            return Err(());
        };
        let before = self.failures();
        let value = self.value(labels);
        if self.failures() > before {
            return Err(());
        }
        match value.kind() {
            Kind::Unknown(..) => Err(()),
            Kind::Tuple(items) | Kind::List(_, items) if items.len() == 1 => {
                let label = items.first().cloned().unwrap_or_else(Value::null);
                let label = self.key(&label, labels).ok_or(())?;
                label.as_str().map(|label| Some(Arc::from(label))).ok_or(())
            }
            _ => {
                let error =
                    Diagnostic::error(code::lang::BLOCK_COUNT, "`labels` must be a list of one string")
                        .at(labels.span, "");
                self.fail_with(error, &[labels]);
                Err(())
            }
        }
    }

    fn read_dynamic<'b>(&mut self, block: &'b Block, schema: &'b BlockSchema) -> Option<Dynamic<'b>> {
        let [label] = block.labels.as_slice() else {
            let error = Diagnostic::error(code::lang::BLOCK_COUNT, "a `dynamic` block takes one label")
                .at(block.header, "the kind of the blocks that it stands for");
            self.fail(error);
            return None;
        };
        let Some((kind, nested)) = schema.blocks.get_key_value(&label.name) else {
            self.no_block(label, schema);
            return None;
        };
        let missing = |what: &str| {
            Diagnostic::error(code::lang::MISSING_ARGUMENT, format!("this `dynamic` block has no `{what}`"))
                .at(block.header, format!("`{what}` must be given here"))
        };
        let argument = |name: &str| -> Option<&'b Attribute> {
            block.body.attributes().find(|attribute| &*attribute.name.name == name)
        };
        for attribute in block.body.attributes() {
            let known = ["for_each", "iterator", "labels"];
            if !known.contains(&&*attribute.name.name) {
                let summary = format!("a `dynamic` block has no argument `{}`", attribute.name.name);
                let error = Diagnostic::error(code::lang::UNKNOWN_ARGUMENT, summary)
                    .at(attribute.name.span, "no such argument")
                    .did_you_mean(&attribute.name.name, known);
                self.fail(error);
            }
        }
        let Some(for_each) = argument("for_each") else {
            self.fail(missing("for_each"));
            return None;
        };
        let mut contents = block.body.blocks();
        let Some(content) = contents.find(|inner| &*inner.kind.name == "content") else {
            self.fail(missing("content"));
            return None;
        };
        for other in block.body.blocks().filter(|other| other.span != content.span) {
            let again = &*other.kind.name == "content";
            let summary = if again {
                "this `dynamic` block has two `content` blocks".to_owned()
            } else {
                format!("a `dynamic` block has no block `{}`", other.kind.name)
            };
            let error = Diagnostic::error(code::lang::UNKNOWN_ARGUMENT, summary);
            self.fail(
                error.at(other.header, "what is in the generated blocks stands in one `content` block"),
            );
        }
        let iterator = match argument("iterator").map(|attribute| (&attribute.value.kind, attribute)) {
            None => kind.clone(),
            Some((ExprKind::Name(name), _)) => name.clone(),
            Some((_, attribute)) => {
                let error = Diagnostic::error(code::lang::KEY, "`iterator` must be a bare word")
                    .at(attribute.value.span, "the name of the elements in `content`");
                self.fail(error);
                return None;
            }
        };
        let labels = argument("labels").map(|attribute| &attribute.value);
        Some(Dynamic { kind, nested, for_each: &for_each.value, iterator, labels, content })
    }
}
