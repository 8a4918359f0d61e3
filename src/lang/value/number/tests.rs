use super::*;
use num_bigint::BigInt;
use proptest::prelude::*;

fn number(text: &str) -> Number {
    Number::parse(text).unwrap_or_else(|| panic!("{text} is a number"))
}

type Operation = fn(&Number, &Number) -> Result<Number, NumberError>;

#[test]
fn results_print_as_terraform_prints_them() {
    let add: Operation = Number::add;
    let rows: &[(&str, Operation, &str, &str)] = &[
        ("0.1", add, "0.2", "0.3"),
        ("9007199254740993", add, "1", "9007199254740994"),
        (
            "1",
            Number::subtract,
            "0.9",
            "0.10000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000003",
        ),
        (
            "1",
            Number::divide,
            "3",
            "0.33333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333333335",
        ),
        ("2.0", Number::multiply, "0.1", "0.2"),
        (
            "1.1",
            Number::multiply,
            "1.1",
            "1.2100000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001",
        ),
        (
            "12345678901234567890123456789",
            Number::multiply,
            "98765432109876543210987654321",
            "1219326311370217952261850327336229233322374638011112635269",
        ),
        ("7", Number::remainder, "3", "1"),
        ("-7", Number::remainder, "3", "-1"),
        ("7", Number::remainder, "-3", "1"),
        ("5", Number::remainder, "0", "5"),
        (
            "5.5",
            Number::remainder,
            "2.2",
            "1.0999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999",
        ),
        ("1", Number::divide, "0", "+Inf"),
        ("-1", Number::divide, "0", "-Inf"),
        ("9223372036854775807", Number::add, "1", "9223372036854775808"),
        ("-9223372036854775808", Number::subtract, "1", "-9223372036854775809"),
        ("0", Number::multiply, "-1", "-0"),
    ];
    for (a, operation, b, expected) in rows {
        assert_eq!(operation(&number(a), &number(b)).unwrap().to_string(), *expected, "{a}, {b}");
    }
}

#[test]
fn counts_and_doubles_print_with_their_own_precision() {
    let third = Number::from(1).divide(&Number::from(3)).unwrap();
    assert_eq!(third.to_string(), "0.33333333333333333334");
    assert_eq!(Number::from_f64(2f64.sqrt()).unwrap().to_string(), "1.4142135623730951");
    assert_eq!(Number::from_f64(2f64.powi(70)).unwrap().to_string(), "1180591620717411300000");
    let sum = Number::from_f64(2f64.sqrt()).unwrap().add(&number("1")).unwrap();
    assert_eq!(sum.to_string(), "2.4142135623730951454746218587388284504413604736328125");
}

#[test]
fn text_is_read_as_go_reads_it() {
    for (text, expected) in [
        ("1e3", "1000"),
        ("1.5E-3", "0.0015"),
        ("+1", "1"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1p3", "8"),
        ("-0", "-0"),
        ("00012", "12"),
        ("12345678901234567890", "12345678901234567890"),
        ("Inf", "+Inf"),
        ("100000000000000000000000000000000000000.5", "100000000000000000000000000000000000000.5"),
    ] {
        assert_eq!(number(text).to_string(), expected, "{text}");
    }
    for text in
        ["", "-", ".", "e5", "1e", "1e+", "0x10", " 1", "1 ", "1_000", "NaN", "1.2.3", "١", "--1", "1e5e5"]
    {
        assert_eq!(Number::parse_or_why(text), Err(ParseError::NotANumber), "{text}");
    }
    for text in ["1e999999999", "1e-999999999", "1e99999999999999999999", "1e10000", "1e-10000"] {
        assert_eq!(Number::parse_or_why(text), Err(ParseError::OutOfRange), "{text}");
    }
    assert_eq!(Number::parse_or_why(&"9".repeat(DIGITS_TOO_MANY)), Err(ParseError::OutOfRange));
}

const DIGITS_TOO_MANY: usize = 10_001;

#[test]
fn whole_numbers_of_other_bases() {
    for (text, base, expected) in [
        ("FF", 16, "255"),
        ("-10", 2, "-2"),
        ("aA", 62, "656"),
        ("zz", 36, "1295"),
        ("+5", 10, "5"),
        ("1000000000000000000000000000000000000000001", 10, "1000000000000000000000000000000000000000001"),
    ] {
        assert_eq!(Number::parse_whole(text, base).unwrap().to_string(), expected);
    }
    for (text, base) in [("", 10), ("12", 2), ("1_000", 10), ("0x1f", 16), (" 1", 10), ("1.5", 10)] {
        assert_eq!(Number::parse_whole(text, base), Err(ParseError::NotANumber), "{text}");
    }
}

#[test]
fn operations_without_a_result_say_so() {
    let (zero, one) = (number("0"), number("1"));
    let infinity = one.divide(&zero).unwrap();
    assert_eq!(zero.divide(&zero), Err(NumberError::Undefined));
    assert_eq!(infinity.subtract(&infinity), Err(NumberError::Undefined));
    assert_eq!(infinity.multiply(&zero), Err(NumberError::Undefined));
    assert_eq!(infinity.remainder(&one), Err(NumberError::Undefined));
    let mut large = number("1e5000");
    assert_eq!(large.multiply(&large), Err(NumberError::OutOfRange));
    large = one.divide(&large).unwrap();
    assert_eq!(large.multiply(&large), Err(NumberError::OutOfRange));
}

#[test]
fn rounding_to_whole_numbers() {
    for (text, floor, ceil) in [
        ("5.1", "5", "6"),
        ("-5.1", "-6", "-5"),
        ("5", "5", "5"),
        ("-0.5", "-1", "0"),
        ("1e30", "1000000000000000000000000000000", "1000000000000000000000000000000"),
    ] {
        assert_eq!((number(text).floor(), number(text).ceil()), (number(floor), number(ceil)), "{text}");
    }
}

#[test]
fn forms_of_go() {
    for (text, form, digits, expected) in [
        ("3.14159", Form::Fixed, Some(2), "3.14"),
        ("2.5", Form::Fixed, Some(0), "2"),
        ("3.5", Form::Fixed, Some(0), "4"),
        ("0.05", Form::Fixed, Some(0), "0"),
        ("12345.678", Form::Exponent, Some(6), "1.234568e+04"),
        ("0.0001", Form::General, None, "0.0001"),
        ("0.00001", Form::General, None, "1e-05"),
        ("100000", Form::General, None, "100000"),
        ("1000000", Form::General, None, "1e+06"),
        ("1234567.5", Form::General, None, "1.2345675e+06"),
        ("123456789", Form::General, Some(10), "123456789"),
        ("12345678901", Form::General, Some(10), "1.23456789e+10"),
        ("0", Form::Exponent, Some(2), "0.00e+00"),
        ("0", Form::General, None, "0"),
    ] {
        assert_eq!(number(text).format(form, digits), expected, "{text} {form:?} {digits:?}");
    }
}

#[test]
fn equality_is_of_what_is_written_and_order_is_to_the_bit() {
    let (text, double) = (number("0.1"), Number::from_f64(0.1).unwrap());
    assert_eq!(text, double);
    assert_eq!(text.cmp(&double), Ordering::Equal);
    assert_eq!(text.compare_exactly(&double), Ordering::Less);
    assert_eq!(number("0"), number("-0"));
    assert_eq!(number("1.0"), number("1"));
    assert!(number("-1e300") < number("-1"));
    assert!(number("1e300") > number("12"));
}

/// An exact fraction: numerator and denominator.
fn fraction(text: &str) -> (BigInt, BigInt) {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    let numerator: BigInt = format!("{whole}{places}").parse().unwrap();
    (numerator, BigInt::from(10u8).pow(u32::try_from(places.len()).unwrap()))
}

proptest! {
    #[test]
    fn doubles_go_in_and_out(bits in any::<u64>()) {
        let double = f64::from_bits(bits);
        match Number::from_f64(double) {
            None => prop_assert!(double.is_nan()),
            Some(number) => prop_assert_eq!(number.as_f64().to_bits(), bits),
        }
    }

    #[test]
    fn shortest_digits_of_doubles_are_those_of_rust(double in any::<f64>().prop_filter("finite", |d| d.is_finite() && *d != 0.0)) {
        prop_assert_eq!(Number::from_f64(double).unwrap().to_string().parse::<f64>().unwrap().to_bits(), double.to_bits());
    }

    #[test]
    fn printing_and_reading_again_is_the_same(digits in "-?[0-9]{1,40}(\\.[0-9]{1,40})?(e-?[0-9]{1,2})?") {
        let first = number(&digits);
        let again = number(&first.to_string());
        prop_assert_eq!(&again, &first);
        prop_assert_eq!(again.to_string(), first.to_string());
        prop_assert_eq!(again.compare_exactly(&first), Ordering::Equal);
    }

    #[test]
    fn sums_and_products_of_fractions_of_two_are_exact(a in -1_000_000i64..1_000_000, b in -1_000_000i64..1_000_000, places in 0u32..20) {
        let scale = number(&(1i64 << places).to_string());
        let x = Number::from(a).divide(&scale).unwrap();
        let y = Number::from(b).divide(&scale).unwrap();
        let back = |n: Number, times: u32| (0..times).fold(n, |n, _| n.multiply(&scale).unwrap());
        prop_assert_eq!(back(x.add(&y).unwrap(), 1).as_i64(), Some(a + b));
        prop_assert_eq!(back(x.subtract(&y).unwrap(), 1).as_i64(), Some(a - b));
        prop_assert_eq!(back(x.multiply(&y).unwrap(), 2).as_i64(), Some(a * b));
        if b != 0 {
            prop_assert_eq!(number(&a.to_string()).remainder(&number(&b.to_string())).unwrap().as_i64(), Some(a % b));
        }
        prop_assert_eq!(x.compare_exactly(&y), a.cmp(&b));
    }

    /// |quotient - a/b| is at most half a unit in the last of 512 places.
    #[test]
    fn quotients_are_the_nearest(a in "[1-9][0-9]{0,30}", b in "[1-9][0-9]{0,30}") {
        let quotient = number(&a).divide(&number(&b)).unwrap();
        let parts = quotient.parts();
        let ((a, _), (b, _)) = (fraction(&a), fraction(&b));
        let shift = parts.exponent.unsigned_abs();
        let mantissa = BigInt::from(parts.mantissa.clone());
        let (left, right) = if parts.exponent < 0 { (mantissa * &b, a << shift) } else { ((mantissa << shift) * &b, a) };
        let off = (left - right).magnitude().clone();
        // A unit in the last place is 2^(magnitude - 512); off is counted in 2^exponent / b.
        let unit = i64::from(PRECISION_TEXT) - i64::try_from(parts.mantissa.bits()).unwrap();
        let off = off << (unit.unsigned_abs() + 1);
        prop_assert!(off <= *b.magnitude(), "{off} {b}");
    }
}
