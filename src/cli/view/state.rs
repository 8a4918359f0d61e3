//! Objects and outputs of a state as text.

use super::value::write;
use crate::lang::value::Value;
use crate::plan::decode_output;
use mlo_state::{Address, Output};
use std::collections::BTreeMap;
use std::fmt::Write;

/// One object as the block that it could have been written as.
pub(in crate::cli) fn object(address: &Address, value: &Value, tainted: bool) -> String {
    let note = if tainted { " (half made: will be replaced)" } else { "" };
    let mut out = format!("# {address}:{note}\nresource \"{}\" \"{}\" ", address.type_name, address.name);
    let shown = value.as_entries().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let shown = Value::object(shown.map(|(name, value)| (name.clone(), value.clone())));
    write(&shown, 0, &mut out);
    out.push('\n');
    out
}

/// `name = value`, a line or more each.
pub(in crate::cli) fn outputs(outputs: &BTreeMap<String, Output>) -> String {
    let width = outputs.keys().map(|name| name.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for (name, output) in outputs {
        let value = decode_output(output).unwrap_or_else(Value::null);
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
