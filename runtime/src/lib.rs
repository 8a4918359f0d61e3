//! The inference server of mlo: ONNX models over HTTP and gRPC.
//!
//! In reading order:
//!
//! - `config`       what the operator asks for: flags, and variables behind them
//! - `surroundings` what else the environment says
//! - `onnxruntime`  where ONNX Runtime's library is
//! - `spec`         which models are served, and what the operator says of each
//! - `figures`      what is stated of a model's quality
//! - `host`         the models of this process, and their exchange
//! - `model`        from a URI to a model that answers
//! - `source`       from a URI to a model's bytes
//! - `probe`        a model is first tried in a child process
//! - `golden`       requests whose answers are known
//! - `session`      the one door to ONNX Runtime
//! - `warm_up`      its first runs, and what they show
//! - `tensor`       dense tensors
//! - `request`      a request's bytes to tensors
//! - `batch`        many requests to the threads that run the model
//! - `answer`       output tensors to an answer's bytes
//! - `protocol`     refusals and descriptions as JSON
//! - `access`       keys that callers show
//! - `server`       connections: accepted, watched, ended; its `routes` say what each endpoint does
//! - `metrics`, `process`, `log`, `clock`
//! - `life`         signals, the terminal, the run file
//! - `observe`      what is learned from answers: the prediction log, drift, what turned out
//! - `trace`        traces of requests for `OpenTelemetry`
//! - `watchdog`     ends the process when a run does not end

mod access;
mod answer;
mod batch;
mod clock;
mod config;
mod figures;
mod golden;
mod host;
mod life;
mod log;
mod metrics;
mod model;
mod observe;
mod onnxruntime;
mod probe;
mod process;
mod protocol;
mod request;
mod server;
mod session;
mod source;
mod spec;
mod surroundings;
mod tensor;
mod trace;
mod warm_up;
mod watchdog;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

pub use config::{Compat, LogFormat, LogLevel, Nulls, Options, Provider};
pub use life::ListenError;
pub use surroundings::Surroundings;

use observe::ObserveError;
use server::TlsError;
use spec::SpecError;

use access::Key;
use batch::Bells;
use host::Host;
use life::{RunFile, RunRecord, Signals, Wish};
use log::Log;
use metrics::Metrics;
use model::Stage;
use observe::Observer;
use server::{App, Beside, Entrance, Phase, Settings, Side};
use spec::Spec;
use trace::{Tracer, Tracing};

/// Time for the model's threads, and for a loading, to end once nothing is asked of them.
const THREADS_END_MAX: Duration = Duration::from_secs(1);

/// Time for what was learned of the last answers to be written.
const OBSERVER_END_MAX: Duration = Duration::from_secs(2);

/// Why the server ended without being told to.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Spec(#[from] SpecError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
    #[error("cannot write the run file {}: {source}", path.display())]
    RunFile { path: std::path::PathBuf, source: std::io::Error },
    #[error("--require-model is set, and {0}")]
    NoModel(&'static str),
    #[error(transparent)]
    Observe(#[from] ObserveError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("--admin-port needs --admin-token (ADMIN_API_TOKEN): without a token there is no administration")]
    NoToken,
}

/// Serves until a signal comes, and ends the process: with 0 then, and with 1 where it cannot.
pub fn run(options: Options, around: Surroundings) -> ! {
    if options.detached {
        life::detach();
    }
    let log = Log::start(options.log_format, options.log_level);
    if options.probe {
        life::leave(i32::from(probe::child(&options, &log).is_err()));
    }
    let outcome = start(options, around, &log);
    if let Err(error) = &outcome {
        log.error("stopped", &[("reason", error)]);
    }
    log.flush();
    life::leave(i32::from(outcome.is_err()))
}

fn start(options: Options, around: Surroundings, log: &Log) -> Result<(), RunError> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let bells = Arc::new(Bells::default());
    let at_end_of_turn = Arc::clone(&bells);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.http_threads(processors))
        .thread_name("http")
        .on_thread_park(move || at_end_of_turn.ring())
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(serve(options, around, bells, log));
    // Bodies still being parsed are nobody's any more.
    runtime.shutdown_background();
    outcome
}

async fn serve(options: Options, around: Surroundings, bells: Arc<Bells>, log: &Log) -> Result<(), RunError> {
    let mut signals = Signals::install(options.detached)?;
    let specs = spec::specs(&options, &around)?;
    let first = specs.first().cloned().unwrap_or_default();
    let observing = options.observing(&around.folder);
    let observer = Observer::start(&observing, log)?;
    let tracer = Tracer::start(Tracing::of(&around.opentelemetry), log)?;
    let entrances = entrances(&options, &around).await?;
    let address = entrances.first().map(|entrance| entrance.listener.local_addr()).transpose()?;
    let address = address.unwrap_or(SocketAddr::new(options.host, options.port));
    let mut record =
        RunRecord::new(address, &first, options.instance.clone().filter(|token| !token.is_empty()));
    let path = options.run_file.as_ref().map(|path| around.folder.join(path));
    let mut run_file = write_run_file(path.as_deref(), &record)?;
    log.info("listening", &[("url", &life::url(address)), ("model", &first.name)]);

    let app = app(&options, specs, around, Beside { observer, tracer, bells }, log);
    app.host.start()?;
    let host = Arc::clone(&app.host);
    watchdog::start(options.run_time(), log.clone(), move || host.longest_run())?;
    let (phase, watched) = watch::channel(Phase::Serving);
    let mut servers = tokio::task::JoinSet::new();
    for entrance in entrances {
        servers.spawn(server::serve(entrance, Arc::clone(&app), watched.clone()));
    }
    drop(watched);
    let outcome = tokio::select! {
        signal = until_stopped(&options, &app, &mut signals) => Ok(signal),
        stage = settled(&app.host) => match stage {
            Stage::Failed(reason) if options.require_model => Err(RunError::NoModel(reason)),
            stage => {
                if let Stage::Ready(served) = stage {
                    record.digest = Some(served.facts.digest.clone());
                    run_file = write_run_file(path.as_deref(), &record)?.or(run_file);
                }
                Ok(until_stopped(&options, &app, &mut signals).await)
            }
        },
    };
    app.draining.store(true, Ordering::Relaxed);
    app.host.stop_loading();
    if let Ok(signal) = outcome {
        drain(&options, options.lame_duck(signal), &app, phase, servers, &mut signals).await;
    }
    let host = Arc::clone(&app.host);
    // It does not panic, and if it did the process would end all the same.
    let _ = tokio::task::spawn_blocking(move || host.stop(THREADS_END_MAX)).await;
    finish_observing(&app).await;
    if let Some(run_file) = run_file {
        run_file.remove();
    }
    if outcome.is_ok() {
        log.info("stopped", &[("unanswered", &app.inflight())]);
    }
    outcome.map(drop)
}

/// Lets what was learned of the last answers be written.
async fn finish_observing(app: &Arc<App>) {
    let watched = Arc::clone(app);
    let finished =
        tokio::task::spawn_blocking(move || watched.beside.observer.finish(OBSERVER_END_MAX)).await;
    if !matches!(finished, Ok(true)) {
        app.log.warn("the last answers were not all written to the prediction log", &[]);
    }
}

/// The listener of callers, then those of the operator and of gRPC where there are such.
async fn entrances(options: &Options, around: &Surroundings) -> Result<Vec<Entrance>, RunError> {
    let has_token = options.admin_token.as_ref().is_some_and(|token| !token.is_empty());
    if options.admin_port.is_some() && !has_token {
        return Err(RunError::NoToken);
    }
    let tls = |protocol: &[u8]| match (&options.tls_cert, &options.tls_key) {
        (Some(certificate), Some(key)) => {
            let (certificate, key) = (around.folder.join(certificate), around.folder.join(key));
            server::acceptor(&certificate, &key, &[protocol]).map(Some)
        }
        _ => Ok(None),
    };
    let at = |host, port| SocketAddr::new(host, port);
    let listener = life::listen(at(options.host, options.port), options.port_fallback).await?;
    let mut entrances = vec![Entrance { listener, side: Side::Public, tls: tls(b"http/1.1")? }];
    if let Some(port) = options.admin_port {
        let listener = life::listen(at(options.admin_host, port), false).await?;
        entrances.push(Entrance { listener, side: Side::Admin, tls: tls(b"http/1.1")? });
    }
    if let Some(port) = options.grpc_port {
        let listener = life::listen(at(options.host, port), false).await?;
        entrances.push(Entrance { listener, side: Side::Grpc, tls: tls(b"h2")? });
    }
    Ok(entrances)
}

fn app(options: &Options, specs: Vec<Spec>, around: Surroundings, beside: Beside, log: &Log) -> Arc<App> {
    let metrics = Arc::new(Metrics::new(specs.len()));
    let host = Host::new(specs, options.clone(), around, Arc::clone(&metrics), log.clone());
    let settings = Settings {
        instance: options.instance.clone().filter(|token| !token.is_empty()),
        request_timeout: options.request_timeout(),
        requests_bytes_max: options.requests_bytes_max(),
        api_key: Key::new(options.api_key.as_deref()),
        admin_token: Key::new(options.admin_token.as_deref()),
        admin_apart: options.admin_port.is_some(),
        compat: options.compat,
    };
    Arc::new(App::new(Arc::new(host), metrics, beside, log.clone(), settings))
}

/// Waits for the signal to stop, and says which it was; loads the newest models whenever that is wished, or it is time.
async fn until_stopped(options: &Options, app: &App, signals: &mut Signals) -> &'static str {
    let mut loading: Option<tokio::task::JoinHandle<()>> = None;
    let mut again = false;
    loop {
        let time = async {
            match options.refresh() {
                Some(every) => tokio::time::sleep(every).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            wish = signals.next() => match wish {
                Wish::Stop(signal) => {
                    app.log.info("stopping", &[("signal", &signal)]);
                    return signal;
                }
                Wish::Reload => {
                    app.log.info("loading the newest models", &[("signal", &"SIGHUP")]);
                    again = true;
                }
            },
            () = time => {}
            () = ended(&mut loading), if loading.is_some() => {
                loading = None;
                if !again {
                    continue;
                }
            }
        }
        // One at a time: a source that does not answer must not take a thread for each time that it is asked. What was
        // wished meanwhile is done once more afterwards, for the newest may be newer than the one under way.
        if loading.is_some() {
            continue;
        }
        again = false;
        let host = Arc::clone(&app.host);
        loading = Some(tokio::task::spawn_blocking(move || {
            for hosted in &host.models {
                host.reload(hosted);
            }
        }));
    }
}

async fn ended(loading: &mut Option<tokio::task::JoinHandle<()>>) {
    if let Some(loading) = loading {
        // What became of it is in the log.
        let _ = loading.await;
    }
}

fn write_run_file(path: Option<&std::path::Path>, record: &RunRecord) -> Result<Option<RunFile>, RunError> {
    path.map(|path| RunFile::write(path, record)).transpose().map_err(|source| RunError::RunFile {
        path: path.unwrap_or(std::path::Path::new("")).to_owned(),
        source,
    })
}

/// Waits until every model is loaded or has failed; how the first is then, or the first that failed.
async fn settled(host: &Host) -> Stage {
    let mut first = None;
    for hosted in &host.models {
        let mut watched = hosted.watch();
        let stage = loop {
            let now = watched.borrow_and_update().clone();
            if !matches!(now, Stage::Loading) {
                break now;
            }
            if watched.changed().await.is_err() {
                break Stage::Failed("the loading of the model has ended");
            }
        };
        if matches!(stage, Stage::Failed(_)) {
            return stage;
        }
        first.get_or_insert(stage);
    }
    first.unwrap_or(Stage::Loading)
}

/// Lets load balancers notice, takes no more connections, and gives accepted requests their time. A second signal
/// ends it at once.
async fn drain(
    options: &Options,
    lame_duck: Duration,
    app: &App,
    phase: watch::Sender<Phase>,
    mut servers: tokio::task::JoinSet<()>,
    signals: &mut Signals,
) {
    let ended = async {
        tokio::time::sleep(lame_duck).await;
        // The server is there as long as this task waits for it.
        let _ = phase.send(Phase::Closing);
        timeout(options.drain(), async { while servers.join_next().await.is_some() {} }).await.is_ok()
    };
    let in_time = tokio::select! {
        in_time = ended => in_time,
        _ = signals.stop() => false,
    };
    if !in_time {
        // Counted first: what is cut ends on other threads at once.
        let requests = app.inflight();
        servers.abort_all();
        app.log.warn("cut what was left", &[("requests", &requests)]);
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn a_stop_takes_less_than_kubernetes_gives_it() {
        let options = Options::parse_from(["mlo-runtime"]);
        let all = [options.lame_duck("SIGTERM"), options.drain(), THREADS_END_MAX, OBSERVER_END_MAX];
        let all: Duration = all.iter().sum();
        assert!(all <= Duration::from_secs(28), "{all:?}, and the last lines of the log");
    }
}
