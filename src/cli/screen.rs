//! Where everything that is printed passes: data to stdout, messages to stderr, secrets nowhere.

use super::args::{Global, When};
use super::discretion;
use super::view::github::data;
use super::view::markdown::plain;
pub(super) use crate::diag::MASK;
use crate::diag::{Diagnostic, Diagnostics, SourceMap, Style, escape, render};
use crate::lang::value::{Kind, Value};
use aho_corasick::AhoCorasick;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Write};

/// Strings shorter than this are masked by their path alone: `yes` or `eu` would black out half of a page.
const MASKED_BYTES_MIN: usize = 4;
/// How a text may be spelled by the time it is printed: escapes inside escapes, as of JSON in JSON in HCL.
const SPELLINGS_DEPTH: usize = 3;

/// Bytes of a secret that are searched for; what follows on its line is masked with them.
const PATTERN_BYTES_MAX: usize = 1024;

/// The two streams, and what must not be seen on them.
pub(super) struct Screen {
    style: Style,
    error_style: Style,
    secrets: BTreeSet<String>,
    /// Texts that nobody said are sensitive, and that are masked all the same.
    discreet: BTreeSet<String>,
    /// Finds the secrets in all their spellings; made when something is printed after new ones came.
    masker: OnceCell<Option<Masker>>,
    /// The same with all that is masked.
    full_masker: OnceCell<Option<Masker>>,
    /// Whether everything is shown.
    everything: bool,
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
            discreet: BTreeSet::new(),
            masker: OnceCell::new(),
            full_masker: OnceCell::new(),
            everything: false,
        }
    }

    /// How stdout is coloured.
    pub(super) fn style(&self) -> Style {
        self.style
    }

    /// From now on the sensitive strings in `value` are masked wherever they turn up.
    pub(super) fn hide(&mut self, value: &Value) {
        if gather(value, false, &mut self.secrets) {
            self.masker.take();
            self.full_masker.take();
        }
        self.hide_named(value);
    }

    /// From now on what is secret by its name is masked wherever it turns up.
    fn hide_named(&mut self, value: &Value) {
        let discreet = &mut self.discreet;
        let mut new = false;
        discretion::each_secret(value, &mut |text| new |= discreet.insert(text.to_owned()));
        if new {
            self.full_masker.take();
        }
    }

    /// From now on nothing is masked: somebody asked for that.
    pub(super) fn show_everything(&mut self) {
        self.everything = true;
    }

    /// Whether nothing is masked.
    pub(super) fn shows_everything(&self) -> bool {
        self.everything
    }

    /// A value as it is shown.
    pub(super) fn shown(&self, value: Value) -> Value {
        let other = if self.everything { discretion::bare(&value) } else { discretion::marked(&value) };
        other.unwrap_or(value)
    }

    /// A value with a name, likewise.
    pub(super) fn shown_as(&self, name: &str, value: Value) -> Value {
        let marked = |value: &Value| discretion::marked_as(name, value);
        let other = if self.everything { discretion::bare(&value) } else { marked(&value) };
        other.unwrap_or(value)
    }

    /// Text without the secrets that are known, however they are spelled in it, and without what looks like one.
    pub(super) fn masked<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.everything { Cow::Borrowed(text) } else { self.hidden(text) }
    }

    fn hidden<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let all = || Masker::new(&self.secrets.union(&self.discreet).cloned().collect());
        match self.full_masker.get_or_init(all) {
            Some(masker) => Cow::Owned(discretion::without_tokens(&masker.mask(text)).into_owned()),
            None => discretion::without_tokens(text),
        }
    }

    /// Whether a secret stands in a text, in whatever spelling.
    pub(super) fn hides(&self, text: &str) -> bool {
        let masker = self.masker.get_or_init(|| Masker::new(&self.secrets));
        masker.as_ref().is_some_and(|masker| masker.finds(text))
    }

    /// Data. Nobody listening is not an error.
    pub(super) fn print(&self, text: &str) {
        self.print_open(&self.masked(text));
    }

    /// Data whose secrets are masked already, or are meant to be seen.
    pub(super) fn print_open(&self, text: &str) {
        let mut out = anstream::AutoStream::new(std::io::stdout().lock(), choice(self.style));
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Text of the user's own files, byte for byte.
    pub(super) fn print_whole(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(self.masked(text).as_bytes()).and_then(|()| out.flush());
    }

    /// A JSON document, its secrets masked.
    pub(super) fn print_json(&self, document: serde_json::Value) {
        let text = self.json_text(document);
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{text}");
    }

    /// A JSON document on one line, its secrets masked.
    pub(super) fn print_json_line(&self, mut document: serde_json::Value) {
        mask_json(&mut document, &|text| self.masked(text));
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{}", escape_json(&document.to_string())).and_then(|()| out.flush());
    }

    /// A JSON document as text over many lines, its secrets masked.
    pub(super) fn json_text(&self, mut document: serde_json::Value) -> String {
        mask_json(&mut document, &|text| self.masked(text));
        escape_json(&serde_json::to_string_pretty(&document).expect("a document has only string keys"))
    }

    /// A JSON document that is kept: without secrets even where somebody asked to see them.
    pub(super) fn without_secrets(&self, mut document: serde_json::Value) -> serde_json::Value {
        mask_json(&mut document, &|text| self.hidden(text));
        document
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
        if messages.left_out() > 0 {
            self.say(&format!("{} more messages are not shown: mend these first.\n\n", messages.left_out()));
        }
    }

    /// One message with its place.
    pub(super) fn report_one(&self, message: &Diagnostic, sources: &SourceMap) {
        self.say(&(render(message, sources, self.error_style) + "\n"));
    }
}

/// A message that cannot wait for the screen of a command, and in which nothing is secret.
pub(super) fn announce(text: &str) {
    let _ = std::io::stderr().lock().write_all(escape(text).as_bytes());
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

/// Finds secrets in text.
struct Masker {
    finder: AhoCorasick,
    /// Whether a pattern is only the beginning of a spelling.
    is_cut: Vec<bool>,
}

impl Masker {
    fn new(secrets: &BTreeSet<String>) -> Option<Self> {
        if secrets.is_empty() {
            return None;
        }
        let mut patterns = BTreeMap::new();
        for spelling in secrets.iter().flat_map(|secret| spellings(secret)) {
            let end = spelling.floor_char_boundary(PATTERN_BYTES_MAX);
            let pattern = spelling.get(..end).unwrap_or("").to_owned();
            *patterns.entry(pattern).or_default() |= end < spelling.len();
        }
        let longest_first = aho_corasick::MatchKind::LeftmostLongest;
        let built = AhoCorasick::builder().match_kind(longest_first).build(patterns.keys());
        // What cannot be searched for must not be printed.
        let finder = built.expect("there are fewer than 2^31 bytes of secrets in a plan");
        Some(Self { finder, is_cut: patterns.into_values().collect() })
    }

    fn finds(&self, text: &str) -> bool {
        self.finder.find_iter(text).any(|found| !found.is_empty())
    }

    fn mask(&self, text: &str) -> String {
        let (mut out, mut at) = (String::with_capacity(text.len()), 0);
        for found in self.finder.find_iter(text).filter(|found| !found.is_empty()) {
            if found.start() < at {
                continue;
            }
            out.push_str(text.get(at..found.start()).unwrap_or(""));
            out.push_str(MASK);
            at = found.end();
            if self.is_cut.get(found.pattern().as_usize()) == Some(&true) {
                // The rest of a long secret: nobody reads what else stands on such a line.
                let rest = text.get(at..).unwrap_or("");
                at += rest.find('\n').unwrap_or(rest.len());
            }
        }
        out.push_str(text.get(at..).unwrap_or(""));
        out
    }
}

/// A secret as it may stand in what is printed: whole and, if it has several lines, each line; as it is, and escaped
/// as JSON, HCL, Rust, addresses and our own messages do.
fn spellings(secret: &str) -> BTreeSet<String> {
    let lines = secret.lines().map(str::trim).filter(|line| line.len() >= MASKED_BYTES_MIN);
    let mut all: BTreeSet<String> = lines.chain([secret]).map(str::to_owned).collect();
    // Only the beginning of a long one is searched for, and an escape never makes a text shorter.
    let cut =
        |text: &str| text.get(..text.floor_char_boundary(PATTERN_BYTES_MAX + 1)).unwrap_or("").to_owned();
    all = all
        .iter()
        .map(|text| if text.len() > PATTERN_BYTES_MAX { cut(text) } else { text.clone() })
        .collect();
    for _ in 0..SPELLINGS_DEPTH {
        let escaped: Vec<_> = all.iter().flat_map(|text| escaped(text)).collect();
        all.extend(escaped);
    }
    // What is written into comments and annotations is escaped last, and once.
    let outermost: Vec<_> = all.iter().flat_map(|text| [plain(text), data(text)]).collect();
    all.extend(outermost);
    all
}

fn escaped(text: &str) -> [String; 5] {
    let bare = |quoted: String| {
        let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        inside.unwrap_or(&quoted).to_owned()
    };
    let json = serde_json::Value::from(text).to_string();
    let key = mlo_state::Key::Name(text.into()).to_string();
    let key = key.strip_prefix("[\"").and_then(|rest| rest.strip_suffix("\"]")).unwrap_or(&key).to_owned();
    [bare(json), bare(super::view::quote(text)), bare(format!("{text:?}")), escape(text).into_owned(), key]
}

/// JSON text that cannot steer a terminal: what could is spelled `\u…`, which means the same.
fn escape_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if crate::diag::is_unsafe(character) {
            let mut units = [0; 2];
            out.extend(character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            out.push(character);
        }
    }
    out
}

fn mask_json(json: &mut serde_json::Value, mask: &dyn for<'t> Fn(&'t str) -> Cow<'t, str>) {
    match json {
        serde_json::Value::String(text) => {
            if let Cow::Owned(masked) = mask(text) {
                *text = masked;
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| mask_json(item, mask)),
        serde_json::Value::Object(entries) => {
            entries.values_mut().for_each(|item| mask_json(item, mask));
            if entries.keys().any(|key| mask(key) != *key) {
                let old = std::mem::take(entries);
                for (number, (key, item)) in old.into_iter().enumerate() {
                    let masked = mask(&key).into_owned();
                    // Two masked names may be the same now: the later ones are numbered, so that none is lost.
                    let name =
                        if entries.contains_key(&masked) { format!("{masked} {number}") } else { masked };
                    entries.insert(name, item);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::value::Marks;
    use proptest::prelude::*;

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

    fn screen_hiding(secrets: &[&str]) -> Screen {
        let mut screen = Screen::new(&Global { chdir: None, color: When::Never, no_color: true });
        for secret in secrets {
            screen.hide(&Value::string(*secret).marked(Marks::SENSITIVE));
        }
        screen
    }

    #[test]
    fn names_in_a_document_are_masked_and_none_is_lost() {
        let screen = screen_hiding(&["hunter2", "hunter3"]);
        let mut json = serde_json::json!({"hunter2": 1, "plain": {"hunter3": 2}, "hunter3": 3});
        mask_json(&mut json, &|text| screen.masked(text));
        let text = json.to_string();
        assert!(!text.contains("hunter"), "{text}");
        assert_eq!(json.as_object().map(serde_json::Map::len), Some(3));
    }

    proptest! {
        #[test]
        fn a_secret_is_found_in_every_spelling(secret in "[a-z\"\\\\\n\t${}%\u{1b}\u{202e}é🔑]{4,24}", around in "[a-z\" ]{0,8}") {
            let screen = screen_hiding(&[&secret]);
            let inside = format!("{around}{secret}{around}");
            let json = serde_json::Value::from(inside.as_str()).to_string();
            let twice = serde_json::Value::from(json.as_str()).to_string();
            for text in [inside.clone(), json, twice, crate::cli::view::quote(&inside), escape(&inside).into_owned(), plain(&inside), data(&inside)] {
                prop_assert!(screen.masked(&text).contains(MASK), "{text:?}");
            }
        }

        #[test]
        fn a_document_cannot_steer_a_terminal_and_means_the_same(text in any::<String>()) {
            let document = serde_json::json!({ text.clone(): [text] });
            let printed = escape_json(&serde_json::to_string_pretty(&document).unwrap());
            prop_assert!(!printed.contains(|c: char| c != '\n' && crate::diag::is_unsafe(c)), "{printed:?}");
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&printed).unwrap(), document);
        }
    }
}
