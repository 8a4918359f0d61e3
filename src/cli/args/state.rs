//! `mlo state …`, `mlo taint`, `mlo untaint`.

use super::Backend;
use super::run::duration;
use crate::plan::AddressPattern;
use clap::{Args, Subcommand};
use mlo_state::Address;
use std::path::PathBuf;

/// `mlo state`
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum State {
    /// List the addresses of all objects, or of those in a module or block
    #[command(after_help = "Examples:\n  mlo state list\n  mlo state list module.a 'local_file.b[0]'")]
    List(StateList),
    /// Show one object
    #[command(after_help = "Example:\n  mlo state show 'module.a[\"k\"].local_file.b'")]
    Show(StateShow),
    /// Give objects another address: an instance, a block with all its instances, or a module
    #[command(
        after_help = "Examples:\n  mlo state mv local_file.a local_file.b\n  mlo state mv module.a 'module.b[\"k\"]' --dry-run"
    )]
    Mv(StateMv),
    /// Forget objects without destroying them
    #[command(
        after_help = "Examples:\n  mlo state rm local_file.a module.b --dry-run\n  mlo state rm --pending local_command.a"
    )]
    Rm(StateRm),
    /// Have the objects of one provider configuration kept by another
    #[command(after_help = "Example:\n  mlo state replace-provider local.west local.east --dry-run")]
    ReplaceProvider(StateReplaceProvider),
    /// List the serials that are kept: when, by whom and for what each was written
    #[command(after_help = "Example:\n  mlo state history")]
    History(StateKept),
    /// Show what changed from one serial to another, or to the present state
    #[command(after_help = "Examples:\n  mlo state diff 3\n  mlo state diff 3 5")]
    Diff(StateDiff),
    /// Write an earlier serial again, as a new one: shows what changes by that, and asks
    #[command(after_help = "Example:\n  mlo state restore 3")]
    Restore(StateRestore),
    /// Check that the state, its journal and all serials that are kept are whole and belong together
    #[command(after_help = "Example:\n  mlo state verify")]
    Verify(StateKept),
    /// Make a damaged state again from its history and journals: shows what that gives and what is lost, and asks
    #[command(after_help = "Example:\n  mlo state repair")]
    Repair(StateRepair),
    /// Seal the state with the first key that is configured
    #[command(after_help = "Examples:\n  mlo state rekey\n  mlo state rekey --from-clear")]
    Rekey(StateRekey),
    /// Print the state's file
    #[command(after_help = "Example:\n  mlo state pull > state.json")]
    Pull(StatePull),
    /// Put a state that `mlo state pull` printed in the place of the present one
    #[command(after_help = "Examples:\n  mlo state push state.json\n  mlo state push - < state.json")]
    Push(StatePush),
    /// Take the state to another place, with its history and what is open
    #[command(
        after_help = "Examples:\n  mlo state migrate --from .mlo/state\n  mlo state migrate --env prod --from-env default\n  mlo state migrate --from 's3://old/key?region=eu-west-1' --to 's3://new/key?region=eu-west-1'"
    )]
    Migrate(StateMigrate),
    /// Take the objects and outputs of a state of Terraform into a state that is empty
    #[command(
        after_help = "Examples:\n  terraform state pull > terraform.tfstate\n  mlo state import-terraform terraform.tfstate\n  mlo state import-terraform terraform.tfstate --skip-unknown --auto-approve"
    )]
    ImportTerraform(StateImportTerraform),
}

/// Whose state it is.
#[derive(Debug, Args)]
pub(in crate::cli) struct StateOf {
    /// The folder or the manifest whose state it is, where it is not this folder.
    #[arg(long, value_name = "FOLDER|MANIFEST")]
    pub(in crate::cli) from: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) backend: Backend,
}

/// Whose state is changed, and how.
#[derive(Debug, Args)]
pub(in crate::cli) struct StateChange {
    #[command(flatten)]
    pub(in crate::cli) of: StateOf,
    /// Wait so long for another run's lock: `30s`, `5m`.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub(in crate::cli) lock_timeout: std::time::Duration,
}

/// `mlo state migrate`
#[derive(Debug, Args)]
pub(in crate::cli) struct StateMigrate {
    /// Where the state is: a folder, or `s3://bucket/key?region=…`. By default where this project had it.
    #[arg(long, value_name = "PLACE")]
    pub(in crate::cli) from: Option<String>,
    /// Where it goes. By default where the configuration says.
    #[arg(long, value_name = "PLACE")]
    pub(in crate::cli) to: Option<String>,
    /// Whose state it is there, if not that of the same environment: `default` is the state without environments.
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) from_env: Option<String>,
    /// Take a state that is in clear there, or sealed with the key that was made in the project, though a key is configured.
    #[arg(long)]
    pub(in crate::cli) from_clear: bool,
    /// The folder of the configuration, or one manifest, where it is not this folder.
    #[arg(long, value_name = "FOLDER|MANIFEST")]
    pub(in crate::cli) of: Option<PathBuf>,
    /// Do not ask.
    #[arg(long)]
    pub(in crate::cli) auto_approve: bool,
    /// Wait so long for another run's lock: `30s`, `5m`.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub(in crate::cli) lock_timeout: std::time::Duration,
    #[command(flatten)]
    pub(in crate::cli) backend: Backend,
}

/// `mlo force-unlock`
#[derive(Debug, Args)]
pub(in crate::cli) struct ForceUnlock {
    /// Only if this is the lock, as the message about it said.
    #[arg(value_name = "LOCK_ID")]
    pub(in crate::cli) lock_id: Option<String>,
    /// Do not ask.
    #[arg(long)]
    pub(in crate::cli) force: bool,
    #[command(flatten)]
    pub(in crate::cli) of: StateOf,
}

/// `mlo state list`
#[derive(Debug, Args)]
pub(in crate::cli) struct StateList {
    /// Only objects in these modules, blocks and instances.
    #[arg(value_name = "ADDRESS")]
    pub(in crate::cli) within: Vec<AddressPattern>,
    /// Only objects whose attribute `id` is this.
    #[arg(long)]
    pub(in crate::cli) id: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) of: StateOf,
}

/// `mlo state show`
#[derive(Debug, Args)]
pub(in crate::cli) struct StateShow {
    /// The object.
    pub(in crate::cli) address: Address,
    /// Mask nothing: show what is sensitive too.
    #[arg(long)]
    pub(in crate::cli) show_sensitive: bool,
    #[command(flatten)]
    pub(in crate::cli) of: StateOf,
}

/// `mlo state mv`
#[derive(Debug, Args)]
pub(in crate::cli) struct StateMv {
    /// What moves.
    pub(in crate::cli) source: AddressPattern,
    /// Where it goes.
    pub(in crate::cli) destination: AddressPattern,
    /// Only say what would move.
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    #[command(flatten)]
    pub(in crate::cli) change: StateChange,
}

/// `mlo state rm`
#[derive(Debug, Args)]
pub(in crate::cli) struct StateRm {
    /// What is forgotten.
    #[arg(value_name = "ADDRESS", required = true)]
    pub(in crate::cli) addresses: Vec<AddressPattern>,
    /// Give up what an earlier run left open, too: what it may have made is not looked for any more
    #[arg(long)]
    pub(in crate::cli) pending: bool,
    /// Only say what would be forgotten.
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    #[command(flatten)]
    pub(in crate::cli) change: StateChange,
}

/// `mlo state replace-provider`
#[derive(Debug, Args)]
pub(in crate::cli) struct StateReplaceProvider {
    /// The configuration that keeps them, as the state has it: `local`, `local.west`, `module.a.local`.
    #[arg(value_name = "FROM")]
    pub(in crate::cli) from_provider: String,
    /// The configuration that keeps them from now on.
    pub(in crate::cli) to: String,
    /// Only say what would change.
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    #[command(flatten)]
    pub(in crate::cli) change: StateChange,
}

/// `mlo state pull`
#[derive(Debug, Args)]
pub(in crate::cli) struct StatePull {
    #[command(flatten)]
    pub(in crate::cli) of: StateOf,
}

/// `mlo state push`
#[derive(Debug, Args)]
pub(in crate::cli) struct StatePush {
    /// The file; `-` is standard input.
    pub(in crate::cli) file: PathBuf,
    /// Also if it is of another lineage or older than the present one.
    #[arg(long)]
    pub(in crate::cli) force: bool,
    #[command(flatten)]
    pub(in crate::cli) change: StateChange,
}

/// `mlo state history`, `mlo state verify`
#[derive(Debug, Args)]
pub(in crate::cli) struct StateKept {
    #[command(flatten)]
    pub(in crate::cli) of: StateOf,
}

/// `mlo state diff`
#[derive(Debug, Args)]
pub(in crate::cli) struct StateDiff {
    /// The serial to begin from.
    pub(in crate::cli) serial: u64,
    /// The serial to end at; the present state where none is given.
    #[arg(value_name = "SERIAL")]
    pub(in crate::cli) to: Option<u64>,
    /// Mask nothing: show what is sensitive too.
    #[arg(long)]
    pub(in crate::cli) show_sensitive: bool,
    #[command(flatten)]
    pub(in crate::cli) of: StateOf,
}

/// `mlo state restore`
#[derive(Debug, Args)]
pub(in crate::cli) struct StateRestore {
    /// The serial to write again.
    pub(in crate::cli) serial: u64,
    /// Do not ask.
    #[arg(long)]
    pub(in crate::cli) auto_approve: bool,
    #[command(flatten)]
    pub(in crate::cli) change: StateChange,
}

/// `mlo state repair`
#[derive(Debug, Args)]
pub(in crate::cli) struct StateRepair {
    /// Do not ask.
    #[arg(long)]
    pub(in crate::cli) auto_approve: bool,
    #[command(flatten)]
    pub(in crate::cli) change: StateChange,
}

/// `mlo state rekey`
#[derive(Debug, Args)]
pub(in crate::cli) struct StateRekey {
    /// Take a state that is in clear, or sealed with the key that was made in the project, after showing which it is.
    #[arg(long)]
    pub(in crate::cli) from_clear: bool,
    /// Do not ask about that.
    #[arg(long)]
    pub(in crate::cli) auto_approve: bool,
    #[command(flatten)]
    pub(in crate::cli) change: StateChange,
}

/// `mlo state import-terraform`
#[derive(Debug, Args)]
pub(in crate::cli) struct StateImportTerraform {
    /// The state; `-` is standard input.
    pub(in crate::cli) file: PathBuf,
    /// Leave out what there is no type for.
    #[arg(long)]
    pub(in crate::cli) skip_unknown: bool,
    /// Do not ask.
    #[arg(long)]
    pub(in crate::cli) auto_approve: bool,
    #[command(flatten)]
    pub(in crate::cli) change: StateChange,
}

/// `mlo taint`, `mlo untaint`
#[derive(Debug, Args)]
pub(in crate::cli) struct StateInstance {
    /// The object.
    pub(in crate::cli) address: Address,
    #[command(flatten)]
    pub(in crate::cli) change: StateChange,
}
