//! `mlo state …`, `mlo taint` and `mlo untaint`.
//!
//! Goes in: a state, addresses. Comes out: what it has of them, or a new state, its serial one higher. Never happens:
//! a change of an object itself.

mod change;
mod edit;
mod kept;
mod migrate;
mod repair;
mod import;
pub(in crate::cli) mod terraform;

pub(in crate::cli) use change::{taint, untaint};
pub(in crate::cli) use migrate::TO_ENVIRONMENT;

use crate::cli::args::{State, StateList, StateOf, StatePull, StateShow};
use crate::cli::exit::Exit;
use crate::cli::screen::Screen;
use crate::cli::secrets;
use crate::cli::session::{self, Failed, Looked};
use crate::cli::view::state;
use crate::diag::{Diagnostics, SourceMap};
use crate::plan::AddressPattern;
use mlo_state::Snapshot;

pub(in crate::cli) fn run(command: &State, screen: &mut Screen) -> Exit {
    let result = match command {
        State::List(options) => list(options, screen),
        State::Show(options) => show(options, screen),
        State::Pull(options) => pull(options, screen),
        State::History(options) => kept::history(&options.of, screen),
        State::Diff(options) => kept::diff(options, screen),
        State::Verify(options) => kept::verify(&options.of, screen),
        State::Restore(options) => return kept::restore(options, screen),
        State::Repair(options) => return repair::run(options, screen),
        State::Rekey(options) => return kept::rekey(options, screen),
        State::Mv(options) => return change::mv(options, screen),
        State::Rm(options) => return change::rm(options, screen),
        State::Push(options) => return change::push(options, screen),
        State::Migrate(options) => return migrate::run(options, screen),
        State::ReplaceProvider(options) => return change::replace_provider(options, screen),
        State::ImportTerraform(options) => return change::import_terraform(options, screen),
    };
    result.unwrap_or_else(|(failed, exit)| session::fail(screen, false, &failed, exit))
}

fn fail(screen: &Screen, messages: Diagnostics, exit: Exit) -> Exit {
    session::fail(screen, false, &Failed { sources: SourceMap::new(), messages }, exit)
}

type Failure = (Failed, Exit);

/// An error that is about no place in a file.
fn error(messages: Diagnostics) -> Failure {
    (Failed { sources: SourceMap::new(), messages }, Exit::Error)
}

/// The state that is there; nothing and a hint if there is none.
fn present(of: &StateOf, command: &str, screen: &mut Screen) -> Result<Option<Snapshot>, Failure> {
    let Looked { place, snapshot, is_open } = session::read_state(of.from.as_deref(), &of.backend, screen)?;
    if let Some(snapshot) = &snapshot {
        secrets::hide_state(screen, snapshot);
    } else if !is_open {
        session::say_no_state(screen, &place, &format!("state {command} --from"));
    }
    Ok(snapshot)
}

fn list(options: &StateList, screen: &mut Screen) -> Result<Exit, Failure> {
    let Some(snapshot) = present(&options.of, "list", screen)? else { return Ok(Exit::Done) };
    edit::check_known(&snapshot, &options.within).map_err(error)?;
    let is_within = |pattern: &AddressPattern, address| pattern.covers(address);
    for address in edit::addresses(&snapshot) {
        let object = snapshot.objects.get(address);
        let id = object.and_then(|object| object.attributes.get("id")).and_then(serde_json::Value::as_str);
        let named = options.within.is_empty() || options.within.iter().any(|one| is_within(one, address));
        if named && options.id.as_deref().is_none_or(|wanted| id == Some(wanted)) {
            screen.print(&format!("{address}\n"));
        }
    }
    Ok(Exit::Done)
}

fn show(options: &StateShow, screen: &mut Screen) -> Result<Exit, Failure> {
    let Some(snapshot) = present(&options.of, "show", screen)? else { return Ok(Exit::Error) };
    if options.show_sensitive {
        screen.show_everything();
    }
    let values = secrets::shown_values(&snapshot, screen);
    let named = values.iter().filter(|kept| *kept.address == options.address);
    let shown: Vec<_> = named.map(state::object).collect();
    if shown.is_empty() {
        return Err(error(edit::no_object(&snapshot, &options.address.clone().into()).into()));
    }
    screen.print(&shown.join("\n"));
    Ok(Exit::Done)
}

fn pull(options: &StatePull, screen: &Screen) -> Result<Exit, Failure> {
    let read = session::read_state(options.of.from.as_deref(), &options.of.backend, screen)?;
    let Looked { place, snapshot, is_open } = read;
    let Some(snapshot) = snapshot else {
        if !is_open {
            session::say_no_state(screen, &place, "state pull --from");
        }
        return Ok(Exit::Done);
    };
    // Sensitive values are in it in clear: without them it would be no state.
    screen.print_whole(&edit::encoded(&snapshot).map_err(error)?);
    Ok(Exit::Done)
}
