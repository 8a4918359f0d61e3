//! Special functions, to some 13 digits.

use std::f64::consts::PI;

/// Terms of a series or a fraction at most: they end far earlier where they are used.
const TERMS_MAX: u32 = 500;
/// From here on the fraction needs fewer terms than the series, and the series would cancel.
const FRACTION_FROM: f64 = 2.5;

/// The complementary error function, of numbers that are not negative.
pub(crate) fn erfc(x: f64) -> f64 {
    if x < FRACTION_FROM {
        // erf x = 2/√π · e^(-x²) · Σ 2ⁿ x^(2n+1) / (2n+1)!!, all of whose terms are positive.
        let (mut term, mut sum) = (x, x);
        for n in 1..TERMS_MAX {
            term *= 2.0 * x * x / f64::from(2 * n + 1);
            sum += term;
            if term < sum * 1e-17 {
                break;
            }
        }
        return 1.0 - 2.0 / PI.sqrt() * (-x * x).exp() * sum;
    }
    // e^(-x²)/√π · 1/(x + ½/(x + 1/(x + 3⁄2/(x + …)))), from the innermost outwards.
    let mut fraction = x;
    for n in (1..=60_u32).rev() {
        fraction = x + f64::from(n) / 2.0 / fraction;
    }
    (-x * x).exp() / PI.sqrt() / fraction
}

/// The probability that a chi-square variable exceeds `x`.
pub(crate) fn chi_square_above(x: f64, degrees: u32) -> f64 {
    if x <= 0.0 || degrees == 0 {
        return 1.0;
    }
    // Q(a+1, h) = Q(a, h) + h^a e^(-h) / Γ(a+1), from ½ or 1 up to half of the degrees.
    let half = x / 2.0;
    let (mut a, mut above) = if degrees % 2 == 1 { (0.5, erfc(half.sqrt())) } else { (1.0, (-half).exp()) };
    let mut term =
        if degrees % 2 == 1 { 2.0 * (half / PI).sqrt() * (-half).exp() } else { half * (-half).exp() };
    while a < f64::from(degrees) / 2.0 {
        above += term;
        a += 1.0;
        term *= half / a;
    }
    above.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: f64, expected: f64) {
        assert!((got - expected).abs() <= 1e-12 * expected.abs(), "{got} {expected}");
    }

    #[test]
    fn known_values() {
        // From tables with 20 digits.
        near(erfc(0.0), 1.0);
        near(erfc(0.5), 0.479_500_122_186_953_5);
        near(erfc(1.0), 0.157_299_207_050_285_1);
        near(erfc(3.0), 2.209_049_699_858_544e-5);
        near(erfc(10.0), 2.088_487_583_762_545e-45);
        // With one degree it is the error function's, with two an exponential.
        near(chi_square_above(2.0, 1), erfc(1.0));
        near(chi_square_above(3.0, 2), (-1.5_f64).exp());
        near(chi_square_above(3.0, 4), (-1.5_f64).exp() * 2.5);
        near(chi_square_above(0.0, 3), 1.0);
    }

    #[test]
    fn both_ways_to_the_error_function_meet() {
        let (below, above) = (erfc(FRACTION_FROM - 1e-12), erfc(FRACTION_FROM));
        assert!(below >= above && (below - above) / above < 1e-10, "{below} {above}");
    }
}
