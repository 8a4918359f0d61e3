//! What the name of a block or module stands for: the values of its instances together.

use super::World;
use super::repeat::INSTANCES_MAX;
use crate::graph::ModuleId;
use crate::lang::config::Repeat;
use crate::lang::value::{Type, Value};
use mlo_state::{Key, ModuleAddress};
use std::collections::BTreeMap;

/// A module's or resource's instances as its name stands for them: the one value, a tuple by `count`, an object by
/// `for_each`. What is not there is not known: no other instance takes its place.
pub fn combine(repeat: &Repeat, items: Vec<(Option<Key>, Value)>) -> Value {
    match repeat {
        Repeat::Once => items.into_iter().next().map_or_else(missing, |(_, value)| value),
        // Only when a configuration is checked alone: one instance stands for any number.
        Repeat::Count(_) | Repeat::ForEach(_) if items.iter().any(|(key, _)| key.is_none()) => {
            let element = items.first().map_or(Type::Any, |(_, value)| value.ty());
            let all = match repeat {
                _ if element == Type::Any => Type::Any,
                Repeat::ForEach(_) => Type::map(element),
                Repeat::Count(_) | Repeat::Once => Type::list(element),
            };
            Value::unknown_not_null(all)
        }
        Repeat::Count(_) => by_index(items),
        Repeat::ForEach(_) => Value::object(items.into_iter().filter_map(|(key, value)| match key {
            Some(Key::Name(name)) => Some((name, value)),
            _ => None,
        })),
    }
}

/// Each value at its own index.
fn by_index(items: Vec<(Option<Key>, Value)>) -> Value {
    let mut values: Vec<Value> = Vec::with_capacity(items.len());
    for (key, value) in items {
        let Some(Key::Index(index)) = key else { continue };
        // No block has so many: a state that says so is not followed there.
        let index = usize::try_from(index).ok().filter(|index| *index < INSTANCES_MAX);
        let Some(index) = index else { return missing() };
        if values.len() <= index {
            values.resize_with(index + 1, missing);
        }
        if let Some(place) = values.get_mut(index) {
            *place = value;
        }
    }
    Value::tuple(values)
}

/// What stands for an object that is not there, or not yet.
fn missing() -> Value {
    Value::unknown(Type::Any)
}

impl World<'_> {
    /// What a block's name stands for in an instance of its module where nothing is planned: the objects that there are.
    /// One that the configuration has, and that is not there, is not known.
    pub(in crate::plan) fn combine_present(
        &self,
        (id, at): (ModuleId, &ModuleAddress),
        repeat: &Repeat,
        items: impl IntoIterator<Item = (Option<Key>, Value)>,
    ) -> Value {
        let fits = |key: Option<&Key>| {
            matches!(
                (repeat, key),
                (Repeat::Once, None)
                    | (Repeat::Count(_), Some(Key::Index(_)))
                    | (Repeat::ForEach(_), Some(Key::Name(_)))
            )
        };
        let mut all: BTreeMap<Option<Key>, Value> =
            items.into_iter().filter(|(key, _)| fits(key.as_ref())).collect();
        // Where it cannot be told how many the configuration has, those that there are stand for themselves.
        for repetition in self.repetitions(id, at, repeat).unwrap_or_default() {
            all.entry(repetition.key).or_insert_with(missing);
        }
        combine(repeat, all.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::SourceMap;
    use crate::lang::syntax::parse_expression;

    fn count() -> Repeat {
        Repeat::Count(parse_expression(SourceMap::new().add("x", "3"), "3").unwrap())
    }

    fn at(index: u64) -> (Option<Key>, Value) {
        (Some(Key::Index(index)), Value::string(format!("v{index}")))
    }

    /// The items of a tuple as text; `?` is not known.
    fn shown(value: &Value) -> Vec<String> {
        let items = value.as_items().into_iter().flatten();
        items.map(|item| item.as_str().map_or_else(|| "?".to_owned(), str::to_owned)).collect()
    }

    #[test]
    fn no_instance_takes_the_place_of_one_that_is_not_there() {
        for (indices, expected) in [
            (&[][..], &[][..]),
            (&[0, 1, 2], &["v0", "v1", "v2"]),
            (&[1, 2], &["?", "v1", "v2"]),
            (&[0, 2], &["v0", "?", "v2"]),
            (&[3], &["?", "?", "?", "v3"]),
            // In whatever order they come.
            (&[2, 0], &["v0", "?", "v2"]),
        ] {
            let all = combine(&count(), indices.iter().copied().map(at).collect());
            assert_eq!(shown(&all), expected, "{indices:?}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_known_and_no_index_fills_the_memory() {
        assert!(combine(&Repeat::Once, Vec::new()).is_unknown());
        assert!(combine(&count(), vec![at(0), at(u64::MAX)]).is_unknown());
        assert!(combine(&count(), vec![at(0), at(INSTANCES_MAX as u64)]).is_unknown());
    }
}
