//! `mlo plan`

use crate::cli::args::{Global, Plan};
use crate::cli::exit::Exit;
use crate::cli::screen::Screen;
use crate::cli::session::{self, Failed, Session};
use crate::cli::view::{self, Paint, json};
use crate::diag::{Diagnostics, SourceMap};
use crate::plan::Kind;
use crate::policy::{Denial, Verdict};
use mlo_state::Store;
use serde_json::Value as Json;

pub(in crate::cli) fn run(options: &Plan, _: &Global, screen: &mut Screen) -> Exit {
    let as_json = options.source.json;
    let (session, messages) = match Session::open(&options.source, Kind::Apply, screen) {
        Ok(opened) => opened,
        Err(failed) => return session::fail(screen, as_json, &failed, Exit::Error),
    };
    if !as_json {
        screen.report(&messages, &session.sources);
    }
    let made = match session::runtime() {
        Ok(runtime) => runtime.block_on(make(&session, options, screen)),
        Err(messages) => Err((messages, Exit::Error)),
    };
    let (plan, said) = match made {
        Ok(made) => made,
        Err((messages, exit)) => {
            return session::fail(screen, as_json, &Failed { sources: session.sources, messages }, exit);
        }
    };
    session::hide_secrets(screen, &plan);
    if !as_json {
        screen.report(&said, &session.sources);
    }
    let mut messages = messages;
    messages.extend(said);
    let changes = plan.has_changes();
    let document = as_json.then(|| json::plan(&plan));
    if !as_json {
        screen.print(&view::plan::text(&plan, Paint(screen.style())));
    }
    let verdict = session.ask_policy(plan, &options.source);
    if let Some(Json::Object(mut document)) = document {
        let policy = match &verdict {
            Verdict::Approved(approved) => json::approval(approved.decision()),
            Verdict::Denied(denial) => json::denial(denial, &session.sources),
        };
        document.insert("policy".into(), policy);
        document.insert("diagnostics".into(), json::diagnostics(&messages, &session.sources));
        screen.print_json(Json::Object(document));
    }
    match verdict {
        Verdict::Approved(approved) => {
            if !as_json {
                show_approval(screen, approved.decision(), &session.sources);
            }
            if changes && options.detailed_exitcode { Exit::Changes } else { Exit::Done }
        }
        Verdict::Denied(denial) => {
            if !as_json {
                show_denial(screen, &denial, &session.sources);
            }
            Exit::Denied
        }
    }
}

async fn make(
    session: &Session,
    options: &Plan,
    screen: &mut Screen,
) -> Result<(crate::plan::Plan, Diagnostics), (Diagnostics, Exit)> {
    let loaded =
        session.store.read().await.map_err(|error| session::store_failure(&error, &session.place))?;
    let mut messages = session::what_is_open(&loaded.pending);
    let snapshot = session::snapshot_or_new(loaded);
    let (made, said) = session.plan(Kind::Apply, Some(&options.engine), &snapshot).await;
    messages.extend(said);
    let Some((plan, _)) = made else {
        session::hide_state(screen, &snapshot);
        return Err((messages, Exit::Error));
    };
    Ok((plan, messages))
}

/// The checklist, and what somebody should look at.
pub(super) fn show_approval(screen: &Screen, decision: &crate::policy::Decision, sources: &SourceMap) {
    let text = view::plan::policy(decision, Paint(screen.style()));
    if !text.is_empty() {
        screen.print(&format!("\n{text}"));
    }
    for warning in &decision.warnings {
        screen.report_one(&warning.diagnostic(), sources);
    }
}

/// The headline, each violation with its line, and what to do.
pub(super) fn show_denial(screen: &Screen, denial: &Denial, sources: &SourceMap) {
    let paint = Paint(screen.style());
    screen.say(&format!("\n{}\n\n", paint.red(paint.bold(denial.headline()))));
    screen.report(&denial.diagnostics(), sources);
    screen.say(&denial.action_list());
    screen.say("Nothing was changed.\n");
}
