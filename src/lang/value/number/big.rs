//! A number as sign, mantissa and power of two.

use super::{Number, PRECISION_DOUBLE, Repr};
use num_bigint::BigUint;
use std::cmp::Ordering;
use std::sync::Arc;

/// `mantissa * 2^exponent`, the mantissa odd.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Big {
    pub(super) negative: bool,
    pub(super) mantissa: BigUint,
    pub(super) exponent: i64,
    pub(super) precision: u32,
}

impl Big {
    /// In the one form that a number has: small if it can be, else with an odd mantissa.
    pub(super) fn into_number(mut self) -> Number {
        let zeros = self.mantissa.trailing_zeros().unwrap_or(0);
        self.mantissa >>= zeros;
        self.exponent += i64::try_from(zeros).unwrap_or(0);
        if (0..63).contains(&self.exponent) && self.magnitude() <= 63 {
            let whole = u64::try_from(&self.mantissa).unwrap_or(0) << self.exponent;
            let value = i64::try_from(whole).unwrap_or(0);
            let value = if self.negative { -value } else { value };
            return Number(Repr::Small { value, precision: self.precision });
        }
        Number(Repr::Big(Arc::new(self)))
    }

    /// Bits of the mantissa without trailing zeros.
    pub(super) fn bits(&self) -> u32 {
        let bits = self.mantissa.bits() - self.mantissa.trailing_zeros().unwrap_or(0);
        u32::try_from(bits).unwrap_or(u32::MAX)
    }

    /// The number is at least `2^(magnitude - 1)` and less than `2^magnitude`.
    pub(super) fn magnitude(&self) -> i64 {
        self.exponent.saturating_add(i64::try_from(self.mantissa.bits()).unwrap_or(i64::MAX))
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let sign = |part: &Self| {
            if part.mantissa == BigUint::ZERO {
                0
            } else if part.negative {
                -1
            } else {
                1
            }
        };
        let (a, b) = (sign(self), sign(other));
        if a != b || a == 0 {
            return a.cmp(&b);
        }
        let absolute = self.magnitude().cmp(&other.magnitude()).then_with(|| {
            let exponent = self.exponent.min(other.exponent);
            let a = &self.mantissa << self.exponent.abs_diff(exponent);
            let b = &other.mantissa << other.exponent.abs_diff(exponent);
            a.cmp(&b)
        });
        if self.negative { absolute.reverse() } else { absolute }
    }

    pub(super) fn as_f64(&self) -> f64 {
        const HIGHEST: i64 = 1024;
        const LOWEST: i64 = -1074;
        let signed = |absolute: f64| if self.negative { -absolute } else { absolute };
        let magnitude = self.magnitude();
        if magnitude > HIGHEST {
            return signed(f64::INFINITY);
        }
        // Below the smallest normal double, fewer bits are left.
        let precision = (magnitude - LOWEST).min(i64::from(PRECISION_DOUBLE));
        let Ok(precision @ 1..) = u32::try_from(precision) else {
            let half = magnitude == LOWEST && self.mantissa != BigUint::from(1u8);
            return signed(if half { f64::from_bits(1) } else { 0.0 });
        };
        let Ok(rounded) = Number::rounded(false, self.mantissa.clone(), self.exponent, precision) else {
            return signed(0.0);
        };
        let parts = rounded.parts();
        if parts.magnitude() > HIGHEST {
            return signed(f64::INFINITY);
        }
        let mantissa = u64::try_from(&parts.mantissa).unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "the mantissa has at most 53 bits")]
        let mantissa = mantissa as f64;
        // Two steps, because the power alone may be below the smallest double while the product is not.
        let exponent = i32::try_from(parts.exponent).unwrap_or(0);
        signed(mantissa * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2))
    }
}
