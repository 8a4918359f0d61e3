//! Chores of this repository: `cargo xtask demo`, `cargo xtask test`, `cargo xtask fuzz`, `cargo xtask simulate`,
//! `cargo xtask bench NAME`, `cargo xtask onnxruntime`, `cargo xtask cluster`.
//!
//! Needs Rust and Python 3; whatever else a chore needs it obtains itself, pinned, once, into the user's cache
//! folder. Nothing is installed outside that folder and `target/`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore speaks to the person who started it")]
#![expect(clippy::disallowed_methods, reason = "a chore is an edge: it reads the environment and the clock")]

mod bench;
mod cache;
mod command;
mod demo;
mod failure;
mod fuzz;
mod http;
mod onnxruntime;
mod python;
mod simulate;
mod steps;
mod test;
mod tools;
mod workspace;

use std::process::ExitCode;

use cache::Cache;
use failure::Failure;
use workspace::Workspace;

const USAGE: &str = "\
Usage: cargo xtask <chore> [--offline]

  demo           build, then take examples/iris from its manifest to a prediction
  test           every check of the repository; --full raises the counts of the random ones
  fuzz --seconds N
                 the random tests of all that reads what others wrote, one seed after the other, for so long
  simulate --seeds N [--from N]
                 the engine on machines, networks and disks that fail as each seed says
  bench NAME     time and memory of a release build; the names are below
  onnxruntime    obtain ONNX Runtime into the user's cache folder and print its path
  cluster        build the tests' Kubernetes cluster and its kubectl there and print their paths

  --offline      take what the cache has and download nothing
";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Chore {
    Demo,
    Test { full: bool },
    Bench { name: String },
    Fuzz { seconds: u64 },
    Simulate { from: u64, seeds: u64 },
    OnnxRuntime,
    Cluster,
    Help,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match parse(&arguments) {
        Ok((Chore::Help, _)) => {
            print!("{USAGE}\n{}", bench::list());
            Ok(())
        }
        Ok((chore, offline)) => run(&chore, offline),
        Err(word) => Err(Failure::new(format!("no chore or option is called `{word}`")).mend(USAGE)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprint!("\n{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: &Chore, offline: bool) -> Result<(), Failure> {
    let workspace = Workspace::locate()?;
    let cache = Cache::locate(offline)?;
    match chore {
        Chore::Demo => demo::run(&workspace, &cache),
        Chore::Test { full } => test::run(&workspace, &cache, *full),
        Chore::Fuzz { seconds } => fuzz::run(&workspace, *seconds),
        Chore::Simulate { from, seeds } => simulate::run(&workspace, *from, *seeds),
        Chore::Bench { name } => bench::run(&workspace, &cache, name),
        Chore::OnnxRuntime => {
            println!("{}", onnxruntime::obtain(&workspace, &cache)?.display());
            Ok(())
        }
        Chore::Cluster => {
            let built = tools::test_cluster(&workspace, &cache)?;
            println!("{}\n{}", built.cluster.display(), built.kubectl.display());
            Ok(())
        }
        Chore::Help => Ok(()),
    }
}

/// The chore and whether it is offline, or the first word that means nothing.
fn parse(arguments: &[String]) -> Result<(Chore, bool), String> {
    let mut words = arguments.iter().map(String::as_str).filter(|word| *word != "--offline");
    let offline = arguments.iter().any(|word| word == "--offline");
    let chore = match words.next() {
        None | Some("help" | "--help" | "-h") => return Ok((Chore::Help, offline)),
        Some("demo") => Chore::Demo,
        Some("onnxruntime") => Chore::OnnxRuntime,
        Some("cluster") => Chore::Cluster,
        Some("bench") => match words.next() {
            Some(name) if bench::is_bench(name) => Chore::Bench { name: name.to_owned() },
            name => return Err(name.unwrap_or("bench").to_owned()),
        },
        Some("fuzz") => match (words.next(), words.next().map(str::parse)) {
            (Some("--seconds"), Some(Ok(seconds))) => Chore::Fuzz { seconds },
            (word, _) => return Err(word.unwrap_or("fuzz").to_owned()),
        },
        Some("simulate") => return simulate_options(words).map(|chore| (chore, offline)),
        Some("test") => return test_options(words).map(|chore| (chore, offline)),
        Some(word) => return Err(word.to_owned()),
    };
    words.next().map_or(Ok((chore, offline)), |word| Err(word.to_owned()))
}

fn test_options<'a>(words: impl Iterator<Item = &'a str>) -> Result<Chore, String> {
    let mut full = false;
    for word in words {
        if word != "--full" {
            return Err(word.to_owned());
        }
        full = true;
    }
    Ok(Chore::Test { full })
}

fn simulate_options<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<Chore, String> {
    let (mut from, mut seeds) = (0, None);
    while let Some(word) = words.next() {
        let number = words.next().and_then(|number| number.parse().ok()).ok_or(word)?;
        match word {
            "--from" => from = number,
            "--seeds" => seeds = Some(number),
            _ => return Err(word.to_owned()),
        }
    }
    Ok(Chore::Simulate { from, seeds: seeds.ok_or("simulate")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_names_one_chore() {
        let rows = [
            ("", Ok((Chore::Help, false))),
            ("--help", Ok((Chore::Help, false))),
            ("demo", Ok((Chore::Demo, false))),
            ("demo --offline", Ok((Chore::Demo, true))),
            ("onnxruntime", Ok((Chore::OnnxRuntime, false))),
            ("cluster", Ok((Chore::Cluster, false))),
            ("test", Ok((Chore::Test { full: false }, false))),
            ("--offline test --full", Ok((Chore::Test { full: true }, true))),
            ("fuzz --seconds 60", Ok((Chore::Fuzz { seconds: 60 }, false))),
            ("fuzz", Err("fuzz".to_owned())),
            ("fuzz --seconds long", Err("--seconds".to_owned())),
            ("simulate --seeds 5", Ok((Chore::Simulate { from: 0, seeds: 5 }, false))),
            ("simulate --from 7 --seeds 1", Ok((Chore::Simulate { from: 7, seeds: 1 }, false))),
            ("simulate", Err("simulate".to_owned())),
            ("simulate --seeds many", Err("--seeds".to_owned())),
            ("bench lang", Ok((Chore::Bench { name: "lang".to_owned() }, false))),
            ("bench", Err("bench".to_owned())),
            ("bench pi", Err("pi".to_owned())),
            ("bench lang lang", Err("lang".to_owned())),
            ("demo --full", Err("--full".to_owned())),
            ("deploy", Err("deploy".to_owned())),
        ];
        for (line, expected) in rows {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            assert_eq!(parse(&words), expected, "{line}");
        }
    }
}
