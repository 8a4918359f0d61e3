//! What the operator asks for: flags, and the environment variable behind each.
//!
//! In: arguments and the environment. Out: [`Options`], checked as far as one value alone can be.
//! Never: a look at the model or the network.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::Resettable;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, ValueEnum};

use crate::batch::Limits;
use crate::observe::{LineSettings, Observing};
use crate::request::Missing;
use crate::session::Execution;
use crate::surroundings::{Credentials, Surroundings};

/// Characters of a name, version, label or instance token at most.
const NAME_CHARS_MAX: usize = 253;

/// Serves ONNX models over HTTP and gRPC.
///
/// Without a model, or with one that cannot be loaded, the server is alive but not ready, and says why.
#[derive(Debug, Clone, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(name = "mlo-runtime", version, after_help = EXAMPLES)]
pub struct Options {
    /// The model: a file, a folder that holds one `.onnx`, or a URI: `https:`, `s3:`, `oci:`, `models:/` (`MLflow`)
    #[arg(long, value_name = "URI", env = "MODEL_URI")]
    pub model: Option<String>,
    /// A file of more models, `{"models":[{"name":…,"uri":…}]}`; the first of all is the one that /predict asks
    #[arg(long, value_name = "FILE", env = "MODELS_FILE")]
    pub models: Option<PathBuf>,
    /// The name that answers and metrics carry [default: the model file's name]
    #[arg(long, value_name = "NAME", env = "MODEL_NAME", value_parser = name)]
    pub model_name: Option<String>,
    /// The version that answers and metrics carry
    #[arg(long, value_name = "VERSION", env = "MODEL_VERSION", value_parser = name)]
    pub model_version: Option<String>,
    /// What the model was trained with, as /model/info shows it
    #[arg(long, value_name = "NAME", env = "MODEL_FRAMEWORK", value_parser = name)]
    pub framework: Option<String>,
    /// The digest that the model file must have; another one is not served
    #[arg(long, value_name = "DIGEST", env = "MODEL_SHA256", value_parser = digest)]
    pub sha256: Option<String>,
    /// The name of a class, once for each in the model's order; in the variable, one a line
    #[arg(long = "label", value_name = "NAME", env = "MODEL_LABELS", value_delimiter = '\n', value_parser = name)]
    pub labels: Vec<String>,
    /// The name of a column, once for each in the model's order, so that rows can be objects; in the variable, one a line
    #[arg(long = "feature", value_name = "NAME", env = "MODEL_FEATURES", value_delimiter = '\n', value_parser = name)]
    pub features: Vec<String>,
    /// Whether `null` stands for a number that is missing, or is refused
    #[arg(long, value_enum, default_value_t = Nulls::Refuse, env = "MLO_RUNTIME_NULLS")]
    pub nulls: Nulls,
    /// Figures of the model, `{"accuracy":0.97}` or a file that holds it, for /model/info and /metrics
    #[arg(long, value_name = "JSON|FILE", env = "MODEL_METRICS_JSON")]
    pub metrics_json: Option<String>,
    /// Requests whose answers are known, one `{"request":…,"response":…}` a line: a model that gives others is not served
    #[arg(long, value_name = "FILE", env = "MODEL_GOLDEN")]
    pub golden: Option<PathBuf>,
    /// Seconds between looks for a newer model; 0 looks only when asked to, by SIGHUP or /admin/reload
    #[arg(long, value_name = "SECONDS", default_value_t = 0, env = "MODEL_AUTO_REFRESH_SECONDS", value_parser = clap::value_parser!(u32).range(0..=86_400))]
    pub refresh_seconds: u32,
    /// Seconds that loading a model and its first run may take
    #[arg(long, value_name = "SECONDS", default_value_t = 120, env = "MLO_RUNTIME_LOAD_SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub load_seconds: u32,
    /// Seconds that a run may take; then the process ends with 70, for its supervisor to start it again
    #[arg(long, value_name = "SECONDS", default_value_t = 120, env = "MLO_RUNTIME_RUN_SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub run_seconds: u32,
    /// A key that predictions need, in `X-API-Key` or as a bearer; without one everybody may ask
    #[arg(long, value_name = "KEY", env = "API_KEY", hide_env_values = true)]
    pub api_key: Option<String>,
    /// A token that /admin/reload needs, in `X-Admin-Token` or as a bearer; without one there is no such path
    #[arg(long, value_name = "TOKEN", env = "ADMIN_API_TOKEN", hide_env_values = true)]
    pub admin_token: Option<String>,
    /// A port of its own for administration, which is then not on the other one
    #[arg(long, value_name = "PORT", env = "MLO_RUNTIME_ADMIN_PORT")]
    pub admin_port: Option<u16>,
    /// The address of that port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", env = "MLO_RUNTIME_ADMIN_HOST", value_parser = host)]
    pub admin_host: IpAddr,
    /// Whose answers those of `/`, `/health` and refused bodies are like, where three families of servers differ
    #[arg(long, value_enum, default_value_t = Compat::M, env = "MLO_RUNTIME_COMPAT")]
    pub compat: Compat,
    /// A port of its own for the Open Inference Protocol over gRPC
    #[arg(long, value_name = "PORT", env = "MLO_RUNTIME_GRPC_PORT")]
    pub grpc_port: Option<u16>,
    /// A certificate with its chain, as PEM: every listener speaks TLS then
    #[arg(long, value_name = "FILE", env = "MLO_RUNTIME_TLS_CERT", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's key, as PEM
    #[arg(long, value_name = "FILE", env = "MLO_RUNTIME_TLS_KEY", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Where a JSON line for each prediction goes: a file, or `-` for standard output
    #[arg(long, value_name = "FILE|-", env = "MLO_RUNTIME_PREDICTION_LOG")]
    pub prediction_log: Option<PathBuf>,
    /// Megabytes of that file from which a new one is begun; one before it is kept
    #[arg(long, value_name = "MB", default_value_t = 100, env = "MLO_RUNTIME_PREDICTION_LOG_MB", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub prediction_log_mb: u32,
    /// The share of predictions that is written, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, env = "MLO_RUNTIME_PREDICTION_LOG_SHARE", value_parser = share)]
    pub prediction_log_share: f64,
    /// A column whose values are not written, once for each; in the variable, one a line
    #[arg(long = "prediction-log-mask", value_name = "NAME", env = "MLO_RUNTIME_PREDICTION_LOG_MASK", value_delimiter = '\n', value_parser = name)]
    pub prediction_log_masks: Vec<String>,
    /// Rows to compare what comes with, as comma-separated values with names in the first line
    #[arg(long, value_name = "FILE", env = "REFERENCE_DATASET_URI")]
    pub reference: Option<PathBuf>,
    /// Rows of the reference that are read at most
    #[arg(long, value_name = "N", default_value_t = 10_000, env = "REFERENCE_DATASET_MAX_ROWS", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub reference_rows: u32,
    /// The latest rows that are compared
    #[arg(long, value_name = "N", default_value_t = 1000, env = "DRIFT_MAX_ROWS", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub drift_rows: u32,
    /// Rows from which there is a verdict
    #[arg(long, value_name = "N", default_value_t = 50, env = "DRIFT_MIN_ROWS", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub drift_rows_min: u32,
    /// The registry of `models:/` URIs
    #[arg(long, value_name = "URL", env = "MLFLOW_TRACKING_URI")]
    pub mlflow_tracking_uri: Option<String>,
    /// Who asks it
    #[arg(long, value_name = "NAME", env = "MLFLOW_TRACKING_USERNAME")]
    pub mlflow_tracking_username: Option<String>,
    /// By which password
    #[arg(long, value_name = "PASSWORD", env = "MLFLOW_TRACKING_PASSWORD", hide_env_values = true)]
    pub mlflow_tracking_password: Option<String>,
    /// Or by which token
    #[arg(long, value_name = "TOKEN", env = "MLFLOW_TRACKING_TOKEN", hide_env_values = true)]
    pub mlflow_tracking_token: Option<String>,
    /// A registered model, in place of --model
    #[arg(long, value_name = "NAME", env = "MLFLOW_MODEL_NAME", value_parser = name)]
    pub mlflow_model_name: Option<String>,
    /// The stage whose latest version is served
    #[arg(long, value_name = "STAGE", env = "MLFLOW_MODEL_STAGE", default_value = "Production", value_parser = name)]
    pub mlflow_model_stage: String,
    /// The version that is served, in place of a stage's latest
    #[arg(long, value_name = "VERSION", env = "MLFLOW_MODEL_VERSION", value_parser = name)]
    pub mlflow_model_version: Option<String>,
    /// Who asks the registry of `oci://` URIs
    #[arg(long, value_name = "NAME", env = "MLO_RUNTIME_OCI_USERNAME")]
    pub oci_username: Option<String>,
    /// By which password or token
    #[arg(long, value_name = "PASSWORD", env = "MLO_RUNTIME_OCI_PASSWORD", hide_env_values = true)]
    pub oci_password: Option<String>,
    /// Try a model that comes on standard input, and say what becomes of it
    #[arg(long, hide = true)]
    pub probe: bool,
    /// Exit with 1 when the model cannot be served, in place of staying alive without one
    #[arg(long, env = "MLO_RUNTIME_REQUIRE_MODEL")]
    pub require_model: bool,
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", env = "MLO_RUNTIME_HOST", value_parser = host)]
    pub host: IpAddr,
    /// The port to listen on; 0 for any free one
    #[arg(long, value_name = "PORT", default_value_t = 8080, env = "MLO_RUNTIME_PORT")]
    pub port: u16,
    /// Take any free port when the wanted one is taken
    #[arg(long, env = "MLO_RUNTIME_PORT_FALLBACK")]
    pub port_fallback: bool,
    /// ONNX Runtime's shared library, version 1.24 or later [also: `ORT_DYLIB_PATH`]
    #[arg(long, value_name = "FILE", env = "MLO_ONNXRUNTIME")]
    pub onnxruntime: Option<PathBuf>,
    /// A file to write with process id, address and model once listening, removed at the end
    #[arg(long, value_name = "FILE", env = "MLO_RUNTIME_RUN_FILE")]
    pub run_file: Option<PathBuf>,
    /// A token that /health and /ready give back, so that a caller knows its own server
    #[arg(long, value_name = "TOKEN", env = "MLO_RUNTIME_INSTANCE", value_parser = name)]
    pub instance: Option<String>,
    /// Leave the terminal's session, so that the server outlives it
    #[arg(long, env = "MLO_RUNTIME_DETACHED")]
    pub detached: bool,
    /// Threads that compute within one operator [default: half of the processors, at least 1]
    #[arg(long, value_name = "N", env = "MLO_RUNTIME_INTRA_OP_THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub intra_op_threads: Option<u16>,
    /// Operators that run at once [default: one after the other]
    #[arg(long, value_name = "N", default_value_t = 1, env = "MLO_RUNTIME_INTER_OP_THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub inter_op_threads: u16,
    /// Copies of the model that run at once, each with its own threads and memory
    #[arg(long, value_name = "N", default_value_t = 1, env = "MLO_RUNTIME_INSTANCES", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub instances: u16,
    /// What computes; where it cannot, the model is not served
    #[arg(long, value_enum, default_value_t = Provider::Cpu, env = "MLO_RUNTIME_PROVIDER")]
    pub provider: Provider,
    /// Let the processor do what the provider cannot, down to everything
    #[arg(long, env = "MLO_RUNTIME_PROVIDER_FALLBACK")]
    pub provider_fallback: bool,
    /// The number of the device, where there are several
    #[arg(long, value_name = "N", default_value_t = 0, env = "MLO_RUNTIME_DEVICE")]
    pub device: u16,
    /// Megabytes of the device's memory at most, for the arena of an instance
    #[arg(long, value_name = "MB", env = "MLO_RUNTIME_DEVICE_MEMORY_MB", value_parser = clap::value_parser!(u32).range(1..))]
    pub device_memory_mb: Option<u32>,
    /// Give memory back after each run: slower, and smaller after a large request
    #[arg(long, env = "MLO_RUNTIME_NO_ARENA")]
    pub no_arena: bool,
    /// Rows of different requests that share a run at most
    #[arg(long, value_name = "N", default_value_t = 256, env = "MLO_RUNTIME_BATCH_ROWS", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub batch_rows: u16,
    /// Microseconds that a request may wait for others that are on their way, to share a run with them
    #[arg(long, value_name = "MICROSECONDS", default_value_t = 0, env = "MLO_RUNTIME_BATCH_DELAY_US", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub batch_delay_us: u32,
    /// Rows that may wait; beyond, requests are refused with 503
    #[arg(long, value_name = "N", default_value_t = 8000, env = "MLO_RUNTIME_QUEUE_ROWS", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub queue_rows: u32,
    /// Megabytes that the bodies and tensors of all requests may take; beyond, requests are refused with 503
    #[arg(long, value_name = "MB", default_value_t = 128, env = "MLO_RUNTIME_REQUESTS_MB", value_parser = clap::value_parser!(u32).range(32..=1_000_000))]
    pub requests_mb: u32,
    /// Milliseconds for an answer, waiting included; a request may ask for less by `X-Request-Timeout-Ms`
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 30_000, env = "MLO_RUNTIME_REQUEST_TIMEOUT_MS", value_parser = clap::value_parser!(u32).range(1..=3_600_000))]
    pub request_timeout_ms: u32,
    /// Threads that speak HTTP [default: half of the processors, 1 to 4]
    #[arg(long, value_name = "N", env = "MLO_RUNTIME_HTTP_THREADS", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub http_threads: Option<u16>,
    /// Seconds to go on answering after SIGTERM while already not ready, for load balancers to notice [default: 5; 0
    /// where it is detached]
    #[arg(long, value_name = "SECONDS", env = "MLO_RUNTIME_LAME_DUCK_SECONDS", value_parser = clap::value_parser!(u16).range(0..=3600))]
    pub lame_duck_seconds: Option<u16>,
    /// Seconds that accepted requests get to finish after that; all together are less than the 30 of Kubernetes
    #[arg(long, value_name = "SECONDS", default_value_t = 20, env = "MLO_RUNTIME_DRAIN_SECONDS", value_parser = clap::value_parser!(u16).range(0..=3600))]
    pub drain_seconds: u16,
    /// How log lines on stderr look
    #[arg(long, value_enum, default_value_t = LogFormat::Plain, env = "MLO_RUNTIME_LOG_FORMAT")]
    pub log_format: LogFormat,
    /// The least important lines that are written
    #[arg(long, value_enum, default_value_t = LogLevel::Info, env = "LOG_LEVEL", ignore_case = true)]
    pub log_level: LogLevel,
}

/// Load balancers look every few seconds.
pub(crate) const LAME_DUCK_SECONDS: u16 = 5;

const EXAMPLES: &str = "Examples:
  mlo-runtime --model iris.onnx
  mlo-runtime --model models/iris --model-name iris --model-version 1.0.0 --port 0
  MODEL_URI=/models/iris.onnx mlo-runtime --host 0.0.0.0 --log-format json

Signals: SIGTERM and SIGINT end it, SIGHUP loads the newest models where it has no terminal.
Exit codes: 0 stopped by a signal after draining, 1 could not start, 70 a run of the model did not end.";

/// A family of servers whose callers are served as they expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Compat {
    /// `/health` says `healthy`; refused bodies are 422.
    M,
    /// `/health` says `ok` with details; refused bodies are 400 with `detail`.
    C,
    /// `/health` says `ok` or `degraded`; `/` lists endpoints by a message.
    P,
}

/// What `null` means among numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Nulls {
    /// It is refused, and so is what is not finite in a binary tensor.
    Refuse,
    /// It becomes NaN, and binary tensors may hold what is not finite.
    Nan,
}

/// What computes: ONNX Runtime's execution providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Provider {
    /// The processor.
    Cpu,
    /// NVIDIA CUDA.
    Cuda,
    /// NVIDIA `TensorRT`, and CUDA for what it cannot do.
    Tensorrt,
}

impl Provider {
    /// The kind of device that it computes on.
    pub(crate) fn device(self) -> &'static str {
        match self {
            Provider::Cpu => "cpu",
            Provider::Cuda | Provider::Tensorrt => "cuda",
        }
    }

    /// As the flag has it.
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Provider::Cpu => "cpu",
            Provider::Cuda => "cuda",
            Provider::Tensorrt => "tensorrt",
        }
    }

    /// As ONNX Runtime calls it.
    pub(crate) fn onnxruntime_name(self) -> &'static str {
        match self {
            Provider::Cpu => "CPUExecutionProvider",
            Provider::Cuda => "CUDAExecutionProvider",
            Provider::Tensorrt => "TensorrtExecutionProvider",
        }
    }
}

impl std::fmt::Display for Provider {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.onnxruntime_name())
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Time, level, message, `key=value`.
    Plain,
    /// One JSON object a line.
    Json,
}

/// How important a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum LogLevel {
    /// Something failed that someone should see.
    Error,
    /// Something is not as it should be; the server goes on.
    #[value(alias = "warning")]
    Warn,
    /// What a day's operation is told by.
    Info,
    /// Each request.
    Debug,
}

impl Options {
    /// Those of this process. A variable that is empty is not set, as for shells and containers.
    ///
    /// # Errors
    /// What clap refuses, and the texts of `--help` and `--version`.
    pub fn of_process() -> Result<Self, clap::Error> {
        let command = Self::command().mut_args(|argument| {
            let value = argument.get_env().and_then(std::env::var_os);
            if value.is_some_and(|value| value.is_empty()) {
                argument.env(Resettable::Reset)
            } else {
                argument
            }
        });
        Self::from_arg_matches(&command.try_get_matches()?)
    }

    /// Seconds between the stop signal and the end of serving as usual.
    pub(crate) fn lame_duck(&self, signal: &str) -> Duration {
        // A person at a terminal has no load balancer in front.
        let default = if self.detached || signal == "SIGINT" { 0 } else { LAME_DUCK_SECONDS };
        Duration::from_secs(self.lame_duck_seconds.unwrap_or(default).into())
    }

    /// Time for accepted requests to finish.
    pub(crate) fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds.into())
    }

    /// Threads within one operator. Half of the processors leave the other half to HTTP.
    pub(crate) fn intra_op_threads(&self, processors: usize) -> usize {
        self.intra_op_threads.map_or((processors / 2).max(1), usize::from)
    }

    /// What a session may use.
    pub(crate) fn execution(&self, processors: usize) -> Execution {
        Execution {
            intra_op_threads: self.intra_op_threads(processors),
            inter_op_threads: self.inter_op_threads.into(),
            arena: !self.no_arena,
            provider: self.provider,
            device: self.device,
            fallback: self.provider_fallback,
            memory_bytes: self
                .device_memory_mb
                .and_then(|megabytes| usize::try_from(megabytes).ok()?.checked_mul(1024 * 1024)),
        }
    }

    /// What models are fetched with.
    pub(crate) fn credentials(&self, around: &Surroundings) -> Credentials {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let aws = |name: &str| around.aws.get(name).cloned();
        Credentials {
            mlflow_uri: given(&self.mlflow_tracking_uri),
            mlflow_username: given(&self.mlflow_tracking_username),
            mlflow_password: given(&self.mlflow_tracking_password),
            mlflow_token: given(&self.mlflow_tracking_token),
            oci_username: given(&self.oci_username),
            oci_password: given(&self.oci_password),
            aws_key_id: aws("AWS_ACCESS_KEY_ID"),
            aws_secret: aws("AWS_SECRET_ACCESS_KEY"),
            aws_token: aws("AWS_SESSION_TOKEN"),
            aws_region: aws("AWS_REGION").or_else(|| aws("AWS_DEFAULT_REGION")),
            aws_endpoint: aws("AWS_ENDPOINT_URL_S3").or_else(|| aws("AWS_ENDPOINT_URL")),
            aws_role: aws("AWS_ROLE_ARN"),
            aws_identity_file: aws("AWS_WEB_IDENTITY_TOKEN_FILE").map(PathBuf::from),
        }
    }

    /// What is to be learned from answers.
    pub(crate) fn observing(&self, folder: &Path) -> Observing {
        let rows = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        let lines = self.prediction_log.as_ref().filter(|path| !path.as_os_str().is_empty()).map(|path| {
            LineSettings {
                path: (path != Path::new("-")).then(|| folder.join(path)),
                bytes_max: u64::from(self.prediction_log_mb) * 1024 * 1024,
                share: self.prediction_log_share,
                masked: self.prediction_log_masks.clone(),
            }
        });
        let reference = self.reference.as_ref().filter(|path| !path.as_os_str().is_empty());
        Observing {
            lines,
            reference: reference.map(|path| folder.join(path)),
            reference_rows_max: rows(self.reference_rows),
            window_rows: rows(self.drift_rows),
            window_rows_min: rows(self.drift_rows_min),
            feedback: self.admin_token.as_ref().is_some_and(|token| !token.is_empty()),
        }
    }

    /// Time for loading a model.
    pub(crate) fn load_time(&self) -> Duration {
        Duration::from_secs(self.load_seconds.into())
    }

    /// Time for one run of a model.
    pub(crate) fn run_time(&self) -> Duration {
        Duration::from_secs(self.run_seconds.into())
    }

    /// Time between looks for a newer model; none where nobody looks.
    pub(crate) fn refresh(&self) -> Option<Duration> {
        Some(Duration::from_secs(self.refresh_seconds.into())).filter(|every| !every.is_zero())
    }

    /// Threads of a session at most.
    pub(crate) fn threads_max(&self) -> u64 {
        u64::from(self.intra_op_threads.unwrap_or(1)) * u64::from(self.inter_op_threads)
    }

    /// Limits of a model's queue.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            batch_rows_max: self.batch_rows.into(),
            batch_delay: Duration::from_micros(self.batch_delay_us.into()),
            queue_rows_max: usize::try_from(self.queue_rows).unwrap_or(usize::MAX),
        }
    }

    /// What `null` stands for.
    pub(crate) fn missing(&self) -> Missing {
        match self.nulls {
            Nulls::Refuse => Missing::Refused,
            Nulls::Nan => Missing::Nan,
        }
    }

    /// Bytes that all requests may take.
    pub(crate) fn requests_bytes_max(&self) -> usize {
        usize::try_from(self.requests_mb).unwrap_or(usize::MAX).saturating_mul(1024 * 1024)
    }

    /// Time for an answer.
    pub(crate) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms.into())
    }

    /// Threads that speak HTTP.
    pub(crate) fn http_threads(&self, processors: usize) -> usize {
        self.http_threads.map_or((processors / 2).clamp(1, 4), usize::from)
    }
}

fn host(text: &str) -> Result<IpAddr, String> {
    match text {
        "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        text => text.parse().map_err(|_| "an IP address is needed, such as 127.0.0.1 or 0.0.0.0".to_owned()),
    }
}

/// `sha256:` and 64 hexadecimal digits, also without the prefix.
pub(crate) fn digest(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(format!("sha256:{}", digits.to_ascii_lowercase()))
    } else {
        Err("a SHA-256 digest is needed: 64 hexadecimal digits".to_owned())
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a number from 0 to 1 is needed".to_owned())
}

fn name(text: &str) -> Result<String, String> {
    if text.chars().count() > NAME_CHARS_MAX {
        Err(format!("longer than {NAME_CHARS_MAX} characters"))
    } else if text.chars().any(char::is_control) {
        Err("holds a control character".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Options, String> {
        Options::try_parse_from([&["mlo-runtime"], arguments].concat())
            .map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())
    }

    #[test]
    fn the_examples_in_the_help_are_accepted() {
        let commands: Vec<&str> =
            EXAMPLES.lines().filter_map(|line| line.split_once("mlo-runtime ")).map(|it| it.1).collect();
        assert_eq!(commands.len(), 3);
        for command in commands {
            let arguments: Vec<&str> = command.split(' ').collect();
            assert!(parsed(&arguments).is_ok(), "{command}");
        }
    }

    #[test]
    fn wrong_values_are_refused_in_words() {
        let rows = [
            (["--host", "example.org"], "an IP address is needed, such as 127.0.0.1 or 0.0.0.0"),
            (["--sha256", "abc"], "a SHA-256 digest is needed: 64 hexadecimal digits"),
            (["--model-name", "a\u{1b}[31m"], "holds a control character"),
            (["--port", "70000"], "70000 is not in 0..=65535"),
            (["--intra-op-threads", "0"], "0 is not in 1..=1024"),
        ];
        for (arguments, expected) in rows {
            let refusal = parsed(&arguments).unwrap_err();
            assert!(refusal.ends_with(expected), "{arguments:?}: {refusal}");
        }
    }

    #[test]
    fn a_digest_is_taken_with_and_without_its_prefix() {
        let digits = "A".repeat(64);
        for text in [digits.clone(), format!("sha256:{digits}")] {
            let options = parsed(&["--sha256", &text]).unwrap();
            assert_eq!(options.sha256, Some(format!("sha256:{}", "a".repeat(64))));
        }
    }

    #[test]
    fn two_processors_are_shared_evenly() {
        let options = parsed(&[]).unwrap();
        let rows = [(1, 1, 1), (2, 1, 1), (4, 2, 2), (64, 32, 4)];
        for (processors, compute, http) in rows {
            assert_eq!(
                (options.intra_op_threads(processors), options.http_threads(processors)),
                (compute, http)
            );
        }
    }
}
