//! Arguments to the server, its answer to the exit code; nothing else.

use std::process::ExitCode;

use mlo_runtime::{Options, Surroundings};

fn main() -> ExitCode {
    match Options::of_process() {
        Ok(options) => mlo_runtime::run(options, Surroundings::of_process()),
        Err(message) => {
            let failed = message.use_stderr();
            // Where even this cannot be shown there is nowhere to say so.
            let _ = message.print();
            if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
    }
}
