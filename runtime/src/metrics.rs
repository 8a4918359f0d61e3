//! Counters and histograms, written as Prometheus reads them.
//!
//! In: what happened. Out: the text of `/metrics`. Never: a label that a caller chose, so the number of lines does not
//! depend on what is asked.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mlo_stats::Histogram;

use crate::batch::Done;
use crate::observe::{DriftReport, Quality};
use crate::process::Usage;
use crate::protocol::Code;

/// Upper bounds in seconds. A small model answers in tens of microseconds, and alerts look at 0.5 s and 1 s.
const SECONDS: [f64; 15] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Upper bounds in rows.
const ROWS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1000.0];

/// One finished request.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) endpoint: &'static str,
    pub(crate) status: u16,
    pub(crate) code: Option<Code>,
    pub(crate) seconds: f64,
    /// The place of the model that a prediction was asked of.
    pub(crate) prediction: Option<usize>,
}

/// Everything that is counted.
pub(crate) struct Metrics {
    counts: Mutex<Counts>,
}

struct Counts {
    requests: BTreeMap<(&'static str, &'static str, u16), u64>,
    durations: BTreeMap<(&'static str, &'static str), Histogram>,
    errors: BTreeMap<(&'static str, Code), u64>,
    loads: BTreeMap<&'static str, u64>,
    models: Vec<Model>,
}

/// What is counted of one model.
struct Model {
    requests: u64,
    errors: u64,
    latency: Histogram,
    refused: BTreeMap<&'static str, u64>,
    rows: u64,
    run_seconds: Histogram,
    queue_seconds: Histogram,
    batch_rows: Histogram,
}

impl Model {
    fn new() -> Self {
        Self {
            requests: 0,
            errors: 0,
            latency: seconds(),
            refused: BTreeMap::new(),
            rows: 0,
            run_seconds: seconds(),
            queue_seconds: seconds(),
            batch_rows: Histogram::new(&ROWS).expect("the bounds ascend"),
        }
    }
}

/// What is read rather than counted.
pub(crate) struct Gauges {
    /// In the order of their places.
    pub(crate) models: Vec<ModelGauges>,
    pub(crate) usage: Usage,
    pub(crate) uptime_seconds: f64,
    pub(crate) inflight: u64,
    /// Bytes that requests hold.
    pub(crate) inflight_bytes: usize,
    pub(crate) log_lines_dropped: u64,
    pub(crate) observations_dropped: u64,
    pub(crate) spans_dropped: u64,
    pub(crate) drift: Option<DriftReport>,
    pub(crate) quality: Option<Quality>,
}

/// The same of one model.
pub(crate) struct ModelGauges {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) loaded: bool,
    pub(crate) accuracy: Option<f64>,
    pub(crate) rows_queued: usize,
    /// ONNX Runtime's names of what may compute.
    pub(crate) providers: Vec<&'static str>,
}

fn seconds() -> Histogram {
    Histogram::new(&SECONDS).expect("the bounds ascend")
}

impl Metrics {
    /// - `models`: how many there are.
    pub(crate) fn new(models: usize) -> Self {
        Self {
            counts: Mutex::new(Counts {
                requests: BTreeMap::new(),
                durations: BTreeMap::new(),
                errors: BTreeMap::new(),
                loads: BTreeMap::new(),
                models: (0..models).map(|_| Model::new()).collect(),
            }),
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request, with predictions once more under their own names.
    pub(crate) fn request(&self, request: Request) {
        let Request { method, endpoint, status, code, seconds: took, prediction } = request;
        let mut counts = self.counts();
        *counts.requests.entry((method, endpoint, status)).or_default() += 1;
        counts.durations.entry((method, endpoint)).or_insert_with(seconds).observe(took);
        if let Some(code) = code {
            *counts.errors.entry((endpoint, code)).or_default() += 1;
        }
        let Some(model) = prediction.and_then(|index| counts.models.get_mut(index)) else { return };
        model.requests += 1;
        model.latency.observe(took);
        model.errors += u64::from(status >= 500);
        if let Some(code) = code {
            *model.refused.entry(code.reason()).or_default() += 1;
        }
    }

    /// Counts rows that a model answered, its time for them, and what they waited.
    #[expect(clippy::cast_precision_loss, reason = "rows of a batch are few")]
    pub(crate) fn predicted(&self, model: usize, rows: usize, done: &Done) {
        let mut counts = self.counts();
        let Some(model) = counts.models.get_mut(model) else { return };
        model.rows += rows as u64;
        model.run_seconds.observe(done.took.as_secs_f64());
        model.queue_seconds.observe(done.waited.as_secs_f64());
        model.batch_rows.observe(done.batch_rows as f64);
    }

    /// Counts an attempt to load a model.
    pub(crate) fn load(&self, success: bool) {
        *self.counts().loads.entry(if success { "success" } else { "failure" }).or_default() += 1;
    }

    /// The text format, version 0.0.4.
    pub(crate) fn text(&self, gauges: &Gauges) -> String {
        let counts = self.counts();
        let mut page = Page::default();
        let models: Vec<(&Model, &ModelGauges)> = counts.models.iter().zip(&gauges.models).collect();
        inference(&mut page, &models);
        prediction(&mut page, &counts);
        api(&mut page, &counts, gauges);
        model_lines(&mut page, &counts, &models);
        if let Some(quality) = &gauges.quality {
            quality_lines(&mut page, quality);
        }
        if let Some(drift) = &gauges.drift {
            drift_lines(&mut page, drift);
        }
        process_lines(&mut page, gauges);
        page.0
    }
}

fn labels(gauges: &ModelGauges) -> [(&'static str, &str); 2] {
    [("model", gauges.name.as_str()), ("version", gauges.version.as_str())]
}

fn inference(page: &mut Page, models: &[(&Model, &ModelGauges)]) {
    page.family("inference_requests_total", "counter", "Prediction requests, whatever became of them.");
    for (model, gauges) in models {
        page.line("inference_requests_total", &labels(gauges), model.requests);
    }
    page.family("inference_predictions_total", "counter", "Rows that were answered.");
    for (model, gauges) in models {
        page.line("inference_predictions_total", &labels(gauges), model.rows);
    }
    let help = "Prediction requests that failed by no fault of the caller.";
    page.family("inference_errors_total", "counter", help);
    for (model, gauges) in models {
        page.line("inference_errors_total", &labels(gauges), model.errors);
    }
    let help = "Prediction requests that were not what the model takes.";
    page.family("inference_validation_errors_total", "counter", help);
    for (model, gauges) in models {
        let count = model.refused.get("validation").copied().unwrap_or_default();
        page.line("inference_validation_errors_total", &labels(gauges), count);
    }
    page.family("inference_latency_seconds", "histogram", "Time from a prediction request to its answer.");
    for (model, gauges) in models {
        page.histogram("inference_latency_seconds", &labels(gauges), &model.latency);
    }
    let help = "Average of inference_latency_seconds since the start.";
    page.family("inference_latency_seconds_avg", "gauge", help);
    for (model, gauges) in models {
        page.line("inference_latency_seconds_avg", &labels(gauges), average(&model.latency));
    }
    page.family("inference_queue_seconds", "histogram", "Time that a request waited for the model.");
    for (model, gauges) in models {
        page.histogram("inference_queue_seconds", &labels(gauges), &model.queue_seconds);
    }
    page.family("inference_batch_rows", "histogram", "Rows of the run that a request was in.");
    for (model, gauges) in models {
        page.histogram("inference_batch_rows", &labels(gauges), &model.batch_rows);
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a process")]
fn average(histogram: &Histogram) -> f64 {
    match histogram.count() {
        0 => 0.0,
        count => histogram.sum() / count as f64,
    }
}

/// What is not told apart by model.
fn prediction(page: &mut Page, counts: &Counts) {
    page.family("ml_predictions_total", "counter", "Rows that were answered.");
    page.line("ml_predictions_total", &[], counts.models.iter().map(|model| model.rows).sum::<u64>());
    page.family(
        "ml_prediction_duration_seconds",
        "histogram",
        "Time in the model, for all rows of the run that a request was in.",
    );
    let mut all = seconds();
    for model in &counts.models {
        all.merge(&model.run_seconds).expect("they have the same bounds");
    }
    page.histogram("ml_prediction_duration_seconds", &[], &all);
    page.family(
        "ml_prediction_errors_total",
        "counter",
        "Prediction requests without a prediction, by reason.",
    );
    let mut refused = BTreeMap::<&str, u64>::new();
    for (reason, count) in counts.models.iter().flat_map(|model| &model.refused) {
        *refused.entry(reason).or_default() += count;
    }
    for (reason, count) in refused {
        page.line("ml_prediction_errors_total", &[("reason", reason)], count);
    }
}

fn api(page: &mut Page, counts: &Counts, gauges: &Gauges) {
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
    page.family("ml_request_count", "counter", "The same as api_requests_total.");
    for ((method, endpoint, status), count) in &counts.requests {
        let status = status.to_string();
        let labels = [("method", *method), ("path", *endpoint), ("status", status.as_str())];
        page.line("ml_request_count", &labels, count);
    }
    page.family("ml_request_latency_seconds", "histogram", "The same as api_request_duration_seconds.");
    for ((method, endpoint), histogram) in &counts.durations {
        page.histogram("ml_request_latency_seconds", &[("method", method), ("path", endpoint)], histogram);
    }
    page.family("ml_request_errors_total", "counter", "Requests that failed by no fault of the caller.");
    let mut failed = BTreeMap::<(&str, &str), u64>::new();
    for ((method, endpoint, _), count) in counts.requests.iter().filter(|((.., status), _)| *status >= 500) {
        *failed.entry((method, endpoint)).or_default() += count;
    }
    for ((method, endpoint), count) in failed {
        page.line("ml_request_errors_total", &[("method", method), ("path", endpoint)], count);
    }
    page.family("api_errors_total", "counter", "Refused requests by route and error code.");
    for ((route, code), count) in &counts.errors {
        page.line("api_errors_total", &[("route", route), ("type", code.text())], count);
    }
    page.family("api_inflight_requests", "gauge", "Requests being answered now.");
    page.line("api_inflight_requests", &[], gauges.inflight);
    page.family("api_inflight_bytes", "gauge", "Bytes of memory that requests hold now.");
    page.line("api_inflight_bytes", &[], gauges.inflight_bytes);
    page.family("inference_queue_rows", "gauge", "Rows that wait for a model or are with it.");
    page.line(
        "inference_queue_rows",
        &[],
        gauges.models.iter().map(|model| model.rows_queued).sum::<usize>(),
    );
}

fn model_lines(page: &mut Page, counts: &Counts, models: &[(&Model, &ModelGauges)]) {
    page.family("ml_model_load_total", "counter", "Attempts to load a model, by outcome.");
    for (status, count) in &counts.loads {
        page.line("ml_model_load_total", &[("status", status)], count);
    }
    page.family("ml_model_loaded", "gauge", "1 when every model answers, else 0.");
    page.line("ml_model_loaded", &[], u8::from(models.iter().all(|(_, gauges)| gauges.loaded)));
    page.family("ml_model_execution_provider", "gauge", "1 for what computes the model, or a part of it.");
    for (_, gauges) in models {
        for provider in &gauges.providers {
            let [model, version] = labels(gauges);
            page.line("ml_model_execution_provider", &[model, version, ("provider", *provider)], 1);
        }
    }
    page.family("ml_model_accuracy", "gauge", "Accuracy that the model's manifest states.");
    for (_, gauges) in models {
        if let Some(accuracy) = gauges.accuracy {
            page.line("ml_model_accuracy", &labels(gauges), accuracy);
        }
    }
}

/// What truths say of decisions.
fn quality_lines(page: &mut Page, quality: &Quality) {
    page.family("ml_model_precision", "gauge", "Precision by the latest truths, averaged over the classes.");
    page.line("ml_model_precision", &[], quality.precision);
    page.family("ml_model_recall", "gauge", "Recall by the latest truths, averaged over the classes.");
    page.line("ml_model_recall", &[], quality.recall);
    page.family("ml_feedback_window_rows", "gauge", "Truths that accuracy, precision and recall are about.");
    page.line("ml_feedback_window_rows", &[], quality.rows);
    page.family("ml_feedback_rows_total", "counter", "Truths that came, by whether the decision is known.");
    page.line("ml_feedback_rows_total", &[("outcome", "matched")], quality.matched);
    page.line("ml_feedback_rows_total", &[("outcome", "unmatched")], quality.unmatched);
}

fn drift_lines(page: &mut Page, drift: &DriftReport) {
    let mut gauge = |name: &str, help: &str, value: f64| {
        page.family(name, "gauge", help);
        page.line(name, &[], value);
    };
    let flag = |set: bool| f64::from(u8::from(set));
    let compared = drift.columns.iter().filter(|column| column.value.is_some()).count();
    let drifted = drift.drifted().count();
    let share = if compared == 0 { 0.0 } else { ratio(drifted, compared) };
    gauge("ml_drift_detected", "1 when the data set drifted.", flag(drift.detected));
    gauge("ml_drifted_feature_count", "Columns that drifted.", ratio(drifted, 1));
    gauge("evidently_data_drift_status", "1 when the data set drifted.", flag(drift.detected));
    gauge("evidently_data_drift_share", "Share of the columns that drifted.", share);
    gauge(
        "drift_monitor_current_row_count",
        "Rows of production that are compared.",
        ratio(drift.window_rows, 1),
    );
    gauge(
        "drift_monitor_reference_row_count",
        "Rows that they are compared with.",
        ratio(drift.reference_rows, 1),
    );
    if let Some(time) = drift.evaluated_at {
        let seconds = time.as_duration().as_secs_f64();
        gauge(
            "drift_monitor_last_run_timestamp",
            "When they were compared last, in seconds since 1970.",
            seconds,
        );
    }
    if let Some(prediction) = &drift.prediction {
        let status = flag(prediction.drifted);
        gauge("evidently_prediction_drift_status", "1 when what is decided drifted.", status);
        if let Some(value) = prediction.value {
            gauge("evidently_prediction_drift_score", "The statistic of what is decided.", value);
        }
    }
    if let Some(psi) = drift.prediction_psi {
        gauge("evidently_prediction_psi_score", "Stability index of what is decided.", psi);
    }
    page.family("evidently_feature_drift_status", "gauge", "1 when the column drifted.");
    for column in &drift.columns {
        let labels = [("feature", column.name.as_str())];
        page.line("evidently_feature_drift_status", &labels, flag(column.drifted));
    }
    page.family("evidently_feature_drift_score", "gauge", "The statistic of the column.");
    for column in &drift.columns {
        if let Some(value) = column.value {
            page.line("evidently_feature_drift_score", &[("feature", column.name.as_str())], value);
        }
    }
    let help = "Values by bins that each hold an equal share of the reference; they add up over replicas.";
    page.family("ml_feature_value", "histogram", help);
    for (name, histogram) in &drift.histograms {
        page.histogram("ml_feature_value", &[("feature", name.as_str())], histogram);
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a process")]
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

fn process_lines(page: &mut Page, gauges: &Gauges) {
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
    let help = "Answers that neither the prediction log nor drift learned of.";
    page.family("observations_dropped_total", "counter", help);
    page.line("observations_dropped_total", &[], gauges.observations_dropped);
    page.family("trace_spans_dropped_total", "counter", "Spans that could not be handed over in time.");
    page.line("trace_spans_dropped_total", &[], gauges.spans_dropped);
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
