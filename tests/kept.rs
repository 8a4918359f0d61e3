//! What is kept beside the present state: listed, compared, checked, put back.

use crate::support::{Project, Said, said};

const MAIN: &str = r#"
variable "password" {
  type      = string
  sensitive = true
}
variable "round" {
  type    = number
  default = 1
}
resource "terraform_data" "a" { input = { password = var.password, round = var.round } }
resource "terraform_data" "b" {
  count = var.round > 1 ? 1 : 0
  input = "b"
}
output "round" { value = var.round }
"#;

fn run(project: &Project, arguments: &[&str]) -> Said {
    let said = said(project.command(arguments).env("MLO_VAR_password", "hunter2-and-more"));
    said.has_not(&["hunter2"]);
    said
}

/// Three serials: one object, two objects, one of them changed.
fn project() -> Project {
    let project = Project::with(&[("main.hcl", MAIN)]);
    for round in ["round=1", "round=2", "round=3"] {
        run(&project, &["apply", "--auto-approve", "--var", round]).ends_with(0);
    }
    project
}

#[test]
fn serials_are_listed_and_compared_and_secrets_are_masked() {
    let project = project();
    let listed = run(&project, &["state", "history"]);
    listed.ends_with(0).has(&["SERIAL  RUN BEGAN", "apply", "file."]);
    let serials: Vec<_> =
        listed.out.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(serials, ["3", "2", "1"]);
    run(&project, &["state", "diff", "1", "2"]).ends_with(0).has(&[
        "# terraform_data.a is different",
        "# terraform_data.b[0] is new",
        "+ resource \"terraform_data\" \"b\" {",
        "~ round = 1 -> 2",
        "From serial 1 to serial 2: 1 new, 1 different, 0 gone.",
    ]);
    run(&project, &["state", "diff", "3", "1"])
        .ends_with(0)
        .has(&["# terraform_data.b[0] is not in it any more"]);
    run(&project, &["state", "diff", "3"])
        .ends_with(0)
        .has(&["From serial 3 to serial 3: 0 new, 0 different, 0 gone."]);
    run(&project, &["state", "diff", "9"]).ends_with(1).has(&[
        "MLO6015",
        "serial 9 is not kept",
        "these are: 3, 2, 1",
    ]);
    run(&project, &["state", "verify"]).ends_with(0).has(&[
        "✓ the state and its journal: serial 3, 2 objects",
        "✓ serial 1: 1 object, sealed with `file.",
    ]);
    let nothing = Project::new();
    for command in ["history", "verify"] {
        nothing.ok(&["state", command]).has(&["There is no state yet"]);
    }
    nothing.mlo(&["state", "diff", "1"]).ends_with(1).has(&["serial 1 is not kept"]);
}

#[test]
fn an_earlier_serial_is_written_again_as_a_new_one() {
    let project = project();
    run(&project, &["state", "restore", "1"]).ends_with(1).has(&[
        "# terraform_data.b[0] is not in it any more",
        "What is not in serial 1 is forgotten, and not destroyed.",
        "nobody can be asked",
        "--auto-approve",
    ]);
    assert_eq!(run(&project, &["state", "list"]).out.lines().count(), 2, "nothing was changed");
    run(&project, &["state", "restore", "1", "--auto-approve"])
        .ends_with(0)
        .has(&["From serial 3 to serial 4:"]);
    assert_eq!(run(&project, &["state", "list"]).out, "terraform_data.a\n");
    run(&project, &["state", "history"]).ends_with(0).has(&["     4  ", "state restore"]);
    run(&project, &["plan", "--var", "round=1"]).ends_with(0).has(&["No changes."]);
    run(&project, &["state", "verify"]).ends_with(0);
}

#[test]
fn the_state_is_sealed_with_another_key_on_request() {
    let project =
        Project::with(&[("main.hcl", "resource \"terraform_data\" \"a\" { input = \"hunter2\" }\n")]);
    project.ok(&["apply", "--auto-approve"]);
    project.mlo(&["state", "rekey"]).ends_with(1).has(&[
        "MLO6013",
        "no key is configured",
        "MLO_STATE_PASSPHRASE",
    ]);
    let words = |arguments: &[&str]| {
        said(project.command(arguments).env("MLO_STATE_PASSPHRASE", "correct horse battery"))
    };
    words(&["state", "rekey"]).ends_with(0).has(&[
        "The state is sealed with `passphrase.environment` from serial 2 on.",
        "Earlier serials stay as they were",
    ]);
    words(&["state", "history"]).ends_with(0).has(&["state rekey", "passphrase.environment"]);
    words(&["plan"]).ends_with(0).has(&["No changes."]);
    project.mlo(&["plan"]).ends_with(1).has(&["MLO6012"]);
}
