//! Callers who err or mean harm: each gets a refusal in words, and nobody else notices.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use serde_json::{Value, json};

use crate::onnx;
use crate::support::{Server, now};

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

/// Numbers by a seed, the same in every run.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).unwrap()
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
    let rounds = if std::env::var_os("MLO_TEST_FULL").is_some() { 20_000 } else { 400 };
    let mut seeded = Seeded(0x9e37_79b9_7f4a_7c15);
    for round in 0..rounds {
        let (path, body) = bodies[round % bodies.len()];
        let mut body = body.as_bytes().to_vec();
        for _ in 0..=seeded.next(4) {
            let place = seeded.next(body.len());
            match seeded.next(5) {
                0 => body[place] = u8::try_from(seeded.next(256)).unwrap(),
                1 => drop(body.remove(place)),
                2 => body.insert(place, b"[]{}\",:0-e.\\u"[seeded.next(13)]),
                3 => body.truncate(place + 1),
                _ => body.extend_from_within(place..),
            }
        }
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
