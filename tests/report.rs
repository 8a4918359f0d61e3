//! What a run tells, in which form and where: flags that plan, apply and destroy share.

use crate::support::{Project, said};
use serde_json::{Value as Json, json};

const TWO: &str = "resource \"terraform_data\" \"a\" { input = 1 }\nresource \"local_file\" \"f\" {\n  filename = \"f.txt\"\n  content  = \"one\\n\"\n}\n";

fn project(hcl: &str) -> Project {
    Project::with(&[("main.hcl", hcl)])
}

#[test]
fn a_plan_that_fails_shows_what_it_found() {
    let project = project(
        "resource \"terraform_data\" \"good\" { input = 1 }\nresource \"terraform_data\" \"bad\" { input = file(\"none\") }\noutput \"o\" { value = terraform_data.bad.id }\n",
    );
    project.mlo(&["plan"]).ends_with(1).has(&[
        "# terraform_data.good will be created",
        "Plan: 1 to add",
        "it is not the whole plan",
        "error[",
    ]);
    let document = project.json(&["plan"], 1);
    assert_eq!(document["errored"], json!(true));
    assert_eq!(document["applyable"], json!(false));
    assert_eq!(document["complete"], json!(false));
    assert_eq!(document["resource_changes"][0]["address"], json!("terraform_data.good"));
    assert_eq!(document["resource_changes"].as_array().map(Vec::len), Some(1));
    assert_eq!(document["diagnostics"][0]["severity"], json!("error"));
    project.mlo(&["apply", "--auto-approve"]).ends_with(1).has(&["it is not the whole plan"]);
    project.ok(&["show"]).has(&["no state"]);
}

#[test]
fn a_refresh_only_run_writes_what_was_read_and_changes_nothing() {
    let project = project(TWO);
    project.ok(&["apply", "--auto-approve"]);
    project.ok(&["plan", "--refresh-only", "--detailed-exitcode"]).has(&["The state is as the objects are"]);
    project.write("f.txt", "by hand\n");
    project
        .mlo(&["plan", "--refresh-only", "--detailed-exitcode"])
        .ends_with(2)
        .has(&["local_file.f has changed", "changes no object"]);
    // Without reading, nobody knows.
    project.ok(&["plan", "--refresh=false", "--detailed-exitcode"]).has(&["No changes."]);
    project.mlo(&["plan", "--detailed-exitcode"]).ends_with(2);
    project.mlo(&["apply", "--refresh-only"]).ends_with(1).has(&["--auto-approve"]);
    project.ok(&["apply", "--refresh-only", "--auto-approve"]).has(&["0 added, 0 changed, 0 destroyed"]);
    assert_eq!(project.read("f.txt"), "by hand\n");
    project.ok(&["plan", "--refresh-only", "--detailed-exitcode"]);
    project.mlo(&["plan"]).ends_with(0).has(&["~ resource \"local_file\" \"f\""]);
    std::fs::remove_file(project.path().join("f.txt")).unwrap();
    project.ok(&["apply", "--refresh-only", "--auto-approve"]).has(&["local_file.f is gone"]);
    assert!(!project.ok(&["show"]).out.contains("local_file"));
    for arguments in [&["plan", "--refresh-only", "--refresh=false"][..], &["destroy", "--refresh-only"]] {
        project.mlo(arguments).ends_with(1).has(&["--refresh-only"]);
    }
}

#[test]
fn destroy_is_a_flag_of_plan_and_apply() {
    let project = project(TWO);
    project.ok(&["apply", "--auto-approve"]);
    project.ok(&["plan", "--destroy"]).has(&["Plan: 0 to add, 0 to change, 2 to destroy."]);
    assert_eq!(project.json(&["plan", "--destroy"], 0)["destroy"], json!(true));
    project.ok(&["apply", "--destroy", "--auto-approve"]).has(&["2 destroyed"]);
}

#[test]
fn one_run_writes_several_forms_and_files_are_private() {
    let project = project(TWO);
    let said = project.ok(&["plan", "--out-json", "plan.json"]);
    said.has(&["Plan: 2 to add"]);
    let document: Json = serde_json::from_str(&project.read("plan.json")).unwrap();
    assert_eq!(document["resource_changes"].as_array().map(Vec::len), Some(2));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(project.path().join("plan.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    project.mlo(&["plan", "--out-json", "no/such/folder.json"]).ends_with(1).has(&["cannot be written"]);
    project.ok(&["apply", "--auto-approve", "--out-json", "apply.json"]).has(&["2 added"]);
    let document: Json = serde_json::from_str(&project.read("apply.json")).unwrap();
    assert_eq!(document["summary"], json!({"add": 2, "change": 0, "destroy": 0}));
}

#[test]
fn concise_shows_the_changes_and_the_last_line() {
    let project = project(TWO);
    let said = project.ok(&["apply", "--auto-approve", "--concise"]);
    said.has(&["# terraform_data.a will be created", "Apply complete!"]);
    assert!(!said.all().contains("Creating..."), "{}", said.all());
    assert!(!said.all().contains("mlo will do"), "{}", said.all());
}

#[test]
fn warnings_can_be_a_line_each() {
    let project = project(TWO);
    project.write("mlo.tfvars", "sizze = 1\nother = 2\n");
    let said = project.ok(&["plan", "--compact-warnings"]);
    said.has(&["there is no variable `sizze` (mlo.tfvars:1:1)\n"]);
    assert!(!said.err.contains("-->"), "{}", said.err);
}

#[test]
fn a_flag_can_be_given_by_its_variable_and_the_flag_counts_more() {
    let project = project(TWO);
    let with = |arguments: &[&str], environment: &[(&str, &str)]| {
        said(project.command(arguments).envs(environment.iter().copied()))
    };
    with(&["plan"], &[("MLO_FORMAT", "json")]).ends_with(0).has(&["\"format_version\": \"1.2\""]);
    with(&["plan", "--format", "human"], &[("MLO_FORMAT", "json")]).ends_with(0).has(&["Plan: 2 to add"]);
    with(&["plan"], &[("MLO_JSON", "0"), ("MLO_DETAILED_EXITCODE", "1")]).ends_with(2).has(&["Plan: 2"]);
    with(&["plan"], &[("MLO_DESTROY", "1")]).ends_with(0).has(&["Plan: 2 to add"]);
}
