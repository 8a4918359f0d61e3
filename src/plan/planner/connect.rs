//! Providers: configured and connected as soon as their configuration is known.

use super::Walker;
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::graph::{ModuleId, ModuleTree, Node};
use crate::lang::config::ProviderKey;
use crate::plan::change::describe;
use crate::plan::planner::{Connected, Kind};
use mlo_state::{Address, Object};

impl Walker<'_, '_, '_> {
    pub(super) async fn connect(
        &self,
        node: &Node,
        id: ModuleId,
        key: &ProviderKey,
    ) -> Result<(), Diagnostics> {
        let Some(provider) = self.planner.providers.get(key.name.as_ref()).cloned() else {
            return Err(self.unknown_provider(node, key).into());
        };
        let config = self.world.borrow().provider_config(id, key, provider.schema())?;
        let mut connected = Connected { provider: provider.clone(), connection: None };
        if !config.is_wholly_known() {
            self.world.borrow_mut().defer(node);
        } else if self.planner.kind != Kind::Check {
            let connection = provider.connect(&config, self.planner.surroundings).await;
            let connection = connection
                .map_err(|error| describe(&error, &format!("provider {}", key.name), None, None))?;
            connected.connection = Some(connection);
        }
        self.connections.borrow_mut().insert(provider_name(self.tree, id, key), connected);
        Ok(())
    }

    pub(super) fn unknown_provider(&self, node: &Node, key: &ProviderKey) -> Diagnostic {
        let summary = format!("there is no provider `{}`", key.name);
        let users =
            self.graph.id(node).into_iter().flat_map(|id| self.graph.dag.dependents(id).collect::<Vec<_>>());
        let places = users.filter_map(|user| self.graph.dag.get(user).describe(self.tree).span);
        let span = node.describe(self.tree).span.or_else(|| places.min());
        let message = Diagnostic::error(code::engine::UNKNOWN_PROVIDER, summary);
        let message = span.into_iter().fold(message, |message, span| message.at(span, "used here"));
        let known: Vec<_> = self.planner.providers.keys().map(|name| format!("`{name}`")).collect();
        let message = message.did_you_mean(&key.name, self.planner.providers.keys().copied());
        message.help(format!("the providers of this version are {}", known.join(", ")))
    }

    /// The provider of an object whose block may be gone: as configured, else with an empty configuration.
    pub(super) async fn connect_for(
        &self,
        address: &Address,
        object: &Object,
    ) -> Result<Connected, Diagnostics> {
        if let Some(connected) = self.connections.borrow().get(&object.provider) {
            return Ok(connected.clone());
        }
        let name = bare_provider(&object.provider);
        let Some(provider) = self.planner.providers.get(name).cloned() else {
            let summary = format!("the state has {address}, and there is no provider `{name}`");
            return Err(Diagnostic::error(code::engine::UNKNOWN_PROVIDER, summary).into());
        };
        let config = provider.schema().empty_config();
        let connection = provider.connect(&config, self.planner.surroundings).await;
        let connection =
            connection.map_err(|error| describe(&error, &format!("provider {name}"), None, None))?;
        let connected = Connected { provider, connection: Some(connection) };
        self.connections.borrow_mut().insert(object.provider.clone(), connected.clone());
        Ok(connected)
    }
}

/// The provider's own name in the name that the state has for its configuration.
pub(crate) fn bare_provider(mut name: &str) -> &str {
    while let Some(rest) = name.strip_prefix("module.") {
        name = rest.split_once('.').map_or("", |(_, rest)| rest);
    }
    name.split('.').next().unwrap_or(name)
}

/// The name that the state has for a provider's configuration: `local`, `local.west`, `module.a.local`.
pub(crate) fn provider_name(tree: &ModuleTree<'_>, id: ModuleId, key: &ProviderKey) -> String {
    let alias = key.alias.as_ref().map(|alias| format!(".{alias}")).unwrap_or_default();
    format!("{}{}{alias}", tree.prefix(id), key.name)
}
