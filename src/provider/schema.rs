//! What a provider's configuration and its resource types look like.

use crate::lang::eval::BlockSchema;
use crate::lang::value::Value;
use std::collections::BTreeMap;

/// Schemas of a provider.
#[derive(Debug, Clone, Default)]
pub struct ProviderSchema {
    /// Of its `provider` block.
    pub config: BlockSchema,
    /// Of its resource types, by name.
    pub resources: BTreeMap<&'static str, ResourceSchema>,
    /// Of its data sources, by name.
    pub data: BTreeMap<&'static str, DataSchema>,
}

impl ProviderSchema {
    /// The configuration of a provider that has no block: nothing is given.
    pub fn empty_config(&self) -> Value {
        let attributes = self.config.attributes.iter();
        Value::object(
            attributes.map(|(name, attribute)| (name.clone(), Value::null_of(attribute.ty.clone()))),
        )
    }
}

/// Schema of a data source.
#[derive(Debug, Clone, Default)]
pub struct DataSchema {
    /// What it is, in a sentence.
    pub description: &'static str,
    /// Arguments and attributes.
    pub block: BlockSchema,
}

/// Schema of a resource type.
#[derive(Debug, Clone, Default)]
pub struct ResourceSchema {
    /// Grows when stored objects need to be rewritten.
    pub version: u32,
    /// What it is, in a sentence.
    pub description: &'static str,
    /// Arguments and attributes.
    pub block: BlockSchema,
}
