//! One run: what it needs is found, it is planned, applied if it says so, and looked at.

use super::expect::{Expectations, Sorted};
use super::inputs::RunInputs;
use super::names::{AssertionNames, TestNames};
use super::stand_ins::Finder;
use super::{Asked, Event, Outcome, Shown, State, Status, Testing, state_key};
use crate::apply::{Applied, Applier};
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::graph::ModuleTree;
use crate::lang::config::{Condition, Module};
use crate::lang::eval::with_values;
use crate::lang::load::check_beside;
use crate::lang::suite::{Run, RunCommand};
use crate::lang::value::Value;
use crate::plan::{
    AddressPattern, CheckStatus, Checks, Connections, Context, Examination, Kind, Operation, Plan,
    PlanResult, Planner, Requests, StandIns, Values,
};
use crate::policy::{Approved, Verdict};
use data_encoding::HEXLOWER;
use mlo_state::{Address, Guard, Holder, Loaded, MemoryStore, Snapshot, Store, StoreError};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// A configuration, and all that its values depend on.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) config: Arc<Module>,
    pub(super) context: Context,
    /// The file of manifests that the test names.
    pub(super) manifest: Option<Arc<str>>,
}

/// What a run is looked at with.
struct Looked<'l> {
    tree: &'l ModuleTree<'l>,
    ready: &'l Ready,
    variables: &'l BTreeMap<Arc<str>, Value>,
}

impl Testing<'_, '_> {
    pub(super) async fn execute(&self, number: usize, run: &Run) -> Outcome {
        let (ready, variables, mut messages) = match self.prepare(run) {
            Ok(prepared) => prepared,
            Err(messages) => return Outcome::failed(messages),
        };
        let tree = ModuleTree::new(&ready.config);
        let expectations = Expectations { tree: &tree, expected: &run.expected };
        let wrong = expectations.check();
        if wrong.has_errors() {
            messages.extend(wrong);
            return Outcome::failed(messages);
        }
        let looked = Looked { tree: &tree, ready: &ready, variables: &variables };
        let mut outcome = match self.carry_out((number, run), &ready, &expectations).await {
            Ok((values, shown, said)) => {
                messages.extend(said);
                let mut outcome = self.look(run, &looked, values);
                outcome.shown = shown;
                outcome
            }
            Err(failed) => Outcome::failed(failed),
        };
        messages.extend(std::mem::take(&mut outcome.messages));
        outcome.messages = messages;
        outcome
    }

    /// A run's module, and what its values depend on; `var` as the file sees it; warnings.
    #[expect(clippy::type_complexity, reason = "three things that are found together, once")]
    fn prepare(
        &self,
        run: &Run,
    ) -> Result<(Arc<Ready>, BTreeMap<Arc<str>, Value>, Diagnostics), Diagnostics> {
        let own = run.module.as_ref().map(|(_, module)| module.clone());
        let config = own.unwrap_or_else(|| self.tester.config.clone());
        let RunInputs { variables, inputs, mut messages } = self.inputs(run, &config)?;
        let tree = ModuleTree::new(&config);
        let (found, said) = (StandIns::default(), Diagnostics::new());
        let mut finder = Finder { testing: self, variables: &variables, tree: &tree, found, messages: said };
        finder.find(run);
        let Finder { found: stand_ins, messages: said, .. } = finder;
        messages.extend(said);
        if messages.has_errors() {
            return Err(messages);
        }
        let manifest = run.settings.manifest.as_ref().or(self.file.settings.manifest.as_ref());
        let manifest = manifest.map(|(name, _)| name.clone());
        let named = manifest.as_ref().and_then(|name| self.tester.manifests.get(name)).cloned();
        let manifests = named.unwrap_or_else(|| self.tester.context.manifests.clone());
        let context = Context { manifests, inputs, stand_ins, ..self.tester.context.clone() };
        Ok((Arc::new(Ready { config, context, manifest }), variables, messages))
    }

    /// Plans, and applies if the run says so. What its values are then, what is shown of it, and warnings.
    async fn carry_out(
        &self,
        (number, run): (usize, &Run),
        ready: &Arc<Ready>,
        expectations: &Expectations<'_>,
    ) -> Result<(Values, Shown, Diagnostics), Diagnostics> {
        let key = state_key(run);
        let store = self.store(&key);
        let loaded = store.read().await.map_err(|error| internal(&error))?;
        let snapshot = self.snapshot(&loaded);
        let kind = if run.options.refresh_only { Kind::Refresh } else { Kind::Apply };
        let requests = requests(run)?;
        let (made, said) = self.plan(ready, (kind, run.options.refresh, &requests), &snapshot).await;
        let nothing = Checks::default();
        let checks = match &made {
            Ok((plan, _)) => &plan.checks,
            Err(partial) => partial.found().map_or(&nothing, |found| &found.checks),
        };
        let is_plan = run.command == RunCommand::Plan;
        // Whether what is expected came is told of the plan where that is all, or all that came of it.
        let all = (is_plan || made.is_err()).then(|| expectations.missing(checks, true));
        let mut said = sorted(expectations.sort(said, checks), !is_plan && made.is_err(), all)?;
        let (plan, connections) = match made {
            Ok((plan, _)) if is_plan => {
                return Ok((plan.values.clone(), Shown::Plan(Box::new(plan)), said));
            }
            Ok(made) => made,
            Err(partial) => {
                let values = partial.found().map(|found| found.values.clone()).unwrap_or_default();
                return Ok((values, Shown::Nothing, said));
            }
        };
        self.states.borrow_mut().entry(key).and_modify(|state| state.last = Some((number, ready.clone())));
        let approved = self.approved(plan, ready)?;
        let applied =
            self.apply(&approved, ready, (&store, loaded.next_operation, snapshot), connections).await?;
        let Applied { mut messages, checks, values, snapshot, interrupted, denied, .. } = applied;
        for denied in &denied {
            messages.extend(denied.denial.diagnostics());
        }
        let missing = (!interrupted).then(|| expectations.missing(&checks, false));
        said.extend(sorted(expectations.sort(messages, &checks), false, missing)?);
        if interrupted {
            let error = Diagnostic::error(code::engine::SKIPPED, "interrupted before all was done");
            return Err(error.into());
        }
        Ok((values, Shown::State(Box::new(snapshot)), said))
    }

    /// The state of a key.
    fn store(&self, key: &Arc<str>) -> MemoryStore {
        let mut states = self.states.borrow_mut();
        let new = || State { store: MemoryStore::new(), last: None };
        states.entry(key.clone()).or_insert_with(new).store.clone()
    }

    /// What a state holds, or nothing yet.
    pub(super) fn snapshot(&self, loaded: &Loaded) -> Snapshot {
        let new = || Snapshot::empty(HEXLOWER.encode(&(self.tester.dice)()));
        loaded.snapshot.clone().unwrap_or_else(new)
    }

    pub(super) async fn plan(
        &self,
        ready: &Ready,
        (kind, refresh, requests): (Kind, bool, &Requests),
        snapshot: &Snapshot,
    ) -> PlanResult {
        let planner = Planner {
            config: ready.config.clone(),
            context: &ready.context,
            providers: self.tester.providers,
            surroundings: self.tester.surroundings,
            snapshot,
            kind,
            refresh,
            parallelism: self.tester.parallelism,
            requests,
        };
        let (made, said) = planner.run().await;
        let plan = match &made {
            Ok((plan, _)) => Some(plan),
            Err(partial) => partial.found(),
        };
        if let Some(plan) = plan {
            (self.tester.observe)(Event::Planned(plan));
        }
        (made, said)
    }

    /// What the gate says of a plan.
    pub(super) fn approved(&self, plan: Plan, ready: &Ready) -> Result<Approved, Diagnostics> {
        let stand_ins = &ready.context.stand_ins;
        let mut changes = plan.operations.iter().filter(|operation| operation.is_change());
        let is_real = changes.any(|operation| !stand_ins.stands_in(&operation.address, &operation.provider));
        let asked = Asked { context: &ready.context, is_real, manifest: ready.manifest.as_deref() };
        match (self.tester.gate)(plan, asked) {
            Verdict::Approved(approved) => Ok(approved),
            Verdict::Denied(denial) => Err(denial.diagnostics()),
        }
    }

    /// Carries out a plan against a state.
    pub(super) async fn apply(
        &self,
        approved: &Approved,
        ready: &Ready,
        (store, next_operation, snapshot): (&MemoryStore, u64, Snapshot),
        connections: Connections,
    ) -> Result<Applied, Diagnostics> {
        let guard = store.lock(&holder()).await.map_err(|error| internal(&error))?;
        let stand_ins = &ready.context.stand_ins;
        let operations = approved.plan().operations.iter();
        let made_up: HashSet<&Address> = operations
            .filter(|operation| stand_ins.stands_in(&operation.address, &operation.provider))
            .map(|operation| &operation.address)
            .collect();
        let observe = |event: crate::apply::Event<'_>| {
            let (crate::apply::Event::Started { address, .. }
            | crate::apply::Event::Finished { address, .. }
            | crate::apply::Event::Failed { address, .. }) = event;
            (self.tester.observe)(Event::Call(event, !made_up.contains(address)));
        };
        let ask_again = |operation: &Operation, value: &Value| {
            let is_real = !stand_ins.stands_in(&operation.address, &operation.provider);
            let asked = Asked { context: &ready.context, is_real, manifest: ready.manifest.as_deref() };
            (self.tester.ask_again)(approved, (operation, value), asked)
        };
        let applier = Applier {
            context: &ready.context,
            providers: self.tester.providers,
            connections,
            surroundings: self.tester.surroundings,
            guard: guard.as_ref() as &dyn Guard,
            snapshot,
            next_operation,
            parallelism: self.tester.parallelism,
            interrupt: self.interrupt_for(approved.plan().kind),
            observe: &observe,
            ask_again: &ask_again,
        };
        let ended = applier.run(approved).await.map_err(|halted| {
            let mut messages = halted.messages;
            messages.extend(internal(&halted.error));
            messages
        });
        guard.release().await.map_err(|error| internal(&error))?;
        let ended = ended?;
        (self.tester.observe)(Event::Applied(&ended));
        Ok(ended)
    }

    /// Looks at what a run came to.
    fn look(&self, run: &Run, looked: &Looked<'_>, values: Values) -> Outcome {
        let Looked { tree, ready, variables } = looked;
        let examination = Examination::new(tree, &ready.context, values);
        let outputs = examination.outputs();
        let mut messages = Diagnostics::new();
        let (mut failed, mut wrong) = (0, false);
        {
            let runs = self.outputs.borrow();
            let names = TestNames { file: self.file, variables, runs: &runs };
            let is_own = |name: &str| ready.config.variables.contains_key(name);
            let names = AssertionNames { names, outputs: &outputs, is_own: &is_own };
            for assertion in &run.assertions {
                let unknown_names = names_of(&ready.config, assertion, &names);
                if unknown_names.has_errors() {
                    wrong = true;
                    messages.extend(unknown_names);
                    continue;
                }
                let judged = examination.judge(assertion, &names, code::engine::ASSERTION);
                match judged.checked.status {
                    CheckStatus::Pass => {}
                    CheckStatus::Fail => failed += 1,
                    CheckStatus::Error => wrong = true,
                    CheckStatus::Unknown => {
                        wrong = true;
                        let error = not_known(assertion, run.command);
                        messages.push(with_values(error, &assertion.condition, &examination.scope(&names)));
                    }
                }
                messages.extend(judged.messages);
            }
        }
        self.outputs.borrow_mut().insert(run.name.name.clone(), outputs);
        let status = match (wrong, failed) {
            (true, _) => Status::Error,
            (false, 0) => Status::Pass,
            (false, _) => Status::Fail,
        };
        Outcome {
            status,
            messages,
            assertions: (failed, run.assertions.len()),
            shown: Shown::Nothing,
            skipped: None,
        }
    }
}

/// What was said, if nothing of it is an error that nobody expected, and nothing is missing. A failure that was expected
/// and kept an apply from being done is an error.
fn sorted(
    sorted: Sorted,
    is_stopped: bool,
    missing: Option<Diagnostics>,
) -> Result<Diagnostics, Diagnostics> {
    let Sorted { mut unexpected, expected } = sorted;
    unexpected.extend(missing.unwrap_or_default());
    if unexpected.has_errors() {
        return Err(unexpected);
    }
    if is_stopped && !expected.is_empty() {
        let summary = "an expected failure came while the run was planned, so that it was not applied";
        let error = Diagnostic::error(code::engine::EXPECTED, summary);
        unexpected.push(error.help("to expect it of the plan alone, write `command = plan`"));
        unexpected.extend(expected);
        return Err(unexpected);
    }
    Ok(unexpected)
}

/// Names in an assertion that stand for nothing.
fn names_of(module: &Module, assertion: &Condition, names: &AssertionNames<'_>) -> Diagnostics {
    let knows = |root: &str, second: Option<&str>| names.knows(root, second);
    let mut messages = check_beside(module, &assertion.condition, &knows);
    messages.extend(check_beside(module, &assertion.message, &knows));
    messages
}

fn not_known(assertion: &Condition, command: RunCommand) -> Diagnostic {
    let error =
        Diagnostic::error(code::engine::ASSERTION_UNKNOWN, "an assertion depends on what is not known");
    let error = error.at(assertion.condition.span, "this is not known");
    match command {
        RunCommand::Plan => error
            .help("only applying will tell: let the run apply, or take this out")
            .help("a stand-in can have the value known when a plan is made: `override_during = plan`"),
        RunCommand::Apply => error,
    }
}

/// What a run asks for of parts of the configuration.
fn requests(run: &Run) -> Result<Requests, Diagnostics> {
    let mut wrong = Diagnostics::new();
    let targets = run.options.targets.iter().map(AddressPattern::from).collect();
    let mut replace: Vec<Address> = Vec::new();
    for place in &run.options.replace {
        if let Ok(address) = AddressPattern::from(place).to_string().parse() {
            replace.push(address);
            continue;
        }
        let error =
            Diagnostic::error(code::engine::NO_PART, "only an instance of a resource can be replaced");
        wrong.push(error.at(place.span, "expected `type.name` or `type.name[0]`"));
    }
    let requests = Requests { targets, replace, ..Requests::default() };
    if wrong.has_errors() { Err(wrong) } else { Ok(requests) }
}

/// A state in memory is nobody else's.
pub(super) fn holder() -> Holder {
    let text = String::new;
    Holder { id: text(), operation: "test".to_owned(), who: text(), pid: 0, since: text(), run_url: None }
}

pub(super) fn internal(error: &StoreError) -> Diagnostics {
    Diagnostic::error(code::engine::INTERNAL, format!("the state of a test: {error}")).into()
}
