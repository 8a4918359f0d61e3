//! What happened since the last snapshot: intents and outcomes, as records and as a file.
//!
//! In: records in the order they were appended, or the bytes of a journal. Out: frames that tell a torn end from
//! damage; and a snapshot with all outcomes in it, with the intents that have none. Never: an intent forgotten, or
//! an object that some record knows of dropped without a record that it is gone.

use std::collections::BTreeMap;

use crate::address::Address;
use crate::snapshot::{Damage, Object, Output, Snapshot};

mod crc32c;
mod format;

pub use format::{APPEND_BYTES_MAX, Header, JOURNAL_BYTES_MAX, JOURNAL_FORMAT_VERSION, Journal};
pub(crate) use format::{Left, encode_records, frame, unframe};

/// What an operation does to its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Makes it.
    Create,
    /// Changes it where it is.
    Update,
    /// Removes it.
    Delete,
}

/// One line of the journal.
///
/// An operation's number is its own within a journal: [`crate::store::Loaded::next_operation`] is the first that is
/// free.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// An operation is about to begin. Durable before the provider is called.
    Intend {
        /// Number of the operation.
        operation: u64,
        /// What it acts on.
        address: Address,
        /// The key of the object, if it is one that was set aside.
        deposed: Option<String>,
        /// What it does.
        action: Action,
        /// Idempotency token that the call is made with.
        token: String,
        /// The configuration of a provider that is called, as the state names it; `None`: a journal of old does not
        /// say.
        provider: Option<String>,
    },
    /// A begun operation takes long and can be asked about.
    Progress {
        /// Number of the operation.
        operation: u64,
        /// What to ask with.
        handle: String,
        /// Whether a value in the handle is.
        sensitive: bool,
        /// What it was begun with, a second time: said by the first of an operation, for where the intent is lost.
        begun: Option<Box<Begun>>,
    },
    /// An operation succeeded. Without an `Intend` before it, it records what was found (import, refresh, removal).
    Done {
        /// Number of the operation.
        operation: u64,
        /// What it acted on.
        address: Address,
        /// The key of the object, if it is one that was set aside.
        deposed: Option<String>,
        /// The object as it is now; `None`: it is gone.
        object: Option<Box<Object>>,
    },
    /// An operation failed, and it is known what is left.
    Failed {
        /// Number of the operation.
        operation: u64,
        /// What it acted on.
        address: Address,
        /// The key of the object, if it is one that was set aside.
        deposed: Option<String>,
        /// What is known to exist now, usually tainted; `None`: nothing but what was known before.
        object: Option<Box<Object>>,
        /// What the provider said, for people.
        message: String,
    },
    /// The object of an address is set aside: a new one takes its place before it goes.
    Deposed {
        /// Its address.
        address: Address,
        /// What tells it from others that were set aside there.
        key: String,
    },
    /// The object is put back, because no new one took its place.
    Restored {
        /// Its address.
        address: Address,
        /// What tells it from others that were set aside there.
        key: String,
    },
    /// The root module's outputs, all of them, replacing those before.
    Outputs {
        /// The outputs by name.
        outputs: BTreeMap<String, Output>,
    },
}

/// What an operation was begun with: see [`Record::Intend`].
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begun {
    /// What it acts on.
    pub address: Address,
    /// The key of the object, if it is one that was set aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deposed: Option<String>,
    /// What it does.
    pub action: Action,
    /// Idempotency token that the call is made with.
    pub token: String,
    /// The configuration of a provider that is called, as the state names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

impl Begun {
    /// The record that says so before the call.
    pub fn intend(self, operation: u64) -> Record {
        let Self { address, deposed, action, token, provider } = self;
        Record::Intend { operation, address, deposed, action, token, provider }
    }
}

impl Record {
    /// Whether a value in it is sensitive.
    pub fn is_sensitive(&self) -> bool {
        match self {
            Self::Done { object, .. } | Self::Failed { object, .. } => {
                object.as_deref().is_some_and(Object::is_sensitive)
            }
            Self::Outputs { outputs } => outputs.values().any(|output| output.sensitive),
            Self::Progress { sensitive, .. } => *sensitive,
            Self::Intend { .. } | Self::Deposed { .. } | Self::Restored { .. } => false,
        }
    }
}

/// An intent without an outcome: its call may or may not have taken effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Number of the operation.
    pub operation: u64,
    /// What it acts on.
    pub address: Address,
    /// The key of the object, if it is one that was set aside.
    pub deposed: Option<String>,
    /// What it does.
    pub action: Action,
    /// Idempotency token that the call was made with, or would have been.
    pub token: String,
    /// The configuration of a provider that was called, as the state names it, if that is known.
    pub provider: Option<String>,
    /// What to ask the provider with, if the call got that far.
    pub handle: Option<String>,
    /// Whether a value in the handle is.
    pub sensitive: bool,
}

impl Pending {
    /// Records that open it again.
    pub(crate) fn carried(&self) -> Vec<Record> {
        let Self { operation, address, deposed, action, token, provider, handle, sensitive } = self.clone();
        let progress = handle.map(|handle| Record::Progress { operation, handle, sensitive, begun: None });
        let intent = Record::Intend { operation, address, deposed, action, token, provider };
        std::iter::once(intent).chain(progress).collect()
    }
}

/// A snapshot with a journal's outcomes in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// The snapshot; its serial is unchanged.
    pub snapshot: Snapshot,
    /// Intents without an outcome, by operation number.
    pub pending: Vec<Pending>,
    /// The first operation number that is free.
    pub next_operation: u64,
}

/// Puts the outcomes of records into the snapshot that they follow, in order.
///
/// # Errors
/// [`Damage::Reopened`] if an operation begins again before its outcome.
pub fn fold(snapshot: Snapshot, records: impl IntoIterator<Item = Record>) -> Result<Folded, Damage> {
    let (snapshot, ledger) = replay(snapshot, records)?;
    let next_operation = ledger.next_operation();
    Ok(Folded { snapshot, pending: ledger.into_pending(), next_operation })
}

/// [`fold`], with the ledger to go on with.
pub(crate) fn replay(
    mut snapshot: Snapshot,
    records: impl IntoIterator<Item = Record>,
) -> Result<(Snapshot, Ledger), Damage> {
    let mut ledger = Ledger::default();
    let mut before = None;
    for record in records {
        ledger.note(&record)?;
        if matches!(record, Record::Done { object: None, .. }) {
            before.get_or_insert_with(|| snapshot.made_from());
        }
        snapshot.put(record);
    }
    if let Some(before) = before {
        snapshot.bridge(&before);
    }
    Ok((snapshot, ledger))
}

/// An operation that is known to have begun, and no more than that: the record of its intent is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// Number of the operation.
    pub operation: u64,
    /// What the provider could be asked with, if no value in it is sensitive.
    pub handle: Option<String>,
}

/// What [`replay_left`] makes of what is left of a journal.
pub(crate) struct Replayed {
    pub(crate) snapshot: Snapshot,
    pub(crate) ledger: Ledger,
    /// Operations that have no outcome and cannot be asked after.
    pub(crate) strays: Vec<Stray>,
}

/// [`replay`] of what is left of a journal: an intent that stands there twice counts once, and one that is lost is taken from
/// what else tells of its operation.
pub(crate) fn replay_left(mut snapshot: Snapshot, records: Vec<Record>) -> Replayed {
    let (mut ledger, mut strays) = (Ledger::default(), BTreeMap::new());
    for record in records {
        match &record {
            Record::Progress { operation, handle, sensitive, begun } if ledger.open(*operation).is_none() => {
                if let Some(begun) = begun.clone() {
                    // It is not open, so it can be opened.
                    let _ = ledger.note(&begun.intend(*operation));
                } else {
                    let handle = (!sensitive).then(|| handle.clone());
                    strays.insert(*operation, Stray { operation: *operation, handle });
                }
            }
            Record::Done { operation, .. } | Record::Failed { operation, .. } => {
                strays.remove(operation);
            }
            _ => {}
        }
        if ledger.note(&record).is_ok() {
            snapshot.put(record);
        }
    }
    Replayed { snapshot, ledger, strays: strays.into_values().collect() }
}

impl Snapshot {
    /// With what a record says.
    fn put(&mut self, record: Record) {
        match record {
            Record::Intend { .. } | Record::Progress { .. } | Record::Failed { object: None, .. } => {}
            Record::Done { address, deposed: None, object: None, .. } => {
                if let Some(object) = self.objects.remove(&address) {
                    self.gone.insert(address, object.token);
                }
            }
            Record::Done { address, deposed: Some(key), object: None, .. } => {
                self.forget_deposed(&address, &key);
            }
            Record::Done { address, deposed, object: Some(object), .. }
            | Record::Failed { address, deposed, object: Some(object), .. } => match deposed {
                None => drop(self.objects.insert(address, *object)),
                Some(key) => drop(self.deposed.entry(address).or_default().insert(key, *object)),
            },
            Record::Deposed { address, key } => self.depose(&address, &key),
            Record::Restored { address, key } => self.restore(&address, &key),
            Record::Outputs { outputs } => self.outputs = outputs,
        }
    }
}

/// Which operations have begun and have no outcome.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    open: BTreeMap<u64, Pending>,
    next: u64,
}

impl Ledger {
    /// Takes one record into account.
    pub(crate) fn note(&mut self, record: &Record) -> Result<(), Damage> {
        let operation = match record {
            Record::Intend { operation, address, deposed, action, token, provider } => {
                let pending = Pending {
                    operation: *operation,
                    address: address.clone(),
                    deposed: deposed.clone(),
                    action: *action,
                    token: token.clone(),
                    provider: provider.clone(),
                    handle: None,
                    sensitive: false,
                };
                let operation = *operation;
                if self.open.insert(operation, pending).is_some() {
                    return Err(Damage::Reopened { operation });
                }
                operation
            }
            Record::Progress { operation, handle, sensitive, .. } => {
                if let Some(pending) = self.open.get_mut(operation) {
                    pending.handle = Some(handle.clone());
                    pending.sensitive = *sensitive;
                }
                *operation
            }
            Record::Done { operation, .. } | Record::Failed { operation, .. } => {
                self.open.remove(operation);
                *operation
            }
            Record::Deposed { .. } | Record::Restored { .. } | Record::Outputs { .. } => return Ok(()),
        };
        self.next = self.next.max(operation.saturating_add(1));
        Ok(())
    }

    /// Takes several records into account, or none of them.
    pub(crate) fn note_all(&mut self, records: &[Record]) -> Result<(), Damage> {
        let mut is_open = BTreeMap::new();
        for record in records {
            match record {
                Record::Intend { operation, .. } => {
                    let before = is_open.insert(*operation, true);
                    if before.unwrap_or_else(|| self.open.contains_key(operation)) {
                        return Err(Damage::Reopened { operation: *operation });
                    }
                }
                Record::Done { operation, .. } | Record::Failed { operation, .. } => {
                    is_open.insert(*operation, false);
                }
                Record::Progress { .. }
                | Record::Deposed { .. }
                | Record::Restored { .. }
                | Record::Outputs { .. } => {}
            }
        }
        records.iter().try_for_each(|record| self.note(record))
    }

    /// The ledger of intents that were open elsewhere.
    pub(crate) fn of_pending(pending: Vec<Pending>) -> Self {
        let next =
            pending.iter().map(|pending| pending.operation.saturating_add(1)).max().unwrap_or_default();
        Self { open: pending.into_iter().map(|pending| (pending.operation, pending)).collect(), next }
    }

    /// The first number that no operation has had.
    pub(crate) fn next_operation(&self) -> u64 {
        self.next
    }

    /// An operation, if it is open.
    pub(crate) fn open(&self, operation: u64) -> Option<&Pending> {
        self.open.get(&operation)
    }

    /// The open operations, by number.
    pub(crate) fn into_pending(self) -> Vec<Pending> {
        self.open.into_values().collect()
    }

    /// Records that open the open operations again, for a journal that follows a commit.
    pub(crate) fn carried(&self) -> Vec<Record> {
        self.open.values().flat_map(Pending::carried).collect()
    }
}
