//! Names in one instance of a module, or of a resource in it, to their values.

use super::world::{Repetition, World};
use crate::diag::{Diagnostic, Span, code};
use crate::graph::ModuleId;
use crate::lang::config::{ModuleSource, ResourceKey};
use crate::lang::scope::Scope;
use crate::lang::syntax::ast::Step;
use crate::lang::value::Value;
use mlo_state::{Mode, ModuleAddress};
use std::sync::Arc;

/// The names that an expression sees.
pub(super) struct InstanceScope<'w, 'c> {
    pub(super) world: &'w World<'c>,
    pub(super) module: ModuleId,
    pub(super) address: &'w ModuleAddress,
    /// `each` and `count` of the block that the expression stands in.
    pub(super) repetition: Option<&'w Repetition>,
    /// `self`, in a postcondition.
    pub(super) itself: Option<&'w Value>,
}

impl Scope for InstanceScope<'_, '_> {
    fn lookup(&self, root: &str, span: Span, steps: &[Step]) -> Result<(Value, usize), Box<Diagnostic>> {
        let missing =
            |what: String| Box::new(Diagnostic::error(code::engine::NO_SUCH_NAME, what).at(span, ""));
        let attr = |at: usize| match steps.get(at) {
            Some(Step::Attr(name)) => Ok(&name.name),
            _ => Err(missing(format!("`{root}` needs a name after it, such as `{root}.name`"))),
        };
        let found = |value: Option<Value>, taken: usize| match value {
            Some(value) => Ok((value, taken)),
            None => Err(missing(format!("`{}` has no value here", spell(root, steps, taken)))),
        };
        let instance = self.world.instance(self.module, self.address);
        match root {
            "var" => {
                let name = attr(0)?;
                found(instance.and_then(|instance| instance.variables.get(name).cloned()), 1)
            }
            "local" => {
                let name = attr(0)?;
                found(instance.and_then(|instance| instance.locals.get(name).cloned()), 1)
            }
            "module" => found(self.world.module_value(self.module, self.address, attr(0)?), 1),
            "manifest" => Ok((self.world.context.manifests.clone(), 0)),
            "self" => found(self.itself.cloned(), 0),
            "each" => {
                let name = attr(0)?;
                let each = self.repetition.and_then(|repetition| repetition.each.as_ref());
                let Some((key, value)) = each else {
                    return Err(missing("`each` stands only in a block with `for_each`".into()));
                };
                match name.as_ref() {
                    "key" => Ok((key.clone(), 1)),
                    "value" => Ok((value.clone(), 1)),
                    _ => Err(missing(format!("`each` has `key` and `value`, not `{name}`"))),
                }
            }
            "count" => {
                let name = attr(0)?;
                let index = self.repetition.and_then(|repetition| repetition.index.clone());
                match (name.as_ref(), index) {
                    ("index", Some(index)) => Ok((index, 1)),
                    (_, None) => Err(missing("`count` stands only in a block with `count`".into())),
                    _ => Err(missing(format!("`count` has `index`, not `{name}`"))),
                }
            }
            "path" => self
                .path(attr(0)?)
                .map(|value| (value, 1))
                .ok_or_else(|| missing("`path` has `module`, `root` and `cwd`".into())),
            "mlo" | "terraform" => match attr(0)?.as_ref() {
                "environment" | "workspace" => {
                    Ok((Value::string(self.world.context.environment.as_str()), 1))
                }
                name => Err(missing(format!("`{root}` has `environment`, not `{name}`"))),
            },
            "data" => {
                let key =
                    ResourceKey { mode: Mode::Data, type_name: attr(0)?.clone(), name: attr(1)?.clone() };
                found(instance.and_then(|instance| instance.resources.get(&key).cloned()), 2)
            }
            _ => {
                let key =
                    ResourceKey { mode: Mode::Managed, type_name: Arc::from(root), name: attr(0)?.clone() };
                found(instance.and_then(|instance| instance.resources.get(&key).cloned()), 1)
            }
        }
    }
}

impl InstanceScope<'_, '_> {
    fn path(&self, name: &str) -> Option<Value> {
        let shown = |source: &ModuleSource| match source {
            ModuleSource::Folder(folder) => Value::string(folder.to_string_lossy().as_ref()),
            ModuleSource::Builtin(name) => Value::string(format!("mlo://{name}")),
        };
        match name {
            "module" => Some(shown(&self.world.tree.module(self.module).source)),
            "root" => Some(shown(&self.world.tree.module(0).source)),
            "cwd" => Some(Value::string(self.world.context.working_folder.as_str())),
            _ => None,
        }
    }
}

fn spell(root: &str, steps: &[Step], taken: usize) -> String {
    let mut text = root.to_owned();
    for step in steps.iter().take(taken) {
        if let Step::Attr(name) = step {
            text.push('.');
            text.push_str(&name.name);
        }
    }
    text
}

/// A scope without names: for defaults and other constants.
pub(super) struct Constant;

impl Scope for Constant {
    fn lookup(&self, root: &str, span: Span, _steps: &[Step]) -> Result<(Value, usize), Box<Diagnostic>> {
        let summary = format!("`{root}` cannot be used here: only constant values can");
        Err(Box::new(Diagnostic::error(code::engine::NOT_CONSTANT, summary).at(span, "")))
    }
}
