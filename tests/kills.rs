//! The real program, killed with all that it started at any moment: what it made is in the state after the next run, once.
//! With state in a folder, and in a bucket of two servers: one that keeps objects as files, and one of other authors.

use crate::buckets::server::{ACCESS_KEY, BUCKET, SECRET_KEY, Server};
use crate::support::aging::Aging;
use crate::support::{Project, Said, said};
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Objects, and kills of an apply, an apply of changes and a destroy each: of a run of the tests, and of one with full counts.
const FEW: (usize, u32) = (40, 5);
const FEW_IN_A_BUCKET: (usize, u32) = (20, 3);
const MANY: (usize, u32) = (200, 100);

/// How long a lease lasts, and a little.
const LEASE: Duration = Duration::from_secs(62);

/// Each object is a file named by its token, in which the object's address stands and the text that it is given.
const OBJECTS: &str = r#"
variable "text" {
  default = "first"
}

resource "local_command" "many" {
  for_each = toset([for n in range(COUNT) : tostring(n)])
  create   = ["sh", "-c", "echo \"$MLO_ADDRESS $TEXT\" > \"world/$MLO_TOKEN\" && echo \"$MLO_TOKEN\""]
  find     = ["sh", "-c", "test -f \"world/$MLO_TOKEN\" && echo \"$MLO_TOKEN\""]
  read     = ["test", "-f", "world/$MLO_ID"]
  update   = ["sh", "-c", "echo \"$MLO_ADDRESS $TEXT\" > \"world/$MLO_ID\""]
  delete   = ["rm", "world/$MLO_ID"]

  environment = { TEXT = var.text }
}
"#;

/// The same, with its state in a bucket.
const BACKEND: &str = r#"
terraform {
  backend "s3" {
    bucket         = "BUCKET"
    key            = "killed"
    region         = "us-east-1"
    use_path_style = true
    endpoints = {
      s3 = "http://ADDRESS"
    }
  }
}
"#;

/// A project, and the server that has its state if no folder has, as old as is wanted.
struct Killed {
    project: Project,
    server: Option<(Server, Aging)>,
}

impl Killed {
    fn of(count: usize, server: Option<Server>) -> Self {
        let server = server.map(|server| {
            let aging = Aging::of(server.address);
            (server, aging)
        });
        let backend =
            |aging: &Aging| BACKEND.replace("BUCKET", BUCKET).replace("ADDRESS", &aging.address.to_string());
        let backend = server.as_ref().map(|(_, aging)| backend(aging));
        let text = backend.unwrap_or_default() + &OBJECTS.replace("COUNT", &count.to_string());
        let project = Project::with(&[("main.tf", &text)]);
        fs::create_dir(project.path().join("world")).unwrap();
        Self { project, server }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.project.command(words);
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    #[track_caller]
    fn ok(&self, words: &[&str]) -> Said {
        let said = said(&mut self.command(words));
        said.ends_with(0);
        said
    }

    /// Addresses of what there is with the text of each, and how many objects that is.
    fn world(&self) -> (BTreeSet<(String, String)>, usize) {
        let world = fs::read_dir(self.project.path().join("world")).unwrap();
        // A command that outlives the run that began it may take its file away just now.
        let address = |file: fs::DirEntry| fs::read_to_string(file.path()).ok();
        let files: Vec<_> = world.map(Result::unwrap).filter_map(address).collect();
        let parts = |file: &String| {
            let (address, text) = file.trim_end().rsplit_once(' ').unwrap_or_default();
            (address.to_owned(), text.to_owned())
        };
        (files.iter().map(parts).collect(), files.len())
    }

    fn known(&self) -> BTreeSet<String> {
        self.ok(&["state", "list"]).out.lines().map(str::to_owned).collect()
    }

    /// How long a run takes that nobody kills.
    #[expect(clippy::disallowed_methods, reason = "a test at the edge: kills are spread over that time")]
    fn whole(&self, words: &[&str]) -> Duration {
        let start = Instant::now();
        self.ok(words);
        start.elapsed()
    }

    /// Begins a run and kills it and all of its process group after a while. Whether it was still running.
    fn kill(&self, words: &[&str], after: Duration) -> bool {
        let mut command = self.command(words);
        let mut child =
            command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("mlo starts");
        sleep(after);
        let running = child.try_wait().unwrap().is_none();
        if running {
            let group = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
            kill_process_group(group, Signal::KILL).unwrap();
        }
        child.wait().unwrap();
        self.wait_for_the_lease();
        running
    }

    /// Nobody renews the lock in a bucket any more: it becomes as old as if a lease had been waited for.
    fn wait_for_the_lease(&self) {
        if let Some((_, aging)) = &self.server {
            aging.pass(LEASE);
        }
    }
}

fn full() -> bool {
    std::env::var_os("MLO_TEST_FULL").is_some()
}

/// Kills an apply, an apply of changes and a destroy at as many moments, and has each finished by another run.
fn survives(killed: &Killed, (count, kills): (usize, u32)) {
    let steps: [(&[&str], Option<&str>); 3] = [
        (&["apply", "--auto-approve"], Some("first")),
        (&["apply", "--auto-approve", "--var=text=second"], Some("second")),
        (&["destroy", "--auto-approve"], None),
    ];
    let takes = steps.map(|(words, _)| killed.whole(words));
    let mut in_the_middle = 0;
    for kill in 0..kills {
        // Spread over the whole run; the golden ratio keeps them apart whatever their number.
        let part = (f64::from(kill + 1) * 0.618_033_988_75).fract();
        for ((words, text), takes) in steps.into_iter().zip(takes) {
            let after = takes.mul_f64(part);
            let there = |when: &str| format!("{} killed after {after:?}, {when}", words[0]);
            in_the_middle += u32::from(killed.kill(words, after));
            let before = killed.world();
            killed.ok(words);
            let (world, objects) = killed.world();
            let wanted = if text.is_some() { count } else { 0 };
            assert_eq!(objects, wanted, "{}: before, {before:?}", there("then finished"));
            let addresses: BTreeSet<_> = world.iter().map(|(address, _)| address.clone()).collect();
            assert_eq!(addresses.len(), objects, "{}: something is there twice", there("then finished"));
            assert!(
                world.iter().all(|(_, has)| Some(has.as_str()) == text),
                "{}: {world:?}",
                there("changed")
            );
            assert_eq!(killed.known(), addresses, "{}", there("then finished"));
            let planned = if text.is_some() { "No changes." } else { "to add, 0 to change, 0 to destroy." };
            let given = text.map(|text| format!("--var=text={text}"));
            let plan: Vec<_> = std::iter::once("plan").chain(given.as_deref()).collect();
            killed.ok(&plan).has(&[planned]).has_not(&["MLO3028"]);
        }
    }
    assert!(in_the_middle > kills / 2, "only {in_the_middle} of {} were killed in the middle", 3 * kills);
}

#[test]
fn whenever_it_is_killed_the_next_run_knows_what_is_there_and_nothing_is_there_twice() {
    let counts = if full() { MANY } else { FEW };
    survives(&Killed::of(counts.0, None), counts);
}

#[test]
fn whenever_it_is_killed_with_its_state_in_a_bucket_the_next_run_needs_nobody() {
    let counts = if full() { MANY } else { FEW_IN_A_BUCKET };
    survives(&Killed::of(counts.0, Some(Server::versitygw())), counts);
}

#[test]
fn whenever_it_is_killed_with_its_state_in_a_bucket_of_others_the_next_run_needs_nobody() {
    let counts = if full() { MANY } else { FEW_IN_A_BUCKET };
    survives(&Killed::of(counts.0, Some(Server::moto())), counts);
}
