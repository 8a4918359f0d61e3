//! `.signatures.json`, as OPA makes and reads it: one JSON Web Token, whose payload names every file with its digest.
//!
//! Goes in: files and keys. Comes out: the file, or the name of the key whose signature holds for all of the files. Never
//! happens: a file that the signature does not name is let be; a signature of a key that nobody asked for counts.

use super::key::{Algorithm, KeyError, SigningKey, VerifyingKey};
use super::{Files, canonical};
use crate::policy::PolicyError;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256, Sha384, Sha512, Sha512_256};
use std::collections::BTreeMap;

/// The name of the file, in the folder of the bundle itself.
pub const SIGNATURES: &str = ".signatures.json";
/// How files are digested that we sign.
const DIGEST: &str = "SHA-256";
/// Of a plugin of OPA's own.
const PLUGIN: &str = "_default";

/// The file.
#[derive(Serialize, Deserialize)]
struct Signatures {
    signatures: Vec<String>,
    #[serde(default, skip_serializing)]
    plugin: Option<String>,
}

/// The first part of a token.
#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    #[serde(default, skip_serializing)]
    crit: Option<serde_json::Value>,
}

/// The second.
#[derive(Serialize, Deserialize)]
struct Payload {
    files: Vec<Signed>,
    #[serde(default, skip_serializing)]
    scope: String,
}

/// A file.
#[derive(Clone, Serialize, Deserialize)]
struct Signed {
    name: String,
    hash: String,
    algorithm: String,
}

/// The content of `.signatures.json` for files.
pub fn sign(files: &Files, key: &SigningKey, algorithm: Algorithm) -> Result<Vec<u8>, KeyError> {
    let files = files.iter().filter(|(name, _)| *name != SIGNATURES).map(|(name, bytes)| {
        // What cannot be read is no bundle, which whoever made the files has found out.
        let digested = canonical::digested(name, bytes).unwrap_or_else(|_| bytes.clone());
        let hash = HEXLOWER.encode(&Sha256::digest(&digested));
        Signed { name: name.clone(), hash, algorithm: DIGEST.to_owned() }
    });
    let payload = Payload { files: files.collect(), scope: String::new() };
    let header = Header { alg: algorithm.name().to_owned(), crit: None };
    let message = format!("{}.{}", part(&header), part(&payload));
    let signature = BASE64URL_NOPAD.encode(&key.sign(algorithm, message.as_bytes())?);
    let signatures = Signatures { signatures: vec![format!("{message}.{signature}")], plugin: None };
    let mut text = serde_json::to_vec_pretty(&signatures).expect("it is plain data");
    text.push(b'\n');
    Ok(text)
}

fn part(value: &impl Serialize) -> String {
    BASE64URL_NOPAD.encode(&serde_json::to_vec(value).expect("it is plain data"))
}

/// Verifies the signature of a bundle of the name `bundle`: all of its files must be those that were signed with one of the
/// keys. Returns the name of that key. `folder` is the path of a bundle that lies in a folder: `opa sign` puts it before the
/// names of files.
pub fn verify(
    bundle: &str,
    files: &Files,
    folder: Option<&str>,
    keys: &[VerifyingKey],
) -> Result<String, PolicyError> {
    let refuse = |reason: String| PolicyError::Signature { bundle: bundle.to_owned(), reason };
    let file = files.get(SIGNATURES);
    let file = file.ok_or_else(|| refuse(format!("it has no `{SIGNATURES}`, and it must be signed")))?;
    let (key, payload) = verified(file, keys).map_err(refuse)?;
    let mut signed: BTreeMap<&str, &Signed> =
        payload.files.iter().map(|file| (file.name.trim_start_matches('/'), file)).collect();
    if let Some(folder) =
        folder.map(|folder| format!("{}/", folder.trim_end_matches('/').trim_start_matches("./")))
        && !signed.is_empty()
        && signed.keys().all(|name| name.starts_with(&folder))
    {
        signed =
            signed.into_iter().filter_map(|(name, file)| Some((name.strip_prefix(&folder)?, file))).collect();
    }
    for (name, bytes) in files.iter().filter(|(name, _)| *name != SIGNATURES) {
        let Some(file) = signed.remove(name.as_str()) else {
            return Err(refuse(format!("`{name}` is not among the files that were signed")));
        };
        let digested = canonical::digested(name, bytes).map_err(|why| refuse(format!("`{name}`: {why}")))?;
        let found = digest(&file.algorithm, &digested).map_err(|why| refuse(format!("`{name}` {why}")))?;
        if HEXLOWER_PERMISSIVE.decode(file.hash.as_bytes()).ok() != Some(found) {
            return Err(refuse(format!("`{name}` was changed after it was signed")));
        }
    }
    match signed.keys().next() {
        Some(name) => Err(refuse(format!("`{name}` was signed, and is not there"))),
        None => Ok(key.name().to_owned()),
    }
}

/// The key that a file was signed with, and what was signed; a reason if there is none.
fn verified<'k>(file: &[u8], keys: &'k [VerifyingKey]) -> Result<(&'k VerifyingKey, Payload), String> {
    let unknown = |what: &str| format!("its `{SIGNATURES}` is not understood: {what}");
    let Signatures { signatures, plugin } =
        serde_json::from_slice(file).map_err(|error| unknown(&error.to_string()))?;
    if plugin.is_some_and(|plugin| !plugin.is_empty() && plugin != PLUGIN) {
        return Err(unknown("it is of a plugin of OPA"));
    }
    let [token] = signatures.as_slice() else { return Err(unknown("it must hold one token")) };
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts.as_slice() else {
        return Err(unknown("its token has not three parts"));
    };
    let decoded =
        |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| unknown("its token is damaged"));
    let head: Header =
        serde_json::from_slice(&decoded(header)?).map_err(|error| unknown(&error.to_string()))?;
    if head.crit.is_some() {
        return Err(unknown("its token asks for what is not known here"));
    }
    let Some(algorithm) = Algorithm::of(&head.alg) else {
        let known: Vec<_> = Algorithm::names().collect();
        let alg = crate::diag::escape(&head.alg);
        return Err(format!("it is signed by `{alg}`, and what is verified is {}", known.join(", ")));
    };
    let message = format!("{header}.{payload}");
    let signature = decoded(signature)?;
    let key = keys.iter().find(|key| key.verifies(algorithm, message.as_bytes(), &signature));
    let Some(key) = key else {
        let names: Vec<_> = keys.iter().map(|key| format!("`{}`", key.name())).collect();
        return Err(format!("its signature ({}) is not of {}", head.alg, names.join(" or ")));
    };
    let payload: Payload =
        serde_json::from_slice(&decoded(payload)?).map_err(|error| unknown(&error.to_string()))?;
    if !payload.scope.is_empty() {
        let scope = crate::diag::escape(&payload.scope);
        return Err(format!("it was signed for the scope `{scope}`, and is used for none"));
    }
    Ok((key, payload))
}

/// The digest of bytes; a reason if the algorithm is not taken.
fn digest(algorithm: &str, bytes: &[u8]) -> Result<Vec<u8>, String> {
    Ok(match algorithm {
        "SHA-256" => Sha256::digest(bytes).to_vec(),
        "SHA-384" => Sha384::digest(bytes).to_vec(),
        "SHA-512" => Sha512::digest(bytes).to_vec(),
        "SHA-512-256" => Sha512_256::digest(bytes).to_vec(),
        other => {
            let other = crate::diag::escape(other);
            return Err(format!(
                "is digested by `{other}`; SHA-256, SHA-384, SHA-512 and SHA-512-256 are taken"
            ));
        }
    })
}
