//! What a rule says of itself, for those whom it stops.

use super::Level;
use serde::{Deserialize, Serialize};

/// What the comment above a rule says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    /// The rule's id, such as `accuracy`: `custom.rule`, or the name of what the comment stands above.
    pub rule: String,
    /// Whether the comment names the rule.
    pub is_named: bool,
    /// Whether it is about all definitions of that name.
    pub is_about_document: bool,
    /// The name of what the comment stands above, such as `deny`.
    pub head: String,
    /// The package, such as `model.governance`.
    pub package: String,
    /// A few words; may be empty.
    pub title: String,
    /// What must hold, in sentences; may be empty.
    pub description: String,
    /// How much it weighs, if it says so.
    pub level: Option<Level>,
    /// Where more is said of it: an address, or a path in the repository of the policy; may be empty.
    pub docs: String,
    /// What to do when it does not hold, one sentence each.
    pub actions: Vec<String>,
    /// What of the input it looks at: paths of the manifest, or `TYPE.ARGUMENT` of objects, where `*` stands for any text.
    /// Nothing: it does not say.
    pub reads: Option<Vec<String>>,
    /// What of the data decides: paths below `mlo`, in which `ENVIRONMENT` stands for the name of the environment.
    pub settings: Vec<String>,
    /// The file, as the bundle names it.
    pub file: String,
    /// The line of the rule, from 1.
    pub line: usize,
}

/// What holds of each definition that denies, or would: these are asked.
pub(super) const ASKED: [&str; 3] = ["deny", "violation", "warn"];

impl Annotation {
    /// Whether it is about a rule that people know by its name.
    pub fn is_rule(&self) -> bool {
        self.is_named || !self.is_about_document && ASKED.contains(&self.head.as_str())
    }

    /// Whether a rule looks at an argument of an object, as far as it says; one that does not say may look at all.
    pub(super) fn may_read(&self, type_name: &str, argument: &str) -> bool {
        let read = format!("{type_name}.{argument}");
        self.reads.as_ref().is_none_or(|reads| reads.iter().any(|pattern| matches(pattern, &read)))
    }
}

/// Whether a pattern of `*`, `?` and plain characters is that of a whole text. Linear for each `*`.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last `*` stands, and how far the text had come.
    let mut star: Option<(usize, usize)> = None;
    while let Some(character) = text.get(t) {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == character => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, come)) = star else { return false };
                star = Some((at, come + 1));
                (p, t) = (at + 1, come + 1);
            }
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|character| *character == '*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("fraud-*", "fraud-detector", true),
            ("fraud-*", "x-fraud-", false),
            ("*[\"iris\"]*", "module.model[\"iris\"].local_file.f", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b", "xaxxab", true),
            ("*a*b", "xaxx", false),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
