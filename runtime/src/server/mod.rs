//! Connections: accepted, watched, ended.
//!
//! In: a listener, and what answers requests. Out: nothing, once everything accepted is answered. Never: a connection
//! without a limit on its idle time and its head's time, or an end that waits for a request that never completes.
//!
//! axum's own `serve` has none of these limits and waits for ever at the end, so the loop is ours.

mod routes;

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

pub(crate) use routes::{App, Identity};

use crate::clock;

/// Time from the first byte of a request to the end of its head, and from a connection to its first request's head.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);
/// Time between requests. Load balancers keep theirs for 60 s and must be the first to close.
const IDLE_TIME_MAX: Duration = Duration::from_secs(75);
/// Time for a half-sent head once the server is being stopped.
const HEAD_TIME_AT_END: Duration = Duration::from_secs(1);
/// Lines of a head at most.
const HEADERS_MAX: usize = 100;
/// Bytes of a head at most.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Connections at most; also at most half of the files that the process may open.
const CONNECTIONS_MAX: usize = 4096;
/// How often connections are looked at.
const SWEEP_EVERY: Duration = Duration::from_millis(250);
/// Pause after a failed accept, for instance when no file is left to open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How far the server's life is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Takes connections.
    Serving,
    /// Takes none; connections end after the request that they are in.
    Closing,
}

/// Serves until the phase is [`Phase::Closing`] and every connection has ended; dropping it cuts what is left.
pub(crate) async fn serve(listener: TcpListener, app: Arc<App>, mut phase: watch::Receiver<Phase>) {
    let router = routes::router(Arc::clone(&app));
    let connections = Arc::new(Connections::new(connections_max()));
    let mut tasks = JoinSet::new();
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    if let Some(link) = connections.add() {
                        let talk = converse(stream, link, Arc::clone(&app), router.clone(), phase.clone());
                        tasks.spawn(talk);
                    }
                }
                Err(error) => {
                    app.log.warn("cannot accept a connection", &[("reason", &error)]);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            _ = sweep.tick() => connections.sweep(&Limits::SERVING),
            Some(_) = tasks.join_next() => {}
            _ = phase.changed() => break,
        }
    }
    drop(listener);
    loop {
        tokio::select! {
            ended = tasks.join_next() => if ended.is_none() { return },
            _ = sweep.tick() => connections.sweep(&Limits::CLOSING),
        }
    }
}

fn connections_max() -> usize {
    #[cfg(unix)]
    {
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let half = files.and_then(|files| usize::try_from(files / 2).ok()).unwrap_or(CONNECTIONS_MAX);
        half.clamp(1, CONNECTIONS_MAX)
    }
    #[cfg(not(unix))]
    CONNECTIONS_MAX
}

/// One connection, from its first byte to its last.
async fn converse(
    stream: TcpStream,
    link: Link,
    app: Arc<App>,
    router: Router,
    mut phase: watch::Receiver<Phase>,
) {
    // A small answer is sent at once; where that cannot be set it is only slower.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        link.state.now(Doing::Request);
        let (app, router, state) = (Arc::clone(&app), router.clone(), Arc::clone(&link.state));
        async move {
            let response = routes::answer(&app, router, request.map(Body::new)).await;
            state.now(Doing::Nothing);
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    let watched = Watched { stream, state: Arc::clone(&link.state) };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Ours tell waiting for a request from receiving one; hyper's would count both.
        .header_read_timeout(None)
        .max_headers(HEADERS_MAX)
        .max_header_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(watched), service);
    let mut connection = pin!(connection);
    let mut closing = *phase.borrow() == Phase::Closing;
    if closing {
        connection.as_mut().graceful_shutdown();
    }
    loop {
        tokio::select! {
            // A broken connection is the caller's affair.
            _ = connection.as_mut() => return,
            () = link.state.cut.notified() => return,
            changed = phase.changed(), if !closing => {
                closing = true;
                if changed.is_ok() {
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// It has sent nothing yet that was a request.
    Opened,
    /// It waits for the next request.
    Nothing,
    /// Bytes of a head have come.
    Head,
    /// Its request is being read or answered.
    Request,
}

struct ConnectionState {
    doing: Mutex<(Doing, Instant)>,
    cut: Notify,
}

impl ConnectionState {
    fn get(&self) -> MutexGuard<'_, (Doing, Instant)> {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self, doing: Doing) {
        *self.get() = (doing, clock::instant());
    }

    /// Bytes have come: after a pause, they begin a head.
    fn received(&self) {
        let mut state = self.get();
        if state.0 == Doing::Nothing {
            *state = (Doing::Head, clock::instant());
        }
    }
}

/// How long a connection may do what it does.
struct Limits {
    head: Duration,
    idle: Duration,
}

impl Limits {
    const SERVING: Limits = Limits { head: HEAD_TIME_MAX, idle: IDLE_TIME_MAX };
    const CLOSING: Limits = Limits { head: HEAD_TIME_AT_END, idle: HEAD_TIME_AT_END };
}

/// All connections by number; lower ones are older.
struct Connections {
    max: usize,
    open: Mutex<(u64, HashMap<u64, Arc<ConnectionState>>)>,
}

/// A connection's place among all; given back when it is dropped.
struct Link {
    number: u64,
    state: Arc<ConnectionState>,
    connections: Arc<Connections>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.connections.open().1.remove(&self.number);
    }
}

impl Connections {
    fn new(max: usize) -> Self {
        Self { max, open: Mutex::default() }
    }

    fn open(&self) -> MutexGuard<'_, (u64, HashMap<u64, Arc<ConnectionState>>)> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new connection. When all are taken the oldest one without a request gives way, so that many
    /// silent connections do not keep those out that have something to ask; `None` if all have requests.
    fn add(self: &Arc<Self>) -> Option<Link> {
        let mut open = self.open();
        if open.1.len() >= self.max {
            let without = open.1.iter().filter(|(_, state)| state.get().0 != Doing::Request);
            let oldest = without.map(|(number, _)| *number).min()?;
            if let Some(state) = open.1.remove(&oldest) {
                state.cut.notify_one();
            }
        }
        open.0 += 1;
        let number = open.0;
        let doing = Mutex::new((Doing::Opened, clock::instant()));
        let state = Arc::new(ConnectionState { doing, cut: Notify::new() });
        open.1.insert(number, Arc::clone(&state));
        Some(Link { number, state, connections: Arc::clone(self) })
    }

    /// Cuts connections that have done nothing useful for too long.
    fn sweep(&self, limits: &Limits) {
        let now = clock::instant();
        for state in self.open().1.values() {
            let (doing, since) = *state.get();
            let max = match doing {
                Doing::Opened | Doing::Head => limits.head,
                Doing::Nothing => limits.idle,
                Doing::Request => continue,
            };
            if now.saturating_duration_since(since) > max {
                state.cut.notify_one();
            }
        }
    }
}

/// A stream that tells when bytes come.
struct Watched {
    stream: TcpStream,
    state: Arc<ConnectionState>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.state.received();
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
