//! What a policy says and does not use, or asks of an input that has no such part.
//!
//! Goes in: modules. Comes out: what `opa check --strict` refuses as well, and references to the input that its schema
//! does not know. Never happens: a name that a rule uses is taken for unused.

use super::super::input;
use super::super::wire::Fault;
use super::check::{first, path_of, refused};
use super::visit::{self, Visit};
use regorus::unstable::{AssignOp, Expr, LiteralStmt, Module, Ref, Rule, RuleHead, Span};
use std::collections::{BTreeMap, BTreeSet};

/// Names that mean a document everywhere.
const DOCUMENTS: [&str; 2] = ["input", "data"];

/// Looks at every module.
pub(super) fn lint(modules: &[Ref<Module>]) -> Vec<Fault> {
    let mut found: Vec<Fault> = modules.iter().flat_map(|module| of_module(module)).collect();
    let place = |fault: &Fault| match fault {
        Fault::Refused { file, line, column, .. } => (file.clone(), *line, *column),
        _ => (String::new(), 0, 0),
    };
    found.sort_by_key(place);
    found
}

fn of_module(module: &Module) -> Vec<Fault> {
    let mut found = Vec::new();
    let mut used = BTreeSet::new();
    let package = path_of(&module.package.refr).unwrap_or_default().join(".");
    for rule in &module.policy {
        let mut names = Names { package: &package, ..Names::default() };
        names.arguments(rule);
        visit::rule(rule, &mut names);
        names.judge(&mut found);
        used.extend(names.used);
    }
    imports(module, &used, &mut found);
    found
}

/// Imports that are there for nothing. One that is there twice does not even compile.
fn imports(module: &Module, used: &BTreeSet<String>, found: &mut Vec<Fault>) {
    for import in &module.imports {
        let Some(path) = path_of(&import.refr) else { continue };
        let is_language = path.first().is_some_and(|root| root == "rego" || root == "future");
        let alias = import.r#as.as_ref().map(|alias| alias.text().to_owned());
        let Some(alias) = alias.or_else(|| path.last().cloned()).filter(|_| !is_language) else { continue };
        if !used.contains(&alias) {
            found.push(refused(&import.span, format!("the import `{alias}` is not used: leave it out")));
        }
    }
}

/// The names of a rule.
#[derive(Default)]
struct Names<'p> {
    package: &'p str,
    /// What `:=` gives a value, and where.
    assigned: BTreeMap<String, Span>,
    /// Where those names stand as they are given a value.
    places: BTreeSet<u32>,
    used: BTreeSet<String>,
    found: Vec<Fault>,
    /// References that were looked at as a part of longer ones.
    looked_at: BTreeSet<(u32, u32)>,
}

impl Names<'_> {
    fn arguments(&mut self, rule: &Rule) {
        let Rule::Spec { head: RuleHead::Func { args, .. }, .. } = rule else { return };
        for argument in args {
            if let Expr::Var { span, .. } = argument.as_ref() {
                self.shadows(span);
            }
        }
    }

    fn shadows(&mut self, span: &Span) {
        let name = span.text();
        if DOCUMENTS.contains(&name) {
            let reason = format!("`{name}` would hide the document of that name: call it otherwise");
            self.found.push(refused(span, reason));
        }
    }

    /// The names in the pattern on the left of `:=`.
    fn assign(&mut self, pattern: &Expr) {
        match pattern {
            Expr::Var { span, .. } if span.text() != "_" => {
                self.shadows(span);
                self.assigned.entry(span.text().to_owned()).or_insert_with(|| span.clone());
                self.places.insert(span.start);
            }
            Expr::Array { items, .. } => items.iter().for_each(|item| self.assign(item)),
            Expr::Object { fields, .. } => fields.iter().for_each(|(_, _, value)| self.assign(value)),
            _ => {}
        }
    }

    /// Says what is wrong with the rule.
    fn judge(&mut self, found: &mut Vec<Fault>) {
        found.append(&mut self.found);
        for (name, span) in &self.assigned {
            if !self.used.contains(name) && !name.starts_with('_') {
                let reason = format!("`{name}` is given a value that nothing uses: leave it out, or use it");
                found.push(refused(span, reason));
            }
        }
    }

    /// Looks whether the input has what `input.a.b` names.
    fn reference(&mut self, expression: &Expr) {
        let span = expression.span();
        if self.looked_at.contains(&(span.start, span.end)) {
            return;
        }
        let (path, spans) = steps(expression);
        self.looked_at.extend(spans);
        let Some((root, fields)) = path.split_first() else { return };
        if root != "input" {
            return;
        }
        if let Some(unknown) = input::unknown(self.package, fields) {
            self.found.push(refused(first(expression), unknown));
        }
    }
}

/// The names that a reference begins with, up to the first that is not fixed; and the places of all its parts.
fn steps(expression: &Expr) -> (Vec<String>, Vec<(u32, u32)>) {
    let (mut names, mut spans) = (Vec::new(), Vec::new());
    let mut at = expression;
    loop {
        spans.push((at.span().start, at.span().end));
        match at {
            Expr::Var { span, .. } => {
                names.push(Some(span.text().to_owned()));
                break;
            }
            Expr::RefDot { refr, field, .. } => {
                names.push(Some(field.0.text().to_owned()));
                at = refr;
            }
            Expr::RefBrack { refr, index, .. } => {
                let fixed = match index.as_ref() {
                    Expr::String { value, .. } => value.as_string().ok().map(ToString::to_string),
                    _ => None,
                };
                names.push(fixed);
                at = refr;
            }
            _ => return (Vec::new(), spans),
        }
    }
    names.reverse();
    (names.into_iter().map_while(|name| name).collect(), spans)
}

impl Visit for Names<'_> {
    fn statement(&mut self, _: &LiteralStmt) {}

    fn expression(&mut self, expression: &Expr) {
        match expression {
            Expr::AssignExpr { op: AssignOp::ColEq, lhs, .. } => self.assign(lhs),
            Expr::Var { span, .. } if !self.places.contains(&span.start) => {
                self.used.insert(span.text().to_owned());
            }
            Expr::Call { fcn, .. } => {
                self.used.extend(path_of(fcn).and_then(|path| path.into_iter().next()));
            }
            Expr::RefDot { .. } | Expr::RefBrack { .. } => self.reference(expression),
            _ => {}
        }
    }
}
