//! The `mlo` command.

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// Plans are made of very many small values: ADR 0013.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    mlo::cli::run(std::env::args_os()).into()
}
