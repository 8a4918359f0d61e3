//! Encryption at rest: what mlo writes is sealed with the keys that it is given, opens with them, and says which is missing.

use crate::buckets::server::Server;
use crate::support::{Project, Said, said};
use std::io::{Read as _, Write as _};
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
    run(&project, &[PASSWORD, PASSPHRASE], &["plan"])
        .ends_with(1)
        .has(&["MLO6012", "that was made in the project, and another key is configured"]);
    run(&project, &[PASSPHRASE], &["state", "rekey", "--from-clear", "--auto-approve"]).ends_with(0);
    run(&project, &[PASSWORD, PASSPHRASE], &["apply", "--auto-approve", "--var", "round=3"]).ends_with(0);
    std::fs::remove_file(&key).unwrap();
    run(&project, &[PASSWORD, PASSPHRASE], &["plan", "--var", "round=3"]).ends_with(0).has(&["No changes."]);
    // Nothing sensitive, nothing sealed.
    let open = Project::with(&[("main.hcl", "resource \"terraform_data\" \"a\" { input = 1 }\n")]);
    open.ok(&["apply", "--auto-approve"]).has_not(&["MLO6014"]);
    assert!(open.read(".mlo/state/default/state.json").contains("terraform_data.a"));
    assert!(!open.path().join(".mlo/key").exists());
}

const ONE: &str = "resource \"terraform_data\" \"a\" { input = 1 }\n";
const TEAM: &str = "terraform {\n  encryption {\n    key \"passphrase\" \"team\" {}\n  }\n}\n";
const TEAM_WORDS: [(&str, &str); 1] = [("MLO_STATE_PASSPHRASE_TEAM", WORDS)];

#[test]
fn a_state_in_clear_is_refused_where_there_is_a_key_until_it_is_sealed_on_request() {
    let project = Project::with(&[("main.hcl", ONE)]);
    project.ok(&["apply", "--auto-approve"]);
    project.ok(&["apply", "--auto-approve", "--replace", "terraform_data.a"]);
    let copy = tempfile::tempdir().unwrap();
    let state = project.path().join(".mlo/state/default");
    let names = ["state.json", "journal", "lineage"];
    for name in names {
        std::fs::copy(state.join(name), copy.path().join(name)).unwrap();
    }
    project.write("keys.hcl", TEAM);
    let refused = |commands: &[&[&str]]| {
        for command in commands {
            run(&project, &TEAM_WORDS, command).ends_with(1).has(&[
                "MLO6012",
                "it is in clear, and a key is configured",
                "look at what is there and seal it: `mlo state rekey --from-clear`",
            ]);
        }
    };
    let all: [&[&str]; 6] = [
        &["plan"],
        &["apply", "--auto-approve"],
        &["state", "list"],
        &["taint", "terraform_data.a"],
        &["output"],
        &["state", "diff", "1"],
    ];
    refused(&all);
    project.edit("keys.hcl", "encryption {\n", "encryption {\n    enforced = true\n");
    for command in [&["plan"][..], &["state", "rekey", "--from-clear", "--auto-approve"]] {
        run(&project, &TEAM_WORDS, command)
            .ends_with(1)
            .has(&["MLO6012", "it is in clear, and the configuration takes only what is sealed"]);
    }
    project.edit("keys.hcl", "    enforced = true\n", "");
    // What is there is not taken unseen.
    run(&project, &TEAM_WORDS, &["state", "rekey"]).ends_with(1).has(&["MLO6012"]);
    run(&project, &TEAM_WORDS, &["state", "rekey", "--from-clear"])
        .ends_with(1)
        .has(&["serial 2, 1 objects, 0 open changes", "nobody can be asked"]);
    run(&project, &TEAM_WORDS, &["state", "rekey", "--from-clear", "--auto-approve"]).ends_with(0);
    nowhere(&state, "terraform_data");
    run(&project, &TEAM_WORDS, &["plan"]).ends_with(0).has(&["No changes."]);
    run(&project, &TEAM_WORDS, &["state", "diff", "1"]).ends_with(0);
    run(&project, &TEAM_WORDS, &["state", "verify"]).ends_with(0);
    // The same in clear in its place, with the marker that goes with it.
    for name in names {
        std::fs::copy(copy.path().join(name), state.join(name)).unwrap();
    }
    refused(&all[..5]);
    // What mlo wrote is still there to be had.
    run(&project, &TEAM_WORDS, &["state", "repair", "--auto-approve"]).ends_with(0);
    run(&project, &TEAM_WORDS, &["plan"]).ends_with(0).has(&["No changes."]);
    nowhere(&state.join("history"), "terraform_data");
}

#[test]
fn a_key_that_somebody_puts_into_the_project_opens_nothing_where_there_is_another() {
    let forged = project("");
    run(&forged, &[("MLO_VAR_password", "FORGED-by-somebody")], &["apply", "--auto-approve"]).ends_with(0);
    for enforced in ["", "    enforced = true\n"] {
        let own = project("");
        own.write("keys.hcl", TEAM.replace("encryption {\n", &format!("encryption {{\n{enforced}")));
        let words = [PASSWORD, TEAM_WORDS[0]];
        run(&own, &words, &["apply", "--auto-approve"]).ends_with(0);
        run(&own, &words, &["plan", "--out", "own.plan"]).ends_with(0);
        for name in ["key", "state/default/state.json", "state/default/journal", "state/default/lineage"] {
            let name = format!(".mlo/{name}");
            own.write(&name, std::fs::read(forged.path().join(&name)).unwrap());
        }
        for command in [
            &["output", "password", "--raw"][..],
            &["state", "verify"],
            &["plan"],
            &["state", "rekey"],
            &["state", "pull"],
        ] {
            let said = run(&own, &words, command);
            said.ends_with(1).has(&["that was made in the project, and another key is configured"]);
            said.has_not(&["FORGED"]);
        }
    }
}

#[test]
fn a_plan_that_is_sealed_with_the_key_of_another_project_is_none_of_this_one() {
    let own = Project::with(&[("main.hcl", ONE)]);
    own.ok(&["plan", "--out", "clear.plan"]);
    // The other project has the same configuration, and a key that is known.
    for (name, text) in [("main.hcl", ONE), ("keys.hcl", TEAM)] {
        own.write(&format!("artifact/{name}"), text);
    }
    run(&own, &TEAM_WORDS, &["plan", "artifact", "--out", "artifact/p.plan"]).ends_with(0);
    let strong = TEAM.replace("team", "own").replace("encryption {\n", "encryption {\n    enforced = true\n");
    own.write("keys.hcl", strong);
    let words = [TEAM_WORDS[0], ("MLO_STATE_PASSPHRASE_OWN", OTHER_WORDS)];
    run(&own, &words, &["apply", "artifact/p.plan"])
        .ends_with(4)
        .has(&["MLO3042", "is a plan of `artifact`, and this folder is a project of its own"]);
    run(&own, &words, &["apply", "clear.plan"]).ends_with(1).has(&["MLO6012"]);
    assert!(!own.path().join("artifact/.mlo/state").exists());
}

#[test]
fn a_cut_off_run_in_clear_is_sealed_with_what_it_left_open() {
    let project = Project::with(&[(
        "main.hcl",
        "resource \"local_command\" \"a\" {\n  create = [\"sh\", \"-c\", \"kill -9 $PPID; sleep 1\"]\n  find   = [\"false\"]\n  read   = [\"true\"]\n  delete = [\"true\"]\n}\n",
    )]);
    let killed = project.mlo(&["apply", "--auto-approve"]);
    assert_ne!(killed.code, 0);
    project.edit("main.hcl", "kill -9 $PPID; sleep 1", "echo 1");
    project.write("keys.hcl", TEAM);
    run(&project, &TEAM_WORDS, &["plan"]).ends_with(1).has(&["MLO6012", "`mlo state rekey --from-clear`"]);
    run(&project, &TEAM_WORDS, &["state", "rekey", "--from-clear", "--auto-approve"]).ends_with(0);
    run(&project, &TEAM_WORDS, &["plan"]).ends_with(0).has(&["MLO3028", "has begun"]);
    run(&project, &TEAM_WORDS, &["apply", "--auto-approve"]).ends_with(0).has(&["1 added"]);
}

#[test]
fn a_state_is_sealed_on_its_way_to_another_place() {
    let project = Project::with(&[("main.hcl", ONE)]);
    project.ok(&["apply", "--auto-approve"]);
    project
        .write("keys.hcl", format!("{TEAM}terraform {{\n  backend \"local\" {{ path = \"states\" }}\n}}\n"));
    run(&project, &TEAM_WORDS, &["plan"]).ends_with(1).has(&["mlo state migrate --from '.mlo/state'"]);
    run(&project, &TEAM_WORDS, &["state", "migrate", "--from", ".mlo/state", "--auto-approve"])
        .ends_with(1)
        .has(&["MLO6012"]);
    run(
        &project,
        &TEAM_WORDS,
        &["state", "migrate", "--from", ".mlo/state", "--from-clear", "--auto-approve"],
    )
    .ends_with(0);
    run(&project, &TEAM_WORDS, &["plan"]).ends_with(0).has(&["No changes."]);
    nowhere(&project.path().join("states"), "terraform_data");
}

#[test]
fn what_a_plan_embeds_does_not_say_which_keys_there_are_and_where_the_state_is() {
    let project = Project::with(&[("main.hcl", ONE)]);
    project.ok(&["plan", "--out", "clear.plan"]);
    project.write("keys.hcl", TEAM);
    for environment in [&TEAM_WORDS[..], &[]] {
        run(&project, environment, &["apply", "clear.plan"]).ends_with(1).has(&[
            "MLO6012",
            "`clear.plan`: it is in clear, and a key is configured",
            "make the plan again",
        ]);
    }
    run(&project, &TEAM_WORDS, &["show", "clear.plan"]).ends_with(0).has(&["1 to add"]);
    // One whose own configuration has a key of somebody else.
    project.write("keys.hcl", TEAM.replace("team", "other"));
    let other = [("MLO_STATE_PASSPHRASE_OTHER", OTHER_WORDS)];
    run(&project, &other, &["plan", "--out", "other.plan"]).ends_with(0);
    project.write("keys.hcl", TEAM);
    run(&project, &[TEAM_WORDS[0], other[0]], &["apply", "other.plan"]).ends_with(1).has(&[
        "MLO6012",
        "`other.plan`",
        "`passphrase.other`",
    ]);
    // Between plan and apply another key comes first, and the state goes elsewhere: both hold.
    run(&project, &TEAM_WORDS, &["plan", "--out", "p.plan"]).ends_with(0);
    let first = "key \"passphrase\" \"new\" {}\n    key \"passphrase\" \"team\"";
    project.edit("keys.hcl", "key \"passphrase\" \"team\"", first);
    project.write("place.hcl", "terraform {\n  backend \"local\" { path = \"states\" }\n}\n");
    let both = [TEAM_WORDS[0], ("MLO_STATE_PASSPHRASE_NEW", OTHER_WORDS)];
    run(&project, &both, &["apply", "p.plan"]).ends_with(0).has(&["1 added"]);
    let bytes = std::fs::read(project.path().join("states/default/state.json")).unwrap();
    assert!(String::from_utf8_lossy(&bytes).contains("\"key\":\"new\""));
    // Where there is no configuration nothing says who may.
    run(&project, &both, &["plan", "--replace", "terraform_data.a", "--out", "q.plan"]).ends_with(0);
    for name in ["main.hcl", "keys.hcl", "place.hcl"] {
        std::fs::remove_file(project.path().join(name)).unwrap();
    }
    run(&project, &[("MLO_STATE_PASSPHRASE", WORDS)], &["apply", "q.plan"]).ends_with(1).has(&["MLO6012"]);
    project.write("keys.hcl", "output \"o\" { value = \n");
    run(&project, &both, &["apply", "q.plan"]).ends_with(1);
}

#[test]
fn a_plan_is_not_applied_where_there_is_no_configuration() {
    let project = Project::with(&[("main.hcl", ONE)]);
    project.ok(&["plan", "--out", "p.plan"]);
    std::fs::remove_file(project.path().join("main.hcl")).unwrap();
    project.mlo(&["apply", "p.plan"]).ends_with(4).has(&[
        "MLO3042",
        "`p.plan` was made from a configuration, and there is none in `.`",
        "never taken from a plan alone",
    ]);
    project.ok(&["show", "p.plan"]).has(&["1 to add"]);
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

/// A call to the KMS of a server, which asks nobody who they are.
fn kms(server: &Server, action: &str, body: &str) -> serde_json::Value {
    let mut stream = std::net::TcpStream::connect(server.address).unwrap();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.1\r\nX-Amz-Target: TrentService.{action}\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/kms/aws4_request\r\nContent-Length: {}\r\n\r\n{body}",
        server.address,
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(body).unwrap_or_default()
}

#[test]
fn a_key_of_kms_takes_over_from_a_passphrase() {
    let server = Server::moto();
    let made = kms(&server, "CreateKey", "{}");
    let id = made["KeyMetadata"]["KeyId"].as_str().unwrap();
    let project = project("");
    let words = [PASSWORD, ("MLO_STATE_PASSPHRASE_TEAM", WORDS)];
    project.write("keys.hcl", TEAM);
    run(&project, &words, &["apply", "--auto-approve"]).ends_with(0);
    run(&project, &words, &["apply", "--auto-approve", "--var", "round=2"]).ends_with(0);
    let block = format!(
        "key \"aws_kms\" \"prod\" {{\n      kms_key_id = \"{id}\"\n      region     = \"eu-west-1\"\n      endpoint   = \"http://{}\"\n    }}\n    ",
        server.address
    );
    project.edit("keys.hcl", "key \"passphrase\"", &format!("{block}key \"passphrase\""));
    let aws = [
        PASSWORD,
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "canary-of-a-secret"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let both = [&aws[..], &words[1..]].concat();
    run(&project, &both, &["state", "rekey"]).ends_with(0).has(&["The state is sealed with `aws_kms.prod`"]);
    assert!(head(&project).contains("\"kind\":\"aws_kms\"") && head(&project).contains("\"key\":\"prod\""));
    // The passphrase is needed no more, for what is kept either.
    project.edit("keys.hcl", "key \"passphrase\" \"team\" {}", "");
    run(&project, &aws, &["plan", "--var", "round=2"]).ends_with(0).has(&["No changes."]);
    run(&project, &aws, &["state", "diff", "1"]).ends_with(0);
    run(&project, &aws, &["plan", "--out", "p.plan"]).ends_with(0);
    run(&project, &aws, &["apply", "p.plan"]).ends_with(0).has(&["1 changed"]);
    nowhere(project.path(), CANARY);

    let refused = |environment: &[(&str, &str)], says: &str| {
        run(&project, environment, &["plan"])
            .ends_with(1)
            .has(&["MLO6012", "`aws_kms.prod`", says, "kms:Decrypt"])
            .has_not(&["canary", "AKIDEXAMPLE"]);
    };
    refused(&[PASSWORD, aws[3]], "there are no credentials of AWS");
    project.edit("keys.hcl", id, "alias/elsewhere");
    refused(&aws, "there is no key alias/elsewhere in this region of this account");
    let endpoint = format!("endpoint   = \"http://{}\"", server.address);
    project.edit("keys.hcl", &endpoint, "");
    project.edit("keys.hcl", "region     = \"eu-west-1\"", "");
    refused(&aws, "the region of the key alias/elsewhere is not known: set `region`");
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
        ("key \"aws_kms\" \"a\" {}", "key `aws_kms.a` does not say which key of KMS it is"),
        ("key \"aws_kms\" \"a\" { kms_key_i = \"k\" }", "did you mean `kms_key_id`?"),
        (
            "key \"aws_kms\" \"a\" {\n kms_key_id = \"k\"\n endpoint = \"https://u:p@host\"\n}",
            "is an encrypted URL without credentials",
        ),
        (
            "key \"aws_kms\" \"a\" {\n kms_key_id = \"k\"\n endpoint = \"http://kms.example.org\"\n}",
            "`http://` is for this machine alone",
        ),
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

#[test]
fn a_note_that_a_state_is_elsewhere_is_believed_as_it_is_sealed_and_keeps_nobody_from_where_it_is() {
    let project = Project::with(&[("main.hcl", ONE)]);
    project.ok(&["apply", "--auto-approve"]);
    project.write("more.hcl", "environment \"prod\" {}\n");
    project.ok(&["state", "migrate", "--env", "prod", "--from-env", "default", "--auto-approve"]);
    project.ok(&["plan", "--env", "prod"]).has(&["No changes."]);
    // The note was left before there was a key: where the state is now there is one, so nothing depends on the note.
    run(&project, &[PASSPHRASE], &["state", "rekey", "--env", "prod", "--from-clear", "--auto-approve"])
        .ends_with(0);
    run(&project, &[PASSPHRASE], &["plan", "--env", "prod"]).ends_with(0).has(&["No changes."]);
    // Where nothing is yet, everything does.
    std::fs::remove_file(project.path().join("more.hcl")).unwrap();
    let doubted = ["MLO6012", "says that the state is elsewhere, and is not believed", "rekey --from-clear"];
    run(&project, &[PASSPHRASE], &["plan"]).ends_with(1).has(&doubted);
    project.write("more.hcl", "environment \"other\" {}\n");
    run(&project, &[PASSPHRASE], &["apply", "--env", "other", "--auto-approve"])
        .ends_with(1)
        .has(&["MLO6021", "is not believed"]);
    std::fs::remove_file(project.path().join("more.hcl")).unwrap();
    run(&project, &[PASSPHRASE], &["state", "rekey", "--from-clear"])
        .ends_with(1)
        .has(&["A note says that the state is in", "look whether the state is there"]);
    run(&project, &[PASSPHRASE], &["state", "rekey", "--from-clear", "--auto-approve"])
        .ends_with(0)
        .has(&["The note is sealed."]);
    run(&project, &[PASSPHRASE], &["plan"]).ends_with(1).has(&["MLO6021"]).has_not(&["is not believed"]);
}
