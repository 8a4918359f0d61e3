//! `bench lang`: resources in a binary tree of references, checked by `mlo validate` and by `terraform validate`.
//!
//! Both read the same files, in the same run. Without Terraform on this machine our figures stand alone.

use std::process::Command;

use super::Place;
use super::child::{self, Usage};
use super::shapes::Shape;
use super::table::{Table, megabytes, seconds, times};
use super::terraform::Terraform;
use crate::failure::Failure;

/// Resources of a configuration.
const SIZES: [usize; 2] = [1_000, 10_000];
/// Runs of which the median counts; Terraform takes many seconds for each.
const RUNS: usize = 5;
const RUNS_OF_TERRAFORM: usize = 3;

/// What the language is to reach on the largest size.
const GOAL: &str = "goal: 20 times faster than Terraform, under 150 MB";

pub(crate) fn run(place: &Place<'_>) -> Result<(), Failure> {
    let terraform = Terraform::find(&place.folder)?;
    let mut table = Table::new(&["resources", "program", "wall", "processor", "peak", "faster"]);
    for size in SIZES {
        let folder = place.folder.join(size.to_string());
        Shape::Tree.write(&folder, size)?;
        let log = place.folder.join("mlo.log");
        let ours = child::median(RUNS, &log, || {
            let mut command = Command::new(&place.program);
            command.arg("validate").current_dir(&folder);
            command
        })?;
        let row = |program: &str, usage: Usage, faster: String| {
            let figures = [seconds(usage.wall), seconds(usage.cpu), megabytes(usage.peak)];
            [size.to_string(), program.to_owned()].into_iter().chain(figures).chain([faster])
        };
        if let Some(terraform) = &terraform {
            terraform.init(&folder)?;
            let validate = || terraform.command(&["validate"], &folder);
            let theirs = child::median(RUNS_OF_TERRAFORM, &terraform.log, validate)?;
            table.row(row(&terraform.version, theirs, String::new()));
            table.row(row("mlo", ours, times(theirs.wall, ours.wall)));
        } else {
            table.row(row("mlo", ours, String::new()));
        }
    }
    println!("{table}\n{GOAL}");
    if terraform.is_none() {
        println!("`terraform` is not on PATH, so there is nothing to compare with");
    }
    Ok(())
}
