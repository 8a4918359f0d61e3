//! One object as it is and as it is wanted, to what its provider will make of it.

use super::planner::Connected;
use super::stored::mark_by_schema;
use super::{Action, diff, propose};
use crate::diag::{Diagnostic, Span};
use crate::lang::config::{Resource, ResourceKey};
use crate::lang::value::{Path, PathStep, Value};
use crate::provider::{PlanRequest, ProviderError, ResourceSchema};

/// A change of one object, as its provider plans it.
pub(crate) struct PlannedChange {
    pub(crate) action: Action,
    pub(crate) planned: Value,
    pub(crate) replace: Vec<Path>,
}

/// Compares what is with what is wanted, and asks the provider what will be.
pub(crate) async fn plan_change(
    connected: &Connected,
    key: &ResourceKey,
    schema: &ResourceSchema,
    (prior, wanted): (Option<&Value>, &Value),
) -> Result<PlannedChange, ProviderError> {
    let connection = connected.connection.as_deref();
    let ask = async |prior: Option<&Value>| {
        let proposed = propose(&schema.block, prior, wanted);
        let request = PlanRequest { type_name: &key.type_name, prior, wanted, proposed };
        let mut planned = connected.provider.plan(connection, request).await?;
        planned.value = mark_by_schema(&planned.value, &schema.block);
        Ok(planned)
    };
    let planned = ask(prior).await?;
    let Some(prior) = prior else {
        return Ok(PlannedChange { action: Action::Create, planned: planned.value, replace: Vec::new() });
    };
    if diff::same(prior, &planned.value) {
        return Ok(PlannedChange { action: Action::NoOp, planned: planned.value, replace: Vec::new() });
    }
    let changed = diff::changed(prior, &planned.value);
    let mut replace = diff::forces_new(&schema.block, &changed);
    replace.extend(planned.replace);
    replace.sort();
    replace.dedup();
    if replace.is_empty() {
        return Ok(PlannedChange { action: Action::Update, planned: planned.value, replace });
    }
    let planned = ask(None).await?;
    Ok(PlannedChange { action: Action::Replace, planned: planned.value, replace })
}

/// Names in one message: more are not read.
const NAMES_MAX: usize = 10;

/// The first few of many names, and how many more there are.
pub(crate) fn some_of(names: &[impl ToString]) -> String {
    let shown = names.iter().take(NAMES_MAX).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// A provider's error in words, at the argument that is to blame where one is.
pub(crate) fn describe(
    error: &ProviderError,
    what: &str,
    block: Option<Span>,
    resource: Option<&Resource>,
) -> Diagnostic {
    let summary = format!("{what}: {}", error.summary);
    let mut message = Diagnostic::error(*error.code, summary).detail(error.detail.clone());
    message.help.clone_from(&error.help);
    let argument = error.path.as_ref().and_then(|path| path.0.first()).and_then(|step| match step {
        PathStep::Name(name) => resource?.body.attributes().find(|attribute| attribute.name.name == *name),
        PathStep::Index(_) => None,
    });
    let span = argument.map(|attribute| attribute.value.span).or(block);
    span.into_iter().fold(message, |message, span| message.at(span, ""))
}
