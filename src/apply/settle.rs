//! What an earlier run left open is brought to an end before anything new is planned.

use super::blank;
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::plan::{
    Configured, bare_provider, decode_object, describe, encode_object, mark_by_schema, mark_stored, some_of,
};
use crate::provider::{Connection, Progress, Provider, ResourceSchema, Subject, Surroundings, retry};
use futures_util::stream::{self, StreamExt};
use mlo_state::{Action, Address, Guard, Loaded, Object, Pending, Record, StoreError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Objects that are looked up at a time.
const AT_ONCE: usize = 10;

/// Finds out how each intent without an outcome ended, by its handle or by the object itself, and records it. Gives a
/// warning for each that says what was found.
///
/// # Errors
/// If the state cannot be written. A provider that does not answer is an error among the messages, and its intent
/// stays open.
pub async fn settle(
    guard: &dyn Guard,
    loaded: &Loaded,
    known: (&BTreeMap<&'static str, Arc<dyn Provider>>, &Configured<'_>),
    surroundings: &Surroundings,
) -> Result<Diagnostics, StoreError> {
    let mut messages = Diagnostics::new();
    let mut never_made = Vec::new();
    let mut settled = stream::iter(&loaded.pending)
        .map(|pending| async move { (pending, settle_one(loaded, pending, known, surroundings).await) })
        .buffered(AT_ONCE);
    while let Some((pending, result)) = settled.next().await {
        match result {
            Ok(object) => {
                match (pending.action, &object) {
                    (Action::Create, None) => never_made.push(pending.address.to_string()),
                    _ => messages.push(said(pending, object.is_some())),
                }
                guard.append(outcome(loaded, pending, object)).await?;
            }
            Err(failure) => messages.extend(failure),
        }
    }
    if !never_made.is_empty() {
        let summary = format!("an earlier run was cut off before it made {}", some_of(&never_made));
        messages.push(Diagnostic::warning(code::engine::SETTLED, summary));
    }
    Ok(messages)
}

/// What the journal says of an intent whose outcome was found. What gave way to an object that was never made is put
/// back, and is no object of this intent where it was never set aside.
fn outcome(loaded: &Loaded, pending: &Pending, object: Option<Object>) -> Vec<Record> {
    let (operation, address) = (pending.operation, pending.address.clone());
    if pending.action != Action::Create {
        let (deposed, object) = (pending.deposed.clone(), object.map(Box::new));
        return vec![Record::Done { operation, address, deposed, object }];
    }
    let present = loaded.snapshot.as_ref().and_then(|snapshot| snapshot.objects.get(&address));
    let other = present.is_some_and(|present| present.token != pending.token);
    let key = pending.deposed.clone();
    let mut records = Vec::new();
    match object {
        Some(object) => {
            let key = key.filter(|_| other);
            records.extend(key.map(|key| Record::Deposed { address: address.clone(), key }));
            records.push(Record::Done { operation, address, deposed: None, object: Some(Box::new(object)) });
        }
        None if other => {
            let message = "it was never made".to_owned();
            records.push(Record::Failed { operation, address, deposed: None, object: None, message });
        }
        None => {
            let restored = key.map(|key| Record::Restored { address: address.clone(), key });
            records.push(Record::Done { operation, address, deposed: None, object: None });
            records.extend(restored);
        }
    }
    records
}

async fn settle_one(
    loaded: &Loaded,
    pending: &Pending,
    (providers, configured): (&BTreeMap<&'static str, Arc<dyn Provider>>, &Configured<'_>),
    surroundings: &Surroundings,
) -> Result<Option<Object>, Diagnostics> {
    let address = &pending.address;
    let deposed = pending.deposed.as_deref().filter(|_| pending.action != Action::Create);
    let stored = loaded.snapshot.as_ref().and_then(|snapshot| super::stored(snapshot, address, deposed));
    let owner = owner(address, stored, providers);
    let Some((name, provider, schema)) = owner else {
        let summary = format!(
            "an earlier run left {address} open, and there is no resource type `{}`",
            address.type_name
        );
        return Err(Diagnostic::error(code::engine::UNKNOWN_TYPE, summary).into());
    };
    let what = format!("finding out what became of {address}");
    let fail = |error: &_| Diagnostics::from(describe(error, &what, None, None));
    let kept_by = stored.map(|object| object.provider.as_str());
    let (name, config) = configured
        .provider_of(address, kept_by, provider.schema())
        .unwrap_or_else(|| (name.to_owned(), provider.schema().empty_config()));
    let connection = provider.connect(&config, surroundings).await.map_err(|error| fail(&error))?;
    let found = look(connection.as_ref(), schema, pending, stored).await.map_err(|error| fail(&error))?;
    let Some(value) = found else { return Ok(None) };
    let value = stored.map_or_else(|| value.clone(), |object| mark_stored(&value, object));
    let value = mark_by_schema(&value, &schema.block);
    let encoded = encode_object(&value, &schema.block);
    let (attributes, sensitive) = encoded.map_err(|error| {
        let summary = format!("{what}: it cannot be kept: {error}");
        Diagnostics::from(Diagnostic::error(code::engine::INCONSISTENT, summary))
    })?;
    // An object that was made by a run that did not end has no dependencies yet, and whether it is whole is not known:
    // the next plan compares it with what is wanted, and gives it both.
    let over = stored.cloned().unwrap_or_else(|| blank(&name, schema.version, &pending.token, &[]));
    Ok(Some(Object { attributes, sensitive, ..over }))
}

/// The provider of an object: the one that the state names, else the one that its type is named after.
fn owner<'p>(
    address: &'p Address,
    stored: Option<&'p Object>,
    providers: &'p BTreeMap<&'static str, Arc<dyn Provider>>,
) -> Option<(&'p str, &'p dyn Provider, &'p ResourceSchema)> {
    let of_type = address.type_name.split('_').next().unwrap_or_default();
    let name = stored.map_or(of_type, |object| bare_provider(&object.provider));
    let provider = providers.get(name)?;
    let schema = provider.schema().resources.get(address.type_name.as_ref())?;
    Some((name, provider.as_ref(), schema))
}

/// The object of an open intent as it is now.
async fn look(
    connection: &dyn Connection,
    schema: &ResourceSchema,
    pending: &Pending,
    stored: Option<&Object>,
) -> Result<Option<crate::lang::value::Value>, crate::provider::ProviderError> {
    let address: &Address = &pending.address;
    let subject = Subject { type_name: &address.type_name, address, token: &pending.token };
    if let Some(handle) = &pending.handle {
        loop {
            match retry(|| connection.poll(subject, handle)).await? {
                Progress::Done(value) => return Ok(value),
                Progress::Pending { after, .. } => tokio::time::sleep(after).await,
            }
        }
    }
    let prior = stored.and_then(|object| decode_object(object, &schema.block).ok());
    match (pending.action, prior) {
        (Action::Update | Action::Delete, Some(prior)) => retry(|| connection.read(subject, &prior)).await,
        _ => retry(|| connection.find(subject)).await,
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
