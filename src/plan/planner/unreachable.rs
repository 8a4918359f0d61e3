//! Objects whose provider is configured no more. Another configuration would look for them elsewhere, find nothing, and
//! the state would lose them: so nothing is asked, and the plan says what must come back.

use super::Walker;
use super::connect::{Parts, parts, provider_block};
use super::data::expressions;
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::lang::config::ProviderKey;
use crate::plan::some_of;
use crate::plan::world::Unknown;
use mlo_state::{Address, Mode, Object};
use std::collections::{BTreeMap, BTreeSet};

/// Why a configuration of a provider that the state names is not there.
enum Lack {
    /// Its block is gone, or its module.
    Block,
    /// Its block has no such key any more.
    Key,
    /// It is there, and the plan leaves it out.
    LeftOut,
}

impl Walker<'_, '_, '_> {
    /// What is wrong with the providers of objects, each of which must be reached: one message for each provider.
    pub(super) fn unreachable<'o>(
        &self,
        objects: impl IntoIterator<Item = (&'o Address, &'o Object)>,
    ) -> Diagnostics {
        let mut messages = Diagnostics::new();
        for (provider, addresses) in self.by_provider(objects) {
            if let Some(lack) = self.lack(provider) {
                messages.push(describe_lack(&lack, provider, &addresses));
            }
        }
        messages
    }

    /// What is wrong with the providers of objects that are destroyed: nobody may know what one was configured with when
    /// it made them, and nothing that is done would tell. One message for each provider.
    pub(super) fn unconfigured<'o>(
        &self,
        objects: impl IntoIterator<Item = (&'o Address, &'o Object)>,
    ) -> Diagnostics {
        let mut messages = Diagnostics::new();
        for (provider, addresses) in self.by_provider(objects) {
            let is_unknown = self
                .connections
                .borrow()
                .get(provider)
                .is_some_and(|connected| connected.connection.is_none() && connected.before.is_none());
            if is_unknown {
                messages.push(describe_unknown(provider, &addresses, &self.unknown_of_provider(provider)));
            }
        }
        messages
    }

    /// Objects by the providers that keep them; those left out that something stands in for.
    fn by_provider<'o>(
        &self,
        objects: impl IntoIterator<Item = (&'o Address, &'o Object)>,
    ) -> BTreeMap<&'o str, Vec<&'o Address>> {
        let mut kept: BTreeMap<&str, Vec<&Address>> = BTreeMap::new();
        for (address, object) in objects {
            let stands_in = self.planner.context.stand_ins.object(address, &object.provider).is_some();
            if !stands_in {
                kept.entry(&object.provider).or_default().push(address);
            }
        }
        kept
    }

    /// What is not known of what a provider is configured from.
    fn unknown_of_provider(&self, name: &str) -> Vec<Unknown> {
        let Some((id, key)) = provider_block(self.tree, name) else { return Vec::new() };
        let Some(block) = self.tree.module(id).providers.get(&key) else { return Vec::new() };
        let world = self.world.borrow();
        let Some(at) = world.instances(id).into_iter().next() else { return Vec::new() };
        let mut exprs = Vec::new();
        expressions(&block.body, &mut exprs);
        world.unknown_in((id, &at), (None, None), exprs)
    }

    /// Whether a configuration of a provider that the state names is there no more.
    pub(super) fn is_unreachable(&self, provider: &str) -> bool {
        self.lack(provider).is_some()
    }

    fn lack(&self, provider: &str) -> Option<Lack> {
        if self.planner.context.stand_ins.provider(provider).is_some() {
            return None;
        }
        let Parts { modules, name, alias, key } = parts(provider);
        let block = ProviderKey { name: name.into(), alias: alias.map(Into::into) };
        let path: Vec<_> = modules.iter().map(|step| (*step).into()).collect();
        let module = self.tree.find(&path).map(|id| self.tree.module(id));
        let block = module.and_then(|module| module.providers.get(&block));
        // Where nothing says otherwise, blocks use an empty configuration: what said something is another one.
        let said_something = block.is_none() && self.planner.snapshot.configured.contains(provider);
        if !said_something && self.connections.borrow().contains_key(provider) {
            return None;
        }
        if let Some(block) = block {
            return Some(match (key, &block.for_each) {
                (Some(_), _) => Lack::Key,
                (None, Some(_)) => Lack::Block,
                (None, None) => Lack::LeftOut,
            });
        }
        let known = self.planner.providers.get(name)?;
        let is_plain = modules.is_empty() && alias.is_none() && key.is_none();
        let needs_block =
            known.schema().config.attributes.values().any(|argument| argument.required) || said_something;
        (!is_plain || needs_block).then_some(Lack::Block)
    }
}

fn describe_unknown(provider: &str, addresses: &[&Address], unknown: &[Unknown]) -> Diagnostic {
    let are = if addresses.len() == 1 { "is" } else { "are" };
    let names = some_of(addresses);
    let summary =
        format!("{names} {are} kept by provider {provider}, and it is not known with which configuration");
    let paths: Vec<_> = unknown.iter().map(|unknown| format!("`{}`", unknown.path)).collect();
    let why = match paths.as_slice() {
        [] => "The state does not tell what it is configured from.".to_owned(),
        _ => format!("The state does not have what it is configured from: {}.", paths.join(", ")),
    };
    let error = Diagnostic::error(code::engine::UNKNOWN_PROVIDER, summary)
        .detail(format!("{why} With another configuration, something else could be taken away."));
    let managed = unknown.iter().filter_map(|unknown| unknown.block.as_ref());
    let blocks: BTreeSet<_> = managed.filter(|block| block.mode == Mode::Managed).collect();
    let by_hand = "write what it was configured with into its block until its objects are gone";
    if blocks.is_empty() {
        return error.help(by_hand);
    }
    let targets: Vec<_> = blocks.iter().map(|block| format!("--target {block}")).collect();
    error
        .help(format!("make what is missing first: `mlo apply {}`, then destroy again", targets.join(" ")))
        .help(format!("or {by_hand}"))
}

fn describe_lack(lack: &Lack, provider: &str, addresses: &[&Address]) -> Diagnostic {
    let (are, their) = if addresses.len() == 1 { ("is", "its") } else { ("are", "their") };
    let kept = format!("{} {are} kept by provider {provider}", some_of(addresses));
    let error = |rest: &str| Diagnostic::error(code::engine::UNKNOWN_PROVIDER, format!("{kept}, {rest}"));
    let until = "until its objects are gone: take them out of the configuration first, apply, then take out";
    let back = match lack {
        Lack::LeftOut => {
            return error("which this plan leaves out").help("plan without `--target` and `--exclude`");
        }
        Lack::Key => format!("bring its key back into the provider's `for_each` {until} the key"),
        Lack::Block => {
            let Parts { modules, name, alias, key } = parts(provider);
            let alias = alias.map(|alias| format!(" alias = \"{alias}\"")).unwrap_or_default();
            let each = if key.is_some() { " for_each = …" } else { "" };
            let place = match modules.as_slice() {
                [] => String::new(),
                modules => format!(" of module.{}", modules.join(".module.")),
            };
            format!(
                "bring the block `provider \"{name}\" {{{alias}{each} … }}`{place} back {until} the block"
            )
        }
    };
    let first = addresses.first().map(ToString::to_string).unwrap_or_default();
    error("which is not configured any more")
        .detail(format!(
            "Only that configuration tells where {their} provider looks for what it keeps. Another one would find nothing there, and the state would lose what it has."
        ))
        .help(back)
        .help(format!(
            "to leave as it is what is out there and only forget it, use `mlo state rm '{first}'` or a `removed` block with `destroy = false`; if another configuration reaches it, `mlo state replace-provider '{provider}' OTHER`"
        ))
}
