//! Policies that a command line names, and messages about them at their lines.

use crate::cli::args::Network;
use crate::cli::policies;
use crate::diag::{Diagnostic, SourceId, SourceMap, Span, code};
use crate::policy::{Bundle, PolicyError};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where policies are, if nothing is named.
const FOLDER: &str = "policies";

/// Policies, and their texts as sources of messages.
pub(super) struct Files {
    pub(super) bundle: Bundle,
    pub(super) sources: SourceMap,
    ids: BTreeMap<String, SourceId>,
}

impl Files {
    /// Reads what is named, or the folder `policies`.
    pub(super) fn read(paths: &[PathBuf], network: &Network) -> Result<Self, PolicyError> {
        let default = [PathBuf::from(FOLDER)];
        let named = policies::named(if paths.is_empty() { &default } else { paths }, network)?;
        Bundle::from_paths(named).map(Self::of)
    }

    pub(super) fn of(bundle: Bundle) -> Self {
        let mut sources = SourceMap::new();
        let ids = bundle.files().map(|(name, text)| (name.to_owned(), sources.add(name, text))).collect();
        Self { bundle, sources, ids }
    }

    /// The message of an error, at its line if it has one.
    pub(super) fn diagnostic(&self, error: &PolicyError) -> Diagnostic {
        let PolicyError::Refused { file, line, column, reason } = error else { return error.diagnostic() };
        let Some(span) = self.span(file, *line, *column) else { return error.diagnostic() };
        Diagnostic::error(code::policy::BUNDLE, reason.as_str()).at(span, "here")
    }

    /// The word at a place.
    pub(super) fn span(&self, file: &str, line: usize, column: usize) -> Option<Span> {
        let source = *self.ids.get(file)?;
        let text = &self.sources.get(source).text;
        let before = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum::<usize>();
        let rest = text.get(before..)?;
        let start = before + rest.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum::<usize>();
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let word = text.get(start..)?;
        let length = word.find(|c| !is_word(c)).unwrap_or(word.len()).max(1);
        let at = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Some(Span { source, start: at(start), end: at((start + length).min(text.len())) })
    }
}
