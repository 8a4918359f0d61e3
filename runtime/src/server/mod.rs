//! Connections: accepted, watched, ended.
//!
//! In: a listener, and what answers requests. Out: nothing, once everything accepted is answered. Never: a connection
//! without a limit on its idle time and its head's time, or an end that waits for a request that never completes.
//!
//! - `app`       what all requests share
//! - `budget`    bytes that they hold, all together
//! - `admin`     what only the operator may ask for
//! - `routes`    which endpoint a request is for, as a router of axum; ids, counts
//! - `predict`   predictions
//! - `describe`  what the server and its model say about themselves
//! - `grpc`, `messages`  the Open Inference Protocol over gRPC
//! - `tls`       certificates
//! - `openapi`   the same for machines and for people who try it out
//! - `reply`     responses before they are sent

mod admin;
mod app;
mod budget;
mod describe;
mod grpc;
mod messages;
mod openapi;
mod predict;
mod reply;
mod routes;
mod tls;

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use routes::Endpoints;

pub(crate) use app::{App, Beside, Settings};
pub(crate) use tls::TlsError;
pub(crate) use tls::acceptor;

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
/// Requests at once on a connection of HTTP/2.
const STREAMS_MAX: u32 = 256;
/// The same as [`HEAD_BYTES_MAX`], for HTTP/2.
const HEAD_BYTES_MAX_H2: u32 = 64 * 1024;
/// Bytes of a connection that are read and not yet looked at: a head must fit, and a body is taken as it comes.
const HTTP1_BUFFER_BYTES_MAX: usize = HEAD_BYTES_MAX + 16 * 1024;
/// The same for HTTP/2: what the other side may send before any of it is taken.
const HTTP2_WINDOW_BYTES: u32 = 256 * 1024;
/// How often the other side of an HTTP/2 connection is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(30);
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

/// Whom a listener is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Callers; and the operator, who has no other.
    Public,
    /// The operator alone.
    Admin,
    /// Callers who speak gRPC.
    Grpc,
}

/// Where connections come from, and whom they are for.
pub(crate) struct Entrance {
    pub(crate) listener: TcpListener,
    pub(crate) side: Side,
    pub(crate) tls: Option<TlsAcceptor>,
}

/// Serves until the phase is [`Phase::Closing`] and every connection has ended; dropping it cuts what is left.
pub(crate) async fn serve(entrance: Entrance, app: Arc<App>, mut phase: watch::Receiver<Phase>) {
    let Entrance { listener, side, tls } = entrance;
    let connections = Arc::new(Connections::new(connections_max()));
    let endpoints = routes::endpoints(&app, side);
    let mut tasks = JoinSet::new();
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    if let Some(link) = connections.add() {
                        let (app, endpoints, phase) = (Arc::clone(&app), endpoints.clone(), phase.clone());
                        let talk = Talk { link, side, app, endpoints, phase };
                        tasks.spawn(talk.begin(stream, tls.clone()));
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
    // Who has a connection already that nobody accepted is answered too.
    for stream in waiting(listener) {
        let Some(link) = connections.add() else { break };
        let (app, endpoints, phase) = (Arc::clone(&app), endpoints.clone(), phase.clone());
        tasks.spawn(Talk { link, side, app, endpoints, phase }.begin(stream, tls.clone()));
    }
    loop {
        tokio::select! {
            ended = tasks.join_next() => if ended.is_none() { return },
            _ = sweep.tick() => connections.sweep(&Limits::CLOSING),
        }
    }
}

/// The connections that are there already; the listener is closed after the last.
fn waiting(listener: TcpListener) -> impl Iterator<Item = TcpStream> {
    // The system is asked, not tokio, which may not have heard of them yet.
    let mut listener = listener.into_std().ok();
    std::iter::from_fn(move || {
        let accepted = listener.as_ref()?.accept();
        if accepted.is_err() {
            listener = None;
        }
        let (stream, _) = accepted.ok()?;
        stream.set_nonblocking(true).ok()?;
        TcpStream::from_std(stream).ok()
    })
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
struct Talk {
    link: Link,
    side: Side,
    app: Arc<App>,
    endpoints: Endpoints,
    phase: watch::Receiver<Phase>,
}

impl Talk {
    async fn begin(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        // A small answer is sent at once; where that cannot be set it is only slower.
        let _ = stream.set_nodelay(true);
        let Some(tls) = tls else { return self.converse(stream).await };
        let state = Arc::clone(&self.link.state);
        tokio::select! {
            shaken = tls.accept(stream) => {
                // Who does not speak TLS gets no answer that it could read.
                if let Ok(stream) = shaken {
                    self.converse(stream).await;
                }
            }
            () = state.cut.notified() => {}
        }
    }

    async fn converse<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
        let watched = TokioIo::new(Watched { stream, state: Arc::clone(&self.link.state) });
        match self.side {
            Side::Grpc => self.over_http2(watched).await,
            Side::Public | Side::Admin => self.over_http1(watched).await,
        }
    }

    async fn over_http1<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        self,
        stream: TokioIo<Watched<S>>,
    ) {
        let (app, endpoints, state) = (&self.app, &self.endpoints, &self.link.state);
        let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
            state.now(Doing::Request);
            async move {
                let response = routes::answer(app, endpoints, request).await;
                state.now(Doing::Answer);
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // Ours tell waiting for a request from receiving one; hyper's would count both.
            .header_read_timeout(None)
            .max_headers(HEADERS_MAX)
            .max_header_size(HEAD_BYTES_MAX)
            .max_buf_size(HTTP1_BUFFER_BYTES_MAX)
            .serve_connection(stream, service);
        let connection = pin!(connection);
        let end = |connection: Pin<&mut http1::Connection<_, _>>| {
            // hyper would close a connection on which nothing came yet, though its request may be on its way: that
            // one is cut by its time, or closed by the answer.
            if state.get().0 != Doing::Opened {
                connection.graceful_shutdown();
            }
        };
        attend(connection, &self.link.state, self.phase.clone(), end).await;
    }

    /// Many requests at once: the connection is at rest when none is left.
    async fn over_http2<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        self,
        stream: TokioIo<Watched<S>>,
    ) {
        let (app, state) = (&self.app, &self.link.state);
        let open = Arc::new(AtomicUsize::new(0));
        let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
            let (app, state, open) = (Arc::clone(app), Arc::clone(state), Arc::clone(&open));
            open.fetch_add(1, Ordering::Relaxed);
            state.now(Doing::Request);
            async move {
                let response = grpc::answer(&app, request).await;
                if open.fetch_sub(1, Ordering::Relaxed) == 1 {
                    state.now(Doing::Resting);
                }
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(HEAD_BYTES_MAX_H2)
            .initial_stream_window_size(HTTP2_WINDOW_BYTES)
            .initial_connection_window_size(HTTP2_WINDOW_BYTES)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(HEAD_TIME_MAX)
            .serve_connection(stream, service);
        let connection = pin!(connection);
        attend(connection, &self.link.state, self.phase.clone(), http2::Connection::graceful_shutdown).await;
    }
}

/// Carries a connection on to its end, or until it is cut; asks it to end once the server does.
async fn attend<C: Future>(
    mut connection: Pin<&mut C>,
    state: &ConnectionState,
    mut phase: watch::Receiver<Phase>,
    end: impl Fn(Pin<&mut C>),
) {
    let mut closing = *phase.borrow() == Phase::Closing;
    if closing {
        end(connection.as_mut());
    }
    loop {
        tokio::select! {
            // A broken connection is the caller's affair.
            _ = connection.as_mut() => return,
            () = state.cut.notified() => return,
            changed = phase.changed(), if !closing => {
                closing = true;
                if changed.is_ok() {
                    end(connection.as_mut());
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
    /// The same over HTTP/2, where pings tell whether the other side is there.
    Resting,
    /// Bytes of a head have come.
    Head,
    /// Its request is being read or answered.
    Request,
    /// The answer is being sent, and the other side took some of it at this time.
    Answer,
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

    /// Some of the answer was taken.
    fn sent(&self) {
        let mut state = self.get();
        if state.0 == Doing::Answer {
            state.1 = clock::instant();
        }
    }

    /// Everything was taken.
    fn flushed(&self) {
        let mut state = self.get();
        if state.0 == Doing::Answer {
            *state = (Doing::Nothing, clock::instant());
        }
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
    /// Without any of the answer being taken.
    answer: Duration,
}

impl Limits {
    const SERVING: Limits = Limits { head: HEAD_TIME_MAX, idle: IDLE_TIME_MAX, answer: IDLE_TIME_MAX };
    const CLOSING: Limits = Limits { head: HEAD_TIME_AT_END, idle: HEAD_TIME_AT_END, answer: IDLE_TIME_MAX };
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
            let without =
                open.1.iter().filter(|(_, state)| !matches!(state.get().0, Doing::Request | Doing::Answer));
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
                Doing::Answer => limits.answer,
                Doing::Request | Doing::Resting => continue,
            };
            if now.saturating_duration_since(since) > max {
                state.cut.notify_one();
            }
        }
    }
}

/// A stream that tells when bytes come.
struct Watched<S> {
    stream: S,
    state: Arc<ConnectionState>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
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

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        if polled.is_ready() {
            self.state.sent();
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        if polled.is_ready() {
            self.state.flushed();
        }
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        if polled.is_ready() {
            self.state.sent();
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
