//! A plan as a document, in the shape of `terraform show -json`.

use super::state::{Entry, modules, named};
use super::value::{known, path, sensitive, unknown};
use super::{FORMAT, TERRAFORM_VERSION, configuration, counts, object};
use crate::lang::value::Value;
use crate::plan::{Action, Drift, Kind, Operation, OutputChange, Plan, Reason, encode_output};
use mlo_state::Address;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// Version of the plan's document: Terraform's, with our fields added.
const PLAN_FORMAT: &str = "1.2";

/// A plan. Sensitive values are masked, unless `everything` is shown; what is not known yet is absent from `after` and true in `after_unknown`.
pub(in crate::cli) fn plan(plan: &Plan, errored: bool, everything: bool) -> Json {
    let variables: Map<_, _> = plan
        .shown_variables()
        .map(|(name, value)| (name.to_string(), json!({ "value": known(value) })))
        .collect();
    let outputs: Map<String, Json> =
        plan.outputs.iter().map(|(name, output)| (name.to_string(), output_change(output))).collect();
    let mut document = object([
        ("format_version", PLAN_FORMAT.into()),
        ("terraform_version", TERRAFORM_VERSION.into()),
        ("mlo_version", env!("CARGO_PKG_VERSION").into()),
        ("lineage", json!(plan.lineage)),
        ("serial", json!(plan.serial)),
        ("environment", json!(plan.environment)),
        ("destroy", (plan.kind == Kind::Destroy).into()),
        ("variables", Json::Object(variables)),
        ("planned_values", planned_values(plan)),
        ("resource_changes", plan.operations.iter().map(|each| resource_change(each, &all)).collect()),
        ("output_changes", Json::Object(outputs)),
        ("prior_state", prior_state(plan)),
        ("configuration", configuration::configuration(&plan.config, everything)),
        ("relevant_attributes", configuration::relevant_attributes(&plan.config)),
        ("checks", crate::cli::view::checks::of_plan(plan)),
        ("not_refreshed", plan.unread.iter().map(ToString::to_string).collect()),
        ("summary", json!(counts(plan.counts()))),
        ("applyable", (plan.is_applyable() && !errored).into()),
        ("complete", (plan.complete && !errored).into()),
        ("errored", errored.into()),
    ]);
    if let Some(document) = document.as_object_mut() {
        if plan.has_drift() {
            document.insert("resource_drift".into(), drift(plan, &all));
        }
        let empty = |document: &Map<String, Json>, name: &str| {
            document.get(name).and_then(Json::as_object).is_some_and(Map::is_empty)
        };
        for name in ["variables", "output_changes"] {
            if empty(document, name) {
                document.shift_remove(name);
            }
        }
    }
    document
}

/// A plan as policies get it: its changes, and without what says the same again (the values before and after by module,
/// the configuration). Sensitive values are masked. It is written as it is looked at: the document as a whole would be the largest
/// thing in memory.
pub(in crate::cli) struct Judged<'p> {
    pub(in crate::cli) plan: &'p Plan,
    /// At which types of objects the policies look: of the others, those that change are there, without values.
    pub(in crate::cli) sees: &'p dyn Fn(&str) -> bool,
}

impl Serialize for Judged<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { plan, sees } = self;
        let mut document = serializer.serialize_map(None)?;
        document.serialize_entry("format_version", PLAN_FORMAT)?;
        document.serialize_entry("mlo_version", env!("CARGO_PKG_VERSION"))?;
        document.serialize_entry("environment", &plan.environment)?;
        document.serialize_entry("destroy", &(plan.kind == Kind::Destroy))?;
        document.serialize_entry("resource_changes", &JudgedChanges(self))?;
        document.serialize_entry("resource_drift", &drift(plan, *sees))?;
        let outputs = plan.outputs.iter().map(|(name, output)| (name.to_string(), output_change(output)));
        document.serialize_entry("output_changes", &outputs.collect::<Map<_, _>>())?;
        document.serialize_entry("applyable", &plan.is_applyable())?;
        document.serialize_entry("complete", &plan.complete)?;
        document.end()
    }
}

struct JudgedChanges<'a, 'p>(&'a Judged<'p>);

impl Serialize for JudgedChanges<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Judged { plan, sees } = self.0;
        let looked_at = plan.operations.iter().filter(|each| is_judged(each, *sees));
        serializer.collect_seq(looked_at.map(|each| resource_change(each, *sees)))
    }
}

/// What a plan does, out of its document: what the audit log has the digest of. What the document leaves out is empty.
pub(in crate::cli) fn done_by(mut document: Json) -> Json {
    let mut part = |name: &str, none: Json| document.get_mut(name).map_or(none, Json::take);
    object([
        ("output_changes", part("output_changes", json!({}))),
        ("resource_changes", part("resource_changes", json!([]))),
        ("resource_drift", part("resource_drift", json!([]))),
    ])
}

/// Whether policies get a change at all.
pub(in crate::cli) fn is_judged(operation: &Operation, sees: &dyn Fn(&str) -> bool) -> bool {
    operation.action != Action::NoOp || sees(&operation.address.type_name)
}

/// One change of a plan as policies get it.
pub(in crate::cli) fn judged_change(operation: &Operation) -> Json {
    resource_change(operation, &all)
}

/// Of every type the values are there.
fn all(_: &str) -> bool {
    true
}

/// `timestamp`: when the plan was made.
pub(in crate::cli) fn add_time(document: &mut Json, made: jiff::Timestamp) {
    let made = made.round(jiff::Unit::Second).unwrap_or_default();
    if let Some(document) = document.as_object_mut() {
        document.insert("timestamp".into(), made.to_string().into());
    }
}

/// `generated_config`: the block that was written for an object.
pub(in crate::cli) fn add_generated(document: &mut Json, blocks: &BTreeMap<Address, String>) {
    let changes = document.get_mut("resource_changes").and_then(Json::as_array_mut);
    for change in changes.into_iter().flatten().filter(|_| !blocks.is_empty()) {
        let address = change.get("address").and_then(Json::as_str).and_then(|address| address.parse().ok());
        let block = address.and_then(|address: Address| blocks.get(&address));
        let change = change.get_mut("change").and_then(Json::as_object_mut);
        if let Some((block, change)) = block.zip(change) {
            change.insert("generated_config".into(), json!(block));
        }
    }
}

/// What the objects and outputs will be, as far as it is known.
fn planned_values(plan: &Plan) -> Json {
    let kept = plan
        .operations
        .iter()
        .filter(|operation| !matches!(operation.action, Action::Delete | Action::Forget));
    let entries = kept
        .filter(|operation| operation.deposed.is_none())
        .filter_map(|operation| Some(entry(operation, operation.planned.as_ref()?, false)));
    let outputs = plan.outputs.iter().filter_map(|(name, change)| {
        let after = change.after.as_ref()?;
        Some((name.to_string(), output(Some(after), change.sensitive)))
    });
    values(outputs.collect(), modules(entries))
}

fn prior_state(plan: &Plan) -> Json {
    object([
        ("format_version", FORMAT.into()),
        ("terraform_version", TERRAFORM_VERSION.into()),
        ("mlo_version", env!("CARGO_PKG_VERSION").into()),
        ("values", prior_values(plan)),
    ])
}

/// What the objects are now, and the outputs as far as they are known without a change.
fn prior_values(plan: &Plan) -> Json {
    let entries = plan
        .operations
        .iter()
        .filter_map(|operation| Some(entry(operation, operation.prior.as_ref()?, true)));
    let outputs = plan.outputs.iter().filter_map(|(name, change)| {
        let known = change.after.as_ref().filter(|after| after.is_wholly_known());
        let value = known.or(change.before.as_ref())?;
        Some((name.to_string(), output(Some(value), change.sensitive)))
    });
    values(outputs.collect(), modules(entries))
}

fn values(outputs: Map<String, Json>, root_module: Json) -> Json {
    let mut values = Map::new();
    if !outputs.is_empty() {
        values.insert("outputs".into(), Json::Object(outputs));
    }
    values.insert("root_module".into(), root_module);
    Json::Object(values)
}

fn entry<'a>(operation: &'a Operation, value: &'a Value, with_dependencies: bool) -> Entry<'a> {
    let stored = operation.stored.as_ref().filter(|_| with_dependencies);
    Entry {
        address: &operation.address,
        provider: &operation.provider,
        schema_version: operation.schema_version,
        value,
        dependencies: stored.map_or(&[], |stored| &stored.dependencies),
        tainted: with_dependencies && operation.reason == Reason::Tainted,
        deposed: operation.deposed.as_deref(),
    }
}

/// `{sensitive, type, value}`, the last two only where the value is wholly known.
fn output(value: Option<&Value>, is_sensitive: bool) -> Json {
    let mut json = Map::from_iter([("sensitive".to_owned(), json!(is_sensitive))]);
    if let Some((value, stored)) =
        value.and_then(|value| Some((value, encode_output(value, is_sensitive).ok()?)))
    {
        json.insert("type".into(), stored.value_type);
        let shown = if is_sensitive { json!(crate::cli::screen::MASK) } else { known(value) };
        json.insert("value".into(), shown);
    }
    Json::Object(json)
}

fn drift(plan: &Plan, sees: &dyn Fn(&str) -> bool) -> Json {
    if plan.drift.is_empty() {
        return json!([]);
    }
    let providers: BTreeMap<&Address, &str> =
        plan.operations.iter().map(|each| (&each.address, each.provider.as_str())).collect();
    let one = |drift: &Drift| {
        let actions: &[&str] = if drift.after.is_some() { &["update"] } else { &["delete"] };
        let first_word = drift.address.type_name.split('_').next().unwrap_or("");
        let provider = providers.get(&drift.address).copied().unwrap_or(first_word);
        let mut json = named(&drift.address, provider);
        let change = if sees(&drift.address.type_name) {
            change(actions, Some(&drift.before), drift.after.as_ref())
        } else {
            json!({ "actions": actions })
        };
        json.insert("change".into(), change);
        Json::Object(json)
    };
    plan.drift.iter().map(one).collect()
}

fn resource_change(operation: &Operation, sees: &dyn Fn(&str) -> bool) -> Json {
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
    let mut json = named(&operation.address, &operation.provider);
    let after =
        operation.planned.as_ref().filter(|_| !matches!(operation.action, Action::Delete | Action::Forget));
    let mut change = if sees(&operation.address.type_name) {
        change(actions, operation.prior.as_ref(), after)
    } else {
        json!({ "actions": actions })
    };
    if let Some(change) = change.as_object_mut().filter(|_| !operation.replace.is_empty()) {
        change.insert("replace_paths".into(), operation.replace.iter().map(path).collect());
    }
    if let (Some(id), Some(change)) = (&operation.importing, change.as_object_mut()) {
        change.insert("importing".into(), json!({ "id": id }));
    }
    json.insert("change".into(), change);
    if let Some(previous) = &operation.previous {
        json.insert("previous_address".into(), json!(previous.to_string()));
    }
    if let Some(key) = &operation.deposed {
        json.insert("deposed".into(), json!(key));
    }
    if let Some(reason) = reason(operation) {
        json.insert("action_reason".into(), json!(reason));
    }
    Json::Object(json)
}

/// Why something is done, in Terraform's words, where the values do not say it.
pub(in crate::cli) fn reason(operation: &Operation) -> Option<&'static str> {
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
        Reason::Triggered => Some("replace_by_triggers"),
        Reason::ConfigUnknown => Some("read_because_config_unknown"),
        Reason::DependencyPending => Some("read_because_dependency_pending"),
        Reason::Missing => Some("create_because_missing"),
        Reason::Configuration | Reason::Deposed | Reason::Destroy => None,
    }
}

fn change(actions: &[&str], before: Option<&Value>, after: Option<&Value>) -> Json {
    let mut json = object([
        ("actions", json!(actions)),
        ("before", before.map_or(Json::Null, known)),
        ("after", after.map_or(Json::Null, known)),
        ("after_unknown", after.filter(|after| !after.is_wholly_known()).map_or(json!({}), unknown)),
        ("before_sensitive", before.map_or(json!(false), sensitive)),
        ("after_sensitive", after.map_or(json!(false), sensitive)),
    ]);
    leave_out_unknown(&mut json, after);
    json
}

/// What is not known at all is absent, not null.
fn leave_out_unknown(json: &mut Json, after: Option<&Value>) {
    if let Some(json) = json.as_object_mut().filter(|_| after.is_some_and(Value::is_unknown)) {
        json.shift_remove("after");
    }
}

fn output_change(output: &OutputChange) -> Json {
    let actions: &[&str] = match (&output.before, &output.after) {
        (None, Some(_)) => &["create"],
        (Some(_), None) => &["delete"],
        _ if output.is_change() => &["update"],
        _ => &["no-op"],
    };
    let shown = |value: Option<&Value>| match value {
        Some(value) if output.sensitive && !value.is_unknown() => json!(crate::cli::screen::MASK),
        Some(value) => known(value),
        None => Json::Null,
    };
    let after = output.after.as_ref();
    let mut json = object([
        ("actions", json!(actions)),
        ("before", shown(output.before.as_ref())),
        ("after", shown(after)),
        ("after_unknown", after.filter(|after| !after.is_wholly_known()).map_or(json!(false), unknown)),
        ("before_sensitive", output.sensitive.into()),
        ("after_sensitive", output.sensitive.into()),
    ]);
    leave_out_unknown(&mut json, after);
    json
}
