//! What a bucket holds, and whether it can be believed.
//!
//! In: the objects of a store. Out: the snapshot with the journal in it. Never: what is missing, damaged, foreign or
//! rolled back taken for a state.

use data_encoding::HEXLOWER;
use futures_util::future::try_join;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sha2::{Digest as _, Sha256};

use super::chain::{self, Link};
use super::head::{HEAD, Head, Part, Position, refused};
use super::request::Client;
use super::sealing::OPEN_PART;
use crate::journal::{self, JOURNAL_BYTES_MAX, Journal, Ledger};
use crate::marker::{MARKER_BYTES_MAX, Marker};
use crate::snapshot::{Damage, SNAPSHOT_BYTES_MAX, Snapshot, Version};
use crate::store::{Earlier, Loaded, StoreError};

/// The marker: says that state was kept here, and to which serial, also when the head is gone or put back.
pub(super) const LINEAGE: &str = "lineage";

/// What the names of snapshots begin with.
pub(super) const SNAPSHOTS: &str = "snapshots/";

/// What the name of a snapshot ends with.
pub(super) const SNAPSHOT: &str = ".json";

/// What the name of its copy ends with: the same bytes a second time. Before [`SNAPSHOT`] in the order of names.
pub(super) const COPY: &str = ".copy";

/// What the name of what goes with a snapshot ends with.
pub(super) const OPEN: &str = ".open";

/// Attempts to read a state that is committed to while it is read.
const ATTEMPTS_MAX: u32 = 10;

/// Objects of the journal that are read at a time.
const READS_AT_ONCE: usize = 16;

/// What a bucket holds.
pub(super) struct Contents {
    /// The head and its tag; `None`: nobody ever locked this.
    pub(super) head: Option<(Head, String)>,
    /// `None`: nothing was ever written.
    pub(super) snapshot: Option<Snapshot>,
    /// The digest of the snapshot, without the journal.
    pub(super) digest: Option<String>,
    /// Operations without an outcome.
    pub(super) ledger: Ledger,
    /// The last place of the journal that is taken.
    pub(super) last: Position,
    /// The marker and its tag.
    pub(super) marker: Option<(Marker, String)>,
}

impl Contents {
    /// As the store's users see it.
    pub(super) fn into_loaded(self) -> Loaded {
        let next_operation = self.ledger.next_operation();
        Loaded { snapshot: self.snapshot, pending: self.ledger.into_pending(), next_operation, torn: false }
    }
}

/// The object's name for a snapshot or what goes with it: it says what is in it.
pub(super) fn part(serial: u64, bytes: &[u8], ending: &str) -> Part {
    let sha256 = HEXLOWER.encode(&Sha256::digest(bytes));
    let digits = sha256.get(..16).unwrap_or_default();
    Part { name: format!("{SNAPSHOTS}{serial:020}-{digits}{ending}"), sha256 }
}

impl Part {
    /// The name of the copy of a snapshot.
    pub(super) fn copy_name(&self) -> String {
        format!("{}{COPY}", self.name.strip_suffix(SNAPSHOT).unwrap_or(&self.name))
    }
}

/// Of the name of a snapshot or of its copy, what it ends with, and the name of the snapshot.
pub(super) fn snapshot_of(name: &str) -> Option<(&'static str, String)> {
    if name.ends_with(SNAPSHOT) {
        return Some((SNAPSHOT, name.to_owned()));
    }
    Some((COPY, format!("{}{SNAPSHOT}", name.strip_suffix(COPY)?)))
}

/// The serial in a name that [`part`] made.
pub(super) fn serial_of(name: &str) -> Option<u64> {
    name.strip_prefix(SNAPSHOTS)?.split_once('-')?.0.parse().ok()
}

/// Refuses a place that the state was taken from.
pub(super) async fn check_here(client: &Client) -> Result<(), StoreError> {
    match Head::read(client).await? {
        Some((Head { moved: Some(to), .. }, _)) => Err(StoreError::Moved { place: client.place(HEAD), to }),
        _ => Ok(()),
    }
}

/// Reads a store. What is seen is whole although no lock is taken: the head says what belongs together, and when
/// something does not, it is read again if the head has been replaced meanwhile.
pub(super) async fn load(client: &Client) -> Result<Contents, StoreError> {
    let (mut head, mut marker) = try_join(Head::read(client), read_marker(client)).await?;
    for _ in 1..ATTEMPTS_MAX {
        let loaded = join(client, head.clone(), marker.as_ref()).await;
        let Err(error) = loaded else { return loaded };
        // The marker before the head: it is never ahead of what is there.
        let marker_now = read_marker(client).await?;
        let now = Head::read(client).await?;
        let is_same =
            marker_now == marker && now.as_ref().map(|(_, tag)| tag) == head.as_ref().map(|(_, tag)| tag);
        if is_same {
            return Err(with_good(client, head.as_ref().map(|(head, _)| head), error).await);
        }
        (head, marker) = (now, marker_now);
    }
    join(client, head, marker.as_ref()).await
}

async fn join(
    client: &Client,
    head: Option<(Head, String)>,
    kept: Option<&(Marker, String)>,
) -> Result<Contents, StoreError> {
    let nothing = |head| Contents {
        head,
        snapshot: None,
        digest: None,
        ledger: Ledger::default(),
        last: Position::default(),
        marker: kept.cloned(),
    };
    let gone = || StoreError::Lost { place: client.place(HEAD), good: None };
    let Some((head, tag)) = head else {
        let is_new = kept.is_none() && client.list(SNAPSHOTS, "").await?.is_empty();
        return if is_new { Ok(nothing(None)) } else { Err(gone()) };
    };
    let Some(lineage) = head.lineage.clone() else {
        // The lock was taken and nothing was written: or the head was lost, and the lock taken again.
        let is_new = kept.is_none() && client.list(SNAPSHOTS, "").await?.is_empty();
        let last = head.folded;
        return if is_new { Ok(Contents { last, ..nothing(Some((head, tag))) }) } else { Err(gone()) };
    };
    if let Some(to) = head.moved.clone() {
        return Err(StoreError::Moved { place: client.place(HEAD), to });
    }
    if let Some((expected, _)) = kept.filter(|(kept, _)| kept.lineage != lineage) {
        return Err(StoreError::Foreign { expected: expected.lineage.clone(), found: lineage });
    }
    if head.snapshot.is_some() && kept.is_none() {
        return Err(StoreError::Lost { place: client.place(LINEAGE), good: None });
    }
    let ((snapshot, digest), (opened, joined)) =
        try_join(read_snapshot(client, &head, &lineage), read_records(client, &head)).await?;
    let present = kept.map(|(marker, _)| marker.check(head.serial, digest.as_deref()));
    present.unwrap_or(Ok(())).map_err(|damage| refused(client, HEAD, damage.into()))?;
    let last = joined.last;
    let records = opened.into_iter().chain(joined.records);
    let (snapshot, ledger) = journal::replay(snapshot, records)
        .map_err(|damage| refused(client, chain::JOURNAL, damage.into()))?;
    let (head, snapshot) = (Some((head, tag)), Some(snapshot));
    Ok(Contents { head, snapshot, digest, ledger, last, marker: kept.cloned() })
}

/// The snapshot that the head names, and its digest.
async fn read_snapshot(
    client: &Client,
    head: &Head,
    lineage: &str,
) -> Result<(Snapshot, Option<String>), StoreError> {
    let Some(part) = &head.snapshot else { return Ok((Snapshot::empty(lineage), None)) };
    let Version { snapshot, digest, .. } = read_kept(client, part).await?;
    if snapshot.lineage != lineage {
        return Err(StoreError::Foreign { expected: lineage.to_owned(), found: snapshot.lineage });
    }
    if snapshot.serial != head.serial {
        let damage = Damage::RolledBack { found: snapshot.serial, newest: head.serial };
        return Err(StoreError::Corrupt { place: client.place(&part.name), damage, good: None });
    }
    Ok((snapshot, Some(digest)))
}

/// A snapshot that the head names, if it is the one.
pub(super) async fn read_kept(client: &Client, part: &Part) -> Result<Version, StoreError> {
    let bytes = read_part(client, part, SNAPSHOT_BYTES_MAX).await?;
    Snapshot::open(bytes.into(), client.vault()).map_err(|error| refused(client, &part.name, error))
}

/// The serials that the head names, newest first.
pub(super) async fn serials(client: &Client) -> Result<Vec<u64>, StoreError> {
    let Some((head, _)) = Head::read(client).await? else { return Ok(Vec::new()) };
    let present = head.snapshot.is_some().then_some(head.serial);
    Ok(present.into_iter().chain(head.earlier.iter().map(|kept| kept.serial)).collect())
}

/// The snapshot that the head names for a serial.
pub(super) async fn version(client: &Client, serial: u64) -> Result<Option<Version>, StoreError> {
    for _ in 0..ATTEMPTS_MAX {
        let Some((head, tag)) = Head::read(client).await? else { return Ok(None) };
        let present = head.snapshot.filter(|_| head.serial == serial);
        let kept = head.earlier.into_iter().find(|kept| kept.serial == serial).map(|kept| kept.part);
        let Some(part) = present.or(kept) else { return Ok(None) };
        match read_kept(client, &part).await {
            Ok(version) if version.snapshot.serial != serial => {
                let damage = Damage::Renamed { found: version.snapshot.serial };
                return Err(refused(client, &part.name, damage.into()));
            }
            Ok(version) => return Ok(Some(version)),
            // A commit may have removed it since the head was read.
            Err(StoreError::Lost { .. }) if Head::read(client).await?.is_none_or(|(_, now)| now != tag) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

pub(super) async fn read_part(
    client: &Client,
    part: &Part,
    bytes_max: u64,
) -> Result<bytes::Bytes, StoreError> {
    let Some(found) = client.get(&part.name, bytes_max).await? else {
        return Err(StoreError::Lost { place: client.place(&part.name), good: None });
    };
    if HEXLOWER.encode(&Sha256::digest(&found.body)) == part.sha256 {
        return Ok(found.body);
    }
    let damage = if found.body.is_empty() { Damage::Empty } else { Damage::Digest };
    Err(refused(client, &part.name, damage.into()))
}

/// The intents that were open at the commit, and what came after it.
async fn read_records(
    client: &Client,
    head: &Head,
) -> Result<(Vec<journal::Record>, chain::Joined), StoreError> {
    let opened = match &head.open {
        Some(part) => {
            let bytes = read_part(client, part, JOURNAL_BYTES_MAX).await?;
            Journal::open(&bytes, Some(OPEN_PART), client.vault())
                .map_err(|error| refused(client, &part.name, error))?
                .0
                .records
        }
        None => Vec::new(),
    };
    let places = chain::places(client, head).await?;
    let links: Vec<(Position, Option<Link>)> = stream::iter(places)
        .map(|at| async move { Ok::<_, StoreError>((at, chain::read(client, at).await?)) })
        .buffered(READS_AT_ONCE)
        .try_collect()
        .await?;
    // One that is gone since it was listed is a gap, which is found.
    let links = links.into_iter().filter_map(|(at, link)| Some((at, link?))).collect();
    Ok((opened, chain::join(client, head, links)?))
}

/// The marker and its tag.
pub(super) async fn read_marker(client: &Client) -> Result<Option<(Marker, String)>, StoreError> {
    let Some((marker, tag)) = find_marker(client).await? else { return Ok(None) };
    marker.map(|marker| Some((marker, tag))).ok_or_else(|| refused(client, LINEAGE, Damage::Lineage.into()))
}

/// The marker, if it can be read, and its tag.
pub(super) async fn find_marker(client: &Client) -> Result<Option<(Option<Marker>, String)>, StoreError> {
    let found = client.get(LINEAGE, MARKER_BYTES_MAX).await?;
    Ok(found.map(|found| (Marker::decode(&found.body), found.tag)))
}

/// Whether all that is there are snapshots of the same state, none of them later.
pub(super) async fn is_part_of(client: &Client, state: &Snapshot) -> Result<bool, StoreError> {
    for name in client.list(SNAPSHOTS, "").await?.iter().filter(|name| name.ends_with(SNAPSHOT)) {
        let Some(found) = client.get(name, SNAPSHOT_BYTES_MAX).await? else { continue };
        let found = Snapshot::open(found.body.into(), client.vault())
            .map_err(|error| refused(client, name, error))?
            .snapshot;
        if found.lineage != state.lineage || found.serial > state.serial {
            return Ok(false);
        }
    }
    Ok(true)
}

/// An error with the newest earlier snapshot that is whole in it, where the error has a place for that.
async fn with_good(client: &Client, head: Option<&Head>, mut error: StoreError) -> StoreError {
    if let StoreError::Lost { good, .. } | StoreError::Corrupt { good, .. } = &mut error {
        *good = newest_whole(client, head).await;
    }
    error
}

/// The newest snapshot that is whole. What cannot be read is passed over: this answers a failure.
async fn newest_whole(client: &Client, head: Option<&Head>) -> Option<Earlier> {
    let mut names = client.list(SNAPSHOTS, "").await.ok()?;
    names.retain(|name| name.ends_with(SNAPSHOT));
    let present = head.and_then(|head| head.snapshot.as_ref()).map(|part| part.name.clone());
    for name in names.into_iter().rev() {
        let Ok(Some(found)) = client.get(&name, SNAPSHOT_BYTES_MAX).await else { continue };
        // The present snapshot is no answer to what is wrong with it or with its journal, unless the head is gone.
        if let Ok(version) = Snapshot::open(found.body.into(), client.vault())
            && present.as_ref() != Some(&name)
        {
            return Some(Earlier { serial: version.snapshot.serial, place: client.place(&name) });
        }
    }
    None
}
