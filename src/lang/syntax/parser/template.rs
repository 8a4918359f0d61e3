//! Quoted strings and heredocs.

use super::message::syntax;
use super::{Failed, Parse, Parser};
use crate::diag::Span;
use crate::lang::syntax::ast::{Expr, ExprKind, Ident, TemplatePart};
use crate::lang::syntax::token::TokenKind;
use std::sync::Arc;

/// A template before its directives are put into one another.
#[derive(Debug)]
enum Piece {
    Text(String),
    Interpolation(Expr),
    If(Expr, Span),
    Else(Span),
    EndIf(Span),
    For { key: Option<Ident>, value: Ident, collection: Expr, span: Span },
    EndFor(Span),
}

type Pieces = std::iter::Peekable<std::vec::IntoIter<Piece>>;

impl Parser<'_> {
    /// `"…"`
    pub(super) fn quoted(&mut self) -> Parse<Expr> {
        let open = self.bump();
        // Between the quotes nothing is trivia, so tokens are taken as they come.
        if self.kind_at(self.at) == TokenKind::QuotedText
            && self.kind_at(self.at + 1) == TokenKind::CloseQuote
        {
            let text = self.bump();
            let close = self.bump();
            let text = self.unescape(text, true)?;
            return Ok(Expr { kind: ExprKind::String(text.into()), span: open.to(close) });
        }
        let pieces = self.nested(open, |parser| parser.pieces(open, TokenKind::CloseQuote))?;
        let span = open.to(self.bump());
        self.template(pieces, span)
    }

    /// `<<NAME` and its lines
    pub(super) fn heredoc(&mut self) -> Parse<Expr> {
        let open = self.bump();
        let mut pieces = self.nested(open, |parser| parser.pieces(open, TokenKind::HeredocEnd))?;
        let span = open.to(self.bump());
        if self.text_of(open).starts_with("<<-") {
            take_indentation(&mut pieces);
        }
        self.template(pieces, span)
    }

    /// The whole text
    pub(super) fn bare_template(&mut self) -> Parse<Expr> {
        let span = self.span_at(0).to(self.span_at(self.tokens.len()));
        let pieces = self.nested(span, |parser| parser.pieces(span, TokenKind::End))?;
        self.template(pieces, span)
    }

    /// Everything up to the token `end`, which is not taken.
    fn pieces(&mut self, open: Span, end: TokenKind) -> Parse<Vec<Piece>> {
        let mut pieces = Vec::new();
        let mut strip_next = false;
        loop {
            let strip = std::mem::take(&mut strip_next);
            // A piece takes as much room as two values.
            self.count()?;
            self.count()?;
            match self.kind_at(self.at) {
                kind if kind == end => return Ok(pieces),
                TokenKind::QuotedText | TokenKind::HeredocText => {
                    let span = self.bump();
                    let text = self.unescape(span, end == TokenKind::CloseQuote)?;
                    pieces.push(Piece::Text(if strip { text.trim_start().to_owned() } else { text }));
                }
                kind @ (TokenKind::Interpolation | TokenKind::Directive) => {
                    let start = self.here();
                    if let (true, Some(Piece::Text(text))) =
                        (self.text_of(start).ends_with('~'), pieces.last_mut())
                    {
                        text.truncate(text.trim_end().len());
                    }
                    let piece = self.nested_free(start, |parser| {
                        parser.bump();
                        if kind == TokenKind::Directive {
                            parser.directive(start)
                        } else {
                            parser.expression().map(Piece::Interpolation)
                        }
                    })?;
                    strip_next = self.template_close(start)?;
                    pieces.push(piece);
                }
                _ if end == TokenKind::CloseQuote => return Err(self.unclosed_quote(open)),
                _ => return Err(self.unclosed_heredoc(open)),
            }
        }
    }

    /// Takes the `}` or `~}` of what began at `start`; whether it was `~}`.
    fn template_close(&mut self, start: Span) -> Parse<bool> {
        self.skip_newlines();
        if self.kind_at(self.at) == TokenKind::TemplateClose {
            let close = self.bump();
            return Ok(self.text_of(close).starts_with('~'));
        }
        let opened = self.text_of(start);
        let (at, found) = (self.place(), self.found());
        let error = syntax(format!("expected `}}`, found {found}"))
            .at(at, "expected `}`")
            .at(start, format!("this `{opened}` is not closed"));
        let error = self.explain_token(error);
        let error = if opened.starts_with('$') {
            error.help("if this is text for another program, such as a shell, write `$${` for `${`")
        } else {
            error
        };
        Err(self.report(error))
    }

    /// What follows `%{`.
    fn directive(&mut self, start: Span) -> Parse<Piece> {
        if self.peek() != TokenKind::Ident {
            return Err(self.unexpected("`if`, `else`, `endif`, `for` or `endfor` after `%{`"));
        }
        let word = self.ident();
        let span = start.to(word.span);
        Ok(match word.name.as_ref() {
            "if" => {
                let condition = self.expression()?;
                Piece::If(condition, span)
            }
            "else" => Piece::Else(span),
            "endif" => Piece::EndIf(span),
            "for" => {
                let (key, value) = self.for_names(word.span)?;
                let collection = self.expression()?;
                Piece::For { key, value, collection, span }
            }
            "endfor" => Piece::EndFor(span),
            other => {
                let error = syntax(format!("`%{{ {other}` is not a directive"))
                    .at(word.span, "not a directive")
                    .did_you_mean(other, ["if", "else", "endif", "for", "endfor"])
                    .help("the directives are `if`, `else`, `endif`, `for` and `endfor`; to write `%{` as text, write `%%{`");
                return Err(self.report(error));
            }
        })
    }

    fn template(&mut self, mut pieces: Vec<Piece>, span: Span) -> Parse<Expr> {
        if pieces.len() == 1
            && let Some(Piece::Interpolation(_)) = pieces.first()
            && let Some(Piece::Interpolation(expr)) = pieces.pop()
        {
            return Ok(Expr { kind: ExprKind::TemplateWrap(Box::new(expr)), span });
        }
        let mut parts = self.parts(&mut pieces.into_iter().peekable(), None)?;
        let kind = match parts.as_mut_slice() {
            [] => ExprKind::String(Arc::from("")),
            [TemplatePart::Literal(text)] => ExprKind::String(text.clone()),
            _ => ExprKind::Template(parts),
        };
        Ok(Expr { kind, span })
    }

    /// Parts up to a piece that ends the directive around them, which is not taken, or to the end.
    fn parts(&mut self, pieces: &mut Pieces, around: Option<Span>) -> Parse<Vec<TemplatePart>> {
        let mut parts = Vec::new();
        let mut text = String::new();
        while let Some(piece) =
            pieces.next_if(|next| !matches!(next, Piece::Else(_) | Piece::EndIf(_) | Piece::EndFor(_)))
        {
            if let Piece::Text(more) = piece {
                text.push_str(&more);
                continue;
            }
            flush(&mut text, &mut parts);
            parts.push(match piece {
                Piece::Interpolation(expr) => TemplatePart::Interpolation(expr),
                Piece::If(condition, span) => {
                    self.nested(span, |parser| parser.if_part(pieces, condition, span))?
                }
                Piece::For { key, value, collection, span } => {
                    let body = self.nested(span, |parser| parser.parts(pieces, Some(span)))?;
                    match pieces.next() {
                        Some(Piece::EndFor(_)) => {}
                        other => return Err(self.unclosed_directive(span, other.as_ref(), "endfor")),
                    }
                    TemplatePart::For { key, value, collection: Box::new(collection), body, span }
                }
                _ => continue,
            });
        }
        flush(&mut text, &mut parts);
        match pieces.peek() {
            Some(Piece::Else(span) | Piece::EndIf(span) | Piece::EndFor(span)) if around.is_none() => {
                let span = *span;
                let word = self.text_of(span).trim_start_matches(['%', '{', '~', ' ']).to_owned();
                let error = syntax(format!("`%{{ {word}` without a directive that it could belong to"))
                    .at(span, "nothing is open here");
                Err(self.report(error))
            }
            _ => Ok(parts),
        }
    }

    fn if_part(&mut self, pieces: &mut Pieces, condition: Expr, span: Span) -> Parse<TemplatePart> {
        let then = self.parts(pieces, Some(span))?;
        let mut otherwise = Vec::new();
        let mut end = pieces.next();
        if let Some(Piece::Else(_)) = end {
            otherwise = self.parts(pieces, Some(span))?;
            end = pieces.next();
        }
        match end {
            Some(Piece::EndIf(_)) => {
                Ok(TemplatePart::If { condition: Box::new(condition), then, otherwise, span })
            }
            other => Err(self.unclosed_directive(span, other.as_ref(), "endif")),
        }
    }

    #[cold]
    fn unclosed_directive(&mut self, span: Span, found: Option<&Piece>, end: &str) -> Failed {
        let opened = if end == "endif" { "if" } else { "for" };
        let error = syntax(format!("`%{{ {opened}` without `%{{ {end} }}`"));
        let error = match found {
            Some(Piece::Else(other) | Piece::EndIf(other) | Piece::EndFor(other)) => error
                .at(*other, format!("expected `%{{ {end} }}` before this"))
                .at(span, "this directive is open"),
            _ => error.at(span, "this directive is not closed"),
        };
        self.report(error)
    }

    #[cold]
    fn unclosed_heredoc(&mut self, open: Span) -> Failed {
        let start = self.text_of(open).trim_end();
        let (name, length) = (start.trim_start_matches(['<', '-']).to_owned(), start.len());
        let rest = self.text.get(open.end as usize..).unwrap_or("");
        let error = syntax(format!("the heredoc `{name}` is not closed"))
            .at(
                Span { end: open.start + u32::try_from(length).unwrap_or(0), ..open },
                "it goes on to the end of the text",
            )
            .help(format!("end it with a line that holds `{name}` and nothing else"));
        let almost =
            rest.lines().find(|line| line.trim_start().starts_with(name.as_str())).and_then(|line| {
                let start = (line.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
                let start = u32::try_from(start + line.len() - line.trim_start().len()).ok()?;
                let length = u32::try_from(line.trim().len()).ok()?;
                Some(Span { start, end: start + length, ..open })
            });
        let error = match almost {
            Some(span) => error.at(span, "this line holds more than the name"),
            None => error,
        };
        self.report(error)
    }
}

fn flush(text: &mut String, parts: &mut Vec<TemplatePart>) {
    if !text.is_empty() {
        parts.push(TemplatePart::Literal(std::mem::take(text).into()));
    }
}

/// Takes the indentation that all lines of a heredoc share. A line is what follows a text that ends with a line end;
/// lines of spaces only do not count, and a line that begins with an interpolation has no indentation. (Markers `~`
/// come first, as in Terraform: a line whose line end they took joins the one before it.)
fn take_indentation(pieces: &mut [Piece]) {
    let mut least: Option<usize> = None;
    let mut indented = Vec::new();
    let mut line_start = true;
    for (at, piece) in pieces.iter().enumerate() {
        let text = match piece {
            Piece::Text(text) => Some(text.as_str()),
            _ => None,
        };
        if std::mem::take(&mut line_start) {
            let content = text.map(str::trim_start);
            let blank = content == Some("") && text.is_some_and(|text| text.ends_with('\n'));
            if !blank {
                let indent = text.map_or("", |text| &text[..text.len() - content.map_or(0, str::len)]);
                let spaces = indent.chars().count();
                least = Some(least.map_or(spaces, |least| least.min(spaces)));
                indented.push(at);
            }
        }
        line_start = text.is_some_and(|text| text.ends_with('\n'));
    }
    for at in indented {
        if let Some(Piece::Text(text)) = pieces.get_mut(at) {
            let bytes: usize = text.chars().take(least.unwrap_or(0)).map(char::len_utf8).sum();
            text.drain(..bytes);
        }
    }
}
