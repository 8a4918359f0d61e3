//! Predictions: a body to tensors, tensors to the model, its answer to a body.
//!
//! In: requests with bodies that are still to come. Out: answers. Never: a body read without a bound on size and time,
//! or a long one parsed where other requests wait for it.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use tokio::time::timeout;

use super::app::{App, RequestId, served};
use super::budget::Share;
use super::reply::Reply;
use super::routes::Call;
use crate::answer::{self, Signed};
use crate::batch::{Arriving, Done, Failure, Refused};
use crate::clock;
use crate::host::Hosted;
use crate::model::Served;
use crate::observe::Observation;
use crate::protocol::{By, Code, Refusal};
use crate::request::{self, Inference, Inputs};
use crate::session::SessionError;
use crate::tensor;

/// Bytes of a request's body at most: 1,000 rows of 1,000 numbers of ten characters.
const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Time for a body to arrive.
const BODY_TIME_MAX: Duration = Duration::from_secs(30);
/// Bytes from which a body is parsed on a thread of its own, so that other requests do not wait for it; below, moving
/// it would cost more than parsing it.
const BODY_BYTES_INLINE: usize = 128 * 1024;
/// Bytes of the JSON in front of binary tensors; 0 says that there is none.
const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");
const TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout-ms");
const BINARY: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// `POST /predict`
pub(super) async fn predict(call: Call) -> Result<Reply, Refusal> {
    let Call { app, id, head, body, .. } = call;
    let (app, id) = (app.as_ref(), &id);
    let hosted = app.host.default_model();
    let served = served(hosted)?;
    let arriving = served.queue.arriving();
    acceptable(&head.headers, "application/json")?;
    let deadline = deadline(app, &head.headers)?;
    let (body, mut share) = read(app, &head.headers, body).await?;
    let (form, inputs) =
        parsed(app, &served, body, |body, served| request::rows(body, &served.taking)).await?;
    holds(&mut share, &inputs)?;
    let rows = inputs.first().map_or(0, crate::tensor::Tensor::rows);
    let asked = Asked { app, id, hosted, served: &served, path: "/predict" };
    let done = asked.run(inputs, deadline, arriving).await?;
    let whole = done.alone && !done.outputs.has_rows(rows);
    if whole {
        let message = "the model does not answer row by row; /v2 takes and gives whole tensors";
        return Err(Refusal::new(Code::Validation, message));
    }
    let by = By {
        model_name: &hosted.spec.name,
        model_version: hosted.version(Some(&served)),
        request_id: id.text(),
    };
    let body = answer::predictions(form, &done, served.reading, &served.outputs, &served.names, &by);
    Ok(Reply::json(body).of_run(&done))
}

/// `POST /v2/models/{model}/infer`
pub(super) async fn infer(call: Call) -> Result<Reply, Refusal> {
    let Call { app, id, named, head, body } = call;
    let (app, id) = (app.as_ref(), &id);
    let (hosted, served) = app.asked(&named)?;
    let arriving = served.queue.arriving();
    let deadline = deadline(app, &head.headers)?;
    let json_bytes = json_bytes(&head.headers)?;
    let (body, mut share) = read(app, &head.headers, body).await?;
    let inference =
        parsed(app, &served, body, move |body, served| read_inference(body, json_bytes, served)).await?;
    let Inference { id: own_id, inputs, wanted, timeout_us } = inference;
    holds(&mut share, &inputs)?;
    let own = timeout_us.map(|micros| clock::instant() + Duration::from_micros(micros));
    let deadline = own.map_or(deadline, |own| own.min(deadline));
    let asked = Asked { app, id, hosted, served: &served, path: "/v2/models/{model}/infer" };
    let done = asked.run(inputs, deadline, arriving).await?;
    let signed = Signed {
        model_name: &hosted.spec.name,
        model_version: hosted.version(Some(&served)),
        id: own_id.as_deref(),
    };
    let content = answer::inference(&done, &served.outputs, &wanted, &signed);
    let reply = match content.json_bytes {
        None => Reply::json(content.bytes),
        Some(length) => {
            let mut reply = Reply::new(BINARY, content.bytes);
            reply.response.headers_mut().insert(JSON_LENGTH, HeaderValue::from(length));
            reply
        }
    };
    Ok(reply.of_run(&done))
}

fn read_inference(
    body: &[u8],
    json_bytes: Option<usize>,
    served: &Served,
) -> Result<Inference, request::InputError> {
    let outputs: Vec<&str> = served.outputs.iter().map(|port| port.name.as_str()).collect();
    match json_bytes {
        Some(0) => request::raw(body, &served.taking, outputs.len()),
        json_bytes => {
            let (json, tail) = body.split_at(json_bytes.unwrap_or(body.len()).min(body.len()));
            request::infer(json, tail, &served.taking, &outputs)
        }
    }
}

/// Reads a body as it should be; a large one on a thread of its own.
async fn parsed<T: Send + 'static>(
    app: &App,
    served: &Arc<Served>,
    body: Bytes,
    read: impl FnOnce(&[u8], &Served) -> Result<T, request::InputError> + Send + 'static,
) -> Result<T, Refusal> {
    // What will be refused need not be looked at.
    if served.queue.is_full() {
        return Err(overloaded());
    }
    if body.len() < BODY_BYTES_INLINE {
        return Ok(read(&body, served)?);
    }
    let served = Arc::clone(served);
    // It is never closed.
    let _turn = app.parsing.acquire().await;
    let parsing = tokio::task::spawn_blocking(move || read(&body, &served));
    Ok(parsing.await.map_err(|_| Refusal::new(Code::Internal, "the request could not be read"))??)
}

/// Lets a request hold its tensors in place of its body.
pub(super) fn holds(share: &mut Share<'_>, inputs: &Inputs) -> Result<(), Refusal> {
    if share.exchange(tensor::bytes(inputs)) { Ok(()) } else { Err(no_room()) }
}

fn overloaded() -> Refusal {
    Refusal::new(Code::Overloaded, "too many rows are waiting already")
}

fn no_room() -> Refusal {
    Refusal::new(Code::Overloaded, "other requests hold too much memory already")
}

/// A request that is ready to be run.
pub(super) struct Asked<'a> {
    pub(super) app: &'a App,
    pub(super) id: &'a RequestId,
    pub(super) hosted: &'a Hosted,
    pub(super) served: &'a Arc<Served>,
    /// What the prediction log calls the endpoint.
    pub(super) path: &'static str,
}

impl Asked<'_> {
    pub(super) async fn run(
        &self,
        inputs: Inputs,
        deadline: Instant,
        arriving: Arriving,
    ) -> Result<Done, Refusal> {
        let gone = || Refusal::new(Code::ModelNotLoaded, "the model has stopped");
        let late = || Refusal::new(Code::PredictionTimeout, "the model did not answer in time");
        let rows = inputs.first().map_or(0, crate::tensor::Tensor::rows);
        let start = clock::instant();
        let observer = &self.app.beside.observer;
        let kept = if observer.keeps_inputs() { inputs.clone() } else { Inputs::new() };
        let answer =
            self.served.queue.submit(inputs, deadline, arriving, Some(&self.app.beside.bells)).map_err(
                |refused| match refused {
                    Refused::Full => overloaded(),
                    Refused::Closed => gone(),
                },
            )?;
        match tokio::time::timeout_at(deadline.into(), answer).await {
            Ok(Ok(Ok(done))) => {
                self.app.metrics.predicted(self.hosted.index, rows, &done);
                if observer.is_watching() {
                    self.observe(kept, &done, clock::instant() - start);
                }
                Ok(done)
            }
            Ok(Ok(Err(Failure::Session(error)))) => Err(self.failed(&error)),
            Ok(Ok(Err(Failure::TooLate))) | Err(_) => Err(late()),
            Ok(Err(_)) => Err(gone()),
        }
    }

    fn observe(&self, inputs: Inputs, done: &Done, took: Duration) {
        self.app.beside.observer.observe(Observation {
            request_id: self.id.text().to_owned(),
            path: self.path,
            model: self.hosted.spec.name.clone(),
            version: self.hosted.version(Some(self.served)).map(str::to_owned),
            is_default: self.hosted.index == self.app.host.default_model().index,
            served: Arc::clone(self.served),
            inputs,
            done: done.clone(),
            seconds: took.as_secs_f64(),
        });
    }

    /// What a failed run is to the caller, and to the log.
    fn failed(&self, error: &SessionError) -> Refusal {
        let log = &self.app.log;
        let values: [(&str, &dyn std::fmt::Display); 2] =
            [("reason", error), ("request_id", &self.id.text())];
        let open = self.served.taking.inputs.iter().any(|port| port.dims.iter().skip(1).any(Option::is_none));
        // Where the model leaves lengths open, it runs for some of them only.
        let input =
            matches!(error, SessionError::Input(_)) || (open && matches!(error, SessionError::Run(_)));
        if input {
            log.warn("input refused by the model", &values);
            let message = "the model cannot take these values or shapes; the server's log has the reason";
            return Refusal::new(Code::Validation, message);
        }
        log.error("prediction failed", &values);
        Refusal::new(Code::Prediction, "the prediction failed; the server's log has the reason")
    }
}

/// When the caller, or the server, waits no longer.
fn deadline(app: &App, headers: &HeaderMap) -> Result<Instant, Refusal> {
    let max = app.settings.request_timeout;
    let wanted = match headers.get(TIMEOUT) {
        None => max,
        Some(text) => {
            let milliseconds = text.to_str().ok().and_then(|text| text.parse().ok());
            let milliseconds = milliseconds.ok_or_else(|| {
                Refusal::new(Code::Validation, "X-Request-Timeout-Ms is not a number of milliseconds")
            })?;
            Duration::from_millis(milliseconds).min(max)
        }
    };
    Ok(clock::instant() + wanted)
}

fn json_bytes(headers: &HeaderMap) -> Result<Option<usize>, Refusal> {
    let Some(length) = headers.get(JSON_LENGTH) else { return Ok(None) };
    let number = length.to_str().ok().and_then(|text| text.parse().ok());
    let message = "Inference-Header-Content-Length is not a number of bytes";
    number.map(Some).ok_or_else(|| Refusal::new(Code::Validation, message))
}

/// Whether the caller takes what it would get.
fn acceptable(headers: &HeaderMap, offered: &str) -> Result<(), Refusal> {
    let Some(accept) = headers.get(header::ACCEPT) else { return Ok(()) };
    let accept = accept.to_str().unwrap_or_default();
    let takes = accept.split(',').any(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.is_empty() || kind == "*/*" || kind == "application/*" || kind.eq_ignore_ascii_case(offered)
    });
    if takes { Ok(()) } else { Err(Refusal::new(Code::NotAcceptable, format!("answers are {offered}"))) }
}

/// The whole body, within its bounds, and the request's share of what all of them hold.
pub(super) async fn read<'a, B: Body<Data = Bytes>>(
    app: &'a App,
    headers: &HeaderMap,
    body: B,
) -> Result<(Bytes, Share<'a>), Refusal> {
    // A few bytes could stand for gigabytes, so compressed bodies are not taken.
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Refusal::new(Code::UnsupportedEncoding, "compressed bodies are not taken"));
    }
    let declared: Option<usize> =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length| length > BODY_BYTES_MAX) {
        return Err(too_large());
    }
    let mut share = app.budget.share();
    match timeout(BODY_TIME_MAX, collected(body, declared, &mut share)).await {
        Ok(body) => Ok((body?, share)),
        Err(_) => Err(Refusal::new(Code::RequestTimeout, "the body did not arrive in time")),
    }
}

/// A body as it comes: one that comes in one piece is not copied. What there is no room for is read to its end and thrown
/// away, so that the caller, who may be sending still, gets to know.
async fn collected<B: Body<Data = Bytes>>(
    body: B,
    declared: Option<usize>,
    share: &mut Share<'_>,
) -> Result<Bytes, Refusal> {
    let (mut body, mut first, mut whole) = (pin!(body), Bytes::new(), Vec::new());
    let (mut length, mut lost) = (0, false);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::new(Code::Validation, "the body could not be read"))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length > BODY_BYTES_MAX {
            return Err(too_large());
        }
        if lost || !share.grow(data.len()) {
            (first, whole, lost) = (Bytes::new(), Vec::new(), true);
            // Less is always there.
            let _ = share.exchange(0);
            continue;
        }
        if first.is_empty() && whole.is_empty() {
            first = data;
            continue;
        }
        if whole.is_empty() {
            // What is not written to takes no memory.
            whole.reserve_exact(declared.unwrap_or(0).max(first.len() + data.len()));
        }
        whole.extend_from_slice(&std::mem::take(&mut first));
        whole.extend_from_slice(&data);
    }
    if lost {
        return Err(no_room());
    }
    Ok(if whole.is_empty() { first } else { Bytes::from(whole) })
}

fn too_large() -> Refusal {
    Refusal::new(Code::PayloadTooLarge, format!("the body has more than {BODY_BYTES_MAX} bytes"))
}
