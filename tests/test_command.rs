//! `mlo test`: files of tests, as a user runs them, and as Terraform answered them.

use crate::support::{Project, Said, repository, said};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The lines of a run with `--json`.
fn lines(said: &Said) -> Vec<Json> {
    let parse = |line: &str| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{}", said.all()))
    };
    said.out.lines().map(parse).collect()
}

/// Each run with its outcome, and where its errors are: `tests/a.tftest.hcl name fail tests/a.tftest.hcl:5`.
fn outcomes(said: &Said) -> Vec<String> {
    let lines = lines(said);
    let mut errors: BTreeMap<(String, String), String> = BTreeMap::new();
    for line in lines.iter().filter(|line| line["type"] == "diagnostic" && line["@level"] == "error") {
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let range = &line["diagnostic"]["range"];
        let place = format!(" {}:{}", text(&range["filename"]), range["start"]["line"]);
        *errors.entry((text(&line["@testfile"]), text(&line["@testrun"]))).or_default() += &place;
    }
    let done = lines.iter().filter(|line| line["test_run"]["progress"] == "complete");
    let outcome = |line: &Json| {
        let text = |value: &Json| value.as_str().unwrap().to_owned();
        let run = &line["test_run"];
        let (file, name, status) = (text(&run["path"]), text(&run["run"]), text(&run["status"]));
        let errors = errors.get(&(file.clone(), name.clone())).cloned().unwrap_or_default();
        // What an error is about, Terraform shows at other places.
        format!("{file} {name} {status}{}", if status == "fail" { errors } else { String::new() })
    };
    done.map(outcome).collect()
}

#[test]
fn a_file_that_cannot_be_read_keeps_no_other_from_being_run() {
    let good = "run \"it\" {\n  command = plan\n  assert {\n    condition     = true\n    error_message = \"no\"\n  }\n}\n";
    let project = Project::with(&[
        ("main.hcl", "output \"o\" { value = 1 }\n"),
        ("a.tftest.hcl", "run \"x\" {\n  command = plan\n  asert {}\n}\nrun \"y\" {}\n"),
        ("b.tftest.hcl", good),
        ("c.tftest.hcl", "run \"z\" {\n"),
        ("d.tftest.hcl", good),
        ("e.tftest.hcl", "test {\n  manifest = \"missing.yaml\"\n}\nrun \"m\" {}\n"),
    ]);
    let said = project.mlo(&["test", "--junit-xml", "r.xml"]);
    said.ends_with(1).has(&[
        "a.tftest.hcl... fail",
        "a.tftest.hcl:3:3",
        "b.tftest.hcl... pass",
        "c.tftest.hcl... fail",
        "c.tftest.hcl:",
        "d.tftest.hcl... pass",
        "e.tftest.hcl... fail",
        "missing.yaml",
        "Failure! 2 passed, 3 failed.",
    ]);
    let report = project.read("r.xml");
    assert_eq!(report.matches("read the file").count(), 3, "{report}");
    let lines = project.mlo(&["test", "--json"]);
    lines.ends_with(1).has(&["\"a.tftest.hcl\"", "\"b.tftest.hcl\""]);
    project.mlo(&["test", "--filter", "b.tftest.hcl"]).ends_with(0).has(&["Success! 1 passed, 0 failed."]);
}

#[test]
fn runs_come_out_as_in_terraform() {
    let mut seen = 0;
    for entry in std::fs::read_dir(repository().join("tests/cases/terraform-test")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let project = Project::new();
        let mut expected = Vec::new();
        for part in text.split("-- ").skip(1).filter_map(|part| part.split_once(" --\n")) {
            match part {
                ("terraform 1.11.4", answer) => expected.extend(answer.lines().map(|line| {
                    let mut words: Vec<_> = line.split(' ').collect();
                    if words[2] != "fail" {
                        words.truncate(3);
                    }
                    words.join(" ")
                })),
                (name, text) => project.write(name, text),
            }
        }
        let answer = project.mlo(&["test", "--json"]);
        assert_eq!(outcomes(&answer), expected, "{}\n{}", path.display(), answer.all());
        assert_eq!(answer.code, 1, "each of these has a run that does not pass\n{}", answer.all());
        assert!(!project.path().join(".mlo").exists(), "the project's own state is not touched");
        seen += expected.len();
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn the_example_passes_and_leaves_nothing() {
    let project = Project::copy_of("examples/tested");
    let before = files(&project);
    project.ok(&["test"]).has(&["Success! 4 passed, 0 failed."]);
    assert_eq!(files(&project), before);
}

/// All files and folders of a project.
fn files(project: &Project) -> Vec<std::path::PathBuf> {
    let mut found = vec![project.path().to_owned()];
    let mut next = 0;
    while let Some(folder) = found.get(next).cloned() {
        let entries = std::fs::read_dir(&folder).into_iter().flatten();
        found.extend(entries.map(|entry| entry.unwrap().path()));
        next += 1;
    }
    found.sort();
    found
}

const MAIN: &str = r#"
variable "name" { default = "a" }
variable "secret" {
  default   = "hunter22"
  sensitive = true
}
resource "local_file" "f" {
  filename = "${var.name}.txt"
  content  = "it is ${var.name}"
}
output "name" { value = local_file.f.filename }
"#;

fn project(tests: &str) -> Project {
    Project::with(&[("main.tf", MAIN), ("tests/main.tftest.hcl", tests)])
}

#[test]
fn what_a_run_made_is_there_for_its_assertions_and_gone_at_the_end() {
    let project = project(
        r#"
run "made" {
  assert {
    condition     = file(local_file.f.filename) == "it is a"
    error_message = "No file."
  }
}
run "moved" {
  variables { name = "b" }
  assert {
    condition     = fileexists("b.txt") && !fileexists("a.txt")
    error_message = "Not replaced."
  }
}
run "apart" {
  state_key = "apart"
  variables { name = "c" }
  assert {
    condition     = fileexists("b.txt") && fileexists("c.txt")
    error_message = "Runs with other keys have states of their own."
  }
}
"#,
    );
    project.ok(&["test"]).has(&["Success! 3 passed, 0 failed.", "tests/main.tftest.hcl... tearing down"]);
    for file in ["a.txt", "b.txt", "c.txt", ".mlo"] {
        assert!(!project.path().join(file).exists(), "{file}");
    }
}

#[test]
fn an_assertion_that_does_not_hold_shows_its_values_and_no_secret() {
    let project = project(
        r#"
run "wrong" {
  command = plan
  assert {
    condition     = output.name == "b.txt"
    error_message = "It is ${output.name}."
  }
  assert {
    condition     = var.secret == "x"
    error_message = "The secret is another one."
  }
}
run "goes_on" {
  command = plan
}
"#,
    );
    project.mlo(&["test"]).ends_with(1).has_not(&["hunter22"]).has(&[
        "  run \"wrong\"... fail",
        "It is a.txt.",
        "tests/main.tftest.hcl:5:21",
        "condition     = output.name == \"b.txt\"",
        "Here `output.name` is \"a.txt\".",
        "Here `var.secret` is sensitive.",
        "MLO3060",
        "  run \"goes_on\"... pass",
        "Failure! 1 passed, 1 failed.",
    ]);
}

#[test]
fn sensitive_values_of_tests_are_nowhere_in_clear() {
    let project = project(
        r#"
variables { secret = "swordfish" }
run "given" {
  override_resource {
    target = local_file.f
    values = { content_sha256 = var.secret }
  }
  assert {
    condition     = local_file.f.content_sha256 == "x"
    error_message = "no"
  }
  assert {
    condition     = var.secret + 1 == 2
    error_message = "no"
  }
}
"#,
    );
    for flags in
        [&["test", "--verbose"][..], &["test", "--json", "--verbose"], &["test", "--junit-xml", "r.xml"]]
    {
        project.mlo(flags).ends_with(1).has_not(&["swordfish"]);
    }
    assert!(!project.read("r.xml").contains("swordfish"));
}

#[test]
fn what_stands_in_is_not_called() {
    let mocked = r#"
mock_provider "local" {
  override_during = plan
  mock_resource "local_file" {
    defaults = { content_sha256 = "chosen" }
  }
}
run "planned" {
  command = plan
  assert {
    condition     = local_file.f.content_sha256 == "chosen" && can(regex("^[a-z0-9]{8}$", local_file.f.id))
    error_message = "The id is ${local_file.f.id}."
  }
}
run "applied" {
  assert {
    condition     = local_file.f.content_sha256 == "chosen" && !fileexists("a.txt")
    error_message = "A file was written."
  }
}
"#;
    let overridden = r#"
override_resource {
  target = local_file.f
  values = { id = "made up" }
}
run "applied" {
  assert {
    condition     = local_file.f.id == "made up" && !fileexists("a.txt")
    error_message = "A file was written."
  }
}
run "not_in_this_one" {
  state_key = "other"
  override_resource {
    target = local_file.f
    values = { id = "of the run" }
  }
  assert {
    condition     = local_file.f.id == "of the run"
    error_message = "The run's own counts more."
  }
}
"#;
    for tests in [mocked, overridden] {
        project(tests).ok(&["test"]).has(&["Success! 2 passed, 0 failed."]);
    }
}

#[test]
fn providers_of_a_file_stand_for_those_of_the_configuration() {
    let project = Project::with(&[
        (
            "main.tf",
            r#"
provider "local" {
  alias = "second"
  root  = "nowhere"
}
resource "local_file" "a" {
  filename = "a.txt"
  content  = "a"
}
resource "local_file" "b" {
  provider = local.second
  filename = "b.txt"
  content  = "b"
}
"#,
        ),
        ("setup/main.tf", "output \"folder\" { value = \"made\" }\n"),
        (
            "main.tftest.hcl",
            r#"
provider "local" { root = run.setup.folder }
mock_provider "local" { alias = "fake" }
provider "local" {
  alias = "second"
  root  = "${var.where}/second"
}
variables { where = "elsewhere" }
run "setup" {
  module { source = "./setup" }
}
run "by_name" {
  assert {
    condition     = fileexists("made/a.txt") && fileexists("elsewhere/second/b.txt")
    error_message = "Not where the file of tests says."
  }
}
run "by_mapping" {
  state_key = "other"
  providers = {
    local        = local.fake
    local.second = local.fake
  }
  assert {
    condition     = length(local_file.a.id) == 8 && length(local_file.b.id) == 8
    error_message = "Not mocked."
  }
}
run "unknown" {
  command   = plan
  providers = { local = local.fak }
}
"#,
        ),
    ]);
    project.mlo(&["test"]).ends_with(1).has(&[
        "run \"by_name\"... pass",
        "run \"by_mapping\"... pass",
        "run \"unknown\"... fail",
        "did you mean `local.fake`?",
    ]);
    assert!(!project.path().join("made/a.txt").exists());
}

#[test]
fn what_cannot_be_taken_away_is_named_and_fails_the_file() {
    let project = Project::with(&[
        (
            "main.tf",
            r#"
resource "local_command" "stuck" {
  read   = ["sh", "-c", "test -e it"]
  find   = ["sh", "-c", "exit 1"]
  create = ["sh", "-c", "echo on > it; echo it"]
  delete = ["sh", "-c", "echo it is stuck >&2; exit 1"]
}
"#,
        ),
        ("main.tftest.hcl", "run \"made\" {}\n"),
    ]);
    let answer = project.mlo(&["test"]);
    answer.ends_with(1).has(&[
        "  run \"made\"... pass",
        "it is stuck",
        "MLO3065",
        "left behind by run `made` of main.tftest.hcl: local_command.stuck",
        "main.tftest.hcl... fail",
        "Failure! 1 passed, 0 failed.",
    ]);
}

#[test]
fn states_are_taken_away_the_last_used_first() {
    let project = Project::with(&[
        (
            "main.tf",
            "variable \"n\" { default = \"main\" }\nresource \"terraform_data\" \"a\" { input = var.n }\n",
        ),
        ("loader/main.tf", "resource \"terraform_data\" \"l\" {}\n"),
        ("setup/main.tf", "resource \"terraform_data\" \"s\" {}\n"),
        (
            "main.tftest.hcl",
            r#"
run "loader" {
  module { source = "./loader" }
}
run "main" {}
run "setup" {
  module { source = "./setup" }
}
run "main_again" {
  variables { n = "again" }
}
run "setup_again" {
  module { source = "./setup" }
}
"#,
        ),
    ]);
    let answer = project.ok(&["test", "--json"]);
    let lines = lines(&answer);
    let torn = lines.iter().filter(|line| line["test_run"]["progress"] == "teardown");
    let torn: Vec<_> = torn.map(|line| line["@testrun"].as_str().unwrap()).collect();
    assert_eq!(torn, ["setup_again", "main_again", "loader"]);
}

#[test]
fn values_for_variables_come_from_everywhere_the_nearest_counting_most() {
    let given = |tests: &str, folder: &str| {
        let project = Project::with(&[
            ("main.tf", "variable \"v\" { default = \"default\" }\noutput \"v\" { value = var.v }\n"),
            ("mlo.tfvars", "v = \"project\"\n"),
            ("tests/main.tftest.hcl", tests),
        ]);
        if !folder.is_empty() {
            project.write("tests/a.auto.tfvars", folder);
        }
        project
    };
    let run = |own: &str, expected: &str| {
        format!(
            "run \"r\" {{\n  command = plan\n  {own}\n  assert {{\n    condition = output.v == \"{expected}\"\n    error_message = \"It is ${{output.v}}.\"\n  }}\n}}\n"
        )
    };
    given(&run("", "project"), "").ok(&["test"]);
    given(&run("", "folder"), "v = \"folder\"\n").ok(&["test"]);
    given(&run("", "flag"), "v = \"folder\"\n").ok(&["test", "--var", "v=flag"]);
    let file = "variables { v = \"file\" }\n".to_owned();
    given(&(file.clone() + &run("", "file")), "").ok(&["test", "--var", "v=flag"]);
    given(&(file + &run("variables { v = \"own ${var.v} ${var.only}\" }", "own file here")), "").ok(&[
        "test",
        "--var",
        "only=here",
    ]);
    let project = given(&run("", "default"), "");
    std::fs::remove_file(project.path().join("mlo.tfvars")).unwrap();
    project.ok(&["test"]);
    let project = given(&run("", "environment"), "");
    std::fs::remove_file(project.path().join("mlo.tfvars")).unwrap();
    said(project.command(&["test"]).env("TF_VAR_v", "environment")).ends_with(0);
    let project = given(&run("", "project"), "");
    project.mlo(&["test", "--var", "nobody=1"]).ends_with(1).has(&["there is no variable `nobody`"]);
}

#[test]
fn a_report_in_the_junit_form_holds_whatever_messages_say() {
    let project = project(
        r#"
run "good" { command = plan }
run "bad" {
  command = plan
  assert {
    condition     = output.name == "]]><&\""
    error_message = "<tag> ]]> & \"quotes\""
  }
}
run "broken" {
  command = plan
  variables { name = tonumber("x") }
}
run "left_out" {}
"#,
    );
    project.mlo(&["test", "--junit-xml", "out.xml"]).ends_with(1);
    let report = project.read("out.xml");
    for text in [
        "<testsuite name=\"tests/main.tftest.hcl\" tests=\"4\" skipped=\"1\" failures=\"1\" errors=\"1\">",
        "<testcase name=\"good\" classname=\"tests/main.tftest.hcl\" time=\"",
        "<failure message=\"1 of 1 assertions failed: &lt;tag&gt; ]]&gt; &amp; &quot;quotes&quot;\"><![CDATA[",
        "<tag> ]]]]><![CDATA[> & \"quotes\"",
        "<error message=\"",
        "<skipped message=\"skipped after an error\"><![CDATA[run `broken` before it",
    ] {
        assert!(report.contains(text), "`{text}` is missing in\n{report}");
    }
    // Nothing but what CDATA holds and markup of ours.
    assert_eq!(report.matches("<![CDATA[").count(), report.matches("]]>").count());
}

#[test]
fn only_the_files_that_are_asked_for_are_run() {
    let run = "run \"r\" { command = plan }\n";
    let project = Project::with(&[
        ("main.tf", "output \"o\" { value = 1 }\n"),
        ("a.tftest.hcl", run),
        ("tests/b.tftest.hcl", run),
        ("other/c.tftest.hcl", run),
    ]);
    for (arguments, ran, not) in [
        (&["test"][..], &["a.tftest.hcl... pass", "tests/b.tftest.hcl... pass"][..], &["c.tftest.hcl"][..]),
        (&["test", "--filter", "tests/b.tftest.hcl"], &["tests/b.tftest.hcl... pass"], &["a.tftest.hcl"]),
        (&["test", "--filter", "./a.tftest.hcl"], &["a.tftest.hcl... pass"], &["b.tftest.hcl"]),
        (&["test", "--test-directory", "other"], &["other/c.tftest.hcl... pass"], &["b.tftest.hcl"]),
    ] {
        project.ok(arguments).has(ran).has_not(not);
    }
    let answer = project.mlo(&["test", "--filter", "tests/d.tftest.hcl"]);
    answer
        .ends_with(1)
        .has(&["there is no file of tests `tests/d.tftest.hcl`", "did you mean `tests/b.tftest.hcl`?"]);
    project.mlo(&["test", "--test-directory", "none"]).ends_with(1).has(&["folder `none` cannot be read"]);
    project.mlo(&["test", "--test-directory", "../x"]).ends_with(1).has(&["lies outside"]);
    let bare = Project::with(&[("main.tf", "output \"o\" { value = 1 }\n")]);
    bare.ok(&["test"]).has(&["Success! 0 passed, 0 failed.", "There are no tests"]);
}

#[test]
fn errors_of_a_file_are_told_with_their_places_and_all_at_once() {
    for (tests, texts) in [
        (
            "run \"a\" {\n  command = \"plan\"\n}\n",
            &["tests/main.tftest.hcl:2:13", "take out the quotes: `command = plan`"][..],
        ),
        ("run \"a\" {\n  comand = plan\n}\n", &["did you mean `command`?"]),
        ("runs \"a\" {}\n", &["there are no `runs` blocks in files of tests", "did you mean `run`?"]),
        ("run \"a\" {}\nrun \"a\" {}\n", &["run `a` is there twice"]),
        ("variables {}\nvariables {}\n", &["block `variables` is there twice"]),
        ("run \"a\" {\n  expect_failures = [module.m]\n}\n", &["a module has no conditions of its own"]),
        (
            "run \"a\" {\n  expect_failures = [output.nmae]\n}\n",
            &["has no `output.nmae`", "did you mean `output.name`?"],
        ),
        ("run \"a\" {\n  module { source = \"./none\" }\n}\n", &["module folder `none` cannot be read"]),
        (
            "run \"a\" {\n  plan_options {\n    mode = refresh-only\n    refresh = false\n  }\n}\n",
            &["`refresh-only` reads the objects"],
        ),
        (
            "mock_provider \"loca\" {}\nrun \"a\" { providers = { local = loca } }\n",
            &["the file has no provider `loca` that could be `local`"],
        ),
        ("mock_provider \"local\" {\n  source = \"./none\"\n}\n", &["folder `none` cannot be read"]),
        (
            "mock_provider \"local\" {\n  mock_resource \"local_fil\" {}\n}\nrun \"a\" {}\n",
            &["the provider has no resource type `local_fil`", "did you mean `local_file`?"],
        ),
        (
            "override_resource {\n  target = local_file.f\n  values = { nothing = 1 }\n}\nrun \"a\" {}\n",
            &["there is no attribute `nothing`"],
        ),
        ("override_module {\n  target = local_file.f\n}\n", &["expected a module"]),
        (
            "override_resource {\n  target = local_file.g\n}\nrun \"a\" {}\n",
            &["nothing of the module under test is local_file.g"],
        ),
        ("run \"a\" {\n  manifest = \"../x.yaml\"\n}\n", &["`../x.yaml` lies outside of the project"]),
        ("run \"a\" {\n", &["tests/main.tftest.hcl:"]),
    ] {
        project(tests).mlo(&["test"]).has(texts).has_not(&["panicked"]);
    }
    let two = project("run \"a\" { x = 1 }\nrun \"b\" { y = 1 }\n").mlo(&["test"]);
    two.ends_with(1).has(&["has no argument `x`", "has no argument `y`"]);
}

#[test]
fn runs_that_say_so_go_together() {
    // Each waits for the file that the other writes.
    let wait = |own: &str, other: &str| {
        format!(
            "run \"{own}\" {{\n  parallel  = true\n  state_key = \"{own}\"\n  variables {{\n    own   = \"{own}\"\n    other = \"{other}\"\n  }}\n}}\n"
        )
    };
    let project = Project::with(&[
        (
            "main.tf",
            r#"
variable "own" {}
variable "other" {}
resource "local_command" "meet" {
  environment = { OWN = var.own, OTHER = var.other }
  read        = ["sh", "-c", "test -e $OWN"]
  find        = ["sh", "-c", "exit 1"]
  create      = ["sh", "-c", "echo $OWN; echo > $OWN; for n in $(seq 300); do test -e $OTHER && exit 0; sleep 0.1; done; exit 1"]
  delete      = ["sh", "-c", "true"]
}
"#,
        ),
        ("main.tftest.hcl", &(wait("one", "two") + &wait("two", "one"))),
    ]);
    project.ok(&["test"]).has(&["Success! 2 passed, 0 failed."]);
}

/// What the shell does for an object whose creation interrupts the test.
struct SlowObject {
    read: &'static str,
    find: &'static str,
    create: &'static str,
    delete: &'static str,
}

/// A file, after it the slow object, and a test of both.
fn with_a_slow_object(SlowObject { read, find, create, delete }: &SlowObject, runs: &str) -> Project {
    let main = format!(
        r#"
resource "local_file" "made" {{
  filename = "made"
  content  = "x"
}}
resource "local_command" "slow" {{
  depends_on = [local_file.made]
  read       = ["sh", "-c", "{read}"]
  find       = ["sh", "-c", "{find}"]
  create     = ["sh", "-c", "{create}"]
  delete     = ["sh", "-c", "{delete}"]
}}
"#
    );
    Project::with(&[("main.tf", &main), ("main.tftest.hcl", runs)])
}

#[test]
fn an_interrupted_test_takes_away_what_it_made() {
    let project = with_a_slow_object(
        &SlowObject {
            read: "test -e slow",
            find: "test -e slow && echo slow",
            create: "echo on > slow; kill -INT $PPID; sleep 1; echo slow",
            delete: "rm slow",
        },
        "run \"first\" {}\nrun \"second\" {}\n",
    );
    let answer = said(&mut project.command(&["test"]));
    answer.ends_with(130).has(&["Interrupted", "run \"second\"... skip", "tearing down"]);
    for file in ["made", "slow"] {
        assert!(!project.path().join(file).exists(), "{file} is left behind\n{}", answer.all());
    }
}

#[test]
fn a_second_interruption_ends_at_once_and_names_what_is_left() {
    let project = with_a_slow_object(
        &SlowObject {
            read: "true",
            find: "exit 1",
            create: "mlo=$PPID; kill -INT $mlo; sleep 1; kill -INT $mlo; sleep 1; echo slow",
            delete: "true",
        },
        "run \"first\" {}\n",
    );
    said(&mut project.command(&["test"])).ends_with(130).has(&[
        "Left behind, and known to no state:",
        "  local_file.made (main.tftest.hcl)",
        "  local_command.slow (main.tftest.hcl)",
    ]);
}

#[test]
fn a_model_that_may_not_be_deployed_is_not_deployed_by_a_test() {
    let project = Project::new();
    project.take_examples();
    let files = [
        (
            "main.tf",
            "resource \"terraform_data\" \"m\" { input = keys(manifest) }\noutput \"names\" { value = keys(manifest) }\n",
        ),
        (
            "tests/gate.tftest.hcl",
            r#"
test { manifest = "low-accuracy.yaml" }
run "planned" {
  command = plan
  assert {
    condition     = length(output.names) == 1
    error_message = "The manifest that the test names."
  }
}
run "mocked" {
  override_resource { target = terraform_data.m }
}
run "real" {
  state_key = "real"
}
"#,
        ),
    ];
    for (name, text) in files {
        project.write(&format!("examples/invalid/{name}"), text);
    }
    for entry in std::fs::read_dir(project.path().join("examples/invalid")).unwrap() {
        let path = entry.unwrap().path();
        let is_other =
            path.extension().is_some_and(|end| end == "yaml") && !path.ends_with("low-accuracy.yaml");
        if is_other {
            std::fs::remove_file(path).unwrap();
        }
    }
    project.mlo(&["test", "examples/invalid"]).ends_with(1).has(&[
        "run \"planned\"... pass",
        "run \"mocked\"... pass",
        "run \"real\"... fail",
        "accuracy",
    ]);
}
