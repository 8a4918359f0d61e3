//! A message as text, with the source lines under it.

use super::{Diagnostic, Involved, Label, Severity, SourceMap, Span, escape};
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use std::borrow::Cow;
use std::ops::Range;

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
/// Places of one source further apart than this many lines are shown in excerpts of their own.
const EXCERPT_LINES_MAX: usize = 60;

/// Renders a message, ending in a newline. Everything that came from outside is escaped.
pub fn render(diagnostic: &Diagnostic, sources: &SourceMap, style: Style) -> String {
    let diagnostic = diagnostic.censored(sources);
    let summary = shortened(&diagnostic.summary);
    let summary = escape(&summary);
    let values = values(&diagnostic.values);
    let detail = [diagnostic.detail.as_str(), &values].join("\n");
    let detail = escape(detail.trim_matches('\n'));
    let help: Vec<_> = diagnostic.help.iter().map(|help| shortened(help)).collect();
    let help: Vec<_> = help.iter().map(|help| escape(help)).collect();
    let texts: Vec<_> = diagnostic.labels.iter().map(|label| shortened(&label.text)).collect();
    let texts: Vec<_> = texts.iter().map(|text| escape(text)).collect();
    let excerpts = excerpts(&diagnostic.labels, sources);

    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = level
        .primary_title(summary.as_ref())
        .id(diagnostic.code.id)
        .elements(std::iter::empty::<Snippet<'_, Annotation<'_>>>());
    for excerpt in &excerpts {
        group = show(group, excerpt, &texts);
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
    let text = renderer.render(&[group]) + "\n";
    if excerpts.is_empty() { without_gutter(&text) } else { text }
}

/// One line of a message without its end, where a name or a number of a hostile source would fill the screen. It was
/// censored before: a part of a secret would not be known as one.
pub(super) fn shortened(text: &str) -> Cow<'_, str> {
    if text.len() <= LINE_BYTES_MAX {
        return Cow::Borrowed(text);
    }
    let kept = text.get(..text.floor_char_boundary(LINE_BYTES_MAX)).unwrap_or("");
    Cow::Owned(format!("{kept}…"))
}

/// The values that were involved, in a sentence; nothing if there are none.
fn values(involved: &[Involved]) -> String {
    let each: Vec<_> = involved.iter().map(|it| format!("`{}` is {}", it.expression, it.value)).collect();
    match each.split_last() {
        None => String::new(),
        Some((last, [])) => format!("Here {last}."),
        Some((last, others)) => format!("Here {} and {last}.", others.join(", ")),
    }
}

fn show<'a>(group: Group<'a>, excerpt: &'a Excerpt<'a>, texts: &'a [Cow<'a, str>]) -> Group<'a> {
    if excerpt.name_only {
        return group.element(Origin::path(excerpt.name.as_ref()));
    }
    let annotations = excerpt.marks.iter().map(|mark| {
        let kind = if mark.label == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let annotation = kind.span(mark.at.clone());
        match texts.get(mark.label).filter(|text| !text.is_empty()) {
            Some(text) => annotation.label(text.as_ref()),
            None => annotation,
        }
    });
    let source = Snippet::source(excerpt.text.as_str()).line_start(excerpt.line);
    group.element(source.path(excerpt.name.as_ref()).fold(true).annotations(annotations))
}

/// Without the empty line of a gutter, which is there to join what follows to lines of source.
fn without_gutter(text: &str) -> String {
    let is_gutter = |line: &str| {
        let mut rest = line.split('\u{1b}');
        let first = rest.next().unwrap_or("").to_owned();
        let bare = rest.fold(first, |bare, part| bare + part.split_once('m').map_or("", |(_, text)| text));
        bare.trim() == "|"
    };
    let lines = text.lines().enumerate();
    let kept = lines.filter(|(index, line)| *index != 1 || !is_gutter(line));
    kept.fold(String::new(), |text, (_, line)| text + line + "\n")
}

/// Lines of one source, escaped, with the places in them moved along.
struct Excerpt<'a> {
    name: Cow<'a, str>,
    /// The source was not read, or is empty: only its name is shown.
    name_only: bool,
    line: usize,
    text: String,
    marks: Vec<Mark>,
}

/// A place within an excerpt's text.
struct Mark {
    /// The index of its label.
    label: usize,
    at: Range<usize>,
}

/// The lines that a label covers: first, last.
fn lines(span: Span, sources: &SourceMap) -> (usize, usize) {
    let file = sources.get(span.source);
    let wide = file.widened(span.start..span.end);
    let (start, end) = (file.line_of(wide.start), file.line_of(wide.end));
    (start, if end.saturating_sub(start) >= SPAN_LINES_MAX { start } else { end })
}

/// An excerpt for each source, in the order of the labels; more where places lie far apart or lines are very long.
fn excerpts<'a>(labels: &[Label], sources: &'a SourceMap) -> Vec<Excerpt<'a>> {
    let mut groups: Vec<(Span, usize, usize, Vec<usize>)> = Vec::new();
    for (index, label) in labels.iter().enumerate() {
        let (first, last) = lines(label.span, sources);
        let joined = groups.iter_mut().find(|(span, from, to, _)| {
            let (from, to) = (first.min(*from), last.max(*to));
            span.source == label.span.source
                && to - from < EXCERPT_LINES_MAX
                && (from..=to).all(|line| sources.get(span.source).line(line).len() <= LINE_BYTES_MAX / 4)
        });
        match joined {
            Some((_, from, to, members)) => {
                (*from, *to) = (first.min(*from), last.max(*to));
                members.push(index);
            }
            None => groups.push((label.span, first, last, vec![index])),
        }
    }
    groups
        .into_iter()
        .map(|(span, first, last, members)| {
            let members: Vec<_> =
                members.into_iter().filter_map(|index| Some((index, labels.get(index)?.span))).collect();
            Excerpt::new(span, first..=last, &members, sources)
        })
        .collect()
}

impl<'a> Excerpt<'a> {
    fn new(
        span: Span,
        shown: std::ops::RangeInclusive<usize>,
        members: &[(usize, Span)],
        sources: &'a SourceMap,
    ) -> Self {
        let file = sources.get(span.source);
        let line = *shown.start();
        let (mut from, mut to) = (file.line(line).start, file.line(*shown.end()).end);
        // Of a very long line only what can be shown is looked at.
        if let [(_, only)] = members {
            let room = u32::try_from(LINE_BYTES_MAX).unwrap_or(u32::MAX);
            let start = file.widened(only.start..only.end).start.clamp(from, to);
            let near = |at: u32| u32::try_from(file.text.floor_char_boundary(at as usize)).unwrap_or(at);
            from = from.max(near(start.saturating_sub(room)));
            to = to.min(near(start.saturating_add(2 * room)));
        }
        let escaped = |to: u32| escape(&file.shown(from..to).replace("\r\n", "\n")).into_owned();
        let marks = members.iter().map(|(label, span)| {
            let wide = file.widened(span.start..span.end);
            let (_, last) = lines(*span, sources);
            let end = file.line(last).end.min(to).max(from);
            let start = escaped(wide.start.clamp(from, end)).len();
            Mark { label: *label, at: start..escaped(wide.end.clamp(from, end)).len().max(start) }
        });
        let (marks, text) = (marks.collect(), escaped(to));
        let mut excerpt =
            Self { name: escape(&file.name), name_only: file.text.is_empty(), line, text, marks };
        excerpt.cut();
        excerpt
    }

    /// Cuts a long text, which has one place alone, to a window that begins shortly before it.
    fn cut(&mut self) {
        let [Mark { at, .. }] = self.marks.as_mut_slice() else { return };
        *at = at.start.min(self.text.len())..at.end.min(self.text.len());
        if self.text.len() <= LINE_BYTES_MAX {
            return;
        }
        let start = self.text.floor_char_boundary(at.start.saturating_sub(80));
        let end = self.text.floor_char_boundary((start + LINE_BYTES_MAX).min(self.text.len()));
        self.text = self.text.get(start..end).unwrap_or("").to_owned();
        let from = at.start - start;
        *at = from..at.end.saturating_sub(start).clamp(from, self.text.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Code, code};

    fn span(sources: &mut SourceMap, text: &str, covered: &str) -> Span {
        let source = sources.add("main.hcl", text);
        within(source, text, covered)
    }

    fn within(source: crate::diag::SourceId, text: &str, covered: &str) -> Span {
        let start = text.find(covered).unwrap();
        let end = start + covered.len();
        Span { source, start: u32::try_from(start).unwrap(), end: u32::try_from(end).unwrap() }
    }

    #[test]
    fn places_of_one_file_share_an_excerpt_and_lines_between_are_left_out() {
        let mut sources = SourceMap::new();
        let text = "first = 1\n\n\n\n\n\n\nlast = \u{1b}z\nafter = 2\n";
        let source = sources.add("main.hcl", text);
        let other = sources.add("other.hcl", "here = 3\n");
        let diagnostic = Diagnostic::error(code::lang::SYNTAX, "bad")
            .at(within(source, text, "z"), "this")
            .at(within(source, text, "first"), "and this")
            .at(Span { source: other, start: 0, end: 4 }, "and that");
        assert_eq!(
            render(&diagnostic, &sources, Style::Plain),
            "\
error[MLO1001]: bad
 --> main.hcl:8:14
  |
1 | first = 1
  | ----- and this
...
8 | last = \\u{1b}z
  |              ^ this
  |
 ::: other.hcl:1:1
  |
1 | here = 3
  | ---- and that
"
        );
    }

    #[test]
    fn a_message_without_a_place_has_no_gutter() {
        let diagnostic = Diagnostic::warning(code::lang::SYNTAX, "bad").detail("Two\nlines.").help("mend it");
        let plain = render(&diagnostic, &SourceMap::new(), Style::Plain);
        assert_eq!(plain, "warning[MLO1001]: bad\n = Two\n   lines.\n = help: mend it\n");
        let coloured = render(&diagnostic, &SourceMap::new(), Style::Colour);
        assert_eq!(coloured.lines().count(), plain.lines().count(), "{coloured}");
    }

    #[test]
    fn of_a_file_that_was_not_read_only_the_name_is_shown() {
        let mut sources = SourceMap::new();
        let source = sources.add("main.hcl", "");
        let diagnostic =
            Diagnostic::error(code::lang::SYNTAX, "bad").at(Span { source, start: 0, end: 0 }, "");
        assert_eq!(render(&diagnostic, &sources, Style::Plain), "error[MLO1001]: bad\n--> main.hcl\n");
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
