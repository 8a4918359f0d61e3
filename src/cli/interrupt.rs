//! Signals: the first asks a run to stop, the second ends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::sync::watch;

/// What the signals said.
pub(super) struct Interrupt {
    receiver: watch::Receiver<bool>,
    signal: Arc<AtomicU8>,
}

impl Interrupt {
    /// Listens from now on. Called inside the runtime.
    pub(super) fn listen() -> Self {
        let (sender, receiver) = watch::channel(false);
        let signal = Arc::new(AtomicU8::new(0));
        let seen = signal.clone();
        tokio::spawn(async move {
            loop {
                let number = next_signal().await;
                if seen.swap(number, Ordering::SeqCst) != 0 {
                    // The journal tells the next run what was under way.
                    std::process::exit(i32::from(128 + number));
                }
                let _ = sender.send(true);
                #[expect(clippy::print_stderr, reason = "said the moment it happens, whatever else is being printed")]
                {
                    eprintln!("\nInterrupted: nothing new is begun; what runs is waited for. Again to end at once.");
                }
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
async fn next_signal() -> u8 {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [(SignalKind::interrupt(), 2), (SignalKind::terminate(), 15), (SignalKind::hangup(), 1)];
    let mut waits: Vec<_> = kinds
        .into_iter()
        .filter_map(|(kind, number)| signal(kind).ok().map(|stream| (stream, number)))
        .map(|(mut stream, number)| {
            Box::pin(async move {
                stream.recv().await;
                number
            })
        })
        .collect();
    if waits.is_empty() {
        return std::future::pending().await;
    }
    let (number, _, _) = futures_util::future::select_all(waits.drain(..)).await;
    number
}

#[cfg(not(unix))]
async fn next_signal() -> u8 {
    match tokio::signal::ctrl_c().await {
        Ok(()) => 2,
        Err(_) => std::future::pending().await,
    }
}
