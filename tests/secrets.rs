//! What is sensitive is on no screen, in no document and on no command line, however it is spelled and whatever fails;
//! and what keeps it in clear is for its owner alone.

use crate::support::{Project, Said, fed, said};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Stands in every line of every secret.
const CANARY: &str = "hunter2";

/// Secrets that are spelled differently in HCL, in JSON, in a diff and in a message.
const SECRETS: [&str; 6] = [
    "hunter2",
    "a \"hunter2\" with 'quotes' and a \\backslash",
    "first hunter2\nsecond hunter2\n\tthird \"hunter2\"\n",
    "hunter2\r\nhunter2 of another system\r\n",
    "\u{fc}n\u{ef}hunter2\u{200b}c\u{f6}de \u{1f511}",
    "${hunter2} %{hunter2} {\"key\": \"hunter2\"}",
];

const CONFIGURATION: &str = r#"
variable "password" {
  type      = string
  sensitive = true
}
variable "round" {
  type    = number
  default = 1
}
locals {
  open = nonsensitive(var.password)
}
resource "terraform_data" "marked" {
  input = { list = [var.password, "x"], map = { deep = { key = "in ${var.password} out" } }, round = var.round }
}
resource "terraform_data" "unmarked" {
  input            = { plain = local.open, json = jsonencode({ a = [local.open] }), hcl = "<${local.open}>", round = var.round }
  triggers_replace = jsonencode(jsonencode(local.open))
}
resource "terraform_data" "names" {
  for_each = toset([local.open])
  input    = { (local.open) = each.key }
}
resource "local_file" "text" {
  filename = "file.txt"
  content  = "one\n${local.open}\ntwo ${var.round}\n"
}
output "secret" {
  value     = { all = terraform_data.marked.output }
  sensitive = true
}
output "open" { value = terraform_data.unmarked.output.json }
"#;

fn run(project: &Project, secret: &str, arguments: &[&str]) -> Said {
    said(project.command(arguments).env("MLO_VAR_password", secret))
}

#[test]
fn no_view_shows_a_secret_however_it_is_spelled() {
    for secret in SECRETS {
        let project = Project::with(&[("main.hcl", CONFIGURATION)]);
        for (arguments, code) in [
            (&["validate"][..], 0),
            (&["plan"], 0),
            (&["plan", "--json"], 0),
            (&["apply", "--auto-approve"], 0),
            (&["plan", "--var", "round=2"], 0),
            (&["plan", "--var", "round=2", "--json"], 0),
            (&["apply", "--auto-approve", "--json", "--var", "round=3"], 0),
            (&["plan", "--help"], 0),
            (&["destroy", "--auto-approve"], 0),
        ] {
            let said = run(&project, secret, arguments);
            said.ends_with(code).has_not(&[CANARY]);
        }
    }
}

#[test]
fn the_state_shows_what_is_marked_in_it_only_if_asked_by_name() {
    let project = Project::with(&[(
        "main.hcl",
        "variable \"password\" {\n  sensitive = true\n}\nresource \"terraform_data\" \"a\" { input = [var.password] }\noutput \"s\" {\n  value     = var.password\n  sensitive = true\n}\n",
    )]);
    for secret in SECRETS {
        run(&project, secret, &["apply", "--auto-approve"]).ends_with(0).has_not(&[CANARY]);
        for arguments in [&["show"][..], &["show", "--json"], &["output"]] {
            run(&project, "other", arguments).ends_with(0).has(&["(sensitive value)"]).has_not(&[CANARY]);
        }
        assert_eq!(run(&project, "other", &["output", "s", "--raw"]).out, secret);
    }
}

#[test]
fn errors_do_not_quote_what_was_given_for_a_sensitive_variable() {
    let project = Project::with(&[(
        "main.hcl",
        r#"
variable "password" {
  sensitive = true
  default   = ""
}
variable "typed" {
  type      = object({ number = number, word = string })
  sensitive = true
  default   = { number = 1, word = "default-hunter2" }
}
variable "checked" {
  type      = string
  sensitive = true
  default   = "long enough to be let through"
  validation {
    condition     = length(var.checked) > 20
    error_message = "The word is too short."
  }
}
locals {
  sum = var.password == "" ? 0 : length("x") + var.password
}
output "o" {
  value     = local.sum
  sensitive = true
}
"#,
    )]);
    for (flag, says) in [
        ("typed={ number = \"hunter2\", word = \"hunter2\" }", "MLO3005"),
        ("typed={ number = 1, word = \"hunter2", "MLO1001"),
        ("typed=hunter2", "MLO3003"),
        ("typed=[hunter2 hunter2]", "MLO1001"),
        ("typed=nothing_called_hunter2(1)", "typed"),
        ("checked=hunter2", "The word is too short."),
        ("password=hunter2 is no number", "needs numbers"),
        ("pasword=hunter2", "did you mean `password`?"),
        ("password:hunter2", "has no value"),
    ] {
        for format in [&[][..], &["--json"]] {
            let said = project.mlo(&[&["plan", "--var", flag], format].concat());
            said.ends_with(1).has(&[says]).has_not(&[CANARY]);
        }
    }
    for (line, says) in [
        ("typed = { number = \"hunter2\", word = \"hunter2\" }", "MLO3005"),
        ("typed = { number = 1, word = \"hunter2 }", "mlo.tfvars:1:"),
        ("pasword = \"hunter2\"\ntyped = []", "did you mean `password`?"),
        ("password = \"hunter2\"\nhunter2 = = 1", "mlo.tfvars:2:"),
    ] {
        project.write("mlo.tfvars", line);
        for format in [&[][..], &["--json"]] {
            let said = project.mlo(&[&["plan"], format].concat());
            let place = if format.is_empty() { says } else { "MLO" };
            said.ends_with(1).has(&[place]).has_not(&[CANARY]);
        }
    }
}

#[test]
fn instances_whose_number_or_keys_are_sensitive_are_refused_with_what_can_be_done() {
    for (repeat, message) in [
        (
            "for_each = toset([var.password])",
            "`for_each` is sensitive: the keys of the instances would tell it",
        ),
        ("count = length(var.password)", "`count` is sensitive: the number of instances would tell it"),
    ] {
        let hcl = format!(
            "variable \"password\" {{\n  type      = string\n  sensitive = true\n}}\nresource \"terraform_data\" \"a\" {{\n  {repeat}\n}}\n"
        );
        let project = Project::with(&[("main.hcl", &hcl)]);
        let said = run(&project, CANARY, &["plan"]);
        said.ends_with(1).has(&[message, "if that may be told, write `nonsensitive(…)` around it"]);
        said.has_not(&[CANARY, "takes a map"]);
    }
}

#[test]
fn what_fails_outside_does_not_name_a_secret() {
    let project = Project::with(&[(
        "main.hcl",
        "variable \"p\" {\n  type      = string\n  sensitive = true\n}\nresource \"local_file\" \"a\" {\n  filename = \"blocker/${var.p}\"\n  content  = \"x\"\n}\n",
    )]);
    project.write("blocker", "a file where a folder is needed");
    project
        .mlo(&["apply", "--auto-approve", "--var", "p=hunter2"])
        .ends_with(1)
        .has(&["local_file.a"])
        .has_not(&[CANARY]);
}

#[test]
fn what_a_server_is_given_is_for_its_environment_alone() {
    let project = Project::copy_of("examples/iris");
    project.write(
        "main.hcl",
        "variable \"key\" {\n  type      = string\n  sensitive = true\n}\nresource \"local_inference_service\" \"a\" {\n  name        = \"iris\"\n  model       = \"model/iris.onnx\"\n  environment = { API_KEY = var.key }\n}\n",
    );
    let model = std::fs::read_dir(project.path()).unwrap().flatten().map(|entry| entry.path());
    let model = model.chain(
        std::fs::read_dir(project.path().join("model")).into_iter().flatten().flatten().map(|e| e.path()),
    );
    let model = model.filter(|path| path.extension().is_some_and(|ending| ending == "onnx")).min().unwrap();
    let model = model.strip_prefix(project.path()).unwrap().to_str().unwrap();
    project.edit("main.hcl", "model/iris.onnx", model);
    project.ok(&["apply", "--auto-approve", "--var", "key=hunter2-for-the-server"]).has_not(&[CANARY]);
    let services = project.path().join(".mlo/services");
    let service = std::fs::read_dir(services).unwrap().next().unwrap().unwrap().path();
    let run: serde_json::Value =
        serde_json::from_slice(&std::fs::read(service.join("run.json")).unwrap()).unwrap();
    let process = Path::new("/proc").join(run["pid"].to_string());
    let holds = |file: &Path| String::from_utf8_lossy(&std::fs::read(file).unwrap()).contains(CANARY);
    assert!(!holds(&process.join("cmdline")), "on the command line");
    assert!(holds(&process.join("environ")), "in the environment");
    assert!(!holds(&service.join("server.log")), "in the log");
    assert!(!holds(&service.join("run.json")), "in the run file");
    only_for_the_owner(&project.path().join(".mlo"));
    project.ok(&["destroy", "--auto-approve", "--var", "key=hunter2-for-the-server"]).has_not(&[CANARY]);
}

#[test]
fn what_is_kept_is_for_its_owner_alone() {
    let project = Project::with(&[("main.hcl", CONFIGURATION)]);
    for round in ["round=1", "round=2"] {
        run(&project, "hunter2", &["apply", "--auto-approve", "--var", round]).ends_with(0);
    }
    only_for_the_owner(&project.path().join(".mlo"));
}

/// Folders 0700, files 0600.
fn only_for_the_owner(path: &Path) {
    let metadata = std::fs::symlink_metadata(path).unwrap();
    let mode = metadata.permissions().mode() & 0o777;
    let expected = if metadata.is_dir() { 0o700 } else { 0o600 };
    assert_eq!(mode, expected, "{} has {mode:o}", path.display());
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            only_for_the_owner(&entry.unwrap().path());
        }
    }
}

/// Nobody marked anything in here, and each value that holds `canary` is masked all the same.
const UNMARKED: &str = r#"
variable "round" {
  type    = number
  default = 1
}
variable "db_password" { default = "canary-of-a-variable" }
locals {
  url = "https://user:canary-word@example.com/path"
  env = [{ name = "STAGE", value = "canary-stage" }, { name = "ROUND", value = "${var.round}" }]
}
resource "mlo_data" "a" {
  for_each = toset([local.url])
  input = {
    env       = local.env
    url       = "${each.key}?access_token=canary-query"
    apiToken  = "canary-named-token"
    again     = "it is canary-named-token here"
    known     = "ghp_canary0123456789abcdefghijABCDEF"
    json      = jsonencode({ spec = { env = local.env, image = "img-${var.round}" } })
    yaml      = yamlencode({ spec = { env = local.env, image = "img-${var.round}" } })
  }
}
resource "local_file" "f" {
  filename = "deploy.yaml"
  content  = yamlencode({ env = [{ name = "A", value = "canary-in-yaml-${var.round}" }], rest = "shown" })
}
output "url" { value = local.url }
output "env" { value = { env = local.env } }
check "reach" {
  assert {
    condition     = var.round == 0
    error_message = "cannot reach ${local.url}"
  }
}
"#;

#[test]
fn what_nobody_marked_is_masked_by_default_in_every_form() {
    let project = Project::with(&[("main.hcl", UNMARKED)]);
    let quiet = |arguments: &[&str]| {
        let said = project.ok(arguments);
        said.has_not(&["canary"]);
        said
    };
    for format in ["human", "json", "ndjson", "markdown", "github"] {
        quiet(&["plan", "--format", format]);
    }
    quiet(&["plan", "--out-json", "p.json", "--out-md", "p.md", "--out", "p.plan"]);
    for file in ["p.json", "p.md"] {
        assert!(!project.read(file).contains("canary"), "{file}: {}", project.read(file));
    }
    quiet(&["show", "p.plan"]);
    quiet(&["show", "p.plan", "--json"]);
    quiet(&["graph", "--type", "apply"]).has(&["https://user:(sensitive value)@example.com/path"]);
    quiet(&["graph", "--type", "apply", "--format", "svg"]);
    quiet(&["apply", "--auto-approve"])
        .has(&["cannot reach https://user:(sensitive value)@example.com/path"]);
    quiet(&["show"]);
    quiet(&["show", "--json"]);
    quiet(&["output"]);
    quiet(&["output", "--json"]);
    quiet(&["state", "list"]);
    quiet(&["state", "show", "local_file.f"]).has(&["rest", "shown"]);

    // A change of what is masked is seen, and so is what is not masked beside it.
    let changed = quiet(&["plan", "--var", "round=2"]);
    changed.has(&["img-1", "img-2", "~ content", "Plan: 0 to add, 2 to change"]);
    let document = project.json(&["plan", "--var", "round=2"], 0);
    let file = document["resource_changes"].as_array().unwrap();
    let file = file.iter().find(|change| change["address"] == "local_file.f").unwrap();
    assert_ne!(file["change"]["before"]["content"], file["change"]["after"]["content"]);

    // Who asks is shown all of it.
    for arguments in [
        &["plan", "--var", "round=2", "--show-sensitive"][..],
        &["plan", "--var", "round=2", "--show-sensitive", "--json"],
        &["show", "--show-sensitive"],
        &["show", "--json", "--show-sensitive"],
        &["show", "p.plan", "--show-sensitive"],
    ] {
        let said = project.ok(arguments);
        said.has(&["canary-word", "canary-stage", "canary-named-token", "ghp_canary"]);
        said.has_not(&["(sensitive value"]);
    }
    project.ok(&["state", "show", "local_file.f", "--show-sensitive"]).has(&["canary-in-yaml-1"]);
    project.ok(&["output", "--show-sensitive"]).has(&["canary-word", "canary-stage"]);
    assert_eq!(project.ok(&["output", "url", "--raw"]).out, "https://user:canary-word@example.com/path");
}

#[test]
fn what_is_marked_is_shown_to_who_asks() {
    let project = Project::with(&[("main.hcl", CONFIGURATION)]);
    for arguments in [&["plan", "--show-sensitive"][..], &["plan", "--json", "--show-sensitive"]] {
        run(&project, "hunter2", arguments).ends_with(0).has(&["hunter2"]).has_not(&["(sensitive value"]);
    }
    // A key that is a secret would stand in the file of a plan.
    run(&project, "hunter2", &["plan", "--out", "p.plan"]).ends_with(1).has(&[
        "MLO3040",
        "terraform_data.names[\"(sensitive value)\"] has a sensitive value in its address",
    ]);
    assert!(!project.path().join("p.plan").exists());
    // What else is in it is kept out of it, also for who is shown everything.
    project.edit("main.hcl", "toset([local.open])", "toset([\"key\"])");
    run(&project, "hunter2", &["plan", "--out", "p.plan", "--show-sensitive"]).ends_with(0);
    assert!(!project.read("p.plan").contains("hunter2"));
}

#[test]
fn outputs_the_console_and_reports_of_tests_show_no_secret_in_the_middle_of_something_else() {
    let project = Project::with(&[
        (
            "main.hcl",
            r#"
variable "password" {
  type      = string
  sensitive = true
}
resource "local_command" "key" {
  create = ["sh", "-c", "echo id-${var.password}"]
  find   = ["sh", "-c", "exit 1"]
  read   = ["true"]
  delete = ["true"]
}
output "password" {
  value     = var.password
  sensitive = true
}
output "key" { value = local_command.key.id }
"#,
        ),
        (
            "a.tftest.hcl",
            "run \"a\" {\n  command = plan\n  assert {\n    condition     = nonsensitive(var.password) == \"\"\n    error_message = \"is ${nonsensitive(var.password)}\"\n  }\n}\n",
        ),
    ]);
    run(&project, CANARY, &["apply", "--auto-approve"]).ends_with(0).has(&["id-(sensitive value)"]);
    for arguments in [&["output"][..], &["output", "--json"]] {
        run(&project, CANARY, arguments).has_not(&[CANARY]);
    }
    run(&project, CANARY, &["output"]).ends_with(0).has(&["key      = \"id-(sensitive value)\""]);
    run(&project, CANARY, &["output", "key"]).ends_with(0).has(&["id-hunter2"]);
    let console = |asked| fed(project.command(&["console"]).env("MLO_VAR_password", CANARY), asked);
    console("local_command.key.id\n").ends_with(0).has(&["\"id-(sensitive value)\""]).has_not(&[CANARY]);
    console("nonsensitive(var.password)\n").ends_with(0).has(&[CANARY]);
    run(&project, CANARY, &["test", "--junit-xml", "r.xml"]).ends_with(1).has_not(&[CANARY]);
    let report = project.read("r.xml");
    assert!(report.contains("failed: is (sensitive value)") && !report.contains(CANARY), "{report}");
}

#[test]
fn text_for_a_variable_without_a_type_is_what_was_written() {
    let project = Project::with(&[(
        "main.hcl",
        "variable \"v\" { default = \"d\" }\nvariable \"any\" {\n  type    = any\n  default = 1\n}\noutput \"v\" { value = var.v }\noutput \"any\" { value = var.any }\n",
    )]);
    for text in ["0123", "1.10", "1e5", "true", "null", "[1]", "\"q\"", "a b"] {
        let plan = project.json(&["plan", "--var", &format!("v={text}")], 0);
        assert_eq!(plan["output_changes"]["v"]["after"], serde_json::json!(text), "{text}");
    }
    let plan = project.json(&["plan", "--var", "any=[1, \"a\"]"], 0);
    assert_eq!(plan["output_changes"]["any"]["after"], serde_json::json!([1, "a"]));
}

#[test]
fn the_default_of_a_sensitive_variable_is_masked_in_a_saved_plan_wherever_it_is_written() {
    let hcl = r#"
variable "word" {
  default   = "hunter2-and-more"
  sensitive = true
}
resource "terraform_data" "a" {
  input = "it is hunter2-and-more here too"
}
"#;
    let project = Project::with(&[("main.hcl", hcl)]);
    project.ok(&["plan", "--out", "p"]).has_not(&[CANARY]);
    for arguments in [&["plan", "--json"][..], &["show", "p"], &["show", "p", "--json"]] {
        project.ok(arguments).has_not(&[CANARY]);
    }
}
