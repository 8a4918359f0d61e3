//! A machine with a clock of its own, far from the bucket that has the state and from the world. It stops, sleeps or has
//! its clock set at one step of its program.

use super::network::{FarBucket, FarWorld, Network, Turns};
use crate::provider::Provider;
use crate::provider::fake::Fake;
use mlo_state::s3::ModelBucket;
use mlo_state::{BoxFuture, Clock, Guard, Holder, S3Store, Store, StoreError};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// Between two attempts at a lock.
const RETRY: Duration = Duration::from_secs(5);

/// How long a lock is waited for: longer than anything that a run waits for.
const PATIENCE: Duration = Duration::from_hours(12);

/// What every clock says in the beginning: it can be set back.
const UPTIME: Duration = Duration::from_hours(100);

/// The clock of a machine, or of the service. Clones are the same clock.
#[derive(Clone)]
pub(super) struct MachineClock {
    begun: Instant,
    ahead_ms: Arc<AtomicI64>,
}

impl MachineClock {
    /// One that goes right. Within a runtime whose time is paused.
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), ahead_ms: Arc::default() }
    }

    fn set_on(&self, ms: i64) {
        self.ahead_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for MachineClock {
    fn elapsed(&self) -> Duration {
        let ahead = self.ahead_ms.load(Ordering::SeqCst);
        let time = UPTIME + self.begun.elapsed();
        let by = Duration::from_millis(ahead.unsigned_abs());
        if ahead < 0 { time.saturating_sub(by) } else { time + by }
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(sleep(time))
    }
}

/// What happens to a machine at a step of its program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mishap {
    Nothing,
    /// It stops for good.
    Stops,
    /// It does nothing for a time, and its clock goes on.
    Sleeps(Duration),
    /// It does nothing for a time, and its clock stands still: the machine was saved and restored. Its connections are gone
    /// when it goes on.
    Freezes(Duration),
    /// Its clock goes forward or back by so many milliseconds.
    ClockJumps(i64),
}

/// A machine on which runs are made, one after the other.
pub(in crate::apply::tests) struct Machine {
    store: S3Store,
    network: Network,
    turns: Turns,
    /// The last taking of the lock by this machine.
    turn: AtomicU64,
}

impl Machine {
    pub(super) fn new(
        bucket: &ModelBucket,
        network: &Network,
        (clock, turns): (&MachineClock, &Turns),
    ) -> Self {
        let far = FarBucket { inner: bucket.clone(), network: network.clone(), turns: turns.clone() };
        let store = S3Store::new(Arc::new(far), "lab", Arc::new(clock.clone()));
        let (network, turns) = (network.clone(), turns.clone());
        Self { store, network, turns, turn: AtomicU64::new(0) }
    }

    /// The world as this machine reaches it, under the lock that it took last.
    pub(in crate::apply::tests) fn connects_to(&self, fake: Fake) -> Arc<dyn Provider> {
        let (network, turns) = (self.network.clone(), self.turns.clone());
        let turn = self.turn.load(Ordering::SeqCst);
        Arc::new(FarWorld { fake, network, turn, turns })
    }

    /// The lock, once it is free.
    pub(in crate::apply::tests) async fn lock(&self, holder: &Holder) -> Result<Box<dyn Guard>, StoreError> {
        let id = format!("{}-{}", holder.id, self.turns.ask());
        let (holder, begun) = (Holder { id, ..holder.clone() }, Instant::now());
        loop {
            match self.store.lock(&holder).await {
                Ok(guard) => {
                    self.turn.store(self.turns.of(&holder.id), Ordering::SeqCst);
                    return Ok(guard);
                }
                Err(StoreError::Locked(_)) if begun.elapsed() < PATIENCE => sleep(RETRY).await,
                Err(error) => return Err(error),
            }
        }
    }
}

/// A program on a machine to which something happens.
pub(super) struct Troubled<F> {
    program: Pin<Box<F>>,
    clock: MachineClock,
    network: Network,
    mishap: Mishap,
    /// The step before which it happens.
    at: usize,
    asleep: Option<Pin<Box<Sleep>>>,
    /// Steps that were made.
    steps: usize,
}

impl<F: Future> Troubled<F> {
    pub(super) fn new(
        program: F,
        (clock, network): (MachineClock, Network),
        (mishap, at): (Mishap, usize),
    ) -> Self {
        Self { program: Box::pin(program), clock, network, mishap, at, asleep: None, steps: 0 }
    }
}

impl<F: Future> Future for Troubled<F> {
    /// How the program ended, if it did, and after how many steps.
    type Output = (Option<F::Output>, usize);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.steps == self.at && self.asleep.is_none() {
            match self.mishap {
                Mishap::Nothing => {}
                Mishap::Stops => return Poll::Ready((None, self.steps)),
                Mishap::Sleeps(time) | Mishap::Freezes(time) => self.asleep = Some(Box::pin(sleep(time))),
                Mishap::ClockJumps(ms) => self.clock.set_on(ms),
            }
        }
        if let Some(asleep) = &mut self.asleep {
            if asleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            if let Mishap::Freezes(time) = self.mishap {
                self.clock.set_on(-i64::try_from(time.as_millis()).unwrap());
                self.network.hang_up();
            }
            (self.asleep, self.mishap) = (None, Mishap::Nothing);
        }
        self.steps += 1;
        let steps = self.steps;
        self.program.as_mut().poll(context).map(|ended| (Some(ended), steps))
    }
}
