//! The lock of a folder: the kernel's, on a file that stays.
//!
//! In: who wants it. Out: the locked file, or who has it. Never: a lock that outlives its process.

use std::fs::{File, TryLockError};
use std::io::{Seek as _, Write as _};

use serde::{Deserialize, Serialize};

use crate::disk::{self, Folder};
use crate::json;
use crate::store::{Holder, StoreError};

/// The file that is locked.
const LOCK: &str = "lock";

/// Largest text about a holder that is read, in bytes.
const HOLDER_BYTES_MAX: u64 = 16 * 1024;

/// Longest part of it that is shown, in characters. A URL of a run has about 100.
const SHOWN_CHARS_MAX: usize = 500;

/// Attempts when the file is replaced between opening and locking it, which nothing but a user's `rm` does.
const ATTEMPTS_MAX: usize = 3;

/// A lock that is held. Dropping it unlocks.
pub(super) struct Lock {
    file: File,
}

/// [`Holder`] as the lock's file has it.
#[derive(Serialize, Deserialize)]
struct HolderTwin {
    operation: String,
    who: String,
    pid: u32,
    since: String,
    run_url: Option<String>,
}

impl Lock {
    /// Takes the lock, or says who has it.
    pub(super) fn take(folder: &Folder, holder: &Holder) -> Result<Self, StoreError> {
        for _ in 0..ATTEMPTS_MAX {
            let file = folder.open_or_create_file(LOCK)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::Locked { holder: read_holder(folder).map(Box::new) });
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
        let Holder { operation, who, pid, since, run_url } = holder.clone();
        let text = serde_json::to_vec(&HolderTwin { operation, who, pid, since, run_url })?;
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

/// Who holds the lock, if the file says so in a way that can be shown.
fn read_holder(folder: &Folder) -> Option<Holder> {
    let bytes = folder.read(LOCK, HOLDER_BYTES_MAX).ok()??;
    let HolderTwin { operation, who, pid, since, run_url } =
        Some(&bytes).filter(|bytes| json::is_shallow(bytes)).and_then(|bytes| json::read(bytes).ok())?;
    let (operation, who, since) = (shown(&operation), shown(&who), shown(&since));
    Some(Holder { operation, who, pid, since, run_url: run_url.as_deref().map(shown) })
}

/// A part of a holder on one line, without the characters that change how text looks.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !crate::address::is_unprintable(*c)).take(SHOWN_CHARS_MAX).collect()
}
