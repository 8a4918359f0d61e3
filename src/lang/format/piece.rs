//! Tokens as they are laid out: each with the spaces before it.

use crate::lang::syntax::token::{Token, TokenKind};
use crate::lang::value::graphemes;
use std::borrow::Cow;

/// A token that is not white space, and how many spaces come before it.
#[derive(Debug, Clone)]
pub(super) struct Piece<'t> {
    pub(super) kind: TokenKind,
    /// As it is written. A line comment has its line end, the end of a heredoc what stands after it on its line.
    pub(super) text: Cow<'t, str>,
    /// Its first byte in the file.
    pub(super) start: u32,
    pub(super) spaces: usize,
}

impl<'t> Piece<'t> {
    /// One that is not in the file yet.
    pub(super) fn new(kind: TokenKind, text: impl Into<Cow<'t, str>>, start: u32) -> Self {
        Self { kind, text: text.into(), start, spaces: 0 }
    }

    pub(super) fn is_comment(&self) -> bool {
        matches!(self.kind, TokenKind::LineComment | TokenKind::BlockComment)
    }

    /// Whether a new line begins after it.
    pub(super) fn ends_line(&self) -> bool {
        self.kind == TokenKind::Newline || self.is_comment() && self.text.ends_with('\n')
    }

    /// 1 for what opens, -1 for what closes.
    pub(super) fn bracket_change(&self) -> i64 {
        match self.kind {
            TokenKind::OpenBrace
            | TokenKind::OpenBracket
            | TokenKind::OpenParen
            | TokenKind::Interpolation
            | TokenKind::Directive => 1,
            TokenKind::CloseBrace
            | TokenKind::CloseBracket
            | TokenKind::CloseParen
            | TokenKind::TemplateClose => -1,
            _ => 0,
        }
    }

    /// How wide it is with its spaces, in what readers see as one character each.
    pub(super) fn columns(&self) -> usize {
        let text = &*self.text;
        // In ASCII the line end of Windows alone is two bytes that are one.
        let width =
            if text.is_ascii() { text.len() - text.matches("\r\n").count() } else { graphemes(text).count() };
        self.spaces + width
    }
}

/// The tokens of a text as pieces, and the white space after the last one. A byte order mark is white space.
pub(super) fn pieces<'t>(text: &'t str, tokens: &[Token]) -> (Vec<Piece<'t>>, usize) {
    let mut pieces: Vec<Piece<'t>> = Vec::with_capacity(tokens.len());
    let mut spaces = 0;
    for token in tokens {
        let (start, end) = (token.start as usize, token.end as usize);
        match (token.kind, pieces.last_mut()) {
            (TokenKind::Newline, Some(last)) if last.kind == TokenKind::LineComment && !last.ends_line() => {
                last.text = text.get(last.start as usize..end).unwrap_or("").into();
            }
            (TokenKind::Whitespace, Some(last)) if last.kind == TokenKind::HeredocEnd => {
                last.text = text.get(last.start as usize..end).unwrap_or("").into();
            }
            (TokenKind::Whitespace | TokenKind::ByteOrderMark, _) => spaces += end - start,
            (kind, _) => {
                let text = text.get(start..end).unwrap_or("").into();
                let spaces = std::mem::take(&mut spaces);
                pieces.push(Piece { kind, text, start: token.start, spaces });
            }
        }
    }
    (pieces, spaces)
}
