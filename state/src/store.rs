//! What every store of state does, and what can go wrong.
//!
//! In: records and snapshots. Out: a future that resolves when they are durable. Never: two guards of one store at
//! a time; an acknowledged record lost; a state that is empty, short or damaged taken for no state.
//!
//! A run goes: [`Store::lock`], [`Guard::read`], on a store that holds nothing [`Guard::begin`], [`Guard::append`]
//! around every call, [`Guard::commit`], [`Guard::release`].

use std::io;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::time::Duration;

use futures_util::future::{Either, select};

use crate::document::{Document, Names};
use crate::holder::{Held, Holder};
use crate::journal::{Pending, Record, Stray};
use crate::seal::{KeyName, SealError};
use crate::snapshot::{Damage, DecodeError, EncodeError, Snapshot, Stamp, Version};

/// A future that can be sent to another thread.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A place that state is kept in.
pub trait Store: Send + Sync {
    /// What is there now, without a lock: a whole snapshot of some moment, which may be over.
    fn read(&self) -> BoxFuture<'_, Result<Loaded, StoreError>>;

    /// Looks at what a read passes over and a repair mends.
    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Takes the lock if it is free, at once; waiting and trying again is the caller's.
    ///
    /// # Errors
    /// [`StoreError::Locked`] with the present holder, if another guard lives.
    fn lock<'a>(&'a self, holder: &'a Holder) -> BoxFuture<'a, Result<Box<dyn Guard>, StoreError>>;

    /// The serials of the snapshots that are kept, newest first: the present one, as far as it can be read, and those
    /// before it.
    fn serials(&self) -> BoxFuture<'_, Result<Vec<u64>, StoreError>>;

    /// The snapshot of a serial as it was committed, without any journal; `None` if it is not kept any more.
    fn version(&self, serial: u64) -> BoxFuture<'_, Result<Option<Version>, StoreError>>;

    /// Who holds the lock now, as far as it can be told; `None`: it is free.
    fn held(&self) -> BoxFuture<'_, Result<Option<Held>, StoreError>>;

    /// Frees the lock of a holder who does not give it back. Whoever that is writes no more from now on, even if it
    /// still runs. `id` is the holder's; nothing happens to the lock of another.
    ///
    /// # Errors
    /// [`StoreError::Unbreakable`] where a lock goes with its process; [`StoreError::Locked`] if the holder is another
    /// by now.
    fn break_lock<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Keeps a document beside the state, for good, and without a lock. `false`: another has its name.
    ///
    /// # Errors
    /// [`StoreError::Moved`] if the state was taken to another place.
    fn keep_document<'a>(&'a self, document: &'a Document) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// The documents whose names begin with `prefix`, in order of names. What is larger than any is there without bytes.
    fn documents<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<Document>, StoreError>>;

    /// The document of this very name; `None` if there is none. One that is larger than any is there without bytes.
    fn document<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Document>, StoreError>>;

    /// The names that begin with `prefix` and come after the name `after`, in order, and nothing is opened: a page of them.
    fn document_names<'a>(
        &'a self,
        prefix: &'a str,
        after: &'a str,
    ) -> BoxFuture<'a, Result<Names, StoreError>>;

    /// The place in words, for messages: `folder .mlo/state/default`.
    fn describe(&self) -> String;
}

/// The right to write to a store, held by one at a time. Dropping it gives the lock back too, after the writes that
/// are under way.
pub trait Guard: Send + Sync {
    /// What is there now, with all that was appended.
    fn read(&self) -> BoxFuture<'_, Result<Loaded, StoreError>>;

    /// Gives a store that holds nothing its lineage, so that records can be appended before the first commit.
    /// Nothing changes if it has this lineage already.
    ///
    /// # Errors
    /// [`StoreError::Foreign`] if it has another.
    fn begin(&self, lineage: String) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Writes records after all earlier ones; resolves when they are durable. They are on their way when this
    /// returns, in the order of the calls, whether or not the future is polled. Appends that wait at the same time
    /// share one write and one sync.
    ///
    /// # Errors
    /// After one that says that writing failed, every later append fails at once: [`StoreError::Halted`].
    fn append(&self, records: Vec<Record>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Replaces the snapshot and folds the journal away. Intents without an outcome stay: only their `Done` or
    /// `Failed` closes them. Works after a failed append too, for it needs no journal.
    ///
    /// # Errors
    /// [`StoreError::Stale`] unless the serial is the present one and one more; [`StoreError::Foreign`] unless the
    /// lineage is the present one. If it fails in another way the state is the earlier one or this one, whole.
    fn commit(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Takes in a state that was kept elsewhere, as it is: its lineage, its serial, its history, its open intents.
    ///
    /// # Errors
    /// [`StoreError::Foreign`] unless this store holds nothing, or the same state; [`StoreError::Stale`] if that one has
    /// come further.
    fn adopt(&self, copy: Copied) -> BoxFuture<'_, Result<(), StoreError>>;

    /// What can be had of what is there, however damaged it is: see [`Salvage`]. Nothing is changed.
    ///
    /// # Errors
    /// If nothing can be had, or if what is there is not damaged but cannot be read here.
    fn salvage(&self) -> BoxFuture<'_, Result<Salvage, StoreError>>;

    /// Puts what was salvaged last, of the serial that it has, in the place of whatever is there. What was damaged is kept
    /// beside it under another name.
    fn replace(&self, salvage: Salvage) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Seals anew what is kept of earlier serials, by the first key that is configured. The journals that led from one of
    /// them to the next go: without its key they are of no use, and in clear they tell what is sealed.
    ///
    /// # Errors
    /// If one of them is there and cannot be read. What was sealed anew until then stays so.
    fn reseal(&self) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Leaves a note that the state was taken to another place. From then on nothing but [`Self::adopt`] reads or writes
    /// it here.
    fn leave(&self, to: String) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Keeps the lock while it is polled: renews a lease before it ends. To be polled beside all that is done under
    /// the lock. Resolves only when the lock is lost, with how; for a lock that cannot be lost, never.
    fn keep(&self) -> BoxFuture<'_, StoreError>;

    /// Makes sure that the lock outlasts a call that takes at most so long and begins now. Where a lock ends with time, whose
    /// clock counts is asked each time: between the answer and the call nothing may be waited for.
    ///
    /// # Errors
    /// [`StoreError::LockLost`] if it does not, and cannot be made to: the call may not begin.
    fn outlasts(&self, call: Duration) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Gives the lock back.
    fn release(self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>>;
}

/// A piece of work, with the lock kept beside it. That the lock is lost does not cut the work off: what it writes or
/// begins from then on is refused, and it ends by that.
pub async fn kept<T>(guard: &dyn Guard, work: impl Future<Output = T>) -> T {
    match select(pin!(work), guard.keep()).await {
        Either::Left((done, _)) => done,
        Either::Right((_, work)) => work.await,
    }
}

/// What a store holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The snapshot with the journal's outcomes in it; `None`: nothing was ever written here.
    pub snapshot: Option<Snapshot>,
    /// Intents without an outcome, by operation number.
    pub pending: Vec<Pending>,
    /// The first operation number that is free.
    pub next_operation: u64,
    /// The journal's end was torn: by a crash, or, in a read without a lock, because it was being written.
    pub torn: bool,
}

/// What can be had of a store of which a part is damaged or missing.
#[derive(Clone, Debug, PartialEq)]
pub struct Salvage {
    /// Why it cannot be read as it is; `None`: it is whole, and this is it.
    pub wrong: Option<String>,
    /// The newest snapshot that is whole, with what journals say that was done since. Its serial is a new one.
    pub snapshot: Snapshot,
    /// Intents without an outcome.
    pub pending: Vec<Pending>,
    /// The snapshot that it is made from; `None`: of none, only of journals.
    pub base: Option<Snapshot>,
    /// Records of journals that are in it.
    pub records: usize,
    /// What is missing in it, a sentence each.
    pub lost: Vec<String>,
    /// Operations of which nothing but their beginning is known: objects that they made are not in it.
    pub strays: Vec<Stray>,
}

/// A state with all that goes with it, to be taken to another store.
#[derive(Clone, Debug, PartialEq)]
pub struct Copied {
    /// The snapshot, with the journal's outcomes in it.
    pub snapshot: Snapshot,
    /// What it follows, and who wrote it, if no journal has gone past it.
    pub stamp: Stamp,
    /// Intents without an outcome.
    pub pending: Vec<Pending>,
    /// Snapshots before it, newest first.
    pub history: Vec<Version>,
}

impl Copied {
    /// What a store holds, of which this was read; `None`: nothing. Earlier snapshots that are damaged or gone are not a
    /// part of it.
    ///
    /// Where a run that was cut off took objects away, it is of a new serial, as if that run had come to its end: from the
    /// serial, and from what is gone since it, is told which tokens were given out already, and a snapshot keeps the first alone.
    ///
    /// # Errors
    /// If what is kept cannot be read.
    pub async fn of(store: &dyn Store, loaded: Loaded) -> Result<Option<Self>, StoreError> {
        let Loaded { snapshot: Some(mut snapshot), pending, .. } = loaded else { return Ok(None) };
        let is_new = !std::mem::take(&mut snapshot.gone).is_empty();
        snapshot.serial = snapshot.serial.saturating_add(u64::from(is_new));
        let (mut stamp, mut history) = (Stamp::default(), Vec::new());
        for serial in store.serials().await? {
            match store.version(serial).await {
                Ok(Some(version)) if version.snapshot == snapshot => stamp = version.stamp,
                Ok(Some(version)) if serial == snapshot.serial => stamp.prev = version.stamp.prev,
                Ok(Some(version)) if serial < snapshot.serial => {
                    if is_new && serial + 1 == snapshot.serial {
                        stamp.prev = Some(version.digest.clone());
                    }
                    history.push(version);
                }
                Ok(_) | Err(StoreError::Lost { .. } | StoreError::Corrupt { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Some(Self { snapshot, stamp, pending, history }))
    }

    /// The same as `holder` writes it in another place: what followed another there follows it here, where its digest is
    /// that of what this program writes.
    pub(crate) fn written_by(mut self, holder: &Holder) -> Result<Self, StoreError> {
        let mut last: Option<(String, String)> = None;
        let follow = |stamp: &mut Stamp, last: &Option<(String, String)>| {
            if let Some((_, now)) = last.as_ref().filter(|(was, _)| stamp.prev.as_ref() == Some(was)) {
                stamp.prev = Some(now.clone());
            }
        };
        for Version { snapshot, stamp, digest, .. } in self.history.iter_mut().rev() {
            follow(stamp, &last);
            let (_, now) = snapshot.encode_stamped(stamp, io::sink()).map_err(unwritable)?;
            last = Some((std::mem::replace(digest, now.clone()), now));
        }
        follow(&mut self.stamp, &last);
        if self.stamp.who.is_empty() {
            self.stamp = Stamp::by(holder, self.stamp.prev.take());
        }
        Ok(self)
    }
}

/// Whether a state may take the place of what a store holds: nothing, or an earlier or equal moment of the same state.
pub(crate) fn may_adopt(present: Option<(&str, u64)>, copy: &Snapshot) -> Result<(), StoreError> {
    match present {
        Some((lineage, _)) if lineage != copy.lineage => {
            Err(StoreError::Foreign { expected: copy.lineage.clone(), found: lineage.to_owned() })
        }
        Some((_, serial)) if serial > copy.serial => {
            Err(StoreError::Stale { expected: copy.serial, found: serial })
        }
        _ => Ok(()),
    }
}

/// An earlier snapshot that was read and found whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// Its serial.
    pub serial: u64,
    /// Where it is.
    pub place: PathBuf,
}

/// Why a service does not know who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialsFault {
    /// There are none.
    Missing,
    /// Their time is over.
    Expired,
    /// They are not such as the service knows.
    Unknown,
}

/// What can go wrong, by what the user must do about it. Each prints as one line; none tells what the state holds.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Wait, or look at what the holder does.
    #[error("the state is locked{}", .0)]
    Locked(Box<Held>),
    /// Look there.
    #[error("the state that was in {} is in {to} now", .place.display())]
    Moved {
        /// Where it was.
        place: PathBuf,
        /// Where it was taken to.
        to: String,
    },
    /// Look whether it was taken there, and take the note away if not.
    #[error("{} says that the state is elsewhere, and is not believed: {error}", .place.display())]
    Doubtful {
        /// The note.
        place: PathBuf,
        /// Why it is not believed.
        error: DecodeError,
    },
    /// End the holder's process.
    #[error("this lock goes with the process that holds it, and with nothing else")]
    Unbreakable,
    /// Find out who broke the lock; run again.
    #[error("the lock {} was removed or replaced while this run held it: nothing more was written", .place.display())]
    LockLost {
        /// The lock.
        place: PathBuf,
    },
    /// Put an earlier snapshot back.
    #[error("{} is damaged: {damage}{}", .place.display(), left_whole(.good.as_ref()))]
    Corrupt {
        /// What is damaged.
        place: PathBuf,
        /// How.
        damage: Damage,
        /// The newest earlier snapshot that is whole, if there is one.
        good: Option<Earlier>,
    },
    /// Put the state back, or an earlier snapshot, or say that it is gone for good.
    #[error("{} is missing, but state was kept here before{}", .place.display(), left_whole(.good.as_ref()))]
    Lost {
        /// What is missing.
        place: PathBuf,
        /// The newest earlier snapshot that is whole, if there is one.
        good: Option<Earlier>,
    },
    /// Use the newer program.
    #[error(
        "{} has format {found}, and this program reads up to {supported}: it was written by mlo {}",
        .place.display(), .written_by.as_deref().unwrap_or("of a later version")
    )]
    Newer {
        /// What is too new.
        place: PathBuf,
        /// Format version that was found.
        found: u64,
        /// Newest format version that this program reads.
        supported: u32,
        /// Version of the program that wrote it, if it says so.
        written_by: Option<String>,
    },
    /// Give the key.
    #[error("{}: {error}", .place.display())]
    Sealed {
        /// What stays sealed, or is not sealed.
        place: PathBuf,
        /// Why.
        error: SealError,
    },
    /// Look whether this is the right place.
    #[error("the state's lineage is `{found}`, not `{expected}`: this is the state of something else")]
    Foreign {
        /// Lineage that was expected.
        expected: String,
        /// Lineage that was found.
        found: String,
    },
    /// Read and plan again.
    #[error("the state has moved on: it is at serial {found}, and this write follows serial {expected}")]
    Stale {
        /// Serial that the write follows.
        expected: u64,
        /// Serial that is there.
        found: u64,
    },
    /// Get the permission.
    #[error("{} may not be {doing}: {source}", .place.display())]
    Denied {
        /// What was being done, as a participle: `opened`.
        doing: &'static str,
        /// To what.
        place: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Give credentials, or renew them.
    #[error("{} may not be {doing}: {said}", .place.display())]
    Credentials {
        /// What was being done, as a participle: `read`.
        doing: &'static str,
        /// To what.
        place: PathBuf,
        /// What the service said, or who was to give them.
        said: String,
        /// What is wrong with them.
        fault: CredentialsFault,
    },
    /// Mend the disk, make room.
    #[error("{} cannot be {doing}: {source}", .place.display())]
    Io {
        /// What was being done, as a participle: `written`.
        doing: &'static str,
        /// To what.
        place: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// See the first failure: nothing was written since.
    #[error("an earlier write to the journal failed ({because}): nothing more is appended")]
    Halted {
        /// What the first failure said.
        because: String,
    },
    /// Make it smaller.
    #[error("{what} is {found}, and at most {limit} is allowed")]
    Limit {
        /// What is limited, with its unit.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// How much is allowed.
        limit: u64,
    },
    /// Report it: the caller broke the protocol.
    #[error("this is a fault of mlo itself: {how}")]
    Misused {
        /// What the caller did.
        how: &'static str,
    },
}

impl StoreError {
    /// Whether what is there is not what was written there: a repair can put that in its place. Else it may be whole for
    /// all one knows.
    pub(crate) fn is_about_content(&self) -> bool {
        match self {
            Self::Corrupt { .. } | Self::Lost { .. } | Self::Foreign { .. } => true,
            Self::Sealed { error, .. } => error.is_about_content(),
            _ => false,
        }
    }

    /// Whether nothing is known of what is there: who may read it, or has the key or the version for it, would know.
    pub fn is_for_now(&self) -> bool {
        match self {
            Self::Newer { .. } | Self::Moved { .. } | Self::Doubtful { .. } | Self::Credentials { .. } => {
                true
            }
            Self::Denied { .. } => !self.is_not_ours(),
            Self::Sealed { error, .. } => !error.is_about_content(),
            _ => false,
        }
    }

    /// As [`SealError::refusing`].
    pub(crate) fn refusing(&self) -> Option<&KeyName> {
        match self {
            Self::Sealed { error, .. } => error.refusing(),
            _ => None,
        }
    }

    /// Whether something has the name of a file of ours that is none: too large, a link, a pipe, a folder.
    pub(crate) fn is_not_ours(&self) -> bool {
        match self {
            Self::Limit { .. } => true,
            Self::Denied { source, .. } => source.kind() == io::ErrorKind::Other,
            _ => false,
        }
    }
}

/// `; serial 6 in … is whole`, or that there is none.
fn left_whole(earlier: Option<&Earlier>) -> String {
    earlier.map_or_else(
        || "; no earlier snapshot is left".to_owned(),
        |Earlier { serial, place }| {
            format!("; the snapshot of serial {serial} in {} is whole", place.display())
        },
    )
}

/// What could not be written could not be read: too much of it, or a fault of ours.
pub(crate) fn unwritable(error: EncodeError) -> StoreError {
    match error {
        EncodeError::Limit { what, found, limit } => StoreError::Limit { what, found, limit },
        EncodeError::Unreadable { what } => StoreError::Misused { how: what },
        EncodeError::Sealed(error) => StoreError::Sealed { place: PathBuf::from("state"), error },
        EncodeError::Io(source) => StoreError::Io { doing: "encoded", place: PathBuf::from("state"), source },
    }
}
