//! `mlo` takes a model from a manifest to a governed, observable production endpoint, declaratively.
//!
//! The map, in reading order; `ARCHITECTURE.md` says what each may look at.

pub mod diag; // messages for people
pub mod lang; // HCL text to values
pub mod modules; // HCL that is built into the binary
pub mod provider; // what is out there
