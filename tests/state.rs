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
