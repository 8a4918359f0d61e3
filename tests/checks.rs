//! Conditions and `check` blocks: what holds, what does not, and what that stops.

use crate::support::Project;
use serde_json::json;

fn project(hcl: &str) -> Project {
    Project::with(&[("main.hcl", hcl)])
}

const CHECKED: &str = r#"
variable "size" {
  default = 1
  validation {
    condition     = var.size < 100
    error_message = "too large"
  }
}
resource "terraform_data" "a" {
  count = 2
  input = var.size + count.index
  lifecycle {
    precondition {
      condition     = var.size < 50
      error_message = "The size ${var.size} is too large for a[${count.index}]."
    }
    postcondition {
      condition     = self.output < 30
      error_message = "It became ${self.output}."
    }
  }
}
check "small" {
  assert {
    condition     = terraform_data.a[1].output < 5
    error_message = "a is ${terraform_data.a[1].output}, which is not small."
  }
  assert {
    condition     = var.size < 20
    error_message = "The size ${var.size} is not small."
  }
}
check "file" {
  data "local_file" "f" { filename = "there.txt" }
  assert {
    condition     = data.local_file.f.content == "yes"
    error_message = "The file says ${data.local_file.f.content}."
  }
}
output "a" {
  value = terraform_data.a[0].output
  precondition {
    condition     = terraform_data.a[0].output != 13
    error_message = "13 is no output"
  }
}
"#;

fn statuses(document: &serde_json::Value) -> Vec<(String, String)> {
    let text = |json: &serde_json::Value| json.as_str().unwrap().to_owned();
    let checks = document["checks"].as_array().unwrap().iter();
    checks.map(|it| (text(&it["address"]["to_display"]), text(&it["status"]))).collect()
}

#[test]
fn checks_are_warnings_and_are_looked_at_again_once_all_is_done() {
    let project = project(CHECKED);
    let named = |all: [&str; 5]| -> Vec<(String, String)> {
        let names = ["check.file", "check.small", "output.a", "terraform_data.a", "var.size"];
        names.into_iter().zip(all).map(|(name, status)| (name.to_owned(), status.to_owned())).collect()
    };
    let plan = project.json(&["plan", "--var", "size=25"], 0);
    assert_eq!(statuses(&plan), named(["fail", "fail", "unknown", "unknown", "pass"]));
    assert_eq!(
        plan["checks"][1],
        json!({
            "address": { "kind": "check", "name": "small", "to_display": "check.small" },
            "status": "fail",
            "instances": [{
                "address": { "to_display": "check.small" },
                "status": "fail",
                "problems": [{ "message": "The size 25 is not small." }],
            }],
        })
    );
    assert_eq!(
        plan["checks"][3]["instances"][1],
        json!({
            "address": { "to_display": "terraform_data.a[1]", "instance_key": 1 },
            "status": "unknown",
        })
    );
    project.write("there.txt", "no");
    project.ok(&["plan", "--var", "size=25"]).has(&[
        "warning[MLO3050]: The size 25 is not small.",
        "main.hcl:29:21",
        "warning[MLO3050]: The file says no.",
        "Plan: 2 to add",
    ]);
    project
        .ok(&["apply", "--auto-approve", "--var", "size=25"])
        .has(&["warning[MLO3050]: a is 26, which is not small.", "2 added"]);
    project.write("there.txt", "yes");
    let plan = project.json(&["plan", "--var", "size=1"], 0);
    assert_eq!(statuses(&plan), named(["pass", "unknown", "unknown", "unknown", "pass"]));
    let applied = project.json(&["apply", "--auto-approve", "--var", "size=1"], 0);
    assert_eq!(statuses(&applied), named(["pass", "pass", "pass", "pass", "pass"]));
    project
        .ok(&["plan", "--var", "size=1", "--detailed-exitcode"])
        .has(&["No changes."])
        .has_not(&["warning"]);
}

#[test]
fn strict_checks_make_them_errors() {
    let project = project(CHECKED);
    project.write("there.txt", "no");
    project.mlo(&["plan", "--strict-checks"]).ends_with(1).has(&["error[MLO3050]: The file says no."]);
    project.write("there.txt", "yes");
    // Only the apply can tell: what was made stays.
    project.edit("main.hcl", "var.size < 20", "var.size < 200");
    project
        .mlo(&["apply", "--auto-approve", "--strict-checks", "--var", "size=6"])
        .ends_with(1)
        .has(&["error[MLO3050]: a is 7, which is not small."]);
    assert_eq!(project.json(&["show"], 0)["resources"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_check_whose_data_cannot_be_read_is_a_warning() {
    let project = project(CHECKED);
    project.ok(&["plan"]).has(&["warning[", "there.txt cannot be read", "Plan: 2 to add"]);
    project.edit("main.hcl", "data \"local_file\" \"f\"", "data \"local_fil\" \"f\"");
    project.edit("main.hcl", "data.local_file.f", "data.local_fil.f");
    project.mlo(&["validate"]).ends_with(1).has(&["there is no data source `local_fil`"]);
}

#[test]
fn conditions_stop_what_they_are_on_and_name_the_values() {
    let project = project(CHECKED);
    project.write("there.txt", "yes");
    project.mlo(&["plan", "--var", "size=60"]).ends_with(1).has(&[
        "The size 60 is too large for a[0].",
        "The size 60 is too large for a[1].",
        "MLO3007",
    ]);
    project
        .mlo(&["apply", "--auto-approve", "--var", "size=29"])
        .ends_with(1)
        .has(&["It became 30.", "MLO3008"]);
    project
        .mlo(&["apply", "--auto-approve", "--var", "size=13"])
        .ends_with(1)
        .has(&["13 is no output", "MLO3007"]);
    project.mlo(&["plan", "--var", "size=100"]).ends_with(1).has(&["too large", "MLO3006"]);
}

#[test]
fn a_plan_to_destroy_lists_conditions_that_are_not_looked_at() {
    let project = project(CHECKED);
    project.write("there.txt", "yes");
    project.ok(&["apply", "--auto-approve"]);
    let plan = project.json(&["plan", "--destroy", "--out", "p"], 0);
    let checks: Vec<_> = plan["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| {
            let instances = check["instances"].as_array().map(Vec::len);
            (check["address"]["to_display"].as_str().unwrap(), check["status"].as_str().unwrap(), instances)
        })
        .collect();
    assert_eq!(
        checks,
        [
            ("check.file", "unknown", None),
            ("check.small", "unknown", None),
            ("output.a", "unknown", Some(1)),
            ("terraform_data.a", "unknown", None),
            ("var.size", "unknown", None),
        ]
    );
    assert_eq!(project.json(&["show", "p"], 0)["checks"], plan["checks"]);
}
