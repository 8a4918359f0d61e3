//! The evaluator against text: tables of expressions and what they are.

mod conformance;
mod fuzz;
mod limits;
mod messages;
mod properties;
mod tables;

use super::evaluate;
use crate::diag::{Diagnostic, Diagnostics, SourceMap, Span, code};
use crate::lang::scope::Scope;
use crate::lang::syntax::ast::Step;
use crate::lang::syntax::parse_expression;
use crate::lang::value::{Value, normalize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Names and what they stand for: `var.x` is the entry `x` of the value of `var`.
#[derive(Default)]
pub(super) struct Names(pub(super) BTreeMap<&'static str, Value>);

impl Scope for Names {
    fn lookup(&self, root: &str, span: Span, _: &[Step]) -> Result<(Value, usize), Box<Diagnostic>> {
        match self.0.get(root) {
            Some(value) => Ok((value.clone(), 0)),
            None => Err(Box::new(
                Diagnostic::error(code::lang::ATTRIBUTE, format!("nothing is called `{root}`")).at(span, ""),
            )),
        }
    }
}

impl Names {
    pub(super) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.insert(name, value.into());
        self
    }
}

pub(super) fn run(text: &str, names: &Names) -> Result<Value, Diagnostics> {
    let mut sources = SourceMap::new();
    let source = sources.add("test.hcl", text);
    evaluate(&parse_expression(source, text)?, names)
}

pub(super) fn object(entries: &[(&str, Value)]) -> Value {
    Value::object(entries.iter().map(|(name, value)| (Arc::from(*name), value.clone())))
}

/// The value of an expression without names.
pub(super) fn value(text: &str) -> Value {
    run(text, &Names::default()).unwrap_or_else(|errors| panic!("{text}: {errors:#?}"))
}

/// The first line of each error.
pub(super) fn errors(text: &str, names: &Names) -> Vec<String> {
    match run(text, names) {
        Ok(value) => panic!("{text} is {value:?}"),
        Err(errors) => errors.iter().map(|error| error.summary.clone()).collect(),
    }
}

#[test]
fn strings_are_composed() {
    assert_eq!(value("\"e\\u0301\"").as_str(), Some(&*normalize("é")));
}
