//! From a file's bytes to what the model is, and the refusal of what must not reach ONNX Runtime.
//!
//! In: a path, or bytes. Out: [`ModelFacts`]. Never: more than a few megabytes of memory however large the file, a
//! second read of the weights (they are hashed and passed over in one go), a panic.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::beside::{self, DataFile, ModelFiles};
use crate::error::{DataProblem, ModelError};
use crate::facts::ModelFacts;
use crate::walk::{Found, walk};

/// Size of a model file in bytes at most: protobuf's own limit for a message.
pub const MODEL_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024 - 1;
/// Bytes read from the file at a time.
const BUFFER_BYTES: usize = 256 * 1024;

/// Reads and checks the model at `path`, keeping none of its weights.
///
/// # Errors
/// Every variant of [`ModelError`] except those of URIs and folders.
pub fn inspect(path: &Path) -> Result<ModelFacts, ModelError> {
    let (file, size_bytes) = open(path)?;
    let hashing = Hashing { inner: file.take(size_bytes), hash: Sha256::new() };
    let mut input = BufReader::with_capacity(BUFFER_BYTES, hashing);
    let found = walk(&mut input, size_bytes).map_err(|stop| stop.at(path))?;
    let model = input.into_inner().hash.finalize();
    let (mut bytes, mut hashes) = (size_bytes, Vec::new());
    for file in found.places() {
        let (length, hash) = hashed(&beside::find(path, &file)?)?;
        file.check(length)?;
        bytes = bytes.saturating_add(length);
        check_size(bytes)?;
        hashes.push((file.name, hash));
    }
    Ok(found.facts(beside::digest(&model, &hashes), bytes))
}

/// What the model at `path` takes and gives, as [`ModelFacts::signature`] says it. The file is checked, but has no digest:
/// that takes most of the time of [`inspect`].
///
/// # Errors
/// As [`inspect`].
pub fn signature(path: &Path) -> Result<String, ModelError> {
    let (file, size_bytes) = open(path)?;
    let mut input = BufReader::with_capacity(BUFFER_BYTES, file.take(size_bytes));
    let found = walk(&mut input, size_bytes).map_err(|stop| stop.at(path))?;
    Ok(found.facts(String::new(), size_bytes).signature())
}

/// How long a file is, and its digest.
fn hashed(path: &Path) -> Result<(u64, Vec<u8>), ModelError> {
    let failed = |source| ModelError::Read { path: path.to_owned(), source };
    let (file, size_bytes) = open(path)?;
    let mut input = Hashing { inner: file.take(size_bytes), hash: Sha256::new() };
    std::io::copy(&mut input, &mut std::io::sink()).map_err(failed)?;
    Ok((size_bytes, input.hash.finalize().to_vec()))
}

/// Reads and checks a model of one file that is in memory already.
///
/// # Errors
/// As [`inspect`], without those of the file system.
pub fn inspect_bytes(bytes: &[u8]) -> Result<ModelFacts, ModelError> {
    inspect_parts(bytes, &[])
}

/// Reads and checks a model that is in memory already, such as one that [`read_files`](crate::read_files) gave.
///
/// # Errors
/// As [`inspect`], without those of the file system.
pub fn inspect_files(files: &ModelFiles) -> Result<ModelFacts, ModelError> {
    inspect_parts(&files.model, &files.data)
}

fn inspect_parts(model: &[u8], data: &[(String, Arc<[u8]>)]) -> Result<ModelFacts, ModelError> {
    let found = found(model)?;
    let (mut bytes, mut hashes) = (model.len() as u64, Vec::new());
    for file in found.places() {
        let given = data.iter().find(|(name, _)| *name == file.name);
        let (name, data) = given.ok_or_else(|| file.wrong(DataProblem::Missing))?;
        file.check(data.len() as u64)?;
        bytes = bytes.saturating_add(data.len() as u64);
        hashes.push((name.clone(), Sha256::digest(data).to_vec()));
    }
    Ok(found.facts(beside::digest(&Sha256::digest(model), &hashes), bytes))
}

/// The files beside a model that its tensors name, by name.
///
/// # Errors
/// As [`inspect_bytes`]; that a file is not there is none.
pub fn data_files(model: &[u8]) -> Result<Vec<DataFile>, ModelError> {
    Ok(found(model)?.places())
}

fn found(model: &[u8]) -> Result<Found, ModelError> {
    let size_bytes = model.len() as u64;
    check_size(size_bytes)?;
    let mut input = model;
    walk(&mut input, size_bytes).map_err(|stop| stop.at(Path::new("memory")))
}

/// The bytes of the regular file at `path`, at most [`MODEL_BYTES_MAX`] of them, unchecked.
///
/// # Errors
/// Those of the file system, and [`ModelError::TooLarge`].
pub fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    let (file, size_bytes) = open(path)?;
    let mut bytes = Vec::with_capacity(usize::try_from(size_bytes).unwrap_or(0));
    file.take(MODEL_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| ModelError::Read { path: path.to_owned(), source })?;
    check_size(bytes.len() as u64)?;
    Ok(bytes)
}

/// Opens a regular file without waiting for a pipe's other end, and says how large it is.
fn open(path: &Path) -> Result<(File, u64), ModelError> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => ModelError::Missing { path: path.to_owned() },
        _ => ModelError::Read { path: path.to_owned(), source },
    };
    // Asked before opening, because opening a device can do something; asked again after, of what was opened.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(ModelError::NotAFile { path: path.to_owned() });
    }
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(ModelError::NotAFile { path: path.to_owned() });
    }
    check_size(metadata.len())?;
    Ok((file, metadata.len()))
}

pub(crate) fn check_size(size_bytes: u64) -> Result<(), ModelError> {
    match size_bytes {
        0 => Err(ModelError::Empty),
        size if size > MODEL_BYTES_MAX => {
            Err(ModelError::TooLarge { size_bytes, max_bytes: MODEL_BYTES_MAX })
        }
        _ => Ok(()),
    }
}

/// Hashes what passes through.
struct Hashing<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}
