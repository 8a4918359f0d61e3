//! What the policy found, as people and records see it.

use super::PolicyError;
use crate::diag::{Diagnostic, Diagnostics, Span, code};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// How much a rule weighs. A rule that does not say is mandatory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nobody can pass it by.
    #[default]
    Mandatory,
    /// Could be passed by with a recorded reason. It denies here: there is no way yet to record one.
    Overridable,
    /// Advice. It denies here as well: advice that stops nothing is what `warn` is for.
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
}

/// One reason why a manifest is not let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule's id, such as `accuracy`.
    pub rule: String,
    /// The name of the manifest.
    pub subject: String,
    /// One line, the text of `deny`.
    pub message: String,
    /// Where in the manifest, such as `spec.metrics.accuracy`; empty if nowhere in particular.
    pub path: String,
    /// The place of `path` in the user's own file.
    pub span: Option<Span>,
    /// What to do, one sentence each.
    pub actions: Vec<String>,
    /// How much the rule weighs.
    pub level: Level,
}

impl Violation {
    /// The message for people, with the line of the manifest.
    pub fn diagnostic(&self) -> Diagnostic {
        let diagnostic = Diagnostic::error(code::policy::DENIED, &self.message);
        match self.span {
            Some(span) => diagnostic.at(span, format!("rule `{}`", self.rule)),
            None => diagnostic.detail(format!("Rule `{}`, model `{}`.", self.rule, self.subject)),
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
}

impl Warning {
    /// That the policy ran without a limit.
    pub(super) fn unlimited(what: &str) -> Self {
        let message = format!("This system does not limit the {what} that the policy may use");
        Self { subject: String::new(), message }
    }

    /// The message for people.
    pub fn diagnostic(&self) -> Diagnostic {
        let warning = Diagnostic::warning(code::policy::WARNING, &self.message);
        if self.subject.is_empty() { warning } else { warning.detail(format!("Model `{}`.", self.subject)) }
    }
}

/// One rule and how it came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Whether it is on the short list that is printed when all rules hold.
    #[serde(default)]
    pub checklist: bool,
}

/// All rules over one manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// The name of the manifest.
    pub subject: String,
    /// Every rule, in the policy's order. Empty if the bundle does not list its rules.
    pub rules: Vec<Evaluated>,
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
    /// Digest of the bundle, `sha256:` and 64 hexadecimal digits.
    pub bundle: String,
    /// The environment whose thresholds held.
    pub environment: String,
    /// One for each manifest, in the order in which they were given.
    pub evaluations: Vec<Evaluation>,
    /// What somebody should look at.
    pub warnings: Vec<Warning>,
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
        let subjects = self.subjects();
        if subjects.is_empty() {
            return "Policy gate failed: nothing is let through".to_owned();
        }
        let subjects: Vec<_> = subjects.into_iter().collect();
        format!("Model failed governance check: {}", subjects.join(", "))
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
                let action =
                    if several { format!("{}: {action}", violation.subject) } else { action.clone() };
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

    fn subjects(&self) -> BTreeSet<&str> {
        self.violations.iter().map(|violation| violation.subject.as_str()).collect()
    }
}
