//! The manifests under `examples/`: one is denied for each rule, the others pass.

use super::*;

/// The file under `examples/invalid` and the rule that it is named after.
const INVALID: [(&str, &str); 16] = [
    ("biased", "demographic_parity"),
    ("drifted", "drift_score"),
    ("impossible-metric", "metrics"),
    ("low-accuracy", "accuracy"),
    ("low-f1", "f1_score"),
    ("no-experiment", "experiment_tracking"),
    ("no-fairness", "fairness"),
    ("no-monitoring", "monitoring"),
    ("no-resources", "resources"),
    ("regressed", "regression"),
    ("small-sample", "training_sample"),
    ("unapproved-data-source", "data_sources"),
    ("unapproved-dependency", "dependencies"),
    ("unapproved-framework", "framework"),
    ("unequal-odds", "equalized_odds"),
    ("wrong-namespace", "namespace"),
];

/// The same of rules that look at the model's file too, as plans show it.
const INVALID_BY_FILE: [(&str, &str); 2] =
    [("too-few-labels", "class_labels"), ("too-little-memory", "model_memory")];

#[test]
fn what_a_models_file_says_denies_by_exactly_the_rule_that_the_example_is_named_after() {
    for (name, rule) in INVALID_BY_FILE {
        let path = format!("examples/invalid/{name}.yaml");
        let manifests = manifests(&path, &mut SourceMap::new());
        let manifest = manifests.get(name).unwrap_or_else(|| panic!("{name} is named like its file"));
        judge_manifest(&mut gate("dev"), manifest).expect(name);
        let folder = repository("examples/invalid");
        let facts = crate::manifest::resolve(manifest, &folder, &folder).unwrap().facts;
        let ports = |ports: &[mlo_model::Port]| -> Json {
            ports.iter().map(|port| json!({ "name": port.name, "shape": port.shape() })).collect()
        };
        let input = json!({
            "plan": { "resource_changes": [] },
            "manifests": { name: manifest.as_written() },
            "models": { name: {
                "size_bytes": facts.size_bytes, "inputs": ports(&facts.inputs), "outputs": ports(&facts.outputs),
            } },
        });
        let place = |model: &str, path: &str| manifests.get(model).map(|manifest| manifest.span_of(path));
        let denial = gate("dev")
            .decide(
                &[],
                Some(&Deployment {
                    input: Input::New(input.to_string()),
                    addresses: &Vec::new,
                    place: &place,
                }),
            )
            .expect_err(name);
        let rules: Vec<_> = denial.violations.iter().map(|violation| violation.rule.as_str()).collect();
        assert_eq!((rules, denial.failures.len()), (vec![rule], 0), "{name}");
        assert!(denial.violations[0].span.is_some(), "{name} is shown at its line");
    }
}

#[test]
fn each_invalid_example_is_denied_by_exactly_the_rule_that_it_is_named_after() {
    let mut gate = gate("dev");
    for (name, rule) in INVALID {
        let mut sources = SourceMap::new();
        let manifests = manifests(&format!("examples/invalid/{name}.yaml"), &mut sources);
        let manifest = manifests.get(name).unwrap_or_else(|| panic!("{name} is named like its file"));
        let denial = judge_manifest(&mut gate, manifest).expect_err(name);
        let rules: Vec<_> = denial.violations.iter().map(|violation| violation.rule.as_str()).collect();
        assert_eq!((rules, denial.failures.len()), (vec![rule], 0), "{name}");
    }
}

#[test]
fn every_invalid_example_is_listed() {
    let mut names: Vec<_> = std::fs::read_dir(repository("examples/invalid"))
        .unwrap()
        .filter_map(|entry| {
            entry.unwrap().file_name().into_string().unwrap().strip_suffix(".yaml").map(str::to_owned)
        })
        .collect();
    names.sort();
    let mut listed: Vec<_> = INVALID.iter().chain(&INVALID_BY_FILE).map(|(name, _)| *name).collect();
    listed.sort_unstable();
    assert_eq!(names, listed);
}

/// Rules that no manifest can break before it reaches the gate: the manifest's own checks refuse it (and these rules
/// do where the policies are run alone), or the rule is about the bundle.
const WITHOUT_EXAMPLE: [&str; 5] = ["version", "uri", "kind", "api_version", "policy_data"];

#[test]
fn every_rule_has_an_example_or_a_reason_for_none() {
    let decision = judge(&mut gate("dev"), good()).unwrap();
    let mut rules: Vec<_> = decision.evaluations[0].rules.iter().map(|rule| rule.rule.as_str()).collect();
    let mut shown: Vec<_> = INVALID.into_iter().map(|(_, rule)| rule).chain(WITHOUT_EXAMPLE).collect();
    rules.sort_unstable();
    shown.sort_unstable();
    assert_eq!(rules, shown);
}

#[test]
fn every_valid_example_passes() {
    let mut gate = gate("dev");
    let mut sources = SourceMap::new();
    for manifest in &manifests("examples/valid", &mut sources) {
        if let Err(denial) = judge_manifest(&mut gate, manifest) {
            panic!("{}: {:?}", manifest.name(), denial.violations);
        }
    }
}

#[test]
fn the_iris_example_passes_with_the_nine_lines_of_the_checklist() {
    let mut sources = SourceMap::new();
    let manifests = manifests("examples/iris", &mut sources);
    let decision = judge_manifest(&mut gate("dev"), manifests.get("iris").unwrap()).unwrap();
    let lines: Vec<_> = decision.evaluations[0].checklist().collect();
    assert!(lines.iter().all(|(passed, _)| *passed));
    let titles: Vec<_> = lines.iter().map(|(_, line)| line.split(':').next().unwrap()).collect();
    assert_eq!(
        titles,
        [
            "Accuracy",
            "F1 score",
            "Fairness evaluation present",
            "Demographic parity",
            "Drift score",
            "Framework approved",
            "Dependencies approved",
            "Experiment linked",
            "Data sources approved",
        ]
    );
    assert_eq!(lines[0].1, "Accuracy: 0.9667, at least 0.85");
}
