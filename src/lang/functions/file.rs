//! Functions of files. They read by the caller's [`Outside`](crate::lang::scope::Outside), which decides what may be
//! read.

use super::digest::Kind;
use super::encoding::encode;
use super::path::clean;
use super::string::string;
use super::{Call, CallError, Function, Lazy, Param, argument, bool_result, failed, string_result, text};
use crate::lang::scope::{OutsideError, PathKind};
use crate::lang::value::{Type, Value, quote_short};
use std::collections::BTreeSet;

/// Characters of a path that are shown.
const PATH_SHOWN_MAX: usize = 120;
/// Patterns that the braces of one pattern may stand for.
const ALTERNATIVES_MAX: usize = 1_000;
/// Levels of folders that a pattern is looked for in.
const FOLDERS_MAX: usize = 100;

const PATH: &[Param] = &[Param::string("path")];

/// A function that gives a digest of a file.
const fn digest(
    name: &'static str,
    doc: &'static str,
    run: fn(&[Value], &Call<'_>) -> Result<Value, CallError>,
) -> Function {
    Function::new(name, PATH, doc, string_result, run)
}

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("file", PATH, "The text of a file of the project.", string_result, |args, call| {
        match String::from_utf8(read(args, call)?) {
            Ok(text) => Ok(string(&text)),
            Err(_) => Err(argument(0, "the file is not text in UTF-8; `filebase64` reads any bytes")),
        }
    }),
    Function::new(
        "filebase64",
        PATH,
        "The bytes of a file of the project, in Base64.",
        string_result,
        |args, call| Ok(string(&encode(&read(args, call)?))),
    ),
    digest("filebase64sha256", "The SHA-256 of a file of the project, in Base64.", |args, call| {
        Ok(string(&Kind::Base64Sha256.digest(&read(args, call)?)))
    }),
    digest("filebase64sha512", "The SHA-512 of a file of the project, in Base64.", |args, call| {
        Ok(string(&Kind::Base64Sha512.digest(&read(args, call)?)))
    }),
    Function::new(
        "fileexists",
        PATH,
        "Whether there is a file at a path of the project; a folder there is an error.",
        bool_result,
        exists,
    ),
    digest("filemd5", "The MD5 of a file of the project, in hexadecimal digits.", |args, call| {
        Ok(string(&Kind::Md5.digest(&read(args, call)?)))
    }),
    Function::new(
        "fileset",
        &[Param::string("path"), Param::string("pattern")],
        "The files below a folder of the project whose paths match a pattern: `*` and `?` stand for parts of a name, `[a-z]` for characters, `{a,b}` for alternatives, `**` for any number of folders.",
        |_| Ok(Type::set(Type::String)),
        matching,
    ),
    digest("filesha1", "The SHA-1 of a file of the project, in hexadecimal digits.", |args, call| {
        Ok(string(&Kind::Sha1.digest(&read(args, call)?)))
    }),
    digest("filesha256", "The SHA-256 of a file of the project, in hexadecimal digits.", |args, call| {
        Ok(string(&Kind::Sha256.digest(&read(args, call)?)))
    }),
    digest("filesha512", "The SHA-512 of a file of the project, in hexadecimal digits.", |args, call| {
        Ok(string(&Kind::Sha512.digest(&read(args, call)?)))
    }),
    Function::lazy(
        "templatefile",
        Lazy::TemplateFile,
        "What a template in a file of the project is, with the values of some variables.",
    )
    .taking(&[Param::string("path"), Param::any("vars")]),
    Function::lazy(
        "templatestring",
        Lazy::TemplateString,
        "What a template is that stands in another value, with the values of some variables.",
    )
    .taking(&[Param::string("template"), Param::any("vars")]),
];

fn unreadable(path: &str, error: &OutsideError) -> CallError {
    argument(0, format!("{} cannot be read: {error}", quote_short(path, PATH_SHOWN_MAX))).showing_values()
}

fn read(args: &[Value], call: &Call<'_>) -> Result<Vec<u8>, CallError> {
    let path = text(args, 0);
    let bytes = call.outside.read(path).map_err(|error| unreadable(path, &error))?;
    call.meter.bytes(bytes.len() as u64)?;
    Ok(bytes)
}

fn exists(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let path = text(args, 0);
    match call.outside.kind(path).map_err(|error| unreadable(path, &error))? {
        PathKind::File => Ok(Value::bool(true)),
        PathKind::Nothing => Ok(Value::bool(false)),
        PathKind::Folder => Err(argument(0, "there is a folder at the path, not a file")),
        PathKind::Other => Err(argument(0, "what is at the path is not a regular file")),
    }
}

fn matching(args: &[Value], call: &Call<'_>) -> Result<Value, CallError> {
    let (folder, pattern) = (text(args, 0), text(args, 1));
    let mut patterns = Vec::new();
    alternatives(pattern, &mut patterns).map_err(|problem| argument(1, problem))?;
    let mut found = BTreeSet::new();
    for pattern in patterns {
        let pattern = clean(&pattern);
        let parts: Vec<&str> = pattern.split('/').collect();
        let mut search = Search { root: folder, call, found: &mut found };
        search.below("", &parts, 0)?;
    }
    let found: Vec<Value> = found.iter().map(|path| string(path)).collect();
    crate::lang::value::convert(&Value::list(Type::String, found), &Type::set(Type::String))
        .map_err(|error| failed(error.to_string()))
}

/// A search for files below a folder.
struct Search<'s> {
    root: &'s str,
    call: &'s Call<'s>,
    found: &'s mut BTreeSet<String>,
}

impl Search<'_> {
    fn below(&mut self, folder: &str, parts: &[&str], depth: usize) -> Result<(), CallError> {
        let Some((part, rest)) = parts.split_first() else { return Ok(()) };
        if depth > FOLDERS_MAX {
            return Err(failed(format!("folders are nested deeper than {FOLDERS_MAX}")));
        }
        if *part == ".." {
            return self.below(&joined(folder, ".."), rest, depth + 1);
        }
        let here = joined(self.root, folder);
        if self.kind(&here)? != PathKind::Folder {
            return Ok(());
        }
        if *part == "**" && !rest.is_empty() {
            self.below(folder, rest, depth + 1)?;
        }
        let names = self.call.outside.list(&here).map_err(|error| unreadable(&here, &error))?;
        self.call.meter.steps(names.len() as u64 + 1)?;
        for name in names {
            let inner = joined(folder, &name);
            let any = *part == "**";
            let fits = any || matches(part, &name).map_err(|problem| argument(1, problem))?;
            if !fits {
                continue;
            }
            let kind = self.kind(&joined(self.root, &inner))?;
            if any && kind == PathKind::Folder {
                self.below(&inner, parts, depth + 1)?;
            } else if !any && !rest.is_empty() {
                self.below(&inner, rest, depth + 1)?;
            } else if rest.is_empty() && kind == PathKind::File {
                self.call.meter.bytes(inner.len() as u64)?;
                self.found.insert(inner);
            }
        }
        Ok(())
    }

    fn kind(&self, path: &str) -> Result<PathKind, CallError> {
        self.call.meter.steps(1)?;
        match self.call.outside.kind(path) {
            Ok(kind) => Ok(kind),
            Err(error) => Err(unreadable(path, &error)),
        }
    }
}

fn joined(folder: &str, name: &str) -> String {
    match (folder, name) {
        ("", name) => name.to_owned(),
        (folder, "") => folder.to_owned(),
        _ => format!("{folder}/{name}"),
    }
}

/// The patterns without braces that one with braces stands for.
fn alternatives(pattern: &str, found: &mut Vec<String>) -> Result<(), &'static str> {
    const TOO_MANY: &str = "its braces stand for too many patterns";
    let mut waiting = vec![pattern.to_owned()];
    while let Some(next) = waiting.pop() {
        let Some((start, end)) = braces(&next)? else {
            found.push(next);
            if found.len() > ALTERNATIVES_MAX {
                return Err(TOO_MANY);
            }
            continue;
        };
        let (before, inner, after) = (
            next.get(..start).unwrap_or(""),
            next.get(start + 1..end).unwrap_or(""),
            next.get(end + 1..).unwrap_or(""),
        );
        let (mut depth, mut from) = (0_usize, 0);
        let mut choices = Vec::new();
        for (at, character) in inner.char_indices() {
            match character {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                ',' if depth == 0 => {
                    choices.push(inner.get(from..at).unwrap_or(""));
                    from = at + 1;
                }
                _ => {}
            }
        }
        choices.push(inner.get(from..).unwrap_or(""));
        waiting.extend(choices.iter().map(|choice| format!("{before}{choice}{after}")));
        if waiting.len() > ALTERNATIVES_MAX {
            return Err(TOO_MANY);
        }
    }
    Ok(())
}

/// Where the first brace of a pattern opens and where it closes.
fn braces(pattern: &str) -> Result<Option<(usize, usize)>, &'static str> {
    let mut escaped = false;
    let (mut open, mut depth) = (None, 0_usize);
    for (at, character) in pattern.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '{' => {
                open = open.or(Some(at));
                depth += 1;
            }
            '}' if depth > 0 => {
                depth -= 1;
                if let (0, Some(open)) = (depth, open) {
                    return Ok(Some((open, at)));
                }
            }
            _ => {}
        }
    }
    if depth > 0 { Err("a `{` is not closed") } else { Ok(None) }
}

/// Whether a name fits a pattern without slashes and braces.
fn matches(pattern: &str, name: &str) -> Result<bool, &'static str> {
    let mut tokens = Vec::new();
    let mut rest = pattern.chars();
    while let Some(character) = rest.next() {
        tokens.push(match character {
            '*' => Token::Any,
            '?' => Token::One,
            '[' => Token::Set(set(&mut rest)?),
            '\\' => Token::Literal(rest.next().ok_or("a `\\` ends it")?),
            other => Token::Literal(other),
        });
    }
    // Places in the pattern that the name so far can have led to.
    let mut places = vec![false; tokens.len() + 1];
    let reach = |places: &mut Vec<bool>| {
        for (at, token) in tokens.iter().enumerate() {
            if matches!(token, Token::Any)
                && places.get(at) == Some(&true)
                && let Some(next) = places.get_mut(at + 1)
            {
                *next = true;
            }
        }
    };
    if let Some(first) = places.first_mut() {
        *first = true;
    }
    reach(&mut places);
    for character in name.chars() {
        let mut after = vec![false; places.len()];
        for (at, token) in tokens.iter().enumerate().filter(|(at, _)| places.get(*at) == Some(&true)) {
            let next = match token {
                Token::Any => Some(at),
                Token::One => Some(at + 1),
                Token::Literal(literal) => (*literal == character).then_some(at + 1),
                Token::Set(set) => set.has(character).then_some(at + 1),
            };
            if let Some(next) = next.and_then(|next| after.get_mut(next)) {
                *next = true;
            }
        }
        reach(&mut after);
        places = after;
    }
    Ok(places.last() == Some(&true))
}

enum Token {
    Any,
    One,
    Literal(char),
    Set(Set),
}

/// `[a-z]`, `[^abc]`
struct Set {
    negated: bool,
    ranges: Vec<(char, char)>,
}

impl Set {
    fn has(&self, character: char) -> bool {
        self.ranges.iter().any(|(low, high)| (*low..=*high).contains(&character)) != self.negated
    }
}

fn set(rest: &mut std::str::Chars<'_>) -> Result<Set, &'static str> {
    const OPEN: &str = "a `[` is not closed";
    let negated = rest.as_str().starts_with(['^', '!']);
    if negated {
        rest.next();
    }
    let mut ranges = Vec::new();
    loop {
        let low = match rest.next().ok_or(OPEN)? {
            ']' => {
                return if ranges.is_empty() {
                    Err("there is nothing between `[` and `]`")
                } else {
                    Ok(Set { negated, ranges })
                };
            }
            '\\' => rest.next().ok_or(OPEN)?,
            other => other,
        };
        let high = if rest.as_str().starts_with('-') && !rest.as_str().starts_with("-]") {
            rest.next();
            match rest.next().ok_or(OPEN)? {
                '\\' => rest.next().ok_or(OPEN)?,
                other => other,
            }
        } else {
            low
        };
        ranges.push((low, high));
    }
}

#[cfg(test)]
mod tests;
