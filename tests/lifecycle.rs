//! `lifecycle` blocks, as their authors see them.

use crate::support::Project;

fn project(hcl: &str) -> Project {
    Project::with(&[("main.hcl", hcl)])
}

#[test]
fn a_replacement_makes_the_new_object_first_where_the_block_says_so() {
    let project = project(
        r#"
variable "release" { default = 1 }
resource "terraform_data" "base" {
  triggers_replace = var.release
}
resource "terraform_data" "app" {
  triggers_replace = terraform_data.base.id
  lifecycle { create_before_destroy = true }
}
"#,
    );
    project.ok(&["apply", "--auto-approve"]);
    project.ok(&["plan", "--var", "release=2"]).has(&[
        "+/- create anew, then destroy",
        "  # terraform_data.app must be replaced\n",
        // What it is made from goes first too, without a word of its own.
        "  # terraform_data.base must be replaced\n  # (because triggers_replace cannot change in place)\n+/- resource",
        "Plan: 2 to add, 0 to change, 2 to destroy.",
    ]);
    let json = project.json(&["plan", "--var", "release=2"], 0);
    assert_eq!(json["resource_changes"][0]["change"]["actions"], serde_json::json!(["create", "delete"]));
    let applied = project.ok(&["apply", "--auto-approve", "--var", "release=2"]);
    let order = ["base: Creating", "app: Creating", "app (deposed object", "base (deposed object"];
    let places: Vec<_> = order
        .iter()
        .map(|line| applied.all().find(line).unwrap_or_else(|| panic!("{line}: {}", applied.all())))
        .collect();
    assert!(places.is_sorted(), "{}", applied.all());
    project.ok(&["plan", "--var", "release=2"]).has(&["No changes."]);
}

#[test]
fn what_sets_a_replacement_off_is_named() {
    let project = project(
        r#"
variable "size" {
  type    = number
  default = 1
}
resource "terraform_data" "base" { input = var.size }
resource "terraform_data" "app" {
  lifecycle { replace_triggered_by = [terraform_data.base.input] }
}
"#,
    );
    project.ok(&["apply", "--auto-approve"]);
    project.ok(&["plan", "--var", "size=2"]).has(&[
        "  # terraform_data.app must be replaced\n  # (because of `replace_triggered_by`: terraform_data.base.input changes)\n",
    ]);
    let json = project.json(&["plan", "--var", "size=2"], 0);
    assert_eq!(json["resource_changes"][0]["action_reason"], "replace_by_triggers");
}

#[test]
fn what_is_ignored_can_come_from_a_variable_and_must_be_an_argument() {
    let project = project(
        r#"
variable "size" {
  type    = number
  default = 1
}
variable "ignored" {
  type    = list(string)
  default = ["input"]
}
resource "terraform_data" "a" {
  input = var.size
  lifecycle { ignore_changes = var.ignored }
}
"#,
    );
    project.ok(&["apply", "--auto-approve"]);
    project.ok(&["plan", "--var", "size=2"]).has(&["No changes."]);
    project.ok(&["plan", "--var", "size=2", "--var", "ignored=[]"]).has(&["~ input  = 1 -> 2"]);
    project.mlo(&["validate"]).ends_with(0);
    project.write(
        "main.hcl",
        "resource \"terraform_data\" \"a\" {\n  lifecycle { ignore_changes = [inputt] }\n}\n",
    );
    project.mlo(&["validate"]).ends_with(1).has(&["main.hcl:2:33", "`inputt`", "did you mean `input`?"]);
}
