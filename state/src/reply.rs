//! One answer from a thread to a future.
//!
//! In: at most one value, from any thread. Out: a future of it. Never: a thread or a future that waits for a side
//! that is gone.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// What both sides share.
struct Slot<T> {
    value: Option<T>,
    waker: Option<Waker>,
    /// The sender is gone, with or without a value sent.
    closed: bool,
}

/// The side that answers.
pub(crate) struct Sender<T>(Arc<Mutex<Slot<T>>>);

/// The side that waits: resolves to the value, or to `None` if the sender is dropped without one.
pub(crate) struct Receiver<T>(Arc<Mutex<Slot<T>>>);

/// Both sides of one answer.
pub(crate) fn reply<T>() -> (Sender<T>, Receiver<T>) {
    let slot = Arc::new(Mutex::new(Slot { value: None, waker: None, closed: false }));
    (Sender(Arc::clone(&slot)), Receiver(slot))
}

impl<T> Sender<T> {
    /// Answers. The answer is dropped if nobody waits any more.
    pub(crate) fn send(self, value: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).value = Some(value);
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let waker = {
            let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            slot.closed = true;
            slot.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Future for Receiver<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.closed {
            return Poll::Ready(slot.value.take());
        }
        slot.waker = Some(context.waker().clone());
        Poll::Pending
    }
}
