//! What an earlier run left open is brought to an end before anything new is planned.

use super::blank;
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::lang::value::{Marks, NotStorable, Value};
use crate::plan::{Configured, decode_object, describe, encode_object, mark_by_schema, mark_stored, some_of};
use crate::provider::{
    Connection, ErrorClass, Interrupted, Progress, ProviderError, ResourceSchema, Subject, retry,
    retry_change,
};
use futures_util::stream::{self, StreamExt};
use mlo_state::{Action, Address, Guard, Loaded, Object, Pending, Record, Status, StoreError};

/// Objects that are looked up at a time.
const AT_ONCE: usize = 10;

/// Outcomes that are written together, at most.
const TOGETHER: usize = 100;

/// Finds out how each intent without an outcome ended, by its handle or by the object itself, and records it. Gives a
/// warning for each that says what was found.
///
/// # Errors
/// If the state cannot be written. A provider that does not answer is an error among the messages, and its intent
/// stays open.
pub async fn settle(
    guard: &dyn Guard,
    loaded: &Loaded,
    configured: &Configured<'_>,
) -> Result<Diagnostics, StoreError> {
    let mut messages = Diagnostics::new();
    let mut never_made = Vec::new();
    let mut settled = stream::iter(&loaded.pending)
        .map(|pending| async move { (pending, settle_one(loaded, pending, configured).await) })
        .buffered(AT_ONCE)
        // Those that are known at the same time are written with one sync.
        .ready_chunks(TOGETHER);
    while let Some(chunk) = settled.next().await {
        let mut records = Vec::new();
        for (pending, result) in chunk {
            match result {
                Ok(Found { object, failure }) => {
                    match (pending.action, &object, &failure) {
                        (_, _, Some(error)) => messages.push(said_failed(pending, error)),
                        (Action::Create, None, None) => never_made.push(pending.address.to_string()),
                        _ => messages.push(said(pending, object.is_some())),
                    }
                    records.extend(outcome(loaded, pending, object, failure));
                }
                Err(failure) => messages.extend(failure),
            }
        }
        if !records.is_empty() {
            guard.append(records).await?;
        }
    }
    if !never_made.is_empty() {
        let summary = format!("an earlier run was cut off before it made {}", some_of(&never_made));
        messages.push(Diagnostic::warning(code::engine::SETTLED, summary));
    }
    Ok(messages)
}

/// What the journal says of an open intent that somebody gives up: what it was to make is not looked for any more, and what
/// it was to change or delete is as the state has it.
pub fn give_up(loaded: &Loaded, pending: &Pending) -> Vec<Record> {
    let snapshot = loaded.snapshot.as_ref().filter(|_| pending.action != Action::Create);
    let stored = snapshot.and_then(|it| super::stored(it, &pending.address, pending.deposed.as_deref()));
    outcome(loaded, pending, stored.cloned(), None)
}

/// What was found out about an open intent.
struct Found {
    object: Option<Object>,
    /// That the call failed, if it did.
    failure: Option<ProviderError>,
}

/// What the journal says of an intent whose outcome was found. What gave way to an object that was never made is put
/// back, and is no object of this intent where it was never set aside.
fn outcome(
    loaded: &Loaded,
    pending: &Pending,
    object: Option<Object>,
    failure: Option<ProviderError>,
) -> Vec<Record> {
    let (operation, address) = (pending.operation, pending.address.clone());
    let object = object.map(Box::new);
    let key = pending.deposed.clone();
    if pending.action != Action::Create {
        let ended = match failure {
            None => Record::Done { operation, address, deposed: key, object },
            Some(error) => {
                Record::Failed { operation, address, deposed: key, object, message: error.summary }
            }
        };
        return vec![ended];
    }
    let present = loaded.snapshot.as_ref().and_then(|snapshot| snapshot.objects.get(&address));
    let other = present.is_some_and(|present| present.token != pending.token);
    let failed = |message: String, object| {
        let address = address.clone();
        Record::Failed { operation, address, deposed: None, object, message }
    };
    let mut records = Vec::new();
    match (object, failure) {
        (Some(object), failure) => {
            let key = key.filter(|_| other);
            records.extend(key.map(|key| Record::Deposed { address: address.clone(), key }));
            records.push(match failure {
                Some(error) => failed(error.summary, Some(object)),
                None => {
                    Record::Done { operation, address: address.clone(), deposed: None, object: Some(object) }
                }
            });
        }
        (None, failure) if other => {
            let message = failure.map_or_else(|| "it was never made".to_owned(), |error| error.summary);
            records.push(failed(message, None));
        }
        (None, failure) => {
            let restored = key.map(|key| Record::Restored { address: address.clone(), key });
            records.push(match failure {
                Some(error) => failed(error.summary, None),
                None => Record::Done { operation, address: address.clone(), deposed: None, object: None },
            });
            records.extend(restored);
        }
    }
    records
}

async fn settle_one(
    loaded: &Loaded,
    pending: &Pending,
    configured: &Configured<'_>,
) -> Result<Found, Diagnostics> {
    let address = &pending.address;
    let deposed = pending.deposed.as_deref().filter(|_| pending.action != Action::Create);
    let stored = loaded.snapshot.as_ref().and_then(|snapshot| super::stored(snapshot, address, deposed));
    let (name, connected) = configured.of_pending(pending, stored).await?;
    let Some(schema) = connected.provider.schema().resources.get(address.type_name.as_ref()) else {
        let summary = format!(
            "an earlier run left {address} open, and there is no resource type `{}`",
            address.type_name
        );
        return Err(Diagnostic::error(code::engine::UNKNOWN_TYPE, summary).into());
    };
    let what = format!("finding out what became of {address}");
    let Some(connection) = connected.connection.as_deref() else {
        let summary = format!("{what}: its provider `{name}` is not connected");
        return Err(Diagnostic::error(code::engine::INTERNAL, summary).into());
    };
    let fail = |error: &_| Diagnostics::from(describe(error, &what, None, None));
    let looked = look(connection, schema, pending, stored).await.map_err(|error| fail(&error))?;
    let (value, failure) = match looked {
        Looked::Is(value) => (value, None),
        Looked::Failed(error) => (error.object.as_deref().cloned(), Some(error)),
    };
    let object = value.map(|value| object(&value, (&name, schema), pending, stored)).transpose();
    let object = object.map_err(|error| {
        let summary = format!("{what}: it cannot be kept: {error}");
        Diagnostics::from(Diagnostic::error(code::engine::INCONSISTENT, summary))
    })?;
    // After a failed create it is half made.
    let is_half = failure.is_some() && pending.action == Action::Create;
    let status = |object: Object| if is_half { Object { status: Status::Tainted, ..object } } else { object };
    Ok(Found { object: object.map(status), failure })
}

/// What the state keeps of an object that was found.
fn object(
    value: &Value,
    (name, schema): (&str, &ResourceSchema),
    pending: &Pending,
    stored: Option<&Object>,
) -> Result<Object, NotStorable> {
    let value = match stored {
        Some(object) => mark_stored(value, object),
        // Which part of it was sensitive when it was planned is not known: the next plan says it.
        None if pending.sensitive => mark_all(value),
        None => value.clone(),
    };
    let value = mark_by_schema(&value, &schema.block);
    let (attributes, sensitive) = encode_object(&value, &schema.block)?;
    // An object that was made by a run that did not end has no dependencies yet, and whether it is whole is not known:
    // the next plan compares it with what is wanted, and gives it both.
    let over = stored.cloned().unwrap_or_else(|| blank(name, schema.version, &pending.token, &[]));
    Ok(Object { attributes, sensitive, ..over })
}

/// Each attribute marked as sensitive.
fn mark_all(value: &Value) -> Value {
    let entries = value.as_entries().into_iter().flatten();
    let marked = entries.map(|(name, item)| (name.clone(), item.clone().marked(Marks::SENSITIVE)));
    Value::object(marked)
}

/// How an open intent turned out to have ended.
enum Looked {
    /// The object as it is now; nothing if it is not there.
    Is(Option<Value>),
    /// The call failed, and it is known what it left.
    Failed(ProviderError),
}

async fn look(
    connection: &dyn Connection,
    schema: &ResourceSchema,
    pending: &Pending,
    stored: Option<&Object>,
) -> Result<Looked, ProviderError> {
    let address: &Address = &pending.address;
    let subject = Subject { type_name: &address.type_name, address, token: &pending.token };
    // A run whose journal could not be written any more kept what it had made in the state at its end, with the intent:
    // then the object is known, and need not be found.
    let own = stored.filter(|stored| pending.action != Action::Create || stored.token == pending.token);
    if let Some(handle) =
        pending.handle.as_ref().filter(|_| own.is_none() || pending.action != Action::Create)
    {
        loop {
            let deletes = pending.action == Action::Delete;
            match retry_change(deletes, || connection.poll(subject, handle)).await {
                Ok(Progress::Done(value)) => return Ok(Looked::Is(value)),
                Ok(Progress::Pending { after, .. }) => tokio::time::sleep(after).await,
                Err(error) if error.class == ErrorClass::Retryable => return Err(error),
                Err(error) => return Ok(Looked::Failed(error)),
            }
        }
    }
    let Some(own) = own else { return retry(|| connection.find(subject)).await.map(Looked::Is) };
    let prior = decode_object(own, &schema.block).map_err(|error| {
        let error = ProviderError::permanent(format!("what the state has of it cannot be read: {error}"));
        error.help("bring the state back as it was, or use the version of mlo that wrote it")
    })?;
    let call = match pending.action {
        Action::Create => Interrupted::Create,
        Action::Update => Interrupted::Update,
        Action::Delete => Interrupted::Delete,
    };
    loop {
        match retry(|| connection.recover(subject, call, &prior)).await? {
            Progress::Done(value) => return Ok(Looked::Is(value)),
            Progress::Pending { after, .. } => tokio::time::sleep(after).await,
        }
    }
}

fn said(pending: &Pending, there: bool) -> Diagnostic {
    let address = &pending.address;
    let summary = match (pending.action, there) {
        (Action::Create, true) => {
            format!("an earlier run was cut off while it made {address}: it is there, and is adopted")
        }
        (Action::Create, false) => {
            format!("an earlier run was cut off before it made {address}: it is not there")
        }
        (Action::Update, true) => {
            format!("an earlier run was cut off while it changed {address}: it was read again")
        }
        (Action::Update, false) => {
            format!("an earlier run was cut off while it changed {address}: it is not there")
        }
        (Action::Delete, true) => {
            format!("an earlier run was cut off before it deleted {address}: it is still there")
        }
        (Action::Delete, false) => {
            format!("an earlier run was cut off while it deleted {address}: it is gone")
        }
    };
    Diagnostic::warning(code::engine::SETTLED, summary)
}

/// That a call of an earlier run is known to have failed.
fn said_failed(pending: &Pending, error: &ProviderError) -> Diagnostic {
    let what = match pending.action {
        Action::Create => "made",
        Action::Update => "changed",
        Action::Delete => "deleted",
    };
    let summary = format!(
        "an earlier run was cut off while it {what} {}, and that failed: {}",
        pending.address, error.summary
    );
    Diagnostic::warning(code::engine::SETTLED, summary).detail(error.detail.clone())
}
