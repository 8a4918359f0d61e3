//! How the tests of policies came out.

use super::Paint;
use super::json::{FORMAT, diagnostics};
use super::test::junit::{Case, Suite};
use super::test::{status, summary};
use crate::diag::{Diagnostics, Severity, SourceMap, escape};
use crate::policy::{Covered, TestOutcome, TestRule};
use crate::test::Status;
use serde_json::{Value as Json, json};
use std::fmt::Write as _;
use std::time::Duration;

/// A test, and how it came out.
pub(in crate::cli) struct Came {
    pub(in crate::cli) test: TestRule,
    pub(in crate::cli) outcome: TestOutcome,
    took: Duration,
}

impl Came {
    /// A test that was run, or left out.
    pub(in crate::cli) fn of(test: TestRule, outcome: Option<TestOutcome>, took: Duration) -> Self {
        let outcome =
            outcome.unwrap_or_else(|| TestOutcome { value: None, prints: Vec::new(), failure: None });
        Self { test, outcome, took }
    }

    pub(in crate::cli) fn status(&self) -> Status {
        match &self.outcome {
            _ if self.test.skipped => Status::Skip,
            TestOutcome { failure: Some(_), .. } => Status::Error,
            TestOutcome { value: Some(Json::Bool(true)), .. } => Status::Pass,
            _ => Status::Fail,
        }
    }

    /// The last part of its path.
    fn name(&self) -> &str {
        self.test.path.rsplit('.').next().unwrap_or(&self.test.path)
    }

    /// Why it does not pass, in a few words.
    fn why(&self) -> String {
        match (&self.outcome.failure, &self.outcome.value) {
            (Some(failure), _) => failure.to_string(),
            (None, None) => "it is undefined: a line of it does not hold".to_owned(),
            (None, Some(value)) => format!("it is {value}, not true"),
        }
    }

    fn place(&self) -> String {
        format!("{}:{}", self.test.file, self.test.line)
    }
}

/// Counts: passed, failed, errored, skipped.
fn counts(came: &[Came]) -> [usize; 4] {
    [Status::Pass, Status::Fail, Status::Error, Status::Skip]
        .map(|wanted| came.iter().filter(|it| it.status() == wanted).count())
}

/// The files with their tests, those that do not pass with the reason, and how many there are of each.
pub(in crate::cli) fn tests_text(came: &[Came], verbose: bool, paint: Paint) -> String {
    let mut text = String::new();
    let mut file = "";
    for it in came {
        let passes = it.status() == Status::Pass;
        if passes && !verbose {
            continue;
        }
        if file != it.test.file {
            file = &it.test.file;
            let _ = writeln!(text, "{}", escape(file));
        }
        let _ = writeln!(text, "  {}... {}", escape(&it.test.path), status(it.status(), paint));
        if matches!(it.status(), Status::Fail) {
            let _ = writeln!(text, "    {}: {}", escape(&it.place()), escape(&it.why()));
        }
        for line in it.outcome.prints.iter().filter(|_| verbose || !passes) {
            let _ = writeln!(text, "    {}", escape(line));
        }
    }
    if came.is_empty() {
        return text;
    }
    let [passed, failed, errored, skipped] = counts(came);
    let all = if failed + errored > 0 { Status::Fail } else { Status::Pass };
    text + &summary(Some(all), [passed, failed + errored, skipped], paint)
}

/// The same as a document.
pub(in crate::cli) fn tests_json(
    came: &[Came],
    coverage: Option<&Coverage>,
    messages: &Diagnostics,
    sources: &SourceMap,
) -> Json {
    let word = |status: Status| match status {
        Status::Pass => "pass",
        Status::Fail => "fail",
        Status::Error => "error",
        Status::Skip => "skip",
    };
    let tests = came.iter().map(|it| {
        let reason = match it.status() {
            Status::Fail | Status::Error => Json::from(it.why()),
            _ => Json::Null,
        };
        json!({
            "path": it.test.path,
            "file": it.test.file,
            "line": it.test.line,
            "status": word(it.status()),
            "reason": reason,
            "output": it.outcome.prints,
            "seconds": it.took.as_secs_f64(),
        })
    });
    let [passed, failed, errored, skipped] = counts(came);
    json!({
        "format_version": FORMAT,
        "tests": tests.collect::<Vec<_>>(),
        "passed": passed,
        "failed": failed,
        "errored": errored,
        "skipped": skipped,
        "coverage": coverage.map(Coverage::json),
        "diagnostics": diagnostics(messages, sources),
    })
}

/// The tests as a report in the `JUnit` form has them: a suite for each file.
pub(in crate::cli) fn suites(came: &[Came]) -> Vec<Suite> {
    let mut suites: Vec<Suite> = Vec::new();
    for it in came {
        if suites.last().is_none_or(|suite| suite.name != it.test.file) {
            suites.push(Suite { name: it.test.file.clone(), cases: Vec::new() });
        }
        let mut messages = Vec::new();
        if matches!(it.status(), Status::Fail | Status::Error) {
            let text = format!("{}: {}\n{}", it.place(), it.why(), it.outcome.prints.join("\n"));
            messages.push((Severity::Error, it.why(), text));
        }
        let skipped =
            it.test.skipped.then(|| ["not yet".to_owned(), "its name says that it is for later".to_owned()]);
        let one = Case {
            name: it.name().to_owned(),
            status: it.status(),
            assertions: (0, 0),
            messages,
            skipped,
            begun: None,
            seconds: Some(it.took.as_secs_f64()),
        };
        if let Some(suite) = suites.last_mut() {
            suite.cases.push(one);
        }
    }
    suites
}

/// Which lines of the rules tests evaluate. Files of tests do not count.
pub(in crate::cli) struct Coverage(Vec<Covered>);

impl Coverage {
    pub(in crate::cli) fn of(files: Vec<Covered>) -> Self {
        Self(files.into_iter().filter(|file| !file.file.ends_with("_test.rego")).collect())
    }

    fn lines(&self) -> (usize, usize) {
        self.0.iter().fold((0, 0), |(covered, all), file| {
            (covered + file.covered.len(), all + file.covered.len() + file.missed.len())
        })
    }

    /// The share of the lines that are evaluated; all of them where there are none.
    #[expect(clippy::cast_precision_loss, reason = "lines of files are few")]
    pub(in crate::cli) fn percent(&self) -> f64 {
        match self.lines() {
            (_, 0) => 100.0,
            (covered, all) => 100.0 * covered as f64 / all as f64,
        }
    }

    fn json(&self) -> Json {
        let files = self
            .0
            .iter()
            .map(|file| json!({ "file": file.file, "covered": file.covered, "not_covered": file.missed }));
        json!({ "percent": self.percent(), "files": files.collect::<Vec<_>>() })
    }
}

/// The share, and the lines that nothing evaluates.
pub(in crate::cli) fn coverage_text(coverage: &Coverage) -> String {
    let (covered, all) = coverage.lines();
    let mut text = format!("Coverage: {:.1} % ({covered} of {all} lines).\n", coverage.percent());
    for file in coverage.0.iter().filter(|file| !file.missed.is_empty()) {
        let ranges = ranges(file.missed.iter().copied());
        let _ = writeln!(text, "  not covered: {}:{}", escape(&file.file), ranges.join(","));
    }
    text
}

/// `3-5` and `9` of 3, 4, 5, 9.
fn ranges(lines: impl Iterator<Item = u32>) -> Vec<String> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for line in lines {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == line => *last = line,
            _ => ranges.push((line, line)),
        }
    }
    let text = |(first, last)| if first == last { format!("{first}") } else { format!("{first}-{last}") };
    ranges.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_in_a_row_are_a_range() {
        for (lines, expected) in [(&[][..], ""), (&[3], "3"), (&[3, 4, 5, 9], "3-5,9"), (&[1, 3, 4], "1,3-4")]
        {
            assert_eq!(ranges(lines.iter().copied()).join(","), expected);
        }
    }
}
