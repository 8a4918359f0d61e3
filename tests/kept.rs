//! What is kept beside the present state: listed, compared, checked, put back; and a damaged state, told and made again.

use crate::support::{Project, Said, said};
use std::os::unix::fs::symlink;
use std::path::Path;

const MAIN: &str = r#"
variable "password" {
  type      = string
  sensitive = true
}
variable "round" {
  type    = number
  default = 1
}
resource "terraform_data" "a" { input = { password = var.password, round = var.round } }
resource "terraform_data" "b" {
  count = var.round > 1 ? 1 : 0
  input = "b"
}
output "round" { value = var.round }
"#;

const STATE: &str = ".mlo/state/default";

fn run(project: &Project, arguments: &[&str]) -> Said {
    let said = said(project.command(arguments).env("MLO_VAR_password", "hunter2-and-more"));
    said.has_not(&["hunter2"]);
    said
}

/// Three serials: one object, two objects, one of them changed.
fn project() -> Project {
    let project = Project::with(&[("main.hcl", MAIN)]);
    for round in ["round=1", "round=2", "round=3"] {
        run(&project, &["apply", "--auto-approve", "--var", round]).ends_with(0);
    }
    project
}

#[test]
fn serials_are_listed_and_compared_and_secrets_are_masked() {
    let project = project();
    let listed = run(&project, &["state", "history"]);
    listed.ends_with(0).has(&["SERIAL  RUN BEGAN", "apply", "file."]);
    let serials: Vec<_> =
        listed.out.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(serials, ["3", "2", "1"]);
    run(&project, &["state", "diff", "1", "2"]).ends_with(0).has(&[
        "# terraform_data.a is different",
        "# terraform_data.b[0] is new",
        "+ resource \"terraform_data\" \"b\" {",
        "~ round = 1 -> 2",
        "From serial 1 to serial 2: 1 new, 1 different, 0 gone.",
    ]);
    run(&project, &["state", "diff", "3", "1"])
        .ends_with(0)
        .has(&["# terraform_data.b[0] is not in it any more"]);
    run(&project, &["state", "diff", "3"])
        .ends_with(0)
        .has(&["From serial 3 to serial 3: 0 new, 0 different, 0 gone."]);
    run(&project, &["state", "diff", "9"]).ends_with(1).has(&[
        "MLO6015",
        "serial 9 is not kept",
        "these are: 3, 2, 1",
    ]);
    run(&project, &["state", "verify"]).ends_with(0).has(&[
        "✓ the state and its journal: serial 3, 2 objects",
        "✓ serial 1: 1 object, sealed with `file.",
    ]);
    let nothing = Project::new();
    for command in ["history", "verify"] {
        nothing.ok(&["state", command]).has(&["There is no state yet"]);
    }
    nothing.mlo(&["state", "diff", "1"]).ends_with(1).has(&["serial 1 is not kept"]);
}

#[test]
fn an_earlier_serial_is_written_again_as_a_new_one() {
    let project = project();
    run(&project, &["state", "restore", "1"]).ends_with(1).has(&[
        "# terraform_data.b[0] is not in it any more",
        "What is not in serial 1 is forgotten, and not destroyed.",
        "nobody can be asked",
        "--auto-approve",
    ]);
    assert_eq!(run(&project, &["state", "list"]).out.lines().count(), 2, "nothing was changed");
    run(&project, &["state", "restore", "1", "--auto-approve"])
        .ends_with(0)
        .has(&["From serial 3 to serial 4:"]);
    assert_eq!(run(&project, &["state", "list"]).out, "terraform_data.a\n");
    run(&project, &["state", "history"]).ends_with(0).has(&["     4  ", "state restore"]);
    run(&project, &["plan", "--var", "round=1"]).ends_with(0).has(&["No changes."]);
    run(&project, &["state", "verify"]).ends_with(0);
}

#[test]
fn a_damaged_state_is_made_again_and_nothing_is_written_before_that_is_wanted() {
    let project = project();
    run(&project, &["state", "repair"]).ends_with(0).has(&["there is nothing to repair"]);
    let state = project.path().join(STATE).join("state.json");
    put(&state, "");
    run(&project, &["plan"]).ends_with(1).has(&["MLO6002", "it is empty", "mlo state repair"]);
    run(&project, &["state", "verify"]).ends_with(1).has(&[
        "✗ the state and its journal",
        "it is empty",
        "✓ serial 2",
        "MLO6002",
    ]);
    run(&project, &["state", "history"]).ends_with(1).has(&["     2  ", "MLO6002", "it is empty"]);
    let asked = run(&project, &["state", "repair"]);
    asked.ends_with(1).has(&[
        "state.json is damaged: it is empty",
        "~ round = 2 -> 3",
        "Serial 4 would be made of serial 2 and",
        "No object is lost that a journal knew of.",
        "nobody can be asked",
    ]);
    assert_eq!(std::fs::read(&state).unwrap(), b"");
    run(&project, &["state", "repair", "--auto-approve"]).ends_with(0).has(&["The state is repaired."]);
    // Outputs are made anew by the next apply; no object is touched by it.
    run(&project, &["plan", "--var", "round=3"]).ends_with(0).has(&["changes no object"]);
    run(&project, &["state", "history"]).ends_with(0).has(&["     4  ", "state repair"]);
    assert!(project.path().join(STATE).join("state.json.damaged-1").is_file());
    run(&project, &["apply", "--auto-approve", "--var", "round=1"]).ends_with(0);
    run(&project, &["state", "verify"]).ends_with(0);
}

#[test]
fn where_a_key_is_not_to_be_had_nothing_is_repaired_and_that_is_the_answer() {
    let project = Project::with(&[("main.hcl", "resource \"terraform_data\" \"a\" { input = 1 }\n")]);
    let words = |words: &str, arguments: &[&str]| {
        let mut command = project.command(arguments);
        said(if words.is_empty() { &mut command } else { command.env("MLO_STATE_PASSPHRASE", words) })
    };
    let (right, wrong) = ("correct horse battery", "staple battery horse");
    for _ in 0..2 {
        words(right, &["apply", "--auto-approve", "--replace", "terraform_data.a"]).ends_with(0);
    }
    let dir = project.path().join(STATE);
    put(&dir.join("state.json"), "");
    let before = std::fs::read_dir(&dir).unwrap().count();
    for (given, says) in [("", "no such key is configured"), (wrong, "does not open it")] {
        words(given, &["state", "repair", "--auto-approve"])
            .ends_with(1)
            .has(&["MLO6012", says, "Whether it is damaged cannot be told: nothing was repaired", "help: "])
            .has_not(&["bring a backup back", "The state is repaired"]);
        assert_eq!(std::fs::read(dir.join("state.json")).unwrap(), b"");
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), before);
        words(given, &["state", "verify"]).ends_with(6).has(&[
            "MLO6012",
            "2 of 2 parts of the state cannot be read: whether they are whole cannot be told",
        ]);
    }
    words(right, &["state", "repair", "--auto-approve"]).ends_with(0).has(&["The state is repaired."]);
    words(right, &["plan"]).ends_with(0).has(&["No changes."]);
}

/// A run by somebody who is not the owner of what root's tests made, or of files that nobody may read.
#[cfg(target_os = "linux")]
fn by_another(project: &Project, arguments: &[&str]) -> std::process::Command {
    let mut command = project.command(arguments);
    if rustix::process::geteuid().is_root() {
        std::os::unix::process::CommandExt::uid(&mut command, NOBODY);
    }
    command
}

/// Who owns nothing.
#[cfg(target_os = "linux")]
const NOBODY: u32 = 65_534;

#[test]
#[cfg(target_os = "linux")]
fn what_may_not_be_read_is_said_and_not_repaired() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = Project::with(&[("main.hcl", "resource \"terraform_data\" \"a\" { input = 1 }\n")]);
    if let Err(error) = by_another(&project, &["version"]).output() {
        eprintln!("nobody else may run the program here: {error}");
        return;
    }
    for _ in 0..2 {
        project.ok(&["apply", "--auto-approve", "--replace", "terraform_data.a"]);
    }
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let dir = project.path().join(STATE);
    for folder in [project.path(), &dir, &dir.join(".."), &dir.join("../.."), &dir.join("history")] {
        mode(folder, 0o777);
    }
    let files = [
        ".gitignore",
        "state/default/journal",
        "state/default/lineage",
        "state/default/history/state-1.json",
    ];
    for file in files {
        mode(&project.path().join(".mlo").join(file), 0o666);
    }
    let is_root = rustix::process::geteuid().is_root();
    let (open, closed) = (0o666, if is_root { 0o600 } else { 0o000 });
    for (name, commands) in [
        ("lock", &[&["apply", "--auto-approve"][..], &["force-unlock", "--force"], &["state", "repair"]][..]),
        (
            "state.json",
            &[&["plan"], &["state", "list"], &["state", "history"], &["state", "repair", "--auto-approve"]],
        ),
    ] {
        mode(&dir.join("lock"), open);
        mode(&dir.join("state.json"), open);
        mode(&dir.join(name), closed);
        for command in commands {
            said(&mut by_another(&project, command)).ends_with(1).has(&[
                "MLO6007",
                &format!("{name} may not be opened: Permission denied"),
                "run as the user who applied here before, or give it to yourself with `chown -R`",
            ]);
        }
    }
    said(&mut by_another(&project, &["state", "verify"]))
        .ends_with(6)
        .has(&["whether they are whole cannot be told"]);
    mode(&dir.join("state.json"), open);
    project.ok(&["plan"]).has(&["No changes."]);
}

#[test]
fn the_state_is_sealed_with_another_key_on_request() {
    let project =
        Project::with(&[("main.hcl", "resource \"terraform_data\" \"a\" { input = \"hunter2\" }\n")]);
    project.ok(&["apply", "--auto-approve"]);
    project.mlo(&["state", "rekey"]).ends_with(1).has(&[
        "MLO6013",
        "no key is configured",
        "MLO_STATE_PASSPHRASE",
    ]);
    let words = |arguments: &[&str]| {
        said(project.command(arguments).env("MLO_STATE_PASSPHRASE", "correct horse battery"))
    };
    words(&["state", "rekey"]).ends_with(1).has(&["MLO6012"]);
    words(&["state", "rekey", "--from-clear", "--auto-approve"]).ends_with(0).has(&[
        "The state is sealed with `passphrase.environment` from serial 2 on,",
        "and so is what is kept of earlier serials",
    ]);
    words(&["state", "history"]).ends_with(0).has(&["state rekey", "passphrase.environment"]);
    words(&["plan"]).ends_with(0).has(&["No changes."]);
    project.mlo(&["plan"]).ends_with(1).has(&["MLO6012"]);
}

/// What is done to the folder of a state, and what is said.
type Row = (&'static str, Damage, &'static [&'static str]);

/// A change in the folder of a state.
type Damage = fn(&Path);

#[expect(clippy::disallowed_methods, reason = "what is damaged need not be durable")]
fn put(path: &Path, bytes: impl AsRef<[u8]>) {
    std::fs::write(path, bytes).unwrap();
}

fn edit(dir: &Path, name: &str, change: impl FnOnce(String) -> String) {
    let text = std::fs::read_to_string(dir.join(name)).unwrap();
    put(&dir.join(name), change(text));
}

fn instead(dir: &Path, name: &str, make: impl FnOnce(&Path)) {
    std::fs::remove_file(dir.join(name)).unwrap();
    make(&dir.join(name));
}

fn duplicate(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap();
}

fn pipe(path: &Path) {
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
}

/// The state with a change and a digest that fits it again.
fn edit_and_digest(dir: &Path, change: impl FnOnce(String) -> String) {
    use sha2::{Digest as _, Sha256};
    edit(dir, "state.json", |text| {
        let content = change(text.split("\"digest\"").next().unwrap().to_owned());
        let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(&content));
        format!("{content}\"digest\":\"sha256:{digest}\"}}\n")
    });
}

const NEWER: &str = "{\"format_version\":77,\"mlo_version\":\"9.1.0\"}";
const NEWER_JOURNAL: &str = "00000033 45e2e843 {\"journal_format_version\":77,\"mlo_version\":\"9.1.0\"}\n";
const DAMAGES: &[Row] = &[
    ("an empty state", |dir| put(&dir.join("state.json"), ""), &["MLO6002", "it is empty"]),
    (
        "a short state",
        |dir| edit(dir, "state.json", |text| text[..text.len() / 2].to_owned()),
        &["MLO6002", "it is cut short"],
    ),
    (
        "a flipped bit",
        |dir| edit(dir, "state.json", |text| text.replacen("\"one\"", "\"ona\"", 1)),
        &["MLO6002", "does not match its digest"],
    ),
    (
        "an edited state with a digest that fits",
        |dir| edit_and_digest(dir, |text| text.replacen("\"one\"", "\"two\"", 1)),
        &["MLO6002", "it was edited, or put there from elsewhere"],
    ),
    (
        "an instance taken out",
        |dir| edit_and_digest(dir, |text| text.replacen("terraform_data.b", "terraform_data.x", 1)),
        &["MLO6002", "it was edited"],
    ),
    (
        "a state of a newer version",
        |dir| put(&dir.join("state.json"), NEWER),
        &["MLO6004", "has format 77, and this program reads up to 1", "mlo 9.1.0"],
    ),
    (
        "a sealed state of a newer version",
        |dir| put(&dir.join("state.json"), "{\"sealed_version\":9,\"mlo_version\":\"9.1.0\"}\n"),
        &["MLO6004", "has format 9, and this program reads up to 2"],
    ),
    (
        "a state of something else",
        |dir| edit_and_digest(dir, |text| text.replacen("\"lineage\":\"", "\"lineage\":\"x", 1)),
        &["MLO6005", "this is the state of something else"],
    ),
    (
        "an older state",
        |dir| duplicate(&dir.join("history/state-1.json"), &dir.join("state.json")),
        &["MLO6002", "an older state was put back"],
    ),
    (
        "a state that is gone",
        |dir| std::fs::remove_file(dir.join("state.json")).unwrap(),
        &["MLO6003", "is missing, but state was kept here before"],
    ),
    (
        "a folder in its place",
        |dir| instead(dir, "state.json", |path| std::fs::create_dir(path).unwrap()),
        &["MLO6007", "it is not a plain file"],
    ),
    (
        "a link in its place",
        |dir| instead(dir, "state.json", |path| symlink("journal", path).unwrap()),
        &["MLO6007", "it is a symbolic link"],
    ),
    ("a pipe in its place", |dir| instead(dir, "state.json", pipe), &["MLO6007", "it is not a plain file"]),
    (
        "an empty journal",
        |dir| put(&dir.join("journal"), ""),
        &["MLO6002", "journal is damaged: it is empty"],
    ),
    (
        "a short journal",
        |dir| edit(dir, "journal", |text| text[..10].to_owned()),
        &["MLO6002", "its first line is damaged"],
    ),
    (
        "an edited journal",
        |dir| edit(dir, "journal", |text| text.replacen("base_serial\":2", "base_serial\":1", 1)),
        &["MLO6002", "its first line is damaged"],
    ),
    (
        "a journal of a newer version",
        |dir| put(&dir.join("journal"), NEWER_JOURNAL),
        &["MLO6004", "journal has format 77, and this program reads up to 1", "mlo 9.1.0"],
    ),
    (
        "a journal that is gone",
        |dir| std::fs::remove_file(dir.join("journal")).unwrap(),
        &["MLO6003", "journal is missing"],
    ),
    (
        "a folder in the journal's place",
        |dir| instead(dir, "journal", |path| std::fs::create_dir(path).unwrap()),
        &["MLO6007", "journal may not be opened: it is not a plain file"],
    ),
    (
        "a link in the journal's place",
        |dir| instead(dir, "journal", |path| symlink("state.json", path).unwrap()),
        &["MLO6007", "it is a symbolic link"],
    ),
    (
        "a pipe in the journal's place",
        |dir| instead(dir, "journal", pipe),
        &["MLO6007", "it is not a plain file"],
    ),
    (
        "a marker that is gone",
        |dir| std::fs::remove_file(dir.join("lineage")).unwrap(),
        &["MLO6003", "lineage is missing, but state was kept here before", "mlo state repair"],
    ),
    (
        "a folder in the marker's place",
        |dir| instead(dir, "lineage", |path| std::fs::create_dir(path).unwrap()),
        &["MLO6007", "lineage may not be opened"],
    ),
    (
        "a link in the marker's place",
        |dir| instead(dir, "lineage", |path| symlink("journal", path).unwrap()),
        &["MLO6007", "it is a symbolic link"],
    ),
    (
        "a pipe in the marker's place",
        |dir| instead(dir, "lineage", pipe),
        &["MLO6007", "it is not a plain file"],
    ),
    (
        "a marker of something else",
        |dir| edit(dir, "lineage", |text| text.replacen("\"lineage\":\"", "\"lineage\":\"x", 1)),
        &["MLO6005", "this is the state of something else"],
    ),
    (
        "a marker of a later serial",
        |dir| edit(dir, "lineage", |text| text.replacen("\"serial\":2", "\"serial\":8", 1)),
        &["MLO6002", "serial 8 was written before"],
    ),
    (
        "a marker of another state of this serial",
        |dir| edit(dir, "lineage", |text| text.replacen("\"digest\":\"", "\"digest\":\"0", 1)),
        &["MLO6002", "put there from elsewhere"],
    ),
    (
        "the state as a plan",
        |dir| duplicate(&dir.join("lineage"), &dir.join("state.json")),
        &["MLO6002", "it is no file of this kind"],
    ),
];

#[test]
fn each_damage_of_a_state_is_told_by_its_message_and_its_code_and_never_passed_over() {
    let sound = Project::with(&[(
        "main.hcl",
        "resource \"terraform_data\" \"a\" { input = \"one\" }\nresource \"terraform_data\" \"b\" { count = 2 }\n",
    )]);
    sound.ok(&["apply", "--auto-approve"]);
    sound.edit("main.hcl", "count = 2", "count = 1");
    sound.ok(&["apply", "--auto-approve"]);
    for (what, damage, says) in DAMAGES {
        let project = Project::with(&[("main.hcl", &sound.read("main.hcl"))]);
        copy(&sound.path().join(".mlo"), &project.path().join(".mlo"));
        let dir = project.path().join(STATE);
        damage(&dir);
        for arguments in [&["plan"][..], &["state", "list"], &["apply", "--auto-approve"]] {
            let said = project.mlo(arguments);
            assert_eq!(said.code, 1, "{what}: {}", said.all());
            said.has(says).has(&["help: "]);
            said.has_not(&[
                "force-unlock",
                "will be created",
                "No changes",
                "lock=false",
                &*project.path().to_string_lossy(),
            ]);
        }
        // What can be repaired is, by the command that the messages name.
        if said_repairs(&project) {
            project.ok(&["state", "repair", "--auto-approve"]);
            project.ok(&["state", "list"]).has(&["terraform_data.a"]);
        }
    }
}

fn said_repairs(project: &Project) -> bool {
    project.mlo(&["plan"]).all().contains("mlo state repair")
}

#[test]
fn each_damage_of_a_lock_or_a_plan_is_told_too() {
    let project = Project::with(&[("main.hcl", "resource \"terraform_data\" \"a\" { input = \"one\" }\n")]);
    project.ok(&["apply", "--auto-approve"]);
    let dir = project.path().join(STATE);
    let places: [(&str, Damage); 3] = [
        ("Is a directory", |path| std::fs::create_dir(path).unwrap()),
        ("it is a symbolic link", |path| symlink("journal", path).unwrap()),
        ("it is not a plain file", pipe),
    ];
    for (says, make) in places {
        instead(&dir, "lock", make);
        project
            .mlo(&["apply", "--auto-approve"])
            .ends_with(1)
            .has(&["MLO6007", "lock", says, "help: "])
            .has_not(&["force-unlock"]);
        let lock = dir.join("lock");
        if lock.is_dir() {
            std::fs::remove_dir(lock).unwrap();
        } else {
            std::fs::remove_file(lock).unwrap();
        }
        put(&dir.join("lock"), "");
    }
    project.edit("main.hcl", "one", "two");
    project.ok(&["plan", "--out", "p.plan"]);
    let plan = std::fs::read(project.path().join("p.plan")).unwrap();
    for (bytes, says) in [
        (Vec::new(), "it is not a plan file"),
        (plan[..plan.len() / 2].to_vec(), "it is cut short"),
        (
            String::from_utf8(plan.clone()).unwrap().replacen("two", "six", 1).into_bytes(),
            "it does not fit its digest",
        ),
        (b"hello".to_vec(), "it is not a plan file"),
        (b"{\"format_version\":8,\"what\":\"ever\"}".to_vec(), "and this program reads up to 1"),
        (
            b"{\"sealed_version\":9,\"mlo_version\":\"9.1.0\"}\n".to_vec(),
            "format 9 is newer than the 2 that this program reads",
        ),
        (std::fs::read(dir.join("state.json")).unwrap(), "p.plan"),
    ] {
        project.write("p.plan", &bytes);
        for command in ["apply", "show"] {
            project.mlo(&[command, "p.plan"]).ends_with(1).has(&[says, "help: "]);
        }
    }
    std::fs::remove_file(project.path().join("p.plan")).unwrap();
    project.mlo(&["apply", "p.plan"]).ends_with(1).has(&["p.plan"]);
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            duplicate(&entry.path(), &target);
        }
    }
}
