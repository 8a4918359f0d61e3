//! A plan as text: what Terraform users know, and a line each for what they do not.

use super::Paint;
use super::change::{Causes, Changes, output};
use super::value::quote;
use crate::cli::policies;
use crate::diag::escape;
use crate::graph::ModuleTree;
use crate::lang::config::ResourceKey;
use crate::lang::value::{Path, Value};
use crate::plan::{
    Action, Counts, Drift, Kind, Operation, OutputChange, Plan, ReadLater, Reason, object_name,
};
use crate::policy::{Decision, Listed};
use crate::provider::{self, Provider};
use mlo_state::Address;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// Objects that are named because they were not read; of more only the number is told.
const UNREAD_MAX: usize = 10;

/// The whole plan, its summary line last.
pub(in crate::cli) fn text(plan: &Plan, paint: Paint) -> String {
    let mut out = String::new();
    drift(plan, paint, &mut out);
    unread(plan, paint, &mut out);
    changes(plan, true, paint, &mut out);
    out
}

/// What was found of a plan before something went wrong.
pub(in crate::cli) fn found(plan: &Plan, concise: bool, paint: Paint) -> String {
    let mut out = String::new();
    // Where objects are only read, what differs is all that there is to find.
    if !concise || plan.kind == Kind::Refresh {
        drift(plan, paint, &mut out);
    }
    if !concise {
        unread(plan, paint, &mut out);
    }
    if plan.has_changes() {
        objects_and_outputs(plan, !concise, paint, &mut out);
        out.push('\n');
    }
    out.push_str(if plan.is_applyable() {
        "This is what was found before the errors; it is not the whole plan.\n"
    } else {
        "Nothing to do was found before the errors; this is not the whole plan.\n"
    });
    out
}

/// Which environment a plan is for, above it.
pub(in crate::cli) fn environment(name: &str, paint: Paint) -> String {
    format!("{}\n\n", paint.bold(format!("Environment: {name}")))
}

/// Objects that are shown as the state has them.
fn unread(plan: &Plan, paint: Paint, out: &mut String) {
    if plan.unread.is_empty() {
        return;
    }
    let head = match plan.kind {
        // Nothing is made by it that could tell.
        Kind::Refresh => "Not refreshed: what their provider is configured from is not there, or not known.",
        _ => "Not refreshed: the configuration of their provider is not known before the apply.",
    };
    let _ = writeln!(out, "{}\n", paint.bold(head));
    for address in plan.unread.iter().take(UNREAD_MAX) {
        let _ = writeln!(out, "  # {address}");
    }
    if let Some(more) = plan.unread.len().checked_sub(UNREAD_MAX).filter(|more| *more > 0) {
        let _ = writeln!(out, "  # and {more} more");
    }
    out.push('\n');
}

/// The changes and the summary line.
pub(in crate::cli) fn concise(plan: &Plan, paint: Paint) -> String {
    let mut out = String::new();
    changes(plan, false, paint, &mut out);
    out
}

fn changes(plan: &Plan, with_legend: bool, paint: Paint, out: &mut String) {
    if !plan.has_changes() {
        let _ = writeln!(out, "{}", paint.bold(nothing_to_do(plan)));
        return;
    }
    if !objects_and_outputs(plan, with_legend, paint, out) {
        let read = if plan.kind == Kind::Refresh && plan.has_drift() {
            "writes to the state what was read, "
        } else {
            ""
        };
        let _ = writeln!(out, "\nAn apply {read}saves these outputs and changes no object.");
    }
}

/// The changes of objects with the summary line, and those of outputs; whether an object changes.
fn objects_and_outputs(plan: &Plan, with_legend: bool, paint: Paint, out: &mut String) -> bool {
    let mut output_changes = String::new();
    outputs(plan, paint, &mut output_changes);
    let changed: Vec<_> = plan.operations.iter().filter(|operation| operation.is_change()).collect();
    if changed.is_empty() {
        out.push_str(output_changes.trim_start());
        return false;
    }
    if with_legend {
        legend(&changed, paint, out);
    }
    let judge = Judge::new(plan);
    for operation in changed {
        block(operation, &judge, paint, out);
    }
    let _ = writeln!(out, "{}", summary(plan.counts(), paint));
    out.push_str(&output_changes);
    true
}

fn nothing_to_do(plan: &Plan) -> String {
    match (plan.kind, plan.has_drift()) {
        (Kind::Refresh, false) => "No changes. The state is as the objects are.".to_owned(),
        (Kind::Refresh, true) => {
            "An apply of this writes to the state what was read, and changes no object.".to_owned()
        }
        (Kind::Destroy, _) => "No objects need to be destroyed.".to_owned(),
        (_, false) => "No changes. Everything matches the configuration.".to_owned(),
        (_, true) => "No changes. What was changed outside matches the configuration.".to_owned(),
    }
}

/// `Plan: 1 to add, 0 to change, 0 to destroy.`
pub(in crate::cli) fn summary(counts: Counts, paint: Paint) -> String {
    let Counts { add, change, destroy, import } = counts;
    let import = if import > 0 { format!("{import} to import, ") } else { String::new() };
    format!("{} {import}{add} to add, {change} to change, {destroy} to destroy.", paint.bold("Plan:"))
}

fn legend(operations: &[&Operation], paint: Paint, out: &mut String) {
    out.push_str("mlo will do the following:\n");
    let has = |action: Action, first: bool| {
        operations.iter().any(|operation| {
            operation.action == action
                && (action != Action::Replace || operation.create_before_destroy == first)
        })
    };
    let replace = |first, second| format!("{first}/{second}");
    for (action, first, symbol, word) in [
        (Action::Create, false, paint.add(), "create"),
        (Action::Update, false, paint.change(), "update in place"),
        (Action::Delete, false, paint.remove(), "destroy"),
        (Action::Replace, false, replace(paint.remove(), paint.add()), "destroy, then create anew"),
        (Action::Replace, true, replace(paint.add(), paint.remove()), "create anew, then destroy"),
        (Action::Forget, false, ".".to_owned(), "forget: the object stays, the state no longer knows of it"),
        (Action::Read, false, paint.read(), "read a data source"),
    ] {
        if has(action, first) {
            let pad = match action {
                Action::Replace => "",
                Action::Read => " ",
                _ => "  ",
            };
            let _ = writeln!(out, "{pad}{symbol} {word}");
        }
    }
    out.push('\n');
}

/// Finds what the changes of objects are judged by.
pub(super) struct Judge<'p> {
    plan: &'p Plan,
    tree: ModuleTree<'p>,
    stored: BTreeMap<&'p Address, &'p Value>,
    providers: BTreeMap<&'static str, Arc<dyn Provider>>,
}

impl<'p> Judge<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        let drift = plan.drift.iter().filter(|drift| drift.deposed.is_none());
        let stored = drift.map(|drift| (&drift.address, &drift.before)).collect();
        Self { plan, tree: ModuleTree::new(&plan.config), stored, providers: provider::all() }
    }

    fn causes(&self, operation: &Operation) -> Causes<'_> {
        let Address { module, mode, type_name, name, .. } = operation.address.clone();
        // Of what is made anew or taken away every attribute changes for one reason, which is said above it.
        if operation.action != Action::Update && operation.action != Action::Replace
            || self.plan.kind == Kind::Destroy
        {
            return Causes::default();
        }
        let schema = provider::schema_of(&self.providers, &type_name);
        let key = ResourceKey { mode, type_name, name };
        let block = self.tree.find(&module.block()).and_then(|id| self.tree.module(id).resources.get(&key));
        Causes { stored: self.stored.get(&operation.address).copied(), block: block.map(Box::as_ref), schema }
    }
}

/// The lines of one operation: what happens to which object and why, and its attributes.
pub(super) fn block(operation: &Operation, judge: &Judge<'_>, paint: Paint, out: &mut String) {
    let Operation { address, prior, planned, replace, .. } = operation;
    let moves_only = operation.previous.as_ref().filter(|_| operation.action == Action::NoOp);
    let name = object_name(moves_only.unwrap_or(address), operation.deposed.as_deref());
    let _ = writeln!(out, "  # {}", paint.bold(format!("{}{}", name, heading(operation))));
    if let Some(previous) = operation.previous.as_ref().filter(|_| operation.action != Action::NoOp) {
        let _ = writeln!(out, "  # (moved from {previous})");
    }
    if let Some(id) = operation.importing.as_ref().filter(|_| operation.action != Action::NoOp) {
        let _ = writeln!(out, "  # (imported from {})", quote(id));
    }
    if let Some(why) = why(judge.plan, operation) {
        let _ = writeln!(out, "  # {why}");
    }
    let (symbol, before, after) = match operation.action {
        Action::Create => (format!("  {}", paint.add()), None, planned.as_ref()),
        Action::Delete => (format!("  {}", paint.remove()), prior.as_ref(), None),
        Action::Replace => {
            let (first, second) = if operation.create_before_destroy {
                (paint.add(), paint.remove())
            } else {
                (paint.remove(), paint.add())
            };
            (format!("{first}/{second}"), prior.as_ref(), planned.as_ref())
        }
        Action::Update => (format!("  {}", paint.change()), prior.as_ref(), planned.as_ref()),
        Action::NoOp => ("   ".to_owned(), prior.as_ref(), planned.as_ref()),
        Action::Forget => ("  .".to_owned(), prior.as_ref(), prior.as_ref()),
        Action::Read => (format!(" {}", paint.read()), None, planned.as_ref()),
    };
    let kind = if operation.action == Action::Read { "data" } else { "resource" };
    let _ = writeln!(out, "{symbol} {kind} \"{}\" \"{}\" {{", address.type_name, address.name);
    out.push_str(&Changes::of(before, after, (replace, judge.causes(operation)), paint));
    out.push_str("    }\n\n");
}

fn heading(operation: &Operation) -> String {
    let words = match (operation.action, operation.reason) {
        (Action::Create, _) => " will be created",
        (Action::Update, _) => " will be updated in place",
        (Action::Delete, _) => " will be destroyed",
        (Action::Replace, Reason::Tainted) => " is tainted, so must be replaced",
        (Action::Replace, Reason::Requested) => " will be replaced, as requested",
        (Action::Replace, _) => " must be replaced",
        (Action::Forget, _) => " will no longer be managed by mlo, but will not be destroyed",
        (Action::NoOp, _) if operation.importing.is_some() => " will be imported",
        (Action::NoOp, _) if operation.previous.is_some() => {
            return format!(" has moved to {}", operation.address);
        }
        (Action::Read, _) => " will be read during apply",
        (Action::NoOp, _) => " stays as it is",
    };
    words.to_owned()
}

fn why(plan: &Plan, operation: &Operation) -> Option<String> {
    let key = || {
        let address = operation.address.to_string();
        let at = address.rfind('[').unwrap_or(address.len());
        address.get(at..).unwrap_or("").trim_matches(['[', ']']).to_owned()
    };
    match operation.reason {
        Reason::Missing => {
            let why = "it was deleted or stopped outside of mlo, or its provider now looks elsewhere";
            Some(format!("(because it is gone: {why})"))
        }
        Reason::Triggered => {
            let triggers = operation.triggered_by.join(", ");
            Some(format!("(because of `replace_triggered_by`: {triggers} changes)"))
        }
        Reason::Deposed => Some("(because a new object took its place)".to_owned()),
        Reason::NoBlock => Some("(because its block is not in the configuration)".to_owned()),
        Reason::NoModule => Some("(because its module is not in the configuration)".to_owned()),
        Reason::NoIndex => Some(format!("(because index {} is past `count`)", key())),
        Reason::NoKey => Some(format!("(because key {} is not in `for_each`)", key())),
        Reason::WrongRepetition if operation.address.key.is_none() => {
            Some("(because its block has `count` or `for_each` now)".to_owned())
        }
        Reason::WrongRepetition => Some(format!("(because its block gives no instance the key {})", key())),
        Reason::NoMoveTarget => Some(format!(
            "(because it was moved to {}, which is not in the configuration)",
            operation.address
        )),
        Reason::Removed => Some("(because a `removed` block says `destroy = false`)".to_owned()),
        Reason::Configuration if operation.action == Action::Replace => {
            let paths: Vec<_> = operation.replace.iter().map(Path::to_string).collect();
            Some(format!("(because {} cannot change in place)", paths.join(", ")))
        }
        Reason::ConfigUnknown | Reason::DependencyPending => why_later(plan, operation),
        Reason::Configuration | Reason::Tainted | Reason::Requested | Reason::Destroy => None,
    }
}

/// Why a data source is not read yet.
fn why_later(plan: &Plan, operation: &Operation) -> Option<String> {
    let object = plan.data.get(&operation.address.block())?.get(&operation.address)?;
    Some(match object.later.as_ref()? {
        ReadLater::Unknown(paths) if paths.is_empty() => {
            "(what it is asked is known only when it is applied)".to_owned()
        }
        ReadLater::Unknown(paths) => {
            let are = if paths.len() == 1 { "is" } else { "are" };
            format!("({} {are} not known yet)", paths.join(", "))
        }
        ReadLater::Provider(name) => format!("(the configuration of its provider `{name}` is not known yet)"),
        ReadLater::Pending(blocks) => {
            let names: Vec<_> = blocks.iter().map(ToString::to_string).collect();
            let change = if names.len() == 1 { "changes" } else { "change" };
            format!("(depends on {}, which {change})", names.join(", "))
        }
    })
}

/// What was changed outside, and matters: objects that are gone or differ.
fn drift(plan: &Plan, paint: Paint, out: &mut String) {
    if plan.drift.is_empty() {
        return;
    }
    let _ = writeln!(out, "{}\n", paint.bold("Changed outside of mlo since the last apply:"));
    plan.drift.iter().for_each(|drift| out.push_str(&changed_outside(drift, paint)));
}

/// One object that was changed outside.
pub(super) fn changed_outside(Drift { address, deposed, before, after }: &Drift, paint: Paint) -> String {
    let what = if after.is_some() { "has changed" } else { "is gone" };
    let name = object_name(address, deposed.as_deref());
    let mut out = format!("  # {}\n", paint.bold(format!("{name} {what}")));
    if after.is_some() {
        let symbol = paint.change();
        let _ = writeln!(out, "  {symbol} resource \"{}\" \"{}\" {{", address.type_name, address.name);
        out.push_str(&Changes::of(Some(before), after.as_ref(), (&[], Causes::default()), paint));
        out.push_str("    }\n");
    }
    out.push('\n');
    out
}
fn outputs(plan: &Plan, paint: Paint, out: &mut String) {
    let changed: Vec<_> = plan.outputs.iter().filter(|(_, change)| change.is_change()).collect();
    if changed.is_empty() {
        return;
    }
    out.push_str("\nChanges to outputs:\n");
    let width = changed.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, change) in changed {
        out.push_str(&one_output(name, change, width, paint));
    }
}

/// The line of an output.
pub(super) fn one_output(name: &str, change: &OutputChange, width: usize, paint: Paint) -> String {
    let symbol = match (&change.before, &change.after) {
        (None, _) => paint.add(),
        (_, None) => paint.remove(),
        _ => paint.change(),
    };
    let value = output(change.before.as_ref(), change.after.as_ref(), 2, paint);
    format!("  {symbol} {name:width$} = {value}\n")
}

/// What the policies said, when they let the plan through: the short list of each model, and one line.
pub(in crate::cli) fn policy(decision: &Decision, paint: Paint) -> String {
    let mut out = String::new();
    for evaluation in &decision.evaluations {
        let list: Vec<_> = evaluation.checklist().collect();
        if list.is_empty() {
            continue;
        }
        let _ = writeln!(out, "{}", paint.bold(format!("Governance of {}:", evaluation.subject)));
        for (passed, line) in list {
            let symbol = if passed { paint.green("✓") } else { paint.red("✗") };
            let _ = writeln!(out, "  {symbol} {line}");
        }
    }
    let (counted, environment) = (counted(decision), &decision.environment);
    let bundle = policies::short(&decision.bundle);
    let _ = writeln!(out, "{} {counted}, environment {environment}, bundle {bundle}", paint.bold("Policy:"));
    out.push_str(&bundles(decision));
    out
}

/// The bundles that were asked, a line each; nothing if it is the built-in one alone.
pub(in crate::cli) fn bundles(decision: &Decision) -> String {
    let is_built_in = |bundle: &Listed| bundle.source.starts_with("mlo://");
    if decision.bundles.iter().all(is_built_in) {
        return String::new();
    }
    let line = |bundle: &Listed| {
        let source = Some(format!(" ({})", escape(&bundle.source))).filter(|_| bundle.source != bundle.name);
        let digest = policies::short(&bundle.digest);
        let revision = bundle.revision.as_ref().map(|revision| format!(", revision {}", escape(revision)));
        let signed = bundle.signed_by.as_ref().map(|key| format!(", signed by {}", escape(key)));
        let more: String = [revision, signed].into_iter().flatten().collect();
        format!("  bundle {}{}: {digest}{more}\n", escape(&bundle.name), source.unwrap_or_default())
    };
    decision.bundles.iter().map(line).collect()
}

/// How the rules came out, such as `21 rules passed, 1 passed by`.
pub(in crate::cli) fn counted(decision: &Decision) -> String {
    let models = decision.evaluations.iter().flat_map(|evaluation| &evaluation.rules);
    let rules: Vec<_> = models.chain(&decision.deployment).collect();
    let waiting = decision.undetermined();
    let passed = rules.iter().filter(|rule| rule.passed).count();
    let undetermined = waiting.len();
    let passed_by = rules.iter().filter(|rule| !rule.passed && !waiting.contains(rule.rule.as_str())).count();
    let counts = [(passed_by, "passed by"), (undetermined, "undetermined")];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let s = if passed == 1 { "" } else { "s" };
    counts.fold(format!("{passed} rule{s} passed"), |all, (count, what)| format!("{all}, {count} {what}"))
}
