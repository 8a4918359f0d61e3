//! What the server itself uses: memory, processor time, threads.
//!
//! In: Linux's `/proc`. Out: figures, or none where there is no `/proc`. Never: an error.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::clock;

/// Clock ticks of `/proc` in a second: `USER_HZ`, 100 on every architecture that ONNX Runtime is built for.
const TICKS_PER_SECOND: f64 = 100.0;
/// The least time that a share of the processor is taken over.
const CPU_WINDOW_MIN: Duration = Duration::from_secs(1);

/// What the process uses.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Usage {
    pub(crate) memory_rss_bytes: Option<u64>,
    /// Since the figure before, at least a second ago; 100 is one processor.
    pub(crate) cpu_percent: Option<f64>,
    pub(crate) thread_count: Option<u64>,
}

/// Remembers the last figures, since a share of the processor needs two.
pub(crate) struct Meter {
    last: Mutex<Last>,
}

#[derive(Clone, Copy)]
struct Last {
    at: Instant,
    ticks: u64,
    percent: f64,
}

impl Meter {
    pub(crate) fn start() -> Self {
        Self { last: Mutex::new(Last { at: clock::instant(), ticks: 0, percent: 0.0 }) }
    }

    pub(crate) fn usage(&self) -> Usage {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        Usage {
            memory_rss_bytes: field(&status, "VmRSS:").map(|kilobytes| kilobytes * 1024),
            cpu_percent: cpu_ticks(&stat).map(|ticks| self.percent(ticks)),
            thread_count: field(&status, "Threads:"),
        }
    }

    fn percent(&self, ticks: u64) -> f64 {
        let now = clock::instant();
        let Ok(mut last) = self.last.lock() else { return 0.0 };
        let passed = now - last.at;
        if passed >= CPU_WINDOW_MIN {
            #[expect(clippy::cast_precision_loss, reason = "ticks of a few seconds")]
            let used = ticks.saturating_sub(last.ticks) as f64 / TICKS_PER_SECOND;
            *last = Last { at: now, ticks, percent: 100.0 * used / passed.as_secs_f64() };
        }
        last.percent
    }
}

/// When this process started, in ticks since the machine did: tells it from a later one with the same id.
pub(crate) fn start_ticks() -> Option<u64> {
    stat_field(&std::fs::read_to_string("/proc/self/stat").ok()?, 22)
}

fn field(status: &str, name: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// User and system time.
fn cpu_ticks(stat: &str) -> Option<u64> {
    Some(stat_field(stat, 14)? + stat_field(stat, 15)?)
}

/// A field of `/proc/[pid]/stat`, counted from 1 as in proc(5). The second one, the name, may hold anything.
fn stat_field(stat: &str, number: usize) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 140 150 16 17 18 19 20 21 2200 23";
        assert_eq!(cpu_ticks(stat), Some(290));
        assert_eq!(stat_field(stat, 22), Some(2200));
        assert_eq!(stat_field("", 22), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_something() {
        let usage = Meter::start().usage();
        assert!(usage.memory_rss_bytes.unwrap() > 1 << 20);
        assert!(usage.thread_count.unwrap() >= 1);
        assert!(start_ticks().unwrap() > 0);
    }
}
