//! Type constraints: expressions that are read as types.

use crate::diag::{Diagnostic, Diagnostics, code};
use crate::lang::config::TypeDefaults;
use crate::lang::load::blocks::refuse_references;
use crate::lang::syntax::ast::{Expr, ExprKind, Ident};
use crate::lang::value::{Field, Type};
use std::collections::BTreeMap;
use std::sync::Arc;

const NAMES: [&str; 9] = ["string", "number", "bool", "any", "list", "set", "map", "tuple", "object"];

type Constraint = (Type, TypeDefaults<Expr>);

/// Reads the `type` of a variable. Nothing if it is not a type; that is said.
pub(super) fn type_of(expr: &Expr, diagnostics: &mut Diagnostics) -> Option<Constraint> {
    // Shorthands from before types had arguments.
    match &expr.kind {
        ExprKind::Name(name) if name.as_ref() == "list" => {
            return Some((Type::list(Type::Any), TypeDefaults::default()));
        }
        ExprKind::Name(name) if name.as_ref() == "map" => {
            return Some((Type::map(Type::Any), TypeDefaults::default()));
        }
        _ => {}
    }
    constraint(expr, diagnostics)
}

fn constraint(expr: &Expr, diagnostics: &mut Diagnostics) -> Option<Constraint> {
    let plain = |ty| Some((ty, TypeDefaults::default()));
    match &expr.kind {
        ExprKind::Name(name) => match name.as_ref() {
            "string" => plain(Type::String),
            "number" => plain(Type::Number),
            "bool" => plain(Type::Bool),
            "any" => plain(Type::Any),
            "list" | "set" | "map" => {
                refuse(expr, &format!("`{name}` needs the type of its elements"), diagnostics, |error| {
                    error.help(format!("write `{name}(string)`, or `{name}(any)`"))
                })
            }
            "tuple" => refuse(expr, "`tuple` needs the types of its elements", diagnostics, |error| {
                error.help("write `tuple([string, number])`")
            }),
            "object" => refuse(expr, "`object` needs the types of its attributes", diagnostics, |error| {
                error.help("write `object({ name = string })`")
            }),
            other => {
                refuse(expr, &format!("`{other}` is not a type"), diagnostics, |error| suggest(other, error))
            }
        },
        ExprKind::Call { name, args, expand: false } => call(expr, name, args, diagnostics),
        ExprKind::String(text) => refuse(expr, "a type has no quotes", diagnostics, |error| {
            if NAMES.contains(&text.as_ref()) {
                error.help(format!("write `{text}`, without quotes"))
            } else {
                suggest(text, error)
            }
        }),
        ExprKind::Tuple(_) => refuse(expr, "a list is not a type", diagnostics, |error| {
            error.help("write `list(T)` for a list of any length, or `tuple([T, …])` for one of fixed length")
        }),
        ExprKind::Object(_) => {
            refuse(expr, "an object is not a type", diagnostics, |error| error.help("write `object({ … })`"))
        }
        _ => refuse(expr, "this is not a type", diagnostics, |error| error),
    }
}

fn call(expr: &Expr, name: &Ident, args: &[Expr], diagnostics: &mut Diagnostics) -> Option<Constraint> {
    match (name.name.as_ref(), args) {
        ("list" | "set" | "map", [element]) => {
            let (element, defaults) = constraint(element, diagnostics)?;
            let ty = match name.name.as_ref() {
                "list" => Type::list(element),
                "set" => Type::set(element),
                _ => Type::map(element),
            };
            let element = (!defaults.is_empty()).then(|| Box::new(defaults));
            Some((ty, TypeDefaults { element, ..TypeDefaults::default() }))
        }
        ("tuple", [Expr { kind: ExprKind::Tuple(items), .. }]) => {
            let items: Vec<_> = items.iter().map(|item| constraint(item, diagnostics)).collect();
            let mut defaults = TypeDefaults::default();
            let mut types = Vec::with_capacity(items.len());
            for (position, item) in items.into_iter().enumerate() {
                let (ty, inner) = item?;
                types.push(ty);
                if !inner.is_empty() {
                    defaults.positions.insert(position, inner);
                }
            }
            Some((Type::Tuple(types.into()), defaults))
        }
        ("object", [Expr { kind: ExprKind::Object(items), .. }]) => object(items, diagnostics),
        ("tuple", _) => refuse(expr, "`tuple` takes a list of types", diagnostics, |error| {
            error.help("write `tuple([string, number])`")
        }),
        ("object", _) => {
            refuse(expr, "`object` takes its attributes with their types", diagnostics, |error| {
                error.help("write `object({ name = string })`")
            })
        }
        ("list" | "set" | "map", _) => {
            refuse(expr, &format!("`{}` takes one type", name.name), diagnostics, |error| {
                error.help(format!("write `{}(string)`", name.name))
            })
        }
        ("optional", _) => {
            refuse(expr, "`optional` stands in attributes of an object only", diagnostics, |error| {
                error.help("write it there: `object({ name = optional(string) })`; a variable is optional if it has a `default`")
            })
        }
        (other, _) => {
            refuse(expr, &format!("`{other}` is not a type"), diagnostics, |error| suggest(other, error))
        }
    }
}

fn object(items: &[(Expr, Expr)], diagnostics: &mut Diagnostics) -> Option<Constraint> {
    let mut fields: BTreeMap<Arc<str>, Field> = BTreeMap::new();
    let mut defaults = TypeDefaults::default();
    let mut good = true;
    for (key, value) in items {
        let ExprKind::Name(name) = &key.kind else {
            let none: Option<Constraint> =
                refuse(key, "the name of an attribute is a bare word", diagnostics, |it| it);
            good &= none.is_some();
            continue;
        };
        let Some((ty, inner, optional)) = field(value, name, &mut defaults, diagnostics) else {
            good = false;
            continue;
        };
        if !inner.is_empty() {
            defaults.children.insert(name.clone(), inner);
        }
        if fields.insert(name.clone(), Field { ty, optional }).is_some() {
            let error =
                Diagnostic::error(code::lang::DUPLICATE, format!("attribute `{name}` is there twice"))
                    .at(key.span, "again here");
            diagnostics.push(error);
        }
    }
    good.then(|| (Type::Object(Arc::new(fields)), defaults))
}

/// `T`, `optional(T)` or `optional(T, default)`; the default goes into `defaults`.
fn field(
    value: &Expr,
    name: &Arc<str>,
    defaults: &mut TypeDefaults<Expr>,
    diagnostics: &mut Diagnostics,
) -> Option<(Type, TypeDefaults<Expr>, bool)> {
    let ExprKind::Call { name: function, args, expand: false } = &value.kind else {
        return constraint(value, diagnostics).map(|(ty, inner)| (ty, inner, false));
    };
    if function.name.as_ref() != "optional" {
        return constraint(value, diagnostics).map(|(ty, inner)| (ty, inner, false));
    }
    let ty = match args.as_slice() {
        [ty] => ty,
        [ty, default] => {
            refuse_references(default, "optional", diagnostics);
            defaults.attributes.insert(name.clone(), default.clone());
            ty
        }
        _ => {
            let none: Option<Constraint> =
                refuse(value, "`optional` takes a type, and perhaps a default", diagnostics, |error| {
                    error.help("write `optional(string)` or `optional(string, \"default\")`")
                });
            return none.map(|(ty, inner)| (ty, inner, true));
        }
    };
    constraint(ty, diagnostics).map(|(ty, inner)| (ty, inner, true))
}

fn refuse<T>(
    expr: &Expr,
    summary: &str,
    diagnostics: &mut Diagnostics,
    help: impl FnOnce(Diagnostic) -> Diagnostic,
) -> Option<T> {
    let error = Diagnostic::error(code::lang::TYPE_CONSTRAINT, summary).at(expr.span, "not a type");
    diagnostics.push(help(error));
    None
}

/// The type that is meant by a word of another language, or by a misspelt one.
fn suggest(word: &str, error: Diagnostic) -> Diagnostic {
    let meant = match word.to_lowercase().as_str() {
        "str" | "text" | "varchar" => Some("string"),
        "int" | "integer" | "float" | "double" | "decimal" | "i64" | "f64" => Some("number"),
        "boolean" => Some("bool"),
        "array" | "slice" | "vec" => Some("list(…)"),
        "dict" | "hash" | "hashmap" => Some("map(…)"),
        "struct" | "record" => Some("object({…})"),
        _ => None,
    };
    match meant {
        Some(meant) => error.help(format!("did you mean `{meant}`?")),
        None => error.did_you_mean(word, NAMES),
    }
}
