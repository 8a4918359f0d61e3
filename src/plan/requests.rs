//! What the command line asks of parts of a configuration.

use super::AddressPattern;
use mlo_state::Address;

/// What is asked beside what the configuration says.
#[derive(Debug, Clone, Default)]
pub struct Requests {
    /// Only these, and what they depend on. Everything, if there are none.
    pub targets: Vec<AddressPattern>,
    /// All but these, and what depends on them.
    pub excludes: Vec<AddressPattern>,
    /// A new object is made for each of these.
    pub replace: Vec<Address>,
    /// Only this is done: the object of this id is taken into the state at this address.
    pub import: Option<(Address, String)>,
}

impl Requests {
    /// Whether all of the configuration is planned.
    pub fn is_whole(&self) -> bool {
        self.targets.is_empty() && self.excludes.is_empty() && self.import.is_none()
    }
}
