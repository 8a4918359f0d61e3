//! The guard of a folder: a thread that has the lock and does the writing, and a handle that asks it to.
//!
//! In: calls from any task. Out: futures of the thread's answers. Never: a write after the lock is given back.

use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::lock::Lock;
use super::writer::{Command, Writer};
use super::{FileStore, spawn, stopped};
use crate::disk::Folder;
use crate::holder::Holder;
use crate::journal::Record;
use crate::reply::{self, reply};
use crate::snapshot::Snapshot;
use crate::store::{BoxFuture, Copied, Guard, Loaded, Salvage, StoreError};

/// Asks the thread that has the lock. Dropping it waits until the thread has done what was asked and unlocked.
struct FileGuard {
    dir: PathBuf,
    /// `None` only while it is dropped.
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
}

/// Locks a folder, making it if there is none.
pub(super) async fn lock(
    FileStore { dir, probe, vault }: FileStore,
    holder: Holder,
) -> Result<Box<dyn Guard>, StoreError> {
    let (answer, locked) = reply();
    let (sender, commands) = mpsc::channel();
    let place = dir.clone();
    let thread = spawn(&dir, move || {
        let taken = Folder::open_or_create(&place, probe)
            .and_then(|folder| Ok((Lock::take(&folder, &holder)?, folder)));
        match taken {
            Ok((lock, folder)) => {
                answer.send(Ok(()));
                Writer::new(folder, lock, vault, holder).serve(&commands);
            }
            Err(error) => answer.send(Err(error)),
        }
    })?;
    // Made before the wait: if the caller gives up, dropping it ends the thread and frees the lock.
    let guard = FileGuard { dir: dir.clone(), commands: Some(sender), thread: Some(thread) };
    locked.await.unwrap_or_else(|| Err(stopped(dir)))?;
    Ok(Box::new(guard))
}

impl FileGuard {
    /// Sends a command at once; the future is of its answer.
    fn ask<T: Send + 'static>(
        &self,
        command: impl FnOnce(reply::Sender<Result<T, StoreError>>) -> Command,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let (sender, answer) = reply();
        let dir = self.dir.clone();
        // If the thread is gone, the command and with it the sender are dropped: the answer says so.
        let _ = self.commands.as_ref().map(|commands| commands.send(command(sender)));
        Box::pin(async move { answer.await.unwrap_or_else(|| Err(stopped(dir))) })
    }
}

impl Guard for FileGuard {
    fn read(&self) -> BoxFuture<'_, Result<Loaded, StoreError>> {
        self.ask(Command::Read)
    }

    fn begin(&self, lineage: String) -> BoxFuture<'_, Result<(), StoreError>> {
        self.ask(|answer| Command::Begin(lineage, answer))
    }

    fn append(&self, records: Vec<Record>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.ask(|answer| Command::Append(records, answer))
    }

    fn commit(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>> {
        self.ask(|answer| Command::Commit(Box::new(snapshot), answer))
    }

    fn adopt(&self, copy: Copied) -> BoxFuture<'_, Result<(), StoreError>> {
        self.ask(|answer| Command::Adopt(Box::new(copy), answer))
    }

    fn salvage(&self) -> BoxFuture<'_, Result<Salvage, StoreError>> {
        self.ask(Command::Salvage)
    }

    fn replace(&self, salvage: Salvage) -> BoxFuture<'_, Result<(), StoreError>> {
        self.ask(|answer| Command::Replace(Box::new(salvage), answer))
    }

    fn reseal(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.ask(Command::Reseal)
    }

    fn leave(&self, to: String) -> BoxFuture<'_, Result<(), StoreError>> {
        self.ask(|answer| Command::Leave(to, answer))
    }

    fn keep(&self) -> BoxFuture<'_, StoreError> {
        Box::pin(std::future::pending())
    }

    fn outlasts(&self, _: Duration) -> BoxFuture<'_, Result<(), StoreError>> {
        // The kernel takes it back with the process that would make the call.
        Box::pin(std::future::ready(Ok(())))
    }

    fn release(self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>> {
        let released = self.ask(Command::Release);
        Box::pin(async move {
            let released = released.await;
            drop(self);
            released
        })
    }
}

impl Drop for FileGuard {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been answered to whoever asked it.
            let _ = thread.join();
        }
    }
}
