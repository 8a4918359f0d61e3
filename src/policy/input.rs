//! What the inputs of the packages that are asked may hold.
//!
//! Goes in: a package, and the names of a reference after `input`. Comes out: why there is nothing of that name. Never
//! happens: a name is refused that an input may hold.

use super::{DEPLOYMENT, MODEL, input_schema};
use serde_json::Value as Json;

/// Why an input of a package has nothing by this path; nothing if it may.
pub(super) fn unknown(package: &str, path: &[String]) -> Option<String> {
    let (schema, what) = match package {
        MODEL => (crate::manifest::json_schema(), "a manifest"),
        DEPLOYMENT => (input_schema(), "the input of rules for plans"),
        _ => return None,
    };
    let mut at = &schema;
    for (depth, name) in path.iter().enumerate() {
        at = followed(&schema, at);
        let Some(Json::Object(fields)) = at.get("properties") else { return None };
        if let Some(next) = fields.get(name) {
            at = next;
            continue;
        }
        // The schema of plans is open for what later versions add; a rule that is written now finds what there is now.
        let is_open =
            at.get("additionalProperties").map_or(package == MODEL, |more| *more != Json::Bool(false));
        if is_open {
            return None;
        }
        let near = crate::diag::nearest(name, fields.keys().map(String::as_str));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        let path = path.get(..=depth).unwrap_or(path).join(".");
        return Some(format!("{what} has no `{path}`{near}"));
    }
    None
}

/// What a reference within a schema leads to.
fn followed<'s>(schema: &'s Json, at: &'s Json) -> &'s Json {
    let reference = at.get("$ref").and_then(Json::as_str).and_then(|reference| reference.strip_prefix('#'));
    reference.and_then(|pointer| schema.pointer(pointer)).unwrap_or(at)
}
