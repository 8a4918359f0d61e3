//! Functions of maps and objects.

use super::collection::marks_of;
use super::{Call, CallError, Function, Param, ParamType, arg, argument, failed, items, text};
use crate::lang::value::{Kind, Marks, Type, Value, convert};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "keys",
        &[Param::any("inputMap").unknown().marked()],
        "The names of the elements or attributes, in order.",
        keys_result,
        keys,
    ),
    Function::new(
        "lookup",
        &[Param::any("inputMap").unknown().marked(), Param::string("key").unknown().marked()],
        "The element of a name, or else a default.",
        lookup_result,
        lookup,
    )
    .variadic(Param::any("default").nullable().unknown().marked().any_type())
    .may_be_null(),
    Function::new(
        "merge",
        &[],
        "All elements of several maps or objects; of one name the last counts.",
        merge_result,
        merge,
    )
    .variadic(Param::any("maps").nullable().marked().any_type()),
    Function::new(
        "transpose",
        &[Param::new("values", ParamType::MapOfListOfString)],
        "A map of lists turned round: from each string in a list to the names of the lists that have it.",
        |_| Ok(Type::map(Type::list(Type::String))),
        transpose,
    ),
    Function::new(
        "values",
        &[Param::any("mapping").marked()],
        "The values of the elements or attributes, in the order of their names.",
        values_result,
        values,
    ),
    Function::new(
        "zipmap",
        &[Param::new("keys", ParamType::ListOfString).marked(), Param::any("values").marked()],
        "A map or object of names and values.",
        zip_map_result,
        zip_map,
    ),
];

fn keys_result(args: &[Value]) -> Result<Type, CallError> {
    match arg(args, 0).ty() {
        Type::Map(_) => Ok(Type::list(Type::String)),
        Type::Object(fields) => Ok(Type::Tuple(fields.keys().map(|_| Type::String).collect())),
        other => Err(argument(0, format!("it must be a map or object, not {}", other.with_article()))),
    }
}

fn keys(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let mapping = arg(args, 0);
    let names = |names: &mut dyn Iterator<Item = &Arc<str>>| -> Vec<Value> {
        names.map(|name| Value::string(name.clone())).collect()
    };
    let keys = match mapping.kind() {
        Kind::Map(_, entries) => Value::list(Type::String, names(&mut entries.keys())),
        Kind::Object(entries) => Value::tuple(names(&mut entries.keys())),
        Kind::Unknown(Type::Object(fields), _) => Value::tuple(names(&mut fields.keys())),
        _ => Value::unknown(call.result.clone()),
    };
    Ok(keys.marked(mapping.marks()))
}

fn lookup_result(args: &[Value]) -> Result<Type, CallError> {
    if args.len() > 3 {
        return Err(failed("two or three arguments are needed"));
    }
    match arg(args, 0).ty() {
        Type::Object(_) if arg(args, 1).is_unknown() => Ok(Type::Any),
        Type::Object(fields) => match (fields.get(text(args, 1)), args.get(2)) {
            (Some(field), _) => Ok(field.ty.clone()),
            (None, Some(default)) => Ok(default.ty()),
            (None, None) => {
                Err(argument(1, format!("the object has no attribute {:?}", text(args, 1))).showing_values())
            }
        },
        Type::Map(element) => {
            if let Some(default) = args.get(2)
                && convert(default, &element).is_err()
            {
                return Err(argument(2, "the default must be of the type of the map's elements"));
            }
            Ok((*element).clone())
        }
        other => Err(argument(0, format!("it must be a map or object, not {}", other.with_article()))),
    }
}

fn lookup(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let (mapping, key) = (arg(args, 0), arg(args, 1));
    let marks = mapping.marks() | key.marks();
    if key.is_unknown() || mapping.is_unknown() {
        // It may be any of them.
        let inside = args.iter().fold(marks, |marks, value| marks | value.marks_deep());
        return Ok(Value::unknown(call.result.clone()).marked(inside));
    }
    match (mapping.get(text(args, 1)), args.get(2)) {
        (Some(found), _) => Ok(found.clone().marked(marks)),
        (None, Some(default)) => {
            let default = convert(default, &call.result).map_err(|error| argument(2, error.to_string()))?;
            Ok(default.marked(marks))
        }
        (None, None) => Err(failed(format!("there is no element {:?}", text(args, 1))).showing_values()),
    }
}

fn merge_result(args: &[Value]) -> Result<Type, CallError> {
    let Some(first) = args.first() else { return Ok(Type::object([])) };
    let (mut attributes, mut known, mut untyped) = (BTreeMap::new(), true, false);
    for (at, value) in args.iter().enumerate() {
        match (value.ty(), value.as_entries()) {
            (Type::Any, _) => untyped = true,
            (Type::Object(fields), _) if !value.is_null() => {
                attributes.extend(fields.iter().map(|(name, field)| (name.clone(), field.ty.clone())));
            }
            (Type::Map(element), Some(entries)) => {
                attributes.extend(entries.keys().map(|name| (name.clone(), (*element).clone())));
            }
            (Type::Map(_) | Type::Object(_), _) => known &= value.is_null(),
            (other, _) => {
                return Err(argument(
                    at,
                    format!("it must be a map or object, not {}", other.with_article()),
                ));
            }
        }
    }
    let first = first.ty();
    if untyped {
        return Ok(Type::Any);
    }
    if args.iter().all(|other| other.ty() == first) {
        // Maps that seem to be of one type may turn out to be of different ones.
        let undecided = first.has_any() && !args.iter().all(Value::is_wholly_known);
        return Ok(if undecided { Type::Any } else { first });
    }
    Ok(if known { Type::object(attributes) } else { Type::Any })
}

fn merge(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let mut merged: BTreeMap<Arc<str>, Value> = BTreeMap::new();
    for value in args {
        if let Some(entries) = value.as_entries() {
            merged.extend(entries.iter().map(|(name, item)| (name.clone(), item.clone())));
        }
    }
    let merged = match &call.result {
        Type::Map(element) => Value::map((**element).clone(), merged),
        _ => Value::object(merged),
    };
    Ok(merged.marked(marks_of(args)))
}

fn transpose(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let mapping = arg(args, 0);
    if !mapping.is_wholly_known() {
        return Ok(Value::unknown(call.result.clone()));
    }
    let mut turned: BTreeMap<Arc<str>, Vec<Value>> = BTreeMap::new();
    for (name, list) in mapping.as_entries().into_iter().flatten() {
        let list =
            list.as_items().ok_or_else(|| failed(format!("the list {name:?} is null")).showing_values())?;
        for item in list {
            let key = item
                .as_str()
                .ok_or_else(|| failed(format!("a string in the list {name:?} is null")).showing_values())?;
            // Names come in order, so that the lists are sorted.
            turned.entry(key.into()).or_default().push(Value::string(name.clone()));
        }
    }
    let turned = turned.into_iter().map(|(key, names)| (key, Value::list(Type::String, names)));
    Ok(Value::map(Type::list(Type::String), turned.collect::<Vec<_>>()))
}

fn values_result(args: &[Value]) -> Result<Type, CallError> {
    match arg(args, 0).ty() {
        Type::Map(element) => Ok(Type::list((*element).clone())),
        Type::Object(fields) => Ok(Type::Tuple(fields.values().map(|field| field.ty.clone()).collect())),
        other => Err(argument(0, format!("it must be a map or object, not {}", other.with_article()))),
    }
}

fn values(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    let mapping = arg(args, 0);
    let all: Vec<_> = mapping.as_entries().into_iter().flatten().map(|(_, value)| value.clone()).collect();
    let values = match mapping.kind() {
        Kind::Map(element, _) => Value::list(element.clone(), all),
        _ => Value::tuple(all),
    };
    Ok(values.marked(mapping.marks()))
}

fn numbers_differ(keys: usize, values: usize) -> CallError {
    failed(format!("there are {keys} keys, but {values} values"))
}

fn zip_map_result(args: &[Value]) -> Result<Type, CallError> {
    let keys = arg(args, 0);
    match arg(args, 1).ty() {
        Type::List(element) => Ok(Type::map((*element).clone())),
        Type::Tuple(_) if !keys.is_wholly_known() => Ok(Type::Any),
        Type::Tuple(types) => {
            let keys = items(keys);
            if keys.len() != types.len() {
                return Err(numbers_differ(keys.len(), types.len()));
            }
            let mut attributes = BTreeMap::new();
            for (at, (key, ty)) in keys.iter().zip(types.iter()).enumerate() {
                let key = key.as_str().ok_or_else(|| argument(0, format!("its element {at} is null")))?;
                attributes.insert(Arc::from(key), ty.clone());
            }
            Ok(Type::object(attributes))
        }
        other => Err(argument(1, format!("it must be a list or tuple, not {}", other.with_article()))),
    }
}

fn zip_map(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let (keys, values) = (arg(args, 0), arg(args, 1));
    let mut marks = marks_of(args) | keys.marks_deep();
    if !keys.is_wholly_known() {
        marks = marks | values.marks_deep();
        return Ok(Value::unknown(call.result.clone()).marked(marks));
    }
    let (names, values) = (items(keys), items(values));
    if names.len() != values.len() {
        return Err(numbers_differ(names.len(), values.len()));
    }
    let mut entries = BTreeMap::new();
    for (at, (name, value)) in names.iter().zip(values).enumerate() {
        let name = name.as_str().ok_or_else(|| argument(0, format!("its element {at} is null")))?;
        entries.insert(Arc::from(name), value.clone());
    }
    let zipped = match &call.result {
        Type::Map(element) => Value::map((**element).clone(), entries),
        _ => Value::object(entries),
    };
    Ok(zipped.marked(marks).marked(Marks::NONE))
}
