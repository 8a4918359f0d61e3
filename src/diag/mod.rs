//! Messages for people: what happened, where, and what to do next.
//!
//! Goes in: spans into sources that were read, and words. Comes out: text for a terminal, or a JSON twin.
//! Never happens: printing, reading a file, a raw control byte of a source in the output.

pub mod code;
mod escape;
mod json;
mod render;
mod source;
mod system;

pub use code::Code;
pub use escape::{escape, is_unsafe};
pub use json::JsonDiagnostic;
pub use render::{Style, render};
pub use source::{Position, SourceFile, SourceId, SourceMap, Span};
pub use system::because;

/// What stands in place of a secret.
pub const MASK: &str = "(sensitive value)";
/// Shorter words of a hidden part of a source are left in a message about it: `of` or `1` tell nothing.
const HIDDEN_WORD_BYTES_MIN: usize = 3;

/// How bad it is. An error stops the command; a warning does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The command cannot go on, or its result is not what was asked for.
    Error,
    /// The command goes on; somebody should look.
    Warning,
}

/// A place in a source with a few words on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is said beside the underlined text; may be empty.
    pub text: String,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code, explained by `mlo explain`.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// One line: what happened, with the names involved, without a full stop.
    pub summary: String,
    /// Sentences that say more; may be empty.
    pub detail: String,
    /// What to do next, one sentence each, the likeliest first.
    pub help: Vec<String>,
    /// Places; the first is where it happened, the others are related.
    pub labels: Vec<Label>,
    /// What expressions that were involved stood for.
    pub values: Vec<Involved>,
    /// The block that it is about, if it is one with an address: `module.a.local_file.x`.
    pub address: Option<String>,
    /// It says that something could not be read, so that nobody knows how it is.
    pub unread: bool,
}

/// An expression that was involved, and what it stood for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Involved {
    /// As it is written: `var.size`.
    pub expression: String,
    /// In words that follow "is": `5`, `a list of string with 3 elements`, `sensitive`.
    pub value: String,
}

impl Diagnostic {
    /// An error without a place yet.
    pub fn error(code: Code, summary: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, summary)
    }

    /// A warning without a place yet.
    pub fn warning(code: Code, summary: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, summary)
    }

    fn new(severity: Severity, code: Code, summary: impl Into<String>) -> Self {
        let (detail, help, labels, values) = Default::default();
        Self {
            code,
            severity,
            summary: summary.into(),
            detail,
            help,
            labels,
            values,
            address: None,
            unread: false,
        }
    }

    /// Adds a place; the first one added is where it happened.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Says that something could not be read.
    #[must_use]
    pub fn unread(mut self) -> Self {
        self.unread = true;
        self
    }

    /// Sets the sentences that say more.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Adds one sentence on what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// The message without what it quotes of the hidden parts of the sources that it is about.
    pub(crate) fn censored<'a>(&'a self, sources: &'a SourceMap) -> std::borrow::Cow<'a, Self> {
        let hidden = |label: &'a Label| {
            let Span { source, start, end } = label.span;
            sources.get(source).hidden_words(&(start..end)).collect::<Vec<_>>()
        };
        let mut words: Vec<_> = self.labels.iter().flat_map(hidden).collect();
        words.retain(|word| word.len() >= HIDDEN_WORD_BYTES_MIN);
        if words.is_empty() {
            return std::borrow::Cow::Borrowed(self);
        }
        // Longer ones first: a word that begins another must not uncover the rest of it.
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        let mask = |text: &mut String| {
            for word in words.iter().filter(|word| !MASK.contains(**word)) {
                if text.contains(word) {
                    *text = text.replace(word, MASK);
                }
            }
        };
        let mut message = self.clone();
        [&mut message.summary, &mut message.detail].into_iter().chain(&mut message.help).for_each(mask);
        message.labels.iter_mut().for_each(|label| mask(&mut label.text));
        message.values.iter_mut().for_each(|involved| mask(&mut involved.value));
        std::borrow::Cow::Owned(message)
    }

    /// Adds "did you mean" for the nearest of `known`, if one is near enough to `word`.
    #[must_use]
    pub fn did_you_mean<'a>(self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(word, known) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None => self,
        }
    }
}

/// The known word nearest to `word`, if it is near enough to be what was meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the letters may differ; one edit is always forgiven for words of two letters and more.
    let edits_max = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| {
            (strsim::damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase()), candidate)
        })
        .filter(|(edits, candidate)| *edits <= edits_max && candidate.chars().count() > *edits)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Messages gathered on the way. Errors in what a user wrote are gathered, never only the first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    messages: Vec<Diagnostic>,
    /// Errors among the messages.
    errors: usize,
    /// Messages that were said past the limit.
    left_out: usize,
}

/// Errors that are kept, and warnings likewise. Nobody mends more at once, and each new one is compared with all.
const MESSAGES_MAX: usize = 1_000;

impl Diagnostics {
    /// Nothing said yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one message. The same message twice is kept once; past 1,000 errors, or warnings, they are only counted.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let is_error = diagnostic.severity == Severity::Error;
        let alike = if is_error { self.errors } else { self.messages.len() - self.errors };
        if alike >= MESSAGES_MAX {
            self.left_out += 1;
        } else if !self.messages.contains(&diagnostic) {
            self.errors += usize::from(is_error);
            self.messages.push(diagnostic);
        }
    }

    /// Adds all messages of another.
    pub fn extend(&mut self, other: Self) {
        self.left_out += other.left_out;
        for diagnostic in other.messages {
            self.push(diagnostic);
        }
    }

    /// Adds those messages of another that are about places of which no error was said so far.
    pub fn extend_elsewhere(&mut self, other: Self) {
        let place = |message: &Diagnostic| message.labels.first().map(|label| label.span);
        // What a version does not support may be wrong as well.
        let is_wrong =
            |it: &&Diagnostic| it.severity == Severity::Error && it.code != code::lang::UNSUPPORTED;
        let errors = self.messages.iter().filter(is_wrong);
        let said: std::collections::HashSet<Span> = errors.filter_map(place).collect();
        self.left_out += other.left_out;
        let new = other.messages.into_iter().filter(|it| place(it).is_none_or(|span| !said.contains(&span)));
        new.for_each(|message| self.push(message));
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Whether there are errors, and each says that something could not be read: nothing is known to be wrong.
    pub fn are_unread(&self) -> bool {
        let mut errors = self.messages.iter().filter(|message| message.severity == Severity::Error);
        self.has_errors() && errors.all(|message| message.unread)
    }

    /// How many were said past the limit.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// In the order in which they were said.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.messages.iter()
    }

    /// By place: file, then offset; those without a place last. Stable.
    pub fn sort(&mut self) {
        self.messages.sort_by_key(|diagnostic| {
            diagnostic.labels.first().map_or((1, None), |label| (0, Some(label.span)))
        });
    }

    /// Each message turned into another of the same severity.
    #[must_use]
    pub fn map(self, turn: impl FnMut(Diagnostic) -> Diagnostic) -> Self {
        Self { messages: self.messages.into_iter().map(turn).collect(), ..self }
    }

    /// `value` if no error was said, else these messages.
    pub fn into_result<T>(self, value: T) -> Result<(T, Self), Self> {
        if self.has_errors() { Err(self) } else { Ok((value, self)) }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        let mut messages = Self::new();
        messages.push(diagnostic);
        messages
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.messages.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.messages.iter()
    }
}
