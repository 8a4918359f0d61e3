//! `removed` blocks: what is not in the configuration any more goes, or is only forgotten.

use super::Walker;
use crate::diag::{Diagnostic, code};
use crate::graph::ModuleTree;
use crate::lang::config::ResourceKey;
use crate::lang::value::Value;
use crate::plan::stored::{decode_object, guess, mark_stored};
use crate::plan::{Action, Operation, Operations, Reason, some_of};
use crate::provider::schema_of;
use mlo_state::{Address, Object};
use std::collections::HashMap;
use std::sync::Arc;

/// A module, or a block in it.
type Named = (Vec<Arc<str>>, Option<ResourceKey>);

/// What `removed` blocks name, and whether it is destroyed.
pub(super) struct RemovedBlocks(HashMap<Named, bool>);

impl RemovedBlocks {
    pub(super) fn of(tree: &ModuleTree<'_>) -> Self {
        let modules = tree.ids().map(|id| tree.module(id));
        let blocks = modules.flat_map(|module| module.removed.iter().map(|removed| (&module.path, removed)));
        let named = blocks.map(|(path, removed)| {
            let inner = removed.from.modules.iter().map(|step| &step.name);
            let modules = path.iter().chain(inner).cloned().collect();
            ((modules, removed.from.resource.as_ref().map(|(key, _)| key.clone())), removed.destroy)
        });
        Self(named.collect())
    }

    /// Whether an object that the configuration has not stays all the same. What names its block counts before what
    /// names a module around it.
    pub(super) fn forgets(&self, address: &Address) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let modules = address.module.block();
        let Address { mode, type_name, name, .. } = address.clone();
        let block = (modules.clone(), Some(ResourceKey { mode, type_name, name }));
        let around =
            (1..=modules.len()).rev().filter_map(|length| Some((modules.get(..length)?.to_vec(), None)));
        let destroys = std::iter::once(block).chain(around).find_map(|named| self.0.get(&named).copied());
        destroys == Some(false)
    }
}

impl Walker<'_, '_, '_> {
    /// An object that stays, and that the state no longer knows of. Nobody is asked about it.
    pub(super) fn forget(&self, address: &Address, object: &Object) -> Operation {
        Operation {
            action: Action::Forget,
            reason: Reason::Removed,
            prior: Some(self.as_stored(address, object)),
            ..Operation::on(address, object)
        }
    }

    /// Says which objects stay without anybody who knows of them.
    pub(super) fn tell_forgotten(&self, operations: &Operations) {
        let forgotten = operations.iter().filter(|operation| operation.action == Action::Forget);
        let names: Vec<_> = forgotten.map(|operation| &operation.address).collect();
        if names.is_empty() {
            return;
        }
        let summary = format!("no longer managed by mlo after this, and not destroyed: {}", some_of(&names));
        let warning = Diagnostic::warning(code::engine::FORGOTTEN, summary);
        self.messages.borrow_mut().push(warning.help("to manage them again, import them"));
    }

    /// An object as the state has it, by its type's schema where that is known.
    pub(super) fn as_stored(&self, address: &Address, object: &Object) -> Value {
        let schema = schema_of(self.planner.providers, &address.type_name);
        let decoded = schema.and_then(|schema| decode_object(object, schema).ok());
        decoded.unwrap_or_else(|| mark_stored(&guess(&object.attributes), object))
    }
}
