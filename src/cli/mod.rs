//! The edge: arguments, terminal, clock, environment. The only place that prints.
//!
//! Goes in: what the user typed. Comes out: text or JSON, and an exit code. Never happens: a decision about objects.

mod approval;
mod args;
mod audit;
mod backend;
mod command;
mod confirm;
mod discretion;
mod elsewhere;
mod environment;
mod exit;
mod file;
mod heartbeat;
mod interrupt;
mod judging;
mod lock;
mod packages;
mod places;
mod policies;
mod project;
mod report;
mod saved;
mod screen;
mod second;
mod secrets;
mod session;
mod variables;
mod vault;
mod view;

pub use exit::Exit;

use crate::diag::{Diagnostic, SourceMap, because, code};
use args::{Arguments, Command};
use screen::Screen;
use std::ffi::OsString;

/// Runs one command line, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<_> = arguments.into_iter().collect();
    if command::policy_process::is_asked_for(&arguments) {
        return command::policy_process::run();
    }
    let arguments = match Arguments::read(arguments) {
        Ok(arguments) => arguments,
        Err(exit) => return exit,
    };
    let mut screen = Screen::new(&arguments.global);
    if let Some(folder) = &arguments.global.chdir
        && let Err(error) = std::env::set_current_dir(folder)
    {
        let summary = format!("`--chdir {}` cannot be followed: {}", folder.display(), because(&error));
        let messages = Diagnostic::error(code::engine::FILE, summary).into();
        let failed = session::Failed { sources: SourceMap::new(), messages };
        return session::fail(&screen, arguments.command.wants_json(), &failed, Exit::Error);
    }
    match &arguments.command {
        Command::Validate(options) => command::validate::run(options, &arguments.global, &mut screen),
        Command::Plan(options) => command::plan::run(options, &arguments.global, &mut screen),
        Command::Apply(options) => command::apply::run(options, &arguments.global, &mut screen),
        Command::Approve(options) => command::approve::run(options, &mut screen),
        Command::Destroy(options) => command::destroy::run(options, &arguments.global, &mut screen),
        Command::Show(options) => command::show::run(options, &arguments.global, &mut screen),
        Command::Import(options) => command::import::run(options, &mut screen),
        Command::Audit(command) => command::audit::run(command, &mut screen),
        Command::State(command) => command::state::run(command, &mut screen),
        Command::Taint(options) => command::state::taint(options, &mut screen),
        Command::Untaint(options) => command::state::untaint(options, &mut screen),
        Command::ForceUnlock(options) => command::force_unlock::run(options, &mut screen),
        Command::Output(options) => command::output::run(options, &arguments.global, &mut screen),
        Command::Console(options) => command::console::run(options, &arguments.global, &mut screen),
        Command::Graph(options) => command::graph::run(options, &arguments.global, &mut screen),
        Command::Providers(options) => command::providers::run(options, &arguments.global, &mut screen),
        Command::Get(options) => command::get::run(options, &arguments.global, &mut screen),
        Command::Test(options) => command::test::run(options, &arguments.global, &mut screen),
        Command::Policy(command) => command::policy::run(command, &mut screen),
        Command::Fmt(options) => command::fmt::run(options, &arguments.global, &mut screen),
        Command::Schema(options) => command::schema::run(options, &mut screen),
        Command::Explain(options) => command::explain::run(options, &mut screen),
        Command::Version(options) => command::version::run(options, &mut screen),
        Command::ExitCodes => command::explain::exit_codes(&mut screen),
    }
}
