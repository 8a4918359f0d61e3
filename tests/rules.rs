//! What rules say of themselves, and where: `mlo policy explain`, reports; and where in the user's files what they deny stands.

use crate::support::{Project, repository, said};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A project with an environment that is stricter, and policies with thresholds and a waiver.
fn project() -> Project {
    let project = Project::with(&[
        (
            "main.hcl",
            "environment \"dev\" {}\nenvironment \"prod\" {\n  policy = { deletion = \"mandatory\" }\n}\n",
        ),
        (
            "rules/data.yaml",
            "mlo:\n  thresholds:\n    prod:\n      accuracy: 0.9\n  allow:\n    packages: { prod: [torch] }\n  deployment:\n    \
             replicas_min: 4\n  levels:\n    model_size: advisory\n",
        ),
        (
            "rules/waivers.yaml",
            "waivers:\n  - rule: accuracy\n    subject: fraud-*\n    reason: new data\n    owner: ann\n    approver: ben\n    \
             expires: 9999-12-31\n    environments: [prod]\n  - rule: accuracy\n    subject: old\n    reason: it was so\n    \
             owner: ann\n    approver: ben\n    expires: 2020-01-31\n",
        ),
    ]);
    for name in ["model-governance.rego", "deployment-policy.rego"] {
        let text = std::fs::read(repository().join("policies").join(name)).unwrap();
        project.write(&format!("rules/{name}"), text);
    }
    project
}

#[test]
fn every_rule_that_we_ship_says_what_it_is_and_has_its_place_in_the_docs() {
    let project = Project::new();
    let listed = project.json(&["policy", "explain"], 0);
    let page = std::fs::read_to_string(repository().join("docs/governance.md")).unwrap();
    let rules = listed["rules"].as_array().unwrap();
    assert!(rules.len() > 35, "{}", rules.len());
    for rule in rules {
        let name = rule["rule"].as_str().unwrap();
        for key in ["title", "description", "level", "judges", "file"] {
            assert!(rule[key].as_str().is_some_and(|text| !text.is_empty()), "{name} says its {key}");
        }
        assert!(!rule["actions"].as_array().unwrap().is_empty(), "{name} says what to do");
        assert!(rule["reads"].is_array(), "{name} says what it looks at");
        assert_eq!(rule["docs"], format!("docs/governance.md#{name}"));
        assert!(page.contains(&format!("\n### {name}\n")), "{name} is on the page");
    }
    // What the packages list is what comments describe.
    let evaluated = project.ok(&[
        "policy",
        "eval",
        "--json",
        "{r.rule | some p in [data.model.governance, data.deployment.policy]; some r in p.rules}",
    ]);
    let evaluated: Json = serde_json::from_str(&evaluated.out).unwrap();
    let evaluated = evaluated["result"][0]["expressions"][0]["value"].as_array().unwrap().len();
    assert_eq!(rules.len(), evaluated);
    let text = project.ok(&["policy", "explain"]);
    text.has(&["RULE", "LEVEL IN DEV", "accuracy", "manifests", "deletion", "plans"]);
}

#[test]
fn a_rule_is_explained_with_its_level_its_thresholds_and_its_waivers_and_by_whose_word() {
    let project = project();
    let line =
        |file: &str, text: &str| 1 + project.read(file).lines().position(|line| line.trim() == text).unwrap();
    let explain = ["policy", "explain", "accuracy", "--policies", "rules", "--env", "prod"];
    let stands =
        line("rules/model-governance.rego", "p := metric_problem(\"accuracy\", \"Model accuracy\", [") - 1;
    project.ok(&explain).has(&[
        "accuracy: Accuracy\n",
        &format!("> prod: mandatory (model-governance.rego:{stands})\n"),
        &format!("  mlo.thresholds.prod.accuracy = 0.9 (data.yaml:{})\n", line("rules/data.yaml", "accuracy: 0.9")),
        "Looks at: spec.metrics.accuracy\n",
        "  1. Improve the model until its accuracy",
        &format!("Stands at: model-governance.rego:{stands}\n"),
        "More: docs/governance.md#accuracy\n",
        "Waiver for fraud-*: in force until 9999-12-31 - new data (owner ann, granted by ben, waivers.yaml:2:5)\n",
        "Waiver for old: was over on 2020-01-31",
    ]);
    project
        .ok(&["policy", "explain", "accuracy", "--policies", "rules", "--env", "dev"])
        .has(&["  mlo.thresholds.dev.accuracy = 0.85 (built into the rules", "Waiver for old"])
        .has_not(&["fraud-*"]);
    let said =
        project.json(&["policy", "explain", "dependencies", "--policies", "rules", "--env", "prod"], 0);
    let packages = line("rules/data.yaml", "packages: { prod: [torch] }");
    assert_eq!(
        said["settings"],
        json!([{ "key": "mlo.allow.packages.prod", "value": ["torch"], "place": format!("data.yaml:{packages}") }])
    );
    let said = project.json(&["policy", "explain", "replicas", "--policies", "rules", "--env", "dev"], 0);
    assert_eq!(
        (&said["settings"][0]["key"], &said["settings"][0]["value"]),
        (&json!("mlo.deployment.replicas_min"), &json!(4))
    );
    // Levels: what the comment, the data and the environment's block say.
    let levels = |rule: &str| -> BTreeMap<String, (String, String)> {
        let said = project.json(&["policy", "explain", rule, "--policies", "rules", "--env", "prod"], 0);
        let text = |value: &Json| value.as_str().unwrap().to_owned();
        let levels = said["levels"].as_array().unwrap().iter();
        levels.map(|it| (text(&it["environment"]), (text(&it["level"]), text(&it["from"])))).collect()
    };
    let deletion = levels("deletion");
    assert_eq!(
        deletion["prod"],
        ("mandatory".to_owned(), "the environment's block at main.hcl:3:25".to_owned())
    );
    assert_eq!(deletion["dev"].0, "overridable");
    let data = line("rules/data.yaml", "model_size: advisory");
    let expected = ("advisory".to_owned(), format!("mlo.levels.model_size at data.yaml:{data}"));
    assert_eq!(levels("model_size")["dev"], expected);
}

#[test]
fn the_rules_of_all_bundles_of_a_run_are_explained_as_the_gate_has_them() {
    let project = project();
    let team = |rule: &str, level: &str| {
        format!(
            "package model.governance\n\n# METADATA\n# title: Of the team\n# custom:\n#   rule: {rule}\n#   level: {level}\n#   settings: \
             [thresholds.ENVIRONMENT.accuracy]\ndeny contains \"x\" if input.x\n"
        )
    };
    project.write("team/accuracy.rego", team("accuracy", "advisory"));
    project.write("team/own.rego", team("own", "overridable"));
    project.write("team/data.yaml", "mlo: { levels: { own: advisory } }\nteam: { size: 3 }\n");
    project.write("ours/rule.rego", team("ours", "overridable"));
    project.edit(
        "main.hcl",
        "environment \"dev\" {}",
        "mlo {\n  policy \"project\" {\n    source = \"ours\"\n  }\n}\nenvironment \"dev\" {}",
    );
    project.edit("main.hcl", "deletion = \"mandatory\"", "deletion = \"mandatory\", ours = \"mandatory\"");
    let both = ["policy", "explain", "--policies", "rules", "--policies", "team", "--env", "prod"];
    project.ok(&both).has(&["BUNDLE", "rules    accuracy", "team     own", "project  ours"]);
    let listed = project.json(&both, 0);
    let of = |bundle: &str| -> Vec<(String, String)> {
        let text = |value: &Json| value.as_str().unwrap().to_owned();
        let rules = listed["rules"].as_array().unwrap().iter().filter(|rule| rule["bundle"] == bundle);
        rules.map(|rule| (text(&rule["rule"]), text(&rule["level"]))).collect()
    };
    let said = |rules: &[(&str, &str)]| -> Vec<(String, String)> {
        rules.iter().map(|(rule, level)| ((*rule).to_owned(), (*level).to_owned())).collect()
    };
    assert_eq!(of("team"), said(&[("accuracy", "advisory"), ("own", "advisory")]));
    assert_eq!(of("project"), said(&[("ours", "mandatory")]), "the environment's block");
    assert!(of("rules").contains(&("accuracy".to_owned(), "mandatory".to_owned())));
    // One name, two rules: each is told, with what its own bundle and those before it say.
    let accuracy = [&both[..2], &["accuracy"], &both[2..]].concat();
    project.ok(&accuracy).has(&[
        "Of the bundle `rules`. Judges manifests.",
        "Of the bundle `team`. Judges manifests.",
        "> prod: advisory (team/accuracy.rego:9)",
        "mlo.thresholds.prod.accuracy = 0.9 (rules/data.yaml:4)",
        "Waiver for fraud-*",
        "No waivers in prod.",
    ]);
    let told = project.json(&accuracy, 0);
    assert_eq!((&told["bundle"], &told["level"]), (&json!("rules"), &json!("mandatory")));
    let other = &told["others"][0];
    assert_eq!((&other["bundle"], &other["level"]), (&json!("team"), &json!("advisory")));
    assert_eq!(
        other["settings"][0]["place"], "rules/data.yaml:4",
        "it sees the data of the bundle before it"
    );
    let own = project.json(&["policy", "explain", "own", "--policies", "rules,team", "--env", "dev"], 0);
    assert_eq!(own["levels"][0]["from"], "mlo.levels.own at team/data.yaml:1");
    // Without the flag: the built-in bundle, and that of the configuration.
    project.ok(&["policy", "explain", "--env", "prod"]).has(&["built-in  accuracy", "project   ours"]);
    // A bundle that has no rules for plans has ours.
    let alone = project.json(&["policy", "explain", "deletion", "--policies", "team", "--env", "dev"], 0);
    assert_eq!(alone["bundle"], "built-in");
    // What the gate refuses is refused here.
    project.write("other/data.yaml", "team: { size: 4 }\n");
    project.write("other/rule.rego", team("more", "advisory"));
    project
        .mlo(&["policy", "explain", "--policies", "team", "--policies", "other"])
        .ends_with(1)
        .has(&["MLO5003", "team.size"]);
}

#[test]
fn a_rule_that_there_is_none_of_is_told_which_it_would_be() {
    let project = project();
    project.mlo(&["policy", "explain", "acuracy"]).ends_with(1).has(&[
        "there is no rule `acuracy`",
        "did you mean `accuracy`?",
        "lists all rules",
    ]);
    project
        .mlo(&["policy", "explain", "accuracy", "--env", "prd"])
        .ends_with(1)
        .has(&["did you mean `prod`?"]);
    project.mlo(&["policy", "explain", "--policies", "nowhere"]).ends_with(1).has(&["MLO5003"]);
    // A configuration that cannot be read keeps nobody from reading rules.
    project.write("main.hcl", "environment {");
    project.ok(&["policy", "explain", "accuracy"]).has(&["cannot be read", "accuracy: Accuracy"]);
}

/// Policies whose rules return objects without names.
fn nameless() -> Project {
    let project = Project::with(&[
        (
            "main.hcl",
            "resource \"terraform_data\" \"a\" {\n  input = {\n    list = [{ name = \"good\" }, { name = \"bad\" }]\n  }\n}\n",
        ),
        (
            "rules/plan.rego",
            "package deployment.policy\n\n# METADATA\n# title: Good names\n# description: |\n#   Every name\n#   is good.\n# \
             custom:\n#   rule: good_names\n#   docs: https://example.com/rules?a=1#names\n#   actions: [Choose a good \
             name]\n#   reads: [terraform_data.input]\ndeny contains {\"msg\": msg, \"address\": c.address, \"path\": path} if {\n\tsome \
             c in input.plan.resource_changes\n\tsome index, each in c.change.after.input.list\n\teach.name == \"bad\"\n\tpath := \
             sprintf(\"input.list[%d].name\", [index])\n\tmsg := \"a bad name\"\n}\n\n# METADATA\n# title: Few\n# custom: { rule: few, level: \
             advisory }\ndeny contains \"there are few\" if count(input.plan.resource_changes) < 3\n",
        ),
    ]);
    project.write("rules/model-governance.rego", include_str!("../policies/model-governance.rego"));
    project
}

#[test]
fn what_a_comment_says_of_a_rule_is_in_every_form_of_report() {
    let project = nameless();
    std::fs::create_dir(project.path().join(".git")).unwrap();
    let plan =
        ["plan", "--policies", "rules", "--out-sarif", "a.sarif", "--out-md", "a.md", "--out-junit", "a.xml"];
    project.mlo(&plan).ends_with(3).has(&[
        "a bad name",
        "main.hcl:3:41",
        "rule `good_names`",
        "Action required:\n  1. Choose a good name\n",
        "More about the rules:\n  good_names: https://example.com/rules?a=1#names\n",
        "there are few",
        "Rule `few`.",
    ]);
    let document = project.json(&["plan", "--policies", "rules"], 3)["policy"].clone();
    let violation = &document["violations"][0];
    assert_eq!(violation["rule"], "good_names");
    assert_eq!(violation["docs"], "https://example.com/rules?a=1#names");
    assert_eq!(violation["actions"], json!(["Choose a good name"]));
    let about = &document["decision"]["about"]["good_names"];
    assert_eq!(
        (&about["title"], &about["description"]),
        (&json!("Good names"), &json!("Every name is good."))
    );
    assert_eq!((&about["file"], &about["line"]), (&json!("plan.rego"), &json!(13)));
    let outcomes = &document["decision"]["deployment"];
    assert_eq!((&outcomes[0]["rule"], &outcomes[0]["outcome"]), (&json!("good_names"), &json!("failed")));
    let sarif: Json = serde_json::from_str(&project.read("a.sarif")).unwrap();
    let run = &sarif["runs"][0];
    let rule = &run["tool"]["driver"]["rules"][0];
    assert_eq!(rule["id"], "good_names");
    assert_eq!(rule["shortDescription"]["text"], "Good names");
    assert_eq!(rule["fullDescription"]["text"], "Every name is good.");
    assert_eq!(rule["helpUri"], "https://example.com/rules?a=1#names");
    assert!(rule["help"]["text"].as_str().unwrap().contains("\n- Choose a good name\nMore: https://"));
    let place = &run["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(
        (&place["artifactLocation"]["uri"], &place["region"]["startLine"]),
        (&json!("main.hcl"), &json!(3))
    );
    assert_eq!(place["region"]["startColumn"], 41, "the part of the argument: {place}");
    assert!(project.read("a.md").contains("a bad name ([more](https://example.com/rules?a=1#names))"));
    assert!(project.read("a.xml").contains("- Choose a good name"));
    // A path in somebody's repository is no address that a browser opens.
    project.edit("rules/plan.rego", "https://example.com/rules?a=1#names", "docs/names.md");
    project.mlo(&plan).ends_with(3);
    let sarif: Json = serde_json::from_str(&project.read("a.sarif")).unwrap();
    let rule = &sarif["runs"][0]["tool"]["driver"]["rules"][0];
    assert_eq!(
        (rule.get("helpUri"), rule["help"]["text"].as_str().unwrap().contains("docs/names.md")),
        (None, true)
    );
    assert!(project.read("a.md").contains("(more: `docs/names.md`)"));
}

#[test]
fn what_stands_in_no_file_of_the_repository_is_shown_where_it_is_called_or_as_a_remark() {
    let project = Project::copy_of("examples/iris");
    std::fs::create_dir(project.path().join(".git")).unwrap();
    project.write(
        "main.hcl",
        "module \"served\" {\n  source = \"mlo://model-deployment/local\"\n  model  = manifest[\"iris\"]\n}\n",
    );
    let rule = "package deployment.policy\n\ndeny contains {\"rule\": \"no\", \"msg\": c.address, \"address\": c.address, \"path\": \
                \"signature\"} if some c in input.plan.resource_changes\n";
    project.write("rules/deployment-policy.rego", rule);
    project.write("rules/model-governance.rego", include_str!("../policies/model-governance.rego"));
    let place = |project: &Project, arguments: &[&str]| {
        let said = project.mlo(&[arguments, &["--format", "sarif"]].concat());
        let document: Json = serde_json::from_str(&said.out).unwrap();
        let run = &document["runs"][0];
        let results = run["results"].as_array().unwrap().iter().map(|result| {
            let place = &result["locations"][0]["physicalLocation"];
            format!("{}:{}", place["artifactLocation"]["uri"].as_str().unwrap(), place["region"]["startLine"])
        });
        let told = run["invocations"][0]["toolExecutionNotifications"].as_array().unwrap().len();
        (results.collect::<Vec<_>>(), told)
    };
    assert_eq!(place(&project, &["plan", "--policies", "rules"]), (vec!["main.hcl:1".to_owned()], 0));
    let project = Project::with(&[("main.hcl", "variable \"size\" {\n  type = number\n}\n")]);
    std::fs::create_dir(project.path().join(".git")).unwrap();
    let mut command = project.command(&["plan", "--format", "sarif"]);
    let said = said(command.env("MLO_VAR_size", "much"));
    let document: Json = serde_json::from_str(&said.out).unwrap();
    for result in document["runs"][0]["results"].as_array().unwrap() {
        let uri = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        assert_eq!(uri, "main.hcl", "{said:?}");
    }
    assert!(said.out.contains("number"), "{said:?}");
}

#[test]
fn a_plan_without_models_says_what_the_policies_said() {
    let project = Project::with(&[("main.hcl", "output \"x\" { value = 1 }\n")]);
    project.ok(&["plan"]).has(&["Policy: 20 rules passed, environment dev, bundle sha256:"]);
    project.ok(&["plan", "--format", "markdown"]).has(&["Policy: 20 rules passed."]);
}

#[test]
fn what_a_service_takes_and_gives_is_read_from_the_model_and_a_lie_is_not_served() {
    let project = Project::copy_of("examples/iris");
    let resource = |more: &str| {
        let text = format!(
            "resource \"local_inference_service\" \"s\" {{\n  name  = \"s\"\n  model = \"model.onnx\"\n{more}}}\n"
        );
        project.write("direct/main.hcl", text);
    };
    let model = std::fs::read_dir(project.path())
        .unwrap()
        .chain(std::fs::read_dir(project.path().join("model")).into_iter().flatten());
    let model = model.map(|entry| entry.unwrap().path());
    let model = model.into_iter().find(|path| path.extension().is_some_and(|it| it == "onnx")).unwrap();
    project.write("direct/model.onnx", std::fs::read(model).unwrap());
    resource("");
    let after = |document: &Json| document["resource_changes"][0]["change"]["after"].clone();
    let planned = after(&project.json(&["plan", "direct"], 0));
    let signature = planned["signature"].as_str().unwrap().to_owned();
    assert!(signature.contains("[?,4] -> ") || signature.contains(",4] -> "), "{signature}");
    let lie = "  signature = \"x: float[?,9] -> y: float\"\n";
    resource(lie);
    project.mlo(&["plan", "direct"]).ends_with(1).has(&["the model takes and gives", "main.hcl:4:"]);
    // With the digest the file is not read before it is served.
    let digest = format!("{lie}  digest = \"{}\"\n", planned["digest"].as_str().unwrap());
    resource(&digest);
    project.mlo(&["apply", "direct", "--auto-approve"]).ends_with(1).has(&["the model takes and gives"]);
    // A file that is only made by the apply: known by its digest, and what it takes by then.
    resource(&format!("  digest = \"sha256:{}\"\n", "0".repeat(64)));
    let planned = project.json(&["plan", "direct"], 0)["resource_changes"][0]["change"].clone();
    assert_eq!(planned["after_unknown"]["signature"], true);
}
