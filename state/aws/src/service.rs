//! One service, asked by requests that are made and signed here.
//!
//! In: what is asked, in the protocol's own words. Out: what was answered, or why nothing was. Never: more attempts than
//! [`ATTEMPTS_MAX`]; an answer of more than [`ANSWER_BYTES_MAX`]; a header of a request in an error.

use std::time::Duration;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_types::service_config::ServiceConfigKey;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::access::{Account, chain};

/// Attempts at a call that may be made again, the first included.
pub(crate) const ATTEMPTS_MAX: u32 = 3;
/// The wait after the first attempt; it doubles.
const WAIT_FIRST: Duration = Duration::from_millis(200);
/// How long an attempt may take: with all of them a call ends well inside the lease of a lock.
const ATTEMPT: Duration = Duration::from_secs(8);
/// Largest answer.
pub(crate) const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Why a call has no answer that could be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nothing says in which region the service is.
    #[error("the region is not known")]
    NoRegion,
    /// Nobody says who asks.
    #[error("there are no credentials of AWS: {said}")]
    NoCredentials {
        /// What those said that were asked for them.
        said: String,
    },
    /// The request cannot be made.
    #[error("the request cannot be made: {said}")]
    Unmade {
        /// Why.
        said: String,
    },
    /// What is asked and answered is secret, and others could read it on the way.
    #[error(
        "{endpoint} is not encrypted, and no other machine is asked without that: give one that begins with `https://`"
    )]
    Unencrypted {
        /// Where the service should be.
        endpoint: String,
    },
    /// Nobody knows whether it took effect.
    #[error("{endpoint} does not answer: {said}")]
    Unanswered {
        /// Where the service should be.
        endpoint: String,
        /// How that was seen.
        said: String,
    },
    /// The service refused.
    #[error("{message} ({status} {code})")]
    Refused {
        /// The status of HTTP.
        status: u16,
        /// What the service calls it: `AccessDeniedException`.
        code: String,
        /// What it says of it.
        message: String,
    },
}

impl CallError {
    /// Whether another attempt may end in another way.
    fn passes(&self) -> bool {
        match self {
            Self::Unanswered { .. } => true,
            Self::Refused { status, code, .. } => {
                *status == 429 || *status >= 500 || code.contains("Throttl") || code == "RequestTimeout"
            }
            _ => false,
        }
    }
}

/// What a service answered.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status of HTTP.
    pub status: u16,
    /// The body.
    pub body: Zeroizing<Vec<u8>>,
}

/// A service in a region.
#[derive(Debug)]
pub struct Service<'a> {
    account: &'a Account,
    /// What it is called in names of hosts and in signatures: `kms`.
    name: &'static str,
    region: String,
    endpoint: String,
    connector: Connector,
}

impl<'a> Service<'a> {
    /// The service that is called `name` in names of hosts and `id` in AWS's shared configuration; at `endpoint`, if it is
    /// not AWS's.
    ///
    /// # Errors
    /// [`CallError::NoRegion`], [`CallError::Unencrypted`].
    pub fn new(
        account: &'a Account,
        (name, id): (&'static str, &str),
        endpoint: Option<&str>,
    ) -> Result<Self, CallError> {
        let config = &account.config;
        let region = config.region().map(ToString::to_string).ok_or(CallError::NoRegion)?;
        let key = ServiceConfigKey::builder().service_id(id).env("AWS_ENDPOINT_URL").profile("endpoint_url");
        let of_service = key.build().ok().and_then(|key| config.service_config()?.load_config(key));
        let endpoint = endpoint.map(str::to_owned).or(of_service);
        let endpoint = endpoint.or_else(|| config.endpoint_url().map(str::to_owned));
        let endpoint = endpoint.unwrap_or_else(|| {
            let (fips, dual) =
                (config.use_fips().unwrap_or_default(), config.use_dual_stack().unwrap_or_default());
            host(name, &region, fips, dual)
        });
        if !is_endpoint(&endpoint) {
            return Err(CallError::Unencrypted { endpoint });
        }
        let connector = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring)).build();
        Ok(Self { account, name, region, endpoint, connector })
    }

    /// Calls in the protocol `awsJson1_1` until there is an answer that another attempt would not change. `target` is the
    /// call's full name: `TrentService.Decrypt`.
    ///
    /// # Errors
    /// If the service refuses, or does not answer.
    pub async fn json(&self, target: &str, body: &[u8]) -> Result<Zeroizing<Vec<u8>>, CallError> {
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        let mut wait = WAIT_FIRST;
        for attempt in 1.. {
            let answered = self.post(&headers, body).await.and_then(read);
            match answered {
                Err(error) if error.passes() && attempt < ATTEMPTS_MAX => {}
                answered => return answered,
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        unreachable!("the last attempt is answered")
    }

    /// One attempt at a request with these headers, in small letters, and this body.
    ///
    /// # Errors
    /// If there is no answer. What the answer says is not looked at.
    pub async fn post(&self, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer, CallError> {
        let request = self.signed(headers, body).await?;
        let answered = async {
            let response = self.connector.call(request).await;
            let mut response = response.map_err(|error| self.unanswered(chain(&error)))?;
            let status = response.status().as_u16();
            let body = ByteStream::new(response.take_body()).collect().await;
            let body = Zeroizing::new(body.map_err(|error| self.unanswered(chain(&error)))?.to_vec());
            if body.len() > ANSWER_BYTES_MAX {
                return Err(self.unanswered(format!("its answer has {} bytes", body.len())));
            }
            Ok(Answer { status, body })
        };
        let waited = tokio::time::timeout(ATTEMPT, answered).await;
        waited
            .unwrap_or_else(|_| Err(self.unanswered(format!("nothing came within {} s", ATTEMPT.as_secs()))))
    }

    async fn signed(&self, headers: &[(&str, &str)], body: &[u8]) -> Result<HttpRequest, CallError> {
        fn unmade(error: &(dyn std::error::Error + 'static)) -> CallError {
            CallError::Unmade { said: chain(error) }
        }
        let identity = self.account.credentials().await?.into();
        let time = self.account.config.time_source().unwrap_or_default().now();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.name)
            .time(time)
            .settings(SigningSettings::default());
        let params = params.build().map_err(|error| unmade(&error))?.into();
        let uri = format!("{}/", self.endpoint.trim_end_matches('/'));
        let body_signed = SignableBody::Bytes(body);
        let signable = SignableRequest::new("POST", uri.as_str(), headers.iter().copied(), body_signed);
        let signed =
            sign(signable.map_err(|error| unmade(&error))?, &params).map_err(|error| unmade(&error))?;
        let (instructions, _) = signed.into_parts();
        let mut request = HttpRequest::new(SdkBody::from(body.to_vec()));
        request.set_method("POST").map_err(|error| unmade(&error))?;
        request.set_uri(uri.as_str()).map_err(|error| unmade(&error))?;
        for (name, value) in headers.iter().copied().chain(instructions.headers()) {
            request
                .headers_mut()
                .try_insert(name.to_owned(), value.to_owned())
                .map_err(|error| unmade(&error))?;
        }
        Ok(request)
    }

    fn unanswered(&self, said: String) -> CallError {
        CallError::Unanswered { endpoint: self.endpoint.clone(), said }
    }
}

/// What an answer in JSON says that the service did what was asked, or why it did not.
fn read(answer: Answer) -> Result<Zeroizing<Vec<u8>>, CallError> {
    if answer.status == 200 {
        return Ok(answer.body);
    }
    let said = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    let text = |names: &[&str]| names.iter().find_map(|name| said.get(*name)?.as_str()).unwrap_or_default();
    // `com.amazonaws.kms#NotFoundException`, and some services add an address after a colon.
    let code = text(&["__type", "code", "Code"]).rsplit('#').next().unwrap_or_default();
    let code = code.split(':').next().unwrap_or_default().to_owned();
    let message = match text(&["message", "Message"]) {
        "" => "the service refused".to_owned(),
        message => message.to_owned(),
    };
    Err(CallError::Refused { status: answer.status, code, message })
}

/// Whether a service may be asked there for what is secret: over an encrypted line, or on this machine; and nobody's
/// password stands in it.
pub fn is_endpoint(url: &str) -> bool {
    let is_host = |rest: &str| !rest.is_empty() && !rest.starts_with('/') && !rest.contains('@');
    if let Some(rest) = url.strip_prefix("https://") {
        return is_host(rest);
    }
    let Some(rest) = url.strip_prefix("http://").filter(|rest| is_host(rest)) else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let is_loopback = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    is_loopback || host.eq_ignore_ascii_case("localhost")
}

/// Where AWS has a service.
fn host(name: &str, region: &str, is_fips: bool, is_dual_stack: bool) -> String {
    let name = if is_fips { format!("{name}-fips") } else { name.to_owned() };
    let domain = match (region, is_dual_stack) {
        _ if region.starts_with("cn-") && is_dual_stack => "api.amazonwebservices.com.cn",
        _ if region.starts_with("cn-") => "amazonaws.com.cn",
        _ if region.starts_with("us-iso-") => "c2s.ic.gov",
        _ if region.starts_with("us-isob-") => "sc2s.sgov.gov",
        (_, true) => "api.aws",
        (_, false) => "amazonaws.com",
    };
    format!("https://{name}.{region}.{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_where_aws_says() {
        for (region, fips, dual, expected) in [
            ("eu-west-1", false, false, "https://kms.eu-west-1.amazonaws.com"),
            ("us-east-1", true, false, "https://kms-fips.us-east-1.amazonaws.com"),
            ("us-gov-west-1", true, true, "https://kms-fips.us-gov-west-1.api.aws"),
            ("cn-north-1", false, false, "https://kms.cn-north-1.amazonaws.com.cn"),
            ("us-iso-east-1", false, false, "https://kms.us-iso-east-1.c2s.ic.gov"),
        ] {
            assert_eq!(host("kms", region, fips, dual), expected);
        }
    }

    #[test]
    fn what_is_secret_goes_over_encrypted_lines_or_stays_here() {
        for (url, is_taken) in [
            ("https://kms.example.org", true),
            ("https://10.1.2.3:8443/kms", true),
            ("http://127.0.0.1:4566", true),
            ("http://127.8.9.1", true),
            ("http://[::1]:4566/x", true),
            ("http://LocalHost:4566", true),
            ("http://kms.example.org", false),
            ("http://10.1.2.3", false),
            ("http://localhost.example.org", false),
            ("http://127.0.0.1.example.org", false),
            ("http://127.0.0.1@example.org/", false),
            ("https://user:word@kms.example.org", false),
            ("http://example.org#@127.0.0.1", false),
            ("http://example.org?127.0.0.1", false),
            ("http:///127.0.0.1", false),
            ("https://", false),
            ("ftp://127.0.0.1", false),
            ("127.0.0.1:4566", false),
            ("", false),
        ] {
            assert_eq!(is_endpoint(url), is_taken, "{url}");
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let refused =
            |status, code: &str| CallError::Refused { status, code: code.into(), message: String::new() };
        for (error, passes) in [
            (refused(400, "ThrottlingException"), true),
            (refused(429, ""), true),
            (refused(503, ""), true),
            (refused(400, "AccessDeniedException"), false),
            (CallError::NoRegion, false),
            (CallError::Unanswered { endpoint: String::new(), said: String::new() }, true),
        ] {
            assert_eq!(error.passes(), passes, "{error}");
        }
    }
}
