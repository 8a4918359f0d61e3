//! Resources as the state has them: what their names stand for where nothing is planned or read.

use super::stored::{decode_object, guess, mark_stored};
use super::world::World;
use crate::diag::Diagnostics;
use crate::graph::{ModuleId, ModuleTree, Node, NodeId, build};
use crate::lang::config::ResourceKey;
use crate::lang::eval::BlockSchema;
use crate::lang::value::{Type, Value};
use crate::provider::Provider;
use mlo_state::{Address, Mode, ModuleAddress, Object, Snapshot};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Settles a world in which nothing is known yet with what the state has of its resources. What went wrong is said, and
/// has no value.
pub(super) fn recall<'c>(
    mut world: World<'c>,
    providers: &BTreeMap<&'static str, Arc<dyn Provider>>,
    snapshot: &Snapshot,
) -> (World<'c>, Diagnostics) {
    let mut messages = Diagnostics::new();
    let graph = match build(world.tree) {
        Ok(graph) => graph,
        Err(messages) => return (world, messages),
    };
    let objects = by_block(snapshot);
    let mut failed: HashSet<NodeId> = HashSet::new();
    for id in &graph.order {
        if graph.dag.dependencies(*id).any(|dependency| failed.contains(&dependency)) {
            failed.insert(*id);
            continue;
        }
        if let Err(said) = settle(&mut world, graph.dag.get(*id), providers, &objects) {
            failed.insert(*id);
            messages.extend(said);
        }
    }
    (world, messages)
}

/// The objects of the state by their block in an instance of its module, in order.
pub(super) type Objects<'s> =
    HashMap<(&'s ModuleAddress, Mode, &'s str, &'s str), Vec<(&'s Address, &'s Object)>>;

/// The objects of a state by their blocks.
pub(super) fn by_block(snapshot: &Snapshot) -> Objects<'_> {
    let mut objects: Objects<'_> = HashMap::new();
    for (address, object) in &snapshot.objects {
        let block = (&address.module, address.mode, &*address.type_name, &*address.name);
        objects.entry(block).or_default().push((address, object));
    }
    objects
}

/// Settles one node: a resource's name stands for what the state has of it.
pub(super) fn settle(
    world: &mut World<'_>,
    node: &Node,
    providers: &BTreeMap<&'static str, Arc<dyn Provider>>,
    objects: &Objects<'_>,
) -> Result<(), Diagnostics> {
    let Node::Resource(id, key) = node else { return world.settle(node) };
    set_resource(world, (*id, key), providers, objects);
    Ok(())
}

/// The schema of a block's type, if its provider has one.
fn schema<'p>(
    tree: &ModuleTree<'_>,
    (id, key): (ModuleId, &ResourceKey),
    providers: &'p BTreeMap<&'static str, Arc<dyn Provider>>,
) -> Option<&'p BlockSchema> {
    let resource = tree.module(id).resources.get(key)?;
    let (_, provider) = tree.provider(id, &resource.provider.key);
    let provider = providers.get(provider.name.as_ref())?;
    provider.schema().resources.get(key.type_name.as_ref()).map(|schema| &schema.block)
}

/// A resource's name stands for what the state has of it.
pub(super) fn set_resource(
    world: &mut World<'_>,
    (id, key): (ModuleId, &ResourceKey),
    providers: &BTreeMap<&'static str, Arc<dyn Provider>>,
    objects: &Objects<'_>,
) {
    let schema = schema(world.tree, (id, key), providers);
    let Some(resource) = world.tree.module(id).resources.get(key) else { return };
    for at in world.instances(id) {
        let own = objects.get(&(&at, key.mode, &*key.type_name, &*key.name));
        let value = own.map_or_else(
            || Value::unknown(Type::Any),
            |own| {
                let items =
                    own.iter().map(|(address, object)| (address.key.clone(), present(object, schema)));
                world.combine_present((id, &at), &resource.repeat, items)
            },
        );
        world.set_resource(id, &at, key, value);
    }
}

/// An object of the state. One that does not fit its schema is shown as it is.
fn present(object: &Object, schema: Option<&BlockSchema>) -> Value {
    schema
        .and_then(|schema| decode_object(object, schema).ok())
        .unwrap_or_else(|| mark_stored(&guess(&object.attributes), object))
}
