//! YAML text to a tree with byte spans.
//!
//! Goes in: text and its source. Comes out: documents, each a [`Node`] with the problems that its text has; or the
//! place where it stops being YAML. Never happens: a panic, more than [`NODES_MAX`] nodes, an expanded alias, a
//! duplicate key that hides another.

mod parse;
mod scalar;
mod syntax;

pub use parse::{DEPTH_MAX, Document, NODES_MAX, Parsed, parse};
pub use scalar::{Exact, exact, is_finite};

use crate::diag::Span;
use std::sync::Arc;

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Where it stands. A value that is left out (`key:`) has the place of its key.
    pub span: Span,
}

/// What a node is, by YAML 1.2's core schema: text in quotes is a string, whatever it looks like.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is written; [`exact`] gives its value.
    Number(Arc<str>),
    /// Text.
    String(Arc<str>),
    /// Items in order.
    Sequence(Vec<Node>),
    /// Entries in the order of the file. A key that is there twice is a problem of the document.
    Mapping(Vec<Entry>),
    /// Something that manifests do not have (an alias, a tagged value); it is a problem of the document.
    Refused,
}

/// An entry of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key's text, as written.
    pub key: Arc<str>,
    /// Where the key stands.
    pub key_span: Span,
    /// Its value.
    pub value: Node,
}

impl Node {
    /// The value of a key, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of a key, if this is a mapping that has it.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries()?.iter().find(|entry| &*entry.key == key)
    }

    /// The entries, if this is a mapping.
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.kind {
            NodeKind::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items, if this is a sequence.
    pub fn items(&self) -> Option<&[Node]> {
        match &self.kind {
            NodeKind::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::String(text) => Some(text),
            _ => None,
        }
    }

    /// What it is, in the words of messages: `a string`, `a mapping`, …
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            NodeKind::Null => "nothing",
            NodeKind::Bool(true) => "`true`",
            NodeKind::Bool(false) => "`false`",
            NodeKind::Number(_) => "a number",
            NodeKind::String(_) => "a string",
            NodeKind::Sequence(_) => "a list",
            NodeKind::Mapping(_) => "a mapping",
            NodeKind::Refused => "a value that manifests do not have",
        }
    }
}
