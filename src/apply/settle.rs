//! What an earlier run left open is brought to an end before anything new is planned.

use super::blank;
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::plan::{decode_object, describe, encode_object};
use crate::provider::{Connection, Progress, Provider, Subject, Surroundings, retry};
use mlo_state::{Action, Address, Guard, Loaded, Object, Pending, Record, Status, StoreError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Finds out how each intent without an outcome ended, by its handle or by the object itself, and records it. Gives a
/// warning for each that says what was found.
///
/// # Errors
/// If the state cannot be written. A provider that does not answer is an error among the messages, and its intent
/// stays open.
pub async fn settle(
    guard: &dyn Guard,
    loaded: &Loaded,
    providers: &BTreeMap<&'static str, Arc<dyn Provider>>,
    surroundings: &Surroundings,
) -> Result<Diagnostics, StoreError> {
    let mut messages = Diagnostics::new();
    for pending in &loaded.pending {
        match settle_one(loaded, pending, providers, surroundings).await {
            Ok((record, message)) => {
                guard.append(vec![record]).await?;
                messages.push(message);
            }
            Err(failure) => messages.extend(failure),
        }
    }
    Ok(messages)
}

async fn settle_one(
    loaded: &Loaded,
    pending: &Pending,
    providers: &BTreeMap<&'static str, Arc<dyn Provider>>,
    surroundings: &Surroundings,
) -> Result<(Record, Diagnostic), Diagnostics> {
    let address = &pending.address;
    let stored = loaded.snapshot.as_ref().and_then(|snapshot| snapshot.objects.get(address));
    let owner = |(_, provider): &(&&'static str, &Arc<dyn Provider>)| {
        provider.schema().resources.contains_key(address.type_name.as_ref())
    };
    let Some((name, provider)) = providers.iter().find(owner) else {
        let summary = format!(
            "an earlier run left {address} open, and there is no resource type `{}`",
            address.type_name
        );
        return Err(Diagnostic::error(code::engine::UNKNOWN_TYPE, summary).into());
    };
    let what = format!("finding out what became of {address}");
    let fail = |error: &_| Diagnostics::from(describe(error, &what, None, None));
    let config =
        crate::lang::value::Value::object(provider.schema().config.attributes.iter().map(
            |(name, attribute)| (name.clone(), crate::lang::value::Value::null_of(attribute.ty.clone())),
        ));
    let connection = provider.connect(&config, surroundings).await.map_err(|error| fail(&error))?;
    let found =
        look(connection.as_ref(), provider.as_ref(), pending, stored).await.map_err(|error| fail(&error))?;
    let schema = provider.schema().resources.get(address.type_name.as_ref());
    let object = found.and_then(|value| {
        let schema = schema?;
        let over = stored.cloned().unwrap_or_else(|| blank(name, schema.version, &pending.token, &[]));
        let (attributes, sensitive) = encode_object(&value, &schema.block).ok()?;
        // Made by a run that did not end: whether it is whole is for the next plan to compare.
        Some(Object { attributes, sensitive, status: Status::Ready, token: pending.token.clone(), ..over })
    });
    let message = said(pending, object.is_some());
    let record =
        Record::Done { operation: pending.operation, address: address.clone(), object: object.map(Box::new) };
    Ok((record, message))
}

/// The object of an open intent as it is now.
async fn look(
    connection: &dyn Connection,
    provider: &dyn Provider,
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
    let schema = provider.schema().resources.get(address.type_name.as_ref());
    let prior = schema.zip(stored).and_then(|(schema, object)| decode_object(object, &schema.block).ok());
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
        (Action::Update, _) => {
            format!("an earlier run was cut off while it changed {address}: it was read again")
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
