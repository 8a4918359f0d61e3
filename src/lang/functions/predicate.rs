//! Functions that give a bool, and the two that try expressions.

use super::{Call, CallError, Function, Lazy, Param, ParamType, arg, bool_result, failed, items, text};
use crate::lang::value::{Marks, Type, Value, equal};

const LIST_OF_BOOL: &[Param] = &[Param::new("list", ParamType::ListOfBool)];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("alltrue", LIST_OF_BOOL, "Whether all elements are true.", bool_result, all_true),
    Function::new("anytrue", LIST_OF_BOOL, "Whether an element is true.", bool_result, any_true),
    Function::lazy("can", Lazy::Can, "Whether an expression has a value, without an error."),
    Function::new(
        "contains",
        &[Param::any("list"), Param::any("value")],
        "Whether a list, set or tuple has an element that is equal to the value.",
        bool_result,
        contains,
    ),
    Function::new(
        "endswith",
        &[Param::string("str"), Param::string("suffix")],
        "Whether a string ends with another.",
        bool_result,
        |args, _| Ok(Value::bool(text(args, 0).ends_with(text(args, 1)))),
    ),
    Function::new(
        "issensitive",
        &[Param::any("value").unknown().nullable().marked().any_type()],
        "Whether a value is marked sensitive.",
        bool_result,
        is_sensitive,
    ),
    Function::new(
        "startswith",
        &[Param::string("str").unknown(), Param::string("prefix")],
        "Whether a string begins with another.",
        bool_result,
        starts_with,
    ),
    Function::new(
        "strcontains",
        &[Param::string("str"), Param::string("substr")],
        "Whether a string is somewhere in another.",
        bool_result,
        |args, _| Ok(Value::bool(text(args, 0).contains(text(args, 1)))),
    ),
    Function::lazy("try", Lazy::Try, "The first of some expressions that has a value, without an error."),
];

fn all_true(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    for item in items(arg(args, 0)) {
        match item.as_bool() {
            Some(true) => {}
            _ if item.is_unknown() => return Ok(Value::unknown(Type::Bool)),
            _ => return Ok(Value::bool(false)),
        }
    }
    Ok(Value::bool(true))
}

fn any_true(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    let items = items(arg(args, 0));
    if items.iter().any(|item| item.as_bool() == Some(true)) {
        return Ok(Value::bool(true));
    }
    let undecided = items.iter().any(Value::is_unknown);
    Ok(if undecided { Value::unknown(Type::Bool) } else { Value::bool(false) })
}

fn contains(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    let (list, wanted) = (arg(args, 0), arg(args, 1));
    let items =
        list.as_items().ok_or_else(|| failed("the first argument must be a list, a set or a tuple"))?;
    let mut undecided = false;
    for item in items {
        match equal(item, wanted).as_bool() {
            Some(true) => return Ok(Value::bool(true)),
            Some(false) => {}
            None => undecided = true,
        }
    }
    Ok(if undecided { Value::unknown(Type::Bool) } else { Value::bool(false) })
}

fn is_sensitive(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    let value = arg(args, 0);
    Ok(match value.marks().contains(Marks::SENSITIVE) {
        true => Value::bool(true),
        false if value.is_unknown() => Value::unknown(Type::Bool),
        false => Value::bool(false),
    })
}

fn starts_with(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    let prefix = text(args, 1);
    if let Some(whole) = arg(args, 0).as_str() {
        return Ok(Value::bool(whole.starts_with(prefix)));
    }
    let known = arg(args, 0).refinement().and_then(|known| known.prefix.as_deref()).unwrap_or("");
    Ok(match () {
        () if known.starts_with(prefix) => Value::bool(true),
        () if !prefix.starts_with(known) => Value::bool(false),
        () => Value::unknown(Type::Bool),
    })
}
