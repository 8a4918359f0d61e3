//! Archives to files: the one door to `tar` and to inflating.
//!
//! Goes in: the bytes of a `.tar.gz` or `.zip`. Comes out: its files. Never happens: writing, more memory than the
//! limits, an entry that is no file, folder or link.

mod pack;
mod zip;

pub(super) use pack::packed;

use super::Purpose;
use super::address::Format;
use super::error::FetchError;
use super::tree::{BYTES_MAX, Gathering, Tree};
use flate2::read::MultiGzDecoder;
use std::io::Read;

/// Bytes of an archive.
pub(super) const PACKED_BYTES_MAX: usize = 64 << 20;
/// How many times larger than the archive its files may be. Configuration is packed to a tenth at best.
const RATIO_MAX: u64 = 100;
/// Bytes up to which the ratio does not count: empty files pack well.
const RATIO_FREE_BYTES: u64 = 10 << 20;

/// The files of an archive. In a bundle of policies, which OPA writes with paths from `/` on, that is the bundle itself.
pub(super) fn unpack(bytes: &[u8], format: Format, purpose: Purpose) -> Result<Tree, FetchError> {
    let packed = bytes.len() as u64;
    let limit = packed.saturating_mul(RATIO_MAX).clamp(RATIO_FREE_BYTES, BYTES_MAX);
    let gathered = match format {
        Format::TarGz => tar_gz(bytes, limit, purpose)?,
        Format::Zip => zip::files(bytes, limit)?,
    };
    gathered.finish()
}

/// The format that the bytes themselves say.
pub(super) fn format_of(bytes: &[u8]) -> Option<Format> {
    match bytes {
        [0x1f, 0x8b, ..] => Some(Format::TarGz),
        [b'P', b'K', ..] => Some(Format::Zip),
        _ => None,
    }
}

fn broken(why: impl std::fmt::Display) -> FetchError {
    FetchError::Package(format!("the archive cannot be read: {why}"))
}

fn bomb() -> FetchError {
    FetchError::Package(format!(
        "unpacked it is larger than {} MiB, or more than {RATIO_MAX} times larger than packed",
        BYTES_MAX >> 20
    ))
}

/// A reader that ends with an error once more than so many bytes were read.
struct Bounded<R> {
    inner: R,
    left: u64,
    over: bool,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(into)?;
        let left = self.left.checked_sub(read as u64);
        self.over = left.is_none();
        self.left = left.ok_or_else(|| std::io::Error::other("too large"))?;
        Ok(read)
    }
}

fn tar_gz(bytes: &[u8], limit: u64, purpose: Purpose) -> Result<Gathering, FetchError> {
    // Headers and padding: at most 1.5 KiB for each entry, and long names.
    let overhead = super::tree::FILES_MAX as u64 * 4096;
    let bounded =
        Bounded { inner: MultiGzDecoder::new(bytes), left: limit + overhead.min(limit), over: false };
    let mut archive = tar::Archive::new(bounded);
    let result = entries(&mut archive, limit, purpose);
    match result {
        Err(_) if archive.into_inner().over => Err(bomb()),
        result => result,
    }
}

fn entries<R: Read>(
    archive: &mut tar::Archive<R>,
    limit: u64,
    purpose: Purpose,
) -> Result<Gathering, FetchError> {
    use tar::EntryType;
    let mut gathered = Gathering::default();
    let mut bytes = 0_u64;
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let name = entry.path_bytes().into_owned();
        let name = String::from_utf8(name)
            .map_err(|_| FetchError::Package("a path in it is not UTF-8 text".to_owned()))?;
        let name = match (purpose, name.strip_prefix('/')) {
            (Purpose::Policy, Some(inside)) => inside.to_owned(),
            _ => name,
        };
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => {
                let size = entry.size();
                bytes = bytes.saturating_add(size);
                if bytes > limit || size > gathered.room() {
                    return Err(bomb());
                }
                let mut content = Vec::with_capacity(usize::try_from(size).map_err(broken)?);
                entry.read_to_end(&mut content).map_err(broken)?;
                if content.len() as u64 != size {
                    return Err(broken(format!("`{}` ends early", crate::diag::escape(&name))));
                }
                gathered.file(&name, content)?;
            }
            EntryType::Directory => {
                gathered.count()?;
                if !matches!(name.trim_end_matches('/'), "" | ".") {
                    super::tree::path(&name)?;
                }
            }
            EntryType::Symlink => {
                let target = entry.link_name_bytes().map(std::borrow::Cow::into_owned).unwrap_or_default();
                gathered.link(&name, &String::from_utf8_lossy(&target))?;
            }
            // What Git writes into its archives: a comment for the whole of it.
            EntryType::XGlobalHeader => gathered.count()?,
            other => return Err(not_a_file(&name, other)),
        }
    }
    Ok(gathered)
}

fn not_a_file(name: &str, kind: tar::EntryType) -> FetchError {
    let kind = match kind {
        tar::EntryType::Link => "a hard link",
        tar::EntryType::Char | tar::EntryType::Block => "a device",
        tar::EntryType::Fifo => "a pipe",
        tar::EntryType::GNUSparse => "a file with holes",
        _ => "of an unknown kind",
    };
    FetchError::Package(format!("`{}` in it is {kind}", crate::diag::escape(name)))
}
