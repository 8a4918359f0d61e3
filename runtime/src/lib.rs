//! The inference server of mlo: one ONNX model over HTTP.
//!
//! In reading order:
//!
//! - `config`       what the operator asks for: flags and environment
//! - `onnxruntime`  where ONNX Runtime's library is
//! - `model`        from a URI to a model that answers: found, checked, loaded, warmed up
//! - `session`      the one door to ONNX Runtime
//! - `tensor`       a request's JSON to a tensor
//! - `queue`        many requests to the one thread that runs the model
//! - `protocol`     the shapes that leave as JSON
//! - `server`       connections: accepted, watched, ended; its `routes` say what each endpoint does
//! - `metrics`, `process`, `log`, `clock`
//! - `life`         signals, the terminal, the run file

mod clock;
mod config;
mod life;
mod log;
mod metrics;
mod model;
mod onnxruntime;
mod process;
mod protocol;
mod queue;
mod server;
mod session;
mod tensor;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

pub use config::{LogFormat, LogLevel, MetricsError, Options, Surroundings};
pub use life::ListenError;

use life::{RunFile, RunRecord, Signals};
use log::Log;
use model::Stage;
use server::{App, Identity, Phase};

/// Time for the model's thread to end once nothing is asked of it.
const THREAD_END_MAX: Duration = Duration::from_secs(1);

/// Why the server ended without being told to.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
    #[error("cannot write the run file {}: {source}", path.display())]
    RunFile { path: std::path::PathBuf, source: std::io::Error },
    #[error("--require-model is set, and {0}")]
    NoModel(&'static str),
}

/// Serves until a signal comes: 0 then, and 1 where it cannot.
pub fn run(options: Options, around: Surroundings) -> ExitCode {
    if options.detached {
        life::detach();
    }
    let log = Log::start(options.log_format, options.log_level);
    let outcome = start(options, around, &log);
    if let Err(error) = &outcome {
        log.error("stopped", &[("reason", error)]);
    }
    log.flush();
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn start(options: Options, around: Surroundings, log: &Log) -> Result<(), RunError> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.http_threads(processors))
        .thread_name("http")
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(serve(options, around, log));
    // Bodies still being parsed are nobody's any more.
    runtime.shutdown_background();
    outcome
}

fn identity(options: &Options, around: &Surroundings) -> Result<Identity, MetricsError> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let file = options.model.as_deref().map(std::path::Path::new).and_then(std::path::Path::file_stem);
    let stem = file.map(|stem| stem.to_string_lossy().into_owned()).filter(|stem| !stem.is_empty());
    Ok(Identity {
        name: given(&options.model_name).or(stem).unwrap_or_else(|| "model".to_owned()),
        version: given(&options.model_version),
        framework: given(&options.framework),
        instance: given(&options.instance),
        figures: config::metrics(options.metrics_json.as_deref(), &around.folder)?,
    })
}

async fn serve(options: Options, around: Surroundings, log: &Log) -> Result<(), RunError> {
    let mut signals = Signals::install(options.detached)?;
    let identity = identity(&options, &around)?;
    let listener = life::listen(SocketAddr::new(options.host, options.port), options.port_fallback).await?;
    let address = listener.local_addr()?;
    let mut record = RunRecord::new(address, &identity, options.sha256.clone());
    let path = options.run_file.as_ref().map(|path| around.folder.join(path));
    let mut run_file = write_run_file(path.as_deref(), &record)?;
    log.info("listening", &[("url", &life::url(address)), ("model", &identity.name)]);

    let (stage, inference) = model::start(options.clone(), around, log.clone())?;
    let app = Arc::new(App::new(identity, stage.clone(), log.clone()));
    let (phase, watched) = watch::channel(Phase::Serving);
    let server = tokio::spawn(server::serve(listener, Arc::clone(&app), watched));
    let outcome = tokio::select! {
        signal = signals.stop() => { log.info("stopping", &[("signal", &signal)]); Ok(()) }
        stage = settled(stage.clone()) => {
            app.metrics.load(matches!(stage, Stage::Ready(_)));
            match stage {
                Stage::Failed(reason) if options.require_model => Err(RunError::NoModel(reason)),
                stage => {
                    if let Stage::Ready(served) = stage {
                        record.digest = Some(served.facts.digest.clone());
                        run_file = write_run_file(path.as_deref(), &record)?.or(run_file);
                    }
                    let signal = signals.stop().await;
                    log.info("stopping", &[("signal", &signal)]);
                    Ok(())
                }
            }
        }
    };
    app.draining.store(true, Ordering::Relaxed);
    if outcome.is_ok() {
        drain(&options, &app, phase, server, &mut signals).await;
    }
    stop_model(&stage, inference).await;
    if let Some(run_file) = run_file {
        run_file.remove();
    }
    if outcome.is_ok() {
        log.info("stopped", &[("unanswered", &app.inflight())]);
    }
    outcome
}

fn write_run_file(path: Option<&std::path::Path>, record: &RunRecord) -> Result<Option<RunFile>, RunError> {
    path.map(|path| RunFile::write(path, record)).transpose().map_err(|source| RunError::RunFile {
        path: path.unwrap_or(std::path::Path::new("")).to_owned(),
        source,
    })
}

/// Waits until the model is loaded or has failed.
async fn settled(mut stage: watch::Receiver<Stage>) -> Stage {
    loop {
        let now = stage.borrow_and_update().clone();
        if !matches!(now, Stage::Loading) {
            return now;
        }
        if stage.changed().await.is_err() {
            return Stage::Failed("the model's thread has ended");
        }
    }
}

/// Lets load balancers notice, takes no more connections, and gives accepted requests their time. A second signal
/// ends it at once.
async fn drain(
    options: &Options,
    app: &App,
    phase: watch::Sender<Phase>,
    mut server: tokio::task::JoinHandle<()>,
    signals: &mut Signals,
) {
    let ended = async {
        tokio::time::sleep(options.lame_duck()).await;
        // The server is there as long as this task waits for it.
        let _ = phase.send(Phase::Closing);
        timeout(options.drain(), &mut server).await.is_ok()
    };
    let in_time = tokio::select! {
        in_time = ended => in_time,
        _ = signals.stop() => false,
    };
    if !in_time {
        // Counted first: what is cut ends on other threads at once.
        let requests = app.inflight();
        server.abort();
        app.log.warn("cut what was left", &[("requests", &requests)]);
    }
}

/// Ends the model's thread, if it is not in the middle of a run that does not end.
async fn stop_model(stage: &watch::Receiver<Stage>, inference: std::thread::JoinHandle<()>) {
    if let Stage::Ready(served) = &*stage.borrow() {
        served.queue.stop();
    }
    let joined = tokio::task::spawn_blocking(move || inference.join());
    // It ends with the process otherwise.
    let _ = timeout(THREAD_END_MAX, joined).await;
}
