//! The Open Inference Protocol over HTTP: metadata, tensors as JSON and as bytes, and what is refused.

use serde_json::{Value, json};

use crate::onnx::{self, kind};
use crate::support::{Server, near};

fn classifier() -> Server {
    Server::ready(&onnx::classifier(), &["--model-name", "iris", "--model-version", "1.0.0"])
}

#[test]
fn server_and_model_describe_themselves() {
    let server = classifier();
    let rows = [
        ("/v2/health/live", json!({"live": true})),
        ("/v2/health/ready", json!({"ready": true})),
        (
            "/v2",
            json!({
                "name": "mlo-runtime", "version": env!("CARGO_PKG_VERSION"), "extensions": ["binary_tensor_data", "model_repository"],
            }),
        ),
        ("/v2/models/iris/ready", json!({"name": "iris", "ready": true})),
        (
            "/v2/models/iris/versions/1.0.0",
            json!({
                "name": "iris",
                "versions": ["1.0.0"],
                "platform": "onnxruntime_onnx",
                "inputs": [{"name": "X", "datatype": "FP32", "shape": [-1, 2]}],
                "outputs": [
                    {"name": "label", "datatype": "INT64", "shape": [-1]},
                    {"name": "scores", "datatype": "FP32", "shape": [-1, 3]},
                ],
            }),
        ),
    ];
    for (path, expected) in rows {
        let reply = server.get(path);
        assert_eq!((reply.status, reply.json()), (200, expected), "{path}");
    }
    for (path, status) in [
        ("/v2/models/other", 404),
        ("/v2/models/iris/versions/2", 404),
        ("/v2/models/other/infer", 405),
        ("/v2/nothing", 404),
        ("/v2/models/iris/", 200),
        ("/v2/models/i%72is", 200),
        ("/v2/models/iris/ready", 200),
        ("/v2/models/iris/versions/1%2E0.0/ready", 200),
        ("/v2/models/iris/versions/1.0.0/", 200),
        ("/v2/models/iris/versions/1.0.0/infer", 405),
        ("/v2/models/iris/versions/", 404),
        ("/v2/models/iris/other", 404),
        ("/v2/models/iris/infer/more", 404),
        ("/v2/models/iris%2Fready", 404),
        ("/v2/models/%ff", 404),
        ("/v2/models/%2", 404),
        ("/v2/models/", 404),
        ("/v2/models//ready", 404),
        ("/v2/repository/models/iris/load", 404),
    ] {
        let reply = server.get(path);
        assert_eq!(reply.status, status, "{path}");
        assert_eq!(reply.json()["error"].is_string(), status != 200, "{path}: {}", reply.body);
    }
    let not_ready = Server::start(None, &[]);
    not_ready.settled();
    assert_eq!(not_ready.get("/v2/health/live").status, 200);
    let reply = not_ready.get("/v2/health/ready");
    assert_eq!((reply.status, reply.json()), (503, json!({"ready": false})));
}

#[test]
fn tensors_go_in_and_come_out_whatever_the_order_of_the_keys() {
    let server = classifier();
    let expected = onnx::softmax([1.0, 2.0]);
    for body in [
        r#"{"id":"a","inputs":[{"name":"X","shape":[1,2],"datatype":"FP32","data":[1,2]}]}"#,
        r#"{"inputs":[{"data":[[1,2]],"datatype":"FP32","shape":[1,2],"name":"X"}],"id":"a","more":{"x":[]}}"#,
    ] {
        let reply = server.post("/v2/models/iris/infer", body);
        let answer = reply.json();
        assert_eq!(
            (&answer["model_name"], &answer["model_version"]),
            (&json!("iris"), &json!("1.0.0")),
            "{body}"
        );
        assert_eq!(answer["id"], "a");
        let [label, scores] = answer["outputs"].as_array().unwrap().as_slice() else { panic!("{answer}") };
        assert_eq!(*label, json!({"name": "label", "datatype": "INT64", "shape": [1], "data": [2]}));
        assert_eq!((&scores["name"], &scores["shape"]), (&json!("scores"), &json!([1, 3])));
        for (got, expected) in scores["data"].as_array().unwrap().iter().zip(expected) {
            assert!(near(got, expected), "{answer}");
        }
    }
    let body = json!({
        "inputs": [{"name": "X", "shape": [2, 2], "datatype": "FP32", "data": [1, 2, 3, -2]}],
        "outputs": [{"name": "label"}],
    });
    let answer = server.post("/v2/models/iris/versions/1.0.0/infer", body.to_string()).json();
    assert_eq!(
        answer["outputs"],
        json!([{"name": "label", "datatype": "INT64", "shape": [2], "data": [2, 0]}])
    );
}

/// A body of JSON with bytes behind it, and the answer's two parts.
fn binary(server: &Server, path: &str, json: &Value, tail: &[u8]) -> (Value, Vec<u8>) {
    let json = json.to_string();
    let length = json.len().to_string();
    let body = [json.as_bytes(), tail].concat();
    let (status, headers, answer) =
        server.exchange("POST", path, &[("inference-header-content-length", &length)], &body);
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
    let split = headers
        .get("inference-header-content-length")
        .map_or(answer.len(), |length| length.to_str().unwrap().parse().unwrap());
    let (json, tail) = answer.split_at(split);
    (serde_json::from_slice(json).unwrap(), tail.to_vec())
}

#[test]
fn every_element_type_goes_through_as_json_and_as_bytes() {
    // Number in ONNX, name in the protocol, two values as JSON and as bytes.
    let rows: Vec<(i32, &str, Value, Vec<u8>)> = vec![
        (
            1,
            "FP32",
            json!([0.5, -2.0]),
            [0.5_f32, -2.0].iter().flat_map(|value| value.to_le_bytes()).collect(),
        ),
        (2, "UINT8", json!([0, 255]), vec![0, 255]),
        (3, "INT8", json!([-128, 127]), vec![128, 127]),
        (4, "UINT16", json!([1, 65535]), vec![1, 0, 255, 255]),
        (5, "INT16", json!([-1, 2]), vec![255, 255, 2, 0]),
        (6, "INT32", json!([-1, 2]), vec![255, 255, 255, 255, 2, 0, 0, 0]),
        (
            7,
            "INT64",
            json!([i64::MIN, 2]),
            [i64::MIN, 2].iter().flat_map(|value| value.to_le_bytes()).collect(),
        ),
        (8, "BYTES", json!(["a", "é"]), vec![1, 0, 0, 0, b'a', 2, 0, 0, 0, 0xc3, 0xa9]),
        (9, "BOOL", json!([true, false]), vec![1, 0]),
        (10, "FP16", json!([0.5, -2.0]), vec![0x00, 0x38, 0x00, 0xc0]),
        (
            11,
            "FP64",
            json!([0.1, -2.0]),
            [0.1_f64, -2.0].iter().flat_map(|value| value.to_le_bytes()).collect(),
        ),
        (12, "UINT32", json!([1, u32::MAX]), vec![1, 0, 0, 0, 255, 255, 255, 255]),
        (
            13,
            "UINT64",
            json!([1, u64::MAX]),
            [1, u64::MAX].iter().flat_map(|value| value.to_le_bytes()).collect(),
        ),
        (16, "BF16", json!([0.5, -2.0]), vec![0x00, 0x3f, 0x00, 0xc0]),
    ];
    for (element, datatype, values, bytes) in rows {
        let shape = [None, Some(2)];
        let server = Server::ready(&onnx::identity(element, &shape, &shape), &["--model-name", "m"]);
        let path = "/v2/models/m/infer";
        let input = json!({"name": "X", "shape": [1, 2], "datatype": datatype, "data": values});
        let output = json!({"name": "Y", "datatype": datatype, "shape": [1, 2], "data": values});
        let reply = server.post(path, json!({"inputs": [input]}).to_string());
        assert_eq!(
            (reply.status, &reply.json()["outputs"]),
            (200, &json!([output])),
            "{datatype}: {}",
            reply.body
        );
        let input = json!({
            "name": "X", "shape": [1, 2], "datatype": datatype, "parameters": {"binary_data_size": bytes.len()},
        });
        let request = json!({"inputs": [input], "parameters": {"binary_data_output": true}});
        let (answer, tail) = binary(&server, path, &request, &bytes);
        let output = json!({
            "name": "Y", "datatype": datatype, "shape": [1, 2], "parameters": {"binary_data_size": bytes.len()},
        });
        assert_eq!((answer["outputs"].clone(), tail), (json!([output]), bytes.clone()), "{datatype}");
        // No JSON at all: the shape is the model's.
        let (status, _, answer) =
            server.exchange("POST", path, &[("inference-header-content-length", "0")], &bytes);
        assert!(
            status == 200 && answer.ends_with(&bytes),
            "{datatype}: {}",
            String::from_utf8_lossy(&answer)
        );
    }
}

#[test]
fn outputs_choose_between_json_and_bytes() {
    let server = classifier();
    let request = json!({
        "inputs": [{"name": "X", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}],
        "outputs": [{"name": "scores"}, {"name": "label", "parameters": {"binary_data": true}}],
    });
    let row: Vec<u8> = [1.0_f32, 2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let (answer, tail) = binary(&server, "/v2/models/iris/infer", &request, &row);
    assert!(answer["outputs"][0]["data"].is_array(), "{answer}");
    assert_eq!(
        (&answer["outputs"][1]["parameters"], tail),
        (&json!({"binary_data_size": 8}), 2_i64.to_le_bytes().to_vec())
    );
}

#[test]
fn maps_from_class_to_score_are_tensors_of_scores() {
    let server = Server::ready(&onnx::zipmap_classifier(), &["--model-name", "m"]);
    let body = r#"{"inputs":[{"name":"X","shape":[1,2],"datatype":"FP32","data":[1,2]}]}"#;
    let answer = server.post("/v2/models/m/infer", body).json();
    assert_eq!(answer["outputs"][1]["shape"], json!([1, 3]));
    assert!(near(&answer["outputs"][1]["data"][2], onnx::softmax([1.0, 2.0])[2]), "{answer}");
}

#[test]
fn several_inputs_and_open_lengths_are_told_apart() {
    let sum = onnx::bytes(onnx::Graph {
        name: "sum".to_owned(),
        node: vec![onnx::node("Add", &["A", "B"], &["Y"])],
        input: vec![onnx::port("A", kind::FLOAT, &[None, None]), onnx::port("B", kind::FLOAT, &[None, None])],
        output: vec![onnx::port("Y", kind::FLOAT, &[None, None])],
        ..onnx::Graph::default()
    });
    let server = Server::ready(&sum, &["--model-name", "m"]);
    let input = |name: &str, shape: [usize; 2], data: &[i64]| json!({"name": name, "shape": shape, "datatype": "FP32", "data": data});
    let ask = |inputs: Value| server.post("/v2/models/m/infer", json!({"inputs": inputs}).to_string());
    let reply = ask(json!([input("B", [1, 3], &[1, 2, 3]), input("A", [1, 3], &[10, 20, 30])]));
    assert_eq!(reply.json()["outputs"][0]["data"], json!([11.0, 22.0, 33.0]));
    let unequal = ask(json!([input("A", [1, 2], &[1, 2]), input("B", [1, 3], &[1, 2, 3])]));
    assert_eq!(
        (unequal.status, &unequal.json()["error_code"]),
        (422, &json!("VALIDATION_ERROR")),
        "{}",
        unequal.body
    );
    let rows = ask(json!([input("A", [1, 1], &[1]), input("B", [2, 1], &[1, 2])]));
    assert_eq!(rows.json()["message"], "inputs[1] is of 2 rows, and the model takes 1 as in the first input");
}

#[test]
fn what_is_wrong_is_named_with_its_path() {
    let server = classifier();
    let with = |change: &str| {
        let body = r#"{"inputs":[{"name":"X","shape":[1,2],"datatype":"FP32","data":[1,2]}]}"#;
        let (from, to) = change.split_once(" => ").unwrap();
        assert!(body.contains(from), "{change}");
        body.replace(from, to)
    };
    let rows = [
        (r#""inputs" => "input""#, "body must hold `inputs`"),
        (r#""X" => "Y""#, "inputs[0].name is not an input of the model; its inputs are `X`"),
        (r#""X" => 3"#, "inputs[0].name is not a text, which the model takes"),
        ("FP32 => FP64", "inputs[0].datatype is `FP64`, and the model takes `FP32`"),
        ("[1,2], => [1,3],", "inputs[0].shape is [1,3], and the model takes [-1,2]"),
        ("[1,2], => [2],", "inputs[0].shape is [2], and the model takes [-1,2]"),
        ("[1,2], => [0,2],", "inputs[0].shape is empty"),
        ("[1,2], => [-1,2],", "inputs[0].shape[0] is beyond the range of the model's numbers"),
        ("[1,2], => [1001,2],", "inputs[0].shape has more than 1000 rows"),
        ("[1,2]}] => [1,2,3]}]", "inputs[0].data has 3 values, 2 are expected"),
        ("[1,2]}] => [[1],[2]]}]", "inputs[0].data[0] has 1 values, 2 are expected"),
        ("[1,2]}] => [1,\"2\"]}]", "inputs[0].data[1] is not a finite number"),
        ("[1,2]}] => [1,1e39]}]", "inputs[0].data[1] is beyond the range of the model's numbers"),
        ("[1,2]}] => [[1,NaN]]}]", "inputs[0].data[0][1] is not a finite number"),
        (r#","data":[1,2] => "#, "inputs[0] must hold `data`"),
        (r#""data":[1,2] => "parameters":{"binary_data_size":8}"#, "inputs[0] has 0 bytes, 8 are expected"),
        (
            "}]} => }],\"outputs\":[{\"name\":\"nope\"}]}",
            "outputs[0].name is not an output of the model; its outputs are `label`, `scores`",
        ),
        (
            "}]} => },{\"name\":\"X\",\"shape\":[1,2],\"datatype\":\"FP32\",\"data\":[1,2]}]}",
            "inputs[1].name is there twice",
        ),
    ];
    for (change, message) in rows {
        let reply = server.post("/v2/models/iris/infer", with(change));
        let refusal = reply.json();
        assert_eq!((reply.status, &refusal["message"]), (422, &json!(message)), "{change}");
        assert_eq!(refusal["error"], refusal["message"], "{change}");
    }
    let nan: Vec<u8> = [1.0_f32, f32::NAN].iter().flat_map(|value| value.to_le_bytes()).collect();
    let (status, _, answer) =
        server.exchange("POST", "/v2/models/iris/infer", &[("inference-header-content-length", "0")], &nan);
    assert_eq!(status, 422, "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn the_description_for_machines_has_examples_that_work() {
    let server =
        Server::ready(&onnx::classifier(), &["--model-name", "iris", "--feature", "a", "--feature", "b"]);
    let api = server.get("/openapi.json").json();
    assert_eq!((&api["openapi"], &api["info"]["title"]), (&json!("3.1.0"), &json!("iris")));
    let mut tried = 0;
    for (path, methods) in api["paths"].as_object().unwrap() {
        if methods.get("get").is_some() {
            assert_eq!(server.get(path).status, 200, "{path}");
        }
        let Some(post) = methods.get("post") else { continue };
        let examples = &post["requestBody"]["content"]["application/json"]["examples"];
        for (name, example) in examples.as_object().unwrap() {
            let reply = server.post(path, example["value"].to_string());
            assert_eq!(reply.status, 200, "{path}, {name}: {}", reply.body);
            tried += 1;
        }
    }
    assert_eq!(tried, 4, "rows, one row, named, tensors");
    let page = server.get("/docs");
    assert!(page.header("content-type").starts_with("text/html") && page.body.contains("/openapi.json"));
}

#[test]
fn a_caller_that_takes_no_json_is_told_so_before_its_body_is_read() {
    let server = classifier();
    let body = br#"{"instances":[[1,2]]}"#;
    for (accept, status) in [("text/html", 406), ("text/html, */*;q=0.1", 200), ("application/json", 200)] {
        assert_eq!(server.ask("POST", "/predict", &[("accept", accept)], body).status, status, "{accept}");
    }
}

#[test]
fn a_request_may_have_less_time_than_the_server_gives() {
    let server = Server::ready(&onnx::slow(200_000), &[]);
    let body = br#"{"instances":[[1,2]]}"#;
    let reply = server.ask("POST", "/predict", &[("x-request-timeout-ms", "1")], body);
    assert_eq!((reply.status, &reply.json()["error_code"]), (504, &json!("PREDICTION_TIMEOUT")));
    let reply = server.ask("POST", "/predict", &[("x-request-timeout-ms", "soon")], body);
    assert_eq!(reply.status, 422);
    assert_eq!(server.ask("POST", "/predict", &[("x-request-timeout-ms", "20000")], body).status, 200);
}
