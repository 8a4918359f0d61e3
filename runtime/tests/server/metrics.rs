//! The text of `/metrics`: readable as Prometheus reads it, and counting what happened.

use std::collections::BTreeMap;

use crate::onnx;
use crate::support::Server;

/// Every line of the page, name and labels to value; fails on what the text format does not allow.
fn parsed(page: &str) -> BTreeMap<String, f64> {
    let mut kinds = BTreeMap::new();
    let mut lines = BTreeMap::new();
    for line in page.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let words: Vec<&str> = comment.splitn(3, ' ').collect();
            assert!(matches!(words[0], "HELP" | "TYPE"), "{line}");
            if words[0] == "TYPE" {
                assert!(kinds.insert(words[1].to_owned(), words[2].to_owned()).is_none(), "twice: {line}");
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| {
            name.strip_suffix(end).filter(|family| kinds.get(*family).is_some_and(|kind| kind == "histogram"))
        });
        assert!(kinds.contains_key(family.unwrap_or(name)), "no type: {line}");
        assert!(lines.insert(series.to_owned(), value.parse().unwrap()).is_none(), "twice: {line}");
    }
    lines
}

#[test]
fn what_happened_is_counted() {
    let arguments =
        ["--model-name", "iris", "--model-version", "1.0.0", "--metrics-json", r#"{"accuracy":0.9667}"#];
    let server = Server::ready(&onnx::classifier(), &arguments);
    for _ in 0..3 {
        assert_eq!(server.post("/predict", r#"{"instances":[[1,2],[3,4]]}"#).status, 200);
    }
    assert_eq!(server.post("/predict", r#"{"instances":[[1]]}"#).status, 422);
    assert_eq!(server.get("/predict").status, 405);
    assert_eq!(server.get("/no/such/path").status, 404);
    let reply = server.get("/metrics");
    assert_eq!(reply.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let lines = parsed(&reply.body);
    let rows = [
        (r#"inference_requests_total{model="iris",version="1.0.0"}"#, 4.0),
        (r#"inference_predictions_total{model="iris",version="1.0.0"}"#, 6.0),
        (r#"inference_errors_total{model="iris",version="1.0.0"}"#, 0.0),
        (r#"inference_latency_seconds_count{model="iris",version="1.0.0"}"#, 4.0),
        (r#"inference_latency_seconds_bucket{model="iris",version="1.0.0",le="+Inf"}"#, 4.0),
        ("ml_predictions_total", 6.0),
        ("ml_prediction_duration_seconds_count", 3.0),
        (r#"ml_prediction_errors_total{reason="validation"}"#, 1.0),
        (r#"api_requests_total{method="POST",endpoint="/predict",status="200"}"#, 3.0),
        (r#"api_requests_total{method="POST",endpoint="/predict",status="422"}"#, 1.0),
        (r#"api_requests_total{method="GET",endpoint="/predict",status="405"}"#, 1.0),
        (r#"api_requests_total{method="GET",endpoint="other",status="404"}"#, 1.0),
        (r#"api_request_duration_seconds_count{method="POST",endpoint="/predict"}"#, 4.0),
        (r#"api_errors_total{route="/predict",type="VALIDATION_ERROR"}"#, 1.0),
        (r#"api_errors_total{route="other",type="NOT_FOUND"}"#, 1.0),
        (r#"ml_model_load_total{status="success"}"#, 1.0),
        ("ml_model_loaded", 1.0),
        (r#"ml_model_accuracy{model="iris",version="1.0.0"}"#, 0.9667),
        ("api_inflight_requests", 1.0),
        ("inference_queue_rows", 0.0),
        ("log_lines_dropped_total", 0.0),
    ];
    for (series, expected) in rows {
        assert_eq!(lines.get(series), Some(&expected), "{series}\n{}", reply.body);
    }
    let average = lines[r#"inference_latency_seconds_avg{model="iris",version="1.0.0"}"#];
    let sum = lines[r#"inference_latency_seconds_sum{model="iris",version="1.0.0"}"#];
    assert!(average > 0.0 && (average - sum / 4.0).abs() < 1e-9);
    if cfg!(target_os = "linux") {
        assert!(lines["process_memory_rss_bytes"] > 1e6);
        assert!(lines["process_thread_count"] >= 3.0);
        assert!(lines.contains_key("process_cpu_percent"));
    }
}

#[test]
fn what_callers_make_up_does_not_grow_the_page() {
    let server = Server::ready(&onnx::classifier(), &[]);
    let ask = |round: usize| {
        server.get(&format!("/made-up/{round}"));
        server.ask(&format!("METHOD{round}"), "/health", &[], b"");
    };
    ask(0);
    server.get("/metrics");
    let before = server.get("/metrics").body.lines().count();
    (1..50).for_each(ask);
    assert_eq!(server.get("/metrics").body.lines().count(), before);
}
