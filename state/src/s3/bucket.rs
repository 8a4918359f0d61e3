//! What the store asks of a bucket: four calls, each an attempt.
//!
//! In: keys, bytes, conditions. Out: what the service answered. Never: a call tried again: that is [`super::request`]'s.

use std::time::Duration;

/// The bytes of an object.
pub use bytes::Bytes;

use crate::store::{BoxFuture, CredentialsFault};

/// A bucket, or a model of one.
pub trait Bucket: Send + Sync {
    /// An object; `None` if there is none.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] if it has more than `bytes_max` bytes.
    fn get<'a>(&'a self, key: &'a str, bytes_max: u64) -> BoxFuture<'a, Result<Option<Found>, Refusal>>;

    /// Writes an object, whole or not at all, if the condition holds at that moment. Gives its tag.
    fn put<'a>(&'a self, key: &'a str, body: Bytes, only: Only) -> BoxFuture<'a, Result<String, Refusal>>;

    /// Keys that begin with `prefix` and come after `after`, in order: a page of them.
    fn list<'a>(&'a self, prefix: &'a str, after: &'a str) -> BoxFuture<'a, Result<Page, Refusal>>;

    /// Removes objects, at most [`DELETE_MAX`]; those that are not there are fine.
    fn delete<'a>(&'a self, keys: &'a [String]) -> BoxFuture<'a, Result<(), Refusal>>;

    /// The bucket in words, for messages: `s3://models`.
    fn describe(&self) -> String;
}

/// Objects that one call removes: S3's own limit.
pub const DELETE_MAX: usize = 1000;

/// An object as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its bytes.
    pub body: Bytes,
    /// What tells this writing of it from every other.
    pub tag: String,
    /// How long ago it was written, by the service's own clock; `None` if the service did not say.
    pub age: Option<Duration>,
}

/// When a write may take effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Only {
    /// If there is no such object: `If-None-Match: *`.
    New,
    /// If the object is the one with this tag: `If-Match`.
    Replacing(String),
}

/// Some of the keys that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The keys, in order.
    pub keys: Vec<String>,
    /// Whether there are more after the last.
    pub more: bool,
}

/// Why a call did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The condition does not hold (412), or the object that it is about is gone.
    #[error("a condition does not hold")]
    Unmet,
    /// Another write of the object was under way (409): it may be asked again.
    #[error("another write was under way")]
    Conflict,
    /// Nobody knows whether it took effect: a time-out, a connection that broke, an error inside the service.
    #[error("{0}")]
    Unknown(String),
    /// The object has more bytes than what is read.
    #[error("it is larger than what is read")]
    TooLarge,
    /// It may not be done.
    #[error("{0}")]
    Denied(String),
    /// Who asks has no credentials that hold.
    #[error("{1}")]
    Credentials(CredentialsFault, String),
    /// It cannot be done.
    #[error("{0}")]
    Failed(String),
}
