//! The JSON twin of a message, in the shape of Terraform's `validate -json` diagnostics with our fields added.

use super::render::{LINE_BYTES_MAX, shortened};
use super::{Diagnostic, Involved, Severity, SourceMap, Span};
use serde::Serialize;

/// One message as a document. Fields are only ever added.
#[derive(Debug, Serialize)]
pub struct JsonDiagnostic {
    code: &'static str,
    severity: &'static str,
    summary: String,
    detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    help: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<Range>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snippet: Option<Snippet>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related: Vec<Related>,
}

#[derive(Debug, Serialize)]
struct Range {
    filename: String,
    start: Point,
    end: Point,
}

#[derive(Debug, Serialize)]
struct Point {
    line: usize,
    column: usize,
    byte: u32,
}

#[derive(Debug, Serialize)]
struct Snippet {
    /// The header of the block around, as `resource "type" "name"`.
    context: Option<String>,
    /// The whole lines that the range touches.
    code: String,
    start_line: usize,
    /// Bytes of `code`.
    highlight_start_offset: usize,
    highlight_end_offset: usize,
    values: Vec<Traversal>,
}

#[derive(Debug, Serialize)]
struct Traversal {
    traversal: String,
    statement: String,
}

#[derive(Debug, Serialize)]
struct Related {
    message: String,
    range: Range,
}

impl JsonDiagnostic {
    /// The twin of `diagnostic`; places are resolved with `sources`.
    pub fn new(diagnostic: &Diagnostic, sources: &SourceMap) -> Self {
        let diagnostic = diagnostic.censored(sources);
        let mut labels = diagnostic.labels.iter();
        let first = labels.next().map(|label| label.span);
        Self {
            code: diagnostic.code.id,
            severity: match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            summary: shortened(&diagnostic.summary).into_owned(),
            detail: diagnostic.detail.clone(),
            help: diagnostic.help.iter().map(|help| shortened(help).into_owned()).collect(),
            address: diagnostic.address.clone(),
            range: first.map(|span| range(span, sources)),
            snippet: first.map(|span| snippet(span, &diagnostic.values, sources)),
            related: labels
                .map(|label| Related {
                    message: shortened(&label.text).into_owned(),
                    range: range(label.span, sources),
                })
                .collect(),
        }
    }
}

fn range(span: Span, sources: &SourceMap) -> Range {
    let file = sources.get(span.source);
    let point = |at: u32| {
        let position = file.position(at);
        Point { line: position.line, column: position.column, byte: at }
    };
    Range { filename: file.name.clone(), start: point(span.start), end: point(span.end) }
}

fn snippet(span: Span, values: &[Involved], sources: &SourceMap) -> Snippet {
    let file = sources.get(span.source);
    let whole = sources.lines(span);
    // What is hidden is masked, so that the offsets of what comes after it move.
    let before = file.shown(whole.start..span.start);
    let marked = file.shown(span.start..span.end.max(span.start));
    let mut code = before.clone() + &marked + &file.shown(span.end.max(span.start)..whole.end);
    code.truncate(code.floor_char_boundary(LINE_BYTES_MAX));
    let traversal =
        |it: &Involved| Traversal { traversal: it.expression.clone(), statement: format!("is {}", it.value) };
    Snippet {
        context: sources.context(span).map(ToOwned::to_owned),
        start_line: file.position(span.start).line,
        highlight_start_offset: before.len().min(code.len()),
        highlight_end_offset: (before.len() + marked.len()).min(code.len()),
        code,
        values: values.iter().map(traversal).collect(),
    }
}
