//! Whether an object does its work, and why not.
//!
//! Goes in: an object as it is, and what is waited for. Comes out: ready, under way, or failed with the cause in the words of
//! whoever knows it: the registry, the scheduler, the container's log. Never happens: waiting for the time-out when it is
//! known that nothing will come.

mod health;
mod pods;
mod state;

use super::client::{Api, encoded};
use super::object::Identity;
use super::status::Failure;
use crate::lang::value::Value;
use crate::provider::object::attribute;
use health::{Health, HealthCheck};
use pods::{Group, PodTrouble};
use serde_json::Value as Json;
use state::Phase;
use std::collections::BTreeMap;

/// Pods that are looked at more closely: one that fails stands for all.
const PODS_MAX: usize = 5;
/// Seconds that a claim without a class is given to find a volume.
const CLAIM_S: i64 = 10;
/// Events that are asked for of one object.
const EVENTS: &str = "&fieldSelector=";

/// How far an object is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum State {
    /// It does its work.
    Ready,
    /// Under way; says how far.
    Going(String),
    /// Nothing will come of it.
    Failed(Trouble),
}

/// Why nothing comes of an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Trouble {
    /// One line, with the object.
    pub(super) summary: String,
    /// The words of whoever knows; the last lines of a log.
    pub(super) detail: String,
    /// What to do next.
    pub(super) help: Vec<String>,
}

/// What the configuration waits for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Waits {
    /// As `wait` says.
    wait: Option<bool>,
    conditions: BTreeMap<String, String>,
    fields: BTreeMap<String, String>,
    health: Option<HealthCheck>,
}

impl Waits {
    pub(super) fn of(object: &Value) -> Self {
        let block = attribute(object, "wait_for");
        let texts = |name| {
            let given = attribute(&block, name);
            let given = given.as_entries().into_iter().flatten();
            given.filter_map(|(name, value)| Some((name.to_string(), value.as_str()?.to_owned()))).collect()
        };
        Self {
            wait: attribute(object, "wait").as_bool(),
            conditions: texts("conditions"),
            fields: texts("fields"),
            health: HealthCheck::of(&attribute(object, "health_check")),
        }
    }

    /// What of the wished conditions and fields is not there yet.
    fn missing(&self, live: &Json) -> Option<String> {
        let conditions = self.conditions.iter().filter(|(name, status)| {
            state::condition(live, name).is_none_or(|found| found.status != **status)
        });
        let conditions = conditions.map(|(name, status)| {
            let now = state::condition(live, name).map_or_else(
                || "not there".to_owned(),
                |found| format!("{} {}", found.status, found.message),
            );
            format!("condition {name} shall be {status} and is {}", now.trim())
        });
        let value = |path: &str| {
            let found = live.pointer(&format!(
                "/{}",
                path.replace('~', "~0").replace('/', "~1").replace(['.', '['], "/").replace(']', "")
            ))?;
            found.as_str().map(str::to_owned).or_else(|| (!found.is_null()).then(|| found.to_string()))
        };
        let fields = self
            .fields
            .iter()
            .filter(|(path, wished)| value(path).is_none_or(|found| **wished != "*" && found != **wished));
        let fields = fields.map(|(path, wished)| {
            let now = value(path).unwrap_or_else(|| "not there".to_owned());
            format!("{path} shall be {wished} and is {now}")
        });
        let missing: Vec<_> = conditions.chain(fields).collect();
        (!missing.is_empty()).then(|| missing.join("; "))
    }
}

/// Whether an apply waits for an object at all.
pub(super) fn is_awaited(at: &Identity, waits: &Waits) -> bool {
    let wished = !waits.conditions.is_empty() || !waits.fields.is_empty() || waits.health.is_some();
    wished || waits.wait != Some(false) && state::has_work(at, waits.wait == Some(true))
}

/// How far an object is. Of what does not come up by itself, its Pods are looked at.
pub(super) async fn look(
    api: &Api,
    at: &Identity,
    live: &Json,
    waits: &Waits,
    now: jiff::Timestamp,
) -> Result<State, Failure> {
    if !is_awaited(at, waits) {
        return Ok(State::Ready);
    }
    let phase = if waits.wait == Some(false) {
        Phase::Ready
    } else {
        state::phase(at, live, waits.wait == Some(true))
    };
    let going = match phase {
        Phase::Ready => {
            return match waits.missing(live) {
                Some(missing) => Ok(State::Going(missing)),
                None => proven(api, at, live, (waits, now)).await,
            };
        }
        Phase::Failed { why, detail } => {
            let found = pods_of(api, at, live).await?;
            let trouble = Trouble { summary: format!("{at}: {why}"), detail, help: Vec::new() };
            return Ok(State::Failed(match of_pods(api, at, &found, now).await? {
                Some(of_pod) => of_pod,
                None => with_ended(api, at, &found, trouble).await,
            }));
        }
        Phase::Going(what) => what,
    };
    if at.kind == "PersistentVolumeClaim" {
        return claim(api, at, live, (going, now)).await;
    }
    let found = pods_of(api, at, live).await?;
    if let Some(trouble) = of_pods(api, at, &found, now).await? {
        return Ok(State::Failed(trouble));
    }
    if found.is_empty()
        && state::has_pods(at)
        && let Some(denied) = denied(api, at, live).await
    {
        return Ok(State::Failed(denied));
    }
    Ok(State::Going(going))
}

/// Whether an object that is ready by its own account is so: Pods that nobody probes count as ready before they end, so
/// they must have run for a moment; and where that is asked, their servers must say that they are well.
async fn proven(
    api: &Api,
    at: &Identity,
    live: &Json,
    (waits, now): (&Waits, jiff::Timestamp),
) -> Result<State, Failure> {
    let runs_on = state::has_pods(at) && at.kind != "Job";
    if waits.health.is_none() && !(runs_on && pods::is_unprobed(live)) {
        return Ok(State::Ready);
    }
    let found = pods_of(api, at, live).await?;
    if runs_on && found.iter().any(|pod| !pods::is_done(pod) && pods::has_just_started(pod, now)) {
        return Ok(State::Going("its Pods have just started".to_owned()));
    }
    let Some(check) = &waits.health else { return Ok(State::Ready) };
    let asked = check.ask(api, at.namespace.as_deref().unwrap_or_default(), &found, now).await;
    Ok(match asked {
        Health::Well => State::Ready,
        Health::Not(said) => State::Going(said),
        Health::Never { why, said } => {
            State::Failed(Trouble { summary: format!("{at}: {why}"), detail: said, help: Vec::new() })
        }
    })
}

/// The Pods of an object that are of its newest revision.
async fn pods_of(api: &Api, at: &Identity, live: &Json) -> Result<Vec<Json>, Failure> {
    if at.kind == "Pod" && at.api_version == "v1" {
        return Ok(vec![live.clone()]);
    }
    if !state::has_pods(at) {
        return Ok(Vec::new());
    }
    let Some(selector) = pods::selector(live) else { return Ok(Vec::new()) };
    let of_kind = |api_version: &str, kind: &str| Identity {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: at.namespace.clone(),
        name: String::new(),
    };
    let query = format!("&labelSelector={}", encoded(&selector));
    let group = match at.kind.as_str() {
        "Deployment" => {
            let sets = api.list(&of_kind("apps/v1", "ReplicaSet"), &query).await?;
            match pods::newest_set(live, &sets) {
                Some(group) => group,
                None => return Ok(Vec::new()),
            }
        }
        "StatefulSet" => Group::of_revision(live),
        _ => Group::owned_by(live),
    };
    let pods = api.list(&of_kind("v1", "Pod"), &query).await?;
    Ok(pods.into_iter().filter(|pod| group.has(pod)).collect())
}

/// Why Pods do not run, if it is known that they will not.
async fn of_pods(
    api: &Api,
    at: &Identity,
    found: &[Json],
    now: jiff::Timestamp,
) -> Result<Option<Trouble>, Failure> {
    for pod in found.iter().filter(|pod| !pods::is_ready(pod)).take(PODS_MAX) {
        let events = if pods::needs_events(pod) { events(api, at, pod).await } else { Vec::new() };
        if let Some(found) = pods::trouble(pod, &events, now) {
            return Ok(Some(in_words(api, at, pod, found).await));
        }
    }
    Ok(None)
}

/// What failed, with how one of its Pods ended.
async fn with_ended(api: &Api, at: &Identity, found: &[Json], trouble: Trouble) -> Trouble {
    let Some((pod, ended)) = found.iter().find_map(|pod| Some((pod, pods::ended(pod)?))) else {
        return trouble;
    };
    let of_pod = in_words(api, at, pod, ended).await;
    let detail = [trouble.detail, of_pod.detail].join("\n").trim().to_owned();
    Trouble { detail, ..trouble }
}

async fn in_words(api: &Api, at: &Identity, pod: &Json, found: PodTrouble) -> Trouble {
    let name = pod.pointer("/metadata/name").and_then(Json::as_str).unwrap_or_default();
    let namespace = at.namespace.as_deref().unwrap_or_default();
    let mut detail = format!("Pod {name}: {}", found.said);
    if let Some((container, previous)) = &found.log {
        let mut log = api.log((namespace, name), container, *previous).await;
        if log.is_none() && *previous {
            log = api.log((namespace, name), container, false).await;
        }
        if let Some(log) = log {
            detail = format!("{detail}\nThe last lines of its log:\n{log}");
        }
    }
    Trouble {
        summary: format!("{at}: {}", found.why),
        detail,
        help: found.help.map(str::to_owned).into_iter().collect(),
    }
}

/// Events about an object, the newest last; nothing if they may not be read.
async fn events(api: &Api, at: &Identity, about: &Json) -> Vec<Json> {
    let Some(uid) = about.pointer("/metadata/uid").and_then(Json::as_str) else { return Vec::new() };
    let like = Identity { api_version: "v1".to_owned(), kind: "Event".to_owned(), ..at.clone() };
    let query = format!("{EVENTS}{}", encoded(&format!("involvedObject.uid={uid}")));
    let mut events = api.list(&like, &query).await.unwrap_or_default();
    let time = |event: &Json| {
        let last = event
            .get("lastTimestamp")
            .and_then(Json::as_str)
            .or_else(|| event.get("eventTime").and_then(Json::as_str));
        last.unwrap_or_default().to_owned()
    };
    events.sort_by_key(time);
    events
}

/// Why no Pod was made at all: a quota, a webhook, a security standard.
async fn denied(api: &Api, at: &Identity, live: &Json) -> Option<Trouble> {
    let events = events(api, at, live).await;
    let said =
        events.iter().rev().find(|event| event.get("reason").and_then(Json::as_str) == Some("FailedCreate"));
    let said = said?.get("message").and_then(Json::as_str)?;
    Some(Trouble {
        summary: format!("{at}: {}", pods::why_denied(said)),
        detail: said.to_owned(),
        help: Vec::new(),
    })
}

/// A claim that waits for the Pod that uses it is as ready as it gets.
async fn claim(
    api: &Api,
    at: &Identity,
    live: &Json,
    (going, now): (String, jiff::Timestamp),
) -> Result<State, Failure> {
    let events = events(api, at, live).await;
    let last = |reason: &str| {
        events.iter().rev().find(|event| event.get("reason").and_then(Json::as_str) == Some(reason))
    };
    let said = |event: &Json| event.get("message").and_then(Json::as_str).unwrap_or_default().to_owned();
    if last("WaitForFirstConsumer").or_else(|| last("WaitForPodScheduled")).is_some() {
        return Ok(State::Ready);
    }
    // A volume that an administrator makes, or that this very plan makes, may come a moment later.
    let is_old = pods::age_s(live, now).is_some_and(|age| age >= CLAIM_S);
    Ok(match last("ProvisioningFailed").or_else(|| last("FailedBinding").filter(|_| is_old)) {
        Some(event) => {
            let summary = format!("{at}: there is no volume for it");
            let help = vec!["check its storageClassName: `kubectl get storageclass`".to_owned()];
            State::Failed(Trouble { summary, detail: said(event), help })
        }
        None => State::Going(events.last().map_or(going, said)),
    })
}

/// That an object took too long.
pub(super) async fn too_late(api: &Api, at: &Identity, live: &Json, seconds: i64, what: &str) -> Trouble {
    let summary = format!("{at}: not ready within {seconds} s: {what}");
    let found = pods_of(api, at, live).await.unwrap_or_default();
    let mut lines = Vec::new();
    for pod in found.iter().filter(|pod| !pods::is_ready(pod)).take(PODS_MAX) {
        let name = pod.pointer("/metadata/name").and_then(Json::as_str).unwrap_or_default();
        let said = events(api, at, pod)
            .await
            .iter()
            .rev()
            .find_map(|event| event.get("message").and_then(Json::as_str).map(str::to_owned));
        lines.push(format!("Pod {name}: {}", said.unwrap_or_else(|| pods::shown_phase(pod))));
    }
    let help = vec!["if it only needs longer, raise `timeouts`".to_owned()];
    Trouble { summary, detail: lines.join("\n"), help }
}

/// What keeps an object that is deleted.
pub(super) fn what_holds(at: &Identity, live: &Json) -> Trouble {
    let texts = |pointer: &str| {
        let items = live.pointer(pointer).and_then(Json::as_array).into_iter().flatten();
        items.filter_map(Json::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let mut finalizers = texts("/metadata/finalizers");
    finalizers.extend(texts("/spec/finalizers"));
    let said = live.pointer("/status/conditions").and_then(Json::as_array).into_iter().flatten();
    let said = said.filter(|condition| condition.get("status").and_then(Json::as_str) == Some("True"));
    let said: Vec<_> = said.filter_map(|condition| condition.get("message").and_then(Json::as_str)).collect();
    let summary = match finalizers.as_slice() {
        [] => format!("{at} was deleted and is still there"),
        held => format!("{at} was deleted and is still there: held by {}", held.join(", ")),
    };
    let help = vec![
        "whoever set a finalizer takes it away when its own work is done: see whether that still runs"
            .to_owned(),
        "apply again: the wait goes on".to_owned(),
    ];
    Trouble { summary, detail: said.join("\n"), help }
}
