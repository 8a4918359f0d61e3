//! The defects that gates of this kind are known for: each denies here, with a message that says why.

use super::*;

/// What is changed in a good manifest, and the one rule and message that deny it.
/// The value is JSON; where it is empty, the key is taken out.
type Row = (&'static str, &'static str, &'static str, &'static str);

const DEFECTS: &[Row] = &[
    ("/spec/metrics/accuracy", "0.72", "accuracy", "Model accuracy 0.72 is below minimum threshold 0.85"),
    ("/spec/metrics/accuracy", r#""0.10""#, "accuracy", "Model accuracy must be a number, not a string"),
    ("/spec/metrics/accuracy", "1.7", "accuracy", "Model accuracy 1.70 is out of range (0 to 1)"),
    ("/spec/metrics/accuracy", r#""NaN""#, "accuracy", "Model accuracy must be a number, not a string"),
    ("/spec/metrics/accuracy", "", "accuracy", "Model accuracy is missing"),
    ("/spec/metrics/f1_score", "0.68", "f1_score", "Model F1 score 0.68 is below minimum threshold 0.80"),
    ("/spec/metrics/f1_score", "", "f1_score", "Model F1 score is missing"),
    ("/spec/fairness", "", "fairness", "Model must include fairness/bias evaluation metrics"),
    ("/spec/fairness", "{}", "fairness", "Model must include fairness/bias evaluation metrics"),
    (
        "/spec/fairness/demographic_parity",
        "0.18",
        "demographic_parity",
        "Demographic parity 0.180 exceeds maximum bias threshold 0.100",
    ),
    (
        "/spec/fairness/demographic_parity",
        "-0.5",
        "demographic_parity",
        "Demographic parity -0.500 exceeds maximum bias threshold 0.100",
    ),
    (
        "/spec/fairness/demographic_parity",
        "0.10",
        "demographic_parity",
        "Demographic parity 0.100 exceeds maximum bias threshold 0.100 (it must be below)",
    ),
    (
        "/spec/fairness/equalized_odds",
        "0.15",
        "equalized_odds",
        "Equalized odds 0.150 exceeds maximum bias threshold 0.100",
    ),
    ("/spec/drift", "", "drift_score", "Model drift score is missing"),
    (
        "/spec/drift/score",
        "0.45",
        "drift_score",
        "Model drift score 0.45 exceeds critical threshold 0.30 - deployment blocked",
    ),
    (
        "/spec/drift/score",
        "0.30",
        "drift_score",
        "Model drift score 0.30 exceeds critical threshold 0.30 - deployment blocked (it must be below)",
    ),
    ("/spec/model/framework", "", "framework", "Model framework is missing"),
    (
        "/spec/model/framework",
        r#""caffe""#,
        "framework",
        "Framework 'caffe' is not in approved frameworks list",
    ),
    ("/spec/dependencies", "", "dependencies", "Model must declare its dependencies"),
    ("/spec/dependencies", r#""torch""#, "dependencies", "Dependencies must be a list, not a string"),
    (
        "/spec/dependencies/0",
        r#""leftpad""#,
        "dependencies",
        "Dependency 'leftpad' is not in approved packages list",
    ),
    (
        "/spec/model/experiment_id",
        "",
        "experiment_tracking",
        "Model must be linked to an MLflow experiment (experiment_id required)",
    ),
    ("/spec/model/experiment_id", r#""""#, "experiment_tracking", "Model experiment_id cannot be empty"),
    ("/spec/data_sources", "[]", "data_sources", "Model must declare data sources for lineage tracking"),
    (
        "/spec/data_sources/0",
        r#"{ "source": "transactions-prod-evil" }"#,
        "data_sources",
        "Data source 'transactions-prod-evil' is not approved",
    ),
    ("/kind", r#""Foo""#, "kind", "Kind 'Foo' is not supported (expected: ModelDeployment)"),
    (
        "/spec/model/uri",
        r#""HTTP://h/m""#,
        "uri",
        "Model URI uses http://, which anyone on the way can change",
    ),
    (
        "/spec/model/version",
        r#""v2.1""#,
        "version",
        "Model version 'v2.1' is not valid semantic versioning (expected: X.Y.Z)",
    ),
    ("/spec/monitoring", "", "monitoring", "Model must include monitoring configuration"),
    (
        "/spec/monitoring/enabled",
        "false",
        "monitoring",
        "Continuous monitoring must be enabled for production models",
    ),
    ("/spec/training/sample_size", "99", "training_sample", "Training sample size 99 is below minimum 100"),
];

#[test]
fn every_known_defect_is_denied_for_its_one_reason() {
    let mut gate = gate("dev");
    for &(pointer, value, rule, message) in DEFECTS {
        let what = format!("{pointer} = {value}");
        let value = (!value.is_empty()).then(|| serde_json::from_str(value).unwrap());
        let denial = judge(&mut gate, with(good(), pointer, value)).expect_err(&what);
        assert_eq!(denial.failures, [], "{what}");
        let said: Vec<_> = denial.violations.iter().map(|v| (v.rule.as_str(), v.message.as_str())).collect();
        assert_eq!(said, [(rule, message)], "{what}");
        assert!(!denial.violations[0].actions.is_empty(), "{what}");
    }
}

#[test]
fn legal_names_of_packages_pass() {
    let mut gate = gate("dev");
    for name in
        ["torch[cuda]>=2", "Torch>=2", "torch >=2", "scikit_learn", "torch>=2,<3; python_version<'3.13'"]
    {
        let manifest = with(good(), "/spec/dependencies", Some(json!([name])));
        assert!(judge(&mut gate, manifest).is_ok(), "{name}");
    }
}

#[test]
fn the_environment_comes_from_the_run_and_never_from_a_label() {
    let labelled = with(good(), "/metadata/labels", Some(json!({ "environment": "dev" })));
    assert!(judge(&mut gate("dev"), labelled.clone()).is_ok());
    for environment in ["staging", "prod", "anything"] {
        let denial = judge(&mut gate(environment), labelled.clone()).expect_err(environment);
        assert_eq!(denial.violations[0].message, "Data source 'transactions-prod' is not approved");
    }
}

#[test]
fn thresholds_and_lists_of_the_bundle_hold_for_their_environment() {
    let mlo = json!({
        "thresholds": { "prod": { "accuracy": 0.95 } },
        "allow": { "data_sources": ["transactions-prod"] },
    });
    assert!(judge(&mut gate_with("staging", &mlo), good()).is_ok());
    let denial = judge(&mut gate_with("prod", &mlo), good()).unwrap_err();
    assert_eq!(denial.violations[0].message, "Model accuracy 0.92 is below minimum threshold 0.95");
}

#[test]
fn the_data_that_we_ship_says_what_is_built_into_the_rules() {
    let bundle = Bundle::builtin().unwrap();
    let bare = |rule: &str| {
        let mut engine = regorus::Engine::new();
        for (file, text) in &bundle.rules {
            engine.add_policy(file.clone(), text.clone()).unwrap();
        }
        let value = engine.eval_rule(format!("data.model.governance.{rule}")).unwrap();
        serde_json::from_str::<Json>(&value.to_json_str().unwrap()).unwrap()
    };
    let thresholds = bare("builtin_thresholds");
    for environment in ["dev", "staging", "prod"] {
        let given = &bundle.data["mlo"]["thresholds"][environment];
        assert_eq!(given.as_object().unwrap().len(), thresholds.as_object().unwrap().len());
        for (name, value) in thresholds.as_object().unwrap() {
            assert_eq!(given[name].as_f64(), value.as_f64(), "{environment} {name}");
        }
    }
    assert_eq!(bundle.data["mlo"]["allow"], bare("builtin_lists"));
}

/// The good manifest with one value replaced, or taken out, at every place.
pub(super) fn mutations() -> Vec<(String, Json)> {
    let strange = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.7),
        json!(0.1),
        json!(0.3),
        json!(1e300),
        json!(""),
        json!("x"),
        json!("0.95"),
        json!([]),
        json!([null]),
        json!({}),
        json!({ "score": "x" }),
    ];
    // Each place gets some of the values, in turn; all of them where checks are asked to be thorough.
    let each = if std::env::var_os("MLO_TEST_FULL").is_some() { strange.len() } else { 4 };
    let mut found = Vec::new();
    let mut turn = strange.iter().cycle();
    let previous =
        json!({ "metrics": { "accuracy": 0.92, "f1_score": 0.9 }, "inference": { "latency_p99_ms": 9 } });
    let full = with(good(), "/spec/previous_version", Some(previous));
    for pointer in pointers(&full, "") {
        found.push((format!("without {pointer}"), with(full.clone(), &pointer, None)));
        for value in turn.by_ref().take(each) {
            found.push((format!("{pointer} = {value}"), with(full.clone(), &pointer, Some(value.clone()))));
        }
    }
    found
}

fn pointers(value: &Json, at: &str) -> Vec<String> {
    let children: Vec<(String, &Json)> = match value {
        Json::Object(entries) => entries.iter().map(|(key, value)| (format!("{at}/{key}"), value)).collect(),
        Json::Array(items) => {
            items.iter().enumerate().map(|(i, value)| (format!("{at}/{i}"), value)).collect()
        }
        _ => Vec::new(),
    };
    let mut found = Vec::new();
    for (pointer, child) in children {
        found.extend(pointers(child, &pointer));
        found.push(pointer);
    }
    found
}
