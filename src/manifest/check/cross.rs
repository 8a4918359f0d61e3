//! Values that must agree with each other.

use super::{Check, amount, format};
use crate::diag::{Diagnostic, code};
use crate::manifest::schema::Format;
use crate::manifest::yaml::{Exact, Node, NodeKind, exact};

pub(super) fn check(check: &mut Check, root: &Node) {
    let Some(spec) = root.get("spec") else { return };
    if let Some(inference) = spec.get("inference") {
        if let Some(resources) = inference.get("resources") {
            amounts(check, resources);
        }
        if let Some(autoscaling) = inference.get("autoscaling") {
            replicas(check, autoscaling);
        }
    }
    if let Some(rollout) = spec.get("rollout") {
        steps(check, rollout);
        for rule in rollout.get("analysis").and_then(Node::items).unwrap_or_default() {
            threshold(check, rule, "metric");
        }
    }
    let triggers = spec.get("rollback").and_then(|rollback| rollback.get("triggers"));
    for trigger in triggers.and_then(Node::items).unwrap_or_default() {
        threshold(check, trigger, "type");
    }
}

fn contradiction(summary: String) -> Diagnostic {
    Diagnostic::error(code::manifest::CONTRADICTION, summary)
}

/// Requests are at most limits; of devices they are the same.
fn amounts(check: &mut Check, resources: &Node) {
    let (requests, limits) = (resources.get("requests"), resources.get("limits"));
    for key in ["cpu", "memory", "nvidia.com/gpu"] {
        let request = requests.and_then(|requests| requests.get(key));
        let limit = limits.and_then(|limits| limits.get(key));
        let devices = key == "nvidia.com/gpu";
        if let (Some(request), None, true) = (request, limit, devices) {
            check.say(
                contradiction(format!("`{key}` is requested without a limit"))
                    .at(request.span, "Kubernetes refuses this")
                    .help(format!("add the same amount under `limits`: `{key}: {}`", shown(request))),
            );
        }
        let both = request
            .zip(limit)
            .and_then(|(request, limit)| Some((request, quantity(request)?, limit, quantity(limit)?)));
        let Some((request, requested, limit, limited)) = both else { continue };
        let wrong = if devices { requested != limited } else { requested > limited };
        if wrong {
            let rule = if devices { "is not the same as" } else { "is above" };
            let (request_text, limit_text) = (shown(request), shown(limit));
            check.say(
                contradiction(format!("the `{key}` request {request_text} {rule} the limit {limit_text}"))
                    .at(request.span, "requested here")
                    .at(limit.span, "limited here")
                    .help("raise the limit, or lower the request"),
            );
        }
    }
}

fn shown(node: &Node) -> &str {
    match &node.kind {
        NodeKind::String(text) | NodeKind::Number(text) => text,
        _ => "",
    }
}

fn quantity(node: &Node) -> Option<i128> {
    amount::quantity(shown(node))
}

fn integer(node: &Node) -> Option<i64> {
    match &node.kind {
        NodeKind::Number(text) => match exact(text)? {
            Exact::Integer(whole) => Some(whole),
            Exact::Double(_) => None,
        },
        _ => None,
    }
}

fn replicas(check: &mut Check, autoscaling: &Node) {
    let (min, max) = (autoscaling.get("minReplicas"), autoscaling.get("maxReplicas"));
    let both = min.zip(max).and_then(|(min, max)| Some((min, integer(min)?, max, integer(max)?)));
    let Some((min, fewest, max, most)) = both.filter(|(_, fewest, _, most)| fewest > most) else { return };
    check.say(
        contradiction(format!("`minReplicas` {fewest} is above `maxReplicas` {most}"))
            .at(min.span, "at least")
            .at(max.span, "at most")
            .help("swap the two, or raise `maxReplicas`"),
    );
}

/// Steps belong to a canary, and their weights rise.
fn steps(check: &mut Check, rollout: &Node) {
    let Some(entry) = rollout.entry("steps") else { return };
    let strategy = rollout.entry("strategy");
    let is_canary = strategy.is_some_and(|strategy| strategy.value.as_str() == Some("canary"));
    let says_rolling = strategy.is_none_or(|strategy| strategy.value.as_str() == Some("rolling"));
    if !is_canary && says_rolling {
        let mut diagnostic =
            contradiction("`steps` belong to a canary rollout".to_owned()).at(entry.key_span, "");
        if let Some(strategy) = strategy {
            diagnostic = diagnostic.at(strategy.value.span, "this one is rolling");
        }
        check.say(diagnostic.help("write `strategy: canary`, or take the steps out"));
    }
    let steps = entry.value.items().unwrap_or_default();
    let weights =
        steps.iter().filter_map(|step| step.get("weight").and_then(|node| Some((node, integer(node)?))));
    let weights: Vec<_> = weights.collect();
    for (earlier, later) in weights.iter().zip(weights.iter().skip(1)) {
        if later.1 <= earlier.1 {
            check.say(
                contradiction(format!("a step of weight {} follows one of weight {}", later.1, earlier.1))
                    .at(later.0.span, "must be greater")
                    .at(earlier.0.span, "than this")
                    .help("write the steps in the order of rising weights"),
            );
        }
    }
}

/// A threshold is a share or a length of time, as what it bounds.
fn threshold(check: &mut Check, rule: &Node, of: &str) {
    let Some((watched, bound)) = rule.get(of).and_then(Node::as_str).zip(rule.get("threshold")) else {
        return;
    };
    let wants_time = watched.starts_with("latency");
    let problem = match &bound.kind {
        NodeKind::Number(text) if wants_time => Some(format!("add a unit: `{text}ms`, or `s` for seconds")),
        NodeKind::Number(text) if text.parse::<f64>().is_ok_and(|share| share > 1.0) => {
            Some("a share is from 0 to 1: 5 % is `0.05`".to_owned())
        }
        NodeKind::String(text) if !wants_time && format::check(Format::Duration, text).is_ok() => {
            Some("write a share from 0 to 1, such as `0.05`".to_owned())
        }
        _ => None,
    };
    if let Some(help) = problem {
        let kind = if wants_time { "a length of time" } else { "a share" };
        check.say(
            contradiction(format!("the threshold of `{watched}` is {kind}, not `{}`", shown(bound)))
                .at(bound.span, "")
                .help(help),
        );
    }
}
