//! What changes in the state alone: addresses, what it takes in, what it forgets.

use super::{Run, blank};
use crate::plan::{Action, Operation, relocate};
use mlo_state::StoreError;
use std::borrow::Cow;

impl Run<'_, '_, '_> {
    /// Writes all of it as one snapshot, before anything else is done: a run that is cut off leaves all of it or none.
    pub(super) async fn adopt(&mut self) -> Result<(), StoreError> {
        let plan = self.plan;
        let is_adopted = |each: &Operation| each.importing.is_some() || each.action == Action::Forget;
        if plan.moves.is_empty() && !plan.operations.iter().any(is_adopted) {
            return Ok(());
        }
        let mut snapshot = relocate(&self.base, &plan.moves);
        let before = snapshot.made_from();
        for operation in &plan.operations {
            if operation.action == Action::Forget {
                snapshot.objects.remove(&operation.address);
            }
            let Some(value) = operation.prior.as_ref().filter(|_| operation.importing.is_some()) else {
                continue;
            };
            let token = operation.stored.as_ref().map_or(&operation.token, |stored| &stored.token);
            let dependencies = &operation.dependencies;
            let over = blank(&operation.provider, operation.schema_version, token, dependencies);
            if let Some(object) = self.encode(&operation.address, value, over) {
                snapshot.objects.insert(operation.address.clone(), object);
            }
        }
        snapshot.bridge(&before);
        snapshot.serial += 1;
        self.applier.guard.commit(snapshot.clone()).await?;
        self.state.replace(snapshot.clone());
        self.base = Cow::Owned(snapshot);
        Ok(())
    }
}
