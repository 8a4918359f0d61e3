//! Documents of a folder: a file each, in a folder of their own.
//!
//! In: a document. Out: whether it is there now because of this call. Never: a document replaced; the state's lock.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::moved;
use crate::disk::Folder;
use crate::document::{DOCUMENT_BYTES_MAX, Document, check, is_name};
use crate::seal::Vault;
use crate::store::StoreError;

/// The folder of documents.
const DOCUMENTS: &str = "documents";

/// Keeps a document, unless its name is taken.
pub(super) fn keep(folder: &Folder, vault: &Vault, document: &Document) -> Result<bool, StoreError> {
    check(document)?;
    moved::check_here(folder, vault)?;
    let documents = folder.folder_or_create(DOCUMENTS)?;
    if documents.identity(&document.name)?.is_some() {
        return Ok(false);
    }
    // A name of its own, since two may be at it at once; none that a document can have.
    let new = format!(".{}", HEXLOWER.encode(&Sha256::digest(&document.bytes)));
    documents.create(&new, |file| file.put(&document.bytes))?;
    let kept = documents.publish(&new, &document.name)?;
    documents.sync()?;
    Ok(kept)
}

/// The documents whose names begin with `prefix`, in order of names.
pub(super) fn all(folder: &Folder, vault: &Vault, prefix: &str) -> Result<Vec<Document>, StoreError> {
    let names = names(folder, vault, prefix, "")?;
    let Some(documents) = folder.folder(DOCUMENTS)? else { return Ok(Vec::new()) };
    let mut all = Vec::with_capacity(names.len());
    for name in names {
        all.extend(read(&documents, name)?);
    }
    Ok(all)
}

/// The document of a name.
pub(super) fn one(folder: &Folder, vault: &Vault, name: String) -> Result<Option<Document>, StoreError> {
    moved::check_here(folder, vault)?;
    let Some(documents) = folder.folder(DOCUMENTS)?.filter(|_| is_name(&name)) else { return Ok(None) };
    read(&documents, name)
}

fn read(documents: &Folder, name: String) -> Result<Option<Document>, StoreError> {
    let bytes = match documents.read(&name, DOCUMENT_BYTES_MAX as u64) {
        Err(error) if error.is_not_ours() => Some(Vec::new()),
        read => read?,
    };
    Ok(bytes.map(|bytes| Document { name, bytes }))
}

/// Their names, in order, of those that come after `after`.
pub(super) fn names(
    folder: &Folder,
    vault: &Vault,
    prefix: &str,
    after: &str,
) -> Result<Vec<String>, StoreError> {
    moved::check_here(folder, vault)?;
    let Some(documents) = folder.folder(DOCUMENTS)? else { return Ok(Vec::new()) };
    let mut names = documents.names()?;
    names.retain(|name| name.starts_with(prefix) && name.as_str() > after && is_name(name));
    names.sort_unstable();
    Ok(names)
}
