//! The end of a file: what its runs made is taken away, the states that were used last first.

use super::run::{Ready, holder, internal};
use super::{Event, Testing};
use crate::apply::settle;
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::graph::ModuleTree;
use crate::plan::{Configured, Kind, Requests, object_name};
use mlo_state::{MemoryStore, Snapshot, Store};
use std::sync::Arc;
use tokio::sync::watch;

/// Names in one message: more are not read.
const NAMES_MAX: usize = 50;

impl Testing<'_, '_> {
    /// Takes away what is left in every state. What could not be is named.
    pub(super) async fn take_away(&self) -> Diagnostics {
        let mut used: Vec<_> = {
            let states = self.states.borrow();
            let used = states.values().filter_map(|state| {
                let (number, ready) = state.last.as_ref()?;
                Some((*number, ready.clone(), state.store.clone()))
            });
            used.collect()
        };
        used.sort_by_key(|(number, ..)| std::cmp::Reverse(*number));
        let mut messages = Diagnostics::new();
        for (number, ready, store) in used {
            let left = match store.read().await {
                Ok(loaded) => {
                    let is_open = !loaded.pending.is_empty();
                    (loaded.snapshot.unwrap_or_else(|| Snapshot::empty("")), is_open)
                }
                Err(error) => {
                    messages.extend(internal(&error));
                    continue;
                }
            };
            if left.0.objects.is_empty() && left.0.deposed.is_empty() && !left.1 {
                continue;
            }
            let Some(run) = self.file.runs.get(number) else { continue };
            (self.tester.observe)(Event::RunTeardown(self.file, run));
            if let Err(failed) = self.destroy(&ready, &store).await {
                messages.extend(failed);
            }
            messages.extend(self.left_behind(&run.name.name, &store).await);
        }
        messages
    }

    async fn destroy(&self, ready: &Ready, store: &MemoryStore) -> Result<(), Diagnostics> {
        self.settle(ready, store).await?;
        let loaded = store.read().await.map_err(|error| internal(&error))?;
        let snapshot = self.snapshot(&loaded);
        let requests = Requests::default();
        let (made, said) = self.plan(ready, (Kind::Destroy, true, &requests), &snapshot).await;
        let Ok((plan, connections)) = made else { return Err(said) };
        let approved = self.approved(plan, ready)?;
        let state = (store, loaded.next_operation, snapshot);
        let applied = self.apply(&approved, ready, state, connections).await?;
        if applied.messages.has_errors() { Err(applied.messages) } else { Ok(()) }
    }

    /// Finds out what became of changes that an interruption left open.
    async fn settle(&self, ready: &Ready, store: &MemoryStore) -> Result<(), Diagnostics> {
        let loaded = store.read().await.map_err(|error| internal(&error))?;
        if loaded.pending.is_empty() {
            return Ok(());
        }
        let tree = ModuleTree::new(&ready.config);
        let snapshot = self.snapshot(&loaded);
        let (providers, surroundings) = (self.tester.providers, self.tester.surroundings);
        let (config, world) = ((&tree, &ready.context), (providers, surroundings));
        let configured = Configured::read(config, world, &snapshot, &loaded.pending).await;
        let guard = store.lock(&holder()).await.map_err(|error| internal(&error))?;
        let messages = settle(guard.as_ref(), &loaded, &configured).await;
        guard.release().await.map_err(|error| internal(&error))?;
        let messages = messages.map_err(|error| internal(&error))?;
        if messages.has_errors() { Err(messages) } else { Ok(()) }
    }

    /// Names what a state still has.
    async fn left_behind(&self, run: &Arc<str>, store: &MemoryStore) -> Diagnostics {
        let Ok(loaded) = store.read().await else { return Diagnostics::new() };
        let Some(left) = loaded.snapshot else { return Diagnostics::new() };
        let objects = left.objects.keys().map(|address| object_name(address, None));
        let deposed = left.deposed_objects().map(|(address, key, _)| object_name(address, Some(key)));
        let names: Vec<_> = objects.chain(deposed).collect();
        if names.is_empty() {
            return Diagnostics::new();
        }
        let mut shown: Vec<_> = names.iter().take(NAMES_MAX).cloned().collect();
        if names.len() > NAMES_MAX {
            shown.push(format!("and {} more", names.len() - NAMES_MAX));
        }
        let summary = format!("left behind by run `{run}` of {}: {}", self.file.name, shown.join(", "));
        Diagnostic::error(code::engine::LEFT_BEHIND, summary)
            .detail("They exist, and no state knows of them.")
            .help("take them away by hand, or import them somewhere and destroy them there")
            .into()
    }

    /// What can be interrupted: not that things are taken away, since nobody else will.
    pub(super) fn interrupt_for(&self, kind: Kind) -> watch::Receiver<bool> {
        if kind != Kind::Destroy {
            return self.tester.interrupt.clone();
        }
        watch::channel(false).1
    }
}
