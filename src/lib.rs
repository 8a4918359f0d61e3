//! `mlo` takes a model from a manifest to a governed, observable production endpoint, declaratively.
//!
//! The map, in reading order; `ARCHITECTURE.md` says what each may look at.

pub mod diag; // messages for people
pub mod sign; // signatures: who made a plan, who approved it
pub mod fetch; // packages from elsewhere
pub mod lang; // HCL text to values
pub mod manifest; // ModelDeployment YAML to a checked value with places
pub mod modules; // HCL that is built into the binary
pub mod provider; // what is out there: one trait, a folder per provider
pub mod graph; // what comes before what
pub mod plan; // what will be done, as a document
pub mod policy; // the gate: a plan to an approved plan or a denial
pub mod audit; // what was decided and done, as a chain of records
pub mod apply; // carries out an approved plan
pub mod test; // runs the tests of a configuration
pub mod cli; // the edge: arguments, terminal, clock, environment
