//! Failures that a run expects: those that came are no errors, and those that did not are.

use crate::diag::{Code, Diagnostic, Diagnostics, Severity, Span, code};
use crate::graph::ModuleTree;
use crate::lang::config::Condition;
use crate::lang::suite::{Expected, ExpectedOf};
use crate::plan::{AddressPattern, CheckStatus, Checkable, CheckedAt, Checks};
use mlo_state::{Address, BlockAddress, ModuleAddress};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a plan or an apply said, sorted.
pub(super) struct Sorted {
    /// What nobody expected; a `check` block that does not hold is an error.
    pub(super) unexpected: Diagnostics,
    /// Failures that were expected.
    pub(super) expected: Diagnostics,
}

/// Codes of conditions that do not hold.
const CODES: [Code; 4] =
    [code::engine::VALIDATION, code::engine::PRECONDITION, code::engine::POSTCONDITION, code::engine::CHECK];

/// The failures that a run of a module expects.
pub(super) struct Expectations<'e> {
    pub(super) tree: &'e ModuleTree<'e>,
    pub(super) expected: &'e [Expected],
}

impl Expectations<'_> {
    /// Names that stand for nothing.
    pub(super) fn check(&self) -> Diagnostics {
        let mut messages = Diagnostics::new();
        let root = self.tree.module(0);
        for each in self.expected {
            let (exists, name, known): (bool, String, Vec<String>) = match &each.of {
                ExpectedOf::Variable(name) => (
                    root.variables.contains_key(name),
                    format!("var.{name}"),
                    root.variables.keys().map(|it| format!("var.{it}")).collect(),
                ),
                ExpectedOf::Output(name) => (
                    root.outputs.contains_key(name),
                    format!("output.{name}"),
                    root.outputs.keys().map(|it| format!("output.{it}")).collect(),
                ),
                ExpectedOf::Check(name) => (
                    root.checks.contains_key(name),
                    format!("check.{name}"),
                    root.checks.keys().map(|it| format!("check.{it}")).collect(),
                ),
                ExpectedOf::Resource(place) => {
                    let modules: Vec<_> = place.modules.iter().map(|step| step.name.clone()).collect();
                    let module = self.tree.find(&modules).map(|id| self.tree.module(id));
                    let exists = place.resource.as_ref().is_some_and(|(key, _)| {
                        module.is_some_and(|module| module.resources.contains_key(key))
                    });
                    let known = self.tree.ids().flat_map(|id| {
                        let keys = self.tree.module(id).resources.keys();
                        keys.map(|key| self.tree.block(id, key).to_string()).collect::<Vec<_>>()
                    });
                    (exists, AddressPattern::from(place).to_string(), known.collect())
                }
            };
            if !exists {
                let summary = format!("the module under test has no `{name}`");
                let error = Diagnostic::error(code::engine::EXPECTED, summary).at(each.span, "");
                messages.push(error.did_you_mean(&name, known.iter().map(String::as_str)));
            }
        }
        messages
    }

    /// Sorts what a plan or an apply said, in which conditions came out so.
    pub(super) fn sort(&self, messages: Diagnostics, checks: &Checks) -> Sorted {
        let expected = self.expected_spans(checks);
        let (mut others, mut met) = (Diagnostics::new(), Diagnostics::new());
        for mut message in messages {
            let is_condition = CODES.contains(&message.code);
            let place = message.labels.first().map(|label| label.span).filter(|_| is_condition);
            if place.is_some_and(|place| expected.contains(&place)) {
                met.push(message);
                continue;
            }
            if message.code == code::engine::CHECK {
                message.severity = Severity::Error;
            }
            others.push(message);
        }
        Sorted { unexpected: others, expected: met }
    }

    /// What was expected, and did not fail.
    pub(super) fn missing(&self, checks: &Checks, can_apply: bool) -> Diagnostics {
        let mut messages = Diagnostics::new();
        for each in self.expected {
            let mut worst = CheckStatus::Pass;
            let mut failed = false;
            for (of, instances) in checks.all() {
                for (at, checked) in instances {
                    if is_meant(each, of, at) {
                        failed |= !checked.problems.is_empty();
                        worst = worst.max(checked.status);
                    }
                }
            }
            if failed || worst > CheckStatus::Unknown {
                continue;
            }
            let error = if worst == CheckStatus::Unknown {
                let summary = "an expected failure cannot be told yet: a condition is not known";
                let error = Diagnostic::error(code::engine::EXPECTED, summary).at(each.span, "expected here");
                if can_apply { error.help("let the run apply: `command = apply`") } else { error }
            } else {
                Diagnostic::error(code::engine::EXPECTED, "an expected failure did not come")
                    .at(each.span, "all its conditions hold")
            };
            messages.push(error);
        }
        messages
    }

    /// The places of the conditions that are expected not to hold. Of a block, only if all of its instances that fail are
    /// expected to: a message does not tell them apart.
    fn expected_spans(&self, checks: &Checks) -> BTreeSet<Span> {
        let mut spans = BTreeSet::new();
        for (of, instances) in checks.all() {
            let mut failing = instances.iter().filter(|(_, checked)| !checked.problems.is_empty()).peekable();
            let is_expected = |at: &CheckedAt| self.expected.iter().any(|each| is_meant(each, of, at));
            if failing.peek().is_some() && failing.all(|(at, _)| is_expected(at)) {
                spans.extend(self.conditions(of));
            }
        }
        spans
    }

    fn conditions(&self, of: &Checkable) -> Vec<Span> {
        let module = |path: &[Arc<str>]| self.tree.find(path).map(|id| self.tree.module(id));
        let conditions: Vec<&Condition> = match of {
            Checkable::Check(path, name) => {
                let check = module(path).and_then(|module| module.checks.get(name));
                check.into_iter().flat_map(|check| &check.assertions).collect()
            }
            Checkable::Output(path, name) => {
                let output = module(path).and_then(|module| module.outputs.get(name));
                output.into_iter().flat_map(|output| &output.preconditions).collect()
            }
            Checkable::Variable(path, name) => {
                let variable = module(path).and_then(|module| module.variables.get(name));
                variable.into_iter().flat_map(|variable| &variable.validations).collect()
            }
            Checkable::Resource(block) => {
                let BlockAddress { mode, type_name, name, .. } = block.clone();
                let key = crate::lang::config::ResourceKey { mode, type_name, name };
                let resource = module(&block.module).and_then(|module| module.resources.get(&key));
                let lifecycle = resource.map(|resource| &resource.lifecycle);
                lifecycle
                    .into_iter()
                    .flat_map(|it| it.preconditions.iter().chain(&it.postconditions))
                    .collect()
            }
        };
        conditions.into_iter().map(|condition| condition.condition.span).collect()
    }
}

/// Whether an instance of something that has conditions is what is expected to fail.
fn is_meant(expected: &Expected, of: &Checkable, (module, key): &CheckedAt) -> bool {
    match (&expected.of, of) {
        (ExpectedOf::Variable(name), Checkable::Variable(path, other))
        | (ExpectedOf::Output(name), Checkable::Output(path, other))
        | (ExpectedOf::Check(name), Checkable::Check(path, other)) => path.is_empty() && name == other,
        (ExpectedOf::Resource(place), Checkable::Resource(block)) => {
            AddressPattern::from(place).covers(&address(module, block, key.as_ref()))
        }
        _ => false,
    }
}

fn address(module: &ModuleAddress, block: &BlockAddress, key: Option<&mlo_state::Key>) -> Address {
    let BlockAddress { mode, type_name, name, .. } = block.clone();
    Address { module: module.clone(), mode, type_name, name, key: key.cloned() }
}
