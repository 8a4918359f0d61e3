//! The table, and what is made from it.

use super::schema_fits::fits;
use super::{expect_file, repository, shown};
use crate::diag::SourceMap;
use crate::manifest::schema::{self, Field, Shape, fields, json_schema, reference};
use crate::manifest::{Manifest, load, value_type};
use serde_json::Value as Json;
use std::collections::BTreeSet;

fn valid() -> Vec<Manifest> {
    let mut sources = SourceMap::new();
    let found = load(&repository().join("examples/valid"), "examples/valid", &mut sources);
    let (found, said) = found.unwrap_or_else(|errors| panic!("{}", shown(&errors, &sources)));
    assert!(said.is_empty());
    found.iter().cloned().collect()
}

#[test]
fn the_valid_examples_use_every_field() {
    let manifests = valid();
    let mut used = BTreeSet::new();
    for manifest in &manifests {
        gather("", &manifest.as_written(), &mut used);
    }
    let unused: Vec<_> =
        fields().into_iter().map(|(path, _)| path).filter(|path| !used.contains(path)).collect();
    assert_eq!(unused, Vec::<String>::new());
}

fn gather(path: &str, json: &Json, used: &mut BTreeSet<String>) {
    used.insert(path.trim_start_matches('.').to_owned());
    for (key, value) in json.as_object().into_iter().flatten() {
        gather(&format!("{path}.{key}"), value, used);
    }
    for item in json.as_array().into_iter().flatten() {
        gather(&format!("{path}[]"), item, used);
    }
}

#[test]
fn the_valid_examples_are_within_the_thresholds_of_governance() {
    for manifest in valid() {
        let json = manifest.as_written();
        let number = |path: &str| json.pointer(path).and_then(Json::as_f64);
        let name = manifest.name();
        assert!(number("/spec/metrics/accuracy").is_some_and(|value| value >= 0.85), "{name}");
        assert!(number("/spec/metrics/f1_score").is_some_and(|value| value >= 0.80), "{name}");
        assert!(
            number("/spec/fairness/demographic_parity").is_some_and(|value| value.abs() < 0.10),
            "{name}"
        );
        assert!(number("/spec/fairness/equalized_odds").is_none_or(|value| value.abs() < 0.10), "{name}");
        assert!(number("/spec/drift/score").is_some_and(|value| value < 0.30), "{name}");
        let sources = json.pointer("/spec/data_sources").and_then(Json::as_array).unwrap();
        assert!(
            !sources.is_empty() && sources.iter().all(|source| source["approved"] == Json::Bool(true)),
            "{name}"
        );
    }
}

#[test]
fn every_field_has_words_and_every_example_is_right() {
    for (path, field) in fields() {
        assert!(field.about.ends_with('.'), "{path} is described in sentences");
        let is_block =
            !field.shape.fields().is_empty() || matches!(field.shape, Shape::List(Shape::Object(_)));
        assert_eq!(field.example.is_empty(), is_block, "{path}: an example for what is not a block");
        let schema = schema_of(&path);
        if let Some(example) = schema.get("examples").and_then(|examples| examples.get(0)) {
            fits(example, schema, &path).unwrap();
        }
    }
}

/// The part of the JSON Schema for a path of the table.
fn schema_of(path: &str) -> &'static Json {
    let mut at: &'static Json = Box::leak(Box::new(json_schema()));
    for step in path
        .replace("[]", ".[]")
        .split('.')
        .collect::<Vec<_>>()
        .join("\u{0}")
        .replace("nvidia\0com", "nvidia.com")
        .split('\0')
    {
        let part = |schema: &'static Json| match step {
            "[]" => schema.get("items"),
            name => schema.get("properties").and_then(|properties| properties.get(name)),
        };
        let options = at.get("anyOf").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        at = part(at).or_else(|| options.iter().find_map(part)).unwrap_or_else(|| panic!("{path}: {step}"));
    }
    at
}

#[test]
fn the_json_schema_takes_the_valid_examples_and_refuses_wrong_ones() {
    let schema = json_schema();
    for manifest in valid() {
        fits(&manifest.as_written(), &schema, manifest.name()).unwrap();
    }
    let example = valid().into_iter().next().unwrap().as_written();
    for (pointer, value) in [
        ("/kind", Json::from("Foo")),
        ("/spec/model", serde_json::json!({"name": "m", "uri": "a"})),
        ("/spec/model/version", Json::from(2.1)),
        ("/spec/model/framework", Json::from("cobol")),
        ("/spec/metrics/accuracy", Json::from("0.9")),
        ("/spec/metrics/accuracy", Json::from(1.7)),
        ("/spec/metrics", Json::from(1)),
        ("/spec/drift", serde_json::json!({"scor": 1})),
    ] {
        let mut wrong = example.clone();
        *wrong.pointer_mut(pointer).unwrap() = value;
        assert!(fits(&wrong, &schema, "").is_err(), "{pointer}");
    }
}

#[test]
fn the_reference_is_up_to_date() {
    expect_file(&repository().join("docs/manifest.md"), &reference());
}

#[test]
fn open_maps_are_these_and_no_others() {
    let open =
        |(path, field): (String, &'static Field)| matches!(field.shape, Shape::Open(..)).then_some(path);
    let paths: Vec<_> = fields().into_iter().filter_map(open).collect();
    assert_eq!(
        paths,
        [
            "metadata.labels",
            "metadata.annotations",
            "spec.metrics",
            "spec.fairness",
            "spec.previous_version.metrics"
        ]
    );
}

#[test]
fn governed_values_are_these_and_no_others() {
    let governed: Vec<_> =
        fields().into_iter().filter(|(_, field)| field.governed).map(|(path, _)| path).collect();
    assert_eq!(
        governed,
        [
            "spec.model.framework",
            "spec.model.experiment_id",
            "spec.metrics",
            "spec.metrics.accuracy",
            "spec.metrics.f1_score",
            "spec.metrics.precision",
            "spec.metrics.recall",
            "spec.metrics.auc_roc",
            "spec.fairness",
            "spec.fairness.demographic_parity",
            "spec.fairness.equalized_odds",
            "spec.fairness.evaluation_date",
            "spec.fairness.protected_attributes",
            "spec.drift",
            "spec.drift.score",
            "spec.dependencies",
            "spec.data_sources",
            "spec.data_sources[].source",
            "spec.data_sources[].approved",
            "spec.previous_version.metrics",
            "spec.previous_version.metrics.accuracy",
            "spec.previous_version.metrics.f1_score",
            "spec.previous_version.metrics.precision",
            "spec.previous_version.metrics.recall",
            "spec.previous_version.metrics.auc_roc",
        ]
    );
}

#[test]
fn the_type_of_manifests_is_that_of_the_table() {
    let crate::lang::value::Type::Object(top) = value_type() else { panic!("an object") };
    let names: Vec<_> = top.keys().map(AsRef::as_ref).collect();
    assert_eq!(names, ["apiVersion", "artifact", "kind", "metadata", "spec"]);
    assert_eq!(schema::ROOT.len(), 4);
}
