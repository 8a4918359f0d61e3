//! Schemas of providers, in the shape of `terraform providers schema -json`.

use super::FORMAT;
use super::state::provider_name;
use crate::lang::eval::{AttributeSchema, BlockSchema, NestedBlock, Nesting};
use crate::lang::value::type_to_json;
use crate::provider;
use serde_json::{Map, Value as Json, json};

/// All providers with their resource types and data sources.
pub(in crate::cli) fn provider_schemas() -> Json {
    let all = provider::all();
    let schemas = all.iter().map(|(name, provider)| {
        let schema = provider.schema();
        let resources = schema.resources.iter();
        let resources = resources.map(|(name, it)| described(name, it.version, it.description, &it.block));
        let data = schema.data.iter().map(|(name, it)| described(name, 0, it.description, &it.block));
        let mut config = Map::from_iter([("version".to_owned(), json!(0))]);
        if schema.config != BlockSchema::default() {
            config.insert("block".into(), Json::Object(block(&schema.config)));
        }
        let document = json!({
            "provider": config,
            "resource_schemas": resources.collect::<Map<_, _>>(),
            "data_source_schemas": data.collect::<Map<_, _>>(),
        });
        (provider_name(name).to_owned(), document)
    });
    json!({ "format_version": FORMAT, "provider_schemas": schemas.collect::<Map<_, _>>() })
}

fn described(name: &str, version: u32, description: &str, schema: &BlockSchema) -> (String, Json) {
    let mut block = block(schema);
    if !description.is_empty() {
        block.insert("description".into(), json!(description));
    }
    (name.to_owned(), json!({ "version": version, "block": block }))
}

// Recursion is bounded: schemas are tables of ours.
fn block(schema: &BlockSchema) -> Map<String, Json> {
    let mut json = with_description(&schema.description, schema.deprecated.is_some());
    if !schema.attributes.is_empty() {
        let attributes = schema.attributes.iter().map(|(name, it)| (name.to_string(), attribute(it)));
        json.insert("attributes".into(), Json::Object(attributes.collect()));
    }
    if !schema.blocks.is_empty() {
        let blocks = schema.blocks.iter().map(|(name, it)| (name.to_string(), nested(it)));
        json.insert("block_types".into(), Json::Object(blocks.collect()));
    }
    json
}

fn attribute(schema: &AttributeSchema) -> Json {
    let mut json = with_description(&schema.description, schema.deprecated.is_some());
    json.insert("type".to_owned(), type_to_json(&schema.ty));
    for (name, holds) in [
        ("required", schema.required),
        ("optional", schema.optional),
        ("computed", schema.computed),
        ("sensitive", schema.sensitive),
    ] {
        if holds {
            json.insert(name.to_owned(), json!(true));
        }
    }
    Json::Object(json)
}

fn nested(schema: &NestedBlock) -> Json {
    let mode = match schema.nesting {
        Nesting::Single => "single",
        Nesting::List => "list",
        Nesting::Set => "set",
        Nesting::Map => "map",
    };
    let mut json = Map::from_iter([("nesting_mode".to_owned(), json!(mode))]);
    json.insert("block".into(), Json::Object(block(&schema.block)));
    if schema.min > 0 {
        json.insert("min_items".into(), json!(schema.min));
    }
    // That there is at most one is what `single` says.
    if let Some(max) = schema.max.filter(|_| schema.nesting != Nesting::Single) {
        json.insert("max_items".into(), json!(max));
    }
    Json::Object(json)
}

fn with_description(description: &str, deprecated: bool) -> Map<String, Json> {
    let mut json = Map::from_iter([("description_kind".to_owned(), json!("plain"))]);
    if !description.is_empty() {
        json.insert("description".into(), json!(description));
    }
    if deprecated {
        json.insert("deprecated".into(), json!(true));
    }
    json
}
