//! Counters and histograms, written as Prometheus reads them.
//!
//! In: what happened. Out: the text of `/metrics`. Never: a label that a caller chose, so the number of lines does not
//! depend on what is asked.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mlo_stats::Histogram;

use crate::process::Usage;
use crate::protocol::Code;

/// Upper bounds in seconds. A small model answers in tens of microseconds, and alerts look at 0.5 s and 1 s.
const SECONDS: [f64; 15] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// One finished request.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) endpoint: &'static str,
    pub(crate) status: u16,
    pub(crate) code: Option<Code>,
    pub(crate) seconds: f64,
}

/// Everything that is counted.
pub(crate) struct Metrics {
    counts: Mutex<Counts>,
}

struct Counts {
    requests: BTreeMap<(&'static str, &'static str, u16), u64>,
    durations: BTreeMap<(&'static str, &'static str), Histogram>,
    errors: BTreeMap<(&'static str, Code), u64>,
    predict_requests: u64,
    predict_errors: u64,
    predict_latency: Histogram,
    refused: BTreeMap<&'static str, u64>,
    rows: u64,
    model_seconds: Histogram,
    loads: BTreeMap<&'static str, u64>,
}

/// What is read rather than counted.
pub(crate) struct Gauges<'a> {
    pub(crate) model_name: &'a str,
    pub(crate) model_version: &'a str,
    pub(crate) loaded: bool,
    pub(crate) accuracy: Option<f64>,
    pub(crate) usage: Usage,
    pub(crate) uptime_seconds: f64,
    pub(crate) inflight: u64,
    pub(crate) rows_queued: usize,
    pub(crate) log_lines_dropped: u64,
}

fn seconds() -> Histogram {
    Histogram::new(&SECONDS).expect("the bounds ascend")
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            counts: Mutex::new(Counts {
                requests: BTreeMap::new(),
                durations: BTreeMap::new(),
                errors: BTreeMap::new(),
                predict_requests: 0,
                predict_errors: 0,
                predict_latency: seconds(),
                refused: BTreeMap::new(),
                rows: 0,
                model_seconds: seconds(),
                loads: BTreeMap::new(),
            }),
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request, with those of `/predict` once more under their own names.
    pub(crate) fn request(&self, request: Request) {
        let Request { method, endpoint, status, code, seconds: took } = request;
        let mut counts = self.counts();
        *counts.requests.entry((method, endpoint, status)).or_default() += 1;
        counts.durations.entry((method, endpoint)).or_insert_with(seconds).observe(took);
        if let Some(code) = code {
            *counts.errors.entry((endpoint, code)).or_default() += 1;
        }
        if (method, endpoint) == ("POST", "/predict") {
            counts.predict_requests += 1;
            counts.predict_latency.observe(took);
            counts.predict_errors += u64::from(status >= 500);
            if let Some(code) = code {
                *counts.refused.entry(code.reason()).or_default() += 1;
            }
        }
    }

    /// Counts rows that the model answered, and its time for them.
    pub(crate) fn predicted(&self, rows: usize, seconds: f64) {
        let mut counts = self.counts();
        counts.rows += rows as u64;
        counts.model_seconds.observe(seconds);
    }

    /// Counts an attempt to load the model.
    pub(crate) fn load(&self, success: bool) {
        *self.counts().loads.entry(if success { "success" } else { "failure" }).or_default() += 1;
    }

    /// The text format, version 0.0.4.
    pub(crate) fn text(&self, gauges: &Gauges<'_>) -> String {
        let counts = self.counts();
        let mut page = Page::default();
        let model = [("model", gauges.model_name), ("version", gauges.model_version)];
        inference(&mut page, &counts, &model);
        prediction(&mut page, &counts);
        api(&mut page, &counts, gauges);
        model_lines(&mut page, &counts, gauges, &model);
        process_lines(&mut page, gauges);
        page.0
    }
}

fn inference(page: &mut Page, counts: &Counts, model: &[(&str, &str)]) {
    page.family("inference_requests_total", "counter", "Prediction requests, whatever became of them.");
    page.line("inference_requests_total", model, counts.predict_requests);
    page.family("inference_predictions_total", "counter", "Rows that were answered.");
    page.line("inference_predictions_total", model, counts.rows);
    page.family(
        "inference_errors_total",
        "counter",
        "Prediction requests that failed by no fault of the caller.",
    );
    page.line("inference_errors_total", model, counts.predict_errors);
    page.family("inference_latency_seconds", "histogram", "Time from a prediction request to its answer.");
    page.histogram("inference_latency_seconds", model, &counts.predict_latency);
    page.family(
        "inference_latency_seconds_avg",
        "gauge",
        "Average of inference_latency_seconds since the start.",
    );
    page.line("inference_latency_seconds_avg", model, average(&counts.predict_latency));
}

#[expect(clippy::cast_precision_loss, reason = "counts of a process")]
fn average(histogram: &Histogram) -> f64 {
    match histogram.count() {
        0 => 0.0,
        count => histogram.sum() / count as f64,
    }
}

fn prediction(page: &mut Page, counts: &Counts) {
    page.family("ml_predictions_total", "counter", "Rows that were answered.");
    page.line("ml_predictions_total", &[], counts.rows);
    page.family(
        "ml_prediction_duration_seconds",
        "histogram",
        "Time in the model, for all rows of a request.",
    );
    page.histogram("ml_prediction_duration_seconds", &[], &counts.model_seconds);
    page.family(
        "ml_prediction_errors_total",
        "counter",
        "Prediction requests without a prediction, by reason.",
    );
    for (reason, count) in &counts.refused {
        page.line("ml_prediction_errors_total", &[("reason", reason)], count);
    }
}

fn api(page: &mut Page, counts: &Counts, gauges: &Gauges<'_>) {
    page.family("api_requests_total", "counter", "Requests by method, endpoint and status.");
    for ((method, endpoint, status), count) in &counts.requests {
        let status = status.to_string();
        let labels = [("method", *method), ("endpoint", *endpoint), ("status", status.as_str())];
        page.line("api_requests_total", &labels, count);
    }
    page.family("api_request_duration_seconds", "histogram", "Time from request to answer.");
    for ((method, endpoint), histogram) in &counts.durations {
        page.histogram(
            "api_request_duration_seconds",
            &[("method", method), ("endpoint", endpoint)],
            histogram,
        );
    }
    page.family("api_errors_total", "counter", "Refused requests by route and error code.");
    for ((route, code), count) in &counts.errors {
        page.line("api_errors_total", &[("route", route), ("type", code.text())], count);
    }
    page.family("api_inflight_requests", "gauge", "Requests being answered now.");
    page.line("api_inflight_requests", &[], gauges.inflight);
    page.family("inference_queue_rows", "gauge", "Rows that wait for the model or are with it.");
    page.line("inference_queue_rows", &[], gauges.rows_queued);
}

fn model_lines(page: &mut Page, counts: &Counts, gauges: &Gauges<'_>, model: &[(&str, &str)]) {
    page.family("ml_model_load_total", "counter", "Attempts to load the model, by outcome.");
    for (status, count) in &counts.loads {
        page.line("ml_model_load_total", &[("status", status)], count);
    }
    page.family("ml_model_loaded", "gauge", "1 when the model answers, else 0.");
    page.line("ml_model_loaded", &[], u8::from(gauges.loaded));
    if let Some(accuracy) = gauges.accuracy {
        page.family("ml_model_accuracy", "gauge", "Accuracy that the model's manifest states.");
        page.line("ml_model_accuracy", model, accuracy);
    }
}

fn process_lines(page: &mut Page, gauges: &Gauges<'_>) {
    let Usage { memory_rss_bytes, cpu_percent, thread_count } = gauges.usage;
    if let Some(bytes) = memory_rss_bytes {
        page.family("process_memory_rss_bytes", "gauge", "Memory of the process.");
        page.line("process_memory_rss_bytes", &[], bytes);
    }
    if let Some(percent) = cpu_percent {
        page.family("process_cpu_percent", "gauge", "Share of one processor since the last look.");
        page.line("process_cpu_percent", &[], percent);
    }
    if let Some(count) = thread_count {
        page.family("process_thread_count", "gauge", "Threads of the process.");
        page.line("process_thread_count", &[], count);
    }
    page.family("service_uptime_seconds", "gauge", "Time since the start.");
    page.line("service_uptime_seconds", &[], gauges.uptime_seconds);
    page.family("log_lines_dropped_total", "counter", "Log lines that could not be written in time.");
    page.line("log_lines_dropped_total", &[], gauges.log_lines_dropped);
}

/// The text as it grows.
#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n")
            .expect("writing to a string does not fail");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            self.0.push(if index == 0 { '{' } else { ',' });
            write!(self.0, "{label}=\"{}\"", escaped(text)).expect("writing to a string does not fail");
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        writeln!(self.0, " {value}").expect("writing to a string does not fail");
    }

    fn histogram(&mut self, name: &str, labels: &[(&str, &str)], histogram: &Histogram) {
        let bucket = format!("{name}_bucket");
        let count = histogram.count();
        for (bound, below) in histogram.cumulative() {
            let bound = bound.to_string();
            self.line(&bucket, &[labels, &[("le", bound.as_str())]].concat(), below);
        }
        self.line(&bucket, &[labels, &[("le", "+Inf")]].concat(), count);
        self.line(&format!("{name}_sum"), labels, histogram.sum());
        self.line(&format!("{name}_count"), labels, count);
    }
}

/// A label's value as the text format wants it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut page = Page::default();
        page.line("x", &[("model", "a\"b\\c\nd"), ("version", "1")], 2);
        assert_eq!(page.0, "x{model=\"a\\\"b\\\\c\\nd\",version=\"1\"} 2\n");
    }

    #[test]
    fn a_histogram_counts_upwards_to_its_count() {
        let mut histogram = Histogram::new(&[0.5, 1.0]).unwrap();
        for value in [0.25, 0.75, 3.0] {
            histogram.observe(value);
        }
        let mut page = Page::default();
        page.histogram("x", &[("a", "b")], &histogram);
        let expected = "x_bucket{a=\"b\",le=\"0.5\"} 1\nx_bucket{a=\"b\",le=\"1\"} 2\nx_bucket{a=\"b\",le=\"+Inf\"} 3\n\
                        x_sum{a=\"b\"} 4\nx_count{a=\"b\"} 3\n";
        assert_eq!(page.0, expected);
    }
}
