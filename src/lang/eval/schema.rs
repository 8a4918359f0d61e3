//! What a provider says of the body of a block: which arguments and blocks it takes, of which types.
//!
//! Goes in: tables written by providers. Comes out: the type of the object that a body decodes to. Never happens: a
//! reference to a value or a place.

use crate::lang::value::Type;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A body: its arguments and the blocks in it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BlockSchema {
    /// Arguments, and attributes that only the provider sets, by name.
    pub attributes: BTreeMap<Arc<str>, AttributeSchema>,
    /// Blocks by their first word.
    pub blocks: BTreeMap<Arc<str>, NestedBlock>,
    /// What it is, for the reference pages; may be empty.
    pub description: Arc<str>,
    /// If set, what to use in its place; using it is a warning.
    pub deprecated: Option<Arc<str>>,
}

/// One argument of a body, or an attribute that only the provider sets.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an answer of its own, as in every schema of Terraform"
)]
pub struct AttributeSchema {
    /// Values are converted to it; attributes of objects may be optional.
    pub ty: Type,
    /// Must be given, and not as null.
    pub required: bool,
    /// May be given.
    pub optional: bool,
    /// The provider sets it if it is not given; with neither `required` nor `optional` nobody else can.
    pub computed: bool,
    /// Its value is shown nowhere in clear.
    pub sensitive: bool,
    /// A change of it replaces the object.
    pub force_new: bool,
    /// It is the digest of a model's file: another one is another file.
    pub model_digest: bool,
    /// What it is, for the reference pages; may be empty.
    pub description: Arc<str>,
    /// If set, what to use in its place; using it is a warning.
    pub deprecated: Option<Arc<str>>,
}

/// How often a block may stand in a body, and what it decodes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nesting {
    /// At most once: an object, null if it is absent.
    Single,
    /// A list of objects, in the order in which the blocks are written.
    List,
    /// A set of objects.
    Set,
    /// A map of objects; the block's one label is the key.
    Map,
}

/// A block in a body.
#[derive(Debug, Clone, PartialEq)]
pub struct NestedBlock {
    /// How often, and what it decodes to.
    pub nesting: Nesting,
    /// What stands between its braces.
    pub block: BlockSchema,
    /// It stands at least this often; 1 for a [`Nesting::Single`] that must be there.
    pub min: usize,
    /// It stands at most this often.
    pub max: Option<usize>,
}

impl AttributeSchema {
    fn new(ty: Type, (required, optional, computed): (bool, bool, bool)) -> Self {
        let (sensitive, force_new, model_digest) = (false, false, false);
        let (description, deprecated) = (Arc::from(""), None);
        Self { ty, required, optional, computed, sensitive, force_new, model_digest, description, deprecated }
    }

    /// Must be given.
    pub fn required(ty: Type) -> Self {
        Self::new(ty, (true, false, false))
    }

    /// May be given; else it is null.
    pub fn optional(ty: Type) -> Self {
        Self::new(ty, (false, true, false))
    }

    /// Only the provider sets it.
    pub fn computed(ty: Type) -> Self {
        Self::new(ty, (false, false, true))
    }

    /// May be given; else the provider sets it.
    pub fn optional_computed(ty: Type) -> Self {
        Self::new(ty, (false, true, true))
    }

    /// Shown nowhere in clear.
    #[must_use]
    pub fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// A change of it replaces the object.
    #[must_use]
    pub fn force_new(mut self) -> Self {
        self.force_new = true;
        self
    }

    /// The digest of a model's file.
    #[must_use]
    pub fn model_digest(mut self) -> Self {
        self.model_digest = true;
        self
    }

    /// What it is.
    #[must_use]
    pub fn describe(mut self, description: &str) -> Self {
        self.description = description.into();
        self
    }

    /// What to use in its place.
    #[must_use]
    pub fn deprecated(mut self, instead: &str) -> Self {
        self.deprecated = Some(instead.into());
        self
    }

    /// Whether a configuration may give it.
    pub fn is_argument(&self) -> bool {
        self.required || self.optional
    }
}

impl NestedBlock {
    /// At most once.
    pub fn single(block: BlockSchema) -> Self {
        Self { nesting: Nesting::Single, block, min: 0, max: Some(1) }
    }

    /// Any number, in order.
    pub fn list(block: BlockSchema) -> Self {
        Self { nesting: Nesting::List, block, min: 0, max: None }
    }

    /// Any number, without order.
    pub fn set(block: BlockSchema) -> Self {
        Self { nesting: Nesting::Set, block, min: 0, max: None }
    }

    /// Any number, each with a label that names it.
    pub fn map(block: BlockSchema) -> Self {
        Self { nesting: Nesting::Map, block, min: 0, max: None }
    }

    /// At least and at most so often.
    #[must_use]
    pub fn times(mut self, min: usize, max: Option<usize>) -> Self {
        (self.min, self.max) = (min, max);
        self
    }

    /// The type of what all blocks of this kind decode to. [`Type::Any`] where the blocks' own types can differ, because
    /// their schema has an attribute of any type.
    pub fn implied_type(&self) -> Type {
        let each = self.block.implied_type();
        match self.nesting {
            Nesting::Single => each,
            Nesting::List | Nesting::Map if each.has_any() => Type::Any,
            Nesting::List => Type::list(each),
            Nesting::Set => Type::set(each),
            Nesting::Map => Type::map(each),
        }
    }
}

impl BlockSchema {
    /// Without arguments and blocks.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more argument or attribute.
    #[must_use]
    pub fn attribute(mut self, name: &str, attribute: AttributeSchema) -> Self {
        self.attributes.insert(name.into(), attribute);
        self
    }

    /// With one more kind of block in it.
    #[must_use]
    pub fn block(mut self, name: &str, block: NestedBlock) -> Self {
        self.blocks.insert(name.into(), block);
        self
    }

    /// What it is.
    #[must_use]
    pub fn describe(mut self, description: &str) -> Self {
        self.description = description.into();
        self
    }

    /// The type of the object that a body decodes to: every attribute and every kind of block.
    pub fn implied_type(&self) -> Type {
        let attributes = self.attributes.iter().map(|(name, attribute)| (name.clone(), attribute.ty.clone()));
        let blocks = self.blocks.iter().map(|(name, block)| (name.clone(), block.implied_type()));
        Type::object(attributes.chain(blocks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_an_object_of_its_attributes_and_blocks() {
        let port = BlockSchema::new().attribute("number", AttributeSchema::required(Type::Number));
        let schema = BlockSchema::new()
            .attribute("name", AttributeSchema::required(Type::String).force_new())
            .attribute("id", AttributeSchema::computed(Type::String))
            .block("port", NestedBlock::list(port.clone()))
            .block("health", NestedBlock::single(port.clone()))
            .block("set", NestedBlock::set(port.clone()))
            .block("map", NestedBlock::map(port));
        let port = Type::object([("number".into(), Type::Number)]);
        assert_eq!(
            schema.implied_type(),
            Type::object([
                ("name".into(), Type::String),
                ("id".into(), Type::String),
                ("port".into(), Type::list(port.clone())),
                ("health".into(), port.clone()),
                ("set".into(), Type::set(port.clone())),
                ("map".into(), Type::map(port)),
            ])
        );
    }

    #[test]
    fn blocks_whose_types_can_differ_are_of_any_type() {
        let any = BlockSchema::new().attribute("value", AttributeSchema::optional(Type::Any));
        assert_eq!(NestedBlock::list(any.clone()).implied_type(), Type::Any);
        assert_eq!(NestedBlock::map(any).implied_type(), Type::Any);
    }
}
