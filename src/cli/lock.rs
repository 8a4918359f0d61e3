//! The lock on a state, waited for.

use super::exit::Exit;
use super::interrupt::Interrupt;
use super::project::Place;
use super::screen::Screen;
use super::second;
use super::session;
use super::vault::Keys;
use crate::diag::Diagnostics;
use mlo_state::{BoxFuture, Clock, Guard, Held, Holder, Store, StoreError};
use std::time::Duration;

/// Between two attempts at a lock.
const RETRY: Duration = Duration::from_millis(250);

/// How long a lock may outlive its process, whatever the timeout: a program that was being started when the process was
/// killed has the lock's file open until it runs, which takes milliseconds, or more on a machine that has much to do.
const AFTERLIFE: Duration = Duration::from_secs(5);
/// Between two attempts at such a lock.
const RETRY_SOON: Duration = Duration::from_millis(20);

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

/// What a future gives, or the end if the run is interrupted meanwhile. Only for what can be left at any point: reads,
/// questions, and records that are on their way once they are given.
pub(super) async fn unless_interrupted<T>(
    interrupt: &Interrupt,
    future: impl Future<Output = T>,
) -> Result<T, Stop> {
    let mut stop = interrupt.receiver();
    tokio::select! {
        biased;
        Ok(_) = stop.wait_for(|stop| *stop) => Err(Stop::Ended(interrupted(interrupt))),
        value = future => Ok(value),
    }
}

/// Who takes a lock, and how long they wait for it.
pub(super) struct Claim<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) keys: &'a Keys,
    pub(super) place: &'a Place,
    pub(super) operation: &'a str,
    pub(super) timeout: Duration,
}

impl Claim<'_> {
    /// The lock, once it is free.
    pub(super) async fn take(&self, interrupt: &Interrupt, screen: &Screen) -> Result<Box<dyn Guard>, Stop> {
        self.take_as(&session::holder(self.operation), interrupt, screen).await
    }

    /// The same for a holder who is known already.
    pub(super) async fn take_as(
        &self,
        holder: &Holder,
        interrupt: &Interrupt,
        screen: &Screen,
    ) -> Result<Box<dyn Guard>, Stop> {
        let patience = tokio::time::sleep(self.timeout);
        tokio::pin!(patience);
        let mut stop = interrupt.receiver();
        let mut waiting = self.timeout.is_zero();
        let mut afterlife = AFTERLIFE;
        loop {
            match self.store.lock(holder).await {
                Ok(guard) => {
                    let second = second::place_of(self.place, self.keys);
                    return second.behind(guard).await.map_err(|error| Stop::store(&error, self.place));
                }
                Err(StoreError::Locked(held)) => {
                    let soon = !afterlife.is_zero() && is_of_the_dead(&held, holder);
                    let error = StoreError::Locked(held);
                    if soon {
                        afterlife = afterlife.saturating_sub(RETRY_SOON);
                    } else if !std::mem::replace(&mut waiting, true) {
                        let text = format!("{error}: waiting for up to {:?}\n", self.timeout);
                        screen.say(&crate::diag::escape(&text));
                    }
                    tokio::select! {
                        () = &mut patience, if !soon => return Err(Stop::store(&error, self.place)),
                        () = tokio::time::sleep(if soon { RETRY_SOON } else { RETRY }) => {}
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

/// Whether a lock is only kept by what a process of this machine left behind.
#[cfg(unix)]
fn is_of_the_dead(held: &Held, own: &Holder) -> bool {
    use rustix::process::{Pid, test_kill_process};
    let host = |holder: &Holder| holder.who.rsplit_once('@').map(|(_, host)| host.to_owned());
    let Some(holder) = held.holder.as_ref().filter(|holder| held.left.is_none() && host(holder) == host(own))
    else {
        return false;
    };
    let pid = i32::try_from(holder.pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

/// Elsewhere a lock ends with its process.
#[cfg(not(unix))]
fn is_of_the_dead(_: &Held, _: &Holder) -> bool {
    false
}

/// The clock of the machine, which goes on while it sleeps.
pub(super) struct SystemClock {
    #[cfg(not(target_os = "linux"))]
    begun: std::time::Instant,
}

impl SystemClock {
    #[cfg_attr(
        not(target_os = "linux"),
        expect(clippy::disallowed_methods, reason = "the edge reads the clock, for all that is below it")
    )]
    pub(super) fn new() -> Self {
        Self {
            #[cfg(not(target_os = "linux"))]
            begun: std::time::Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    #[cfg(target_os = "linux")]
    fn elapsed(&self) -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
    }

    #[cfg(not(target_os = "linux"))]
    fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}
