//! What is in the files of keys: PEM around DER. Only as much of both as keys of RSA and of elliptic curves need.
//!
//! Goes in: text that anybody may have written. Comes out: the parts of a key, or nothing. Never happens: a length that is
//! believed before the bytes are there.

use data_encoding::BASE64;

/// The label of the first block, such as `PUBLIC KEY`, and what is in it; nothing if there is no whole one. A block that
/// only names a curve, which `openssl` puts before the key, does not count.
pub(super) fn pem(text: &str) -> Option<(&str, Vec<u8>)> {
    let (_, after) = text.split_once("-----BEGIN ")?;
    let (label, after) = after.split_once("-----")?;
    let (body, rest) = after.split_once(&format!("-----END {label}-----"))?;
    if label == "EC PARAMETERS" {
        return pem(rest);
    }
    let digits: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = BASE64.decode(digits.as_bytes()).ok()?;
    Some((label, bytes))
}

/// Kinds of values.
const INTEGER: u8 = 0x02;
const BITS: u8 = 0x03;
const OCTETS: u8 = 0x04;
const NAME: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// Of a key of an elliptic curve: the curve, and the public part.
const CURVE: u8 = 0xa0;
const PUBLIC: u8 = 0xa1;

/// Names of kinds of keys.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const ELLIPTIC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// Names of curves.
const CURVES: [(&[u8], Curve); 2] = [
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], Curve::P256),
    (&[0x2b, 0x81, 0x04, 0x00, 0x22], Curve::P384),
];

/// An elliptic curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    /// Of NIST, with 256 bits.
    P256,
    /// Of NIST, with 384 bits.
    P384,
}

/// What a key of `PUBLIC KEY` or `PRIVATE KEY` is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind<'k> {
    /// Of RSA: what PKCS #1 says of it.
    Rsa(&'k [u8]),
    /// A point of a curve, or what SEC 1 says of a private key.
    Elliptic(Curve, &'k [u8]),
    /// Another.
    Other,
}

/// Values one after the other.
struct Reader<'d>(&'d [u8]);

impl<'d> Reader<'d> {
    /// The content of the next value, if it is of this kind.
    fn take(&mut self, kind: u8) -> Option<&'d [u8]> {
        let (&found, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let mut length = usize::from(first);
        if first >= 0x80 {
            let count = usize::from(first & 0x7f);
            let (digits, after) = rest.split_at_checked(count).filter(|_| (1..=3).contains(&count))?;
            length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
            rest = after;
        }
        let (content, rest) = rest.split_at_checked(length).filter(|_| found == kind)?;
        self.0 = rest;
        Some(content)
    }
}

/// What a string of bits holds whose bits are whole bytes.
fn whole_bytes(bits: &[u8]) -> Option<&[u8]> {
    bits.split_first().filter(|(unused, _)| **unused == 0).map(|(_, bytes)| bytes)
}

fn curve(name: &[u8]) -> Option<Curve> {
    CURVES.iter().find(|(known, _)| *known == name).map(|(_, curve)| *curve)
}

/// What the name of a kind of key and its parameters say, about a key.
fn kind<'k>(algorithm: &[u8], key: &'k [u8]) -> Option<Kind<'k>> {
    let mut algorithm = Reader(algorithm);
    let name = algorithm.take(NAME)?;
    Some(match name {
        RSA => Kind::Rsa(key),
        ELLIPTIC => {
            algorithm.take(NAME).and_then(curve).map_or(Kind::Other, |curve| Kind::Elliptic(curve, key))
        }
        _ => Kind::Other,
    })
}

/// The key in a `PUBLIC KEY`.
pub(super) fn public(der: &[u8]) -> Option<Kind<'_>> {
    let mut key = Reader(Reader(der).take(SEQUENCE)?);
    let algorithm = key.take(SEQUENCE)?;
    kind(algorithm, whole_bytes(key.take(BITS)?)?)
}

/// The key in a `PRIVATE KEY`.
pub(super) fn private(der: &[u8]) -> Option<Kind<'_>> {
    let mut key = Reader(Reader(der).take(SEQUENCE)?);
    key.take(INTEGER)?;
    let algorithm = key.take(SEQUENCE)?;
    kind(algorithm, key.take(OCTETS)?)
}

/// Curve, private and public part of an `EC PRIVATE KEY`. The curve is what the key says, or else what is `known`.
pub(super) fn elliptic(der: &[u8], known: Option<Curve>) -> Option<(Curve, &[u8], &[u8])> {
    let mut key = Reader(Reader(der).take(SEQUENCE)?);
    key.take(INTEGER)?;
    let secret = key.take(OCTETS)?;
    let said = key.take(CURVE).and_then(|content| curve(Reader(content).take(NAME)?));
    let point = whole_bytes(Reader(key.take(PUBLIC)?).take(BITS)?)?;
    Some((said.or(known)?, secret, point))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_and_what_is_no_whole_one_is_not() {
        let whole = "text\n-----BEGIN PUBLIC KEY-----\r\nAQID\r\nBA==\r\n-----END PUBLIC KEY-----\n";
        assert_eq!(pem(whole), Some(("PUBLIC KEY", vec![1, 2, 3, 4])));
        let second = format!("-----BEGIN EC PARAMETERS-----\nAQID\n-----END EC PARAMETERS-----\n{whole}");
        assert_eq!(pem(&second), pem(whole));
        for broken in [
            "",
            "secret",
            "-----BEGIN A-----\nAQID\n",
            "-----BEGIN A-----\n?\n-----END A-----",
            "-----BEGIN A",
        ] {
            assert_eq!(pem(broken), None, "{broken}");
        }
    }

    #[test]
    fn bytes_that_nobody_made_on_purpose_are_no_key() {
        let point =
            [&[0x30, 19, 0x30, 9][..], &[NAME, 7], ELLIPTIC.get(..7).unwrap(), &[BITS, 6, 0, 1, 2, 3, 4, 5]]
                .concat();
        assert_eq!(public(&point), Some(Kind::Other));
        for cut in 0..point.len() {
            assert_eq!(public(&point[..cut]), None, "{cut}");
        }
        for bytes in
            [&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff][..], &[0x30, 0x80], &[0x30, 0x83, 0, 0, 1], &[0xff; 40]]
        {
            assert_eq!((public(bytes), private(bytes), elliptic(bytes, None)), (None, None, None));
        }
    }
}
