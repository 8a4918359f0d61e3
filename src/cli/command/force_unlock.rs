//! `mlo force-unlock`
//!
//! Goes in: a lock that somebody holds. Comes out: a free lock. Never happens: a lock taken away before it is shown
//! whose it is; a holder that writes on afterwards.

use crate::cli::args::ForceUnlock;
use crate::cli::confirm;
use crate::cli::exit::Exit;
use crate::cli::interrupt::Interrupt;
use crate::cli::lock::Stop;
use crate::cli::project::Place;
use crate::cli::screen::Screen;
use crate::cli::session::{self, Failed};
use crate::diag::{Diagnostic, SourceMap, code, escape};
use mlo_state::{Store, StoreError};

pub(in crate::cli) fn run(options: &ForceUnlock, screen: &mut Screen) -> Exit {
    let session::Found { place, store, .. } =
        match session::store_of(options.of.from.as_deref(), &options.of.backend) {
            Ok(found) => found,
            Err(failed) => return session::fail(screen, false, &failed, Exit::Error),
        };
    let freed = session::runtime()
        .map_err(Stop::from)
        .and_then(|runtime| runtime.block_on(free(options, (&place, store.as_ref()), screen)));
    match freed {
        Ok(()) => Exit::Done,
        Err(Stop::Ended(exit)) => exit,
        Err(Stop::Failed(messages, exit)) => {
            session::fail(screen, false, &Failed { sources: SourceMap::new(), messages }, exit)
        }
    }
}

async fn free(
    options: &ForceUnlock,
    (place, store): (&Place, &dyn Store),
    screen: &Screen,
) -> Result<(), Stop> {
    let interrupt = Interrupt::listen();
    let failed = |error: StoreError| Stop::store(&error, place);
    let Some(held) = store.held().await.map_err(failed)? else {
        screen.say("The state is not locked.\n");
        return Ok(());
    };
    screen.say(&format!("The state is locked{}.\n", escape(&held.to_string())));
    let id = held.holder.map(|holder| holder.id).unwrap_or_default();
    if let Some(named) = options.lock_id.as_ref().filter(|named| **named != id) {
        let summary = format!("the lock has the id `{id}`, not `{named}`");
        let error = Diagnostic::error(code::state::LOCKED, summary);
        let error = error.help("look who holds it now; then give its id, or none");
        return Err(Stop::Failed(error.into(), Exit::Locked));
    }
    if !options.force {
        let question = "Shall mlo take the lock away? Whoever holds it can write no more, and stops.";
        let instead = "look who holds the lock, then give `--force`";
        confirm::ask(screen, &interrupt, question, instead).await?;
    }
    store.break_lock(&id).await.map_err(failed)?;
    screen.say("The lock is free. What its holder had begun is settled by the next `mlo apply`.\n");
    Ok(())
}
