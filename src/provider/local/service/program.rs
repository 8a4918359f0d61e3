//! Where the server program is, and what it is started with.

use super::spec::Spec;
use crate::diag::code::provider::PROGRAM_MISSING;
use crate::provider::{ProviderError, Surroundings};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Name of the program.
const NAME: &str = "mlo-runtime";
/// The variable that says where it is.
const VARIABLE: &str = "MLO_RUNTIME";
/// What a server gets of the environment: what it needs to find its libraries and caches and to speak to the user. All
/// else may hold secrets that are not the server's.
const PASSED_ON: [&str; 20] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "MLO_ONNXRUNTIME",
    "ORT_DYLIB_PATH",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "SYSTEMROOT",
    "LOCALAPPDATA",
    "RUST_BACKTRACE",
];
/// Time for a server to finish what it accepted, in seconds; less than the time after which it is killed.
const DRAIN_SECONDS: u32 = 10;

/// On which port a server listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Port {
    /// On this one or not at all.
    Exactly(u16),
    /// On this one if it is free, else on any.
    Rather(u16),
    /// On any.
    Any,
}

/// Finds the server program: the variable `MLO_RUNTIME`, beside the running program, `PATH`.
///
/// # Errors
/// If it is nowhere; lists where it was looked for.
pub(super) fn locate(surroundings: &Surroundings) -> Result<PathBuf, ProviderError> {
    let file = format!("{NAME}{}", std::env::consts::EXE_SUFFIX);
    if let Some(named) = (surroundings.environment)(VARIABLE).filter(|named| !named.is_empty()) {
        let path = surroundings.project.join(&named);
        return if path.is_file() {
            Ok(path)
        } else {
            let summary =
                format!("there is no server program at {}, which `{VARIABLE}` names", path.display());
            Err(ProviderError::permanent(summary)
                .code(&PROGRAM_MISSING)
                .help(format!("correct the variable `{VARIABLE}` or unset it")))
        };
    }
    let path = (surroundings.environment)("PATH").unwrap_or_default();
    let folders = std::iter::once(surroundings.programs.clone()).chain(std::env::split_paths(&path));
    let mut places: Vec<_> =
        folders.filter(|folder| folder.is_absolute()).map(|folder| folder.join(&file)).collect();
    if let Some(found) = places.iter().find(|place| place.is_file()) {
        return Ok(found.clone());
    }
    places.dedup();
    let places: Vec<_> = places.iter().map(|place| format!("  {}", place.display())).collect();
    Err(ProviderError::permanent(format!("cannot find the server program `{NAME}`"))
        .code(&PROGRAM_MISSING)
        .detail(format!("It was looked for at:\n{}", places.join("\n")))
        .help(format!(
            "put `{NAME}` beside `mlo`; from the sources, `cargo build --release --workspace` does"
        ))
        .help(format!("or set `{VARIABLE}` to its path")))
}

/// What a server is told on its command line.
pub(super) fn arguments(spec: &Spec, port: Port, instance: &str, run_file: &Path) -> Vec<OsString> {
    let mut arguments = vec![
        "--require-model".into(),
        "--detached".into(),
        flag("--instance", instance),
        flag("--run-file", run_file),
        flag("--model", &spec.model),
        flag("--model-name", &spec.name),
        flag("--host", spec.host.to_string()),
        flag("--drain-seconds", DRAIN_SECONDS.to_string()),
    ];
    match port {
        Port::Exactly(port) => arguments.push(flag("--port", port.to_string())),
        Port::Rather(port) => arguments.extend([flag("--port", port.to_string()), "--port-fallback".into()]),
        Port::Any => arguments.push(flag("--port", "0")),
    }
    let optional = [
        ("--model-version", &spec.version),
        ("--framework", &spec.framework),
        ("--sha256", &spec.digest),
        ("--metrics-json", &spec.metrics),
    ];
    for (name, value) in optional {
        arguments.extend(value.as_ref().map(|value| flag(name, value)));
    }
    arguments.extend(spec.onnxruntime.iter().map(|path| flag("--onnxruntime", path)));
    arguments.extend(spec.labels.iter().map(|label| flag("--label", label)));
    arguments
}

/// Name and value in one word, so that a value that begins with a dash is no flag.
fn flag(name: &str, value: impl AsRef<std::ffi::OsStr>) -> OsString {
    let mut word = OsString::from(format!("{name}="));
    word.push(value.as_ref());
    word
}

/// The variables that a server gets.
pub(super) fn environment(spec: &Spec, surroundings: &Surroundings) -> Vec<(String, String)> {
    let passed_on = PASSED_ON.iter().filter_map(|name| {
        let value = (surroundings.environment)(name)?;
        Some(((*name).to_owned(), value))
    });
    passed_on.chain(spec.environment.clone()).collect()
}
