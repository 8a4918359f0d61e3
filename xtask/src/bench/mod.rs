//! Time and memory of whole processes: `cargo xtask bench NAME`. Figures go to the screen; none is asserted.
//!
//! A bench is a module of its own and a row of [`BENCHES`]. It gets a release build and an empty folder, runs
//! programs by [`child::median`], and prints a [`table::Table`].

mod child;
mod engine;
mod lang;
mod policy;
mod serve;
mod shapes;
mod table;
mod terraform;

use std::fs;
use std::path::PathBuf;

use crate::cache::Cache;
use crate::failure::Failure;
use crate::workspace::{Profile, Workspace};

/// One bench, as it is called on the command line.
struct Bench {
    name: &'static str,
    about: &'static str,
    /// What is built for it.
    packages: &'static [&'static str],
    run: fn(&Place<'_>) -> Result<(), Failure>,
}

const BENCHES: &[Bench] = &[
    Bench {
        name: "lang",
        about: "parse, decode and evaluate thousands of resources, beside Terraform",
        packages: &["mlo"],
        run: lang::run,
    },
    Bench {
        name: "engine",
        about: "plan and apply thousands of resources in three shapes, beside Terraform",
        packages: &["mlo"],
        run: engine::run,
    },
    Bench {
        name: "policy",
        about: "evaluate 20 rules over a plan of 1,000, beside opa, and what the gate adds to a plan",
        packages: &["mlo"],
        run: policy::run,
    },
    Bench {
        name: "serve",
        about: "predictions under load, beside a loop of ONNX Runtime, FastAPI and MLServer",
        packages: &["mlo-runtime"],
        run: serve::run,
    },
    Bench {
        name: "serve-strain",
        about: "predictions at twice what can be answered, and a million of them: times, refusals, memory",
        packages: &["mlo-runtime"],
        run: serve::run_under_strain,
    },
    Bench {
        name: "serve-gpu",
        about: "the same on an NVIDIA GPU: throughput beside a loop with CUDA, memory of the GPU",
        packages: &["mlo-runtime"],
        run: serve::run_on_gpu,
    },
];

/// What a bench works with.
pub(crate) struct Place<'c> {
    /// The first package's program, of a release build.
    program: PathBuf,
    /// Empty, and the bench's own: below `target/`, and left there to be looked at.
    folder: PathBuf,
    /// What was obtained.
    cache: &'c Cache,
}

/// The benches, one a line: name and what it measures.
pub(crate) fn list() -> String {
    let lines: Vec<_> =
        BENCHES.iter().map(|bench| format!("  bench {:12} {}\n", bench.name, bench.about)).collect();
    lines.concat()
}

/// Whether there is such a bench.
pub(crate) fn is_bench(name: &str) -> bool {
    BENCHES.iter().any(|bench| bench.name == name)
}

/// Builds for release and runs the bench called `name`.
pub(crate) fn run(workspace: &Workspace, cache: &Cache, name: &str) -> Result<(), Failure> {
    let Some(bench) = BENCHES.iter().find(|bench| bench.name == name) else {
        return Err(Failure::new(format!("no bench is called `{name}`")).mend(list()));
    };
    let program = workspace.build(bench.packages, Profile::Release)?;
    let folder = workspace.root().join("target/bench").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| Failure::io("emptying", &folder, &error))?;
    }
    fs::create_dir_all(&folder).map_err(|error| Failure::io("making", &folder, &error))?;
    println!("{}", child::pin()?);
    (bench.run)(&Place { program, folder, cache })
}
