//! Objects that keep their identity while their names change: `moved` and `removed` blocks.

use crate::support::Project;
use serde_json::{Value, json};

fn project(hcl: &str) -> Project {
    Project::with(&[("main.hcl", hcl)])
}

/// The change of an object in a plan's document.
fn change<'p>(plan: &'p Value, address: &str) -> &'p Value {
    let mut changes = plan["resource_changes"].as_array().unwrap().iter();
    changes.find(|change| change["address"] == address).unwrap_or_else(|| panic!("{address} is in {plan:#}"))
}

/// Addresses and ids of the objects that the state has.
fn ids(project: &Project) -> Vec<(String, String)> {
    let shown = project.json(&["show"], 0);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let objects = shown["resources"].as_array().unwrap().iter();
    objects.map(|object| (text(&object["address"]), text(&object["values"]["id"]))).collect()
}

#[test]
fn a_renamed_block_keeps_its_object_and_only_the_state_changes() {
    let project = project("resource \"mlo_data\" \"a\" { input = 1 }\n");
    project.ok(&["apply", "--auto-approve"]);
    let before = ids(&project);
    project.write(
        "main.hcl",
        "resource \"mlo_data\" \"b\" { input = 1 }\nmoved {\n  from = mlo_data.a\n  to   = mlo_data.b\n}\n",
    );
    project.mlo(&["plan", "--detailed-exitcode"]).ends_with(2).has(&[
        "  # mlo_data.a has moved to mlo_data.b\n    resource \"mlo_data\" \"b\" {\n",
        "Plan: 0 to add, 0 to change, 0 to destroy.",
    ]);
    let plan = project.json(&["plan"], 0);
    let moved = change(&plan, "mlo_data.b");
    assert_eq!(moved["previous_address"], "mlo_data.a");
    assert_eq!(moved["change"]["actions"], json!(["no-op"]));
    assert_eq!(plan["applyable"], true);
    project.ok(&["apply", "--auto-approve"]).has(&["Resources: 0 added, 0 changed, 0 destroyed."]);
    let after = ids(&project);
    assert_eq!((after[0].0.as_str(), &after[0].1), ("mlo_data.b", &before[0].1));
    // The block may stay: it is true for every state.
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
}

#[test]
fn objects_move_through_modules_and_keys_in_one_step() {
    let project = project("resource \"mlo_data\" \"old\" {\n  count = 2\n  input = count.index\n}\n");
    project.ok(&["apply", "--auto-approve"]);
    let before = ids(&project);
    project.write(
        "main.hcl",
        r#"
module "m" {
  for_each = toset(["x"])
  source   = "./m"
}
moved {
  from = mlo_data.old[0]
  to   = module.n.mlo_data.mid
}
moved {
  from = module.n
  to   = module.m["x"]
}
"#,
    );
    project.write(
        "m/main.hcl",
        "resource \"mlo_data\" \"new\" {\n  for_each = toset([\"k\"])\n  input = 7\n}\nmoved {\n  from = mlo_data.mid\n  to = mlo_data.new[\"k\"]\n}\n",
    );
    project.ok(&["plan"]).has(&[
        "  # module.m[\"x\"].mlo_data.new[\"k\"] will be updated in place\n  # (moved from mlo_data.old[0])\n",
        "  # mlo_data.old[1] will be destroyed",
        "Plan: 0 to add, 1 to change, 1 to destroy.",
    ]);
    project.ok(&["apply", "--auto-approve"]);
    assert_eq!(ids(&project), [("module.m[\"x\"].mlo_data.new[\"k\"]".to_owned(), before[0].1.clone())]);
}

#[test]
fn count_that_comes_or_goes_moves_the_first_instance() {
    let project = project("resource \"mlo_data\" \"a\" { input = 1 }\n");
    project.ok(&["apply", "--auto-approve"]);
    project.write("main.hcl", "resource \"mlo_data\" \"a\" {\n  count = 2\n  input = 1\n}\n");
    project.ok(&["plan"]).has(&["# mlo_data.a has moved to mlo_data.a[0]", "Plan: 1 to add, 0 to change, 0"]);
    project.ok(&["apply", "--auto-approve"]);
    project.write("main.hcl", "resource \"mlo_data\" \"a\" { input = 1 }\n");
    project.ok(&["plan"]).has(&["# mlo_data.a[0] has moved to mlo_data.a", "Plan: 0 to add, 0 to change, 1"]);
    project.write("main.hcl", "resource \"mlo_data\" \"a\" {\n  for_each = toset([\"k\"])\n  input = 1\n}\n");
    project
        .ok(&["plan"])
        .has(&["(because its block gives no instance the key 0)", "Plan: 1 to add, 0 to change, 2"]);
    let plan = project.json(&["plan"], 0);
    assert_eq!(change(&plan, "mlo_data.a[0]")["action_reason"], "delete_because_wrong_repetition");
}

#[test]
fn moves_that_cannot_be_are_said_with_their_places() {
    let project = project("resource \"mlo_data\" \"a\" {}\nresource \"mlo_data\" \"b\" {}\n");
    project.ok(&["apply", "--auto-approve"]);
    project.write(
        "main.hcl",
        "resource \"mlo_data\" \"b\" {}\nmoved {\n  from = mlo_data.a\n  to   = mlo_data.b\n}\n",
    );
    project.ok(&["plan"]).has(&[
        "warning[MLO3034]: not moved, because another object is there: mlo_data.a to mlo_data.b",
        "# mlo_data.a will be destroyed",
        "mlo state mv",
    ]);
    project.write(
        "main.hcl",
        "resource \"mlo_data\" \"a\" {}\nmoved {\n  from = mlo_data.a\n  to   = mlo_data.c\n}\n",
    );
    project.mlo(&["validate"]).ends_with(1).has(&[
        "MLO3031",
        "mlo_data.a has moved, and is still",
        "main.hcl:3:10",
    ]);
    project.write(
        "main.hcl",
        "resource \"mlo_data\" \"n\" {\n  for_each = toset([\"x\", \"y\"])\n}\nmoved {\n  from = mlo_data.a\n  to = mlo_data.n[\"x\"]\n}\nmoved {\n  from = mlo_data.n[\"y\"]\n  to = mlo_data.c\n}\n",
    );
    project.ok(&["apply", "--auto-approve"]);
    project.mlo(&["plan"]).ends_with(1).has(&["mlo_data.n[\"y\"] has moved to mlo_data.c, and is still in"]);
    project.write("main.hcl", "moved {\n  from = mlo_data.n[\"y\"]\n  to = mlo_data.c\n}\n");
    let plan = project.json(&["plan"], 0);
    assert_eq!(change(&plan, "mlo_data.c")["action_reason"], "delete_because_no_move_target");
    project.ok(&["plan"]).has(&["(because it was moved to mlo_data.c, which is not in the configuration)"]);
}

#[test]
fn what_is_removed_is_destroyed_or_forgotten() {
    let project = Project::with(&[
        (
            "main.hcl",
            "resource \"local_file\" \"a\" {\n  filename = \"a.txt\"\n  content = \"a\"\n}\nmodule \"m\" { source = \"./m\" }\n",
        ),
        (
            "m/main.hcl",
            "resource \"local_file\" \"b\" {\n  filename = \"b.txt\"\n  content = \"b\"\n}\nresource \"mlo_data\" \"c\" {}\n",
        ),
    ]);
    project.ok(&["apply", "--auto-approve"]);
    project.edit("main.hcl", "resource", "removed {\n  from = module.m.local_file.b\n}\nresource");
    project.mlo(&["plan"]).ends_with(1).has(&["what is said to be removed is still there", "m/main.hcl:1:1"]);
    project.write(
        "main.hcl",
        "removed {\n  from = local_file.a\n  lifecycle { destroy = false }\n}\nremoved {\n  from = module.m\n  lifecycle { destroy = false }\n}\nremoved {\n  from = module.m.mlo_data.c\n}\n",
    );
    project.ok(&["plan"]).has(&[
        "  # local_file.a will no longer be managed by mlo, but will not be destroyed\n  # (because a `removed` block says `destroy = false`)\n  . resource \"local_file\" \"a\" {",
        "  # module.m.mlo_data.c will be destroyed",
        "Plan: 0 to add, 0 to change, 1 to destroy.",
        "warning[MLO3035]: no longer managed by mlo after this, and not destroyed: local_file.a, module.m.local_file.b",
    ]);
    let plan = project.json(&["plan"], 0);
    let forgotten = change(&plan, "module.m.local_file.b");
    assert_eq!(forgotten["change"]["actions"], json!(["forget"]));
    assert_eq!(forgotten["change"]["after"], json!(null));
    project.ok(&["apply", "--auto-approve"]).has(&["0 added, 0 changed, 1 destroyed."]);
    assert_eq!(project.json(&["show"], 0)["resources"], json!([]));
    assert_eq!((project.read("a.txt"), project.read("b.txt")), ("a".into(), "b".into()));
}
