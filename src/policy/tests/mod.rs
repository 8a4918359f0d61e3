//! The gate, seen from outside: the policies that we ship, the defects that others had, and what a broken policy does.

mod broken;
mod bundles;
mod compliance;
mod deployment;
mod examples;
mod opa;
mod rego;
mod report;
mod rules;
#[path = "../../../tests/support/tools.rs"]
mod tools;
mod waived;

use super::*;
use crate::diag::{SourceMap, Style, render};
use crate::manifest::{Manifest, Manifests, load};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A place in the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The gate with our own bundle.
fn gate(environment: &str) -> Gate {
    Gate::new(&Bundle::builtin().unwrap(), environment).unwrap()
}

/// The gate with our own rules and other data under `mlo`.
fn gate_with(environment: &str, mlo: &Json) -> Gate {
    let rules = std::fs::read_to_string(repository("policies/model-governance.rego")).unwrap();
    let data = json!({ "mlo": mlo }).to_string();
    let files = [("model-governance.rego".to_owned(), rules), ("data.json".to_owned(), data)];
    Gate::new(&Bundle::from_files(files.into()).unwrap(), environment).unwrap()
}

/// A bundle of one policy file.
fn bundle(rego: &str) -> Bundle {
    Bundle::from_files([("policy.rego".to_owned(), rego.to_owned())].into()).unwrap()
}

/// The verdict on one manifest.
fn judge(gate: &mut Gate, manifest: Json) -> Result<Decision, Box<Denial>> {
    gate.decide(&[Subject { name: "model", manifest, place: &|_| None }], None)
}

/// The manifests in a folder or file of the repository.
fn manifests(path: &str, sources: &mut SourceMap) -> Manifests {
    match load(&repository(path), path, sources) {
        Ok((manifests, _)) => manifests,
        Err(errors) => {
            let errors: String = errors.iter().map(|error| render(error, sources, Style::Plain)).collect();
            panic!("{errors}");
        }
    }
}

/// The verdict on one manifest of a file.
fn judge_manifest(gate: &mut Gate, manifest: &Manifest) -> Result<Decision, Box<Denial>> {
    let place = |path: &str| Some(manifest.span_of(path));
    gate.decide(&[Subject { name: manifest.name(), manifest: manifest.as_written(), place: &place }], None)
}

/// A manifest that every rule lets through, in `dev`.
fn good() -> Json {
    json!({
        "apiVersion": "mlifecycle.io/v1",
        "kind": "ModelDeployment",
        "metadata": { "name": "fraud-detector", "namespace": "ml-inference" },
        "spec": {
            "model": {
                "name": "fraud-detector", "version": "2.1.0", "uri": "s3://models/fraud-detector",
                "framework": "pytorch", "experiment_id": "exp-42",
            },
            "metrics": { "accuracy": 0.92, "f1_score": 0.89, "precision": 0.9 },
            "fairness": { "demographic_parity": 0.05, "equalized_odds": 0.06 },
            "drift": { "score": 0.05, "reference_date": "2026-10-01" },
            "dependencies": ["torch>=2.0.0", "numpy"],
            "data_sources": [{ "source": "transactions-prod", "approved": true }],
            "inference": { "resources": { "limits": { "memory": "1Gi" } }, "autoscaling": { "minReplicas": 1 } },
            "training": { "sample_size": 5000 },
            "monitoring": { "enabled": true },
        },
    })
}

/// A manifest with another value at a JSON pointer, or without it.
fn with(mut manifest: Json, pointer: &str, value: Option<Json>) -> Json {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = manifest.pointer_mut(parent).unwrap();
    match (parent, value) {
        (Json::Object(entries), Some(value)) => drop(entries.insert(key.to_owned(), value)),
        (Json::Object(entries), None) => drop(entries.remove(key)),
        (Json::Array(items), Some(value)) => items[key.parse::<usize>().unwrap()] = value,
        (Json::Array(items), None) => drop(items.remove(key.parse::<usize>().unwrap())),
        _ => panic!("{pointer} is in neither a map nor a list"),
    }
    manifest
}
