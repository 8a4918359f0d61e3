//! What is known of an object only while the plan is applied, although its configuration says it.
//!
//! Goes in: a plan. Comes out: arguments of objects, by address. Never happens: something that only the provider makes up, such
//! as an id, taken for something that is known before the call.

use super::{Action, Operation, Plan};
use crate::lang::value::Value;
use mlo_state::Address;
use std::collections::{BTreeMap, BTreeSet};

/// What configurations say of objects, where something of it is known only during the apply.
#[derive(Debug, Clone, Default)]
pub struct Waiting {
    by_address: BTreeMap<Address, Value>,
}

impl Waiting {
    /// Of all objects of a plan that are made or changed, and of whose type somebody looks at the values.
    pub fn of(plan: &Plan, is_looked_at: impl Fn(&str) -> bool) -> Self {
        let waits = |operation: &Operation| {
            let is_made = matches!(operation.action, Action::Create | Action::Update | Action::Replace);
            let is_looked_at = is_made && is_looked_at(&operation.address.type_name);
            let wanted = operation.wanted.as_ref().filter(|_| is_looked_at)?;
            Some((operation.address.clone(), wanted.clone()))
        };
        Self { by_address: plan.operations.iter().filter_map(waits).collect() }
    }

    /// Whether something of an object is waited for.
    pub fn waits(&self, address: &Address) -> bool {
        self.by_address.contains_key(address)
    }

    /// Whether nothing is waited for.
    pub fn is_empty(&self) -> bool {
        self.by_address.is_empty()
    }

    /// Of an object everything is known now that its configuration says.
    pub fn end(&mut self, address: &Address) {
        self.by_address.remove(address);
    }

    /// The types of objects and their arguments of which something is waited for.
    pub fn arguments(&self) -> BTreeSet<(&str, &str)> {
        let mut arguments = BTreeSet::new();
        for (address, wanted) in &self.by_address {
            arguments.extend(unknown_arguments(wanted).map(|name| (&*address.type_name, name)));
        }
        arguments
    }

    /// What is waited for, in words: the first of it, and how much more there is.
    pub fn describe(&self) -> String {
        let (mut first, mut more) = (String::new(), 0_usize);
        for (address, wanted) in &self.by_address {
            for name in unknown_arguments(wanted) {
                if first.is_empty() {
                    first = format!("{address}: `{name}`");
                } else {
                    more += 1;
                }
            }
        }
        match more {
            0 => format!("{first} is known only during the apply"),
            more => format!("{first} and {more} more are known only during the apply"),
        }
    }

    /// Whether the configuration says what stands at a path of an object, such as `spec[0].replicas`, and that, or a part of it,
    /// is known only during the apply. Of a list of one the position may be left out.
    pub fn holds(&self, address: &str, path: &str) -> bool {
        let wanted = address.parse::<Address>().ok().and_then(|address| self.by_address.get(&address));
        wanted.is_some_and(|wanted| !path.is_empty() && is_unknown_at(wanted, path))
    }
}

/// The arguments of which something is not known.
fn unknown_arguments(wanted: &Value) -> impl Iterator<Item = &str> {
    let entries = wanted.as_entries().into_iter().flatten();
    entries.filter(|(_, value)| !value.is_wholly_known()).map(|(name, _)| name.as_ref())
}

fn is_unknown_at(value: &Value, path: &str) -> bool {
    let mut value = value;
    for step in path.split(['.', '[', ']']).filter(|step| !step.is_empty()) {
        if value.is_unknown() {
            return true;
        }
        match below(value, step.trim_matches('"')) {
            Some(part) => value = part,
            None => return false,
        }
    }
    !value.is_wholly_known()
}

/// One step down.
fn below<'v>(value: &'v Value, step: &str) -> Option<&'v Value> {
    let index = step.parse::<usize>().ok();
    match (value.as_items(), index) {
        (Some(items), Some(index)) => items.get(index),
        (Some([only]), None) => below(only, step),
        (Some(_), None) => None,
        (None, Some(0)) if value.get(step).is_none() => Some(value),
        (None, _) => value.get(step),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::value::Type;
    use std::sync::Arc;

    #[test]
    fn what_is_unknown_is_found_by_its_path_and_by_what_holds_it() {
        let object = |entries: Vec<(&str, Value)>| {
            Value::object(entries.into_iter().map(|(name, value)| (Arc::from(name), value)))
        };
        let inner = object(vec![("cidrs", Value::unknown(Type::Any)), ("open", true.into())]);
        let value = object(vec![
            ("block", Value::tuple([inner.clone()])),
            ("pair", Value::tuple([inner, Value::string("x")])),
            ("all", Value::unknown(Type::Any)),
            ("size", 1.into()),
        ]);
        for (path, expected) in [
            ("block", true),
            ("block[0].cidrs", true),
            ("block.cidrs", true),
            ("block.open", false),
            ("block[1].cidrs", false),
            ("pair.cidrs", false),
            ("pair[0].cidrs", true),
            ("pair[1]", false),
            ("all", true),
            ("all.of.it[3]", true),
            ("size", false),
            ("size[0]", false),
            ("gone", false),
            ("", true),
        ] {
            assert_eq!(is_unknown_at(&value, path), expected, "{path}");
        }
    }
}
