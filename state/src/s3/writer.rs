//! What the holder of the lock writes: groups of records, heads, snapshots.
//!
//! In: records and snapshots, in the order they were given. Out: objects; what they say is durable when the call
//! returns. Never: a write after one that was refused; a head replaced that another wrote.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use bytes::Bytes;

use super::chain::{self, Records};
use super::contents::{self, Contents, LINEAGE, SNAPSHOTS, part, serial_of};
use super::head::{HEAD, Head, Kept, Part, Position, refused};
use super::lease::Lease;
use super::request::{Client, Written};
use super::salvage::{self, Leavings};
use super::sealing::{OPEN_PART, Seals};
use crate::journal::{self, Header, Ledger, Record};
use crate::marker::Marker;
use crate::reply::Sender;
use crate::seal::SealError;
use crate::snapshot::{SNAPSHOT_BYTES_MAX, Snapshot, Stamp, Version, is_lineage};
use crate::store::{Copied, Loaded, Salvage, StoreError, may_adopt, unwritable};

/// Earlier snapshots that are kept.
pub const HISTORY_MAX: usize = 10;

/// Records stop joining a group beyond this many bytes, so that the first need not wait for long.
const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Ends of chains that are kept after the chain is gone: so long a holder that lost its lock finds its next name taken.
const ENDS_KEPT: u64 = 64;

/// What the names of damaged objects begin with that a repair has put aside.
const DAMAGED: &str = "damaged/";

/// Heads that are written in the place of one that another writer of the same lock left.
const HEADS_MAX: u32 = 3;

/// Records that wait to be written, and who waits for them.
pub(super) struct Waiting {
    pub(super) records: Vec<Record>,
    pub(super) answer: Sender<Result<(), StoreError>>,
}

/// Everything that wants to be written, in order.
pub(super) type Queue = std::sync::Mutex<VecDeque<Waiting>>;

/// The holder's pen.
pub(super) struct Writer {
    head: Head,
    tag: String,
    /// `None` until something is read or written.
    known: Option<Known>,
    /// The last name of this epoch's chain that was written, or may have been.
    last: u64,
    /// A group that is being written. It stays here when who writes it gives up, and is written on by the next.
    group: Option<Group>,
    /// Records were appended since the last commit: they tell what the next one brings.
    appended: bool,
    /// What the first failed write of records said.
    halted: Option<String>,
    /// The head was damaged when it was read: nothing but a repair replaces it.
    is_broken: bool,
    /// What the last salvage found.
    leavings: Leavings,
    /// What it seals with.
    seals: Seals,
}

/// How often a snapshot is written: twice where no journal tells what is in it, and a repair could not make it again.
#[derive(Clone, Copy)]
enum Copies {
    One,
    Two,
}

/// What is in the bucket, apart from the objects of the state.
struct Known {
    ledger: Ledger,
    /// Of the snapshot.
    digest: Option<String>,
    /// The marker as far as it can be read, and its tag.
    marker: Option<(Option<Marker>, String)>,
}

impl Known {
    /// Puts a marker in the place of the one that is known.
    async fn write_marker(&mut self, client: &Client, marker: Marker) -> Result<(), StoreError> {
        let written = match &self.marker {
            Some((Some(present), _)) if *present == marker => return Ok(()),
            Some((_, tag)) => client.replace(LINEAGE, &marker.encode().into(), tag).await?,
            None => client.create(LINEAGE, &marker.encode().into()).await?,
        };
        // Else a later holder was here, who wrote a later one.
        if let Written::Done(tag) = written {
            self.marker = Some((Some(marker), tag));
        }
        Ok(())
    }
}

/// Records that become durable together.
struct Group {
    at: Position,
    body: Bytes,
    waiting: Vec<Sender<Result<(), StoreError>>>,
}

impl Writer {
    /// Closes the journals of all earlier holders, then makes the head this holder's: none of theirs can write any more.
    pub(super) async fn open(client: &Client, epoch: u64, id: &str) -> Result<Self, StoreError> {
        let mut seals = Seals::new(client.vault());
        for _ in 0..HEADS_MAX {
            let (head, tag) = match Head::find(client).await? {
                Some((Ok(head), tag)) => (head, Some(tag)),
                None => (Head::default(), None),
                Some((Err(error), tag)) if error.is_about_content() => {
                    // Ends of older chains are not kept either: who wrote to one of them is long shut out.
                    let head = Head { sealed: epoch.saturating_sub(ENDS_KEPT), ..Head::default() };
                    chain::seal(client, &head, epoch, id).await?;
                    return Ok(Self::new(Head { epoch, sealed: epoch - 1, ..head }, tag, (seals, true)));
                }
                Some((Err(error), _)) => return Err(error),
            };
            if head.epoch >= epoch {
                break;
            }
            let ends = chain::seal(client, &head, epoch, id).await?;
            let head = Head { epoch, writer: id.to_owned(), write: 0, ..head.closed(epoch - 1, ends) };
            let body = head.encode(&mut seals)?;
            let written = match &tag {
                Some(tag) => client.replace(HEAD, &body, tag).await?,
                None => client.create(HEAD, &body).await?,
            };
            // Else the holder before committed just now, or another broke this lock.
            if let Written::Done(tag) = written {
                return Ok(Self::new(head, tag, (seals, false)));
            }
        }
        Err(StoreError::LockLost { place: client.place(HEAD) })
    }

    fn new(head: Head, tag: String, (seals, is_broken): (Seals, bool)) -> Self {
        let (known, group, halted, leavings) = (None, None, None, Leavings::default());
        let appended = false;
        Self { head, tag, known, last: 0, group, appended, halted, is_broken, leavings, seals }
    }

    pub(super) async fn read(&mut self, client: &Client, lease: &Lease) -> Result<Loaded, StoreError> {
        let contents = self.load(client, lease).await?;
        if self.known.is_none() {
            self.know(&contents);
        }
        Ok(contents.into_loaded())
    }

    async fn load(&self, client: &Client, lease: &Lease) -> Result<Contents, StoreError> {
        let contents = contents::load(client).await?;
        match &contents.head {
            Some((head, _)) if head.epoch == self.head.epoch => Ok(contents),
            _ => Err(lease.lost()),
        }
    }

    fn know(&mut self, contents: &Contents) {
        if contents.last.epoch == self.head.epoch {
            self.last = self.last.max(contents.last.sequence);
        }
        self.known = Some(Known {
            ledger: contents.ledger.clone(),
            digest: contents.digest.clone(),
            marker: contents.marker.clone().map(|(marker, tag)| (Some(marker), tag)),
        });
    }

    async fn known(&mut self, client: &Client, lease: &Lease) -> Result<(), StoreError> {
        if self.is_broken {
            self.load(client, lease).await?;
        }
        if let Some(to) = self.head.moved.clone() {
            return Err(StoreError::Moved { place: client.place(HEAD), to });
        }
        if self.known.is_none() {
            let contents = self.load(client, lease).await?;
            self.know(&contents);
        }
        Ok(())
    }

    pub(super) async fn begin(
        &mut self,
        client: &Client,
        lease: &Lease,
        lineage: String,
    ) -> Result<(), StoreError> {
        if !is_lineage(&lineage) {
            return Err(StoreError::Misused { how: "a state was begun with a lineage that is none" });
        }
        self.known(client, lease).await?;
        match &self.head.lineage {
            Some(found) if *found != lineage => {
                return Err(StoreError::Foreign { expected: lineage, found: found.clone() });
            }
            Some(_) => {}
            None => {
                let head = Head { lineage: Some(lineage), ..self.head.clone() };
                self.write_head(client, lease, head).await?;
            }
        }
        self.mark(client, lease).await
    }

    /// Makes sure that the marker is there, and speaks of the present snapshot. What it speaks of is durable before it: a
    /// marker without a state is a loss.
    async fn mark(&mut self, client: &Client, lease: &Lease) -> Result<(), StoreError> {
        let (Some(known), Some(lineage)) = (&mut self.known, &self.head.lineage) else { return Ok(()) };
        let marker = Marker::new(lineage, self.head.serial, known.digest.as_deref());
        known.write_marker(client, marker).await?;
        if known.marker.is_some() {
            return Ok(());
        }
        // Somebody wrote one meanwhile.
        let found = contents::find_marker(client).await?.and_then(|(marker, _)| marker);
        Err(match found.filter(|found| found.lineage != *lineage) {
            Some(found) => StoreError::Foreign { expected: lineage.clone(), found: found.lineage },
            None => lease.lost(),
        })
    }

    /// Puts a head in the place of the present one.
    async fn write_head(&mut self, client: &Client, lease: &Lease, head: Head) -> Result<(), StoreError> {
        let head = Head { writer: lease.holder.id.clone(), write: self.head.write.wrapping_add(1), ..head };
        // Counted before it is written: if nobody knows how that ends, the next one is not taken for it.
        self.head.write = self.head.write.wrapping_add(1);
        let body = head.encode(&mut self.seals)?;
        match client.replace(HEAD, &body, &self.tag).await? {
            Written::Done(tag) => {
                self.head = head;
                self.tag = tag;
                Ok(())
            }
            Written::Taken => {
                // An earlier write of ours that failed may have taken effect after all.
                match Head::read(client).await? {
                    Some((found, tag))
                        if found.epoch == self.head.epoch && found.writer == lease.holder.id =>
                    {
                        self.head = Head { write: self.head.write, ..found };
                        self.tag = tag;
                        let (expected, found) = (head.serial.saturating_sub(1), self.head.serial);
                        Err(StoreError::Stale { expected, found })
                    }
                    _ => Err(lease.lost()),
                }
            }
        }
    }

    /// Writes the first group of what waits, with all that joined it, and tells those who wait. `false`: nothing waits.
    pub(super) async fn write_group(&mut self, client: &Client, lease: &Lease, queue: &Queue) -> bool {
        if self.group.is_none() {
            self.gather(client, lease, queue).await;
        }
        let Some(group) = &self.group else { return false };
        let written = client.create(&group.at.name(), &group.body).await;
        let result = match written {
            Ok(Written::Done(_)) => lease.outlasts(Duration::ZERO).await,
            Ok(Written::Taken) => Err(lease.lost()),
            Err(error) => Err(error),
        };
        let waiting = self.group.take().map(|group| group.waiting).unwrap_or_default();
        self.answer(waiting, result);
        true
    }

    /// Takes what waits together out of the queue.
    async fn gather(&mut self, client: &Client, lease: &Lease, queue: &Queue) {
        if lock(queue).is_empty() {
            return;
        }
        let ready = match &self.halted {
            Some(because) => Err(StoreError::Halted { because: because.clone() }),
            None => self.known(client, lease).await,
        };
        if let Err(error) = ready {
            let waiting = take(queue, usize::MAX).into_iter().map(|waiting| waiting.answer).collect();
            tell(waiting, error);
            return;
        }
        let (mut text, mut waiting, mut is_sensitive) = (Vec::new(), Vec::new(), false);
        while let Some(Waiting { records, answer }) = take(queue, 1).pop() {
            match self.admit(&records) {
                Ok(admitted) => {
                    if !text.is_empty() && !admitted.is_empty() {
                        text.push(b',');
                    }
                    text.extend(admitted);
                    is_sensitive = is_sensitive || records.iter().any(Record::is_sensitive);
                    waiting.push(answer);
                }
                Err(error) => answer.send(Err(error)),
            }
            if text.len() > GROUP_BYTES_MAX {
                break;
            }
        }
        if waiting.is_empty() {
            return;
        }
        let at = Position { epoch: self.head.epoch, sequence: self.last.saturating_add(1) };
        let records = Records { text: &text, is_sensitive };
        let header = self.header();
        match chain::link(at, &lease.holder.id, (&header, records), &mut self.seals) {
            Ok(body) => {
                self.last = at.sequence;
                self.group = Some(Group { at, body, waiting });
            }
            Err(error) => self.answer(waiting, Err(error)),
        }
    }

    /// The text of records, once they are known to be good.
    fn admit(&mut self, records: &[Record]) -> Result<Vec<u8>, StoreError> {
        let Some(known) = self.known.as_mut().filter(|_| self.head.lineage.is_some()) else {
            return Err(StoreError::Misused { how: "a record was appended before the state was begun" });
        };
        let text = journal::encode_records(records).map_err(unwritable)?;
        // Noted before it is durable: if the write fails no further one follows, and a commit then carries an intent
        // too many, which finds nothing, rather than one too few.
        let noted = known.ledger.note_all(records);
        noted.map_err(|_| StoreError::Misused { how: "an operation was begun twice" })?;
        self.appended = true;
        Ok(text)
    }

    fn header(&self) -> Header {
        let lineage = self.head.lineage.clone().unwrap_or_default();
        Header { lineage, base_serial: self.head.serial }
    }

    /// Tells all of a group how it went.
    fn answer(&mut self, waiting: Vec<Sender<Result<(), StoreError>>>, result: Result<(), StoreError>) {
        match result {
            Ok(()) => waiting.into_iter().for_each(|answer| answer.send(Ok(()))),
            Err(error) => {
                self.halted = Some(error.to_string());
                tell(waiting, error);
            }
        }
    }

    pub(super) async fn commit(
        &mut self,
        client: &Client,
        lease: &Lease,
        snapshot: &Snapshot,
    ) -> Result<(), StoreError> {
        self.known(client, lease).await?;
        lease.outlasts(Duration::ZERO).await?;
        let (lineage, serial) = (self.head.lineage.as_ref(), self.head.serial);
        if let Some(found) = lineage.filter(|lineage| **lineage != snapshot.lineage) {
            let (expected, found) = (snapshot.lineage.clone(), found.clone());
            return Err(StoreError::Foreign { expected, found });
        }
        if serial.checked_add(1) != Some(snapshot.serial) {
            return Err(StoreError::Stale { expected: snapshot.serial.saturating_sub(1), found: serial });
        }
        if self.known.as_ref().is_some_and(|known| known.marker.is_none()) {
            // The marker comes before the first snapshot: one without a marker is one that somebody put there.
            self.begin(client, lease, snapshot.lineage.clone()).await?;
        }
        let prev = self.known.as_ref().and_then(|known| known.digest.clone());
        let stamp = Stamp::by(&lease.holder, prev);
        let copies = if self.appended { Copies::One } else { Copies::Two };
        let (kept, digest) = self.write_snapshot(client, (snapshot, &stamp), copies).await?;
        let open = self.write_open(client, snapshot).await?;
        let mut earlier = self.head.earlier.clone();
        earlier.splice(0..0, self.head.present());
        earlier.truncate(HISTORY_MAX);
        let head = Head {
            lineage: Some(snapshot.lineage.clone()),
            serial: snapshot.serial,
            snapshot: Some(kept),
            open,
            // A name that may have been written counts as folded in: whether it is there makes no difference then.
            folded: Position { epoch: self.head.epoch, sequence: self.last },
            ends: Vec::new(),
            earlier,
            ..self.head.clone()
        };
        self.write_head(client, lease, head).await?;
        self.appended = false;
        if let Some(known) = &mut self.known {
            known.digest = Some(digest);
        }
        // The state is durable. What is left is done by the next write too, so a failure loses nothing.
        let _ = self.mark(client, lease).await;
        let _ = self.tidy(client).await;
        Ok(())
    }

    /// Takes in a state that was kept elsewhere.
    pub(super) async fn adopt(
        &mut self,
        client: &Client,
        lease: &Lease,
        copy: Copied,
    ) -> Result<(), StoreError> {
        if self.is_broken {
            self.load(client, lease).await?;
        }
        let present = self.head.lineage.as_deref().map(|lineage| (lineage, self.head.serial));
        may_adopt(present, &copy.snapshot)?;
        // What is here must be whole, whatever it is: a state whose head is gone is no empty place.
        match self.load(client, lease).await {
            Ok(_) | Err(StoreError::Moved { .. }) => {}
            // Or it is what an earlier attempt to take in the same state left.
            Err(StoreError::Lost { .. }) if contents::is_part_of(client, &copy.snapshot).await? => {}
            Err(error) => return Err(error),
        }
        let marker = contents::read_marker(client).await?.map(|(marker, _)| marker.lineage);
        if let Some(found) = marker.filter(|found| *found != copy.snapshot.lineage) {
            return Err(StoreError::Foreign { expected: copy.snapshot.lineage, found });
        }
        lease.outlasts(Duration::ZERO).await?;
        let mut earlier = Vec::new();
        let copy = copy.written_by(&lease.holder)?;
        for Version { snapshot, stamp, .. } in copy.history.iter().take(HISTORY_MAX) {
            let (part, _) = self.write_snapshot(client, (snapshot, stamp), Copies::One).await?;
            // Nothing of the journal here leads to it or from it.
            let folded = Position { epoch: self.head.epoch, sequence: self.last };
            earlier.push(Kept { serial: snapshot.serial, part, open: None, folded });
        }
        let state = (&copy.snapshot, &copy.stamp);
        let (part, digest) = self.write_snapshot(client, state, Copies::Two).await?;
        let ledger = Ledger::of_pending(copy.pending);
        let marker = contents::find_marker(client).await?;
        self.known = Some(Known { ledger, digest: None, marker });
        // It may speak of another snapshot of this serial, of an attempt that was cut off.
        self.mark_only(client, &copy.snapshot.lineage).await?;
        let head = Head {
            lineage: Some(copy.snapshot.lineage.clone()),
            serial: copy.snapshot.serial,
            snapshot: Some(part),
            open: self.write_open(client, &copy.snapshot).await?,
            folded: Position { epoch: self.head.epoch, sequence: self.last },
            ends: Vec::new(),
            earlier,
            moved: None,
            ..self.head.clone()
        };
        self.write_head(client, lease, head).await?;
        if let Some(known) = &mut self.known {
            known.digest = Some(digest);
        }
        self.mark(client, lease).await?;
        let _ = self.tidy(client).await;
        Ok(())
    }

    /// What can be had of what is there.
    pub(super) async fn salvage(&mut self, client: &Client, lease: &Lease) -> Result<Salvage, StoreError> {
        lease.outlasts(Duration::ZERO).await?;
        let (salvage, leavings) = salvage::of(client).await?;
        self.leavings = leavings;
        Ok(salvage)
    }

    /// Puts what was salvaged in the place of whatever is there. What was damaged is copied away first.
    pub(super) async fn replace(
        &mut self,
        client: &Client,
        lease: &Lease,
        Salvage { snapshot, pending, .. }: Salvage,
    ) -> Result<(), StoreError> {
        lease.outlasts(Duration::ZERO).await?;
        let Leavings { damaged, mut earlier } = mem::take(&mut self.leavings);
        for name in damaged {
            if let Some(found) = client.get(&name, SNAPSHOT_BYTES_MAX).await? {
                client.keep(&format!("{DAMAGED}{:020}/{name}", self.head.epoch), &found.body).await?;
            }
        }
        let stamp = Stamp::by(&lease.holder, None);
        let (part, digest) = self.write_snapshot(client, (&snapshot, &stamp), Copies::Two).await?;
        let (ledger, marker) = (Ledger::of_pending(pending), contents::find_marker(client).await?);
        self.known = Some(Known { ledger, digest: Some(digest), marker });
        earlier.truncate(HISTORY_MAX);
        let head = Head {
            lineage: Some(snapshot.lineage.clone()),
            serial: snapshot.serial,
            snapshot: Some(part),
            open: self.write_open(client, &snapshot).await?,
            folded: Position { epoch: self.head.epoch, sequence: self.last },
            ends: Vec::new(),
            earlier,
            moved: None,
            ..self.head.clone()
        };
        self.write_head(client, lease, head).await?;
        self.is_broken = false;
        self.halted = None;
        self.mark(client, lease).await?;
        let _ = self.tidy(client).await;
        Ok(())
    }

    /// Seals what is kept of earlier serials anew. The journals between them are not needed any more: see [`Self::tidy`].
    pub(super) async fn reseal(&mut self, client: &Client, lease: &Lease) -> Result<(), StoreError> {
        self.known(client, lease).await?;
        lease.outlasts(Duration::ZERO).await?;
        let mut earlier = Vec::new();
        for Kept { serial, part, .. } in self.head.earlier.clone() {
            let sealed = match contents::read_part(client, &part, SNAPSHOT_BYTES_MAX).await {
                Ok(bytes) => Snapshot::reseal(bytes.into(), client.vault())
                    .map_err(|error| refused(client, &part.name, error)),
                Err(error) => Err(error),
            };
            let part = match sealed {
                Ok(bytes) => {
                    let part = contents::part(serial, &bytes, contents::SNAPSHOT);
                    client.keep(&part.name, &bytes.into()).await?;
                    part
                }
                // It is not to be had any more, whatever seals it.
                Err(
                    StoreError::Corrupt { .. }
                    | StoreError::Lost { .. }
                    | StoreError::Sealed { error: SealError::NoKey { .. }, .. },
                ) => part,
                Err(error) => return Err(error),
            };
            let folded = Position { epoch: self.head.epoch, sequence: self.last };
            earlier.push(Kept { serial, part, open: None, folded });
        }
        let head = Head { earlier, ..self.head.clone() };
        self.write_head(client, lease, head).await?;
        self.tidy(client).await
    }

    /// Makes a marker that is there speak of no snapshot.
    async fn mark_only(&mut self, client: &Client, lineage: &str) -> Result<(), StoreError> {
        let Some(known) = self.known.as_mut().filter(|known| known.marker.is_some()) else { return Ok(()) };
        known.write_marker(client, Marker::new(lineage, 0, None)).await
    }

    /// Leaves a note where the state was taken to.
    pub(super) async fn leave(
        &mut self,
        client: &Client,
        lease: &Lease,
        to: String,
    ) -> Result<(), StoreError> {
        if self.is_broken {
            self.load(client, lease).await?;
        }
        let head = Head { moved: Some(to), ..self.head.clone() };
        self.write_head(client, lease, head).await
    }

    /// The object of a snapshot, and the digest of what it says.
    async fn write_snapshot(
        &self,
        client: &Client,
        (snapshot, stamp): (&Snapshot, &Stamp),
        copies: Copies,
    ) -> Result<(Part, String), StoreError> {
        let mut bytes = Vec::new();
        let digest = snapshot.seal(stamp, client.vault(), &mut bytes).map_err(unwritable)?;
        let (part, bytes) = (part(snapshot.serial, &bytes, contents::SNAPSHOT), bytes.into());
        client.keep(&part.name, &bytes).await?;
        if let Copies::Two = copies {
            client.keep(&part.copy_name(), &bytes).await?;
        }
        Ok((part, digest))
    }

    /// The intents that have no outcome, which the journal's end would take with it.
    async fn write_open(&mut self, client: &Client, snapshot: &Snapshot) -> Result<Option<Part>, StoreError> {
        let carried = self.known.as_ref().map(|known| known.ledger.carried()).unwrap_or_default();
        if carried.is_empty() {
            return Ok(None);
        }
        let header = Header { lineage: snapshot.lineage.clone(), base_serial: snapshot.serial };
        let text = journal::encode_records(&carried).map_err(unwritable)?;
        let is_sensitive = carried.iter().any(Record::is_sensitive);
        let records = Records { text: &text, is_sensitive };
        let bytes = chain::journal_of(&header, OPEN_PART, records, &mut self.seals)?;
        let part = part(snapshot.serial, &bytes, contents::OPEN);
        client.keep(&part.name, &bytes.into()).await?;
        Ok(Some(part))
    }

    /// Up to where nobody needs the journal. What leads from one snapshot that is kept to the next, a repair may need, and what
    /// leads to the first of all.
    fn needless(&self) -> Position {
        let Some(oldest) = self.head.kept().last() else { return Position::default() };
        // Of those that were sealed anew, or came from elsewhere, none has a journal that leads to it.
        let has_journal = self.head.earlier.is_empty() || oldest.folded != self.head.folded;
        if oldest.serial == 1 && has_journal { Position::default() } else { oldest.folded }
    }

    /// Removes what the commit has made stale. Never anything that a later holder may have written: its serials and its
    /// places in the journal are higher.
    async fn tidy(&self, client: &Client) -> Result<(), StoreError> {
        let kept: Vec<_> = self.head.kept().collect();
        let named = kept.iter().flat_map(|kept| std::iter::once(&kept.part).chain(&kept.open));
        let copy = self.head.snapshot.as_ref().map(Part::copy_name);
        let named: Vec<_> = named.map(|part| part.name.as_str()).chain(copy.as_deref()).collect();
        let needless = self.needless();
        let mut stale = client.list(SNAPSHOTS, "").await?;
        stale.retain(|name| {
            serial_of(name).is_some_and(|serial| serial <= self.head.serial)
                && !named.contains(&name.as_str())
        });
        let places = client.list(chain::JOURNAL, "").await?;
        let places: Vec<_> = places.iter().filter_map(|name| Position::of_name(name)).collect();
        let is_end =
            |index: usize, at: &Position| places.get(index + 1).is_none_or(|next| next.epoch != at.epoch);
        let is_stale = |(index, at): &(usize, &Position)| {
            let kept_end = at.epoch.saturating_add(ENDS_KEPT) > self.head.epoch && is_end(*index, at);
            **at <= needless && !(kept_end && at.epoch < self.head.epoch)
        };
        stale.extend(places.iter().enumerate().filter(is_stale).map(|(_, at)| at.name()));
        client.delete(&stale).await
    }
}

/// Tells the first of a group the failure itself, and the rest what it was.
fn tell(waiting: Vec<Sender<Result<(), StoreError>>>, error: StoreError) {
    let because = error.to_string();
    let mut failure = Some(error);
    for answer in waiting {
        let because = because.clone();
        answer.send(Err(failure.take().unwrap_or(StoreError::Halted { because })));
    }
}

fn lock(queue: &Queue) -> std::sync::MutexGuard<'_, VecDeque<Waiting>> {
    queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The first of what waits.
fn take(queue: &Queue, count: usize) -> Vec<Waiting> {
    let mut queue = lock(queue);
    if count >= queue.len() {
        return mem::take(&mut *queue).into();
    }
    queue.drain(..count).collect()
}
