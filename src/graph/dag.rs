//! A directed acyclic graph of anything. An edge leads from what depends to what it depends on.

use petgraph::Direction;
use petgraph::algo::{kosaraju_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::BTreeSet;

/// Nodes and what they depend on. Node numbers count up from 0 in the order of [`Dag::add`].
#[derive(Debug, Clone)]
pub struct Dag<N> {
    graph: DiGraph<N, ()>,
}

/// Some nodes depend on each other in a circle: each on the next, the last on the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle(pub Vec<usize>);

impl<N> Default for Dag<N> {
    fn default() -> Self {
        Self { graph: DiGraph::new() }
    }
}

impl<N> Dag<N> {
    /// Without nodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a node and gives its number.
    pub fn add(&mut self, node: N) -> usize {
        self.graph.add_node(node).index()
    }

    /// Says that `node` depends on `dependency`. The same edge twice does no harm.
    pub fn depend(&mut self, node: usize, dependency: usize) {
        self.graph.add_edge(NodeIndex::new(node), NodeIndex::new(dependency), ());
    }

    /// The same edges between other nodes, which have the same numbers.
    pub fn map<M>(&self, mut node: impl FnMut(&N) -> M) -> Dag<M> {
        Dag { graph: self.graph.map(|_, old| node(old), |_, ()| ()) }
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The node of a number that this graph gave.
    pub fn get(&self, node: usize) -> &N {
        self.graph.node_weight(NodeIndex::new(node)).expect("a node number comes from this graph")
    }

    /// What a node depends on directly; an edge that was added twice comes twice.
    pub fn dependencies(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        self.graph.neighbors_directed(NodeIndex::new(node), Direction::Outgoing).map(NodeIndex::index)
    }

    /// What depends directly on a node.
    pub fn dependents(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        self.graph.neighbors_directed(NodeIndex::new(node), Direction::Incoming).map(NodeIndex::index)
    }

    /// All node numbers, dependencies before what depends on them.
    ///
    /// # Errors
    /// The circles, see [`Dag::circles`].
    pub fn order(&self) -> Result<Vec<usize>, Vec<Cycle>> {
        match toposort(&self.graph, None) {
            Ok(order) => Ok(order.into_iter().rev().map(NodeIndex::index).collect()),
            Err(_) => Err(self.circles()),
        }
    }

    /// For each set of nodes that all depend on each other the shortest circle through the first of them.
    pub fn circles(&self) -> Vec<Cycle> {
        let component_of = self.components();
        let mut size = vec![0_usize; self.len()];
        for component in &component_of {
            if let Some(count) = size.get_mut(*component) {
                *count += 1;
            }
        }
        let mut seen = BTreeSet::new();
        let mut circles = Vec::new();
        for (node, component) in component_of.iter().enumerate() {
            let many = size.get(*component).is_some_and(|size| *size > 1);
            if (many || self.dependencies(node).any(|dependency| dependency == node))
                && seen.insert(component)
            {
                circles.push(Cycle(self.path_back_to(node)));
            }
        }
        circles
    }

    /// Takes out what makes circles: every edge between nodes that depend on each other.
    pub fn cut_circles(&mut self) {
        let component_of = self.components();
        let component = |node: NodeIndex| component_of.get(node.index());
        self.graph.retain_edges(|graph, edge| {
            graph.edge_endpoints(edge).is_none_or(|(from, to)| component(from) != component(to))
        });
    }

    /// For each node the number of its strongly connected component: two nodes have the same one exactly if they depend
    /// on each other.
    pub fn components(&self) -> Vec<usize> {
        let mut component_of = vec![0; self.len()];
        for (number, component) in kosaraju_scc(&self.graph).iter().enumerate() {
            for node in component {
                if let Some(slot) = component_of.get_mut(node.index()) {
                    *slot = number;
                }
            }
        }
        component_of
    }

    /// Breadth first from `start` along dependencies until it is met again.
    fn path_back_to(&self, start: usize) -> Vec<usize> {
        let mut came_from = vec![usize::MAX; self.len()];
        let mut queue = std::collections::VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for dependency in self.dependencies(node) {
                if dependency == start {
                    let mut path = vec![node];
                    while let Some(&last) = path.last().filter(|last| **last != start) {
                        path.push(came_from.get(last).copied().unwrap_or(start));
                    }
                    path.reverse();
                    return path;
                }
                match came_from.get_mut(dependency) {
                    Some(from) if *from == usize::MAX => {
                        *from = node;
                        queue.push_back(dependency);
                    }
                    _ => {}
                }
            }
        }
        vec![start]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dag(nodes: usize, edges: &[(usize, usize)]) -> Dag<usize> {
        let mut dag = Dag::new();
        for node in 0..nodes {
            dag.add(node);
        }
        for (node, dependency) in edges {
            dag.depend(*node, *dependency);
        }
        dag
    }

    #[test]
    fn dependencies_come_first() {
        let order = dag(4, &[(0, 1), (0, 2), (1, 3), (2, 3)]).order().unwrap();
        let at = |node| order.iter().position(|other| *other == node).unwrap();
        assert!(at(3) < at(1) && at(3) < at(2) && at(1) < at(0) && at(2) < at(0), "{order:?}");
    }

    #[test]
    fn the_shortest_circle_is_named_in_order() {
        for (edges, circle) in [
            (vec![(0, 0)], vec![0]),
            (vec![(0, 1), (1, 0)], vec![0, 1]),
            (vec![(0, 1), (1, 2), (2, 3), (3, 0), (1, 0)], vec![0, 1]),
            (vec![(0, 1), (1, 2), (2, 3), (3, 1)], vec![1, 2, 3]),
        ] {
            assert_eq!(dag(4, &edges).order(), Err(vec![Cycle(circle)]), "{edges:?}");
        }
    }

    #[test]
    fn each_circle_is_found_and_cut_and_the_rest_stays() {
        let mut dag = dag(6, &[(0, 1), (1, 0), (2, 0), (3, 3), (4, 5), (5, 2)]);
        assert_eq!(dag.circles(), [Cycle(vec![0, 1]), Cycle(vec![3])]);
        dag.cut_circles();
        assert!(dag.circles().is_empty());
        let order = dag.order().unwrap();
        let at = |node| order.iter().position(|other| *other == node).unwrap();
        assert!(at(0) < at(2) && at(2) < at(5) && at(5) < at(4), "{order:?}");
    }

    #[test]
    fn components_are_the_circles() {
        let components = dag(4, &[(0, 1), (1, 0), (2, 0), (3, 2)]).components();
        assert_eq!(components[0], components[1]);
        assert!(components[2] != components[0] && components[3] != components[2]);
    }
}
