//! What an apply leaves in the audit log: what was decided, before anything is changed; and how it ended.
//!
//! Goes in: a session, the run that holds the lock, a decision. Comes out: records beside the state. Never happens: a secret
//! in one, even where somebody asked to see secrets; a change without the record of its decision.

use super::approval::Consent;
use super::args::Engine;
use super::discretion;
use super::judging::{self, Again};
use super::lock::Stop;
use super::saved::Saved;
use super::screen::Screen;
use super::session::{self, Session};
use super::view::json as view;
use crate::apply::{Applied, Halted};
use crate::audit::{self, Entry, Kept, Kind, LogError};
use crate::diag::{Diagnostic, code};
use crate::plan::{Counts, Plan};
use crate::policy::{Approved, Denial};
use mlo_state::{Holder, Snapshot};
use serde_json::{Value as Json, json};

/// The digest of what a plan does, as its document says it where no secrets are shown.
pub(super) fn digest_of(plan: &Plan, screen: &Screen) -> String {
    let shown = discretion::shown(plan, false);
    let shown = discretion::hidden(&shown, &|text| screen.hides(text));
    let document = view::done_by(json!(view::Judged { plan: &shown, sees: &|_| true }));
    audit::digest_of(&screen.without_secrets(document))
}

/// The records of one run.
pub(super) struct Notes<'s> {
    session: &'s Session,
    holder: &'s Holder,
    saved: Option<&'s Saved>,
    engine: &'s Engine,
    /// The state that the plan is made from, once it has a snapshot.
    lineage: Option<String>,
    serial: u64,
}

impl<'s> Notes<'s> {
    pub(super) fn new(
        session: &'s Session,
        (holder, engine): (&'s Holder, &'s Engine),
        saved: Option<&'s Saved>,
        snapshot: &Snapshot,
    ) -> Self {
        let lineage = (snapshot.serial > 0).then(|| snapshot.lineage.clone());
        Self { session, holder, saved, engine, lineage, serial: snapshot.serial }
    }

    /// Notes that a plan was not let through.
    pub(super) async fn denied(&self, denial: &Denial, plan: &str, screen: &Screen) -> Result<Kept, Stop> {
        let what = self.with_run(audit::denied(denial, plan));
        self.append((Kind::Denied, None), (self.lineage.clone(), self.serial), what, screen).await
    }

    /// Notes that a plan is carried out from here on.
    pub(super) async fn begun(
        &self,
        approved: &Approved,
        (consent, digest): (Option<&Consent>, &str),
        screen: &Screen,
    ) -> Result<Kept, Stop> {
        let plan = approved.plan();
        let mut what = self.with_run(audit::approved(approved.decision(), digest));
        put(&mut what, "plan", json!({ "changes": changes(plan.counts()), "saved": self.saved.map(saved) }));
        if let Some(consent) = consent {
            put(&mut what, "approval", consent.approved.clone());
        }
        self.append((Kind::Begun, None), (Some(plan.lineage.clone()), self.serial), what, screen).await
    }

    /// Notes how it ended, after the record of its beginning.
    pub(super) async fn ended(
        &self,
        begun: &Kept,
        applied: &Result<Applied, Halted>,
        again: &[Again],
        screen: &Screen,
    ) -> Result<Kept, Stop> {
        let (lineage, serial, mut what) = match applied {
            Ok(applied) => {
                let outcome = match applied {
                    Applied { interrupted: true, .. } => "interrupted",
                    Applied { denied, .. } if !denied.is_empty() => "denied",
                    Applied { rolled_back: true, .. } => "rolled back",
                    Applied { messages, .. } if messages.has_errors() => "failed",
                    _ => "applied",
                };
                let what = json!({
                    "outcome": outcome,
                    "changes": changes(applied.counts),
                    "failed": applied.unfinished.failed,
                    "under_way": applied.unfinished.under_way,
                    "skipped": applied.unfinished.skipped,
                });
                (Some(applied.snapshot.lineage.clone()), applied.snapshot.serial, what)
            }
            Err(_) => (self.lineage.clone(), self.serial, json!({ "outcome": "state not written" })),
        };
        if !again.is_empty() {
            let said = |it: &Again| {
                let told: Vec<_> = it.told.iter().map(audit::passed_by).collect();
                json!({ "address": it.address, "denied_by": it.denied_by, "passed_by": told })
            };
            put(&mut what, "asked_again", again.iter().map(said).collect());
        }
        self.append((Kind::Ended, Some(begun)), (lineage, serial), what, screen).await
    }

    /// With who runs it, and every rule that was to be passed by, needed or not.
    fn with_run(&self, mut what: Json) -> Json {
        put(&mut what, "run", judging::run());
        let overrides = self.engine.overrides.iter();
        let overrides = overrides.map(|(rule, reason)| json!({ "rule": rule, "reason": reason }));
        put(&mut what, "overrides", overrides.collect());
        what
    }

    async fn append(
        &self,
        (kind, after): (Kind, Option<&Kept>),
        (lineage, serial): (Option<String>, u64),
        what: Json,
        screen: &Screen,
    ) -> Result<Kept, Stop> {
        let Holder { since, who, operation, .. } = self.holder.clone();
        let entry = Entry {
            kind,
            at: session::now().to_string(),
            since,
            who,
            operation,
            environment: self.session.environment.name.clone(),
            lineage,
            serial,
            what: screen.without_secrets(what),
        };
        let store = self.session.store.as_ref();
        audit::append(store, &entry, after).await.map_err(|error| match error {
            LogError::Store(error) => Stop::store(&error, &self.session.place),
            error => {
                let error = Diagnostic::error(code::policy::AUDIT, error.to_string());
                error.help("`mlo audit verify` says what is wrong with the log").into()
            }
        })
    }
}

impl From<Diagnostic> for Stop {
    fn from(error: Diagnostic) -> Self {
        crate::diag::Diagnostics::from(error).into()
    }
}

fn put(what: &mut Json, name: &str, value: Json) {
    if let Json::Object(what) = what {
        what.insert(name.to_owned(), value);
    }
}

fn changes(Counts { add, change, destroy, import }: Counts) -> Json {
    json!({ "add": add, "change": change, "destroy": destroy, "import": import })
}

/// A plan that was saved: which, and by whom.
fn saved(saved: &Saved) -> Json {
    let key = saved.author.key.map(|key| key.to_string());
    json!({ "digest": saved.digest, "author": { "who": saved.author.who, "key": key } })
}
