//! Expressions and bodies to values.

pub mod schema;

pub use schema::{AttributeSchema, BlockSchema, NestedBlock, Nesting};
