//! Who holds a lock, as they told it when they took it.
//!
//! In: what a holder tells of itself, or what a lock says of one. Out: the same on one line. Never: anything decided by
//! it but whether two are the same; a character that changes how text looks.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Longest part of a holder that is shown, in characters. A URL of a run has about 100.
const SHOWN_CHARS_MAX: usize = 500;

/// Who holds a lock, as the holder tells it. For people; nothing is decided by it but by its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Tells this taking of the lock from every other: no two have the same.
    pub id: String,
    /// What is being done: `apply`.
    pub operation: String,
    /// `user@host`.
    pub who: String,
    /// Process id on that host.
    pub pid: u32,
    /// Since when, as RFC 3339.
    pub since: String,
    /// The page of the run that holds it, if it runs in CI.
    pub run_url: Option<String>,
}

impl Display for Holder {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { operation, who, pid, since, run_url, .. } = self;
        write!(f, "{operation} of {who} (process {pid}) since {since}")?;
        run_url.as_ref().map_or(Ok(()), |url| write!(f, ", see {url}"))
    }
}

/// A lock that somebody has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Who, if it can be told.
    pub holder: Option<Holder>,
    /// How long it is kept without another word of the holder; `None`: as long as the holder's process lives.
    pub left: Option<Duration>,
}

/// ` by apply of ann@host (process 7) since …; its lease ends in 43 s`, or nothing.
impl Display for Held {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(holder) = &self.holder {
            write!(f, " by {holder}")?;
        }
        self.left
            .map_or(Ok(()), |left| write!(f, "; without renewal the lock ends in {} s", left.as_secs() + 1))
    }
}

/// [`Holder`] as a lock has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct HolderTwin {
    #[serde(default)]
    id: String,
    operation: String,
    who: String,
    pid: u32,
    since: String,
    run_url: Option<String>,
}

impl From<&Holder> for HolderTwin {
    fn from(holder: &Holder) -> Self {
        let Holder { id, operation, who, pid, since, run_url } = holder.clone();
        Self { id, operation, who, pid, since, run_url }
    }
}

impl From<HolderTwin> for Holder {
    fn from(twin: HolderTwin) -> Self {
        let HolderTwin { id, operation, who, pid, since, run_url } = twin;
        let (id, operation, who, since) = (shown(&id), shown(&operation), shown(&who), shown(&since));
        Self { id, operation, who, pid, since, run_url: run_url.as_deref().map(shown) }
    }
}

/// A part of a holder on one line, without the characters that change how text looks.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|c| !crate::address::is_unprintable(*c)).take(SHOWN_CHARS_MAX).collect()
}
