//! The frames of a journal, each sealed by itself.
//!
//! In: the payload of a frame and where in the journal it stands. Out: text without a newline. Never: a frame that opens
//! in another place or in another journal; a nonce twice, even if a frame that was torn is written anew in its place: each
//! has a random one.

use std::sync::Arc;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead as _, Payload};

use super::Random;
use super::header::{Header, Subject};
use super::key::{DataKey, KeyName, NONCE, decode, encode};
use crate::snapshot::Damage;

/// Seals and opens the frames of one journal.
#[derive(Clone)]
pub struct Frames {
    /// Shared by clones: the schedule of its rounds is large.
    cipher: Arc<Aes256Gcm>,
    header: Arc<Header>,
    random: Random,
}

impl Frames {
    pub(super) fn new(header: Header, key: &DataKey, random: Random) -> Self {
        Self { cipher: Arc::new(key.cipher()), header: Arc::new(header), random }
    }

    /// What seals the frames of another part that the same run writes, with the same data key: a service that wraps keys is
    /// asked once in a run. Nonces are random, so that one key does for more frames than a run can write. `None` if the data
    /// key is not for that part.
    pub fn for_part(&self, subject: Subject) -> Option<Self> {
        if subject.scope() != self.header.scope {
            return None;
        }
        let Header { name, wrapped, .. } = self.header.as_ref().clone();
        let (cipher, header) = (self.cipher.clone(), Arc::new(Header::new(name, subject, wrapped)));
        Some(Self { cipher, header, random: self.random.clone() })
    }

    /// The key that wraps their data key.
    pub(crate) fn key(&self) -> &KeyName {
        &self.header.name
    }

    /// What stands before the first sealed frame and says how they open.
    pub fn head(&self) -> &[u8] {
        &self.header.line
    }

    /// Whether a frame is a head.
    pub fn is_head(payload: &[u8]) -> bool {
        super::header::is_begun_by(payload)
    }

    /// A sealed frame for `position`: where it begins in the journal, or which it is.
    pub fn seal(&self, position: u64, clear: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE];
        (self.random)(&mut nonce);
        let aad = self.aad(position);
        let sealed = self.cipher.encrypt(&nonce.into(), Payload { msg: clear, aad: &aad });
        let sealed = sealed.expect("a frame is far shorter than the limit of the cipher, 64 GiB");
        encode(&[&nonce[..], &sealed].concat()).into_bytes()
    }

    /// The frame in clear, if it was sealed for this position.
    ///
    /// # Errors
    /// [`Damage::Seal`].
    pub fn open(&self, position: u64, payload: &[u8]) -> Result<Vec<u8>, Damage> {
        let opened = || {
            let bytes = decode(std::str::from_utf8(payload).ok()?)?;
            let (nonce, sealed) = bytes.split_at_checked(NONCE)?;
            let nonce: [u8; NONCE] = nonce.try_into().ok()?;
            let aad = self.aad(position);
            self.cipher.decrypt(&nonce.into(), Payload { msg: sealed, aad: &aad }).ok()
        };
        opened().ok_or(Damage::Seal)
    }

    fn aad(&self, position: u64) -> Vec<u8> {
        [&*self.header.line, b"\n", &position.to_be_bytes()].concat()
    }
}

impl std::fmt::Debug for Frames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Frames(..)")
    }
}
