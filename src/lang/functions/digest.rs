//! Digests of strings, and identifiers that are made of digests.

use super::encoding::encode;
use super::string::string;
use super::{Call, CallError, Function, Param, argument, string_result, text};
use crate::lang::value::{Type, Value};
use data_encoding::HEXLOWER;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

const STRING: &[Param] = &[Param::string("str")];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("base64sha256", STRING, "The SHA-256 of a string, in Base64.", string_result, |args, _| {
        Ok(string(&Kind::Base64Sha256.digest(text(args, 0).as_bytes())))
    }),
    Function::new("base64sha512", STRING, "The SHA-512 of a string, in Base64.", string_result, |args, _| {
        Ok(string(&Kind::Base64Sha512.digest(text(args, 0).as_bytes())))
    }),
    Function::new("md5", STRING, "The MD5 of a string, in hexadecimal digits.", string_result, |args, _| {
        Ok(string(&Kind::Md5.digest(text(args, 0).as_bytes())))
    }),
    Function::new(
        "sha1",
        STRING,
        "The SHA-1 of a string, in hexadecimal digits.",
        string_result,
        |args, _| Ok(string(&Kind::Sha1.digest(text(args, 0).as_bytes()))),
    ),
    Function::new(
        "sha256",
        STRING,
        "The SHA-256 of a string, in hexadecimal digits.",
        string_result,
        |args, _| Ok(string(&Kind::Sha256.digest(text(args, 0).as_bytes()))),
    ),
    Function::new(
        "sha512",
        STRING,
        "The SHA-512 of a string, in hexadecimal digits.",
        string_result,
        |args, _| Ok(string(&Kind::Sha512.digest(text(args, 0).as_bytes()))),
    ),
    Function::new(
        "uuid",
        &[],
        "A random UUID. It is not known before a plan is applied, and each time another.",
        string_result,
        |_, call| match call.outside.random() {
            Some(bytes) => Ok(string(&uuid(bytes, 4))),
            None => Ok(Value::unknown(Type::String)),
        },
    ),
    Function::new(
        "uuidv5",
        &[Param::string("namespace"), Param::string("name")],
        "The UUID of version 5 of a name, in a namespace: `dns`, `url`, `oid`, `x500`, or a UUID.",
        string_result,
        uuid_of_name,
    ),
];

/// A digest and how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// SHA-256 in Base64.
    Base64Sha256,
    /// SHA-512 in Base64.
    Base64Sha512,
    /// MD5 in hexadecimal.
    Md5,
    /// SHA-1 in hexadecimal.
    Sha1,
    /// SHA-256 in hexadecimal.
    Sha256,
    /// SHA-512 in hexadecimal.
    Sha512,
}

impl Kind {
    /// The digest of bytes, as text.
    pub fn digest(self, bytes: &[u8]) -> String {
        match self {
            Self::Base64Sha256 => encode(&Sha256::digest(bytes)),
            Self::Base64Sha512 => encode(&Sha512::digest(bytes)),
            Self::Md5 => HEXLOWER.encode(&Md5::digest(bytes)),
            Self::Sha1 => HEXLOWER.encode(&Sha1::digest(bytes)),
            Self::Sha256 => HEXLOWER.encode(&Sha256::digest(bytes)),
            Self::Sha512 => HEXLOWER.encode(&Sha512::digest(bytes)),
        }
    }
}

/// The namespaces of RFC 9562 differ in their first four bytes.
const NAMESPACES: [(&str, &str); 4] = [
    ("dns", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
    ("url", "6ba7b811-9dad-11d1-80b4-00c04fd430c8"),
    ("oid", "6ba7b812-9dad-11d1-80b4-00c04fd430c8"),
    ("x500", "6ba7b814-9dad-11d1-80b4-00c04fd430c8"),
];

fn uuid_of_name(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    let namespace = text(args, 0);
    let known = NAMESPACES.iter().find(|(name, _)| *name == namespace).map_or(namespace, |(_, uuid)| uuid);
    let namespace =
        parse_uuid(known).ok_or_else(|| argument(0, "it must be `dns`, `url`, `oid`, `x500` or a UUID"))?;
    let digest = Sha1::new().chain_update(namespace).chain_update(text(args, 1)).finalize();
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(byte, digest)| *byte = digest);
    Ok(string(&uuid(bytes, 5)))
}

/// The sixteen bytes of a UUID in any form that Go's package takes: plain, in braces, after `urn:uuid:`, without
/// hyphens.
fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let urn = text.get(..9).is_some_and(|start| text.len() == 45 && start.eq_ignore_ascii_case("urn:uuid:"));
    let braces = text.len() == 38;
    let inner = match text.len() {
        45 if urn => text.get(9..)?,
        38 if braces => text.get(1..37)?,
        36 | 32 => text,
        _ => return None,
    };
    let digits: String = if inner.len() == 32 {
        inner.to_owned()
    } else {
        let hyphens = [8, 13, 18, 23].iter().all(|at| inner.as_bytes().get(*at) == Some(&b'-'));
        inner.split('-').collect::<String>().chars().filter(|_| hyphens).collect()
    };
    let valid = digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u128::from_str_radix(&digits, 16).ok().filter(|_| valid).map(u128::to_be_bytes)
}

/// Bytes as a UUID of a version.
pub(super) fn uuid(bytes: [u8; 16], version: u8) -> String {
    let bits = u128::from_be_bytes(bytes);
    let bits = bits & !(0xf << 76) | u128::from(version) << 76;
    let bits = bits & !(0b11 << 62) | 0b10 << 62;
    let digits = format!("{bits:032x}");
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or("");
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}
