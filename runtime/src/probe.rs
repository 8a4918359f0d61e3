//! A model is first loaded and run in a child process: one that crashes or hangs takes only that one down.
//!
//! In: a model's bytes that were checked, and how it is to be run. Out: nothing, or why it must not be loaded here.
//! Never: the server's environment in the child, or a child that outlives its time.

use std::ffi::OsString;
use std::io::{BufRead, ErrorKind, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mlo_model::ModelFiles;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::clock;
use crate::config::Options;
use crate::log::Log;
use crate::request::Taking;
use crate::session::{Engine, Execution, Session, SessionError};
use crate::surroundings::Surroundings;
use crate::warm_up;

/// How often the parent looks after the child.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Bytes of what the child says at most.
const SAID_BYTES_MAX: u64 = 64 * 1024;
/// Bytes of the line that says which files come, at most: a thousand names.
const HEAD_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Memory that a model may ask for: this, and so many times its own size. ONNX Runtime keeps two or three copies of
/// the weights while it prepares them.
const MEMORY_BYTES: u64 = 8 * 1024 * 1024 * 1024;
const MEMORY_PER_BYTE: u64 = 8;
/// Files that the child may have open.
const FILES_MAX: u64 = 64;

/// Why a model must not be loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProbeError {
    /// The child ended by a signal, or without a word.
    #[error("the model ends the process that loads it ({0})")]
    Crashed(String),
    /// It did not end.
    #[error("loading the model and running it once took more than {0} seconds")]
    Hangs(u64),
    /// Nobody will ask it any more.
    #[error("the server is stopping")]
    Stopped,
    /// There is no child.
    #[error("cannot start a process to try the model in: {0}")]
    Start(std::io::Error),
    /// It loaded the model, or not, and says why not.
    #[error(transparent)]
    Session(SessionError),
}

/// What the child says.
#[derive(Serialize, Deserialize)]
struct Said {
    kind: Kind,
    text: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Good,
    Library,
    Refused,
    Provider,
    Unsupported,
    Input,
    Run,
}

/// What a trial is about.
pub(crate) struct Trial<'a> {
    pub(crate) files: &'a ModelFiles,
    /// `sha256:…` of the model.
    pub(crate) digest: &'a str,
    pub(crate) library: &'a Path,
    pub(crate) execution: Execution,
    pub(crate) max: Duration,
    /// Set when the server is being stopped, which ends the trial.
    pub(crate) stopping: &'a AtomicBool,
}

/// Tries a model in a child, unless it is known from an earlier time that it is good.
pub(crate) fn run(trial: &Trial<'_>, options: &Options, around: &Surroundings) -> Result<(), ProbeError> {
    // Without a program of our own there is no child; only tests of parts have none.
    let Some(program) = &around.executable else { return Ok(()) };
    let verdict = around.cache.as_ref().map(|cache| verdict_path(cache, trial));
    if verdict.as_ref().is_some_and(|path| path.exists()) {
        return Ok(());
    }
    try_in_child(program, trial, options, around)?;
    if let Some(path) = verdict {
        // It is only a memory: without it the next start takes longer.
        let _ =
            path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::File::create(&path));
    }
    Ok(())
}

/// Where it is noted that a model is good with this library, size and time of change included, and this provider.
fn verdict_path(cache: &Path, trial: &Trial<'_>) -> PathBuf {
    let mut hash = Sha256::new();
    hash.update(trial.digest);
    hash.update(format!("{:?}", trial.execution));
    hash.update(trial.library.as_os_str().as_encoded_bytes());
    if let Ok(metadata) = std::fs::metadata(trial.library) {
        hash.update(format!("{} {:?}", metadata.len(), metadata.modified()));
    }
    hash.update(env!("CARGO_PKG_VERSION"));
    cache.join("mlo/models/good").join(data_encoding::HEXLOWER.encode(&hash.finalize()))
}

fn try_in_child(
    program: &Path,
    trial: &Trial<'_>,
    options: &Options,
    around: &Surroundings,
) -> Result<(), ProbeError> {
    let mut command = Command::new(program);
    command.args(arguments(trial, options)).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped());
    command.stderr(Stdio::null());
    if let Some(path) = &around.library_path {
        command.env("LD_LIBRARY_PATH", path);
    }
    let mut child = command.spawn().map_err(ProbeError::Start)?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let outcome = std::thread::scope(|scope| {
        scope.spawn(move || {
            // A child that has ended reads no more.
            let _ = input.map(|mut input| send(&mut input, trial.files));
        });
        let said = scope.spawn(move || {
            let mut said = String::new();
            let _ = output.map(|output| output.take(SAID_BYTES_MAX).read_to_string(&mut said));
            said
        });
        let ended = ended(&mut child, trial);
        // Its pipes end with it.
        let _ = child.kill();
        let _ = child.wait();
        ended.map(|status| (status, said.join().unwrap_or_default()))
    });
    let (status, said) = outcome?;
    let said: Said = serde_json::from_str(&said).map_err(|_| ProbeError::Crashed(status.to_string()))?;
    let text = said.text;
    Err(ProbeError::Session(match said.kind {
        Kind::Good => return Ok(()),
        Kind::Library => SessionError::Library(text),
        Kind::Refused => SessionError::Refused(text),
        Kind::Provider => SessionError::Provider { provider: trial.execution.provider, reason: text },
        Kind::Unsupported => SessionError::Unsupported(text),
        Kind::Input => SessionError::Input(text),
        Kind::Run => SessionError::Run(text),
    }))
}

/// Waits for the end, as long as the trial may take and somebody wants to know.
fn ended(child: &mut Child, trial: &Trial<'_>) -> Result<ExitStatus, ProbeError> {
    let until = clock::instant() + trial.max;
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Ok(status);
        }
        if trial.stopping.load(Ordering::Relaxed) {
            return Err(ProbeError::Stopped);
        }
        if clock::instant() > until {
            return Err(ProbeError::Hangs(trial.max.as_secs()));
        }
        std::thread::park_timeout(LOOK_EVERY);
    }
}

fn arguments(trial: &Trial<'_>, options: &Options) -> Vec<OsString> {
    let execution = trial.execution;
    let mut arguments: Vec<OsString> = Vec::new();
    let mut flag = |name: &str, value: OsString| arguments.extend([name.into(), value]);
    flag("--onnxruntime", trial.library.into());
    flag("--intra-op-threads", execution.intra_op_threads.to_string().into());
    flag("--inter-op-threads", execution.inter_op_threads.to_string().into());
    flag("--device", execution.device.to_string().into());
    flag("--load-seconds", trial.max.as_secs().max(1).to_string().into());
    flag("--provider", execution.provider.flag().into());
    if let Some(megabytes) = options.device_memory_mb {
        flag("--device-memory-mb", megabytes.to_string().into());
    }
    if execution.fallback {
        arguments.push("--provider-fallback".into());
    }
    arguments.push("--probe".into());
    arguments
}

/// What the child does: reads a model from its input, loads it, runs it once, and says what became of it.
pub(crate) fn child(options: &Options, log: &Log) -> std::io::Result<()> {
    let files = receive(&mut std::io::stdin().lock())?;
    limit(options, files.bytes());
    let (kind, text) = match attempt(options, &files, log) {
        Ok(()) => (Kind::Good, String::new()),
        Err(error) => match error {
            SessionError::Library(text) => (Kind::Library, text),
            SessionError::Refused(text) => (Kind::Refused, text),
            SessionError::Provider { reason, .. } => (Kind::Provider, reason),
            SessionError::Unsupported(text) => (Kind::Unsupported, text),
            SessionError::Input(text) => (Kind::Input, text),
            SessionError::Run(text) => (Kind::Run, text),
            other @ (SessionError::LibraryHangs | SessionError::Answer(_)) => (Kind::Run, other.to_string()),
        },
    };
    let said = serde_json::to_vec(&Said { kind, text })?;
    std::io::stdout().lock().write_all(&said)
}

/// Hands files on: a line of JSON with the names of those beside the model and the bytes of all, then their bytes.
fn send(to: &mut impl Write, files: &ModelFiles) -> std::io::Result<()> {
    let data = files.data.iter().map(|(name, data)| (name, data.len()));
    serde_json::to_writer(&mut *to, &(files.model.len(), data.collect::<Vec<_>>()))?;
    to.write_all(b"\n")?;
    to.write_all(&files.model)?;
    files.data.iter().try_for_each(|(_, data)| to.write_all(data))
}

fn receive(from: &mut impl BufRead) -> std::io::Result<ModelFiles> {
    let mut line = String::new();
    from.take(HEAD_BYTES_MAX).read_line(&mut line)?;
    let (model, data): (u64, Vec<(String, u64)>) = serde_json::from_str(&line)?;
    let mut take = |length: u64| {
        let mut bytes = Vec::new();
        let read = from.take(length.min(mlo_model::MODEL_BYTES_MAX)).read_to_end(&mut bytes)?;
        if read as u64 == length { Ok(bytes) } else { Err(std::io::Error::from(ErrorKind::UnexpectedEof)) }
    };
    let model = take(model)?;
    let data = data.into_iter().map(|(name, length)| Ok((name, take(length)?.into())));
    Ok(ModelFiles { model, data: data.collect::<std::io::Result<_>>()? })
}

fn attempt(options: &Options, files: &ModelFiles, log: &Log) -> Result<(), SessionError> {
    let library = options.onnxruntime.as_deref().unwrap_or(Path::new(""));
    let engine = Engine::load(library, log)?;
    let mut session = Session::load(&engine, files, options.execution(1))?;
    let inputs = session.signature().inputs.clone();
    let taking = Taking { inputs, ..Taking::default() };
    match warm_up::once(&mut session, &taking) {
        // Only other lengths or values may be wanted.
        Err(SessionError::Input(_) | SessionError::Run(_)) => Ok(()),
        outcome => outcome.map(drop),
    }
}

/// What the child may not exceed. A limit that the system does not take is one less.
#[cfg(unix)]
fn limit(options: &Options, model_bytes: u64) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let set = |resource, max: u64| {
        let _ = setrlimit(resource, Rlimit { current: Some(max), maximum: Some(max) });
    };
    set(Resource::Core, 0);
    // Who is killed cannot end its trial.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    set(Resource::Cpu, u64::from(options.load_seconds).saturating_mul(options.threads_max()));
    if options.provider == crate::config::Provider::Cpu {
        // A device's driver reserves addresses without end.
        set(Resource::As, MEMORY_BYTES.saturating_add(model_bytes.saturating_mul(MEMORY_PER_BYTE)));
        set(Resource::Nofile, FILES_MAX);
    }
}

#[cfg(not(unix))]
fn limit(_: &Options, _: u64) {}
