//! Files beside a model that hold some of its weights.
//!
//! In: the places that tensors name, and the model's folder or the files themselves. Out: those files, or why a place is
//! refused. Never: a file that is not below the model's own folder, links followed; a name that means something to
//! ONNX Runtime or to a system beyond the file of that name.
//!
//! ONNX Runtime is never asked to open them: it is handed their bytes by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::error::{DataProblem, ModelError};
use crate::inspect::check_size;

/// Files beside a model at most.
const FILES_MAX: usize = 1000;
/// Digits of a digest.
const DIGITS: usize = 64;
/// What stands for the model file itself in a listing, as `sha256sum` calls its standard input.
const MODEL: &str = "-";

/// A model with the files that hold its weights, by the names that it calls them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelFiles {
    /// The ONNX file.
    pub model: Vec<u8>,
    /// Those beside it.
    pub data: Vec<(String, Arc<[u8]>)>,
}

/// A model without other files.
impl From<Vec<u8>> for ModelFiles {
    fn from(model: Vec<u8>) -> Self {
        Self { model, data: Vec::new() }
    }
}

impl ModelFiles {
    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.data.iter().fold(self.model.len() as u64, |sum, (_, data)| sum.saturating_add(data.len() as u64))
    }

    /// Adds a file beside the model.
    ///
    /// # Errors
    /// [`ModelError::TooLarge`] for all files together.
    pub fn push(&mut self, name: String, bytes: Vec<u8>) -> Result<(), ModelError> {
        self.data.push((name, bytes.into()));
        check_size(self.bytes())
    }
}

/// A file beside a model, as its tensors speak of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// Its name, from the model's folder.
    pub name: String,
    /// The tensor that named it first.
    pub tensor: String,
    /// Bytes that it must have at least.
    pub bytes_min: u64,
}

impl DataFile {
    pub(crate) fn wrong(&self, problem: DataProblem) -> ModelError {
        ModelError::ExternalData { tensor: self.tensor.clone(), problem }
    }

    /// Checks how long the file is.
    pub(crate) fn check(&self, bytes: u64) -> Result<(), ModelError> {
        if bytes < self.bytes_min { Err(self.wrong(DataProblem::Short)) } else { Ok(()) }
    }
}

/// The places that tensors name, as they are met.
#[derive(Default)]
pub(crate) struct Places(BTreeMap<String, DataFile>);

impl Places {
    pub(crate) fn add(&mut self, tensor: &str, name: String, bytes_min: u64) -> Result<(), ModelError> {
        let file = DataFile { name, tensor: tensor.to_owned(), bytes_min };
        if !is_plain(&file.name) {
            return Err(file.wrong(DataProblem::Outside));
        }
        let known = self.0.entry(file.name.clone()).or_insert(file);
        known.bytes_min = known.bytes_min.max(bytes_min);
        if self.0.len() > FILES_MAX {
            return Err(ModelError::Limit { what: "files with its data", max: FILES_MAX as u64 });
        }
        Ok(())
    }

    /// By name.
    pub(crate) fn files(&self) -> Vec<DataFile> {
        self.0.values().cloned().collect()
    }
}

/// A name that leads to a file below the folder on every system, and to nothing else in ONNX Runtime.
fn is_plain(name: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part != "." && part != "..";
    let character = |c: char| !c.is_control() && !"\\:*?\"<>|".contains(c);
    name.split('/').all(part) && name.chars().all(character)
}

/// Where a file beside the model at `model` is.
pub(crate) fn find(model: &Path, file: &DataFile) -> Result<PathBuf, ModelError> {
    let folder = model.parent().unwrap_or(Path::new(""));
    let resolved = |path: &Path| path.canonicalize().map_err(|_| file.wrong(DataProblem::Missing));
    let folder = resolved(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?;
    let path = resolved(&folder.join(&file.name))?;
    if path.starts_with(&folder) { Ok(path) } else { Err(file.wrong(DataProblem::Outside)) }
}

/// The bytes of the model at `path`, and of the files beside it that its tensors name. No more is checked.
///
/// # Errors
/// Those of the file system, [`ModelError::TooLarge`] for all files together, and what [`data_files`](crate::data_files)
/// refuses.
pub fn read_files(path: &Path) -> Result<ModelFiles, ModelError> {
    let mut files = ModelFiles::from(crate::inspect::read(path)?);
    for file in crate::inspect::data_files(&files.model)? {
        let bytes = crate::inspect::read(&find(path, &file)?)?;
        file.check(bytes.len() as u64)?;
        files.push(file.name, bytes)?;
    }
    Ok(files)
}

/// The digest of a model: of its file; where there are others, of a listing like that of `sha256sum`: the model as `-`, then
/// the others by name.
pub(crate) fn digest(model: &[u8], data: &[(String, Vec<u8>)]) -> String {
    if data.is_empty() {
        return format!("sha256:{}", HEXLOWER.encode(model));
    }
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(listing(model, data))))
}

fn listing(model: &[u8], data: &[(String, Vec<u8>)]) -> String {
    let mut lines: Vec<(&str, &[u8])> =
        data.iter().map(|(name, hash)| (name.as_str(), hash.as_slice())).collect();
    lines.sort_unstable();
    lines.insert(0, (MODEL, model));
    let mut text = String::new();
    for (name, hash) in lines {
        text.extend([HEXLOWER.encode(hash).as_str(), "  ", name, "\n"]);
    }
    text
}

impl ModelFiles {
    /// What the digest of several files is taken over; nothing where there is one.
    pub fn listing(&self) -> Option<String> {
        let hashes = self.hashes();
        (!hashes.is_empty()).then(|| listing(&Sha256::digest(&self.model), &hashes))
    }

    pub(crate) fn hashes(&self) -> Vec<(String, Vec<u8>)> {
        self.data.iter().map(|(name, bytes)| (name.clone(), Sha256::digest(bytes).to_vec())).collect()
    }
}

/// The digests, `sha256:…`, that a listing names: that of the model, and those beside it by name. `None` for any other
/// bytes.
pub fn listed(bytes: &[u8]) -> Option<(String, Vec<(String, String)>)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines = text.lines().map(|line| {
        let (digits, name) = line.split_once("  ")?;
        let is_digest = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_digest && (name == MODEL || is_plain(name)))
            .then(|| (format!("sha256:{digits}"), name.to_owned()))
    });
    let (model, name) = lines.next()??;
    let data: Option<Vec<_>> = lines.map(|line| line.map(|(digest, name)| (name, digest))).collect();
    Some((model, data?)).filter(|_| name == MODEL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        for name in ["model.onnx.data", "weights/onnx__MatMul_7", "a b", ".hidden", "été"] {
            assert!(is_plain(name), "{name}");
        }
        for name in [
            "",
            ".",
            "..",
            "../x",
            "a/../x",
            "/x",
            "a//b",
            "a/",
            "a\\b",
            "C:x",
            "a\nb",
            "a\0b",
            "*/_ORT_MEM_ADDR_/*",
        ] {
            assert!(!is_plain(name), "{name:?}");
        }
    }

    #[test]
    fn as_many_files_are_known_as_there_may_be() {
        let mut places = Places::default();
        for number in 0..FILES_MAX {
            places.add("w", format!("{number}"), 1).unwrap();
        }
        places.add("other", "7".to_owned(), 9).expect("it is known already");
        assert_eq!(places.files().len(), FILES_MAX);
        assert!(matches!(places.add("w", "one more".to_owned(), 1), Err(ModelError::Limit { .. })));
    }

    #[test]
    fn a_listing_names_what_its_digest_is_of() {
        let data = vec![("b".to_owned(), Arc::from(&b"2"[..])), ("a".to_owned(), Arc::from(&b"1"[..]))];
        let files = ModelFiles { model: b"m".to_vec(), data };
        let text = files.listing().unwrap();
        let (model, data) = listed(text.as_bytes()).unwrap();
        let hex = |bytes: &[u8]| format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(bytes)));
        assert_eq!(model, hex(b"m"));
        assert_eq!(data, [("a".to_owned(), hex(b"1")), ("b".to_owned(), hex(b"2"))]);
        assert_eq!(digest(&Sha256::digest(b"m"), &files.hashes()), hex(text.as_bytes()));
        for other in ["", "x", "0  -\n"] {
            assert_eq!(listed(other.as_bytes()), None);
        }
    }
}
