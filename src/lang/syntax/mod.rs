//! Text to a lossless token stream and a tree with spans.

pub mod ast;
