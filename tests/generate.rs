//! Blocks that are written from objects which are there: `--generate-config`.

use crate::support::Project;
use serde_json::json;

const IMPORTS: &str = r#"
import {
  to = local_file.note
  id = "note.txt"
}
import {
  to = mlo_data.old
  id = "an id"
}
output "name" { value = local_file.note.filename }
"#;

fn project(hcl: &str) -> Project {
    let project = Project::with(&[("main.hcl", hcl)]);
    project.write("note.txt", "one ${x}\n  \"two\"\n");
    project
}

#[test]
fn a_block_is_written_for_each_object_that_has_none_and_then_imported() {
    let project = project(IMPORTS);
    project.mlo(&["plan"]).ends_with(1).has(&[
        "there is no block `local_file.note` to import into",
        "or have it written: `mlo plan --generate-config generated.hcl`",
    ]);
    project.ok(&["plan", "--generate-config", "generated.hcl"]).has(&[
        "2 blocks are written to `generated.hcl`: look through it",
        "# local_file.note will be imported",
        "Plan: 2 to import, 0 to add, 0 to change, 0 to destroy.",
    ]);
    let written = project.read("generated.hcl");
    let (_, blocks) = written.split_once("\n\n").unwrap();
    let mode = "0644";
    assert_eq!(
        blocks,
        format!(
            r#"# Generated from "note.txt"
resource "local_file" "note" {{
  content              = <<EOT
one $${{x}}
  "two"
EOT
  directory_permission = "0755"
  file_permission      = "{mode}"
  filename             = "note.txt"
}}

# Generated from "an id"
resource "mlo_data" "old" {{
}}
"#
        )
    );
    project.ok(&["fmt", "--check"]);
    // It is never written over, and what is there is planned like any other block.
    project
        .mlo(&["plan", "--generate-config", "generated.hcl"])
        .ends_with(1)
        .has(&["MLO3039", "`generated.hcl` is there already, and is not written over"]);
    assert_eq!(project.read("generated.hcl"), written);
    project.ok(&["plan", "--generate-config", "more.hcl"]).has_not(&["written to"]);
    assert!(!project.path().join("more.hcl").exists(), "nothing is missing");
    project.ok(&["apply", "--auto-approve"]).has(&["2 imported, 0 added, 0 changed, 0 destroyed."]);
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
    assert_eq!(project.read("note.txt"), "one ${x}\n  \"two\"\n");

    // What the state has is not imported again.
    std::fs::remove_file(project.path().join("generated.hcl")).unwrap();
    project.mlo(&["plan", "--generate-config", "again.hcl"]).ends_with(1).has(&[
        "MLO3039",
        "the state has local_file.note already",
        "mlo state show local_file.note",
    ]);
}

#[test]
fn the_document_has_the_block_and_a_saved_plan_is_made_of_it() {
    let project = project(IMPORTS);
    let plan = project.json(&["plan", "--generate-config", "generated.hcl", "--out", "p.plan"], 0);
    let change = &plan["resource_changes"][0]["change"];
    assert_eq!(change["importing"], json!({ "id": "note.txt" }));
    let block = change["generated_config"].as_str().unwrap();
    assert!(block.contains("resource \"local_file\" \"note\" {"), "{block}");
    assert!(project.read("generated.hcl").contains(block));
    project.ok(&["apply", "p.plan"]).has(&["2 imported, 0 added, 0 changed, 0 destroyed."]);
}

#[test]
fn a_sensitive_value_is_not_written() {
    let project = project(
        "variable \"p\" { sensitive = true }\nimport {\n  to = local_file.note\n  id = \"secret.txt\"\n}\n",
    );
    project.write("secret.txt", "it is hunter2 here");
    // It is for its author to say where the value comes from: until then the block says too little.
    let said = project.mlo(&["plan", "--generate-config", "g.hcl", "--var", "p=hunter2"]);
    said.ends_with(1).has_not(&["hunter2"]).has(&[
        "`content` of local_file.note is sensitive, and was not written to `g.hcl`",
        "MLO3039",
        "g.hcl:4:1",
    ]);
    let written = project.read("g.hcl");
    assert!(written.contains("  content              = null # sensitive\n"), "{written}");
    assert!(!written.contains("hunter2"), "{written}");
    project.edit("g.hcl", "null # sensitive", "\"it is ${var.p} here\"");
    project
        .ok(&["plan", "--var", "p=hunter2"])
        .has(&["Plan: 1 to import, 0 to add, 0 to change"])
        .has_not(&["hunter2"]);
}

#[test]
fn where_no_block_can_be_written_that_is_said() {
    let import = |to: &str| {
        format!("module \"m\" {{ source = \"./m\" }}\nimport {{\n  to = {to}\n  id = \"note.txt\"\n}}\n")
    };
    for to in ["module.m.local_file.note", "local_file.note[\"k\"]"] {
        let project = project(&import(to));
        project.write("m/main.hcl", "");
        project.mlo(&["plan", "--generate-config", "g.hcl"]).ends_with(1).has(&[
            "to import into",
            "No configuration can be generated for what is in a module",
            "main.hcl:3:8",
        ]);
        assert!(!project.path().join("g.hcl").exists());
    }
    let project = project(IMPORTS);
    project.write("elsewhere/x", "");
    for (file, said) in [
        ("elsewhere/g.hcl", "would not be part of the configuration in `.`"),
        ("g.txt", "name a file in that folder which ends in `.hcl` or `.tf`"),
        ("g.tftest.hcl", "would not be part"),
        (".g.hcl", "would not be part"),
        ("no/g.hcl", "would not be part"),
        ("main.hcl", "is there already"),
    ] {
        project.mlo(&["plan", "--generate-config", file]).ends_with(1).has(&["MLO3039", said]);
    }
    let manifests = Project::new();
    manifests
        .mlo(&["plan", "--generate-config", "g.hcl"])
        .ends_with(1)
        .has(&["has no configuration to which `g.hcl` could belong"]);
    let refused = project.mlo(&["plan", "--generate-config", "g.hcl", "--destroy"]);
    refused.ends_with(1).has(&["cannot be used with"]);
    project.write("main.hcl", "import {\n  to = local_file.note\n  id = \"nothing.txt\"\n}\n");
    let nothing = project.json(&["plan", "--generate-config", "g.hcl"], 1);
    assert!(nothing["diagnostics"][0]["summary"].as_str().unwrap().contains("nothing.txt"), "{nothing}");
    project.write("main.hcl", "import {\n  to = local_command.c\n  id = \"c\"\n}\n");
    project
        .mlo(&["plan", "--generate-config", "g.hcl"])
        .ends_with(1)
        .has(&["objects of type `local_command` cannot be imported", "main.hcl:1:1"]);
    assert!(!project.path().join("g.hcl").exists());
}

#[test]
fn one_object_is_imported_with_the_block_that_it_needs() {
    let project = project("provider \"local\" { alias = \"west\" }\nresource \"mlo_data\" \"other\" {}\n");
    project
        .ok(&["import", "local_file.note", "note.txt", "--generate-config", "note.hcl"])
        .has(&["1 block is written to `note.hcl`", "1 imported, 0 added, 0 changed, 0 destroyed."]);
    assert!(project.read("note.hcl").contains("resource \"local_file\" \"note\" {"));
    assert_eq!(project.ok(&["state", "list"]).out, "local_file.note\n");
    project.ok(&["plan"]).has(&["Plan: 1 to add, 0 to change, 0 to destroy."]);
    project
        .mlo(&["import", "local_file.notes[0]", "note.txt", "--generate-config", "x.hcl"])
        .ends_with(1)
        .has(&["no configuration can be generated for local_file.notes[0]"]);
    // The provider that an `import` block names is the block's.
    project.write(
        "import.hcl",
        "import {\n  to       = local_file.west\n  id       = \"west.txt\"\n  provider = local.west\n}\n",
    );
    project.write("west.txt", "west");
    project.ok(&["plan", "--generate-config", "west.hcl"]).has(&["Plan: 1 to import, 1 to add"]);
    assert!(project.read("west.hcl").contains("  provider = local.west\n"), "{}", project.read("west.hcl"));
}

#[test]
#[cfg(target_os = "linux")]
fn a_service_that_runs_is_imported_with_the_block_that_it_was_made_by() {
    let project = Project::copy_of("examples/iris");
    std::fs::remove_file(project.path().join("iris.yaml")).unwrap();
    project.write(
        "main.hcl",
        "resource \"local_inference_service\" \"s\" {\n  name   = \"iris\"\n  model  = \"model/iris.onnx\"\n  labels = [\"a\", \"b\", \"c\"]\n}\n",
    );
    project.ok(&["apply", "--auto-approve"]);
    let id = project.json(&["show"], 0)["resources"][0]["values"]["id"].as_str().unwrap().to_owned();
    project.ok(&["state", "rm", "local_inference_service.s"]);
    let import = |id: &str| format!("import {{\n  to = local_inference_service.s\n  id = \"{id}\"\n}}\n");
    project.write("main.hcl", import("no-such-service"));
    project
        .mlo(&["plan", "--generate-config", "s.hcl"])
        .ends_with(1)
        .has(&["there is nothing with the id \"no-such-service\""]);
    project.write("main.hcl", import(&id));
    project
        .ok(&["plan", "--generate-config", "s.hcl"])
        .has(&["Plan: 1 to import, 0 to add, 0 to change, 0 to destroy."]);
    let written = project.read("s.hcl");
    for line in ["name", "model", "labels", "port"] {
        assert!(written.contains(&format!("  {line} ")), "{written}");
    }
    assert!(!written.contains("pid") && !written.contains("url"), "only the provider sets these: {written}");
    project.ok(&["apply", "--auto-approve"]).has(&["1 imported, 0 added, 0 changed, 0 destroyed."]);
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
    project.ok(&["destroy", "--auto-approve"]).has(&["1 destroyed."]);
}
