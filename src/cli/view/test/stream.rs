//! What happens in tests, a line of JSON each, in Terraform's shape.

use super::word;
use crate::cli::view::stream::{line, with};
use crate::lang::suite::{Run, TestFile};
use crate::test::Status;
use serde_json::{Map, Value as Json, json};
use std::time::Duration;

type Line = Map<String, Json>;

/// The name of an outcome where an error is no failure.
fn exact(status: Status) -> &'static str {
    match status {
        Status::Pass => "pass",
        Status::Fail => "fail",
        Status::Error => "error",
        Status::Skip => "skip",
    }
}

/// A line with the file and the run that it is about.
pub(in crate::cli) fn placed(line: Line, at: Option<(&TestFile, Option<&Run>)>) -> Line {
    let Some((file, run)) = at else { return line };
    let line = with(line, "@testfile", json!(file.name));
    match run {
        Some(run) => with(line, "@testrun", json!(run.name.name.as_ref())),
        None => line,
    }
}

fn info(message: String, kind: &str, value: Json) -> Line {
    with(line("info", message, kind), kind, value)
}

/// Which tests there are.
pub(in crate::cli) fn found(files: &[TestFile]) -> Line {
    let runs: usize = files.iter().map(|file| file.runs.len()).sum();
    let names = |file: &TestFile| file.runs.iter().map(|run| run.name.name.to_string()).collect::<Vec<_>>();
    let all: Map<_, _> = files.iter().map(|file| (file.name.clone(), json!(names(file)))).collect();
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let (files, s, t) = (files.len(), plural(files.len()), plural(runs));
    info(format!("Found {files} file{s} and {runs} run block{t}"), "test_abstract", Json::Object(all))
}

/// How far a file is.
pub(in crate::cli) fn file(file: &TestFile, progress: &str, status: Option<Status>) -> Line {
    let words = match (progress, status) {
        (_, Some(status)) => word(status),
        ("starting", _) => "in progress",
        _ => "tearing down",
    };
    let mut value = json!({ "path": file.name, "progress": progress });
    if let (Some(value), Some(status)) = (value.as_object_mut(), status) {
        value.insert("status".into(), json!(exact(status)));
    }
    placed(info(format!("{}... {words}", file.name), "test_file", value), Some((file, None)))
}

/// A run begins.
pub(in crate::cli) fn run_begins(file: &TestFile, run: &Run) -> Line {
    test_run(file, run, "in progress", json!({ "progress": "starting", "elapsed": 0 }))
}

/// A run has ended.
pub(in crate::cli) fn run_ends(file: &TestFile, run: &Run, status: Status) -> Line {
    test_run(file, run, word(status), json!({ "progress": "complete", "status": exact(status) }))
}

/// What a run made is taken away.
pub(in crate::cli) fn run_teardown(file: &TestFile, run: &Run) -> Line {
    test_run(file, run, "tearing down", json!({ "progress": "teardown", "elapsed": 0 }))
}

fn test_run(file: &TestFile, run: &Run, words: &str, mut value: Json) -> Line {
    let name = run.name.name.as_ref();
    if let Some(value) = value.as_object_mut() {
        value.insert("path".into(), json!(file.name));
        value.insert("run".into(), json!(name));
    }
    placed(info(format!("  \"{name}\"... {words}"), "test_run", value), Some((file, Some(run))))
}

/// A run goes on.
pub(in crate::cli) fn running(file: &str, run: &str, elapsed: Duration) -> Line {
    let elapsed = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let value = json!({ "path": file, "run": run, "progress": "running", "elapsed": elapsed });
    let line = info(format!("  \"{run}\"... in progress"), "test_run", value);
    with(with(line, "@testfile", json!(file)), "@testrun", json!(run))
}

/// The plan of a run.
pub(in crate::cli) fn plan(file: &TestFile, run: &Run, plan: Json) -> Line {
    let line = info("-verbose flag enabled, printing plan".to_owned(), "test_plan", plan);
    placed(line, Some((file, Some(run))))
}

/// The state after a run.
pub(in crate::cli) fn state(file: &TestFile, run: &Run, state: Json) -> Line {
    let line = info("-verbose flag enabled, printing state".to_owned(), "test_state", state);
    placed(line, Some((file, Some(run))))
}

/// The last line.
pub(in crate::cli) fn summary(
    status: Option<Status>,
    [passed, failed, errored, skipped]: [usize; 4],
    text: &str,
) -> Line {
    let status = status.map_or("pending", exact);
    let value = json!({
        "status": status, "passed": passed, "failed": failed, "errored": errored, "skipped": skipped,
    });
    info(text.to_owned(), "test_summary", value)
}
