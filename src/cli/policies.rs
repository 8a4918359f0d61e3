//! The bundles of policies that a run is judged by: those that the command line names, then those of the configuration.
//!
//! Goes in: names, keys, a project. Comes out: bundles, or why there are none; both is for the gate, which denies what it
//! cannot decide. Never happens: a bundle that must be signed is read before that is known; one from elsewhere that is not
//! what the lock says.

use super::args::{self, Source};
use super::packages::Packages;
use super::project::Place;
use crate::diag::because;
use crate::fetch::{self, Mode};
use crate::lang::config::PolicyBundle;
use crate::manifest::read_bytes;
use crate::policy::{self, Bundle, Bundles, Files, Named, PolicyError, SIGNATURES, VerifyingKey};
use std::path::{Path, PathBuf};

/// What a run is judged by, and what happened on the side, in a line.
pub(super) struct Read {
    pub(super) bundles: Result<Bundles, PolicyError>,
    pub(super) news: String,
}

/// Reads the bundles of a run. `mode` says what of them may be fetched.
pub(super) fn read(place: &Place, source: &Source, configured: &[PolicyBundle], mode: Mode) -> Read {
    let packages = Packages::new(place, source, mode);
    let bundles = all(place, &packages, &source.policies, configured).and_then(|bundles| {
        packages.keep_lock_of_bundles()?;
        Bundles::of(bundles)
    });
    Read { bundles, news: packages.news() }
}

/// The bundles that a command line names, if they are folders that need not be signed, or else the built-in one. They are
/// read again when the configuration is known: this is only to have something begun by then.
pub(super) fn at_hand(source: &Source) -> Option<Bundles> {
    let named = &source.policies;
    if !named.keys.is_empty() {
        return None;
    }
    let read = |source: &String| {
        let folder = Some(Path::new(source)).filter(|path| path.is_dir())?;
        Bundle::from_folder(folder)
            .ok()
            .map(|bundle| bundle.named(&name_of(source), &fetch::stripped(source)))
    };
    let bundles: Option<Vec<_>> = named.bundles.iter().map(read).collect();
    Bundles::of(bundles?).ok()
}

/// Those of the command line, or else the built-in one, then those of the configuration: whoever writes that can ask for more
/// than a pipeline does, and for no less.
fn all(
    place: &Place,
    packages: &Packages<'_>,
    named: &args::Policies,
    configured: &[PolicyBundle],
) -> Result<Vec<Bundle>, PolicyError> {
    let keys = self::keys(&named.keys)?;
    let mut bundles = Vec::new();
    for source in &named.bundles {
        let from = Origin { source, folder: Path::new("") };
        bundles.push(from.bundle(&name_of(source), packages, &[&keys])?);
    }
    if bundles.is_empty() {
        bundles.push(Bundle::builtin()?);
    }
    for block in configured {
        let own = match &block.key {
            Some((path, _)) => vec![key(&place.folder.join(&**path), path)?],
            None => Vec::new(),
        };
        let from = Origin { source: &block.source.0, folder: &place.folder };
        bundles.push(from.bundle(&block.name.name, packages, &[&keys, &own])?);
    }
    Ok(bundles)
}

/// Fetches the bundles that come from elsewhere, and gives them no other look.
pub(super) fn fetch(
    packages: &Packages<'_>,
    named: &args::Policies,
    configured: &[PolicyBundle],
) -> Result<(), PolicyError> {
    let sources = named.bundles.iter().map(String::as_str);
    let sources = sources.chain(configured.iter().map(|block| &*block.source.0));
    for source in sources.filter(|source| fetch::is_elsewhere(source)) {
        packages.bundle(source)?;
    }
    Ok(())
}

/// What `mlo policy` is given: bundles, folders and files.
pub(super) fn named(paths: &[PathBuf], network: &args::Network) -> Result<Vec<Named>, PolicyError> {
    let source = Source { network: network.clone(), ..Source::default() };
    let place = here()?;
    let packages = Packages::new(&place, &source, Mode::Missing);
    let named = paths.iter().map(|path| {
        let text = path.to_string_lossy();
        let from = Origin { source: &text, folder: Path::new("") };
        match from.kind() {
            Kind::Elsewhere | Kind::Archive(_) => {
                Ok(Named::Bundle(fetch::stripped(&text), from.files(&packages, false)?))
            }
            Kind::Folder(_) => Ok(Named::Bundle(text.clone().into_owned(), from.files(&packages, false)?)),
            Kind::Other(_) => Ok(Named::File(path.clone())),
        }
    });
    let named = named.collect::<Result<_, _>>()?;
    packages.keep_lock_of_bundles()?;
    Ok(named)
}

/// Bundles, each of which must be signed with one of the keys; and how many files each has.
pub(super) fn verified(
    named: &args::Policies,
    network: &args::Network,
) -> Result<Vec<(Bundle, usize)>, PolicyError> {
    let source = Source { network: network.clone(), ..Source::default() };
    let place = here()?;
    let packages = Packages::new(&place, &source, Mode::Missing);
    let keys = keys(&named.keys)?;
    let bundles = named.bundles.iter().map(|source| {
        let from = Origin { source, folder: Path::new("") };
        from.whole(&name_of(source), &packages, &[&keys])
    });
    let bundles = bundles.collect::<Result<_, _>>()?;
    packages.keep_lock_of_bundles()?;
    Ok(bundles)
}

fn here() -> Result<Place, PolicyError> {
    Place::find(None)
        .map_err(|said| PolicyError::of_fetch("", said.iter().map(|it| it.summary.as_str()).next()))
}

/// The keys in files, to verify with.
pub(super) fn keys(paths: &[PathBuf]) -> Result<Vec<VerifyingKey>, PolicyError> {
    paths.iter().map(|path| key(path, &path.display().to_string())).collect()
}

fn key(path: &Path, shown: &str) -> Result<VerifyingKey, PolicyError> {
    let bytes =
        read_bytes(path).map_err(|error| PolicyError::Key { reason: format!("key `{shown}`: {error}") })?;
    VerifyingKey::read(shown, bytes).map_err(|error| PolicyError::Key { reason: error.to_string() })
}

/// Where a bundle is from.
struct Origin<'s> {
    source: &'s str,
    /// What a path is relative to; empty: to where the command runs.
    folder: &'s Path,
}

/// What a source names.
enum Kind {
    Elsewhere,
    /// An archive of this machine.
    Archive(PathBuf),
    Folder(PathBuf),
    /// A file, or nothing.
    Other(PathBuf),
}

impl Origin<'_> {
    fn kind(&self) -> Kind {
        let path = self.folder.join(self.source);
        if path.is_dir() {
            return Kind::Folder(path);
        }
        if fetch::is_elsewhere(self.source) {
            return Kind::Elsewhere;
        }
        match fetch::local_archive(self.source) {
            Some(archive) => Kind::Archive(self.folder.join(archive)),
            None => Kind::Other(path),
        }
    }

    /// The bundle, which must be signed by one of each of these lists of keys that is not empty.
    fn bundle(
        &self,
        name: &str,
        packages: &Packages<'_>,
        asked: &[&Vec<VerifyingKey>],
    ) -> Result<Bundle, PolicyError> {
        let asked: Vec<_> = asked.iter().copied().filter(|keys| !keys.is_empty()).collect();
        if let (Kind::Folder(path) | Kind::Other(path), true) = (self.kind(), asked.is_empty()) {
            return Ok(Bundle::from_folder(&path)?.named(name, &fetch::stripped(self.source)));
        }
        self.whole(name, packages, &asked).map(|(bundle, _)| bundle)
    }

    /// The bundle of all of its files, which must be signed by one of each of these lists; and how many files that are.
    fn whole(
        &self,
        name: &str,
        packages: &Packages<'_>,
        asked: &[&Vec<VerifyingKey>],
    ) -> Result<(Bundle, usize), PolicyError> {
        let files = self.files(packages, true)?;
        let folder = matches!(self.kind(), Kind::Folder(_)).then_some(self.source);
        let mut signed_by = None;
        for keys in asked {
            signed_by = Some(policy::verify(name, &files, folder, keys)?);
        }
        let count = files.len();
        let bundle = Bundle::of(files)?.named(name, &fetch::stripped(self.source));
        Ok(match signed_by {
            Some(key) => (bundle.signed_by(key), count),
            None => (bundle, count),
        })
    }

    /// Its files: all of them, or those that are part of a bundle, as far as that can be told without reading the others.
    fn files(&self, packages: &Packages<'_>, everything: bool) -> Result<Files, PolicyError> {
        match self.kind() {
            Kind::Elsewhere => Bundle::all_files(&packages.bundle(self.source)?),
            Kind::Folder(path) if everything => Bundle::all_files(&path),
            Kind::Folder(path) | Kind::Other(path) => Bundle::files_of(&path),
            Kind::Archive(path) => {
                let failed = |reason: &dyn std::fmt::Display| {
                    PolicyError::of_fetch(self.source, Some(&format!("it cannot be read: {reason}")))
                };
                let bytes = read_bytes(&path).map_err(|error| failed(&error))?;
                fetch::opened(self.source, &bytes).map_err(|error| failed(&error))
            }
        }
    }
}

impl PolicyError {
    /// That a bundle is not there.
    pub(super) fn of_fetch(source: &str, reason: Option<&str>) -> Self {
        Self::Fetch {
            bundle: fetch::stripped(source),
            reason: reason.unwrap_or_default().to_owned(),
            help: "give the folder of a policy bundle, a `.tar.gz`, or an address".to_owned(),
        }
    }
}

/// What a bundle is called by its source: `company` of `oci://host/policies/company:1.4`.
fn name_of(source: &str) -> String {
    let path = source.split('?').next().unwrap_or(source).trim_end_matches('/');
    let last = path.rsplit('/').next().unwrap_or(path);
    let last =
        if source.starts_with("oci://") { last.split(['@', ':']).next().unwrap_or(last) } else { last };
    let ends = [".tar.gz", ".tgz", ".zip", ".git"];
    let name = ends.iter().find_map(|end| last.strip_suffix(end)).unwrap_or(last);
    if matches!(name, "" | "." | "..") { fetch::stripped(source) } else { name.to_owned() }
}

/// Writes a signature beside the files of a folder, or a bundle in place of another.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), PolicyError> {
    super::file::write_public(path, bytes).map_err(|error| PolicyError::Fetch {
        bundle: path.display().to_string(),
        reason: format!("it cannot be written: {}", because(&error)),
        help: "name a file in a folder that you may write to".to_owned(),
    })
}

/// Whether a path is a folder of a bundle; an error if it is neither that nor an archive.
pub(super) fn files_to_sign(path: &Path) -> Result<(Files, bool), PolicyError> {
    let text = path.to_string_lossy();
    let from = Origin { source: &text, folder: Path::new("") };
    let is_folder = match from.kind() {
        Kind::Folder(_) => true,
        Kind::Archive(_) => false,
        Kind::Elsewhere | Kind::Other(_) => {
            return Err(PolicyError::of_fetch(
                &text,
                Some("it is neither a folder nor a `.tar.gz` of this machine"),
            ));
        }
    };
    let source = Source::default();
    let place = here()?;
    let packages = Packages::new(&place, &source, Mode::Present);
    let mut files = from.files(&packages, true)?;
    files.remove(SIGNATURES);
    Ok((files, is_folder))
}

/// The beginning of a digest, as people are shown it.
pub(super) fn short(digest: &str) -> String {
    const DIGITS: usize = 12;
    digest.chars().take("sha256:".len() + DIGITS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_called_by_the_end_of_its_source() {
        for (source, name) in [
            ("policies", "policies"),
            ("/srv/company/", "company"),
            ("company-1.4.tar.gz", "company-1.4"),
            ("oci://ghcr.io/acme/policies:1.4", "policies"),
            ("oci://localhost:5000/a/b@sha256:00", "b"),
            ("https://host/bundles/team.tar.gz?checksum=sha256:00", "team"),
            ("git::https://host/governance.git?ref=v1", "governance"),
            ("git::https://host/governance.git//policies/team?ref=v1", "team"),
            (".", "."),
        ] {
            assert_eq!(name_of(source), name, "{source}");
        }
    }
}
