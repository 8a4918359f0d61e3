//! Commands that change a state: under its lock, if no earlier run left anything open, as one new serial.

use super::edit::{self, Edited};
use super::fail;
use super::import::{self, Taking};
use super::terraform::{self, State};
use crate::apply;
use crate::cli::args::{
    StateChange, StateImportTerraform, StateInstance, StateMv, StatePush, StateReplaceProvider, StateRm,
};
use crate::cli::backend::moves;
use crate::cli::confirm;
use crate::cli::exit::Exit;
use crate::cli::interrupt::Interrupt;
use crate::cli::lock::{Claim, Stop};
use crate::cli::screen::Screen;
use crate::cli::secrets;
use crate::cli::session::{self, Found};
use crate::diag::{Diagnostic, Diagnostics, SourceMap, because, code};
use crate::plan::{AddressPattern, bare_provider};
use crate::provider;
use mlo_state::snapshot::SNAPSHOT_BYTES_MAX;
use mlo_state::{Action, Guard, Loaded, Pending, Snapshot, Status, kept};
use std::io::{self, Read};
use std::path::Path;

pub(super) fn mv(options: &StateMv, screen: &mut Screen) -> Exit {
    let edit = |state: Option<&Snapshot>, _: &Screen| {
        edit::mv(needed(state)?, &options.source, &options.destination)
    };
    carry_out("state mv", &options.change, options.dry_run, &edit, screen)
}

pub(super) fn rm(options: &StateRm, screen: &mut Screen) -> Exit {
    let (named, dry_run) = (&options.addresses, options.dry_run);
    let edit = |state: Option<&Snapshot>, _: &Screen| edit::rm(needed(state)?, named);
    if !options.pending {
        return carry_out("state rm", &options.change, dry_run, &edit, screen);
    }
    let act = async |locked: &Locked<'_>, screen: &mut Screen| {
        give_up(locked, named, dry_run, screen).await?;
        let left = |state: &Snapshot| edit::addresses(state).any(|it| named.iter().any(|one| one.covers(it)));
        let edit = |state: Option<&Snapshot>, screen: &Screen| match state {
            Some(state) if !left(state) => {
                Ok(Edited { snapshot: state.clone(), lines: Vec::new(), question: None })
            }
            state => edit(state, screen),
        };
        // A journal that is given up stays as it is.
        if dry_run { Ok(()) } else { change(locked, (false, &edit), screen).await }
    };
    under_lock("state rm", &options.change, screen, act)
}

/// Gives up what an earlier run left open, of what is named.
async fn give_up(
    Locked { guard, found: Found { place, .. }, .. }: &Locked<'_>,
    named: &[AddressPattern],
    dry_run: bool,
    screen: &Screen,
) -> Result<(), Stop> {
    let loaded = guard.read().await.map_err(|error| Stop::store(&error, place))?;
    let covered = |pending: &&Pending| named.iter().any(|pattern| pattern.covers(&pending.address));
    let given_up: Vec<_> = loaded.pending.iter().filter(covered).collect();
    if given_up.is_empty() {
        let error = Diagnostic::error(code::state::NO_OBJECT, "no earlier run left anything of this open");
        return Err(
            Diagnostics::from(error.help("leave `--pending` out to forget what the state has")).into()
        );
    }
    for pending in &given_up {
        let Pending { address, token, .. } = pending;
        let what = match pending.action {
            Action::Create => format!("what may have been made with the token {token} is nobody's"),
            Action::Update => "whether it was changed is not known".to_owned(),
            Action::Delete => "whether it was deleted is not known".to_owned(),
        };
        screen.print(&format!("{address} is not looked for any more: {what}\n"));
    }
    if dry_run {
        screen.say("Nothing was changed: this was a dry run.\n");
        return Ok(());
    }
    let records = given_up.into_iter().flat_map(|pending| apply::give_up(&loaded, pending)).collect();
    guard.append(records).await.map_err(|error| Stop::store(&error, place))
}

pub(super) fn replace_provider(options: &StateReplaceProvider, screen: &mut Screen) -> Exit {
    let providers = crate::provider::all();
    if !providers.contains_key(bare_provider(&options.to)) {
        let error = Diagnostic::error(
            code::engine::UNKNOWN_PROVIDER,
            format!("there is no provider `{}`", options.to),
        );
        let error = error.did_you_mean(&options.to, providers.keys().copied());
        return fail(screen, error.into(), Exit::Error);
    }
    let takes = |provider: &str, type_name: &str| {
        providers.get(provider).is_some_and(|provider| provider.schema().resources.contains_key(type_name))
    };
    let edit = |state: Option<&Snapshot>, _: &Screen| {
        edit::replace_provider(needed(state)?, (&options.from_provider, &options.to), &takes)
    };
    carry_out("state replace-provider", &options.change, options.dry_run, &edit, screen)
}

pub(in crate::cli) fn taint(options: &StateInstance, screen: &mut Screen) -> Exit {
    let edit =
        |state: Option<&Snapshot>, _: &Screen| edit::mark(needed(state)?, &options.address, Status::Tainted);
    carry_out("taint", &options.change, false, &edit, screen)
}

pub(in crate::cli) fn untaint(options: &StateInstance, screen: &mut Screen) -> Exit {
    let edit =
        |state: Option<&Snapshot>, _: &Screen| edit::mark(needed(state)?, &options.address, Status::Ready);
    carry_out("untaint", &options.change, false, &edit, screen)
}

pub(super) fn push(options: &StatePush, screen: &mut Screen) -> Exit {
    let pushed = match read(&options.file) {
        Ok(pushed) => pushed,
        Err(messages) => return fail(screen, messages, Exit::Error),
    };
    let edit = |state: Option<&Snapshot>, _: &Screen| edit::push(state, pushed.clone(), options.force);
    carry_out("state push", &options.change, false, &edit, screen)
}

pub(super) fn import_terraform(options: &StateImportTerraform, screen: &mut Screen) -> Exit {
    let shown = options.file.display().to_string();
    let read = bytes_of(&options.file, terraform::BYTES_MAX).and_then(|bytes| State::read(&shown, &bytes));
    let state = match read {
        Ok(state) => state,
        Err(messages) => return fail(screen, messages, Exit::Error),
    };
    let (lineage, providers) = (session::random_name(), provider::all());
    let taking = Taking {
        shown: &shown,
        skip_unknown: options.skip_unknown,
        lineage: &lineage,
        providers: &providers,
    };
    let edit = |present: Option<&Snapshot>, _: &Screen| {
        let edited = import::take_in(present, &state, &taking)?;
        let question = edited.question.filter(|_| !options.auto_approve);
        Ok(Edited { question, ..edited })
    };
    carry_out("state import-terraform", &options.change, false, &edit, screen)
}

pub(super) fn needed(state: Option<&Snapshot>) -> Result<&Snapshot, Diagnostics> {
    state.ok_or_else(|| {
        let error =
            Diagnostic::error(code::state::NO_OBJECT, "there is no state yet: nothing was applied here");
        error.help("give `--from` if it is the state of another folder, or of a manifest").into()
    })
}

/// A state as `mlo state pull` prints it.
fn read(file: &Path) -> Result<Snapshot, Diagnostics> {
    let bytes = bytes_of(file, SNAPSHOT_BYTES_MAX)?;
    Snapshot::decode(&bytes).map_err(|error| {
        let shown = file.display();
        let error = Diagnostic::error(code::state::NOT_PUSHED, format!("`{shown}` is no state: {error}"));
        error.help("push a file that `mlo state pull` printed; what was changed by hand is refused").into()
    })
}

/// The bytes of a file, or of standard input for `-`; of more than `limit` one more than that.
fn bytes_of(file: &Path, limit: u64) -> Result<Vec<u8>, Diagnostics> {
    let mut bytes = Vec::new();
    let limit = limit + 1;
    let read = if file == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    read.map(|_| bytes).map_err(|error| {
        let summary = format!("`{}` cannot be read: {}", file.display(), because(&error));
        Diagnostic::error(code::engine::FILE, summary).into()
    })
}

/// What becomes of a state; how it is shown, the screen tells.
type Edit<'e> = &'e dyn Fn(Option<&Snapshot>, &Screen) -> Result<Edited, Diagnostics>;

pub(super) fn carry_out(
    name: &str,
    options: &StateChange,
    dry_run: bool,
    edit: Edit<'_>,
    screen: &mut Screen,
) -> Exit {
    let act = async |locked: &Locked<'_>, screen: &mut Screen| change(locked, (dry_run, edit), screen).await;
    under_lock(name, options, screen, act)
}

/// A state whose lock is held.
pub(super) struct Locked<'l> {
    pub(super) guard: &'l dyn Guard,
    pub(super) found: &'l Found,
    pub(super) interrupt: &'l Interrupt,
}

/// Does something while a state is locked, and ends the command.
pub(super) fn under_lock(
    name: &str,
    options: &StateChange,
    screen: &mut Screen,
    act: impl AsyncFnOnce(&Locked<'_>, &mut Screen) -> Result<(), Stop>,
) -> Exit {
    match session::store_of(options.of.from.as_deref(), &options.of.backend) {
        Ok(found) => under_lock_of(&found, (name, options), screen, act),
        Err(failed) => session::fail(screen, false, &failed, Exit::Error),
    }
}

/// The same with a state that was found.
pub(super) fn under_lock_of(
    found: &Found,
    (name, options): (&str, &StateChange),
    screen: &mut Screen,
    act: impl AsyncFnOnce(&Locked<'_>, &mut Screen) -> Result<(), Stop>,
) -> Exit {
    let (store, place, timeout) = (found.store.as_ref(), &found.place, options.lock_timeout);
    let claim = Claim { store, keys: &found.keys, place, operation: name, timeout };
    let runtime = session::runtime().map_err(Stop::from);
    let result = runtime.and_then(|runtime| runtime.block_on(locked(&claim, found, act, screen)));
    match result {
        Ok(()) => Exit::Done,
        Err(Stop::Ended(end)) => end,
        Err(Stop::Failed(messages, end)) => fail(screen, messages, end),
    }
}

async fn locked(
    claim: &Claim<'_>,
    found: &Found,
    act: impl AsyncFnOnce(&Locked<'_>, &mut Screen) -> Result<(), Stop>,
    screen: &mut Screen,
) -> Result<(), Stop> {
    let Found { place, backend, environment, keys, .. } = found;
    let interrupt = Interrupt::listen();
    session::prepare_home(place)?;
    moves::check(place, (backend, environment), &keys.vault).await?;
    let guard = claim.take(&interrupt, screen).await?;
    let locked = Locked { guard: guard.as_ref(), found, interrupt: &interrupt };
    let result = kept(guard.as_ref(), act(&locked, screen)).await;
    let released = guard.release().await;
    screen.report(&keys.news(place), &SourceMap::new());
    result?;
    released.map_err(|error| Stop::store(&error, place))
}

async fn change(
    Locked { guard, found: Found { place, .. }, interrupt }: &Locked<'_>,
    (dry_run, edit): (bool, Edit<'_>),
    screen: &mut Screen,
) -> Result<(), Stop> {
    let Loaded { snapshot, pending, .. } = guard.read().await.map_err(|error| Stop::store(&error, place))?;
    if let Some(first) = pending.first() {
        let summary = format!("an earlier run left changes open, {} first", first.address);
        let error = Diagnostic::error(code::engine::OPEN, summary);
        let error = error.detail("What the state says of them may be out of date, and no other name is given to them before that is known.");
        return Err(Diagnostics::from(
            error.help("run `mlo apply`: it finds out what became of them before it plans"),
        )
        .into());
    }
    if let Some(snapshot) = &snapshot {
        secrets::hide_state(screen, snapshot);
    }
    let Edited { snapshot: mut edited, lines, question } = edit(snapshot.as_ref(), screen)?;
    secrets::hide_state(screen, &edited);
    for line in &lines {
        screen.print(&format!("{line}\n"));
    }
    if dry_run {
        screen.say("Nothing was changed: this was a dry run.\n");
        return Ok(());
    }
    if let Some(question) = question {
        confirm::ask(screen, interrupt, &question, "look at what is shown, then give `--auto-approve`")
            .await?;
    }
    if snapshot.is_none() {
        guard.begin(edited.lineage.clone()).await.map_err(|error| Stop::store(&error, place))?;
    }
    edited.serial += 1;
    guard.commit(edited).await.map_err(|error| Stop::store(&error, place))
}
