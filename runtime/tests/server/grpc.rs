//! The Open Inference Protocol over gRPC, and TLS.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;

use crate::onnx;
use crate::support::{Seeded, Server, full, lay, until};

const CERTIFICATE: &[u8] = include_bytes!("tls/certificate.pem");
const KEY: &[u8] = include_bytes!("tls/key.pem");

#[derive(Clone, PartialEq, Message)]
struct Tensor {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    datatype: String,
    #[prost(int64, repeated, tag = "3")]
    shape: Vec<i64>,
    #[prost(message, optional, tag = "5")]
    contents: Option<Contents>,
}

#[derive(Clone, PartialEq, Message)]
struct Contents {
    #[prost(float, repeated, tag = "6")]
    floats: Vec<f32>,
}

#[derive(Clone, PartialEq, Message)]
struct InferRequest {
    #[prost(string, tag = "1")]
    model_name: String,
    #[prost(string, tag = "2")]
    model_version: String,
    #[prost(string, tag = "3")]
    id: String,
    #[prost(message, repeated, tag = "5")]
    inputs: Vec<Tensor>,
    #[prost(bytes = "vec", repeated, tag = "7")]
    raw_inputs: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct ModelRequest {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct InferResponse {
    #[prost(string, tag = "1")]
    model_name: String,
    #[prost(string, tag = "2")]
    model_version: String,
    #[prost(string, tag = "3")]
    id: String,
    #[prost(message, repeated, tag = "5")]
    outputs: Vec<Tensor>,
    #[prost(bytes = "vec", repeated, tag = "6")]
    raw_outputs: Vec<Vec<u8>>,
}

/// A port that nobody listens on now.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// One call: its status and message, from the trailers, and the answer's bytes.
fn call(port: u16, method: &str, message: &[u8]) -> (String, String, Vec<u8>) {
    let mut body = vec![0];
    body.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    body.extend(message);
    send(port, method, body)
}

fn send(port: u16, method: &str, body: Vec<u8>) -> (String, String, Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let uri = format!("http://localhost/inference.GRPCInferenceService/{method}");
        let request =
            hyper::Request::post(uri).header("content-type", "application/grpc").header("te", "trailers");
        let response =
            sender.send_request(request.body(Full::new(Bytes::from(body))).unwrap()).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.headers()["content-type"].as_bytes()),
            (200, &b"application/grpc"[..])
        );
        let collected = response.into_body().collect().await.unwrap();
        let trailers = collected.trailers().cloned().unwrap();
        let text =
            |name: &str| trailers.get(name).map_or(String::new(), |value| value.to_str().unwrap().to_owned());
        let bytes = collected.to_bytes();
        (text("grpc-status"), text("grpc-message"), bytes.get(5..).unwrap_or_default().to_vec())
    })
}

fn server(more: &[&str]) -> (Server, u16) {
    let port = free_port();
    let text = port.to_string();
    let arguments =
        [&["--grpc-port", text.as_str(), "--model-name", "iris", "--model-version", "1"], more].concat();
    (Server::ready(&onnx::classifier(), &arguments), port)
}

fn request(raw: bool) -> InferRequest {
    let floats = vec![1.0_f32, 2.0];
    let bytes: Vec<u8> = floats.iter().flat_map(|value| value.to_le_bytes()).collect();
    InferRequest {
        model_name: "iris".to_owned(),
        id: "a".to_owned(),
        inputs: vec![Tensor {
            name: "X".to_owned(),
            datatype: "FP32".to_owned(),
            shape: vec![1, 2],
            contents: (!raw).then_some(Contents { floats }),
        }],
        raw_inputs: if raw { vec![bytes] } else { Vec::new() },
        ..InferRequest::default()
    }
}

#[test]
fn tensors_go_in_typed_or_raw_and_come_out_raw() {
    let (_server, port) = server(&[]);
    assert_eq!(call(port, "ServerLive", &[]), ("0".to_owned(), String::new(), vec![8, 1]));
    assert_eq!(call(port, "ServerReady", &[]).2, vec![8, 1]);
    for raw in [false, true] {
        let (status, message, answer) = call(port, "ModelInfer", &request(raw).encode_to_vec());
        assert_eq!((status.as_str(), message.as_str()), ("0", ""), "raw: {raw}");
        let answer = InferResponse::decode(answer.as_slice()).unwrap();
        assert_eq!(
            (answer.model_name.as_str(), answer.model_version.as_str(), answer.id.as_str()),
            ("iris", "1", "a")
        );
        let names: Vec<(&str, &str, &[i64])> = answer
            .outputs
            .iter()
            .map(|output| (output.name.as_str(), output.datatype.as_str(), output.shape.as_slice()))
            .collect();
        assert_eq!(names, [("label", "INT64", &[1][..]), ("scores", "FP32", &[1, 3])]);
        assert_eq!(answer.raw_outputs[0], 2_i64.to_le_bytes());
        let scores: Vec<f64> = answer.raw_outputs[1]
            .chunks(4)
            .map(|bytes| f64::from(f32::from_le_bytes(bytes.try_into().unwrap())))
            .collect();
        for (got, expected) in scores.iter().zip(onnx::softmax([1.0, 2.0])) {
            assert!((got - expected).abs() < 1e-6, "{scores:?}");
        }
    }
}

#[test]
#[cfg(unix)]
fn a_model_of_a_server_that_is_being_stopped_is_not_ready() {
    let (server, port) = server(&["--lame-duck-seconds", "5"]);
    let asked = ModelRequest { name: "iris".to_owned() }.encode_to_vec();
    assert_eq!(call(port, "ModelReady", &asked).2, vec![8, 1]);
    server.signal(rustix::process::Signal::TERM);
    until("draining", || (server.get("/ready").status == 503).then_some(()));
    assert_eq!(call(port, "ModelReady", &asked), ("0".to_owned(), String::new(), vec![]));
    assert_eq!(server.get("/v2/models/iris/ready").status, 503);
}

/// The status, its message, and what is changed about a good request.
type Refused = (&'static str, &'static str, fn(&mut InferRequest));

#[test]
fn what_is_refused_has_a_status_of_its_own() {
    let (server, port) = server(&["--api-key", "sesame"]);
    let bytes = request(true).encode_to_vec();
    assert_eq!(call(port, "ModelInfer", &bytes).0, "16", "no key");
    assert_eq!(call(port, "ModelInfer", &[0x2a, 0].repeat(100_000)).0, "16", "the key is looked at first");
    drop(server);
    let (server, port) = self::server(&[]);
    let with = |change: fn(&mut InferRequest)| {
        let mut request = request(true);
        change(&mut request);
        let (status, message, _) = call(port, "ModelInfer", &request.encode_to_vec());
        (status, message)
    };
    let rows: [Refused; 6] = [
        ("5", "there is no model of this name", |request| request.model_name = "x".to_owned()),
        ("5", "the model does not have this version", |request| request.model_version = "2".to_owned()),
        ("3", "inputs[0].shape is [1,3], and the model takes [-1,2]", |request| {
            request.inputs[0].shape = vec![1, 3];
        }),
        ("3", "inputs[0].shape is beyond the range of the model's numbers", |request| {
            request.inputs[0].shape = vec![-1, 2];
        }),
        ("3", "inputs[0] has 4 bytes, 8 are expected", |request| request.raw_inputs[0].truncate(4)),
        ("3", "raw_input_contents must hold the bytes of every input, or of none", |request| {
            request.raw_inputs.push(vec![]);
        }),
    ];
    for (status, message, change) in rows {
        assert_eq!(with(change), (status.to_owned(), message.to_owned()));
    }
    assert_eq!(call(port, "NoSuchMethod", &[]).0, "12");
    let (status, message, _) = call(port, "ModelInfer", &[0x2a, 0].repeat(100_000));
    assert_eq!((status.as_str(), message.as_str()), ("3", "the message has more than 20000 parts"));
    for body in [vec![], vec![0, 0, 0, 0, 9, 1], vec![0, 255, 255, 255, 255], vec![0, 0, 0, 0, 2, 0xff, 0xff]]
    {
        assert_eq!(send(port, "ModelInfer", body.clone()).0, "3", "{body:?}");
    }
    let page = server.get("/metrics").body;
    assert!(
        page.contains(r#"api_requests_total{method="POST",endpoint="grpc ModelInfer",status="422"}"#),
        "{page}"
    );
}

#[test]
fn no_change_of_a_good_message_is_the_servers_fault() {
    let (server, port) = server(&[]);
    let good = request(true).encode_to_vec();
    let rounds = if full() { 20_000 } else { 150 };
    let mut seeded = Seeded(0x9e37_79b9_7f4a_7c15);
    for round in 0..rounds {
        let message = seeded.changed(&good);
        let (status, said, _) = call(port, "ModelInfer", &message);
        assert!(["0", "3", "5"].contains(&status.as_str()), "{round}: {status} {said} for {message:?}");
    }
    // Frames of HTTP/2 that are none.
    for _ in 0..rounds / 3 {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        let frames = seeded.changed(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\0\x04\x01\x05\0\0\0\x01\x82\x84\x86\x41");
        let _ = stream.write_all(&frames);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    assert_eq!(call(port, "ModelInfer", &good).0, "0", "{}", server.log());
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[test]
fn every_listener_speaks_tls_where_there_is_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = lay(folder.path(), "certificate.pem", CERTIFICATE);
    let key = lay(folder.path(), "key.pem", KEY);
    let arguments = ["--tls-cert", certificate.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let server = Server::start(Some(&onnx::classifier()), &arguments);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(CERTIFICATE).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ask = |path: &'static str, body: &'static str| {
        runtime.block_on(async {
            let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
            let name = "localhost".try_into().unwrap();
            let stream = connector.connect(name, stream).await.unwrap();
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            let method = if body.is_empty() { "GET" } else { "POST" };
            let request = hyper::Request::builder().method(method).uri(path).header("host", "localhost");
            let response =
                sender.send_request(request.body(Full::new(Bytes::from(body))).unwrap()).await.unwrap();
            (response.status().as_u16(), response.into_body().collect().await.unwrap().to_bytes())
        })
    };
    until("the model", || (ask("/ready", "").0 == 200).then_some(()));
    let (status, answer) = ask("/predict", r#"{"features":[[1,2]]}"#);
    assert_eq!(
        (status, serde_json::from_slice::<serde_json::Value>(&answer).unwrap()),
        (200, json!({"predictions": [2]}))
    );
    let plain = server.raw(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n");
    assert!(!plain.contains("200 OK"), "nothing is said without TLS: {plain}");
}
