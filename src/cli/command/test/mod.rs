//! `mlo test`

mod open;
mod tell;

use crate::cli::args::{Global, Test};
use crate::cli::exit::Exit;
use crate::cli::heartbeat;
use crate::cli::interrupt::Interrupt;
use crate::cli::judging::{self, Recheck};
use crate::cli::lock::interrupted;
use crate::cli::screen::Screen;
use crate::cli::session;
use crate::lang::value::Value;
use crate::plan::{Kind, Operation, Plan};
use crate::policy::{Approved, Denial, Early, Gates as Policies, PolicyError, Verdict};
use crate::test::{Asked, Event, Status, Tester};
use open::Opened;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use tell::Telling;

pub(in crate::cli) fn run(options: &Test, _: &Global, screen: &mut Screen) -> Exit {
    let (opened, messages) = match Opened::read(options, screen) {
        Ok(opened) => opened,
        Err(failed) => {
            let telling = Telling::new(options, &failed.sources, screen);
            telling.begin(&[]);
            telling.messages(&failed.messages);
            return Exit::Error;
        }
    };
    let telling = Telling::new(options, &opened.sources, screen);
    telling.begin(&opened.files);
    telling.messages(&messages);
    let runtime = match session::runtime() {
        Ok(runtime) => runtime,
        Err(messages) => {
            telling.messages(&messages);
            return Exit::Error;
        }
    };
    let (status, stopped) = runtime.block_on(carry_out(options, &opened, &telling));
    let exit = match (status, stopped) {
        (_, Some(exit)) => exit,
        (Some(Status::Fail | Status::Error), None) => Exit::Error,
        _ => Exit::Done,
    };
    telling.end(status, exit)
}

/// Runs the tests. The worst of how they came out, and the end if they were interrupted.
async fn carry_out(options: &Test, opened: &Opened, telling: &Telling<'_>) -> (Option<Status>, Option<Exit>) {
    let interrupt = Interrupt::listen_to_end(telling.last_words());
    let gates = Gates { opened, gate: RefCell::default(), rechecks: RefCell::default() };
    let judge = |plan: Plan, asked: Asked<'_>| gates.judge(plan, asked);
    let ask_again = |approved: &Approved, change: (&Operation, &Value), asked: Asked<'_>| {
        gates.judge_again(approved, change, asked)
    };
    let observe = |event: Event<'_>| telling.event(event);
    let tester = Tester {
        config: opened.project.config.clone(),
        context: &opened.context,
        folder_inputs: &opened.folder_inputs,
        manifests: &opened.manifest_values,
        providers: &opened.providers,
        surroundings: &opened.surroundings,
        dice: Arc::new(session::random_bytes),
        parallelism: usize::from(options.parallelism),
        gate: &judge,
        ask_again: &ask_again,
        interrupt: interrupt.receiver(),
        observe: &observe,
    };
    let status = heartbeat::beside(tester.run(&opened.files), || telling.heartbeat()).await;
    (status, interrupt.signal().map(|_| interrupted(&interrupt)))
}

/// The gate of a run of tests, made when it is first needed.
struct Gates<'t> {
    opened: &'t Opened,
    gate: RefCell<Option<Policies>>,
    /// What is asked again, by the numbers of plans.
    rechecks: RefCell<BTreeMap<u64, Recheck>>,
}

impl Gates<'_> {
    /// What the policies say. A change of an object passes the gate in a test as anywhere; where something stands in for
    /// all of them, nothing changes, and no manifest is asked about.
    fn judge(&self, plan: Plan, asked: Asked<'_>) -> Verdict {
        let judged = self.asked(plan.kind, asked);
        match self.with_gate(|gate| judged.judge(plan, false, gate)) {
            Ok(verdict) => verdict,
            Err(error) => Verdict::Denied(Denial::from(error)),
        }
    }

    /// What they say of a change once all of it is known.
    fn judge_again(
        &self,
        approved: &Approved,
        (operation, value): (&Operation, &Value),
        asked: Asked<'_>,
    ) -> Result<(), Box<Denial>> {
        if !asked.is_real {
            return Ok(());
        }
        let judged = self.asked(approved.plan().kind, asked);
        let mut rechecks = self.rechecks.borrow_mut();
        let recheck = rechecks.entry(approved.number()).or_insert_with(|| Recheck::of(approved));
        let said = self.with_gate(|gate| judged.judge_again(approved, (operation, value), recheck, gate));
        said.map_err(|error| Box::new(Denial::from(error)))?.map(drop)
    }

    fn asked<'a>(&'a self, kind: Kind, asked: Asked<'a>) -> judging::Asked<'a> {
        let named = asked.manifest.and_then(|name| self.opened.manifests.get(name));
        judging::Asked {
            sources: &self.opened.sources,
            context: asked.context,
            manifests: named.unwrap_or(&self.opened.project.manifests),
            judges_models: kind == Kind::Apply && asked.is_real,
            is_real: asked.is_real,
        }
    }

    fn with_gate<T>(&self, then: impl FnOnce(&mut Policies) -> T) -> Result<T, PolicyError> {
        let mut gate = self.gate.borrow_mut();
        if let Some(gate) = &mut *gate {
            return Ok(then(gate));
        }
        let setting = judging::setting(&self.opened.environment);
        let bundles = self.opened.bundles.clone();
        Ok(then(gate.insert(judging::gate(bundles, &setting, Early::default())?)))
    }
}
