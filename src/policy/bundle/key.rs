//! Keys that sign bundles and that verify it, and the algorithms of JSON Web Signatures that they fit. The only door to
//! `ring`.
//!
//! Goes in: the content of a file that somebody names. Comes out: a signature, or whether one holds. Never happens: a
//! signature chooses how it is verified, so that the text of a public key would do as a secret; a secret is shown.

use super::der::{self, Curve, Kind};
use ring::hmac as code;
use ring::rand::SystemRandom;
use ring::signature::{
    self as how, EcdsaKeyPair, EcdsaSigningAlgorithm, RsaEncoding, RsaKeyPair, UnparsedPublicKey,
    VerificationAlgorithm,
};
use zeroize::Zeroizing;

/// Bytes of a secret, as RFC 7518 asks for: as many as the digest has.
const SECRET_BYTES_MIN: usize = 32;

/// How something is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA with PKCS #1 v1.5.
    Rs(Size),
    /// RSA with PSS.
    Ps(Size),
    /// The elliptic curve that goes with the digest: P-256, P-384.
    Es(Size),
    /// A secret that both sides have.
    Hs(Size),
}

/// Bits of a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// SHA-256.
    S256,
    /// SHA-384.
    S384,
    /// SHA-512.
    S512,
}

/// All that there are, by the names that JSON Web Algorithms give them.
const ALGORITHMS: [(&str, Algorithm); 11] = [
    ("RS256", Algorithm::Rs(Size::S256)),
    ("RS384", Algorithm::Rs(Size::S384)),
    ("RS512", Algorithm::Rs(Size::S512)),
    ("PS256", Algorithm::Ps(Size::S256)),
    ("PS384", Algorithm::Ps(Size::S384)),
    ("PS512", Algorithm::Ps(Size::S512)),
    ("ES256", Algorithm::Es(Size::S256)),
    ("ES384", Algorithm::Es(Size::S384)),
    ("HS256", Algorithm::Hs(Size::S256)),
    ("HS384", Algorithm::Hs(Size::S384)),
    ("HS512", Algorithm::Hs(Size::S512)),
];

impl Algorithm {
    /// The algorithm of a name such as `RS256`.
    pub fn of(name: &str) -> Option<Self> {
        ALGORITHMS.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        ALGORITHMS.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }

    /// The names of all.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ALGORITHMS.iter().map(|(name, _)| *name)
    }
}

/// Why a file is not the key that is needed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("key `{name}` {reason}")]
pub struct KeyError {
    name: String,
    reason: String,
}

/// A key that verifies.
pub struct VerifyingKey {
    name: String,
    kind: Verifying,
}

enum Verifying {
    /// As PKCS #1 writes it.
    Rsa(Vec<u8>),
    /// A point.
    Elliptic(Curve, Vec<u8>),
    Secret(Zeroizing<Vec<u8>>),
}

impl std::fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifyingKey").field("name", &self.name).finish_non_exhaustive()
    }
}

impl VerifyingKey {
    /// Reads the content of a file: a public key as PEM, or else a secret, as it is.
    pub fn read(name: &str, content: Vec<u8>) -> Result<Self, KeyError> {
        let content = Zeroizing::new(content);
        let refuse = |reason: &str| Err(KeyError { name: name.to_owned(), reason: reason.to_owned() });
        let kind = match block(&content) {
            Block::None => Verifying::Secret(secret(name, content)?),
            Block::Broken => return refuse("is no whole PEM file"),
            Block::Of(label, der) => match label.as_str() {
                "RSA PUBLIC KEY" => Verifying::Rsa(der.to_vec()),
                "PUBLIC KEY" => match der::public(&der) {
                    Some(Kind::Rsa(key)) => Verifying::Rsa(key.to_vec()),
                    Some(Kind::Elliptic(curve, point)) => Verifying::Elliptic(curve, point.to_vec()),
                    _ => return refuse("is a public key, and not of RSA nor of the curves P-256 and P-384"),
                },
                label if label.ends_with("PRIVATE KEY") => {
                    return refuse(
                        "is a private key, and the public one verifies: `openssl pkey -pubout -in PRIVATE`",
                    );
                }
                _ => return refuse("is PEM, and no public key: `-----BEGIN PUBLIC KEY-----`"),
            },
        };
        Ok(Self { name: name.to_owned(), kind })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a signature of a message is of this key.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let verify = |algorithm: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
        };
        match (&self.kind, algorithm) {
            (Verifying::Rsa(key), Algorithm::Rs(size)) => verify(pkcs1(size), key),
            (Verifying::Rsa(key), Algorithm::Ps(size)) => verify(pss(size), key),
            (Verifying::Elliptic(Curve::P256, point), Algorithm::Es(Size::S256)) => {
                verify(&how::ECDSA_P256_SHA256_FIXED, point)
            }
            (Verifying::Elliptic(Curve::P384, point), Algorithm::Es(Size::S384)) => {
                verify(&how::ECDSA_P384_SHA384_FIXED, point)
            }
            (Verifying::Secret(secret), Algorithm::Hs(size)) => {
                code::verify(&code::Key::new(digest(size), secret), message, signature).is_ok()
            }
            _ => false,
        }
    }
}

fn pkcs1(size: Size) -> &'static dyn VerificationAlgorithm {
    match size {
        Size::S256 => &how::RSA_PKCS1_2048_8192_SHA256,
        Size::S384 => &how::RSA_PKCS1_2048_8192_SHA384,
        Size::S512 => &how::RSA_PKCS1_2048_8192_SHA512,
    }
}

fn pss(size: Size) -> &'static dyn VerificationAlgorithm {
    match size {
        Size::S256 => &how::RSA_PSS_2048_8192_SHA256,
        Size::S384 => &how::RSA_PSS_2048_8192_SHA384,
        Size::S512 => &how::RSA_PSS_2048_8192_SHA512,
    }
}

fn digest(size: Size) -> code::Algorithm {
    match size {
        Size::S256 => code::HMAC_SHA256,
        Size::S384 => code::HMAC_SHA384,
        Size::S512 => code::HMAC_SHA512,
    }
}

/// What a file of a key is.
enum Block {
    /// No PEM.
    None,
    /// PEM that ends early or holds what is no base64.
    Broken,
    /// Its label and what is in it.
    Of(String, Zeroizing<Vec<u8>>),
}

fn block(content: &[u8]) -> Block {
    let Ok(text) = std::str::from_utf8(content) else { return Block::None };
    if !text.contains("-----BEGIN ") {
        return Block::None;
    }
    match der::pem(text) {
        Some((label, der)) => Block::Of(label.to_owned(), Zeroizing::new(der)),
        None => Block::Broken,
    }
}

fn secret(name: &str, content: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    if content.len() >= SECRET_BYTES_MIN {
        return Ok(content);
    }
    let reason = format!(
        "is no PEM, so it is a secret, of {} bytes; one of less than {SECRET_BYTES_MIN} can be guessed (RFC 7518)",
        content.len()
    );
    Err(KeyError { name: name.to_owned(), reason })
}

/// A key that signs.
pub struct SigningKey {
    name: String,
    kind: Signing,
}

enum Signing {
    Rsa(Box<RsaKeyPair>),
    /// Curve, private and public part.
    Elliptic(Curve, Zeroizing<Vec<u8>>, Vec<u8>),
    Secret(Zeroizing<Vec<u8>>),
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("name", &self.name).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Reads the content of a file: a private key as PEM, or else a secret, as it is.
    pub fn read(name: &str, content: Vec<u8>) -> Result<Self, KeyError> {
        let content = Zeroizing::new(content);
        let refuse = |reason: &str| KeyError { name: name.to_owned(), reason: reason.to_owned() };
        let rsa = |der: &[u8]| match RsaKeyPair::from_der(der) {
            Ok(pair) => Ok(Signing::Rsa(Box::new(pair))),
            Err(why) => Err(refuse(&format!("is of RSA, and is not taken: {why} (2048 to 4096 bits are)"))),
        };
        let elliptic = |der: &[u8], known: Option<Curve>| match der::elliptic(der, known) {
            Some((curve, secret, point)) => {
                Ok(Signing::Elliptic(curve, Zeroizing::new(secret.to_vec()), point.to_vec()))
            }
            None => Err(refuse("is of a curve, and not of P-256 or P-384, or without its public part")),
        };
        let kind = match block(&content) {
            Block::None => Signing::Secret(secret(name, content)?),
            Block::Broken => return Err(refuse("is no whole PEM file")),
            Block::Of(label, der) => match label.as_str() {
                "RSA PRIVATE KEY" => rsa(&der)?,
                "EC PRIVATE KEY" => elliptic(&der, None)?,
                "PRIVATE KEY" => match der::private(&der) {
                    Some(Kind::Rsa(key)) => rsa(key)?,
                    Some(Kind::Elliptic(curve, key)) => elliptic(key, Some(curve))?,
                    _ => return Err(refuse("is not of RSA nor of the curves P-256 and P-384")),
                },
                "ENCRYPTED PRIVATE KEY" => {
                    return Err(refuse("is encrypted; decrypt it on the way: `openssl pkey -in ENCRYPTED`"));
                }
                "OPENSSH PRIVATE KEY" => {
                    return Err(refuse(
                        "is one of OpenSSH; bundles are signed by PEM keys: `openssl genpkey -algorithm RSA`",
                    ));
                }
                label if label.ends_with("PUBLIC KEY") => {
                    return Err(refuse("is a public key, and the private one signs"));
                }
                _ => return Err(refuse("is PEM, and no private key: `-----BEGIN PRIVATE KEY-----`")),
            },
        };
        Ok(Self { name: name.to_owned(), kind })
    }

    /// The algorithm that goes with the key, if no other is asked for.
    pub fn usual(&self) -> Algorithm {
        match &self.kind {
            Signing::Rsa(_) => Algorithm::Rs(Size::S256),
            Signing::Elliptic(Curve::P256, ..) => Algorithm::Es(Size::S256),
            Signing::Elliptic(Curve::P384, ..) => Algorithm::Es(Size::S384),
            Signing::Secret(_) => Algorithm::Hs(Size::S256),
        }
    }

    /// The signature of a message.
    pub(super) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let refuse = |reason: String| KeyError { name: self.name.clone(), reason };
        let random = SystemRandom::new();
        let failed = |why: &dyn std::fmt::Display| refuse(format!("does not sign: {why}"));
        match (&self.kind, algorithm) {
            (Signing::Rsa(pair), Algorithm::Rs(size) | Algorithm::Ps(size)) => {
                let encoding = encoding(matches!(algorithm, Algorithm::Ps(_)), size);
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(encoding, &random, message, &mut signature).map_err(|why| failed(&why))?;
                Ok(signature)
            }
            (Signing::Elliptic(curve, secret, point), Algorithm::Es(_)) if algorithm == self.usual() => {
                let algorithm: &'static EcdsaSigningAlgorithm = match curve {
                    Curve::P256 => &how::ECDSA_P256_SHA256_FIXED_SIGNING,
                    Curve::P384 => &how::ECDSA_P384_SHA384_FIXED_SIGNING,
                };
                let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, secret, point, &random);
                let pair = pair.map_err(|why| failed(&why))?;
                Ok(pair.sign(&random, message).map_err(|why| failed(&why))?.as_ref().to_vec())
            }
            (Signing::Secret(secret), Algorithm::Hs(size)) => {
                Ok(code::sign(&code::Key::new(digest(size), secret), message).as_ref().to_vec())
            }
            _ => Err(refuse(format!(
                "does not sign by {}; by {} it does",
                algorithm.name(),
                self.usual().name()
            ))),
        }
    }
}

fn encoding(is_pss: bool, size: Size) -> &'static dyn RsaEncoding {
    match (is_pss, size) {
        (false, Size::S256) => &how::RSA_PKCS1_SHA256,
        (false, Size::S384) => &how::RSA_PKCS1_SHA384,
        (false, Size::S512) => &how::RSA_PKCS1_SHA512,
        (true, Size::S256) => &how::RSA_PSS_SHA256,
        (true, Size::S384) => &how::RSA_PSS_SHA384,
        (true, Size::S512) => &how::RSA_PSS_SHA512,
    }
}
