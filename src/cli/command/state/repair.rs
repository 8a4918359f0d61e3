//! `mlo state repair`
//!
//! Goes in: a state of which a part is damaged or gone. Comes out: what can be had of it, as a new serial. Never happens: a
//! write before it is shown what that gives and what is lost; something damaged thrown away; something repaired that only
//! stays sealed.

use super::change::{self, Locked};
use crate::cli::args::StateRepair;
use crate::cli::confirm;
use crate::cli::exit::Exit;
use crate::cli::lock::Stop;
use crate::cli::screen::Screen;
use crate::cli::secrets;
use crate::cli::session;
use crate::cli::view::versions;
use crate::diag::{Diagnostic, escape};
use mlo_state::{Salvage, Snapshot, StoreError, Stray};
use std::fmt::Write;

pub(super) fn run(options: &StateRepair, screen: &mut Screen) -> Exit {
    let act =
        async |locked: &Locked<'_>, screen: &mut Screen| mend(locked, options.auto_approve, screen).await;
    change::under_lock("state repair", &options.change, screen, act)
}

async fn mend(locked: &Locked<'_>, auto_approve: bool, screen: &mut Screen) -> Result<(), Stop> {
    let Locked { guard, found, interrupt } = locked;
    let place = &found.place;
    let salvage = guard.salvage().await.map_err(|error| hopeless(&error, locked))?;
    let Some(wrong) = &salvage.wrong else {
        screen.print(match salvage.base {
            Some(_) => "The state and its journal are whole: there is nothing to repair.\n",
            None => "There is no state yet: nothing was applied here.\n",
        });
        return Ok(());
    };
    for snapshot in salvage.base.iter().chain([&salvage.snapshot]) {
        secrets::hide_state(screen, snapshot);
    }
    screen.print(&format!("{}.\n\n{}", escape(&place.relative(wrong)), told(&salvage, screen)));
    if !auto_approve {
        let instead = "look at what is shown, then give `--auto-approve`";
        confirm::ask(screen, interrupt, "\nShall mlo write this as the state?", instead).await?;
    }
    guard.replace(salvage).await.map_err(|error| Stop::store(&error, place))?;
    screen
        .say("The state is repaired. What was damaged lies beside it, under names with `damaged` in them.\n");
    Ok(())
}

/// What would be made, of what, and what is lost.
fn told(salvage: &Salvage, screen: &Screen) -> String {
    let Salvage { base, snapshot, pending, records, lost, strays, .. } = salvage;
    let nothing = Snapshot::empty("");
    let mut text = versions::difference(base.as_ref().unwrap_or(&nothing), snapshot, screen);
    let s = |count: usize| if count == 1 { "" } else { "s" };
    let of = base.as_ref().map_or_else(String::new, |base| format!("serial {} and ", base.serial));
    let _ = writeln!(
        text,
        "\nSerial {} would be made of {of}{records} record{} of journals, with {} change{} whose outcome is not known.",
        snapshot.serial,
        s(*records),
        pending.len(),
        s(pending.len()),
    );
    for lost in lost {
        let _ = writeln!(text, "Lost: {}.", escape(lost));
    }
    if lost.is_empty() {
        text += "No object is lost that a journal knew of. Outputs are made anew by the next apply.\n";
    } else {
        text += "Objects may exist that are known by nothing but what is lost, and the next apply makes them again: look for them where they are kept before it.\n";
    }
    if !strays.is_empty() {
        let _ = writeln!(
            text,
            "{} operation{} of which nothing is left but that {} begun:",
            strays.len(),
            s(strays.len()),
            if strays.len() == 1 { "it was" } else { "they were" },
        );
    }
    for Stray { operation, handle } in strays {
        let handle = handle.as_deref().map_or_else(|| "sensitive".into(), escape);
        let _ = writeln!(text, "  operation {operation}, which the provider knows by {handle}");
    }
    let serial = base.as_ref().map_or(0, |base| base.serial);
    if serial.saturating_add(1) < snapshot.serial {
        let _ = writeln!(
            text,
            "What changed the state alone since serial {serial}, as `mlo state mv` does, is not in it."
        );
    }
    text
}

/// Why there is nothing to repair it with.
fn hopeless(error: &StoreError, Locked { found, .. }: &Locked<'_>) -> Stop {
    let (messages, exit) = session::store_failure(error, &found.place);
    if !matches!(error, StoreError::Corrupt { .. } | StoreError::Lost { .. } | StoreError::Foreign { .. }) {
        let said = "Whether it is damaged cannot be told: nothing was repaired, and nothing was changed.";
        return Stop::Failed(messages.map(|message| message.detail(said)), exit);
    }
    let help = match error {
        StoreError::Foreign { .. } => {
            "what is here is of another state than `lineage` beside it says: bring a backup back, or, if you know that it is yours, remove that file and repair again"
        }
        _ => "nothing is left here that the state could be made of: bring a backup back",
    };
    Stop::Failed(messages.map(|message| Diagnostic { help: vec![help.to_owned()], ..message }), exit)
}
