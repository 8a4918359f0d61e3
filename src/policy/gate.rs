//! Rego to findings. The only file that knows the engine.
//!
//! Policy is semi-trusted: it may be wrong, slow or contradict itself, and then nothing is let through. It is parsed and
//! evaluated on threads of their own, with a deep stack and a limit on time, and a panic there is a failure like any
//! other. What the engine cannot survive at all (endless recursion) is refused by `scan` before it gets here.

use super::{Bundle, Decision, Denial, Evaluated, Evaluation, Level, PolicyError, Violation, Warning, scan};
use crate::diag::Span;
use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, LimitError, Value};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::mpsc;
use std::time::Duration;

/// The package whose `deny` must be empty.
const PACKAGE: &str = "model.governance";
/// Time to parse and compile a bundle. Ours takes about 20 ms unoptimised; the engine's own timer does not cover
/// parsing.
const COMPILE_TIME_MAX: Duration = Duration::from_secs(5);
/// Time for all rules over one manifest. Ours take about 30 ms unoptimised.
const EVALUATION_TIME_MAX: Duration = Duration::from_secs(2);
/// Steps of the engine between two looks at the clock: under a millisecond.
const TIMER_STEPS: NonZeroU32 = NonZeroU32::new(256).expect("not zero");
/// Stack of the threads that run policy, in bytes: the engine descends into values and expressions.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// A manifest to be judged.
pub struct Subject<'a> {
    /// Its name, for people.
    pub name: &'a str,
    /// The document exactly as it was written.
    pub manifest: Json,
    /// The place of a path such as `spec.metrics.accuracy`; where nothing stands there, of what is nearest.
    pub place: &'a dyn Fn(&str) -> Option<Span>,
}

/// A compiled bundle for one environment.
pub struct Gate {
    engine: Engine,
    query: String,
    bundle: String,
    environment: String,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate")
            .field("bundle", &self.bundle)
            .field("environment", &self.environment)
            .finish_non_exhaustive()
    }
}

impl Gate {
    /// Compiles a bundle for an environment. `data.mlo.environment` is the environment, whatever a manifest says.
    ///
    /// # Errors
    /// The bundle is refused, does not compile, lacks the package, or takes too long. Each of these denies:
    /// a [`Denial`] is made `From` the error.
    pub fn new(bundle: &Bundle, environment: &str) -> Result<Self, PolicyError> {
        scan::scan(&bundle.rules)?;
        let data = data_for(&bundle.data, environment)?;
        let rules = bundle.rules.clone();
        let (sender, receiver) = mpsc::channel();
        // Parsing has no limit of its own: past the limit the thread is left behind, and ends with the process.
        let spawned = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
            let _ = sender.send(compile(&rules, &data));
        });
        if let Err(error) = spawned {
            return Err(compile_error("bundle", &error));
        }
        let (engine, query) = match receiver.recv_timeout(COMPILE_TIME_MAX) {
            Ok(compiled) => compiled?,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let during = "reading the bundle".to_owned();
                return Err(PolicyError::TimedOut { during, limit_ms: COMPILE_TIME_MAX.as_millis() });
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Err(compile_error("bundle", &"the policy engine failed"));
            }
        };
        Ok(Self { engine, query, bundle: bundle.digest().to_owned(), environment: environment.to_owned() })
    }

    /// Evaluates every subject. `Ok` only if every one was evaluated and nothing speaks against any.
    pub(super) fn decide(&mut self, subjects: &[Subject<'_>]) -> Result<Decision, Box<Denial>> {
        let mut decision = Decision {
            bundle: self.bundle.clone(),
            environment: self.environment.clone(),
            evaluations: Vec::new(),
            warnings: Vec::new(),
        };
        let (mut violations, mut failures) = (Vec::new(), Vec::new());
        for subject in subjects {
            match self.answer(subject) {
                Ok(answer) => {
                    let name = || subject.name.to_owned();
                    violations.extend(answer.violations(subject));
                    let warning = |message| Warning { subject: name(), message };
                    decision.warnings.extend(answer.warn.into_iter().map(warning));
                    decision.evaluations.push(Evaluation { subject: name(), rules: answer.evaluated });
                }
                Err(failure) => failures.push(failure),
            }
        }
        if violations.is_empty() && failures.is_empty() {
            return Ok(decision);
        }
        Err(Box::new(Denial { decision: Some(decision), violations, failures }))
    }

    fn answer(&mut self, subject: &Subject<'_>) -> Result<Answer, PolicyError> {
        let (engine, query) = (&mut self.engine, self.query.clone());
        let (name, input) = (subject.name, subject.manifest.clone());
        let answered = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
            let evaluation = thread.spawn_scoped(scope, || evaluate(engine, query, input));
            evaluation.map_err(|error| error.to_string()).and_then(|running| {
                running.join().map_err(|_| "the policy engine failed in the middle of a rule".to_owned())
            })
        });
        let failed = |reason| PolicyError::Evaluation {
            subject: name.to_owned(),
            rule: format!("{PACKAGE}.deny"),
            reason,
        };
        match answered {
            Ok(Ok(value)) => Answer::read(&value, name),
            Ok(Err(Failure::TimedOut)) => Err(PolicyError::TimedOut {
                during: format!("judging `{name}`"),
                limit_ms: EVALUATION_TIME_MAX.as_millis(),
            }),
            Ok(Err(Failure::Said(reason))) | Err(reason) => Err(failed(reason)),
        }
    }
}

/// The bundle's data with the environment in it.
fn data_for(data: &Json, environment: &str) -> Result<Json, PolicyError> {
    let mut data = data.clone();
    let mlo = match &mut data {
        Json::Object(entries) => {
            entries.entry("mlo").or_insert_with(|| Json::Object(serde_json::Map::default()))
        }
        _ => return Err(compile_error("data", &"data must be a map")),
    };
    // Anything but a map is left as it is: the policy denies it with words of its own.
    if let Json::Object(mlo) = mlo
        && mlo.insert("environment".to_owned(), Json::from(environment)).is_some()
    {
        return Err(compile_error("data", &"mlo.environment is set by the run, not by the bundle"));
    }
    Ok(data)
}

fn compile_error(file: &str, reason: &dyn std::fmt::Display) -> PolicyError {
    PolicyError::Compile { file: file.to_owned(), reason: reason.to_string() }
}

/// Parses and analyses the rules. Returns the engine and the query that gives all answers at once.
fn compile(rules: &BTreeMap<String, String>, data: &Json) -> Result<(Engine, String), PolicyError> {
    let mut engine = Engine::new();
    engine.set_execution_timer_config(ExecutionTimerConfig {
        limit: EVALUATION_TIME_MAX,
        check_interval: TIMER_STEPS,
    });
    // An error inside a rule is an error of the gate, not a rule that says nothing.
    engine.set_strict_builtin_errors(true);
    let mut ours = Vec::new();
    for (file, text) in rules {
        let package = engine
            .add_policy(file.clone(), text.clone())
            .map_err(|error| compile_error(file, &format!("{error:#}")))?;
        if holds_something_at(data, &package) {
            return Err(compile_error(
                file,
                &format!("data of the bundle says something about `{package}`, which the rules say"),
            ));
        }
        if package.strip_prefix("data.") == Some(PACKAGE) {
            ours.push(file);
        }
    }
    engine.add_data(Value::from(data.clone())).map_err(|error| compile_error("data", &error))?;
    let declares =
        |rule: &str| ours.iter().any(|file| engine.has_declared_rule_rooted_at(file, rule).unwrap_or(false));
    if !declares("deny") {
        return Err(PolicyError::PackageMissing { package: PACKAGE });
    }
    let asked: Vec<_> = ["deny", "violation", "warn", "allow", "evaluated"]
        .into_iter()
        .filter(|rule| declares(rule))
        .map(|rule| format!("\"{rule}\": data.{PACKAGE}.{rule}"))
        .collect();
    let query = format!("answer := {{{}}}", asked.join(", "));
    // Analysis is lazy in the engine: ask for something, so that what is wrong shows now.
    engine.eval_query("true".to_owned(), false).map_err(|error| compile_error("bundle", &error))?;
    Ok((engine, query))
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

enum Failure {
    TimedOut,
    Said(String),
}

/// The value of `answer`. Undefined is a failure: a rule that says nothing has not let anything through.
fn evaluate(engine: &mut Engine, query: String, input: Json) -> Result<Value, Failure> {
    engine.set_input(Value::from(input));
    let results = engine.eval_query(query, false).map_err(|error| {
        if error.downcast_ref::<LimitError>().is_some() || error.to_string().contains("time limit") {
            Failure::TimedOut
        } else {
            Failure::Said(format!("{error:#}"))
        }
    })?;
    match results.result.as_slice() {
        [one] => match one.bindings.as_object().ok().and_then(|map| map.get(&Value::from("answer"))) {
            Some(answer) => Ok(answer.clone()),
            None => Err(Failure::Said("the rules gave no answer".to_owned())),
        },
        _ => Err(Failure::Said("a rule that must be defined is not".to_owned())),
    }
}

/// What the rules said of one manifest, consistent in itself.
struct Answer {
    violation: Vec<RawViolation>,
    warn: BTreeSet<String>,
    evaluated: Vec<Evaluated>,
}

/// A denial as rules write it.
#[derive(Debug, Clone, Deserialize)]
struct RawViolation {
    rule: String,
    msg: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    actions: Vec<String>,
    #[serde(default)]
    level: Level,
}

impl Answer {
    /// Reads an answer and checks that its parts agree.
    fn read(value: &Value, subject: &str) -> Result<Self, PolicyError> {
        let reader = Reader { value, subject };
        let deny = reader.strings("deny")?.unwrap_or_default();
        let violation = match reader.set("violation")? {
            Some(items) => items
                .into_iter()
                .map(|item| serde_json::from_value(item).map_err(|error| reader.fail("violation", &error)))
                .collect::<Result<Vec<RawViolation>, _>>()?,
            None => deny.iter().map(|message| RawViolation::from_message(message)).collect(),
        };
        let said: BTreeSet<_> = violation.iter().map(|violation| violation.msg.clone()).collect();
        if said != deny {
            return Err(reader.fail("deny", &"`deny` and `violation` do not say the same"));
        }
        let evaluated: Vec<Evaluated> = match reader.json("evaluated")? {
            Some(list) => serde_json::from_value(list).map_err(|error| reader.fail("evaluated", &error))?,
            None => Vec::new(),
        };
        let all_hold = evaluated.iter().all(|rule| rule.passed);
        if all_hold != deny.is_empty() && !evaluated.is_empty() {
            return Err(reader.fail("evaluated", &"`deny` and `evaluated` do not say the same"));
        }
        if let Some(allow) = reader.json("allow")?
            && allow != Json::Bool(deny.is_empty())
        {
            return Err(reader.fail("allow", &"`deny` and `allow` do not say the same"));
        }
        Ok(Self { violation, warn: reader.strings("warn")?.unwrap_or_default(), evaluated })
    }

    /// The violations with their places, in the order of the file.
    fn violations(&self, subject: &Subject<'_>) -> Vec<Violation> {
        let mut violations: Vec<_> = self
            .violation
            .iter()
            .map(|raw| Violation {
                rule: raw.rule.clone(),
                subject: subject.name.to_owned(),
                message: raw.msg.clone(),
                path: raw.path.clone(),
                span: (subject.place)(&raw.path),
                actions: raw.actions.clone(),
                level: raw.level,
            })
            .collect();
        violations.sort_by(|a, b| {
            (a.span.is_none(), a.span, &a.message).cmp(&(b.span.is_none(), b.span, &b.message))
        });
        violations
    }
}

impl RawViolation {
    fn from_message(message: &str) -> Self {
        Self {
            rule: "deny".to_owned(),
            msg: message.to_owned(),
            path: String::new(),
            actions: Vec::new(),
            level: Level::Mandatory,
        }
    }
}

/// The parts of an answer, each of the shape that it must have.
struct Reader<'a> {
    value: &'a Value,
    subject: &'a str,
}

impl Reader<'_> {
    fn fail(&self, rule: &str, reason: &dyn std::fmt::Display) -> PolicyError {
        PolicyError::Answer {
            subject: self.subject.to_owned(),
            rule: format!("{PACKAGE}.{rule}"),
            reason: reason.to_string(),
        }
    }

    fn part(&self, rule: &str) -> Option<&Value> {
        self.value.as_object().ok().and_then(|parts| parts.get(&Value::from(rule)))
    }

    fn json(&self, rule: &str) -> Result<Option<Json>, PolicyError> {
        self.part(rule).map(|value| to_json(value).map_err(|reason| self.fail(rule, &reason))).transpose()
    }

    /// The members of a set.
    fn set(&self, rule: &str) -> Result<Option<Vec<Json>>, PolicyError> {
        let Some(value) = self.part(rule) else { return Ok(None) };
        let members = value.as_set().map_err(|_| self.fail(rule, &"it must be a set"))?;
        members
            .iter()
            .map(|member| to_json(member).map_err(|reason| self.fail(rule, &reason)))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    fn strings(&self, rule: &str) -> Result<Option<BTreeSet<String>>, PolicyError> {
        let Some(members) = self.set(rule)? else { return Ok(None) };
        members
            .into_iter()
            .map(|member| match member {
                Json::String(text) => Ok(text),
                _ => Err(self.fail(rule, &"it must be a set of strings")),
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }
}

fn to_json(value: &Value) -> Result<Json, String> {
    let text = value.to_json_str().map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}
