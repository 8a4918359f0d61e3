//! What the answers of rules come to: whether they agree, and what is found in them.
//!
//! Goes in: answers, and what comments say of rules. Comes out: violations and warnings at their places, how each rule came
//! out. Never happens: what contradicts itself lets something through.

use super::wire::{Answer, Violation as RawViolation};
use super::{Annotation, DEPLOYMENT, Evaluated, Level, PolicyError, Violation, Warning};
use crate::diag::Span;
use crate::plan::Waiting;
use std::collections::BTreeSet;

/// A violation, with the level that the rule itself gives it.
pub(super) type Weighted = (Violation, Option<Level>);

/// What the answers come to, as they come in.
#[derive(Default)]
pub(super) struct Found {
    pub(super) violations: Vec<Weighted>,
    /// What only applying tells.
    pub(super) undetermined: Vec<Weighted>,
    pub(super) warnings: Vec<Warning>,
    pub(super) failures: Vec<PolicyError>,
}

impl Found {
    /// An answer; takes in why there is none.
    pub(super) fn take(&mut self, answer: Result<Answer, PolicyError>) -> Option<Answer> {
        match answer {
            Ok(answer) => Some(answer),
            // The process may be gone for all that is asked; that is said once.
            Err(failure) if self.failures.contains(&failure) => None,
            Err(failure) => {
                self.failures.push(failure);
                None
            }
        }
    }
}

/// What a rule warns of. One without a name is a remark.
pub(super) fn told(warning: Violation) -> Warning {
    let named = warning.rule != "warn";
    let told = Warning::of_a_rule(warning, None);
    Warning { rule: told.rule.clone().filter(|_| named), ..told }
}

/// How the rules of a package came out: as it says, and those that it does not list but that have a comment.
pub(super) fn outcomes(
    mut evaluated: Vec<Evaluated>,
    annotations: &[Annotation],
    package: &str,
    (denied, waiting): (&[Weighted], &[Weighted]),
) -> Vec<Evaluated> {
    let is_of = |found: &[Weighted], rule: &str| found.iter().any(|(violation, _)| violation.rule == rule);
    let is_asked = |it: &&Annotation| it.package == package && it.is_rule() && it.head != "warn";
    for about in annotations.iter().filter(is_asked) {
        if evaluated.iter().all(|known| known.rule != about.rule) {
            let passed = !is_of(denied, &about.rule) && !is_of(waiting, &about.rule);
            let title = if about.title.is_empty() { about.rule.clone() } else { about.title.clone() };
            evaluated.push(Evaluated { rule: about.rule.clone(), title, passed, ..Evaluated::default() });
        }
    }
    for rule in evaluated.iter_mut().filter(|rule| !rule.passed) {
        rule.undetermined = is_of(waiting, &rule.rule) && !is_of(denied, &rule.rule);
    }
    evaluated
}

/// Rules that say nothing, but may look at what is known only during the apply, do not hold yet. Says which.
pub(super) fn undetermined(
    mut outcomes: Vec<Evaluated>,
    annotations: &[Annotation],
    unknown: &Waiting,
) -> (Vec<Evaluated>, Option<Warning>) {
    let arguments = unknown.arguments();
    let mut silent = Vec::new();
    for rule in outcomes.iter_mut().filter(|rule| rule.passed && !arguments.is_empty()) {
        let mut about =
            annotations.iter().filter(|it| it.rule == rule.rule && it.package == DEPLOYMENT).peekable();
        let may_read =
            |it: &Annotation| arguments.iter().any(|(type_name, argument)| it.may_read(type_name, argument));
        if about.peek().is_none() || about.any(may_read) {
            (rule.passed, rule.undetermined) = (false, true);
            silent.push(rule.rule.clone());
        }
    }
    let warning = (!silent.is_empty()).then(|| Warning::silent(&silent, unknown));
    (outcomes, warning)
}

/// Checks that the parts of an answer agree, or says which rule contradicts another and how. A file that adds a `deny` of its
/// own to a package leaves what the package says of its other rules as it is: `evaluated` may know nothing of it.
pub(super) fn consistent(answer: Answer) -> Result<Answer, (&'static str, &'static str)> {
    let said: BTreeSet<_> = answer.deny.iter().map(|denial| denial.msg.as_str()).collect();
    let violations = || answer.violation.iter().flatten();
    if violations().any(|violation| !said.contains(violation.msg.as_str())) {
        return Err((
            "deny",
            "`deny` and `violation` do not say the same: `deny` must have each message of `violation`",
        ));
    }
    let named: BTreeSet<_> =
        violations().chain(&answer.deny).map(|violation| violation.rule.as_str()).collect();
    let contradicts = |rule: &Evaluated| {
        if rule.passed { named.contains(rule.rule.as_str()) } else { answer.deny.is_empty() }
    };
    if answer.evaluated.iter().any(contradicts) {
        return Err(("evaluated", "`deny` and `evaluated` do not say the same"));
    }
    if answer.allow == Some(false) && answer.deny.is_empty() {
        return Err(("allow", "`deny` and `allow` do not say the same"));
    }
    Ok(answer)
}

/// What is wrong with an answer that denies and allows. What it denies is said all the same.
pub(super) fn contradiction(answer: &Answer) -> Option<&'static str> {
    let contradicts = answer.allow == Some(true) && !answer.deny.is_empty();
    contradicts.then_some("`allow` is true, and `deny` is not empty: write `allow if count(deny) == 0`")
}

/// Violations with their places, in the order of the file.
pub(super) fn in_order(
    violations: Vec<RawViolation>,
    subject: &str,
    place: impl Fn(&RawViolation) -> Option<Span>,
) -> Vec<Weighted> {
    let found = violations.into_iter().map(|raw| {
        let span = place(&raw);
        let RawViolation { rule, msg: message, address, path, actions, level } = raw;
        let violation = Violation {
            rule,
            subject: subject.to_owned(),
            address,
            message,
            path,
            span,
            says_what_to_do: !actions.is_empty(),
            actions,
            docs: String::new(),
            level: level.unwrap_or_default(),
            bundle: String::new(),
        };
        (violation, level)
    });
    let mut found: Vec<_> = found.collect();
    found.sort_by(|(a, _), (b, _)| {
        (a.span.is_none(), a.span, &a.message).cmp(&(b.span.is_none(), b.span, &b.message))
    });
    found
}
