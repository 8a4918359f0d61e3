//! `mlo validate`

use crate::cli::args::{Global, Validate};
use crate::cli::exit::Exit;
use crate::cli::screen::Screen;
use crate::cli::session::{self, Failed, Session};
use crate::cli::view::{Paint, json};

pub(in crate::cli) fn run(options: &Validate, _: &Global, screen: &mut Screen) -> Exit {
    let Failed { messages, sources } = check(options, screen).unwrap_or_else(|failed| failed);
    let exit = if messages.has_errors() { Exit::Error } else { Exit::Done };
    if options.source.json {
        screen.print_json(json::validation(&messages, &sources));
        return exit;
    }
    screen.report(&messages, &sources);
    if exit == Exit::Done {
        let paint = Paint(screen.style());
        screen.print(&format!("{} The configuration is valid.\n", paint.green("Success!")));
    }
    exit
}

/// All that there is to say, whether something is wrong or not.
fn check(options: &Validate, screen: &mut Screen) -> Result<Failed, Failed> {
    let (session, mut messages) = Session::open_partly(&options.source, screen)?;
    match session::runtime() {
        Ok(runtime) => messages.extend_elsewhere(runtime.block_on(session.check())),
        Err(said) => messages.extend(said),
    }
    messages.sort();
    Ok(Failed { messages, sources: session.sources })
}
