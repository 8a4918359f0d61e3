//! `mlo test`

mod open;
mod tell;

use crate::cli::args::{Global, Test};
use crate::cli::exit::Exit;
use crate::cli::heartbeat;
use crate::cli::interrupt::Interrupt;
use crate::cli::judging;
use crate::cli::lock::interrupted;
use crate::cli::screen::Screen;
use crate::cli::session;
use crate::plan::{Kind, Plan};
use crate::policy::{Denial, Gate, Verdict};
use crate::test::{Asked, Event, Status, Tester};
use open::Opened;
use std::cell::RefCell;
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
    let gate = RefCell::new(None);
    let judge = |plan: Plan, asked: Asked<'_>| judge(options, opened, &gate, plan, asked);
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
        interrupt: interrupt.receiver(),
        observe: &observe,
    };
    let status = heartbeat::beside(tester.run(&opened.files), || telling.heartbeat()).await;
    (status, interrupt.signal().map(|_| interrupted(&interrupt)))
}

/// What the policies say. A change of an object passes the gate in a test as anywhere; where something stands in for
/// all of them, nothing changes, and no manifest is asked about.
fn judge(
    options: &Test,
    opened: &Opened,
    gate: &RefCell<Option<Gate>>,
    plan: Plan,
    asked: Asked<'_>,
) -> Verdict {
    let mut gate = gate.borrow_mut();
    let gate = match &mut *gate {
        Some(gate) => gate,
        empty @ None => match judging::gate(&options.source, judging::setting(&opened.context.environment)) {
            Ok(made) => empty.insert(made),
            Err(error) => return Verdict::Denied(Denial::from(error)),
        },
    };
    let named = asked.manifest.and_then(|name| opened.manifests.get(name));
    let manifests = named.unwrap_or(&opened.project.manifests);
    let judged = judging::Asked {
        sources: &opened.sources,
        context: &opened.context,
        manifests,
        judges_models: plan.kind == Kind::Apply && asked.is_real,
        is_real: asked.is_real,
    };
    judged.judge(plan, gate)
}
