//! A disk that is full in the middle of an apply: nothing that was made is lost, and once there is room nobody has to do
//! anything but to run it again.

use crate::support::{Project, Said, said};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

/// Each object is a file named by its token; its text is the object's address. Its id is long, so that what the journal says
/// after a call is more than what it says before it.
const OBJECTS: &str = r#"
resource "local_command" "many" {
  count  = COUNT
  create = ["sh", "-c", "echo \"$MLO_ADDRESS\" > \"world/$MLO_TOKEN\" && printf \"$MLO_TOKEN-%03000d\" 7"]
  find   = ["sh", "-c", "test -f \"world/$MLO_TOKEN\" && printf \"$MLO_TOKEN-%03000d\" 7"]
  read   = ["sh", "-c", "test -f \"world/$${MLO_ID%-*}\""]
  delete = ["sh", "-c", "rm \"world/$${MLO_ID%-*}\""]
}
"#;

fn project(count: usize) -> Project {
    let project = Project::with(&[("main.tf", &objects(count))]);
    fs::create_dir(project.path().join("world")).unwrap();
    project
}

fn objects(count: usize) -> String {
    OBJECTS.replace("COUNT", &count.to_string())
}

/// The objects that there are, each by its address, once.
#[track_caller]
fn world(project: &Project) -> usize {
    let files = fs::read_dir(project.path().join("world")).unwrap().map(Result::unwrap);
    let addresses: Vec<_> = files.map(|file| fs::read_to_string(file.path()).unwrap()).collect();
    assert_eq!(addresses.iter().collect::<BTreeSet<_>>().len(), addresses.len(), "something is there twice");
    addresses.len()
}

/// The program's arguments, run by a script that has them as `"$@"`.
fn by_script(project: &Project, mut command: Command, script: &str) -> Said {
    let mlo = project.command(&["apply", "--auto-approve"]);
    command.args(["sh", "-c", script, "script"]).arg(mlo.get_program()).args(mlo.get_args());
    command.current_dir(project.path()).env_clear();
    command.envs(mlo.get_envs().filter_map(|(name, value)| Some((name, value?))));
    said(&mut command)
}

/// That all is there and known.
#[track_caller]
fn assert_whole(project: &Project, count: usize, listed: &str) {
    assert_eq!(world(project), count);
    assert_eq!(listed.lines().count(), count, "{listed}");
}

/// Files may have a size: the state is larger already, the journal becomes so, and smaller files can be written.
#[test]
fn what_a_full_journal_does_not_take_is_kept_beside_it_and_taken_up() {
    let project = project(20);
    project.ok(&["apply", "--auto-approve"]);
    project.write("main.tf", objects(60));
    let script = "trap '' XFSZ; ulimit -f 120; exec \"$@\"";
    let full = by_script(&project, Command::new("env"), script);
    full.ends_with(1).has(&[
        "The state takes no more records: what is done from now on is kept in .mlo/errored-",
        "MLO6007",
        "journal cannot be written: ",
    ]);
    let made = world(&project);
    assert!((21..60).contains(&made), "it stopped in the middle, after {made}");
    project.ok(&["plan"]).has(&["MLO3028"]);
    let again = project.ok(&["apply", "--auto-approve"]);
    again.has(&["that an earlier run could not write to the state"]);
    assert_whole(&project, 60, &project.ok(&["state", "list"]).out);
    let left = fs::read_dir(project.path().join(".mlo")).unwrap().map(|file| file.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains("errored")).collect();
    assert!(left.is_empty(), "{left:?}");
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
}

/// A file system of its own, in a user's own namespace: everything that mlo keeps is on it. Where that is not permitted, the test
/// above and those of the store stand alone, and this one says so.
#[test]
#[cfg(target_os = "linux")]
fn what_a_full_file_system_does_not_take_is_found_by_the_next_run() {
    const MOUNT: &str = "mkdir -p .mlo && mount -t tmpfs -o size=160k tmpfs .mlo";
    let namespace = || {
        let mut command = Command::new("unshare");
        command.arg("-rm");
        command
    };
    let probe = project(40);
    let may = by_script(&probe, namespace(), MOUNT);
    if may.code != 0 {
        eprintln!("no file system can be mounted here, so none was filled: {}", may.err);
        return;
    }
    let project = project(40);
    let script = format!(
        "{MOUNT} && \"$@\"; echo \"ended with $?\" >&2; ls world | wc -l >&2; \
         mount -o remount,size=16m .mlo && \"$@\" && \"$1\" state list > listed && \"$1\" plan --detailed-exitcode"
    );
    let said = by_script(&project, namespace(), &script);
    said.ends_with(0).has(&["ended with 1", "No space left on device", "No changes."]);
    assert_whole(&project, 40, &project.read("listed"));
}
