//! Whether a document is as a JSON Schema says: the keywords that our schemas use, `pattern` and `format` aside. A keyword that
//! is not known here is an error, so that none is passed over.

use serde_json::Value as Json;

/// Validates a document; `root` holds what `$ref` leads to.
pub(crate) fn fits_in(json: &Json, schema: &Json, root: &Json, path: &str) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{path}: {json} against {what}"));
    if schema == &Json::Bool(false) {
        return wrong("nothing");
    }
    for (keyword, rule) in schema.as_object().into_iter().flatten() {
        let holds = match keyword.as_str() {
            "$ref" => {
                let pointer =
                    rule.as_str().unwrap().strip_prefix('#').expect("a reference within the schema");
                fits_in(json, root.pointer(pointer).expect("something is there"), root, path)?;
                true
            }
            "type" => {
                let types = rule.as_array().cloned().unwrap_or_else(|| vec![rule.clone()]);
                types.iter().any(|kind| is_of(json, kind.as_str().unwrap()))
            }
            "enum" => rule.as_array().unwrap().contains(json),
            "const" => rule == json,
            "minimum" => json.as_f64().is_none_or(|value| value >= rule.as_f64().unwrap()),
            "exclusiveMinimum" => json.as_f64().is_none_or(|value| value > rule.as_f64().unwrap()),
            "maximum" => json.as_f64().is_none_or(|value| value <= rule.as_f64().unwrap()),
            "minItems" => json.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
            "uniqueItems" => json.as_array().is_none_or(|items| {
                rule == &Json::Bool(false)
                    || items.iter().enumerate().all(|(at, item)| !items[..at].contains(item))
            }),
            "maxLength" => json.as_str().is_none_or(|text| text.len() as u64 <= rule.as_u64().unwrap()),
            "required" => {
                let names = rule.as_array().unwrap();
                !json.is_object() || names.iter().all(|name| json.get(name.as_str().unwrap()).is_some())
            }
            "anyOf" => {
                rule.as_array().unwrap().iter().any(|option| fits_in(json, option, root, path).is_ok())
            }
            "items" => {
                for item in json.as_array().into_iter().flatten() {
                    fits_in(item, rule, root, &format!("{path}[]"))?;
                }
                true
            }
            "properties" => {
                for (name, value) in json.as_object().into_iter().flatten() {
                    let other = &schema["additionalProperties"];
                    fits_in(value, rule.get(name).unwrap_or(other), root, &format!("{path}.{name}"))?;
                }
                true
            }
            "additionalProperties" if schema.get("properties").is_none() => {
                for (name, value) in json.as_object().into_iter().flatten() {
                    fits_in(value, rule, root, &format!("{path}.{name}"))?;
                }
                true
            }
            "additionalProperties"
            | "pattern"
            | "format"
            | "description"
            | "examples"
            | "title"
            | "$schema"
            | "$id"
            | "$defs" => true,
            other => return Err(format!("{path}: the keyword `{other}` is not known to this test")),
        };
        if !holds {
            return wrong(&format!("{keyword} {rule}"));
        }
    }
    Ok(())
}

/// The same of a schema that refers to nothing.
pub(crate) fn fits(json: &Json, schema: &Json, path: &str) -> Result<(), String> {
    fits_in(json, schema, schema, path)
}

fn is_of(json: &Json, kind: &str) -> bool {
    match kind {
        "object" => json.is_object(),
        "array" => json.is_array(),
        "string" => json.is_string(),
        "number" => json.is_number(),
        "integer" => json.is_i64() || json.is_u64(),
        "boolean" => json.is_boolean(),
        "null" => json.is_null(),
        _ => false,
    }
}
