//! Which element of a list becomes which.

use crate::lang::value::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Attributes that name an element among its neighbours, the first that does so in all of them.
const NAMES: [&str; 6] = ["name", "key", "id", "containerPort", "container_port", "mountPath"];

/// An element before and after; one of them is absent if it comes or goes. `index` is its place in the new list, or in
/// the old one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'v> {
    pub(super) old: Option<&'v Value>,
    pub(super) new: Option<&'v Value>,
    pub(super) index: usize,
}

/// The pairs of two lists, in the order of the new one; what goes stands where it was. And whether elements that stay
/// have changed places.
pub(super) fn pair<'v>(old: &'v [Value], new: &'v [Value]) -> (Vec<Pair<'v>>, bool) {
    match NAMES.iter().find_map(|name| Some((names(old, name)?, names(new, name)?))) {
        Some((old_names, new_names)) if !old.is_empty() && !new.is_empty() => {
            by_name((old, &old_names), (new, &new_names))
        }
        _ => (by_place(old, new), false),
    }
}

/// The pairs of two sets: what is in both, what goes, what comes.
pub(super) fn pair_sets<'v>(old: &'v [Value], new: &'v [Value]) -> Vec<Pair<'v>> {
    let spelled = |values: &[Value]| -> BTreeSet<String> { values.iter().map(spell).collect() };
    let (old_ones, new_ones) = (spelled(old), spelled(new));
    let went = old.iter().enumerate().filter(|(_, value)| !new_ones.contains(&spell(value)));
    let went = went.map(|(index, value)| Pair { old: Some(value), new: None, index });
    let rest = new.iter().enumerate().map(|(index, value)| {
        let old = old_ones.contains(&spell(value)).then_some(value);
        Pair { old, new: Some(value), index }
    });
    went.chain(rest).collect()
}

fn spell(value: &Value) -> String {
    format!("{value:?}")
}

/// What each element is named by an attribute; nothing if one has no name or two have the same.
fn names(values: &[Value], attribute: &str) -> Option<Vec<String>> {
    let mut seen = BTreeSet::new();
    values
        .iter()
        .map(|value| {
            let name = value.get(attribute)?;
            let primitive = name.as_str().is_some() || name.as_number().is_some();
            let name = spell(name);
            (primitive && seen.insert(name.clone())).then_some(name)
        })
        .collect()
}

fn by_name<'v>(
    (old, old_names): (&'v [Value], &[String]),
    (new, new_names): (&'v [Value], &[String]),
) -> (Vec<Pair<'v>>, bool) {
    let places: BTreeMap<&String, usize> =
        old_names.iter().enumerate().map(|(index, name)| (name, index)).collect();
    let kept: BTreeSet<&String> = new_names.iter().filter(|name| places.contains_key(name)).collect();
    let mut pairs = Vec::new();
    let mut next = 0;
    let mut last = None;
    let mut moved = false;
    // What goes is told before the first of its followers that stays.
    let mut gone_before = |end: usize, pairs: &mut Vec<Pair<'v>>| {
        while next < end {
            if let (Some(name), Some(value)) = (old_names.get(next), old.get(next))
                && !kept.contains(name)
            {
                pairs.push(Pair { old: Some(value), new: None, index: next });
            }
            next += 1;
        }
    };
    for (index, (name, value)) in new_names.iter().zip(new).enumerate() {
        let place = places.get(name).copied();
        if let Some(place) = place {
            gone_before(place, &mut pairs);
            moved |= last.is_some_and(|last| last > place);
            last = Some(place);
        }
        pairs.push(Pair { old: place.and_then(|place| old.get(place)), new: Some(value), index });
    }
    gone_before(old.len(), &mut pairs);
    (pairs, moved)
}

/// Elements that stay are paired with themselves; of a run that changed, the first with the first.
fn by_place<'v>(old: &'v [Value], new: &'v [Value]) -> Vec<Pair<'v>> {
    let spelled = |values: &[Value]| -> Vec<String> { values.iter().map(spell).collect() };
    let (old_ones, new_ones) = (spelled(old), spelled(new));
    let mut pairs = Vec::new();
    for operation in similar::capture_diff_slices(similar::Algorithm::Myers, &old_ones, &new_ones) {
        let (olds, news) = (operation.old_range(), operation.new_range());
        for offset in 0..olds.len().max(news.len()) {
            let before = old.get(olds.start + offset).filter(|_| offset < olds.len());
            let after = new.get(news.start + offset).filter(|_| offset < news.len());
            let index = if after.is_some() { news.start } else { olds.start } + offset;
            pairs.push(Pair { old: before, new: after, index });
        }
    }
    pairs
}
