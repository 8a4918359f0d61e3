//! A number's decimal digits, and how they are written.

use super::Big;
use num_bigint::BigUint;

/// How digits are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `123.456`
    Fixed,
    /// `1.23456e+02`
    Exponent,
    /// The shorter of both.
    General,
}

/// Exponents from which on [`Form::General`] uses an exponent when it has no number of digits: Go's choice.
const GENERAL_EXPONENT_FROM: i64 = 6;

/// `0.d1d2d3… * 10^exponent`; no digits for zero. The digits end in no zero.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Decimal {
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    /// All digits, or the fewest that lead back to the same number among those of its precision.
    pub(super) fn of(number: &Big, shortest: bool) -> Self {
        let mut exact = Self::exact(&number.mantissa, number.exponent);
        if shortest {
            exact.shorten(number);
        }
        exact
    }

    fn exact(mantissa: &BigUint, exponent: i64) -> Self {
        if *mantissa == BigUint::ZERO {
            return Self { digits: Vec::new(), exponent: 0 };
        }
        let places = exponent.unsigned_abs();
        let (whole, point) = if exponent >= 0 {
            (mantissa << places, 0)
        } else {
            // m / 2^n is m * 5^n with the point moved by n.
            (mantissa * BigUint::from(5u8).pow(u32::try_from(places).unwrap_or(u32::MAX)), exponent)
        };
        let digits = whole.to_string().into_bytes();
        let exponent = i64::try_from(digits.len()).unwrap_or(i64::MAX) + point;
        let mut decimal = Self { digits, exponent };
        decimal.trim();
        decimal
    }

    /// Cuts the digits to the fewest between the two neighbours' midpoints. The same steps as Go's `big.Float`, which
    /// compares digits by position.
    fn shorten(&mut self, number: &Big) {
        if self.digits.is_empty() {
            return;
        }
        // The last bit of this mantissa is worth half of the last place of the number.
        let bits = i64::from(number.precision) + 1;
        let have = i64::try_from(number.mantissa.bits()).unwrap_or(i64::MAX);
        let mantissa = if bits >= have {
            &number.mantissa << (bits - have).unsigned_abs()
        } else {
            &number.mantissa >> (have - bits).unsigned_abs()
        };
        let exponent = number.exponent - (bits - have);
        let lower = Self::exact(&(&mantissa - 1u8), exponent);
        let upper = Self::exact(&(&mantissa + 1u8), exponent);
        let inclusive = !mantissa.bit(1);
        for at in 0..self.digits.len() {
            let (digit, low, high) = (self.at(at), lower.at(at), upper.at(at));
            let down = low != digit || (inclusive && at + 1 == lower.digits.len());
            let up = digit != high && (inclusive || digit + 1 < high || at + 1 < upper.digits.len());
            match (down, up) {
                (true, true) => return self.round(at + 1),
                (true, false) => return self.cut(at + 1),
                (false, true) => return self.raise(at + 1),
                (false, false) => {}
            }
        }
    }

    fn at(&self, at: usize) -> u8 {
        self.digits.get(at).copied().unwrap_or(b'0')
    }

    fn trim(&mut self) {
        while self.digits.last() == Some(&b'0') {
            self.digits.pop();
        }
        if self.digits.is_empty() {
            self.exponent = 0;
        }
    }

    /// To the nearest with `count` digits, ties to even.
    fn round(&mut self, count: usize) {
        if count >= self.digits.len() {
            return;
        }
        let tie = self.at(count) == b'5' && count + 1 == self.digits.len();
        let up = if tie { count > 0 && self.at(count - 1) % 2 == 1 } else { self.at(count) >= b'5' };
        if up { self.raise(count) } else { self.cut(count) }
    }

    fn cut(&mut self, count: usize) {
        self.digits.truncate(count);
        self.trim();
    }

    fn raise(&mut self, count: usize) {
        if count >= self.digits.len() {
            return;
        }
        self.digits.truncate(count);
        while self.digits.last() == Some(&b'9') {
            self.digits.pop();
        }
        if let Some(last) = self.digits.last_mut() {
            *last += 1;
        } else {
            self.digits.push(b'1');
            self.exponent += 1;
        }
    }

    /// Rounds to a number of digits. As in Go nothing is done for one below zero: what is written is zeros then.
    fn round_to(&mut self, count: i64) {
        if let Ok(count) = usize::try_from(count) {
            self.round(count);
        }
    }

    /// Writes it without a sign. `places` are digits after the point, for [`Form::General`] digits in all.
    pub(super) fn format(mut self, form: Form, places: Option<usize>) -> String {
        let length = |digits: &[u8]| i64::try_from(digits.len()).unwrap_or(i64::MAX);
        let places = places.map(|places| i64::try_from(places).unwrap_or(i64::MAX));
        match (form, places) {
            (Form::Exponent, Some(places)) => self.round_to(1 + places),
            (Form::Fixed, Some(places)) => self.round_to(self.exponent.saturating_add(places)),
            (Form::General, Some(places)) => self.round_to(places.max(1)),
            (_, None) => {}
        }
        let count = length(&self.digits);
        match form {
            Form::Fixed => self.fixed(places.unwrap_or((count - self.exponent).max(0))),
            Form::Exponent => self.scientific(places.unwrap_or(count - 1)),
            Form::General => {
                let wanted = places.map_or(count, |places| places.max(1));
                let limit = match places {
                    None => GENERAL_EXPONENT_FROM,
                    Some(_) if wanted > count && count >= self.exponent => count,
                    Some(_) => wanted,
                };
                let exponent = self.exponent - 1;
                if exponent < -4 || exponent >= limit {
                    return self.scientific(wanted.min(count) - 1);
                }
                let wanted = if wanted > self.exponent { count } else { wanted };
                self.fixed((wanted - self.exponent).max(0))
            }
        }
    }

    fn fixed(&self, places: i64) -> String {
        let mut out = String::new();
        let whole = usize::try_from(self.exponent).unwrap_or(0);
        if whole == 0 {
            out.push('0');
        }
        out.extend((0..whole).map(|at| char::from(self.at(at))));
        if places > 0 {
            out.push('.');
            out.extend((0..places).map(|place| {
                let at = self.exponent.saturating_add(place);
                usize::try_from(at).map_or('0', |at| char::from(self.at(at)))
            }));
        }
        out
    }

    fn scientific(&self, places: i64) -> String {
        let mut out = String::from(char::from(self.at(0)));
        if let Ok(places @ 1..) = usize::try_from(places) {
            out.push('.');
            out.extend((1..=places).map(|at| char::from(self.at(at))));
        }
        let exponent = if self.digits.is_empty() { 0 } else { self.exponent - 1 };
        let sign = if exponent < 0 { '-' } else { '+' };
        out + &format!("e{sign}{:02}", exponent.unsigned_abs())
    }
}
