//! Why Pods do not run, in the words of whoever knows. Pure.

use super::state::condition;
use serde_json::Value as Json;

/// Seconds for which a Pod that fits nowhere may hope: for an autoscaler to say that it makes room.
const UNSCHEDULABLE_S: i64 = 8;
/// Starts after which a container that ends again is one that does not run.
const RESTARTS_MAX: i64 = 2;
/// Readiness failures of a container that has started, beyond its own threshold, after which it does not become ready.
const UNREADY_MORE: i64 = 3;
/// Seconds for which a container must have run that has no probe to say that it is ready.
const STEADY_S: i64 = 3;
/// The least time that such a container is given: a model is loaded in that.
const UNREADY_S: i64 = 30;

/// Why a Pod does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PodTrouble {
    /// A few words.
    pub(super) why: String,
    /// The words of whoever knows.
    pub(super) said: String,
    /// The container whose log says more, and whether that of its run before.
    pub(super) log: Option<(String, bool)>,
    pub(super) help: Option<&'static str>,
}

/// Which Pods are of the newest revision.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// Those with a label of this value.
    Labelled(&'static str, String),
    /// Those of an owner of this uid.
    Owned(String),
}

impl Group {
    /// Of a `StatefulSet`.
    pub(super) fn of_revision(live: &Json) -> Self {
        let revision = live.pointer("/status/updateRevision").and_then(Json::as_str).unwrap_or_default();
        Self::Labelled("controller-revision-hash", revision.to_owned())
    }

    pub(super) fn owned_by(live: &Json) -> Self {
        Self::Owned(uid(live).to_owned())
    }

    pub(super) fn has(&self, pod: &Json) -> bool {
        match self {
            Self::Labelled(label, value) => label_of(pod, label) == Some(value),
            Self::Owned(uid) => {
                let owners = pod.pointer("/metadata/ownerReferences").and_then(Json::as_array);
                owners.into_iter().flatten().any(|owner| owner.get("uid").and_then(Json::as_str) == Some(uid))
            }
        }
    }
}

fn uid(live: &Json) -> &str {
    live.pointer("/metadata/uid").and_then(Json::as_str).unwrap_or_default()
}

fn label_of<'a>(live: &'a Json, label: &str) -> Option<&'a str> {
    live.pointer("/metadata/labels")?.get(label)?.as_str()
}

/// The Pods of the set that a Deployment made last.
pub(super) fn newest_set(deployment: &Json, sets: &[Json]) -> Option<Group> {
    let owned = Group::owned_by(deployment);
    let revision = |set: &&Json| {
        let text =
            set.pointer("/metadata/annotations")?.get("deployment.kubernetes.io/revision")?.as_str()?;
        text.parse::<u64>().ok()
    };
    let newest = sets.iter().filter(|set| owned.has(set)).max_by_key(revision)?;
    label_of(newest, "pod-template-hash").map(|hash| Group::Labelled("pod-template-hash", hash.to_owned()))
}

/// The selector of an object as a query has it.
pub(super) fn selector(live: &Json) -> Option<String> {
    let selector = live.pointer("/spec/selector")?;
    // Of a ReplicationController the selector is the labels themselves.
    let labels = selector
        .get("matchLabels")
        .or_else(|| selector.get("matchExpressions").is_none().then_some(selector));
    let labels = labels.and_then(Json::as_object).into_iter().flatten();
    let mut parts: Vec<_> =
        labels.filter_map(|(name, value)| Some(format!("{name}={}", value.as_str()?))).collect();
    for expression in selector.get("matchExpressions").and_then(Json::as_array).into_iter().flatten() {
        let key = expression.get("key").and_then(Json::as_str)?;
        let values = expression.get("values").and_then(Json::as_array).into_iter().flatten();
        let values: Vec<_> = values.filter_map(Json::as_str).collect();
        parts.push(match expression.get("operator").and_then(Json::as_str)? {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "Exists" => key.to_owned(),
            _ => format!("!{key}"),
        });
    }
    (!parts.is_empty()).then(|| parts.join(","))
}

/// Whether a Pod does its work, or has done it.
pub(super) fn is_ready(pod: &Json) -> bool {
    let phase = pod.pointer("/status/phase").and_then(Json::as_str);
    phase == Some("Succeeded") || condition(pod, "Ready").is_some_and(|ready| ready.status == "True")
}

/// Whether a Pod has ended, or is about to: nobody asks it any more.
pub(super) fn is_done(pod: &Json) -> bool {
    let phase = pod.pointer("/status/phase").and_then(Json::as_str);
    matches!(phase, Some("Succeeded" | "Failed")) || pod.pointer("/metadata/deletionTimestamp").is_some()
}

/// Whether a container of an object's Pods has no probe that says when it is ready.
pub(super) fn is_unprobed(live: &Json) -> bool {
    let spec = live.pointer("/spec/template/spec").or_else(|| live.get("spec"));
    let containers =
        spec.and_then(|spec| spec.get("containers")).and_then(Json::as_array).into_iter().flatten();
    containers.into_iter().any(|container| container.get("readinessProbe").is_none())
}

/// Whether a container without such a probe has only just begun to run, or does not run any more.
pub(super) fn has_just_started(pod: &Json, now: jiff::Timestamp) -> bool {
    let containers = pod.pointer("/spec/containers").and_then(Json::as_array).into_iter().flatten();
    let unprobed = containers.filter(|container| container.get("readinessProbe").is_none());
    let names: Vec<_> = unprobed.map(|container| text(container, "/name")).collect();
    statuses(pod).filter(|(name, _)| names.contains(name)).any(|(_, container)| {
        let since = text(container, "/state/running/startedAt").parse::<jiff::Timestamp>();
        since.map_or(true, |since| now.as_second() - since.as_second() < STEADY_S)
    })
}

/// How far a Pod is, in a word.
pub(super) fn shown_phase(pod: &Json) -> String {
    let ready = condition(pod, "Ready").map(|ready| ready.message).filter(|message| !message.is_empty());
    let phase = pod.pointer("/status/phase").and_then(Json::as_str).unwrap_or("Pending");
    ready.map_or_else(|| phase.to_owned(), |message| format!("{phase}: {message}"))
}

/// Whether its events may say more than the Pod itself.
pub(super) fn needs_events(pod: &Json) -> bool {
    let unscheduled = condition(pod, "PodScheduled").is_some_and(|it| it.status == "False");
    unscheduled
        || statuses(pod)
            .any(|(_, container)| container.pointer("/state/running").is_some() || restarts(container) > 0)
}

/// The containers of a Pod with how they are; those that only prepare first.
fn statuses(pod: &Json) -> impl Iterator<Item = (&str, &Json)> {
    let of =
        |name: &str| pod.pointer(&format!("/status/{name}")).and_then(Json::as_array).into_iter().flatten();
    of("initContainerStatuses").chain(of("containerStatuses")).map(|status| (text(status, "/name"), status))
}

fn text<'a>(json: &'a Json, pointer: &str) -> &'a str {
    json.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
}

fn restarts(container: &Json) -> i64 {
    container.get("restartCount").and_then(Json::as_i64).unwrap_or_default()
}

/// Why a Pod will not run, if that is known.
pub(super) fn trouble(pod: &Json, events: &[Json], now: jiff::Timestamp) -> Option<PodTrouble> {
    if let Some(found) = unschedulable(pod, events, now) {
        return Some(found);
    }
    if text(pod, "/status/phase") == "Failed" && statuses(pod).next().is_none() {
        let why = format!("a Pod was refused by its node ({})", text(pod, "/status/reason"));
        return Some(PodTrouble {
            why,
            said: text(pod, "/status/message").to_owned(),
            log: None,
            help: None,
        });
    }
    statuses(pod).find_map(|(name, container)| {
        waiting(name, container)
            .or_else(|| crashed(name, container, events))
            .or_else(|| unready(pod, name, container, events, now))
    })
}

/// In the scheduler's words, once nobody makes room for the Pod.
fn unschedulable(pod: &Json, events: &[Json], now: jiff::Timestamp) -> Option<PodTrouble> {
    let scheduled = condition(pod, "PodScheduled")?;
    if scheduled.status != "False"
        || !["Unschedulable", "SchedulingGated"].contains(&scheduled.reason)
        || scheduled.reason == "SchedulingGated"
    {
        return None;
    }
    let reasons = || events.iter().rev().map(|event| (text(event, "/reason"), text(event, "/message")));
    // Room is being made: by an autoscaler, or by preemption.
    let hopes =
        reasons().find(|(reason, _)| ["TriggeredScaleUp", "NotTriggerScaleUp", "Nominated"].contains(reason));
    let nominated = !text(pod, "/status/nominatedNodeName").is_empty();
    if nominated || hopes.is_some_and(|(reason, _)| reason != "NotTriggerScaleUp") {
        return None;
    }
    let age = age_s(pod, now)?;
    let refused = hopes.map(|(_, message)| format!("\nThe autoscaler: {message}"));
    if refused.is_none() && age < UNSCHEDULABLE_S {
        return None;
    }
    Some(PodTrouble {
        why: "no node takes its Pod".to_owned(),
        said: format!("{}{}", scheduled.message, refused.unwrap_or_default()),
        log: None,
        help: Some(
            "compare what the Pod asks for and tolerates with what the nodes have: `kubectl describe nodes`",
        ),
    })
}

/// How a Pod ended that is not started again.
pub(super) fn ended(pod: &Json) -> Option<PodTrouble> {
    statuses(pod).find_map(|(name, container)| {
        let ended = container.pointer("/state/terminated")?;
        let code = ended.get("exitCode").and_then(Json::as_i64).filter(|code| *code != 0)?;
        let said = format!("container {name} ended with exit code {code} ({})", text(ended, "/reason"));
        Some(PodTrouble { why: said.clone(), said, log: Some((name.to_owned(), false)), help: None })
    })
}

/// Seconds since an object was made.
pub(super) fn age_s(live: &Json, now: jiff::Timestamp) -> Option<i64> {
    let made = live.pointer("/metadata/creationTimestamp").and_then(Json::as_str)?;
    let made = made.parse::<jiff::Timestamp>().ok()?;
    Some(now.as_second() - made.as_second())
}

/// A container that was never started.
fn waiting(name: &str, container: &Json) -> Option<PodTrouble> {
    let reason = text(container, "/state/waiting/reason");
    let message = text(container, "/state/waiting/message");
    let image = text(container, "/image");
    let (why, help) = match reason {
        "ImagePullBackOff" | "ErrImageNeverPull" => (
            format!("the image of container {name} cannot be pulled"),
            "check the image's name and tag, and the imagePullSecrets of the Pod",
        ),
        "InvalidImageName" => {
            (format!("the image of container {name} has no valid name"), "check the image's name")
        }
        "CreateContainerConfigError" => (
            format!("container {name} cannot be made from its configuration"),
            "the ConfigMap, Secret or key that the message names must be in the Pod's namespace",
        ),
        "CreateContainerError" | "RunContainerError" => (
            format!("container {name} cannot be started"),
            "check its command, its volumes and its security context",
        ),
        _ => return None,
    };
    let said =
        if message.is_empty() { format!("{reason} ({image})") } else { format!("{reason}: {message}") };
    Some(PodTrouble { why, said, log: None, help: Some(help) })
}

/// A container that ends again and again, or once where it is not started again.
fn crashed(name: &str, container: &Json, events: &[Json]) -> Option<PodTrouble> {
    let looping = text(container, "/state/waiting/reason") == "CrashLoopBackOff";
    let last = container.pointer("/lastState/terminated");
    let ended = container
        .pointer("/state/terminated")
        .filter(|ended| ended.get("exitCode").and_then(Json::as_i64) != Some(0));
    let memory = last.or(ended).is_some_and(|ended| text(ended, "/reason") == "OOMKilled");
    let restarts = restarts(container);
    if !looping && restarts < RESTARTS_MAX && !(memory && restarts > 0) {
        return None;
    }
    let ended = last.or(ended)?;
    let code = ended.get("exitCode").and_then(Json::as_i64).unwrap_or_default();
    let killed = events
        .iter()
        .rev()
        .find(|event| text(event, "/reason") == "Killing" && text(event, "/message").contains("probe"));
    let probe = events.iter().rev().find(|event| {
        text(event, "/reason") == "Unhealthy" && !text(event, "/message").starts_with("Readiness")
    });
    let (why, help) = if memory {
        (
            format!("container {name} needs more memory than its limit (OOMKilled, exit code {code})"),
            "raise `resources.limits.memory`",
        )
    } else if killed.or(probe).is_some() {
        (
            format!("container {name} fails its probe and is ended"),
            "check path, port and times of the probe; a model that loads slowly needs a startupProbe",
        )
    } else {
        (
            format!("container {name} ends again and again with exit code {code}"),
            "the log says why; the same image runs elsewhere with `docker run`",
        )
    };
    let said = probe.or(killed).map(|event| text(event, "/message").to_owned()).filter(|_| !memory);
    let said = said.unwrap_or_else(|| {
        format!("exit code {code} ({}), started {} times", text(ended, "/reason"), restarts + 1)
    });
    let previous = container.pointer("/state/terminated").is_none();
    Some(PodTrouble { why, said, log: Some((name.to_owned(), previous)), help: Some(help) })
}

/// A container that runs and does not become ready, for longer than its own probe allows.
fn unready(
    pod: &Json,
    name: &str,
    container: &Json,
    events: &[Json],
    now: jiff::Timestamp,
) -> Option<PodTrouble> {
    let running = container.pointer("/state/running/startedAt").and_then(Json::as_str)?;
    if container.get("ready").and_then(Json::as_bool) == Some(true)
        || container.get("started").and_then(Json::as_bool) == Some(false)
    {
        return None;
    }
    let said = events.iter().rev().find(|event| {
        text(event, "/reason") == "Unhealthy" && text(event, "/message").starts_with("Readiness")
    })?;
    let containers = pod.pointer("/spec/containers").and_then(Json::as_array)?;
    let spec = containers.iter().find(|each| text(each, "/name") == name)?;
    let probe = |field: &str, default: i64| {
        spec.pointer(&format!("/readinessProbe/{field}")).and_then(Json::as_i64).unwrap_or(default)
    };
    let failures = probe("failureThreshold", 3).saturating_add(UNREADY_MORE);
    let patience =
        probe("periodSeconds", 10).saturating_mul(failures).saturating_add(probe("initialDelaySeconds", 0));
    // Without a startup probe, the time that it takes to start is in it.
    let patience = if spec.get("startupProbe").is_some() { patience } else { patience.saturating_mul(2) };
    let since = running.parse::<jiff::Timestamp>().ok()?;
    if now.as_second() - since.as_second() < patience.max(UNREADY_S) {
        return None;
    }
    Some(PodTrouble {
        why: format!("container {name} runs and does not become ready"),
        said: text(said, "/message").to_owned(),
        log: Some((name.to_owned(), false)),
        help: Some("check path and port of the readinessProbe, and what the server's log says"),
    })
}

/// Why no Pod is made, by what the cluster said.
pub(super) fn why_denied(said: &str) -> String {
    let why = match said {
        said if said.contains("exceeded quota") => "a quota of the namespace is used up",
        said if said.contains("violates PodSecurity") => {
            "the namespace's Pod security standard does not allow its Pods"
        }
        said if said.contains("denied the request") => "an admission webhook denies its Pods",
        said if said.contains("serviceaccount") && said.contains("not found") => {
            "its ServiceAccount is not there"
        }
        said if said.contains("LimitRange") || said.contains("usage per") => {
            "a LimitRange of the namespace does not allow its Pods"
        }
        _ => "its Pods cannot be made",
    };
    why.to_owned()
}

#[cfg(test)]
mod tests;
