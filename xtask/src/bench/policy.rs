//! `bench policy`: 20 rules over one manifest and 1,000 changes, by `mlo` and by `opa`, and what the gate adds to a plan.
//!
//! Both read the same files, in the same run. Processor time is that of the program alone: `mlo` evaluates in another process, so
//! what counts is the wall. What one evaluation takes is the difference between a run of many tests and a
//! run of one, by the number of tests: each test asks the same rules about the same input.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::Place;
use super::child::{self, Usage};
use super::shapes::Shape;
use super::table::{Table, megabytes, milliseconds, times};
use crate::failure::Failure;
use crate::tools;

/// Changes of the plan that the rules look at.
const CHANGES: usize = 1_000;
/// Rules: half of them look at the manifest, half at every change.
const RULES: usize = 20;
/// Tests of the longer run.
const TESTS: u32 = 51;
/// Runs of which the median counts.
const RUNS: usize = 11;

/// What policy is to reach.
const GOAL: &str = "goal: 3 times faster than opa as a whole process and per evaluation; the gate adds at most 15 ms to a plan of 1,000";

pub(crate) fn run(place: &Place<'_>) -> Result<(), Failure> {
    let opa = tools::opa(place.cache)?;
    let rules = place.folder.join("rules");
    let write = |path: &Path, text: &str| {
        let folder = path.parent().unwrap_or(path);
        fs::create_dir_all(folder).map_err(|error| Failure::io("making", folder, &error))?;
        fs::write(path, text).map_err(|error| Failure::io("writing", path, &error))
    };
    write(&rules.join("bench.rego"), &policy())?;
    write(&place.folder.join("input.json"), &input())?;
    for (name, tests) in [("one", 1), ("many", TESTS)] {
        write(&place.folder.join(name).join("bench.rego"), &policy())?;
        write(&place.folder.join(name).join("data.json"), &format!("{{\"given\": {}}}", input()))?;
        write(&place.folder.join(name).join("bench_test.rego"), &tests_of(tests))?;
    }
    let mut table = Table::new(&["what", "program", "wall", "processor", "peak", "faster"]);
    let mut compare = |what: &str, theirs: Usage, ours: Usage| {
        let row = |program: &str, usage: Usage, faster: String| {
            let figures = [milliseconds(usage.wall), milliseconds(usage.cpu), megabytes(usage.peak)];
            [what.to_owned(), program.to_owned()].into_iter().chain(figures).chain([faster])
        };
        table.row(row("opa", theirs, String::new()));
        table.row(row("mlo", ours, times(theirs.wall, ours.wall)));
    };
    let eval = |program: &Path, words: &[&str]| {
        let words = words.iter().chain(&["--data", "rules", "--input", "input.json", "data.bench.deny"]);
        measured(place, program, &words.copied().collect::<Vec<_>>())
    };
    compare("whole process", eval(&opa, &["eval"])?, eval(&place.program, &["policy", "eval"])?);
    let each = |program: &Path, words: &[&str]| {
        let one = measured(place, program, &[words, &["one"]].concat())?;
        let many = measured(place, program, &[words, &["many"]].concat())?;
        let share = |many: Duration, one: Duration| many.saturating_sub(one) / (TESTS - 1);
        Ok::<_, Failure>(Usage {
            wall: share(many.wall, one.wall),
            cpu: share(many.cpu, one.cpu),
            peak: many.peak,
        })
    };
    compare("one evaluation", each(&opa, &["test"])?, each(&place.program, &["policy", "test"])?);
    println!("{table}");
    println!("{}\n{GOAL}", gate(place)?);
    Ok(())
}

/// A plan of as many resources with the built-in rules, and what it takes up to where the gate is asked: `mlo graph` makes
/// the same plan, and asks nobody. `mlo plan` shows what it makes as well, so the same is measured where there is nothing to
/// show: the rules look at all objects, also of what stays as it is.
fn gate(place: &Place<'_>) -> Result<Table, Failure> {
    let folder = place.folder.join("plan");
    Shape::ForEach.write(&folder, CHANGES)?;
    let mlo = |words: &[&str]| measured(place, &place.program, &[words, &["--chdir", "plan"]].concat());
    let (plan, graph) = (["plan", "--concise"], ["graph", "--type", "apply"]);
    let mut rows =
        vec![("all are made, with the gate", mlo(&plan)?), ("drawn, without the gate", mlo(&graph)?)];
    mlo(&["apply", "--auto-approve"])?;
    rows.extend([("all are there, with the gate", mlo(&plan)?), ("drawn, without the gate", mlo(&graph)?)]);
    let mut table = Table::new(&["a plan of 1,000", "wall", "processor", "peak"]);
    for (what, usage) in rows {
        let figures = [milliseconds(usage.wall), milliseconds(usage.cpu), megabytes(usage.peak)];
        table.row([what.to_owned()].into_iter().chain(figures));
    }
    Ok(table)
}

fn measured(place: &Place<'_>, program: &Path, words: &[&str]) -> Result<Usage, Failure> {
    child::median(RUNS, &place.folder.join("log"), || {
        let mut command = Command::new(program);
        command.args(words).current_dir(&place.folder);
        command
    })
}

/// Rules that deny nothing of the input, each for a reason of its own.
fn policy() -> String {
    let mut text = "package bench\n".to_owned();
    for rule in 0..RULES / 2 {
        let _ = write!(
            text,
            "\ndeny contains sprintf(\"metric %d is %v\", [{rule}, value]) if {{\n\tvalue := input.manifest.spec.metrics.m{rule}\n\
             \tvalue < 0.{rule}\n}}\n\ndeny contains msg if {{\n\tsome change in input.plan.resource_changes\n\
             \tchange.type == \"terraform_data\"\n\tsome action in change.change.actions\n\taction == \"delete\"\n\
             \tnot startswith(change.address, \"module.m{rule}\")\n\
             \tmsg := sprintf(\"%s is deleted, says rule {rule}\", [change.address])\n}}\n"
        );
    }
    text
}

fn input() -> String {
    let metrics: Vec<_> = (0..RULES / 2).map(|rule| format!("\"m{rule}\": 0.99")).collect();
    let changes = (0..CHANGES).map(|at| {
        format!(
            "{{\"address\": \"terraform_data.n[\\\"{at}\\\"]\", \"type\": \"terraform_data\", \"name\": \"n\", \
             \"change\": {{\"actions\": [\"create\"], \"before\": null, \"after\": {{\"input\": {at}, \"tags\": {{\"team\": \"fraud\"}}}}}}}}"
        )
    });
    let changes: Vec<_> = changes.collect();
    format!(
        "{{\"manifest\": {{\"spec\": {{\"metrics\": {{{}}}}}}}, \"plan\": {{\"resource_changes\": [{}]}}}}",
        metrics.join(", "),
        changes.join(", ")
    )
}

/// Tests that each evaluate all rules.
fn tests_of(count: u32) -> String {
    let tests = (0..count).map(|number| {
        format!("\ntest_{number} if {{\n\tdenied := data.bench.deny with input as data.given\n\tcount(denied) == 0\n}}\n")
    });
    tests.fold("package bench_test\n".to_owned(), |text, test| text + &test)
}
