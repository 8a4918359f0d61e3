//! The journal: objects `journal/EPOCH/SEQUENCE` that are never changed, a chain for each taking of the lock.
//!
//! In: records, and the place in the chain that they go to. Out: objects; or what a chain holds, in order. Never: a gap
//! passed over; a record after a chain was closed.
//!
//! A holder writes the objects of its epoch one after the other, each under a name that must be free. Who takes the
//! lock next closes the chain by taking the next name itself. So a late write of the holder before finds its name
//! taken, and it knows that it has lost the lock; and what it was told is durable stands before the end.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::head::{HEAD, Head, Position, refused};
use super::request::{Client, Written};
use super::sealing::Seals;
use crate::journal::{self, Header, JOURNAL_BYTES_MAX, Journal, Left, Record};
use crate::json;
use crate::seal::Vault;
use crate::snapshot::{Damage, DecodeError};
use crate::store::{StoreError, unwritable};

/// What the names of the journal begin with.
pub(super) const JOURNAL: &str = "journal/";

/// Takings of the lock in a row of which none came to write the head: each leaves a chain to be closed. Ours are a few,
/// of runs that were killed between the two or whose lock was broken.
const UNSEALED_MAX: u64 = 1_000;

/// Attempts to close a chain whose holder still writes to it.
const SEALS_MAX: u32 = 100;

/// The first line of an object of the journal.
#[derive(Debug, Serialize, Deserialize)]
struct Stamp {
    epoch: u64,
    sequence: u64,
    /// The id of the lock under which it was written.
    writer: String,
    /// The epoch that closes the chain here; there are no records in it then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closed_by: Option<u64>,
}

/// An object of the journal.
#[derive(Debug)]
pub(super) enum Link {
    /// Records that became durable together, and the serial that they follow.
    Records(Journal),
    /// The end of a chain.
    End,
}

impl Position {
    /// The name of its object.
    pub(super) fn name(self) -> String {
        format!("{JOURNAL}{:020}/{:020}", self.epoch, self.sequence)
    }

    /// The place that a name is of.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let (epoch, sequence) = name.strip_prefix(JOURNAL)?.split_once('/')?;
        let number = |text: &str| text.parse().ok().filter(|_| text.len() == 20);
        Some(Self { epoch: number(epoch)?, sequence: number(sequence)? })
    }

    /// The place after it. After the last that there can be there is none: it is taken, so nothing is written there.
    pub(super) fn next(self) -> Self {
        Self { sequence: self.sequence.saturating_add(1), ..self }
    }
}

/// Records that become durable together: JSON separated by commas.
#[derive(Clone, Copy)]
pub(super) struct Records<'r> {
    pub(super) text: &'r [u8],
    /// Whether a value in them is.
    pub(super) is_sensitive: bool,
}

/// A journal of its own that holds these records, sealed for its place if anything seals them.
pub(super) fn journal_of(
    header: &Header,
    part: &str,
    records: Records<'_>,
    seals: &mut Seals,
) -> Result<Vec<u8>, StoreError> {
    let mut body = header.encode().map_err(unwritable)?;
    let payload = [b"[", records.text, b"]"].concat();
    match seals.of_journal(header, part, records.is_sensitive)? {
        Some(frames) => {
            body.extend(journal::frame(frames.head()));
            let sealed = frames.seal(body.len() as u64, &payload);
            body.extend(journal::frame(&sealed));
        }
        None => body.extend(journal::frame(&payload)),
    }
    Ok(body)
}

/// An object of the journal.
pub(super) fn link(
    at: Position,
    writer: &str,
    (header, records): (&Header, Records<'_>),
    seals: &mut Seals,
) -> Result<Bytes, StoreError> {
    let stamp = Stamp { epoch: at.epoch, sequence: at.sequence, writer: writer.to_owned(), closed_by: None };
    let body = [encode(&stamp), journal_of(header, &at.name(), records, seals)?].concat();
    let found = body.len() as u64;
    if found > JOURNAL_BYTES_MAX {
        return Err(StoreError::Limit {
            what: "the journal's size in bytes",
            found,
            limit: JOURNAL_BYTES_MAX,
        });
    }
    Ok(body.into())
}

fn encode(stamp: &Stamp) -> Vec<u8> {
    journal::frame(&serde_json::to_vec(stamp).expect("numbers and texts can be written"))
}

/// The first line of an object at a place, and what follows it.
fn read_stamp(bytes: &[u8], at: Position) -> Result<(Stamp, &[u8]), Damage> {
    let (payload, rest) = journal::unframe(bytes).ok_or(Damage::Header)?;
    let stamp: Stamp = Some(payload)
        .filter(|payload| json::is_shallow(payload))
        .and_then(|payload| json::read(payload).ok())
        .ok_or(Damage::Header)?;
    if (stamp.epoch, stamp.sequence) == (at.epoch, at.sequence) {
        Ok((stamp, rest))
    } else {
        Err(Damage::Alien)
    }
}

fn decode(bytes: &[u8], at: Position, vault: &Vault) -> Result<Link, DecodeError> {
    let (stamp, rest) = read_stamp(bytes, at)?;
    if stamp.closed_by.is_some() {
        return Ok(Link::End);
    }
    let (journal, frames) = Journal::open(rest, Some(&at.name()), vault)?;
    if frames.is_none() {
        vault.check_clear()?;
    }
    // An object is there whole, or not at all: one that is torn is damaged, and one whose records were cut off.
    let lines = if frames.is_some() { 3 } else { 2 };
    let is_whole = !journal.torn && rest.split_inclusive(|byte| *byte == b'\n').count() == lines;
    if is_whole { Ok(Link::Records(journal)) } else { Err(Damage::Truncated.into()) }
}

/// The object at a place; `None` if there is none.
pub(super) async fn read(client: &Client, at: Position) -> Result<Option<Link>, StoreError> {
    let name = at.name();
    let Some(found) = client.get(&name, JOURNAL_BYTES_MAX).await? else { return Ok(None) };
    decode(&found.body, at, client.vault()).map(Some).map_err(|error| refused(client, &name, error))
}

/// What is left of an object of the journal.
pub(super) enum Found {
    /// Records.
    Left(Left),
    /// Records that stay sealed, for a key is not to be had.
    Sealed(Left),
    /// The end of a chain.
    End,
    /// Nothing.
    Damaged,
}

/// What is left of the object at a place.
pub(super) async fn left(client: &Client, at: Position) -> Result<Found, StoreError> {
    let Some(found) = client.get(&at.name(), JOURNAL_BYTES_MAX).await? else { return Ok(Found::Damaged) };
    Ok(match read_stamp(&found.body, at) {
        Ok((stamp, _)) if stamp.closed_by.is_some() => Found::End,
        Ok((_, rest)) => match Left::of(rest, Some(&at.name()), client.vault()) {
            left if left.header.is_some() && left.damaged == 0 => Found::Left(left),
            left if left.sealed.is_some() => Found::Sealed(left),
            _ => Found::Damaged,
        },
        Err(_) => Found::Damaged,
    })
}

/// The places that are taken after what the head has folded in, in order.
pub(super) async fn places(client: &Client, head: &Head) -> Result<Vec<Position>, StoreError> {
    let names = client.list(JOURNAL, &head.folded.name()).await?;
    Ok(names.iter().filter_map(|name| Position::of_name(name)).collect())
}

/// Closes the chains of all epochs before `epoch` that may still be written to. Gives where each ends.
pub(super) async fn seal(
    client: &Client,
    head: &Head,
    epoch: u64,
    writer: &str,
) -> Result<Vec<Position>, StoreError> {
    let first = head.sealed.saturating_add(1);
    if first >= epoch {
        return Ok(Vec::new());
    }
    check_epoch(client, HEAD, (epoch, head.sealed))?;
    let places = places(client, head).await?;
    let mut ends = Vec::new();
    for open in first..epoch {
        let folded = if head.folded.epoch == open { head.folded.sequence } else { 0 };
        let last = places.iter().filter(|at| at.epoch == open).map(|at| at.sequence).max();
        let last = Position { epoch: open, sequence: last.unwrap_or(folded) };
        ends.push(seal_one(client, last, epoch, writer).await?);
    }
    Ok(ends)
}

/// Refuses a number of the lock's taking that is so far beyond the last one known that nobody can have counted up to it:
/// closing all chains between the two would not end.
pub(super) fn check_epoch(client: &Client, name: &str, (found, known): (u64, u64)) -> Result<(), StoreError> {
    if found <= known.saturating_add(UNSEALED_MAX) {
        return Ok(());
    }
    let damage = Damage::Epoch { found, known };
    Err(StoreError::Corrupt { place: client.place(name), damage, good: None })
}

/// Whether a chain is closed at a place. What cannot be read closes none: whoever needs it finds out.
async fn is_end(client: &Client, at: Position) -> Result<bool, StoreError> {
    let found = client.get(&at.name(), JOURNAL_BYTES_MAX).await?;
    let stamp = found.as_ref().and_then(|found| read_stamp(&found.body, at).ok());
    Ok(stamp.is_some_and(|(stamp, _)| stamp.closed_by.is_some()))
}

/// Closes a chain of which `last` is the end, as far as is known. Gives its end.
async fn seal_one(
    client: &Client,
    mut last: Position,
    by: u64,
    writer: &str,
) -> Result<Position, StoreError> {
    for _ in 0..SEALS_MAX {
        if last.sequence > 0 && is_end(client, last).await? {
            return Ok(last);
        }
        let at = last.next();
        let writer = writer.to_owned();
        let stamp = Stamp { epoch: at.epoch, sequence: at.sequence, writer, closed_by: Some(by) };
        match client.create(&at.name(), &encode(&stamp).into()).await? {
            Written::Done(_) => return Ok(at),
            // A write that was under way, or an end that another made.
            Written::Taken => last = at,
        }
    }
    Err(StoreError::LockLost { place: client.place(&last.name()) })
}

/// What the links of the journal hold after the head.
///
/// # Errors
/// If one is missing, the end of a chain that was closed too, or follows another snapshot: also when the head is replaced while the links are read.
pub(super) fn join(client: &Client, head: &Head, links: Vec<(Position, Link)>) -> Result<Joined, StoreError> {
    let mut joined = Joined { records: Vec::new(), last: head.folded };
    let mut ends = BTreeMap::new();
    for (at, link) in links {
        let expected = if at.epoch == joined.last.epoch {
            joined.last.next()
        } else {
            Position { epoch: at.epoch, sequence: 1 }
        };
        if at != expected {
            return Err(StoreError::Lost { place: client.place(&expected.name()), good: None });
        }
        if ends.contains_key(&at.epoch) {
            return Err(refused(client, &at.name(), Damage::AfterEnd.into()));
        }
        joined.last = at;
        let Link::Records(journal) = link else {
            ends.insert(at.epoch, at.sequence);
            continue;
        };
        if Some(&journal.header.lineage) != head.lineage.as_ref() {
            let expected = head.lineage.clone().unwrap_or_default();
            return Err(StoreError::Foreign { expected, found: journal.header.lineage });
        }
        if journal.header.base_serial != head.serial {
            let place = client.place(&at.name());
            let damage = Damage::RolledBack { found: head.serial, newest: journal.header.base_serial };
            return Err(StoreError::Corrupt { place, damage, good: None });
        }
        joined.records.extend(journal.records);
    }
    match head.ends_missing(&ends).next() {
        Some(end) => Err(StoreError::Lost { place: client.place(&end.name()), good: None }),
        None => Ok(joined),
    }
}

/// The records after a head, and where the next ones would go.
pub(super) struct Joined {
    pub(super) records: Vec<Record>,
    pub(super) last: Position,
}
