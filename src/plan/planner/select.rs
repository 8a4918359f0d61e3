//! Which nodes of the graph a plan visits.

use super::Walker;
use crate::graph::{Node, NodeId};
use crate::lang::reference::{Target, references_in};
use crate::plan::planner::Kind;
use std::collections::BTreeSet;

impl Walker<'_, '_, '_> {
    /// All nodes; to destroy, only the providers and what they need.
    pub(super) fn wanted_nodes(&self) -> BTreeSet<NodeId> {
        let all = 0..self.graph.dag.len();
        if self.planner.kind != Kind::Destroy {
            return all.collect();
        }
        let mut wanted: BTreeSet<NodeId> =
            all.filter(|node| matches!(self.graph.dag.get(*node), Node::Provider(..))).collect();
        wanted.extend(self.protections());
        let mut open: Vec<_> = wanted.iter().copied().collect();
        while let Some(node) = open.pop() {
            open.extend(self.graph.dag.dependencies(node).filter(|dependency| wanted.insert(*dependency)));
        }
        wanted
    }

    /// What `prevent_destroy` arguments refer to.
    fn protections(&self) -> Vec<NodeId> {
        let mut found = Vec::new();
        for id in self.tree.ids() {
            let flags = self.tree.module(id).resources.values();
            let flags = flags.filter_map(|resource| resource.lifecycle.prevent_destroy.as_ref());
            for reference in flags.flat_map(references_in) {
                let node = match reference.target {
                    Target::Variable(name) => Node::Variable(id, name),
                    Target::Local(name) => Node::Local(id, name),
                    _ => continue,
                };
                found.extend(self.graph.id(&node));
            }
        }
        found
    }
}
