//! HTTP and HTTPS: the one door to the client.
//!
//! Goes in: an address. Comes out: status, headers and body. Never happens: an answer without a bound, a wait without an
//! end, a step from HTTPS down to HTTP, a connection to the machine's own metadata service, credentials to another host
//! than they are for.

mod guard;

use super::address::{host_of, is_loopback};
use super::error::FetchError;
use super::secret;
use base64::Engine as _;
use guard::Resolver;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Request, Response, Uri};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioExecutor;
use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

/// Redirects that are followed.
const REDIRECTS_MAX: usize = 5;
/// Time to connect.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Time for the head of an answer.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// Time for a whole answer: 64 MiB over a slow line.
const BODY_WITHIN: Duration = Duration::from_mins(5);
/// Attempts per request, the first included, where the server or the line fails.
const ATTEMPTS_MAX: u32 = 3;
/// The wait before the second attempt; twice as long before the third.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) url: &'a str,
    /// The value of `Accept`, if there is one.
    pub(super) accept: Option<&'a str>,
    /// The value of `Authorization`, for the host of the address alone.
    pub(super) authorization: Option<&'a str>,
    /// Bytes of the body at most.
    pub(super) bytes_max: usize,
}

/// What came.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// The address that answered, after redirects.
    pub(super) url: String,
}

impl Answer {
    /// The text of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body, if the status says that it is what was asked for.
    pub(super) fn found(self, what: &str) -> Result<Vec<u8>, FetchError> {
        match self.status {
            200..=299 => Ok(self.body),
            status => {
                Err(FetchError::Remote(format!("{what}: {} answers {}", shown(&self.url), words(status))))
            }
        }
    }
}

/// A status with what it means.
pub(super) fn words(status: u16) -> String {
    let reason = hyper::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.map_or_else(|| status.to_string(), |reason| format!("{status} {reason}"))
}

/// An address as it may be shown.
pub(super) fn shown(url: &str) -> String {
    format!("`{}`", crate::diag::escape(&secret::stripped(url)))
}

/// The client.
#[derive(Debug)]
pub(super) struct Http {
    allowed: Arc<[String]>,
    proxies: Matcher,
    tls: OnceCell<rustls::ClientConfig>,
}

impl Http {
    /// A client. `variable` gives the variables of the environment; hosts of `allowed` may be anywhere.
    pub(super) fn new(variable: &dyn Fn(&str) -> Option<String>, allowed: &[String]) -> Self {
        let either =
            |name: &str| variable(&name.to_lowercase()).or_else(|| variable(name)).unwrap_or_default();
        let proxies = Matcher::builder()
            .all(either("ALL_PROXY"))
            // Only in small letters: servers pass headers of requests in the others.
            .http(variable("http_proxy").unwrap_or_default())
            .https(either("HTTPS_PROXY"))
            .no(either("NO_PROXY"))
            .build();
        Self { allowed: allowed.into(), proxies, tls: OnceCell::new() }
    }

    /// Gets an address, redirects followed.
    pub(super) async fn get(&self, ask: Ask<'_>) -> Result<Answer, FetchError> {
        let mut url = ask.url.to_owned();
        let mut authorization = ask.authorization.map(str::to_owned).or_else(|| basic(&url));
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.persist(&url, ask, authorization.as_deref()).await?;
            let to = answer.headers.get(LOCATION).and_then(|to| to.to_str().ok());
            let Some(to) = to.filter(|_| matches!(answer.status, 301 | 302 | 303 | 307 | 308)) else {
                return Ok(answer);
            };
            let next = join(&url, to);
            self.may_follow(&url, &next)?;
            if authority(&url) != authority(&next) {
                authorization = basic(&next);
            }
            url = next;
        }
        Err(FetchError::Remote(format!("{} leads on more than {REDIRECTS_MAX} times", shown(ask.url))))
    }

    /// Whether an address may be asked after another.
    pub(super) fn may_follow(&self, from: &str, to: &str) -> Result<(), FetchError> {
        let refused =
            |why: &str| Err(FetchError::Refused(format!("{} leads on to {}, {why}", shown(from), shown(to))));
        if !to.starts_with("https://") && !to.starts_with("http://") {
            return refused("which is not HTTP");
        }
        if from.starts_with("https://") && !to.starts_with("https://") {
            return refused("which is not encrypted");
        }
        let local = |url: &str| host_of(url).is_some_and(is_loopback);
        if local(to) && !local(from) && !self.is_allowed(to) {
            return refused("which is this machine");
        }
        Ok(())
    }

    fn is_allowed(&self, url: &str) -> bool {
        host_of(url).is_some_and(|host| self.allowed.iter().any(|allowed| allowed == host))
    }

    /// Asks again where a server or a line fails.
    async fn persist(
        &self,
        url: &str,
        ask: Ask<'_>,
        authorization: Option<&str>,
    ) -> Result<Answer, FetchError> {
        let mut wait = RETRY_AFTER;
        for attempt in 1.. {
            let answer = self.exchange(url, ask, authorization).await;
            let failed = match &answer {
                Ok(answer) => matches!(answer.status, 429 | 500 | 502 | 503 | 504),
                Err((_, may_retry)) => *may_retry,
            };
            if !failed || attempt == ATTEMPTS_MAX {
                return answer.map_err(|(error, _)| error);
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        unreachable!("the last attempt returns")
    }

    /// One request; an error says whether another attempt makes sense.
    async fn exchange(
        &self,
        url: &str,
        ask: Ask<'_>,
        authorization: Option<&str>,
    ) -> Result<Answer, (FetchError, bool)> {
        let finally = |error| (error, false);
        let uri = self.uri(url).map_err(finally)?;
        let mut request = Request::get(&uri).header(USER_AGENT, concat!("mlo/", env!("CARGO_PKG_VERSION")));
        if let Some(accept) = ask.accept {
            request = request.header(ACCEPT, accept);
        }
        if let Some(value) = authorization {
            let mut value = HeaderValue::from_str(value).map_err(|_| {
                finally(FetchError::Remote("the credentials are no text for a header".to_owned()))
            })?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let request = request.body(Empty::new()).map_err(|_| finally(not_an_address(url)))?;
        let sent = tokio::time::timeout(HEAD_WITHIN, self.send(&uri, request)).await;
        let answer = match sent {
            Err(_) => return Err((FetchError::Remote(format!("{} does not answer", shown(url))), true)),
            Ok(answer) => answer?,
        };
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ask.bytes_max).collect();
        let body = match tokio::time::timeout(BODY_WITHIN, body).await {
            Err(_) => return Err(finally(FetchError::Remote(format!("{} takes too long", shown(url))))),
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                let what = format!("{} is larger than {} bytes", shown(url), ask.bytes_max);
                return Err(finally(FetchError::Package(what)));
            }
            Ok(Err(_)) => return Err((FetchError::Remote(format!("{} ends early", shown(url))), true)),
        };
        let (status, headers) = (head.status.as_u16(), head.headers);
        Ok(Answer { status, headers, body: body.to_vec(), url: url.to_owned() })
    }

    /// An address without credentials, to where connections are made.
    fn uri(&self, url: &str) -> Result<Uri, FetchError> {
        let bare = without_user(url);
        let uri: Uri = bare.parse().map_err(|_| not_an_address(url))?;
        if uri.host().is_none() {
            return Err(not_an_address(url));
        }
        self.check_host(url)?;
        Ok(uri)
    }

    /// Refuses a host that is written as an address to which no connection is made.
    pub(super) fn check_host(&self, url: &str) -> Result<(), FetchError> {
        let address = host_of(url).and_then(|host| host.parse::<std::net::IpAddr>().ok());
        match address.filter(|_| !self.is_allowed(url)).and_then(guard::forbidden) {
            Some(what) => Err(FetchError::Refused(format!("{} is {what}", shown(url)))),
            None => Ok(()),
        }
    }

    async fn send(
        &self,
        uri: &Uri,
        request: Request<Empty<Bytes>>,
    ) -> Result<Response<hyper::body::Incoming>, (FetchError, bool)> {
        let tls = self.tls().map_err(|error| (error, false))?;
        let proxy = self.proxies.intercept(uri).filter(|_| !uri.host().is_some_and(is_loopback));
        let mut direct =
            HttpConnector::new_with_resolver(Resolver::new(self.allowed.clone(), proxy.is_some()));
        direct.enforce_http(false);
        direct.set_connect_timeout(Some(CONNECT_WITHIN));
        match proxy {
            None => request_by(HttpsConnector::from((direct, tls)), request).await,
            Some(proxy) => request_by(HttpsConnector::from((tunnel(&proxy, direct), tls)), request).await,
        }
    }

    /// Which servers are trusted: those that the system trusts. It is asked once.
    fn tls(&self) -> Result<rustls::ClientConfig, FetchError> {
        if let Some(config) = self.tls.get() {
            return Ok(config.clone());
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .ok()
            .and_then(|builder| builder.with_native_roots().ok());
        let config = config.ok_or_else(|| {
            FetchError::Remote(
                "the system has no certificates to trust: install `ca-certificates`, or set `SSL_CERT_FILE`"
                    .to_owned(),
            )
        })?;
        Ok(self.tls.get_or_init(|| config.with_no_client_auth()).clone())
    }
}

fn tunnel(proxy: &Intercept, direct: HttpConnector<Resolver>) -> Tunnel<HttpConnector<Resolver>> {
    let tunnel = Tunnel::new(proxy.uri().clone(), direct);
    match proxy.basic_auth() {
        Some(auth) => tunnel.with_auth(auth.clone()),
        None => tunnel,
    }
}

async fn request_by<C>(
    connector: C,
    request: Request<Empty<Bytes>>,
) -> Result<Response<hyper::body::Incoming>, (FetchError, bool)>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let url = request.uri().to_string();
    let client: Client<C, Empty<Bytes>> =
        Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
    client.request(request).await.map_err(|error| {
        let mut causes = std::iter::successors(std::error::Error::source(&error), |error| error.source());
        if let Some(refused) = causes.find_map(|cause| cause.downcast_ref::<guard::Refused>()) {
            return (FetchError::Refused(format!("{}: {refused}", shown(&url))), false);
        }
        let why = std::iter::successors(std::error::Error::source(&error), |error| error.source()).last();
        let why = why.map_or_else(|| error.to_string(), ToString::to_string);
        let why = why.split_once(" (os error").map_or(why.as_str(), |(words, _)| words).to_owned();
        (
            FetchError::Remote(format!("{} cannot be reached: {}", shown(&url), crate::diag::escape(&why))),
            true,
        )
    })
}

fn not_an_address(url: &str) -> FetchError {
    FetchError::Address(format!("{} is not an address", shown(url)))
}

/// Host and port, and the scheme that says the port where there is none.
fn authority(url: &str) -> Option<&str> {
    let end = url.find("://").map(|at| at + 3)?;
    let length = url.get(end..)?.find(['/', '?', '#']).unwrap_or(url.len() - end);
    url.get(..end + length)
}

/// An address without `user:password@`, with its query as it is.
fn without_user(url: &str) -> String {
    let rest = authority(url).and_then(|whole| {
        let (scheme, authority) = whole.split_once("://")?;
        let host = authority.rsplit_once('@')?.1;
        Some(format!("{scheme}://{host}{}", url.get(whole.len()..)?))
    });
    rest.unwrap_or_else(|| url.to_owned())
}

/// `Basic …` from the user in an address, if there is one.
fn basic(url: &str) -> Option<String> {
    let (_, rest) = authority(url)?.split_once("://")?;
    let (user, _) = rest.rsplit_once('@')?;
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let pair = format!("{}:{}", secret::decoded(name), secret::decoded(password));
    Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
}

/// A source as a server names it: where it is a path, one of the server.
pub(super) fn placed(base: &str, source: &str) -> String {
    let is_path = source.starts_with('/') || source.starts_with("./") || source.starts_with("../");
    if is_path { join(base, source) } else { source.to_owned() }
}

/// An address as it is written in an answer from another.
pub(super) fn join(base: &str, to: &str) -> String {
    let Some(root) = authority(base).filter(|_| !to.contains("://")) else { return to.to_owned() };
    if let Some(rest) = to.strip_prefix("//") {
        let scheme = root.split("://").next().unwrap_or("https");
        return format!("{scheme}://{rest}");
    }
    if to.starts_with('/') {
        return format!("{root}{to}");
    }
    let path = base.get(root.len()..).unwrap_or_default();
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let folder = path.rfind('/').and_then(|at| path.get(..=at)).unwrap_or("/");
    let mut parts: Vec<_> =
        folder.trim_start_matches('/').split('/').filter(|part| !part.is_empty()).collect();
    let (path, query) = to.split_once('?').map_or((to, None), |(path, query)| (path, Some(query)));
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{root}/{}{query}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_answers_are_seen_from_where_they_stand() {
        for (to, joined) in [
            ("https://other/x", "https://other/x"),
            ("//other/x", "https://other/x"),
            ("/x?y=1", "https://h:1/x?y=1"),
            ("x", "https://h:1/a/x"),
            ("./x?y=/../z", "https://h:1/a/x?y=/../z"),
            ("../../x", "https://h:1/x"),
        ] {
            assert_eq!(join("https://h:1/a/b?c=/d", to), joined, "{to}");
        }
        assert_eq!(without_user("https://u:p@h/a@b"), "https://h/a@b");
        assert_eq!(basic("https://u:p%3A@h/a").as_deref(), Some("Basic dTpwOg=="));
        assert_eq!(basic("https://h/a@b"), None);
    }

    #[test]
    fn what_leads_down_or_inside_is_not_followed() {
        let http = Http::new(&|_| None, &["127.0.0.3".to_owned()]);
        for (from, to, follows) in [
            ("https://a/", "https://b/", true),
            ("http://a/", "https://b/", true),
            ("https://a/", "http://b/", false),
            ("http://localhost:1/", "http://127.0.0.1:2/", true),
            ("http://a/", "http://127.0.0.1/", false),
            ("http://a/", "http://[::1]/", false),
            ("http://a/", "http://127.0.0.3/", true),
            ("http://a/", "file:///etc/passwd", false),
        ] {
            assert_eq!(http.may_follow(from, to).is_ok(), follows, "{from} {to}");
        }
    }
}
