//! `mlo console`

use crate::cli::args::{Console as Options, Global};
use crate::cli::exit::Exit;
use crate::cli::screen::Screen;
use crate::cli::secrets;
use crate::cli::session::{self, Failed, Session};
use crate::cli::view;
use crate::diag::{Diagnostic, Diagnostics, SourceMap, code};
use crate::graph::ModuleTree;
use crate::lang::syntax::ast::{Expr, ExprKind};
use crate::lang::syntax::lexer::lex;
use crate::lang::syntax::token::{Token, TokenKind};
use crate::lang::syntax::{SOURCE_BYTES_MAX, parse_expression};
use crate::plan::Console;
use mlo_state::Snapshot;
use std::io::{self, BufRead, IsTerminal, Read as _};

/// What is asked is called.
const INPUT: &str = "<console>";
/// Bytes of one expression up to which it is read anew with each of its lines, to see whether it is whole; past them
/// it is read anew each time that it has grown by one part in [`GROWTH`], so that the time stays near its length.
const EACH_LINE_BYTES_MAX: usize = 16 * 1024;
/// See [`EACH_LINE_BYTES_MAX`].
const GROWTH: usize = 32;
const HELP: &str = "\
Type an expression and press Enter to see its value: `1 + 1`, `var.region`, `local.names[*]`. Resources have the
values of the state. `type(x)` shows the type of a value. An expression that is not whole goes on with the next
line; an empty line ends it.

`exit`, Ctrl-C or Ctrl-D ends the console.
";

pub(in crate::cli) fn run(options: &Options, _: &Global, screen: &mut Screen) -> Exit {
    let source = options.configuration.source();
    let (session, messages) = match Session::open_bare(&source, screen) {
        Ok(opened) => opened,
        Err(failed) => return session::fail(screen, false, &failed, Exit::Error),
    };
    screen.report(&messages, &session.sources);
    let snapshot = match read(&session) {
        Ok(snapshot) => snapshot,
        Err((messages, exit)) => {
            return session::fail(screen, false, &Failed { sources: session.sources, messages }, exit);
        }
    };
    secrets::hide_state(screen, &snapshot);
    let tree = ModuleTree::new(&session.project.config);
    let (console, messages) = Console::new(&tree, &session.context, &session.providers, &snapshot);
    screen.report(&messages, &session.sources);
    if messages.has_errors() {
        screen.say("Because of these problems some expressions have no value, or not the expected one.\n\n");
    }
    let stdin = io::stdin();
    let terminal = stdin.is_terminal();
    answer(
        &console,
        &mut Input { lines: stdin.lock(), text: String::new(), unread: Vec::new(), terminal, ended: false },
        screen,
    )
}

fn read(session: &Session) -> Result<Snapshot, (Diagnostics, Exit)> {
    let runtime = session::runtime().map_err(|messages| (messages, Exit::Error))?;
    match runtime.block_on(session.store.read()) {
        Ok(loaded) => Ok(session::snapshot_or_new(loaded)),
        Err(error) => Err(session::store_failure(&error, &session.place)),
    }
}

/// Answers one expression after the other. On a terminal an error is no end.
fn answer(console: &Console<'_>, input: &mut Input<impl BufRead>, screen: &Screen) -> Exit {
    loop {
        let mut sources = SourceMap::new();
        let answer = match input.next(screen) {
            Ok(None) => break,
            Ok(Some(text)) if text.trim() == "exit" => return Exit::Done,
            Ok(Some(text)) if text.trim() == "help" => Ok((HELP.to_owned(), false)),
            Ok(Some(text)) => {
                // What is missing at its end is missing in its last line.
                let text = text.trim_end_matches(['\r', '\n']);
                let source = sources.add(INPUT, text);
                let shown = parse_expression(source, text).and_then(|expr| show(console, &expr));
                shown.map(|shown| (shown, text.contains("nonsensitive")))
            }
            Err(message) => {
                screen.report_one(&message, &sources);
                return Exit::Error;
            }
        };
        match answer {
            // A secret that `nonsensitive` gives away is meant to be seen.
            Ok((text, true)) => screen.print_open(&text),
            Ok((text, false)) => screen.print(&text),
            Err(messages) => {
                screen.report(&messages, &sources);
                if !input.terminal {
                    return Exit::Error;
                }
            }
        }
    }
    if input.terminal {
        screen.say("\n");
    }
    Exit::Done
}

/// The value of an expression, or the type that it asks for.
fn show(console: &Console<'_>, expr: &Expr) -> Result<String, Diagnostics> {
    let shown = match asked_for_type(expr) {
        Some(of) => view::console::ty(&console.evaluate(of)?.ty()),
        None => view::console::value(&console.evaluate(expr)?),
    };
    Ok(shown + "\n")
}

/// `x` of `type(x)`. It is no function: there are no values that are types.
fn asked_for_type(mut expr: &Expr) -> Option<&Expr> {
    while let ExprKind::Paren(inner) = &expr.kind {
        expr = inner;
    }
    match &expr.kind {
        ExprKind::Call { name, args, expand: false } if name.name.as_ref() == "type" => match args.as_slice()
        {
            [of] => Some(of),
            _ => None,
        },
        _ => None,
    }
}

/// Expressions line by line.
struct Input<R> {
    lines: R,
    /// The lines of an expression that is not whole yet.
    text: String,
    /// What was read past the last expression, the last line first.
    unread: Vec<String>,
    terminal: bool,
    ended: bool,
}

impl<R: BufRead> Input<R> {
    /// The next expression; nothing at the end. Lines without one are passed over.
    fn next(&mut self, screen: &Screen) -> Result<Option<String>, Box<Diagnostic>> {
        let mut looked_at = 0;
        loop {
            let grown = self.text.len() - looked_at;
            let look = self.terminal
                || self.ended
                || self.text.len() <= EACH_LINE_BYTES_MAX
                || grown > self.text.len() / GROWTH;
            if look && grown > 0 {
                looked_at = self.text.len();
                if let Some(length) = length(&self.text, self.terminal) {
                    let rest = self.text.split_off(length);
                    self.unread.extend(rest.split_inclusive('\n').rev().map(str::to_owned));
                    let expression = std::mem::take(&mut self.text);
                    if is_blank(&expression) {
                        looked_at = 0;
                        continue;
                    }
                    return Ok(Some(expression));
                }
            }
            if self.ended && self.unread.is_empty() {
                let expression = std::mem::take(&mut self.text);
                return Ok(Some(expression).filter(|expression| !is_blank(expression)));
            }
            if self.terminal {
                screen.say(if self.text.is_empty() { "> " } else { ": " });
            }
            self.read_line()?;
        }
    }

    fn read_line(&mut self) -> Result<(), Box<Diagnostic>> {
        if let Some(line) = self.unread.pop() {
            self.text.push_str(&line);
            return Ok(());
        }
        let room = SOURCE_BYTES_MAX.saturating_sub(self.text.len());
        let mut line = Vec::new();
        let limit = u64::try_from(room).unwrap_or(u64::MAX).saturating_add(1);
        let read = self.lines.by_ref().take(limit).read_until(b'\n', &mut line);
        let wrong = |code, what: String| Diagnostic::error(code, what);
        read.map_err(|error| wrong(code::engine::FILE, format!("standard input cannot be read: {error}")))?;
        if line.len() > room {
            let message = wrong(code::lang::LIMIT, "an expression is too large".to_owned());
            return Err(message.detail(format!("At most {SOURCE_BYTES_MAX} bytes are read.")).into());
        }
        let line = String::from_utf8(line).map_err(|_| {
            wrong(code::lang::NOT_UTF8, "a line of standard input is not UTF-8 text".to_owned())
        })?;
        self.ended = !line.ends_with('\n');
        self.text.push_str(&line);
        Ok(())
    }
}

/// Whether there is nothing but white space and comments.
fn is_blank(text: &str) -> bool {
    lex(text).iter().all(|token| token.kind == TokenKind::Newline || token.kind.is_trivia())
}

/// The bytes of the expression that a text begins with: up to the first line end outside of brackets, quotes and
/// heredocs, or with `forced` up to an empty line after them. Nothing if it goes on after the text. One that is wrong
/// ends with its line.
fn length(text: &str, forced: bool) -> Option<usize> {
    use TokenKind as Kind;
    let mut open: Vec<Kind> = Vec::new();
    let tokens = lex(text);
    for (at, token) in tokens.iter().enumerate() {
        let end = token.end as usize;
        let opened: &[Kind] = match token.kind {
            Kind::OpenBrace
            | Kind::OpenBracket
            | Kind::OpenParen
            | Kind::OpenQuote
            | Kind::HeredocStart
            | Kind::Interpolation
            | Kind::Directive => {
                open.push(token.kind);
                continue;
            }
            Kind::CloseBrace => &[Kind::OpenBrace],
            Kind::CloseBracket => &[Kind::OpenBracket],
            Kind::CloseParen => &[Kind::OpenParen],
            Kind::CloseQuote => &[Kind::OpenQuote],
            Kind::HeredocEnd => &[Kind::HeredocStart],
            Kind::TemplateClose => &[Kind::Interpolation, Kind::Directive],
            // A string does not go over its line end, but what is filled into it does.
            Kind::Newline if matches!(open.last(), None | Some(Kind::OpenQuote)) => return Some(end),
            Kind::Newline if forced && is_empty_line(tokens.get(..at)) => return Some(end),
            Kind::UnclosedComment => return None,
            _ => continue,
        };
        if !open.pop().is_some_and(|last| opened.contains(&last)) {
            return text.get(end..).and_then(|rest| rest.find('\n')).map(|length| end + length + 1);
        }
    }
    None
}

/// Whether a line that ends after these tokens has nothing in it, and is not the first.
fn is_empty_line(before: Option<&[Token]>) -> bool {
    let last = before.and_then(|tokens| tokens.iter().rfind(|token| token.kind != TokenKind::Whitespace));
    last.is_some_and(|last| last.kind == TokenKind::Newline)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_ends_with_its_line_unless_something_is_open() {
        for (text, whole) in [
            ("1\n2\n", Some("1\n")),
            ("1", None),
            ("[\n", None),
            ("[\n1]\n2", Some("[\n1]\n")),
            ("[\n\n]\n", Some("[\n\n]\n")),
            ("f(<<EOT\n)\n\n", None),
            ("<<EOT\na\n\nEOT\n1", Some("<<EOT\na\n\nEOT\n")),
            ("\"${\n", None),
            ("\"${\n1}\"\n", Some("\"${\n1}\"\n")),
            ("\"a\n1\n", Some("\"a\n")),
            ("[)\n1\n", Some("[)\n")),
            ("]\n1\n", Some("]\n")),
            ("1 # [\n2\n", Some("1 # [\n")),
            ("/* a\n", None),
            ("/* a\n*/ 1\n", Some("/* a\n*/ 1\n")),
            ("{ a = \"}\" \n", None),
        ] {
            assert_eq!(length(text, false).map(|length| &text[..length]), whole, "{text:?}");
        }
        assert_eq!(length("[\n  \n1]\n", true), Some(5), "an empty line ends it on a terminal");
        assert_eq!(length("[ \n", true), None);
        assert_eq!(length("<<EOT\n\n", true), None);
    }

    #[test]
    fn expressions_are_read_one_after_the_other() {
        let global = Global { chdir: None, color: crate::cli::args::When::Never, no_color: true };
        let screen = Screen::new(&global);
        let long = format!("[\n{}]\n", "1,\n".repeat(20_000));
        let text = format!("1\n\n# nothing\n[\n2]\n{long}3\n{{");
        let mut input = Input {
            lines: text.as_bytes(),
            text: String::new(),
            unread: Vec::new(),
            terminal: false,
            ended: false,
        };
        for expected in ["1\n", "[\n2]\n", long.as_str(), "3\n", "{"] {
            assert_eq!(input.next(&screen).ok().flatten().as_deref(), Some(expected));
        }
        assert_eq!(input.next(&screen).ok().flatten(), None);
    }

    #[test]
    fn what_is_no_text_or_too_much_is_refused() {
        let global = Global { chdir: None, color: crate::cli::args::When::Never, no_color: true };
        let screen = Screen::new(&global);
        let wide = vec![b' '; SOURCE_BYTES_MAX + 1];
        for (bytes, id) in [(&b"\xff\n"[..], "MLO1005"), (&wide, "MLO1003")] {
            let mut input = Input {
                lines: bytes,
                text: String::new(),
                unread: Vec::new(),
                terminal: false,
                ended: false,
            };
            assert_eq!(input.next(&screen).err().map(|message| message.code.id), Some(id));
        }
    }
}
