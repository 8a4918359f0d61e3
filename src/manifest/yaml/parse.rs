//! Events of the YAML parser to documents.

use super::{Entry, Node, NodeKind, scalar};
use crate::diag::{Diagnostic, Diagnostics, SourceId, Span, code};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span as CharSpan, Tag};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Levels of nesting. Manifests have 8; the walks over the tree recurse.
pub const DEPTH_MAX: usize = 64;
/// Values and keys of a file. A full manifest has some 300; 100,000 take about 20 MB.
pub const NODES_MAX: usize = 100_000;
/// Problems told of one document; more would not be read.
const PROBLEMS_MAX: usize = 50;

/// What a text holds.
#[derive(Debug, Clone, Default)]
pub struct Parsed {
    /// The documents before the place where the text stops being YAML, if it does. Empty ones are left out.
    pub documents: Vec<Document>,
    /// Why reading stopped before the end.
    pub stopped: Option<Diagnostic>,
}

/// One document of a text.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its value.
    pub root: Node,
    /// What is YAML but not for us: duplicate keys, aliases, tags, merge keys. All are errors.
    pub problems: Diagnostics,
}

/// Reads all documents of a text. `source` is where the text is kept.
pub fn parse(text: &str, source: SourceId) -> Parsed {
    let mut builder = Builder::new(text, source);
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let told = match event {
            Ok((event, span)) => builder.event(event, span),
            Err(error) => Err(Box::new(builder.syntax(&error))),
        };
        if let Err(diagnostic) = told {
            builder.parsed.stopped = Some(*diagnostic);
            break;
        }
    }
    builder.parsed
}

/// A collection that has not ended yet.
struct Frame {
    start: Span,
    holds: Holds,
}

enum Holds {
    Items(Vec<Node>),
    Entries { entries: Vec<Entry>, seen: BTreeMap<Arc<str>, Span>, key: Option<Key> },
}

/// A key whose value is still to come; without text if it is one that is refused.
struct Key {
    text: Option<Arc<str>>,
    span: Span,
}

struct Builder<'a> {
    text: &'a str,
    source: SourceId,
    offsets: Offsets,
    stack: Vec<Frame>,
    nodes: usize,
    problems: Diagnostics,
    parsed: Parsed,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str, source: SourceId) -> Self {
        Self {
            text,
            source,
            offsets: Offsets::of(text),
            stack: Vec::new(),
            nodes: 0,
            problems: Diagnostics::new(),
            parsed: Parsed::default(),
        }
    }

    fn event(&mut self, event: Event<'_>, span: CharSpan) -> Result<(), Box<Diagnostic>> {
        let span = self.span(span);
        match event {
            Event::Scalar(text, style, _, tag) => {
                let node = self.scalar(&text, style, span, tag.as_deref())?;
                self.place(node, Some(&text));
            }
            Event::Alias(_) => {
                self.count(span)?;
                let named = self.slice(span).to_owned();
                self.problem(
                    Diagnostic::error(
                        code::manifest::YAML_FEATURE,
                        format!("the alias `{named}` is not supported"),
                    )
                    .at(span, "an alias")
                    .help("write the value out here, so that each value of a manifest has one place"),
                );
                self.place(Node { kind: NodeKind::Refused, span }, None);
            }
            Event::SequenceStart(_, tag) => self.open(span, tag, Holds::Items(Vec::new()))?,
            Event::MappingStart(_, tag) => {
                self.open(
                    span,
                    tag,
                    Holds::Entries { entries: Vec::new(), seen: BTreeMap::new(), key: None },
                )?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::DocumentEnd => self.problems = Diagnostics::new(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {}
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        span: Span,
        tag: Option<&Tag>,
    ) -> Result<Node, Box<Diagnostic>> {
        self.count(span)?;
        let kind = match (tag, style) {
            (Some(tag), _) => {
                self.refuse_tag(tag, span);
                NodeKind::Refused
            }
            (None, ScalarStyle::Plain) => scalar::plain(text),
            (None, _) => NodeKind::String(Arc::from(text)),
        };
        Ok(Node { kind, span: self.trimmed(span) })
    }

    fn open(&mut self, start: Span, tag: Option<Cow<'_, Tag>>, holds: Holds) -> Result<(), Box<Diagnostic>> {
        self.count(start)?;
        if let Some(tag) = tag {
            self.refuse_tag(&tag, start);
        }
        if self.stack.len() >= DEPTH_MAX {
            return Err(Box::new(limit(start, format!("the file is nested deeper than {DEPTH_MAX} levels"))));
        }
        self.stack.push(Frame { start, holds });
        Ok(())
    }

    fn close(&mut self, end: Span) {
        let Some(frame) = self.stack.pop() else { return };
        let is_flow = self.slice(end).starts_with([']', '}']);
        let (kind, last) = match frame.holds {
            Holds::Items(items) => {
                let last = items.last().map(|item| item.span);
                (NodeKind::Sequence(items), last)
            }
            Holds::Entries { entries, .. } => {
                let last = entries.last().map(|entry| entry.key_span.to(entry.value.span));
                (NodeKind::Mapping(entries), last)
            }
        };
        let start = Span { end: frame.start.start, ..frame.start };
        let span = start.to(if is_flow { end } else { last.unwrap_or(frame.start) });
        self.place(Node { kind, span }, None);
    }

    /// Puts a whole node where it belongs: as key or value of a mapping, item of a sequence, or document.
    fn place(&mut self, mut node: Node, text: Option<&str>) {
        let Some(frame) = self.stack.last_mut() else {
            if !matches!(node.kind, NodeKind::Null) || !self.problems.is_empty() {
                let problems = std::mem::take(&mut self.problems);
                self.parsed.documents.push(Document { root: node, problems });
            }
            return;
        };
        match &mut frame.holds {
            Holds::Items(items) => items.push(node),
            Holds::Entries { key: key @ None, .. } => {
                let span = node.span;
                *key = Some(Key { text: None, span });
                let text = self.checked_key(&node, text);
                if let Some(Frame { holds: Holds::Entries { key: Some(key), .. }, .. }) =
                    self.stack.last_mut()
                {
                    key.text = text;
                }
            }
            Holds::Entries { entries, seen, key } => {
                let Some(Key { text: Some(key), span: key_span }) = key.take() else { return };
                if node.span.start == node.span.end {
                    node.span = key_span;
                }
                if let Some(first) = seen.get(&key) {
                    let problem = duplicate_key(&key, *first, key_span);
                    self.problem(problem);
                    return;
                }
                seen.insert(key.clone(), key_span);
                entries.push(Entry { key, key_span, value: node });
            }
        }
    }

    /// The text of a key, or a word on why it cannot be one of a manifest.
    fn checked_key(&mut self, node: &Node, text: Option<&str>) -> Option<Arc<str>> {
        let problem = match (text, &node.kind) {
            (None, _) => "a key must be plain text, not a list, a mapping or an alias",
            (Some(""), NodeKind::Null) => "a key is missing before `:`",
            (Some("<<"), _) if self.slice(node.span) == "<<" => "the merge key `<<` is not supported",
            _ => return text.map(Arc::from),
        };
        self.problem(
            Diagnostic::error(code::manifest::YAML_FEATURE, problem).at(node.span, "").help(
                "write the entries out under plain keys, so that each value of a manifest has one place",
            ),
        );
        None
    }

    fn refuse_tag(&mut self, tag: &Tag, span: Span) {
        let name = if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() };
        self.problem(
            Diagnostic::error(code::manifest::YAML_FEATURE, format!("the tag `{name}` is not supported"))
                .at(self.trimmed(span), "this value has a tag")
                .help("take the tag out: quotes make a string, no quotes a number, `true` or `false`"),
        );
    }

    fn problem(&mut self, problem: Diagnostic) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }

    fn count(&mut self, at: Span) -> Result<(), Box<Diagnostic>> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(Box::new(limit(at, format!("the file has more than {NODES_MAX} values and keys"))));
        }
        Ok(())
    }

    fn span(&self, span: CharSpan) -> Span {
        let start = self.offsets.byte(self.text, span.start);
        let end = self.offsets.byte(self.text, span.end).max(start);
        Span { source: self.source, start, end }
    }

    fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// Without the white space at its end, which the parser counts to a value that goes over lines.
    fn trimmed(&self, span: Span) -> Span {
        let slice = self.slice(span);
        let cut = slice.len() - slice.trim_end().len();
        Span { end: span.end - u32::try_from(cut).unwrap_or(0), ..span }
    }

    /// The tab that is to be mended: the parser marks the value that it broke, before or after it.
    fn tab_before(&self, marked: u32) -> u32 {
        let (before, after) = self.text.split_at_checked(marked as usize).unwrap_or((self.text, ""));
        let line = before.rfind('\n').map_or(0, |at| at + 1);
        let tab = before.get(line..).and_then(|line| line.find('\t')).map(|at| line + at);
        let tab = tab.or_else(|| after.find('\t').map(|at| before.len() + at));
        tab.and_then(|at| u32::try_from(at).ok()).unwrap_or(marked)
    }

    fn syntax(&self, error: &ScanError) -> Diagnostic {
        let marked = self.offsets.byte(self.text, *error.marker());
        let start = if error.info().contains("tab") { self.tab_before(marked) } else { marked };
        let next = self.text.get(start as usize..).and_then(|rest| rest.chars().next());
        let width = next.filter(|next| !matches!(next, '\n' | '\r')).map_or(0, char::len_utf8);
        let end = start + u32::try_from(width).unwrap_or(0);
        let diagnostic = super::syntax::explain(error.info(), Span { source: self.source, start, end });
        // An open bracket is the likeliest cause of what goes wrong inside of it.
        let open = self.stack.last().map(|frame| frame.start);
        match open.filter(|open| self.slice(*open).starts_with(['[', '{'])) {
            Some(open) => diagnostic.at(open, "opened here"),
            None => diagnostic,
        }
    }
}

fn duplicate_key(key: &str, first: Span, second: Span) -> Diagnostic {
    Diagnostic::error(code::manifest::DUPLICATE_KEY, format!("`{key}` is there twice"))
        .at(second, "here again")
        .at(first, "first here")
        .help("keep one of the two: readers of YAML differ in which one they take")
}

fn limit(at: Span, summary: String) -> Diagnostic {
    Diagnostic::error(code::manifest::LIMIT, summary).at(Span { end: at.start, ..at }, "reading stopped here")
}

/// From the parser's offsets, which count characters, to bytes.
struct Offsets {
    /// Byte offset of every [`Offsets::STEP`]th character; empty for ASCII, where both are the same.
    steps: Vec<u32>,
    bytes: u32,
}

impl Offsets {
    const STEP: usize = 64;

    fn of(text: &str) -> Self {
        let bytes = u32::try_from(text.len()).expect("sources are limited to 10 MiB when they are read");
        let steps = if text.is_ascii() {
            Vec::new()
        } else {
            let starts = text.char_indices().step_by(Self::STEP);
            starts.map(|(at, _)| u32::try_from(at).expect("less than the length")).collect()
        };
        Self { steps, bytes }
    }

    fn byte(&self, text: &str, marker: Marker) -> u32 {
        let index = marker.index();
        if self.steps.is_empty() {
            return u32::try_from(index).unwrap_or(u32::MAX).min(self.bytes);
        }
        let Some(&step) = self.steps.get(index / Self::STEP) else { return self.bytes };
        let rest = text.get(step as usize..).unwrap_or("");
        let within: usize = rest.chars().take(index % Self::STEP).map(char::len_utf8).sum();
        step + u32::try_from(within).unwrap_or(0)
    }
}
