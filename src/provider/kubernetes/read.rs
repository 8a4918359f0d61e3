//! Objects as they are, seen by what their manifests say.

use super::compare::{Seen, compare};
use super::object::{Identity, TOKEN, change_type, kept_object, marked, value_of};
use super::owners::{Field, Owner, Step, owner};
use super::{Cluster, Failure, no_kind};
use crate::diag::code::provider::ARGUMENT;
use crate::lang::value::{Type, Value};
use crate::provider::object::{attribute, empty, text, text_or_null, with};
use crate::provider::{ErrorClass, Imported, ProviderError, Subject};
use serde_json::{Map, Value as Json};

/// The kind of autoscalers, in the version that every cluster has.
const AUTOSCALER: (&str, &str) = ("autoscaling/v2", "HorizontalPodAutoscaler");

/// An object as it is: what of its manifest others changed, and who. Nothing if it is gone.
///
/// # Errors
/// If the cluster cannot be asked.
pub(super) async fn read(
    cluster: &Cluster,
    subject: Subject<'_>,
    prior: &Value,
) -> Result<Option<Value>, ProviderError> {
    let manifest = attribute(prior, "manifest");
    let at = match cluster.identity(&manifest).await {
        // Its definition is gone, and so is what was defined by it.
        Err(error) if error.class == ErrorClass::Absent => return Ok(None),
        other => other?,
    };
    let api = cluster.api()?;
    let found =
        cluster.lists.get(api, &at).await.map_err(|failure| failure.error(&format!("reading {at}")))?;
    let Some(live) = found else { return Ok(None) };
    let uid = live.pointer("/metadata/uid").and_then(Json::as_str);
    let is_another = text(prior, "uid").is_some_and(|ours| uid.is_some_and(|uid| uid != ours));
    if is_another && annotation(&live, TOKEN) != Some(subject.token) {
        return Ok(None);
    }
    let scaled = is_autoscaled(cluster, &at, &live).await;
    let replicas = replicas();
    let Seen { manifest: now, changed } = compare(&manifest, &live, &|field| scaled && *field == replicas);
    let changes = changes(prior, &changed, &live);
    Ok(Some(with(
        prior,
        [("manifest", marked(&now)), ("outside_changes", changes), ("uid", text_or_null(uid))],
    )))
}

/// An annotation of an object.
pub(super) fn annotation<'a>(live: &'a Json, name: &str) -> Option<&'a str> {
    live.get("metadata")?.get("annotations")?.get(name)?.as_str()
}

/// The field that an autoscaler writes.
pub(super) fn replicas() -> Field {
    Field(["spec", "replicas"].map(|name| Step::Name(name.to_owned())).to_vec())
}

/// Whether an autoscaler decides how many replicas there are: one wrote the number, and there is still one for the object.
pub(super) async fn is_autoscaled(cluster: &Cluster, at: &Identity, live: &Json) -> bool {
    if !owner(live, &replicas()).is_some_and(|owner| owner.autoscaler) {
        return false;
    }
    let Some(api) = &cluster.api else { return false };
    let (api_version, kind) = AUTOSCALER;
    let scaler = Identity { api_version: api_version.to_owned(), kind: kind.to_owned(), ..at.clone() };
    // Whoever may not look at autoscalers goes by who wrote last.
    let Ok(autoscalers) = api.list(&scaler, "").await else { return true };
    let target = |autoscaler: &Json, name: &str| {
        autoscaler.pointer(&format!("/spec/scaleTargetRef/{name}")).and_then(Json::as_str).map(str::to_owned)
    };
    autoscalers.iter().any(|each| {
        target(each, "kind").as_deref() == Some(&at.kind) && target(each, "name").as_deref() == Some(&at.name)
    })
}

/// Who changed which fields. What was known of fields that are still as they were found stays.
fn changes(prior: &Value, changed: &[Field], live: &Json) -> Value {
    let fields: Vec<_> = changed.iter().map(ToString::to_string).collect();
    let before = attribute(prior, "outside_changes");
    let kept = before.as_items().unwrap_or_default().iter();
    let kept = kept
        .filter(|change| text(change, "field").is_some_and(|field| !fields.iter().any(|new| new == field)));
    let new = changed.iter().zip(&fields).map(|(field, name)| change(name, owner(live, field)));
    Value::list(change_type(), kept.cloned().chain(new).collect::<Vec<_>>())
}

fn change(field: &str, owner: Option<Owner>) -> Value {
    let (manager, operation, time) = owner
        .map_or((None, None, None), |owner| (Some(owner.manager), Some(owner.operation), Some(owner.time)));
    let text = |text: Option<String>| text_or_null(text.filter(|text| !text.is_empty()));
    Value::object([
        ("field".into(), Value::string(field)),
        ("manager".into(), text(manager)),
        ("operation".into(), text(operation)),
        ("time".into(), text(time)),
    ])
}

/// An object that is there already, of its `id`: all that somebody may have said of it.
///
/// # Errors
/// If the id is none, or the cluster cannot be asked.
pub(super) async fn import(cluster: &Cluster, id: &str) -> Result<Option<Imported>, ProviderError> {
    let api = cluster.api()?;
    let named = Identity::parse(id, api.namespace()).ok_or_else(|| {
        ProviderError::permanent(format!("{id:?} names no object"))
            .code(&ARGUMENT)
            .help("write API version, kind, namespace and name: apps/v1/Deployment/prod/web; v1/Namespace/prod for what has no namespace")
    })?;
    let fail = |failure: Failure| failure.error(&format!("reading {named}"));
    let at = api.settled(&named).await.map_err(fail)?.ok_or_else(|| no_kind(&named))?;
    let Some(live) = api.get(&at).await.map_err(fail)? else { return Ok(None) };
    let token = annotation(&live, TOKEN).map(str::to_owned);
    let uid = live.pointer("/metadata/uid").and_then(Json::as_str);
    let schema = super::object::schema();
    let value = with(
        &empty(&schema.block),
        [
            ("manifest", marked(&value_of(&said(&live)))),
            ("id", Value::string(at.id())),
            ("uid", text_or_null(uid)),
            ("object", kept_object(&live)),
            ("outside_changes", Value::list(change_type(), [])),
            ("wait_for", Value::null_of(block_type(&schema, "wait_for"))),
            ("health_check", Value::null_of(block_type(&schema, "health_check"))),
            ("timeouts", Value::null_of(block_type(&schema, "timeouts"))),
        ],
    );
    Ok(Some(Imported { value, token }))
}

fn block_type(schema: &crate::provider::ResourceSchema, name: &str) -> Type {
    schema.block.blocks.get(name).map_or(Type::Any, crate::lang::eval::NestedBlock::implied_type)
}

/// An object without what only the server says.
fn said(live: &Json) -> Json {
    let Some(map) = live.as_object() else { return live.clone() };
    let mut said = Map::new();
    for (name, value) in map.iter().filter(|(name, _)| *name != "status") {
        let mut value = value.clone();
        if let Some(metadata) = value.as_object_mut().filter(|_| name == "metadata") {
            metadata.retain(|name, _| {
                ["name", "namespace", "labels", "annotations", "finalizers"].contains(&name.as_str())
            });
            if let Some(annotations) = metadata.get_mut("annotations").and_then(Json::as_object_mut) {
                annotations.retain(|name, _| {
                    name != TOKEN
                        && !name.starts_with("kubectl.kubernetes.io/last-applied")
                        && !name.starts_with("deployment.kubernetes.io/")
                });
            }
            if metadata.get("annotations").and_then(Json::as_object).is_some_and(Map::is_empty) {
                metadata.shift_remove("annotations");
            }
        }
        said.insert(name.clone(), value);
    }
    Json::Object(said)
}

#[cfg(test)]
mod tests;
