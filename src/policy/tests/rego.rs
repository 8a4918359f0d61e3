//! The policy's own tests (`test_` rules), run by the engine of the gate, and its annotations.

use super::*;
use regorus::{Engine, Value};

/// Runs every `test_` rule of a bundle. Returns how many ran, and the names of those that are not true.
fn run_tests(bundle: &Bundle) -> (usize, Vec<String>) {
    let mut engine = Engine::new();
    engine.set_strict_builtin_errors(true);
    for (file, text) in bundle.rules.iter().chain(&bundle.tests) {
        engine.add_policy(file.clone(), text.clone()).unwrap();
    }
    engine.add_data(Value::from(bundle.data.clone())).unwrap();
    let (mut ran, mut failed) = (0, Vec::new());
    for text in bundle.tests.values() {
        let package = text.lines().find_map(|line| line.strip_prefix("package ")).unwrap();
        for name in test_names(text) {
            ran += 1;
            match engine.eval_rule(format!("data.{package}.{name}")) {
                Ok(value) if value == Value::from(true) => {}
                Ok(value) => failed.push(format!("{name} is {value:?}")),
                Err(error) => failed.push(format!("{name}: {error:#}")),
            }
        }
    }
    (ran, failed)
}

fn test_names(text: &str) -> impl Iterator<Item = &str> {
    let is_end = |c: char| !c.is_alphanumeric() && c != '_';
    text.lines().filter(|line| line.starts_with("test_")).filter_map(move |line| line.split(is_end).next())
}

#[test]
fn every_test_of_the_policies_passes_in_the_engine_of_the_gate() {
    let (ran, failed) = run_tests(&Bundle::from_folder(&repository("policies")).unwrap());
    assert_eq!(failed, Vec::<String>::new());
    assert!(ran > 150, "{ran} tests ran");
}

#[test]
fn a_test_that_is_false_or_undefined_or_fails_is_told() {
    let rules = "package model.governance\n\ndeny contains \"no\" if input.no\n";
    let tests = "package model.governance_test\n\ntest_true if 1 == 1\n\ntest_undefined if input.nothing\n\n\
                 test_false := false\n\ntest_text := \"yes\"\n\ntest_error if to_number(\"x\") == 1\n";
    let files =
        [("a.rego", rules), ("a_test.rego", tests)].map(|(name, text)| (name.to_owned(), text.to_owned()));
    let (ran, failed) = run_tests(&Bundle::from_files(files.into()).unwrap());
    let names: Vec<_> = failed.iter().map(|failed| failed.split([' ', ':']).next().unwrap()).collect();
    assert_eq!((ran, names), (5, vec!["test_undefined", "test_false", "test_text", "test_error"]));
}

/// The annotations of `problem` rules, as YAML says them.
fn annotations(file: &str) -> BTreeMap<String, Json> {
    let text = std::fs::read_to_string(repository("policies").join(file)).unwrap();
    let blocks = text.split("# METADATA\n").skip(1).map(|block| {
        let lines = block.lines().take_while(|line| line.starts_with('#'));
        lines
            .map(|line| line.trim_start_matches('#').strip_prefix(' ').unwrap_or(""))
            .collect::<Vec<_>>()
            .join("\n")
    });
    let values = blocks.map(|yaml| {
        let value = Value::from_yaml_str(&yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
        serde_json::from_str::<Json>(&value.to_json_str().unwrap()).unwrap()
    });
    let of_rules = values.filter(|value| value["custom"]["rule"].is_string());
    of_rules.map(|value| (value["custom"]["rule"].as_str().unwrap().to_owned(), value)).collect()
}

#[test]
fn every_rule_is_annotated_and_explained() {
    let nothing = json!({ "plan": { "resource_changes": [] } });
    let deployment =
        Deployment { input: Input::New(nothing.to_string()), addresses: &Vec::new, place: &|_, _| None };
    let subject = Subject { name: "model", manifest: good(), place: &|_| None };
    let decision = gate("dev").decide(&[subject], Some(&deployment)).unwrap();
    let models = &decision.evaluations[0].rules;
    let page = std::fs::read_to_string(repository("docs/governance.md")).unwrap();
    for (file, listed) in
        [("model-governance.rego", models), ("deployment-policy.rego", &decision.deployment)]
    {
        let mut rules: Vec<_> = listed.iter().map(|rule| rule.rule.clone()).collect();
        rules.sort();
        let annotations = annotations(file);
        assert_eq!(annotations.keys().cloned().collect::<Vec<_>>(), rules);
        for (rule, annotation) in annotations {
            assert!(annotation["title"].is_string() && annotation["description"].is_string(), "{rule}");
            let custom = &annotation["custom"];
            let overridable =
                ["class_labels", "deletion", "gpu_memory", "model_size", "required_tags", "signature"];
            let overridable = overridable.contains(&rule.as_str());
            assert_eq!(custom["level"], if overridable { "overridable" } else { "mandatory" }, "{rule}");
            assert!(custom["actions"].as_array().is_some_and(|actions| !actions.is_empty()), "{rule}");
            let anchor = custom["docs"].as_str().unwrap().strip_prefix("docs/governance.md#").unwrap();
            assert!(
                page.contains(&format!("\n### {anchor}\n")),
                "docs/governance.md has a section `{anchor}`"
            );
        }
    }
}
