//! Packages from elsewhere: repositories, archives, OCI artifacts, modules of registries.
//!
//! Goes in: a source as it is written, and a lock. Comes out: a folder with just the files that the lock says. Never
//! happens: a file outside of the folder of packages, a package that differs from its lock, a wait without an end, a
//! credential in a message.

mod address;
mod archive;
mod error;
mod git;
mod http;
mod lock;
mod oci;
mod registry;
mod secret;
mod store;
mod tree;

#[cfg(test)]
mod tests;

pub use error::FetchError;
pub use lock::{LOCK_BYTES_MAX, LOCK_FILE};
pub use secret::{scrubbed, secrets, stripped};

use address::{Address, Format, Package as Kind};
use data_encoding::HEXLOWER;
use http::Http;
use lock::{Entry, Lock, Used};
use registry::Service;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use store::{Store, There};
use tree::Tree;

/// Sources that lead to others, one after the other.
const LEADS_MAX: usize = 5;
/// Versions that a message lists.
const VERSIONS_SHOWN_MAX: usize = 5;
/// Bytes of the answer of a server that names a module's place.
const PLACE_BYTES_MAX: usize = 1 << 20;

/// What may be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing: what is there is used.
    Present,
    /// What is missing.
    Missing,
    /// What is missing or was changed on disk.
    Mend,
    /// Everything, as it is now: the lock is written anew.
    Update,
}

/// What a package is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A module of the configuration.
    Module,
    /// A bundle of policies.
    Policy,
}

/// The value of a variable of the environment.
pub type Variable = Box<dyn Fn(&str) -> Option<String>>;

/// How packages are fetched.
pub struct Options {
    /// What may be fetched.
    pub mode: Mode,
    /// Whether there is no network.
    pub offline: bool,
    /// The folder of packages: `.mlo/modules`, absolute.
    pub folder: PathBuf,
    /// Hosts whose addresses are not looked at.
    pub allowed_hosts: Vec<String>,
    /// Variables of the environment: proxies, tokens, the command for SSH.
    pub variable: Variable,
    /// The text of Docker's `config.json`; empty if there is none.
    pub docker_config: Vec<u8>,
}

/// A source, as it is written.
pub struct Wanted<'w> {
    /// The text.
    pub source: &'w str,
    /// What it is for.
    pub purpose: Purpose,
    /// Which of the versions that there are.
    pub version: Option<Choice<'w>>,
    /// The bytes, if the source is an archive of the project.
    pub local: Option<&'w [u8]>,
}

/// A choice among versions.
#[derive(Clone, Copy)]
pub struct Choice<'w> {
    /// The constraint as it is written; empty if any will do.
    pub constraint: &'w str,
    /// The place of the best one in a list, if one will do.
    pub best: &'w dyn Fn(&[&str]) -> Option<usize>,
    /// Whether a constraint was written.
    pub is_written: bool,
}

/// A package that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The name of its folder in the folder of packages.
    pub name: String,
    /// The folder of the module in it, with `/`; empty for its own.
    pub folder: String,
    /// What it is called before the names of its files.
    pub shown: String,
}

/// What came, and what it is locked to.
struct Fetched {
    tree: Tree,
    resolved: String,
    /// The folder that was named on the way.
    folder: String,
}

/// Gets packages, one after the other.
pub struct Fetcher {
    options: Options,
    http: Http,
    store: Store,
    lock: Lock,
    /// As the lock was read.
    before: Lock,
    /// What was asked for.
    used: Vec<Used>,
    /// Versions of the modules that registries were asked about.
    versions: BTreeMap<String, Vec<String>>,
    /// Digests of packages that this run has found whole: a module that is called often is digested once.
    whole: BTreeSet<String>,
    fetched: usize,
}

impl Fetcher {
    /// A fetcher with the text of a lock file, if there is one.
    pub fn new(options: Options, lock: Option<&[u8]>) -> Result<Self, FetchError> {
        let lock = lock.map_or_else(|| Ok(Lock::default()), Lock::parse)?;
        let http = Http::new(&options.variable, &options.allowed_hosts);
        let store = Store::new(options.folder.clone());
        let before = lock.clone();
        let (used, versions, whole) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
        Ok(Self { options, http, store, lock, before, used, versions, whole, fetched: 0 })
    }

    /// How many packages came from elsewhere.
    pub fn fetched(&self) -> usize {
        self.fetched
    }

    /// Sources that were asked for, each with its version and what it stands for.
    pub fn used(&self, purpose: Purpose) -> impl Iterator<Item = (&str, Option<&str>, &str, &str)> {
        let entry = move |used: &Used| {
            self.lock.of(purpose, &used.source).into_iter().find(|entry| entry.version == used.version)
        };
        let entries = self.used.iter().filter(move |used| used.purpose == purpose).filter_map(entry);
        entries
            .map(|it| (it.source.as_str(), it.version.as_deref(), it.resolved.as_str(), it.digest.as_str()))
    }

    /// Leaves out of the lock what was not asked for.
    pub fn forget_unused(&mut self, purpose: Purpose) {
        self.lock.keep_only(purpose, &self.used);
    }

    /// Writes the lock file if it changed; tells whether it did.
    pub fn write_lock(&self, path: &Path) -> Result<bool, FetchError> {
        if self.lock == self.before || (self.lock.is_empty() && !path.exists()) {
            return Ok(false);
        }
        store::replace(path, self.lock.text().as_bytes())?;
        Ok(true)
    }

    /// Gets a package.
    pub async fn get(&mut self, wanted: &Wanted<'_>) -> Result<Package, FetchError> {
        if let Some(bytes) = wanted.local {
            return self.local(wanted, bytes);
        }
        let address = Address::parse(wanted.source)?.meant_for(wanted.purpose)?;
        let (choice, purpose) = (wanted.version, wanted.purpose);
        if !matches!(address.package, Kind::Registry(_)) && choice.is_some_and(|choice| choice.is_written) {
            return Err(FetchError::NotVersioned);
        }
        let locked = self.locked((&address, purpose), choice);
        let entry = match locked {
            Some(entry) if self.is_there(&entry)? => entry,
            locked => self.fetch((&address, purpose), choice, locked).await?,
        };
        let used = Used { purpose, source: entry.source.clone(), version: entry.version.clone() };
        if !self.used.contains(&used) {
            self.used.push(used);
        }
        let folder = match (entry.folder.as_str(), address.folder.as_str()) {
            (outer, "") => outer.to_owned(),
            ("", inner) => inner.to_owned(),
            (outer, inner) => format!("{outer}/{inner}"),
        };
        let name = Store::name(&entry.digest).to_owned();
        if !folder.is_empty() && !self.store.folder(&entry.digest).join(&folder).is_dir() {
            return Err(FetchError::NoFolder(folder));
        }
        Ok(Package { name, folder, shown: address.shown(entry.version.as_deref()) })
    }

    /// An archive of the project: it is what it is, so nothing is locked.
    fn local(&self, wanted: &Wanted<'_>, bytes: &[u8]) -> Result<Package, FetchError> {
        let (tree, folder) = unpacked(wanted.source, bytes, wanted.purpose)?;
        let digest = self.store.keep(&tree)?;
        let (path, _) = local_parts(wanted.source);
        Ok(Package { name: Store::name(&digest).to_owned(), folder, shown: path.to_owned() })
    }

    /// The entry that holds for an address: of a registry, the best of the locked versions.
    fn locked(&self, (address, purpose): (&Address, Purpose), choice: Option<Choice<'_>>) -> Option<Entry> {
        let key = address.key();
        let entries = self.lock.of(purpose, &key);
        let is_old = |entry: &&&Entry| {
            let used = Used { purpose, source: entry.source.clone(), version: entry.version.clone() };
            self.options.mode == Mode::Update && !self.used.contains(&used)
        };
        // A checksum in the source says more than the lock.
        let checksum = match &address.package {
            Kind::Http(http) => http.checksum.as_ref().map(|digits| format!("sha256:{digits}")),
            _ => None,
        };
        let is_it = |entry: &&&Entry| checksum.as_ref().is_none_or(|checksum| *checksum == entry.resolved);
        let entries: Vec<&Entry> = entries.iter().filter(|it| !is_old(it) && is_it(it)).copied().collect();
        if !matches!(address.package, Kind::Registry(_)) {
            return entries.first().map(|entry| (*entry).clone());
        }
        let versions: Vec<&str> = entries.iter().filter_map(|entry| entry.version.as_deref()).collect();
        let best = (choice?.best)(&versions)?;
        let version = versions.get(best).copied();
        entries.into_iter().find(|entry| entry.version.as_deref() == version).cloned()
    }

    /// Whether a package need not be fetched.
    fn is_there(&mut self, entry: &Entry) -> Result<bool, FetchError> {
        if self.whole.contains(&entry.digest) {
            return Ok(true);
        }
        match (self.store.look(&entry.digest)?, self.options.mode) {
            (There::Whole, _) => {
                self.whole.insert(entry.digest.clone());
                Ok(true)
            }
            (There::Nothing, Mode::Present) => Err(FetchError::Absent),
            (There::Changed, Mode::Present | Mode::Missing) => {
                Err(FetchError::Changed(format!(".mlo/modules/{}", Store::name(&entry.digest))))
            }
            _ => Ok(false),
        }
    }

    /// Fetches a package: at `locked`, or as it is now.
    async fn fetch(
        &mut self,
        (address, purpose): (&Address, Purpose),
        choice: Option<Choice<'_>>,
        locked: Option<Entry>,
    ) -> Result<Entry, FetchError> {
        if self.options.mode == Mode::Present {
            return Err(FetchError::Absent);
        }
        // A repository in a folder of this machine needs no network.
        let is_near = matches!(&address.package, Kind::Git(git) if git.url.starts_with("file://"));
        if self.options.offline && !is_near {
            return Err(FetchError::Offline);
        }
        let version = match (&address.package, &locked) {
            (Kind::Registry(_), Some(entry)) => entry.version.clone(),
            (Kind::Registry(registry), None) => Some(self.choose(registry, choice).await?),
            _ => None,
        };
        let pin = locked.as_ref().map(|entry| entry.resolved.clone());
        let fetched = self.follow((address, purpose), version.as_deref(), pin.as_deref()).await?;
        let (source, digest) = (address.key(), fetched.tree.digest());
        if let Some(locked) = &locked {
            drift("its content", &digest, &locked.digest)?;
        }
        let folder = fetched.tree.folder_like(&fetched.folder)?;
        if !fetched.tree.has_folder(&folder) {
            return Err(FetchError::NoFolder(folder));
        }
        self.store.keep(&fetched.tree)?;
        self.fetched += 1;
        let entry = Entry { source, version, resolved: fetched.resolved, folder, digest };
        self.lock.put(purpose, entry.clone());
        Ok(entry)
    }

    /// The newest version of a module that will do.
    async fn choose(
        &mut self,
        registry: &address::Registry,
        choice: Option<Choice<'_>>,
    ) -> Result<String, FetchError> {
        let key = format!("{}/{}", registry.host, registry.name);
        if !self.versions.contains_key(&key) {
            let versions = self.service(registry).await?.versions(registry).await?;
            self.versions.insert(key.clone(), versions);
        }
        let versions: Vec<&str> = self.versions.get(&key).into_iter().flatten().map(String::as_str).collect();
        let best = choice.and_then(|choice| (choice.best)(&versions)).and_then(|best| versions.get(best));
        best.map(|version| (*version).to_owned()).ok_or_else(|| {
            let shown: Vec<_> =
                versions.iter().rev().take(VERSIONS_SHOWN_MAX).map(|it| crate::diag::escape(it)).collect();
            let there = match versions.len() {
                0 => "none".to_owned(),
                count if count > VERSIONS_SHOWN_MAX => format!("{count}, among them {}", shown.join(", ")),
                _ => shown.join(", "),
            };
            FetchError::NoVersion {
                constraint: choice.map_or("", |choice| choice.constraint).to_owned(),
                there,
            }
        })
    }

    async fn service(&self, registry: &address::Registry) -> Result<Service<'_>, FetchError> {
        let token = (self.options.variable)(&registry::token_variable(&registry.host));
        Service::find(&self.http, &registry.host, token).await
    }

    /// Goes from source to source until there are files.
    async fn follow(
        &self,
        (address, purpose): (&Address, Purpose),
        version: Option<&str>,
        pin: Option<&str>,
    ) -> Result<Fetched, FetchError> {
        let mut at = address.clone();
        let mut folder = String::new();
        for _ in 0..LEADS_MAX {
            let next = match &at.package {
                Kind::Git(git) => {
                    self.http.check_host(&git.url)?;
                    let pin = pin.and_then(|pin| pin.strip_prefix("commit:"));
                    let ssh = (self.options.variable)("GIT_SSH_COMMAND");
                    let (commit, tree) = git::fetch(git, pin, ssh, &self.store).await?;
                    return Ok(Fetched { tree, resolved: format!("commit:{commit}"), folder });
                }
                Kind::Oci(oci) => {
                    let basic = oci::docker_basic(&self.options.docker_config, &oci.host);
                    let (resolved, tree) = oci::fetch(&self.http, (oci, purpose), pin, basic).await?;
                    return Ok(Fetched { tree, resolved, folder });
                }
                Kind::Http(http) => match http.format {
                    Some(format) => {
                        let (tree, resolved) = self.archive((http, purpose), format, pin).await?;
                        return Ok(Fetched { tree, resolved, folder });
                    }
                    None => self.place(http).await?,
                },
                Kind::Registry(registry) => {
                    self.service(registry).await?.location(registry, version.unwrap_or_default()).await?
                }
            };
            let named = Address::parse(&next)?;
            self.may_lead(&at, &named)?;
            folder = named.folder.clone();
            at = named;
        }
        Err(FetchError::Remote(format!("it leads on more than {LEADS_MAX} times")))
    }

    /// Whether a server may name a package: not one that only this machine has.
    fn may_lead(&self, from: &Address, to: &Address) -> Result<(), FetchError> {
        let url = |address: &Address| match &address.package {
            Kind::Git(git) => git.url.clone(),
            Kind::Http(http) => http.url.clone(),
            Kind::Oci(oci) => address::base_of(&oci.host),
            Kind::Registry(registry) => address::base_of(&registry.host),
        };
        match url(to) {
            to if to.starts_with("file://") => {
                Err(FetchError::Refused("a server leads on to a folder of this machine".to_owned()))
            }
            to if to.starts_with("http") => self.http.may_follow(&url(from), &to),
            _ => Ok(()),
        }
    }

    /// An archive over HTTP, and its digest.
    async fn archive(
        &self,
        (from, purpose): (&address::Http, Purpose),
        format: Format,
        pin: Option<&str>,
    ) -> Result<(Tree, String), FetchError> {
        let ask = http::Ask {
            url: &from.url,
            accept: None,
            authorization: None,
            bytes_max: archive::PACKED_BYTES_MAX,
        };
        let bytes = self.http.get(ask).await?.found("there is no archive")?;
        let digits = HEXLOWER.encode(&Sha256::digest(&bytes));
        if let Some(wanted) = from.checksum.as_ref().filter(|wanted| **wanted != digits) {
            return Err(FetchError::Package(format!("its checksum is sha256:{digits}, not sha256:{wanted}")));
        }
        let resolved = format!("sha256:{digits}");
        if let Some(locked) = pin {
            drift("its archive", &resolved, locked)?;
        }
        let format = archive::format_of(&bytes).filter(|_| from.format.is_none()).unwrap_or(format);
        Ok((archive::unpack(&bytes, format, purpose)?, resolved))
    }

    /// The source that a server names in the place of an address.
    async fn place(&self, from: &address::Http) -> Result<String, FetchError> {
        let mark = if from.url.contains('?') { '&' } else { '?' };
        let url = format!("{}{mark}terraform-get=1", from.url);
        let ask = http::Ask { url: &url, accept: None, authorization: None, bytes_max: PLACE_BYTES_MAX };
        let answer = self.http.get(ask).await?;
        let place = answer.header("x-terraform-get").map(|place| http::placed(&answer.url, place));
        let place = place.filter(|_| (200..300).contains(&answer.status));
        place.ok_or_else(|| {
            let asked = http::shown(&from.url);
            FetchError::Remote(format!(
                "{asked} is no archive by its name, and names no module (`X-Terraform-Get`)"
            ))
        })
    }
}

/// An error if something is not what the lock says.
fn drift(what: &'static str, came: &str, locked: &str) -> Result<(), FetchError> {
    if came == locked {
        return Ok(());
    }
    let (came, locked) = (short(came), short(locked));
    Err(FetchError::Drifted { what, came, locked })
}

/// The beginning of a digest.
fn short(digest: &str) -> String {
    const SHOWN: usize = 19;
    digest.get(..SHOWN).map_or_else(|| digest.to_owned(), |start| format!("{start}…"))
}

/// The files of a bundle of policies in an archive of this machine, of which `source` may name a folder.
pub fn opened(source: &str, bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, FetchError> {
    let (tree, folder) = unpacked(source, bytes, Purpose::Policy)?;
    let prefix = if folder.is_empty() { folder } else { format!("{folder}/") };
    let inside = tree.files.iter().filter_map(|(path, bytes)| Some((path.strip_prefix(&prefix)?, bytes)));
    Ok(inside.map(|(path, bytes)| (path.to_owned(), bytes.as_ref().clone())).collect())
}

/// Files as a `.tar.gz` that is the same wherever and whenever it is made.
pub fn packed(files: &BTreeMap<String, Vec<u8>>) -> std::io::Result<Vec<u8>> {
    archive::packed(files)
}

/// Whether a source names something elsewhere, and no path of this machine.
pub fn is_elsewhere(source: &str) -> bool {
    let known = ["git@", "github.com/", "bitbucket.org/"];
    source.contains("://") || source.contains("::") || known.iter().any(|start| source.starts_with(start))
}

/// The files of an archive of this machine, and the folder in it that its source names.
fn unpacked(source: &str, bytes: &[u8], purpose: Purpose) -> Result<(Tree, String), FetchError> {
    let (path, folder) = local_parts(source);
    let format = Format::of_name(path)?.ok_or_else(|| FetchError::Address("it is no archive".to_owned()))?;
    let tree = archive::unpack(bytes, format, purpose)?;
    let folder = tree.folder_like(folder)?;
    if tree.has_folder(&folder) { Ok((tree, folder)) } else { Err(FetchError::NoFolder(folder)) }
}

/// The path of an archive of the project, and the folder in it.
fn local_parts(source: &str) -> (&str, &str) {
    let (path, folder) = source.split_once("//").unwrap_or((source, ""));
    (path, folder.trim_matches('/'))
}

/// The path of an archive of the project, if a local source names one and not a folder.
pub fn local_archive(source: &str) -> Option<&str> {
    let (path, _) = local_parts(source);
    Format::of_name(path).ok().flatten().map(|_| path)
}
