//! Functions of numbers.

use super::{
    Call, CallError, Function, Param, arg, argument, failed, items, math, number_result, text, whole,
};
use crate::lang::value::{Number, NumberError, ParseError, Type, Value, convert};
use std::cmp::Ordering;

const NUMBER: &[Param] = &[Param::number("num")];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("abs", NUMBER, "The number without its sign.", number_result, |args, _| {
        Ok(Value::number(number(args, 0).absolute()))
    }),
    Function::new(
        "ceil",
        NUMBER,
        "The smallest whole number that is not smaller.",
        number_result,
        |args, _| Ok(Value::number(number(args, 0).ceil())),
    ),
    Function::new(
        "floor",
        NUMBER,
        "The greatest whole number that is not greater.",
        number_result,
        |args, _| Ok(Value::number(number(args, 0).floor())),
    ),
    Function::new(
        "log",
        &[Param::number("num"), Param::number("base")],
        "The logarithm of a number to a base, as a double.",
        number_result,
        log,
    ),
    Function::new("max", &[], "The greatest of the numbers.", number_result, |args, _| {
        extreme(args, Ordering::Greater)
    })
    .variadic(Param::number("numbers").any_type()),
    Function::new("min", &[], "The smallest of the numbers.", number_result, |args, _| {
        extreme(args, Ordering::Less)
    })
    .variadic(Param::number("numbers").any_type()),
    Function::new(
        "parseint",
        &[Param::any("number"), Param::number("base")],
        "A whole number written in a base from 2 to 62.",
        parse_int_result,
        parse_int,
    ),
    Function::new(
        "pow",
        &[Param::number("num"), Param::number("power")],
        "A number raised to a power, as a double.",
        number_result,
        pow,
    ),
    Function::new("signum", NUMBER, "-1, 0 or 1: the sign of a whole number.", number_result, |args, _| {
        Ok(Value::from(whole(args, 0)?.signum()))
    }),
    Function::new(
        "sum",
        &[Param::any("list")],
        "The sum of the numbers in a list, set or tuple.",
        number_result,
        sum,
    ),
];

fn number(args: &[Value], index: usize) -> Number {
    arg(args, index).as_number().cloned().unwrap_or_else(|| Number::from(0))
}

pub(super) fn number_error(error: NumberError) -> CallError {
    failed(error.to_string())
}

fn double(args: &[Value], index: usize) -> Result<f64, CallError> {
    let number = number(args, index);
    let double = number.as_f64();
    if double.is_infinite() && number.is_finite() {
        return Err(argument(index, "it is larger than a double can be"));
    }
    Ok(double)
}

fn from_double(double: f64) -> Result<Value, CallError> {
    Number::from_f64(double).map(Value::number).ok_or_else(|| number_error(NumberError::Undefined))
}

fn log(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    from_double(math::log(double(args, 0)?) / math::log(double(args, 1)?))
}

fn pow(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    from_double(math::pow(double(args, 0)?, double(args, 1)?))
}

fn extreme(args: &[Value], better: Ordering) -> Result<Value, CallError> {
    let mut best: Option<&Number> = None;
    for number in args.iter().filter_map(Value::as_number) {
        if best.is_none_or(|best| number.compare_exactly(best) == better) {
            best = Some(number);
        }
    }
    best.map(|best| Value::number(best.clone())).ok_or_else(|| failed("at least one number is needed"))
}

fn parse_int_result(args: &[Value]) -> Result<Type, CallError> {
    match arg(args, 0).ty() {
        Type::String => Ok(Type::Number),
        other => Err(argument(0, format!("it must be a string, not {}", other.with_article()))),
    }
}

fn parse_int(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    let base = u32::try_from(whole(args, 1)?).ok().filter(|base| (2..=62).contains(base));
    let base = base.ok_or_else(|| argument(1, "the base must be a whole number from 2 to 62"))?;
    Number::parse_whole(text(args, 0), base).map(Value::number).map_err(|error| match error {
        ParseError::NotANumber => argument(0, format!("it is not a whole number of base {base}")),
        ParseError::OutOfRange => argument(0, error.to_string()),
    })
}

fn sum(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    let list = arg(args, 0);
    let not_numbers = || argument(0, "it must be a list, set or tuple of numbers");
    let list_items = list.as_items().ok_or_else(not_numbers)?;
    if list_items.is_empty() {
        return Err(argument(0, "an empty list has no sum"));
    }
    if !list.is_wholly_known() {
        return Ok(Value::unknown(Type::Number));
    }
    let mut total: Option<Number> = None;
    for item in items(list) {
        let item = convert(item, &Type::Number).map_err(|_| not_numbers())?;
        let item = item.as_number().ok_or_else(not_numbers)?;
        total = Some(match total {
            None => item.clone(),
            Some(total) => total.add(item).map_err(number_error)?,
        });
    }
    total.map(Value::number).ok_or_else(not_numbers)
}
