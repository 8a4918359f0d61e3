//! Functions of sets.

use super::collection::marks_of;
use super::{Call, CallError, Function, Param, ParamType, arg, argument, failed, items};
use crate::lang::value::{Kind, Marks, Refinement, Type, Value, convert, equal, unify};

/// Combinations of which the number is still told when a set is not known: Terraform's limit.
const COMBINATIONS_KNOWN_MAX: u64 = 2_048;

const fn set(name: &'static str) -> Param {
    Param::new(name, ParamType::SetOfAny).any_type()
}

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "setintersection",
        &[set("first_set")],
        "The elements that are in all of the sets.",
        common_set,
        |args, call| combine(args, call, |kept, other| other.iter().any(|item| same(kept, item)), false),
    )
    .variadic(set("other_sets")),
    Function::new(
        "setproduct",
        &[],
        "All combinations of an element of each of the sets or lists.",
        product_result,
        product,
    )
    .variadic(Param::any("sets").unknown().marked()),
    Function::new(
        "setsubtract",
        &[set("a"), set("b")],
        "The elements that are in the first set and not in the second.",
        common_set,
        |args, call| combine(args, call, |kept, other| !other.iter().any(|item| same(kept, item)), false),
    ),
    Function::new(
        "setunion",
        &[set("first_set")],
        "The elements that are in one of the sets.",
        common_set,
        |args, call| combine(args, call, |_, _| true, true),
    )
    .variadic(set("other_sets")),
];

fn same(a: &Value, b: &Value) -> bool {
    equal(a, b).as_bool() == Some(true)
}

fn common_set(args: &[Value]) -> Result<Type, CallError> {
    let element = |value: &Value| match value.kind() {
        // Nothing is in it that could be of another type.
        Kind::Set(Type::Any, items) if items.is_empty() => None,
        _ => Some(value.ty().element().cloned().unwrap_or(Type::Any)),
    };
    let elements: Vec<_> = args.iter().filter_map(element).collect();
    if elements.is_empty() {
        return Ok(Type::set(Type::Any));
    }
    // Something of any type beside things of known types fits to none of them.
    let untyped = |ty: &Type| matches!(ty, Type::Any);
    let element = unify(&elements).filter(|common| !untyped(common) || elements.iter().all(untyped));
    element.map(Type::set).ok_or_else(|| failed("the elements of all sets must be of one type"))
}

/// The first set, without elements that `keep` does not let stay for another; or with those of the others.
fn combine(
    args: &[Value],
    call: &Call<'_>,
    keep: fn(&Value, &[Value]) -> bool,
    union: bool,
) -> Result<Value, CallError> {
    let mut sets = Vec::with_capacity(args.len());
    for (at, value) in args.iter().enumerate() {
        let set = convert(value, &call.result).map_err(|error| argument(at, error.to_string()))?;
        if !union && !set.is_wholly_known() {
            return Ok(Value::unknown(call.result.clone()));
        }
        sets.push(set);
    }
    let element = call.result.element().cloned().unwrap_or(Type::Any);
    if union {
        let all: Vec<_> = sets.iter().flat_map(|set| items(set).iter().cloned()).collect();
        return Ok(Value::set(element, all));
    }
    let (first, others) = (arg(&sets, 0), sets.get(1..).unwrap_or(&[]));
    let mut kept = items(first).to_vec();
    for other in others {
        call.meter.steps((kept.len() as u64).saturating_mul(items(other).len() as u64))?;
        kept.retain(|item| keep(item, items(other)));
    }
    Ok(Value::set(element, kept))
}

fn product_result(args: &[Value]) -> Result<Type, CallError> {
    if args.len() < 2 {
        return Err(failed("at least two arguments are needed"));
    }
    let (mut elements, mut ordered) = (Vec::with_capacity(args.len()), true);
    for (at, value) in args.iter().enumerate() {
        elements.push(match value.ty() {
            Type::Set(element) => {
                ordered = false;
                (*element).clone()
            }
            Type::List(element) => (*element).clone(),
            Type::Tuple(types) if types.is_empty() => Type::Any,
            Type::Tuple(types) => {
                unify(&types).ok_or_else(|| argument(at, "its elements must be of one type"))?
            }
            other => {
                return Err(argument(
                    at,
                    format!("it must be a set or a list, not {}", other.with_article()),
                ));
            }
        });
    }
    let element = Type::Tuple(elements.into());
    Ok(if ordered { Type::list(element) } else { Type::set(element) })
}

/// The least and the most elements.
fn lengths(value: &Value) -> (u64, Option<u64>) {
    match value.kind() {
        Kind::Unknown(Type::Tuple(types), _) => (types.len() as u64, Some(types.len() as u64)),
        Kind::Unknown(_, known) => (known.length_min, known.length_max),
        Kind::Set(_, items) if !value.is_wholly_known() => {
            (items.len().min(1) as u64, Some(items.len() as u64))
        }
        _ => (items(value).len() as u64, Some(items(value).len() as u64)),
    }
}

fn product(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let marks = marks_of(args);
    let element = call.result.element().cloned().unwrap_or(Type::Any);
    let uncertain = |value: &Value| value.is_unknown() || value.is_undecided_set();
    if args.iter().any(uncertain) {
        return Ok(product_unknown(args, call).marked(marks));
    }
    let total = args.iter().fold(1u64, |total, value| total.saturating_mul(items(value).len() as u64));
    let bytes = (args.len() as u64 + 1).saturating_mul(size_of::<Value>() as u64);
    call.meter.bytes(total.saturating_mul(bytes))?;
    let Type::Tuple(types) = &element else { return Err(failed("there is nothing to combine")) };
    let mut combinations: Vec<Vec<Value>> = vec![Vec::new()];
    for (value, ty) in args.iter().zip(types.iter()) {
        let converted = items(value).iter().map(|item| convert(item, ty)).collect::<Result<Vec<_>, _>>();
        let converted = converted.map_err(|error| failed(error.to_string()))?;
        combinations = combinations
            .iter()
            .flat_map(|before| {
                converted.iter().map(|item| before.iter().cloned().chain([item.clone()]).collect::<Vec<_>>())
            })
            .collect();
    }
    let tuples = combinations.into_iter().map(Value::tuple);
    let product = match call.result {
        Type::List(_) => Value::list(element.clone(), tuples.collect::<Vec<_>>()),
        _ => Value::set(element.clone(), tuples),
    };
    Ok(product.marked(marks))
}

fn product_unknown(args: &[Value], call: &Call<'_>) -> Value {
    let inside = args.iter().fold(Marks::NONE, |marks, value| marks | value.marks_deep());
    let (mut least, mut most) = (1u64, Some(1u64));
    for (min, max) in args.iter().map(lengths) {
        least = least.saturating_mul(min);
        most = most.zip(max).map(|(most, max)| most.saturating_mul(max));
    }
    let length_max = most.filter(|most| *most <= COMBINATIONS_KNOWN_MAX);
    let length_min = if matches!(call.result, Type::Set(_)) { least.min(1) } else { least };
    let refinement = Refinement { not_null: true, length_min, length_max, ..Refinement::default() };
    Value::unknown_with(call.result.clone(), refinement).marked(inside)
}
