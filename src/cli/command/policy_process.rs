//! The process that evaluates policy: `mlo` itself, started with one argument that no command has.

use crate::cli::args::Source;
use crate::cli::exit::Exit;
use crate::cli::policies;
use crate::policy::{self, Bundle, Early, Evaluator, PolicyError, Program};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What makes this program that process. It is not for people, so it is in no help.
const ARGUMENT: &str = "__policy";

/// Variables without which a system starts no program.
const NEEDED: [&str; 1] = ["SystemRoot"];

/// The allocator takes memory piece by piece: what it merely sets aside would count against the limit of the process.
const PIECEMEAL: (&str, &str) = ("MIMALLOC_ARENA_EAGER_COMMIT", "0");

/// Whether the command line is that of the process.
pub(in crate::cli) fn is_asked_for(arguments: &[OsString]) -> bool {
    matches!(arguments, [_, argument] if argument == ARGUMENT)
}

/// Answers until nobody asks.
pub(in crate::cli) fn run() -> Exit {
    match policy::serve(std::io::stdin(), std::io::stdout()) {
        Ok(()) => Exit::Done,
        Err(_) => Exit::Error,
    }
}

/// Starts the processes for the policies that a command line names, if they are at hand, or for the built-in ones. What is
/// wrong with them is said when the whole of them is read.
pub(in crate::cli) fn start(source: &Source) -> Early {
    policies::at_hand(source).map(|bundles| Early::of(&bundles, evaluator)).unwrap_or_default()
}

/// Starts a process, and has it read the rules of a bundle.
pub(in crate::cli) fn evaluator(bundle: Bundle) -> Evaluator {
    Evaluator::start(program(), Ok(bundle))
}

/// How the process is started: from the file that runs now, even if another has taken its name since.
pub(in crate::cli) fn program() -> Result<Program, PolicyError> {
    let running = Path::new("/proc/self/exe");
    let path = if cfg!(target_os = "linux") && running.exists() {
        PathBuf::from(running)
    } else {
        let failed = |error: std::io::Error| PolicyError::NotStarted { reason: crate::diag::because(&error) };
        std::env::current_exe().map_err(failed)?
    };
    let needed = NEEDED.iter().filter(|_| cfg!(windows));
    let needed = needed.filter_map(|name| Some(((*name).into(), std::env::var_os(name)?)));
    let environment = needed.chain([(PIECEMEAL.0.into(), PIECEMEAL.1.into())]).collect();
    Ok(Program { path, arguments: vec![ARGUMENT.into()], environment })
}
