//! `mlo destroy`

use crate::cli::args::{Apply, Global};
use crate::cli::exit::Exit;
use crate::cli::screen::Screen;

pub(in crate::cli) fn run(options: &Apply, _: &Global, screen: &mut Screen) -> Exit {
    super::apply::carry_out(options, true, screen)
}
