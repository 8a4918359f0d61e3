//! Sources that were read, and byte spans into them.

use std::sync::Arc;

/// One source of a [`SourceMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(u32);

/// Bytes `start..end` of one source. Offsets are bytes from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The source.
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// From the start of this span to the end of `other`, which is in the same source.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { source: self.source, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// Line and column, both from 1; the column counts characters, as editors do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// A source and its name as the user knows it (a path relative to where the command ran, `mlo://…`, `--var`).
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// The name shown.
    pub name: String,
    /// The whole text.
    pub text: Arc<str>,
    line_starts: Arc<[u32]>,
}

impl SourceFile {
    fn new(name: String, text: Arc<str>) -> Self {
        let line_starts = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| offset(at + 1)))
            .collect();
        Self { name, text, line_starts }
    }

    /// Line and column of a byte offset; past the end it is the end.
    pub fn position(&self, at: u32) -> Position {
        let at = at.min(offset(self.text.len()));
        let line = self.line_starts.partition_point(|start| *start <= at).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(start as usize..at as usize).unwrap_or("");
        Position { line, column: before.chars().count() + 1 }
    }

    /// The text of a line (from 1), without its line end.
    pub fn line(&self, line: usize) -> &str {
        let start = line.checked_sub(1).and_then(|index| self.line_starts.get(index)).copied();
        let end = self.line_starts.get(line).copied().unwrap_or(offset(self.text.len()));
        start
            .and_then(|start| self.text.get(start as usize..end as usize))
            .unwrap_or("")
            .trim_end_matches(['\r', '\n'])
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).expect("sources are limited to 10 MiB when they are read")
}

/// All sources of one run. Grows only; ids stay valid.
#[derive(Debug, Clone, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a source.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Arc<str>>) -> SourceId {
        self.files.push(SourceFile::new(name.into(), text.into()));
        SourceId(offset(self.files.len() - 1))
    }

    /// The source of an id that this map gave.
    pub fn get(&self, id: SourceId) -> &SourceFile {
        self.files.get(id.0 as usize).expect("a source id comes from this map")
    }

    /// The text that a span covers.
    pub fn text(&self, span: Span) -> &str {
        self.get(span.source).text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// `file:line:column` of the start of a span.
    pub fn place(&self, span: Span) -> String {
        let file = self.get(span.source);
        let position = file.position(span.start);
        format!("{}:{}:{}", file.name, position.line, position.column)
    }

    /// All sources, in the order in which they were added.
    pub fn iter(&self) -> std::slice::Iter<'_, SourceFile> {
        self.files.iter()
    }
}

impl<'a> IntoIterator for &'a SourceMap {
    type Item = &'a SourceFile;
    type IntoIter = std::slice::Iter<'a, SourceFile>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
