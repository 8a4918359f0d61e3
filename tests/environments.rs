//! Environments: each with its values and its state; none of them guessed, none mixed up with another.

use crate::support::{Project, said};

const MAIN: &str = r#"
variable "size" {
  type    = number
  default = 1
}
environment "dev" {}
environment "prod" {
  variables = { size = 3 }
}
resource "terraform_data" "a" { input = "${var.size} in ${mlo.environment}" }
resource "local_file" "f" {
  filename = "${mlo.environment}.txt"
  content  = "size ${var.size}"
}
output "size" { value = var.size }
"#;

/// The same without environments.
const BEFORE: &str = r#"
variable "size" {
  type    = number
  default = 1
}
resource "terraform_data" "a" { input = "${var.size} in ${mlo.environment}" }
"#;

fn project() -> Project {
    Project::with(&[("main.hcl", MAIN)])
}

#[test]
fn each_environment_has_its_values_and_its_state() {
    let project = project();
    project.ok(&["apply", "--env", "dev", "--auto-approve"]).has(&["Environment: dev", "2 added"]);
    project.ok(&["plan", "--env", "prod"]).has(&["Environment: prod", "2 to add", "\"3 in prod\""]);
    project.ok(&["apply", "--env", "prod", "--auto-approve"]).has(&["2 added"]);
    assert_eq!(project.read("dev.txt"), "size 1");
    assert_eq!(project.read("prod.txt"), "size 3");
    for (environment, size) in [("dev", 1), ("prod", 3)] {
        project.ok(&["plan", "--env", environment, "--detailed-exitcode"]).has(&["No changes."]);
        assert_eq!(project.json(&["output", "--env", environment], 0)["size"]["value"], size);
        assert!(project.path().join(".mlo/state/env").join(environment).join("state.json").is_file());
        assert_eq!(project.ok(&["state", "list", "--env", environment]).out.lines().count(), 2);
    }
    assert!(!project.path().join(".mlo/state/default").exists(), "nobody's state is none's");
    project.ok(&["destroy", "--env", "dev", "--auto-approve"]).has(&["2 destroyed"]);
    project.ok(&["plan", "--env", "prod", "--detailed-exitcode"]);
    assert_eq!(project.read("prod.txt"), "size 3");
    assert_eq!(project.json(&["plan", "--env", "prod"], 0)["environment"], "prod");
}

#[test]
fn every_command_that_needs_an_environment_says_which_there_are() {
    let project = project();
    let saved = ["environment", "--env dev", "MLO_ENV", "`dev`, `prod`"];
    for command in [
        &["plan"][..],
        &["apply", "--auto-approve"],
        &["destroy", "--auto-approve"],
        &["show"],
        &["output"],
        &["console"],
        &["providers"],
        &["graph", "--type", "apply"],
        &["state", "list"],
        &["state", "pull"],
        &["state", "mv", "local_file.f", "local_file.g"],
        &["state", "migrate", "--from", "elsewhere"],
        &["taint", "local_file.f"],
        &["force-unlock"],
        &["import", "local_file.f", "x"],
    ] {
        let said = project.mlo(command);
        said.ends_with(1)
            .has(&["MLO3045", "no environment is named, and the configuration has some"])
            .has(&saved);
        let named = [command, &["--env", "porto"]].concat();
        project.mlo(&named).ends_with(1).has(&["there is no environment `porto`", "there are `dev`, `prod`"]);
    }
    project.mlo(&["plan", "--env", "prd"]).ends_with(1).has(&["did you mean `prod`?"]);
    project.mlo(&["plan", "--env", ""]).ends_with(1);
    let by_variable = said(project.command(&["plan"]).env("MLO_ENV", "prod"));
    by_variable.ends_with(0).has(&["Environment: prod"]);
    let flag_first = said(project.command(&["plan", "--env", "dev"]).env("MLO_ENV", "prod"));
    flag_first.ends_with(0).has(&["Environment: dev"]);
    // These are about all of them.
    project.ok(&["validate"]);
    project.ok(&["graph"]);
    project.ok(&["get"]);
    assert!(!project.path().join(".mlo/state").exists(), "nothing was done");
}

#[test]
fn the_names_that_there_are_without_blocks() {
    let project = Project::with(&[("main.hcl", BEFORE)]);
    project.ok(&["apply", "--auto-approve"]).has(&["\"1 in dev\""]).has_not(&["Environment:"]);
    project.ok(&["plan", "--env", "dev", "--detailed-exitcode"]).has(&["Environment: dev", "No changes."]);
    project.ok(&["apply", "--env", "prod", "--auto-approve"]).has(&["\"1 in prod\"", "1 added"]);
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
    project.mlo(&["plan", "--env", "stagin"]).ends_with(1).has(&[
        "there is no environment `stagin`",
        "did you mean `staging`?",
        "the configuration declares none, so there are `dev`, `staging`, `prod`",
    ]);
}

#[test]
fn objects_that_were_made_without_environments_are_given_to_one() {
    let project = Project::with(&[("main.hcl", BEFORE)]);
    project.ok(&["apply", "--auto-approve"]);
    project.write("main.hcl", MAIN);
    for command in [&["plan"][..], &["apply", "--auto-approve"], &["state", "rm", "local_file.f"]] {
        let named = [command, &["--env", "prod"]].concat();
        project.mlo(&named).ends_with(1).has(&[
            "MLO6021",
            "1 object is in the state that is kept without environments",
            "`mlo state migrate --env prod --from-env default`",
        ]);
    }
    let migrate = ["state", "migrate", "--env", "prod", "--from-env", "default", "--auto-approve"];
    project.ok(&migrate).has(&["1 objects at serial 1", "(environment prod)"]);
    project.ok(&["plan", "--env", "prod"]).has(&["1 to add, 1 to change"]);
    project.ok(&["plan", "--env", "dev"]).has(&["2 to add"]);
    // Whoever still goes without environments is told where the objects are.
    project.write("main.hcl", BEFORE);
    project.mlo(&["plan"]).ends_with(1).has(&["is in environment prod now", "name it: `--env prod`"]);
    project.ok(&["plan", "--env", "prod"]).has(&["0 to add, 1 to change"]);
}

#[test]
fn an_environment_takes_its_state_along_under_another_name() {
    let project = project();
    project.ok(&["apply", "--env", "prod", "--auto-approve"]);
    project.edit("main.hcl", "environment \"prod\"", "environment \"live\"");
    let migrate = ["state", "migrate", "--env", "live", "--auto-approve", "--from-env"];
    project.ok(&[&migrate[..], &["prod"]].concat());
    assert_eq!(project.ok(&["state", "list", "--env", "live"]).out.lines().count(), 2);
    project.mlo(&[&migrate[..], &["live"]].concat()).ends_with(1).has(&["both places are the same"]);
    for wrong in ["../prod", "Prod", "a/b", ""] {
        project.mlo(&[&migrate[..], &[wrong]].concat()).ends_with(1).has(&["no environment can be called"]);
    }
    // Place and environment can change at once.
    project.write(
        "main.hcl",
        format!("terraform {{\n  backend \"local\" {{ path = \"kept\" }}\n}}\n{}", project.read("main.hcl")),
    );
    project
        .mlo(&["plan", "--env", "live"])
        .ends_with(1)
        .has(&["mlo state migrate --env live --from '.mlo/state'"]);
    project.ok(&["state", "migrate", "--env", "live", "--from", ".mlo/state", "--auto-approve"]);
    assert!(project.path().join("kept/env/live/state.json").is_file());
    project.ok(&["state", "list", "--env", "live"]).has(&["local_file.f"]);
}

#[test]
fn a_saved_plan_is_of_one_environment() {
    let project = project();
    project.ok(&["plan", "--env", "prod", "--out", "p.plan"]);
    project.ok(&["show", "p.plan"]).has(&["Environment: prod", "\"3 in prod\""]);
    project.mlo(&["apply", "p.plan", "--env", "dev"]).ends_with(4).has(&[
        "MLO3042",
        "`p.plan` is for the environment `prod`, and this is `dev`",
        "mlo plan --env dev --out FILE",
    ]);
    said(project.command(&["apply", "p.plan"]).env("MLO_ENV", "dev")).ends_with(4);
    project.ok(&["graph", "--plan", "p.plan"]);
    project.ok(&["apply", "p.plan"]).has(&["Environment: prod", "2 added"]);
    assert_eq!(project.read("prod.txt"), "size 3");
    project.ok(&["plan", "--env", "dev", "--out", "d.plan"]);
    project.ok(&["apply", "d.plan", "--env", "dev"]);
}

#[test]
fn values_of_an_environment_stand_between_files_and_flags() {
    let project = project();
    let size = |arguments: &[&str], variable: Option<&str>| {
        let mut command = project.command(&[&["plan", "--env", "prod", "--json"], arguments].concat());
        variable.map(|value| command.env("MLO_VAR_size", value));
        let said = said(&mut command);
        serde_json::from_str::<serde_json::Value>(&said.out).unwrap()["variables"]["size"]["value"].clone()
    };
    project.write("terraform.tfvars", "size = 20\n");
    project.write("given.tfvars", "size = 40\n");
    assert_eq!(size(&[], Some("10")), 3);
    assert_eq!(size(&["--var-file", "given.tfvars"], None), 40);
    assert_eq!(size(&["--var-file", "given.tfvars", "--var", "size=50"], None), 50);
    assert_eq!(project.json(&["plan", "--env", "dev"], 0)["variables"]["size"]["value"], 20);
}

#[test]
fn blocks_that_are_wrong_are_refused_with_their_places() {
    let text = r#"
variable "size" {
  type = number
}
variable "word" {
  sensitive = true
}
environment "Prod" {}
environment "default" {}
environment "dev" {
  variables = { size = "many" }
  policy    = { accuracy = "advisery" }
}
environment "live" {
  variables = { size = 1, word = "hunter2hunter2" }
}
output "o" { value = mlo.environment == "dev" ? 1 : "x" }
"#;
    let project = Project::with(&[("main.hcl", text)]);
    project.mlo(&["validate"]).ends_with(1).has(&[
        "an environment cannot be called `Prod`",
        "main.hcl:8:13",
        "an environment cannot be called `default`",
        "the value of variable `size` is not of its type",
        "main.hcl:11:24",
        "not a level of a rule",
        "did you mean `advisory`?",
    ]);
    project.mlo(&["state", "list", "--env", "dev"]).ends_with(1).has(&["main.hcl:8:13"]);
    project.write(
        "main.hcl",
        text.replace("Prod", "a")
            .replace("default", "b")
            .replace("\"many\"", "[]")
            .replace("advisery", "advisory"),
    );
    project.mlo(&["validate"]).ends_with(1).has(&["variable `size` is not of its type"]);
}

#[test]
fn a_state_of_its_own_may_be_elsewhere() {
    let project = project();
    project.edit(
        "main.hcl",
        "environment \"dev\" {}",
        "environment \"dev\" {\n  state \"local\" { path = \"dev-states\" }\n}",
    );
    project.ok(&["apply", "--env", "dev", "--auto-approve"]);
    project.ok(&["apply", "--env", "prod", "--auto-approve"]);
    assert!(project.path().join("dev-states/env/dev/state.json").is_file());
    assert!(project.path().join(".mlo/state/env/prod/state.json").is_file());
    for environment in ["dev", "prod", "dev"] {
        project.ok(&["plan", "--env", environment, "--detailed-exitcode"]).has(&["No changes."]);
    }
}

#[test]
fn outputs_of_another_project_are_those_of_the_same_environment_unless_one_is_named() {
    let project = Project::with(&[
        (
            "network/main.hcl",
            "environment \"dev\" {}\nenvironment \"prod\" {}\noutput \"name\" { value = mlo.environment }\n",
        ),
        (
            "app/main.hcl",
            "environment \"prod\" {}\nenvironment \"test\" {}\ndata \"mlo_state\" \"own\" { path = \"../network\" }\ndata \"mlo_state\" \"dev\" {\n  path = \"../network\"\n  environment = \"dev\"\n}\noutput \"o\" { value = \"${data.mlo_state.own.outputs.name} ${data.mlo_state.dev.outputs.name}\" }\n",
        ),
    ]);
    for environment in ["dev", "prod"] {
        project.ok(&["apply", "network", "--env", environment, "--auto-approve"]);
    }
    project.ok(&["plan", "app", "--env", "prod"]).has(&["\"prod dev\""]);
    project.mlo(&["plan", "app", "--env", "test"]).ends_with(1).has(&["there is no environment `test`"]);
}

#[test]
fn the_policies_are_those_of_the_chosen_environment() {
    let project = Project::copy_of("examples");
    // Good enough for development alone: a source that nobody listed, and `approved: true` by its author.
    let manifest = "valid/minimal.yaml";
    project.ok(&["plan", manifest]).has(&["environment dev"]);
    let staging = project.mlo(&["plan", manifest, "--env", "staging"]);
    staging.ends_with(3).has(&["Data source 's3://approved-data-churn/2025-01' is not approved"]);
}

#[test]
fn the_example_goes_from_one_environment_to_the_next() {
    let project = Project::copy_of("examples/environments");
    for (environment, card) in [
        ("dev", "Classifier: 1 in dev"),
        ("staging", "Classifier: 2 in staging"),
        ("prod", "The classifier: 3 in prod"),
    ] {
        project.ok(&["plan", "--env", environment, "--out", "next.plan"]).has(&["1 to add"]);
        project.ok(&["apply", "next.plan"]);
        assert_eq!(project.read(&format!("{environment}.txt")), card);
    }
}
