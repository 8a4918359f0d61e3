//! Where bundles come from: archives, servers, OCI registries, repositories; each locked as modules are.

use super::{RULES, key, no_word, packed, project, say};
use crate::support::Project;
use crate::support::pack::{commit, file, git, sha256, special, tar_gz};
use crate::support::server::{Answer, Server};
use serde_json::json;
use tar::EntryType;

/// A bundle that denies a word, with paths as `opa build` writes them.
fn bundle(word: &str) -> Vec<u8> {
    packed(&[
        ("/model.rego".to_owned(), RULES.to_owned()),
        ("/plan.rego".to_owned(), no_word(word)),
        ("/.manifest".to_owned(), "{\"revision\": \"r1\"}".to_owned()),
    ])
}

fn forget(project: &Project) {
    std::fs::remove_dir_all(project.path().join(".mlo/modules")).unwrap();
}

/// Plans with a bundle, which must deny what the file holds, or not.
#[track_caller]
fn denies(project: &Project, source: &str, expected: bool) {
    let said = project.mlo(&["plan", "--policies", source]);
    said.ends_with(if expected { 3 } else { 0 });
    if expected {
        said.has(&["main.hcl:3:14", "rule `no_"]);
    }
}

#[test]
fn a_bundle_on_a_server_is_fetched_once_checked_and_locked() {
    let server = Server::start();
    let first = bundle("bad");
    server.page("/company.tar.gz", Answer::of(first.clone()));
    // What OPA's servers of bundles do: no ending.
    server.page("/bundles/company", Answer::of(first.clone()));
    let project = project("bad");
    let url = server.url("/company.tar.gz");
    project.mlo(&["plan", "--policies", &url]).ends_with(3).has(&[
        "1 policy bundle was fetched; `.mlo.lock.json` says which: commit it.",
        &format!("bundle company ({url}): sha256:"),
    ]);
    let lock: serde_json::Value = serde_json::from_str(&project.read(".mlo.lock.json")).unwrap();
    assert_eq!(lock["policies"][0]["source"], url);
    assert_eq!(lock["policies"][0]["resolved"], sha256(&first));
    denies(&project, &server.url("/bundles/company"), true);
    denies(&project, &format!("{url}?checksum={}", sha256(&first)), true);
    server.asked();
    denies(&project, &url, true);
    assert_eq!(server.asked(), [""; 0], "what is there is not fetched");
    // Another bundle under the same name is refused until somebody takes it.
    server.page("/company.tar.gz", Answer::of(bundle("worse")));
    denies(&project, &url, true);
    forget(&project);
    project.mlo(&["plan", "--policies", &url]).ends_with(3).has(&[
        "error[MLO5003]: policy bundle `http://127.0.0.1:",
        "its archive is sha256:",
        "mlo get --update",
        "nothing was changed",
    ]);
    project.ok(&["get", "--update", "--policies", &url]).has(&["company.tar.gz (sha256 "]);
    denies(&project, &url, false);
    say(&project, "worse");
    denies(&project, &url, true);
    // A get that names no bundle forgets none.
    project.ok(&["get"]);
    assert!(project.read(".mlo.lock.json").contains(&url));
    assert_eq!(project.json(&["get", "--policies", &url], 0)["policies"][0]["source"], url);
    // What was changed on the disk is seen.
    let modules = project.path().join(".mlo/modules");
    for folder in std::fs::read_dir(&modules).unwrap() {
        project.write(
            folder.unwrap().path().join("plan.rego").strip_prefix(project.path()).unwrap().to_str().unwrap(),
            "package deployment.policy\n\ndeny contains \"\" if false\n",
        );
    }
    project
        .mlo(&["plan", "--policies", &url])
        .ends_with(3)
        .has(&["its files in `.mlo/modules/", "were changed"]);
}

#[test]
fn nothing_is_fetched_where_nothing_may_be() {
    let server = Server::start();
    server.page("/company.tar.gz", Answer::of(bundle("bad")));
    let project = project("bad");
    let url = server.url("/company.tar.gz");
    for arguments in [&["validate", "--policy"][..], &["plan", "--offline"]] {
        let said = project.mlo(&[arguments, &["--policies", &url]].concat());
        said.ends_with(3).has(&["MLO5003", "it is not in `.mlo/modules`", "run `mlo get`"]);
    }
    assert_eq!(server.asked(), [""; 0]);
    project.ok(&["get", "--policies", &url]).has(&["1 package was fetched"]);
    for arguments in [&["validate", "--policy"][..], &["plan", "--offline"]] {
        let said = project.mlo(&[arguments, &["--policies", &url]].concat());
        said.has(&["bundle company"]);
    }
    for (source, why) in [
        ("https://127.0.0.1:9/x.tar.gz", "error[MLO5003]: policy bundle `https://127.0.0.1:9/x.tar.gz`"),
        ("http://192.0.2.1/x.tar.gz", "plain HTTP is only read with a `?checksum=sha256:"),
        ("s3::https://host/x", "`s3::` is not supported"),
        ("git::http://192.0.2.1/x.git", "repositories are not fetched over plain HTTP"),
        ("https://user:hunter22@127.0.0.1:9/x.tar.gz", "policy bundle `https://127.0.0.1:9/x.tar.gz`"),
        ("none.tar.gz", "policy bundle `none.tar.gz`: it cannot be read: there is no such file or folder"),
    ] {
        project.mlo(&["plan", "--policies", source]).ends_with(3).has(&[why]).has_not(&["hunter22"]);
    }
}

#[test]
fn archives_made_to_do_harm_are_refused() {
    let project = project("good");
    for (entries, why) in [
        (vec![file("/../evil.rego", "")], "leads out"),
        (vec![file("a/../../evil.rego", "")], "leads out"),
        (vec![file("//etc/evil.rego", "")], "is not relative"),
        (vec![special("l.rego", EntryType::Symlink, "/etc/passwd")], "leads out"),
        (vec![special("/l.rego", EntryType::Symlink, "../../x")], "leads out"),
        (vec![special("l.rego", EntryType::Link, "x")], "a hard link"),
        (vec![special("l.rego", EntryType::Fifo, "")], "a pipe"),
        (vec![file("a.rego", ""), file("/a.rego", "")], "twice"),
    ] {
        project.write("evil.tar.gz", tar_gz(&entries));
        project.mlo(&["plan", "--policies", "evil.tar.gz"]).ends_with(3).has(&["error[MLO5003]", why]);
    }
    let large = " ".repeat(9 << 20);
    let files = [("a.rego".to_owned(), large)];
    project.write("large.tar.gz", packed(&files));
    project
        .mlo(&["plan", "--policies", "large.tar.gz"])
        .ends_with(3)
        .has(&["the bundle has more than 1000 files"]);
    let many: Vec<_> = (0..1001).map(|at| (format!("f{at}.rego"), "package a\n".to_owned())).collect();
    project.write("many.tar.gz", packed(&many));
    project
        .mlo(&["plan", "--policies", "many.tar.gz"])
        .ends_with(3)
        .has(&["the bundle has more than 1000 files"]);
    project.write("damaged.tar.gz", "hello");
    project.mlo(&["plan", "--policies", "damaged.tar.gz"]).ends_with(3).has(&["the archive cannot be read"]);
}

/// An OCI registry with one artifact, under a tag; gives the digest of its manifest.
fn artifact(server: &Server, layers: &[(&str, Option<&str>, Vec<u8>)]) -> String {
    let described = layers.iter().map(|(media_type, title, bytes)| {
        let digest = sha256(bytes);
        server.page(&format!("/v2/policies/company/blobs/{digest}"), Answer::of(bytes.clone()));
        let annotations = title.map(|title| json!({ "org.opencontainers.image.title": title }));
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len(), "annotations": annotations.unwrap_or_else(|| json!({})) })
    });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha256(b"{}"), "size": 2 },
        "layers": described.collect::<Vec<_>>(),
    })
    .to_string();
    let name = sha256(manifest.as_bytes());
    server.page(&format!("/v2/policies/company/manifests/{name}"), Answer::of(manifest.clone()));
    server.page("/v2/policies/company/manifests/1.4", Answer::of(manifest));
    name
}

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const REGO: &str = "application/vnd.cncf.openpolicyagent.policy.layer.v1+rego";
const DATA: &str = "application/vnd.cncf.openpolicyagent.data.layer.v1+json";

#[test]
fn bundles_of_oci_registries_are_those_that_oras_and_conftest_push() {
    let server = Server::start();
    let name = artifact(&server, &[(LAYER, Some("bundle.tar.gz"), bundle("bad"))]);
    let project = project("bad");
    let tag = format!("oci://{}/policies/company:1.4", server.host);
    project.mlo(&["plan", "--policies", &tag]).ends_with(3).has(&[
        "a file says bad",
        &format!("bundle company ({tag}): sha256:"),
        ", revision r1",
    ]);
    denies(&project, &format!("oci://{}/policies/company@{name}", server.host), true);
    project.ok(&["policy", "check", &tag]);
    assert!(project.read(".mlo.lock.json").contains(&name));
    // The tag moves: the lock holds the digest.
    artifact(&server, &[(LAYER, None, bundle("worse"))]);
    forget(&project);
    denies(&project, &tag, true);
    project.ok(&["get", "--update", "--policies", &tag]);
    denies(&project, &tag, false);
    // One layer a file.
    let rules = (REGO, Some("policy/model.rego"), RULES.as_bytes().to_vec());
    let plan = (REGO, Some("policy/plan.rego"), no_word("bad").into_bytes());
    let data = (DATA, Some("policy/data.json"), b"{\"a\": 1}".to_vec());
    artifact(&server, &[rules.clone(), plan, data]);
    project.ok(&["get", "--update", "--policies", &tag]);
    denies(&project, &tag, true);
    for (layers, why) in [
        (vec![(REGO, None, Vec::new())], "a layer of it has no name"),
        (vec![(REGO, Some("../evil.rego"), Vec::new())], "leads out"),
        (vec![rules, ("text/plain", Some("x"), Vec::new())], "it has not just one layer"),
        (vec![("text/plain", None, Vec::new())], "neither `archive/zip` nor a gzipped tar"),
    ] {
        artifact(&server, &layers);
        let said = project.mlo(&["get", "--update", "--policies", &tag]);
        said.ends_with(1).has(&["MLO5003", why]).has_not(&["The gate"]);
    }
}

#[test]
fn bundles_of_repositories_are_taken_at_a_tag_or_commit_and_from_a_folder() {
    let project = project("bad");
    let repository = project.path().join("repository");
    let plan = no_word("bad");
    let first = commit(
        &repository,
        &[("policies/model.rego", RULES), ("policies/plan.rego", &plan), ("notes.yaml", "a: 1")],
    );
    git(&repository, &["tag", "v1"]);
    let tag = format!("git::file://{}//policies?ref=v1", repository.display());
    project
        .mlo(&["plan", "--policies", &tag])
        .ends_with(3)
        .has(&["a file says bad", "bundle policies (git::file://"]);
    assert!(project.read(".mlo.lock.json").contains(&format!("commit:{first}")));
    denies(&project, &format!("git::file://{}//policies?ref={first}", repository.display()), true);
    let other = no_word("worse");
    commit(&repository, &[("policies/plan.rego", &other)]);
    git(&repository, &["tag", "--force", "v1"]);
    forget(&project);
    denies(&project, &tag, true);
    project.ok(&["get", "--update", "--policies", &tag]).has(&["(commit "]);
    denies(&project, &tag, false);
    let none = format!("git::file://{}//none?ref=v1", repository.display());
    project.mlo(&["plan", "--policies", &none]).ends_with(3).has(&["it has no folder `none`"]);
}

#[test]
fn a_bundle_from_elsewhere_is_let_in_by_its_signature_alone() {
    let server = Server::start();
    let project = project("good");
    let build = ["policy", "bundle", "build", "rules", "--output", "company.tar.gz", "--policy-signing-key"];
    project.ok(&[&build[..], &[&key("p256.key")]].concat());
    let bytes = std::fs::read(project.path().join("company.tar.gz")).unwrap();
    artifact(&server, &[(LAYER, None, bytes)]);
    let tag = format!("oci://{}/policies/company:1.4", server.host);
    let plan = ["plan", "--policies", &tag, "--policy-key"];
    project.ok(&[&plan[..], &[&key("p256.pem")]].concat()).has(&["signed by "]);
    project
        .mlo(&[&plan[..], &[&key("rsa.pem")]].concat())
        .ends_with(3)
        .has(&["MLO5006", "its signature (ES256) is not of"]);
    let verify = ["policy", "bundle", "verify", &tag, "--policy-key", &key("p256.pem")];
    let document = project.json(&verify, 0);
    assert_eq!((document["bundle"].as_str(), document["files"].as_u64()), (Some(tag.as_str()), Some(4)));
}
