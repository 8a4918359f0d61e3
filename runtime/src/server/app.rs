//! What all requests share.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hyper::header::{HeaderMap, HeaderValue};
use tokio::sync::Semaphore;

use super::budget::Budget;
use super::reply::REQUEST_ID;
use super::routes::Named;
use crate::access::Key;
use crate::batch::Bells;
use crate::clock;
use crate::config::Compat;
use crate::host::{Host, Hosted};
use crate::log::Log;
use crate::metrics::Metrics;
use crate::model::{Served, Stage};
use crate::observe::Observer;
use crate::process::Meter;
use crate::protocol::{Code, Refusal};
use crate::trace::Tracer;

/// Characters of a caller's request id at most.
const REQUEST_ID_CHARS_MAX: usize = 128;
/// Large bodies that are parsed at once.
const PARSING_MAX: usize = 2;

/// The server's state.
pub(crate) struct App {
    pub(crate) host: Arc<Host>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) beside: Beside,
    pub(crate) log: Log,
    pub(crate) draining: AtomicBool,
    pub(super) settings: Settings,
    pub(super) meter: Meter,
    pub(super) ids: RequestIds,
    /// What requests hold in memory.
    pub(super) budget: Budget,
    /// Who parses a large body holds one of these: what is parsed may be several times larger than it was.
    pub(super) parsing: Semaphore,
    inflight: AtomicU64,
    started: Instant,
}

/// What is told of requests beside their answers.
pub(crate) struct Beside {
    pub(crate) observer: Observer,
    pub(crate) tracer: Tracer,
    /// Rung whenever a thread that serves callers has nothing left to do.
    pub(crate) bells: Arc<Bells>,
}

/// What the operator wants of the server.
pub(crate) struct Settings {
    /// A token that `/health` and `/ready` give back.
    pub(crate) instance: Option<String>,
    /// Time for an answer, waiting included.
    pub(crate) request_timeout: Duration,
    /// Bytes of all requests at most.
    pub(crate) requests_bytes_max: usize,
    /// What predictions need.
    pub(crate) api_key: Option<Key>,
    /// What administration needs; without it there is none.
    pub(crate) admin_token: Option<Key>,
    /// Whether administration has a listener of its own, and is not on the other.
    pub(crate) admin_apart: bool,
    /// Whose answers ours are like.
    pub(crate) compat: Compat,
}

/// A request in progress; counts itself out however it ends.
pub(super) struct Inflight<'a>(&'a AtomicU64);

impl Drop for Inflight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Settings {
    /// Whether a caller showed what predictions need.
    pub(super) fn opens_predictions(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        match &self.api_key {
            Some(key) if !key.is_shown_as_api_key(headers) => {
                Err(Refusal::new(Code::Authentication, "a key is needed, in X-API-Key or as a bearer"))
            }
            _ => Ok(()),
        }
    }

    /// Whether the operator showed what administration needs.
    pub(super) fn opens_administration(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        match &self.admin_token {
            Some(token) if token.is_shown_as_admin_token(headers) => Ok(()),
            _ => Err(Refusal::new(
                Code::Forbidden,
                "the admin token is needed, in X-Admin-Token or as a bearer",
            )),
        }
    }
}

impl App {
    pub(crate) fn new(
        host: Arc<Host>,
        metrics: Arc<Metrics>,
        beside: Beside,
        log: Log,
        settings: Settings,
    ) -> Self {
        Self {
            host,
            metrics,
            beside,
            log,
            draining: AtomicBool::new(false),
            meter: Meter::start(),
            ids: RequestIds::new(),
            budget: Budget::new(settings.requests_bytes_max),
            parsing: Semaphore::new(PARSING_MAX),
            settings,
            inflight: AtomicU64::new(0),
            started: clock::instant(),
        }
    }

    /// The model that a path names.
    pub(super) fn hosted(&self, named: &Named) -> Result<&Hosted, Refusal> {
        Ok(self.stage(named)?.0)
    }

    /// The same, with what answers for it: the very model whose version was looked at, whatever takes over meanwhile.
    pub(super) fn asked(&self, named: &Named) -> Result<(&Hosted, Arc<Served>), Refusal> {
        let (hosted, stage) = self.stage(named)?;
        Ok((hosted, at(stage)?))
    }

    fn stage(&self, named: &Named) -> Result<(&Hosted, Stage), Refusal> {
        let unknown = || Refusal::new(Code::ModelNotFound, "there is no model of this name");
        let hosted = self.host.named(&named.model).ok_or_else(unknown)?;
        let stage = hosted.stage();
        let served = match &stage {
            Stage::Ready(served) => Some(served),
            Stage::Loading | Stage::Failed(_) => None,
        };
        let version = named.version.as_deref();
        if version.is_some() && version != hosted.version(served.map(AsRef::as_ref)) {
            return Err(Refusal::new(Code::ModelNotFound, "the model does not have this version"));
        }
        Ok((hosted, stage))
    }

    pub(super) fn is_ready(&self) -> bool {
        !self.draining.load(Ordering::Relaxed) && self.host.is_ready()
    }

    /// Whether this model answers, and will go on to.
    pub(super) fn answers(&self, hosted: &Hosted) -> bool {
        !self.draining.load(Ordering::Relaxed) && hosted.served().is_some()
    }

    /// Begins a request; it is in progress until what is returned is dropped.
    pub(super) fn begin(&self) -> Inflight<'_> {
        self.inflight.fetch_add(1, Ordering::Relaxed);
        Inflight(&self.inflight)
    }

    /// Requests that were begun and not answered.
    pub(crate) fn inflight(&self) -> u64 {
        self.inflight.load(Ordering::Relaxed)
    }

    pub(super) fn uptime_seconds(&self) -> f64 {
        (clock::instant() - self.started).as_secs_f64()
    }
}

/// The model that answers, or why none does.
pub(super) fn served(hosted: &Hosted) -> Result<Arc<Served>, Refusal> {
    at(hosted.stage())
}

fn at(stage: Stage) -> Result<Arc<Served>, Refusal> {
    match stage {
        Stage::Ready(served) => Ok(served),
        Stage::Loading => Err(Refusal::new(Code::ModelNotLoaded, "the model is still being loaded")),
        Stage::Failed(reason) => Err(Refusal::new(Code::ModelNotLoaded, reason)),
    }
}

/// The id that a request has or is given.
#[derive(Clone)]
pub(super) struct RequestId(pub(super) HeaderValue);

impl Default for RequestId {
    fn default() -> Self {
        Self(HeaderValue::from_static(""))
    }
}

impl RequestId {
    pub(super) fn text(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// Ids that no other process gives: 64 bits of chance, then a number.
pub(super) struct RequestIds {
    prefix: String,
    next: AtomicU64,
}

impl RequestIds {
    fn new() -> Self {
        let prefix = format!("{:016x}-", RandomState::new().build_hasher().finish());
        Self { prefix, next: AtomicU64::new(1) }
    }

    /// The caller's id where it is short and plain, else a new one.
    pub(super) fn choose(&self, headers: &HeaderMap) -> RequestId {
        let plain = |value: &&HeaderValue| {
            let bytes = value.as_bytes();
            (1..=REQUEST_ID_CHARS_MAX).contains(&bytes.len())
                && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte))
        };
        if let Some(given) = headers.get(REQUEST_ID).filter(plain) {
            return RequestId(given.clone());
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let text = format!("{}{number:x}", self.prefix);
        RequestId(HeaderValue::try_from(text).expect("hexadecimal digits are a header value"))
    }
}
