//! The table of Terraform's command line names commands and flags of ours that there are.

use crate::support::{Project, repository};
use std::collections::BTreeSet;

#[test]
fn every_command_and_flag_that_the_table_names_is_there() {
    let table = std::fs::read_to_string(repository().join("docs/terraform.md")).unwrap();
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
