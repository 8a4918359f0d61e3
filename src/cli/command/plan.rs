//! `mlo plan`

use super::{generate, policy_process};
use crate::cli::approval;
use crate::cli::args::{Global, Plan};
use crate::cli::backend::moves;
use crate::cli::exit::Exit;
use crate::cli::interrupt::Interrupt;
use crate::cli::lock::{Stop, unless_interrupted};
use crate::cli::report::Report;
use crate::cli::saved;
use crate::cli::screen::Screen;
use crate::cli::secrets;
use crate::cli::session::{self, Failed, Session};
use crate::diag::{Diagnostics, SourceMap};
use crate::plan::{Kind, Partial};
use crate::policy::Verdict;
use crate::sign::SecretKey;
use mlo_state::Snapshot;

pub(in crate::cli) fn run(options: &Plan, _: &Global, screen: &mut Screen) -> Exit {
    if options.shown.show_sensitive {
        screen.show_everything();
    }
    let (format, environment) = (options.source.format(&options.shown), options.source.env());
    let report = Report::new(&options.shown, format, environment, screen);
    if let Err(messages) = report.check_files() {
        return report.refuse(screen, &messages);
    }
    let early = policy_process::start(&options.source);
    if let Some(path) = &options.generate_config {
        match generate::write(path, &options.source, &options.engine, screen) {
            Ok(blocks) => report.generated(blocks),
            Err((failed, exit)) => return report.fail(screen, &failed.messages, &failed.sources, exit),
        }
    }
    let (kind, session, messages) = match open(options, screen) {
        Ok(opened) => opened,
        Err(Failed { sources, messages }) => return report.fail(screen, &messages, &sources, Exit::Error),
    };
    report.about(&session.environment);
    report.messages(screen, &messages, &session.sources);
    let key = match signing(options, &session) {
        Ok(key) => key,
        Err(messages) => return report.fail(screen, &messages, &session.sources, Exit::Error),
    };
    let gate = session.start_gate(kind, (&options.source, &options.engine), early, screen);
    let made = match session::runtime() {
        Ok(runtime) => runtime.block_on(async {
            // What runs to read an object ends with the future that waits for it.
            let interrupt = Interrupt::listen_to_leave();
            match unless_interrupted(&interrupt, make(&session, kind, options, screen)).await {
                Ok(made) => made,
                Err(Stop::Ended(exit)) => Err((None, Diagnostics::new(), exit)),
                Err(Stop::Failed(messages, exit)) => Err((None, messages, exit)),
            }
        }),
        Err(messages) => Err((None, messages, Exit::Error)),
    };
    let (plan, snapshot, said) = match made {
        Ok(made) => made,
        Err((partial, messages, exit)) => {
            if let Some(found) = partial.as_ref().and_then(Partial::found) {
                report.plan(screen, found, true);
            }
            return report.fail(screen, &messages, &session.sources, exit);
        }
    };
    secrets::hide_secrets(screen, &plan);
    report.messages(screen, &said, &session.sources);
    let applyable = plan.is_applyable();
    gate.begin_to_judge(&plan);
    report.environment(screen, &session.environment);
    report.plan(screen, &plan, false);
    let verdict = gate.judge(plan);
    let exit = match &verdict {
        Verdict::Approved(approved) => {
            report.approval(screen, approved.decision(), &session.sources);
            if let Some(path) = &options.out {
                let made = (approved.plan(), approved.decision(), &snapshot);
                if let Err(messages) =
                    saved::write((path, key.as_ref()), &session, made, &options.engine, screen)
                {
                    return report.fail(screen, &messages, &session.sources, Exit::Error);
                }
                report.saved(screen, path);
            }
            if applyable && options.engine.detailed_exitcode { Exit::Changes } else { Exit::Done }
        }
        Verdict::Denied(denial) => {
            report.denial(screen, denial, &session.sources);
            Exit::Denied
        }
    };
    // The process ends here: the system takes back at once what would be taken apart value by value.
    std::mem::forget((session, verdict, snapshot));
    report.end_plan(screen, exit)
}

/// What is planned for, and the project.
fn open(options: &Plan, screen: &mut Screen) -> Result<(Kind, Session, Diagnostics), Failed> {
    let kind = session::kind(&options.engine, options.destroy)
        .map_err(|messages| Failed { sources: SourceMap::new(), messages })?;
    let (mut session, messages) = Session::open(&options.source, kind, screen)?;
    session.context.strict_checks = options.engine.strict_checks;
    Ok((kind, session, messages))
}

/// The key that the plan is signed with, where it is saved.
fn signing(options: &Plan, session: &Session) -> Result<Option<SecretKey>, Diagnostics> {
    if options.out.is_none() {
        return Ok(None);
    }
    let key = approval::signing_key(options.signing.signing_key.as_deref())?;
    approval::check_saving(&session.environment, key.as_ref())?;
    Ok(key)
}

async fn make(
    session: &Session,
    kind: Kind,
    options: &Plan,
    screen: &mut Screen,
) -> Result<(crate::plan::Plan, Snapshot, Diagnostics), (Option<Partial>, Diagnostics, Exit)> {
    let here =
        moves::check(&session.place, (&session.backend, &session.environment), &session.keys.vault).await;
    here.map_err(|messages| (None, messages, Exit::Error))?;
    let loaded = session.store.read().await.map_err(|error| {
        let (messages, exit) = session::store_failure(&error, &session.place);
        (None, messages, exit)
    })?;
    let mut messages = session::what_is_open(&loaded.pending);
    let snapshot = session::snapshot_or_new(loaded);
    let (made, said) = session.plan(kind, Some(&options.engine), &snapshot).await;
    messages.extend(said);
    match made {
        Ok((plan, _)) => Ok((plan, snapshot, messages)),
        Err(partial) => {
            secrets::hide_partial(screen, &partial, &snapshot);
            let exit = Exit::without_plan(&messages);
            Err((Some(partial), messages, exit))
        }
    }
}
