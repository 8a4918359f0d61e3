//! Why a value is not known: the attributes of which resources are missing, through whatever local values, variables and
//! outputs they come.

use super::{Repetition, World};
use crate::graph::{ModuleId, Node};
use crate::lang::config::{Repeat, ResourceKey};
use crate::lang::eval::evaluate;
use crate::lang::reference::{Target, Traversal, traversals_in};
use crate::lang::syntax::ast::{Expr, Step};
use crate::lang::value::{Path, Value};
use crate::plan::scope::InstanceScope;
use mlo_state::{BlockAddress, ModuleAddress};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

/// Paths that are told; more are not read.
const PATHS_MAX: usize = 5;

/// What is not known of a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::plan) struct Unknown {
    /// The first attribute that is not known, with the module in front: `module.m.terraform_data.a.output`.
    pub(in crate::plan) path: String,
    /// The block that has it; nothing for a variable without a value.
    pub(in crate::plan) block: Option<BlockAddress>,
}

/// An expression's place.
#[derive(Clone, Copy)]
struct At<'s> {
    id: ModuleId,
    address: &'s ModuleAddress,
    repetition: Option<&'s Repetition>,
    /// Where `each` comes from.
    repeat: Option<&'s Repeat>,
}

impl World<'_> {
    /// What is not known in expressions that stand in a block; nothing where only a function's result is not known.
    pub(in crate::plan) fn unknown_in<'e>(
        &self,
        (id, address): (ModuleId, &ModuleAddress),
        (repetition, repeat): (Option<&Repetition>, Option<&Repeat>),
        exprs: impl IntoIterator<Item = &'e Expr>,
    ) -> Vec<Unknown> {
        let mut search = Search { world: self, seen: BTreeSet::new(), found: BTreeSet::new() };
        for expr in exprs {
            search.expr(At { id, address, repetition, repeat }, expr);
        }
        search.found.into_iter().take(PATHS_MAX).collect()
    }
}

struct Search<'w, 'c> {
    world: &'w World<'c>,
    /// Values through which the search went already.
    seen: BTreeSet<(super::NodeKey, ModuleAddress)>,
    found: BTreeSet<Unknown>,
}

impl Search<'_, '_> {
    fn expr(&mut self, at: At<'_>, expr: &Expr) {
        for (target, traversal) in traversals_in(expr) {
            self.name(at, &target, traversal);
        }
    }

    fn name(&mut self, at: At<'_>, target: &Target, traversal: Traversal<'_>) {
        let world = self.world;
        match target {
            Target::Resource(key) => self.resource(at, key, traversal),
            Target::Local(name) => {
                let local = world.tree.module(at.id).locals.get(name);
                let value = world.instance(at.id, at.address).and_then(|it| it.locals.get(name));
                if let Some(local) = local.filter(|_| !is_known(value))
                    && self.goes_through(&Node::Local(at.id, name.clone()), at.address)
                {
                    self.expr(At { repetition: None, repeat: None, ..at }, &local.value);
                }
            }
            Target::Variable(name) => self.variable(at, name),
            Target::Module(name, output) => self.module(at, name, output.as_ref()),
            Target::Each => {
                let known = at.repetition.is_none_or(Repetition::is_known);
                if let Some(expr) = at.repeat.and_then(Repeat::expr).filter(|_| !known) {
                    self.expr(At { repetition: None, repeat: None, ..at }, expr);
                }
            }
            Target::Manifest | Target::Count | Target::Path | Target::Itself | Target::Program => {}
        }
    }

    /// Whether the search goes through a value for the first time.
    fn goes_through(&mut self, node: &Node, at: &ModuleAddress) -> bool {
        self.seen.insert((node.into(), at.clone()))
    }

    fn variable(&mut self, at: At<'_>, name: &Arc<str>) {
        let world = self.world;
        let instance = world.instance(at.id, at.address);
        let value = instance.and_then(|instance| instance.variables.get(name));
        if is_known(value) || !self.goes_through(&Node::Variable(at.id, name.clone()), at.address) {
            return;
        }
        let Some((parent, call)) = world.tree.parent(at.id) else {
            self.found.insert(Unknown { path: format!("var.{name}"), block: None });
            return;
        };
        let above = instance.and_then(|instance| instance.parent.clone()).unwrap_or_default();
        if let Some((_, argument)) = call.arguments.get(name) {
            let repetition = instance.map(|instance| &instance.repetition);
            self.expr(At { id: parent, address: &above, repetition, repeat: Some(&call.repeat) }, argument);
        }
    }

    fn module(&mut self, at: At<'_>, name: &Arc<str>, output: Option<&Arc<str>>) {
        let world = self.world;
        let Some(id) = world.tree.child(at.id, name) else { return };
        let outputs = &world.tree.module(id).outputs;
        for inside in world.instances(id) {
            let Some(instance) = world.instance(id, &inside) else { continue };
            if instance.parent.as_ref() != Some(at.address) {
                continue;
            }
            for (name, declared) in outputs.iter().filter(|(name, _)| output.is_none_or(|it| it == *name)) {
                if !is_known(instance.outputs.get(name))
                    && self.goes_through(&Node::Output(id, name.clone()), &inside)
                {
                    self.expr(At { id, address: &inside, repetition: None, repeat: None }, &declared.value);
                }
            }
        }
    }

    fn resource(&mut self, at: At<'_>, key: &ResourceKey, traversal: Traversal<'_>) {
        let Traversal { root, steps, steps_used } = traversal;
        let world = self.world;
        let mut value = world.instance(at.id, at.address).and_then(|instance| instance.resources.get(key));
        let mut path = at.address.to_string();
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(root);
        for step in steps.iter().take(steps_used) {
            if let Step::Attr(name) = step {
                let _ = write!(path, ".{}", name.name);
            }
        }
        let scope = InstanceScope {
            world,
            module: at.id,
            address: at.address,
            repetition: at.repetition,
            itself: None,
        };
        for step in steps.iter().skip(steps_used) {
            let Some(here) = value.filter(|value| !value.is_unknown()) else { break };
            let is_index = matches!(step, Step::Index(..));
            let step = match step {
                Step::Attr(name) => name.name.to_string(),
                Step::Index(index, _) => match evaluate(index, &scope).ok().as_ref().and_then(word) {
                    Some(key) => key,
                    None => break,
                },
                Step::Splat { .. } => break,
            };
            value = part(here, &step);
            let Some(part) = value else { break };
            if is_index && here.as_items().is_none() {
                let _ = write!(path, "[{step:?}]");
            } else {
                path.push_str(&spelled(here, &step));
            }
            if is_known(Some(part)) {
                return;
            }
        }
        let Some(value) = value.filter(|value| !value.is_wholly_known()) else { return };
        first_unknown(value, &mut path);
        self.found.insert(Unknown { path, block: Some(world.tree.block(at.id, key)) });
    }
}

fn is_known(value: Option<&Value>) -> bool {
    value.is_some_and(Value::is_wholly_known)
}

/// A key or an index as text.
fn word(value: &Value) -> Option<String> {
    let text = value.as_str().map(str::to_owned);
    text.or_else(|| value.as_number().map(ToString::to_string))
}

fn part<'v>(value: &'v Value, step: &str) -> Option<&'v Value> {
    match value.as_items() {
        Some(items) => items.get(step.parse::<usize>().ok()?),
        None => value.as_entries()?.get(step),
    }
}

fn spelled(value: &Value, step: &str) -> String {
    let path = match value.as_items() {
        Some(_) => return format!("[{step}]"),
        None => Path::root().name(step),
    };
    let text = path.to_string();
    if text.starts_with('[') { text } else { format!(".{text}") }
}

/// Goes on to the first part that is not known.
fn first_unknown(value: &Value, path: &mut String) {
    if value.is_unknown() {
        return;
    }
    let items = value.as_items().into_iter().flatten().enumerate();
    let items = items.map(|(index, item)| (index.to_string(), item));
    let entries = value.as_entries().into_iter().flatten().map(|(name, item)| (name.to_string(), item));
    if let Some((step, inner)) = items.chain(entries).find(|(_, item)| !item.is_wholly_known()) {
        path.push_str(&spelled(value, &step));
        first_unknown(inner, path);
    }
}
