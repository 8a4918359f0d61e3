//! A bucket in memory, for tests and simulation, with the service's own clock and with faults.
//!
//! In: what a bucket takes. Out: what S3 answers by its documentation. Never: a network; calls that are under way together
//! and always take turns in one order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;

use super::bucket::{Bucket, Found, Only, Page, Refusal};
use crate::clock::Clock;
use crate::store::BoxFuture;

/// How many others a call or its answer lets go first, at most.
const TURNS_MAX: u64 = 5;

/// Keys on a page: fewer than S3's 1,000, so that tests see more than one.
const PAGE: usize = 7;

/// A bucket in memory. Clones are handles of the same one.
#[derive(Clone)]
pub struct ModelBucket {
    clock: Arc<dyn Clock>,
    shared: Arc<Mutex<Shared>>,
    /// Which call goes before which, another order for each; `None`: it answers at once.
    seed: Option<u64>,
}

#[derive(Default)]
struct Shared {
    objects: BTreeMap<String, Object>,
    /// Writes so far, of which tags are made.
    writes: u64,
    /// Calls so far by kind: gets, puts, lists, deletes.
    calls: [u64; 4],
    /// Ways that calls and answers have gone.
    travels: u64,
}

struct Object {
    body: Bytes,
    tag: String,
    at: Duration,
}

impl ModelBucket {
    /// An empty bucket whose time is told by a clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, shared: Arc::default(), seed: None }
    }

    /// The same, whose calls take turns as a seed says.
    pub fn with_seed(clock: Arc<dyn Clock>, seed: u64) -> Self {
        Self { clock, shared: Arc::default(), seed: Some(seed) }
    }

    /// A call is on its way: others go first, or it does.
    async fn travel(&self) {
        let Some(seed) = self.seed else { return };
        let number = {
            let mut shared = self.shared();
            shared.travels += 1;
            shared.travels
        };
        // The finalizer of SplitMix64.
        let mut mixed = (seed ^ number.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        for _ in 0..(mixed >> 60) % TURNS_MAX {
            let mut turned = false;
            std::future::poll_fn(|context| {
                if std::mem::replace(&mut turned, true) {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys that are there.
    pub fn keys(&self) -> Vec<String> {
        self.shared().objects.keys().cloned().collect()
    }

    /// Changes or removes an object behind everybody's back.
    pub fn meddle(&self, key: &str, change: impl FnOnce(Bytes) -> Option<Bytes>) {
        let mut shared = self.shared();
        if let Some(mut object) = shared.objects.remove(key)
            && let Some(body) = change(object.body.clone())
        {
            object.body = body;
            shared.objects.insert(key.to_owned(), object);
        }
    }

    /// Puts an object there, as somebody does who is no store.
    pub fn plant(&self, key: &str, body: impl Into<Bytes>) {
        let at = self.clock.elapsed();
        let mut shared = self.shared();
        shared.writes += 1;
        let object = Object { body: body.into(), tag: format!("\"planted-{}\"", shared.writes), at };
        shared.objects.insert(key.to_owned(), object);
    }

    /// Calls so far: gets, puts, lists and deletes.
    pub fn calls(&self) -> [u64; 4] {
        self.shared().calls
    }

    async fn call<T>(
        &self,
        kind: usize,
        answer: impl FnOnce(&mut Shared, Duration) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.travel().await;
        let answered = self.arrive(kind, answer);
        self.travel().await;
        answered
    }

    fn arrive<T>(
        &self,
        kind: usize,
        answer: impl FnOnce(&mut Shared, Duration) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let now = self.clock.elapsed();
        let mut shared = self.shared();
        if let Some(count) = shared.calls.get_mut(kind) {
            *count += 1;
        }
        answer(&mut shared, now)
    }
}

impl Bucket for ModelBucket {
    fn get<'a>(&'a self, key: &'a str, bytes_max: u64) -> BoxFuture<'a, Result<Option<Found>, Refusal>> {
        Box::pin(async move {
            self.call(0, |shared, now| match shared.objects.get(key) {
                Some(object) if object.body.len() as u64 > bytes_max => Err(Refusal::TooLarge),
                Some(Object { body, tag, at }) => {
                    let age = Some(now.saturating_sub(*at));
                    Ok(Some(Found { body: body.clone(), tag: tag.clone(), age }))
                }
                None => Ok(None),
            })
            .await
        })
    }

    fn put<'a>(&'a self, key: &'a str, body: Bytes, only: Only) -> BoxFuture<'a, Result<String, Refusal>> {
        Box::pin(async move {
            self.call(1, |shared, now| {
                let present = shared.objects.get(key).map(|object| object.tag.as_str());
                let holds = match &only {
                    Only::New => present.is_none(),
                    Only::Replacing(tag) => present == Some(tag),
                };
                if !holds {
                    return Err(Refusal::Unmet);
                }
                shared.writes += 1;
                let tag = format!("\"{}\"", shared.writes);
                shared.objects.insert(key.to_owned(), Object { body, tag: tag.clone(), at: now });
                Ok(tag)
            })
            .await
        })
    }

    fn list<'a>(&'a self, prefix: &'a str, after: &'a str) -> BoxFuture<'a, Result<Page, Refusal>> {
        Box::pin(async move {
            self.call(2, |shared, _| {
                let keys =
                    shared.objects.keys().filter(|key| key.starts_with(prefix) && key.as_str() > after);
                let mut keys: Vec<_> = keys.take(PAGE + 1).cloned().collect();
                let more = keys.len() > PAGE;
                keys.truncate(PAGE);
                Ok(Page { keys, more })
            })
            .await
        })
    }

    fn delete<'a>(&'a self, keys: &'a [String]) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(async move {
            self.call(3, |shared, _| {
                shared.objects.retain(|key, _| !keys.contains(key));
                Ok(())
            })
            .await
        })
    }

    fn describe(&self) -> String {
        "s3://model".to_owned()
    }
}
