//! Operations, drift and outputs in a plan file, and whether a plan that is made again is the one that was announced.

use super::PlanFileError;
use super::value::{Encoder, StepOut, TooDeep, ValueOut};
use crate::lang::value::{Kind, Path, Type, Value};
use crate::plan::{
    Action, DataObject, Drift, Operation, OutputChange, Plan, ReadLater, Reason, Stored, diff,
};
use mlo_state::{Address, BlockAddress};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Actions and their names in a file.
const ACTIONS: [(Action, &str); 7] = [
    (Action::NoOp, "no-op"),
    (Action::Create, "create"),
    (Action::Update, "update"),
    (Action::Replace, "replace"),
    (Action::Delete, "delete"),
    (Action::Forget, "forget"),
    (Action::Read, "read"),
];
/// Reasons and their names in a file.
const REASONS: [(Reason, &str); 16] = [
    (Reason::Configuration, "configuration"),
    (Reason::Missing, "missing"),
    (Reason::Tainted, "tainted"),
    (Reason::NoBlock, "no_block"),
    (Reason::NoModule, "no_module"),
    (Reason::NoIndex, "no_index"),
    (Reason::NoKey, "no_key"),
    (Reason::Destroy, "destroy"),
    (Reason::WrongRepetition, "wrong_repetition"),
    (Reason::NoMoveTarget, "no_move_target"),
    (Reason::Removed, "removed"),
    (Reason::Requested, "requested"),
    (Reason::Triggered, "triggered"),
    (Reason::Deposed, "deposed"),
    (Reason::ConfigUnknown, "config_unknown"),
    (Reason::DependencyPending, "dependency_pending"),
];

fn name_of<T: PartialEq>(table: &[(T, &'static str)], wanted: &T) -> String {
    let found = table.iter().find(|(value, _)| value == wanted);
    found.map_or_else(String::new, |(_, name)| (*name).to_owned())
}

fn named<T: Copy>(table: &[(T, &'static str)], name: &str) -> Option<T> {
    table.iter().find(|(_, known)| *known == name).map(|(value, _)| *value)
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OperationOut {
    address: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    importing: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deposed: Option<String>,
    create_before_destroy: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    triggered_by: Vec<String>,
    provider: String,
    action: String,
    reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prior: Option<ValueOut>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    planned: Option<ValueOut>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    replace: Vec<Vec<StepOut>>,
    schema_version: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    dependencies: Vec<String>,
    /// What the state has of those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stored: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DriftOut {
    address: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deposed: Option<String>,
    before: ValueOut,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<ValueOut>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeOut {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<ValueOut>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<ValueOut>,
    sensitive: bool,
}

fn optional(
    value: Option<&Value>,
    what: &str,
    encoder: &mut Encoder<'_>,
) -> Result<Option<ValueOut>, TooDeep> {
    value.map(|value| encoder.masked(value, what)).transpose()
}

fn decoded(
    out: Option<&ValueOut>,
    types: &[Option<Type>],
    what: &str,
) -> Result<Option<Value>, PlanFileError> {
    out.map(|out| out.decode(types, what)).transpose()
}

fn wrong(what: &str) -> PlanFileError {
    PlanFileError::Value { what: what.to_owned() }
}

impl OperationOut {
    pub(super) fn new(operation: &Operation, encoder: &mut Encoder<'_>) -> Result<Self, TooDeep> {
        let address = operation.address.to_string();
        Ok(Self {
            previous: operation.previous.as_ref().map(ToString::to_string),
            importing: operation.importing.clone(),
            deposed: operation.deposed.clone(),
            create_before_destroy: operation.create_before_destroy,
            triggered_by: operation.triggered_by.clone(),
            provider: operation.provider.clone(),
            action: name_of(&ACTIONS, &operation.action),
            reason: name_of(&REASONS, &operation.reason),
            prior: optional(operation.prior.as_ref(), &address, encoder)?,
            planned: optional(operation.planned.as_ref(), &address, encoder)?,
            replace: operation.replace.iter().map(|path| path.0.iter().map(StepOut::of).collect()).collect(),
            schema_version: operation.schema_version,
            dependencies: operation.dependencies.iter().map(ToString::to_string).collect(),
            stored: operation
                .stored
                .as_ref()
                .map(|stored| stored.dependencies.iter().map(ToString::to_string).collect()),
            address,
        })
    }

    pub(super) fn decode(&self, types: &[Option<Type>]) -> Result<Operation, PlanFileError> {
        let what = self.address.as_str();
        let blocks =
            |all: &[String]| all.iter().map(|block| block.parse::<BlockAddress>()).collect::<Result<_, _>>();
        let stored = self
            .stored
            .as_ref()
            .map(|all| blocks(all).map(|dependencies: Vec<_>| Stored { token: String::new(), dependencies }));
        let previous = self.previous.as_ref().map(|address| address.parse::<Address>());
        Ok(Operation {
            previous: previous.transpose().map_err(|_| wrong(what))?,
            importing: self.importing.clone(),
            deposed: self.deposed.clone(),
            create_before_destroy: self.create_before_destroy,
            triggered_by: self.triggered_by.clone(),
            address: what.parse::<Address>().map_err(|_| wrong("an address"))?,
            provider: self.provider.clone(),
            action: named(&ACTIONS, &self.action).ok_or_else(|| wrong(what))?,
            reason: named(&REASONS, &self.reason).ok_or_else(|| wrong(what))?,
            prior: decoded(self.prior.as_ref(), types, what)?,
            planned: decoded(self.planned.as_ref(), types, what)?,
            wanted: None,
            replace: self.replace.iter().map(|path| Path(path.iter().map(StepOut::step).collect())).collect(),
            stored: stored.transpose().map_err(|_| wrong(what))?,
            schema_version: self.schema_version,
            token: String::new(),
            span: None,
            dependencies: blocks(&self.dependencies).map_err(|_| wrong(what))?.into(),
        })
    }
}

impl DriftOut {
    pub(super) fn new(drift: &Drift, encoder: &mut Encoder<'_>) -> Result<Self, TooDeep> {
        let address = drift.address.to_string();
        let before = encoder.masked(&drift.before, &address)?;
        let after = optional(drift.after.as_ref(), &address, encoder)?;
        Ok(Self { address, deposed: drift.deposed.clone(), before, after })
    }

    pub(super) fn decode(&self, types: &[Option<Type>]) -> Result<Drift, PlanFileError> {
        Ok(Drift {
            deposed: self.deposed.clone(),
            address: self.address.parse().map_err(|_| wrong("an address"))?,
            before: self.before.decode(types, &self.address)?,
            after: decoded(self.after.as_ref(), types, &self.address)?,
        })
    }
}

impl ChangeOut {
    pub(super) fn new(name: &str, change: &OutputChange, encoder: &mut Encoder<'_>) -> Result<Self, TooDeep> {
        Ok(Self {
            before: optional(change.before.as_ref(), name, encoder)?,
            after: optional(change.after.as_ref(), name, encoder)?,
            sensitive: change.sensitive,
        })
    }

    pub(super) fn decode(&self, types: &[Option<Type>], name: &str) -> Result<OutputChange, PlanFileError> {
        Ok(OutputChange {
            before: decoded(self.before.as_ref(), types, name)?,
            after: decoded(self.after.as_ref(), types, name)?,
            sensitive: self.sensitive,
        })
    }
}

/// What a data source says, or why it is read later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DataOut {
    address: String,
    value: ValueOut,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    later: Option<LaterOut>,
}

/// Why a data source is read later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LaterOut {
    Unknown(Vec<String>),
    Provider(String),
    Pending(Vec<String>),
}

impl DataOut {
    pub(super) fn new(
        address: &Address,
        data: &DataObject,
        encoder: &mut Encoder<'_>,
    ) -> Result<Self, TooDeep> {
        let address = address.to_string();
        let later = data.later.as_ref().map(|later| match later {
            ReadLater::Unknown(paths) => LaterOut::Unknown(paths.clone()),
            ReadLater::Provider(name) => LaterOut::Provider(name.clone()),
            ReadLater::Pending(blocks) => LaterOut::Pending(blocks.iter().map(ToString::to_string).collect()),
        });
        Ok(Self { value: encoder.masked(&data.value, &address)?, address, later })
    }

    pub(super) fn decode(&self, types: &[Option<Type>]) -> Result<(Address, DataObject), PlanFileError> {
        let address = self.address.parse().map_err(|_| wrong("an address"))?;
        let later = match &self.later {
            None => None,
            Some(LaterOut::Unknown(paths)) => Some(ReadLater::Unknown(paths.clone())),
            Some(LaterOut::Provider(name)) => Some(ReadLater::Provider(name.clone())),
            Some(LaterOut::Pending(blocks)) => {
                let blocks = blocks.iter().map(|block| block.parse()).collect::<Result<_, _>>();
                Some(ReadLater::Pending(blocks.map_err(|_| wrong(&self.address))?))
            }
        };
        Ok((address, DataObject { value: self.value.decode(types, &self.address)?, later }))
    }
}

/// Where a plan that is made again is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differs {
    /// The object or output.
    pub what: String,
    /// How, in words.
    pub how: String,
}

/// The first place where `now` would do something else than `saved` announced. What was read may differ, as long as
/// nothing else comes of it.
pub fn compare(saved: &Plan, now: &Plan) -> Option<Differs> {
    let (was, is) = (by_address(saved), by_address(now));
    for place in was.keys().chain(is.keys()) {
        if let Some(how) = differs(was.get(place).copied(), is.get(place).copied()) {
            return Some(Differs { what: place.0.to_string(), how });
        }
    }
    for name in saved.outputs.keys().chain(now.outputs.keys()) {
        let after = |plan: &Plan| plan.outputs.get(name).and_then(|change| change.after.clone());
        if let Some(path) = apart(after(saved).as_ref(), after(now).as_ref()) {
            return Some(Differs {
                what: format!("output `{name}{}`", part(&path)),
                how: "it has another value".to_owned(),
            });
        }
    }
    None
}

/// Operations by their object, and a number where there are several on one address.
fn by_address(plan: &Plan) -> BTreeMap<(&Address, usize), &Operation> {
    let mut found = BTreeMap::new();
    let mut last: Option<(&Address, usize)> = None;
    for operation in &plan.operations {
        let number = match last {
            Some((address, number)) if *address == operation.address => number + 1,
            _ => 0,
        };
        last = Some((&operation.address, number));
        found.insert((&operation.address, number), operation);
    }
    found
}

fn differs(saved: Option<&Operation>, now: Option<&Operation>) -> Option<String> {
    let action = |operation: Option<&Operation>| operation.map_or(Action::NoOp, |operation| operation.action);
    let (was, is) = (action(saved), action(now));
    if was != is {
        let word = |action: Action| name_of(&ACTIONS, &action);
        return Some(format!("the plan says {}, and now it would be {}", word(was), word(is)));
    }
    let moved = |operation: Option<&Operation>| {
        operation
            .map(|operation| (operation.previous.clone(), operation.importing.clone()))
            .unwrap_or_default()
    };
    if moved(saved) != moved(now) {
        return Some("the state would take it from elsewhere".to_owned());
    }
    if is == Action::NoOp {
        return None;
    }
    let (saved, now) = (saved?, now?);
    let order = |operation: &Operation| (operation.create_before_destroy, operation.deposed.clone());
    if saved.replace != now.replace || saved.provider != now.provider || order(saved) != order(now) {
        return Some("it would be done for another reason".to_owned());
    }
    let path = apart(saved.planned.as_ref(), now.planned.as_ref())?;
    Some(format!("`{path}` would have another value"))
}

fn part(path: &Path) -> String {
    if path.0.is_empty() { String::new() } else { format!(".{path}") }
}

fn apart(saved: Option<&Value>, now: Option<&Value>) -> Option<Path> {
    match (saved, now) {
        (Some(saved), Some(now)) => first_difference(saved, now, &Path::root()),
        (None, None) => None,
        _ => Some(Path::root()),
    }
}

/// A sensitive value that the file does not hold is taken for the same: it comes from inputs that were compared.
fn first_difference(saved: &Value, now: &Value, at: &Path) -> Option<Path> {
    if saved.marks().is_sensitive() && !saved.is_unknown() && !saved.is_null() {
        return None;
    }
    match (saved.kind(), now.kind()) {
        (Kind::Unknown(was, known), Kind::Unknown(is, now)) => {
            // The file keeps no type in which a sensitive value is a name.
            let same_type = was == is || *was == Type::Any;
            let same = same_type && known.not_null == now.not_null && known.length_min == now.length_min;
            (!same).then(|| at.clone())
        }
        (Kind::Object(was), Kind::Object(is)) | (Kind::Map(_, was), Kind::Map(_, is))
            if was.len() == is.len() =>
        {
            was.iter().find_map(|(name, was)| match is.get(name) {
                Some(is) => first_difference(was, is, &at.name(name.clone())),
                None => Some(at.name(name.clone())),
            })
        }
        (Kind::List(_, was), Kind::List(_, is))
        | (Kind::Set(_, was), Kind::Set(_, is))
        | (Kind::Tuple(was), Kind::Tuple(is))
            if was.len() == is.len() =>
        {
            let mut pairs = was.iter().zip(is.iter()).enumerate();
            pairs.find_map(|(index, (was, is))| first_difference(was, is, &at.index(index)))
        }
        _ if diff::same(saved, now) => None,
        _ => Some(at.clone()),
    }
}
