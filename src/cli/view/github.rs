//! Commands to a GitHub workflow: annotations at the lines that messages are about.

use super::findings::{Place, place};
use crate::cli::discretion::without_tokens;
use crate::diag::{Diagnostic, Severity, SourceMap, code};
use std::fmt::Write;

/// Annotations of one level and one step that GitHub shows; it drops the rest without a word.
const ANNOTATIONS_MAX: usize = 10;

/// Annotations, of each level as many as are shown; the last is the number of those that are not.
#[derive(Debug, Default)]
pub(in crate::cli) struct Annotations {
    levels: [Level; 2],
}

#[derive(Debug, Default)]
struct Level {
    /// Each with its rank: the lowest are shown.
    lines: Vec<(u8, String)>,
}

impl Annotations {
    /// Adds one message.
    pub(in crate::cli) fn add(&mut self, message: &Diagnostic, sources: &SourceMap) {
        let message = message.censored(sources);
        let (index, word) = match message.severity {
            Severity::Error => (0, "error"),
            Severity::Warning => (1, "warning"),
        };
        let Some(level) = self.levels.get_mut(index) else { return };
        let mut line = format!("::{word} ");
        let place = message.labels.iter().find_map(|label| place(label.span, sources));
        if let Some(Place { file, start, end }) = &place {
            let _ = write!(line, "file={},line={},endLine={}", property(file), start.0, end.0);
            if start.0 == end.0 {
                let _ = write!(line, ",col={},endColumn={}", start.1, end.1);
            }
            line.push(',');
        }
        let help: Vec<_> = message.help.iter().map(|help| format!("\nhelp: {help}")).collect();
        let text = data(&without_tokens(&format!("{}{}", message.summary, help.concat())));
        let _ = writeln!(line, "title={}::{text}", property(message.code.id));
        level.lines.push((rank(&message, place.is_some()), line));
    }

    /// The commands.
    pub(in crate::cli) fn text(&self) -> String {
        let mut out = String::new();
        for (Level { lines }, word) in self.levels.iter().zip(["error", "warning"]) {
            let mut lines: Vec<_> = lines.iter().collect();
            lines.sort_by_key(|(rank, _)| *rank);
            let shown = if lines.len() > ANNOTATIONS_MAX { ANNOTATIONS_MAX - 1 } else { lines.len() };
            out.extend(lines.iter().take(shown).map(|(_, line)| line.as_str()));
            if lines.len() > shown {
                let _ = writeln!(out, "::{word} title=mlo::{} more are in the log", lines.len() - shown);
            }
        }
        out
    }
}

/// Which of several is shown first: what somebody let be or passed by before what merely asks to be looked at, and what has a
/// line before what has none.
fn rank(message: &Diagnostic, has_place: bool) -> u8 {
    use code::policy::{OVERRIDDEN, WAIVED, WAIVER_NOT_NEEDED, WARNING};
    let by_kind = match message.code {
        excused if [OVERRIDDEN, WAIVED].contains(&excused) => 0,
        looked_at if [WARNING, WAIVER_NOT_NEEDED].contains(&looked_at) => 2,
        _ => 1,
    };
    2 * by_kind + u8::from(!has_place)
}

/// What stands after a command.
pub(in crate::cli) fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Text in a group of the log that can be folded, in which no line is taken as a command. `token` is not to be guessed.
pub(in crate::cli) fn group(title: &str, text: &str, token: &str) -> String {
    format!(
        "::group::{}\n::stop-commands::{token}\n{}\n::{token}::\n::endgroup::\n",
        data(title),
        text.trim_end()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Span;

    #[test]
    fn annotations_have_their_place_are_escaped_and_counted() {
        let mut sources = SourceMap::new();
        let source = sources.add("a,b:c.hcl", "x = 1\n");
        let mut annotations = Annotations::default();
        for number in 0..12 {
            let message = Diagnostic::error(code::engine::USAGE, format!("100%\n::bad {number}"));
            annotations.add(&message.at(Span { source, start: 0, end: 1 }, ""), &sources);
        }
        let text = annotations.text();
        assert_eq!(text.lines().count(), 10);
        let id = code::engine::USAGE.id;
        assert!(
            text.starts_with(&format!(
                "::error file=a%2Cb%3Ac.hcl,line=1,endLine=1,col=1,endColumn=2,title={id}::100%25%0A::bad 0\n"
            )),
            "{text}"
        );
        assert!(text.ends_with("::error title=mlo::3 more are in the log\n"), "{text}");
    }

    #[test]
    fn no_line_of_a_group_is_a_command() {
        assert_eq!(
            group("a\nb", "::set-output name=x::y\n", "t"),
            "::group::a%0Ab\n::stop-commands::t\n::set-output name=x::y\n::t::\n::endgroup::\n"
        );
    }
}
