//! The manifest of the Iris example declares what its script measured, of the model that lies beside it.

use std::path::Path;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::repository::Repository;

const MANIFEST: &str = "examples/iris/iris.yaml";
const MEASURED: &str = "examples/iris/metrics.json";
const MODEL: &str = "examples/iris/model/iris.onnx";

/// The figures of the sections that the manifest must repeat, in which it differs from what was measured.
fn differences(manifest: &str, measured: &Value) -> Vec<String> {
    let sections = ["metrics", "fairness", "drift"].map(|name| measured[name].as_object());
    let figures = sections.into_iter().flatten().flatten();
    let different = figures
        .filter(|(name, value)| declared(manifest, name).and_then(|v| v.parse().ok()) != value.as_f64());
    different
        .map(|(name, value)| format!("{name}: measured {value}, declared {:?}", declared(manifest, name)))
        .collect()
}

/// The scalar of the one key of this name.
fn declared<'a>(manifest: &'a str, name: &str) -> Option<&'a str> {
    let prefix = format!("{name}:");
    let value = manifest.lines().find_map(|line| line.trim_start().strip_prefix(&prefix))?;
    value.split('#').next().map(str::trim)
}

#[test]
fn the_manifest_declares_what_was_measured() {
    let this = Repository::this();
    let measured: Value = serde_json::from_str(this.text(MEASURED)).unwrap();
    assert_eq!(differences(this.text(MANIFEST), &measured), [""; 0]);

    let model = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(MODEL)).unwrap();
    let digest: String =
        Sha256::digest(model).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    assert_eq!(measured["sha256"], digest.as_str(), "{MEASURED} is of another model");
    assert_eq!(
        declared(this.text(MANIFEST), "sha256"),
        Some(digest.as_str()),
        "{MANIFEST} is of another model"
    );
}

#[test]
fn another_figure_than_the_measured_one_is_found() {
    let measured =
        serde_json::json!({ "metrics": { "accuracy": 0.9667, "recall": 0.9 }, "drift": { "score": 0.0 } });
    let manifest = "metrics:\n  accuracy: 0.99 # rounded\n  recall: 0.90\n";
    assert_eq!(
        differences(manifest, &measured),
        ["accuracy: measured 0.9667, declared Some(\"0.99\")", "score: measured 0.0, declared None"]
    );
}
