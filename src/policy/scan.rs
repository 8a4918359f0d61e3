//! What is refused in the text of a policy before the engine sees it.
//!
//! Goes in: Rego text. Comes out: nothing, or the first thing that is refused, with its place. It reads words and
//! brackets, not the grammar: it keeps out what the engine would evaluate to nothing in silence (a rule that denies
//! nobody), what hangs or ends the process, and what makes a decision depend on anything but its inputs.

use super::wire::Fault;
use std::collections::{BTreeMap, BTreeSet};

/// Brackets within each other. The engine's parser takes twice as long for each further level, so that 24 take
/// seconds; our own rules need 6.
const NESTING_MAX: usize = 16;

/// Links of one chain (`a + b + …`, `else` after `else`): the engine goes one level deeper for each, and its stack
/// holds several times as many. (A chain of fields cannot be longer than a line, and that is limited by the engine.) Counted for all statements between two brackets together, which is more than
/// enough for rules that people write.
const LINKS_MAX: usize = 2_000;

/// Rules that need each other in a row: the engine goes several levels deeper for each.
const RULES_DEEP_MAX: usize = 250;

/// Builtins whose answer is not in the inputs of the decision.
const IMPURE: [(&str, &str); 8] = [
    ("http", "send"),
    ("net", "lookup_ip_addr"),
    ("opa", "runtime"),
    ("providers", "aws"),
    ("rand", "intn"),
    ("rego", "parse_module"),
    ("time", "now_ns"),
    ("uuid", "rfc4122"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind<'a> {
    Word(&'a str),
    Text,
    Sign(char),
    /// `:=`
    Assign,
}

#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    kind: Kind<'a>,
    line: usize,
    /// In characters, from 1.
    column: usize,
    /// Brackets around it; an opening and its closing bracket have the same.
    depth: usize,
    /// Whether it is the first on its line.
    first: bool,
}

impl<'a> Token<'a> {
    fn word(&self) -> Option<&'a str> {
        match self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    fn is(&self, sign: char) -> bool {
        self.kind == Kind::Sign(sign)
    }
}

/// Looks at every file of a bundle. The first thing that is refused ends it.
pub(super) fn scan(files: &BTreeMap<String, String>) -> Result<(), Fault> {
    let mut calls = Calls::default();
    for (file, text) in files {
        let refuse = |((line, column), reason)| Fault::Refused { file: file.clone(), line, column, reason };
        let tokens = tokens(text).map_err(refuse)?;
        refuse_builtins(&tokens).map_err(refuse)?;
        calls.add(file, &tokens);
    }
    calls.refuse_cycles()
}

/// A line and a column.
type Place = (usize, usize);
/// A place and what is refused there.
type Refusal = (Place, String);

fn tokens(text: &str) -> Result<Vec<Token<'_>>, Refusal> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let (mut at, mut line, mut column, mut depth, mut first) = (0, 1, 1, 0_usize, true);
    let mut links = Links::default();
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let (kind, length) = match next(rest) {
            Next::Blank(length) => {
                let newlines = lines(rest, length);
                (line, column) = after((line, column), rest, length);
                first |= newlines > 0;
                at += length;
                continue;
            }
            Next::Token(kind, length) => (kind, length),
        };
        if let Kind::Sign(')' | ']' | '}') = kind {
            depth = depth.saturating_sub(1);
        }
        let token = Token { kind, line, column, depth, first };
        if links.count(&token, tokens.last()) > LINKS_MAX {
            return Err(((line, column), format!("more than {LINKS_MAX} links in one chain of operators")));
        }
        tokens.push(token);
        if let Kind::Sign('(' | '[' | '{') = kind {
            depth += 1;
            if depth > NESTING_MAX {
                return Err(((line, column), format!("more than {NESTING_MAX} brackets within each other")));
            }
        }
        (line, column) = after((line, column), rest, length);
        first = false;
        at += length;
    }
    Ok(tokens)
}

/// How long the chains are that are open, one for each bracket around.
#[derive(Default)]
struct Links([usize; NESTING_MAX + 1]);

impl Links {
    /// Counts a token, and returns how long the chain that it stands in is now.
    fn count(&mut self, token: &Token<'_>, before: Option<&Token<'_>>) -> usize {
        let Some(chain) = self.0.get_mut(token.depth) else { return 0 };
        match token.kind {
            Kind::Sign(',' | ';') => *chain = 0,
            Kind::Word("else") => *chain += 1,
            Kind::Word(_) if token.first && token.depth == 0 && !before.is_some_and(is_link) => *chain = 0,
            _ if is_link(token) => *chain += 1,
            _ => {}
        }
        let length = *chain;
        if let (Kind::Sign('(' | '[' | '{'), Some(inside)) = (token.kind, self.0.get_mut(token.depth + 1)) {
            *inside = 0;
        }
        length
    }
}

/// Whether what stands on both sides belongs to one expression.
fn is_link(token: &Token<'_>) -> bool {
    matches!(token.kind, Kind::Assign | Kind::Sign('+' | '-' | '*' | '/' | '%' | '|' | '&' | '='))
}

fn lines(rest: &str, length: usize) -> usize {
    rest.bytes().take(length).filter(|byte| *byte == b'\n').count()
}

/// The place after the first `length` bytes of `rest`, which begins at a place.
fn after((line, column): Place, rest: &str, length: usize) -> Place {
    let passed = rest.get(..length).unwrap_or(rest);
    match passed.rsplit_once('\n') {
        Some((_, last)) => (line + lines(rest, length), last.chars().count() + 1),
        None => (line, column + passed.chars().count()),
    }
}

enum Next<'a> {
    /// White space or a comment, and its bytes.
    Blank(usize),
    /// A token, and its bytes.
    Token(Kind<'a>, usize),
}

/// The first token of a text that is not empty.
fn next(rest: &str) -> Next<'_> {
    let first = rest.chars().next().unwrap_or(' ');
    let until = |end: fn(char) -> bool| rest.find(end).unwrap_or(rest.len());
    match first {
        ' ' | '\t' | '\r' | '\n' => Next::Blank(until(|c| !matches!(c, ' ' | '\t' | '\r' | '\n'))),
        '#' => Next::Blank(until(|c| c == '\n')),
        '"' => Next::Token(Kind::Text, quoted(rest)),
        '`' => {
            let inside = rest.get(1..).unwrap_or("");
            Next::Token(Kind::Text, inside.find('`').map_or(rest.len(), |end| end + 2))
        }
        c if is_word(c) => {
            let length = until(|c| !is_word(c));
            Next::Token(Kind::Word(rest.get(..length).unwrap_or("")), length)
        }
        ':' if rest.starts_with(":=") => Next::Token(Kind::Assign, 2),
        c => Next::Token(Kind::Sign(c), c.len_utf8()),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Bytes of a string in quotes; to the end if it is not closed.
fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return at + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    rest.len()
}

fn refuse_builtins(tokens: &[Token<'_>]) -> Result<(), Refusal> {
    for (index, token) in tokens.iter().enumerate() {
        let Some(word) = token.word() else { continue };
        let after = |offset: usize| tokens.get(index + offset);
        let before = index.checked_sub(1).and_then(|index| tokens.get(index));
        let is_field = before.is_some_and(|token| token.is('.'));
        let member = after(1).filter(|token| token.is('.')).and_then(|_| after(2)).and_then(Token::word);
        if let Some(member) = member
            && !is_field
            && IMPURE.iter().any(|(namespace, name)| *namespace == word && member.starts_with(name))
        {
            let reason = format!("`{word}.{member}` makes the decision depend on more than its inputs");
            return Err(((token.line, token.column), reason));
        }
    }
    Ok(())
}

/// Which rule mentions which, by `package.rule`.
#[derive(Default)]
struct Calls<'a> {
    mentions: BTreeMap<String, BTreeSet<String>>,
    places: BTreeMap<String, (&'a str, Place)>,
}

impl<'a> Calls<'a> {
    fn add(&mut self, file: &'a str, tokens: &[Token<'a>]) {
        let package = package(tokens);
        let starts: Vec<_> = (0..tokens.len()).filter(|at| starts_rule(tokens, *at)).collect();
        for (index, start) in starts.iter().enumerate() {
            let end = starts.get(index + 1).copied().unwrap_or(tokens.len());
            let rule = tokens.get(*start..end).unwrap_or(&[]);
            let skip = usize::from(rule.first().and_then(Token::word) == Some("default"));
            let Some(name) = rule.get(skip).and_then(Token::word) else { continue };
            let full = format!("{package}.{name}");
            let place = rule.first().map_or((1, 1), |token| (token.line, token.column));
            self.places.entry(full.clone()).or_insert((file, place));
            let body = rule.get(skip + 1..).unwrap_or(&[]);
            self.mentions.entry(full).or_default().extend(mentions(&package, body));
        }
    }

    /// The engine follows a rule that needs itself until the stack ends, and the process with it; so does a long row
    /// of rules.
    fn refuse_cycles(&self) -> Result<(), Fault> {
        let mut heights = BTreeMap::new();
        for start in self.mentions.keys() {
            let reason = match self.height(start, &mut heights) {
                Ok(height) if height <= RULES_DEEP_MAX => continue,
                Ok(_) => format!("more than {RULES_DEEP_MAX} rules need each other in a row"),
                Err(cycle) => format!("a rule needs itself: {}", cycle.join(" needs ")),
            };
            let (file, (line, column)) = self.places.get(start).copied().unwrap_or(("", (1, 1)));
            return Err(Fault::Refused { file: file.to_owned(), line, column, reason });
        }
        Ok(())
    }

    /// How many rules in a row `start` needs, itself included (no more than is needed to refuse them); or the names around a circle that it leads to. Walks
    /// with a stack of its own.
    fn height<'s>(
        &'s self,
        start: &'s str,
        heights: &mut BTreeMap<&'s str, usize>,
    ) -> Result<usize, Vec<&'s str>> {
        let next_of = |name: &str| {
            let needed = self.mentions.get(name).into_iter().flatten().map(String::as_str);
            needed.filter(|name| self.mentions.contains_key(*name)).collect::<Vec<_>>()
        };
        let mut path = vec![(start, next_of(start), 0)];
        while let Some((name, rest, below)) = path.last_mut() {
            let Some(next) = rest.pop() else {
                let (name, height) = (*name, *below + 1);
                heights.insert(name, height);
                path.pop();
                if let Some((_, _, below)) = path.last_mut() {
                    *below = height.max(*below);
                }
                continue;
            };
            if let Some(height) = heights.get(next) {
                *below = (*height).max(*below);
            } else if let Some(at) = path.iter().position(|(name, ..)| *name == next) {
                let around = path.iter().skip(at).map(|(name, ..)| *name);
                return Err(around.chain([next]).collect());
            } else if path.len() > RULES_DEEP_MAX {
                return Ok(path.len());
            } else {
                path.push((next, next_of(next), 0));
            }
        }
        Ok(heights.get(start).copied().unwrap_or(0))
    }
}

/// The name after `package`, without brackets.
fn package(tokens: &[Token<'_>]) -> String {
    let mut words = Vec::new();
    let mut tokens = tokens.iter().skip_while(|token| token.word() != Some("package")).skip(1).peekable();
    while let Some(word) = tokens.next_if(|token| !token.first).and_then(Token::word) {
        words.push(word);
        if tokens.next_if(|token| token.is('.')).is_none() {
            break;
        }
    }
    words.join(".")
}

/// A rule starts where a line starts outside of all brackets with a name.
fn starts_rule(tokens: &[Token<'_>], at: usize) -> bool {
    let Some(token) = tokens.get(at) else { return false };
    let name = token.word().is_some_and(|word| !matches!(word, "package" | "import" | "else" | "if" | "in"));
    // A line may also go on with what the line before needs.
    let goes_on = at.checked_sub(1).and_then(|at| tokens.get(at)).is_some_and(|before| {
        matches!(before.kind, Kind::Assign)
            || matches!(before.word(), Some("if" | "in" | "contains" | "default"))
    });
    token.first && token.depth == 0 && name && !goes_on
}

/// The rules that the words of a rule may mean: not fields, and not names that the rule declares itself.
fn mentions(package: &str, body: &[Token<'_>]) -> BTreeSet<String> {
    let local = locals(body);
    let mut found = BTreeSet::new();
    for (index, token) in body.iter().enumerate() {
        let Some(word) = token.word() else { continue };
        if index.checked_sub(1).and_then(|before| body.get(before)).is_some_and(|before| before.is('.')) {
            continue;
        }
        if word == "data" {
            // `data.a.b.rule` may be a rule in any of these.
            let mut path = String::new();
            let mut rest = body.get(index + 1..).unwrap_or(&[]).iter();
            while rest.next().is_some_and(|token| token.is('.')) {
                let Some(word) = rest.next().and_then(Token::word) else { break };
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(word);
                found.insert(path.clone());
            }
        } else if !local.contains(word) {
            found.insert(format!("{package}.{word}"));
        }
    }
    found
}

/// Names that a rule declares: arguments of its head, `name :=`, `some name`, `every name`.
fn locals<'a>(body: &[Token<'a>]) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    if body.first().is_some_and(|token| token.is('(')) {
        names.extend(body.iter().skip(1).take_while(|token| token.depth > 0).filter_map(Token::word));
    }
    for (index, token) in body.iter().enumerate() {
        match token.kind {
            Kind::Assign => {
                names.extend(index.checked_sub(1).and_then(|at| body.get(at)).and_then(Token::word));
            }
            Kind::Word("some" | "every") => {
                let declared = body.iter().skip(index + 1);
                names.extend(declared.take_while(|token| !ends_declaration(token)).filter_map(Token::word));
            }
            _ => {}
        }
    }
    names
}

fn ends_declaration(token: &Token<'_>) -> bool {
    token.word() == Some("in") || token.is(';') || token.is('{') || token.first
}
