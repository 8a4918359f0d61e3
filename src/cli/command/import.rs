//! `mlo import`

use super::generate;
use crate::cli::args::{Apply, Engine, Format, Import};
use crate::cli::exit::Exit;
use crate::cli::screen::Screen;
use crate::cli::session;

/// An apply that does nothing but take one object in: there is nothing to be asked.
pub(in crate::cli) fn run(options: &Import, screen: &mut Screen) -> Exit {
    let import = Some((options.address.clone(), options.id.clone()));
    let engine = Engine { import, ..options.apply.engine.clone() };
    if let Some(path) = &options.generate_config {
        let source = &options.apply.source;
        if let Err((failed, exit)) = generate::write(path, source, &engine, screen) {
            let json = source.format(&options.apply.shown) == Format::Json;
            return session::fail(screen, json, &failed, exit);
        }
    }
    super::apply::carry_out(&Apply { engine, auto_approve: true, ..options.apply.clone() }, false, screen)
}
