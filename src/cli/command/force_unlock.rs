//! `mlo force-unlock`
//!
//! Goes in: a lock that somebody holds. Comes out: a free lock. Never happens: a lock taken away before it is shown
//! whose it is; a holder that writes on afterwards.

use crate::cli::args::ForceUnlock;
use crate::cli::confirm;
use crate::cli::exit::Exit;
use crate::cli::project::Place;
use crate::cli::screen::Screen;
use crate::cli::session::{self, Failed};
use crate::diag::{Diagnostic, Diagnostics, SourceMap, code, escape};
use mlo_state::{Store, StoreError};

pub(in crate::cli) fn run(options: &ForceUnlock, screen: &mut Screen) -> Exit {
    let session::Found { place, store, .. } =
        match session::store_of(options.of.from.as_deref(), &options.of.backend) {
            Ok(found) => found,
            Err(failed) => return session::fail(screen, false, &failed, Exit::Error),
        };
    let freed = session::runtime()
        .map_err(|messages| (messages, Exit::Error))
        .and_then(|runtime| runtime.block_on(free(options, (&place, store.as_ref()), screen)));
    match freed {
        Ok(exit) => exit,
        Err((messages, exit)) => {
            session::fail(screen, false, &Failed { sources: SourceMap::new(), messages }, exit)
        }
    }
}

async fn free(
    options: &ForceUnlock,
    (place, store): (&Place, &dyn Store),
    screen: &Screen,
) -> Result<Exit, (Diagnostics, Exit)> {
    let failed = |error: &StoreError| session::store_failure(error, place);
    let Some(held) = store.held().await.map_err(|error| failed(&error))? else {
        screen.say("The state is not locked.\n");
        return Ok(Exit::Done);
    };
    screen.say(&format!("The state is locked{}.\n", escape(&held.to_string())));
    let id = held.holder.map(|holder| holder.id).unwrap_or_default();
    if let Some(named) = options.lock_id.as_ref().filter(|named| **named != id) {
        let summary = format!("the lock has the id `{id}`, not `{named}`");
        let error = Diagnostic::error(code::state::LOCKED, summary);
        let error = error.help("look who holds it now; then give its id, or none");
        return Err((error.into(), Exit::Locked));
    }
    let question = "Shall mlo take the lock away? Whoever holds it can write no more, and stops.";
    let sure = options.force
        || confirm::ask(screen, question, "look who holds the lock, then give `--force`")
            .map_err(|messages| (messages, Exit::Error))?;
    if !sure {
        screen.say("Nothing was changed.\n");
        return Ok(Exit::Error);
    }
    store.break_lock(&id).await.map_err(|error| failed(&error))?;
    screen.say("The lock is free. What its holder had begun is settled by the next `mlo apply`.\n");
    Ok(Exit::Done)
}
