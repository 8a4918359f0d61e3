//! Functions of strings.

use super::{
    Call, CallError, Function, Param, ParamType, argument, failed, items, list_of_string_result,
    string_result, text, whole,
};
use crate::lang::value::{Type, Value, graphemes, normalize};

const STRING: &[Param] = &[Param::string("str")];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("chomp", STRING, "The string without newlines at its end.", string_result, |args, _| {
        Ok(string(text(args, 0).trim_end_matches(['\r', '\n'])))
    }),
    Function::new(
        "indent",
        &[Param::number("spaces"), Param::string("str")],
        "The string with spaces after each newline.",
        string_result,
        indent,
    ),
    Function::new(
        "join",
        &[Param::string("separator")],
        "The strings of one or more lists, with a separator between them.",
        string_result,
        join,
    )
    .variadic(Param::new("lists", ParamType::ListOfString)),
    Function::new("lower", STRING, "The string in small letters.", string_result, |args, _| {
        Ok(string(&text(args, 0).chars().map(lower).collect::<String>()))
    }),
    Function::new(
        "replace",
        &[Param::string("str"), Param::string("substr"), Param::string("replace")],
        "The string with each occurrence of another replaced; of a regular expression (RE2), if that one stands between slashes.",
        string_result,
        replace,
    ),
    Function::new(
        "split",
        &[Param::string("separator"), Param::string("str")],
        "The parts of a string between the separators.",
        list_of_string_result,
        split,
    ),
    Function::new(
        "strrev",
        STRING,
        "The string with its characters in reverse order.",
        string_result,
        |args, _| Ok(string(&graphemes(text(args, 0)).rev().collect::<String>())),
    ),
    Function::new(
        "substr",
        &[Param::string("str"), Param::number("offset"), Param::number("length")],
        "A part of a string, counted in characters; a negative offset counts from the end, a length of -1 is the rest.",
        string_result,
        substr,
    ),
    Function::new("title", STRING, "The string with a capital at each word.", string_result, title),
    Function::new(
        "trim",
        &[Param::string("str"), Param::string("cutset")],
        "The string without any of some characters at both ends.",
        string_result,
        |args, _| Ok(string(text(args, 0).trim_matches(|c| text(args, 1).contains(c)))),
    ),
    Function::new(
        "trimprefix",
        &[Param::string("str"), Param::string("prefix")],
        "The string without a prefix, if it has it.",
        string_result,
        |args, _| {
            let whole = text(args, 0);
            Ok(string(whole.strip_prefix(text(args, 1)).unwrap_or(whole)))
        },
    ),
    Function::new(
        "trimspace",
        STRING,
        "The string without white space at both ends.",
        string_result,
        |args, _| Ok(string(text(args, 0).trim())),
    ),
    Function::new(
        "trimsuffix",
        &[Param::string("str"), Param::string("suffix")],
        "The string without a suffix, if it has it.",
        string_result,
        |args, _| {
            let whole = text(args, 0);
            Ok(string(whole.strip_suffix(text(args, 1)).unwrap_or(whole)))
        },
    ),
    Function::new("upper", STRING, "The string in capitals.", string_result, |args, _| {
        Ok(string(&text(args, 0).chars().map(upper).collect::<String>()))
    }),
];

pub(super) fn string(text: &str) -> Value {
    Value::string(normalize(text))
}

/// One character for one, as Go maps case: `ß` has no capital that is one character, and stays.
fn upper(character: char) -> char {
    match character {
        // Greek with iota below: the capital that is one character has it beside.
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => {
            char::from_u32(u32::from(character) + 8).unwrap_or(character)
        }
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => char::from_u32(u32::from(character) + 9).unwrap_or(character),
        _ => single(character.to_uppercase(), character),
    }
}

fn lower(character: char) -> char {
    if character == 'İ' { 'i' } else { single(character.to_lowercase(), character) }
}

/// Digraphs and Georgian have a title case that is not the upper one.
fn title_case(character: char) -> char {
    match character {
        'Ǆ'..='ǆ' => 'ǅ',
        'Ǉ'..='ǉ' => 'ǈ',
        'Ǌ'..='ǌ' => 'ǋ',
        'Ǳ'..='ǳ' => 'ǲ',
        '\u{10d0}'..='\u{10ff}' => character,
        _ => upper(character),
    }
}

fn single(mut mapped: impl ExactSizeIterator<Item = char>, original: char) -> char {
    if mapped.len() == 1 { mapped.next().unwrap_or(original) } else { original }
}

fn title(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    let mut before = ' ';
    let titled = text(args, 0).chars().map(|character| {
        let first = if before.is_ascii() {
            !(before.is_ascii_alphanumeric() || before == '_')
        } else {
            before.is_whitespace()
        };
        before = character;
        if first { title_case(character) } else { character }
    });
    Ok(string(&titled.collect::<String>()))
}

fn indent(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let spaces = usize::try_from(whole(args, 0)?).map_err(|_| argument(0, "it must not be negative"))?;
    let original = text(args, 1);
    let lines = original.matches('\n').count();
    call.meter.bytes((spaces as u64).saturating_mul(lines as u64))?;
    if lines == 0 {
        return Ok(string(original));
    }
    Ok(string(&original.replace('\n', &format!("\n{}", " ".repeat(spaces)))))
}

fn join(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let (separator, lists) = (text(args, 0), args.get(1..).unwrap_or(&[]));
    if lists.is_empty() {
        return Err(failed("at least one list is needed"));
    }
    if !lists.iter().all(Value::is_wholly_known) {
        return Ok(Value::unknown(Type::String));
    }
    let mut parts = Vec::new();
    for (at, list) in lists.iter().enumerate() {
        for (element, item) in items(list).iter().enumerate() {
            let part = item.as_str();
            parts.push(part.ok_or_else(|| {
                argument(at + 1, format!("its element {element} is null, which has no text"))
            })?);
        }
    }
    let length: usize = parts.iter().map(|part| part.len() + separator.len()).sum();
    call.meter.bytes(length as u64)?;
    Ok(string(&parts.join(separator)))
}

fn replace(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let (original, from, to) = (text(args, 0), text(args, 1), text(args, 2));
    if let Some(pattern) = from.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
        return super::pattern::replace(original, pattern, to, call);
    }
    let times = original.matches(from).count() as u64;
    call.meter.bytes(times.saturating_mul(to.len() as u64))?;
    Ok(string(&original.replace(from, to)))
}

fn split(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    let (separator, whole) = (text(args, 0), text(args, 1));
    let parts: Vec<Value> = if separator.is_empty() {
        whole.chars().map(|part| string(part.encode_utf8(&mut [0; 4]))).collect()
    } else {
        whole.split(separator).map(string).collect()
    };
    Ok(Value::list(Type::String, parts))
}

fn substr(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    let (original, mut offset, length) = (text(args, 0), whole(args, 1)?, whole(args, 2)?);
    if offset < 0 {
        let all = i64::try_from(graphemes(original).count()).unwrap_or(i64::MAX);
        // One that is before the beginning counts as the beginning, as in Terraform.
        offset = offset.saturating_add(all).max(0);
    } else if length == 0 {
        return Ok(string(""));
    }
    let rest = graphemes(original).skip(usize::try_from(offset).unwrap_or(usize::MAX));
    // After a negative offset a length of 0 is the rest in Terraform, as a negative one is.
    let taken = if length <= 0 { usize::MAX } else { usize::try_from(length).unwrap_or(usize::MAX) };
    Ok(string(&rest.take(taken).collect::<String>()))
}
