//! Encryption at rest: bytes in clear to sealed bytes, and back.
//!
//! In: what a store is about to write, and what that is bound to; or what it has read. Out: sealed bytes, or those in
//! clear. Never: two files of one data key, but for the parts that one run writes; a data key that opens or seals what it was
//! not made for; a byte believed that was changed, cut off, put elsewhere or taken from an
//! earlier serial; a key in a message, in debug output, or in memory after its use; a random number made here.
//!
//! Each file has a data key of its own, 256 random bits, which a [`Key`] of the configuration wraps. The first line of a
//! sealed file is JSON in clear ([`Subject`], the wrapped key); it is authenticated with every piece of what follows.
//! A file that is written at once is sealed in pieces of 64 KiB ([`Sealing`]), a journal frame by frame ([`Frames`]), so
//! that a record costs what it is long, not what the state is.

use std::sync::Arc;

use crate::snapshot::{Damage, DecodeError};

mod age;
mod content;
mod frames;
mod header;
mod key;
mod kms;
mod local;
mod passphrase;

pub use age::{AgeKey, Identity, Recipient};
pub use content::Sealing;
pub use frames::Frames;
pub use header::{Kind, SEALED_FORMAT_VERSION, Scope, Subject};
pub use key::{DataKey, Key, KeyError, KeyName, Wrapped};
pub use kms::{KmsKey, KmsSettings};
pub use local::LocalKey;
pub use mlo_aws::{Access, AssumeRole, is_endpoint};
pub use passphrase::{PassphraseCost, PassphraseKey};

use header::Header;

/// Fills bytes with random ones, fit to be keys.
pub type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// The keys that a store seals with and opens with. The first seals; every one opens what it sealed.
#[derive(Clone, Default)]
pub struct Vault {
    keys: Vec<Arc<dyn Key>>,
    /// Seals what is sensitive where no other key is there.
    fallback: Option<Arc<dyn Key>>,
    in_clear: InClear,
    random: Option<Random>,
}

/// Whether bytes in clear are believed: whoever can write to a place can put them there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum InClear {
    /// Where no key is configured: then nothing would have sealed them.
    #[default]
    WithoutKeys,
    /// Once, so that they are sealed from then on.
    Once,
    /// Never.
    Never,
}

/// Why sealed bytes stay sealed, or bytes in clear are not sealed. It names keys, and never what they are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No key of the configuration is the one.
    #[error("it is sealed with the key `{name}`, and no such key is configured")]
    NoKey {
        /// The key that sealed it.
        name: KeyName,
    },
    /// A key is there and does not open it.
    #[error("it is sealed with the key `{name}`, and {because}")]
    Refused {
        /// The key that sealed it.
        name: KeyName,
        /// What the one that is there said.
        because: KeyError,
    },
    /// The key that would seal it cannot.
    #[error("it cannot be sealed with the key `{name}`: {because}")]
    Unsealed {
        /// The key that should seal it.
        name: KeyName,
        /// What it said.
        because: KeyError,
    },
    /// It is in clear where there is a key, so that nobody knows who wrote it.
    #[error("it is in clear, and a key is configured: what mlo writes is sealed with it")]
    Clear,
    /// It is sealed with a key that was made where it lies, which is worth as much as clear to who can write there.
    #[error("it is sealed with the key `{name}` that was made in the project, and another key is configured")]
    Local {
        /// The key that sealed it.
        name: KeyName,
    },
    /// It is sealed with a public key, which is worth as much as clear where there is a secret one: anybody can do that.
    #[error(
        "it is sealed with the key `{name}`, which is public, and a secret key is configured in front of it"
    )]
    Public {
        /// The key that sealed it.
        name: KeyName,
    },
    /// It is in clear, and the configuration says that nothing is.
    #[error("it is in clear, and the configuration takes only what is sealed (`enforced`)")]
    Enforced,
}

impl SealError {
    /// Whether it is what is there that is not taken. Else a key is not to be had, and what is there may be whole.
    pub(crate) fn is_about_content(&self) -> bool {
        matches!(self, Self::Clear | Self::Enforced | Self::Local { .. } | Self::Public { .. })
    }

    /// The key that was asked and does not open it: another one is given, or what wraps the data key was changed.
    pub(crate) fn refusing(&self) -> Option<&KeyName> {
        match self {
            Self::Refused { name, because: KeyError::Refused { .. } } => Some(name),
            _ => None,
        }
    }
}

impl Vault {
    /// No key: nothing is sealed, and what is sealed is not opened.
    pub fn clear() -> Self {
        Self::default()
    }

    /// The first of `keys` seals, each of them opens.
    pub fn new(keys: Vec<Arc<dyn Key>>, random: Random) -> Self {
        Self { keys, fallback: None, in_clear: InClear::default(), random: Some(random) }
    }

    /// The same, with a key that opens what it sealed, and seals what is sensitive if there is no other.
    #[must_use]
    pub fn with_fallback(self, key: Arc<dyn Key>) -> Self {
        Self { fallback: Some(key), ..self }
    }

    /// The same, which takes nothing in clear, whatever asks for it.
    #[must_use]
    pub fn enforced(self) -> Self {
        Self { in_clear: InClear::Never, ..self }
    }

    /// The same for a command that seals what was written before there was a key: it takes what is in clear, unless
    /// [`Self::enforced`].
    #[must_use]
    pub fn taking_clear(self) -> Self {
        let in_clear = if self.in_clear == InClear::Never { InClear::Never } else { InClear::Once };
        Self { in_clear, ..self }
    }

    /// Whether something would be sealed that holds sensitive values, or that does not.
    pub fn seals(&self, is_sensitive: bool) -> bool {
        self.sealing_key(is_sensitive).is_some()
    }

    /// Whether a key was configured, so that all is sealed.
    pub fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// The name of the key that seals.
    pub fn sealing_name(&self, is_sensitive: bool) -> Option<KeyName> {
        self.sealing_key(is_sensitive).map(|key| key.name())
    }

    fn sealing_key(&self, is_sensitive: bool) -> Option<&Arc<dyn Key>> {
        self.keys
            .first()
            .or(self.fallback.as_ref().filter(|_| is_sensitive))
            .filter(|_| self.random.is_some())
    }

    /// Whether bytes begin as sealed ones do.
    pub fn is_sealed(bytes: &[u8]) -> bool {
        header::is_begun_by(bytes)
    }

    /// The name of the key that sealed some bytes, and what they are bound to, without opening them.
    ///
    /// # Errors
    /// If they do not begin with a header.
    pub fn look(bytes: &[u8]) -> Result<(KeyName, Subject), DecodeError> {
        let (header, _) = Header::read(bytes)?;
        Ok((header.name, header.subject))
    }

    /// What seals all that is written to it; [`Sealing::finish`] ends it. `None`: it stays in clear.
    ///
    /// # Errors
    /// If the key cannot be used.
    pub fn sealing<W: std::io::Write>(
        &self,
        subject: Subject,
        is_sensitive: bool,
        out: W,
    ) -> Result<Result<Sealing<W>, W>, SealError> {
        match self.new_header(subject, is_sensitive)? {
            Some((header, key)) => Ok(Ok(Sealing::new(&header, &key, out))),
            None => Ok(Err(out)),
        }
    }

    /// Bytes sealed at once; as they are if nothing seals them.
    ///
    /// # Errors
    /// If the key cannot be used.
    pub fn seal(&self, subject: Subject, is_sensitive: bool, clear: Vec<u8>) -> Result<Vec<u8>, SealError> {
        let Some((header, key)) = self.new_header(subject, is_sensitive)? else { return Ok(clear) };
        Ok(content::seal(&header, &key, &clear))
    }

    /// The bytes in clear, if they are of this kind and each is as it was sealed, and what they are bound to. Bytes that
    /// were never sealed are given back, bound to nothing.
    ///
    /// # Errors
    /// If they are not, or if no key opens them.
    pub fn open(&self, kind: Kind, bytes: Vec<u8>) -> Result<(Vec<u8>, Option<Subject>), DecodeError> {
        if !Self::is_sealed(&bytes) {
            self.check_clear()?;
            return Ok((bytes, None));
        }
        let (header, start) = Header::read(&bytes)?;
        if header.subject.kind != kind {
            return Err(Damage::Alien.into());
        }
        let key = self.unwrap(&header)?;
        let clear = content::open(&header, &key, bytes.get(start..).unwrap_or_default())?;
        Ok((clear, Some(header.subject)))
    }

    /// What seals the frames of a journal, with a data key of its own. `None`: they stay in clear.
    ///
    /// # Errors
    /// If the key cannot be used.
    pub fn frames(&self, subject: Subject, is_sensitive: bool) -> Result<Option<Frames>, SealError> {
        let Some((header, key)) = self.new_header(subject, is_sensitive)? else { return Ok(None) };
        let random = self.random.clone();
        Ok(random.map(|random| Frames::new(header, &key, random)))
    }

    /// What opens the frames that follow a [`Frames::head`], and seals further ones.
    ///
    /// # Errors
    /// If no key opens them, or if the head is not one of this subject.
    pub fn frames_after(&self, head: &[u8], subject: &Subject) -> Result<Frames, DecodeError> {
        let header = Header::decode(head)?;
        if header.subject != *subject {
            return Err(Damage::Seal.into());
        }
        let key = self.unwrap(&header)?;
        match self.random.clone() {
            Some(random) => Ok(Frames::new(header, &key, random)),
            None => Err(SealError::NoKey { name: header.name }.into()),
        }
    }

    /// What is in clear is taken only where no key is configured, or by [`Self::taking_clear`].
    ///
    /// # Errors
    /// [`SealError::Clear`], [`SealError::Enforced`].
    pub fn check_clear(&self) -> Result<(), SealError> {
        match self.in_clear {
            InClear::Never => Err(SealError::Enforced),
            InClear::WithoutKeys if self.has_keys() => Err(SealError::Clear),
            InClear::WithoutKeys | InClear::Once => Ok(()),
        }
    }

    fn new_header(
        &self,
        subject: Subject,
        is_sensitive: bool,
    ) -> Result<Option<(Header, DataKey)>, SealError> {
        let (Some(key), Some(random)) = (self.sealing_key(is_sensitive), &self.random) else {
            return Ok(None);
        };
        let data_key = DataKey::new(random);
        let unsealed = |because| SealError::Unsealed { name: key.name(), because };
        let wrapped = key.wrap(&data_key, &subject.scope(), random).map_err(unsealed)?;
        // Only after the wrapping: a key that is made when it is needed has its name from then on.
        Ok(Some((Header::new(key.name(), subject, wrapped), data_key)))
    }

    /// The data key of a file, by the key of that name, or else by another of its kind: a name can change.
    fn unwrap(&self, header: &Header) -> Result<DataKey, SealError> {
        let name = &header.name;
        // A key that lies beside what it sealed opens nothing where there is a better one: who can put a state there can put
        // a key there too.
        let is_better = self.has_keys() && self.in_clear != InClear::Once || self.in_clear == InClear::Never;
        let fallback = self.fallback.as_ref().filter(|_| !is_better);
        let is_local = |key: &Arc<dyn Key>| key.name().kind == name.kind;
        if is_better && self.fallback.as_ref().is_some_and(is_local) && !self.keys.iter().any(is_local) {
            return Err(SealError::Local { name: name.clone() });
        }
        let alike = || self.keys.iter().chain(fallback).filter(|key| key.name().kind == name.kind);
        // What anybody can seal is no better than what is in clear.
        let is_secret = self.keys.first().is_some_and(|key| key.is_secret()) && is_better;
        if is_secret && alike().next().is_some() && alike().all(|key| !key.is_secret()) {
            return Err(SealError::Public { name: name.clone() });
        }
        let (same, others): (Vec<_>, Vec<_>) = alike().partition(|key| key.name() == *name);
        let mut said = None;
        for key in same.into_iter().chain(others) {
            match key.unwrap(&header.wrapped, &header.scope) {
                Ok(data_key) => return Ok(data_key),
                Err(KeyError::Another) => {}
                Err(because) => said = said.or(Some(because)),
            }
        }
        let name = name.clone();
        Err(match said {
            Some(because) => SealError::Refused { name, because },
            None => SealError::NoKey { name },
        })
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.keys.iter().map(|key| key.name().to_string()).collect();
        f.debug_struct("Vault")
            .field("keys", &names)
            .field("in_clear", &self.in_clear)
            .finish_non_exhaustive()
    }
}
