//! Documents beside a state: what was said about it, such as an approval.
//!
//! In: bytes and a name that nothing has yet. Out: the same bytes, for good. Never: one changed, replaced or removed; one
//! that the state depends on. Documents are in clear: they hold no values.

use crate::store::StoreError;

/// Bytes of a document; an approval has a thousand, a record of what was decided about a hundred models ten thousand.
pub const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;
/// Characters of a name.
const NAME_CHARS_MAX: usize = 200;

/// A document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its name: small letters, digits, `-` and `.`, beginning with a letter.
    pub name: String,
    /// What it says; nothing, if what has its name is larger than any document: that was put there by somebody else.
    pub bytes: Vec<u8>,
}

/// Some of the names that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The first of them, in order; none only if there are none.
    pub names: Vec<String>,
    /// Whether there are more after the last.
    pub more: bool,
}

/// Whether something can be called so. Where names are files, none of these hides or leads elsewhere.
pub(crate) fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    begins && name.len() <= NAME_CHARS_MAX && name.bytes().all(is_plain)
}

/// Refuses what no store keeps.
pub(crate) fn check(document: &Document) -> Result<(), StoreError> {
    if !is_name(&document.name) {
        return Err(StoreError::Misused { how: "a document has a name that is none" });
    }
    if document.bytes.is_empty() {
        return Err(StoreError::Misused { how: "a document says nothing" });
    }
    if document.bytes.len() > DOCUMENT_BYTES_MAX {
        let (found, limit) = (document.bytes.len() as u64, DOCUMENT_BYTES_MAX as u64);
        return Err(StoreError::Limit { what: "a document's size in bytes", found, limit });
    }
    Ok(())
}
