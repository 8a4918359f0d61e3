//! Providers that are configured from resources of the same plan, and one configuration for each key of a map.

use crate::support::Project;
use serde_json::json;

const NESTED: &str = r#"
variable "folder" { default = "one" }
variable "text" { default = "hello" }
resource "terraform_data" "folder" { input = var.folder }
provider "local" {
  alias = "inside"
  root  = terraform_data.folder.output
}
resource "local_file" "f" {
  provider = local.inside
  filename = "f.txt"
  content  = var.text
}
data "local_file" "f" {
  provider   = local.inside
  filename   = "f.txt"
  depends_on = [local_file.f]
}
output "content" { value = data.local_file.f.content }
"#;

fn nested() -> Project {
    Project::with(&[("main.hcl", NESTED)])
}

#[test]
fn what_a_provider_is_configured_with_is_made_in_the_same_apply() {
    let project = nested();
    project.ok(&["validate"]);
    project.ok(&["plan"]).has(&[
        "  # local_file.f will be created\n",
        "  # data.local_file.f will be read during apply\n  # (the configuration of its provider `local.inside` is not known yet)\n",
        "Plan: 2 to add, 0 to change, 0 to destroy.",
    ]);
    project.ok(&["apply", "--auto-approve"]).has(&["2 added", "content = \"hello\""]);
    assert_eq!(project.read("one/f.txt"), "hello");
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
    project.ok(&["apply", "--auto-approve", "--var", "text=bye"]).has(&["1 changed"]);
    assert_eq!(project.read("one/f.txt"), "bye");
    let destroyed = project.ok(&["destroy", "--auto-approve"]);
    destroyed.has(&["2 destroyed"]);
    assert!(!project.path().join("one/f.txt").exists());
    let place = |text: &str| destroyed.err.find(text).unwrap_or_else(|| panic!("{}", destroyed.err));
    assert!(place("local_file.f: Destruction complete") < place("terraform_data.folder: Destroying"));
}

#[test]
fn objects_are_taken_away_with_what_their_provider_was_configured_with() {
    let project = nested();
    project.ok(&["apply", "--auto-approve"]);
    // The provider's configuration changes, and one of its objects goes, in one plan.
    project.edit("main.hcl", "filename = \"f.txt\"\n  content", "filename = \"g.txt\"\n  content");
    project.edit("main.hcl", "filename   = \"f.txt\"", "filename   = \"g.txt\"");
    project.ok(&["plan", "--var", "folder=two"]).has(&[
        "Not refreshed: the configuration of their provider is not known before the apply.\n\n  # local_file.f\n",
        "-/+ resource \"local_file\" \"f\"",
    ]);
    let plan = project.json(&["plan", "--var", "folder=two"], 0);
    assert_eq!(plan["not_refreshed"], json!(["local_file.f"]));
    project.ok(&["apply", "--auto-approve", "--var", "folder=two"]).has(&["1 added, 1 changed, 1 destroyed"]);
    assert!(!project.path().join("one/f.txt").exists());
    assert_eq!(project.read("two/g.txt"), "hello");
    project.ok(&["plan", "--var", "folder=two", "--detailed-exitcode"]).has(&["No changes."]);
    // Its block is gone while what the provider is configured with changes again.
    project.write("main.hcl", NESTED.split("resource \"local_file\"").next().unwrap());
    project
        .ok(&["apply", "--auto-approve", "--var", "folder=three"])
        .has(&["0 added, 1 changed, 1 destroyed"]);
    assert!(!project.path().join("two/g.txt").exists());
}

#[test]
fn an_apply_that_failed_before_the_provider_was_configured_can_be_destroyed() {
    let project = nested();
    project.edit("main.hcl", "root  = terraform_data.folder.output", "root  = terraform_data.last.output");
    project.edit(
        "main.hcl",
        "provider \"local\" {",
        "resource \"terraform_data\" \"last\" {\n  input = var.folder\n  lifecycle {\n    precondition {\n      condition     = terraform_data.folder.output == \"two\"\n      error_message = \"no\"\n    }\n  }\n}\nprovider \"local\" {",
    );
    project.mlo(&["apply", "--auto-approve"]).ends_with(1);
    project.ok(&["destroy", "--auto-approve"]).has(&["1 destroyed"]);
}

const EACH: &str = r#"
variable "regions" {
  type    = map(string)
  default = { eu = "europe", us = "america" }
}
provider "local" {
  alias    = "by"
  for_each = var.regions
  root     = each.value
}
resource "local_file" "f" {
  for_each = toset(["eu", "us"])
  provider = local.by[each.key]
  filename = "f.txt"
  content  = each.key
}
module "m" {
  source    = "./m"
  for_each  = { eu = 1 }
  providers = { local = local.by[each.key] }
}
"#;

#[test]
fn a_provider_is_configured_for_each_key_and_blocks_choose() {
    let project = Project::with(&[
        ("main.hcl", EACH),
        ("m/main.hcl", "resource \"local_file\" \"g\" {\n  filename = \"g.txt\"\n  content = \"g\"\n}\n"),
    ]);
    project.ok(&["validate"]);
    project.ok(&["apply", "--auto-approve"]).has(&["3 added"]);
    let read = |name: &str| project.read(name);
    assert_eq!([read("europe/f.txt"), read("america/f.txt"), read("europe/g.txt")], ["eu", "us", "g"]);
    let state = project.ok(&["state", "pull"]).out;
    assert!(state.contains(r#""local.by[\"eu\"]""#), "{state}");
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);

    // A key that goes before its objects.
    project.edit("main.hcl", "toset([\"eu\", \"us\"])", "toset([\"eu\"])");
    project.mlo(&["plan", "--var", "regions={ eu = \"europe\" }"]).ends_with(1).has(&[
        "local_file.f[\"us\"] is kept by provider local.by[\"us\"], which is not configured any more",
        "help: bring its key back into the provider's `for_each` until its objects are gone",
    ]);
    project.ok(&["apply", "--auto-approve"]).has(&["1 destroyed"]);
    project
        .ok(&["plan", "--var", "regions={ eu = \"europe\" }", "--detailed-exitcode"])
        .has(&["No changes."]);

    project.edit("main.hcl", "local.by[each.key]\n  filename", "local.by[\"asia\"]\n  filename");
    project
        .mlo(&["plan"])
        .ends_with(1)
        .has(&["provider `local` has no configuration \"asia\"", "main.hcl:13:23"]);
    project.ok(&["destroy", "--auto-approve"]).has(&["2 destroyed"]);
}
