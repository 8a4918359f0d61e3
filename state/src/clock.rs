//! Time, as an argument: what a lease is measured with.

use std::time::Duration;

use crate::store::BoxFuture;

/// A clock that only runs on. Who makes a store gives it one, so that a test owns the time.
pub trait Clock: Send + Sync {
    /// Time since some moment. It goes on while the machine sleeps, and is not set by anybody.
    fn elapsed(&self) -> Duration;

    /// Resolves after a time.
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()>;
}
