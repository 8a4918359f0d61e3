//! The process that evaluates policy, from the outside: started, asked, waited for, ended. The only file here that starts
//! one.
//!
//! Goes in: how to start it, and requests. Comes out: a reply for each, in their order, or why there is none. Never
//! happens: whatever becomes of that process, this one waits for ever or ends with it.

use super::serve::{CPU_SECONDS, MEMORY_MIB, STACK_MIB};
use super::wire::{self, Reply, Request};
use super::{Bundle, PolicyError};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child as Process, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

/// How long a reply is waited for. The limits that the process sets on itself are of its own time and are reached long
/// before, unless the machine is busy with other things or somebody stopped the process. Half of a lease of the state's
/// lock; shorter where a system has no such limits.
const REPLY_WAIT_MAX: Duration = Duration::from_secs(if cfg!(unix) { 30 } else { 10 });
/// Bytes that are read of the last words of a process.
const LAST_WORDS_MAX: u64 = 4096;

/// How the process is started. It gets this environment and no other.
#[derive(Debug, Clone)]
pub struct Program {
    /// The program, which calls [`serve`](super::serve) when it is given the arguments.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// What the system needs to start any program; on most, nothing.
    pub environment: Vec<(OsString, OsString)>,
}

/// The frames of one request.
type Frames = Vec<Vec<u8>>;
/// What came of it: nothing if the other side has ended.
type Received = io::Result<Option<Vec<u8>>>;

/// A process that was started.
pub(super) struct Child {
    requests: Sender<Frames>,
    replies: Receiver<Received>,
    process: Option<Process>,
    /// Bytes that were sent.
    #[cfg(test)]
    sent: std::cell::Cell<usize>,
    /// Why there will be no more replies.
    ended: Option<PolicyError>,
}

impl Child {
    /// Starts the process. It waits for requests.
    pub(super) fn start(program: &Program) -> Result<Self, PolicyError> {
        let mut command = Command::new(&program.path);
        command.args(&program.arguments).env_clear().envs(program.environment.iter().cloned());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C is for us: a call that is under way may still have to be asked about.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let failed = |error: io::Error| PolicyError::NotStarted { reason: crate::diag::because(&error) };
        let mut process = command.spawn().map_err(failed)?;
        let (Some(input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
            unreachable!("both are pipes");
        };
        let (requests, replies) = converse(input, output).map_err(failed)?;
        Ok(Self::of(requests, replies, Some(process)))
    }

    /// The same without a process: a thread answers, under no limits.
    #[cfg(test)]
    pub(super) fn thread() -> Self {
        let (input, ours) = io::pipe().expect("a pipe");
        let (theirs, output) = io::pipe().expect("a pipe");
        std::thread::spawn(move || super::serve::answer_all(input, output, &[], |_| ()));
        let (requests, replies) = converse(ours, theirs).expect("a thread");
        Self::of(requests, replies, None)
    }

    fn of(requests: Sender<Frames>, replies: Receiver<Received>, process: Option<Process>) -> Self {
        Self {
            requests,
            replies,
            process,
            #[cfg(test)]
            sent: std::cell::Cell::default(),
            ended: None,
        }
    }

    /// How many bytes were sent so far.
    #[cfg(test)]
    pub(super) fn bytes_sent(&self) -> usize {
        self.sent.get()
    }

    /// Asks to read the rules of a bundle.
    pub(super) fn read(&self, bundle: &Bundle) {
        self.request(&Request::Read { rules: bundle.rules.clone() }, None);
    }

    /// Asks what a package says of an input.
    pub(super) fn ask(&self, package: &str, input: String) {
        self.request(&Request::Ask { package: package.to_owned() }, Some(input));
    }

    /// Asks anything else. `input` is the frame that some requests are followed by.
    pub(super) fn request(&self, request: &Request, input: Option<String>) {
        let frames = [Some(wire::bytes_of(request)), input.map(String::into_bytes)];
        self.send(frames.into_iter().flatten().collect());
    }

    fn send(&self, frames: Frames) {
        #[cfg(test)]
        self.sent.set(self.sent.get() + frames.iter().map(Vec::len).sum::<usize>());
        // Where nobody listens, there is no reply: that says it.
        let _ = self.requests.send(frames);
    }

    /// The reply to the request that is next. `during` says what it is about: `reading the bundle`.
    pub(super) fn reply(&mut self, during: &str) -> Result<Reply, PolicyError> {
        if let Some(error) = &self.ended {
            return Err(error.clone());
        }
        let reply = match self.replies.recv_timeout(REPLY_WAIT_MAX) {
            Ok(Ok(Some(bytes))) => wire::read(&bytes).map_err(|error| self.misunderstood(&error, during)),
            Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                Err(self.misunderstood(&error, during))
            }
            Ok(Ok(None) | Err(_)) | Err(RecvTimeoutError::Disconnected) => Err(self.bury(during)),
            Err(RecvTimeoutError::Timeout) => {
                self.kill();
                Err(PolicyError::TimedOut { during: during.to_owned(), limit_ms: REPLY_WAIT_MAX.as_millis() })
            }
        };
        if let Err(error) = &reply {
            self.ended = Some(error.clone());
        }
        reply
    }

    fn misunderstood(&mut self, error: &io::Error, during: &str) -> PolicyError {
        self.kill();
        PolicyError::EngineFailed { during: during.to_owned(), reason: error.to_string() }
    }

    fn kill(&mut self) -> Option<(ExitStatus, String)> {
        let mut process = self.process.take()?;
        let _ = process.kill();
        let status = process.wait().ok()?;
        let mut last_words = String::new();
        if let Some(stderr) = process.stderr.take() {
            let _ = stderr.take(LAST_WORDS_MAX).read_to_string(&mut last_words);
        }
        Some((status, last_words))
    }

    /// What a process died of that ended without a reply.
    fn bury(&mut self, during: &str) -> PolicyError {
        let during = during.to_owned();
        let Some((status, last_words)) = self.kill() else {
            return PolicyError::EngineFailed { during, reason: "it has ended".to_owned() };
        };
        if last_words.contains("memory allocation of") {
            return PolicyError::Exhausted { during, what: "memory", limit_mib: MEMORY_MIB };
        }
        if last_words.contains("has overflowed its stack") {
            return PolicyError::Exhausted { during, what: "stack", limit_mib: STACK_MIB };
        }
        #[cfg(unix)]
        if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
            return if signal == rustix::process::Signal::XCPU.as_raw() {
                PolicyError::TimedOut { during, limit_ms: u128::from(CPU_SECONDS) * 1000 }
            } else {
                PolicyError::Killed { during, signal }
            };
        }
        PolicyError::EngineFailed { during, reason: format!("its process ended: {status}") }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It is not waited for: it holds nothing, and takes its time to give its memory back.
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
        }
    }
}

/// A thread that sends requests and receives their replies, so that nobody has to wait before he wants to.
fn converse(
    mut input: impl Write + Send + 'static,
    mut output: impl Read + Send + 'static,
) -> io::Result<(Sender<Frames>, Receiver<Received>)> {
    let (requests, asked) = mpsc::channel::<Frames>();
    let (answered, replies) = mpsc::channel();
    std::thread::Builder::new().spawn(move || {
        for frames in asked {
            let sent = frames.iter().try_for_each(|frame| wire::send_bytes(&mut input, frame));
            let received = match sent {
                Ok(()) => wire::receive(&mut output, wire::REPLY_BYTES_MAX),
                Err(error) => Err(error),
            };
            let ends = !matches!(received, Ok(Some(_)));
            if answered.send(received).is_err() || ends {
                return;
            }
        }
    })?;
    Ok((requests, replies))
}
