//! Places in a text that stands for a part of a source, moved to where they are in the source.

use crate::diag::{Diagnostics, Span};
use crate::lang::syntax::ast::{Expr, ExprKind, For, Ident, Step, TemplatePart};

/// Where each byte of a string's value is in the source.
pub(super) struct Places {
    /// Of the first character between the quotes.
    start: u32,
    /// After each escape: the offset in the value, and in the source.
    jumps: Vec<(u32, u32)>,
}

impl Places {
    pub(super) fn new(start: u32) -> Self {
        Self { start, jumps: Vec::new() }
    }

    /// From this offset of the value on, the source goes on there.
    pub(super) fn jump(&mut self, value: usize, source: usize) {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.jumps.push((offset(value), offset(source)));
    }

    fn of(&self, value: u32) -> u32 {
        let after = self.jumps.partition_point(|(from, _)| *from <= value);
        match after.checked_sub(1).and_then(|last| self.jumps.get(last)) {
            Some((from, source)) => source.saturating_add(value - from),
            None => self.start.saturating_add(value),
        }
    }

    fn span(&self, span: &mut Span) {
        (span.start, span.end) = (self.of(span.start), self.of(span.end));
    }

    pub(super) fn messages(&self, messages: Diagnostics) -> Diagnostics {
        let mut moved = Diagnostics::new();
        for mut message in messages {
            message.labels.iter_mut().for_each(|label| self.span(&mut label.span));
            moved.push(message);
        }
        moved
    }

    pub(super) fn expr(&self, expr: &mut Expr) {
        self.span(&mut expr.span);
        match &mut expr.kind {
            ExprKind::Null
            | ExprKind::Bool(_)
            | ExprKind::Number(_)
            | ExprKind::String(_)
            | ExprKind::Name(_) => {}
            ExprKind::Template(parts) => self.parts(parts),
            ExprKind::TemplateWrap(inner) | ExprKind::Unary(_, inner) | ExprKind::Paren(inner) => {
                self.expr(inner);
            }
            ExprKind::Access { target, steps } => {
                self.expr(target);
                self.steps(steps);
            }
            ExprKind::Call { name, args, .. } => {
                self.span(&mut name.span);
                self.exprs(args);
            }
            ExprKind::Chain { first, rest } => {
                self.expr(first);
                self.exprs(rest.iter_mut().map(|(_, operand)| operand));
            }
            ExprKind::Conditional { cases, otherwise } => {
                self.pairs(cases);
                self.expr(otherwise);
            }
            ExprKind::Tuple(items) => self.exprs(items),
            ExprKind::Object(items) => self.pairs(items),
            ExprKind::For(it) => self.for_expr(it),
        }
    }

    fn exprs<'e>(&self, exprs: impl IntoIterator<Item = &'e mut Expr>) {
        exprs.into_iter().for_each(|expr| self.expr(expr));
    }

    fn pairs(&self, pairs: &mut [(Expr, Expr)]) {
        for (first, second) in pairs {
            self.expr(first);
            self.expr(second);
        }
    }

    fn idents<'i>(&self, idents: impl IntoIterator<Item = &'i mut Ident>) {
        idents.into_iter().for_each(|ident| self.span(&mut ident.span));
    }

    fn for_expr(&self, it: &mut For) {
        self.idents(it.key_name.iter_mut().chain([&mut it.value_name]));
        self.exprs(it.key.iter_mut().chain([&mut it.collection, &mut it.value]).chain(&mut it.condition));
    }

    fn steps(&self, steps: &mut [Step]) {
        for step in steps {
            match step {
                Step::Attr(name) => self.span(&mut name.span),
                Step::Index(index, span) => {
                    self.expr(index);
                    self.span(span);
                }
                Step::Splat { each, span, .. } => {
                    self.steps(each);
                    self.span(span);
                }
            }
        }
    }

    fn parts(&self, parts: &mut [TemplatePart]) {
        for part in parts {
            match part {
                TemplatePart::Literal(_) => {}
                TemplatePart::Interpolation(expr) => self.expr(expr),
                TemplatePart::If { condition, then, otherwise, span } => {
                    self.expr(condition);
                    self.parts(then);
                    self.parts(otherwise);
                    self.span(span);
                }
                TemplatePart::For { key, value, collection, body, span } => {
                    self.idents(key.iter_mut().chain([value]));
                    self.expr(collection);
                    self.parts(body);
                    self.span(span);
                }
            }
        }
    }
}
