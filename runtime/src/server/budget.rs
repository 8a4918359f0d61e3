//! Bytes that requests hold in memory, all together.
//!
//! In: how many bytes more a request is about to hold. Out: its share of the budget, given back when it is dropped; or
//! a no. Never: more than the budget, however many connections there are; small requests that are kept out by large
//! ones.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of a request up to which it is small: a thousand rows of a few columns.
const SMALL_BYTES: usize = 64 * 1024;
/// The part of the budget that is kept for small requests.
const KEPT_FOR_SMALL: usize = 4;

/// What all requests may hold, and what they do.
pub(super) struct Budget {
    max: usize,
    used: AtomicUsize,
}

impl Budget {
    pub(super) fn new(max: usize) -> Self {
        Self { max, used: AtomicUsize::new(0) }
    }

    /// A share of nothing yet.
    pub(super) fn share(&self) -> Share<'_> {
        Share { budget: self, bytes: 0 }
    }

    /// Bytes that are held now.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// What one request holds.
pub(super) struct Share<'b> {
    budget: &'b Budget,
    bytes: usize,
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Share<'_> {
    /// Takes so many bytes more; `false`, with nothing taken, where there are not as many.
    #[must_use]
    pub(super) fn grow(&mut self, more: usize) -> bool {
        let own = self.bytes.saturating_add(more);
        let kept = if own > SMALL_BYTES { self.budget.max / KEPT_FOR_SMALL } else { 0 };
        let used = self.budget.used.fetch_add(more, Ordering::Relaxed).saturating_add(more);
        if used > self.budget.max - kept {
            self.budget.used.fetch_sub(more, Ordering::Relaxed);
            return false;
        }
        self.bytes = own;
        true
    }

    /// Holds so many bytes in place of those so far; `false`, with nothing changed, where there are not as many.
    #[must_use]
    pub(super) fn exchange(&mut self, bytes: usize) -> bool {
        if let Some(more) = bytes.checked_sub(self.bytes) {
            return self.grow(more);
        }
        self.budget.used.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        self.bytes = bytes;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_requests_leave_something_to_small_ones() {
        let budget = Budget::new(8 * SMALL_BYTES);
        let mut large = budget.share();
        assert!(large.grow(6 * SMALL_BYTES));
        let mut other = budget.share();
        assert!(other.grow(SMALL_BYTES), "what is small is taken");
        assert!(!other.grow(1), "and is not as it becomes large");
        let mut third = budget.share();
        assert!(third.grow(SMALL_BYTES) && !budget.share().grow(1), "until nothing is left");
        assert!(large.exchange(10));
        assert_eq!(budget.used(), 2 * SMALL_BYTES + 10);
        assert!(large.exchange(4 * SMALL_BYTES) && !large.exchange(usize::MAX));
        drop((large, other, third));
        assert_eq!(budget.used(), 0);
    }
}
