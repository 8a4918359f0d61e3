//! The tree of a file. Every node has its span; the file's tokens, trivia included, cover every byte.
//!
//! What users chain is flat here (operators of one precedence, `a.b.c`, `? : ? :`), so that a chain of a thousand needs
//! no stack, neither to evaluate nor to drop; nesting is limited when it is parsed.

use crate::diag::Span;
use crate::lang::value::Number;
use std::sync::Arc;

/// A word with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Ident {
    /// The word.
    pub name: Arc<str>,
    /// Where it stands.
    pub span: Span,
}

/// What stands between braces, or the whole file: arguments and blocks in the order in which they are written.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// Arguments and blocks.
    pub items: Vec<Item>,
    /// Between the braces, or the whole file.
    pub span: Span,
}

impl Body {
    /// The arguments, in order.
    pub fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.items.iter().filter_map(|item| match item {
            Item::Attribute(attribute) => Some(attribute),
            Item::Block(_) => None,
        })
    }

    /// The blocks, in order.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.items.iter().filter_map(|item| match item {
            Item::Block(block) => Some(block),
            Item::Attribute(_) => None,
        })
    }
}

/// One line of a body.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// `name = value`
    Attribute(Attribute),
    /// `kind "label" { … }`
    Block(Block),
}

/// `name = value`
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// Left of the equals sign.
    pub name: Ident,
    /// Right of it.
    pub value: Expr,
    /// Both.
    pub span: Span,
    /// In JSON, where an argument and a block look the same: the text of the file. See [`super::json`].
    pub json: Option<Arc<str>>,
}

/// `kind "label" { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The first word.
    pub kind: Ident,
    /// The labels, quoted or bare, without quotes.
    pub labels: Vec<Ident>,
    /// Between the braces.
    pub body: Body,
    /// From the first word to the last label: what a message underlines.
    pub header: Span,
    /// All of it.
    pub span: Span,
}

/// An expression with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// Kinds of expressions.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// `1.5e3`
    Number(Number),
    /// A quoted string or heredoc without interpolation, escapes resolved.
    String(Arc<str>),
    /// A quoted string or heredoc with interpolation or directives.
    Template(Vec<TemplatePart>),
    /// `"${x}"` and nothing else: the value of `x` itself, not turned into a string.
    TemplateWrap(Box<Expr>),
    /// A bare word: the first step of a reference, or a key of an object.
    Name(Arc<str>),
    /// `target.name[index][*].name`
    Access {
        /// What is looked into.
        target: Box<Expr>,
        /// The steps, in order; at least one.
        steps: Vec<Step>,
    },
    /// `name(a, b...)`; the name may have `::`.
    Call {
        /// Name of the function.
        name: Ident,
        /// Arguments.
        args: Vec<Expr>,
        /// Whether the last argument is followed by `...`.
        expand: bool,
    },
    /// `-x`, `!x`
    Unary(UnaryOp, Box<Expr>),
    /// `a + b - c`: operators of one precedence, applied from the left.
    Chain {
        /// The leftmost operand.
        first: Box<Expr>,
        /// Operators with the operands to their right; at least one.
        rest: Vec<(BinaryOp, Expr)>,
    },
    /// `c1 ? v1 : c2 ? v2 : otherwise`
    Conditional {
        /// Conditions with their values; at least one.
        cases: Vec<(Expr, Expr)>,
        /// The last value.
        otherwise: Box<Expr>,
    },
    /// `[a, b]`
    Tuple(Vec<Expr>),
    /// `{ k = v }`; a key that is a bare word stands for itself.
    Object(Vec<(Expr, Expr)>),
    /// `[for …]`, `{for …}`
    For(Box<For>),
    /// `(x)`; kept, because a key in parentheses is evaluated, and for printing.
    Paren(Box<Expr>),
}

/// One step into a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// `.name`
    Attr(Ident),
    /// `[expr]`, and the legacy `.0`
    Index(Box<Expr>, Span),
    /// `.*` or `[*]`, with the steps that are taken in each element.
    Splat {
        /// Whether it is `[*]`.
        full: bool,
        /// Steps into each element.
        each: Vec<Step>,
        /// Place of the star and of what follows in it.
        span: Span,
    },
}

impl Step {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Attr(name) => name.span,
            Self::Index(_, span) | Self::Splat { span, .. } => *span,
        }
    }
}

/// A piece of a template. Strip markers (`~`) and the indentation of `<<-` are already applied to the literals.
#[derive(Debug, Clone, PartialEq)]
pub enum TemplatePart {
    /// Text, escapes resolved.
    Literal(Arc<str>),
    /// `${x}`
    Interpolation(Expr),
    /// `%{ if c }…%{ else }…%{ endif }`
    If {
        /// The condition.
        condition: Box<Expr>,
        /// When true.
        then: Vec<TemplatePart>,
        /// When false.
        otherwise: Vec<TemplatePart>,
        /// The directive's place.
        span: Span,
    },
    /// `%{ for k, v in c }…%{ endfor }`
    For {
        /// Name of the key, if given.
        key: Option<Ident>,
        /// Name of the value.
        value: Ident,
        /// What is walked over.
        collection: Box<Expr>,
        /// The text of each turn.
        body: Vec<TemplatePart>,
        /// The directive's place.
        span: Span,
    },
}

/// `[for k, v in c : e if cond]`, `{for k, v in c : ke => e... if cond}`
#[derive(Debug, Clone, PartialEq)]
pub struct For {
    /// Name of the key, if given.
    pub key_name: Option<Ident>,
    /// Name of the value.
    pub value_name: Ident,
    /// What is walked over.
    pub collection: Expr,
    /// The key of each turn, for an object.
    pub key: Option<Expr>,
    /// The value of each turn.
    pub value: Expr,
    /// Whether values of one key are gathered (`...`).
    pub group: bool,
    /// Which turns count.
    pub condition: Option<Expr>,
}

/// Operators with one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOp {
    /// `-`
    Negate,
    /// `!`
    Not,
}

/// Operators with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    /// `||`
    Or,
    /// `&&`
    And,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
}

impl BinaryOp {
    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Or => "||",
            Self::And => "&&",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
        }
    }

    /// How tightly it binds: 1 (`||`) to 6 (`*`), as HCL's specification has it.
    pub fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Equal | Self::NotEqual => 3,
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => 4,
            Self::Add | Self::Subtract => 5,
            Self::Multiply | Self::Divide | Self::Modulo => 6,
        }
    }
}
