//! Graph, plan, diff, apply and destroy over plain values: what HCL users rely on.

use crate::support::Project;
use serde_json::json;

fn project(hcl: &str) -> Project {
    Project::with(&[("main.hcl", hcl)])
}

#[test]
fn create_change_replace_and_delete_read_as_terraform_users_know_them() {
    let project = project(
        r#"
variable "size" {
  type    = number
  default = 1
}
resource "terraform_data" "a" {
  input            = { size = var.size, name = "a" }
  triggers_replace = var.size > 2 ? "big" : "small"
}
resource "terraform_data" "b" {
  input = "from ${terraform_data.a.output.name}"
}
output "b" { value = terraform_data.b.output }
"#,
    );
    project.ok(&["plan"]).has(&[
        "  # terraform_data.a will be created\n  + resource \"terraform_data\" \"a\" {\n",
        "+ id               = (known after apply)",
        "+ output           = (known after apply)",
        "+ size = 1",
        "Plan: 2 to add, 0 to change, 0 to destroy.",
        "Changes to outputs:\n  + b = (known after apply)",
    ]);
    project
        .ok(&["apply", "--auto-approve"])
        .has(&["Resources: 2 added, 0 changed, 0 destroyed.", "b = \"from a\""]);
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);

    project.mlo(&["plan", "--detailed-exitcode", "--var", "size=2"]).ends_with(2).has(&[
        "  # terraform_data.a will be updated in place\n  ~ resource \"terraform_data\" \"a\" {\n",
        "~ size = 1 -> 2",
        "            name = \"a\"\n          ~ size = 1 -> 2\n        }\n",
        "Plan: 0 to add, ",
    ]);
    project.mlo(&["plan", "--var", "size=3"]).ends_with(0).has(&[
        "  # terraform_data.a must be replaced\n  # (because triggers_replace cannot change in place)\n-/+ resource",
        "~ triggers_replace = \"small\" -> \"big\" # forces replacement",
        "Plan: 1 to add, 1 to change, 1 to destroy.",
    ]);
    project
        .ok(&["apply", "--auto-approve", "--var", "size=3"])
        .has(&["Resources: 1 added, ", "1 destroyed."]);

    project.write("main.hcl", "resource \"terraform_data\" \"b\" { input = 1 }\n");
    project.ok(&["plan"]).has(&[
        "  # terraform_data.a will be destroyed\n  # (because its block is not in the configuration)\n  - resource",
        "-> null",
        "Plan: 0 to add, 1 to change, 1 to destroy.",
        "  - b = \"from a\" -> null",
    ]);
    project.ok(&["apply", "--auto-approve"]);
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
    project.ok(&["destroy", "--auto-approve"]).has(&["Destroy complete! Resources: 1 destroyed."]);
    assert_eq!(project.json(&["show"], 0)["resources"], json!([]));
}

#[test]
fn instances_come_and_go_by_their_keys_with_the_reason() {
    let project = project(
        r#"
variable "names" {
  type    = list(string)
  default = ["a", "b"]
}
variable "number" {
  type    = number
  default = 2
}
resource "mlo_data" "each" {
  for_each = toset(var.names)
  input    = each.key
}
resource "mlo_data" "count" {
  count = var.number
  input = count.index
}
output "each"  { value = { for name, one in mlo_data.each : name => one.output } }
output "count" { value = mlo_data.count[*].output }
"#,
    );
    project.ok(&["apply", "--auto-approve"]).has(&["4 added"]);
    let outputs = project.json(&["output"], 0);
    assert_eq!(outputs["each"]["value"], json!({"a": "a", "b": "b"}));
    assert_eq!(outputs["count"]["value"], json!([0, 1]));
    project.ok(&["plan", "--var", "names=[\"b\", \"c\"]", "--var", "number=1"]).has(&[
        "mlo_data.each[\"a\"] will be destroyed\n  # (because key \"a\" is not in `for_each`)",
        "mlo_data.each[\"c\"] will be created",
        "mlo_data.count[1] will be destroyed\n  # (because index 1 is past `count`)",
        "Plan: 1 to add, 0 to change, 2 to destroy.",
    ]);
}

#[test]
fn modules_take_values_and_give_outputs_in_every_instance() {
    let project = Project::with(&[
        (
            "main.hcl",
            r#"
module "pair" {
  for_each = { x = 1, y = 2 }
  source   = "./pair"
  number   = each.value
}
output "doubled" { value = { for key, one in module.pair : key => one.doubled } }
output "first"   { value = module.pair["x"].doubled }
"#,
        ),
        (
            "pair/main.tf",
            r#"
variable "number" {
  type = number
  validation {
    condition     = var.number < 10
    error_message = "The number ${var.number} is too large."
  }
}
locals { twice = var.number * 2 }
resource "terraform_data" "this" { input = local.twice }
output "doubled" { value = terraform_data.this.output }
"#,
        ),
    ]);
    project.ok(&["validate"]);
    project.ok(&["apply", "--auto-approve"]).has(&["module.pair[\"x\"].terraform_data.this: Creating..."]);
    let outputs = project.json(&["output"], 0);
    assert_eq!(outputs["doubled"]["value"], json!({"x": 2, "y": 4}));
    assert_eq!(outputs["first"]["value"], json!(2));
    project.edit("main.hcl", "y = 2", "y = 20");
    project.mlo(&["plan"]).ends_with(1).has(&["The number 20 is too large.", "pair/main.tf:"]);
    project.edit("main.hcl", ", y = 20", "");
    project.ok(&["plan"]).has(&[
        "module.pair[\"y\"].terraform_data.this will be destroyed",
        "(because its module is not in the configuration)",
    ]);
}

#[test]
fn objects_go_before_what_they_were_made_from() {
    let project = project(
        r#"
resource "terraform_data" "base" { input = "base" }
resource "terraform_data" "middle" { input = terraform_data.base.id }
resource "terraform_data" "top" { input = terraform_data.middle.id }
"#,
    );
    project.ok(&["apply", "--auto-approve", "--parallelism", "1"]);
    let said = project.ok(&["destroy", "--auto-approve"]);
    let at = |name: &str| said.err.find(&format!("terraform_data.{name}: Destroying")).unwrap();
    assert!(at("top") < at("middle") && at("middle") < at("base"), "{}", said.all());
}

#[test]
fn sensitive_values_are_nowhere_in_clear_not_even_by_another_attribute() {
    let project = project(
        r#"
variable "password" {
  sensitive = true
  default   = "hunter2-first"
}
resource "terraform_data" "a" { input = { password = var.password } }
resource "terraform_data" "b" { input = terraform_data.a.output }
output "secret" {
  value     = terraform_data.b.output
  sensitive = true
}
"#,
    );
    let secret = "hunter2";
    project.ok(&["plan"]).has(&["(sensitive value)"]).has_not(&[secret]);
    project.ok(&["plan", "--json"]).has_not(&[secret]);
    project.ok(&["apply", "--auto-approve"]).has_not(&[secret]);
    project.ok(&["show"]).has(&["(sensitive value)"]).has_not(&[secret]);
    project.ok(&["show", "--json"]).has_not(&[secret]);
    project.ok(&["output"]).has_not(&[secret]);
    project.ok(&["output", "--json"]).has(&["(sensitive value)"]).has_not(&[secret]);
    project.ok(&["output", "--json", "--show-sensitive"]).has(&[secret]);
    let changed = project.ok(&["apply", "--auto-approve", "--var", "password=hunter2-second"]);
    changed.has(&["2 changed"]).has_not(&[secret]);
    project.ok(&["output", "secret", "--json"]).has(&["hunter2-second"]);
    project.ok(&["destroy", "--auto-approve"]).has_not(&[secret]);
}

#[test]
fn an_output_may_not_show_what_is_sensitive() {
    project("variable \"p\" {\n  sensitive = true\n  default = \"s3cret-word\"\n}\noutput \"o\" { value = var.p }\n")
        .mlo(&["plan"])
        .ends_with(1)
        .has(&["output `o` would show a sensitive value", "main.hcl:5:"])
        .has_not(&["s3cret-word"]);
}

#[test]
fn a_failure_stops_what_depends_on_it_and_nothing_else() {
    let project = Project::with(&[(
        "main.hcl",
        r#"
resource "local_file" "bad" {
  filename = "blocker/file"
  content  = "x"
}
resource "terraform_data" "after" { input = local_file.bad.id }
resource "terraform_data" "beside" { input = 1 }
"#,
    )]);
    project.write("blocker", "a file where a folder is needed");
    project.mlo(&["apply", "--auto-approve"]).ends_with(1).has(&[
        "local_file.bad",
        "main.hcl:3:14",
        "not begun, because local_file.bad failed: terraform_data.after",
        "Apply not complete: 1 added",
    ]);
    std::fs::remove_file(project.path().join("blocker")).unwrap();
    project.ok(&["apply", "--auto-approve"]).has(&["Resources: 2 added, 0 changed, 0 destroyed."]);
    assert_eq!(project.read("blocker/file"), "x");
}

#[test]
fn texts_are_compared_line_by_line() {
    let project = project("resource \"terraform_data\" \"t\" {\n  input = \"one\\ntwo\\nthree\\n\"\n}\n");
    project.ok(&["apply", "--auto-approve"]);
    project.edit("main.hcl", "two", "TWO");
    project.ok(&["plan"]).has(&["<<-EOT", "- two", "+ TWO", "  one"]);
}

#[test]
fn variables_come_from_flags_files_and_the_environment_in_terraforms_order() {
    let project = project(
        "variable \"v\" {}\nvariable \"region\" { default = 1 }\nvariable \"n\" {\n  type = number\n  default = 0\n}\noutput \"v\" { value = var.v }\noutput \"n\" { value = var.n }\n",
    );
    let value = |arguments: &[&str], environment: &[(&str, &str)]| {
        let mut command = project.command(&[&["plan", "--json"], arguments].concat());
        command.envs(environment.iter().copied());
        let said = crate::support::said(&mut command);
        assert_eq!(said.code, 0, "{}", said.all());
        let plan: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        plan["output_changes"]["v"]["after"].clone()
    };
    project.mlo(&["plan"]).ends_with(1).has(&["variable `v` has no value", "main.hcl:1:1", "--var v="]);
    assert_eq!(value(&[], &[("TF_VAR_v", "tf")]), json!("tf"));
    assert_eq!(value(&[], &[("TF_VAR_v", "tf"), ("MLO_VAR_v", "mlo")]), json!("mlo"));
    project.write("terraform.tfvars", "v = \"tfvars\"\n");
    assert_eq!(value(&[], &[("MLO_VAR_v", "mlo")]), json!("tfvars"));
    project.write("terraform.tfvars.json", r#"{"v": "json ${x}"}"#);
    assert_eq!(value(&[], &[]), json!("json ${x}"));
    project.write("a.auto.tfvars", "v = \"auto\"\n");
    assert_eq!(value(&[], &[]), json!("auto"));
    project.write("other.tfvars", "v = \"file\"\n");
    assert_eq!(value(&["--var-file", "other.tfvars"], &[]), json!("file"));
    assert_eq!(value(&["--var-file", "other.tfvars", "--var", "v=flag"], &[]), json!("flag"));
    project.mlo(&["plan", "--var", "n=many"]).ends_with(1).has(&["n"]);
    project
        .mlo(&["plan", "--var", "regoin=1"])
        .ends_with(1)
        .has(&["there is no variable `regoin`", "did you mean `region`?"]);
}

#[test]
fn a_plan_as_json_has_terraforms_shape() {
    let project = project(
        "resource \"terraform_data\" \"a\" { input = [1, \"x\"] }\noutput \"o\" { value = terraform_data.a.id }\n",
    );
    let plan = project.json(&["plan"], 0);
    let change = &plan["resource_changes"][0];
    assert_eq!(plan["format_version"], "1.2");
    assert_eq!(change["address"], "terraform_data.a");
    assert_eq!(change["change"]["actions"], json!(["create"]));
    assert_eq!(change["change"]["before"], json!(null));
    assert_eq!(change["change"]["after"]["input"], json!([1, "x"]));
    assert_eq!(change["change"]["after_unknown"]["id"], json!(true));
    assert!(change["change"]["after"].get("id").is_none(), "{change:#}");
    assert_eq!(plan["output_changes"]["o"]["actions"], json!(["create"]));
    assert_eq!(plan["policy"]["verdict"], "approved");
    project.ok(&["apply", "--auto-approve"]);
    let plan = project.json(&["plan"], 0);
    assert_eq!(plan["resource_changes"][0]["change"]["actions"], json!(["no-op"]));
    assert_eq!(plan["applyable"], false);
}

#[test]
fn a_state_has_its_format_its_lineage_its_serial_and_what_each_object_was_made_from() {
    let project = project(
        "resource \"mlo_data\" \"base\" { input = 1 }\nresource \"mlo_data\" \"top\" { input = mlo_data.base.id }\n",
    );
    let state = || -> serde_json::Value {
        serde_json::from_str(&project.read(".mlo/state/default/state.json")).unwrap()
    };
    project.ok(&["apply", "--auto-approve"]);
    let first = state();
    assert_eq!((&first["format_version"], &first["serial"]), (&json!(1), &json!(1)));
    assert_eq!(first["lineage"].as_str().unwrap().len(), 32);
    let objects: Vec<_> = first["objects"].as_array().unwrap().iter().collect();
    assert_eq!(objects.len(), 2);
    assert_eq!(objects[0]["address"], "mlo_data.base");
    assert_eq!(objects[0]["object"]["dependencies"], json!([]));
    assert_eq!(objects[1]["address"], "mlo_data.top");
    assert_eq!(objects[1]["object"]["dependencies"], json!(["mlo_data.base"]));
    project.edit("main.hcl", "input = 1", "input = 2");
    project.ok(&["apply", "--auto-approve"]);
    let second = state();
    assert_eq!((&second["lineage"], &second["serial"]), (&first["lineage"], &json!(2)));
    let kept = std::fs::read_dir(project.path().join(".mlo/state/default")).unwrap();
    let temporary = kept.flatten().filter(|entry| entry.file_name().to_string_lossy().contains("tmp"));
    assert_eq!(temporary.count(), 0, "nothing half-written is left");
}

#[test]
fn settings_and_providers_are_blocks_of_their_own() {
    let project = project(
        "mlo {\n  required_version = \">= 0.1\"\n}\nprovider \"local\" {}\nresource \"terraform_data\" \"a\" {}\n",
    );
    project.ok(&["plan"]).has(&["Plan: 1 to add"]);
    project.edit("main.hcl", ">= 0.1", ">= 99");
    project.mlo(&["plan"]).ends_with(1).has(&["needs mlo >= 99", "main.hcl:2:22"]);
    project.edit("main.hcl", ">= 99", ">= 0.1");
    project.edit("main.hcl", "\"local\"", "\"locla\"");
    project.mlo(&["plan"]).ends_with(1).has(&[
        "there is no provider `locla`",
        "main.hcl:4:1",
        "did you mean `local`?",
        "the providers of this version are `kubernetes`, `local`, `mlo`, `terraform`",
    ]);
}
