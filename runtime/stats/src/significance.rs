//! How probable so great a difference between two samples is by chance: p-values, as Evidently takes them.

use std::f64::consts::PI;

use crate::distance::count;
use crate::special::{chi_square_above, erfc};

/// Values of the larger sample up to which the Kolmogorov–Smirnov test is exact, as in `SciPy`.
const EXACT_MAX: usize = 10_000;

/// The two-sample Kolmogorov–Smirnov test.
///
/// - Both samples are sorted, finite and not empty.
pub fn kolmogorov_smirnov(reference: &[f64], current: &[f64]) -> f64 {
    let (n1, n2) = (reference.len(), current.len());
    let common = gcd(n1, n2);
    // The statistic is a whole number of steps of 1/lcm.
    let (stride1, stride2) = (n2 / common, n1 / common);
    let farthest = farthest(reference, current, stride1, stride2);
    if n1.max(n2) <= EXACT_MAX {
        return exact(n1, n2, stride1, stride2, farthest);
    }
    let lcm = count(stride1) * count(n1);
    let size = (count(n1) * count(n2) / count(n1 + n2)).round();
    asymptotic(count(farthest) / lcm, size)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The greatest difference between both distributions, in steps.
fn farthest(reference: &[f64], current: &[f64], stride1: usize, stride2: usize) -> usize {
    let (mut i, mut j, mut greatest) = (0, 0, 0);
    loop {
        let next = match (reference.get(i), current.get(j)) {
            (Some(a), Some(b)) => a.min(*b),
            (Some(a), None) => *a,
            (None, Some(b)) => *b,
            (None, None) => return greatest,
        };
        // Equal values are passed together.
        while reference.get(i).is_some_and(|value| *value <= next) {
            i += 1;
        }
        while current.get(j).is_some_and(|value| *value <= next) {
            j += 1;
        }
        greatest = greatest.max((i * stride1).abs_diff(j * stride2));
    }
}

/// The share of the paths from (0,0) to (n1,n2) that somewhere lie `steps` apart or more. Only shares are added, so
/// that the smallest of them are as exact as the greatest.
fn exact(n1: usize, n2: usize, stride1: usize, stride2: usize, steps: usize) -> f64 {
    if steps == 0 {
        return 1.0;
    }
    let far = |i: usize, j: usize| (i * stride1).abs_diff(j * stride2) >= steps;
    let mut column = vec![0.0; n2 + 1];
    // Once far, always far: along the edge there is only one way.
    let mut was_far = false;
    for (j, share) in column.iter_mut().enumerate() {
        was_far |= far(0, j);
        *share = f64::from(u8::from(was_far));
    }
    for i in 1..=n1 {
        let mut below = 0.0;
        for (j, share) in column.iter_mut().enumerate() {
            *share = if far(i, j) {
                1.0
            } else if j == 0 {
                *share
            } else {
                (*share * count(i) + below * count(j)) / count(i + j)
            };
            below = *share;
        }
    }
    column.last().copied().unwrap_or(1.0).clamp(0.0, 1.0)
}

/// The probability that the statistic of `size` values exceeds `d`, by the limit distribution and its corrections of
/// the order of `1/√size`, `1/size` and `1/size^(3/2)` (Pelz and Good 1976); beyond, by twice the one-sided tail.
fn asymptotic(d: f64, size: f64) -> f64 {
    let x = d * d * size;
    if d <= 0.0 {
        return 1.0;
    }
    if d >= 1.0 || x > 370.0 {
        return 0.0;
    }
    if x >= 2.2 || size <= 140.0 {
        return (2.0 * one_sided(d, size)).min(1.0);
    }
    (1.0 - pelz_good(d, size)).clamp(0.0, 1.0)
}

/// The probability that the one-sided statistic exceeds `d`: Smirnov's sum, whose terms are all positive.
fn one_sided(d: f64, size: f64) -> f64 {
    let last = (size * (1.0 - d)).floor();
    let (mut sum, mut j, mut binomial) = (0.0, 0.0, 0.0_f64);
    while j <= last {
        let at = d + j / size;
        // The logarithm of (size over j) grows by one factor a term.
        if j > 0.0 {
            binomial += ((size - j + 1.0) / j).ln();
        }
        let below = (1.0 - at).max(0.0);
        let tail = if size - j == 0.0 { 0.0 } else { (size - j) * below.ln() };
        sum += (binomial + tail + (j - 1.0) * at.ln()).exp();
        j += 1.0;
    }
    (d * sum).min(1.0)
}

fn pelz_good(d: f64, size: f64) -> f64 {
    let root = size.sqrt();
    let z = root * d;
    let (z2, pi2) = (z * z, PI * PI);
    let (z3, z4, z6, z7, z8, z10) = (z2 * z, z2 * z2, z2.powi(3), z2.powi(3) * z, z2.powi(4), z2.powi(5));
    let (mut k0, mut k1, mut k2, mut k3) = (0.0, 0.0, 0.0, 0.0);
    let (mut k2_whole, mut k3_whole) = (0.0, 0.0);
    for k in 0..20_u32 {
        let half = f64::from(k) + 0.5;
        let h2 = half * half;
        let weight = (-h2 * pi2 / (2.0 * z2)).exp();
        k0 += weight;
        k1 += (pi2 * h2 - z2) * weight;
        k2 += (6.0 * z6
            + 2.0 * z4
            + pi2 * h2 * (2.0 * z4 - 5.0 * z2)
            + pi2.powi(2) * h2 * h2 * (1.0 - 2.0 * z2))
            * weight;
        k3 += (-30.0 * z6 - 90.0 * z8
            + pi2 * h2 * (135.0 * z4 - 96.0 * z6)
            + pi2.powi(2) * h2 * h2 * (212.0 * z4 - 60.0 * z2)
            + pi2.powi(3) * h2.powi(3) * (5.0 - 30.0 * z2))
            * weight;
        let whole = f64::from(k + 1);
        let w2 = whole * whole;
        let weight = (-w2 * pi2 / (2.0 * z2)).exp();
        k2_whole += pi2 * w2 * weight;
        k3_whole += (-pi2.powi(2) * w2 * w2 + 3.0 * pi2 * w2 * z2) * weight;
    }
    let whole = (2.0 * PI).sqrt();
    let half = (PI / 2.0).sqrt();
    let k0 = k0 * whole / z;
    let k1 = k1 * half / (3.0 * z4);
    let k2 = k2 * half / (36.0 * z7) - k2_whole * half / (18.0 * z3);
    let k3 = k3 * half / (3240.0 * z10) + k3_whole * half / (108.0 * z6);
    k0 + k1 / root + k2 / size + k3 / (size * root)
}

/// Pearson's chi-square test of the current counts against those that the reference lets expect.
pub fn chi_square(reference: &[f64], current: &[f64]) -> f64 {
    let (total, size): (f64, f64) = (reference.iter().sum(), current.iter().sum());
    let statistic: f64 = reference
        .iter()
        .zip(current)
        .map(|(reference, current)| {
            let expected = reference * size / total;
            // A category that the reference does not have is infinitely far.
            if expected > 0.0 { (current - expected).powi(2) / expected } else { f64::INFINITY }
        })
        .sum();
    if statistic.is_infinite() {
        return 0.0;
    }
    let degrees = u32::try_from(reference.len()).unwrap_or(u32::MAX).saturating_sub(1);
    chi_square_above(statistic, degrees)
}

/// The test of two shares: `part` of `whole` in each.
pub fn z_test(reference_part: f64, reference: f64, current_part: f64, current: f64) -> f64 {
    let (share, other) = (reference_part / reference, current_part / current);
    let pooled = (reference_part + current_part) / (reference + current);
    let deviation = (pooled * (1.0 - pooled) * (1.0 / reference + 1.0 / current)).sqrt();
    if deviation == 0.0 {
        // Everything is one category in both.
        return 1.0;
    }
    erfc(((share - other) / deviation).abs() / 2.0_f64.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_counted_exactly() {
        // Of the six paths of two against two, two lie wholly apart.
        assert!((kolmogorov_smirnov(&[1.0, 2.0], &[3.0, 4.0]) - 2.0 / 6.0).abs() < 1e-15);
        assert!((kolmogorov_smirnov(&[1.0, 3.0], &[2.0, 4.0]) - 1.0).abs() < 1e-15);
        assert!((kolmogorov_smirnov(&[1.0, 2.0], &[1.0, 2.0]) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn the_limit_distribution_meets_the_exact_one() {
        // One large and one small sample: the exact test, and the same statistic by the limit.
        let reference: Vec<f64> = (0..1000).map(f64::from).collect();
        let current: Vec<f64> = (0..1000).map(|value| f64::from(value) + 45.5).collect();
        let exact = kolmogorov_smirnov(&reference, &current);
        let limit = asymptotic(0.046, 500.0);
        assert!((exact - limit).abs() < 0.01, "{exact} {limit}");
    }

    #[test]
    fn both_tails_of_the_limit_meet() {
        let size = 5000.0;
        let d = (2.2_f64 / size).sqrt();
        let (tail, series) = (asymptotic(d * 1.000_001, size), asymptotic(d * 0.999_999, size));
        assert!((tail - series).abs() < 1e-5, "{tail} {series}");
        assert!(asymptotic(0.001, size) > 0.999_999);
    }

    #[test]
    fn a_new_category_is_drift_for_certain() {
        assert!(chi_square(&[5.0, 0.0], &[5.0, 1.0]).abs() < f64::MIN_POSITIVE);
        assert!((chi_square(&[50.0, 50.0], &[10.0, 10.0]) - 1.0).abs() < 1e-15);
        assert!((z_test(10.0, 20.0, 5.0, 10.0) - 1.0).abs() < 1e-15);
    }
}
