//! What a run that was killed leaves open: said by whoever looks, waited for, and given up where nobody can look for it.
#![cfg(target_os = "linux")]

use crate::support::Project;
use rustix::process::{Pid, Signal, kill_process_group};
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;
use std::time::Duration;

/// Between two looks, and looks in all: half a minute.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOKS_MAX: usize = 1_500;

/// An object that is a file with a text in it. What changes it says that it has begun, and takes a while.
const SLOW: &str = r#"
variable "text" {
  default = "1"
}

resource "local_command" "it" {
  create      = ["sh", "-c", "echo \"$TEXT\" > world && echo id"]
  find        = ["sh", "-c", "test -f world && echo id"]
  read        = ["test", "-f", "world"]
  update      = ["sh", "-c", "touch begun; sleep 2; echo \"$TEXT\" > world"]
  delete      = ["sh", "-c", "touch begun; sleep 2; rm world"]
  environment = { TEXT = var.text }
}
"#;

/// Runs mlo until what it started says that it has begun, and kills the run; what it started goes on.
fn kill_in_the_middle(project: &Project, arguments: &[&str]) {
    let begun = project.path().join("begun");
    let _ = std::fs::remove_file(&begun);
    let mut command = project.command(arguments);
    let mut child = command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let looks = (0..LOOKS_MAX).take_while(|_| !begun.exists());
    looks.for_each(|_| std::thread::sleep(LOOK_EVERY));
    assert!(begun.exists(), "mlo {} begins", arguments.join(" "));
    let group = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process_group(group, Signal::KILL).unwrap();
    child.wait().unwrap();
}

#[test]
fn an_update_whose_run_is_gone_is_waited_for_and_done_again() {
    let project = Project::with(&[("main.tf", SLOW)]);
    let world = || std::fs::read_to_string(project.path().join("world")).unwrap();
    project.ok(&["apply", "--auto-approve"]);
    kill_in_the_middle(&project, &["apply", "--auto-approve", "--var", "text=2"]);
    assert_eq!(world(), "1\n", "the command still waits");
    // Nobody wants the change any more. Whatever the command has done, it is as it is wanted now.
    let said = project.ok(&["apply", "--auto-approve"]);
    said.has(&["an earlier run was cut off while it changed local_command.it", "1 changed"]);
    assert_eq!(world(), "1\n");
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(world(), "1\n", "nothing changes it afterwards");
}

#[test]
fn a_deletion_whose_run_is_gone_is_waited_for() {
    let project = Project::with(&[("main.tf", SLOW)]);
    project.ok(&["apply", "--auto-approve"]);
    kill_in_the_middle(&project, &["destroy", "--auto-approve"]);
    let said = project.ok(&["apply", "--auto-approve"]);
    said.has(&["an earlier run was cut off while it deleted local_command.it: it is gone", "1 added"]);
    std::thread::sleep(Duration::from_secs(3));
    assert!(project.path().join("world").exists(), "what was made anew stays");
}

#[test]
fn whoever_reads_a_state_is_told_what_is_open() {
    let slow = SLOW.replace(
        "\"echo \\\"$TEXT\\\" > world && echo id\"",
        "\"touch begun; sleep 1; touch world; echo id\"",
    );
    assert_ne!(slow, SLOW);
    let project = Project::with(&[("main.tf", &slow)]);
    kill_in_the_middle(&project, &["apply", "--auto-approve"]);
    let open = "1 change has begun, and the state does not know the outcome: create local_command.it";
    for arguments in [&["show"][..], &["show", "--json"], &["state", "list"], &["output"], &["state", "pull"]]
    {
        let said = project.ok(arguments);
        said.has(&["MLO3028", open]).has_not(&["nothing was applied here", "nothing that mlo made"]);
    }
    project.ok(&["apply", "--auto-approve"]).has(&["local_command.it: it is there, and is adopted"]);
    for arguments in [&["show"][..], &["state", "list"], &["output"]] {
        project.ok(arguments).has_not(&["MLO3028"]);
    }
}

#[test]
fn what_cannot_be_looked_for_any_more_is_given_up_by_name() {
    let broken = SLOW
        .replace(
            "\"echo \\\"$TEXT\\\" > world && echo id\"",
            "\"touch begun; sleep 1; touch world; echo id\"",
        )
        .replace("[\"sh\", \"-c\", \"test -f world && echo id\"]", "[\"./not-there\"]");
    let other = "resource \"terraform_data\" \"other\" {}\n";
    let project = Project::with(&[("main.tf", &broken), ("other.tf", other)]);
    kill_in_the_middle(&project, &["apply", "--auto-approve"]);
    project.edit("main.tf", "[\"./not-there\"]", "[\"sh\", \"-c\", \"test -f world && echo id\"]");
    project.mlo(&["apply", "--auto-approve"]).ends_with(1).has(&[
        "`find`: ./not-there cannot be started",
        "the `find` that the earlier run began with",
        "mlo state rm --pending 'local_command.it'",
    ]);
    project.mlo(&["state", "rm", "local_command.it"]).ends_with(1).has(&["MLO3028"]);
    let told = "local_command.it is not looked for any more: what may have been made with the token";
    project.ok(&["state", "rm", "--pending", "local_command.it", "--dry-run"]).has(&[told, "dry run"]);
    project.mlo(&["apply", "--auto-approve"]).ends_with(1);
    project.ok(&["state", "rm", "--pending", "local_command.it"]).has(&[told]);
    let again = project.mlo(&["state", "rm", "--pending", "local_command.it"]);
    again.ends_with(1).has(&["no earlier run left anything of this open"]);
    project.ok(&["apply", "--auto-approve"]).has(&["1 added"]).has_not(&["MLO3028"]);
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
}
