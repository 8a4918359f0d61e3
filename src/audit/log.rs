//! The records of a store: a document each, whose names are their numbers.

use super::record::{Entry, Kept, RECORD_FORMAT_VERSION, Record};
use mlo_state::{Document, Names, Store, StoreError};

/// What the names of records begin with.
const PREFIX: &str = "audit.";
/// Digits of a number in a name, so that the order of names is that of numbers.
const DIGITS: usize = 10;
/// The highest number that has so many.
const NUMBER_MAX: u64 = 9_999_999_999;
/// How often another may be faster before that is an error: applies hold the state's lock, so nobody should be.
const ATTEMPTS_MAX: u32 = 8;

/// Why there is no record.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The last record cannot be followed.
    #[error("record {sequence} of the audit log cannot be followed: {why}")]
    Broken {
        /// The last record.
        sequence: u64,
        /// What is wrong with it.
        why: String,
    },
    /// Others write all the time.
    #[error("other runs write to the audit log all the time")]
    Busy,
}

/// Writes one more record; gives it back as it is kept. Durable when this ends.
///
/// - `after`: the record that this run wrote last, if it wrote one. Then nothing is looked for.
///
/// # Errors
/// If the last record is not whole, or the store refuses.
pub async fn append(store: &dyn Store, entry: &Entry, after: Option<&Kept>) -> Result<Kept, LogError> {
    let mut last = match after {
        Some(after) => Some(after.clone()),
        None => last(store).await?,
    };
    for _ in 0..ATTEMPTS_MAX {
        let sequence = last.as_ref().map_or(1, |last| last.sequence + 1);
        if let Some(Kept { sequence, record: Err(why), .. }) = &last {
            return Err(LogError::Broken { sequence: *sequence, why: why.clone() });
        }
        let prev = last.map(|last| last.digest);
        let record = Record { format_version: RECORD_FORMAT_VERSION, sequence, prev, entry: entry.clone() };
        let bytes = record.line().into_bytes();
        if store.keep_document(&Document { name: name(sequence), bytes: bytes.clone() }).await? {
            return Ok(Kept::of(sequence, bytes));
        }
        last = self::last(store).await?;
    }
    Err(LogError::Busy)
}

/// The record with the highest number.
async fn last(store: &dyn Store) -> Result<Option<Kept>, StoreError> {
    let Some(sequence) = highest(store).await? else { return Ok(None) };
    let found = store.document(&name(sequence)).await?;
    Ok(found.map(|document| Kept::of(sequence, document.bytes)))
}

/// The highest number that a record has; nothing if there are no records. A page of names tells whether any number comes after
/// another, whatever is missing between them: so this takes a number of calls that grows with the logarithm of the records.
async fn highest(store: &dyn Store) -> Result<Option<u64>, StoreError> {
    // The highest that was found, and one that none comes after.
    let (mut found, mut end) = (0, None);
    let (mut probe, mut after) = (0, name(0));
    while end.is_none_or(|end| found < end) {
        let Names { mut names, more } = store.document_names(PREFIX, &after).await?;
        match (names.iter().filter_map(|name| number(name)).max(), names.pop()) {
            (Some(number), _) if !more => return Ok(Some(number)),
            (Some(number), _) => found = number,
            // A page of what are no records.
            (None, Some(last)) if more => {
                after = last;
                continue;
            }
            (None, _) => end = Some(probe),
        }
        probe = end.map_or(found.saturating_mul(2).min(NUMBER_MAX), |end| found.midpoint(end));
        after = name(probe);
    }
    Ok(Some(found).filter(|found| *found > 0))
}

/// All records, in order of their numbers.
///
/// # Errors
/// If the store refuses.
pub async fn read(store: &dyn Store) -> Result<Vec<Kept>, StoreError> {
    let documents = store.documents(PREFIX).await?;
    let kept = |document: Document| Some(Kept::of(number(&document.name)?, document.bytes));
    Ok(documents.into_iter().filter_map(kept).collect())
}

fn name(sequence: u64) -> String {
    format!("{PREFIX}{sequence:0DIGITS$}")
}

/// The number in the name of a record; nothing if it is the name of something else.
fn number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?;
    let is_number = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}
