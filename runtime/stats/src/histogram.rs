//! Histograms that add up over replicas.
//!
//! In: numbers, one at a time. Out: counts by fixed bounds. Never: a figure that two replicas could not simply add.

/// Counts of observed values by fixed upper bounds, as Prometheus counts them (`le`, "less or equal").
///
/// Two histograms with the same bounds add up exactly, so a fleet's histogram is the sum of its replicas'; only
/// [`sum`](Histogram::sum) is subject to the rounding of floating point.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    bounds: Vec<f64>,
    /// One more than `bounds`: the last one counts what is above every bound.
    counts: Vec<u64>,
    sum: f64,
}

/// Why two histograms cannot be added, or one cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoundsError {
    /// Bounds must be finite and each greater than the one before.
    Unsorted,
    /// The other histogram counts by other bounds.
    Differ,
}

impl std::fmt::Display for BoundsError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            BoundsError::Unsorted => "the bounds of a histogram must be finite and ascending",
            BoundsError::Differ => "histograms with different bounds do not add up",
        })
    }
}

impl std::error::Error for BoundsError {}

impl Histogram {
    /// A histogram without observations, with these upper bounds in the observed unit.
    ///
    /// # Errors
    /// [`BoundsError::Unsorted`].
    pub fn new(bounds: &[f64]) -> Result<Self, BoundsError> {
        let ascending = bounds.iter().zip(bounds.iter().skip(1)).all(|(low, high)| low < high);
        if !ascending || !bounds.iter().all(|bound| bound.is_finite()) {
            return Err(BoundsError::Unsorted);
        }
        Ok(Self { bounds: bounds.to_vec(), counts: vec![0; bounds.len() + 1], sum: 0.0 })
    }

    /// Counts one value. What is not a finite number is left out: it would spoil the sum for ever.
    pub fn observe(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum += value;
    }

    /// Adds another replica's observations.
    ///
    /// # Errors
    /// [`BoundsError::Differ`]; nothing is added then.
    pub fn merge(&mut self, other: &Histogram) -> Result<(), BoundsError> {
        if self.bounds != other.bounds {
            return Err(BoundsError::Differ);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.sum += other.sum;
        Ok(())
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their sum, in the observed unit.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Each upper bound with the number of values at or below it; what is above the last one is only in
    /// [`count`](Histogram::count).
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        self.bounds.iter().zip(&self.counts).scan(0, |below, (bound, count)| {
            *below += count;
            Some((*bound, *below))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(bounds: &[f64], values: &[f64]) -> Histogram {
        let mut histogram = Histogram::new(bounds).unwrap();
        for value in values {
            histogram.observe(*value);
        }
        histogram
    }

    #[test]
    fn a_value_on_a_bound_counts_below_it() {
        let histogram = filled(&[1.0, 2.0], &[0.5, 1.0, 1.5, 2.0, 7.0]);
        assert_eq!(histogram.cumulative().collect::<Vec<_>>(), [(1.0, 2), (2.0, 4)]);
        assert_eq!((histogram.count(), histogram.sum()), (5, 12.0));
    }

    #[test]
    fn what_is_not_a_number_is_left_out() {
        let histogram = filled(&[1.0], &[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.5]);
        assert_eq!((histogram.count(), histogram.sum()), (1, 0.5));
    }

    #[test]
    fn bounds_that_do_not_ascend_are_refused() {
        for bounds in [&[2.0, 1.0][..], &[1.0, 1.0], &[f64::NAN], &[f64::INFINITY]] {
            assert_eq!(Histogram::new(bounds), Err(BoundsError::Unsorted), "{bounds:?}");
        }
    }

    #[test]
    fn other_bounds_do_not_add_and_change_nothing() {
        let mut one = filled(&[1.0], &[0.5]);
        let before = one.clone();
        assert_eq!(one.merge(&filled(&[2.0], &[0.5])), Err(BoundsError::Differ));
        assert_eq!(one, before);
    }

    proptest! {
        /// However the observations are dealt to replicas, the replicas' sum is the histogram of all of them.
        #[test]
        fn replicas_add_up(values in prop::collection::vec((-10_i32..200, 0_usize..5), 0..200)) {
            let bounds = [0.0, 1.0, 5.0, 25.0, 125.0];
            let mut replicas: Vec<Histogram> = vec![Histogram::new(&bounds).unwrap(); 5];
            let mut whole = Histogram::new(&bounds).unwrap();
            for (value, replica) in values {
                // Halves are exact in floating point, so that even the sums must agree exactly.
                let value = f64::from(value) / 2.0;
                replicas[replica].observe(value);
                whole.observe(value);
            }
            let mut sum = Histogram::new(&bounds).unwrap();
            for replica in &replicas {
                sum.merge(replica).unwrap();
            }
            prop_assert_eq!(&sum, &whole);
            let counts: Vec<u64> = whole.cumulative().map(|(_, count)| count).collect();
            prop_assert!(counts.windows(2).all(|pair| pair[0] <= pair[1]));
            prop_assert!(counts.last().is_none_or(|last| *last <= whole.count()));
        }
    }
}
