//! Plans in files: applied exactly, or refused with the reason; nothing secret in them.

use crate::support::{Project, said};

const MAIN: &str = r#"
variable "size" {
  type    = number
  default = 1
}
resource "terraform_data" "a" { input = { size = var.size } }
resource "terraform_data" "b" { input = "from ${terraform_data.a.id}" }
resource "local_file" "f" {
  filename = "made.txt"
  content  = "size ${var.size}"
}
output "a" { value = terraform_data.a.output.size }
"#;

fn project() -> Project {
    Project::with(&[("main.hcl", MAIN)])
}

#[test]
fn a_saved_plan_is_shown_and_applied_as_it_was_made() {
    let project = project();
    let planned = project.ok(&["plan", "--out", "p.plan", "--var", "size=7"]);
    planned.has(&["Plan: 3 to add", "Saved to p.plan. To do exactly this: mlo apply p.plan"]);
    let shown = project.ok(&["show", "p.plan"]);
    assert!(planned.out.starts_with(&shown.out), "{}\n{}", planned.out, shown.out);
    let document = project.json(&["show", "p.plan"], 0);
    let live = project.json(&["plan", "--var", "size=7"], 0);
    // All that the plan's own document has, but for what is said of the run, and what a state would be called.
    let own = |name: &str| !["policy", "diagnostics", "timestamp", "lineage"].contains(&name);
    let names = |json: &serde_json::Value| -> Vec<_> {
        json.as_object().unwrap().keys().filter(|name| own(name)).cloned().collect()
    };
    assert_eq!(names(&document), names(&live));
    for name in names(&live) {
        assert_eq!(document[&name], live[&name], "{name}");
    }
    assert!(document["timestamp"].as_str().unwrap().ends_with('Z'), "{document}");
    // Nobody is asked, and later edits do not matter.
    project.edit("main.hcl", "from ", "edited ");
    project.ok(&["apply", "p.plan"]).has(&[
        "3 added",
        "edited after the plan was made: `main.hcl`",
        "MLO3044",
    ]);
    assert_eq!(project.read("made.txt"), "size 7");
    assert_eq!(project.json(&["output"], 0)["a"]["value"], 7);
    project.ok(&["plan", "--var", "size=7"]).has(&["~ input", "-> \"edited "]);
}

#[test]
#[cfg(unix)]
fn only_its_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = project();
    project.ok(&["plan", "--out", "p.plan"]);
    let mode = std::fs::metadata(project.path().join("p.plan")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    project
        .mlo(&["plan", "--out", "no/such/p.plan"])
        .ends_with(1)
        .has(&["`no/such/p.plan` cannot be written"]);
}

#[test]
fn a_plan_whose_state_moved_on_or_is_another_is_refused_with_4() {
    let project = project();
    project.ok(&["plan", "--out", "first.plan"]);
    project.ok(&["plan", "--out", "second.plan"]);
    project.ok(&["apply", "first.plan"]);
    let stale = "is stale: it was made at serial 0 of the state, which is at 1 now";
    project.mlo(&["apply", "second.plan"]).ends_with(4).has(&["MLO3041", stale, "make the plan again"]);
    project.mlo(&["apply", "first.plan"]).ends_with(4).has(&["is stale"]);

    project.ok(&["plan", "--out", "third.plan", "--var", "size=2"]);
    std::fs::remove_dir_all(project.path().join(".mlo")).unwrap();
    project.mlo(&["apply", "third.plan"]).ends_with(4).has(&["MLO3042", "there is none here"]);
    project.ok(&["apply", "--auto-approve"]);
    project.mlo(&["apply", "third.plan"]).ends_with(4).has(&["MLO3042", "is of another state: its lineage"]);
    assert_eq!(project.json(&["apply", "third.plan"], 4)["diagnostics"][0]["code"], "MLO3042");
}

#[test]
fn what_would_not_be_done_as_announced_is_not_done() {
    let project = project();
    project.ok(&["apply", "--auto-approve"]);
    project.ok(&["plan", "--out", "p.plan", "--var", "size=2"]);
    std::fs::remove_file(project.path().join("made.txt")).unwrap();
    project.mlo(&["apply", "p.plan"]).ends_with(4).has(&[
        "is stale: local_file.f: the plan says",
        "now it would be create",
        "nothing was changed",
    ]);
    assert_eq!(project.json(&["output"], 0)["a"]["value"], 1);
}

#[test]
fn files_that_the_configuration_reads_must_be_as_they_were() {
    let project = Project::with(&[
        (
            "main.hcl",
            "resource \"terraform_data\" \"a\" {}\noutput \"t\" { value = \"${terraform_data.a.id}${file(\"text\")}\" }\n",
        ),
        ("text", "one"),
    ]);
    project.ok(&["plan", "--out", "p.plan"]);
    project.write("text", "two");
    project
        .mlo(&["apply", "p.plan"])
        .ends_with(4)
        .has(&["`text`, which the configuration reads, has changed"]);
    project.write("text", "one");
    project.ok(&["apply", "p.plan"]).has(&["1 added"]);
}

#[test]
fn every_flipped_byte_of_a_plan_is_refused() {
    let project = Project::with(&[("main.hcl", "resource \"terraform_data\" \"a\" {}\n")]);
    project.ok(&["plan", "--out", "p.plan"]);
    let bytes = std::fs::read(project.path().join("p.plan")).unwrap();
    // All of them are tried where plan files are read: `plan::file`.
    for at in [0, bytes.len() / 2, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        project.write("changed.plan", changed);
        project.mlo(&["apply", "changed.plan"]).ends_with(1).has(&["MLO3040", "changed.plan"]);
        project.mlo(&["show", "changed.plan"]).ends_with(1).has(&["MLO3040"]);
    }
    project.write("changed.plan", &bytes[..bytes.len() / 2]);
    project.mlo(&["apply", "changed.plan"]).ends_with(1).has(&["it is cut short"]);
    project.write("changed.plan", "");
    project.mlo(&["apply", "changed.plan"]).ends_with(1).has(&["it is not a plan file"]);
    project.write("changed.plan", "{\"format_version\":99,\"x\":1}");
    project.mlo(&["apply", "changed.plan"]).ends_with(1).has(&["its format is 99"]);
    assert!(!project.path().join(".mlo/state/default/state.json").exists());
}

#[test]
fn sensitive_values_are_given_again_and_are_nowhere_in_the_file() {
    let project = Project::with(&[(
        "main.hcl",
        r#"
variable "password" { sensitive = true }
variable "same" { default = "x" }
variable "builtin" {
  sensitive = true
  default   = "built-in-secret"
}
resource "terraform_data" "a" { input = "pw ${var.password} ${var.builtin}" }
resource "terraform_data" "b" { input = var.same }
resource "local_file" "f" {
  filename          = "made.txt"
  sensitive_content = var.password
}
"#,
    )]);
    let pair = ["--var", "password=hunter2-canary", "--var", "same=hunter2-canary"];
    project.ok(&[&["plan", "--out", "p.plan"][..], &pair].concat());
    let text = project.read("p.plan");
    assert!(!text.contains("hunter2") && !text.contains("built-in-secret"), "{text}");
    project.ok(&["show", "p.plan"]).has(&["(sensitive value)", "Plan: 3 to add"]);
    project.mlo(&["apply", "p.plan"]).ends_with(1).has(&["MLO3043", "is sensitive", "give it again"]);
    let other = ["--var", "password=other-secret", "--var", "same=hunter2-canary"];
    project.mlo(&[&["apply", "p.plan"][..], &other].concat()).ends_with(4).has(&["another value"]);
    let mut apply = project.command(&["apply", "p.plan"]);
    apply.env("MLO_VAR_password", "hunter2-canary").env("MLO_VAR_same", "hunter2-canary");
    said(&mut apply).ends_with(0).has(&["3 added"]).has_not(&["hunter2"]);
    assert_eq!(project.read("made.txt"), "hunter2-canary");
}

#[test]
fn a_file_with_a_secret_in_it_must_stay_as_it_is() {
    let project = Project::with(&[(
        "main.hcl",
        "variable \"p\" {\n  sensitive = true\n  default = \"very-secret\"\n}\nresource \"terraform_data\" \"a\" { input = sensitive(var.p) }\n",
    )]);
    project.ok(&["plan", "--out", "p.plan"]);
    assert!(!project.read("p.plan").contains("very-secret"));
    project.edit("main.hcl", "\"a\"", "\"b\"");
    project
        .mlo(&["apply", "p.plan"])
        .ends_with(4)
        .has(&["`main.hcl` is not as it was", "sensitive value stands in it"]);
    project.edit("main.hcl", "\"b\"", "\"a\"");
    project.ok(&["apply", "p.plan"]).has(&["1 added"]);
}

#[test]
fn flags_that_a_plan_cannot_heed_are_refused() {
    let project = project();
    project.ok(&["plan", "--out", "p.plan", "--var", "size=2"]);
    project
        .mlo(&["apply", "p.plan", "--var", "size=3"])
        .ends_with(1)
        .has(&["MLO3043", "another value in the plan"]);
    project.mlo(&["apply", "p.plan", "--destroy"]).ends_with(1).has(&["`--destroy` cannot be given with it"]);
    project
        .mlo(&["destroy", "p.plan"])
        .ends_with(1)
        .has(&["`p.plan` is no plan to destroy"])
        .has_not(&["--destroy"]);
    project.ok(&["apply", "p.plan", "--var", "size=2"]).has(&["3 added"]);
}

#[test]
fn a_plan_to_destroy_and_one_to_refresh_are_applied_as_such() {
    let project = project();
    project.ok(&["apply", "--auto-approve"]);
    project.write("made.txt", "changed outside");
    project.ok(&["plan", "--refresh-only", "--out", "refresh.plan"]);
    project.ok(&["plan", "--destroy", "--out", "destroy.plan"]);
    project.ok(&["apply", "refresh.plan"]).has(&["0 added, 0 changed, 0 destroyed"]);
    project.mlo(&["apply", "destroy.plan"]).ends_with(4);
    project.ok(&["plan", "--destroy", "--out", "destroy.plan"]);
    project.ok(&["apply", "destroy.plan"]).has(&["destroyed"]);
    assert_eq!(project.json(&["show"], 0)["resources"], serde_json::json!([]));
}

#[test]
fn the_gate_is_asked_again_and_must_be_the_same() {
    let project = Project::new();
    project.take_examples();
    project.mlo(&["plan", "examples/invalid/low-accuracy.yaml", "--out", "p.plan"]).ends_with(3);
    assert!(!project.path().join("p.plan").exists(), "what is denied is not saved");
    project.ok(&["plan", "examples/iris", "--out", "p.plan"]);
    let policies = crate::support::repository().join("policies");
    for name in ["data.yaml", "deployment-policy.rego", "model-governance.rego"] {
        project.write(&format!("policies/{name}"), std::fs::read(policies.join(name)).unwrap());
    }
    let same = project.mlo(&["apply", "p.plan", "--policies", "policies", "--json"]);
    assert!(same.code == 0 || same.code == 1, "the same policies in a folder: {}", same.all());
    project.mlo(&["destroy", "examples/iris", "--auto-approve"]);
    project.ok(&["plan", "examples/iris", "--out", "p.plan"]);
    project.edit(
        "policies/model-governance.rego",
        "package model.governance",
        "package model.governance\n\n# another",
    );
    project
        .mlo(&["apply", "p.plan", "--policies", "policies"])
        .ends_with(4)
        .has(&["the policies have changed"]);
}

#[test]
fn the_document_of_a_saved_plan_is_that_of_the_plan() {
    let project = Project::with(&[
        (
            "main.hcl",
            r#"
variable "size" {
  type    = number
  default = 1
  validation {
    condition     = var.size > 0
    error_message = "too small"
  }
}
variable "secret" {
  sensitive = true
  default   = "hunter2-canary"
}
variable "once" {
  ephemeral = true
  default   = "kept nowhere"
}
resource "mlo_data" "a" { input = [var.size, var.secret] }
resource "mlo_data" "b" {
  count = 2
  input = mlo_data.a.id
  lifecycle {
    precondition {
      condition     = var.size > 0
      error_message = "no"
    }
  }
}
data "local_file" "f" { filename = "text" }
module "m" {
  for_each = toset(["k"])
  source   = "./m"
  file     = data.local_file.f.content
}
check "c" {
  assert {
    condition     = var.size == 1
    error_message = "it is ${var.secret}"
  }
}
output "o" { value = mlo_data.b[*].id }
resource "mlo_data" "by_value" {
  input = { part = nonsensitive("not ${var.secret}, nor"), list = [nonsensitive(var.secret), "open"], none = var.nothing }
}
variable "nothing" {
  sensitive = true
  default   = null
}
output "by_value" { value = nonsensitive("x ${var.secret}") }
"#,
        ),
        ("text", "of a file"),
        ("m/main.hcl", "variable \"file\" {}\nresource \"mlo_data\" \"in\" { input = var.file }\n"),
    ]);
    project.ok(&["apply", "--auto-approve"]);
    project.write("text", "of another");
    for arguments in [&["plan", "--var", "size=2"][..], &["plan", "--destroy"]] {
        let live = project.json(&[arguments, &["--out", "p.plan"]].concat(), 0);
        let saved = project.json(&["show", "p.plan"], 0);
        assert!(!saved.to_string().contains("hunter2"), "{saved}");
        for (name, value) in live.as_object().unwrap() {
            if !["diagnostics", "timestamp"].contains(&name.as_str()) {
                assert_eq!(saved[name], *value, "{arguments:?}: {name}");
            }
        }
    }
    let live = project.json(&["plan", "--var", "size=2", "--out", "p.plan"], 0);
    assert_eq!(live["variables"]["size"]["value"], 2);
    assert!(live["variables"].get("once").is_none(), "what is ephemeral is in no document: {live}");
    assert!(live["checks"].as_array().unwrap().len() >= 3, "{}", live["checks"]);
    assert!(!project.read("p.plan").contains("kept nowhere"));
}

#[test]
fn a_plan_with_data_sources_is_applied_unless_they_say_something_else() {
    let project = Project::with(&[
        (
            "main.hcl",
            r#"
data "local_file" "early" { filename = "early" }
resource "mlo_data" "a" { input = data.local_file.early.content }
resource "local_file" "made" {
  filename = "made"
  content  = mlo_data.a.id
}
data "local_file" "late" { filename = local_file.made.filename == "" ? "x" : "${mlo_data.a.id == "" ? "" : "made"}" }
resource "mlo_data" "b" { input = data.local_file.late.content }
"#,
        ),
        ("early", "one"),
    ]);
    project.ok(&["plan", "--out", "p.plan"]).has(&["data.local_file.late will be read during apply"]);
    project.write("early", "two");
    project
        .mlo(&["apply", "p.plan"])
        .ends_with(4)
        .has(&["is stale: mlo_data.a: `input` would have another value"]);
    project.write("early", "one");
    project.ok(&["apply", "p.plan"]).has(&["3 added, 0 changed, 0 destroyed."]);
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
}

#[test]
fn a_plan_of_a_part_is_applied_as_that_part() {
    let project = project();
    project
        .ok(&["plan", "--target", "terraform_data.a", "--out", "p.plan"])
        .has(&["Plan: 1 to add", "MLO3037"]);
    project.mlo(&["apply", "p.plan", "--target", "local_file.f"]).ends_with(1).has(&["says what is done"]);
    assert_eq!(project.json(&["show", "p.plan"], 0)["complete"], false);
    project.ok(&["apply", "p.plan"]).has(&["1 added, 0 changed, 0 destroyed."]);
    assert_eq!(project.ok(&["state", "list"]).out, "terraform_data.a\n");
    project.ok(&["plan", "--exclude", "local_file.f", "--out", "p.plan"]);
    project.ok(&["apply", "p.plan"]).has(&["1 added"]);
    project.ok(&["plan", "--replace", "terraform_data.b", "--out", "p.plan"]).has(&["as requested"]);
    project.ok(&["apply", "p.plan"]).has(&["2 added, 0 changed, 1 destroyed."]);
}

#[test]
fn a_plan_takes_along_what_was_set_aside() {
    let project = Project::with(&[("main.hcl", crate::state::SET_ASIDE)]);
    crate::state::set_aside(&project);
    project.ok(&["plan", "--var", "v=2", "--out", "p.plan"]).has(&["(deposed object", "1 to destroy"]);
    project.ok(&["show", "p.plan"]).has(&["(deposed object", "will be destroyed"]);
    let document = project.json(&["show", "p.plan"], 0);
    let changes = document["resource_changes"].as_array().unwrap();
    assert!(changes.iter().any(|change| change["deposed"].is_string()), "{document}");
    project.write("may-go", "");
    project.ok(&["apply", "p.plan"]).has(&["0 added, 0 changed, 1 destroyed."]);
    project.ok(&["plan", "--var", "v=2", "--detailed-exitcode"]).has(&["No changes."]);
}

#[test]
fn a_plan_with_modules_from_elsewhere_needs_them_as_they_were() {
    let project = Project::new();
    let repository = project.path().join("repository");
    let text = |text: &str| format!("resource \"mlo_data\" \"in\" {{ input = \"{text}\" }}\n");
    crate::support::pack::commit(&repository, &[("net/main.tf", &text("first"))]);
    project.write(
        "main.hcl",
        format!("module \"m\" {{ source = \"git::file://{}//net\" }}\n", repository.display()),
    );
    project.ok(&["plan", "--out", "p.plan"]).has(&["Plan: 1 to add"]);
    project.ok(&["plan", "--out", "q.plan"]);
    project.ok(&["apply", "p.plan"]).has(&["1 added"]);
    project.mlo(&["apply", "q.plan"]).ends_with(4).has(&["MLO3041"]);

    project.ok(&["plan", "--destroy", "--out", "p.plan"]);
    crate::support::pack::commit(&repository, &[("net/main.tf", &text("second"))]);
    project.ok(&["get", "--update"]);
    project
        .mlo(&["apply", "p.plan"])
        .ends_with(4)
        .has(&["a module that its configuration calls has changed"]);
    project.mlo(&["graph", "--plan", "p.plan"]).ends_with(4).has(&["MLO3041"]);
    // A later plan has it as it is now.
    project.ok(&["plan", "--out", "p.plan"]).has(&["-> \"second\""]);
    project.ok(&["apply", "p.plan"]).has(&["1 changed"]);
}

#[test]
fn a_sensitive_value_that_was_read_must_be_the_same_though_the_file_does_not_hold_it() {
    let project = Project::with(&[
        (
            "main.hcl",
            "data \"mlo_state\" \"o\" { path = \"other\" }\nresource \"mlo_data\" \"a\" { input = data.mlo_state.o.outputs.s }\n",
        ),
        ("other/main.hcl", "variable \"v\" {}\noutput \"s\" {\n  value     = var.v\n  sensitive = true\n}\n"),
    ]);
    project.ok(&["apply", "other", "--auto-approve", "--var", "v=hunter2-first"]);
    project.ok(&["plan", "--out", "p.plan"]);
    assert!(!project.read("p.plan").contains("hunter2"));
    project.ok(&["apply", "other", "--auto-approve", "--var", "v=hunter2-second"]);
    project
        .mlo(&["apply", "p.plan"])
        .ends_with(4)
        .has(&["MLO3041", "something sensitive would have another value"]);
    project.ok(&["apply", "other", "--auto-approve", "--var", "v=hunter2-first"]);
    project.ok(&["apply", "p.plan"]).has(&["1 added"]);
}
