//! What the server learns from its answers: the prediction log, drift, feedback.

use prost::Message as _;
use serde_json::{Value, json};

use crate::onnx;
use crate::support::{Server, lay, until};

const TOKEN: &str = "the-token-of-the-operator";
const ADMIN: [(&str, &str); 1] = [("x-admin-token", TOKEN)];

/// The lines of a prediction log, once there are as many.
fn lines(server: &Server, name: &str, count: usize) -> Vec<Value> {
    until("the lines", || {
        let text = std::fs::read_to_string(server.folder.path().join(name)).ok()?;
        let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        (lines.len() >= count).then_some(lines)
    })
}

fn ask(server: &Server, id: &str, body: &Value) -> Value {
    let reply = server.ask("POST", "/predict", &[("x-request-id", id)], body.to_string().as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()
}

#[test]
fn each_prediction_is_a_line_with_masked_columns() {
    let arguments = [
        "--prediction-log",
        "predictions.jsonl",
        "--feature",
        "age",
        "--feature",
        "income",
        "--prediction-log-mask",
        "income",
        "--model-version",
        "1.0.0",
    ];
    let server = Server::ready(&onnx::classifier(), &arguments);
    ask(&server, "first", &json!({"instances": [{"age": 1, "income": 41234.5}, {"age": 3, "income": -2}]}));
    ask(&server, "second", &json!({"features": [1, 41234.5]}));
    let lines = lines(&server, "predictions.jsonl", 2);
    let line = &lines[0];
    assert_eq!((&line["event"], &line["event_id"]), (&json!("prediction"), &json!("first")));
    let features = json!([{"age": 1.0, "income": "***"}, {"age": 3.0, "income": "***"}]);
    assert_eq!(line["features"], features);
    assert_eq!(line["predictions"].as_array().unwrap().len(), 2, "{line}");
    assert!(line["timestamp"].as_str().unwrap().ends_with('Z') && line["latency_ms"].as_f64().unwrap() > 0.0);
    let metadata = &line["metadata"];
    assert_eq!(
        (&metadata["path"], &metadata["model"], &metadata["version"]),
        (&json!("/predict"), &json!("iris"), &json!("1.0.0"))
    );
    let text = std::fs::read_to_string(server.folder.path().join("predictions.jsonl")).unwrap();
    assert!(!text.contains("41234"), "{text}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let metadata = std::fs::metadata(server.folder.path().join("predictions.jsonl")).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "only its owner reads what callers sent");
    }
}

#[test]
fn a_share_of_the_predictions_is_written() {
    let arguments = ["--prediction-log", "predictions.jsonl", "--prediction-log-share", "0.25"];
    let server = Server::ready(&onnx::classifier(), &arguments);
    for index in 0..20 {
        ask(&server, &format!("n{index}"), &json!({"features": [1, 2]}));
    }
    let ids: Vec<Value> =
        lines(&server, "predictions.jsonl", 5).iter().map(|line| line["event_id"].clone()).collect();
    assert_eq!(ids, ["n3", "n7", "n11", "n15", "n19"]);
}

/// A reference of two columns and what the classifier decides of them.
fn reference() -> String {
    let row = |index: u32| {
        let (a, b) = (f64::from(index % 20) / 10.0, f64::from(index % 7) / 5.0);
        let scores = onnx::softmax([a, b]);
        let class = (0..3).max_by(|x, y| scores[*x].total_cmp(&scores[*y])).unwrap();
        format!("{a},{b},{class}")
    };
    let rows: Vec<String> = (0..200).map(row).collect();
    format!("a,b,prediction\n{}\n", rows.join("\n"))
}

fn instances(shift: f64) -> Value {
    let row = |index: u32| json!([f64::from(index * 3 % 20) / 10.0 + shift, f64::from(index * 2 % 7) / 5.0]);
    json!({"instances": (0..100).map(row).collect::<Vec<_>>()})
}

#[test]
fn what_comes_is_compared_with_the_reference() {
    let folder = tempfile::tempdir().unwrap();
    let file = lay(folder.path(), "reference.csv", reference().as_bytes());
    let arguments =
        ["--reference", file.to_str().unwrap(), "--drift-rows", "100", "--feature", "a", "--feature", "b"];
    let server = Server::ready(&onnx::classifier(), &arguments);
    let before = server.get("/drift-status").json();
    assert_eq!((&before["status"], &before["reference_rows"]), (&json!("collecting"), &json!(200)));
    server.predict(&instances(0.0));
    let report = until("the verdict", || {
        let report = server.get("/drift-status").json();
        (report["window_rows"] == 100).then_some(report)
    });
    assert_eq!(
        (&report["status"], &report["drifted_features"]),
        (&json!("no_drift"), &json!([])),
        "{report}"
    );
    assert_eq!(report["features"][0]["statistic"], "K-S p_value");
    server.predict(&instances(5.0));
    let report = until("drift", || {
        let report = server.get("/drift-status").json();
        (report["drift_detected"] == true).then_some(report)
    });
    assert_eq!(report["drifted_features"], json!(["a"]), "{report}");
    assert!(report["prediction_psi"].as_f64().unwrap() > 0.2, "{report}");
    let page = server.get("/metrics").body;
    for line in [
        "ml_drift_detected 1\n",
        "ml_drifted_feature_count 1\n",
        "evidently_data_drift_status 1\n",
        "evidently_data_drift_share 0.5\n",
        "evidently_feature_drift_status{feature=\"a\"} 1\n",
        "evidently_feature_drift_status{feature=\"b\"} 0\n",
        "drift_monitor_current_row_count 100\n",
        "drift_monitor_reference_row_count 200\n",
        "ml_feature_value_count{feature=\"a\"} 200\n",
        "observations_dropped_total 0\n",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
    server.wait_for_log("data drift detected");
}

#[test]
fn the_reference_itself_is_no_drift_though_the_model_takes_numbers_of_32_bits() {
    let folder = tempfile::tempdir().unwrap();
    let reference = reference();
    let file = lay(folder.path(), "reference.csv", reference.as_bytes());
    let arguments =
        ["--reference", file.to_str().unwrap(), "--drift-rows", "200", "--feature", "a", "--feature", "b"];
    let server = Server::ready(&onnx::classifier(), &arguments);
    let row =
        |line: &str| -> Vec<f64> { line.split(',').take(2).map(|number| number.parse().unwrap()).collect() };
    let rows: Vec<Vec<f64>> = reference.lines().skip(1).map(row).collect();
    server.predict(&json!({ "instances": rows }));
    let report = until("the verdict", || {
        let report = server.get("/drift-status").json();
        (report["window_rows"] == 200).then_some(report)
    });
    for feature in report["features"].as_array().unwrap() {
        assert_eq!(feature["value"], 1.0, "{report}");
    }
    assert_eq!(report["drifted_features"], json!([]), "{report}");
}

#[test]
#[cfg(unix)]
fn every_answer_before_the_end_is_in_the_prediction_log() {
    let mut server = Server::ready(&onnx::classifier(), &["--prediction-log", "predictions.jsonl"]);
    for index in 0..200 {
        ask(&server, &format!("n{index}"), &json!({"features": [1, 2]}));
    }
    server.signal(rustix::process::Signal::TERM);
    assert!(server.ended().0.success(), "{}", server.log());
    let text = std::fs::read_to_string(server.folder.path().join("predictions.jsonl")).unwrap();
    assert_eq!(text.lines().count(), 200);
}

#[test]
fn without_a_reference_there_is_no_report() {
    let server = Server::ready(&onnx::classifier(), &[]);
    let expected =
        json!({"status": "no_report", "drift_detected": false, "drifted_features": [], "report_path": null});
    assert_eq!(server.get("/drift-status").json(), expected);
}

#[test]
fn truths_that_come_later_make_live_figures() {
    let arguments = ["--admin-token", TOKEN, "--metrics-json", r#"{"accuracy":0.5}"#];
    let server = Server::ready(&onnx::classifier(), &arguments);
    let accuracy = |server: &Server| -> String {
        let page = server.get("/metrics").body;
        let line = page.lines().find(|line| line.starts_with("ml_model_accuracy{")).unwrap();
        line.rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(accuracy(&server), "0.5", "what the manifest states, until truths come");
    let mut truths = Vec::new();
    for index in 0..10 {
        let id = format!("r{index}");
        let decided = ask(&server, &id, &json!({"features": [1, index % 3]}))["prediction"].as_i64().unwrap();
        // Every fifth is wrong.
        let truth = if index % 5 == 0 { decided + 10 } else { decided };
        truths.push(json!({"request_id": id, "labels": [truth]}));
    }
    let send = |body: &Value| server.ask("POST", "/feedback", &ADMIN, body.to_string().as_bytes());
    // Answers are given before anything is learned from them.
    let mut matched = 0;
    until("the decisions", || {
        matched += send(&json!({"feedback": truths})).json()["matched"].as_i64().unwrap();
        (matched == 10).then_some(())
    });
    assert_eq!(accuracy(&server), "0.8");
    assert_eq!(send(&truths[0]).json(), json!({"matched": 0, "unmatched": 1}), "a truth counts once");
    assert_eq!(send(&json!({"request_id": "r1"})).status, 422);
    assert_eq!(server.ask("POST", "/feedback", &[], b"{}").status, 403);
    let page = server.get("/metrics").body;
    for family in
        ["ml_model_precision ", "ml_model_recall ", "ml_feedback_rows_total{outcome=\"matched\"} 10"]
    {
        assert!(page.lines().any(|line| line.starts_with(family)), "{family}\n{page}");
    }
}

/// A classifier whose only output are scores by name.
fn scores_by_name() -> Vec<u8> {
    let mut model = onnx::Model::decode(onnx::word_classifier().as_slice()).unwrap();
    let graph = model.graph.as_mut().unwrap();
    graph.output.remove(0);
    model.encode_to_vec()
}

#[test]
fn what_turned_out_is_told_by_the_names_that_answers_have() {
    let labels = ["--label", "no", "--label", "perhaps", "--label", "yes"];
    // The operator's names stand for numbers, and truths may have either.
    let rows: [(Vec<u8>, &[&str]); 2] = [(scores_by_name(), &[]), (onnx::classifier(), &labels)];
    for (model, labels) in rows {
        let server = Server::ready(&model, &[&["--admin-token", TOKEN], labels].concat());
        let mut truths = Vec::new();
        for index in 0..6 {
            let decided = ask(&server, &format!("r{index}"), &json!({"instances": [[1, index % 3]]}));
            let decided = &decided["predictions"][0];
            let named = if decided["label"].is_null() || index % 2 == 0 { "prediction" } else { "label" };
            truths.push(json!({"request_id": format!("r{index}"), "labels": [decided[named]]}));
        }
        let mut matched = 0;
        until("the decisions", || {
            let body = json!({"feedback": truths}).to_string();
            let outcome = server.ask("POST", "/feedback", &ADMIN, body.as_bytes()).json();
            matched += outcome["matched"].as_i64().unwrap();
            (matched == 6).then_some(())
        });
        let page = server.get("/metrics").body;
        assert!(page.contains("ml_model_accuracy{model=\"iris\",version=\"\"} 1\n"), "{truths:?}\n{page}");
    }
}

#[test]
fn a_reference_or_a_log_that_cannot_be_had_keeps_the_server_from_starting() {
    let rows: [(&[&str], &str); 3] = [
        (&["--reference", "nowhere.csv"], "cannot read the reference"),
        (&["--prediction-log", "no/such/folder/log"], "cannot open the prediction log"),
        (&["--prediction-log-share", "2"], "a number from 0 to 1 is needed"),
    ];
    for (arguments, expected) in rows {
        let folder = tempfile::tempdir().unwrap();
        let arguments = [arguments, &["--port", "0"]].concat();
        let mut command = crate::support::command(folder.path(), &arguments);
        let output = command.stderr(std::process::Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains(expected), "{arguments:?}: {said}");
    }
}
