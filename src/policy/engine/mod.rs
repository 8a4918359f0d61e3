//! Rego to answers. The only folder that knows the engine.
//!
//! It runs in a process of its own (`serve`): a policy may be wrong, slow or hostile, and the engine does not survive
//! everything. What would only make it say nothing is refused when it is compiled: a rule that is silently empty would let
//! everything through.
//!
//! - `compile`   rules and data to an engine that is ready to be asked
//! - `check`     what the engine would evaluate to something else than `opa`, in the rules as they were parsed
//! - `naming`    which rule a denial is of that does not say so
//! - `lint`      what a policy says and does not use, or asks of an input that has no such part
//! - `workbench` rules to be asked anything: tests, queries, what was evaluated
//! - `visit`     every expression of a rule
//! - `builtins`  functions that the engine lacks, or has with other answers than `opa`

mod builtins;
mod check;
mod compile;
mod lint;
mod naming;
mod visit;
mod workbench;

pub(super) use compile::{Strictness, compile};
pub(super) use workbench::{TIME_MAX, Workbench};

use super::wire::{Answer, Fault, Violation};
use super::{Annotation, annotations};
use super::{DEPLOYMENT, MODEL, PACKAGES, verdict::Evaluated};
use compile::EVALUATION_TIME_MAX;
use naming::Definitions;
use regorus::{Engine, LimitError, Value};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Rules that were parsed and checked. They have no data yet: an environment may decide what that is.
pub(super) struct Parsed {
    engine: Engine,
    /// File to package, such as `data.model.governance`.
    packages: BTreeMap<String, String>,
    annotations: Vec<Annotation>,
    values_of: Option<Vec<String>>,
}

/// A compiled bundle.
pub(super) struct Judge {
    engine: Engine,
    /// Package to the query that gives all its answers at once.
    queries: BTreeMap<&'static str, String>,
    definitions: Definitions,
    /// What comments say of rules.
    pub(super) annotations: Vec<Annotation>,
    /// Patterns of the types of objects whose values the rules for plans look at; nothing if that may be any.
    pub(super) values_of: Option<Vec<String>>,
    /// The plan that was asked about last, with all that was said of it since.
    kept: Option<Value>,
}

impl Parsed {
    /// Scans, parses and checks the rules.
    pub(super) fn read(rules: &BTreeMap<String, String>) -> Result<Self, Fault> {
        let annotations = annotations::annotations(rules)?;
        let (engine, packages) = compile(rules, &Json::Object(serde_json::Map::new()), Strictness::Strict)?;
        // Rules on models see manifests alone. Any others may be asked by the rules for plans.
        let is_of_models =
            |file: &String| packages.get(file).is_some_and(|package| is_package(package, MODEL));
        let others = rules.iter().filter(|(file, _)| !is_of_models(file));
        let values_of = annotations::values_of(others.map(|(file, text)| (file.as_str(), text.as_str())))?;
        Ok(Self { engine, packages, annotations, values_of })
    }

    /// Gives the rules their data, and analyses them.
    pub(super) fn with_data(self, data: Json) -> Result<Judge, Fault> {
        let Self { mut engine, packages, annotations, values_of } = self;
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
        let definitions = Definitions::of(engine.get_modules(), &annotations);
        Ok(Judge { engine, queries, definitions, annotations, values_of, kept: None })
    }
}

impl Judge {
    /// What a package says of an input, which is JSON.
    pub(super) fn ask(&mut self, package: &str, input: &str) -> Result<Answer, Fault> {
        let input = parsed(input)?;
        if package == DEPLOYMENT {
            self.kept = Some(input.clone());
        }
        self.answer(package, &input)
    }

    /// What the rules for plans say of the plan that was asked about last, once one of its changes is another.
    pub(super) fn ask_again(&mut self, at: usize, change: &str) -> Result<Answer, Fault> {
        // Held by nobody else, it is changed where it is, not copied.
        self.engine.set_input(Value::Undefined);
        let mut input = self.kept.take().ok_or_else(|| no_such_change(at))?;
        *change_of(&mut input, at).ok_or_else(|| no_such_change(at))? = parsed(change)?;
        self.kept = Some(input.clone());
        self.answer(DEPLOYMENT, &input)
    }

    fn answer(&mut self, package: &str, input: &Value) -> Result<Answer, Fault> {
        let query = self.queries.get(package).cloned();
        let query = query.ok_or_else(|| Fault::PackageMissing { package: package.to_owned() })?;
        let answer = evaluate(&mut self.engine, query, input.clone())?;
        let name = |set: &str, members: &[Value]| {
            self.definitions.rules_of(&self.engine, (package, set), (members, input))
        };
        Reader { answer: &answer, name: &name }.read()
    }
}

fn parsed(input: &str) -> Result<Value, Fault> {
    Value::from_json_str(input).map_err(|error| Fault::Evaluation { reason: error.to_string() })
}

/// One of the changes of a plan.
fn change_of(input: &mut Value, at: usize) -> Option<&mut Value> {
    let mut value = input;
    for name in ["plan", "resource_changes"] {
        value = value.as_object_mut().ok()?.get_mut(&Value::from(name))?;
    }
    value.as_array_mut().ok()?.get_mut(at)
}

fn no_such_change(at: usize) -> Fault {
    Fault::Evaluation { reason: format!("no plan is kept that has a change {at}") }
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

fn verdict_error(error: &dyn std::fmt::Display) -> Fault {
    Fault::Evaluation { reason: error.to_string() }
}

/// Gives the rules that members of a set are of.
type Name<'a> = dyn Fn(&str, &[Value]) -> Result<Vec<String>, Fault> + 'a;

/// The parts of an answer, each of the shape that it must have.
struct Reader<'a> {
    answer: &'a Value,
    name: &'a Name<'a>,
}

impl Reader<'_> {
    fn read(&self) -> Result<Answer, Fault> {
        let violation = self.set("violation")?;
        let mut deny = self.set("deny")?.unwrap_or_default();
        if let Some(violation) = &violation {
            // What is said twice is the violation.
            let said: BTreeSet<_> = violation.iter().map(|(_, violation)| violation.msg.as_str()).collect();
            let is_said = |denial: &Violation| said.contains(denial.msg.as_str());
            deny.iter_mut().filter(|(_, it)| is_said(it)).for_each(|(_, it)| "deny".clone_into(&mut it.rule));
        }
        let evaluated: Option<Vec<Evaluated>> =
            self.json("evaluated")?.map(|list| shaped("evaluated", list)).transpose()?;
        Ok(Answer {
            deny: self.named("deny", deny)?,
            violation: violation.map(|violation| self.named("violation", violation)).transpose()?,
            warn: self.named("warn", self.set("warn")?.unwrap_or_default())?,
            allow: self.json("allow")?.map(|allow| shaped("allow", allow)).transpose()?,
            evaluated: evaluated.unwrap_or_default(),
        })
    }

    fn part(&self, rule: &str) -> Option<&Value> {
        self.answer.as_object().ok().and_then(|parts| parts.get(&Value::from(rule)))
    }

    fn json(&self, rule: &str) -> Result<Option<Json>, Fault> {
        self.part(rule).map(|value| to_json(rule, value)).transpose()
    }

    /// The members of a set: messages, or objects that have one.
    fn set(&self, rule: &str) -> Result<Option<Vec<(Value, Violation)>>, Fault> {
        let Some(value) = self.part(rule) else { return Ok(None) };
        let members = value.as_set().map_err(|_| misshapen(rule, &"it must be a set"))?;
        let read = |member: &Value| {
            let read = match to_json(rule, member)? {
                Json::String(msg) => Violation { msg, ..Violation::default() },
                object @ Json::Object(_) => shaped(rule, object)?,
                _ => return Err(misshapen(rule, &"it must be a set of strings, or of objects with `msg`")),
            };
            Ok((member.clone(), read))
        };
        members.iter().map(read).collect::<Result<_, _>>().map(Some)
    }

    /// The same with the rules that they are of.
    fn named(&self, set: &str, members: Vec<(Value, Violation)>) -> Result<Vec<Violation>, Fault> {
        let nameless = members.iter().filter(|(_, read)| read.rule.is_empty());
        let nameless: Vec<_> = nameless.map(|(member, _)| member.clone()).collect();
        let mut names = (self.name)(set, &nameless)?.into_iter();
        let name = |(_, mut read): (Value, Violation)| {
            if read.rule.is_empty() {
                read.rule = names.next().unwrap_or_else(|| set.to_owned());
            }
            read
        };
        Ok(members.into_iter().map(name).collect())
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
