//! Values for the root module's variables, as the command line gives them.

use super::scope::Constant;
use crate::diag::{Diagnostics, SourceId, Span};
use crate::lang::eval::evaluate;
use crate::lang::syntax::ast::Expr;
use crate::lang::syntax::parse_expression;
use crate::lang::value::{Type, Value};
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
    /// A value that is known already.
    Known {
        /// The value, not converted to the variable's type yet.
        value: Value,
        /// What stands for the place where it was given.
        span: Span,
    },
}

impl Input {
    /// The value, for a variable of type `ty`, to which it is not converted yet.
    ///
    /// # Errors
    /// If the text is no expression, or the expression has no value.
    pub fn value(&self, ty: &Type) -> Result<Value, Diagnostics> {
        match self {
            Self::Text { text, .. } if *ty == Type::String => Ok(Value::string(text.clone())),
            Self::Text { source, text } => {
                match parse_expression(*source, text).and_then(|expr| evaluate(&expr, &Constant)) {
                    // Terraform takes text that is no expression as it is where any type will do.
                    Err(_) if *ty == Type::Any => Ok(Value::string(text.clone())),
                    result => result,
                }
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

/// Values by the name of their variable; of several given for one, the one that counts.
pub type Inputs = BTreeMap<Arc<str>, Input>;
