//! What a run of plan, apply or destroy tells: as it happens, and as a document when it ends; and in files beside it.
//!
//! Goes in: what happens, in its order. Comes out: text or JSON, on the streams and in files. Never happens: a
//! decision about objects, or a secret in clear.

use super::args::{Format, Shown};
use super::command::generate::Blocks;
use super::discretion;
use super::environment::{Chosen, named_or_first};
use super::exit::Exit;
use super::file;
use super::judging::Again;
use super::screen::Screen;
use super::session;
use super::view::findings::Findings;
use super::view::github::{Annotations, group};
use super::view::markdown::Page;
use super::view::progress::{Progress, summary};
use super::view::{self, Paint, checks, json, judged, sarif, stream};
use crate::apply::{Applied, Event};
use crate::audit::Kept;
use crate::diag::{Diagnostic, Diagnostics, SourceMap, Style, because, code, render};
use crate::plan::{Counts, Kind, Plan};
use crate::policy::{Decision, Denial};
use serde_json::{Map, Value as Json};
use std::cell::{Cell, RefCell};
use std::path::Path;

/// Tells one run.
pub(super) struct Report<'o> {
    shown: &'o Shown,
    format: Format,
    /// What the whole run comes to, as one document.
    document: RefCell<Map<String, Json>>,
    /// The same as a comment.
    page: RefCell<Page>,
    /// The same as annotations of a workflow, and what its log says.
    annotations: RefCell<Annotations>,
    log: RefCell<String>,
    /// What was found, for programs that collect such things.
    findings: RefCell<Findings>,
    /// Blocks that were written before the plan was made.
    generated: RefCell<Blocks>,
    counts: Cell<Option<(Counts, bool)>>,
    progress: RefCell<Progress>,
}

impl<'o> Report<'o> {
    /// `environment` is the one that is named, if one is: the configuration may be one that cannot be read.
    pub(super) fn new(shown: &'o Shown, format: Format, environment: Option<&str>, screen: &Screen) -> Self {
        let style = if format == Format::Human { screen.style() } else { Style::Plain };
        let report = Self {
            shown,
            format,
            document: RefCell::default(),
            page: RefCell::default(),
            annotations: RefCell::default(),
            log: RefCell::default(),
            findings: RefCell::default(),
            generated: RefCell::default(),
            counts: Cell::default(),
            progress: RefCell::new(Progress::new(Paint(style))),
        };
        report.page.borrow_mut().about(named_or_first(environment));
        report.stream(screen, [stream::version()]);
        report
    }

    /// Which environment it is about, once the configuration, or the plan that was saved, says that.
    pub(super) fn about(&self, environment: &Chosen) {
        self.page.borrow_mut().about(&environment.name);
    }

    /// Whether what is told in files can be: to be asked before anything is changed.
    pub(super) fn check_files(&self) -> Result<(), Diagnostics> {
        let Shown { out_json, out_md, out_sarif, out_junit, .. } = self.shown;
        let files = [out_json, out_md, out_sarif, out_junit].into_iter().flatten();
        let mut messages = Diagnostics::new();
        for path in files {
            file::check_writable(path).unwrap_or_else(|error| messages.extend(cannot_write(path, &error)));
        }
        if messages.has_errors() { Err(messages) } else { Ok(()) }
    }

    /// Whether a person reads along, who could be asked.
    pub(super) fn is_for_people(&self) -> bool {
        self.format == Format::Human
    }

    /// Messages that came up.
    pub(super) fn messages(&self, screen: &Screen, messages: &Diagnostics, sources: &SourceMap) {
        if let Json::Array(more) = json::diagnostics(messages, sources) {
            let mut document = self.document.borrow_mut();
            let list = document.entry("diagnostics").or_insert_with(|| Json::Array(Vec::new()));
            list.as_array_mut().into_iter().for_each(|list| list.extend(more.iter().cloned()));
        }
        self.page.borrow_mut().messages(messages, sources);
        self.findings.borrow_mut().messages(messages, sources);
        match self.format {
            Format::Human if !self.shown.compact_warnings || messages.has_errors() => {
                screen.report(messages, sources);
            }
            Format::Human => screen.say(&view::warnings::compact(messages, sources)),
            Format::Ndjson => self.stream(screen, stream::diagnostics(messages, sources)),
            Format::Github => {
                for message in messages {
                    self.annotations.borrow_mut().add(message, sources);
                    self.tell(screen, &format!("{}\n", render(message, sources, Style::Plain)));
                }
            }
            Format::Json | Format::Markdown | Format::Sarif | Format::Junit => {}
        }
    }

    /// Which environment it is about, where it was named.
    pub(super) fn environment(&self, screen: &Screen, environment: &Chosen) {
        if self.format == Format::Human && environment.is_named && !self.shown.concise {
            screen.print(&view::plan::environment(&environment.name, Paint(screen.style())));
        }
    }

    /// Blocks that were written before the plan was made, by their objects.
    pub(super) fn generated(&self, blocks: Blocks) {
        self.generated.replace(blocks);
    }

    /// What would be done, or, where that is all that was found before something went wrong, a part of it.
    pub(super) fn plan(&self, screen: &Screen, plan: &Plan, errored: bool) {
        let plan = &*discretion::shown(plan, screen.shows_everything());
        self.counts.set(Some((plan.counts(), plan.is_applyable())));
        if self.format == Format::Json || self.shown.out_json.is_some() {
            let plan = &*document_of(plan, screen);
            let mut document = json::plan(plan, errored, screen.shows_everything());
            json::add_generated(&mut document, &self.generated.borrow());
            json::add_time(&mut document, session::now());
            self.note("plan", document);
        }
        if self.wants_page() {
            self.page.borrow_mut().plan(plan, errored);
        }
        match self.format {
            Format::Human | Format::Github => {
                let (paint, concise) = (self.paint(screen), self.shown.concise);
                let text = match (errored, concise) {
                    (true, _) => view::plan::found(plan, concise, paint),
                    (false, true) => view::plan::concise(plan, paint),
                    (false, false) => view::plan::text(plan, paint),
                };
                self.tell(screen, &text);
            }
            Format::Ndjson => self.stream(screen, stream::plan(plan)),
            Format::Json | Format::Markdown | Format::Sarif | Format::Junit => {}
        }
    }

    /// The checklist, and what somebody should look at.
    pub(super) fn approval(&self, screen: &Screen, decision: &Decision, sources: &SourceMap) {
        self.policy(screen, json::approval(decision));
        self.page.borrow_mut().approval(decision);
        self.findings.borrow_mut().decision(decision, sources);
        let text = view::plan::policy(decision, self.paint(screen));
        if !text.is_empty() && !self.shown.concise {
            self.tell(screen, &format!("\n{text}"));
        }
        for warning in &decision.warnings {
            self.message_of_policy(screen, &warning.diagnostic(), sources);
        }
    }

    /// The headline, each violation with its line, and what to do.
    pub(super) fn denial(&self, screen: &Screen, denial: &Denial, sources: &SourceMap) {
        self.policy(screen, json::denial(denial, sources));
        self.page.borrow_mut().denial(denial, sources);
        self.findings.borrow_mut().denial(denial, sources);
        let paint = self.paint(screen);
        self.say(screen, &format!("\n{}\n\n", paint.red(paint.bold(denial.headline()))));
        for message in &denial.diagnostics() {
            self.message_of_policy(screen, message, sources);
        }
        for warning in denial.decision.iter().flat_map(|decision| &decision.warnings) {
            self.message_of_policy(screen, &warning.diagnostic(), sources);
        }
        self.say(screen, &denial.action_list());
        self.say(screen, &denial.docs_list());
        let bundles = denial.decision.as_ref().map(view::plan::bundles).filter(|lines| !lines.is_empty());
        if let Some(lines) = bundles {
            self.say(screen, &format!("Asked:\n{lines}"));
        }
        self.say(screen, "Nothing was changed.\n");
    }

    /// What the policies stopped once it was known, like any other denial.
    fn denied_late(&self, screen: &Screen, applied: &Applied, sources: &SourceMap) {
        let mut denials = applied.denied.iter().map(|denied| denied.denial.as_ref().clone());
        let Some(mut denial) = denials.next() else { return };
        for more in denials {
            denial.violations.extend(more.violations);
            for failure in more.failures {
                if !denial.failures.contains(&failure) {
                    denial.failures.push(failure);
                }
            }
        }
        self.policy(screen, json::denial(&denial, sources));
        self.page.borrow_mut().denial(&denial, sources);
        // How the other rules came out is told with the plan.
        let found = Denial { decision: None, ..denial.clone() };
        self.findings.borrow_mut().denial(&found, sources);
        let paint = self.paint(screen);
        self.say(screen, &format!("\n{}\n\n", paint.red(paint.bold(denial.headline()))));
        for message in &denial.diagnostics() {
            self.message_of_policy(screen, message, sources);
        }
        self.say(screen, &denial.action_list());
        self.say(screen, &denial.docs_list());
    }

    /// What was let be when the policies were asked again.
    pub(super) fn asked_again(&self, screen: &Screen, again: &[Again], sources: &SourceMap) {
        for warning in again.iter().flat_map(|again| &again.told) {
            self.findings.borrow_mut().warning(warning, sources);
            self.message_of_policy(screen, &warning.diagnostic(), sources);
        }
        let told: Vec<_> = again.iter().flat_map(|again| &again.told).map(json::warning).collect();
        if !again.is_empty() {
            self.note("asked_again", serde_json::json!({ "objects": again.len(), "warnings": told }));
        }
    }

    /// The record that was written last: its digest, kept elsewhere, tells whether the log was cut off.
    pub(super) fn audited(&self, record: &Kept) {
        self.note("audit", serde_json::json!({ "record": record.sequence, "digest": record.digest }));
    }

    /// Where the plan was saved, and what to do with it.
    pub(super) fn saved(&self, screen: &Screen, path: &Path) {
        if self.is_for_people() {
            let path = path.display();
            screen.print(&format!("\nSaved to {path}. To do exactly this: mlo apply {path}\n"));
        }
    }

    fn policy(&self, screen: &Screen, document: Json) {
        self.stream(screen, [stream::policy(&document)]);
        self.note("policy", document);
    }

    /// A message that the document has under `policy`.
    fn message_of_policy(&self, screen: &Screen, message: &Diagnostic, sources: &SourceMap) {
        match self.format {
            Format::Human => screen.report_one(message, sources),
            Format::Github => {
                self.annotations.borrow_mut().add(message, sources);
                self.tell(screen, &format!("{}\n", render(message, sources, Style::Plain)));
            }
            Format::Json | Format::Ndjson | Format::Markdown | Format::Sarif | Format::Junit => {}
        }
    }

    /// A call that begins or has ended.
    pub(super) fn event(&self, screen: &Screen, event: Event<'_>) {
        let (line, elapsed) = self.progress.borrow_mut().line(event);
        if self.format == Format::Ndjson {
            self.stream(screen, [stream::event(event, &line, elapsed)]);
        } else if !self.shown.concise {
            screen.say(&line);
        }
    }

    /// That nothing has hung.
    pub(super) fn heartbeat(&self, screen: &Screen) {
        let progress = self.progress.borrow();
        if self.format == Format::Ndjson {
            let running = progress.running().map(|(object, action, elapsed)| {
                stream::progress(&object.0, action, &progress.still(object, action, elapsed), elapsed)
            });
            self.stream(screen, running);
        } else if !self.shown.concise {
            screen.say(&progress.heartbeat());
        }
    }

    /// How an apply went.
    pub(super) fn applied(&self, screen: &Screen, applied: &Applied, kind: Kind, sources: &SourceMap) {
        let outputs = json::outputs(&applied.snapshot.outputs, screen);
        self.note("summary", json::counts(applied.counts));
        self.note("failed", applied.unfinished.failed.into());
        self.note("under_way", applied.unfinished.under_way.into());
        self.note("skipped", applied.unfinished.skipped.into());
        let denied = applied.denied.iter().map(|denied| denied.address.to_string().into());
        self.note("denied", Json::Array(denied.collect()));
        self.note("rolled_back", applied.rolled_back.into());
        self.note("interrupted", applied.interrupted.into());
        let errored = applied.messages.has_errors() || !applied.denied.is_empty();
        self.note("errored", errored.into());
        self.note("checks", checks::json(&applied.checks));
        self.note("outputs", outputs.clone());
        self.messages(screen, &applied.messages, sources);
        self.denied_late(screen, applied, sources);
        let what = if kind == Kind::Destroy { "Destroy" } else { "Apply" };
        let paint = self.paint(screen);
        if applied.interrupted || errored {
            let text = not_complete(what, applied);
            self.stream(screen, stream::applied(&text, applied.counts, kind, outputs));
            return self.say(screen, &format!("{}\n", paint.yellow(text)));
        }
        let last = summary(what, applied.counts, paint);
        self.stream(screen, stream::applied(&last, applied.counts, kind, outputs));
        self.tell(screen, &format!("\n{last}"));
        if !applied.snapshot.outputs.is_empty() && kind != Kind::Destroy && !self.shown.concise {
            self.tell(
                screen,
                &format!("\nOutputs:\n\n{}", view::state::outputs(&applied.snapshot.outputs, screen)),
            );
        }
    }

    fn paint(&self, screen: &Screen) -> Paint {
        Paint(if self.is_for_people() { screen.style() } else { Style::Plain })
    }

    /// Text for people: at once, or in the log that is folded.
    fn tell(&self, screen: &Screen, text: &str) {
        match self.format {
            Format::Human => screen.print(text),
            Format::Github => self.log.borrow_mut().push_str(text),
            Format::Json | Format::Ndjson | Format::Markdown | Format::Sarif | Format::Junit => {}
        }
    }

    /// The same, where it is no data.
    fn say(&self, screen: &Screen, text: &str) {
        if self.is_for_people() { screen.say(text) } else { self.tell(screen, text) }
    }

    fn stream(&self, screen: &Screen, lines: impl IntoIterator<Item = Map<String, Json>>) {
        if self.format != Format::Ndjson {
            return;
        }
        for mut line in lines {
            line.insert("@timestamp".into(), session::now().to_string().into());
            screen.print_json_line(Json::Object(line));
        }
    }

    fn wants_page(&self) -> bool {
        matches!(self.format, Format::Markdown | Format::Github) || self.shown.out_md.is_some()
    }

    fn note(&self, name: &str, value: Json) {
        self.document.borrow_mut().insert(name.to_owned(), value);
    }

    /// Ends a run that made a plan and did not apply it: the document is the plan's.
    pub(super) fn end_plan(&self, screen: &Screen, exit: Exit) -> Exit {
        let mut document = self.document.take();
        if let Some(Json::Object(mut plan)) = document.shift_remove("plan") {
            plan.extend(document);
            document = plan;
        }
        self.write(screen, document, exit)
    }

    /// Ends a run that applied, or was to.
    pub(super) fn end_apply(&self, screen: &Screen, exit: Exit) -> Exit {
        let mut document = Map::from_iter([("format_version".to_owned(), json::FORMAT.into())]);
        document.extend(self.document.take());
        self.write(screen, document, exit)
    }

    /// Ends a run that could not do what it should.
    pub(super) fn fail(
        &self,
        screen: &Screen,
        messages: &Diagnostics,
        sources: &SourceMap,
        exit: Exit,
    ) -> Exit {
        self.messages(screen, messages, sources);
        let mut document = json::failure(&Diagnostics::new(), sources);
        if let Json::Object(document) = &mut document {
            let mut told = self.document.take();
            if let Some(Json::Object(plan)) = told.shift_remove("plan") {
                document.extend(plan);
            }
            document.extend(told);
        }
        match document {
            Json::Object(document) => self.write(screen, document, exit),
            _ => exit,
        }
    }

    /// Ends a run whose files cannot be written, without them.
    pub(super) fn refuse(&self, screen: &Screen, messages: &Diagnostics) -> Exit {
        let failed = session::Failed { sources: SourceMap::new(), messages: messages.clone() };
        session::fail(screen, self.format == Format::Json, &failed, Exit::Error)
    }

    /// What is told at the end, and the files.
    fn write(&self, screen: &Screen, document: Map<String, Json>, exit: Exit) -> Exit {
        let document = Json::Object(document);
        let page = if self.wants_page() { self.comment(screen) } else { String::new() };
        let mut failed = Diagnostics::new();
        let mut keep =
            |written: Result<(), Diagnostics>| written.err().into_iter().for_each(|it| failed.extend(it));
        if let Some(path) = &self.shown.out_json {
            keep(write_file(path, &format!("{}\n", screen.json_text(document.clone()))));
        }
        if let Some(path) = &self.shown.out_md {
            keep(write_file(path, &page));
        }
        let findings = self.findings.borrow();
        let sarif = || sarif::document(&findings, matches!(exit, Exit::Done | Exit::Changes | Exit::Denied));
        let junit = || judged::document(&findings, &|text| screen.masked(text).into_owned());
        if let Some(path) = &self.shown.out_sarif {
            keep(write_file(path, &format!("{}\n", screen.json_text(sarif()))));
        }
        if let Some(path) = &self.shown.out_junit {
            keep(write_file(path, &junit()));
        }
        match self.format {
            Format::Human | Format::Ndjson => {}
            Format::Sarif => screen.print_json(sarif()),
            Format::Junit => screen.print_open(&junit()),
            Format::Json => screen.print_json(document),
            Format::Markdown => screen.print_open(&page),
            Format::Github => {
                let log = group("mlo", &screen.masked(&self.log.borrow()), &session::random_name());
                screen.print(&self.annotations.borrow().text());
                screen.print_open(&log);
                keep(append("GITHUB_STEP_SUMMARY", &page));
                keep(append("GITHUB_OUTPUT", &self.step_outputs(exit)));
            }
        }
        screen.report(&failed, &SourceMap::new());
        if failed.has_errors() && exit == Exit::Done { Exit::Error } else { exit }
    }

    fn comment(&self, screen: &Screen) -> String {
        let whole = match (&self.shown.out_json, session::run_url()) {
            (Some(path), _) => format!("All of it is in `{}`.", path.display()),
            (None, Some(url)) => format!("All of it is in [the log]({url})."),
            (None, None) => "All of it is what `mlo plan` shows.".to_owned(),
        };
        self.page.borrow().text(&|text| screen.masked(text).into_owned(), &whole)
    }

    /// What later steps of a workflow can ask for.
    fn step_outputs(&self, exit: Exit) -> String {
        let (counts, changes) = self.counts.get().unwrap_or_default();
        let Counts { add, change, destroy, import } = counts;
        let code = exit.code();
        format!(
            "exitcode={code}\nchanges={changes}\nadd={add}\nchange={change}\ndestroy={destroy}\nimport={import}\n"
        )
    }
}

/// A plan as its document has it.
pub(super) fn document_of<'p>(plan: &'p Plan, screen: &Screen) -> discretion::Shown<'p> {
    if screen.shows_everything() {
        return discretion::Shown::AsItIs(plan);
    }
    discretion::hidden(plan, &|text| screen.hides(text))
}

/// What was done and what was not, and that the state has it.
fn not_complete(what: &str, applied: &Applied) -> String {
    let (done, not) = (applied.counts, applied.unfinished);
    let counts = [
        (done.add, "added"),
        (done.change, "changed"),
        (done.destroy, "destroyed"),
        (not.failed, "failed"),
        (not.under_way, "still under way"),
        (not.skipped, "not begun"),
    ];
    let shown = counts.iter().enumerate().filter(|(at, (count, _))| *at < 3 || *count > 0);
    let counts = shown.map(|(_, (count, word))| format!("{count} {word}")).collect::<Vec<_>>().join(", ");
    format!("{what} not complete: {counts}. What was done is in the state; run it again to go on.")
}

fn write_file(path: &Path, text: &str) -> Result<(), Diagnostics> {
    file::write_private(path, text.as_bytes()).map_err(|error| cannot_write(path, &error))
}

/// Adds to the file that a variable of the workflow names, if there is one.
fn append(variable: &str, text: &str) -> Result<(), Diagnostics> {
    let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()) else { return Ok(()) };
    let path = Path::new(&path);
    file::append(path, text).map_err(|error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Diagnostics {
    let summary = format!("`{}` cannot be written: {}", path.display(), because(error));
    Diagnostic::error(code::engine::FILE, summary)
        .help("name a file in a folder that you may write to")
        .into()
}
