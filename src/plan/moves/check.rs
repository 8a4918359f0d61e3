//! What `moved` blocks contradict: each other, or the rest of the configuration.

use super::statement::{Statement, Statements};
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::graph::{Dag, ModuleTree};
use crate::lang::config::Place;
use std::collections::HashMap;
use std::sync::Arc;

/// Resource types that have the same objects under two names.
const TWINS: [&str; 2] = ["mlo_data", "terraform_data"];

pub(super) fn check(tree: &ModuleTree<'_>, statements: &Statements<'_>) -> Diagnostics {
    let mut messages = Diagnostics::new();
    for statement in &statements.all {
        let wrong = check_type(statement).into_iter().chain(check_gone(tree, statement));
        wrong.for_each(|error| messages.push(error));
    }
    check_ambiguous(statements, &mut messages);
    check_circles(statements, &mut messages);
    messages
}

fn check_type(statement: &Statement<'_>) -> Option<Diagnostic> {
    let (from, to) = (&statement.moved.from, &statement.moved.to);
    let of = |place: &Place| place.resource.as_ref().map(|(key, _)| key.type_name.clone());
    let (before, after) = (of(from)?, of(to)?);
    let twins = TWINS.contains(&before.as_ref()) && TWINS.contains(&after.as_ref());
    if before == after || twins {
        return None;
    }
    let summary = format!("an object of type `{before}` cannot become one of type `{after}`");
    let error =
        Diagnostic::error(code::engine::MOVE_TYPE, summary).at(to.span, "another type").at(from.span, "");
    Some(error.help("to give the old object up and make a new one, take the `moved` block out"))
}

/// What moved as a whole is not there any more.
fn check_gone(tree: &ModuleTree<'_>, statement: &Statement<'_>) -> Option<Diagnostic> {
    let from = &statement.moved.from;
    if !statement.is_whole() {
        return None;
    }
    let names = from.modules.iter().map(|step| step.name.clone());
    let path: Vec<Arc<str>> = statement.module.iter().cloned().chain(names).collect();
    let id = tree.find(&path)?;
    let declared = match &from.resource {
        Some((key, _)) => tree.module(id).resources.get(key)?.span,
        None => tree.parent(id)?.1.span,
    };
    let summary = format!("{} has moved, and is still in the configuration", statement.spell(from));
    let error = Diagnostic::error(code::engine::MOVE_SOURCE, summary);
    let error = error.at(from.span, "moved from here").at(declared, "declared here");
    Some(error.help("rename this block to the new address, or take the `moved` block out"))
}

/// One address cannot become two, nor two become one.
fn check_ambiguous(statements: &Statements<'_>, messages: &mut Diagnostics) {
    let (mut froms, mut tos) = (HashMap::new(), HashMap::new());
    for statement in &statements.all {
        let (from, to) = (&statement.moved.from, &statement.moved.to);
        let (old, new) = (statement.spell(from), statement.spell(to));
        let first = froms.entry(old.clone()).or_insert((new.clone(), from.span));
        if first.0 != new {
            let summary = format!("{old} is moved to two addresses: {} and {new}", first.0);
            let error = Diagnostic::error(code::engine::MOVE_AMBIGUOUS, summary).at(from.span, "again here");
            messages.push(error.at(first.1, "first here").help("keep one of the two blocks"));
            continue;
        }
        let first = tos.entry(new.clone()).or_insert((old.clone(), to.span));
        if first.0 != old {
            let summary = format!("{} and {old} are both moved to {new}", first.0);
            let error = Diagnostic::error(code::engine::MOVE_AMBIGUOUS, summary).at(to.span, "again here");
            messages.push(error.at(first.1, "first here").help("keep one of the two blocks"));
        }
    }
}

fn check_circles(statements: &Statements<'_>, messages: &mut Diagnostics) {
    let mut dag = Dag::new();
    let mut begins: HashMap<String, Vec<usize>> = HashMap::new();
    for (number, statement) in statements.all.iter().enumerate() {
        dag.add(());
        begins.entry(statement.spell(&statement.moved.from)).or_default().push(number);
    }
    for (number, statement) in statements.all.iter().enumerate() {
        for next in begins.get(&statement.spell(&statement.moved.to)).into_iter().flatten() {
            dag.depend(number, *next);
        }
    }
    for circle in dag.circles() {
        let blocks: Vec<_> = circle.0.iter().filter_map(|number| statements.all.get(*number)).collect();
        let names = blocks.iter().chain(blocks.first()).map(|block| block.spell(&block.moved.from));
        let summary = format!("`moved` blocks lead in a circle: {}", names.collect::<Vec<_>>().join(" → "));
        let error = Diagnostic::error(code::engine::MOVE_CIRCLE, summary);
        let error = blocks.iter().fold(error, |error, block| error.at(block.moved.span, ""));
        messages
            .push(error.help("take out the blocks that are no longer true: only the last address counts"));
    }
}
