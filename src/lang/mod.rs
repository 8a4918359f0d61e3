//! HCL text to values: what a user wrote, read and evaluated.
//!
//! Goes in: text with a [`SourceId`](crate::diag::SourceId), and the values that names stand for. Comes out: a
//! configuration with spans, and values that may hold unknowns and marks. Never happens: IO (but for the one file that
//! fetches modules), a panic on bad input, an error without its place.

pub mod config;
pub mod eval;
pub mod fetch;
pub mod format;
pub mod functions;
pub mod load;
pub mod mention;
pub mod reference;
pub mod scope;
pub mod suite;
pub mod syntax;
pub mod value;
pub mod write;
