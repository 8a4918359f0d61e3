//! The lock on a state, waited for.

use super::exit::Exit;
use super::interrupt::Interrupt;
use super::project::Place;
use super::screen::Screen;
use super::session;
use crate::diag::Diagnostics;
use mlo_state::{FileStore, Guard, Store, StoreError};
use std::time::Duration;

/// Between two attempts at a lock.
const RETRY: Duration = Duration::from_millis(250);

/// Why a run ended before its end.
pub(super) enum Stop {
    Failed(Diagnostics, Exit),
    /// What there was to say is said.
    Ended(Exit),
}

impl From<Diagnostics> for Stop {
    fn from(messages: Diagnostics) -> Self {
        Self::Failed(messages, Exit::Error)
    }
}

impl Stop {
    /// The end by a store's error.
    pub(super) fn store(error: &StoreError, place: &Place) -> Self {
        let (messages, exit) = session::store_failure(error, place);
        Self::Failed(messages, exit)
    }
}

/// How the run ends that a signal ended.
pub(super) fn interrupted(interrupt: &Interrupt) -> Exit {
    Exit::Interrupted(interrupt.signal().unwrap_or(2))
}

/// Who takes a lock, and how long they wait for it.
pub(super) struct Claim<'a> {
    pub(super) store: &'a FileStore,
    pub(super) place: &'a Place,
    pub(super) operation: &'a str,
    pub(super) timeout: Duration,
}

impl Claim<'_> {
    /// The lock, once it is free.
    pub(super) async fn take(&self, interrupt: &Interrupt, screen: &Screen) -> Result<Box<dyn Guard>, Stop> {
        let holder = session::holder(self.operation);
        let patience = tokio::time::sleep(self.timeout);
        tokio::pin!(patience);
        let mut stop = interrupt.receiver();
        let mut waiting = self.timeout.is_zero();
        loop {
            match self.store.lock(&holder).await {
                Ok(guard) => return Ok(guard),
                Err(error @ StoreError::Locked { .. }) => {
                    if !std::mem::replace(&mut waiting, true) {
                        let text = format!("{error}: waiting for up to {:?}\n", self.timeout);
                        screen.say(&crate::diag::escape(&text));
                    }
                    tokio::select! {
                        () = &mut patience => return Err(Stop::store(&error, self.place)),
                        () = tokio::time::sleep(RETRY) => {}
                        Ok(_) = stop.wait_for(|stop| *stop) => {
                            return Err(Stop::Ended(interrupted(interrupt)));
                        }
                    }
                }
                Err(error) => return Err(Stop::store(&error, self.place)),
            }
        }
    }
}
