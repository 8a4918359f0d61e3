//! The values of a configuration, block by block, as they become known. Pure: values come in, values come out.

mod check;
mod lifecycle;
mod named;
mod provider;
mod repeat;
mod unknown;
mod variable;

pub(in crate::plan) use lifecycle::Trigger;
pub use named::combine;
pub(crate) use provider::ProviderAt;
pub(crate) use repeat::Repetition;
pub use repeat::Repetitions;
pub(in crate::plan) use unknown::Unknown;

use crate::diag::{Diagnostic, Diagnostics, code};
use crate::graph::{ModuleId, ModuleTree, Node};
use crate::lang::config::{Missing, Resource, ResourceKey};
use crate::lang::eval::BlockSchema;
use crate::lang::eval::{decode, evaluate};
use crate::lang::value::{Marks, Type, Value};
use crate::plan::checked::{Checkable, Checks, Moment};
use crate::plan::condition::judge;
use crate::plan::inputs::Inputs;
use crate::plan::scope::{InstanceScope, Origin};
use crate::plan::stand_in::StandIns;
use mlo_state::{Key, Mode, ModuleAddress};
use std::cell::{Cell, RefCell};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What values depend on beside the configuration.
#[derive(Debug, Clone)]
pub struct Context {
    /// The manifests by name: `manifest`.
    pub manifests: Value,
    /// The name of the environment: `mlo.environment`.
    pub environment: String,
    /// Where the command ran: `path.cwd`.
    pub working_folder: String,
    /// What functions may know of the world.
    pub origin: Origin,
    /// Values for the root module's variables.
    pub inputs: Inputs,
    /// Whether variables without a value are unknown, and repetition that is not known stands for one instance: to
    /// check a configuration alone.
    pub check_only: bool,
    /// Whether a `check` block that does not hold is an error.
    pub strict_checks: bool,
    /// What stands in for providers, objects and modules; nothing but in tests.
    pub stand_ins: StandIns,
}

/// Messages of a node that failed.
pub type Failures = Diagnostics;

/// The values that were found so far.
#[derive(Debug, Clone, Default)]
pub struct Values {
    modules: Vec<ModuleValues>,
    /// Nodes whose value, or a condition on it, was not wholly known.
    pub unsettled: BTreeSet<NodeKey>,
}

/// A node in an order, to be kept in sets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeKey(u8, ModuleId, Arc<str>, Arc<str>);

impl From<&Node> for NodeKey {
    fn from(node: &Node) -> Self {
        let empty: Arc<str> = Arc::from("");
        match node {
            Node::Variable(id, name) => Self(0, *id, name.clone(), empty),
            Node::Local(id, name) => Self(1, *id, name.clone(), empty),
            Node::Output(id, name) => Self(2, *id, name.clone(), empty),
            Node::Expand(id) => Self(3, *id, empty.clone(), empty),
            Node::Close(id) => Self(4, *id, empty.clone(), empty),
            Node::Provider(id, key) => Self(5, *id, key.name.clone(), key.alias.clone().unwrap_or(empty)),
            Node::Resource(id, key) => Self(6, *id, key.type_name.clone(), key.name.clone()),
            Node::Check(id, name) => Self(7, *id, name.clone(), empty),
        }
    }
}

impl Values {
    /// Values of the root module's variables, by name.
    pub fn root_variables(&self) -> BTreeMap<&Arc<str>, &Value> {
        let root = self.modules.first().and_then(|module| module.instances.get(&ModuleAddress::root()));
        root.into_iter().flat_map(|root| &root.variables).collect()
    }

    /// Values of the root module's variables, and nothing else.
    pub(in crate::plan) fn of_root_variables(variables: HashMap<Arc<str>, Value>) -> Self {
        let root = Instance { variables, ..Instance::default() };
        let root = ModuleValues { instances: [(ModuleAddress::root(), root)].into() };
        Self { modules: vec![root], unsettled: BTreeSet::new() }
    }

    /// Puts other values in place of those of some variables of the root module.
    pub fn replace_root_variables(&mut self, variables: impl IntoIterator<Item = (Arc<str>, Value)>) {
        let root =
            self.modules.first_mut().and_then(|module| module.instances.get_mut(&ModuleAddress::root()));
        if let Some(root) = root {
            root.variables.extend(variables);
        }
    }

    /// Calls `look` for every value of a variable, local value, output and data source.
    pub fn each(&self, look: &mut dyn FnMut(&Value)) {
        for instance in self.modules.iter().flat_map(|module| module.instances.values()) {
            let values =
                instance.variables.values().chain(instance.locals.values()).chain(instance.outputs.values());
            values.for_each(&mut *look);
            let data = instance.resources.iter().filter(|(key, _)| key.mode == Mode::Data);
            data.for_each(|(_, value)| look(value));
        }
    }
}

#[derive(Debug, Clone, Default)]
struct ModuleValues {
    instances: BTreeMap<ModuleAddress, Instance>,
}

/// The values of one instance of a module.
#[derive(Debug, Clone, Default)]
pub(in crate::plan) struct Instance {
    pub(in crate::plan) variables: HashMap<Arc<str>, Value>,
    pub(in crate::plan) locals: HashMap<Arc<str>, Value>,
    outputs: HashMap<Arc<str>, Value>,
    pub(in crate::plan) resources: HashMap<ResourceKey, Value>,
    /// Called modules with the outputs that are there, as the expression `module.name` sees them.
    modules: HashMap<Arc<str>, Value>,
    parent: Option<ModuleAddress>,
    repetition: Repetition,
}

/// The values of a configuration as they become known.
#[derive(Debug)]
pub struct World<'c> {
    pub(in crate::plan) tree: &'c ModuleTree<'c>,
    pub(in crate::plan) context: &'c Context,
    /// Whether a plan is applied: what functions give only then is known.
    pub(in crate::plan) applies: bool,
    /// Whether a configuration is checked for whatever its variables will be given: what failed is unknown, so that
    /// nothing is said twice, and each block is looked at.
    pub(in crate::plan) checks: bool,
    values: Values,
    noted: RefCell<Checks>,
    /// Instances of blocks and modules that were made so far.
    admitted: Cell<usize>,
}

impl<'c> World<'c> {
    /// Nothing known yet.
    pub fn new(tree: &'c ModuleTree<'c>, context: &'c Context) -> Self {
        Self { applies: false, ..Self::resume(tree, context, (Values::default(), Checks::default())) }
    }

    /// Goes on with what was known when the plan was made.
    pub fn resume(
        tree: &'c ModuleTree<'c>,
        context: &'c Context,
        (mut values, checks): (Values, Checks),
    ) -> Self {
        values.modules.resize_with(tree.ids().len(), ModuleValues::default);
        Self {
            tree,
            context,
            applies: true,
            checks: false,
            values,
            noted: RefCell::new(checks),
            admitted: Cell::new(0),
        }
    }

    /// Nothing known yet, to check a configuration for whatever its variables will be given.
    pub fn checking(tree: &'c ModuleTree<'c>, context: &'c Context) -> Self {
        Self { checks: true, ..Self::new(tree, context) }
    }

    /// The name of the environment. A configuration that has several is checked for whichever is chosen.
    pub(in crate::plan) fn environment(&self) -> Value {
        if self.checks
            && self.tree.ids().next().is_some_and(|root| !self.tree.module(root).environments.is_empty())
        {
            return Value::unknown(Type::String);
        }
        Value::string(self.context.environment.as_str())
    }

    /// What is known, and how conditions came out.
    pub fn into_parts(self) -> (Values, Checks) {
        (self.values, self.noted.into_inner())
    }

    pub(in crate::plan) fn instance(&self, module: ModuleId, address: &ModuleAddress) -> Option<&Instance> {
        self.values.modules.get(module)?.instances.get(address)
    }

    /// The addresses of a module's instances, in order.
    pub fn instances(&self, module: ModuleId) -> Vec<ModuleAddress> {
        self.values
            .modules
            .get(module)
            .map(|values| values.instances.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// The root module's value of an output.
    pub fn root_output(&self, name: &str) -> Option<&Value> {
        self.instance(0, &ModuleAddress::root())?.outputs.get(name)
    }

    /// Evaluates a variable, local value, output or the repetition of a module, in all instances.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn settle(&mut self, node: &Node) -> Result<(), Failures> {
        self.values.unsettled.remove(&node.into());
        match node {
            Node::Expand(id) => self.expand_module(*id),
            Node::Variable(id, name) => {
                self.each_instance(node, *id, name, Self::variable, |instance, name, value| {
                    instance.variables.insert(name, value);
                })
            }
            Node::Local(id, name) => {
                self.each_instance(node, *id, name, Self::local, |instance, name, value| {
                    instance.locals.insert(name, value);
                })
            }
            Node::Output(id, name) => {
                self.each_instance(node, *id, name, Self::output, |instance, name, value| {
                    instance.outputs.insert(name, value);
                })?;
                self.collect_module(*id);
                Ok(())
            }
            Node::Close(_) | Node::Provider(..) | Node::Resource(..) | Node::Check(..) => Ok(()),
        }
    }

    fn each_instance(
        &mut self,
        node: &Node,
        id: ModuleId,
        name: &Arc<str>,
        value: impl Fn(&Self, ModuleId, &ModuleAddress, &str, &mut bool) -> Result<Value, Diagnostics>,
        store: impl Fn(&mut Instance, Arc<str>, Value),
    ) -> Result<(), Failures> {
        let mut failures = Diagnostics::new();
        let mut deferred = false;
        for address in self.instances(id) {
            match value(self, id, &address, name, &mut deferred) {
                Ok(value) => {
                    deferred |= !value.is_wholly_known();
                    let instances = self.values.modules.get_mut(id).map(|values| &mut values.instances);
                    if let Some(instance) = instances.and_then(|instances| instances.get_mut(&address)) {
                        store(instance, name.clone(), value);
                    }
                }
                Err(messages) => failures.extend(messages),
            }
            // The same would be said of every instance.
            if self.checks && failures.has_errors() {
                break;
            }
        }
        if deferred {
            self.values.unsettled.insert(node.into());
        }
        if failures.has_errors() { Err(failures) } else { Ok(()) }
    }

    pub(in crate::plan) fn scope<'s>(
        &'s self,
        module: ModuleId,
        address: &'s ModuleAddress,
        repetition: Option<&'s Repetition>,
    ) -> InstanceScope<'s, 'c> {
        InstanceScope { world: self, module, address, repetition, itself: None }
    }

    fn local(
        &self,
        id: ModuleId,
        at: &ModuleAddress,
        name: &str,
        _: &mut bool,
    ) -> Result<Value, Diagnostics> {
        let local = self.tree.module(id).locals.get(name).expect("a node's local is in the configuration");
        evaluate(&local.value, &self.scope(id, at, None))
    }

    fn output(
        &self,
        id: ModuleId,
        at: &ModuleAddress,
        name: &str,
        deferred: &mut bool,
    ) -> Result<Value, Diagnostics> {
        if let Some(value) = self.context.stand_ins.output(at, name) {
            return Ok(value);
        }
        let output = self.tree.module(id).outputs.get(name).expect("a node's output is in the configuration");
        let scope = self.scope(id, at, None);
        if !output.preconditions.is_empty() {
            let judged = judge(&output.preconditions, &scope, code::engine::PRECONDITION);
            let of = Checkable::Output(self.tree.module(id).path.clone(), output.name.name.clone());
            *deferred |= self.note(of, (at.clone(), None), Moment::Before, judged)?;
        }
        let value = evaluate(&output.value, &scope)?;
        if id == 0 && !output.sensitive && value.marks_deep().is_sensitive() {
            return Err(Diagnostic::error(
                code::engine::SENSITIVE_OUTPUT,
                format!("output `{name}` would show a sensitive value"),
            )
            .at(output.value.span, "this is sensitive")
            .help("say `sensitive = true` in the output, or take only a part that is not sensitive")
            .into());
        }
        if !output.ephemeral && value.marks_deep().contains(Marks::EPHEMERAL) {
            return Err(Diagnostic::error(
                code::engine::EPHEMERAL,
                format!("output `{name}` would keep an ephemeral value"),
            )
            .at(output.value.span, "this is ephemeral")
            .help("say `ephemeral = true` in the output of a module that is called, or take a value that may be kept")
            .into());
        }
        let ephemeral = if output.ephemeral { Marks::EPHEMERAL } else { Marks::NONE };
        let sensitive = if output.sensitive { Marks::SENSITIVE } else { Marks::NONE };
        Ok(value.marked(sensitive | ephemeral))
    }

    fn expand_module(&mut self, id: ModuleId) -> Result<(), Failures> {
        let Some((parent, call)) = self.tree.parent(id) else {
            self.add_instance(id, ModuleAddress::root(), Instance::default());
            return Ok(());
        };
        let mut failures = Diagnostics::new();
        for above in self.instances(parent) {
            let repetitions = match self.admitted((parent, &above), &call.repeat, call.span) {
                Err(messages) if self.checks => {
                    failures.extend(messages);
                    Ok(vec![Repetition::imagined(&call.repeat)])
                }
                other => other,
            };
            match repetitions {
                Ok(repetitions) => {
                    if !repetitions.iter().all(Repetition::is_known) {
                        self.defer(&Node::Expand(id));
                    }
                    for repetition in repetitions {
                        let address = above.child(call.name.name.clone(), repetition.key.clone());
                        let parent = Some(above.clone());
                        self.add_instance(
                            id,
                            address,
                            Instance { parent, repetition, ..Instance::default() },
                        );
                    }
                }
                Err(messages) => failures.extend(messages),
            }
            if self.is_full() {
                break;
            }
        }
        self.collect_module(id);
        if failures.has_errors() { Err(failures) } else { Ok(()) }
    }

    /// Adds an instance; one that is there keeps what it knows, and its `each` is as it is now.
    fn add_instance(&mut self, id: ModuleId, address: ModuleAddress, instance: Instance) {
        let Some(values) = self.values.modules.get_mut(id) else { return };
        match values.instances.entry(address) {
            Entry::Vacant(place) => {
                place.insert(instance);
            }
            Entry::Occupied(mut present) => present.get_mut().repetition = instance.repetition,
        }
    }

    /// Notes that a node is to be looked at again once more is known.
    pub(in crate::plan) fn defer(&mut self, node: &Node) {
        self.values.unsettled.insert(node.into());
    }

    /// Makes `module.name` for every instance above, once for each output, so that each use of it is a lookup.
    fn collect_module(&mut self, id: ModuleId) {
        let Some((parent, call)) = self.tree.parent(id) else { return };
        let name = call.name.name.clone();
        for (above, value) in self.module_values(id) {
            let instances = self.values.modules.get_mut(parent).map(|values| &mut values.instances);
            if let Some(instance) = instances.and_then(|instances| instances.get_mut(&above)) {
                instance.modules.insert(name.clone(), value);
            }
        }
    }

    /// `module.name` in one instance, with the outputs that are there.
    pub(in crate::plan) fn module_value(
        &self,
        id: ModuleId,
        at: &ModuleAddress,
        name: &str,
    ) -> Option<Value> {
        self.instance(id, at)?.modules.get(name).cloned()
    }

    fn module_values(&self, id: ModuleId) -> BTreeMap<ModuleAddress, Value> {
        let Some((parent, call)) = self.tree.parent(id) else { return BTreeMap::new() };
        let mut by_parent: BTreeMap<ModuleAddress, Vec<(Option<Key>, Value)>> =
            self.instances(parent).into_iter().map(|above| (above, Vec::new())).collect();
        if let Some(values) = self.values.modules.get(id) {
            for instance in values.instances.values() {
                let above = instance.parent.clone().unwrap_or_default();
                let key = instance.repetition.key.clone();
                by_parent.entry(above).or_default().push((key, self.outputs(id, instance)));
            }
        }
        by_parent.into_iter().map(|(above, items)| (above, combine(&call.repeat, items))).collect()
    }

    /// The outputs of one instance of a module that are there.
    fn outputs(&self, id: ModuleId, instance: &Instance) -> Value {
        let module = self.tree.module(id);
        if self.checks && module.missing == Missing::Anything {
            return Value::unknown(Type::Any);
        }
        let found = instance.outputs.iter().map(|(name, value)| (name.clone(), value.clone()));
        let missing =
            module.outputs.keys().filter(|name| self.checks && !instance.outputs.contains_key(*name));
        let missing = missing.map(|name| (name.clone(), Value::unknown(Type::Any)));
        Value::object(found.chain(missing))
    }

    /// The addresses of a module's instances in which something is done, in order: those that nothing stands in for.
    pub(in crate::plan) fn own_instances(&self, id: ModuleId) -> Vec<ModuleAddress> {
        let mut instances = self.instances(id);
        instances.retain(|at| !self.context.stand_ins.is_inside(at));
        instances
    }

    /// Has a resource's name stand for what nobody knows in the instances of its module that something stands in for.
    pub(in crate::plan) fn leave_resource(&mut self, id: ModuleId, key: &ResourceKey) {
        for at in self.instances(id).iter().filter(|at| self.context.stand_ins.is_inside(at)) {
            self.set_resource(id, at, key, Value::unknown(Type::Any));
        }
    }

    /// What a resource's name stands for in one instance of its module.
    pub(in crate::plan) fn resource_value(
        &self,
        id: ModuleId,
        at: &ModuleAddress,
        key: &ResourceKey,
    ) -> Option<Value> {
        self.instance(id, at)?.resources.get(key).cloned()
    }

    /// Sets what a resource's name stands for in one instance of its module.
    pub(crate) fn set_resource(&mut self, id: ModuleId, at: &ModuleAddress, key: &ResourceKey, value: Value) {
        let instances = self.values.modules.get_mut(id).map(|values| &mut values.instances);
        if let Some(instance) = instances.and_then(|instances| instances.get_mut(at)) {
            instance.resources.insert(key.clone(), value);
        }
    }

    /// What the configuration wants of one instance of a resource.
    pub(crate) fn wanted(
        &self,
        (id, key): (ModuleId, &ResourceKey),
        at: &ModuleAddress,
        repetition: &Repetition,
        schema: &BlockSchema,
    ) -> Result<Value, Diagnostics> {
        decode(&self.resource(id, key).body, schema, &self.scope(id, at, Some(repetition)))
    }

    pub(in crate::plan) fn resource(&self, id: ModuleId, key: &ResourceKey) -> &'c Resource {
        self.tree.module(id).resources.get(key).expect("a node's resource is in the configuration")
    }
}
