//! A state whose objects are where an earlier configuration had them, to one where this configuration has them.
//!
//! Goes in: the `moved` blocks and repetitions of a configuration, a snapshot. Comes out: the snapshot with new
//! addresses, and a list of what moved. Never happens: an object lost, two objects at one address, a look at anything
//! but addresses. Linear in objects.

mod check;
mod statement;

#[cfg(test)]
mod tests;

use crate::diag::{Diagnostic, Diagnostics, code};
use crate::graph::ModuleTree;
use crate::lang::config::{Repeat, ResourceKey};
use crate::plan::some_of;
use mlo_state::{Address, BlockAddress, Key, Mode, Snapshot};
use statement::Statements;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// An object that has another address than the state has for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// As the state has it.
    pub from: Address,
    /// As it will be.
    pub to: Address,
}

/// A snapshot with its objects where the configuration has them.
pub(super) struct Relocated<'s> {
    pub(super) snapshot: Cow<'s, Snapshot>,
    /// In the order of the addresses that the state has.
    pub(super) moves: Vec<Move>,
    pub(super) messages: Diagnostics,
}

/// Finds the present address of every object; or, where `only` one address matters, of the one that goes there. All others
/// stay then where the state has them.
pub(super) fn relocate<'s>(
    tree: &ModuleTree<'_>,
    snapshot: &'s Snapshot,
    only: Option<&Address>,
) -> Relocated<'s> {
    let statements = Statements::of(tree);
    let mut messages = check::check(tree, &statements);
    let mut ways = BTreeMap::new();
    for address in snapshot.objects.keys().filter(|address| address.mode == Mode::Managed) {
        let (to, hops) = statements.follow(address);
        let implied = implied(tree, &to);
        let way = Way { hops, said: hops > 0, to: implied.unwrap_or(to) };
        if way.to != *address && only.is_none_or(|only| way.to == *only) {
            ways.insert(address.clone(), way);
        }
    }
    let blocked = settle_conflicts(snapshot, &mut ways);
    messages.extend(warn_of(&blocked));
    let moves: Vec<_> = ways.into_iter().map(|(from, way)| Move { from, to: way.to }).collect();
    let snapshot =
        if moves.is_empty() { Cow::Borrowed(snapshot) } else { Cow::Owned(carry_out(snapshot, &moves)) };
    Relocated { snapshot, moves, messages }
}

/// Where an object goes.
struct Way {
    to: Address,
    /// By how many `moved` blocks.
    hops: usize,
    /// Whether a `moved` block says so; if not, only `count` does.
    said: bool,
}

/// `x` becomes `x[0]` where its block has a `count` now, and `x[0]` becomes `x` where it has none any more.
fn implied(tree: &ModuleTree<'_>, address: &Address) -> Option<Address> {
    let id = tree.find(&address.module.block())?;
    let Address { mode, type_name, name, .. } = address.clone();
    let resource = tree.module(id).resources.get(&ResourceKey { mode, type_name, name })?;
    let key = match (&resource.repeat, &address.key) {
        (Repeat::Count(_), None) => Some(Key::Index(0)),
        (Repeat::Once, Some(Key::Index(0))) => None,
        _ => return None,
    };
    Some(Address { key, ..address.clone() })
}

/// Takes out the ways that end where another object is, or ends first; gives those that a `moved` block had asked for.
/// An object that cannot go on stays where it was, and may be in the way of another then.
fn settle_conflicts(snapshot: &Snapshot, ways: &mut BTreeMap<Address, Way>) -> Vec<Move> {
    let mut ends: HashMap<Address, Vec<Address>> = HashMap::new();
    for (from, way) in ways.iter() {
        ends.entry(way.to.clone()).or_default().push(from.clone());
    }
    let mut stay = Vec::new();
    for (to, froms) in &mut ends {
        froms.sort_by_key(|from| (ways.get(from).map(|way| (!way.said, way.hops)), from.clone()));
        let is_taken = snapshot.objects.contains_key(to) && !ways.contains_key(to);
        stay.extend(froms.iter().skip(usize::from(!is_taken)).cloned());
    }
    let mut blocked = Vec::new();
    while let Some(from) = stay.pop() {
        let Some(way) = ways.remove(&from) else { continue };
        stay.extend(ends.get(&from).into_iter().flatten().cloned());
        if way.said {
            blocked.push(Move { from, to: way.to });
        }
    }
    blocked.sort_by(|a, b| a.from.cmp(&b.from));
    blocked
}

fn warn_of(blocked: &[Move]) -> Diagnostics {
    if blocked.is_empty() {
        return Diagnostics::new();
    }
    let moves: Vec<_> = blocked.iter().map(|Move { from, to }| format!("{from} to {to}")).collect();
    let summary = format!("not moved, because another object is there: {}", some_of(&moves));
    Diagnostic::warning(code::engine::MOVE_BLOCKED, summary)
        .detail("What could not move stays at its address, and is destroyed if the configuration has nothing there.")
        .help("to keep it, give it another address with `mlo state mv`, or change the `moved` block")
        .into()
}

/// The snapshot with what moved at its new address, also where other objects name its block as what they were made
/// from.
pub fn carry_out(snapshot: &Snapshot, moves: &[Move]) -> Snapshot {
    let to: HashMap<&Address, &Address> = moves.iter().map(|one| (&one.from, &one.to)).collect();
    let now = |address: &Address| to.get(address).map_or(address, |to| *to).clone();
    let objects = snapshot.objects.iter().map(|(address, object)| (now(address), object.clone()));
    // What was set aside goes along, and does not take the place of what was set aside there.
    let mut deposed: BTreeMap<Address, BTreeMap<_, _>> = BTreeMap::new();
    for (address, objects) in &snapshot.deposed {
        deposed.entry(now(address)).or_default().extend(objects.clone());
    }
    let mut present = Snapshot { objects: objects.collect(), deposed, ..snapshot.clone() };
    let blocks = renamed_blocks(&present, moves);
    let deposed = present.deposed.values_mut().flat_map(BTreeMap::values_mut);
    for object in present.objects.values_mut().chain(deposed) {
        if object.dependencies.iter().any(|block| blocks.contains_key(block)) {
            let now = |block: &BlockAddress| match blocks.get(block) {
                Some(now) => now.iter().cloned().collect(),
                None => vec![block.clone()],
            };
            let dependencies: BTreeSet<_> = object.dependencies.iter().flat_map(now).collect();
            object.dependencies = dependencies.into_iter().collect();
        }
    }
    present
}

/// Blocks that objects moved out of, with the blocks that they are in now.
fn renamed_blocks(present: &Snapshot, moves: &[Move]) -> HashMap<BlockAddress, BTreeSet<BlockAddress>> {
    let mut blocks: HashMap<BlockAddress, BTreeSet<BlockAddress>> = HashMap::new();
    for Move { from, to } in moves {
        let (from, to) = (from.block(), to.block());
        if from != to {
            blocks.entry(from).or_default().insert(to);
        }
    }
    if !blocks.is_empty() {
        for block in present.objects.keys().chain(present.deposed.keys()).map(Address::block) {
            // Some of its objects are still in it.
            if let Some(now) = blocks.get_mut(&block) {
                now.insert(block);
            }
        }
    }
    blocks
}
