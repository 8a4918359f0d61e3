//! What comes before what: a generic graph and its parallel walk, and the graph of a configuration.
//!
//! Goes in: a configuration and the addresses that the state knows. Comes out: nodes with their dependencies, without
//! cycles. Never happens: IO, evaluation, an edge per pair of instances.

mod build;
mod dag;
mod walk;

pub use build::{BlockRef, Graph, ModuleId, ModuleTree, Node, NodeId, build, build_partly};
pub use dag::{Cycle, Dag};
pub use walk::{Ended, Outcome, walk};
