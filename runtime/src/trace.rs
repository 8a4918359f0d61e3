//! Traces of requests for `OpenTelemetry`: W3C trace context in, spans out as OTLP over HTTP, in JSON.
//!
//! In: the `traceparent` of requests, and what became of them. Out: spans, sent by a thread of their own. Never: a
//! request that waits for it (spans that do not fit are dropped and counted), a caller's header in a span.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use hyper::header::{HeaderMap, HeaderName};
use serde_json::{Value, json};

use crate::clock;
use crate::log::Log;
use crate::source;

/// Spans that may wait to be sent.
const QUEUE_MAX: usize = 2048;
/// Spans of one message at most.
const MESSAGE_MAX: usize = 512;
/// How long the first span of a message waits for others.
const SEND_EVERY: Duration = Duration::from_secs(1);
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// OTLP's numbers for the kinds of spans.
const SERVER: u8 = 2;
const INTERNAL: u8 = 1;

/// What the variables of `OpenTelemetry` say.
#[derive(Clone, Debug)]
pub(crate) struct Tracing {
    /// Where spans are sent.
    pub(crate) endpoint: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) service: String,
    /// The share of traces that begin here and are kept, 0 to 1. Those that others began are kept as they say.
    pub(crate) share: f64,
}

impl Tracing {
    /// What the variables say; none where they name no place to send spans to.
    pub(crate) fn of(variables: &BTreeMap<&'static str, String>) -> Option<Self> {
        let variable = |name: &str| variables.get(name).filter(|value| !value.is_empty());
        if variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return None;
        }
        let own = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").cloned();
        let common =
            || Some(format!("{}/v1/traces", variable("OTEL_EXPORTER_OTLP_ENDPOINT")?.trim_end_matches('/')));
        let endpoint = own.or_else(common)?;
        let headers = variable("OTEL_EXPORTER_OTLP_HEADERS").map_or("", String::as_str);
        let headers = headers.split(',').filter_map(|pair| pair.split_once('='));
        let sampler = variable("OTEL_TRACES_SAMPLER").map_or("", String::as_str);
        let argument = variable("OTEL_TRACES_SAMPLER_ARG").and_then(|text| text.parse().ok());
        let share = match sampler {
            sampler if sampler.ends_with("always_off") => 0.0,
            sampler if sampler.ends_with("traceidratio") => argument.unwrap_or(1.0),
            _ => 1.0,
        };
        Some(Self {
            endpoint,
            headers: headers.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect(),
            service: variable("OTEL_SERVICE_NAME").cloned().unwrap_or_else(|| "mlo-runtime".to_owned()),
            share,
        })
    }
}

/// A request's place in its trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    trace: String,
    id: u64,
    parent: Option<String>,
    began: jiff::Timestamp,
}

/// What became of a request.
pub(crate) struct Ended<'a> {
    pub(crate) method: &'static str,
    pub(crate) endpoint: &'static str,
    pub(crate) status: u16,
    pub(crate) request_id: &'a str,
    /// Of its run: time in the queue, time in the model, rows.
    pub(crate) run: Option<(Duration, Duration, usize)>,
}

/// The callers' end.
pub(crate) struct Tracer {
    queue: Option<SyncSender<Value>>,
    dropped: AtomicU64,
    chance: RandomState,
    next: AtomicU64,
    share: f64,
}

impl Tracer {
    /// Starts the thread that sends spans, if there is somewhere to send them to.
    pub(crate) fn start(tracing: Option<Tracing>, log: &Log) -> std::io::Result<Self> {
        let share = tracing.as_ref().map_or(0.0, |tracing| tracing.share);
        let mut queue = None;
        if let Some(tracing) = tracing {
            let (sender, receiver) = sync_channel(QUEUE_MAX);
            let log = log.clone();
            let builder = std::thread::Builder::new().name("traces".to_owned());
            builder.spawn(move || send(&tracing, &receiver, &log))?;
            queue = Some(sender);
        }
        Ok(Self {
            queue,
            dropped: AtomicU64::new(0),
            chance: RandomState::new(),
            next: AtomicU64::new(1),
            share,
        })
    }

    /// Spans that were not sent.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// A request's span, if its trace is kept.
    pub(crate) fn begin(&self, headers: &HeaderMap) -> Option<Span> {
        self.queue.as_ref()?;
        let (trace, parent) = match headers.get(TRACEPARENT).and_then(|text| parent(text.to_str().ok()?)) {
            Some((_, _, false)) => return None,
            Some((trace, parent, true)) => (trace, Some(parent)),
            None => {
                let (high, low) = (self.random(), self.random());
                #[expect(clippy::cast_precision_loss, reason = "a share needs no more digits")]
                let place = low as f64 / u64::MAX as f64;
                if place >= self.share {
                    return None;
                }
                (format!("{high:016x}{low:016x}"), None)
            }
        };
        Some(Span { trace, id: self.random(), parent, began: clock::now() })
    }

    /// A number that nobody else draws: 64 bits of chance, mixed with a count.
    fn random(&self) -> u64 {
        let mut hasher = self.chance.build_hasher();
        hasher.write_u64(self.next.fetch_add(1, Ordering::Relaxed));
        hasher.finish().max(1)
    }

    /// Hands a request's span over, and that of its run.
    pub(crate) fn end(&self, span: &Span, ended: &Ended<'_>) {
        let now = clock::now();
        let attributes = [
            ("http.request.method", json!({"stringValue": ended.method})),
            ("http.route", json!({"stringValue": ended.endpoint})),
            ("http.response.status_code", json!({"intValue": ended.status.to_string()})),
            ("mlo.request_id", json!({"stringValue": ended.request_id})),
        ];
        let name = format!("{} {}", ended.method, ended.endpoint);
        let mut server =
            written(span, span.id, span.parent.as_deref(), &name, SERVER, (span.began, now), &attributes);
        if let (Value::Object(server), true) = (&mut server, ended.status >= 500) {
            server.insert("status".to_owned(), json!({"code": 2}));
        }
        self.hand_over(server);
        let Some((waited, took, rows)) = ended.run else { return };
        let began = now.checked_sub(took).unwrap_or(now);
        let attributes = [
            ("mlo.queue_ms", json!({"doubleValue": waited.as_secs_f64() * 1e3})),
            ("mlo.batch_rows", json!({"intValue": rows.to_string()})),
        ];
        let parent = format!("{:016x}", span.id);
        self.hand_over(written(
            span,
            self.random(),
            Some(&parent),
            "model run",
            INTERNAL,
            (began, now),
            &attributes,
        ));
    }

    fn hand_over(&self, span: Value) {
        if self.queue.as_ref().is_some_and(|queue| queue.try_send(span).is_err()) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A span as OTLP has it in JSON.
fn written(
    span: &Span,
    id: u64,
    parent: Option<&str>,
    name: &str,
    kind: u8,
    (began, ended): (jiff::Timestamp, jiff::Timestamp),
    attributes: &[(&str, Value)],
) -> Value {
    let attributes: Vec<Value> =
        attributes.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    json!({
        "traceId": span.trace,
        "spanId": format!("{id:016x}"),
        "parentSpanId": parent.unwrap_or_default(),
        "name": name,
        "kind": kind,
        "startTimeUnixNano": began.as_nanosecond().to_string(),
        "endTimeUnixNano": ended.as_nanosecond().to_string(),
        "attributes": attributes,
    })
}

/// Trace, parent, and whether it is kept, of `00-…-…-01`.
fn parent(text: &str) -> Option<(String, String, bool)> {
    let mut parts = text.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_set = |text: &str| text.bytes().any(|byte| byte != b'0');
    let good = is_hex(version, 2)
        && version != "ff"
        && is_hex(trace, 32)
        && is_hex(parent, 16)
        && is_hex(flags, 2)
        && is_set(trace)
        && is_set(parent);
    let kept = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
    good.then(|| (trace.to_owned(), parent.to_owned(), kept))
}

/// Sends what comes, some at a time. What cannot be sent is lost, and said once.
fn send(tracing: &Tracing, spans: &Receiver<Value>, log: &Log) {
    let mut is_said = false;
    while let Ok(first) = spans.recv() {
        let mut message = vec![first];
        let until = clock::instant() + SEND_EVERY;
        while message.len() < MESSAGE_MAX {
            let left = until.saturating_duration_since(clock::instant());
            match spans.recv_timeout(left) {
                Ok(span) => message.push(span),
                Err(_) => break,
            }
        }
        let service = json!([{"key": "service.name", "value": {"stringValue": tracing.service}}]);
        let scope = json!({"name": "mlo-runtime", "version": env!("CARGO_PKG_VERSION")});
        let body = json!({"resourceSpans": [{
            "resource": {"attributes": service},
            "scopeSpans": [{"scope": scope, "spans": message}],
        }]});
        if let Err(error) = source::post_json(&tracing.endpoint, &tracing.headers, &body)
            && !std::mem::replace(&mut is_said, true)
        {
            log.warn("traces cannot be sent", &[("reason", &error)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_taken_as_w3c_writes_it() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let of = |kept| Some((trace.to_owned(), "00f067aa0ba902b7".to_owned(), kept));
        let rows = [
            (format!("00-{trace}-00f067aa0ba902b7-01"), of(true)),
            (format!("00-{trace}-00f067aa0ba902b7-00"), of(false)),
            (format!("cc-{trace}-00f067aa0ba902b7-01-more"), of(true)),
            (format!("ff-{trace}-00f067aa0ba902b7-01"), None),
            (format!("00-{trace}-0000000000000000-01"), None),
            (format!("00-{}-00f067aa0ba902b7-01", trace.to_uppercase()), None),
            ("00-x-y-01".to_owned(), None),
            (String::new(), None),
        ];
        for (text, expected) in rows {
            assert_eq!(parent(&text), expected, "{text}");
        }
    }

    #[test]
    fn the_variables_say_where_and_how_much() {
        let of = |pairs: &[(&'static str, &str)]| {
            Tracing::of(&pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect())
        };
        assert!(of(&[]).is_none());
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/");
        let all = of(&[endpoint]).unwrap();
        assert_eq!(
            (all.endpoint.as_str(), all.service.as_str()),
            ("http://collector:4318/v1/traces", "mlo-runtime")
        );
        let some = of(&[
            endpoint,
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.1"),
        ]);
        assert!((some.unwrap().share - 0.1).abs() < 1e-12);
        assert!(of(&[endpoint, ("OTEL_SDK_DISABLED", "true")]).is_none());
    }
}
