//! Questions and answers to findings.
//!
//! Policy is semi-trusted: it may be wrong, slow, hostile or contradict itself, and then nothing is let through. So it is
//! evaluated by a process of its own (`child`), which is started early and waited for late: while a plan is made, it
//! compiles. What that process says is checked here like any input.

use super::child::{Child, Program};
use super::wire::{Answer, Fault, Reply, Request, Violation as RawViolation};
use super::{Bundle, Decision, Denial, Evaluation, Level, MODEL, PolicyError, Violation, Warning};
use crate::diag::Span;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// A manifest to be judged.
pub struct Subject<'a> {
    /// Its name, for people.
    pub name: &'a str,
    /// The document exactly as it was written.
    pub manifest: Json,
    /// The place of a path such as `spec.metrics.accuracy`; where nothing stands there, of what is nearest.
    pub place: &'a dyn Fn(&str) -> Option<Span>,
}

/// A bundle for one environment, in the hands of the process that evaluates it.
pub struct Gate {
    child: Child,
    /// Whether the bundle compiles, once that is known.
    loaded: Option<Result<(), PolicyError>>,
    /// What that process cannot limit on this system.
    unlimited: Vec<String>,
    /// Inputs that were asked about before anybody wants to know.
    early: Vec<String>,
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
    /// Starts the process, which compiles a bundle for an environment. `data.mlo.environment` is the environment, whatever
    /// a manifest says. That the bundle is refused, does not compile or lacks the package is said when it is asked.
    ///
    /// # Errors
    /// The process cannot be started, or the data of the bundle cannot be used. Each of these denies: a [`Denial`] is
    /// made `From` the error.
    pub fn start(bundle: &Bundle, environment: &str, program: &Program) -> Result<Self, PolicyError> {
        let data = data_for(&bundle.data, environment)?;
        Ok(Self::with(Child::start(program)?, bundle, data, environment))
    }

    /// The same without a process, and waits until the bundle is compiled.
    #[cfg(test)]
    pub(crate) fn new(bundle: &Bundle, environment: &str) -> Result<Self, PolicyError> {
        let data = data_for(&bundle.data, environment)?;
        let mut gate = Self::with(Child::thread(), bundle, data, environment);
        gate.load()?;
        Ok(gate)
    }

    fn with(child: Child, bundle: &Bundle, data: Json, environment: &str) -> Self {
        child.load(&Request::Load { rules: bundle.rules.clone(), data });
        let (bundle, environment) = (bundle.digest().to_owned(), environment.to_owned());
        Self { child, loaded: None, unlimited: Vec::new(), early: Vec::new(), bundle, environment }
    }

    /// Has these subjects evaluated while something else is done. [`check`](super::check) then finds the answers there,
    /// if it asks about the same.
    pub fn ask_early(&mut self, subjects: &[Subject<'_>]) {
        self.early = subjects.iter().map(|subject| subject.manifest.to_string()).collect();
        self.early.iter().for_each(|input| self.child.ask(MODEL, input));
    }

    /// Waits until the bundle is compiled.
    fn load(&mut self) -> Result<(), PolicyError> {
        if let Some(loaded) = &self.loaded {
            return loaded.clone();
        }
        let during = "reading the bundle";
        let loaded = match self.child.reply(during) {
            Ok(Reply::Loaded { unlimited }) => {
                self.unlimited = unlimited;
                Ok(())
            }
            Ok(Reply::Fault(fault)) => Err(fault.about("bundle", MODEL, during)),
            Ok(Reply::Answer(_)) => Err(out_of_turn(during)),
            Err(error) => Err(error),
        };
        self.loaded = Some(loaded.clone());
        loaded
    }

    /// Evaluates every subject. `Ok` only if every one was evaluated and nothing speaks against any.
    pub(super) fn decide(&mut self, subjects: &[Subject<'_>]) -> Result<Decision, Box<Denial>> {
        self.load().map_err(|error| Box::new(Denial::from(error)))?;
        let inputs: Vec<_> = subjects.iter().map(|subject| subject.manifest.to_string()).collect();
        let early = std::mem::take(&mut self.early);
        if early != inputs {
            // Somebody asked about something else: those answers come first, and are not wanted.
            for _ in &early {
                let _ = self.child.reply("judging");
            }
            for input in &inputs {
                self.child.ask(MODEL, input);
            }
        }
        let mut decision = Decision {
            bundle: self.bundle.clone(),
            environment: self.environment.clone(),
            evaluations: Vec::new(),
            warnings: self.unlimited.iter().map(|what| Warning::unlimited(what)).collect(),
        };
        let (mut violations, mut failures) = (Vec::new(), Vec::new());
        for subject in subjects {
            match self.answer(subject.name) {
                Ok(answer) => {
                    let name = || subject.name.to_owned();
                    violations.extend(placed(answer.violation.unwrap_or_default(), subject));
                    let warning = |message| Warning { subject: name(), message };
                    decision.warnings.extend(answer.warn.into_iter().map(warning));
                    decision.evaluations.push(Evaluation { subject: name(), rules: answer.evaluated });
                }
                // The process may be gone for all of them; that is said once.
                Err(failure) if failures.contains(&failure) => {}
                Err(failure) => failures.push(failure),
            }
        }
        if violations.is_empty() && failures.is_empty() {
            return Ok(decision);
        }
        Err(Box::new(Denial { decision: Some(decision), violations, failures }))
    }

    /// The answer that is next, consistent in itself.
    fn answer(&mut self, name: &str) -> Result<Answer, PolicyError> {
        let during = format!("judging `{name}`");
        match self.child.reply(&during)? {
            Reply::Answer(answer) => {
                consistent(answer).map_err(|(rule, reason)| misunderstood(name, MODEL, rule, reason))
            }
            Reply::Fault(fault) => Err(fault.about(name, MODEL, &during)),
            Reply::Loaded { .. } => Err(out_of_turn(&during)),
        }
    }
}

/// The bundle's data with the environment in it.
fn data_for(data: &Json, environment: &str) -> Result<Json, PolicyError> {
    let refused = |reason: &str| PolicyError::Compile { file: "data".to_owned(), reason: reason.to_owned() };
    let mut data = data.clone();
    let mlo = match &mut data {
        Json::Object(entries) => {
            entries.entry("mlo").or_insert_with(|| Json::Object(serde_json::Map::default()))
        }
        _ => return Err(refused("data must be a map")),
    };
    // Anything but a map is left as it is: the policy denies it with words of its own.
    if let Json::Object(mlo) = mlo
        && mlo.insert("environment".to_owned(), Json::from(environment)).is_some()
    {
        return Err(refused("mlo.environment is set by the run, not by the bundle"));
    }
    Ok(data)
}

impl Fault {
    /// The fault as an error: what was judged, by which package, and what was being done.
    fn about(self, subject: &str, package: &'static str, during: &str) -> PolicyError {
        let during = during.to_owned();
        match self {
            Self::Refused { file, line, reason } => PolicyError::Refused { file, line, reason },
            Self::Compile { file, reason } => PolicyError::Compile { file, reason },
            Self::PackageMissing { package } => PolicyError::PackageMissing { package },
            Self::Evaluation { reason } => PolicyError::Evaluation {
                subject: subject.to_owned(),
                rule: format!("{package}.deny"),
                reason,
            },
            Self::TimedOut { limit_ms } => PolicyError::TimedOut { during, limit_ms: u128::from(limit_ms) },
            Self::Answer { rule, reason } => misunderstood(subject, package, &rule, &reason),
            Self::Panicked { reason } => PolicyError::EngineFailed { during, reason },
        }
    }
}

fn misunderstood(subject: &str, package: &str, rule: &str, reason: &str) -> PolicyError {
    PolicyError::Answer {
        subject: subject.to_owned(),
        rule: format!("{package}.{rule}"),
        reason: reason.to_owned(),
    }
}

fn out_of_turn(during: &str) -> PolicyError {
    PolicyError::EngineFailed {
        during: during.to_owned(),
        reason: "it answered what was not asked".to_owned(),
    }
}

/// Checks that the parts of an answer agree, or says which rule contradicts another and how. Afterwards `violation` is
/// there.
fn consistent(mut answer: Answer) -> Result<Answer, (&'static str, &'static str)> {
    let violation =
        answer.violation.get_or_insert_with(|| answer.deny.iter().map(|message| plain(message)).collect());
    let said: BTreeSet<_> = violation.iter().map(|violation| &violation.msg).collect();
    if !said.iter().copied().eq(&answer.deny) {
        return Err(("deny", "`deny` and `violation` do not say the same"));
    }
    let all_hold = answer.evaluated.iter().all(|rule| rule.passed);
    if all_hold != answer.deny.is_empty() && !answer.evaluated.is_empty() {
        return Err(("evaluated", "`deny` and `evaluated` do not say the same"));
    }
    if answer.allow.is_some_and(|allow| allow != answer.deny.is_empty()) {
        return Err(("allow", "`deny` and `allow` do not say the same"));
    }
    Ok(answer)
}

/// A denial that is a message alone.
fn plain(message: &str) -> RawViolation {
    RawViolation {
        rule: "deny".to_owned(),
        msg: message.to_owned(),
        path: String::new(),
        actions: Vec::new(),
        level: Level::Mandatory,
    }
}

/// The violations with their places, in the order of the file.
fn placed(violations: Vec<RawViolation>, subject: &Subject<'_>) -> Vec<Violation> {
    let place = |raw: RawViolation| Violation {
        rule: raw.rule,
        subject: subject.name.to_owned(),
        message: raw.msg,
        span: (subject.place)(&raw.path),
        path: raw.path,
        actions: raw.actions,
        level: raw.level,
    };
    let mut violations: Vec<_> = violations.into_iter().map(place).collect();
    violations
        .sort_by(|a, b| (a.span.is_none(), a.span, &a.message).cmp(&(b.span.is_none(), b.span, &b.message)));
    violations
}
