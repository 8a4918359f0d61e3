//! HTTP and HTTPS, as a client: the one door of sources.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION};
use hyper::{Method, Request, Uri};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector};
use hyper_util::client::legacy::Client as Legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::SourceError;

/// Redirects that are followed.
const REDIRECTS_MAX: usize = 5;
/// Attempts of a request, the first included, where the server or the line fails. Waits of 0.5 and 1 s.
const ATTEMPTS_MAX: u32 = 3;
const RETRY_AFTER: Duration = Duration::from_millis(500);
const CONNECT_MAX: Duration = Duration::from_secs(10);
const HEAD_MAX: Duration = Duration::from_secs(30);
/// Time for a whole answer: 2 GiB over a slow line.
const BODY_MAX: Duration = Duration::from_mins(30);

/// What went wrong on the way.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("`{0}` is not an address")]
    Address(String),
    #[error("{url} is not asked: {why}")]
    Refused { url: String, why: &'static str },
    #[error("{url} cannot be reached: {reason}")]
    Unreachable { url: String, reason: String },
    #[error("{url} answers {status}")]
    Status { url: String, status: u16 },
    #[error("{url} is larger than a model can be")]
    TooLarge { url: String },
    #[error("the system has no certificates to trust: install `ca-certificates`, or set `SSL_CERT_FILE`")]
    NoRoots,
    #[error("cannot start a client: {0}")]
    System(std::io::Error),
}

/// What came.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: HeaderMap,
    pub(super) body: Vec<u8>,
    url: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body, if it is what was asked for.
    pub(super) fn found(self) -> Result<Vec<u8>, HttpError> {
        match self.status {
            200..=299 => Ok(self.body),
            status => Err(HttpError::Status { url: self.url, status }),
        }
    }

    /// The same as JSON.
    pub(super) fn json(self) -> Result<serde_json::Value, SourceError> {
        let place = self.url.clone();
        let body = self.found()?;
        serde_json::from_slice(&body)
            .map_err(|error| SourceError::Answer { place, problem: error.to_string() })
    }
}

/// A client that waits for its answers: models are loaded on a thread of their own.
pub(super) struct Client {
    runtime: tokio::runtime::Runtime,
    client: Legacy<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// A request's headers.
pub(super) type Headers<'h> = &'h [(&'h str, &'h str)];

/// A client that trusts what the system trusts.
pub(super) fn client() -> Result<Client, HttpError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(HttpError::System)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()
        .and_then(|builder| builder.with_native_roots().ok())
        .ok_or(HttpError::NoRoots)?
        .with_no_client_auth();
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(CONNECT_MAX));
    let client = Legacy::builder(TokioExecutor::new()).build(HttpsConnector::from((connector, tls)));
    Ok(Client { runtime, client })
}

impl Client {
    /// Gets an address, redirects followed. To another host go only those headers that say what is wanted: of all others
    /// any may be a credential.
    pub(super) fn get(&self, url: &str, headers: Headers<'_>) -> Result<Answer, HttpError> {
        let mut url = url.to_owned();
        let mut headers: Vec<(&str, &str)> = headers.to_vec();
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.persist(&Method::GET, &url, &headers, &Bytes::new())?;
            let to = answer
                .header(LOCATION.as_str())
                .filter(|_| matches!(answer.status, 301 | 302 | 303 | 307 | 308));
            let Some(to) = to else { return Ok(answer) };
            let next = joined(&url, to);
            if url.starts_with("https://") && !next.starts_with("https://") {
                return Err(HttpError::Refused {
                    url: next,
                    why: "it is not encrypted, and what led to it is",
                });
            }
            if authority(&url) != authority(&next) {
                headers.retain(|(name, _)| name.eq_ignore_ascii_case(ACCEPT.as_str()));
            }
            url = next;
        }
        Err(HttpError::Refused { url, why: "it leads on too often" })
    }

    /// Posts a body of the type that the headers say.
    pub(super) fn post(&self, url: &str, headers: Headers<'_>, body: String) -> Result<Answer, HttpError> {
        self.persist(&Method::POST, url, headers, &Bytes::from(body))
    }

    /// Asks again where a server or a line fails.
    fn persist(
        &self,
        method: &Method,
        url: &str,
        headers: Headers<'_>,
        body: &Bytes,
    ) -> Result<Answer, HttpError> {
        let mut wait = RETRY_AFTER;
        for attempt in 1.. {
            let answer = self.runtime.block_on(self.exchange(method, url, headers, body.clone()));
            let failed = match &answer {
                Ok(answer) => matches!(answer.status, 429 | 500 | 502 | 503 | 504),
                Err(error) => matches!(error, HttpError::Unreachable { .. }),
            };
            if !failed || attempt == ATTEMPTS_MAX {
                return answer;
            }
            self.runtime.block_on(tokio::time::sleep(wait));
            wait *= 2;
        }
        unreachable!("the last attempt returns")
    }

    async fn exchange(
        &self,
        method: &Method,
        url: &str,
        headers: Headers<'_>,
        body: Bytes,
    ) -> Result<Answer, HttpError> {
        let uri: Uri = url.parse().map_err(|_| HttpError::Address(url.to_owned()))?;
        let host = uri.host().ok_or_else(|| HttpError::Address(url.to_owned()))?;
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().ok();
        if address.is_some_and(is_link_local) {
            let why = "it is an address that the machine's own metadata service has";
            return Err(HttpError::Refused { url: url.to_owned(), why });
        }
        let agent = concat!("mlo-runtime/", env!("CARGO_PKG_VERSION"));
        let mut request = Request::builder().method(method).uri(uri).header("user-agent", agent);
        for (name, value) in headers {
            let (Ok(name), Ok(mut value)) = (HeaderName::try_from(*name), HeaderValue::try_from(*value))
            else {
                return Err(HttpError::Refused {
                    url: url.to_owned(),
                    why: "a credential is no text for a header",
                });
            };
            value.set_sensitive(name == AUTHORIZATION || name == "x-amz-security-token");
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body)).map_err(|_| HttpError::Address(url.to_owned()))?;
        let unreachable = |reason: String| HttpError::Unreachable { url: url.to_owned(), reason };
        let answer = tokio::time::timeout(HEAD_MAX, self.client.request(request)).await;
        let answer = answer.map_err(|_| unreachable("no answer in time".to_owned()))?;
        let answer = answer.map_err(|error| unreachable(innermost(&error)))?;
        let (head, body) = answer.into_parts();
        let max = usize::try_from(mlo_model::MODEL_BYTES_MAX).unwrap_or(usize::MAX);
        let body = tokio::time::timeout(BODY_MAX, Limited::new(body, max).collect()).await;
        let body = match body.map_err(|_| unreachable("it takes too long".to_owned()))? {
            Ok(body) => body.to_bytes().to_vec(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Err(HttpError::TooLarge { url: url.to_owned() });
            }
            Err(error) => return Err(unreachable(error.to_string())),
        };
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body, url: url.to_owned() })
    }
}

/// What lies under an error: the outer ones only say that something failed.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// `169.254.0.0/16` and `fe80::/10`: where clouds have the metadata of a machine, its credentials among them.
fn is_link_local(address: std::net::IpAddr) -> bool {
    match address {
        std::net::IpAddr::V4(address) => address.is_link_local(),
        std::net::IpAddr::V6(address) => {
            address.is_unicast_link_local()
                || address.to_ipv4_mapped().is_some_and(|mapped| mapped.is_link_local())
        }
    }
}

/// Scheme, host and port.
fn authority(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let length = url.get(start..).and_then(|rest| rest.find(['/', '?', '#']));
    url.get(..length.map_or(url.len(), |length| start + length)).unwrap_or(url)
}

/// An address as another one's answer names it.
fn joined(base: &str, to: &str) -> String {
    if to.contains("://") {
        to.to_owned()
    } else if to.starts_with('/') {
        format!("{}{to}", authority(base))
    } else {
        let folder = base.rfind('/').and_then(|at| base.get(..=at)).unwrap_or(base);
        format!("{folder}{to}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_joined() {
        let rows = [
            ("https://h:1/a/b?c", "https://x/y", "https://x/y"),
            ("https://h:1/a/b", "/y", "https://h:1/y"),
            ("https://h:1/a/b", "y", "https://h:1/a/y"),
        ];
        for (base, to, expected) in rows {
            assert_eq!(joined(base, to), expected);
        }
        assert_eq!(authority("https://h:1"), "https://h:1");
    }

    #[test]
    fn metadata_services_are_not_asked() {
        let client = client().unwrap();
        for url in [
            "http://169.254.169.254/latest/meta-data",
            "http://[fe80::1]/",
            "http://[::ffff:169.254.169.254]/",
        ] {
            assert!(matches!(client.get(url, &[]), Err(HttpError::Refused { .. })), "{url}");
        }
    }
}
