//! Where pieces stand: indentation by brackets, spaces in a line, columns of neighbouring lines.
//!
//! A line has up to three cells: what leads it, an assignment from its `=` on if its brackets are closed in the line,
//! and a comment at its end. Lines are those of the code: a heredoc is part of the line that it begins in.

use super::piece::Piece;
use super::spacing::spaced;
use crate::lang::syntax::token::TokenKind;
use std::ops::Range;

/// Spaces of one level.
const INDENT: usize = 2;

/// The pieces of a line by its cells; a cell that is not there is empty.
#[derive(Debug)]
struct Line {
    lead: Range<usize>,
    assign: Range<usize>,
    comment: Range<usize>,
}

/// Sets the spaces before all pieces.
pub(super) fn lay_out(pieces: &mut [Piece<'_>]) {
    let lines = lines(pieces);
    indent(pieces, &lines);
    for line in &lines {
        space(pieces, line.lead.clone());
        if let Some(equals) = pieces.get_mut(line.assign.clone()).and_then(|assign| assign.first_mut()) {
            equals.spaces = 1;
        }
        space(pieces, line.assign.clone());
    }
    align(pieces, &lines, |line| &line.assign, |pieces, line| width(pieces, &line.lead));
    align(
        pieces,
        &lines,
        |line| &line.comment,
        |pieces, line| width(pieces, &line.lead) + width(pieces, &line.assign),
    );
}

fn lines(pieces: &[Piece<'_>]) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut start = 0;
    while start < pieces.len() {
        let rest = pieces.get(start..).unwrap_or(&[]);
        let length = rest.iter().position(Piece::ends_line).map_or(rest.len(), |at| at + 1);
        lines.push(line(pieces, start..start + length));
        start += length;
    }
    lines
}

fn line(pieces: &[Piece<'_>], Range { start, end }: Range<usize>) -> Line {
    let kind = |at: usize| pieces.get(at).map(|piece| piece.kind);
    let has_comment = end - start > 1 && pieces.get(end - 1).is_some_and(Piece::is_comment);
    let code_end = if has_comment { end - 1 } else { end };
    let equals = (start + 1..code_end).find(|at| kind(*at) == Some(TokenKind::Assign));
    let assign = equals
        .filter(|equals| brackets(pieces.get(*equals..code_end).unwrap_or(&[]).iter()) == 0)
        .unwrap_or(code_end);
    Line { lead: start..assign, assign: assign..code_end, comment: code_end..end }
}

/// What opens minus what closes.
fn brackets<'p, 't: 'p>(pieces: impl Iterator<Item = &'p Piece<'t>>) -> i64 {
    pieces.map(Piece::bracket_change).sum()
}

/// The first piece of each line goes under the lines whose brackets are open. Brackets that a line opens together are
/// one level, which ends when that many are closed.
fn indent(pieces: &mut [Piece<'_>], lines: &[Line]) {
    let mut levels: Vec<i64> = Vec::new();
    for line in lines {
        let lead = pieces.get(line.lead.clone()).unwrap_or(&[]);
        let net = if lead.first().is_some_and(|piece| piece.kind == TokenKind::Newline) {
            None
        } else {
            // What stands in a heredoc does not count for the line that it begins in.
            let heredoc = lead.iter().position(|piece| piece.kind == TokenKind::HeredocStart);
            let lead = lead.get(..heredoc.unwrap_or(lead.len())).unwrap_or(&[]);
            let assign = pieces.get(line.assign.clone()).unwrap_or(&[]);
            Some(brackets(lead.iter().chain(assign)))
        };
        close(&mut levels, net.map_or(0, |net| -net));
        if let Some(first) = pieces.get_mut(line.lead.start) {
            first.spaces = if net.is_some() { INDENT * levels.len() } else { 0 };
        }
        levels.extend(net.filter(|net| *net > 0));
    }
}

fn close(levels: &mut Vec<i64>, mut closed: i64) {
    while closed > 0
        && let Some(last) = levels.last_mut()
    {
        let here = closed.min(*last);
        *last -= here;
        closed -= here;
        if *last == 0 {
            levels.pop();
        }
    }
}

/// One space or none between the pieces of a cell.
fn space(pieces: &mut [Piece<'_>], cell: Range<usize>) {
    for after in cell.start + 1..cell.end {
        let at = |place: Option<usize>| place.filter(|at| cell.contains(at)).and_then(|at| pieces.get(at));
        let (before, subject) = (at(after.checked_sub(2)), at(after.checked_sub(1)));
        let (Some(subject), Some(next)) = (subject, at(Some(after))) else { continue };
        let spaces = usize::from(spaced(before.map(|piece| piece.kind), subject, next));
        if let Some(next) = pieces.get_mut(after) {
            next.spaces = spaces;
        }
    }
}

/// Lines one after the other that have a cell have it in the same column: one past the widest of what is before it.
fn align(
    pieces: &mut [Piece<'_>],
    lines: &[Line],
    cell: impl Fn(&Line) -> &Range<usize>,
    before: impl Fn(&[Piece<'_>], &Line) -> usize,
) {
    for chain in lines.split(|line| cell(line).is_empty()) {
        let widths: Vec<_> = chain.iter().map(|line| before(pieces, line)).collect();
        let widest = widths.iter().copied().max().unwrap_or(0);
        for (line, width) in chain.iter().zip(widths) {
            if let Some(first) = pieces.get_mut(cell(line).start) {
                first.spaces = widest - width + 1;
            }
        }
    }
}

fn width(pieces: &[Piece<'_>], cell: &Range<usize>) -> usize {
    pieces.get(cell.clone()).unwrap_or(&[]).iter().map(Piece::columns).sum()
}
