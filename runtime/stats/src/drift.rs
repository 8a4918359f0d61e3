//! Which statistic a column has, and whether it drifted: Evidently's defaults (0.7).
//!
//! In: a reference sample and a current one. Out: a statistic, its threshold and the verdict. Never: what is not a
//! finite number in a sample, or a verdict about nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::distance::{self, count};
use crate::significance;

/// Values of the reference up to which tests decide; above, distances do, for every difference becomes significant.
const TESTED_MAX: usize = 1_000;
/// Distinct numbers up to which they are counted one by one.
const DISTINCT_MAX: usize = 20;
/// Distinct integers up to which they are categories.
const CATEGORIES_MAX: usize = 10;
/// The probability below which a difference is no chance.
const SIGNIFICANCE: f64 = 0.05;
/// The distance from which it is a drift.
const DISTANCE: f64 = 0.1;
/// The share of drifted columns from which the data set has drifted.
const DRIFTED_SHARE: f64 = 0.5;
/// What a share of a prediction counts at least.
const PREDICTION_FILL: f64 = 1e-6;
/// Bins of a histogram at most.
const BINS_MAX: f64 = 10_000.0;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Numbers that measure.
    Numerical,
    /// Words, truth values, or few integers.
    Categorical,
}

/// The values of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Sample {
    /// Numbers with fractions.
    Floats(Vec<f64>),
    /// Whole numbers.
    Integers(Vec<f64>),
    /// Anything else, as text.
    Words(Vec<String>),
}

/// How a difference is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// Kolmogorov–Smirnov, a probability.
    KolmogorovSmirnov,
    /// Pearson's chi-square, a probability.
    ChiSquare,
    /// The test of two shares, a probability.
    ZTest,
    /// Wasserstein distance in standard deviations.
    Wasserstein,
    /// Jensen–Shannon distance.
    JensenShannon,
    /// Population stability index.
    PopulationStability,
    /// Kullback–Leibler divergence.
    KullbackLeibler,
}

/// A difference, and whether it is a drift.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// What was measured.
    pub statistic: Statistic,
    /// The probability, or the distance.
    pub value: f64,
    /// Where drift begins.
    pub threshold: f64,
    /// Whether it has begun.
    pub drifted: bool,
}

/// Why there is no verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriftError {
    /// One of the samples has no values.
    Empty,
    /// One holds words, the other numbers.
    Kinds,
    /// The statistic is of numbers, and the column holds words.
    Statistic,
}

impl std::fmt::Display for DriftError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            DriftError::Empty => "a sample without values has no drift",
            DriftError::Kinds => "words and numbers cannot be compared",
            DriftError::Statistic => "this statistic is of numbers",
        })
    }
}

impl std::error::Error for DriftError {}

impl Statistic {
    /// Its name, as reports have it.
    pub fn name(self) -> &'static str {
        match self {
            Statistic::KolmogorovSmirnov => "K-S p_value",
            Statistic::ChiSquare => "chi-square p_value",
            Statistic::ZTest => "Z-test p_value",
            Statistic::Wasserstein => "Wasserstein distance (normed)",
            Statistic::JensenShannon => "Jensen-Shannon distance",
            Statistic::PopulationStability => "PSI",
            Statistic::KullbackLeibler => "Kullback-Leibler divergence",
        }
    }

    fn verdict(self, value: f64) -> Drift {
        let (threshold, drifted) = match self {
            Statistic::KolmogorovSmirnov => (SIGNIFICANCE, value <= SIGNIFICANCE),
            Statistic::ChiSquare | Statistic::ZTest => (SIGNIFICANCE, value < SIGNIFICANCE),
            _ => (DISTANCE, value >= DISTANCE),
        };
        Drift { statistic: self, value, threshold, drifted }
    }
}

impl Sample {
    /// How many values there are that count.
    pub fn len(&self) -> usize {
        match self {
            Sample::Floats(values) | Sample::Integers(values) => {
                values.iter().filter(|value| value.is_finite()).count()
            }
            Sample::Words(words) => words.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the column holds, as this sample of it shows.
    pub fn column(&self) -> Column {
        match self {
            Sample::Floats(_) => Column::Numerical,
            Sample::Integers(values) if distinct(&sorted(values)) > CATEGORIES_MAX => Column::Numerical,
            Sample::Integers(_) | Sample::Words(_) => Column::Categorical,
        }
    }

    /// Measures how the current sample differs from this one.
    ///
    /// - `statistic`: the default of the column where none is given.
    ///
    /// # Errors
    /// [`DriftError`].
    pub fn drift(&self, current: &Sample, statistic: Option<Statistic>) -> Result<Drift, DriftError> {
        match (self, current) {
            (Sample::Words(reference), Sample::Words(current)) => of_words(reference, current, statistic),
            (Sample::Words(_), _) | (_, Sample::Words(_)) => Err(DriftError::Kinds),
            (
                Sample::Floats(reference) | Sample::Integers(reference),
                Sample::Floats(current) | Sample::Integers(current),
            ) => {
                let whole = matches!(self, Sample::Integers(_));
                of_numbers(&sorted(reference), &sorted(current), self.column(), whole, statistic)
            }
        }
    }
}

/// Whether a data set has drifted of whose columns so many have.
pub fn dataset_drifted(drifted: usize, columns: usize) -> bool {
    columns > 0 && count(drifted) / count(columns) >= DRIFTED_SHARE
}

/// The stability index of what was decided, by counts of the same categories.
pub fn prediction_stability(reference: &[f64], current: &[f64]) -> f64 {
    let shares = |counts: &[f64]| -> Vec<f64> {
        let total: f64 = counts.iter().sum();
        counts.iter().map(|count| (count / total).max(PREDICTION_FILL)).collect()
    };
    shares(reference).iter().zip(shares(current)).map(|(r, c)| (r - c) * (r / c).ln()).sum()
}

/// The finite numbers in order.
fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    values
}

fn distinct(sorted: &[f64]) -> usize {
    let steps = sorted.iter().zip(sorted.iter().skip(1)).filter(|(one, next)| one < next).count();
    steps + usize::from(!sorted.is_empty())
}

fn of_words(
    reference: &[String],
    current: &[String],
    statistic: Option<Statistic>,
) -> Result<Drift, DriftError> {
    if reference.is_empty() || current.is_empty() {
        return Err(DriftError::Empty);
    }
    let names: BTreeSet<&str> = reference.iter().chain(current).map(String::as_str).collect();
    let counted = |words: &[String]| {
        let mut counts: BTreeMap<&str, f64> = names.iter().map(|name| (*name, 0.0)).collect();
        for word in words {
            *counts.entry(word).or_default() += 1.0;
        }
        counts.into_values().collect::<Vec<f64>>()
    };
    let (reference_counts, current_counts) = (counted(reference), counted(current));
    let statistic = statistic.unwrap_or_else(|| of_categories(reference.len(), names.len()));
    let value = by_counts(statistic, &reference_counts, &current_counts).ok_or(DriftError::Statistic)?;
    Ok(statistic.verdict(value))
}

fn of_categories(values: usize, distinct: usize) -> Statistic {
    match (values <= TESTED_MAX, distinct) {
        (true, ..=2) => Statistic::ZTest,
        (true, _) => Statistic::ChiSquare,
        (false, _) => Statistic::JensenShannon,
    }
}

fn of_numbers(
    reference: &[f64],
    current: &[f64],
    column: Column,
    whole: bool,
    statistic: Option<Statistic>,
) -> Result<Drift, DriftError> {
    if reference.is_empty() || current.is_empty() {
        return Err(DriftError::Empty);
    }
    let all = sorted(&[reference, current].concat());
    let kinds = distinct(&all);
    let default = || match (column, reference.len() <= TESTED_MAX, kinds) {
        (Column::Numerical, true, 6..) => Statistic::KolmogorovSmirnov,
        (Column::Numerical, false, 6..) => Statistic::Wasserstein,
        // Few numbers are categories too.
        (_, _, kinds) => of_categories(reference.len(), kinds),
    };
    let statistic = statistic.unwrap_or_else(default);
    let value = match statistic {
        Statistic::KolmogorovSmirnov => significance::kolmogorov_smirnov(reference, current),
        Statistic::Wasserstein => distance::wasserstein_normed(reference, current),
        statistic => {
            let binned = column == Column::Numerical
                && distinct(reference) > DISTINCT_MAX
                && !matches!(statistic, Statistic::ChiSquare | Statistic::ZTest);
            let (reference, current) = if binned {
                by_bins(reference, current, &all, whole)
            } else {
                by_values(reference, current, &all)
            };
            by_counts(statistic, &reference, &current).ok_or(DriftError::Statistic)?
        }
    };
    Ok(statistic.verdict(value))
}

/// A statistic of counts by the same categories; the first of these is what the test of shares is about.
fn by_counts(statistic: Statistic, reference: &[f64], current: &[f64]) -> Option<f64> {
    Some(match statistic {
        Statistic::ChiSquare => significance::chi_square(reference, current),
        Statistic::ZTest => {
            let of = |counts: &[f64]| (counts.iter().skip(1).sum::<f64>(), counts.iter().sum::<f64>());
            let ((part, whole), (other_part, other_whole)) = (of(reference), of(current));
            significance::z_test(part, whole, other_part, other_whole)
        }
        Statistic::JensenShannon => distance::jensen_shannon(reference, current),
        Statistic::PopulationStability => distance::population_stability(reference, current),
        Statistic::KullbackLeibler => distance::kullback_leibler(reference, current),
        Statistic::KolmogorovSmirnov | Statistic::Wasserstein => return None,
    })
}

/// Counts of each value that occurs.
fn by_values(reference: &[f64], current: &[f64], all: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let mut values = all.to_vec();
    // In order, so what is not greater is equal: 0 and -0 too.
    values.dedup_by(|next, one| *next <= *one);
    let counted = |sample: &[f64]| -> Vec<f64> {
        let up_to = |value: f64| sample.partition_point(|other| *other <= value);
        let below = |value: f64| sample.partition_point(|other| *other < value);
        values.iter().map(|value| count(up_to(*value) - below(*value))).collect()
    };
    (counted(reference), counted(current))
}

/// Counts by bins of equal width over both samples, as many as Sturges' rule gives. The last bin has its upper edge.
fn by_bins(reference: &[f64], current: &[f64], all: &[f64], whole: bool) -> (Vec<f64>, Vec<f64>) {
    let (low, high) = (all.first().copied().unwrap_or(0.0), all.last().copied().unwrap_or(0.0));
    let range = high - low;
    let width = range / (count(all.len()).log2() + 1.0);
    let width = if whole { width.max(1.0) } else { width };
    let bins = (range / width).ceil().clamp(1.0, BINS_MAX);
    let step = range / bins;
    let counted = |sample: &[f64]| -> Vec<f64> {
        let mut counts = Vec::new();
        let (mut index, mut below) = (1.0, 0);
        while index < bins {
            let edge = low + index * step;
            let up_to = sample.partition_point(|value| *value < edge);
            counts.push(count(up_to - below));
            below = up_to;
            index += 1.0;
        }
        counts.push(count(sample.len() - below));
        counts
    };
    (counted(reference), counted(current))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(from: u32, to: u32) -> Sample {
        Sample::Floats((from..to).map(f64::from).collect())
    }

    fn words(text: &str) -> Sample {
        Sample::Words(text.chars().map(String::from).collect())
    }

    #[test]
    fn each_column_has_its_default() {
        let few = |values: &[f64]| Sample::Floats(values.to_vec());
        let many = Sample::Floats((0..1001).map(f64::from).collect());
        let many_of_few = Sample::Floats((0..1001).map(|value| f64::from(value % 3)).collect());
        let integers = Sample::Integers((0..30).map(|value| f64::from(value % 10)).collect());
        let rows: Vec<(&str, Sample, Sample, Statistic)> = vec![
            ("numbers", floats(0, 30), floats(0, 30), Statistic::KolmogorovSmirnov),
            ("three to five numbers", few(&[1.0, 2.0, 3.0]), few(&[1.0, 2.0]), Statistic::ChiSquare),
            ("two numbers", few(&[1.0, 2.0]), few(&[1.0, 2.0]), Statistic::ZTest),
            ("many numbers", many.clone(), many, Statistic::Wasserstein),
            ("many of few numbers", many_of_few.clone(), many_of_few, Statistic::JensenShannon),
            ("few integers", integers.clone(), integers, Statistic::ChiSquare),
            ("words", words("abc"), words("ab"), Statistic::ChiSquare),
            ("two words", words("ab"), words("ab"), Statistic::ZTest),
        ];
        for (what, reference, current, expected) in rows {
            assert_eq!(reference.drift(&current, None).unwrap().statistic, expected, "{what}");
        }
    }

    #[test]
    fn there_is_no_verdict_about_nothing() {
        assert_eq!(floats(0, 0).drift(&floats(0, 9), None), Err(DriftError::Empty));
        let nan = Sample::Floats(vec![f64::NAN]);
        assert_eq!(floats(0, 9).drift(&nan, None), Err(DriftError::Empty));
        assert_eq!(floats(0, 9).drift(&words("a"), None), Err(DriftError::Kinds));
        let wasserstein = Some(Statistic::Wasserstein);
        assert_eq!(words("a").drift(&words("a"), wasserstein), Err(DriftError::Statistic));
    }

    #[test]
    fn half_of_the_columns_are_a_drift_of_the_data_set() {
        assert_eq!(
            [(0, 0), (1, 3), (1, 2), (3, 3)].map(|(drifted, all)| dataset_drifted(drifted, all)),
            [false, false, true, true]
        );
    }
}
