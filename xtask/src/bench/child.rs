//! A child process from its start to its end: wall time, time of processors, peak memory, as the kernel counts them.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wait4::Wait4 as _;

use crate::command;
use crate::failure::Failure;

/// Processors that everything measured runs on, the same for each program; a machine with fewer gives what it has.
const CORES_MAX: usize = 2;

/// What one run took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    /// From the start to the end.
    pub(crate) wall: Duration,
    /// Of all threads, in the program and in the kernel.
    pub(crate) cpu: Duration,
    /// Bytes that were resident at once, at most.
    pub(crate) peak: u64,
}

/// Keeps this process, and the children that it starts from now on, on the first [`CORES_MAX`] processors that it may
/// use. Gives a line that says so.
#[cfg(target_os = "linux")]
pub(crate) fn pin() -> Result<String, Failure> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let failed = |error: rustix::io::Errno| Failure::new(format!("choosing processors: {error}"));
    let allowed = sched_getaffinity(None).map_err(failed)?;
    let cores: Vec<_> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).take(CORES_MAX).collect();
    let mut chosen = CpuSet::new();
    for core in &cores {
        chosen.set(*core);
    }
    sched_setaffinity(None, &chosen).map_err(failed)?;
    let names: Vec<_> = cores.iter().map(usize::to_string).collect();
    Ok(format!("on processors {}", names.join(", ")))
}

/// Only Linux lets a process choose.
#[cfg(not(target_os = "linux"))]
pub(crate) fn pin() -> Result<String, Failure> {
    Ok(format!("on any processors: only Linux keeps a bench on the same {CORES_MAX}"))
}

/// Runs a command to its end, without a keyboard; what it says goes to `log`. A failure names the log.
pub(crate) fn measure(command: &mut Command, log: &Path) -> Result<Usage, Failure> {
    let io = |error: std::io::Error| Failure::io("writing", log, &error);
    let out = File::create(log).map_err(io)?;
    let err = out.try_clone().map_err(io)?;
    command.stdin(Stdio::null()).stdout(out).stderr(err);
    let line = command::line(command);
    let failed =
        |what: String| Failure::new(format!("`{line}` {what}")).mend(format!("look at {}", log.display()));
    let start = Instant::now();
    let mut child = command.spawn().map_err(|error| failed(format!("did not start: {error}")))?;
    let ended = child.wait4().map_err(|error| failed(format!("was lost: {error}")))?;
    let wall = start.elapsed();
    if !ended.status.success() {
        return Err(failed(format!("ended with {}", ended.status)));
    }
    Ok(Usage { wall, cpu: ended.rusage.utime + ended.rusage.stime, peak: ended.rusage.maxrss })
}

/// The median of each figure over `runs` runs.
pub(crate) fn median(
    runs: usize,
    log: &Path,
    mut command: impl FnMut() -> Command,
) -> Result<Usage, Failure> {
    let taken: Vec<_> = (0..runs).map(|_| measure(&mut command(), log)).collect::<Result<_, _>>()?;
    Ok(Usage {
        wall: middle(taken.iter().map(|usage| usage.wall)),
        cpu: middle(taken.iter().map(|usage| usage.cpu)),
        peak: middle(taken.iter().map(|usage| usage.peak)),
    })
}

/// The value in the middle; of an even number the upper of the two; nothing of nothing.
fn middle<T: Ord + Default>(values: impl Iterator<Item = T>) -> T {
    let mut values: Vec<T> = values.collect();
    values.sort();
    let middle = values.len() / 2;
    values.into_iter().nth(middle).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_measured() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 0.2; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done"]);
        let usage = measure(&mut command, &log).unwrap();
        assert!(usage.wall >= Duration::from_millis(200), "{usage:?}");
        assert!(
            usage.cpu > Duration::ZERO && usage.cpu < usage.wall,
            "sleeping takes no processor: {usage:?}"
        );
        assert!((200 << 10..1 << 30).contains(&usage.peak), "bytes, not kilobytes: {usage:?}");
        assert_eq!(std::fs::read_to_string(log).unwrap(), "done\n");
    }

    #[test]
    fn a_child_that_fails_is_no_figure() {
        let folder = tempfile::tempdir().unwrap();
        let failure = measure(Command::new("sh").args(["-c", "exit 3"]), &folder.path().join("log"));
        let text = failure.unwrap_err().to_string();
        assert!(text.contains("exit status: 3") && text.contains("log"), "{text}");
    }

    #[test]
    fn the_middle_is_no_mean() {
        assert_eq!(middle([9, 1, 2].into_iter()), 2);
        assert_eq!(middle([5, 1].into_iter()), 5);
        assert_eq!(middle(std::iter::empty::<u64>()), 0);
    }
}
