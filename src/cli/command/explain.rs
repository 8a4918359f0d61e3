//! `mlo explain`, `mlo help exit-codes`

use crate::cli::args::Explain;
use crate::cli::exit::Exit;
use crate::cli::screen::Screen;
use crate::diag::{Code, Diagnostic, SourceMap, code};

/// What the numbers mean.
pub(in crate::cli) const EXIT_CODES: &str = "\
What the exit codes mean

    0  done; no changes; clean
    1  an error, wrong use of the command line included
    2  only with --detailed-exitcode: there are changes
    3  denied by policy; nothing was changed. With fmt --check: a file is not in the canonical layout
    4  the saved plan is stale or of another state
    5  the state is locked by another run, and --lock-timeout is over
    6  an object could not be read, so there is no clean verdict
    7  applied, found unhealthy, and rolled back
  129, 130, 143  interrupted by SIGHUP, SIGINT, SIGTERM; the lock was given back";

pub(in crate::cli) fn run(options: &Explain, screen: &mut Screen) -> Exit {
    if let Some(code) = Code::find(&options.code) {
        screen.print(&format!("{}: {}\n\n{}\n", code.id, code.title, code.explanation));
        return Exit::Done;
    }
    let known = Code::all().map(|code| code.id);
    let message = Diagnostic::error(code::engine::USAGE, format!("there is no code `{}`", options.code));
    screen.report_one(&message.did_you_mean(&options.code, known), &SourceMap::new());
    Exit::Error
}

pub(in crate::cli) fn exit_codes(screen: &mut Screen) -> Exit {
    screen.print(&format!("{EXIT_CODES}\n"));
    Exit::Done
}
