//! How far two samples are from each other.
//!
//! Each takes counts by the same bins or categories, except [`wasserstein_normed`]. Formulas and fillings are
//! Evidently's (0.7), so that figures can be compared.

/// What stands for a share of zero, where a share has a logarithm.
const FILL: f64 = 0.000_1;
/// What the standard deviation counts at least.
const DEVIATION_MIN: f64 = 0.001;

/// Shares of the whole, zeros filled with a little.
fn filled(counts: &[f64]) -> Vec<f64> {
    let total: f64 = counts.iter().sum();
    let mut shares: Vec<f64> = counts.iter().map(|count| count / total).collect();
    let smallest = shares.iter().copied().filter(|share| *share > 0.0).fold(f64::INFINITY, f64::min);
    let fill = if smallest <= FILL { smallest / 1e6 } else { FILL };
    for share in &mut shares {
        if *share == 0.0 {
            *share = fill;
        }
    }
    shares
}

/// The population stability index.
pub fn population_stability(reference: &[f64], current: &[f64]) -> f64 {
    let (reference, current) = (filled(reference), filled(current));
    reference.iter().zip(&current).map(|(r, c)| (r - c) * (r / c).ln()).sum()
}

/// The Kullback–Leibler divergence of the reference from the current sample, by natural logarithms.
pub fn kullback_leibler(reference: &[f64], current: &[f64]) -> f64 {
    entropy(&normed(&filled(reference)), &normed(&filled(current)))
}

/// The Jensen–Shannon distance, by natural logarithms.
pub fn jensen_shannon(reference: &[f64], current: &[f64]) -> f64 {
    let (reference, current) = (normed(reference), normed(current));
    let middle: Vec<f64> = reference.iter().zip(&current).map(|(r, c)| f64::midpoint(*r, *c)).collect();
    f64::midpoint(entropy(&reference, &middle), entropy(&current, &middle)).max(0.0).sqrt()
}

fn normed(counts: &[f64]) -> Vec<f64> {
    let total: f64 = counts.iter().sum();
    counts.iter().map(|count| count / total).collect()
}

fn entropy(of: &[f64], against: &[f64]) -> f64 {
    let term = |(p, q): (&f64, &f64)| if *p > 0.0 { p * (p / q).ln() } else { 0.0 };
    of.iter().zip(against).map(term).sum()
}

/// The Wasserstein distance in standard deviations of the reference.
///
/// - Both samples are sorted, finite and not empty.
pub fn wasserstein_normed(reference: &[f64], current: &[f64]) -> f64 {
    let mut all: Vec<f64> = reference.iter().chain(current).copied().collect();
    all.sort_by(f64::total_cmp);
    let share = |sample: &[f64], at: f64| ratio(sample.partition_point(|value| *value <= at), sample.len());
    let steps = all.iter().zip(all.iter().skip(1));
    let distance: f64 =
        steps.map(|(at, next)| (share(reference, *at) - share(current, *at)).abs() * (next - at)).sum();
    distance / deviation(reference).max(DEVIATION_MIN)
}

/// The standard deviation of a population.
fn deviation(values: &[f64]) -> f64 {
    let count = count(values.len());
    let mean = values.iter().sum::<f64>() / count;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt()
}

fn ratio(part: usize, whole: usize) -> f64 {
    count(part) / count(whole)
}

#[expect(clippy::cast_precision_loss, reason = "samples are far smaller than 2^53")]
pub(crate) fn count(length: usize) -> f64 {
    length as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alike_has_no_distance() {
        let counts = [1.0, 5.0, 0.0, 3.0];
        for distance in [population_stability, kullback_leibler, jensen_shannon] {
            assert!(distance(&counts, &counts).abs() < 1e-15);
        }
        assert!(wasserstein_normed(&[1.0, 2.0], &[1.0, 2.0]).abs() < 1e-15);
    }

    #[test]
    fn a_shift_of_everything_is_its_length_in_deviations() {
        let distance = wasserstein_normed(&[0.0, 2.0], &[3.0, 5.0]);
        assert!((distance - 3.0).abs() < 1e-12, "{distance}");
    }
}
