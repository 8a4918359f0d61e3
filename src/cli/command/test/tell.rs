//! What a run of tests tells: as it happens, and in a report at the end.

use crate::apply::Event as Call;
use crate::cli::args::Test;
use crate::cli::discretion;
use crate::cli::exit::Exit;
use crate::cli::screen::Screen;
use crate::cli::secrets;
use crate::cli::view::test::junit::{self, Case, Suite};
use crate::cli::view::test::stream;
use crate::cli::view::{Paint, state, test};
use crate::cli::{file, session, view};
use crate::diag::{Diagnostic, Diagnostics, Severity, SourceMap, Style, because, code, render};
use crate::lang::suite::{Run, TestFile};
use crate::plan::Action;
use crate::test::{Event, Outcome, Shown, Skipped, Status};
use mlo_state::Snapshot;
use serde_json::{Map, Value as Json};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Objects that exist only for a test, and how often.
type Alive = Arc<Mutex<BTreeMap<String, usize>>>;

/// The name of a file of tests, and of a run in it.
type RunName = (String, Arc<str>);
/// When something began, by the clock that never goes back, and as RFC 3339.
type Since = (Instant, String);

/// Tells one run of tests.
pub(super) struct Telling<'s> {
    options: &'s Test,
    sources: &'s SourceMap,
    screen: RefCell<&'s mut Screen>,
    suites: RefCell<Vec<Suite>>,
    /// Runs that go on, and since when.
    begun: RefCell<BTreeMap<RunName, Since>>,
    /// How many runs there are of each outcome: passed, failed, errored, skipped.
    counts: Cell<[usize; 4]>,
    /// The file that is run.
    file: RefCell<String>,
    alive: Alive,
}

impl<'s> Telling<'s> {
    pub(super) fn new(options: &'s Test, sources: &'s SourceMap, screen: &'s mut Screen) -> Self {
        Self {
            options,
            sources,
            screen: RefCell::new(screen),
            suites: RefCell::default(),
            begun: RefCell::default(),
            counts: Cell::default(),
            file: RefCell::default(),
            alive: Alive::default(),
        }
    }

    fn is_json(&self) -> bool {
        self.options.source.json
    }

    fn stream(&self, lines: impl IntoIterator<Item = Map<String, Json>>) {
        if !self.is_json() {
            return;
        }
        for mut line in lines {
            line.insert("@timestamp".into(), session::now().to_string().into());
            self.screen.borrow().print_json_line(Json::Object(line));
        }
    }

    fn print(&self, text: &str) {
        if !self.is_json() {
            self.screen.borrow().print(text);
        }
    }

    fn paint(&self) -> Paint {
        Paint(self.screen.borrow().style())
    }

    pub(super) fn begin(&self, files: &[TestFile]) {
        self.stream([view::stream::version(), stream::found(files)]);
    }

    /// Messages of no run.
    pub(super) fn messages(&self, messages: &Diagnostics) {
        self.say(messages, None);
    }

    fn say(&self, messages: &Diagnostics, at: Option<(&TestFile, Option<&Run>)>) {
        if self.is_json() {
            let lines = view::stream::diagnostics(messages, self.sources);
            self.stream(lines.into_iter().map(|line| stream::placed(line, at)));
        } else {
            self.screen.borrow().report(messages, self.sources);
        }
    }

    pub(super) fn event(&self, event: Event<'_>) {
        match event {
            Event::FileBegins(file) => {
                self.file.replace(file.name.clone());
                self.suites.borrow_mut().push(Suite { name: file.name.clone(), cases: Vec::new() });
                self.print(&format!("{}... in progress\n", file.name));
                self.stream([stream::file(file, "starting", None)]);
            }
            Event::RunBegins(file, run) => {
                self.begun.borrow_mut().insert((file.name.clone(), run.name.name.clone()), since());
                self.stream([stream::run_begins(file, run)]);
            }
            Event::Planned(plan) => secrets::hide_secrets(&mut self.screen.borrow_mut(), plan),
            Event::Applied(applied) => {
                let mut screen = self.screen.borrow_mut();
                secrets::hide_state(&mut screen, &applied.snapshot);
                applied.values.each(&mut |value| screen.hide(value));
            }
            Event::Call(call, is_real) => self.call(call, is_real),
            Event::RunEnds(file, run, outcome) => self.run_ends(file, run, outcome),
            Event::Teardown(file) => {
                self.print(&format!("{}... tearing down\n", file.name));
                self.stream([stream::file(file, "teardown", None)]);
            }
            Event::RunTeardown(file, run) => self.stream([stream::run_teardown(file, run)]),
            Event::FileEnds(file, status, messages) => {
                self.say(messages, Some((file, None)));
                if file.wrong.has_errors() {
                    self.unread(messages);
                }
                let paint = self.paint();
                self.print(&format!("{}... {}\n", file.name, test::status(status, paint)));
                self.stream([stream::file(file, "complete", Some(status))]);
            }
        }
    }

    /// A file that could not be read counts as something that went wrong, and the report has it.
    fn unread(&self, messages: &Diagnostics) {
        self.count(Status::Error);
        let case = Case {
            name: "read the file".to_owned(),
            status: Status::Error,
            assertions: (0, 0),
            messages: self.texts(messages),
            skipped: None,
            begun: None,
            seconds: None,
        };
        if let Some(suite) = self.suites.borrow_mut().last_mut() {
            suite.cases.push(case);
        }
    }

    fn count(&self, status: Status) {
        let mut counts = self.counts.get();
        let at = match status {
            Status::Pass => 0,
            Status::Fail => 1,
            Status::Error => 2,
            Status::Skip => 3,
        };
        counts.get_mut(at).into_iter().for_each(|count| *count += 1);
        self.counts.set(counts);
    }

    /// Messages as a report has them: how grave, in short, in full.
    fn texts(&self, messages: &Diagnostics) -> Vec<(Severity, String, String)> {
        let screen = self.screen.borrow();
        let text = messages.iter().map(|message| {
            let text = render(message, self.sources, Style::Plain);
            (
                message.severity,
                screen.masked(&message.summary).into_owned(),
                screen.masked(&text).into_owned(),
            )
        });
        text.collect()
    }

    /// Keeps which objects there are that nobody else knows of.
    fn call(&self, call: Call<'_>, is_real: bool) {
        let (change, address) = match call {
            Call::Started { address, action: Action::Create, .. } => (1, address),
            Call::Finished { address, action: Action::Delete, .. }
            | Call::Failed { address, action: Action::Create, .. } => (-1, address),
            _ => return,
        };
        if !is_real {
            return;
        }
        let name = format!("{address} ({})", self.file.borrow());
        let mut alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        let count = alive.entry(name).or_default();
        *count = count.saturating_add_signed(change);
    }

    /// What is said when a second signal ends the program.
    pub(super) fn last_words(&self) -> impl Fn() -> Option<String> + Send + 'static {
        let alive = self.alive.clone();
        move || {
            let alive = alive.lock().unwrap_or_else(PoisonError::into_inner);
            let left: Vec<_> = alive.iter().filter(|(_, count)| **count > 0).map(|(name, _)| name).collect();
            if left.is_empty() {
                return None;
            }
            let lines = left.iter().map(|name| format!("  {}\n", crate::diag::escape(name)));
            Some(lines.fold("\nLeft behind, and known to no state:\n".to_owned(), |text, line| text + &line))
        }
    }

    fn run_ends(&self, file: &TestFile, run: &Run, outcome: &Outcome) {
        let begun = self.begun.borrow_mut().remove(&(file.name.clone(), run.name.name.clone()));
        self.count(outcome.status);
        let paint = self.paint();
        self.print(&format!("  run \"{}\"... {}\n", run.name.name, test::status(outcome.status, paint)));
        self.stream([stream::run_ends(file, run, outcome.status)]);
        if self.options.verbose {
            self.show(file, run, outcome);
        }
        self.say(&outcome.messages, Some((file, Some(run))));
        let case = Case {
            name: run.name.name.to_string(),
            status: outcome.status,
            assertions: outcome.assertions,
            messages: self.texts(&outcome.messages),
            skipped: outcome.skipped.as_ref().map(why_skipped),
            begun: begun.as_ref().map(|(_, at)| at.clone()),
            seconds: begun.map(|(since, _)| since.elapsed().as_secs_f64()),
        };
        if let Some(suite) = self.suites.borrow_mut().last_mut() {
            suite.cases.push(case);
        }
    }

    /// The plan, or the state.
    fn show(&self, file: &TestFile, run: &Run, outcome: &Outcome) {
        match &outcome.shown {
            Shown::Nothing => {}
            Shown::Plan(plan) if self.is_json() => {
                let plan = discretion::shown(plan, false);
                self.stream([stream::plan(file, run, view::json::plan(&plan, false, false))]);
            }
            Shown::State(snapshot) if self.is_json() => {
                let state = {
                    let screen = &mut self.screen.borrow_mut();
                    let values = secrets::shown_values(snapshot, screen);
                    view::json::state(snapshot, &values, screen)
                };
                self.stream([stream::state(file, run, state)]);
            }
            Shown::Plan(plan) => {
                let plan = discretion::shown(plan, false);
                self.print(&format!("\n{}\n", view::plan::text(&plan, self.paint())));
            }
            Shown::State(snapshot) => {
                let text = state_text(snapshot, &mut self.screen.borrow_mut());
                self.print(&text);
            }
        }
    }

    /// That nothing has hung.
    pub(super) fn heartbeat(&self) {
        if self.is_json() {
            let begun = self.begun.borrow();
            let lines =
                begun.iter().map(|((file, run), (since, _))| stream::running(file, run, since.elapsed()));
            self.stream(lines.collect::<Vec<_>>());
            return;
        }
        for ((_, run), (since, _)) in self.begun.borrow().iter() {
            let seconds = since.elapsed().as_secs();
            self.screen.borrow().say(&format!("  run \"{run}\"... still going, {seconds} s\n"));
        }
    }

    /// The last line, and the report.
    pub(super) fn end(&self, status: Option<Status>, exit: Exit) -> Exit {
        let [passed, failed, errored, skipped] = self.counts.get();
        let text = test::summary(status, [passed, failed + errored, skipped], self.paint());
        self.print(&format!("\n{text}"));
        if status.is_none() && !self.is_json() {
            self.screen
                .borrow()
                .say("There are no tests: write `*.tftest.hcl` files, here or in `tests/`.\n");
        }
        self.stream([stream::summary(status, self.counts.get(), text.trim_end())]);
        let Some(path) = &self.options.junit_xml else { return exit };
        let report = junit::report(&self.suites.borrow());
        if let Err(error) = file::write_private(path, report.as_bytes()) {
            let summary = format!("`{}` cannot be written: {}", path.display(), because(&error));
            let error = Diagnostic::error(code::engine::FILE, summary);
            self.messages(&error.help("name a file in a folder that you may write to").into());
            return if exit == Exit::Done { Exit::Error } else { exit };
        }
        exit
    }
}

#[expect(clippy::disallowed_methods, reason = "the edge reads the clock: how long a run takes is only told")]
fn since() -> Since {
    (Instant::now(), session::now().to_string())
}

/// Why a run was not begun: in a word, and in a sentence.
fn why_skipped(skipped: &Skipped) -> [String; 2] {
    match skipped {
        Skipped::After(run) => [
            "skipped after an error".to_owned(),
            format!("run `{run}` before it ended in an error, so that the runs after it were not begun"),
        ],
        Skipped::Interrupted => ["interrupted".to_owned(), "the tests were interrupted".to_owned()],
    }
}

fn state_text(snapshot: &Snapshot, screen: &mut Screen) -> String {
    let values = secrets::shown_values(snapshot, screen);
    let objects = values.iter().map(|kept| format!("{}\n", state::object(kept)));
    let objects = objects.fold("\n".to_owned(), |all, object| all + &object);
    if snapshot.outputs.is_empty() {
        return objects;
    }
    format!("{objects}Outputs:\n\n{}\n", state::outputs(&snapshot.outputs, screen))
}
