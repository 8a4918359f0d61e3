//! `check` blocks: what does not hold is said and stops nothing, unless that is asked for.

use super::Walker;
use super::data::{DataBlock, Question};
use crate::diag::Diagnostics;
use crate::graph::{ModuleId, ModuleTree, Node};
use crate::lang::config::{Check, ResourceKey};
use crate::lang::value::Value;
use crate::plan::checked::Moment;
use crate::plan::world::Repetition;
use crate::plan::{CheckStatus, Checkable, Checked, Checks, Judged};
use mlo_state::ModuleAddress;
use std::sync::Arc;

/// All conditions of a configuration while everything is destroyed: none of them is looked at.
pub(super) fn not_looked_at(tree: &ModuleTree<'_>) -> Checks {
    let mut checks = Checks::default();
    for id in tree.ids() {
        let module = tree.module(id);
        let path = || module.path.clone();
        let has_conditions = |key: &&ResourceKey| {
            let lifecycle = module.resources.get(*key).map(|resource| &resource.lifecycle);
            lifecycle.is_some_and(|it| !it.preconditions.is_empty() || !it.postconditions.is_empty())
        };
        let blocks = module.checks.keys().map(|name| Checkable::Check(path(), name.clone()));
        let outputs = module.outputs.iter().filter(|(_, output)| !output.preconditions.is_empty());
        let outputs = outputs.map(|(name, _)| Checkable::Output(path(), name.clone()));
        let resources = module.resources.keys().filter(has_conditions);
        let resources = resources.map(|key| Checkable::Resource(tree.block(id, key)));
        let variables = module.variables.iter().filter(|(_, variable)| !variable.validations.is_empty());
        let variables = variables.map(|(name, _)| Checkable::Variable(path(), name.clone()));
        for of in blocks.chain(outputs).chain(resources).chain(variables) {
            let at = module.path.iter().fold(ModuleAddress::root(), |at, name| at.child(name.clone(), None));
            let unknown = Checked { status: CheckStatus::Unknown, problems: Vec::new() };
            checks.note(of, (at, None), Moment::Before, unknown);
        }
    }
    checks
}

impl Walker<'_, '_, '_> {
    /// Checks a block in every instance of its module.
    pub(super) async fn plan_check(
        &self,
        node: &Node,
        id: ModuleId,
        name: &Arc<str>,
    ) -> Result<(), Diagnostics> {
        let Some(check) = self.tree.module(id).checks.get(name) else { return Ok(()) };
        let instances = self.world.borrow().own_instances(id);
        for at in instances {
            let judged = self.judge_check((id, check), &at).await?;
            if judged.unknown {
                self.world.borrow_mut().defer(node);
            }
            let said = self.world.borrow().note_check((id, check), &at, judged);
            self.messages.borrow_mut().extend(said);
        }
        Ok(())
    }

    async fn judge_check(
        &self,
        (id, check): (ModuleId, &Check),
        at: &ModuleAddress,
    ) -> Result<Judged, Diagnostics> {
        let Some(data) = &check.data else {
            return Ok(self.world.borrow().check_assertions((id, check), at, None));
        };
        let once = Repetition::default();
        let Some(asked) = self.provider_for((id, data), at, &once)? else { return Ok(Judged::unknown()) };
        let provider = asked.1.provider.clone();
        let block = self.data_block((id, data), &provider.schema().data)?;
        let question = self.world.borrow().check_question((id, check), at, &block.schema.block);
        let read = match question {
            Some(Ok(wanted)) => {
                let address = super::block::address_of(at, &data.key, None);
                let question = Question { address, repetition: once, provider: asked, wanted };
                self.ask_for_check(&block, &question).await
            }
            Some(Err(messages)) => Err(messages),
            None => Ok(None),
        };
        Ok(match read {
            Ok(value) => self.world.borrow().check_assertions((id, check), at, value.as_ref()),
            Err(messages) => Judged::failed(messages),
        })
    }

    /// What the data source says; nothing if it cannot be read yet.
    async fn ask_for_check(
        &self,
        block: &DataBlock<'_>,
        question: &Question,
    ) -> Result<Option<Value>, Diagnostics> {
        if self.later(block, question, false).is_some() {
            return Ok(None);
        }
        self.read_now(block, question).await.map(Some)
    }
}
