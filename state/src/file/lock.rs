//! The lock of a folder: the kernel's, on a file that stays.
//!
//! In: who wants it. Out: the locked file, or who has it. Never: a lock that outlives its process.

use std::fs::{File, TryLockError};
use std::io::{Seek as _, Write as _};

use crate::disk::{self, Folder};
use crate::holder::{Held, Holder, HolderTwin};
use crate::json;
use crate::store::StoreError;

/// The file that is locked.
const LOCK: &str = "lock";

/// Largest text about a holder that is read, in bytes.
const HOLDER_BYTES_MAX: u64 = 16 * 1024;

/// Attempts when the file is replaced between opening and locking it, which nothing but a user's `rm` does.
const ATTEMPTS_MAX: usize = 3;

/// A lock that is held. Dropping it unlocks.
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock, or says who has it.
    pub(super) fn take(folder: &Folder, holder: &Holder) -> Result<Self, StoreError> {
        for _ in 0..ATTEMPTS_MAX {
            let file = folder.open_or_create_file(LOCK)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::Locked(Box::new(held(folder))));
                }
                Err(TryLockError::Error(source)) => {
                    return Err(StoreError::Io { doing: "locked", place: folder.place(LOCK), source });
                }
            }
            let mut lock = Self { file };
            if lock.check(folder).is_ok() {
                // For people only: a lock without its holder's name is still a lock.
                let _ = lock.write_holder(holder);
                return Ok(lock);
            }
        }
        Err(StoreError::LockLost { place: folder.place(LOCK) })
    }

    /// Whether the file that is locked is still the one that others would lock.
    pub(super) fn check(&self, folder: &Folder) -> Result<(), StoreError> {
        let ours = disk::identity(&self.file).ok();
        let theirs = folder.identity(LOCK)?;
        if ours.is_some() && ours == theirs {
            return Ok(());
        }
        Err(StoreError::LockLost { place: folder.place(LOCK) })
    }

    fn write_holder(&mut self, holder: &Holder) -> std::io::Result<()> {
        let text = serde_json::to_vec(&HolderTwin::from(holder))?;
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(&text)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Unlocked by hand, not by closing: a child between its fork and its exec may have the file open too.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

/// Who holds the lock now; `None`: nobody.
pub(super) fn holder(folder: &Folder) -> Result<Option<Held>, StoreError> {
    let Some(file) = folder.open_to_read(LOCK)? else { return Ok(None) };
    match file.try_lock_shared() {
        Ok(()) => {
            let _ = file.unlock();
            Ok(None)
        }
        Err(TryLockError::WouldBlock) => Ok(Some(held(folder))),
        Err(TryLockError::Error(source)) => {
            Err(StoreError::Io { doing: "locked", place: folder.place(LOCK), source })
        }
    }
}

/// The lock as its file tells it, as far as that can be shown.
fn held(folder: &Folder) -> Held {
    let bytes = folder.read(LOCK, HOLDER_BYTES_MAX).ok().flatten();
    let twin =
        bytes.as_ref().filter(|bytes| json::is_shallow(bytes)).and_then(|bytes| json::read(bytes).ok());
    Held { holder: twin.map(|twin: HolderTwin| twin.into()), left: None }
}
