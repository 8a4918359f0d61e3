//! Why an attribute changes, as far as the plan knows it.

use crate::lang::config::Resource;
use crate::lang::eval::BlockSchema;
use crate::lang::value::{Path, PathStep, Value};
use crate::plan::diff::same;

/// What an object's changes are judged by.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::cli) struct Causes<'a> {
    /// The object as the state has it, if it was changed outside since.
    pub(in crate::cli) stored: Option<&'a Value>,
    /// Its block.
    pub(in crate::cli) block: Option<&'a Resource>,
    /// Its type.
    pub(in crate::cli) schema: Option<&'a BlockSchema>,
}

/// Why one attribute changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The configuration wants it.
    Configuration,
    /// Somebody changed it outside.
    Drift,
    /// The model's file is another.
    ModelDigest,
    /// The configuration does not say it: the provider does.
    Default,
}

impl Cause {
    /// What stands after the change. That the configuration wants it goes without saying, unless something else
    /// changes too.
    pub(super) fn note(self, causes: Causes<'_>) -> Option<&'static str> {
        match self {
            Self::Configuration => causes.stored.map(|_| "configuration"),
            Self::Drift => Some("changed outside of mlo"),
            Self::ModelDigest => Some("the model's file is another"),
            Self::Default => Some("not in the configuration"),
        }
    }
}

impl Causes<'_> {
    /// Why the part of an object at `at`, a leaf, goes from `old` to `new`.
    pub(super) fn of(self, at: &Path, old: Option<&Value>, new: Option<&Value>) -> Option<Cause> {
        let PathStep::Name(first) = at.0.first()? else { return None };
        let block = self.block?;
        let new = new.filter(|value| !value.is_unknown());
        if let Some(stored) = self.stored {
            let before = find(stored, at);
            let alike = |a: Option<&Value>, b: Option<&Value>| match (a, b) {
                (Some(a), Some(b)) => same(a, b),
                (None, None) => true,
                (Some(one), None) | (None, Some(one)) => one.is_null(),
            };
            if alike(before, new) && !alike(before, old) {
                return Some(Cause::Drift);
            }
        }
        new?;
        let attribute = self.schema.and_then(|schema| schema.attributes.get(first));
        if attribute.is_some_and(|attribute| attribute.model_digest)
            && old.is_some_and(|old| !old.is_null() && !old.is_unknown())
        {
            return Some(Cause::ModelDigest);
        }
        let said = block.body.attributes().any(|attribute| attribute.name.name == *first)
            || block
                .body
                .blocks()
                .any(|inner| inner.kind.name == *first || inner.kind.name.as_ref() == "dynamic");
        if said {
            return Some(Cause::Configuration);
        }
        // What only the provider sets follows from what else changes.
        let may_be_said = attribute.is_none_or(|attribute| attribute.required || attribute.optional);
        may_be_said.then_some(Cause::Default)
    }
}

fn find<'v>(value: &'v Value, at: &Path) -> Option<&'v Value> {
    at.0.iter().try_fold(value, |value, step| match step {
        PathStep::Name(name) => value.get(name),
        PathStep::Index(index) => value.as_items()?.get(*index),
    })
}
