//! What happens, a line of JSON each, as Terraform's machine-readable UI has it. `@module` is ours.

use super::json;
use crate::apply::Event;
use crate::diag::{Diagnostics, SourceMap};
use crate::plan::{Action, Counts, Drift, Kind, Operation, OutputChange, Plan};
use mlo_state::{Address, Key, ModuleAddress};
use serde_json::{Map, Value as Json, json};
use std::time::Duration;

/// Version of the stream: Terraform's, with our types added.
const UI_FORMAT: &str = "1.2";

/// A line without its time.
pub(super) fn line(level: &str, message: impl Into<String>, kind: &str) -> Map<String, Json> {
    Map::from_iter([
        ("@level".to_owned(), json!(level)),
        ("@message".to_owned(), Json::String(message.into())),
        ("@module".to_owned(), json!("mlo.ui")),
        ("type".to_owned(), json!(kind)),
    ])
}

pub(super) fn with(mut line: Map<String, Json>, name: &str, value: Json) -> Map<String, Json> {
    line.insert(name.to_owned(), value);
    line
}

fn fields(fields: &[(&str, Json)]) -> Map<String, Json> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// The first line.
pub(in crate::cli) fn version() -> Map<String, Json> {
    let version = env!("CARGO_PKG_VERSION");
    let line = with(line("info", format!("mlo {version}"), "version"), "mlo", json!(version));
    with(line, "ui", json!(UI_FORMAT))
}

/// Messages, a line each.
pub(in crate::cli) fn diagnostics(messages: &Diagnostics, sources: &SourceMap) -> Vec<Map<String, Json>> {
    let Json::Array(list) = json::diagnostics(messages, sources) else { return Vec::new() };
    let one = |diagnostic: Json| {
        let text = |name: &str| diagnostic.get(name).and_then(Json::as_str).unwrap_or("");
        let is_error = text("severity") == "error";
        let (level, word) = if is_error { ("error", "Error") } else { ("warn", "Warning") };
        let message = format!("{word}: {}", text("summary"));
        with(line(level, message, "diagnostic"), "diagnostic", diagnostic)
    };
    list.into_iter().map(one).collect()
}

/// What a plan found and would do.
pub(in crate::cli) fn plan(plan: &Plan) -> Vec<Map<String, Json>> {
    let drift = plan.drift.iter().map(drift);
    let changes = plan.operations.iter().filter(|operation| operation.is_change());
    let Counts { add, change, destroy, import } = plan.counts();
    let import = if import > 0 { format!("{import} to import, ") } else { String::new() };
    let message = format!("Plan: {import}{add} to add, {change} to change, {destroy} to destroy.");
    let summary = summary(message, plan.counts(), "plan");
    let outputs = (!plan.outputs.is_empty()).then(|| {
        let one = |change: &OutputChange| {
            let action = match (&change.before, &change.after) {
                (None, Some(_)) => "create",
                (Some(_), None) => "delete",
                _ if change.is_change() => "update",
                _ => "noop",
            };
            json!({ "sensitive": change.sensitive, "action": action })
        };
        let all: Map<_, _> =
            plan.outputs.iter().map(|(name, output)| (name.to_string(), one(output))).collect();
        with(line("info", format!("Outputs: {}", all.len()), "outputs"), "outputs", Json::Object(all))
    });
    drift.chain(changes.map(planned_change)).chain([summary]).chain(outputs).collect()
}

fn drift(drift: &Drift) -> Map<String, Json> {
    let (action, word) = if drift.after.is_some() { ("update", "update") } else { ("delete", "delete") };
    let message = format!("{}: Drift detected ({word})", drift.address);
    let change = json!({ "resource": resource(&drift.address), "action": action });
    with(line("info", message, "resource_drift"), "change", change)
}

fn planned_change(operation: &Operation) -> Map<String, Json> {
    let action = match operation.action {
        Action::NoOp if operation.importing.is_some() => "import",
        Action::NoOp if operation.previous.is_some() => "move",
        Action::NoOp => "noop",
        Action::Forget => "forget",
        Action::Read => "read",
        Action::Create => "create",
        Action::Update => "update",
        Action::Replace => "replace",
        Action::Delete => "delete",
    };
    let mut change = fields(&[("resource", resource(&operation.address)), ("action", json!(action))]);
    if let Some(previous) = &operation.previous {
        change.insert("previous_resource".into(), resource(previous));
    }
    if let Some(id) = &operation.importing {
        change.insert("importing".into(), json!({ "id": id }));
    }
    // The words of the plan's document without what they have in front there.
    if let Some(reason) = json::reason(operation) {
        change.insert(
            "reason".into(),
            json!(
                reason
                    .strip_prefix("replace_because_")
                    .unwrap_or(reason)
                    .replace("replace_by_request", "requested")
            ),
        );
    }
    let message = format!("{}: Plan to {action}", operation.address);
    with(line("info", message, "planned_change"), "change", Json::Object(change))
}

fn summary(message: String, counts: Counts, operation: &str) -> Map<String, Json> {
    let Counts { add, change, destroy, import } = counts;
    let changes =
        json!({ "add": add, "change": change, "import": import, "remove": destroy, "operation": operation });
    with(line("info", message, "change_summary"), "changes", changes)
}

/// A call that begins or has ended after `elapsed`; `message` is what people read.
pub(in crate::cli) fn event(event: Event<'_>, message: &str, elapsed: Duration) -> Map<String, Json> {
    let (level, kind, address, action) = match event {
        Event::Started { address, action, .. } => ("info", "apply_start", address, action),
        Event::Finished { address, action, .. } => ("info", "apply_complete", address, action),
        Event::Failed { address, action, .. } => ("error", "apply_errored", address, action),
    };
    let mut hook = fields(&[("resource", resource(address)), ("action", json!(word(action)))]);
    if let Event::Finished { object: Some(object), .. } = event
        && let Some(id) = object.get("id").filter(|id| !id.marks().is_sensitive()).and_then(|id| id.as_str())
    {
        hook.insert("id_key".into(), json!("id"));
        hook.insert("id_value".into(), json!(id));
    }
    if kind != "apply_start" {
        hook.insert("elapsed_seconds".into(), json!(elapsed.as_secs()));
    }
    with(line(level, message.trim_end(), kind), "hook", Json::Object(hook))
}

/// A call that goes on.
pub(in crate::cli) fn progress(
    address: &Address,
    action: Action,
    message: &str,
    elapsed: Duration,
) -> Map<String, Json> {
    let hook = json!({
        "resource": resource(address),
        "action": word(action),
        "elapsed_seconds": elapsed.as_secs(),
    });
    with(line("info", message.trim_end(), "apply_progress"), "hook", hook)
}

fn word(action: Action) -> &'static str {
    match action {
        Action::Delete => "delete",
        Action::Update => "update",
        _ => "create",
    }
}

/// How an apply went, and the outputs; `message` is what people read.
pub(in crate::cli) fn applied(
    message: &str,
    counts: Counts,
    kind: Kind,
    outputs: Json,
) -> Vec<Map<String, Json>> {
    let operation = if kind == Kind::Destroy { "destroy" } else { "apply" };
    let count = outputs.as_object().map_or(0, Map::len);
    let summary = summary(message.trim().to_owned(), counts, operation);
    let outputs = with(line("info", format!("Outputs: {count}"), "outputs"), "outputs", outputs);
    [summary].into_iter().chain((count > 0).then_some(outputs)).collect()
}

/// What the policies said: a type of ours.
pub(in crate::cli) fn policy(document: &Json) -> Map<String, Json> {
    let verdict = document.get("verdict").and_then(Json::as_str).unwrap_or("");
    let level = if verdict == "approved" { "info" } else { "error" };
    with(line(level, format!("Policy: {verdict}"), "policy"), "policy", document.clone())
}

fn resource(address: &Address) -> Json {
    let inside = Address { module: ModuleAddress::root(), ..address.clone() };
    let key = match &address.key {
        Some(Key::Index(index)) => json!(index),
        Some(Key::Name(name)) => json!(name.as_ref()),
        None => Json::Null,
    };
    json!({
        "addr": address.to_string(),
        "module": address.module.to_string(),
        "resource": inside.to_string(),
        "implied_provider": address.type_name.split('_').next().unwrap_or(""),
        "resource_type": address.type_name.as_ref(),
        "resource_name": address.name.as_ref(),
        "resource_key": key,
    })
}
