//! `mlo schema`

use crate::cli::args::{Schema, SchemaOf};
use crate::cli::exit::Exit;
use crate::cli::screen::Screen;

pub(in crate::cli) fn run(options: &Schema, screen: &mut Screen) -> Exit {
    match options.of {
        SchemaOf::Manifest => screen.print_json(crate::manifest::json_schema()),
        SchemaOf::PolicyInput => screen.print_json(crate::policy::input_schema()),
    }
    Exit::Done
}
