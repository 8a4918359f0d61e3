//! A message as text, with the source line under it.

use super::{Diagnostic, Severity, SourceMap, Span, escape};
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use std::borrow::Cow;

/// Plain text, or text with ANSI colours. Symbols carry the meaning; colour repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// No escape sequences.
    Plain,
    /// ANSI colours.
    Colour,
}

/// Lines of source shown around a place that spans more lines than this are cut to its first line.
const SPAN_LINES_MAX: usize = 4;
/// Bytes of a source line shown; longer ones (minified JSON) would bury the message.
pub(super) const LINE_BYTES_MAX: usize = 2_000;

/// Renders a message, ending in a newline. Everything that came from outside is escaped.
pub fn render(diagnostic: &Diagnostic, sources: &SourceMap, style: Style) -> String {
    let diagnostic = diagnostic.censored(sources);
    let summary = escape(&diagnostic.summary);
    let detail = escape(&diagnostic.detail);
    let help: Vec<_> = diagnostic.help.iter().map(|help| escape(help)).collect();
    let excerpts: Vec<_> = diagnostic
        .labels
        .iter()
        .map(|label| (Excerpt::new(label.span, sources), escape(&label.text)))
        .collect();

    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = level
        .primary_title(summary.as_ref())
        .id(diagnostic.code.id)
        .elements(std::iter::empty::<Snippet<'_, annotate_snippets::Annotation<'_>>>());
    for (index, (excerpt, text)) in excerpts.iter().enumerate() {
        let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let mut annotation = kind.span(excerpt.span.clone());
        if !text.is_empty() {
            annotation = annotation.label(text.as_ref());
        }
        group = group.element(
            Snippet::source(excerpt.text.as_str())
                .line_start(excerpt.line)
                .path(excerpt.name.as_ref())
                .fold(true)
                .annotation(annotation),
        );
    }
    if !detail.is_empty() {
        group = group.element(Level::NOTE.no_name().message(detail.as_ref()));
    }
    for help in &help {
        group = group.element(Level::HELP.message(help.as_ref()));
    }
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Colour => Renderer::styled(),
    };
    renderer.render(&[group]) + "\n"
}

/// The lines of a source that a place touches, escaped, with the place moved along.
struct Excerpt<'a> {
    name: Cow<'a, str>,
    line: usize,
    text: String,
    span: std::ops::Range<usize>,
}

impl<'a> Excerpt<'a> {
    fn new(span: Span, sources: &'a SourceMap) -> Self {
        let file = sources.get(span.source);
        let wide = file.widened(span.start..span.end);
        let (start, end) = (file.position(wide.start), file.position(wide.end));
        let last = if end.line - start.line >= SPAN_LINES_MAX { start.line } else { end.line };
        let lines = file.line(start.line).start..file.line(last).end;
        let (start_at, end_at) = (wide.start.min(lines.end), wide.end.min(lines.end));
        let shown = |from: u32, to: u32| file.shown(from..to).replace("\r\n", "\n");
        let before = shown(lines.start, start_at);
        let (covered, after) = (shown(start_at, end_at), shown(end_at, lines.end));
        let from = escape(&before).len();
        let to = from + escape(&covered).len();
        let raw = [before, covered, after].concat();
        let mut text = escape(&raw).into_owned();
        let (mut from, mut to) = (from.min(text.len()), to.min(text.len()));
        if text.len() > LINE_BYTES_MAX {
            cut(&mut text, &mut from, &mut to);
        }
        Self { name: escape(&file.name), line: start.line, text, span: from..to }
    }
}

/// Cuts a long text to a window that begins shortly before the place.
fn cut(text: &mut String, from: &mut usize, to: &mut usize) {
    let start = text.floor_char_boundary(from.saturating_sub(80));
    let end = text.floor_char_boundary((start + LINE_BYTES_MAX).min(text.len()));
    *text = text.get(start..end).unwrap_or("").to_owned();
    *from -= start;
    *to = to.saturating_sub(start).clamp(*from, text.len());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Code, code};

    fn span(sources: &mut SourceMap, text: &str, covered: &str) -> Span {
        let source = sources.add("main.hcl", text);
        let start = text.find(covered).unwrap();
        let end = start + covered.len();
        Span { source, start: u32::try_from(start).unwrap(), end: u32::try_from(end).unwrap() }
    }

    #[test]
    fn a_message_shows_the_place_the_detail_and_the_help() {
        let mut sources = SourceMap::new();
        let at = span(&mut sources, "a = 1\nname = var.nme\n", "var.nme");
        let diagnostic = Diagnostic::error(code::lang::SYNTAX, "nothing here is called `var.nme`")
            .at(at, "not declared")
            .detail("Variables are declared with a `variable` block.")
            .did_you_mean("nme", ["name", "other"]);
        assert_eq!(
            render(&diagnostic, &sources, Style::Plain),
            "\
error[MLO1001]: nothing here is called `var.nme`
 --> main.hcl:2:8
  |
2 | name = var.nme
  |        ^^^^^^^ not declared
  |
  = Variables are declared with a `variable` block.
  = help: did you mean `name`?
"
        );
    }

    #[test]
    fn control_characters_of_a_source_are_spelled_out_and_the_mark_stays_in_place() {
        let mut sources = SourceMap::new();
        let at = span(&mut sources, "é\u{1b}[31m = oops", "oops");
        let diagnostic = Diagnostic::error(code::lang::SYNTAX, "bad").at(at, "");
        assert_eq!(
            render(&diagnostic, &sources, Style::Plain),
            "\
error[MLO1001]: bad
 --> main.hcl:1:15
  |
1 | é\\u{1b}[31m = oops
  |               ^^^^
"
        );
    }

    #[test]
    fn a_place_at_the_end_of_an_empty_file_renders() {
        let mut sources = SourceMap::new();
        let source = sources.add("empty.hcl", "");
        let diagnostic =
            Diagnostic::error(code::lang::SYNTAX, "nothing here").at(Span { source, start: 0, end: 0 }, "");
        assert!(render(&diagnostic, &sources, Style::Plain).contains("empty.hcl"));
        assert_eq!(Code::find("mlo1001"), Some(&code::lang::SYNTAX));
    }
}
