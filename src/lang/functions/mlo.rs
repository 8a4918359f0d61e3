//! Functions of our own, which Terraform does not have: `provider::mlo::…`.

use super::{Function, Param, argument, number_result, text};
use crate::lang::load::Version;
use crate::lang::value::{Number, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "provider::mlo::k8s_quantity",
        &[Param::string("quantity")],
        "The number that a quantity of Kubernetes is: `500m` is 0.5, `1Gi` is 1073741824.",
        number_result,
        |args, _| match quantity(text(args, 0)) {
            Some(number) => Ok(Value::number(number)),
            None => Err(argument(0, "it is not a quantity of Kubernetes, such as `500m`, `1.5Gi` or `2e3`")),
        },
    ),
    Function::new(
        "provider::mlo::semver_compare",
        &[Param::string("a"), Param::string("b")],
        "-1, 0 or 1: whether a version comes before another by the rules of semantic versioning, is equal, or comes after it.",
        number_result,
        |args, _| {
            let version = |index: usize| {
                Version::parse(text(args, index))
                    .ok_or_else(|| argument(index, "it is not a version, such as `1.2.3` or `1.2.3-rc.1`"))
            };
            Ok(Value::from(version(0)?.cmp(&version(1)?) as i64))
        },
    ),
];

/// What suffixes multiply by: a power of ten, or of two. Source: Kubernetes, `resource.Quantity`.
const SUFFIXES: [(&str, Scale); 15] = [
    ("Ki", Scale::Two(10)),
    ("Mi", Scale::Two(20)),
    ("Gi", Scale::Two(30)),
    ("Ti", Scale::Two(40)),
    ("Pi", Scale::Two(50)),
    ("Ei", Scale::Two(60)),
    ("n", Scale::Ten(-9)),
    ("u", Scale::Ten(-6)),
    ("m", Scale::Ten(-3)),
    ("k", Scale::Ten(3)),
    ("M", Scale::Ten(6)),
    ("G", Scale::Ten(9)),
    ("T", Scale::Ten(12)),
    ("P", Scale::Ten(15)),
    ("E", Scale::Ten(18)),
];

/// Digits of an exponent: no quantity that fits into Kubernetes' 64 bits has more.
const EXPONENT_DIGITS_MAX: usize = 3;

#[derive(Debug, Clone, Copy)]
enum Scale {
    Two(u32),
    Ten(i32),
}

fn quantity(text: &str) -> Option<Number> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let end = unsigned.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at_checked(end)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    let fraction = if fraction.is_empty() { "0" } else { fraction };
    let scaled = |exponent: &str| Number::parse(&format!("{sign}{whole}.{fraction}e{exponent}"));
    let known = SUFFIXES.iter().find(|(name, _)| *name == suffix).map(|(_, scale)| *scale);
    match known {
        None if suffix.is_empty() => scaled("0"),
        None => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            let valid = (1..=EXPONENT_DIGITS_MAX).contains(&digits.len())
                && digits.bytes().all(|digit| digit.is_ascii_digit());
            scaled(exponent).filter(|_| valid)
        }
        Some(Scale::Ten(power)) => scaled(&power.to_string()),
        Some(Scale::Two(bits)) => scaled("0")?.multiply(&Number::parse(&(1_u64 << bits).to_string())?).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{find, json};
    use crate::lang::eval::Meter;
    use crate::lang::value::Value;

    fn answer(name: &str, args: &[&str]) -> String {
        let args = args.iter().map(|arg| Value::from(*arg)).collect();
        match find(&format!("provider::mlo::{name}")).unwrap().call(args, &Meter::default()) {
            Ok(value) => json::encode(&value).unwrap(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn quantities_are_numbers() {
        for (quantity, expected) in [
            ("1", "1"),
            ("500m", "0.5"),
            ("1.5Gi", "1610612736"),
            ("2Ki", "2048"),
            ("1Ei", "1152921504606846976"),
            ("2e3", "2000"),
            ("2E-1", "0.2"),
            ("1E", "1000000000000000000"),
            (".5k", "500"),
            ("1.", "1"),
            ("-1n", "-0.000000001"),
            ("+3M", "3000000"),
        ] {
            assert_eq!(answer("k8s_quantity", &[quantity]), expected, "{quantity}");
        }
        for wrong in ["", "m", "1K", "1 Gi", "1gi", "1.2.3", "e3", "1e", "1e1000", "0x1", "1Gib", "--1"] {
            assert!(answer("k8s_quantity", &[wrong]).starts_with("it is not a quantity"), "{wrong}");
        }
    }

    #[test]
    fn versions_are_compared() {
        for (first, second, expected) in [
            ("1.2.3", "1.10.0", "-1"),
            ("1.0.0", "1.0.0-rc.1", "1"),
            ("1.0.0-rc.2", "1.0.0-rc.10", "-1"),
            ("1.0.0+a", "1.0.0+b", "0"),
            ("v1.2", "1.2.0", "0"),
            ("latest", "1.0.0", "it is not a version, such as `1.2.3` or `1.2.3-rc.1`"),
        ] {
            assert_eq!(answer("semver_compare", &[first, second]), expected, "{first} {second}");
        }
    }
}
