//! The JSON twins of what is shown. Documents have a `format_version` and change by addition only.

use crate::cli::packages::Got;
use crate::cli::screen::MASK;
use crate::diag::{Diagnostics, JsonDiagnostic, SourceMap};
use crate::lang::value::{Kind, Number, Path, PathStep, Value};
use crate::plan::{Action, Counts, Kind as PlanKind, Operation, OutputChange, Plan, Reason};
use crate::policy::{Decision, Denial};
use mlo_state::{Mode, Output};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// Version of the plan's document: the shape of Terraform's plan, with our fields added.
const PLAN_FORMAT: &str = "1.2";
/// Version of our own documents.
pub(in crate::cli) const FORMAT: &str = "1.0";

/// A command that could not do what it should.
pub(in crate::cli) fn failure(messages: &Diagnostics, sources: &SourceMap) -> Json {
    json!({ "format_version": FORMAT, "valid": false, "errored": true, "diagnostics": diagnostics(messages, sources) })
}

/// Messages.
pub(in crate::cli) fn diagnostics(messages: &Diagnostics, sources: &SourceMap) -> Json {
    let list = messages.iter().map(|message| JsonDiagnostic::new(message, sources));
    serde_json::to_value(list.collect::<Vec<_>>()).expect("messages are plain data")
}

/// `mlo validate --json`, in the shape of Terraform's.
pub(in crate::cli) fn validation(messages: &Diagnostics, sources: &SourceMap) -> Json {
    let errors = messages.iter().filter(|message| message.severity == crate::diag::Severity::Error).count();
    json!({
        "format_version": FORMAT,
        "valid": errors == 0,
        "error_count": errors,
        "warning_count": messages.len() - errors,
        "diagnostics": diagnostics(messages, sources),
    })
}

/// `mlo get --json`
pub(in crate::cli) fn got(got: &Got, messages: &Diagnostics, sources: &SourceMap) -> Json {
    let packages = got.packages.iter().map(|[source, version, resolved, digest]| {
        json!({ "source": source, "version": version, "resolved": resolved, "digest": digest })
    });
    json!({
        "format_version": FORMAT,
        "modules": packages.collect::<Vec<_>>(),
        "fetched": got.fetched,
        "diagnostics": diagnostics(messages, sources),
    })
}

/// A plan. Sensitive values are masked; what is not known yet is absent from `after` and true in `after_unknown`.
pub(in crate::cli) fn plan(plan: &Plan, errored: bool) -> Json {
    let changes: Vec<_> = plan.operations.iter().map(resource_change).collect();
    let drift: Vec<_> = plan
        .drift
        .iter()
        .map(|drift| {
            let actions = if drift.after.is_some() { ["update"] } else { ["delete"] };
            json!({
                "address": drift.address.to_string(),
                "type": drift.address.type_name.to_string(),
                "name": drift.address.name.to_string(),
                "change": change(&actions, Some(&drift.before), drift.after.as_ref()),
            })
        })
        .collect();
    let outputs: Map<String, Json> =
        plan.outputs.iter().map(|(name, output)| (name.to_string(), output_change(output))).collect();
    json!({
        "format_version": PLAN_FORMAT,
        "mlo_version": env!("CARGO_PKG_VERSION"),
        "lineage": plan.lineage,
        "serial": plan.serial,
        "environment": plan.environment,
        "destroy": plan.kind == PlanKind::Destroy,
        "resource_changes": changes,
        "resource_drift": drift,
        "output_changes": outputs,
        "checks": super::checks::json(&plan.checks),
        "not_refreshed": plan.unread.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "summary": counts(plan.counts()),
        "applyable": plan.is_applyable() && !errored,
        "complete": plan.complete && !errored,
        "errored": errored,
    })
}

/// All outputs: `{name: {sensitive, type, value}}`, as Terraform has it. Sensitive values are masked unless
/// `with_sensitive` says that they were asked for.
pub(in crate::cli) fn outputs(outputs: &BTreeMap<String, Output>, with_sensitive: bool) -> Json {
    let entry = |(name, output): (&String, &Output)| {
        let hidden = output.sensitive && !with_sensitive;
        let value = if hidden { json!(MASK) } else { output.value.clone() };
        (name.clone(), json!({ "sensitive": output.sensitive, "type": output.value_type, "value": value }))
    };
    Json::Object(outputs.iter().map(entry).collect())
}

/// How many.
pub(in crate::cli) fn counts(counts: Counts) -> Json {
    json!({ "add": counts.add, "change": counts.change, "destroy": counts.destroy, "import": counts.import })
}

fn resource_change(operation: &Operation) -> Json {
    let actions: &[&str] = match operation.action {
        Action::NoOp => &["no-op"],
        Action::Create => &["create"],
        Action::Update => &["update"],
        Action::Replace if operation.create_before_destroy => &["create", "delete"],
        Action::Replace => &["delete", "create"],
        Action::Delete => &["delete"],
        Action::Forget => &["forget"],
        Action::Read => &["read"],
    };
    let address = &operation.address;
    let mut json = json!({
        "address": address.to_string(),
        "mode": if address.mode == Mode::Data { "data" } else { "managed" },
        "type": address.type_name.to_string(),
        "name": address.name.to_string(),
        "provider_name": operation.provider,
        "change": change(actions, operation.prior.as_ref(), operation.planned.as_ref()),
    });
    if let Some(object) = json.as_object_mut() {
        match &address.key {
            Some(mlo_state::Key::Index(index)) => object.insert("index".into(), json!(index)),
            Some(mlo_state::Key::Name(name)) => object.insert("index".into(), json!(name.as_ref())),
            None => None,
        };
        if !address.module.is_root() {
            object.insert("module_address".into(), json!(address.module.to_string()));
        }
        if let Some(previous) = &operation.previous {
            object.insert("previous_address".into(), json!(previous.to_string()));
        }
        if let Some(key) = &operation.deposed {
            object.insert("deposed".into(), json!(key));
        }
        if let (Some(id), Some(Json::Object(change))) = (&operation.importing, object.get_mut("change")) {
            change.insert("importing".into(), json!({ "id": id }));
        }
        if let Some(reason) = reason(operation) {
            object.insert("action_reason".into(), json!(reason));
        }
        if let Some(Json::Object(change)) = object.get_mut("change")
            && !operation.replace.is_empty()
        {
            change.insert("replace_paths".into(), operation.replace.iter().map(path).collect());
        }
    }
    json
}

fn reason(operation: &Operation) -> Option<&'static str> {
    match operation.reason {
        Reason::Tainted => Some("replace_because_tainted"),
        Reason::NoBlock | Reason::Removed => Some("delete_because_no_resource_config"),
        Reason::NoModule => Some("delete_because_no_module"),
        Reason::NoIndex => Some("delete_because_count_index"),
        Reason::NoKey => Some("delete_because_each_key"),
        Reason::WrongRepetition => Some("delete_because_wrong_repetition"),
        Reason::NoMoveTarget => Some("delete_because_no_move_target"),
        Reason::Requested => Some("replace_by_request"),
        Reason::Configuration if operation.action == Action::Replace => Some("replace_because_cannot_update"),
        Reason::Missing => Some("create_because_missing"),
        Reason::Triggered => Some("replace_by_triggers"),
        Reason::ConfigUnknown => Some("read_because_config_unknown"),
        Reason::DependencyPending => Some("read_because_dependency_pending"),
        Reason::Configuration | Reason::Deposed | Reason::Destroy => None,
    }
}

fn path(path: &Path) -> Json {
    path.0
        .iter()
        .map(|step| match step {
            PathStep::Name(name) => json!(name.as_ref()),
            PathStep::Index(index) => json!(index),
        })
        .collect()
}

fn change(actions: &[&str], before: Option<&Value>, after: Option<&Value>) -> Json {
    let shown = |value: Option<&Value>| value.map_or(Json::Null, known);
    let sensitive = |value: Option<&Value>| {
        value.map_or(json!(false), |value| tree(value, &|value| value.marks().is_sensitive()))
    };
    json!({
        "actions": actions,
        "before": shown(before),
        "after": shown(after),
        "after_unknown": after.map_or(json!(false), |value| tree(value, &Value::is_unknown)),
        "before_sensitive": sensitive(before),
        "after_sensitive": sensitive(after),
    })
}

fn output_change(output: &OutputChange) -> Json {
    let actions: &[&str] = match (&output.before, &output.after) {
        (None, Some(_)) => &["create"],
        (Some(_), None) => &["delete"],
        _ if output.is_change() => &["update"],
        _ => &["no-op"],
    };
    change(actions, output.before.as_ref(), output.after.as_ref())
}

/// A value as JSON: sensitive parts masked, unknown ones left out (null in a list).
pub(in crate::cli) fn known(value: &Value) -> Json {
    if value.marks().is_sensitive() {
        return json!(MASK);
    }
    match value.kind() {
        Kind::Null(_) | Kind::Unknown(..) => Json::Null,
        Kind::Bool(value) => json!(value),
        Kind::Number(value) => number(value),
        Kind::String(text) => json!(text.as_ref()),
        Kind::List(_, items) | Kind::Set(_, items) | Kind::Tuple(items) => items.iter().map(known).collect(),
        Kind::Map(_, entries) | Kind::Object(entries) => {
            let known_ones = entries.iter().filter(|(_, value)| !value.is_unknown());
            Json::Object(known_ones.map(|(name, value)| (name.to_string(), known(value))).collect())
        }
    }
}

fn number(number: &Number) -> Json {
    serde_json::from_str(&number.to_string()).unwrap_or_else(|_| json!(number.to_string()))
}

/// Where something holds: true, or an object or list of the parts where it does, as Terraform has it.
fn tree(value: &Value, holds: &dyn Fn(&Value) -> bool) -> Json {
    if holds(value) {
        return json!(true);
    }
    if let Some(items) = value.as_items() {
        return items.iter().map(|item| tree(item, holds)).collect();
    }
    if let Some(entries) = value.as_entries() {
        let parts = entries.iter().map(|(name, item)| (name.to_string(), tree(item, holds)));
        return Json::Object(parts.filter(|(_, part)| *part != json!(false)).collect());
    }
    json!(false)
}

/// What the policies said when they let everything through.
pub(in crate::cli) fn approval(decision: &Decision) -> Json {
    json!({ "verdict": "approved", "decision": self::decision(decision), "violations": [], "actions": [] })
}

/// What the policies said when they did not.
pub(in crate::cli) fn denial(denial: &Denial, sources: &SourceMap) -> Json {
    let violations: Vec<_> = denial
        .violations
        .iter()
        .map(|violation| {
            json!({
                "rule": violation.rule,
                "model": violation.subject,
                "message": violation.message,
                "path": violation.path,
                "place": violation.span.map(|span| sources.place(span)),
                "level": violation.level.as_str(),
                "actions": violation.actions,
            })
        })
        .collect();
    json!({
        "verdict": "denied",
        "decision": denial.decision.as_ref().map(decision),
        "violations": violations,
        "actions": denial.actions(),
        "diagnostics": diagnostics(&denial.diagnostics(), sources),
    })
}

fn decision(decision: &Decision) -> Json {
    let evaluations: Vec<_> = decision
        .evaluations
        .iter()
        .map(|evaluation| {
            let rules = evaluation.rules.iter().map(|rule| {
                json!({ "rule": rule.rule, "title": rule.title, "shown": rule.shown, "passed": rule.passed })
            });
            json!({ "model": evaluation.subject, "rules": rules.collect::<Vec<_>>() })
        })
        .collect();
    let warnings: Vec<_> = decision
        .warnings
        .iter()
        .map(|warning| json!({ "model": warning.subject, "message": warning.message }))
        .collect();
    json!({
        "bundle": decision.bundle,
        "environment": decision.environment,
        "evaluations": evaluations,
        "warnings": warnings,
    })
}
