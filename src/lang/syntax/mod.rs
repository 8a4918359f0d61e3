//! Text to a lossless token stream and a tree with spans.
//!
//! Goes in: the text of a file or of one expression. Comes out: tokens that cover every byte, a tree, and all syntax
//! errors, each with its place. Never happens: a panic, unbounded recursion, time that grows faster than the text.

pub mod ast;
pub mod json;
pub mod lexer;
pub mod parser;
pub mod token;

#[cfg(test)]
pub(in crate::lang) mod tests;

pub use parser::{File, NESTING_MAX, NODES_MAX, Parsed, SOURCE_BYTES_MAX, decode, parse, parse_expression};
