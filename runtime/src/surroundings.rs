//! What the process has around it, beside what the operator asks for by flags.
//!
//! In: the environment, read once, at the edge. Out: [`Surroundings`], and of them the [`Credentials`] for models. Never: a
//! variable that is looked at later.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// What models are fetched with.
#[derive(Clone, Default)]
pub(crate) struct Credentials {
    pub(crate) mlflow_uri: Option<String>,
    pub(crate) mlflow_username: Option<String>,
    pub(crate) mlflow_password: Option<String>,
    pub(crate) mlflow_token: Option<String>,
    pub(crate) oci_username: Option<String>,
    pub(crate) oci_password: Option<String>,
    pub(crate) aws_key_id: Option<String>,
    pub(crate) aws_secret: Option<String>,
    pub(crate) aws_token: Option<String>,
    pub(crate) aws_region: Option<String>,
    pub(crate) aws_endpoint: Option<String>,
    pub(crate) aws_role: Option<String>,
    pub(crate) aws_identity_file: Option<PathBuf>,
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
    /// `LD_LIBRARY_PATH`, by which the libraries of a device are found.
    pub library_path: Option<OsString>,
    /// What the variables of AWS say, by their names.
    pub aws: BTreeMap<&'static str, String>,
    /// What the variables of `OpenTelemetry` say, by their names.
    pub opentelemetry: BTreeMap<&'static str, String>,
}

/// The variables of `OpenTelemetry` that are heeded.
const OPENTELEMETRY: [&str; 7] = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_SERVICE_NAME",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "OTEL_SDK_DISABLED",
];

/// The variables of AWS that are heeded, by the names that AWS gave them.
const AWS: [&str; 9] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
];

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
        let texts = |names: &[&'static str]| {
            names.iter().filter_map(|name| Some((*name, set(name)?.into_string().ok()?))).collect()
        };
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
            library_path: set("LD_LIBRARY_PATH"),
            aws: texts(&AWS),
            opentelemetry: texts(&OPENTELEMETRY),
        }
    }
}
