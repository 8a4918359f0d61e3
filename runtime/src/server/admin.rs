//! Administration: what only the operator may ask for.

use hyper::http::request::Parts;
use serde_json::json;

use super::predict;
use super::reply::Reply;
use super::routes::Call;
use crate::host::{Hosted, Reload};
use crate::observe::Truths;
use crate::protocol::{Code, Refusal};

/// The model that the query names.
fn model(head: &Parts) -> Option<&str> {
    head.uri.query()?.split('&').find_map(|pair| pair.strip_prefix("model="))
}

/// Loads the newest of the model that the path or the query names, or of all; what answers goes on until the next one
/// has answered.
pub(super) async fn reload(call: Call) -> Result<Reply, Refusal> {
    let Call { app, named, head, .. } = call;
    let by_path = Some(named.model.as_str()).filter(|name| !name.is_empty());
    let wanted: Vec<&Hosted> = match by_path.or_else(|| model(&head)) {
        None => app.host.models.iter().collect(),
        Some(name) => {
            let hosted = app.host.named(name);
            let unknown = || Refusal::new(Code::ModelNotFound, "there is no model of this name");
            vec![hosted.ok_or_else(unknown)?]
        }
    };
    let turns = wanted.into_iter().map(|hosted| Some((hosted.index, app.host.turn(hosted)?)));
    let turns: Vec<_> = turns.collect::<Option<_>>().ok_or_else(|| {
        Refusal::new(Code::ReloadPending, "a reload waits already, and will load what is newest then")
    })?;
    // It is carried on when the caller leaves: half a reload would be none.
    let loading = tokio::task::spawn_blocking(move || {
        turns.into_iter().map(|(index, turn)| (index, turn.reload())).collect::<Vec<_>>()
    });
    let outcomes = loading.await.map_err(|_| Refusal::new(Code::Internal, "the reload ended early"))?;
    if let Some(reason) = outcomes.iter().find_map(|(_, outcome)| match outcome {
        Reload::Failed(reason) => Some(*reason),
        Reload::Reloaded | Reload::Unchanged => None,
    }) {
        return Err(Refusal::new(Code::ModelLoad, reason));
    }
    let reloaded = outcomes.iter().any(|(_, outcome)| *outcome == Reload::Reloaded);
    let (status, detail) = if reloaded {
        ("reloaded", "Model reloaded successfully")
    } else {
        ("noop", "Model is the newest already")
    };
    let index = outcomes.first().map_or(0, |(index, _)| *index);
    let hosted = app.host.models.get(index).unwrap_or(app.host.default_model());
    let served = hosted.served();
    Ok(Reply::value(&json!({
        "status": status,
        "detail": detail,
        "model": hosted.spec.name,
        "version": hosted.version(served.as_deref()),
        "digest": served.as_ref().map(|served| &served.facts.digest),
    })))
}

/// Joins what turned out with what was decided.
pub(super) async fn feedback(call: Call) -> Result<Reply, Refusal> {
    let (body, _share) = predict::read(&call.app, &call.head.headers, call.body).await?;
    let truths: Truths = serde_json::from_slice(&body).map_err(|_| {
        let message =
            r#"a body like {"request_id":"…","labels":[1]} or {"feedback":[…]} of several is needed"#;
        Refusal::new(Code::Validation, message)
    })?;
    Ok(Reply::value(&json!(call.app.beside.observer.truths(&truths))))
}
