//! The model that a manifest names.

use super::{one, with};
use crate::diag::{Style, render};
use crate::manifest::resolve;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

/// The smallest thing that is an ONNX model: a version, an operator set and an empty graph with a name.
fn onnx() -> Vec<u8> {
    let graph = [0x12, 1, b'g']; // name
    let opset = [0x10, 15]; // version
    let mut model = vec![0x08, 8]; // ir_version
    model.extend([0x3a, 3]);
    model.extend(graph);
    model.extend([0x42, 2]);
    model.extend(opset);
    model
}

fn put(folder: &Path, name: &str, content: &[u8]) {
    std::fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
    File::create(folder.join(name)).unwrap().write_all(content).unwrap();
}

/// What resolving gives: the file as shown, or the message.
fn outcome(folder: &Path, model: &str) -> String {
    let (manifest, sources) = one(&with("").replace("uri: m.onnx", model));
    match resolve(&manifest, folder, folder) {
        Ok(artifact) => artifact.shown,
        Err(errors) => {
            let texts: Vec<_> = errors.iter().map(|error| render(error, &sources, Style::Plain)).collect();
            texts.concat()
        }
    }
}

#[test]
fn a_model_is_a_file_or_the_one_onnx_file_of_a_folder() {
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().join("project");
    put(&folder, "model.onnx", &onnx());
    put(&folder, "one/a.onnx", &onnx());
    put(&folder, "one/readme.md", b"");
    put(&folder, "two/a.onnx", &onnx());
    put(&folder, "two/b.onnx", &onnx());
    put(&folder, "none/readme.md", b"");
    put(&folder, "text.onnx", b"not a model");
    put(outside.path(), "outside.onnx", &onnx());
    for (model, expected) in [
        ("uri: model.onnx", "model.onnx"),
        ("uri: ./one", "one/a.onnx"),
        ("uri: file:one/a.onnx", "one/a.onnx"),
        ("uri: absent.onnx", "error[MLO2014]: there is no model at `absent.onnx`"),
        (
            "uri: two",
            "error[MLO2014]: the folder `two` holds 2 `.onnx` files, and one is needed: a.onnx, b.onnx",
        ),
        ("uri: none", "error[MLO2014]: the folder `none` holds no `.onnx` file"),
        ("uri: text.onnx", "error[MLO2015]: the model of `m` cannot be used: "),
        ("uri: ../outside.onnx", "error[MLO2014]: "),
        ("uri: s3://bucket/model", "error[MLO2017]: models from `s3:` are not supported yet by this version"),
        (
            "uri: models:/iris/1",
            "error[MLO2017]: models from `models:` are not supported yet by this version",
        ),
    ] {
        let outcome = outcome(&folder, model);
        assert!(outcome.starts_with(expected), "{model}: {outcome}");
        if expected.starts_with("error") {
            assert!(outcome.contains(" --> m.yaml:4:") && outcome.contains("help: "), "{model}: {outcome}");
        }
    }
}

#[test]
fn another_file_than_the_pinned_one_is_refused_with_both_digests() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "m.onnx", &onnx());
    let (manifest, _) = one(&with(""));
    let digest = resolve(&manifest, folder.path(), folder.path()).unwrap().facts.digest;
    let digest = digest.trim_start_matches("sha256:").to_owned();
    assert_eq!(outcome(folder.path(), &format!("uri: m.onnx, sha256: {digest}")), "m.onnx");
    assert_eq!(outcome(folder.path(), &format!("uri: m.onnx, sha256: \"sha256:{digest}\"")), "m.onnx");
    let wrong = "0".repeat(64);
    let said = outcome(folder.path(), &format!("uri: m.onnx, sha256: \"{wrong}\""));
    assert!(said.starts_with("error[MLO2016]: `m.onnx` is not the model that `m` pins\n"), "{said}");
    assert!(
        said.contains(&format!("pinned: sha256:{wrong}"))
            && said.contains(&format!("found:  sha256:{digest}")),
        "{said}"
    );
}

#[test]
fn the_artifact_is_part_of_the_value() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "m.onnx", &onnx());
    let (manifest, _) = one(&with(""));
    let artifact = resolve(&manifest, folder.path(), folder.path()).unwrap();
    let value = manifest.to_value(Some(&artifact));
    let value = value.get("artifact").unwrap();
    assert_eq!(value.get("sha256").unwrap().as_str().unwrap().len(), 64);
    assert_eq!(value.get("opset").unwrap().as_number().unwrap().as_i64(), Some(15));
    assert_eq!(
        value.get("size_bytes").unwrap().as_number().unwrap().as_i64(),
        i64::try_from(onnx().len()).ok()
    );
    assert!(Path::new(value.get("path").unwrap().as_str().unwrap()).is_absolute());
}
