//! The same decisions from `opa` and from the gate.

use super::*;
use std::collections::BTreeSet;
use std::process::Command;

/// A manifest under some policy data.
struct Case {
    what: String,
    manifest: Json,
    mlo: Json,
}

/// Messages, warnings, and `rule path` of each violation.
type Said = (BTreeSet<String>, BTreeSet<String>, BTreeSet<String>);

/// Asks for every case of the input.
const COMPARE: &str = "package compare

said := [said | some case in input.cases; said := one(case.manifest, case.mlo)]

one(manifest, mlo) := {\"deny\": deny, \"warn\": warn, \"violation\": violation, \"allow\": allow} if {
\tdeny := data.model.governance.deny with input as manifest with data.mlo as mlo
\twarn := data.model.governance.warn with input as manifest with data.mlo as mlo
\tviolation := data.model.governance.violation with input as manifest with data.mlo as mlo
\tallow := data.model.governance.allow with input as manifest with data.mlo as mlo
}
";

/// What `opa` says of all cases, in one process.
fn opa_says(cases: &[Case]) -> Vec<Said> {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), text.as_bytes()).unwrap();
        path
    };
    let listed: Vec<_> =
        cases.iter().map(|case| json!({ "manifest": case.manifest, "mlo": case.mlo })).collect();
    let input = put("input.json", &json!({ "cases": listed }).to_string());
    // In a module, because `with` is not heeded in the query itself.
    let module = put("compare.rego", COMPARE);
    let output = Command::new(tools::opa())
        .args(["eval", "--format", "raw", "--data"])
        .arg(repository("policies/model-governance.rego"))
        .arg("--data")
        .arg(module)
        .arg("--input")
        .arg(input)
        .arg("data.compare.said")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Vec<Json> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said.len(), cases.len());
    said.iter()
        .map(|said| {
            let strings = |key: &str| {
                said[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
            };
            let deny: BTreeSet<String> = strings("deny");
            assert_eq!(said["allow"], deny.is_empty());
            let places =
                said["violation"].as_array().unwrap().iter().map(|v| format!("{} {}", v["rule"], v["path"]));
            (deny, strings("warn"), places.collect())
        })
        .collect()
}

/// What the gate says of a manifest.
fn gate_says(gate: &mut Gate, manifest: &Json) -> Said {
    let quoted = |text: &str| Json::from(text).to_string();
    let (decision, violations) = match judge(gate, manifest.clone()) {
        Ok(decision) => (decision, Vec::new()),
        Err(denial) => {
            assert_eq!(denial.failures, []);
            (denial.decision.unwrap(), denial.violations)
        }
    };
    (
        violations.iter().map(|violation| violation.message.clone()).collect(),
        decision.warnings.into_iter().map(|warning| warning.message).collect(),
        violations.iter().map(|v| format!("{} {}", quoted(&v.rule), quoted(&v.path))).collect(),
    )
}

/// Compares every manifest in an environment with policy data.
fn compare(manifests: &[(String, Json)], environment: &str, mlo: &Json) {
    let mut gate = gate_with(environment, mlo);
    let mlo = with(json!({ "mlo": mlo }), "/mlo/environment", Some(json!(environment)))["mlo"].clone();
    let cases: Vec<_> = manifests
        .iter()
        .map(|(what, manifest)| Case { what: what.clone(), manifest: manifest.clone(), mlo: mlo.clone() })
        .collect();
    for (case, expected) in cases.iter().zip(opa_says(&cases)) {
        assert_eq!(gate_says(&mut gate, &case.manifest), expected, "{} in {environment}", case.what);
    }
}

/// Every manifest under `examples/`.
fn examples() -> Vec<(String, Json)> {
    let mut found = Vec::new();
    for folder in std::fs::read_dir(repository("examples")).unwrap() {
        let folder = folder.unwrap();
        if !folder.path().is_dir() {
            continue;
        }
        let name = folder.file_name().into_string().unwrap();
        let manifests = manifests(&format!("examples/{name}"), &mut SourceMap::new());
        found.extend(manifests.iter().map(|manifest| (manifest.name().to_owned(), manifest.as_written())));
    }
    found
}

#[test]
fn opa_and_the_gate_decide_alike_on_every_example_in_every_environment() {
    let examples = examples();
    assert!(examples.len() > 16);
    let data = Bundle::builtin().unwrap().data["mlo"].clone();
    for environment in ["dev", "staging", "prod"] {
        compare(&examples, environment, &data);
    }
}

/// Whatever stands anywhere in a manifest, the gate decides, and no rule fails.
#[test]
fn opa_and_the_gate_decide_alike_on_values_of_every_type_at_every_place() {
    compare(&super::rules::mutations(), "dev", &json!({}));
}

#[test]
fn opa_and_the_gate_decide_alike_on_malformed_policy_data() {
    let manifests = [("good".to_owned(), good())];
    for mlo in [
        json!({ "thresholds": { "dev": { "acuracy": 0.9 } } }),
        json!({ "thresholds": { "dev": { "accuracy": "0.9" } } }),
        json!({ "thresholds": { "dev": null }, "allow": { "packages": "torch" } }),
        json!({ "thresholds": 1, "allow": { "frameworks": { "dev": ["onnx"] } } }),
        json!({ "allow": { "namespaces": [1], "other": [] } }),
    ] {
        compare(&manifests, "dev", &mlo);
    }
}

/// Asks for the rules and paths of every plan.
const COMPARE_PLANS: &str = "package compare

said := [said | some plan in input.plans; said := one(plan)]

one(plan) := {sprintf(\"%s %s %s\", [v.rule, v.address, v.path]) | some v in found} if {
\tfound := data.deployment.policy.violation with input as plan with data.mlo as {\"environment\": \"prod\", \"deployment\": input.deployment}
}
";

/// Whatever stands anywhere in a plan, the gate decides, no rule fails, and nothing but what `opa` says is said.
#[test]
fn opa_and_the_gate_decide_alike_on_plans_with_values_of_every_type_at_every_place() {
    let plans = super::deployment::plans();
    assert!(plans.len() > 400, "{}", plans.len());
    let settings =
        json!({ "replicas_min": 3, "required_tags": ["owner"], "endpoint_cidrs": ["192.0.2.0/24"] });
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), text.as_bytes()).unwrap();
        path
    };
    let listed: Vec<_> = plans.iter().map(|(_, plan)| plan).collect();
    let input = put("input.json", &json!({ "plans": listed, "deployment": settings }).to_string());
    let module = put("compare.rego", COMPARE_PLANS);
    let output = Command::new(tools::opa())
        .args(["eval", "--format", "raw", "--data"])
        .arg(repository("policies/deployment-policy.rego"))
        .arg("--data")
        .arg(module)
        .arg("--input")
        .arg(input)
        .arg("data.compare.said")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Vec<BTreeSet<String>> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said.len(), plans.len());
    let mut gate = gate_with("prod", &json!({ "deployment": settings }));
    for ((what, plan), expected) in plans.into_iter().zip(said) {
        let deployment =
            Deployment { input: Input::New(plan.to_string()), addresses: &Vec::new, place: &|_, _| None };
        let violations = match gate.decide(&[], Some(&deployment)) {
            Ok(_) => Vec::new(),
            Err(denial) => {
                assert_eq!(denial.failures, [], "{what}");
                denial.violations
            }
        };
        let found: BTreeSet<_> =
            violations.iter().map(|v| format!("{} {} {}", v.rule, v.address, v.path)).collect();
        assert_eq!(found, expected, "{what}");
    }
}
