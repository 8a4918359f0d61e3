//! Versions and constraints on them: `>= 1.0, < 2.0`, `~> 1.2`.

use crate::diag::{Diagnostic, Span, code};
use std::cmp::Ordering;
use std::fmt;

/// A version: `1.2.3-rc.1`; missing parts are 0.
#[derive(Debug, Clone)]
pub struct Version {
    parts: [u64; 3],
    /// Parts that were written.
    given: usize,
    /// What follows a `-`; empty for a release.
    pre: Vec<String>,
}

impl Version {
    /// Reads a version; nothing if it is none. What follows a `+` does not count.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.split('+').next().unwrap_or("");
        let text = text.strip_prefix('v').unwrap_or(text);
        let (numbers, pre) = match text.split_once('-') {
            Some((numbers, pre)) => (numbers, pre.split('.').map(str::to_owned).collect()),
            None => (text, Vec::new()),
        };
        let identifier =
            |part: &String| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !pre.iter().all(identifier) {
            return None;
        }
        let mut parts = [0; 3];
        let mut given = 0;
        for number in numbers.split('.') {
            let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            *parts.get_mut(given)? = number.parse().ok().filter(|_| is_number)?;
            given += 1;
        }
        Some(Self { parts, given, pre })
    }

    /// Whether it is not one before a release.
    pub fn is_release(&self) -> bool {
        self.pre.is_empty()
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let release = self.pre.is_empty().cmp(&other.pre.is_empty());
        self.parts.cmp(&other.parts).then(release).then_with(|| compare_pre(&self.pre, &other.pre))
    }
}

impl fmt::Display for Version {
    /// As it was written, but for a `v` before it and what followed a `+`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.parts.iter().take(self.given).enumerate() {
            write!(f, "{}{part}", if at == 0 { "" } else { "." })?;
        }
        if self.pre.is_empty() { Ok(()) } else { write!(f, "-{}", self.pre.join(".")) }
    }
}

/// As semantic versioning has it: numbers by size and before words, a longer list after its beginning.
fn compare_pre(ours: &[String], theirs: &[String]) -> Ordering {
    for (ours, theirs) in ours.iter().zip(theirs) {
        let order = match (ours.parse::<u64>(), theirs.parse::<u64>()) {
            (Ok(ours), Ok(theirs)) => ours.cmp(&theirs),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(_), Err(_)) => ours.cmp(theirs),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    ours.len().cmp(&theirs.len())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    /// `~>`: the last part that is written may grow, those before it not.
    Pessimistic,
}

/// Conditions that must all hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint {
    conditions: Vec<(Operator, Version)>,
}

/// The condition that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{condition}` is not a version constraint")]
pub struct NotAConstraint {
    /// It.
    pub condition: String,
}

impl Constraint {
    /// Reads a constraint.
    pub fn parse(text: &str) -> Result<Self, NotAConstraint> {
        let conditions = text.split(',').map(|part| {
            let part = part.trim();
            condition(part).ok_or_else(|| NotAConstraint { condition: part.to_owned() })
        });
        Ok(Self { conditions: conditions.collect::<Result<_, _>>()? })
    }

    /// Whether a version meets all conditions. A version before its release meets only conditions that name such a
    /// version of the same release, as in Terraform.
    pub fn allows(&self, version: &Version) -> bool {
        self.conditions.iter().all(|(operator, wanted)| {
            let order = version.cmp(wanted);
            let pre_is_named =
                version.pre.is_empty() || (!wanted.pre.is_empty() && wanted.parts == version.parts);
            match operator {
                Operator::Equal => order == Ordering::Equal,
                Operator::NotEqual => order != Ordering::Equal,
                Operator::Greater => order == Ordering::Greater && pre_is_named,
                Operator::GreaterOrEqual => order != Ordering::Less && pre_is_named,
                Operator::Less => order == Ordering::Less && pre_is_named,
                Operator::LessOrEqual => order != Ordering::Greater && pre_is_named,
                Operator::Pessimistic => {
                    let fixed = wanted.given.saturating_sub(1);
                    let same = wanted.parts.iter().zip(&version.parts).take(fixed).all(|(a, b)| a == b);
                    order != Ordering::Less && pre_is_named && same
                }
            }
        })
    }
}

impl fmt::Display for Constraint {
    /// In the canonical way: `>= 1.0, < 2.0`; a version alone is one that it must be.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (operator, version)) in self.conditions.iter().enumerate() {
            let symbol = match operator {
                Operator::Equal => "",
                Operator::NotEqual => "!= ",
                Operator::Greater => "> ",
                Operator::GreaterOrEqual => ">= ",
                Operator::Less => "< ",
                Operator::LessOrEqual => "<= ",
                Operator::Pessimistic => "~> ",
            };
            write!(f, "{}{symbol}{version}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

fn condition(text: &str) -> Option<(Operator, Version)> {
    let operators = [
        ("~>", Operator::Pessimistic),
        (">=", Operator::GreaterOrEqual),
        ("<=", Operator::LessOrEqual),
        ("!=", Operator::NotEqual),
        (">", Operator::Greater),
        ("<", Operator::Less),
        ("=", Operator::Equal),
    ];
    let found = operators.iter().find_map(|(symbol, operator)| Some((*operator, text.strip_prefix(symbol)?)));
    let (operator, version) = found.unwrap_or((Operator::Equal, text));
    Version::parse(version.trim()).map(|version| (operator, version))
}

/// The message for a constraint that cannot be read.
pub(super) fn diagnostic(error: &NotAConstraint, span: Span) -> Diagnostic {
    Diagnostic::error(code::lang::VERSION, error.to_string())
        .at(span, "expected something like `>= 1.0, < 2.0` or `~> 1.2`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_allow_what_they_say() {
        for (constraint, version, allowed) in [
            ("1.2.3", "1.2.3", true),
            ("= 1.2", "1.2.0", true),
            ("1.2.3", "1.2.4", false),
            (">= 1.0, < 2.0", "1.9.9", true),
            (">= 1.0, < 2.0", "2.0.0", false),
            (">1.0", "1.0.0", false),
            ("<= 1.0", "1.0.0", true),
            ("!= 1.3.0", "1.3.0", false),
            ("!= 1.3.0", "1.3.1", true),
            ("~> 1.2", "1.9.0", true),
            ("~> 1.2", "2.0.0", false),
            ("~> 1.2", "1.1.9", false),
            ("~> 1.2.3", "1.2.9", true),
            ("~> 1.2.3", "1.3.0", false),
            ("~> 1", "5.0.0", true),
            (">= 1.0", "1.1.0-rc.1", false),
            (">= 1.1.0-rc.1", "1.1.0-rc.2", true),
            (">= 1.1.0-rc.10", "1.1.0-rc.9", false),
            (">= 1.1.0-rc.1", "1.1.0", true),
            ("0.1", "0.1.0+build", true),
        ] {
            let version = Version::parse(version).unwrap();
            assert_eq!(
                Constraint::parse(constraint).unwrap().allows(&version),
                allowed,
                "{constraint} {version:?}"
            );
        }
    }

    #[test]
    fn constraints_are_written_in_one_way() {
        for (text, written) in [
            ("1.2.3", "1.2.3"),
            ("= v1.2+build", "1.2"),
            (">=1.0,<2", ">= 1.0, < 2"),
            ("~> 1.2,!=1.3.0-rc.1", "~> 1.2, != 1.3.0-rc.1"),
            (">1,<=2.0.0", "> 1, <= 2.0.0"),
        ] {
            assert_eq!(Constraint::parse(text).unwrap().to_string(), written, "{text}");
            assert_eq!(Constraint::parse(written).unwrap().to_string(), written, "{text}");
        }
    }

    #[test]
    fn what_is_no_constraint_is_named() {
        for (text, condition) in [
            ("", ""),
            ("latest", "latest"),
            (">= 1.0,", ""),
            (">= 1.0 < 2.0", ">= 1.0 < 2.0"),
            ("=> 1.0", "=> 1.0"),
            ("1.2.3.4", "1.2.3.4"),
            ("1..2", "1..2"),
            ("99999999999999999999", "99999999999999999999"),
            ("1.0-", "1.0-"),
        ] {
            let condition = condition.to_owned();
            assert_eq!(Constraint::parse(text), Err(NotAConstraint { condition }), "{text}");
        }
    }
}
