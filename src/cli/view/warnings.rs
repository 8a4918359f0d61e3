//! Warnings, a line each.

use crate::diag::{Diagnostics, SourceMap, escape};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Each warning by its summary, with its first place and how many more there are like it.
pub(in crate::cli) fn compact(messages: &Diagnostics, sources: &SourceMap) -> String {
    let mut order = Vec::new();
    let mut alike: BTreeMap<&str, (Option<String>, usize)> = BTreeMap::new();
    for message in messages {
        let place = message.labels.first().map(|label| sources.place(label.span));
        let entry = alike.entry(&message.summary).or_insert_with(|| {
            order.push(message);
            (place, 0)
        });
        entry.1 += 1;
    }
    let mut out = String::new();
    for message in order {
        let Some((place, count)) = alike.get(message.summary.as_str()) else { continue };
        let _ = write!(out, "warning[{}]: {}", message.code.id, escape(&message.summary));
        if let Some(place) = place {
            let _ = write!(out, " ({place}");
            if *count > 1 {
                let _ = write!(out, " and {} more", count - 1);
            }
            out.push(')');
        }
        out.push('\n');
    }
    if messages.left_out() > 0 {
        let _ = writeln!(out, "and {} more", messages.left_out());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Diagnostic, Span, code};

    #[test]
    fn warnings_alike_share_a_line() {
        let mut sources = SourceMap::new();
        let source = sources.add("main.hcl", "a = 1\nb = 2\n");
        let mut messages = Diagnostics::new();
        for start in [0, 6] {
            let at = Span { source, start, end: start + 1 };
            messages.push(Diagnostic::warning(code::engine::UNDECLARED, "there is no variable").at(at, ""));
        }
        messages.push(Diagnostic::warning(code::engine::OPEN, "something is open"));
        let id = code::engine::UNDECLARED.id;
        let open = code::engine::OPEN.id;
        assert_eq!(
            compact(&messages, &sources),
            format!(
                "warning[{id}]: there is no variable (main.hcl:1:1 and 1 more)\nwarning[{open}]: something is open\n"
            )
        );
    }
}
