//! One JSON value to one element of a tensor.
//!
//! In: the scanner before a value. Out: the element that is nearest to it. Never: an integer that was rounded, a
//! number that was rounded twice, an infinity out of finite digits.

use half::{bf16, f16};

use super::scan::{Number, Plain, Scanner};
use super::{Fault, Missing, Problem};

/// What an element type makes of JSON.
pub(super) trait FromJson: Sized + Default + Clone {
    /// Reads the next value.
    fn read(scanner: &mut Scanner<'_>, missing: Missing) -> Result<Self, Fault>;

    /// The element that a plainly written number is, where that is known at once.
    fn of_plain(_: Plain) -> Option<Self> {
        None
    }
}

/// The powers of ten that a double holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];
/// The powers of ten that a single holds exactly.
const SINGLE_POWERS: [f32; 11] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10];
/// 2^24: up to here every integer is a single of its own.
const SINGLE_EXACT_MAX: u64 = 1 << 24;
/// 2^53: up to here every integer is a double of its own.
const EXACT_MAX: u64 = 1 << 53;

/// A number, or the problem that something else is one.
fn number<'a>(scanner: &mut Scanner<'a>, problem: Problem) -> Result<Number<'a>, Fault> {
    match scanner.peek() {
        Some(b'0'..=b'9') => scanner.number(),
        _ if scanner.is_non_finite() => Err(problem.into()),
        Some(b'-') => scanner.number(),
        other => Err(not(scanner, other, problem)),
    }
}

/// The problem, if what comes begins a JSON value; else that it is not JSON.
fn not(scanner: &mut Scanner<'_>, next: Option<u8>, problem: Problem) -> Fault {
    match next {
        // Words and texts are checked to their end, what is nested is not: it may be deep.
        Some(b't' | b'f' | b'n' | b'"') => scanner.skip().err().unwrap_or_else(|| problem.into()),
        Some(b'[' | b'{' | b'-' | b'0'..=b'9') => problem.into(),
        _ => scanner.syntax(),
    }
}

/// The double nearest to a number.
#[expect(clippy::cast_precision_loss, reason = "at most 2^53, which is exact")]
fn double(number: &Number<'_>) -> f64 {
    let power = |exponent: i32| POWERS.get(usize::try_from(exponent).ok()?).copied();
    let exact = number.is_exact && number.mantissa <= EXACT_MAX;
    let fast = match (exact, power(number.exponent), power(number.exponent.saturating_neg())) {
        // One multiplication or division of two exact doubles is rounded once.
        (true, Some(power), _) => Some(number.mantissa as f64 * power),
        (true, None, Some(power)) => Some(number.mantissa as f64 / power),
        _ => None,
    };
    match fast {
        Some(value) => {
            if number.negative {
                -value
            } else {
                value
            }
        }
        None => number.text().parse().unwrap_or(f64::INFINITY),
    }
}

/// The single nearest to a plainly written number: one division of two exact singles is rounded once.
#[inline]
#[expect(clippy::cast_precision_loss, reason = "at most 2^24, which is exact")]
fn plain_single(plain: Plain) -> Option<f32> {
    let power = SINGLE_POWERS.get(plain.fraction_digits)?;
    if plain.mantissa > SINGLE_EXACT_MAX {
        return None;
    }
    let value = plain.mantissa as f32 / power;
    Some(if plain.negative { -value } else { value })
}

/// The same for doubles.
#[inline]
#[expect(clippy::cast_precision_loss, reason = "at most 2^53, which is exact")]
fn plain_double(plain: Plain) -> Option<f64> {
    let power = POWERS.get(plain.fraction_digits)?;
    if plain.mantissa > EXACT_MAX {
        return None;
    }
    let value = plain.mantissa as f64 / power;
    Some(if plain.negative { -value } else { value })
}

/// An integer, if it is written as one.
#[inline]
fn plain_integer<T: TryFrom<i64>>(plain: Plain) -> Option<T> {
    let value = i64::try_from(plain.mantissa).ok().filter(|_| plain.fraction_digits == 0)?;
    T::try_from(if plain.negative { -value } else { value }).ok()
}

/// The single-precision number nearest to a number.
#[expect(clippy::cast_possible_truncation, reason = "the nearest is what is asked for")]
fn single(number: &Number<'_>) -> f32 {
    /// The part of a double that a single does not keep, and its middle: a tie there may be one of rounding.
    const TAIL: u64 = (1 << 29) - 1;
    const TIE: u64 = 1 << 28;
    let value = double(number);
    let near_zero = value != 0.0 && value.abs() < f64::from(f32::MIN_POSITIVE);
    if value.to_bits() & TAIL == TIE || near_zero {
        return number.text().parse().unwrap_or(f32::INFINITY);
    }
    value as f32
}

fn integer(number: &Number<'_>) -> Result<i128, Problem> {
    if number.is_integer {
        let value = if number.is_exact {
            i128::from(number.mantissa)
        } else {
            number.text().trim_start_matches('-').parse().map_err(|_| Problem::OutOfRange)?
        };
        return Ok(if number.negative { -value } else { value });
    }
    let value = double(number);
    #[expect(clippy::cast_precision_loss, reason = "2^53 is exact")]
    let exact_max = EXACT_MAX as f64;
    if value.is_finite() && value.fract() != 0.0 {
        return Err(Problem::NotAnInteger);
    }
    if value.is_nan() || value.abs() > exact_max {
        return Err(Problem::OutOfRange);
    }
    #[expect(clippy::cast_possible_truncation, reason = "an integer of at most 54 bits")]
    let value = value as i64;
    Ok(i128::from(value))
}

macro_rules! integers {
    ($($kind:ty),*) => {$(
        impl FromJson for $kind {
            #[inline]
            fn read(scanner: &mut Scanner<'_>, _: Missing) -> Result<Self, Fault> {
                let number = number(scanner, Problem::NotANumber)?;
                <$kind>::try_from(integer(&number)?).map_err(|_| Problem::OutOfRange.into())
            }

            #[inline]
            fn of_plain(plain: Plain) -> Option<Self> {
                plain_integer(plain)
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, i8, i16, i32, i64);

macro_rules! floats {
    ($($kind:ty, $nearest:expr, $plain:expr;)*) => {$(
        impl FromJson for $kind {
            #[inline]
            fn read(scanner: &mut Scanner<'_>, missing: Missing) -> Result<Self, Fault> {
                if missing == Missing::Nan && scanner.peek() == Some(b'n') {
                    return scanner.word("null").map(|()| <$kind>::NAN);
                }
                let value: $kind = $nearest(&number(scanner, Problem::NotANumber)?);
                if value.is_finite() { Ok(value) } else { Err(Problem::OutOfRange.into()) }
            }

            #[inline]
            fn of_plain(plain: Plain) -> Option<Self> {
                $plain(plain)
            }
        }
    )*};
}

floats! {
    f32, single, plain_single;
    f64, double, plain_double;
    f16, |number: &Number<'_>| f16::from_f64(double(number)), |_: Plain| None;
    bf16, |number: &Number<'_>| bf16::from_f64(double(number)), |_: Plain| None;
}

impl FromJson for bool {
    fn read(scanner: &mut Scanner<'_>, _: Missing) -> Result<Self, Fault> {
        match scanner.peek() {
            Some(b't') => scanner.word("true").map(|()| true),
            Some(b'f') => scanner.word("false").map(|()| false),
            Some(b'0'..=b'9') => {
                let number = scanner.number()?;
                match (number.is_integer, number.text()) {
                    (true, "0") => Ok(false),
                    (true, "1") => Ok(true),
                    _ => Err(Problem::NotABool.into()),
                }
            }
            other => Err(not(scanner, other, Problem::NotABool)),
        }
    }
}

impl FromJson for String {
    fn read(scanner: &mut Scanner<'_>, _: Missing) -> Result<Self, Fault> {
        match scanner.peek() {
            Some(b'"') => {
                let text = scanner.text()?;
                if text.contains('\0') { Err(Problem::Nul.into()) } else { Ok(text.into_owned()) }
            }
            other => Err(not(scanner, other, Problem::NotAText)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read<T: FromJson>(text: &str) -> Result<T, Fault> {
        T::read(&mut Scanner::new(text.as_bytes()), Missing::Refused)
    }

    fn problem<T: FromJson + std::fmt::Debug>(text: &str) -> Problem {
        match read::<T>(text).unwrap_err() {
            Fault::Value(_, problem) => problem,
            Fault::Syntax(at) => panic!("{text}: not JSON at {at}"),
        }
    }

    #[test]
    fn integers_are_taken_exactly_or_not_at_all() {
        assert_eq!(read::<u64>("18446744073709551615").unwrap(), u64::MAX);
        assert_eq!(read::<i64>("-9223372036854775808").unwrap(), i64::MIN);
        assert_eq!(read::<i64>("3.0").unwrap(), 3);
        assert_eq!(read::<u8>("2.5e1").unwrap(), 25);
        assert_eq!(problem::<i64>("3.5"), Problem::NotAnInteger);
        for (text, beyond) in [
            ("9223372036854775808", problem::<i64>("9223372036854775808")),
            ("1e300", problem::<i64>("1e300")),
            ("256", problem::<u8>("256")),
            ("-1", problem::<u32>("-1")),
            ("128", problem::<i8>("128")),
        ] {
            assert_eq!(beyond, Problem::OutOfRange, "{text}");
        }
    }

    #[test]
    fn each_type_has_its_words() {
        assert!(read::<bool>("true").unwrap() && read::<bool>("1").unwrap() && !read::<bool>("0").unwrap());
        assert_eq!(problem::<bool>("2"), Problem::NotABool);
        assert_eq!(problem::<bool>("\"true\""), Problem::NotABool);
        assert_eq!(read::<String>("\"a\"").unwrap(), "a");
        assert_eq!(problem::<String>("1"), Problem::NotAText);
        assert_eq!(problem::<String>("\"a\\u0000b\""), Problem::Nul);
        assert_eq!(problem::<f32>("null"), Problem::NotANumber);
        assert!(f32::read(&mut Scanner::new(b"null"), Missing::Nan).unwrap().is_nan());
        assert_eq!(read::<f16>("0.1").unwrap(), f16::from_f64(0.1));
        assert_eq!(problem::<f16>("70000"), Problem::OutOfRange);
        assert_eq!(problem::<f32>("1e39"), Problem::OutOfRange);
        assert_eq!(problem::<f64>("1e999"), Problem::OutOfRange);
        assert_eq!(read::<bf16>("1e30").unwrap(), bf16::from_f64(1e30));
    }

    #[test]
    fn what_lies_between_two_singles_is_rounded_once() {
        // Halfway between 1 and the next single, and a little more, which a double does not tell apart.
        let text = "1.000000059604644775390625000000000000001";
        let bits = read::<f32>(text).unwrap().to_bits();
        assert_eq!(bits, text.parse::<f32>().unwrap().to_bits());
        assert_ne!(bits, 1.0_f32.to_bits());
    }

    proptest! {
        #[test]
        fn floats_are_read_as_the_standard_library_reads_them(
            mantissa in any::<u64>(), point in 0_usize..20, exponent in -330_i32..330, negative in any::<bool>(),
        ) {
            let digits = format!("{mantissa:020}");
            let (whole, fraction) = digits.split_at(point.max(1));
            let whole = whole.trim_start_matches('0');
            let whole = if whole.is_empty() { "0" } else { whole };
            let sign = if negative { "-" } else { "" };
            let text = format!("{sign}{whole}.{fraction}e{exponent}");
            let (double, single) = (text.parse::<f64>().unwrap(), text.parse::<f32>().unwrap());
            match read::<f64>(&text) {
                Ok(value) => prop_assert_eq!(value.to_bits(), double.to_bits(), "{}", text),
                Err(_) => prop_assert!(double.is_infinite(), "{}", text),
            }
            match read::<f32>(&text) {
                Ok(value) => prop_assert_eq!(value.to_bits(), single.to_bits(), "{}", text),
                Err(_) => prop_assert!(single.is_infinite(), "{}", text),
            }
        }

        #[test]
        fn plain_numbers_of_a_list_are_read_as_alone(
            digits in "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?", comma in any::<bool>(), space in any::<bool>(),
        ) {
            let before = match (comma, space) { (true, true) => ", ", (true, false) => ",", _ => "" };
            let text = format!("{before}{digits}]");
            let mut scanner = Scanner::new(text.as_bytes());
            let mut taken = None;
            let got = scanner.plain(usize::from(comma), 2, |plain| {
                taken = Some(plain);
                true
            });
            prop_assert_eq!(got, usize::from(comma) + usize::from(taken.is_some()));
            if let Some(plain) = taken {
                prop_assert_eq!(scanner.mark(), text.len() - 1);
                let (single, double) = (f32::of_plain(plain), f64::of_plain(plain));
                if let Some(single) = single {
                    prop_assert_eq!(single.to_bits(), digits.parse::<f32>().unwrap().to_bits(), "{}", text);
                }
                if let Some(double) = double {
                    prop_assert_eq!(double.to_bits(), digits.parse::<f64>().unwrap().to_bits(), "{}", text);
                }
                if let Some(integer) = i64::of_plain(plain) {
                    prop_assert_eq!(Ok(integer), digits.parse::<i64>(), "{}", text);
                }
                let small = if digits == "-0" { Some(0) } else { digits.parse::<u8>().ok() };
                prop_assert_eq!(u8::of_plain(plain), small, "{}", text);
            } else {
                prop_assert!(digits.len() > 15, "{}", text);
            }
        }

        #[test]
        fn short_floats_too(value in any::<f32>().prop_filter("finite", |value| value.is_finite())) {
            prop_assert_eq!(read::<f32>(&value.to_string()).unwrap().to_bits(), value.to_bits());
        }
    }
}
