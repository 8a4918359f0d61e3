//! A bundle: the Rego files, the data and the exceptions of a policy, with a digest.
//!
//! Goes in: files, of a folder or of a package that somebody fetched. Comes out: a bundle, or why it is none; several of
//! them, to be asked together. Never happens: something of a bundle is left out in silence.
//!
//! Laid out as OPA lays it out: `.rego` files anywhere, `data.yaml`, `data.yml` or `data.json` whose place in the
//! folder is its place under `data`, `.manifest` and `.signatures.json`. `_test.rego` files are the policy's own tests:
//! they decide nothing, so they are neither evaluated nor in the digest. `waivers.yaml` holds exceptions.
//!
//! - `files`      a folder to files: the only file of `policy` that reads the file system
//! - `data`       files of data to one document
//! - `manifest`   what `.manifest` says
//! - `several`    bundles that are asked together, none of which can weaken one before it
//! - `pack`       files to those of a bundle that OPA reads too
//! - `signature`  `.signatures.json`: made, and held against the files
//! - `canonical`  how OPA writes JSON before it digests it
//! - `key`        keys and algorithms: the only door to `ring`
//! - `der`        what is in the files of keys

mod canonical;
mod data;
mod der;
mod files;
mod key;
mod manifest;
mod pack;
mod several;
mod signature;

pub(super) use manifest::package_of;

pub use key::{Algorithm, KeyError, SigningKey, VerifyingKey};
pub use pack::{Packing, pack};
pub use several::{Bundles, Listed};
pub use signature::{SIGNATURES, sign, verify};

use super::{PolicyError, waivers};
use data_encoding::HEXLOWER;
use manifest::Manifest;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Bytes of all files of a bundle together. Ours has about 50 KiB.
const BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Files of a bundle.
const FILES_MAX: usize = 1_000;

/// Our rules for plans. They hold where a bundle has none of its own.
const DEPLOYMENT_RULES: &str = include_str!("../../../policies/deployment-policy.rego");
/// The name of these rules beside a bundle that has none.
pub(super) const DEPLOYMENT_NAME: &str = "mlo://policies/deployment-policy.rego";
/// What the bundle that is built into the program is called.
pub(super) const BUILT_IN: &str = "built-in";

/// Files: name relative to the bundle, with `/`, to content.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The rules and the data of a policy. It has been read, but not looked into.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// Name relative to the bundle, with `/`, to text. Without tests.
    pub(super) rules: BTreeMap<String, String>,
    /// The same of the tests.
    pub(super) tests: BTreeMap<String, String>,
    /// What `data` holds.
    pub(super) data: Json,
    /// The files that say it: name to the keys below which its content stands, and its text.
    pub(super) data_files: BTreeMap<String, (String, String)>,
    /// Files of exceptions: name to text.
    pub(super) waivers: BTreeMap<String, String>,
    manifest: Manifest,
    /// What it is called.
    name: String,
    /// Where it is from, without credentials.
    source: String,
    digest: String,
    /// Whether it has a signature.
    is_signed: bool,
    /// The key whose signature of it was verified.
    signed_by: Option<String>,
}

impl Bundle {
    /// The bundle that is built into the program.
    pub fn builtin() -> Result<Self, PolicyError> {
        let files = [
            ("data.yaml", include_str!("../../../policies/data.yaml")),
            ("deployment-policy.rego", DEPLOYMENT_RULES),
            ("model-governance.rego", include_str!("../../../policies/model-governance.rego")),
        ];
        let read = Self::from_files(files.map(|(name, text)| (name.to_owned(), text.to_owned())).into())?;
        Ok(read.named(BUILT_IN, "mlo://policies"))
    }

    /// The bundle in a folder.
    pub fn from_folder(folder: &Path) -> Result<Self, PolicyError> {
        let shown = folder.display().to_string();
        Ok(Self::of(Self::files_of(folder)?)?.named(&shown, &shown))
    }

    /// All files of a folder, those too that are no part of a bundle: what a signature is held against.
    pub fn all_files(folder: &Path) -> Result<Files, PolicyError> {
        files::folder(folder, files::Wanted::Everything)
    }

    /// The files of a folder that are part of a bundle.
    pub fn files_of(folder: &Path) -> Result<Files, PolicyError> {
        files::folder(folder, files::Wanted::Bundle)
    }

    /// A bundle of texts: name relative to the bundle, with `/`, to text.
    pub fn from_files(files: BTreeMap<String, String>) -> Result<Self, PolicyError> {
        Self::of(files.into_iter().map(|(name, text)| (name, text.into_bytes())).collect())
    }

    /// The bundle that a package of files holds. Files that are no part of one are left out.
    pub fn of(files: Files) -> Result<Self, PolicyError> {
        let mut gathering = Gathering::default();
        for (name, bytes) in files {
            if files::belongs(&name)? {
                gathering.add(&name, name.clone(), &bytes, true)?;
            }
        }
        gathering.finish()
    }

    /// What is named on a command line together: bundles, each with the name that its files are shown under, `.rego`
    /// files, and files of data, whose content is the whole of `data`.
    pub fn from_paths(named: Vec<Named>) -> Result<Self, PolicyError> {
        let mut gathering = Gathering::default();
        for named in named {
            match named {
                Named::File(path) => {
                    let shown = path.display().to_string();
                    gathering.add(&shown, shown.clone(), &files::one(&path)?, false)?;
                }
                Named::Bundle(shown, files) => {
                    // Each has its own, which says nothing of the others.
                    let files = files.into_iter().filter(|(name, _)| name != manifest::FILE);
                    for (name, bytes) in files {
                        if files::belongs(&name)? {
                            gathering.add(&name, files::shown(&shown, &name), &bytes, true)?;
                        }
                    }
                }
            }
        }
        gathering.finish()
    }

    /// The same with a name, and the place where it is from.
    #[must_use]
    pub fn named(self, name: &str, source: &str) -> Self {
        Self { name: name.to_owned(), source: source.to_owned(), ..self }
    }

    /// The same, of which a signature was verified with the key of this name.
    #[must_use]
    pub fn signed_by(self, key: String) -> Self {
        Self { signed_by: Some(key), ..self }
    }

    /// Its Rego files, tests included: name and text.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rules.iter().chain(&self.tests).map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// The bundle as the gate of an environment has it: `data.mlo.environment` is its name.
    pub fn for_environment(self, environment: &str) -> Result<Self, PolicyError> {
        let data = super::gate::data_for(&self.data, environment)?;
        Ok(Self { data, ..self })
    }

    /// `sha256:` and 64 hexadecimal digits over names and contents of rules and data, in order of their names.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The revision that its manifest says.
    pub fn revision(&self) -> Option<&str> {
        self.manifest.revision()
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it has rules of a package.
    fn has(&self, package: &str) -> bool {
        self.rules.values().any(|text| package_of(text).is_some_and(|path| path.join(".") == package))
    }
}

/// Something that a command line names.
#[derive(Debug)]
pub enum Named {
    /// A file: `.rego`, or data.
    File(PathBuf),
    /// A bundle: the name that its files are shown under, and the files.
    Bundle(String, Files),
}

/// What was taken into a bundle so far.
#[derive(Default)]
struct Gathering {
    rules: BTreeMap<String, String>,
    tests: BTreeMap<String, String>,
    data: Option<Json>,
    data_files: BTreeMap<String, (String, String)>,
    waivers: BTreeMap<String, String>,
    manifest: Manifest,
    hash: Sha256,
    bytes: u64,
    files: usize,
    is_signed: bool,
}

impl Gathering {
    /// Takes in a file: `name` is where it lies in its bundle, `shown` what messages call it. Of data whose place `counts`,
    /// the folder names the keys above it.
    fn add(&mut self, name: &str, shown: String, bytes: &[u8], counts: bool) -> Result<(), PolicyError> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        self.files += 1;
        if self.bytes > BYTES_MAX || self.files > FILES_MAX {
            let reason = format!("the bundle has more than {FILES_MAX} files or {BYTES_MAX} bytes");
            return Err(unreadable(&shown, &reason));
        }
        let text = files::text(bytes).map_err(|reason| unreadable(&shown, &reason))?;
        if name == signature::SIGNATURES {
            self.is_signed = true;
            return Ok(());
        }
        if name.ends_with("_test.rego") {
            self.tests.insert(shown, text);
            return Ok(());
        }
        digest_file(&mut self.hash, &shown, &text);
        if name == manifest::FILE {
            self.manifest = Manifest::read(&text)?;
        } else if files::extension(name) == "rego" {
            self.rules.insert(shown, text);
        } else if waivers::is_file(name) {
            self.waivers.insert(shown, text);
        } else {
            let under = name.rsplit_once('/').filter(|_| counts).map_or("", |(folder, _)| folder);
            let read = data::nest(under, data::read(&shown, &text)?);
            data::merge(self.data.get_or_insert_with(data::nothing), read, &shown)?;
            let under = under.to_owned();
            self.data_files.insert(shown, (under, text));
        }
        Ok(())
    }

    fn finish(self) -> Result<Bundle, PolicyError> {
        let Self { rules, tests, data, data_files, waivers, manifest, hash, is_signed, .. } = self;
        let data = data.unwrap_or_else(data::nothing);
        let all = rules.iter().chain(&tests);
        manifest.check(all.map(|(name, text)| (name.as_str(), text.as_str())), &data)?;
        let (name, source, digest) = (String::new(), String::new(), finished(hash));
        let signed_by = None;
        Ok(Bundle {
            rules,
            tests,
            data,
            data_files,
            waivers,
            manifest,
            name,
            source,
            digest,
            is_signed,
            signed_by,
        })
    }
}

/// Takes a file into a digest. Lengths keep two files from being taken for one.
fn digest_file(hash: &mut Sha256, name: &str, text: &str) {
    for part in [name, text] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
}

fn finished(hash: Sha256) -> String {
    format!("sha256:{}", HEXLOWER.encode(&hash.finalize()))
}

fn unreadable(file: &str, reason: &dyn std::fmt::Display) -> PolicyError {
    PolicyError::Unreadable { file: file.to_owned(), reason: reason.to_string() }
}
