//! The gate: manifests and a policy bundle to a verdict, and with it to a plan that may be applied.
//!
//! Goes in: a plan, the manifests as they were written, a [`Bundle`] of Rego and data, the name of the environment.
//! Comes out: an [`Approved`] plan, or a [`Denial`] that says rule, place and what to do. Never happens: an
//! `Approved` from anywhere but [`check`]; a gate that failed and let something through; IO but in `bundle`.
//!
//! - `bundle`    files to a bundle with a digest: the only door to the file system
//! - `scan`      what is refused in the text of a policy before it is parsed
//! - `gate`      Rego to findings: the only door to the engine
//! - `verdict`   findings to what people and records see
//! - `approved`  the one function that approves

mod approved;
mod bundle;
mod error;
mod gate;
mod scan;
mod verdict;

#[cfg(test)]
mod tests;

pub use approved::{Approved, Verdict, check};
pub use bundle::Bundle;
pub use error::PolicyError;
pub use gate::{Gate, Subject};
pub use verdict::{Decision, Denial, Evaluated, Evaluation, Level, Violation, Warning};
