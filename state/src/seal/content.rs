//! A file that is sealed at once, in pieces: none can be changed, left out, added or moved.
//!
//! After the header's line come pieces of 64 KiB, the last one shorter, each with its tag of 16 bytes. A piece's nonce is
//! its number and whether it is the last; the data key is of this file alone, so no nonce comes twice.

use std::io::{self, Write};

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::AeadInOut as _;

use super::header::Header;
use super::key::{DataKey, NONCE};
use crate::snapshot::Damage;

/// Bytes of a piece before it is sealed.
const PIECE: usize = 64 * 1024;
/// Bytes of a tag.
const TAG: usize = 16;

/// Seals what is written to it.
pub struct Sealing<W> {
    out: W,
    cipher: Aes256Gcm,
    line: Vec<u8>,
    /// The header's line was written.
    begun: bool,
    /// What the next piece has so far.
    piece: Vec<u8>,
    /// Number of the next piece.
    number: u64,
}

impl<W: Write> Sealing<W> {
    pub(super) fn new(header: &Header, key: &DataKey, out: W) -> Self {
        let (line, piece) = (header.line.clone(), Vec::with_capacity(PIECE + TAG));
        Self { out, cipher: key.cipher(), line, begun: false, piece, number: 0 }
    }

    /// Writes what is left. What is not finished does not open.
    ///
    /// # Errors
    /// Those of what it writes to.
    pub fn finish(mut self) -> io::Result<W> {
        self.put(true)?;
        Ok(self.out)
    }

    fn put(&mut self, is_last: bool) -> io::Result<()> {
        if !std::mem::replace(&mut self.begun, true) {
            self.out.write_all(&self.line)?;
            self.out.write_all(b"\n")?;
        }
        let nonce = nonce(self.number, is_last);
        let sealed = self.cipher.encrypt_in_place(&nonce.into(), &self.line, &mut self.piece);
        sealed.map_err(|_| io::Error::other("it is too long to be sealed"))?;
        self.out.write_all(&self.piece)?;
        self.piece.clear();
        self.number += 1;
        Ok(())
    }
}

impl<W: Write> Write for Sealing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Only when more follows is it known that a piece is not the last.
        if self.piece.len() == PIECE && !bytes.is_empty() {
            self.put(false)?;
        }
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A whole file, sealed.
pub(super) fn seal(header: &Header, key: &DataKey, clear: &[u8]) -> Vec<u8> {
    let pieces = clear.len() / PIECE + 1;
    let out = Vec::with_capacity(header.line.len() + 1 + clear.len() + pieces * TAG);
    let mut sealing = Sealing::new(header, key, out);
    let written = sealing.write_all(clear).and_then(|()| sealing.finish());
    written.expect("memory takes what is written to it")
}

/// What follows a header, opened.
pub(super) fn open(header: &Header, key: &DataKey, sealed: &[u8]) -> Result<Vec<u8>, Damage> {
    let cipher = key.cipher();
    let mut clear = Vec::with_capacity(sealed.len());
    let mut number = 0;
    let mut rest = sealed;
    loop {
        let (piece, after) = rest.split_at(rest.len().min(PIECE + TAG));
        let is_last = after.is_empty();
        let opened = |is_last| {
            let mut piece = piece.to_vec();
            let nonce = nonce(number, is_last);
            cipher.decrypt_in_place(&nonce.into(), &header.line, &mut piece).ok().map(|()| piece)
        };
        match opened(is_last) {
            Some(opened) => clear.extend_from_slice(&opened),
            // Whole, and yet not the end.
            None if is_last && opened(false).is_some() => return Err(Damage::Truncated),
            None => return Err(Damage::Seal),
        }
        if is_last {
            return Ok(clear);
        }
        rest = after;
        number += 1;
    }
}

/// Eleven bytes of the piece's number, one that tells the last.
fn nonce(number: u64, is_last: bool) -> [u8; NONCE] {
    let mut nonce = [0; NONCE];
    for (byte, digit) in nonce.iter_mut().skip(3).zip(number.to_be_bytes()) {
        *byte = digit;
    }
    if let Some(last) = nonce.last_mut() {
        *last = u8::from(is_last);
    }
    nonce
}
