//! What is different between two snapshots of one state.

use super::Paint;
use super::change::{Causes, Changes, output};
use crate::cli::screen::Screen;
use crate::cli::secrets;
use crate::lang::value::Value;
use crate::plan::object_name;
use mlo_state::{Address, Mode, Snapshot, Status};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// An object among those of a state: its address, and its key if it was set aside.
type Name<'s> = (&'s Address, Option<&'s str>);

/// The objects and outputs that came, changed and went from one snapshot to another, and how many.
pub(in crate::cli) fn difference(before: &Snapshot, after: &Snapshot, screen: &Screen) -> String {
    let (mut out, paint) = (String::new(), Paint(screen.style()));
    let (was, is) = (objects(before, screen), objects(after, screen));
    let names: BTreeSet<_> = was.keys().chain(is.keys()).copied().collect();
    let (mut added, mut changed, mut removed) = (0, 0, 0);
    for (address, deposed) in names {
        let (old, new) = (was.get(&(address, deposed)), is.get(&(address, deposed)));
        let (symbol, word, count) = match (old, new) {
            (None, _) => (paint.add(), "is new", &mut added),
            (Some(_), None) => (paint.remove(), "is not in it any more", &mut removed),
            (Some(old), Some(new)) if old == new => continue,
            (Some((_, Status::Ready)), Some((_, Status::Tainted))) => {
                (paint.change(), "is tainted", &mut changed)
            }
            _ => (paint.change(), "is different", &mut changed),
        };
        *count += 1;
        let _ = writeln!(out, "  # {}", paint.bold(format!("{} {word}", object_name(address, deposed))));
        let kind = if address.mode == Mode::Managed { "resource" } else { "data" };
        let _ = writeln!(out, "  {symbol} {kind} \"{}\" \"{}\" {{", address.type_name, address.name);
        let (old, new) = (old.map(|(value, _)| value), new.map(|(value, _)| value));
        out.push_str(&Changes::of(old, new, (&[], Causes::default()), paint));
        out.push_str("    }\n\n");
    }
    outputs(before, after, screen, &mut out);
    let heading = format!("From serial {} to serial {}:", before.serial, after.serial);
    let _ = writeln!(out, "{} {added} new, {changed} different, {removed} gone.", paint.bold(heading));
    out
}

fn objects<'s>(snapshot: &'s Snapshot, screen: &Screen) -> BTreeMap<Name<'s>, (Value, Status)> {
    let values = secrets::stored_values(snapshot).into_iter();
    values
        .map(|kept| ((kept.address, kept.deposed), (screen.shown(kept.value), kept.object.status)))
        .collect()
}

fn outputs(before: &Snapshot, after: &Snapshot, screen: &Screen, out: &mut String) {
    let paint = Paint(screen.style());
    let names: BTreeSet<_> = before.outputs.keys().chain(after.outputs.keys()).collect();
    let value = |snapshot: &Snapshot, name: &str| {
        let value = snapshot.outputs.get(name).and_then(crate::plan::decode_output)?;
        Some(screen.shown_as(name, value))
    };
    let mut text = String::new();
    for name in names {
        if before.outputs.get(name) == after.outputs.get(name) {
            continue;
        }
        let (old, new) = (value(before, name), value(after, name));
        let symbol = match (&old, &new) {
            (None, _) => paint.add(),
            (_, None) => paint.remove(),
            _ => paint.change(),
        };
        let _ = writeln!(text, "  {symbol} {name} = {}", output(old.as_ref(), new.as_ref(), 2, paint));
    }
    if !text.is_empty() {
        let _ = writeln!(out, "Outputs:\n{text}");
    }
}
