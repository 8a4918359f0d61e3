//! Objects and outputs of a state as text.

use super::value::write;
use crate::cli::screen::Screen;
use crate::cli::secrets::Kept;
use crate::lang::value::Value;
use crate::plan::{decode_output, object_name};
use mlo_state::{Output, Status};
use std::collections::BTreeMap;
use std::fmt::Write;

/// One object as the block that it could have been written as.
pub(in crate::cli) fn object(Kept { address, deposed, object, value }: &Kept<'_>) -> String {
    let tainted = object.status == Status::Tainted;
    let note = if tainted && deposed.is_none() { " (tainted: will be replaced)" } else { "" };
    let name = object_name(address, *deposed);
    let mut out = format!("# {name}:{note}\nresource \"{}\" \"{}\" ", address.type_name, address.name);
    let shown = value.as_entries().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let shown = Value::object(shown.map(|(name, value)| (name.clone(), value.clone())));
    write(&shown, 0, &mut out);
    out.push('\n');
    out
}

/// `name = value`, a line or more each.
pub(in crate::cli) fn outputs(outputs: &BTreeMap<String, Output>, screen: &Screen) -> String {
    let width = outputs.keys().map(|name| name.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for (name, output) in outputs {
        let value = screen.shown_as(name, decode_output(output).unwrap_or_else(Value::null));
        let _ = write!(out, "{name:width$} = ");
        write(&value, 0, &mut out);
        out.push('\n');
    }
    out
}

/// One value alone.
pub(in crate::cli) fn value(value: &Value) -> String {
    let mut out = String::new();
    write(value, 0, &mut out);
    out.push('\n');
    out
}
