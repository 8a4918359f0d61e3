//! Commands that look at a configuration and change nothing.

use super::{Backend, Network, Policies, Source};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Where a configuration is, and what it needs to be read.
#[derive(Debug, Args)]
pub(in crate::cli) struct Configuration {
    /// The folder of the configuration, or one manifest.
    #[arg(value_name = "FOLDER|MANIFEST")]
    pub(in crate::cli) path: Option<PathBuf>,
    /// Set a variable: `--var name=value`. The last one counts.
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub(in crate::cli) vars: Vec<String>,
    /// Set variables from a file of `name = value` lines.
    #[arg(long = "var-file", value_name = "FILE")]
    pub(in crate::cli) var_files: Vec<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) network: Network,
    #[command(flatten)]
    pub(in crate::cli) backend: Backend,
}

impl Configuration {
    /// The same for what reads configurations.
    pub(in crate::cli) fn source(&self) -> Source {
        Source {
            path: self.path.clone(),
            vars: self.vars.clone(),
            var_files: self.var_files.clone(),
            policies: Policies::default(),
            json: false,
            network: self.network.clone(),
            backend: self.backend.clone(),
        }
    }
}

/// `mlo console`
#[derive(Debug, Args)]
pub(in crate::cli) struct Console {
    #[command(flatten)]
    pub(in crate::cli) configuration: Configuration,
}

/// `mlo graph`
#[derive(Debug, Args)]
pub(in crate::cli) struct Graph {
    #[command(flatten)]
    pub(in crate::cli) configuration: Configuration,
    /// What is drawn.
    #[arg(long = "type", value_enum, value_name = "TYPE", default_value_t = GraphType::Config)]
    pub(in crate::cli) of: GraphType,
    /// Draw the steps of a plan that was saved.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["of", "path"])]
    pub(in crate::cli) plan: Option<PathBuf>,
    /// In which form.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = GraphFormat::Dot)]
    pub(in crate::cli) format: GraphFormat,
}

/// What `mlo graph` draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum GraphType {
    /// The blocks of the configuration, and what they refer to.
    Config,
    /// The same as a plan walks it: also where modules begin and end.
    Plan,
    /// The steps of the next apply.
    Apply,
    /// The steps of a destroy.
    PlanDestroy,
}

/// The forms of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum GraphFormat {
    /// The language of Graphviz.
    Dot,
    /// A picture.
    Svg,
}

/// `mlo providers`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(in crate::cli) struct Providers {
    #[command(subcommand)]
    pub(in crate::cli) command: Option<ProvidersCommand>,
    #[command(flatten)]
    pub(in crate::cli) configuration: Configuration,
}

/// `mlo providers …`
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ProvidersCommand {
    /// Print the schemas of all providers, in the shape of Terraform's
    #[command(after_help = "Example:\n  mlo providers schema --json > schemas.json")]
    Schema(ProvidersSchema),
}

/// `mlo providers schema`
#[derive(Debug, Args)]
pub(in crate::cli) struct ProvidersSchema {
    /// Print one JSON document, as it does anyway.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}
