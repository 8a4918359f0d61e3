//! Operators, with the conversions of their operands.

use super::expression::Evaluator;
use crate::diag::{Diagnostic, code};
use crate::lang::syntax::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use crate::lang::value::{Bounds, Marks, Number, NumberError, Type, Value, convert, equal};
use std::cmp::Ordering;

impl Evaluator<'_> {
    pub(super) fn unary(&mut self, expr: &Expr, op: UnaryOp, operand: &Expr) -> Value {
        let ty = match op {
            UnaryOp::Negate => Type::Number,
            UnaryOp::Not => Type::Bool,
        };
        let symbol = if op == UnaryOp::Not { "!" } else { "-" };
        let before = self.failures();
        let value = self.value(operand);
        let value = self.operand(symbol, &value, &ty, operand);
        if self.failures() > before {
            return Value::unknown(ty);
        }
        let (value, marks) = value.unmarked();
        let result = match (value.as_bool(), value.as_number()) {
            (Some(truth), _) => Value::bool(!truth),
            (_, Some(number)) => Value::number(number.negate()),
            _ if value.is_null() => return self.null_operand(symbol, expr, &[operand]),
            _ => Value::unknown_not_null(ty),
        };
        result.marked(marks)
    }

    /// `a + b - c`, from the left.
    pub(super) fn chain(&mut self, first: &Expr, rest: &[(BinaryOp, Expr)]) -> Value {
        let before = self.failures();
        let mut value = self.value(first);
        let mut so_far = first.span;
        for (op, right) in rest {
            let right_value = self.value(right);
            let (wanted, result) = types(*op);
            // What stands to the left is the first operand, or all of the chain so far, which has no tree of its own.
            let first_operand = so_far == first.span;
            let chain_so_far = Expr { span: so_far, kind: ExprKind::Null };
            let left_expr = if first_operand { first } else { &chain_so_far };
            let left = self.operand(op.symbol(), &value, &wanted, left_expr);
            let right_value = self.operand(op.symbol(), &right_value, &wanted, right);
            so_far = so_far.to(right.span);
            value = if self.failures() > before {
                Value::unknown(result)
            } else {
                let involved = [left_expr, right];
                match apply(*op, &left, &right_value) {
                    Ok(value) => value,
                    Err(Failure::Null) => {
                        let whole = Expr { span: so_far, kind: ExprKind::Null };
                        self.null_operand(op.symbol(), &whole, &involved)
                    }
                    Err(Failure::Number(error)) => {
                        let summary = format!("`{}` has no result here: {error}", op.symbol());
                        let error = Diagnostic::error(code::lang::ARITHMETIC, summary).at(so_far, "");
                        self.fail_with(error, &involved)
                    }
                }
            };
        }
        value
    }

    /// An operand as a value of the type that the operator needs.
    fn operand(&mut self, symbol: &str, value: &Value, wanted: &Type, at: &Expr) -> Value {
        match convert(value, wanted) {
            Ok(value) => value,
            Err(error) => {
                let summary =
                    format!("`{symbol}` needs {}s, but this is {}", wanted, value.ty().with_article());
                let error = Diagnostic::error(code::lang::OPERAND, summary).at(at.span, error.to_string());
                self.fail_with(error, &[at])
            }
        }
    }

    fn null_operand(&mut self, symbol: &str, at: &Expr, involved: &[&Expr]) -> Value {
        let error =
            Diagnostic::error(code::lang::NULL, format!("an operand of `{symbol}` is null")).at(at.span, "");
        self.fail_with(error, involved)
    }
}

enum Failure {
    Null,
    Number(NumberError),
}

/// What an operator needs, and what it gives.
fn types(op: BinaryOp) -> (Type, Type) {
    match op {
        BinaryOp::Or | BinaryOp::And => (Type::Bool, Type::Bool),
        BinaryOp::Equal | BinaryOp::NotEqual => (Type::Any, Type::Bool),
        BinaryOp::Less | BinaryOp::LessOrEqual | BinaryOp::Greater | BinaryOp::GreaterOrEqual => {
            (Type::Number, Type::Bool)
        }
        BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Modulo => {
            (Type::Number, Type::Number)
        }
    }
}

fn apply(op: BinaryOp, left: &Value, right: &Value) -> Result<Value, Failure> {
    match op {
        BinaryOp::Equal => return Ok(equal(left, right)),
        BinaryOp::NotEqual => {
            let same = equal(left, right);
            let marks: Marks = same.marks();
            return Ok(same.as_bool().map_or(same, |same| Value::bool(!same).marked(marks)));
        }
        _ if left.is_null() || right.is_null() => return Err(Failure::Null),
        _ => {}
    }
    let marks = left.marks() | right.marks();
    let by_bounds = compare_bounds(op, left, right);
    let result = match (left.as_bool(), right.as_bool(), left.as_number(), right.as_number()) {
        (Some(left), Some(right), ..) => {
            Value::bool(if op == BinaryOp::And { left && right } else { left || right })
        }
        (_, _, Some(left), Some(right)) => numbers(op, left, right).map_err(Failure::Number)?,
        _ => by_bounds.map_or_else(|| Value::unknown_not_null(types(op).1), Value::bool),
    };
    Ok(result.marked(marks))
}

/// How numbers compare that are not both known, if what is known of them decides. As in Terraform, bounds that touch
/// do not.
fn compare_bounds(op: BinaryOp, left: &Value, right: &Value) -> Option<bool> {
    let order = Bounds::of(left)?.order(&Bounds::of(right)?)?;
    match op {
        BinaryOp::Less | BinaryOp::LessOrEqual => Some(order.is_lt()),
        BinaryOp::Greater | BinaryOp::GreaterOrEqual => Some(order.is_gt()),
        _ => None,
    }
}

fn numbers(op: BinaryOp, left: &Number, right: &Number) -> Result<Value, NumberError> {
    let order = || left.compare_exactly(right);
    Ok(match op {
        BinaryOp::Less => Value::bool(order() == Ordering::Less),
        BinaryOp::Greater => Value::bool(order() == Ordering::Greater),
        BinaryOp::LessOrEqual => Value::bool(order() == Ordering::Less || left == right),
        BinaryOp::GreaterOrEqual => Value::bool(order() == Ordering::Greater || left == right),
        BinaryOp::Subtract => Value::number(left.subtract(right)?),
        BinaryOp::Multiply => Value::number(left.multiply(right)?),
        BinaryOp::Divide => Value::number(left.divide(right)?),
        BinaryOp::Modulo => Value::number(left.remainder(right)?),
        _ => Value::number(left.add(right)?),
    })
}
