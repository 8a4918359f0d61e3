//! Names that expressions of a file of tests see.

use crate::diag::{Diagnostic, Span, code};
use crate::lang::reference::{Reference, Target, references_in, references_in_body};
use crate::lang::suite::{Override, Run, TestFile, TestProvider};
use crate::lang::syntax::ast::{Expr, Ident, Step};
use crate::lang::value::{Entries, Value};
use crate::plan::Beside;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is known of runs and variables, and nothing else.
pub(super) struct TestNames<'n> {
    pub(super) file: &'n TestFile,
    /// What `var` has; nothing where the configuration's own variables are meant.
    pub(super) variables: &'n BTreeMap<Arc<str>, Value>,
    pub(super) runs: &'n BTreeMap<Arc<str>, Value>,
}

/// The name after a root; nothing if there is none.
fn second(steps: &[Step]) -> Option<&Arc<str>> {
    match steps.first() {
        Some(Step::Attr(name)) => Some(&name.name),
        _ => None,
    }
}

type Found = Result<(Value, usize), Box<Diagnostic>>;

fn unknown(summary: String, span: Span) -> Diagnostic {
    Diagnostic::error(code::engine::TEST_NAME, summary).at(span, "")
}

impl TestNames<'_> {
    fn run(&self, span: Span, steps: &[Step]) -> Found {
        let Some(name) = second(steps) else {
            let error = unknown("`run` needs the name of a run after it".to_owned(), span);
            return Err(error.help("write `run.name.output`").into());
        };
        if let Some(outputs) = self.runs.get(name) {
            return Ok((outputs.clone(), 1));
        }
        let error = if self.file.runs.iter().any(|run| run.name.name == *name) {
            unknown(format!("run `{name}` is not done when this is read"), span)
                .help("only outputs of runs that come before can be used")
        } else {
            let known = self.file.runs.iter().map(|run| run.name.name.as_ref());
            unknown(format!("there is no run `{name}`"), span).did_you_mean(name, known)
        };
        Err(error.into())
    }

    fn variable(&self, span: Span, steps: &[Step]) -> Found {
        let Some(name) = second(steps) else {
            return Err(unknown("`var` needs the name of a variable after it".to_owned(), span).into());
        };
        if let Some(value) = self.variables.get(name) {
            return Ok((value.clone(), 1));
        }
        let known = self.variables.keys().map(AsRef::as_ref);
        let error = unknown(format!("no value is given for `var.{name}`"), span).did_you_mean(name, known);
        Err(error.help(format!("give one in the file's `variables` block, or with `--var {name}=…`")).into())
    }
}

impl Beside for TestNames<'_> {
    fn find(&self, root: &str, span: Span, steps: &[Step]) -> Option<Found> {
        Some(match root {
            "run" => self.run(span, steps),
            "var" => self.variable(span, steps),
            "path" | "mlo" | "terraform" | "manifest" => return None,
            _ => {
                let error = unknown(format!("`{root}` is not known outside of assertions"), span);
                Err(error
                    .help("use `var.name`, or the output of a run that comes before: `run.name.output`")
                    .into())
            }
        })
    }
}

/// What is known in an assertion beside the module's own names.
pub(super) struct AssertionNames<'n> {
    pub(super) names: TestNames<'n>,
    pub(super) outputs: &'n Value,
    /// The variables that the module has itself.
    pub(super) is_own: &'n dyn Fn(&str) -> bool,
}

impl AssertionNames<'_> {
    /// Whether a name, of which this is the beginning, is known beside the module's own.
    pub(super) fn knows(&self, root: &str, second: Option<&str>) -> bool {
        match (root, second) {
            ("run" | "output", _) => true,
            ("var", Some(name)) => !(self.is_own)(name) && self.names.variables.contains_key(name),
            _ => false,
        }
    }
}

impl Beside for AssertionNames<'_> {
    fn find(&self, root: &str, span: Span, steps: &[Step]) -> Option<Found> {
        if !self.knows(root, second(steps).map(AsRef::as_ref)) {
            return None;
        }
        Some(match root {
            "run" => self.names.run(span, steps),
            "var" => self.names.variable(span, steps),
            _ => self.output(span, steps),
        })
    }
}

impl AssertionNames<'_> {
    fn output(&self, span: Span, steps: &[Step]) -> Found {
        let Some(name) = second(steps) else { return Ok((self.outputs.clone(), 0)) };
        if let Some(value) = self.outputs.get(name) {
            return Ok((value.clone(), 1));
        }
        let known = self.outputs.as_entries().into_iter().flat_map(Entries::keys).map(AsRef::as_ref);
        Err(unknown(format!("there is no output `{name}`"), span).did_you_mean(name, known).into())
    }
}

/// Whether a run, or what its file says for all runs, uses outputs of another.
pub(super) fn mentions(run: &Run, file: &TestFile, other: &str) -> bool {
    let mut found = Vec::new();
    let mut look = |expr: &Expr| found.extend(references_in(expr));
    run.variables.values().chain(file.variables.values()).for_each(|(_, expr)| look(expr));
    run.assertions.iter().for_each(|each| {
        look(&each.condition);
        look(&each.message);
    });
    let of_override = |each: &Override| each.values.clone();
    run.overrides.iter().chain(&file.overrides).filter_map(of_override).for_each(|expr| look(&expr));
    for provider in file.providers.values() {
        match provider {
            TestProvider::Real(provider) => found.extend(references_in_body(&provider.body)),
            TestProvider::Mock(mock) => {
                let defaults = mock.defaults.iter().filter_map(|each| each.values.as_ref());
                let all = defaults.chain(mock.overrides.iter().filter_map(|each| each.values.as_ref()));
                found.extend(all.flat_map(references_in));
            }
        }
    }
    found.iter().any(|reference| is_run(reference, other))
}

fn is_run(reference: &Reference, name: &str) -> bool {
    matches!(&reference.target, Target::Resource(key) if key.type_name.as_ref() == "run" && key.name.as_ref() == name)
}

/// The variables that a file of tests names, and gives values.
pub fn variables_of(file: &TestFile) -> Vec<Ident> {
    let runs = file.runs.iter().map(|run| &run.variables);
    let mut found: Vec<Ident> = file.variables.values().map(|(name, _)| name.clone()).collect();
    let exprs = runs.chain([&file.variables]).flat_map(|given| given.values().map(|(_, expr)| expr));
    let mut references: Vec<Reference> = exprs.flat_map(references_in).collect();
    for provider in file.providers.values() {
        if let TestProvider::Real(provider) = provider {
            references.extend(references_in_body(&provider.body));
        }
    }
    found.extend(references.into_iter().filter_map(|Reference { target, span }| match target {
        Target::Variable(name) => Some(Ident { name, span }),
        _ => None,
    }));
    found
}
