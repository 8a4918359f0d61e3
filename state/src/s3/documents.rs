//! Documents of a bucket: an object each.
//!
//! In: a document. Out: whether it is there now because of this call. Never: a document replaced; the state's lock.

use bytes::Bytes;

use super::bucket::{Found, Page};
use super::contents;
use super::request::{Client, Written};
use crate::document::{DOCUMENT_BYTES_MAX, Document, Names, check, is_name};
use crate::store::StoreError;

/// What the keys of documents begin with, below the state's.
const DOCUMENTS: &str = "documents/";

/// Keeps a document, unless its name is taken.
pub(super) async fn keep(client: &Client, document: &Document) -> Result<bool, StoreError> {
    check(document)?;
    contents::check_here(client).await?;
    let body = Bytes::from(document.bytes.clone());
    let written = client.create(&format!("{DOCUMENTS}{}", document.name), &body).await?;
    Ok(matches!(written, Written::Done(_)))
}

/// The documents whose names begin with `prefix`, in order of names.
pub(super) async fn all(client: &Client, prefix: &str) -> Result<Vec<Document>, StoreError> {
    let mut all = Vec::new();
    contents::check_here(client).await?;
    for key in client.list(&format!("{DOCUMENTS}{prefix}"), "").await? {
        if let Some(name) = name_in(&key) {
            all.extend(read(client, name).await?);
        }
    }
    Ok(all)
}

/// The document of a name.
pub(super) async fn one(client: &Client, name: &str) -> Result<Option<Document>, StoreError> {
    contents::check_here(client).await?;
    if is_name(name) { read(client, name).await } else { Ok(None) }
}

async fn read(client: &Client, name: &str) -> Result<Option<Document>, StoreError> {
    let found = client.get_if_small(&format!("{DOCUMENTS}{name}"), DOCUMENT_BYTES_MAX as u64).await?;
    let bytes = |found: Option<Found>| found.map_or_else(Vec::new, |found| found.body.to_vec());
    Ok(found.map(|found| Document { name: name.to_owned(), bytes: bytes(found) }))
}

/// A page of their names, in order, of those that come after `after`.
pub(super) async fn names(client: &Client, prefix: &str, after: &str) -> Result<Names, StoreError> {
    contents::check_here(client).await?;
    let (prefix, mut after) = (format!("{DOCUMENTS}{prefix}"), format!("{DOCUMENTS}{after}"));
    loop {
        let Page { keys, more } = client.page(&prefix, &after).await?;
        let names: Vec<_> = keys.iter().filter_map(|key| name_in(key)).map(str::to_owned).collect();
        match keys.into_iter().next_back() {
            // A page of what is none of ours.
            Some(last) if names.is_empty() && more => after = last,
            _ => return Ok(Names { names, more }),
        }
    }
}

fn name_in(key: &str) -> Option<&str> {
    key.strip_prefix(DOCUMENTS).filter(|name| is_name(name))
}
