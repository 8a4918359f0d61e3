//! The engine on machines, networks and disks that fail as a seed says: `cargo xtask simulate --seeds N`.

use std::process::Command;

use crate::command;
use crate::failure::Failure;
use crate::workspace::Workspace;

/// What the names of such tests begin with.
const TESTS: &str = "apply::tests::simulation";

/// Lives of `seeds` seeds from `from` on, alone and with a second run, and every step at which a machine can stop or be
/// late.
pub(crate) fn run(workspace: &Workspace, from: u64, seeds: u64) -> Result<(), Failure> {
    command::show(&mut tests(workspace, from, seeds))
}

/// What is optimized, a little: of what a seed takes, most is spent in these. All else is as other tests have it compiled, so
/// that seeds are tried after minutes; and what is asserted while debugging is asserted here.
const OPTIMIZED: [&str; 3] = ["mlo", "mlo-state", "serde_json"];

fn tests(workspace: &Workspace, from: u64, seeds: u64) -> Command {
    let profile = OPTIMIZED.map(|package| format!("profile.dev.package.{package}.opt-level=1"));
    let profile = profile.iter().flat_map(|setting| ["--config", setting]);
    let words = ["test", "--package", "mlo", "--lib", "--locked", "--quiet", "--"];
    let mut command = workspace.cargo(&profile.chain(words).collect::<Vec<_>>());
    // One after the other: two that print at once cannot be told apart.
    command.args([TESTS, "--nocapture", "--test-threads=1"]);
    command.env("MLO_SIMULATE_FROM", from.to_string()).env("MLO_SIMULATE_SEEDS", seeds.to_string());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_are_told_to_the_tests() {
        let workspace = Workspace::locate().unwrap();
        let command = tests(&workspace, 7, 9);
        let told: Vec<_> = command.get_envs().filter_map(|(name, value)| Some((name, value?))).collect();
        assert!(told.contains(&("MLO_SIMULATE_FROM".as_ref(), "7".as_ref())), "{told:?}");
        assert!(told.contains(&("MLO_SIMULATE_SEEDS".as_ref(), "9".as_ref())), "{told:?}");
    }
}
