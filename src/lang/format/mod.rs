//! A file in the canonical layout: byte for byte what `terraform fmt` makes of it.
//!
//! Goes in: the text of a file. Comes out: the same tokens with other white space between them, and a few forms of
//! old written as they are today (see `rewrite`). Never happens: a comment lost, a text changed that has a syntax
//! error, time that grows faster than the text.

mod layout;
mod piece;
mod rewrite;
mod spacing;

#[cfg(test)]
mod tests;

use super::syntax::{File, parse};
use crate::diag::{Diagnostic, Diagnostics, SourceId, Span, code};
use piece::Piece;

/// Largest text that is made, in bytes. Aligning thousands of lines with a very long one could make any amount.
pub const FORMATTED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Lays a file out. `text` is the text of `source`.
///
/// # Errors
/// The syntax errors of the text, or that what would be made is too large.
pub fn format(source: SourceId, text: &str) -> Result<String, Diagnostics> {
    let parsed = parse(source, text);
    if parsed.diagnostics.has_errors() {
        return Err(parsed.diagnostics);
    }
    let (mut pieces, trailing) = piece::pieces(text, &parsed.file.tokens);
    rewrite::apply(&mut pieces, rewrite::edits(text, &parsed.file.body));
    layout::lay_out(&mut pieces);
    write(&pieces, trailing).ok_or_else(|| too_large(&parsed.file))
}

/// The pieces one after the other; nothing if that is too much.
fn write(pieces: &[Piece<'_>], trailing: usize) -> Option<String> {
    let length = pieces
        .iter()
        .try_fold(trailing, |sum, piece| sum.checked_add(piece.spaces)?.checked_add(piece.text.len()))
        .filter(|length| *length <= FORMATTED_BYTES_MAX)?;
    let mut text = String::with_capacity(length);
    for piece in pieces {
        text.extend(std::iter::repeat_n(' ', piece.spaces));
        text.push_str(&piece.text);
    }
    text.extend(std::iter::repeat_n(' ', trailing));
    Some(text)
}

fn too_large(file: &File) -> Diagnostics {
    let at = Span { end: file.body.span.start, ..file.body.span };
    Diagnostic::error(code::lang::LIMIT, "the formatted text would be too large")
        .at(at, "")
        .detail(format!("At most {FORMATTED_BYTES_MAX} bytes are written."))
        .help("a very long line among many that are aligned with it takes this much; break it")
        .into()
}
