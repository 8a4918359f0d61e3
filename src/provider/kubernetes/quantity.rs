//! Quantities of Kubernetes: `500m`, `1Gi`, `1e3`. Two ways to write the same are the same.

use num_bigint::BigUint;

/// Decimal places kept: the server keeps nine, `n` being its smallest suffix.
const PLACES: u32 = 9;
/// Digits of a quantity at most: more is no quantity that anybody means.
const DIGITS_MAX: usize = 40;

/// A quantity in billionths, and whether it is below zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Quantity {
    negative: bool,
    billionths: BigUint,
}

impl Quantity {
    /// Of a text; nothing if it is none. What is smaller than a billionth is rounded up, as the server does.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let is_number = !(whole.is_empty() && fraction.is_empty())
            && fraction.bytes().all(|byte| byte.is_ascii_digit())
            && number.len() <= DIGITS_MAX;
        if !is_number {
            return None;
        }
        let digits = format!("{whole}{fraction}").parse::<BigUint>().ok()?;
        let places = u32::try_from(fraction.len()).ok()?;
        let (factor, divisor) = scale(suffix)?;
        let numerator = digits * factor * BigUint::from(10_u32).pow(PLACES);
        let denominator = divisor * BigUint::from(10_u32).pow(places);
        let billionths = (numerator + &denominator - BigUint::from(1_u32)) / denominator;
        let negative = negative && billionths != BigUint::from(0_u32);
        Some(Self { negative, billionths })
    }
}

/// What a suffix multiplies and divides by.
fn scale(suffix: &str) -> Option<(BigUint, BigUint)> {
    let one = BigUint::from(1_u32);
    let ten = |power: i32| {
        let whole = BigUint::from(10_u32).pow(power.unsigned_abs());
        if power < 0 { (one.clone(), whole) } else { (whole, one.clone()) }
    };
    let two = |power: u32| Some((BigUint::from(2_u32).pow(power), one.clone()));
    match suffix {
        "" => Some(ten(0)),
        "n" => Some(ten(-9)),
        "u" => Some(ten(-6)),
        "m" => Some(ten(-3)),
        "k" => Some(ten(3)),
        "M" => Some(ten(6)),
        "G" => Some(ten(9)),
        "T" => Some(ten(12)),
        "P" => Some(ten(15)),
        "E" => Some(ten(18)),
        "Ki" => two(10),
        "Mi" => two(20),
        "Gi" => two(30),
        "Ti" => two(40),
        "Pi" => two(50),
        "Ei" => two(60),
        _ => {
            let power: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            (-18..=18).contains(&power).then(|| ten(power))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ways_to_write_the_same_are_the_same() {
        for (a, b, expected) in [
            ("1", "1000m", true),
            ("0.5", "500m", true),
            (".5", "500m", true),
            ("1Gi", "1024Mi", true),
            ("1G", "1Gi", false),
            ("1e3", "1k", true),
            ("1E3", "1000", true),
            ("1E", "1000P", true),
            ("-0", "0", true),
            ("0.1n", "1n", true),
            ("100m", "0.1", true),
            ("2", "3", false),
        ] {
            let (left, right) = (Quantity::parse(a), Quantity::parse(b));
            assert!(left.is_some() && right.is_some(), "{a} and {b} are quantities");
            assert_eq!(left == right, expected, "{a} and {b}");
        }
        for text in ["", ".", "1.2.3", "Gi", "1X", "one", "1e99", "1 Gi", "٣"] {
            assert_eq!(Quantity::parse(text), None, "{text:?}");
        }
        assert_eq!(Quantity::parse(&"9".repeat(1000)), None);
    }
}
