//! Values for the root module's variables, as the command line gives them.

use crate::diag::{SourceId, Span};
use crate::lang::syntax::ast::Expr;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One value given for a variable, and where it came from.
#[derive(Debug, Clone)]
pub enum Input {
    /// Text of `--var` or an environment variable: taken as it is for a string variable, else read as an expression.
    Text {
        /// A source that holds just this text.
        source: SourceId,
        /// The text.
        text: Arc<str>,
    },
    /// An expression of a file of values.
    Expr(Expr),
}

impl Input {
    /// Where it was given.
    pub fn span(&self) -> Span {
        match self {
            Self::Text { source, text } => {
                Span { source: *source, start: 0, end: u32::try_from(text.len()).unwrap_or(u32::MAX) }
            }
            Self::Expr(expr) => expr.span,
        }
    }
}

/// Values by the name of their variable; of several given for one, the one that counts.
pub type Inputs = BTreeMap<Arc<str>, Input>;
