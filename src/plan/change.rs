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

/// What is compared.
pub(crate) struct Comparison<'a> {
    /// The object as it is, if it can be changed.
    pub(crate) prior: Option<&'a Value>,
    /// As the configuration says.
    pub(crate) wanted: &'a Value,
    /// The same, with what it leaves as it is in `prior`.
    pub(crate) kept: &'a Value,
    /// Whether a new object is made in any case.
    pub(crate) must_replace: bool,
}

/// Compares what is with what is wanted, and asks the provider what will be.
pub(crate) async fn plan_change(
    connected: &Connected,
    key: &ResourceKey,
    schema: &ResourceSchema,
    Comparison { prior, wanted, kept, must_replace }: Comparison<'_>,
) -> Result<PlannedChange, ProviderError> {
    let connection = connected.connection.as_deref();
    let ask = async |prior: Option<&Value>, wanted: &Value| {
        let proposed = propose(&schema.block, prior, wanted);
        let request = PlanRequest { type_name: &key.type_name, prior, wanted, proposed };
        let mut planned = connected.provider.plan(connection, request).await?;
        planned.value = mark_by_schema(&planned.value, &schema.block);
        Ok(planned)
    };
    let Some(prior) = prior else {
        let planned = ask(None, wanted).await?.value;
        return Ok(PlannedChange { action: Action::Create, planned, replace: Vec::new() });
    };
    let planned = ask(Some(prior), kept).await?;
    let mut replace = Vec::new();
    if !diff::same(prior, &planned.value) {
        let changed = diff::changed(prior, &planned.value);
        replace = diff::forces_new(&schema.block, &changed);
        replace.extend(planned.replace);
        replace.sort();
        replace.dedup();
    } else if !must_replace {
        return Ok(PlannedChange { action: Action::NoOp, planned: planned.value, replace });
    }
    if replace.is_empty() && !must_replace {
        return Ok(PlannedChange { action: Action::Update, planned: planned.value, replace });
    }
    // Of a new object nothing can stay as it was.
    let planned = ask(None, wanted).await?.value;
    Ok(PlannedChange { action: Action::Replace, planned, replace })
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
