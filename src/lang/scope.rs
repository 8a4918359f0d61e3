//! Where names get their values from.

use crate::diag::{Diagnostic, Span};
use crate::lang::syntax::ast::Step;
use crate::lang::value::Value;

/// Answers for the names of one place in a configuration.
pub trait Scope {
    /// The value of the reference that begins with the word `root` at `span`, followed by `steps`, and how many of the
    /// steps were taken to get it: `var.a.b` takes one step (`a`); the evaluator takes the others. `for` names never
    /// get here.
    ///
    /// # Errors
    /// If nothing has that name; the message has its place and a did-you-mean.
    fn lookup(&self, root: &str, span: Span, steps: &[Step]) -> Result<(Value, usize), Box<Diagnostic>>;
}
