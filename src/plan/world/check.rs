//! Conditions on instances, and `check` blocks.

use super::{Repetition, World};
use crate::diag::{Code, Diagnostics, code};
use crate::graph::ModuleId;
use crate::lang::config::{Check, Condition, ResourceKey};
use crate::lang::eval::{BlockSchema, decode};
use crate::lang::value::{Type, Value};
use crate::plan::checked::{Checkable, CheckedAt, Judged, Moment};
use crate::plan::condition::{WithData, judge};
use crate::plan::scope::InstanceScope;
use mlo_state::ModuleAddress;

impl World<'_> {
    /// Checks what must hold before anything is done to an instance. True if some of it is not known yet.
    pub(crate) fn check_preconditions(
        &self,
        (id, key): (ModuleId, &ResourceKey),
        at: &ModuleAddress,
        repetition: &Repetition,
    ) -> Result<bool, Diagnostics> {
        let conditions = &self.resource(id, key).lifecycle.preconditions;
        let scope = self.scope(id, at, Some(repetition));
        let rule = (conditions.as_slice(), code::engine::PRECONDITION);
        self.check_instance((id, key), (at.clone(), repetition.key.clone()), rule, (&scope, Moment::Before))
    }

    /// Checks what must hold of an object once it is there. True if some of it is not known yet.
    pub(crate) fn check_postconditions(
        &self,
        (id, key): (ModuleId, &ResourceKey),
        at: &ModuleAddress,
        repetition: &Repetition,
        value: &Value,
    ) -> Result<bool, Diagnostics> {
        let conditions = &self.resource(id, key).lifecycle.postconditions;
        let scope = InstanceScope { itself: Some(value), ..self.scope(id, at, Some(repetition)) };
        let rule = (conditions.as_slice(), code::engine::POSTCONDITION);
        self.check_instance((id, key), (at.clone(), repetition.key.clone()), rule, (&scope, Moment::After))
    }

    fn check_instance(
        &self,
        (id, key): (ModuleId, &ResourceKey),
        at: CheckedAt,
        (conditions, failed): (&[Condition], Code),
        (scope, moment): (&InstanceScope<'_, '_>, Moment),
    ) -> Result<bool, Diagnostics> {
        if conditions.is_empty() {
            return Ok(false);
        }
        let judged = judge(conditions, scope, failed);
        self.note(Checkable::Resource(self.tree.block(id, key)), at, moment, judged)
    }

    /// Keeps how conditions came out. True if some of it is not known yet.
    pub(super) fn note(
        &self,
        of: Checkable,
        at: CheckedAt,
        moment: Moment,
        judged: Judged,
    ) -> Result<bool, Diagnostics> {
        let unknown = judged.unknown;
        self.noted.borrow_mut().note(of, at, moment, judged.checked);
        if judged.messages.has_errors() { Err(judged.messages) } else { Ok(unknown) }
    }

    /// What the data source of a `check` block is asked.
    pub(crate) fn check_question(
        &self,
        (id, check): (ModuleId, &Check),
        at: &ModuleAddress,
        schema: &BlockSchema,
    ) -> Option<Result<Value, Diagnostics>> {
        let data = check.data.as_ref()?;
        Some(decode(&data.body, schema, &self.scope(id, at, None)))
    }

    /// Checks the assertions of a `check` block, with what its data source says. One that has none yet can only make an
    /// assertion unknown.
    pub(crate) fn check_assertions(
        &self,
        (id, check): (ModuleId, &Check),
        at: &ModuleAddress,
        data: Option<&Value>,
    ) -> Judged {
        let scope = self.scope(id, at, None);
        let Some(own) = &check.data else {
            return judge(&check.assertions, &scope, code::engine::CHECK);
        };
        let unknown = Value::unknown(Type::Any);
        let value = data.unwrap_or(&unknown);
        let scope = WithData { inner: scope, key: &own.key, value };
        judge(&check.assertions, &scope, code::engine::CHECK)
    }

    /// Keeps how a `check` block came out, and gives what is to be said of it.
    pub(crate) fn note_check(
        &self,
        (id, check): (ModuleId, &Check),
        at: &ModuleAddress,
        judged: Judged,
    ) -> Diagnostics {
        let of = Checkable::Check(self.tree.module(id).path.clone(), check.name.name.clone());
        self.noted.borrow_mut().note(of, (at.clone(), None), Moment::After, judged.checked.clone());
        judged.said(self.context.strict_checks)
    }
}
