//! Runs the tests of a configuration: plans and applies against states in memory, which are taken away at the end.
//!
//! Goes in: files of tests, a configuration, providers, the gate. Comes out: what became of each run, as it happens.
//! Never happens: a change of the project's own state, or a change of an object that the gate did not let through.

mod expect;
mod inputs;
mod names;
mod run;
mod stand_ins;
mod teardown;

pub use names::variables_of;

use crate::apply;
use crate::diag::Diagnostics;
use crate::lang::config::Module;
use crate::lang::suite::{Run, TestFile};
use crate::lang::value::Value;
use crate::plan::{Context, Inputs, Operation, Plan};
use crate::policy::{Approved, Denial, Verdict};
use crate::provider::mock::Dice;
use crate::provider::{Provider, Surroundings};
use futures_util::future::join_all;
use mlo_state::{MemoryStore, Snapshot};
use run::Ready;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;

/// Judges a change of a plan again: the operation, and the object as it will be.
pub type AskAgain<'a> = dyn Fn(&Approved, (&Operation, &Value), Asked<'_>) -> Result<(), Box<Denial>> + 'a;

/// All that tests are run with.
pub struct Tester<'a> {
    /// The configuration under test.
    pub config: Arc<Module>,
    /// What its values depend on beside it. Its inputs are those that are given for all tests.
    pub context: &'a Context,
    /// The inputs in place of those for the files of a folder that has files of values of its own, by its name.
    pub folder_inputs: &'a BTreeMap<String, Inputs>,
    /// `manifest` where a test names files of its own, by their names.
    pub manifests: &'a BTreeMap<Arc<str>, Value>,
    /// Providers by name.
    pub providers: &'a BTreeMap<&'static str, Arc<dyn Provider>>,
    /// The machine and the run.
    pub surroundings: &'a Surroundings,
    /// Chance.
    pub dice: Dice,
    /// Provider calls at a time.
    pub parallelism: usize,
    /// Judges a plan.
    pub gate: &'a dyn Fn(Plan, Asked<'_>) -> Verdict,
    /// Judges a change of a plan again, once all of it is known.
    pub ask_again: &'a AskAgain<'a>,
    /// Becomes true when the run is interrupted.
    pub interrupt: watch::Receiver<bool>,
    /// Is told what happens.
    pub observe: &'a dyn Fn(Event<'_>),
}

/// What the gate is asked.
#[derive(Clone, Copy)]
pub struct Asked<'r> {
    /// What the values of the run depend on, its models among it.
    pub context: &'r Context,
    /// Whether objects change that nothing stands in for.
    pub is_real: bool,
    /// The file of manifests that the test names, if it does.
    pub manifest: Option<&'r str>,
}

/// What happens, as it happens.
#[derive(Clone, Copy)]
pub enum Event<'e> {
    /// A file begins.
    FileBegins(&'e TestFile),
    /// A run begins.
    RunBegins(&'e TestFile, &'e Run),
    /// A plan was made, as far as it could be.
    Planned(&'e Plan),
    /// A plan was applied.
    Applied(&'e apply::Applied),
    /// A run has ended.
    RunEnds(&'e TestFile, &'e Run, &'e Outcome),
    /// An object is made, changed or taken away in a run; the flag says whether nothing stands in for it.
    Call(apply::Event<'e>, bool),
    /// What a file made is taken away.
    Teardown(&'e TestFile),
    /// What a state has is taken away, as the run left it that used it last.
    RunTeardown(&'e TestFile, &'e Run),
    /// A file has ended: how, and what its end had to say.
    FileEnds(&'e TestFile, Status, &'e Diagnostics),
}

/// How a run or a file came out, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It was not begun.
    Skip,
    /// All holds.
    Pass,
    /// An assertion does not hold, or an expected failure did not come.
    Fail,
    /// Something went wrong, so that the runs after it are not begun.
    Error,
}

/// What became of a run.
#[derive(Debug)]
pub struct Outcome {
    /// How it came out.
    pub status: Status,
    /// What is to be said.
    pub messages: Diagnostics,
    /// Assertions that do not hold, and all of them.
    pub assertions: (usize, usize),
    /// What was planned, or the state afterwards: to be looked at.
    pub shown: Shown,
    /// Why it was not begun, if it was not.
    pub skipped: Option<Skipped>,
}

/// What a run leaves to be looked at.
#[derive(Debug)]
pub enum Shown {
    /// Nothing.
    Nothing,
    /// The plan.
    Plan(Box<Plan>),
    /// The state after the apply.
    State(Box<Snapshot>),
}

/// Why a run was not begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skipped {
    /// This run before it ended in an error.
    After(Arc<str>),
    /// All was interrupted.
    Interrupted,
}

impl Outcome {
    fn failed(messages: Diagnostics) -> Self {
        let (assertions, shown, skipped) = ((0, 0), Shown::Nothing, None);
        Self { status: Status::Error, messages, assertions, shown, skipped }
    }

    fn skipped(why: Skipped) -> Self {
        Self { status: Status::Skip, skipped: Some(why), ..Self::failed(Diagnostics::new()) }
    }
}

impl Tester<'_> {
    /// Runs files of tests, one after the other. The worst of how they came out; nothing if there are none.
    pub async fn run(&self, files: &[TestFile]) -> Option<Status> {
        let mut worst = None;
        for file in files {
            if self.interrupted() && worst.is_some() {
                break;
            }
            worst = worst.max(Some(self.run_file(file).await));
        }
        worst
    }

    fn interrupted(&self) -> bool {
        *self.interrupt.borrow()
    }

    async fn run_file(&self, file: &TestFile) -> Status {
        (self.observe)(Event::FileBegins(file));
        if file.wrong.has_errors() {
            (self.observe)(Event::FileEnds(file, Status::Error, &file.wrong));
            return Status::Error;
        }
        let testing = Testing {
            tester: self,
            file,
            states: RefCell::default(),
            outputs: RefCell::default(),
            failed: RefCell::default(),
        };
        let mut worst = Status::Pass;
        let mut next = 0;
        while next < file.runs.len() {
            let together = testing.together(next);
            let outcomes = join_all((next..next + together).map(|number| testing.one(number))).await;
            worst = outcomes.into_iter().fold(worst, Status::max);
            next += together;
        }
        (self.observe)(Event::Teardown(file));
        let messages = testing.take_away().await;
        if messages.has_errors() {
            worst = Status::Error;
        }
        (self.observe)(Event::FileEnds(file, worst, &messages));
        worst
    }
}

/// One file that is run.
struct Testing<'t, 'a> {
    tester: &'t Tester<'a>,
    file: &'t TestFile,
    states: RefCell<BTreeMap<Arc<str>, State>>,
    /// Outputs of the runs that are done, by their names.
    outputs: RefCell<BTreeMap<Arc<str>, Value>>,
    /// The run that ended in an error.
    failed: RefCell<Option<Arc<str>>>,
}

/// What the runs with one key share.
struct State {
    store: MemoryStore,
    /// The run that used it last, and with what.
    last: Option<(usize, Arc<Ready>)>,
}

impl Testing<'_, '_> {
    /// How many runs from one on go together: those that say so, have states of their own, and need nothing of each
    /// other.
    fn together(&self, first: usize) -> usize {
        let runs = self.file.runs.get(first..).unwrap_or_default();
        let mut taken: Vec<&Run> = Vec::new();
        for run in runs {
            let says_so = run.settings.parallel.or(self.file.settings.parallel).unwrap_or(false);
            let shares = taken.iter().any(|other| {
                state_key(other) == state_key(run) || names::mentions(run, self.file, &other.name.name)
            });
            if !says_so || shares {
                break;
            }
            taken.push(run);
        }
        taken.len().max(1)
    }

    async fn one(&self, number: usize) -> Status {
        let Some(run) = self.file.runs.get(number) else { return Status::Pass };
        let skipped = match self.failed.borrow().clone() {
            _ if self.tester.interrupted() => Some(Skipped::Interrupted),
            Some(failed) => Some(Skipped::After(failed)),
            None => None,
        };
        let outcome = if let Some(why) = skipped {
            Outcome::skipped(why)
        } else {
            (self.tester.observe)(Event::RunBegins(self.file, run));
            self.execute(number, run).await
        };
        if outcome.status == Status::Error {
            self.failed.borrow_mut().get_or_insert(run.name.name.clone());
        }
        (self.tester.observe)(Event::RunEnds(self.file, run, &outcome));
        outcome.status
    }
}

/// What tells whether two runs share a state: what they say, else the module that they run.
fn state_key(run: &Run) -> Arc<str> {
    let module = run.module.as_ref().map_or_else(|| Arc::from(""), |(source, _)| source.clone());
    run.state_key.clone().unwrap_or(module)
}
