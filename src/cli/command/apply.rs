//! `mlo apply`, and all of `mlo destroy` but its name.

use super::plan::{show_approval, show_denial};
use crate::apply::{Applied, Applier, settle};
use crate::cli::args::{Apply, Global};
use crate::cli::exit::Exit;
use crate::cli::interrupt::Interrupt;
use crate::cli::screen::Screen;
use crate::cli::session::{self, Session};
use crate::cli::view::progress::{Progress, summary};
use crate::cli::view::{self, Paint, json};
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::plan::{Connections, Kind};
use crate::policy::{Approved, Verdict};
use mlo_state::{Guard, Loaded, Store, StoreError};
use std::cell::RefCell;
use std::io::{BufRead, IsTerminal};
use std::time::Duration;

/// Between two attempts at a lock.
const LOCK_RETRY: Duration = Duration::from_millis(250);
/// Between two lines that say that something still goes on: for those who watch, and for the logs of a pipeline.
const HEARTBEAT_TERMINAL: Duration = Duration::from_secs(10);
const HEARTBEAT_LOG: Duration = Duration::from_secs(15);

pub(in crate::cli) fn run(options: &Apply, _: &Global, screen: &mut Screen) -> Exit {
    carry_out(options, Kind::Apply, screen)
}

/// Why a run ended before its end.
enum Stop {
    Failed(Diagnostics, Exit),
    /// What there was to say is said.
    Ended(Exit),
}

impl From<Diagnostics> for Stop {
    fn from(messages: Diagnostics) -> Self {
        Self::Failed(messages, Exit::Error)
    }
}

pub(super) fn carry_out(options: &Apply, kind: Kind, screen: &mut Screen) -> Exit {
    let as_json = options.source.json;
    let (session, messages) = match Session::open(&options.source, kind, screen) {
        Ok(opened) => opened,
        Err(failed) => return session::fail(screen, as_json, &failed, Exit::Error),
    };
    if !as_json {
        screen.report(&messages, &session.sources);
    }
    let result = match session::runtime() {
        Ok(runtime) => runtime.block_on(Run { options, kind, session: &session }.run(screen)),
        Err(messages) => Err(messages.into()),
    };
    match result {
        Ok(exit) | Err(Stop::Ended(exit)) => exit,
        Err(Stop::Failed(messages, exit)) => {
            session::fail(screen, as_json, &session::Failed { sources: session.sources, messages }, exit)
        }
    }
}

struct Run<'a> {
    options: &'a Apply,
    kind: Kind,
    session: &'a Session,
}

impl Run<'_> {
    async fn run(&self, screen: &mut Screen) -> Result<Exit, Stop> {
        let interrupt = Interrupt::listen();
        session::prepare_home(&self.session.place)?;
        let guard = self.lock(&interrupt, screen).await?;
        let result = self.locked(guard.as_ref(), &interrupt, screen).await;
        let released = guard.release().await;
        let exit = result?;
        released.map_err(|error| self.store_stop(&error))?;
        Ok(exit)
    }

    fn store_stop(&self, error: &StoreError) -> Stop {
        let (messages, exit) = session::store_failure(error, &self.session.place);
        Stop::Failed(messages, exit)
    }

    async fn lock(&self, interrupt: &Interrupt, screen: &Screen) -> Result<Box<dyn Guard>, Stop> {
        let name = if self.kind == Kind::Destroy { "destroy" } else { "apply" };
        let holder = session::holder(name);
        let patience = tokio::time::sleep(self.options.lock_timeout);
        tokio::pin!(patience);
        let mut stop = interrupt.receiver();
        let mut waiting = self.options.lock_timeout.is_zero();
        loop {
            match self.session.store.lock(&holder).await {
                Ok(guard) => return Ok(guard),
                Err(error @ StoreError::Locked { .. }) => {
                    if !std::mem::replace(&mut waiting, true) {
                        let text = format!("{error}: waiting for up to {:?}\n", self.options.lock_timeout);
                        screen.say(&crate::diag::escape(&text));
                    }
                    tokio::select! {
                        () = &mut patience => return Err(self.store_stop(&error)),
                        () = tokio::time::sleep(LOCK_RETRY) => {}
                        Ok(_) = stop.wait_for(|stop| *stop) => {
                            return Err(Stop::Ended(interrupted(interrupt)));
                        }
                    }
                }
                Err(error) => return Err(self.store_stop(&error)),
            }
        }
    }

    /// Everything that is done while the state is locked.
    async fn locked(
        &self,
        guard: &dyn Guard,
        interrupt: &Interrupt,
        screen: &mut Screen,
    ) -> Result<Exit, Stop> {
        let loaded = self.unless_interrupted(interrupt, self.read_settled(guard, screen)).await??;
        let next_operation = loaded.next_operation;
        let snapshot = session::snapshot_or_new(loaded);
        let planned = self.session.plan(self.kind, Some(&self.options.engine), &snapshot);
        let (plan, connections) = match self.unless_interrupted(interrupt, planned).await? {
            (Some(made), said) => {
                screen.report(&said, &self.session.sources);
                made
            }
            (None, messages) => {
                session::hide_state(screen, &snapshot);
                return Err(Stop::Failed(messages, Exit::Error));
            }
        };
        session::hide_secrets(screen, &plan);
        let as_json = self.options.source.json;
        let (changes, drift) = (plan.has_changes(), plan.has_drift());
        if !as_json {
            screen.print(&view::plan::text(&plan, Paint(screen.style())));
        }
        let approved = match self.session.ask_policy(plan, &self.options.source) {
            Verdict::Approved(approved) => approved,
            Verdict::Denied(denial) => {
                if as_json {
                    let policy = json::denial(&denial, &self.session.sources);
                    screen.print_json(serde_json::json!({ "format_version": "1.0", "policy": policy }));
                } else {
                    show_denial(screen, &denial, &self.session.sources);
                }
                return Ok(Exit::Denied);
            }
        };
        if !as_json {
            show_approval(screen, approved.decision(), &self.session.sources);
        }
        if changes {
            self.confirm(interrupt, screen).await?;
        } else if self.kind == Kind::Destroy && !as_json {
            session::hint_at_other_states(screen, &self.session.place, "destroy");
        }
        let carry_out = self.applier(guard, snapshot, connections, next_operation, interrupt, screen);
        let mut applied = carry_out(&approved).await.map_err(|error| self.store_stop(&error))?;
        applied.messages = self.session.at_manifests(applied.messages);
        // What was not known before may be secret too.
        session::hide_state(screen, &applied.snapshot);
        Ok(self.report(&applied, interrupt, screen, changes || drift))
    }

    /// What a future gives, or the end if the run is interrupted meanwhile. Only for what can be left at any point: reads,
    /// and records that are on their way once they are given.
    async fn unless_interrupted<T>(
        &self,
        interrupt: &Interrupt,
        future: impl Future<Output = T>,
    ) -> Result<T, Stop> {
        let mut stop = interrupt.receiver();
        tokio::select! {
            biased;
            Ok(_) = stop.wait_for(|stop| *stop) => Err(Stop::Ended(interrupted(interrupt))),
            value = future => Ok(value),
        }
    }

    /// The state with everything settled that an earlier run left open.
    async fn read_settled(&self, guard: &dyn Guard, screen: &Screen) -> Result<Loaded, Stop> {
        let stop = |error: StoreError| self.store_stop(&error);
        let loaded = guard.read().await.map_err(stop)?;
        if loaded.pending.is_empty() {
            return Ok(loaded);
        }
        let Session { providers, surroundings, .. } = self.session;
        let messages = settle(guard, &loaded, providers, surroundings).await.map_err(stop)?;
        if messages.has_errors() {
            return Err(Stop::Failed(messages, Exit::Error));
        }
        screen.report(&messages, &self.session.sources);
        guard.read().await.map_err(stop)
    }

    async fn confirm(&self, interrupt: &Interrupt, screen: &Screen) -> Result<(), Stop> {
        if self.options.auto_approve {
            return Ok(());
        }
        let input = std::io::stdin();
        if !input.is_terminal() || self.options.source.json {
            let message =
                Diagnostic::error(code::engine::NOT_APPROVED, "nobody can be asked whether to do this");
            return Err(
                Diagnostics::from(message.help("look at the plan, then give `--auto-approve`")).into()
            );
        }
        let what = if self.kind == Kind::Destroy { "destroy all of this" } else { "do this" };
        screen.say(&format!("\nShall mlo {what}? Only `yes` is a yes: "));
        let (tell, told) = tokio::sync::oneshot::channel();
        // A thread of its own, which ends with the program: nothing else can leave a read of a terminal.
        std::thread::spawn(move || {
            let mut answer = String::new();
            let read = input.lock().read_line(&mut answer);
            let _ = tell.send(read.is_ok() && answer.trim() == "yes");
        });
        let answer = self.unless_interrupted(interrupt, told).await;
        if matches!(answer, Ok(Ok(true))) {
            return Ok(());
        }
        screen.say("Nothing was changed.\n");
        Err(answer.err().unwrap_or(Stop::Ended(Exit::Error)))
    }

    fn applier<'r>(
        &'r self,
        guard: &'r dyn Guard,
        snapshot: mlo_state::Snapshot,
        connections: Connections,
        next_operation: u64,
        interrupt: &'r Interrupt,
        screen: &'r Screen,
    ) -> impl AsyncFnOnce(&Approved) -> Result<Applied, StoreError> + 'r {
        async move |approved: &Approved| {
            let progress = RefCell::new(Progress::new(Paint(screen.style())));
            let observe = |event: crate::apply::Event<'_>| {
                let line = progress.borrow_mut().line(event);
                screen.say(&line);
            };
            let applier = Applier {
                context: &self.session.context,
                providers: &self.session.providers,
                connections,
                surroundings: &self.session.surroundings,
                guard,
                snapshot,
                next_operation,
                parallelism: usize::from(self.options.engine.parallelism),
                interrupt: interrupt.receiver(),
                observe: &observe,
            };
            let run = applier.run(approved);
            tokio::pin!(run);
            let every = if std::io::stderr().is_terminal() { HEARTBEAT_TERMINAL } else { HEARTBEAT_LOG };
            loop {
                tokio::select! {
                    done = &mut run => return done,
                    () = tokio::time::sleep(every) => screen.say(&progress.borrow().heartbeat()),
                }
            }
        }
    }

    fn report(&self, applied: &Applied, interrupt: &Interrupt, screen: &Screen, changes: bool) -> Exit {
        let sources = &self.session.sources;
        let exit = if applied.interrupted {
            interrupted(interrupt)
        } else if applied.rolled_back {
            Exit::RolledBack
        } else if applied.messages.has_errors() {
            Exit::Error
        } else if changes && self.options.detailed_exitcode {
            Exit::Changes
        } else {
            Exit::Done
        };
        if self.options.source.json {
            screen.print_json(serde_json::json!({
                "format_version": "1.0",
                "summary": json::counts(applied.counts),
                "rolled_back": applied.rolled_back,
                "interrupted": applied.interrupted,
                "errored": applied.messages.has_errors(),
                "outputs": super::output::document(&applied.snapshot.outputs, false),
                "diagnostics": json::diagnostics(&applied.messages, sources),
            }));
            return exit;
        }
        screen.report(&applied.messages, sources);
        let what = if self.kind == Kind::Destroy { "Destroy" } else { "Apply" };
        let paint = Paint(screen.style());
        if applied.interrupted || applied.messages.has_errors() {
            let done = crate::plan::Counts { ..applied.counts };
            screen.say(&format!(
                "{}\n",
                paint.yellow(format!(
                    "{what} not complete: {} added, {} changed, {} destroyed. What was done is in the state; run it again to go on.",
                    done.add, done.change, done.destroy
                ))
            ));
            return exit;
        }
        screen.print(&format!("\n{}", summary(what, applied.counts, paint)));
        if !applied.snapshot.outputs.is_empty() && self.kind != Kind::Destroy {
            screen.print(&format!("\nOutputs:\n\n{}", view::state::outputs(&applied.snapshot.outputs)));
        }
        exit
    }
}

fn interrupted(interrupt: &Interrupt) -> Exit {
    Exit::Interrupted(interrupt.signal().unwrap_or(2))
}
