//! `mlo audit …`

use super::StateOf;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `mlo audit`
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Audit {
    /// List the records: what was decided and done, when and by whom
    #[command(after_help = "Examples:\n  mlo audit list\n  mlo audit list --json > audit.jsonl")]
    List(AuditList),
    /// Show one record in full, the last if none is named
    #[command(after_help = "Examples:\n  mlo audit show\n  mlo audit show 7 --json")]
    Show(AuditShow),
    /// Check that every record is as it was written, and that none is missing
    #[command(
        after_help = "Examples:\n  mlo audit verify\n  mlo audit verify --env prod --json\n  mlo audit verify --plan-document plan.json\n  mlo audit verify --head sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae\n\n`mlo apply --json` says the digest of the last record: keep it elsewhere, and `--head` finds out whether it is still there."
    )]
    Verify(AuditVerify),
}

/// `mlo audit list`
#[derive(Debug, Args)]
pub(in crate::cli) struct AuditList {
    #[command(flatten)]
    pub(in crate::cli) of: StateOf,
    /// Print the records as they are kept: a line of JSON each.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// `mlo audit show`
#[derive(Debug, Args)]
pub(in crate::cli) struct AuditShow {
    /// Its number.
    #[arg(value_name = "NUMBER")]
    pub(in crate::cli) sequence: Option<u64>,
    #[command(flatten)]
    pub(in crate::cli) of: StateOf,
    /// Print one JSON document.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// `mlo audit verify`
#[derive(Debug, Args)]
pub(in crate::cli) struct AuditVerify {
    #[command(flatten)]
    pub(in crate::cli) of: StateOf,
    /// The digest of a record that was kept elsewhere: it must still be among the records.
    #[arg(long, value_name = "DIGEST")]
    pub(in crate::cli) head: Option<String>,
    /// The document of a plan, as `mlo show PLAN --json` or `mlo apply --json` prints it: there must be a record about it.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) plan_document: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}
