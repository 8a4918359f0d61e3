//! A record, and its line. The line's bytes are what the next record's `prev` is the digest of.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Version of the form of records that this program writes, and the newest that it reads.
pub const RECORD_FORMAT_VERSION: u64 = 1;

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A plan was let through, and is carried out from here on.
    Begun,
    /// A plan was not let through, and nothing was changed.
    Denied,
    /// How what was begun has ended.
    Ended,
}

impl Kind {
    /// The word in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Denied => "denied",
            Self::Ended => "ended",
        }
    }
}

/// What a record says, but for its place in the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// What it is about.
    pub kind: Kind,
    /// When it was written, as RFC 3339.
    pub at: String,
    /// The run, by the moment in which it took the lock: what it wrote to the state says the same.
    pub since: String,
    /// `user@host`.
    pub who: String,
    /// What was being done: `apply`.
    pub operation: String,
    /// The environment.
    pub environment: String,
    /// The state, once it has a first snapshot.
    pub lineage: Option<String>,
    /// Serial of the state that the plan was made from; of an end, the serial afterwards.
    pub serial: u64,
    /// What was decided and by what, or how it went.
    pub what: Json,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of its form.
    pub format_version: u64,
    /// Its number, from 1.
    pub sequence: u64,
    /// Digest of the record before; of the first, nothing.
    pub prev: Option<String>,
    /// What it says.
    #[serde(flatten)]
    pub entry: Entry,
}

impl Record {
    /// Its line, with the newline.
    pub fn line(&self) -> String {
        let text = serde_json::to_string(self).expect("records have string keys only");
        format!("{text}\n")
    }
}

/// A record as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The number that its name says.
    pub sequence: u64,
    /// Digest of its bytes: `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What it says; an error in words if that cannot be read.
    pub record: Result<Record, String>,
}

impl Kept {
    /// Reads the bytes of a record.
    pub fn of(sequence: u64, bytes: Vec<u8>) -> Self {
        let record = parse(&bytes);
        Self { sequence, digest: digest(&bytes), bytes, record }
    }
}

/// The digest of a document, whatever the order of its keys and the space in it: of its bytes without space, the keys of each
/// object in order.
pub fn digest_of(document: &Json) -> String {
    let mut bytes = Vec::new();
    canonical(document, &mut bytes);
    digest(&bytes)
}

fn canonical(value: &Json, out: &mut Vec<u8>) {
    let write = |value: &Json, out: &mut Vec<u8>| out.extend(value.to_string().into_bytes());
    match value {
        Json::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                canonical(item, out);
            }
            out.push(b']');
        }
        Json::Object(entries) => {
            let entries: BTreeMap<&String, &Json> = entries.iter().collect();
            out.push(b'{');
            for (index, (name, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(&Json::from(name.as_str()), out);
                out.push(b':');
                canonical(value, out);
            }
            out.push(b'}');
        }
        plain => write(plain, out),
    }
}

/// `sha256:` and 64 hexadecimal digits.
pub(super) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(bytes)))
}

fn parse(bytes: &[u8]) -> Result<Record, String> {
    let is_one_line = bytes.iter().position(|byte| *byte == b'\n') == bytes.len().checked_sub(1);
    if bytes.is_empty() || !is_one_line {
        return Err("it is not one line".to_owned());
    }
    let value: Json = serde_json::from_slice(bytes).map_err(|_| "it is not JSON".to_owned())?;
    let version = value.get("format_version").and_then(Json::as_u64);
    if version.is_some_and(|version| version > RECORD_FORMAT_VERSION) {
        return Err(format!("it has format {}, which a later version wrote", version.unwrap_or_default()));
    }
    serde_json::from_value(value).map_err(|_| "it is not of the form of a record".to_owned())
}
