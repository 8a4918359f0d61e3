//! What users get wrong, and what the world does: a clear message with its place, the right exit code, nothing lost.

use crate::support::Project;
use std::os::unix::fs::PermissionsExt;

struct Case {
    what: &'static str,
    files: &'static [(&'static str, &'static str)],
    code: i32,
    says: &'static [&'static str],
}

const MANIFEST: &str = "apiVersion: mlifecycle.io/v1\nkind: ModelDeployment\nspec:\n  model:\n    name: m\n    version: 1.0.0\n    uri: model.onnx\n";

const CASES: &[Case] = &[
    Case {
        what: "an empty folder",
        files: &[],
        code: 1,
        says: &["there is no manifest in `.`", "*.hcl", "ModelDeployment"],
    },
    Case {
        what: "a syntax error",
        files: &[("main.hcl", "resource \"terraform_data\" \"a\" {\n  input = [1, 2\n}\n")],
        code: 1,
        says: &["main.hcl:", "MLO1001"],
    },
    Case {
        what: "a reference to nothing",
        files: &[(
            "main.hcl",
            "variable \"name\" {\n  default = 1\n}\noutput \"o\" {\n  value = var.nme\n}\n",
        )],
        code: 1,
        says: &["main.hcl:5:11", "did you mean", "var.nme"],
    },
    Case {
        what: "a reference to a resource that is not there",
        files: &[(
            "main.hcl",
            "resource \"terraform_data\" \"base\" {}\noutput \"o\" {\n  value = terraform_data.bas.id\n}\n",
        )],
        code: 1,
        says: &["main.hcl:3:11", "did you mean"],
    },
    Case {
        what: "a cycle",
        files: &[("main.hcl", "locals {\n  a = local.b\n  b = local.c\n  c = local.a\n}\n")],
        code: 1,
        says: &[
            "local.a → local.b → local.c → local.a",
            "main.hcl:2:3",
            "2 |   a = local.b",
            "3 |   b = local.c",
            "4 |   c = local.a",
        ],
    },
    Case {
        what: "a wrong type",
        files: &[("main.hcl", "variable \"n\" {\n  type = number\n  default = \"many\"\n}\n")],
        code: 1,
        says: &["main.hcl:3:", "number"],
    },
    Case {
        what: "an argument that a type does not have",
        files: &[("main.hcl", "resource \"terraform_data\" \"a\" {\n  inptu = 1\n}\n")],
        code: 1,
        says: &["main.hcl:2:3", "did you mean `input`?"],
    },
    Case {
        what: "a type that nobody has",
        files: &[("main.hcl", "resource \"terraform_dta\" \"a\" {}\n")],
        code: 1,
        says: &["terraform_dta", "did you mean `terraform_data`?", "main.hcl:1:1"],
    },
    Case {
        what: "two mistakes in two files",
        files: &[
            ("a.hcl", "output \"o\" { value = var.x }\n"),
            ("b.hcl", "output \"p\" { value = local.y }\n"),
        ],
        code: 1,
        says: &["a.hcl:1:", "b.hcl:1:"],
    },
    Case {
        what: "a manifest that is no YAML",
        files: &[("m.yaml", "apiVersion: mlifecycle.io/v1\nkind: ModelDeployment\nspec: [1, 2\n")],
        code: 1,
        says: &["m.yaml:", "MLO2001"],
    },
    Case {
        what: "a manifest without its model's name, with a field that is misspelt",
        files: &[(
            "m.yaml",
            "apiVersion: mlifecycle.io/v1\nkind: ModelDeployment\nspec:\n  model:\n    versoin: 1.0.0\n    uri: model.onnx\n",
        )],
        code: 1,
        says: &["m.yaml:5:5", "did you mean `version`?", "name"],
    },
    Case {
        what: "a manifest of another kind of ours",
        files: &[("m.yaml", "apiVersion: mlifecycle.io/v1\nkind: ModelDeploymnt\n")],
        code: 1,
        says: &["m.yaml:2:7", "ModelDeployment"],
    },
    Case {
        what: "a model that is not there",
        files: &[("m.yaml", MANIFEST)],
        code: 1,
        says: &["m.yaml:7:10", "model.onnx"],
    },
    Case {
        what: "a model that is none",
        files: &[("m.yaml", MANIFEST), ("model.onnx", "this is text")],
        code: 1,
        says: &["m.yaml:7:10", "ONNX"],
    },
];

#[test]
fn mistakes_in_files_are_shown_at_their_place() {
    for case in CASES {
        let project = Project::with(case.files);
        for command in ["validate", "plan"] {
            let said = project.mlo(&[command]);
            assert_eq!(said.code, case.code, "{} of {}: {}", command, case.what, said.all());
            said.has(case.says).has_not(&["panicked", "RUST_BACKTRACE"]);
        }
        assert!(!project.path().join(".mlo").exists(), "{}: nothing is written", case.what);
    }
}

#[test]
fn a_repetition_that_is_not_known_is_named_by_the_plan() {
    let hcl = "resource \"terraform_data\" \"a\" { input = 1 }\nresource \"terraform_data\" \"b\" {\n  for_each = toset([terraform_data.a.id])\n}\n";
    let project = Project::with(&[("main.hcl", hcl)]);
    // Nothing is wrong with it as such: the id may be known one day.
    project.ok(&["validate"]);
    project.mlo(&["plan"]).ends_with(1).has(&["`for_each` is not known before the apply", "main.hcl:3:14"]);
}

#[test]
fn a_model_with_another_digest_than_pinned_is_refused() {
    let project = Project::copy_of("examples/iris");
    let text = project.read("iris.yaml");
    let at = text.find("sha256:").unwrap();
    let line = text[at..].lines().next().unwrap().to_owned();
    project.edit("iris.yaml", &line, &format!("sha256: \"{}\"", "0".repeat(64)));
    project.mlo(&["plan"]).ends_with(1).has(&["iris.yaml:", "pinned here", &"0".repeat(64)]);
}

#[test]
fn a_missing_file_or_folder_is_named() {
    let project = Project::new();
    project
        .mlo(&["plan", "nowhere"])
        .ends_with(1)
        .has(&["`nowhere` cannot be read: there is no such file or folder"])
        .has_not(&["os error"]);
    project.mlo(&["plan", "nowhere.yaml"]).ends_with(1).has(&["nowhere.yaml"]);
    project.write("list.yaml", "- a\n- b\n");
    project.mlo(&["plan", "list.yaml"]).ends_with(1).has(&["list.yaml"]);
}

/// A state with one object, and the file that it lies in.
fn with_state() -> (Project, &'static str) {
    let project = Project::with(&[("main.hcl", "resource \"terraform_data\" \"a\" { input = 1 }\n")]);
    project.ok(&["apply", "--auto-approve"]);
    (project, ".mlo/state/default/state.json")
}

#[test]
fn a_damaged_state_is_never_taken_for_none() {
    for (what, damage, says) in
        [("empty", "", "MLO600"), ("cut short", "{\"format", "MLO6002"), ("no JSON", "hello", "MLO6002")]
    {
        let (project, file) = with_state();
        project.write(file, damage);
        for arguments in
            [&["plan"][..], &["apply", "--auto-approve"], &["destroy", "--auto-approve"], &["show"]]
        {
            let said = project.mlo(arguments);
            assert_eq!(said.code, 1, "{what}: {}", said.all());
            // The place is as the user knows it, whatever folder the project is in.
            said.has(&[says, " .mlo/state/default/state.json", "backup"]);
            said.has_not(&[
                &*project.path().to_string_lossy(),
                "will be created",
                "No changes",
                "There is no state",
            ]);
        }
        assert_eq!(project.read(file), damage, "{what}: it is left as it is");
    }
}

#[test]
fn a_state_from_a_newer_version_is_left_alone() {
    let (project, file) = with_state();
    let newer = r#"{"sealed":"x","mlo_version":"9.1.0","format_version":77}"#;
    project.write(file, newer);
    for arguments in [&["plan"][..], &["apply", "--auto-approve"], &["show"]] {
        project.mlo(arguments).ends_with(1).has(&["MLO6004", "format 77", "reads up to 1"]);
    }
    assert_eq!(project.read(file), newer);
}

#[test]
fn a_state_that_vanished_is_noticed() {
    let (project, file) = with_state();
    std::fs::remove_file(project.path().join(file)).unwrap();
    project.mlo(&["plan"]).ends_with(1).has(&["MLO6003"]).has_not(&["will be created"]);
}

#[test]
fn values_of_flags_are_judged_by_the_type_of_their_variable() {
    let hcl = "variable \"n\" {\n  type = number\n}\nvariable \"list\" {\n  type    = list(string)\n  default = []\n}\n";
    let project = Project::with(&[("main.hcl", hcl)]);
    for (arguments, says) in [
        (&["--var", "n=many"][..], &["variable `n` needs a number, and `many` is none", "--var n:1:1"][..]),
        (&["--var", "n=1", "--var", "list=a"], &["variable `list` needs", "[\"a\", \"b\"]"]),
        (&["--var", "n=1", "--var", "region=eu"], &["no variable `region`", "declares `list`, `n`"]),
        (&["--var", "n"], &["`--var n` has no value"]),
        (&["--var-file", "none.tfvars"], &["file `none.tfvars` cannot be read: it does not exist"]),
        (&[], &["variable `n` has no value", "MLO_VAR_n"]),
    ] {
        project.mlo(&[&["plan"], arguments].concat()).ends_with(1).has(says);
    }
    let mut command = project.command(&["plan"]);
    let said = crate::support::said(command.env("MLO_VAR_n", "many"));
    said.ends_with(1).has(&["MLO_VAR_n:1:1", "needs a number"]);
}

#[test]
fn files_that_cannot_be_read_are_named_without_an_empty_line_of_source() {
    let project = Project::new();
    project.write("main.hcl", vec![b'a'; 11 << 20]);
    let said = project.mlo(&["plan"]);
    said.ends_with(1).has(&["file `main.hcl` cannot be read: it has more than 10 MiB", "--> main.hcl\n"]);
    said.has_not(&["1 |"]);
}

#[test]
fn a_locked_state_is_waited_for_and_then_given_up_with_its_own_code() {
    let (project, _) = with_state();
    let lock =
        std::fs::OpenOptions::new().write(true).open(project.path().join(".mlo/state/default/lock")).unwrap();
    lock.lock().unwrap();
    project.mlo(&["apply", "--auto-approve"]).ends_with(5).has(&["MLO6001", "locked"]);
    project.mlo(&["destroy", "--auto-approve", "--lock-timeout", "1s"]).ends_with(5);
    project.ok(&["plan"]);
    project.ok(&["show"]);
    drop(lock);
    project.ok(&["apply", "--auto-approve"]);
}

#[test]
fn a_folder_that_cannot_be_written_says_so() {
    if rustix::process::geteuid().is_root() {
        // Root may write anywhere: a file in the place of the folder is refused to everybody.
        let project = Project::with(&[
            ("main.hcl", "resource \"terraform_data\" \"a\" {}\n"),
            (".mlo", "not a folder"),
        ]);
        project.mlo(&["apply", "--auto-approve"]).ends_with(1).has(&[".mlo"]);
        std::fs::remove_file(project.path().join(".mlo")).unwrap();
        return;
    }
    let project = Project::with(&[("main.hcl", "resource \"terraform_data\" \"a\" {}\n")]);
    std::fs::set_permissions(project.path(), PermissionsExt::from_mode(0o500)).unwrap();
    project.mlo(&["apply", "--auto-approve"]).ends_with(1).has(&[".mlo"]);
    std::fs::set_permissions(project.path(), PermissionsExt::from_mode(0o700)).unwrap();
}

#[test]
fn a_port_that_is_taken_is_named_and_nothing_is_left_running() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let project = Project::copy_of("examples/iris");
    project.write(
        "main.hcl",
        format!("module \"model\" {{\n  for_each = manifest\n  source = \"mlo://model-deployment/local\"\n  model = each.value\n  port = {port}\n}}\n"),
    );
    project
        .mlo(&["apply", "--auto-approve"])
        .ends_with(1)
        .has(&[&port.to_string(), "local_inference_service.this"]);
    assert_eq!(project.json(&["show"], 0)["resources"], serde_json::json!([]));
}

#[test]
fn a_server_that_dies_at_its_start_shows_its_last_words() {
    let project = Project::copy_of("examples/iris");
    let mut command = project.command(&["apply", "--auto-approve"]);
    command.env("MLO_ONNXRUNTIME", "/nonexistent/libonnxruntime.so");
    let said = crate::support::said(&mut command);
    said.ends_with(1).has(&[
        "local_inference_service.this",
        "/nonexistent/libonnxruntime.so",
        "for this model",
    ]);
    // A data scientist has never seen the module: the manifest's line comes first.
    let at =
        |text: &str| said.err.find(text).unwrap_or_else(|| panic!("`{text}` is missing in\n{}", said.all()));
    assert!(at("iris.yaml:") < at("mlo://model-deployment/local/main.hcl:"), "{}", said.all());
    assert_eq!(project.json(&["show"], 0)["resources"], serde_json::json!([]));
}

#[test]
fn source_text_cannot_steer_the_terminal() {
    let project = Project::with(&[("main.hcl", "output \"o\" {\n  value = var.x # \u{1b}[2J\u{202e}\n}\n")]);
    project.mlo(&["plan"]).ends_with(1).has(&["\\u{1b}[2J"]).has_not(&["\u{1b}", "\u{202e}"]);
}
