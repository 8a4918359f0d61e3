//! What a run of plan, apply or destroy tells: as it happens, and as a document when it ends; and in files beside it.
//!
//! Goes in: what happens, in its order. Comes out: text or JSON, on the streams and in files. Never happens: a
//! decision about objects, or a secret in clear.

use super::args::{Format, Shown};
use super::exit::Exit;
use super::file;
use super::screen::Screen;
use super::view::progress::{Progress, summary};
use super::view::{self, Paint, checks, json};
use crate::apply::{Applied, Event};
use crate::diag::{Diagnostic, Diagnostics, SourceMap, because, code};
use crate::plan::{Kind, Plan};
use crate::policy::{Decision, Denial};
use serde_json::{Map, Value as Json};
use std::cell::RefCell;
use std::path::Path;

/// Tells one run.
pub(super) struct Report<'o> {
    shown: &'o Shown,
    format: Format,
    /// What the whole run comes to, as one document.
    document: RefCell<Map<String, Json>>,
    progress: RefCell<Progress>,
}

impl<'o> Report<'o> {
    pub(super) fn new(shown: &'o Shown, format: Format, screen: &Screen) -> Self {
        let progress = RefCell::new(Progress::new(Paint(screen.style())));
        Self { shown, format, document: RefCell::default(), progress }
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
        if self.is_for_people() {
            self.say_messages(screen, messages, sources);
        }
    }

    fn say_messages(&self, screen: &Screen, messages: &Diagnostics, sources: &SourceMap) {
        if !self.shown.compact_warnings || messages.has_errors() {
            return screen.report(messages, sources);
        }
        screen.say(&view::warnings::compact(messages, sources));
    }

    /// What would be done, or, where that is all that was found before something went wrong, a part of it.
    pub(super) fn plan(&self, screen: &Screen, plan: &Plan, errored: bool) {
        if self.wants_document() {
            self.note("plan", json::plan(plan, errored));
        }
        if self.is_for_people() {
            let paint = Paint(screen.style());
            let text = if self.shown.concise {
                view::plan::concise(plan, paint)
            } else {
                view::plan::text(plan, paint)
            };
            screen.print(&text);
            if errored {
                screen.print("\nThis is what was found before the errors; it is not the whole plan.\n");
            }
        }
    }

    /// The checklist, and what somebody should look at.
    pub(super) fn approval(&self, screen: &Screen, decision: &Decision, sources: &SourceMap) {
        self.note("policy", json::approval(decision));
        if !self.is_for_people() {
            return;
        }
        let text = view::plan::policy(decision, Paint(screen.style()));
        if !text.is_empty() && !self.shown.concise {
            screen.print(&format!("\n{text}"));
        }
        for warning in &decision.warnings {
            screen.report_one(&warning.diagnostic(), sources);
        }
    }

    /// The headline, each violation with its line, and what to do.
    pub(super) fn denial(&self, screen: &Screen, denial: &Denial, sources: &SourceMap) {
        self.note("policy", json::denial(denial, sources));
        if !self.is_for_people() {
            return;
        }
        let paint = Paint(screen.style());
        screen.say(&format!("\n{}\n\n", paint.red(paint.bold(denial.headline()))));
        screen.report(&denial.diagnostics(), sources);
        screen.say(&denial.action_list());
        screen.say("Nothing was changed.\n");
    }

    /// A call that begins or has ended. On stderr in every form but one of lines, where stdout is the document.
    pub(super) fn event(&self, screen: &Screen, event: Event<'_>) {
        let line = self.progress.borrow_mut().line(event);
        if !self.shown.concise {
            screen.say(&line);
        }
    }

    /// That nothing has hung.
    pub(super) fn heartbeat(&self, screen: &Screen) {
        if !self.shown.concise {
            screen.say(&self.progress.borrow().heartbeat());
        }
    }

    /// How an apply went.
    pub(super) fn applied(&self, screen: &Screen, applied: &Applied, kind: Kind, sources: &SourceMap) {
        self.note("summary", json::counts(applied.counts));
        self.note("failed", applied.unfinished.failed.into());
        self.note("skipped", applied.unfinished.skipped.into());
        self.note("rolled_back", applied.rolled_back.into());
        self.note("interrupted", applied.interrupted.into());
        self.note("errored", applied.messages.has_errors().into());
        self.note("checks", checks::json(&applied.checks));
        self.note("outputs", json::outputs(&applied.snapshot.outputs, false));
        self.messages(screen, &applied.messages, sources);
        if !self.is_for_people() {
            return;
        }
        let what = if kind == Kind::Destroy { "Destroy" } else { "Apply" };
        let paint = Paint(screen.style());
        if applied.interrupted || applied.messages.has_errors() {
            screen.say(&format!("{}\n", paint.yellow(not_complete(what, applied))));
            return;
        }
        screen.print(&format!("\n{}", summary(what, applied.counts, paint)));
        if !applied.snapshot.outputs.is_empty() && kind != Kind::Destroy && !self.shown.concise {
            screen.print(&format!("\nOutputs:\n\n{}", view::state::outputs(&applied.snapshot.outputs)));
        }
    }

    fn wants_document(&self) -> bool {
        self.format == Format::Json || self.shown.out_json.is_some()
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

    fn write(&self, screen: &Screen, document: Map<String, Json>, exit: Exit) -> Exit {
        let document = Json::Object(document);
        let written =
            self.shown.out_json.as_deref().map_or(Ok(()), |path| {
                write_file(path, &format!("{}\n", screen.json_text(document.clone())))
            });
        if self.format == Format::Json {
            screen.print_json(document);
        }
        match written {
            Ok(()) => exit,
            Err(messages) => {
                screen.report(&messages, &SourceMap::new());
                if exit == Exit::Done { Exit::Error } else { exit }
            }
        }
    }
}

/// What was done and what was not, and that the state has it.
fn not_complete(what: &str, applied: &Applied) -> String {
    let (done, not) = (applied.counts, applied.unfinished);
    let counts = [
        (done.add, "added"),
        (done.change, "changed"),
        (done.destroy, "destroyed"),
        (not.failed, "failed"),
        (not.skipped, "not begun"),
    ];
    let shown = counts.iter().enumerate().filter(|(at, (count, _))| *at < 3 || *count > 0);
    let counts = shown.map(|(_, (count, word))| format!("{count} {word}")).collect::<Vec<_>>().join(", ");
    format!("{what} not complete: {counts}. What was done is in the state; run it again to go on.")
}

fn write_file(path: &Path, text: &str) -> Result<(), Diagnostics> {
    file::write_private(path, text).map_err(|error| {
        let summary = format!("`{}` cannot be written: {}", path.display(), because(&error));
        Diagnostic::error(code::engine::FILE, summary)
            .help("name a file in a folder that you may write to")
            .into()
    })
}
