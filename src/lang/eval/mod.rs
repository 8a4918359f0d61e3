//! Expressions and bodies to values, as Terraform evaluates them.
//!
//! Goes in: trees, and a [`Scope`](crate::lang::scope::Scope) that knows what names stand for. Comes out: values that
//! may hold unknowns and marks, or all errors, each with its place and the values involved. Never happens: IO, a clock,
//! a value that outgrows the limits of [`Meter`].

mod access;
mod call;
mod conditional;
mod decode;
mod dynamic;
mod explain;
mod expression;
mod free;
mod ignore;
mod iterate;
mod meter;
mod operator;
mod render;
pub mod schema;
mod template;
mod variable;

pub use decode::{decode, deprecations};
pub use explain::{describe, with_values};
pub use expression::evaluate;
pub use free::evaluate_body;
pub use ignore::{Ignored, ignored};
pub use meter::{Exhausted, Growing, Meter, STEPS_MAX, VALUE_BYTES_MAX, VALUE_DEPTH_MAX};
pub use schema::{AttributeSchema, BlockSchema, NestedBlock, Nesting};
pub use variable::{variable_marked, variable_value};

#[cfg(test)]
mod tests;
