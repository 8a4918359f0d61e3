//! What to say of a field that its block does not have.

use super::shorten;
use crate::diag::{Diagnostic, code, nearest};
use crate::manifest::schema::{self, Field, Shape};
use crate::manifest::yaml::{Entry, Node, NodeKind};

/// The error of an unknown field: with the field that was meant, or the place where it belongs.
pub(super) fn field(path: &str, entry: &Entry, fields: &'static [Field]) -> Diagnostic {
    let key = shorten(&entry.key);
    let block = if path.is_empty() { "a manifest".to_owned() } else { format!("`{path}`") };
    let diagnostic =
        Diagnostic::error(code::manifest::UNKNOWN_FIELD, format!("{block} has no field `{key}`"))
            .at(entry.key_span, "unknown field");
    let names = || fields.iter().map(|field| field.name);
    let same_word = names().find(|name| folded(name) == folded(&entry.key));
    if let Some(near) = same_word {
        return diagnostic.help(format!("did you mean `{near}`?"));
    }
    if let Some(place) = elsewhere(path, entry) {
        return diagnostic.help(place);
    }
    let begun = |name: &&str| entry.key.len() >= 3 && folded(name).starts_with(&folded(&entry.key));
    if let Some(near) = nearest(&entry.key, names()).or_else(|| names().find(begun)) {
        return diagnostic.help(format!("did you mean `{near}`?"));
    }
    let known: Vec<_> = names().map(|name| format!("`{name}`")).collect();
    diagnostic.help(format!("the fields here are {}", known.join(", ")))
}

/// Without case and separators, so that `min_replicas` is `minReplicas`.
fn folded(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Where a field of this name belongs, the place nearest to the top first. Fields that take such a value count only.
fn elsewhere(path: &str, entry: &Entry) -> Option<String> {
    let all = schema::fields();
    let (found, _) = all
        .iter()
        .filter(|(_, field)| field.name == &*entry.key && could_be(field, &entry.value))
        .min_by_key(|(found, _)| (found.matches(['.', '[']).count(), found.contains("previous_version")))?;
    let parent = found.rsplit_once('.').map_or("", |(parent, _)| parent);
    if parent == path {
        return None;
    }
    Some(match parent {
        "" => format!("`{}` belongs at the top of the manifest", entry.key),
        parent => format!("`{}` belongs under `{parent}`", entry.key),
    })
}

fn could_be(field: &Field, value: &Node) -> bool {
    let is_block = matches!(field.shape, Shape::Object(_) | Shape::Open(..));
    match value.kind {
        NodeKind::Mapping(_) => is_block || matches!(field.shape, Shape::Either(..)),
        NodeKind::Null => true,
        _ => !is_block,
    }
}
