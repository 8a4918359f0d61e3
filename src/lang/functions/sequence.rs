//! Functions that give lists and tuples.

use super::collection::marks_of;
use super::number::number_error;
use super::{
    Call, CallError, Function, Param, ParamType, arg, argument, failed, items, list_of_string_result,
    type_of_first, whole,
};
use crate::lang::eval::{Exhausted, VALUE_BYTES_MAX};
use crate::lang::value::{Kind, Marks, Number, Refinement, Type, Value, convert, equal, unify};
use std::cmp::Ordering;

/// Elements that `range` gives at most: Terraform's limit.
const RANGE_MAX: usize = 1_024;

const LIST_OF_STRING: Param = Param::new("list", ParamType::ListOfString);

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "chunklist",
        &[Param::new("list", ParamType::ListOfAny).marked(), Param::number("size").marked()],
        "The list cut into lists of a size.",
        |args| Ok(Type::list(arg(args, 0).ty())),
        chunk_list,
    ),
    Function::new(
        "compact",
        &[LIST_OF_STRING],
        "The list without null and empty strings.",
        list_of_string_result,
        compact,
    ),
    Function::new(
        "concat",
        &[],
        "The elements of several lists or tuples, one after the other.",
        concat_result,
        concat,
    )
    .variadic(Param::any("seqs").marked()),
    Function::new(
        "distinct",
        &[Param::new("list", ParamType::ListOfAny)],
        "The list without elements that were there before.",
        type_of_first,
        distinct,
    ),
    Function::new(
        "flatten",
        &[Param::any("list").marked()],
        "The elements of a list and of all lists in it.",
        flatten_result,
        flatten,
    ),
    Function::new(
        "range",
        &[],
        "Numbers from a start to before an end, by steps.",
        |_| Ok(Type::list(Type::Number)),
        range,
    )
    .variadic(Param::number("params")),
    Function::new(
        "reverse",
        &[Param::any("list").marked()],
        "The elements in reverse order.",
        reverse_result,
        reverse,
    ),
    Function::new(
        "slice",
        &[Param::any("list").marked(), Param::number("start_index"), Param::number("end_index")],
        "The elements from one index to before another.",
        slice_result,
        slice,
    ),
    Function::new(
        "sort",
        &[LIST_OF_STRING.unknown()],
        "The strings in the order of their bytes.",
        list_of_string_result,
        sort,
    ),
];

fn chunk_list(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let list = arg(args, 0);
    let size = usize::try_from(whole(args, 1)?).map_err(|_| argument(1, "it must not be negative"))?;
    let all = items(list);
    let element = list.ty().element().cloned().unwrap_or(Type::Any);
    let chunk = |chunk: &[Value]| Value::list(element.clone(), chunk.to_vec());
    let chunks: Vec<Value> = match (size, all.len()) {
        (_, 0) => Vec::new(),
        (0, _) => vec![list.clone().with_marks(Marks::NONE)],
        _ => all.chunks(size).map(chunk).collect(),
    };
    let inner = call.result.element().cloned().unwrap_or(Type::Any);
    Ok(Value::list(inner, chunks).marked(marks_of(args)))
}

fn compact(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let list = arg(args, 0);
    if !list.is_wholly_known() {
        return Ok(Value::unknown(call.result.clone()));
    }
    let kept = items(list).iter().filter(|item| item.as_str().is_some_and(|text| !text.is_empty()));
    Ok(Value::list(Type::String, kept.cloned().collect::<Vec<_>>()))
}

fn concat_result(args: &[Value]) -> Result<Type, CallError> {
    if args.is_empty() {
        return Err(failed("at least one argument is needed"));
    }
    if args.iter().all(|arg| matches!(arg.kind(), Kind::Tuple(_))) {
        // What comes out tells its type: here it would be one of as many parts.
        return Ok(Type::Any);
    }
    let types: Vec<Type> = args.iter().map(Value::ty).collect();
    if types.iter().all(|ty| matches!(ty, Type::List(_)))
        && let Some(common) = unify(&types)
    {
        return Ok(common);
    }
    let mut all = Vec::new();
    for (at, (ty, value)) in types.iter().zip(args).enumerate() {
        match ty {
            Type::Tuple(types) => all.extend(types.iter().cloned()),
            Type::List(_) if value.is_unknown() => return Ok(Type::Any),
            Type::List(element) => all.extend(items(value).iter().map(|_| (**element).clone())),
            other => {
                return Err(argument(
                    at,
                    format!("it must be a list or tuple, not {}", other.with_article()),
                ));
            }
        }
    }
    Ok(Type::Tuple(all.into()))
}

fn concat(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let marks = marks_of(args);
    if let Type::List(element) = &call.result {
        let mut all = Vec::new();
        for (at, list) in args.iter().enumerate() {
            let list = convert(list, &call.result).map_err(|error| argument(at, error.to_string()))?;
            all.extend_from_slice(items(&list));
        }
        return Ok(Value::list((**element).clone(), all).marked(marks));
    }
    if args.iter().fold(0_u64, |sum, arg| sum.saturating_add(arg.weight())) > VALUE_BYTES_MAX {
        return Err(Exhausted::Bytes.into());
    }
    let all: Vec<_> = args.iter().flat_map(|list| items(list).iter().cloned()).collect();
    Ok(Value::tuple(all).marked(marks))
}

fn distinct(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let list = arg(args, 0);
    let element = call.result.element().cloned().unwrap_or(Type::Any);
    if !list.is_wholly_known() {
        return Ok(Value::unknown(call.result.clone()));
    }
    let all = items(list);
    if all.len() == Value::set(element.clone(), all.to_vec()).as_items().map_or(0, <[Value]>::len) {
        return Ok(list.clone());
    }
    let mut kept: Vec<Value> = Vec::new();
    for item in all {
        call.meter.steps(kept.len() as u64)?;
        if !kept.iter().any(|earlier| equal(earlier, item).as_bool() == Some(true)) {
            kept.push(item.clone());
        }
    }
    Ok(Value::list(element, kept))
}

/// All elements of lists in lists, and the marks of those lists. Not `known` if some list is not.
struct Flat {
    items: Vec<Value>,
    marks: Marks,
    known: bool,
}

fn flatten_into(value: &Value, flat: &mut Flat) {
    flat.marks = flat.marks | value.marks();
    if value.is_undecided_set() {
        flat.known = false;
    }
    for item in items(value) {
        match item.kind() {
            Kind::Unknown(Type::Any | Type::List(_) | Type::Set(_) | Type::Tuple(_), _) => {
                flat.known = false;
                flat.marks = flat.marks | item.marks();
            }
            Kind::List(..) | Kind::Set(..) | Kind::Tuple(_) => flatten_into(item, flat),
            _ => flat.items.push(item.clone()),
        }
    }
}

fn flattened(value: &Value) -> Flat {
    let mut flat = Flat { items: Vec::new(), marks: Marks::NONE, known: true };
    flatten_into(value, &mut flat);
    flat
}

fn flatten_result(args: &[Value]) -> Result<Type, CallError> {
    let list = arg(args, 0);
    if !matches!(list.ty_shallow(), Type::List(_) | Type::Set(_) | Type::Tuple(_)) {
        return Err(failed("the argument must be a list, a set or a tuple"));
    }
    Ok(Type::Any)
}

fn flatten(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    let flat = flattened(arg(args, 0));
    if flat.known {
        return Ok(Value::tuple(flat.items).marked(flat.marks));
    }
    let inside = flat.items.iter().fold(flat.marks, |marks, item| marks | item.marks_deep());
    Ok(Value::unknown(Type::Any).marked(inside))
}

fn range(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let number = |at: usize| arg(args, at).as_number().cloned().unwrap_or_else(|| Number::from(0));
    let (start, end) = match args.len() {
        1 => (Number::from(0), number(0)),
        2 | 3 => (number(0), number(1)),
        _ => return Err(failed("one, two or three arguments are needed")),
    };
    let down = end.compare_exactly(&start) == Ordering::Less;
    let step = match args.len() {
        3 => number(2),
        _ => Number::from(if down { -1 } else { 1 }),
    };
    if step.is_zero() {
        return Err(argument(2, "a step must not be zero"));
    }
    let beyond = if step.is_negative() { Ordering::Less } else { Ordering::Greater };
    if end.compare_exactly(&start) == beyond.reverse() {
        return Err(argument(1, "the end is not in the direction of the step"));
    }
    let (mut numbers, mut next) = (Vec::new(), start);
    while next != end && next.compare_exactly(&end) == beyond.reverse() {
        if numbers.len() == RANGE_MAX {
            return Err(failed(format!("there are more than {RANGE_MAX} numbers in this range")));
        }
        call.meter.steps(1)?;
        numbers.push(Value::number(next.clone()));
        next = next.add(&step).map_err(number_error)?;
    }
    Ok(Value::list(Type::Number, numbers))
}

fn reverse_result(args: &[Value]) -> Result<Type, CallError> {
    match arg(args, 0).ty() {
        Type::Tuple(types) => Ok(Type::Tuple(types.iter().rev().cloned().collect())),
        Type::List(element) | Type::Set(element) => Ok(Type::list((*element).clone())),
        other => Err(argument(0, format!("it must be a list or tuple, not {}", other.with_article()))),
    }
}

fn reverse(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let list = arg(args, 0);
    if list.is_undecided_set() {
        return Ok(Value::unknown(call.result.clone()).marked(list.marks_deep()));
    }
    let reversed: Vec<_> = items(list).iter().rev().cloned().collect();
    Ok(like(&call.result, reversed).marked(list.marks()))
}

/// A tuple, or a list, as the type is.
fn like(ty: &Type, items: Vec<Value>) -> Value {
    match ty {
        Type::List(element) => Value::list((**element).clone(), items),
        _ => Value::tuple(items),
    }
}

/// Start and end; nothing for one that is not known.
fn bounds(args: &[Value]) -> Result<(Option<usize>, Option<usize>), CallError> {
    let list = arg(args, 0);
    let length = match list.kind() {
        Kind::Unknown(Type::Tuple(types), _) => Some(types.len()),
        _ => list.as_items().map(<[Value]>::len),
    };
    let bound = |at: usize| {
        if arg(args, at).is_unknown() {
            return Ok(None);
        }
        let bound = usize::try_from(whole(args, at)?).map_err(|_| argument(at, "it must not be negative"))?;
        match length {
            Some(length) if bound > length => {
                Err(argument(at, format!("the list has only {length} elements")))
            }
            _ => Ok(Some(bound)),
        }
    };
    let (start, end) = (bound(1)?, bound(2)?);
    if start.zip(end).is_some_and(|(start, end)| start > end) {
        return Err(argument(1, "it must not be greater than the end index"));
    }
    Ok((start, end))
}

fn slice_result(args: &[Value]) -> Result<Type, CallError> {
    let ty = arg(args, 0).ty();
    match &ty {
        Type::Set(_) => {
            return Err(argument(0, "elements of a set have no index; `tolist` makes a list of it"));
        }
        Type::List(_) | Type::Tuple(_) => {}
        other => {
            return Err(argument(0, format!("it must be a list or tuple, not {}", other.with_article())));
        }
    }
    let bounds = bounds(args)?;
    match (ty, bounds) {
        (Type::Tuple(types), (Some(start), Some(end))) => {
            Ok(Type::Tuple(types.get(start..end).unwrap_or(&[]).into()))
        }
        (Type::Tuple(_), _) => Ok(Type::Any),
        (list, _) => Ok(list),
    }
}

fn slice(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let list = arg(args, 0);
    let (start, end) = bounds(args)?;
    let part = items(list).get(start.unwrap_or(0)..end.unwrap_or(0)).unwrap_or(&[]);
    Ok(like(&call.result, part.to_vec()).marked(list.marks()))
}

fn sort(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let list = arg(args, 0);
    if !list.is_wholly_known() {
        let (length_min, length_max) = match (list.refinement(), list.as_items()) {
            (Some(known), _) => (known.length_min, known.length_max),
            (_, Some(items)) => (items.len() as u64, Some(items.len() as u64)),
            _ => (0, None),
        };
        let refinement = Refinement { not_null: true, length_min, length_max, ..Refinement::default() };
        return Ok(Value::unknown_with(call.result.clone(), refinement));
    }
    let mut texts = Vec::new();
    for (at, item) in items(list).iter().enumerate() {
        texts.push(
            item.as_str().ok_or_else(|| failed(format!("element {at} is null, which cannot be sorted")))?,
        );
    }
    texts.sort_unstable();
    Ok(Value::list(Type::String, texts.into_iter().map(Value::from).collect::<Vec<_>>()))
}
