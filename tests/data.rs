//! Data sources: read at plan or at apply, and why; what they say of files, other states and models.

use crate::support::Project;
use serde_json::json;

fn project(hcl: &str) -> Project {
    Project::with(&[("main.hcl", hcl)])
}

#[test]
fn a_file_is_read_when_the_plan_is_made_and_leaves_nothing_in_the_state() {
    let project = project(
        r#"
data "local_file" "f" {
  for_each = toset(["a", "b"])
  filename = "${each.key}.txt"
  lifecycle {
    postcondition {
      condition     = length(self.content) < 10
      error_message = "${self.filename} is too long"
    }
  }
}
output "f" { value = { for name, file in data.local_file.f : name => file } }
"#,
    );
    project.write("a.txt", "hello");
    project.mlo(&["plan"]).ends_with(1).has(&[
        "data.local_file.f[\"b\"]: the file ",
        "b.txt cannot be read",
        "main.hcl:4:14",
        "help: check the path; it is relative to the project's folder",
    ]);
    project.write("b.txt", "");
    project.ok(&["apply", "--auto-approve"]).has(&["0 added"]);
    assert_eq!(
        project.json(&["output"], 0)["f"]["value"]["a"],
        json!({
            "filename": "a.txt",
            "content": "hello",
            "content_base64": "aGVsbG8=",
            "content_md5": "5d41402abc4b2a76b9719d911017c592",
            "content_sha1": "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d",
            "content_sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
            "content_sha512": "9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043",
            "content_base64sha256": "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
            "content_base64sha512": "m3HSJL1i83hdltRq0+o9czGb+8KJDKra4t/3JRlnPKcjI8PZm6XBHXx6zG4UuMXaDEZjR1wuXDre9G9zvN7AQw==",
            "id": "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"
        })
    );
    assert_eq!(project.json(&["show"], 0)["resources"], json!([]));
    project.write("b.txt", "much too long");
    project.mlo(&["plan"]).ends_with(1).has(&["b.txt is too long", "MLO3008"]);
}

#[test]
fn what_is_asked_and_not_known_is_read_during_the_apply_with_the_reason() {
    let project = project(
        r#"
resource "terraform_data" "name" { input = "made" }
locals { file = "${terraform_data.name.output}.txt" }
resource "local_file" "made" {
  filename = "made.txt"
  content  = "hello"
}
data "local_file" "unknown" {
  filename   = local.file
  depends_on = [local_file.made]
}
data "local_file" "pending" {
  filename   = "made.txt"
  depends_on = [local_file.made]
}
data "local_file" "named" { filename = local_file.made.filename }
resource "terraform_data" "copy" { input = data.local_file.unknown.content }
output "content" { value = [data.local_file.pending.content, data.local_file.named.content, terraform_data.copy.output] }
"#,
    );
    project.ok(&["validate"]);
    project.ok(&["plan"]).has(&[
        " <= read a data source\n",
        "  # data.local_file.unknown will be read during apply\n  # (terraform_data.name.output is not known yet)\n <= data \"local_file\" \"unknown\" {\n",
        "+ content              = (known after apply)",
        "  # data.local_file.pending will be read during apply\n  # (depends on local_file.made, which changes)\n",
        "  # data.local_file.named will be read during apply\n  # (depends on local_file.made, which changes)\n",
        "Plan: 3 to add, 0 to change, 0 to destroy.",
    ]);
    let changes = project.json(&["plan"], 0)["resource_changes"].clone();
    let read = |name: &str| {
        let changes = changes.as_array().unwrap().iter();
        changes.clone().find(|it| it["mode"] == "data" && it["name"] == name).unwrap().clone()
    };
    let unknown = read("unknown");
    assert_eq!(unknown["change"]["actions"], json!(["read"]));
    assert_eq!(unknown["action_reason"], "read_because_config_unknown");
    assert_eq!(unknown["change"]["after_unknown"]["filename"], true);
    assert_eq!(read("pending")["action_reason"], "read_because_dependency_pending");

    project.ok(&["apply", "--auto-approve"]).has(&[
        "data.local_file.unknown: Reading...",
        "data.local_file.unknown: Read complete after 0s",
        "3 added, 0 changed, 0 destroyed",
    ]);
    assert_eq!(project.json(&["output"], 0)["content"]["value"], json!(["hello", "hello", "hello"]));
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
    project.edit("main.hcl", "content  = \"hello\"", "content  = \"bye\"");
    project.ok(&["plan"]).has(&["(depends on local_file.made, which changes)"]);
    project.ok(&["apply", "--auto-approve"]);
    assert_eq!(project.json(&["output"], 0)["content"]["value"], json!(["bye", "bye", "bye"]));
    project.ok(&["destroy", "--auto-approve"]).has(&["3 destroyed"]);
}

#[test]
fn an_object_is_destroyed_before_what_the_data_that_it_was_made_from_was_asked_with() {
    let project = project(
        r#"
resource "local_file" "first" {
  filename = "first.txt"
  content  = "1"
}
data "local_file" "between" { filename = local_file.first.filename }
resource "terraform_data" "last" { input = data.local_file.between.content }
"#,
    );
    project.ok(&["apply", "--auto-approve"]);
    let destroyed = project.ok(&["destroy", "--auto-approve"]);
    destroyed.has(&["2 destroyed"]);
    let place = |text: &str| destroyed.err.find(text).unwrap_or_else(|| panic!("{}", destroyed.err));
    assert!(place("terraform_data.last: Destruction complete") < place("local_file.first: Destroying"));
}

#[test]
fn outputs_of_another_state_come_over_and_secrets_stay_secret() {
    let project = Project::with(&[
        (
            "one/main.hcl",
            "resource \"terraform_data\" \"a\" { input = { url = \"http://one\" } }\noutput \"one\" { value = terraform_data.a.output }\noutput \"key\" {\n  value = \"hunter2-of-one\"\n  sensitive = true\n}\n",
        ),
        (
            "two/main.hcl",
            r#"
data "mlo_state" "one" { path = "../one" }
data "terraform_remote_state" "one" {
  backend  = "local"
  config   = { path = "../one/.mlo/state/default" }
  defaults = { missing = 1, one = 2 }
}
resource "terraform_data" "two" { input = data.mlo_state.one.outputs }
output "url"     { value = data.mlo_state.one.outputs.one.url }
output "missing" { value = [data.terraform_remote_state.one.outputs.missing, data.terraform_remote_state.one.outputs.one.url] }
"#,
        ),
    ]);
    project.mlo(&["plan", "two"]).ends_with(1).has(&[
        "data.mlo_state.one: there is no state at `../one`",
        "two/main.hcl:2:33",
        "help: apply that project first",
    ]);
    project.ok(&["apply", "one", "--auto-approve"]);
    let planned = project.ok(&["plan", "two"]);
    planned.has(&["+ key = (sensitive value)", "url = \"http://one\""]);
    planned.has_not(&["hunter2"]);
    project.ok(&["apply", "two", "--auto-approve"]).has_not(&["hunter2"]);
    let outputs = project.json(&["output", "--from", "two"], 0);
    assert_eq!(outputs["url"]["value"], "http://one");
    assert_eq!(outputs["missing"]["value"], json!([1, "http://one"]));
    project.edit("two/main.hcl", "backend  = \"local\"", "backend  = \"gcs\"");
    project
        .mlo(&["plan", "two"])
        .ends_with(1)
        .has(&["states are read from folders and from buckets of S3", "help: write `backend = \"local\"`"]);
}

#[test]
fn a_model_says_what_it_takes_and_gives() {
    let project = project(
        r#"
data "mlo_model" "iris" { uri = "model.onnx" }
output "model" { value = data.mlo_model.iris }
"#,
    );
    project.write("model.onnx", "this is no model");
    project
        .mlo(&["plan"])
        .ends_with(1)
        .has(&["data.mlo_model.iris: the file is not an ONNX model", "MLO4007"]);
    let iris = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/iris/model/iris.onnx")).unwrap();
    project.write("model.onnx", &iris);
    project.ok(&["apply", "--auto-approve"]);
    let model = &project.json(&["output"], 0)["model"]["value"];
    assert_eq!(model["size_bytes"], json!(iris.len()));
    assert_eq!(model["inputs"][0]["dtype"], "float");
    assert_eq!(model["sha256"].as_str().map(str::len), Some(64));
}

#[test]
fn what_is_no_data_source_is_said_with_what_is_near() {
    for (hcl, words) in [
        ("data \"local_fil\" \"a\" {}", "`local_file`"),
        ("data \"terraform_data\" \"a\" {}", "write `resource` in place of `data`"),
        ("resource \"mlo_model\" \"a\" {}", "write `data` in place of `resource`"),
    ] {
        project(hcl).mlo(&["validate"]).ends_with(1).has(&["there is no ", words, "main.hcl:1:"]);
    }
}

#[test]
fn an_unknown_repetition_names_what_is_not_known_and_the_way_out() {
    let project = Project::with(&[
        (
            "main.hcl",
            r#"
resource "terraform_data" "a" { input = ["x"] }
locals { names = toset(terraform_data.a.output) }
module "m" {
  source = "./m"
  names  = local.names
}
resource "terraform_data" "c" { count = terraform_data.a.output[0] == "x" ? 2 : 1 }
"#,
        ),
        ("m/main.hcl", "variable \"names\" {}\nresource \"terraform_data\" \"b\" { for_each = var.names }\n"),
    ]);
    project.mlo(&["plan"]).ends_with(1).has(&[
        "`for_each` is not known before the apply",
        "m/main.hcl:2:44",
        "`terraform_data.a.output` is known only after the apply",
        "help: make what it depends on first: `mlo apply --target terraform_data.a`, then plan again",
        "`count` is not known before the apply",
    ]);
}

#[test]
fn secrets_that_are_read_during_the_apply_are_masked() {
    let project = Project::with(&[
        ("one/main.hcl", "output \"key\" {\n  value = \"hunter2-of-one\"\n  sensitive = true\n}\n"),
        (
            "two/main.hcl",
            r#"
resource "terraform_data" "path" { input = "../one" }
data "mlo_state" "one" { path = terraform_data.path.output }
resource "local_file" "f" {
  filename = data.mlo_state.one.outputs.key
  content  = "x"
  lifecycle {
    postcondition {
      condition     = self.content == "y"
      error_message = "not y"
    }
  }
}
"#,
        ),
    ]);
    project.ok(&["apply", "one", "--auto-approve"]);
    project.mlo(&["apply", "two", "--auto-approve"]).ends_with(1).has(&["not y"]).has_not(&["hunter2"]);
}
