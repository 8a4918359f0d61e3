//! `mlo import`

use crate::cli::args::{Apply, Engine, Import};
use crate::cli::exit::Exit;
use crate::cli::screen::Screen;

/// An apply that does nothing but take one object in: there is nothing to be asked.
pub(in crate::cli) fn run(options: &Import, screen: &mut Screen) -> Exit {
    let import = Some((options.address.clone(), options.id.clone()));
    let engine = Engine { import, ..options.apply.engine.clone() };
    super::apply::carry_out(&Apply { engine, auto_approve: true, ..options.apply.clone() }, false, screen)
}
