//! Documents of a bucket: an object each.
//!
//! In: a document. Out: whether it is there now because of this call. Never: a document replaced; the state's lock.

use bytes::Bytes;

use super::bucket::Found;
use super::contents;
use super::request::{Client, Written};
use crate::document::{DOCUMENT_BYTES_MAX, Document, check, is_name};
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
    for name in names(client, prefix).await? {
        let found = client.get_if_small(&format!("{DOCUMENTS}{name}"), DOCUMENT_BYTES_MAX as u64).await?;
        let bytes = |found: Option<Found>| found.map_or_else(Vec::new, |found| found.body.to_vec());
        all.extend(found.map(|found| Document { name, bytes: bytes(found) }));
    }
    Ok(all)
}

/// Their names, in order.
pub(super) async fn names(client: &Client, prefix: &str) -> Result<Vec<String>, StoreError> {
    contents::check_here(client).await?;
    let keys = client.list(&format!("{DOCUMENTS}{prefix}"), "").await?;
    let name = |key: &String| key.strip_prefix(DOCUMENTS).filter(|name| is_name(name)).map(str::to_owned);
    Ok(keys.iter().filter_map(name).collect())
}
