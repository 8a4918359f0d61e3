//! Documents in Terraform's shape, compared with Terraform's own, field by field.
//!
//! The expected ones in `cases/plan-json` are what Terraform 1.11.4 says of the same configuration, made the same in
//! every run by [`same_in_every_run`]; and what is made of a secret is sensitive there as it is here.

use crate::support::{Project, repository};
use serde_json::{Value as Json, json};

/// Ours alone, at the top of a document; and what Terraform traces further than we do.
const NOT_COMPARED: [&str; 14] = [
    "not_refreshed",
    "resources",
    "mlo_version",
    "terraform_version",
    "lineage",
    "serial",
    "environment",
    "destroy",
    "summary",
    "policy",
    "diagnostics",
    "timestamp",
    "relevant_attributes",
    "checks",
];

/// Ids are `UUID`.
fn same_in_every_run(json: &mut Json) {
    match json {
        Json::String(text) => {
            let groups: Vec<_> = text.split('-').map(str::len).collect();
            if groups == [8, 4, 4, 4, 12] {
                "UUID".clone_into(text);
            }
        }
        Json::Array(items) => items.iter_mut().for_each(same_in_every_run),
        Json::Object(entries) => {
            entries.retain(|name, _| name != "mlo_version" && name != "terraform_version");
            entries.values_mut().for_each(same_in_every_run);
        }
        _ => {}
    }
}

/// The paths at which two documents differ.
fn differences(ours: &Json, theirs: &Json, at: &str, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Json::Object(ours), Json::Object(theirs)) => {
            for name in ours.keys().chain(theirs.keys().filter(|name| !ours.contains_key(*name))) {
                let nothing = json!("(absent)");
                let (ours, theirs) = (ours.get(name), theirs.get(name));
                let path = format!("{at}/{name}");
                differences(ours.unwrap_or(&nothing), theirs.unwrap_or(&nothing), &path, found);
            }
        }
        (Json::Array(ours), Json::Array(theirs)) if ours.len() == theirs.len() => {
            for (number, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                differences(ours, theirs, &format!("{at}/{number}"), found);
            }
        }
        _ if ours == theirs => {}
        _ => found.push(format!("{at}: ours {ours}, theirs {theirs}")),
    }
}

#[track_caller]
fn compare(mut ours: Json, case: &str) {
    let file = repository().join("tests/cases/plan-json").join(case);
    let theirs: Json = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    same_in_every_run(&mut ours);
    if let Some(document) = ours.as_object_mut() {
        document.retain(|name, _| !NOT_COMPARED.contains(&name.as_str()));
    }
    let mut found = Vec::new();
    differences(&ours, &theirs, "", &mut found);
    assert!(found.is_empty(), "{case}:\n{}", found.join("\n"));
}

#[test]
fn plan_and_state_are_as_terraform_says_them() {
    let project = Project::copy_of("tests/cases/plan-json");
    compare(project.json(&["plan"], 0), "create.json");
    project.ok(&["apply", "--auto-approve"]);
    compare(project.json(&["show"], 0), "state.json");
    let plan = project.json(&["plan", "--var-file", "change.tfvars"], 0);
    let parts = plan["relevant_attributes"].as_array().unwrap();
    assert!(parts.contains(&json!({"resource": "terraform_data.a", "attribute": ["output"]})), "{parts:?}");
    assert!(plan["timestamp"].as_str().is_some_and(|time| time.len() == "2026-01-01T00:00:00Z".len()));
    compare(plan, "change.json");
}

#[test]
fn a_secret_is_nowhere_in_a_document_even_where_it_arrives_by_another_attribute() {
    let project = Project::copy_of("tests/cases/plan-json");
    project.ok(&["apply", "--auto-approve"]);
    let runs: [&[&str]; 4] = [
        &["plan", "--json"],
        &["plan", "--json", "--var", "secret=hunter2-secret-2"],
        &["show", "--json"],
        &["plan", "--out-json", "plan.json", "--var", "secret=hunter2-secret-2"],
    ];
    for arguments in runs {
        let said = project.ok(arguments);
        assert!(!said.all().contains("hunter2"), "{arguments:?}: {}", said.all());
    }
    assert!(!project.read("plan.json").contains("hunter2"));
}
