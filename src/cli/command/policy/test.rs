//! `mlo policy test`

use super::files::Files;
use crate::cli::args::PolicyTest;
use crate::cli::command::policy_process;
use crate::cli::exit::Exit;
use crate::cli::file;
use crate::cli::screen::Screen;
use crate::cli::session::{self, Failed};
use crate::cli::view::Paint;
use crate::cli::view::policy::{self as view, Came, Coverage};
use crate::cli::view::test::junit;
use crate::diag::{Diagnostic, Diagnostics, SourceMap, because, code};
use crate::policy::{Loaded, PolicyError, TestRule};
use crate::test::Status;
use regex::Regex;
use std::time::Instant;

pub(in crate::cli) fn run(options: &PolicyTest, screen: &mut Screen) -> Exit {
    let pattern = match options.run.as_deref().map(Regex::new).transpose() {
        Ok(pattern) => pattern,
        Err(error) => {
            let error = Diagnostic::error(code::engine::USAGE, "`--run` is not a regular expression")
                .detail(error.to_string());
            return session::fail(screen, options.json, &failed(error.into()), Exit::Error);
        }
    };
    let files = match Files::read(&options.paths, &options.network) {
        Ok(files) => files,
        Err(error) => {
            return session::fail(screen, options.json, &failed(error.diagnostic().into()), Exit::Error);
        }
    };
    match carry_out(options, pattern.as_ref(), &files, screen) {
        Ok(exit) => exit,
        Err(error) => {
            let messages = files.diagnostic(&error).into();
            session::fail(screen, options.json, &Failed { sources: files.sources, messages }, Exit::Error)
        }
    }
}

fn failed(messages: Diagnostics) -> Failed {
    Failed { sources: SourceMap::new(), messages }
}

fn carry_out(
    options: &PolicyTest,
    pattern: Option<&Regex>,
    files: &Files,
    screen: &mut Screen,
) -> Result<Exit, PolicyError> {
    let covers = options.coverage || options.threshold.is_some();
    let mut loaded = Loaded::open(&files.bundle, covers, &policy_process::program()?)?;
    let tests: Vec<TestRule> = loaded.tests().to_vec();
    let wanted = tests.into_iter().filter(|test| pattern.is_none_or(|pattern| pattern.is_match(&test.path)));
    let came: Vec<Came> = wanted.map(|test| run_one(&mut loaded, test)).collect();
    let coverage = if covers { Some(Coverage::of(loaded.covered()?)) } else { None };
    let is_enough = |threshold: f64| coverage.as_ref().is_none_or(|it| it.percent() >= threshold);
    let too_little = options.threshold.filter(|threshold| !is_enough(*threshold));
    let mut messages = Diagnostics::new();
    for failure in came.iter().filter_map(|it| it.outcome.failure.as_ref()) {
        messages.push(files.diagnostic(failure));
    }
    if let (Some(threshold), Some(coverage)) = (too_little, &coverage) {
        let percent = coverage.percent();
        let summary = format!(
            "the tests evaluate {percent:.1} % of the rules, and at least {threshold} % is asked for"
        );
        let error = Diagnostic::error(code::policy::COVERAGE, summary);
        messages.push(error.help("write tests for the lines that are listed as not covered"));
    }
    if options.json {
        screen.print_json(view::tests_json(&came, coverage.as_ref(), &messages, &files.sources));
    } else {
        let paint = Paint(screen.style());
        screen.print(&view::tests_text(&came, options.verbose, paint));
        screen.report(&messages, &files.sources);
        if let Some(coverage) = &coverage {
            screen.print(&view::coverage_text(coverage));
        }
    }
    if came.is_empty() {
        screen.say("There are no such tests: write rules whose names begin with `test_`.\n");
    }
    let written = write_report(options, &came, screen);
    let all_hold = came.iter().all(|it| !matches!(it.status(), Status::Fail | Status::Error));
    Ok(if all_hold && too_little.is_none() && written { Exit::Done } else { Exit::Error })
}

#[expect(clippy::disallowed_methods, reason = "the edge reads the clock: how long a test takes is only told")]
fn run_one(loaded: &mut Loaded, test: TestRule) -> Came {
    let begun = Instant::now();
    let outcome = if test.skipped { None } else { Some(loaded.test(&test)) };
    Came::of(test, outcome, begun.elapsed())
}

/// Whether the report is written, if one is asked for.
fn write_report(options: &PolicyTest, came: &[Came], screen: &Screen) -> bool {
    let Some(path) = &options.junit_xml else { return true };
    let report = junit::report(&view::suites(came));
    let Err(error) = file::write_private(path, report.as_bytes()) else { return true };
    let summary = format!("`{}` cannot be written: {}", path.display(), because(&error));
    let error = Diagnostic::error(code::engine::FILE, summary);
    screen.report_one(&error.help("name a file in a folder that you may write to"), &SourceMap::new());
    false
}
