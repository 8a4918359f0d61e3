//! Statistics of models in production.
//!
//! In: numbers and categories. Out: counts that add up over replicas, distances and significances between a reference
//! and what came since. Never: a clock, a file, a random number.
//!
//! - `histogram`    counts by fixed bounds
//! - `drift`        which statistic a column has, and whether it drifted
//! - `distance`     how far two samples are from each other
//! - `significance` how probable so great a difference is by chance
//! - `special`      the functions that these need

mod distance;
mod drift;
mod histogram;
mod significance;
mod special;

pub use distance::{jensen_shannon, kullback_leibler, population_stability, wasserstein_normed};
pub use drift::{Column, Drift, DriftError, Sample, Statistic, dataset_drifted, prediction_stability};
pub use histogram::{BoundsError, Histogram};
pub use significance::{chi_square, kolmogorov_smirnov, z_test};
