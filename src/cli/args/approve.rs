//! `mlo approve`, and what signs.

use super::{Backend, Network, Source};
use clap::Args;
use std::path::PathBuf;

/// A key to sign with.
#[derive(Debug, Default, Clone, Args)]
pub(in crate::cli) struct Signing {
    /// Sign with this key, as `ssh-keygen -t ed25519` made it. The variable may hold what stands in the file.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) signing_key: Option<String>,
}

/// `mlo approve`
#[derive(Debug, Args)]
pub(in crate::cli) struct Approve {
    /// The saved plan.
    pub(in crate::cli) plan: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) signing: Signing,
    /// Do not ask.
    #[arg(long = "auto-approve")]
    pub(in crate::cli) unasked: bool,
    /// Print one JSON document: the approval, and the plan that it is of.
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) network: Network,
    #[command(flatten)]
    pub(in crate::cli) backend: Backend,
}

impl Approve {
    /// The same for what reads configurations.
    pub(in crate::cli) fn source(&self) -> Source {
        Source { network: self.network.clone(), backend: self.backend.clone(), ..Source::default() }
    }
}
