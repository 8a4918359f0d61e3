//! Functions that change type or marks.

use super::{Call, CallError, Function, Param, arg, argument, failed, type_of_first};
use crate::lang::value::{Kind, Marks, Mismatch, Type, Value, convert, convertible, quote_short};

/// Characters of a text that are shown in an error.
const TEXT_MAX: usize = 60;

const VALUE: &[Param] = &[Param::any("v").nullable().unknown().marked().any_type()];
const ANY_VALUE: &[Param] = &[Param::any("value").nullable().unknown().marked().any_type()];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "ephemeralasnull",
        ANY_VALUE,
        "The value with null for all that is ephemeral in it.",
        type_of_first,
        |args, _| Ok(without_ephemeral(arg(args, 0))),
    )
    .may_be_null(),
    Function::new(
        "nonsensitive",
        ANY_VALUE,
        "The value without the mark that hides it.",
        type_of_first,
        |args, _| {
            let value = arg(args, 0);
            Ok(value.clone().with_marks(value.marks().without(Marks::SENSITIVE)))
        },
    )
    .may_be_null(),
    Function::new(
        "sensitive",
        ANY_VALUE,
        "The value, marked to be shown nowhere.",
        type_of_first,
        |args, _| Ok(arg(args, 0).clone().marked(Marks::SENSITIVE)),
    )
    .may_be_null(),
    to(
        "tobool",
        "The value as a bool.",
        |args| wanted(args, Type::Bool),
        |args, _| convert_to(args, &Type::Bool),
    ),
    to(
        "tolist",
        "The value as a list.",
        |args| wanted(args, Type::list(Type::Any)),
        |args, _| convert_to(args, &Type::list(Type::Any)),
    ),
    to(
        "tomap",
        "The value as a map.",
        |args| wanted(args, Type::map(Type::Any)),
        |args, _| convert_to(args, &Type::map(Type::Any)),
    ),
    to(
        "tonumber",
        "The value as a number.",
        |args| wanted(args, Type::Number),
        |args, _| convert_to(args, &Type::Number),
    ),
    to(
        "toset",
        "The value as a set.",
        |args| wanted(args, Type::set(Type::Any)),
        |args, _| convert_to(args, &Type::set(Type::Any)),
    ),
    to(
        "tostring",
        "The value as a string.",
        |args| wanted(args, Type::String),
        |args, _| convert_to(args, &Type::String),
    ),
    Function::new(
        "type",
        ANY_VALUE,
        "The type of a value; only in the console.",
        |_| Ok(Type::Any),
        |_, _| Err(failed("it is only there in the console, and not as part of an expression")),
    )
    .may_be_null(),
];

const fn to(
    name: &'static str,
    doc: &'static str,
    result: fn(&[Value]) -> Result<Type, CallError>,
    run: fn(&[Value], &Call<'_>) -> Result<Value, CallError>,
) -> Function {
    Function::new(name, VALUE, doc, result, run).may_be_null()
}

fn wanted(args: &[Value], to: Type) -> Result<Type, CallError> {
    let from = arg(args, 0).ty();
    if convertible(&from, &to) { Ok(to) } else { Err(cannot(&from, &to)) }
}

fn cannot(from: &Type, to: &Type) -> CallError {
    argument(0, format!("{} cannot be converted to {}", from.with_article(), to.with_article()))
}

fn convert_to(args: &[Value], to: &Type) -> Result<Value, CallError> {
    let value = arg(args, 0);
    convert(value, to).map_err(|error| {
        let shown = match value.as_str() {
            Some(text) => quote_short(text, TEXT_MAX),
            None => "this".to_owned(),
        };
        match error.mismatch {
            Mismatch::NotANumber if error.path.0.is_empty() => {
                argument(0, format!("{shown} is not the decimal representation of a number")).showing_values()
            }
            Mismatch::NotABool { .. } if error.path.0.is_empty() => {
                argument(0, format!("{shown} is neither \"true\" nor \"false\"")).showing_values()
            }
            Mismatch::NoCommonType => argument(0, error.to_string()),
            _ if error.path.0.is_empty() => cannot(&error.found, to),
            _ => argument(0, error.to_string()),
        }
    })
}

/// An unknown value stays unknown, but nothing of it is known any more: it will be null.
fn without_ephemeral(value: &Value) -> Value {
    let (marks, ty) = (value.marks(), value.ty());
    if !value.marks_deep().contains(Marks::EPHEMERAL) {
        return value.clone();
    }
    if marks.contains(Marks::EPHEMERAL) {
        let rest = (marks | value.marks_deep()).without(Marks::EPHEMERAL);
        let gone =
            if matches!(value.kind(), Kind::Unknown(..)) { Value::unknown(ty) } else { Value::null_of(ty) };
        return gone.with_marks(rest);
    }
    value.clone().map_parts(|_, part| without_ephemeral(part))
}
