//! `run` blocks.

use super::{mock, settings, variables};
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::lang::config::Place;
use crate::lang::load::Loader;
use crate::lang::load::arguments::{Arguments, labels};
use crate::lang::load::blocks::conditions;
use crate::lang::load::calls::providers;
use crate::lang::load::changes::place_of;
use crate::lang::suite::{Expected, ExpectedOf, PlanOptions, Run, RunCommand};
use crate::lang::syntax::ast::{Block, Expr, ExprKind, Step};
use std::sync::Arc;

/// The kinds of blocks that stand in for something.
const OVERRIDES: [&str; 3] = ["override_resource", "override_data", "override_module"];

impl Loader<'_, '_> {
    pub(super) fn run_block(&mut self, block: &Block) -> Option<Run> {
        let [name] = labels(block, ["name"], self.diagnostics)?;
        let what = format!("run `{}`", name.name);
        let mut arguments = Arguments::new(what, block.header, &block.body, self.diagnostics);
        let command = command(&mut arguments);
        let given = arguments.block("variables").map(|block| variables(&block, arguments.diagnostics));
        let options =
            arguments.block("plan_options").map(|block| plan_options(&block, arguments.diagnostics));
        let providers = providers(&mut arguments);
        let assertions = conditions(&mut arguments, "assert");
        let expected = arguments.list("expect_failures");
        let expected: Vec<_> =
            expected.iter().filter_map(|entry| expected_of(entry, arguments.diagnostics)).collect();
        let mut overrides = Vec::new();
        for kind in OVERRIDES {
            for block in arguments.blocks(kind) {
                overrides.extend(mock::override_block(&block, arguments.diagnostics));
            }
        }
        overrides.sort_by_key(|each| each.span.start);
        let state_key = arguments.text("state_key").map(|(key, _)| key);
        let settings = settings(&mut arguments);
        let module = arguments.block("module");
        arguments.finish();
        let module = match module {
            Some(block) => Some(self.module_of(&block)?),
            None => None,
        };
        Some(Run {
            name,
            command,
            options: options.unwrap_or_default(),
            variables: given.unwrap_or_default(),
            module,
            providers,
            assertions,
            expected,
            overrides,
            state_key,
            settings,
            span: block.header,
        })
    }

    fn module_of(&mut self, block: &Block) -> Option<(Arc<str>, Arc<crate::lang::config::Module>)> {
        let what = "block `module` of a run".to_owned();
        let mut arguments = Arguments::new(what, block.header, &block.body, self.diagnostics);
        let source = arguments.require("source");
        let version = arguments.expr("version");
        arguments.finish();
        let source = source?;
        let ExprKind::String(text) = &source.kind else {
            let error =
                Diagnostic::error(code::lang::BAD_ARGUMENT, "`source` must be a quoted text without `${…}`");
            self.diagnostics.push(error.at(source.span, ""));
            return None;
        };
        let text = text.clone();
        let module = self.test_module((source, version), block.header)?;
        Some((text, Arc::new(module)))
    }
}

/// `command = plan`, without quotes.
fn command(arguments: &mut Arguments<'_>) -> RunCommand {
    let Some(expr) = arguments.names("command") else { return RunCommand::Apply };
    word(&expr, "command", &[("apply", RunCommand::Apply), ("plan", RunCommand::Plan)], arguments.diagnostics)
        .unwrap_or(RunCommand::Apply)
}

/// A bare word that is one of these.
pub(super) fn word<T: Copy>(
    expr: &Expr,
    argument: &str,
    known: &[(&str, T)],
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    let text = match &expr.kind {
        ExprKind::Name(word) => word.as_ref(),
        _ => "",
    };
    if let Some((_, value)) = known.iter().find(|(word, _)| *word == text) {
        return Some(*value);
    }
    let words: Vec<_> = known.iter().map(|(word, _)| format!("`{word}`")).collect();
    let expected = format!("expected {}", words.join(" or "));
    let error = Diagnostic::error(code::lang::BAD_ARGUMENT, format!("`{argument}` is one of a few words"));
    let error = error.at(expr.span, expected);
    diagnostics.push(match &expr.kind {
        ExprKind::String(text) => error.help(format!("take out the quotes: `{argument} = {text}`")),
        _ => error.did_you_mean(text, known.iter().map(|(word, _)| *word)),
    });
    None
}

fn plan_options(block: &Block, diagnostics: &mut Diagnostics) -> PlanOptions {
    let what = "block `plan_options`".to_owned();
    let mut arguments = Arguments::new(what, block.header, &block.body, diagnostics);
    let mode = arguments.names("mode");
    let modes = [("normal", false), ("refresh-only", true)];
    let mode = mode.and_then(|expr| word(&expr, "mode", &modes, arguments.diagnostics));
    let options = PlanOptions {
        refresh_only: mode.unwrap_or(false),
        refresh: arguments.bool("refresh").unwrap_or(true),
        targets: places(&mut arguments, "target"),
        replace: places(&mut arguments, "replace"),
    };
    arguments.finish();
    let refused = match (options.refresh_only, options.refresh, options.replace.is_empty()) {
        (true, false, _) => Some("`refresh-only` reads the objects, and `refresh = false` says not to"),
        (true, _, false) => Some("`refresh-only` changes nothing, so nothing can be replaced with it"),
        _ => None,
    };
    if let Some(summary) = refused {
        let error = Diagnostic::error(code::lang::BAD_ARGUMENT, summary).at(block.header, "in this block");
        diagnostics.push(error.help("take one of them out"));
    }
    options
}

fn places(arguments: &mut Arguments<'_>, name: &'static str) -> Vec<Place> {
    let entries = arguments.list(name);
    entries.iter().filter_map(|entry| place_of(entry, arguments.diagnostics)).collect()
}

/// An entry of `expect_failures`.
fn expected_of(entry: &Expr, diagnostics: &mut Diagnostics) -> Option<Expected> {
    let named = match &entry.kind {
        ExprKind::Access { target, steps } => match (&target.kind, steps.as_slice()) {
            (ExprKind::Name(root), [Step::Attr(name)]) => Some((root.as_ref(), name.name.clone())),
            _ => None,
        },
        _ => None,
    };
    let of = match named {
        Some(("var", name)) => ExpectedOf::Variable(name),
        Some(("output", name)) => ExpectedOf::Output(name),
        Some(("check", name)) => ExpectedOf::Check(name),
        _ => {
            let place = place_of(entry, diagnostics)?;
            if place.resource.is_none() {
                let error =
                    Diagnostic::error(code::lang::BAD_REFERENCE, "a module has no conditions of its own")
                        .at(entry.span, "expected a variable, an output, a check, or a resource");
                diagnostics.push(error.help("for a resource in it, write `module.name.type.name`"));
                return None;
            }
            ExpectedOf::Resource(place)
        }
    };
    Some(Expected { of, span: entry.span })
}
