//! What rules for plans are asked about, as a JSON Schema: for who writes rules, and for `opa check --schema`.

use crate::manifest;
use serde_json::Value as Json;

/// The JSON Schema (draft 2020-12) of the input of `deployment.policy`, the manifest's in it.
///
/// # Panics
/// Never: a test reads the file.
pub fn input_schema() -> Json {
    let text = include_str!("input.schema.json");
    let mut schema: Json = serde_json::from_str(text).expect("our file is JSON");
    if let Some(Json::Object(definitions)) = schema.get_mut("$defs") {
        definitions.insert("manifest".to_owned(), manifest::json_schema());
    }
    schema
}
