//! Which endpoint a request is for, and what every request has in common.
//!
//! In: requests whose heads are read. Out: responses with a request id, counted. Never: an error that is not JSON, a
//! label of a metric that a caller chose.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use hyper::{Method, Request};

use super::Side;
use super::app::{App, RequestId};
use super::reply::{REQUEST_ID, Reply, Response};
use super::{admin, describe, openapi, predict};
use crate::clock;
use crate::config::LogLevel;
use crate::metrics;
use crate::protocol::{Code, Refusal};
use crate::trace::Ended;

/// An endpoint, with the model that the path names.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Route<'p> {
    Root,
    Health,
    Ready,
    Predict,
    ModelInfo,
    Metrics,
    Docs,
    OpenApi,
    V2Server,
    V2Live,
    V2Ready,
    V2Model(Named<'p>),
    V2ModelReady(Named<'p>),
    V2Infer(Named<'p>),
    V2Index,
    DriftStatus,
    Feedback,
    /// Load the newest of this model, or of all.
    Reload(Option<Cow<'p, str>>),
}

/// A model as a path names it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Named<'p> {
    pub(super) model: Cow<'p, str>,
    pub(super) version: Option<Cow<'p, str>>,
}

impl<'p> Route<'p> {
    /// The endpoint of a path.
    pub(super) fn of(path: &'p str) -> Option<Self> {
        Some(match path {
            "/predict" | "/predict/" => Route::Predict,
            "/" => Route::Root,
            "/health" | "/health/" => Route::Health,
            "/ready" | "/ready/" => Route::Ready,
            "/model/info" | "/model-info" => Route::ModelInfo,
            "/metrics" | "/metrics/" => Route::Metrics,
            "/docs" | "/docs/" => Route::Docs,
            "/openapi.json" => Route::OpenApi,
            "/v2" | "/v2/" => Route::V2Server,
            "/v2/health/live" => Route::V2Live,
            "/v2/health/ready" => Route::V2Ready,
            "/v2/repository/index" => Route::V2Index,
            "/drift-status" | "/drift-status/" => Route::DriftStatus,
            "/feedback" | "/feedback/" => Route::Feedback,
            "/admin/reload" | "/admin/reload/" => Route::Reload(None),
            path if path.starts_with("/v2/repository/models/") => {
                let model = path.strip_prefix("/v2/repository/models/")?.strip_suffix("/load")?;
                Route::Reload(Some(decoded(model).filter(|_| !model.contains('/'))?))
            }
            path => return Self::of_model(path.strip_prefix("/v2/models/")?),
        })
    }

    /// `{model}[/versions/{version}][/ready|/infer]`
    fn of_model(path: &'p str) -> Option<Self> {
        let (model, rest) = path.split_once('/').unwrap_or((path, ""));
        let (version, action) = match rest.strip_prefix("versions/") {
            Some(rest) => {
                let (version, action) = rest.split_once('/').unwrap_or((rest, ""));
                (Some(decoded(version)?), action)
            }
            None => (None, rest),
        };
        let named = Named { model: decoded(model)?, version };
        match action {
            "" => Some(Route::V2Model(named)),
            "ready" => Some(Route::V2ModelReady(named)),
            "infer" => Some(Route::V2Infer(named)),
            _ => None,
        }
    }

    /// The label of metrics: names of models are left out.
    fn label(&self) -> &'static str {
        match self {
            Route::Root => "/",
            Route::Health => "/health",
            Route::Ready => "/ready",
            Route::Predict => "/predict",
            Route::ModelInfo => "/model/info",
            Route::Metrics => "/metrics",
            Route::Docs => "/docs",
            Route::OpenApi => "/openapi.json",
            Route::V2Server => "/v2",
            Route::V2Live => "/v2/health/live",
            Route::V2Ready => "/v2/health/ready",
            Route::V2Model(_) => "/v2/models/{model}",
            Route::V2ModelReady(_) => "/v2/models/{model}/ready",
            Route::V2Infer(_) => "/v2/models/{model}/infer",
            Route::V2Index => "/v2/repository/index",
            Route::DriftStatus => "/drift-status",
            Route::Feedback => "/feedback",
            Route::Reload(None) => "/admin/reload",
            Route::Reload(Some(_)) => "/v2/repository/models/{model}/load",
        }
    }

    fn takes(&self, method: &Method) -> bool {
        match self {
            Route::Predict | Route::V2Infer(_) | Route::V2Index | Route::Reload(_) | Route::Feedback => {
                method == Method::POST
            }
            _ => method == Method::GET || method == Method::HEAD,
        }
    }

    /// The place of the model that it asks for a prediction.
    fn prediction(&self, app: &App) -> Option<usize> {
        match self {
            Route::Predict => Some(app.host.default_model().index),
            Route::V2Infer(named) => app.host.named(&named.model).map(|hosted| hosted.index),
            _ => None,
        }
    }

    fn is_admin(&self) -> bool {
        matches!(self, Route::Reload(_) | Route::Feedback)
    }

    /// Whether there is such an endpoint on this listener.
    fn is_on(&self, side: Side, app: &App) -> bool {
        let apart = app.settings.admin_apart;
        match side {
            // Without a token nobody may, so that nothing tells of it.
            _ if self.is_admin() && app.settings.admin_token.is_none() => false,
            Side::Public => !(apart && self.is_admin()),
            Side::Admin | Side::Grpc => self.is_admin() || matches!(self, Route::Health | Route::Metrics),
        }
    }

    /// Whether the caller showed the key that the endpoint needs.
    fn opens(&self, app: &App, headers: &HeaderMap) -> Result<(), Refusal> {
        match self {
            Route::Predict | Route::V2Infer(_) => app.settings.opens_predictions(headers),
            Route::Reload(_) | Route::Feedback => app.settings.opens_administration(headers),
            _ => Ok(()),
        }
    }

    fn is_v2(&self) -> bool {
        matches!(
            self,
            Route::V2Server
                | Route::V2Live
                | Route::V2Ready
                | Route::V2Model(_)
                | Route::V2ModelReady(_)
                | Route::V2Infer(_)
                | Route::V2Index
                | Route::Reload(Some(_))
        )
    }
}

/// A part of a path without its escapes; `None` where they do not give text.
fn decoded(part: &str) -> Option<Cow<'_, str>> {
    if part.is_empty() {
        return None;
    }
    if !part.contains('%') {
        return Some(Cow::Borrowed(part));
    }
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(digit()? * 16 + digit()?);
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
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
pub(super) async fn answer(app: &Arc<App>, side: Side, request: Request<Incoming>) -> Response {
    let start = clock::instant();
    let _inflight = app.begin();
    let id = app.ids.choose(request.headers());
    let (head, body) = request.into_parts();
    let span = app.beside.tracer.begin(&head.headers);
    let route = Route::of(head.uri.path()).filter(|route| route.is_on(side, app));
    let endpoint = route.as_ref().map_or("other", Route::label);
    let prediction = route.as_ref().and_then(|route| route.prediction(app));
    let v2 = route.as_ref().map_or_else(|| head.uri.path().starts_with("/v2/"), Route::is_v2);
    let allowed = route.as_ref().is_some_and(|route| route.takes(&head.method));
    // Whoever stands between may have taken the other one, and seen another end.
    let ambiguous = head.headers.contains_key(TRANSFER_ENCODING) && head.headers.contains_key(CONTENT_LENGTH);
    let outcome = match route {
        _ if ambiguous => Err(Refusal::new(Code::BadRequest, "the body has a length and chunks")),
        None => Err(Refusal::new(Code::NotFound, "there is nothing at this path")),
        Some(_) if !allowed => {
            Err(Refusal::new(Code::MethodNotAllowed, "this path does not take this method"))
        }
        Some(route) => match route.opens(app, &head.headers) {
            Ok(()) => dispatch(app, &id, route, &head, body).await,
            Err(refusal) => Err(refusal),
        },
    };
    let compat = app.settings.compat;
    let mut reply = outcome.unwrap_or_else(|refusal| Reply::refusal(&refusal, id.text(), v2, compat));
    reply.response.headers_mut().insert(REQUEST_ID, id.0.clone());
    if ambiguous || app.draining.load(Ordering::Relaxed) {
        reply.response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let took = clock::instant() - start;
    let (status, method) = (reply.response.status().as_u16(), method_label(&head.method));
    app.metrics.request(metrics::Request {
        method,
        endpoint,
        status,
        code: reply.code,
        seconds: took.as_secs_f64(),
        prediction: prediction.filter(|_| allowed),
    });
    if let Some(span) = span {
        let ended = Ended { method, endpoint, status, request_id: id.text(), run: reply.run };
        app.beside.tracer.end(&span, &ended);
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
    reply.response
}

async fn dispatch(
    app: &Arc<App>,
    id: &RequestId,
    route: Route<'_>,
    head: &hyper::http::request::Parts,
    body: Incoming,
) -> Result<Reply, Refusal> {
    match route {
        Route::Predict => predict::predict(app, id, head, body).await,
        Route::V2Infer(named) => predict::infer(app, id, &named, head, body).await,
        Route::Root => Ok(describe::root(app)),
        Route::Health => Ok(describe::health(app)),
        Route::Ready => Ok(describe::ready(app, id)),
        Route::ModelInfo => Ok(describe::model_info(app)),
        Route::Metrics => Ok(describe::metrics_text(app)),
        Route::Docs => Ok(openapi::page()),
        Route::OpenApi => Ok(openapi::document(app)),
        Route::V2Server => Ok(describe::v2_server()),
        Route::V2Live => Ok(describe::v2_live()),
        Route::V2Ready => Ok(describe::v2_ready(app)),
        Route::V2Model(named) => describe::v2_model(app, &named),
        Route::V2ModelReady(named) => describe::v2_model_ready(app, &named),
        Route::V2Index => Ok(describe::v2_index(app)),
        Route::DriftStatus => Ok(describe::drift_status(app)),
        Route::Feedback => admin::feedback(app, head, body).await,
        Route::Reload(model) => admin::reload(app, model.as_deref().or_else(|| admin::model(head))).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named<'p>(model: &'p str, version: Option<&'p str>) -> Named<'p> {
        Named { model: model.into(), version: version.map(Into::into) }
    }

    #[test]
    fn paths_of_models_are_taken_apart() {
        let rows = [
            ("/v2/models/iris", Some(Route::V2Model(named("iris", None)))),
            ("/v2/models/iris/ready", Some(Route::V2ModelReady(named("iris", None)))),
            ("/v2/models/iris/infer", Some(Route::V2Infer(named("iris", None)))),
            ("/v2/models/iris/versions/1.0/infer", Some(Route::V2Infer(named("iris", Some("1.0"))))),
            ("/v2/models/iris/versions/1.0", Some(Route::V2Model(named("iris", Some("1.0"))))),
            ("/v2/models/a%20b%2Fc", Some(Route::V2Model(named("a b/c", None)))),
            ("/v2/models/%ff", None),
            ("/v2/models/%2", None),
            ("/v2/models/", None),
            ("/v2/models/iris/versions/", None),
            ("/v2/models/iris/other", None),
            ("/v2/models/iris/infer/more", None),
            ("/v1/models/iris", None),
            ("/v2/repository/models/iris/load", Some(Route::Reload(Some("iris".into())))),
            ("/v2/repository/models/a/b/load", None),
            ("/admin/reload", Some(Route::Reload(None))),
        ];
        for (path, expected) in rows {
            assert_eq!(Route::of(path), expected, "{path}");
        }
    }
}
