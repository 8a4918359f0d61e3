//! `mlo policy check`

use super::files::Files;
use crate::cli::args::PolicyCheck;
use crate::cli::command::policy_process;
use crate::cli::exit::Exit;
use crate::cli::screen::Screen;
use crate::cli::view::{Paint, json};
use crate::diag::{Diagnostics, SourceMap};
use crate::policy::{Loaded, PolicyError};

pub(in crate::cli) fn run(options: &PolicyCheck, screen: &mut Screen) -> Exit {
    let (messages, sources, count) = match check(options) {
        Ok((files, messages)) => (messages, files.sources, files.bundle.files().count()),
        Err(error) => (error.diagnostic().into(), SourceMap::new(), 0),
    };
    let exit = if messages.has_errors() { Exit::Error } else { Exit::Done };
    if options.json {
        screen.print_json(json::validation(&messages, &sources));
        return exit;
    }
    screen.report(&messages, &sources);
    if exit == Exit::Done {
        let paint = Paint(screen.style());
        let s = if count == 1 { "" } else { "s" };
        screen.print(&format!("{} {count} file{s}, nothing to say.\n", paint.green("Success!")));
    }
    exit
}

fn check(options: &PolicyCheck) -> Result<(Files, Diagnostics), PolicyError> {
    let files = Files::read(&options.paths, &options.network)?;
    let found = Loaded::check(&files.bundle, &policy_process::program()?)?;
    let mut messages = Diagnostics::new();
    for error in &found {
        messages.push(files.diagnostic(error));
    }
    Ok((files, messages))
}
