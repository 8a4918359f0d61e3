//! `mlo show`

use super::output::document;
use crate::cli::args::{Global, Show};
use crate::cli::exit::Exit;
use crate::cli::screen::Screen;
use crate::cli::session;
use crate::cli::view::{json, state};
use crate::diag::SourceMap;
use crate::lang::value::Value;
use crate::plan::{decode_object, guess};
use crate::provider;
use mlo_state::{Object, Snapshot, Status};
use serde_json::json;

pub(in crate::cli) fn run(options: &Show, _: &Global, screen: &mut Screen) -> Exit {
    let snapshot = match session::read_state(options.path.as_deref()) {
        Ok((_, snapshot)) => snapshot,
        Err((message, exit)) => {
            screen.report(&message, &SourceMap::new());
            return exit;
        }
    };
    let Some(snapshot) = snapshot else {
        if options.json {
            screen.print_json(json!({ "format_version": "1.0", "resources": [], "outputs": {} }));
        } else {
            screen.say("There is no state yet: nothing was applied here.\n");
        }
        return Exit::Done;
    };
    let values: Vec<_> = values(&snapshot);
    for (_, _, value) in &values {
        screen.hide(value);
    }
    if options.json {
        let resources = values.iter().map(|(address, object, value)| {
            json!({
                "address": address.to_string(),
                "type": address.type_name.to_string(),
                "name": address.name.to_string(),
                "provider_name": object.provider,
                "tainted": object.status == Status::Tainted,
                "values": json::known(value),
                "depends_on": object.dependencies.iter().map(ToString::to_string).collect::<Vec<_>>(),
            })
        });
        screen.print_json(json!({
            "format_version": "1.0",
            "lineage": snapshot.lineage,
            "serial": snapshot.serial,
            "resources": resources.collect::<Vec<_>>(),
            "outputs": document(&snapshot.outputs, false),
        }));
        return Exit::Done;
    }
    for (address, object, value) in &values {
        screen.print(&format!("{}\n", state::object(address, value, object.status == Status::Tainted)));
    }
    if !snapshot.outputs.is_empty() {
        screen.print(&format!("Outputs:\n\n{}", state::outputs(&snapshot.outputs)));
    }
    Exit::Done
}

/// Each object as a value: by its type's schema where that is known.
fn values(snapshot: &Snapshot) -> Vec<(&mlo_state::Address, &Object, Value)> {
    let providers = provider::all();
    let schemas = |type_name: &str| {
        providers.values().find_map(|provider| {
            provider.schema().resources.get(type_name).map(|schema| schema.block.clone())
        })
    };
    let value = |type_name: &str, object: &Object| match schemas(type_name) {
        Some(schema) => decode_object(object, &schema).unwrap_or_else(|_| guess(&object.attributes)),
        None => guess(&object.attributes),
    };
    snapshot
        .objects
        .iter()
        .map(|(address, object)| (address, object, value(&address.type_name, object)))
        .collect()
}
