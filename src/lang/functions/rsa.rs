//! `rsadecrypt`: what was encrypted for a key, as passwords of Windows machines on EC2 are.
//!
//! Goes in: bytes in Base64 and a private key in PEM: PKCS #1, PKCS #8, or OpenSSH's own form, without a password. Comes
//! out: the text (RFC 8017, RSAES-PKCS1-v1_5). Never happens: a reader of keys that trusts a length.
//!
//! Time tells something of the key here. That is of no use to anyone: the key is in the hands of who runs this, and
//! nobody else can ask for a decryption.

use super::encoding::decode_bytes;
use super::string::string;
use super::{Call, CallError, Function, Param, argument, failed, string_result, text};
use crate::lang::value::Value;
use num_bigint::BigUint;

/// Bits of a key; an exponentiation takes time with their third power.
const BITS_MAX: u64 = 8192;

pub(super) const FUNCTIONS: &[Function] = &[Function::new(
    "rsadecrypt",
    &[Param::string("ciphertext"), Param::string("privatekey")],
    "The text that bytes in Base64 were before they were encrypted with RSA, by the private key in PEM.",
    string_result,
    run,
)];

struct Key {
    modulus: BigUint,
    exponent: BigUint,
}

fn run(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    let cipher = decode_bytes(text(args, 0)).ok_or_else(|| argument(0, "it is not Base64"))?;
    let key = key(text(args, 1)).map_err(|why| argument(1, why))?;
    if key.modulus.bits() > BITS_MAX {
        return Err(argument(1, format!("the key has more than {BITS_MAX} bits")));
    }
    let plain = decrypt(&key, &cipher).ok_or_else(|| failed("it was not encrypted for this key"))?;
    match String::from_utf8(plain) {
        Ok(plain) => Ok(string(&plain)),
        Err(_) => Err(failed("what was encrypted is not text in UTF-8")),
    }
}

fn decrypt(key: &Key, cipher: &[u8]) -> Option<Vec<u8>> {
    let length = usize::try_from(key.modulus.bits().div_ceil(8)).ok()?;
    let number = BigUint::from_bytes_be(cipher);
    if cipher.len() > length || number >= key.modulus || length < 11 {
        return None;
    }
    // 0, 2, at least eight bytes of padding that are not 0, 0, the text. The first one is not in the number.
    let block = number.modpow(&key.exponent, &key.modulus).to_bytes_be();
    let padded = block.strip_prefix(&[2]).filter(|_| block.len() + 1 == length)?;
    let end = padded.iter().position(|byte| *byte == 0).filter(|end| *end >= 8)?;
    padded.get(end + 1..).map(<[u8]>::to_vec)
}

fn key(pem: &str) -> Result<Key, &'static str> {
    const NOT_PEM: &str = "it is not a private key in PEM";
    let (_, rest) = pem.split_once("-----BEGIN ").ok_or(NOT_PEM)?;
    let (label, rest) = rest.split_once("-----").ok_or(NOT_PEM)?;
    let (body, _) = rest.split_once("-----END ").ok_or(NOT_PEM)?;
    if body.contains("ENCRYPTED") {
        return Err("the key is protected by a password");
    }
    let letters: String = body.split_whitespace().collect();
    let bytes = decode_bytes(&letters).ok_or(NOT_PEM)?;
    match label {
        "RSA PRIVATE KEY" => pkcs1(&bytes).ok_or("it is not a private key of RSA"),
        "PRIVATE KEY" => pkcs8(&bytes).ok_or("it is not a private key of RSA"),
        "OPENSSH PRIVATE KEY" => openssh(&bytes).ok_or("it is not a private key of RSA without a password"),
        "ENCRYPTED PRIVATE KEY" => Err("the key is protected by a password"),
        _ => Err("it is not a private key of RSA"),
    }
}

/// DER: the content of the first element if it has this tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0_usize, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    (found == tag).then_some((content, rest))
}

const INTEGER: u8 = 2;
const OCTETS: u8 = 4;
const SEQUENCE: u8 = 0x30;

/// `SEQUENCE { version, modulus, public exponent, private exponent, … }`
fn pkcs1(bytes: &[u8]) -> Option<Key> {
    let (body, _) = element(bytes, SEQUENCE)?;
    let (_, body) = element(body, INTEGER)?;
    let (modulus, body) = element(body, INTEGER)?;
    let (_, body) = element(body, INTEGER)?;
    let (exponent, _) = element(body, INTEGER)?;
    made(modulus, exponent)
}

/// `SEQUENCE { version, algorithm, OCTET STRING { PKCS #1 } }`
fn pkcs8(bytes: &[u8]) -> Option<Key> {
    /// 1.2.840.113549.1.1.1
    const RSA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
    const OBJECT_IDENTIFIER: u8 = 6;
    let (body, _) = element(bytes, SEQUENCE)?;
    let (_, body) = element(body, INTEGER)?;
    let (algorithm, body) = element(body, SEQUENCE)?;
    let (algorithm, _) = element(algorithm, OBJECT_IDENTIFIER)?;
    let (key, _) = element(body, OCTETS)?;
    if algorithm == RSA { pkcs1(key) } else { None }
}

/// A field of OpenSSH's form: its length in four bytes, and it.
fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

fn openssh(bytes: &[u8]) -> Option<Key> {
    let rest = bytes.strip_prefix(b"openssh-key-v1\0")?;
    let (cipher, rest) = field(rest)?;
    let (_, rest) = field(rest)?;
    let (_, rest) = field(rest)?;
    let (number, rest) = rest.split_first_chunk::<4>()?;
    let (_, rest) = field(rest)?;
    let (private, _) = field(rest)?;
    let (_, private) = private.split_first_chunk::<8>()?;
    let (kind, private) = field(private)?;
    let (modulus, private) = field(private)?;
    let (_, private) = field(private)?;
    let (exponent, _) = field(private)?;
    let plain = cipher == b"none" && u32::from_be_bytes(*number) == 1 && kind == b"ssh-rsa";
    if plain { made(modulus, exponent) } else { None }
}

fn made(modulus: &[u8], exponent: &[u8]) -> Option<Key> {
    let key = Key { modulus: BigUint::from_bytes_be(modulus), exponent: BigUint::from_bytes_be(exponent) };
    // An even modulus is none; nor is a negative number.
    let positive = [modulus, exponent].iter().all(|number| number.first().is_some_and(|first| *first < 0x80));
    (positive && key.modulus.bit(0)).then_some(key)
}

#[cfg(test)]
mod tests;
