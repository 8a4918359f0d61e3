//! The gate, through the program: what is denied names the rule and the line, and changes nothing.

use crate::support::schema::fits;
use crate::support::{Project, repository};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

#[test]
fn low_accuracy_is_denied_at_its_line() {
    let project = Project::copy_of("examples/invalid");
    let text = project.read("low-accuracy.yaml");
    let line = 1 + text.lines().position(|line| line.contains("accuracy: 0.72")).unwrap();
    let said = project.mlo(&["plan", "low-accuracy.yaml"]);
    said.ends_with(3).has(&[
        "Model failed governance check",
        "Model accuracy 0.72 is below minimum threshold 0.85",
        &format!("low-accuracy.yaml:{line}:"),
        "rule `accuracy`",
        "Action required:\n  1. ",
        "Nothing was changed.",
    ]);
    project.mlo(&["apply", "low-accuracy.yaml", "--auto-approve"]).ends_with(3);
    assert!(project.json(&["show", "low-accuracy.yaml"], 0)["resources"].as_array().unwrap().is_empty());
    let document = project.json(&["plan", "low-accuracy.yaml"], 3);
    assert_eq!(document["policy"]["verdict"], "denied");
    assert_eq!(document["policy"]["violations"][0]["rule"], "accuracy");
    assert_eq!(
        document["policy"]["violations"][0]["place"].as_str().unwrap().split(':').next(),
        Some("low-accuracy.yaml")
    );
}

#[test]
fn every_invalid_example_is_denied_for_one_reason() {
    let project = Project::copy_of("examples/invalid");
    let mut seen = 0;
    for entry in std::fs::read_dir(repository().join("examples/invalid")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if std::path::Path::new(&name).extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let document = project.json(&["plan", &name], 3);
        let violations = document["policy"]["violations"].as_array().unwrap();
        assert_eq!(violations.len(), 1, "{name}: {violations:#?}");
        // Its first line says by which rule.
        let text = project.read(&name);
        let said =
            format!("# Denied by the rule `{}`, and by no other", violations[0]["rule"].as_str().unwrap());
        assert!(text.starts_with(&said), "{name}: {said}");
        assert!(violations[0]["place"].as_str().unwrap().starts_with(&name), "{name}: {violations:#?}");
        assert!(!violations[0]["actions"].as_array().unwrap().is_empty(), "{name} says what to do");
        seen += 1;
    }
    assert!(seen >= 12, "one example per governance rule, and there are {seen}");
    project.mlo(&["plan"]).ends_with(3).has(&["Model failed governance check: "]);
}

#[test]
fn destroying_is_never_stopped_by_a_rule_on_models() {
    let project = Project::copy_of("examples/iris");
    project.ok(&["apply", "--auto-approve"]);
    let text = project.read("iris.yaml");
    let accuracy = text.lines().find(|line| line.trim_start().starts_with("accuracy:")).unwrap().to_owned();
    project.edit("iris.yaml", &accuracy, "    accuracy: 0.5");
    project.mlo(&["plan"]).ends_with(3);
    project.ok(&["destroy", "--auto-approve"]).has(&["1 destroyed"]);
}

#[test]
fn a_gate_that_cannot_decide_denies() {
    let project = Project::copy_of("examples/iris");
    project.write("rules/broken.rego", "package model.governance\n\ndeny contains msg if {");
    project.mlo(&["plan", "--policies", "rules"]).ends_with(3).has(&["Policy gate failed"]);
    project.write("rules/broken.rego", "package something.else\n");
    project.mlo(&["plan", "--policies", "rules"]).ends_with(3);
    project.mlo(&["plan", "--policies", "nowhere"]).ends_with(3).has(&["nowhere"]);
}

#[test]
fn every_valid_example_is_planned_and_let_through() {
    let project = Project::copy_of("examples/valid");
    let mut planned = 0;
    for entry in std::fs::read_dir(repository().join("examples/valid")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if std::path::Path::new(&name).extension().is_some_and(|form| form == "yaml") {
            project.ok(&["validate", &name]).has(&["Success!"]);
            project.ok(&["plan", &name]).has(&["to add, 0 to change, 0 to destroy.", "Policy:"]);
            planned += 1;
        }
    }
    assert!(planned >= 4, "{planned}");
    // All of them in one folder, and one of them for real.
    project.ok(&["plan"]).has(&["Plan: 5 to add"]);
    project.ok(&["apply", "--auto-approve", "minimal.yaml"]).has(&["1 added"]);
    project.ok(&["destroy", "--auto-approve", "minimal.yaml"]).has(&["1 destroyed"]);
}

/// A project that keeps a file, whose deletion is a matter for the owners of the policy, and a policy about contents.
fn kept_file() -> Project {
    let project = Project::new();
    project.write(
        "main.hcl",
        "resource \"local_file\" \"data\" {\n  filename = \"data.txt\"\n  content  = \"kept\"\n}\n",
    );
    for name in ["model-governance.rego", "deployment-policy.rego"] {
        project.write(
            &format!("rules/{name}"),
            std::fs::read(repository().join("policies").join(name)).unwrap(),
        );
    }
    project.write("rules/data.yaml", "mlo:\n  deployment:\n    stateful: { dev: [local_file] }\n");
    project
}

#[test]
fn what_keeps_data_is_destroyed_only_with_a_reason() {
    let project = kept_file();
    project.ok(&["apply", "--auto-approve", "--policies", "rules"]);
    let destroy = ["destroy", "--auto-approve", "--policies", "rules"];
    project.mlo(&destroy).ends_with(3).has(&[
        "Plan failed deployment policy",
        "MLO5001",
        "local_file.data keeps data, and would be taken away",
        "main.hcl:1:1",
        "rule `deletion`",
        "--override deletion=REASON",
        "Nothing was changed.",
    ]);
    assert_eq!(project.read("data.txt"), "kept");
    let denied = project.json(&destroy, 3);
    assert_eq!(denied["policy"]["violations"][0]["address"], "local_file.data");
    assert_eq!(denied["policy"]["violations"][0]["level"], "overridable");
    project.mlo(&[&destroy[..], &["--override", "deletion="]].concat()).ends_with(1);
    let overridden = [&destroy[..], &["--override", "deletion=the copy is in the archive"]].concat();
    project.ok(&overridden).has(&["MLO5005", "Overridden: the copy is in the archive", "1 destroyed"]);
}

#[test]
fn a_rule_about_a_plan_is_shown_at_the_argument_and_gets_what_the_run_is() {
    let project = kept_file();
    let rule = "package deployment.policy\n\nviolation contains {\"rule\": \"content\", \"address\": c.address, \"path\": \
                \"content\", \"msg\": msg} if {\n\tsome c in input.plan.resource_changes\n\tc.change.after.content == \
                \"kept\"\n\tmsg := sprintf(\"%s by %s in %s for %s\", [c.address, input.run.who, input.run.repository, \
                input.environment.name])\n}\n\ndeny contains v.msg if some v in violation\n";
    project.write("rules/deployment-policy.rego", rule);
    let mut command = project.command(&["plan", "--policies", "rules"]);
    command.env("GITHUB_ACTOR", "octocat").env("GITHUB_REPOSITORY", "acme/models");
    crate::support::said(&mut command).ends_with(3).has(&[
        "main.hcl:3:14",
        "local_file.data by octocat in acme/models for dev",
        "rule `content`",
    ]);
}

#[test]
fn what_is_sensitive_is_not_handed_to_a_policy() {
    let project = kept_file();
    project.edit("main.hcl", "\"kept\"", "sensitive(\"hunter2\")");
    let rule = "package deployment.policy\n\ndeny contains sprintf(\"saw %v\", [c.change.after.content]) if some c in \
                input.plan.resource_changes\n";
    project.write("rules/deployment-policy.rego", rule);
    let said = project.mlo(&["plan", "--policies", "rules", "--show-sensitive"]);
    said.ends_with(3).has(&["saw (sensitive value)"]);
}

#[test]
fn a_waiver_lets_a_rule_be_for_a_time_and_is_shown_and_noted() {
    let project = kept_file();
    project.ok(&["apply", "--auto-approve", "--policies", "rules"]);
    let destroy = ["destroy", "--auto-approve", "--policies", "rules"];
    let waiver = |expires: &str| {
        let text = format!(
            "waivers:\n  - rule: deletion\n    subject: local_file.*\n    reason: it moved to the archive\n    owner: ann\n    \
             approver: ben\n{expires}"
        );
        project.write("rules/waivers.yaml", text);
    };
    waiver("    expires: 2020-01-31\n");
    project.mlo(&destroy).ends_with(3).has(&[
        "local_file.data keeps data",
        "The waiver at waivers.yaml:2:5 was over on 2020-01-31: mend the cause, or have ben grant another",
    ]);
    waiver("");
    project.mlo(&destroy).ends_with(3).has(&[
        "MLO5003",
        "waivers.yaml:2:5: `expires` is missing: a waiver holds for a time",
        "nothing was changed",
    ]);
    waiver("    expires: 9999-12-31\n");
    project.ok(&["plan", "--policies", "rules"]).has(&["MLO5012", "is not needed"]);
    let said = project.json(&["plan", "--destroy", "--policies", "rules"], 0);
    assert_eq!(said["policy"]["decision"]["warnings"][0]["waiver"]["approver"], "ben");
    project.ok(&destroy).has(&[
        "MLO5011",
        "Waived until 9999-12-31: it moved to the archive (owner ann, granted by ben, waivers.yaml:2:5)",
        "1 destroyed",
    ]);
    let noted = project.json(&["audit", "show", "5"], 0);
    assert_eq!(noted["what"]["passed_by"][0]["waiver"]["owner"], "ann");
}

#[test]
fn an_environment_makes_a_rule_stricter_and_never_weaker() {
    let project = kept_file();
    let with = |environment: &str| {
        let text = project.read("main.hcl");
        let (_, resource) = text.split_at(text.find("resource").unwrap());
        project.write(
            "main.hcl",
            format!("environment \"prod\" {{\n  policy = {{ {environment} }}\n}}\n{resource}"),
        );
    };
    project.write("rules/data.yaml", "mlo:\n  deployment:\n    stateful: [local_file]\n");
    with("deletion = \"mandatory\"");
    project.ok(&["apply", "--env", "prod", "--auto-approve", "--policies", "rules"]);
    let destroy = [
        "destroy",
        "--env",
        "prod",
        "--auto-approve",
        "--policies",
        "rules",
        "--override",
        "deletion=it is empty",
    ];
    project.mlo(&destroy).ends_with(3).has(&["Leave `--override deletion` out: the rule is mandatory"]);
    for (policy, expected) in [
        ("deletion = \"advisory\"", "would make the rule `deletion` advisory, and it is overridable"),
        ("deletoin = \"mandatory\"", "sets the level of `deletoin`, and there is no such rule"),
    ] {
        with(policy);
        project.mlo(&destroy).ends_with(3).has(&[expected, "main.hcl:2:"]);
    }
    with("deletion = \"overridable\"");
    project.ok(&destroy).has(&["MLO5005", "1 destroyed"]);
}

/// A file whose content is known only during the apply, a file beside it and one that depends on it, and a rule about contents.
fn told_late(rule: &str) -> Project {
    let project = kept_file();
    project.write(
        "main.hcl",
        "variable \"text\" {}\nresource \"terraform_data\" \"told\" {\n  input = var.text\n}\nresource \"local_file\" \"late\" {\n  \
         filename = \"late.txt\"\n  content  = terraform_data.told.output\n}\nresource \"local_file\" \"after\" {\n  filename = \
         \"after.txt\"\n  content  = \"after\"\n  depends_on = [local_file.late]\n}\nresource \"local_file\" \"beside\" {\n  \
         filename = \"beside.txt\"\n  content  = \"good, beside\"\n}\n",
    );
    let policy = format!(
        "package deployment.policy\n\nviolation contains {{\"rule\": \"content\", \"address\": c.address, \"path\": \
         \"content\", \"msg\": sprintf(\"%s is bad\", [c.address])}} if {{\n\tsome c in input.plan.resource_changes\n\tc.address == \
         \"local_file.late\"\n\tcontent := object.get(c.change.after, \"content\", \"\")\n\t{rule}\n}}\n\ndeny contains v.msg if \
         some v in violation\n"
    );
    project.write("rules/deployment-policy.rego", policy);
    project
}

#[test]
fn a_rule_that_needs_a_value_of_the_apply_is_undetermined_and_asked_again_before_the_call() {
    let project = told_late("not startswith(content, \"good\")");
    let plan = ["plan", "--policies", "rules", "--var", "text=bad"];
    project.ok(&plan).has(&[
        "MLO5013",
        "local_file.late: `content` is known only during the apply, and rule `content` needs it",
        "asked again before this object is changed",
        "1 undetermined",
    ]);
    let document = project.json(&plan, 0);
    assert_eq!(document["policy"]["verdict"], "approved");
    assert_eq!(document["policy"]["decision"]["warnings"][0]["undetermined"], true);
    // It does not hold: that change and what depends on it are not begun.
    project
        .mlo(&["apply", "--auto-approve", "--policies", "rules", "--var", "text=bad"])
        .ends_with(3)
        .has(&["MLO5001", "local_file.late is bad", "main.hcl:7:14"]);
    let there = |name: &str| project.path().join(name).exists();
    assert!(!there("late.txt") && !there("after.txt") && there("beside.txt"));
    let ended = project.json(&["audit", "show"], 0)["what"].clone();
    assert_eq!(ended["outcome"], "denied");
    assert_eq!(ended["asked_again"][0]["address"], "local_file.late");
    assert_eq!(ended["asked_again"][0]["denied_by"][0], "content");
    // It holds.
    project.ok(&["apply", "--auto-approve", "--policies", "rules", "--var", "text=good"]);
    assert_eq!(project.read("late.txt"), "good");
    assert!(there("after.txt"));
    project.ok(&["audit", "verify"]);
}

#[test]
fn a_rule_that_says_nothing_of_what_is_not_known_is_asked_again_too() {
    let project = told_late("content == \"bad\"");
    project.ok(&["plan", "--policies", "rules", "--var", "text=bad"]).has_not(&["MLO5013"]);
    let document = project.json(&["apply", "--auto-approve", "--policies", "rules", "--var", "text=bad"], 3);
    assert_eq!(document["denied"][0], "local_file.late");
    assert_eq!(
        (&document["policy"]["verdict"], &document["policy"]["violations"][0]["rule"]),
        (&"denied".into(), &"content".into())
    );
    assert!(!project.path().join("late.txt").exists());
}

#[test]
fn a_policy_that_says_at_which_types_it_looks_gets_no_other_values_and_is_not_asked_again_about_them() {
    let project = told_late("content == \"bad\"");
    let rules = project.read("rules/deployment-policy.rego");
    let looking_at = |types: &str| {
        let comment = format!("# METADATA\n# scope: package\n# custom:\n#   values_of: {types}\n");
        project.write("rules/deployment-policy.rego", comment + &rules);
    };
    let apply = ["apply", "--auto-approve", "--policies", "rules", "--var", "text=bad"];
    // It is as good as its word: it does not see what it says it does not look at.
    looking_at("[\"aws_*\", terraform_data]");
    project.ok(&apply);
    let ended = project.json(&["audit", "show"], 0)["what"].clone();
    assert!(ended["asked_again"].is_null(), "{ended}");
    project.ok(&["destroy", "--auto-approve"]);
    looking_at("[\"local_*\"]");
    assert_eq!(project.json(&apply, 3)["denied"][0], "local_file.late");
    looking_at("local_file");
    project.mlo(&["plan", "--policies", "rules", "--var", "text=bad"]).ends_with(3).has(&[
        "MLO5003",
        "policy deployment-policy.rego:1:1",
        "`values_of` is a list of types of objects",
    ]);
}

#[test]
fn what_only_the_provider_makes_up_denies_as_what_is_missing() {
    let project = told_late("object.get(c.change.after, \"id\", \"\") == \"\"");
    let policy =
        project.read("rules/deployment-policy.rego").replace("\"path\": \"content\"", "\"path\": \"id\"");
    project.write("rules/deployment-policy.rego", policy);
    project
        .mlo(&["plan", "--policies", "rules", "--var", "text=bad"])
        .ends_with(3)
        .has(&["local_file.late is bad"]);
}

/// What rules for plans were asked about in a run, as a rule tells it that denies by saying all of it.
fn asked(project: &Project, arguments: &[&str]) -> serde_json::Value {
    project.write("telling/model-governance.rego", include_str!("../policies/model-governance.rego"));
    project.write(
        "telling/deployment-policy.rego",
        "package deployment.policy\n\ndeny contains json.marshal(input)\n",
    );
    let document = project.json(&[arguments, &["--policies", "telling"]].concat(), 3);
    let violations = document["policy"]["violations"].as_array().unwrap();
    let told = violations.iter().find(|violation| violation["rule"] == "deny").unwrap();
    serde_json::from_str(told["message"].as_str().unwrap()).unwrap()
}

#[test]
fn what_rules_are_asked_about_is_as_the_schema_says() {
    let schema: serde_json::Value =
        serde_json::from_str(&Project::new().ok(&["schema", "policy-input"]).out).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    // Every example, and a plan with objects that are made, changed, replaced, set aside, moved, forgotten and taken away.
    let examples = Project::copy_of("examples/valid");
    let input = asked(&examples, &["plan"]);
    fits(&input, &schema, "valid").unwrap();
    assert_eq!(input["manifests"].as_object().unwrap().len(), input["models"].as_object().unwrap().len());
    for model in input["models"].as_object().unwrap().values() {
        assert!(model["parameters"].is_u64() && !model["inputs"].as_array().unwrap().is_empty());
    }
    let project = Project::with(&[(
        "main.hcl",
        "resource \"terraform_data\" \"a\" {\n  count = 2\n  input = 1\n}\nresource \"local_file\" \"f\" {\n  filename = \
         \"f\"\n  content  = \"x\"\n}\nresource \"local_file\" \"gone\" {\n  filename = \"g\"\n  content  = \
         \"x\"\n}\noutput \"o\" { value = terraform_data.a[0].output }\n",
    )]);
    fits(&asked(&project, &["plan"]), &schema, "first").unwrap();
    project.ok(&["apply", "--auto-approve"]);
    project.write(
        "main.hcl",
        "resource \"terraform_data\" \"a\" {\n  for_each = { x = 1 }\n  input = 2\n  triggers_replace = 1\n}\nmoved {\n  \
         from = terraform_data.a[0]\n  to   = terraform_data.a[\"x\"]\n}\nresource \"local_file\" \"f\" {\n  filename = \
         \"f2\"\n  content  = terraform_data.a[\"x\"].id\n}\nremoved {\n  from = local_file.gone\n  lifecycle { destroy = \
         false }\n}\noutput \"o\" { value = terraform_data.a[\"x\"].output }\n",
    );
    project.write("f", "changed outside");
    let input = asked(&project, &["plan"]);
    fits(&input, &schema, "second").unwrap();
    let actions: Vec<_> = input["plan"]["resource_changes"].as_array().unwrap().iter().collect();
    for action in ["delete", "create", "forget"] {
        let has = |change: &&serde_json::Value| {
            change["change"]["actions"].as_array().unwrap().contains(&action.into())
        };
        assert!(actions.iter().any(has), "{action}");
    }
    assert!(!input["plan"]["resource_drift"].as_array().unwrap().is_empty());
    fits(&asked(&project, &["plan", "--destroy"]), &schema, "destroy").unwrap();
    // One that is not as it says is refused.
    let mut wrong = input;
    wrong["plan"]["resource_changes"][0]["change"]["actions"] = serde_json::json!(["explode"]);
    fits(&wrong, &schema, "wrong").unwrap_err();
}

#[test]
fn a_version_that_breaks_callers_is_stopped_unless_somebody_says_why() {
    let project = Project::copy_of("examples/iris");
    let signature = |document: &serde_json::Value| {
        document["resource_changes"][0]["change"]["after"]["signature"].as_str().unwrap().to_owned()
    };
    let now = signature(&project.json(&["plan"], 0));
    assert!(now.contains("[?,4] -> ") && now.contains("[?,3]"), "{now}");
    let project = kept_file();
    let other = "x: float[?,4] -> label: int64[?]";
    let main = |signature: &str| {
        let text = format!("resource \"terraform_data\" \"s\" {{\n  input = \"{signature}\"\n}}\n");
        project.write("main.hcl", text);
    };
    // Here one that needs no server says so.
    let rules = project
        .read("rules/deployment-policy.rego")
        .replace("object_text(object, \"signature\")", "object_text(object, \"input\")")
        .replace(
            "object_text(entry.change.after, \"signature\")",
            "object_text(entry.change.after, \"input\")",
        )
        .replace("{})), \"signature\")", "{})), \"input\")")
        .replace("local_inference_service", "terraform_data");
    project.write("rules/deployment-policy.rego", rules);
    main(other);
    project.ok(&["apply", "--auto-approve", "--policies", "rules"]);
    main("x: float[?,5] -> label: int64[?]");
    let plan = ["plan", "--policies", "rules"];
    project.mlo(&plan).ends_with(3).has(&[
        "callers of the version that serves now break: input 'x' has the shape [?,5] and had [?,4]",
        "rule `signature`",
    ]);
    project.ok(&[&plan[..], &["--override", "signature=all callers know"]].concat()).has(&["MLO5005"]);
}

/// Iris with rules of its own, whose settings for plans say this.
fn iris_under(settings: &str) -> Project {
    let project = Project::copy_of("examples/iris");
    for name in ["model-governance.rego", "deployment-policy.rego"] {
        let text = std::fs::read_to_string(repository().join("policies").join(name)).unwrap();
        project.write(&format!("rules/{name}"), text);
    }
    project.write("rules/data.yaml", format!("mlo:\n  deployment: {settings}\n"));
    project
}

#[test]
fn what_a_manifest_asks_for_is_held_against_its_models_file() {
    type Edits = &'static [(&'static str, &'static str)];
    let cuda: Edits = &[("  inference:\n", "  inference:\n    device: cuda\n")];
    let little: Edits = &[("memory: 128Mi", "memory: \"128\""), ("memory: 512Mi", "memory: \"4e2\"")];
    let one_label: Edits = &[("[setosa, versicolor, virginica]", "[setosa]")];
    for (settings, edits, rule, line, message) in [
        (
            "{ model_size_mib_max: 0 }",
            &[] as Edits,
            "model_size",
            "uri:",
            "Model iris is of 1 MiB, and at most 0 MiB are allowed",
        ),
        (
            "{ gpu_memory_gib: 0 }",
            cuda,
            "gpu_memory",
            "uri:",
            "Model iris needs about 513 MiB on a GPU, and those of the nodes have 0 GiB",
        ),
        (
            "{}",
            little,
            "model_memory",
            "memory: \"4e2\"",
            "Model iris is of 1 MiB, and the memory of its server is limited to 0 MiB",
        ),
        (
            "{}",
            one_label,
            "class_labels",
            "labels:",
            "Model iris has 1 labels, and its outputs have 3 columns",
        ),
    ] {
        let project = iris_under(settings);
        for (from, to) in edits {
            project.edit("iris.yaml", from, to);
        }
        let document = project.json(&["plan", "--policies", "rules"], 3);
        let violations = document["policy"]["violations"].as_array().unwrap();
        assert_eq!(violations.len(), 1, "{violations:#?}");
        assert_eq!((&violations[0]["rule"], &violations[0]["message"]), (&rule.into(), &message.into()));
        let at = 1 + project
            .read("iris.yaml")
            .lines()
            .position(|text| text.trim_start().starts_with(line))
            .unwrap();
        let place = violations[0]["place"].as_str().unwrap();
        assert!(
            place.starts_with(&format!("iris.yaml:{at}:")),
            "{rule} is shown at {place}, not at line {at}"
        );
        let reason = format!("{rule}=it is known");
        let overridden = project.mlo(&["plan", "--policies", "rules", "--override", &reason]);
        // What does not fit into memory does not run, whatever anybody says.
        overridden.ends_with(if rule == "model_memory" { 3 } else { 0 });
    }
}

#[test]
fn another_models_file_is_no_new_version_and_one_that_breaks_callers_is_stopped() {
    let project = Project::copy_of("examples/iris");
    project.ok(&["apply", "--auto-approve"]);
    let bytes = std::fs::read(project.path().join("model/iris.onnx")).unwrap();
    let renamed: Vec<u8> = {
        let (from, to) = (b"\x05label", b"\x05lebel");
        let mut bytes = bytes.clone();
        for at in 0..bytes.len().saturating_sub(from.len()) {
            if bytes[at..].starts_with(from) {
                bytes[at..at + to.len()].copy_from_slice(to);
            }
        }
        bytes
    };
    assert_ne!(bytes, renamed);
    project.write("model/iris.onnx", &renamed);
    // The manifest pins the file that it speaks of.
    project.mlo(&["plan"]).ends_with(1).has(&["iris.yaml:", "pinned here"]);
    let digest = project
        .read("iris.yaml")
        .lines()
        .find_map(|line| line.trim().strip_prefix("sha256: ").map(str::to_owned))
        .unwrap();
    let now = HEXLOWER.encode(&Sha256::digest(&renamed));
    project.edit("iris.yaml", &digest, &now);
    project.edit("iris.yaml", "version: 1.0.0", "version: 2.0.0");
    let said = project.mlo(&["plan"]);
    said.ends_with(3).has(&["rule `signature`", "output 'label'", "Action required:"]);
    let document = project.json(&["plan"], 3);
    assert_eq!(document["policy"]["violations"].as_array().unwrap().len(), 1, "no other rule");
    project.ok(&["plan", "--override", "signature=nobody reads the label"]).has(&["MLO5005"]);
    // The same file as another version breaks nobody.
    project.write("model/iris.onnx", &bytes);
    project.edit("iris.yaml", &now, &digest);
    project.ok(&["plan"]).has(&["1 to change"]);
    project.ok(&["destroy", "--auto-approve"]);
}

#[test]
fn manifests_alone_are_judged_without_a_plan_or_a_provider() {
    let project = Project::copy_of("examples/invalid");
    project.ok(&["validate", "low-accuracy.yaml"]).has_not(&["MLO5001"]);
    project.mlo(&["validate", "--policy", "low-accuracy.yaml"]).ends_with(3).has(&[
        "Success! The configuration is valid.",
        "MLO5001",
        "rule `accuracy`",
        "low-accuracy.yaml:15:",
        "Action required:",
    ]);
    let document = project.json(&["validate", "--policy", "low-accuracy.yaml"], 3);
    assert_eq!((&document["valid"], &document["policy"]["verdict"]), (&true.into(), &"denied".into()));
    let iris = Project::copy_of("examples/iris");
    iris.ok(&["validate", "--policy"]).has(&["Governance of iris", "rules passed"]);
    assert!(!iris.path().join(".mlo").exists(), "nothing is left behind");
    // What is not valid is said alone.
    iris.edit("iris.yaml", "framework:", "framwork:");
    iris.mlo(&["validate", "--policy"]).ends_with(1).has_not(&["MLO5001"]);
}

#[test]
fn a_rule_that_is_passed_by_when_it_is_asked_again_leaves_its_reason() {
    let project = told_late("content == \"bad\"");
    let policy = project
        .read("rules/deployment-policy.rego")
        .replace("\"msg\":", "\"level\": \"overridable\", \"msg\":");
    project.write("rules/deployment-policy.rego", policy);
    let arguments = ["--policies", "rules", "--var", "text=bad", "--override", "content=it is meant so"];
    project.ok(&[&["plan"][..], &arguments].concat()).has_not(&["was not needed"]);
    project.ok(&[&["apply", "--auto-approve"][..], &arguments].concat()).has(&[
        "MLO5005",
        "Overridden: it is meant so",
        "local_file.late is bad",
    ]);
    let begun = project.json(&["audit", "show", "1"], 0)["what"].clone();
    assert_eq!(begun["overrides"][0], serde_json::json!({ "rule": "content", "reason": "it is meant so" }));
    let again = project.json(&["audit", "show", "2"], 0)["what"]["asked_again"][0].clone();
    assert_eq!(
        (&again["address"], &again["passed_by"][0]["overridden"]),
        (&"local_file.late".into(), &"it is meant so".into())
    );
}

#[test]
fn a_rule_about_several_objects_sees_all_of_them_when_it_is_asked_again() {
    let project = told_late("content == \"never\"");
    let rule = "\nviolation contains {\"rule\": \"pair\", \"address\": c.address, \"path\": \"content\", \"msg\": \"alone\"} if \
                {\n\tsome c in input.plan.resource_changes\n\tc.type == \"local_file\"\n\tcount([o | some o in \
                input.plan.resource_changes; o.type == \"local_file\"]) < 3\n}\n";
    let policy = project.read("rules/deployment-policy.rego") + rule;
    project.write("rules/deployment-policy.rego", policy);
    project.ok(&["apply", "--auto-approve", "--policies", "rules", "--var", "text=fine"]);
    assert_eq!(project.read("late.txt"), "fine");
}

#[test]
fn a_denial_is_a_denial_whatever_becomes_of_its_record() {
    let files: Vec<_> = (0..300)
        .map(|number| format!("resource \"terraform_data\" \"d{number}\" {{ input = 1 }}\n"))
        .collect();
    let project = Project::with(&[("main.hcl", &files.concat())]);
    project.write("rules/model-governance.rego", include_str!("../policies/model-governance.rego"));
    project.write(
        "rules/deployment-policy.rego",
        "package deployment.policy\n\nviolation contains {\"rule\": \"no\", \"address\": c.address, \"msg\": sprintf(\"no %s\", \
         [c.address])} if some c in input.plan.resource_changes\n\ndeny contains v.msg if some v in violation\n",
    );
    let apply = ["apply", "--auto-approve", "--policies", "rules"];
    project.mlo(&apply).ends_with(3);
    let violations = project.json(&["audit", "show"], 0)["what"]["violations"].clone();
    assert_eq!(violations.as_array().unwrap().len(), 201);
    assert_eq!(violations[200]["more"], 100);
    project.write(".mlo/state/default/documents/audit.0000000001", "{}\n");
    project.mlo(&apply).ends_with(3).has(&["MLO5010", "MLO5001"]);
}

#[test]
fn a_saved_plan_holds_what_it_passes_by_and_takes_no_other() {
    let project = kept_file();
    project.ok(&["apply", "--auto-approve", "--policies", "rules"]);
    let plan = ["plan", "--destroy", "--policies", "rules", "--out", "d.plan"];
    project.mlo(&plan).ends_with(3);
    project.ok(&[&plan[..], &["--override", "deletion=it is in the archive"]].concat());
    project.ok(&["show", "d.plan"]).has(&["Passes by the rule `deletion`: it is in the archive"]);
    let apply = ["apply", "d.plan", "--policies", "rules"];
    project
        .mlo(&[&apply[..], &["--override", "deletion=another reason"]].concat())
        .ends_with(1)
        .has(&["`--override` cannot be given with it"]);
    project.ok(&apply).has(&["MLO5005", "Overridden: it is in the archive", "1 destroyed"]);
    // It is typed, and no variable says it.
    let mut command = project.command(&["destroy", "--auto-approve", "--policies", "rules"]);
    project.ok(&["apply", "--auto-approve", "--policies", "rules"]);
    crate::support::said(command.env("MLO_OVERRIDE", "deletion=always")).ends_with(3);
}
