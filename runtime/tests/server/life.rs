//! From start to end: ports, the run file, signals, draining.

#![cfg(unix)]

use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::onnx;
use crate::support::{Server, command, full, lay, now, until};

/// What a server that ends by itself says, and how it ends.
fn failed(arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    lay(folder.path(), "good.onnx", &onnx::classifier());
    lay(folder.path(), "text.so", b"this is no library, though it has its name");
    let output = command(folder.path(), arguments).stderr(Stdio::piped()).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), text.replace(&folder.path().canonicalize().unwrap().display().to_string(), ""))
}

#[test]
fn what_keeps_the_server_from_starting_is_said_and_exits_with_1() {
    let digest = "0".repeat(64);
    let rows: Vec<(Vec<&str>, &str)> = vec![
        (vec!["--no-such-flag"], "unexpected argument '--no-such-flag'"),
        (vec!["--port", "many"], "invalid value 'many' for '--port <PORT>'"),
        (vec!["--metrics-json", r#"{"accuracy":"high"}"#], "`accuracy` is not one"),
        (
            vec!["--port", "0", "--run-file", "no/such/folder/run.json"],
            "cannot write the run file /no/such/folder/run.json",
        ),
        (vec!["--port", "0", "--host", "203.0.113.1"], "cannot listen on 203.0.113.1:0"),
        (
            vec!["--port", "0", "--require-model"],
            "no model is configured; name one with --model or MODEL_URI",
        ),
        (vec!["--port", "0", "--require-model", "--model", "nowhere.onnx"], "there is no model at"),
        (
            vec!["--port", "0", "--require-model", "--model", "good.onnx", "--sha256", &digest],
            "--require-model is set, and the model file does not have the expected digest",
        ),
        (
            vec!["--port", "0", "--require-model", "--model", "good.onnx", "--onnxruntime", "nowhere.so"],
            "--onnxruntime (MLO_ONNXRUNTIME) does not name a usable ONNX Runtime\n      /nowhere.so: not there",
        ),
        (
            vec!["--port", "0", "--require-model", "--model", "good.onnx", "--onnxruntime", "text.so"],
            "/text.so: not a shared library of this operating system\n    Obtain it with `cargo xtask demo`",
        ),
    ];
    for (arguments, expected) in rows {
        let (code, said) = failed(&arguments);
        assert!(code == Some(1) && said.contains(expected), "{arguments:?}: {code:?}\n{said}");
    }
}

#[test]
fn without_onnxruntime_the_server_lives_and_its_log_lists_the_places_and_the_mend() {
    let folder = tempfile::tempdir().unwrap();
    lay(folder.path(), "iris.onnx", &onnx::classifier());
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let mut child = command(folder.path(), &["--port", "0", "--model", "iris.onnx"])
        .env_clear()
        .env("HOME", folder.path())
        .stderr(log)
        .spawn()
        .unwrap();
    let log = until("the reason", || {
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
        log.contains("--onnxruntime").then_some(log)
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(log.contains("ONNX Runtime was not found"), "{log}");
    assert!(log.contains(".cache/mlo/onnxruntime/1.31.1/"), "{log}");
    assert!(log.contains("`pip install onnxruntime==1.31.1`"), "{log}");
}

#[test]
fn a_taken_port_is_an_error_or_with_the_flag_another_port() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, said) = failed(&["--port", &port]);
    let expected = format!(
        "port {port} on 127.0.0.1 is taken; stop what listens there, choose another with --port, or let \
         --port-fallback choose"
    );
    assert!(code == Some(1) && said.contains(&expected), "{code:?} {said}");
    let server = Server::start(None, &["--port", &port, "--port-fallback"]);
    assert_ne!(server.address.port().to_string(), port);
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn the_run_file_says_who_runs_and_is_gone_at_the_end() {
    let arguments = ["--instance", "token-7", "--model-name", "iris", "--model-version", "1.0.0"];
    let mut server = Server::ready(&onnx::classifier(), &arguments);
    let digest = server.get("/ready").json()["digest"].clone();
    let record = until("the digest", || server.run_file().filter(|record| record["digest"] == digest));
    let keys: Vec<&str> = record.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "format_version",
        "pid",
        "port",
        "url",
        "instance",
        "digest",
        "model",
        "version",
        "started_at",
        "start_ticks",
    ];
    assert_eq!(keys, expected);
    assert_eq!(record["pid"], server.child.id());
    assert_eq!(record["url"], format!("http://{}", server.address));
    for (key, expected) in [("instance", "token-7"), ("model", "iris"), ("version", "1.0.0")] {
        assert_eq!(record[key], expected);
    }
    assert_eq!(server.get("/ready").json()["instance"], "token-7");
    assert_eq!(server.get("/health").json()["instance"], "token-7");
    server.signal(Signal::TERM);
    let (status, took) = server.ended();
    assert!(status.success() && took < Duration::from_secs(3), "{status} after {took:?}\n{}", server.log());
    assert_eq!(server.run_file(), None);
}

#[test]
fn a_container_can_say_everything_by_its_environment() {
    let folder = tempfile::tempdir().unwrap();
    let model = lay(folder.path(), "any.onnx", &onnx::classifier());
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let child = command(folder.path(), &[])
        .env("MODEL_URI", format!("file://{}", model.display()))
        .env("MODEL_NAME", "iris")
        .env("MODEL_VERSION", "2.1.0")
        .env("MODEL_LABELS", "setosa\nversicolor, the second\nvirginica")
        .env("MODEL_METRICS_JSON", r#"{"accuracy":0.9}"#)
        .env("MLO_RUNTIME_PORT", "0")
        .env("MLO_RUNTIME_RUN_FILE", "run.json")
        .env("MLO_RUNTIME_REQUIRE_MODEL", "true")
        .env("MLO_RUNTIME_LOG_FORMAT", "json")
        .stderr(log)
        .spawn()
        .unwrap();
    let mut server = Server { folder, child, address: "127.0.0.1:0".parse().unwrap() };
    let port = until("listening", || server.run_file().and_then(|record| record["port"].as_u64()));
    server.address.set_port(u16::try_from(port).unwrap());
    assert_eq!(server.settled(), 200, "{}", server.log());
    let info = server.get("/model/info").json();
    assert_eq!((&info["name"], &info["version"]), (&json!("iris"), &json!("2.1.0")));
    assert_eq!(info["classes"], json!(["setosa", "versicolor, the second", "virginica"]));
    for line in server.log().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["level"], "info", "{line}");
    }
}

#[test]
fn an_empty_variable_is_one_that_is_not_set() {
    let folder = tempfile::tempdir().unwrap();
    lay(folder.path(), "iris.onnx", &onnx::classifier());
    let output = command(folder.path(), &["--model", "iris.onnx", "--require-model"])
        .env("MLO_RUNTIME_ADMIN_PORT", "")
        .env("MODEL_SHA256", "")
        .env("LOG_LEVEL", "")
        .env("MLO_RUNTIME_HOST", "")
        .env("MLO_RUNTIME_BATCH_ROWS", "")
        .env("MLO_RUNTIME_DETACHED", "")
        .env("MLO_RUNTIME_PORT", "none")
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("invalid value 'none' for '--port <PORT>'"), "only that one is wrong: {said}");
}

/// Waits until the model works on something.
fn working(server: &Server) {
    until("the request to arrive", || {
        server.get("/metrics").body.contains("\ninference_queue_rows 1\n").then_some(())
    });
}

#[test]
fn what_was_accepted_is_answered_before_the_end_even_beside_a_half_sent_request() {
    let mut server = Server::ready(&onnx::slow(1_500_000), &["--drain-seconds", "20"]);
    let mut half = server.connect();
    half.write_all(b"POST /predict HTTP/1.1\r\nhost:").unwrap();
    let idle = server.connect();
    let reply = std::thread::scope(|scope| {
        let asked = scope.spawn(|| server.post("/predict", r#"{"instances":[[1,2]]}"#));
        working(&server);
        server.signal(Signal::TERM);
        asked.join().unwrap()
    });
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.json()["predictions"][0]["prediction"], json!([1_500_001.0, 1_500_002.0]));
    let (status, took) = server.ended();
    assert!(status.success(), "{status}\n{}", server.log());
    assert!(took < Duration::from_secs(5), "the half-sent request held the end up for {took:?}");
    assert!(server.log().contains("stopped unanswered=0"), "{}", server.log());
    drop((half, idle));
}

#[test]
fn a_half_sent_body_is_cut_at_the_end_of_the_draining_time() {
    let mut server = Server::ready(&onnx::classifier(), &["--drain-seconds", "2"]);
    let mut half = server.connect();
    half.write_all(b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{").unwrap();
    until("the request to arrive", || {
        server.get("/metrics").body.contains("\napi_inflight_requests 2\n").then_some(())
    });
    server.signal(Signal::TERM);
    let (status, took) = server.ended();
    assert!(status.success(), "{status}\n{}", server.log());
    assert!(took > Duration::from_millis(1500) && took < Duration::from_secs(8), "{took:?}");
    assert!(server.log().contains("cut what was left requests=1"), "{}", server.log());
}

#[test]
fn while_a_load_balancer_notices_the_server_answers_but_is_not_ready() {
    let mut server = Server::ready(&onnx::classifier(), &["--lame-duck-seconds", "2"]);
    server.signal(Signal::INT);
    let ready = until("draining", || {
        let ready = server.get("/ready");
        (ready.status == 503).then_some(ready)
    });
    assert_eq!((&ready.json()["status"], ready.header("connection")), (&json!("draining"), "close"));
    assert_eq!(server.post("/predict", r#"{"instances":[[1,2]]}"#).status, 200);
    let (status, took) = server.ended();
    assert!(status.success() && took > Duration::from_secs(1), "{status} after {took:?}");
}

/// Asks on one connection until an answer says that it is the last; how many requests were sent and not answered.
fn lost(address: std::net::SocketAddr) -> usize {
    let body = r#"{"instances":[[1,2]]}"#;
    let request =
        format!("POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    loop {
        if stream.write_all(request.as_bytes()).is_err() {
            return 1;
        }
        let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
        // The body ends with the outermost of its braces.
        while !answer.ends_with(b"}") {
            match stream.read(&mut buffer) {
                Ok(count) if count > 0 => answer.extend(&buffer[..count]),
                _ => return 1,
            }
        }
        let answer = String::from_utf8_lossy(&answer).to_lowercase();
        if !answer.starts_with("http/1.1 200") {
            return 1;
        }
        if answer.contains("connection: close") {
            return 0;
        }
    }
}

#[test]
fn a_stop_loses_no_request_of_callers_that_keep_their_connections() {
    let rounds = if full() { 50 } else { 3 };
    for _ in 0..rounds {
        let mut server = Server::ready(&onnx::classifier(), &["--lame-duck-seconds", "1"]);
        let address = server.address;
        let callers: Vec<_> = (0..16).map(|_| std::thread::spawn(move || lost(address))).collect();
        until("calls", || server.get("/metrics").body.contains("endpoint=\"/predict\"").then_some(()));
        server.signal(Signal::TERM);
        let lost: usize = callers.into_iter().map(|caller| caller.join().unwrap()).sum();
        assert_eq!(lost, 0, "{}", server.log());
        assert!(server.ended().0.success(), "{}", server.log());
    }
}

/// Starts a server that loads a model, stops it some time after it listens, and says how it ended.
fn stopped_while_loading(home: &std::path::Path, after: Duration) -> (std::process::ExitStatus, String) {
    let folder = tempfile::tempdir().unwrap();
    lay(folder.path(), "iris.onnx", &onnx::classifier());
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let arguments = ["--port", "0", "--run-file", "run.json", "--model", "iris.onnx"];
    let mut command = command(folder.path(), &arguments);
    let child = command.env("XDG_CACHE_HOME", home).stderr(log).spawn().unwrap();
    let mut server = Server { folder, child, address: "127.0.0.1:0".parse().unwrap() };
    until("listening", || server.run_file());
    std::thread::sleep(after);
    server.signal(Signal::TERM);
    let (status, took) = server.ended();
    assert!(took < Duration::from_secs(3), "{took:?}\n{}", server.log());
    (status, server.log())
}

#[test]
fn a_stop_while_a_model_is_loaded_is_a_stop_like_any_other() {
    let rounds = if full() { 300 } else { 16 };
    let warm = tempfile::tempdir().unwrap();
    for round in 0..rounds {
        // In every other round the model is known to be good, and loaded without a trial.
        let cold = tempfile::tempdir().unwrap();
        let home = if round % 2 == 0 { cold.path() } else { warm.path() };
        let after = Duration::from_millis(round * 7 % 120);
        let (status, log) = stopped_while_loading(home, after);
        assert_eq!(status.code(), Some(0), "{status} {after:?} after it listened\n{log}");
        assert!(!log.contains("error"), "{log}");
    }
}

#[test]
fn a_trial_does_not_outlive_the_server() {
    let mut server = Server::start(Some(&onnx::slow(1_000_000_000_000)), &[]);
    let trial = until("the trial", || {
        let children = format!("/proc/{0}/task", server.child.id());
        let mut tasks = std::fs::read_dir(children).unwrap().flatten();
        tasks.find_map(|task| {
            let ids = std::fs::read_to_string(task.path().join("children")).ok()?;
            ids.split_whitespace().next().map(str::to_owned)
        })
    });
    // A moment for the trial to be one.
    std::thread::sleep(Duration::from_millis(200));
    server.signal(Signal::KILL);
    server.ended();
    let stat = format!("/proc/{trial}/stat");
    until("the end of the trial", || {
        // Whoever inherits it may take a while to look after it.
        let stat = std::fs::read_to_string(&stat).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    });
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut server = Server::ready(&onnx::classifier(), &["--lame-duck-seconds", "600"]);
    server.signal(Signal::TERM);
    until("draining", || (server.get("/ready").status == 503).then_some(()));
    server.signal(Signal::TERM);
    let (status, took) = server.ended();
    assert!(status.success() && took < Duration::from_secs(2), "{status} after {took:?}");
}

#[test]
fn a_detached_server_outlives_a_hang_up() {
    let detached = Server::ready(&onnx::classifier(), &["--detached"]);
    detached.signal(Signal::HUP);
    let start = now();
    while start.elapsed() < Duration::from_millis(300) {
        assert_eq!(detached.get("/ready").status, 200);
    }
}

#[test]
fn a_log_that_nobody_reads_does_not_stop_the_answers() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--port", "0", "--run-file", "run.json", "--log-level", "debug"];
    // The pipe is never read: it holds some 64 kB.
    let child = command(folder.path(), &arguments).stderr(Stdio::piped()).spawn().unwrap();
    let mut server = Server { folder, child, address: "127.0.0.1:0".parse().unwrap() };
    let port = until("listening", || server.run_file().and_then(|record| record["port"].as_u64()));
    server.address.set_port(u16::try_from(port).unwrap());
    for _ in 0..3000 {
        assert_eq!(server.get("/nowhere").status, 404);
    }
    assert!(!server.get("/metrics").body.contains("\nlog_lines_dropped_total 0\n"));
}
