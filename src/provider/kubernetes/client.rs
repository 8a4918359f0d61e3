//! The one door to an API server.
//!
//! Goes in: what is asked, as paths and JSON. Comes out: JSON, or why not. Never happens: a request without an end, an
//! answer without a bound, a second attempt, but for a credential that ran out in between.

use super::config::{Place, chain, place};
use super::kinds::{self, Group};
use super::object::Identity;
use super::owners::MANAGER;
use super::status::{Failure, Refusal};
use crate::diag::code::provider::ARGUMENT;
use crate::lang::value::Value;
use crate::provider::{ProviderError, Surroundings};
use http_body_util::{BodyExt as _, Limited};
use hyper::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use hyper::{Method, Request};
use kube::Client;
use kube::client::Body;
use serde_json::Value as Json;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;
use tokio::sync::Mutex;

/// Time for one answer, its body included.
const WITHIN: Duration = Duration::from_secs(40);
/// Bytes of one answer at most: a page of a list of the largest objects that a cluster takes.
const BYTES_MAX: usize = 512 * 1024 * 1024;
/// Objects on one page of a list.
const PAGE: usize = 500;
/// Lines of a log that are shown.
const LINES: usize = 20;
/// What a server that has too much to do may make us wait before its answer counts; the engine asks again after that.
const AFTER_MAX: Duration = Duration::from_secs(20);

/// What a kind is called in paths of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resource {
    pub(super) plural: String,
    pub(super) namespaced: bool,
}

/// How an object is applied.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Apply {
    /// Taking over what other managers have.
    pub(super) force: bool,
    /// Only to see what would come of it.
    pub(super) dry_run: bool,
}

/// What the server of a Pod says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Served {
    /// A status of HTTP and a body.
    Answer(u16, String),
    /// Whoever asks may not ask Pods; the cluster's words.
    Denied(String),
    /// There is no answer; says why.
    Nothing(String),
}

/// An API server, and who asks it.
pub(super) struct Api {
    place: Place,
    /// Connected when something is asked first, and again when the credential ran out.
    client: Mutex<Option<Client>>,
    /// What kinds that are not built in are called, by API version and kind, once it is known.
    resources: Mutex<HashMap<(String, String), Resource>>,
}

impl Api {
    /// Of a configuration; nothing if there is no cluster. Asks nothing.
    ///
    /// # Errors
    /// If the configuration cannot be used.
    pub(super) async fn of(
        config: &Value,
        surroundings: &Surroundings,
    ) -> Result<Option<Self>, ProviderError> {
        let place = place(config, surroundings).await?;
        Ok(place.map(|place| Self { place, client: Mutex::default(), resources: Mutex::default() }))
    }

    /// The namespace of objects that name none.
    pub(super) fn namespace(&self) -> &str {
        &self.place.namespace
    }

    /// An object; nothing if it is not there.
    pub(super) async fn get(&self, at: &Identity) -> Result<Option<Json>, Failure> {
        let Some(path) = self.path(at).await? else { return Ok(None) };
        match self.send(Method::GET, &path, None).await {
            Err(failure) if failure.code() == Some(404) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Applies an object as ours. Says whether it was not there before.
    pub(super) async fn apply(
        &self,
        at: &Identity,
        body: &Json,
        how: Apply,
    ) -> Result<(Json, bool), Failure> {
        let path = self.path(at).await?.ok_or_else(|| no_kind(at))?;
        let mut path = format!("{path}?fieldManager={MANAGER}&fieldValidation=Strict&force={}", how.force);
        if how.dry_run {
            path.push_str("&dryRun=All");
        }
        self.send_raw(Method::PATCH, &path, Some(("application/apply-patch+yaml", body)))
            .await
            .and_then(|(code, bytes)| Ok((parse(&bytes)?, code == 201)))
    }

    /// Begins to take an object away; only the one of this uid, if one is given. Says whether it is gone already.
    pub(super) async fn delete(&self, at: &Identity, uid: Option<&str>) -> Result<bool, Failure> {
        let Some(path) = self.path(at).await? else { return Ok(true) };
        let mut options = serde_json::json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"});
        if let (Some(uid), Some(map)) = (uid, options.as_object_mut()) {
            map.insert("preconditions".to_owned(), serde_json::json!({"uid": uid}));
        }
        match self.send(Method::DELETE, &path, Some(("application/json", &options))).await {
            Err(failure) if failure.code() == Some(404) => Ok(true),
            // What is still there is answered as it is; what is gone, with a status.
            other => other.map(|answer| answer.get("kind").and_then(Json::as_str) == Some("Status")),
        }
    }

    /// All objects of a kind in a namespace, or of all that have none, page by page. `query` selects among them.
    pub(super) async fn list(&self, like: &Identity, query: &str) -> Result<Vec<Json>, Failure> {
        let Some(resource) = self.resource(&like.api_version, &like.kind).await? else {
            return Ok(Vec::new());
        };
        let collection = collection(like, &resource);
        let (mut items, mut next) = (Vec::new(), String::new());
        loop {
            let mut path = format!("{collection}?limit={PAGE}{query}");
            if !next.is_empty() {
                let _ = write!(path, "&continue={}", encoded(&next));
            }
            let mut page = match self.send(Method::GET, &path, None).await {
                // Its definition went in between.
                Err(failure) if failure.code() == Some(404) => return Ok(items),
                other => other?,
            };
            if let Some(Json::Array(more)) = page.get_mut("items").map(Json::take) {
                items.extend(more);
            }
            page.pointer("/metadata/continue")
                .and_then(Json::as_str)
                .unwrap_or_default()
                .clone_into(&mut next);
            if next.is_empty() {
                return Ok(items);
            }
        }
    }

    /// The last lines of a container's log; nothing if there are none to be had. `previous` asks for the run before.
    pub(super) async fn log(
        &self,
        (namespace, pod): (&str, &str),
        container: &str,
        previous: bool,
    ) -> Option<String> {
        let path = format!(
            "/api/v1/namespaces/{namespace}/pods/{pod}/log?container={}&tailLines={LINES}&previous={previous}",
            encoded(container)
        );
        let (_, bytes) = self.send_raw(Method::GET, &path, None).await.ok()?;
        let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        Some(text).filter(|text| !text.is_empty())
    }

    /// What a Pod's server says to a `GET`, through the API server.
    pub(super) async fn served(&self, (namespace, pod): (&str, &str), port: &str, path: &str) -> Served {
        let (namespace, port) = (encoded(namespace), encoded(port));
        let path = format!(
            "/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy/{}",
            path.trim_start_matches('/')
        );
        match self.send_raw(Method::GET, &path, None).await {
            Ok((code, body)) => Served::Answer(code, String::from_utf8_lossy(&body).into_owned()),
            Err(Failure::Refused(refusal)) => match (refusal.code, refusal.reason.as_str()) {
                (403, "Forbidden") => Served::Denied(refusal.message),
                // The API server's own words.
                (_, "ServiceUnavailable" | "InternalError" | "BadRequest") => {
                    Served::Nothing(refusal.message)
                }
                (code, _) => Served::Answer(code, refusal.message),
            },
            Err(failure) => Served::Nothing(failure.error("asking").detail),
        }
    }

    /// What a kind is called; nothing if the cluster has no such kind.
    pub(super) async fn resource(&self, api_version: &str, kind: &str) -> Result<Option<Resource>, Failure> {
        if let Some(known) = kinds::find(api_version, kind) {
            return Ok(Some(Resource { plural: known.plural.to_owned(), namespaced: known.namespaced }));
        }
        let key = (api_version.to_owned(), kind.to_owned());
        // Held while the cluster is asked, so that many objects of a new kind ask once.
        let mut resources = self.resources.lock().await;
        if let Some(found) = resources.get(&key) {
            return Ok(Some(found.clone()));
        }
        let listed = match self.send(Method::GET, &root(api_version), None).await {
            Err(failure) if failure.code() == Some(404) => return Ok(None),
            other => other?,
        };
        for entry in listed.get("resources").and_then(Json::as_array).into_iter().flatten() {
            let text = |name| entry.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
            let (plural, kind) = (text("name"), text("kind"));
            // What has a slash is a part of objects, such as their status.
            if !plural.contains('/') {
                let namespaced = entry.get("namespaced").and_then(Json::as_bool).unwrap_or_default();
                resources.insert((api_version.to_owned(), kind), Resource { plural, namespaced });
            }
        }
        Ok(resources.get(&key).cloned())
    }

    /// The identity with or without a namespace, as the cluster has its kind; nothing if it has no such kind.
    pub(super) async fn settled(&self, at: &Identity) -> Result<Option<Identity>, Failure> {
        let Some(resource) = self.resource(&at.api_version, &at.kind).await? else { return Ok(None) };
        let namespace = at.namespace.clone().unwrap_or_else(|| self.namespace().to_owned());
        Ok(Some(Identity { namespace: resource.namespaced.then_some(namespace), ..at.clone() }))
    }

    async fn path(&self, at: &Identity) -> Result<Option<String>, Failure> {
        let resource = self.resource(&at.api_version, &at.kind).await?;
        Ok(resource.map(|resource| format!("{}/{}", collection(at, &resource), encoded(&at.name))))
    }

    async fn send(&self, method: Method, path: &str, body: Option<(&str, &Json)>) -> Result<Json, Failure> {
        let (_, bytes) = self.send_raw(method, path, body).await?;
        parse(&bytes)
    }

    /// One request, and one more if the credential ran out.
    async fn send_raw(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, &Json)>,
    ) -> Result<(u16, Vec<u8>), Failure> {
        let body = body.map(|(content, json)| (content, json.to_string().into_bytes()));
        let body = body.as_ref().map(|(content, bytes)| (*content, bytes.as_slice()));
        let mut answer = self.attempt(&method, path, body).await;
        if answer.as_ref().is_err_and(|failure| failure.code() == Some(401)) && self.can_renew() {
            *self.client.lock().await = None;
            answer = self.attempt(&method, path, body).await;
        }
        if let Some(after) =
            answer.as_ref().err().and_then(Failure::refusal).and_then(|refusal| refusal.after)
        {
            // Sooner would be refused again.
            tokio::time::sleep(after.min(AFTER_MAX)).await;
        }
        answer
    }

    fn can_renew(&self) -> bool {
        self.place.exec.is_some() || self.place.config.auth_info.token_file.is_some()
    }

    async fn attempt(
        &self,
        method: &Method,
        path: &str,
        body: Option<(&str, &[u8])>,
    ) -> Result<(u16, Vec<u8>), Failure> {
        let client = self.connected().await?;
        let mut request = Request::builder().method(method.clone()).uri(path);
        if let Some((content, _)) = body {
            request = request.header(CONTENT_TYPE, content);
        }
        let bytes = body.map(|(_, bytes)| bytes.to_vec()).unwrap_or_default();
        let request =
            request.body(Body::from(bytes)).map_err(|error| Failure::Unreachable(error.to_string()))?;
        let answered = tokio::time::timeout(WITHIN, async {
            let response = client.send(request).await.map_err(|error| Failure::Unreachable(chain(&error)))?;
            let (head, body) = response.into_parts();
            let read = Limited::new(body, BYTES_MAX).collect().await;
            let read =
                read.map_err(|error| Failure::Unreachable(format!("the answer broke off: {error}")))?;
            Ok::<_, Failure>((head, read.to_bytes().to_vec()))
        });
        let late = |_| Failure::Unreachable(format!("no answer within {} s", WITHIN.as_secs()));
        let (head, bytes) = answered.await.map_err(late)??;
        let code = head.status.as_u16();
        if head.status.is_success() {
            return Ok((code, bytes));
        }
        Err(Failure::Refused(Box::new(Refusal::of(code, &bytes, after(&head.headers)))))
    }

    async fn connected(&self) -> Result<Client, Failure> {
        let mut client = self.client.lock().await;
        if let Some(client) = client.as_ref() {
            return Ok(client.clone());
        }
        let mut config = self.place.config.clone();
        if let Some(exec) = &self.place.exec {
            config.auth_info = exec.credential().await.map_err(|error| Failure::Unable(Box::new(error)))?;
        }
        let made = Client::try_from(config).map_err(|error| {
            let error = ProviderError::permanent("the cluster cannot be asked with this configuration")
                .detail(chain(&error));
            Failure::Unable(Box::new(error.code(&ARGUMENT)))
        })?;
        Ok(client.insert(made).clone())
    }
}

/// That the cluster has no such kind, as the server would say it.
fn no_kind(at: &Identity) -> Failure {
    let message = format!("the cluster has no kind {} in {}", at.kind, at.api_version);
    Failure::Refused(Box::new(Refusal {
        code: 404,
        reason: "NoKind".to_owned(),
        message,
        ..Refusal::default()
    }))
}

fn parse(bytes: &[u8]) -> Result<Json, Failure> {
    serde_json::from_slice(bytes)
        .map_err(|error| Failure::Unreachable(format!("the answer is no JSON: {error}")))
}

/// When to ask again, as a header says it in seconds.
fn after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Where the kinds of an API version are listed.
fn root(api_version: &str) -> String {
    let Group { group, version } = Group::of(api_version);
    if group.is_empty() {
        format!("/api/{}", encoded(version))
    } else {
        format!("/apis/{}/{}", encoded(group), encoded(version))
    }
}

/// Where objects like one are.
fn collection(like: &Identity, resource: &Resource) -> String {
    let root = root(&like.api_version);
    match like.namespace.as_ref().filter(|_| resource.namespaced) {
        Some(namespace) => format!("{root}/namespaces/{}/{}", encoded(namespace), resource.plural),
        None => format!("{root}/{}", resource.plural),
    }
}

/// A text as one segment of a path, or a value of a query.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_api() {
        let at = |api_version: &str, kind: &str, namespace: Option<&str>| Identity {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: "x".to_owned(),
        };
        let path = |at: &Identity| {
            let known = kinds::find(&at.api_version, &at.kind).unwrap();
            collection(at, &Resource { plural: known.plural.to_owned(), namespaced: known.namespaced })
        };
        assert_eq!(path(&at("v1", "Secret", Some("prod"))), "/api/v1/namespaces/prod/secrets");
        assert_eq!(
            path(&at("apps/v1", "Deployment", Some("p/../q"))),
            "/apis/apps/v1/namespaces/p%2F..%2Fq/deployments"
        );
        assert_eq!(path(&at("v1", "Namespace", None)), "/api/v1/namespaces");
        assert_eq!(encoded("system:a b"), "system%3Aa%20b");
    }
}
