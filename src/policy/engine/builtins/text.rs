//! Strings and lists.

use super::{Answer, Wrong, argument, kind, string};
use regorus::Value;

/// `strings.split_n`: the first `n` parts; the last ones, if `n` is below 0.
pub(super) fn split_n(values: &[Value]) -> Answer {
    let (text, delimiter) = (string(values, 0)?, string(values, 1)?);
    let Value::Number(count) = argument(values, 2)? else {
        return Err(Wrong::new("operand 3 must be number"));
    };
    let count = count.as_i64().ok_or_else(|| Wrong::new("operand 3 must be integer number"))?;
    let parts: Vec<String> = match delimiter {
        "" => text.chars().map(String::from).collect(),
        delimiter => text.split(delimiter).map(str::to_owned).collect(),
    };
    let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX).min(parts.len());
    let skipped = if count < 0 { parts.len() - wanted } else { 0 };
    Ok(Value::from(parts.into_iter().skip(skipped).take(wanted).map(Value::from).collect::<Vec<_>>()))
}

/// `strings.count`: how often a text is found, one after the other.
pub(super) fn count(values: &[Value]) -> Answer {
    Ok(Value::from(string(values, 0)?.matches(string(values, 1)?).count()))
}

/// `strings.replace_n`: goes through the text once, and puts in place of the first pattern that is there, in the order of
/// the patterns, what stands for it. What was put there is not looked at again.
pub(super) fn replace_n(values: &[Value]) -> Answer {
    let Value::Object(patterns) = argument(values, 0)? else {
        let found = kind(argument(values, 0)?);
        return Err(Wrong::new(format_args!("operand 1 must be object but got {found}")));
    };
    let mut pairs = Vec::new();
    for (pattern, by) in patterns.iter_sorted() {
        let (Value::String(pattern), Value::String(by)) = (pattern, by) else {
            return Err(Wrong::new("operand 1 must hold strings only"));
        };
        if pattern.is_empty() {
            return Err(Wrong::new("an empty pattern is not supported"));
        }
        pairs.push((pattern.clone(), by.clone()));
    }
    let (mut rest, mut out) = (string(values, 1)?, String::new());
    while let Some(next) = rest.chars().next() {
        let found = pairs.iter().find_map(|(pattern, by)| Some((rest.strip_prefix(&**pattern)?, by)));
        if let Some((after, by)) = found {
            out.push_str(by);
            rest = after;
        } else {
            out.push(next);
            rest = rest.get(next.len_utf8()..).unwrap_or_default();
        }
    }
    Ok(Value::from(out))
}

/// `array.flatten`: the members of members that are arrays stand in their place, one level deep.
pub(super) fn flatten(values: &[Value]) -> Answer {
    let Value::Array(members) = argument(values, 0)? else {
        let found = kind(argument(values, 0)?);
        return Err(Wrong::new(format_args!("operand 1 must be array but got {found}")));
    };
    let mut flat = Vec::new();
    for member in members.iter() {
        match member {
            Value::Array(inner) => flat.extend(inner.iter().cloned()),
            other => flat.push(other.clone()),
        }
    }
    Ok(Value::from(flat))
}
