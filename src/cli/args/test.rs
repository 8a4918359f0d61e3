//! What `mlo test` takes.

use super::Source;
use clap::Args;
use std::path::PathBuf;

/// `mlo test`
#[derive(Debug, Args)]
pub(in crate::cli) struct Test {
    #[command(flatten)]
    pub(in crate::cli) source: Source,
    /// Run only this file of tests, named as the output names it. Can be given several times.
    #[arg(long = "filter", value_name = "FILE")]
    pub(in crate::cli) filters: Vec<PathBuf>,
    /// Show the plan, or the state, of each run.
    #[arg(long)]
    pub(in crate::cli) verbose: bool,
    /// Write a report in the `JUnit` form to this file too.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) junit_xml: Option<PathBuf>,
    /// The folder of the tests, in the configuration's. [default: tests]
    #[arg(long = "test-directory", value_name = "FOLDER")]
    pub(in crate::cli) directory: Option<PathBuf>,
    /// Operations at a time.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(in crate::cli) parallelism: u16,
}
