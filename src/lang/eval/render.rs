//! `templatefile` and `templatestring`: templates whose text is a value.
//!
//! Goes in: a text, and the values of the names in it. Comes out: what the template is. Never happens: a template that
//! sees other names than those, or that renders another one.

use super::call::Argument;
use super::expression::Evaluator;
use crate::diag::{Diagnostic, Diagnostics, Span, code};
use crate::lang::functions::{CallError, Function, Lazy};
use crate::lang::reference;
use crate::lang::scope::{Outside, OutsideError, PathKind, Scope};
use crate::lang::syntax::ast::{Expr, ExprKind, Step, TemplatePart};
use crate::lang::syntax::lexer::is_word;
use crate::lang::syntax::parse_expression;
use crate::lang::value::{Entries, Type, Value, convert, quote_short};
use std::sync::Arc;

/// Characters of a path that are shown.
const PATH_SHOWN_MAX: usize = 120;
/// Problems of one template that are said; more would not be read.
const PROBLEMS_MAX: usize = 5;

impl Evaluator<'_> {
    /// Whether the first argument names a template that stands elsewhere. One that is written in place is a mistake:
    /// it would be a template already.
    pub(super) fn is_template_reference(&mut self, args: &[Expr]) -> bool {
        let Some(template) = args.first() else { return true };
        if matches!(template.kind, ExprKind::Name(_) | ExprKind::Access { .. }) {
            return true;
        }
        let error = Diagnostic::error(
            code::lang::ARGUMENT,
            "the argument `template` of `templatestring` must be a reference, such as `local.greeting`",
        )
        .at(template.span, "this is not a reference")
        .help("a template that is known here is written as a string with `${…}`, without `templatestring`");
        self.fail(error);
        false
    }

    pub(super) fn render(
        &mut self,
        function: &Function,
        whole: &Expr,
        template: &Argument<'_>,
        vars: &Argument<'_>,
    ) -> Value {
        let marks = template.value.marks_deep() | vars.value.marks_deep();
        let rendered = match self.outside().renders() {
            Some(outer) => Err(format!("a template of `{outer}` cannot render another one")),
            None => self.rendered(function, whole, template, vars),
        };
        match rendered {
            Ok(value) => value.marked(marks),
            Err(problem) => {
                let hidden = template.value.marks_deep().is_sensitive();
                let problem = if hidden {
                    "the template, which is sensitive, has no value".to_owned()
                } else {
                    problem
                };
                let args = [template, vars].map(|arg| Argument { expr: arg.expr, value: arg.value.clone() });
                let error = CallError::Failed(problem.into());
                self.call_failed(function, whole, &args, error)
            }
        }
    }

    fn rendered(
        &mut self,
        function: &Function,
        whole: &Expr,
        template: &Argument<'_>,
        vars: &Argument<'_>,
    ) -> Result<Value, String> {
        let from_file = function.lazily() == Some(Lazy::TemplateFile);
        let text =
            convert(&template.value, &Type::String).map_err(|error| format!("the template: {error}"))?;
        if text.is_null() || vars.value.is_null() {
            return Err("neither the template nor its variables may be null".to_owned());
        }
        if text.is_unknown() || vars.value.is_unknown() {
            return Ok(Value::unknown(if from_file { Type::Any } else { Type::String }));
        }
        let names =
            vars.value.as_entries().ok_or("the variables of a template must be an object or a map")?;
        if let Some(name) = names.keys().find(|name| !is_word(name)) {
            return Err(format!("{} cannot be the name of a variable", quote_short(name, PATH_SHOWN_MAX)));
        }
        let given = text.as_str().unwrap_or("");
        let (text, shown) = if from_file {
            let bytes = self.outside().read(given).map_err(|error| {
                format!("the file {} cannot be read: {error}", quote_short(given, PATH_SHOWN_MAX))
            })?;
            let text = String::from_utf8(bytes).map_err(|_| {
                format!("the file {} is not text in UTF-8", quote_short(given, PATH_SHOWN_MAX))
            })?;
            (text, given)
        } else {
            (given.to_owned(), "the template")
        };
        let source = Source::new(&text, shown, whole.span);
        let expr = source.parse()?;
        source.check_names(&expr, names)?;
        let scope = Template { names, outside: Within { outer: self.outside(), from_file } };
        let mut inner = Evaluator::new(&scope);
        inner.meter = std::mem::take(&mut self.meter);
        let value = inner.value(&expr);
        self.meter = std::mem::take(&mut inner.meter);
        let value = inner.finish(value).map_err(|errors| source.problems(&errors))?;
        match value {
            value if value.is_null() => Err(format!("{shown}: the result of the template is null")),
            value if from_file => Ok(value),
            value => convert(&value, &Type::String).map_err(|error| format!("{shown}: the result: {error}")),
        }
    }
}

/// A template's text, written as an expression.
struct Source<'t> {
    text: String,
    /// Bytes before the template's own text.
    before: usize,
    shown: &'t str,
    /// Where the call stands, whose source the template's places are said to be of.
    call: Span,
}

impl<'t> Source<'t> {
    /// A template is what stands in a heredoc, whose last line has no end.
    fn new(text: &str, shown: &'t str, call: Span) -> Self {
        let mut marker = String::from("TEMPLATE");
        while text.contains(&marker) {
            marker.push('_');
        }
        let before = marker.len() + 3;
        Self { text: format!("<<{marker}\n{text}\n{marker}\n"), before, shown, call }
    }

    fn parse(&self) -> Result<Expr, String> {
        let mut expr =
            parse_expression(self.call.source, &self.text).map_err(|errors| self.problems(&errors))?;
        expr.kind = match expr.kind {
            ExprKind::String(text) => ExprKind::String(text.strip_suffix('\n').unwrap_or(&text).into()),
            ExprKind::Template(parts) => without_last_line_end(parts),
            other => other,
        };
        Ok(expr)
    }

    fn check_names(&self, expr: &Expr, names: &Entries) -> Result<(), String> {
        let mut missing = None;
        reference::names_in(expr, &mut |name| {
            if !names.contains_key(name.root) && !name.is_key && missing.is_none() {
                missing = Some(format!("{}: no variable `{}` is given", self.place(name.span), name.root));
            }
        });
        missing.map_or(Ok(()), Err)
    }

    /// The place of a span in the template: name, line and column, from 1.
    fn place(&self, span: Span) -> String {
        let at = self.text.floor_char_boundary(span.start as usize).max(self.before);
        let before = self.text.get(self.before..at).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        format!("{}:{line}:{column}", self.shown)
    }

    fn problems(&self, errors: &Diagnostics) -> String {
        let said = errors.iter().take(PROBLEMS_MAX).map(|error| match error.labels.first() {
            Some(label) if label.text.is_empty() => format!("{}: {}", self.place(label.span), error.summary),
            Some(label) => format!("{}: {}: {}", self.place(label.span), error.summary, label.text),
            None => format!("{}: {}", self.shown, error.summary),
        });
        said.collect::<Vec<_>>().join("; ")
    }
}

/// Takes away the line end that ends the last line of a heredoc, but not the template in it.
fn without_last_line_end(mut parts: Vec<TemplatePart>) -> ExprKind {
    if let Some(TemplatePart::Literal(text)) = parts.last()
        && let Some(rest) = text.strip_suffix('\n')
    {
        let rest: Arc<str> = rest.into();
        parts.pop();
        if !rest.is_empty() {
            parts.push(TemplatePart::Literal(rest));
        }
    }
    if parts.len() == 1 {
        match parts.pop() {
            Some(TemplatePart::Interpolation(inner)) => return ExprKind::TemplateWrap(Box::new(inner)),
            Some(other) => parts.push(other),
            None => {}
        }
    }
    ExprKind::Template(parts)
}

/// The names that a template sees.
struct Template<'a> {
    names: &'a Entries,
    outside: Within<'a>,
}

impl Scope for Template<'_> {
    fn lookup(&self, root: &str, span: Span, _: &[Step]) -> Result<(Value, usize), Box<Diagnostic>> {
        let missing = || {
            let summary = format!("no variable `{root}` is given");
            Box::new(Diagnostic::error(code::lang::ATTRIBUTE, summary).at(span, ""))
        };
        self.names.get(root).map(|value| (value.clone(), 0)).ok_or_else(missing)
    }

    fn outside(&self) -> &dyn Outside {
        &self.outside
    }
}

/// What functions in a template may know of the world: not more than those around it, and no other template.
struct Within<'a> {
    outer: &'a dyn Outside,
    from_file: bool,
}

impl Outside for Within<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, OutsideError> {
        if self.from_file { self.outer.read(path) } else { Err(OutsideError::InTemplate) }
    }

    fn kind(&self, path: &str) -> Result<PathKind, OutsideError> {
        if self.from_file { self.outer.kind(path) } else { Err(OutsideError::InTemplate) }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, OutsideError> {
        if self.from_file { self.outer.list(folder) } else { Err(OutsideError::InTemplate) }
    }

    fn home(&self) -> Option<String> {
        self.outer.home()
    }

    fn working_folder(&self) -> Option<String> {
        self.outer.working_folder()
    }

    fn planned_at(&self) -> Option<i64> {
        self.outer.planned_at()
    }

    fn now(&self) -> Option<i64> {
        self.outer.now()
    }

    fn random(&self) -> Option<[u8; 16]> {
        self.outer.random()
    }

    fn renders(&self) -> Option<&'static str> {
        Some(if self.from_file { "templatefile" } else { "templatestring" })
    }
}
