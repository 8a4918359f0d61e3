//! What models of each kind answer, with numbers that are computed here apart from ONNX Runtime.

use serde_json::{Value, json};

use crate::onnx::{self, kind};
use crate::support::{Server, lay, near};

const ROWS: [[f64; 2]; 4] = [[1.0, 2.0], [0.0, 0.0], [-1.5, 0.25], [3.0, -2.0]];

fn highest(values: &[f64]) -> usize {
    (0..values.len()).max_by(|a, b| values[*a].total_cmp(&values[*b])).unwrap()
}

#[test]
fn a_classifier_gives_its_class_and_probabilities_for_each_row() {
    let server = Server::ready(&onnx::classifier(), &["--model-name", "iris", "--model-version", "1.0.0"]);
    let answer = server.predict(&json!({ "instances": ROWS }));
    for (row, prediction) in ROWS.iter().zip(answer["predictions"].as_array().unwrap()) {
        let expected = onnx::softmax(*row);
        let class = highest(&expected);
        assert_eq!(prediction["prediction"], class, "{row:?}: {prediction}");
        assert!(near(&prediction["confidence"], expected[class]), "{row:?}: {prediction}");
        for (got, expected) in prediction["probabilities"].as_array().unwrap().iter().zip(expected) {
            assert!(near(got, expected), "{row:?}: {prediction}");
        }
        assert_eq!(prediction.as_object().unwrap().len(), 3);
    }
    let keys: Vec<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["predictions", "model_name", "model_version", "inference_time_ms", "request_id"]);
    assert_eq!((&answer["model_name"], &answer["model_version"]), (&json!("iris"), &json!("1.0.0")));
    assert!(answer["inference_time_ms"].as_f64().unwrap() > 0.0);
}

#[test]
fn one_row_of_features_is_answered_at_the_top_and_rows_of_features_by_their_classes() {
    let server = Server::ready(&onnx::classifier(), &[]);
    let single = server.predict(&json!({ "features": ROWS[0] }));
    let class = highest(&onnx::softmax(ROWS[0]));
    assert_eq!((&single["prediction"], &single["model_version"]), (&json!(class), &Value::Null));
    assert!(near(&single["confidence"], onnx::softmax(ROWS[0])[class]));
    let classes: Vec<usize> = ROWS.iter().map(|row| highest(&onnx::softmax(*row))).collect();
    assert_eq!(server.predict(&json!({ "features": ROWS })), json!({ "predictions": classes }));
    assert_eq!(server.post("/predict/", json!({ "features": ROWS }).to_string()).status, 200);
}

#[test]
fn zipmap_gives_the_models_own_numbers_as_classes() {
    let server = Server::ready(&onnx::zipmap_classifier(), &[]);
    let answer = server.predict(&json!({ "instances": ROWS }));
    for (row, prediction) in ROWS.iter().zip(answer["predictions"].as_array().unwrap()) {
        let expected = onnx::softmax(*row);
        assert_eq!(prediction["prediction"], 10 * (highest(&expected) + 1));
        assert!(near(&prediction["probabilities"][2], expected[2]), "{prediction}");
    }
    assert_eq!(server.get("/model/info").json()["classes"], json!([10, 20, 30]));
}

#[test]
fn zipmap_with_words_gives_words_and_says_their_order() {
    let server = Server::ready(&onnx::word_classifier(), &[]);
    let answer = server.predict(&json!({ "instances": [ROWS[0]] }));
    let expected = onnx::softmax(ROWS[0]);
    let class = highest(&expected);
    assert_eq!(answer["predictions"][0]["prediction"], ["ham", "spam", "eggs"][class]);
    // ONNX Runtime keeps the map's keys sorted.
    assert_eq!(server.get("/model/info").json()["classes"], json!(["eggs", "ham", "spam"]));
    assert!(near(&answer["predictions"][0]["probabilities"][0], expected[2]));
}

#[test]
fn class_names_are_added_to_numbers() {
    let names = ["--label", "setosa", "--label", "versicolor", "--label", "virginica"];
    let server = Server::ready(&onnx::classifier(), &names);
    let answer = server.predict(&json!({ "instances": [ROWS[0]] }));
    let class = highest(&onnx::softmax(ROWS[0]));
    assert_eq!(answer["predictions"][0]["label"], names[2 * class + 1]);
    assert_eq!(server.get("/model/info").json()["classes"], json!(["setosa", "versicolor", "virginica"]));
}

#[test]
fn a_regression_gives_a_number_and_several_outputs_give_a_list() {
    let server = Server::ready(&onnx::regression(), &[]);
    let answer = server.predict(&json!({ "instances": ROWS }));
    for ([a, b], prediction) in ROWS.iter().zip(answer["predictions"].as_array().unwrap()) {
        assert!(near(&prediction["prediction"], 2.0 * a - 3.0 * b + 0.5), "{prediction}");
        assert_eq!(prediction.as_object().unwrap().len(), 1);
    }
    let server = Server::ready(&onnx::identity(kind::DOUBLE, &[None, Some(2)], &[None, Some(2)]), &[]);
    let answer = server.predict(&json!({ "instances": [[0.1, -1e300]] }));
    assert_eq!(answer["predictions"], json!([{ "prediction": [0.1, -1e300] }]));
}

#[test]
fn scores_with_class_names_are_a_classification() {
    let identity = onnx::identity(kind::FLOAT, &[None, Some(2)], &[None, Some(2)]);
    let server = Server::ready(&identity, &["--label", "no", "--label", "yes"]);
    let answer = server.predict(&json!({ "instances": [[0.25, 0.75]] }));
    let expected =
        json!([{ "prediction": 1, "label": "yes", "confidence": 0.75, "probabilities": [0.25, 0.75] }]);
    assert_eq!(answer["predictions"], expected);
}

#[test]
fn integers_and_models_for_one_row_at_a_time_are_served() {
    let server = Server::ready(&onnx::identity(kind::INT64, &[Some(1), Some(1)], &[Some(1), Some(1)]), &[]);
    let largest = i64::MAX;
    let answer = server.predict(&json!({ "instances": [[1], [largest], [-3]] }));
    let decided: Vec<&Value> =
        answer["predictions"].as_array().unwrap().iter().map(|row| &row["prediction"]).collect();
    assert_eq!(decided, [&json!(1), &json!(largest), &json!(-3)]);
}

#[test]
fn a_model_that_does_not_fix_its_columns_takes_what_comes() {
    let server = Server::ready(&onnx::identity(kind::FLOAT, &[None, None], &[None, None]), &[]);
    for row in [json!([1.0]), json!([1.0, 2.0, 3.0])] {
        let answer = server.predict(&json!({ "instances": [row] }));
        let expected = if row.as_array().unwrap().len() == 1 { row[0].clone() } else { row };
        assert_eq!(answer["predictions"][0]["prediction"], expected);
    }
}

#[test]
fn rows_may_name_their_columns() {
    let server = Server::ready(&onnx::regression(), &["--feature", "a", "--feature", "b"]);
    let answer = server.predict(&json!({ "instances": [{"a": 1, "b": 2}, {"b": 2, "a": 1}] }));
    for prediction in answer["predictions"].as_array().unwrap() {
        assert!(near(&prediction["prediction"], 2.0 - 6.0 + 0.5), "{prediction}");
    }
    assert!(near(&server.predict(&json!({"features": {"a": 1, "b": 2}}))["prediction"], -3.5));
    let rows = [
        (
            r#"{"instances":[{"a":1,"c":2}]}"#,
            "instances[0].c is not a column of the model; its columns are `a`, `b`",
        ),
        (r#"{"instances":[{"a":1,"a":2}]}"#, "instances[0].a is there twice"),
        (r#"{"instances":[{"a":1,"b":2},{"a":1}]}"#, "instances[1] does not have the column `b`"),
        (r#"{"instances":[{"a":1,"b":"2"}]}"#, "instances[0].b is not a finite number"),
        (r#"{"features":{"a":1,"b":null}}"#, "features.b is not a finite number"),
    ];
    for (body, message) in rows {
        let reply = server.post("/predict", body);
        assert_eq!((reply.status, &reply.json()["message"]), (422, &json!(message)), "{body}");
    }
    let server = Server::ready(&onnx::regression(), &[]);
    let reply = server.post("/predict", r#"{"instances":[{"a":1,"b":2}]}"#).json();
    let expected = "instances[0] names columns, and the model's columns have no names; send lists, or name them with \
                    --feature";
    assert_eq!(reply["message"], expected);
}

/// `S = A + B` of one column each, and `T` as it came: what a data frame with columns of several types is exported as.
fn columns() -> Vec<u8> {
    onnx::bytes(onnx::Graph {
        name: "columns".to_owned(),
        node: vec![onnx::node("Add", &["A", "B"], &["S"]), onnx::node("Identity", &["T"], &["U"])],
        input: vec![
            onnx::port("A", kind::FLOAT, &[None, Some(1)]),
            onnx::port("B", kind::FLOAT, &[None, Some(1)]),
            onnx::port("T", kind::STRING, &[None, Some(1)]),
        ],
        output: vec![
            onnx::port("S", kind::FLOAT, &[None, Some(1)]),
            onnx::port("U", kind::STRING, &[None, Some(1)]),
        ],
        ..onnx::Graph::default()
    })
}

#[test]
fn several_inputs_are_columns_by_place_or_by_name() {
    let server = Server::ready(&columns(), &[]);
    let body = json!({"instances": [[1, 2, "x"], {"T": "é\n", "A": 0.5, "B": [0.25]}]});
    let answer = server.predict(&body);
    // A class and a number: what a classifier gives.
    let decided: Vec<&Value> =
        answer["predictions"].as_array().unwrap().iter().map(|row| &row["prediction"]).collect();
    assert_eq!(decided, [&json!("x"), &json!("é\n")]);
    assert_eq!(answer["predictions"][0]["probabilities"], json!([3.0]));
    let rows = [
        (r#"{"instances":[[1,2]]}"#, "instances[0] has 2 values, 3 are expected"),
        (r#"{"instances":[[1,2,3]]}"#, "instances[0][2] is not a text, which the model takes"),
        (r#"{"instances":[{"A":1,"B":2}]}"#, "instances[0] does not have the input `T`"),
        (
            r#"{"instances":[{"X":1}]}"#,
            "instances[0].X is not an input of the model; its inputs are `A`, `B`, `T`",
        ),
    ];
    for (body, message) in rows {
        assert_eq!(server.post("/predict", body).json()["message"], message, "{body}");
    }
}

#[test]
fn images_and_models_for_a_fixed_number_of_rows_are_served() {
    let image = [None, Some(1), Some(2), Some(2)];
    let server = Server::ready(&onnx::identity(kind::FLOAT, &image, &image), &[]);
    let rows = json!([[[[1.0, 2.0], [3.0, 4.0]]], [[[5.0, 6.0], [7.0, 8.0]]]]);
    let answer = server.predict(&json!({"instances": rows}));
    assert_eq!(answer["predictions"][1]["prediction"], rows[1]);
    let ragged = server.post("/predict", r#"{"instances":[[[[1,2],[3]]]]}"#);
    assert_eq!(ragged.json()["message"], "instances[0][0][1] has 1 values, 2 are expected");
    // Three rows are asked of a model that takes exactly two at a time.
    let fixed = [Some(2), Some(1)];
    let server = Server::ready(&onnx::identity(kind::INT64, &fixed, &fixed), &[]);
    let answer = server.predict(&json!({"features": [[1], [2], [3]]}));
    assert_eq!(answer, json!({"predictions": [1, 2, 3]}));
    assert_eq!(server.get("/model/info").json()["batching"], "exactly 2");
}

#[test]
fn rows_that_depend_on_one_another_never_share_a_run() {
    // Each row minus the mean of all rows in the run.
    let centred = onnx::bytes(onnx::Graph {
        name: "centred".to_owned(),
        node: vec![
            onnx::node("ReduceMean", &["X"], &["M"]).with(onnx::Attribute::ints("axes", &[0])),
            onnx::node("Sub", &["X", "M"], &["Y"]),
        ],
        input: vec![onnx::port("X", kind::FLOAT, &[None, Some(1)])],
        output: vec![onnx::port("Y", kind::FLOAT, &[None, Some(1)])],
        ..onnx::Graph::default()
    });
    let server = Server::ready(&centred, &[]);
    assert_eq!(server.get("/model/info").json()["batching"], "alone");
    std::thread::scope(|scope| {
        for caller in 0..8 {
            let server = &server;
            scope.spawn(move || {
                for _ in 0..20 {
                    let body = json!({"features": [[caller], [caller + 2]]});
                    assert_eq!(server.predict(&body), json!({"predictions": [-1.0, 1.0]}));
                }
            });
        }
    });
}

/// A layer whose input is quantised by the range of everything in the run, as dynamically quantised models are.
fn quantised() -> Vec<u8> {
    onnx::bytes(onnx::Graph {
        name: "quantised".to_owned(),
        node: vec![
            onnx::node("DynamicQuantizeLinear", &["X"], &["q", "scale", "zero"]),
            onnx::node("DequantizeLinear", &["q", "scale", "zero"], &["Y"]),
        ],
        input: vec![onnx::port("X", kind::FLOAT, &[None, Some(8)])],
        output: vec![onnx::port("Y", kind::FLOAT, &[None, Some(8)])],
        ..onnx::Graph::default()
    })
}

#[test]
fn what_is_taken_over_a_whole_run_keeps_rows_apart() {
    // Without a length for its rows the second cannot be tried on rows of its own.
    let centred = onnx::bytes(onnx::Graph {
        name: "centred".to_owned(),
        node: vec![
            onnx::node("MatMul", &["X", "W"], &["Z"]),
            onnx::node("ReduceMean", &["Z"], &["M"]).with(onnx::Attribute::ints("axes", &[0])),
            onnx::node("Sub", &["Z", "M"], &["Y"]),
        ],
        initializer: vec![onnx::floats("W", &[3, 1], &[1.0, 1.0, 1.0])],
        input: vec![onnx::port("X", kind::FLOAT, &[None, None])],
        output: vec![onnx::port("Y", kind::FLOAT, &[None, Some(1)])],
        ..onnx::Graph::default()
    });
    for model in [quantised(), centred] {
        assert_eq!(Server::ready(&model, &[]).get("/model/info").json()["batching"], "alone");
    }
    let server = Server::ready(&quantised(), &["--batch-delay-us", "20000"]);
    let row = json!({"features": [[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]]});
    let alone = server.predict(&row);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    server.predict(&json!({"features": [vec![10_000.0; 8]]}));
                }
            });
        }
        for _ in 0..20 {
            assert_eq!(server.predict(&row), alone);
        }
    });
}

#[test]
fn null_is_a_missing_number_where_the_operator_says_so() {
    let shape = [None, Some(2)];
    let server = Server::ready(&onnx::identity(kind::FLOAT, &shape, &shape), &["--nulls", "nan"]);
    let answer = server.predict(&json!({"instances": [[1.5, null]]}));
    assert_eq!(answer["predictions"], json!([{"prediction": [1.5, null]}]));
}

#[test]
fn what_only_one_caller_sent_fails_for_that_caller_alone() {
    // An index into a table of three.
    let lookup = onnx::bytes(onnx::Graph {
        name: "lookup".to_owned(),
        node: vec![onnx::node("Gather", &["table", "X"], &["Y"])],
        initializer: vec![onnx::floats("table", &[3], &[10.0, 20.0, 30.0])],
        input: vec![onnx::port("X", kind::INT64, &[None, Some(1)])],
        output: vec![onnx::port("Y", kind::FLOAT, &[None, Some(1)])],
        ..onnx::Graph::default()
    });
    let server = Server::ready(&lookup, &["--batch-delay-us", "2000"]);
    std::thread::scope(|scope| {
        for caller in 0..8 {
            let server = &server;
            scope.spawn(move || {
                for _ in 0..10 {
                    let reply = server.post("/predict", json!({"features": [[caller]]}).to_string());
                    if caller < 3 {
                        assert_eq!(reply.json(), json!({"predictions": [10.0 * f64::from(caller + 1)]}));
                    } else {
                        let refusal = reply.json();
                        assert_eq!((reply.status, &refusal["error_code"]), (422, &json!("VALIDATION_ERROR")));
                    }
                }
            });
        }
    });
}

#[test]
fn callers_at_the_same_time_each_get_their_own_answer() {
    let server = Server::ready(&onnx::regression(), &[]);
    std::thread::scope(|scope| {
        for caller in 0..8 {
            let server = &server;
            scope.spawn(move || {
                for round in 0..50 {
                    let (a, b) = (f64::from(caller), f64::from(round));
                    let id = format!("{caller}-{round}");
                    let body = json!({ "features": [a, b] }).to_string();
                    let reply =
                        server.ask("POST", "/predict", &[("x-request-id", &id)], body.as_bytes()).json();
                    assert!(near(&reply["prediction"], 2.0 * a - 3.0 * b + 0.5), "{id}: {reply}");
                    assert_eq!(reply["request_id"], id);
                }
            });
        }
    });
}

#[test]
fn the_model_tells_about_itself() {
    let figures = r#"{"accuracy":0.9667,"f1_score":0.96}"#;
    let arguments = ["--model-version", "1.0.0", "--framework", "sklearn", "--metrics-json", figures];
    let server = Server::ready(&onnx::zipmap_classifier(), &arguments);
    let mut info = server.get("/model/info").json();
    assert_eq!(info, {
        let mut same = server.get("/model-info").json();
        same["loaded_at"] = info["loaded_at"].clone();
        same
    });
    let object = info.as_object_mut().unwrap();
    let loaded_at = object.remove("loaded_at").unwrap();
    assert!(loaded_at.as_str().unwrap().ends_with('Z'), "{loaded_at}");
    let digest = object.remove("digest").unwrap();
    assert_eq!(server.get("/ready").json()["digest"], digest);
    let expected = json!({
        "name": "iris",
        "version": "1.0.0",
        "framework": "sklearn",
        "loaded": true,
        "metrics": {"accuracy": 0.9667, "f1_score": 0.96},
        "max_batch_size": 1000,
        "size_bytes": onnx::zipmap_classifier().len(),
        "inputs": [{"name": "X", "dtype": "float", "shape": ["N", 2]}],
        "outputs": [
            {"name": "label", "dtype": "int64", "shape": ["N"]},
            {"name": "probabilities", "dtype": "seq(map(int64,float))", "shape": null},
        ],
        "input_features": 2,
        "feature_names": [],
        "classes": [10, 20, 30],
        "opset": {"ai.onnx": 17, "ai.onnx.ml": 3},
        "ir_version": 8,
        "producer": "tests 1",
        "metadata": {},
        "parameters": 0,
        "nodes": 2,
        "batching": "merged",
        "device": "cpu",
        "execution_provider": "CPUExecutionProvider",
        "execution_providers": ["CPUExecutionProvider"],
    });
    assert_eq!(info, expected);
}

#[test]
fn the_server_tells_about_itself() {
    let server = Server::ready(&onnx::classifier(), &["--model-name", "iris", "--model-version", "1.0.0"]);
    let root = server.get("/").json();
    assert_eq!((&root["name"], &root["version"]), (&json!("mlo-runtime"), &json!(env!("CARGO_PKG_VERSION"))));
    for path in root["endpoints"].as_array().unwrap() {
        let path = path.as_str().unwrap();
        let expected = if path == "/predict" { 405 } else { 200 };
        assert_eq!(server.get(path).status, expected, "{path} is listed");
    }
    for path in ["/health", "/health/"] {
        let health = server.get(path).json();
        assert_eq!((&health["status"], &health["ready"]), (&json!("healthy"), &json!(true)), "{path}");
        assert!(health["uptime_seconds"].as_f64().unwrap() >= 0.0, "{path}: {health}");
        let used: Vec<&str> = health["resources"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(used, ["memory_rss_bytes", "cpu_percent", "thread_count"], "{path}");
    }
    let ready = server.get("/ready").json();
    assert_eq!((&ready["status"], &ready["model"]), (&json!("ready"), &json!("iris")));
    assert_eq!(ready["version"], "1.0.0");
    assert!(ready["digest"].as_str().unwrap().starts_with("sha256:"));
}

#[test]
fn callers_of_other_servers_are_answered_as_they_expect() {
    let bad = r#"{"features":[[1]]}"#;
    let figures = ["--metrics-json", r#"{"accuracy":0.9}"#];
    let server = Server::ready(&onnx::classifier(), &[&["--compat", "c"], &figures[..]].concat());
    let health = server.get("/health/").json();
    assert_eq!((&health["status"], &health["ready"]), (&json!("ok"), &json!(true)));
    assert_eq!(health["details"]["metrics"], json!({"accuracy": 0.9}));
    let refused = server.post("/predict/", bad);
    assert_eq!(
        (refused.status, &refused.json()["detail"]),
        (400, &json!("features[0] has 1 values, 2 are expected"))
    );
    let server = Server::ready(&onnx::classifier(), &["--compat", "p"]);
    let root = json!({
        "message": "MLOps API is running",
        "endpoints": ["/health", "/predict", "/metrics", "/model-info", "/drift-status", "/docs"],
    });
    assert_eq!(server.get("/").json(), root);
    let health = server.get("/health").json();
    assert_eq!((&health["status"], &health["model_ready"]), (&json!("ok"), &json!(true)));
    assert_eq!(server.post("/predict", bad).status, 422);
    let without = Server::start(None, &["--compat", "p"]);
    without.settled();
    let health = without.get("/health");
    assert_eq!((health.status, &health.json()["status"]), (200, &json!("degraded")));
}

#[test]
fn a_folder_that_holds_one_model_is_served() {
    let folder = tempfile::tempdir().unwrap();
    lay(folder.path(), "any.onnx", &onnx::classifier());
    lay(folder.path(), "notes.txt", b"not a model");
    let server = Server::start(None, &["--model", folder.path().to_str().unwrap()]);
    assert_eq!(server.settled(), 200, "{}", server.log());
    assert_eq!(server.post("/predict", r#"{"instances":[[1,2]]}"#).status, 200);
}

/// What it is, the model, the flags, the reason for callers, and what the log adds.
type Unservable<'a> = (&'a str, Vec<u8>, &'a [&'a str], &'a str, &'a str);

#[test]
fn models_that_cannot_be_served_leave_a_live_server_with_a_reason() {
    let mut sequence = onnx::model(onnx::Graph {
        name: "sequence".to_owned(),
        node: vec![onnx::node("SequenceConstruct", &["X"], &["Y"])],
        input: vec![onnx::port("X", kind::FLOAT, &[None, Some(2)])],
        output: vec![onnx::zipmap_port("Y", kind::INT64)],
        ..onnx::Graph::default()
    });
    let tensors = onnx::ElementType { of: Some(Box::new(onnx::tensor_type(kind::FLOAT, &[None, Some(2)]))) };
    let output = &mut sequence.graph.as_mut().unwrap().output[0];
    output.kind.as_mut().unwrap().sequence = Some(Box::new(tensors));
    let sequence = prost::Message::encode_to_vec(&sequence);
    let unknown_operator = onnx::bytes(onnx::Graph {
        name: "unknown".to_owned(),
        node: vec![onnx::node("NoSuchOperator", &["X"], &["Y"])],
        input: vec![onnx::port("X", kind::FLOAT, &[None, Some(2)])],
        output: vec![onnx::port("Y", kind::FLOAT, &[None, Some(2)])],
        ..onnx::Graph::default()
    });
    let kind_reason = "the model's inputs or outputs are of a kind that is not served";
    let broken = "the model file is not a usable ONNX model";
    let rows: Vec<Unservable<'_>> = vec![
        ("a sequence", sequence, &[], kind_reason, "its output `Y` is Sequence"),
        ("an unknown operator", unknown_operator, &[], "ONNX Runtime refuses the model", "NoSuchOperator"),
        ("nothing", Vec::new(), &[], broken, "the model file is empty"),
        ("a cut file", onnx::classifier()[..100].to_vec(), &[], broken, "damaged at byte"),
        ("text", b"not a model".to_vec(), &[], broken, "not an ONNX model"),
        (
            "another digest",
            onnx::classifier(),
            &["--sha256", "0000000000000000000000000000000000000000000000000000000000000000"],
            "the model file does not have the expected digest",
            "is expected",
        ),
        (
            "too many columns named",
            onnx::classifier(),
            &["--feature", "a", "--feature", "b", "--feature", "c"],
            "the names of the columns do not fit the model",
            "3 columns are named, and the model has 2",
        ),
        (
            "no such device",
            onnx::classifier(),
            &["--provider", "cuda"],
            "the execution provider that was asked for cannot be used",
            "the execution provider CUDAExecutionProvider cannot be used",
        ),
        (
            "too few class names",
            onnx::classifier(),
            &["--label", "only"],
            "the class labels do not fit the model",
            "1 class labels are given, and the model has 3 classes",
        ),
    ];
    for (what, model, arguments, reason, logged) in rows {
        let server = Server::start(Some(&model), arguments);
        assert_eq!(server.settled(), 503, "{what}");
        let ready = server.get("/ready").json();
        assert_eq!(
            (&ready["status"], &ready["reason"], &ready["error_code"]),
            (&json!("not_ready"), &json!(reason), &json!("MODEL_NOT_LOADED")),
            "{what}"
        );
        let health = server.get("/health");
        assert_eq!((health.status, &health.json()["ready"]), (200, &json!(false)), "{what}");
        let refusal = server.post("/predict", r#"{"instances":[[1,2]]}"#);
        assert_eq!((refusal.status, &refusal.json()["message"]), (503, &json!(reason)), "{what}");
        let info = server.get("/model/info").json();
        assert_eq!((&info["loaded"], &info["reason"]), (&json!(false), &json!(reason)), "{what}");
        server.wait_for_log(logged);
        assert!(
            server.get("/metrics").body.contains("ml_model_load_total{status=\"failure\"} 1\n"),
            "{what}"
        );
    }
}

#[test]
fn without_a_model_the_server_is_alive_and_says_why_it_is_not_ready() {
    for (arguments, reason) in [
        (&[][..], "no model is configured"),
        (&["--model", "nowhere.onnx"], "the model file was not found"),
        (&["--model", "."], "the model folder does not hold exactly one ONNX file"),
        (&["--model", "s3://bucket/model"], "the model URI is not supported"),
    ] {
        let server = Server::start(None, arguments);
        assert_eq!(server.settled(), 503);
        assert_eq!(server.get("/health").json()["status"], "healthy");
        let refusal = server.post("/predict", r#"{"instances":[[1,2]]}"#).json();
        assert_eq!(refusal["message"], reason, "{arguments:?}");
    }
}
