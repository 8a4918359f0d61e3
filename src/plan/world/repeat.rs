//! `count` and `for_each` to the instances that a block has.

use super::World;
use crate::diag::{Diagnostic, Diagnostics, Span, code};
use crate::graph::ModuleId;
use crate::lang::config::Repeat;
use crate::lang::eval::{describe, evaluate};
use crate::lang::syntax::ast::Expr;
use crate::lang::value::{Kind, Type, Value, convert};
use mlo_state::{Key, ModuleAddress};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Instances that one block may have. Past it, a plan is no longer read by anybody.
pub(super) const INSTANCES_MAX: usize = 100_000;

/// Instances of all blocks and modules of a configuration together: modules in modules multiply theirs.
const INSTANCES_IN_ALL_MAX: usize = 150_000;

/// What can be done where the number or the keys of instances are sensitive.
const MAY_BE_TOLD: &str = "if that may be told, write `nonsensitive(…)` around it";

/// `each` and `count` of one instance.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Repetition {
    /// The instance's key.
    pub(in crate::plan) key: Option<Key>,
    /// `each.key` and `each.value`.
    pub(in crate::plan) each: Option<(Value, Value)>,
    /// `count.index`
    pub(in crate::plan) index: Option<Value>,
    /// There is no such instance: it stands for those that there would be with other values of variables.
    pub(in crate::plan) imagined: bool,
}

impl Repetition {
    /// One of a block that has none, or of which it is not known how many there are.
    pub(in crate::plan) fn imagined(repeat: &Repeat) -> Self {
        let (each, index) = match repeat {
            Repeat::Once => (None, None),
            Repeat::Count(_) => (None, Some(Value::unknown_not_null(Type::Number))),
            Repeat::ForEach(_) => {
                (Some((Value::unknown_not_null(Type::String), Value::unknown(Type::Any))), None)
            }
        };
        Self { key: None, each, index, imagined: true }
    }

    /// That of an instance which the block does not have any more. What `each.value` was, nobody knows.
    pub(in crate::plan) fn of_key(key: Option<&Key>) -> Self {
        let (each, index) = match key {
            None => (None, None),
            Some(Key::Index(index)) => (None, Some(Value::number(i64::try_from(*index).unwrap_or(i64::MAX)))),
            Some(Key::Name(name)) => (Some((Value::string(&**name), Value::unknown(Type::Any))), None),
        };
        Self { key: key.cloned(), each, index, imagined: false }
    }

    pub(super) fn is_known(&self) -> bool {
        self.each.as_ref().is_none_or(|(_, value)| value.is_wholly_known())
    }
}

/// `each` and `count` of a block's instances, by their keys.
pub type Repetitions = HashMap<Option<Key>, Repetition>;

impl World<'_> {
    /// What `count` or `for_each` of a block says, in an instance of its module.
    pub(in crate::plan) fn repetitions(
        &self,
        id: ModuleId,
        at: &ModuleAddress,
        repeat: &Repeat,
    ) -> Result<Vec<Repetition>, Diagnostics> {
        let scope = self.scope(id, at, None);
        let all = match repeat {
            Repeat::Once => Ok(vec![Repetition::default()]),
            Repeat::Count(expr) => self.count((id, at), expr, &evaluate(expr, &scope)?),
            Repeat::ForEach(expr) => self.for_each((id, at), expr, &evaluate(expr, &scope)?),
        }?;
        Ok(if self.checks && all.is_empty() { vec![Repetition::imagined(repeat)] } else { all })
    }

    /// The same, of a block or module whose instances are about to be made: there are only so many in all.
    pub(in crate::plan) fn admitted(
        &self,
        (id, at): (ModuleId, &ModuleAddress),
        repeat: &Repeat,
        place: Span,
    ) -> Result<Vec<Repetition>, Diagnostics> {
        let all = self.repetitions(id, at, repeat)?;
        self.admitted.set(self.admitted.get() + all.len());
        if self.is_full() {
            let span = match repeat {
                Repeat::Once => place,
                Repeat::Count(expr) | Repeat::ForEach(expr) => expr.span,
            };
            let summary = format!("there are more than {INSTANCES_IN_ALL_MAX} instances in all");
            return Err(Diagnostic::error(code::lang::LIMIT, summary)
                .at(span, "one of these is the first that is too many")
                .help("divide the configuration into several, each with a state of its own")
                .into());
        }
        Ok(all)
    }

    /// Whether there are more instances than are admitted: it was said, and the rest need not be looked at.
    pub(in crate::plan) fn is_full(&self) -> bool {
        self.admitted.get() > INSTANCES_IN_ALL_MAX
    }

    /// The same, by the instances' keys.
    ///
    /// # Errors
    /// If the repetition cannot be evaluated.
    pub fn repetitions_by_key(
        &self,
        id: ModuleId,
        at: &ModuleAddress,
        repeat: &Repeat,
    ) -> Result<Repetitions, Diagnostics> {
        let all = self.repetitions(id, at, repeat)?;
        Ok(all.into_iter().map(|repetition| (repetition.key.clone(), repetition)).collect())
    }

    fn count(
        &self,
        place: (ModuleId, &ModuleAddress),
        expr: &Expr,
        value: &Value,
    ) -> Result<Vec<Repetition>, Diagnostics> {
        let wrong = |summary: String| {
            Diagnostics::from(Diagnostic::error(code::engine::COUNT, summary).at(expr.span, ""))
        };
        if value.marks().is_sensitive() {
            let summary = "`count` is sensitive: the number of instances would tell it";
            let error = Diagnostic::error(code::engine::COUNT, summary).at(expr.span, "");
            return Err(error.help(MAY_BE_TOLD).into());
        }
        if value.is_unknown() && convert(value, &Type::Number).is_ok() {
            if self.context.check_only {
                let index = Some(Value::unknown_not_null(Type::Number));
                return Ok(vec![Repetition { index, ..Repetition::default() }]);
            }
            return Err(self.unknown_repetition("count", place, expr).into());
        }
        let number = convert(value, &Type::Number).ok();
        let count = number.as_ref().and_then(Value::as_number).and_then(crate::lang::value::Number::as_i64);
        let Some(count) = count.and_then(|count| u64::try_from(count).ok()) else {
            return Err(wrong(format!(
                "`count` must be a whole number that is not negative, but it is {}",
                shown(value)
            )));
        };
        if count > INSTANCES_MAX as u64 {
            return Err(wrong(format!(
                "`count` is {count}; a block can have at most {INSTANCES_MAX} instances"
            )));
        }
        Ok((0..count)
            .map(|index| {
                let value = Value::number(i64::try_from(index).unwrap_or(i64::MAX));
                Repetition { key: Some(Key::Index(index)), index: Some(value), ..Repetition::default() }
            })
            .collect())
    }

    fn for_each(
        &self,
        place: (ModuleId, &ModuleAddress),
        expr: &Expr,
        value: &Value,
    ) -> Result<Vec<Repetition>, Diagnostics> {
        let wrong = |summary: String| {
            Diagnostics::from(Diagnostic::error(code::engine::FOR_EACH, summary).at(expr.span, "").help(
                "`for_each` takes a map, an object, or a set of strings, such as `toset([\"a\", \"b\"])`",
            ))
        };
        if value.marks().is_sensitive() {
            let summary = "`for_each` is sensitive: the keys of the instances would tell it";
            let error = Diagnostic::error(code::engine::FOR_EACH, summary).at(expr.span, "");
            return Err(error.help(MAY_BE_TOLD).into());
        }
        let ty = value.ty_shallow();
        let is_walked = match &ty {
            Type::Any | Type::Map(_) | Type::Object(_) => true,
            Type::Set(element) => matches!(**element, Type::Any | Type::String),
            _ => false,
        };
        if is_walked && (value.is_unknown() || matches!(ty, Type::Set(_)) && !value.is_wholly_known()) {
            if self.context.check_only {
                let key = Value::unknown_not_null(Type::String);
                let item = match ty {
                    Type::Map(element) => Value::unknown((*element).clone()),
                    Type::Set(_) => key.clone(),
                    _ => Value::unknown(Type::Any),
                };
                return Ok(vec![Repetition { each: Some((key, item)), ..Repetition::default() }]);
            }
            return Err(self.unknown_repetition("for_each", place, expr).into());
        }
        let entries: Vec<(Arc<str>, Value)> = match value.kind() {
            Kind::Map(_, entries) | Kind::Object(entries) => {
                entries.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
            }
            Kind::Set(Type::String, items) => {
                let keys =
                    items.iter().filter_map(|item| item.as_str().map(|key| (Arc::from(key), item.clone())));
                let keys: Vec<_> = keys.collect();
                if keys.len() < items.len() {
                    return Err(wrong("`for_each` has a null in its set".into()));
                }
                keys
            }
            Kind::Set(_, items) if items.is_empty() => Vec::new(),
            Kind::Null(_) => return Err(wrong("`for_each` is null".into())),
            _ => return Err(wrong(format!("`for_each` is {}", shown(value)))),
        };
        if entries.len() > INSTANCES_MAX {
            let count = entries.len();
            return Err(wrong(format!(
                "`for_each` has {count} elements; a block can have at most {INSTANCES_MAX}"
            )));
        }
        let repetition = |(key, value): (Arc<str>, Value)| Repetition {
            key: Some(Key::Name(key.clone())),
            each: Some((Value::string(key), value)),
            ..Repetition::default()
        };
        Ok(entries.into_iter().map(repetition).collect())
    }

    /// Says what is not known, and the shortest way to know it.
    fn unknown_repetition(
        &self,
        argument: &str,
        place: (ModuleId, &ModuleAddress),
        expr: &Expr,
    ) -> Diagnostic {
        let unknown = self.unknown_in(place, (None, None), [expr]);
        let paths: Vec<_> = unknown.iter().map(|unknown| format!("`{}`", unknown.path)).collect();
        let label = match paths.as_slice() {
            [] => "this is known only when it is applied".to_owned(),
            [path] => format!("{path} is known only after the apply"),
            _ => format!("{} are known only after the apply", paths.join(", ")),
        };
        let summary = format!("`{argument}` is not known before the apply");
        let message = Diagnostic::error(code::engine::UNKNOWN_REPETITION, summary)
            .at(expr.span, label)
            .detail("How many instances there are, and their keys, must be known to plan them.");
        let blocks: BTreeSet<_> = unknown.iter().filter_map(|unknown| unknown.block.as_ref()).collect();
        let message = if blocks.is_empty() {
            message
        } else {
            let targets: Vec<_> = blocks.iter().map(|block| format!("--target {block}")).collect();
            message.help(format!(
                "make what it depends on first: `mlo apply {}`, then plan again",
                targets.join(" ")
            ))
        };
        match argument {
            "for_each" => message.help(
                "or take keys that are known, from variables, local values or manifests, and put what is not known into the values",
            ),
            _ => message.help("or count something that is known: variables, local values or manifests"),
        }
    }
}

/// A value in words; of one that is not known, its type.
fn shown(value: &Value) -> String {
    if value.is_unknown() { value.ty_shallow().with_article() } else { describe(value) }
}
