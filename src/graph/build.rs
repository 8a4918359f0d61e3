//! A configuration to the graph of its blocks. Blocks, not instances: `count` and `for_each` are expanded in the walk.

use super::{Cycle, Dag};
use crate::diag::{Diagnostic, Diagnostics, Span, code};
use crate::lang::config::{Check, Condition, Module, ModuleCall, ProviderKey, Resource, ResourceKey};
use crate::lang::reference::{Reference, Target, references_in, references_in_body};
use crate::lang::syntax::ast::Expr;
use mlo_state::{BlockAddress, Mode};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A module of a [`ModuleTree`]; 0 is the root.
pub type ModuleId = usize;
/// A node of a [`Graph`].
pub type NodeId = usize;

/// All modules of a configuration, flat. Numbers depend on nothing but the configuration.
#[derive(Debug)]
pub struct ModuleTree<'c> {
    entries: Vec<Entry<'c>>,
}

#[derive(Debug)]
struct Entry<'c> {
    module: &'c Module,
    parent: Option<(ModuleId, &'c ModuleCall)>,
    children: BTreeMap<Arc<str>, ModuleId>,
}

impl<'c> ModuleTree<'c> {
    /// Lays a configuration flat, parents before children.
    pub fn new(root: &'c Module) -> Self {
        let mut tree =
            Self { entries: vec![Entry { module: root, parent: None, children: BTreeMap::new() }] };
        let mut next = 0;
        while let Some(module) = tree.entries.get(next).map(|entry| entry.module) {
            for call in module.calls.values() {
                let child = tree.entries.len();
                let parent = Some((next, call));
                tree.entries.push(Entry { module: &call.module, parent, children: BTreeMap::new() });
                if let Some(entry) = tree.entries.get_mut(next) {
                    entry.children.insert(call.name.name.clone(), child);
                }
            }
            next += 1;
        }
        tree
    }

    /// All ids, parents before children.
    pub fn ids(&self) -> std::ops::Range<ModuleId> {
        0..self.entries.len()
    }

    /// The module of an id.
    pub fn module(&self, id: ModuleId) -> &'c Module {
        self.entry(id).module
    }

    /// Who calls the module, and how; nothing for the root.
    pub fn parent(&self, id: ModuleId) -> Option<(ModuleId, &'c ModuleCall)> {
        self.entry(id).parent
    }

    /// The module that `id` calls by a name.
    pub fn child(&self, id: ModuleId, name: &str) -> Option<ModuleId> {
        self.entry(id).children.get(name).copied()
    }

    /// The module at a path of call names.
    pub fn find(&self, path: &[Arc<str>]) -> Option<ModuleId> {
        path.iter().try_fold(0, |id, name| self.child(id, name))
    }

    /// `module.a.module.b.`, empty for the root: what stands before the names of a module's blocks.
    pub fn prefix(&self, id: ModuleId) -> String {
        self.module(id).path.iter().fold(String::new(), |prefix, step| prefix + "module." + step + ".")
    }

    /// The address of a block of a module.
    pub fn block(&self, id: ModuleId, key: &ResourceKey) -> BlockAddress {
        let ResourceKey { mode, type_name, name } = key.clone();
        BlockAddress { module: self.module(id).path.clone(), mode, type_name, name }
    }

    /// Where the provider that a module knows as `key` is configured: in itself, by the caller's `providers`, or in
    /// the nearest module above that configures it; in the root where nobody does.
    pub fn provider(&self, id: ModuleId, key: &ProviderKey) -> (ModuleId, ProviderKey) {
        let mut at = (id, key.clone());
        while !self.module(at.0).providers.contains_key(&at.1) {
            let Some((parent, call)) = self.parent(at.0) else { break };
            let outer = call.providers.get(&at.1).map(|outer| outer.key.clone()).unwrap_or(at.1);
            at = (parent, outer);
        }
        at
    }

    fn entry(&self, id: ModuleId) -> &Entry<'c> {
        self.entries.get(id).expect("a module id comes from this tree")
    }
}

/// A block of a configuration, or a point in its module's life.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Node {
    /// The value of a variable in every instance of its module.
    Variable(ModuleId, Arc<str>),
    /// A local value.
    Local(ModuleId, Arc<str>),
    /// An output.
    Output(ModuleId, Arc<str>),
    /// How many instances the module has; every block in it comes after.
    Expand(ModuleId),
    /// All blocks of the module are done: what `depends_on` a module waits for.
    Close(ModuleId),
    /// A provider's configuration.
    Provider(ModuleId, ProviderKey),
    /// A `resource` or `data` block.
    Resource(ModuleId, ResourceKey),
    /// A `check` block.
    Check(ModuleId, Arc<str>),
}

/// What a message calls a node, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockRef {
    /// `module.a.local.x`
    pub name: String,
    /// Its place; the root module itself has none.
    pub span: Option<Span>,
}

/// The graph of a configuration.
#[derive(Debug)]
pub struct Graph {
    /// Nodes with what they depend on.
    pub dag: Dag<Node>,
    /// Node ids, dependencies first.
    pub order: Vec<NodeId>,
    by_node: HashMap<Node, NodeId>,
}

impl Graph {
    /// The id of a node, if the configuration has it.
    pub fn id(&self, node: &Node) -> Option<NodeId> {
        self.by_node.get(node).copied()
    }
}

/// Builds the graph of a configuration whose names were checked.
///
/// # Errors
/// The cycles, with every block in them named in full.
pub fn build(tree: &ModuleTree<'_>) -> Result<Graph, Diagnostics> {
    let (graph, cycles) = build_partly(tree);
    if cycles.has_errors() { Err(cycles) } else { Ok(graph) }
}

/// The same, but the graph is there also if there are cycles: what depends on each other in one does not wait for it.
pub fn build_partly(tree: &ModuleTree<'_>) -> (Graph, Diagnostics) {
    let mut builder = Builder { tree, dag: Dag::new(), by_node: HashMap::new() };
    for id in tree.ids() {
        builder.add_nodes(id);
    }
    for node in 0..builder.dag.len() {
        builder.connect(node);
    }
    builder.connect_imports();
    let Builder { mut dag, by_node, .. } = builder;
    let mut cycles = Diagnostics::new();
    let order = dag.order().unwrap_or_else(|circles| {
        for circle in &circles {
            cycles.push(cycle_error(tree, &dag, circle));
        }
        dag.cut_circles();
        dag.order().expect("a graph without circles has an order")
    });
    (Graph { dag, order, by_node }, cycles)
}

struct Builder<'t, 'c> {
    tree: &'t ModuleTree<'c>,
    dag: Dag<Node>,
    by_node: HashMap<Node, NodeId>,
}

impl Builder<'_, '_> {
    fn add_nodes(&mut self, id: ModuleId) {
        let module = self.tree.module(id);
        self.add(Node::Expand(id));
        for name in module.variables.keys() {
            self.add(Node::Variable(id, name.clone()));
        }
        for name in module.locals.keys() {
            self.add(Node::Local(id, name.clone()));
        }
        for key in module.providers.keys() {
            self.add(Node::Provider(id, key.clone()));
        }
        for (key, resource) in &module.resources {
            let (at, provider) = self.tree.provider(id, &resource.provider.key);
            self.add(Node::Provider(at, provider));
            self.add(Node::Resource(id, key.clone()));
        }
        for name in module.outputs.keys() {
            self.add(Node::Output(id, name.clone()));
        }
        for (name, check) in &module.checks {
            if let Some(data) = &check.data {
                let (at, provider) = self.tree.provider(id, &data.provider.key);
                self.add(Node::Provider(at, provider));
            }
            self.add(Node::Check(id, name.clone()));
        }
        self.add(Node::Close(id));
    }

    fn add(&mut self, node: Node) -> NodeId {
        if let Some(id) = self.by_node.get(&node) {
            return *id;
        }
        let id = self.dag.add(node.clone());
        self.by_node.insert(node, id);
        id
    }

    fn connect(&mut self, node: NodeId) {
        let tree = self.tree;
        match self.dag.get(node).clone() {
            Node::Expand(id) => {
                if let Some((parent, call)) = tree.parent(id) {
                    self.depend(node, &Node::Expand(parent));
                    self.depend_on_exprs(node, parent, call.repeat.expr());
                    self.depend_on_all(node, parent, &call.depends_on);
                }
            }
            Node::Variable(id, name) => {
                self.depend(node, &Node::Expand(id));
                if let Some((parent, call)) = tree.parent(id) {
                    self.depend_on_exprs(node, parent, call.arguments.get(&name).map(|(_, expr)| expr));
                }
                let variable = tree.module(id).variables.get(&name);
                // A validation may look at other variables, but always at its own, which is no dependency.
                let conditions = variable.map(|variable| variable.validations.as_slice()).unwrap_or_default();
                let own = Target::Variable(name);
                for reference in condition_references(conditions).filter(|reference| reference.target != own)
                {
                    self.depend_on(node, id, &reference.target);
                }
            }
            Node::Local(id, name) => {
                self.depend(node, &Node::Expand(id));
                self.depend_on_exprs(node, id, tree.module(id).locals.get(&name).map(|local| &local.value));
            }
            Node::Output(id, name) => {
                self.depend(node, &Node::Expand(id));
                if let Some(output) = tree.module(id).outputs.get(&name) {
                    self.depend_on_exprs(node, id, [&output.value]);
                    self.depend_on_all(node, id, &output.depends_on);
                    for reference in condition_references(&output.preconditions) {
                        self.depend_on(node, id, &reference.target);
                    }
                }
            }
            Node::Provider(id, key) => {
                self.depend(node, &Node::Expand(id));
                if let Some(provider) = tree.module(id).providers.get(&key) {
                    self.depend_on_exprs(node, id, &provider.for_each);
                    for reference in references_in_body(&provider.body) {
                        self.depend_on(node, id, &reference.target);
                    }
                }
            }
            Node::Resource(id, key) => {
                self.depend(node, &Node::Expand(id));
                if let Some(resource) = tree.module(id).resources.get(&key) {
                    self.connect_resource(node, id, resource);
                }
            }
            Node::Close(id) => self.connect_close(node, id),
            Node::Check(id, name) => {
                if let Some(check) = tree.module(id).checks.get(&name) {
                    self.connect_check(node, id, check);
                }
            }
        }
    }

    /// A check comes after everything else: what it looks at outside may be made by anything.
    fn connect_check(&mut self, node: NodeId, id: ModuleId, check: &Check) {
        self.depend(node, &Node::Expand(id));
        self.depend(node, &Node::Close(0));
        if let Some(data) = &check.data {
            self.connect_resource(node, id, data);
        }
        for reference in condition_references(&check.assertions) {
            self.depend_on(node, id, &reference.target);
        }
    }

    fn connect_resource(&mut self, node: NodeId, id: ModuleId, resource: &Resource) {
        let (at, provider) = self.tree.provider(id, &resource.provider.key);
        self.depend(node, &Node::Provider(at, provider));
        self.depend_on_exprs(node, id, &resource.provider.instance);
        self.depend_on_exprs(node, id, resource.repeat.expr());
        self.depend_on_all(node, id, &resource.depends_on);
        for reference in references_in_body(&resource.body) {
            self.depend_on(node, id, &reference.target);
        }
        let lifecycle = &resource.lifecycle;
        let exprs = [&lifecycle.create_before_destroy, &lifecycle.prevent_destroy, &lifecycle.ignore_changes];
        self.depend_on_exprs(node, id, exprs.into_iter().flatten().chain(&lifecycle.replace_triggered_by));
        for reference in condition_references(&lifecycle.preconditions) {
            self.depend_on(node, id, &reference.target);
        }
        let own = Target::Resource(resource.key.clone());
        for reference in condition_references(&lifecycle.postconditions) {
            if reference.target != own {
                self.depend_on(node, id, &reference.target);
            }
        }
    }

    /// What is imported to a block is known before the block is planned.
    fn connect_imports(&mut self) {
        for import in &self.tree.module(0).imports {
            let (path, key) = &import.target;
            let node = self.tree.find(path).map(|id| Node::Resource(id, key.clone()));
            let Some(node) = node.and_then(|node| self.by_node.get(&node).copied()) else { continue };
            let exprs = [&import.id].into_iter().chain(&import.for_each);
            self.depend_on_exprs(node, 0, exprs);
        }
    }

    fn connect_close(&mut self, node: NodeId, id: ModuleId) {
        let module = self.tree.module(id);
        self.depend(node, &Node::Expand(id));
        for name in module.outputs.keys() {
            self.depend(node, &Node::Output(id, name.clone()));
        }
        for key in module.resources.keys() {
            self.depend(node, &Node::Resource(id, key.clone()));
        }
        for name in module.calls.keys() {
            if let Some(child) = self.tree.child(id, name) {
                self.depend(node, &Node::Close(child));
            }
        }
    }

    fn depend_on_exprs<'e>(&mut self, node: NodeId, id: ModuleId, exprs: impl IntoIterator<Item = &'e Expr>) {
        for reference in exprs.into_iter().flat_map(references_in) {
            self.depend_on(node, id, &reference.target);
        }
    }

    /// `depends_on`: a module means all that is in it.
    fn depend_on_all(&mut self, node: NodeId, id: ModuleId, references: &[Reference]) {
        for reference in references {
            match &reference.target {
                Target::Module(name, _) => {
                    if let Some(child) = self.tree.child(id, name) {
                        self.depend(node, &Node::Close(child));
                    }
                }
                target => self.depend_on(node, id, target),
            }
        }
    }

    fn depend_on(&mut self, node: NodeId, id: ModuleId, target: &Target) {
        match target {
            Target::Variable(name) => self.depend(node, &Node::Variable(id, name.clone())),
            Target::Local(name) => self.depend(node, &Node::Local(id, name.clone())),
            Target::Resource(key) => self.depend(node, &Node::Resource(id, key.clone())),
            Target::Module(name, output) => {
                let Some(child) = self.tree.child(id, name) else { return };
                self.depend(node, &Node::Expand(child));
                let all = self.tree.module(child).outputs.keys();
                let wanted: Vec<_> = all
                    .filter(|name| output.as_ref().is_none_or(|wanted| wanted == *name))
                    .cloned()
                    .collect();
                for output in wanted {
                    self.depend(node, &Node::Output(child, output));
                }
            }
            Target::Manifest
            | Target::Each
            | Target::Count
            | Target::Path
            | Target::Itself
            | Target::Program => {}
        }
    }

    fn depend(&mut self, node: NodeId, on: &Node) {
        if let Some(dependency) = self.by_node.get(on) {
            self.dag.depend(node, *dependency);
        }
    }
}

fn condition_references(conditions: &[Condition]) -> impl Iterator<Item = Reference> + '_ {
    conditions.iter().flat_map(|each| [&each.condition, &each.message]).flat_map(references_in)
}

impl Node {
    /// What a message calls it, and where it stands.
    pub fn describe(&self, tree: &ModuleTree<'_>) -> BlockRef {
        let named =
            |id: ModuleId, name: String, span: Option<Span>| BlockRef { name: tree.prefix(id) + &name, span };
        match self {
            Self::Variable(id, name) => {
                let variable = tree.module(*id).variables.get(name);
                named(*id, format!("var.{name}"), variable.map(|variable| variable.span))
            }
            Self::Local(id, name) => {
                let local = tree.module(*id).locals.get(name);
                named(*id, format!("local.{name}"), local.map(|local| local.name.span.to(local.value.span)))
            }
            Self::Output(id, name) => {
                let output = tree.module(*id).outputs.get(name);
                named(*id, format!("output.{name}"), output.map(|output| output.span))
            }
            Self::Resource(id, key) => {
                let data = if key.mode == Mode::Data { "data." } else { "" };
                let resource = tree.module(*id).resources.get(key);
                let name = format!("{data}{}.{}", key.type_name, key.name);
                named(*id, name, resource.map(|resource| resource.span))
            }
            Self::Provider(id, key) => {
                let alias = key.alias.as_ref().map(|alias| format!(".{alias}")).unwrap_or_default();
                let provider = tree.module(*id).providers.get(key);
                named(*id, format!("provider.{}{alias}", key.name), provider.map(|provider| provider.span))
            }
            Self::Check(id, name) => {
                let check = tree.module(*id).checks.get(name);
                named(*id, format!("check.{name}"), check.map(|check| check.span))
            }
            Self::Expand(id) | Self::Close(id) => match tree.parent(*id) {
                Some((parent, call)) => named(parent, format!("module.{}", call.name.name), Some(call.span)),
                None => BlockRef { name: "the root module".into(), span: None },
            },
        }
    }
}

/// Steps of a circle that are named: nobody reads more, and each has lines of source.
const CYCLE_SHOWN_MAX: usize = 50;

/// The names of a circle in order, of a large one its beginning and its end.
fn around(names: &[String]) -> String {
    match (names.get(..CYCLE_SHOWN_MAX), names.last()) {
        (Some(first), Some(last)) if names.len() > CYCLE_SHOWN_MAX + 1 => {
            let others = names.len() - first.len() - 1;
            format!("{} → … ({others} more) → {last}", first.join(" → "))
        }
        _ => names.join(" → "),
    }
}

fn cycle_error(tree: &ModuleTree<'_>, dag: &Dag<Node>, cycle: &Cycle) -> Diagnostic {
    let blocks: Vec<_> = cycle.0.iter().map(|node| dag.get(*node).describe(tree)).collect();
    let mut names: Vec<_> = blocks.iter().map(|block| block.name.clone()).collect();
    names.extend(names.first().cloned());
    names.dedup();
    if names.len() == 1 {
        names.extend(names.first().cloned());
    }
    let summary = format!("these refer to each other in a circle: {}", around(&names));
    let mut diagnostic = Diagnostic::error(code::engine::CYCLE, summary)
        .help("take out one of the references, or move what both need into a block of its own");
    for (at, block) in blocks.iter().enumerate().take(CYCLE_SHOWN_MAX) {
        let next = names.get(at + 1).map_or("", String::as_str);
        if let Some(span) = block.span {
            diagnostic = diagnostic.at(span, format!("needs {next}"));
        }
    }
    diagnostic
}
