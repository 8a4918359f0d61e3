//! A bucket in memory, for tests and simulation, with the service's own clock and with faults.
//!
//! In: what a bucket takes. Out: what S3 answers by its documentation. Never: a network.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::bucket::{Bucket, Found, Only, Page, Refusal};
use crate::clock::Clock;
use crate::store::BoxFuture;

/// Keys on a page: fewer than S3's 1,000, so that tests see more than one.
const PAGE: usize = 7;

/// A bucket in memory. Clones are handles of the same one.
#[derive(Clone)]
pub struct ModelBucket {
    clock: Arc<dyn Clock>,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    objects: BTreeMap<String, Object>,
    /// Writes so far, of which tags are made.
    writes: u64,
    /// Calls so far by kind: gets, puts, lists, deletes.
    calls: [u64; 4],
}

struct Object {
    body: Bytes,
    tag: String,
    at: Duration,
}

impl ModelBucket {
    /// An empty bucket whose time is told by a clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, shared: Arc::default() }
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

    /// Calls so far: gets, puts, lists and deletes.
    pub fn calls(&self) -> [u64; 4] {
        self.shared().calls
    }

    fn call<T>(
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
        })
    }

    fn delete<'a>(&'a self, keys: &'a [String]) -> BoxFuture<'a, Result<(), Refusal>> {
        Box::pin(async move {
            self.call(3, |shared, _| {
                shared.objects.retain(|key, _| !keys.contains(key));
                Ok(())
            })
        })
    }

    fn describe(&self) -> String {
        "s3://model".to_owned()
    }
}
