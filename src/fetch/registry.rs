//! Terraform's protocol for registries of modules: where the service is, which versions there are, where one is.
//!
//! Goes in: `namespace/name/provider`. Comes out: versions, and the source that one stands for. Never happens: a version
//! that nobody asked for.

use super::address::{Registry, base_of};
use super::error::FetchError;
use super::http::{Ask, Http, join, placed, shown, words};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Bytes of a document of a registry; the list of all versions of an old module has some 100 KiB.
const DOCUMENT_BYTES_MAX: usize = 4 << 20;

/// A registry whose service was found.
pub(super) struct Service<'h> {
    http: &'h Http,
    /// The address that paths of modules follow.
    base: String,
    token: Option<String>,
}

#[derive(Deserialize)]
struct Versions {
    modules: Vec<Module>,
}

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Version {
    version: String,
}

#[derive(Deserialize)]
struct Place {
    location: String,
}

/// The variable with the token of a host: `TF_TOKEN_app_example_com`.
pub(super) fn token_variable(host: &str) -> String {
    format!("TF_TOKEN_{}", host.replace('-', "__").replace(['.', ':'], "_"))
}

impl<'h> Service<'h> {
    /// Asks a host where its modules are.
    pub(super) async fn find(http: &'h Http, host: &str, token: Option<String>) -> Result<Self, FetchError> {
        let url = format!("{}/.well-known/terraform.json", base_of(host));
        let authorization = token.as_ref().map(|token| format!("Bearer {token}"));
        let ask = Ask {
            url: &url,
            accept: None,
            authorization: authorization.as_deref(),
            bytes_max: DOCUMENT_BYTES_MAX,
        };
        let answer = http.get(ask).await?;
        let found = answer.url.clone();
        let body = answer.found("it is no registry of modules")?;
        let services: BTreeMap<String, serde_json::Value> =
            serde_json::from_slice(&body).map_err(|_| not_understood(&found))?;
        let base = services.get("modules.v1").and_then(|service| service.as_str());
        let base = base.ok_or_else(|| FetchError::Remote(format!("{} has no modules", shown(&found))))?;
        let base = join(&found, base);
        http.may_follow(&found, &base)?;
        Ok(Self { http, base: format!("{}/", base.trim_end_matches('/')), token: authorization })
    }

    /// All versions of a module, as the registry lists them.
    pub(super) async fn versions(&self, registry: &Registry) -> Result<Vec<String>, FetchError> {
        let url = format!("{}{}/versions", self.base, registry.name);
        let answer = self.http.get(self.ask(&url)).await?;
        if answer.status == 404 {
            let known = format!("`{}` has no module `{}`", registry.host, registry.name);
            return Err(FetchError::Remote(known));
        }
        let body = answer.found("the versions are not known")?;
        let versions: Versions = serde_json::from_slice(&body).map_err(|_| not_understood(&url))?;
        Ok(versions.modules.into_iter().flat_map(|module| module.versions).map(|it| it.version).collect())
    }

    /// The source that a version stands for.
    pub(super) async fn location(&self, registry: &Registry, version: &str) -> Result<String, FetchError> {
        let url = format!("{}{}/{version}/download", self.base, registry.name);
        let answer = self.http.get(self.ask(&url)).await?;
        let (status, from) = (answer.status, answer.url.clone());
        if !(200..300).contains(&status) {
            return Err(FetchError::Remote(format!("{} answers {}", shown(&from), words(status))));
        }
        let named = answer.header("x-terraform-get").map(str::to_owned);
        let body = serde_json::from_slice::<Place>(&answer.body).ok().map(|place| place.location);
        let place = named.or(body).ok_or_else(|| not_understood(&from))?;
        Ok(placed(&from, &place))
    }

    fn ask<'a>(&'a self, url: &'a str) -> Ask<'a> {
        Ask { url, accept: None, authorization: self.token.as_deref(), bytes_max: DOCUMENT_BYTES_MAX }
    }
}

fn not_understood(url: &str) -> FetchError {
    FetchError::Remote(format!("what {} answers is not understood", shown(url)))
}
