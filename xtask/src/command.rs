//! Child processes: run to their end, with a failure that names the command.

use std::process::{Command, ExitStatus, Stdio};

use crate::failure::Failure;

/// Bytes of a failed command's output that are shown again: its last lines say what went wrong.
const OUTPUT_SHOWN_MAX: usize = 4 * 1024;

/// A command as a person would type it.
pub(crate) fn line(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| {
            let word = word.to_string_lossy();
            if word.contains([' ', '"', '{', '*']) { format!("'{word}'") } else { word.into_owned() }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// Runs with the chore's own screen as the command's screen, and no keyboard.
pub(crate) fn show(command: &mut Command) -> Result<(), Failure> {
    let status = command.stdin(Stdio::null()).status().map_err(|error| not_started(command, &error))?;
    if status.success() { Ok(()) } else { Err(Failure::new(ended(command, status))) }
}

/// Runs with what it says of its progress on the screen, and gives standard output, which is data.
pub(crate) fn read_shown(command: &mut Command) -> Result<String, Failure> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| not_started(command, &error))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Failure::new(ended(command, output.status)))
    }
}

/// Runs unseen and gives standard output. A failure shows the end of what the command said.
pub(crate) fn read(command: &mut Command) -> Result<String, Failure> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| not_started(command, &error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = [output.stdout, output.stderr].concat();
    let end = said.get(said.len().saturating_sub(OUTPUT_SHOWN_MAX)..).unwrap_or_default();
    let end = String::from_utf8_lossy(end).trim_end().replace('\n', "\n    ");
    Err(Failure::new(format!("{}\n    {end}", ended(command, output.status))))
}

fn not_started(command: &Command, error: &std::io::Error) -> Failure {
    Failure::new(format!("`{}` did not start: {error}", line(command)))
}

fn ended(command: &Command, status: ExitStatus) -> String {
    format!("`{}` ended with {status}", line(command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let mut command = Command::new("mlo");
        command.args(["plan", "my models/iris"]);
        assert_eq!(line(&command), "mlo plan 'my models/iris'");
    }

    #[test]
    fn a_command_that_fails_names_itself_and_shows_what_it_said() {
        let failure = read(Command::new("rustc").arg("--no-such-flag")).expect_err("the flag does not exist");
        let text = failure.to_string();
        assert!(text.contains("`rustc --no-such-flag` ended with"), "{text}");
        assert!(text.contains("no-such-flag'"), "{text}");
    }

    #[test]
    fn a_command_that_is_not_there_is_a_failure() {
        let failure = show(&mut Command::new("no-such-program")).expect_err("there is no such program");
        assert!(failure.to_string().contains("`no-such-program` did not start"), "{failure}");
    }
}
