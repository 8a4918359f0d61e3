//! `mlo output`

use crate::cli::args::{Global, Output};
use crate::cli::exit::Exit;
use crate::cli::screen::Screen;
use crate::cli::secrets;
use crate::cli::session::{self, Looked};
use crate::cli::view;
use crate::diag::{Diagnostic, Diagnostics, SourceMap, code};
use crate::plan::decode_output;
use serde_json::Value as Json;
use std::collections::BTreeMap;

pub(in crate::cli) fn run(options: &Output, _: &Global, screen: &mut Screen) -> Exit {
    let failed = |messages| session::Failed { sources: SourceMap::new(), messages };
    let read = session::read_state(options.from.as_deref(), &options.backend, screen);
    let Looked { place, snapshot, is_open } = match read {
        Ok(read) => read,
        Err((failed, exit)) => return session::fail(screen, options.json, &failed, exit),
    };
    // Asked for by name, a sensitive output is shown: that is what the name is given for.
    if options.show_sensitive || options.name.is_some() {
        screen.show_everything();
    }
    // A secret of an object may stand in the middle of an output that nobody called sensitive.
    if let Some(snapshot) = &snapshot {
        secrets::hide_state(screen, snapshot);
    }
    let outputs = snapshot.map(|snapshot| snapshot.outputs).unwrap_or_default();
    let Some(name) = &options.name else {
        if options.json {
            screen.print_json(view::json::outputs(&outputs, screen));
        } else if outputs.is_empty() {
            screen.say("The state has no outputs.\n");
            if !is_open {
                session::hint_at_other_states(screen, &place, "output --from");
            }
        } else {
            screen.print(&view::state::outputs(&outputs, screen));
        }
        return Exit::Done;
    };
    match one(options, name, &outputs) {
        Ok(text) => {
            screen.print(&text);
            Exit::Done
        }
        Err(messages) => session::fail(screen, options.json, &failed(messages), Exit::Error),
    }
}

fn one(
    options: &Output,
    name: &str,
    outputs: &BTreeMap<String, mlo_state::Output>,
) -> Result<String, Diagnostics> {
    let Some(output) = outputs.get(name) else {
        let message = Diagnostic::error(code::engine::NO_OUTPUT, format!("the state has no output `{name}`"));
        let message = message.did_you_mean(name, outputs.keys().map(String::as_str));
        return Err(message.help("outputs are written by `mlo apply`").into());
    };
    if options.json {
        return Ok(format!("{}\n", output.value));
    }
    if options.raw {
        return match &output.value {
            Json::String(text) => Ok(text.clone()),
            Json::Number(_) | Json::Bool(_) => Ok(output.value.to_string()),
            _ => Err(Diagnostic::error(
                code::engine::USAGE,
                format!("output `{name}` is no string, number or bool"),
            )
            .help("use `--json` for it")
            .into()),
        };
    }
    let open = mlo_state::Output { sensitive: false, ..output.clone() };
    Ok(view::state::value(&decode_output(&open).unwrap_or_else(crate::lang::value::Value::null)))
}
