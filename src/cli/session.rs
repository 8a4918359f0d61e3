//! What plan, apply and destroy share: reading, planning, the gate.

use super::approval;
use super::args::{self, Engine, Source};
use super::backend::Backend;
use super::command::state::TO_ENVIRONMENT;
use super::elsewhere;
use super::environment::Chosen;
use super::exit::Exit;
use super::packages::Packages;
use super::project::{Place, Project};
use super::screen::Screen;
use super::variables;
use super::vault::{Keys, Lack};
use crate::diag::{Diagnostic, Diagnostics, Label, SourceMap, because, code};
use crate::fetch::Mode;
use crate::lang::config::{Module, PolicyBundle};
use crate::lang::load::{Given, States, Unwritten};
use crate::plan::{Context, Inputs, Kind, Origin, PlanResult, Planner, Requests, Seen};
use crate::provider::{self, Provider, Surroundings};
use data_encoding::HEXLOWER;
use mlo_state::{CredentialsFault, Held, Holder, Loaded, Pending, Snapshot, Store, StoreError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A project that was read, and all that commands on it need.
pub(super) struct Session {
    pub(super) place: Place,
    pub(super) sources: SourceMap,
    pub(super) project: Project,
    pub(super) context: Context,
    pub(super) providers: BTreeMap<&'static str, Arc<dyn Provider>>,
    pub(super) surroundings: Surroundings,
    pub(super) backend: Backend,
    pub(super) environment: Chosen,
    pub(super) store: Arc<dyn Store>,
    pub(super) keys: Keys,
    /// The bundles of policies that the project names.
    pub(super) policies: Vec<PolicyBundle>,
}

/// What kind of plan is asked for.
///
/// # Errors
/// If the flags contradict each other.
pub(super) fn kind(engine: &Engine, destroy: bool) -> Result<Kind, Diagnostics> {
    let refuse =
        |summary: &str, help: &str| Err(Diagnostic::error(code::engine::USAGE, summary).help(help).into());
    match (destroy, engine.refresh_only) {
        (true, true) => refuse("nothing can be destroyed with `--refresh-only`", "leave it out"),
        (false, true) if !engine.refresh => refuse(
            "`--refresh-only` reads the objects, and `--refresh=false` says not to",
            "leave one of them out",
        ),
        (true, false) => Ok(Kind::Destroy),
        (false, true) => Ok(Kind::Refresh),
        (false, false) => Ok(Kind::Apply),
    }
}

/// Why there is no session.
pub(super) struct Failed {
    pub(super) sources: SourceMap,
    pub(super) messages: Diagnostics,
}

impl Session {
    /// Reads a project to make a plan of a kind; warnings come with it.
    pub(super) fn open(
        source: &Source,
        kind: Kind,
        screen: &mut Screen,
    ) -> Result<(Self, Diagnostics), Failed> {
        let place = Place::find(source.path.as_deref());
        Self::open_place(place, source, (Some(kind), Mode::Missing), screen)
    }

    /// Reads a project as far as it can be read; what is wrong comes with it.
    pub(super) fn open_partly(source: &Source, screen: &mut Screen) -> Result<(Self, Diagnostics), Failed> {
        let place = Place::find(source.path.as_deref()).map(|place| Place { partly: true, ..place });
        Self::open_place(place, source, (None, Mode::Present), screen)
    }

    /// Reads a project, of which there may be nothing, to look at it.
    pub(super) fn open_bare(source: &Source, screen: &mut Screen) -> Result<(Self, Diagnostics), Failed> {
        let place = Place::find(source.path.as_deref()).map(|place| Place { bare: true, ..place });
        Self::open_place(place, source, (None, Mode::Missing), screen)
    }

    /// Reads a project in whose configuration blocks may be missing, to find out what would stand in them.
    pub(super) fn open_unwritten(
        source: &Source,
        unwritten: Unwritten,
        screen: &mut Screen,
    ) -> Result<(Self, Diagnostics), Failed> {
        let place = Place::find(source.path.as_deref()).map(|place| Place { unwritten, ..place });
        Self::open_place(place, source, (Some(Kind::Apply), Mode::Missing), screen)
    }

    fn open_place(
        place: Result<Place, Diagnostics>,
        source: &Source,
        (kind, mode): (Option<Kind>, Mode),
        screen: &mut Screen,
    ) -> Result<(Self, Diagnostics), Failed> {
        let mut sources = SourceMap::new();
        let opened = place.and_then(|place| {
            let packages = Packages::new(&place, source, mode);
            let loaded = place.load(kind != Some(Kind::Destroy), &packages, &mut sources);
            if !source.json {
                screen.say(&packages.news());
            }
            let (project, mut messages) = loaded?;
            drop(packages);
            let blocks = &project.config.environments;
            messages.extend(approval::check(blocks));
            if messages.has_errors() && !place.partly {
                return Err(messages);
            }
            let environment = if place.partly {
                Chosen::if_named(blocks, source.env())
            } else {
                Chosen::of(blocks, source.env())
            }?;
            let gathered = variables::gather(source, &place, &project.config, &mut sources);
            let (inputs, said) = match gathered {
                Err(said) if place.partly => (Inputs::new(), said),
                gathered => gathered?,
            };
            variables::hide(&project.config, &inputs, &mut sources, screen);
            messages.extend(said);
            let lack = if place.partly || place.bare { Lack::Waits } else { Lack::Fails };
            let given = match variables::given(&project.config, &inputs) {
                Err(_) if lack == Lack::Waits => Given::new(),
                given => given?,
            };
            let keys = Keys::of(&place, Some((&project.config, &given)), lack)?;
            let states = environment.place(project.config.settings.state.as_ref());
            let backend = Backend::of(&place, states, &source.backend)?;
            Ok((place, project, inputs, (backend, environment, keys), messages))
        });
        match opened {
            Ok((place, project, inputs, (backend, environment, keys), messages)) => {
                let context = context(&place, &project, inputs, (kind, &environment));
                let states = (backend, environment, keys);
                Ok((Self::of(place, (project, sources), context, states), messages))
            }
            Err(messages) => Err(Failed { sources, messages }),
        }
    }

    /// The session of what was read.
    pub(super) fn of(
        place: Place,
        (project, sources): (Project, SourceMap),
        context: Context,
        (backend, environment, keys): (Backend, Chosen, Keys),
    ) -> Self {
        let surroundings = surroundings(&place, &environment, &keys);
        let store = backend.store(&keys.vault, environment.state());
        let providers = provider::all();
        let policies = project.config.settings.policies.clone();
        Self {
            place,
            sources,
            project,
            context,
            providers,
            surroundings,
            backend,
            environment,
            store,
            keys,
            policies,
        }
    }

    /// All that is wrong with the configuration, whatever its variables will be given.
    pub(super) async fn check(&self) -> Diagnostics {
        let messages = crate::plan::check(&self.project.config, &self.context, &self.providers).await;
        self.at_manifests(messages)
    }

    /// Makes a plan from what the state holds.
    pub(super) async fn plan(&self, kind: Kind, engine: Option<&Engine>, snapshot: &Snapshot) -> PlanResult {
        let requests = engine.map(Engine::requests).unwrap_or_default();
        let (made, messages) = self.planner(kind, engine, snapshot, &requests).run().await;
        (made, self.at_manifests(messages))
    }

    /// What makes plans of this project.
    pub(super) fn planner<'s>(
        &'s self,
        kind: Kind,
        engine: Option<&Engine>,
        snapshot: &'s Snapshot,
        requests: &'s Requests,
    ) -> Planner<'s> {
        Planner {
            config: self.project.config.clone(),
            context: &self.context,
            providers: &self.providers,
            surroundings: &self.surroundings,
            snapshot,
            kind,
            refresh: engine.is_none_or(|engine| engine.refresh),
            parallelism: engine.map_or(1, |engine| usize::from(engine.parallelism)),
            requests,
        }
    }

    /// What goes wrong in a built-in module for one manifest is shown at the manifest first: its author has never
    /// seen the module.
    pub(super) fn at_manifests(&self, messages: Diagnostics) -> Diagnostics {
        let place = |message: &Diagnostic| {
            let first = message.labels.first()?;
            let builtin = self.sources.get(first.span.source).name.starts_with("mlo://");
            let about = |name: &str| message.summary.contains(&format!("[\"{name}\"]"));
            let manifest =
                self.project.manifests.iter().find(|manifest| builtin && about(manifest.name()))?;
            Some(manifest.span_of("spec.model.uri"))
        };
        messages.map(|mut message| {
            if let Some(span) = place(&message) {
                message.labels.insert(0, Label { span, text: "for this model".to_owned() });
            }
            message
        })
    }
}

/// The state as it is now, or an empty one of a new lineage.
pub(super) fn snapshot_or_new(loaded: Loaded) -> Snapshot {
    loaded.snapshot.unwrap_or_else(|| Snapshot::empty(random_name()))
}

/// Addresses in one message: more are not read.
const OPEN_SHOWN_MAX: usize = 10;

/// Says which changes an earlier run left open, if it did. Who has no lock cannot settle them; they may also be those of a
/// run that goes on just now.
pub(super) fn what_is_open(pending: &[Pending]) -> Diagnostics {
    if pending.is_empty() {
        return Diagnostics::new();
    }
    let verb = |pending: &Pending| match pending.action {
        mlo_state::Action::Create => "create",
        mlo_state::Action::Update => "update",
        mlo_state::Action::Delete => "delete",
    };
    let named = pending.iter().take(OPEN_SHOWN_MAX);
    let mut named: Vec<_> = named.map(|pending| format!("{} {}", verb(pending), pending.address)).collect();
    if pending.len() > OPEN_SHOWN_MAX {
        named.push(format!("and {} more", pending.len() - OPEN_SHOWN_MAX));
    }
    let changes =
        if pending.len() == 1 { "1 change has" } else { &format!("{} changes have", pending.len()) };
    let summary = format!("{changes} begun, and the state does not know the outcome: {}", named.join(", "));
    Diagnostic::warning(code::engine::OPEN, summary)
        .detail("A run is under way, or was cut off. What is said here does not know what became of them.")
        .help("the next `mlo apply` finds out before it plans")
        .into()
}

/// 128 random bits.
pub(super) fn random_bytes() -> [u8; 16] {
    let mut bytes = [0_u8; 16];
    fill_random(&mut bytes);
    bytes
}

/// 128 random bits as hexadecimal digits.
pub(super) fn random_name() -> String {
    HEXLOWER.encode(&random_bytes())
}

/// Fills bytes with the system's random ones.
pub(super) fn fill_random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("a system without random bytes runs nothing that needs secrets");
}

#[expect(clippy::disallowed_methods, reason = "the edge: the clock is read here and handed on")]
pub(super) fn context(
    place: &Place,
    project: &Project,
    inputs: Inputs,
    (kind, environment): (Option<Kind>, &Chosen),
) -> Context {
    let origin = Origin {
        seen: Seen::default(),
        project: Some(place.folder.clone()),
        shown: place.shown.clone().into(),
        home: std::env::home_dir().map(|folder| folder.display().to_string()),
        planned_at: Some(jiff::Timestamp::now().as_second()),
        at_apply: Some((Arc::new(|| jiff::Timestamp::now().as_second()), Arc::new(random_bytes))),
    };
    let here = std::env::current_dir().map(|folder| folder.display().to_string()).unwrap_or_default();
    Context {
        manifests: project.values.clone(),
        environment: environment.name.clone(),
        working_folder: here,
        origin,
        inputs,
        check_only: kind.is_none(),
        strict_checks: false,
        stand_ins: crate::plan::StandIns::default(),
    }
}

pub(super) fn surroundings(place: &Place, environment: &Chosen, keys: &Keys) -> Surroundings {
    let (own, vault) = (environment.name.clone(), keys.vault.clone());
    let programs = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.to_owned()));
    Surroundings {
        project: place.folder.clone(),
        home: place.home(),
        programs: programs.unwrap_or_default(),
        environment: Arc::new(|name| {
            std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
        }),
        states: Arc::new(move |at| elsewhere::outputs(at, own.clone(), vault.clone())),
        now: Arc::new(now),
    }
}

#[expect(clippy::disallowed_methods, reason = "the edge reads the clock, for all that is below it")]
pub(super) fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Where the log of this run of a pipeline is.
pub(super) fn run_url() -> Option<String> {
    let variable = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    match (variable("GITHUB_SERVER_URL"), variable("GITHUB_REPOSITORY"), variable("GITHUB_RUN_ID")) {
        (Some(server), Some(repository), Some(run)) => {
            Some(format!("{server}/{repository}/actions/runs/{run}"))
        }
        _ => variable("CI_JOB_URL"),
    }
}

/// Who takes a lock, for those who wait for it.
pub(super) fn holder(operation: &str) -> Holder {
    let variable = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let user = variable("USER").or_else(|| variable("USERNAME")).unwrap_or_else(|| "somebody".into());
    Holder {
        id: random_name(),
        operation: operation.to_owned(),
        who: format!("{user}@{}", host_name()),
        pid: std::process::id(),
        since: now().to_string(),
        run_url: run_url(),
    }
}

#[cfg(unix)]
fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn host_name() -> String {
    std::env::var_os("COMPUTERNAME")
        .map_or_else(|| "this host".into(), |name| name.to_string_lossy().into_owned())
}

/// What to do about a lock that another has.
fn until_free(held: &Held) -> String {
    match (held.left, &held.holder) {
        (None, _) => {
            "wait for it, or give `--lock-timeout 5m`; the lock goes when that run ends, however it ends"
                .into()
        }
        (Some(_), holder) => {
            let id = holder.as_ref().map_or_else(String::new, |holder| format!(" {}", holder.id));
            format!(
                "wait for it, or give `--lock-timeout 5m`; a run that was cut off loses the lock by itself within a minute, and `mlo force-unlock{id}` takes it from one that lives"
            )
        }
    }
}

/// A store's error for the user, and how the command ends by it.
pub(super) fn store_failure(error: &StoreError, place: &Place) -> (Diagnostics, Exit) {
    let again = || {
        let from = if place.shown == "." { String::new() } else { format!(" --from {}", place.shown) };
        format!(
            "`mlo state repair{from}` shows what can be had of it, and asks before it writes; or bring a backup back"
        )
    };
    let (code, help) = match error {
        StoreError::Locked(held) => (code::state::LOCKED, until_free(held)),
        StoreError::Moved { to, .. } => (
            code::state::MOVED,
            match to.strip_prefix(TO_ENVIRONMENT) {
                Some(name) => format!("name it: `--env {name}`"),
                None => format!(
                    "name that place in the `backend` block, or take it back: `mlo state migrate --from '{to}'`"
                ),
            },
        ),
        StoreError::Doubtful { place: note, .. } => (
            code::state::SEALED,
            format!(
                "look whether the state was taken there: if it was, `mlo state rekey --from-clear` seals the note; if not, find out who left it, and remove {}",
                note.display()
            ),
        ),
        StoreError::LockLost { .. } => {
            (code::state::LOCK_LOST, "run the command again: it finds out what became of each change".into())
        }
        StoreError::Unbreakable => {
            (code::state::UNBREAKABLE, "end the process that holds it: that gives the lock back".into())
        }
        StoreError::Corrupt { .. } => (code::state::CORRUPT, again()),
        StoreError::Lost { .. } => (code::state::LOST, again()),
        StoreError::Newer { .. } => {
            (code::state::NEWER, "use that version of mlo or a later one; nothing was changed".to_owned())
        }
        StoreError::Foreign { .. } => (code::state::FOREIGN, "look whether this is the right folder".into()),
        StoreError::Sealed { error, .. } => (code::state::SEALED, super::vault::help(error)),
        StoreError::Stale { .. } => (code::state::STALE, "run the command again".into()),
        StoreError::Denied { place, .. } if place.starts_with("s3:") => {
            (code::state::IO, PERMISSION_S3.to_owned())
        }
        StoreError::Denied { source, .. } => (code::state::IO, permission(source.kind())),
        StoreError::Credentials { fault, .. } => (code::state::IO, credentials(*fault).to_owned()),
        _ => (
            code::state::IO,
            "mend the cause and run the command again: what was done is in the journal".to_owned(),
        ),
    };
    let exit = if matches!(error, StoreError::Locked(_)) { Exit::Locked } else { Exit::Error };
    let message = Diagnostic::error(code, place.relative(&error.to_string()));
    (message.help(place.relative(&help)).into(), exit)
}

/// What to do about what may not be done in a bucket.
const PERMISSION_S3: &str = "give who runs mlo `s3:ListBucket` on the bucket, `s3:GetObject`, `s3:PutObject` and `s3:DeleteObject` below the key, and the key of KMS if there is one; `aws sts get-caller-identity` says who that is";

/// What to do about credentials that a bucket does not take.
fn credentials(fault: CredentialsFault) -> &'static str {
    match fault {
        CredentialsFault::Missing => {
            "no credentials of AWS were found: set `AWS_PROFILE` or `profile` in the `backend` block, or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or run where a role is attached"
        }
        CredentialsFault::Expired => {
            "the credentials of AWS have expired: renew them, with `aws sso login` or new values of `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, and run the command again; what was done is in the journal"
        }
        CredentialsFault::Unknown => {
            "the service does not know these credentials: look at `AWS_PROFILE`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, and whether the `backend` block names their service"
        }
    }
}

/// What to do about what may not be done.
fn permission(kind: std::io::ErrorKind) -> String {
    match kind {
        std::io::ErrorKind::PermissionDenied => {
            "what mlo keeps is for its owner alone: run as the user who applied here before, or give it to yourself with `chown -R`; the folders above it must let you in too"
        }
        std::io::ErrorKind::ReadOnlyFilesystem => {
            "nothing can be written there: use a folder on another file system"
        }
        _ => "get the permission, or put back what mlo made there",
    }
    .to_owned()
}

/// The runtime that a command waits in: two threads, so that a signal is heard while values are evaluated.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Diagnostics> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(|error| {
        Diagnostic::error(code::engine::INTERNAL, format!("no thread can be started: {error}")).into()
    })
}

/// Tells those who find nothing here what else in the folder has a state.
pub(super) fn hint_at_other_states(screen: &Screen, place: &Place, command: &str) {
    for other in place.other_states() {
        let other = crate::diag::escape(&other).into_owned();
        screen.say(&format!("`{other}` has a state of its own: `mlo {command} {other}`.\n"));
    }
}

/// Says what failed, and ends.
pub(super) fn fail(screen: &Screen, json: bool, failed: &Failed, exit: Exit) -> Exit {
    if json {
        screen.print_json(super::view::json::failure(&failed.messages, &failed.sources));
    } else {
        screen.report(&failed.messages, &failed.sources);
    }
    exit
}

/// Makes the project's `.mlo` folder, for its owner alone and outside of version control.
pub(super) fn prepare_home(place: &Place) -> Result<(), Diagnostics> {
    let home = place.home();
    let refused = |error: &std::io::Error| {
        let shown = place.relative(&place.home().display().to_string());
        let of_another = error.kind() == std::io::ErrorKind::PermissionDenied && place.home().is_dir();
        let summary = match error.kind() {
            std::io::ErrorKind::AlreadyExists => format!("`{shown}` is a file, not a folder"),
            _ if of_another => format!("`{shown}` may not be written to: {}", because(error)),
            _ => format!("`{shown}` cannot be made: {}", because(error)),
        };
        let help = if of_another {
            permission(error.kind())
        } else {
            "mlo keeps its state there: use a folder that you may write to".to_owned()
        };
        Diagnostics::from(Diagnostic::error(code::state::IO, summary).help(help))
    };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&home).map_err(|error| refused(&error))?;
    let ignore = home.join(".gitignore");
    if !ignore.exists() {
        let mut options = std::fs::OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.write(true).create_new(true).open(&ignore);
        match file.and_then(|mut file| std::io::Write::write_all(&mut file, b"*\n")) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(refused(&error)),
            _ => {}
        }
    }
    Ok(())
}

/// The configuration of a project alone. Nothing is fetched for it.
pub(super) fn read_configuration(source: &Source) -> Result<(Module, Diagnostics, SourceMap), Failed> {
    let mut sources = SourceMap::new();
    let mut messages = Diagnostics::new();
    let config = Place::find(source.path.as_deref()).map(|place| {
        let packages = Packages::new(&place, source, Mode::Present);
        place.load_config(place.has_builtin_root(), &packages, &mut sources, &mut messages)
    });
    match config {
        Ok(Some(config)) if !messages.has_errors() => Ok((config, messages, sources)),
        Ok(_) => Err(Failed { sources, messages }),
        Err(messages) => Err(Failed { sources, messages }),
    }
}

/// Says that nothing was applied here, and where else there is a state.
pub(super) fn say_no_state(screen: &Screen, place: &Place, command: &str) {
    screen.say("There is no state yet: nothing was applied here.\n");
    hint_at_other_states(screen, place, command);
}

/// A state that was read without its lock.
pub(super) struct Looked {
    pub(super) place: Place,
    pub(super) snapshot: Option<Snapshot>,
    /// Whether the outcome of some changes is not known; that was said.
    pub(super) is_open: bool,
}

/// The state of a project, without reading its configuration. Says what an earlier run left open.
pub(super) fn read_state(
    path: Option<&std::path::Path>,
    options: &args::Backend,
    screen: &Screen,
) -> Result<Looked, (Failed, Exit)> {
    let Found { place, store, .. } = store_of(path, options).map_err(|failed| (failed, Exit::Error))?;
    let bare = |messages| Failed { sources: SourceMap::new(), messages };
    let runtime = runtime().map_err(|messages| (bare(messages), Exit::Error))?;
    match runtime.block_on(store.read()) {
        Ok(Loaded { snapshot, pending, .. }) => {
            screen.report(&what_is_open(&pending), &SourceMap::new());
            Ok(Looked { place, snapshot, is_open: !pending.is_empty() })
        }
        Err(error) => {
            let (messages, exit) = store_failure(&error, &place);
            Err((bare(messages), exit))
        }
    }
}

/// The state of a project that is looked at without planning.
pub(super) struct Found {
    pub(super) place: Place,
    pub(super) backend: Backend,
    pub(super) environment: Chosen,
    pub(super) store: Arc<dyn Store>,
    pub(super) keys: Keys,
}

impl Found {
    /// The same for a command that seals what was written before there was a key.
    pub(super) fn taking_clear(self) -> Self {
        let keys = self.keys.taking_clear();
        let store = self.backend.store(&keys.vault, self.environment.state());
        Self { store, keys, ..self }
    }
}

/// Where the state of a project is kept. Of its configuration only that is looked at, and what it is sealed with.
pub(super) fn store_of(path: Option<&std::path::Path>, options: &args::Backend) -> Result<Found, Failed> {
    let mut sources = SourceMap::new();
    let found = Place::find(path).and_then(|place| {
        let States { place: states, environments, .. } = place.declared_states(&mut sources)?;
        let environment = Chosen::of(&environments, options.env())?;
        let backend = Backend::of(&place, environment.place(states.as_ref()), options)?;
        let source = Source { backend: options.clone(), ..Source::default() };
        let keys = Keys::of_place(&place, &source)?;
        let store = backend.store(&keys.vault, environment.state());
        Ok(Found { place, backend, environment, store, keys })
    });
    found.map_err(|messages| Failed { sources, messages })
}
