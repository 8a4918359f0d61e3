//! Questions and answers to findings.
//!
//! Policy is semi-trusted: it may be wrong, slow, hostile or contradict itself, and then nothing is let through. So it is
//! evaluated by a process of its own (`child`), which is started early and waited for late: while a plan is made, it
//! compiles. What that process says is checked here like any input.

use super::child::{Child, Program};
use super::findings::{Found, consistent, contradiction, in_order, outcomes, told, undetermined};
use super::weigh::{Judged, Weighed, Weights};
use super::wire::{Answer, Fault, Reply, Request, Violation as RawViolation};
use super::{
    Annotation, Bundle, DEPLOYMENT, Decision, Denial, Evaluated, Evaluation, Level, MODEL, PolicyError,
    Sight, Violation, Warning,
};
use crate::diag::Span;
use crate::plan::Waiting;
use data_encoding::HEXLOWER;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
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
    /// `{plan, manifests, models, drift, environment, run}` as JSON.
    pub input: Input<'a>,
    /// Gives the addresses of all objects that there are, also of those that the input leaves out.
    pub addresses: &'a dyn Fn() -> Vec<String>,
    /// The place of an address and a path in its block, or of what stands for it.
    pub place: &'a Places<'a>,
}

/// What rules for plans are asked about. It is as long as a plan.
pub enum Input<'a> {
    /// This.
    New(String),
    /// What was [asked about early](Gate::ask_about_plan_early), and nobody kept: it can be made again.
    Early(&'a dyn Fn() -> String),
}

impl Input<'_> {
    fn text(&self) -> Cow<'_, str> {
        match self {
            Self::New(text) => Cow::Borrowed(text),
            Self::Early(again) => Cow::Owned(again()),
        }
    }
}

/// A change of a plan of which more is known than when the plan was judged.
pub struct Again<'a> {
    /// Which judged plan it is of: [`Approved::number`](super::Approved::number).
    pub number: u64,
    /// The position of the change among those of the plan.
    pub at: usize,
    /// The change.
    pub change: &'a Json,
    /// The addresses of all objects of the plan.
    pub names: &'a dyn Fn() -> Vec<String>,
    /// The whole input with all that is known by now, for where the process that evaluates holds another.
    pub whole: &'a dyn Fn() -> Json,
    /// The place of an address and a path in its block, or of what stands for it.
    pub place: &'a Places<'a>,
}

/// Gives the place of an address and a path.
type Places<'a> = dyn Fn(&str, &str) -> Option<Span> + 'a;

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
    /// What comments say of rules, once that is known.
    annotations: Vec<Annotation>,
    /// How many plans were judged: the number of the last.
    judged: u64,
    /// The one that the process holds.
    held: Option<u64>,
    /// Manifests that were asked about before anybody wants to know.
    early: Vec<String>,
    /// The digest of a plan that was.
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
        Ok(Self {
            child,
            loaded: None,
            unlimited,
            weights,
            sight: Sight::default(),
            annotations: Vec::new(),
            judged: 0,
            held: None,
            early,
            early_plan: None,
            bundle,
            environment,
        })
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

    /// How many bytes the process was sent.
    #[cfg(test)]
    pub(super) fn bytes_sent(&self) -> usize {
        self.child.bytes_sent()
    }

    /// The number of the plan that was judged last.
    pub(super) fn judged(&self) -> u64 {
        self.judged
    }

    /// Has these subjects evaluated while something else is done. [`check`](super::check) then finds the answers there,
    /// if it asks about the same.
    pub fn ask_early(&mut self, subjects: &[Subject<'_>]) {
        self.early = subjects.iter().map(|subject| subject.manifest.to_string()).collect();
        self.early.iter().for_each(|input| self.child.ask(MODEL, input.clone()));
    }

    /// Has a plan evaluated while something else is done; [`check`](super::check) finds the answer there, if it asks about the same.
    pub fn ask_about_plan_early(&mut self, input: String) {
        self.early_plan = Some(digest(&input));
        self.child.ask(DEPLOYMENT, input);
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
            Ok(Reply::Loaded { unlimited, annotations, values_of }) => {
                self.unlimited = unlimited;
                self.sight = Sight::of(values_of);
                self.annotations = annotations;
                self.weights.annotate(&self.annotations)
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
            let place = |_: &str, path: &str| (subject.place)(path);
            let about = (subject.name, MODEL);
            let Some(rules) = self.found(about, &mut found, (&place, &Waiting::default())) else { continue };
            evaluations.push(Evaluation { subject: subject.name.to_owned(), input, rules });
        }
        let rules = deployment
            .and_then(|deployment| self.found((PLAN, DEPLOYMENT), &mut found, (deployment.place, unknown)));
        let (rules, silent) = undetermined(rules.unwrap_or_default(), &self.annotations, unknown);
        found.warnings.extend(silent);
        let names = || {
            let addresses = deployment.iter().flat_map(|it| (it.addresses)());
            subjects.iter().map(|subject| subject.name.to_owned()).chain(addresses).collect()
        };
        let seen = Seen { evaluations, plan_input: asked.plan, deployment: rules };
        self.conclude(found, seen, (&names, !unknown.is_empty()))
    }

    /// Asks again about a plan, one change of which is known better by now.
    pub(super) fn decide_again(
        &mut self,
        again: &Again<'_>,
        unknown: &Waiting,
    ) -> Result<Decision, Box<Denial>> {
        self.load().map_err(|error| Box::new(Denial::from(error)))?;
        if self.held == Some(again.number) {
            let change = again.change.to_string();
            self.child.request(&Request::AskAgain { at: again.at }, Some(change));
        } else {
            self.child.ask(DEPLOYMENT, (again.whole)().to_string());
            self.held = Some(again.number);
        }
        let mut found = Found::default();
        let rules = self.found((PLAN, DEPLOYMENT), &mut found, (again.place, unknown));
        if rules.is_none() {
            // Whether it was taken in, nobody knows.
            self.held = None;
        }
        let seen = Seen { deployment: rules.unwrap_or_default(), ..Seen::default() };
        self.conclude(found, seen, (again.names, !unknown.is_empty()))
    }

    /// Takes in the answer that is next. Gives the rules with their outcomes; nothing if there is no answer.
    fn found(
        &mut self,
        (name, package): (&str, &'static str),
        found: &mut Found,
        (place, unknown): (&Places<'_>, &Waiting),
    ) -> Option<Vec<Evaluated>> {
        let subject = if package == MODEL { name } else { "" };
        let answer = found.take(self.answer(name, package))?;
        if let Some(reason) = contradiction(&answer) {
            found.failures.push(misunderstood(name, package, "allow", reason));
        }
        let Answer { deny, violation, warn, evaluated, .. } = answer;
        let known = violation.unwrap_or_default();
        let said: BTreeSet<_> = known.iter().map(|violation| violation.msg.clone()).collect();
        let denied = known.into_iter().chain(deny.into_iter().filter(|denial| !said.contains(&denial.msg)));
        let (waiting, denied): (Vec<_>, Vec<_>) =
            denied.partition(|raw| unknown.holds(&raw.address, &raw.path));
        let place = |raw: &RawViolation| place(&raw.address, &raw.path);
        let denied = in_order(denied, subject, place);
        let waiting = in_order(waiting, subject, place);
        let outcomes = outcomes(evaluated, &self.annotations, package, (&denied, &waiting));
        // A warning that names no place has none.
        let named = |raw: &RawViolation| {
            if raw.path.is_empty() && raw.address.is_empty() { None } else { place(raw) }
        };
        found.warnings.extend(in_order(warn, subject, named).into_iter().map(|(warning, _)| told(warning)));
        found.violations.extend(denied);
        found.undetermined.extend(waiting);
        Some(outcomes)
    }

    /// What all of it comes to.
    fn conclude(
        &self,
        found: Found,
        seen: Seen,
        (names, waits): (&dyn Fn() -> Vec<String>, bool),
    ) -> Result<Decision, Box<Denial>> {
        let Seen { evaluations, plan_input, deployment } = seen;
        let rules = evaluations.iter().flat_map(|each| &each.rules).chain(&deployment);
        let rules = rules.map(|rule| rule.rule.clone()).collect();
        let judged = Judged { names, rules, waits };
        let Weighed { denying: mut violations, told: mut said } =
            self.weights.weigh(found.violations, &judged);
        said.extend(found.undetermined.into_iter().map(|(violation, _)| Warning::undetermined(violation)));
        let unlimited = self.unlimited.iter().map(|what| Warning::unlimited(what));
        let warnings: Vec<_> = unlimited.chain(said).chain(found.warnings).collect();
        for violation in &mut violations {
            self.explain(violation);
        }
        let broken = violations.iter().map(|violation| violation.rule.as_str());
        let broken = broken.chain(warnings.iter().filter_map(|warning| warning.rule.as_deref()));
        let about = broken.filter_map(|rule| Some((rule.to_owned(), self.about(rule)?.clone()))).collect();
        let decision = Decision {
            bundle: self.bundle.clone(),
            bundles: Vec::new(),
            environment: self.environment.clone(),
            evaluations,
            plan_input,
            deployment,
            about,
            warnings,
        };
        if violations.is_empty() && found.failures.is_empty() {
            return Ok(decision);
        }
        Err(Box::new(Denial { decision: Some(decision), violations, failures: found.failures }))
    }

    /// What a comment says of a rule.
    fn about(&self, rule: &str) -> Option<&Annotation> {
        self.annotations.iter().find(|it| it.rule == rule && it.is_rule())
    }

    /// Adds what the comment above the rule says, where the denial says nothing.
    fn explain(&self, violation: &mut Violation) {
        let Some(about) = self.about(&violation.rule) else { return };
        violation.docs.clone_from(&about.docs);
        // What came in addition, such as that a waiver is over, is no answer to what to do.
        if !violation.says_what_to_do {
            violation.actions.splice(0..0, about.actions.iter().cloned());
        }
    }

    /// Asks about all that was not asked about early. Gives the digests of what was asked about.
    fn ask(&mut self, subjects: &[Subject<'_>], deployment: Option<&Deployment<'_>>) -> Asked {
        let inputs: Vec<_> = subjects.iter().map(|subject| subject.manifest.to_string()).collect();
        let (early, early_plan) = (std::mem::take(&mut self.early), self.early_plan.take());
        let is_early = matches!(deployment, Some(Deployment { input: Input::Early(_), .. }));
        let is_other = early != inputs || early_plan.is_some() && !is_early;
        if is_other {
            // Somebody asked about something else: those answers come first, and are not wanted.
            for _ in early.iter().chain(&early_plan) {
                let _ = self.child.reply("judging");
            }
            for input in &inputs {
                self.child.ask(MODEL, input.clone());
            }
        }
        let plan = deployment.map(|deployment| match early_plan {
            Some(early) if !is_other => early,
            _ => {
                let input = deployment.input.text();
                let digest = digest(&input);
                self.child.ask(DEPLOYMENT, input.into_owned());
                digest
            }
        });
        if plan.is_some() {
            self.judged += 1;
            self.held = Some(self.judged);
        }
        Asked { subjects: inputs.iter().map(|input| digest(input)).collect(), plan }
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

/// What was looked at.
#[derive(Default)]
struct Seen {
    evaluations: Vec<Evaluation>,
    plan_input: Option<String>,
    deployment: Vec<Evaluated>,
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
