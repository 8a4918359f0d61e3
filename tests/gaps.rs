//! Objects that are not there, or not yet: nothing takes their place, and what is made from them is not known.

use crate::support::{Project, fed};
use serde_json::json;

/// Three files, and one that is kept in the folder that the file `AT` of these names.
const KEPT: &str = r#"
provider "local" {}
provider "local" {
  alias = "o"
  root  = local_file.c[AT].content
}
variable "first" { default = "c0" }
resource "local_file" "c" {
  count    = 3
  filename = count.index == 0 ? var.first : "c${count.index}"
  content  = "d${count.index}"
}
resource "local_file" "f" {
  provider = local.o
  filename = "f.txt"
  content  = "hi"
}
"#;

/// The same, applied; somebody else has a file of that name in each of the other folders.
fn kept(at: u8) -> Project {
    let project = Project::with(&[("main.tf", &KEPT.replace("AT", &at.to_string()))]);
    for other in (0..3).filter(|other| *other != at) {
        project.write(&format!("d{other}/f.txt"), "somebody else's");
    }
    project.ok(&["apply", "--auto-approve"]);
    assert_eq!(project.read(&format!("d{at}/f.txt")), "hi");
    project
}

fn is_there(project: &Project, name: &str) -> bool {
    project.path().join(name).exists()
}

#[test]
fn what_is_destroyed_is_where_its_provider_led_though_an_instance_before_that_is_not_there() {
    let lose = |project: &Project, by_failure: bool| {
        if by_failure {
            // The old one is away before it turns out that there can be no new one.
            let said = project.mlo(&["apply", "--auto-approve", "--var", "first=c1/x"]);
            said.ends_with(1).has(&["1 destroyed"]);
        } else {
            project.ok(&["state", "rm", "local_file.c[0]"]);
        }
        project.ok(&["state", "list"]).has_not(&["local_file.c[0]"]);
    };
    for by_failure in [true, false] {
        let project = kept(1);
        lose(&project, by_failure);
        project.ok(&["plan", "--refresh-only"]).has_not(&["local_file.f", "Not refreshed"]);
        project.ok(&["destroy", "--auto-approve"]).has(&["3 destroyed"]);
        assert!(!is_there(&project, "d1/f.txt"), "by failure: {by_failure}");
        assert_eq!(project.read("d2/f.txt"), "somebody else's", "by failure: {by_failure}");
        assert_eq!(project.read("d0/f.txt"), "somebody else's", "by failure: {by_failure}");
    }
}

#[test]
fn an_object_is_read_where_its_provider_led_though_an_instance_before_that_is_gone() {
    let project = kept(1);
    std::fs::remove_file(project.path().join("c0")).unwrap();
    project
        .ok(&["plan", "--refresh-only"])
        .has(&["local_file.c[0] is gone"])
        .has_not(&["local_file.f", "Not refreshed"]);
    // Where the one that tells is gone, nobody looks for it elsewhere.
    std::fs::remove_file(project.path().join("c1")).unwrap();
    for command in [&["plan", "--refresh-only"][..], &["apply", "--refresh-only", "--auto-approve"]] {
        project.ok(command).has(&[
            "local_file.c[1] is gone",
            "Not refreshed: what their provider is configured from is not there, or not known.\n\n  # local_file.f\n",
        ]);
    }
    project.ok(&["state", "list"]).has(&["local_file.f"]).has_not(&["local_file.c[1]"]);
    assert_eq!(project.read("d1/f.txt"), "hi");
}

#[test]
fn nothing_is_destroyed_with_a_provider_of_which_nobody_knows_where_it_led() {
    // One in the middle, and the last one: only the configuration tells that there was one.
    for at in [1, 2] {
        let project = kept(at);
        let (lost, file) = (format!("local_file.c[{at}]"), format!("d{at}/f.txt"));
        project.ok(&["state", "rm", &lost]);
        project.mlo(&["destroy", "--auto-approve"]).ends_with(1).has(&[
            "error[MLO3015]: local_file.f is kept by provider local.o, and it is not known with which configuration",
            &format!("The state does not have what it is configured from: `{lost}`."),
            "make what is missing first: `mlo apply --target local_file.c`",
        ]);
        for other in (0..3).filter(|other| *other != at) {
            assert_eq!(project.read(&format!("d{other}/f.txt")), "somebody else's");
        }
        assert_eq!(project.read(&file), "hi");
        project.ok(&["state", "list"]).has(&["local_file.f"]);

        std::fs::remove_file(project.path().join(format!("c{at}"))).unwrap();
        project.ok(&["apply", "--auto-approve", "--target", "local_file.c"]).has(&["1 added"]);
        project.ok(&["destroy", "--auto-approve"]).has(&["4 destroyed"]);
        assert!(!is_there(&project, &file));
    }
}

const COUNTED: &str = r#"
resource "terraform_data" "a" {
  count = 3
  input = "v${count.index}"
}
output "one" { value = terraform_data.a[1].input }
output "two" { value = try(terraform_data.a[2].input, "none") }
output "number" { value = length(terraform_data.a) }
"#;

#[test]
fn an_output_that_is_made_from_an_instance_that_is_not_there_keeps_its_value() {
    let project = Project::with(&[("main.tf", COUNTED)]);
    project.ok(&["apply", "--auto-approve"]);
    project.ok(&["state", "rm", "terraform_data.a[1]"]);
    project.ok(&["plan", "--refresh-only", "--detailed-exitcode"]).has(&[
        "warning[MLO3051]: outputs that are not known keep what the state has: `one`",
        "is not there, or not read: `terraform_data.a[1]`.",
        "No changes.",
    ]);
    let asked = "terraform_data.a[1].input\nterraform_data.a[2].input\n";
    let console = fed(&mut project.command(&["console"]), asked);
    assert_eq!(console.out, "(known after apply)\n\"v2\"\n", "{}", console.err);
    // The last one: only the configuration tells that there is one.
    project.ok(&["state", "rm", "terraform_data.a[2]"]);
    project.ok(&["apply", "--refresh-only", "--auto-approve"]).has(&["`one`, `two`"]);
    let changes = &project.json(&["plan", "--refresh-only"], 0)["output_changes"];
    for name in ["one", "two", "number"] {
        assert_eq!(changes[name]["actions"], json!(["no-op"]), "{name}: {changes}");
    }
    let outputs = project.json(&["output"], 0);
    assert_eq!((&outputs["one"]["value"], &outputs["two"]["value"]), (&json!("v1"), &json!("v2")));
    project.ok(&["apply", "--auto-approve"]).has(&["2 added"]);
    project.ok(&["plan", "--refresh-only", "--detailed-exitcode"]).has_not(&["MLO3051"]);
}

#[test]
fn objects_are_read_though_one_that_others_refer_to_is_gone() {
    let project = Project::with(&[(
        "main.tf",
        r#"
resource "local_file" "f" {
  filename = "f.txt"
  content  = "a"
}
resource "local_file" "g" {
  for_each = toset(["x", "y"])
  filename = "${each.key}.txt"
  content  = local_file.f.id
}
locals { id = local_file.f.id }
module "m" {
  source = "./m"
  id     = local_file.f.id
}
output "direct" { value = local_file.f.id }
output "by_local" { value = "id ${local.id}" }
output "by_module" { value = module.m.id }
output "by_key" { value = local_file.g["x"].filename }
"#,
    )]);
    project.write("m/main.tf", "variable \"id\" {}\noutput \"id\" { value = var.id }\n");
    project.ok(&["apply", "--auto-approve"]);
    let before = project.json(&["output"], 0);
    std::fs::remove_file(project.path().join("f.txt")).unwrap();
    std::fs::remove_file(project.path().join("x.txt")).unwrap();
    project.mlo(&["plan", "--refresh-only", "--detailed-exitcode"]).ends_with(2).has(&[
        "local_file.f is gone",
        "local_file.g[\"x\"] is gone",
        "keep what the state has: `by_key`, `by_local`, `by_module`, `direct`\n",
        "is not there, or not read: `local_file.f`, `local_file.g[\"x\"]`.",
    ]);
    project.ok(&["apply", "--refresh-only", "--auto-approve"]);
    project.ok(&["plan", "--refresh-only", "--detailed-exitcode"]).has(&["No changes."]);
    assert_eq!(project.json(&["output"], 0), before);
    project.ok(&["apply", "--auto-approve"]).has(&["2 added"]);
    assert_eq!(project.json(&["output"], 0), before);
}

#[test]
fn objects_are_read_though_the_configuration_has_more() {
    let project = Project::with(&[("main.tf", "resource \"terraform_data\" \"a\" { input = 1 }\n")]);
    project.ok(&["apply", "--auto-approve"]);
    project.write(
        "more.tf",
        r#"
resource "terraform_data" "new" { input = "sub" }
resource "terraform_data" "several" {
  count = 2
  input = terraform_data.new.id
}
provider "local" {
  alias = "there"
  root  = terraform_data.new.output
}
resource "local_file" "f" {
  provider = local.there
  filename = "f.txt"
  content  = "a"
}
output "new" { value = terraform_data.new.output }
output "last" { value = terraform_data.several[1].id }
output "old" { value = terraform_data.a.input }
"#,
    );
    let changes = &project.json(&["plan", "--refresh-only"], 0)["output_changes"];
    assert_eq!(changes.as_object().map(serde_json::Map::len), Some(1), "{changes}");
    assert_eq!(changes["old"]["actions"], json!(["create"]));
    project.ok(&["apply", "--refresh-only", "--auto-approve"]).has(&["`last`, `new`", "0 added"]);
    assert!(!is_there(&project, "f.txt") && !is_there(&project, "sub"));
    project.ok(&["plan", "--refresh-only", "--detailed-exitcode"]).has(&["No changes."]);
    project.ok(&["apply", "--auto-approve"]).has(&["4 added"]);
    assert_eq!(project.read("sub/f.txt"), "a");
}
