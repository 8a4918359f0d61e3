//! A plan as a comment on a pull request: the verdict first, what is risky before what is not, and short enough.
//!
//! Goes in: a plan, what the policies said. Comes out: Markdown that GitHub and GitLab render. Never happens: text of a
//! user that ends a fence, makes a link or calls somebody; or more than fits.

use super::Paint;
use super::plan::{Judge, block, changed_outside, counted, one_output};
use super::sarif::is_address;
use crate::cli::discretion::without_tokens;
use crate::diag::{Diagnostics, SourceMap, Style, escape};
use crate::lang::value::Value;
use crate::plan::{Action, Counts, Drift, Kind, Operation, OutputChange, Plan, object_name};
use crate::policy::{Decision, Denial};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Characters of a comment. GitHub takes 65,536; the rest is for what a pipeline puts around it.
const CHARACTERS_MAX: usize = 65_000;
/// Characters that are kept for what says that something was cut.
const CHARACTERS_LAST: usize = 600;
/// Characters of one message of a policy or of one diagnostic.
const MESSAGE_CHARACTERS_MAX: usize = 2_000;
/// Words in the names of types that serve requests.
const SERVING: [&str; 5] = ["service", "deployment", "endpoint", "ingress", "gateway"];

/// A comment as it is gathered.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the run")]
pub(in crate::cli) struct Page {
    environment: String,
    destroys: bool,
    counts: Counts,
    errored: bool,
    applyable: bool,
    sections: Vec<Section>,
    models: Vec<String>,
    drift: Vec<String>,
    policy: String,
    denied: bool,
    messages: String,
    has_errors: bool,
}

/// One object: a line, and its changes in full.
#[derive(Debug)]
struct Section {
    risk: u8,
    line: String,
    diff: String,
}

impl Page {
    /// Takes in which environment it is about: the comment is found again by it, whatever goes wrong.
    pub(in crate::cli) fn about(&mut self, environment: &str) {
        environment.clone_into(&mut self.environment);
    }

    /// Takes in what would be done.
    pub(in crate::cli) fn plan(&mut self, plan: &Plan, errored: bool) {
        self.about(&plan.environment);
        self.destroys = plan.kind == Kind::Destroy;
        (self.counts, self.applyable, self.errored) = (plan.counts(), plan.is_applyable(), errored);
        let judge = Judge::new(plan);
        let changed = plan.operations.iter().filter(|operation| operation.is_change());
        self.sections = changed.map(|operation| section(operation, &judge)).collect();
        // What was changed outside is what a plan that only reads is about; else it stands in the changes.
        if plan.kind == Kind::Refresh {
            self.sections.extend(plan.drift.iter().map(outside));
        }
        let outputs = plan.outputs.iter().filter(|(_, change)| change.is_change());
        self.sections.extend(outputs.map(|(name, change)| output(name, change)));
        self.sections.sort_by_key(|section| section.risk);
        self.models = plan.operations.iter().filter_map(model).collect();
        self.drift = plan.drift.iter().map(|drift| code(&drift.address.to_string())).collect();
    }

    /// Takes in that the policies let it through.
    pub(in crate::cli) fn approval(&mut self, decision: &Decision) {
        let _ = writeln!(self.policy, "Policy: {}.", counted(decision));
        self.told(decision);
    }

    /// Takes in what stops nothing, and why.
    fn told(&mut self, decision: &Decision) {
        for warning in &decision.warnings {
            let rule = warning.rule.as_deref().map(|rule| format!("{}: ", code(rule))).unwrap_or_default();
            let why = warning.diagnostic().detail;
            let is_excused = warning.overridden.is_some() || warning.waiver.is_some() || warning.undetermined;
            let why = if is_excused && !why.is_empty() { format!(" {}", plain(&why)) } else { String::new() };
            let _ = writeln!(self.policy, "- {rule}{}{why}", plain(&warning.message));
        }
    }

    /// Takes in that the policies did not, and why.
    pub(in crate::cli) fn denial(&mut self, denial: &Denial, sources: &SourceMap) {
        self.denied = true;
        let _ = writeln!(self.policy, "**{}**\n", plain(&denial.headline()));
        for violation in &denial.violations {
            let place =
                violation.span.map(|span| format!(" at {}", code(&sources.place(span)))).unwrap_or_default();
            let (rule, docs) = (code(&violation.rule), more(&violation.docs));
            let _ = writeln!(self.policy, "- {rule}{place}: {}{docs}", plain(&violation.message));
        }
        for failure in &denial.failures {
            let _ = writeln!(self.policy, "- {}", plain(&failure.diagnostic().summary));
        }
        if let Some(decision) = &denial.decision {
            self.told(decision);
        }
        for action in denial.actions() {
            let _ = writeln!(self.policy, "- Action required: {}", plain(&action));
        }
    }

    /// Takes in messages.
    pub(in crate::cli) fn messages(&mut self, messages: &Diagnostics, sources: &SourceMap) {
        self.has_errors |= messages.has_errors();
        for message in messages {
            let message = message.censored(sources);
            let place = message.labels.first().map(|label| sources.place(label.span));
            let place = place.map(|place| format!(" at {}", code(&place))).unwrap_or_default();
            let word = if message.severity == crate::diag::Severity::Error { "❌" } else { "⚠️" };
            let _ =
                writeln!(self.messages, "- {word} {}{place}: {}", message.code.id, plain(&message.summary));
        }
    }

    /// The comment. `mask` hides secrets; `whole` says where all of it is.
    pub(in crate::cli) fn text(&self, mask: &dyn Fn(&str) -> String, whole: &str) -> String {
        let mut out = mask(&self.head());
        let limit = CHARACTERS_MAX - CHARACTERS_LAST;
        let mut room = limit.saturating_sub(out.chars().count());
        let mut put = |text: &str, out: &mut String| {
            let length = text.chars().count();
            let fits = length <= room;
            if fits {
                out.push_str(text);
                room -= length;
            }
            fits
        };
        let mut cut = Vec::new();
        for (name, text) in [("the policies", &self.policy), ("messages", &self.messages)] {
            if !text.is_empty() && !put(&format!("\n{}", mask(text)), &mut out) {
                cut.push(name.to_owned());
            }
        }
        // A line of each is worth more than all of a few: lines first, then as many changes in full as fit.
        let lines: Vec<_> = self.sections.iter().map(|section| mask(&section.line)).collect();
        if !lines.is_empty() {
            put("\n", &mut out);
        }
        let shown = lines.iter().take_while(|line| put(line, &mut out)).count();
        if shown < lines.len() {
            cut.push(format!("{} of {} objects", lines.len() - shown, lines.len()));
        }
        let mut left_out = 0;
        if shown == lines.len() && !lines.is_empty() {
            let mut details = String::new();
            for section in &self.sections {
                let text = fenced(&mask(&section.diff));
                if put(&text, &mut details) {
                    continue;
                }
                left_out += 1;
            }
            if !details.is_empty() {
                let _ = write!(out, "\n<details><summary>Changes</summary>\n\n{details}</details>\n");
            }
        }
        if left_out > 0 {
            cut.push(format!("the changes of {left_out} of {} objects", lines.len()));
        }
        if !cut.is_empty() {
            let _ = write!(out, "\n✂️ Cut to fit into a comment: {}. {whole}\n", cut.join("; "));
        }
        out
    }

    /// The marker by which a later run finds its comment, the verdict, the counts, and the models.
    fn head(&self) -> String {
        let is_safe = |c: &char| c.is_ascii_alphanumeric() || "_.".contains(*c);
        // A comment of HTML may not hold two hyphens.
        let marker: String = self.environment.chars().map(|c| if is_safe(&c) { c } else { '_' }).collect();
        let verdict = match () {
            () if self.errored || self.has_errors => "❌ failed",
            () if self.denied => "❌ denied by policy",
            () if self.applyable => "✅ can be applied",
            () => "✅ no changes",
        };
        let Counts { add, change, destroy, import } = self.counts;
        let import = if import > 0 { format!("{import} to import, ") } else { String::new() };
        let what = if self.destroys { "mlo destroy" } else { "mlo plan" };
        let mut out = format!(
            "<!-- mlo:plan env={marker} -->\n### {what} · {} · {verdict}\n\n",
            code(&self.environment)
        );
        let _ = writeln!(out, "**{import}{add} to add, {change} to change, {destroy} to destroy**");
        if self.errored {
            out.push_str("\nThis is what was found before the errors; it is not the whole plan.\n");
        }
        if !self.drift.is_empty() {
            let shown: Vec<_> = self.drift.iter().take(10).cloned().collect();
            let more = self.drift.len() - shown.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let _ = write!(out, "\nChanged outside of mlo: {}{more}\n", shown.join(", "));
        }
        if !self.models.is_empty() {
            out.push_str("\n| | model | version | metrics |\n|---|---|---|---|\n");
            self.models.iter().take(50).for_each(|row| out.push_str(row));
        }
        out
    }
}

fn section(operation: &Operation, judge: &Judge<'_>) -> Section {
    let serves = SERVING.iter().any(|word| operation.address.type_name.contains(word));
    let (risk, symbol, what) = match operation.action {
        Action::Delete if serves => (0, "-", "**is destroyed, and it serves**"),
        Action::Replace if serves => (0, "-/+", "**is replaced, and it serves**"),
        Action::Delete => (1, "-", "is destroyed"),
        Action::Replace => (2, "-/+", "is replaced"),
        Action::Update => (3, "~", "is updated"),
        Action::Create => (4, "+", "is created"),
        Action::Forget => (1, ".", "is forgotten: the object stays"),
        Action::NoOp if operation.importing.is_some() => (5, "=", "is imported"),
        Action::Read => (6, "<=", "is read during apply"),
        Action::NoOp => (5, "=", "has moved"),
    };
    let mut diff = String::new();
    block(operation, judge, Paint(Style::Plain), &mut diff);
    Section { risk, line: format!("- `{symbol}` {} {what}\n", code(&operation.address.to_string())), diff }
}

/// An object that was changed outside.
fn outside(drift: &Drift) -> Section {
    let (symbol, what) = if drift.after.is_some() { ("~", "has changed") } else { ("-", "is gone") };
    let name = code(&object_name(&drift.address, drift.deposed.as_deref()));
    let line = format!("- `{symbol}` {name} {what} outside of mlo\n");
    Section { risk: 2, line, diff: changed_outside(drift, Paint(Style::Plain)) }
}

fn output(name: &str, change: &OutputChange) -> Section {
    let (symbol, what) = match (&change.before, &change.after) {
        (None, _) => ("+", "is new"),
        (_, None) => ("-", "goes"),
        _ => ("~", "changes"),
    };
    let line = format!("- `{symbol}` output {} {what}\n", code(name));
    Section { risk: 7, line, diff: one_output(name, change, 0, Paint(Style::Plain)) }
}

/// A row of the table of models: what serves one, with its version and the figures that differ.
fn model(operation: &Operation) -> Option<String> {
    let (prior, planned) = (operation.prior.as_ref(), operation.planned.as_ref());
    let either = planned.filter(|_| operation.action != Action::Delete).or(prior)?;
    either.get("model_version")?;
    let symbol = match operation.action {
        Action::NoOp | Action::Forget | Action::Read => return None,
        Action::Create => "+",
        Action::Delete => "-",
        Action::Update | Action::Replace => "~",
    };
    let text = |value: Option<&Value>, name: &str| -> Option<String> {
        value?.get(name)?.as_str().map(|text| code(text).replace('|', "\\|"))
    };
    let arrow = |old: Option<String>, new: Option<String>| match (old, new) {
        (Some(old), Some(new)) if old != new => format!("{old} → **{new}**"),
        (old, new) => new.or(old).unwrap_or_else(|| "–".to_owned()),
    };
    let next = planned.filter(|_| operation.action != Action::Delete);
    let version = arrow(text(prior, "model_version"), text(next, "model_version"));
    let figures = |value: Option<&Value>| -> BTreeMap<String, f64> {
        let entries = value.and_then(|value| value.get("metrics")).and_then(Value::as_entries);
        let entries = entries.into_iter().flatten();
        entries.filter_map(|(name, value)| Some((name.to_string(), value.as_number()?.as_f64()))).collect()
    };
    let (old, new) = (figures(prior), figures(next));
    let names: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let figures: Vec<_> = names
        .into_iter()
        .filter_map(|name| {
            let shown = match (old.get(name), new.get(name)) {
                #[expect(clippy::float_cmp, reason = "the same text was read to the same number")]
                (Some(old), Some(new)) if old == new => return None,
                (Some(old), Some(new)) => format!("{old} → **{new}** ({:+.4})", new - old),
                (None, Some(new)) => format!("{new}"),
                (Some(old), None) => format!("{old} → none"),
                (None, None) => return None,
            };
            Some(format!("{} {shown}", plain(name)))
        })
        .collect();
    let name = arrow(text(prior, "name"), text(next, "name"));
    Some(format!("| `{symbol}` | {name} | {version} | {} |\n", figures.join(", ")))
}

/// Text of a user between Markdown: nothing in it is markup, a link or a mention. What looks like a secret is masked
/// before it looks like something else.
pub(in crate::cli) fn plain(text: &str) -> String {
    let mut out = String::new();
    for character in escape(&without_tokens(text)).chars().take(MESSAGE_CHARACTERS_MAX) {
        match character {
            '\n' | '\r' => out.push(' '),
            // As references to characters, which neither markup nor mentions are made of.
            c if c.is_ascii_punctuation() && !",.;()'".contains(c) => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            // What looks like the host of a link is broken up by a joiner that is not seen.
            c => out.push(c),
        }
    }
    out.replace("www.", "www&#46;")
}

/// Where more is said of a rule, after what it says; nothing if nowhere.
fn more(docs: &str) -> String {
    match docs {
        "" => String::new(),
        // Such an address has nothing that would end the link.
        docs if is_address(docs) => format!(" ([more]({docs}))"),
        docs => format!(" (more: {})", code(docs)),
    }
}

/// Text of a user as code, on one line.
fn code(text: &str) -> String {
    let text = escape(text).replace(['\n', '\r'], " ");
    let fence = "`".repeat(longest_run(&text) + 1);
    let space = if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// A diff in a fence that nothing in it can end. The symbols stand first, where they are coloured.
fn fenced(text: &str) -> String {
    let fence = "`".repeat((longest_run(text) + 1).max(3));
    let mut out = format!("{fence}diff\n");
    for line in text.trim_end().lines() {
        let rest = line.trim_start_matches(' ');
        let pad = line.get(..line.len() - rest.len()).unwrap_or("");
        let (symbol, rest) = match rest.split_at_checked(2) {
            Some(("+ ", rest)) => ("+", rest),
            Some(("- ", rest)) => ("-", rest),
            Some(("~ ", rest)) => ("!", rest),
            Some(("-/", rest)) if rest.starts_with("+ ") => ("!", rest.get(2..).unwrap_or("")),
            Some(("# ", rest)) if pad.len() == 2 => ("@@", rest),
            _ => ("", rest),
        };
        let _ = match symbol {
            "" => writeln!(out, " {line}"),
            "@@" => writeln!(out, "@@ {rest} @@"),
            symbol => writeln!(out, "{symbol}{pad} {rest}"),
        };
    }
    out + &fence + "\n"
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(sections: usize, bytes: usize) -> Page {
        let section = |number| Section {
            risk: 4,
            line: format!("- `+` `terraform_data.a[{number}]` is created\n"),
            diff: format!(
                "  # a[{number}] will be created\n  + resource {{\n      + v = \"{}\"\n    }}\n",
                "x".repeat(bytes)
            ),
        };
        Page {
            environment: "dev".to_owned(),
            sections: (0..sections).map(section).collect(),
            ..Page::default()
        }
    }

    #[test]
    fn a_comment_always_fits_and_says_what_was_cut() {
        for (sections, bytes, says) in [
            (3, 10, None),
            (100, 2_000, Some("the changes of")),
            (10_000, 10, Some("of 10000 objects")),
            (1, 200_000, Some("the changes of 1 of 1 objects")),
        ] {
            let text = page(sections, bytes).text(&str::to_owned, "All of it: `plan.json`.");
            assert!(text.chars().count() <= CHARACTERS_MAX, "{}", text.len());
            assert_eq!(text.contains("✂️"), says.is_some());
            assert!(text.contains(says.unwrap_or("### mlo plan")), "{sections} of {bytes}");
            assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
        }
    }

    #[test]
    fn nothing_of_a_user_ends_a_fence_makes_a_link_or_calls_somebody() {
        assert_eq!(
            fenced("  + a\n```\n</details> @all\n"),
            "````diff\n+   a\n ```\n </details> @all\n````\n"
        );
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(
            plain("@all <b> [x](http://y) **z**\n#1 www.y"),
            "&#64;all &#60;b&#62; &#91;x&#93;(http&#58;&#47;&#47;y) &#42;&#42;z&#42;&#42; &#35;1 www&#46;y"
        );
        let page = Page { environment: "a --> b".to_owned(), ..Page::default() };
        assert!(page.head().starts_with("<!-- mlo:plan env=a_____b -->\n"), "{}", page.head());
    }
}
