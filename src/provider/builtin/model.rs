//! What an ONNX file says of itself: `mlo_model`.
//!
//! Goes in: where the model is. Comes out: its digest, size, inputs and outputs, as `manifest` has them. Never happens: a
//! relative path that leaves the project, or a model that is run.

use crate::diag::code::provider::MODEL;
use crate::lang::eval::{AttributeSchema, BlockSchema};
use crate::lang::value::{Path, Type, Value};
use crate::provider::object::{text, with};
use crate::provider::{DataSchema, ProviderError, Surroundings};
use mlo_model::{ModelFacts, Port, Root};
use std::sync::Arc;

/// Name of the data source.
pub(super) const TYPE: &str = "mlo_model";

pub(super) fn schema() -> DataSchema {
    let computed = |ty: Type, words: &str| AttributeSchema::computed(ty).describe(words);
    let ports = || Type::list(port_type());
    let block = BlockSchema::new()
        .attribute(
            "uri",
            AttributeSchema::required(Type::String).describe(
                "Path or `file:` URI of the model, or of a folder with one; relative to the project's folder",
            ),
        )
        .attribute("path", computed(Type::String, "Absolute path of the file"))
        .attribute("sha256", computed(Type::String, "SHA-256 of the file in hexadecimal"))
        .attribute("size_bytes", computed(Type::Number, "Size of the file"))
        .attribute("opset", computed(Type::Number, "Version of the operator set `ai.onnx`"))
        .attribute("inputs", computed(ports(), "What has to be given: name, dtype and shape of each"))
        .attribute("outputs", computed(ports(), "What comes out: name, dtype and shape of each"))
        .attribute("producer", computed(Type::String, "The program that wrote the file; may be empty"))
        .attribute("parameters", computed(Type::Number, "Numbers in the weights"))
        .attribute("metadata", computed(Type::map(Type::String), "Free entries of the author"));
    DataSchema { description: "What an ONNX file says of itself", block }
}

fn port_type() -> Type {
    Type::object([
        ("name".into(), Type::String),
        ("dtype".into(), Type::String),
        ("shape".into(), Type::list(Type::String)),
    ])
}

pub(super) async fn read(surroundings: &Surroundings, config: &Value) -> Result<Value, ProviderError> {
    let uri = text(config, "uri").unwrap_or_default().to_owned();
    let project = surroundings.project.clone();
    // Reading a gigabyte takes about a second, in which other operations go on.
    let inspected = tokio::task::spawn_blocking(move || {
        let path = mlo_model::locate(&uri, &Root { project: &project, base: &project })?;
        mlo_model::inspect(&path).map(|facts| (path, facts))
    });
    let inspected = inspected.await.map_err(|stopped| ProviderError::permanent(stopped.to_string()))?;
    let (path, facts) = inspected.map_err(|error| {
        ProviderError::permanent(error.to_string())
            .code(&MODEL)
            .help("check the path; it is relative to the project's folder")
            .at(Path::root().name("uri"))
    })?;
    Ok(described(config, &path.to_string_lossy(), &facts))
}

fn described(config: &Value, path: &str, facts: &ModelFacts) -> Value {
    let number = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
    let ports = |ports: &[Port]| Value::list(port_type(), ports.iter().map(port));
    let metadata = facts.metadata.iter().map(|(name, text)| (Arc::from(name.as_str()), text.as_str().into()));
    let opset = facts.opset().map_or_else(|| Value::null_of(Type::Number), Value::from);
    with(
        config,
        [
            ("path", Value::string(path)),
            ("sha256", Value::string(facts.digest.trim_start_matches("sha256:"))),
            ("size_bytes", number(facts.size_bytes)),
            ("opset", opset),
            ("inputs", ports(&facts.inputs)),
            ("outputs", ports(&facts.outputs)),
            ("producer", Value::string(facts.producer_name.as_str())),
            ("parameters", number(facts.parameters)),
            ("metadata", Value::map(Type::String, metadata)),
        ],
    )
}

fn port(port: &Port) -> Value {
    let shape = port.shape().map_or_else(
        || Value::null_of(Type::list(Type::String)),
        |shape| Value::list(Type::String, shape.into_iter().map(Value::string)),
    );
    Value::object([
        ("name".into(), Value::string(port.name.as_str())),
        ("dtype".into(), Value::string(port.kind.to_string())),
        ("shape".into(), shape),
    ])
}
