//! Saved plans that are signed, and approved before they are applied: each rule, and what is said where it is not kept.

use crate::buckets::server::{ACCESS_KEY, BUCKET, SECRET_KEY, Server};
use crate::support::{Project, Said, repository, said};

/// Keys of three people, as `ssh-keygen -t ed25519` made them.
const ANN: &str = include_str!("cases/keys/ann.key");
const BEN: &str = include_str!("cases/keys/ben.key");
const EVE: &str = include_str!("cases/keys/eve.key");
/// One that has a passphrase.
const LOCKED: &str = include_str!("cases/keys/locked.key");
const ANN_PUB: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINC52pCLuobjPRT2PgEW2NqMzhA7cJYo5+IjY1Ck46qX";
const BEN_PUB: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBj51Q1r7sIPeO6SS8k2Es39FlX0eiKLx/r9EuZmmB/l";
const EVE_PUB: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAdRp8PjeHr1GdtEN1zcg2NTnl+5XLrq/vq0bQJnskOT";

/// A project of which `prod` needs approvals: plans by Ann or Ben, approved by Ann or Ben.
fn project(more: &str) -> Project {
    let text = format!(
        r#"
variable "size" {{ default = 1 }}
environment "dev" {{}}
environment "prod" {{
  require_approval = true
  approvers = {{
    ann = "{ANN_PUB} ann@example.org"
    ben = "{BEN_PUB}"
  }}
  {more}
}}
resource "local_file" "f" {{
  filename = "${{mlo.environment}}.txt"
  content  = "size ${{var.size}}"
}}
"#
    );
    let project = Project::with(&[("main.hcl", &text), ("ann.key", ANN), ("ben.key", BEN), ("eve.key", EVE)]);
    project.write("ann.pub", format!("# those who make plans\n\n{ANN_PUB} ann\n"));
    project
}

fn plan(project: &Project, key: &str) -> Said {
    project.ok(&["plan", "--env", "prod", "--out", "p.plan", "--signing-key", key])
}

fn approve(project: &Project, key: &str) -> Said {
    project.mlo(&["approve", "p.plan", "--signing-key", key, "--auto-approve"])
}

/// What is kept beside the state of `prod`.
fn documents(project: &Project) -> Vec<(String, String)> {
    let folder = project.path().join(".mlo/state/env/prod/documents");
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut all: Vec<_> = entries
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    all.retain(|(name, _)| !name.starts_with("audit."));
    all.sort();
    all
}

#[test]
fn a_plan_that_another_approved_is_applied_and_both_are_noted() {
    let project = project("");
    plan(&project, "ann.key");
    project.mlo(&["apply", "p.plan"]).ends_with(3).has(&[
        "MLO3047",
        "nobody has approved `p.plan`",
        "`mlo approve p.plan`",
    ]);
    let said = approve(&project, "ben.key");
    said.ends_with(0).has(&[
        "Environment: prod",
        "1 to add",
        "signed with the key SHA256:",
        "Approved sha256:",
        "(ben)",
    ]);
    project.ok(&["apply", "p.plan"]).has(&["1 added"]).has_not(&["takes approvals"]);
    assert_eq!(project.read("prod.txt"), "size 1");
    let documents = documents(&project);
    let [(approval, _)] = &documents[..] else { panic!("{documents:?}") };
    let note = project.json(&["audit", "show", "1", "--env", "prod"], 0)["what"].clone();
    let (plan, consent) = (&note["plan"]["saved"], &note["approval"]);
    assert_eq!(plan["author"]["key"], ANN_PUB);
    assert_eq!(
        (&consent["approvals"][0]["name"], &consent["approvals"][0]["key"]),
        (&"ben".into(), &BEN_PUB.into())
    );
    let rules = serde_json::json!({ "signed": true, "not_by_author": true, "expires_after_s": null });
    assert_eq!(consent["rules"], rules);
    let digest = plan["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    assert!(approval.starts_with("approval.") && approval.contains(digest), "{approval}");
    // A plan is applied once: the state has moved on.
    project.mlo(&["apply", "p.plan"]).ends_with(4).has(&["is stale"]);
    approve(&project, "ben.key").ends_with(4).has(&["is stale"]);
}

#[test]
fn nothing_is_applied_there_but_saved_plans() {
    let project = project("");
    for command in [
        &["apply", "--auto-approve"][..],
        &["destroy", "--auto-approve"],
        &["apply", "--refresh-only", "--auto-approve"],
    ] {
        project.mlo(&[command, &["--env", "prod"]].concat()).ends_with(3).has(&[
            "MLO3047",
            "the environment `prod` applies only saved plans that are approved",
            "`mlo plan --env prod --out FILE --signing-key KEY`",
        ]);
    }
    project.ok(&["plan", "--env", "prod"]);
    project.ok(&["apply", "--env", "dev", "--auto-approve"]);
    assert!(!project.path().join("prod.txt").exists());
    // To destroy takes an approval too.
    plan(&project, "ann.key");
    approve(&project, "ben.key").ends_with(0);
    project.ok(&["apply", "p.plan"]);
    project.ok(&["plan", "--destroy", "--env", "prod", "--out", "p.plan", "--signing-key", "ben.key"]);
    project.mlo(&["apply", "p.plan"]).ends_with(3).has(&["There is 1 approval of other plans"]);
    approve(&project, "ann.key").ends_with(0);
    project.ok(&["apply", "p.plan"]).has(&["1 destroyed"]);
}

#[test]
fn an_approval_that_would_not_count_is_not_noted() {
    let project = project("");
    plan(&project, "ann.key");
    approve(&project, "ann.key").ends_with(3).has(&["MLO3047", "was made by the same who would approve it"]);
    approve(&project, "eve.key")
        .ends_with(3)
        .has(&["is none of those who may approve plans of `prod`", "SHA256:"]);
    let unsigned = project.mlo(&["approve", "p.plan", "--auto-approve"]);
    unsigned.ends_with(3).has(&["approvals of the environment `prod` are signed", "--signing-key FILE"]);
    project
        .mlo(&["approve", "p.plan", "--signing-key", "ben.key"])
        .ends_with(1)
        .has(&["nobody can be asked"]);
    assert_eq!(documents(&project), []);
    project.mlo(&["apply", "p.plan"]).ends_with(3).has(&["nobody has approved"]);
    // A key in a variable, as CI has it.
    let mut command = project.command(&["approve", "p.plan", "--auto-approve"]);
    said(command.env("MLO_SIGNING_KEY", BEN)).ends_with(0).has_not(&["PRIVATE"]);
    project.ok(&["plan", "--env", "dev", "--out", "d.plan"]);
    project
        .mlo(&["approve", "d.plan", "--auto-approve"])
        .ends_with(1)
        .has(&["plans of the environment `dev` need no approval"]);
}

#[test]
fn approvals_that_were_put_there_by_other_ways_do_not_count() {
    let project = project("");
    let put = |name: &str, bytes: &[u8]| {
        project.write(&format!(".mlo/state/env/prod/documents/{name}"), bytes);
    };
    plan(&project, "ann.key");
    approve(&project, "ben.key").ends_with(0);
    let (name, text) = documents(&project).remove(0);
    // Each byte of it is looked at: a sample, the signature's among them.
    for at in (0..text.len()).step_by(97).chain([text.len() - 2, text.len() - 1]) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        put(&name, &bytes);
        project
            .mlo(&["apply", "p.plan"])
            .ends_with(3)
            .has(&["nobody who may has approved", "is damaged, or was changed"]);
    }
    // One without a signature, of the right form.
    let line = text.lines().next().unwrap().replace(&format!("\"{BEN_PUB}\""), "null");
    put(&name, format!("{line}\n\n").as_bytes());
    project.mlo(&["apply", "p.plan"]).ends_with(3).has(&["is not signed"]);
    // Signed by one who was listed when they gave it, and is no more.
    put(&name, text.as_bytes());
    project.edit("main.hcl", BEN_PUB, EVE_PUB);
    project.mlo(&["apply", "p.plan"]).ends_with(3).has(&["which is not listed"]);
    project.edit("main.hcl", EVE_PUB, BEN_PUB);
    // That of another plan under the name of this one.
    project.ok(&["plan", "--env", "prod", "--var", "size=2", "--out", "p.plan", "--signing-key", "ann.key"]);
    approve(&project, "ben.key").ends_with(0);
    let other = documents(&project).into_iter().find(|(other, _)| *other != name).unwrap();
    put(&other.0, text.as_bytes());
    project.mlo(&["apply", "p.plan"]).ends_with(3).has(&["is of another plan"]);
    put(&other.0, other.1.as_bytes());
    project.ok(&["apply", "p.plan"]);
    assert_eq!(project.read("prod.txt"), "size 2");
}

#[test]
fn an_approval_that_is_too_old_does_not_count() {
    let project = project("approval_expires_after = \"24h\"");
    plan(&project, "ann.key");
    approve(&project, "ben.key").ends_with(0);
    let (name, text) = documents(&project).remove(0);
    // What Ben would have signed the day before yesterday; with unsigned approvals, for the test has no clock of his.
    let document: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let now: jiff::Timestamp = document["approved_at"].as_str().unwrap().parse().unwrap();
    let then = |hours: i64| (now + jiff::SignedDuration::from_hours(hours)).to_string();
    let line = |at: &str| {
        let line = text.lines().next().unwrap().replace(document["approved_at"].as_str().unwrap(), at);
        format!(
            "{}\n\n",
            line.replace(&format!("\"{BEN_PUB}\""), "null").replace("\"who\":\"", "\"who\":\"not-")
        )
    };
    project.edit("main.hcl", "approval_expires_after", "unsigned_approvals = true\n  approval_expires_after");
    let put = |text: String| project.write(&format!(".mlo/state/env/prod/documents/{name}"), text);
    for (hours, why) in [
        (-48, "and counts for 24h"),
        (-25, "and counts for 24h"),
        (1, "does not say when it was given, or a time yet to come"),
    ] {
        put(line(&then(hours)));
        project.mlo(&["apply", "p.plan"]).ends_with(3).has(&["MLO3047", why]);
    }
    // The plan embeds the day; the configuration that is here may ask for less, and for no more.
    put(line(&then(-23)));
    project.edit("main.hcl", "\"24h\"", "\"2h\"");
    project.mlo(&["apply", "p.plan"]).ends_with(3).has(&["and counts for 2h"]);
    project.edit("main.hcl", "\"2h\"", "\"1000h\"");
    put(line(&then(-25)));
    project.mlo(&["apply", "p.plan"]).ends_with(3).has(&["and counts for 24h"]);
    put(line(&then(-23)));
    project.ok(&["apply", "p.plan"]).has(&["1 added"]);
    for wrong in ["1", "\"soon\"", "\"0s\"", "\"-1h\"", "\"10s\""] {
        project.edit("main.hcl", "\"1000h\"", wrong);
        project.mlo(&["validate"]).ends_with(1).has(&["approval_expires_after", "main.hcl:"]);
        project.edit("main.hcl", wrong, "\"1000h\"");
    }
}

#[test]
fn an_approval_is_told_in_one_document() {
    let project = project("approval_expires_after = \"24h\"");
    plan(&project, "ann.key");
    let asked = project.json(&["approve", "p.plan", "--signing-key", "ben.key"], 1);
    assert_eq!(asked["diagnostics"][0]["summary"], "nobody can be asked whether to do this");
    let refused = project.json(&["approve", "p.plan", "--signing-key", "ann.key", "--auto-approve"], 3);
    assert_eq!(refused["diagnostics"][0]["code"], "MLO3047");
    assert_eq!(documents(&project), []);
    let said = project.json(&["approve", "p.plan", "--signing-key", "ben.key", "--auto-approve"], 0);
    let approval = &said["approval"];
    let plan = project.read("p.plan");
    assert!(plan.contains(approval["plan"].as_str().unwrap().strip_prefix("sha256:").unwrap()));
    assert_eq!((&approval["name"], &approval["key"]), (&"ben".into(), &BEN_PUB.into()));
    assert_eq!((&approval["environment"], &approval["expires_after_s"]), (&"prod".into(), &86_400.into()));
    assert_eq!(documents(&project)[0].0, approval["document"].as_str().unwrap());
    assert_eq!(said["plan"]["resource_changes"][0]["address"], "local_file.f");
    project.ok(&["apply", "p.plan"]);
}

#[test]
fn approvals_are_kept_beside_a_state_in_a_bucket() {
    let server = Server::versitygw();
    let project = project("");
    let backend = format!(
        "mlo {{\n  state \"s3\" {{\n    bucket = \"{BUCKET}\"\n    key = \"team\"\n    region = \"us-east-1\"\n    use_path_style = true\n    endpoint = \"http://{}\"\n  }}\n}}\n",
        server.address
    );
    project.write("place.hcl", &backend);
    let other =
        Project::with(&[("main.hcl", &project.read("main.hcl")), ("place.hcl", &backend), ("ben.key", BEN)]);
    let run = |project: &Project, arguments: &[&str]| {
        let mut command = project.command(arguments);
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        said(command.env("AWS_EC2_METADATA_DISABLED", "true"))
    };
    let plan = ["plan", "--env", "prod", "--out", "p.plan", "--signing-key", "ann.key"];
    run(&project, &plan).ends_with(0);
    run(&project, &["apply", "p.plan"]).ends_with(3).has(&["nobody has approved `p.plan`"]);
    // Ben has a checkout of his own, and gets the plan.
    other.write("p.plan", std::fs::read(project.path().join("p.plan")).unwrap());
    run(&other, &["approve", "p.plan", "--signing-key", "ben.key", "--auto-approve"]).ends_with(0);
    assert!(!other.path().join(".mlo/state").exists(), "nothing of it is with him");
    run(&project, &["apply", "p.plan"]).ends_with(0).has(&["1 added"]);
    let documents = server.objects().join("team/env/prod/documents");
    let mut names: Vec<_> = std::fs::read_dir(documents)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.retain(|name| name.starts_with("approval."));
    assert_eq!(names.len(), 1, "{names:?}");
    // Neither is ever replaced, and the plan is applied once.
    run(&other, &["approve", "p.plan", "--signing-key", "ben.key", "--auto-approve"])
        .ends_with(4)
        .has(&["is stale"]);
    run(&other, &["plan", "--env", "prod", "--destroy", "--out", "p.plan", "--signing-key", "ben.key"])
        .ends_with(0);
    run(&other, &["apply", "p.plan"]).ends_with(3).has(&["There is 1 approval of other plans"]);
}

#[test]
fn plans_are_signed_by_who_may_make_them() {
    let project = project(&format!("authors = {{ ci = \"{EVE_PUB}\" }}"));
    let save = ["plan", "--env", "prod", "--out", "p.plan"];
    project.mlo(&save).ends_with(1).has(&[
        "MLO3046",
        "this plan is not signed",
        "`prod` takes only plans that are",
    ]);
    project.mlo(&[&save[..], &["--signing-key", "ann.key"]].concat()).ends_with(1).has(&["does not list"]);
    plan(&project, "eve.key");
    approve(&project, "ann.key").ends_with(0);
    // Who takes the author's key out of the configuration takes their plans away.
    project.edit("main.hcl", EVE_PUB, ANN_PUB);
    project.mlo(&["apply", "p.plan"]).ends_with(3).has(&[
        "MLO3046",
        "is signed with the key SHA256:",
        "does not list",
    ]);
    approve(&project, "ben.key").ends_with(3).has(&["MLO3046"]);
}

#[test]
fn the_rules_are_those_of_the_configuration_that_is_here() {
    let project = project("");
    let own = project.read("main.hcl");
    // A plan whose own configuration asks for nothing, and for other people.
    project.edit("main.hcl", "require_approval = true", "require_approval = false");
    project.ok(&["plan", "--env", "prod", "--out", "open.plan"]);
    project.write("main.hcl", own.replace(BEN_PUB, EVE_PUB).replace(ANN_PUB, EVE_PUB));
    plan(&project, "eve.key");
    project.write("main.hcl", &own);
    project.mlo(&["apply", "open.plan"]).ends_with(3).has(&["`open.plan` is not signed"]);
    project.mlo(&["apply", "p.plan"]).ends_with(3).has(&["does not list"]);
    // Without environments in its configuration it would go past them.
    project.write("main.hcl", "resource \"terraform_data\" \"a\" {}\n");
    project.ok(&["plan", "--out", "none.plan"]);
    project.write("main.hcl", &own);
    project
        .mlo(&["apply", "none.plan"])
        .ends_with(4)
        .has(&["MLO3042", "is for no environment, and the configuration has others now"]);
    // What cannot be read says nothing of who may.
    project.write("main.hcl", own.replace("environment \"dev\"", "environment dev\""));
    project.mlo(&["apply", "p.plan"]).ends_with(1);
    assert!(!project.path().join(".mlo/state/env/prod/state.json").exists());
}

#[test]
fn a_plan_does_not_say_itself_that_it_needs_no_approval() {
    let project = project("");
    project.ok(&["plan", "--env", "dev", "--out", "d.plan"]);
    let manifest = crate::support::repository().join("examples/iris");
    project.mlo(&["apply", "d.plan"]).ends_with(4).has(&[
        "MLO3042",
        "`d.plan` says itself that it is for `dev`, and plans for `prod` have to be let through",
        "`mlo apply --env dev d.plan`",
    ]);
    project.mlo(&["apply", "d.plan", "--env", "prod"]).ends_with(4).has(&["this is `prod`"]);
    project.ok(&["apply", "d.plan", "--env", "dev"]).has(&["1 added"]);
    for name in ["iris.yaml", "model/iris.onnx"] {
        project.write(&format!("m/{name}"), std::fs::read(manifest.join(name)).unwrap());
    }
    project.ok(&["plan", "m/iris.yaml", "--out", "m.plan"]);
    project.mlo(&["apply", "m.plan", "--env", "dev"]).ends_with(4).has(&["is a plan of `m`"]);
}

#[test]
fn what_an_earlier_run_left_open_is_not_settled_before_somebody_lets_it_through() {
    let project = project("");
    let command = "resource \"local_command\" \"c\" {\n  create = [\"sh\", \"-c\", \"kill -9 $PPID; sleep 1\"]\n  find   = [\"sh\", \"-c\", \"touch asked; exit 1\"]\n  read   = [\"true\"]\n  delete = [\"true\"]\n}\n";
    project.write("more.hcl", command);
    plan(&project, "ann.key");
    approve(&project, "ben.key").ends_with(0);
    assert_ne!(project.mlo(&["apply", "p.plan"]).code, 0);
    let _ = std::fs::remove_file(project.path().join("asked"));
    project
        .mlo(&["apply", "--env", "prod", "--auto-approve"])
        .ends_with(3)
        .has(&["applies only saved plans"]);
    assert!(!project.path().join("asked").exists(), "nobody let it through");
    project.ok(&["plan", "--env", "prod"]).has(&["MLO3028"]);
}

#[test]
fn what_an_environment_switches_off_is_said_and_noted() {
    let project = project("approvals_by_author = true\n  unsigned_approvals  = true");
    plan(&project, "ann.key");
    let said = project.mlo(&["approve", "p.plan", "--auto-approve"]);
    said.ends_with(0).has(&["takes approvals that are not signed", "takes approvals by a plan's own author"]);
    project.ok(&["apply", "p.plan"]).has(&[
        "takes approvals that are not signed",
        "takes approvals by a plan's own author",
        "1 added",
    ]);
    let note = project.json(&["audit", "show", "1", "--env", "prod"], 0)["what"]["approval"].clone();
    let rules = serde_json::json!({ "signed": false, "not_by_author": false, "expires_after_s": null });
    assert_eq!(note["rules"], rules);
    assert_eq!(note["approvals"][0]["key"], serde_json::Value::Null);
    // A plan is signed all the same.
    project.mlo(&["plan", "--env", "prod", "--out", "q.plan"]).ends_with(1).has(&["this plan is not signed"]);
}

#[test]
fn who_applies_can_name_the_keys_that_plans_are_signed_with() {
    let project = Project::with(&[
        ("main.hcl", "resource \"terraform_data\" \"a\" {}\n"),
        ("ann.key", ANN),
        ("eve.key", EVE),
    ]);
    project.write("keys", format!("# ours\n\n{ANN_PUB} ann\n"));
    project.ok(&["plan", "--out", "bare.plan"]);
    project.ok(&["plan", "--out", "eve.plan", "--signing-key", "eve.key"]);
    project.ok(&["plan", "--out", "ann.plan", "--signing-key", "ann.key"]);
    let apply = |plan: &str| project.mlo(&["apply", plan, "--author-keys", "keys"]);
    apply("bare.plan")
        .ends_with(3)
        .has(&["MLO3046", "`bare.plan` is signed by nobody, and not with a key of `keys`"]);
    apply("eve.plan").ends_with(3).has(&["is signed with the key SHA256:"]);
    project.mlo(&["apply", "--auto-approve", "--author-keys", "keys"]).ends_with(3).has(&["none is applied"]);
    for (text, why) in [
        ("", "there is none in it"),
        ("nonsense", "no list of public keys"),
        ("ssh-rsa AAAA x", "another kind"),
    ] {
        project.write("wrong", text);
        project.mlo(&["apply", "ann.plan", "--author-keys", "wrong"]).ends_with(1).has(&["MLO3048", why]);
    }
    // A signature is no longer there, or another's stands in its place.
    let text = project.read("ann.plan");
    let (content, signature) = text.split_once("\",\"signature\":\"").unwrap();
    let of_eve = project.read("eve.plan");
    let of_eve = of_eve.split_once("\",\"signature\":\"").unwrap().1;
    for changed in [
        format!("{content}\"}}\n"),
        format!("{content}\",\"signature\":\"{of_eve}"),
        text.replace(signature, "AAAA\"}\n"),
    ] {
        project.write("changed.plan", changed);
        project.mlo(&["apply", "changed.plan"]).ends_with(1).has(&["MLO3040", "not signed by whom it says"]);
    }
    apply("ann.plan").ends_with(0).has(&["1 added"]);
}

#[test]
fn keys_that_cannot_be_used_are_refused_with_the_reason() {
    let project = project("");
    project.write("locked.key", LOCKED);
    project.write("other.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    project.write("cut.key", &ANN[..ANN.len() / 2]);
    for (key, why) in [
        ("locked.key", "it has a passphrase, and none is asked for"),
        ("other.key", "it is no key as `ssh-keygen` writes it"),
        ("cut.key", "it is no key as `ssh-keygen` writes it"),
        ("main.hcl", "it is no key as `ssh-keygen` writes it"),
        ("missing.key", "MLO3048"),
        ("ann.pub", "it is no key as `ssh-keygen` writes it"),
    ] {
        let said = project.mlo(&["plan", "--env", "prod", "--out", "p.plan", "--signing-key", key]);
        said.ends_with(1).has(&["MLO3048", key, why, "ssh-keygen -t ed25519 -N ''"]);
    }
    project.edit("main.hcl", BEN_PUB, "ssh-rsa AAAAB3Nza");
    for command in [&["validate"][..], &["plan", "--env", "dev"]] {
        project.mlo(command).ends_with(1).has(&[
            "the key of `ben` cannot be used",
            "another kind than Ed25519",
            "main.hcl:8:",
        ]);
    }
    project.edit("main.hcl", "approvers", "authors");
    project
        .mlo(&["validate"])
        .ends_with(1)
        .has(&["environment `prod` needs approvals, and nobody may give them"]);
}

#[test]
fn the_page_names_what_there_is() {
    let page = std::fs::read_to_string(repository().join("docs/approvals.md")).unwrap();
    for word in [
        "require_approval",
        "approvers",
        "authors",
        "unsigned_approvals",
        "approvals_by_author",
        "approval_expires_after",
        "--author-keys",
        "MLO_SIGNING_KEY",
        "MLO3046",
        "MLO3047",
    ] {
        assert!(page.contains(word), "{word}");
    }
}
