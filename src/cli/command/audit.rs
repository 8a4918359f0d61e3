//! `mlo audit`
//!
//! Goes in: the records beside a state. Comes out: what they say, and what is wrong with them. Never happens: a record or a
//! state changed.

use crate::audit::{self, Finding, Kept, Kind, Written};
use crate::cli::args::{Audit, AuditList, AuditShow, AuditVerify, StateOf};
use crate::cli::exit::Exit;
use crate::cli::screen::Screen;
use crate::cli::session::{self, Failed, Found};
use crate::cli::view::{Paint, json};
use crate::diag::{Diagnostic, Diagnostics, SourceMap, because, code, escape};
use mlo_state::StoreError;
use serde_json::{Value as Json, json};
use std::fmt::Write as _;
use std::path::Path;

type Failure = (Failed, Exit);

pub(in crate::cli) fn run(command: &Audit, screen: &mut Screen) -> Exit {
    let (result, wants_json) = match command {
        Audit::List(options) => (list(options, screen), false),
        Audit::Show(options) => (show(options, screen), options.json),
        Audit::Verify(options) => (verify(options, screen), options.json),
    };
    result.unwrap_or_else(|(failed, exit)| session::fail(screen, wants_json, &failed, exit))
}

/// The records of a state.
struct Log {
    found: Found,
    runtime: tokio::runtime::Runtime,
    kept: Vec<Kept>,
}

fn error(messages: impl Into<Diagnostics>) -> Failure {
    (Failed { sources: SourceMap::new(), messages: messages.into() }, Exit::Error)
}

impl Log {
    fn open(of: &StateOf) -> Result<Self, Failure> {
        let found = session::store_of(of.from.as_deref(), &of.backend);
        let found = found.map_err(|failed| (failed, Exit::Error))?;
        let runtime = session::runtime().map_err(error)?;
        let kept = runtime.block_on(audit::read(found.store.as_ref()));
        let kept = kept.map_err(|error| store_failure(&found, &error))?;
        Ok(Self { found, runtime, kept })
    }

    /// Says that there is nothing to look at.
    fn say_none(&self, screen: &Screen) {
        screen.say("There is no record: nothing was applied here.\n");
        session::hint_at_other_states(screen, &self.found.place, "audit list --from");
    }

    /// What the snapshots that are kept say of who wrote them. Those that cannot be read say nothing: `mlo state verify`
    /// tells of them.
    fn snapshots(&self) -> Result<Vec<Written>, Failure> {
        let store = self.found.store.as_ref();
        let read = async {
            let mut written = Vec::new();
            for serial in store.serials().await? {
                match store.version(serial).await {
                    Ok(version) => written.extend(version.iter().map(Written::from)),
                    Err(StoreError::Corrupt { .. } | StoreError::Lost { .. } | StoreError::Sealed { .. }) => {
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(written)
        };
        self.runtime.block_on(read).map_err(|error| store_failure(&self.found, &error))
    }
}

fn store_failure(found: &Found, error: &StoreError) -> Failure {
    let (messages, exit) = session::store_failure(error, &found.place);
    (Failed { sources: SourceMap::new(), messages }, exit)
}

fn list(options: &AuditList, screen: &Screen) -> Result<Exit, Failure> {
    let log = Log::open(&options.of)?;
    if log.kept.is_empty() {
        log.say_none(screen);
        return Ok(Exit::Done);
    }
    if options.json {
        for kept in &log.kept {
            screen.print_whole(&String::from_utf8_lossy(&kept.bytes));
        }
        return Ok(Exit::Done);
    }
    screen.print(&format!("{}\n", line("#", ["WRITTEN", "WHAT", "BY", "ENVIRONMENT", "SERIAL"])));
    for kept in &log.kept {
        let number = kept.sequence.to_string();
        let line = match &kept.record {
            Ok(record) => {
                let entry = &record.entry;
                let what = format!("{} {}", entry.operation, outcome(entry.kind, &entry.what));
                let at = entry
                    .at
                    .split_once('.')
                    .map_or_else(|| entry.at.clone(), |(seconds, _)| format!("{seconds}Z"));
                line(&number, [&at, &what, &entry.who, &entry.environment, &entry.serial.to_string()])
            }
            Err(why) => format!("{number:>6}  {why}"),
        };
        screen.print(&format!("{}\n", escape(line.trim_end())));
    }
    Ok(Exit::Done)
}

fn line(number: &str, [at, what, who, environment, serial]: [&str; 5]) -> String {
    format!("{number:>6}  {at:20}  {what:24}  {who:24}  {environment:12}  {serial:>6}")
}

/// What a record is about, in a word or two.
fn outcome(kind: Kind, what: &Json) -> &str {
    match kind {
        Kind::Ended => what.get("outcome").and_then(Json::as_str).unwrap_or("ended"),
        Kind::Begun | Kind::Denied => kind.as_str(),
    }
}

fn show(options: &AuditShow, screen: &Screen) -> Result<Exit, Failure> {
    let log = Log::open(&options.of)?;
    let wanted = |kept: &&Kept| options.sequence.is_none_or(|sequence| kept.sequence == sequence);
    let Some(kept) = log.kept.iter().rfind(wanted) else {
        if log.kept.is_empty() {
            log.say_none(screen);
            return Ok(Exit::Error);
        }
        let number = options.sequence.unwrap_or_default();
        let message = Diagnostic::error(code::policy::AUDIT, format!("there is no record {number}"));
        return Err(error(message.help("`mlo audit list` lists all that there are")));
    };
    let record = match &kept.record {
        Ok(record) => record,
        Err(why) => {
            let summary = format!("record {} cannot be read: {why}", kept.sequence);
            let message = Diagnostic::error(code::policy::AUDIT, summary);
            return Err(error(message.help("`mlo audit verify` says what else is wrong with the log")));
        }
    };
    let mut document = serde_json::to_value(record).unwrap_or_default();
    if options.json {
        if let Json::Object(document) = &mut document {
            document.insert("digest".to_owned(), kept.digest.clone().into());
        }
        screen.print_json(document);
        return Ok(Exit::Done);
    }
    let mut text = format!("record: {}\ndigest: {}\n", kept.sequence, kept.digest);
    write_text(&document, 0, &mut text);
    screen.print(&text);
    Ok(Exit::Done)
}

/// A document as indented lines, `name: value`. Records are ours, so their depth is bounded; what is in strings is not.
fn write_text(value: &Json, depth: usize, out: &mut String) {
    const DEPTH_MAX: usize = 16;
    let indent = "  ".repeat(depth);
    let entries: Vec<(String, &Json)> = match value {
        Json::Object(entries) => {
            entries.iter().map(|(name, value)| (format!("{}:", escape(name)), value)).collect()
        }
        Json::Array(items) => items.iter().map(|item| ("-".to_owned(), item)).collect(),
        _ => Vec::new(),
    };
    for (name, value) in entries {
        match value {
            Json::Null if depth == 0 => {}
            Json::Object(_) | Json::Array(_) if depth < DEPTH_MAX && !is_empty(value) => {
                let _ = writeln!(out, "{indent}{name}");
                write_text(value, depth + 1, out);
            }
            Json::String(text) => drop(writeln!(out, "{indent}{name} {}", escape(text))),
            Json::Null => drop(writeln!(out, "{indent}{name} none")),
            other => drop(writeln!(out, "{indent}{name} {}", escape(&other.to_string()))),
        }
    }
}

fn is_empty(value: &Json) -> bool {
    match value {
        Json::Array(items) => items.is_empty(),
        Json::Object(entries) => entries.is_empty(),
        _ => false,
    }
}

fn verify(options: &AuditVerify, screen: &Screen) -> Result<Exit, Failure> {
    let log = Log::open(&options.of)?;
    let snapshots = log.snapshots()?;
    let mut findings = audit::verify(&log.kept, &snapshots, options.head.as_deref());
    let plan = options.plan_document.as_deref().map(digest_of).transpose()?;
    let about = plan.as_ref().map(|plan| audit::about_plan(&log.kept, plan)).unwrap_or_default();
    if let (Some(plan), []) = (&plan, about.as_slice()) {
        let wrong = format!("no record is about the plan of that document, whose digest is {plan}");
        findings.push(Finding { sequence: None, wrong });
    }
    if options.json {
        let mut document = verified(&log.kept, &findings);
        if let (Some(plan), Some(document)) = (plan, document.as_object_mut()) {
            document.insert("plan".to_owned(), json!({ "digest": plan, "records": about }));
        }
        screen.print_json(document);
        return Ok(if findings.is_empty() { Exit::Done } else { Exit::Error });
    }
    if log.kept.is_empty() && findings.is_empty() {
        log.say_none(screen);
        return Ok(Exit::Done);
    }
    let paint = Paint(screen.style());
    for Finding { sequence, wrong } in &findings {
        let what = sequence.map_or_else(|| "the log".to_owned(), |sequence| format!("record {sequence}"));
        screen.print(&format!("{} {what}: {}\n", paint.red("✗"), escape(wrong)));
    }
    if !findings.is_empty() {
        let message = Diagnostic::error(code::policy::AUDIT, "the audit log is not as mlo wrote it");
        return Err(error(message.help("bring the missing or changed records back from a copy of the state's place, and find out who may write there")));
    }
    let last = log.kept.last().map(|last| last.digest.as_str()).unwrap_or_default();
    let count = log.kept.len();
    let records = if count == 1 { "record, as it was" } else { "records, each as it was" };
    screen.print(&format!("{} {count} {records} written, and none is missing\n", paint.green("✓")));
    screen.print(&format!("The last has the digest {last}\n"));
    if let Some(plan) = plan {
        let about: Vec<_> = about.iter().map(u64::to_string).collect();
        screen.print(&format!("The plan of that document, {plan}, is in record {}\n", about.join(", ")));
    }
    Ok(Exit::Done)
}

/// The digest of the plan in a document: of `mlo plan`, `mlo show` or `mlo apply`.
fn digest_of(path: &Path) -> Result<String, Failure> {
    let unreadable = |why: String| {
        let message = Diagnostic::error(code::engine::FILE, format!("`{}`: {why}", path.display()));
        error(message.help("give what `mlo show PLAN --json` or `mlo apply --json` printed"))
    };
    let text = std::fs::read(path).map_err(|error| unreadable(because(&error)))?;
    let document: Json = serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
    let plan = document.get("plan").filter(|plan| plan.is_object()).unwrap_or(&document);
    if !plan.get("resource_changes").is_some_and(Json::is_array) {
        return Err(unreadable("it is no document of a plan".to_owned()));
    }
    Ok(audit::digest_of(&json::done_by(plan.clone())))
}

fn verified(kept: &[Kept], findings: &[Finding]) -> Json {
    let findings: Vec<_> = findings
        .iter()
        .map(|finding| json!({ "record": finding.sequence, "wrong": finding.wrong }))
        .collect();
    json!({
        "format_version": json::FORMAT,
        "whole": findings.is_empty(),
        "records": kept.len(),
        "head": kept.last().map(|last| json!({ "record": last.sequence, "digest": last.digest })),
        "findings": findings,
    })
}
