//! Questions and answers to findings.
//!
//! Policy is semi-trusted: it may be wrong, slow, hostile or contradict itself, and then nothing is let through. So it is
//! evaluated by a process of its own (`child`), which is started early and waited for late: while a plan is made, it
//! compiles. What that process says is checked here like any input.

use super::child::{Child, Program};
use super::weigh::{Judged, Weighed, Weights};
use super::wire::{Answer, Fault, Reply, Request, Violation as RawViolation};
use super::{
    Bundle, DEPLOYMENT, Decision, Denial, Evaluated, Evaluation, Level, MODEL, PolicyError, Sight, Violation,
    Warning,
};
use crate::diag::Span;
use crate::plan::Waiting;
use data_encoding::HEXLOWER;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
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
    /// The addresses of all objects that there are, also of those that the input leaves out.
    pub addresses: &'a [String],
    /// The place of an address and a path in its block, or of what stands for it.
    pub place: &'a dyn Fn(&str, &str) -> Option<Span>,
}

/// What a bundle is used with.
#[derive(Debug, Clone, Default)]
pub struct Setting {
    /// The environment: `data.mlo.environment`.
    pub environment: String,
    /// Levels that the environment's block sets, by rule, with their places.
    pub levels: BTreeMap<String, (Level, Span)>,
    /// Rules that are passed by if their level allows it, each with the reason.
    pub overrides: BTreeMap<String, String>,
    /// The day on which it is judged, such as `2027-01-31`, in UTC.
    pub today: String,
}

impl Setting {
    /// An environment about which nothing more is said.
    #[cfg(test)]
    pub(super) fn of(environment: &str) -> Self {
        Self { environment: environment.to_owned(), today: "2026-11-28".to_owned(), ..Self::default() }
    }
}

/// A bundle, and the process that evaluates it. To start that and to read the rules takes as long as to read a project of
/// hundreds of blocks, so both is done meanwhile.
pub struct Evaluator(Result<(Child, Bundle), PolicyError>);

impl Evaluator {
    /// Starts it. That it cannot be started, or that there is no bundle, is said by who asks it.
    pub fn start(program: Result<Program, PolicyError>, bundle: Result<Bundle, PolicyError>) -> Self {
        let child = program.and_then(|program| Child::start(&program));
        Self(child.and_then(|child| Ok((child, bundle?))).inspect(|(child, bundle)| child.read(bundle)))
    }

    /// Whether it has read the rules of a bundle.
    pub(super) fn has_read(&self, bundle: &Bundle) -> bool {
        self.0.as_ref().is_ok_and(|(_, read)| read.rules == bundle.rules)
    }

    /// The same for a bundle whose rules it has read.
    pub(super) fn about(self, bundle: &Bundle) -> Self {
        Self(self.0.map(|(child, _)| (child, bundle.clone())))
    }

    /// The same without a process.
    #[cfg(test)]
    pub(super) fn thread(bundle: &Bundle) -> Self {
        let child = Child::thread();
        child.read(bundle);
        Self(Ok((child, bundle.clone())))
    }
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
    /// Whose values the rules for plans look at. Everybody's, until the bundle is compiled.
    sight: Sight,
    /// Manifests that were asked about before anybody wants to know.
    early: Vec<String>,
    /// The same of a plan.
    early_plan: Option<String>,
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
    /// Has the process compile its bundle for an environment. `data.mlo.environment` is the environment, whatever
    /// a manifest says. That the bundle is refused, does not compile or lacks the package is said when it is asked.
    ///
    /// # Errors
    /// The process could not be started, or the data or the waivers of the bundle cannot be used. Each of these denies: a
    /// [`Denial`] is made `From` the error.
    pub fn start(setting: Setting, evaluator: Evaluator) -> Result<Self, PolicyError> {
        let (child, bundle) = evaluator.0?;
        let data = data_for(&bundle.data, &setting.environment)?;
        let environment = setting.environment.clone();
        let weights = Weights::of(&bundle, setting)?;
        child.request(&Request::Load { data }, None);
        let (bundle, unlimited, early) = (bundle.digest().to_owned(), Vec::new(), Vec::new());
        let sight = Sight::default();
        let early_plan = None;
        Ok(Self { child, loaded: None, unlimited, weights, sight, early, early_plan, bundle, environment })
    }

    /// The same without a process, and waits until the bundle is compiled.
    #[cfg(test)]
    pub(crate) fn new(bundle: &Bundle, environment: &str) -> Result<Self, PolicyError> {
        Self::set(bundle, Setting::of(environment))
    }

    /// The same with overrides and levels.
    #[cfg(test)]
    pub(super) fn set(bundle: &Bundle, setting: Setting) -> Result<Self, PolicyError> {
        let bundles = super::Bundles::of(vec![bundle.clone()])?;
        let bundle = bundles.asked().first().expect("the one that was given");
        let mut gate = Self::start(setting, Evaluator::thread(bundle))?;
        gate.load()?;
        Ok(gate)
    }

    /// The digest of its bundle.
    #[cfg(test)]
    pub(super) fn bundle(&self) -> &str {
        &self.bundle
    }

    /// Has these subjects evaluated while something else is done. [`check`](super::check) then finds the answers there,
    /// if it asks about the same.
    pub fn ask_early(&mut self, subjects: &[Subject<'_>]) {
        self.early = subjects.iter().map(|subject| subject.manifest.to_string()).collect();
        self.early.iter().for_each(|input| self.child.ask(MODEL, input));
    }

    /// Has a plan evaluated while something else is done; [`check`](super::check) finds the answer there, if it asks about the same.
    pub fn ask_about_plan_early(&mut self, input: &Json) {
        let input = input.to_string();
        self.child.ask(DEPLOYMENT, &input);
        self.early_plan = Some(input);
    }

    /// Whose values the rules for plans look at. Waits until the bundle is compiled; that it does not compile is said when
    /// it is asked.
    pub fn sight(&mut self) -> Sight {
        let _ = self.load();
        self.sight.clone()
    }

    /// Waits until the bundle is compiled.
    fn load(&mut self) -> Result<(), PolicyError> {
        if let Some(loaded) = &self.loaded {
            return loaded.clone();
        }
        let during = "reading the bundle";
        let read = self.child.reply(during);
        let loaded = match read.and_then(|_| self.child.reply(during)) {
            Ok(Reply::Loaded { unlimited, levels, values_of }) => {
                self.unlimited = unlimited;
                self.sight = Sight::of(values_of);
                self.weights.annotate(levels)
            }
            Ok(Reply::Fault(fault)) => Err(fault.about("bundle", MODEL, during)),
            Ok(_) => Err(out_of_turn(during)),
            Err(error) => Err(error),
        };
        self.loaded = Some(loaded.clone());
        loaded
    }

    /// Evaluates every subject, and a plan of which everything is known. `Ok` only if every one was evaluated and nothing
    /// that must hold speaks against any.
    #[cfg(test)]
    pub(super) fn decide(
        &mut self,
        subjects: &[Subject<'_>],
        deployment: Option<&Deployment<'_>>,
    ) -> Result<Decision, Box<Denial>> {
        self.decide_waiting(subjects, deployment, &Waiting::default())
    }

    /// The same of a plan of which something is known only during the apply: what speaks against that denies nothing yet.
    pub(super) fn decide_waiting(
        &mut self,
        subjects: &[Subject<'_>],
        deployment: Option<&Deployment<'_>>,
        unknown: &Waiting,
    ) -> Result<Decision, Box<Denial>> {
        self.load().map_err(|error| Box::new(Denial::from(error)))?;
        let asked = self.ask(subjects, deployment);
        let mut found = Found::default();
        let mut evaluations = Vec::new();
        for (subject, input) in subjects.iter().zip(asked.subjects) {
            let Some(answer) = found.take(self.answer(subject.name, MODEL), subject.name) else { continue };
            found.violations.extend(placed(answer.violation.unwrap_or_default(), subject));
            evaluations.push(Evaluation { subject: subject.name.to_owned(), input, rules: answer.evaluated });
        }
        let mut rules = Vec::new();
        let (mut known, mut waiting) = (Vec::new(), Vec::new());
        if let Some(deployment) = deployment
            && let Some(answer) = found.take(self.answer(PLAN, DEPLOYMENT), "")
        {
            for raw in answer.violation.unwrap_or_default() {
                let waits = unknown.holds(&raw.address, &raw.path);
                if waits { &mut waiting } else { &mut known }.push(raw);
            }
            found.violations.extend(located(known, deployment));
            found.undetermined = located(waiting, deployment);
            rules = answer.evaluated;
        }
        let judged = judged(subjects, deployment, (&evaluations, &rules), !unknown.is_empty());
        let Weighed { denying: violations, mut told } = self.weights.weigh(found.violations, &judged);
        told.extend(found.undetermined.into_iter().map(|(violation, _)| Warning::undetermined(violation)));
        let unlimited = self.unlimited.iter().map(|what| Warning::unlimited(what));
        let decision = Decision {
            bundle: self.bundle.clone(),
            bundles: Vec::new(),
            environment: self.environment.clone(),
            evaluations,
            plan_input: asked.plan,
            deployment: rules,
            warnings: unlimited.chain(told).chain(found.warnings).collect(),
        };
        if violations.is_empty() && found.failures.is_empty() {
            return Ok(decision);
        }
        Err(Box::new(Denial { decision: Some(decision), violations, failures: found.failures }))
    }

    /// Asks about all that was not asked about early. Gives the digests of what was asked about.
    fn ask(&mut self, subjects: &[Subject<'_>], deployment: Option<&Deployment<'_>>) -> Asked {
        let inputs: Vec<_> = subjects.iter().map(|subject| subject.manifest.to_string()).collect();
        let plan = deployment.map(|deployment| deployment.input.to_string());
        let (early, early_plan) = (std::mem::take(&mut self.early), self.early_plan.take());
        if early != inputs || early_plan.is_some() && early_plan != plan {
            // Somebody asked about something else: those answers come first, and are not wanted.
            for _ in early.iter().chain(&early_plan) {
                let _ = self.child.reply("judging");
            }
            for input in &inputs {
                self.child.ask(MODEL, input);
            }
            self.ask_about(plan.as_deref());
        } else if early_plan.is_none() {
            self.ask_about(plan.as_deref());
        }
        let plan = plan.map(|input| digest(&input));
        Asked { subjects: inputs.iter().map(|input| digest(input)).collect(), plan }
    }

    fn ask_about(&self, plan: Option<&str>) {
        if let Some(input) = plan {
            self.child.ask(DEPLOYMENT, input);
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
            _ => Err(out_of_turn(&during)),
        }
    }
}

/// The names of all that was judged, and the rules that said how they came out.
fn judged<'a>(
    subjects: &'a [Subject<'_>],
    deployment: Option<&'a Deployment<'_>>,
    (evaluations, plan): (&[Evaluation], &[Evaluated]),
    waits: bool,
) -> Judged<'a> {
    let addresses = deployment.iter().flat_map(|deployment| deployment.addresses.iter().map(String::as_str));
    let names = subjects.iter().map(|subject| subject.name).chain(addresses).collect();
    let rules = evaluations.iter().flat_map(|each| &each.rules).chain(plan).map(|rule| rule.rule.clone());
    Judged { names, rules: rules.collect(), waits }
}

/// Digests of what was asked about.
struct Asked {
    subjects: Vec<String>,
    plan: Option<String>,
}

/// `sha256:` and 64 hexadecimal digits.
fn digest(text: &str) -> String {
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(text)))
}

/// The plan, where a failure names what was judged.
const PLAN: &str = "the plan";

/// What the answers come to, as they come in.
#[derive(Default)]
struct Found {
    /// Each with the level that the rule itself gives it.
    violations: Vec<(Violation, Option<Level>)>,
    /// What only applying tells.
    undetermined: Vec<(Violation, Option<Level>)>,
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
pub(super) fn data_for(data: &Json, environment: &str) -> Result<Json, PolicyError> {
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
    pub(super) fn about(self, subject: &str, package: &str, during: &str) -> PolicyError {
        let during = during.to_owned();
        match self {
            Self::Refused { file, line, column, reason } => {
                PolicyError::Refused { file, line, column, reason }
            }
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
        let bundle = String::new();
        (Violation { rule, subject, address, message, path, span, actions, level: level_here, bundle }, level)
    });
    let mut found: Vec<_> = found.collect();
    found.sort_by(|(a, _), (b, _)| {
        (a.span.is_none(), a.span, &a.message).cmp(&(b.span.is_none(), b.span, &b.message))
    });
    found
}
