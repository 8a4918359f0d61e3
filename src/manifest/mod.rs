//! `ModelDeployment` YAML to a typed, checked value with places; its JSON Schema and its reference.
//!
//! Goes in: YAML files that nobody vouches for. Comes out: [`Manifests`] by name, every value with its place, or all
//! errors of all files at once. Never happens: a panic or unbounded work on bad input, a value that is changed on
//! its way to the policy, a document of ours that is ignored; IO but in `read` (YAML) and `artifact` (model files).
//!
//! - [`yaml`]    text to a tree with spans
//! - [`schema`]  the one table of fields; JSON Schema, type and reference are made from it
//! - `check`     tree and table to errors
//! - `document`  one manifest: names, places, its form as written; `value` its form in HCL
//! - `load`      files to manifests; `read` is its door to the file system
//! - `artifact`  the model that a manifest names

mod artifact;
mod check;
mod document;
mod load;
mod read;
pub mod schema;
mod value;
pub mod yaml;

pub use artifact::{Artifact, resolve};
pub(crate) use document::as_written;
pub use document::{Manifest, Manifests, NAMESPACE_DEFAULT};
pub use load::{load, load_sources, nothing_in};
pub use read::{bytes as read_bytes, text as read_text};
pub use schema::json_schema;
pub use value::value_type;

#[cfg(test)]
mod tests;
