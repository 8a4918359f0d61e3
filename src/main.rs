//! The `mlo` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    mlo::cli::run(std::env::args_os()).into()
}
