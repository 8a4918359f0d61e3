//! Templates: text with `${…}`, `%{ if }` and `%{ for }`.

use super::expression::Evaluator;
use super::iterate::Names;
use crate::diag::{Diagnostic, Span, code};
use crate::lang::syntax::ast::{Expr, TemplatePart};
use crate::lang::value::{Marks, Refinement, Type, Value, convert, known_prefix, normalize};

/// A text that grows part by part.
#[derive(Default)]
struct Text {
    /// All of it, or what comes before the first part that is not known.
    known: String,
    unknown: bool,
    marks: Marks,
}

impl Text {
    fn finish(self) -> Value {
        let value = if self.unknown {
            let prefix = known_prefix(&self.known);
            Value::unknown_with(Type::String, Refinement { not_null: true, prefix, ..Refinement::default() })
        } else {
            Value::string(normalize(&self.known))
        };
        value.marked(self.marks)
    }
}

impl Evaluator<'_> {
    pub(super) fn template(&mut self, parts: &[TemplatePart]) -> Value {
        let mut text = Text::default();
        for part in parts {
            match part {
                TemplatePart::Literal(literal) => {
                    if !text.unknown {
                        text.known.push_str(literal);
                    }
                }
                TemplatePart::Interpolation(inner) => {
                    let before = self.failures();
                    let value = self.value(inner);
                    let failed = self.failures() > before;
                    self.append(&mut text, &value, (inner, failed));
                }
                TemplatePart::If { condition, then, otherwise, span } => {
                    let value = self.choose_text(
                        condition,
                        *span,
                        |evaluator| evaluator.template(then),
                        |evaluator| evaluator.template(otherwise),
                    );
                    self.append_text(&mut text, &value, *span);
                }
                TemplatePart::For { key, value, collection, body, span } => {
                    let names = Names { key: key.as_ref(), value };
                    let value = self.template_for(names, collection, body, *span);
                    self.append_text(&mut text, &value, *span);
                }
            }
            if self.is_exhausted() {
                return Value::unknown(Type::String);
            }
        }
        text.finish()
    }

    fn append(&mut self, text: &mut Text, value: &Value, (at, failed): (&Expr, bool)) {
        text.marks = text.marks | value.marks_deep();
        if failed {
            text.unknown = true;
            return;
        }
        if value.is_null() {
            let error = Diagnostic::error(code::lang::TEMPLATE, "null has no text to put into a string")
                .at(at.span, "this is null");
            self.fail_with(error, &[at]);
            return;
        }
        if let Ok(part) = convert(value, &Type::String) {
            self.append_text(text, &part, at.span);
        } else {
            let ty = value.ty();
            let summary = format!("{} has no text to put into a string", ty.with_article());
            let mut error = Diagnostic::error(code::lang::TEMPLATE, summary).at(at.span, "");
            if ty.is_collection() || matches!(ty, Type::Tuple(_) | Type::Object(_)) {
                error = error.help("`jsonencode` writes any value as text, `join` the elements of a list");
            }
            self.fail_with(error, &[at]);
        }
    }

    /// Appends a string.
    fn append_text(&mut self, text: &mut Text, value: &Value, span: Span) {
        text.marks = text.marks | value.marks();
        let Some(part) = value.as_str() else {
            // What begins an unknown part is still known.
            if !text.unknown
                && let Some(prefix) = value.refinement().and_then(|known| known.prefix.as_ref())
            {
                text.known.push_str(prefix);
            }
            text.unknown = true;
            return;
        };
        if text.unknown {
            return;
        }
        match self.meter.bytes(part.len() as u64) {
            Ok(()) => text.known.push_str(part),
            Err(exhausted) => {
                self.stop(exhausted, span);
            }
        }
    }

    fn template_for(
        &mut self,
        names: Names<'_>,
        collection: &Expr,
        body: &[TemplatePart],
        span: Span,
    ) -> Value {
        let (items, marks) = match self.items_of(collection) {
            Ok(walk) => walk,
            Err(unknown) => return Value::unknown_not_null(Type::String).marked(unknown.marks()),
        };
        let mut text = Text { marks, ..Text::default() };
        for (key, value) in items {
            let before = self.failures();
            let part =
                self.with_elements(marks, names.bind(key, value), |evaluator| evaluator.template(body));
            if self.failures() > before {
                return Value::unknown_not_null(Type::String).marked(text.marks);
            }
            self.append_text(&mut text, &part, span);
            if self.is_exhausted() {
                break;
            }
        }
        text.finish()
    }
}
