//! Blocks that are yet to be written, since their configuration is made from the objects that are imported to them.
//!
//! Goes in: a decoded root module. Comes out: the same with an empty block for each that is missing, so that its name
//! can be used. Never happens: such a block anywhere but in the root module, or where one is written.

use super::resources::default_provider;
use crate::diag::Span;
use crate::lang::config::{LifecycleBlock, Module, ProviderUse, Repeat, Resource, ResourceKey};
use crate::lang::syntax::ast::Body;

/// Blocks that may be missing in the root module.
#[derive(Debug, Clone, Default)]
pub enum Unwritten {
    /// None: what is named and not there is an error.
    #[default]
    Nothing,
    /// Those that `import` blocks name.
    Imports,
    /// This one.
    Only(ResourceKey),
}

/// Puts an empty block where one is missing. `somewhere` is a place in the module; nothing if it has no text.
pub(super) fn stand_in(module: &mut Module, unwritten: &Unwritten, somewhere: Option<Span>) {
    let wanted: Vec<(ResourceKey, Option<ProviderUse>, Span)> = match unwritten {
        Unwritten::Nothing => return,
        Unwritten::Imports => {
            let plain = module.imports.iter().filter(|import| import.is_plain());
            plain.map(|import| (import.target.1.clone(), import.provider.clone(), import.span)).collect()
        }
        Unwritten::Only(key) => somewhere.map(|span| (key.clone(), None, span)).into_iter().collect(),
    };
    for (key, provider, span) in wanted {
        if module.resources.contains_key(&key) {
            continue;
        }
        let resource = Resource {
            provider: provider.unwrap_or_else(|| default_provider(&key.type_name)),
            key: key.clone(),
            repeat: Repeat::Once,
            depends_on: Vec::new(),
            lifecycle: LifecycleBlock::default(),
            body: Body { items: Vec::new(), span },
            span,
        };
        module.resources.insert(key.clone(), Box::new(resource));
        module.unwritten.insert(key);
    }
}
