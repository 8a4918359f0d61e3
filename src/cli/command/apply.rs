//! `mlo apply`, and all of `mlo destroy` but its name.

use super::policy_process;
use crate::apply::{Applied, Applier, Halted, settle};
use crate::cli::approval;
use crate::cli::args::{Apply, Global};
use crate::cli::audit::{self, Notes};
use crate::cli::backend::moves;
use crate::cli::confirm;
use crate::cli::exit::Exit;
use crate::cli::heartbeat;
use crate::cli::interrupt::Interrupt;
use crate::cli::judging::StartedGate;
use crate::cli::lock::{Claim, Stop, interrupted, unless_interrupted};
use crate::cli::report::Report;
use crate::cli::saved::{self, Refused, Saved};
use crate::cli::screen::Screen;
use crate::cli::secrets;
use crate::cli::session::{self, Failed, Session};
use crate::diag::{Diagnostic, Diagnostics, SourceMap, code};
use crate::graph::ModuleTree;
use crate::lang::value::Value;
use crate::plan::{Configured, Connections, Kind, Operation};
use crate::policy::{Approved, Verdict};
use mlo_state::{Guard, Holder, Loaded, Snapshot, StoreError, kept};

pub(in crate::cli) fn run(options: &Apply, _: &Global, screen: &mut Screen) -> Exit {
    carry_out(options, options.destroy, screen)
}

impl From<Refused> for Stop {
    fn from((messages, exit): Refused) -> Self {
        Self::Failed(messages, exit)
    }
}

pub(super) fn carry_out(options: &Apply, destroy: bool, screen: &mut Screen) -> Exit {
    if options.shown.show_sensitive {
        screen.show_everything();
    }
    let (format, environment) = (options.source.format(&options.shown), options.source.env());
    let report = Report::new(&options.shown, format, environment, screen);
    if let Err(messages) = report.check_files() {
        return report.refuse(screen, &messages);
    }
    let early = policy_process::start(&options.source);
    let (kind, mut session, saved, messages) = match open(options, destroy, screen) {
        Ok(opened) => opened,
        Err((failed, exit)) => return report.fail(screen, &failed.messages, &failed.sources, exit),
    };
    report.about(&session.environment);
    // A saved plan has its own, which the command line can only add to.
    session.context.strict_checks |= options.engine.strict_checks;
    let saved = saved.as_ref();
    report.messages(screen, &messages, &session.sources);
    let result = match session::runtime() {
        Ok(runtime) => {
            let engine = saved.map_or_else(|| options.engine.clone(), |saved| saved.engine(&options.engine));
            let gate = session.start_gate(kind, (&options.source, &engine), early, screen);
            let holder = session::holder(if kind == Kind::Destroy { "destroy" } else { "apply" });
            let run = Run { options, kind, saved, session: &session, holder, gate, report: &report };
            runtime.block_on(run.run(screen))
        }
        Err(messages) => Err(messages.into()),
    };
    report.messages(screen, &session.keys.news(&session.place), &session.sources);
    match result {
        Ok(exit) | Err(Stop::Ended(exit)) => report.end_apply(screen, exit),
        Err(Stop::Failed(messages, exit)) => report.fail(screen, &messages, &session.sources, exit),
    }
}

/// What is applied: a project, or a plan that was saved.
type Opened = (Kind, Session, Option<Saved>, Diagnostics);

fn open(options: &Apply, destroy: bool, screen: &mut Screen) -> Result<Opened, (Failed, Exit)> {
    if let Some(path) = options.source.path.as_deref().filter(|path| saved::is_plan_file(Some(path))) {
        let (session, saved, messages) = saved::open(path, &options.source, screen)?;
        let refused = saved.refuse_flags(destroy, options);
        let refused = refused.and_then(|()| approval::check_author(&saved, options.author_keys.as_deref()));
        if let Err((messages, exit)) = refused {
            return Err((Failed { sources: session.sources, messages }, exit));
        }
        return Ok((saved.plan.kind, session, Some(saved), messages));
    }
    if let Some(file) = &options.author_keys {
        let summary =
            format!("`{}` says who may have made a saved plan, and none is applied", file.display());
        let error = Diagnostic::error(code::engine::PLAN_UNSIGNED, summary);
        let messages = error.help("name the plan: `mlo apply FILE`; or leave `--author-keys` out").into();
        return Err((Failed { sources: SourceMap::new(), messages }, Exit::Denied));
    }
    let kind = session::kind(&options.engine, destroy);
    let kind = kind.map_err(|messages| Failed { sources: SourceMap::new(), messages });
    let opened = kind.and_then(|kind| Ok((kind, Session::open(&options.source, kind, screen)?)));
    let (kind, (session, messages)) = opened.map_err(|failed| (failed, Exit::Error))?;
    Ok((kind, session, None, messages))
}

struct Run<'a> {
    options: &'a Apply,
    kind: Kind,
    saved: Option<&'a Saved>,
    session: &'a Session,
    /// Who holds the lock in this run.
    holder: Holder,
    gate: StartedGate<'a>,
    report: &'a Report<'a>,
}

impl Run<'_> {
    async fn run(&self, screen: &mut Screen) -> Result<Exit, Stop> {
        let interrupt = Interrupt::listen();
        let Session { place, backend, environment, keys, .. } = self.session;
        session::prepare_home(place)?;
        moves::check(place, (backend, environment), &keys.vault).await?;
        let guard = self.lock(&interrupt, screen).await?;
        moves::remember(place, backend);
        let result = kept(guard.as_ref(), Box::pin(self.locked(guard.as_ref(), &interrupt, screen))).await;
        let released = guard.release().await;
        let exit = result?;
        released.map_err(|error| self.store_stop(&error))?;
        Ok(exit)
    }

    fn store_stop(&self, error: &StoreError) -> Stop {
        Stop::store(error, &self.session.place)
    }

    /// The end by a state that could not be written, after all that was said of the changes.
    fn halted(&self, Halted { error, messages }: Halted) -> Stop {
        let (why, exit) = session::store_failure(&error, &self.session.place);
        let mut all = self.session.at_manifests(messages);
        all.extend(why);
        Stop::Failed(all, exit)
    }

    async fn lock(&self, interrupt: &Interrupt, screen: &Screen) -> Result<Box<dyn Guard>, Stop> {
        let Session { store, place, keys, .. } = self.session;
        let (operation, timeout) = (self.holder.operation.as_str(), self.options.lock_timeout);
        let claim = Claim { store: store.as_ref(), keys, place, operation, timeout };
        claim.take_as(&self.holder, interrupt, screen).await
    }

    /// Everything that is done while the state is locked.
    async fn locked(
        &self,
        guard: &dyn Guard,
        interrupt: &Interrupt,
        screen: &mut Screen,
    ) -> Result<Exit, Stop> {
        // Before anything is settled: what is asked then, and how, is what somebody has to let through.
        let consent = unless_interrupted(interrupt, approval::consent(self.session, self.saved)).await??;
        let loaded = unless_interrupted(interrupt, self.read_settled(guard, screen)).await??;
        let next_operation = loaded.next_operation;
        let snapshot = match self.saved {
            Some(saved) => saved.state(loaded.snapshot)?,
            None => session::snapshot_or_new(loaded),
        };
        let said = consent.as_ref().map(|consent| consent.said.clone()).unwrap_or_default();
        self.report.messages(screen, &said, &self.session.sources);
        let engine = self.saved.map(|saved| saved.engine(&self.options.engine));
        let engine = engine.as_ref().unwrap_or(&self.options.engine);
        let planned = self.session.plan(self.kind, Some(engine), &snapshot);
        let (plan, connections) = match unless_interrupted(interrupt, planned).await? {
            (Ok(made), said) => {
                self.report.messages(screen, &said, &self.session.sources);
                made
            }
            (Err(partial), messages) => {
                secrets::hide_partial(screen, &partial, &snapshot);
                if let Some(found) = partial.found() {
                    self.report.plan(screen, found, true);
                }
                let exit = Exit::without_plan(&messages);
                return Err(Stop::Failed(messages, exit));
            }
        };
        secrets::hide_secrets(screen, &plan);
        self.saved.map_or(Ok(()), |saved| saved.check(&plan))?;
        self.session.backend.check_secrets(&plan, &self.session.keys.vault)?;
        let (applyable, drift) = (plan.is_applyable(), plan.has_drift());
        self.gate.begin_to_judge(&plan);
        self.report.environment(screen, &self.session.environment);
        self.report.plan(screen, &plan, false);
        let notes = Notes::new(self.session, (&self.holder, engine), self.saved, &snapshot);
        let digest = audit::digest_of(&plan, screen);
        let approved = match self.gate.judge(plan) {
            Verdict::Approved(approved) => approved,
            Verdict::Denied(denial) => {
                self.report.denial(screen, &denial, &self.session.sources);
                // It is denied whatever becomes of the record.
                match notes.denied(&denial, &digest, screen).await {
                    Ok(record) => self.report.audited(&record),
                    Err(Stop::Failed(messages, _)) => {
                        self.report.messages(screen, &messages, &self.session.sources);
                    }
                    Err(stop) => return Err(stop),
                }
                return Ok(Exit::Denied);
            }
        };
        self.report.approval(screen, approved.decision(), &self.session.sources);
        self.saved.map_or(Ok(()), |saved| saved.check_policies(approved.decision()))?;
        if applyable {
            self.confirm(interrupt, screen).await?;
        } else if self.kind == Kind::Destroy && self.report.is_for_people() {
            session::hint_at_other_states(screen, &self.session.place, "destroy");
        }
        let begun = notes.begun(&approved, (consent.as_ref(), &digest), screen).await?;
        self.report.audited(&begun);
        let carry_out = self.applier(guard, snapshot, connections, next_operation, interrupt, screen);
        let applied = carry_out(&approved).await;
        let again = self.gate.again();
        let end = notes.ended(&begun, &applied, &again, screen).await;
        let mut applied = applied.map_err(|halted| self.halted(halted))?;
        applied.messages = self.session.at_manifests(applied.messages);
        // What was not known before may be secret too.
        secrets::hide_state(screen, &applied.snapshot);
        applied.values.each(&mut |value| screen.hide(value));
        self.report.asked_again(screen, &again, &self.session.sources);
        self.report.applied(screen, &applied, self.kind, &self.session.sources);
        self.report.audited(&end?);
        Ok(self.exit(&applied, interrupt, applyable || drift))
    }

    /// The state with everything settled that an earlier run left open.
    async fn read_settled(&self, guard: &dyn Guard, screen: &Screen) -> Result<Loaded, Stop> {
        let stop = |error: StoreError| self.store_stop(&error);
        let loaded = guard.read().await.map_err(stop)?;
        if loaded.pending.is_empty() {
            return Ok(loaded);
        }
        let Session { providers, surroundings, context, project, .. } = self.session;
        let tree = ModuleTree::new(&project.config);
        let nothing = Snapshot::empty("");
        let snapshot = loaded.snapshot.as_ref().unwrap_or(&nothing);
        let (config, world) = ((&tree, context), (providers, surroundings));
        let configured = Configured::read(config, world, snapshot, &loaded.pending).await;
        let messages = settle(guard, &loaded, &configured).await.map_err(stop)?;
        if messages.has_errors() {
            return Err(Stop::Failed(messages, Exit::Error));
        }
        self.report.messages(screen, &messages, &self.session.sources);
        guard.read().await.map_err(stop)
    }

    async fn confirm(&self, interrupt: &Interrupt, screen: &Screen) -> Result<(), Stop> {
        // Who saved a plan has looked at it.
        if self.options.auto_approve || self.saved.is_some() {
            return Ok(());
        }
        let instead = "look at the plan, then give `--auto-approve`";
        if !self.report.is_for_people() {
            return Err(confirm::nobody(instead).into());
        }
        let what = match self.kind {
            Kind::Destroy => "destroy all of this",
            Kind::Refresh => "write this to the state",
            Kind::Apply => "do this",
        };
        confirm::ask(screen, interrupt, &format!("\nShall mlo {what}?"), instead).await
    }

    fn applier<'r>(
        &'r self,
        guard: &'r dyn Guard,
        snapshot: mlo_state::Snapshot,
        connections: Connections,
        next_operation: u64,
        interrupt: &'r Interrupt,
        screen: &'r Screen,
    ) -> impl AsyncFnOnce(&Approved) -> Result<Applied, Halted> + 'r {
        async move |approved: &Approved| {
            let observe = |event: crate::apply::Event<'_>| self.report.event(screen, event);
            let ask_again =
                |operation: &Operation, value: &Value| self.gate.judge_again(approved, operation, value);
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
                ask_again: &ask_again,
            };
            heartbeat::beside(applier.run(approved), || self.report.heartbeat(screen)).await
        }
    }

    fn exit(&self, applied: &Applied, interrupt: &Interrupt, changes: bool) -> Exit {
        if applied.interrupted {
            interrupted(interrupt)
        } else if !applied.denied.is_empty() {
            Exit::Denied
        } else if applied.rolled_back {
            Exit::RolledBack
        } else if applied.messages.has_errors() {
            Exit::Error
        } else if changes && self.options.engine.detailed_exitcode {
            Exit::Changes
        } else {
            Exit::Done
        }
    }
}
