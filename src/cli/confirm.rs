//! A question with one answer that is a yes.

use super::screen::Screen;
use crate::diag::{Diagnostic, Diagnostics, code};
use std::io::{BufRead, IsTerminal};

/// Whether the user says yes to a question, which ends in nothing.
///
/// # Errors
/// If nobody can be asked; `instead` says what to do in that case.
pub(super) fn ask(screen: &Screen, question: &str, instead: &str) -> Result<bool, Diagnostics> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        let error = Diagnostic::error(code::engine::NOT_APPROVED, "nobody can be asked whether to do this");
        return Err(error.help(instead).into());
    }
    screen.say(&format!("{question} Only `yes` is a yes: "));
    let mut answer = String::new();
    let read = input.lock().read_line(&mut answer);
    Ok(read.is_ok() && answer.trim() == "yes")
}
