//! What a plan says of objects that moved.

use super::Walker;
use crate::diag::{Diagnostic, code};
use crate::plan::{Operation, Operations, Reason};
use mlo_state::Address;
use std::collections::BTreeMap;

impl Walker<'_, '_, '_> {
    /// Notes in the operations which objects moved. Nothing new can be made where one has moved from.
    pub(super) fn place_moved(&self, mut operations: BTreeMap<Address, Box<Operation>>) -> Operations {
        for one in &self.moves {
            if let Some(left) = operations.get(&one.from).filter(|left| left.stored.is_none()) {
                let summary =
                    format!("{} has moved to {}, and is still in the configuration", one.from, one.to);
                let error = Diagnostic::error(code::engine::MOVE_SOURCE, summary);
                let error = left.span.into_iter().fold(error, |error, span| error.at(span, "declared here"));
                let help = "give this instance another key, or take the `moved` block out";
                self.messages.borrow_mut().push(error.help(help));
            }
            let Some(operation) = operations.get_mut(&one.to) else { continue };
            operation.previous = Some(one.from.clone());
            if matches!(operation.reason, Reason::NoBlock | Reason::NoModule) {
                operation.reason = Reason::NoMoveTarget;
            }
        }
        operations.into_values().collect()
    }
}
