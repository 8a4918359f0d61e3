//! A bundle: the Rego files and the data of a policy, with a digest. The only file here that reads the file system.
//!
//! Laid out as OPA lays it out: `.rego` files anywhere, `data.yaml`, `data.yml` or `data.json` whose place in the
//! folder is its place under `data`. `_test.rego` files are the policy's own tests: they decide nothing, so they are
//! neither evaluated nor in the digest. `waivers.yaml` holds exceptions.

use super::{DEPLOYMENT, PolicyError, waivers};
use crate::diag::SourceMap;
use crate::manifest::{as_written, yaml};
use data_encoding::HEXLOWER;
use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// Bytes of all files of a bundle together. Ours has about 50 KiB.
const BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Files of a bundle.
const FILES_MAX: usize = 1_000;
/// Folders within folders of a bundle: more is a loop or a mistake.
const DEPTH_MAX: usize = 16;

/// Our rules for plans. They hold where a bundle has none of its own.
const DEPLOYMENT_RULES: &str = include_str!("../../policies/deployment-policy.rego");
/// The name of these rules in a bundle that has none.
const DEPLOYMENT_NAME: &str = "mlo://policies/deployment-policy.rego";

/// The rules and the data of a policy. It has been read, but not looked into.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// Name relative to the bundle, with `/`, to text. Without tests.
    pub(super) rules: BTreeMap<String, String>,
    /// The same of the tests.
    pub(super) tests: BTreeMap<String, String>,
    /// What `data` holds.
    pub(super) data: Json,
    /// Files of exceptions: name to text.
    pub(super) waivers: BTreeMap<String, String>,
    digest: String,
}

impl Bundle {
    /// The bundle that is built into the program.
    pub fn builtin() -> Result<Self, PolicyError> {
        let files = [
            ("data.yaml", include_str!("../../policies/data.yaml")),
            ("deployment-policy.rego", DEPLOYMENT_RULES),
            ("model-governance.rego", include_str!("../../policies/model-governance.rego")),
        ];
        Self::from_files(files.map(|(name, text)| (name.to_owned(), text.to_owned())).into())
    }

    /// The bundle in a folder. It takes the place of the one that is built in.
    pub fn from_folder(folder: &Path) -> Result<Self, PolicyError> {
        let mut reading = Reading { files: BTreeMap::new(), bytes: 0 };
        reading.folder(folder, "", 0)?;
        Self::from_files(reading.files)
    }

    /// A bundle of files that were read: name relative to the bundle, with `/`, to text. Without a package for plans it
    /// has ours.
    pub fn from_files(mut files: BTreeMap<String, String>) -> Result<Self, PolicyError> {
        let is_rules = |name: &str| extension(name) == "rego" && !name.ends_with("_test.rego");
        if !files.iter().any(|(name, text)| is_rules(name) && declares(text, DEPLOYMENT)) {
            files.insert(DEPLOYMENT_NAME.to_owned(), DEPLOYMENT_RULES.to_owned());
        }
        let (mut rules, mut tests, mut data) = (BTreeMap::new(), BTreeMap::new(), Json::Object(Map::new()));
        let (mut exceptions, mut hash) = (BTreeMap::new(), Sha256::new());
        for (name, text) in files {
            if name.ends_with("_test.rego") {
                tests.insert(name, text);
                continue;
            }
            digest_file(&mut hash, &name, &text);
            if extension(&name) == "rego" {
                rules.insert(name, text);
            } else if waivers::is_file(&name) {
                exceptions.insert(name, text);
            } else {
                let under = name.rsplit_once('/').map_or("", |(folder, _)| folder);
                merge(&mut data, nest(under, read_data(&name, &text)?), &name)?;
            }
        }
        Ok(Self { rules, tests, data, waivers: exceptions, digest: finished(hash) })
    }

    /// What is named on a command line: folders laid out as bundles are, `.rego` files, and files of data, whose
    /// content is the whole of `data`. Files are named by the paths that lead to them.
    pub fn from_paths(paths: &[std::path::PathBuf]) -> Result<Self, PolicyError> {
        let (mut rules, mut tests) = (BTreeMap::new(), BTreeMap::new());
        let (mut data, mut exceptions) = (Json::Object(Map::new()), BTreeMap::new());
        let mut hash = Sha256::new();
        for path in paths {
            let named = path.display().to_string();
            let mut reading = Reading { files: BTreeMap::new(), bytes: 0 };
            let is_folder = path.is_dir();
            if is_folder {
                reading.folder(path, "", 0)?;
            } else {
                let bytes = std::fs::metadata(path).map_err(|error| unreadable(&named, &error))?.len();
                reading.file(path, named.clone(), bytes)?;
            }
            for (name, text) in reading.files {
                let shown = if is_folder { shown(&named, &name) } else { name.clone() };
                digest_file(&mut hash, &shown, &text);
                if waivers::is_file(&name) {
                    exceptions.insert(shown, text);
                } else if extension(&name) != "rego" {
                    let under = name.rsplit_once('/').filter(|_| is_folder).map_or("", |(folder, _)| folder);
                    merge(&mut data, nest(under, read_data(&shown, &text)?), &shown)?;
                } else if name.ends_with("_test.rego") {
                    tests.insert(shown, text);
                } else {
                    rules.insert(shown, text);
                }
            }
        }
        Ok(Self { rules, tests, data, waivers: exceptions, digest: finished(hash) })
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
}

/// Whether a text says that it is of a package.
fn declares(text: &str, package: &str) -> bool {
    text.lines()
        .any(|line| line.trim_end().strip_prefix("package ").is_some_and(|name| name.trim() == package))
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

/// A file of a folder as a command line would name it.
fn shown(folder: &str, name: &str) -> String {
    match folder.trim_end_matches('/') {
        "" => format!("{folder}{name}"),
        "." => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

struct Reading {
    files: BTreeMap<String, String>,
    bytes: u64,
}

impl Reading {
    fn folder(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), PolicyError> {
        let fail = |reason: &dyn std::fmt::Display| unreadable(&folder.display().to_string(), reason);
        if depth > DEPTH_MAX {
            return Err(fail(&format_args!("more than {DEPTH_MAX} folders within each other")));
        }
        for entry in std::fs::read_dir(folder).map_err(|error| fail(&error))? {
            let entry = entry.map_err(|error| fail(&error))?;
            let Ok(name) = entry.file_name().into_string() else {
                return Err(fail(&"a file name is not UTF-8"));
            };
            if name.starts_with('.') {
                continue;
            }
            let path = entry.path();
            let relative = format!("{prefix}{name}");
            // Links are followed: folders that are mounted into a cluster are made of them.
            let metadata = std::fs::metadata(&path).map_err(|error| unreadable(&relative, &error))?;
            if metadata.is_dir() {
                self.folder(&path, &format!("{relative}/"), depth + 1)?;
            } else if belongs(&relative)? {
                self.file(&path, relative, metadata.len())?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, relative: String, bytes: u64) -> Result<(), PolicyError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > BYTES_MAX || self.files.len() >= FILES_MAX {
            let reason = format!("the bundle has more than {FILES_MAX} files or {BYTES_MAX} bytes");
            return Err(unreadable(&relative, &reason));
        }
        let text = crate::manifest::read_text(path).map_err(|error| unreadable(&relative, &error))?;
        self.files.insert(relative, text);
        Ok(())
    }
}

/// Whether a file is part of a bundle. One that looks like data but is not named so would be left out in silence,
/// and with it perhaps a stricter threshold: that is an error.
fn belongs(relative: &str) -> Result<bool, PolicyError> {
    let name = relative.rsplit('/').next().unwrap_or(relative);
    let extension = extension(name);
    match extension {
        "rego" => Ok(true),
        _ if waivers::is_file(relative) => Ok(true),
        "yaml" | "yml" | "json" if name == format!("data.{extension}") => Ok(true),
        "yaml" | "yml" | "json" => Err(unreadable(
            relative,
            &"data of a bundle is called data.yaml, data.yml or data.json; rename the file or move it out",
        )),
        _ => Ok(false),
    }
}

/// What stands after the last dot, as it is written.
fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn unreadable(file: &str, reason: &dyn std::fmt::Display) -> PolicyError {
    PolicyError::Unreadable { file: file.to_owned(), reason: reason.to_string() }
}

/// `value` under the keys of a folder such as `team/rules`.
fn nest(folder: &str, value: Json) -> Json {
    folder
        .rsplit('/')
        .filter(|key| !key.is_empty())
        .fold(value, |inner, key| Json::Object(Map::from_iter([(key.to_owned(), inner)])))
}

/// Puts `from` into `into`. Two files that say different things of one key contradict each other.
fn merge(into: &mut Json, from: Json, file: &str) -> Result<(), PolicyError> {
    match (into, from) {
        (Json::Object(into), Json::Object(from)) => {
            for (key, value) in from {
                match into.get_mut(&key) {
                    Some(there) => merge(there, value, file)?,
                    None => {
                        into.insert(key, value);
                    }
                }
            }
            Ok(())
        }
        (there, value) if *there == value => Ok(()),
        _ => Err(unreadable(file, &"another data file of the bundle says something else of the same key")),
    }
}

/// A data file as JSON. YAML is read as manifests are: a key that is there twice is an error.
fn read_data(name: &str, text: &str) -> Result<Json, PolicyError> {
    let mut sources = SourceMap::new();
    let source = sources.add(name, text);
    let parsed = yaml::parse(text, source);
    let problems = parsed.documents.iter().flat_map(|document| &document.problems);
    if let Some(problem) = parsed.stopped.iter().chain(problems).next() {
        let line = problem.labels.first().map(|label| sources.get(source).position(label.span.start).line);
        let reason = match line {
            Some(line) => format!("line {line}: {}", problem.summary),
            None => problem.summary.clone(),
        };
        return Err(unreadable(name, &reason));
    }
    let value = match parsed.documents.as_slice() {
        [] => Json::Object(Map::new()),
        [document] => as_written(&document.root),
        _ => return Err(unreadable(name, &"it holds more than one document")),
    };
    match value {
        Json::Null => Ok(Json::Object(Map::new())),
        Json::Object(_) => Ok(value),
        _ => Err(unreadable(name, &"data must be a map")),
    }
}
