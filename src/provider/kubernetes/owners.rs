//! Who manages which field of an object, by its `managedFields`.

use serde_json::{Map, Value as Json};
use std::fmt;

/// The name under which we manage fields.
pub(super) const MANAGER: &str = "mlo";
/// The manager under which controllers of Kubernetes write; the autoscaler is one of them.
const CONTROLLERS: &str = "kube-controller-manager";

/// One step to a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    Name(String),
    /// An item of a list that goes by keys.
    Item(Map<String, Json>),
    /// An item of a list that belongs together.
    Index(usize),
}

/// The way to a field, written as the server writes it: `spec.containers[name="app"].image`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Field(pub(super) Vec<Step>);

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Name(name) => write!(f, "{}{name}", if at == 0 { "" } else { "." })?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Item(keys) => {
                    let keys: Vec<_> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
                    write!(f, "[{}]", keys.join(","))?;
                }
            }
        }
        Ok(())
    }
}

/// Who manages a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) manager: String,
    /// `Apply` or `Update`, with the part of the object that was written if it is not the whole: `Update of scale`.
    pub(super) operation: String,
    /// RFC 3339.
    pub(super) time: String,
    /// Whether it is the autoscaler.
    pub(super) autoscaler: bool,
}

/// The entries of `managedFields`.
fn entries(live: &Json) -> impl Iterator<Item = &Json> {
    live.pointer("/metadata/managedFields").and_then(Json::as_array).into_iter().flatten()
}

fn text<'a>(entry: &'a Json, name: &str) -> &'a str {
    entry.get(name).and_then(Json::as_str).unwrap_or_default()
}

/// Whether an entry is what we apply.
fn is_ours(entry: &Json) -> bool {
    text(entry, "manager") == MANAGER && text(entry, "operation") == "Apply"
}

/// What we manage, as `fieldsV1` has it.
pub(super) fn ours(live: &Json) -> Option<&Json> {
    entries(live).find(|entry| is_ours(entry)).and_then(|entry| entry.get("fieldsV1"))
}

/// Who else manages a field: whoever wrote last, if more than one does.
pub(super) fn owner(live: &Json, field: &Field) -> Option<Owner> {
    let covers = |entry: &&Json| entry.get("fieldsV1").is_some_and(|fields| covers(fields, &field.0));
    let others = entries(live).filter(|entry| !is_ours(entry)).filter(covers);
    others.max_by(|a, b| text(a, "time").cmp(text(b, "time"))).map(|entry| {
        let part = text(entry, "subresource");
        let operation = text(entry, "operation");
        let operation = if part.is_empty() { operation.to_owned() } else { format!("{operation} of {part}") };
        Owner {
            manager: text(entry, "manager").to_owned(),
            operation,
            time: text(entry, "time").to_owned(),
            autoscaler: text(entry, "manager") == CONTROLLERS && part == "scale",
        }
    })
}

/// Whether a set of fields holds the one at the end of these steps.
fn covers(fields: &Json, steps: &[Step]) -> bool {
    let Some(map) = fields.as_object() else { return false };
    let Some((step, rest)) = steps.split_first() else { return true };
    if map.is_empty() {
        // What ends here belongs as a whole.
        return true;
    }
    match step {
        Step::Name(name) => map.get(&format!("f:{name}")).is_some_and(|inner| covers(inner, rest)),
        Step::Index(_) => false,
        Step::Item(keys) => map.iter().any(|(name, inner)| {
            let found =
                name.strip_prefix("k:").and_then(|text| serde_json::from_str::<Map<String, Json>>(text).ok());
            found.is_some_and(|found| found == *keys) && covers(inner, rest)
        }),
    }
}

/// The fields below one of ours.
pub(super) fn below<'a>(fields: Option<&'a Json>, step: &Step) -> Option<&'a Json> {
    let map = fields?.as_object()?;
    match step {
        Step::Name(name) => map.get(&format!("f:{name}")),
        Step::Index(_) => None,
        Step::Item(keys) => map.iter().find_map(|(name, inner)| {
            let found: Map<String, Json> = serde_json::from_str(name.strip_prefix("k:")?).ok()?;
            (found == *keys).then_some(inner)
        }),
    }
}

/// The keys by which a list goes, if that can be seen from what we manage of it.
pub(super) fn keys_of(fields: Option<&Json>) -> Option<Vec<String>> {
    let first = fields?.as_object()?.keys().find_map(|name| name.strip_prefix("k:"))?;
    let keys: Map<String, Json> = serde_json::from_str(first).ok()?;
    Some(keys.into_iter().map(|(key, _)| key).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn live() -> Json {
        json!({"metadata": {"managedFields": [
            {"manager": "mlo", "operation": "Apply", "time": "2026-01-01T00:00:00Z", "fieldsV1": {
                "f:spec": {"f:selector": {}, "f:template": {"f:spec": {"f:containers": {
                    "k:{\"name\":\"app\"}": {".": {}, "f:name": {}, "f:image": {}}}}}}}},
            {"manager": "kubectl-edit", "operation": "Update", "time": "2026-01-02T00:00:00Z", "fieldsV1": {
                "f:spec": {"f:replicas": {}}}},
            {"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale",
             "time": "2026-01-03T00:00:00Z", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        ]}})
    }

    fn field(names: &[&str]) -> Field {
        Field(names.iter().map(|name| Step::Name((*name).to_owned())).collect())
    }

    #[test]
    fn who_wrote_last_is_named_and_we_are_not_another() {
        let found = owner(&live(), &field(&["spec", "replicas"])).unwrap();
        assert_eq!((found.manager.as_str(), found.operation.as_str()), (CONTROLLERS, "Update of scale"));
        assert!(found.autoscaler);
        let mut image = field(&["spec", "template", "spec", "containers"]);
        image.0.push(Step::Item(json!({"name": "app"}).as_object().cloned().unwrap()));
        image.0.push(Step::Name("image".to_owned()));
        assert_eq!(owner(&live(), &image), None, "only we manage it");
        assert!(covers(ours(&live()).unwrap(), &image.0));
        assert_eq!(image.to_string(), "spec.template.spec.containers[name=\"app\"].image");
        assert!(
            covers(ours(&live()).unwrap(), &field(&["spec", "selector", "matchLabels", "app"]).0),
            "as a whole"
        );
        assert_eq!(owner(&live(), &field(&["spec", "paused"])), None);
    }

    #[test]
    fn keys_of_lists_are_seen_in_what_we_manage() {
        let live = live();
        let list = ["spec", "template", "spec", "containers"]
            .iter()
            .fold(ours(&live), |fields, name| below(fields, &Step::Name((*name).to_owned())));
        assert_eq!(keys_of(list), Some(vec!["name".to_owned()]));
        assert_eq!(keys_of(ours(&live)), None);
    }
}
