//! Which endpoint a request is for, and what every request has in common.
//!
//! In: requests whose heads are read. Out: responses with a request id, counted. Never: an error that is not JSON, a
//! label of a metric that a caller chose, a body that is read before the key is looked at.

use std::future::{Future, ready};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts as _, RawPathParams, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::service::Service as _;
use hyper::{Method, Uri};
use hyper_util::service::TowerToHyperService;

use super::Side;
use super::app::{App, RequestId};
use super::reply::{REQUEST_ID, Reply};
use super::{admin, describe, openapi, predict};
use crate::clock;
use crate::config::LogLevel;
use crate::metrics;
use crate::protocol::{Code, Refusal};
use crate::trace::Ended;

type Routes = Router<Arc<App>>;
/// The endpoints of a listener, as hyper calls them.
pub(super) type Endpoints = TowerToHyperService<Router>;

/// A model as a path names it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Named {
    pub(super) model: String,
    pub(super) version: Option<String>,
}

/// A request that came to an endpoint, its body still to be read.
pub(super) struct Call {
    pub(super) app: Arc<App>,
    pub(super) id: RequestId,
    /// What the path names, where it names something.
    pub(super) named: Named,
    pub(super) head: Parts,
    pub(super) body: Body,
}

/// What a caller has to show.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shows {
    Nothing,
    /// The key of predictions, where there is one.
    Key,
    AdminToken,
}

/// What the requests of an endpoint have in common.
#[derive(Debug, Clone, Copy)]
struct Endpoint {
    /// The label of metrics: names of models are left out.
    label: &'static str,
    method: MethodFilter,
    shows: Shows,
}

/// What a response tells of its request, beside what the caller sees.
#[derive(Clone)]
struct Told {
    endpoint: &'static str,
    code: Option<Code>,
    run: Option<(Duration, Duration, usize)>,
    /// The place of the model that was asked for a prediction.
    prediction: Option<usize>,
}

impl Endpoint {
    const fn get(label: &'static str) -> Self {
        Self { label, method: MethodFilter::GET, shows: Shows::Nothing }
    }

    const fn post(label: &'static str, shows: Shows) -> Self {
        Self { label, method: MethodFilter::POST, shows }
    }

    /// The same routes with those of this endpoint; other methods than its own are refused.
    fn answers<F>(self, routes: Routes, paths: &[&str], answer: fn(Call) -> F) -> Routes
    where
        F: Future<Output = Result<Reply, Refusal>> + Send + 'static,
    {
        self.at(routes, paths, answer)
    }

    /// The same, for an endpoint that has its answer at once.
    fn says(self, routes: Routes, paths: &[&str], say: fn(&Call) -> Result<Reply, Refusal>) -> Routes {
        self.at(routes, paths, move |call| ready(say(&call)))
    }

    fn at<H, F>(self, routes: Routes, paths: &[&str], answer: H) -> Routes
    where
        H: Fn(Call) -> F + Copy + Send + Sync + 'static,
        F: Future<Output = Result<Reply, Refusal>> + Send + 'static,
    {
        let taken = move |State(app): State<Arc<App>>, request: Request| self.answer(app, request, answer);
        let others = move |State(app): State<Arc<App>>, request: Request| {
            let refusal = Refusal::new(Code::MethodNotAllowed, "this path does not take this method");
            ready(refused(&app, &request, self.label, &refusal))
        };
        // axum says in `Allow` which method it would be.
        let methods = on(self.method, taken).fallback(others);
        paths.iter().fold(routes, |routes, path| routes.route(path, methods.clone()))
    }

    async fn answer<F>(self, app: Arc<App>, request: Request, answer: impl Fn(Call) -> F) -> Response
    where
        F: Future<Output = Result<Reply, Refusal>>,
    {
        let id = request_id(&request);
        let (mut head, body) = request.into_parts();
        let Ok(params) = RawPathParams::from_request_parts(&mut head, &()).await else {
            return nowhere(&app, &id, &head.uri);
        };
        let text = |wanted| params.iter().find(|(name, _)| *name == wanted).map(|(_, text)| text.to_owned());
        let named = Named { model: text("model").unwrap_or_default(), version: text("version") };
        let prediction = (self.shows == Shows::Key)
            .then(|| match named.model.as_str() {
                "" => Some(app.host.default_model().index),
                model => app.host.named(model).map(|hosted| hosted.index),
            })
            .flatten();
        let outcome = match self.opens(&app, &head.headers) {
            Ok(()) => answer(Call { app: Arc::clone(&app), id: id.clone(), named, head, body }).await,
            Err(refusal) => Err(refusal),
        };
        let reply = outcome.unwrap_or_else(|refusal| {
            Reply::refusal(&refusal, id.text(), self.label.starts_with("/v2"), app.settings.compat)
        });
        told(reply, self.label, prediction)
    }

    /// Whether the caller showed what the endpoint needs.
    fn opens(self, app: &App, headers: &HeaderMap) -> Result<(), Refusal> {
        match self.shows {
            Shows::Nothing => Ok(()),
            Shows::Key => app.settings.opens_predictions(headers),
            Shows::AdminToken => app.settings.opens_administration(headers),
        }
    }
}

/// The endpoints of a listener.
pub(super) fn endpoints(app: &Arc<App>, side: Side) -> Endpoints {
    let settings = &app.settings;
    let mut routes = operations(Router::new());
    if side == Side::Public {
        routes = open_inference(about(routes));
    }
    // Without a token nobody may, so that nothing tells of it.
    if settings.admin_token.is_some() && (side == Side::Admin || !settings.admin_apart) {
        routes = administration(routes);
    }
    let nothing = |State(app): State<Arc<App>>, request: Request| {
        ready(nowhere(&app, &request_id(&request), request.uri()))
    };
    TowerToHyperService::new(routes.fallback(nothing).with_state(Arc::clone(app)))
}

/// What those ask who keep the server running.
fn operations(routes: Routes) -> Routes {
    let routes = Endpoint::get("/health")
        .says(routes, &["/health", "/health/"], |call| Ok(describe::health(&call.app)));
    Endpoint::get("/metrics")
        .says(routes, &["/metrics", "/metrics/"], |call| Ok(describe::metrics_text(&call.app)))
}

/// Predictions by rows, and what the server tells of itself.
fn about(routes: Routes) -> Routes {
    let routes =
        Endpoint::post("/predict", Shows::Key).answers(routes, &["/predict", "/predict/"], predict::predict);
    let routes = Endpoint::get("/").says(routes, &["/"], |call| Ok(describe::root(&call.app)));
    let routes = Endpoint::get("/ready")
        .says(routes, &["/ready", "/ready/"], |call| Ok(describe::ready(&call.app, &call.id)));
    let routes = Endpoint::get("/model/info")
        .says(routes, &["/model/info", "/model-info"], |call| Ok(describe::model_info(&call.app)));
    let routes = Endpoint::get("/docs").says(routes, &["/docs", "/docs/"], |_| Ok(openapi::page()));
    let routes = Endpoint::get("/openapi.json")
        .says(routes, &["/openapi.json"], |call| Ok(openapi::document(&call.app)));
    Endpoint::get("/drift-status")
        .says(routes, &["/drift-status", "/drift-status/"], |call| Ok(describe::drift_status(&call.app)))
}

/// The Open Inference Protocol.
fn open_inference(routes: Routes) -> Routes {
    let routes = Endpoint::get("/v2").says(routes, &["/v2", "/v2/"], |_| Ok(describe::v2_server()));
    let routes =
        Endpoint::get("/v2/health/live").says(routes, &["/v2/health/live"], |_| Ok(describe::v2_live()));
    let routes = Endpoint::get("/v2/health/ready")
        .says(routes, &["/v2/health/ready"], |call| Ok(describe::v2_ready(&call.app)));
    let routes = Endpoint::post("/v2/repository/index", Shows::Nothing).says(
        routes,
        &["/v2/repository/index"],
        |call| Ok(describe::v2_index(&call.app)),
    );
    let routes = Endpoint::get("/v2/models/{model}").says(
        routes,
        &[
            "/v2/models/{model}",
            "/v2/models/{model}/",
            "/v2/models/{model}/versions/{version}",
            "/v2/models/{model}/versions/{version}/",
        ],
        |call| describe::v2_model(&call.app, &call.named),
    );
    let routes = Endpoint::get("/v2/models/{model}/ready").says(
        routes,
        &["/v2/models/{model}/ready", "/v2/models/{model}/versions/{version}/ready"],
        |call| describe::v2_model_ready(&call.app, &call.named),
    );
    Endpoint::post("/v2/models/{model}/infer", Shows::Key).answers(
        routes,
        &["/v2/models/{model}/infer", "/v2/models/{model}/versions/{version}/infer"],
        predict::infer,
    )
}

/// What only the operator may ask for.
fn administration(routes: Routes) -> Routes {
    let routes = Endpoint::post("/feedback", Shows::AdminToken).answers(
        routes,
        &["/feedback", "/feedback/"],
        admin::feedback,
    );
    let routes = Endpoint::post("/admin/reload", Shows::AdminToken).answers(
        routes,
        &["/admin/reload", "/admin/reload/"],
        admin::reload,
    );
    Endpoint::post("/v2/repository/models/{model}/load", Shows::AdminToken).answers(
        routes,
        &["/v2/repository/models/{model}/load"],
        admin::reload,
    )
}

fn request_id(request: &Request) -> RequestId {
    request.extensions().get().cloned().unwrap_or_default()
}

fn told(reply: Reply, endpoint: &'static str, prediction: Option<usize>) -> Response {
    let told = Told { endpoint, code: reply.code, run: reply.run, prediction };
    let mut response = reply.response.into_response();
    response.extensions_mut().insert(told);
    response
}

fn refused(app: &App, request: &Request, endpoint: &'static str, refusal: &Refusal) -> Response {
    let v2 = endpoint.starts_with("/v2");
    told(Reply::refusal(refusal, request_id(request).text(), v2, app.settings.compat), endpoint, None)
}

/// The answer to a path that is not one of ours.
fn nowhere(app: &App, id: &RequestId, uri: &Uri) -> Response {
    let refusal = Refusal::new(Code::NotFound, "there is nothing at this path");
    let v2 = uri.path().starts_with("/v2/");
    told(Reply::refusal(&refusal, id.text(), v2, app.settings.compat), "other", None)
}

fn method_label(method: &Method) -> &'static str {
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

/// Answers one request: gives it an id, sends it to its endpoint, counts it.
pub(super) async fn answer(
    app: &App,
    endpoints: &Endpoints,
    mut request: hyper::Request<Incoming>,
) -> Response {
    let start = clock::instant();
    let _inflight = app.begin();
    let id = app.ids.choose(request.headers());
    let span = app.beside.tracer.begin(request.headers());
    let method = method_label(request.method());
    request.extensions_mut().insert(id.clone());
    let Ok(mut response) = endpoints.call(request).await;
    let told = response.extensions_mut().remove::<Told>();
    let Told { endpoint, code, run, prediction } =
        told.unwrap_or(Told { endpoint: "other", code: None, run: None, prediction: None });
    response.headers_mut().insert(REQUEST_ID, id.0.clone());
    if app.draining.load(Ordering::Relaxed) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let took = clock::instant() - start;
    let status = response.status().as_u16();
    let seconds = took.as_secs_f64();
    app.metrics.request(metrics::Request { method, endpoint, status, code, seconds, prediction });
    if let Some(span) = span {
        app.beside.tracer.end(&span, &Ended { method, endpoint, status, request_id: id.text(), run });
    }
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
