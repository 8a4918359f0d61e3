//! Functions of collections of any kind, and of their elements.

use super::{
    Call, CallError, Function, Param, ParamType, arg, argument, failed, items, number_result, whole,
};
use crate::lang::value::{
    Bounds, Kind, Marks, Number, Refinement, Type, Value, convert, equal, graphemes, unify,
};
use std::sync::Arc;

const VARIANTS: Param = Param::any("vals").nullable().unknown().any_type();

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "coalesce",
        &[],
        "The first value that is neither null nor an empty string.",
        common,
        coalesce,
    )
    .variadic(VARIANTS),
    Function::new(
        "coalescelist",
        &[],
        "The first list that has elements.",
        coalesce_list_result,
        coalesce_list,
    )
    .variadic(VARIANTS),
    Function::new(
        "element",
        &[Param::any("list").marked(), Param::number("index")],
        "The element at an index, counted on from the first after the last.",
        element_result,
        element,
    )
    .may_be_null(),
    Function::new(
        "index",
        &[Param::any("list"), Param::any("value")],
        "The index of the first element that is equal to a value.",
        number_result,
        index,
    ),
    Function::new(
        "length",
        &[Param::any("value").unknown().marked().any_type()],
        "The number of elements, attributes or characters.",
        length_result,
        |args, _| Ok(length(arg(args, 0))),
    ),
    Function::new(
        "matchkeys",
        &[
            Param::new("values", ParamType::ListOfAny),
            Param::new("keys", ParamType::ListOfAny),
            Param::new("searchset", ParamType::ListOfAny),
        ],
        "The values whose keys, at the same index, are among others.",
        match_keys_result,
        match_keys,
    ),
    Function::new(
        "one",
        &[Param::any("list")],
        "The only element of a list, set or tuple, or null if it has none.",
        one_result,
        one,
    )
    .may_be_null(),
];

fn common(args: &[Value]) -> Result<Type, CallError> {
    unify(&args.iter().map(Value::ty).collect::<Vec<_>>())
        .ok_or_else(|| failed("all arguments must be of one type"))
}

fn coalesce(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    for (at, value) in args.iter().enumerate() {
        let value = convert(value, &call.result).map_err(|error| argument(at, error.to_string()))?;
        if value.is_unknown() {
            return Ok(Value::unknown(call.result.clone()));
        }
        if !value.is_null() && value.as_str() != Some("") {
            return Ok(value);
        }
    }
    Err(failed("all arguments are null or empty strings"))
}

fn coalesce_list_result(args: &[Value]) -> Result<Type, CallError> {
    let [first, others @ ..] = args else { return Err(failed("at least one argument is needed")) };
    for value in args {
        if value.is_unknown() {
            return Ok(Type::Any);
        }
        if !matches!(value.ty_shallow(), Type::List(_) | Type::Tuple(_)) {
            return Err(failed("all arguments must be lists or tuples"));
        }
    }
    let first = first.ty();
    Ok(if others.iter().all(|other| other.ty() == first) { first } else { Type::Any })
}

fn coalesce_list(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    for value in args {
        if value.is_unknown() {
            return Ok(Value::unknown(call.result.clone()));
        }
        if !items(value).is_empty() {
            return Ok(value.clone());
        }
    }
    Err(failed("all arguments are null or empty"))
}

/// An index past either end of a list goes on at the other end; of a tuple, past its last element only, as in Terraform.
fn element_index(args: &[Value], length: usize) -> Result<usize, CallError> {
    let too_large = |_| argument(1, "it is too large");
    let (index, elements) = (whole(args, 1)?, i64::try_from(length).map_err(too_large)?);
    let within = index.checked_rem(elements).ok_or_else(|| failed("an empty list has no element"))?;
    if within < 0 && matches!(arg(args, 0).ty_shallow(), Type::Tuple(_)) {
        return Err(argument(1, "it must not be negative"));
    }
    usize::try_from(index.rem_euclid(elements)).map_err(too_large)
}

fn element_result(args: &[Value]) -> Result<Type, CallError> {
    match arg(args, 0).ty() {
        Type::List(element) => Ok((*element).clone()),
        Type::Tuple(_) if arg(args, 1).is_unknown() => Ok(Type::Any),
        Type::Tuple(types) => {
            let at = element_index(args, types.len())?;
            Ok(types.get(at).cloned().unwrap_or(Type::Any))
        }
        other => Err(argument(0, format!("it must be a list or tuple, not {}", other.with_article()))),
    }
}

fn element(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    let list = arg(args, 0);
    let at = element_index(args, items(list).len())?;
    items(list)
        .get(at)
        .map(|item| item.clone().marked(list.marks()))
        .ok_or_else(|| failed("there is no such element"))
}

fn index(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    let (list, wanted) = (arg(args, 0), arg(args, 1));
    let (Kind::List(_, all) | Kind::Tuple(all)) = list.kind() else {
        return Err(failed("the first argument must be a list or tuple"));
    };
    for (at, item) in (0i64..).zip(all.iter()) {
        match equal(item, wanted).as_bool() {
            Some(true) => return Ok(Value::from(at)),
            Some(false) => {}
            None => return Ok(Value::unknown(Type::Number)),
        }
    }
    Err(failed(if all.is_empty() {
        "an empty list cannot be searched"
    } else {
        "no element is equal to the value"
    }))
}

fn length_result(args: &[Value]) -> Result<Type, CallError> {
    match arg(args, 0).ty_shallow() {
        Type::Bool | Type::Number => {
            Err(failed("the argument must be a string, a collection, a tuple or an object"))
        }
        _ => Ok(Type::Number),
    }
}

/// What is known of the length of a value of which not all is known.
fn length_unknown(value: &Value) -> Value {
    let (least, most) = match value.kind() {
        Kind::Unknown(Type::Any, _) => return Value::unknown_not_null(Type::Number),
        Kind::Unknown(_, refinement) => (refinement.length_min, refinement.length_max),
        Kind::Set(_, items) => (1, Some(items.len() as u64)),
        _ => (0, None),
    };
    let number = |length: u64| i64::try_from(length).ok().map(Number::from);
    let bounds = Bounds { least: number(least), most: most.and_then(number) };
    let refinement = Refinement { not_null: true, bounds: Some(Arc::new(bounds)), ..Refinement::default() };
    Value::unknown_with(Type::Number, refinement)
}

fn length(value: &Value) -> Value {
    let count = match value.kind() {
        Kind::String(text) => Some(graphemes(text).count()),
        Kind::Unknown(Type::Tuple(types), _) => Some(types.len()),
        Kind::Unknown(Type::Object(fields), _) => Some(fields.len()),
        Kind::Unknown(_, known) if known.length_max == Some(known.length_min) => {
            usize::try_from(known.length_min).ok()
        }
        // Elements that are not known may turn out to be the same.
        Kind::Set(_, items) if items.len() > 1 && !value.is_wholly_known() => None,
        Kind::List(_, items) | Kind::Set(_, items) | Kind::Tuple(items) => Some(items.len()),
        Kind::Map(_, entries) | Kind::Object(entries) => Some(entries.len()),
        _ => None,
    };
    let count = count.and_then(|count| i64::try_from(count).ok());
    count.map_or_else(|| length_unknown(value), Value::from).marked(value.marks())
}

fn match_keys_result(args: &[Value]) -> Result<Type, CallError> {
    let (keys, search) = (arg(args, 1).ty(), arg(args, 2).ty());
    unify(&[keys, search]).ok_or_else(|| failed("keys and searchset must be of one type"))?;
    Ok(arg(args, 0).ty())
}

fn match_keys(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let (values, keys, search) = (arg(args, 0), arg(args, 1), arg(args, 2));
    if items(values).len() != items(keys).len() {
        return Err(failed("values and keys must have the same number of elements"));
    }
    let common = unify(&[keys.ty(), search.ty()]).unwrap_or(Type::Any);
    let keys = convert(keys, &common).map_err(|error| argument(1, error.to_string()))?;
    let search = convert(search, &common).map_err(|error| argument(2, error.to_string()))?;
    let element = call.result.element().cloned().unwrap_or(Type::Any);
    if items(&search).is_empty() {
        return Ok(Value::list(element, []));
    }
    if ![values, &keys, &search].iter().all(|value| value.is_wholly_known()) {
        return Ok(Value::unknown(call.result.clone()));
    }
    call.meter.steps((items(&keys).len() as u64).saturating_mul(items(&search).len() as u64))?;
    let found = |key: &Value| items(&search).iter().any(|wanted| equal(key, wanted).as_bool() == Some(true));
    let matching = items(values).iter().zip(items(&keys)).filter(|(_, key)| found(key));
    Ok(Value::list(element, matching.map(|(value, _)| value.clone()).collect::<Vec<_>>()))
}

fn not_one() -> CallError {
    argument(0, "it must be a list, set or tuple with one element or none")
}

fn one_result(args: &[Value]) -> Result<Type, CallError> {
    match arg(args, 0).ty() {
        Type::List(element) | Type::Set(element) => Ok((*element).clone()),
        Type::Tuple(types) if types.len() < 2 => Ok(types.first().cloned().unwrap_or(Type::Any)),
        _ => Err(not_one()),
    }
}

fn one(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let list = arg(args, 0);
    match items(list) {
        [] => Ok(Value::null_of(call.result.clone())),
        [only] => Ok(only.clone()),
        _ if list.is_undecided_set() => Ok(Value::unknown(call.result.clone())),
        _ => Err(not_one()),
    }
}

/// Marks of several values.
pub(super) fn marks_of(values: &[Value]) -> Marks {
    values.iter().fold(Marks::NONE, |marks, value| marks | value.marks())
}
