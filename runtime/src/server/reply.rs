//! Responses before they are sent.

use std::time::Duration;

use http_body_util::Full;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use crate::batch::Done;
use crate::config::Compat;
use crate::protocol::{Code, Refusal, merged};

pub(super) type Response = hyper::Response<Full<Bytes>>;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// What an overloaded server asks callers to wait. A full queue empties in less.
const RETRY_AFTER_SECONDS: u16 = 1;

/// A response, and what was refused if something was.
pub(super) struct Reply {
    pub(super) response: Response,
    pub(super) code: Option<Code>,
    /// Of the run that answered: time in the queue, time in the model, rows.
    pub(super) run: Option<(Duration, Duration, usize)>,
}

impl Reply {
    /// A body of this type, with 200.
    pub(super) fn new(content_type: HeaderValue, body: Vec<u8>) -> Self {
        let mut response = Response::new(Full::new(Bytes::from(body)));
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        Self { response, code: None, run: None }
    }

    /// A body that is JSON already.
    pub(super) fn json(body: Vec<u8>) -> Self {
        Self::new(JSON, body)
    }

    /// A JSON value.
    pub(super) fn value(body: &Value) -> Self {
        Self::json(body.to_string().into_bytes())
    }

    /// The same, with what is told of its run.
    pub(super) fn of_run(mut self, done: &Done) -> Self {
        self.run = Some((done.waited, done.took, done.batch_rows));
        self
    }

    /// The same with another status.
    pub(super) fn with_status(mut self, status: u16) -> Self {
        *self.response.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self
    }

    /// A refusal; to callers of the Open Inference Protocol with the `error` that it has.
    pub(super) fn refusal(refusal: &Refusal, request_id: &str, v2: bool, compat: Compat) -> Self {
        let body = refusal.body(request_id);
        let (body, status) = match (v2, compat) {
            (true, _) => (merged(json!({"error": refusal.message}), body), refusal.code.status()),
            (false, Compat::C) if refusal.code == Code::Validation => {
                (merged(json!({"detail": refusal.message}), body), Code::BadRequest.status())
            }
            (false, Compat::C) => (merged(json!({"detail": refusal.message}), body), refusal.code.status()),
            (false, Compat::M | Compat::P) => (body, refusal.code.status()),
        };
        let mut reply = Self::value(&body).with_status(status);
        if matches!(refusal.code, Code::Overloaded | Code::ReloadPending) {
            reply.response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECONDS.into());
        }
        if refusal.code == Code::Authentication {
            reply.response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        reply.code = Some(refusal.code);
        reply
    }
}
