//! The files of a package, in memory: nothing is written before all of it is known to be harmless.
//!
//! Goes in: entries of an archive or a repository, one by one. Comes out: regular files by their paths, or why the
//! package is refused. Never happens: a path that leads out, two files in one place, more than the limits.

use super::error::FetchError;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Files of a package. A repository of modules has some hundred.
pub(super) const FILES_MAX: usize = 20_000;
/// Bytes of all files of a package, links counted as what they lead to. They are in memory at once.
pub(super) const BYTES_MAX: u64 = 100 << 20;
/// Bytes of a path in a package.
const PATH_BYTES_MAX: usize = 1_024;
/// Folders around a file of a package.
const PATH_PARTS_MAX: usize = 64;
/// Links that are followed to get at one file.
const HOPS_MAX: usize = 10;

/// The bytes of a file. What was read is kept, not copied.
pub(super) type Bytes = Arc<Vec<u8>>;

/// What was read of a package so far.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    files: BTreeMap<String, Bytes>,
    links: BTreeMap<String, String>,
    entries: usize,
    bytes: u64,
}

/// A package: files by their paths, with `/`.
#[derive(Debug)]
pub(super) struct Tree {
    /// In order.
    pub(super) files: BTreeMap<String, Bytes>,
}

fn refused(why: String) -> FetchError {
    FetchError::Package(why)
}

/// What is shown of a name that others made.
fn quoted(name: &str) -> String {
    let shown: String = name.chars().take(80).collect();
    format!("`{}`", crate::diag::escape(&shown))
}

impl Gathering {
    /// Counts an entry, whatever it is.
    pub(super) fn count(&mut self) -> Result<(), FetchError> {
        self.entries += 1;
        if self.entries > FILES_MAX {
            return Err(refused(format!("it has more than {FILES_MAX} entries")));
        }
        Ok(())
    }

    /// Bytes that a file may still have.
    pub(super) fn room(&self) -> u64 {
        BYTES_MAX - self.bytes
    }

    /// Adds a file.
    pub(super) fn file(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), FetchError> {
        let path = self.free(name)?;
        self.bytes += bytes.len() as u64;
        if self.bytes > BYTES_MAX {
            return Err(too_large());
        }
        self.files.insert(path, Arc::new(bytes));
        Ok(())
    }

    /// Adds a symbolic link.
    pub(super) fn link(&mut self, name: &str, target: &str) -> Result<(), FetchError> {
        let path = self.free(name)?;
        self.links.insert(path, target.to_owned());
        Ok(())
    }

    /// The path of an entry that is not there yet.
    fn free(&mut self, name: &str) -> Result<String, FetchError> {
        self.count()?;
        let path = path(name)?;
        if self.files.contains_key(&path) || self.links.contains_key(&path) {
            return Err(refused(format!("it has {} twice", quoted(name))));
        }
        Ok(path)
    }

    /// The package: links become what they lead to.
    pub(super) fn finish(self) -> Result<Tree, FetchError> {
        let mut files = self.files.clone();
        let mut bytes = self.bytes;
        for link in self.links.keys() {
            for (path, content) in self.followed(link, HOPS_MAX)? {
                bytes += content.len() as u64;
                if files.len() >= FILES_MAX || bytes > BYTES_MAX {
                    return Err(too_large());
                }
                files.insert(path, content);
            }
        }
        for path in files.keys() {
            let above = path.match_indices('/').map(|(at, _)| path.get(..at).unwrap_or_default());
            if let Some(file) = above.into_iter().find(|folder| files.contains_key(*folder)) {
                return Err(refused(format!("{} is both a file and a folder", quoted(file))));
            }
        }
        Ok(Tree { files })
    }

    /// The files that stand in the place of a link: one, all of a folder, or none if nothing is there.
    /// `hops` is how many links may still be followed.
    fn followed(&self, link: &str, mut hops: usize) -> Result<Vec<(String, Bytes)>, FetchError> {
        let mut at = link.to_owned();
        while let Some(target) = self.links.get(&at) {
            hops = hops.checked_sub(1).ok_or_else(|| too_far(link))?;
            at = beside(&at, target)
                .ok_or_else(|| refused(format!("link {} leads out of it", quoted(link))))?;
            // A part of the way may be a link itself.
            (at, hops) = self.through(&at, link, hops)?;
        }
        if let Some(content) = self.files.get(&at) {
            return Ok(vec![(link.to_owned(), content.clone())]);
        }
        let folder = if at.is_empty() { String::new() } else { format!("{at}/") };
        if link.starts_with(&folder) {
            return Err(refused(format!("link {} leads to a folder around it", quoted(link))));
        }
        let placed = |path: &str| format!("{link}/{}", path.get(folder.len()..).unwrap_or_default());
        let inside = self.files.range(folder.clone()..).take_while(|(path, _)| path.starts_with(&folder));
        let mut found: Vec<_> = inside.map(|(path, content)| (placed(path), content.clone())).collect();
        // A folder may have links of its own.
        let inner = self.links.range(folder.clone()..).take_while(|(path, _)| path.starts_with(&folder));
        for (inner, _) in inner {
            let hops = hops.checked_sub(1).ok_or_else(|| too_far(link))?;
            found.extend(
                self.followed(inner, hops)?.into_iter().map(|(path, content)| (placed(&path), content)),
            );
            if found.len() > FILES_MAX {
                return Err(too_large());
            }
        }
        Ok(found)
    }

    /// A path whose folders may be links, without those; and how many links may be followed after it.
    fn through(&self, path: &str, link: &str, mut hops: usize) -> Result<(String, usize), FetchError> {
        let mut path = path.to_owned();
        loop {
            let folders = path.match_indices('/').map(|(at, _)| at);
            let Some(end) =
                folders.into_iter().find(|end| self.links.contains_key(path.get(..*end).unwrap_or_default()))
            else {
                return Ok((path, hops));
            };
            hops = hops.checked_sub(1).ok_or_else(|| too_far(link))?;
            let (folder, rest) = path.split_at(end);
            let target = self.links.get(folder).map_or("", String::as_str);
            let real = beside(folder, target);
            let real = real.ok_or_else(|| refused(format!("link {} leads out of it", quoted(link))))?;
            let joined = [real.as_str(), rest].concat();
            joined.trim_start_matches('/').clone_into(&mut path);
        }
    }
}

fn too_far(link: &str) -> FetchError {
    refused(format!("link {} leads through more than {HOPS_MAX} others", quoted(link)))
}

fn too_large() -> FetchError {
    refused(format!("unpacked it is larger than {} MiB, or has more than {FILES_MAX} files", BYTES_MAX >> 20))
}

/// The path of an entry, checked.
pub(super) fn path(name: &str) -> Result<String, FetchError> {
    if name.len() > PATH_BYTES_MAX {
        return Err(refused(format!("path {} is longer than {PATH_BYTES_MAX} bytes", quoted(name))));
    }
    if name.starts_with('/') || name.contains('\\') || name.as_bytes().get(1) == Some(&b':') {
        return Err(refused(format!("path {} is not relative", quoted(name))));
    }
    if name.chars().any(char::is_control) {
        return Err(refused(format!("path {} has control characters", quoted(name))));
    }
    let parts: Vec<_> = name.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") {
        return Err(refused(format!("path {} leads out of it", quoted(name))));
    }
    if parts.is_empty() {
        return Err(refused(format!("path {} names nothing", quoted(name))));
    }
    if parts.len() > PATH_PARTS_MAX {
        return Err(refused(format!("path {} has more than {PATH_PARTS_MAX} folders", quoted(name))));
    }
    if let Some(long) = parts.iter().find(|part| part.len() > 255) {
        return Err(refused(format!("name {} is longer than 255 bytes", quoted(long))));
    }
    Ok(parts.join("/"))
}

/// Where the target of a link leads; nothing if that is outside.
fn beside(link: &str, target: &str) -> Option<String> {
    if target.is_empty()
        || target.starts_with('/')
        || target.contains(['\\', '\0'])
        || target.len() > PATH_BYTES_MAX
    {
        return None;
    }
    let mut parts: Vec<_> = link.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

impl Tree {
    /// `sha256:…` of all paths and contents.
    pub(super) fn digest(&self) -> String {
        let files = self
            .files
            .iter()
            .map(|(path, bytes)| (path.as_str(), HEXLOWER.encode(&Sha256::digest(bytes.as_slice()))));
        digest(files)
    }

    /// Whether there is anything in a folder.
    pub(super) fn has_folder(&self, folder: &str) -> bool {
        if folder.is_empty() {
            return true;
        }
        let inside = format!("{folder}/");
        self.files.range(inside.clone()..).next().is_some_and(|(path, _)| path.starts_with(&inside))
    }

    /// The one folder that a name with `*` stands for.
    pub(super) fn folder_like(&self, pattern: &str) -> Result<String, FetchError> {
        if !pattern.contains('*') {
            return Ok(pattern.to_owned());
        }
        let wanted: Vec<_> = pattern.split('/').collect();
        let mut found: Vec<String> = Vec::new();
        for path in self.files.keys() {
            let parts: Vec<_> = path.split('/').collect();
            let fits = parts.len() > wanted.len()
                && wanted.iter().zip(&parts).all(|(want, part)| *want == "*" || want == part);
            let folder = parts.get(..wanted.len()).unwrap_or_default().join("/");
            if fits && found.last() != Some(&folder) {
                found.push(folder);
            }
        }
        match found.as_slice() {
            [one] => Ok(one.clone()),
            _ => Err(FetchError::NoFolder(pattern.to_owned())),
        }
    }
}

/// The digest of a package from the digests of its files, which come in the order of their paths.
pub(super) fn digest<'f>(files: impl Iterator<Item = (&'f str, String)>) -> String {
    let mut all = Sha256::new();
    for (path, content) in files {
        all.update(format!("{content}  {path}\n"));
    }
    format!("sha256:{}", HEXLOWER.encode(&all.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)], links: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let mut gathering = Gathering::default();
        for (name, text) in files {
            gathering.file(name, text.as_bytes().to_vec()).map_err(|error| error.to_string())?;
        }
        for (name, target) in links {
            gathering.link(name, target).map_err(|error| error.to_string())?;
        }
        let tree = gathering.finish().map_err(|error| error.to_string())?;
        Ok(tree
            .files
            .iter()
            .map(|(path, bytes)| format!("{path}={}", String::from_utf8_lossy(bytes)))
            .collect())
    }

    #[test]
    fn paths_stay_inside_and_differ() {
        for (name, expected) in [
            ("a/b", Ok("a/b=x")),
            ("./a//b", Ok("a/b=x")),
            ("../a", Err("path `../a` leads out of it")),
            ("a/../../b", Err("path `a/../../b` leads out of it")),
            ("/etc/passwd", Err("path `/etc/passwd` is not relative")),
            ("C:/x", Err("path `C:/x` is not relative")),
            ("a\\..\\b", Err("path `a\\..\\b` is not relative")),
            ("./", Err("path `./` names nothing")),
            ("a\u{1b}[2J", Err("path `a\\u{1b}[2J` has control characters")),
            ("same", Err("it has `same` twice")),
            ("./same", Err("it has `./same` twice")),
            ("same/below", Err("`same` is both a file and a folder")),
        ] {
            let found = tree(&[("same", "y"), (name, "x")], &[]);
            let found = found.map(|files| files[0].clone());
            let found = found.as_deref().map_err(String::as_str);
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn links_become_what_they_lead_to_and_never_lead_out() {
        for (links, expected) in [
            (&[("l", "a/f")][..], Ok("l=x")),
            (&[("d/l", "../a/f")], Ok("d/l=x")),
            (&[("l", "a")], Ok("l/f=x")),
            (&[("l", "m"), ("m", "a/f")], Ok("l=x")),
            (&[("l", "m/f"), ("m", "a")], Ok("l=x")),
            (&[("l", "nothing")], Ok("")),
            (&[("l", "/etc/passwd")], Err("link `l` leads out of it")),
            (&[("l", "../x")], Err("link `l` leads out of it")),
            (&[("a/l", "../../x")], Err("link `a/l` leads out of it")),
            (&[("a/d", ".."), ("l", "a/d/../x")], Err("link `a/d` leads to a folder around it")),
            (&[("l", "l")], Err("link `l` leads through more than 10 others")),
            (&[("l", "m"), ("m", "l")], Err("link `l` leads through more than 10 others")),
            (&[("a/l", ".")], Err("link `a/l` leads to a folder around it")),
        ] {
            let found = tree(&[("a/f", "x")], links);
            let found = found
                .map(|files| files.into_iter().find(|file| !file.starts_with("a/f")).unwrap_or_default());
            let found = found.as_deref().map(|text| if text.starts_with('m') { "" } else { text });
            assert_eq!(found.map_err(String::as_str), expected, "{links:?}");
        }
    }

    #[test]
    fn links_in_a_folder_that_a_link_leads_to_are_followed() {
        for (links, expected) in [
            (
                &[("b", "a"), ("a/v", "../shared/v"), ("a/d", "../shared")][..],
                Ok("a/d/v=v a/f=x a/v=v b/d/v=v b/f=x b/v=v shared/v=v"),
            ),
            (&[("b", "a"), ("a/up", "../b")], Err("link `a/up` leads to a folder around it")),
        ] {
            let found = tree(&[("a/f", "x"), ("shared/v", "v")], links).map(|files| files.join(" "));
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{links:?}");
        }
    }

    #[test]
    fn a_star_stands_for_the_one_folder_there_is() {
        let mut gathering = Gathering::default();
        gathering.file("net-1.2/main.tf", Vec::new()).unwrap();
        gathering.file("net-1.2/sub/main.tf", Vec::new()).unwrap();
        let tree = gathering.finish().unwrap();
        for (pattern, folder) in
            [("*", Some("net-1.2")), ("*/sub", Some("net-1.2/sub")), ("a", Some("a")), ("*/none", None)]
        {
            assert_eq!(tree.folder_like(pattern).ok().as_deref(), folder, "{pattern}");
        }
        assert!(tree.has_folder("net-1.2/sub") && !tree.has_folder("net-1.2/su"));
    }
}
