//! Every expression of a rule, once each, from the outside in.

use regorus::unstable::{Expr, Literal, LiteralStmt, Query, Rule, RuleAssign, RuleHead};

/// What looks at the parts of rules.
pub(super) trait Visit {
    /// A line of a body, before what is in it.
    fn statement(&mut self, statement: &LiteralStmt);
    /// An expression, before what is in it.
    fn expression(&mut self, expression: &Expr);
}

/// Shows a rule's expressions: of its head, and of its bodies.
pub(super) fn rule(rule: &Rule, visit: &mut impl Visit) {
    let (head, bodies) = match rule {
        Rule::Default { value, .. } => return expression(value, visit),
        Rule::Spec { head, bodies, .. } => (head, bodies),
    };
    match head {
        RuleHead::Compr { refr, assign, .. } => {
            expression(refr, visit);
            assigned(assign.as_ref(), visit);
        }
        RuleHead::Set { refr, key, .. } => {
            expression(refr, visit);
            if let Some(key) = key {
                expression(key, visit);
            }
        }
        RuleHead::Func { args, assign, .. } => {
            for argument in args {
                expression(argument, visit);
            }
            assigned(assign.as_ref(), visit);
        }
    }
    for body in bodies {
        assigned(body.assign.as_ref(), visit);
        query(&body.query, visit);
    }
}

fn assigned(assign: Option<&RuleAssign>, visit: &mut impl Visit) {
    if let Some(assign) = assign {
        expression(&assign.value, visit);
    }
}

fn query(query: &Query, visit: &mut impl Visit) {
    for each in &query.stmts {
        statement(each, visit);
    }
}

fn statement(statement: &LiteralStmt, visit: &mut impl Visit) {
    visit.statement(statement);
    for with in &statement.with_mods {
        expression(&with.r#as, visit);
    }
    match &statement.literal {
        Literal::SomeVars { .. } => {}
        Literal::SomeIn { key, value, collection, .. } => {
            if let Some(key) = key {
                expression(key, visit);
            }
            expression(value, visit);
            expression(collection, visit);
        }
        Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => expression(expr, visit),
        Literal::Every { domain, query: body, .. } => {
            expression(domain, visit);
            query(body, visit);
        }
    }
}

fn expression(it: &Expr, visit: &mut impl Visit) {
    visit.expression(it);
    match it {
        Expr::String { .. }
        | Expr::RawString { .. }
        | Expr::Number { .. }
        | Expr::Bool { .. }
        | Expr::Null { .. }
        | Expr::Var { .. } => {}
        Expr::Array { items, .. } | Expr::Set { items, .. } | Expr::Call { params: items, .. } => {
            for item in items {
                expression(item, visit);
            }
        }
        Expr::Object { fields, .. } => {
            for (_, key, value) in fields {
                expression(key, visit);
                expression(value, visit);
            }
        }
        Expr::ArrayCompr { term, query: body, .. } | Expr::SetCompr { term, query: body, .. } => {
            expression(term, visit);
            query(body, visit);
        }
        Expr::ObjectCompr { key, value, query: body, .. } => {
            expression(key, visit);
            expression(value, visit);
            query(body, visit);
        }
        Expr::UnaryExpr { expr: inner, .. } | Expr::RefDot { refr: inner, .. } => expression(inner, visit),
        Expr::RefBrack { refr: first, index: second, .. }
        | Expr::BinExpr { lhs: first, rhs: second, .. }
        | Expr::BoolExpr { lhs: first, rhs: second, .. }
        | Expr::ArithExpr { lhs: first, rhs: second, .. }
        | Expr::AssignExpr { lhs: first, rhs: second, .. } => {
            expression(first, visit);
            expression(second, visit);
        }
        Expr::Membership { key, value, collection, .. } => {
            if let Some(key) = key {
                expression(key, visit);
            }
            expression(value, visit);
            expression(collection, visit);
        }
    }
}
