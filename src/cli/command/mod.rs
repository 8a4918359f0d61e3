//! One file per command: options to calls to views.

pub(super) mod apply;
pub(super) mod approve;
pub(super) mod audit;
pub(super) mod console;
pub(super) mod destroy;
pub(super) mod explain;
pub(super) mod fmt;
pub(super) mod force_unlock;
pub(super) mod generate;
pub(super) mod get;
pub(super) mod graph;
pub(super) mod import;
pub(super) mod output;
pub(super) mod plan;
pub(super) mod policy;
pub(super) mod policy_process;
pub(super) mod providers;
pub(super) mod schema;
pub(super) mod show;
pub(super) mod state;
pub(super) mod test;
pub(super) mod validate;
pub(super) mod version;
