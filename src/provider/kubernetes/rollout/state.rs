//! How far an object is, by itself alone. Pure.

use super::super::kinds;
use super::super::object::Identity;
use super::pods::why_denied;
use serde_json::Value as Json;

/// How far an object says that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    Ready,
    Going(String),
    Failed { why: String, detail: String },
}

/// A condition of a status.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Condition<'a> {
    pub(super) status: &'a str,
    pub(super) reason: &'a str,
    pub(super) message: &'a str,
}

/// The condition of a type.
pub(super) fn condition<'a>(live: &'a Json, name: &str) -> Option<Condition<'a>> {
    let all = live.pointer("/status/conditions")?.as_array()?;
    let text = |json: &'a Json, name: &str| json.get(name).and_then(Json::as_str).unwrap_or_default();
    let found = all.iter().find(|condition| text(condition, "type") == name)?;
    Some(Condition {
        status: text(found, "status"),
        reason: text(found, "reason"),
        message: text(found, "message"),
    })
}

fn number(live: &Json, pointer: &str) -> i64 {
    live.pointer(pointer).and_then(Json::as_i64).unwrap_or_default()
}

/// Whether a kind comes to do its work some time after it was applied. `all`: also what needs somebody outside.
pub(super) fn has_work(at: &Identity, all: bool) -> bool {
    let built_in = kinds::find(&at.api_version, &at.kind).is_some();
    let outside = ["Ingress", "Service"];
    let own = [
        "Deployment",
        "StatefulSet",
        "DaemonSet",
        "ReplicaSet",
        "ReplicationController",
        "Job",
        "Pod",
        "PersistentVolumeClaim",
        "CustomResourceDefinition",
        "Namespace",
        "APIService",
    ];
    built_in && (own.contains(&at.kind.as_str()) || all && outside.contains(&at.kind.as_str()))
}

/// Whether a kind does its work by Pods.
pub(super) fn has_pods(at: &Identity) -> bool {
    let kinds =
        ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "Pod"];
    kinds::find(&at.api_version, &at.kind).is_some() && kinds.contains(&at.kind.as_str())
}

/// How far an object is.
pub(super) fn phase(at: &Identity, live: &Json, all: bool) -> Phase {
    if !has_work(at, all) {
        return Phase::Ready;
    }
    let text = |pointer: &str| live.pointer(pointer).and_then(Json::as_str).unwrap_or_default();
    match at.kind.as_str() {
        "Deployment" => seen(live).unwrap_or_else(|| deployment(live)),
        "StatefulSet" => seen(live).unwrap_or_else(|| stateful_set(live)),
        "DaemonSet" => seen(live).unwrap_or_else(|| daemon_set(live)),
        "ReplicaSet" | "ReplicationController" => {
            seen(live).unwrap_or_else(|| replicas_of(live, "/status/availableReplicas"))
        }
        "Job" => job(live),
        "Pod" => pod(live),
        "CustomResourceDefinition" => definition(live),
        "APIService" => by_condition(live, "Available"),
        "PersistentVolumeClaim" => by_text(text("/status/phase"), "Bound"),
        "Namespace" => by_text(text("/status/phase"), "Active"),
        "Ingress" => address(live),
        "Service" if text("/spec/type") == "LoadBalancer" => address(live),
        _ => Phase::Ready,
    }
}

/// That the controller has not looked at the object yet.
fn seen(live: &Json) -> Option<Phase> {
    let behind = number(live, "/status/observedGeneration") < number(live, "/metadata/generation");
    behind.then(|| Phase::Going("its controller has not looked at it yet".to_owned()))
}

fn wished(live: &Json) -> i64 {
    live.pointer("/spec/replicas").and_then(Json::as_i64).unwrap_or(1)
}

fn deployment(live: &Json) -> Phase {
    if live.pointer("/spec/paused").and_then(Json::as_bool) == Some(true) {
        return Phase::Ready;
    }
    if let Some(failed) = condition(live, "ReplicaFailure").filter(|failed| failed.status == "True") {
        return Phase::Failed { why: why_denied(failed.message), detail: failed.message.to_owned() };
    }
    if let Some(late) = condition(live, "Progressing").filter(|it| it.reason == "ProgressDeadlineExceeded") {
        let why = "it made no progress within its `progressDeadlineSeconds`".to_owned();
        return Phase::Failed { why, detail: late.message.to_owned() };
    }
    let (wished, updated) = (wished(live), number(live, "/status/updatedReplicas"));
    let (all, available) = (number(live, "/status/replicas"), number(live, "/status/availableReplicas"));
    if updated < wished {
        return Phase::Going(format!("{updated} of {wished} replicas are new"));
    }
    if all > updated {
        return Phase::Going(format!("{} old replicas are still there", all - updated));
    }
    if available < updated {
        return Phase::Going(format!("{available} of {updated} new replicas are available"));
    }
    Phase::Ready
}

fn stateful_set(live: &Json) -> Phase {
    if live.pointer("/spec/updateStrategy/type").and_then(Json::as_str) == Some("OnDelete") {
        return Phase::Ready;
    }
    let (wished, ready) = (wished(live), number(live, "/status/readyReplicas"));
    let (updated, partition) = (
        number(live, "/status/updatedReplicas"),
        number(live, "/spec/updateStrategy/rollingUpdate/partition"),
    );
    let revision = |name: &str| {
        live.pointer(&format!("/status/{name}Revision")).and_then(Json::as_str).unwrap_or_default().to_owned()
    };
    if ready < wished {
        return Phase::Going(format!("{ready} of {wished} replicas are ready"));
    }
    if revision("update") != revision("current") && updated < wished - partition {
        return Phase::Going(format!("{updated} of {} replicas are new", wished - partition));
    }
    Phase::Ready
}

fn daemon_set(live: &Json) -> Phase {
    if live.pointer("/spec/updateStrategy/type").and_then(Json::as_str) == Some("OnDelete") {
        return Phase::Ready;
    }
    let wished = number(live, "/status/desiredNumberScheduled");
    let (updated, available) =
        (number(live, "/status/updatedNumberScheduled"), number(live, "/status/numberAvailable"));
    if updated < wished {
        return Phase::Going(format!("{updated} of {wished} nodes have the new Pod"));
    }
    if available < wished {
        return Phase::Going(format!("{available} of {wished} nodes have an available Pod"));
    }
    Phase::Ready
}

fn replicas_of(live: &Json, pointer: &str) -> Phase {
    let (wished, available) = (wished(live), number(live, pointer));
    if available < wished {
        Phase::Going(format!("{available} of {wished} replicas are available"))
    } else {
        Phase::Ready
    }
}

fn job(live: &Json) -> Phase {
    let is_true = |name| condition(live, name).filter(|found| found.status == "True");
    if let Some(failed) = is_true("Failed").or_else(|| is_true("FailureTarget")) {
        return Phase::Failed {
            why: format!("it failed ({})", failed.reason),
            detail: failed.message.to_owned(),
        };
    }
    let suspended = live.pointer("/spec/suspend").and_then(Json::as_bool) == Some(true);
    if suspended || is_true("Complete").is_some() {
        return Phase::Ready;
    }
    let wished = live.pointer("/spec/completions").and_then(Json::as_i64).unwrap_or(1);
    let (done, active) = (number(live, "/status/succeeded"), number(live, "/status/active"));
    Phase::Going(format!("{done} of {wished} Pods are done, {active} run"))
}

fn pod(live: &Json) -> Phase {
    let phase = live.pointer("/status/phase").and_then(Json::as_str).unwrap_or_default();
    let ready = condition(live, "Ready").is_some_and(|ready| ready.status == "True");
    match phase {
        "Succeeded" => Phase::Ready,
        "Running" if ready => Phase::Ready,
        "Failed" => {
            let said = live.pointer("/status/message").and_then(Json::as_str).unwrap_or_default();
            Phase::Failed { why: "it failed".to_owned(), detail: said.to_owned() }
        }
        _ => Phase::Going(format!("it is {}", if phase.is_empty() { "new" } else { phase })),
    }
}

fn definition(live: &Json) -> Phase {
    if let Some(refused) = condition(live, "NamesAccepted").filter(|found| found.status == "False") {
        return Phase::Failed { why: "its names are taken".to_owned(), detail: refused.message.to_owned() };
    }
    by_condition(live, "Established")
}

fn by_condition(live: &Json, name: &str) -> Phase {
    match condition(live, name) {
        Some(found) if found.status == "True" => Phase::Ready,
        Some(found) => Phase::Going(format!("condition {name} is {}: {}", found.status, found.message)),
        None => Phase::Going(format!("condition {name} is not there yet")),
    }
}

fn by_text(phase: &str, wished: &str) -> Phase {
    match phase {
        phase if phase == wished => Phase::Ready,
        "Lost" => {
            Phase::Failed { why: "the volume that it was bound to is gone".to_owned(), detail: String::new() }
        }
        "" => Phase::Going("it is new".to_owned()),
        phase => Phase::Going(format!("it is {phase}")),
    }
}

fn address(live: &Json) -> Phase {
    let addresses = live.pointer("/status/loadBalancer/ingress").and_then(Json::as_array);
    match addresses.filter(|addresses| !addresses.is_empty()) {
        Some(_) => Phase::Ready,
        None => Phase::Going("it has no address yet".to_owned()),
    }
}

#[cfg(test)]
mod tests;
