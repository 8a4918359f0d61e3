//! The guard of a bucket: whoever waits for a write does it for all who wait.
//!
//! In: calls from any task. Out: futures; polling one of them is what makes a write go on. Never: a task or a thread
//! begun; a write of one call before that of an earlier one.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};

use super::lease::Lease;
use super::request::Client;
use super::writer::{Queue, Waiting, Writer};
use crate::holder::Holder;
use crate::journal::Record;
use crate::reply::reply;
use crate::snapshot::Snapshot;
use crate::store::{BoxFuture, Copied, Guard, Loaded, Salvage, StoreError};

/// A lock that is held, and the pen that goes with it. Dropped without [`Guard::release`], it ends with its lease.
struct S3Guard {
    client: Client,
    lease: Lease,
    writer: futures_util::lock::Mutex<Writer>,
    queue: Queue,
}

/// Takes the lock of a bucket.
pub(super) async fn lock(client: Client, holder: &Holder) -> Result<Box<dyn Guard>, StoreError> {
    let lease = Lease::take(&client, holder).await?;
    match Writer::open(&client, lease.epoch, &holder.id).await {
        Ok(writer) => {
            let writer = futures_util::lock::Mutex::new(writer);
            Ok(Box::new(S3Guard { client, lease, writer, queue: Queue::default() }))
        }
        Err(error) => {
            // Why there is no state to be had is what matters; the lock ends with its lease.
            let _ = lease.release().await;
            Err(error)
        }
    }
}

impl S3Guard {
    /// The writer, once all that was appended before is written.
    async fn writer(&self) -> futures_util::lock::MutexGuard<'_, Writer> {
        let mut writer = self.writer.lock().await;
        while writer.write_group(&self.client, &self.lease, &self.queue).await {}
        writer
    }
}

impl Guard for S3Guard {
    fn read(&self) -> BoxFuture<'_, Result<Loaded, StoreError>> {
        Box::pin(async { self.writer().await.read(&self.client, &self.lease).await })
    }

    fn begin(&self, lineage: String) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { self.writer().await.begin(&self.client, &self.lease, lineage).await })
    }

    fn append(&self, records: Vec<Record>) -> BoxFuture<'_, Result<(), StoreError>> {
        let (answer, mut written) = reply();
        self.queue
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push_back(Waiting { records, answer });
        Box::pin(async move {
            loop {
                let mut writer = match select(written, pin!(self.writer.lock())).await {
                    Either::Left((answer, _)) => return answer.unwrap_or_else(|| Err(self.lease.lost())),
                    Either::Right((writer, waiting)) => {
                        written = waiting;
                        writer
                    }
                };
                writer.write_group(&self.client, &self.lease, &self.queue).await;
            }
        })
    }

    fn commit(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.writer().await.commit(&self.client, &self.lease, &snapshot).await })
    }

    fn adopt(&self, copy: Copied) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.writer().await.adopt(&self.client, &self.lease, copy).await })
    }

    fn salvage(&self) -> BoxFuture<'_, Result<Salvage, StoreError>> {
        Box::pin(async move { self.writer().await.salvage(&self.client, &self.lease).await })
    }

    fn replace(&self, salvage: Salvage) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.writer().await.replace(&self.client, &self.lease, salvage).await })
    }

    fn reseal(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.writer().await.reseal(&self.client, &self.lease).await })
    }

    fn leave(&self, to: String) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.writer().await.leave(&self.client, &self.lease, to).await })
    }

    fn keep(&self) -> BoxFuture<'_, StoreError> {
        Box::pin(self.lease.keep())
    }

    fn outlasts(&self, call: Duration) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.lease.confirm(call))
    }

    fn release(self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>> {
        Box::pin(async move {
            drop(self.writer().await);
            self.lease.release().await
        })
    }
}
