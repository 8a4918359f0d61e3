//! Configurations of providers: one for a block, or one for each key of its `for_each`.

use super::{Repetition, World};
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::graph::ModuleId;
use crate::lang::config::{ProviderKey, ProviderUse, Repeat};
use crate::lang::eval::{decode, describe, evaluate};
use crate::lang::syntax::ast::Expr;
use crate::lang::value::{Type, Value, convert};
use crate::provider::ProviderSchema;
use mlo_state::{Key, ModuleAddress};
use std::sync::Arc;

/// The configuration that an instance of a block uses: where it is written, and which of its instances.
pub(crate) type ProviderAt = (ModuleId, ProviderKey, Option<Arc<str>>);

/// The key of a configuration of a provider, if it has `for_each`, and the configuration.
pub(crate) type ProviderConfig = (Option<Arc<str>>, Value);

impl World<'_> {
    /// The configurations of a provider, by the keys of its `for_each`; an empty one where it has no block.
    pub(crate) fn provider_configs(
        &self,
        id: ModuleId,
        key: &ProviderKey,
        schema: &ProviderSchema,
    ) -> Result<Vec<ProviderConfig>, Diagnostics> {
        let Some(provider) = self.tree.module(id).providers.get(key) else {
            return Ok(vec![(None, schema.empty_config())]);
        };
        // A provider in a module that has several instances is configured as in the first.
        let Some(at) = self.instances(id).into_iter().next() else {
            return Ok(vec![(None, schema.empty_config())]);
        };
        let repetitions = match &provider.for_each {
            Some(expr) => self.repetitions(id, &at, &Repeat::ForEach(expr.clone()))?,
            None => vec![Repetition::default()],
        };
        let config = |repetition: Repetition| {
            let config = decode(&provider.body, &schema.config, &self.scope(id, &at, Some(&repetition)))?;
            let key = match repetition.key {
                Some(Key::Name(name)) => Some(name),
                _ => None,
            };
            Ok((key, config))
        };
        repetitions.into_iter().map(config).collect()
    }

    /// The configuration that an instance of a block uses.
    pub(crate) fn provider_at(
        &self,
        (id, at): (ModuleId, &ModuleAddress),
        used: &ProviderUse,
        repetition: &Repetition,
    ) -> Result<ProviderAt, Diagnostics> {
        let (mut id, mut at, mut key) = (id, at.clone(), used.key.clone());
        let instance = used.instance.as_ref();
        let mut instance = instance.map(|expr| self.provider_key((id, &at), expr, repetition)).transpose()?;
        while !self.tree.module(id).providers.contains_key(&key) {
            let Some((parent, call)) = self.tree.parent(id) else { break };
            let inside = self.instance(id, &at);
            let above = inside.and_then(|inside| inside.parent.clone()).unwrap_or_default();
            if let Some(outer) = call.providers.get(&key) {
                if let (Some(expr), Some(inside)) = (&outer.instance, inside) {
                    instance = Some(self.provider_key((parent, &above), expr, &inside.repetition)?);
                }
                key = outer.key.clone();
            }
            (id, at) = (parent, above);
        }
        Ok((id, key, instance))
    }

    fn provider_key(
        &self,
        (id, at): (ModuleId, &ModuleAddress),
        expr: &Expr,
        repetition: &Repetition,
    ) -> Result<Arc<str>, Diagnostics> {
        let value = evaluate(expr, &self.scope(id, at, Some(repetition)))?;
        let text = convert(&value, &Type::String).ok();
        text.as_ref().and_then(Value::as_str).map(Arc::from).ok_or_else(|| {
            let summary = "the key of a provider configuration must be a string that is known";
            let label = format!("this is {}", describe(&value));
            Diagnostic::error(code::engine::UNKNOWN_PROVIDER, summary).at(expr.span, label).into()
        })
    }
}
