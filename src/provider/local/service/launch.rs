//! Starts a server and waits until it is ready, or says why it is not; what is not ready in time does not stay.

use super::folder::{Folder, Ports, Role, RunFile, last_lines};
use super::probe::{self, Answer};
use super::program::{self, Port};
use super::spec::Spec;
use crate::diag::code::provider::{ARGUMENT, NOT_READY, PORT_TAKEN, PROGRAM_MISSING};
use crate::lang::value::Path as ValuePath;
use crate::provider::{ErrorClass, ProviderError, Surroundings};
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::process::{Child, Command};

/// Time between two questions to a server that starts.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// The port that is tried first: the server's own default.
const PORT_FIRST: u16 = 8080;
/// Ports that are tried one after the other, so that services come back to the ports they had; then any will do.
const PORTS_TRIED: u16 = 100;

/// One start.
#[derive(Debug)]
pub(super) struct Launch<'a> {
    pub(super) spec: &'a Spec,
    pub(super) folder: &'a Folder,
    pub(super) port: Port,
    /// What the process calls itself.
    pub(super) instance: String,
    /// A trial ends with the wait.
    pub(super) role: Role,
}

/// A server that is ready.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) run: RunFile,
    pub(super) digest: Option<String>,
}

/// Why a server is not ready.
#[derive(Debug)]
pub(super) enum Failure {
    /// It could not even be tried.
    Refused(ProviderError),
    /// It ended by itself.
    Ended { status: ExitStatus, log: String },
    /// It did not say that it is ready in time.
    Late { reason: String, log: String },
}

impl Failure {
    /// In words for the user.
    pub(super) fn into_error(self, spec: &Spec) -> ProviderError {
        let title = spec.title();
        let (summary, log, mend) = match self {
            Self::Refused(error) => return error,
            Self::Ended { status, log } => {
                let summary = format!("the server of {title} ended before it was ready ({status})");
                (summary, log, "mend what the log names and apply again")
            }
            Self::Late { reason, log } => {
                let waited = spec.ready_timeout.as_secs_f64();
                let summary = format!("the server of {title} was not ready within {waited} s: {reason}");
                (
                    summary,
                    log,
                    "if it only needs longer, raise `ready_timeout`; else mend what the log names, and apply again",
                )
            }
        };
        let log = if log.is_empty() {
            "Its log is empty.".to_owned()
        } else {
            format!("Its last log lines:\n{log}")
        };
        ProviderError::permanent(summary).code(&NOT_READY).detail(log).help(mend)
    }
}

/// How a wait ended.
enum Waited {
    Ready(Running),
    Ended(ExitStatus),
}

impl Launch<'_> {
    /// Starts the server and waits until it is ready with the expected model.
    ///
    /// If this future is dropped, a trial ends; another process stays, for [`find`](super::find).
    ///
    /// # Errors
    /// [`Failure`]; the process has ended then.
    pub(super) async fn run(&self, surroundings: &Surroundings) -> Result<Running, Failure> {
        let mut child = self.spawn(surroundings).map_err(Failure::Refused)?;
        let mut reason = String::new();
        let waited = tokio::time::timeout(self.spec.ready_timeout, self.wait(&mut child, &mut reason)).await;
        let outcome = match waited {
            Ok(Waited::Ready(running)) if self.role == Role::Service => return Ok(running),
            Ok(Waited::Ready(running)) => Ok(running),
            Ok(Waited::Ended(status)) => Err(self.ended(status)),
            Err(_) => Err(Failure::Late { reason, log: self.log_lines() }),
        };
        // It may have ended already; then there is nothing to kill, but still a child to collect.
        let _ = child.kill().await;
        self.clear();
        outcome
    }

    fn spawn(&self, surroundings: &Surroundings) -> Result<Child, ProviderError> {
        let program = program::locate(surroundings)?;
        self.clear();
        let log = self.folder.open_log(self.role)?;
        let output = log.try_clone().map_err(|error| self.folder.unwritable(&error))?;
        let spawned = Command::new(&program)
            .args(program::arguments(self.spec, self.port, &self.instance, &self.folder.run_file(self.role)))
            .env_clear()
            .envs(program::environment(self.spec, surroundings))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(log)
            .kill_on_drop(self.role == Role::Trial)
            .spawn();
        spawned.map_err(|error| {
            ProviderError::permanent(format!("cannot run the server program {}", program.display()))
                .code(&PROGRAM_MISSING)
                .detail(error.to_string())
                .help("check that it is a program for this machine and that you may run it")
        })
    }

    async fn wait(&self, child: &mut Child, reason: &mut String) -> Waited {
        loop {
            if let Ok(Some(status)) = child.try_wait() {
                return Waited::Ended(status);
            }
            let run = self.folder.run(self.role);
            match run.filter(|run| run.instance == self.instance) {
                Some(run) => match self.ask(run).await {
                    Ok(running) => return Waited::Ready(running),
                    Err(why) => *reason = why,
                },
                None => "it does not listen yet".clone_into(reason),
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// The server, if it is ready with the expected model; else why it is not.
    async fn ask(&self, run: RunFile) -> Result<Running, String> {
        match probe::ask(self.spec.host, run.port).await {
            Answer::Ready(ready) if ready.instance.as_deref() != Some(&self.instance) => {
                Err(format!("another server answers on port {}", run.port))
            }
            Answer::Ready(ready) if self.spec.digest.is_some() && ready.digest != self.spec.digest => {
                let digest = ready.digest.unwrap_or_default();
                Err(format!(
                    "it serves the model {digest} and not {}",
                    self.spec.digest.clone().unwrap_or_default()
                ))
            }
            Answer::Ready(ready) => Ok(Running { run, digest: ready.digest }),
            Answer::NotReady { reason, .. } | Answer::None(reason) => Err(reason),
        }
    }

    fn ended(&self, status: ExitStatus) -> Failure {
        let log = self.log_lines();
        match self.port {
            // Somebody else was faster. That the server says so too keeps a passing use of the port out of it.
            Port::Exactly(port) if log.contains("is taken") => match refuse_taken(self.spec.host, port) {
                Err(taken) => Failure::Refused(taken),
                Ok(()) => Failure::Ended { status, log },
            },
            _ => Failure::Ended { status, log },
        }
    }

    fn log_lines(&self) -> String {
        last_lines(&self.folder.log(self.role), &self.spec.secrets)
    }

    /// Removes what an ended process of this name left. What cannot be removed does no harm: its instance is another.
    fn clear(&self) {
        let _ = fs::remove_file(self.folder.run_file(self.role));
        if self.role == Role::Trial {
            let _ = fs::remove_file(self.folder.log(self.role));
        }
    }
}

/// The port for a service: the one that is asked for, else a free one that no other service of the project has, if
/// possible the one that it had before.
///
/// # Errors
/// If the one that is asked for cannot be had.
pub(super) fn choose(spec: &Spec, ports: &Ports) -> Result<Port, ProviderError> {
    if let Some(port) = spec.port {
        return refuse_taken(spec.host, port).map(|()| Port::Exactly(port));
    }
    let mut tried = ports.before.into_iter().chain((PORT_FIRST..).take(PORTS_TRIED.into()));
    let usable = |port: &u16| !ports.others.contains(port) && bind(spec.host, *port).is_ok();
    Ok(tried.find(usable).map_or(Port::Any, Port::Rather))
}

/// Refuses a port that cannot be listened on now.
///
/// # Errors
/// Names the port and why.
pub(super) fn refuse_taken(host: IpAddr, port: u16) -> Result<(), ProviderError> {
    let Err(error) = bind(host, port) else { return Ok(()) };
    let fail =
        |class, summary: String, name| ProviderError::new(class, summary).at(ValuePath::root().name(name));
    Err(match error.kind() {
        io::ErrorKind::AddrInUse => {
            fail(ErrorClass::Conflict, format!("port {port} is taken by another program"), "port")
                .code(&PORT_TAKEN)
                .help(format!("end the program that listens on port {port}, or choose another `port`"))
                .help("or leave `port` out: a free one is taken then")
        }
        io::ErrorKind::AddrNotAvailable => {
            fail(ErrorClass::Permanent, format!("{host} is no address of this machine"), "host")
                .code(&ARGUMENT)
                .help("write 127.0.0.1 for this machine alone, or 0.0.0.0 for all its addresses")
        }
        _ => fail(ErrorClass::Permanent, format!("cannot listen on {host}, port {port}"), "port")
            .detail(error.to_string())
            .help("choose a port of 1024 or above"),
    })
}

/// Whether a server could listen there. The address is bound and not listened on: a socket that listened would be
/// inherited by processes that start at this moment, and be in the way until they have replaced their program.
pub(super) fn bind(host: IpAddr, port: u16) -> io::Result<()> {
    let socket = if host.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // As servers do: connections of a server that ended do not keep the next one away.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::new(host, port))
}
