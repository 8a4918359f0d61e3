//! What an earlier version wrote is read for ever: a state and its journal, in clear and sealed, and a saved plan. What a later
//! version wrote is refused with both versions: see the damages in `kept`.

use crate::kept::copy;
use crate::support::{Project, repository, said};

const MAIN: &str = "resource \"terraform_data\" \"a\" {\n  count = 2\n  input = \"kept for ever\"\n}\noutput \"words\" { value = terraform_data.a[0].output }\n";

#[test]
fn what_each_format_holds_is_read() {
    // Sealed twice: the second envelope wraps a data key for its file alone.
    for (format, kind, serials) in
        [("formats-1", "clear", 1), ("formats-1", "sealed", 2), ("formats-2", "sealed", 2)]
    {
        let project = Project::with(&[("main.hcl", MAIN)]);
        copy(
            &repository().join("tests/cases").join(format).join(kind),
            &project.path().join(".mlo/state/default"),
        );
        let run = |arguments: &[&str]| {
            let mut command = project.command(arguments);
            if kind == "sealed" {
                command.env("MLO_STATE_PASSPHRASE", "correct horse battery");
            }
            said(&mut command)
        };
        run(&["state", "list"]).ends_with(0).has(&["terraform_data.a[0]\nterraform_data.a[1]\n"]);
        assert_eq!(run(&["output", "words", "--raw"]).out, "kept for ever");
        assert_eq!(run(&["state", "history"]).out.lines().count(), serials + 1, "{format} {kind}");
        if (format, kind) == ("formats-1", "sealed") {
            // Its first serial is from before there was a key.
            run(&["state", "rekey", "--from-clear", "--auto-approve"]).ends_with(0);
        }
        run(&["state", "verify"]).ends_with(0);
        // It is written on, and read again.
        run(&["taint", "terraform_data.a[1]"]).ends_with(0);
        run(&["plan"]).ends_with(0).has(&["Plan: 1 to add, 0 to change, 1 to destroy."]);
    }
}

#[test]
fn a_plan_that_is_sealed_is_shown() {
    let project = Project::new();
    project.write("p.plan", std::fs::read(repository().join("tests/cases/formats-2/p.plan")).unwrap());
    let words = ("MLO_STATE_PASSPHRASE", "correct horse battery");
    said(project.command(&["show", "p.plan"]).envs([words]))
        .ends_with(0)
        .has(&["# terraform_data.a[2] will be created", "Plan: 1 to add, 0 to change, 0 to destroy."]);
}

#[test]
fn a_plan_of_the_first_format_is_shown() {
    let project = Project::new();
    project.write("p.plan", std::fs::read(repository().join("tests/cases/formats-1/p.plan")).unwrap());
    project.ok(&["show", "p.plan"]).has(&[
        "# terraform_data.a[2] will be created",
        "+ input  = \"kept for ever\"",
        "Plan: 1 to add, 0 to change, 0 to destroy.",
    ]);
}
