mod bodies;
mod differential;
mod errors;
mod expressions;
mod limits;
pub(in crate::lang) mod print;
mod properties;

use super::{Parsed, parse};
use crate::diag::{Diagnostics, SourceMap, Style, render};

/// Parses a text as the file `main.hcl`.
fn file(text: &str) -> (Parsed, SourceMap) {
    let mut sources = SourceMap::new();
    let source = sources.add("main.hcl", text);
    (parse(source, text), sources)
}

fn rendered(diagnostics: &Diagnostics, sources: &SourceMap) -> String {
    let messages: Vec<_> =
        diagnostics.iter().map(|diagnostic| render(diagnostic, sources, Style::Plain)).collect();
    messages.join("\n")
}
