//! One YAML manifest to a gated plan to real predictions, and back to nothing: what a user does first.

use crate::support::{Project, get, post};
use serde_json::Value;

const FLOWER: &str = r#"{"instances":[[5.1,3.5,1.4,0.2]]}"#;

fn iris() -> Project {
    Project::copy_of("examples/iris")
}

fn endpoint(project: &Project, name: &str) -> String {
    let outputs = project.json(&["output"], 0);
    let url = outputs["endpoints"]["value"]["iris"][name].as_str();
    url.unwrap_or_else(|| panic!("{outputs:#}")).to_owned()
}

fn pid(project: &Project) -> i32 {
    let state = project.json(&["show"], 0);
    i32::try_from(state["resources"][0]["values"]["pid"].as_i64().unwrap()).unwrap()
}

fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn a_manifest_becomes_predictions_and_goes_again() {
    let project = iris();
    project.ok(&["validate"]).has(&["Success!"]);
    project.ok(&["plan"]).has(&[
        "module.model[\"iris\"].local_inference_service.this will be created",
        "(known after apply)",
        "Plan: 1 to add, 0 to change, 0 to destroy.",
        "Governance of iris:",
        "Policy:",
    ]);
    project.ok(&["apply", "--auto-approve"]).has(&[
        "Creating...",
        "Creation complete after",
        "Apply complete! Resources: 1 added, 0 changed, 0 destroyed.",
        "Outputs:",
    ]);

    let (status, body) = post(&endpoint(&project, "predict"), FLOWER);
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200, "{body}");
    assert_eq!(answer["predictions"][0]["prediction"], 0, "{body}");
    let probabilities = answer["predictions"][0]["probabilities"].as_array().unwrap();
    assert!(probabilities.len() == 3 && probabilities[0].as_f64().unwrap() > 0.9, "{body}");
    let (status, ready) = get(&endpoint(&project, "ready")).unwrap();
    assert!(status == 200 && ready.contains("\"digest\":\"sha256:"), "{ready}");

    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes. Everything matches the configuration."]);
    project.ok(&["apply", "--auto-approve"]).has(&["0 added, 0 changed, 0 destroyed."]);

    let ready = endpoint(&project, "ready");
    let url = endpoint(&project, "url");
    project.edit("iris.yaml", "version: 1.0.0", "version: 1.0.1");
    project.mlo(&["plan", "--detailed-exitcode"]).ends_with(2).has(&[
        "will be updated in place",
        "\"1.0.0\" -> \"1.0.1\"",
        "Plan: 0 to add, 1 to change, 0 to destroy.",
    ]);
    project
        .ok(&["apply", "--auto-approve"])
        .has(&["Modifications complete", "0 added, 1 changed, 0 destroyed."]);
    assert_eq!(endpoint(&project, "url"), url, "an update keeps the address");
    assert!(get(&ready).unwrap().1.contains("1.0.1"));

    project.ok(&["destroy", "--auto-approve"]).has(&["Destroy complete! Resources: 1 destroyed."]);
    // Another test's server may have got the port.
    let answer = get(&ready).map(|(_, body)| body).unwrap_or_default();
    assert!(!answer.contains("1.0.1"), "nothing of it runs any more: {answer}");
    project.ok(&["destroy", "--auto-approve"]).has(&["No objects need to be destroyed."]);
}

#[test]
fn a_server_stopped_by_hand_is_drift_and_apply_repairs_it() {
    let project = iris();
    project.ok(&["apply", "--auto-approve"]);
    kill(pid(&project));
    project.ok(&["plan"]).has(&[
        "Changed outside of mlo",
        "is gone",
        "(because it is gone",
        "Plan: 1 to add, 0 to change, 0 to destroy.",
    ]);
    project.ok(&["apply", "--auto-approve"]).has(&["1 added, 0 changed, 0 destroyed."]);
    assert_eq!(post(&endpoint(&project, "predict"), FLOWER).0, 200);
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
}

#[test]
fn a_model_that_cannot_be_served_leaves_the_old_one_serving() {
    let project = iris();
    project.ok(&["apply", "--auto-approve"]);
    let predict = endpoint(&project, "predict");
    // A valid ONNX file whose operator no runtime has: it is found out when it is loaded.
    let mut model = std::fs::read(project.path().join("model/iris.onnx")).unwrap();
    let operator = b"LinearClassifier";
    let places = model.windows(operator.len()).enumerate().filter(|(_, bytes)| *bytes == operator);
    let places: Vec<_> = places.map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for at in places {
        model[at + operator.len() - 1] = b'X';
    }
    project.write("model/iris.onnx", &model);
    let text = project.read("iris.yaml");
    let pinned: String = text
        .lines()
        .filter(|line| !line.contains("sha256:"))
        .fold(String::new(), |all, line| all + line + "\n");
    project.write("iris.yaml", pinned);
    project.mlo(&["apply", "--auto-approve"]).ends_with(7).has(&["local_inference_service.this"]);
    assert_eq!(post(&predict, FLOWER).0, 200, "the old model still answers");
    project.mlo(&["plan", "--detailed-exitcode"]).ends_with(2);
}

#[test]
fn a_plan_says_that_the_file_of_a_model_is_another() {
    let project = iris();
    project.ok(&["apply", "--auto-approve"]);
    // The same model, as another exporter would have named itself in it.
    let mut model = std::fs::read(project.path().join("model/iris.onnx")).unwrap();
    let exporter = b"skl2onnx";
    let at = model.windows(exporter.len()).position(|bytes| bytes == exporter).unwrap();
    model[at] = b'S';
    project.write("model/iris.onnx", &model);
    let pinned = project.read("iris.yaml").lines().find(|line| line.contains("sha256:")).unwrap().to_owned();
    project.edit("iris.yaml", &pinned, "");
    let said = project.ok(&["plan"]);
    let changed: Vec<_> = said.out.lines().filter(|line| line.trim_start().starts_with("~ ")).collect();
    let digest = changed.iter().find(|line| line.contains(" digest ")).unwrap_or_else(|| panic!("{said:?}"));
    assert!(digest.ends_with(" # the model's file is another"), "{digest}");
    assert_eq!(said.out.matches("the model's file").count(), 1, "{}", said.all());
}

#[test]
fn a_manifest_that_leaves_takes_its_server_along() {
    let project = iris();
    project.ok(&["apply", "--auto-approve"]);
    let ready = endpoint(&project, "ready");
    std::fs::remove_file(project.path().join("iris.yaml")).unwrap();
    project.ok(&["plan"]).has(&["will be destroyed", "Plan: 0 to add, 0 to change, 1 to destroy."]);
    project.ok(&["apply", "--auto-approve"]);
    assert!(get(&ready).is_none());
}

#[test]
fn one_manifest_alone_has_a_state_of_its_own() {
    let project = iris();
    project.ok(&["apply", "iris.yaml", "--auto-approve"]);
    project.ok(&["plan", "iris.yaml"]).has(&["No changes."]);
    project.ok(&["plan"]).has(&["Plan: 1 to add"]);
    project.ok(&["destroy", "iris.yaml", "--auto-approve"]).has(&["1 destroyed"]);
}
