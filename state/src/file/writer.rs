//! The one thread that writes to a folder, while it has the lock.
//!
//! In: commands, in the order they were sent. Out: answers, when what they say is durable. Never: a write without
//! the lock; an append after one that failed; two syncs for appends that wait together.

use std::fs::File;
use std::sync::mpsc;

use super::contents::{self, Contents, JournalFile};
use super::lock::Lock;
use super::{
    HISTORY_MAX, JOURNAL, JOURNAL_NEW, LINEAGE, LINEAGE_NEW, STATE, STATE_NEW, history, moved, put_snapshot,
    salvage,
};
use crate::disk::Folder;
use crate::holder::Holder;
use crate::journal::{self, Header, JOURNAL_BYTES_MAX, Ledger, Record};
use crate::marker::Marker;
use crate::reply::Sender;
use crate::seal::{Frames, Vault};
use crate::snapshot::{Snapshot, Stamp, is_lineage};
use crate::store::{Copied, Loaded, Salvage, StoreError, may_adopt, unwritable};

/// Appends stop joining a group beyond this many bytes of records, so that the first need not wait for long.
const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Where the answer to a command goes.
type Answer<T> = Sender<Result<T, StoreError>>;

/// What the guard asks for.
pub(super) enum Command {
    /// [`crate::store::Guard::read`].
    Read(Answer<Loaded>),
    /// [`crate::store::Guard::begin`].
    Begin(String, Answer<()>),
    /// [`crate::store::Guard::append`].
    Append(Vec<Record>, Answer<()>),
    /// [`crate::store::Guard::commit`].
    Commit(Box<Snapshot>, Answer<()>),
    /// [`crate::store::Guard::adopt`].
    Adopt(Box<Copied>, Answer<()>),
    /// [`crate::store::Guard::salvage`].
    Salvage(Answer<Salvage>),
    /// [`crate::store::Guard::replace`].
    Replace(Box<Salvage>, Answer<()>),
    /// [`crate::store::Guard::reseal`].
    Reseal(Answer<()>),
    /// [`crate::store::Guard::leave`].
    Leave(String, Answer<()>),
    /// [`crate::store::Guard::release`].
    Release(Answer<()>),
}

/// A locked folder, and what is known of it.
pub(super) struct Writer {
    folder: Folder,
    lock: Lock,
    vault: Vault,
    /// Who writes.
    holder: Holder,
    /// `None` until something is read or written.
    known: Option<Known>,
    /// What the first failed append said.
    halted: Option<String>,
}

/// What the folder holds, apart from the objects.
struct Known {
    /// `None`: nothing was ever written.
    lineage: Option<String>,
    serial: u64,
    /// Of the snapshot of that serial.
    digest: Option<String>,
    ledger: Ledger,
    marked: bool,
    journal: OpenJournal,
    /// Records were appended since the last commit: they tell what the next one brings.
    appended: bool,
}

/// The journal on its way from a file to an open file.
enum OpenJournal {
    Closed(JournalFile),
    Open(Open),
}

/// A journal that is open at its end.
struct Open {
    file: File,
    /// Its length.
    bytes: u64,
    /// What seals its frames.
    frames: Option<Frames>,
}

impl Writer {
    pub(super) fn new(folder: Folder, lock: Lock, vault: Vault, holder: Holder) -> Self {
        Self { folder, lock, vault, holder, known: None, halted: None }
    }

    /// Does what is asked until the guard is gone or gives the lock back.
    pub(super) fn serve(mut self, commands: &mpsc::Receiver<Command>) {
        let mut next = None;
        while let Some(command) = next.take().or_else(|| commands.recv().ok()) {
            match command {
                Command::Read(answer) => answer.send(self.read()),
                Command::Begin(lineage, answer) => answer.send(self.begin(&lineage)),
                Command::Commit(snapshot, answer) => answer.send(self.commit(&snapshot)),
                Command::Adopt(copy, answer) => answer.send(self.adopt(*copy)),
                Command::Salvage(answer) => answer.send(salvage::of(&self.folder, &self.vault)),
                Command::Replace(salvage, answer) => answer.send(self.replace(*salvage)),
                Command::Reseal(answer) => answer.send(self.reseal()),
                Command::Leave(to, answer) => answer.send(self.leave(&to)),
                Command::Append(records, answer) => next = self.append_group(records, answer, commands),
                Command::Release(answer) => {
                    drop(self);
                    answer.send(Ok(()));
                    return;
                }
            }
        }
    }

    fn read(&mut self) -> Result<Loaded, StoreError> {
        let contents = contents::load(&self.folder, &self.vault)?;
        if self.known.is_none() {
            self.known = Some(Known::of(&contents));
        }
        contents.into_loaded()
    }

    /// What the folder holds, read if it is not known.
    fn known(&mut self) -> Result<&mut Known, StoreError> {
        let known = match self.known.take() {
            Some(known) => known,
            None => Known::of(&contents::load(&self.folder, &self.vault)?),
        };
        Ok(self.known.insert(known))
    }

    fn begin(&mut self, lineage: &str) -> Result<(), StoreError> {
        if !is_lineage(lineage) {
            return Err(StoreError::Misused { how: "a state was begun with a lineage that is none" });
        }
        self.lock.check(&self.folder)?;
        let known = self.known()?;
        if let Some(found) = known.lineage.as_ref().filter(|found| *found != lineage) {
            return Err(StoreError::Foreign { expected: lineage.to_owned(), found: found.clone() });
        }
        if known.lineage.is_some() {
            return Ok(());
        }
        known.lineage = Some(lineage.to_owned());
        let begun = self.open_journal().map(|_| ());
        // How far it got if it failed, the folder tells.
        begun.inspect_err(|_| self.known = None)
    }

    /// Writes this append and all that wait behind it with one sync. Returns the command that ended the group.
    fn append_group(
        &mut self,
        records: Vec<Record>,
        answer: Answer<()>,
        commands: &mpsc::Receiver<Command>,
    ) -> Option<Command> {
        if let Err(error) = self.make_ready() {
            answer.send(Err(error));
            return None;
        }
        let (mut payload, mut waiting, mut is_sensitive) = (Vec::from(b"["), Vec::new(), false);
        let mut command = Some(Command::Append(records, answer));
        while let Some(Command::Append(records, answer)) = command {
            match self.admit(&records) {
                Ok(text) => {
                    if payload.len() > 1 && !text.is_empty() {
                        payload.push(b',');
                    }
                    payload.extend_from_slice(&text);
                    is_sensitive = is_sensitive || records.iter().any(Record::is_sensitive);
                    waiting.push(answer);
                }
                Err(error) => answer.send(Err(error)),
            }
            let full = payload.len() > GROUP_BYTES_MAX;
            command = if full { None } else { commands.try_recv().ok() };
        }
        if !waiting.is_empty() {
            payload.push(b']');
            let written = self.write_frame(&payload, is_sensitive);
            self.answer_group(waiting, written);
        }
        command
    }

    /// Makes sure that the journal is open, before any record is noted that a new one would carry.
    fn make_ready(&mut self) -> Result<(), StoreError> {
        if let Some(because) = &self.halted {
            return Err(StoreError::Halted { because: because.clone() });
        }
        self.lock.check(&self.folder)?;
        if self.known()?.lineage.is_none() {
            return Err(StoreError::Misused { how: "a record was appended before the state was begun" });
        }
        let opened = self.open_journal().map(|_| ());
        opened.inspect_err(|error| self.halted = Some(error.to_string()))
    }

    /// Notes records that are to be appended, and gives their text.
    fn admit(&mut self, records: &[Record]) -> Result<Vec<u8>, StoreError> {
        let text = journal::encode_records(records).map_err(unwritable)?;
        // Noted before it is durable: if the write fails no further one follows, and a commit then carries an
        // intent too many, which finds nothing, rather than one too few.
        let noted = self.known()?.ledger.note_all(records);
        noted.map_err(|_| StoreError::Misused { how: "an operation was begun twice" })?;
        self.known()?.appended = true;
        Ok(text)
    }

    fn write_frame(&mut self, payload: &[u8], is_sensitive: bool) -> Result<(), StoreError> {
        let subject = self.known()?.header().subject(None);
        let vault = self.vault.clone();
        let (folder, open) = self.open_journal()?;
        let mut text = Vec::new();
        if open.frames.is_none() {
            let place = folder.place(JOURNAL);
            let frames = vault.frames(subject, is_sensitive);
            open.frames = frames.map_err(|error| StoreError::Sealed { place, error })?;
            text = open.frames.iter().flat_map(|frames| journal::frame(frames.head())).collect();
        }
        let position = open.bytes + text.len() as u64;
        text.extend(sealed_frame(open.frames.as_ref(), position, payload));
        let found = open.bytes + text.len() as u64;
        if found > JOURNAL_BYTES_MAX {
            return Err(StoreError::Limit {
                what: "the journal's size in bytes",
                found,
                limit: JOURNAL_BYTES_MAX,
            });
        }
        let mut output = folder.output(JOURNAL, &mut open.file);
        output.put(&text)?;
        output.sync()?;
        open.bytes = found;
        Ok(())
    }

    /// Tells all of a group how it went. The first is told the failure itself, the rest what it was.
    fn answer_group(&mut self, waiting: Vec<Answer<()>>, written: Result<(), StoreError>) {
        let mut failure = None;
        if let Err(error) = written {
            self.halted = Some(error.to_string());
            failure = Some(error);
        }
        for answer in waiting {
            answer.send(match (failure.take(), &self.halted) {
                (Some(error), _) => Err(error),
                (None, Some(because)) => Err(StoreError::Halted { because: because.clone() }),
                (None, None) => Ok(()),
            });
        }
    }

    fn commit(&mut self, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.lock.check(&self.folder)?;
        let holder = self.holder.clone();
        let known = self.known()?;
        if let Some(found) = known.lineage.as_ref().filter(|lineage| **lineage != snapshot.lineage) {
            let (expected, found) = (snapshot.lineage.clone(), found.clone());
            return Err(StoreError::Foreign { expected, found });
        }
        let present = known.serial;
        if present.checked_add(1) != Some(snapshot.serial) {
            let expected = snapshot.serial.saturating_sub(1);
            return Err(StoreError::Stale { expected, found: present });
        }
        if present == 0 {
            // The marker comes before the first snapshot: one without a marker is one that somebody put there.
            self.begin(&snapshot.lineage)?;
            self.mark()?;
        }
        let known = self.known()?;
        let stamp = Stamp::by(&holder, known.digest.clone());
        let replaced = self.replace_state((snapshot, &stamp), present);
        let digest = replaced.inspect_err(|_| drop(self.folder.remove(STATE_NEW)))?;
        let known = self.known()?;
        known.lineage = Some(snapshot.lineage.clone());
        known.serial = snapshot.serial;
        known.digest = Some(digest);
        known.marked = false;
        known.journal = OpenJournal::Closed(JournalFile::Stale);
        let is_told = std::mem::take(&mut known.appended);
        // For a repair, which without it is told what is missing.
        let _ = history::keep_journal(&self.folder, present);
        self.folder.sync().inspect_err(|error| self.halted = Some(error.to_string()))?;
        if !is_told {
            // No journal could make it again.
            let _ = history::put(&self.folder, &self.vault, (snapshot, &stamp));
        }
        // The state is durable. What is left is tidied by the next write too, so a failure loses nothing.
        let _ = self.tidy();
        Ok(())
    }

    /// Takes in a state that was kept elsewhere. What is here is an earlier moment of it, or nothing.
    fn adopt(&mut self, copy: Copied) -> Result<(), StoreError> {
        let Copied { snapshot, stamp, pending, history } = copy.written_by(&self.holder)?;
        self.lock.check(&self.folder)?;
        // Without a marker too: what an attempt that was cut off left has none.
        let known = Known::of(&contents::load_unmarked(&self.folder, &self.vault)?);
        may_adopt(known.lineage.as_deref().map(|lineage| (lineage, known.serial)), &snapshot)?;
        // The marker first: if it speaks of no snapshot the earlier moment can be read at every moment, until the note that
        // says that it is not here is taken away. Where nothing is, it comes last: what is not taken in whole is refused.
        if known.lineage.is_some() {
            self.write_marker(&Marker::new(&snapshot.lineage, 0, None))?;
        }
        let cleared = self.folder.remove(JOURNAL);
        let replaced = cleared.and_then(|()| self.replace_state((&snapshot, &stamp), 0));
        let digest = Some(replaced.inspect_err(|_| drop(self.folder.remove(STATE_NEW)))?);
        self.folder.sync()?;
        let ledger = Ledger::of_pending(pending);
        self.known = Some(Known { digest, ledger, ..Known::written(&snapshot) });
        history::put(&self.folder, &self.vault, (&snapshot, &stamp))?;
        for earlier in history.iter().take(HISTORY_MAX) {
            history::put(&self.folder, &self.vault, (&earlier.snapshot, &earlier.stamp))?;
        }
        self.open_journal()?;
        moved::come_back(&self.folder)
    }

    /// Puts what was salvaged in the place of whatever is there, which is kept. The state comes first: what is there then
    /// follows an earlier one, and is replaced piece by piece.
    fn replace(&mut self, Salvage { snapshot, pending, .. }: Salvage) -> Result<(), StoreError> {
        self.lock.check(&self.folder)?;
        salvage::keep_aside(&self.folder, STATE)?;
        let stamp = Stamp::by(&self.holder, None);
        let replaced = self.replace_state((&snapshot, &stamp), 0);
        let digest = Some(replaced.inspect_err(|_| drop(self.folder.remove(STATE_NEW)))?);
        self.folder.sync()?;
        salvage::keep_aside(&self.folder, JOURNAL)?;
        salvage::keep_aside(&self.folder, LINEAGE)?;
        let ledger = Ledger::of_pending(pending);
        self.known = Some(Known { digest, ledger, ..Known::written(&snapshot) });
        self.halted = None;
        self.open_journal()?;
        history::put(&self.folder, &self.vault, (&snapshot, &stamp))?;
        history::prune(&self.folder, snapshot.serial)
    }

    fn reseal(&mut self) -> Result<(), StoreError> {
        self.lock.check(&self.folder)?;
        history::reseal(&self.folder, &self.vault)
    }

    fn leave(&mut self, to: &str) -> Result<(), StoreError> {
        self.lock.check(&self.folder)?;
        // What is written next is asked whether it is here.
        self.known = None;
        let left = contents::load_left(&self.folder, &self.vault)?.snapshot;
        let of = left.as_ref().map(|snapshot| (snapshot.lineage.as_str(), snapshot.serial));
        let of = of.ok_or(StoreError::Misused { how: "a state was taken elsewhere, and there is none" })?;
        moved::leave(&self.folder, &self.vault, of, to)
    }

    /// Writes a snapshot in the place of the present one, which is kept; gives its digest.
    fn replace_state(&self, snapshot: (&Snapshot, &Stamp), present: u64) -> Result<String, StoreError> {
        let place = self.folder.place(STATE);
        let mut digest = String::new();
        self.folder.create(STATE_NEW, |file| {
            digest = put_snapshot(file, snapshot, &self.vault, place)?;
            Ok(())
        })?;
        if present > 0 {
            history::keep(&self.folder, present)?;
        }
        self.lock.check(&self.folder)?;
        self.folder.rename(STATE_NEW, STATE)?;
        Ok(digest)
    }

    /// Puts the journal away that the snapshot has made stale, and what is beyond the history's length.
    fn tidy(&mut self) -> Result<(), StoreError> {
        // There always is a journal, so that one that is gone is seen to be gone.
        self.open_journal()?;
        let present = self.known()?.serial;
        history::prune(&self.folder, present)
    }

    /// The journal, open at its end: the present one without its torn end, or a new one.
    fn open_journal(&mut self) -> Result<(&Folder, &mut Open), StoreError> {
        let vault = self.vault.clone();
        let known = self.known()?;
        let opened = match &known.journal {
            OpenJournal::Open(_) => None,
            OpenJournal::Closed(JournalFile::Current { bytes_good, frames }) => {
                let (bytes, frames) = (*bytes_good, frames.clone());
                let file = reopen_journal(&self.folder, bytes)?;
                file.map(|file| Open { file, bytes, frames })
            }
            OpenJournal::Closed(JournalFile::Stale) => {
                let (text, frames) = new_journal(known, &vault)?;
                let file = self.folder.create(JOURNAL_NEW, |file| file.put(&text))?;
                self.folder.rename(JOURNAL_NEW, JOURNAL)?;
                self.folder.sync()?;
                Some(Open { file, bytes: text.len() as u64, frames })
            }
        };
        if let Some(open) = opened {
            self.known()?.journal = OpenJournal::Open(open);
        }
        self.mark()?;
        match self.known.as_mut().map(|known| &mut known.journal) {
            Some(OpenJournal::Open(open)) => Ok((&self.folder, open)),
            _ => Err(StoreError::Lost { place: self.folder.place(JOURNAL), good: None }),
        }
    }

    /// Makes sure that the marker is there, and speaks of the present snapshot. What it speaks of is durable before it: a marker without a state is a
    /// loss.
    fn mark(&mut self) -> Result<(), StoreError> {
        let known = self.known()?;
        if let (false, Some(lineage)) = (known.marked, &known.lineage) {
            let marker = Marker::new(lineage, known.serial, known.digest.as_deref());
            self.write_marker(&marker)?;
            self.known()?.marked = true;
        }
        Ok(())
    }

    fn write_marker(&self, marker: &Marker) -> Result<(), StoreError> {
        self.folder.create(LINEAGE_NEW, |file| file.put(&marker.encode()))?;
        self.folder.rename(LINEAGE_NEW, LINEAGE)?;
        self.folder.sync()
    }
}

impl Known {
    fn of(contents: &Contents) -> Self {
        Self {
            lineage: contents.snapshot.as_ref().map(|snapshot| snapshot.lineage.clone()),
            serial: contents.snapshot.as_ref().map_or(0, |snapshot| snapshot.serial),
            digest: contents.digest.clone(),
            ledger: contents.ledger.clone(),
            marked: contents.marked,
            journal: OpenJournal::Closed(contents.journal.clone()),
            appended: false,
        }
    }

    /// Of a snapshot that was written just now in the place of what was there.
    fn written(snapshot: &Snapshot) -> Self {
        Self {
            lineage: Some(snapshot.lineage.clone()),
            serial: snapshot.serial,
            digest: None,
            ledger: Ledger::default(),
            marked: false,
            journal: OpenJournal::Closed(JournalFile::Stale),
            appended: false,
        }
    }

    /// The first frame of a journal that follows.
    fn header(&self) -> Header {
        Header { lineage: self.lineage.clone().unwrap_or_default(), base_serial: self.serial }
    }
}

/// The journal that is there, cut after its last good frame.
fn reopen_journal(folder: &Folder, bytes_good: u64) -> Result<Option<File>, StoreError> {
    let Some(mut file) = folder.open_to_write(JOURNAL)? else { return Ok(None) };
    let mut output = folder.output(JOURNAL, &mut file);
    if output.end()? > bytes_good {
        output.truncate(bytes_good)?;
        output.sync()?;
        output.end()?;
    }
    Ok(Some(file))
}

/// A new journal after the present snapshot, with the intents that are still open.
fn new_journal(known: &Known, vault: &Vault) -> Result<(Vec<u8>, Option<Frames>), StoreError> {
    let header = known.header();
    let mut text = header.encode().map_err(unwritable)?;
    let carried = known.ledger.carried();
    let is_sensitive = carried.iter().any(Record::is_sensitive);
    let frames =
        vault.frames(header.subject(None), is_sensitive).map_err(|error| unwritable(error.into()))?;
    if let Some(frames) = &frames {
        text.extend(journal::frame(frames.head()));
    }
    if !carried.is_empty() {
        let records = journal::encode_records(&carried).map_err(unwritable)?;
        let payload = [b"[", &*records, b"]"].concat();
        text.extend(sealed_frame(frames.as_ref(), text.len() as u64, &payload));
    }
    Ok((text, frames))
}

/// A frame for a position of the journal.
fn sealed_frame(frames: Option<&Frames>, position: u64, payload: &[u8]) -> Vec<u8> {
    match frames {
        Some(frames) => journal::frame(&frames.seal(position, payload)),
        None => journal::frame(payload),
    }
}
