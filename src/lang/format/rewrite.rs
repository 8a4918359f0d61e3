//! Forms of old, written as they are today: `"${x}"` is `x`, a label has quotes, and the type of a variable is no text.

use super::piece::Piece;
use crate::lang::syntax::ast::{Attribute, Block, Body, ExprKind, Ident, Item};
use crate::lang::syntax::token::TokenKind as Kind;
use crate::lang::value::{is_hidden, normalize};
use std::borrow::Cow;
use std::fmt::Write as _;

/// What becomes of the pieces from byte `start` to byte `end`.
#[derive(Debug)]
pub(super) struct Edit {
    start: u32,
    end: u32,
    new: New,
}

#[derive(Debug)]
enum New {
    /// What is in the interpolation that they are.
    Unwrapped,
    /// A quoted text.
    Quoted(String),
    /// A type, and the type of its elements.
    Type(&'static str, Option<&'static str>),
}

/// What is written anew in a file, in the order of the file.
pub(super) fn edits(text: &str, body: &Body) -> Vec<Edit> {
    let mut edits = Vec::new();
    gather(text, body, &[], &mut edits);
    edits
}

fn gather<'b>(text: &str, body: &'b Body, blocks: &[&'b str], edits: &mut Vec<Edit>) {
    for item in &body.items {
        match item {
            Item::Attribute(attribute) => {
                let edit = if blocks == ["variable"] && attribute.name.name.as_ref() == "type" {
                    type_edit(text, attribute)
                } else {
                    matches!(attribute.value.kind, ExprKind::TemplateWrap(_)).then_some(New::Unwrapped)
                };
                let span = attribute.value.span;
                edits.extend(edit.map(|new| Edit { start: span.start, end: span.end, new }));
            }
            Item::Block(block) => {
                edits.extend(block.labels.iter().filter_map(|label| label_edit(text, label)));
                gather(text, &block.body, &path_of(blocks, block), edits);
            }
        }
    }
}

/// The kinds of the blocks around, as far as anybody asks.
fn path_of<'b>(blocks: &[&'b str], block: &'b Block) -> Vec<&'b str> {
    blocks.iter().copied().take(1).chain([block.kind.name.as_ref()]).collect()
}

/// The types that variables had before there were type expressions.
fn type_edit(text: &str, attribute: &Attribute) -> Option<New> {
    let span = attribute.value.span;
    Some(match text.get(span.start as usize..span.end as usize)? {
        "list" => New::Type("list", Some("any")),
        "map" => New::Type("map", Some("any")),
        "set" => New::Type("set", Some("any")),
        "\"string\"" => New::Type("string", None),
        "\"list\"" => New::Type("list", Some("string")),
        "\"map\"" => New::Type("map", Some("string")),
        _ => return None,
    })
}

fn label_edit(text: &str, label: &Ident) -> Option<Edit> {
    let (start, end) = (label.span.start, label.span.end);
    let quoted = escape(&label.name);
    let written = text.get(start as usize..end as usize)?;
    let inner = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    (inner != Some(&quoted)).then_some(Edit { start, end, new: New::Quoted(quoted) })
}

/// Text as it stands between quotes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let text = normalize(text);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '$' | '%' if characters.peek() == Some(&'{') => escaped.extend([character, character]),
            hidden if is_hidden(hidden) => {
                let number = u32::from(hidden);
                let _ = if number > 0xffff {
                    write!(escaped, "\\U{number:08x}")
                } else {
                    write!(escaped, "\\u{number:04x}")
                };
            }
            shown => escaped.push(shown),
        }
    }
    escaped
}

/// Carries edits out.
pub(super) fn apply(pieces: &mut Vec<Piece<'_>>, edits: Vec<Edit>) {
    if edits.is_empty() {
        return;
    }
    let mut new = Vec::with_capacity(pieces.len());
    let mut old = std::mem::take(pieces).into_iter().peekable();
    for edit in edits {
        while let Some(piece) = old.next_if(|piece| piece.start < edit.start) {
            new.push(piece);
        }
        let mut inside = Vec::new();
        while let Some(piece) = old.next_if(|piece| piece.start < edit.end) {
            inside.push(piece);
        }
        let at = edit.start;
        let mut push = |kind, text: Cow<'static, str>| new.push(Piece::new(kind, text, at));
        match edit.new {
            New::Quoted(text) => {
                push(Kind::OpenQuote, "\"".into());
                if !text.is_empty() {
                    push(Kind::QuotedText, text.into());
                }
                push(Kind::CloseQuote, "\"".into());
            }
            New::Type(name, of) => {
                push(Kind::Ident, name.into());
                if let Some(of) = of {
                    push(Kind::OpenParen, "(".into());
                    push(Kind::Ident, of.into());
                    push(Kind::CloseParen, ")".into());
                }
            }
            New::Unwrapped => {
                let ends_line = old.peek().is_none_or(|next| next.kind == Kind::Newline || next.is_comment());
                new.append(&mut unwrapped(inside, ends_line));
            }
        }
    }
    new.extend(old);
    *pieces = new;
}

/// A whole expression without `"${` and `}"` around it, as often as they are there, or as it is if it needs them.
/// `ends_line` tells whether its line ends after it.
fn unwrapped(mut pieces: Vec<Piece<'_>>, ends_line: bool) -> Vec<Piece<'_>> {
    // The expression itself: comments around it stay.
    let mut start = 0;
    let mut end = pieces.len();
    while let Some(expression) = pieces.get(start..end).filter(|pieces| is_plain(pieces)) {
        let is_newline = |piece: &&Piece<'_>| piece.kind == Kind::Newline;
        let inside = expression.get(2..expression.len() - 2).unwrap_or(&[]);
        let leading = inside.iter().take_while(is_newline).count();
        let trailing = inside.iter().skip(leading).rev().take_while(is_newline).count();
        let inside = inside.get(leading..inside.len() - trailing).unwrap_or(&[]);
        let (Some(first), Some(last)) = (inside.first(), inside.last()) else { break };
        let in_parens = inside.len() > 1 && first.kind == Kind::OpenParen && last.kind == Kind::CloseParen;
        let has_newline = inside.iter().any(|piece| piece.kind == Kind::Newline);
        // `(a) + (b)` begins and ends as if it were in parentheses.
        let needs_parens = has_newline && !in_parens || in_parens && !is_one_line(inside);
        if !needs_parens && !is_readable(inside, ends_line) {
            break;
        }
        let mut inside = inside.to_vec();
        if needs_parens {
            inside.insert(0, Piece::new(Kind::OpenParen, "(", first.start));
            inside.push(Piece::new(Kind::CloseParen, ")", last.start));
        }
        let comments_before = inside.iter().take_while(|piece| piece.is_comment()).count();
        let comments_after = inside.iter().rev().take_while(|piece| piece.is_comment()).count();
        let length = inside.len();
        pieces.splice(start..end, inside);
        end = (start + length).saturating_sub(comments_after);
        start += comments_before;
    }
    pieces
}

/// Whether pieces are `"${`, something without a template outside of quotes, and `}"`.
fn is_plain(pieces: &[Piece<'_>]) -> bool {
    let [open, start, inside @ .., end, close] = pieces else { return false };
    let around = [open.kind, start.kind, end.kind, close.kind];
    if around != [Kind::OpenQuote, Kind::Interpolation, Kind::TemplateClose, Kind::CloseQuote] {
        return false;
    }
    let mut quotes = 0_i64;
    inside.iter().all(|piece| {
        match piece.kind {
            Kind::OpenQuote => quotes += 1,
            Kind::CloseQuote => quotes -= 1,
            Kind::Interpolation | Kind::TemplateClose | Kind::QuotedText => return quotes > 0,
            _ => {}
        }
        true
    })
}

/// Whether no line of code ends outside of brackets.
fn is_one_line(pieces: &[Piece<'_>]) -> bool {
    let mut open = 0;
    pieces.iter().all(|piece| {
        open += piece.bracket_change();
        piece.kind != Kind::Newline || open > 0
    })
}

/// Whether an expression is one without the quotes that were around it: no comment outside of its brackets ends its
/// line before it ends.
fn is_readable(pieces: &[Piece<'_>], ends_line: bool) -> bool {
    let mut open = 0;
    pieces.iter().enumerate().all(|(at, piece)| {
        open += piece.bracket_change();
        let is_last = at + 1 == pieces.len();
        piece.kind != Kind::LineComment || open > 0 || is_last && ends_line
    })
}
