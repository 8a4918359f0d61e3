//! What the operator asks for: flags, and the environment variable behind each.
//!
//! In: arguments and the environment. Out: [`Options`] and [`Surroundings`], checked as far as one value alone can be.
//! Never: a look at the model or the network.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use serde_json::Value;

/// Bytes of a `--metrics-json` file at most. A manifest's metrics are a few dozen lines.
const METRICS_BYTES_MAX: u64 = 64 * 1024;
/// Figures in it at most.
const METRICS_MAX: usize = 256;
/// Characters of a name, version, label or instance token at most.
const NAME_CHARS_MAX: usize = 253;

/// Serves one ONNX model over HTTP.
///
/// Without a model, or with one that cannot be loaded, the server is alive but not ready, and says why.
#[derive(Debug, Clone, Parser)]
#[command(name = "mlo-runtime", version, after_help = EXAMPLES)]
pub struct Options {
    /// The model: a file, a folder that holds one `.onnx`, or a `file:` URI
    #[arg(long, value_name = "URI", env = "MODEL_URI")]
    pub model: Option<String>,
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
    /// Figures of the model, `{"accuracy":0.97}` or a file that holds it, for /model/info and /metrics
    #[arg(long, value_name = "JSON|FILE", env = "MODEL_METRICS_JSON")]
    pub metrics_json: Option<String>,
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
    /// Threads that speak HTTP [default: half of the processors, 1 to 4]
    #[arg(long, value_name = "N", env = "MLO_RUNTIME_HTTP_THREADS", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub http_threads: Option<u16>,
    /// Seconds to go on answering after a stop signal while already not ready, for load balancers to notice
    #[arg(long, value_name = "SECONDS", default_value_t = 0, env = "MLO_RUNTIME_LAME_DUCK_SECONDS", value_parser = clap::value_parser!(u16).range(0..=3600))]
    pub lame_duck_seconds: u16,
    /// Seconds that accepted requests get to finish after that
    #[arg(long, value_name = "SECONDS", default_value_t = 25, env = "MLO_RUNTIME_DRAIN_SECONDS", value_parser = clap::value_parser!(u16).range(0..=3600))]
    pub drain_seconds: u16,
    /// How log lines on stderr look
    #[arg(long, value_enum, default_value_t = LogFormat::Plain, env = "MLO_RUNTIME_LOG_FORMAT")]
    pub log_format: LogFormat,
    /// The least important lines that are written
    #[arg(long, value_enum, default_value_t = LogLevel::Info, env = "LOG_LEVEL", ignore_case = true)]
    pub log_level: LogLevel,
}

const EXAMPLES: &str = "Examples:
  mlo-runtime --model iris.onnx
  mlo-runtime --model models/iris --model-name iris --model-version 1.0.0 --port 0
  MODEL_URI=/models/iris.onnx mlo-runtime --host 0.0.0.0 --log-format json

Exit codes: 0 stopped by a signal after draining, 1 could not start.";

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

/// What the process has around it: read once, at the edge.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The running program.
    pub executable: Option<PathBuf>,
    /// Where relative model paths start.
    pub folder: PathBuf,
    /// The user's cache folder.
    pub cache: Option<PathBuf>,
    /// The active Python environment.
    pub virtual_env: Option<PathBuf>,
    /// `ORT_DYLIB_PATH`, the variable of the `ort` crate.
    pub ort_dylib_path: Option<PathBuf>,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
        let home = set("HOME").map(PathBuf::from);
        let cache = if cfg!(target_os = "windows") {
            set("LOCALAPPDATA").map(PathBuf::from)
        } else if cfg!(target_os = "macos") {
            home.map(|home| home.join("Library/Caches"))
        } else {
            set("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| home.map(|home| home.join(".cache")))
        };
        Self {
            executable: std::env::current_exe().ok(),
            folder: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            cache,
            virtual_env: set("VIRTUAL_ENV").or_else(|| set("CONDA_PREFIX")).map(PathBuf::from),
            ort_dylib_path: set("ORT_DYLIB_PATH").map(PathBuf::from),
        }
    }
}

impl Options {
    /// Seconds between the stop signal and the end of serving as usual.
    pub(crate) fn lame_duck(&self) -> Duration {
        Duration::from_secs(self.lame_duck_seconds.into())
    }

    /// Time for accepted requests to finish.
    pub(crate) fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds.into())
    }

    /// Threads within one operator. Half of the processors leave the other half to HTTP.
    pub(crate) fn intra_op_threads(&self, processors: usize) -> usize {
        self.intra_op_threads.map_or((processors / 2).max(1), usize::from)
    }

    /// Threads that speak HTTP.
    pub(crate) fn http_threads(&self, processors: usize) -> usize {
        self.http_threads.map_or((processors / 2).clamp(1, 4), usize::from)
    }
}

/// What is wrong with the figures of `--metrics-json`.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The file cannot be read.
    #[error("cannot read the metrics file {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not JSON.
    #[error("the metrics are not JSON: {0}")]
    Json(serde_json::Error),
    /// It is JSON of another shape.
    #[error("the metrics must be an object of at most {METRICS_MAX} numbers; `{0}` is not one")]
    Shape(String),
}

/// The figures of `--metrics-json`: an object if it starts with `{`, else a file that holds one.
pub(crate) fn metrics(text: Option<&str>, folder: &Path) -> Result<BTreeMap<String, f64>, MetricsError> {
    let text = match text.map(str::trim) {
        None | Some("") => return Ok(BTreeMap::new()),
        Some(inline) if inline.starts_with('{') => inline.to_owned(),
        Some(file) => {
            use std::io::Read as _;
            let path = folder.join(file);
            let mut text = String::new();
            std::fs::File::open(&path)
                .and_then(|file| file.take(METRICS_BYTES_MAX).read_to_string(&mut text))
                .map_err(|source| MetricsError::Read { path, source })?;
            text
        }
    };
    let value: Value = serde_json::from_str(&text).map_err(MetricsError::Json)?;
    let Value::Object(figures) = value else {
        return Err(MetricsError::Shape("the whole".to_owned()));
    };
    if figures.len() > METRICS_MAX {
        return Err(MetricsError::Shape("the whole".to_owned()));
    }
    figures
        .into_iter()
        .map(|(name, value)| match value.as_f64() {
            Some(figure) => Ok((name, figure)),
            None => Err(MetricsError::Shape(name)),
        })
        .collect()
}

fn host(text: &str) -> Result<IpAddr, String> {
    match text {
        "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        text => text.parse().map_err(|_| "an IP address is needed, such as 127.0.0.1 or 0.0.0.0".to_owned()),
    }
}

/// `sha256:` and 64 hexadecimal digits, also without the prefix.
fn digest(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(format!("sha256:{}", digits.to_ascii_lowercase()))
    } else {
        Err("a SHA-256 digest is needed: 64 hexadecimal digits".to_owned())
    }
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
    fn metrics_are_an_object_of_numbers() {
        let read = |text: &str| metrics(Some(text), Path::new("/")).map_err(|error| error.to_string());
        let expected = BTreeMap::from([("accuracy".to_owned(), 0.97), ("f1_score".to_owned(), 1.0)]);
        assert_eq!(read(r#"{"accuracy":0.97,"f1_score":1}"#).unwrap(), expected);
        assert_eq!(read("").unwrap().len(), 0);
        assert_eq!(
            read(r#"{"accuracy":"high"}"#).unwrap_err(),
            "the metrics must be an object of at most 256 numbers; `accuracy` is not one"
        );
        assert!(read("{").unwrap_err().starts_with("the metrics are not JSON"));
        assert!(read("nowhere.json").unwrap_err().starts_with("cannot read the metrics file /nowhere.json"));
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
