//! Signals: the first asks a run to stop, the second ends it.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::sync::watch;

/// What is said at the first signal.
const SAID: &str =
    "\nInterrupted: nothing new is begun, and what runs has 30 s to end. Interrupt again to end at once.\n";

/// What is said at the first signal where nothing is changed.
const SAID_AT_A_READ: &str = "\nInterrupted: nothing was changed.\n";

/// What the signals said.
pub(super) struct Interrupt {
    receiver: watch::Receiver<bool>,
    signal: Arc<AtomicU8>,
}

impl Interrupt {
    /// Listens from now on. Called inside the runtime.
    pub(super) fn listen() -> Self {
        Self::listen_to_end(|| None)
    }

    /// The same, for a run that changes nothing and can be left at once.
    pub(super) fn listen_to_leave() -> Self {
        Self::listen_and_say(SAID_AT_A_READ, || None)
    }

    /// The same; should a second signal end the program, `last_words` are said.
    pub(super) fn listen_to_end(last_words: impl Fn() -> Option<String> + Send + 'static) -> Self {
        Self::listen_and_say(SAID, last_words)
    }

    fn listen_and_say(said: &'static str, last_words: impl Fn() -> Option<String> + Send + 'static) -> Self {
        let (sender, receiver) = watch::channel(false);
        let signal = Arc::new(AtomicU8::new(0));
        let seen = signal.clone();
        // Registered before this returns, so that no signal falls between.
        let mut signals = Signals::new();
        tokio::spawn(async move {
            loop {
                let number = signals.next().await;
                if seen.swap(number, Ordering::SeqCst) != 0 {
                    if let Some(words) = last_words() {
                        let _ = std::io::stderr().write_all(words.as_bytes());
                    }
                    // The journal tells the next run what was under way.
                    std::process::exit(i32::from(128 + number));
                }
                let _ = sender.send(true);
                // Said at once, whatever else is printed. The terminal may be the very thing that is gone.
                let _ = std::io::stderr().write_all(said.as_bytes());
            }
        });
        Self { receiver, signal }
    }

    /// Becomes true at the first signal.
    pub(super) fn receiver(&self) -> watch::Receiver<bool> {
        self.receiver.clone()
    }

    /// The number of the signal that came, if one did.
    pub(super) fn signal(&self) -> Option<u8> {
        Some(self.signal.load(Ordering::SeqCst)).filter(|number| *number != 0)
    }
}

#[cfg(unix)]
struct Signals(Vec<(tokio::signal::unix::Signal, u8)>);

#[cfg(unix)]
impl Signals {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [(SignalKind::interrupt(), 2), (SignalKind::terminate(), 15), (SignalKind::hangup(), 1)];
        // Under `nohup` a run outlives its terminal.
        let kinds =
            kinds.into_iter().filter(|(kind, _)| *kind != SignalKind::hangup() || !hangup_is_ignored());
        let streams = kinds.filter_map(|(kind, number)| Some((signal(kind).ok()?, number)));
        Self(streams.collect())
    }

    async fn next(&mut self) -> u8 {
        if self.0.is_empty() {
            return std::future::pending().await;
        }
        let waits = self.0.iter_mut().map(|(stream, number)| {
            Box::pin(async move {
                stream.recv().await;
                *number
            })
        });
        futures_util::future::select_all(waits).await.0
    }
}

/// Whether who started the program has it ignore that its terminal is gone, as `nohup` does. Told where the system tells it.
#[cfg(unix)]
fn hangup_is_ignored() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores_hangup(&status))
}

/// What `/proc/PID/status` says: SIGHUP is the lowest bit of a mask in hexadecimal digits.
#[cfg(unix)]
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u128::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Self {
        Self
    }

    async fn next(&mut self) -> u8 {
        match tokio::signal::ctrl_c().await {
            Ok(()) => 2,
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_mask_of_ignored_signals_is_read() {
        for (status, expected) in [
            ("Name:\tmlo\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000000001\n", true),
            ("SigIgn:\t0000000000001001\n", true),
            ("SigIgn:\t0000000000001002\nSigCgt:\t0000000000000001\n", false),
            ("SigIgn:\tx\n", false),
            ("", false),
        ] {
            assert_eq!(ignores_hangup(status), expected, "{status}");
        }
    }
}
