//! What the policy found, as people and records see it.

use super::{Annotation, Listed, PolicyError, Waiver};
use crate::diag::{Diagnostic, Diagnostics, Span, code};
use crate::plan::Waiting;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// How much a rule weighs. A rule that does not say is mandatory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nobody can pass it by.
    #[default]
    Mandatory,
    /// Passed by with a reason that is recorded.
    Overridable,
    /// Advice: it stops nothing.
    Advisory,
}

impl Level {
    /// The word in annotations and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mandatory => "mandatory",
            Self::Overridable => "overridable",
            Self::Advisory => "advisory",
        }
    }

    /// The level of that word.
    pub(super) fn of(word: &str) -> Option<Self> {
        [Self::Mandatory, Self::Overridable, Self::Advisory].into_iter().find(|level| level.as_str() == word)
    }
}

/// One reason why a manifest or a plan is not let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule's id, such as `accuracy`.
    pub rule: String,
    /// The name of the manifest; empty if it is about the plan.
    pub subject: String,
    /// The address of the object; empty if it is about none.
    pub address: String,
    /// One line, the text of `deny`.
    pub message: String,
    /// Where in the manifest or the object, such as `spec.metrics.accuracy`; empty if nowhere in particular.
    pub path: String,
    /// The place of `path` in the user's own file.
    pub span: Option<Span>,
    /// What to do, one sentence each.
    pub actions: Vec<String>,
    /// Whether what denied says what to do, and not only the comment above its rule.
    pub says_what_to_do: bool,
    /// Where more is said of the rule; empty if nowhere.
    pub docs: String,
    /// How much the rule weighs.
    pub level: Level,
    /// The bundle that the rule is of; empty until several are put together.
    pub bundle: String,
}

impl Violation {
    /// The message for people, with the line of the manifest.
    pub fn diagnostic(&self) -> Diagnostic {
        let diagnostic = Diagnostic::error(code::policy::DENIED, &self.message);
        match self.span {
            Some(span) => diagnostic.at(span, format!("rule `{}`", self.rule)),
            None if !self.subject.is_empty() => {
                diagnostic.detail(format!("Rule `{}`, model `{}`.", self.rule, self.subject))
            }
            None => diagnostic.detail(format!("Rule `{}`.", self.rule)),
        }
    }
}

/// Something that somebody should look at. It stops nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The name of the manifest; empty if it is about none.
    pub subject: String,
    /// One line.
    pub message: String,
    /// The rule that does not hold, of one that does not have to.
    pub rule: Option<String>,
    /// Why it does not have to, of one that somebody passed by.
    pub overridden: Option<String>,
    /// The exception that lets it be, or one that is not needed.
    pub waiver: Option<Waiver>,
    /// Whether only applying tells if the rule holds. It is asked again before the object is changed.
    pub undetermined: bool,
    /// The place in the user's own file.
    pub span: Option<Span>,
}

impl Warning {
    /// Something about no manifest in particular.
    pub(super) fn of_the_run(message: String) -> Self {
        let subject = String::new();
        Self { subject, message, rule: None, overridden: None, waiver: None, undetermined: false, span: None }
    }

    /// A rule that does not hold and does not have to: it is advice, or somebody said why.
    pub(super) fn of_a_rule(violation: Violation, overridden: Option<&str>) -> Self {
        let Violation { rule, subject, message, span, .. } = violation;
        let overridden = overridden.map(str::to_owned);
        Self { subject, message, rule: Some(rule), overridden, waiver: None, undetermined: false, span }
    }

    /// A rule that does not hold by what is known, of something that is known only during the apply.
    pub(super) fn undetermined(violation: Violation) -> Self {
        let Violation { rule, address, path, .. } = &violation;
        let message =
            format!("{address}: `{path}` is known only during the apply, and rule `{rule}` needs it");
        Self { undetermined: true, message, ..Self::of_a_rule(violation, None) }
    }

    /// Rules that say nothing against what is known, but look at what is known only during the apply.
    pub(super) fn silent(rules: &[String], unknown: &Waiting) -> Self {
        let rules: Vec<_> = rules.iter().map(|rule| format!("`{rule}`")).collect();
        let (s, look) = if rules.len() == 1 { ("", "looks") } else { ("s", "look") };
        let message = format!("{}, and rule{s} {} {look} at that", unknown.describe(), rules.join(", "));
        Self { undetermined: true, ..Self::of_the_run(message) }
    }

    /// A rule that does not hold, and that its owners let be for a time.
    pub(super) fn waived(violation: Violation, waiver: &Waiver) -> Self {
        Self { waiver: Some(waiver.clone()), ..Self::of_a_rule(violation, None) }
    }

    /// Something about an exception itself.
    pub(super) fn of_waiver(waiver: &Waiver, message: String) -> Self {
        Self { waiver: Some(waiver.clone()), ..Self::of_the_run(message) }
    }

    /// That a rule was to be passed by, and did not have to be.
    pub(super) fn override_not_needed(rule: &str) -> Self {
        Self::of_the_run(format!("`--override {rule}` was not needed: nothing is denied by such a rule"))
    }

    /// That a bundle is signed, and nobody said by whom it must be.
    pub(super) fn unchecked_signature(bundle: &str) -> Self {
        Self::of_the_run(format!(
            "Policy bundle `{bundle}` is signed, and its signature is not checked: `--policy-key FILE` says with which key it must be signed"
        ))
    }

    /// That the policy ran without a limit.
    pub(super) fn unlimited(what: &str) -> Self {
        Self::of_the_run(format!("This system does not limit the {what} that the policy may use"))
    }

    /// The message for people.
    pub fn diagnostic(&self) -> Diagnostic {
        let code = match (&self.waiver, &self.rule) {
            (Some(_), Some(_)) => code::policy::WAIVED,
            (Some(_), None) => code::policy::WAIVER_NOT_NEEDED,
            (None, _) if self.undetermined => code::policy::UNDETERMINED,
            (None, _) if self.overridden.is_some() => code::policy::OVERRIDDEN,
            (None, _) => code::policy::WARNING,
        };
        let mut detail = Vec::new();
        if let Some(rule) = &self.rule {
            detail.push(format!("Rule `{rule}`."));
        }
        if !self.subject.is_empty() {
            detail.push(format!("Model `{}`.", self.subject));
        }
        if let Some(reason) = &self.overridden {
            detail.push(format!("Overridden: {reason}"));
        }
        if self.undetermined {
            detail.push("It is asked again before this object is changed.".to_owned());
        }
        if let Some(waiver) = self.waiver.as_ref().filter(|_| self.rule.is_some()) {
            let Waiver { reason, owner, approver, expires, place, .. } = waiver;
            detail.push(format!(
                "Waived until {expires}: {reason} (owner {owner}, granted by {approver}, {place})"
            ));
        }
        let mut warning = Diagnostic::warning(code, &self.message);
        if let Some(span) = self.span {
            warning = warning.at(span, "");
        }
        if detail.is_empty() { warning } else { warning.detail(detail.join(" ")) }
    }
}

/// One rule and how it came out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluated {
    /// The rule's id.
    pub rule: String,
    /// A few words for a list.
    pub title: String,
    /// What was found, such as `0.92, at least 0.85`; may be empty.
    #[serde(default)]
    pub shown: String,
    /// Whether it holds.
    pub passed: bool,
    /// Whether only applying tells. It does not hold yet, then, and denies nothing. No policy says this.
    #[serde(skip)]
    pub undetermined: bool,
    /// Whether it is on the short list that is printed when all rules hold.
    #[serde(default)]
    pub checklist: bool,
    /// The bundle that the rule is of; empty until several are put together.
    #[serde(skip)]
    pub bundle: String,
}

/// All rules over one manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// The name of the manifest.
    pub subject: String,
    /// Digest of what the rules were asked about: `sha256:` and 64 hexadecimal digits.
    pub input: String,
    /// Every rule, in the policy's order. Empty if the bundle does not list its rules.
    pub rules: Vec<Evaluated>,
}

impl Evaluated {
    /// How it came out, in a word.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self { passed: true, .. } => "passed",
            Self { undetermined: true, .. } => "undetermined",
            _ => "failed",
        }
    }
}

impl Evaluation {
    /// The rules on the short list, each as a line: `Accuracy: 0.92, at least 0.85`.
    pub fn checklist(&self) -> impl Iterator<Item = (bool, String)> {
        self.rules.iter().filter(|rule| rule.checklist).map(|rule| {
            let line = match rule.shown.as_str() {
                "" => rule.title.clone(),
                shown => format!("{}: {shown}", rule.title),
            };
            (rule.passed, line)
        })
    }
}

/// What was asked of the policy and what it looked at, whatever the outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Digest of the bundle, or of all together; `sha256:` and 64 hexadecimal digits.
    pub bundle: String,
    /// All that was asked, the one with the most say first.
    pub bundles: Vec<Listed>,
    /// The environment whose thresholds held.
    pub environment: String,
    /// One for each manifest, in the order in which they were given.
    pub evaluations: Vec<Evaluation>,
    /// Digest of what the rules for plans were asked about; nothing if they were not.
    pub plan_input: Option<String>,
    /// The rules for plans, in the policy's order.
    pub deployment: Vec<Evaluated>,
    /// What the rules say of themselves that do not hold, by their ids.
    pub about: BTreeMap<String, Annotation>,
    /// What somebody should look at.
    pub warnings: Vec<Warning>,
}

impl Decision {
    /// Rules that do not hold and that are let be: advice, and what somebody passed by or waived.
    pub fn told(&self) -> impl Iterator<Item = &Warning> {
        self.warnings.iter().filter(|warning| warning.rule.is_some() && !warning.undetermined)
    }

    /// The rules that only applying tells of.
    pub fn undetermined(&self) -> BTreeSet<&str> {
        let waiting = self.warnings.iter().filter(|warning| warning.undetermined);
        let listed = self.deployment.iter().filter(|rule| rule.undetermined).map(|rule| rule.rule.as_str());
        waiting.filter_map(|warning| warning.rule.as_deref()).chain(listed).collect()
    }
}

/// Why nothing is let through: violations, or failures of the gate, or both; never neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// What was evaluated. Nothing if the gate could not even be set up.
    pub decision: Option<Decision>,
    /// In the order of the manifests, and in each by place.
    pub violations: Vec<Violation>,
    /// What kept the gate from deciding.
    pub failures: Vec<PolicyError>,
}

impl From<PolicyError> for Denial {
    fn from(failure: PolicyError) -> Self {
        Self { decision: None, violations: Vec::new(), failures: vec![failure] }
    }
}

impl Denial {
    /// One line: what failed, and which models.
    pub fn headline(&self) -> String {
        let subjects: Vec<_> = self.subjects().into_iter().collect();
        let plan = self.violations.iter().any(|violation| violation.subject.is_empty());
        match (subjects.as_slice(), plan) {
            ([], false) => "Policy gate failed: nothing is let through".to_owned(),
            ([], true) => "Plan failed deployment policy".to_owned(),
            (models, false) => format!("Model failed governance check: {}", models.join(", ")),
            (models, true) => {
                format!("Model failed governance check: {}; plan failed deployment policy", models.join(", "))
            }
        }
    }

    /// One message for each violation, with the manifest's line, and one for each failure of the gate.
    pub fn diagnostics(&self) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        for violation in &self.violations {
            diagnostics.push(violation.diagnostic());
        }
        for failure in &self.failures {
            diagnostics.push(failure.diagnostic());
        }
        diagnostics
    }

    /// What to do, each once, in the order of the violations. Where several models are denied, each names its own.
    pub fn actions(&self) -> Vec<String> {
        let several = self.subjects().len() > 1;
        let mut actions = Vec::new();
        for violation in &self.violations {
            for action in &violation.actions {
                let action = if several && !violation.subject.is_empty() {
                    format!("{}: {action}", violation.subject)
                } else {
                    action.clone()
                };
                if !actions.contains(&action) {
                    actions.push(action);
                }
            }
        }
        actions
    }

    /// `Action required` and the numbered actions, ending in a newline; empty if there are none.
    pub fn action_list(&self) -> String {
        let actions = self.actions();
        if actions.is_empty() {
            return String::new();
        }
        let mut list = "Action required:\n".to_owned();
        for (index, action) in actions.iter().enumerate() {
            let _ = writeln!(list, "  {}. {action}", index + 1);
        }
        list
    }

    /// Where more is said of the rules, a line each, under a headline; empty if nowhere.
    pub fn docs_list(&self) -> String {
        let docs = self.violations.iter().filter(|violation| !violation.docs.is_empty());
        let docs: BTreeMap<_, _> = docs.map(|violation| (violation.rule.as_str(), &violation.docs)).collect();
        let mut list = if docs.is_empty() { String::new() } else { "More about the rules:\n".to_owned() };
        for (rule, docs) in docs {
            let _ = writeln!(list, "  {rule}: {docs}");
        }
        list
    }

    fn subjects(&self) -> BTreeSet<&str> {
        let subjects = self.violations.iter().map(|violation| violation.subject.as_str());
        subjects.filter(|subject| !subject.is_empty()).collect()
    }
}
