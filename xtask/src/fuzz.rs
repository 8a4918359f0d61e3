//! The random tests of all that reads what others wrote, with one seed after the other, until the time is up. Each seed makes
//! other bytes; the one that finds something is named, and finds it again.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::command;
use crate::failure::Failure;
use crate::workspace::Workspace;

/// Tests of one package: where they are, and what their names begin with.
struct Tests {
    package: &'static str,
    target: &'static [&'static str],
    names: &'static [&'static str],
}

/// Of texts, of expressions, of layouts, of configurations, of documents, of saved plans; of states and journals; of models; of
/// requests.
const TESTS: [Tests; 4] = [
    Tests {
        package: "mlo",
        target: &["--lib"],
        names: &[
            "lang::syntax::tests::properties",
            "lang::eval::tests::fuzz",
            "lang::eval::tests::properties",
            "lang::format::tests",
            "lang::load::tests",
            "lang::functions::yaml::tests",
            "manifest::tests::yaml",
            "plan::file::tests",
        ],
    },
    Tests {
        package: "mlo-state",
        target: &["--test", "state"],
        names: &["address::", "journal::", "snapshot::"],
    },
    Tests { package: "mlo-model", target: &["--test", "model"], names: &["inspect::"] },
    Tests { package: "mlo-runtime", target: &["--lib"], names: &["request::"] },
];

/// Runs for at least `seconds`: a round that has begun is finished.
pub(crate) fn run(workspace: &Workspace, seconds: u64) -> Result<(), Failure> {
    let start = Instant::now();
    let mut seed = first_seed();
    let mut rounds = 0_u32;
    while rounds == 0 || start.elapsed() < Duration::from_secs(seconds) {
        for tests in &TESTS {
            let mut round = round(workspace, tests, seed);
            command::read(&mut round).map_err(|failure| {
                let again = format!("`PROPTEST_RNG_SEED={seed} {}` finds it again", command::line(&round));
                failure.within(&format!("seed {seed}")).mend(again)
            })?;
        }
        rounds += 1;
        println!("seed {seed}: nothing found ({} s)", start.elapsed().as_secs());
        seed = seed.wrapping_add(1);
    }
    Ok(())
}

/// All tests of a package once, with the bytes of one seed.
fn round(workspace: &Workspace, tests: &Tests, seed: u64) -> Command {
    let mut command = workspace.cargo(&["test", "--locked", "--quiet", "--package", tests.package]);
    command.args(tests.target).arg("--").args(tests.names);
    command.env("PROPTEST_RNG_SEED", seed.to_string());
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
        for tests in &TESTS {
            let command = round(&workspace, tests, 7);
            let seeds = command.get_envs().filter(|(name, _)| *name == "PROPTEST_RNG_SEED").count();
            assert_eq!(seeds, 1);
            let line = command::line(&command);
            assert!(tests.names.last().is_some_and(|last| line.ends_with(last)), "{line}");
        }
    }
}
