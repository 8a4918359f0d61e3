//! Calls to a bucket until they are answered: time-outs, attempts, and answers that were lost.
//!
//! In: names below the store's prefix. Out: what is there, or that a condition does not hold. Never: a write of ours
//! that took effect taken for another's because its answer was lost.

use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};

use super::bucket::{Bucket, DELETE_MAX, Found, Only, Page, Refusal};
use crate::clock::Clock;
use crate::seal::Vault;
use crate::store::StoreError;

/// Attempts at a call, the first included. With the waits between them they end well inside a lease unless every one
/// of them is let run into its time-out.
const ATTEMPTS_MAX: u32 = 5;

/// The wait after the first attempt; it doubles.
const WAIT_FIRST: Duration = Duration::from_millis(200);

/// How long an attempt may take, apart from its bytes.
const ATTEMPT: Duration = Duration::from_secs(10);

/// Bytes a second that are the least to count on.
const BYTES_PER_SECOND: u64 = 256 * 1024;

/// How long an attempt may take whose bytes are not counted beforehand.
const ATTEMPT_LARGE: Duration = Duration::from_mins(10);

/// Keys that are listed at most: 1,000 pages.
const KEYS_MAX: usize = 1_000_000;

/// A bucket as one store sees it.
#[derive(Clone)]
pub(super) struct Client {
    bucket: Arc<dyn Bucket>,
    clock: Arc<dyn Clock>,
    /// Ends in `/`, or is empty.
    prefix: String,
    /// What is sealed with what. Not asked here.
    vault: Vault,
}

/// How a conditional write ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It is there, with this tag.
    Done(String),
    /// Something else is there.
    Taken,
}

impl Client {
    pub(super) fn new(bucket: Arc<dyn Bucket>, clock: Arc<dyn Clock>, prefix: String) -> Self {
        Self { bucket, clock, prefix, vault: Vault::clear() }
    }

    pub(super) fn with_vault(self, vault: Vault) -> Self {
        Self { vault, ..self }
    }

    pub(super) fn vault(&self) -> &Vault {
        &self.vault
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Where `name` is, for messages.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("{}/{}{name}", self.bucket.describe(), self.prefix))
    }

    /// An object; `None` if there is none.
    pub(super) async fn get(&self, name: &str, bytes_max: u64) -> Result<Option<Found>, StoreError> {
        let got = self.attempt_get(name, bytes_max).await;
        got.map_err(|refusal| self.failure("read", name, refusal))
    }

    /// The same, which passes over what is in an object that has more bytes: `Some(None)`.
    pub(super) async fn get_if_small(
        &self,
        name: &str,
        bytes_max: u64,
    ) -> Result<Option<Option<Found>>, StoreError> {
        match self.attempt_get(name, bytes_max).await {
            Err(Refusal::TooLarge) => Ok(Some(None)),
            got => got.map(|found| found.map(Some)).map_err(|refusal| self.failure("read", name, refusal)),
        }
    }

    async fn attempt_get(&self, name: &str, bytes_max: u64) -> Result<Option<Found>, Refusal> {
        let key = self.key(name);
        let time = if bytes_max > BYTES_PER_SECOND { ATTEMPT_LARGE } else { ATTEMPT };
        self.repeated(|| self.timed(time, self.bucket.get(&key, bytes_max))).await
    }

    /// Writes an object under a name that nothing has.
    pub(super) async fn create(&self, name: &str, body: &Bytes) -> Result<Written, StoreError> {
        self.write(name, body, &Only::New).await
    }

    /// Writes an object in the place of the one with this tag.
    pub(super) async fn replace(&self, name: &str, body: &Bytes, tag: &str) -> Result<Written, StoreError> {
        self.write(name, body, &Only::Replacing(tag.to_owned())).await
    }

    /// Writes an object whose name says what is in it: if one is there, it is the same.
    pub(super) async fn keep(&self, name: &str, body: &Bytes) -> Result<(), StoreError> {
        match self.attempt_write(name, body, &Only::New).await {
            Ok(_) | Err(Refusal::Unmet) => Ok(()),
            Err(refusal) => Err(self.failure("written", name, refusal)),
        }
    }

    async fn write(&self, name: &str, body: &Bytes, only: &Only) -> Result<Written, StoreError> {
        match self.attempt_write(name, body, only).await {
            Ok(tag) => Ok(Written::Done(tag)),
            // Every body of ours says who wrote it, and when: the same bytes are this write, whose answer was lost.
            Err(Refusal::Unmet) => match self.attempt_get(name, body.len() as u64).await {
                Ok(Some(found)) if found.body == *body => Ok(Written::Done(found.tag)),
                Ok(_) | Err(Refusal::TooLarge) => Ok(Written::Taken),
                Err(refusal) => Err(self.failure("read", name, refusal)),
            },
            Err(refusal) => Err(self.failure("written", name, refusal)),
        }
    }

    async fn attempt_write(&self, name: &str, body: &Bytes, only: &Only) -> Result<String, Refusal> {
        let key = self.key(name);
        let time = ATTEMPT + Duration::from_secs(body.len() as u64 / BYTES_PER_SECOND);
        self.repeated(|| self.timed(time, self.bucket.put(&key, body.clone(), only.clone()))).await
    }

    /// The names that begin with `prefix` and come after the name `after`, in order.
    pub(super) async fn list(&self, prefix: &str, after: &str) -> Result<Vec<String>, StoreError> {
        let (mut after, mut names) = (after.to_owned(), Vec::new());
        loop {
            let Page { keys, more } = self.page(prefix, &after).await?;
            let last = keys.last().cloned();
            names.extend(keys);
            if names.len() > KEYS_MAX {
                let (found, limit) = (names.len() as u64, KEYS_MAX as u64);
                return Err(StoreError::Limit { what: "the number of objects of the state", found, limit });
            }
            match last.filter(|_| more) {
                Some(last) => after = last,
                None => return Ok(names),
            }
        }
    }

    /// A page of them.
    pub(super) async fn page(&self, prefix: &str, after: &str) -> Result<Page, StoreError> {
        let (full, after) = (self.key(prefix), self.key(after));
        let page = self.repeated(|| self.timed(ATTEMPT, self.bucket.list(&full, &after))).await;
        let Page { keys, more } = page.map_err(|refusal| self.failure("listed", prefix, refusal))?;
        let name = |key: String| key.strip_prefix(&self.prefix).map(str::to_owned);
        Ok(Page { keys: keys.into_iter().filter_map(name).collect(), more })
    }

    /// Removes objects.
    pub(super) async fn delete(&self, names: &[String]) -> Result<(), StoreError> {
        let keys: Vec<_> = names.iter().map(|name| self.key(name)).collect();
        for keys in keys.chunks(DELETE_MAX) {
            let deleted = self.repeated(|| self.timed(ATTEMPT, self.bucket.delete(keys))).await;
            deleted.map_err(|refusal| self.failure("removed", "", refusal))?;
        }
        Ok(())
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Calls until there is an answer that another attempt would not change.
    async fn repeated<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, Refusal>>,
    {
        let mut wait = WAIT_FIRST;
        for _ in 1..ATTEMPTS_MAX {
            match call().await {
                Err(Refusal::Conflict | Refusal::Unknown(_)) => {}
                answer => return answer,
            }
            self.clock.sleep(wait).await;
            wait *= 2;
        }
        call().await
    }

    async fn timed<T>(
        &self,
        time: Duration,
        call: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        match select(pin!(call), self.clock.sleep(time)).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Err(Refusal::Unknown(format!("no answer within {} s", time.as_secs()))),
        }
    }

    fn failure(&self, doing: &'static str, name: &str, refusal: Refusal) -> StoreError {
        let place = self.place(name);
        let io =
            |text: String| StoreError::Io { doing, place: place.clone(), source: io::Error::other(text) };
        match refusal {
            Refusal::Denied(text) => {
                let source = io::Error::new(io::ErrorKind::PermissionDenied, text);
                StoreError::Denied { doing, place: place.clone(), source }
            }
            Refusal::Credentials(fault, said) => {
                StoreError::Credentials { doing, place: place.clone(), said, fault }
            }
            Refusal::Unmet => {
                io("the service says that a condition does not hold where there was none".to_owned())
            }
            Refusal::TooLarge => io("it is larger than what is read".to_owned()),
            Refusal::Conflict => io("other writes were under way each time".to_owned()),
            Refusal::Unknown(text) | Refusal::Failed(text) => io(text),
        }
    }
}
