//! `ModelDeployment` YAML to a typed, checked value with places; its JSON Schema and its reference.
//!
//! Goes in: YAML files that nobody vouches for. Comes out: [`Manifests`] by name, every value with its place, or all
//! errors of all files at once. Never happens: a panic or unbounded work on bad input, a value that is changed on
//! its way to the policy, a document of ours that is ignored; IO but in `read` (YAML) and `artifact` (model files).
//!
//! - [`yaml`]    text to a tree with spans
//! - [`schema`]  the one table of fields; JSON Schema, type and reference are made from it
//! - `check`     tree and table to errors
//! - `document`  one manifest: names, places, its forms as a value and as written
//! - `load`      files to manifests; `read` is its door to the file system
//! - `artifact`  the model that a manifest names

mod document;
pub mod yaml;

pub use document::{Manifest, Manifests, NAMESPACE_DEFAULT};
