//! What a service will be, and what of it needs a restart.

use super::spec::{self, HOST, READY_TIMEOUT};
use super::{READY, addresses};
use crate::diag::code::provider::MODEL;
use crate::lang::value::{Path as ValuePath, Type, Value};
use crate::provider::object::{attribute, same, text, with};
use crate::provider::{PlanRequest, Planned, ProviderError, Surroundings};
use std::path::PathBuf;

/// Arguments whose change needs another process. `ready_timeout` is for the wait alone.
const RESTARTS: [&str; 10] = [
    "model",
    "digest",
    "model_version",
    "framework",
    "labels",
    "metrics",
    "host",
    "port",
    "environment",
    "onnxruntime",
];
/// Attributes that another process changes.
const OF_PROCESS: [(&str, Type); 2] = [("pid", Type::Number), ("started_at", Type::String)];

/// Plans a service. The digest is read from the model file unless the configuration gives it; without a connection it is
/// unknown then.
///
/// # Errors
/// If an argument is not usable, or the model file is not there or no model.
pub(crate) async fn plan(
    surroundings: Option<&Surroundings>,
    request: &PlanRequest<'_>,
) -> Result<Planned, ProviderError> {
    let wanted = request.wanted;
    spec::check(wanted)?;
    let prior = request.prior.filter(|prior| same(&attribute(prior, "name"), &attribute(wanted, "name")));
    let digest = digest(surroundings, wanted).await?;
    let given = |name, default| {
        Some(attribute(wanted, name))
            .filter(|value| !value.is_null())
            .unwrap_or_else(|| Value::string(default))
    };
    let value = with(
        &request.proposed,
        [
            ("host", given("host", HOST)),
            ("ready_timeout", given("ready_timeout", READY_TIMEOUT)),
            ("digest", digest),
            ("status", Value::string(READY)),
        ],
    );
    Ok(Planned { value: with_computed(prior, wanted, &value), replace: Vec::new() })
}

/// With what the provider sets: kept where the process stays or the address does, else unknown.
fn with_computed(prior: Option<&Value>, wanted: &Value, value: &Value) -> Value {
    let port = Some(attribute(wanted, "port")).filter(|port| !port.is_null());
    let port = port.or_else(|| prior.map(|prior| attribute(prior, "port")));
    let port = port.unwrap_or_else(|| Value::unknown(Type::Number));
    let mut value = with(value, [("port", port.clone())]);
    let unknown = |name: &'static str, ty| (name, Value::unknown(ty));

    let restarts = |prior: &Value| {
        !same(&attribute(prior, "status"), &Value::string(READY))
            || RESTARTS.iter().any(|name| !same(&attribute(prior, name), &attribute(&value, name)))
    };
    if prior.is_none_or(restarts) {
        value = with(&value, OF_PROCESS.map(|(name, ty)| unknown(name, ty)));
    }
    if prior.is_none() {
        value = with(&value, ["id", "log_file"].map(|name| unknown(name, Type::String)));
    }
    let stays = |name| prior.is_some_and(|prior| same(&attribute(prior, name), &attribute(&value, name)));
    if stays("host") && stays("port") {
        return value;
    }
    let host = text(&value, "host").and_then(spec::host);
    match host.zip(port.as_number().and_then(spec::port)) {
        Some((host, number)) => with(&with(&value, addresses(host, number)), [("port", port)]),
        None => with(
            &value,
            [unknown("url", Type::String), ("endpoints", Value::unknown(super::endpoints_type()))],
        ),
    }
}

/// The digest that the model file must have.
async fn digest(surroundings: Option<&Surroundings>, wanted: &Value) -> Result<Value, ProviderError> {
    let given = attribute(wanted, "digest");
    if !given.is_null() {
        return Ok(given);
    }
    let Some((surroundings, model)) = surroundings.zip(text(wanted, "model")) else {
        return Ok(Value::unknown(Type::String));
    };
    digest_of(surroundings.project.join(model)).await.map(Value::string)
}

/// The digest of the model file at a path, which is checked to be a model.
///
/// # Errors
/// If it cannot be read or is no ONNX model.
pub(super) async fn digest_of(path: PathBuf) -> Result<String, ProviderError> {
    let shown = path.display().to_string();
    // Reading a gigabyte takes about a second, in which other operations go on.
    let inspected = tokio::task::spawn_blocking(move || mlo_model::inspect(&path)).await;
    let facts = inspected.map_err(|stopped| ProviderError::permanent(stopped.to_string()))?;
    facts.map(|facts| facts.digest).map_err(|error| {
        ProviderError::permanent(format!("the model {shown} cannot be served"))
            .detail(error.to_string())
            .help("check the path; it is relative to the project's folder")
            .help("if the file is made by this apply, give its `digest`, so that it is not read before")
            .code(&MODEL)
            .at(ValuePath::root().name("model"))
    })
}
