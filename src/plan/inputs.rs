//! Values for the root module's variables, as the command line gives them.

use super::scope::Constant;
use crate::diag::{Diagnostics, SourceId, Span};
use crate::lang::config::Variable;
use crate::lang::eval::evaluate;
use crate::lang::syntax::ast::Expr;
use crate::lang::syntax::parse_expression;
use crate::lang::value::{Type, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One value given for a variable, and where it came from.
#[derive(Debug, Clone)]
pub enum Input {
    /// Text of `--var` or an environment variable: see [`Reading`].
    Text {
        /// A source that holds just this text.
        source: SourceId,
        /// The text.
        text: Arc<str>,
    },
    /// An expression of a file of values.
    Expr(Expr),
    /// A value that is known already.
    Known {
        /// The value, not converted to the variable's type yet.
        value: Value,
        /// What stands for the place where it was given.
        span: Span,
    },
}

impl Input {
    /// The value, not converted to the variable's type yet.
    ///
    /// # Errors
    /// If the text is no expression, or the expression has no value.
    pub fn value(&self, reading: Reading) -> Result<Value, Diagnostics> {
        match self {
            Self::Text { text, .. } if reading == Reading::AsItIs => Ok(Value::string(text.clone())),
            Self::Text { source, text } => {
                parse_expression(*source, text).and_then(|expr| evaluate(&expr, &Constant))
            }
            Self::Expr(expr) => evaluate(expr, &Constant),
            Self::Known { value, .. } => Ok(value.clone()),
        }
    }

    /// Where it was given.
    pub fn span(&self) -> Span {
        match self {
            Self::Text { source, text } => {
                Span { source: *source, start: 0, end: u32::try_from(text.len()).unwrap_or(u32::MAX) }
            }
            Self::Expr(expr) => expr.span,
            Self::Known { span, .. } => *span,
        }
    }
}

/// How text from outside of files becomes the value of a variable, as in Terraform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// As it is: `1.10` and `0123` are what was written, also where a variable says nothing of its type.
    AsItIs,
    /// As an expression.
    Expression,
}

impl Reading {
    /// How text for a variable is read.
    pub fn of(variable: &Variable) -> Self {
        let as_it_is = variable.ty == Type::String || !variable.is_typed;
        if as_it_is { Self::AsItIs } else { Self::Expression }
    }
}

/// Values by the name of their variable; of several given for one, the one that counts.
pub type Inputs = BTreeMap<Arc<str>, Input>;
