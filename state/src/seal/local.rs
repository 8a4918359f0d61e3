//! A key in a file of this machine, made when it is first needed.

use data_encoding::HEXLOWER;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::Random;
use super::header::Scope;
use super::key::{DataKey, Key, KeyError, KeyName, Wrapped, decode, encode, filled, unwrap_with, wrap_with};
use crate::disk::Folder;

/// What wrapped keys are bound to.
const WHAT: &[u8] = b"mlo local key 1";
/// How the file begins; the key follows in Base64.
const HEAD: &str = "mlo-key-1 ";
/// Largest file that is read, in bytes; ours have 55.
const BYTES_MAX: u64 = 1024;
/// Hexadecimal digits of a fingerprint.
const FINGERPRINT: usize = 16;

/// The key in a file.
pub struct LocalKey {
    path: PathBuf,
    /// The file was made by this.
    made: AtomicBool,
}

/// What the file holds.
type Bytes = Zeroizing<[u8; 32]>;

impl LocalKey {
    /// The key in the file at `path`, for its owner alone; made, with the folders above it, when something is sealed.
    pub fn new(path: PathBuf) -> Self {
        Self { path, made: AtomicBool::new(false) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file was made by this.
    pub fn was_made(&self) -> bool {
        self.made.load(Ordering::Relaxed)
    }

    fn read(&self) -> Result<Option<Bytes>, KeyError> {
        let (dir, name) = self.parts()?;
        let unusable = |error: &dyn std::fmt::Display| KeyError::Unusable { said: error.to_string() };
        let Some(folder) = Folder::open(dir, None).map_err(|error| unusable(&error))? else {
            return Ok(None);
        };
        let Some(text) = folder.read(name, BYTES_MAX).map_err(|error| unusable(&error))? else {
            return Ok(None);
        };
        let text = Zeroizing::new(text);
        let bytes = std::str::from_utf8(&text).ok().and_then(|text| text.trim_end().strip_prefix(HEAD));
        let bytes = bytes.and_then(decode).map(Zeroizing::new);
        let Some(bytes) = bytes.and_then(|bytes| filled(&bytes)) else {
            let said = format!("{} does not hold a key any more", self.path.display());
            return Err(KeyError::Unusable { said });
        };
        Ok(Some(bytes))
    }

    /// Makes the file; if another process made it meanwhile, that one's key holds.
    fn make(&self, random: &Random) -> Result<Bytes, KeyError> {
        let (dir, name) = self.parts()?;
        let unusable = |error: &dyn std::fmt::Display| KeyError::Unusable { said: error.to_string() };
        let mut bytes = Zeroizing::new([0; 32]);
        random(&mut *bytes);
        let mut tail = [0; 8];
        random(&mut tail);
        let new = format!("{name}.new-{}", HEXLOWER.encode(&tail));
        let text = Zeroizing::new(format!("{HEAD}{}\n", *Zeroizing::new(encode(&*bytes))));
        let folder = Folder::open_or_create(dir, None).map_err(|error| unusable(&error))?;
        folder.create(&new, |file| file.put(text.as_bytes())).map_err(|error| unusable(&error))?;
        let published = folder.publish(&new, name);
        if published.map_err(|error| unusable(&error))? {
            folder.sync().map_err(|error| unusable(&error))?;
            self.made.store(true, Ordering::Relaxed);
            return Ok(bytes);
        }
        self.read()?.ok_or_else(|| unusable(&format!("{} is gone again", self.path.display())))
    }

    fn parts(&self) -> Result<(&Path, &str), KeyError> {
        let name = self.path.file_name().and_then(std::ffi::OsStr::to_str);
        let parts = self.path.parent().zip(name);
        parts.ok_or_else(|| KeyError::Unusable { said: format!("{} names no file", self.path.display()) })
    }
}

impl Key for LocalKey {
    fn name(&self) -> KeyName {
        let label = self.read().ok().flatten().map_or_else(|| "new".to_owned(), |bytes| fingerprint(&bytes));
        KeyName { kind: "file", label: label.into() }
    }

    fn wrap(&self, data_key: &DataKey, scope: &Scope, random: &Random) -> Result<Wrapped, KeyError> {
        let by = match self.read()? {
            Some(by) => by,
            None => self.make(random)?,
        };
        let data_key = wrap_with(&by, data_key, &scope.bound_to(WHAT), random);
        Ok(Wrapped::File { fingerprint: fingerprint(&by), data_key })
    }

    fn unwrap(&self, wrapped: &Wrapped, scope: &Scope) -> Result<DataKey, KeyError> {
        let Wrapped::File { fingerprint: wanted, data_key } = wrapped else { return Err(KeyError::Another) };
        let path = self.path.display();
        let Some(by) = self.read()? else {
            return Err(KeyError::Unusable { said: format!("{path} is not there") });
        };
        if *wanted != fingerprint(&by) {
            return Err(KeyError::Refused { said: format!("{path} holds another key") });
        }
        let refused = || KeyError::Refused {
            said: format!("the key in {path} does not open it, or its first line was changed"),
        };
        unwrap_with(&by, data_key, &scope.bound_to(WHAT)).ok_or_else(refused)
    }
}

/// Tells keys apart, and nothing else of them.
fn fingerprint(key: &[u8; 32]) -> String {
    let digest = Sha256::new().chain_update(b"mlo local key fingerprint").chain_update(key).finalize();
    HEXLOWER.encode(&digest).chars().take(FINGERPRINT).collect()
}
