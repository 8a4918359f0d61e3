//! Data sources that could not be read when the plan was made. Nothing is journalled: nothing changes.

use super::{Event, Run};
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::graph::ModuleId;
use crate::lang::config::Resource;
use crate::plan::{Action, Connected, Operation, describe, read_data};

impl Run<'_, '_, '_> {
    /// Reads a data source and gives it its value.
    pub(super) async fn read(
        &self,
        step: usize,
        operation: &Operation,
        connected: &Connected,
    ) -> Result<(), Diagnostics> {
        let address = &operation.address;
        let Some((id, key, resource)) = self.resource_of(address) else { return Ok(()) };
        self.check_before(address)?;
        let Some(schema) = connected.provider.schema().data.get(address.type_name.as_ref()) else {
            return Ok(());
        };
        let (wanted, _) = self.wanted(operation, (id, &key), &schema.block, None)?;
        let fail = |summary: String| Diagnostic::error(code::engine::INTERNAL, summary).into();
        let Some(connection) = connected.connection.as_deref() else {
            return Err(fail(format!("{address}: its provider `{}` is not connected", operation.provider)));
        };
        if !wanted.is_wholly_known() {
            return Err(fail(format!("{address}: what it is asked is not known")));
        }
        let read = {
            let _permit = self.calls.acquire().await;
            if self.is_stopped() {
                self.refused.borrow_mut().insert(step);
                return Err(Diagnostics::new());
            }
            (self.applier.observe)(Event::Started { address, deposed: None, action: Action::Read });
            read_data(connection, (&address.type_name, schema), &wanted).await
        };
        match read {
            Ok(value) => {
                let object = Some(&value);
                (self.applier.observe)(Event::Finished {
                    address,
                    deposed: None,
                    action: Action::Read,
                    object,
                });
                self.values.borrow_mut().insert(address.clone(), value.clone());
                self.check_after(address, &value)
            }
            Err(error) => {
                (self.applier.observe)(Event::Failed { address, deposed: None, action: Action::Read });
                Err(describe(&error, &address.to_string(), Some(resource.span), Some(resource)).into())
            }
        }
    }

    /// Checks the conditions on data that was read when the plan was made, and which were not known then.
    pub(super) fn check_data(&self, id: ModuleId, resource: &Resource) -> Result<(), Diagnostics> {
        let mut failures = Diagnostics::new();
        let read = self.plan.data.get(&self.tree.block(id, &resource.key)).into_iter().flatten();
        for (address, object) in read.filter(|(_, object)| object.later.is_none()) {
            let checked = self.check_before(address).and_then(|()| self.check_after(address, &object.value));
            if let Err(messages) = checked {
                failures.extend(messages);
            }
        }
        if failures.has_errors() { Err(failures) } else { Ok(()) }
    }
}
