//! Numbers: small ones fast, others exact.

use std::fmt;

/// A number.
#[derive(Debug, Clone, PartialEq)]
pub struct Number(f64);

impl Number {
    /// As it is written in HCL or JSON (`-1.5e3`); nothing if it is not a number.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Self)
    }

    /// Exactly this whole number, if it is one that fits.
    pub fn as_i64(&self) -> Option<i64> {
        #[expect(clippy::cast_possible_truncation, reason = "checked by the comparison")]
        let whole = self.0 as i64;
        #[expect(clippy::cast_precision_loss, clippy::float_cmp, reason = "exactness is what is asked")]
        let exact = whole as f64 == self.0;
        exact.then_some(whole)
    }

    /// The nearest double.
    pub fn as_f64(&self) -> f64 {
        self.0
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "exact numbers come with the type's own module")]
        Self(value as f64)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
