//! Plain scalars by YAML 1.2's core schema, and the values of numbers.
//!
//! Source: YAML 1.2.2, section 10.3.2 (tag resolution of the core schema).

use super::NodeKind;
use std::sync::Arc;

/// The value of a number that can be held without a change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Exact {
    /// A whole number without a point or exponent.
    Integer(i64),
    /// A finite number whose shortest decimal form is what was written, but for trailing zeros.
    Double(f64),
}

/// What a plain (unquoted) scalar is.
pub(super) fn plain(text: &str) -> NodeKind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => NodeKind::Null,
        "true" | "True" | "TRUE" => NodeKind::Bool(true),
        "false" | "False" | "FALSE" => NodeKind::Bool(false),
        _ if is_number(text) => NodeKind::Number(Arc::from(text)),
        _ => NodeKind::String(Arc::from(text)),
    }
}

fn is_number(text: &str) -> bool {
    let starts_like_one = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    starts_like_one && (is_decimal(text) || radix(text).is_some() || is_not_finite(text))
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa = match unsigned(mantissa).split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(unsigned(mantissa)),
    };
    mantissa && exponent.is_none_or(|exponent| digits(unsigned(exponent)))
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

/// `0x1F` and `0o17`: digits and their radix.
fn radix(text: &str) -> Option<(&str, u32)> {
    let (digits, radix) = text
        .strip_prefix("0x")
        .map(|digits| (digits, 16))
        .or_else(|| text.strip_prefix("0o").map(|digits| (digits, 8)))?;
    (!digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix))).then_some((digits, radix))
}

/// Whether a number is written as one that is finite: neither `.inf` nor `.nan`.
pub fn is_finite(text: &str) -> bool {
    !is_not_finite(text)
}

fn is_not_finite(text: &str) -> bool {
    matches!(unsigned(text), ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

/// The value of a number as YAML writes it. Nothing if it is not finite, or if a double would hold another one:
/// a rule must not let `0.84999999999999999999` through as 0.85.
pub fn exact(text: &str) -> Option<Exact> {
    if let Some((digits, radix)) = radix(text) {
        return i64::from_str_radix(digits, radix).ok().map(Exact::Integer);
    }
    if !is_decimal(text) {
        return None;
    }
    if let Ok(whole) = text.parse() {
        return Some(Exact::Integer(whole));
    }
    let double: f64 = text.parse().ok().filter(|double: &f64| double.is_finite())?;
    (Decimal::of(text) == Decimal::of(&format!("{double:e}"))).then_some(Exact::Double(double))
}

/// A decimal number in its one normal form: digits without zeros at either end, times ten to a power.
#[derive(PartialEq)]
struct Decimal {
    negative: bool,
    digits: String,
    power: i64,
}

impl Decimal {
    fn of(text: &str) -> Option<Self> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = unsigned(mantissa).split_once('.').unwrap_or((unsigned(mantissa), ""));
        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        let trimmed = digits.trim_end_matches('0');
        if trimmed.is_empty() {
            return Some(Self { negative: false, digits: String::new(), power: 0 });
        }
        let zeros = i64::try_from(digits.len() - trimmed.len()).ok()?;
        let power = exponent.parse::<i64>().ok()? - i64::try_from(fraction.len()).ok()? + zeros;
        Some(Self { negative: mantissa.starts_with('-'), digits: trimmed.to_owned(), power })
    }
}
