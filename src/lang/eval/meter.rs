//! How much one evaluation may make and do, so that a few characters cannot fill the memory or run for hours.

use crate::lang::value::{Kind, Value, WEIGHT_OF_VALUE};
use std::cell::Cell;
use thiserror::Error;

/// Bytes that one value may take, shared parts counted each time, and that all values made in one evaluation may take
/// together: 64 MiB, as decided for the language. More than any configuration that a person or a program wrote.
pub const VALUE_BYTES_MAX: u64 = 64 << 20;
/// Values that may stand inside each other, as deep as expressions may: what walks them needs a stack.
pub const VALUE_DEPTH_MAX: u32 = 200;
/// Steps of one evaluation: about two seconds.
pub const STEPS_MAX: u64 = 10_000_000;

/// What stopped an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Exhausted {
    /// [`VALUE_BYTES_MAX`]
    #[error("it takes more than {} MiB", VALUE_BYTES_MAX >> 20)]
    Bytes,
    /// [`VALUE_DEPTH_MAX`]
    #[error("values are nested deeper than {VALUE_DEPTH_MAX}")]
    Depth,
    /// [`STEPS_MAX`]
    #[error("it takes more than {STEPS_MAX} steps")]
    Steps,
}

/// What a value weighs that is still being read, so that one that is too large is not read to its end.
#[derive(Debug, Default)]
pub struct Growing(u64);

impl Growing {
    /// One more part. Text is not counted: there is no more of it than in what is read.
    pub fn part(&mut self) -> Result<(), Exhausted> {
        self.0 = self.0.saturating_add(WEIGHT_OF_VALUE);
        if self.0 > VALUE_BYTES_MAX { Err(Exhausted::Bytes) } else { Ok(()) }
    }
}

/// What one evaluation has used.
#[derive(Debug, Default)]
pub struct Meter {
    bytes: Cell<u64>,
    steps: Cell<u64>,
}

impl Meter {
    /// Counts steps that are about to be taken.
    pub fn steps(&self, count: u64) -> Result<(), Exhausted> {
        self.steps.set(self.steps.get().saturating_add(count));
        if self.steps.get() > STEPS_MAX { Err(Exhausted::Steps) } else { Ok(()) }
    }

    /// Counts bytes of text or of values that are about to be made. To be asked before anything is made that could be
    /// much larger than what it is made of.
    pub fn bytes(&self, count: u64) -> Result<(), Exhausted> {
        self.bytes.set(self.bytes.get().saturating_add(count));
        if self.bytes.get() > VALUE_BYTES_MAX { Err(Exhausted::Bytes) } else { Ok(()) }
    }

    /// Counts a value that was made, without its parts, which were counted when they were made; and looks at the size
    /// of all of it.
    pub fn made(&self, value: &Value) -> Result<(), Exhausted> {
        let own = match value.kind() {
            Kind::String(text) => text.len(),
            Kind::List(_, items) | Kind::Set(_, items) | Kind::Tuple(items) => size_of_val(&**items),
            Kind::Map(_, entries) | Kind::Object(entries) => entries.len() * size_of::<Value>(),
            _ => 0,
        };
        if value.weight() > VALUE_BYTES_MAX {
            return Err(Exhausted::Bytes);
        }
        if value.depth() > VALUE_DEPTH_MAX {
            return Err(Exhausted::Depth);
        }
        self.bytes(own as u64)
    }
}
