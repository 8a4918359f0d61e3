//! Arguments and blocks.

use super::message::syntax;
use super::{Failed, Parse, Parser};
use crate::diag::{Diagnostic, Span, code};
use crate::lang::syntax::ast::{Attribute, Block, Body, ExprKind, Ident, Item};
use crate::lang::syntax::token::TokenKind;
use std::collections::HashMap;
use std::sync::Arc;

/// Arguments of a body up to which they are compared with each other to find one that is set twice.
const COMPARED_MAX: usize = 8;

impl Parser<'_> {
    /// The whole text as a body.
    pub(super) fn file(&mut self) -> Body {
        let mut items = Vec::new();
        loop {
            self.items(&mut items);
            if self.peek() == TokenKind::End {
                break;
            }
            if self.left_over != Some(self.at) {
                let at = self.place();
                let error = syntax("this `}` closes nothing").at(at, "no block is open here");
                self.report(error);
            }
            self.bump();
        }
        self.check_unique(&items);
        self.report_left_out();
        let end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        Body { items, span: Span { source: self.source, start: 0, end } }
    }

    /// Arguments and blocks up to a `}` or the end; errors in them are reported and skipped.
    fn items(&mut self, items: &mut Vec<Item>) {
        loop {
            self.skip_newlines();
            if matches!(self.peek(), TokenKind::CloseBrace | TokenKind::End) {
                return;
            }
            let (start, depth) = (self.at, self.depth);
            let item = self.item().and_then(|item| self.item_end(&item).map(|()| item));
            if let Ok(item) = item {
                items.push(item);
            } else {
                self.newlines_free = false;
                self.depth = depth;
                self.recover(start);
            }
        }
    }

    fn item(&mut self) -> Parse<Item> {
        self.count()?;
        if self.peek() != TokenKind::Ident {
            return Err(self.no_item());
        }
        let name = self.ident();
        match self.peek() {
            TokenKind::Assign => self.attribute(name).map(Item::Attribute),
            TokenKind::OpenQuote | TokenKind::Ident | TokenKind::OpenBrace => {
                self.block(name).map(Item::Block)
            }
            _ => Err(self.neither_argument_nor_block(&name)),
        }
    }

    /// The next token, which is a word.
    pub(super) fn ident(&mut self) -> Ident {
        let span = self.bump();
        Ident { name: self.text_of(span).into(), span }
    }

    fn attribute(&mut self, name: Ident) -> Parse<Attribute> {
        self.bump();
        if matches!(self.peek(), TokenKind::Newline | TokenKind::End) {
            let at = self.place();
            let error = syntax(format!("argument `{}` has no value", name.name))
                .at(name.span.to(Span { end: at.start, ..at }), "a value is missing after the `=`")
                .help("a value that goes over several lines begins on the line of its `=`");
            return Err(self.report(error));
        }
        let value = self.expression()?;
        let span = name.span.to(value.span);
        Ok(Attribute { name, value, span, json: None })
    }

    fn block(&mut self, kind: Ident) -> Parse<Block> {
        let mut labels = Vec::new();
        let mut header = kind.span;
        let open = loop {
            self.count()?;
            match self.peek() {
                TokenKind::OpenQuote => labels.push(self.label()?),
                TokenKind::Ident => labels.push(self.ident()),
                TokenKind::OpenBrace => break self.bump(),
                _ => return Err(self.no_brace(&kind, header)),
            }
            header = header.to(labels.last().map_or(header, |label| label.span));
        };
        let (body, close) = self.nested(open, |parser| parser.block_body(open, header))?;
        let outdented = self.column(close.start) < self.column(kind.span.start);
        if outdented && self.outdented.is_none() && self.text_of(kind.span.to(close)).contains('\n') {
            self.outdented = Some(header);
        }
        Ok(Block { span: kind.span.to(close), kind, labels, body, header })
    }

    /// A quoted label.
    fn label(&mut self) -> Parse<Ident> {
        let open = self.here();
        let expr = self.quoted()?;
        if let ExprKind::String(name) = expr.kind {
            return Ok(Ident { name, span: expr.span });
        }
        let error = syntax("a label is plain text")
            .at(open.to(expr.span), "nothing is filled in here")
            .help("to write `${` as text, write `$${`");
        Err(self.report(error))
    }

    /// What stands between the braces, and the closing one.
    fn block_body(&mut self, open: Span, header: Span) -> Parse<(Body, Span)> {
        let mut items = Vec::new();
        match self.peek() {
            TokenKind::CloseBrace => {}
            TokenKind::Newline | TokenKind::End => self.items(&mut items),
            _ => self.one_line(open, &mut items)?,
        }
        if self.peek() != TokenKind::CloseBrace {
            return Err(self.unclosed_block(open, header, &items));
        }
        let close = self.bump();
        self.check_unique(&items);
        Ok((Body { items, span: Span { start: open.end, end: close.start, ..open } }, close))
    }

    /// `{ name = value }`
    fn one_line(&mut self, open: Span, items: &mut Vec<Item>) -> Parse<()> {
        if self.peek() != TokenKind::Ident {
            return Err(self.no_item());
        }
        let name = self.ident();
        match self.peek() {
            TokenKind::Assign => items.push(Item::Attribute(self.attribute(name)?)),
            TokenKind::OpenQuote | TokenKind::Ident | TokenKind::OpenBrace => {
                let error = syntax("a block inside a block begins on a line of its own")
                    .at(name.span, "put this on a new line")
                    .at(open, "the outer block begins here");
                return Err(self.report(error));
            }
            _ => return Err(self.neither_argument_nor_block(&name)),
        }
        if self.peek() == TokenKind::CloseBrace {
            return Ok(());
        }
        let at = self.place();
        let found = self.found();
        let error =
            syntax(format!("expected `}}` after the only argument of a one-line block, found {found}"))
                .at(at, "expected `}`")
                .at(open, "the block begins here")
                .help("a block with more than one argument has each on a line of its own, and the `}` too");
        Err(self.report(error))
    }

    /// After an argument or a block its line ends.
    fn item_end(&mut self, item: &Item) -> Parse<()> {
        if matches!(self.peek(), TokenKind::Newline | TokenKind::End) {
            return Ok(());
        }
        let second = self.peek_second();
        let at = self.place();
        let after = match item {
            Item::Attribute(attribute) => format!("argument `{}`", attribute.name.name),
            Item::Block(block) => format!("block `{}`", block.kind.name),
        };
        let found = self.found();
        let error = match (self.peek(), second) {
            (TokenKind::Ident, TokenKind::Assign) => syntax("two arguments on one line")
                .at(at, "this begins a second argument")
                .help("put each argument on a line of its own"),
            (TokenKind::Comma, _) => syntax(format!("a comma after {after}"))
                .at(at, "arguments are not separated by commas")
                .help("take out the comma; each argument has a line of its own"),
            (TokenKind::CloseBrace, _) => {
                let error = syntax(format!("`}}` on the line of {after}"))
                    .at(at, "this belongs on the next line")
                    .help("a block over several lines has its closing brace on a line of its own");
                self.report(error);
                return Ok(());
            }
            _ => {
                let error = syntax(format!("expected the end of the line after {after}, found {found}"))
                    .at(at, "this does not belong to it");
                match item {
                    Item::Block(_) => error.help("what follows a block begins on a line of its own"),
                    Item::Attribute(_) => self.explain_token(error),
                }
            }
        };
        Err(self.report(error))
    }

    /// No argument is set twice.
    fn check_unique(&mut self, items: &[Item]) {
        let names: Vec<&Ident> = items
            .iter()
            .filter_map(|item| match item {
                Item::Attribute(attribute) => Some(&attribute.name),
                Item::Block(_) => None,
            })
            .collect();
        let mut twice = Vec::new();
        if names.len() <= COMPARED_MAX {
            for (index, name) in names.iter().enumerate() {
                let earlier = names.iter().take(index).find(|earlier| earlier.name == name.name);
                twice.extend(earlier.map(|earlier| (*name, earlier.span)));
            }
        } else {
            let mut seen: HashMap<Arc<str>, Span> = HashMap::with_capacity(names.len());
            for name in names {
                match seen.get(&name.name) {
                    Some(earlier) => twice.push((name, *earlier)),
                    None => drop(seen.insert(name.name.clone(), name.span)),
                }
            }
        }
        for (name, earlier) in twice {
            let error =
                Diagnostic::error(code::lang::DUPLICATE, format!("argument `{}` is set twice", name.name))
                    .at(name.span, "set again here")
                    .at(earlier, "set first here")
                    .help("keep one of them");
            self.report(error);
        }
    }

    fn no_item(&mut self) -> Failed {
        let (at, second) = (self.place(), self.peek_second());
        let found = self.found();
        let kind = self.peek();
        let error = syntax(format!("expected an argument or a block, found {found}"));
        let error = match kind {
            TokenKind::OpenQuote => {
                error.at(at, "names of arguments have no quotes").help("write `name = value`, without quotes")
            }
            TokenKind::Question
            | TokenKind::Colon
            | TokenKind::AndAnd
            | TokenKind::OrOr
            | TokenKind::Plus
            | TokenKind::Minus
            | TokenKind::Star
            | TokenKind::EqualEqual
            | TokenKind::NotEqual
            | TokenKind::Dot => error
                .at(at, "a line cannot begin with this")
                .help("an expression ends with its line; to go on, put all of it in parentheses"),
            TokenKind::CloseBracket | TokenKind::CloseParen => error.at(at, "this closes nothing"),
            TokenKind::Less if second == TokenKind::Less => self.explain_token(error.at(at, "")),
            _ => self.explain_token(error.at(at, "expected a name")),
        };
        self.report(error)
    }

    fn neither_argument_nor_block(&mut self, name: &Ident) -> Failed {
        let at = self.place();
        let found = self.found();
        let word = &name.name;
        let error = match self.peek() {
            TokenKind::Colon => syntax(format!("expected `=` after `{word}`, found `:`"))
                .at(at, "expected `=`")
                .help(format!("arguments are written `{word} = value`")),
            TokenKind::EqualEqual => syntax(format!("expected `=` after `{word}`, found `==`"))
                .at(at, "`==` compares, `=` sets")
                .help(format!("write `{word} = value`")),
            TokenKind::Newline | TokenKind::End => {
                syntax(format!("`{word}` is neither an argument nor a block"))
                    .at(name.span, "something is missing after this")
                    .help(format!("write `{word} = value`, or `{word} {{` to begin a block"))
            }
            TokenKind::Dot => syntax("the name of an argument is a single word")
                .at(name.span.to(at), "a `.` cannot be part of it")
                .help("to set one part of a value, write the value as an object: `name = { part = value }`"),
            _ => {
                let error = syntax(format!("expected `=` or `{{` after `{word}`, found {found}"))
                    .at(at, "expected `=` or `{`");
                self.explain_token(error)
            }
        };
        self.report(error)
    }

    fn no_brace(&mut self, kind: &Ident, header: Span) -> Failed {
        let at = self.place();
        let found = self.found();
        let error = match self.peek() {
            TokenKind::Assign => syntax(format!("block `{}` has an `=`", kind.name))
                .at(at, "take this out")
                .help("the body of a block follows its labels without `=`"),
            TokenKind::Newline | TokenKind::End => syntax(format!("block `{}` has no body", kind.name))
                .at(header, "expected `{` on this line")
                .help("the opening brace stands on the line of the block's labels"),
            _ => {
                let error = syntax(format!("expected a label or `{{`, found {found}")).at(at, "expected `{`");
                self.explain_token(error.at(header, "in the header of this block"))
            }
        };
        self.report(error)
    }

    /// The file ends inside a block.
    fn unclosed_block(&mut self, open: Span, header: Span, items: &[Item]) -> Failed {
        let at = self.place();
        let found = self.found();
        let error = syntax(format!("expected `}}`, found {found}"))
            .at(header.to(open), "this block is not closed")
            .at(at, "expected `}`");
        // A block that begins no further right than the one that is open was most likely not meant to be inside it.
        let column = self.column(header.start);
        let outside = items.iter().find_map(|item| match item {
            Item::Block(block) if self.column(block.span.start) <= column => Some(block.header),
            _ => None,
        });
        let inside = self.outdented.filter(|inner| inner.start > open.start);
        let error = match (inside, outside) {
            (Some(span), _) => error.at(span, "by its indentation, this is the block that lacks a `}`"),
            (None, Some(span)) => error.at(span, "a `}` is probably missing before this"),
            (None, None) => error,
        };
        self.report(error)
    }

    /// Bytes between the start of its line and `at`.
    fn column(&self, at: u32) -> usize {
        let before = self.text.get(..at as usize).unwrap_or("");
        before.len() - before.rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// Goes on after an error in the item that began at token `start`: at the first later line that is indented no
    /// further than the item and looks like an argument, a block, or the end of the body around it.
    fn recover(&mut self, start: usize) {
        if self.at >= self.tokens.len() {
            return;
        }
        let indent = self.column(self.span_at(start).start);
        let mut open = 0_usize;
        let mut at = start;
        while let Some(kind) = self.tokens.get(at).map(|token| token.kind) {
            match kind {
                TokenKind::OpenBrace => open += 1,
                TokenKind::CloseBrace => {
                    // The column is asked for once a line: to find it is to walk back to the line's beginning.
                    if at >= self.at && self.begins_line(at) {
                        let column = self.column(self.span_at(at).start);
                        if column < indent || (column == indent && open == 0) {
                            self.at = at;
                            self.left_over = Some(at);
                            return;
                        }
                    }
                    open = open.saturating_sub(1);
                }
                TokenKind::Ident if at > start && at >= self.at && self.begins_item(at, indent) => {
                    self.at = at;
                    return;
                }
                _ => {}
            }
            at += 1;
        }
        self.at = self.tokens.len();
    }

    /// Whether only trivia stands before a token on its line.
    fn begins_line(&self, at: usize) -> bool {
        let before = self.tokens.get(..at).unwrap_or(&[]);
        let last = before.iter().rev().find(|token| !token.kind.is_trivia());
        last.is_none_or(|token| matches!(token.kind, TokenKind::Newline))
    }

    fn begins_item(&self, at: usize, indent: usize) -> bool {
        let after = self.tokens.get(at + 1..).unwrap_or(&[]).iter();
        let next = after.map(|token| token.kind).find(|kind| !kind.is_trivia());
        matches!(
            next,
            Some(TokenKind::Assign | TokenKind::OpenBrace | TokenKind::OpenQuote | TokenKind::Ident)
        ) && self.begins_line(at)
            && self.column(self.span_at(at).start) <= indent
    }
}
