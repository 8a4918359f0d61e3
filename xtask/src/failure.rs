//! Why a chore stopped: what failed, what was tried, what would help.

use std::fmt;
use std::io;
use std::path::Path;

/// A failed chore, as it is printed.
#[derive(Debug)]
pub(crate) struct Failure {
    summary: String,
    passed: Vec<&'static str>,
    tried: Vec<String>,
    mends: Vec<String>,
}

impl Failure {
    pub(crate) fn new(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), passed: Vec::new(), tried: Vec::new(), mends: Vec::new() }
    }

    /// A file operation that failed: `doing` is a verb in its `-ing` form.
    pub(crate) fn io(doing: &str, path: &Path, error: &io::Error) -> Self {
        Self::new(format!("{doing} {}: {error}", path.display()))
    }

    /// Adds a place or a way that was tried, in the order of trying.
    pub(crate) fn tried(mut self, what: impl Into<String>) -> Self {
        self.tried.push(what.into());
        self
    }

    /// Puts before the summary what was to be done.
    pub(crate) fn within(mut self, what: &str) -> Self {
        self.summary = format!("{what}: {}", self.summary);
        self
    }

    /// Says at which step of a chore this was, and which steps passed before it.
    pub(crate) fn at_step(mut self, name: &str, passed: &[&'static str]) -> Self {
        self.passed = passed.to_vec();
        self.within(name)
    }

    /// Adds something that would help.
    pub(crate) fn mend(mut self, what: impl Into<String>) -> Self {
        self.mends.push(what.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.summary)?;
        if !self.passed.is_empty() {
            writeln!(f, "  passed before it: {}", self.passed.join(", "))?;
        }
        for (index, what) in self.tried.iter().enumerate() {
            writeln!(f, "  tried {}: {what}", index + 1)?;
        }
        self.mends.iter().try_for_each(|what| writeln!(f, "  help: {what}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_lists_what_was_tried_and_the_mend() {
        let failure =
            Failure::new("no Go toolchain").tried("`go` on PATH").tried("the cache").mend("install Go");
        assert_eq!(
            failure.to_string(),
            "error: no Go toolchain\n  tried 1: `go` on PATH\n  tried 2: the cache\n  help: install Go\n"
        );
    }
}
