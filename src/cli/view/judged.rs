//! Findings in the `JUnit` form, which every pipeline reads: a suite for each model and for the plan, a case for each rule.

use super::findings::{Finding, Findings, State};
use super::test::junit::{self, Case, Suite};
use crate::diag::Severity;
use crate::test::Status;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Suite of messages that are not about a rule.
const CONFIGURATION: &str = "configuration";

/// The document. `mask` hides secrets.
pub(in crate::cli) fn document(findings: &Findings, mask: &dyn Fn(&str) -> String) -> String {
    let mut suites: Vec<Suite> = Vec::new();
    for (subject, rules) in &findings.judged {
        let cases = rules.iter().map(|rule| {
            let own = findings
                .results
                .iter()
                .filter(|it| it.subject.as_deref() == Some(subject) && it.rule == rule.rule);
            case(&rule.rule, &own.collect::<Vec<_>>(), mask)
        });
        suites.push(Suite { name: subject.clone(), cases: cases.collect() });
    }
    let told = |finding: &Finding| {
        findings.judged.iter().any(|(subject, rules)| {
            finding.subject.as_ref() == Some(subject) && rules.iter().any(|rule| rule.rule == finding.rule)
        })
    };
    // Rules that their policy does not list, and messages.
    let rest: Vec<_> = findings.results.iter().filter(|finding| !told(finding)).collect();
    let names: BTreeSet<_> = rest.iter().map(|finding| (suite_of(finding), finding.rule.as_str())).collect();
    for (suite, rule) in names {
        let own = rest.iter().filter(|it| suite_of(it) == suite && it.rule == rule).copied();
        let case = case(rule, &own.collect::<Vec<_>>(), mask);
        match suites.iter_mut().find(|known| known.name == suite) {
            Some(known) => known.cases.push(case),
            None => suites.push(Suite { name: suite.to_owned(), cases: vec![case] }),
        }
    }
    junit::report(&suites)
}

fn suite_of(finding: &Finding) -> &str {
    finding.subject.as_deref().unwrap_or(CONFIGURATION)
}

fn case(rule: &str, findings: &[&Finding], mask: &dyn Fn(&str) -> String) -> Case {
    let failed = findings.iter().filter(|finding| finding.state == State::Error).count();
    let is_rule = findings.iter().all(|finding| finding.subject.is_some());
    let status = match failed {
        0 => Status::Pass,
        _ if is_rule => Status::Fail,
        _ => Status::Error,
    };
    let messages = findings.iter().map(|finding| {
        let severity = if finding.state == State::Error { Severity::Error } else { Severity::Warning };
        (severity, mask(&finding.message), mask(&text(finding)))
    });
    Case {
        name: rule.to_owned(),
        status,
        assertions: (0, 0),
        messages: messages.collect(),
        skipped: None,
        begun: None,
        seconds: None,
    }
}

fn text(finding: &Finding) -> String {
    let mut text = finding.message.clone();
    if let Some(place) = &finding.place {
        let _ = write!(text, "\n  at {}:{}:{}", place.file, place.start.0, place.start.1);
    }
    match &finding.state {
        State::Excused(why) => drop(write!(text, "\n  {why}")),
        State::Open => text.push_str("\n  Undetermined: only applying tells"),
        State::Error | State::Warning => {}
    }
    for action in &finding.actions {
        let _ = write!(text, "\n  - {action}");
    }
    text
}
