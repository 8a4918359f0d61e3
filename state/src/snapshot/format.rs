//! The file of a snapshot: one JSON document, an object a line, a SHA-256 of all before it at its end.
//!
//! In: a snapshot, or bytes from a disk that may have lost or changed some. Out: bytes, or a snapshot. Never: bytes
//! accepted of which one was changed.

use data_encoding::HEXLOWER;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Formatter};
use std::io::{self, BufWriter, Write};

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    Damage, DecodeError, EncodeError, Object, ObjectIn, ObjectOut, Output, OutputIn, OutputOut,
    PROGRAM_VERSION, Snapshot, Stamp, Version, is_lineage, writable,
};
use crate::address::Address;
use crate::json;
use crate::seal::{self, Subject, Vault};

/// Version of the snapshot's file format that this program writes, and the newest that it reads.
pub const SNAPSHOT_FORMAT_VERSION: u32 = 1;

/// Largest snapshot file, in bytes, read or written: 100,000 objects of 10 KiB. It is read into memory whole.
pub const SNAPSHOT_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Longest version of a program that is shown from a file, in bytes.
const VERSION_BYTES_MAX: usize = 64;

/// How every snapshot of ours begins.
const HEAD: &[u8] = b"{\"format_version\":";
/// What stands between the content and its digest.
const DIGEST: &[u8] = b"\"digest\":\"sha256:";
/// Hexadecimal digits of a SHA-256.
const DIGEST_DIGITS: usize = 64;
/// How every snapshot ends.
const END: &[u8] = b"\"}\n";

impl Snapshot {
    /// Writes the file: the same bytes for the same snapshot. Nothing is flushed or synced. Returns its length in
    /// bytes.
    ///
    /// # Errors
    /// [`EncodeError::Limit`] beyond [`SNAPSHOT_BYTES_MAX`] or [`super::JSON_DEPTH_MAX`]; then `out` holds a part.
    pub fn encode<W: Write>(&self, out: W) -> Result<u64, EncodeError> {
        self.encode_stamped(&Stamp::default(), out).map(|(bytes, _)| bytes)
    }

    /// [`Self::encode`] with a stamp; returns the length, and the digest of all before it.
    ///
    /// # Errors
    /// Those of [`Self::encode`].
    pub fn encode_stamped<W: Write>(&self, stamp: &Stamp, out: W) -> Result<(u64, String), EncodeError> {
        self.check_writable()?;
        let mut buffer = BufWriter::with_capacity(64 * 1024, Digesting { out, sha: Sha256::new(), bytes: 0 });
        let written = self.write_content(stamp, &mut buffer).and_then(|()| buffer.flush());
        let found = buffer.get_ref().bytes;
        if found > SNAPSHOT_BYTES_MAX {
            return Err(EncodeError::Limit {
                what: "the state's size in bytes",
                found,
                limit: SNAPSHOT_BYTES_MAX,
            });
        }
        written?;
        let Digesting { mut out, sha, bytes } =
            buffer.into_inner().map_err(|error| EncodeError::Io(error.into_error()))?;
        let digest = HEXLOWER.encode(&sha.finalize());
        let tail = [DIGEST, digest.as_bytes(), END].concat();
        out.write_all(&tail)?;
        Ok((bytes + tail.len() as u64, digest))
    }

    /// [`Self::encode_stamped`], sealed by `vault`; returns the digest of it in clear.
    ///
    /// # Errors
    /// Also [`EncodeError::Sealed`].
    pub fn seal<W: Write>(&self, stamp: &Stamp, vault: &Vault, out: W) -> Result<String, EncodeError> {
        let subject = Subject::new(seal::Kind::State, &*self.lineage, self.serial);
        match vault.sealing(subject, self.is_sensitive(), out)? {
            Ok(mut sealing) => {
                let (_, digest) = self.encode_stamped(stamp, &mut sealing)?;
                sealing.finish()?.flush()?;
                Ok(digest)
            }
            Err(out) => Ok(self.encode_stamped(stamp, out)?.1),
        }
    }

    /// [`Self::decode`] of bytes that may be sealed.
    ///
    /// # Errors
    /// Also [`DecodeError::Sealed`].
    pub fn open(bytes: Vec<u8>, vault: &Vault) -> Result<Version, DecodeError> {
        if bytes.is_empty() {
            return Err(Damage::Empty.into());
        }
        let key = if Vault::is_sealed(&bytes) { Some(Vault::look(&bytes)?.0) } else { None };
        if key.is_none() && bytes.first() != Some(&b'{') {
            // Nor is it a state in clear.
            return Err(Damage::Alien.into());
        }
        let (clear, subject) = vault.open(seal::Kind::State, bytes)?;
        let (snapshot, stamp, digest) = decode_stamped(&clear)?;
        let fits =
            |subject: Subject| subject.lineage == snapshot.lineage && subject.serial == snapshot.serial;
        if subject.is_none_or(fits) {
            Ok(Version { snapshot, stamp, digest, key })
        } else {
            Err(Damage::Seal.into())
        }
    }

    /// Bytes of a snapshot, sealed anew by the vault's first key: what they say is the same, to the byte.
    ///
    /// # Errors
    /// As [`Self::open`], or if the key cannot be used.
    pub(crate) fn reseal(bytes: Vec<u8>, vault: &Vault) -> Result<Vec<u8>, DecodeError> {
        let (clear, _) = vault.open(seal::Kind::State, bytes)?;
        let snapshot = Self::decode(&clear)?;
        let subject = Subject::new(seal::Kind::State, &*snapshot.lineage, snapshot.serial);
        Ok(vault.seal(subject, snapshot.is_sensitive(), clear)?)
    }

    fn check_writable(&self) -> Result<(), EncodeError> {
        if !is_lineage(&self.lineage) {
            return Err(EncodeError::Unreadable { what: "the lineage of the state could not be read back" });
        }
        for (address, _, object) in self.entries() {
            writable::address(address)?;
            writable::object(object)?;
        }
        self.outputs.values().try_for_each(writable::output)
    }

    /// Everything but the digest, object by object, so that no second copy of the state is in memory.
    fn write_content(&self, stamp: &Stamp, out: &mut impl Write) -> io::Result<()> {
        write!(
            out,
            "{{\"format_version\":{SNAPSHOT_FORMAT_VERSION},\n\"mlo_version\":\"{PROGRAM_VERSION}\",\n"
        )?;
        write!(out, "\"lineage\":\"{}\",\n\"serial\":{},\n", self.lineage, self.serial)?;
        if !stamp.is_empty() {
            out.write_all(b"\"stamp\":")?;
            serde_json::to_writer(&mut *out, stamp)?;
            out.write_all(b",\n")?;
        }
        if !self.configured.is_empty() {
            out.write_all(b"\"configured\":")?;
            serde_json::to_writer(&mut *out, &self.configured)?;
            out.write_all(b",\n")?;
        }
        out.write_all(b"\"objects\":[")?;
        for (index, (address, deposed, object)) in self.entries().enumerate() {
            out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
            serde_json::to_writer(&mut *out, &EntryOut { address, deposed, object: object.into() })?;
        }
        out.write_all(b"\n],\n\"outputs\":{")?;
        for (index, (name, output)) in self.outputs.iter().enumerate() {
            out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
            serde_json::to_writer(&mut *out, name)?;
            out.write_all(b":")?;
            serde_json::to_writer(&mut *out, &OutputOut::from(output))?;
        }
        out.write_all(b"\n},\n")
    }

    /// All objects, those that were set aside last.
    fn entries(&self) -> impl Iterator<Item = (&Address, Option<&str>, &Object)> {
        let current = self.objects.iter().map(|(address, object)| (address, None, object));
        current.chain(self.deposed_objects().map(|(address, key, object)| (address, Some(key), object)))
    }

    /// Reads a file back.
    ///
    /// # Errors
    /// [`DecodeError::Newer`] if a newer program wrote it; else what is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode_stamped(bytes).map(|(snapshot, ..)| snapshot)
    }
}

/// The snapshot, its stamp and its digest.
fn decode_stamped(bytes: &[u8]) -> Result<(Snapshot, Stamp, String), DecodeError> {
    if bytes.is_empty() {
        return Err(Damage::Empty.into());
    }
    let Some((content, digest)) = split_digest(bytes) else {
        return Err(newer(bytes).unwrap_or_else(|| {
            if bytes.starts_with(HEAD) { Damage::Truncated.into() } else { Damage::Alien.into() }
        }));
    };
    let found = HEXLOWER.encode(&Sha256::digest(content));
    if found.as_bytes() != digest {
        return Err(Damage::Digest.into());
    }
    if !json::is_shallow(bytes) {
        return Err(Damage::Depth.into());
    }
    let mut document: SnapshotIn = json::read(bytes).map_err(|error| {
        newer(bytes).unwrap_or(Damage::Shape { line: error.line(), column: error.column() }.into())
    })?;
    let stamp = std::mem::take(&mut document.stamp);
    let snapshot = document.into_snapshot().map_err(|damage| newer(bytes).unwrap_or(damage.into()))?;
    Ok((snapshot, stamp, found))
}

/// The content that a digest is of, and the digest's digits; `None` if the bytes do not end as a snapshot does.
fn split_digest(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = bytes.strip_suffix(END)?;
    let (rest, digest) = rest.split_at_checked(rest.len().checked_sub(DIGEST_DIGITS)?)?;
    Some((rest.strip_suffix(DIGEST)?, digest))
}

/// Whether a newer program wrote a document that is none of ours.
fn newer(bytes: &[u8]) -> Option<DecodeError> {
    /// What every format version to come has in common with this one.
    #[derive(Deserialize)]
    struct Probe {
        format_version: u64,
        #[serde(default)]
        mlo_version: Option<String>,
    }

    let probe: Probe =
        Some(bytes).filter(|bytes| json::is_shallow(bytes)).and_then(|bytes| json::read(bytes).ok())?;
    (probe.format_version > u64::from(SNAPSHOT_FORMAT_VERSION)).then(|| DecodeError::Newer {
        found: probe.format_version,
        supported: SNAPSHOT_FORMAT_VERSION,
        written_by: probe.mlo_version.and_then(version_shown),
    })
}

/// A version from a file, if it is fit to be shown.
pub(crate) fn version_shown(version: String) -> Option<String> {
    let fit = version.len() <= VERSION_BYTES_MAX && version.bytes().all(|byte| byte.is_ascii_graphic());
    (fit && !version.is_empty()).then_some(version)
}

/// Passes bytes on, counts them and digests them; refuses those beyond [`SNAPSHOT_BYTES_MAX`].
struct Digesting<W> {
    out: W,
    sha: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if self.bytes + buffer.len() as u64 > SNAPSHOT_BYTES_MAX {
            self.bytes = self.bytes.max(SNAPSHOT_BYTES_MAX) + buffer.len() as u64;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let written = self.out.write(buffer)?;
        self.bytes += written as u64;
        if let Some(written) = buffer.get(..written) {
            self.sha.update(written);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// One line of `objects` on its way out.
#[derive(Serialize)]
struct EntryOut<'a> {
    address: &'a Address,
    #[serde(skip_serializing_if = "Option::is_none")]
    deposed: Option<&'a str>,
    object: ObjectOut<'a>,
}

/// One line of `objects` on its way in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryIn {
    address: Address,
    #[serde(default)]
    deposed: Option<String>,
    object: ObjectIn,
}

/// The document on its way in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SnapshotIn {
    format_version: u32,
    mlo_version: String,
    lineage: String,
    serial: u64,
    #[serde(default)]
    stamp: Stamp,
    #[serde(default)]
    configured: BTreeSet<String>,
    objects: ObjectsIn,
    outputs: BTreeMap<String, OutputIn>,
    #[serde(rename = "digest")]
    _digest: IgnoredAny,
}

impl SnapshotIn {
    fn into_snapshot(self) -> Result<Snapshot, Damage> {
        if self.format_version != SNAPSHOT_FORMAT_VERSION {
            return Err(Damage::Alien);
        }
        if !is_lineage(&self.lineage) {
            return Err(Damage::Lineage);
        }
        if let Some(address) = self.objects.twice {
            return Err(Damage::Duplicate { address: Box::new(address) });
        }
        Ok(Snapshot {
            lineage: self.lineage,
            serial: self.serial,
            mlo_version: self.mlo_version,
            objects: self.objects.objects,
            deposed: self.objects.deposed,
            outputs: self.outputs.into_iter().map(|(name, output)| (name, Output::from(output))).collect(),
            gone: BTreeMap::new(),
            configured: self.configured,
        })
    }
}

/// The objects, put into their map one by one as they are read.
struct ObjectsIn {
    objects: BTreeMap<Address, Object>,
    deposed: BTreeMap<Address, BTreeMap<String, Object>>,
    /// An address that came twice.
    twice: Option<Address>,
}

/// Whether the place was free.
fn insert<K: Ord>(objects: &mut BTreeMap<K, Object>, key: K, object: Object) -> bool {
    match objects.entry(key) {
        Entry::Vacant(place) => {
            place.insert(object);
            true
        }
        Entry::Occupied(_) => false,
    }
}

impl<'de> Deserialize<'de> for ObjectsIn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = ObjectsIn;

            fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
                f.write_str("a list of objects")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ObjectsIn, A::Error> {
                let mut read = ObjectsIn { objects: BTreeMap::new(), deposed: BTreeMap::new(), twice: None };
                while let Some(EntryIn { address, deposed, object }) = seq.next_element()? {
                    let is_new = match deposed {
                        None => insert(&mut read.objects, address.clone(), object.into()),
                        Some(key) => {
                            insert(read.deposed.entry(address.clone()).or_default(), key, object.into())
                        }
                    };
                    if !is_new {
                        read.twice = Some(address);
                    }
                }
                Ok(read)
            }
        }

        deserializer.deserialize_seq(Entries)
    }
}
