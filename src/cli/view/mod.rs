//! What people and programs see. Text and JSON of the same things; nothing here decides anything.

pub(super) mod change;
pub(super) mod checks;
pub(super) mod console;
pub(super) mod findings;
pub(super) mod github;
pub(super) mod graph;
pub(super) mod json;
pub(super) mod judged;
pub(super) mod markdown;
mod paint;
pub(super) mod plan;
pub(super) mod policy;
pub(super) mod progress;
pub(super) mod providers;
pub(super) mod rules;
pub(super) mod sarif;
pub(super) mod state;
pub(super) mod stream;
pub(super) mod test;
mod value;
pub(super) mod versions;
pub(super) mod warnings;

pub(super) use change::structures;
pub(super) use paint::Paint;
pub(super) use value::quote;
