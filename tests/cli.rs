//! The edge: exit codes, help, formats, colours.

use crate::support::{Project, said};
use std::io::{Read, Write};
use std::process::Stdio;

#[test]
fn wrong_use_ends_with_1_and_help_with_0() {
    let project = Project::new();
    for (arguments, code, says) in [
        (&["bogus"][..], 1, "bogus"),
        (&["plan", "--bogus"], 1, "--bogus"),
        (&["explain"], 1, "required"),
        (&["apply", "--parallelism", "0"], 1, "0"),
        (&[], 1, "Usage"),
        (&["--help"], 0, "Examples:"),
        (&["plan", "--help"], 0, "mlo plan examples/iris"),
        (&["plan", "--help"], 0, "MLO_PARALLELISM]\n          [default: 10]"),
        (&["apply", "--help"], 0, "MLO_PARALLELISM]\n          [default: 10]"),
        (&["schema", "manifst"], 1, "'manifest'"),
        (&["help", "exit-codes"], 0, "denied by policy"),
        (&["version"], 0, "mlo 0."),
        (&["--version"], 0, "mlo 0."),
        (&["explain", "mlo3001"], 0, "circle"),
        (&["explain", "MLO9999"], 1, "MLO9999"),
    ] {
        project.mlo(arguments).ends_with(code).has(&[says]);
    }
}

#[test]
fn nobody_to_ask_means_no() {
    let project = Project::with(&[("main.hcl", "resource \"terraform_data\" \"a\" {}\n")]);
    project.mlo(&["apply"]).ends_with(1).has(&["--auto-approve", "MLO3021"]);
    project.ok(&["plan"]).has(&["1 to add"]);
}

#[test]
fn colours_are_for_terminals_or_by_request() {
    let project = Project::with(&[("main.hcl", "resource \"terraform_data\" \"a\" {}\n")]);
    let coloured = |arguments: &[&str], environment: &[(&str, &str)]| {
        said(project.command(arguments).envs(environment.iter().copied())).out.contains('\u{1b}')
    };
    assert!(!coloured(&["plan"], &[]));
    assert!(coloured(&["plan", "--color", "always"], &[]));
    assert!(coloured(&["plan"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&["plan"], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!coloured(&["plan", "--color", "always", "--no-color"], &[]));
}

#[test]
fn every_document_is_json_whatever_happened() {
    let project = Project::with(&[("main.hcl", "output \"o\" { value = 1 }\n")]);
    assert_eq!(project.json(&["validate"], 0)["valid"], true);
    assert_eq!(project.json(&["plan"], 0)["applyable"], true);
    assert_eq!(project.json(&["apply", "--auto-approve"], 0)["outputs"]["o"]["value"], 1);
    assert_eq!(project.json(&["output"], 0)["o"]["value"], 1);
    assert_eq!(project.json(&["show"], 0)["values"]["outputs"]["o"]["value"], 1);
    assert!(project.json(&["version"], 0)["mlo_version"].is_string());
    assert_eq!(project.ok(&["output", "o", "--raw"]).out, "1");
    assert_eq!(project.json(&["destroy", "--auto-approve"], 0)["summary"]["destroy"], 0);
    project.write("main.hcl", "output \"o\" { value = }\n");
    let failed = project.json(&["validate"], 1);
    assert_eq!(failed["valid"], false);
    assert_eq!(failed["diagnostics"][0]["range"]["filename"], "main.hcl");
    let failed = project.json(&["plan"], 1);
    assert_eq!(failed["diagnostics"][0]["severity"], "error");
}

#[test]
fn failures_are_json_too_on_every_command_that_has_it() {
    let project = Project::with(&[("main.hcl", "resource \"terraform_data\" \"a\" { input = 1 }\n")]);
    project.ok(&["apply", "--auto-approve"]);
    project.write(".mlo/state/default/state.json", "hello");
    for arguments in
        [&["plan"][..], &["apply", "--auto-approve"], &["destroy", "--auto-approve"], &["show"], &["output"]]
    {
        assert_eq!(project.json(arguments, 1)["diagnostics"][0]["code"], "MLO6002", "{arguments:?}");
    }
    assert_eq!(project.json(&["--chdir", "nowhere", "show"], 1)["diagnostics"][0]["code"], "MLO3025");
    assert_eq!(project.json(&["show", "nowhere"], 1)["diagnostics"][0]["code"], "MLO3025");
    std::fs::remove_dir_all(project.path().join(".mlo")).unwrap();
}

#[test]
fn an_interruption_at_the_question_ends_at_once_and_gives_the_lock_back() {
    let project = Project::with(&[("main.hcl", "resource \"terraform_data\" \"a\" { input = 1 }\n")]);
    // `script` is the terminal: what it is given is typed, and ^C is a signal.
    let command = project.command(&[]);
    let program = command.get_program().to_string_lossy().into_owned();
    let mut terminal = std::process::Command::new("script");
    terminal.args(["-qfec", &format!("'{program}' apply"), "/dev/null"]).current_dir(project.path());
    let mut child = match terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        // Part of every Debian; elsewhere there is no terminal to try this in.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => panic!("{error}"),
    };
    let mut out = child.stdout.take().unwrap();
    let mut said = Vec::new();
    let mut byte = [0];
    while !String::from_utf8_lossy(&said).contains("is a yes:") && out.read(&mut byte).unwrap() == 1 {
        said.push(byte[0]);
    }
    let mut keys = child.stdin.take().unwrap();
    keys.write_all(b"\x03").unwrap();
    out.read_to_end(&mut said).unwrap();
    let said = String::from_utf8_lossy(&said);
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    assert!(said.contains("Nothing was changed."), "{said}");
    project.ok(&["apply", "--auto-approve"]).has(&["1 added"]);
}

#[test]
fn a_manifest_that_was_applied_alone_is_pointed_at() {
    let project = Project::copy_of("examples/iris");
    project.ok(&["apply", "--auto-approve", "iris.yaml"]);
    project.ok(&["show"]).has(&["There is no state yet", "`mlo show iris.yaml`"]);
    project.ok(&["output"]).has(&["`mlo output --from iris.yaml`"]);
    project.ok(&["output", "--from", "iris.yaml"]).has(&["/predict"]);
    project.ok(&["destroy", "--auto-approve"]).has(&["`mlo destroy iris.yaml`"]);
    project.ok(&["destroy", "--auto-approve", "iris.yaml"]).has(&["1 destroyed"]);
    project.ok(&["show", "iris.yaml"]).has(&["The state is empty"]);
}

#[test]
fn a_plan_of_outputs_alone_says_so() {
    let project = Project::with(&[("main.hcl", "output \"o\" { value = 1 }\n")]);
    let without_policy = |said: crate::support::Said| {
        said.out.split_once("\nPolicy: ").map(|(before, _)| before.to_owned()).unwrap()
    };
    assert_eq!(
        without_policy(project.ok(&["plan"])),
        "Changes to outputs:\n  + o = 1\n\nAn apply saves these outputs and changes no object.\n"
    );
    project.ok(&["apply", "--auto-approve"]);
    assert_eq!(without_policy(project.ok(&["plan"])), "No changes. Everything matches the configuration.\n");
}

#[test]
fn the_schema_of_the_manifest_is_a_schema() {
    let schema: serde_json::Value =
        serde_json::from_str(&Project::new().ok(&["schema", "manifest"]).out).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(schema["properties"]["spec"].is_object());
}

#[test]
fn a_folder_can_be_named_or_changed_to() {
    let project = Project::with(&[("deep/main.hcl", "output \"o\" { value = path.module }\n")]);
    project.ok(&["plan", "deep"]).has(&["\"deep\""]);
    project.ok(&["--chdir", "deep", "plan"]).has(&["\".\""]);
    project.mlo(&["--chdir", "nowhere", "plan"]).ends_with(1).has(&["nowhere"]);
}

#[test]
fn an_exit_code_of_2_says_that_something_changed_only_where_it_is_asked_for() {
    let project = Project::with(&[("main.hcl", "resource \"terraform_data\" \"a\" {}\n")]);
    let asked = "--detailed-exitcode";
    for (arguments, code) in [
        (&["plan"][..], 0),
        (&["plan", asked], 2),
        (&["apply", "--auto-approve", asked], 2),
        (&["apply", "--auto-approve", asked], 0),
        (&["plan", asked], 0),
        (&["destroy", "--auto-approve", asked], 2),
        (&["destroy", "--auto-approve", asked], 0),
        (&["apply", "--auto-approve"], 0),
        (&["destroy", "--auto-approve"], 0),
    ] {
        project.mlo(arguments).ends_with(code);
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let project = Project::with(&[("main.hcl", "resource \"terraform_data\" \"a\" {\n  count = 2000\n}\n")]);
    let mut child = project.command(&["plan"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
