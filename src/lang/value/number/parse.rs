//! Text to numbers.

use super::{Number, PRECISION_COUNT, PRECISION_TEXT, Repr};
use num_bigint::BigUint;
use thiserror::Error;

/// Digits that are read; more would take more than a moment to convert.
const DIGITS_MAX: usize = 10_000;
/// The largest decimal exponent that is looked at, before the digits are counted in.
const EXPONENT_MAX: i64 = 20_000;

/// Text that is not a number of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ParseError {
    /// Not a number at all.
    #[error("not a number")]
    NotANumber,
    /// Too many digits, or too large or small.
    #[error("the number is out of range")]
    OutOfRange,
}

/// `[+-]digits[.digits][(e|p)[+-]digits]`, or `Inf`: what Go reads as a number of base ten. A `p` counts powers of two.
pub(super) fn parse(text: &str) -> Result<Number, ParseError> {
    let (negative, rest) = sign(text);
    if rest == "Inf" || rest == "inf" {
        return Ok(Number(Repr::Infinite { negative }));
    }
    let (mantissa, exponent) = match rest.find(['e', 'E', 'p', 'P']) {
        Some(at) => (rest.get(..at).unwrap_or(""), rest.get(at..)),
        None => (rest, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ParseError::NotANumber);
    }
    let exponent = exponent.map(parse_exponent).transpose()?.unwrap_or(Exponent { tens: 0, twos: 0 });
    if digits.len() > DIGITS_MAX {
        return Err(ParseError::OutOfRange);
    }
    if let (0, 0, "", Ok(value)) = (exponent.tens, exponent.twos, fraction, digits.parse::<i64>()) {
        let (value, zero) = (if negative { -value } else { value }, negative && value == 0);
        return Ok(if zero {
            Number::zero(true, PRECISION_TEXT)
        } else {
            Number(Repr::Small { value, precision: PRECISION_TEXT })
        });
    }
    let mantissa = BigUint::parse_bytes(digits.as_bytes(), 10).ok_or(ParseError::NotANumber)?;
    let fraction = i64::try_from(fraction.len()).map_err(|_| ParseError::OutOfRange)?;
    scale(negative, mantissa, exponent.tens - fraction, exponent.twos)
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

struct Exponent {
    tens: i64,
    twos: i64,
}

/// `e+12`, `p-3`
fn parse_exponent(text: &str) -> Result<Exponent, ParseError> {
    let (letter, digits) = text.split_at_checked(1).ok_or(ParseError::NotANumber)?;
    let (negative, digits) = sign(digits);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ParseError::NotANumber);
    }
    let value =
        digits.parse::<i64>().ok().filter(|value| *value <= EXPONENT_MAX).ok_or(ParseError::OutOfRange)?;
    let value = if negative { -value } else { value };
    Ok(if letter.eq_ignore_ascii_case("e") {
        Exponent { tens: value, twos: 0 }
    } else {
        Exponent { tens: 0, twos: value }
    })
}

/// `mantissa * 10^tens * 2^twos`, rounded once.
fn scale(negative: bool, mantissa: BigUint, tens: i64, twos: i64) -> Result<Number, ParseError> {
    let out_of_range = |_| ParseError::OutOfRange;
    if mantissa == BigUint::ZERO {
        return Ok(Number::zero(negative, PRECISION_TEXT));
    }
    let power = u32::try_from(tens.unsigned_abs()).map_err(|_| ParseError::OutOfRange)?;
    let fives = BigUint::from(5u8).pow(power);
    if tens >= 0 {
        return Number::rounded(negative, mantissa * fives, tens + twos, PRECISION_TEXT)
            .map_err(out_of_range);
    }
    // Two bits more than are kept, and one for what the division leaves.
    let wanted = u64::from(PRECISION_TEXT) + 2 + fives.bits();
    let shift = wanted.saturating_sub(mantissa.bits());
    let numerator = mantissa << shift;
    let quotient = &numerator / &fives;
    let exact = &quotient * &fives == numerator;
    let quotient = (quotient << 1u32) | BigUint::from(u8::from(!exact));
    let shift = i64::try_from(shift).map_err(|_| ParseError::OutOfRange)?;
    Number::rounded(negative, quotient, tens + twos - shift - 1, PRECISION_TEXT).map_err(out_of_range)
}

pub(super) fn parse_whole(text: &str, base: u32) -> Result<Number, ParseError> {
    let (negative, digits) = sign(text);
    if digits.is_empty() || !(2..=62).contains(&base) {
        return Err(ParseError::NotANumber);
    }
    let values = digits.chars().map(|digit| {
        let value = match digit {
            '0'..='9' => u32::from(digit) - u32::from('0'),
            'a'..='z' => u32::from(digit) - u32::from('a') + 10,
            'A'..='Z' if base <= 36 => u32::from(digit) - u32::from('A') + 10,
            'A'..='Z' => u32::from(digit) - u32::from('A') + 36,
            _ => return Err(ParseError::NotANumber),
        };
        u8::try_from(value).ok().filter(|_| value < base).ok_or(ParseError::NotANumber)
    });
    let values = values.collect::<Result<Vec<_>, _>>()?;
    if values.len() > DIGITS_MAX {
        return Err(ParseError::OutOfRange);
    }
    let mantissa = BigUint::from_radix_be(&values, base).ok_or(ParseError::NotANumber)?;
    // Go keeps all bits of a whole number.
    let bits = u32::try_from(mantissa.bits()).map_err(|_| ParseError::OutOfRange)?;
    if mantissa == BigUint::ZERO {
        return Ok(Number::zero(false, PRECISION_COUNT));
    }
    Number::rounded(negative, mantissa, 0, bits.max(PRECISION_COUNT)).map_err(|_| ParseError::OutOfRange)
}
