//! The beginning and the end of the process: signals, the terminal, the run file.
//!
//! In: the options, and what the operating system says. Out: the wish to stop, and a file for whoever watches over the
//! server. Never: a run file half written, or one of another server removed.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tokio::net::TcpListener;

/// Version of the run file's shape; changes are by addition.
const RUN_FILE_FORMAT: u32 = 1;

/// What the run file says.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RunRecord {
    format_version: u32,
    pid: u32,
    port: u16,
    url: String,
    instance: Option<String>,
    /// The digest that is expected, then that of the loaded model.
    pub(crate) digest: Option<String>,
    model: String,
    version: Option<String>,
    started_at: String,
    /// Field 22 of `/proc/[pid]/stat`: tells this process from a later one with the same id. Null without `/proc`.
    start_ticks: Option<u64>,
}

impl RunRecord {
    pub(crate) fn new(address: SocketAddr, spec: &crate::spec::Spec, instance: Option<String>) -> Self {
        Self {
            format_version: RUN_FILE_FORMAT,
            pid: std::process::id(),
            port: address.port(),
            url: url(address),
            instance,
            digest: spec.sha256.clone(),
            model: spec.name.clone(),
            version: spec.version.clone(),
            started_at: crate::clock::rfc3339(crate::clock::now()),
            start_ticks: crate::process::start_ticks(),
        }
    }
}

/// The address that a caller on this machine uses.
pub(crate) fn url(address: SocketAddr) -> String {
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V6(ip) if ip.is_unspecified() => "[::1]".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    format!("http://{host}:{}", address.port())
}

/// The run file while this server has one.
pub(crate) struct RunFile {
    path: PathBuf,
    written: Vec<u8>,
}

impl RunFile {
    /// Writes the file: whole, or not at all.
    pub(crate) fn write(path: &Path, record: &RunRecord) -> std::io::Result<Self> {
        let mut written = serde_json::to_vec(record).map_err(std::io::Error::other)?;
        written.push(b'\n');
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{}.tmp", std::process::id()));
        let temporary = path.with_file_name(name);
        let outcome = Self::put(&temporary, &written).and_then(|()| std::fs::rename(&temporary, path));
        if outcome.is_err() {
            // What is left behind is told by the error that comes first.
            let _ = std::fs::remove_file(&temporary);
        }
        outcome.map(|()| Self { path: path.to_owned(), written })
    }

    fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let mut options = std::fs::File::options();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let mut file = options.open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    /// Removes the file, if it is still this server's.
    pub(crate) fn remove(self) {
        if std::fs::read(&self.path).is_ok_and(|found| found == self.written) {
            // Whoever reads a file of a server that has ended finds so by the process id.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Leaves the terminal's session, so that its end does not end the server.
pub(crate) fn detach() {
    #[cfg(unix)]
    {
        // Refused only to the leader of a process group, which has a session of its own or a shell that minds it.
        let _ = rustix::process::setsid();
    }
}

/// Ends the process at once, with this code.
///
/// Nothing that a library left to be done at the end is done: a thread may still be in ONNX Runtime, whose destructors
/// would take from under it what it works with.
pub(crate) fn leave(code: i32) -> ! {
    // Standard output is the prediction log's, where it is anybody's. What cannot be written is lost either way.
    let _ = std::io::stdout().flush();
    #[cfg(unix)]
    signal_hook::low_level::exit(code);
    // Windows ends the other threads before it unloads libraries.
    #[cfg(not(unix))]
    std::process::exit(code)
}

/// Why the server could not listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Something else listens there.
    #[error(
        "port {} on {} is taken; stop what listens there, choose another with --port, or let --port-fallback choose",
        .0.port(), .0.ip()
    )]
    Taken(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {address}: {source}")]
    Refused {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// Listens; where the port is taken and `fallback` allows, on any free one.
pub(crate) async fn listen(address: SocketAddr, fallback: bool) -> Result<TcpListener, ListenError> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            if !fallback {
                return Err(ListenError::Taken(address));
            }
            let any = SocketAddr::new(address.ip(), 0);
            TcpListener::bind(any).await.map_err(|source| ListenError::Refused { address: any, source })
        }
        Err(source) => Err(ListenError::Refused { address, source }),
    }
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To end; the signal's name.
    Stop(&'static str),
    /// To load the newest models.
    Reload,
}

/// The signals that are heeded. Made before anything listens, so that none is missed.
#[cfg(unix)]
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
    /// What a hang-up means: without a terminal it asks for the newest models; a terminal takes what runs in it with
    /// it, unless it was detached.
    on_hangup: Option<Wish>,
}

#[cfg(unix)]
impl Signals {
    pub(crate) fn install(detached: bool) -> std::io::Result<Self> {
        use std::io::IsTerminal as _;
        use tokio::signal::unix::{SignalKind, signal};
        let on_hangup = match (detached, std::io::stdin().is_terminal()) {
            (true, _) => None,
            (false, true) => Some(Wish::Stop("SIGHUP")),
            (false, false) => Some(Wish::Reload),
        };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            on_hangup,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Wish {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return Wish::Stop("SIGINT"),
                _ = self.terminate.recv() => return Wish::Stop("SIGTERM"),
                _ = self.hangup.recv() => if let Some(wish) = self.on_hangup { return wish },
            }
        }
    }
}

/// The signals that stop the server.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn install(_: bool) -> std::io::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn next(&mut self) -> Wish {
        // Where the console cannot be watched, only its closing ends the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Wish::Stop("Ctrl-C")
    }
}

impl Signals {
    /// Waits for one that asks to end; its name.
    pub(crate) async fn stop(&mut self) -> &'static str {
        loop {
            if let Wish::Stop(name) = self.next().await {
                return name;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_on_this_machine_can_use_the_url() {
        let rows = [
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:80", "http://[::1]:80"),
            ("10.0.0.1:8080", "http://10.0.0.1:8080"),
        ];
        for (address, expected) in rows {
            assert_eq!(url(address.parse().unwrap()), expected);
        }
    }

    #[test]
    fn a_run_file_of_another_server_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        let spec = crate::spec::Spec { name: "m".to_owned(), ..crate::spec::Spec::default() };
        let record = |instance: &str| {
            RunRecord::new("127.0.0.1:8080".parse().unwrap(), &spec, Some(instance.to_owned()))
        };
        let first = RunFile::write(&path, &record("one")).unwrap();
        let second = RunFile::write(&path, &record("two")).unwrap();
        first.remove();
        assert!(path.exists(), "it is the second server's now");
        second.remove();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
