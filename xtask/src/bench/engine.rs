//! `bench engine`: plan, apply, plan again, plan with one change, in three shapes and several sizes, beside Terraform.
//!
//! Both read the same files, in the same run. Terraform takes minutes where `mlo` takes seconds: it is asked for the
//! smaller sizes only, which the table shows.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::Place;
use super::child::{self, Usage};
use super::shapes::Shape;
use super::table::{Table, megabytes, seconds, times};
use super::terraform::Terraform;
use crate::failure::Failure;

const SIZES: [usize; 4] = [100, 1_000, 10_000, 50_000];
const SHAPES: [Shape; 3] = [Shape::Tree, Shape::ForEach, Shape::Modules];
/// Largest size for which Terraform is asked too: its apply of 10,000 takes half an hour.
const TERRAFORM_MAX: usize = 1_000;
/// Runs of which the median counts, up to a thousand resources and above.
const RUNS: usize = 5;
const RUNS_OF_MANY: usize = 3;

/// What the engine is to reach.
const GOAL: &str = "goal, blocks: plan and no-op plan of 1,000 under 0.04 s, apply under 0.25 s; 10,000 at most 11 times 1,000; plan of 10,000 under 120 MB";

/// What is measured, in order: each finds the state that the one before left.
const PHASES: [Phase; 4] = [
    Phase { name: "plan", words: &["plan"], from_nothing: true },
    Phase { name: "apply", words: &["apply", "-auto-approve"], from_nothing: true },
    Phase { name: "no-op plan", words: &["plan"], from_nothing: false },
    Phase { name: "one change", words: &["plan", "-var", "change=2"], from_nothing: false },
];

struct Phase {
    name: &'static str,
    words: &'static [&'static str],
    /// Whether there is no state before each run of it.
    from_nothing: bool,
}

pub(crate) fn run(place: &Place<'_>) -> Result<(), Failure> {
    let terraform = Terraform::find(&place.folder)?;
    let mut table =
        Table::new(&["shape", "resources", "what", "program", "wall", "processor", "peak", "faster"]);
    for shape in SHAPES {
        for size in SIZES {
            let folder = place.folder.join(format!("{}-{size}", shape.name()));
            shape.write(&folder, size)?;
            let theirs = match terraform.as_ref().filter(|_| size <= TERRAFORM_MAX) {
                Some(terraform) => Some((terraform, of_terraform(terraform, &folder)?)),
                None => None,
            };
            let ours = of_mlo(place, &folder, size)?;
            for (number, (phase, ours)) in PHASES.iter().zip(ours).enumerate() {
                let row = |program: &str, usage: Usage, faster: String| {
                    let what = [
                        shape.name().to_owned(),
                        size.to_string(),
                        phase.name.to_owned(),
                        program.to_owned(),
                    ];
                    let figures = [seconds(usage.wall), seconds(usage.cpu), megabytes(usage.peak), faster];
                    what.into_iter().chain(figures)
                };
                let theirs =
                    theirs.as_ref().and_then(|(terraform, usages)| Some((terraform, *usages.get(number)?)));
                if let Some((terraform, theirs)) = theirs {
                    table.row(row(&terraform.version, theirs, String::new()));
                    table.row(row("mlo", ours, times(theirs.wall, ours.wall)));
                } else {
                    table.row(row("mlo", ours, String::new()));
                }
            }
        }
    }
    println!("{table}\n{GOAL}");
    if terraform.is_none() {
        println!("`terraform` is not on PATH, so there is nothing to compare with");
    }
    Ok(())
}

fn of_mlo(place: &Place<'_>, folder: &Path, size: usize) -> Result<Vec<Usage>, Failure> {
    let runs = if size > TERRAFORM_MAX { RUNS_OF_MANY } else { RUNS };
    let log = place.folder.join("mlo.log");
    let state = folder.join(".mlo");
    phases(&state, |phase| {
        child::median(runs, &log, || {
            forget(&state, phase);
            let words = phase.words.iter().map(|word| match *word {
                "-auto-approve" => "--auto-approve",
                "-var" => "--var",
                word => word,
            });
            let mut command = Command::new(&place.program);
            command.args(words).current_dir(folder);
            command
        })
    })
}

fn of_terraform(terraform: &Terraform, folder: &Path) -> Result<Vec<Usage>, Failure> {
    terraform.init(folder)?;
    let state = folder.join("terraform.tfstate");
    phases(&state, |phase| {
        child::median(1, &terraform.log, || {
            forget(&state, phase);
            terraform.command(phase.words, folder)
        })
    })
}

fn phases(
    state: &Path,
    measure: impl FnMut(&Phase) -> Result<Usage, Failure>,
) -> Result<Vec<Usage>, Failure> {
    let usages = PHASES.iter().map(measure).collect::<Result<Vec<_>, _>>()?;
    // What is not there needs no room: each folder is kept to be looked at, without the state of the largest.
    remove(state);
    Ok(usages)
}

fn forget(state: &Path, phase: &Phase) {
    if phase.from_nothing {
        remove(state);
    }
}

/// A state that is not there is what is wanted; one that cannot be removed shows as a plan without changes.
fn remove(state: &Path) {
    let _ = if state.is_dir() { fs::remove_dir_all(state) } else { fs::remove_file(state) };
}
