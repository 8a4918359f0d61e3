//! `mlo state history`, `diff`, `verify`, `restore` and `rekey`: what a store keeps beside the present state.
//!
//! Goes in: a state, serials of it. Comes out: what is kept, what is different, what is wrong with it; or an earlier serial as
//! a new one. Never happens: an earlier serial changed.

use super::change::{self, Locked};
use super::edit::Edited;
use super::{Failure, error, fail};
use crate::cli::args::{StateDiff, StateOf, StateRekey, StateRestore};
use crate::cli::confirm;
use crate::cli::exit::Exit;
use crate::cli::lock::Stop;
use crate::cli::screen::Screen;
use crate::cli::secrets;
use crate::cli::session::{self, Failed, Found};
use crate::cli::view::{Paint, versions};
use crate::diag::{Diagnostic, Diagnostics, SourceMap, code, escape};
use mlo_state::chain::{self, Wrong};
use mlo_state::{Loaded, Snapshot, StoreError, Version};

/// A state whose kept snapshots are looked at.
struct Kept {
    found: Found,
    runtime: tokio::runtime::Runtime,
}

impl Kept {
    fn open(of: &StateOf) -> Result<Self, Failure> {
        let found =
            session::store_of(of.from.as_deref(), &of.backend).map_err(|failed| (failed, Exit::Error))?;
        Ok(Self { found, runtime: session::runtime().map_err(error)? })
    }

    fn failure(&self, error: &StoreError) -> Failure {
        let (messages, exit) = session::store_failure(error, &self.found.place);
        (Failed { sources: SourceMap::new(), messages }, exit)
    }

    fn serials(&self) -> Result<Vec<u64>, Failure> {
        self.runtime.block_on(self.found.store.serials()).map_err(|error| self.failure(&error))
    }

    fn loaded(&self) -> Result<Loaded, Failure> {
        self.runtime.block_on(self.found.store.read()).map_err(|error| self.failure(&error))
    }

    /// The snapshot of a serial, which must be kept.
    fn version(&self, serial: u64) -> Result<Version, Failure> {
        let found = self.runtime.block_on(self.found.store.version(serial));
        if let Some(version) = found.map_err(|error| self.failure(&error))? {
            return Ok(version);
        }
        // One that cannot be read is not among those that are kept.
        self.loaded()?;
        let kept = self.serials()?.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let message = Diagnostic::error(code::state::NOT_KEPT, format!("serial {serial} is not kept"));
        let help = if kept.is_empty() {
            "there is no state yet: nothing was applied here".to_owned()
        } else {
            format!("these are: {kept}")
        };
        Err(error(message.help(help).into()))
    }

    /// Says that there is nothing to look at.
    fn say_none(&self, command: &str, screen: &Screen) {
        screen.say("There is no state yet: nothing was applied here.\n");
        session::hint_at_other_states(screen, &self.found.place, &format!("state {command} --from"));
    }
}

pub(super) fn history(of: &StateOf, screen: &Screen) -> Result<Exit, Failure> {
    let kept = Kept::open(of)?;
    let serials = kept.serials()?;
    if serials.is_empty() {
        match kept.loaded()?.snapshot {
            None => kept.say_none("history", screen),
            Some(_) => screen.say("No serial is kept yet: the first run did not come to its end. `mlo apply` goes on from there.\n"),
        }
        return Ok(Exit::Done);
    }
    screen.print(&format!("{}\n", line("SERIAL", ["RUN BEGAN", "OPERATION", "OBJECTS", "BY", "KEY"])));
    let mut end = Exit::Done;
    for serial in serials {
        let line = match kept.runtime.block_on(kept.found.store.version(serial)) {
            Ok(Some(version)) => told(&version),
            // A commit of another has just gone past it.
            Ok(None) => continue,
            Err(error) => {
                end = Exit::Error;
                format!("{serial:>6}  {}", kept.found.place.relative(&error.to_string()))
            }
        };
        screen.print(&format!("{}\n", escape(line.trim_end())));
    }
    // One that cannot be read is not among them.
    kept.loaded()?;
    Ok(end)
}

fn line(serial: &str, [at, operation, objects, who, key]: [&str; 5]) -> String {
    format!("{serial:>6}  {at:20}  {operation:22}  {objects:>7}  {who:24}  {key}")
}

fn told(Version { snapshot, stamp, key, .. }: &Version) -> String {
    let or_none = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let at = stamp.at.split_once('.').map_or_else(|| stamp.at.clone(), |(seconds, _)| format!("{seconds}Z"));
    let (at, operation, who) = (or_none(&at), or_none(&stamp.operation), or_none(&stamp.who));
    let key = key.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    let objects = snapshot.objects.len().to_string();
    line(&snapshot.serial.to_string(), [&at, &operation, &objects, &who, &key])
}

pub(super) fn diff(options: &StateDiff, screen: &mut Screen) -> Result<Exit, Failure> {
    let kept = Kept::open(&options.of)?;
    if options.show_sensitive {
        screen.show_everything();
    }
    let before = kept.version(options.serial)?.snapshot;
    let after = if let Some(serial) = options.to {
        kept.version(serial)?.snapshot
    } else {
        session::snapshot_or_new(kept.loaded()?)
    };
    for snapshot in [&before, &after] {
        secrets::hide_state(screen, snapshot);
    }
    screen.print(&versions::difference(&before, &after, screen));
    Ok(Exit::Done)
}

pub(super) fn verify(of: &StateOf, screen: &Screen) -> Result<Exit, Failure> {
    let kept = Kept::open(of)?;
    let findings = kept.runtime.block_on(chain::verify(kept.found.store.as_ref()));
    if findings.is_empty() {
        kept.say_none("verify", screen);
        return Ok(Exit::Done);
    }
    let paint = Paint(screen.style());
    let (mut wrong, mut unread) = (0, Vec::new());
    for finding in &findings {
        let (symbol, said) = match &finding.wrong {
            None => (paint.green("✓"), finding.found.clone()),
            Some(because) => {
                match because {
                    Wrong::Refused(error) if error.is_for_now() => unread.push(error),
                    because if because.is_warning() => {}
                    _ => wrong += 1,
                }
                let symbol = if because.is_warning() { paint.yellow("!") } else { paint.red("✗") };
                (symbol, kept.found.place.relative(&because.to_string()))
            }
        };
        screen.print(&format!("{symbol} {}: {}\n", finding.what, escape(&said)));
    }
    if let (0, Some(first)) = (wrong, unread.first()) {
        let (failed, _) = kept.failure(first);
        let summary = format!(
            "{} of {} parts of the state cannot be read: whether they are whole cannot be told",
            unread.len(),
            findings.len()
        );
        let messages = failed.messages.map(|message| Diagnostic { summary: summary.clone(), ..message });
        return Err((Failed { messages, ..failed }, Exit::Incomplete));
    }
    if wrong == 0 {
        return Ok(Exit::Done);
    }
    let summary = format!("{wrong} of {} parts of the state are not as mlo wrote them", findings.len());
    let message = Diagnostic::error(code::state::CORRUPT, summary);
    Err(error(message.help("`mlo state repair` makes a state that cannot be read again; a damaged serial of the history is only not to be had any more").into()))
}

pub(super) fn restore(options: &StateRestore, screen: &mut Screen) -> Exit {
    let earlier = match Kept::open(&options.change.of).and_then(|kept| kept.version(options.serial)) {
        Ok(version) => version.snapshot,
        Err((failed, exit)) => return session::fail(screen, false, &failed, exit),
    };
    secrets::hide_state(screen, &earlier);
    let edit = |state: Option<&Snapshot>, screen: &Screen| restored(state, &earlier, options, screen);
    change::carry_out("state restore", &options.change, false, &edit, screen)
}

/// An earlier snapshot in the place of the present one.
fn restored(
    state: Option<&Snapshot>,
    earlier: &Snapshot,
    options: &StateRestore,
    screen: &Screen,
) -> Result<Edited, Diagnostics> {
    let present = change::needed(state)?;
    let serial = options.serial;
    if present.lineage != earlier.lineage {
        let summary = format!("serial {serial} is of another state, of lineage `{}`", earlier.lineage);
        return Err(Diagnostic::error(code::state::FOREIGN, summary).into());
    }
    let next = Snapshot { serial: present.serial.saturating_add(1), ..earlier.clone() };
    let mut lines = vec![versions::difference(present, &next, screen).trim_end().to_owned()];
    if present.objects.keys().any(|address| !earlier.objects.contains_key(address)) {
        lines.push(format!("What is not in serial {serial} is forgotten, and not destroyed."));
    }
    let question = format!("Shall mlo write serial {serial} again as the state?");
    let snapshot = Snapshot { serial: present.serial, ..next };
    Ok(Edited { snapshot, lines, question: (!options.auto_approve).then_some(question) })
}

pub(super) fn rekey(options: &StateRekey, screen: &mut Screen) -> Exit {
    let of = &options.change.of;
    let found = match session::store_of(of.from.as_deref(), &of.backend) {
        Ok(found) if options.from_clear => found.taking_clear(),
        Ok(found) => found,
        Err(failed) => return session::fail(screen, false, &failed, Exit::Error),
    };
    let vault = &found.keys.vault;
    let Some(name) = vault.has_keys().then(|| vault.sealing_name(true)).flatten() else {
        let summary = "no key is configured that the state could be sealed with";
        let error = Diagnostic::error(code::state::BAD_KEY, summary);
        let help = "write an `encryption` block, or set `MLO_STATE_PASSPHRASE`";
        return fail(screen, error.help(help).into(), Exit::Error);
    };
    let act = async |locked: &Locked<'_>, screen: &mut Screen| {
        let (guard, place) = (locked.guard, &locked.found.place);
        let failed = |error: StoreError| Stop::store(&error, place);
        // Changes that are open stay so: sealed, with the rest.
        let loaded = match guard.read().await {
            Err(StoreError::Moved { to, .. }) if options.from_clear => {
                return seal_note(locked, (&to, options.auto_approve), screen).await;
            }
            read => read.map_err(failed)?,
        };
        let mut snapshot = change::needed(loaded.snapshot.as_ref())?.clone();
        if options.from_clear {
            let (lineage, serial, objects) = (&snapshot.lineage, snapshot.serial, snapshot.objects.len());
            let open = loaded.pending.len();
            let text = format!(
                "The state that is there: lineage {lineage}, serial {serial}, {objects} objects, {open} open changes.\n"
            );
            screen.say(&escape(&text));
            if !options.auto_approve {
                let question = "Is this the state that was written here? It is sealed as it is.";
                let instead =
                    "look at it with `mlo state pull` where no key is set, then give `--auto-approve`";
                confirm::ask(screen, locked.interrupt, question, instead).await?;
            }
        }
        snapshot.serial = snapshot.serial.saturating_add(1);
        let serial = snapshot.serial;
        guard.commit(snapshot).await.map_err(failed)?;
        guard.reseal().await.map_err(failed)?;
        screen.print(&format!(
            "The state is sealed with `{name}` from serial {serial} on, and so is what is kept of earlier serials.\n"
        ));
        Ok(())
    };
    change::under_lock_of(&found, ("state rekey", &options.change), screen, act)
}

/// Seals the note that says where a state was taken to.
async fn seal_note(
    locked: &Locked<'_>,
    (to, auto_approve): (&str, bool),
    screen: &mut Screen,
) -> Result<(), Stop> {
    screen.say(&escape(&format!("A note says that the state is in {to} now.\n")));
    if !auto_approve {
        let question = "Was it taken there? Then the note is sealed.";
        let instead = "look whether the state is there, then give `--auto-approve`";
        confirm::ask(screen, locked.interrupt, question, instead).await?;
    }
    locked.guard.leave(to.to_owned()).await.map_err(|error| Stop::store(&error, &locked.found.place))?;
    screen.print("The note is sealed.\n");
    Ok(())
}
