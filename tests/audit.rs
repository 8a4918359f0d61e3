//! The audit log: what an apply leaves in it, and that whatever is done to it shows.

use crate::support::Project;
use std::path::PathBuf;

/// A project with one file; the folder of what is kept beside its state.
fn project() -> (Project, PathBuf) {
    let project = Project::with(&[(
        "main.hcl",
        "variable \"text\" {\n  default = \"a\"\n}\nresource \"local_file\" \"f\" {\n  filename = \"f.txt\"\n  content  = var.text\n}\n",
    )]);
    let folder = project.path().join(".mlo/state/default/documents");
    (project, folder)
}

fn record(folder: &std::path::Path, number: u64) -> PathBuf {
    folder.join(format!("audit.{number:010}"))
}

/// Puts a record there by other ways than ours.
fn put(project: &Project, number: u64, bytes: impl AsRef<[u8]>) {
    project.write(&format!(".mlo/state/default/documents/audit.{number:010}"), bytes);
}

#[test]
fn an_apply_leaves_what_was_decided_and_how_it_ended() {
    let (project, folder) = project();
    project.ok(&["audit", "verify"]).has(&["There is no record"]);
    let applied = project.json(&["apply", "--auto-approve"], 0);
    assert_eq!(applied["audit"]["record"], 2);
    let begun = project.json(&["audit", "show", "1"], 0);
    assert_eq!((&begun["kind"], &begun["operation"]), (&"begun".into(), &"apply".into()));
    assert_eq!((&begun["prev"], &begun["serial"]), (&serde_json::Value::Null, &0.into()));
    let what = &begun["what"];
    assert_eq!(what["verdict"], "approved");
    assert_eq!(what["plan"]["changes"]["add"], 1);
    assert_eq!(what["plan_rules"]["deletion"], true);
    for digest in [&what["bundle"], &what["inputs"]["plan"]] {
        assert!(digest.as_str().unwrap().starts_with("sha256:"), "{digest}");
    }
    let ended = project.json(&["audit", "show"], 0);
    assert_eq!((&ended["kind"], &ended["serial"]), (&"ended".into(), &1.into()));
    assert_eq!((&ended["prev"], &ended["what"]["outcome"]), (&begun["digest"], &"applied".into()));
    assert_eq!(ended["digest"], applied["audit"]["digest"]);
    let lines = std::fs::read_to_string(record(&folder, 1)).unwrap()
        + &std::fs::read_to_string(record(&folder, 2)).unwrap();
    assert_eq!(project.ok(&["audit", "list", "--json"]).out, lines);
    project.ok(&["audit", "list"]).has(&["apply begun", "apply applied"]);
    project.ok(&["audit", "show", "1"]).has(&["record: 1", "operation: apply", "verdict: approved"]);
    project.ok(&["audit", "verify"]).has(&["2 records, each as it was written", "sha256:"]);
    // One that fails is noted as that.
    project.edit("main.hcl", "\"f.txt\"", "\"main.hcl/f.txt\"");
    project.mlo(&["apply", "--auto-approve"]).ends_with(1);
    assert_eq!(project.json(&["audit", "show"], 0)["what"]["outcome"], "failed");
    project.mlo(&["audit", "show", "9"]).ends_with(1).has(&["MLO5010", "there is no record 9"]);
}

#[test]
fn a_plan_that_is_denied_and_a_rule_that_is_passed_by_are_noted_with_the_reason() {
    let project = Project::copy_of("examples/invalid");
    project.mlo(&["apply", "low-accuracy.yaml", "--auto-approve"]).ends_with(3);
    let denied = project.json(&["audit", "show", "--from", "low-accuracy.yaml"], 0);
    assert_eq!(denied["kind"], "denied");
    assert_eq!(denied["what"]["violations"][0]["rule"], "accuracy");
    assert_eq!(denied["what"]["models"][0]["rules"]["accuracy"], false);
    assert_eq!(denied["what"]["models"][0]["rules"]["f1_score"], true);
    let (project, _) = self::project();
    for (name, text) in [
        ("model-governance.rego", include_str!("../policies/model-governance.rego")),
        ("deployment-policy.rego", include_str!("../policies/deployment-policy.rego")),
        ("data.yaml", "mlo:\n  deployment:\n    stateful: [local_file]\n"),
    ] {
        project.write(&format!("rules/{name}"), text);
    }
    project.ok(&["apply", "--auto-approve", "--policies", "rules"]);
    let mut destroy = project.command(&[
        "destroy",
        "--auto-approve",
        "--policies",
        "rules",
        "--override",
        "deletion=it is in the archive",
    ]);
    crate::support::said(destroy.env("GITHUB_ACTOR", "octocat")).ends_with(0);
    let begun = project.json(&["audit", "show", "3"], 0);
    let passed_by = &begun["what"]["passed_by"][0];
    assert_eq!(
        (&passed_by["rule"], &passed_by["overridden"]),
        (&"deletion".into(), &"it is in the archive".into())
    );
    assert_eq!(begun["what"]["run"]["who"], "octocat");
    project.ok(&["audit", "verify"]);
}

#[test]
fn whatever_is_done_to_the_log_shows() {
    let (project, folder) = project();
    for text in ["a", "b"] {
        project.ok(&["apply", "--auto-approve", "--var", &format!("text={text}")]);
    }
    let head = project.json(&["audit", "show"], 0)["digest"].as_str().unwrap().to_owned();
    project.ok(&["audit", "verify", "--head", &head]);
    let bytes = |number| std::fs::read(record(&folder, number)).unwrap();
    let kept: Vec<_> = (1..=4).map(bytes).collect();
    let restore = || {
        for (bytes, number) in kept.iter().zip(1..) {
            put(&project, number, bytes);
        }
    };
    let wrong = |expected: &str| {
        project.mlo(&["audit", "verify"]).ends_with(1).has(&["MLO5010", expected]);
    };
    // Changed: each of the first three shows by itself, the last by its digest.
    for number in 1..=3 {
        let text = String::from_utf8(bytes(number)).unwrap();
        put(&project, number, text.replacen("dev", "tst", 1));
        wrong("one of the two was changed");
        restore();
    }
    put(&project, 4, String::from_utf8(bytes(4)).unwrap().replace("applied", "failed!"));
    project.ok(&["audit", "verify"]);
    project
        .mlo(&["audit", "verify", "--head", &head])
        .ends_with(1)
        .has(&["no record has the digest sha256:"]);
    restore();
    // Taken away: from the middle, and from the end.
    std::fs::remove_file(record(&folder, 2)).unwrap();
    wrong("record 2: it is missing");
    restore();
    for number in [3, 4] {
        std::fs::remove_file(record(&folder, number)).unwrap();
    }
    wrong("serial 2 of the state was written by apply of");
    std::fs::remove_dir_all(&folder).unwrap();
    wrong("serial 2 of the state was written by apply of");
    let found = project.json(&["audit", "verify"], 1);
    assert_eq!((&found["whole"], &found["records"]), (&false.into(), &0.into()));
}

#[test]
fn nothing_is_changed_after_a_record_that_is_not_whole() {
    let (project, _) = project();
    project.ok(&["apply", "--auto-approve"]);
    put(&project, 2, "{}\n");
    let said = project.mlo(&["apply", "--auto-approve", "--var", "text=b"]);
    said.ends_with(1).has(&["MLO5010", "record 2 of the audit log cannot be followed"]);
    assert_eq!(project.read("f.txt"), "a");
}

#[test]
fn no_secret_is_in_a_record_even_where_secrets_are_shown() {
    let (project, folder) = project();
    project.edit("main.hcl", "default = \"a\"", "default = \"hunter22\"\n  sensitive = true");
    project.write("rules/model-governance.rego", include_str!("../policies/model-governance.rego"));
    project.write(
        "rules/deployment-policy.rego",
        "package deployment.policy\n\nviolation contains {\"rule\": \"look\", \"msg\": \"hunter22\", \"level\": \"advisory\"}\n\ndeny contains \"hunter22\"\n",
    );
    project.ok(&["apply", "--auto-approve", "--policies", "rules", "--show-sensitive"]).has(&["hunter22"]);
    for number in [1, 2] {
        let text = std::fs::read_to_string(record(&folder, number)).unwrap();
        assert!(!text.contains("hunter22"), "{text}");
    }
}
