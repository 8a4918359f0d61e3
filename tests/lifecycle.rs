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

const PROTECTED: &str = r#"
variable "v" { default = 1 }
resource "terraform_data" "p" {
  input            = var.v
  triggers_replace = [1, { k = var.v }]
  lifecycle { prevent_destroy = true }
}
resource "terraform_data" "user" { input = terraform_data.p.id }
"#;

#[test]
fn what_may_not_be_replaced_is_shown_with_what_would_replace_it() {
    let project = project(PROTECTED);
    let goes = "resource \"terraform_data\" \"gone\" {}\nresource \"terraform_data\" \"left\" {}\n";
    project.write("more.hcl", goes);
    project.ok(&["apply", "--auto-approve"]);
    let removed = "removed {\n  from = terraform_data.left\n  lifecycle { destroy = false }\n}\n";
    project.write("more.hcl", removed);
    let said = project.mlo(&["plan", "--var", "v=2"]);
    said.ends_with(1).has_not(&["# terraform_data.user"]).has(&[
        "  # terraform_data.p must be replaced\n  # (because triggers_replace cannot change in place)\n",
        "triggers_replace = [ # forces replacement\n",
        // What has nothing to do with it is shown too.
        "  # terraform_data.gone will be destroyed\n",
        "  # terraform_data.left will no longer be managed by mlo",
        "Plan: 1 to add, 0 to change, 2 to destroy.",
        "it is not the whole plan",
        "error[MLO3017]: terraform_data.p is protected",
        "It would be replaced, since triggers_replace cannot change in place.",
    ]);
    let document = project.json(&["plan", "--var", "v=2"], 1);
    let changes = document["resource_changes"].as_array().unwrap();
    let actions = |name: &str| {
        let address = format!("terraform_data.{name}");
        let change = changes.iter().find(|change| change["address"] == address.as_str());
        change.map(|change| change["change"]["actions"].clone())
    };
    assert_eq!(actions("p"), Some(serde_json::json!(["delete", "create"])));
    assert_eq!(actions("gone"), Some(serde_json::json!(["delete"])));
    assert_eq!(actions("user"), None);
    assert_eq!(
        (&document["errored"], &document["applyable"]),
        (&serde_json::json!(true), &serde_json::json!(false))
    );
    project.mlo(&["apply", "--auto-approve", "--var", "v=2"]).ends_with(1);
    assert_eq!(project.ok(&["state", "list"]).out.lines().count(), 4, "nothing was done");
    // Why, whatever it is.
    let replace = ["plan", "--replace", "terraform_data.p"];
    project.mlo(&replace).ends_with(1).has(&[
        "  # terraform_data.p will be replaced, as requested\n",
        "It would be replaced, since that is asked for.",
    ]);
}

#[test]
fn what_may_not_go_is_shown_with_what_would_take_it_away() {
    let counted = |count: u8| {
        format!(
            "resource \"terraform_data\" \"a\" {{\n  count = {count}\n  lifecycle {{ prevent_destroy = true }}\n}}\n"
        )
    };
    let project = project(&counted(2));
    project.ok(&["apply", "--auto-approve"]);
    project.write("main.hcl", counted(1));
    project.mlo(&["plan"]).ends_with(1).has(&[
        "  # terraform_data.a[1] will be destroyed\n  # (because index 1 is past `count`)\n",
        "error[MLO3017]: terraform_data.a[1] is protected",
    ]);
    project.mlo(&["plan", "--destroy"]).ends_with(1).has(&[
        "Plan: 0 to add, 0 to change, 2 to destroy.",
        "error[MLO3017]: terraform_data.a[0] is protected",
    ]);
}
