//! What is known of a value that is not known.

use std::sync::Arc;

/// What is known of an unknown value, so that more can be decided at plan time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refinement {
    /// It will not be null.
    pub not_null: bool,
    /// A string will begin with this.
    pub prefix: Option<Arc<str>>,
    /// A collection will have at least this many elements.
    pub length_min: u64,
    /// A collection will have at most this many elements.
    pub length_max: Option<u64>,
}
