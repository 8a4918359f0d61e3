//! The first line of a sealed file: JSON in clear, authenticated with all that follows it.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::key::{KeyName, Wrapped};
use crate::json;
use crate::snapshot::{Damage, DecodeError, LINEAGE_BYTES_MAX, PROGRAM_VERSION, is_lineage, version_shown};

/// Version of the envelope that this program writes, and the newest that it reads.
pub const SEALED_FORMAT_VERSION: u32 = 2;

/// The first version whose data keys are wrapped for a [`Scope`].
const SCOPED_SINCE: u64 = 2;

/// How every sealed file begins.
const HEAD: &[u8] = b"{\"sealed_version\":";

/// Longest header, in bytes. One for a hundred recipients of age has 12,000.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// Longest name of a key that is shown from a file, in characters.
const LABEL_CHARS_MAX: usize = 100;

/// What kind of file is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A snapshot.
    State,
    /// A journal, or a part of one.
    Journal,
    /// A saved plan.
    Plan,
    /// What the head of a bucket says.
    Head,
    /// The note in a folder whose state was taken elsewhere.
    Moved,
}

/// What sealed bytes are bound to: put anywhere else they do not open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// What kind of file it is.
    pub kind: Kind,
    /// The lineage of the state.
    pub lineage: String,
    /// The serial of the snapshot, or of the one that it follows.
    pub serial: u64,
    /// Which part it is, of what is kept in several files: the name that it lies under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// Whose it is: the project of a saved plan, where its keys are looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
}

impl Subject {
    /// Something of a state at a serial, kept in one file.
    pub fn new(kind: Kind, lineage: impl Into<String>, serial: u64) -> Self {
        Self { kind, lineage: lineage.into(), serial, part: None, project: None }
    }

    /// What the data key is wrapped for: this file alone, or, of what is kept in several parts, all of this state's, for one
    /// run seals them with one.
    pub fn scope(&self) -> Scope {
        let lineage = ("lineage", self.lineage.clone());
        let kind = match self.kind {
            Kind::State => "state",
            Kind::Plan => "plan",
            Kind::Moved => "moved",
            Kind::Journal if self.part.is_none() => "journal",
            Kind::Journal | Kind::Head => return Scope(vec![("kind", "parts".to_owned()), lineage]),
        };
        Scope(vec![("kind", kind.to_owned()), lineage, ("serial", self.serial.to_string())])
    }
}

/// What a data key is wrapped for: asked for with another scope, it is not had. So who knows the data key of one file has
/// none for another.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope(Vec<(&'static str, String)>);

impl Scope {
    /// Names and values, in order. None: that of a file of the first version, which was for anything.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// As bytes that no other scope has, after those of what wraps.
    pub(super) fn bound_to(&self, what: &[u8]) -> Vec<u8> {
        if self.0.is_empty() {
            return what.to_vec();
        }
        let text = serde_json::to_vec(&self.0).expect("a scope is text");
        [what, b"\n", &text].concat()
    }

    /// Their digest; no bytes if it is for anything.
    pub(super) fn digest(&self) -> Vec<u8> {
        if self.0.is_empty() {
            return Vec::new();
        }
        Sha256::digest(self.bound_to(b"mlo scope")).to_vec()
    }
}

/// A header, and the line that it was read from or is written as.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) name: KeyName,
    pub(super) subject: Subject,
    /// What the data key is wrapped for.
    pub(super) scope: Scope,
    pub(super) wrapped: Wrapped,
    /// The line, without its newline: what every piece is authenticated with.
    pub(super) line: Vec<u8>,
}

/// The document on its way out.
#[derive(Serialize)]
struct Out<'a> {
    sealed_version: u32,
    mlo_version: &'a str,
    #[serde(flatten)]
    subject: &'a Subject,
    key: &'a str,
    wrapped: &'a Wrapped,
}

/// The document on its way in.
#[derive(Deserialize)]
struct In {
    #[serde(flatten)]
    subject: Subject,
    key: String,
    wrapped: Wrapped,
}

/// What every version of the envelope to come has in common with this one.
#[derive(Deserialize)]
struct Probe {
    sealed_version: u64,
    #[serde(default)]
    mlo_version: Option<String>,
}

/// Whether bytes begin as a sealed file does.
pub(super) fn is_begun_by(bytes: &[u8]) -> bool {
    bytes.starts_with(HEAD)
}

impl Header {
    pub(super) fn new(name: KeyName, subject: Subject, wrapped: Wrapped) -> Self {
        let out = Out {
            sealed_version: SEALED_FORMAT_VERSION,
            mlo_version: PROGRAM_VERSION,
            subject: &subject,
            key: &name.label,
            wrapped: &wrapped,
        };
        let line = serde_json::to_vec(&out).expect("a header is text and numbers");
        let scope = subject.scope();
        Self { name, subject, scope, wrapped, line }
    }

    /// The header at the start of some bytes, and where what it is for begins.
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, usize), DecodeError> {
        let end = bytes.iter().take(HEADER_BYTES_MAX).position(|byte| *byte == b'\n');
        let end =
            end.ok_or(if bytes.len() < HEADER_BYTES_MAX { Damage::Truncated } else { Damage::Header })?;
        Ok((Self::decode(bytes.get(..end).unwrap_or_default())?, end + 1))
    }

    /// The header of a line.
    pub(super) fn decode(line: &[u8]) -> Result<Self, DecodeError> {
        if !is_begun_by(line) || line.len() > HEADER_BYTES_MAX || !json::is_shallow(line) {
            return Err(Damage::Header.into());
        }
        let probe: Probe = json::read(line).map_err(|_| Damage::Header)?;
        if probe.sealed_version > u64::from(SEALED_FORMAT_VERSION) {
            return Err(DecodeError::Newer {
                found: probe.sealed_version,
                supported: SEALED_FORMAT_VERSION,
                written_by: probe.mlo_version.and_then(version_shown),
            });
        }
        let In { subject, key, wrapped } = json::read(line).map_err(|_| Damage::Header)?;
        if !is_lineage(&subject.lineage) || subject.lineage.len() > LINEAGE_BYTES_MAX {
            return Err(Damage::Lineage.into());
        }
        let plain = |c: &char| !crate::address::is_unprintable(*c);
        let label: String = key.chars().filter(plain).take(LABEL_CHARS_MAX).collect();
        let name = KeyName { kind: wrapped.kind(), label: label.into() };
        let is_scoped = probe.sealed_version >= SCOPED_SINCE;
        let scope = if is_scoped { subject.scope() } else { Scope::default() };
        Ok(Self { name, subject, scope, wrapped, line: line.to_vec() })
    }
}
