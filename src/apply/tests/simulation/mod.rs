//! Runs that end anywhere: a clock, a network, a disk and a machine that fail as a seed says, and what must hold then.
//!
//! In: a seed, or a configuration and the number of the step at which the machine stops. Out: nothing, or the seed and
//! what went wrong. Never: a real clock, a real disk, two runs of one seed that differ.
//!
//! What must hold after each run, however it ended, and after the next one that is left alone: nothing is there that
//! the state does not know, nothing is there twice, nothing was called without a durable intent, serials only grow, and
//! state and world come to the same end as if nothing had ever failed.

mod disk;
mod exhaustive;
mod machine;
mod network;
mod rivals;
mod seeds;

pub(super) use disk::Disk;
pub(super) use machine::Machine;

use super::{Applied, Fake, Kind, Lab, MemoryStore, Ran, SourceMap};
use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A machine that stops after so many steps of the program: each is one turn of its only task, between two awaits.
struct Stopping<F> {
    program: Pin<Box<F>>,
    steps_left: usize,
    steps: Rc<Cell<usize>>,
}

impl<F: Future> Future for Stopping<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.steps_left == 0 {
            return Poll::Ready(None);
        }
        self.steps_left -= 1;
        self.steps.set(self.steps.get() + 1);
        self.program.as_mut().poll(context).map(Some)
    }
}

impl Lab {
    /// Another world and another state. The policies are the same: to read them takes longer than a life.
    fn begin_anew(&mut self, text: &str) {
        (self.fake, self.store, self.disk) = (Fake::new(), Arc::new(MemoryStore::new()), None);
        self.machine = None;
        self.sources = SourceMap::new();
        self.configure(text);
    }

    /// Plans and applies on a machine that stops after so many steps. Tells how it ended, and after how many.
    fn apply_until(&mut self, kind: Kind, steps_left: usize) -> (Option<Ran>, usize) {
        let steps = Rc::new(Cell::new(0));
        let program = Box::pin(self.applied(kind));
        let ended = super::run(Stopping { program, steps_left, steps: Rc::clone(&steps) });
        (ended, steps.get())
    }

    /// Applies on a machine that goes on, and nothing may be left to do.
    fn apply_in_peace(&mut self, kind: Kind) -> Result<Applied, String> {
        if let Some(chaos) = &mut self.fake.things().chaos {
            chaos.calm(true);
        }
        if let Some(disk) = &self.disk {
            disk.calm();
        }
        let (ended, _) = self.apply_until(kind, usize::MAX);
        let applied = ended.expect("the machine does not stop")?;
        let said = self.rendered(&applied.messages);
        if said.is_empty() { Ok(applied) } else { Err(said) }
    }

    /// What must hold at any moment.
    fn check_always(&self, serial: &mut u64) -> Result<(), String> {
        let violations = self.fake.things().violations.clone();
        if !violations.is_empty() {
            return Err(violations.join("; "));
        }
        let now = self.snapshot().serial;
        if now < *serial {
            return Err(format!("the serial went from {serial} to {now}"));
        }
        *serial = now;
        Ok(())
    }
}
