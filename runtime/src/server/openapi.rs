//! The server's endpoints for machines (`OpenAPI` 3.1) and for people who try them out, with examples of the model's own
//! inputs. Everything is in the program: no script or style is fetched from anywhere.

use hyper::header::HeaderValue;
use serde_json::{Map, Value, json};

use super::app::App;
use super::reply::Reply;
use crate::model::Served;
use crate::protocol::merged;
use crate::request::Port;
use crate::tensor::Element;

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const PAGE: &str = include_str!("docs.html");
/// Numbers of an example at most.
const NUMBERS_MAX: usize = 64;

/// `GET /docs`
pub(super) fn page() -> Reply {
    Reply::new(HTML, PAGE.as_bytes().to_vec())
}

/// `GET /openapi.json`
pub(super) fn document(app: &App) -> Reply {
    let hosted = app.host.default_model();
    let served = hosted.served();
    let model = &hosted.spec.name;
    let infer = format!("/v2/models/{model}/infer");
    let mut paths = Map::new();
    let mut get = |path: &str, tag: &str, summary: &str| {
        paths.insert(path.to_owned(), json!({"get": operation(tag, summary, json!({}))}));
    };
    get("/", "server", "Name, version and endpoints");
    get("/health", "server", "Alive, whatever became of the model");
    get("/ready", "server", "200 once the model answers, 503 before and while stopping");
    get("/model/info", "model", "Inputs, outputs, digest and figures of the model");
    get("/metrics", "server", "Counters and histograms as Prometheus reads them");
    get("/v2", "Open Inference Protocol", "Server metadata");
    get("/v2/health/live", "Open Inference Protocol", "Alive");
    get("/v2/health/ready", "Open Inference Protocol", "Ready");
    get(&format!("/v2/models/{model}"), "Open Inference Protocol", "Model metadata");
    get(&format!("/v2/models/{model}/ready"), "Open Inference Protocol", "Whether the model answers");
    let rows = served.as_deref().map_or_else(Map::new, row_examples);
    let tensors = served.as_deref().map_or_else(Map::new, tensor_examples);
    paths.insert(
        "/predict".to_owned(),
        json!({"post": post("model", "Predictions for rows", "#/components/schemas/Rows", &rows)}),
    );
    paths.insert(
        infer,
        json!({"post": post(
            "Open Inference Protocol", "Output tensors for input tensors", "#/components/schemas/Tensors", &tensors,
        )}),
    );
    Reply::value(&json!({
        "openapi": "3.1.0",
        "info": {
            "title": model,
            "version": hosted.version(served.as_deref()).unwrap_or("0"),
            "description": "Predictions of an ONNX model, served by mlo-runtime.",
        },
        "paths": paths,
        "components": {"schemas": {"Rows": rows_schema(), "Tensors": tensors_schema(), "Error": error_schema()}},
    }))
}

fn operation(tag: &str, summary: &str, more: Value) -> Value {
    let common = json!({
        "tags": [tag],
        "summary": summary,
        "responses": {"200": {"description": "What was asked for"}, "503": {"description": "Not ready, or too busy"}},
    });
    merged(common, more)
}

fn post(tag: &str, summary: &str, schema: &str, examples: &Map<String, Value>) -> Value {
    let error = |text: &str| {
        json!({
            "description": text,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        })
    };
    let body = json!({
        "requestBody": {
            "required": true,
            "content": {"application/json": {"schema": {"$ref": schema}, "examples": examples}},
        },
        "responses": {
            "200": {"description": "The answer", "content": {"application/json": {}}},
            "413": error("The body is too large"),
            "422": error("The body is not what the model takes; `details.path` says where"),
            "503": error("Not ready, or too busy; `Retry-After` says when to come back"),
            "504": error("No answer in time"),
        },
    });
    operation(tag, summary, body)
}

/// A value that a tensor of this type can hold.
fn value(element: Element) -> Value {
    match element {
        Element::Text => json!("text"),
        Element::Bool => json!(true),
        element if element.is_float() => json!(0.5),
        _ => json!(1),
    }
}

/// Values in lists as deep as the dimensions.
fn nested(element: Element, dims: &[Option<usize>]) -> Value {
    match dims.split_first() {
        None => value(element),
        Some((length, inner)) => (0..length.unwrap_or(1)).map(|_| nested(element, inner)).collect(),
    }
}

fn is_short(port: &Port) -> bool {
    port.dims.iter().map(|length| length.unwrap_or(1)).product::<usize>() <= NUMBERS_MAX
}

/// Bodies of `/predict`: rows as lists, rows with names, one row.
fn row_examples(served: &Served) -> Map<String, Value> {
    let mut examples = Map::new();
    let inputs = &served.taking.inputs;
    if inputs.iter().any(|port| port.dims.is_empty() || !is_short(port)) {
        return examples;
    }
    let row = |port: &Port| nested(port.element, port.dims.get(1..).unwrap_or_default());
    let named: Map<String, Value> = match inputs.as_slice() {
        [only] => served.taking.columns.iter().map(|name| (name.clone(), value(only.element))).collect(),
        several => several.iter().map(|port| (port.name.clone(), row(port))).collect(),
    };
    if let [only] = inputs.as_slice() {
        examples.insert("rows".to_owned(), json!({"summary": "Rows", "value": {"instances": [row(only)]}}));
        examples
            .insert("one row".to_owned(), json!({"summary": "One row", "value": {"features": row(only)}}));
    }
    if !named.is_empty() {
        examples.insert(
            "named".to_owned(),
            json!({"summary": "Rows with the names of their columns", "value": {"instances": [named]}}),
        );
    }
    examples
}

/// A body of the Open Inference Protocol.
fn tensor_examples(served: &Served) -> Map<String, Value> {
    let mut examples = Map::new();
    if served.taking.inputs.iter().all(is_short) {
        let input = |port: &Port| {
            let shape: Vec<usize> = port.dims.iter().map(|length| length.unwrap_or(1)).collect();
            let count: usize = shape.iter().product();
            let data: Vec<Value> = (0..count).map(|_| value(port.element)).collect();
            json!({"name": port.name, "shape": shape, "datatype": port.element.datatype(), "data": data})
        };
        let inputs: Vec<Value> = served.taking.inputs.iter().map(input).collect();
        let value = json!({"summary": "One row", "value": {"id": "1", "inputs": inputs}});
        examples.insert("one row".to_owned(), value);
    }
    examples
}

fn rows_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "instances": {"type": "array", "description": "Rows: lists, or objects from column to value"},
            "features": {"description": "One row, or rows; the answer has the same form"},
        },
        "maxProperties": 1,
        "minProperties": 1,
    })
}

fn tensors_schema() -> Value {
    let tensor = json!({
        "type": "object",
        "required": ["name", "shape", "datatype"],
        "properties": {
            "name": {"type": "string"},
            "shape": {"type": "array", "items": {"type": "integer"}},
            "datatype": {"type": "string"},
            "parameters": {"type": "object"},
            "data": {"type": "array", "description": "Flat, or nested as the shape"},
        },
    });
    json!({
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": "string"},
            "parameters": {"type": "object"},
            "inputs": {"type": "array", "items": tensor},
            "outputs": {"type": "array", "items": {"type": "object", "required": ["name"]}},
        },
    })
}

fn error_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "error_code": {"type": "string"},
            "message": {"type": "string"},
            "details": {"type": ["object", "null"]},
            "request_id": {"type": "string"},
            "timestamp": {"type": "string", "format": "date-time"},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_have_the_shape_of_the_input() {
        assert_eq!(nested(Element::Float, &[Some(2), None, Some(1)]), json!([[[0.5]], [[0.5]]]));
        assert_eq!(nested(Element::Text, &[]), json!("text"));
        let port = Port { name: "X".to_owned(), element: Element::Int64, dims: vec![None, Some(4)] };
        assert_eq!(
            crate::protocol::ports(&[port]),
            json!([{"name": "X", "datatype": "INT64", "shape": [-1, 4]}])
        );
    }

    #[test]
    fn the_page_asks_nobody_else() {
        for outside in ["http://", "https://", "src=\"//", "@import"] {
            assert!(!PAGE.contains(outside), "{outside}");
        }
    }
}
