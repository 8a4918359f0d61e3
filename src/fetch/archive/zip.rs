//! ZIP files, read by their central directory and held against each local header: where the two differ, or entries
//! overlap, readers disagree about what is in it.

use super::{bomb, broken};
use crate::fetch::error::FetchError;
use crate::fetch::tree::Gathering;
use flate2::read::DeflateDecoder;
use std::io::Read as _;

/// Bytes of the record at the end, and of the comment after it.
const END_BYTES: usize = 22;
const COMMENT_BYTES_MAX: usize = 65_535;
const END: [u8; 4] = *b"PK\x05\x06";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const LOCAL: [u8; 4] = *b"PK\x03\x04";

/// One entry as the central directory has it.
struct Entry<'z> {
    name: &'z str,
    method: u16,
    crc: u32,
    packed: usize,
    unpacked: u64,
    /// The Unix mode; 0 if it was made elsewhere.
    mode: u32,
    offset: usize,
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, FetchError> {
    let two = bytes.get(at..).and_then(|rest| rest.first_chunk::<2>());
    two.map(|two| u16::from_le_bytes(*two)).ok_or_else(|| broken("it ends early"))
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, FetchError> {
    let four = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
    four.map(|four| u32::from_le_bytes(*four)).ok_or_else(|| broken("it ends early"))
}

fn size_at(bytes: &[u8], at: usize) -> Result<usize, FetchError> {
    let size = u32_at(bytes, at)?;
    if size == u32::MAX {
        return Err(broken("ZIP64 is for files that are too large here"));
    }
    usize::try_from(size).map_err(broken)
}

/// The files of an archive, of at most `limit` bytes in all.
pub(super) fn files(bytes: &[u8], limit: u64) -> Result<Gathering, FetchError> {
    let mut gathered = Gathering::default();
    let mut used: Vec<(usize, usize)> = Vec::new();
    let mut total = 0_u64;
    for entry in central(bytes)? {
        total = total.saturating_add(entry.unpacked);
        if total > limit {
            return Err(bomb());
        }
        let (start, end) = data(bytes, &entry)?;
        used.push((entry.offset, end));
        let packed = bytes.get(start..end).ok_or_else(|| broken("it ends early"))?;
        if entry.name.ends_with('/') {
            gathered.count()?;
            crate::fetch::tree::path(entry.name)?;
            continue;
        }
        let content = inflate(packed, &entry)?;
        match entry.mode & 0o170_000 {
            0 | 0o100_000 => gathered.file(entry.name, content)?,
            0o120_000 => gathered.link(entry.name, &String::from_utf8_lossy(&content))?,
            _ => {
                let name = crate::diag::escape(entry.name);
                return Err(FetchError::Package(format!("`{name}` in it is no regular file")));
            }
        }
    }
    used.sort_unstable();
    let overlap = used.windows(2).any(|pair| matches!(pair, [(_, end), (start, _)] if start < end));
    if overlap { Err(broken("entries overlap")) } else { Ok(gathered) }
}

/// The entries of the central directory.
fn central(bytes: &[u8]) -> Result<Vec<Entry<'_>>, FetchError> {
    let from = bytes.len().saturating_sub(END_BYTES + COMMENT_BYTES_MAX);
    let tail = bytes.get(from..).unwrap_or_default();
    let end = tail.windows(END.len()).rposition(|window| window == END);
    let end = from + end.ok_or_else(|| broken("it is no ZIP file"))?;
    if end + END_BYTES + usize::from(u16_at(bytes, end + 20)?) != bytes.len() {
        return Err(broken("something follows after its end"));
    }
    let count = u16_at(bytes, end + 10)?;
    let mut at = size_at(bytes, end + 16)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let fixed = bytes.get(at..).filter(|rest| rest.starts_with(&CENTRAL));
        let fixed = fixed.ok_or_else(|| broken("its directory is damaged"))?;
        let length = usize::from(u16_at(fixed, 28)?);
        let after = usize::from(u16_at(fixed, 30)?) + usize::from(u16_at(fixed, 32)?);
        let name = fixed.get(46..46 + length).ok_or_else(|| broken("it ends early"))?;
        let name = std::str::from_utf8(name)
            .map_err(|_| FetchError::Package("a path in it is not UTF-8 text".to_owned()))?;
        if u16_at(fixed, 8)? & 1 != 0 {
            return Err(broken("it is encrypted"));
        }
        let made_on_unix = u16_at(fixed, 4)? >> 8 == 3;
        entries.push(Entry {
            name,
            method: u16_at(fixed, 10)?,
            crc: u32_at(fixed, 16)?,
            packed: size_at(fixed, 20)?,
            unpacked: size_at(fixed, 24)? as u64,
            mode: if made_on_unix { u32_at(fixed, 38)? >> 16 } else { 0 },
            offset: size_at(fixed, 42)?,
        });
        at += 46 + length + after;
    }
    Ok(entries)
}

/// Where the bytes of an entry are, by its local header, which must say the same.
fn data(bytes: &[u8], entry: &Entry<'_>) -> Result<(usize, usize), FetchError> {
    let local = bytes.get(entry.offset..).filter(|rest| rest.starts_with(&LOCAL));
    let local = local.ok_or_else(|| broken("its directory is damaged"))?;
    let length = usize::from(u16_at(local, 26)?);
    let name = local.get(30..30 + length);
    if name != Some(entry.name.as_bytes()) || u16_at(local, 8)? != entry.method {
        return Err(broken("its directory and its entries differ"));
    }
    let start = entry.offset + 30 + length + usize::from(u16_at(local, 28)?);
    Ok((start, start.saturating_add(entry.packed)))
}

fn inflate(packed: &[u8], entry: &Entry<'_>) -> Result<Vec<u8>, FetchError> {
    // What all files have together was looked at before.
    let mut content = Vec::with_capacity(usize::try_from(entry.unpacked).map_err(broken)?);
    match entry.method {
        0 => content.extend_from_slice(packed),
        8 => {
            let limit = entry.unpacked.saturating_add(1);
            DeflateDecoder::new(packed).take(limit).read_to_end(&mut content).map_err(broken)?;
        }
        other => return Err(broken(format!("method {other} of packing is not known"))),
    }
    let mut crc = flate2::Crc::new();
    crc.update(&content);
    if content.len() as u64 != entry.unpacked || crc.sum() != entry.crc {
        return Err(broken("a file in it is not as long as it says, or damaged"));
    }
    Ok(content)
}
