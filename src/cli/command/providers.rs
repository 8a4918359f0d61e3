//! `mlo providers`

use crate::cli::args::{Global, Providers, ProvidersCommand};
use crate::cli::exit::Exit;
use crate::cli::screen::Screen;
use crate::cli::session;
use crate::cli::view::{json, providers};
use crate::graph::ModuleTree;

pub(in crate::cli) fn run(options: &Providers, _: &Global, screen: &mut Screen) -> Exit {
    if let Some(ProvidersCommand::Schema(_)) = options.command {
        screen.print_json(json::provider_schemas());
        return Exit::Done;
    }
    let (config, messages, sources) = match session::read_configuration(&options.configuration.source()) {
        Ok(read) => read,
        Err(failed) => return session::fail(screen, false, &failed, Exit::Error),
    };
    screen.report(&messages, &sources);
    let (path, backend) = (options.configuration.path.as_deref(), &options.configuration.backend);
    let snapshot = match session::read_state(path, backend, screen) {
        Ok(read) => read.snapshot,
        Err((failed, exit)) => return session::fail(screen, false, &failed, exit),
    };
    screen.print(&providers::required(&ModuleTree::new(&config), snapshot.as_ref()));
    Exit::Done
}
