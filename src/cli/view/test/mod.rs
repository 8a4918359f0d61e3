//! How tests came out: lines for people, lines of JSON, and a report in the `JUnit` form.

pub(in crate::cli) mod junit;
pub(in crate::cli) mod stream;

use super::Paint;
use crate::test::Status;

/// One word, in its colour.
pub(in crate::cli) fn status(status: Status, paint: Paint) -> String {
    let word = word(status);
    match status {
        Status::Pass => paint.green(word),
        Status::Fail | Status::Error => paint.red(word),
        Status::Skip => paint.dim(word),
    }
}

/// As Terraform says it: an error is a failure.
pub(super) fn word(status: Status) -> &'static str {
    match status {
        Status::Pass => "pass",
        Status::Fail | Status::Error => "fail",
        Status::Skip => "skip",
    }
}

/// `Success! 2 passed, 0 failed.`
pub(in crate::cli) fn summary(
    status: Option<Status>,
    [passed, failed, skipped]: [usize; 3],
    paint: Paint,
) -> String {
    let word = match status {
        Some(Status::Fail | Status::Error) => paint.red("Failure!"),
        _ => paint.green("Success!"),
    };
    let skipped = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
    format!("{word} {passed} passed, {failed} failed{skipped}.\n")
}
