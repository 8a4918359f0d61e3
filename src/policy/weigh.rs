//! How much a rule weighs in an environment, and what somebody passed by.
//!
//! Goes in: the levels that rules, their comments, the bundle's data and the environment's block say; overrides and waivers.
//! Comes out: what denies, and what is told. Never happens: a rule that says no level weighs less than `mandatory`; an
//! environment makes a rule weigh less than it does elsewhere.

use super::waivers::{self, Waiver};
use super::{Annotation, Bundle, Level, PolicyError, Setting, Violation, Warning, annotations};
use crate::diag::Span;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};

/// Rule to level.
type Levels = BTreeMap<String, Level>;

/// What decides how much a rule weighs.
pub(super) struct Weights {
    /// As comments in the policy say. Known once the bundle is compiled.
    annotated: Levels,
    /// The rules that comments name.
    named: BTreeSet<String>,
    /// As `data.mlo.levels.RULE` says. This counts before what rules and comments say.
    general: Levels,
    /// As `data.mlo.levels.ENVIRONMENT.RULE` says: at least so much.
    stricter: Levels,
    /// The same as the environment's block says.
    block: BTreeMap<String, (Level, Span)>,
    environment: String,
    /// All that stands between quotes in the policy: the names of its rules are among them.
    words: BTreeSet<String>,
    /// Levels for environments that nothing else speaks of.
    strangers: Vec<String>,
    /// Rule to reason.
    overrides: BTreeMap<String, String>,
    waivers: Vec<Waiver>,
    today: String,
}

/// What came of the violations.
#[derive(Default)]
pub(super) struct Weighed {
    pub(super) denying: Vec<Violation>,
    pub(super) told: Vec<Warning>,
}

/// What was judged, as far as waivers can be about it.
pub(super) struct Judged<'a> {
    /// Gives the names of models and the addresses of objects.
    pub(super) names: &'a dyn Fn() -> Vec<String>,
    /// The rules that said how they came out. Empty if the bundle does not list its rules.
    pub(super) rules: BTreeSet<String>,
    /// Whether something is known only during the apply, so that the rules will be asked again.
    pub(super) waits: bool,
}

impl Weights {
    /// Reads the levels of an environment and the waivers out of the bundle.
    pub(super) fn of(bundle: &Bundle, setting: Setting) -> Result<Self, PolicyError> {
        let Configured { general, stricter, strangers } = configured(&bundle.data, &setting.environment)?;
        let words = bundle.rules.values().flat_map(|text| text.split('"')).map(str::to_owned).collect();
        let waivers = waivers::read(&bundle.waivers)?;
        let Setting { environment, levels: block, overrides, today } = setting;
        Ok(Self {
            annotated: Levels::new(),
            named: BTreeSet::new(),
            general,
            stricter,
            block,
            environment,
            words,
            strangers,
            overrides,
            waivers,
            today,
        })
    }

    /// Takes in what comments in the policy say.
    ///
    /// # Errors
    /// If the bundle's data would make a rule weigh less in this environment.
    pub(super) fn annotate(&mut self, annotations: &[Annotation]) -> Result<(), PolicyError> {
        self.annotated = annotations::levels(annotations);
        self.named = annotations.iter().filter(|it| it.is_rule()).map(|it| it.rule.clone()).collect();
        if let Some(rule) = self.general.keys().chain(self.stricter.keys()).find(|rule| !self.is_rule(rule)) {
            let reason = format!("mlo.levels sets the level of `{rule}`, and there is no such rule");
            return Err(PolicyError::Compile { file: "data".to_owned(), reason });
        }
        for (rule, level) in &self.stricter {
            if let Some(base) = self.known(rule).filter(|base| level > base) {
                let reason = format!(
                    "mlo.levels.{}.{rule} would be {}, and the rule is {}: an environment may only be stricter",
                    self.environment,
                    level.as_str(),
                    base.as_str()
                );
                return Err(PolicyError::Compile { file: "data".to_owned(), reason });
            }
        }
        Ok(())
    }

    /// Whether the policy has a rule of a name, as far as its text tells.
    fn is_rule(&self, name: &str) -> bool {
        self.named.contains(name) || self.words.contains(name)
    }

    /// How much a rule weighs in every environment, where that is said outside of it.
    fn known(&self, rule: &str) -> Option<Level> {
        self.general.get(rule).or(self.annotated.get(rule)).copied()
    }

    /// How much a rule weighs here; `own` is what it says itself.
    fn level(&self, rule: &str, own: Option<Level>) -> Level {
        let base =
            self.general.get(rule).copied().or(own).or(self.annotated.get(rule).copied()).unwrap_or_default();
        let block = self.block.get(rule).map_or(base, |(level, _)| *level);
        base.min(self.stricter.get(rule).copied().unwrap_or(base)).min(block)
    }

    /// Parts what denies from what is only told. Each violation comes with the level that its rule gives it, if any.
    pub(super) fn weigh(&self, found: Vec<(Violation, Option<Level>)>, judged: &Judged<'_>) -> Weighed {
        let mut weighed = Weighed { denying: self.of_block(), told: self.of_strangers() };
        let (mut overridden, mut waived) = (BTreeSet::new(), BTreeSet::new());
        for (mut violation, own) in found {
            violation.level = self.level(&violation.rule, own);
            let waivers: Vec<_> =
                self.waivers.iter().enumerate().filter(|(_, it)| self.covers(it, &violation)).collect();
            waived.extend(waivers.iter().map(|(number, _)| *number));
            if let Some((_, waiver)) = waivers.iter().find(|(_, waiver)| !waiver.is_over(&self.today)) {
                weighed.told.push(Warning::waived(violation, waiver));
                continue;
            }
            let reason = self.overrides.get_key_value(&violation.rule);
            overridden.extend(reason.map(|(rule, _)| rule.as_str()));
            for (_, waiver) in waivers {
                violation.actions.push(renew(waiver));
            }
            match (violation.level, reason) {
                (Level::Advisory, _) => weighed.told.push(Warning::of_a_rule(violation, None)),
                (Level::Overridable, Some((_, reason))) => {
                    weighed.told.push(Warning::of_a_rule(violation, Some(reason)));
                }
                (Level::Overridable, None) => weighed.denying.push(violation),
                (Level::Mandatory, reason) => {
                    if let Some((rule, _)) = reason {
                        violation
                            .actions
                            .push(format!("Leave `--override {rule}` out: the rule is mandatory"));
                    }
                    weighed.denying.push(violation);
                }
            }
        }
        if judged.waits {
            // What is not needed now may be needed when the rules are asked again.
            return weighed;
        }
        let unused = self.overrides.keys().filter(|rule| !overridden.contains(rule.as_str()));
        weighed.told.extend(unused.map(|rule| Warning::override_not_needed(rule)));
        let unused = self.waivers.iter().enumerate().filter(|(number, _)| !waived.contains(number));
        let unused: Vec<_> =
            unused.map(|(_, waiver)| waiver).filter(|it| it.is_in(&self.environment)).collect();
        if !unused.is_empty() {
            let names = (judged.names)();
            let unused = unused.into_iter().filter(|waiver| names.iter().any(|name| waiver.is_about(name)));
            weighed.told.extend(unused.filter_map(|waiver| self.unused(waiver, judged)));
        }
        weighed
    }

    fn covers(&self, waiver: &Waiver, violation: &Violation) -> bool {
        let name = if violation.subject.is_empty() { &violation.address } else { &violation.subject };
        waiver.is_for(&violation.rule, &self.environment) && waiver.is_about(name)
    }

    /// What is said of a waiver that is about something here and that nothing is denied without. One of a rule that was not
    /// evaluated says nothing.
    fn unused(&self, waiver: &Waiver, judged: &Judged<'_>) -> Option<Warning> {
        let Waiver { rule, subject, place, expires, .. } = waiver;
        if !judged.rules.is_empty() && !judged.rules.contains(rule) {
            return None;
        }
        let why = if waiver.is_over(&self.today) {
            format!("was over on {expires}, and is not needed: take it out")
        } else {
            "is not needed: nothing is denied by such a rule".to_owned()
        };
        Some(Warning::of_waiver(waiver, format!("the waiver of `{rule}` for `{subject}` at {place} {why}")))
    }

    /// Levels for an environment that may be misspelt.
    fn of_strangers(&self) -> Vec<Warning> {
        let say = |name: &String| {
            Warning::of_the_run(format!(
                "mlo.levels.{name} in the policy's data is about an environment that nothing else there speaks of"
            ))
        };
        self.strangers.iter().map(say).collect()
    }

    /// What the environment's block says in vain: a rule that there is none of, or a lower weight.
    fn of_block(&self) -> Vec<Violation> {
        let mut denying = Vec::new();
        for (rule, (level, span)) in &self.block {
            let (message, action) = match self.known(rule) {
                Some(base) if *level > base => (
                    format!(
                        "Environment `{}` would make the rule `{rule}` {}, and it is {}",
                        self.environment,
                        level.as_str(),
                        base.as_str()
                    ),
                    format!("Leave `{rule}` out of `policy`: an environment may only be stricter"),
                ),
                _ if !self.is_rule(rule) => (
                    format!(
                        "Environment `{}` sets the level of `{rule}`, and there is no such rule",
                        self.environment
                    ),
                    format!("Correct the name `{rule}` in `policy`"),
                ),
                _ => continue,
            };
            denying.push(Violation {
                rule: LEVELS_RULE.to_owned(),
                subject: String::new(),
                address: String::new(),
                message,
                path: String::new(),
                span: Some(*span),
                actions: vec![action],
                says_what_to_do: true,
                docs: String::new(),
                level: Level::Mandatory,
                bundle: String::new(),
            });
        }
        denying
    }
}

/// Environments that there are without anybody's word.
pub(super) const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "prod"];

/// What is denied where an environment's block sets levels that it cannot set.
const LEVELS_RULE: &str = "policy_levels";

fn renew(Waiver { approver, expires, place, .. }: &Waiver) -> String {
    format!("The waiver at {place} was over on {expires}: mend the cause, or have {approver} grant another")
}

/// What `mlo.levels` of the data says.
pub(super) struct Configured {
    pub(super) general: Levels,
    pub(super) stricter: Levels,
    strangers: Vec<String>,
}

/// Levels for all environments, and for one, as `mlo.levels` of the data says.
pub(super) fn configured(data: &Json, environment: &str) -> Result<Configured, PolicyError> {
    let refuse = |reason: String| PolicyError::Compile { file: "data".to_owned(), reason };
    let mut configured =
        Configured { general: Levels::new(), stricter: Levels::new(), strangers: Vec::new() };
    let entries = match data.pointer("/mlo/levels") {
        None => return Ok(configured),
        Some(Json::Object(entries)) => entries,
        Some(_) => return Err(refuse("mlo.levels must be a map by rule or environment".to_owned())),
    };
    let level = |path: &str, value: &Json| {
        let level = value.as_str().and_then(Level::of);
        level.ok_or_else(|| refuse(format!("{path} must be mandatory, overridable or advisory")))
    };
    let known = data.pointer("/mlo/thresholds").and_then(Json::as_object);
    let is_known = |name: &str| {
        name == environment
            || ENVIRONMENTS.contains(&name)
            || known.is_some_and(|known| known.contains_key(name))
    };
    for (name, value) in entries {
        let path = format!("mlo.levels.{name}");
        let Json::Object(rules) = value else {
            configured.general.insert(name.clone(), level(&path, value)?);
            continue;
        };
        if !is_known(name) {
            configured.strangers.push(name.clone());
        }
        let rules: &Map<_, _> = rules;
        for (rule, value) in rules {
            let level = level(&format!("{path}.{rule}"), value)?;
            if name == environment {
                configured.stricter.insert(rule.clone(), level);
            }
        }
    }
    Ok(configured)
}
