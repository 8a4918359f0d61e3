//! The table of fields.

use super::Format::{
    Cron, Date, DateOrTime, DnsLabel, Duration, Filled, Free, HttpPath, LabelValue, RelativePath, SemVer,
    Sha256, Uri,
};
use super::Shape::{Bool, Choice, Either, Integer, List, Number, Object, Open, Quantity, Text, Threshold};
use super::{Field, Measure, Shape};

const fn field(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { name, shape, required: false, governed: false, about, example: "" }
}

/// Any finite number.
const FINITE: Shape = Number(f64::MIN, f64::MAX);
/// A share.
const SHARE: Shape = Number(0.0, 1.0);
/// Replicas of one deployment at most: far above what one cluster serves of one model.
const REPLICAS_MAX: i64 = 1_000;
/// An hour of seconds: no probe waits longer.
const PROBE_SECONDS_MAX: i64 = 3_600;

/// The fields of a manifest.
pub const ROOT: &[Field] = &[
    field("apiVersion", Choice(&[super::API_VERSION]), "The version of this form.")
        .required()
        .example("mlifecycle.io/v1"),
    field("kind", Choice(&[super::KIND]), "What the document describes.")
        .required()
        .example("ModelDeployment"),
    field("metadata", Object(METADATA), "Who the deployment is."),
    field("spec", Object(SPEC), "What is deployed, how good it is, and how it runs.").required(),
];

const METADATA: &[Field] = &[
    field(
        "name",
        Text(DnsLabel),
        "Name of the deployment, and the key of `manifest` in HCL. Default: `spec.model.name`.",
    )
    .example("fraud-detector"),
    field("namespace", Text(DnsLabel), "Kubernetes namespace. Default: `ml-inference`.")
        .example("ml-inference"),
    field("labels", Open(&[], &Text(LabelValue)), "Kubernetes labels, names of your own.")
        .example("{ team: risk }"),
    field("annotations", Open(&[], &Text(Free)), "Kubernetes annotations, names of your own.")
        .example("{ contact: risk-oncall }"),
];

const SPEC: &[Field] = &[
    field("model", Object(MODEL), "The model.").required(),
    field(
        "metrics",
        Open(METRICS, &FINITE),
        "How good the model is, measured on data that it was not trained on. Names of your own are allowed.",
    )
    .governed(),
    field("fairness", Open(FAIRNESS, &FINITE), "Fairness evaluation. Names of your own are allowed.")
        .governed(),
    field("drift", Object(DRIFT), "How far the data has moved since training.").governed(),
    field(
        "dependencies",
        List(&Text(Filled)),
        "Packages that the model was trained with, as PEP 508 requirements.",
    )
    .governed()
    .example("[\"torch>=2.0.0\", \"numpy\"]"),
    field("data_sources", List(&Object(DATA_SOURCE)), "Where the training data came from.").governed(),
    field("inference", Object(INFERENCE), "How the model is served."),
    field("rollout", Object(ROLLOUT), "How a new version replaces the old one."),
    field("monitoring", Object(MONITORING), "What watches the model in production."),
    field("explainability", Object(EXPLAINABILITY), "How predictions are explained."),
    field("observability", Object(OBSERVABILITY), "Metrics, logs and traces of the server."),
    field("rollback", Object(ROLLBACK), "When to go back to the version before."),
    field("training", Object(TRAINING), "How the model was trained."),
    field("previous_version", Object(PREVIOUS), "The version that this one replaces, to compare with."),
];

const MODEL: &[Field] = &[
    field("name", Text(DnsLabel), "Name of the model.").required().example("fraud-detector"),
    field("version", Text(SemVer), "Semantic version, in quotes and without `v`.").required().example("\"2.1.0\""),
    field(
        "uri",
        Text(Uri),
        "The ONNX file, or a folder that holds exactly one: a path relative to this file, `file:`, `s3://bucket/prefix`, `models:/name/version-or-alias` (MLflow), `oci://registry/repository@sha256:…` or `https://`.",
    )
    .required()
    .example("model/model.onnx"),
    field(
        "framework",
        Choice(&["onnx", "pytorch", "sklearn", "tensorflow", "xgboost", "lightgbm"]),
        "What the model was trained with. What is served is ONNX.",
    )
    .governed()
    .example("sklearn"),
    field("experiment_id", Text(Filled), "The experiment of the tracking server that produced the model.")
        .governed()
        .example("\"exp-2025-017\""),
    field("sha256", Text(Sha256), "Pinned digest of the ONNX file; another file is refused.")
        .example("sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
];

const METRICS: &[Field] = &[
    field("accuracy", SHARE, "Share of right predictions.").governed().example("0.94"),
    field("f1_score", SHARE, "Harmonic mean of precision and recall.").governed().example("0.91"),
    field("precision", SHARE, "Share of positives that are right.").governed().example("0.92"),
    field("recall", SHARE, "Share of what is positive that was found.").governed().example("0.90"),
    field("auc_roc", SHARE, "Area under the ROC curve.").governed().example("0.97"),
];

const FAIRNESS: &[Field] = &[
    field("demographic_parity", Number(-1.0, 1.0), "Difference of positive rates between groups.")
        .governed()
        .example("0.04"),
    field("equalized_odds", Number(-1.0, 1.0), "Difference of error rates between groups.")
        .governed()
        .example("0.05"),
    field("evaluation_date", Text(DateOrTime), "When it was measured.").governed().example("2025-01-15"),
    field("protected_attributes", List(&Text(Filled)), "Attributes whose groups were compared.")
        .governed()
        .example("[age_group, region]"),
];

const DRIFT: &[Field] = &[
    field("score", Number(0.0, f64::MAX), "Drift between training and recent data.")
        .governed()
        .example("0.08"),
    field("reference_date", Text(Date), "Day of the reference data.").example("2025-01-01"),
    field("reference_uri", Text(Uri), "Snapshot that production is compared with.")
        .example("data/reference.csv"),
    field("reference_dataset", Text(Filled), "Name of the reference data.").example("transactions-2024q4"),
    field("monitored_features", List(&Text(Filled)), "Columns that are watched. Default: all.")
        .example("[amount, merchant_category]"),
    field("last_evaluated", Text(DateOrTime), "When the score was measured.").example("2025-01-15"),
];

const DATA_SOURCE: &[Field] = &[
    field("source", Text(Filled), "Address or name of the data.")
        .governed()
        .example("s3://approved-data-risk/2024"),
    field("approved", Bool, "Whether its use has been approved.").governed().example("true"),
    field("dvc", Text(RelativePath), "DVC file that pins its digest: `x.dvc`, or `dvc.lock#output`.")
        .example("data/train.csv.dvc"),
];

const INFERENCE: &[Field] = &[
    field("replicas", Integer(0, REPLICAS_MAX), "Copies of the server. Default: the environment's.")
        .example("3"),
    field("resources", Object(RESOURCES), "What one copy may use. Default: the environment's."),
    field("autoscaling", Object(AUTOSCALING), "Copies by load."),
    field("batching", Object(BATCHING), "Requests put together for one run of the model."),
    field("device", Choice(&["cpu", "cuda"]), "What the model runs on. Default: `cpu`.").example("cpu"),
    field("labels", List(&Text(Filled)), "Names of the classes, in the order of the model's output.")
        .example("[legitimate, fraud]"),
    field("healthCheck", Object(PROBE), "Liveness probe. Defaults: `/health`, 8080, 15, 10."),
    field("readinessCheck", Object(PROBE), "Readiness probe. Defaults: `/ready`, 8080, 10, 5."),
    field("latency_p99_ms", Number(0.0, f64::MAX), "Measured 99th percentile of latency, in milliseconds.")
        .example("45"),
];

const RESOURCES: &[Field] = &[
    field("requests", Object(AMOUNTS), "What one copy is given for sure."),
    field("limits", Object(AMOUNTS), "What one copy may not exceed; at least what it requests."),
];

const AMOUNTS: &[Field] = &[
    field("cpu", Quantity(Measure::Cpu), "Cores; `500m` is half of one.").example("500m"),
    field("memory", Quantity(Measure::Memory), "Bytes; `Mi` and `Gi` are powers of 1024.").example("512Mi"),
    field(
        "nvidia.com/gpu",
        Quantity(Measure::Devices),
        "Whole GPUs. A request needs a limit, and both are the same.",
    )
    .example("1"),
];

const AUTOSCALING: &[Field] = &[
    field("minReplicas", Integer(1, REPLICAS_MAX), "Fewest copies.").example("3"),
    field("maxReplicas", Integer(1, REPLICAS_MAX), "Most copies; at least `minReplicas`.").example("10"),
    field("targetCPUUtilization", Integer(1, 100), "Percent of requested CPU to aim at. Default: 70.")
        .example("70"),
    field("targetMemoryUtilization", Integer(1, 100), "Percent of requested memory to aim at. Default: 80.")
        .example("80"),
];

const BATCHING: &[Field] = &[
    field("max_batch_size", Integer(1, 1_000), "Most rows of one run.").example("32"),
    field("max_delay_ms", Number(0.0, 10_000.0), "Longest wait for more rows, in milliseconds.").example("5"),
];

const PROBE: &[Field] = &[
    field("path", Text(HttpPath), "What is asked.").example("/health"),
    field("port", Integer(1, 65_535), "Port of the server.").example("8080"),
    field("initialDelaySeconds", Integer(0, PROBE_SECONDS_MAX), "Wait before the first probe, in seconds.")
        .example("30"),
    field("periodSeconds", Integer(1, PROBE_SECONDS_MAX), "Time between probes, in seconds.").example("10"),
];

const ROLLOUT: &[Field] = &[
    field(
        "strategy",
        Choice(&["rolling", "canary"]),
        "`rolling` replaces copy by copy, `canary` moves traffic in steps. Default: `rolling`.",
    )
    .example("canary"),
    field("steps", List(&Object(STEP)), "Steps of a canary, with weights that rise."),
    field("analysis", List(&Object(ANALYSIS)), "What must hold during each step, else all is rolled back."),
];

const STEP: &[Field] = &[
    field("weight", Integer(1, 100), "Percent of the traffic for the new version.").required().example("10"),
    field("hold", Text(Duration), "How long the step lasts before it is judged.").example("5m"),
];

const ANALYSIS: &[Field] = &[
    field(
        "metric",
        Choice(&["accuracy", "error_rate", "latency_p95", "latency_p99"]),
        "What is watched. `accuracy` must stay at or above its threshold, the others at or below.",
    )
    .required()
    .example("error_rate"),
    field("threshold", Threshold, "The bound: a share, or for latencies a length of time.")
        .required()
        .example("0.01"),
    field("window", Text(Duration), "Time over which it is measured. Default: the step's `hold`.")
        .example("5m"),
];

const MONITORING: &[Field] = &[
    field("enabled", Bool, "Whether a ServiceMonitor, alert rules and a dashboard are made.").example("true"),
    field("drift_detection", Object(DRIFT_DETECTION), "Scheduled drift measurement."),
    field("alerting", Object(ALERTING), "Alerts beside the built-in ones."),
];

const DRIFT_DETECTION: &[Field] = &[
    field("enabled", Bool, "Whether drift is measured.").example("true"),
    field("schedule", Text(Cron), "When, as a cron time table in UTC.").example("\"0 */6 * * *\""),
    field("threshold", SHARE, "Score from which it is an alert. Default: 0.3.").example("0.3"),
];

const ALERTING: &[Field] = &[
    field("enabled", Bool, "Whether alerts are sent.").example("true"),
    field("channels", List(&Text(Filled)), "Where they go.").example("[slack, pagerduty]"),
    field("rules", List(&Object(ALERT_RULE)), "Rules of your own."),
];

const ALERT_RULE: &[Field] = &[
    field("name", Text(Filled), "Name of the alert.").required().example("HighErrorRate"),
    field("condition", Text(Filled), "When it fires.").required().example("error_rate > 0.05"),
    field("severity", Choice(&["info", "warning", "critical"]), "How bad it is. Default: `warning`.")
        .example("warning"),
];

const EXPLAINABILITY: &[Field] = &[
    field("enabled", Bool, "Whether explanations are given.").example("true"),
    field("method", Text(Filled), "How they are computed.").example("shap"),
    field(
        "feature_importance",
        List(&Either(&Text(Filled), &Object(IMPORTANCE))),
        "Columns by importance: names, or names with figures.",
    )
    .example("[amount, merchant_category]"),
];

const IMPORTANCE: &[Field] = &[
    field("feature", Text(Filled), "The column.").required().example("amount"),
    field("importance", FINITE, "Its figure.").required().example("0.35"),
];

const OBSERVABILITY: &[Field] = &[
    field("metrics", Either(&Bool, &Object(ENABLED)), "Prometheus metrics: `true`, or a block.")
        .example("true"),
    field("logging", Object(LOGGING), "The server's log."),
    field("tracing", Object(TRACING), "Traces of requests."),
];

const ENABLED: &[Field] = &[field("enabled", Bool, "Whether it is on.").example("true")];

const LOGGING: &[Field] = &[
    field(
        "level",
        Choice(&["debug", "info", "warning", "error", "DEBUG", "INFO", "WARNING", "ERROR"]),
        "What is logged. Default: `info`.",
    )
    .example("info"),
    field("format", Choice(&["json", "text"]), "How. Default: `json`.").example("json"),
];

const TRACING: &[Field] = &[
    field("enabled", Bool, "Whether requests are traced.").example("true"),
    field("samplingRate", SHARE, "Share of the requests that are traced. Default: 0.1.").example("0.1"),
];

const ROLLBACK: &[Field] = &[
    field("enabled", Bool, "Whether a failing version is rolled back by itself.").example("true"),
    field("previousVersion", Text(SemVer), "Version to go back to. Default: the one that served before.")
        .example("\"2.0.0\""),
    field("triggers", List(&Object(TRIGGER)), "What rolls back."),
];

const TRIGGER: &[Field] = &[
    field("type", Choice(&["error_rate", "latency_p99"]), "What is watched.")
        .required()
        .example("error_rate"),
    field("threshold", Threshold, "The bound: a share for `error_rate`, a length of time for `latency_p99`.")
        .required()
        .example("0.05"),
    field("window", Text(Duration), "Time over which it is measured. Default: `5m`.").example("5m"),
];

const TRAINING: &[Field] =
    &[field("sample_size", Integer(0, i64::MAX), "Rows that the model was trained on.").example("250000")];

const PREVIOUS: &[Field] = &[
    field("metrics", Open(METRICS, &FINITE), "Its metrics.").governed(),
    field("inference", Object(PREVIOUS_INFERENCE), "Its figures in production."),
];

const PREVIOUS_INFERENCE: &[Field] =
    &[field("latency_p99_ms", Number(0.0, f64::MAX), "Its 99th percentile of latency, in milliseconds.")
        .example("48")];
