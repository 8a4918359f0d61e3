//! `moved` blocks, found by the address that they are about.

use crate::graph::ModuleTree;
use crate::lang::config::{Moved, Place, ResourceKey};
use crate::plan::AddressPattern;
use mlo_state::{Address, ModuleStep};
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
        AddressPattern::from(&self.moved.from).last_key().is_none()
            && AddressPattern::from(&self.moved.to).last_key().is_none()
    }

    /// The address after the move, if it is about this one.
    fn destination(&self, address: &Address) -> Option<Address> {
        let (from, to) = (AddressPattern::from(&self.moved.from), AddressPattern::from(&self.moved.to));
        from.renamed(&to, self.module.len(), address)
    }

    /// An end of the move as an address, keys of the modules around the block left out.
    pub(super) fn spell(&self, place: &Place) -> String {
        let mut part = AddressPattern::from(place);
        let around = self.module.iter().map(|name| ModuleStep { name: name.clone(), key: None });
        part.modules.splice(..0, around);
        part.to_string()
    }
}
