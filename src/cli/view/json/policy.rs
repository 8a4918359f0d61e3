//! What the policies said, as a document.

use super::diagnostics;
use crate::diag::SourceMap;
use crate::policy::{Annotation, Decision, Denial, Evaluated, Waiver, Warning};
use serde_json::{Map, Value as Json, json};

/// What the policies said when they let everything through.
pub(in crate::cli) fn approval(decision: &Decision) -> Json {
    json!({ "verdict": "approved", "decision": self::decision(decision), "violations": [], "actions": [] })
}

/// What the policies said when they did not.
pub(in crate::cli) fn denial(denial: &Denial, sources: &SourceMap) -> Json {
    let violations: Vec<_> = denial
        .violations
        .iter()
        .map(|violation| {
            json!({
                "rule": violation.rule,
                "bundle": violation.bundle,
                "model": violation.subject,
                "address": violation.address,
                "message": violation.message,
                "path": violation.path,
                "place": violation.span.map(|span| sources.place(span)),
                "level": violation.level.as_str(),
                "actions": violation.actions,
                "docs": violation.docs,
            })
        })
        .collect();
    json!({
        "verdict": "denied",
        "decision": denial.decision.as_ref().map(decision),
        "violations": violations,
        "actions": denial.actions(),
        "diagnostics": diagnostics(&denial.diagnostics(), sources),
    })
}

fn decision(decision: &Decision) -> Json {
    let evaluations: Vec<_> = decision
        .evaluations
        .iter()
        .map(|evaluation| json!({ "model": evaluation.subject, "rules": rules(&evaluation.rules) }))
        .collect();
    let warnings: Vec<_> = decision.warnings.iter().map(warning).collect();
    json!({
        "bundle": decision.bundle,
        "bundles": decision.bundles,
        "environment": decision.environment,
        "evaluations": evaluations,
        "deployment": rules(&decision.deployment),
        "about": decision.about.iter().map(|(rule, said)| (rule.clone(), about(said))).collect::<Map<_, _>>(),
        "warnings": warnings,
    })
}

/// What a rule says of itself.
pub(in crate::cli) fn about(about: &Annotation) -> Json {
    json!({
        "title": about.title,
        "description": about.description,
        "docs": about.docs,
        "actions": about.actions,
        "file": about.file,
        "line": about.line,
    })
}

/// Something that somebody should look at.
pub(in crate::cli) fn warning(warning: &Warning) -> Json {
    json!({
        "model": warning.subject,
        "message": warning.message,
        "rule": warning.rule,
        "overridden": warning.overridden,
        "waiver": warning.waiver.as_ref().map(waiver),
        "undetermined": warning.undetermined,
    })
}

/// An exception, as the owners of the policy wrote it.
pub(in crate::cli) fn waiver(waiver: &Waiver) -> Json {
    json!({
        "rule": waiver.rule,
        "subject": waiver.subject,
        "reason": waiver.reason,
        "owner": waiver.owner,
        "approver": waiver.approver,
        "expires": waiver.expires,
        "environments": waiver.environments,
        "place": waiver.place,
    })
}

fn rules(evaluated: &[Evaluated]) -> Json {
    let rule = |rule: &Evaluated| {
        json!({
            "rule": rule.rule,
            "bundle": rule.bundle,
            "title": rule.title,
            "shown": rule.shown,
            "passed": rule.passed,
            "outcome": rule.outcome(),
        })
    };
    evaluated.iter().map(rule).collect()
}
