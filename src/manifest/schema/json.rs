//! The table as a JSON Schema, for editors.

use super::{Field, Format, Measure, Shape};
use serde_json::{Map, Value as Json, json};

/// The JSON Schema (draft 2020-12) of a manifest. It also says what governed values should be, as a help while
/// writing: what it refuses there is a matter of the policy, not an error of the manifest.
pub fn json_schema() -> Json {
    let mut schema = Map::new();
    schema.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    schema.insert("$id".into(), "urn:mlo:schema:manifest:v1".into());
    schema.insert("title".into(), "ModelDeployment".into());
    schema.insert("description".into(), "A machine-learning model and how it is governed and served.".into());
    if let Json::Object(root) = object(super::ROOT) {
        schema.extend(root);
    }
    Json::Object(schema)
}

fn object(fields: &[Field]) -> Json {
    let mut schema = open(fields, None);
    let required: Vec<Json> =
        fields.iter().filter(|field| field.required).map(|field| field.name.into()).collect();
    if let (Json::Object(schema), false) = (&mut schema, required.is_empty()) {
        schema.insert("required".into(), Json::Array(required));
    }
    schema
}

/// A block; `other` is what fields of unknown names take, nothing if there are none.
fn open(fields: &[Field], other: Option<&Shape>) -> Json {
    let properties: Map<_, _> =
        fields.iter().map(|field| (field.name.to_owned(), self::field(field))).collect();
    json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": other.map_or(Json::Bool(false), of_shape),
    })
}

fn field(field: &Field) -> Json {
    let mut schema = of_shape(&field.shape);
    let optional_block =
        matches!(field.shape, Shape::Object(_) | Shape::Open(..) | Shape::List(_)) && !field.required;
    if let Json::Object(schema) = &mut schema {
        if optional_block
            && !field.governed
            && let Some(kind) = schema.get_mut("type")
        {
            *kind = json!([kind.take(), "null"]);
        }
        schema.insert("description".into(), field.about.into());
        if let Some(example) = example(field) {
            schema.insert("examples".into(), json!([example]));
        }
    }
    schema
}

/// The example as JSON.
fn example(field: &Field) -> Option<Json> {
    if field.example.is_empty() {
        return None;
    }
    let mut sources = crate::diag::SourceMap::new();
    let source = sources.add("example", field.example);
    let parsed = crate::manifest::yaml::parse(field.example, source);
    parsed.documents.first().map(|document| crate::manifest::document::as_written(&document.root))
}

fn of_shape(shape: &Shape) -> Json {
    match *shape {
        Shape::Text(format) => text(format),
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Integer(min, i64::MAX) => json!({"type": "integer", "minimum": min}),
        Shape::Integer(min, max) => json!({"type": "integer", "minimum": min, "maximum": max}),
        Shape::Number(f64::MIN, _) => json!({"type": "number"}),
        Shape::Number(min, f64::MAX) => json!({"type": "number", "minimum": min}),
        Shape::Number(min, max) => json!({"type": "number", "minimum": min, "maximum": max}),
        Shape::Quantity(Measure::Devices) => {
            json!({"type": ["string", "integer"], "pattern": "^[0-9]+$", "minimum": 0})
        }
        Shape::Quantity(_) => json!({
            "type": ["string", "number"],
            "pattern": r"^([0-9]+\.?[0-9]*|\.[0-9]+)(n|u|m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi|[eE][0-9]+)?$",
            "exclusiveMinimum": 0,
        }),
        Shape::Threshold => json!({"type": ["number", "string"], "minimum": 0, "pattern": DURATION}),
        Shape::Choice([word]) => json!({"const": word}),
        Shape::Choice(words) => json!({"enum": words}),
        Shape::List(of) => json!({"type": "array", "items": of_shape(of)}),
        Shape::Object(fields) => object(fields),
        Shape::Open(known, other) => open(known, Some(other)),
        Shape::Either(first, second) => json!({"anyOf": [of_shape(first), of_shape(second)]}),
    }
}

const DURATION: &str = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$";

fn text(format: Format) -> Json {
    let pattern = |pattern: &str| json!({"type": "string", "pattern": pattern});
    match format {
        Format::Free => json!({"type": "string"}),
        Format::Filled => pattern(r"\S"),
        Format::DnsLabel => {
            json!({"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63})
        }
        Format::LabelValue => {
            json!({"type": "string", "pattern": "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$", "maxLength": 63})
        }
        Format::SemVer => pattern(
            r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$",
        ),
        Format::Uri => pattern(
            r"^(s3://.+|file:.+|models:/.+|oci://.+@sha256:[0-9a-f]{64}|https://.+|[A-Za-z]:[\\/].*|[^:]+)$",
        ),
        Format::Sha256 => pattern("^(sha256:)?[0-9a-f]{64}$"),
        Format::Date => {
            json!({"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"})
        }
        Format::DateOrTime => pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].+)?$"),
        Format::Duration => pattern(DURATION),
        Format::Cron => pattern(r"^(@[a-z]+|\S+\s+\S+\s+\S+\s+\S+\s+\S+)$"),
        Format::HttpPath => pattern("^/"),
        Format::RelativePath => pattern(r"^[^/\\]"),
    }
}
