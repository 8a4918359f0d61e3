//! What `lifecycle` blocks say of an instance.

use super::{Repetition, World};
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::graph::ModuleId;
use crate::lang::config::ResourceKey;
use crate::lang::eval::{BlockSchema, Ignored, evaluate, ignored};
use crate::lang::syntax::ast::{Expr, ExprKind, Step};
use crate::lang::value::{Path, PathStep, Type, Value, convert};
use crate::plan::ignore::keep;
use mlo_state::{Key, Mode, ModuleAddress};
use std::fmt;
use std::sync::Arc;

/// What an entry of `replace_triggered_by` names.
#[derive(Debug, PartialEq)]
pub(in crate::plan) struct Trigger {
    /// The block, in the same module.
    pub(in crate::plan) key: ResourceKey,
    /// One instance of it, or all.
    pub(in crate::plan) instance: Option<Key>,
    /// The part of it; empty for all.
    pub(in crate::plan) path: Path,
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.key.type_name, self.key.name)?;
        match &self.instance {
            Some(Key::Index(index)) => write!(f, "[{index}]")?,
            Some(Key::Name(name)) => write!(f, "[{name:?}]")?,
            None => {}
        }
        if self.path.0.is_empty() { Ok(()) } else { write!(f, ".{}", self.path) }
    }
}

impl World<'_> {
    /// A `lifecycle` argument that is a bool; false where it is not given.
    ///
    /// # Errors
    /// If it is no bool, or is not known: what goes first cannot wait.
    pub(in crate::plan) fn flag(
        &self,
        id: ModuleId,
        at: &ModuleAddress,
        repetition: Option<&Repetition>,
        expr: Option<&Expr>,
    ) -> Result<bool, Diagnostics> {
        let Some(expr) = expr else { return Ok(false) };
        let wrong = |label: String| {
            Diagnostic::error(code::engine::CONDITION, "this must be true or false").at(expr.span, label)
        };
        let value = evaluate(expr, &self.scope(id, at, repetition))?;
        if value.is_unknown() && self.context.check_only {
            return Ok(false);
        }
        let value = convert(&value, &Type::Bool).map_err(|error| wrong(error.to_string()))?;
        match value.as_bool() {
            Some(flag) => Ok(flag),
            None if value.is_null() => Ok(false),
            None => Err(wrong("this is not known before the apply".to_owned()).into()),
        }
    }

    /// What the configuration wants of an instance, with what it leaves as it is in `prior`.
    ///
    /// # Errors
    /// If `ignore_changes` cannot be evaluated or names nothing.
    pub(crate) fn laid_over(
        &self,
        (id, key): (ModuleId, &ResourceKey),
        (at, repetition): (&ModuleAddress, &Repetition),
        schema: &BlockSchema,
        (prior, wanted): (Option<&Value>, &Value),
    ) -> Result<Value, Diagnostics> {
        let Some(expr) = &self.resource(id, key).lifecycle.ignore_changes else { return Ok(wanted.clone()) };
        let (scope, what) = (self.scope(id, at, Some(repetition)), (key.type_name.as_ref(), schema));
        // Warnings are the check's to give.
        let ignored = ignored(expr, what, &scope, &mut Diagnostics::new())?;
        if ignored == Ignored::Unknown {
            let summary = "`ignore_changes` must be known before anything is planned";
            return Err(Diagnostic::error(code::engine::CONDITION, summary).at(expr.span, "").into());
        }
        Ok(prior.map_or_else(|| wanted.clone(), |prior| keep(&ignored, schema, prior, wanted)))
    }

    /// What an entry of `replace_triggered_by` names.
    ///
    /// # Errors
    /// If an index in it is not known, or is neither a string nor a position.
    pub(in crate::plan) fn trigger(
        &self,
        id: ModuleId,
        (at, repetition): (&ModuleAddress, &Repetition),
        entry: &Expr,
    ) -> Result<Option<Trigger>, Diagnostics> {
        let ExprKind::Access { target, steps } = &entry.kind else { return Ok(None) };
        let (ExprKind::Name(type_name), Some((Step::Attr(name), rest))) = (&target.kind, steps.split_first())
        else {
            return Ok(None);
        };
        let scope = self.scope(id, at, Some(repetition));
        let mut path = Vec::new();
        for step in rest {
            path.push(match step {
                Step::Attr(name) => PathStep::Name(name.name.clone()),
                // Whatever comes after it, any of them counts.
                Step::Splat { .. } => break,
                Step::Index(index, span) => {
                    PathStep::of_index(&evaluate(index, &scope)?).ok_or_else(|| {
                        Diagnostic::error(code::engine::CONDITION, "what replaces a resource must be known")
                            .at(*span, "expected a known string or position")
                    })?
                }
            });
        }
        let instance = match rest.first() {
            Some(Step::Index(..)) => Some(match path.remove(0) {
                PathStep::Name(name) => Key::Name(name),
                PathStep::Index(index) => Key::Index(index as u64),
            }),
            _ => None,
        };
        let key =
            ResourceKey { mode: Mode::Managed, type_name: Arc::clone(type_name), name: name.name.clone() };
        Ok(Some(Trigger { key, instance, path: Path(path) }))
    }
}
