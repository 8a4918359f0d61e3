//! `mlo fmt`: what is written, listed, shown and answered. The pairs in `tests/cases/fmt` were made with Terraform.

use super::support::{Project, Said, fed, repository};

/// Runs `mlo fmt -` and more with a text as its standard input.
fn piped(arguments: &[&str], text: &str) -> Said {
    let project = Project::new();
    fed(&mut project.command(&[&["fmt", "-"], arguments].concat()), text)
}

#[test]
fn files_become_what_terraform_makes_of_them() {
    let cases = repository().join("tests/cases/fmt");
    let mut count = 0;
    for entry in std::fs::read_dir(&cases).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_some_and(|extension| extension == "before") {
            count += 1;
            let project = Project::with(&[("main.tf", &std::fs::read_to_string(&path).unwrap())]);
            project.ok(&["fmt"]);
            let after = std::fs::read_to_string(cases.join(format!("{name}.after"))).unwrap();
            assert_eq!(project.read("main.tf"), after, "{name}");
            assert_eq!(project.ok(&["fmt"]).out, "", "{name} is laid out once and for all");
        }
    }
    assert!(count >= 6, "{count} cases");
}

#[test]
fn files_are_rewritten_and_listed() {
    let project = Project::with(&[
        ("b.tf", "a=1\n"),
        ("a.hcl", "a=1\n"),
        ("done.tfvars", "a = 1\n"),
        ("x.tftest.hcl", "a=1\n"),
        ("notes.txt", "a=1\n"),
        (".hidden.tf", "a=1\n"),
        ("#edited.tf#", "a=1\n"),
        ("deep/er/c.tfvars", "a=1\n"),
        (".git/d.tf", "a=1\n"),
    ]);
    assert_eq!(project.ok(&["fmt"]).out, "a.hcl\nb.tf\nx.tftest.hcl\n");
    assert_eq!(project.read("b.tf"), "a = 1\n");
    assert_eq!(project.ok(&["fmt", "--recursive"]).out, "deep/er/c.tfvars\n");
    for left in ["notes.txt", ".hidden.tf", "#edited.tf#", ".git/d.tf"] {
        assert_eq!(project.read(left), "a=1\n", "{left}");
    }
    project.write("deep/er/c.tfvars", "a=1\n");
    assert_eq!(project.ok(&["fmt", "--list=false", "deep/er", "b.tf"]).out, "");
    assert_eq!(project.read("deep/er/c.tfvars"), "a = 1\n");
}

#[test]
fn a_check_writes_nothing_and_answers_by_its_exit_code() {
    let project = Project::with(&[("main.tf", "a=1\n")]);
    let said = project.mlo(&["fmt", "--check"]);
    said.ends_with(3);
    assert_eq!((said.out.as_str(), project.read("main.tf").as_str()), ("main.tf\n", "a=1\n"));
    let said = project.mlo(&["fmt", "--check", "--diff"]);
    said.ends_with(3);
    assert_eq!(said.out, "main.tf\n--- old/main.tf\n+++ new/main.tf\n@@ -1 +1 @@\n-a=1\n+a = 1\n");
    let said = project.mlo(&["fmt", "--write=false"]);
    assert_eq!((said.code, said.out.as_str(), project.read("main.tf").as_str()), (0, "main.tf\n", "a=1\n"));
    let said = project.mlo(&["fmt", "--write=false", "--list=false"]);
    assert_eq!((said.code, said.out.as_str()), (0, "a = 1\n"));
    project.ok(&["fmt"]);
    assert_eq!(project.ok(&["fmt", "--check"]).out, "");
}

#[test]
fn standard_input_goes_to_standard_output() {
    assert_eq!(piped(&[], "a=1\n").out, "a = 1\n");
    assert_eq!(piped(&[], "a=1").out, "a = 1\n");
    assert_eq!(piped(&[], "").out, "");
    assert_eq!(piped(&[], "a = \"\u{1b}[31m\"\n").out, "a = \"\u{1b}[31m\"\n");
    let said = piped(&["--check"], "a=1\n");
    assert_eq!((said.code, said.out.as_str()), (3, ""));
    assert_eq!(piped(&["--check"], "a = 1\n").code, 0);
    let said = piped(&["--diff"], "a=1\n");
    assert_eq!(said.out, "--- old/<stdin>\n+++ new/<stdin>\n@@ -1 +1 @@\n-a=1\n+a = 1\n");
    piped(&[], "a=\n").ends_with(1).has(&["<stdin>:1:1", "no value"]);
    piped(&["main.tf"], "a=1\n").ends_with(1).has(&["`-`"]);
}

#[test]
fn what_cannot_be_read_is_left_as_it_is() {
    let project = Project::with(&[("bad.tf", "a=1\nb = [\n"), ("good.tf", "a=1\n"), ("notes.txt", "")]);
    project.write("bytes.tf", b"a=\"\xff\"\n");
    let said = project.mlo(&["fmt"]);
    said.ends_with(1).has(&["bad.tf:3:1", "bytes.tf:1:4", "0xff"]);
    assert_eq!(said.out, "good.tf\n");
    assert_eq!(project.read("bad.tf"), "a=1\nb = [\n");
    project.mlo(&["fmt", "notes.txt"]).ends_with(1).has(&["notes.txt", ".tfvars"]);
    project.mlo(&["fmt", "nowhere"]).ends_with(1).has(&["nowhere"]);
}

#[cfg(unix)]
#[test]
fn a_file_keeps_its_mode_and_a_link_stays_a_link() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let project = Project::with(&[("real/main.tf", "a=1\n")]);
    let real = project.path().join("real/main.tf");
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&real, project.path().join("main.tf")).unwrap();
    symlink(project.path().join("pipe"), project.path().join("pipe.tf")).unwrap();
    project.mlo(&["fmt"]).ends_with(1).has(&["pipe.tf"]);
    assert_eq!(project.read("real/main.tf"), "a = 1\n");
    assert!(project.path().join("main.tf").is_symlink());
    assert_eq!(real.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(std::fs::read_dir(real.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
}
