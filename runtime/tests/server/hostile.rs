//! Callers who err or mean harm: each gets a refusal in words, and nobody else notices.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use serde_json::{Value, json};

use crate::onnx;
use crate::support::{Seeded, Server, full, now, until};

/// Nothing that a caller may not see.
fn discreet(body: &str) -> bool {
    !["/tmp", ".rs:", "panicked", "onnxruntime", "serde", "iris.onnx"].iter().any(|word| body.contains(word))
}

#[test]
fn every_refusal_has_its_status_code_and_words() {
    let server = Server::ready(&onnx::classifier(), &[]);
    let post = |body: &str| ("POST", "/predict", body.to_owned());
    let invalid = |message: &str, details: Value| (422, "VALIDATION_ERROR", message.to_owned(), details);
    let at = |path: &str, problem: &str| json!({"path": path, "problem": problem});
    let number = "is not a finite number";
    let rows = vec![
        (
            ("GET", "/nowhere", String::new()),
            (404, "NOT_FOUND", "there is nothing at this path".to_owned(), Value::Null),
        ),
        (
            ("GET", "/predict", String::new()),
            (405, "METHOD_NOT_ALLOWED", "this path does not take this method".to_owned(), Value::Null),
        ),
        (
            ("DELETE", "/health", String::new()),
            (405, "METHOD_NOT_ALLOWED", "this path does not take this method".to_owned(), Value::Null),
        ),
        (
            post("{"),
            invalid(
                "the body is not JSON (line 1, column 1)",
                json!({"problem": "malformed", "line": 1, "column": 1}),
            ),
        ),
        (
            post(""),
            invalid(
                "the body is not JSON (line 1, column 0)",
                json!({"problem": "malformed", "line": 1, "column": 0}),
            ),
        ),
        (post("{}"), invalid("body must hold `instances` or `features`", at("body", "no_input"))),
        (post("[]"), invalid("body is not an object", at("body", "not_an_object"))),
        (post(r#"{"instances":[]}"#), invalid("instances is empty", at("instances", "empty"))),
        (
            post(r#"{"rows":[[1,2]]}"#),
            invalid(
                "rows is not a key that is known here; `instances` and `features` are",
                at("rows", "unknown_key"),
            ),
        ),
        (
            post(r#"{"instances":[[1,2],[1,2,3]]}"#),
            invalid(
                "instances[1] has 3 values, 2 are expected",
                json!({"path": "instances[1]", "problem": "width", "expected": 2, "got": 3}),
            ),
        ),
        (
            post(r#"{"instances":[[1,2],[3,4],[5,"6"]]}"#),
            invalid(&format!("instances[2][1] {number}"), at("instances[2][1]", "not_a_number")),
        ),
        (
            post(r#"{"instances":[[1,NaN]]}"#),
            invalid(&format!("instances[0][1] {number}"), at("instances[0][1]", "not_a_number")),
        ),
        (
            post(r#"{"instances":[[1e999,1]]}"#),
            invalid(
                "instances[0][0] is beyond the range of the model's numbers",
                at("instances[0][0]", "out_of_range"),
            ),
        ),
        (
            post(&json!({"instances": vec![[1, 2]; 1001]}).to_string()),
            invalid("instances has more than 1000 rows", at("instances", "too_many_rows")),
        ),
    ];
    for ((method, path, body), (status, code, message, details)) in rows {
        let reply = server.ask(method, path, &[("x-request-id", "test-1")], body.as_bytes());
        let mut refusal = reply.json();
        let timestamp = refusal.as_object_mut().unwrap().remove("timestamp").unwrap();
        assert!(timestamp.as_str().unwrap().ends_with('Z'));
        let expected = json!({
            "error_code": code, "message": message, "details": details, "request_id": "test-1",
        });
        assert_eq!((reply.status, refusal), (status, expected), "{method} {path} {body:.80}");
        assert_eq!(reply.header("content-type"), "application/json");
        let allowed = match (status, path) {
            (405, "/predict") => Some("POST"),
            (405, _) => Some("GET,HEAD"),
            _ => None,
        };
        assert_eq!(
            reply.headers.get("allow").map(|allow| allow.to_str().unwrap()),
            allowed,
            "{method} {path}"
        );
    }
    assert_eq!(server.post("/predict", json!({"instances": vec![[1, 2]; 1000]}).to_string()).status, 200);
}

#[test]
fn a_request_id_is_given_back_and_a_strange_one_replaced() {
    let server = Server::ready(&onnx::classifier(), &[]);
    let id = |given: &str| {
        server.ask("GET", "/health", &[("x-request-id", given)], b"").header("x-request-id").to_owned()
    };
    assert_eq!(id("abc-1.2_3:4"), "abc-1.2_3:4");
    let long = "x".repeat(129);
    for strange in ["", "a b", "<script>", &long] {
        let replaced = id(strange);
        assert!(replaced != strange && replaced.len() < 40, "{strange}: {replaced}");
    }
    let ids: Vec<String> = (0..3).map(|_| server.get("/nowhere").header("x-request-id").to_owned()).collect();
    assert!(ids[0] != ids[1] && ids[1] != ids[2], "{ids:?}");
    let answer = server.ask("POST", "/predict", &[("x-request-id", "mine")], br#"{"instances":[[1,2]]}"#);
    assert_eq!((answer.header("x-request-id"), &answer.json()["request_id"]), ("mine", &json!("mine")));
}

#[test]
fn no_body_is_the_servers_fault() {
    let server = Server::ready(&onnx::classifier(), &[]);
    let big = format!(r#"{{"instances":[[{}1]]}}"#, "1,".repeat(200_000));
    let deep = "[".repeat(100_000);
    let bodies: Vec<Vec<u8>> = vec![
        b"null".to_vec(),
        b"\xff\xfe\x00".to_vec(),
        b"\x00".repeat(1000),
        br#"{"\ud800":1}"#.to_vec(),
        br#"{"instances":"[[1,2]]"}"#.to_vec(),
        br#"{"instances":[[1,2]],"instances":[[1,2]]}"#.to_vec(),
        br#"{"instances":[[1,2]],"features":[1,2]}"#.to_vec(),
        br#"{"instances":{"0":[1,2]}}"#.to_vec(),
        br#"{"instances":[[[1,2]]]}"#.to_vec(),
        br#"{"instances":[[1e400,-1e400]]}"#.to_vec(),
        br#"{"instances":[[0x10,1]]}"#.to_vec(),
        br#"{"instances":[[1,2]]} {"instances":[[1,2]]}"#.to_vec(),
        br#"{"instances":[[1,2],]}"#.to_vec(),
        br#"{"instances":[[.5,1]]}"#.to_vec(),
        br#"{"instances":[[-Infinity,1]]}"#.to_vec(),
        format!(r#"{{"{}":1}}"#, "k".repeat(100_000)).into_bytes(),
        format!(r#"{{"instances":{deep}"#).into_bytes(),
        format!(r#"{{"x":{deep}"#).into_bytes(),
        big.into_bytes(),
        br#"<?xml version="1.0"?><a/>"#.to_vec(),
        b"instances=1".to_vec(),
    ];
    for body in bodies {
        let reply = server.post("/predict", &body);
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert_eq!(reply.status, 422, "{shown}: {}", reply.body);
        assert!(discreet(&reply.body), "{shown}: {}", reply.body);
        assert!(reply.body.len() < 600, "{shown}: {} bytes", reply.body.len());
    }
    assert_eq!(server.post("/predict", r#"{"instances":[[1,2]]}"#).status, 200);
}

#[test]
fn bodies_too_large_and_compressed_ones_are_refused_unread() {
    let server = Server::ready(&onnx::classifier(), &[]);
    let declared = server.raw(b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n");
    assert!(declared.starts_with("HTTP/1.1 413 ") && declared.contains("PAYLOAD_TOO_LARGE"), "{declared}");
    let mut chunked = b"POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..11 {
        chunked.extend(b"100000\r\n");
        chunked.extend(b" ".repeat(0x10_0000));
        chunked.extend(b"\r\n");
    }
    let answer = server.raw(&chunked);
    assert!(answer.starts_with("HTTP/1.1 413 ") || answer.is_empty(), "{answer:.200}");
    let zipped = server.ask("POST", "/predict", &[("content-encoding", "gzip")], b"\x1f\x8b\x08");
    assert_eq!((zipped.status, &zipped.json()["error_code"]), (415, &json!("UNSUPPORTED_ENCODING")));
    assert_eq!(server.post("/predict", r#"{"instances":[[1,2]]}"#).status, 200);
}

#[test]
fn bytes_that_are_not_http_are_refused_or_cut() {
    let server = Server::ready(&onnx::classifier(), &[]);
    let headers = "x: y\r\n".repeat(200);
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(100_000));
    let rows: Vec<(&str, Vec<u8>)> = vec![
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("nothing", Vec::new()),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        (
            "two lengths",
            b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd"
                .to_vec(),
        ),
        (
            "a length with a sign",
            b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: +3\r\n\r\nabc".to_vec(),
        ),
        ("too many headers", format!("GET /health HTTP/1.1\r\nhost: x\r\n{headers}\r\n").into_bytes()),
        ("a path of 100 kB", long.into_bytes()),
        ("a NUL", b"GET /\x00 HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()),
        (
            "a bad chunk",
            b"POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_vec(),
        ),
        ("half a body", b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{".to_vec()),
    ];
    for (what, bytes) in rows {
        let answer = server.raw(&bytes);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{what}: {answer:.200}");
        assert!(discreet(&answer), "{what}: {answer:.200}");
    }
    assert_eq!(server.post("/predict", r#"{"instances":[[1,2]]}"#).status, 200);
}

#[test]
fn a_slow_head_is_cut_and_a_good_caller_beside_many_slow_ones_is_not_kept_waiting() {
    let server = Server::ready(&onnx::classifier(), &[]);
    let start = now();
    let mut slow: Vec<_> = (0..100)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(b"POST /predict HTTP/1.1\r\nhost:").unwrap();
            stream
        })
        .collect();
    let asked = now();
    assert_eq!(server.post("/predict", r#"{"instances":[[1,2]]}"#).status, 200);
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    let mut rest = Vec::new();
    // A cut is an end or a reset.
    let _ = slow[0].read_to_end(&mut rest);
    let waited = start.elapsed();
    assert!(waited > Duration::from_secs(9) && waited < Duration::from_secs(20), "cut after {waited:?}");
}

/// Bytes of memory that the server has resident.
#[cfg(target_os = "linux")]
fn resident_bytes(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
#[cfg(target_os = "linux")]
fn bodies_that_never_end_take_no_more_memory_than_all_requests_may() {
    let server = Server::ready(&onnx::classifier(), &["--requests-mb", "32"]);
    let before = resident_bytes(&server);
    let mut half = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 10485760\r\n\r\n".to_vec();
    half.extend(b" ".repeat(9 << 20));
    let halves: Vec<_> = (0..60)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(&half).unwrap();
            stream
        })
        .collect();
    let held = |server: &Server| -> u64 {
        let page = server.get("/metrics").body;
        let line = page.lines().find_map(|line| line.strip_prefix("api_inflight_bytes ")).unwrap();
        line.parse().unwrap()
    };
    until("the bodies", || (held(&server) > 16 << 20).then_some(()));
    let took = resident_bytes(&server).saturating_sub(before);
    assert!(took < 96 << 20, "{took} bytes more than before");
    let asked = now();
    assert_eq!(server.post("/predict", r#"{"instances":[[1,2]]}"#).status, 200, "a small one is taken");
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    let large = json!({"instances": vec![vec!["x".repeat(800_000)]; 10]}).to_string();
    let refused = server.post("/predict", large);
    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"), "{}", refused.body);
    assert_eq!(refused.json()["message"], "other requests hold too much memory already");
    drop(halves);
    until("what was held to be given back", || (held(&server) == 0).then_some(()));
}

/// `Y = 100 / X` in whole numbers.
fn division() -> Vec<u8> {
    onnx::bytes(onnx::Graph {
        name: "division".to_owned(),
        node: vec![onnx::node("Div", &["H", "X"], &["Y"])],
        initializer: vec![onnx::integers("H", &[1], &[100])],
        input: vec![onnx::port("X", onnx::kind::INT64, &[None, Some(1)])],
        output: vec![onnx::port("Y", onnx::kind::INT64, &[None, Some(1)])],
        ..onnx::Graph::default()
    })
}

/// Which of two words a row has; another word is none of its business.
fn one_hot() -> Vec<u8> {
    onnx::bytes(onnx::Graph {
        name: "one-hot".to_owned(),
        node: vec![
            onnx::node("OneHotEncoder", &["X"], &["Y"])
                .with(onnx::Attribute::texts("cats_strings", &["cat", "dog"]))
                .with(onnx::Attribute::int("zeros", 0)),
        ],
        input: vec![onnx::port("X", onnx::kind::STRING, &[None, Some(1)])],
        output: vec![onnx::port("Y", onnx::kind::FLOAT, &[None, Some(1), Some(2)])],
        ..onnx::Graph::default()
    })
}

#[test]
fn values_that_no_model_could_take_are_the_callers_fault_and_nobody_elses() {
    let rows = [
        (division(), r#"{"features":[[0]]}"#, r#"{"features":[[50]]}"#, json!([2])),
        (one_hot(), r#"{"features":[["cow"]]}"#, r#"{"features":[["dog"]]}"#, json!([[[0.0, 1.0]]])),
    ];
    for (model, wrong, right, expected) in rows {
        let server = Server::ready(&model, &[]);
        assert_eq!(server.post("/predict", right).json()["predictions"], expected, "{}", server.log());
        for _ in 0..3 {
            let refused = server.post("/predict", wrong);
            assert_eq!(refused.status, 422, "{}\n{}", refused.body, server.log());
            assert_eq!(refused.json()["error_code"], "VALIDATION_ERROR");
            assert_eq!(server.post("/predict", right).json()["predictions"], expected);
        }
        assert!(
            server.get("/metrics").body.contains("inference_errors_total{model=\"iris\",version=\"\"} 0\n")
        );
    }
    // The categories are the model's own: no made-up row has one of them.
    let server = Server::ready(&one_hot(), &[]);
    server.wait_for_log("not warmed up, since the model does not take rows that are made up");
}

#[test]
fn too_many_rows_at_once_are_refused_with_a_time_to_come_back() {
    let server = Server::ready(&onnx::slow(300_000), &[]);
    let body = json!({"instances": vec![[1, 2]; 1000]}).to_string();
    let overloaded = std::thread::scope(|scope| {
        let ask = || server.post("/predict", &body);
        let asked: Vec<_> = (0..10).map(|_| scope.spawn(ask)).collect();
        let health = now();
        assert_eq!(server.get("/health").status, 200);
        assert!(health.elapsed() < Duration::from_secs(1), "health is answered in the meantime");
        let replies = asked.into_iter().map(|thread| thread.join().unwrap());
        replies.filter(|reply| reply.status != 200).collect::<Vec<_>>()
    });
    assert!(!overloaded.is_empty(), "8,000 rows may wait, and 10,000 were sent");
    for reply in overloaded {
        assert_eq!((reply.status, reply.header("retry-after")), (503, "1"), "{}", reply.body);
        assert_eq!(reply.json()["error_code"], "OVERLOADED");
    }
}

#[test]
fn no_change_of_a_good_body_is_the_servers_fault() {
    let server =
        Server::ready(&onnx::classifier(), &["--model-name", "iris", "--feature", "a", "--feature", "b"]);
    let bodies = [
        ("/predict", r#"{"instances":[[1,2.5],[-3e2,4]]}"#),
        ("/predict", r#"{"instances":[{"a":1,"b":2},{"b":1e-3,"a":"x"}]}"#),
        ("/predict", r#"{"features":[1,2]}"#),
        (
            "/v2/models/iris/infer",
            r#"{"id":"é","inputs":[{"name":"X","shape":[1,2],"datatype":"FP32","data":[[1,2]]}],"outputs":[{"name":"label"}]}"#,
        ),
        (
            "/v2/models/iris/infer",
            r#"{"inputs":[{"parameters":{"binary_data_size":8},"name":"X","shape":[1,2],"datatype":"FP32"}]}12345678"#,
        ),
    ];
    let rounds = if full() { 20_000 } else { 400 };
    let mut seeded = Seeded(0x9e37_79b9_7f4a_7c15);
    for round in 0..rounds {
        let (path, body) = bodies[round % bodies.len()];
        let body = seeded.changed(body.as_bytes());
        let length = seeded.next(body.len() + 9).to_string();
        let headers: &[(&str, &str)] =
            if path.starts_with("/v2") { &[("inference-header-content-length", &length)] } else { &[] };
        let (status, _, answer) = server.exchange("POST", path, headers, &body);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let shown = String::from_utf8_lossy(&body).into_owned();
        assert!(status == 200 || (400..500).contains(&status), "{round}: {status} for {shown}: {answer}");
        assert!(status == 200 || discreet(&answer), "{shown}: {answer}");
    }
    assert_eq!(server.post("/predict", r#"{"instances":[[1,2]]}"#).status, 200);
}

#[test]
fn two_ways_to_say_how_long_a_body_is_are_one_too_many() {
    let server = Server::ready(&onnx::classifier(), &[]);
    let inner = "GET /health HTTP/1.1\r\nhost: x\r\n\r\n";
    for (what, head) in [
        (
            "a length and chunks",
            format!("content-length: {}\r\ntransfer-encoding: chunked\r\n", inner.len() + 5),
        ),
        ("chunks twice", "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n".to_owned()),
        ("chunks by another name", "transfer-encoding: xchunked\r\n".to_owned()),
        ("a length in two parts", "content-length: 1, 1\r\n".to_owned()),
        ("a folded line", "x: y\r\n z\r\ncontent-length: 0\r\n".to_owned()),
    ] {
        let bytes = format!("POST /predict HTTP/1.1\r\nhost: x\r\n{head}\r\n0\r\n\r\n{inner}");
        let answer = server.raw(bytes.as_bytes());
        assert!(!answer.contains("\"healthy\""), "{what}: the inner request was answered\n{answer}");
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{what}: {answer:.200}");
    }
}

/// A good request, head and body.
fn good_request() -> Vec<u8> {
    let body = r#"{"instances":[[1,2.5],[-3e2,4]]}"#;
    format!(
        "POST /predict HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-request-id: a\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// What is answered to these bytes. Who sends no end to them gets a moment, and is then told that nothing more comes.
fn answer_to(server: &Server, bytes: &[u8]) -> String {
    let mut stream = server.connect();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    // The server may close before everything is sent.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    if stream.read_to_end(&mut answer).is_err() {
        let _ = stream.shutdown(std::net::Shutdown::Write);
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let _ = stream.read_to_end(&mut answer);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn no_change_of_a_good_requests_bytes_is_the_servers_fault() {
    let server = Server::ready(&onnx::classifier(), &[]);
    let good = good_request();
    assert!(answer_to(&server, &good).starts_with("HTTP/1.1 200 "));
    let rounds = if full() { 20_000 } else { 300 };
    let mut seeded = Seeded(0x2545_f491_4f6c_dd1d);
    for round in 0..rounds {
        let bytes = seeded.changed(&good);
        let answer = answer_to(&server, &bytes);
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..1));
        assert!(answer.is_empty() || matches!(status, Some("1" | "2" | "4")), "{round}: {shown}: {answer}");
        assert!(!answer.contains("panicked"), "{shown}: {answer}");
    }
    assert!(answer_to(&server, &good).starts_with("HTTP/1.1 200 "), "{}", server.log());
}

/// Callers of every bad kind at once, again and again, while somebody asks what he may: how long his answers took.
fn beside_abuse(server: &Server, slow_connections: usize, rounds: usize) -> Vec<Duration> {
    let stop = std::sync::atomic::AtomicBool::new(false);
    let goes_on = || !stop.load(std::sync::atomic::Ordering::Relaxed);
    let head = "POST /predict HTTP/1.1\r\nhost: x\r\n";
    let bad: Vec<Vec<u8>> = [
        "content-length: 40\r\n\r\n{\"instances\":[[1,2],[3]]}               ".to_owned(),
        "content-length: 25\r\n\r\n{\"instances\":[[1e999,1]]}".to_owned(),
        "content-length: 30\r\n\r\n{\"instances\":[[\"\\ud800\",1.0]]}".to_owned(),
        "content-encoding: gzip\r\ncontent-length: 10000000\r\n\r\n\u{1f}".to_owned(),
        "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /health HTTP/1.1\r\n\r\n"
            .to_owned(),
        "content-length: 1000\r\n\r\n{".to_owned(),
        "transfer-encoding: chunked\r\n\r\nffffffff\r\n".to_owned(),
    ]
    .iter()
    .map(|rest| format!("{head}{rest}").into_bytes())
    .collect();
    let _slow: Vec<_> = (0..slow_connections)
        .map(|number| {
            let mut stream = server.connect();
            let half = if number % 2 == 0 {
                "POST /pre"
            } else {
                "POST /predict HTTP/1.1\r\ncontent-length: 9\r\n\r\n{"
            };
            stream.write_all(half.as_bytes()).unwrap();
            stream
        })
        .collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while goes_on() {
                for bytes in &bad {
                    let answer = server.raw(bytes);
                    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
                }
            }
        });
        // A body that never ends.
        scope.spawn(|| {
            while goes_on() {
                let mut stream = server.connect();
                let chunk = [b"10000\r\n".to_vec(), b" ".repeat(0x10000), b"\r\n".to_vec()].concat();
                let begun = stream.write_all(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes());
                let mut sent = begun.is_ok();
                while sent && goes_on() {
                    sent = stream.write_all(&chunk).is_ok();
                }
            }
        });
        let times = (0..rounds)
            .map(|_| {
                let asked = now();
                let reply = server.post("/predict", r#"{"instances":[[1,2]]}"#);
                assert_eq!(reply.status, 200, "{}", reply.body);
                std::thread::sleep(Duration::from_millis(5));
                asked.elapsed()
            })
            .collect();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        times
    })
}

#[test]
fn a_good_caller_beside_all_kinds_of_bad_ones_is_answered_soon() {
    let server = Server::ready(&onnx::classifier(), &[]);
    // The time that is asked for is that of a machine with nothing else to do.
    let (slow, rounds, max_ms) = if full() { (2000, 1000, 250) } else { (200, 50, 5000) };
    let mut times = beside_abuse(&server, slow, rounds);
    times.sort();
    let longest = times[times.len() - 1];
    assert!(
        longest < Duration::from_millis(max_ms),
        "{longest:?}, and half below {:?}",
        times[times.len() / 2]
    );
    assert_eq!(server.get("/health").status, 200);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}
