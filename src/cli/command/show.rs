//! `mlo show`

use super::output::document;
use crate::cli::args::{Global, Show};
use crate::cli::exit::Exit;
use crate::cli::screen::Screen;
use crate::cli::session;
use crate::cli::view::{json, state};
use crate::diag::SourceMap;
use mlo_state::Status;
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
    session::hide_state(screen, &snapshot);
    let values = session::stored_values(&snapshot);
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
