//! What `ignore_changes` says: which parts of an object the configuration leaves as they are.
//!
//! Goes in: the expression, the schema of the resource, a scope. Comes out: all of it, or paths. Names of arguments are
//! meant as they are written; every other expression is evaluated, and what it gives is text that reads as such a path,
//! so that a variable can hold a list of them.

use super::{BlockSchema, evaluate};
use crate::diag::{Diagnostic, Diagnostics, Span, code, nearest};
use crate::lang::scope::Scope;
use crate::lang::syntax::ast::{Expr, ExprKind, Step};
use crate::lang::syntax::parse_expression;
use crate::lang::value::{Kind, Path, PathStep, Value};

/// Which parts of an object stay as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ignored {
    /// Everything that the configuration can set.
    All,
    /// These parts. A number as an index is a position.
    Paths(Vec<Path>),
}

/// What an `ignore_changes` argument says.
///
/// # Errors
/// What cannot be evaluated, is not known, or names no argument of the resource.
pub fn ignored(expr: &Expr, schema: &BlockSchema, scope: &dyn Scope) -> Result<Ignored, Diagnostics> {
    let mut reader = Reader { schema, scope, paths: Vec::new(), all: false };
    reader.read(expr)?;
    Ok(if reader.all { Ignored::All } else { Ignored::Paths(reader.paths) })
}

struct Reader<'a> {
    schema: &'a BlockSchema,
    scope: &'a dyn Scope,
    paths: Vec<Path>,
    all: bool,
}

impl Reader<'_> {
    fn read(&mut self, expr: &Expr) -> Result<(), Diagnostics> {
        match &expr.kind {
            ExprKind::Paren(inner) => self.read(inner),
            ExprKind::Tuple(items) => items.iter().try_for_each(|item| self.read(item)),
            ExprKind::Conditional { cases, otherwise } => {
                for (condition, value) in cases {
                    if self.holds(condition)? {
                        return self.read(value);
                    }
                }
                self.read(otherwise)
            }
            ExprKind::Name(word) if word.as_ref() == "all" && !self.has(word) => {
                self.all = true;
                Ok(())
            }
            ExprKind::Name(word) => self.path(word, &[], expr.span),
            ExprKind::Access { target, steps } => match &target.kind {
                ExprKind::Name(word) if self.has(word) => self.path(word, steps, expr.span),
                _ => self.value(expr),
            },
            _ => self.value(expr),
        }
    }

    fn has(&self, word: &str) -> bool {
        self.schema.attributes.contains_key(word) || self.schema.blocks.contains_key(word)
    }

    fn holds(&self, condition: &Expr) -> Result<bool, Diagnostics> {
        let value = evaluate(condition, self.scope)?;
        value.as_bool().ok_or_else(|| unfit(condition.span, "this must be known, and true or false"))
    }

    fn path(&mut self, word: &str, steps: &[Step], span: Span) -> Result<(), Diagnostics> {
        if !self.has(word) {
            let known = self.schema.attributes.keys().chain(self.schema.blocks.keys());
            let summary = format!("`ignore_changes` names `{word}`, and the resource has no such argument");
            let error = Diagnostic::error(code::lang::BAD_ARGUMENT, summary).at(span, "");
            return Err(match nearest(word, known.map(AsRef::as_ref)) {
                Some(near) => error.help(format!("did you mean `{near}`?")).into(),
                None => error.into(),
            });
        }
        let mut path = Path::root().name(word);
        for step in steps {
            path.0.push(match step {
                Step::Attr(name) => PathStep::Name(name.name.clone()),
                Step::Index(index, span) => self.index(index, *span)?,
                Step::Splat { span, .. } => {
                    return Err(unfit(*span, "a path names one part: an index or a name stands here"));
                }
            });
        }
        self.paths.push(path);
        Ok(())
    }

    fn index(&self, index: &Expr, span: Span) -> Result<PathStep, Diagnostics> {
        let value = evaluate(index, self.scope)?;
        let step = match value.kind() {
            Kind::String(name) => Some(PathStep::Name(name.clone())),
            Kind::Number(number) => {
                number.as_i64().and_then(|number| usize::try_from(number).ok()).map(PathStep::Index)
            }
            _ => None,
        };
        step.ok_or_else(|| unfit(span, "an index is a known string or a position"))
    }

    /// What an expression gives: the text of a path, or a list of such texts.
    fn value(&mut self, expr: &Expr) -> Result<(), Diagnostics> {
        let value = evaluate(expr, self.scope)?;
        if !value.is_wholly_known() {
            return Err(unfit(expr.span, "this must be known before anything is planned"));
        }
        self.texts(&value, expr.span)
    }

    fn texts(&mut self, value: &Value, span: Span) -> Result<(), Diagnostics> {
        if let Some(items) = value.as_items() {
            return items.iter().try_for_each(|item| self.texts(item, span));
        }
        let Some(text) = value.as_str() else {
            return Err(unfit(span, "expected names of arguments, or text that holds such names"));
        };
        let not_a_path =
            || unfit(span, &format!("`{text}` is not the name of an argument or a path from one"));
        let parsed = parse_expression(span.source, text).map_err(|_| not_a_path())?;
        let constant = |index: &Expr| matches!(index.kind, ExprKind::String(_) | ExprKind::Number(_));
        match &parsed.kind {
            ExprKind::Name(word) if word.as_ref() == "all" && !self.has(word) => self.all = true,
            ExprKind::Name(word) => self.path(word, &[], span)?,
            ExprKind::Access { target, steps } => {
                let plain = steps.iter().all(|step| match step {
                    Step::Attr(_) => true,
                    Step::Index(index, _) => constant(index),
                    Step::Splat { .. } => false,
                });
                let ExprKind::Name(word) = &target.kind else { return Err(not_a_path()) };
                if !plain {
                    return Err(not_a_path());
                }
                self.path(word, steps, span)?;
            }
            _ => return Err(not_a_path()),
        }
        Ok(())
    }
}

fn unfit(span: Span, label: &str) -> Diagnostics {
    Diagnostic::error(code::lang::BAD_ARGUMENT, "`ignore_changes` must name arguments of the resource, or be `all`")
        .at(span, label)
        .help("write names without quotes, such as `[tags, labels[\"team\"]]`, or a variable that holds such names as strings")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::SourceMap;
    use crate::lang::eval::tests::Names;
    use crate::lang::eval::{AttributeSchema, NestedBlock};
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
        match ignored(&parse_expression(source, text).unwrap(), &schema, &names) {
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
            ("[sise]", "`ignore_changes` names `sise`, and the resource has no such argument"),
            ("[\"1 + 1\"]", no_path),
            ("[port[*].number]", no_path),
            ("[upper(later)]", no_path),
            ("5", no_path),
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
    }
}
