//! What an expression refers to, found without evaluating it.

use crate::diag::Span;
use crate::lang::config::ResourceKey;
use std::sync::Arc;

/// A reference and its place: from its first word to the last step that could be part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// What is referred to.
    pub target: Target,
    /// Where.
    pub span: Span,
}

/// What can be referred to. Names bound by `for` are not references.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// `var.name`
    Variable(Arc<str>),
    /// `local.name`
    Local(Arc<str>),
    /// `module.name`, and the output that it takes if the expression says it: `module.name.output`,
    /// `module.name["key"].output`, `module.name[*].output`.
    Module(Arc<str>, Option<Arc<str>>),
    /// `type.name`, `data.type.name`
    Resource(ResourceKey),
    /// `manifest`
    Manifest,
    /// `each.key`, `each.value`
    Each,
    /// `count.index`
    Count,
    /// `path.module`, `path.root`, `path.cwd`
    Path,
    /// `self`
    Itself,
    /// `mlo.environment`, `terraform.workspace`
    Program,
}
#[allow(missing_docs)]
pub fn references_in(_: &crate::lang::syntax::ast::Expr) -> Vec<Reference> { vec![] }
#[allow(missing_docs)]
pub fn references_in_body(_: &crate::lang::syntax::ast::Body) -> Vec<Reference> { vec![] }
