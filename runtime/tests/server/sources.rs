//! Models that are fetched: from web servers, registries of models and of images, and stores of objects.
//!
//! The other side is a server of a few lines that answers by a table and keeps what it was asked.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::onnx;
use crate::support::{Server, command, until};

/// Status, headers and body.
type Answer = (u16, Vec<(&'static str, String)>, Vec<u8>);

/// What it answers by path and query, and the heads that it was asked with.
#[derive(Clone)]
struct Web {
    address: SocketAddr,
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    asked: Arc<Mutex<Vec<String>>>,
    /// The latest body that was sent to each path.
    bodies: Arc<Mutex<HashMap<String, Vec<u8>>>>,
}

impl Web {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let web = Self {
            address: listener.local_addr().unwrap(),
            answers: Arc::default(),
            asked: Arc::default(),
            bodies: Arc::default(),
        };
        let server = web.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                std::thread::spawn(move || server.answer(&stream));
            }
        });
        web
    }

    fn answer(&self, mut stream: &std::net::TcpStream) {
        let mut reader = BufReader::new(stream);
        loop {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if reader.read_line(&mut head).unwrap_or(0) == 0 {
                    return;
                }
            }
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let path = head.split(' ').nth(1).unwrap().to_owned();
            self.asked.lock().unwrap().push(head);
            self.bodies.lock().unwrap().insert(path.clone(), body);
            let (status, headers, body) = self.answers.lock().unwrap().get(&path).cloned().unwrap_or((
                404,
                Vec::new(),
                path.into_bytes(),
            ));
            let headers: String =
                headers.iter().flat_map(|(name, value)| [name, ": ", value, "\r\n"]).collect();
            let head = format!("HTTP/1.1 {status} x\r\n{headers}content-length: {}\r\n\r\n", body.len());
            stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
        }
    }

    fn put(&self, path: &str, body: impl Into<Vec<u8>>) {
        self.put_answer(path, (200, Vec::new(), body.into()));
    }

    fn put_answer(&self, path: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// What was sent to this path, once something was.
    fn body_of(&self, path: &str) -> Option<Vec<u8>> {
        self.bodies.lock().unwrap().get(path).cloned()
    }

    /// The head of the latest request for this path.
    fn head_of(&self, path: &str) -> String {
        let asked = self.asked.lock().unwrap();
        asked.iter().rev().find(|head| head.split(' ').nth(1) == Some(path)).cloned().unwrap_or_default()
    }
}

/// A server with variables and a cache of its own, once it is settled: the status of `/ready`.
fn serve(cache: &tempfile::TempDir, arguments: &[&str], variables: &[(&str, &str)]) -> (Server, u16) {
    let folder = tempfile::tempdir().unwrap();
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let arguments = [&["--port", "0", "--run-file", "run.json"], arguments].concat();
    let mut command = command(folder.path(), &arguments);
    // The library is not found in a cache of the test's own.
    let library = crate::support::library();
    command.env("XDG_CACHE_HOME", cache.path()).env("MLO_ONNXRUNTIME", library);
    for (name, value) in variables {
        command.env(name, value);
    }
    let child = command.stdin(Stdio::null()).stderr(log).spawn().unwrap();
    let mut server = Server { folder, child, address: "127.0.0.1:0".parse().unwrap() };
    let port = until("listening", || server.run_file().and_then(|record| record["port"].as_u64()));
    server.address.set_port(u16::try_from(port).unwrap());
    let status = server.settled();
    (server, status)
}

fn digest(bytes: &[u8]) -> String {
    let digits: Vec<String> = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{}", digits.concat())
}

#[test]
fn a_model_comes_by_http_and_is_kept_by_its_digest() {
    let (web, cache) = (Web::start(), tempfile::tempdir().unwrap());
    let model = onnx::classifier();
    web.put_answer("/latest", (302, vec![("location", "/models/iris.onnx".to_owned())], Vec::new()));
    web.put("/models/iris.onnx", model.clone());
    let uri = format!("http://{}/latest", web.address);
    let (server, status) = serve(&cache, &["--model", &uri], &[]);
    assert_eq!(status, 200, "{}", server.log());
    assert_eq!(server.get("/ready").json()["digest"], digest(&model));
    drop(server);
    let before = web.asked.lock().unwrap().len();
    let kept = ["--model", uri.as_str(), "--sha256", &digest(&model)];
    let (server, status) = serve(&cache, &kept, &[]);
    assert_eq!((status, web.asked.lock().unwrap().len()), (200, before), "{}", server.log());
    web.put("/models/iris.onnx", onnx::regression());
    let other = format!("http://{}/models/iris.onnx", web.address);
    let wrong = ["--model", other.as_str(), "--sha256", &"0".repeat(64)];
    let (server, status) = serve(&cache, &wrong, &[]);
    assert_eq!(status, 503);
    assert_eq!(server.get("/ready").json()["reason"], "the model file does not have the expected digest");
}

#[test]
fn what_cannot_be_fetched_is_said_without_the_address() {
    let (web, cache) = (Web::start(), tempfile::tempdir().unwrap());
    let nowhere = format!("http://{}/nowhere.onnx", web.address);
    let rows = [
        (nowhere.as_str(), "the model could not be fetched", "answers 404"),
        ("http://169.254.169.254/model.onnx", "the model could not be fetched", "metadata service has"),
        (
            "models:/iris/1",
            "the model URI is not supported",
            "MLFLOW_TRACKING_URI is needed for models: URIs",
        ),
        ("s3://bucket/model.onnx", "the model URI is not supported", "AWS_ACCESS_KEY_ID"),
        ("oci://", "the model URI is not supported", "`oci://registry/repository@sha256:…`"),
    ];
    for (uri, reason, logged) in rows {
        let (server, status) = serve(&cache, &["--model", uri], &[]);
        assert_eq!((status, &server.get("/ready").json()["reason"]), (503, &json!(reason)), "{uri}");
        server.wait_for_log(logged);
    }
}

#[test]
fn a_registry_of_mlflow_says_which_version_a_stage_or_an_alias_is() {
    let (web, cache) = (Web::start(), tempfile::tempdir().unwrap());
    let api = "/api/2.0/mlflow";
    let artifacts = "/api/2.0/mlflow-artifacts/artifacts";
    let version = |version: &str| json!({"model_version": {"name": "iris", "version": version}}).to_string();
    let latest = json!({"model_versions": [{"name": "iris", "version": "7"}]}).to_string();
    web.put(&format!("{api}/registered-models/alias?name=iris&alias=champion"), version("7"));
    web.put(&format!("{api}/registered-models/get-latest-versions?name=iris&stages=Production"), latest);
    let place = json!({"artifact_uri": "mlflow-artifacts:/1/models/m-1/artifacts"}).to_string();
    web.put(&format!("{api}/model-versions/get-download-uri?name=iris&version=7"), place);
    let files = json!({"files": [{"path": "MLmodel", "is_dir": false}, {"path": "data", "is_dir": true}]})
        .to_string();
    web.put(&format!("{artifacts}?path=1/models/m-1/artifacts"), files);
    let files =
        json!({"files": [{"path": "model.onnx", "is_dir": false}, {"path": "../x.onnx", "is_dir": false}]});
    web.put(&format!("{artifacts}?path=1/models/m-1/artifacts/data"), files.to_string());
    let file = format!("{artifacts}/1/models/m-1/artifacts/data/model.onnx");
    web.put(&file, onnx::classifier());
    let tracking = format!("http://{}", web.address);
    let basic = [
        ("MLFLOW_TRACKING_URI", tracking.as_str()),
        ("MLFLOW_TRACKING_USERNAME", "ann"),
        ("MLFLOW_TRACKING_PASSWORD", "secret"),
    ];
    for arguments in [&["--model", "models:/iris@champion"][..], &["--mlflow-model-name", "iris"]] {
        let (server, status) = serve(&cache, arguments, &basic);
        assert_eq!(status, 200, "{}", server.log());
        let ready = server.get("/ready").json();
        assert_eq!((&ready["model"], &ready["version"]), (&json!("iris"), &json!("7")), "{arguments:?}");
        assert!(
            web.head_of(&file).contains("authorization: Basic YW5uOnNlY3JldA=="),
            "{}",
            web.head_of(&file)
        );
        assert!(!server.log().contains("secret"));
    }
    let token = [("MLFLOW_TRACKING_URI", tracking.as_str()), ("MLFLOW_TRACKING_TOKEN", "t0ken")];
    let (server, status) = serve(&cache, &["--model", "models:/iris/7", "--admin-token", "admin"], &token);
    assert_eq!(status, 200, "{}", server.log());
    assert!(web.head_of(&file).contains("authorization: Bearer t0ken"));
    // The alias of another day: what answers follows.
    web.put(&file, onnx::regression());
    let reply = server.ask("POST", "/admin/reload", &[("x-admin-token", "admin")], b"");
    assert_eq!(reply.json()["status"], "reloaded", "{}", reply.body);
}

/// `Y = W · X` with its weight in a file beside it, as `MLflow` saves models.
fn in_two_files() -> (Vec<u8>, Vec<u8>) {
    let entry = |key: &str, value: &str| onnx::Entry { key: key.to_owned(), value: value.to_owned() };
    let external_data = vec![entry("location", "model.onnx.data"), entry("length", "4")];
    let weight = onnx::Tensor { external_data, data_location: 1, ..onnx::floats("W", &[1], &[]) };
    let model = onnx::bytes(onnx::Graph {
        name: "times".to_owned(),
        node: vec![onnx::node("Mul", &["X", "W"], &["Y"])],
        initializer: vec![weight],
        input: vec![onnx::port("X", onnx::kind::FLOAT, &[None, Some(1)])],
        output: vec![onnx::port("Y", onnx::kind::FLOAT, &[None, Some(1)])],
        ..onnx::Graph::default()
    });
    (model, 3.0_f32.to_le_bytes().to_vec())
}

#[test]
fn a_model_comes_with_the_files_that_hold_its_weights() {
    let (web, cache) = (Web::start(), tempfile::tempdir().unwrap());
    let (model, data) = in_two_files();
    let listing = format!("{}  -\n{}  model.onnx.data\n", &digest(&model)[7..], &digest(&data)[7..]);
    let both = digest(listing.as_bytes());
    // A folder, a registry of MLflow, a store of objects, a registry of images.
    let folder = tempfile::tempdir().unwrap();
    crate::support::lay(folder.path(), "model.onnx", &model);
    crate::support::lay(folder.path(), "model.onnx.data", &data);
    let artifacts = "/api/2.0/mlflow-artifacts/artifacts";
    let place = json!({"artifact_uri": "mlflow-artifacts:/m"}).to_string();
    web.put("/api/2.0/mlflow/model-versions/get-download-uri?name=iris&version=7", place);
    let files = json!({"files": [{"path": "model.onnx"}, {"path": "model.onnx.data"}]}).to_string();
    web.put(&format!("{artifacts}?path=m"), files);
    web.put(&format!("{artifacts}/m/model.onnx"), model.clone());
    web.put(&format!("{artifacts}/m/model.onnx.data"), data.clone());
    web.put("/models/iris/model.onnx", model.clone());
    web.put("/models/iris/model.onnx.data", data.clone());
    let layer = |bytes: &[u8], name: &str| json!({"digest": digest(bytes), "annotations": {"org.opencontainers.image.title": name}});
    let layers =
        json!({"layers": [layer(&model, "model.onnx"), layer(&data, "model.onnx.data")]}).to_string();
    web.put("/v2/iris/manifests/1", layers);
    web.put(&format!("/v2/iris/blobs/{}", digest(&model)), model.clone());
    web.put(&format!("/v2/iris/blobs/{}", digest(&data)), data.clone());
    let endpoint = format!("http://{}", web.address);
    let variables = [
        ("MLFLOW_TRACKING_URI", endpoint.as_str()),
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "sEcReT"),
    ];
    let image = format!("oci://{}/iris:1", web.address);
    for uri in [folder.path().to_str().unwrap(), "models:/iris/7", "s3://models/iris/model.onnx", &image] {
        let (server, status) = serve(&cache, &["--model", uri], &variables);
        assert_eq!(status, 200, "{uri}: {}", server.log());
        assert_eq!(server.get("/ready").json()["digest"], both, "{uri}");
        assert_eq!(server.predict(&json!({"features": [[2]]})), json!({"predictions": [6.0]}), "{uri}");
    }
    let before = web.asked.lock().unwrap().len();
    let (server, status) = serve(&cache, &["--model", "models:/iris/7", "--sha256", &both], &variables);
    assert_eq!((status, web.asked.lock().unwrap().len()), (200, before), "it is kept: {}", server.log());
    let alone = format!("{endpoint}/models/iris/model.onnx");
    let (server, status) = serve(&cache, &["--model", &alone], &variables);
    assert_eq!(status, 503, "a single address has no folder");
    server.wait_for_log("there is no such file beside the model");
}

/// Half of what comes, summed up, 128 times: its weights are just large enough for a file of their own.
fn halves() -> Vec<u8> {
    let raw_data: Vec<u8> = (0..256).flat_map(|_| 0.5_f32.to_le_bytes()).collect();
    onnx::bytes(onnx::Graph {
        name: "halves".to_owned(),
        node: vec![onnx::node("MatMul", &["X", "W"], &["Y"])],
        initializer: vec![onnx::Tensor { raw_data, ..onnx::floats("W", &[2, 128], &[]) }],
        input: vec![onnx::port("X", onnx::kind::FLOAT, &[None, Some(2)])],
        output: vec![onnx::port("Y", onnx::kind::FLOAT, &[None, Some(128)])],
        ..onnx::Graph::default()
    })
}

/// A server of `MLflow` that runs; killed when dropped.
struct Mlflow {
    child: std::process::Child,
    address: String,
    folder: tempfile::TempDir,
    python: std::path::PathBuf,
}

impl Drop for Mlflow {
    fn drop(&mut self) {
        // Its workers are its children, in a group of their own.
        #[cfg(unix)]
        let _ = rustix::process::kill_process_group(
            rustix::process::Pid::from_child(&self.child),
            rustix::process::Signal::KILL,
        );
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Mlflow {
    fn start() -> Self {
        let python = crate::support::tool("MLO_TEST_MLFLOW_PYTHON", "mlflow-3.17.2-", "bin/python");
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = std::process::Command::new(&python);
        command.args(["-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1", "--port", &port]);
        command.args(["--backend-store-uri", "sqlite:///mlflow.db", "--artifacts-destination", "artifacts"]);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.current_dir(folder.path()).spawn().unwrap();
        Self { child, address: format!("127.0.0.1:{port}"), folder, python }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Waits until it answers. It imports a lot, and fills a database.
    fn wait(&mut self) {
        let start = crate::support::now();
        while start.elapsed() < std::time::Duration::from_mins(3) {
            assert!(self.child.try_wait().unwrap().is_none(), "{}", self.log());
            let ask = || -> std::io::Result<String> {
                let mut stream = std::net::TcpStream::connect(&self.address)?;
                stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
                let mut answer = String::new();
                stream.read_to_string(&mut answer)?;
                Ok(answer)
            };
            if ask().is_ok_and(|answer| answer.contains("200 OK")) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("MLflow does not answer: {}", self.log());
    }

    /// Registers a model, and says which version it is and which files it has.
    fn register(&self, model: &std::path::Path) -> String {
        let output = std::process::Command::new(&self.python)
            .args(["-c", include_str!("mlflow_registry.py"), &format!("http://{}", self.address)])
            .arg(model)
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8(output.stdout).unwrap();
        said.lines().last().unwrap().to_owned()
    }
}

#[test]
fn a_real_registry_of_mlflow_hands_its_models_out() {
    let mut mlflow = Mlflow::start();
    let cache = tempfile::tempdir().unwrap();
    let (first, second) = (mlflow.folder.path().join("1.onnx"), mlflow.folder.path().join("2.onnx"));
    std::fs::File::create(&first).unwrap().write_all(&onnx::classifier()).unwrap();
    std::fs::File::create(&second).unwrap().write_all(&halves()).unwrap();
    mlflow.wait();
    let said = mlflow.register(&first);
    assert!(said.starts_with("1 ") && said.contains("model.onnx"), "{said}");
    let tracking = format!("http://{}", mlflow.address);
    let variables = [("MLFLOW_TRACKING_URI", tracking.as_str())];
    let arguments = ["--model", "models:/iris@champion", "--admin-token", "admin"];
    let (server, status) = serve(&cache, &arguments, &variables);
    assert_eq!(status, 200, "{}", server.log());
    assert_eq!(server.get("/ready").json()["version"], "1");
    assert_eq!(server.predict(&json!({"features": [[1, 2]]})), json!({"predictions": [2]}));
    // Another model is the champion now, in two files.
    let said = mlflow.register(&second);
    assert!(said.starts_with("2 ") && said.contains(".data"), "{said}");
    let reply = server.ask("POST", "/admin/reload", &[("x-admin-token", "admin")], b"");
    assert_eq!(reply.json()["status"], "reloaded", "{}\n{}", reply.body, server.log());
    assert_eq!(server.get("/ready").json()["version"], "2");
    assert_eq!(server.predict(&json!({"features": [[1, 2]]})), json!({"predictions": [vec![1.5; 128]]}));
    let (server, status) = serve(&cache, &["--model", "models:/iris/1"], &variables);
    assert_eq!((status, &server.get("/ready").json()["version"]), (200, &json!("1")), "{}", server.log());
    let (server, status) = serve(&cache, &["--model", "models:/iris/9"], &variables);
    assert_eq!(status, 503);
    server.wait_for_log("answers 404");
}

#[test]
fn what_opens_a_source_is_not_sent_to_another_host() {
    let (web, other, cache) = (Web::start(), Web::start(), tempfile::tempdir().unwrap());
    let to = format!("http://{}/elsewhere.onnx", other.address);
    web.put_answer("/models/iris.onnx", (307, vec![("location", to)], Vec::new()));
    other.put("/elsewhere.onnx", onnx::classifier());
    let endpoint = format!("http://{}", web.address);
    let variables = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "sEcReT"),
        ("AWS_SESSION_TOKEN", "t0ken"),
    ];
    let (server, status) = serve(&cache, &["--model", "s3://models/iris.onnx"], &variables);
    assert_eq!(status, 200, "{}", server.log());
    assert!(web.head_of("/models/iris.onnx").contains("x-amz-security-token: t0ken"));
    let head = other.head_of("/elsewhere.onnx");
    assert!(
        head.starts_with("GET ") && !head.contains("x-amz-") && !head.contains("authorization"),
        "{head}"
    );
}

#[test]
fn a_registry_of_images_hands_the_model_out_for_a_token() {
    let (web, cache) = (Web::start(), tempfile::tempdir().unwrap());
    let model = onnx::classifier();
    let manifest = json!({
        "schemaVersion": 2,
        "layers": [
            {"mediaType": "text/markdown", "digest": digest(b"notes"), "annotations": {"org.opencontainers.image.title": "README.md"}},
            {"mediaType": "application/octet-stream", "digest": digest(&model), "annotations": {"org.opencontainers.image.title": "iris.onnx"}},
        ],
    })
    .to_string();
    let blob = format!("/v2/models/iris/blobs/{}", digest(&model));
    web.put("/v2/models/iris/manifests/1.0", manifest.clone());
    web.put(&format!("/v2/models/iris/manifests/{}", digest(manifest.as_bytes())), manifest.clone());
    web.put(&blob, model.clone());
    for reference in [":1.0".to_owned(), format!("@{}", digest(manifest.as_bytes()))] {
        let uri = format!("oci://{}/models/iris{reference}", web.address);
        let (server, status) = serve(&cache, &["--model", &uri], &[]);
        assert_eq!(
            (status, &server.get("/ready").json()["digest"]),
            (200, &json!(digest(&model))),
            "{}",
            server.log()
        );
    }
    // Bytes of another digest than the manifest names.
    web.put(&blob, onnx::regression());
    let uri = format!("oci://{}/models/iris:1.0", web.address);
    let (server, status) = serve(&cache, &["--model", &uri], &[]);
    assert_eq!(status, 503);
    server.wait_for_log("does not have the digest that the manifest names");
    // A challenge is answered with a token of the service that it names.
    web.put(&blob, model);
    let challenge = format!("Bearer realm=\"http://{}/token\",service=\"registry\"", web.address);
    web.put_answer("/v2/models/iris/manifests/1.0", (401, vec![("www-authenticate", challenge)], Vec::new()));
    let (server, status) = serve(&cache, &["--model", &uri], &[]);
    assert_eq!(status, 503, "no such token service yet: {}", server.log());
    assert!(web.head_of("/token?scope=repository:models/iris:pull&service=registry").starts_with("GET "));
}

#[test]
fn a_store_of_objects_is_asked_with_a_signature() {
    let (web, cache) = (Web::start(), tempfile::tempdir().unwrap());
    web.put("/models/iris/1/model.onnx", onnx::classifier());
    let listing = "<ListBucketResult><Contents><Key>iris/1/model.onnx</Key></Contents><Contents><Key>iris/1/notes</Key></Contents></ListBucketResult>";
    web.put("/models/?list-type=2&max-keys=1000&prefix=iris%2F1%2F", listing);
    let endpoint = format!("http://{}", web.address);
    let variables = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "sEcReT"),
        ("AWS_REGION", "eu-west-1"),
    ];
    for uri in ["s3://models/iris/1/model.onnx", "s3://models/iris/1"] {
        let (server, status) = serve(&cache, &["--model", uri], &variables);
        assert_eq!(status, 200, "{uri}: {}", server.log());
        let head = web.head_of("/models/iris/1/model.onnx");
        assert!(
            head.contains("authorization: AWS4-HMAC-SHA256 Credential=AKID/")
                && head.contains("/eu-west-1/s3/aws4_request"),
            "{head}"
        );
        assert!(!server.log().contains("sEcReT") && !head.contains("sEcReT"));
    }
}

#[test]
fn traces_go_to_the_collector_that_the_variables_name() {
    let (web, cache) = (Web::start(), tempfile::tempdir().unwrap());
    web.put("/v1/traces", "{}");
    web.put("/iris.onnx", onnx::classifier());
    let (uri, collector) = (format!("http://{}/iris.onnx", web.address), format!("http://{}", web.address));
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.as_str()),
        ("OTEL_SERVICE_NAME", "iris-prod"),
        ("OTEL_TRACES_SAMPLER", "parentbased_always_off"),
    ];
    let (server, status) = serve(&cache, &["--model", &uri], &variables);
    assert_eq!(status, 200, "{}", server.log());
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let headers = [("traceparent", parent.as_str()), ("x-request-id", "traced")];
    assert_eq!(server.ask("POST", "/predict", &headers, br#"{"features":[[1,2]]}"#).status, 200);
    let message = until("the spans", || web.body_of("/v1/traces"));
    let message: serde_json::Value = serde_json::from_slice(&message).unwrap();
    let resource = &message["resourceSpans"][0];
    assert_eq!(resource["resource"]["attributes"][0]["value"]["stringValue"], "iris-prod");
    let spans = resource["scopeSpans"][0]["spans"].as_array().unwrap();
    let names: Vec<&str> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["POST /predict", "model run"], "what is not asked for by a parent is not kept");
    assert!(spans.iter().all(|span| span["traceId"] == trace), "{message}");
    assert_eq!(spans[0]["parentSpanId"], "00f067aa0ba902b7");
    assert_eq!(spans[1]["parentSpanId"], spans[0]["spanId"]);
}
