//! What can go wrong in a provider, by what the engine does about it.

use crate::diag::{Code, code};
use crate::lang::value::{Path, Value};
use thiserror::Error;

/// What the engine does about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// Throttled or unavailable: try again after a while. If it stays so, it is not known whether the change took
    /// effect; the next run finds out.
    Retryable,
    /// Invalid or denied: trying again would not help.
    Permanent,
    /// Somebody else has it, or changed it.
    Conflict,
    /// The object is not there.
    Absent,
    /// It was applied, found unhealthy, and put back as it was.
    RolledBack,
}

/// An error of a provider, in words for the user. Holds no secrets.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{summary}")]
pub struct ProviderError {
    /// What the engine does about it.
    pub class: ErrorClass,
    /// What `mlo explain` says more under.
    pub code: &'static Code,
    /// One line: what happened.
    pub summary: String,
    /// More: the other side's own words, the last lines of a log.
    pub detail: String,
    /// What to do next.
    pub help: Vec<String>,
    /// The argument that is to blame, if one is.
    pub path: Option<Path>,
    /// What exists all the same, to be kept in the state: half made after a failed create, the old object after a
    /// rollback.
    pub object: Option<Box<Value>>,
}

impl ProviderError {
    /// An error of a class.
    pub fn new(class: ErrorClass, summary: impl Into<String>) -> Self {
        let (detail, help, path, object) = (String::new(), Vec::new(), None, None);
        Self { class, code: &code::provider::FAILED, summary: summary.into(), detail, help, path, object }
    }

    /// Trying again would not help.
    pub fn permanent(summary: impl Into<String>) -> Self {
        Self::new(ErrorClass::Permanent, summary)
    }

    /// Under another code than [`code::provider::FAILED`].
    #[must_use]
    pub fn code(mut self, code: &'static Code) -> Self {
        self.code = code;
        self
    }

    /// Sets what more there is to say.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Names the argument that is to blame.
    #[must_use]
    pub fn at(mut self, path: Path) -> Self {
        self.path = Some(path);
        self
    }

    /// Says what exists all the same.
    #[must_use]
    pub fn keeping(mut self, object: Value) -> Self {
        self.object = Some(Box::new(object));
        self
    }
}
