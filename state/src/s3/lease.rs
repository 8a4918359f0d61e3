//! The lock of a bucket: an object that its holder writes anew before a lease ends.
//!
//! In: who wants it. Out: a lease that is renewed while it is polled, or who has it. Never: two that hold it by one
//! clock; a lease taken for longer than those believe who wait for it.
//!
//! How old a lease is, is asked of the service: it says when the object was written and what time it is now, so the
//! clocks of the holders need not agree. The holder counts from before it asks, by its own clock, and a little less.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::chain::{self, JOURNAL};
use super::head::{HEAD, Head, Position};
use super::request::{Client, Written};
use crate::holder::{Held, Holder, HolderTwin};
use crate::journal;
use crate::json;
use crate::snapshot::Damage;
use crate::store::StoreError;

/// How long a lock is kept without a word of its holder.
pub const LEASE: Duration = Duration::from_mins(1);

/// Between two words of a holder.
pub const HEARTBEAT: Duration = Duration::from_secs(15);

/// What a holder counts less than those who wait: the service tells times in whole seconds, each cut off.
const MARGIN: Duration = Duration::from_secs(2);

/// After a renewal that failed.
const RETRY: Duration = Duration::from_secs(2);

/// The lock's name.
pub(super) const LOCK: &str = "lock";

/// Largest lock, in bytes; ours have 400.
const LOCK_BYTES_MAX: u64 = 64 * 1024;

/// Attempts to take a lock that is free and goes to others each time.
const ATTEMPTS_MAX: u32 = 5;

/// The lock as its object has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct LockTwin {
    lock_format_version: u32,
    /// The number of its last taking, or breaking.
    epoch: u64,
    /// Words of the holder since it took the lock.
    beat: u64,
    /// `None`: it is free.
    holder: Option<HolderTwin>,
}

/// The lock as it was found.
pub(super) struct Lock {
    twin: LockTwin,
    tag: String,
    age: Option<Duration>,
}

/// A lock that is held.
pub(super) struct Lease {
    client: Client,
    pub(super) holder: Holder,
    pub(super) epoch: u64,
    /// One renewal at a time.
    renewing: futures_util::lock::Mutex<()>,
    known: Mutex<Known>,
}

/// What a holder knows of its lock.
struct Known {
    tag: String,
    beat: u64,
    /// When it was last renewed, by the clock.
    since: Duration,
    /// It is another's, or nobody's.
    lost: bool,
}

impl Lock {
    /// The lock that is there; `None`: nobody ever took it.
    pub(super) async fn read(client: &Client) -> Result<Option<Self>, StoreError> {
        let Some(found) = client.get(LOCK, LOCK_BYTES_MAX).await? else { return Ok(None) };
        let payload = journal::unframe(&found.body).map(|(payload, _)| payload);
        let twin = payload.filter(|bytes| json::is_shallow(bytes)).and_then(|bytes| json::read(bytes).ok());
        // A lock that cannot be read is held by somebody who cannot be told, until it is old.
        let unknown = LockTwin { lock_format_version: 1, epoch: 0, beat: 0, holder: Some(nobody()) };
        Ok(Some(Self { twin: twin.unwrap_or(unknown), tag: found.tag, age: found.age }))
    }

    /// Who has it now; `None`: it is free, or its lease is over.
    pub(super) fn held(&self) -> Option<Held> {
        let twin = self.twin.holder.clone()?;
        let left = LEASE.checked_sub(self.age.unwrap_or_default()).filter(|left| !left.is_zero())?;
        let holder = Holder::from(twin);
        Some(Held { holder: Some(holder).filter(|holder| !holder.operation.is_empty()), left: Some(left) })
    }

    fn epoch(lock: Option<&Self>) -> u64 {
        lock.map_or(0, |lock| lock.twin.epoch)
    }
}

/// How far the epochs have come by the head; where that is damaged, by the journals.
async fn epoch_of_others(client: &Client) -> Result<u64, StoreError> {
    match Head::find(client).await? {
        None => Ok(0),
        Some((Ok(head), _)) => Ok(head.epoch),
        Some((Err(error), _)) if error.is_about_content() => {
            let names = client.list(JOURNAL, "").await?;
            Ok(names.iter().filter_map(|name| Position::of_name(name)).map(|at| at.epoch).max().unwrap_or(0))
        }
        Some((Err(error), _)) => Err(error),
    }
}

/// The holder of a lock that does not say it.
fn nobody() -> HolderTwin {
    let text = String::new;
    let holder = Holder { id: text(), operation: text(), who: text(), pid: 0, since: text(), run_url: None };
    HolderTwin::from(&holder)
}

fn encode(epoch: u64, beat: u64, holder: Option<&Holder>) -> Bytes {
    let holder = holder.map(HolderTwin::from);
    let twin = LockTwin { lock_format_version: 1, epoch, beat, holder };
    journal::frame(&serde_json::to_vec(&twin).expect("numbers and texts can be written")).into()
}

async fn put(client: &Client, lock: Option<&Lock>, body: &Bytes) -> Result<Written, StoreError> {
    match lock {
        Some(lock) => client.replace(LOCK, body, &lock.tag).await,
        None => client.create(LOCK, body).await,
    }
}

/// Frees the lock of the holder with this id and gives the epoch that nobody has: the holder's writes are of an
/// earlier one.
pub(super) async fn break_lock(client: &Client, id: &str) -> Result<u64, StoreError> {
    let lock = Lock::read(client).await?;
    let is_it = |lock: &&Lock| lock.twin.holder.is_some() && lock.id() == id;
    let Some(lock) = lock.as_ref().filter(is_it) else {
        return Err(locked(lock.as_ref()));
    };
    let head = Head::read(client).await?.map_or(0, |(head, _)| head.epoch);
    let epoch = next_epoch(client, lock.twin.epoch, head)?;
    match put(client, Some(lock), &encode(epoch, 0, None)).await? {
        Written::Done(_) => Ok(epoch),
        Written::Taken => Err(locked(Lock::read(client).await?.as_ref())),
    }
}

/// The number of the next taking of a lock.
fn next_epoch(client: &Client, lock: u64, head: u64) -> Result<u64, StoreError> {
    chain::check_epoch(client, LOCK, (lock, head))?;
    lock.max(head).checked_add(1).ok_or_else(|| {
        let damage = Damage::Epoch { found: head, known: 0 };
        StoreError::Corrupt { place: client.place(HEAD), damage, good: None }
    })
}

/// That another has the lock, if anybody has.
fn locked(lock: Option<&Lock>) -> StoreError {
    let free = Held { holder: None, left: None };
    StoreError::Locked(Box::new(lock.and_then(Lock::held).unwrap_or(free)))
}

impl Lock {
    fn id(&self) -> String {
        self.twin.holder.clone().map(|twin| Holder::from(twin).id).unwrap_or_default()
    }
}

impl Lease {
    /// Takes the lock if it is free or its lease is over, or says who has it.
    pub(super) async fn take(client: &Client, holder: &Holder) -> Result<Self, StoreError> {
        for _ in 0..ATTEMPTS_MAX {
            let lock = Lock::read(client).await?;
            if let Some(held) = lock.as_ref().and_then(Lock::held) {
                return Err(StoreError::Locked(Box::new(held)));
            }
            // Where somebody removed the lock, the head still knows how far the epochs have come.
            let epoch = next_epoch(client, Lock::epoch(lock.as_ref()), epoch_of_others(client).await?)?;
            let since = client.clock().elapsed();
            if let Written::Done(tag) = put(client, lock.as_ref(), &encode(epoch, 0, Some(holder))).await? {
                let known = Mutex::new(Known { tag, beat: 0, since, lost: false });
                let (client, holder) = (client.clone(), holder.clone());
                let renewing = futures_util::lock::Mutex::new(());
                return Ok(Self { client, holder, epoch, renewing, known });
            }
        }
        Err(locked(Lock::read(client).await?.as_ref()))
    }

    fn is_mine(&self, lock: &Lock) -> bool {
        lock.twin.epoch == self.epoch && lock.id() == self.holder.id
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// That the lock is another's, or nobody's.
    pub(super) fn lost(&self) -> StoreError {
        self.known().lost = true;
        StoreError::LockLost { place: self.client.place(LOCK) }
    }

    /// How long ago the lock was renewed. A clock that went back, as that of a machine that was restored, does not tell:
    /// then it is longer than any lease.
    fn age(&self) -> Duration {
        let since = self.known().since;
        self.client.clock().elapsed().checked_sub(since).unwrap_or(Duration::MAX)
    }

    /// How long the lock is surely kept from now on.
    fn left(&self) -> Duration {
        LEASE.saturating_sub(self.age().saturating_add(MARGIN))
    }

    /// Makes sure that the lock outlasts some time from now on, by the service's clock: it is asked each time, for a machine
    /// that was frozen does not know how much time has passed.
    pub(super) async fn confirm(&self, time: Duration) -> Result<(), StoreError> {
        if self.known().lost {
            return Err(self.lost());
        }
        let asked = self.client.clock().elapsed();
        let lock = Lock::read(&self.client).await?;
        let Some(lock) = lock.filter(|lock| self.is_mine(lock)) else { return Err(self.lost()) };
        let on_the_way = self.client.clock().elapsed().checked_sub(asked).unwrap_or(Duration::MAX);
        let left =
            |age: Duration| LEASE.saturating_sub(age.saturating_add(MARGIN).saturating_add(on_the_way));
        // A service that tells no times is believed like the own clock.
        if lock.age.map_or_else(|| self.left(), left) > time {
            return Ok(());
        }
        let _one = self.renewing.lock().await;
        self.write_anew().await?;
        if self.left() > time { Ok(()) } else { Err(self.lost()) }
    }

    /// Makes sure by the own clock that the lock outlasts some time, by renewing it if it must.
    pub(super) async fn outlasts(&self, time: Duration) -> Result<(), StoreError> {
        if self.known().lost {
            return Err(self.lost());
        }
        if self.left() > time {
            return Ok(());
        }
        self.renew(time).await?;
        if self.left() > time { Ok(()) } else { Err(self.lost()) }
    }

    /// Renews the lock each [`HEARTBEAT`]; resolves when it is lost.
    pub(super) async fn keep(&self) -> StoreError {
        loop {
            if self.known().lost {
                return self.lost();
            }
            self.client.clock().sleep(HEARTBEAT.saturating_sub(self.age())).await;
            match self.renew(LEASE.saturating_sub(MARGIN + HEARTBEAT)).await {
                Ok(()) => {}
                Err(error @ StoreError::LockLost { .. }) => return error,
                // The service does not answer, or refuses. While the lease lasts, it may come to itself.
                Err(error) if self.left().is_zero() => {
                    self.known().lost = true;
                    return error;
                }
                Err(_) => self.client.clock().sleep(RETRY).await,
            }
        }
    }

    /// Renews the lock unless it outlasts some time already. A lease that is over is renewed too, if nobody took it.
    async fn renew(&self, time: Duration) -> Result<(), StoreError> {
        let _one = self.renewing.lock().await;
        if self.left() > time { Ok(()) } else { self.write_anew().await }
    }

    /// Writes the lock anew, with one word more; one writer at a time.
    async fn write_anew(&self) -> Result<(), StoreError> {
        for _ in 0..ATTEMPTS_MAX {
            let (tag, beat) = {
                let mut known = self.known();
                known.beat = known.beat.saturating_add(1);
                (known.tag.clone(), known.beat)
            };
            let since = self.client.clock().elapsed();
            let body = encode(self.epoch, beat, Some(&self.holder));
            if let Written::Done(tag) = self.client.replace(LOCK, &body, &tag).await? {
                let mut known = self.known();
                known.tag = tag;
                known.since = since;
                return Ok(());
            }
            self.catch_up().await?;
        }
        Err(self.lost())
    }

    /// A renewal that was given up, or whose answer was lost, may have taken effect: then the lock is still ours.
    async fn catch_up(&self) -> Result<(), StoreError> {
        match Lock::read(&self.client).await? {
            Some(lock) if self.is_mine(&lock) => {
                let mut known = self.known();
                known.tag = lock.tag;
                known.beat = known.beat.max(lock.twin.beat);
                Ok(())
            }
            _ => Err(self.lost()),
        }
    }

    /// Gives the lock back.
    pub(super) async fn release(&self) -> Result<(), StoreError> {
        let _one = self.renewing.lock().await;
        for _ in 0..ATTEMPTS_MAX {
            if self.known().lost {
                return Err(self.lost());
            }
            let tag = self.known().tag.clone();
            if let Written::Done(_) = self.client.replace(LOCK, &encode(self.epoch, 0, None), &tag).await? {
                return Ok(());
            }
            self.catch_up().await?;
        }
        Err(self.lost())
    }
}
