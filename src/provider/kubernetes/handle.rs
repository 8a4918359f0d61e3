//! What the journal keeps of a change that is under way, so that another run can go on with it.

use super::object::{Identity, schema};
use crate::lang::value::{Value, from_json, to_json};
use crate::provider::object::{attribute, with};
use crate::provider::{ErrorClass, Progress, ProviderError};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::time::Duration;

/// Times between two looks: short at first, then longer.
const LOOK_FIRST: Duration = Duration::from_millis(500);
const LOOK_LAST: Duration = Duration::from_secs(5);

/// What is done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    /// The object is made.
    Make,
    /// It was applied: it shall do its work.
    Wait,
    /// It failed, and was put back as it was: that shall do its work.
    Back,
    /// It was deleted: it shall be gone.
    Gone,
}

/// A change that is under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Handle {
    pub(super) step: Step,
    pub(super) at: Identity,
    /// When it began, and until when it has time: seconds of Unix.
    pub(super) since: i64,
    pub(super) until: i64,
    /// What the object shall be, in its stored form.
    pub(super) planned: Option<Json>,
    /// What it was.
    pub(super) prior: Option<Json>,
    /// Why it is put back: summary and detail.
    pub(super) failure: Option<(String, String)>,
}

impl Handle {
    /// As the journal has it.
    ///
    /// # Errors
    /// If it is of another program.
    pub(super) fn parse(text: &str) -> Result<Self, ProviderError> {
        serde_json::from_str(text).map_err(|_| {
            let summary = "which object was changed cannot be read from the journal";
            ProviderError::new(ErrorClass::Retryable, summary)
        })
    }

    /// That it is under way.
    pub(super) fn pending(&self, now: jiff::Timestamp) -> Progress {
        let elapsed = Duration::from_secs(
            u64::try_from(now.as_second().saturating_sub(self.since)).unwrap_or_default(),
        );
        self.again((elapsed / 10).clamp(LOOK_FIRST, LOOK_LAST))
    }

    /// That it is looked at again after a while.
    pub(super) fn again(&self, after: Duration) -> Progress {
        Progress::Pending { handle: serde_json::to_string(self).unwrap_or_default(), after }
    }

    /// Whether its time is over.
    pub(super) fn is_late(&self, now: jiff::Timestamp) -> bool {
        now.as_second() >= self.until
    }

    /// What the object shall be.
    pub(super) fn planned(&self) -> Value {
        self.planned.as_ref().map_or_else(Value::null, restored)
    }

    /// What it was; nothing if it is new.
    pub(super) fn prior(&self) -> Option<Value> {
        self.prior.as_ref().map(restored)
    }
}

/// The stored form of an object; what is not known yet is left out.
pub(super) fn stored(object: &Value) -> Option<Json> {
    let unknown = object.as_entries().into_iter().flatten().filter(|(_, value)| !value.is_wholly_known());
    let unknown = unknown.map(|(name, value)| (&**name, Value::null_of(value.ty_shallow())));
    let known = with(object, unknown.collect::<Vec<_>>());
    let types = schema().block;
    let mut stored = serde_json::Map::new();
    for (name, value) in known.as_entries()? {
        let ty = types.attributes.get(name).map(|attribute| attribute.ty.clone());
        let ty = ty.or_else(|| types.blocks.get(name).map(crate::lang::eval::NestedBlock::implied_type))?;
        stored.insert(name.to_string(), to_json(value, &ty).ok()?);
    }
    Some(Json::Object(stored))
}

/// An object of its stored form.
fn restored(stored: &Json) -> Value {
    let types = schema().block;
    let attributes = types.attributes.iter().map(|(name, attribute)| (name, attribute.ty.clone()));
    let blocks = types.blocks.iter().map(|(name, block)| (name, block.implied_type()));
    Value::object(attributes.chain(blocks).map(|(name, ty)| {
        let value = stored.get(&**name).and_then(|json| from_json(json, &ty).ok());
        (name.clone(), value.unwrap_or_else(|| Value::null_of(ty)))
    }))
}

/// Whether an object's failed rollout is put back.
pub(super) fn rolls_back(object: &Value) -> bool {
    attribute(object, "rollback").as_bool() != Some(false)
}
