//! Calls of functions: arguments, `...`, and the two functions that look at errors.

use super::explain::count;
use super::expression::Evaluator;
use crate::diag::{Diagnostic, Span, code};
use crate::lang::functions::{self, CallError, Function, Lazy};
use crate::lang::syntax::ast::{Expr, Ident};
use crate::lang::value::{Kind, Marks, Type, Value, convert};

/// An argument and where it stands; elements of one that is expanded stand where that one does.
pub(super) struct Argument<'e> {
    pub(super) expr: &'e Expr,
    pub(super) value: Value,
}

impl Evaluator<'_> {
    pub(super) fn call(&mut self, whole: &Expr, name: &Ident, args: &[Expr], expand: bool) -> Value {
        let Some(function) = functions::find(&name.name) else {
            for arg in args {
                self.value(arg);
            }
            return self.no_function(name);
        };
        match function.lazily() {
            Some(lazy @ (Lazy::Try | Lazy::Can)) if !expand => return self.try_each(lazy, whole, args),
            Some(Lazy::TemplateString) if !self.is_template_reference(args) => {
                return Value::unknown(Type::Any);
            }
            _ => {}
        }
        let before = self.failures();
        let values: Vec<_> = args.iter().map(|expr| Argument { expr, value: self.value(expr) }).collect();
        if self.failures() > before {
            return Value::unknown(Type::Any);
        }
        let values = if expand {
            match self.expanded(values) {
                Ok(values) => values,
                Err(unknown) => return unknown,
            }
        } else {
            values
        };
        if !self.right_number(function, whole, &values) {
            return Value::unknown(Type::Any);
        }
        if let Some(lazy) = function.lazily() {
            return match (lazy, values.as_slice()) {
                (Lazy::Can, _) => Value::bool(true),
                (Lazy::Try, [first, ..]) => first.value.clone(),
                (Lazy::TemplateFile | Lazy::TemplateString, [template, vars]) => {
                    self.render(function, whole, template, vars)
                }
                _ => self.nothing_to_try(whole.span),
            };
        }
        let converted = self.converted(function, &values);
        if self.failures() > before {
            return Value::unknown(Type::Any);
        }
        match function.call_in(converted, &self.meter, self.outside()) {
            Ok(value) => value,
            Err(error) => self.call_failed(function, whole, &values, error),
        }
    }

    fn no_function(&mut self, name: &Ident) -> Value {
        let word = &name.name;
        let error = Diagnostic::error(code::lang::UNKNOWN_FUNCTION, format!("there is no function `{word}`"))
            .at(name.span, "no such function")
            .did_you_mean(word, functions::all().map(|function| function.name));
        self.fail(error)
    }

    /// The arguments with the elements of the last one in its place.
    fn expanded<'e>(&mut self, mut args: Vec<Argument<'e>>) -> Result<Vec<Argument<'e>>, Value> {
        let Some(Argument { expr, value: last }) = args.pop() else { return Ok(args) };
        let marks = last.marks();
        match last.kind() {
            Kind::Set(..) if last.is_undecided_set() => {
                let all = args.iter().fold(last.marks_deep(), |marks, arg| marks | arg.value.marks_deep());
                Err(Value::unknown(Type::Any).marked(all))
            }
            Kind::List(_, items) | Kind::Set(_, items) | Kind::Tuple(items) => {
                args.extend(items.iter().map(|item| Argument { expr, value: item.clone().marked(marks) }));
                Ok(args)
            }
            Kind::Unknown(Type::Any | Type::List(_) | Type::Set(_) | Type::Tuple(_), _) => {
                let all = args.iter().fold(last.marks_deep(), |marks, arg| marks | arg.value.marks_deep());
                Err(Value::unknown(Type::Any).marked(all))
            }
            _ => {
                let what = if last.is_null() { "null".to_owned() } else { last.ty().with_article() };
                let summary = format!("{what} cannot be expanded into arguments");
                let error = Diagnostic::error(code::lang::NOT_ITERABLE, summary)
                    .at(expr.span, "a list, set or tuple is needed before `...`");
                Err(self.fail_with(error, &[expr]))
            }
        }
    }

    fn right_number(&mut self, function: &Function, whole: &Expr, args: &[Argument<'_>]) -> bool {
        let (wanted, given) = (function.params.len(), args.len());
        if given < wanted {
            let missing = function.params.get(given).map_or("", |param| param.name);
            let at_least = if function.variadic.is_some() { "at least " } else { "" };
            let summary = format!(
                "`{}` needs {at_least}{}, but there are {given}",
                function.name,
                count(wanted, "argument")
            );
            let error = Diagnostic::error(code::lang::ARGUMENT, summary)
                .at(whole.span, format!("`{missing}` is missing"));
            self.fail(error);
            return false;
        }
        if given > wanted && function.variadic.is_none() {
            let summary = format!(
                "`{}` takes only {}, but there are {given}",
                function.name,
                count(wanted, "argument")
            );
            let span = args.get(wanted).map_or(whole.span, |arg| arg.expr.span);
            self.fail(Diagnostic::error(code::lang::ARGUMENT, summary).at(span, "one too many"));
            return false;
        }
        true
    }

    fn converted(&mut self, function: &Function, args: &[Argument<'_>]) -> Vec<Value> {
        let mut values = Vec::with_capacity(args.len());
        for (at, arg) in args.iter().enumerate() {
            let Some(param) = function.param(at) else { continue };
            match convert(&arg.value, &param.ty()) {
                Ok(value) => values.push(value),
                Err(error) => {
                    let summary =
                        format!("the argument `{}` of `{}` does not fit", param.name, function.name);
                    let error =
                        Diagnostic::error(code::lang::ARGUMENT, summary).at(arg.expr.span, error.to_string());
                    self.fail_with(error, &[arg.expr]);
                }
            }
        }
        values
    }

    pub(super) fn call_failed(
        &mut self,
        function: &Function,
        whole: &Expr,
        args: &[Argument<'_>],
        error: CallError,
    ) -> Value {
        let (index, problem) = match error {
            CallError::Exhausted(exhausted) => return self.stop(exhausted, whole.span),
            CallError::Failed(problem) => (None, problem),
            CallError::Argument { index, problem } => (Some(index), problem),
        };
        let hidden = self.is_hidden() || args.iter().any(|arg| arg.value.marks_deep().is_sensitive());
        let problem = problem.text(hidden).to_owned();
        let at = index.and_then(|index| args.get(index).zip(function.param(index)));
        let Some((arg, param)) = at else {
            let error =
                Diagnostic::error(code::lang::CALL, format!("`{}` has no result here", function.name))
                    .at(whole.span, problem);
            let involved: Vec<&Expr> = args.iter().map(|arg| arg.expr).collect();
            return self.fail_with(error, &involved);
        };
        let summary = format!("the argument `{}` of `{}` does not fit", param.name, function.name);
        let error = Diagnostic::error(code::lang::ARGUMENT, summary).at(arg.expr.span, problem);
        self.fail_with(error, &[arg.expr])
    }

    /// `try` and `can`: errors decide, and are not said.
    fn try_each(&mut self, lazy: Lazy, whole: &Expr, args: &[Expr]) -> Value {
        if lazy == Lazy::Can && args.len() != 1 {
            let summary = format!("`can` needs 1 argument, but there are {}", args.len());
            return self.fail(Diagnostic::error(code::lang::ARGUMENT, summary).at(whole.span, ""));
        }
        let mut problems = Vec::new();
        for arg in args {
            let held = self.held(|evaluator| evaluator.value(arg));
            if self.is_exhausted() {
                return Value::unknown(Type::Any);
            }
            if held.failed() {
                problems.extend(held.said().iter().cloned());
                continue;
            }
            // What is not known yet may still turn out to be an error.
            let known = held.value.is_wholly_known();
            return match (lazy, known) {
                (Lazy::Can, true) => Value::bool(true),
                (Lazy::Can, false) => Value::unknown_not_null(Type::Bool),
                (_, true) => held.value,
                (_, false) => Value::unknown(Type::Any).marked(held.value.marks_deep()),
            };
        }
        if lazy == Lazy::Can {
            return Value::bool(false);
        }
        if problems.is_empty() {
            return self.nothing_to_try(whole.span);
        }
        let mut error = Diagnostic::error(code::lang::CALL, "none of the expressions of `try` has a value")
            .at(whole.span, "all of these fail");
        for problem in problems {
            if let Some(label) = problem.labels.first() {
                error = error.at(label.span, problem.summary);
            }
        }
        self.fail(error)
    }

    fn nothing_to_try(&mut self, span: Span) -> Value {
        let error = Diagnostic::error(code::lang::ARGUMENT, "`try` needs at least 1 argument").at(span, "");
        self.fail(error).marked(Marks::NONE)
    }
}
