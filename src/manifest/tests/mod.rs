//! Manifests in, messages or values out.

mod artifact;
mod cases;
mod forms;
mod load;
mod schema;
#[path = "../../../tests/support/schema.rs"]
mod schema_fits;
mod values;
mod yaml;

use super::{Manifest, Manifests, load_sources};
use crate::diag::{Diagnostics, SourceMap, Style, render};
use std::path::PathBuf;

/// The folder of the repository.
fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What one text gives.
fn read(text: &str) -> (Result<(Manifests, Diagnostics), Diagnostics>, SourceMap) {
    let mut sources = SourceMap::new();
    let source = sources.add("m.yaml", text);
    (load_sources([source], &sources), sources)
}

/// The manifest of a text that has exactly one and nothing to complain about.
fn one(text: &str) -> (Manifest, SourceMap) {
    let (found, sources) = read(text);
    let (found, said) = found.unwrap_or_else(|errors| panic!("{}", shown(&errors, &sources)));
    assert!(said.is_empty() && found.len() == 1, "{}", shown(&said, &sources));
    (found.into_iter().next().unwrap().clone(), sources)
}

/// The smallest manifest, with more lines under `spec`.
fn with(spec: &str) -> String {
    format!(
        "apiVersion: mlifecycle.io/v1\nkind: ModelDeployment\nspec:\n  model: {{ name: m, version: \"1.0.0\", uri: m.onnx }}\n{spec}"
    )
}

fn shown(said: &Diagnostics, sources: &SourceMap) -> String {
    let texts: Vec<_> = said.iter().map(|diagnostic| render(diagnostic, sources, Style::Plain)).collect();
    texts.join("\n")
}

/// Compares `actual` with a file; `MLO_UPDATE=1` writes the file instead, to be looked at before it is kept.
#[expect(clippy::disallowed_methods, reason = "a test that can renew its own expectation")]
fn expect_file(path: &std::path::Path, actual: &str) {
    if std::env::var("MLO_UPDATE").is_ok_and(|update| update == "1") {
        std::fs::write(path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n");
    assert_eq!(actual, expected, "{} is not up to date; MLO_UPDATE=1 renews it", path.display());
}
