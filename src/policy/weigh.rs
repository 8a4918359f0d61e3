//! How much a rule weighs in an environment, and what somebody passed by.
//!
//! Goes in: the levels that rules, their comments and the bundle's data say, and overrides. Comes out: what denies, and
//! what is told. Never happens: a rule that says no level weighs less than `mandatory`.

use super::{Level, PolicyError, Violation, Warning};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// What decides how much a rule weighs.
pub(super) struct Weights {
    /// As comments in the policy say. Known once the bundle is compiled.
    pub(super) annotated: BTreeMap<String, Level>,
    /// As `data.mlo.levels` says for the environment. This counts first.
    configured: BTreeMap<String, Level>,
    /// Rule to reason.
    overrides: BTreeMap<String, String>,
}

impl Weights {
    /// Reads the levels of an environment out of the bundle's data.
    pub(super) fn of(
        data: &Json,
        environment: &str,
        overrides: BTreeMap<String, String>,
    ) -> Result<Self, PolicyError> {
        let refuse = |reason: String| PolicyError::Compile { file: "data".to_owned(), reason };
        let mut configured = BTreeMap::new();
        match data.pointer("/mlo/levels") {
            None => {}
            Some(Json::Object(environments)) => {
                for (name, levels) in environments {
                    let Json::Object(levels) = levels else {
                        return Err(refuse(format!("mlo.levels.{name} must be a map from rule to level")));
                    };
                    for (rule, level) in levels {
                        let Some(level) = level.as_str().and_then(Level::of) else {
                            let reason = "must be mandatory, overridable or advisory";
                            return Err(refuse(format!("mlo.levels.{name}.{rule} {reason}")));
                        };
                        if name == environment {
                            configured.insert(rule.clone(), level);
                        }
                    }
                }
            }
            Some(_) => return Err(refuse("mlo.levels must be a map by environment".to_owned())),
        }
        Ok(Self { annotated: BTreeMap::new(), configured, overrides })
    }

    /// Parts what denies from what is only told. Each violation comes with the level that its rule gives it, if any.
    pub(super) fn weigh(&self, found: Vec<(Violation, Option<Level>)>) -> (Vec<Violation>, Vec<Warning>) {
        let (mut denying, mut told) = (Vec::new(), Vec::new());
        let mut used = BTreeSet::new();
        for (mut violation, own) in found {
            let rule = violation.rule.as_str();
            let said = self.configured.get(rule).copied().or(own).or(self.annotated.get(rule).copied());
            violation.level = said.unwrap_or_default();
            let reason = self.overrides.get_key_value(rule);
            used.extend(reason.map(|(rule, _)| rule.as_str()));
            match (violation.level, reason) {
                (Level::Advisory, _) => told.push(Warning::of_a_rule(violation, None)),
                (Level::Overridable, Some((_, reason))) => {
                    told.push(Warning::of_a_rule(violation, Some(reason)));
                }
                (Level::Overridable, None) => denying.push(violation),
                (Level::Mandatory, reason) => {
                    if reason.is_some() {
                        let action = format!("Leave `--override {rule}` out: the rule is mandatory");
                        violation.actions.push(action);
                    }
                    denying.push(violation);
                }
            }
        }
        let unused = self.overrides.keys().filter(|rule| !used.contains(rule.as_str()));
        told.extend(unused.map(|rule| {
            Warning::of_the_run(format!(
                "`--override {rule}` was not needed: nothing is denied by such a rule"
            ))
        }));
        (denying, told)
    }
}
