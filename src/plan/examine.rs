//! The values of a configuration as a plan or an apply left them: what the assertions of tests see, and names beside
//! them.

use super::checked::{Checks, Judged};
use super::condition::judge;
use super::scope::InstanceScope;
use super::world::{Context, Values, World};
use crate::diag::{Code, Diagnostic, Span};
use crate::graph::ModuleTree;
use crate::lang::config::Condition;
use crate::lang::scope::{Outside, Scope};
use crate::lang::syntax::ast::Step;
use crate::lang::value::{Type, Value};
use mlo_state::ModuleAddress;

/// Names that are known beside those of the configuration.
pub trait Beside {
    /// The answer for a name, as [`Scope::lookup`] gives it; nothing if the configuration is to be asked.
    fn find(&self, root: &str, span: Span, steps: &[Step])
    -> Option<Result<(Value, usize), Box<Diagnostic>>>;
}

/// The values of a configuration's root module.
#[derive(Debug)]
pub struct Examination<'c> {
    world: World<'c>,
    root: ModuleAddress,
}

impl<'c> Examination<'c> {
    /// What a plan or an apply found.
    pub fn new(tree: &'c ModuleTree<'c>, context: &'c Context, values: Values) -> Self {
        let world = World::resume(tree, context, (values, Checks::default()));
        Self { world, root: ModuleAddress::root() }
    }

    /// The outputs as one object; what is not known is unknown.
    pub fn outputs(&self) -> Value {
        let names = self.world.tree.module(0).outputs.keys();
        Value::object(names.map(|name| {
            let value = self.world.root_output(name).cloned();
            (name.clone(), value.unwrap_or_else(|| Value::unknown(Type::Any)))
        }))
    }

    /// What expressions see that stand in the root module, and `beside` before that.
    pub fn scope<'s>(&'s self, beside: &'s dyn Beside) -> impl Scope + 's {
        let (world, address) = (&self.world, &self.root);
        WithBeside {
            inner: InstanceScope { world, module: 0, address, repetition: None, itself: None },
            beside,
        }
    }

    /// Whether a condition holds.
    pub(crate) fn judge(&self, condition: &Condition, beside: &dyn Beside, failed: Code) -> Judged {
        judge(std::slice::from_ref(condition), &self.scope(beside), failed)
    }
}

struct WithBeside<'s, S> {
    inner: S,
    beside: &'s dyn Beside,
}

impl<S: Scope> Scope for WithBeside<'_, S> {
    fn lookup(&self, root: &str, span: Span, steps: &[Step]) -> Result<(Value, usize), Box<Diagnostic>> {
        self.beside.find(root, span, steps).unwrap_or_else(|| self.inner.lookup(root, span, steps))
    }

    fn outside(&self) -> &dyn Outside {
        self.inner.outside()
    }
}
