//! What is left of a state that was damaged early, and what a person is told of it: by `history`, `diff`, `verify` and `repair`.

use crate::support::{Project, Said, said};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// Objects that a first run makes.
const TWENTY: &str = "resource \"terraform_data\" \"a\" {\n  count = 20\n  input = count.index\n}\n";

/// What mlo keeps of the state.
fn kept(project: &Project, name: &str) -> PathBuf {
    project.path().join(".mlo/state/default").join(name)
}

#[expect(clippy::disallowed_methods, reason = "what is damaged need not be durable")]
fn put(path: &Path, bytes: impl AsRef<[u8]>) {
    std::fs::write(path, bytes).unwrap();
}

/// Puts one bit of a file into another order.
fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1;
    put(path, bytes);
}

#[test]
fn what_the_first_apply_made_is_not_lost_with_a_byte_of_the_state() {
    let damages: [fn(&Path); 3] =
        [|state| flip(state, 200), |state| put(state, ""), |state| std::fs::remove_file(state).unwrap()];
    for damage in damages {
        let project = Project::with(&[("main.hcl", TWENTY)]);
        project.ok(&["apply", "--auto-approve"]);
        damage(&kept(&project, "state.json"));
        project.mlo(&["plan"]).ends_with(1).has(&["mlo state repair"]);
        project
            .ok(&["state", "repair", "--auto-approve"])
            .has(&["No object is lost that a journal knew of.", "The state is repaired."]);
        assert_eq!(project.ok(&["state", "list"]).out.lines().count(), 20);
        project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
    }
}

#[test]
fn what_was_taken_in_from_terraform_is_not_lost_with_a_byte_of_the_state() {
    let project = Project::copy_of("tests/cases/terraform-state");
    project.ok(&["state", "import-terraform", "terraform.tfstate", "--auto-approve"]);
    put(&kept(&project, "state.json"), "");
    project.mlo(&["plan"]).ends_with(1).has(&["the snapshot of serial 1", "is whole", "mlo state repair"]);
    project.ok(&["state", "repair", "--auto-approve"]);
    assert_eq!(project.ok(&["state", "list"]).out.lines().count(), 16);
    project.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
}

#[test]
fn a_serial_that_nothing_tells_of_is_said_to_be_lost() {
    let project = Project::with(&[("main.hcl", TWENTY)]);
    project.ok(&["apply", "--auto-approve"]);
    project.edit("main.hcl", "20", "10");
    project.ok(&["apply", "--auto-approve"]);
    project.ok(&["state", "restore", "1", "--auto-approve"]);
    put(&kept(&project, "state.json"), "");
    // What was put back is there a second time.
    project.mlo(&["state", "repair"]).has(&["No object is lost"]);
    std::fs::remove_file(kept(&project, "history/state-3.json")).unwrap();
    project
        .mlo(&["state", "repair"])
        .ends_with(1)
        .has(&[
            "Lost: what serial 3 holds, which no journal tells of, as when `mlo state push`, `restore` or `import-terraform` wrote it.",
            "Objects may exist that are known by nothing but what is lost",
        ])
        .has_not(&["No object is lost"]);
}

#[test]
fn history_and_diff_of_a_damaged_state_say_that_it_is() {
    let words = |project: &Project, words: &str, arguments: &[&str]| -> Said {
        said(project.command(arguments).env("MLO_STATE_PASSPHRASE", words))
    };
    let project = Project::with(&[("main.hcl", TWENTY)]);
    project.ok(&["apply", "--auto-approve"]);
    put(&kept(&project, "state.json"), "");
    let sealed = Project::with(&[("main.hcl", TWENTY)]);
    words(&sealed, "correct horse battery", &["apply", "--auto-approve"]).ends_with(0);
    for command in [&["state", "history"][..], &["state", "diff", "1"], &["state", "restore", "1"]] {
        project
            .mlo(command)
            .ends_with(1)
            .has(&["MLO6002", "it is empty"])
            .has_not(&["There is no state yet"]);
        sealed.mlo(command).ends_with(1).has(&["MLO6012"]).has_not(&["There is no state yet"]);
    }
    words(&sealed, "correct horse battery", &["state", "diff", "1"]).ends_with(0);
}

#[test]
fn verify_tells_of_a_broken_marker_and_of_a_history_that_is_gone() {
    let project = Project::with(&[("main.hcl", TWENTY)]);
    for count in ["20", "10"] {
        project.edit("main.hcl", "20", count);
        project.ok(&["apply", "--auto-approve"]);
    }
    project.ok(&["state", "verify"]).has_not(&["! ", "✗"]);
    let marker = kept(&project, "lineage");
    let whole = std::fs::read(&marker).unwrap();
    put(&marker, &whole[..20]);
    project.mlo(&["state", "verify"]).ends_with(1).has(&["✗ the marker: ", "it is cut short", "MLO6002"]);
    project.ok(&["state", "repair", "--auto-approve"]).has(&["No object is lost"]);
    project.ok(&["state", "verify"]).has_not(&["✗"]);

    project.edit("main.hcl", "10", "5");
    project.ok(&["apply", "--auto-approve"]);
    std::fs::remove_dir_all(kept(&project, "history")).unwrap();
    project.ok(&["state", "verify"]).has(&["! serial 3: it is gone, though serial 4 followed it"]);
}

/// Things that are made at once, each known by a file.
const THINGS: &str = r#"
resource "local_command" "thing" {
  count  = 8
  create = ["sh", "-c", "touch \"world/$MLO_TOKEN\"; sleep 2; echo \"$MLO_TOKEN\""]
  find   = ["sh", "-c", "test -f \"world/$MLO_TOKEN\" && echo \"$MLO_TOKEN\""]
  read   = ["sh", "-c", "test -f \"world/$MLO_ID\""]
  delete = ["sh", "-c", "rm \"world/$MLO_ID\""]
}
"#;

#[test]
fn what_was_begun_in_a_line_that_is_damaged_is_made_no_second_time() {
    let project = Project::with(&[("main.hcl", THINGS)]);
    let world = project.path().join("world");
    std::fs::create_dir(&world).unwrap();
    let made = || std::fs::read_dir(&world).unwrap().count();
    let mut apply = project.command(&["apply", "--auto-approve", "--parallelism", "8"]);
    let mut child = apply.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while made() < 8 {
        assert_eq!(child.try_wait().unwrap(), None, "it goes on until all are made");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();

    let journal = kept(&project, "journal");
    let bytes = std::fs::read(&journal).unwrap();
    let second = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 40;
    flip(&journal, second);
    project.mlo(&["plan"]).ends_with(1).has(&["MLO6002", "mlo state repair"]);
    project.mlo(&["state", "repair"]).ends_with(1).has(&[
        "with 8 changes whose outcome is not known.",
        "Lost: 1 damaged line of the journal after serial 0.",
        "Objects may exist that are known by nothing but what is lost",
    ]);
    project.ok(&["state", "repair", "--auto-approve"]);
    project.ok(&["apply", "--auto-approve"]).has(&["an earlier run was cut off"]);
    assert_eq!((made(), project.ok(&["state", "list"]).out.lines().count()), (8, 8));
}
