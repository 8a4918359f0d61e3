//! Bundles that are asked together: of a company, a team, a project.
//!
//! Goes in: bundles, the one with the most say first. Comes out: what is evaluated for each, and the list of them. Never
//! happens: a bundle changes what one before it denies.
//!
//! So each is evaluated by itself: its rules see its own data and that of the bundles before it, never rules of another, and
//! neither data of one after it. Its levels and waivers are about its own rules. What one denies is denied. Two that say
//! different things of the same key are an error, and so is one that lies in a root of another.

use super::manifest::{self, contains, overlap};
use super::{BUILT_IN, Bundle, DEPLOYMENT_NAME, DEPLOYMENT_RULES, data, digest_file, finished, package_of};
use crate::policy::{DEPLOYMENT, PACKAGES, PolicyError, waivers};
use serde::Serialize;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Bundles of a run. Each is compiled and evaluated within the same limits.
const BUNDLES_MAX: usize = 16;
/// How the sources of what is built in begin.
const OURS: &str = "mlo://";
/// Characters of a value that a message shows.
const VALUE_CHARS_MAX: usize = 60;

/// Bundles that are asked together.
#[derive(Debug, Clone)]
pub struct Bundles {
    /// As each is evaluated: its data is what its rules see.
    asked: Vec<Bundle>,
    listed: Vec<Listed>,
    digest: String,
}

/// One of the bundles of a run, as it is told and pinned. Its fields are the keys of documents and records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// What it is called.
    pub name: String,
    /// Where it is from, without credentials.
    pub source: String,
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// The revision that its manifest says.
    pub revision: Option<String>,
    /// Whether it has a signature.
    #[serde(skip)]
    pub is_signed: bool,
    /// The key whose signature of it was verified.
    pub signed_by: Option<String>,
}

impl From<&Bundle> for Listed {
    fn from(bundle: &Bundle) -> Self {
        Self {
            name: bundle.name.clone(),
            source: bundle.source.clone(),
            digest: bundle.digest.clone(),
            revision: bundle.revision().map(str::to_owned),
            is_signed: bundle.is_signed,
            signed_by: bundle.signed_by.clone(),
        }
    }
}

impl Bundles {
    /// The one that is built into the program.
    pub fn builtin() -> Result<Self, PolicyError> {
        Self::of(vec![Bundle::builtin()?])
    }

    /// These, the one with the most say first; the built-in one if there are none. The first has our rules for plans if
    /// it has none of its own.
    pub fn of(mut bundles: Vec<Bundle>) -> Result<Self, PolicyError> {
        if bundles.is_empty() {
            bundles.push(Bundle::builtin()?);
        }
        if bundles.len() > BUNDLES_MAX {
            let reason =
                format!("there are {} bundles, and at most {BUNDLES_MAX} are asked together", bundles.len());
            return Err(super::unreadable("", &reason));
        }
        tell_apart(&mut bundles);
        check_roots(&bundles)?;
        check_waivers(&bundles)?;
        check_that_each_is_asked(&bundles)?;
        let mut listed: Vec<_> = bundles.iter().map(Listed::from).collect();
        let seen = seen(&bundles)?;
        if bundles.len() > 1 {
            bundles = bundles.into_iter().map(Bundle::with_named_files).collect();
        }
        let said_by = files_seen(&bundles);
        if let Some(first) = bundles.first_mut().filter(|first| !first.has(DEPLOYMENT)) {
            first.rules.insert(DEPLOYMENT_NAME.to_owned(), DEPLOYMENT_RULES.to_owned());
            listed.insert(1, ours());
        }
        let digest = digest(&listed);
        let seen = seen.into_iter().zip(said_by);
        let asked = bundles.into_iter().zip(seen);
        let asked = asked.map(|(bundle, (data, data_files))| Bundle { data, data_files, ..bundle }).collect();
        Ok(Self { asked: silenced(asked), listed, digest })
    }

    /// As each is evaluated.
    pub(in crate::policy) fn asked(&self) -> &[Bundle] {
        &self.asked
    }

    /// All that is asked, in order.
    pub fn listed(&self) -> &[Listed] {
        &self.listed
    }

    /// The digest of all together; of one alone, its own.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

/// Our rules for plans, where a bundle has none.
fn ours() -> Listed {
    let mut hash = Sha256::new();
    digest_file(&mut hash, DEPLOYMENT_NAME, DEPLOYMENT_RULES);
    Listed {
        name: BUILT_IN.to_owned(),
        source: DEPLOYMENT_NAME.to_owned(),
        digest: finished(hash),
        revision: None,
        is_signed: false,
        signed_by: None,
    }
}

fn digest(listed: &[Listed]) -> String {
    if let [one] = listed {
        return one.digest.clone();
    }
    let mut hash = Sha256::new();
    for one in listed {
        hash.update(format!("{}\n", one.digest));
    }
    finished(hash)
}

/// Where one bundle has rules of a package, the others need not: theirs let everything through. One that has data for others
/// alone is not asked.
fn silenced(bundles: Vec<Bundle>) -> Vec<Bundle> {
    let silent: Vec<_> =
        PACKAGES.iter().filter(|package| bundles.iter().any(|bundle| bundle.has(package))).collect();
    let mut asked: Vec<Bundle> = Vec::with_capacity(bundles.len());
    for mut bundle in bundles {
        if !silent.is_empty() && !PACKAGES.iter().any(|package| bundle.has(package)) {
            continue;
        }
        for package in silent.iter().filter(|package| !bundle.has(package)).copied().collect::<Vec<_>>() {
            let text = format!("package {package}\n\ndeny contains \"\" if false\n");
            bundle.rules.insert(format!("mlo://policies/{package}"), text);
        }
        asked.push(bundle);
    }
    asked
}

/// Gives bundles of one name others: the places that they are from, or else their numbers.
fn tell_apart(bundles: &mut [Bundle]) {
    let count = |bundles: &[Bundle]| {
        bundles.iter().fold(BTreeMap::<String, usize>::new(), |mut counts, bundle| {
            *counts.entry(bundle.name.clone()).or_default() += 1;
            counts
        })
    };
    let counts = count(bundles);
    for bundle in bundles.iter_mut().filter(|bundle| counts.get(&bundle.name).is_some_and(|count| *count > 1))
    {
        bundle.name.clone_from(&bundle.source);
    }
    let counts = count(bundles);
    for (at, bundle) in bundles.iter_mut().enumerate() {
        if counts.get(&bundle.name).is_some_and(|count| *count > 1) {
            bundle.name = format!("{} ({})", bundle.name, at + 1);
        }
    }
}

fn together(first: &Bundle, second: &Bundle, reason: String) -> PolicyError {
    PolicyError::Together { first: first.name.clone(), second: second.name.clone(), reason }
}

/// No bundle lies in what another says is its own. The packages that are asked may have rules of several: they are asked
/// each by itself.
fn check_roots(bundles: &[Bundle]) -> Result<(), PolicyError> {
    let asked: Vec<_> = PACKAGES.iter().map(|package| package.replace('.', "/")).collect();
    let is_asked = |path: &str| asked.iter().any(|package| contains(package, path));
    let own = |bundle: &Bundle| -> Vec<String> {
        bundle.manifest.roots().iter().filter(|root| !is_asked(root)).cloned().collect()
    };
    for (at, first) in bundles.iter().enumerate() {
        for second in bundles.iter().skip(at + 1) {
            for (owner, other) in [(first, second), (second, first)] {
                let (roots, others) = (own(owner), own(other));
                let shared =
                    roots.iter().find_map(|root| Some((root, others.iter().find(|it| overlap(root, it))?)));
                if let Some((root, it)) = shared {
                    let reason = format!(
                        "their roots `{root}` and `{it}` overlap: each must keep to its own part of `data`"
                    );
                    return Err(together(owner, other, reason));
                }
                let packages = other.rules.values().filter_map(|text| package_of(text));
                let packages = packages.map(|package| package.join("/"));
                let mut paths = packages.chain(manifest::paths(&other.data)).filter(|path| !is_asked(path));
                let found =
                    paths.find_map(|path| Some((roots.iter().find(|root| contains(root, &path))?, path)));
                if let Some((root, path)) = found {
                    let reason =
                        format!("`{path}` of `{}` lies in the root `{root}` of `{}`", other.name, owner.name);
                    return Err(together(first, second, reason));
                }
            }
        }
    }
    Ok(())
}

/// Waivers are about rules of their own bundle: they let no rule of another be.
fn check_waivers(bundles: &[Bundle]) -> Result<(), PolicyError> {
    for bundle in bundles.iter().filter(|bundle| !bundle.waivers.is_empty()) {
        for waiver in waivers::read(&bundle.waivers)? {
            if bundle.names(&waiver.rule) {
                continue;
            }
            if let Some(other) = bundles.iter().find(|other| other.names(&waiver.rule)) {
                let reason = format!(
                    "the waiver at {} is about the rule `{}` of `{}`, and a bundle waives its own rules alone",
                    waiver.place, waiver.rule, other.name
                );
                return Err(together(other, bundle, reason));
            }
        }
    }
    Ok(())
}

/// Where there are several, none is there in vain: a bundle without rules that are asked has data for one after it.
fn check_that_each_is_asked(bundles: &[Bundle]) -> Result<(), PolicyError> {
    if bundles.len() < 2 {
        return Ok(());
    }
    let is_asked = |bundle: &Bundle| PACKAGES.iter().any(|package| bundle.has(package));
    for (at, bundle) in bundles.iter().enumerate().filter(|(_, bundle)| !is_asked(bundle)) {
        let why = if !bundle.waivers.is_empty() {
            "its waivers are about its own rules, and it has none"
        } else if !bundles.iter().skip(at + 1).any(is_asked) {
            "its data is for its own rules and for bundles after it, and there are none"
        } else {
            continue;
        };
        let packages = PACKAGES.map(|package| format!("`{package}`")).join(" nor in ");
        let reason = format!("it has no rules in {packages}, so it would change nothing: {why}");
        return Err(super::unreadable(&bundle.name, &reason));
    }
    Ok(())
}

/// What the rules of each bundle see of `data`: its own, and that of those before it.
fn seen(bundles: &[Bundle]) -> Result<Vec<Json>, PolicyError> {
    let mut all = data::nothing();
    let mut seen = Vec::with_capacity(bundles.len());
    for (at, bundle) in bundles.iter().enumerate() {
        let mut own = all.clone();
        if let Some(found) = data::add(&mut own, bundle.data.clone(), &mut Vec::new()) {
            // The first of those before it that says so.
            let says = |before: &&Bundle| {
                let mut own = without_levels(before.data.clone());
                data::add(&mut own, bundle.data.clone(), &mut Vec::new()).is_some()
            };
            let before = bundles.iter().take(at).find(says).unwrap_or(bundle);
            let data::Contradiction { path, one, other } = found;
            let reason =
                format!("data `{path}` is {} in the first, and {} in the second", short(&one), short(&other));
            return Err(together(before, bundle, reason));
        }
        all = without_levels(own.clone());
        seen.push(own);
    }
    Ok(seen)
}

/// The files that say what the rules of each bundle see: its own, and those of the bundles before it.
fn files_seen(bundles: &[Bundle]) -> Vec<BTreeMap<String, (String, String)>> {
    let mut all = BTreeMap::new();
    let mut files = bundles.iter().map(|bundle| {
        all.extend(bundle.data_files.clone());
        all.clone()
    });
    files.by_ref().collect()
}

/// Data without levels: those are about the rules of one bundle.
fn without_levels(mut data: Json) -> Json {
    if let Some(Json::Object(mlo)) = data.get_mut("mlo") {
        mlo.shift_remove("levels");
    }
    data
}

/// A value as a message shows it.
fn short(value: &Json) -> String {
    let text = value.to_string();
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

impl Bundle {
    /// Whether it has a rule of a name, as far as its text tells.
    pub(in crate::policy) fn names(&self, rule: &str) -> bool {
        let (quoted, annotated) = (format!("\"{rule}\""), format!("rule: {rule}"));
        self.rules.values().any(|text| text.contains(&quoted) || text.contains(&annotated))
    }

    /// The same with its name before the names of its files. Those of ours have a place of their own.
    fn with_named_files(self) -> Self {
        if self.source.starts_with(OURS) {
            return self;
        }
        let named = |files: BTreeMap<String, String>| -> BTreeMap<_, _> {
            files.into_iter().map(|(file, text)| (format!("{}/{file}", self.name), text)).collect()
        };
        let (rules, waivers) = (named(self.rules), named(self.waivers));
        let data_files = self.data_files.into_iter();
        let data_files = data_files.map(|(file, said)| (format!("{}/{file}", self.name), said)).collect();
        Self { rules, data_files, waivers, ..self }
    }
}
