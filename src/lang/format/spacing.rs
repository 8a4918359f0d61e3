//! Whether there is a space between two pieces of a line. The order of the rules is the one of HCL's own formatter:
//! the first that fits decides.

use super::piece::Piece;
use crate::lang::syntax::token::TokenKind as Kind;

/// Whether a space stands between `subject` and `after`. `before` is the piece before both in the same cell.
#[expect(clippy::match_same_arms, reason = "the first rule that fits decides")]
pub(super) fn spaced(before: Option<Kind>, subject: &Piece<'_>, after: &Piece<'_>) -> bool {
    match (subject.kind, after.kind) {
        (Kind::Ident, Kind::OpenParen | Kind::DoubleColon) | (Kind::DoubleColon, Kind::Ident) => false,
        // `2 .0` looks into a number, `2.0` is another one; in `a.2.b` the number is a step.
        (Kind::Number, Kind::Dot) if before != Some(Kind::Dot) => true,
        (Kind::Dot, _) | (_, Kind::Newline | Kind::Dot | Kind::Comma | Kind::Ellipsis) => false,
        (Kind::Comma, _) => true,
        (subject, after) if is_in_template(subject, after) => false,
        // `[for x in [a] : x]`: this `in` is no reference that is looked into.
        (Kind::Ident, _) if before == Some(Kind::Ident) && subject.text == "in" => true,
        (Kind::Ident | Kind::Number, Kind::OpenBracket) | (Kind::Bang, _) => false,
        (_, Kind::OpenBracket) if subject.bracket_change() < 0 => false,
        (Kind::Minus, _) => before.is_some_and(ends_operand),
        (Kind::OpenBrace, Kind::CloseBrace) => false,
        (Kind::OpenBrace, _) | (_, Kind::CloseBrace) => true,
        // `${ {} }`
        (Kind::Interpolation | Kind::Directive, Kind::OpenBrace) => true,
        (Kind::CloseBrace, Kind::TemplateClose) => true,
        (Kind::TemplateClose, Kind::Interpolation | Kind::Directive) => false,
        _ => subject.bracket_change() <= 0 && after.bracket_change() >= 0,
    }
}

/// Whether the place between two pieces belongs to the text of a template.
fn is_in_template(subject: Kind, after: Kind) -> bool {
    let text = [Kind::QuotedText, Kind::HeredocText];
    text.contains(&subject)
        || text.contains(&after)
        || matches!(subject, Kind::OpenQuote | Kind::HeredocStart)
        || matches!(after, Kind::CloseQuote | Kind::HeredocEnd)
}

/// Whether a `-` after this takes something away from it; else it is a sign.
fn ends_operand(before: Kind) -> bool {
    !matches!(
        before,
        Kind::OpenParen
            | Kind::OpenBrace
            | Kind::OpenBracket
            | Kind::Assign
            | Kind::Colon
            | Kind::Comma
            | Kind::Question
            | Kind::Plus
            | Kind::Star
            | Kind::Slash
            | Kind::Percent
            | Kind::Minus
            | Kind::EqualEqual
            | Kind::NotEqual
            | Kind::Greater
            | Kind::GreaterOrEqual
            | Kind::Less
            | Kind::LessOrEqual
            | Kind::AndAnd
            | Kind::OrOr
            | Kind::Bang
    )
}
