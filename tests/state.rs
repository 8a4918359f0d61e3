//! `mlo state …`, `taint` and `untaint`: what is done to the state alone.

use crate::support::{Project, fed};
use serde_json::Value;

const TWO: &str = r#"
resource "mlo_data" "a" {
  count = 2
  input = count.index
}
resource "mlo_data" "b" {
  input = mlo_data.a[1].output
}
module "m" {
  source = "./m"
  secret = "hunter2-hunter2"
}
"#;
const MODULE: &str =
    "variable \"secret\" { sensitive = true }\nresource \"mlo_data\" \"s\" { input = var.secret }\n";

fn project() -> Project {
    let project = Project::with(&[("main.hcl", TWO), ("m/main.hcl", MODULE)]);
    project.ok(&["apply", "--auto-approve"]);
    project
}

fn state(project: &Project) -> Value {
    serde_json::from_str(&project.ok(&["state", "pull"]).out).unwrap()
}

#[test]
fn objects_are_listed_and_shown() {
    let project = project();
    let all = "mlo_data.a[0]\nmlo_data.a[1]\nmlo_data.b\nmodule.m.mlo_data.s\n";
    assert_eq!(project.ok(&["state", "list"]).out, all);
    assert_eq!(
        project.ok(&["state", "list", "module.m", "mlo_data.a[1]"]).out,
        "mlo_data.a[1]\nmodule.m.mlo_data.s\n"
    );
    let shown = project.ok(&["state", "show", "mlo_data.a[1]"]);
    shown.has(&["# mlo_data.a[1]:\nresource \"mlo_data\" \"a\" {", "input  = 1"]);
    let id = shown.out.lines().find_map(|line| line.trim().strip_prefix("id")).unwrap();
    let id = id.trim_start_matches([' ', '=']).trim_matches('"');
    assert_eq!(project.ok(&["state", "list", "--id", id]).out, "mlo_data.a[1]\n");
    project.ok(&["state", "show", "module.m.mlo_data.s"]).has(&["(sensitive value)"]).has_not(&["hunter2"]);
    project
        .mlo(&["state", "show", "mlo_data.c"])
        .ends_with(1)
        .has(&["MLO6008", "did you mean `mlo_data.b`?"]);
    project.mlo(&["state", "list", "module.n"]).ends_with(1).has(&["the state has no module.n"]);
    project.mlo(&["state", "show", "mlo_data"]).ends_with(1).has(&["expected"]);
    Project::new().ok(&["state", "list"]).has(&["There is no state yet"]);
}

#[test]
fn objects_get_other_addresses_one_by_one_or_all_of_a_block_or_module() {
    let project = project();
    let serial = state(&project)["serial"].as_u64().unwrap();
    project.ok(&["state", "mv", "mlo_data.a", "mlo_data.z", "--dry-run"]).has(&[
        "mlo_data.a[0] is now mlo_data.z[0]\nmlo_data.a[1] is now mlo_data.z[1]\n",
        "this was a dry run",
    ]);
    assert_eq!(state(&project)["serial"], serial);
    project.ok(&["state", "mv", "mlo_data.a", "mlo_data.z"]);
    project.ok(&["state", "mv", "mlo_data.z[0]", "module.n[\"k\"].mlo_data.y"]);
    project.ok(&["state", "mv", "module.m", "module.o[0]"]);
    let now = state(&project);
    assert_eq!(now["serial"], serial + 3, "each is a serial of its own");
    let all = "mlo_data.b\nmlo_data.z[1]\nmodule.n[\"k\"].mlo_data.y\nmodule.o[0].mlo_data.s\n";
    assert_eq!(project.ok(&["state", "list"]).out, all);
    // What was made from it knows its new name.
    assert!(now.to_string().contains("\"dependencies\":[\"mlo_data.z\",\"module.n.mlo_data.y\"]"), "{now}");
    for (from, to, said) in [
        ("mlo_data.b", "mlo_data.z[1]", "another object is there"),
        ("mlo_data.b", "module.q", "one is a module, the other is not"),
        ("mlo_data.b", "local_file.b", "an object of type `mlo_data` cannot become one of type `local_file`"),
        ("mlo_data.x", "mlo_data.y", "the state has no mlo_data.x"),
    ] {
        project.mlo(&["state", "mv", from, to]).ends_with(1).has(&[said]);
    }
    assert_eq!(state(&project), now);
}

#[test]
fn what_is_forgotten_is_not_destroyed() {
    let project = Project::with(&[(
        "main.hcl",
        "resource \"local_file\" \"a\" {\n  filename = \"a\"\n  content = \"a\"\n}\n",
    )]);
    project.ok(&["apply", "--auto-approve"]);
    project.ok(&["state", "rm", "local_file.a", "--dry-run"]).has(&["dry run"]);
    assert_eq!(project.ok(&["state", "list"]).out, "local_file.a\n");
    project.ok(&["state", "rm", "local_file.a"]).has(&["local_file.a is forgotten, and not destroyed"]);
    assert_eq!(project.ok(&["state", "list"]).out, "");
    assert_eq!(project.read("a"), "a");
    project.mlo(&["state", "rm", "local_file.a"]).ends_with(1).has(&["MLO6008"]);
}

#[test]
fn a_state_is_pulled_and_pushed_and_never_by_mistake() {
    let project = project();
    let old = project.ok(&["state", "pull"]).out;
    project.ok(&["state", "rm", "mlo_data.b"]);
    project.write("old.json", &old);
    project.mlo(&["state", "push", "old.json"]).ends_with(1).has(&[
        "MLO6011",
        "the file is of serial",
        "--force",
    ]);
    project.ok(&["state", "push", "old.json", "--force"]).has(&["the state has 4 objects now"]);
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
    let now = project.ok(&["state", "pull"]).out;
    project.write("now.json", now.replace("hunter2-hunter2", "hunter3-hunter3"));
    project.mlo(&["state", "push", "now.json"]).ends_with(1).has(&["its content does not match its digest"]);
    let other = Project::new();
    other.write("m.json", &now);
    other.ok(&["state", "push", "m.json"]);
    assert_eq!(other.ok(&["state", "list"]).out.lines().count(), 4);
    other.ok(&["state", "rm", "mlo_data.a", "mlo_data.b", "module.m"]);
    let stranger = Project::with(&[("main.hcl", "resource \"mlo_data\" \"x\" {}\n")]);
    stranger.ok(&["apply", "--auto-approve"]);
    let said = fed(&mut stranger.command(&["state", "push", "-"]), &now);
    said.ends_with(1).has(&["the file is of lineage"]);
    assert_eq!(stranger.ok(&["state", "list"]).out, "mlo_data.x\n");
}

#[test]
fn a_tainted_object_is_replaced_unless_that_is_taken_back() {
    let project = project();
    project.mlo(&["untaint", "mlo_data.b"]).ends_with(1).has(&["MLO6010", "mlo_data.b is not tainted"]);
    project.ok(&["taint", "mlo_data.b"]).has(&["mlo_data.b is tainted: the next apply replaces it"]);
    project.ok(&["plan"]).has(&["Plan: 1 to add, 0 to change, 1 to destroy."]);
    project.ok(&["untaint", "mlo_data.b"]);
    project.ok(&["plan"]).has(&["No changes."]);
    project
        .mlo(&["taint", "mlo_data.a"])
        .ends_with(1)
        .has(&["mlo_data.a is not one object", "name an instance: mlo_data.a[0], mlo_data.a[1]"]);
}

/// An object whose predecessor is set aside as long as there is no file `may-go`.
pub(crate) const SET_ASIDE: &str = r#"
variable "v" {
  type    = number
  default = 1
}
resource "local_command" "a" {
  create = ["sh", "-c", "echo made-${var.v}"]
  find   = ["false"]
  read   = ["true"]
  delete = ["sh", "-c", "test $MLO_ID != made-1 || test -e may-go"]
  lifecycle { create_before_destroy = true }
}
"#;

/// Makes the object, and another in its place that the first does not give way to.
pub(crate) fn set_aside(project: &Project) {
    project.ok(&["apply", "--auto-approve"]);
    project.mlo(&["apply", "--auto-approve", "--var", "v=2"]).ends_with(1);
}

#[test]
fn what_was_set_aside_is_listed_shown_moved_and_forgotten() {
    let project = Project::with(&[("main.hcl", SET_ASIDE)]);
    set_aside(&project);
    assert_eq!(project.ok(&["state", "list"]).out, "local_command.a\n");
    project.ok(&["state", "show", "local_command.a"]).has(&[
        "made-2",
        "# local_command.a (deposed object",
        "made-1",
    ]);
    project.ok(&["show"]).has(&["# local_command.a (deposed object", "made-1"]);
    let shown = project.json(&["show"], 0);
    let all = shown["values"]["root_module"]["resources"].as_array().unwrap();
    let deposed: Vec<_> = all.iter().filter(|object| object["deposed_key"].is_string()).collect();
    assert_eq!((all.len(), deposed.len()), (2, 1), "{shown}");
    assert_eq!(deposed[0]["values"]["id"], "made-1");

    // Now nothing else is at the address.
    project.write("main.hcl", "");
    project.mlo(&["apply", "--auto-approve"]).ends_with(1);
    assert_eq!(project.ok(&["state", "list"]).out, "local_command.a\n");
    let moved = "local_command.a is now local_command.b\n";
    assert_eq!(project.ok(&["state", "mv", "local_command.a", "local_command.b"]).out, moved);
    assert_eq!(project.ok(&["state", "list"]).out, "local_command.b\n");
    project.ok(&["plan"]).has(&["# local_command.b (deposed object", "will be destroyed", "1 to destroy"]);
    project.mlo(&["taint", "local_command.b"]).ends_with(1).has(&["MLO6008"]);
    project
        .ok(&["state", "rm", "local_command.b"])
        .has(&["(deposed object", "is forgotten, and not destroyed"]);
    assert_eq!(project.ok(&["state", "list"]).out, "");
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);

    // With the object, what was set aside goes along.
    project.write("main.hcl", SET_ASIDE);
    set_aside(&project);
    assert_eq!(project.ok(&["state", "rm", "local_command.a"]).out.lines().count(), 2);
    assert_eq!(project.ok(&["state", "list"]).out, "");
}

#[test]
fn another_configuration_of_a_provider_keeps_what_one_kept() {
    let main = "provider \"local\" { alias = \"west\" }\nresource \"local_file\" \"f\" {\n  provider = local.west\n  filename = \"f\"\n  content  = \"f\"\n}\n";
    let project = Project::with(&[("main.hcl", main)]);
    project.ok(&["apply", "--auto-approve"]);
    for (from, to, said) in [
        ("local.wst", "local", "did you mean `local.west`?"),
        ("local.west", "mlo", "provider mlo has no objects of type `local_file`, such as local_file.f"),
        ("local.west", "nothing", "there is no provider `nothing`"),
    ] {
        project.mlo(&["state", "replace-provider", from, to]).ends_with(1).has(&[said]);
    }
    let line = "local_file.f is kept by provider local now\n";
    let dry = project.ok(&["state", "replace-provider", "local.west", "local", "--dry-run"]);
    assert_eq!(dry.out, line);
    let provider = |project: &Project| project.json(&["show"], 0)["resources"][0]["provider_name"].clone();
    assert_eq!(provider(&project), "local.west");
    assert_eq!(project.ok(&["state", "replace-provider", "local.west", "local"]).out, line);
    assert_eq!(provider(&project), "local");
    project.write("main.hcl", "resource \"local_file\" \"f\" {\n  filename = \"f\"\n  content  = \"f\"\n}\n");
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
}
