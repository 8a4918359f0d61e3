//! Tokens to a tree. After an error in an argument or a block's header it goes on with the next line that looks like
//! an argument or a block, so that one run shows several errors.

mod body;
mod expression;
mod literal;
mod message;
mod template;

use super::ast::{Body, Expr};
use super::lexer::{lex_template, lex_up_to};
use super::token::{Token, TokenKind};
use crate::diag::{Diagnostic, Diagnostics, SourceId, Span, code};

/// Largest file that is read, in bytes; a configuration of 100,000 resources is about this large.
pub const SOURCE_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Levels of brackets, blocks, templates and signs inside one another: what a stack of 2 MiB holds with room to spare.
pub const NESTING_MAX: u32 = 200;
/// Values, steps, arguments, blocks and pieces of templates in one source, so that whatever they are, all that is made
/// of the largest one stays below 256 MiB; 50,000 resources have about half.
pub const NODES_MAX: usize = 500_000;
/// Tokens of one source, of 12 bytes each; 100,000 resources have about 2,500,000.
const TOKENS_MAX: usize = 4_000_000;
/// Syntax errors shown of one file; more are hardly ever errors of their own.
const SYNTAX_ERRORS_MAX: usize = 20;

/// A file: its tree and its tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// What could be read of it; all of it if there are no errors.
    pub body: Body,
    /// All of its bytes, in order.
    pub tokens: Vec<Token>,
}

/// What parsing gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The file.
    pub file: File,
    /// Its syntax errors.
    pub diagnostics: Diagnostics,
}

/// Reads a file. `text` is the text of `source`.
pub fn parse(source: SourceId, text: &str) -> Parsed {
    if let Some(error) = too_large(source, text) {
        let body = Body { items: Vec::new(), span: Span { source, start: 0, end: 0 } };
        return Parsed { file: File { body, tokens: Vec::new() }, diagnostics: error.into() };
    }
    let tokens = lex_up_to(text, TOKENS_MAX);
    if let Some(error) = too_many_tokens(source, text, &tokens) {
        let body = Body { items: Vec::new(), span: Span { source, start: 0, end: 0 } };
        return Parsed { file: File { body, tokens: Vec::new() }, diagnostics: error.into() };
    }
    let mut parser = Parser::new(source, text, &tokens);
    let body = parser.file();
    let diagnostics = parser.diagnostics;
    Parsed { file: File { body, tokens }, diagnostics }
}

/// Reads one expression, as it is given to `--var` and the console. Line ends mean nothing in it.
pub fn parse_expression(source: SourceId, text: &str) -> Result<Expr, Diagnostics> {
    if let Some(error) = too_large(source, text) {
        return Err(error.into());
    }
    let tokens = lex_up_to(text, TOKENS_MAX);
    if let Some(error) = too_many_tokens(source, text, &tokens) {
        return Err(error.into());
    }
    let mut parser = Parser::new(source, text, &tokens);
    parser.newlines_free = true;
    let expr = parser.expression();
    if expr.is_ok() && parser.peek() != TokenKind::End {
        parser.unexpected("the end of the expression");
    }
    match expr {
        Ok(expr) if parser.diagnostics.is_empty() => Ok(expr),
        _ => Err(parser.diagnostics),
    }
}

/// Reads a template that has no quotes around it: escapes of quoted strings mean nothing in it. `depth` levels of other
/// brackets are around it.
pub(super) fn parse_template(source: SourceId, text: &str, depth: u32) -> Result<Expr, Diagnostics> {
    let tokens = lex_template(text, TOKENS_MAX);
    if let Some(error) = too_many_tokens(source, text, &tokens) {
        return Err(error.into());
    }
    let mut parser = Parser::new(source, text, &tokens);
    parser.depth = depth;
    let expr = parser.bare_template();
    expr.map_err(|Failed| parser.diagnostics)
}

/// The text of a file's bytes.
///
/// # Errors
/// Where the first byte is that is not UTF-8.
pub fn decode(bytes: &[u8]) -> Result<&str, usize> {
    std::str::from_utf8(bytes).map_err(|error| error.valid_up_to())
}

fn too_large(source: SourceId, text: &str) -> Option<Diagnostic> {
    (text.len() > SOURCE_BYTES_MAX).then(|| {
        Diagnostic::error(code::lang::LIMIT, format!("a source of {} bytes is too large", text.len()))
            .at(Span { source, start: 0, end: 0 }, "")
            .detail(format!("At most {SOURCE_BYTES_MAX} bytes are read."))
    })
}

fn too_many_tokens(source: SourceId, text: &str, tokens: &[Token]) -> Option<Diagnostic> {
    let last = tokens.last().filter(|last| (last.end as usize) < text.len())?;
    let error =
        Diagnostic::error(code::lang::LIMIT, format!("more than {TOKENS_MAX} words and signs in one source"))
            .at(Span { source, start: last.start, end: last.end }, "what follows this is too many")
            .help("divide the file, or read the data with `jsondecode(file(…))`");
    Some(error)
}

/// An error was reported; whoever can goes on somewhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Failed;

type Parse<T> = Result<T, Failed>;

struct Parser<'a> {
    source: SourceId,
    text: &'a str,
    tokens: &'a [Token],
    /// The next token that is not trivia, unless it is a line end that means nothing here.
    at: usize,
    /// Whether line ends mean nothing: inside brackets and interpolations.
    newlines_free: bool,
    /// Levels that are open.
    depth: u32,
    /// What was counted so far.
    nodes: usize,
    diagnostics: Diagnostics,
    /// Errors that were not kept, because there are too many, and where the first of them is.
    errors_left_out: Option<(usize, Span)>,
    /// Where a brace was left over by an error before it.
    left_over: Option<usize>,
    /// The first block whose closing brace is indented less than the block: likely the brace of another one.
    outdented: Option<Span>,
}

impl<'a> Parser<'a> {
    fn new(source: SourceId, text: &'a str, tokens: &'a [Token]) -> Self {
        let mut parser = Self {
            source,
            text,
            tokens,
            at: 0,
            newlines_free: false,
            depth: 0,
            nodes: 0,
            diagnostics: Diagnostics::new(),
            errors_left_out: None,
            left_over: None,
            outdented: None,
        };
        parser.skip_trivia();
        parser
    }

    fn skip_trivia(&mut self) {
        while self.tokens.get(self.at).is_some_and(|token| token.kind.is_trivia()) {
            self.at += 1;
        }
    }

    /// The kind of the next token.
    fn peek(&mut self) -> TokenKind {
        if self.newlines_free {
            self.skip_newlines();
        }
        self.kind_at(self.at)
    }

    fn kind_at(&self, at: usize) -> TokenKind {
        self.tokens.get(at).map_or(TokenKind::End, |token| token.kind)
    }

    /// The kind of the token after the next one, line ends counted only where they mean something.
    fn peek_second(&mut self) -> TokenKind {
        self.peek();
        let mut rest = self.tokens.get(self.at + 1..).unwrap_or(&[]).iter();
        let free = self.newlines_free;
        rest.find(|token| !(token.kind.is_trivia() || free && token.kind == TokenKind::Newline))
            .map_or(TokenKind::End, |token| token.kind)
    }

    fn skip_newlines(&mut self) {
        while self.kind_at(self.at) == TokenKind::Newline {
            self.bump();
        }
    }

    /// Takes the next token.
    fn bump(&mut self) -> Span {
        let span = self.here();
        if self.at < self.tokens.len() {
            self.at += 1;
            self.skip_trivia();
        }
        span
    }

    /// Takes the next token if it is of this kind.
    fn eat(&mut self, kind: TokenKind) -> Option<Span> {
        (self.peek() == kind).then(|| self.bump())
    }

    /// Where the next token is; at the end of the text it is empty.
    fn here(&self) -> Span {
        self.span_at(self.at)
    }

    /// Where the next token is, for a message: a line end has no extent.
    fn place(&mut self) -> Span {
        let kind = self.peek();
        let span = self.here();
        if kind == TokenKind::Newline { Span { end: span.start, ..span } } else { span }
    }

    fn span_at(&self, at: usize) -> Span {
        let end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        let (start, end) = self.tokens.get(at).map_or((end, end), |token| (token.start, token.end));
        Span { source: self.source, start, end }
    }

    fn text_of(&self, span: Span) -> &'a str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// One more value, step, argument, block or piece of a template.
    fn count(&mut self) -> Parse<()> {
        self.nodes += 1;
        if self.nodes > NODES_MAX { self.too_many() } else { Ok(()) }
    }

    /// One level deeper.
    fn nested<T>(&mut self, at: Span, inner: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        if self.depth >= NESTING_MAX {
            return self.too_deep(at);
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// One level deeper, where line ends mean nothing.
    fn nested_free<T>(&mut self, at: Span, inner: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        let outer = std::mem::replace(&mut self.newlines_free, true);
        let result = self.nested(at, inner);
        self.newlines_free = outer;
        result
    }
}
