//! `mlo policy …`

mod bundle;
mod check;
mod eval;
mod explain;
mod files;
mod new;
mod test;

use crate::cli::args::Policy;
use crate::cli::exit::Exit;
use crate::cli::screen::Screen;

pub(in crate::cli) fn run(command: &Policy, screen: &mut Screen) -> Exit {
    match command {
        Policy::Test(options) => test::run(options, screen),
        Policy::Eval(options) => eval::run(options, screen),
        Policy::Check(options) => check::run(options, screen),
        Policy::Explain(options) => explain::run(options, screen),
        Policy::New(options) => new::run(options, screen),
        Policy::Bundle(command) => bundle::run(command, screen),
    }
}
