//! What a service will be, and what of it needs a restart.

use super::spec::{self, HOST, READY_TIMEOUT};
use super::{READY, addresses};
use crate::diag::code::provider::MODEL;
use crate::lang::value::{Path as ValuePath, Type, Value};
use crate::provider::object::{attribute, same, text, with};
use crate::provider::{PlanRequest, Planned, ProviderError, Surroundings};
use mlo_model::{ModelError, ModelFacts};
use std::path::{Path, PathBuf};

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

/// Plans a service. Digest and signature are read from the model file unless the configuration gives them; without a
/// connection they are unknown then.
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
    let [digest, signature] = of_model(surroundings, wanted).await?;
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
            ("signature", signature),
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

/// The digest that the model file must have, and what it takes and gives.
async fn of_model(surroundings: Option<&Surroundings>, wanted: &Value) -> Result<[Value; 2], ProviderError> {
    let given = ["digest", "signature"].map(|name| attribute(wanted, name));
    if given.iter().all(|value| !value.is_null()) {
        // Whether the file takes and gives that is looked at before it is served.
        return Ok(given);
    }
    let unknown = |value: Value| if value.is_null() { Value::unknown(Type::String) } else { value };
    let Some((surroundings, model)) = surroundings.zip(text(wanted, "model")) else {
        return Ok(given.map(unknown));
    };
    let facts = facts_of(surroundings.project.join(model)).await;
    let [digest, signature] = given;
    if digest.is_null() {
        let facts = facts?;
        agrees(&signature, &facts.signature())?;
        return Ok([facts.digest.clone(), facts.signature()].map(Value::string));
    }
    // The file that has this digest may only be made by this apply.
    let is_it = facts.ok().filter(|facts| digest.as_str() == Some(&facts.digest));
    Ok([digest, is_it.map_or_else(|| unknown(signature), |facts| Value::string(facts.signature()))])
}

/// Whether a signature that was given, if one was, is that of the model.
///
/// # Errors
/// If it is another.
pub(super) fn agrees(given: &Value, actual: &str) -> Result<(), ProviderError> {
    match given.as_str() {
        Some(given) if given != actual => {
            let summary = format!("`signature`: the model takes and gives {actual}, and not {given}");
            let help = "leave it out: it is read from the model's file";
            Err(ProviderError::permanent(summary)
                .code(&MODEL)
                .help(help)
                .at(ValuePath::root().name("signature")))
        }
        _ => Ok(()),
    }
}

/// What the model file at a path takes and gives.
///
/// # Errors
/// If it cannot be read or is no ONNX model.
pub(super) async fn signature_of(path: PathBuf) -> Result<String, ProviderError> {
    of_file(path, mlo_model::signature).await
}

/// What the model file at a path says of itself.
///
/// # Errors
/// If it cannot be read or is no ONNX model.
pub(super) async fn facts_of(path: PathBuf) -> Result<ModelFacts, ProviderError> {
    of_file(path, mlo_model::inspect).await
}

async fn of_file<T: Send + 'static>(
    path: PathBuf,
    read: fn(&Path) -> Result<T, ModelError>,
) -> Result<T, ProviderError> {
    let shown = path.display().to_string();
    // Reading a gigabyte takes about a second, in which other operations go on.
    let read = tokio::task::spawn_blocking(move || read(&path)).await;
    let read = read.map_err(|stopped| ProviderError::permanent(stopped.to_string()))?;
    read.map_err(|error| {
        ProviderError::permanent(format!("the model {shown} cannot be served"))
            .detail(error.to_string())
            .help("check the path; it is relative to the project's folder")
            .help("if the file is made by this apply, give its `digest`, so that it is not read before")
            .code(&MODEL)
            .at(ValuePath::root().name("model"))
    })
}
