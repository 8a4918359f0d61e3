//! Rules in the hands of the process that evaluates, to be asked anything: what `mlo policy` does.
//!
//! Goes in: a bundle with its tests, and questions. Comes out: answers. Never happens: a test that ends the process takes
//! the others with it.

use super::child::{Child, Program};
use super::wire::{Covered, Fault, Reply, Request, Row, TestRule, Tested};
use super::{Bundle, PolicyError};
use serde_json::Value as Json;

/// A bundle that was loaded.
pub struct Loaded {
    child: Child,
    open: Request,
    program: Program,
    tests: Vec<TestRule>,
    /// Whether the process ended, and the next question needs another.
    is_gone: bool,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").field("tests", &self.tests.len()).finish_non_exhaustive()
    }
}

/// How a test came out.
#[derive(Debug)]
pub struct TestOutcome {
    /// The value of the rule; nothing if it is undefined. It passes if it is true.
    pub value: Option<Json>,
    /// What it printed.
    pub prints: Vec<String>,
    /// Why it has no value, if it failed.
    pub failure: Option<PolicyError>,
}

/// What a query found.
#[derive(Debug)]
pub struct Answered {
    /// Each way in which the query holds.
    pub rows: Vec<Row>,
    /// What was printed.
    pub prints: Vec<String>,
}

/// What is being done while rules are read.
const READING: &str = "reading the bundle";

/// A process that was started, and has no rules yet.
pub struct Ready(Child, Program);

impl Ready {
    /// Starts it.
    ///
    /// # Errors
    /// If that fails.
    pub fn start(program: Program) -> Result<Self, PolicyError> {
        Child::start(&program).map(|child| Self(child, program))
    }

    /// Has it compile a bundle, its tests included. `covers` has it kept which lines are evaluated.
    pub fn read(self, bundle: &Bundle, covers: bool) -> Reading {
        let open = Request::Open { rules: all_rules(bundle), data: bundle.data.clone(), covers };
        let Self(child, program) = self;
        child.request(&open, None);
        Reading { child, open, program }
    }
}

/// A bundle that is being compiled.
pub struct Reading {
    child: Child,
    open: Request,
    program: Program,
}

impl Reading {
    /// Waits for its end.
    ///
    /// # Errors
    /// If the bundle is refused or does not compile.
    pub fn finish(self) -> Result<Loaded, PolicyError> {
        let Self { mut child, open, program } = self;
        let tests = tests(&mut child)?;
        Ok(Loaded { child, open, program, tests, is_gone: false })
    }
}

impl Loaded {
    /// Has a bundle compiled, its tests included. `covers` has it kept which lines are evaluated.
    pub fn open(bundle: &Bundle, covers: bool, program: &Program) -> Result<Self, PolicyError> {
        Ready::start(program.clone())?.read(bundle, covers).finish()
    }

    /// All that is wrong with a bundle, or could be better.
    pub fn check(bundle: &Bundle, program: &Program) -> Result<Vec<PolicyError>, PolicyError> {
        let mut child = Child::start(program)?;
        child.request(&Request::Check { rules: all_rules(bundle), data: bundle.data.clone() }, None);
        match child.reply(READING)? {
            Reply::Checked(faults) => {
                Ok(faults.into_iter().map(|fault| fault.about("", "", READING)).collect())
            }
            other => Err(unexpected(other, "the bundle", READING)),
        }
    }

    /// The tests, by file and line.
    pub fn tests(&self) -> &[TestRule] {
        &self.tests
    }

    /// Evaluates one test.
    pub fn test(&mut self, test: &TestRule) -> TestOutcome {
        let during = format!("running `{}`", test.path);
        let request = Request::Test { path: test.path.clone() };
        match self.asked(&request, None, &during) {
            Ok(Reply::Tested(Tested { value, prints, fault })) => {
                let failure = fault.map(|fault| about_query(fault, &test.path, &during));
                TestOutcome { value, prints, failure }
            }
            Ok(other) => failed(unexpected(other, &test.path, &during)),
            Err(error) => failed(error),
        }
    }

    /// Answers a query about an input, which is JSON, or about none.
    pub fn eval(&mut self, query: &str, input: Option<String>) -> Result<Answered, PolicyError> {
        let during = "answering the query";
        let input = input.unwrap_or_default();
        match self.asked(&Request::Eval { query: query.to_owned() }, Some(input), during)? {
            Reply::Rows { rows, prints } => Ok(Answered { rows, prints }),
            other => Err(unexpected(other, "the query", during)),
        }
    }

    /// Which lines were evaluated, and which not.
    pub fn covered(&mut self) -> Result<Vec<Covered>, PolicyError> {
        let during = "counting what was evaluated";
        match self.asked(&Request::Coverage, None, during)? {
            Reply::Covered(files) => Ok(files),
            other => Err(unexpected(other, "the bundle", during)),
        }
    }

    fn asked(
        &mut self,
        request: &Request,
        input: Option<String>,
        during: &str,
    ) -> Result<Reply, PolicyError> {
        if self.is_gone {
            self.child = Child::start(&self.program)?;
            self.child.request(&self.open, None);
            tests(&mut self.child)?;
            self.is_gone = false;
        }
        self.child.request(request, input);
        let reply = self.child.reply(during);
        self.is_gone = reply.is_err();
        reply
    }
}

fn all_rules(bundle: &Bundle) -> std::collections::BTreeMap<String, String> {
    bundle.rules.iter().chain(&bundle.tests).map(|(name, text)| (name.clone(), text.clone())).collect()
}

/// The tests of the bundle that is being read.
fn tests(child: &mut Child) -> Result<Vec<TestRule>, PolicyError> {
    match child.reply(READING)? {
        Reply::Opened { tests } => Ok(tests),
        other => Err(unexpected(other, "the bundle", READING)),
    }
}

fn failed(error: PolicyError) -> TestOutcome {
    TestOutcome { value: None, prints: Vec::new(), failure: Some(error) }
}

fn unexpected(reply: Reply, what: &str, during: &str) -> PolicyError {
    match reply {
        Reply::Fault(fault) => about_query(fault, what, during),
        _ => PolicyError::EngineFailed {
            during: during.to_owned(),
            reason: "it answered what was not asked".to_owned(),
        },
    }
}

/// A fault of something that is no rule of the gate.
fn about_query(fault: Fault, what: &str, during: &str) -> PolicyError {
    match fault {
        Fault::Evaluation { reason } => PolicyError::Query { what: what.to_owned(), reason },
        other => other.about(what, "", during),
    }
}
