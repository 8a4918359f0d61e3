//! The data source `kubernetes_object`: an object as it is, whoever made it.

use super::Cluster;
use super::object::{Identity, kept_object};
use crate::diag::code::provider::ARGUMENT;
use crate::lang::value::{Path, Value};
use crate::provider::object::{text, with};
use crate::provider::{ErrorClass, ProviderError};

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
