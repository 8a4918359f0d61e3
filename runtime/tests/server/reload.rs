//! Models that are exchanged while they answer, several in one process, and models that end what loads them.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::onnx::{self, kind};
use crate::support::{Server, full, lay, now, until};

const TOKEN: &str = "the-token-of-the-operator";
const ADMIN: [(&str, &str); 1] = [("x-admin-token", TOKEN)];

/// `Y = a · X`: another model for each number.
fn times(a: f32) -> Vec<u8> {
    onnx::bytes(onnx::Graph {
        name: "times".to_owned(),
        node: vec![onnx::node("Mul", &["X", "A"], &["Y"])],
        initializer: vec![onnx::floats("A", &[1], &[a])],
        input: vec![onnx::port("X", kind::FLOAT, &[None, Some(1)])],
        output: vec![onnx::port("Y", kind::FLOAT, &[None, Some(1)])],
        ..onnx::Graph::default()
    })
}

/// Puts a file in the place of another at once, as whoever exchanges a model should.
fn exchange(folder: &Path, model: &[u8]) {
    lay(folder, "next", model);
    std::fs::rename(folder.join("next"), folder.join("iris.onnx")).unwrap();
}

fn reload(server: &Server) -> (u16, Value) {
    let reply = server.ask("POST", "/admin/reload", &ADMIN, b"");
    (reply.status, reply.json())
}

fn answer(server: &Server) -> Value {
    server.predict(&json!({"features": [[1.0]]}))["predictions"][0].clone()
}

#[test]
fn the_newest_model_takes_over_when_it_is_asked_for() {
    let server = Server::ready(&times(2.0), &["--admin-token", TOKEN, "--model-version", "1"]);
    let before = server.get("/ready").json()["digest"].clone();
    assert_eq!(reload(&server).1["status"], "noop");
    exchange(server.folder.path(), &times(3.0));
    assert_eq!(answer(&server), json!(2.0));
    let (status, outcome) = reload(&server);
    assert_eq!((status, &outcome["status"]), (200, &json!("reloaded")), "{outcome}");
    assert_eq!(answer(&server), json!(3.0));
    let after = server.get("/ready").json()["digest"].clone();
    assert!(after != before && outcome["digest"] == after, "{outcome}");
    assert!(server.get("/metrics").body.contains("ml_model_load_total{status=\"success\"} 2\n"));
}

#[test]
fn what_cannot_be_served_does_not_take_over() {
    let known = r#"{"request":{"instances":[[2]]},"response":{"predictions":[{"prediction":4.0}]}}"#;
    let folder = tempfile::tempdir().unwrap();
    let golden = lay(folder.path(), "golden.jsonl", known.as_bytes());
    let server = Server::ready(
        &times(2.0),
        &["--admin-token", TOKEN, "--golden", golden.to_str().unwrap(), "--load-seconds", "2"],
    );
    let rows: Vec<(&str, Vec<u8>, &str, &str)> = vec![
        ("nothing", Vec::new(), "the model file is not a usable ONNX model", "the model file is empty"),
        (
            "another answer",
            times(3.0),
            "the model does not give the answers that are known",
            "golden request 1: response.predictions[0].prediction is 6.0, and 4.0 is known",
        ),
        (
            "no end",
            onnx::slow(1_000_000_000_000),
            "the model takes too long to load",
            "loading the model and running it once took more than 2 seconds",
        ),
    ];
    for (what, model, reason, logged) in rows {
        exchange(server.folder.path(), &model);
        let (status, refusal) = reload(&server);
        assert_eq!((status, &refusal["error_code"]), (503, &json!("MODEL_LOAD_ERROR")), "{what}: {refusal}");
        assert_eq!(refusal["message"], reason, "{what}");
        assert_eq!(answer(&server), json!(2.0), "{what}: the one before goes on");
        assert_eq!(server.get("/ready").status, 200, "{what}");
        server.wait_for_log(logged);
    }
    exchange(server.folder.path(), &onnx::identity(kind::FLOAT, &[None, Some(1)], &[None, Some(1)]));
    assert_eq!(reload(&server).0, 503, "an identity is not twice its input");
}

#[test]
fn not_one_request_is_lost_while_models_are_exchanged() {
    let rounds: u32 = if full() { 200 } else { 12 };
    let server = Server::ready(&times(1.0), &["--admin-token", TOKEN]);
    let done = std::sync::atomic::AtomicBool::new(false);
    let answered: usize = std::thread::scope(|scope| {
        let ask = || {
            let mut answered = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let got = answer(&server).as_f64().unwrap();
                assert!((1.0..=f64::from(rounds)).contains(&got), "{got}");
                answered += 1;
            }
            answered
        };
        let callers: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        for round in 2..=rounds {
            exchange(server.folder.path(), &times(f32::from(u16::try_from(round).unwrap())));
            assert_eq!(reload(&server).1["status"], "reloaded");
            assert_eq!(answer(&server), json!(f64::from(round)));
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    assert!(answered > 50, "{answered}");
}

#[test]
fn of_many_reloads_at_once_one_waits_and_the_rest_are_told_so() {
    let server = Server::ready(&times(1.0), &["--admin-token", TOKEN, "--load-seconds", "2"]);
    // It takes its two seconds to be refused.
    exchange(server.folder.path(), &onnx::slow(1_000_000_000_000));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..20).map(|_| scope.spawn(|| reload(&server))).collect();
        let outcomes = asked.into_iter().map(|asked| asked.join().unwrap());
        outcomes
            .map(|(status, outcome)| {
                let expected = if status == 429 { "RELOAD_PENDING" } else { "MODEL_LOAD_ERROR" };
                assert_eq!(outcome["error_code"], expected, "{outcome}");
                status
            })
            .collect()
    });
    let done = statuses.iter().filter(|status| **status == 503).count();
    assert!((1..=4).contains(&done), "{statuses:?}");
    assert!(statuses.iter().filter(|status| **status == 429).count() >= 16, "{statuses:?}");
    assert_eq!(answer(&server), json!(1.0));
    exchange(server.folder.path(), &times(2.0));
    assert_eq!(reload(&server).1["status"], "reloaded");
}

#[cfg(unix)]
#[test]
fn a_hang_up_and_the_clock_ask_for_the_newest_model_too() {
    let server = Server::ready(&times(2.0), &[]);
    exchange(server.folder.path(), &times(3.0));
    server.signal(rustix::process::Signal::HUP);
    until("the reload", || (answer(&server) == json!(3.0)).then_some(()));
    let server = Server::ready(&times(2.0), &["--refresh-seconds", "1"]);
    exchange(server.folder.path(), &times(3.0));
    until("the refresh", || (answer(&server) == json!(3.0)).then_some(()));
}

#[test]
fn administration_needs_the_token_and_is_not_there_without_one() {
    let server = Server::ready(&times(2.0), &[]);
    assert_eq!(server.ask("POST", "/admin/reload", &ADMIN, b"").status, 404, "no token is set");
    let server = Server::ready(&times(2.0), &["--admin-token", TOKEN]);
    let bearer = format!("Bearer {TOKEN}");
    let rows: [(&[(&str, &str)], u16); 6] = [
        (&[], 403),
        (&[("x-admin-token", "the-token-of-the-operatoR")], 403),
        (&[("x-admin-token", "")], 403),
        (&[("authorization", "Bearer nothing")], 403),
        (&[("authorization", &bearer)], 200),
        (&ADMIN, 200),
    ];
    for (headers, status) in rows {
        assert_eq!(server.ask("POST", "/admin/reload", headers, b"").status, status, "{headers:?}");
        let path = "/v2/repository/models/iris/load";
        assert_eq!(server.ask("POST", path, headers, b"").status, status, "{headers:?}");
    }
    assert_eq!(server.ask("GET", "/admin/reload", &ADMIN, b"").status, 405);
    assert_eq!(server.ask("POST", "/admin/reload?model=other", &ADMIN, b"").status, 404);
    let shown = server.get("/metrics").body + &server.log() + &server.get("/openapi.json").body;
    assert!(!shown.contains(TOKEN), "the token is nowhere to be read");
}

#[test]
fn administration_may_have_a_listener_of_its_own() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let port = free.port().to_string();
    let server = Server::ready(&times(2.0), &["--admin-token", TOKEN, "--admin-port", &port]);
    assert_eq!(server.ask("POST", "/admin/reload", &ADMIN, b"").status, 404);
    let mut admin = server;
    let public = std::mem::replace(&mut admin.address, free);
    assert_eq!(admin.ask("POST", "/admin/reload", &ADMIN, b"").status, 200);
    assert_eq!(admin.get("/health").status, 200);
    assert_eq!(admin.post("/predict", r#"{"features":[[1]]}"#).status, 404);
    admin.address = public;
    assert_eq!(answer(&admin), json!(2.0));
}

#[test]
fn predictions_may_need_a_key() {
    let server = Server::ready(&times(2.0), &["--api-key", "sesame"]);
    let body = br#"{"features":[[1]]}"#;
    let infer = br#"{"inputs":[{"name":"X","shape":[1,1],"datatype":"FP32","data":[1]}]}"#;
    for (path, body) in [("/predict", body.as_slice()), ("/v2/models/iris/infer", infer)] {
        for headers in [&[][..], &[("x-api-key", "sesam")], &[("authorization", "Bearer x")]] {
            let refused = server.ask("POST", path, headers, body);
            assert_eq!(
                (refused.status, refused.header("www-authenticate")),
                (401, "Bearer"),
                "{path} {headers:?}"
            );
            assert_eq!(refused.json()["error_code"], "AUTHENTICATION_ERROR");
        }
        for headers in [[("x-api-key", "sesame")], [("authorization", "Bearer sesame")]] {
            assert_eq!(server.ask("POST", path, &headers, body).status, 200, "{path} {headers:?}");
        }
    }
    for path in ["/health", "/ready", "/metrics", "/v2/models/iris"] {
        assert_eq!(server.get(path).status, 200, "{path} is open");
    }
    assert!(
        server
            .get("/metrics")
            .body
            .contains(r#"api_errors_total{route="/predict",type="AUTHENTICATION_ERROR"} 3"#)
    );
}

#[test]
fn several_models_are_served_by_their_names() {
    let folder = tempfile::tempdir().unwrap();
    lay(folder.path(), "two.onnx", &times(2.0));
    lay(folder.path(), "three.onnx", &times(3.0));
    let models = json!({"models": [
        {"name": "two", "uri": "two.onnx", "version": "1.0.0"},
        {"name": "three", "uri": "three.onnx", "metrics": {"accuracy": 0.9}},
        {"name": "broken", "uri": "nowhere.onnx"},
    ]});
    let file = lay(folder.path(), "models.json", models.to_string().as_bytes());
    let server = Server::start(None, &["--models", file.to_str().unwrap(), "--admin-token", TOKEN]);
    assert_eq!(server.settled(), 503, "one of them does not answer");
    assert_eq!(server.get("/ready").json()["model"], "broken");
    assert_eq!(answer(&server), json!(2.0), "the first is the one that /predict asks");
    let body = r#"{"inputs":[{"name":"X","shape":[1,1],"datatype":"FP32","data":[1]}]}"#;
    for (model, status, value) in
        [("two", 200, 2.0), ("three", 200, 3.0), ("broken", 503, 0.0), ("four", 404, 0.0)]
    {
        let reply = server.post(&format!("/v2/models/{model}/infer"), body);
        assert_eq!(reply.status, status, "{model}: {}", reply.body);
        if status == 200 {
            assert_eq!(reply.json()["outputs"][0]["data"], json!([value]), "{model}");
        }
    }
    let index = server.ask("POST", "/v2/repository/index", &[], b"{}").json();
    let expected = json!([
        {"name": "two", "version": "1.0.0", "state": "READY", "reason": ""},
        {"name": "three", "version": "", "state": "READY", "reason": ""},
        {"name": "broken", "version": "", "state": "UNAVAILABLE", "reason": "the model file was not found"},
    ]);
    assert_eq!(index, expected);
    lay(folder.path(), "nowhere.onnx", &times(5.0));
    let path = "/v2/repository/models/broken/load";
    assert_eq!(server.ask("POST", path, &ADMIN, b"").json()["status"], "reloaded");
    assert_eq!(server.get("/ready").status, 200);
    let page = server.get("/metrics").body;
    for (model, version, count) in [("two", "1.0.0", 2), ("three", "", 1), ("broken", "", 1)] {
        let line = format!("inference_requests_total{{model=\"{model}\",version=\"{version}\"}} {count}\n");
        assert!(page.contains(&line), "{line}\n{page}");
    }
    assert!(page.contains(r#"ml_model_accuracy{model="three",version=""} 0.9"#));
}

/// Counts down from its input, one node a time.
fn countdown() -> Vec<u8> {
    let scalar = |name: &str, element| onnx::port(name, element, &[]);
    let body = onnx::Graph {
        name: "body".to_owned(),
        node: vec![
            onnx::node("Identity", &["cond"], &["cond_out"]),
            onnx::node("Identity", &["state"], &["state_out"]),
        ],
        input: vec![
            scalar("round", kind::INT64),
            scalar("cond", kind::BOOL),
            onnx::port("state", kind::INT64, &[None, Some(1)]),
        ],
        output: vec![scalar("cond_out", kind::BOOL), onnx::port("state_out", kind::INT64, &[None, Some(1)])],
        ..onnx::Graph::default()
    };
    onnx::bytes(onnx::Graph {
        name: "countdown".to_owned(),
        node: vec![
            onnx::node("ReduceMax", &["X"], &["rounds"]).with(onnx::Attribute::int("keepdims", 0)),
            onnx::node("Loop", &["rounds", "", "X"], &["Y"]).with(onnx::Attribute::graph("body", body)),
        ],
        input: vec![onnx::port("X", kind::INT64, &[None, Some(1)])],
        output: vec![onnx::port("Y", kind::INT64, &[None, Some(1)])],
        ..onnx::Graph::default()
    })
}

#[test]
fn a_run_that_does_not_end_ends_the_process_for_its_supervisor() {
    let mut server = Server::ready(&countdown(), &["--run-seconds", "1", "--request-timeout-ms", "500"]);
    assert_eq!(server.predict(&json!({"features": [[3]]})), json!({"predictions": [3]}));
    let start = now();
    let reply = server.post("/predict", r#"{"features":[[1000000000000]]}"#);
    assert_eq!(reply.status, 504, "{}", reply.body);
    assert!(start.elapsed() < Duration::from_secs(5));
    let (status, _) = server.ended();
    assert_eq!(status.code(), Some(70), "{}", server.log());
    assert!(server.log().contains("a run of the model does not end"), "{}", server.log());
}

#[test]
fn many_rows_of_a_model_for_one_row_are_many_runs_to_the_watchdog() {
    let size = 1024;
    let weights = vec![0.001; size * size];
    let layer = |from, to| onnx::node("MatMul", &[from, "W"], &[to]);
    let slow = onnx::bytes(onnx::Graph {
        name: "slow".to_owned(),
        node: vec![layer("X", "A"), layer("A", "B"), layer("B", "Y")],
        initializer: vec![onnx::floats("W", &[1024, 1024], &weights)],
        input: vec![onnx::port("X", onnx::kind::FLOAT, &[Some(1), Some(1024)])],
        output: vec![onnx::port("Y", onnx::kind::FLOAT, &[Some(1), Some(1024)])],
        ..onnx::Graph::default()
    });
    let server = Server::ready(&slow, &["--run-seconds", "1"]);
    let rows = vec![vec![0; size]; 1000];
    let reply = server.post("/predict", json!({ "features": rows }).to_string());
    assert_eq!(reply.status, 200, "{}", server.log());
    assert_eq!(server.get("/ready").status, 200);
}

#[test]
fn broken_copies_of_a_model_never_take_the_server_down() {
    let server = Server::ready(&times(2.0), &["--admin-token", TOKEN, "--load-seconds", "20"]);
    let good = onnx::classifier();
    // The same bytes each time: every one of some places is changed in turn.
    let places: Vec<usize> = (0..good.len()).step_by(good.len() / 12).collect();
    for (round, place) in places.into_iter().enumerate() {
        let mut broken = good.clone();
        broken[place] ^= 1 << (round % 8);
        exchange(server.folder.path(), &broken);
        let (status, outcome) = reload(&server);
        assert!(status == 200 || status == 503, "{round}: {outcome}");
        assert_eq!(server.get("/health").status, 200);
    }
    exchange(server.folder.path(), &times(4.0));
    assert_eq!(reload(&server).0, 200);
    assert_eq!(answer(&server), json!(4.0));
}
