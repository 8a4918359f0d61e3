//! Records of many steps on their way to the journal together.
//!
//! In: records of steps, each of which waits for its own. Out: one append for all that wait, once none of the steps can go on
//! by itself. Never: a timer; a record that waits while nothing else is done; an order other than that in which they came.
//!
//! So a wave of steps that are ready together costs two appends, whatever a sync takes: one for their intents, and, if
//! their calls end together, one for their outcomes.

use futures_util::future::{BoxFuture, join_all};
use futures_util::stream::{FuturesUnordered, StreamExt};
use futures_util::task::AtomicWaker;
use mlo_state::{Guard, Record, StoreError};
use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use tokio::sync::oneshot;

/// What steps have handed in, and the appends that are under way.
pub(super) struct Batch<'g> {
    guard: &'g dyn Guard,
    waiting: RefCell<Vec<Waiting>>,
    under_way: RefCell<FuturesUnordered<BoxFuture<'g, ()>>>,
}

/// Records of one step, and where it learns that they are durable.
struct Waiting {
    records: Vec<Record>,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

impl<'g> Batch<'g> {
    pub(super) fn new(guard: &'g dyn Guard) -> Self {
        Self { guard, waiting: RefCell::default(), under_way: RefCell::default() }
    }

    /// Hands records in; resolves when they are durable, as long as somebody polls [`Self::beside`].
    ///
    /// # Errors
    /// Those of [`Guard::append`].
    pub(super) async fn append(&self, records: Vec<Record>) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        self.waiting.borrow_mut().push(Waiting { records, answer });
        let because = || "the run ended before it was written".to_owned();
        answered.await.unwrap_or_else(|_| Err(StoreError::Halted { because: because() }))
    }

    /// Does work whose steps hand records in, and appends them whenever it can do nothing else.
    pub(super) async fn beside<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        poll_fn(|outer| {
            woken.by.register(outer.waker());
            let mut context = Context::from_waker(&waker);
            loop {
                woken.is_set.store(false, Ordering::SeqCst);
                // All that wait for an append learn of it before any of them goes on.
                let _ = self.poll_under_way(&mut context);
                if let Poll::Ready(done) = work.as_mut().poll(&mut context) {
                    return Poll::Ready(done);
                }
                // Who was woken meanwhile has more to do, and whoever polls this was woken with it.
                if woken.is_set.load(Ordering::SeqCst) || !self.send() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// Appends what was handed in last, when the work is left in the middle.
    pub(super) async fn finish(&self) {
        self.send();
        poll_fn(|context| self.poll_under_way(context)).await;
    }

    fn poll_under_way(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut under_way = self.under_way.borrow_mut();
        loop {
            match under_way.poll_next_unpin(context) {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Begins an append of all that waits; `false`: nothing does.
    fn send(&self) -> bool {
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        if waiting.is_empty() {
            return false;
        }
        self.under_way.borrow_mut().push(Box::pin(append_together(self.guard, waiting)));
        true
    }
}

/// Appends the records of several steps as one, and tells each how it went: the first the failure itself, the rest what it
/// was. Where it lies with the records of one of them, each is appended by itself.
async fn append_together(guard: &dyn Guard, mut waiting: Vec<Waiting>) {
    let all = waiting.iter().flat_map(|each| each.records.iter().cloned()).collect();
    let appended = match guard.append(all).await {
        Err(StoreError::Limit { .. } | StoreError::Misused { .. }) if waiting.len() > 1 => {
            let alone = waiting.iter_mut().map(|each| guard.append(std::mem::take(&mut each.records)));
            let results = join_all(alone).await;
            // A step that is gone needs no answer.
            waiting.into_iter().zip(results).for_each(|(each, result)| drop(each.answer.send(result)));
            return;
        }
        appended => appended,
    };
    let because = appended.as_ref().err().map(ToString::to_string);
    let mut failure = appended.err();
    for each in waiting {
        let result = match (failure.take(), &because) {
            (Some(error), _) => Err(error),
            (None, Some(because)) => Err(StoreError::Halted { because: because.clone() }),
            (None, None) => Ok(()),
        };
        let _ = each.answer.send(result);
    }
}

/// Whether something was woken, which is passed on.
#[derive(Default)]
struct Woken {
    is_set: AtomicBool,
    by: AtomicWaker,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_set.store(true, Ordering::SeqCst);
        self.by.wake();
    }
}
