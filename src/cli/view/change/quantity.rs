//! Quantities as Kubernetes writes them: `1` is `1000m`, `1Gi` is `1024Mi`.

use crate::lang::value::{Kind, Path, PathStep, Value};

/// Attributes and maps whose values are quantities.
const FIELDS: [&str; 11] = [
    "requests",
    "limits",
    "capacity",
    "allocatable",
    "hard",
    "default_request",
    "cpu",
    "memory",
    "storage",
    "ephemeral-storage",
    "size_limit",
];
/// Powers of ten of the least part that is told apart: a nano.
const NANO: i32 = 9;

/// Whether two values in a field that holds quantities differ in their spelling alone.
pub(super) fn same_quantity(at: &Path, old: &Value, new: &Value) -> bool {
    let field = at.0.iter().rev().take(2).any(|step| match step {
        PathStep::Name(name) => FIELDS.contains(&name.as_ref()),
        PathStep::Index(_) => false,
    });
    let read = |value: &Value| match value.kind() {
        Kind::String(text) => nanos(text),
        Kind::Number(number) => nanos(&number.to_string()),
        _ => None,
    };
    field && read(old).is_some_and(|old| read(new) == Some(old))
}

/// The amount in billionths; nothing if the text is no quantity, or one that is not a whole number of them.
fn nanos(text: &str) -> Option<i128> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || "+-.".contains(c))).unwrap_or(text.len());
    let (number, suffix) = text.split_at_checked(end)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = i32::try_from(fraction.len()).ok()?;
    let (factor, power): (i128, i32) = match suffix {
        "n" => (1, -9),
        "u" => (1, -6),
        "m" => (1, -3),
        "" => (1, 0),
        "k" => (1, 3),
        "M" => (1, 6),
        "G" => (1, 9),
        "T" => (1, 12),
        "P" => (1, 15),
        "E" => (1, 18),
        "Ki" => (1 << 10, 0),
        "Mi" => (1 << 20, 0),
        "Gi" => (1 << 30, 0),
        "Ti" => (1 << 40, 0),
        "Pi" => (1 << 50, 0),
        "Ei" => (1 << 60, 0),
        other => (1, other.strip_prefix(['e', 'E'])?.parse().ok()?),
    };
    let power = power.checked_add(NANO)?.checked_sub(scale)?;
    let amount = digits.checked_mul(factor)?;
    let ten = |power: u32| 10_i128.checked_pow(power);
    if let Ok(power) = u32::try_from(power) {
        return amount.checked_mul(ten(power)?);
    }
    let divisor = ten(power.unsigned_abs())?;
    (amount % divisor == 0).then(|| amount / divisor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_amount_has_many_spellings() {
        for (a, b, same) in [
            ("1", "1000m", true),
            ("1Gi", "1024Mi", true),
            ("0.5", "500m", true),
            ("1.5Gi", "1536Mi", true),
            ("1e3", "1k", true),
            ("1E3", "1k", true),
            ("1000M", "1G", true),
            ("1G", "1Gi", false),
            ("1", "2", false),
            ("x", "x", false),
            ("", "", false),
            ("99999999999999999999999999999999999999Ei", "1", false),
            ("1e99999999", "1e99999999", false),
        ] {
            let at = Path::root().name("limits").name("cpu");
            assert_eq!(same_quantity(&at, &Value::string(a), &Value::string(b)), same, "{a} and {b}");
        }
        let one = Value::number(1);
        assert!(same_quantity(&Path::root().name("cpu"), &one, &Value::string("1000m")));
        assert!(!same_quantity(&Path::root().name("version"), &one, &Value::string("1000m")));
    }
}
