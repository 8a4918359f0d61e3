//! One command: started without a shell in a group of its own, limited in time and output, killed with its group.
//!
//! Its standard input is an empty file that is locked. The lock is shared by all that the command starts, so a later run
//! sees whether a command of an earlier one, which was killed meanwhile, still runs.

use super::expand::{expand, is_script};
use super::output::{self, Heard, Output};
use super::{LOOK_EVERY, id, parts};
use crate::diag::code::provider::ARGUMENT;
use crate::lang::value::Value;
use crate::provider::local::disk;
use crate::provider::{ErrorClass, ProviderError, Subject, Surroundings};
use std::fs::{File, TryLockError};
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};

/// How long a command of an earlier run is waited for.
const BUSY_TIME_MAX: Duration = Duration::from_mins(1);

/// What is run, and for which object.
pub(super) struct Run<'a> {
    pub(super) surroundings: &'a Surroundings,
    pub(super) subject: Subject<'a>,
    pub(super) object: &'a Value,
    pub(super) time_max: Duration,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// With 0.
    Well,
    /// With this other number.
    With(i32),
    /// By a signal.
    Killed,
    /// It ran too long, and was killed.
    TimedOut,
}

/// A command that has ended.
pub(super) struct Finished {
    pub(super) ended: Ended,
    pub(super) out: Vec<u8>,
    err: String,
}

/// Numbers with which shells and `env` say that there is no such program.
const NOT_FOUND: [i32; 2] = [126, 127];

impl Run<'_> {
    /// Runs a command that looks something up: nothing if it says that there is nothing.
    pub(super) async fn look(&self, name: &str) -> Result<Option<Finished>, ProviderError> {
        let finished = self.start(name, None).await?;
        match finished.ended {
            Ended::Well => Ok(Some(finished)),
            Ended::With(number) if !NOT_FOUND.contains(&number) => Ok(None),
            _ => Err(finished.failure(name)),
        }
    }

    /// Runs a command that changes something, once no other command for the object runs.
    pub(super) async fn alone(&self, name: &str) -> Result<Finished, ProviderError> {
        let lock = tokio::time::timeout(BUSY_TIME_MAX, self.lock()).await;
        let busy = |_| {
            let error = ProviderError::permanent("a command that an earlier run started for it still runs");
            error.help("wait until it has ended, or end it; then run this again")
        };
        let lock = lock.map_err(busy)??;
        let finished = self.start(name, Some(&lock)).await;
        // For all that the command left behind too: they are meant to stay.
        let _ = lock.unlock();
        let _ = std::fs::remove_file(self.lock_path());
        finished
    }

    /// Whether a command of an earlier run still runs.
    pub(super) fn is_busy(&self) -> Result<bool, ProviderError> {
        if !self.lock_path().exists() {
            return Ok(false);
        }
        self.try_lock().map(|lock| lock.is_none())
    }

    async fn lock(&self) -> Result<File, ProviderError> {
        loop {
            if let Some(lock) = self.try_lock()? {
                return Ok(lock);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn lock_path(&self) -> PathBuf {
        self.kept("lock")
    }

    /// A file of the commands for the object.
    pub(super) fn kept(&self, ending: &str) -> PathBuf {
        self.surroundings.home.join("commands").join(format!("{}.{ending}", self.subject.token))
    }

    /// Removes what is left of a command of an earlier run, which has ended.
    pub(super) fn forget(&self) {
        output::forget(self);
        let _ = std::fs::remove_file(self.lock_path());
    }

    fn try_lock(&self) -> Result<Option<File>, ProviderError> {
        let path = self.lock_path();
        let fail = |error: io::Error| {
            ProviderError::permanent(format!("{} cannot be locked", path.display())).detail(error.to_string())
        };
        disk::make_folder(&disk::folder_of(&path), disk::PRIVATE_FOLDER).map_err(fail)?;
        let file =
            disk::options(disk::PRIVATE).read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(fail)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(fail(error)),
        }
    }

    async fn start(&self, name: &str, lock: Option<&File>) -> Result<Finished, ProviderError> {
        let mut command = self.command(name)?;
        let stdin = lock.map(File::try_clone).transpose();
        command.stdin(stdin.ok().flatten().map_or_else(Stdio::null, Stdio::from));
        let mut output = Output::of(self, name, lock.is_some())?;
        #[cfg(unix)]
        command.process_group(0);
        let program = parts(self.object, name).first().copied().unwrap_or("").to_owned();
        let child = output.give(&mut command).and_then(|()| command.spawn()).map_err(|error| {
            let error = ProviderError::permanent(format!("`{name}`: {program} cannot be started: {error}"));
            error.code(&ARGUMENT).help("look whether the program is there and may be run")
        })?;
        let mut group = Group::of(child);
        let (ended, heard) = group.finish(&mut output, self.time_max).await.map_err(|error| {
            ProviderError::new(ErrorClass::Retryable, format!("`{name}` was lost: {error}"))
        })?;
        Ok(Finished { ended, out: heard.out, err: tail(&heard.err) })
    }

    /// The program with its arguments and variables.
    fn command(&self, name: &str) -> Result<Command, ProviderError> {
        let parts = parts(self.object, name);
        let own: Vec<(&str, String)> = {
            let address = self.subject.address.to_string();
            let known = [("MLO_TOKEN", self.subject.token.to_owned()), ("MLO_ADDRESS", address)];
            let given = self.object.get("environment").and_then(Value::as_entries).into_iter().flatten();
            let given = given.filter_map(|(name, value)| Some((name.as_ref(), value.as_str()?.to_owned())));
            let id = id(self.object).map(|id| ("MLO_ID", id.to_owned()));
            given.chain(known).chain(id).collect()
        };
        if let Some((name, _)) = own
            .iter()
            .find(|(name, value)| name.is_empty() || name.contains(['=', '\0']) || value.contains('\0'))
        {
            let error = ProviderError::permanent(format!("{name:?} cannot be a variable of a command"));
            return Err(error.code(&ARGUMENT));
        }
        let lookup = |wanted: &str| {
            let own = own.iter().rev().find(|(name, _)| *name == wanted).map(|(_, value)| value.clone());
            own.or_else(|| (self.surroundings.environment)(wanted))
        };
        let expanded = parts
            .iter()
            .enumerate()
            .map(|(at, part)| if is_script(&parts, at) { (*part).to_owned() } else { expand(part, &lookup) });
        let expanded: Vec<_> = expanded.collect();
        let Some((program, arguments)) = expanded.split_first() else {
            return Err(ProviderError::permanent(format!("`{name}` names no program")).code(&ARGUMENT));
        };
        let mut command = Command::new(program);
        command.args(arguments).envs(own).current_dir(&self.surroundings.project);
        Ok(command)
    }
}

impl Finished {
    /// An error unless it ended well.
    pub(super) fn succeeded(&self, name: &str) -> Result<(), ProviderError> {
        if self.ended == Ended::Well { Ok(()) } else { Err(self.failure(name)) }
    }

    /// What to say of a command that did not end well.
    pub(super) fn failure(&self, name: &str) -> ProviderError {
        let summary = match self.ended {
            Ended::Well => format!("`{name}` ended well, and did not do its work"),
            Ended::With(number) => format!("`{name}` ended with exit code {number}"),
            Ended::Killed => format!("`{name}` was killed"),
            Ended::TimedOut => format!("`{name}` ran too long, and was killed"),
        };
        ProviderError::permanent(summary).detail(self.err.clone())
    }
}

/// A command and all that it started. Dropped before it has ended, it is killed.
struct Group {
    child: Child,
    running: bool,
}

impl Group {
    fn of(child: Child) -> Self {
        Self { child, running: true }
    }

    async fn finish(&mut self, output: &mut Output, time_max: Duration) -> io::Result<(Ended, Heard)> {
        let mut heard = Heard::default();
        let ended = tokio::time::timeout(time_max, output.wait(&mut self.child, &mut heard)).await;
        let ended = if let Ok(status) = ended {
            how(status?)
        } else {
            self.kill();
            self.child.wait().await?;
            Ended::TimedOut
        };
        self.running = false;
        output.hear_rest(&mut heard)?;
        Ok((ended, heard))
    }

    #[cfg(unix)]
    fn kill(&mut self) {
        let group = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(group) = group.and_then(rustix::process::Pid::from_raw) {
            // It may have ended just now.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }

    #[cfg(not(unix))]
    fn kill(&mut self) {
        let _ = self.child.start_kill();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.running {
            self.kill();
        }
    }
}

fn how(status: ExitStatus) -> Ended {
    match status.code() {
        Some(0) => Ended::Well,
        Some(number) => Ended::With(number),
        None => Ended::Killed,
    }
}

/// What a command said last, as text.
fn tail(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}
