//! Changes of a state as values. Pure: a snapshot goes in, another comes out, or why there is none.

use crate::diag::{Diagnostic, Diagnostics, code};
use crate::plan::{AddressPattern, Move, relocate, some_of};
use mlo_state::{Address, Snapshot, Status};

/// What becomes of a state, and how that is said, a line each.
pub(super) struct Edited {
    pub(super) snapshot: Snapshot,
    pub(super) lines: Vec<String>,
}

/// The state with what `source` names under the address of `destination`.
pub(super) fn mv(
    snapshot: &Snapshot,
    source: &AddressPattern,
    destination: &AddressPattern,
) -> Result<Edited, Diagnostics> {
    let refused = |summary: String| Diagnostic::error(code::state::NOT_MOVED, summary);
    match (&source.resource, &destination.resource) {
        (Some((from, _)), Some((to, _))) if (from.mode, &from.type_name) != (to.mode, &to.type_name) => {
            let summary = format!(
                "an object of type `{}` cannot become one of type `{}`",
                from.type_name, to.type_name
            );
            return Err(refused(summary).into());
        }
        (Some(_), Some(_)) | (None, None) => {}
        _ => {
            let summary = format!("{source} cannot become {destination}: one is a module, the other is not");
            return Err(refused(summary).help("name two modules, or two blocks or instances").into());
        }
    }
    let objects = snapshot.objects.keys();
    let moves: Vec<_> = objects
        .filter_map(|from| Some(Move { from: from.clone(), to: source.renamed(destination, 0, from)? }))
        .filter(|one| one.from != one.to)
        .collect();
    if moves.is_empty() {
        return Err(no_object(snapshot, source).into());
    }
    let goes = |address: &Address| source.renamed(destination, 0, address).is_some();
    if let Some(taken) = moves.iter().find(|one| snapshot.objects.contains_key(&one.to) && !goes(&one.to)) {
        let error = refused(format!("{} cannot become {}: another object is there", taken.from, taken.to));
        return Err(error.help("move that one away first, or forget it with `mlo state rm`").into());
    }
    let lines = moves.iter().map(|Move { from, to }| format!("{from} is now {to}")).collect();
    Ok(Edited { snapshot: relocate(snapshot, &moves), lines })
}

/// The state without what is named.
pub(super) fn rm(snapshot: &Snapshot, named: &[AddressPattern]) -> Result<Edited, Diagnostics> {
    check_known(snapshot, named)?;
    let mut left = snapshot.clone();
    let mut lines = Vec::new();
    left.objects.retain(|address, _| {
        let goes = named.iter().any(|pattern| pattern.covers(address));
        lines.extend(goes.then(|| format!("{address} is forgotten, and not destroyed")));
        !goes
    });
    Ok(Edited { snapshot: left, lines })
}

/// The state with an object that the next apply replaces, or no longer replaces.
pub(super) fn mark(snapshot: &Snapshot, address: &Address, status: Status) -> Result<Edited, Diagnostics> {
    let mut marked = snapshot.clone();
    let Some(object) = marked.objects.get_mut(address) else {
        return Err(no_object(snapshot, &address.clone().into()).into());
    };
    let line = match (object.status, status) {
        (Status::Ready, Status::Ready) => {
            let summary = format!("{address} is not tainted");
            return Err(Diagnostic::error(code::state::NOT_TAINTED, summary).into());
        }
        (_, Status::Ready) => format!("{address} is no longer tainted"),
        (_, Status::Tainted) => format!("{address} is tainted: the next apply replaces it"),
    };
    object.status = status;
    Ok(Edited { snapshot: marked, lines: vec![line] })
}

/// A pushed state in the place of the present one, of whose life it goes on with.
pub(super) fn push(present: Option<&Snapshot>, pushed: Snapshot, force: bool) -> Result<Edited, Diagnostics> {
    let refused = |summary: String| Diagnostic::error(code::state::NOT_PUSHED, summary);
    let count = pushed.objects.len();
    let lines = vec![format!("the state has {count} object{} now", if count == 1 { "" } else { "s" })];
    let Some(present) = present else {
        return Ok(Edited { snapshot: Snapshot { serial: 0, ..pushed }, lines });
    };
    if pushed.lineage != present.lineage && !force {
        let summary =
            format!("the file is of lineage `{}`, and the state of `{}`", pushed.lineage, present.lineage);
        let error = refused(summary).help("look whether this is the right folder");
        return Err(error.help("`--force` puts it here all the same").into());
    }
    if pushed.serial < present.serial && !force {
        let summary =
            format!("the file is of serial {}, and the state is at {}", pushed.serial, present.serial);
        let error = refused(summary).help("what was done since is not in the file: pull again and compare");
        return Err(error.help("`--force` puts it here all the same").into());
    }
    let (lineage, serial) = (present.lineage.clone(), present.serial);
    Ok(Edited { snapshot: Snapshot { lineage, serial, ..pushed }, lines })
}

/// A state's file, as text.
pub(super) fn encoded(snapshot: &Snapshot) -> Result<String, Diagnostics> {
    let mut bytes = Vec::new();
    let refused = |error: &dyn std::fmt::Display| {
        Diagnostics::from(Diagnostic::error(code::state::IO, format!("the state cannot be printed: {error}")))
    };
    snapshot.encode(&mut bytes).map_err(|error| refused(&error))?;
    String::from_utf8(bytes).map_err(|error| refused(&error))
}

/// Whether each name stands for an object.
pub(super) fn check_known(snapshot: &Snapshot, named: &[AddressPattern]) -> Result<(), Diagnostics> {
    let mut messages = Diagnostics::new();
    for pattern in named {
        if !snapshot.objects.keys().any(|address| pattern.covers(address)) {
            messages.push(no_object(snapshot, pattern));
        }
    }
    if messages.has_errors() { Err(messages) } else { Ok(()) }
}

/// Says that nothing is called so.
pub(super) fn no_object(snapshot: &Snapshot, pattern: &AddressPattern) -> Diagnostic {
    let name = pattern.to_string();
    let instances: Vec<_> = snapshot.objects.keys().filter(|address| pattern.covers(address)).collect();
    if !instances.is_empty() {
        let error = Diagnostic::error(code::state::NO_OBJECT, format!("{name} is not one object"));
        return error.help(format!("name an instance: {}", some_of(&instances)));
    }
    let known: Vec<_> = snapshot.objects.keys().map(ToString::to_string).collect();
    let error = Diagnostic::error(code::state::NO_OBJECT, format!("the state has no {name}"));
    let error = error.did_you_mean(&name, known.iter().map(String::as_str));
    error.help("`mlo state list` shows all that it has")
}
