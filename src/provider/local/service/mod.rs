//! `local_inference_service`: an inference server on this machine that outlives the command.
//!
//! Goes in: a model file and how to serve it. Comes out: a process of `mlo-runtime` that answers `/ready` with the
//! model's digest. Never happens: a signal to a process that is not ours, a failed start that leaves one running, a
//! working server taken down for a model that does not load.
//!
//! - `spec`     the arguments, checked
//! - `plan`     what a service will be; what of it needs a restart
//! - `folder`   what a service keeps below `.mlo/services`: its arguments, its run file, its log
//! - `process`  whether a process is ours and alive; signals
//! - `program`  where the server program is, its command line and environment
//! - `probe`    one question to `/ready`
//! - `launch`   start a server and wait until it is ready, or say why it is not
//! - `change`   create, update and delete, put together from these

mod change;
mod folder;
mod launch;
mod plan;
mod probe;
mod process;
mod program;
mod spec;

pub(super) use change::{change, find, import, read};
pub(super) use plan::plan;

use crate::lang::eval::{AttributeSchema, BlockSchema};
use crate::lang::value::{Type, Value};
use crate::provider::ResourceSchema;
use std::sync::Arc;

/// Name of the resource type.
pub(super) const TYPE: &str = "local_inference_service";
/// What the attribute `status` says of a server that serves what it should.
const READY: &str = "ready";
/// The paths that a server answers, by their names in the attribute `endpoints`.
const ENDPOINTS: [(&str, &str); 4] =
    [("health", "/health"), ("ready", "/ready"), ("predict", "/predict"), ("metrics", "/metrics")];

pub(super) fn schema() -> ResourceSchema {
    let block = computed(arguments(BlockSchema::new()));
    let description = "An inference server that runs on this machine in the background";
    ResourceSchema { version: 0, description, block }
}

fn arguments(block: BlockSchema) -> BlockSchema {
    let text = || AttributeSchema::optional(Type::String);
    block
        .attribute(
            "name",
            AttributeSchema::required(Type::String)
                .force_new()
                .describe("Name of the service, which is also the model's name in answers and metrics"),
        )
        .attribute(
            "model",
            AttributeSchema::required(Type::String)
                .describe("Path of the ONNX file; relative to the project's folder"),
        )
        .attribute("model_version", text().describe("Version of the model, as answers and metrics show it"))
        .attribute(
            "digest",
            AttributeSchema::optional_computed(Type::String).model_digest().describe(
                "`sha256:` and the SHA-256 of the model file; read from the file if not given. Another file is not served",
            ),
        )
        .attribute(
            "signature",
            AttributeSchema::optional_computed(Type::String).describe(
                "What the model takes and gives, for policies to compare: `x: float[?,4] -> y: int64[?]`; read from the file if \
                 not given. A file that does not take and give that is not served",
            ),
        )
        .attribute("framework", text().describe("What the model was trained with"))
        .attribute(
            "labels",
            AttributeSchema::optional(Type::list(Type::String))
                .describe("Names of the classes, in the model's order"),
        )
        .attribute(
            "metrics",
            AttributeSchema::optional(Type::map(Type::Number)).describe("Figures of the model, by name"),
        )
        .attribute(
            "host",
            AttributeSchema::optional_computed(Type::String)
                .describe("IP address to listen on; 127.0.0.1 if not given"),
        )
        .attribute(
            "port",
            AttributeSchema::optional_computed(Type::Number)
                .describe("Port to listen on; if not given, 8080 or the next that is free, and kept from then on"),
        )
        .attribute(
            "ready_timeout",
            AttributeSchema::optional_computed(Type::String)
                .describe("How long the server may take to be ready; 60s if not given, 1h at most"),
        )
        .attribute(
            "environment",
            AttributeSchema::optional(Type::map(Type::String))
                .describe("Variables for the server, besides those that it needs to find its libraries"),
        )
        .attribute(
            "onnxruntime",
            text().describe("Path of ONNX Runtime's library; relative to the project's folder. Looked for if not given"),
        )
}

fn computed(block: BlockSchema) -> BlockSchema {
    let rows = [
        ("id", Type::String, "Identifier of the service on this machine"),
        ("url", Type::String, "Where it answers"),
        ("endpoints", endpoints_type(), "URLs of `health`, `ready`, `predict` and `metrics`"),
        (
            "status",
            Type::String,
            "`ready`, or what is wrong with a process that runs all the same; applying restarts it then",
        ),
        ("pid", Type::Number, "Number of the process"),
        ("started_at", Type::String, "When the process started (RFC 3339)"),
        ("log_file", Type::String, "Where its log is written"),
    ];
    rows.into_iter().fold(block, |block, (name, ty, description)| {
        block.attribute(name, AttributeSchema::computed(ty).describe(description))
    })
}

fn endpoints_type() -> Type {
    Type::object(ENDPOINTS.map(|(name, _)| (Arc::from(name), Type::String)))
}

/// The URL of a service that listens on `host` and `port`, for callers on this machine.
fn url_of(host: std::net::IpAddr, port: u16) -> String {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
    let host = match host {
        IpAddr::V4(host) if host.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(host) if host.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        host => host,
    };
    format!("http://{}", SocketAddr::new(host, port))
}

/// The attributes that follow from address and port.
fn addresses(host: std::net::IpAddr, port: u16) -> [(&'static str, Value); 3] {
    let url = url_of(host, port);
    let endpoints = ENDPOINTS.map(|(name, path)| (Arc::from(name), Value::string(format!("{url}{path}"))));
    [
        ("port", Value::from(i64::from(port))),
        ("url", Value::string(url)),
        ("endpoints", Value::object(endpoints)),
    ]
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
