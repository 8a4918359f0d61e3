//! Walks a graph in parallel: a node begins when all that it depends on is done.

use super::Dag;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::BTreeSet;
use std::future::Future;

/// How a node went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Well: what depends on it may begin.
    Done,
    /// Not: what depends on it is not begun, directly or not.
    Failed,
    /// Well, but nothing new is begun anywhere.
    Stop,
}

/// How a node ended, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was done.
    Done,
    /// It failed.
    Failed,
    /// It was never begun, because something that it depends on failed or the walk was stopped.
    Skipped,
}

/// Calls `visit` for every node once all its dependencies are done, for at most `at_once` nodes at a time; nodes that
/// could begin do so in the order of their numbers. One task; nothing is spawned.
///
/// A graph with a cycle is walked up to the cycle, whose nodes end as [`Ended::Skipped`].
pub async fn walk<N, F>(dag: &Dag<N>, at_once: usize, mut visit: impl FnMut(usize) -> F) -> Vec<Ended>
where
    F: Future<Output = Outcome>,
{
    let mut ended = vec![Ended::Skipped; dag.len()];
    let mut waits_for: Vec<usize> = (0..dag.len()).map(|node| dag.dependencies(node).count()).collect();
    let mut ready: BTreeSet<usize> =
        waits_for.iter().enumerate().filter(|(_, count)| **count == 0).map(|(node, _)| node).collect();
    let mut running = FuturesUnordered::new();
    let mut stopped = false;
    loop {
        while !stopped && running.len() < at_once.max(1) {
            let Some(node) = ready.pop_first() else { break };
            let visited = visit(node);
            running.push(async move { (node, visited.await) });
        }
        let Some((node, outcome)) = running.next().await else { break };
        stopped |= outcome == Outcome::Stop;
        let failed = outcome == Outcome::Failed;
        if let Some(slot) = ended.get_mut(node) {
            *slot = if failed { Ended::Failed } else { Ended::Done };
        }
        if failed {
            continue;
        }
        for dependent in dag.dependents(node) {
            if let Some(count) = waits_for.get_mut(dependent) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(dependent);
                }
            }
        }
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::{Cell, RefCell};

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }

    fn random_dag() -> impl Strategy<Value = Dag<()>> {
        (1..40_usize).prop_flat_map(|nodes| {
            prop::collection::vec((0..nodes, 0..nodes), 0..nodes * 2).prop_map(move |edges| {
                let mut dag = Dag::new();
                (0..nodes).for_each(|_| {
                    dag.add(());
                });
                // From the larger to the smaller number: no cycles.
                edges.iter().filter(|(a, b)| a != b).for_each(|(a, b)| dag.depend(*a.max(b), *a.min(b)));
                dag
            })
        })
    }

    proptest! {
        #[test]
        fn every_node_runs_once_after_its_dependencies_and_never_more_than_allowed(dag in random_dag(), at_once in 1..5_usize) {
            let done = RefCell::new(Vec::new());
            let (now, most) = (Cell::new(0), Cell::new(0));
            let ended = run(walk(&dag, at_once, |node| {
                let early = dag.dependencies(node).any(|needed| !done.borrow().contains(&needed));
                assert!(!early, "{node} began too early");
                now.set(now.get() + 1);
                most.set(most.get().max(now.get()));
                let (done, now) = (&done, &now);
                async move {
                    tokio::task::yield_now().await;
                    now.set(now.get() - 1);
                    done.borrow_mut().push(node);
                    Outcome::Done
                }
            }));
            prop_assert_eq!(done.borrow().len(), dag.len());
            prop_assert!(most.get() <= at_once);
            prop_assert!(ended.iter().all(|end| *end == Ended::Done));
        }

        #[test]
        fn what_depends_on_a_failure_is_skipped_and_all_else_runs(dag in random_dag(), bad in 0..40_usize) {
            let bad = bad % dag.len();
            let ended = run(walk(&dag, 3, |node| async move { if node == bad { Outcome::Failed } else { Outcome::Done } }));
            let mut tainted = vec![false; dag.len()];
            for node in dag.order().unwrap() {
                tainted[node] = node == bad || dag.dependencies(node).any(|needed| tainted[needed]);
                let expected = match (node == bad, tainted[node]) {
                    (true, _) => Ended::Failed,
                    (false, true) => Ended::Skipped,
                    (false, false) => Ended::Done,
                };
                prop_assert_eq!(ended[node], expected);
            }
        }
    }

    #[test]
    fn a_stop_lets_what_runs_finish_and_begins_nothing_new() {
        let mut dag = Dag::new();
        (0..5).for_each(|_| {
            dag.add(());
        });
        let ended =
            run(walk(&dag, 2, |node| async move { if node == 0 { Outcome::Stop } else { Outcome::Done } }));
        assert_eq!(ended.iter().filter(|end| **end == Ended::Done).count(), 2, "{ended:?}");
    }
}
