//! Signals and failures in the middle of an apply of commands, which anybody can look at from outside.

use crate::support::{Project, said};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Between two looks at what should happen.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Looks in a second.
const SECOND: usize = 50;

/// Objects are files of a folder. `make.sh` waits as long as `wait/NAME` says before it makes one.
const MAKE: &str = r#"
set -eu
name=$1
if [ -e "wait/$name" ]; then
  echo "$name" >> begun
  sleep "$(cat "wait/$name")"
  echo "$name is made now" >&2
fi
[ ! -e "fail/$name" ] || { echo "no room for $name" >&2; exit 3; }
mkdir -p world
[ ! -e "world/$MLO_TOKEN" ] || echo twice >> mistakes
echo "$name" > "world/$MLO_TOKEN"
echo "$MLO_TOKEN"
"#;

fn block(name: &str, depends_on: &str) -> String {
    format!(
        r#"
resource "local_command" "{name}" {{
  create     = ["sh", "make.sh", "{name}"]
  find       = ["sh", "-c", "test -e world/$MLO_TOKEN && echo $MLO_TOKEN"]
  read       = ["test", "-e", "world/$MLO_ID"]
  delete     = ["rm", "world/$MLO_ID"]
  depends_on = [{depends_on}]
}}
"#
    )
}

fn project(blocks: &[(&str, &str)]) -> Project {
    let hcl: String = blocks.iter().map(|(name, depends_on)| block(name, depends_on)).collect();
    Project::with(&[("make.sh", MAKE), ("main.hcl", &hcl)])
}

/// How many objects there are.
fn objects(project: &Project) -> usize {
    std::fs::read_dir(project.path().join("world")).map_or(0, Iterator::count)
}

/// What lies on disk of commands that run, and who may read it.
fn left_of_commands(project: &Project) -> Vec<String> {
    let files = std::fs::read_dir(project.path().join(".mlo/commands")).unwrap().map(Result::unwrap);
    let shown = |file: std::fs::DirEntry| {
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        format!("{} {mode:o}", file.path().extension().unwrap().display())
    };
    let mut all: Vec<_> = files.map(shown).collect();
    all.sort();
    all
}

/// Runs `mlo apply` until the command for an object has begun to wait.
fn begin(project: &Project, name: &str) -> Child {
    begin_with(project, project.command(&["apply", "--auto-approve"]), name)
}

fn begin_with(project: &Project, apply: Command, name: &str) -> Child {
    begin_when(project, apply, &|begun| begun.contains(name))
}

/// Runs a command until what has begun to wait is as it should be.
fn begin_when(project: &Project, mut apply: Command, is_so_far: &dyn Fn(&str) -> bool) -> Child {
    let child = apply.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = || std::fs::read_to_string(project.path().join("begun")).unwrap_or_default();
    let looks = (0..30 * SECOND).take_while(|_| !is_so_far(&begun()));
    looks.for_each(|_| std::thread::sleep(LOOK_EVERY));
    assert!(is_so_far(&begun()), "the commands were begun: {:?}", begun());
    child
}

/// `mlo apply`, run by another program that becomes it.
fn apply_by(project: &Project, words: &[&str]) -> Command {
    let apply = project.command(&["apply", "--auto-approve"]);
    let (first, others) = words.split_first().expect("a program");
    let mut command = Command::new(first);
    command.args(others).arg(apply.get_program()).args(apply.get_args()).current_dir(project.path());
    command.env_clear().envs(apply.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null());
    command
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
}

fn rest(child: &mut Child) -> String {
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    lines.map(|line| line.unwrap() + "\n").collect()
}

#[test]
fn commands_make_find_read_and_delete_objects() {
    let project = project(&[("a", ""), ("b", "local_command.a")]);
    project.ok(&["plan"]).has(&["Plan: 2 to add", "+ id     = (known after apply)"]);
    assert_eq!(objects(&project), 0, "planning runs nothing that was not approved");
    project.ok(&["apply", "--auto-approve"]).has(&["2 added"]);
    assert_eq!(objects(&project), 2);
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
    std::fs::remove_dir_all(project.path().join("world")).unwrap();
    project.ok(&["apply", "--auto-approve"]).has(&["2 added"]);
    project.ok(&["destroy", "--auto-approve"]).has(&["2 destroyed"]);
    assert_eq!(objects(&project), 0);
}

#[test]
fn what_changes_of_a_command_decides_what_is_done() {
    let project = project(&[("a", "")]);
    project.ok(&["apply", "--auto-approve"]);
    // How it is looked up is only noted.
    project.edit("main.hcl", "\"test\", \"-e\"", "\"test\", \"-f\"");
    project.ok(&["apply", "--auto-approve"]).has(&["1 changed"]);
    project.edit("main.hcl", "\"make.sh\", \"a\"", "\"make.sh\", \"other\"");
    project.ok(&["plan"]).has(&["must be replaced", "# forces replacement"]);
    project.edit(
        "main.hcl",
        "  read ",
        "  update = [\"sh\", \"-c\", \"echo changed > world/$MLO_ID\"]\n  read ",
    );
    project.ok(&["apply", "--auto-approve"]).has(&["0 added, 1 changed, 0 destroyed"]);
    let file = std::fs::read_dir(project.path().join("world")).unwrap().next().unwrap().unwrap();
    assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "changed\n");
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
}

#[test]
fn branches_that_do_not_depend_on_a_failure_go_on_and_the_others_are_listed_with_it() {
    let project = project(&[
        ("bad", ""),
        ("after", "local_command.bad"),
        ("last", "local_command.after"),
        ("other", ""),
        ("next", "local_command.other"),
    ]);
    project.write("fail/bad", "");
    project.mlo(&["apply", "--auto-approve"]).ends_with(1).has(&[
        "creation of local_command.bad: `create` ended with exit code 3",
        "no room for bad",
        "not begun, because local_command.bad failed: local_command.after, local_command.last",
        "Apply not complete: 2 added, 0 changed, 0 destroyed, 1 failed, 2 not begun.",
    ]);
    assert_eq!(objects(&project), 2);
    std::fs::remove_dir_all(project.path().join("fail")).unwrap();
    project.ok(&["apply", "--auto-approve"]).has(&["3 added"]);
    let document = project.json(&["apply", "--auto-approve"], 0);
    assert_eq!((&document["failed"], &document["skipped"]), (&0.into(), &0.into()));
}

#[test]
fn the_first_signal_lets_what_runs_end_and_begins_nothing_new() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let project = project(&[("slow", ""), ("after", "local_command.slow")]);
        project.write("wait/slow", "1");
        // The tests themselves may run under `nohup`.
        let apply = apply_by(&project, &["env", "--default-signal=HUP"]);
        let mut child = begin_with(&project, apply, "slow");
        send(&child, signal);
        let text = rest(&mut child);
        assert_eq!(child.wait().unwrap().code(), Some(code), "{text}");
        assert!(text.contains("Apply not complete: 1 added, 0 changed, 0 destroyed, 1 not begun."), "{text}");
        assert_eq!(objects(&project), 1);
        project.ok(&["apply", "--auto-approve"]).has(&["1 added"]).has_not(&["MLO3027"]);
        assert!(!project.path().join("mistakes").exists());
    }
}

#[test]
fn what_waits_for_its_turn_when_the_signal_comes_is_not_begun_and_has_not_failed() {
    let names = ["a", "b", "c", "d", "e", "f"];
    let project = project(&names.map(|name| (name, "")));
    for name in names {
        project.write(&format!("wait/{name}"), "2");
    }
    let two_at_a_time =
        ["apply", "--auto-approve", "--parallelism", "2", "--out-json", "apply.json"].as_slice();
    let apply = project.command(two_at_a_time);
    let mut child = begin_when(&project, apply, &|begun| begun.lines().count() == 2);
    send(&child, Signal::INT);
    let text = rest(&mut child);
    assert_eq!(child.wait().unwrap().code(), Some(130), "{text}");
    assert!(text.contains("Apply not complete: 2 added, 0 changed, 0 destroyed, 4 not begun."), "{text}");
    let document: serde_json::Value = serde_json::from_str(&project.read("apply.json")).unwrap();
    let counts = ["failed", "under_way", "skipped", "interrupted"].map(|name| document[name].clone());
    assert_eq!(serde_json::Value::from_iter(counts), serde_json::json!([0, 0, 4, true]), "{document:#}");
    assert_eq!(document["summary"]["add"], 2, "{document:#}");
    assert_eq!(objects(&project), 2);
    std::fs::remove_dir_all(project.path().join("wait")).unwrap();
    project.ok(&["apply", "--auto-approve"]).has(&["4 added"]).has_not(&["an earlier run"]);
    assert!(!project.path().join("mistakes").exists());
}

#[test]
#[cfg(target_os = "linux")]
fn a_run_under_nohup_outlives_its_terminal() {
    let project = project(&[("slow", ""), ("after", "local_command.slow")]);
    project.write("wait/slow", "1");
    let mut child = begin_with(&project, apply_by(&project, &["nohup"]), "slow");
    send(&child, Signal::HUP);
    let text = rest(&mut child);
    assert_eq!(child.wait().unwrap().code(), Some(0), "{text}");
    assert_eq!(objects(&project), 2);
}

#[test]
fn the_second_signal_ends_at_once_and_the_next_run_waits_for_what_still_runs() {
    let project = project(&[("slow", ""), ("after", "local_command.slow")]);
    project.write("wait/slow", "3");
    let mut child = begin(&project, "slow");
    send(&child, Signal::INT);
    std::thread::sleep(Duration::from_millis(300));
    send(&child, Signal::INT);
    let looks = (0..SECOND).take_while(|_| child.try_wait().unwrap().is_none());
    looks.for_each(|_| std::thread::sleep(LOOK_EVERY));
    let ended = child.try_wait().unwrap().expect("it ends within a second");
    assert_eq!(ended.code(), Some(130));
    assert_eq!(objects(&project), 0, "the command still waits");
    assert_eq!(left_of_commands(&project), ["err 600", "lock 600", "out 600"], "and has somebody to talk to");
    project.ok(&["apply", "--auto-approve"]).has(&[
        "an earlier run was cut off while it made local_command.slow: it is there, and is adopted",
        "1 added",
    ]);
    assert_eq!(objects(&project), 2);
    assert!(!project.path().join("mistakes").exists(), "nothing was made twice");
    assert_eq!(left_of_commands(&project), [""; 0]);
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
}

#[test]
fn a_run_that_is_killed_leaves_nothing_that_the_next_does_not_find() {
    let project = project(&[("slow", ""), ("after", "local_command.slow")]);
    project.write("wait/slow", "1");
    let mut child = begin(&project, "slow");
    send(&child, Signal::KILL);
    child.wait().unwrap();
    let said = said(&mut project.command(&["apply", "--auto-approve"]));
    said.ends_with(0).has(&["local_command.slow: it is there, and is adopted"]);
    assert_eq!(objects(&project), 2);
    assert!(!project.path().join("mistakes").exists());
}

#[test]
fn a_plan_that_is_interrupted_leaves_nothing_running() {
    let project = Project::with(&[(
        "main.hcl",
        r#"
resource "local_command" "slow" {
  create = ["echo", "made"]
  find   = ["false"]
  read   = ["sh", "-c", "test ! -e slow || { echo $$ > reading.new; mv reading.new reading; sleep 60; }"]
  delete = ["true"]
}
"#,
    )]);
    project.ok(&["apply", "--auto-approve"]);
    project.write("slow", "");
    let mut plan = project.command(&["plan"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let reading = || std::fs::read_to_string(project.path().join("reading"));
    (0..30 * SECOND).take_while(|_| reading().is_err()).for_each(|_| std::thread::sleep(LOOK_EVERY));
    let reader = format!("/proc/{}/stat", reading().expect("it is read").trim());
    send(&plan, Signal::INT);
    assert_eq!(plan.wait().unwrap().code(), Some(130));
    assert!(rest(&mut plan).contains("Interrupted: nothing was changed."));
    // One that ended and was not asked about yet is gone too.
    let gone = || std::fs::read_to_string(&reader).map_or(true, |stat| stat.contains(") Z "));
    (0..5 * SECOND).take_while(|_| !gone()).for_each(|_| std::thread::sleep(LOOK_EVERY));
    assert!(gone(), "the command that reads runs on");
    std::fs::remove_file(project.path().join("slow")).unwrap();
}
