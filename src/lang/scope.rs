//! Where names get their values from.

use crate::diag::{Diagnostic, Span};
use crate::lang::fetch::FetchError;
use crate::lang::syntax::ast::Step;
use crate::lang::value::Value;
use thiserror::Error;

/// Answers for the names of one place in a configuration.
pub trait Scope {
    /// The value of the reference that begins with the word `root` at `span`, followed by `steps`, and how many of the
    /// steps were taken to get it: `var.a.b` takes one step (`a`); the evaluator takes the others. `for` names never
    /// get here.
    ///
    /// # Errors
    /// If nothing has that name; the message has its place and a did-you-mean.
    fn lookup(&self, root: &str, span: Span, steps: &[Step]) -> Result<(Value, usize), Box<Diagnostic>>;

    /// What functions may know of the world. By default, nothing.
    fn outside(&self) -> &dyn Outside {
        &Nowhere
    }
}

/// What the functions that are not pure ask for: files, clocks, chance. Whoever evaluates decides what they get; what is
/// not given makes a result unknown, or an error.
pub trait Outside {
    /// All bytes of a file. The path is as the user wrote it, with `~` for the home folder.
    fn read(&self, path: &str) -> Result<Vec<u8>, OutsideError> {
        let _ = path;
        Err(OutsideError::NoFiles)
    }

    /// What there is at a path.
    fn kind(&self, path: &str) -> Result<PathKind, OutsideError> {
        let _ = path;
        Err(OutsideError::NoFiles)
    }

    /// Names of what is in a folder, in order.
    fn list(&self, folder: &str) -> Result<Vec<String>, OutsideError> {
        let _ = folder;
        Err(OutsideError::NoFiles)
    }

    /// The user's home folder.
    fn home(&self) -> Option<String> {
        None
    }

    /// The folder in which the command runs, absolute.
    fn working_folder(&self) -> Option<String> {
        None
    }

    /// When the plan was begun: seconds since 1970. Nothing if there is no plan.
    fn planned_at(&self) -> Option<i64> {
        None
    }

    /// The time now: seconds since 1970. Nothing while values are planned, so that what is applied is what was planned.
    fn now(&self) -> Option<i64> {
        None
    }

    /// Random bytes. Nothing while values are planned.
    fn random(&self) -> Option<[u8; 16]> {
        None
    }

    /// The function that renders a template here, in which no other template can be rendered.
    fn renders(&self) -> Option<&'static str> {
        None
    }
}

/// What there is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind {
    /// Nothing.
    Nothing,
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A pipe, a device or a socket.
    Other,
}

/// Why the outside does not answer.
#[derive(Debug, Error)]
pub enum OutsideError {
    /// Files are not read here.
    #[error("files cannot be read here")]
    NoFiles,
    /// A template that is not a file cannot read files.
    #[error("files cannot be read in a template of `templatestring`: pass what is in them as a variable")]
    InTemplate,
    /// The file or folder cannot be read.
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

/// An outside that gives nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nowhere;

impl Outside for Nowhere {}
