//! Runs that are killed or interrupted in the middle, and plans, which leave no trace.

use crate::support::Project;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

/// How often it is looked what runs, and how many times until that is what is there.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LOOKS_MAX: usize = 400;

/// Runs `mlo apply` until it says that it makes the server.
fn begin_apply(project: &Project) -> Child {
    let mut apply = project.command(&["apply", "--auto-approve"]);
    let mut child = apply.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let begun = |line: &str| line.contains("local_inference_service") && line.contains("reat");
    let seen: Vec<_> = lines.map(Result::unwrap).take_while(|line| !begun(line)).collect();
    if let Some(status) = child.try_wait().unwrap() {
        panic!("the apply ended with {status} before it began:\n{}", seen.join("\n"));
    }
    child
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
}

/// The commands of the processes that run in a folder or below it.
fn processes_in(folder: &Path) -> Vec<String> {
    let folder = folder.canonicalize().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let here = processes
        .filter(|process| std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(&folder)));
    here.map(|process| {
        std::fs::read_to_string(process.join("cmdline")).unwrap_or_default().replace('\0', " ")
    })
    .collect()
}

/// Asserts that as many servers run in a folder or below it, and nothing else. What helped the run that has just ended
/// (it judged policies, or tried a model) ends by itself once nobody asks it any more: it gets the time for that.
fn assert_servers(folder: &Path, expected: usize) {
    let mut running = processes_in(folder);
    for _ in 0..LOOKS_MAX {
        if running.len() == expected {
            return;
        }
        std::thread::sleep(LOOK_EVERY);
        running = processes_in(folder);
    }
    panic!("expected {expected} servers and nothing else: {running:#?}");
}

/// All files below a folder with their bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
            found.insert(path.display().to_string(), Vec::new());
        } else {
            found.insert(path.display().to_string(), std::fs::read(&path).unwrap());
        }
    }
    found
}

#[test]
fn a_plan_writes_nothing_at_all() {
    let project = Project::copy_of("examples/iris");
    let before = files(project.path());
    project.ok(&["plan"]);
    project.ok(&["validate"]);
    assert_eq!(files(project.path()), before);
}

#[test]
#[cfg(target_os = "linux")]
fn after_a_kill_the_plan_says_what_is_open_and_the_apply_goes_on_with_one_server() {
    let project = Project::copy_of("examples/iris");
    let mut child = begin_apply(&project);
    send(&child, Signal::KILL);
    child.wait().unwrap();

    let before = files(&project.path().join(".mlo/state"));
    let open = "1 change has begun, and the state does not know the outcome: create";
    project.ok(&["plan"]).has(&[open, "MLO3028", "the next `mlo apply` finds out"]);
    assert_eq!(project.json(&["plan"], 0)["diagnostics"][0]["code"], "MLO3028");
    assert_eq!(files(&project.path().join(".mlo/state")), before, "a plan settles nothing");
    // Nothing gets another name, and nothing is forgotten, before it is known what became of it.
    for arguments in [
        &["state", "rm", "module.model"][..],
        &["state", "mv", "module.model", "module.m"],
        &["state", "replace-provider", "local", "local"],
        &["taint", "mlo_data.x"],
    ] {
        project.mlo(arguments).ends_with(1).has(&["MLO3028", "left changes open", "run `mlo apply`"]);
    }

    project.ok(&["apply", "--auto-approve"]).has(&["an earlier run was cut off"]);
    assert_servers(project.path(), 1);
    project.ok(&["plan"]).has(&["No changes."]).has_not(&["MLO3028"]);
    project.ok(&["destroy", "--auto-approve"]);
    assert_servers(project.path(), 0);
}

/// Lines of the journal of a project's state: what a run has written down so far.
fn journal_lines(project: &Project) -> usize {
    fn below(folder: &Path) -> usize {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let lines = |path: &Path| {
            // Nothing of one that has just been folded into the state.
            let bytes = std::fs::read(path).unwrap_or_default();
            String::from_utf8_lossy(&bytes).matches('\n').count()
        };
        let each = entries.map(|path| match path.file_name() {
            Some(name) if name == "journal" => lines(&path),
            _ => below(&path),
        });
        each.sum()
    }
    below(&project.path().join(".mlo/state"))
}

/// Kills an apply, and all that it does itself, once its journal has so many lines; nothing if it ends before.
fn kill_at(project: &Project, arguments: &[&str], lines: usize) -> Option<()> {
    let mut apply = project.command(arguments);
    let mut child = apply.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while journal_lines(project) < lines {
        if let Some(status) = child.try_wait().unwrap() {
            assert_eq!(status.code(), Some(0), "mlo {}", arguments.join(" "));
            return None;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    kill_process_group(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), Signal::KILL).unwrap();
    child.wait().unwrap();
    Some(())
}

#[test]
#[cfg(target_os = "linux")]
fn each_example_goes_on_after_a_kill_at_each_of_its_steps() {
    let models = r#"--var=models={ a = "https://a.example", b = "https://b.example" }"#;
    for (example, given, servers) in [
        ("examples/iris", &[][..], 1),
        ("examples/environments", &["--env=dev"], 0),
        ("examples/tested", &[models], 0),
    ] {
        let command = |words: &[&'static str]| [words, given].concat();
        let (apply, plan) = (command(&["apply", "--auto-approve"]), command(&["plan"]));
        let destroy = command(&["destroy", "--auto-approve"]);
        let mut steps = 0;
        loop {
            let project = Project::copy_of(example);
            let killed = kill_at(&project, &apply, steps + 1);
            project.ok(&apply);
            project.ok(&plan).has(&["No changes."]).has_not(&["MLO3028"]);
            assert_servers(project.path(), servers);
            project.ok(&destroy);
            assert_servers(project.path(), 0);
            if killed.is_none() {
                break;
            }
            steps += 1;
        }
        assert!(steps >= 2, "{example}: killed {steps} times");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_signal_lets_the_server_come_up_and_a_run_that_has_nothing_left_to_do_is_done() {
    let project = Project::copy_of("examples/iris");
    let mut child = begin_apply(&project);
    send(&child, Signal::INT);
    // Nothing was left to begin: it was not too late for anything, and all is done.
    assert_eq!(child.wait().unwrap().code(), Some(0));
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
    project.ok(&["apply", "--auto-approve"]);
    assert_servers(project.path(), 1);
    project.ok(&["destroy", "--auto-approve"]);
    assert_servers(project.path(), 0);
}
