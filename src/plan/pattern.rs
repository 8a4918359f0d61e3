//! Parts of a configuration or a state, as they are named outside of it: a module, a block, or an instance of either.

use crate::lang::config::{Place, ResourceKey};
use mlo_state::{Address, AddressError, BlockAddress, Key, ModuleAddress, ModuleStep};
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;
use std::sync::Arc;

/// A module, a block, or an instance of either. A step without a key stands for all instances.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AddressPattern {
    /// The modules that lead there.
    pub modules: Vec<ModuleStep>,
    /// The block, and the key of its instance if one is meant; nothing if the last module is meant.
    pub resource: Option<(ResourceKey, Option<Key>)>,
}

impl FromStr for AddressPattern {
    type Err = AddressError;

    /// Reads `type.name`, `type.name[0]`, `module.m` or `module.m["k"].type.name`.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.parse::<ModuleAddress>() {
            Ok(module) if !module.is_root() => Ok(Self { modules: module.steps().to_vec(), resource: None }),
            _ => text.parse::<Address>().map(Self::from),
        }
    }
}

impl From<Address> for AddressPattern {
    fn from(address: Address) -> Self {
        let Address { module, mode, type_name, name, key } = address;
        let resource = Some((ResourceKey { mode, type_name, name }, key));
        Self { modules: module.steps().to_vec(), resource }
    }
}

impl From<&Place> for AddressPattern {
    fn from(place: &Place) -> Self {
        Self { modules: place.modules.clone(), resource: place.resource.clone() }
    }
}

impl Display for AddressPattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let module = module_of(self.modules.iter().cloned());
        match &self.resource {
            None => module.fmt(f),
            Some((ResourceKey { mode, type_name, name }, key)) => {
                let (mode, type_name, name) = (*mode, type_name.clone(), name.clone());
                Address { module, mode, type_name, name, key: key.clone() }.fmt(f)
            }
        }
    }
}

impl AddressPattern {
    /// Whether an object is in this part.
    pub fn covers(&self, address: &Address) -> bool {
        let steps = address.module.steps();
        self.leads_to(steps)
            && self.resource.as_ref().is_none_or(|(block, key)| {
                steps.len() == self.modules.len()
                    && (block.mode, &block.type_name, &block.name)
                        == (address.mode, &address.type_name, &address.name)
                    && (key.is_none() || *key == address.key)
            })
    }

    /// Whether the modules of this part lead to a module instance, or to one that it lies in.
    pub(super) fn leads_to(&self, steps: &[ModuleStep]) -> bool {
        let same = |(said, is): (&ModuleStep, &ModuleStep)| {
            said.name == is.name && (said.key.is_none() || said.key == is.key)
        };
        steps.len() >= self.modules.len() && self.modules.iter().zip(steps).all(same)
    }

    /// Whether some instance of a block may be in this part.
    pub fn meets(&self, block: &BlockAddress) -> bool {
        let is_block = |(key, _): &(ResourceKey, Option<Key>)| {
            block.module.len() == self.modules.len()
                && (key.mode, &key.type_name, &key.name) == (block.mode, &block.type_name, &block.name)
        };
        self.is_around(&block.module) && self.resource.as_ref().is_none_or(is_block)
    }

    /// Whether a module of the configuration is the one that this part is in, or lies in that.
    pub fn is_around(&self, module: &[Arc<str>]) -> bool {
        module.len() >= self.modules.len()
            && self.modules.iter().zip(module).all(|(step, name)| step.name == *name)
    }

    /// Whether an instance is meant, not only what it is an instance of.
    pub fn has_key(&self) -> bool {
        self.modules.iter().any(|step| step.key.is_some())
            || self.resource.as_ref().is_some_and(|(_, key)| key.is_some())
    }

    /// The key of its last step.
    pub fn last_key(&self) -> Option<&Key> {
        match &self.resource {
            Some((_, key)) => key.as_ref(),
            None => self.modules.last().and_then(|step| step.key.as_ref()),
        }
    }

    /// The address of an object of this part once the part has become `to`, both seen from the module instance that
    /// the first `outer` steps lead to. If neither has a key at its end all instances go along, each with its key.
    pub fn renamed(&self, to: &Self, outer: usize, address: &Address) -> Option<Address> {
        let (outer, rest) = address.module.steps().split_at_checked(outer)?;
        let (inner, below) = rest.split_at_checked(self.modules.len())?;
        let whole = self.last_key().is_none() && to.last_key().is_none();
        let is_last = |at: usize| self.resource.is_none() && at + 1 == self.modules.len();
        let mut same = inner.iter().zip(&self.modules).enumerate();
        if !same.all(|(at, (is, said))| is.name == said.name && (is.key == said.key || whole && is_last(at)))
        {
            return None;
        }
        let mut modules = to.modules.clone();
        let (Some((own, said)), Some((new, key))) = (&self.resource, &to.resource) else {
            if whole && let (Some(now), Some(before)) = (modules.last_mut(), inner.last()) {
                now.key.clone_from(&before.key);
            }
            modules.extend_from_slice(below);
            let module = module_of(outer.iter().cloned().chain(modules));
            return Some(Address { module, ..address.clone() });
        };
        let is_own =
            (own.mode, &own.type_name, &own.name) == (address.mode, &address.type_name, &address.name);
        if !below.is_empty() || !is_own || !whole && *said != address.key {
            return None;
        }
        let ResourceKey { mode, type_name, name } = new.clone();
        let key = if whole { address.key.clone() } else { key.clone() };
        Some(Address { module: module_of(outer.iter().cloned().chain(modules)), mode, type_name, name, key })
    }
}

fn module_of(steps: impl Iterator<Item = ModuleStep>) -> ModuleAddress {
    steps.fold(ModuleAddress::root(), |module, step| module.child(step.name, step.key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_covers_its_instances_and_what_is_in_it() {
        for (part, address, covers) in [
            ("t_t.a", "t_t.a", true),
            ("t_t.a", "t_t.a[0]", true),
            ("t_t.a[0]", "t_t.a[1]", false),
            ("t_t.a", "module.m.t_t.a", false),
            ("t_t.a", "data.t_t.a", false),
            ("module.m", "module.m.t_t.a", true),
            ("module.m", "module.m[\"k\"].module.n[0].t_t.a[2]", true),
            ("module.m[\"k\"]", "module.m[\"l\"].t_t.a", false),
            ("module.m.t_t.a", "module.m[\"k\"].t_t.a[3]", true),
            ("module.m.t_t.a", "module.m.module.n.t_t.a", false),
            ("module.m.module.n", "module.m.t_t.a", false),
        ] {
            let (part, address): (AddressPattern, Address) =
                (part.parse().unwrap(), address.parse().unwrap());
            assert_eq!(part.covers(&address), covers, "{part} {address}");
            assert!(!covers || part.meets(&address.block()), "{part} {address}");
            assert_eq!(part.to_string().parse(), Ok(part));
        }
        for wrong in ["", "t_t", "t_t.a.b", "module.m.", "t_t.a[x]"] {
            assert!(wrong.parse::<AddressPattern>().is_err(), "{wrong}");
        }
    }
}
