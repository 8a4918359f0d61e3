//! `.mlo.lock.json`: what each source was when it was fetched, so that it is the same everywhere and later.
//!
//! Goes in and comes out: JSON, sorted, made to be committed and to merge. Never happens: a credential in it.

use super::Purpose;
use super::error::FetchError;
use serde::{Deserialize, Serialize};

/// The name of the file, beside the configuration.
pub const LOCK_FILE: &str = ".mlo.lock.json";
/// Bytes of the file at most.
pub const LOCK_BYTES_MAX: usize = 1 << 20;
/// The form of the file that this version writes and reads.
const FORMAT: u32 = 1;

/// All that is locked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lock {
    format_version: u32,
    modules: Vec<Entry>,
    /// Bundles of policies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    policies: Vec<Entry>,
}

/// One package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// The source, without credentials and folder.
    pub(super) source: String,
    /// The version, of a module of a registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    /// What the source stood for: `commit:…`, `sha256:…` of an archive, `sha256:…` of an OCI manifest.
    pub(super) resolved: String,
    /// The folder that the registry or the server named in the package.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub(super) folder: String,
    /// The digest of all paths and contents.
    pub(super) digest: String,
}

impl Default for Lock {
    fn default() -> Self {
        Self { format_version: FORMAT, modules: Vec::new(), policies: Vec::new() }
    }
}

impl Lock {
    /// Reads the file.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, FetchError> {
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }
        let damaged = |error: &serde_json::Error| {
            FetchError::Lock(format!("is damaged at line {}, column {}", error.line(), error.column()))
        };
        let version: Version = serde_json::from_slice(bytes).map_err(|error| damaged(&error))?;
        if version.format_version != FORMAT {
            return Err(FetchError::Lock(format!(
                "is of format {}; this version reads format {FORMAT}",
                version.format_version
            )));
        }
        let lock: Self = serde_json::from_slice(bytes).map_err(|error| damaged(&error))?;
        match lock.modules.iter().chain(&lock.policies).find(|entry| !entry.is_sound()) {
            Some(entry) => {
                let source = crate::diag::escape(&entry.source).into_owned();
                Err(FetchError::Lock(format!("has an entry for `{source}` that is not in its form")))
            }
            None => Ok(lock),
        }
    }

    /// The text of the file.
    pub(super) fn text(&self) -> String {
        serde_json::to_string_pretty(self).expect("a lock is plain data") + "\n"
    }

    fn list(&self, purpose: Purpose) -> &Vec<Entry> {
        match purpose {
            Purpose::Module => &self.modules,
            Purpose::Policy => &self.policies,
        }
    }

    fn list_mut(&mut self, purpose: Purpose) -> &mut Vec<Entry> {
        match purpose {
            Purpose::Module => &mut self.modules,
            Purpose::Policy => &mut self.policies,
        }
    }

    /// The entries of a source.
    pub(super) fn of(&self, purpose: Purpose, source: &str) -> Vec<&Entry> {
        self.list(purpose).iter().filter(|entry| entry.source == source).collect()
    }

    /// Puts an entry in the place of the one of the same source and version.
    pub(super) fn put(&mut self, purpose: Purpose, entry: Entry) {
        let list = self.list_mut(purpose);
        list.retain(|other| (&other.source, &other.version) != (&entry.source, &entry.version));
        list.push(entry);
        list.sort_by(|a, b| (&a.source, &a.version).cmp(&(&b.source, &b.version)));
    }

    /// Leaves only entries of these sources and versions.
    pub(super) fn keep_only(&mut self, purpose: Purpose, used: &[Used]) {
        self.list_mut(purpose).retain(|entry| {
            used.iter().any(|used| {
                (used.purpose, &used.source, &used.version) == (purpose, &entry.source, &entry.version)
            })
        });
    }

    /// Whether it names no package.
    pub(super) fn is_empty(&self) -> bool {
        self.modules.is_empty() && self.policies.is_empty()
    }
}

/// A package that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) purpose: Purpose,
    pub(super) source: String,
    pub(super) version: Option<String>,
}

impl Entry {
    /// Whether digests are digests: their digits name folders and go to `git`.
    fn is_sound(&self) -> bool {
        let hex = |text: &str, lengths: &[usize]| {
            lengths.contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        };
        let sha256 = |text: &str| text.strip_prefix("sha256:").is_some_and(|digits| hex(digits, &[64]));
        let commit = |text: &str| text.strip_prefix("commit:").is_some_and(|digits| hex(digits, &[40, 64]));
        let inside =
            self.folder.is_empty() || super::tree::path(&self.folder).is_ok_and(|path| path == self.folder);
        sha256(&self.digest) && (sha256(&self.resolved) || commit(&self.resolved)) && inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(source: &str, version: Option<&str>) -> Entry {
        Entry {
            source: source.to_owned(),
            version: version.map(str::to_owned),
            resolved: format!("commit:{}", "a".repeat(40)),
            folder: String::new(),
            digest: format!("sha256:{}", "b".repeat(64)),
        }
    }

    #[test]
    fn a_lock_is_written_in_order_and_read_again() {
        let mut lock = Lock::default();
        lock.put(Purpose::Module, entry("b", None));
        lock.put(Purpose::Module, entry("a", Some("2.0.0")));
        lock.put(Purpose::Module, entry("a", Some("1.0.0")));
        lock.put(Purpose::Module, entry("b", None));
        assert!(!lock.text().contains("policies"), "what there is none of is not said");
        lock.put(Purpose::Policy, entry("a", None));
        let text = lock.text();
        assert_eq!(Lock::parse(text.as_bytes()).unwrap(), lock);
        let sources: Vec<_> = lock.modules.iter().map(|entry| entry.source.as_str()).collect();
        assert_eq!(sources, ["a", "a", "b"]);
        let used =
            [Used { purpose: Purpose::Module, source: "a".to_owned(), version: Some("2.0.0".to_owned()) }];
        lock.keep_only(Purpose::Module, &used);
        assert_eq!(lock.modules, [entry("a", Some("2.0.0"))]);
        assert_eq!(lock.of(Purpose::Policy, "a"), [&entry("a", None)], "each for its own");
        lock.keep_only(Purpose::Policy, &used);
        assert!(lock.policies.is_empty());
    }

    #[test]
    fn what_is_no_lock_is_refused() {
        let good = {
            let mut lock = Lock::default();
            lock.put(Purpose::Module, Entry { folder: "sub".to_owned(), ..entry("a", None) });
            lock.text()
        };
        for (from, to, why) in [
            ("\"format_version\": 1", "\"format_version\": 2", "format 2"),
            ("commit:aaaa", "commit:--up", "`a`"),
            ("sha256:b", "sha256:/", "`a`"),
            ("\"sub\"", "\"../sub\"", "`a`"),
            ("\"modules\"", "\"extra\": 1, \"modules\"", "damaged at line"),
            ("{", "", "damaged at line"),
        ] {
            let text = good.replacen(from, to, 1);
            let error = Lock::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(why), "{to}: {error}");
        }
    }
}
