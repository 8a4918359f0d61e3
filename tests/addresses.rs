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

const LAYERS: &str = r#"
variable "v" {
  type    = number
  default = 1
}
resource "mlo_data" "base" {
  input = var.v
}
resource "mlo_data" "mid" {
  count = 2
  input = mlo_data.base.input
}
module "m" {
  for_each = toset(["x", "y"])
  source   = "./m"
  v        = mlo_data.mid[0].input
}
resource "mlo_data" "alone" {
  input = var.v
}
output "base"  { value = mlo_data.base.input }
output "alone" { value = mlo_data.alone.input }
"#;
const LAYER: &str = "variable \"v\" {}\nresource \"mlo_data\" \"in\" { input = var.v }\nresource \"mlo_data\" \"on\" { input = mlo_data.in.input }\n";

fn layers() -> Project {
    Project::with(&[("main.hcl", LAYERS), ("m/main.hcl", LAYER)])
}

/// What a plan would do: `create mlo_data.a`, in order.
fn actions(plan: &Value) -> Vec<String> {
    let changes = plan["resource_changes"].as_array().unwrap().iter();
    let changes = changes.filter(|change| change["change"]["actions"] != json!(["no-op"]));
    let actions = |change: &Value| {
        let verbs = change["change"]["actions"].as_array().unwrap().iter().map(|verb| verb.as_str().unwrap());
        format!("{} {}", verbs.collect::<Vec<_>>().join("-"), change["address"].as_str().unwrap())
    };
    changes.map(actions).collect()
}

#[test]
fn a_target_takes_what_it_depends_on_along_and_nothing_else() {
    let project = layers();
    let plan = project.json(&["plan", "--target", "module.m[\"x\"].mlo_data.on"], 0);
    assert_eq!(
        actions(&plan),
        [
            "create mlo_data.base",
            "create mlo_data.mid[0]",
            "create mlo_data.mid[1]",
            "create module.m[\"x\"].mlo_data.in",
            "create module.m[\"x\"].mlo_data.on",
        ]
    );
    assert_eq!(plan["complete"], false);
    assert_eq!(plan["output_changes"]["base"]["actions"], json!(["create"]));
    assert_eq!(plan["output_changes"]["alone"], json!(null));
    project.ok(&["apply", "--auto-approve", "--target", "mlo_data.mid[1]"]).has(&[
        "MLO3037",
        "this plan is for a part of the configuration only",
        "2 added, 0 changed, 0 destroyed.",
    ]);
    assert_eq!(project.ok(&["state", "list"]).out, "mlo_data.base\nmlo_data.mid[1]\n");
    project.ok(&["apply", "--auto-approve"]);
    let plan = project
        .json(&["plan", "--var", "v=2", "--target", "mlo_data.mid[0]", "--target", "module.m[\"y\"]"], 0);
    assert_eq!(
        actions(&plan),
        [
            "update mlo_data.base",
            "update mlo_data.mid[0]",
            "update mlo_data.mid[1]",
            "update module.m[\"y\"].mlo_data.in",
            "update module.m[\"y\"].mlo_data.on",
        ]
    );
    // What a policy sees does not shrink.
    assert_eq!(plan["resource_changes"].as_array().unwrap().len(), 8);
    project.ok(&["apply", "--auto-approve", "--var", "v=2", "--target", "mlo_data.base"]).has(&["1 changed"]);
    assert_eq!(project.json(&["output"], 0)["base"]["value"], 2);
    assert_eq!(project.json(&["output"], 0)["alone"]["value"], 1);
}

#[test]
fn what_is_excluded_stays_and_so_does_what_depends_on_it() {
    let project = layers();
    project.ok(&["apply", "--auto-approve"]);
    let plan = project.json(&["plan", "--var", "v=2", "--exclude", "mlo_data.mid[1]"], 0);
    assert_eq!(actions(&plan), ["update mlo_data.alone", "update mlo_data.base", "update mlo_data.mid[0]"]);
    let plan = project.json(&["plan", "--var", "v=2", "--exclude", "module.m[\"x\"].mlo_data.in"], 0);
    assert_eq!(
        actions(&plan),
        [
            "update mlo_data.alone",
            "update mlo_data.base",
            "update mlo_data.mid[0]",
            "update mlo_data.mid[1]",
            "update module.m[\"y\"].mlo_data.in",
            "update module.m[\"y\"].mlo_data.on",
        ]
    );
    let plan = project.json(&["plan", "--destroy", "--exclude", "module.m[\"x\"].mlo_data.in"], 0);
    assert_eq!(
        actions(&plan),
        [
            "delete mlo_data.alone",
            "delete module.m[\"x\"].mlo_data.on",
            "delete module.m[\"y\"].mlo_data.in",
            "delete module.m[\"y\"].mlo_data.on"
        ]
    );
}

#[test]
fn to_destroy_a_part_takes_what_was_made_from_it_along() {
    let project = layers();
    project.ok(&["apply", "--auto-approve"]);
    // The state knows by block what an object was made from: both instances of `on` may need this one of `in`.
    let x = "module.m[\"x\"].mlo_data.in";
    project.ok(&["destroy", "--auto-approve", "--target", x]).has(&["3 destroyed."]);
    assert_eq!(project.ok(&["state", "list", "module.m"]).out, "module.m[\"y\"].mlo_data.in\n");
    assert_eq!(project.json(&["output"], 0)["base"]["value"], 1, "outputs stay while anything does");
    // An orphan goes only if it is meant.
    project.write("main.hcl", "resource \"mlo_data\" \"alone\" { input = 5 }\n");
    let planned = |flag: &str, address: &str| actions(&project.json(&["plan", flag, address], 0));
    assert_eq!(planned("--target", "mlo_data.alone"), ["update mlo_data.alone"]);
    assert_eq!(
        planned("--target", "mlo_data.mid"),
        ["delete mlo_data.mid[0]", "delete mlo_data.mid[1]", "delete module.m[\"y\"].mlo_data.in"]
    );
    assert_eq!(planned("--exclude", "module.m[\"y\"].mlo_data.in"), ["update mlo_data.alone"]);
}

#[test]
fn a_new_object_is_made_on_request() {
    let project = layers();
    project.ok(&["apply", "--auto-approve"]);
    project.ok(&["plan", "--replace", "mlo_data.mid[1]"]).has(&[
        "  # mlo_data.mid[1] will be replaced, as requested\n-/+ resource",
        "Plan: 1 to add, 0 to change, 1 to destroy.",
    ]);
    let plan = project.json(&["plan", "--replace", "mlo_data.mid[1]"], 0);
    assert_eq!(change(&plan, "mlo_data.mid[1]")["action_reason"], "replace_by_request");
    project
        .mlo(&["plan", "--replace", "mlo_data.mid"])
        .ends_with(1)
        .has(&["MLO3036", "name one of its instances: mlo_data.mid[0], mlo_data.mid[1]\n"])
        .has_not(&["did you mean"]);
}

#[test]
fn what_is_nowhere_cannot_be_named() {
    let project = layers();
    for (flag, address, said) in [
        ("--target", "mlo_data.bse", "did you mean `mlo_data.base`?"),
        ("--target", "module.n", "neither the configuration nor the state has module.n"),
        ("--exclude", "mlo_data.mid[7]", "neither the configuration nor the state has mlo_data.mid[7]"),
        ("--target", "module.m[\"z\"]", "neither the configuration nor the state has module.m[\"z\"]"),
        ("--replace", "mlo_data.nothing", "cannot be replaced"),
    ] {
        project.mlo(&["plan", flag, address]).ends_with(1).has(&["MLO3036", said]);
    }
    project.mlo(&["plan", "--target", "mlo_data"]).ends_with(1).has(&["--target"]);
    project
        .mlo(&["plan", "--target", "mlo_data.mid", "--exclude", "mlo_data.base"])
        .ends_with(1)
        .has(&["cannot be used"]);
}

#[test]
fn what_is_there_is_imported_and_changed_in_one_step() {
    let project = project(
        r#"
variable "names" {
  type    = list(string)
  default = ["a", "b"]
}
resource "local_file" "note" {
  for_each = toset(var.names)
  filename = "${each.key}.txt"
  content  = "one"
}
import {
  for_each = toset(var.names)
  to       = local_file.note[each.key]
  id       = "${each.key}.txt"
}
"#,
    );
    project.mlo(&["plan"]).ends_with(1).has(&[
        "MLO3038",
        "there is nothing with the id \"a.txt\"",
        "main.hcl:11:1",
    ]);
    project.write("a.txt", "one");
    project.write("b.txt", "two");
    project.ok(&["plan"]).has(&[
        "  # local_file.note[\"a\"] will be imported\n    resource \"local_file\" \"note\" {",
        "  # local_file.note[\"b\"] will be updated in place\n  # (imported from \"b.txt\")",
        "Plan: 2 to import, 0 to add, 1 to change, 0 to destroy.",
    ]);
    let plan = project.json(&["plan"], 0);
    assert_eq!(change(&plan, "local_file.note[\"a\"]")["change"]["importing"], json!({"id": "a.txt"}));
    assert_eq!(plan["summary"]["import"], 2);
    project
        .ok(&["apply", "--auto-approve"])
        .has(&["Resources: 2 imported, 0 added, 1 changed, 0 destroyed."]);
    assert_eq!(project.read("b.txt"), "one");
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
    project.write("main.hcl", "import {\n  to = mlo_data.x\n  id = \"x\"\n}\n");
    project
        .mlo(&["validate"])
        .ends_with(1)
        .has(&["there is no block `mlo_data.x` to import into", "main.hcl:2:8"]);
    project.write(
        "main.hcl",
        "resource \"mlo_data\" \"x\" { count = 1 }\nimport {\n  to = mlo_data.x[3]\n  id = \"x\"\n}\n",
    );
    project.mlo(&["plan"]).ends_with(1).has(&["there is no instance mlo_data.x[3] to import to"]);
}

#[test]
fn an_import_moves_nothing_but_what_goes_to_its_address() {
    let before = "resource \"mlo_data\" \"a\" {}\nresource \"mlo_data\" \"n\" { count = 1 }\n";
    let project = project(before);
    project.ok(&["apply", "--auto-approve"]);
    project.write(
        "main.hcl",
        "resource \"mlo_data\" \"b\" {}\nmoved {\n  from = mlo_data.a\n  to   = mlo_data.b\n}\nresource \"mlo_data\" \"n\" {}\nresource \"local_file\" \"note\" {\n  filename = \"a.txt\"\n  content  = \"old\"\n}\n",
    );
    project.write("a.txt", "old");
    project.ok(&["import", "local_file.note", "a.txt"]).has(&["1 imported"]).has_not(&["mlo_data.b"]);
    assert_eq!(project.ok(&["state", "list"]).out, "local_file.note\nmlo_data.a\nmlo_data.n[0]\n");
    project.mlo(&["import", "mlo_data.b", "x"]).ends_with(1).has(&["the state has mlo_data.b already"]);
    project.ok(&["apply", "--auto-approve"]).has(&["0 added, 0 changed, 0 destroyed"]);
    assert_eq!(project.ok(&["state", "list"]).out, "local_file.note\nmlo_data.b\nmlo_data.n\n");
}

#[test]
fn one_object_is_imported_and_nothing_else_happens() {
    let project = project(
        "resource \"mlo_data\" \"other\" {}\nresource \"local_file\" \"note\" {\n  filename = \"a.txt\"\n  content = \"new ${mlo_data.other.id}\"\n}\noutput \"o\" { value = 1 }\n",
    );
    project.write("a.txt", "old");
    project
        .ok(&["import", "local_file.note", "a.txt"])
        .has(&["1 imported, 0 added, 0 changed, 0 destroyed."]);
    assert_eq!(project.ok(&["state", "list"]).out, "local_file.note\n");
    assert_eq!(project.read("a.txt"), "old");
    project
        .mlo(&["import", "local_file.note", "a.txt"])
        .ends_with(1)
        .has(&["the state has local_file.note already"]);
    project
        .mlo(&["import", "local_file.nte", "b.txt"])
        .ends_with(1)
        .has(&["did you mean `local_file.note`?", "write it first"]);
    project
        .mlo(&["import", "mlo_data.other[0]", "b"])
        .ends_with(1)
        .has(&["there is no instance mlo_data.other[0]"]);
    project.ok(&["apply", "--auto-approve"]).has(&["1 added, 1 changed, 0 destroyed."]);
    project.write("bytes", [0xff, 0x00]);
    project.write("main.hcl", "resource \"local_file\" \"bytes\" {\n  filename = \"bytes\"\n  content_base64 = \"/wA=\"\n}\nimport {\n  to = local_file.bytes\n  id = \"bytes\"\n}\n");
    project.ok(&["plan"]).has(&["Plan: 1 to import, 0 to add, 0 to change"]);
}
