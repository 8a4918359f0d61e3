//! Skeleton.

/// Whether an object is ours to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// A `resource`: ours.
    Managed,
    /// A `data` source: read only.
    Data,
}
