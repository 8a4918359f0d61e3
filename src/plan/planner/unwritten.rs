//! Objects that are to be imported to blocks that are yet to be written: they are looked up, and nothing is planned.

use super::select::Selection;
use super::{Planner, Walker};
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::graph::{Graph, ModuleTree, Node, NodeId};
use crate::lang::config::Resource;
use crate::plan::generate::Unwritten;
use crate::plan::world::Repetition;
use mlo_state::{Address, ModuleAddress};
use std::collections::{BTreeMap, BTreeSet};

/// What has to be known before the objects can be looked up: all that their providers and their ids are made from.
#[expect(clippy::unnecessary_wraps, reason = "it selects as `select` does, which may fail")]
fn needed(planner: &Planner<'_>, _: &ModuleTree<'_>, graph: &Graph) -> Result<Selection, Diagnostics> {
    let unwritten = &planner.config.unwritten;
    let blocks: BTreeSet<NodeId> =
        unwritten.iter().filter_map(|key| graph.id(&Node::Resource(0, key.clone()))).collect();
    let mut nodes = BTreeSet::new();
    let mut open: Vec<_> = blocks.iter().copied().collect();
    while let Some(node) = open.pop() {
        open.extend(
            graph.dag.dependencies(node).filter(|next| !blocks.contains(next) && nodes.insert(*next)),
        );
    }
    Ok(Selection { nodes, some: BTreeMap::new() })
}

impl Planner<'_> {
    /// Looks up the objects of the blocks that nobody has written yet.
    pub async fn unwritten(&self) -> (Vec<Unwritten>, Diagnostics) {
        let found = self.walked(needed, async |walker: Walker<'_, '_, '_>| walker.look_up_all().await).await;
        found.unwrap_or_else(|messages| (Vec::new(), messages))
    }
}

impl Walker<'_, '_, '_> {
    async fn look_up_all(self) -> (Vec<Unwritten>, Diagnostics) {
        let root = self.tree.module(0);
        let mut found = Vec::new();
        for resource in root.unwritten.iter().filter_map(|key| root.resources.get(key)) {
            if self.messages.borrow().has_errors() {
                break;
            }
            match self.look_up(resource).await {
                Ok(unwritten) => found.extend(unwritten),
                Err(messages) => self.messages.borrow_mut().extend(messages),
            }
        }
        (found, self.messages.into_inner())
    }

    async fn look_up(&self, resource: &Resource) -> Result<Option<Unwritten>, Diagnostics> {
        let key = &resource.key;
        let (type_name, name) = (key.type_name.clone(), key.name.clone());
        let address = Address { module: ModuleAddress::root(), mode: key.mode, type_name, name, key: None };
        if self.planner.snapshot.objects.contains_key(&address) {
            let error = Diagnostic::error(code::engine::GENERATE, format!("the state has {address} already"));
            return Err(error
                .at(resource.span, "this is not imported again")
                .help(format!("write its block: `mlo state show {address}` shows what it is"))
                .into());
        }
        self.evaluate_imports(0, key)?;
        let (_, provider) = self.tree.provider(0, &resource.provider.key);
        let schema = self.planner.providers.get(provider.name.as_ref());
        let schema = schema.and_then(|provider| provider.schema().resources.get(key.type_name.as_ref()));
        let Some(schema) = schema else { return Err(self.unknown_type(resource).into()) };
        let once = Repetition::default();
        let Some((_, connected)) = self.provider_for((0, resource), &address.module, &once)? else {
            return Ok(None);
        };
        let token = super::block::token(self.planner.snapshot, &address);
        let Some(importing) = self.importing(&address) else { return Ok(None) };
        let found = self.import(&connected, &schema.block, (&address, token), importing).await?;
        let is_default = provider.alias.is_none() && key.type_name.split('_').next() == Some(&*provider.name);
        let provider = Some(resource.provider.clone()).filter(|_| !is_default);
        let (id, value) = (found.id, found.value);
        Ok(Some(Unwritten { address, id, value, schema: schema.block.clone(), provider }))
    }
}
