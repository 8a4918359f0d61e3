//! Expressions: operators, terms, and the steps into them.

use super::message::syntax;
use super::{Failed, Parse, Parser};
use crate::diag::Span;
use crate::lang::syntax::ast::{BinaryOp, Expr, ExprKind, For, Ident, Step, UnaryOp};
use crate::lang::syntax::token::TokenKind;
use crate::lang::value::Number;

impl Parser<'_> {
    /// `a`, `a ? b : c ? d : e`
    pub(super) fn expression(&mut self) -> Parse<Expr> {
        let first = self.operators()?;
        if self.peek() == TokenKind::Question { self.conditional(first) } else { Ok(first) }
    }

    // Functions that call each other in a circle are kept small: their frames are on the stack once for each level.

    /// The rest of a conditional after its first condition.
    fn conditional(&mut self, first: Expr) -> Parse<Expr> {
        let mut next = Box::new(first);
        let mut cases = Vec::new();
        while let Some(question) = self.eat(TokenKind::Question) {
            let value = self.nested(question, Self::boxed_expression)?;
            if self.eat(TokenKind::Colon).is_none() {
                return Err(self.no_colon(question));
            }
            let condition = std::mem::replace(&mut next, self.boxed_operators()?);
            push_case(&mut cases, condition, value);
        }
        Ok(finish_conditional(cases, next))
    }

    fn boxed_expression(&mut self) -> Parse<Box<Expr>> {
        self.expression().map(Box::new)
    }

    fn boxed_operators(&mut self) -> Parse<Box<Expr>> {
        self.operators().map(Box::new)
    }

    fn boxed_with_steps(&mut self) -> Parse<Box<Expr>> {
        self.with_steps().map(Box::new)
    }

    /// Terms with operators between them.
    fn operators(&mut self) -> Parse<Expr> {
        let first = self.with_steps()?;
        if self.peek_operator().is_some() { self.chain(first) } else { Ok(first) }
    }

    /// The rest of a row of operators after its first term. Without recursion: what waits for its right side is on a
    /// stack of its own.
    fn chain(&mut self, first: Expr) -> Parse<Expr> {
        let mut waiting: Vec<Waiting> = Vec::new();
        let mut operand = Box::new(first);
        while let Some(operator) = self.peek_operator() {
            self.bump();
            let left = std::mem::replace(&mut operand, self.boxed_with_steps()?);
            let left = finish_chains(&mut waiting, left, operator.precedence());
            wait(&mut waiting, left, operator);
        }
        Ok(*finish_chains(&mut waiting, operand, 0))
    }

    fn peek_operator(&mut self) -> Option<BinaryOp> {
        Some(match self.peek() {
            TokenKind::OrOr => BinaryOp::Or,
            TokenKind::AndAnd => BinaryOp::And,
            TokenKind::EqualEqual => BinaryOp::Equal,
            TokenKind::NotEqual => BinaryOp::NotEqual,
            TokenKind::Less => BinaryOp::Less,
            TokenKind::LessOrEqual => BinaryOp::LessOrEqual,
            TokenKind::Greater => BinaryOp::Greater,
            TokenKind::GreaterOrEqual => BinaryOp::GreaterOrEqual,
            TokenKind::Plus => BinaryOp::Add,
            TokenKind::Minus => BinaryOp::Subtract,
            TokenKind::Star => BinaryOp::Multiply,
            TokenKind::Slash => BinaryOp::Divide,
            TokenKind::Percent => BinaryOp::Modulo,
            _ => return None,
        })
    }

    /// A term and the steps into it.
    fn with_steps(&mut self) -> Parse<Expr> {
        let target = self.term()?;
        if !matches!(self.peek(), TokenKind::Dot | TokenKind::OpenBracket) {
            return Ok(target);
        }
        let target = Box::new(target);
        let steps = self.steps()?;
        Ok(access(target, steps))
    }

    fn term(&mut self) -> Parse<Expr> {
        self.count()?;
        match self.peek() {
            TokenKind::Number => self.number(),
            TokenKind::Ident => self.word(),
            TokenKind::OpenQuote => self.quoted(),
            TokenKind::HeredocStart => self.heredoc(),
            TokenKind::OpenParen => self.paren(),
            TokenKind::OpenBracket => self.tuple(),
            TokenKind::OpenBrace => self.object(),
            TokenKind::Minus => self.unary(UnaryOp::Negate),
            TokenKind::Bang => self.unary(UnaryOp::Not),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn number(&mut self) -> Parse<Expr> {
        let span = self.bump();
        let text = self.text_of(span);
        let number = Some(text).filter(|text| is_number(text)).and_then(Number::parse);
        match number {
            Some(number) => Ok(Expr { kind: ExprKind::Number(number), span }),
            None => Err(self.bad_number(span)),
        }
    }

    fn unary(&mut self, operator: UnaryOp) -> Parse<Expr> {
        let sign = self.bump();
        let operand = self.nested(sign, Self::boxed_with_steps)?;
        let span = sign.to(operand.span);
        Ok(Expr { kind: ExprKind::Unary(operator, operand), span })
    }

    /// `null`, `true`, `false`, a call, or a name.
    fn word(&mut self) -> Parse<Expr> {
        let name = self.ident();
        if matches!(self.peek(), TokenKind::OpenParen | TokenKind::DoubleColon) {
            return self.call(name);
        }
        let kind = match name.name.as_ref() {
            "null" => ExprKind::Null,
            "true" => ExprKind::Bool(true),
            "false" => ExprKind::Bool(false),
            _ => ExprKind::Name(name.name),
        };
        Ok(Expr { kind, span: name.span })
    }

    /// `name(a, b...)`, `a::b::name(…)`; the first word is taken already.
    fn call(&mut self, first: Ident) -> Parse<Expr> {
        let mut name = first;
        while self.eat(TokenKind::DoubleColon).is_some() {
            if self.peek() != TokenKind::Ident {
                return Err(self.unexpected("the rest of the function's name"));
            }
            let next = self.ident();
            name =
                Ident { name: format!("{}::{}", name.name, next.name).into(), span: name.span.to(next.span) };
        }
        let Some(open) = self.eat(TokenKind::OpenParen) else {
            return Err(self.unexpected("`(` after the function's name"));
        };
        let (args, expand, close) = self.nested_free(open, |parser| parser.arguments(open))?;
        let span = name.span.to(close);
        Ok(Expr { kind: ExprKind::Call { name, args, expand }, span })
    }

    /// Arguments up to the closing parenthesis, and that.
    fn arguments(&mut self, open: Span) -> Parse<(Vec<Expr>, bool, Span)> {
        let mut args = Vec::new();
        loop {
            if let Some(close) = self.eat(TokenKind::CloseParen) {
                return Ok((args, false, close));
            }
            args.push(self.expression()?);
            if self.eat(TokenKind::Ellipsis).is_some() {
                let close = self.close(open, TokenKind::CloseParen, "")?;
                return Ok((args, true, close));
            }
            if self.eat(TokenKind::Comma).is_none() {
                let close = self.close(open, TokenKind::CloseParen, "`,` or ")?;
                return Ok((args, false, close));
            }
        }
    }

    /// Takes the bracket that closes `open`.
    pub(super) fn close(&mut self, open: Span, kind: TokenKind, separator: &str) -> Parse<Span> {
        match self.eat(kind) {
            Some(close) => Ok(close),
            None => Err(self.unclosed(open, kind, separator)),
        }
    }

    fn paren(&mut self) -> Parse<Expr> {
        let open = self.bump();
        let (inner, close) = self.nested_free(open, |parser| {
            let inner = parser.boxed_expression()?;
            Ok((inner, parser.close(open, TokenKind::CloseParen, "")?))
        })?;
        Ok(Expr { kind: ExprKind::Paren(inner), span: open.to(close) })
    }

    fn tuple(&mut self) -> Parse<Expr> {
        let open = self.bump();
        self.nested_free(open, |parser| {
            if parser.at_for() {
                return parser.for_expression(open, TokenKind::CloseBracket);
            }
            let mut items = Vec::new();
            loop {
                if let Some(close) = parser.eat(TokenKind::CloseBracket) {
                    return Ok(Expr { kind: ExprKind::Tuple(items), span: open.to(close) });
                }
                items.push(parser.expression()?);
                if parser.eat(TokenKind::Comma).is_none() {
                    let close = parser.close(open, TokenKind::CloseBracket, "`,` or ")?;
                    return Ok(Expr { kind: ExprKind::Tuple(items), span: open.to(close) });
                }
            }
        })
    }

    fn object(&mut self) -> Parse<Expr> {
        let open = self.bump();
        self.nested_free(open, |parser| {
            if parser.at_for() {
                return parser.for_expression(open, TokenKind::CloseBrace);
            }
            parser.newlines_free = false;
            let mut items = Vec::new();
            loop {
                parser.skip_newlines();
                if let Some(close) = parser.eat(TokenKind::CloseBrace) {
                    return Ok(Expr { kind: ExprKind::Object(items), span: open.to(close) });
                }
                items.push(parser.object_item(open)?);
                match parser.peek() {
                    TokenKind::Comma | TokenKind::Newline => drop(parser.bump()),
                    TokenKind::CloseBrace => {}
                    _ => return Err(parser.unclosed(open, TokenKind::CloseBrace, "`,`, a new line or ")),
                }
            }
        })
    }

    /// `key = value` or `key : value`
    fn object_item(&mut self, open: Span) -> Parse<(Expr, Expr)> {
        if self.peek() == TokenKind::End {
            return Err(self.unclosed(open, TokenKind::CloseBrace, "a key or "));
        }
        let key = if self.peek() == TokenKind::Ident
            && matches!(self.peek_second(), TokenKind::Assign | TokenKind::Colon)
        {
            let name = self.ident();
            Expr { kind: ExprKind::Name(name.name), span: name.span }
        } else {
            self.expression()?
        };
        if !matches!(self.peek(), TokenKind::Assign | TokenKind::Colon) {
            return Err(self.no_object_value(&key, open));
        }
        self.bump();
        let value = self.expression()?;
        Ok((key, value))
    }

    fn at_for(&mut self) -> bool {
        self.peek() == TokenKind::Ident && self.text_of(self.here()) == "for"
    }

    /// `for k, v in c : …` up to the closing bracket.
    fn for_expression(&mut self, open: Span, close_kind: TokenKind) -> Parse<Expr> {
        let word = self.bump();
        let names = self.for_names(word)?;
        let collection = self.boxed_expression()?;
        if self.eat(TokenKind::Colon).is_none() {
            return Err(self.unexpected("`:` after what `for` walks over"));
        }
        let mut value = self.boxed_expression()?;
        let mut key = None;
        let arrow = self.eat(TokenKind::Arrow);
        self.check_arrow(arrow, close_kind)?;
        if arrow.is_some() {
            key = Some(value);
            value = self.boxed_expression()?;
        }
        let group = self.group(close_kind)?;
        let mut condition = None;
        if self.peek() == TokenKind::Ident && self.text_of(self.here()) == "if" {
            self.bump();
            condition = Some(self.boxed_expression()?);
        }
        let close = self.close(open, close_kind, "")?;
        let parts = ForParts { names, collection, key, value, group, condition };
        Ok(parts.finish(open.to(close)))
    }

    /// A `for` has a `=>` between braces, and only there.
    fn check_arrow(&mut self, arrow: Option<Span>, close_kind: TokenKind) -> Parse<()> {
        match (arrow, close_kind) {
            (Some(arrow), TokenKind::CloseBracket) => {
                let error = syntax("`=>` in a `for` between brackets")
                    .at(arrow, "a list has no keys")
                    .help("for a map, write the `for` between braces: `{for … : key => value}`");
                Err(self.report(error))
            }
            (None, TokenKind::CloseBrace) => {
                Err(self.unexpected("`=>` and a value, since a `for` between braces gives a map"))
            }
            _ => Ok(()),
        }
    }

    /// Takes the `...` of a `for`, if it is there; it may be between braces only.
    fn group(&mut self, close_kind: TokenKind) -> Parse<bool> {
        match self.eat(TokenKind::Ellipsis) {
            Some(at) if close_kind == TokenKind::CloseBracket => {
                let error = syntax("`...` in a `for` between brackets")
                    .at(at, "a list has no keys to group by")
                    .help("values are grouped by key in a `for` between braces: `{for … : key => value...}`");
                Err(self.report(error))
            }
            ellipsis => Ok(ellipsis.is_some()),
        }
    }

    /// `k, v in` after the word `for`.
    pub(super) fn for_names(&mut self, word: Span) -> Parse<(Option<Ident>, Ident)> {
        let name = self.for_name()?;
        let names = match self.eat(TokenKind::Comma) {
            Some(_) => (Some(name), self.for_name()?),
            None => (None, name),
        };
        if self.peek() != TokenKind::Ident || self.text_of(self.here()) != "in" {
            let (at, found) = (self.place(), self.found());
            let error = syntax(format!("expected `in` after the names of `for`, found {found}"))
                .at(at, "expected `in`")
                .at(word, "in this `for`")
                .help("write `for value in collection : …` or `for key, value in collection : …`");
            return Err(self.report(error));
        }
        self.bump();
        Ok(names)
    }

    fn for_name(&mut self) -> Parse<Ident> {
        if self.peek() != TokenKind::Ident {
            return Err(self.unexpected("a name for the value of each turn"));
        }
        Ok(self.ident())
    }

    /// Steps as long as there are some.
    fn steps(&mut self) -> Parse<Vec<Step>> {
        let mut steps = Vec::new();
        loop {
            match self.peek() {
                TokenKind::Dot => steps.push(self.dot()?),
                TokenKind::OpenBracket => steps.push(self.index()?),
                _ => return Ok(steps),
            }
        }
    }

    /// `.name`, `.0`, `.*` with the names that follow it.
    fn dot(&mut self) -> Parse<Step> {
        let dot = self.bump();
        if let Some(star) = self.eat(TokenKind::Star) {
            let mut each = Vec::new();
            while self.peek() == TokenKind::Dot {
                let dot = self.bump();
                if self.peek() == TokenKind::Star {
                    let error = syntax("a `.*` inside another `.*`")
                        .at(dot.to(self.here()), "each element is looked into already")
                        .help("write `[*]` instead of the first `.*`, which takes every kind of step into each element");
                    return Err(self.report(error));
                }
                each.push(self.after_dot(dot)?);
            }
            let span = each.last().map_or(dot.to(star), |last| dot.to(last.span()));
            return Ok(Step::Splat { full: false, each, span });
        }
        self.after_dot(dot)
    }

    /// A name or legacy index after a dot.
    fn after_dot(&mut self, dot: Span) -> Parse<Step> {
        self.count()?;
        match self.peek() {
            TokenKind::Ident => Ok(Step::Attr(self.ident())),
            TokenKind::Number => {
                let at = self.here();
                let text = self.text_of(at);
                if text.bytes().all(|byte| byte.is_ascii_digit()) {
                    let number = self.number()?;
                    return Ok(Step::Index(Box::new(number), dot.to(at)));
                }
                let mend = text.split('.').map(|index| format!("[{index}]")).collect::<Vec<_>>().concat();
                let error = syntax(format!("`.{text}` is not an index"))
                    .at(dot.to(at), "two indexes after one another need brackets")
                    .help(format!("write `{mend}`"));
                Err(self.report(error))
            }
            _ => Err(self.unexpected("a name after the `.`")),
        }
    }

    /// `[index]`, or `[*]` with all steps that follow it.
    fn index(&mut self) -> Parse<Step> {
        let open = self.bump();
        let (index, close) = self.nested_free(open, |parser| {
            let star = parser.peek() == TokenKind::Star && parser.peek_second() == TokenKind::CloseBracket;
            let index = if star {
                parser.bump();
                None
            } else {
                Some(parser.boxed_expression()?)
            };
            Ok((index, parser.close(open, TokenKind::CloseBracket, "")?))
        })?;
        let span = open.to(close);
        if let Some(index) = index {
            return Ok(Step::Index(index, span));
        }
        let each = self.nested(open, Self::steps)?;
        let span = each.last().map_or(span, |last| span.to(last.span()));
        Ok(Step::Splat { full: true, each, span })
    }

    #[cold]
    #[inline(never)]
    fn no_colon(&mut self, question: Span) -> Failed {
        let (at, found) = (self.place(), self.found());
        let error = syntax(format!("expected `:` and the value for \"else\", found {found}"))
            .at(at, "expected `:`")
            .at(question, "this `?` begins the conditional");
        let error = if self.peek() == TokenKind::Newline {
            error.help("an expression ends with its line; to go on, put all of it in parentheses")
        } else {
            self.explain_token(error)
        };
        self.report(error)
    }

    #[cold]
    #[inline(never)]
    fn bad_number(&mut self, span: Span) -> Failed {
        let text = self.text_of(span);
        let error = syntax(format!("`{text}` is not a number")).at(span, "not a number");
        let error = if text.matches('.').count() > 1 {
            error.help("if this is a version or an address, put it in quotes")
        } else {
            error
        };
        self.report(error)
    }

    #[cold]
    #[inline(never)]
    fn no_object_value(&mut self, key: &Expr, open: Span) -> Failed {
        let (at, found) = (self.place(), self.found());
        let name = self.text_of(key.span);
        let error = match self.peek() {
            TokenKind::OpenBrace => syntax(format!("expected `=` after the key `{name}`, found `{{`"))
                .at(at, "expected `=`")
                .help("what stands between the braces of an object are its entries: `key = { … }`"),
            TokenKind::EqualEqual => syntax("expected `=`, found `==`").at(at, "`==` compares, `=` sets"),
            TokenKind::Arrow => syntax("expected `=`, found `=>`")
                .at(at, "entries are written `key = value`")
                .help("`=>` belongs to `{for … : key => value}`"),
            _ => {
                let error = syntax(format!("expected `=` and a value after the key, found {found}"))
                    .at(at, "expected `=`")
                    .at(open, "in the object that begins here");
                self.explain_token(error)
            }
        };
        self.report(error)
    }
}

/// What a `for` is made of, in little room.
struct ForParts {
    names: (Option<Ident>, Ident),
    collection: Box<Expr>,
    key: Option<Box<Expr>>,
    value: Box<Expr>,
    group: bool,
    condition: Option<Box<Expr>>,
}

impl ForParts {
    fn finish(self, span: Span) -> Expr {
        let (key_name, value_name) = self.names;
        let kind = ExprKind::For(Box::new(For {
            key_name,
            value_name,
            collection: *self.collection,
            key: self.key.map(|key| *key),
            value: *self.value,
            group: self.group,
            condition: self.condition.map(|condition| *condition),
        }));
        Expr { kind, span }
    }
}

fn access(target: Box<Expr>, steps: Vec<Step>) -> Expr {
    let span = steps.last().map_or(target.span, |last| target.span.to(last.span()));
    Expr { kind: ExprKind::Access { target, steps }, span }
}

#[expect(clippy::boxed_local, reason = "unboxed here, so that the caller's frame stays small")]
fn push_case(cases: &mut Vec<(Expr, Expr)>, condition: Box<Expr>, value: Box<Expr>) {
    cases.push((*condition, *value));
}

fn finish_conditional(cases: Vec<(Expr, Expr)>, otherwise: Box<Expr>) -> Expr {
    let span = cases.first().map_or(otherwise.span, |(first, _)| first.span.to(otherwise.span));
    Expr { kind: ExprKind::Conditional { cases, otherwise }, span }
}

/// A chain of operators of one precedence whose last operator has no right side yet.
struct Waiting {
    first: Box<Expr>,
    rest: Vec<(BinaryOp, Expr)>,
    operator: BinaryOp,
}

#[expect(clippy::unnecessary_box_returns, reason = "the caller's frame stays small")]
/// Gives all chains that bind tighter than `precedence` their right side: `operand` is that of the last one.
fn finish_chains(waiting: &mut Vec<Waiting>, mut operand: Box<Expr>, precedence: u8) -> Box<Expr> {
    while let Some(mut chain) = waiting.pop_if(|chain| chain.operator.precedence() > precedence) {
        let span = chain.first.span.to(operand.span);
        chain.rest.push((chain.operator, *operand));
        operand = Box::new(Expr { kind: ExprKind::Chain { first: chain.first, rest: chain.rest }, span });
    }
    operand
}

/// Puts an operator with its left side on the stack, or into the chain of the same precedence on top of it.
fn wait(waiting: &mut Vec<Waiting>, left: Box<Expr>, operator: BinaryOp) {
    match waiting.last_mut().filter(|chain| chain.operator.precedence() == operator.precedence()) {
        Some(chain) => chain.rest.push((std::mem::replace(&mut chain.operator, operator), *left)),
        None => waiting.push(Waiting { first: left, rest: Vec::new(), operator }),
    }
}

/// Whether a text has the form of a number: digits, then perhaps a point with digits, then perhaps an exponent.
fn is_number(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(fraction) && digits(exponent)
}
