//! Questions and answers to findings.
//!
//! Policy is semi-trusted: it may be wrong, slow, hostile or contradict itself, and then nothing is let through. So it is
//! evaluated by a process of its own (`child`), which is started early and waited for late: while a plan is made, it
//! compiles. What that process says is checked here like any input.

use super::child::{Child, Program};
use super::weigh::Weights;
use super::wire::{Answer, Fault, Reply, Request, Violation as RawViolation};
use super::{
    Bundle, DEPLOYMENT, Decision, Denial, Evaluation, Level, MODEL, PolicyError, Violation, Warning,
};
use crate::diag::Span;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// A manifest to be judged.
pub struct Subject<'a> {
    /// Its name, for people.
    pub name: &'a str,
    /// The document exactly as it was written.
    pub manifest: Json,
    /// The place of a path such as `spec.metrics.accuracy`; where nothing stands there, of what is nearest.
    pub place: &'a dyn Fn(&str) -> Option<Span>,
}

/// A plan to be judged.
pub struct Deployment<'a> {
    /// `{plan, manifests, models, drift, environment, run}`.
    pub input: Json,
    /// The place of an address and a path in its block, or of what stands for it.
    pub place: &'a dyn Fn(&str, &str) -> Option<Span>,
}

/// A bundle for one environment, in the hands of the process that evaluates it.
pub struct Gate {
    child: Child,
    /// Whether the bundle compiles, once that is known.
    loaded: Option<Result<(), PolicyError>>,
    /// What that process cannot limit on this system.
    unlimited: Vec<String>,
    /// How much each rule weighs, and what may be passed by.
    weights: Weights,
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
    /// `overrides` are the rules that are passed by if their level allows it, each with the reason.
    ///
    /// # Errors
    /// The process cannot be started, or the data of the bundle cannot be used. Each of these denies: a [`Denial`] is
    /// made `From` the error.
    pub fn start(
        bundle: &Bundle,
        environment: &str,
        overrides: BTreeMap<String, String>,
        program: &Program,
    ) -> Result<Self, PolicyError> {
        let data = data_for(&bundle.data, environment)?;
        let weights = Weights::of(&data, environment, overrides)?;
        Ok(Self::with(Child::start(program)?, bundle, data, (environment, weights)))
    }

    /// The same without a process, and waits until the bundle is compiled.
    #[cfg(test)]
    pub(crate) fn new(bundle: &Bundle, environment: &str) -> Result<Self, PolicyError> {
        Self::overriding(bundle, environment, BTreeMap::new())
    }

    /// The same with overrides.
    #[cfg(test)]
    pub(super) fn overriding(
        bundle: &Bundle,
        environment: &str,
        overrides: BTreeMap<String, String>,
    ) -> Result<Self, PolicyError> {
        let data = data_for(&bundle.data, environment)?;
        let weights = Weights::of(&data, environment, overrides)?;
        let mut gate = Self::with(Child::thread(), bundle, data, (environment, weights));
        gate.load()?;
        Ok(gate)
    }

    fn with(child: Child, bundle: &Bundle, data: Json, (environment, weights): (&str, Weights)) -> Self {
        child.load(&Request::Load { rules: bundle.rules.clone(), data });
        let (bundle, environment) = (bundle.digest().to_owned(), environment.to_owned());
        let (unlimited, early) = (Vec::new(), Vec::new());
        Self { child, loaded: None, unlimited, weights, early, bundle, environment }
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
            Ok(Reply::Loaded { unlimited, levels }) => {
                self.unlimited = unlimited;
                self.weights.annotated = levels;
                Ok(())
            }
            Ok(Reply::Fault(fault)) => Err(fault.about("bundle", MODEL, during)),
            Ok(Reply::Answer(_)) => Err(out_of_turn(during)),
            Err(error) => Err(error),
        };
        self.loaded = Some(loaded.clone());
        loaded
    }

    /// Evaluates every subject, and the plan. `Ok` only if every one was evaluated and nothing that must hold speaks
    /// against any.
    pub(super) fn decide(
        &mut self,
        subjects: &[Subject<'_>],
        deployment: Option<&Deployment<'_>>,
    ) -> Result<Decision, Box<Denial>> {
        self.load().map_err(|error| Box::new(Denial::from(error)))?;
        self.ask(subjects, deployment);
        let mut found = Found::default();
        let mut evaluations = Vec::new();
        for subject in subjects {
            let Some(answer) = found.take(self.answer(subject.name, MODEL), subject.name) else { continue };
            found.violations.extend(placed(answer.violation.unwrap_or_default(), subject));
            evaluations.push(Evaluation { subject: subject.name.to_owned(), rules: answer.evaluated });
        }
        let mut rules = Vec::new();
        if let Some(deployment) = deployment
            && let Some(answer) = found.take(self.answer(PLAN, DEPLOYMENT), "")
        {
            found.violations.extend(located(answer.violation.unwrap_or_default(), deployment));
            rules = answer.evaluated;
        }
        let (violations, passed_by) = self.weights.weigh(found.violations);
        let unlimited = self.unlimited.iter().map(|what| Warning::unlimited(what));
        let decision = Decision {
            bundle: self.bundle.clone(),
            environment: self.environment.clone(),
            evaluations,
            deployment: rules,
            warnings: unlimited.chain(passed_by).chain(found.warnings).collect(),
        };
        if violations.is_empty() && found.failures.is_empty() {
            return Ok(decision);
        }
        Err(Box::new(Denial { decision: Some(decision), violations, failures: found.failures }))
    }

    /// Asks about all that was not asked about early.
    fn ask(&mut self, subjects: &[Subject<'_>], deployment: Option<&Deployment<'_>>) {
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
        if let Some(deployment) = deployment {
            self.child.ask(DEPLOYMENT, &deployment.input.to_string());
        }
    }

    /// The answer that is next, consistent in itself.
    fn answer(&mut self, name: &str, package: &'static str) -> Result<Answer, PolicyError> {
        let during = format!("judging `{name}`");
        match self.child.reply(&during)? {
            Reply::Answer(answer) => {
                consistent(answer).map_err(|(rule, reason)| misunderstood(name, package, rule, reason))
            }
            Reply::Fault(fault) => Err(fault.about(name, package, &during)),
            Reply::Loaded { .. } => Err(out_of_turn(&during)),
        }
    }
}

/// The plan, where a failure names what was judged.
const PLAN: &str = "the plan";

/// What the answers come to, as they come in.
#[derive(Default)]
struct Found {
    /// Each with the level that the rule itself gives it.
    violations: Vec<(Violation, Option<Level>)>,
    warnings: Vec<Warning>,
    failures: Vec<PolicyError>,
}

impl Found {
    /// Takes in the warnings of an answer, or why there is none.
    fn take(&mut self, answer: Result<Answer, PolicyError>, subject: &str) -> Option<Answer> {
        match answer {
            Ok(mut answer) => {
                let warning =
                    |message| Warning { subject: subject.to_owned(), ..Warning::of_the_run(message) };
                self.warnings.extend(std::mem::take(&mut answer.warn).into_iter().map(warning));
                Some(answer)
            }
            // The process may be gone for all that is asked; that is said once.
            Err(failure) if self.failures.contains(&failure) => None,
            Err(failure) => {
                self.failures.push(failure);
                None
            }
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
        address: String::new(),
        path: String::new(),
        actions: Vec::new(),
        level: None,
    }
}

/// The violations with their places, in the order of the file.
fn placed(violations: Vec<RawViolation>, subject: &Subject<'_>) -> Vec<(Violation, Option<Level>)> {
    in_order(violations, |raw| (subject.name.to_owned(), (subject.place)(&raw.path)))
}

/// The same of a plan.
fn located(violations: Vec<RawViolation>, plan: &Deployment<'_>) -> Vec<(Violation, Option<Level>)> {
    in_order(violations, |raw| (String::new(), (plan.place)(&raw.address, &raw.path)))
}

fn in_order(
    violations: Vec<RawViolation>,
    place: impl Fn(&RawViolation) -> (String, Option<Span>),
) -> Vec<(Violation, Option<Level>)> {
    let found = violations.into_iter().map(|raw| {
        let (subject, span) = place(&raw);
        let RawViolation { rule, msg: message, address, path, actions, level } = raw;
        let level_here = level.unwrap_or_default();
        (Violation { rule, subject, address, message, path, span, actions, level: level_here }, level)
    });
    let mut found: Vec<_> = found.collect();
    found.sort_by(|(a, _), (b, _)| {
        (a.span.is_none(), a.span, &a.message).cmp(&(b.span.is_none(), b.span, &b.message))
    });
    found
}
