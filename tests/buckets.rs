//! State in a bucket, and who may write to it: the program as a team runs it, against a real server.

#[path = "../state/tests/state/server.rs"]
pub(crate) mod server;

use crate::support::{Project, Said, said};
use server::{ACCESS_KEY, BUCKET, SECRET_KEY, Server};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Things that take a while to make, each known by a file.
const THINGS: &str = r#"
terraform {
  backend "s3" {
    bucket         = "BUCKET"
    key            = "team/things"
    region         = "us-east-1"
    use_path_style = true
    endpoints = {
      s3 = "http://ADDRESS"
    }
  }
}

resource "local_command" "thing" {
  count  = 20
  create = ["sh", "-c", "sleep 0.3; touch \"world/$MLO_TOKEN\"; echo \"$MLO_TOKEN\""]
  find   = ["sh", "-c", "test -f \"world/$MLO_TOKEN\" && echo \"$MLO_TOKEN\""]
  read   = ["sh", "-c", "test -f \"world/$MLO_ID\""]
  delete = ["sh", "-c", "rm \"world/$MLO_ID\""]
}

output "count" {
  value = length(local_command.thing)
}
"#;

/// A project whose state is in the bucket of a server, and its world.
struct Team {
    project: Project,
}

impl Team {
    fn of(server: &Server) -> Self {
        let text = THINGS.replace("BUCKET", BUCKET).replace("ADDRESS", &server.address.to_string());
        let project = Project::with(&[("main.tf", &text)]);
        std::fs::create_dir(project.path().join("world")).unwrap();
        Self { project }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.project.command(arguments);
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    fn mlo(&self, arguments: &[&str]) -> Said {
        said(&mut self.command(arguments))
    }

    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> Said {
        let said = self.mlo(arguments);
        said.ends_with(0);
        said
    }

    fn made(&self) -> usize {
        std::fs::read_dir(self.project.path().join("world")).unwrap().count()
    }

    /// An apply that has made some of the things and goes on.
    fn begin(&self) -> Child {
        let mut apply = self.command(&["apply", "--auto-approve", "--parallelism", "3"]);
        let mut child = apply.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        while self.made() < 4 {
            if let Some(status) = child.try_wait().unwrap() {
                panic!(
                    "the apply ended with {status}: {}",
                    Said::of(child.wait_with_output().unwrap()).all()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        child
    }

    /// Everything is there once, and the state knows it.
    #[track_caller]
    fn assert_whole(&self) {
        self.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
        assert_eq!(self.ok(&["state", "list"]).out.lines().count(), 20);
        assert_eq!(self.made(), 20);
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        // The server goes too: there is nothing to destroy.
        let _ = std::fs::remove_dir_all(self.project.path().join(".mlo"));
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_team_shares_a_state_in_a_bucket() {
    let server = Server::versitygw();
    let (ann, ben) = (Team::of(&server), Team::of(&server));
    ann.ok(&["apply", "--auto-approve"]);
    let objects = names(&server.objects().join("team/things/default"));
    for name in ["head", "lineage", "lock", "snapshots"] {
        assert!(objects.iter().any(|object| object == name), "{name} of {objects:?}");
    }
    assert!(!ann.project.path().join(".mlo/state").exists(), "nothing of it is here");

    assert_eq!(ben.ok(&["state", "list"]).out.lines().count(), 20);
    ben.ok(&["output", "count"]).has(&["20"]);
    ben.ok(&["show"]).has(&["local_command.thing[19]"]);
    ben.ok(&["state", "rm", "local_command.thing[0]"]);
    assert_eq!(ann.ok(&["state", "list"]).out.lines().count(), 19);
    ann.ok(&["destroy", "--auto-approve"]);
    assert_eq!(ann.made(), 1, "what was forgotten stays");
    ben.ok(&["audit", "verify"]).has(&["4 records, each as it was written"]);
    std::fs::remove_file(server.objects().join("team/things/default/documents/audit.0000000001")).unwrap();
    ben.mlo(&["audit", "verify"]).ends_with(1).has(&["record 1: it is missing"]);
}

#[test]
fn after_a_kill_the_next_apply_waits_for_the_lease_and_needs_nobody() {
    let server = Server::versitygw();
    let team = Team::of(&server);
    let mut child = team.begin();
    child.kill().unwrap();
    child.wait().unwrap();
    team.ok(&["plan"]).has(&["MLO3028", "have begun, and the state does not know the outcome"]);
    team.ok(&["apply", "--auto-approve", "--lock-timeout", "2m"])
        .has(&["waiting for up to", "an earlier run was cut off"]);
    team.assert_whole();
}

#[test]
fn a_lock_says_who_holds_it_and_is_taken_away_when_that_is_asked_for() {
    let server = Server::versitygw();
    let team = Team::of(&server);
    team.ok(&["force-unlock"]).has(&["The state is not locked."]);
    let mut child = team.begin();
    let pid = format!("(process {})", child.id());
    child.kill().unwrap();
    child.wait().unwrap();

    let mut refused = team.command(&["apply", "--auto-approve"]);
    refused.env("GITHUB_SERVER_URL", "https://github.example");
    let refused = said(&mut refused);
    refused.ends_with(5).has(&[
        "MLO6001",
        "locked by apply of",
        &pid,
        "without renewal the lock ends in",
        "--lock-timeout 5m",
    ]);
    let id = refused.err.split("`mlo force-unlock ").nth(1).unwrap().split('`').next().unwrap().to_owned();

    team.mlo(&["force-unlock"]).ends_with(1).has(&[&pid, "nobody can be asked", "--force"]);
    team.mlo(&["force-unlock", "0123", "--force"]).ends_with(5).has(&["not `0123`"]);
    team.ok(&["force-unlock", &id, "--force"]).has(&[&pid, "The lock is free."]);
    team.ok(&["apply", "--auto-approve"]).has(&["an earlier run was cut off"]);
    team.assert_whole();
}

#[test]
fn a_run_whose_lock_is_taken_away_begins_nothing_more_and_loses_nothing() {
    let server = Server::versitygw();
    let team = Team::of(&server);
    let child = team.begin();
    team.ok(&["force-unlock", "--force"]);
    let ended = Said::of(child.wait_with_output().unwrap());
    ended.ends_with(1).has(&["MLO6023", "was removed or replaced while this run held it"]);
    assert!(team.made() < 20, "it stopped");
    team.ok(&["apply", "--auto-approve"]);
    team.assert_whole();
}

#[test]
#[cfg(target_os = "linux")]
fn what_a_run_has_under_way_when_its_lock_is_taken_away_is_cut_off() {
    let server = Server::versitygw();
    let team = Team::of(&server);
    let slow = "echo $$ > begun.new && mv begun.new begun; sleep 600; touch";
    team.project.edit("main.tf", "sleep 0.3; touch", slow);
    team.project.edit("main.tf", "count  = 20", "count  = 1");
    let mut apply = team.command(&["apply", "--auto-approve"]);
    let child = apply.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = || std::fs::read_to_string(team.project.path().join("begun"));
    let wait = |_| std::thread::sleep(Duration::from_millis(20));
    (0..1_500).take_while(|_| begun().is_err()).for_each(wait);
    let command = format!("/proc/{}/stat", begun().expect("it is begun").trim());
    team.ok(&["force-unlock", "--force"]);
    // The next word that the holder says to the lock, within a quarter of a minute, tells it.
    let ended = Said::of(child.wait_with_output().unwrap());
    ended.ends_with(1).has(&["MLO6023", "was removed or replaced while this run held it"]);
    let gone = || std::fs::read_to_string(&command).map_or(true, |stat| stat.contains(") Z "));
    (0..250).take_while(|_| !gone()).for_each(wait);
    assert!(gone(), "the command runs on");
    assert_eq!(team.made(), 0);
    team.project.edit("main.tf", slow, "touch");
    team.ok(&["apply", "--auto-approve"]);
    assert_eq!(team.made(), 1);
}

#[test]
fn a_backend_block_is_completed_on_the_command_line_and_in_the_environment() {
    let project = Project::with(&[
        ("main.tf", "terraform {\n  backend \"local\" {}\n}\noutput \"o\" {\n  value = 1\n}\n"),
        ("place.tfbackend", "path = \"from-a-file\"\n"),
    ]);
    project.ok(&["apply", "--auto-approve", "--backend-config", "path=states"]);
    assert_eq!(names(&project.path().join("states")), ["default"]);
    project.ok(&["output", "o", "--backend-config", "path=states"]).has(&["1"]);
    project.ok(&["show"]).has(&["There is no state yet"]);
    let mut output = project.command(&["output", "o"]);
    said(output.env("MLO_BACKEND_CONFIG", "path=states")).ends_with(0).has(&["1"]);
    std::fs::remove_file(project.path().join(".mlo/place")).unwrap();
    project.ok(&["apply", "--auto-approve", "--backend-config", "place.tfbackend"]);
    assert!(project.path().join("from-a-file/default/state.json").is_file());
}

#[test]
fn a_state_goes_from_the_folder_to_a_bucket_and_back_and_nobody_begins_anew_by_mistake() {
    let server = Server::versitygw();
    let team = Team::of(&server);
    let in_bucket = team.project.read("main.tf").replace("count  = 20", "count  = 3");
    let (_, alone) = in_bucket.split_once("resource").unwrap();
    let alone = format!("resource{alone}");
    team.project.write("main.tf", &alone);
    team.ok(&["apply", "--auto-approve"]);
    team.ok(&["state", "rm", "local_command.thing[2]"]);

    team.project.write("main.tf", &in_bucket);
    for command in [&["plan"][..], &["apply", "--auto-approve"], &["state", "rm", "local_command.thing[0]"]] {
        team.mlo(command).ends_with(1).has(&[
            "MLO6021",
            "the configuration now says s3://states/team/things?",
            "`mlo state migrate --from '.mlo/state'`",
        ]);
    }
    team.mlo(&["state", "migrate"])
        .ends_with(1)
        .has(&["2 objects at serial 2, 1 earlier snapshots, 0 open changes", "nobody can be asked"]);
    team.ok(&["state", "migrate", "--from", ".mlo/state", "--auto-approve"]).has(&["The state is there."]);
    assert_eq!(team.ok(&["state", "list"]).out.lines().count(), 2);
    let snapshots = server.objects().join("team/things/default/snapshots");
    assert_eq!(names(&snapshots).len(), 3, "with its history, and the present one twice");
    team.ok(&["audit", "verify"]).has(&["2 records, each as it was written"]);
    team.ok(&["apply", "--auto-approve"]);
    assert_eq!(team.ok(&["state", "list"]).out.lines().count(), 3);
    team.mlo(&["state", "migrate", "--from", ".mlo/state", "--auto-approve"]).ends_with(1).has(&["MLO6021"]);

    // Somebody whose configuration still says the old place is told where the state is.
    team.project.write("main.tf", &alone);
    team.mlo(&["plan"]).ends_with(1).has(&["MLO6021"]);
    std::fs::remove_file(team.project.path().join(".mlo/place")).unwrap();
    team.mlo(&["plan"]).ends_with(1).has(&["MLO6021", "s3://states/team/things?"]);

    let endpoint = format!("http://{}", server.address);
    let bucket =
        format!("s3://states/team/things?region=us-east-1&endpoints.s3={endpoint}&use_path_style=true");
    team.ok(&["state", "migrate", "--from", &bucket, "--auto-approve"]);
    team.ok(&["plan", "--detailed-exitcode"]).has(&["No changes."]);
    assert_eq!(team.ok(&["state", "list"]).out.lines().count(), 3);
    team.project.write("main.tf", &in_bucket);
    team.mlo(&["plan"]).ends_with(1).has(&["MLO6021"]);
}

#[test]
fn a_bucket_gets_no_secret_that_is_not_sealed() {
    let server = Server::versitygw();
    let team = Team::of(&server);
    let backend = team.project.read("main.tf");
    let (backend, _) = backend.split_once("resource").unwrap();
    let secret = "variable \"s\" {\n  sensitive = true\n  default   = \"hunter2-hunter2\"\n}\nresource \"terraform_data\" \"d\" {\n  input = var.s\n}\n";
    team.project.write("main.tf", format!("{backend}{secret}"));
    team.mlo(&["apply", "--auto-approve"]).ends_with(1).has(&[
        "MLO6013",
        "no key seals them",
        "MLO_STATE_PASSPHRASE",
    ]);
    let mut apply = team.command(&["apply", "--auto-approve"]);
    said(apply.env("MLO_STATE_PASSPHRASE", "correct horse battery")).ends_with(0);
    let mut plan = team.command(&["plan", "--detailed-exitcode"]);
    said(plan.env("MLO_STATE_PASSPHRASE", "correct horse battery")).ends_with(0).has(&["No changes."]);
    team.mlo(&["state", "list"]).ends_with(1).has(&["MLO6012"]);
    let mut open = vec![server.objects()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(path).unwrap().flatten().map(|entry| entry.path()));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains("hunter2"), "{}", path.display());
        }
    }
}

/// What Terraform writes, as far as it is read here.
fn terraforms(value: &str) -> String {
    format!(
        r#"{{"version": 4, "terraform_version": "1.11.4", "serial": 3, "lineage": "l", "outputs": {{
            "vpc": {{"value": "{value}", "type": "string"}},
            "sizes": {{"value": [1, 2], "type": ["list", "number"]}},
            "password": {{"value": "canary", "type": "string", "sensitive": true}}}},
          "resources": [], "check_results": null}}"#
    )
}

fn put(server: &Server, key: &str, body: &str) {
    let mut stream = std::net::TcpStream::connect(server.address).unwrap();
    let head = format!("PUT /{BUCKET}/{key} HTTP/1.1\r\nHost: {}\r\nConnection: close", server.address);
    stream.write_all(format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn outputs_are_read_from_a_bucket_terraforms_and_ours() {
    let server = Server::moto();
    put(&server, "net/terraform.tfstate", &terraforms("vpc-1"));
    put(&server, "env:/prod/net/terraform.tfstate", &terraforms("vpc-prod"));
    put(&server, "spaces/prod/net/terraform.tfstate", &terraforms("vpc-spaces"));
    let place = format!(
        "bucket = \"{BUCKET}\"\n    region = \"us-east-1\"\n    use_path_style = true\n    endpoints = {{ s3 = \"http://{}\" }}",
        server.address
    );
    let data = |name: &str, key: &str, more: &str| {
        format!(
            "data \"terraform_remote_state\" \"{name}\" {{\n  backend = \"s3\"\n  config = {{\n    {place}\n    key = \"{key}\"\n  }}\n{more}}}\n"
        )
    };
    let project = Project::with(&[("main.tf", ""), ("own/main.tf", "")]);
    let run = |words: &str, arguments: &[&str]| {
        let mut command = project.command(arguments);
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        if !words.is_empty() {
            command.env("MLO_STATE_PASSPHRASE", words);
        }
        said(command.env("AWS_EC2_METADATA_DISABLED", "true"))
    };
    let net = "net/terraform.tfstate";
    let prefix = data("spaces", net, "  workspace = \"prod\"\n")
        .replace("key = ", "workspace_key_prefix = \"spaces\"\n    dynamodb_table = \"locks\"\n    key = ");
    let outputs = "output \"all\" { value = [for s in [data.terraform_remote_state.default, data.terraform_remote_state.prod, data.terraform_remote_state.spaces] : s.outputs.vpc] }\noutput \"size\" { value = data.terraform_remote_state.default.outputs.sizes[1] }\noutput \"p\" {\n  value = data.terraform_remote_state.default.outputs.password\n  sensitive = true\n}\n";
    project.write(
        "main.tf",
        [data("default", net, ""), data("prod", net, "  workspace = \"prod\"\n"), prefix, outputs.to_owned()]
            .concat(),
    );
    run("", &["plan"])
        .ends_with(0)
        .has(&["vpc-1", "vpc-prod", "vpc-spaces", "(sensitive value)"])
        .has_not(&["canary"]);
    // Where this project seals its own, somebody who can write to the bucket could have put it there.
    let words = "correct horse battery";
    let in_clear = [
        "it is in clear, and a key is configured",
        "if it is meant to be in clear, say so: `in_clear = true`",
    ];
    run(words, &["plan"]).ends_with(1).has(&in_clear);
    let meant = project.read("main.tf").replace("backend = \"s3\"", "backend = \"s3\"\n  in_clear = true");
    project.write("main.tf", meant);
    run(words, &["plan"]).ends_with(0).has(&["vpc-1", "vpc-prod", "vpc-spaces"]);

    // Ours, sealed with a key that both know.
    let backend = format!("terraform {{\n  backend \"s3\" {{\n    {place}\n    key = \"ours\"\n  }}\n}}\n");
    project.write(
        "own/main.tf",
        format!("{backend}output \"vpc\" {{\n  value = \"vpc-ours\"\n  sensitive = true\n}}\n"),
    );
    run(words, &["apply", "own", "--auto-approve"]).ends_with(0);
    run(words, &["apply", "own", "--env", "prod", "--auto-approve"]).ends_with(0);
    let ours = [
        data("own", "ours", ""),
        data("prod", "ours", "  workspace = \"prod\"\n"),
        "output \"o\" {\n  value = nonsensitive(\"${data.terraform_remote_state.own.outputs.vpc} ${data.terraform_remote_state.prod.outputs.vpc}\")\n}\n".to_owned(),
    ];
    project.write("main.tf", ours.concat());
    run(words, &["plan", "--show-sensitive"]).ends_with(0).has(&["vpc-ours vpc-ours"]);
    run("", &["plan"])
        .ends_with(1)
        .has(&["the state at `s3://states/ours` cannot be read", "it is sealed with the key"]);

    // Ours, in clear.
    let open = backend.replace("\"ours\"", "\"open\"");
    project.write("own/main.tf", format!("{open}output \"vpc\" {{ value = \"vpc-open\" }}\n"));
    std::fs::remove_dir_all(project.path().join("own/.mlo")).unwrap();
    run("", &["apply", "own", "--auto-approve"]).ends_with(0);
    let ours = |more: &str| {
        let output = "output \"o\" { value = data.terraform_remote_state.open.outputs.vpc }\n";
        [data("open", "open", more), output.to_owned()].concat()
    };
    project.write("main.tf", ours(""));
    run(words, &["plan"]).ends_with(1).has(&in_clear);
    project.write("main.tf", ours("  in_clear = true\n"));
    run(words, &["plan"]).ends_with(0).has(&["vpc-open"]);

    for (text, code, says) in [
        (data("a", "nothing", ""), 1, "there is no state at `s3://states/nothing`"),
        (data("a", net, "").replace(BUCKET, "nowhere"), 1, "there is no such bucket"),
        (
            data("a", net, "").replace("region = ", "secret_key = \"hunter2\"\n region = "),
            1,
            "`secret_key` is not set here",
        ),
        (data("a", net, "").replace("region = ", "regoin = "), 1, "no setting `regoin`"),
        (
            data("a", net, "").replace("backend = \"s3\"", "backend = \"gcs\""),
            1,
            "states are read from folders and from buckets of S3",
        ),
        (data("a", net, "").replace("key = ", "path = "), 1, "`config` does not say where the state is"),
    ] {
        project.write("main.tf", &text);
        run(words, &["plan"]).ends_with(code).has(&[says, "main.tf:"]).has_not(&["hunter2"]);
    }
    put(&server, "old/terraform.tfstate", "{\"version\": 3, \"outputs\": {}}");
    project.write("main.tf", data("a", "old/terraform.tfstate", ""));
    run(words, &["plan"])
        .ends_with(1)
        .has(&["the state at `s3://states/old/terraform.tfstate` cannot be read"]);
}

#[test]
fn outputs_are_read_from_a_file_that_terraform_wrote() {
    let project = Project::with(&[
        (
            "main.tf",
            "data \"terraform_remote_state\" \"net\" {\n  backend = \"local\"\n  config  = { path = \"net/terraform.tfstate\" }\n}\noutput \"vpc\" { value = data.terraform_remote_state.net.outputs.vpc }\n",
        ),
        ("net/terraform.tfstate", &terraforms("vpc-1")),
    ]);
    project.ok(&["plan"]).has(&["vpc-1"]);
    project.write("net/terraform.tfstate", "{}");
    project.mlo(&["plan"]).ends_with(1).has(&["the state at `net/terraform.tfstate` cannot be read"]);
    std::fs::remove_file(project.path().join("net/terraform.tfstate")).unwrap();
    project.mlo(&["plan"]).ends_with(1).has(&["there is no state at `net/terraform.tfstate`"]);
}

#[test]
fn no_state_is_overwritten_by_another() {
    let text =
        "terraform {\n  backend \"local\" {}\n}\nresource \"terraform_data\" \"d\" {\n  input = 1\n}\n";
    let project = Project::with(&[("main.tf", text)]);
    for place in ["path=a", "path=b"] {
        let _ = std::fs::remove_file(project.path().join(".mlo/place"));
        project.ok(&["apply", "--auto-approve", "--backend-config", place]);
    }
    let before = std::fs::read(project.path().join("b/default/state.json")).unwrap();
    let migrate = ["state", "migrate", "--from", "a", "--to", "b", "--auto-approve"];
    project.mlo(&migrate).ends_with(1).has(&["MLO6005", "this is the state of something else"]);
    assert_eq!(std::fs::read(project.path().join("b/default/state.json")).unwrap(), before);
    let nothing = ["state", "migrate", "--from", "nowhere", "--to", "b", "--auto-approve"];
    project.mlo(&nothing).ends_with(1).has(&["there is no state in"]);
    let same = ["state", "migrate", "--from", "a", "--to", "a"];
    project.mlo(&same).ends_with(1).has(&["both places are the same"]);
}

#[test]
fn what_is_wrong_with_the_place_of_the_state_is_said_where_it_is_written() {
    let backend = |kind: &str, body: &str| format!("terraform {{\n  backend \"{kind}\" {{\n{body}  }}\n}}\n");
    for (text, said) in [
        (backend("gcs", ""), &["MLO6020", "there is no backend `gcs`", "main.tf:2:11"][..]),
        (backend("s3", "    buckte = \"b\"\n"), &["buckte", "main.tf:3"]),
        (
            backend("s3", "    bucket = \"b\"\n"),
            &["backend `s3` has no `key`", "main.tf:2", "--backend-config key="],
        ),
        (
            backend("s3", "    secret_key = \"hunter2\"\n"),
            &["`secret_key` is not set here", "main.tf:2", "AWS_ACCESS_KEY_ID"],
        ),
        (backend("s3", "    dynamodb_table = \"locks\"\n"), &["the lock lies beside the state"]),
        (backend("s3", "    encrypt = \"perhaps\"\n"), &["`encrypt` must be `true` or `false`"]),
        (backend("s3", "    bucket = var.b\n"), &["nothing can be referred to here", "main.tf:3"]),
        (backend("s3", "    bucket = \"b\"\n    key = \"a//b\"\n"), &["is no key", "main.tf:4"]),
        (
            backend("s3", "    bucket = \"b\"\n    key = \"k\"\n    endpoint = \"host\"\n"),
            &["is no URL", "main.tf:5"],
        ),
        (
            backend("local", "    path = \"main.tf\"\n"),
            &["is a file, and state is kept in a folder", "main.tf:3"],
        ),
        (format!("{}{}", backend("local", ""), backend("s3", "")), &["main.tf:6"]),
    ] {
        let project = Project::with(&[("main.tf", &text)]);
        for command in [&["plan"][..], &["state", "list"], &["force-unlock"]] {
            project.mlo(command).ends_with(1).has(said).has_not(&["hunter2"]);
        }
    }
    let project = Project::with(&[("main.tf", "output \"o\" {\n  value = 1\n}\n")]);
    project
        .mlo(&["plan", "--backend-config", "bucket=b"])
        .ends_with(1)
        .has(&["completes a `backend` block, and the configuration has none"]);
    project.write("main.tf", "terraform {\n  backend \"s3\" {}\n}\n");
    project
        .mlo(&["plan", "--backend-config", "nothing=b"])
        .ends_with(1)
        .has(&["no setting `nothing`", "It is given by `--backend-config nothing`."]);
    project.mlo(&["plan", "--backend-config", "missing.hcl"]).ends_with(1).has(&["missing.hcl"]);
}

#[test]
fn the_lock_of_a_folder_goes_with_its_process_and_cannot_be_forced() {
    let project = Project::with(&[(
        "main.tf",
        "resource \"local_command\" \"slow\" {\n  create = [\"sh\", \"-c\", \"touch begun; sleep 2; echo 1\"]\n  find = [\"false\"]\n  read = [\"true\"]\n  delete = [\"true\"]\n}\n",
    )]);
    let mut apply = project.command(&["apply", "--auto-approve"]);
    let mut child = apply.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !project.path().join("begun").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it goes on");
    }
    let pid = format!("(process {})", child.id());
    project.mlo(&["force-unlock", "--force"]).ends_with(1).has(&[&pid, "MLO6022", "end the process"]);
    assert!(child.wait().unwrap().success());
    project.ok(&["force-unlock"]).has(&["The state is not locked."]);
}

/// A service that answers every request with this refusal, and where it is.
fn refusing(status: &'static str, code: &'static str) -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let body = format!("<Error><Code>{code}</Code><Message>It is refused.</Message></Error>");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map(Result::unwrap) {
            let mut question = [0; 16 * 1024];
            let _ = stream.read(&mut question);
            let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nConnection: close");
            let _ = stream
                .write_all(format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
        }
    });
    address
}

#[test]
fn whoever_is_not_known_or_may_not_is_told_what_to_do_about_it() {
    let rows = [
        ("400 Bad Request", "ExpiredToken", "the credentials of AWS have expired: renew them"),
        ("403 Forbidden", "InvalidAccessKeyId", "the service does not know these credentials"),
        ("403 Forbidden", "SignatureDoesNotMatch", "the service does not know these credentials"),
        ("403 Forbidden", "AccessDenied", "give who runs mlo `s3:ListBucket` on the bucket"),
    ];
    let project = |address: std::net::SocketAddr| {
        let text = THINGS.replace("BUCKET", BUCKET).replace("ADDRESS", &address.to_string());
        Project::with(&[("main.tf", &text)])
    };
    for (status, code, help) in rows {
        let team = Team { project: project(refusing(status, code)) };
        for arguments in [&["plan"][..], &["state", "list"], &["state", "repair", "--auto-approve"]] {
            team.mlo(arguments)
                .ends_with(1)
                .has(&["MLO6007", code, help])
                .has_not(&["put back what mlo made"]);
        }
        team.mlo(&["state", "verify"]).ends_with(6).has(&[help]);
    }
    let project = project(refusing("403 Forbidden", "AccessDenied"));
    let mut command = project.command(&["plan"]);
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    said(&mut command).ends_with(1).has(&["MLO6007", "no credentials of AWS were found", "`AWS_PROFILE`"]);
}
