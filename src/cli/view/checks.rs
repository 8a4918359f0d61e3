//! How conditions came out, in the shape of Terraform's `checks`.

use crate::plan::{CheckStatus, Checkable, Checked, CheckedAt, Checks, Kind, Plan};
use mlo_state::{Address, Key, Mode, ModuleAddress};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// All of them: `[{address, status, instances}]`.
pub(in crate::cli) fn json(checks: &Checks) -> Json {
    every(checks, |_| true)
}

/// Those of a plan. While everything is destroyed none is looked at, so it is not known which instances there would be.
pub(in crate::cli) fn of_plan(plan: &Plan) -> Json {
    every(&plan.checks, |of| {
        plan.kind != Kind::Destroy || matches!(of, Checkable::Output(module, _) if module.is_empty())
    })
}

fn every(checks: &Checks, has_instances: impl Fn(&Checkable) -> bool) -> Json {
    let one = |(of, instances): (&Checkable, BTreeMap<&CheckedAt, Checked>)| {
        let status = instances.values().map(|checked| checked.status).max().unwrap_or(CheckStatus::Pass);
        let mut json = json!({ "address": address(of), "status": word(status) });
        if let Some(json) = json.as_object_mut().filter(|_| has_instances(of)) {
            let instances = instances.iter().map(|(at, checked)| instance(of, at, checked));
            json.insert("instances".into(), instances.collect());
        }
        json
    };
    checks.all().map(one).collect()
}

fn word(status: CheckStatus) -> &'static str {
    match status {
        CheckStatus::Pass => "pass",
        CheckStatus::Unknown => "unknown",
        CheckStatus::Fail => "fail",
        CheckStatus::Error => "error",
    }
}

/// What conditions are on: kind, name, module, and how it is shown.
fn address(of: &Checkable) -> Json {
    let (kind, module, name) = match of {
        Checkable::Check(module, name) => ("check", module, name),
        Checkable::Output(module, name) => ("output_value", module, name),
        Checkable::Variable(module, name) => ("var", module, name),
        Checkable::Resource(block) => ("resource", &block.module, &block.name),
    };
    let mut json = Map::new();
    json.insert("kind".into(), json!(kind));
    json.insert("name".into(), json!(name.as_ref()));
    if let Checkable::Resource(block) = of {
        json.insert("mode".into(), json!(if block.mode == Mode::Data { "data" } else { "managed" }));
        json.insert("type".into(), json!(block.type_name.as_ref()));
    }
    let steps: Vec<_> = module.iter().map(|name| format!("module.{name}")).collect();
    if !steps.is_empty() {
        json.insert("module".into(), json!(steps.join(".")));
    }
    let shown = if let Checkable::Resource(block) = of {
        block.to_string()
    } else {
        let last = shown(of, &(ModuleAddress::root(), None));
        steps.into_iter().chain([last]).collect::<Vec<_>>().join(".")
    };
    json.insert("to_display".into(), json!(shown));
    Json::Object(json)
}

/// One instance as it is shown.
fn shown(of: &Checkable, (module, key): &CheckedAt) -> String {
    let within = |name: String| if module.is_root() { name } else { format!("{module}.{name}") };
    match of {
        Checkable::Check(_, name) => within(format!("check.{name}")),
        Checkable::Output(_, name) => within(format!("output.{name}")),
        Checkable::Variable(_, name) => within(format!("var.{name}")),
        Checkable::Resource(block) => {
            let (mode, type_name, name) = (block.mode, block.type_name.clone(), block.name.clone());
            Address { module: module.clone(), mode, type_name, name, key: key.clone() }.to_string()
        }
    }
}

fn instance(of: &Checkable, at: &CheckedAt, checked: &Checked) -> Json {
    let mut address = Map::new();
    address.insert("to_display".into(), json!(shown(of, at)));
    if !at.0.is_root() {
        address.insert("module".into(), json!(at.0.to_string()));
    }
    match &at.1 {
        Some(Key::Index(index)) => drop(address.insert("instance_key".into(), json!(index))),
        Some(Key::Name(name)) => drop(address.insert("instance_key".into(), json!(name.as_ref()))),
        None => {}
    }
    let mut json = json!({ "address": address, "status": word(checked.status) });
    if let Some(json) = json.as_object_mut()
        && !checked.problems.is_empty()
    {
        let problems = checked.problems.iter().map(|message| json!({ "message": message }));
        json.insert("problems".into(), problems.collect());
    }
    json
}
