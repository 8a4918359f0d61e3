//! Rules that need what only the apply tells: what is undetermined, and when the rules are asked again.

use crate::support::Project;
use serde_json::json;

/// A file whose content is known only during the apply, and rules about contents.
fn project(policy: &str) -> Project {
    let project = Project::with(&[(
        "main.hcl",
        "variable \"text\" {}\nvariable \"name\" {\n  default = \"late.txt\"\n}\nvariable \"turn\" {\n  default = 1\n}\n\
         resource \"terraform_data\" \"told\" {\n  input            = var.text\n  triggers_replace = var.turn\n}\nresource \
         \"local_file\" \"late\" {\n  filename = var.name\n  content  = terraform_data.told.output\n}\n",
    )]);
    project.write("rules/model-governance.rego", include_str!("../policies/model-governance.rego"));
    project.write("rules/plan.rego", format!("package deployment.policy\n\n{policy}"));
    project
}

/// A rule that denies a content, and says nothing while that is not known.
const SILENT: &str = "# METADATA\n# title: Content\n# custom:\n#   rule: content\n#   reads: [local_file.content]\ndeny contains \
                      {\"msg\": \"it is bad\", \"address\": c.address, \"path\": \"content\"} if {\n\tsome c in \
                      input.plan.resource_changes\n\tc.type == \"local_file\"\n\tc.change.after.content == \"bad\"\n}\n";

/// A rule that denies what does not begin as it should, what is not known included.
const STRICT: &str = "# METADATA\n# title: Content\n# custom:\n#   rule: content\n#   reads: [local_file.content]\ndeny contains \
                      {\"msg\": \"it is not good\", \"address\": c.address, \"path\": \"content\"} if {\n\tsome c in \
                      input.plan.resource_changes\n\tc.type == \"local_file\"\n\tis_object(c.change.after)\n\tnot \
                      startswith(object.get(c.change.after, \"content\", \"\"), \"good\")\n}\n";

#[test]
fn a_rule_that_says_nothing_of_what_it_looks_at_is_undetermined_and_others_are_not() {
    let elsewhere = "# METADATA\n# custom: { rule: elsewhere, reads: [aws_*.tags] }\ndeny contains \"no\" if input.no\n\n";
    let anything = "# METADATA\n# custom: { rule: anything }\ndeny contains \"no\" if input.no\n\n";
    let nothing = "# METADATA\n# custom: { rule: nothing, reads: [] }\ndeny contains \"no\" if input.no\n\n";
    let project = project(&[SILENT, "\n", elsewhere, anything, nothing].concat());
    let arguments = ["plan", "--policies", "rules", "--var", "text=bad"];
    let document = project.json(&arguments, 0)["policy"].clone();
    let outcomes: std::collections::BTreeMap<_, _> = document["decision"]["deployment"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| {
            (rule["rule"].as_str().unwrap(), (rule["outcome"].as_str().unwrap(), rule["passed"].clone()))
        })
        .collect();
    let (open, passed) = (("undetermined", json!(false)), ("passed", json!(true)));
    let expected =
        [("content", open.clone()), ("anything", open), ("elsewhere", passed.clone()), ("nothing", passed)];
    assert_eq!(outcomes, expected.into());
    project.ok(&arguments).has(&[
        "MLO5013",
        "local_file.late: `content` is known only during the apply, and rules `content`, `anything` look at that",
        "Policy: 2 rules passed, 2 undetermined",
    ]);
    // Once nothing is open, all are passed; and the record says which were not known.
    project.ok(&["apply", "--auto-approve", "--policies", "rules", "--var", "text=fine"]);
    let begun = project.json(&["audit", "show", "1"], 0)["what"]["plan_rules"].clone();
    assert_eq!(begun, json!({ "content": null, "elsewhere": true, "anything": null, "nothing": true }));
    let document = project.json(&["plan", "--policies", "rules", "--var", "text=fine"], 0);
    assert!(!document["policy"].to_string().contains("undetermined\":true"), "{document}");
}

#[test]
fn a_replacement_that_deletes_first_is_asked_about_before_it_deletes() {
    for rule in [SILENT, STRICT] {
        let project = project(rule);
        let apply = |more: &[&str], code: i32| {
            let arguments = ["apply", "--auto-approve", "--policies", "rules"];
            project.mlo(&[&arguments, more].concat()).ends_with(code);
        };
        apply(&["--var", "text=good"], 0);
        assert_eq!(project.read("late.txt"), "good");
        apply(&["--var", "text=bad", "--var", "name=other.txt"], 3);
        assert_eq!(project.read("late.txt"), "good", "the old one is there");
        assert!(!project.path().join("other.txt").exists());
        let ended = project.json(&["audit", "show"], 0)["what"].clone();
        assert_eq!(
            (&ended["outcome"], ended["asked_again"].as_array().unwrap().len()),
            (&json!("denied"), 1)
        );
        apply(&["--var", "text=good, too", "--var", "name=other.txt"], 0);
        assert_eq!(project.read("other.txt"), "good, too");
        assert!(!project.path().join("late.txt").exists());
        let ended = project.json(&["audit", "show"], 0)["what"].clone();
        assert_eq!(ended["asked_again"].as_array().unwrap().len(), 1, "it is asked once: {ended}");
    }
}

#[test]
fn what_is_still_not_known_when_something_is_taken_away_first_denies_like_what_is_missing() {
    let project = project(STRICT);
    project.ok(&["apply", "--auto-approve", "--policies", "rules", "--var", "text=good"]);
    // What the file is made from is itself replaced, and goes after the file: its new content comes too late.
    let said = project.mlo(&[
        "apply",
        "--auto-approve",
        "--policies",
        "rules",
        "--var",
        "text=good",
        "--var",
        "turn=2",
        "--var",
        "name=other.txt",
    ]);
    said.ends_with(3).has(&["it is not good"]);
    assert_eq!(project.read("late.txt"), "good");
}

#[test]
fn tests_ask_again_with_what_other_runs_made_known_and_with_their_own_models() {
    let project = project(SILENT);
    let run = |name: &str, text: &str| {
        format!(
            "run \"{name}\" {{\n  command = apply\n  variables {{\n    text = \"{text}\"\n    name = \"{name}.txt\"\n  }}\n}}\n"
        )
    };
    project.write("ours.tftest.hcl", run("a", "fine") + &run("b", "fine, too"));
    project.ok(&["test", "--policies", "rules"]).has(&["2 passed, 0 failed"]);
    project.write("ours.tftest.hcl", run("a", "fine") + &run("b", "bad"));
    project.mlo(&["test", "--policies", "rules"]).ends_with(1).has(&["it is bad", "1 passed, 1 failed"]);
}

#[test]
fn a_test_that_names_manifests_has_their_models_judged() {
    let project = Project::copy_of("examples/iris");
    let rule = "package deployment.policy\n\ndeny contains concat(\" \", [name | some name, _ in input.models]) if count(input.models) > 0\n";
    project.write("rules/plan.rego", rule);
    project.write("rules/model-governance.rego", include_str!("../policies/model-governance.rego"));
    let manifest = project.read("iris.yaml").replace("name: iris", "name: other");
    project.write("tests/other.yaml", manifest);
    project.write("tests/own.tftest.hcl", "manifest = \"other.yaml\"\nrun \"one\" {\n  command = plan\n}\n");
    let said = project.mlo(&["test", "--policies", "rules"]);
    said.ends_with(1);
    assert!(said.all().contains("other"), "{}", said.all());
}
