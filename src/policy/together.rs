//! The gates of several bundles as one: what one of them denies is denied.
//!
//! Goes in: bundles, and what each of their gates says. Comes out: one decision. Never happens: a bundle sees rules of
//! another, or shares a process with it; one that could not decide is passed over.

use super::{
    Again, Bundle, Bundles, Decision, Denial, Deployment, Evaluated, Evaluation, Evaluator, Gate, Listed,
    PolicyError, Setting, Sight, Subject, Warning,
};
use crate::plan::Waiting;

/// Processes that were started, and read rules, before it was known by which bundles a run is judged.
#[derive(Default)]
pub struct Early(Vec<Evaluator>);

impl Early {
    /// Those of bundles that it will probably be.
    pub fn of(bundles: &Bundles, start: impl Fn(Bundle) -> Evaluator) -> Self {
        Self(bundles.asked().iter().cloned().map(start).collect())
    }

    /// The one that has read the rules of a bundle.
    fn take(&mut self, bundle: &Bundle) -> Option<Evaluator> {
        let at = self.0.iter().position(|evaluator| evaluator.has_read(bundle))?;
        Some(self.0.swap_remove(at).about(bundle))
    }
}

/// The gates of all bundles of a run.
#[derive(Debug)]
pub struct Gates {
    /// Each with the name of its bundle.
    each: Vec<(String, Gate)>,
    listed: Vec<Listed>,
    digest: String,
    /// Rules that are to be passed by.
    overrides: Vec<String>,
}

impl Gates {
    /// Has a process for each bundle compile it; see [`Gate::start`]. Those that have read its rules `early` need not be started:
    /// `another` starts more.
    pub fn start(
        bundles: &Bundles,
        setting: &Setting,
        mut early: Early,
        another: impl Fn(Bundle) -> Evaluator,
    ) -> Result<Self, PolicyError> {
        Self::each(bundles, setting, |bundle, setting| {
            let evaluator = early.take(bundle).unwrap_or_else(|| another(bundle.clone()));
            Gate::start(setting, evaluator)
        })
    }

    /// One gate alone.
    #[cfg(test)]
    pub(crate) fn of(gate: Gate) -> Self {
        let digest = gate.bundle().to_owned();
        Self { each: vec![(String::new(), gate)], listed: Vec::new(), digest, overrides: Vec::new() }
    }

    /// The same without processes.
    #[cfg(test)]
    pub(super) fn set(bundles: &Bundles, setting: &Setting) -> Result<Self, PolicyError> {
        Self::each(bundles, setting, Gate::set)
    }

    fn each(
        bundles: &Bundles,
        setting: &Setting,
        mut gate: impl FnMut(&Bundle, Setting) -> Result<Gate, PolicyError>,
    ) -> Result<Self, PolicyError> {
        let asked = bundles.asked();
        let mut gates = Vec::with_capacity(asked.len());
        for (at, bundle) in asked.iter().enumerate() {
            let mut own = setting.clone();
            if asked.len() > 1 {
                // A level of the environment's block is for the bundles that have the rule; the first says that none has it.
                let is_strange = |rule: &str| at == 0 && !asked.iter().any(|bundle| bundle.names(rule));
                own.levels.retain(|rule, _| bundle.names(rule) || is_strange(rule));
            }
            let name = if asked.len() > 1 { bundle.name() } else { "" };
            let gate = gate(bundle, own).map_err(|error| in_bundle(error, name))?;
            gates.push((bundle.name().to_owned(), gate));
        }
        let overrides = setting.overrides.keys().cloned().collect();
        Ok(Self {
            each: gates,
            listed: bundles.listed().to_vec(),
            digest: bundles.digest().to_owned(),
            overrides,
        })
    }

    /// Has these subjects evaluated while something else is done.
    pub fn ask_early(&mut self, subjects: &[Subject<'_>]) {
        self.each.iter_mut().for_each(|(_, gate)| gate.ask_early(subjects));
    }

    /// Has a plan evaluated while something else is done.
    pub fn ask_about_plan_early(&mut self, input: String) {
        let Some(((_, last), others)) = self.each.split_last_mut() else { return };
        for (_, gate) in others {
            gate.ask_about_plan_early(input.clone());
        }
        last.ask_about_plan_early(input);
    }

    /// Whose values the rules for plans look at. Waits until all bundles are compiled.
    pub fn sight(&mut self) -> Sight {
        Sight::of_all(self.each.iter_mut().map(|(_, gate)| gate.sight()))
    }

    /// Asks all of them, and puts together what they say.
    pub(super) fn decide(
        &mut self,
        subjects: &[Subject<'_>],
        deployment: Option<&Deployment<'_>>,
        unknown: &Waiting,
    ) -> Result<Decision, Box<Denial>> {
        self.put_together(|gate| gate.decide_waiting(subjects, deployment, unknown))
    }

    /// The number of the plan that was judged last: the same for all of them.
    pub(super) fn judged(&self) -> u64 {
        self.each.first().map_or(0, |(_, gate)| gate.judged())
    }

    /// Asks all of them again about a plan, one change of which is known better by now.
    pub(super) fn decide_again(
        &mut self,
        again: &Again<'_>,
        unknown: &Waiting,
    ) -> Result<Decision, Box<Denial>> {
        self.put_together(|gate| gate.decide_again(again, unknown))
    }

    fn put_together(
        &mut self,
        mut ask: impl FnMut(&mut Gate) -> Result<Decision, Box<Denial>>,
    ) -> Result<Decision, Box<Denial>> {
        let mut whole = Denial { decision: None, violations: Vec::new(), failures: Vec::new() };
        let are_several = self.each.len() > 1;
        for (name, gate) in &mut self.each {
            let said = match ask(gate) {
                Ok(decision) => {
                    Denial { decision: Some(decision), violations: Vec::new(), failures: Vec::new() }
                }
                Err(denial) => *denial,
            };
            add(&mut whole, said.of_bundle(name, are_several));
        }
        let is_denied = !whole.violations.is_empty() || !whole.failures.is_empty();
        if let Some(decision) = &mut whole.decision {
            decision.bundle.clone_from(&self.digest);
            decision.bundles.clone_from(&self.listed);
            tell_once(&mut decision.warnings, &self.overrides);
            let unchecked =
                self.listed.iter().filter(|bundle| bundle.is_signed && bundle.signed_by.is_none());
            decision.warnings.extend(unchecked.map(|bundle| Warning::unchecked_signature(&bundle.name)));
        }
        match whole.decision {
            Some(decision) if !is_denied => Ok(decision),
            decision => Err(Box::new(Denial { decision, ..whole })),
        }
    }
}

impl Denial {
    /// With the bundle that says so in all that it says.
    fn of_bundle(mut self, name: &str, is_one_of_several: bool) -> Self {
        let named =
            |rules: &mut Vec<Evaluated>| rules.iter_mut().for_each(|rule| name.clone_into(&mut rule.bundle));
        self.violations.iter_mut().for_each(|violation| name.clone_into(&mut violation.bundle));
        if is_one_of_several {
            self.failures = self.failures.into_iter().map(|failure| in_bundle(failure, name)).collect();
        }
        if let Some(decision) = &mut self.decision {
            decision.evaluations.iter_mut().for_each(|evaluation| named(&mut evaluation.rules));
            named(&mut decision.deployment);
        }
        self
    }
}

/// What is wrong with a whole bundle, with its name if it has one. Files have it before their own.
fn in_bundle(error: PolicyError, name: &str) -> PolicyError {
    match error {
        PolicyError::Compile { file, reason } if !name.is_empty() && !file.contains('/') => {
            PolicyError::Compile { file: format!("{file} of `{name}`"), reason }
        }
        PolicyError::PackageMissing { package } if !name.is_empty() => {
            let reason = format!("the package `{package}` has no `deny`");
            PolicyError::Unreadable { file: name.to_owned(), reason }
        }
        other => other,
    }
}

/// Adds what one says to what was said before.
fn add(whole: &mut Denial, said: Denial) {
    whole.violations.extend(said.violations);
    for failure in said.failures {
        if !whole.failures.contains(&failure) {
            whole.failures.push(failure);
        }
    }
    let Some(said) = said.decision else { return };
    let Some(decision) = &mut whole.decision else {
        whole.decision = Some(said);
        return;
    };
    for Evaluation { subject, input, rules } in said.evaluations {
        match decision.evaluations.iter_mut().find(|there| there.subject == subject) {
            Some(there) => there.rules.extend(rules),
            None => decision.evaluations.push(Evaluation { subject, input, rules }),
        }
    }
    decision.deployment.extend(said.deployment);
    decision.about.extend(said.about);
    decision.plan_input = decision.plan_input.take().or(said.plan_input);
    decision.warnings.extend(said.warnings);
}

/// Leaves out what each says for itself: an override that one of them needs is needed.
fn tell_once(warnings: &mut Vec<Warning>, overrides: &[String]) {
    for rule in overrides {
        let is_needed = |told: &Warning| told.overridden.is_some() && told.rule.as_ref() == Some(rule);
        if warnings.iter().any(is_needed) {
            let not_needed = Warning::override_not_needed(rule);
            warnings.retain(|warning| *warning != not_needed);
        }
    }
    let mut told: Vec<Warning> = Vec::with_capacity(warnings.len());
    for warning in warnings.drain(..) {
        let is_of_a_rule = warning.rule.is_some();
        if is_of_a_rule || !told.contains(&warning) {
            told.push(warning);
        }
    }
    *warnings = told;
}
