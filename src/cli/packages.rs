//! Modules and bundles of policies from elsewhere, and values for variables, as loading asks for them.

use super::args::Source;
use super::project::Place;
use super::{session, variables};
use crate::diag::{Diagnostic, Diagnostics, SourceMap, escape};
use crate::fetch::{
    self, Choice, FetchError, Fetcher, LOCK_BYTES_MAX, LOCK_FILE, Mode, Options, Purpose, Wanted,
};
use crate::lang;
use crate::lang::config::Module;
use crate::lang::load::{Constraint, Elsewhere, Given, Package, PackageRequest, Version};
use crate::policy::PolicyError;
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// The folder of packages, in the project.
const FOLDER: &str = ".mlo/modules";
/// Bytes of Docker's configuration that are read.
const DOCKER_BYTES_MAX: usize = 1 << 20;

/// What gets packages for one run.
pub(super) struct Packages<'p> {
    place: &'p Place,
    source: &'p Source,
    mode: Mode,
    /// Made when the first package is asked for.
    state: RefCell<Option<State>>,
}

struct State {
    fetcher: Fetcher,
    runtime: tokio::runtime::Runtime,
    lock_written: bool,
    /// Whether what is fetched is bundles of policies.
    of_policies: bool,
}

/// What was got, for whoever asked just for that.
pub(super) struct Got {
    /// Modules: source, version, what it stands for, and the digest of its content.
    pub(super) modules: Vec<[Option<String>; 4]>,
    /// The same of bundles of policies.
    pub(super) policies: Vec<[Option<String>; 4]>,
    /// How many of them came from elsewhere.
    pub(super) fetched: usize,
}

impl<'p> Packages<'p> {
    pub(super) fn new(place: &'p Place, source: &'p Source, mode: Mode) -> Self {
        Self { place, source, mode, state: RefCell::new(None) }
    }

    /// Writes the lock file if something in it changed.
    pub(super) fn keep_lock(&self) -> Diagnostics {
        let mut state = self.state.borrow_mut();
        let Some(state) = state.as_mut() else { return Diagnostics::new() };
        match state.fetcher.write_lock(&self.place.folder.join(LOCK_FILE)) {
            Ok(written) => {
                state.lock_written |= written;
                Diagnostics::new()
            }
            Err(error) => {
                let summary = format!("the lock file cannot be written: {error}");
                Diagnostic::error(error.code(), self.place.relative(&summary)).into()
            }
        }
    }

    /// Leaves out of the lock what the configuration, which is whole, does not use. Which bundles are used, whoever runs it
    /// says too: they are forgotten only where some are named.
    pub(super) fn forget_unused(&self, names_bundles: bool) {
        if let Some(state) = self.state.borrow_mut().as_mut() {
            state.fetcher.forget_unused(Purpose::Module);
            if names_bundles {
                state.fetcher.forget_unused(Purpose::Policy);
            }
        }
    }

    /// The same as [`Packages::keep_lock`], for who reads bundles.
    pub(super) fn keep_lock_of_bundles(&self) -> Result<(), PolicyError> {
        match self.keep_lock().into_iter().next() {
            Some(message) => Err(PolicyError::of_fetch("", Some(&message.summary))),
            None => Ok(()),
        }
    }

    /// The folder of a bundle of policies from elsewhere.
    pub(super) fn bundle(&self, source: &str) -> Result<PathBuf, PolicyError> {
        let wanted = Wanted { source, purpose: Purpose::Policy, version: None, local: None };
        let package = match self.with_state(|state| {
            state.of_policies = true;
            Ok(state.runtime.block_on(state.fetcher.get(&wanted)))
        }) {
            Ok(got) => got.map_err(|error| {
                let reason = fetch::scrubbed(&error.to_string(), &fetch::secrets(source));
                let help = error.help().unwrap_or("see that the address is right and may be read");
                PolicyError::Fetch { bundle: fetch::stripped(source), reason, help: help.to_owned() }
            })?,
            Err(said) => {
                let first = said.iter().map(|message| message.summary.as_str()).next();
                return Err(PolicyError::of_fetch(source, first));
            }
        };
        Ok(self.place.folder.join(FOLDER).join(package.name).join(package.folder))
    }

    /// What was got.
    pub(super) fn got(&self) -> Got {
        let state = self.state.borrow();
        let Some(state) = state.as_ref() else {
            return Got { modules: Vec::new(), policies: Vec::new(), fetched: 0 };
        };
        let text = |text: &str| Some(text.to_owned());
        let used = |purpose| {
            let used = state.fetcher.used(purpose);
            let used = used.map(|(source, version, resolved, digest)| {
                [text(source), version.map(str::to_owned), text(resolved), text(digest)]
            });
            used.collect()
        };
        let (modules, policies) = (used(Purpose::Module), used(Purpose::Policy));
        Got { modules, policies, fetched: state.fetcher.fetched() }
    }

    /// What happened on the side, in a line; empty if nothing did.
    pub(super) fn news(&self) -> String {
        let state = self.state.borrow();
        let Some(state) = state.as_ref().filter(|state| state.lock_written) else { return String::new() };
        let what = match (state.fetcher.fetched(), state.of_policies) {
            (1, false) => "1 package of modules was fetched".to_owned(),
            (count, false) => format!("{count} packages of modules were fetched"),
            (1, true) => "1 policy bundle was fetched".to_owned(),
            (count, true) => format!("{count} policy bundles were fetched"),
        };
        format!("{what}; `{LOCK_FILE}` says which: commit it.\n\n")
    }

    fn begin(&self) -> Result<State, Diagnostics> {
        let lock = read_lock(&self.place.folder).map_err(|error| message(&error, ""))?;
        let options = Options {
            mode: self.mode,
            offline: self.source.network.offline,
            folder: self.place.folder.join(FOLDER),
            allowed_hosts: self.source.network.allow_hosts.clone(),
            variable: Box::new(variable),
            docker_config: docker_config(),
        };
        let fetcher = Fetcher::new(options, lock.as_deref()).map_err(|error| message(&error, ""))?;
        Ok(State { fetcher, runtime: session::runtime()?, lock_written: false, of_policies: false })
    }

    /// Does something with what gets packages, which is made first. What only looks makes no folder.
    fn with_state<T>(
        &self,
        then: impl FnOnce(&mut State) -> Result<T, Diagnostics>,
    ) -> Result<T, Diagnostics> {
        if self.mode != Mode::Present {
            session::prepare_home(self.place)?;
        }
        let mut state = self.state.borrow_mut();
        if state.is_none() {
            *state = Some(self.begin()?);
        }
        then(state.as_mut().expect("it was made above"))
    }

    fn get(&self, request: &PackageRequest<'_>) -> Result<Package, Diagnostics> {
        if request.archive.is_some() {
            session::prepare_home(self.place)?;
        }
        let constraint = request.version.map(|(constraint, _)| constraint);
        let best = |versions: &[&str]| newest(versions, constraint);
        let version = Choice {
            constraint: request.version.map_or("", |(_, text)| text),
            best: &best,
            is_written: constraint.is_some(),
        };
        let (source, local) = (request.source, request.archive);
        let wanted = Wanted { source, purpose: Purpose::Module, version: Some(version), local };
        let got = self.with_state(|state| {
            let got = state.runtime.block_on(state.fetcher.get(&wanted));
            got.map_err(|error| message(&error, source).into())
        })?;
        Ok(Package {
            at: Path::new(FOLDER).join(got.name),
            folder: PathBuf::from(got.folder),
            shown: got.shown,
        })
    }
}

impl Elsewhere for Packages<'_> {
    fn given(&self, root: &Module, sources: &mut SourceMap) -> Result<Given, Diagnostics> {
        let (inputs, _) = variables::gather(self.source, self.place, root, sources)?;
        variables::given(root, &inputs)
    }

    fn archive<'s>(&self, source: &'s str) -> Option<&'s str> {
        fetch::local_archive(source)
    }

    fn package(&self, request: &PackageRequest<'_>) -> Result<Package, Box<Diagnostic>> {
        self.get(request).map_err(|messages| {
            let first = messages.into_iter().next();
            Box::new(first.expect("what failed says why"))
        })
    }

    fn secrets(&self, source: &str) -> Vec<String> {
        fetch::secrets(source)
    }
}

/// The message for a source.
fn message(error: &FetchError, source: &str) -> Diagnostic {
    let shown = escape(&fetch::stripped(source)).into_owned();
    let summary = match error {
        FetchError::Lock(_) => error.to_string(),
        FetchError::Address(_) => format!("module source `{shown}` cannot be read: {error}"),
        FetchError::Absent | FetchError::Offline | FetchError::Changed(_) => {
            format!("module `{shown}` is not fetched: {error}")
        }
        FetchError::NotVersioned => format!("module `{shown}` has no versions: {error}"),
        _ => format!("module `{shown}` cannot be fetched: {error}"),
    };
    let summary = fetch::scrubbed(&summary, &fetch::secrets(source));
    let message = Diagnostic::error(error.code(), summary);
    match error.help() {
        Some(help) => message.help(help),
        None => message,
    }
}

/// The place of the newest version that a constraint allows; without one, of the newest release.
fn newest(versions: &[&str], constraint: Option<&Constraint>) -> Option<usize> {
    let parsed = versions.iter().enumerate().filter_map(|(at, text)| Some((Version::parse(text)?, at)));
    let allowed = parsed.filter(|(version, _)| match constraint {
        Some(constraint) => constraint.allows(version),
        None => version.is_release(),
    });
    allowed.max().map(|(_, at)| at)
}

fn read_lock(folder: &Path) -> Result<Option<Vec<u8>>, FetchError> {
    use lang::fetch::{FetchError as Unread, Project};
    match Project::open(folder).and_then(|project| project.read(Path::new(LOCK_FILE), LOCK_BYTES_MAX)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(Unread::NotFound) => Ok(None),
        Err(error) => Err(FetchError::Lock(format!("cannot be read: {error}"))),
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()).filter(|value| !value.is_empty())
}

/// What Docker knows of registries; nothing if there is no such file.
fn docker_config() -> Vec<u8> {
    let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| Some(std::env::home_dir()?.join(".docker")));
    let project = folder.and_then(|folder| lang::fetch::Project::open(&folder).ok());
    project.and_then(|it| it.read(Path::new("config.json"), DOCKER_BYTES_MAX).ok()).unwrap_or_default()
}
