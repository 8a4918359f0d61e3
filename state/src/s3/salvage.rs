//! What is left of a bucket of which a part is damaged, missing or put there from elsewhere.
//!
//! In: the objects of a store. Out: what can be believed of them, for [`Parts::join`]; and what is damaged, to be kept. Never: a
//! write; a snapshot believed whose commit was refused, as long as the head or the marker tells which one was not.

use std::collections::BTreeMap;

use super::chain;
use super::contents::{self, LINEAGE, OPEN, SNAPSHOTS, part, serial_of, snapshot_of};
use super::head::{HEAD, Head, Kept, Part, Position, refused};
use super::request::Client;
use super::sealing::OPEN_PART;
use crate::journal::{JOURNAL_BYTES_MAX, Left};
use crate::marker::Marker;
use crate::salvage::Parts;
use crate::snapshot::{SNAPSHOT_BYTES_MAX, Snapshot, Version};
use crate::store::{Salvage, StoreError};

/// Journals whose ends are gone that are told of.
const LOST_SHOWN_MAX: usize = 20;

/// What is done with the objects of a store that is made again.
#[derive(Default)]
pub(super) struct Leavings {
    /// Names of what is damaged: it is kept elsewhere.
    pub(super) damaged: Vec<String>,
    /// Snapshots that stay the history, newest first.
    pub(super) earlier: Vec<Kept>,
}

/// What can be had of a bucket.
///
/// # Errors
/// If nothing can be, or if it is sealed with a key that is not there, newer, elsewhere, or the service refuses: then nothing
/// is damaged for all one knows.
pub(super) async fn of(client: &Client) -> Result<(Salvage, Leavings), StoreError> {
    let wrong = match contents::load(client).await {
        Ok(contents) => return Ok((Salvage::whole(contents.into_loaded()), Leavings::default())),
        Err(error) if error.is_about_content() => error,
        Err(error) => return Err(error),
    };
    let mut search = Search { client, parts: Parts::default(), leavings: Leavings::default() };
    let (head, marker) = search.entries().await?;
    search.snapshots(head.as_ref(), marker.as_ref()).await?;
    search.journals(head.as_ref()).await?;
    let Search { mut parts, leavings, .. } = search;
    parts.check_keys()?;
    parts.lineage = marker.map(|marker| marker.lineage).or_else(|| head.and_then(|head| head.lineage));
    match parts.join(&wrong) {
        Some(salvage) => Ok((salvage, leavings)),
        None => Err(wrong),
    }
}

/// What was found so far.
struct Search<'c> {
    client: &'c Client,
    parts: Parts,
    leavings: Leavings,
}

impl Search<'_> {
    fn newest(&mut self, serial: u64) {
        self.parts.newest = self.parts.newest.max(serial);
    }

    /// The head and the marker, if they can be read and agree. Of two that do not, the one that is behind was put back.
    async fn entries(&mut self) -> Result<(Option<Head>, Option<Marker>), StoreError> {
        let (head, marker) = (Head::find(self.client).await?, contents::find_marker(self.client).await?);
        if matches!(head, Some((Err(_), _))) {
            self.leavings.damaged.push(HEAD.to_owned());
        }
        if matches!(marker, Some((None, _))) {
            self.leavings.damaged.push(LINEAGE.to_owned());
        }
        let marker = marker.and_then(|(marker, _)| marker);
        let head = head.and_then(|(head, _)| head.ok());
        let last = marker.as_ref().and_then(|marker| marker.last.as_ref()).map_or(0, |last| last.serial);
        self.newest(last.max(head.as_ref().map_or(0, |head| head.serial)));
        // One that says nothing was made when the lock was taken without one.
        let head = head.filter(|head| head.lineage.is_some());
        if head.as_ref().is_some_and(|head| head.serial < last) {
            self.leavings.damaged.push(HEAD.to_owned());
            return Ok((None, marker));
        }
        Ok((head, marker))
    }

    /// Snapshots that are whole. Those that the head names, or those that belong to what the marker speaks of.
    async fn snapshots(&mut self, head: Option<&Head>, marker: Option<&Marker>) -> Result<(), StoreError> {
        let named: Option<Vec<Kept>> = head.map(|head| head.kept().collect());
        let mut all: BTreeMap<u64, Vec<(Part, Version)>> = BTreeMap::new();
        for name in self.client.list(SNAPSHOTS, "").await? {
            let Some((ending, of)) = snapshot_of(&name) else { continue };
            let is_named =
                |named: &Vec<Kept>| named.iter().any(|kept| [&of, &name].contains(&&kept.part.name));
            if !named.as_ref().is_none_or(is_named) {
                continue;
            }
            let Some(serial) = serial_of(&name) else { continue };
            let found = match self.snapshot((&name, ending), serial).await? {
                Some((part, read)) => {
                    self.parts.take_version(serial, read.map(Some))?.map(|version| (part, version))
                }
                None => None,
            };
            match found.filter(|(_, version)| version.snapshot.serial == serial) {
                Some(found) => all.entry(serial).or_default().push(found),
                None => self.leavings.damaged.push(name),
            }
        }
        let mut wanted = marker.and_then(|marker| marker.last.clone()).map(|last| (last.serial, last.digest));
        // Of one that nothing but its own name speaks of nobody knows whether its commit was refused. All that was done up to
        // it is in the journal.
        let beyond = wanted.as_ref().filter(|_| head.is_none()).map(|(serial, _)| *serial);
        for (serial, mut found) in
            all.into_iter().rev().filter(|(serial, _)| beyond.is_none_or(|last| *serial <= last))
        {
            let digest = wanted.take_if(|(of, _)| *of >= serial).filter(|(of, _)| *of == serial);
            found.sort_by(|(_, one), (_, other)| one.stamp.at.cmp(&other.stamp.at));
            // One that is not the one that the next follows, or that the marker speaks of, was put there.
            found.retain(|(_, version)| digest.as_ref().is_none_or(|(_, digest)| *digest == version.digest));
            let Some((part, version)) = found.pop() else { continue };
            if head.is_none() && wanted.is_none() {
                wanted = serial.checked_sub(1).zip(version.stamp.prev.clone());
            }
            self.newest(serial);
            self.parts.versions.insert(serial, version);
            let of = snapshot_of(&part.name).map(|(_, of)| of);
            let is_it = |kept: &&Kept| kept.part.name == part.name || Some(&kept.part.name) == of.as_ref();
            let kept = named.iter().flatten().find(is_it).cloned();
            let kept =
                kept.unwrap_or(Kept { serial, part: part.clone(), open: None, folded: Position::default() });
            self.leavings.earlier.push(Kept { part, ..kept });
        }
        Ok(())
    }

    /// What its name says is there, and the snapshot in it, or why that cannot be read.
    async fn snapshot(
        &self,
        (name, ending): (&str, &str),
        serial: u64,
    ) -> Result<Option<(Part, Result<Version, StoreError>)>, StoreError> {
        let Some(found) = self.client.get(name, SNAPSHOT_BYTES_MAX).await? else { return Ok(None) };
        let part = part(serial, &found.body, ending);
        if part.name != name {
            return Ok(None);
        }
        let version = Snapshot::open(found.body.into(), self.client.vault());
        Ok(Some((part, version.map_err(|error| refused(self.client, name, error)))))
    }

    /// What was open at the commits, and what came after them.
    async fn journals(&mut self, head: Option<&Head>) -> Result<(), StoreError> {
        let base = self.parts.versions.last_key_value().map_or(0, |(serial, _)| *serial);
        for name in self.client.list(SNAPSHOTS, "").await? {
            let serial = serial_of(&name).filter(|serial| *serial >= base && name.ends_with(OPEN));
            let is_named =
                |head: &Head| head.kept().any(|kept| kept.open.is_some_and(|open| open.name == name));
            let Some(serial) = serial.filter(|_| head.is_none_or(is_named)) else { continue };
            let found = self.client.get(&name, JOURNAL_BYTES_MAX).await?;
            let whole = found.filter(|found| part(serial, &found.body, OPEN).name == name);
            let left = whole.map(|found| Left::of(&found.body, Some(OPEN_PART), self.client.vault()));
            if let Some(left) = &left {
                self.parts.note_journal(left, serial, self.client.place(&name));
            }
            match left {
                Some(left) if left.damaged == 0 => self.parts.journals.push(left),
                _ => {
                    self.parts.lost.push(format!("changes that were open at serial {serial}"));
                    self.leavings.damaged.push(name);
                }
            }
        }
        let folded = self.leavings.earlier.iter().find(|kept| kept.serial == base).map(|kept| kept.folded);
        let names = self.client.list(chain::JOURNAL, "").await?;
        let places = names.iter().filter_map(|name| Position::of_name(name));
        let (mut before, mut ends): (Option<Position>, _) = (None, BTreeMap::new());
        for at in places.filter(|at| folded.is_none_or(|folded| *at > folded)) {
            if let Some(before) = before.filter(|before| before.epoch == at.epoch && before.next() != at) {
                self.parts.lost.push(format!("the part {} of the journal", before.next().name()));
            }
            before = Some(at);
            match chain::left(self.client, at).await? {
                chain::Found::End => {
                    ends.insert(at.epoch, at.sequence);
                }
                chain::Found::Sealed(left) => {
                    self.parts.note_journal(&left, u64::MAX, self.client.place(&at.name()));
                    self.lose(at);
                }
                chain::Found::Left(left) => {
                    self.parts.note_journal(&left, base, self.client.place(&at.name()));
                    let base = left.header.as_ref().map_or(0, |header| header.base_serial);
                    self.newest(base);
                    self.parts.journals.push(left);
                }
                chain::Found::Damaged => self.lose(at),
            }
        }
        let missing = head.into_iter().flat_map(|head| head.ends_missing(&ends)).take(LOST_SHOWN_MAX);
        let gone = missing.map(|end| format!("the end of the journal at {}", end.name()));
        self.parts.lost.extend(gone);
        Ok(())
    }

    /// A part of the journal that is there and says nothing.
    fn lose(&mut self, at: Position) {
        self.parts.lost.push(format!("the part {} of the journal, which is damaged", at.name()));
        self.leavings.damaged.push(at.name());
    }
}
