//! The data sources: `kubernetes_object`, an object as it is, whoever made it; `kubernetes_kind`, whether there is a kind.

use super::Cluster;
use super::object::{Identity, kept_object};
use crate::diag::code::provider::ARGUMENT;
use crate::lang::eval::{AttributeSchema, BlockSchema};
use crate::lang::value::{Path, Type, Value};
use crate::provider::object::{text, with};
use crate::provider::{DataSchema, ErrorClass, ProviderError};

/// Name of the data source that says whether there is a kind.
pub(super) const KIND: &str = "kubernetes_kind";

pub(super) fn kind_schema() -> DataSchema {
    let needed = || AttributeSchema::required(Type::String);
    let exists = AttributeSchema::computed(Type::Bool)
        .describe("Whether the cluster has it; null where it is not known which cluster that is");
    let block = BlockSchema::new()
        .attribute("api_version", needed().describe("Its API version, such as `monitoring.coreos.com/v1`"))
        .attribute("kind", needed().describe("The kind, such as `ServiceMonitor`"))
        .attribute("exists", exists);
    DataSchema { description: "Whether a Kubernetes cluster has a kind of objects", block }
}

/// Asks whether there is a kind.
///
/// # Errors
/// If the cluster does not say.
pub(super) async fn read_kind(cluster: &Cluster, config: &Value) -> Result<Value, ProviderError> {
    let Some(api) = &cluster.api else { return Ok(with(config, [("exists", Value::null_of(Type::Bool))])) };
    let given = |name| text(config, name).unwrap_or_default().to_owned();
    let kind = Identity {
        api_version: given("api_version"),
        kind: given("kind"),
        namespace: None,
        name: String::new(),
    };
    let doing = format!("asking for the kind {} of {}", kind.kind, kind.api_version);
    let found = api.settled(&kind).await.map_err(|failure| failure.error(&doing))?;
    Ok(with(config, [("exists", Value::bool(found.is_some()))]))
}

/// Reads an object.
///
/// # Errors
/// If it is not there, or cannot be read.
pub(super) async fn read(cluster: &Cluster, config: &Value) -> Result<Value, ProviderError> {
    let api = cluster.api()?;
    let given = |name| text(config, name).unwrap_or_default().to_owned();
    let namespace = text(config, "namespace").unwrap_or(api.namespace()).to_owned();
    let (api_version, kind, name) = (given("api_version"), given("kind"), given("name"));
    let named = Identity { api_version, kind, namespace: Some(namespace), name };
    let doing = format!("reading {named}");
    let at = api.settled(&named).await.map_err(|failure| failure.error(&doing))?;
    let at = at.ok_or_else(|| super::no_kind(&named))?;
    let found = api.get(&at).await.map_err(|failure| failure.error(&doing))?;
    let found = found.ok_or_else(|| {
        ProviderError::new(ErrorClass::Absent, format!("{at} is not there"))
            .code(&ARGUMENT)
            .at(Path::root().name("name"))
    })?;
    Ok(with(config, [("object", kept_object(&found))]))
}
