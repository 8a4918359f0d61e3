//! What the engine would evaluate to something else than `opa`, or would not find, in the rules as they were parsed.
//!
//! Goes in: modules. Comes out: all that is refused, each with its place. Never happens: a call that the engine resolves
//! only when it comes to it, and then perhaps not at all.

use super::super::wire::Fault;
use super::builtins;
use super::visit::{self, Visit};
use regorus::unstable::{BUILTINS, Expr, Literal, LiteralStmt, Module, Ref, Rule, RuleHead, Span};
use std::collections::{BTreeMap, BTreeSet};

/// Functions of the engine that are called in their own way.
const OWN_WAY: [&str; 2] = ["print", "walk"];

/// Looks at every rule of every module.
pub(super) fn check(modules: &[Ref<Module>]) -> Vec<Fault> {
    let functions = Functions::of(modules);
    let mut found = Vec::new();
    for module in modules {
        let package = path_of(&module.package.refr).unwrap_or_default();
        let (imports, walks) = (imports(module), BTreeSet::new());
        let mut scope = Scope { functions: &functions, package, imports, walks, found: &mut found };
        scope.later_language(module);
        for rule in &module.policy {
            scope.head(rule);
            visit::rule(rule, &mut scope);
        }
    }
    found
}

/// The functions that rules define, by their path, each with the numbers of arguments that it takes.
#[derive(Default)]
struct Functions(BTreeMap<Vec<String>, BTreeSet<usize>>);

impl Functions {
    fn of(modules: &[Ref<Module>]) -> Self {
        let mut functions = Self::default();
        for module in modules {
            let package = path_of(&module.package.refr).unwrap_or_default();
            for rule in &module.policy {
                let (refr, arguments) = match rule.as_ref() {
                    Rule::Spec { head: RuleHead::Func { refr, args, .. }, .. } => (refr, args.len()),
                    Rule::Default { refr, args, .. } if !args.is_empty() => (refr, args.len()),
                    _ => continue,
                };
                let Some(name) = path_of(refr) else { continue };
                let path = ["data".to_owned()].into_iter().chain(package.clone()).chain(name).collect();
                functions.0.entry(path).or_default().insert(arguments);
            }
        }
        functions
    }
}

/// What names mean in a module.
struct Scope<'m> {
    functions: &'m Functions,
    /// Without `data`.
    package: Vec<String>,
    /// Alias to path.
    imports: BTreeMap<String, Vec<String>>,
    /// Where `walk` stands as it may.
    walks: BTreeSet<u32>,
    found: &'m mut Vec<Fault>,
}

fn imports(module: &Module) -> BTreeMap<String, Vec<String>> {
    let named = module.imports.iter().filter_map(|import| {
        let path = path_of(&import.refr)?;
        let alias =
            import.r#as.as_ref().map(|alias| alias.text().to_owned()).or_else(|| path.last().cloned())?;
        Some((alias, path))
    });
    named.filter(|(_, path)| path.first().is_some_and(|root| root == "data")).collect()
}

/// `["a", "b"]` of `a.b` and `a["b"]`.
pub(super) fn path_of(expression: &Expr) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut at = expression;
    loop {
        match at {
            Expr::Var { span, .. } => {
                names.push(span.text().to_owned());
                names.reverse();
                return Some(names);
            }
            Expr::RefDot { refr, field, .. } => {
                names.push(field.0.text().to_owned());
                at = refr;
            }
            Expr::RefBrack { refr, index, .. } => {
                let Expr::String { value, .. } = index.as_ref() else { return None };
                names.push(value.as_string().ok()?.to_string());
                at = refr;
            }
            _ => return None,
        }
    }
}

/// Where a reference begins.
pub(super) fn first(expression: &Expr) -> &Span {
    let mut at = expression;
    while let Expr::RefDot { refr, .. } | Expr::RefBrack { refr, .. } = at {
        at = refr;
    }
    at.span()
}

pub(super) fn refused(span: &Span, reason: impl Into<String>) -> Fault {
    let number = |it: u32| usize::try_from(it).unwrap_or(usize::MAX);
    // The engine counts a tab as four columns.
    let before = span.source.get_contents().get(..number(span.start)).unwrap_or_default();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Fault::Refused {
        file: span.source.get_path().clone(),
        line: number(span.line),
        column,
        reason: reason.into(),
    }
}

impl Visit for Scope<'_> {
    fn statement(&mut self, statement: &LiteralStmt) {
        statement.with_mods.iter().for_each(|with| self.replaced(&with.refr));
        if let Literal::Expr { expr, .. } = &statement.literal
            && let Expr::Call { span, fcn, params, .. } = expr.as_ref()
            && is_walk(fcn)
            && params.len() == 2
        {
            self.walks.insert(span.start);
        }
        if let Literal::NotExpr { expr, .. } = &statement.literal
            && let Expr::Set { span, .. } | Expr::Object { span, .. } | Expr::SetCompr { span, .. } =
                expr.as_ref()
        {
            self.refuse(
                span,
                "`not {…}` is not supported: put what is in it into a rule, and write `not` and its name",
            );
        }
    }

    fn expression(&mut self, expression: &Expr) {
        match expression {
            Expr::Call { span, fcn, params, .. } => self.call(span.start, fcn, params.len()),
            Expr::Membership { span, key: Some(_), .. } => {
                let reason = "`key, value in` would find nothing in a set: write `collection[key] == value`";
                self.refuse(span, reason);
            }
            _ => {}
        }
    }
}

impl Scope<'_> {
    fn refuse(&mut self, span: &Span, reason: impl Into<String>) {
        self.found.push(refused(span, reason));
    }

    /// What later versions of Rego mean otherwise.
    fn later_language(&mut self, module: &Module) {
        for import in &module.imports {
            let path = path_of(&import.refr).unwrap_or_default().join(".");
            let is_later = ["and", "not", "or"].iter().any(|word| path == format!("future.keywords.{word}"));
            if is_later || path == "rego.v2" {
                self.refuse(import.refr.span(), format!("`{path}` is not supported: write Rego v1"));
            }
        }
    }

    /// Sets within documents whose keys are found while evaluating are not found by references that lead into them.
    fn head(&mut self, rule: &Rule) {
        let Rule::Spec { head: RuleHead::Set { refr, .. }, .. } = rule else { return };
        if path_of(refr).is_none() {
            let reason = "a set below a key that is a variable is not supported: make an object of sets, `p[key] := {…}`";
            self.refuse(first(refr), reason);
        }
    }

    /// Only what the engine has itself can be replaced in a test.
    fn replaced(&mut self, target: &Expr) {
        let Some(path) = path_of(target) else { return };
        let name = path.join(".");
        if builtins::names().any(|ours| ours == name) && !BUILTINS.contains_key(name.as_str()) {
            let reason = format!(
                "`{name}` cannot be replaced: put the call into a function of your own, and replace that"
            );
            self.refuse(first(target), reason);
        }
    }

    fn call(&mut self, start: u32, function: &Expr, arguments: usize) {
        let span = first(function);
        let Some(path) = path_of(function) else {
            return self.refuse(span, "what is called here is not the name of a function");
        };
        let name = path.join(".");
        if is_walk(function) {
            if self.walks.contains(&start) {
                return;
            }
            let reason =
                "`walk` would find nothing here; write it as a line of its own: `walk(value, [path, node])`";
            return self.refuse(span, reason);
        }
        let taken = match self.defined(&path) {
            Some(taken) => taken,
            None if OWN_WAY.contains(&name.as_str()) => return,
            None => match (builtins::arguments_of(&name), BUILTINS.get(name.as_str())) {
                (Some(taken), _) => BTreeSet::from([taken]),
                // One more holds the result.
                (None, Some((_, taken))) => BTreeSet::from([usize::from(*taken), usize::from(*taken) + 1]),
                (None, None) => return self.refuse(span, unknown(&name)),
            },
        };
        if !taken.contains(&arguments) {
            let wanted = taken.first().copied().unwrap_or_default();
            let s = if wanted == 1 { "" } else { "s" };
            let help = if arguments == wanted + 1 {
                format!("; write `x := {name}(…)` for its result")
            } else {
                String::new()
            };
            self.refuse(span, format!("`{name}` takes {wanted} argument{s}, and here are {arguments}{help}"));
        }
    }

    /// The numbers of arguments that a function of the rules takes; one more holds its result.
    fn defined(&self, path: &[String]) -> Option<BTreeSet<usize>> {
        let first = path.first()?;
        let imported = self.imports.get(first).map(|import| {
            let rest = path.iter().skip(1);
            import.iter().chain(rest).cloned().collect::<Vec<_>>()
        });
        let own = ["data".to_owned()].into_iter().chain(self.package.clone()).chain(path.to_vec()).collect();
        let found = [imported, Some(own), Some(path.to_vec())]
            .into_iter()
            .flatten()
            .find_map(|path| self.functions.0.get(&path))?;
        Some(found.iter().flat_map(|taken| [*taken, taken + 1]).collect())
    }
}

fn is_walk(function: &Expr) -> bool {
    matches!(function, Expr::Var { span, .. } if span.text() == "walk")
}

/// Why nothing can be called by this name, and what is near.
fn unknown(name: &str) -> String {
    let known = BUILTINS.keys().copied().chain(builtins::names()).chain(OWN_WAY);
    let near = crate::diag::nearest(name, known);
    let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    format!("there is no function `{name}` here{near}")
}
