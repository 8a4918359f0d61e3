//! A client of others, unchanged: what it takes for the Open Inference Protocol is what the server speaks.

use std::process::Command;

use crate::onnx;
use crate::support::{Server, tool};

const CONVERSATION: &str = include_str!("triton.py");

#[test]
fn tritons_client_agrees_over_http_and_grpc() {
    let python = tool("MLO_TEST_TRITON_PYTHON", "tritonclient-2.73.0-", "bin/python");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let arguments = ["--model-name", "iris", "--model-version", "1", "--grpc-port", &free.port().to_string()];
    let server = Server::ready(&onnx::classifier(), &arguments);
    let output = Command::new(python)
        .args(["-c", CONVERSATION, &server.address.to_string(), &free.to_string(), "iris"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("agreed"), "{}\n{}", String::from_utf8_lossy(&output.stderr), server.log());
}
