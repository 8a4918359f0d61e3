//! `mlo approve`
//!
//! Goes in: a saved plan that somebody looks at. Comes out: a document beside its state that says who let it through. Never
//! happens: an approval that would not count, or of a plan that can no longer be applied; a change of the state.

use crate::cli::approval;
use crate::cli::args::Approve;
use crate::cli::backend::Backend;
use crate::cli::confirm;
use crate::cli::discretion;
use crate::cli::exit::Exit;
use crate::cli::interrupt::Interrupt;
use crate::cli::lock::{Stop, unless_interrupted};
use crate::cli::saved::{self, Looked};
use crate::cli::screen::Screen;
use crate::cli::secrets;
use crate::cli::session::{self, Failed};
use crate::cli::vault::Keys;
use crate::cli::view::{self, Paint};
use crate::diag::{Diagnostic, SourceMap, code, escape};

pub(in crate::cli) fn run(options: &Approve, screen: &mut Screen) -> Exit {
    let mut sources = SourceMap::new();
    let approved = session::runtime()
        .map_err(Stop::from)
        .and_then(|runtime| runtime.block_on(approve(options, &mut sources, screen)));
    match approved {
        Ok(()) => Exit::Done,
        Err(Stop::Ended(exit)) => exit,
        Err(Stop::Failed(messages, exit)) => {
            session::fail(screen, false, &Failed { sources, messages }, exit)
        }
    }
}

async fn approve(options: &Approve, sources: &mut SourceMap, screen: &mut Screen) -> Result<(), Stop> {
    let interrupt = Interrupt::listen();
    let source = options.source();
    let Looked { mut saved, environment, place, .. } = saved::look(&options.plan, &source, sources)?;
    saved.rules = approval::rules_for_saved(&place, &environment, (&saved.name, sources))?;
    if !saved.rules.is_required {
        let summary = format!("plans of the environment `{}` need no approval", environment.name);
        let error = Diagnostic::error(code::engine::USAGE, summary);
        return Err(Stop::Failed(
            error.help(format!("apply it: `mlo apply {}`", saved.name)).into(),
            Exit::Error,
        ));
    }
    let key = approval::signing_key(options.signing.signing_key.as_deref())?;
    approval::check_author(&saved, None)?;
    let approved = approval::approval(&saved, key.as_ref());
    let denied = |messages| Stop::Failed(messages, Exit::Denied);
    let name = approval::check_approval(&saved, &approved).map_err(denied)?;
    let states = environment.place(saved.plan.config.settings.state.as_ref());
    let backend = Backend::of(&place, states, &source.backend)?;
    let keys = Keys::of_place(&place, &source)?;
    let store = backend.store(&keys.vault, environment.state());
    let failed = |error| Stop::store(&error, &place);
    let loaded = unless_interrupted(&interrupt, store.read()).await?.map_err(failed)?;
    saved.state(loaded.snapshot)?;
    show(&saved, screen);
    let by = name.map_or_else(|| approved.who.clone(), |name| format!("{} ({name})", approved.who));
    if !options.unasked {
        let question =
            format!("\nShall mlo note that {} approves this for `{}`?", escape(&by), environment.name);
        confirm::ask(screen, &interrupt, &question, "look at the plan, then give `--auto-approve`").await?;
    }
    let document = approval::document(&approved, key.as_ref());
    store.keep_document(&document).await.map_err(failed)?;
    screen.report(&approval::loosened(&saved), &SourceMap::new());
    let what =
        escape(&format!("Approved {} for `{}`, by {by}.", saved.digest, environment.name)).into_owned();
    screen.print(&format!("\n{what} To do it: mlo apply {}\n", saved.name));
    Ok(())
}

fn show(saved: &saved::Saved, screen: &mut Screen) {
    secrets::hide_secrets(screen, &saved.plan);
    let paint = Paint(screen.style());
    screen.print(&view::plan::environment(&saved.plan.environment, paint));
    screen.print(&view::plan::text(&discretion::shown(&saved.plan, screen.shows_everything()), paint));
    let key = saved
        .author
        .key
        .map(|key| format!(", signed with the key {}", key.fingerprint()))
        .unwrap_or_default();
    let made = format!("Made by {}{key}, at serial {} of the state.", saved.author.who, saved.plan.serial);
    screen.print(&format!("\n{}\n", escape(&made)));
}
