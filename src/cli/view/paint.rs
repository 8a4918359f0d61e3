//! Symbols with their colours. The symbol carries the meaning; the colour repeats it.

use crate::diag::Style;
use std::fmt::Display;

/// Writes symbols in a style.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Paint(pub(in crate::cli) Style);

impl Paint {
    /// `+`
    pub(in crate::cli) fn add(self) -> String {
        self.green("+")
    }

    /// `-`
    pub(in crate::cli) fn remove(self) -> String {
        self.red("-")
    }

    /// `~`
    pub(in crate::cli) fn change(self) -> String {
        self.yellow("~")
    }

    /// `<=`
    pub(in crate::cli) fn read(self) -> String {
        self.colour("36", "<=")
    }

    pub(in crate::cli) fn green(self, text: impl Display) -> String {
        self.colour("32", text)
    }

    pub(in crate::cli) fn red(self, text: impl Display) -> String {
        self.colour("31", text)
    }

    pub(in crate::cli) fn yellow(self, text: impl Display) -> String {
        self.colour("33", text)
    }

    pub(in crate::cli) fn bold(self, text: impl Display) -> String {
        self.colour("1", text)
    }

    pub(in crate::cli) fn dim(self, text: impl Display) -> String {
        self.colour("2", text)
    }

    fn colour(self, code: &str, text: impl Display) -> String {
        match self.0 {
            Style::Plain => text.to_string(),
            Style::Colour => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}
