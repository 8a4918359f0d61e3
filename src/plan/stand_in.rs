//! What stands in for providers, objects and modules in tests.
//!
//! Goes in: connections and values that somebody made up. Comes out: which of them counts at an address. Never happens:
//! a call of what is stood in for.

use super::pattern::AddressPattern;
use super::planner::Connected;
use crate::lang::value::{Type, Value};
use mlo_state::{Address, ModuleAddress};
use std::collections::HashMap;
use std::fmt::{self, Debug, Formatter};

/// What stands in for what; nothing but in tests.
#[derive(Clone, Default)]
pub struct StandIns {
    providers: HashMap<String, ProviderStandIn>,
    objects: Vec<ObjectStandIn>,
    modules: Vec<(AddressPattern, Value)>,
}

/// What stands in for a configuration of a provider.
#[derive(Clone)]
pub enum ProviderStandIn {
    /// Another provider, connected.
    Connected(Connected),
    /// The same provider, configured with this value.
    Configured(Value),
}

#[derive(Clone)]
struct ObjectStandIn {
    /// If it is only for objects of one configuration of a provider: its name.
    of: Option<String>,
    target: AddressPattern,
    connected: Connected,
}

impl Debug for StandIns {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let objects: Vec<_> = self.objects.iter().map(|each| each.target.to_string()).collect();
        f.debug_struct("StandIns")
            .field("providers", &self.providers.keys())
            .field("objects", &objects)
            .field("modules", &self.modules)
            .finish()
    }
}

impl StandIns {
    /// Has something stand in for a configuration of a provider, by the name that the state has for it.
    pub fn add_provider(&mut self, name: String, stand_in: ProviderStandIn) {
        self.providers.insert(name, stand_in);
    }

    /// Has a connection stand in for that of objects, if `of` is given only of those that this configuration of a
    /// provider keeps. Those that are added later count more.
    pub fn add_object(&mut self, of: Option<String>, target: AddressPattern, connected: Connected) {
        self.objects.push(ObjectStandIn { of, target, connected });
    }

    /// Has an object of values stand in for the outputs of a module, in which then nothing is done. Those that are added
    /// later count more.
    pub fn add_module(&mut self, target: AddressPattern, outputs: Value) {
        self.modules.push((target, outputs));
    }

    /// What stands in for a configuration of a provider.
    pub(super) fn provider(&self, name: &str) -> Option<&ProviderStandIn> {
        self.providers.get(name)
    }

    /// Whether something stands in for single objects.
    pub(super) fn has_objects(&self) -> bool {
        !self.objects.is_empty()
    }

    /// What stands in for the connection of an object that a configuration of a provider keeps.
    pub(crate) fn object(&self, address: &Address, provider: &str) -> Option<&Connected> {
        let mut last_first = self.objects.iter().rev();
        let found = last_first
            .find(|each| each.of.as_deref().is_none_or(|of| of == provider) && each.target.covers(address));
        found.map(|found| &found.connected)
    }

    /// Whether an object is not one of those that are out there: what is done to it changes nothing.
    pub fn stands_in(&self, address: &Address, provider: &str) -> bool {
        self.object(address, provider).is_some()
            || matches!(self.providers.get(provider), Some(ProviderStandIn::Connected(_)))
    }

    /// Whether something stands in for a module instance, or for one that it lies in.
    pub(crate) fn is_inside(&self, at: &ModuleAddress) -> bool {
        self.modules.iter().any(|(target, _)| target.leads_to(at.steps()))
    }

    /// What stands in for an output of a module instance. Nothing is known of what is deeper inside.
    pub(super) fn output(&self, at: &ModuleAddress, name: &str) -> Option<Value> {
        let covering = |target: &AddressPattern| target.leads_to(at.steps());
        let exact = |target: &AddressPattern| target.modules.len() == at.steps().len();
        if self.modules.iter().any(|(target, _)| covering(target) && !exact(target)) {
            return Some(Value::unknown(Type::Any));
        }
        let (_, outputs) = self.modules.iter().rev().find(|(target, _)| covering(target))?;
        Some(outputs.get(name).cloned().unwrap_or_else(Value::null).with_marks(outputs.marks()))
    }
}
