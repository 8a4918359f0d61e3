//! What a scalar of YAML is, by Terraform's rules: those of YAML 1.1 with numbers of YAML 1.2.

use super::super::encoding::decode_bytes;
use super::super::string::string;
use super::super::time::Timestamp;
use crate::lang::value::{Number, Value};
use saphyr_parser::ScalarStyle;

/// What a scalar is.
pub(super) enum Resolved {
    Value(Value),
    /// `<<`: the entries of a mapping are put into the one around it.
    Merge,
}

const TRUE: [&str; 11] = ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"];
const FALSE: [&str; 11] = ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"];
const NULL: [&str; 5] = ["", "~", "null", "Null", "NULL"];
const INFINITE: [&str; 6] = [".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"];
const MINUS_INFINITE: [&str; 3] = ["-.inf", "-.Inf", "-.INF"];

fn word(text: &str) -> Option<Value> {
    if let Some(truth) = truth(text) {
        return Some(Value::bool(truth));
    }
    let double = |double: f64| Number::from_f64(double).map(Value::number);
    match text {
        _ if NULL.contains(&text) => Some(Value::null()),
        _ if INFINITE.contains(&text) => double(f64::INFINITY),
        _ if MINUS_INFINITE.contains(&text) => double(f64::NEG_INFINITY),
        _ => None,
    }
}

fn truth(text: &str) -> Option<bool> {
    if TRUE.contains(&text) { Some(true) } else { FALSE.contains(&text).then_some(false) }
}

/// What a scalar with a tag (empty for none, `str` for `!!str`) is.
pub(super) fn resolve(tag: &str, text: &str, style: ScalarStyle) -> Result<Resolved, String> {
    if !["", "str", "bool", "int", "float", "null", "timestamp", "binary"].contains(&tag) {
        return Err(format!("the tag `{tag}` is not known"));
    }
    let first = text.chars().next();
    let number_like = first.is_some_and(|first| first.is_ascii_digit() || matches!(first, '+' | '-'));
    let telling = number_like || first.is_none_or(|first| "yYnNtTfFoO~.".contains(first));
    let mut tag = tag;
    if telling && tag != "str" && tag != "binary" {
        if matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted) {
            return Ok(Resolved::Value(string(text)));
        }
        if let Some(value) = word(text) {
            return Ok(Resolved::Value(value));
        }
        if tag.is_empty() && [".nan", ".NaN", ".NAN"].contains(&text) {
            return Err("no value is `.nan`".to_owned());
        }
        if first == Some('.')
            && let Some(number) = decimal(text)
        {
            return Ok(Resolved::Value(Value::number(number)));
        }
        if number_like {
            if matches!(tag, "" | "timestamp")
                && let Some(timestamp) = timestamp(text)
            {
                return Ok(Resolved::Value(string(&timestamp)));
            }
            if is_whole(text) || is_decimal(text) {
                tag = "float";
            }
        }
    }
    if tag.is_empty() && text == "<<" && style == ScalarStyle::Plain {
        return Ok(Resolved::Merge);
    }
    let bad = || format!("`{text}` is not a value of the tag `{tag}`");
    let value = match tag {
        "binary" if decode_bytes(text).is_none() => return Err(bad()),
        "bool" => Value::bool(truth(text).ok_or_else(bad)?),
        "int" | "float" => Value::number(number(&text.replace('_', "")).ok_or_else(bad)?),
        "timestamp" => string(&timestamp(text).ok_or_else(bad)?),
        "null" => Value::null(),
        _ => string(text),
    };
    Ok(Resolved::Value(value))
}

fn digits(text: &str, radix: u32) -> bool {
    !text.is_empty() && text.chars().all(|digit| digit.is_digit(radix))
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

fn is_whole(text: &str) -> bool {
    digits(unsigned(text), 10)
        || text.strip_prefix("0o").is_some_and(|rest| digits(rest, 8))
        || text.strip_prefix("0x").is_some_and(|rest| digits(rest, 16))
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let mantissa = match unsigned(mantissa).split_once('.') {
        Some(("", fraction)) => digits(fraction, 10),
        Some((whole, fraction)) => digits(whole, 10) && (fraction.is_empty() || digits(fraction, 10)),
        None => digits(unsigned(mantissa), 10),
    };
    mantissa && exponent.is_none_or(|exponent| digits(unsigned(exponent), 10))
}

/// A decimal number that may begin with a sign or a point, or end in a point.
fn decimal(text: &str) -> Option<Number> {
    if !is_decimal(text) {
        return None;
    }
    let sign = if text.starts_with('-') { "-" } else { "" };
    let (mantissa, exponent) = match unsigned(text).split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, format!("e{exponent}")),
        None => (unsigned(text), String::new()),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let whole = if whole.is_empty() { "0" } else { whole };
    let fraction = if fraction.is_empty() { "0" } else { fraction };
    Number::parse(&format!("{sign}{whole}.{fraction}{exponent}"))
}

fn number(text: &str) -> Option<Number> {
    if digits(unsigned(text), 10) {
        return Number::parse_whole(text.strip_prefix('+').unwrap_or(text), 10).ok();
    }
    decimal(text).or_else(|| {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (rest, base) = match rest.get(..2)? {
            "0x" | "0X" => (rest.get(2..)?, 16),
            "0o" | "0O" => (rest.get(2..)?, 8),
            "0b" | "0B" => (rest.get(2..)?, 2),
            _ => return None,
        };
        // Terraform reads only what 64 bits hold here.
        let value = u64::from_str_radix(rest, base).ok().filter(|_| digits(rest, base))?;
        let whole = Number::parse_whole(&value.to_string(), 10).ok()?;
        Some(if negative { whole.negate() } else { whole })
    })
}

/// The timestamps of YAML that Terraform knows, written as RFC 3339 has them: a date; a date and a time after a space;
/// a date and a time after a `T`, with an offset.
fn timestamp(text: &str) -> Option<String> {
    let (date, rest) = match text.find(['T', 't', ' ']) {
        Some(at) => (text.get(..at)?, text.get(at..)?),
        None => (text, ""),
    };
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let short = |number: &str| (digits(number, 10) && number.len() <= 2).then(|| format!("{number:0>2}"));
    if parts.next().is_some() || year.len() != 4 || !digits(year, 10) {
        return None;
    }
    let (month, day) = (short(month)?, short(day)?);
    if rest.is_empty() {
        return Timestamp::parse(&format!("{year}-{month}-{day}T00:00:00Z"))
            .ok()
            .map(|time| time.to_string());
    }
    let spaced = rest.starts_with(' ');
    let time = rest.get(1..)?;
    let end = time.find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.'))).unwrap_or(time.len());
    let (clock, offset) = time.split_at_checked(end)?;
    if spaced != offset.is_empty() {
        return None;
    }
    let mut parts = clock.split(':');
    let (hour, minute, second) = (short(parts.next()?)?, short(parts.next()?)?, parts.next()?);
    let (second, fraction) = second
        .split_once('.')
        .map_or((second, String::new()), |(second, fraction)| (second, format!(".{fraction}")));
    let second = short(second)?;
    let offset = if spaced { "Z" } else { offset };
    let whole = format!("{year}-{month}-{day}T{hour}:{minute}:{second}{fraction}{offset}");
    Timestamp::parse(&whole).ok().filter(|_| parts.next().is_none()).map(|time| time.to_string())
}
