//! Changes of a state as values. Pure: a snapshot goes in, another comes out, or why there is none.

use crate::diag::{Diagnostic, Diagnostics, code};
use crate::plan::{AddressPattern, Move, bare_provider, object_name, relocate, some_of};
use mlo_state::{Address, Object, Snapshot, Status};
use std::collections::BTreeSet;

/// What becomes of a state, and how that is said, a line each.
pub(super) struct Edited {
    pub(super) snapshot: Snapshot,
    pub(super) lines: Vec<String>,
    /// What is asked before it is written.
    pub(super) question: Option<String>,
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
    let moves: Vec<_> = addresses(snapshot)
        .filter_map(|from| Some(Move { from: from.clone(), to: source.renamed(destination, 0, from)? }))
        .collect();
    if moves.is_empty() {
        return Err(no_object(snapshot, source).into());
    }
    let moves: Vec<_> = moves.into_iter().filter(|one| one.from != one.to).collect();
    if moves.is_empty() {
        let error = refused(format!("{source} is called so already"));
        return Err(error.help("name what it is to be called as the second address").into());
    }
    let goes = |address: &Address| source.renamed(destination, 0, address).is_some();
    let is_taken = |one: &&Move| {
        [&one.from, &one.to].into_iter().all(|address| snapshot.objects.contains_key(address))
            && !goes(&one.to)
    };
    if let Some(taken) = moves.iter().find(is_taken) {
        let error = refused(format!("{} cannot become {}: another object is there", taken.from, taken.to));
        return Err(error.help("move that one away first, or forget it with `mlo state rm`").into());
    }
    let lines = moves.iter().map(|Move { from, to }| format!("{from} is now {to}")).collect();
    Ok(Edited { snapshot: relocate(snapshot, &moves), lines, question: None })
}

/// The state without what is named.
pub(super) fn rm(snapshot: &Snapshot, named: &[AddressPattern]) -> Result<Edited, Diagnostics> {
    check_known(snapshot, named)?;
    let mut left = snapshot.clone();
    let mut lines = Vec::new();
    let goes = |address: &Address| named.iter().any(|pattern| pattern.covers(address));
    let line = |address: &Address, key: Option<&str>| {
        format!("{} is forgotten, and not destroyed", object_name(address, key))
    };
    left.objects.retain(|address, _| {
        lines.extend(goes(address).then(|| line(address, None)));
        !goes(address)
    });
    left.deposed.retain(|address, objects| {
        lines.extend(objects.keys().filter(|_| goes(address)).map(|key| line(address, Some(key))));
        !goes(address)
    });
    left.bridge(&snapshot.made_from());
    Ok(Edited { snapshot: left, lines, question: None })
}

/// The state with the objects of one provider configuration kept by another: `local.west` by `local.east`. `takes` tells
/// whether a provider has objects of a type.
pub(super) fn replace_provider(
    snapshot: &Snapshot,
    (from, to): (&str, &str),
    takes: &dyn Fn(&str, &str) -> bool,
) -> Result<Edited, Diagnostics> {
    let mut left = snapshot.clone();
    let (mut lines, mut refused) = (Vec::new(), Diagnostics::new());
    let objects = left.objects.iter_mut().map(|(address, object)| (address, None, object));
    let deposed = left.deposed.iter_mut().flat_map(|(address, objects)| {
        objects.iter_mut().map(move |(key, object)| (address, Some(key.as_str()), object))
    });
    for (address, key, object) in objects.chain(deposed).filter(|(.., object)| object.provider == from) {
        let name = object_name(address, key);
        if takes(bare_provider(to), &address.type_name) {
            to.clone_into(&mut object.provider);
            lines.push(format!("{name} is kept by provider {to} now"));
        } else {
            let summary =
                format!("provider {to} has no objects of type `{}`, such as {name}", address.type_name);
            refused.push(Diagnostic::error(code::state::NOT_MOVED, summary));
        }
    }
    if refused.has_errors() {
        return Err(refused);
    }
    if lines.is_empty() {
        let known: BTreeSet<_> = objects_of(snapshot).map(|(.., object)| object.provider.as_str()).collect();
        let summary = format!("the state has no object of provider {from}");
        let error =
            Diagnostic::error(code::state::NO_OBJECT, summary).did_you_mean(from, known.iter().copied());
        let known: Vec<_> = known.into_iter().collect();
        return Err(error.help(format!("the providers of its objects are {}", some_of(&known))).into());
    }
    Ok(Edited { snapshot: left, lines, question: None })
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
    Ok(Edited { snapshot: marked, lines: vec![line], question: None })
}

/// A pushed state in the place of the present one, of whose life it goes on with.
pub(super) fn push(present: Option<&Snapshot>, pushed: Snapshot, force: bool) -> Result<Edited, Diagnostics> {
    let refused = |summary: String| Diagnostic::error(code::state::NOT_PUSHED, summary);
    let count = pushed.objects.len();
    let lines = vec![format!("the state has {count} object{} now", if count == 1 { "" } else { "s" })];
    let Some(present) = present else {
        return Ok(Edited { snapshot: Snapshot { serial: 0, ..pushed }, lines, question: None });
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
    Ok(Edited { snapshot: Snapshot { lineage, serial, ..pushed }, lines, question: None })
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
        if !addresses(snapshot).any(|address| pattern.covers(address)) {
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
        if pattern.resource.is_none() {
            let summary = format!("{name} is not one instance of the module");
            let error = Diagnostic::error(code::state::NO_OBJECT, summary);
            return error.help(format!("name one as {} has it", some_of(&instances)));
        }
        let error = Diagnostic::error(code::state::NO_OBJECT, format!("{name} is not one object"));
        return error.help(format!("name an instance: {}", some_of(&instances)));
    }
    let known: Vec<_> = addresses(snapshot).map(ToString::to_string).collect();
    let error = Diagnostic::error(code::state::NO_OBJECT, format!("the state has no {name}"));
    let error = error.did_you_mean(&name, known.iter().map(String::as_str));
    error.help("`mlo state list` shows all that it has")
}

/// The addresses at which the state has an object, or one that was set aside.
pub(super) fn addresses(snapshot: &Snapshot) -> impl Iterator<Item = &Address> {
    snapshot.objects.keys().chain(snapshot.deposed.keys()).collect::<BTreeSet<_>>().into_iter()
}

/// All objects, those that were set aside with their keys.
fn objects_of(snapshot: &Snapshot) -> impl Iterator<Item = (&Address, Option<&str>, &Object)> {
    let objects = snapshot.objects.iter().map(|(address, object)| (address, None, object));
    objects.chain(snapshot.deposed_objects().map(|(address, key, object)| (address, Some(key), object)))
}
