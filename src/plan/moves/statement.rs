//! `moved` blocks, found by the address that they are about.

use crate::graph::ModuleTree;
use crate::lang::config::{Moved, Place, ResourceKey};
use mlo_state::{Address, Key, ModuleAddress, ModuleStep};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// A block or a module in the configuration, whatever the keys of its instances.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Shape {
    modules: Vec<Arc<str>>,
    resource: Option<ResourceKey>,
}

/// A `moved` block, and the module that it stands in: it holds for each instance of that module.
#[derive(Debug, Clone, Copy)]
pub(super) struct Statement<'c> {
    pub(super) module: &'c [Arc<str>],
    pub(super) moved: &'c Moved,
}

/// All `moved` blocks of a configuration.
pub(super) struct Statements<'c> {
    pub(super) all: Vec<Statement<'c>>,
    by_shape: HashMap<Shape, Vec<usize>>,
}

impl<'c> Statements<'c> {
    pub(super) fn of(tree: &ModuleTree<'c>) -> Self {
        let modules = tree.ids().map(|id| tree.module(id));
        let all: Vec<_> = modules
            .flat_map(|module| module.moved.iter().map(|moved| Statement { module: &module.path, moved }))
            .collect();
        let mut by_shape: HashMap<Shape, Vec<usize>> = HashMap::new();
        for (number, statement) in all.iter().enumerate() {
            by_shape.entry(statement.shape()).or_default().push(number);
        }
        Self { all, by_shape }
    }

    /// Where an object is after all blocks that are about it, and how many these are. Of two that are about it at once
    /// the one that says more of its address comes first: an instance before its block, a block before its module.
    pub(super) fn follow(&self, address: &Address) -> (Address, usize) {
        let mut at = address.clone();
        let mut used = BTreeSet::new();
        while !self.all.is_empty() {
            let next = self.about(&at).find_map(|number| {
                let statement = self.all.get(number).filter(|_| !used.contains(&number))?;
                Some((number, statement.destination(&at)?))
            });
            let Some((number, to)) = next else { break };
            used.insert(number);
            at = to;
        }
        (at, used.len())
    }

    /// The blocks that may be about an address: those of its resource, then those of its modules from the innermost out.
    fn about(&self, address: &Address) -> impl Iterator<Item = usize> {
        let modules = address.module.block();
        let Address { mode, type_name, name, .. } = address.clone();
        let resource =
            Shape { modules: modules.clone(), resource: Some(ResourceKey { mode, type_name, name }) };
        let around = (1..=modules.len()).rev().filter_map(move |length| {
            Some(Shape { modules: modules.get(..length)?.to_vec(), resource: None })
        });
        let lists = std::iter::once(resource).chain(around).filter_map(|shape| self.by_shape.get(&shape));
        lists.flat_map(|numbers| {
            let is_whole = |number: &&usize| self.all.get(**number).is_some_and(Statement::is_whole);
            let (whole, exact): (Vec<_>, Vec<_>) = numbers.iter().partition(is_whole);
            exact.into_iter().chain(whole).copied()
        })
    }
}

impl Statement<'_> {
    fn shape(&self) -> Shape {
        let from = &self.moved.from;
        let inner = from.modules.iter().map(|step| step.name.clone());
        Shape {
            modules: self.module.iter().cloned().chain(inner).collect(),
            resource: from.resource.as_ref().map(|(key, _)| key.clone()),
        }
    }

    /// Whether all instances of a block or module move, each with its key.
    pub(super) fn is_whole(&self) -> bool {
        last_key(&self.moved.from).is_none() && last_key(&self.moved.to).is_none()
    }

    /// The address after the move, if it is about this one, which has its shape.
    fn destination(&self, address: &Address) -> Option<Address> {
        let Moved { from, to, .. } = self.moved;
        let steps = address.module.steps();
        let (outer, rest) = steps.split_at_checked(self.module.len())?;
        let (inner, below) = rest.split_at_checked(from.modules.len())?;
        let whole = self.is_whole();
        let is_last = |at: usize| from.resource.is_none() && at + 1 == from.modules.len();
        let same = inner.iter().zip(&from.modules).enumerate();
        let mut same = same.map(|(at, (is, said))| is.key == said.key || whole && is_last(at));
        if !same.all(|same| same) {
            return None;
        }
        let mut modules = to.modules.clone();
        let Some((resource, key)) = &to.resource else {
            if whole && let (Some(now), Some(before)) = (modules.last_mut(), inner.last()) {
                now.key.clone_from(&before.key);
            }
            modules.extend_from_slice(below);
            return Some(Address { module: module(outer, modules), ..address.clone() });
        };
        let said = from.resource.as_ref().and_then(|(_, key)| key.as_ref());
        if !whole && said != address.key.as_ref() {
            return None;
        }
        let ResourceKey { mode, type_name, name } = resource.clone();
        let key = if whole { address.key.clone() } else { key.clone() };
        Some(Address { module: module(outer, modules), mode, type_name, name, key })
    }

    /// An end of the move as an address, keys of the modules around the block left out.
    pub(super) fn spell(&self, place: &Place) -> String {
        let around = self.module.iter().map(|name| ModuleStep { name: name.clone(), key: None });
        let modules = module(&around.collect::<Vec<_>>(), place.modules.clone());
        match &place.resource {
            None => modules.to_string(),
            Some((ResourceKey { mode, type_name, name }, key)) => {
                let (mode, type_name, name) = (*mode, type_name.clone(), name.clone());
                Address { module: modules, mode, type_name, name, key: key.clone() }.to_string()
            }
        }
    }
}

/// The key of the last step of a place.
fn last_key(place: &Place) -> Option<&Key> {
    match &place.resource {
        Some((_, key)) => key.as_ref(),
        None => place.modules.last().and_then(|step| step.key.as_ref()),
    }
}

fn module(outer: &[ModuleStep], inner: Vec<ModuleStep>) -> ModuleAddress {
    let steps = outer.iter().cloned().chain(inner);
    steps.fold(ModuleAddress::root(), |module, step| module.child(step.name, step.key))
}
