//! Words for syntax errors: what was found, what was expected, what to do.

use super::{Failed, NESTING_MAX, NODES_MAX, Parse, Parser, SYNTAX_ERRORS_MAX};
use crate::diag::{Diagnostic, Span, code};
use crate::lang::syntax::token::TokenKind;

/// Longest word that is quoted in a message, in characters.
const QUOTED_CHARS_MAX: usize = 40;

pub(super) fn syntax(summary: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code::lang::SYNTAX, summary)
}

impl Parser<'_> {
    /// Reports an error. Beyond a number of them they are counted only.
    pub(super) fn report(&mut self, error: Diagnostic) -> Failed {
        // Nothing was read past the limit, so that what seems to be missing may be there.
        if self.nodes > NODES_MAX && error.code != code::lang::LIMIT {
            return Failed;
        }
        if self.diagnostics.len() < SYNTAX_ERRORS_MAX {
            self.diagnostics.push(error);
        } else if let Some(label) = error.labels.first() {
            let (count, first) = self.errors_left_out.unwrap_or((0, label.span));
            self.errors_left_out = Some((count + 1, first));
        }
        Failed
    }

    /// Says how many errors were not kept.
    pub(super) fn report_left_out(&mut self) {
        if let Some((count, first)) = self.errors_left_out {
            let error = syntax(format!("{count} more syntax errors in this file are not shown"));
            self.diagnostics.push(error.at(first, "the first of them is here"));
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn too_deep<T>(&mut self, at: Span) -> Parse<T> {
        let error =
            Diagnostic::error(code::lang::LIMIT, format!("nested more than {NESTING_MAX} levels deep"))
                .at(at, "one level too many begins here")
                .help("name a part of it in a `locals` block and refer to that");
        Err(self.report(error))
    }

    /// The source has more values than are read; nothing after this is.
    #[cold]
    #[inline(never)]
    pub(super) fn too_many<T>(&mut self) -> Parse<T> {
        let at = self.place();
        self.at = self.tokens.len();
        if self.nodes > NODES_MAX + 1 {
            return Err(Failed);
        }
        let error =
            Diagnostic::error(code::lang::LIMIT, format!("more than {NODES_MAX} values in one source"))
                .at(at, "one value too many")
                .help("divide the file, or read the data with `jsondecode(file(…))`");
        Err(self.report(error))
    }

    /// The next token in words: "`=`", "the end of the line", "the word `foo`".
    pub(super) fn found(&mut self) -> String {
        let kind = self.peek();
        let text = self.text_of(self.here());
        let short: String = text.chars().take(QUOTED_CHARS_MAX).collect();
        match kind {
            TokenKind::End => "the end of the text".to_owned(),
            TokenKind::Newline => "the end of the line".to_owned(),
            TokenKind::OpenQuote => "a string".to_owned(),
            TokenKind::HeredocStart => "a heredoc".to_owned(),
            TokenKind::UnclosedComment => "a comment that is not closed".to_owned(),
            TokenKind::Ident => format!("the word `{short}`"),
            TokenKind::Number => format!("the number `{short}`"),
            _ => format!("`{short}`"),
        }
    }

    /// Something else was expected; says what.
    #[cold]
    #[inline(never)]
    pub(super) fn unexpected(&mut self, expected: &str) -> Failed {
        let found = self.found();
        let at = self.place();
        let error = syntax(format!("expected {expected}, found {found}"));
        let error = self.explain_token(error.at(at, format!("expected {expected}")));
        self.report(error)
    }

    /// What is to be said of a token that is wrong anywhere, or wrong in the way that it is usually wrong.
    pub(super) fn explain_token(&mut self, error: Diagnostic) -> Diagnostic {
        let kind = self.peek();
        let text = self.text_of(self.here());
        match (kind, text) {
            (TokenKind::Invalid, "'" | "‘" | "’" | "`") => {
                error.help("strings are written in double quotes: `\"…\"`")
            }
            (TokenKind::Invalid, "“" | "”" | "„" | "«" | "»") => {
                error.help(format!("`{text}` is a typographic quote: write a straight one, `\"`"))
            }
            (TokenKind::Invalid, ";") => error.help("arguments end with their line; take out the `;`"),
            (TokenKind::Invalid, "&") | (TokenKind::Ident, "and") => error.help("\"and\" is written `&&`"),
            (TokenKind::Invalid, "|") | (TokenKind::Ident, "or") => error.help("\"or\" is written `||`"),
            (TokenKind::Invalid, "^") => error.help("powers are taken with `pow(base, exponent)`"),
            (TokenKind::Invalid, "$") => {
                error.help("`${…}` stands inside strings only; outside write the expression itself")
            }
            (TokenKind::Invalid, "\r") => error.help("a carriage return alone does not end a line"),
            (TokenKind::Invalid, text) if text.chars().all(char::is_whitespace) => {
                let codes: Vec<_> = text.chars().map(|c| format!("U+{:04X}", u32::from(c))).collect();
                error.help(format!("this looks like a space but is {}: write a plain space", codes.join(" ")))
            }
            (TokenKind::Ident, "not") => error.help("\"not\" is written `!`"),
            (TokenKind::Less, _) if self.peek_second() == TokenKind::Less => error.help(
                "a heredoc begins with `<<NAME` and nothing else on its line: take out what follows the name",
            ),
            (TokenKind::UnclosedComment, _) => error.help("close it with `*/`"),
            (TokenKind::Newline, _) => {
                error.help("an expression ends with its line; to go on, put all of it in parentheses")
            }
            _ => error,
        }
    }

    /// A bracket is not closed: the next token is not the one that closes what `open` opened.
    #[cold]
    #[inline(never)]
    pub(super) fn unclosed(&mut self, open: Span, close: TokenKind, separator: &str) -> Failed {
        let symbol = close.symbol().unwrap_or("");
        let opened = self.text_of(open).trim_end();
        let expected = format!("{separator}`{symbol}`");
        let found = self.found();
        let at = self.place();
        let error =
            syntax(format!("expected {expected}, found {found}")).at(at, format!("expected {expected}"));
        let error = if !separator.is_empty() && self.at_value() {
            error.at(open, format!("inside this `{opened}`")).help("a `,` is missing before this")
        } else {
            error.at(open, format!("this `{opened}` is not closed"))
        };
        let error = self.explain_token(error);
        self.report(error)
    }

    /// Whether the next token begins a value, and not an argument.
    fn at_value(&mut self) -> bool {
        let begins = matches!(
            self.peek(),
            TokenKind::Ident
                | TokenKind::Number
                | TokenKind::OpenQuote
                | TokenKind::HeredocStart
                | TokenKind::OpenBrace
                | TokenKind::OpenParen
        );
        begins && self.peek_second() != TokenKind::Assign
    }

    /// A string ends with its line.
    #[cold]
    #[inline(never)]
    pub(super) fn unclosed_quote(&mut self, open: Span) -> Failed {
        let line_end = self.here();
        let end = Span { end: line_end.start, ..line_end };
        let summary = "the string has no closing quote on its line";
        if self.quote_before(open) {
            return Failed;
        }
        let error = syntax(summary)
            .at(open.to(end), "a `\"` is missing at the end")
            .help("several lines are written with `\\n`, or as a heredoc: `<<EOT`, the lines, `EOT`");
        self.report(error)
    }

    /// Whether the last error was a missing quote too and no string was closed since: then this quote closes that
    /// string, which goes over several lines.
    fn quote_before(&self, open: Span) -> bool {
        let last = self.diagnostics.iter().last().filter(|error| error.summary.contains("no closing quote"));
        let Some(last) = last.and_then(|error| error.labels.first()) else {
            return false;
        };
        let between = self.text.get(last.span.end as usize..open.start as usize).unwrap_or("");
        let begins_value =
            between.trim_end().ends_with(['=', '(', '[', '{', ',', ':', '?', '+', '&', '|', '<', '>']);
        !between.contains('"') && !begins_value
    }
}
