//! What programs are told of a run that collect such things: SARIF, `JUnit`, annotations; several of one run.

use crate::support::{Project, said, schema::fits};
use serde_json::Value as Json;

/// Examples that are denied, in a folder of a repository.
fn repository() -> Project {
    let project = Project::new();
    std::fs::create_dir(project.path().join(".git")).unwrap();
    let examples = Project::copy_of("examples/invalid");
    for name in ["low-accuracy.yaml", "model/iris.onnx"] {
        project.write(&format!("models/{name}"), std::fs::read(examples.path().join(name)).unwrap());
    }
    project
}

/// What the standard says of the parts that we write.
fn sarif() -> Json {
    serde_json::from_str(include_str!("cases/sarif-2.1.0.json")).unwrap()
}

/// Whether a document is SARIF 2.1.0, and as code scanning takes it.
fn check_sarif(document: &Json) -> &Json {
    fits(document, &sarif(), "sarif").unwrap();
    assert_eq!((&document["version"], document["runs"].as_array().unwrap().len()), (&"2.1.0".into(), 1));
    assert_eq!(document["$schema"], "https://json.schemastore.org/sarif-2.1.0.json");
    let run = &document["runs"][0];
    let driver = &run["tool"]["driver"];
    assert_eq!(driver["name"], "mlo");
    let rules = driver["rules"].as_array().unwrap();
    let ids: std::collections::BTreeSet<_> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), rules.len(), "ids are unique");
    for rule in rules {
        assert!(rule["shortDescription"]["text"].as_str().is_some_and(|text| !text.is_empty()), "{rule}");
    }
    let level = |of: &Json| ["none", "note", "warning", "error"].contains(&of["level"].as_str().unwrap());
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(level(result), "{result}");
        assert_eq!(result["level"] == "none", result["kind"] != "fail", "{result}");
        assert!(result["message"]["text"].as_str().is_some_and(|text| !text.is_empty()));
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().unwrap();
        assert!(!uri.starts_with('/') && !uri.contains("..") && !uri.contains(' '), "{uri}");
        assert!(place["region"]["startLine"].as_u64().unwrap() >= 1);
        assert_eq!(result["partialFingerprints"]["mlo/v1"].as_str().unwrap().len(), 32);
    }
    for told in run["invocations"][0]["toolExecutionNotifications"].as_array().unwrap() {
        assert!(level(told) && told["message"]["text"].is_string(), "{told}");
    }
    run
}

/// A place in a document, and what is done there.
type Change = (&'static str, fn(&mut Json));

#[test]
fn what_is_no_sarif_is_told() {
    let project = repository();
    let said = project.mlo(&["plan", "models/low-accuracy.yaml", "--format", "sarif"]);
    let document: Json = serde_json::from_str(&said.ends_with(3).out).unwrap();
    check_sarif(&document);
    let result = "/runs/0/results/0";
    let changes: [Change; 14] = [
        ("", |it| it["version"] = "2.0.0".into()),
        ("", |it| drop(it.as_object_mut().unwrap().remove("runs"))),
        ("/runs/0", |it| drop(it.as_object_mut().unwrap().remove("tool"))),
        ("/runs/0", |it| it["columnKind"] = "bytes".into()),
        ("/runs/0/tool/driver/rules/0", |it| drop(it.as_object_mut().unwrap().remove("id"))),
        ("/runs/0/tool/driver/rules", |it| it.as_array_mut().unwrap().extend_from_within(..1)),
        ("/runs/0/invocations/0", |it| drop(it.as_object_mut().unwrap().remove("executionSuccessful"))),
        (result, |it| it["level"] = "fatal".into()),
        (result, |it| it["kind"] = "failed".into()),
        (result, |it| it["message"] = "text".into()),
        (result, |it| it["ruleindex"] = 0.into()),
        (result, |it| it["suppressions"] = serde_json::json!([{ "status": "accepted" }])),
        (result, |it| it["locations"][0]["physicalLocation"]["region"]["startLine"] = 0.into()),
        (result, |it| {
            drop(it["locations"][0]["physicalLocation"].as_object_mut().unwrap().remove("artifactLocation"));
        }),
    ];
    for (at, change) in changes {
        let mut other = document.clone();
        change(other.pointer_mut(at).unwrap());
        assert!(fits(&other, &sarif(), "sarif").is_err(), "{at}: {other}");
    }
}

#[test]
fn one_run_writes_several_forms_and_each_names_the_line_in_the_repository() {
    let project = repository();
    let line = 1 + project
        .read("models/low-accuracy.yaml")
        .lines()
        .position(|it| it.contains("accuracy: 0.72"))
        .unwrap();
    let mut command = project.command(&["plan", "low-accuracy.yaml", "--format", "github"]);
    command.args([
        "--out-sarif",
        "a.sarif",
        "--out-junit",
        "a.xml",
        "--out-md",
        "a.md",
        "--out-json",
        "a.json",
    ]);
    let said = said(command.current_dir(project.path().join("models")));
    said.ends_with(3)
        .has(&[&format!("::error file=models/low-accuracy.yaml,line={line},endLine={line},col=")]);
    let sarif: Json = serde_json::from_str(&project.read("models/a.sarif")).unwrap();
    let run = check_sarif(&sarif);
    let [result] = &run["results"].as_array().unwrap()[..] else { panic!("{run}") };
    assert_eq!((&result["ruleId"], &result["level"]), (&"accuracy".into(), &"error".into()));
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "models/low-accuracy.yaml");
    assert_eq!(place["region"]["startLine"], line);
    assert!(result["message"]["text"].as_str().unwrap().contains("\n- Improve the model"));
    let junit = project.read("models/a.xml");
    for text in [
        "<testsuite name=\"low-accuracy\"",
        "<testcase name=\"f1_score\" classname=\"low-accuracy\">\n    </testcase>",
        "<failure message=\"Model accuracy 0.72 is below minimum threshold 0.85\">",
        &format!("at models/low-accuracy.yaml:{line}:"),
        "<testsuite name=\"plan\"",
    ] {
        assert!(junit.contains(text), "{text}\n{junit}");
    }
    assert_eq!(junit.matches("<failure").count(), 1);
    assert!(project.read("models/a.md").contains("`accuracy`"));
    assert!(project.read("models/a.json").contains("\"verdict\": \"denied\""));
}

#[test]
fn a_run_that_ends_well_and_one_that_has_no_plan_are_told_in_the_same_forms() {
    let project = Project::with(&[(
        "main.hcl",
        "resource \"local_file\" \"f\" {\n  filename = \"f\"\n  content = \"x\"\n}\n",
    )]);
    let good: Json = serde_json::from_str(&project.ok(&["plan", "--format", "sarif"]).out).unwrap();
    assert_eq!(check_sarif(&good)["results"], serde_json::json!([]));
    let junit = project.ok(&["plan", "--format", "junit"]).out;
    assert!(junit.starts_with("<?xml") && junit.contains("failures=\"0\" errors=\"0\""), "{junit}");
    project.edit("main.hcl", "content =", "contents =");
    let bad: Json =
        serde_json::from_str(&project.mlo(&["plan", "--format", "sarif"]).ends_with(1).out).unwrap();
    let run = check_sarif(&bad);
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    assert!(
        run["results"]
            .as_array()
            .unwrap()
            .iter()
            .any(|result| { result["locations"][0]["physicalLocation"]["region"]["startLine"] == 3 })
    );
    let junit = project.mlo(&["plan", "--format", "junit"]).ends_with(1).out.clone();
    assert!(
        junit.contains("<testsuite name=\"configuration\"") && junit.contains("<error message="),
        "{junit}"
    );
}

#[test]
fn what_is_let_be_is_suppressed_with_the_reason_and_is_no_failure() {
    let project = Project::with(&[(
        "main.hcl",
        "resource \"local_file\" \"f\" {\n  filename = \"f\"\n  content = \"x\"\n}\n",
    )]);
    for (name, text) in [
        ("model-governance.rego", include_str!("../policies/model-governance.rego")),
        ("deployment-policy.rego", include_str!("../policies/deployment-policy.rego")),
        ("data.yaml", "mlo:\n  deployment:\n    stateful: [local_file]\n"),
    ] {
        project.write(&format!("rules/{name}"), text);
    }
    project.ok(&["apply", "--auto-approve", "--policies", "rules"]);
    let plan = ["plan", "--destroy", "--policies", "rules", "--override", "deletion=it is empty", "--format"];
    let sarif = project.ok(&[&plan[..], &["sarif"]].concat()).out;
    let sarif: Json = serde_json::from_str(&sarif).unwrap();
    let result = &check_sarif(&sarif)["results"][0];
    assert_eq!(result["suppressions"][0]["justification"], "Overridden: it is empty");
    let junit = project.ok(&[&plan[..], &["junit"]].concat()).out;
    assert!(junit.contains("failures=\"0\"") && junit.contains("Overridden: it is empty"), "{junit}");
    let markdown = project.ok(&[&plan[..], &["markdown"]].concat()).out;
    assert!(markdown.contains("`deletion`") && markdown.contains("it is empty"), "{markdown}");
}

#[test]
fn of_many_annotations_ten_are_shown_and_the_last_says_how_many_more() {
    let files: Vec<_> = (0..14)
        .map(|number| format!("resource \"local_file\" \"f{number}\" {{\n  filename = \"f{number}\"\n  content  = \"x\"\n}}\n"))
        .collect();
    let project = Project::with(&[("main.hcl", &files.concat())]);
    project.write("rules/model-governance.rego", include_str!("../policies/model-governance.rego"));
    project.write(
        "rules/deployment-policy.rego",
        "package deployment.policy\n\nviolation contains {\"rule\": \"no\", \"address\": c.address, \"path\": \"content\", \"msg\": \
         sprintf(\"no %s\", [c.address])} if some c in input.plan.resource_changes\n\ndeny contains v.msg if some v in \
         violation\n",
    );
    let said = project.mlo(&["plan", "--policies", "rules", "--format", "github"]);
    said.ends_with(3);
    let errors: Vec<_> = said.out.lines().filter(|line| line.starts_with("::error ")).collect();
    assert_eq!(errors.len(), 10, "{errors:#?}");
    assert!(errors[9].ends_with("::5 more are in the log"), "{errors:#?}");
}

#[test]
fn files_that_cannot_be_written_are_said_before_anything_is_done() {
    let project = repository();
    for flag in ["--out-sarif", "--out-junit"] {
        project
            .mlo(&["plan", "models/low-accuracy.yaml", flag, "models/low-accuracy.yaml/a"])
            .ends_with(1)
            .has(&["low-accuracy.yaml/a"]);
    }
}
