//! What `.manifest` of a bundle says: its revision, and the parts of `data` that are its own. As OPA has it.
//!
//! Goes in: JSON, rules, data. Comes out: a manifest that the bundle keeps to, or what of it does not. Never happens: rules
//! that are not evaluated as their author meant them, such as those of an older Rego.

use super::unreadable;
use crate::policy::PolicyError;
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The name of the file, in the folder of the bundle itself.
pub(super) const FILE: &str = ".manifest";

/// What it says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    revision: String,
    /// Parts of `data` that are the bundle's own, such as `model/governance`; empty if it says nothing of that.
    roots: Vec<String>,
}

/// The file.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    revision: String,
    #[serde(default)]
    roots: Option<Vec<String>>,
    #[serde(default)]
    wasm: Option<Vec<Json>>,
    #[serde(default)]
    rego_version: Option<i64>,
    #[serde(default)]
    file_rego_versions: Option<BTreeMap<String, i64>>,
}

/// The version of Rego that is evaluated.
const REGO_VERSION: i64 = 1;

impl Manifest {
    /// Reads the file.
    pub(super) fn read(text: &str) -> Result<Self, PolicyError> {
        let refuse = |reason: &str| unreadable(FILE, &reason);
        let written: Written =
            serde_json::from_str(text).map_err(|error| refuse(&format!("it is not understood: {error}")))?;
        if written.wasm.is_some_and(|wasm| !wasm.is_empty()) {
            return Err(refuse(
                "compiled rules (`wasm`) are not evaluated; build the bundle with `opa build --target rego`, its default",
            ));
        }
        let versions = written
            .rego_version
            .into_iter()
            .chain(written.file_rego_versions.into_iter().flatten().map(|(_, version)| version));
        if let Some(version) = versions.into_iter().find(|version| *version != REGO_VERSION) {
            return Err(refuse(&format!(
                "it says that rules are of version {version} of Rego, and version {REGO_VERSION} is evaluated; rewrite \
                 them with `opa fmt --write --rego-v1`, and say `\"rego_version\": {REGO_VERSION}`"
            )));
        }
        let roots: Vec<String> =
            written.roots.unwrap_or_default().iter().map(|root| root.trim_matches('/').to_owned()).collect();
        for (at, root) in roots.iter().enumerate() {
            if let Some(other) = roots.iter().take(at).find(|other| overlap(root, other)) {
                return Err(refuse(&format!("the roots `{other}` and `{root}` overlap")));
            }
        }
        // The root of all is what holds where nothing is said.
        let roots = if roots.iter().any(String::is_empty) { Vec::new() } else { roots };
        Ok(Self { revision: written.revision, roots })
    }

    /// The revision, if it has one.
    pub(super) fn revision(&self) -> Option<&str> {
        Some(self.revision.as_str()).filter(|revision| !revision.is_empty())
    }

    /// The parts of `data` that are the bundle's own.
    pub(super) fn roots(&self) -> &[String] {
        &self.roots
    }

    /// Whether rules and data lie in the roots.
    pub(super) fn check<'f>(
        &self,
        files: impl Iterator<Item = (&'f str, &'f str)>,
        data: &Json,
    ) -> Result<(), PolicyError> {
        if self.roots.is_empty() {
            return Ok(());
        }
        let roots: Vec<_> = self.roots.iter().map(|root| format!("`{root}`")).collect();
        let roots = roots.join(", ");
        for (file, text) in files {
            // What has no package does not compile.
            let Some(package) = package_of(text) else { continue };
            if !self.roots.iter().any(|root| contains(root, &package.join("/"))) {
                let package = package.join(".");
                return Err(unreadable(
                    file,
                    &format!("package `{package}` lies in none of the bundle's roots: {roots}"),
                ));
            }
        }
        let outside =
            paths(data).into_iter().find(|path| !self.roots.iter().any(|root| contains(root, path)));
        match outside {
            Some(path) => {
                let reason = format!("data `{path}` lies in none of the bundle's roots: {roots}");
                Err(unreadable(FILE, &reason))
            }
            None => Ok(()),
        }
    }
}

/// Whether something at `path` lies in a root.
pub(super) fn contains(root: &str, path: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| root.is_empty() || rest.is_empty() || rest.starts_with('/'))
}

/// Whether one of two roots lies in the other.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    contains(one, other) || contains(other, one)
}

/// Where values of a document stand, such as `mlo/thresholds/dev/accuracy`.
pub(super) fn paths(data: &Json) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), data)];
    while let Some((path, value)) = open.pop() {
        match value {
            Json::Object(entries) if path.is_empty() || !entries.is_empty() => {
                let below =
                    |key: &String| if path.is_empty() { key.clone() } else { format!("{path}/{key}") };
                // The first comes first.
                open.extend(entries.iter().rev().map(|(key, value)| (below(key), value)));
            }
            _ => found.push(path),
        }
    }
    found
}

/// The package of a file of rules: `["model", "governance"]`.
pub(in crate::policy) fn package_of(text: &str) -> Option<Vec<String>> {
    let mut rest = after_comments(text);
    rest = rest
        .strip_prefix("package")
        .filter(|rest| rest.starts_with(|c: char| c.is_whitespace() || c == '#'))?;
    rest = after_comments(rest);
    let mut path = Vec::new();
    loop {
        if let Some(quoted) = rest.strip_prefix("[\"") {
            let (key, after) = quoted.split_once("\"]")?;
            path.push(key.to_owned());
            rest = after;
        } else {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (word, after) = rest.split_at_checked(end).filter(|(word, _)| !word.is_empty())?;
            path.push(word.to_owned());
            rest = after;
        }
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None if rest.starts_with("[\"") => {}
            None => return Some(path),
        }
    }
}

/// A text without white space and comments at its beginning.
fn after_comments(mut text: &str) -> &str {
    loop {
        text = text.trim_start();
        let Some(comment) = text.strip_prefix('#') else { return text };
        text = comment.split_once('\n').map_or("", |(_, after)| after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_package_of_a_file_is_what_its_first_statement_says() {
        for (text, expected) in [
            ("package a", Some("a")),
            (
                "# METADATA\n# title: package x\n\npackage model.governance # why\n\nimport data.b",
                Some("model/governance"),
            ),
            ("package a[\"b-c\"].d\n", Some("a/b-c/d")),
            ("package\n# here\n a.b\nx := 1", Some("a/b")),
            ("packages.x := 1", None),
            ("x := `\npackage a`", None),
            ("package", None),
            ("package a.", None),
            ("", None),
        ] {
            assert_eq!(package_of(text).map(|path| path.join("/")).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_a_manifest_says_is_kept_to_or_an_error() {
        let rules = "package model.governance\n";
        for (text, expected) in [
            ("{}", Ok("")),
            (r#"{"revision": "r1", "roots": [""]}"#, Ok("r1")),
            (r#"{"revision": "r1", "roots": ["/model/", "mlo/thresholds"], "metadata": {"a": 1}}"#, Ok("r1")),
            (
                r#"{"roots": ["model", "model/governance"]}"#,
                Err(".manifest: the roots `model` and `model/governance` overlap"),
            ),
            (
                r#"{"roots": ["team", "mlo"]}"#,
                Err("a.rego: package `model.governance` lies in none of the bundle's roots: `team`, `mlo`"),
            ),
            (
                r#"{"roots": ["model", "ml"]}"#,
                Err(".manifest: data `mlo/thresholds/dev` lies in none of the bundle's roots: `model`, `ml`"),
            ),
            (r#"{"rego_version": 0}"#, Err(".manifest: it says that rules are of version 0 of Rego")),
            (
                r#"{"file_rego_versions": {"/a.rego": 0}}"#,
                Err(".manifest: it says that rules are of version 0 of Rego"),
            ),
            (
                r#"{"rego_version": 1, "wasm": [{"module": "policy.wasm"}]}"#,
                Err(".manifest: compiled rules (`wasm`) are not evaluated"),
            ),
            ("[1]", Err(".manifest: it is not understood")),
            ("{", Err(".manifest: it is not understood")),
        ] {
            let read = Manifest::read(text).and_then(|manifest| {
                let data = json!({ "mlo": { "thresholds": { "dev": {} } } });
                manifest.check([("a.rego", rules)].into_iter(), &data)?;
                Ok(manifest)
            });
            match (read, expected) {
                (Ok(manifest), Ok(revision)) => assert_eq!(manifest.revision().unwrap_or_default(), revision),
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().starts_with(&format!("policy bundle: {expected}")), "{error}");
                }
                (read, expected) => panic!("{text}: {read:?}, {expected:?}"),
            }
        }
    }
}
