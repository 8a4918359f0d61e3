//! `mlo approve`
//!
//! Goes in: a saved plan that somebody looks at. Comes out: a document beside its state that says who let it through. Never
//! happens: an approval that would not count, or of a plan that can no longer be applied; a change of the state.

use crate::cli::approval;
use crate::cli::args::Approve;
use crate::cli::confirm;
use crate::cli::discretion;
use crate::cli::exit::Exit;
use crate::cli::interrupt::Interrupt;
use crate::cli::lock::{Stop, unless_interrupted};
use crate::cli::report::document_of;
use crate::cli::saved::{self, Here};
use crate::cli::screen::Screen;
use crate::cli::secrets;
use crate::cli::session::{self, Failed};
use crate::cli::view::{self, Paint};
use crate::diag::{Diagnostic, Diagnostics, SourceMap, code, escape};
use crate::sign::Approval;
use mlo_state::Document;
use serde_json::json;

pub(in crate::cli) fn run(options: &Approve, screen: &mut Screen) -> Exit {
    let mut sources = SourceMap::new();
    let approved = session::runtime()
        .map_err(Stop::from)
        .and_then(|runtime| runtime.block_on(approve(options, &mut sources, screen)));
    match approved {
        Ok(()) => Exit::Done,
        Err(Stop::Ended(exit)) => exit,
        Err(Stop::Failed(messages, exit)) => {
            session::fail(screen, options.json, &Failed { sources, messages }, exit)
        }
    }
}

async fn approve(options: &Approve, sources: &mut SourceMap, screen: &mut Screen) -> Result<(), Stop> {
    let interrupt = Interrupt::listen();
    let source = options.source();
    let looked = saved::look(&options.plan, &source, sources)?;
    let (saved, place, here) = looked.here(&source, sources)?;
    let Here { environment, backend, keys, .. } = here;
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
    let store = backend.store(&keys.vault, environment.state());
    let failed = |error| Stop::store(&error, &place);
    let loaded = unless_interrupted(&interrupt, store.read()).await?.map_err(failed)?;
    saved.state(loaded.snapshot)?;
    secrets::hide_secrets(screen, &saved.plan);
    if !options.json {
        show(&saved, screen);
    }
    let by = name.as_ref().map_or_else(|| approved.who.clone(), |name| format!("{} ({name})", approved.who));
    if options.json && !options.unasked {
        return Err(confirm::nobody("look at the plan with `mlo show`, then give `--auto-approve`").into());
    }
    if !options.unasked {
        let question =
            format!("\nShall mlo note that {} approves this for `{}`?", escape(&by), environment.name);
        confirm::ask(screen, &interrupt, &question, "look at the plan, then give `--auto-approve`").await?;
    }
    let document = approval::document(&approved, key.as_ref());
    store.keep_document(&document).await.map_err(failed)?;
    let loosened = approval::loosened(&saved);
    if options.json {
        let approved = (&document, &approved, name.as_deref());
        screen.print_json(approved_json(&saved, approved, &loosened, screen));
        return Ok(());
    }
    screen.report(&loosened, &SourceMap::new());
    let what =
        escape(&format!("Approved {} for `{}`, by {by}.", saved.digest, environment.name)).into_owned();
    screen.print(&format!("\n{what} To do it: mlo apply {}\n", saved.name));
    Ok(())
}

/// The document of an approval that was noted.
fn approved_json(
    saved: &saved::Saved,
    (document, approval, name): (&Document, &Approval, Option<&str>),
    messages: &Diagnostics,
    screen: &Screen,
) -> serde_json::Value {
    let everything = screen.shows_everything();
    let shown = discretion::shown(&saved.plan, everything);
    let mut shown = view::json::plan(&document_of(&shown, screen), false, everything);
    saved.add_policy(&mut shown);
    let Approval { plan, environment, lineage, serial, approved_at, who, run_url, key } = approval;
    json!({
        "format_version": view::json::FORMAT,
        "approval": {
            "document": document.name,
            "plan": plan,
            "environment": environment,
            "lineage": lineage,
            "serial": serial,
            "approved_at": approved_at,
            "who": who,
            "name": name,
            "run_url": run_url,
            "key": key.map(|key| key.to_string()),
            "expires_after_s": saved.rules.expires_after.map(|time| time.as_secs()),
        },
        "plan": shown,
        "diagnostics": view::json::diagnostics(messages, &SourceMap::new()),
    })
}

fn show(saved: &saved::Saved, screen: &mut Screen) {
    let paint = Paint(screen.style());
    screen.print(&view::plan::environment(&saved.plan.environment, paint));
    screen.print(&view::plan::text(&discretion::shown(&saved.plan, screen.shows_everything()), paint));
    let key = saved
        .author
        .key
        .map(|key| format!(", signed with the key {}", key.fingerprint()))
        .unwrap_or_default();
    screen.print(&saved.judged_by());
    screen.print(&saved.overrides());
    let made = format!("Made by {}{key}, at serial {} of the state.", saved.author.who, saved.plan.serial);
    screen.print(&format!("\n{}\n", escape(&made)));
}
