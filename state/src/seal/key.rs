//! Keys that wrap data keys.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Random;
use super::header::Scope;

/// Bytes of a nonce of AES-GCM.
pub(super) const NONCE: usize = 12;

/// A key that wraps the data keys of files, each of which seals one file.
///
/// Its calls may take long: a passphrase is stretched, a service is asked. So a store calls it seldom, and never with a
/// lock of the program held.
pub trait Key: Send + Sync {
    /// What it is called in headers and in messages.
    fn name(&self) -> KeyName;

    /// Wraps a data key for a scope.
    ///
    /// # Errors
    /// If the key is not one to seal with, or cannot be reached.
    fn wrap(&self, data_key: &DataKey, scope: &Scope, random: &Random) -> Result<Wrapped, KeyError>;

    /// The data key that was wrapped for a scope.
    ///
    /// # Errors
    /// If this is not the key, or cannot be reached, or if it was wrapped for another scope.
    fn unwrap(&self, wrapped: &Wrapped, scope: &Scope) -> Result<DataKey, KeyError>;

    /// Whether only who can open can wrap. With a public key anybody can wrap.
    fn is_secret(&self) -> bool {
        true
    }
}

/// What a key is called: its kind and the name that the configuration has for it. Prints as `passphrase.team`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyName {
    /// `passphrase`, `age`, `aws_kms` or `file`.
    pub kind: &'static str,
    /// The configuration's name for it.
    pub label: Arc<str>,
}

impl Display for KeyName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.kind, self.label)
    }
}

/// What a key says that does not do what it is asked for. For people; it holds nothing of the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Another key wrapped this.
    #[error("it is another key")]
    Another,
    /// It is the right kind of key, and not the right one.
    #[error("{said}")]
    Refused {
        /// What does not open it: `the passphrase that is configured does not open it`.
        said: String,
    },
    /// It could not be used at all.
    #[error("{said}")]
    Unusable {
        /// Why: a file that is missing, a service that does not answer.
        said: String,
    },
    /// Opening it would take more than it may.
    #[error("its header asks for {found} {what}, and at most {limit} is taken")]
    Limit {
        /// Of what, with its unit.
        what: &'static str,
        /// How much it asks for.
        found: u64,
        /// How much is taken.
        limit: u64,
    },
}

/// A data key as it stands in a header, by the kind of the key that wrapped it. Bytes are in Base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Wrapped {
    /// With AES-256-GCM, by what Argon2id makes of a passphrase.
    Passphrase {
        /// 16 random bytes.
        salt: String,
        /// Argon2id's memory.
        memory_kib: u32,
        /// Argon2id's passes over it.
        passes: u32,
        /// Argon2id's lanes.
        lanes: u32,
        /// Nonce, ciphertext, tag.
        data_key: String,
    },
    /// As a file of age, for its recipients.
    Age {
        /// The file.
        data_key: String,
    },
    /// With AES-256-GCM, by the key in a file.
    File {
        /// Tells which.
        fingerprint: String,
        /// Nonce, ciphertext, tag.
        data_key: String,
    },
    /// By a key of AWS KMS.
    AwsKms {
        /// The key's ARN.
        key_arn: String,
        /// What KMS made of it.
        data_key: String,
    },
}

impl Wrapped {
    /// The kind of the key that wrapped it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Passphrase { .. } => "passphrase",
            Self::Age { .. } => "age",
            Self::File { .. } => "file",
            Self::AwsKms { .. } => "aws_kms",
        }
    }
}

/// The key of one file: 256 random bits, wiped when it is dropped.
pub struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// A new one.
    pub(super) fn new(random: &Random) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        random(&mut *bytes);
        Self(bytes)
    }

    /// One that was unwrapped; `None` if it is not 32 bytes long.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        filled(bytes).map(Self)
    }

    /// Its bytes, to be wrapped.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(super) fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new((&*self.0).into())
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(..)")
    }
}

/// A data key wrapped by another key of 256 bits, bound to `what`.
pub(super) fn wrap_with(by: &[u8; 32], data_key: &DataKey, what: &[u8], random: &Random) -> String {
    let mut nonce = [0; NONCE];
    random(&mut nonce);
    let payload = Payload { msg: data_key.bytes(), aad: what };
    let sealed = Aes256Gcm::new(by.into()).encrypt(&nonce.into(), payload);
    let sealed = sealed.expect("32 bytes are far from the limit of the cipher");
    encode(&[&nonce[..], &sealed].concat())
}

/// The data key that [`wrap_with`] wrapped, if this is the key and nothing was changed.
pub(super) fn unwrap_with(by: &[u8; 32], wrapped: &str, what: &[u8]) -> Option<DataKey> {
    let bytes = decode(wrapped)?;
    let (nonce, sealed) = bytes.split_at_checked(NONCE)?;
    let nonce: [u8; NONCE] = nonce.try_into().ok()?;
    let payload = Payload { msg: sealed, aad: what };
    let clear = Aes256Gcm::new(by.into()).decrypt(&nonce.into(), payload).ok()?;
    DataKey::from_bytes(&Zeroizing::new(clear))
}

/// A key with these bytes, put there in place; `None` if they are not as many.
pub(super) fn filled(bytes: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    (bytes.len() == key.len()).then(|| key.copy_from_slice(bytes))?;
    Some(key)
}

/// Bytes as text.
pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of a text.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}
