//! Encryption at rest: what mlo writes is sealed with the keys that it is given, opens with them, and says which is missing.

use crate::support::{Project, Said, said};
use std::path::Path;

/// Stands in every secret.
const CANARY: &str = "hunter2";
const WORDS: &str = "correct horse battery";
const OTHER_WORDS: &str = "staple battery horse";
const IDENTITY: &str = "AGE-SECRET-KEY-1P9AEFCCS3NLV8LN5RJ4H84A7CWMY2HD39H9C02DVRZ5SEU62CR8SSV0DTV";
const RECIPIENT: &str = "age1tad82cej0a5966j7zyz05zzlejsxftl69qh3kvf5k2w8t5ktdfgq9lt6ch";

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
output "password" {
  value     = var.password
  sensitive = true
}
"#;

fn project(encryption: &str) -> Project {
    Project::with(&[("main.hcl", &format!("{MAIN}\n{encryption}"))])
}

/// Runs the program with these variables in its environment.
fn run(project: &Project, environment: &[(&str, &str)], arguments: &[&str]) -> Said {
    let said = said(project.command(arguments).envs(environment.iter().copied()));
    said.has_not(&[WORDS, OTHER_WORDS, IDENTITY]);
    said
}

const PASSWORD: (&str, &str) = ("MLO_VAR_password", "hunter2-and-more");
const PASSPHRASE: (&str, &str) = ("MLO_STATE_PASSPHRASE", WORDS);

/// Asserts that no file below a folder has a text in it.
#[track_caller]
fn nowhere(folder: &Path, text: &str) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            nowhere(&entry.path(), text);
        } else {
            let bytes = std::fs::read(entry.path()).unwrap();
            let holds = bytes.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!holds, "`{text}` is in {}", entry.path().display());
        }
    }
}

/// The first line of the state's file.
fn head(project: &Project) -> String {
    let bytes = std::fs::read(project.path().join(".mlo/state/default/state.json")).unwrap();
    String::from_utf8_lossy(bytes.split(|byte| *byte == b'\n').next().unwrap()).into_owned()
}

#[test]
fn a_passphrase_of_the_environment_seals_all_that_is_kept() {
    let project = project("");
    let both = [PASSWORD, PASSPHRASE];
    run(&project, &both, &["apply", "--auto-approve"]).ends_with(0).has_not(&["MLO6014"]);
    run(&project, &both, &["apply", "--auto-approve", "--var", "round=2"]).ends_with(0);
    nowhere(&project.path().join(".mlo"), CANARY);
    nowhere(&project.path().join(".mlo"), "terraform_data");
    assert!(head(&project).contains("\"serial\":2") && head(&project).contains("\"key\":\"environment\""));
    let only = [PASSPHRASE];
    assert_eq!(run(&project, &only, &["output", "password", "--raw"]).out, "hunter2-and-more");
    run(&project, &only, &["state", "list"]).ends_with(0).has(&["terraform_data.a"]);
    run(&project, &only, &["taint", "terraform_data.a"]).ends_with(0);
    nowhere(&project.path().join(".mlo"), CANARY);

    let needed = "it is sealed with the key `passphrase.environment`";
    for arguments in [
        &["plan"][..],
        &["show"],
        &["output"],
        &["state", "list"],
        &["apply", "--auto-approve"],
        &["state", "pull"],
    ] {
        run(&project, &[PASSWORD], arguments).ends_with(1).has(&[
            "MLO6012",
            needed,
            "set `MLO_STATE_PASSPHRASE`",
        ]);
        let wrong = [PASSWORD, ("MLO_STATE_PASSPHRASE", OTHER_WORDS)];
        run(&project, &wrong, arguments)
            .ends_with(1)
            .has(&["MLO6012", "the passphrase that is given does not open it"]);
    }
    run(&project, &[PASSWORD, ("MLO_STATE_PASSPHRASE", "short")], &["plan"])
        .ends_with(1)
        .has(&["MLO6013", "at least 16 characters", "It is the one in `MLO_STATE_PASSPHRASE`."])
        .has_not(&["short\""]);
}

#[test]
fn keys_of_the_configuration_take_variables_and_the_first_one_writes() {
    let old = "mlo {\n  encryption {\n    key \"passphrase\" \"team\" { passphrase = var.words }\n  }\n}\nvariable \"words\" { sensitive = true }\n";
    let project = project(old);
    let words = [PASSWORD, ("MLO_VAR_words", WORDS)];
    run(&project, &words, &["apply", "--auto-approve"]).ends_with(0);
    assert!(head(&project).contains("\"key\":\"team\""));
    run(&project, &words, &["show"]).ends_with(0).has(&["terraform_data"]);
    // What only the state needs is said when it is needed.
    run(&project, &[PASSWORD], &["show"])
        .ends_with(1)
        .has(&["MLO6012", "it is sealed with the key `passphrase.team`, and variable `words` has no value"]);
    run(&project, &[PASSWORD], &["plan"]).ends_with(1).has(&["variable `words` has no value", "main.hcl"]);

    // A new key in front: it writes from now on, and the old one is needed once more.
    let new = "mlo {\n  encryption {\n    key \"age\" \"ci\" { recipients = [\"RECIPIENT\"] }\n    key \"passphrase\" \"team\" { passphrase = var.words }\n  }\n}\nvariable \"words\" { sensitive = true }\n";
    project.write("main.hcl", format!("{MAIN}{}", new.replace("RECIPIENT", RECIPIENT)));
    run(&project, &words, &["apply", "--auto-approve", "--var", "round=2"]).ends_with(0);
    assert!(head(&project).contains("\"key\":\"ci\""));
    run(&project, &words, &["show"])
        .ends_with(1)
        .has(&["`age.ci`, and no identity is given that could open it", "MLO_STATE_AGE_IDENTITY_FILE"]);
    project.write("id", format!("# created: today\n{IDENTITY}\n"));
    let identity = project.path().join("id");
    let file = ("MLO_STATE_AGE_IDENTITY_FILE", identity.to_str().unwrap());
    run(&project, &[file], &["output"]).ends_with(0);
    run(&project, &[("MLO_STATE_AGE_IDENTITY", IDENTITY)], &["output"]).ends_with(0);
    nowhere(&project.path().join(".mlo"), CANARY);
}

#[test]
fn without_a_key_one_is_made_for_what_is_sensitive_and_that_is_said_once() {
    let project = project("");
    let key = project.path().join(".mlo/key");
    run(&project, &[PASSWORD], &["apply", "--auto-approve"]).ends_with(0).has(&[
        "MLO6014",
        "sensitive values are sealed with a key that was made for it: `.mlo/key`",
        "keep a copy of it",
    ]);
    nowhere(&project.path().join(".mlo"), CANARY);
    let again = run(&project, &[PASSWORD], &["apply", "--auto-approve", "--var", "round=2"]);
    again.ends_with(0).has_not(&["MLO6014"]);
    std::fs::rename(&key, project.path().join("kept")).unwrap();
    run(&project, &[PASSWORD], &["plan"]).ends_with(1).has(&[
        "MLO6012",
        ".mlo/key is not there",
        "from a backup",
    ]);
    std::fs::rename(project.path().join("kept"), &key).unwrap();
    // With a passphrase it goes on, and the key in the file is needed no more.
    run(&project, &[PASSWORD, PASSPHRASE], &["apply", "--auto-approve", "--var", "round=3"]).ends_with(0);
    std::fs::remove_file(&key).unwrap();
    run(&project, &[PASSWORD, PASSPHRASE], &["plan", "--var", "round=3"]).ends_with(0).has(&["No changes."]);
    // Nothing sensitive, nothing sealed.
    let open = Project::with(&[("main.hcl", "resource \"terraform_data\" \"a\" { input = 1 }\n")]);
    open.ok(&["apply", "--auto-approve"]).has_not(&["MLO6014"]);
    assert!(open.read(".mlo/state/default/state.json").contains("terraform_data.a"));
    assert!(!open.path().join(".mlo/key").exists());
}

#[test]
fn what_is_in_clear_is_sealed_by_the_next_write_unless_it_is_refused() {
    let project = Project::with(&[("main.hcl", "resource \"terraform_data\" \"a\" { input = 1 }\n")]);
    project.ok(&["apply", "--auto-approve"]);
    project.write(
        "keys.hcl",
        "terraform {\n  encryption {\n    enforced = true\n    key \"passphrase\" \"team\" {}\n  }\n}\n",
    );
    let words = [("MLO_STATE_PASSPHRASE_TEAM", WORDS)];
    run(&project, &words, &["plan"])
        .ends_with(1)
        .has(&["MLO6012", "it is in clear, and the configuration takes only what is sealed"]);
    project.edit("keys.hcl", "    enforced = true\n", "");
    run(&project, &words, &["plan"]).ends_with(0).has(&["No changes."]);
    run(&project, &words, &["taint", "terraform_data.a"]).ends_with(0);
    run(&project, &words, &["apply", "--auto-approve"]).ends_with(0);
    project.edit("keys.hcl", "encryption {\n", "encryption {\n    enforced = true\n");
    run(&project, &words, &["plan"]).ends_with(0).has(&["No changes."]);
}

#[test]
fn a_saved_plan_is_sealed_and_keeps_what_was_given_for_sensitive_variables() {
    let project = project("");
    let both = [PASSWORD, PASSPHRASE];
    run(&project, &both, &["plan", "--out", "p.plan"]).ends_with(0);
    nowhere(project.path(), CANARY);
    let bytes = std::fs::read(project.path().join("p.plan")).unwrap();
    for (environment, says) in [
        (&[][..], "it is sealed with the key `passphrase.environment`, and no such key is configured"),
        (&[("MLO_STATE_PASSPHRASE", OTHER_WORDS)], "the passphrase that is given does not open it"),
    ] {
        for command in ["show", "apply"] {
            run(&project, environment, &[command, "p.plan"]).ends_with(1).has(&["MLO6012", "`p.plan`", says]);
        }
    }
    for at in (0..bytes.len()).step_by(bytes.len() / 9).chain([bytes.len() - 1]) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        project.write("changed.plan", changed);
        run(&project, &[PASSPHRASE], &["apply", "changed.plan"]).ends_with(1).has(&["changed.plan"]);
    }
    project.write("changed.plan", &bytes[..bytes.len() / 2]);
    run(&project, &[PASSPHRASE], &["apply", "changed.plan"]).ends_with(1).has(&["MLO3040"]);
    // The state is no plan, and a plan no state.
    run(&project, &[PASSPHRASE], &["show", "p.plan"])
        .ends_with(0)
        .has(&["(sensitive value)"])
        .has_not(&[CANARY]);
    // Nobody gives the password again.
    run(&project, &[PASSPHRASE], &["apply", "p.plan"]).ends_with(0).has(&["1 added"]).has_not(&[CANARY]);
    assert_eq!(run(&project, &[PASSPHRASE], &["output", "password", "--raw"]).out, "hunter2-and-more");
    nowhere(project.path(), CANARY);
    let state = std::fs::read(project.path().join(".mlo/state/default/state.json")).unwrap();
    project.write("state.plan", state);
    run(&project, &[PASSPHRASE], &["apply", "state.plan"]).ends_with(1).has(&["it is no file of this kind"]);
}

#[test]
fn the_state_of_another_project_is_opened_with_its_own_keys() {
    let project = Project::with(&[
        (
            "one/main.hcl",
            &format!("{MAIN}\nmlo {{\n  encryption {{\n    key \"passphrase\" \"one\" {{}}\n  }}\n}}\n"),
        ),
        (
            "two/main.hcl",
            "data \"mlo_state\" \"one\" { path = \"../one\" }\noutput \"p\" {\n  value = data.mlo_state.one.outputs.password\n  sensitive = true\n}\n",
        ),
    ]);
    let words = [PASSWORD, ("MLO_STATE_PASSPHRASE_ONE", WORDS)];
    run(&project, &words, &["apply", "one", "--auto-approve"]).ends_with(0);
    run(&project, &words, &["apply", "two", "--auto-approve"]).ends_with(0).has_not(&[CANARY]);
    run(&project, &[], &["plan", "two"]).ends_with(1).has(&["it is sealed with the key `passphrase.one`"]);
    nowhere(&project.path().join("two"), CANARY);
}

#[test]
fn what_is_wrong_with_a_key_is_said_where_it_stands() {
    for (block, says) in [
        ("key \"passphrase\" \"a\" { passphrase = \"short\" }", "a passphrase has at least 16 characters"),
        ("key \"passphrase\" \"a\" { passphrase = 12 }", "`passphrase` of a key is a text"),
        ("key \"passphrase\" \"a\" {}", "key `passphrase.a` has no passphrase"),
        ("key \"passphrase\" \"a\" { pasphrase = \"x\" }", "did you mean `passphrase`?"),
        ("key \"passphrase\" \"a\" { passphrase = terraform_data.a.id }", "`terraform_data.a` is not known"),
        ("key \"passphrase\" \"a\" { passphrase = var.nothing }", "nothing here is called `var.nothing`"),
        ("key \"pasphrase\" \"a\" {}", "did you mean `passphrase`?"),
        ("key \"passphrase\" {}", "block `key` has one label"),
        ("key \"age\" \"a\" { recipients = [\"age1x\"] }", "not recipients of age"),
        ("key \"age\" \"a\" { recipients = [] }", "not recipients of age"),
        ("key \"age\" \"a\" { identities = \"AGE-SECRET-KEY-1X\" }", "these are no identities of age"),
        ("", "block `encryption` has no key"),
        ("enforced = 1", "enforced"),
        ("method \"aes_gcm\" \"a\" {}", "method"),
    ] {
        let text = format!("{MAIN}\nmlo {{\n  encryption {{\n    {block}\n  }}\n}}\n");
        let project = Project::with(&[("main.hcl", &text)]);
        run(&project, &[PASSWORD], &["plan"]).ends_with(1).has(&[says, "main.hcl:"]);
    }
    let twice = "key \"passphrase\" \"a\" { passphrase = \"0123456789abcdef\" }\n";
    let text = format!("{MAIN}\nmlo {{\n  encryption {{\n    {twice}    {twice}  }}\n}}\n");
    let project = Project::with(&[("main.hcl", &text)]);
    run(&project, &[PASSWORD], &["plan"]).ends_with(1).has(&["key `passphrase.a` is there twice"]);
    // The program checks a configuration without its keys.
    let text = format!("{MAIN}\nmlo {{\n  encryption {{\n    key \"passphrase\" \"a\" {{}}\n  }}\n}}\n");
    Project::with(&[("main.hcl", &text)]).ok(&["validate"]);
}
