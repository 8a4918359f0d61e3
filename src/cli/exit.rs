//! Exit codes: `mlo help exit-codes`.

use crate::diag::Diagnostics;
use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, no changes, clean.
    Done,
    /// An error, wrong use of the command line included.
    Error,
    /// With `--detailed-exitcode`: there are changes.
    Changes,
    /// Denied by policy; nothing was changed.
    Denied,
    /// With `fmt --check`: a file is not in the canonical layout.
    Different,
    /// The saved plan is stale, or of another state.
    Stale,
    /// The state is locked by another run.
    Locked,
    /// An object could not be read, so there is no clean verdict.
    Incomplete,
    /// Applied, found unhealthy, and rolled back.
    RolledBack,
    /// Interrupted by a signal of this number; the lock was given back.
    Interrupted(u8),
}

impl Exit {
    /// How a command ends for which no plan could be made.
    pub(super) fn without_plan(messages: &Diagnostics) -> Self {
        if messages.are_unread() { Self::Incomplete } else { Self::Error }
    }

    /// The number that the program ends with.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Error => 1,
            Self::Changes => 2,
            Self::Denied | Self::Different => 3,
            Self::Stale => 4,
            Self::Locked => 5,
            Self::Incomplete => 6,
            Self::RolledBack => 7,
            Self::Interrupted(signal) => 128 + signal,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
