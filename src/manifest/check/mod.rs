//! A tree against the table of fields: all that is wrong with a manifest, each with its place.
//!
//! Goes in: a document. Comes out: errors. Never happens: a word on what the policy decides (metrics, fairness, drift,
//! framework, dependencies, data sources, experiment), except that their blocks have the fields that they have.

mod amount;
mod cron;
mod cross;
mod date;
mod format;
mod unknown;

use super::schema::{self, Field, Measure, Shape};
use super::yaml::{Entry, Exact, Node, NodeKind, exact, is_finite};
use crate::diag::{Code, Diagnostic, Diagnostics, Span, code};

/// Errors told of one document; more would not be read.
const ERRORS_MAX: usize = 50;

/// All errors of a document that is known to be one of ours.
pub(super) fn check(root: &Node) -> Diagnostics {
    let mut check = Check { out: Diagnostics::new(), left_out: false };
    match &root.kind {
        NodeKind::Mapping(entries) => {
            check.header(root);
            check.fields("", entries, schema::ROOT, header_span(root));
            check.numbers("", root);
            cross::check(&mut check, root);
        }
        _ => check.wrong_type("", root, &Shape::Object(schema::ROOT)),
    }
    check.out.sort();
    if check.left_out {
        let more = Diagnostic::error(code::manifest::LIMIT, "this manifest has more errors than are shown")
            .at(header_span(root), format!("the first {ERRORS_MAX} are shown"))
            .help("mend these first, and run it again");
        check.out.push(more);
    }
    check.out
}

/// Where a document is best pointed at: its `kind`.
pub(super) fn header_span(root: &Node) -> Span {
    let entry = root.entry("kind").or_else(|| root.entry("apiVersion"));
    entry.or_else(|| root.entries()?.first()).map_or(root.span, |entry| entry.key_span)
}

struct Check {
    out: Diagnostics,
    /// Whether there were more errors than [`ERRORS_MAX`].
    left_out: bool,
}

impl Check {
    fn say(&mut self, diagnostic: Diagnostic) {
        if self.is_full() {
            self.left_out = true;
        } else {
            self.out.push(diagnostic);
        }
    }

    fn is_full(&self) -> bool {
        self.out.len() >= ERRORS_MAX
    }

    /// `kind` and `apiVersion`, which have words of their own.
    fn header(&mut self, root: &Node) {
        for (key, wanted) in [("apiVersion", schema::API_VERSION), ("kind", schema::KIND)] {
            let Some(entry) = root.entry(key) else { continue };
            let found = entry.value.as_str();
            if found == Some(wanted) {
                continue;
            }
            let shown =
                found.map_or_else(|| entry.value.kind_name().to_owned(), |found| format!("`{found}`"));
            let mut diagnostic = Diagnostic::error(
                code::manifest::KIND,
                format!("the `{key}` of a manifest must be `{wanted}`, not {shown}"),
            )
            .at(entry.value.span, format!("expected `{wanted}`"));
            let near = found.and_then(|found| crate::diag::nearest(found, [wanted]));
            if let Some(near) = near {
                diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
            } else if key == "apiVersion" {
                diagnostic = diagnostic.help(format!("this version of mlo knows `{wanted}` alone"));
            }
            self.say(diagnostic);
        }
    }

    /// The entries of a block: unknown, missing, and each known one. `own` is the place of the block's key.
    fn fields(&mut self, path: &str, entries: &[Entry], fields: &'static [Field], own: Span) {
        for entry in entries {
            match fields.iter().find(|field| field.name == &*entry.key) {
                Some(field) => self.field(&join(path, &entry.key), entry, field),
                // What a field could have been meant for takes a while to find out.
                None if self.is_full() => self.left_out = true,
                None => self.say(unknown::field(path, entry, fields)),
            }
        }
        for field in fields.iter().filter(|field| field.required) {
            if !entries.iter().any(|entry| &*entry.key == field.name) {
                self.missing(path, field, own);
            }
        }
    }

    fn missing(&mut self, path: &str, field: &Field, own: Span) {
        let help = match field.shape.fields() {
            [] => format!("add `{}: {}`", field.name, field.example),
            _ => format!("add a block `{}:`", field.name),
        };
        self.say(
            Diagnostic::error(
                code::manifest::MISSING_FIELD,
                format!("`{}` is missing", join(path, field.name)),
            )
            .at(own, format!("needs `{}`", field.name))
            .detail(field.about)
            .help(help),
        );
    }

    fn field(&mut self, path: &str, entry: &Entry, field: &Field) {
        let is_header = matches!(field.name, "apiVersion" | "kind") && path == field.name;
        if is_header {
            return;
        }
        if matches!(entry.value.kind, NodeKind::Null) && !field.governed {
            let is_block = matches!(field.shape, Shape::Object(_) | Shape::Open(..) | Shape::List(_));
            if is_block && !field.required {
                return; // a block whose lines are all commented out
            }
            let summary = format!("`{path}` has no value");
            let help = if field.required { "write one" } else { "write one, or take the line out" };
            self.say(
                Diagnostic::error(code::manifest::MISSING_FIELD, summary)
                    .at(entry.key_span, format!("expected {}", field.shape))
                    .help(help),
            );
            return;
        }
        self.shape(path, &entry.value, &field.shape, field.governed, entry.key_span);
    }

    /// A value against what its field takes. Of a governed one only the names of known blocks are looked at.
    fn shape(&mut self, path: &str, node: &Node, shape: &Shape, governed: bool, own: Span) {
        match (shape, &node.kind) {
            (_, NodeKind::Refused) => {}
            (Shape::Object(fields), NodeKind::Mapping(entries)) => self.fields(path, entries, fields, own),
            (Shape::Open(known, other), NodeKind::Mapping(entries)) if !governed => {
                self.open(path, entries, known, other);
            }
            (Shape::List(of), NodeKind::Sequence(items)) => {
                for (at, item) in items.iter().enumerate() {
                    self.shape(&format!("{path}[{at}]"), item, of, governed, item.span);
                }
            }
            (Shape::Either(first, second), _) if takes_kind(shape, node) => {
                let shape = if takes_kind(first, node) { first } else { second };
                self.shape(path, node, shape, governed, own);
            }
            _ if governed => {}
            (shape, _) => self.value(path, node, shape),
        }
    }

    fn open(&mut self, path: &str, entries: &[Entry], known: &'static [Field], other: &Shape) {
        let is_labels = matches!(path, "metadata.labels" | "metadata.annotations");
        for entry in entries {
            let path = join(path, &entry.key);
            if is_labels && !format::is_label_key(&entry.key) {
                self.say(
                    Diagnostic::error(
                        code::manifest::WRONG_VALUE,
                        format!("`{}` is not a label key", entry.key),
                    )
                    .at(entry.key_span, "expected a name of at most 63 letters, digits, `-`, `_` and `.`")
                    .help("a DNS name and `/` may stand before it, as in `example.com/team`"),
                );
            }
            match known.iter().find(|field| field.name == &*entry.key) {
                Some(field) => self.field(&path, entry, field),
                None => self.shape(&path, &entry.value, other, false, entry.key_span),
            }
        }
    }

    /// A single value.
    fn value(&mut self, path: &str, node: &Node, shape: &Shape) {
        if !takes_kind(shape, node) {
            return self.wrong_type(path, node, shape);
        }
        match (shape, &node.kind) {
            (Shape::Text(form), NodeKind::String(text)) => {
                if let Err(wrong) = format::check(*form, text) {
                    self.wrong_form(path, node, shape, wrong.help);
                }
            }
            (Shape::Choice(words), NodeKind::String(text)) if !words.contains(&&**text) => {
                self.wrong_form(path, node, shape, choice_help(text, words));
            }
            (Shape::Quantity(measure), NodeKind::String(text) | NodeKind::Number(text)) => {
                self.quantity(path, node, *measure, text);
            }
            (Shape::Integer(min, max), NodeKind::Number(text)) => match exact(text) {
                Some(Exact::Integer(whole)) if (*min..=*max).contains(&whole) => {}
                _ => self.wrong_form(path, node, shape, None),
            },
            (Shape::Number(min, max), NodeKind::Number(text)) => match number(text) {
                Some(number) if (*min..=*max).contains(&number) => {}
                _ => self.wrong_form(path, node, shape, None),
            },
            (Shape::Threshold, NodeKind::Number(text)) if number(text).is_none_or(|number| number < 0.0) => {
                self.wrong_form(path, node, shape, None);
            }
            (Shape::Threshold, NodeKind::String(text)) if amount::milliseconds(text).is_none() => {
                let quoted = exact(text).is_some().then(|| format!("put no quotes around it: `{text}`"));
                self.wrong_form(path, node, shape, quoted);
            }
            _ => {}
        }
    }

    fn quantity(&mut self, path: &str, node: &Node, measure: Measure, text: &str) {
        let shape = Shape::Quantity(measure);
        let Some(amount) = amount::quantity(text) else {
            let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|at| *at > 0);
            let (number, suffix) = at.map_or((text, ""), |at| text.split_at(at));
            let suffix = suffix.trim();
            let meant = amount::SUFFIXES.iter().find(|known| {
                known.eq_ignore_ascii_case(suffix) || suffix.eq_ignore_ascii_case(&format!("{known}B"))
            });
            let help =
                meant.filter(|_| !suffix.is_empty()).map(|meant| format!("did you mean `{number}{meant}`?"));
            return self.wrong_form(path, node, &shape, help);
        };
        let whole = amount % amount::NANO == 0;
        let help = match measure {
            Measure::Memory if !whole && text.ends_with('m') => {
                let number = text.trim_end_matches('m');
                Some(format!("`m` is a thousandth of a byte; did you mean `{number}Mi`?"))
            }
            Measure::Memory | Measure::Devices if !whole => None,
            Measure::Cpu | Measure::Memory if amount == 0 => Some("it must be more than nothing".to_owned()),
            _ => return,
        };
        self.wrong_form(path, node, &shape, help);
    }

    fn wrong_form(&mut self, path: &str, node: &Node, shape: &Shape, help: Option<String>) {
        let shown = match &node.kind {
            NodeKind::String(text) | NodeKind::Number(text) => shorten(text),
            _ => node.kind_name().to_owned(),
        };
        let summary = match shape {
            Shape::Text(schema::Format::SemVer) => semver_summary(path, &shown),
            _ if shown.trim().is_empty() => format!("`{path}` is empty"),
            Shape::Text(schema::Format::Uri) if help.is_some() => {
                format!("`{path}` is `{shown}`, which is not a usable address")
            }
            _ => format!("`{path}` is `{shown}`, which is not {shape}"),
        };
        self.error(code::manifest::WRONG_VALUE, summary, node, shape, help);
    }

    fn wrong_type(&mut self, path: &str, node: &Node, shape: &Shape) {
        let path = if path.is_empty() { "a manifest" } else { path };
        let (mut summary, mut help) = (format!("`{path}` must be {shape}, not {}", node.kind_name()), None);
        match (shape, &node.kind) {
            (Shape::Integer(..) | Shape::Number(..), NodeKind::String(text)) if exact(text).is_some() => {
                help = Some(format!("put no quotes around it: `{}`", shorten(text)));
            }
            (Shape::Bool, NodeKind::String(text)) => {
                help = match text.to_ascii_lowercase().as_str() {
                    "yes" | "on" | "y" | "true" => Some("write `true`, without quotes".to_owned()),
                    "no" | "off" | "n" | "false" => Some("write `false`, without quotes".to_owned()),
                    _ => None,
                };
            }
            (Shape::Text(schema::Format::SemVer), NodeKind::Number(text)) => {
                summary = semver_summary(path, text);
                help = format::check(schema::Format::SemVer, text).err().and_then(|wrong| wrong.help);
            }
            (Shape::Text(_) | Shape::Choice(_), NodeKind::Number(text)) => {
                help = Some(format!("put quotes around it: `\"{}\"`", shorten(text)));
            }
            (Shape::Text(_) | Shape::Choice(_), NodeKind::Bool(_)) => {
                help = Some("put quotes around it".to_owned());
            }
            (Shape::List(_), NodeKind::String(text)) => {
                help = Some(format!("write a list: `[{}]`", shorten(text)));
            }
            _ => {}
        }
        self.error(code::manifest::WRONG_TYPE, summary, node, shape, help);
    }

    fn error(&mut self, code: Code, summary: String, node: &Node, shape: &Shape, help: Option<String>) {
        let label = match shape {
            Shape::Text(schema::Format::SemVer) => "expected `X.Y.Z`".to_owned(),
            Shape::Text(schema::Format::Uri) if help.is_some() => String::new(),
            _ => format!("expected {shape}"),
        };
        let label = if summary.contains(&shape.to_string()) { String::new() } else { label };
        let mut diagnostic = Diagnostic::error(code, summary).at(first_line(node), label);
        if let Some(help) = help {
            diagnostic = diagnostic.help(help);
        }
        self.say(diagnostic);
    }

    /// Numbers that a double cannot hold, wherever they stand: a policy would compare another number than the one
    /// that is written.
    fn numbers(&mut self, path: &str, node: &Node) {
        match &node.kind {
            NodeKind::Number(text) if exact(text).is_none() && is_finite(text) => {
                let near = text.parse::<f64>().ok().filter(|near| near.is_finite());
                let mut diagnostic = Diagnostic::error(
                    code::manifest::WRONG_VALUE,
                    format!("`{path}` cannot be held exactly"),
                )
                .at(node.span, "more digits, or a greater power, than a double has");
                if let Some(near) = near {
                    diagnostic = diagnostic.help(format!("round it: `{near}`"));
                }
                self.say(diagnostic);
            }
            NodeKind::Mapping(entries) => {
                for entry in entries {
                    self.numbers(&join(path, &entry.key), &entry.value);
                }
            }
            NodeKind::Sequence(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.numbers(&format!("{path}[{at}]"), item);
                }
            }
            _ => {}
        }
    }
}

fn choice_help(text: &str, words: &[&'static str]) -> Option<String> {
    let meant = match text.to_ascii_lowercase().as_str() {
        "gpu" => words.iter().copied().find(|word| *word == "cuda"),
        _ => None,
    };
    let near = meant.or_else(|| crate::diag::nearest(text, words.iter().copied()))?;
    Some(format!("did you mean `{near}`?"))
}

fn semver_summary(path: &str, shown: &str) -> String {
    let subject = if path == "spec.model.version" { "Model version" } else { "Version" };
    format!("{subject} '{shown}' is not valid semantic versioning (expected: X.Y.Z)")
}

/// Whether a value is of a kind that the shape takes, its form aside.
fn takes_kind(shape: &Shape, node: &Node) -> bool {
    match (shape, &node.kind) {
        (Shape::Text(_) | Shape::Choice(_), NodeKind::String(_))
        | (Shape::Bool, NodeKind::Bool(_))
        | (Shape::Number(..) | Shape::Integer(..), NodeKind::Number(_))
        | (Shape::Quantity(_) | Shape::Threshold, NodeKind::String(_) | NodeKind::Number(_))
        | (Shape::List(_), NodeKind::Sequence(_))
        | (Shape::Object(_) | Shape::Open(..), NodeKind::Mapping(_)) => true,
        (Shape::Either(first, second), _) => takes_kind(first, node) || takes_kind(second, node),
        _ => false,
    }
}

/// The value of a number that can be held; nothing for others and for those that are not finite.
fn number(text: &str) -> Option<f64> {
    Some(match exact(text)? {
        #[expect(clippy::cast_precision_loss, reason = "compared with bounds far below 2^53")]
        Exact::Integer(whole) => whole as f64,
        Exact::Double(double) => double,
    })
}

/// The place of a value; of a block the first line alone, since the whole would bury the message.
fn first_line(node: &Node) -> Span {
    match &node.kind {
        NodeKind::Mapping(entries) => entries.first().map_or(node.span, |entry| entry.key_span),
        NodeKind::Sequence(items) => items.first().map_or(node.span, |item| item.span),
        _ => node.span,
    }
}

/// A value as it is shown in a message.
fn shorten(text: &str) -> String {
    const SHOWN_MAX: usize = 60;
    if text.chars().count() <= SHOWN_MAX {
        return text.to_owned();
    }
    text.chars().take(SHOWN_MAX).chain(['…']).collect()
}

/// `path.key`, with quotes and brackets where the key is not a plain word.
pub(super) fn join(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    match (path, plain) {
        ("", true) => key.to_owned(),
        (_, true) => format!("{path}.{key}"),
        (_, false) => format!("{path}[\"{}\"]", shorten(key)),
    }
}
