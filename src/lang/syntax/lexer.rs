//! Text to tokens. Every byte is in exactly one token, whatever the text is.

use super::token::{Token, TokenKind};

/// What the lexer is inside of. The last one of a stack says how the next byte is read.
#[derive(Debug, Clone, Copy)]
enum Mode {
    /// Code: the file itself, or an interpolation, with the braces that are open in it.
    Code { braces: u32 },
    /// Between quotes.
    Quoted,
    /// In a heredoc whose name is at `name`; `line_start` says whether nothing but text came on this line so far.
    Heredoc { name: (usize, usize), line_start: bool },
}

/// Cuts a text into tokens.
///
/// - `text`: at most 4 GiB; the parser refuses far smaller ones.
/// - Returns tokens that lie end to end from the first byte to the last.
pub fn lex(text: &str) -> Vec<Token> {
    lex_from(text, Mode::Code { braces: 0 }, usize::MAX)
}

/// The same up to a number of tokens.
pub(super) fn lex_up_to(text: &str, tokens_max: usize) -> Vec<Token> {
    lex_from(text, Mode::Code { braces: 0 }, tokens_max)
}

/// Cuts the text of a template into tokens, as that of a heredoc that nothing ends, up to a number of them.
pub(super) fn lex_template(text: &str, tokens_max: usize) -> Vec<Token> {
    lex_from(text, Mode::Heredoc { name: (usize::MAX, usize::MAX), line_start: false }, tokens_max)
}

fn lex_from(text: &str, mode: Mode, tokens_max: usize) -> Vec<Token> {
    let mut lexer =
        Lexer { text, at: 0, tokens: Vec::with_capacity(text.len() / 4), modes: Vec::with_capacity(4) };
    lexer.modes.push(mode);
    if text.starts_with('\u{feff}') && matches!(mode, Mode::Code { .. }) {
        lexer.push(TokenKind::ByteOrderMark, '\u{feff}'.len_utf8());
    }
    while lexer.at < text.len() && lexer.tokens.len() < tokens_max {
        match lexer.modes.last().copied() {
            Some(Mode::Quoted) => lexer.quoted(),
            Some(Mode::Heredoc { name, line_start }) => lexer.heredoc(name, line_start),
            Some(Mode::Code { braces }) => lexer.code(braces),
            None => lexer.code(0),
        }
    }
    lexer.tokens
}

/// Whether a word may begin with this character.
pub(super) fn starts_word(character: char) -> bool {
    character == '_' || unicode_ident::is_xid_start(character)
}

/// Whether a word may go on with this character.
pub(super) fn continues_word(character: char) -> bool {
    character == '-' || unicode_ident::is_xid_continue(character)
}

/// Whether a text is one word: a legal name.
pub fn is_word(text: &str) -> bool {
    text.starts_with(starts_word) && text.chars().all(continues_word)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
    modes: Vec<Mode>,
}

impl<'a> Lexer<'a> {
    /// The next `length` bytes are a token; nothing if there are none.
    fn push(&mut self, kind: TokenKind, length: usize) {
        let offset = |at: usize| u32::try_from(at).expect("a text has at most 4 GiB");
        if length > 0 {
            self.tokens.push(Token { kind, start: offset(self.at), end: offset(self.at + length) });
            self.at += length;
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn code(&mut self, braces: u32) {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let (kind, length) = match bytes {
            [b' ' | b'\t', ..] => (TokenKind::Whitespace, run(bytes, |byte| matches!(byte, b' ' | b'\t'))),
            [b'\n', ..] => (TokenKind::Newline, 1),
            [b'\r', b'\n', ..] => (TokenKind::Newline, 2),
            [b'#', ..] | [b'/', b'/', ..] => (TokenKind::LineComment, line_length(rest)),
            [b'/', b'*', ..] => match rest.get(2..).and_then(|body| body.find("*/")) {
                Some(body) => (TokenKind::BlockComment, body + 4),
                None => (TokenKind::UnclosedComment, rest.len()),
            },
            [b'0'..=b'9', ..] => (TokenKind::Number, number_length(bytes)),
            [b'"', ..] => {
                self.modes.push(Mode::Quoted);
                (TokenKind::OpenQuote, 1)
            }
            [b'{', ..] => {
                self.set_braces(braces.saturating_add(1));
                (TokenKind::OpenBrace, 1)
            }
            [b'}', ..] | [b'~', b'}', ..] if braces == 0 && self.modes.len() > 1 => {
                self.modes.pop();
                (TokenKind::TemplateClose, if bytes.first() == Some(&b'~') { 2 } else { 1 })
            }
            [b'}', ..] => {
                self.set_braces(braces.saturating_sub(1));
                (TokenKind::CloseBrace, 1)
            }
            [b'<', b'<', ..] => match heredoc_start(rest) {
                Some((name_start, name_end, length)) => {
                    let name = (self.at + name_start, self.at + name_end);
                    self.modes.push(Mode::Heredoc { name, line_start: true });
                    (TokenKind::HeredocStart, length)
                }
                None => (TokenKind::Less, 1),
            },
            _ => punctuation(bytes).unwrap_or_else(|| word(rest)),
        };
        self.push(kind, length);
    }

    fn set_braces(&mut self, braces: u32) {
        if let Some(mode) = self.modes.last_mut() {
            *mode = Mode::Code { braces };
        }
    }

    /// Text up to the closing quote, the line's end or the start of an interpolation; or one of these.
    fn quoted(&mut self) {
        let bytes = self.rest().as_bytes();
        let mut length = 0;
        while let Some(rest) = bytes.get(length..) {
            length += match rest {
                [] | [b'"' | b'\n', ..] | [b'\r', b'\n', ..] | [b'$' | b'%', b'{', ..] => break,
                [b'$', b'$', b'{', ..] | [b'%', b'%', b'{', ..] => 3,
                [b'\\', next, ..] if !matches!(next, b'\r' | b'\n') => 2,
                _ => 1,
            };
        }
        self.push(TokenKind::QuotedText, length);
        match self.rest().as_bytes() {
            [b'"', ..] => {
                self.modes.pop();
                self.push(TokenKind::CloseQuote, 1);
            }
            [b'$' | b'%', ..] => self.template_start(),
            // A string ends with its line. What follows is read as what it most likely is: the next line of code, or
            // of the heredoc that is around.
            _ => {
                let heredoc = self.modes.iter().rposition(|mode| matches!(mode, Mode::Heredoc { .. }));
                self.modes.truncate(heredoc.map_or(1, |at| at + 1));
            }
        }
    }

    /// The end of the heredoc, or text up to the line's end or the start of an interpolation, or that.
    fn heredoc(&mut self, name: (usize, usize), line_start: bool) {
        let rest = self.rest();
        if line_start {
            let line = rest.get(..line_length(rest)).unwrap_or("");
            if Some(line.trim()) == self.text.get(name.0..name.1) {
                self.modes.pop();
                self.push(TokenKind::HeredocEnd, line.trim_end().len());
                return;
            }
        }
        let bytes = rest.as_bytes();
        let mut length = 0;
        while let Some(rest) = bytes.get(length..) {
            length += match rest {
                [] | [b'$' | b'%', b'{', ..] => break,
                [b'$', b'$', b'{', ..] | [b'%', b'%', b'{', ..] => 3,
                [b'\n', ..] => {
                    self.push(TokenKind::HeredocText, length + 1);
                    self.set_line_start(true);
                    return;
                }
                _ => 1,
            };
        }
        self.push(TokenKind::HeredocText, length);
        self.set_line_start(false);
        if !self.rest().is_empty() {
            self.template_start();
        }
    }

    fn set_line_start(&mut self, start: bool) {
        if let Some(Mode::Heredoc { line_start, .. }) = self.modes.last_mut() {
            *line_start = start;
        }
    }

    /// `${`, `${~`, `%{`, `%{~`
    fn template_start(&mut self) {
        let (kind, length) = match self.rest().as_bytes() {
            [b'$', b'{', b'~', ..] => (TokenKind::Interpolation, 3),
            [b'$', ..] => (TokenKind::Interpolation, 2),
            [_, b'{', b'~', ..] => (TokenKind::Directive, 3),
            _ => (TokenKind::Directive, 2),
        };
        self.push(kind, length);
        self.modes.push(Mode::Code { braces: 0 });
    }
}

fn run(bytes: &[u8], goes_on: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !goes_on(*byte)).unwrap_or(bytes.len())
}

/// Bytes up to the line's end, which is not one of them.
fn line_length(text: &str) -> usize {
    let length = text.find('\n').unwrap_or(text.len());
    if text.get(..length).is_some_and(|line| line.ends_with('\r')) && length < text.len() {
        length - 1
    } else {
        length
    }
}

/// Digits, points and exponents as long as it ends in a digit: `1.2.3` is one (bad) number, `1.` is `1` and a point.
fn number_length(bytes: &[u8]) -> usize {
    let (mut at, mut length) = (0, 0);
    loop {
        at += match bytes.get(at..).unwrap_or(&[]) {
            [b'0'..=b'9', ..] => 1,
            [b'.', ..] => {
                at += 1;
                continue;
            }
            [b'e' | b'E', b'0'..=b'9', ..] => 2,
            [b'e' | b'E', b'+' | b'-', b'0'..=b'9', ..] => 3,
            _ => return length,
        };
        length = at;
    }
}

/// `<<NAME` or `<<-NAME` and a line end: where the name starts and ends, and the length of all.
fn heredoc_start(text: &str) -> Option<(usize, usize, usize)> {
    let name_start = if text.as_bytes().get(2) == Some(&b'-') { 3 } else { 2 };
    let name = text.get(name_start..).filter(|rest| rest.starts_with(starts_word))?;
    let name_length = name.find(|character| !continues_word(character))?;
    let line_end = match name.as_bytes().get(name_length..)? {
        [b'\n', ..] => 1,
        [b'\r', b'\n', ..] => 2,
        _ => return None,
    };
    Some((name_start, name_start + name_length, name_start + name_length + line_end))
}

fn punctuation(bytes: &[u8]) -> Option<(TokenKind, usize)> {
    use TokenKind as Kind;
    Some(match bytes {
        [b'.', b'.', b'.', ..] => (Kind::Ellipsis, 3),
        [b':', b':', ..] => (Kind::DoubleColon, 2),
        [b'=', b'>', ..] => (Kind::Arrow, 2),
        [b'=', b'=', ..] => (Kind::EqualEqual, 2),
        [b'!', b'=', ..] => (Kind::NotEqual, 2),
        [b'<', b'=', ..] => (Kind::LessOrEqual, 2),
        [b'>', b'=', ..] => (Kind::GreaterOrEqual, 2),
        [b'&', b'&', ..] => (Kind::AndAnd, 2),
        [b'|', b'|', ..] => (Kind::OrOr, 2),
        [first, ..] => {
            let kind = match first {
                b'[' => Kind::OpenBracket,
                b']' => Kind::CloseBracket,
                b'(' => Kind::OpenParen,
                b')' => Kind::CloseParen,
                b'.' => Kind::Dot,
                b',' => Kind::Comma,
                b':' => Kind::Colon,
                b'?' => Kind::Question,
                b'=' => Kind::Assign,
                b'<' => Kind::Less,
                b'>' => Kind::Greater,
                b'!' => Kind::Bang,
                b'+' => Kind::Plus,
                b'-' => Kind::Minus,
                b'*' => Kind::Star,
                b'/' => Kind::Slash,
                b'%' => Kind::Percent,
                _ => return None,
            };
            (kind, 1)
        }
        [] => return None,
    })
}

/// A word, or one character that has no use.
fn word(text: &str) -> (TokenKind, usize) {
    if text.starts_with(starts_word) {
        (TokenKind::Ident, text.find(|character| !continues_word(character)).unwrap_or(text.len()))
    } else {
        (TokenKind::Invalid, text.chars().next().map_or(0, char::len_utf8))
    }
}
