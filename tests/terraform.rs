//! The table of Terraform's command line: it leaves out nothing of Terraform's, and of ours names only what there is.

use crate::support::{Project, repository};
use std::collections::BTreeSet;

/// A line for each command of Terraform: its name, and after a colon its flags. `terraform` has those of every command.
const TERRAFORM: &str = include_str!("terraform/commands.txt");

/// Commands whose flags have a table of their own.
const RUNS: [&str; 4] = ["plan", "apply", "destroy", "refresh"];

fn page() -> String {
    std::fs::read_to_string(repository().join("docs/terraform.md")).unwrap()
}

/// What is code in the first cell of each row below a heading.
fn first_cells<'p>(page: &'p str, heading: &str) -> Vec<Vec<&'p str>> {
    let section = page.split("\n## ").find(|section| section.lines().next() == Some(heading));
    let section = section.unwrap_or_else(|| panic!("`{heading}` is no heading of the page"));
    let cells =
        section.lines().filter(|line| line.starts_with('|')).filter_map(|line| line.split('|').nth(1));
    cells.map(|cell| cell.split('`').skip(1).step_by(2).collect()).collect()
}

/// Commands with the flags that have a row: `state mv -lock`; a flag alone is of the command before it.
fn flags_by_command(page: &str) -> BTreeSet<(&str, &str)> {
    let mut found = BTreeSet::new();
    for cell in first_cells(page, "Flags of other commands") {
        let mut command = "";
        for code in cell {
            let at = if code.starts_with('-') { 0 } else { code.find(" -").map_or(code.len(), |at| at + 1) };
            let (before, flag) = code.split_at(at);
            if !before.is_empty() {
                command = before.trim_end();
            }
            found.insert((command, flag));
        }
    }
    found
}

#[test]
fn every_command_and_flag_of_terraform_has_a_row() {
    let page = page();
    let lines = TERRAFORM.lines().filter(|line| !line.starts_with('#'));
    let all: Vec<(&str, &str)> = lines.map(|line| line.split_once(':').unwrap()).collect();
    let commands: BTreeSet<&str> =
        all.iter().map(|(command, _)| *command).filter(|command| *command != "terraform").collect();
    let rows: BTreeSet<&str> = first_cells(&page, "Commands").into_iter().flatten().collect();
    assert_eq!(rows, commands, "rows, and commands of Terraform");

    let of_all: BTreeSet<&str> = first_cells(&page, "Flags of all commands").into_iter().flatten().collect();
    let of_runs: BTreeSet<&str> =
        first_cells(&page, "Flags of plan, apply, destroy, refresh").into_iter().flatten().collect();
    let of_others = flags_by_command(&page);
    let mut missing = Vec::new();
    for (command, flags) in all {
        for flag in flags.split_whitespace() {
            let is_there = of_all.contains(flag)
                || RUNS.contains(&command) && of_runs.contains(flag)
                || of_others.contains(&(command, flag));
            if !is_there {
                missing.push(format!("{command} {flag}"));
            }
        }
    }
    assert_eq!(missing, [""; 0], "flags of Terraform without a row");
}

#[test]
fn every_command_and_flag_that_the_table_names_is_there() {
    let table = page();
    let project = Project::new();
    let named: BTreeSet<&str> =
        table.split('`').skip(1).step_by(2).filter(|text| text.starts_with("mlo ")).collect();
    assert!(named.len() > 20, "{named:?}");
    for text in named {
        let words: Vec<_> = text.split_whitespace().skip(1).collect();
        let command: Vec<_> = words.iter().copied().take_while(|word| !word.starts_with('-')).collect();
        // `mlo help exit-codes` is a page by itself.
        let help = if command.first() == Some(&"help") {
            project.ok(&command)
        } else {
            project.ok(&[&command[..], &["--help"]].concat())
        };
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
            let there = help.out.match_indices(flag).any(|(at, _)| ends(&help.out[at + flag.len()..]));
            assert!(there, "`{text}`: {}", help.out);
        }
    }
}
