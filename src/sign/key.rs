//! Keys as `ssh-keygen -t ed25519` makes them, and signatures as `ssh-keygen -Y sign` does.

use super::wire::{Reader, put};
use data_encoding::{BASE64, BASE64_NOPAD};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256, Sha512};
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;
use zeroize::Zeroizing;

/// The one kind of key.
const KIND: &str = "ssh-ed25519";
/// How a signature begins, and what it signs.
const SIGNATURE: &[u8] = b"SSHSIG";
/// What the message is made shorter with before it is signed.
const HASH: &[u8] = b"sha512";
/// How the file of a secret key begins and ends.
const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &str = "-----END OPENSSH PRIVATE KEY-----";
/// What its bytes begin with.
const MAGIC: &[u8] = b"openssh-key-v1\0";

/// What a signature is for: OpenSSH's namespaces. Nothing that was signed for one is good for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The digest of a saved plan, by who made it.
    Plan,
    /// An approval, by who gave it.
    Approval,
}

impl Purpose {
    fn namespace(self) -> &'static [u8] {
        match self {
            Self::Plan => b"plan@mlifecycle.io",
            Self::Approval => b"approval@mlifecycle.io",
        }
    }
}

/// Why a text is no key. Nothing of it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is something else.
    #[error("it is no key as `ssh-keygen` writes it")]
    Alien,
    /// It is a key of another kind.
    #[error("it is a key of another kind than Ed25519")]
    Kind,
    /// It begins and goes on as a key, and is none.
    #[error("it is damaged")]
    Damaged,
    /// A passphrase is on it.
    #[error("it has a passphrase, and none is asked for")]
    Passphrase,
}

/// A key that signatures are checked with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

/// A key that signs. It is wiped when it is dropped.
pub struct SecretKey(SigningKey);

/// A signature, and the key that it claims to be of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature(Vec<u8>);

impl PublicKey {
    fn blob(&self) -> Vec<u8> {
        let mut blob = Vec::with_capacity(51);
        put(&mut blob, KIND.as_bytes());
        put(&mut blob, &self.0);
        blob
    }

    fn of_blob(blob: &[u8]) -> Result<Self, KeyError> {
        let mut reader = Reader(blob);
        if reader.bytes().ok_or(KeyError::Damaged)? != KIND.as_bytes() {
            return Err(KeyError::Kind);
        }
        let key = reader.bytes().and_then(|key| key.try_into().ok()).ok_or(KeyError::Damaged)?;
        reader.end().ok_or(KeyError::Damaged)?;
        // A point of no use would be taken for a key until somebody signs.
        VerifyingKey::from_bytes(&key).map_err(|_| KeyError::Damaged)?;
        Ok(Self(key))
    }

    /// What people compare: `SHA256:…`, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", BASE64_NOPAD.encode(&Sha256::digest(self.blob())))
    }
}

impl Display for PublicKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{KIND} {}", BASE64.encode(&self.blob()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fingerprint())
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    /// A line of a `.pub` file: kind, key, and a remark that does not matter.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut words = text.split_whitespace();
        let (Some(kind), Some(key)) = (words.next(), words.next()) else { return Err(KeyError::Alien) };
        if kind != KIND {
            let is_other = ["ssh-", "ecdsa-", "sk-"].iter().any(|begin| kind.starts_with(begin));
            return Err(if is_other { KeyError::Kind } else { KeyError::Alien });
        }
        Self::of_blob(&BASE64.decode(key.as_bytes()).map_err(|_| KeyError::Damaged)?)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.public().fingerprint())
    }
}

impl SecretKey {
    /// Whether a text is the file of a secret key, and not a path to one.
    pub fn is_begun_by(text: &str) -> bool {
        text.trim_start().starts_with(BEGIN)
    }

    /// Reads the file of a secret key.
    ///
    /// # Errors
    /// If it is none, or has a passphrase.
    pub fn read(text: &str) -> Result<Self, KeyError> {
        let inside = text.trim().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
        let inside = inside.ok_or(KeyError::Alien)?;
        let digits: Zeroizing<String> = Zeroizing::new(inside.split_whitespace().collect());
        let bytes = BASE64.decode(digits.as_bytes()).map_err(|_| KeyError::Damaged)?;
        let bytes = Zeroizing::new(bytes);
        let mut reader = Reader(bytes.strip_prefix(MAGIC).ok_or(KeyError::Damaged)?);
        let cipher = reader.bytes().ok_or(KeyError::Damaged)?;
        if cipher != b"none" {
            return Err(KeyError::Passphrase);
        }
        Self::of_parts(&mut reader).ok_or(KeyError::Damaged)?
    }

    /// What stands after the cipher: `None` if it is damaged.
    fn of_parts(reader: &mut Reader<'_>) -> Option<Result<Self, KeyError>> {
        reader.is(b"none")?;
        reader.is(b"")?;
        if reader.number()? != 1 {
            return None;
        }
        let public = match PublicKey::of_blob(reader.bytes()?) {
            Ok(public) => public,
            Err(error) => return Some(Err(error)),
        };
        let mut inner = Reader(reader.bytes()?);
        reader.end()?;
        if inner.number()? != inner.number()? {
            return None;
        }
        inner.is(KIND.as_bytes())?;
        inner.is(&public.0)?;
        let pair = Zeroizing::new(<[u8; 64]>::try_from(inner.bytes()?).ok()?);
        inner.bytes()?;
        let padded = inner.0.iter().zip(1_u8..).all(|(byte, number)| *byte == number);
        let key = SigningKey::from_keypair_bytes(&pair).ok()?;
        (padded && key.verifying_key().to_bytes() == public.0).then_some(Ok(Self(key)))
    }

    /// The key that its signatures are checked with.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs bytes.
    pub fn sign(&self, purpose: Purpose, message: &[u8]) -> Signature {
        let mut signed = Vec::new();
        put(&mut signed, KIND.as_bytes());
        put(&mut signed, &self.0.sign(&subject(purpose, message)).to_bytes());
        let mut blob = SIGNATURE.to_vec();
        blob.extend(1_u32.to_be_bytes());
        put(&mut blob, &self.public().blob());
        put(&mut blob, purpose.namespace());
        put(&mut blob, b"");
        put(&mut blob, HASH);
        put(&mut blob, &signed);
        Signature(blob)
    }
}

/// What is signed for a message.
fn subject(purpose: Purpose, message: &[u8]) -> Vec<u8> {
    let mut subject = SIGNATURE.to_vec();
    put(&mut subject, purpose.namespace());
    put(&mut subject, b"");
    put(&mut subject, HASH);
    put(&mut subject, &Sha512::digest(message));
    subject
}

impl Signature {
    /// As one word: what stands between the lines of `ssh-keygen`.
    pub fn encode(&self) -> String {
        BASE64.encode(&self.0)
    }

    /// What [`Self::encode`] gave; nothing of it is believed yet.
    pub fn decode(text: &[u8]) -> Option<Self> {
        BASE64.decode(text).ok().map(Self)
    }

    /// The key that signed this message for this purpose; `None`: none did.
    pub fn by(&self, purpose: Purpose, message: &[u8]) -> Option<PublicKey> {
        let mut reader = Reader(self.0.strip_prefix(SIGNATURE)?);
        if reader.number()? != 1 {
            return None;
        }
        let key = PublicKey::of_blob(reader.bytes()?).ok()?;
        reader.is(purpose.namespace())?;
        reader.is(b"")?;
        reader.is(HASH)?;
        let mut signed = Reader(reader.bytes()?);
        reader.end()?;
        signed.is(KIND.as_bytes())?;
        let signature = ed25519_dalek::Signature::from_bytes(signed.bytes()?.try_into().ok()?);
        signed.end()?;
        let verifying = VerifyingKey::from_bytes(&key.0).ok()?;
        verifying.verify_strict(&subject(purpose, message), &signature).ok().map(|()| key)
    }
}
