//! The edge: exit codes, help, formats, colours.

use crate::support::{Project, said};

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
    assert_eq!(project.json(&["show"], 0)["outputs"]["o"]["value"], 1);
    assert!(project.json(&["version"], 0)["mlo_version"].is_string());
    assert_eq!(project.ok(&["output", "o", "--raw"]).out, "1");
    project.write("main.hcl", "output \"o\" { value = }\n");
    let failed = project.json(&["validate"], 1);
    assert_eq!(failed["valid"], false);
    assert_eq!(failed["diagnostics"][0]["range"]["filename"], "main.hcl");
    let failed = project.json(&["plan"], 1);
    assert_eq!(failed["diagnostics"][0]["severity"], "error");
}

#[test]
fn the_schema_of_the_manifest_is_a_schema() {
    let schema: serde_json::Value = serde_json::from_str(&Project::new().ok(&["schema", "manifest"]).out).unwrap();
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
fn a_closed_pipe_is_no_error() {
    let project = Project::with(&[("main.hcl", "resource \"terraform_data\" \"a\" {\n  count = 2000\n}\n")]);
    let mut child = project.command(&["plan"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
