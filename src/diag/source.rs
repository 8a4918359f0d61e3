//! Sources that were read, and byte spans into them.

use super::MASK;
use std::ops::Range;
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
    /// Bytes that are never shown, in the order of their beginnings.
    hidden: Vec<Range<u32>>,
    /// Blocks of the first level with their headers, in order.
    outline: Vec<(Range<u32>, String)>,
}

impl SourceFile {
    fn new(name: String, text: Arc<str>) -> Self {
        let line_starts = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| offset(at + 1)))
            .collect();
        Self { name, text, line_starts, hidden: Vec::new(), outline: Vec::new() }
    }

    /// Line and column of a byte offset; past the end it is the end.
    pub fn position(&self, at: u32) -> Position {
        let at = at.min(offset(self.text.len()));
        let line = self.line_of(at);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(start as usize..at as usize).unwrap_or("");
        Position { line, column: before.chars().count() + 1 }
    }

    /// The line, from 1, of a byte offset.
    pub(super) fn line_of(&self, at: u32) -> usize {
        self.line_starts.partition_point(|start| *start <= at).max(1)
    }

    /// The bytes of a line (from 1), without its line end; empty if there is no such line.
    pub(super) fn line(&self, line: usize) -> Range<u32> {
        let start = line.checked_sub(1).and_then(|index| self.line_starts.get(index)).copied();
        let end = self.line_starts.get(line).copied().unwrap_or(offset(self.text.len()));
        let start = start.unwrap_or(end);
        let text = self.text.get(start as usize..end as usize).unwrap_or("");
        start..start + offset(text.trim_end_matches(['\r', '\n']).len())
    }

    /// The text of a range as it may be shown: each hidden part that it touches is a mask.
    pub(super) fn shown(&self, range: Range<u32>) -> String {
        let text = |from: u32, to: u32| self.text.get(from as usize..to.max(from) as usize).unwrap_or("");
        let (mut out, mut at) = (String::new(), range.start);
        for hidden in &self.hidden {
            if hidden.end <= at || hidden.start >= range.end {
                continue;
            }
            out.push_str(text(at, hidden.start));
            out.push_str(MASK);
            at = hidden.end;
        }
        out.push_str(text(at, range.end));
        out
    }

    /// The range with all of each hidden part that it touches.
    pub(super) fn widened(&self, range: Range<u32>) -> Range<u32> {
        self.hidden_at(&range)
            .fold(range.clone(), |wide, hidden| wide.start.min(hidden.start)..wide.end.max(hidden.end))
    }

    /// The words of the hidden parts that a range touches: what a message about it must not quote.
    pub(super) fn hidden_words(&self, range: &Range<u32>) -> impl Iterator<Item = &str> {
        let texts = self
            .hidden_at(range)
            .filter_map(|hidden| self.text.get(hidden.start as usize..hidden.end as usize));
        texts.flat_map(|text| text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-'))
    }

    fn hidden_at(&self, range: &Range<u32>) -> impl Iterator<Item = &Range<u32>> {
        let (start, end) = (range.start, range.end);
        self.hidden.iter().filter(move |hidden| hidden.start <= end && start <= hidden.end)
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

    /// From now on no message shows this part of a source, or quotes what it says.
    pub fn hide(&mut self, span: Span) {
        let Some(file) = self.files.get_mut(span.source.0 as usize) else { return };
        let range = span.start..span.end.min(offset(file.text.len()));
        // Parts that overlap or touch become one: each is masked once, and they stay in order by both of their ends.
        let first = file.hidden.partition_point(|hidden| hidden.end < range.start);
        let after = file.hidden.partition_point(|hidden| hidden.start <= range.end).max(first);
        let overlapping = file.hidden.get(first..after).unwrap_or(&[]);
        let whole = overlapping.iter().fold(range, |all, one| all.start.min(one.start)..all.end.max(one.end));
        file.hidden.splice(first..after, [whole]);
    }

    /// Notes what a block of the first level is called: `resource "type" "name"`. Blocks come in order.
    pub fn outline(&mut self, block: Span, header: String) {
        if let Some(file) = self.files.get_mut(block.source.0 as usize) {
            file.outline.push((block.start..block.end, header));
        }
    }

    /// The header of the block that a span stands in.
    pub fn context(&self, span: Span) -> Option<&str> {
        let outline = &self.get(span.source).outline;
        let after = outline.partition_point(|(block, _)| block.start <= span.start);
        let (block, header) = outline.get(after.checked_sub(1)?)?;
        (span.start < block.end).then_some(header)
    }

    /// The whole lines that a span touches.
    pub fn lines(&self, span: Span) -> Span {
        let file = self.get(span.source);
        let line = |at: u32| file.line(file.position(at).line);
        Span { source: span.source, start: line(span.start).start, end: line(span.end).end }
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
