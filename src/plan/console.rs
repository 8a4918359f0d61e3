//! The values of a configuration as they are now: what the console's expressions see. Nothing is planned or read from
//! outside; what the state does not have is unknown.

use super::remembered;
use super::scope::InstanceScope;
use super::world::{Context, World};
use crate::diag::Diagnostics;
use crate::graph::ModuleTree;
use crate::lang::eval::evaluate;
use crate::lang::load::check_expression;
use crate::lang::syntax::ast::Expr;
use crate::lang::value::Value;
use crate::provider::Provider;
use mlo_state::{ModuleAddress, Snapshot};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What expressions in the root module see.
#[derive(Debug)]
pub struct Console<'c> {
    world: World<'c>,
    root: ModuleAddress,
}

impl<'c> Console<'c> {
    /// Evaluates a configuration with what the state has of its resources. What went wrong is said, and has no value.
    pub fn new(
        tree: &'c ModuleTree<'c>,
        context: &'c Context,
        providers: &BTreeMap<&'static str, Arc<dyn Provider>>,
        snapshot: &Snapshot,
    ) -> (Self, Diagnostics) {
        // Nothing is planned here: the time is the time now.
        let world = World::resume(tree, context, Default::default());
        let (world, messages) = remembered::recall(world, providers, snapshot);
        let root = ModuleAddress::root();
        (Self { world, root }, messages)
    }

    /// The value of an expression that stands in the root module.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn evaluate(&self, expr: &Expr) -> Result<Value, Diagnostics> {
        let wrong = check_expression(self.world.tree.module(0), expr);
        if wrong.has_errors() {
            return Err(wrong);
        }
        let scope = InstanceScope {
            world: &self.world,
            module: 0,
            address: &self.root,
            repetition: None,
            itself: None,
        };
        evaluate(expr, &scope)
    }
}
