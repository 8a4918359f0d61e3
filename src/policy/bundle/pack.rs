//! Files to those of a bundle that OPA reads too: rules as they are, data in one file, a manifest.
//!
//! Goes in: the files of a folder. Comes out: the files of the bundle. Never happens: two of the same content differ.

use super::manifest::FILE as MANIFEST;
use super::signature::SIGNATURES;
use super::{Bundle, Files, data, files};
use crate::policy::{PolicyError, waivers};
use serde_json::json;

/// What a bundle is made with.
#[derive(Debug, Clone, Default)]
pub struct Packing {
    /// What its manifest calls it.
    pub revision: Option<String>,
    /// The parts of `data` that are its own, such as `model/governance`; none: it may hold anything.
    pub roots: Vec<String>,
}

/// The files of a bundle. What a manifest among them says holds where `packing` says nothing.
pub fn pack(from: &Files, packing: &Packing) -> Result<Files, PolicyError> {
    let mut packed = Files::new();
    let mut whole = data::nothing();
    for (name, bytes) in from {
        if !files::belongs(name)? || name == MANIFEST || name == SIGNATURES {
            continue;
        }
        if files::extension(name) == "rego" || waivers::is_file(name) {
            packed.insert(name.clone(), bytes.clone());
            continue;
        }
        let text = files::text(bytes).map_err(|reason| super::unreadable(name, &reason))?;
        let under = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        data::merge(&mut whole, data::nest(under, data::read(name, &text)?), name)?;
    }
    whole.sort_all_objects();
    packed.insert("data.json".to_owned(), format!("{whole}\n").into_bytes());
    let said = Bundle::of(
        from.iter()
            .filter(|(name, _)| *name == MANIFEST)
            .map(|(name, bytes)| (name.clone(), bytes.clone()))
            .collect(),
    )?;
    let revision = packing.revision.as_deref().or(said.revision()).unwrap_or_default();
    let roots = if packing.roots.is_empty() { said.manifest.roots() } else { &packing.roots };
    let roots = if roots.is_empty() { vec![String::new()] } else { roots.to_vec() };
    let manifest = json!({ "revision": revision, "roots": roots, "rego_version": 1 });
    packed.insert(MANIFEST.to_owned(), format!("{manifest}\n").into_bytes());
    // What it says must hold.
    Bundle::of(packed.clone())?;
    Ok(packed)
}
