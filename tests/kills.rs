//! The real program, killed with all that it started at any moment: what it made is in the state after the next run, once.

use crate::support::Project;
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Objects, and kills of an apply and of a destroy each: of a run of the tests, and of one with full counts.
const FEW: (usize, u32) = (40, 5);
const MANY: (usize, u32) = (200, 100);

/// Each object is a file named by its token; its text is the object's address.
const OBJECTS: &str = r#"
resource "local_command" "many" {
  for_each = toset([for n in range(COUNT) : tostring(n)])
  create   = ["sh", "-c", "echo \"$MLO_ADDRESS\" > \"world/$MLO_TOKEN\" && echo \"$MLO_TOKEN\""]
  find     = ["sh", "-c", "test -f \"world/$MLO_TOKEN\" && echo \"$MLO_TOKEN\""]
  read     = ["test", "-f", "world/$MLO_ID"]
  delete   = ["rm", "world/$MLO_ID"]
}
"#;

/// Addresses of what there is, and how many objects that is.
fn world(project: &Project) -> (BTreeSet<String>, usize) {
    let files: Vec<_> = fs::read_dir(project.path().join("world")).unwrap().map(Result::unwrap).collect();
    let address = |file: &fs::DirEntry| fs::read_to_string(file.path()).unwrap().trim().to_owned();
    (files.iter().map(address).collect(), files.len())
}

fn known(project: &Project) -> BTreeSet<String> {
    project.ok(&["state", "list"]).out.lines().map(str::to_owned).collect()
}

/// How long a run takes that nobody kills.
#[expect(clippy::disallowed_methods, reason = "a test at the edge: kills are spread over that time")]
fn whole(project: &Project, words: &[&str]) -> Duration {
    let start = Instant::now();
    project.ok(words);
    start.elapsed()
}

/// Begins a run and kills it and all of its process group after a while. Whether it was still running.
fn killed(project: &Project, words: &[&str], after: Duration) -> bool {
    let mut command = project.command(words);
    let mut child =
        command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("mlo starts");
    sleep(after);
    let running = child.try_wait().unwrap().is_none();
    if running {
        let group = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        kill_process_group(group, Signal::KILL).unwrap();
    }
    child.wait().unwrap();
    running
}

#[test]
fn whenever_it_is_killed_the_next_run_knows_what_is_there_and_nothing_is_there_twice() {
    let (count, kills) = if std::env::var_os("MLO_TEST_FULL").is_some() { MANY } else { FEW };
    let project = Project::with(&[("main.tf", &OBJECTS.replace("COUNT", &count.to_string()))]);
    fs::create_dir(project.path().join("world")).unwrap();
    let (apply, destroy) = (["apply", "--auto-approve"], ["destroy", "--auto-approve"]);
    let (apply_takes, destroy_takes) = (whole(&project, &apply), whole(&project, &destroy));
    let mut in_the_middle = 0;
    for kill in 0..kills {
        // Spread over the whole run; the golden ratio keeps them apart whatever their number.
        let part = (f64::from(kill + 1) * 0.618_033_988_75).fract();
        for (words, takes, all) in [(&apply, apply_takes, true), (&destroy, destroy_takes, false)] {
            let after = takes.mul_f64(part);
            let there = |when: &str| format!("{} killed after {after:?}, {when}", words[0]);
            in_the_middle += u32::from(killed(&project, words, after));
            let before = world(&project);
            project.ok(words);
            let (addresses, objects) = world(&project);
            assert_eq!(
                objects,
                if all { count } else { 0 },
                "{}: before, {before:?}",
                there("then finished")
            );
            assert_eq!(addresses.len(), objects, "{}: something is there twice", there("then finished"));
            assert_eq!(known(&project), addresses, "{}", there("then finished"));
            let planned = if all { "No changes." } else { "to add, 0 to change, 0 to destroy." };
            project.ok(&["plan"]).has(&[planned]).has_not(&["MLO3028"]);
        }
    }
    assert!(in_the_middle > kills / 2, "only {in_the_middle} of {} were killed in the middle", 2 * kills);
}
