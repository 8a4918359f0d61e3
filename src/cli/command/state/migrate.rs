//! `mlo state migrate`
//!
//! Goes in: two places. Comes out: the state in the second, as it was in the first, and a note in the first that says so.
//! Never happens: another state overwritten; a state that is in both places, for those who ask.

use super::fail;
use crate::cli::args::StateMigrate;
use crate::cli::backend::{Backend, moves};
use crate::cli::confirm;
use crate::cli::exit::Exit;
use crate::cli::interrupt::Interrupt;
use crate::cli::lock::{Claim, Stop};
use crate::cli::project::Place;
use crate::cli::screen::Screen;
use crate::cli::session::{self, Found};
use crate::diag::{Diagnostic, Diagnostics, SourceMap, code, escape};
use crate::lang::load::{NO_ENVIRONMENT, is_environment_name};
use mlo_state::{Copied, Guard, Store, StoreError, Vault, kept};
use std::sync::Arc;

/// How a note begins that leads to an environment of the same place.
pub(in crate::cli) const TO_ENVIRONMENT: &str = "environment ";

/// One end of the way: a place of states, and whose it is there.
struct End {
    backend: Backend,
    environment: Option<String>,
    shown: String,
    store: Arc<dyn Store>,
}

pub(super) fn run(options: &StateMigrate, screen: &mut Screen) -> Exit {
    let found = match session::store_of(options.of.as_deref(), &options.backend) {
        Ok(found) => found,
        Err(failed) => return session::fail(screen, false, &failed, Exit::Error),
    };
    let moved = ends(options, &found).map_err(Stop::from).and_then(|(from, to)| {
        let runtime = session::runtime()?;
        runtime.block_on(migrate(options, &found, (&from, &to), screen))
    });
    match moved {
        Ok(()) => Exit::Done,
        Err(Stop::Ended(exit)) => exit,
        Err(Stop::Failed(messages, exit)) => fail(screen, messages, exit),
    }
}

fn ends(options: &StateMigrate, found: &Found) -> Result<(End, End), Diagnostics> {
    let place = &found.place;
    let here = std::env::current_dir().unwrap_or_default();
    let read = |text: &str| Backend::read(text, &here).map_err(|error| Diagnostics::from(*error));
    let from = match &options.from {
        Some(text) => read(text)?,
        None => moves::remembered(place).unwrap_or_else(|| Backend::Local(place.states())),
    };
    let to = options.to.as_deref().map_or_else(|| Ok(found.backend.clone()), read)?;
    let environment = found.environment.state();
    let before = match options.from_env.as_deref() {
        None => environment,
        Some(NO_ENVIRONMENT) => None,
        Some(name) => Some(name),
    };
    if let Some(name) = before.filter(|name| !is_environment_name(name)) {
        let error =
            Diagnostic::error(code::engine::ENVIRONMENT, format!("no environment can be called `{name}`"));
        return Err(error
            .help("give the name that it had, or `default`: the state without environments")
            .into());
    }
    if from == to && before == environment {
        let error =
            Diagnostic::error(code::state::BACKEND, "the state is there already: both places are the same");
        return Err(error.help("give `--from` or `--from-env`, or change the `backend` block first").into());
    }
    let end = |backend: Backend, environment: Option<&str>, vault: &Vault| {
        let shown = match environment {
            Some(name) => format!("{backend} (environment {name})"),
            None => backend.to_string(),
        };
        let store = backend.store(vault, environment);
        End { backend, environment: environment.map(str::to_owned), shown, store }
    };
    let vault = &found.keys.vault;
    // What was written before there was a key is sealed where it goes, if that is wanted: it could be anybody's.
    let source = if options.from_clear { vault.clone().taking_clear() } else { vault.clone() };
    Ok((end(from, before, &source), end(to, environment, vault)))
}

async fn migrate(
    options: &StateMigrate,
    Found { place, keys, .. }: &Found,
    (from, to): (&End, &End),
    screen: &Screen,
) -> Result<(), Stop> {
    let interrupt = Interrupt::listen();
    session::prepare_home(place)?;
    let (operation, timeout) = ("state migrate", options.lock_timeout);
    let claim = Claim { store: from.store.as_ref(), keys, place, operation, timeout };
    let source = claim.take(&interrupt, screen).await?;
    let moved = kept(source.as_ref(), async {
        let claim = Claim { store: to.store.as_ref(), keys, place, operation, timeout };
        let target = claim.take(&interrupt, screen).await?;
        let carried = carry(options, place, (from, to), (&*source, &*target), (&interrupt, screen));
        let moved = kept(target.as_ref(), carried).await;
        let released = target.release().await;
        moved?;
        released.map_err(|error| Stop::store(&error, place))
    });
    let moved = moved.await;
    let released = source.release().await;
    screen.report(&keys.news(place), &SourceMap::new());
    moved?;
    released.map_err(|error| Stop::store(&error, place))?;
    moves::remember(place, &to.backend);
    Ok(())
}

impl End {
    /// What is noted in the place before, so that it leads here.
    fn left_for(&self, before: &Backend) -> String {
        match &self.environment {
            Some(name) if self.backend == *before => format!("{TO_ENVIRONMENT}{name}"),
            _ => self.backend.to_string(),
        }
    }
}

async fn carry(
    options: &StateMigrate,
    place: &Place,
    (from, to): (&End, &End),
    (source, target): (&dyn Guard, &dyn Guard),
    (interrupt, screen): (&Interrupt, &Screen),
) -> Result<(), Stop> {
    let stop = |error: StoreError| Stop::store(&error, place);
    let loaded = source.read().await.map_err(stop)?;
    let Some(copy) = Copied::of(from.store.as_ref(), loaded).await.map_err(stop)? else {
        let summary = format!("there is no state in {}", from.shown);
        let error = Diagnostic::error(code::state::BACKEND, summary);
        return Err(Diagnostics::from(error.help("give `--from` if it is elsewhere")).into());
    };
    let (objects, earlier, open) = (copy.snapshot.objects.len(), copy.history.len(), copy.pending.len());
    let what = format!(
        "{objects} objects at serial {}, {earlier} earlier snapshots, {open} open changes: from {} to {}",
        copy.snapshot.serial, from.shown, to.shown
    );
    screen.say(&format!("{}.\n", escape(&what)));
    if !options.auto_approve {
        let instead = "look at the places, then give `--auto-approve`";
        confirm::ask(screen, interrupt, "Shall mlo do this?", instead).await?;
    }
    target.adopt(copy).await.map_err(stop)?;
    for document in from.store.documents("").await.map_err(stop)? {
        if document.bytes.is_empty() {
            screen.say(&format!(
                "`{}` beside the state is none of mlo's documents: it stays.\n",
                document.name
            ));
            continue;
        }
        to.store.keep_document(&document).await.map_err(stop)?;
    }
    // Only now: if this fails the state is in both places, and another attempt ends it.
    source.leave(to.left_for(&from.backend)).await.map_err(stop)?;
    screen.say("The state is there. What is left in the old place is not used any more.\n");
    Ok(())
}
