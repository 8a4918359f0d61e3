//! How objects and outputs are written into snapshots and journals: the twins of [`Object`] and [`Output`].
//!
//! In: objects. Out: documents with every map's keys in order, and objects back from them. Never: an object written
//! that could not be read back.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{AttributePath, EncodeError, Object, Output, Status};
use crate::address::{Address, BlockAddress};
use crate::json::{self, JSON_DEPTH_MAX, Ordered, OrderedMap};

/// An object on its way out.
#[derive(Serialize)]
pub(crate) struct ObjectOut<'a> {
    provider: &'a str,
    schema_version: u32,
    attributes: OrderedMap<'a>,
    sensitive: &'a [AttributePath],
    dependencies: &'a [BlockAddress],
    status: Status,
    token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    handle: Option<&'a str>,
}

impl<'a> From<&'a Object> for ObjectOut<'a> {
    fn from(object: &'a Object) -> Self {
        Self {
            provider: &object.provider,
            schema_version: object.schema_version,
            attributes: OrderedMap(&object.attributes),
            sensitive: &object.sensitive,
            dependencies: &object.dependencies,
            status: object.status,
            token: &object.token,
            handle: object.handle.as_deref(),
        }
    }
}

/// An object on its way in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ObjectIn {
    provider: String,
    schema_version: u32,
    attributes: Map<String, Value>,
    sensitive: Vec<AttributePath>,
    dependencies: Vec<BlockAddress>,
    status: Status,
    token: String,
    #[serde(default)]
    handle: Option<String>,
}

impl From<ObjectIn> for Object {
    fn from(object: ObjectIn) -> Self {
        Self {
            provider: object.provider,
            schema_version: object.schema_version,
            attributes: object.attributes,
            sensitive: object.sensitive,
            dependencies: object.dependencies,
            status: object.status,
            token: object.token,
            handle: object.handle,
        }
    }
}

/// An output on its way out.
#[derive(Serialize)]
pub(crate) struct OutputOut<'a> {
    value: Ordered<'a>,
    value_type: Ordered<'a>,
    sensitive: bool,
}

impl<'a> From<&'a Output> for OutputOut<'a> {
    fn from(output: &'a Output) -> Self {
        Self {
            value: Ordered(&output.value),
            value_type: Ordered(&output.value_type),
            sensitive: output.sensitive,
        }
    }
}

/// An output on its way in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutputIn {
    value: Value,
    value_type: Value,
    sensitive: bool,
}

impl From<OutputIn> for Output {
    fn from(output: OutputIn) -> Self {
        Self { value: output.value, value_type: output.value_type, sensitive: output.sensitive }
    }
}

/// Whether what is to be written could be read back.
pub(crate) mod writable {
    use super::{Address, EncodeError, JSON_DEPTH_MAX, Object, Output, json};

    pub(crate) fn address(address: &Address) -> Result<(), EncodeError> {
        let readable = address.is_readable();
        readable
            .then_some(())
            .ok_or(EncodeError::Unreadable { what: "the address of a resource could not be read back" })
    }

    pub(crate) fn object(object: &Object) -> Result<(), EncodeError> {
        if !object.attributes.values().all(json::fits) {
            return Err(too_deep("the nesting of an object's attributes"));
        }
        let readable = object.dependencies.iter().all(crate::address::BlockAddress::is_readable);
        readable
            .then_some(())
            .ok_or(EncodeError::Unreadable { what: "the address of a dependency could not be read back" })
    }

    pub(crate) fn output(output: &Output) -> Result<(), EncodeError> {
        let fits = json::fits(&output.value) && json::fits(&output.value_type);
        fits.then_some(()).ok_or_else(|| too_deep("the nesting of an output"))
    }

    fn too_deep(what: &'static str) -> EncodeError {
        let limit = JSON_DEPTH_MAX as u64;
        EncodeError::Limit { what, found: limit + 1, limit }
    }
}
