//! What holds of this repository and no compiler checks, read from its files.
//!
//! Each check is a function from a [`repository::Repository`] to the lines that break it. It is called on this
//! repository, where it must find nothing, and on small bad examples, where it must find just them: a check that
//! cannot fail would guard nothing.

mod arrows;
mod doors;
mod files;
mod iris;
mod repository;
mod size;
mod source;
mod words;
