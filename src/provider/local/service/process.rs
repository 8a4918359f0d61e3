//! Whether a process is alive and the one that was meant, and signals to it.
//!
//! Process numbers are used again. On Linux a process is told from a later one of the same number by the tick of its
//! start (`proc(5)`, `stat`, field 22), and a signal goes through a descriptor of the process (`pidfd_open(2)`), which a later
//! one cannot take over. Elsewhere the number and the lock of the log must do.

use super::folder::RunFile;
use std::time::Duration;

/// Time between two looks at a process that should end.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Time for a server to finish what it accepted before it is killed: the drain that it is started with, and some more.
const GRACE: Duration = Duration::from_secs(15);
/// Time for the kernel to end a process that was killed; more only if it waits for a device.
const KILL_GRACE: Duration = Duration::from_secs(5);

/// How to end a process.
#[derive(Debug, Clone, Copy)]
enum Ending {
    Ask,
    Force,
}

/// Ends the process of a run file, if it still runs: politely, then by force.
///
/// # Errors
/// If the signal is not allowed, or the process does not end even when killed.
pub(super) async fn stop(run: &RunFile) -> std::io::Result<()> {
    for (ending, grace) in [(Ending::Ask, GRACE), (Ending::Force, KILL_GRACE)] {
        signal(run, ending)?;
        let ended = async {
            while is_running(run.pid, run.start_ticks) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        if tokio::time::timeout(grace, ended).await.is_ok() {
            return Ok(());
        }
    }
    Err(std::io::Error::other(format!("process {} does not end, even when killed", run.pid)))
}

/// Whether the process of this number runs and started at `start_ticks`. One that ended and was not collected by its
/// parent yet does not run.
#[cfg(target_os = "linux")]
pub(super) fn is_running(pid: i32, start_ticks: Option<u64>) -> bool {
    match started(pid) {
        Some(ticks) => start_ticks.is_none_or(|expected| expected == ticks),
        // Without /proc only the number is left.
        None => !std::path::Path::new("/proc/self/stat").exists() && exists(pid),
    }
}

/// The tick at which a living process started.
#[cfg(target_os = "linux")]
pub(super) fn started(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name is in parentheses and may hold anything; the state is the first word after it, field 3.
    let words: Vec<_> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let field = |number: usize| words.get(number - 3).copied();
    // The first thread may be dead while others still hold the port and the log.
    let dead = matches!(field(3)?, "Z" | "X") && matches!(field(20)?, "0" | "1");
    if dead { None } else { field(22)?.parse().ok() }
}

#[cfg(all(unix, not(target_os = "linux")))]
pub(super) fn is_running(pid: i32, _start_ticks: Option<u64>) -> bool {
    exists(pid)
}

#[cfg(unix)]
fn exists(pid: i32) -> bool {
    number(pid).is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}

/// A number that names one process: 0 and negative ones would name groups.
#[cfg(unix)]
fn number(pid: i32) -> Option<rustix::process::Pid> {
    rustix::process::Pid::from_raw(pid).filter(|_| pid > 0)
}

#[cfg(unix)]
fn signal(run: &RunFile, ending: Ending) -> std::io::Result<()> {
    use rustix::process::Signal;
    let signals: &[Signal] = match ending {
        // A process that was stopped acts on the first only after the second.
        Ending::Ask => &[Signal::TERM, Signal::CONT],
        Ending::Force => &[Signal::KILL],
    };
    let Some(pid) = number(run.pid) else { return Ok(()) };
    for signal in signals {
        match send(pid, run, *signal) {
            // It has ended.
            Err(rustix::io::Errno::SRCH) => return Ok(()),
            sent => sent?,
        }
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn send(pid: rustix::process::Pid, run: &RunFile, signal: rustix::process::Signal) -> rustix::io::Result<()> {
    use rustix::process::{PidfdFlags, kill_process, pidfd_open, pidfd_send_signal};
    match pidfd_open(pid, PidfdFlags::empty()) {
        // The descriptor is of whatever has the number now; if that is ours, it stays ours.
        Ok(descriptor) if is_running(run.pid, run.start_ticks) => pidfd_send_signal(&descriptor, signal),
        Ok(_) => Ok(()),
        // Kernels before 5.3, and sandboxes.
        Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) if is_running(run.pid, run.start_ticks) => {
            kill_process(pid, signal)
        }
        Err(error) => Err(error),
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
fn send(
    pid: rustix::process::Pid,
    _run: &RunFile,
    signal: rustix::process::Signal,
) -> rustix::io::Result<()> {
    rustix::process::kill_process(pid, signal)
}

#[cfg(not(unix))]
pub(super) fn is_running(_pid: i32, _start_ticks: Option<u64>) -> bool {
    false
}

#[cfg(not(unix))]
fn signal(_run: &RunFile, _ending: Ending) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
