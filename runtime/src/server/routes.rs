//! What each endpoint does.
//!
//! In: requests whose heads are read. Out: responses with a request id, counted. Never: a body read without a bound on
//! size and time, an error that is not JSON.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::timeout;
use tower::ServiceExt as _;

use crate::clock;
use crate::config::LogLevel;
use crate::log::Log;
use crate::metrics::{self, Gauges, Metrics};
use crate::model::{Served, Stage};
use crate::process::Meter;
use crate::protocol::{self, Code, Refusal, Signature, merged};
use crate::queue::{Done, Refused};
use crate::tensor::{self, Rows};

/// Bytes of a request's body at most: 1,000 rows of 1,000 numbers of ten characters.
pub(crate) const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Time for a body to arrive.
const BODY_TIME_MAX: Duration = Duration::from_secs(30);
/// Bytes from which a body is parsed on a thread of its own, so that other requests do not wait for it; below, moving
/// it would cost more than parsing it.
const BODY_BYTES_INLINE: usize = 128 * 1024;
/// Time for an answer of the model, waiting in the queue included.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
/// What an overloaded server asks callers to wait. A full queue empties in less.
const RETRY_AFTER_SECONDS: u16 = 1;
/// Characters of a caller's request id at most.
const REQUEST_ID_CHARS_MAX: usize = 128;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROMETHEUS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// What the operator calls the model and the server.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) framework: Option<String>,
    pub(crate) instance: Option<String>,
    pub(crate) figures: BTreeMap<String, f64>,
}

/// What all requests share.
pub(crate) struct App {
    pub(crate) identity: Identity,
    pub(crate) stage: watch::Receiver<Stage>,
    pub(crate) draining: AtomicBool,
    pub(crate) metrics: Metrics,
    pub(crate) log: Log,
    started: Instant,
    meter: Meter,
    ids: RequestIds,
    inflight: AtomicU64,
}

impl App {
    pub(crate) fn new(identity: Identity, stage: watch::Receiver<Stage>, log: Log) -> Self {
        Self {
            identity,
            stage,
            draining: AtomicBool::new(false),
            metrics: Metrics::new(),
            log,
            started: clock::instant(),
            meter: Meter::start(),
            ids: RequestIds::new(),
            inflight: AtomicU64::new(0),
        }
    }

    fn model(&self) -> Result<Arc<Served>, Refusal> {
        match &*self.stage.borrow() {
            Stage::Ready(served) => Ok(Arc::clone(served)),
            Stage::Loading => Err(Refusal::new(Code::ModelNotLoaded, "the model is still being loaded")),
            Stage::Failed(reason) => Err(Refusal::new(Code::ModelNotLoaded, *reason)),
        }
    }

    fn is_ready(&self) -> bool {
        !self.draining.load(Ordering::Relaxed) && matches!(&*self.stage.borrow(), Stage::Ready(_))
    }

    /// Requests that were begun and not answered.
    pub(crate) fn inflight(&self) -> u64 {
        self.inflight.load(Ordering::Relaxed)
    }

    fn uptime_seconds(&self) -> f64 {
        (clock::instant() - self.started).as_secs_f64()
    }
}

/// The id that a request has or is given.
#[derive(Clone)]
struct RequestId(HeaderValue);

impl RequestId {
    fn text(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// Ids that no other process gives: 64 bits of chance, then a number.
struct RequestIds {
    prefix: u64,
    next: AtomicU64,
}

impl RequestIds {
    fn new() -> Self {
        Self { prefix: RandomState::new().build_hasher().finish(), next: AtomicU64::new(1) }
    }

    /// The caller's id where it is short and plain, else a new one.
    fn choose(&self, headers: &HeaderMap) -> RequestId {
        let plain = |value: &&HeaderValue| {
            let bytes = value.as_bytes();
            (1..=REQUEST_ID_CHARS_MAX).contains(&bytes.len())
                && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte))
        };
        if let Some(given) = headers.get(REQUEST_ID).filter(plain) {
            return RequestId(given.clone());
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let text = format!("{:016x}-{number:x}", self.prefix);
        RequestId(HeaderValue::try_from(text).expect("hexadecimal digits are a header value"))
    }
}

/// The routes. Unknown paths and methods are refused as JSON too.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(root))
        .route("/health", get(health))
        .route("/health/", get(health))
        .route("/ready", get(ready))
        .route("/predict", post(predict))
        .route("/predict/", post(predict))
        .route("/model/info", get(model_info))
        .route("/model-info", get(model_info))
        .route("/metrics", get(metrics_text))
        .route("/metrics/", get(metrics_text))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .with_state(app)
}

/// The label of a path: one of those above, or `other`.
fn endpoint(path: &str) -> &'static str {
    match path {
        "/" => "/",
        "/health" | "/health/" => "/health",
        "/ready" => "/ready",
        "/predict" | "/predict/" => "/predict",
        "/model/info" | "/model-info" => "/model/info",
        "/metrics" | "/metrics/" => "/metrics",
        _ => "other",
    }
}

fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

/// A request in progress; counts itself out however it ends.
struct Inflight<'a>(&'a AtomicU64);

impl Drop for Inflight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers one request: gives it an id, sends it through the routes, counts it.
pub(crate) async fn answer(app: &Arc<App>, router: Router, mut request: Request) -> Response {
    let start = clock::instant();
    app.inflight.fetch_add(1, Ordering::Relaxed);
    let _inflight = Inflight(&app.inflight);
    let id = app.ids.choose(request.headers());
    let (method, endpoint) = (method(request.method()), endpoint(request.uri().path()));
    request.extensions_mut().insert(id.clone());
    let mut response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    response.headers_mut().insert(REQUEST_ID, id.0.clone());
    if app.draining.load(Ordering::Relaxed) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let took = clock::instant() - start;
    let (status, code) = (response.status().as_u16(), response.extensions().get::<Code>().copied());
    app.metrics.request(metrics::Request { method, endpoint, status, code, seconds: took.as_secs_f64() });
    if app.log.writes(LogLevel::Debug) {
        let micros = took.as_micros();
        let values: [(&str, &dyn std::fmt::Display); 5] = [
            ("method", &method),
            ("endpoint", &endpoint),
            ("status", &status),
            ("took_us", &micros),
            ("request_id", &id.text()),
        ];
        app.log.line(LogLevel::Debug, "request", &values);
    }
    response
}

fn json_response(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, JSON)], Body::from(body)).into_response()
}

fn json_value(body: &Value) -> Response {
    json_response(body.to_string().into_bytes())
}

fn status_of(code: Code) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[expect(clippy::needless_pass_by_value, reason = "a refusal is over once it is written")]
fn refuse(refusal: Refusal, Extension(id): &Extension<RequestId>) -> Response {
    let mut response = json_value(&refusal.body(id.text()));
    *response.status_mut() = status_of(refusal.code);
    if refusal.code == Code::Overloaded {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS.into());
    }
    response.extensions_mut().insert(refusal.code);
    response
}

async fn not_found(id: Extension<RequestId>) -> Response {
    refuse(Refusal::new(Code::NotFound, "there is nothing at this path"), &id)
}

async fn wrong_method(id: Extension<RequestId>) -> Response {
    refuse(Refusal::new(Code::MethodNotAllowed, "this path does not take this method"), &id)
}

async fn root() -> Response {
    json_value(&json!({
        "name": "mlo-runtime",
        "version": env!("CARGO_PKG_VERSION"),
        "message": "mlo inference server is running",
        "endpoints": ["/health", "/ready", "/predict", "/model/info", "/model-info", "/metrics"],
    }))
}

/// Alive, whatever became of the model.
async fn health(State(app): State<Arc<App>>) -> Response {
    let usage = app.meter.usage();
    json_value(&json!({
        "status": "healthy",
        "ready": app.is_ready(),
        "uptime_seconds": app.uptime_seconds(),
        "resources": {
            "memory_rss_bytes": usage.memory_rss_bytes,
            "cpu_percent": usage.cpu_percent,
            "thread_count": usage.thread_count,
        },
        "instance": app.identity.instance,
    }))
}

async fn ready(State(app): State<Arc<App>>, id: Extension<RequestId>) -> Response {
    let served = match app.model() {
        Ok(served) if app.is_ready() => served,
        outcome => return not_ready(&app, outcome.err(), &id),
    };
    json_value(&json!({
        "status": "ready",
        "model": app.identity.name,
        "version": app.identity.version,
        "digest": served.facts.digest,
        "instance": app.identity.instance,
    }))
}

/// An error's body, with the status and reason of readiness.
fn not_ready(app: &App, refusal: Option<Refusal>, id: &Extension<RequestId>) -> Response {
    let draining = app.draining.load(Ordering::Relaxed);
    let loading = matches!(&*app.stage.borrow(), Stage::Loading);
    let (status, refusal) = match refusal {
        Some(refusal) if !draining => (if loading { "loading" } else { "not_ready" }, refusal),
        _ => ("draining", Refusal::new(Code::ModelNotLoaded, "the server is being stopped")),
    };
    let readiness = json!({
        "status": status,
        "reason": refusal.message,
        "model": app.identity.name,
        "version": app.identity.version,
        "instance": app.identity.instance,
    });
    let mut response = json_value(&merged(readiness, refusal.body(id.text())));
    *response.status_mut() = status_of(refusal.code);
    response
}

async fn model_info(State(app): State<Arc<App>>) -> Response {
    let model = app.model();
    let identity = json!({
        "name": app.identity.name,
        "version": app.identity.version,
        "framework": app.identity.framework,
        "loaded": model.is_ok(),
        "metrics": protocol::figures(&app.identity.figures),
        "max_batch_size": tensor::ROWS_MAX,
    });
    json_value(&match model {
        Ok(served) => merged(identity, protocol::model_facts(&served)),
        Err(refusal) => merged(identity, json!({"reason": refusal.message})),
    })
}

async fn metrics_text(State(app): State<Arc<App>>) -> Response {
    let model = app.model();
    let text = app.metrics.text(&Gauges {
        model_name: &app.identity.name,
        model_version: app.identity.version.as_deref().unwrap_or_default(),
        loaded: model.is_ok(),
        accuracy: app.identity.figures.get("accuracy").copied(),
        usage: app.meter.usage(),
        uptime_seconds: app.uptime_seconds(),
        inflight: app.inflight(),
        rows_queued: model.map_or(0, |served| served.queue.rows_queued()),
        log_lines_dropped: app.log.dropped(),
    });
    ([(header::CONTENT_TYPE, PROMETHEUS)], text).into_response()
}

async fn predict(State(app): State<Arc<App>>, id: Extension<RequestId>, request: Request) -> Response {
    match predicted(&app, &id.0, request).await {
        Ok(body) => json_response(body),
        Err(refusal) => refuse(refusal, &id),
    }
}

/// Body to rows to answer to body.
async fn predicted(app: &App, id: &RequestId, request: Request) -> Result<Vec<u8>, Refusal> {
    let served = app.model()?;
    let body = body(request).await?;
    let want = served.want;
    let (form, rows) = if body.len() < BODY_BYTES_INLINE {
        tensor::parse(&body, want)?
    } else {
        let parsing = tokio::task::spawn_blocking(move || tensor::parse(&body, want));
        parsing.await.map_err(|_| Refusal::new(Code::Internal, "the request could not be read"))??
    };
    let count = rows.count;
    let done = run(app, id, &served, rows).await?;
    app.metrics.predicted(count, done.took.as_secs_f64());
    let by = Signature {
        model_name: &app.identity.name,
        model_version: app.identity.version.as_deref(),
        request_id: id.text(),
    };
    Ok(protocol::predictions(form, &done, &served.names, by))
}

async fn run(app: &App, id: &RequestId, served: &Served, rows: Rows) -> Result<Done, Refusal> {
    let gone = || Refusal::new(Code::ModelNotLoaded, "the model has stopped");
    let answer = served.queue.submit(rows).map_err(|refused| match refused {
        Refused::Full => Refusal::new(Code::Overloaded, "too many rows are waiting already"),
        Refused::Closed => gone(),
    })?;
    match timeout(ANSWER_TIME_MAX, answer).await {
        Ok(Ok(Ok(done))) => Ok(done),
        Ok(Ok(Err(error))) => {
            let values: [(&str, &dyn std::fmt::Display); 2] =
                [("reason", &error), ("request_id", &id.text())];
            app.log.error("prediction failed", &values);
            Err(Refusal::new(Code::Prediction, "the prediction failed; the server's log has the reason"))
        }
        Ok(Err(_)) => Err(gone()),
        Err(_) => Err(Refusal::new(Code::PredictionTimeout, "the model did not answer in time")),
    }
}

/// The whole body, within its bounds.
async fn body(request: Request) -> Result<Bytes, Refusal> {
    let too_large =
        || Refusal::new(Code::PayloadTooLarge, format!("the body has more than {BODY_BYTES_MAX} bytes"));
    let headers = request.headers();
    // A few bytes could stand for gigabytes, so compressed bodies are not taken.
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Refusal::new(Code::UnsupportedEncoding, "compressed bodies are not taken"));
    }
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: usize| length > BODY_BYTES_MAX) {
        return Err(too_large());
    }
    match timeout(BODY_TIME_MAX, Limited::new(request.into_body(), BODY_BYTES_MAX).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Refusal::new(Code::Validation, "the body could not be read")),
        Err(_) => Err(Refusal::new(Code::RequestTimeout, "the body did not arrive in time")),
    }
}
