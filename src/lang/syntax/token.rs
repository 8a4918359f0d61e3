//! What a text is cut into.

/// A piece of a text: bytes `start..end`. The tokens of a text lie end to end and cover all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// Kinds of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "punctuation is named by what it looks like")]
pub enum TokenKind {
    /// The byte order mark at the start of a file.
    ByteOrderMark,
    /// Spaces and tabs.
    Whitespace,
    /// `\n` or `\r\n`.
    Newline,
    /// `# …` or `// …`, without the line end.
    LineComment,
    /// `/* … */`
    BlockComment,
    /// `/* …` that nothing closes.
    UnclosedComment,
    /// A word.
    Ident,
    /// A number, not checked yet.
    Number,
    /// The `"` that begins a string.
    OpenQuote,
    /// The `"` that ends a string.
    CloseQuote,
    /// `<<NAME` or `<<-NAME` with its line end.
    HeredocStart,
    /// The line that ends a heredoc: its indentation and its name.
    HeredocEnd,
    /// Text between quotes, escapes and all.
    QuotedText,
    /// Text of a heredoc, at most one line with its line end.
    HeredocText,
    /// `${` or `${~`
    Interpolation,
    /// `%{` or `%{~`
    Directive,
    /// The `}` or `~}` that ends one of these.
    TemplateClose,
    OpenBrace,
    CloseBrace,
    OpenBracket,
    CloseBracket,
    OpenParen,
    CloseParen,
    Dot,
    Ellipsis,
    Comma,
    Colon,
    DoubleColon,
    Question,
    Assign,
    Arrow,
    EqualEqual,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    AndAnd,
    OrOr,
    Bang,
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    /// A character that HCL has no use for.
    Invalid,
    /// The end of the text: not part of a token stream, but what a parser sees past it.
    End,
}

impl TokenKind {
    /// Whether it means nothing to the parser. Line ends do.
    pub fn is_trivia(self) -> bool {
        matches!(self, Self::ByteOrderMark | Self::Whitespace | Self::LineComment | Self::BlockComment)
    }

    /// As it is written, for those that are always written alike.
    pub fn symbol(self) -> Option<&'static str> {
        Some(match self {
            Self::OpenBrace => "{",
            Self::CloseBrace | Self::TemplateClose => "}",
            Self::OpenBracket => "[",
            Self::CloseBracket => "]",
            Self::OpenParen => "(",
            Self::CloseParen => ")",
            Self::Dot => ".",
            Self::Ellipsis => "...",
            Self::Comma => ",",
            Self::Colon => ":",
            Self::DoubleColon => "::",
            Self::Question => "?",
            Self::Assign => "=",
            Self::Arrow => "=>",
            Self::EqualEqual => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::AndAnd => "&&",
            Self::OrOr => "||",
            Self::Bang => "!",
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Star => "*",
            Self::Slash => "/",
            Self::Percent => "%",
            _ => return None,
        })
    }
}
