//! The random tests of the language, with one seed after the other, until the time is up. Each seed makes other texts;
//! the one that finds something is named, and finds it again.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::command;
use crate::failure::Failure;
use crate::workspace::Workspace;

/// What the names of such tests begin with: of texts, of expressions, of layouts, of configurations, of documents.
const TESTS: [&str; 7] = [
    "lang::syntax::tests::properties",
    "lang::eval::tests::fuzz",
    "lang::eval::tests::properties",
    "lang::format::tests",
    "lang::load::tests",
    "lang::functions::yaml::tests",
    "manifest::tests::yaml",
];

/// Runs for at least `seconds`: a round that has begun is finished.
pub(crate) fn run(workspace: &Workspace, seconds: u64) -> Result<(), Failure> {
    let start = Instant::now();
    let mut seed = first_seed();
    let mut rounds = 0_u32;
    while rounds == 0 || start.elapsed() < Duration::from_secs(seconds) {
        let mut tests = round(workspace, seed);
        command::read(&mut tests).map_err(|failure| {
            let again = format!("`PROPTEST_RNG_SEED={seed} {}` finds it again", command::line(&tests));
            failure.within(&format!("seed {seed}")).mend(again)
        })?;
        rounds += 1;
        println!("seed {seed}: nothing found ({} s)", start.elapsed().as_secs());
        seed = seed.wrapping_add(1);
    }
    Ok(())
}

/// All tests once, with the texts of one seed.
fn round(workspace: &Workspace, seed: u64) -> Command {
    let mut command = workspace.cargo(&["test", "--package", "mlo", "--lib", "--locked", "--quiet", "--"]);
    command.args(TESTS).env("PROPTEST_RNG_SEED", seed.to_string());
    command
}

/// Another one each time, so that no two runs look at the same texts.
fn first_seed() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    since.as_secs() << 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_names_its_seed() {
        let workspace = Workspace::locate().unwrap();
        let command = round(&workspace, 7);
        let seeds: Vec<_> = command.get_envs().filter(|(name, _)| *name == "PROPTEST_RNG_SEED").collect();
        assert_eq!(seeds.len(), 1);
        assert!(command::line(&command).ends_with("manifest::tests::yaml"), "{}", command::line(&command));
    }
}
