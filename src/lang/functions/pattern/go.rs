//! Go's regular expressions (RE2) in the syntax of the crate that matches them.
//!
//! Goes in: a pattern. Comes out: the same pattern with everything that the two read differently spelled out (`\d`, `\s`
//! and `\b` are ASCII in Go, `&&` and `[` mean nothing in its classes, groups may have any name), and the names of its
//! groups. Never happens: a pattern that Go refuses and we take, other than names of Unicode's classes.
//!
//! Source: `regexp/syntax` of Go, with the flags of `regexp.Compile`.

use std::fmt::Write as _;
use thiserror::Error;

/// Times that one part may be repeated: Go's limit.
const REPEAT_MAX: u32 = 1000;
/// Levels of parentheses: what the parser behind takes, with room for what is written around them.
const DEPTH_MAX: u32 = 200;

/// A pattern, translated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Translated {
    /// For the crate.
    pub(super) pattern: String,
    /// Names of the groups in the order of their opening parentheses.
    pub(super) groups: Vec<Option<String>>,
}

/// Why a pattern is none, as Go says it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum BadPattern {
    /// A part of the pattern is wrong.
    #[error("{what}: `{part}`")]
    Part {
        /// What is wrong.
        what: &'static str,
        /// The part.
        part: String,
    },
    /// It ends too early.
    #[error("{0}")]
    Whole(&'static str),
}

fn bad(what: &'static str, part: impl Into<String>) -> BadPattern {
    BadPattern::Part { what, part: part.into() }
}

/// Translates a pattern.
pub(super) fn translate(pattern: &str) -> Result<Translated, BadPattern> {
    let mut translator = Translator { rest: pattern, out: String::new(), groups: Vec::new(), depth: 0 };
    // Where something stands that can be repeated, and whether it is a repetition itself.
    let mut last = Last::Nothing;
    while let Some(next) = translator.peek() {
        last = translator.one(next, last)?;
    }
    if translator.depth > 0 {
        return Err(BadPattern::Whole("a `(` is not closed"));
    }
    Ok(Translated { pattern: translator.out, groups: translator.groups })
}

/// What stands before the place that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    /// Nothing that could be repeated.
    Nothing,
    Part,
    Repetition,
}

struct Translator<'p> {
    rest: &'p str,
    out: String,
    groups: Vec<Option<String>>,
    depth: u32,
}

impl Translator<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.skip(next.len_utf8());
        Some(next)
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or("");
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest.starts_with(text);
        if found {
            self.skip(text.len());
        }
        found
    }

    fn literal(&mut self, character: char) {
        if character.is_ascii_alphanumeric() || !character.is_ascii() {
            self.out.push(character);
        } else {
            let _ = write!(self.out, "\\x{{{:x}}}", u32::from(character));
        }
    }

    fn one(&mut self, next: char, last: Last) -> Result<Last, BadPattern> {
        match next {
            '(' => {
                self.open()?;
                return Ok(Last::Nothing);
            }
            ')' => {
                self.depth = self.depth.checked_sub(1).ok_or(BadPattern::Whole("a `)` closes nothing"))?;
                self.skip(1);
                self.out.push(')');
            }
            '|' => {
                self.skip(1);
                self.out.push('|');
                return Ok(Last::Nothing);
            }
            '*' | '+' | '?' => {
                self.skip(1);
                return self.repeat(&next.to_string(), last);
            }
            '{' => {
                if let Some((text, minimum, maximum)) = repetition(self.rest) {
                    let range = minimum <= REPEAT_MAX
                        && maximum.is_none_or(|most| (minimum..=REPEAT_MAX).contains(&most));
                    if !range {
                        return Err(bad("a repetition has limits that cannot be", text));
                    }
                    self.skip(text.len());
                    return self.repeat(text, last);
                }
                self.skip(1);
                self.literal('{');
            }
            '.' | '^' | '$' => {
                self.skip(1);
                self.out.push(next);
            }
            '[' => self.class()?,
            '\\' => return self.escape(last),
            other => {
                self.skip(other.len_utf8());
                self.literal(other);
            }
        }
        Ok(Last::Part)
    }

    fn repeat(&mut self, operator: &str, last: Last) -> Result<Last, BadPattern> {
        let lazy = self.eat("?");
        match last {
            Last::Nothing => return Err(bad("there is nothing to repeat before", operator)),
            Last::Repetition => return Err(bad("a repetition is repeated", operator)),
            Last::Part => {}
        }
        self.out.push_str(operator);
        if lazy {
            self.out.push('?');
        }
        Ok(Last::Repetition)
    }

    fn open(&mut self) -> Result<(), BadPattern> {
        let whole = self.rest;
        self.skip(1);
        if !self.rest.starts_with('?') {
            self.groups.push(None);
            self.out.push('(');
            return self.deeper();
        }
        if self.eat("?P<") || self.eat("?<") {
            let (name, rest) =
                self.rest.split_once('>').ok_or_else(|| bad("the name of a group is not closed", whole))?;
            let valid =
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !valid {
                return Err(bad("this cannot be the name of a group", name));
            }
            self.rest = rest;
            self.groups.push(Some(name.to_owned()));
            self.out.push('(');
            return self.deeper();
        }
        self.skip(1);
        let (mut flags, mut off) = (String::from("(?"), false);
        loop {
            match self.take() {
                Some(flag @ ('i' | 'm' | 's' | 'U')) => flags.push(flag),
                Some('-') if !off => {
                    off = true;
                    flags.push('-');
                }
                Some(end @ (':' | ')')) if !flags.ends_with('-') => {
                    flags.push(end);
                    self.out.push_str(&flags);
                    return if end == ':' { self.deeper() } else { Ok(()) };
                }
                _ => {
                    let read = whole.len() - self.rest.len();
                    let part = whole.get(..read).unwrap_or(whole);
                    return Err(bad(
                        "a group begins with flags or a lookaround that RE2 does not have",
                        part,
                    ));
                }
            }
        }
    }

    fn deeper(&mut self) -> Result<(), BadPattern> {
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err(BadPattern::Whole("groups are nested too deep")) } else { Ok(()) }
    }

    /// What begins with a backslash, outside of classes.
    fn escape(&mut self, last: Last) -> Result<Last, BadPattern> {
        if self.eat("\\Q") {
            let (text, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
            text.chars().for_each(|character| self.literal(character));
            self.rest = rest;
            return Ok(if text.is_empty() { last } else { Last::Part });
        }
        let second = self.rest.chars().nth(1);
        match second {
            Some('A' | 'z') => {
                self.out.push_str(self.rest.get(..2).unwrap_or(""));
                self.skip(2);
            }
            Some('b' | 'B') => {
                let _ = write!(self.out, "(?-u:{})", self.rest.get(..2).unwrap_or(""));
                self.skip(2);
            }
            Some('p' | 'P') => self.unicode_class()?,
            Some(letter) if perl_class(letter).is_some() => {
                self.skip(2);
                let negated = if letter.is_ascii_uppercase() { "^" } else { "" };
                let _ = write!(self.out, "[{negated}{}]", perl_class(letter).unwrap_or(""));
            }
            _ => {
                let character = self.escaped()?;
                self.literal(character);
            }
        }
        Ok(Last::Part)
    }

    /// An escape that stands for one character.
    fn escaped(&mut self) -> Result<char, BadPattern> {
        let whole = self.rest;
        self.skip(1);
        let Some(letter) = self.take() else {
            return Err(BadPattern::Whole("a `\\` ends the pattern"));
        };
        let taken = |rest: &str| whole.get(..whole.len() - rest.len()).unwrap_or(whole).to_owned();
        let unknown = |rest: &str| bad("RE2 does not have this escape", taken(rest));
        Ok(match letter {
            'a' => '\u{7}',
            'f' => '\u{c}',
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'v' => '\u{b}',
            '0'..='7' => {
                // `\1` would be a reference to a group; with more digits it is octal.
                if letter != '0' && !self.rest.starts_with(|next: char| next.is_digit(8)) {
                    return Err(unknown(self.rest));
                }
                let mut code = letter.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = self.peek().and_then(|next| next.to_digit(8)) else { break };
                    code = code * 8 + digit;
                    self.skip(1);
                }
                char::from_u32(code).ok_or_else(|| unknown(self.rest))?
            }
            'x' => {
                let digits = if self.eat("{") {
                    let (digits, rest) = self.rest.split_once('}').ok_or_else(|| unknown(""))?;
                    self.rest = rest;
                    digits
                } else {
                    let digits = self.rest.get(..2).ok_or_else(|| unknown(""))?;
                    self.skip(2);
                    digits
                };
                let hexadecimal = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                let code = u32::from_str_radix(digits, 16).ok().filter(|_| hexadecimal);
                code.and_then(char::from_u32).ok_or_else(|| unknown(self.rest))?
            }
            other if other.is_ascii() && !other.is_ascii_alphanumeric() => other,
            _ => return Err(unknown(self.rest)),
        })
    }

    /// `\pN`, `\p{Greek}`, `\P{^Greek}`
    fn unicode_class(&mut self) -> Result<(), BadPattern> {
        let whole = self.rest;
        let mut negated = whole.starts_with("\\P");
        self.skip(2);
        let name = if self.eat("{") {
            let (name, rest) =
                self.rest.split_once('}').ok_or_else(|| bad("this is not a class of Unicode", whole))?;
            self.rest = rest;
            name
        } else {
            let length = self.peek().map_or(0, char::len_utf8);
            let name = self.rest.get(..length).unwrap_or("");
            self.skip(length);
            name
        };
        let name = match name.strip_prefix('^') {
            Some(name) => {
                negated = !negated;
                name
            }
            None => name,
        };
        let known = name.starts_with(|first: char| first.is_ascii_uppercase())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !known {
            let part = whole.get(..whole.len() - self.rest.len()).unwrap_or(whole);
            return Err(bad("this is not a class of Unicode", part));
        }
        let _ = write!(self.out, "\\{}{{{name}}}", if negated { 'P' } else { 'p' });
        Ok(())
    }

    /// `[…]`
    fn class(&mut self) -> Result<(), BadPattern> {
        let whole = self.rest;
        self.skip(1);
        self.out.push('[');
        if self.eat("^") {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            match self.peek() {
                None => return Err(bad("a `[` is not closed", whole)),
                Some(']') if !first => {
                    self.skip(1);
                    self.out.push(']');
                    return Ok(());
                }
                Some('[') if self.rest.starts_with("[:") && self.rest.contains(":]") => {
                    let end = self.rest.find(":]").map_or(0, |at| at + 2);
                    let name = self.rest.get(..end).unwrap_or("");
                    if !POSIX_CLASSES.contains(
                        &name.trim_start_matches("[:").trim_start_matches('^').trim_end_matches(":]"),
                    ) {
                        return Err(bad("this is not a class of characters", name));
                    }
                    self.out.push_str(name);
                    self.skip(end);
                }
                Some(_) => self.class_item(whole)?,
            }
            first = false;
        }
    }

    /// One class, character or range inside brackets.
    fn class_item(&mut self, class: &str) -> Result<(), BadPattern> {
        let second = if self.rest.starts_with('\\') { self.rest.chars().nth(1) } else { None };
        match second {
            Some('p' | 'P') => return self.unicode_class(),
            Some(letter) => {
                if let Some(set) = perl_class(letter) {
                    self.skip(2);
                    let negated = if letter.is_ascii_uppercase() { "^" } else { "" };
                    let _ = write!(self.out, "[{negated}{set}]");
                    return Ok(());
                }
            }
            None => {}
        }
        let low = self.class_character(class)?;
        self.literal(low);
        if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
            self.skip(1);
            let high = self.class_character(class)?;
            if high < low {
                return Err(bad("a range ends before it begins", format!("{low}-{high}")));
            }
            self.out.push('-');
            self.literal(high);
        }
        Ok(())
    }

    fn class_character(&mut self, class: &str) -> Result<char, BadPattern> {
        match self.peek() {
            None => Err(bad("a `[` is not closed", class)),
            Some('\\') => self.escaped(),
            Some(other) => {
                self.skip(other.len_utf8());
                Ok(other)
            }
        }
    }
}

const POSIX_CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

/// What stands between brackets for `\d`, `\s` and `\w`, and for their opposites.
fn perl_class(letter: char) -> Option<&'static str> {
    match letter {
        'd' | 'D' => Some("0-9"),
        's' | 'S' => Some(r"\t\n\x{c}\r\x{20}"),
        'w' | 'W' => Some("0-9A-Za-z_"),
        _ => None,
    }
}

/// `{n}`, `{n,}` or `{n,m}` at the beginning of a text, and its numbers; without it a brace stands for itself.
fn repetition(text: &str) -> Option<(&str, u32, Option<u32>)> {
    let end = text.find('}')?;
    let inner = text.get(1..end)?;
    // Whatever is longer than the limit is too much.
    let number = |digits: &str| {
        let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        let zeros = digits.len() > 1 && digits.starts_with('0');
        (plain && !zeros).then(|| digits.parse::<u32>().unwrap_or(u32::MAX))
    };
    let (minimum, maximum) = match inner.split_once(',') {
        None => (number(inner)?, Some(number(inner)?)),
        Some((minimum, "")) => (number(minimum)?, None),
        Some((minimum, maximum)) => (number(minimum)?, Some(number(maximum)?)),
    };
    Some((text.get(..=end)?, minimum, maximum))
}
