//! The rules for Prometheus that the module ships: checked and tried by Prometheus's own tool.

use super::{iris, planned};
use crate::support::{Project, obtained, repository, said};
use serde_json::{Value, json};
use std::process::Command;

fn promtool(project: &Project, arguments: &[&str]) {
    let program = obtained("MLO_TEST_PROMTOOL", "promtool-v0.316.0-", "bin/promtool");
    said(Command::new(program).args(arguments).current_dir(project.path())).ends_with(0);
}

/// Writes the groups of the module's rules as Prometheus reads them: JSON is YAML.
fn write_rules(project: &Project) {
    let objects = planned(project, "dev");
    project.write("rules.yaml", objects["rules"]["spec"].to_string());
}

/// A series of the model, with its values a minute.
fn series(name: &str, labels: &str, values: &str) -> Value {
    json!({"series": format!("{name}{{namespace=\"ml-inference\",service=\"iris\"{labels}}}"), "values": values})
}

/// One alert: what it sees when it fires, and what when it does not.
struct Alert {
    name: &'static str,
    severity: &'static str,
    summary: &'static str,
    /// Labels beside those of every alert.
    labels: Value,
    minutes: u32,
    fires: Vec<Value>,
    is_quiet: Vec<Value>,
}

fn alerts() -> Vec<Alert> {
    let answered = || series("inference_requests_total", "", "0+600x30");
    let latency = |slow: u32| {
        let upto = |le: &str, count: u32| {
            series("inference_latency_seconds_bucket", &format!(",le=\"{le}\""), &format!("0+{count}x30"))
        };
        vec![upto("0.5", 600 - slow), upto("1", 600 - slow), upto("2.5", 600), upto("+Inf", 600)]
    };
    let available = |count: u32| {
        json!({"series": "kube_deployment_status_replicas_available{namespace=\"ml-inference\",deployment=\"iris\"}",
               "values": format!("{count}x30")})
    };
    let alert = |name, severity, summary, minutes, fires, is_quiet| Alert {
        name,
        severity,
        summary,
        labels: json!({}),
        minutes,
        fires,
        is_quiet,
    };
    vec![
        alert(
            "InferenceHighErrorRate",
            "warning",
            "More than 5 % of the requests to iris fail",
            5,
            vec![answered(), series("inference_errors_total", "", "0+60x30")],
            vec![answered(), series("inference_errors_total", "", "0+6x30")],
        ),
        alert(
            "InferenceHighLatency",
            "warning",
            "One request in a hundred to iris takes more than a second",
            5,
            latency(30),
            latency(3),
        ),
        alert(
            "InferenceServiceDown",
            "critical",
            "No server of iris answers",
            2,
            vec![series("up", ",pod=\"a\"", "0x30")],
            vec![series("up", ",pod=\"a\"", "0x30"), series("up", ",pod=\"b\"", "1x30")],
        ),
        Alert {
            labels: json!({"namespace": "ml-inference", "deployment": "iris"}),
            ..alert(
                "InferenceLowReplicaCount",
                "warning",
                "Fewer than 1 replicas of iris are available",
                5,
                vec![available(0)],
                vec![available(1)],
            )
        },
        alert(
            "DataDriftDetected",
            "warning",
            "What iris is asked is not what it was trained on",
            10,
            vec![series("evidently_data_drift_status", "", "1x30")],
            vec![series("evidently_data_drift_status", "", "0x30")],
        ),
        alert(
            "HighPredictionPSI",
            "critical",
            "What iris answers is not what it used to answer",
            15,
            vec![series("evidently_prediction_psi_score", "", "0.3x30")],
            vec![series("evidently_prediction_psi_score", "", "0.2x30")],
        ),
    ]
}

#[test]
fn each_alert_fires_when_it_should_and_not_before() {
    let project = iris("");
    write_rules(&project);
    promtool(&project, &["check", "rules", "--lint=all", "--lint-fatal", "rules.yaml"]);
    let mut tests = Vec::new();
    for alert in alerts() {
        let mut labels =
            json!({"model": "iris", "team": "ml", "environment": "dev", "severity": alert.severity});
        labels.as_object_mut().unwrap().extend(alert.labels.as_object().unwrap().clone());
        let fired = json!([{"exp_labels": labels, "exp_annotations": {"summary": alert.summary}}]);
        let at = |minutes: u32, expected: Value| json!({"eval_time": format!("{minutes}m"), "alertname": alert.name, "exp_alerts": expected});
        tests.push(
            json!({"name": format!("{} fires", alert.name), "interval": "1m", "input_series": alert.fires,
            "alert_rule_test": [at(alert.minutes - 1, json!([])), at(alert.minutes + 6, fired)]}),
        );
        tests.push(json!({"name": format!("{} is quiet", alert.name), "interval": "1m", "input_series": alert.is_quiet,
            "alert_rule_test": [at(29, json!([]))]}));
    }
    let file = json!({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests});
    project.write("tests.yaml", file.to_string());
    promtool(&project, &["test", "rules", "tests.yaml"]);
}

#[test]
fn figures_are_recorded_for_each_model() {
    let project = iris("");
    write_rules(&project);
    let input = [
        series("inference_requests_total", "", "0+600x30"),
        series("inference_errors_total", "", "0+60x30"),
        series("inference_latency_seconds_bucket", ",le=\"0.5\"", "0+600x30"),
        series("inference_latency_seconds_bucket", ",le=\"+Inf\"", "0+600x30"),
    ];
    let is = |name: &str, value: f64| {
        let sample = json!({"labels": format!("{name}{{model=\"iris\"}}"), "value": value});
        json!({"expr": name, "eval_time": "20m", "exp_samples": [sample]})
    };
    let test = json!({"interval": "1m", "input_series": input, "promql_expr_test":
        [is("job:ml_error_rate:ratio", 0.1), is("job:ml_p95_latency_seconds", 0.475)]});
    let file = json!({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "fuzzy_compare": true, "tests": [test]});
    project.write("tests.yaml", file.to_string());
    promtool(&project, &["test", "rules", "tests.yaml"]);
}

#[test]
fn alerts_of_a_manifest_are_rules_too() {
    let project = iris("");
    let example = std::fs::read_to_string(repository().join("examples/valid/fraud-detector.yaml")).unwrap();
    let alerting =
        &example[example.find("    alerting:\n").unwrap()..example.find("  explainability:").unwrap()];
    project.edit(
        "iris.yaml",
        "  monitoring:\n    enabled: true\n",
        &format!("  monitoring:\n    enabled: true\n{alerting}"),
    );
    write_rules(&project);
    promtool(&project, &["check", "rules", "rules.yaml"]);
    let rules = project.read("rules.yaml");
    for text in
        ["\"alert\":\"HighErrorRate\"", "sum(rate(inference_errors_total{", "max(evidently_data_drift_share{"]
    {
        assert!(rules.contains(text), "{text} in {rules}");
    }
}
