//! A store in a bucket of S3, or of what speaks as S3 does.
//!
//! | name, below the key | what it holds |
//! | --- | --- |
//! | `head` | what the state is: lineage, serial, the names of what belongs to it; replaced by each commit |
//! | `snapshots/SERIAL-DIGEST.json` | a snapshot; the head names the present one and the [`HISTORY_MAX`] before it |
//! | `snapshots/SERIAL-DIGEST.open` | intents that were open at that commit |
//! | `journal/EPOCH/SEQUENCE` | what was appended together under one taking of the lock, since the oldest snapshot that is kept; never changed |
//! | `lineage` | says that state was kept here, and which snapshot was the last: tells a first run from a loss |
//! | `damaged/EPOCH/…` | what a repair found damaged, as it was |
//! | `documents/NAME` | what was said about the state; written once |
//! | `lock` | who holds the lock, and its epoch: the number of its taking; written anew each [`HEARTBEAT`] |
//!
//! In: records and snapshots. Out: objects; they are durable when a future resolves. Never: an object written without
//! a condition; time told by any clock but the given one and the service's; a task begun.
//!
//! Each write is made if its name is free, or if the object is the one that was read. So of two that write, one is
//! refused; and who takes the lock makes sure that it is the other: it closes the journals of all earlier epochs and
//! replaces the head, before it reads the state. See [`chain`], [`lease`] and [`writer`].

use std::sync::Arc;

use crate::clock::Clock;
use crate::document::{Document, Names};
use crate::holder::{Held, Holder};
use crate::seal::Vault;
use crate::snapshot::Version;
use crate::store::{BoxFuture, Guard, Loaded, Store, StoreError};
use request::Client;

mod aws;
mod bucket;
mod chain;
mod contents;
mod documents;
mod guard;
mod head;
mod lease;
mod model;
mod request;
mod salvage;
mod sealing;
mod writer;

pub use aws::{AssumeRole, AwsBucket, BucketSettings};
pub use bucket::{Bucket, Bytes, DELETE_MAX, Found, Only, Page, Refusal};
pub use lease::{HEARTBEAT, LEASE};
pub use model::ModelBucket;
pub use writer::HISTORY_MAX;

/// A store in a bucket. Clones are handles of the same one.
#[derive(Clone)]
pub struct S3Store {
    client: Client,
}

impl S3Store {
    /// The store below `key` in a bucket; a key `models/prod` has its objects in `models/prod/…`.
    pub fn new(bucket: Arc<dyn Bucket>, key: &str, clock: Arc<dyn Clock>) -> Self {
        let key = key.trim_matches('/');
        let prefix = if key.is_empty() { String::new() } else { format!("{key}/") };
        Self { client: Client::new(bucket, clock, prefix) }
    }

    /// The same store, sealed: what it writes from now on by the first key of `vault`, what it reads by all of them. The
    /// head, the lock and the marker stay in clear: they tell no value. What the head says is sealed beside it, so that nobody
    /// without the key makes another.
    #[must_use]
    pub fn with_vault(self, vault: Vault) -> Self {
        Self { client: self.client.with_vault(vault) }
    }
}

/// An object of a bucket that is none of ours, asked for as ours are; `None` if there is none.
///
/// # Errors
/// If the service refuses or does not answer, or if it has more than `bytes_max` bytes.
pub async fn object(
    bucket: Arc<dyn Bucket>,
    clock: Arc<dyn Clock>,
    key: &str,
    bytes_max: u64,
) -> Result<Option<Bytes>, StoreError> {
    let found = Client::new(bucket, clock, String::new()).get(key, bytes_max).await?;
    Ok(found.map(|found| found.body))
}

impl std::fmt::Debug for S3Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Store").field("place", &self.client.place("")).finish_non_exhaustive()
    }
}

impl Store for S3Store {
    fn read(&self) -> BoxFuture<'_, Result<Loaded, StoreError>> {
        Box::pin(async { contents::load(&self.client).await.map(contents::Contents::into_loaded) })
    }

    fn lock<'a>(&'a self, holder: &'a Holder) -> BoxFuture<'a, Result<Box<dyn Guard>, StoreError>> {
        Box::pin(guard::lock(self.client.clone(), holder))
    }

    fn serials(&self) -> BoxFuture<'_, Result<Vec<u64>, StoreError>> {
        Box::pin(contents::serials(&self.client))
    }

    fn version(&self, serial: u64) -> BoxFuture<'_, Result<Option<Version>, StoreError>> {
        Box::pin(contents::version(&self.client, serial))
    }

    fn held(&self) -> BoxFuture<'_, Result<Option<Held>, StoreError>> {
        Box::pin(async {
            let lock = lease::Lock::read(&self.client).await?;
            Ok(lock.and_then(|lock| lock.held()))
        })
    }

    fn break_lock<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let epoch = lease::break_lock(&self.client, id).await?;
            match writer::Writer::open(&self.client, epoch, &format!("broken-{id}")).await {
                // The next holder was faster, and has shut the earlier one out.
                Ok(_) | Err(StoreError::LockLost { .. }) => Ok(()),
                Err(error) => Err(error),
            }
        })
    }

    fn keep_document<'a>(&'a self, document: &'a Document) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(documents::keep(&self.client, document))
    }

    fn documents<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<Document>, StoreError>> {
        Box::pin(documents::all(&self.client, prefix))
    }

    fn document<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Document>, StoreError>> {
        Box::pin(documents::one(&self.client, name))
    }

    fn document_names<'a>(
        &'a self,
        prefix: &'a str,
        after: &'a str,
    ) -> BoxFuture<'a, Result<Names, StoreError>> {
        Box::pin(documents::names(&self.client, prefix, after))
    }

    fn describe(&self) -> String {
        self.client.place("").display().to_string().trim_end_matches('/').to_owned()
    }
}
