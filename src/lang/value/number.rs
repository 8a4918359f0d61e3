//! Numbers: small whole ones fast, others as binary floats of a stated precision, as Go's `big.Float` has them.
//!
//! Goes in: decimal text, machine numbers, operands. Comes out: results rounded to the nearest (ties to even) at the
//! precision that Terraform would use, so that they print the same digits. Never happens: a panic, or a number whose
//! digits would fill the memory.

mod big;
mod decimal;
mod parse;

use big::Big;
use decimal::Decimal;
use num_bigint::BigUint;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use thiserror::Error;

/// Bits of the mantissa of a number that was written as text, and the most that a product keeps: cty's limit.
const PRECISION_TEXT: u32 = 512;
/// Bits of the mantissa of a number that was counted, as of a length: Go's `SetInt64`.
const PRECISION_COUNT: u32 = 64;
/// Bits of the mantissa of a double.
const PRECISION_DOUBLE: u32 = 53;
/// The highest bit of a number stands at most so many places from the point: 9,800 decimal digits. Terraform takes
/// exponents up to two thousand millions, and then fills the memory with digits.
const MAGNITUDE_BITS_MAX: i64 = 32_768;

/// A number. Two numbers are equal if they would be written the same.
#[derive(Debug, Clone)]
pub struct Number(Repr);

#[derive(Debug, Clone)]
enum Repr {
    Small {
        value: i64,
        precision: u32,
    },
    /// Never something that a `Small` could be.
    Big(Arc<Big>),
    NegativeZero {
        precision: u32,
    },
    Infinite {
        negative: bool,
    },
}

/// An operation without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NumberError {
    /// Such as `0 / 0`.
    #[error("the result is not a number")]
    Undefined,
    /// Too large or too small to write down.
    #[error("the number is out of range")]
    OutOfRange,
}

impl Number {
    /// As it is written in HCL or JSON (`-1.5e3`), rounded to 512 bits; nothing if it is not a number, or one with too
    /// many digits or too large an exponent.
    pub fn parse(text: &str) -> Option<Self> {
        parse::parse(text).ok()
    }

    /// As [`Number::parse`], saying why not.
    pub fn parse_or_why(text: &str) -> Result<Self, ParseError> {
        parse::parse(text)
    }

    /// A whole number of a base from 2 to 62, with Go's digits: `0-9`, `a-z`, `A-Z` (up to base 36, `A` is `a`).
    pub fn parse_whole(text: &str, base: u32) -> Result<Self, ParseError> {
        parse::parse_whole(text, base)
    }

    /// A double; nothing for NaN.
    pub fn from_f64(value: f64) -> Option<Self> {
        if value.is_nan() {
            return None;
        }
        if value.is_infinite() {
            return Some(Self(Repr::Infinite { negative: value < 0.0 }));
        }
        let bits = value.to_bits();
        let fraction = bits & ((1 << 52) - 1);
        let biased = i64::try_from((bits >> 52) & 0x7ff).unwrap_or(0);
        let (mantissa, exponent) =
            if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) };
        Self::rounded(value.is_sign_negative(), mantissa.into(), exponent, PRECISION_DOUBLE).ok()
    }

    /// Exactly this whole number, if it is one that fits.
    pub fn as_i64(&self) -> Option<i64> {
        match &self.0 {
            Repr::Small { value, .. } => Some(*value),
            Repr::NegativeZero { .. } => Some(0),
            Repr::Big(_) | Repr::Infinite { .. } => None,
        }
    }

    /// The nearest double; infinite if there is none near.
    pub fn as_f64(&self) -> f64 {
        match &self.0 {
            Repr::Small { value, .. } => {
                #[expect(clippy::cast_precision_loss, reason = "the nearest double is what is asked")]
                let nearest = *value as f64;
                nearest
            }
            Repr::NegativeZero { .. } => -0.0,
            Repr::Infinite { negative: true } => f64::NEG_INFINITY,
            Repr::Infinite { negative: false } => f64::INFINITY,
            Repr::Big(big) => big.as_f64(),
        }
    }

    /// Whether it has no fraction. Infinity has none, and is not whole.
    pub fn is_whole(&self) -> bool {
        match &self.0 {
            Repr::Small { .. } | Repr::NegativeZero { .. } => true,
            Repr::Big(big) => big.exponent >= 0,
            Repr::Infinite { .. } => false,
        }
    }

    /// Whether it is neither of the infinities.
    pub fn is_finite(&self) -> bool {
        !matches!(self.0, Repr::Infinite { .. })
    }

    /// Whether it is below zero.
    pub fn is_negative(&self) -> bool {
        match &self.0 {
            Repr::Small { value, .. } => *value < 0,
            Repr::Big(big) => big.negative,
            Repr::NegativeZero { .. } => false,
            Repr::Infinite { negative } => *negative,
        }
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        matches!(self.0, Repr::Small { value: 0, .. } | Repr::NegativeZero { .. })
    }

    /// The sum.
    pub fn add(&self, other: &Self) -> Result<Self, NumberError> {
        match (&self.0, &other.0) {
            (Repr::Small { value: a, precision: p }, Repr::Small { value: b, precision: q })
                if a.checked_add(*b).is_some() =>
            {
                Self::whole(a + b, *p.max(q))
            }
            (Repr::Infinite { negative: a }, Repr::Infinite { negative: b }) if a != b => {
                Err(NumberError::Undefined)
            }
            (Repr::Infinite { .. }, _) => Ok(self.clone()),
            (_, Repr::Infinite { .. }) => Ok(other.clone()),
            _ => self.add_parts(other, self.precision().max(other.precision())),
        }
    }

    /// The difference.
    pub fn subtract(&self, other: &Self) -> Result<Self, NumberError> {
        self.add(&other.negate())
    }

    /// The product.
    pub fn multiply(&self, other: &Self) -> Result<Self, NumberError> {
        if !(self.is_finite() && other.is_finite()) {
            let negative = self.sign_is_negative() != other.sign_is_negative();
            let undefined = self.is_zero() || other.is_zero();
            return if undefined {
                Err(NumberError::Undefined)
            } else {
                Ok(Self(Repr::Infinite { negative }))
            };
        }
        let precision = self.precision().max(other.precision());
        if let (Repr::Small { value: a, .. }, Repr::Small { value: b, .. }) = (&self.0, &other.0)
            && let Some(value) = a.checked_mul(*b)
            && (value != 0 || (*a >= 0 && *b >= 0))
        {
            return Self::whole(value, precision.max(64 - value.unsigned_abs().leading_zeros()));
        }
        let (a, b) = (self.parts(), other.parts());
        let negative = a.negative != b.negative;
        let mantissa = a.mantissa * b.mantissa;
        let product = Self::rounded(negative, mantissa, a.exponent + b.exponent, PRECISION_TEXT)?;
        // A product keeps all the bits that it has, up to 512.
        let kept = product.parts().bits();
        Ok(product.with_precision(precision.max(kept)))
    }

    /// The quotient; a number divided by zero is infinite.
    pub fn divide(&self, other: &Self) -> Result<Self, NumberError> {
        let negative = self.sign_is_negative() != other.sign_is_negative();
        let precision = self.precision().max(other.precision());
        if !self.is_finite() || other.is_zero() {
            let undefined = !other.is_finite() || (self.is_zero() && other.is_zero());
            return if undefined {
                Err(NumberError::Undefined)
            } else {
                Ok(Self(Repr::Infinite { negative }))
            };
        }
        if self.is_zero() || !other.is_finite() {
            return Ok(Self::zero(negative, precision));
        }
        if let (Repr::Small { value: a, .. }, Repr::Small { value: b, .. }) = (&self.0, &other.0)
            && let Some(value) = a.checked_div(*b)
            && a.checked_rem(*b) == Some(0)
        {
            return Self::whole(value, precision);
        }
        let (a, b) = (self.parts(), other.parts());
        let wanted = u64::from(precision) + 2 + b.mantissa.bits();
        let shift = wanted.saturating_sub(a.mantissa.bits());
        let numerator = a.mantissa << shift;
        let mut quotient = &numerator / &b.mantissa;
        // What is cut off is remembered as one more bit, so that rounding sees that it was not nothing.
        let exact = &quotient * &b.mantissa == numerator;
        quotient = (quotient << 1u32) | BigUint::from(u8::from(!exact));
        let shift = i64::try_from(shift).map_err(|_| NumberError::OutOfRange)?;
        Self::rounded(negative, quotient, a.exponent - b.exponent - shift - 1, precision)
    }

    /// What is left of the division without its fraction; the number itself if the divisor is zero.
    pub fn remainder(&self, divisor: &Self) -> Result<Self, NumberError> {
        if divisor.is_zero() {
            return Ok(self.clone());
        }
        if !self.is_finite() || !divisor.is_finite() {
            return Err(NumberError::Undefined);
        }
        let precision = self.precision();
        let times = self.divide(divisor)?.truncated().to_precision(precision)?;
        let (a, b) = (times.parts(), divisor.parts());
        // A quotient that is cut to zero has no sign.
        let negative = (a.negative && !times.is_zero()) != b.negative;
        let exponent = a.exponent + b.exponent;
        let whole = Self::rounded(negative, a.mantissa * b.mantissa, exponent, precision)?;
        self.add_parts(&whole.negate(), precision)
    }

    /// With the other sign; zero becomes the zero that is written `-0`.
    #[must_use]
    pub fn negate(&self) -> Self {
        match &self.0 {
            Repr::Small { value: 0, precision } => Self::zero(true, *precision),
            Repr::NegativeZero { precision } => Self::zero(false, *precision),
            Repr::Infinite { negative } => Self(Repr::Infinite { negative: !negative }),
            Repr::Small { .. } | Repr::Big(_) => {
                let parts = self.parts();
                Big { negative: !parts.negative, ..parts }.into_number()
            }
        }
    }

    /// Without its sign.
    #[must_use]
    pub fn absolute(&self) -> Self {
        if self.sign_is_negative() { self.negate() } else { self.clone() }
    }

    /// The greatest whole number that is not greater; of either zero, the one without a sign.
    #[must_use]
    pub fn floor(&self) -> Self {
        let truncated = self.truncated();
        if self.is_whole() || !self.is_negative() {
            return if truncated.is_zero() { Self::zero(false, self.precision()) } else { truncated };
        }
        truncated.add(&Self(Repr::Small { value: -1, precision: 1 })).unwrap_or(truncated)
    }

    /// The smallest whole number that is not smaller; of either zero, the one without a sign.
    #[must_use]
    pub fn ceil(&self) -> Self {
        let truncated = self.truncated();
        if self.is_whole() || self.is_negative() {
            return if truncated.is_zero() { Self::zero(false, self.precision()) } else { truncated };
        }
        truncated.add(&Self(Repr::Small { value: 1, precision: 1 })).unwrap_or(truncated)
    }

    /// Without its fraction, of the same precision.
    fn truncated(&self) -> Self {
        match &self.0 {
            Repr::Big(big) if big.exponent < 0 => {
                let mantissa = &big.mantissa >> big.exponent.unsigned_abs();
                if mantissa == BigUint::ZERO {
                    return Self::zero(false, big.precision);
                }
                Big { mantissa, exponent: 0, ..(**big).clone() }.into_number()
            }
            _ => self.clone(),
        }
    }

    /// Which is greater, to the last bit. Unlike the order of [`Ord`], it tells apart numbers of different precision
    /// that are written the same: `<` in HCL does.
    pub fn compare_exactly(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Repr::Small { value: a, .. }, Repr::Small { value: b, .. }) => a.cmp(b),
            (Repr::Infinite { negative: a }, Repr::Infinite { negative: b }) => b.cmp(a),
            (Repr::Infinite { negative }, _) => {
                if *negative {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (_, Repr::Infinite { negative }) => {
                if *negative {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            _ => self.parts().compare(&other.parts()),
        }
    }

    /// As `%e`, `%f` and `%g` of Go's `big.Float` write it, without flags. Nothing in `digits` is as many digits as it
    /// needs.
    pub fn format(&self, form: Form, digits: Option<usize>) -> String {
        if let Repr::Infinite { negative } = self.0 {
            return if negative { "-Inf" } else { "+Inf" }.to_owned();
        }
        let digits_of = Decimal::of(&self.parts(), digits.is_none());
        let sign = if self.sign_is_negative() { "-" } else { "" };
        format!("{sign}{}", digits_of.format(form, digits))
    }

    /// Its digits in a base from 2 to 36; nothing if it is not whole.
    pub fn format_whole(&self, base: u32) -> Option<String> {
        if !self.is_whole() {
            return None;
        }
        let parts = self.parts();
        let digits = (parts.mantissa << parts.exponent.unsigned_abs()).to_str_radix(base);
        Some(if self.is_negative() { format!("-{digits}") } else { digits })
    }

    fn precision(&self) -> u32 {
        match &self.0 {
            Repr::Small { precision, .. } | Repr::NegativeZero { precision } => *precision,
            Repr::Big(big) => big.precision,
            Repr::Infinite { .. } => PRECISION_TEXT,
        }
    }

    /// The same number that claims another precision, which is enough for it.
    fn with_precision(self, precision: u32) -> Self {
        match self.0 {
            Repr::Small { value, .. } => Self(Repr::Small { value, precision }),
            Repr::NegativeZero { .. } => Self(Repr::NegativeZero { precision }),
            Repr::Big(big) => Self(Repr::Big(Arc::new(Big { precision, ..(*big).clone() }))),
            Repr::Infinite { .. } => self,
        }
    }

    fn to_precision(&self, precision: u32) -> Result<Self, NumberError> {
        let parts = self.parts();
        Self::rounded(parts.negative, parts.mantissa, parts.exponent, precision)
    }

    fn sign_is_negative(&self) -> bool {
        self.is_negative() || matches!(self.0, Repr::NegativeZero { .. })
    }

    fn zero(negative: bool, precision: u32) -> Self {
        Self(if negative { Repr::NegativeZero { precision } } else { Repr::Small { value: 0, precision } })
    }

    /// A small whole number, rounded if the precision is less than a machine word.
    fn whole(value: i64, precision: u32) -> Result<Self, NumberError> {
        if precision >= PRECISION_COUNT {
            return Ok(Self(Repr::Small { value, precision }));
        }
        Self::rounded(value < 0, value.unsigned_abs().into(), 0, precision)
    }

    fn add_parts(&self, other: &Self, precision: u32) -> Result<Self, NumberError> {
        if other.is_zero() && !self.is_zero() {
            return self.to_precision(precision);
        }
        if self.is_zero() && other.is_zero() {
            let negative = self.sign_is_negative() && other.sign_is_negative();
            return Ok(Self::zero(negative, precision));
        }
        let (a, b) = (self.parts(), other.parts());
        let exponent = a.exponent.min(b.exponent);
        let a_bits = a.mantissa << a.exponent.abs_diff(exponent);
        let b_bits = b.mantissa << b.exponent.abs_diff(exponent);
        let (negative, mantissa) = match (a.negative == b.negative, a_bits >= b_bits) {
            (true, _) => (a.negative, a_bits + b_bits),
            (false, true) => (a.negative, a_bits - b_bits),
            (false, false) => (b.negative, b_bits - a_bits),
        };
        if mantissa == BigUint::ZERO {
            return Ok(Self::zero(false, precision));
        }
        Self::rounded(negative, mantissa, exponent, precision)
    }

    /// The number nearest to `mantissa * 2^exponent` with `precision` bits, ties to even.
    fn rounded(
        negative: bool,
        mantissa: BigUint,
        exponent: i64,
        precision: u32,
    ) -> Result<Self, NumberError> {
        let bits = mantissa.bits();
        if bits == 0 {
            return Ok(Self::zero(negative, precision));
        }
        let excess = bits.saturating_sub(u64::from(precision));
        let (mantissa, exponent) = if excess > 0 {
            let half = BigUint::from(1u8) << (excess - 1);
            let kept = &mantissa >> excess;
            let rest = mantissa - (&kept << excess);
            let up = rest > half || (rest == half && kept.bit(0));
            (kept + u8::from(up), exponent + i64::try_from(excess).map_err(|_| NumberError::OutOfRange)?)
        } else {
            (mantissa, exponent)
        };
        let number = Big { negative, mantissa, exponent, precision };
        let magnitude = number.magnitude();
        if magnitude.abs() > MAGNITUDE_BITS_MAX {
            return Err(NumberError::OutOfRange);
        }
        Ok(number.into_number())
    }

    /// Sign, mantissa and exponent; of zero, a mantissa of zero. Not for infinities, which give zero.
    fn parts(&self) -> Big {
        match &self.0 {
            Repr::Big(big) => (**big).clone(),
            Repr::Small { value, precision } => Big {
                negative: *value < 0,
                mantissa: value.unsigned_abs().into(),
                exponent: 0,
                precision: *precision,
            },
            Repr::NegativeZero { precision } => {
                Big { negative: true, mantissa: BigUint::ZERO, exponent: 0, precision: *precision }
            }
            Repr::Infinite { negative } => {
                let (mantissa, exponent, precision) = (BigUint::ZERO, 0, PRECISION_TEXT);
                Big { negative: *negative, mantissa, exponent, precision }
            }
        }
    }
}

impl From<i64> for Number {
    /// A count, as of elements. Terraform divides two such numbers with 64 bits.
    fn from(value: i64) -> Self {
        Self(Repr::Small { value, precision: PRECISION_COUNT })
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Small { value: a, .. }, Repr::Small { value: b, .. }) => a == b,
            (Repr::Infinite { negative: a }, Repr::Infinite { negative: b }) => a == b,
            (Repr::Big(a), Repr::Big(b)) => {
                let exact = (a.negative, a.exponent, &a.mantissa) == (b.negative, b.exponent, &b.mantissa);
                let fractions = a.exponent < 0 && b.exponent < 0;
                exact || (fractions && a.precision != b.precision && self.to_string() == other.to_string())
            }
            _ => self.is_zero() && other.is_zero(),
        }
    }
}

impl Eq for Number {}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            Repr::Small { value, .. } => value.hash(state),
            Repr::NegativeZero { .. } => 0i64.hash(state),
            Repr::Infinite { negative } => negative.hash(state),
            Repr::Big(big) if big.exponent < 0 => self.to_string().hash(state),
            Repr::Big(big) => (big.negative, big.exponent, &big.mantissa).hash(state),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By value; numbers that are written the same are equal.
impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        if self == other { Ordering::Equal } else { self.compare_exactly(other) }
    }
}

/// In decimal, without an exponent, with as many digits as are needed to read the same number back.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            // Up to 15 digits any precision of ours needs all digits of a whole number.
            Repr::Small { value, precision }
                if *precision >= PRECISION_COUNT || value.unsigned_abs() < 1 << 49 =>
            {
                write!(f, "{value}")
            }
            _ => f.write_str(&self.format(Form::Fixed, None)),
        }
    }
}

pub use decimal::Form;
pub use parse::ParseError;

#[cfg(test)]
mod tests;
