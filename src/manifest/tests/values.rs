//! A manifest as a value, as written, and its places.

use super::{one, read, repository, with};
use crate::diag::SourceMap;
use crate::lang::value::{Type, Value};
use crate::manifest::{Manifest, load, value_type};
use serde_json::{Value as Json, json};

fn fraud_detector() -> (Manifest, SourceMap) {
    let mut sources = SourceMap::new();
    let path = repository().join("examples/valid/fraud-detector.yaml");
    let (found, _) = load(&path, "fraud-detector.yaml", &mut sources).unwrap();
    (found.get("fraud-detector").unwrap().clone(), sources)
}

/// Whether a value is of a type, where [`Type::Any`] takes all and null is of every type.
fn is_of(value: &Value, ty: &Type) -> bool {
    match ty {
        _ if value.is_null() => true,
        Type::Any => true,
        Type::Object(fields) => value.as_entries().is_some_and(|entries| {
            entries.len() == fields.len()
                && fields
                    .iter()
                    .all(|(name, field)| entries.get(name).is_some_and(|entry| is_of(entry, &field.ty)))
        }),
        other => value.ty() == *other,
    }
}

#[test]
fn the_value_has_every_field_of_the_table_and_null_where_it_is_left_out() {
    let (full, _) = fraud_detector();
    let (least, _) = one(&with(""));
    for manifest in [full, least] {
        let value = manifest.to_value(None);
        assert!(is_of(&value, &value_type()), "{value:?}");
    }
}

/// A value as JSON, for reading.
fn shown(value: &Value) -> Json {
    if let Some(entries) = value.as_entries() {
        return entries
            .iter()
            .map(|(name, value)| (name.to_string(), shown(value)))
            .collect::<serde_json::Map<_, _>>()
            .into();
    }
    if let Some(items) = value.as_items() {
        return items.iter().map(shown).collect::<Vec<_>>().into();
    }
    value
        .as_str()
        .map(Json::from)
        .or_else(|| value.as_bool().map(Json::from))
        .or_else(|| value.as_number().map(|number| serde_json::from_str(&number.to_string()).unwrap()))
        .unwrap_or(Json::Null)
}

fn at(value: &Value, path: &str) -> Value {
    path.split('.')
        .fold(value.clone(), |value, step| value.get(step).unwrap_or_else(|| panic!("{path}")).clone())
}

#[test]
fn values_have_the_types_that_hcl_expects() {
    let (manifest, _) = one(&with(
        "  metrics: { accuracy: 0.9, loss: 3 }\n  fairness: { demographic_parity: 0.01, evaluation_date: 2025-01-01 }\n  dependencies: [torch, numpy>=1]\n  data_sources:\n    - { source: a, approved: true }\n  inference:\n    replicas: 3\n    resources: { limits: { cpu: 2, memory: 4Gi } }\n  rollout:\n    strategy: canary\n    steps: [{ weight: 10, hold: 5m }, { weight: 50 }]\n",
    ));
    let value = manifest.to_value(None);
    for (path, expected, ty) in [
        ("metadata.name", json!("m"), Type::String),
        ("metadata.namespace", json!("ml-inference"), Type::String),
        ("metadata.labels", Json::Null, Type::map(Type::String)),
        ("spec.metrics", json!({"accuracy": 0.9, "loss": 3}), Type::map(Type::Number)),
        ("spec.dependencies", json!(["torch", "numpy>=1"]), Type::list(Type::String)),
        ("spec.inference.replicas", json!(3), Type::Number),
        ("spec.inference.resources.limits.cpu", json!("2"), Type::String),
        ("spec.inference.resources.requests.cpu", Json::Null, Type::Any),
        ("spec.inference.device", Json::Null, Type::String),
    ] {
        if path.starts_with("spec.inference.resources.requests") {
            assert!(at(&value, "spec.inference.resources.requests").is_null());
            continue;
        }
        let found = at(&value, path);
        assert_eq!((shown(&found), found.ty()), (expected, ty), "{path}");
    }
    assert_eq!(
        shown(&at(&value, "spec.fairness")),
        json!({"demographic_parity": 0.01, "evaluation_date": "2025-01-01"})
    );
    assert_eq!(
        shown(&at(&value, "spec.data_sources")),
        json!([{"source": "a", "approved": true, "dvc": null}])
    );
    let steps = at(&value, "spec.rollout.steps");
    assert_eq!(shown(&steps), json!([{"weight": 10, "hold": "5m"}, {"weight": 50, "hold": null}]));
    assert!(matches!(steps.ty(), Type::List(_)));
    assert!(value.get("artifact").unwrap().is_null());
}

/// What the seeds' policies let through must reach ours as it is, so that it can be denied.
#[test]
fn governed_values_reach_the_policy_as_they_are_written() {
    for (spec, pointer, expected) in [
        ("", "/spec/metrics", None),
        ("  metrics:\n", "/spec/metrics", Some(Json::Null)),
        ("  metrics: 5\n", "/spec/metrics", Some(json!(5))),
        ("  metrics: { accuracy: \"0.10\" }\n", "/spec/metrics/accuracy", Some(json!("0.10"))),
        ("  metrics: { accuracy: 1.7 }\n", "/spec/metrics/accuracy", Some(json!(1.7))),
        ("  metrics: { accuracy: 0.90 }\n", "/spec/metrics/accuracy", Some(json!(0.9))),
        ("  metrics: { accuracy: 1 }\n", "/spec/metrics/accuracy", Some(json!(1))),
        ("  metrics: { accuracy: .inf }\n", "/spec/metrics/accuracy", Some(json!(".inf"))),
        ("  metrics: { accuracy: .NaN }\n", "/spec/metrics/accuracy", Some(json!(".NaN"))),
        ("  metrics: { accuracy: 0x1 }\n", "/spec/metrics/accuracy", Some(json!(1))),
        ("  metrics: { accuracy: [0.9] }\n", "/spec/metrics/accuracy", Some(json!([0.9]))),
        ("  fairness: {}\n", "/spec/fairness", Some(json!({}))),
        (
            "  fairness: { demographic_parity: -0.5 }\n",
            "/spec/fairness/demographic_parity",
            Some(json!(-0.5)),
        ),
        ("  drift: yes\n", "/spec/drift", Some(json!("yes"))),
        ("  drift: { score: ~ }\n", "/spec/drift/score", Some(Json::Null)),
        ("  dependencies: torch\n", "/spec/dependencies", Some(json!("torch"))),
        ("  dependencies: [1, {a: b}]\n", "/spec/dependencies", Some(json!([1, {"a": "b"}]))),
        ("  data_sources: []\n", "/spec/data_sources", Some(json!([]))),
        ("  data_sources: [s3://x]\n", "/spec/data_sources", Some(json!(["s3://x"]))),
        (
            "  data_sources: [{ source: x, approved: yes }]\n",
            "/spec/data_sources/0/approved",
            Some(json!("yes")),
        ),
    ] {
        let (manifest, _) = one(&with(spec));
        assert_eq!(manifest.as_written().pointer(pointer), expected.as_ref(), "{spec}");
    }
    for (field, expected) in
        [("framework: 7", json!(7)), ("experiment_id: 12", json!(12)), ("experiment_id: \"\"", json!(""))]
    {
        let (manifest, _) = one(&with("").replace("uri: m.onnx", &format!("uri: m.onnx, {field}")));
        assert_eq!(
            manifest.as_written()["spec"]["model"][field.split(':').next().unwrap()],
            expected,
            "{field}"
        );
    }
}

#[test]
fn a_number_that_would_be_another_one_for_the_policy_is_refused() {
    for number in ["0.84999999999999999999", "1e400", "9223372036854775809"] {
        let (found, _) = read(&with(&format!("  metrics: {{ accuracy: {number} }}\n")));
        assert_eq!(found.expect_err(number).len(), 1, "{number}");
    }
}

#[test]
fn a_path_has_its_place_and_what_is_absent_the_place_of_what_would_hold_it() {
    let (manifest, sources) = fraud_detector();
    for (path, expected) in [
        ("spec.metrics.accuracy", "25:15 0.94"),
        ("spec.metrics.f2_score", "24:3 metrics"),
        ("spec.metrics", "24:3 metrics"),
        ("spec.model.version", "19:14 \"2.1.0\""),
        ("spec.dependencies[0]", "45:7 torch>=2.0.0"),
        ("spec.dependencies[9]", "44:3 dependencies"),
        ("spec.data_sources[1].source", "53:15 transactions-prod"),
        ("spec.data_sources[1].owner", "53:7 source: transactions-prod\n      approved: true"),
        ("spec.fairness.protected_attributes[1]", "36:39 region"),
        ("spec.nothing.at.all", "16:1 spec"),
        ("metadata.labels[\"example.com/cost-center\"]", "12:30 \"4711\""),
        ("metadata.labels.example", "7:3 labels"),
        ("other", "3:1 kind: ModelDeployment"),
        ("", "3:1 kind: ModelDeployment"),
        ("spec.model.version.major", "19:5 version"),
        ("[[[", "3:1 kind: ModelDeployment"),
        ("spec.dependencies[", "44:3 dependencies"),
        ("spec.dependencies[-1]", "44:3 dependencies"),
        ("..spec..metrics", "3:1 kind: ModelDeployment"),
    ] {
        let span = manifest.span_of(path);
        let place = sources.place(span).replace("fraud-detector.yaml:", "");
        assert_eq!(format!("{place} {}", sources.text(span)), expected, "{path}");
    }
}

#[test]
fn an_empty_governed_block_is_shown_at_its_place() {
    let (manifest, sources) = one(&with("  fairness: {}\n  metrics:\n"));
    let text = |path: &str| sources.text(manifest.span_of(path)).to_owned();
    assert_eq!(text("spec.fairness"), "{}");
    assert_eq!(text("spec.fairness.demographic_parity"), "fairness");
    assert_eq!(text("spec.metrics"), "metrics");
    assert_eq!(text("spec.metrics.accuracy"), "metrics");
}

#[test]
fn names_have_their_defaults() {
    let (manifest, _) = one(&with(""));
    assert_eq!((manifest.name(), manifest.namespace(), manifest.version()), ("m", "ml-inference", "1.0.0"));
    let (manifest, _) = one(&format!("metadata: {{ name: x, namespace: y }}\n{}", with("")));
    assert_eq!((manifest.name(), manifest.namespace(), manifest.model_name()), ("x", "y", "m"));
}

proptest::proptest! {
    #[test]
    fn any_path_has_a_place(path in "[a-z.\\[\\]0-9\"]{0,20}|(spec|metadata)(\\.[a-z]{1,8}|\\[[0-9]\\]){0,4}") {
        let (manifest, sources) = one(&with("  dependencies: [a, b]\n"));
        let text = sources.text(manifest.span_of(&path));
        proptest::prop_assert!(!text.is_empty());
    }
}
