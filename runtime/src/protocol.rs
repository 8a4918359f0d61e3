//! The shapes of refusals and descriptions as JSON.
//!
//! In: problems, and what is known of the model. Out: bodies. Never: a decision, a path, another program's
//! words.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::answer::Labels;
use crate::clock;
use crate::model::Served;
use crate::request::{InputError, Port, Problem};

/// What went wrong, for programs. The texts are the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Code {
    ModelNotLoaded,
    ModelLoad,
    ReloadPending,
    Authentication,
    Forbidden,
    BadRequest,
    Validation,
    PayloadTooLarge,
    UnsupportedEncoding,
    RequestTimeout,
    Overloaded,
    PredictionTimeout,
    Prediction,
    NotFound,
    ModelNotFound,
    MethodNotAllowed,
    NotAcceptable,
    Internal,
}

impl Code {
    /// `MODEL_NOT_LOADED` and its kin.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Code::ModelNotLoaded => "MODEL_NOT_LOADED",
            Code::ModelLoad => "MODEL_LOAD_ERROR",
            Code::ReloadPending => "RELOAD_PENDING",
            Code::Authentication => "AUTHENTICATION_ERROR",
            Code::Forbidden => "FORBIDDEN",
            Code::BadRequest => "BAD_REQUEST",
            Code::Validation => "VALIDATION_ERROR",
            Code::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Code::UnsupportedEncoding => "UNSUPPORTED_ENCODING",
            Code::RequestTimeout => "REQUEST_TIMEOUT",
            Code::Overloaded => "OVERLOADED",
            Code::PredictionTimeout => "PREDICTION_TIMEOUT",
            Code::Prediction => "PREDICTION_ERROR",
            Code::NotFound => "NOT_FOUND",
            Code::ModelNotFound => "MODEL_NOT_FOUND",
            Code::NotAcceptable => "NOT_ACCEPTABLE",
            Code::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Code::Internal => "INTERNAL_ERROR",
        }
    }

    /// The HTTP status that goes with it.
    pub(crate) fn status(self) -> u16 {
        match self {
            Code::ModelNotLoaded | Code::ModelLoad | Code::Overloaded => 503,
            Code::ReloadPending => 429,
            Code::Authentication => 401,
            Code::Forbidden => 403,
            Code::BadRequest => 400,
            Code::Validation => 422,
            Code::PayloadTooLarge => 413,
            Code::UnsupportedEncoding => 415,
            Code::RequestTimeout => 408,
            Code::PredictionTimeout => 504,
            Code::Prediction | Code::Internal => 500,
            Code::NotFound | Code::ModelNotFound => 404,
            Code::NotAcceptable => 406,
            Code::MethodNotAllowed => 405,
        }
    }

    /// The reason in `ml_prediction_errors_total`.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Code::ModelNotLoaded | Code::ModelLoad => "model_not_loaded",
            Code::Authentication | Code::Forbidden => "authentication",
            Code::BadRequest | Code::Validation | Code::PayloadTooLarge | Code::UnsupportedEncoding => {
                "validation"
            }
            Code::RequestTimeout | Code::PredictionTimeout => "timeout",
            Code::Overloaded | Code::ReloadPending => "overloaded",
            Code::Prediction => "prediction",
            Code::NotFound | Code::ModelNotFound | Code::MethodNotAllowed | Code::NotAcceptable => "routing",
            Code::Internal => "internal",
        }
    }
}

/// A refusal, before it is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    pub(crate) message: String,
    /// An object for programs, or null.
    pub(crate) details: Value,
}

impl Refusal {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Value::Null }
    }

    /// `{"error_code","message","details","request_id","timestamp"}`
    pub(crate) fn body(&self, request_id: &str) -> Value {
        json!({
            "error_code": self.code.text(),
            "message": self.message,
            "details": self.details,
            "request_id": request_id,
            "timestamp": clock::rfc3339(clock::now()),
        })
    }
}

impl From<InputError> for Refusal {
    fn from(error: InputError) -> Self {
        let details = match &error {
            InputError::Malformed { line, column } => {
                json!({"problem": "malformed", "line": line, "column": column})
            }
            InputError::Value { path, problem: problem @ Problem::Width { expected, got } } => {
                json!({"path": path, "problem": problem.code(), "expected": expected, "got": got})
            }
            InputError::Value { path, problem } => json!({"path": path, "problem": problem.code()}),
        };
        Self { code: Code::Validation, message: error.to_string(), details }
    }
}

/// What an answer says about its model and its request.
#[derive(Clone, Copy)]
pub(crate) struct By<'a> {
    pub(crate) model_name: &'a str,
    pub(crate) model_version: Option<&'a str>,
    pub(crate) request_id: &'a str,
}

/// What `/model/info` says beside what the operator configured.
pub(crate) fn model_facts(served: &Served) -> Value {
    let classes = served.classes.as_ref().map(Labels::values);
    let columns = match served.taking.inputs.as_slice() {
        [only] => only.dims.get(1).copied().flatten(),
        several => Some(several.len()),
    };
    json!({
        "digest": served.facts.digest,
        "size_bytes": served.facts.size_bytes,
        "inputs": served.facts.inputs,
        "outputs": served.facts.outputs,
        "input_features": columns,
        "feature_names": served.taking.columns,
        "classes": if served.names.is_empty() { classes } else { Some(json!(served.names)) },
        "opset": served.facts.opsets,
        "ir_version": served.facts.ir_version,
        "producer": format!("{} {}", served.facts.producer_name, served.facts.producer_version).trim(),
        "metadata": served.facts.metadata,
        "parameters": served.facts.parameters,
        "nodes": served.facts.nodes,
        "loaded_at": clock::rfc3339(served.loaded_at),
        "batching": served.batching.text(),
        "device": served.placement.provider.device(),
        "execution_provider": served.placement.provider.onnxruntime_name(),
        "execution_providers": served.placement.names(),
    })
}

/// `{"name","datatype","shape"}` of each port, as the Open Inference Protocol has it: -1 for any length.
pub(crate) fn ports(ports: &[Port]) -> Value {
    let port = |port: &Port| {
        let length = |length: &Option<usize>| length.map_or(json!(-1), |length| json!(length));
        let shape: Vec<Value> = port.dims.iter().map(length).collect();
        json!({"name": port.name, "datatype": port.element.datatype(), "shape": shape})
    };
    ports.iter().map(port).collect()
}

/// Adds the entries of one object to another.
pub(crate) fn merged(mut whole: Value, more: Value) -> Value {
    if let (Value::Object(whole), Value::Object(more)) = (&mut whole, more) {
        whole.extend(more);
    }
    whole
}

/// The operator's figures as an object.
pub(crate) fn figures(metrics: &BTreeMap<String, f64>) -> Value {
    json!(metrics)
}
