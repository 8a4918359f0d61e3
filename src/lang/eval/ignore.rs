//! What `ignore_changes` says: which parts of an object the configuration leaves as they are.
//!
//! Goes in: the expression, the schema of the resource, a scope. Comes out: all of it, or paths. Names of arguments are
//! meant as they are written; every other expression is evaluated, and what it gives is text that reads as such a path,
//! so that a variable can hold a list of them.

use super::{AttributeSchema, BlockSchema, evaluate};
use crate::diag::{Diagnostic, Diagnostics, Span, code};
use crate::lang::scope::Scope;
use crate::lang::syntax::ast::{Expr, ExprKind, Step};
use crate::lang::syntax::parse_expression;
use crate::lang::value::{Path, PathStep, Value};

/// Which parts of an object stay as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ignored {
    /// Everything that the configuration can set.
    All,
    /// These parts. A number as an index is a position.
    Paths(Vec<Path>),
    /// That is not known yet.
    Unknown,
}

/// Words that values begin with, and names of arguments do not where the resource has none of that name.
const ROOTS: [&str; 9] = ["var", "local", "each", "count", "module", "data", "manifest", "terraform", "mlo"];

/// What an `ignore_changes` argument of a resource of a type says. `messages` gets a warning for each name that only the
/// provider sets.
///
/// # Errors
/// What cannot be evaluated, or names no argument of the resource: all of it.
pub fn ignored(
    expr: &Expr,
    (type_name, schema): (&str, &BlockSchema),
    scope: &dyn Scope,
    messages: &mut Diagnostics,
) -> Result<Ignored, Diagnostics> {
    let (paths, found) = (Vec::new(), Diagnostics::new());
    let mut reader = Reader { type_name, schema, scope, paths, all: false, unknown: false, found };
    reader.read(expr);
    if reader.found.has_errors() {
        return Err(reader.found);
    }
    messages.extend(reader.found);
    Ok(match reader {
        Reader { all: true, .. } => Ignored::All,
        Reader { unknown: true, .. } => Ignored::Unknown,
        Reader { paths, .. } => Ignored::Paths(paths),
    })
}

struct Reader<'a> {
    type_name: &'a str,
    schema: &'a BlockSchema,
    scope: &'a dyn Scope,
    paths: Vec<Path>,
    all: bool,
    unknown: bool,
    found: Diagnostics,
}

impl Reader<'_> {
    fn read(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Paren(inner) => self.read(inner),
            ExprKind::Tuple(items) => items.iter().for_each(|item| self.read(item)),
            ExprKind::Conditional { cases, otherwise } => self.choose(cases, otherwise),
            ExprKind::Name(word) if word.as_ref() == "all" && !self.has(word) => self.all = true,
            ExprKind::Name(word) => self.path(word, &[], (expr.span, expr.span)),
            ExprKind::Access { target, steps } => match &target.kind {
                ExprKind::Name(word) if self.has(word) || !ROOTS.contains(&word.as_ref()) => {
                    self.path(word, steps, (target.span, expr.span));
                }
                _ => self.value(expr),
            },
            _ => self.value(expr),
        }
    }

    fn has(&self, word: &str) -> bool {
        self.schema.attributes.contains_key(word) || self.schema.blocks.contains_key(word)
    }

    fn choose(&mut self, cases: &[(Expr, Expr)], otherwise: &Expr) {
        for (condition, value) in cases {
            match evaluate(condition, self.scope) {
                Err(messages) => return self.found.extend(messages),
                Ok(holds) if holds.is_unknown() => return self.unknown = true,
                Ok(holds) => match holds.as_bool() {
                    Some(true) => return self.read(value),
                    Some(false) => {}
                    None => return self.unfit(condition.span, "this must be true or false"),
                },
            }
        }
        self.read(otherwise);
    }

    fn path(&mut self, word: &str, steps: &[Step], (first, whole): (Span, Span)) {
        if !self.is_argument(word, first) {
            return;
        }
        let mut path = Path::root().name(word);
        for step in steps {
            let step = match step {
                Step::Attr(name) => Ok(Some(PathStep::Name(name.name.clone()))),
                Step::Index(index, _) => evaluate(index, self.scope).map(|index| PathStep::of_index(&index)),
                Step::Splat { .. } => Ok(None),
            };
            match step {
                Ok(Some(step)) => path.0.push(step),
                Ok(None) => return self.unfit(whole, "in a path stand names, known strings and positions"),
                Err(messages) => return self.found.extend(messages),
            }
        }
        self.paths.push(path);
    }

    /// Whether a word is a name of something that a configuration can set; if not, what it is.
    fn is_argument(&mut self, word: &str, span: Span) -> bool {
        let (type_name, attribute) = (self.type_name, self.schema.attributes.get(word));
        if self.schema.blocks.contains_key(word) || attribute.is_some_and(AttributeSchema::is_argument) {
            return true;
        }
        self.found.push(if attribute.is_some() {
            let summary = format!("`{word}` of `{type_name}` is set by the provider alone");
            let warning = Diagnostic::warning(code::lang::BAD_ARGUMENT, summary).at(span, "not an argument");
            warning.help("take it out: what is not in the configuration is never changed by it")
        } else {
            let known = self.schema.attributes.iter().filter(|(_, attribute)| attribute.is_argument());
            let known = known.map(|(name, _)| name).chain(self.schema.blocks.keys()).map(AsRef::as_ref);
            let summary = format!("`{type_name}` has no argument `{word}`");
            let error = Diagnostic::error(code::lang::UNKNOWN_ARGUMENT, summary).at(span, "no such argument");
            error.did_you_mean(word, known)
        });
        false
    }

    /// What an expression gives: the text of a path, or a list of such texts.
    fn value(&mut self, expr: &Expr) {
        match evaluate(expr, self.scope) {
            Ok(value) if value.is_wholly_known() => self.texts(&value, expr.span),
            Ok(_) => self.unknown = true,
            Err(messages) => self.found.extend(messages),
        }
    }

    fn texts(&mut self, value: &Value, span: Span) {
        if let Some(items) = value.as_items() {
            return items.iter().for_each(|item| self.texts(item, span));
        }
        let Some(text) = value.as_str() else {
            return self.unfit(span, "expected names of arguments, or text that holds such names");
        };
        // Nothing is evaluated in it: a path is all that it may be.
        let parsed = parse_expression(span.source, text).ok().filter(is_plain);
        match parsed.as_ref().map(|parsed| &parsed.kind) {
            Some(ExprKind::Name(word)) if word.as_ref() == "all" && !self.has(word) => self.all = true,
            Some(ExprKind::Name(word)) => self.path(word, &[], (span, span)),
            Some(ExprKind::Access { target, steps }) => {
                if let ExprKind::Name(word) = &target.kind {
                    self.path(word, steps, (span, span));
                }
            }
            _ => {
                let label = format!("`{text}` is not the name of an argument or a path from one");
                self.unfit(span, &label);
            }
        }
    }

    fn unfit(&mut self, span: Span, label: &str) {
        let summary = "`ignore_changes` must name arguments of the resource, or be `all`";
        let error = Diagnostic::error(code::lang::BAD_ARGUMENT, summary).at(span, label);
        self.found.push(error.help("write names without quotes, such as `[tags, labels[\"team\"]]`, or a variable that holds such names as strings"));
    }
}

/// Whether an expression is a name, or a path of names and constant indices from one.
fn is_plain(expr: &Expr) -> bool {
    let constant = |index: &Expr| matches!(index.kind, ExprKind::String(_) | ExprKind::Number(_));
    match &expr.kind {
        ExprKind::Name(_) => true,
        ExprKind::Access { target, steps } => {
            matches!(target.kind, ExprKind::Name(_))
                && steps.iter().all(|step| match step {
                    Step::Attr(_) => true,
                    Step::Index(index, _) => constant(index),
                    Step::Splat { .. } => false,
                })
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::SourceMap;
    use crate::lang::eval::NestedBlock;
    use crate::lang::eval::tests::Names;
    use crate::lang::value::Type;

    fn said(text: &str) -> String {
        let port = BlockSchema::new().attribute("number", AttributeSchema::required(Type::Number));
        let schema = BlockSchema::new()
            .attribute("tags", AttributeSchema::optional(Type::map(Type::String)))
            .attribute("size", AttributeSchema::optional(Type::Number))
            .block("port", NestedBlock::list(port));
        let names = Names::default()
            .with("paths", Value::list(Type::String, ["tags[\"a\"]".into(), "port[0].number".into()]))
            .with("prod", Value::bool(true))
            .with("later", Value::unknown(Type::String))
            .with("key", "b");
        let mut sources = SourceMap::new();
        let source = sources.add("main.hcl", text);
        let expr = parse_expression(source, text).unwrap();
        match ignored(&expr, ("thing", &schema), &names, &mut Diagnostics::new()) {
            Ok(Ignored::Unknown) => "unknown".to_owned(),
            Ok(Ignored::All) => "all".to_owned(),
            Ok(Ignored::Paths(paths)) => paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Err(messages) => messages.iter().next().unwrap().summary.clone(),
        }
    }

    #[test]
    fn names_are_meant_as_written_and_everything_else_is_evaluated() {
        let no_path = "`ignore_changes` must name arguments of the resource, or be `all`";
        for (text, expected) in [
            ("all", "all"),
            ("[]", ""),
            ("[tags, size]", "tags size"),
            ("[tags[\"a\"], tags[key], port[0].number]", "tags.a tags.b port[0].number"),
            ("prod ? [size] : []", "size"),
            ("concat(paths)", "tags.a port[0].number"),
            ("[size, concat(paths)]", "size tags.a port[0].number"),
            ("[\"tags\"]", "tags"),
            ("\"all\"", "all"),
            ("[sise]", "`thing` has no argument `sise`"),
            ("[\"1 + 1\"]", no_path),
            ("[port[*].number]", no_path),
            ("[upper(later)]", "unknown"),
            ("5", no_path),
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
    }
}
