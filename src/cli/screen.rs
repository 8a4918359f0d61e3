//! Where everything that is printed passes: data to stdout, messages to stderr, secrets nowhere.

use super::args::{Global, When};
use crate::diag::{Diagnostic, Diagnostics, SourceMap, Style, render};
use crate::lang::value::{Kind, Value};
use aho_corasick::AhoCorasick;
use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};

/// Strings shorter than this are masked by their path alone: `yes` or `eu` would black out half of a page.
const MASKED_BYTES_MIN: usize = 4;
/// What stands in place of a secret.
pub(super) const MASK: &str = "(sensitive value)";

/// The two streams, and what must not be seen on them.
pub(super) struct Screen {
    style: Style,
    error_style: Style,
    secrets: BTreeSet<String>,
    masker: Option<AhoCorasick>,
}

impl Screen {
    pub(super) fn new(global: &Global) -> Self {
        let style = |terminal: bool| {
            let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
            let colour = match global.color {
                _ if global.no_color => false,
                When::Always => true,
                When::Never => false,
                When::Auto if set("NO_COLOR") => false,
                When::Auto if set("CLICOLOR_FORCE") => true,
                When::Auto => terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
            };
            if colour { Style::Colour } else { Style::Plain }
        };
        Self {
            style: style(std::io::stdout().is_terminal()),
            error_style: style(std::io::stderr().is_terminal()),
            secrets: BTreeSet::new(),
            masker: None,
        }
    }

    /// How stdout is coloured.
    pub(super) fn style(&self) -> Style {
        self.style
    }

    /// From now on the sensitive strings in `value` are masked wherever they turn up.
    pub(super) fn hide(&mut self, value: &Value) {
        if gather(value, false, &mut self.secrets) {
            self.masker = AhoCorasick::builder()
                .match_kind(aho_corasick::MatchKind::LeftmostLongest)
                .build(&self.secrets)
                .ok();
        }
    }

    /// Text without the secrets that are known.
    pub(super) fn masked(&self, text: &str) -> String {
        match &self.masker {
            Some(masker) => masker.replace_all(text, &vec![MASK; masker.patterns_len()]),
            None => text.to_owned(),
        }
    }

    /// Data. Nobody listening is not an error.
    pub(super) fn print(&self, text: &str) {
        let mut out = anstream::AutoStream::new(std::io::stdout().lock(), choice(self.style));
        let _ = out.write_all(self.masked(text).as_bytes()).and_then(|()| out.flush());
    }

    /// Text of the user's own files, byte for byte.
    pub(super) fn print_whole(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(self.masked(text).as_bytes()).and_then(|()| out.flush());
    }

    /// A JSON document, its secrets masked.
    pub(super) fn print_json(&self, mut document: serde_json::Value) {
        mask_json(&mut document, &|text| self.masked(text));
        let text = serde_json::to_string_pretty(&document).expect("a document has only string keys");
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{text}");
    }

    /// A message for whoever watches.
    pub(super) fn say(&self, text: &str) {
        let mut out = anstream::AutoStream::new(std::io::stderr().lock(), choice(self.error_style));
        let _ = out.write_all(self.masked(text).as_bytes()).and_then(|()| out.flush());
    }

    /// Messages with their places.
    pub(super) fn report(&self, messages: &Diagnostics, sources: &SourceMap) {
        for message in messages {
            self.report_one(message, sources);
        }
    }

    /// One message with its place.
    pub(super) fn report_one(&self, message: &Diagnostic, sources: &SourceMap) {
        self.say(&(render(message, sources, self.error_style) + "\n"));
    }
}

fn choice(style: Style) -> anstream::ColorChoice {
    match style {
        Style::Plain => anstream::ColorChoice::Never,
        Style::Colour => anstream::ColorChoice::AlwaysAnsi,
    }
}

/// Adds the strings of a value that are sensitive; tells whether there was a new one.
fn gather(value: &Value, sensitive: bool, secrets: &mut BTreeSet<String>) -> bool {
    let sensitive = sensitive || value.marks().is_sensitive();
    match value.kind() {
        Kind::String(text) if sensitive && text.len() >= MASKED_BYTES_MIN => secrets.insert(text.to_string()),
        _ => value.children().fold(false, |new, child| gather(child, sensitive, secrets) | new),
    }
}

fn mask_json(json: &mut serde_json::Value, mask: &dyn Fn(&str) -> String) {
    match json {
        serde_json::Value::String(text) => *text = mask(text),
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| mask_json(item, mask)),
        serde_json::Value::Object(entries) => entries.values_mut().for_each(|item| mask_json(item, mask)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::value::Marks;

    #[test]
    fn secrets_are_masked_wherever_they_turn_up_and_short_ones_are_not() {
        let global = Global { chdir: None, color: When::Never, no_color: true };
        let mut screen = Screen::new(&global);
        screen.hide(&Value::tuple([
            Value::string("hunter2").marked(Marks::SENSITIVE),
            Value::string("abc").marked(Marks::SENSITIVE),
            Value::string("public"),
            Value::object([("k".into(), Value::string("hunter22"))]).marked(Marks::SENSITIVE),
        ]));
        assert_eq!(screen.masked("x=hunter2;"), "x=(sensitive value);");
        assert_eq!(screen.masked("hunter22"), "(sensitive value)");
        assert_eq!(screen.masked("abc public"), "abc public");
        let mut json = serde_json::json!({"a": ["hunter2"], "b": 1});
        mask_json(&mut json, &|text| screen.masked(text));
        assert_eq!(json, serde_json::json!({"a": ["(sensitive value)"], "b": 1}));
    }
}
