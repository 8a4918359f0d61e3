//! One row for each form of string: what is taken, what is not.

use super::read;
use serde_json::{Value as Json, json};

const DIGEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const LONG: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const OCI: &str =
    "oci://r.example.com/m@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// A path, values that it takes, values that it refuses.
const ROWS: &[(&str, &[&str], &[&str])] = &[
    ("/metadata/namespace", &["a", "a-1", "0"], &["", "A", "-a", "a-", "a.b", "ü", LONG]),
    (
        "/spec/model/version",
        &["0.0.0", "2.1.0", "1.0.0-rc.1", "1.0.0+build.5", "1.0.0-x-y.0"],
        &["", "1", "1.0", "v1.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0+", "1.0.0.0", " 1.0.0"],
    ),
    (
        "/spec/model/uri",
        &[
            "m.onnx",
            "./a b/ü",
            "/abs",
            "C:\\m",
            "file:m",
            "file:///m",
            "s3://b/p",
            "models:/n/1",
            "https://h/m",
            OCI,
        ],
        &[
            "http://h/m",
            "HTTP://h/m",
            "S3://b/p",
            "gs://b",
            "s3:/b",
            "s3:///p",
            "models:/n",
            "models://n/1",
            "models:/n/1/2",
            "https://",
            "https://u:p@h/m",
            "oci://r/m:latest",
            "oci://r/m",
            "file:",
            " a",
            "a\nb",
            "data:x",
            "javascript:x",
        ],
    ),
    (
        "/spec/model/sha256",
        &[DIGEST],
        &["", "abc", "sha512:00", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a0"],
    ),
    (
        "/spec/drift/reference_date",
        &["2024-02-29", "2025-12-31"],
        &[
            "2025-02-29",
            "2025-00-10",
            "2025-13-01",
            "2025-1-1",
            "2025-04-31",
            "25-01-01",
            "2025-01-01T00:00:00Z",
            "+025-01-01",
        ],
    ),
    (
        "/spec/drift/last_evaluated",
        &["2025-01-01", "2025-01-01T00:00:00Z", "2025-01-01T00:00:00+02:00"],
        &["2025-02-30T00:00:00Z", "2025-01-01T25:00:00Z", "2025-01-01T00:00:00", "now"],
    ),
    (
        "/spec/rollback/triggers/0/window",
        &["5m", "500ms", "1h30m", "1.5s", "2d"],
        &[
            "",
            "5",
            "m",
            "5x",
            "0s",
            "-5m",
            "30m1h",
            "5m5m",
            "5 m",
            "400d",
            ".5s",
            "1..5s",
            "99999999999999999999s",
        ],
    ),
    (
        "/spec/monitoring/drift_detection/schedule",
        &["0 */6 * * *", "*/5 1-3,7 1 jan MON-FRI", "@daily"],
        &[
            "",
            "* * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "*/0 * * * *",
            "5-1 * * * *",
            "@never",
            "a * * * *",
            "+1 * * * *",
        ],
    ),
    ("/spec/inference/healthCheck/path", &["/", "/health?x=1"], &["", "health", "/a b"]),
    (
        "/spec/data_sources/0/dvc",
        &["a.dvc", "d/dvc.lock#out"],
        &["", "/a", "../a", "a/../../b", "C:/a", "\\\\a", "#x"],
    ),
    (
        "/spec/inference/resources/limits/cpu",
        &["500m", "2", "0.5", "1e1", "100u"],
        &["", "0", "500x", "-1", "1 ", "1m m", "Ki", "1.2.3", "1KiB", "999999999999999999999"],
    ),
    (
        "/spec/inference/resources/limits/memory",
        &["512Mi", "4Gi", "1e9", "128974848", "0.5Gi"],
        &["512m", "4GB", "4gi", "0", "1.5"],
    ),
    ("/spec/inference/resources/limits/nvidia.com~1gpu", &["0", "1", "8"], &["0.5", "500m", "-1", "one"]),
    ("/metadata/labels/x", &["", "a", "A_b.c-1"], &["-a", "a b", "ü", LONG]),
    ("/spec/monitoring/alerting/rules/0/name", &["x"], &["", "  "]),
];

#[test]
fn forms_of_strings_take_what_they_should() {
    for (path, right, wrong) in ROWS {
        for value in *right {
            assert_eq!(problems(path, value), Vec::<String>::new(), "{path}: {value:?}");
        }
        for value in *wrong {
            let problems = problems(path, value);
            assert_eq!(problems.len(), 1, "{path}: {value:?} is refused once: {problems:?}");
        }
    }
}

/// What is wrong with a manifest that has a string at a path.
fn problems(path: &str, value: &str) -> Vec<String> {
    let mut root = json!({
        "apiVersion": "mlifecycle.io/v1",
        "kind": "ModelDeployment",
        "metadata": {"labels": {}},
        "spec": {
            "model": {"name": "m", "version": "1.0.0", "uri": "m.onnx"},
            "drift": {},
            "data_sources": [{}],
            "inference": {"healthCheck": {}, "resources": {"limits": {}}},
            "monitoring": {"drift_detection": {}, "alerting": {"rules": [{"name": "n", "condition": "c"}]}},
            "rollback": {"triggers": [{"type": "error_rate", "threshold": 0.1}]},
        },
    });
    let (parent, key) = path.rsplit_once('/').unwrap();
    root.pointer_mut(parent).unwrap()[key.replace("~1", "/")] = Json::from(value);
    let (found, _) = read(&root.to_string());
    let said = found.map_or_else(|errors| errors, |(_, said)| said);
    said.iter().map(|error| error.summary.clone()).collect()
}
