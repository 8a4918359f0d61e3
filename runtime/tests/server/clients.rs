//! Clients of others, unchanged: what they take for the Open Inference Protocol is what the server speaks.

use std::process::Command;

use crate::onnx;
use crate::support::{Server, tool};

/// Lets a client of Python talk with a server over both protocols.
fn agrees(python: &std::path::Path, conversation: &str) {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let arguments = ["--model-name", "iris", "--model-version", "1", "--grpc-port", &free.port().to_string()];
    let server = Server::ready(&onnx::classifier(), &arguments);
    let output = Command::new(python)
        .args(["-c", conversation, &server.address.to_string(), &free.to_string(), "iris"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("agreed"), "{}\n{}", String::from_utf8_lossy(&output.stderr), server.log());
}

#[test]
fn tritons_client_agrees_over_http_and_grpc() {
    agrees(&tool("MLO_TEST_TRITON_PYTHON", "tritonclient-2.73.0-", "bin/python"), include_str!("triton.py"));
}

#[test]
fn mlservers_clients_agree_over_http_and_grpc() {
    let python = tool("MLO_TEST_MLSERVER_PYTHON", "mlserver-1.7.1-", "bin/python");
    agrees(&python, include_str!("mlserver_client.py"));
}
