//! `mlo policy bundle build`: what `opa` reads, the same bytes each time.

use super::{opa, unpacked};
use crate::support::{Project, repository};

fn policies() -> Project {
    let project = Project::new();
    for entry in std::fs::read_dir(repository().join("policies")).unwrap() {
        let entry = entry.unwrap();
        project.write(
            &format!("policies/{}", entry.file_name().to_str().unwrap()),
            std::fs::read(entry.path()).unwrap(),
        );
    }
    project.write("policies/team/data.yaml", "limit: 0.5\nnames: [a, b]\n");
    project.write(
        "policies/waivers.yaml",
        "waivers:\n  - { rule: accuracy, subject: x, reason: r, owner: o, approver: a, expires: 9999-12-31 }\n",
    );
    project.write("policies/README.md", "not a part of the bundle");
    project
}

#[test]
fn a_bundle_is_the_same_bytes_each_time_and_opa_evaluates_and_tests_it() {
    let project = policies();
    let build = ["policy", "bundle", "build", "--revision", "v1.4.0"];
    let said = project.ok(&[&build[..], &["--output", "one.tar.gz"]].concat());
    said.has(&["Success! Wrote one.tar.gz (", " files).", "  bundle  sha256:", "  archive sha256:"]);
    // Other times and modes of the files make no other bundle.
    project.write("policies/README.md", "another");
    let text = project.read("policies/team/data.yaml");
    project.write("policies/team/data.yaml", text);
    let document = project.json(&[&build[..], &["--output", "two.tar.gz"]].concat(), 0);
    let read = |name: &str| std::fs::read(project.path().join(name)).unwrap();
    assert_eq!(read("one.tar.gz"), read("two.tar.gz"));
    assert_eq!(document["archive"], crate::support::pack::sha256(&read("two.tar.gz")));

    let files = unpacked(&project, "one.tar.gz");
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert!(
        names.is_sorted() && !names.contains(&"README.md") && names.contains(&"waivers.yaml"),
        "{names:?}"
    );
    assert_eq!(files[0].1, "{\"revision\":\"v1.4.0\",\"roots\":[\"\"],\"rego_version\":1}\n");

    let evaluated = opa(&project, &["eval", "-b", "one.tar.gz", "--format", "raw", "data.team"]);
    assert_eq!(evaluated.out.trim(), r#"{"limit":0.5,"names":["a","b"]}"#, "{}", evaluated.all());
    let tested = opa(&project, &["test", "-b", "one.tar.gz", "--format", "json"]);
    tested.ends_with(0);
    let theirs: Vec<serde_json::Value> = serde_json::from_str(&tested.out).unwrap();
    let ours = project.json(&["policy", "test", "one.tar.gz"], 0);
    assert_eq!(ours["passed"].as_u64(), Some(theirs.len() as u64));
    assert!(theirs.len() > 150);
    // What is packed decides as the folder does.
    project.take_examples();
    for bundle in ["policies", "one.tar.gz"] {
        project
            .mlo(&["plan", "examples/invalid/low-accuracy.yaml", "--policies", bundle])
            .ends_with(3)
            .has(&["rule `accuracy`", "Asked:\n  bundle ", "sha256:"]);
    }
}

#[test]
fn roots_are_kept_to_or_nothing_is_written() {
    let project = super::project("good");
    let build = ["policy", "bundle", "build", "rules", "--root", "model", "--root"];
    project.ok(&[&build[..], &["deployment/policy"]].concat());
    assert!(unpacked(&project, "bundle.tar.gz")[0].1.contains("[\"model\",\"deployment/policy\"]"));
    opa(&project, &["eval", "-b", "bundle.tar.gz", "data.model.governance.deny"]).ends_with(0);
    project.mlo(&[&build[..], &["deployment/other", "--output", "no.tar.gz"]].concat()).ends_with(1).has(&[
        "MLO5003",
        "plan.rego: package `deployment.policy` lies in none of the bundle's roots: `model`, `deployment/other`",
    ]);
    assert!(!project.path().join("no.tar.gz").exists());
    project
        .mlo(&["policy", "bundle", "build", "nowhere"])
        .ends_with(1)
        .has(&["nowhere"])
        .has_not(&["The gate"]);
}

#[test]
fn what_opa_builds_is_read_here_and_what_cannot_be_evaluated_is_refused() {
    let project = super::project("bad");
    opa(&project, &["build", "--bundle", "rules", "--revision", "r7", "-o", "opa.tar.gz"]).ends_with(0);
    project.mlo(&["plan", "--policies", "opa.tar.gz"]).ends_with(3).has(&[
        "a file says bad",
        "main.hcl:3:14",
        "bundle opa (opa.tar.gz): sha256:",
        ", revision r7",
    ]);
    project.ok(&["policy", "check", "opa.tar.gz"]).has(&["Success! 2 files"]);
    let eval = ["policy", "eval", "--data", "opa.tar.gz", "data.model.governance.deny"];
    assert_eq!(project.ok(&eval).out, "[]\n");
    let files = unpacked(&project, "opa.tar.gz");
    let with = |name: &str, text: &str| {
        let mut files: Vec<_> = files.iter().filter(|(known, _)| known != name).cloned().collect();
        files.push((name.to_owned(), text.to_owned()));
        super::packed(&files)
    };
    for (name, text, why) in [
        ("policy.wasm", "\0asm", "policy.wasm: compiled rules are not evaluated"),
        ("plan.json", "{}", "plan.json: rules as plans are not evaluated"),
        ("patch.json", "{}", "patch.json: a bundle of changes to another one is not read"),
        (".manifest", "{\"rego_version\": 0}", "it says that rules are of version 0 of Rego"),
        (
            ".manifest",
            "{\"roots\": [\"model\"]}",
            "package `deployment.policy` lies in none of the bundle's roots",
        ),
        (".manifest", "{\"wasm\": [{\"module\": \"x\"}]}", "compiled rules (`wasm`) are not evaluated"),
        ("data.json", "[1]", "data.json: data must be a map"),
    ] {
        project.write("odd.tar.gz", with(name, text));
        project.mlo(&["plan", "--policies", "odd.tar.gz"]).ends_with(3).has(&["MLO5003", why]);
    }
}
