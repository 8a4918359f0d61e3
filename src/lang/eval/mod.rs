//! Expressions and bodies to values.

mod schema;

pub use schema::{AttributeSchema, BlockSchema, NestedBlock, Nesting};
