//! Rules to be asked anything: their own tests, queries, what of them was evaluated.

use super::super::wire::{Covered, Expression, Fault, Row, TestRule, Tested};
use super::check::{path_of, refused};
use super::compile::{Strictness, compile, compile_without_checks, limit_time};
use super::{check, compile_fault, failed_evaluation, lint};
use regorus::unstable::{Module, Ref, Rule, RuleHead};
use regorus::{Engine, Value};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Time for one test, or one query. A test asks many times what the gate asks once.
pub(in crate::policy) const TIME_MAX: Duration = Duration::from_secs(10);
/// What the names of tests begin with.
const TEST: &str = "test_";
/// What the names of tests begin with that are not to be run yet.
const LATER: &str = "todo_test_";

/// Compiled rules.
pub(in crate::policy) struct Workbench {
    engine: Engine,
    tests: Vec<TestRule>,
    covers: bool,
}

impl Workbench {
    /// Compiles rules. `covers` has it kept which lines are evaluated.
    pub(in crate::policy) fn open(
        rules: &BTreeMap<String, String>,
        data: &Json,
        covers: bool,
    ) -> Result<Self, Fault> {
        let (mut engine, packages) = compile(rules, data, Strictness::Strict)?;
        let tests = tests(engine.get_modules(), &packages)?;
        engine.eval_query("true".to_owned(), false).map_err(|error| compile_fault("bundle", &error))?;
        engine.set_enable_coverage(covers);
        limit_time(&mut engine, TIME_MAX);
        Ok(Self { engine, tests, covers })
    }

    /// All that is wrong with rules, or could be better.
    pub(in crate::policy) fn check(rules: &BTreeMap<String, String>, data: &Json) -> Vec<Fault> {
        let (mut engine, mut found) = match compile_without_checks(rules, data) {
            Ok(compiled) => compiled,
            Err(fault) => return vec![fault],
        };
        if found.is_empty() {
            found = check::check(engine.get_modules());
            found.extend(lint::lint(engine.get_modules()));
        }
        if found.is_empty()
            && let Err(error) = engine.eval_query("true".to_owned(), false)
        {
            found.push(compile_fault("bundle", &format!("{error:#}")));
        }
        found
    }

    /// The tests of the rules, by file and line.
    pub(in crate::policy) fn tests(&self) -> &[TestRule] {
        &self.tests
    }

    /// Evaluates one test.
    pub(in crate::policy) fn test(&mut self, path: &str) -> Tested {
        self.engine.set_input(Value::Undefined);
        let value = self.engine.eval_rule(path.to_owned());
        let prints = self.engine.take_prints().unwrap_or_default();
        match value {
            Ok(Value::Bool(true)) => Tested { value: Some(Json::Bool(true)), prints, fault: None },
            Ok(Value::Undefined) => Tested { value: None, prints, fault: None },
            Ok(value) => Tested { value: serde_json::to_value(&value).ok(), prints, fault: None },
            Err(error) => Tested { value: None, prints, fault: Some(failed_evaluation(&error, TIME_MAX)) },
        }
    }

    /// Answers a query about an input, or about none.
    pub(in crate::policy) fn eval(&mut self, query: &str, input: &str) -> Result<Vec<Row>, Fault> {
        let query_as_rules = format!("package query\n\nanswer if {{\n{query}\n}}\n");
        super::super::scan::scan(&[("query".to_owned(), query_as_rules)].into()).map_err(in_query)?;
        let failed = |error: &dyn std::fmt::Display| Fault::Evaluation { reason: error.to_string() };
        let input = match input {
            "" => Value::Undefined,
            input => Value::from_json_str(input).map_err(|error| failed(&error))?,
        };
        self.engine.set_input(input);
        let results = self
            .engine
            .eval_query(query.to_owned(), false)
            .map_err(|error| failed_evaluation(&error, TIME_MAX))?;
        let rows = results.result.into_iter().map(|result| {
            let as_json = |value: &Value| serde_json::to_value(value).map_err(|error| failed(&error));
            let expressions = result.expressions.iter().map(|expression| {
                Ok(Expression {
                    value: as_json(&expression.value)?,
                    text: expression.text.to_string(),
                    row: expression.location.row,
                    column: expression.location.col,
                })
            });
            Ok(Row {
                expressions: expressions.collect::<Result<_, _>>()?,
                bindings: as_json(&result.bindings)?,
            })
        });
        rows.collect()
    }

    /// What was printed since the last time.
    pub(in crate::policy) fn prints(&mut self) -> Vec<String> {
        self.engine.take_prints().unwrap_or_default()
    }

    /// Which lines of which files were evaluated, and which not.
    pub(in crate::policy) fn covered(&mut self) -> Result<Vec<Covered>, Fault> {
        if !self.covers {
            return Ok(Vec::new());
        }
        let report =
            self.engine.get_coverage_report().map_err(|error| failed_evaluation(&error, TIME_MAX))?;
        let mut files: BTreeMap<String, (BTreeSet<u32>, BTreeSet<u32>)> =
            report.files.into_iter().map(|file| (file.path, (file.covered, file.not_covered))).collect();
        for module in self.engine.get_modules() {
            let file = module.package.refr.span().source.get_path().clone();
            // What nobody asked about is not in the report.
            files.entry(file).or_insert_with(|| (BTreeSet::new(), lines(module)));
        }
        let covered = files.into_iter().map(|(file, (covered, missed))| {
            let missed = missed.difference(&covered).copied().collect();
            Covered { file, covered, missed }
        });
        Ok(covered.collect())
    }
}

/// The place in a query, without the lines that were put around it.
fn in_query(fault: Fault) -> Fault {
    match fault {
        Fault::Refused { file, line, column, reason } => {
            Fault::Refused { file, line: line.saturating_sub(3).max(1), column, reason }
        }
        other => other,
    }
}

/// The lines on which something is evaluated.
fn lines(module: &Module) -> BTreeSet<u32> {
    let mut lines = BTreeSet::new();
    for rule in &module.policy {
        match rule.as_ref() {
            Rule::Default { value, .. } => {
                lines.insert(value.span().line);
            }
            Rule::Spec { bodies, span, .. } => {
                lines.insert(span.line);
                let statements = bodies.iter().flat_map(|body| &body.query.stmts);
                lines.extend(statements.map(|statement| statement.span.line));
            }
        }
    }
    lines
}

/// The tests that modules hold, in order of their places; each rule once.
fn tests(modules: &[Ref<Module>], packages: &BTreeMap<String, String>) -> Result<Vec<TestRule>, Fault> {
    let mut found: Vec<TestRule> = Vec::new();
    for module in modules {
        for rule in &module.policy {
            let Rule::Spec { head, .. } = rule.as_ref() else { continue };
            let (refr, is_plain) = match head {
                RuleHead::Compr { refr, .. } => (refr, true),
                RuleHead::Set { refr, .. } => (refr, false),
                RuleHead::Func { .. } => continue,
            };
            let name = refr.span().text().split(['.', '[', ' ']).next().unwrap_or_default();
            if !name.starts_with(TEST) && !name.starts_with(LATER) {
                continue;
            }
            let is_plain = is_plain && path_of(refr).is_some_and(|path| path.len() == 1);
            if !is_plain {
                let reason = "a test with cases in its head is not supported: write one test for each case, or `every`";
                return Err(refused(refr.span(), reason));
            }
            let file = refr.span().source.get_path();
            let path = format!("{}.{name}", packages.get(file).map_or("data", String::as_str));
            if found.iter().all(|test| test.path != path) {
                let line = usize::try_from(refr.span().line).unwrap_or(usize::MAX);
                let skipped = name.starts_with(LATER);
                found.push(TestRule { path, file: file.clone(), line, skipped });
            }
        }
    }
    found.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    Ok(found)
}
