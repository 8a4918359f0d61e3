//! What became of the steps of an apply, in words: what failed, and what therefore was never begun.

use super::Run;
use crate::diag::{Diagnostic, code};
use crate::graph::Ended;
use crate::plan::Step;
use std::collections::{BTreeMap, BTreeSet};

/// Names in one message: more are not read.
const NAMES_MAX: usize = 20;

/// How many operations did not come to their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unfinished {
    /// They were tried and failed.
    pub failed: usize,
    /// They were begun, and the run ended before they did: the next run asks what became of them.
    pub under_way: usize,
    /// They were never begun.
    pub skipped: usize,
}

impl Run<'_, '_, '_> {
    /// How many operations failed, were left under way and were not begun.
    pub(super) fn unfinished(&self, ended: &[Ended]) -> Unfinished {
        let under_way: BTreeSet<usize> =
            self.under_way.borrow().iter().filter_map(|step| self.operation_of(*step)).collect();
        let failed = self.operations(ended, Ended::Failed);
        let skipped = self.operations(ended, Ended::Skipped);
        let is_not_begun = |number: &&usize| !failed.contains(*number) && !under_way.contains(*number);
        let skipped = skipped.iter().filter(is_not_begun).count();
        Unfinished { failed: failed.len(), under_way: under_way.len(), skipped }
    }

    /// Says which operations were never begun, and because of what.
    pub(super) fn report_skipped(&self, ended: &[Ended]) {
        if self.interrupted() {
            return;
        }
        let failed = self.operations(ended, Ended::Failed);
        let mut by_cause: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (step, cause) in self.causes(ended) {
            let Step::Operate(number, _) = self.plan.steps.dag.get(step) else { continue };
            if let Some(operation) = self.plan.operations.get(*number).filter(|_| !failed.contains(number)) {
                by_cause.entry(self.name(cause)).or_default().insert(operation.address.to_string());
            }
        }
        for (cause, names) in by_cause {
            let mut shown: Vec<_> = names.iter().take(NAMES_MAX).cloned().collect();
            if names.len() > NAMES_MAX {
                shown.push(format!("and {} more", names.len() - NAMES_MAX));
            }
            let summary = format!("not begun, because {cause} failed: {}", shown.join(", "));
            self.messages.borrow_mut().push(Diagnostic::warning(code::engine::SKIPPED, summary));
        }
    }

    fn operations(&self, ended: &[Ended], wanted: Ended) -> BTreeSet<usize> {
        let steps = ended.iter().enumerate().filter(|(_, ended)| **ended == wanted);
        steps.filter_map(|(step, _)| self.operation_of(step)).collect()
    }

    /// The number of the operation that a step does or is a part of, if it is one of an operation.
    fn operation_of(&self, step: usize) -> Option<usize> {
        match self.plan.steps.dag.get(step) {
            Step::Operate(operation, _) => Some(*operation),
            _ => None,
        }
    }

    /// The steps that were never begun, each with the first that failed of those that it waits for.
    fn causes(&self, ended: &[Ended]) -> Vec<(usize, usize)> {
        let dag = &self.plan.steps.dag;
        let mut cause: Vec<Option<usize>> = vec![None; dag.len()];
        let mut skipped = Vec::new();
        for step in dag.order().unwrap_or_default() {
            let found = match ended.get(step) {
                Some(Ended::Failed) => Some(step),
                Some(Ended::Skipped) => {
                    let before = dag.dependencies(step);
                    before.filter_map(|before| cause.get(before).copied().flatten()).min()
                }
                _ => None,
            };
            if let (Some(found), Some(Ended::Skipped)) = (found, ended.get(step)) {
                skipped.push((step, found));
            }
            if let Some(slot) = cause.get_mut(step) {
                *slot = found;
            }
        }
        skipped
    }

    fn name(&self, step: usize) -> String {
        match self.plan.steps.dag.get(step) {
            Step::Operate(number, _) => {
                let operation = self.plan.operations.get(*number);
                operation.map_or_else(String::new, |operation| operation.address.to_string())
            }
            Step::Evaluate(node) | Step::Settle(node) => node.describe(self.tree).name,
            Step::Join => "something before it".to_owned(),
        }
    }
}
