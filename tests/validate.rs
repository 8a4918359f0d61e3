//! `mlo validate`: every error in one run, as text and as a document.

use crate::support::Project;
use serde_json::Value;

/// Constructs of large modules, none of them wrong.
const MODULE: &str = r#"
terraform {
  required_version = ">= 1.5.7"
  required_providers {
    local = {
      source  = "hashicorp/local"
      version = ">= 2.0"
    }
  }
  provider_meta "local" {
    user_agent = ["github.com/a/b"]
  }
}
variable "create" {
  type     = bool
  default  = true
  nullable = false
}
variable "groups" {
  description = "Groups"
  type = map(object({
    enabled = optional(bool)
    files = optional(map(object({
      name    = optional(string, "f")
      content = optional(string)
    })), {})
  }))
  default = null
}
variable "settings" {
  type    = any
  default = {}
}
locals {
  groups = { for k, v in var.groups : k => v if var.create && try(v.enabled, true) }
  files = { for file in flatten([
    for group, value in coalesce(local.groups, {}) : [
      for key, file in value.files : { key = "${group}-${key}", name = try(coalesce(file.name, key), "") }
    ]
  ]) : file.key => file }
  named   = try(local_file.one[0].filename, null)
  merged  = merge(var.settings, { a = try(var.settings.a.b, null) })
  splat   = compact([for f in local_file.all : f.id])
  message = <<-EOT
    %{ for k, v in local.files ~}
    ${k}=${v.name}
    %{ endfor ~}
  EOT
}
resource "local_file" "one" {
  count    = var.create && var.groups != null ? 1 : 0
  filename = "one"
  content  = lookup(var.settings, "content", var.groups["a"].files["b"].content)
}
resource "local_file" "all" {
  for_each = { for k, v in local.files : k => v if var.create }
  filename = each.value.name
  content  = each.key
  lifecycle {
    ignore_changes = [content]
  }
}
output "ids" {
  value = { for k, v in local_file.all : k => v.id }
}
output "one" {
  value = try(local_file.one[0].id, local.named, null)
}
"#;

#[test]
fn what_large_modules_are_made_of_is_valid() {
    let project = Project::with(&[("main.tf", MODULE)]);
    project.ok(&["validate"]).has(&["Success!"]);
}

const WRONG: &str = r#"variable "n" {
  type = number
}
locals {
  name   = "ä"
  secret = sensitive("hunter2")
  sum    = upper("ä") + local.name
  more   = local.secret + 1
}
resource "local_file" "f" {
  filename = "f"
  contents = var.m
}
output "x" {
  value = local_file.f.nope
}
"#;

#[test]
fn all_errors_are_said_in_one_run_in_the_shape_of_terraforms() {
    let project = Project::with(&[
        ("main.tf", WRONG),
        ("m/x.tf", "output \"o\" {\n}\n"),
        ("b.tf", "module \"m\" {\n  source = \"./m\"\n}\n"),
    ]);
    let said = project.json(&["validate"], 1);
    let keys = |value: &Value| {
        let mut keys: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&said), ["diagnostics", "error_count", "format_version", "valid", "warning_count"]);
    assert_eq!((&said["valid"], &said["warning_count"]), (&false.into(), &0.into()));
    let all = said["diagnostics"].as_array().unwrap();
    let summaries: Vec<_> = all.iter().map(|each| each["summary"].as_str().unwrap()).collect();
    assert_eq!(
        summaries,
        [
            "`+` needs numbers, but this is a string",
            "`+` needs numbers, but this is a string",
            "`+` needs numbers, but this is a string",
            "there is no argument `contents` here",
            "nothing here is called `var.m`",
            "this object has no attribute `nope`",
            "output `o` has no `value`",
        ]
    );
    assert_eq!(said["error_count"], all.len());
    for each in all {
        assert_eq!(each["severity"], "error");
        assert!(each["detail"].is_string());
        let range = &each["range"];
        let snippet = &each["snippet"];
        for place in ["start", "end"] {
            assert_eq!(keys(&range[place]), ["byte", "column", "line"]);
        }
        assert_eq!(
            keys(snippet),
            ["code", "context", "highlight_end_offset", "highlight_start_offset", "start_line", "values"]
        );
        let offset = |name: &str| usize::try_from(snippet[name].as_u64().unwrap()).unwrap();
        let marked = &snippet["code"].as_str().unwrap()
            [offset("highlight_start_offset")..offset("highlight_end_offset")];
        let text = project.read(range["filename"].as_str().unwrap());
        let byte = |place: &str| usize::try_from(range[place]["byte"].as_u64().unwrap()).unwrap();
        assert_eq!(marked, &text[byte("start")..byte("end")]);
    }
    let [_, name, secret, contents, ..] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(name["snippet"]["context"], "locals");
    assert_eq!(name["snippet"]["values"][0]["traversal"], "local.name");
    assert_eq!(name["snippet"]["values"][0]["statement"], "is \"ä\"");
    assert_eq!(name["range"]["start"]["column"], 25);
    assert_eq!(secret["snippet"]["values"][0]["statement"], "is sensitive");
    assert_eq!(contents["snippet"]["context"], "resource \"local_file\" \"f\"");
    assert_eq!(contents["address"], "local_file.f");
}

#[test]
fn a_condition_that_does_not_hold_is_shown_with_its_values() {
    let text = "variable \"n\" {\n  type = number\n  validation {\n    condition     = var.n < 3\n    error_message = \"Too large.\"\n  }\n}\nvariable \"s\" {\n  sensitive = true\n  type      = number\n  validation {\n    condition     = var.s > 9\n    error_message = \"Known.\"\n  }\n}\n";
    let project = Project::with(&[("main.tf", text)]);
    project.ok(&["validate"]);
    let said = project.mlo(&["validate", "--var", "n=5", "--var", "s=7"]);
    said.ends_with(1)
        .has(&["Too large.", "main.tf:4:21", "Here `var.n` is 5.", "Known.", "Here `var.s` is sensitive."])
        .has_not(&["is 7"]);
}
