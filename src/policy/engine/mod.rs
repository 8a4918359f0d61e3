//! Rego to answers. The only folder that knows the engine.
//!
//! It runs in a process of its own (`serve`): a policy may be wrong, slow or hostile, and the engine does not survive
//! everything. What would only make it say nothing is refused when it is compiled: a rule that is silently empty would let
//! everything through.
//!
//! - `compile`   rules and data to an engine that is ready to be asked
//! - `check`     what the engine would evaluate to something else than `opa`, in the rules as they were parsed
//! - `lint`      what a policy says and does not use, or asks of an input that has no such part
//! - `workbench` rules to be asked anything: tests, queries, what was evaluated
//! - `visit`     every expression of a rule
//! - `builtins`  functions that the engine lacks, or has with other answers than `opa`

mod builtins;
mod check;
mod compile;
mod lint;
mod visit;
mod workbench;

pub(super) use compile::{Strictness, compile};
pub(super) use workbench::{TIME_MAX, Workbench};

use super::wire::{Answer, Fault, Violation};
use super::{Level, annotations};
use super::{MODEL, PACKAGES, verdict::Evaluated};
use compile::EVALUATION_TIME_MAX;
use regorus::{Engine, LimitError, Value};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Rules that were parsed and checked. They have no data yet: an environment may decide what that is.
pub(super) struct Parsed {
    engine: Engine,
    /// File to package, such as `data.model.governance`.
    packages: BTreeMap<String, String>,
    levels: BTreeMap<String, Level>,
    values_of: Option<Vec<String>>,
}

/// A compiled bundle.
pub(super) struct Judge {
    engine: Engine,
    /// Package to the query that gives all its answers at once.
    queries: BTreeMap<&'static str, String>,
    /// The levels that comments say of rules.
    pub(super) levels: BTreeMap<String, Level>,
    /// Patterns of the types of objects whose values the rules for plans look at; nothing if that may be any.
    pub(super) values_of: Option<Vec<String>>,
}

impl Parsed {
    /// Scans, parses and checks the rules.
    pub(super) fn read(rules: &BTreeMap<String, String>) -> Result<Self, Fault> {
        let levels = annotations::levels(rules)?;
        let (engine, packages) = compile(rules, &Json::Object(serde_json::Map::new()), Strictness::Strict)?;
        // Rules on models see manifests alone. Any others may be asked by the rules for plans.
        let is_of_models =
            |file: &String| packages.get(file).is_some_and(|package| is_package(package, MODEL));
        let others = rules.iter().filter(|(file, _)| !is_of_models(file));
        let values_of = annotations::values_of(others.map(|(file, text)| (file.as_str(), text.as_str())))?;
        Ok(Self { engine, packages, levels, values_of })
    }

    /// Gives the rules their data, and analyses them.
    pub(super) fn with_data(self, data: Json) -> Result<Judge, Fault> {
        let Self { mut engine, packages, levels, values_of } = self;
        let mut files_of: BTreeMap<&'static str, Vec<&String>> = BTreeMap::new();
        for (file, package) in &packages {
            if holds_something_at(&data, package) {
                return Err(compile_fault(
                    file,
                    &format!("data of the bundle says something about `{package}`, which the rules say"),
                ));
            }
            if let Some(ours) = PACKAGES.into_iter().find(|ours| is_package(package, ours)) {
                files_of.entry(ours).or_default().push(file);
            }
        }
        engine.add_data(Value::from(data)).map_err(|error| compile_fault("data", &error))?;
        let mut queries = BTreeMap::new();
        for package in PACKAGES {
            let files = files_of.remove(package).unwrap_or_default();
            let declares = |rule: &str| {
                files.iter().any(|file| engine.has_declared_rule_rooted_at(file, rule).unwrap_or(false))
            };
            if !declares("deny") {
                return Err(Fault::PackageMissing { package: package.to_owned() });
            }
            queries.insert(package, query(package, declares));
        }
        // Analysis is lazy in the engine: ask for something, so that what is wrong shows now.
        engine.eval_query("true".to_owned(), false).map_err(|error| compile_fault("bundle", &error))?;
        Ok(Judge { engine, queries, levels, values_of })
    }
}

impl Judge {
    /// What a package says of an input, which is JSON.
    pub(super) fn ask(&mut self, package: &str, input: &str) -> Result<Answer, Fault> {
        let query = self.queries.get(package).cloned();
        let query = query.ok_or_else(|| Fault::PackageMissing { package: package.to_owned() })?;
        let input =
            Value::from_json_str(input).map_err(|error| Fault::Evaluation { reason: error.to_string() })?;
        Reader(&evaluate(&mut self.engine, query, input)?).read()
    }
}

/// The query that gives all rules of a package that answer.
fn query(package: &str, declares: impl Fn(&str) -> bool) -> String {
    let asked = ["deny", "violation", "warn", "allow", "evaluated"].into_iter().filter(|rule| declares(rule));
    let asked: Vec<_> = asked.map(|rule| format!("\"{rule}\": data.{package}.{rule}")).collect();
    format!("answer := {{{}}}", asked.join(", "))
}

fn compile_fault(file: &str, reason: &dyn std::fmt::Display) -> Fault {
    Fault::Compile { file: file.to_owned(), reason: reason.to_string() }
}

/// Whether a package as the engine names it, such as `data.model.governance`, is one that we know.
fn is_package(package: &str, ours: &str) -> bool {
    package.strip_prefix("data.").unwrap_or(package) == ours
}

/// Whether data stands at, or in the way of, a path such as `data.model.governance`.
fn holds_something_at(data: &Json, package: &str) -> bool {
    let mut at = data;
    for key in package.split('.').skip(1) {
        match at {
            Json::Object(entries) => match entries.get(key) {
                Some(next) => at = next,
                None => return false,
            },
            _ => return true,
        }
    }
    true
}

/// The value of `answer`. Undefined is a failure: a rule that says nothing has not let anything through.
fn evaluate(engine: &mut Engine, query: String, input: Value) -> Result<Value, Fault> {
    let failed = |reason: &str| Fault::Evaluation { reason: reason.to_owned() };
    engine.set_input(input);
    let results =
        engine.eval_query(query, false).map_err(|error| failed_evaluation(&error, EVALUATION_TIME_MAX))?;
    match results.result.as_slice() {
        [one] => match one.bindings.as_object().ok().and_then(|map| map.get(&Value::from("answer"))) {
            Some(answer) => Ok(answer.clone()),
            None => Err(failed("the rules gave no answer")),
        },
        _ => Err(failed("a rule that must be defined is not")),
    }
}

/// Why an evaluation has no value.
fn failed_evaluation(error: &anyhow::Error, limit: Duration) -> Fault {
    if error.downcast_ref::<LimitError>().is_some() || error.to_string().contains("time limit") {
        return Fault::TimedOut { limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX) };
    }
    Fault::Evaluation { reason: format!("{error:#}") }
}

/// The parts of an answer, each of the shape that it must have.
struct Reader<'a>(&'a Value);

impl Reader<'_> {
    fn read(&self) -> Result<Answer, Fault> {
        let violation: Option<Vec<Violation>> = match self.set("violation")? {
            Some(items) => {
                Some(items.into_iter().map(|item| shaped("violation", item)).collect::<Result<_, _>>()?)
            }
            None => None,
        };
        let evaluated: Option<Vec<Evaluated>> =
            self.json("evaluated")?.map(|list| shaped("evaluated", list)).transpose()?;
        Ok(Answer {
            deny: self.strings("deny")?,
            violation,
            warn: self.strings("warn")?,
            allow: self.json("allow")?.map(|allow| shaped("allow", allow)).transpose()?,
            evaluated: evaluated.unwrap_or_default(),
        })
    }

    fn part(&self, rule: &str) -> Option<&Value> {
        self.0.as_object().ok().and_then(|parts| parts.get(&Value::from(rule)))
    }

    fn json(&self, rule: &str) -> Result<Option<Json>, Fault> {
        self.part(rule).map(|value| to_json(rule, value)).transpose()
    }

    /// The members of a set.
    fn set(&self, rule: &str) -> Result<Option<Vec<Json>>, Fault> {
        let Some(value) = self.part(rule) else { return Ok(None) };
        let members = value.as_set().map_err(|_| misshapen(rule, &"it must be a set"))?;
        members.iter().map(|member| to_json(rule, member)).collect::<Result<_, _>>().map(Some)
    }

    fn strings(&self, rule: &str) -> Result<BTreeSet<String>, Fault> {
        let members = self.set(rule)?.unwrap_or_default().into_iter();
        let text = |member| match member {
            Json::String(text) => Ok(text),
            _ => Err(misshapen(rule, &"it must be a set of strings")),
        };
        members.map(text).collect()
    }
}

fn misshapen(rule: &str, reason: &dyn std::fmt::Display) -> Fault {
    Fault::Answer { rule: rule.to_owned(), reason: reason.to_string() }
}

fn shaped<T: serde::de::DeserializeOwned>(rule: &str, value: Json) -> Result<T, Fault> {
    serde_json::from_value(value).map_err(|error| misshapen(rule, &error))
}

fn to_json(rule: &str, value: &Value) -> Result<Json, Fault> {
    let text = value.to_json_str().map_err(|error| misshapen(rule, &error))?;
    serde_json::from_str(&text).map_err(|error| misshapen(rule, &error))
}
