//! What records say of a decision. Models with which all came out the same are told together, so that a record of many
//! models stays small.

use crate::policy::{Decision, Denial, Evaluated, Evaluation, Violation, Waiver, Warning};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// Entries of a list in a record. Each has some hundred bytes, and a record at most a million.
const LISTED_MAX: usize = 200;

/// What let a plan through. `plan` is the digest of its document.
pub fn approved(decision: &Decision, plan: &str) -> Json {
    let mut told = json!({ "verdict": "approved" });
    add(&mut told, decided(decision, plan));
    told
}

/// What did not.
pub fn denied(denial: &Denial, plan: &str) -> Json {
    let mut told = json!({
        "verdict": "denied",
        "violations": cut(denial.violations.iter().map(violation).collect()),
        "failures": denial.failures.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    if let Some(decision) = &denial.decision {
        add(&mut told, decided(decision, plan));
    }
    told
}

fn add(to: &mut Json, more: Json) {
    if let (Json::Object(to), Json::Object(more)) = (to, more) {
        to.extend(more);
    }
}

/// A rule that does not hold and stopped nothing, and why.
pub fn passed_by(warning: &Warning) -> Json {
    json!({
        "rule": warning.rule,
        "model": warning.subject,
        "message": warning.message,
        "overridden": warning.overridden,
        "waiver": warning.waiver.as_ref().map(waiver),
        "undetermined": warning.undetermined,
    })
}

/// A list that leaves room for the rest of a record: what is too much is counted, with the digest of the whole list.
fn cut(list: Vec<Json>) -> Json {
    if list.len() <= LISTED_MAX {
        return Json::Array(list);
    }
    let whole = Json::Array(list);
    let digest = super::record::digest(whole.to_string().as_bytes());
    let Json::Array(mut list) = whole else { return Json::Null };
    let more = list.len() - LISTED_MAX;
    list.truncate(LISTED_MAX);
    list.push(json!({ "more": more, "digest_of_all": digest }));
    Json::Array(list)
}

fn violation(violation: &Violation) -> Json {
    json!({
        "rule": violation.rule,
        "bundle": violation.bundle,
        "level": violation.level.as_str(),
        "model": violation.subject,
        "address": violation.address,
        "path": violation.path,
        "message": violation.message,
    })
}

fn decided(decision: &Decision, plan: &str) -> Json {
    let inputs =
        decision.evaluations.iter().map(|each| (each.subject.clone(), Json::from(each.input.clone())));
    let told: Vec<_> =
        decision.warnings.iter().filter(|warning| warning.rule.is_some()).map(passed_by).collect();
    json!({
        "bundle": decision.bundle,
        "bundles": decision.bundles,
        "inputs": {
            "plan": plan,
            "asked": decision.plan_input,
            "manifests": Json::Object(inputs.collect()),
        },
        "models": models(&decision.evaluations),
        "plan_rules": rules(&decision.deployment),
        "passed_by": cut(told),
    })
}

/// Rules with their outcomes, and the models of which that holds.
fn models(evaluations: &[Evaluation]) -> Json {
    let mut groups: BTreeMap<String, (Json, Vec<&str>)> = BTreeMap::new();
    for evaluation in evaluations {
        let outcome = rules(&evaluation.rules);
        let group = groups.entry(outcome.to_string()).or_insert_with(|| (outcome, Vec::new()));
        group.1.push(&evaluation.subject);
    }
    groups.into_values().map(|(rules, models)| json!({ "models": models, "rules": rules })).collect()
}

/// Rule to whether it holds, in all bundles that have one of this name; null: only applying tells.
fn rules(evaluated: &[Evaluated]) -> Json {
    let mut outcomes = Map::new();
    for rule in evaluated {
        let holds = if rule.undetermined { Json::Null } else { rule.passed.into() };
        let there = outcomes.entry(rule.rule.clone()).or_insert(Json::Bool(true));
        if *there == Json::Bool(true) || holds == Json::Bool(false) {
            *there = holds;
        }
    }
    Json::Object(outcomes)
}

/// An exception that let something be.
fn waiver(waiver: &Waiver) -> Json {
    json!({
        "subject": waiver.subject,
        "reason": waiver.reason,
        "owner": waiver.owner,
        "approver": waiver.approver,
        "expires": waiver.expires,
        "place": waiver.place,
    })
}
