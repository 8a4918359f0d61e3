//! `regex`, `regexall`, and what `replace` does with a pattern between slashes.
//!
//! Goes in: a pattern in Go's syntax, and a text. Comes out: what Go finds. Never happens: time that grows faster than
//! the text, for one search; searches for all matches count their steps.

mod go;

use super::string::string;
use super::{Call, CallError, Function, Param, arg, argument, failed, text};
use crate::lang::value::{Type, Value};
use regex::{Captures, Regex};
use std::sync::Arc;

/// Bytes that one compiled pattern may take. `\pL{100}` takes about a million.
const COMPILED_BYTES_MAX: usize = 4 << 20;
/// Bytes that a search may look at for one step of the meter. A search can look at all that remains of the text before
/// it finds something short; at about a gigabyte in a second, ten million steps are some seconds.
const BYTES_PER_STEP: usize = 256;

const PARAMS: &[Param] = &[Param::string("pattern"), Param::string("string")];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "regex",
        PARAMS,
        "What a regular expression (RE2) matches first in a string: the match itself; a list of what its groups match; or an object, if the groups have names. An error if nothing matches.",
        |args| match arg(args, 0).as_str() {
            None => Ok(Type::Any),
            Some(pattern) => Ok(compile(pattern)?.shape.ty()),
        },
        first_match,
    ),
    Function::new(
        "regexall",
        PARAMS,
        "All matches of a regular expression (RE2) in a string, each as `regex` gives it.",
        |args| match arg(args, 0).as_str() {
            None => Ok(Type::list(Type::Any)),
            Some(pattern) => Ok(Type::list(compile(pattern)?.shape.ty())),
        },
        all_matches,
    ),
];

/// A pattern ready to search with, and what its matches become.
struct Pattern {
    regex: Regex,
    shape: Shape,
}

/// What a match becomes.
enum Shape {
    Whole,
    Groups(usize),
    Named(Vec<Arc<str>>),
}

impl Shape {
    fn ty(&self) -> Type {
        match self {
            Self::Whole => Type::String,
            Self::Groups(count) => Type::Tuple(vec![Type::String; *count].into()),
            Self::Named(names) => Type::object(names.iter().map(|name| (name.clone(), Type::String))),
        }
    }

    fn value(&self, found: &Captures<'_>) -> Value {
        let group = |at: usize| {
            found.get(at).map_or_else(|| Value::null_of(Type::String), |part| string(part.as_str()))
        };
        match self {
            Self::Whole => group(0),
            Self::Groups(count) => Value::tuple((1..=*count).map(group)),
            Self::Named(names) => {
                Value::object(names.iter().enumerate().map(|(at, name)| (name.clone(), group(at + 1))))
            }
        }
    }
}

/// The regular expression that the argument at `index` is, and its groups.
fn build(pattern: &str, index: usize) -> Result<(Regex, Vec<Option<String>>), CallError> {
    let wrong =
        |why: String| argument(index, format!("it is not a regular expression: {why}")).showing_values();
    let translated = go::translate(pattern).map_err(|error| wrong(error.to_string()))?;
    let regex = regex::RegexBuilder::new(&translated.pattern).size_limit(COMPILED_BYTES_MAX).build();
    let regex = regex.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => argument(index, "the regular expression is too large"),
        _ => wrong("it names a class of characters that does not exist".into()),
    })?;
    Ok((regex, translated.groups))
}

/// The pattern that the first argument is.
fn compile(pattern: &str) -> Result<Pattern, CallError> {
    let (regex, groups) = build(pattern, 0)?;
    let names: Vec<Arc<str>> = groups.iter().flatten().map(|name| Arc::from(name.as_str())).collect();
    let shape = match (groups.len(), names.len()) {
        (0, _) => Shape::Whole,
        (all, 0) => Shape::Groups(all),
        (all, with_names) if all == with_names => Shape::Named(names),
        _ => return Err(argument(0, "either all groups of a regular expression have names, or none")),
    };
    Ok(Pattern { regex, shape })
}

fn first_match(args: &[Value], _: &Call<'_>) -> Result<Value, CallError> {
    let pattern = compile(text(args, 0))?;
    match pattern.regex.captures(text(args, 1)) {
        Some(found) => Ok(pattern.shape.value(&found)),
        None => Err(failed("the pattern matches no part of the string")),
    }
}

fn all_matches(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let pattern = compile(text(args, 0))?;
    let searched = text(args, 1);
    let mut found = Vec::new();
    for captures in pattern.regex.captures_iter(searched) {
        found.push(pattern.shape.value(&captures));
        count(&captures, searched, call)?;
    }
    Ok(Value::list(pattern.shape.ty(), found))
}

/// Counts the next search, in what remains after a match.
fn count(found: &Captures<'_>, searched: &str, call: &Call<'_>) -> Result<(), CallError> {
    let rest = searched.len() - found.get(0).map_or(0, |whole| whole.end());
    Ok(call.meter.steps((rest / BYTES_PER_STEP) as u64 + 1)?)
}

/// A text with all matches of a pattern replaced. `pattern` is the argument at 1.
pub(super) fn replace(searched: &str, pattern: &str, by: &str, call: &Call<'_>) -> Result<Value, CallError> {
    let (regex, groups) = build(pattern, 1)?;
    let template = Template::parse(by, &groups);
    let mut out = String::new();
    let mut from = 0;
    for captures in regex.captures_iter(searched) {
        let Some(whole) = captures.get(0) else { continue };
        let before = out.len();
        out.push_str(searched.get(from..whole.start()).unwrap_or(""));
        for part in &template.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Group(at) => out.push_str(captures.get(*at).map_or("", |part| part.as_str())),
            }
        }
        call.meter.bytes((out.len() - before) as u64)?;
        count(&captures, searched, call)?;
        from = whole.end();
    }
    out.push_str(searched.get(from..).unwrap_or(""));
    Ok(string(&out))
}

/// What a match is replaced by: `$1`, `$name` and `${name}` stand for groups, `$$` for a `$`.
struct Template(Vec<Part>);

enum Part {
    Text(String),
    Group(usize),
}

impl Template {
    /// As Go's `Regexp.Expand` reads it: a name is as long as it can be, and a group that does not exist is empty.
    fn parse(by: &str, groups: &[Option<String>]) -> Self {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = by;
        while let Some((before, after)) = rest.split_once('$') {
            plain.push_str(before);
            rest = after;
            if let Some(after) = rest.strip_prefix('$') {
                plain.push('$');
                rest = after;
                continue;
            }
            let Some((name, after)) = name(rest) else {
                plain.push('$');
                continue;
            };
            rest = after;
            let number = name.bytes().all(|byte| byte.is_ascii_digit());
            let group = if number {
                name.parse().ok().filter(|group| *group <= groups.len())
            } else {
                groups.iter().position(|group| group.as_deref() == Some(name)).map(|at| at + 1)
            };
            if let Some(group) = group {
                parts.push(Part::Text(std::mem::take(&mut plain)));
                parts.push(Part::Group(group));
            }
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        Self(parts)
    }
}

/// The name after a `$`, and what follows.
fn name(text: &str) -> Option<(&str, &str)> {
    let (braced, inner) = match text.strip_prefix('{') {
        Some(inner) => (true, inner),
        None => (false, text),
    };
    let length = inner.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(inner.len());
    let (name, rest) = inner.split_at_checked(length).filter(|(name, _)| !name.is_empty())?;
    Some((name, if braced { rest.strip_prefix('}')? } else { rest }))
}

#[cfg(test)]
mod tests;
