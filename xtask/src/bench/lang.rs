//! `bench lang`: resources in a binary tree of references, checked by `mlo validate` and by `terraform validate`.
//!
//! Both read the same files, in the same run. Without Terraform on this machine our figures stand alone.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Place;
use super::child::{self, Usage};
use super::table::{Table, megabytes, seconds, times};
use crate::command;
use crate::failure::Failure;

/// Resources of a configuration.
const SIZES: [usize; 2] = [1_000, 10_000];
/// Runs of which the median counts; Terraform takes many seconds for each.
const RUNS: usize = 5;
const RUNS_OF_TERRAFORM: usize = 3;

/// What the language is to reach on the largest size.
const GOAL: &str = "goal: 20 times faster than Terraform, under 150 MB";

pub(crate) fn run(place: &Place) -> Result<(), Failure> {
    let terraform = Terraform::find(&place.folder)?;
    let mut table = Table::new(&["resources", "program", "wall", "processor", "peak", "faster"]);
    for size in SIZES {
        let folder = place.folder.join(size.to_string());
        write(&folder, size)?;
        let log = place.folder.join("mlo.log");
        let ours = child::median(RUNS, &log, || {
            let mut command = Command::new(&place.mlo);
            command.arg("validate").current_dir(&folder);
            command
        })?;
        let row = |program: &str, usage: Usage, faster: String| {
            let figures = [seconds(usage.wall), seconds(usage.cpu), megabytes(usage.peak)];
            [size.to_string(), program.to_owned()].into_iter().chain(figures).chain([faster])
        };
        if let Some(terraform) = &terraform {
            let theirs = terraform.validate(&folder)?;
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

/// The Terraform of this machine.
struct Terraform {
    version: String,
    /// An empty one, so that this machine's own says nothing.
    settings: PathBuf,
    log: PathBuf,
}

impl Terraform {
    fn find(folder: &Path) -> Result<Option<Self>, Failure> {
        let Ok(said) = command::read(Command::new("terraform").arg("version")) else { return Ok(None) };
        let version = said.lines().next().unwrap_or("Terraform").to_owned();
        let settings = folder.join("terraform.rc");
        fs::write(&settings, "").map_err(|error| Failure::io("writing", &settings, &error))?;
        Ok(Some(Self { version, settings, log: folder.join("terraform.log") }))
    }

    fn command(&self, verb: &str, folder: &Path) -> Command {
        let mut command = Command::new("terraform");
        command.arg(verb).current_dir(folder);
        command.env("TF_CLI_CONFIG_FILE", &self.settings).env("CHECKPOINT_DISABLE", "1");
        command
    }

    fn validate(&self, folder: &Path) -> Result<Usage, Failure> {
        command::read(&mut self.command("init", folder))?;
        child::median(RUNS_OF_TERRAFORM, &self.log, || self.command("validate", folder))
    }
}

/// A folder with `resources` resources, each but the first of which refers to the one above it in a binary tree.
fn write(folder: &Path, resources: usize) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| Failure::io("making", folder, &error))?;
    let file = folder.join("main.tf");
    fs::write(&file, tree(resources)).map_err(|error| Failure::io("writing", &file, &error))
}

fn tree(resources: usize) -> String {
    let mut text = String::from("resource \"terraform_data\" \"n0\" {\n  input = \"root\"\n}\n");
    for child in 1..resources {
        let parent = (child - 1) / 2;
        writeln!(
            text,
            "\nresource \"terraform_data\" \"n{child}\" {{\n  input = \"${{terraform_data.n{parent}.output}}/{child}\"\n}}"
        )
        .expect("text does not fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_resource_refers_to_the_one_above_it() {
        let text = tree(4);
        assert_eq!(text.matches("resource ").count(), 4);
        for (child, parent) in [(1, 0), (2, 0), (3, 1)] {
            let reference = format!("\"n{child}\" {{\n  input = \"${{terraform_data.n{parent}.output}}");
            assert!(text.contains(&reference), "{text}");
        }
    }
}
