//! `check` blocks once everything is done. What does not hold is said, and stops nothing.

use super::Run;
use crate::diag::Diagnostics;
use crate::graph::ModuleId;
use crate::lang::config::{Check, Resource};
use crate::lang::value::Value;
use crate::plan::{Connected, Judged, Repetition, describe, name_of, read_data};
use mlo_state::{Address, ModuleAddress};
use std::sync::Arc;

impl Run<'_, '_, '_> {
    pub(super) async fn check(&self, id: ModuleId, name: &Arc<str>) -> Result<(), Diagnostics> {
        let Some(check) = self.tree.module(id).checks.get(name) else { return Ok(()) };
        let mut instances = self.world.borrow().instances(id);
        instances.retain(|at| !self.applier.context.stand_ins.is_inside(at));
        for at in instances {
            let judged = match &check.data {
                Some(data) => match self.ask_for_check((id, check), data, &at).await {
                    Ok(value) => self.world.borrow().check_assertions((id, check), &at, value.as_ref()),
                    Err(messages) => Judged::failed(messages),
                },
                None => self.world.borrow().check_assertions((id, check), &at, None),
            };
            let said = self.world.borrow().note_check((id, check), &at, judged);
            self.messages.borrow_mut().extend(said);
        }
        Ok(())
    }

    /// What the data source of a check says.
    async fn ask_for_check(
        &self,
        (id, check): (ModuleId, &Check),
        data: &Resource,
        at: &ModuleAddress,
    ) -> Result<Option<Value>, Diagnostics> {
        let found = self.world.borrow().provider_at((id, at), &data.provider, &Repetition::default())?;
        let name = name_of(self.tree, &found);
        let (module, key) = (at.clone(), data.key.clone());
        let address = Address { module, mode: key.mode, type_name: key.type_name, name: key.name, key: None };
        let stand_in = self.applier.context.stand_ins.object(&address, &name);
        let connected = stand_in.cloned().or_else(|| self.connections.borrow().get(&name).cloned());
        let Some(Connected { provider, connection: Some(connection), .. }) = connected else {
            return Ok(None);
        };
        let type_name = &data.key.type_name;
        let Some(schema) = provider.schema().data.get(type_name.as_ref()) else { return Ok(None) };
        let question = self.world.borrow().check_question((id, check), at, &schema.block);
        let Some(wanted) = question.transpose()?.filter(Value::is_wholly_known) else { return Ok(None) };
        let _permit = self.calls.acquire().await;
        let read = read_data(connection.as_ref(), (type_name, schema), &wanted).await;
        let what = format!("data.{type_name}.{}", data.key.name);
        read.map(Some).map_err(|error| describe(&error, &what, Some(data.span), Some(data)).into())
    }
}
