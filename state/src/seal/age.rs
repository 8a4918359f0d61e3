//! Data keys for recipients of age (`age1…`), as files in age's own format: <https://age-encryption.org/v1>.
//!
//! In: a data key and recipients, or a file and identities. Out: a file that `age --decrypt` opens too, or the data key.
//! Never: a recipient that is not X25519; a data key for another scope than the one that is asked for.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bech32::Hrp;
use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::{Aead as _, KeyInit as _};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::Random;
use super::header::Scope;
use super::key::{DataKey, Key, KeyError, KeyName, Wrapped, decode, encode, filled};

const VERSION: &str = "age-encryption.org/v1\n";
const X25519: &str = "age-encryption.org/v1/X25519";
/// Bytes of age's own key of a file.
const FILE_KEY: usize = 16;
/// Recipients of one key; more is a mistake.
const RECIPIENTS_MAX: usize = 100;
/// The nonce where a key is used once.
const ONCE: [u8; 12] = [0; 12];
/// The nonce of a payload's only piece, which is its last.
const ONLY: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// Who may open: an X25519 public key, written `age1…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient([u8; 32]);

impl std::str::FromStr for Recipient {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (hrp, data) = bech32::decode(text.trim()).map_err(|_| ())?;
        let is_lower = !text.contains(|c: char| c.is_ascii_uppercase());
        let key = data.try_into().map_err(|_| ())?;
        if hrp.as_str() == "age" && is_lower { Ok(Self(key)) } else { Err(()) }
    }
}

/// Who opens: an X25519 secret key, written `AGE-SECRET-KEY-1…`.
pub struct Identity(Zeroizing<[u8; 32]>);

impl Identity {
    /// The identities of a file as `age-keygen` writes it: one a line, and comments. `None` if a line is neither.
    pub fn all(text: &str) -> Option<Vec<Self>> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(Self::one).collect()
    }

    fn one(text: &str) -> Option<Self> {
        let (hrp, data) = bech32::decode(text).ok()?;
        let data = Zeroizing::new(data);
        let is_ours = hrp == Hrp::parse("age-secret-key-").ok()?;
        is_ours.then(|| filled(&data).map(Self))?
    }

    /// Who it opens for.
    pub fn recipient(&self) -> Recipient {
        Recipient(PublicKey::from(&self.secret()).to_bytes())
    }

    fn secret(&self) -> StaticSecret {
        StaticSecret::from(*self.0)
    }
}

/// A key that wraps for recipients, and unwraps with identities. With no recipients it only unwraps.
pub struct AgeKey {
    label: Arc<str>,
    recipients: Vec<Recipient>,
    identities: Vec<Identity>,
}

impl AgeKey {
    /// The key of these recipients, or to open with these identities.
    pub fn new(label: impl Into<Arc<str>>, recipients: Vec<Recipient>, identities: Vec<Identity>) -> Self {
        Self { label: label.into(), recipients, identities }
    }
}

impl Key for AgeKey {
    fn name(&self) -> KeyName {
        KeyName { kind: "age", label: self.label.clone() }
    }

    fn wrap(&self, data_key: &DataKey, scope: &Scope, random: &Random) -> Result<Wrapped, KeyError> {
        if self.recipients.is_empty() || self.recipients.len() > RECIPIENTS_MAX {
            let said =
                format!("it needs 1 to {RECIPIENTS_MAX} recipients, and has {}", self.recipients.len());
            return Err(KeyError::Unusable { said });
        }
        let file = encrypt(&self.recipients, &held(data_key, scope), random);
        let said = "a recipient is no point of the curve".to_owned();
        Ok(Wrapped::Age { data_key: encode(&file.ok_or(KeyError::Unusable { said })?) })
    }

    fn is_secret(&self) -> bool {
        false
    }

    fn unwrap(&self, wrapped: &Wrapped, scope: &Scope) -> Result<DataKey, KeyError> {
        let Wrapped::Age { data_key } = wrapped else { return Err(KeyError::Another) };
        if self.identities.is_empty() {
            let said = "no identity is given that could open it".to_owned();
            return Err(KeyError::Unusable { said });
        }
        let opened = decode(data_key).and_then(|file| decrypt(&self.identities, &file));
        opened.and_then(|opened| of_scope(&opened, scope)).ok_or_else(|| KeyError::Refused {
            said: "none of the identities that are given opens it, or its first line was changed".to_owned(),
        })
    }
}

/// What a file holds: the data key, and the digest of what it is for.
fn held(data_key: &DataKey, scope: &Scope) -> Zeroizing<Vec<u8>> {
    Zeroizing::new([&data_key.bytes()[..], &scope.digest()].concat())
}

/// The data key that a file holds, if it is for this.
fn of_scope(held: &[u8], scope: &Scope) -> Option<DataKey> {
    let (data_key, digest) = held.split_at_checked(32)?;
    (scope.digest() == digest).then(|| DataKey::from_bytes(data_key))?
}

/// A key of 32 bytes, made of another.
fn derived(from: &[u8], salt: &[u8], info: &str) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    let made = Hkdf::<Sha256>::new(Some(salt), from).expand(info.as_bytes(), &mut *key);
    made.expect("HKDF gives 32 bytes");
    key
}

fn cipher(key: &[u8; 32]) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(key.into())
}

/// The key that wraps a file's key for a recipient; `None` if the point is one that gives nothing away to nobody.
fn wrapping_key(
    secret: &StaticSecret,
    other: &[u8; 32],
    share: &[u8; 32],
    recipient: &[u8; 32],
) -> Option<Zeroizing<[u8; 32]>> {
    let shared = secret.diffie_hellman(&PublicKey::from(*other));
    shared.was_contributory().then(|| derived(shared.as_bytes(), &[&share[..], recipient].concat(), X25519))
}

fn mac(file_key: &[u8], header: &str) -> Hmac<Sha256> {
    let key = derived(file_key, &[], "header");
    let mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&*key).expect("HMAC takes keys of any length");
    mac.chain_update(header)
}

fn encrypt(recipients: &[Recipient], held: &[u8], random: &Random) -> Option<Vec<u8>> {
    let mut file_key = Zeroizing::new([0; FILE_KEY]);
    random(&mut *file_key);
    let mut header = VERSION.to_owned();
    for Recipient(recipient) in recipients {
        let mut ephemeral = Zeroizing::new([0; 32]);
        random(&mut *ephemeral);
        let ephemeral = StaticSecret::from(*ephemeral);
        let share = PublicKey::from(&ephemeral).to_bytes();
        let by = wrapping_key(&ephemeral, recipient, &share, recipient)?;
        let body = cipher(&by).encrypt(&ONCE.into(), &file_key[..]).ok()?;
        let (share, body) = (STANDARD_NO_PAD.encode(share), STANDARD_NO_PAD.encode(body));
        header.extend(["-> X25519 ", &share, "\n", &body, "\n"]);
    }
    header += "---";
    let tag = mac(&*file_key, &header).finalize().into_bytes();
    header.extend([" ", &STANDARD_NO_PAD.encode(tag), "\n"]);
    let mut nonce = [0; 16];
    random(&mut nonce);
    let payload = cipher(&derived(&*file_key, &nonce, "payload")).encrypt(&ONLY.into(), held).ok()?;
    Some([header.as_bytes(), &nonce, &payload].concat())
}

fn decrypt(identities: &[Identity], file: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let end = file.windows(5).position(|window| window == b"\n--- ")? + 1;
    let header = std::str::from_utf8(file.get(..end)?).ok()?;
    let rest = file.get(end..)?.strip_prefix(b"--- ")?;
    let (tag, payload) = rest.split_at_checked(rest.iter().position(|byte| *byte == b'\n')?)?;
    let tag = STANDARD_NO_PAD.decode(tag).ok()?;
    let (nonce, sealed) = payload.strip_prefix(b"\n")?.split_at_checked(16)?;
    let file_key = file_key(identities, header.strip_prefix(VERSION)?)?;
    mac(&file_key, &format!("{header}---")).verify_slice(&tag).ok()?;
    let clear = cipher(&derived(&file_key, nonce, "payload")).decrypt(&ONLY.into(), sealed).ok()?;
    Some(Zeroizing::new(clear))
}

/// The file's key, from the first stanza that one of the identities opens.
fn file_key(identities: &[Identity], stanzas: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut lines = stanzas.lines();
    while let Some(line) = lines.next() {
        let Some(share) = line.strip_prefix("-> X25519 ") else { continue };
        let share: Option<[u8; 32]> =
            STANDARD_NO_PAD.decode(share).ok().and_then(|share| share.try_into().ok());
        let body = lines.next().and_then(|body| STANDARD_NO_PAD.decode(body).ok());
        let (Some(share), Some(body)) = (share, body) else { continue };
        for identity in identities {
            let secret = identity.secret();
            let recipient = PublicKey::from(&secret).to_bytes();
            let Some(by) = wrapping_key(&secret, &share, &share, &recipient) else { continue };
            let key = cipher(&by).decrypt(&ONCE.into(), &body[..]).map(Zeroizing::new);
            if let Some(key) = key.ok().filter(|key| key.len() == FILE_KEY) {
                return Some(key);
            }
        }
    }
    None
}
