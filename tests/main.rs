//! The tests of the whole program, as one binary: one build, one link.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has found something")]

mod addresses;
mod bad_input;
mod buckets;
mod checks;
mod cli;
mod console;
mod data;
mod docs;
mod documents;
mod encryption;
mod engine;
mod fmt;
mod gate;
mod generate;
mod graph;
mod interrupted;
mod kept;
mod killed;
mod kills;
mod lifecycle;
mod providers;
mod hostile;
mod modules;
mod report;
mod saved_plan;
mod required;
mod secrets;
mod state;
mod straight_path;
mod terraform;
mod terraform_state;
mod test_command;
mod support;
mod tidy;
mod validate;
