//! `mlo show`

use crate::cli::args::{Global, Show, Source};
use crate::cli::discretion;
use crate::cli::exit::Exit;
use crate::cli::report::document_of;
use crate::cli::saved::{self, Looked};
use crate::cli::screen::Screen;
use crate::cli::secrets;
use crate::cli::session;
use crate::cli::view::{self, Paint, json, state};
use crate::diag::SourceMap;
use serde_json::json;
use std::path::Path;

pub(in crate::cli) fn run(options: &Show, _: &Global, screen: &mut Screen) -> Exit {
    if options.show_sensitive {
        screen.show_everything();
    }
    if let Some(path) = options.path.as_deref().filter(|path| saved::is_plan_file(Some(path))) {
        return show_plan(path, options.json, screen);
    }
    let read = session::read_state(options.path.as_deref(), &options.backend, screen);
    let session::Looked { place, snapshot, is_open } = match read {
        Ok(read) => read,
        Err((failed, exit)) => return session::fail(screen, options.json, &failed, exit),
    };
    let Some(snapshot) = snapshot else {
        if options.json {
            screen.print_json(json!({ "format_version": json::FORMAT, "resources": [] }));
        } else if !is_open {
            session::say_no_state(screen, &place, "show");
        }
        return Exit::Done;
    };
    secrets::hide_state(screen, &snapshot);
    let values = secrets::shown_values(&snapshot, screen);
    if options.json {
        screen.print_json(json::state(&snapshot, &values, screen));
        return Exit::Done;
    }
    if values.is_empty() && snapshot.outputs.is_empty() && !is_open {
        screen.say("The state is empty: there is nothing that mlo made and has not destroyed.\n");
        session::hint_at_other_states(screen, &place, "show");
    }
    for kept in &values {
        screen.print(&format!("{}\n", state::object(kept)));
    }
    if !snapshot.outputs.is_empty() {
        screen.print(&format!("Outputs:\n\n{}", state::outputs(&snapshot.outputs, screen)));
    }
    Exit::Done
}

fn show_plan(path: &Path, as_json: bool, screen: &mut Screen) -> Exit {
    let everything = screen.shows_everything();
    let mut sources = SourceMap::new();
    let looked = saved::look(path, &Source::default(), &mut sources);
    if let Ok(Looked { saved, .. }) = &looked {
        secrets::hide_secrets(screen, &saved.plan);
        secrets::hide_defaults(screen, &saved.plan.config);
    }
    match looked {
        Ok(Looked { saved, planned_at, .. }) if as_json => {
            let plan = discretion::shown(&saved.plan, everything);
            let mut document = json::plan(&document_of(&plan, screen), false, everything);
            json::add_time(&mut document, planned_at);
            saved.add_policy(&mut document);
            screen.print_json(document);
        }
        Ok(Looked { saved, environment, .. }) => {
            if environment.is_named {
                screen.print(&view::plan::environment(&environment.name, Paint(screen.style())));
            }
            let plan = discretion::shown(&saved.plan, everything);
            screen.print(&view::plan::text(&plan, Paint(screen.style())));
            screen.print(&saved.judged_by());
            screen.print(&saved.overrides());
        }
        Err((messages, exit)) => {
            let failed = session::Failed { sources, messages };
            return session::fail(screen, as_json, &failed, exit);
        }
    }
    Exit::Done
}
