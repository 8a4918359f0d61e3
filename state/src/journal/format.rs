//! The file of a journal: frames, one a line, each written and synced as a whole.
//!
//! A frame is `LENGTH CHECKSUM PAYLOAD\n`: eight lower-case hexadecimal digits each for the payload's length in
//! bytes and for the CRC-32C of the length's digits and the payload; the payload is JSON without a newline. The
//! first frame is the header, every other one a list of records that became durable together. So a bad frame at
//! the end is one that was never acknowledged, and a bad frame before a good one is damage.
//!
//! From a frame on whose payload is the header of an envelope, payloads are sealed, each as one text: see
//! [`crate::seal::Frames`].
//!
//! In: records, or bytes from a disk that may have lost or changed some. Out: frames, or records. Never: a record
//! after a damaged one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::crc32c::crc32c;
use super::{Action, Begun, Record};
use crate::address::Address;
use crate::json;
use crate::seal::{self, Frames, KeyName, SealError, Subject, Vault};
use crate::snapshot::{
    Damage, DecodeError, EncodeError, ObjectIn, ObjectOut, OutputIn, OutputOut, PROGRAM_VERSION, is_lineage,
    version_shown, writable,
};

/// Version of the journal's file format that this program writes, and the newest that it reads.
pub const JOURNAL_FORMAT_VERSION: u32 = 1;

/// Largest journal, in bytes, read or written: 100,000 operations with objects of 10 KiB. It is read into memory
/// whole.
pub const JOURNAL_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Largest call of append, in bytes of JSON: one value of 64 MiB, each byte of it written as up to four.
pub const APPEND_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Bytes of a frame before its payload: two numbers of eight digits, and a space after each.
const PREFIX: usize = 18;

/// The first frame of a journal. Every format version to come begins with such a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Lineage of the state.
    pub lineage: String,
    /// Serial of the snapshot that the records follow.
    pub base_serial: u64,
}

/// A journal that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Journal {
    /// What the records follow.
    pub header: Header,
    /// The records, in the order they were appended.
    pub records: Vec<Record>,
    /// Bytes up to the end of the last good frame: where the next one goes.
    pub bytes_good: u64,
    /// Something stands after the last good frame that is none.
    pub torn: bool,
}

impl Header {
    /// What the frames that follow are bound to when they are sealed; `part` is as of [`Journal::open`].
    pub fn subject(&self, part: Option<&str>) -> Subject {
        let part = part.map(str::to_owned);
        Subject { part, ..Subject::new(seal::Kind::Journal, &*self.lineage, self.base_serial) }
    }

    /// The header's frame.
    ///
    /// # Errors
    /// [`EncodeError::Unreadable`] if the lineage is none.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        if !is_lineage(&self.lineage) {
            return Err(EncodeError::Unreadable { what: "the lineage of the state could not be read back" });
        }
        let header = HeaderOut {
            journal_format_version: JOURNAL_FORMAT_VERSION,
            mlo_version: PROGRAM_VERSION,
            lineage: &self.lineage,
            base_serial: self.base_serial,
        };
        Ok(frame(&serde_json::to_vec(&header).map_err(std::io::Error::from)?))
    }
}

impl Journal {
    /// Reads a file back that is in clear, without the torn end that a crash may have left.
    ///
    /// # Errors
    /// [`DecodeError::Newer`] if a newer program wrote it; else what is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self::open(bytes, None, &Vault::clear())?.0)
    }

    /// [`Self::decode`] of bytes that may be sealed, and what seals further frames as the last ones were. `part` is the
    /// name that they lie under, of a journal that is kept in several parts.
    ///
    /// # Errors
    /// Also [`DecodeError::Sealed`].
    pub fn open(
        bytes: &[u8],
        part: Option<&str>,
        vault: &Vault,
    ) -> Result<(Self, Option<Frames>), DecodeError> {
        if bytes.is_empty() {
            return Err(Damage::Empty.into());
        }
        let first = first_frame(bytes).ok_or(Damage::Header)?;
        let header = read_header(first.payload)?;
        let mut journal = Self { header, records: Vec::new(), bytes_good: first.bytes as u64, torn: false };
        let mut rest = bytes.get(first.bytes..).unwrap_or_default();
        let mut line = 2;
        let mut frames: Option<Frames> = None;
        while !rest.is_empty() {
            let Some(frame) = first_frame(rest) else {
                if is_followed(rest) {
                    return Err(Damage::Record { at: journal.bytes_good }.into());
                }
                journal.torn = true;
                break;
            };
            if Frames::is_head(frame.payload) {
                frames = Some(vault.frames_after(frame.payload, &journal.header.subject(part))?);
            } else if let Some(frames) = &frames {
                let clear = frames.open(journal.bytes_good, frame.payload)?;
                journal.records.extend(read_records(&clear, line)?);
            } else {
                vault.check_clear()?;
                journal.records.extend(read_records(frame.payload, line)?);
            }
            journal.bytes_good += frame.bytes as u64;
            rest = rest.get(frame.bytes..).unwrap_or_default();
            line += 1;
        }
        Ok((journal, frames))
    }
}

/// What is left of a journal of which a part is damaged.
#[derive(Default)]
pub(crate) struct Left {
    /// What the records follow; `None` if that cannot be told.
    pub(crate) header: Option<Header>,
    /// Records of frames that are whole.
    pub(crate) records: Vec<Record>,
    /// Lines that are no frame, or stay sealed.
    pub(crate) damaged: usize,
    /// Why the first of them stay sealed for which a key is not to be had: they may be whole.
    pub(crate) sealed: Option<SealError>,
    /// The keys that opened what is read.
    pub(crate) opened: Vec<KeyName>,
}

impl Left {
    /// Reads what can be read. `part` is as of [`Journal::open`].
    pub(crate) fn of(bytes: &[u8], part: Option<&str>, vault: &Vault) -> Self {
        let mut left = Self::default();
        let (mut position, mut frames) = (0_u64, None);
        for (number, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let payload = first_frame(line).map(|frame| frame.payload);
            // An end without its newline is one that a crash tore: nobody was told that it is durable.
            let is_torn = payload.is_none() && number > 0 && !line.ends_with(b"\n");
            if !is_torn
                && !payload
                    .is_some_and(|payload| left.take((number, part), payload, position, (vault, &mut frames)))
            {
                left.damaged += 1;
            }
            position += line.len() as u64;
        }
        left
    }

    /// Whether a frame could be read.
    fn take(
        &mut self,
        (number, part): (usize, Option<&str>),
        payload: &[u8],
        position: u64,
        (vault, frames): (&Vault, &mut Option<Frames>),
    ) -> bool {
        if number == 0 {
            self.header = read_header(payload).ok();
            return self.header.is_some();
        }
        if Frames::is_head(payload) {
            let subject = self.header.as_ref().map(|header| header.subject(part));
            *frames = match subject.map(|subject| vault.frames_after(payload, &subject)) {
                Some(Ok(opened)) => {
                    self.opened.push(opened.key().clone());
                    Some(opened)
                }
                Some(Err(DecodeError::Sealed(error))) if !error.is_about_content() => {
                    self.sealed.get_or_insert(error);
                    None
                }
                _ => None,
            };
            return frames.is_some();
        }
        let clear = match frames {
            Some(frames) => frames.open(position, payload).ok(),
            None => vault.check_clear().ok().map(|()| payload.to_vec()),
        };
        let records = clear.and_then(|clear| read_records(&clear, number + 1).ok());
        records.map(|records| self.records.extend(records)).is_some()
    }
}

/// A frame around a payload that holds no newline.
pub(crate) fn frame(payload: &[u8]) -> Vec<u8> {
    let length = format!("{:08x}", payload.len());
    let sum = format!("{:08x}", crc32c(&[length.as_bytes(), payload]));
    [length.as_bytes(), b" ", sum.as_bytes(), b" ", payload, b"\n"].concat()
}

/// The payload of the good frame that some bytes begin with, and what comes after it.
pub(crate) fn unframe(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let frame = first_frame(bytes)?;
    Some((frame.payload, bytes.get(frame.bytes..)?))
}

/// Records as JSON, separated by commas: several such texts in a row can share a frame.
pub(crate) fn encode_records(records: &[Record]) -> Result<Vec<u8>, EncodeError> {
    let mut text = Vec::new();
    for (index, record) in records.iter().enumerate() {
        check_writable(record)?;
        if index > 0 {
            text.push(b',');
        }
        serde_json::to_writer(&mut text, &RecordOut::from(record)).map_err(std::io::Error::from)?;
        let found = text.len() as u64;
        if found > APPEND_BYTES_MAX {
            let what = "the size in bytes of what is appended at once";
            return Err(EncodeError::Limit { what, found, limit: APPEND_BYTES_MAX });
        }
    }
    Ok(text)
}

fn check_writable(record: &Record) -> Result<(), EncodeError> {
    match record {
        Record::Intend { address, .. }
        | Record::Deposed { address, .. }
        | Record::Restored { address, .. } => writable::address(address),
        Record::Done { address, object, .. } | Record::Failed { address, object, .. } => {
            writable::address(address)?;
            object.as_deref().map_or(Ok(()), writable::object)
        }
        Record::Outputs { outputs } => outputs.values().try_for_each(writable::output),
        Record::Progress { begun, .. } => {
            begun.as_ref().map_or(Ok(()), |begun| writable::address(&begun.address))
        }
    }
}

/// A good frame at the start of some bytes.
struct Frame<'a> {
    payload: &'a [u8],
    /// Length of the whole frame.
    bytes: usize,
}

/// A good frame at the start of some bytes, if they begin with one.
fn first_frame(bytes: &[u8]) -> Option<Frame<'_>> {
    unended_frame(bytes).filter(|frame| bytes.get(frame.bytes - 1) == Some(&b'\n'))
}

/// A frame that is good but, perhaps, for the newline at its end.
fn unended_frame(bytes: &[u8]) -> Option<Frame<'_>> {
    let (prefix, rest) = bytes.split_at_checked(PREFIX)?;
    let length = number(prefix.get(..8)?)?;
    let payload = rest.get(..usize::try_from(length).ok()?)?;
    let sum = crc32c(&[prefix.get(..8)?, payload]);
    let whole = prefix.get(8..)? == format!(" {sum:08x} ").as_bytes();
    whole.then_some(Frame { payload, bytes: PREFIX + payload.len() + 1 })
}

/// Whether a good frame comes after the bad one that some bytes begin with. It begins after a newline, or where the
/// newline should be that the bad one lacks.
fn is_followed(bytes: &[u8]) -> bool {
    let is_good = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').any(is_frame);
    let after_line = bytes.iter().position(|byte| *byte == b'\n').and_then(|at| bytes.get(at + 1..));
    let after_frame = unended_frame(bytes).and_then(|frame| bytes.get(frame.bytes..));
    after_line.is_some_and(is_good) || after_frame.is_some_and(is_good)
}

/// Whether a line, without its newline, is a good frame. Reads each byte at most once.
fn is_frame(line: &[u8]) -> bool {
    let Some((prefix, payload)) = line.split_at_checked(PREFIX) else { return false };
    let length = format!("{:08x}", payload.len());
    let sum = crc32c(&[length.as_bytes(), payload]);
    prefix == format!("{length} {sum:08x} ").as_bytes()
}

/// A number of lower-case hexadecimal digits: another way to write it is a changed byte.
fn number(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok()?;
    let plain = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    u32::from_str_radix(digits, 16).ok().filter(|_| plain)
}

fn read_header(payload: &[u8]) -> Result<Header, DecodeError> {
    if !json::is_shallow(payload) {
        return Err(Damage::Depth.into());
    }
    let header: HeaderIn = json::read(payload).map_err(|error| shape(&error, 1))?;
    if header.journal_format_version > u64::from(JOURNAL_FORMAT_VERSION) {
        return Err(DecodeError::Newer {
            found: header.journal_format_version,
            supported: JOURNAL_FORMAT_VERSION,
            written_by: header.mlo_version.and_then(version_shown),
        });
    }
    match (header.lineage, header.base_serial) {
        (Some(lineage), Some(base_serial)) if is_lineage(&lineage) => Ok(Header { lineage, base_serial }),
        _ => Err(Damage::Lineage.into()),
    }
}

fn read_records(payload: &[u8], line: usize) -> Result<Vec<Record>, Damage> {
    if !json::is_shallow(payload) {
        return Err(Damage::Depth);
    }
    let records: Vec<RecordIn> = json::read(payload).map_err(|error| shape(&error, line))?;
    Ok(records.into_iter().map(Record::from).collect())
}

/// Where JSON went wrong: `line` of the journal, in which a payload is all of one line.
fn shape(error: &serde_json::Error, line: usize) -> Damage {
    Damage::Shape { line, column: PREFIX + error.column() }
}

#[derive(Serialize)]
struct HeaderOut<'a> {
    journal_format_version: u32,
    mlo_version: &'a str,
    lineage: &'a str,
    base_serial: u64,
}

#[derive(Deserialize)]
struct HeaderIn {
    journal_format_version: u64,
    mlo_version: Option<String>,
    lineage: Option<String>,
    base_serial: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// A record on its way out.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum RecordOut<'a> {
    Intend {
        operation: u64,
        address: &'a Address,
        #[serde(skip_serializing_if = "Option::is_none")]
        deposed: Option<&'a str>,
        action: Action,
        token: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        provider: Option<&'a str>,
    },
    Progress {
        operation: u64,
        handle: &'a str,
        #[serde(skip_serializing_if = "is_false")]
        sensitive: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        begun: Option<&'a Begun>,
    },
    Done {
        operation: u64,
        address: &'a Address,
        #[serde(skip_serializing_if = "Option::is_none")]
        deposed: Option<&'a str>,
        object: Option<ObjectOut<'a>>,
    },
    Failed {
        operation: u64,
        address: &'a Address,
        #[serde(skip_serializing_if = "Option::is_none")]
        deposed: Option<&'a str>,
        object: Option<ObjectOut<'a>>,
        message: &'a str,
    },
    Deposed {
        address: &'a Address,
        key: &'a str,
    },
    Restored {
        address: &'a Address,
        key: &'a str,
    },
    Outputs {
        outputs: BTreeMap<&'a str, OutputOut<'a>>,
    },
}

impl<'a> From<&'a Record> for RecordOut<'a> {
    fn from(record: &'a Record) -> Self {
        match record {
            Record::Intend { operation, address, deposed, action, token, provider } => {
                let (deposed, provider) = (deposed.as_deref(), provider.as_deref());
                Self::Intend { operation: *operation, address, deposed, action: *action, token, provider }
            }
            Record::Progress { operation, handle, sensitive, begun } => {
                let begun = begun.as_deref();
                Self::Progress { operation: *operation, handle, sensitive: *sensitive, begun }
            }
            Record::Done { operation, address, deposed, object } => {
                let (deposed, object) = (deposed.as_deref(), object.as_deref().map(ObjectOut::from));
                Self::Done { operation: *operation, address, deposed, object }
            }
            Record::Failed { operation, address, deposed, object, message } => {
                let (deposed, object) = (deposed.as_deref(), object.as_deref().map(ObjectOut::from));
                Self::Failed { operation: *operation, address, deposed, object, message }
            }
            Record::Deposed { address, key } => Self::Deposed { address, key },
            Record::Restored { address, key } => Self::Restored { address, key },
            Record::Outputs { outputs } => Self::Outputs {
                outputs: outputs.iter().map(|(name, output)| (&**name, output.into())).collect(),
            },
        }
    }
}

/// A record on its way in.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum RecordIn {
    Intend {
        operation: u64,
        address: Address,
        #[serde(default)]
        deposed: Option<String>,
        action: Action,
        token: String,
        #[serde(default)]
        provider: Option<String>,
    },
    Progress {
        operation: u64,
        handle: String,
        #[serde(default)]
        sensitive: bool,
        #[serde(default)]
        begun: Option<Box<Begun>>,
    },
    Done {
        operation: u64,
        address: Address,
        #[serde(default)]
        deposed: Option<String>,
        object: Option<Box<ObjectIn>>,
    },
    Failed {
        operation: u64,
        address: Address,
        #[serde(default)]
        deposed: Option<String>,
        object: Option<Box<ObjectIn>>,
        message: String,
    },
    Deposed {
        address: Address,
        key: String,
    },
    Restored {
        address: Address,
        key: String,
    },
    Outputs {
        outputs: BTreeMap<String, OutputIn>,
    },
}

impl From<RecordIn> for Record {
    fn from(record: RecordIn) -> Self {
        let read = |object: Option<Box<ObjectIn>>| object.map(|object| Box::new((*object).into()));
        match record {
            RecordIn::Intend { operation, address, deposed, action, token, provider } => {
                Self::Intend { operation, address, deposed, action, token, provider }
            }
            RecordIn::Progress { operation, handle, sensitive, begun } => {
                Self::Progress { operation, handle, sensitive, begun }
            }
            RecordIn::Done { operation, address, deposed, object } => {
                Self::Done { operation, address, deposed, object: read(object) }
            }
            RecordIn::Failed { operation, address, deposed, object, message } => {
                Self::Failed { operation, address, deposed, object: read(object), message }
            }
            RecordIn::Deposed { address, key } => Self::Deposed { address, key },
            RecordIn::Restored { address, key } => Self::Restored { address, key },
            RecordIn::Outputs { outputs } => {
                let outputs = outputs.into_iter().map(|(name, output)| (name, output.into()));
                Self::Outputs { outputs: outputs.collect() }
            }
        }
    }
}
