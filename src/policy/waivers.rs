//! Exceptions that the owners of a policy grant for a time: `waivers.yaml` of a bundle.
//!
//! Goes in: texts of a bundle. Comes out: waivers, or everything that is wrong with them, with file, line and column. Never
//! happens: a waiver without an end; one that its day is over for and that still lets something through.

use super::PolicyError;
use super::annotation::matches;
use crate::diag::{SourceMap, Span};
use crate::manifest::yaml::{self, Node, NodeKind};
use std::collections::BTreeMap;

/// Names of files of waivers.
const FILES: [&str; 2] = ["waivers.yaml", "waivers.yml"];
/// Keys of a waiver, and whether each has to be there.
const KEYS: [(&str, bool); 7] = [
    ("rule", true),
    ("subject", true),
    ("reason", true),
    ("owner", true),
    ("approver", true),
    ("expires", true),
    ("environments", false),
];
/// Waivers of a bundle. Each is looked at for each violation.
const WAIVERS_MAX: usize = 1_000;

/// An exception from one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// The rule's id.
    pub rule: String,
    /// The name of a model or the address of an object; `*` stands for any text, `?` for one character.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// Who sees to it that it is not needed any more.
    pub owner: String,
    /// Who granted it.
    pub approver: String,
    /// The last day on which it holds, `2027-01-31`, in UTC.
    pub expires: String,
    /// Where it holds; empty: everywhere.
    pub environments: Vec<String>,
    /// Where it stands: `waivers.yaml:3:5`.
    pub place: String,
}

impl Waiver {
    /// Whether it is over on a day.
    pub(super) fn is_over(&self, today: &str) -> bool {
        // Days are written so that they are in order as texts.
        self.expires.as_str() < today
    }

    /// Whether it is about a model or an object.
    pub(super) fn is_about(&self, name: &str) -> bool {
        matches(&self.subject, name)
    }

    /// Whether it is about a rule in an environment.
    pub(super) fn is_for(&self, rule: &str, environment: &str) -> bool {
        self.rule == rule && self.is_in(environment)
    }

    /// Whether it holds in an environment.
    pub(super) fn is_in(&self, environment: &str) -> bool {
        self.environments.is_empty() || self.environments.iter().any(|name| name == environment)
    }
}

/// Whether a file of a bundle holds waivers.
pub(super) fn is_file(name: &str) -> bool {
    FILES.contains(&name.rsplit('/').next().unwrap_or(name))
}

/// Reads the waivers of a bundle: name relative to the bundle to text.
pub(super) fn read(files: &BTreeMap<String, String>) -> Result<Vec<Waiver>, PolicyError> {
    let mut reading = Reading { sources: SourceMap::new(), faults: Vec::new() };
    let mut waivers = Vec::new();
    for (name, text) in files {
        waivers.extend(reading.file(name, text));
    }
    if waivers.len() > WAIVERS_MAX {
        reading.faults.push(format!("{} waivers, and a bundle has at most {WAIVERS_MAX}", waivers.len()));
    }
    if reading.faults.is_empty() { Ok(waivers) } else { Err(PolicyError::Waivers { faults: reading.faults }) }
}

struct Reading {
    sources: SourceMap,
    faults: Vec<String>,
}

impl Reading {
    fn say(&mut self, span: Span, what: &str) {
        let place = self.sources.place(span);
        self.faults.push(format!("{place}: {what}"));
    }

    fn file(&mut self, name: &str, text: &str) -> Vec<Waiver> {
        let source = self.sources.add(name, text);
        let parsed = yaml::parse(text, source);
        let problems = parsed.documents.iter().flat_map(|document| &document.problems);
        for problem in parsed.stopped.iter().chain(problems) {
            let span = problem.labels.first().map_or(Span { source, start: 0, end: 0 }, |label| label.span);
            self.say(span, &problem.summary);
        }
        let root = match parsed.documents.as_slice() {
            [] => return Vec::new(),
            [document] => &document.root,
            [_, second, ..] => {
                self.say(second.root.span, "a second document: all waivers stand in one list");
                return Vec::new();
            }
        };
        let entries = root.entries().unwrap_or_default();
        for entry in entries.iter().filter(|entry| &*entry.key != "waivers") {
            self.say(
                entry.key_span,
                &format!("`{}` is not known here: the file has the list `waivers`", entry.key),
            );
        }
        match root.get("waivers").map(|list| (list, &list.kind)) {
            Some((list, NodeKind::Sequence(_))) => {
                list.items().unwrap_or_default().iter().filter_map(|item| self.waiver(item)).collect()
            }
            Some((_, NodeKind::Null)) => Vec::new(),
            Some((other, _)) => {
                self.say(other.span, &format!("`waivers` is {}, and must be a list", other.kind_name()));
                Vec::new()
            }
            None if root.kind == NodeKind::Null || !entries.is_empty() => Vec::new(),
            None => {
                self.say(root.span, "the file must have the list `waivers`");
                Vec::new()
            }
        }
    }

    /// One waiver; nothing if something is wrong with it, which is said.
    fn waiver(&mut self, node: &Node) -> Option<Waiver> {
        let faults = self.faults.len();
        let Some(entries) = node.entries() else {
            self.say(node.span, &format!("a waiver is {}, and must be a mapping", node.kind_name()));
            return None;
        };
        for entry in entries.iter().filter(|entry| !KEYS.iter().any(|(key, _)| *key == &*entry.key)) {
            let known: Vec<_> = KEYS.iter().map(|(key, _)| format!("`{key}`")).collect();
            let what = format!("`{}` is not known here: a waiver has {}", entry.key, known.join(", "));
            self.say(entry.key_span, &what);
        }
        let mut texts = BTreeMap::new();
        for (key, _) in KEYS.iter().filter(|(_, needed)| *needed) {
            texts.insert(*key, self.text(node, key).unwrap_or_default());
        }
        let environments = self.environments(node);
        let mut take = |key: &str| texts.remove(key).unwrap_or_default();
        let waiver = Waiver {
            rule: take("rule"),
            subject: take("subject"),
            reason: take("reason"),
            owner: take("owner"),
            approver: take("approver"),
            expires: take("expires"),
            environments,
            place: self.sources.place(node.span),
        };
        if !waiver.expires.is_empty() && !is_day(&waiver.expires) {
            let span = node.get("expires").map_or(node.span, |node| node.span);
            self.say(span, "`expires` must be the last day on which it holds, such as 2027-01-31");
        }
        (self.faults.len() == faults).then_some(waiver)
    }

    fn text(&mut self, node: &Node, key: &str) -> Option<String> {
        let (span, why) = match node.entry(key) {
            None => (node.span, "is missing".to_owned()),
            Some(entry) => match entry.value.as_str().map(str::trim) {
                Some("") => (entry.value.span, "is empty".to_owned()),
                Some(text) => return Some(text.to_owned()),
                None => (entry.value.span, format!("is {}, and must be a string", entry.value.kind_name())),
            },
        };
        let hint = if key == "expires" { ": a waiver holds for a time" } else { "" };
        self.say(span, &format!("`{key}` {why}{hint}"));
        None
    }

    fn environments(&mut self, node: &Node) -> Vec<String> {
        let Some(list) = node.get("environments") else { return Vec::new() };
        let names: Option<Vec<_>> = list
            .items()
            .map(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect())
            .unwrap_or_default();
        match names {
            // An empty list would read as nowhere, and mean everywhere.
            Some(names) if !names.is_empty() => names,
            _ => {
                self.say(list.span, "`environments` must be a list of names, or be left out");
                Vec::new()
            }
        }
    }
}

/// Whether a text is a day, in the one form that is in order as a text.
fn is_day(text: &str) -> bool {
    let is_plain =
        |(at, byte): (usize, u8)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() };
    let has_form = text.len() == "2027-01-31".len() && text.bytes().enumerate().all(is_plain);
    has_form && text.parse::<jiff::civil::Date>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(text: &str) -> Result<Vec<Waiver>, String> {
        read(&[("team/waivers.yaml".to_owned(), text.to_owned())].into()).map_err(|error| match error {
            PolicyError::Waivers { faults } => faults.join("\n"),
            other => other.to_string(),
        })
    }

    const WHOLE: &str = "waivers:\n  - rule: accuracy\n    subject: fraud-*\n    reason: new data in May\n    owner: ann\n    \
                         approver: ben\n    expires: 2027-01-31\n    environments: [dev]\n";

    #[test]
    fn a_waiver_says_all_of_it_and_holds_on_its_last_day() {
        let [waiver] = &read_one(WHOLE).unwrap()[..] else { panic!("one") };
        assert_eq!((waiver.rule.as_str(), waiver.place.as_str()), ("accuracy", "team/waivers.yaml:2:5"));
        assert!(waiver.is_for("accuracy", "dev") && !waiver.is_for("accuracy", "prod"));
        assert!(!waiver.is_over("2027-01-31") && waiver.is_over("2027-02-01"));
        for empty in ["", "waivers:\n", "waivers: []\n", "# none\n"] {
            assert_eq!(read_one(empty), Ok(Vec::new()), "{empty:?}");
        }
    }

    #[test]
    fn whatever_is_wrong_is_said_with_its_place() {
        for (from, to, expected) in [
            (
                "    expires: 2027-01-31\n",
                "",
                "team/waivers.yaml:2:5: `expires` is missing: a waiver holds for a time",
            ),
            (
                "2027-01-31",
                "soon",
                "team/waivers.yaml:7:14: `expires` must be the last day on which it holds",
            ),
            ("2027-01-31", "2027-02-30", "team/waivers.yaml:7:14: `expires` must be"),
            ("2027-01-31", "\"2027-01-31T00:00\"", "team/waivers.yaml:7:14: `expires` must be"),
            ("2027-01-31", "\"20270131\"", "team/waivers.yaml:7:14: `expires` must be"),
            ("2027-01-31", "\"2027-W05-7\"", "team/waivers.yaml:7:14: `expires` must be"),
            ("owner: ann", "owner: \"\"", "team/waivers.yaml:5:12: `owner` is empty"),
            ("rule: accuracy", "rule: 1", "team/waivers.yaml:2:11: `rule` is a number, and must be a string"),
            ("owner:", "Owner:", "team/waivers.yaml:5:5: `Owner` is not known here"),
            ("[dev]", "[]", "team/waivers.yaml:8:19: `environments` must be a list of names"),
            ("waivers:", "exceptions:", "team/waivers.yaml:1:1: `exceptions` is not known here"),
        ] {
            let said = read_one(&WHOLE.replacen(from, to, 1)).unwrap_err();
            assert!(said.lines().any(|line| line.starts_with(expected)), "{to}: {said}");
        }
        assert!(read_one("waivers: all\n").unwrap_err().contains("must be a list"));
        assert!(read_one("- a\n").unwrap_err().contains("must have the list"));
        let two =
            format!("{WHOLE}{}", WHOLE.replace("waivers:\n", "").replace("    expires: 2027-01-31\n", ""));
        assert_eq!(read_one(&two.replace("owner: ann", "")).unwrap_err().lines().count(), 3, "all at once");
    }
}
