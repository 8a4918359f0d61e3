//! A question with one answer that is a yes.

use super::exit::Exit;
use super::interrupt::Interrupt;
use super::lock::{Stop, unless_interrupted};
use super::screen::Screen;
use crate::diag::{Diagnostic, Diagnostics, code};
use std::io::{BufRead, IsTerminal};

/// Goes on if the user says yes to a question. A lock that has to be renewed is renewed while they think.
///
/// # Errors
/// The end, if the answer is no or the run is interrupted, which is said; what [`nobody`] says if nobody can be asked.
pub(super) async fn ask(
    screen: &Screen,
    interrupt: &Interrupt,
    question: &str,
    instead: &'static str,
) -> Result<(), Stop> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Err(nobody(instead).into());
    }
    screen.say(&format!("{question} Only `yes` is a yes: "));
    let (tell, told) = tokio::sync::oneshot::channel();
    // A thread of its own, which ends with the program: nothing else can leave a read of a terminal.
    std::thread::spawn(move || {
        let mut answer = String::new();
        let read = input.lock().read_line(&mut answer);
        let _ = tell.send(read.is_ok() && answer.trim() == "yes");
    });
    let answer = unless_interrupted(interrupt, told).await;
    if matches!(answer, Ok(Ok(true))) {
        return Ok(());
    }
    screen.say("Nothing was changed.\n");
    Err(answer.err().unwrap_or(Stop::Ended(Exit::Error)))
}

/// That nobody can be asked; `instead` says what to do in that case.
pub(super) fn nobody(instead: &'static str) -> Diagnostics {
    let error = Diagnostic::error(code::engine::NOT_APPROVED, "nobody can be asked whether to do this");
    error.help(instead).into()
}
