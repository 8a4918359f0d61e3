//! Create, update and delete: applied, then watched until the object does its work, or put back.

use super::client::{Api, Apply};
use super::compare::{Difference, differences};
use super::handle::{Handle, Step, rolls_back, stored};
use super::object::{Force, Identity, TOKEN, body, is_within, json_of, kept_object, within};
use super::plan::{names, of_kind, of_namespace};
use super::read::{annotation, is_autoscaled};
use super::rollout::{self, State, Trouble, Waits};
use super::status::{Failure, Refusal, conflict};
use super::{Cluster, no_kind};
use crate::diag::code::provider::{NOT_OURS, ROLLOUT};
use crate::lang::value::{Path, Value};
use crate::provider::object::{attribute, text, text_or_null, with};
use crate::provider::{Change, ErrorClass, Progress, ProviderError, Subject};
use serde_json::Value as Json;
use std::sync::PoisonError;
use std::time::Duration;

/// Time between two looks for a namespace or a kind that the same run makes.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Seconds that something of the same run is given to be there, on which an object depends without a reference.
const EXPECTED_WITHIN_S: i64 = 60;
/// Time between two looks when the cluster did not answer the one before.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// Time for what was put back to do its work again, at most.
const BACK_WITHIN: Duration = Duration::from_mins(5);

/// What trying a change without keeping it told.
#[derive(Debug, PartialEq)]
pub(super) enum Try {
    /// It would be taken; or it could not be tried, because it is not allowed, or needs what is not there yet.
    Fine,
    /// These fields cannot change.
    Fixed(Vec<String>),
}

/// Tries a change without keeping it.
///
/// # Errors
/// If the cluster would not take it.
pub(super) async fn attempt(
    cluster: &Cluster,
    prior: Option<&Value>,
    planned: &Value,
) -> Result<Try, ProviderError> {
    let Some(api) = &cluster.api else { return Ok(Try::Fine) };
    let Some(named) = Identity::of(&attribute(planned, "manifest"), api.namespace()) else {
        return Ok(Try::Fine);
    };
    let doing = format!("planning {named}");
    let fail = |failure: Failure| failure.error(&doing);
    let Some(at) = api.settled(&named).await.map_err(fail)? else { return Ok(Try::Fine) };
    let missing =
        at.namespace.as_deref().is_some_and(|namespace| cluster.is_expected(&of_namespace(namespace)));
    if missing {
        return Ok(Try::Fine);
    }
    let live = cluster.lists.get(api, &at).await.map_err(fail)?;
    if prior.is_none() && live.is_some() {
        // It gives way, or the apply says that it is in the way.
        return Ok(Try::Fine);
    }
    let token = live.as_deref().and_then(|live| annotation(live, TOKEN)).unwrap_or_default().to_owned();
    let put = Put { at: &at, token: &token, prior, planned, dry_run: true };
    match put.send(cluster, api).await {
        Ok(_) => Ok(Try::Fine),
        Err(Failure::Refused(refusal)) => {
            let fixed = refusal.immutable();
            let says = |text: &str| refusal.message.contains(text);
            let untried = refusal.code == 404
                || refusal.code == 403 && says("cannot ") && !says("denied the request")
                || says("does not support dry run");
            match (untried, fixed.is_empty()) {
                (true, _) => Ok(Try::Fine),
                (false, false) => Ok(Try::Fixed(fixed)),
                _ => Err(Failure::Refused(refusal).error(&doing).at(Path::root().name("manifest"))),
            }
        }
        Err(failure) => Err(failure.error(&doing)),
    }
}

/// Begins a change.
///
/// # Errors
/// If the cluster does not take it.
pub(super) async fn start(
    cluster: &Cluster,
    subject: Subject<'_>,
    change: Change<'_>,
) -> Result<Progress, ProviderError> {
    match change {
        Change::Create { planned } => {
            let at = Identity::of(&attribute(planned, "manifest"), cluster.namespace());
            let at = at.ok_or_else(|| ProviderError::permanent("it is not known which object this is"))?;
            cluster.begun.lock().unwrap_or_else(PoisonError::into_inner).insert(subject.token.to_owned());
            let handle = handle(cluster, Step::Make, &at, within(planned, "create"));
            Ok(Handle { planned: stored(planned), ..handle }.again(Duration::ZERO))
        }
        Change::Update { prior, planned } => update(cluster, subject, prior, planned).await,
        Change::Delete { prior } => delete(cluster, prior).await,
    }
}

fn handle(cluster: &Cluster, step: Step, at: &Identity, within: Duration) -> Handle {
    let since = cluster.now().as_second();
    let until = since.saturating_add(i64::try_from(within.as_secs()).unwrap_or(i64::MAX));
    Handle { step, at: at.clone(), since, until, planned: None, prior: None, failure: None }
}

/// Goes on with a change, possibly one that an earlier run began.
///
/// # Errors
/// If it failed.
pub(super) async fn poll(
    cluster: &Cluster,
    subject: Subject<'_>,
    handle: &str,
) -> Result<Progress, ProviderError> {
    let handle = Handle::parse(handle)?;
    match handle.step {
        Step::Make => make(cluster, subject, handle).await,
        Step::Wait => wait(cluster, handle).await,
        Step::Back => back(cluster, handle).await,
        Step::Gone => gone(cluster, handle).await,
    }
}

async fn make(cluster: &Cluster, subject: Subject<'_>, handle: Handle) -> Result<Progress, ProviderError> {
    let api = cluster.api()?;
    let doing = format!("making {}", handle.at);
    let fail = |failure: Failure| failure.error(&doing);
    let is_ours = cluster.begun.lock().unwrap_or_else(PoisonError::into_inner).contains(subject.token);
    let waited = cluster.now().as_second().saturating_sub(handle.since);
    let waits = |what: &str| is_ours && cluster.is_expected(what) && waited < EXPECTED_WITHIN_S;
    let Some(at) = api.settled(&handle.at).await.map_err(fail)? else {
        let kind = of_kind(handle.at.group(), &handle.at.kind);
        return if waits(&kind) { Ok(handle.again(LOOK_EVERY)) } else { Err(no_kind(&handle.at)) };
    };
    if !is_ours {
        // An earlier run was cut off: either it had made the object, or there is none.
        let found = api.get(&at).await.map_err(fail)?;
        let found = found.filter(|live| annotation(live, TOKEN) == Some(subject.token));
        let Some(live) = found else { return Ok(Progress::Done(None)) };
        return look(cluster, Handle { step: Step::Wait, at, ..handle }, &live).await;
    }
    let present = cluster.lists.get(api, &at).await.map_err(fail)?;
    if present.is_some_and(|live| annotation(&live, TOKEN) != Some(subject.token)) {
        return Err(in_the_way(&at, subject));
    }
    let planned = handle.planned();
    let put = Put { at: &at, token: subject.token, prior: None, planned: &planned, dry_run: false };
    match put.send(cluster, api).await {
        Ok(live) => look(cluster, Handle { step: Step::Wait, at, ..handle }, &live).await,
        Err(Failure::Refused(refusal)) if refusal.lacks_namespace() => {
            let namespace = at.namespace.clone().unwrap_or_default();
            if waits(&of_namespace(&namespace)) {
                return Ok(handle.again(LOOK_EVERY));
            }
            let error = Failure::Refused(refusal).error(&doing);
            let error = ProviderError { class: ErrorClass::Permanent, ..error };
            Err(error.help(format!("make the namespace {namespace:?} in the same configuration, or before")))
        }
        Err(failure) => Err(settled_failure(failure.error(&doing))),
    }
}

/// That an object that is made is not there is no reason to forget it.
fn settled_failure(error: ProviderError) -> ProviderError {
    let class = if error.class == ErrorClass::Absent { ErrorClass::Permanent } else { error.class };
    ProviderError { class, ..error }
}

fn in_the_way(at: &Identity, subject: Subject<'_>) -> ProviderError {
    ProviderError::new(ErrorClass::Conflict, format!("{at} is there already, and was not made here"))
        .code(&NOT_OURS)
        .help(format!("to keep it from now on, `mlo import '{}' '{}'`", subject.address, at.id()))
        .help("or delete it, or choose another name")
        .at(Path::root().name("manifest"))
}

async fn update(
    cluster: &Cluster,
    subject: Subject<'_>,
    prior: &Value,
    planned: &Value,
) -> Result<Progress, ProviderError> {
    let keeping = |error: ProviderError| settled_failure(error).keeping(prior.clone());
    let api = cluster.api()?;
    let at = cluster.identity(&attribute(planned, "manifest")).await.map_err(keeping)?;
    let put = Put { at: &at, token: subject.token, prior: Some(prior), planned, dry_run: false };
    let live = put.send(cluster, api).await.map_err(|failure| {
        let error = failure.error(&format!("changing {at}"));
        // Whether it was changed is not known if nobody answered.
        if error.class == ErrorClass::Retryable { error } else { keeping(error) }
    })?;
    let handle = handle(cluster, Step::Wait, &at, within(planned, "update"));
    let prior = stored(prior).filter(|_| rollout::is_awaited(&at, &Waits::of(planned)));
    look(cluster, Handle { planned: stored(planned), prior, ..handle }, &live).await
}

async fn delete(cluster: &Cluster, prior: &Value) -> Result<Progress, ProviderError> {
    let api = cluster.api()?;
    let at = match cluster.identity(&attribute(prior, "manifest")).await {
        // Its definition is gone, and so is what was defined by it.
        Err(error) if error.class == ErrorClass::Absent => return Ok(Progress::Done(None)),
        other => other?,
    };
    let gone = match api.delete(&at, text(prior, "uid")).await {
        // Another object has its name; or, of a namespace, it is on its way already.
        Err(Failure::Refused(refusal)) if refusal.code == 409 => refusal.message.contains("recondition"),
        other => other.map_err(|failure| failure.error(&format!("deleting {at}")))?,
    };
    cluster.lists.note(&at, None);
    if gone {
        return Ok(Progress::Done(None));
    }
    let handle = handle(cluster, Step::Gone, &at, within(prior, "delete"));
    Ok(Handle { prior: stored(prior), ..handle }.again(Duration::ZERO))
}

/// Waits until an object is gone, and says what holds it if it takes too long.
async fn gone(cluster: &Cluster, handle: Handle) -> Result<Progress, ProviderError> {
    let prior = handle.prior().unwrap_or_else(Value::null);
    let live = match cluster.api()?.get(&handle.at).await {
        Ok(None) => return Ok(Progress::Done(None)),
        Ok(Some(live)) => live,
        Err(failure) => return unanswered(cluster, &handle, &failure),
    };
    let uid = live.pointer("/metadata/uid").and_then(Json::as_str);
    if text(&prior, "uid").is_some_and(|ours| uid != Some(ours)) {
        return Ok(Progress::Done(None));
    }
    if !handle.is_late(cluster.now()) {
        return Ok(handle.pending(cluster.now()));
    }
    let Trouble { summary, detail, help } = rollout::what_holds(&handle.at, &live);
    let error = ProviderError::permanent(summary).code(&ROLLOUT).detail(detail).keeping(prior);
    Err(help.into_iter().fold(error, ProviderError::help))
}

async fn wait(cluster: &Cluster, handle: Handle) -> Result<Progress, ProviderError> {
    match cluster.api()?.get(&handle.at).await {
        Ok(Some(live)) => look(cluster, handle, &live).await,
        Ok(None) => {
            let error =
                ProviderError::permanent(format!("{} was deleted while it was waited for", handle.at));
            Err(error.code(&ROLLOUT).help("apply again: it will be made anew"))
        }
        Err(failure) => unanswered(cluster, &handle, &failure),
    }
}

/// The cluster did not answer a look: it is asked again as long as there is time.
fn unanswered(cluster: &Cluster, handle: &Handle, failure: &Failure) -> Result<Progress, ProviderError> {
    let error = failure.error(&format!("looking at {}", handle.at));
    if error.class == ErrorClass::Retryable && !handle.is_late(cluster.now()) {
        return Ok(handle.again(ASK_AGAIN));
    }
    // What became of it is not known: whoever asks next finds out.
    Err(ProviderError { class: ErrorClass::Retryable, ..error })
}

/// Whether an object that was applied does its work.
async fn look(cluster: &Cluster, handle: Handle, live: &Json) -> Result<Progress, ProviderError> {
    let (api, planned, now) = (cluster.api()?, handle.planned(), cluster.now());
    let waits = Waits::of(&planned);
    let state = match rollout::look(api, &handle.at, live, &waits, now).await {
        Ok(state) => state,
        Err(failure) => return unanswered(cluster, &handle, &failure),
    };
    match state {
        State::Ready => Ok(Progress::Done(Some(finished(&planned, &handle.at, live, true)))),
        State::Going(_) if !handle.is_late(now) => Ok(handle.pending(now)),
        State::Going(what) => {
            let trouble =
                rollout::too_late(api, &handle.at, live, handle.until.saturating_sub(handle.since), &what)
                    .await;
            fail(cluster, handle, live, trouble).await
        }
        State::Failed(trouble) => fail(cluster, handle, live, trouble).await,
    }
}

/// A rollout failed: it is put back if there is something to put back, or told.
async fn fail(
    cluster: &Cluster,
    handle: Handle,
    live: &Json,
    trouble: Trouble,
) -> Result<Progress, ProviderError> {
    let planned = handle.planned();
    let told = |trouble: Trouble| {
        let Trouble { summary, detail, help } = trouble;
        let kept = finished(&planned, &handle.at, live, false);
        let error = ProviderError::permanent(summary).code(&ROLLOUT).detail(detail).keeping(kept);
        help.into_iter().fold(error, ProviderError::help)
    };
    let Some(prior) = handle.prior().filter(|_| rolls_back(&planned)) else { return Err(told(trouble)) };
    let token = annotation(live, TOKEN).unwrap_or_default().to_owned();
    let put = Put { at: &handle.at, token: &token, prior: Some(&planned), planned: &prior, dry_run: false };
    if let Err(failure) = put.send(cluster, cluster.api()?).await {
        let second = failure.error("putting it back");
        let detail = format!("{}\n{}\n{}", trouble.detail, second.summary, second.detail);
        let summary = format!("{}; and it could not be put back", trouble.summary);
        return Err(told(Trouble { summary, detail, ..trouble }));
    }
    let within = within(&prior, "update").min(BACK_WITHIN);
    let back = self::handle(cluster, Step::Back, &handle.at, within);
    let failure = Some((trouble.summary, trouble.detail));
    Ok(Handle { planned: handle.planned, prior: handle.prior, failure, ..back }.again(LOOK_EVERY))
}

/// Waits until what was put back does its work, and tells why it was.
async fn back(cluster: &Cluster, handle: Handle) -> Result<Progress, ProviderError> {
    let (api, now) = (cluster.api()?, cluster.now());
    let prior = handle.prior().unwrap_or_else(Value::null);
    let live = match api.get(&handle.at).await {
        Ok(Some(live)) => live,
        Ok(None) => return Ok(Progress::Done(None)),
        Err(failure) => return unanswered(cluster, &handle, &failure),
    };
    let state = match rollout::look(api, &handle.at, &live, &Waits::of(&prior), now).await {
        Ok(state) => state,
        Err(failure) => return unanswered(cluster, &handle, &failure),
    };
    let (ready, also) = match state {
        State::Going(_) if !handle.is_late(now) => return Ok(handle.pending(now)),
        State::Ready => (true, String::new()),
        State::Going(what) => (false, format!("\nWhat was put back does not do its work again yet: {what}")),
        State::Failed(trouble) => {
            (false, format!("\nWhat was put back does not do its work either: {}", trouble.summary))
        }
    };
    let (summary, detail) = handle.failure.clone().unwrap_or_default();
    let kept = finished(&prior, &handle.at, &live, ready);
    let error = ProviderError::new(
        ErrorClass::RolledBack,
        format!("{summary}; {} was put back as it was", handle.at),
    );
    Err(error
        .code(&ROLLOUT)
        .detail(format!("{detail}{also}"))
        .help("mend the cause and apply again")
        .keeping(kept))
}

/// The object once it is known what became of it.
fn finished(planned: &Value, at: &Identity, live: &Json, ready: bool) -> Value {
    let uid = live.pointer("/metadata/uid").and_then(Json::as_str);
    with(
        planned,
        [
            ("id", Value::string(at.id())),
            ("uid", text_or_null(uid)),
            ("object", kept_object(live)),
            ("ready", Value::bool(ready)),
        ],
    )
}

/// One object to be applied.
struct Put<'a> {
    at: &'a Identity,
    token: &'a str,
    /// As it is, if it is there.
    prior: Option<&'a Value>,
    planned: &'a Value,
    dry_run: bool,
}

impl Put<'_> {
    /// Applies the object. Fields of others are taken over where the configuration claims them, and where the plan showed that
    /// a field that was ours is changed back.
    async fn send(&self, cluster: &Cluster, api: &Api) -> Result<Json, Failure> {
        let unable = |error: ProviderError| Failure::Unable(Box::new(error));
        let manifest = attribute(self.planned, "manifest");
        let mut body = body(&json_of(&manifest).map_err(unable)?, self.at, self.token);
        self.leave_replicas(cluster, api, &mut body).await?;
        let force = Force::of(&attribute(self.planned, "force_conflicts")).unwrap_or(Force::None);
        let how = Apply { force: force == Force::All, dry_run: self.dry_run };
        let mut answer = api.apply(self.at, &body, how).await;
        if let Some(conflicts) = answer.as_ref().err().and_then(Failure::refusal).map(Refusal::conflicts)
            && !conflicts.is_empty()
        {
            let shown = self
                .prior
                .map(|prior| differences(&attribute(prior, "manifest"), &manifest))
                .unwrap_or_default();
            let shown: Vec<_> = shown.iter().filter(|each| each.existed).map(Difference::field).collect();
            let is_shown =
                |field: &str| shown.iter().any(|shown| is_within(field, shown) || is_within(shown, field));
            let others: Vec<_> = conflicts
                .into_iter()
                .filter(|each| !force.takes(&each.field) && !is_shown(&names(&each.field)))
                .collect();
            if !others.is_empty() {
                let live = api.get(self.at).await.ok().flatten();
                return Err(unable(conflict(self.at, &others, live.as_ref())));
            }
            answer = api.apply(self.at, &body, Apply { force: true, ..how }).await;
        }
        let (live, _) = answer?;
        if !self.dry_run {
            cluster.lists.note(self.at, Some(&live));
        }
        Ok(live)
    }

    /// Leaves the number of replicas out where an autoscaler decides it.
    async fn leave_replicas(&self, cluster: &Cluster, api: &Api, body: &mut Json) -> Result<(), Failure> {
        if self.prior.is_none() || body.pointer("/spec/replicas").is_none() {
            return Ok(());
        }
        let live = api.get(self.at).await?;
        let Some(live) = live else { return Ok(()) };
        if is_autoscaled(cluster, self.at, &live).await
            && let Some(spec) = body.get_mut("spec").and_then(Json::as_object_mut)
        {
            spec.shift_remove("replicas");
        }
        Ok(())
    }
}
