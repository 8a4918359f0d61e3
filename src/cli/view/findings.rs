//! What a run found, for programs that collect such things: rules with their outcomes, and results with their places.
//!
//! Goes in: messages, decisions, denials. Comes out: SARIF and `JUnit`, by the views of these names. Never happens: a place that
//! is not in the repository, such as a built-in module that the author of a manifest has never seen.

use crate::cli::{places, variables};
use crate::diag::{Diagnostic, Diagnostics, Severity, SourceMap, Span, code};
use crate::policy::{
    Annotation, Decision, Denial, Evaluated, Level, PolicyError, Violation, Waiver, Warning,
};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// What a result is about where it is about no model: the plan, or the configuration.
pub(in crate::cli) const PLAN: &str = "plan";

/// All that a run found.
#[derive(Debug, Default)]
pub(in crate::cli) struct Findings {
    /// Rules with their outcomes, by what they judged: a model, or [`PLAN`].
    pub(in crate::cli) judged: Vec<(String, Vec<Evaluated>)>,
    /// What rules say of themselves.
    pub(in crate::cli) about: BTreeMap<String, Annotation>,
    pub(in crate::cli) results: Vec<Finding>,
}

/// One thing that was found.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Finding {
    /// The rule of a policy, or the code of a message.
    pub(in crate::cli) rule: String,
    /// A few words on the rule.
    pub(in crate::cli) title: String,
    /// What it means, in sentences.
    pub(in crate::cli) explanation: String,
    pub(in crate::cli) state: State,
    pub(in crate::cli) message: String,
    /// What to do.
    pub(in crate::cli) actions: Vec<String>,
    pub(in crate::cli) place: Option<Place>,
    /// What a rule judged: a model, or [`PLAN`]; nothing if it is no rule of a policy.
    pub(in crate::cli) subject: Option<String>,
    /// Which part of it: an address, a path. What does not change when lines are moved.
    pub(in crate::cli) part: String,
}

/// How it weighs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum State {
    /// It stops the run.
    Error,
    /// Somebody should look.
    Warning,
    /// A rule does not hold, and that is let be: why.
    Excused(String),
    /// Only applying tells.
    Open,
}

/// A place in the repository, lines and columns from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Place {
    /// The file, relative to the repository, with `/`.
    pub(in crate::cli) file: String,
    pub(in crate::cli) start: (usize, usize),
    pub(in crate::cli) end: (usize, usize),
}

impl Findings {
    /// Takes in messages.
    pub(in crate::cli) fn messages(&mut self, messages: &Diagnostics, sources: &SourceMap) {
        self.results.extend(messages.iter().map(|message| Finding::of_message(message, sources)));
    }

    /// Takes in what was decided.
    pub(in crate::cli) fn decision(&mut self, decision: &Decision, sources: &SourceMap) {
        self.about.extend(decision.about.clone());
        for evaluation in &decision.evaluations {
            self.judged.push((evaluation.subject.clone(), evaluation.rules.clone()));
        }
        if !decision.deployment.is_empty() {
            self.judged.push((PLAN.to_owned(), decision.deployment.clone()));
        }
        self.results.extend(decision.warnings.iter().map(|warning| Finding::of_warning(warning, sources)));
    }

    /// Takes in what was denied, and what was decided beside it.
    pub(in crate::cli) fn denial(&mut self, denial: &Denial, sources: &SourceMap) {
        self.results.extend(denial.violations.iter().map(|each| Finding::of_violation(each, sources)));
        self.results.extend(denial.failures.iter().map(|failure| Finding::of_failure(failure, sources)));
        if let Some(decision) = &denial.decision {
            self.decision(decision, sources);
        }
    }

    /// Takes in what somebody should look at.
    pub(in crate::cli) fn warning(&mut self, warning: &Warning, sources: &SourceMap) {
        self.results.push(Finding::of_warning(warning, sources));
    }

    /// What the rule says of itself that something was found by.
    pub(in crate::cli) fn about(&self, finding: &Finding) -> Option<&Annotation> {
        self.about.get(&finding.rule).filter(|_| finding.subject.is_some())
    }

    /// A few words on a rule.
    pub(in crate::cli) fn title_of<'f>(&'f self, finding: &'f Finding) -> &'f str {
        if let Some(about) = self.about(finding).filter(|about| !about.title.is_empty()) {
            return &about.title;
        }
        let judged = self.judged.iter().flat_map(|(_, rules)| rules);
        let known = judged.into_iter().find(|rule| rule.rule == finding.rule).map(|rule| rule.title.as_str());
        known.filter(|_| finding.subject.is_some()).unwrap_or(&finding.title)
    }
}

impl Finding {
    fn of_message(message: &Diagnostic, sources: &SourceMap) -> Self {
        let message = message.censored(sources);
        let is_error = message.severity == Severity::Error;
        Self {
            rule: message.code.id.to_owned(),
            title: message.code.title.to_owned(),
            explanation: message.code.explanation.to_owned(),
            state: if is_error { State::Error } else { State::Warning },
            message: message.summary.clone(),
            actions: message.help.clone(),
            place: message.labels.iter().find_map(|label| place(label.span, sources)),
            subject: None,
            part: message.summary.clone(),
        }
    }

    fn of_failure(failure: &PolicyError, sources: &SourceMap) -> Self {
        Self { subject: Some(PLAN.to_owned()), ..Self::of_message(&failure.diagnostic(), sources) }
    }

    fn of_violation(violation: &Violation, sources: &SourceMap) -> Self {
        let Violation { rule, subject, address, path, message, span, actions, level, .. } = violation;
        Self {
            rule: rule.clone(),
            title: format!("Policy rule {rule}"),
            explanation: code::policy::DENIED.explanation.to_owned(),
            state: if *level == Level::Advisory { State::Warning } else { State::Error },
            message: message.clone(),
            actions: actions.clone(),
            place: span.and_then(|span| place(span, sources)),
            subject: Some(if subject.is_empty() { PLAN.to_owned() } else { subject.clone() }),
            part: format!("{subject} {address} {path}"),
        }
    }

    fn of_warning(warning: &Warning, sources: &SourceMap) -> Self {
        let code = warning.diagnostic().code;
        let state = match (&warning.waiver, &warning.rule, &warning.overridden) {
            (Some(waiver), Some(_), _) => State::Excused(waived(waiver)),
            (_, _, Some(reason)) => State::Excused(format!("Overridden: {reason}")),
            _ if warning.undetermined => State::Open,
            _ => State::Warning,
        };
        let rule = warning.rule.clone();
        Self {
            title: rule.as_ref().map_or_else(|| code.title.to_owned(), |rule| format!("Policy rule {rule}")),
            explanation: code.explanation.to_owned(),
            state,
            message: warning.message.clone(),
            actions: Vec::new(),
            place: warning.span.and_then(|span| place(span, sources)),
            subject: Some(if warning.subject.is_empty() { PLAN.to_owned() } else { warning.subject.clone() }),
            part: format!("{} {}", warning.subject, warning.message),
            rule: rule.unwrap_or_else(|| code.id.to_owned()),
        }
    }
}

fn waived(Waiver { expires, reason, owner, approver, place, .. }: &Waiver) -> String {
    format!("Waived until {expires}: {reason} (owner {owner}, granted by {approver}, {place})")
}

/// A place, if it is in the repository.
pub(in crate::cli) fn place(span: Span, sources: &SourceMap) -> Option<Place> {
    let source = sources.get(span.source);
    let (start, end) = (source.position(span.start), source.position(span.end));
    let file = in_repository(&source.name)?;
    Some(Place { file, start: (start.line, start.column), end: (end.line, end.column) })
}

/// The path of a file from the root of the repository that this folder is in, or else from this folder; nothing if it is not
/// below that.
pub(in crate::cli) fn in_repository(name: &str) -> Option<String> {
    let here = std::env::current_dir().ok()?;
    let root = here.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&here);
    below(root, &here, name)
}

fn below(root: &Path, here: &Path, name: &str) -> Option<String> {
    // What is fetched, or comes with the program, what a flag says, and what a variable of the environment says.
    let is_variable = variables::PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    if name.is_empty() || name.starts_with("--") || is_variable || !places::is_own(name) {
        return None;
    }
    let mut path = PathBuf::new();
    for part in here.join(name).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::CurDir => {}
            part => path.push(part),
        }
    }
    let parts = path.strip_prefix(root).ok()?.components();
    let parts: Vec<_> = parts.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_relative_to_the_repository_and_only_in_it() {
        let (root, here) = (Path::new("/work/repo"), Path::new("/work/repo/models"));
        for (name, expected) in [
            ("iris.yaml", Some("models/iris.yaml")),
            ("./a/../iris.yaml", Some("models/iris.yaml")),
            ("../main.hcl", Some("main.hcl")),
            ("../../other/main.hcl", None),
            ("/work/repo/main.hcl", Some("main.hcl")),
            ("/etc/passwd", None),
            ("mlo://model-deployment/local/main.hcl", None),
            ("--var", None),
            ("MLO_VAR_size", None),
            ("TF_VAR_size", None),
            ("github.com/acme/modules//net/main.tf", None),
            ("", None),
        ] {
            assert_eq!(below(root, here, name).as_deref(), expected, "{name}");
        }
    }
}
