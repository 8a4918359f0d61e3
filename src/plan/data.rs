//! What data sources say.

use super::stored::{mark_as, mark_by_schema};
use crate::lang::value::{Value, convert};
use crate::provider::{Connection, DataSchema, ProviderError, retry};
use mlo_state::BlockAddress;

/// An instance of a data source.
#[derive(Debug, Clone)]
pub struct DataObject {
    /// What it says; as far as the configuration says it where it is read later.
    pub value: Value,
    /// Why it is read only when the plan is applied; nothing if it was read.
    pub later: Option<ReadLater>,
}

/// Why a data source is read only when the plan is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadLater {
    /// What it is asked is not known: the paths of what is not, as they would be written.
    Unknown(Vec<String>),
    /// The configuration of its provider, so named, is not known.
    Provider(String),
    /// Something changes that it depends on.
    Pending(Vec<BlockAddress>),
}

/// Asks a data source with a configuration that is wholly known. What is sensitive in the question is so in the answer.
///
/// # Errors
/// The provider's, or that its answer cannot be one.
pub(crate) async fn read_data(
    connection: &dyn Connection,
    (type_name, schema): (&str, &DataSchema),
    config: &Value,
) -> Result<Value, ProviderError> {
    let answer = retry(|| connection.read_data(type_name, config)).await?;
    let fault = |what: &str| {
        let error = ProviderError::permanent(format!("its provider answered with {what}"));
        error.help("this is a fault of the provider: please report it")
    };
    if answer.is_null() || convert(&answer, &schema.block.implied_type()).is_err() {
        return Err(fault("something that is not of its type"));
    }
    if !answer.is_wholly_known() {
        return Err(fault("a value that is not known"));
    }
    Ok(mark_by_schema(&mark_as(&answer, config), &schema.block))
}
