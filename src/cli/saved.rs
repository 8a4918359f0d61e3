//! Plans in files: written by `mlo plan --out`, read by `mlo apply FILE` and `mlo show FILE`.
//!
//! Goes in: a plan that the policies let through, or a file that anybody may have changed. Comes out: a file for its
//! owner alone; or the session in which the plan is made again, and what it must come to. Never happens: something done
//! that a file says and a plan made here does not.

mod here;
mod judged;
mod made;

pub(super) use here::Here;

use super::args::{Apply, Engine, Source};
use super::environment::Chosen;
use super::exit::Exit;
use super::file;
use super::packages::Packages;
use super::places;
use super::project::{Place, Texts};
use super::screen::Screen;
use super::session::{self, Failed, Session};
use super::variables;
use super::vault::{self, Keys};
use crate::diag::{Code, Diagnostic, Diagnostics, SourceMap, Span, because, code, escape};
use crate::fetch::Mode;
use crate::lang::config::Module;
use crate::lang::fetch;
use crate::lang::syntax::SOURCE_BYTES_MAX;
use crate::lang::value::convert;
use crate::plan::file::{BYTES_MAX, Embedded, Given, PlanFile, PlanFileError, compare};
use crate::plan::{Input, Inputs, Kind, Plan, Reading, Seen, diff};
use crate::policy::Decision;
use crate::sign::{Author, Rules, SecretKey};
use data_encoding::HEXLOWER;
use mlo_state::seal::{self, Subject};
use mlo_state::snapshot::DecodeError;
use mlo_state::{Address, Key, Snapshot, Vault};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{self, Read as _, Write};
use std::path::Path;
use std::sync::Arc;

/// Whether a path leads to a plan: to a file that is no manifest by its name.
pub(super) fn is_plan_file(path: Option<&Path>) -> bool {
    path.is_some_and(|path| {
        let name = path.extension().map(std::ffi::OsStr::to_ascii_lowercase).unwrap_or_default();
        name != "yaml" && name != "yml" && path.is_file()
    })
}

/// A plan that was saved.
pub(super) struct Saved {
    file: PlanFile,
    pub(super) name: String,
    /// As it was announced.
    pub(super) plan: Plan,
    /// What names it: `sha256:…`.
    pub(super) digest: String,
    pub(super) author: Author,
    /// Whose plans and approvals its environment takes.
    pub(super) rules: Rules,
}

/// Why a saved plan is not applied, and how the command ends by it.
pub(super) type Refused = (Diagnostics, Exit);

/// The digest of a whole state.
pub(super) fn state_digest(snapshot: &Snapshot) -> String {
    struct Hashing(Sha256);
    impl Write for Hashing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut hashing = Hashing(Sha256::new());
    // What could not be written is no state that could be applied to.
    let written = snapshot.encode(&mut hashing).is_ok();
    if written { HEXLOWER.encode(&hashing.0.finalize()) } else { String::new() }
}

/// What is named as configuration would be lost, or be read as such from then on.
fn refuse_configuration(path: &Path) -> Result<(), Diagnostics> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let ending =
        [".tf", ".hcl", ".tf.json", ".hcl.json", ".yaml", ".yml", ".tfvars", ".tfvars.json", ".rego"]
            .into_iter()
            .find(|ending| name.ends_with(ending));
    let Some(ending) = ending else { return Ok(()) };
    let summary =
        format!("no plan is saved as `{}`: a file with `{ending}` is configuration", path.display());
    Err(Diagnostic::error(code::engine::USAGE, summary).help("name another file, such as `mlo.plan`").into())
}

/// Saves a plan that the policies let through.
pub(super) fn write(
    (path, key): (&Path, Option<&SecretKey>),
    session: &Session,
    (plan, decision, snapshot): (&Plan, &Decision, &Snapshot),
    engine: &Engine,
    screen: &Screen,
) -> Result<(), Diagnostics> {
    refuse_configuration(path)?;
    let is_secret = |text: &str| screen.hides(text);
    let vault = &session.keys.vault;
    let is_sealed = vault.has_keys();
    if !is_sealed {
        refuse_secret_keys(plan, &is_secret)?;
    }
    let made_from = made::made_from(session, (plan, decision, snapshot), (engine, key), screen);
    let made = PlanFile::new(plan, made_from, &session.context.inputs, &is_secret, is_sealed);
    let made = made.map_err(|error| Diagnostic::error(code::engine::PLAN_FILE, error.to_string()))?;
    let text = made.encode(key);
    if text.len() > BYTES_MAX {
        let summary =
            format!("the plan takes {} bytes, and at most {BYTES_MAX} are kept in a file", text.len());
        return Err(Diagnostic::error(code::engine::PLAN_FILE, summary).help("plan a part of it").into());
    }
    let project = Some(session.place.shown.clone());
    let subject = Subject { project, ..Subject::new(seal::Kind::Plan, &*plan.lineage, plan.serial) };
    let bytes = vault.seal(subject, false, text.into_bytes()).map_err(|error| {
        let message = Diagnostic::error(code::state::SEALED, format!("`{}`: {error}", path.display()));
        Diagnostics::from(message.help(vault::help(&error)))
    })?;
    file::write_private(path, &bytes).map_err(|error| {
        let summary = format!("`{}` cannot be written: {}", path.display(), because(&error));
        let message = Diagnostic::error(code::engine::FILE, summary);
        message.help("name a file in a folder that you may write to").into()
    })
}

/// Addresses stand in the file as they are: whatever says what is done to which object needs them.
fn refuse_secret_keys(plan: &Plan, is_secret: &dyn Fn(&str) -> bool) -> Result<(), Diagnostics> {
    let holds = |key: &Option<Key>| matches!(key, Some(Key::Name(name)) if is_secret(name));
    let is_one =
        |address: &Address| holds(&address.key) || address.module.steps().iter().any(|step| holds(&step.key));
    let addresses = plan.operations.iter().map(|operation| &operation.address);
    let Some(address) =
        addresses.chain(plan.data.values().flatten().map(|(address, _)| address)).find(|it| is_one(it))
    else {
        return Ok(());
    };
    let summary = format!("{address} has a sensitive value in its address, which a plan's file would show");
    Err(Diagnostic::error(code::engine::PLAN_FILE, summary).help("use keys that may be seen").into())
}

/// Addresses that were spelt; what is none selects nothing, and the plan is not as it was announced.
fn read_back<T: std::str::FromStr>(addresses: &[String]) -> Vec<T> {
    addresses.iter().filter_map(|address| address.parse().ok()).collect()
}

/// The path of a file in the project, from the name that is shown for it.
fn inside(place: &Place, shown: &str) -> String {
    let folder = place.shown.trim_end_matches('/');
    let relative = shown.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
    relative.filter(|_| folder != ".").unwrap_or(shown).to_owned()
}

/// A plan file, its digest, and whether it was sealed.
fn read(path: &Path, source: &Source) -> Result<(PlanFile, String, bool), Refused> {
    let refuse = |code: Code, summary: String, help: &str| {
        (Diagnostics::from(Diagnostic::error(code, summary).help(help)), Exit::Error)
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let bytes = fetch::Project::open(folder)
        .and_then(|folder| folder.read(Path::new(path.file_name().unwrap_or_default()), BYTES_MAX));
    let bytes = bytes.map_err(|error| {
        let summary = format!("`{}` cannot be read: {error}", path.display());
        refuse(code::engine::FILE, summary, "give the folder of a configuration, a manifest, or a saved plan")
    })?;
    let decoded = |bytes: &[u8]| {
        let file = PlanFile::decode(bytes).map_err(|error| unreadable(path, &error))?;
        Ok((file, PlanFile::digest(bytes).unwrap_or_default()))
    };
    if !Vault::is_sealed(&bytes) {
        let (file, digest) = decoded(&bytes)?;
        return Ok((file, digest, false));
    }
    let (clear, subject) = opened(bytes, source).map_err(|error| {
        let (code, help) = match &error {
            DecodeError::Sealed(error) => (code::state::SEALED, vault::help(error)),
            DecodeError::Newer { .. } => (
                code::engine::PLAN_FILE,
                "use that version of mlo or a later one, or make the plan again".to_owned(),
            ),
            DecodeError::Damaged(_) => (code::engine::PLAN_FILE, AGAIN.to_owned()),
        };
        refuse(code, format!("`{}`: {error}", path.display()), &help)
    })?;
    let (file, digest) = decoded(&clear)?;
    // The header says with whose keys it opens: those of another project make it no plan of this one.
    let fits = |subject: &Subject| {
        let made_from = &file.made_from;
        let is_of = subject.project.as_deref() == Some(&*made_from.folder);
        is_of && subject.lineage == made_from.lineage && subject.serial == made_from.serial
    };
    if !subject.as_ref().is_some_and(fits) {
        return Err(unreadable(path, &PlanFileError::Digest));
    }
    Ok((file, digest, true))
}

/// A sealed plan, opened by the keys of its project.
fn opened(bytes: Vec<u8>, source: &Source) -> Result<(Vec<u8>, Option<Subject>), DecodeError> {
    let (_, subject) = Vault::look(&bytes)?;
    let folder = subject.project.as_deref().map(Path::new);
    let keys = Place::find(folder).and_then(|place| Keys::of_place(&place, source));
    keys.map(|keys| keys.vault).unwrap_or_default().open(seal::Kind::Plan, bytes)
}

fn unreadable(path: &Path, error: &PlanFileError) -> Refused {
    let help = match error {
        PlanFileError::Alien => "manifests end in `.yaml` or `.yml`; `mlo plan --out FILE` saves a plan",
        PlanFileError::Newer { .. } => "use that version of mlo or a later one, or make the plan again",
        _ => "nothing was changed: make the plan again with `mlo plan --out FILE`",
    };
    let summary = format!("`{}`: {error}", path.display());
    (Diagnostic::error(code::engine::PLAN_FILE, summary).help(help).into(), Exit::Error)
}

fn refuse(code: Code, summary: String, help: &str) -> Refused {
    (Diagnostic::error(code, summary).help(help).into(), Exit::Stale)
}

const AGAIN: &str = "nothing was changed: make the plan again with `mlo plan --out FILE`, and look at it";

/// A saved plan, to be looked at.
pub(super) struct Looked {
    pub(super) saved: Saved,
    pub(super) place: Place,
    pub(super) planned_at: jiff::Timestamp,
    pub(super) environment: Chosen,
    was_sealed: bool,
}

impl Looked {
    /// The same for somebody who approves it: with what the project says.
    pub(super) fn here(
        self,
        source: &Source,
        sources: &mut SourceMap,
    ) -> Result<(Saved, Place, Here), Refused> {
        let Self { saved, place, environment, was_sealed, .. } = self;
        let source = of_plan(&saved.file, source);
        let about = (&saved.file, was_sealed, saved.name.as_str());
        let here = Here::of(about, &place, &environment, (&source, true, sources))?;
        let saved = Saved { rules: here.rules.clone(), ..saved };
        Ok((saved, place, here))
    }
}

/// The options of a command that is about the environment of a plan.
fn of_plan(file: &PlanFile, source: &Source) -> Source {
    let mut source = source.clone();
    source.backend.environment.env =
        Some(file.made_from.environment.clone()).filter(|_| file.made_from.is_named);
    source
}

/// A saved plan as it was announced, to be looked at.
pub(super) fn look(path: &Path, source: &Source, sources: &mut SourceMap) -> Result<Looked, Refused> {
    let (file, digest, was_sealed) = read(path, source)?;
    let name = path.display().to_string();
    check_environment(&file, source, &name)?;
    let place = place(&file)?;
    let texts = texts(&file, &place)?;
    let packages = Packages::new(&place, source, Mode::Present);
    let loaded = place.load_texts(&texts, false, &packages, sources);
    let (project, _) = loaded.map_err(|said| (said, Exit::Error))?;
    drop(packages);
    let environment = environment_of(&file, &project.config)?;
    let planned_at = jiff::Timestamp::from_second(file.made_from.planned_at).unwrap_or_default();
    let saved = Saved::new((file, digest), name, project.config, Rules::default())?;
    Ok(Looked { saved, place, planned_at, environment, was_sealed })
}

/// The environment of a plan.
fn environment_of(file: &PlanFile, config: &Module) -> Result<Chosen, Refused> {
    let name = Some(file.made_from.environment.as_str()).filter(|_| file.made_from.is_named);
    Chosen::of(&config.environments, name).map_err(|said| (said, Exit::Stale))
}

/// What a saved plan is made again in.
pub(super) fn open(
    path: &Path,
    source: &Source,
    screen: &mut Screen,
) -> Result<(Session, Saved, Diagnostics), (Failed, Exit)> {
    let mut sources = SourceMap::new();
    match open_in(path, source, screen, &mut sources) {
        Ok((session, saved, messages)) => Ok((Session { sources, ..session }, saved, messages)),
        Err((messages, exit)) => Err((Failed { sources, messages }, exit)),
    }
}

fn open_in(
    path: &Path,
    source: &Source,
    screen: &mut Screen,
    sources: &mut SourceMap,
) -> Result<(Session, Saved, Diagnostics), Refused> {
    let (file, digest, was_sealed) = read(path, source)?;
    let name = path.display().to_string();
    if file.mlo_version != env!("CARGO_PKG_VERSION") {
        let summary = format!(
            "`{name}` was made by mlo {}, and this is {}",
            file.mlo_version,
            env!("CARGO_PKG_VERSION")
        );
        return Err(refuse(code::engine::PLAN_STALE, summary, AGAIN));
    }
    let kind = file.kind().ok_or_else(|| unreadable(path, &PlanFileError::Alien))?;
    check_environment(&file, source, &name)?;
    let is_named = source.env().is_some();
    let source = &of_plan(&file, source);
    let place = place(&file)?;
    check_seen(&file, &place, &name)?;
    let texts = texts(&file, &place)?;
    let packages = Packages::new(&place, source, Mode::Missing);
    let loaded = place.load_texts(&texts, kind != Kind::Destroy, &packages, sources);
    let (project, mut messages) = loaded.map_err(|said| (said, Exit::Stale))?;
    drop(packages);
    let embedded = environment_of(&file, &project.config)?;
    let here = Here::of((&file, was_sealed, &name), &place, &embedded, (source, is_named, sources))?;
    let Here { environment, backend, keys, policies, rules } = here;
    check_fetched(&file, sources, &name)?;
    messages.extend(edited(&file, &place));
    let inputs = inputs(&file, (source, &place, &project.config), (sources, screen), path)?;
    let mut context = session::context(&place, &project, inputs, (Some(kind), &environment));
    context.origin.planned_at = Some(file.made_from.planned_at);
    context.strict_checks = file.made_from.strict_checks;
    context.working_folder.clone_from(&file.made_from.working_folder);
    let saved = Saved::new((file, digest), name, project.config.clone(), rules)?;
    let read = (project, SourceMap::new());
    let session = Session::of(place, read, context, (backend, environment, keys));
    // Those that lie here: whoever wrote the file wrote what is embedded too.
    Ok((Session { policies, ..session }, saved, messages))
}

fn place(file: &PlanFile) -> Result<Place, Refused> {
    let place = Place::find(Some(Path::new(&file.made_from.folder)));
    let place = place.map_err(|_| {
        let summary =
            format!("the plan was made for the folder `{}`, which is not here", file.made_from.folder);
        refuse(code::engine::PLAN_FOREIGN, summary, "run this in the folder in which the plan was made")
    })?;
    Ok(Place { manifest: file.made_from.manifest.as_ref().map(Into::into), ..place })
}

/// A plan of one environment is not applied where another is meant.
fn check_environment(file: &PlanFile, source: &Source, name: &str) -> Result<(), Refused> {
    let own = &file.made_from.environment;
    let Some(meant) = source.env().filter(|meant| meant != own) else { return Ok(()) };
    let summary = format!("`{name}` is for the environment `{own}`, and this is `{meant}`");
    let help = format!(
        "leave `--env` and `MLO_ENV` out, or make a plan for it: `mlo plan --env {meant} --out FILE`"
    );
    Err(refuse(code::engine::PLAN_FOREIGN, summary, &help))
}

/// Longest text that is read: that of the language, or of a manifest.
const PRESENT_BYTES_MAX: u64 = SOURCE_BYTES_MAX as u64;

/// The text of a file as it is now. Which file, a plan says, which may come from anybody: only one that could be
/// configuration is read.
fn present(place: &Place, name: &str, is_manifest: bool) -> Option<String> {
    let path = if is_manifest { name.into() } else { place.folder.join(name) };
    let is_readable = |about: &std::fs::Metadata| about.is_file() && about.len() <= PRESENT_BYTES_MAX;
    std::fs::metadata(&path).ok().filter(is_readable)?;
    let mut text = String::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(PRESENT_BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The configuration as it was: as it is embedded, or, where a sensitive value stands in a file, as it is if it is the
/// same.
fn texts(file: &PlanFile, place: &Place) -> Result<Texts, Refused> {
    let text = |(name, embedded): (&String, &Embedded), is_manifest: bool| {
        let unchanged = |text: &String| file.made_from.digest(text.as_bytes()) == embedded.digest;
        let text = embedded.text.clone().or_else(|| present(place, name, is_manifest).filter(unchanged));
        text.map(|text| (name.clone(), text)).ok_or_else(|| {
            let summary = format!("`{name}` is not as it was when the plan was made");
            let (messages, exit) = refuse(code::engine::PLAN_STALE, summary, AGAIN);
            let why = "A sensitive value stands in it, so its text is not in the plan, and it must be there unchanged.";
            (messages.map(|message| message.detail(why)), exit)
        })
    };
    let made_from = &file.made_from;
    Ok(Texts {
        configuration: made_from
            .configuration
            .iter()
            .map(|entry| text(entry, false))
            .collect::<Result<_, _>>()?,
        manifests: made_from.manifests.iter().map(|entry| text(entry, true)).collect::<Result<_, _>>()?,
    })
}

/// Says which files were edited since: that does not matter, and should be known.
fn edited(file: &PlanFile, place: &Place) -> Diagnostics {
    let made_from = &file.made_from;
    let is_edited = |(name, embedded): &(&String, &Embedded), is_manifest: bool| {
        let now = present(place, name, is_manifest);
        now.is_none_or(|text| file.made_from.digest(text.as_bytes()) != embedded.digest)
    };
    let configuration = made_from.configuration.iter().filter(|entry| is_edited(entry, false));
    let manifests = made_from.manifests.iter().filter(|entry| is_edited(entry, true));
    let names: Vec<_> = configuration.chain(manifests).map(|(name, _)| format!("`{name}`")).collect();
    if names.is_empty() {
        return Diagnostics::new();
    }
    let summary = format!("edited after the plan was made: {}", names.join(", "));
    let message = Diagnostic::warning(code::engine::PLAN_EDITED, summary);
    message.detail("The plan is applied as it was made; what was edited is not in it.").into()
}

/// What was fetched for the configuration, and what came with the program, must be as it was.
fn check_fetched(file: &PlanFile, sources: &SourceMap, name: &str) -> Result<(), Refused> {
    let elsewhere = sources.iter().filter(|source| !places::is_own(&source.name));
    let now: BTreeMap<_, _> = elsewhere
        .map(|source| (source.name.clone(), file.made_from.digest(source.text.as_bytes())))
        .collect();
    if now == file.made_from.fetched {
        return Ok(());
    }
    let summary = format!("`{name}` is stale: a module that its configuration calls has changed");
    Err(refuse(code::engine::PLAN_STALE, summary, AGAIN))
}

/// What functions saw of the project must be as it was.
fn check_seen(file: &PlanFile, place: &Place, name: &str) -> Result<(), Refused> {
    if file.made_from.seen.is_empty() {
        return Ok(());
    }
    let project = fetch::Project::open(&place.folder).ok();
    for (seen, digest) in &file.made_from.seen {
        let now = project.as_ref().and_then(|project| Seen::again(project, seen));
        if now.is_none_or(|now| file.made_from.digest(&now) != *digest) {
            let path = seen.split_once(' ').map_or(seen.as_str(), |(_, path)| path);
            let summary = format!("`{name}` is stale: `{path}`, which the configuration reads, has changed");
            return Err(refuse(code::engine::PLAN_STALE, summary, AGAIN));
        }
    }
    Ok(())
}

/// Values for the variables: those of the plan, and for those that it does not hold what is given again.
fn inputs(
    file: &PlanFile,
    (source, place, config): (&Source, &Place, &Module),
    (sources, screen): (&mut SourceMap, &mut Screen),
    path: &Path,
) -> Result<Inputs, Refused> {
    let given = file.given().map_err(|error| unreadable(path, &error))?;
    let from_file = sources.add(path.display().to_string(), "");
    let asks = given.values().any(|given| !matches!(given, Given::Value(_)));
    let again = if asks || !source.vars.is_empty() || !source.var_files.is_empty() {
        variables::gather(source, place, config, sources).map_err(|said| (said, Exit::Error))?.0
    } else {
        Inputs::new()
    };
    variables::hide(config, &again, sources, screen);
    let mut inputs = Inputs::new();
    for (name, given) in given {
        let input = again.get(name);
        match (given, input) {
            (Given::Value(value), _) => {
                let span = Span { source: from_file, start: 0, end: 0 };
                inputs.insert(name.into(), Input::Known { value, span });
            }
            (_, None) => {
                let summary = format!("variable `{name}` is sensitive, so its value is not in the plan");
                let message = Diagnostic::error(code::engine::PLAN_INPUT, summary);
                let help = format!("give it again: `--var {name}=…`, a file of values, or `MLO_VAR_{name}`");
                return Err((message.help(help).into(), Exit::Error));
            }
            (given, Some(input)) => {
                let variable = config.variables.get(name);
                let value = variable.and_then(|variable| input.value(Reading::of(variable)).ok());
                if given == Given::Again && !value.is_some_and(|value| file.is_same(name, &value)) {
                    let summary = format!("variable `{name}` has another value than when the plan was made");
                    let help = "give the same value, or make the plan again with `mlo plan --out FILE`";
                    return Err(refuse(code::engine::PLAN_INPUT, summary, help));
                }
                inputs.insert(name.into(), input.clone());
            }
        }
    }
    refuse_changes(source, config, (&again, &inputs))?;
    // What the plan was sealed with its values of is secret too.
    variables::hide(config, &inputs, sources, screen);
    Ok(inputs)
}

/// A flag that gives a value which the plan does not have would be passed over in silence.
fn refuse_changes(
    source: &Source,
    config: &Module,
    (again, inputs): (&Inputs, &Inputs),
) -> Result<(), Refused> {
    for name in source.vars.iter().filter_map(|flag| flag.split_once('=')).map(|(name, _)| name.trim()) {
        let Some(variable) = config.variables.get(name) else { continue };
        let value = |inputs: &Inputs| {
            let default = variable.default.clone().map(Input::Expr);
            let input = inputs.get(name).or(default.as_ref())?;
            convert(&input.value(Reading::of(variable)).ok()?, &variable.ty).ok()
        };
        let same = match (value(again), value(inputs)) {
            (Some(given), Some(planned)) => diff::same(&given, &planned),
            _ => false,
        };
        if !same {
            let summary = format!("variable `{name}` has another value in the plan");
            let message = Diagnostic::error(code::engine::PLAN_INPUT, summary);
            let help = "leave the flag out, or make the plan again with it: `mlo plan --out FILE`";
            return Err((message.help(help).into(), Exit::Error));
        }
    }
    Ok(())
}

impl Saved {
    fn new(
        (file, digest): (PlanFile, String),
        name: String,
        config: Arc<Module>,
        rules: Rules,
    ) -> Result<Self, Refused> {
        let wrong = |error: PlanFileError| unreadable(Path::new(&name), &error);
        let (plan, author) = (file.plan(config).map_err(wrong)?, file.author().map_err(wrong)?);
        Ok(Self { file, name, plan, digest, author, rules })
    }

    /// How the plan is made again.
    pub(super) fn engine(&self, engine: &Engine) -> Engine {
        let refresh_only = self.plan.kind == Kind::Refresh;
        let made_from = &self.file.made_from;
        let [targets, excludes, replace] = &made_from.parts;
        let (targets, excludes, replace) = (read_back(targets), read_back(excludes), read_back(replace));
        let overrides = made_from.overrides.clone().into_iter().collect();
        let refresh = made_from.refresh;
        Engine { refresh, refresh_only, targets, excludes, replace, overrides, ..engine.clone() }
    }

    /// The rules that are passed by with the plan, a line each; empty if there are none.
    pub(super) fn overrides(&self) -> String {
        let line = |(rule, reason): (&String, &String)| {
            format!("Passes by the rule `{}`: {}\n", escape(rule), escape(reason))
        };
        let lines: Vec<_> = self.file.made_from.overrides.iter().map(line).collect();
        lines.concat()
    }

    /// Adds what the policies said of the plan to its document.
    pub(super) fn add_policy(&self, document: &mut Json) {
        let judged = Some(&self.file.made_from.judged).filter(|judged| !judged.is_null());
        if let (Some(judged), Some(document)) = (judged, document.as_object_mut()) {
            document.insert("policy".to_owned(), judged.clone());
        }
    }

    /// The state that the plan was made from, if it is the one that is here.
    pub(super) fn state(&self, present: Option<Snapshot>) -> Result<Snapshot, Refused> {
        let made_from = &self.file.made_from;
        let found = match present {
            Some(snapshot) => snapshot,
            None if made_from.serial == 0 => return Ok(Snapshot::empty(made_from.lineage.clone())),
            None => {
                let summary = format!("`{}` was made for a state, and there is none here", self.name);
                let help = "run this in the folder in which the plan was made";
                return Err(refuse(code::engine::PLAN_FOREIGN, summary, help));
            }
        };
        if found.lineage != made_from.lineage && made_from.serial > 0 {
            let summary = format!(
                "`{}` is of another state: its lineage is `{}`, and here it is `{}`",
                self.name, made_from.lineage, found.lineage
            );
            let help = "run this in the folder in which the plan was made";
            return Err(refuse(code::engine::PLAN_FOREIGN, summary, help));
        }
        if state_digest(&found) != made_from.state {
            let summary = if found.serial == made_from.serial {
                format!("`{}` is stale: the state is not as it was when the plan was made", self.name)
            } else {
                format!(
                    "`{}` is stale: it was made at serial {} of the state, which is at {} now",
                    self.name, made_from.serial, found.serial
                )
            };
            return Err(refuse(code::engine::PLAN_STALE, summary, AGAIN));
        }
        Ok(found)
    }

    /// Whether a plan that was made again does what this one announced.
    pub(super) fn check(&self, now: &Plan) -> Result<(), Refused> {
        let summary = match compare(&self.plan, now) {
            Some(differs) => format!("`{}` is stale: {}: {}", self.name, differs.what, differs.how),
            None if self.file.plans_the_same(now) => return Ok(()),
            None => format!("`{}` is stale: something sensitive would have another value", self.name),
        };
        Err(refuse(code::engine::PLAN_STALE, summary, AGAIN))
    }

    /// What this plan cannot be given beside it.
    pub(super) fn refuse_flags(
        &self,
        is_destroy: bool,
        Apply { engine, destroy, .. }: &Apply,
    ) -> Result<(), Refused> {
        let flags = [
            ("--destroy", *destroy),
            ("--refresh-only", engine.refresh_only),
            ("--target", !engine.targets.is_empty()),
            ("--exclude", !engine.excludes.is_empty()),
            ("--replace", !engine.replace.is_empty()),
            ("--override", !engine.overrides.is_empty()),
        ];
        let Some((flag, _)) = flags.into_iter().find(|(_, given)| *given) else {
            if is_destroy && self.plan.kind != Kind::Destroy {
                let summary = format!("`{}` is no plan to destroy", self.name);
                let help = format!("`mlo apply {}` does what it says", self.name);
                return Err((Diagnostic::error(code::engine::USAGE, summary).help(help).into(), Exit::Error));
            }
            return Ok(());
        };
        let summary = format!("`{}` says what is done, so `{flag}` cannot be given with it", self.name);
        Err((Diagnostic::error(code::engine::USAGE, summary).help("leave the flag out").into(), Exit::Error))
    }
}
