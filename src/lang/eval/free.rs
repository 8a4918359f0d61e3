//! Bodies whose schema nobody knows: what is in them is evaluated all the same, so that its errors are found.

use super::decode::{decode, with_blocks};
use super::schema::{AttributeSchema, BlockSchema, NestedBlock};
use crate::diag::Diagnostics;
use crate::lang::scope::Scope;
use crate::lang::syntax::ast::{Block, Body};
use crate::lang::value::Type;
use std::sync::Arc;

/// Evaluates all that a body holds, as if its schema had exactly that.
///
/// # Errors
/// All of its expressions and `dynamic` blocks.
pub fn evaluate_body(body: &Body, scope: &dyn Scope) -> Result<(), Diagnostics> {
    decode(body, &schema_of(body), scope).map(drop)
}

/// The schema that a body fits.
fn schema_of(body: &Body) -> BlockSchema {
    let mut schema = BlockSchema::new();
    add(&mut schema, body);
    schema
}

fn add(schema: &mut BlockSchema, body: &Body) {
    // What is wrong with their form is said when they are decoded.
    let body = with_blocks(body, &BlockSchema::new(), &mut Diagnostics::new());
    for attribute in body.attributes() {
        schema.attributes.insert(attribute.name.name.clone(), AttributeSchema::optional(Type::Any));
    }
    for block in body.blocks() {
        match (block.kind.name.as_ref(), block.labels.as_slice()) {
            ("dynamic", [kind]) => {
                let labels = usize::from(block.body.attributes().any(|it| it.name.name.as_ref() == "labels"));
                let nothing = Body { items: Vec::new(), span: block.body.span };
                add_block(schema, &kind.name, labels, &nothing);
                for content in contents(&block.body) {
                    add_block(schema, &kind.name, labels, &content.body);
                }
            }
            _ => add_block(schema, &block.kind.name, block.labels.len(), &block.body),
        }
    }
}

/// The `content` blocks of a `dynamic` block.
fn contents(body: &Body) -> impl Iterator<Item = &Block> {
    body.blocks().filter(|block| block.kind.name.as_ref() == "content")
}

fn add_block(schema: &mut BlockSchema, kind: &Arc<str>, labels: usize, body: &Body) {
    let new = || match labels {
        0 => NestedBlock::list(BlockSchema::new()),
        _ => NestedBlock::map(BlockSchema::new()),
    };
    add(&mut schema.blocks.entry(kind.clone()).or_insert_with(new).block, body);
}
