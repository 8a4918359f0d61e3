//! `mlo validate`

use crate::cli::args::{Format, Global, Shown, Validate};
use crate::cli::command::policy_process;
use crate::cli::exit::Exit;
use crate::cli::report::Report;
use crate::cli::screen::Screen;
use crate::cli::session::{self, Failed, Session};
use crate::cli::view::{Paint, json};
use crate::diag::Diagnostics;
use crate::policy::{Decision, Denial};

/// What the policies said, if they were asked.
type Judged = Option<Result<Decision, Box<Denial>>>;

pub(in crate::cli) fn run(options: &Validate, _: &Global, screen: &mut Screen) -> Exit {
    let (Failed { messages, sources }, judged) = check(options, screen);
    let exit = match &judged {
        _ if messages.has_errors() => Exit::Error,
        Some(Err(_)) => Exit::Denied,
        Some(Ok(_)) | None => Exit::Done,
    };
    if options.source.json {
        let policy = judged.as_ref().map(|judged| match judged {
            Ok(decision) => json::approval(decision),
            Err(denial) => json::denial(denial, &sources),
        });
        let mut document = json::validation(&messages, &sources);
        if let (Some(policy), Some(document)) = (policy, document.as_object_mut()) {
            document.insert("policy".to_owned(), policy);
        }
        screen.print_json(document);
        return exit;
    }
    screen.report(&messages, &sources);
    if !messages.has_errors() {
        let paint = Paint(screen.style());
        screen.print(&format!("{} The configuration is valid.\n", paint.green("Success!")));
    }
    let shown = Shown::default();
    let report = Report::new(&shown, Format::Human, options.source.env(), screen);
    match &judged {
        Some(Ok(decision)) => report.approval(screen, decision, &sources),
        Some(Err(denial)) => report.denial(screen, denial, &sources),
        None => {}
    }
    exit
}

/// All that there is to say, whether something is wrong or not. Policies are asked about what is valid.
fn check(options: &Validate, screen: &mut Screen) -> (Failed, Judged) {
    let (session, mut messages) = match Session::open_partly(&options.source, screen) {
        Ok(opened) => opened,
        Err(failed) => return (failed, None),
    };
    match session::runtime() {
        Ok(runtime) => messages.extend_elsewhere(runtime.block_on(session.check())),
        Err(said) => messages.extend(said),
    }
    messages.sort();
    let is_asked = options.policy && !Diagnostics::has_errors(&messages);
    let judged =
        is_asked.then(|| session.judge_manifests(&options.source, policy_process::start(&options.source)));
    (Failed { messages, sources: session.sources }, judged)
}
