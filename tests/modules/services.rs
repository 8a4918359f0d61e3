//! Registries of modules, and OCI registries.

use super::{calling, fails, forget, saying, text};
use crate::support::pack::{commit, file, git, sha256, tar_gz, zip};
use crate::support::server::{Answer, Server};
use crate::support::{Project, said};
use serde_json::json;

/// A registry that has these versions of `acme/net/local`.
fn registry(server: &Server, versions: &[&str]) {
    server.page("/.well-known/terraform.json", Answer::of(r#"{"modules.v1":"/api/"}"#));
    let listed: Vec<_> = versions.iter().map(|version| json!({ "version": version })).collect();
    let document = json!({ "modules": [{ "versions": listed }] });
    server.page("/api/acme/net/local/versions", Answer::of(document.to_string()));
    for version in versions {
        let module = saying(version);
        let name = format!("net-{version}/sub/main.tf");
        server.page(&format!("/packs/{version}.tgz"), Answer::of(tar_gz(&[file(&name, &module)])));
        let place = Answer::of("")
            .status(204)
            .with("X-Terraform-Get", &format!("/packs/{version}.tgz//*?archive=tar.gz"));
        server.page(&format!("/api/acme/net/local/{version}/download"), place);
    }
}

fn versioned(server: &Server, constraint: &str) -> String {
    let source = format!("{}/acme/net/local//sub", server.host);
    calling(&source).replacen("\"\n}", &format!("\"\n  version = \"{constraint}\"\n}}"), 1)
}

#[test]
fn the_newest_version_that_will_do_is_taken_and_kept() {
    let server = Server::start();
    registry(&server, &["0.9.0", "1.0.0", "1.2.0", "2.0.0", "2.1.0-rc.1"]);
    let project = Project::with(&[("main.hcl", &versioned(&server, "~> 1.0"))]);
    fails(&project.mlo(&["validate"]), "MLO1043", &["run `mlo get`"]);
    project.ok(&["get"]).has(&["/acme/net/local 1.2.0 (sha256 "]);
    assert_eq!(text(&project), "1.2.0");
    registry(&server, &["1.2.0", "1.3.0", "2.0.0"]);
    server.asked();
    assert_eq!(text(&project), "1.2.0");
    assert_eq!(server.asked(), [""; 0]);
    forget(&project);
    assert_eq!(text(&project), "1.2.0");
    project.ok(&["get", "--update"]).has(&["1.3.0"]);
    assert_eq!(text(&project), "1.3.0");
    project.write("main.hcl", versioned(&server, ">= 2.0"));
    assert_eq!(text(&project), "2.0.0");
    let document = project.json(&["get"], 0);
    assert_eq!(document["modules"][0]["version"], "2.0.0");
    assert_eq!(document["modules"].as_array().unwrap().len(), 1);
    project.write("main.hcl", versioned(&server, "> 3.0"));
    fails(&project.mlo(&["plan"]), "MLO1044", &["no version meets `> 3.0`", "1.3.0"]);
    project.write("main.hcl", calling(&format!("{}/acme/none/local", server.host)));
    fails(&project.mlo(&["plan"]), "MLO1044", &["no module `acme/none/local`"]);
}

#[test]
fn a_version_without_a_constraint_is_the_newest_release_and_may_lie_in_a_repository() {
    let project = Project::new();
    let server = Server::start();
    registry(&server, &["1.0.0", "1.1.0-rc.1"]);
    project.write("main.hcl", calling(&format!("{}/acme/net/local//sub", server.host)));
    assert_eq!(text(&project), "1.0.0");
    // A registry on the network may not name what only this machine has; neither may this one.
    let repository = project.path().join("repository");
    commit(&repository, &[("sub/main.tf", &saying("from git"))]);
    git(&repository, &["tag", "v1.0.0"]);
    let place = format!("git::file://{}?ref=v1.0.0", repository.display());
    server.page(
        "/api/acme/net/local/1.0.0/download",
        Answer::of("").status(204).with("X-Terraform-Get", &place),
    );
    let answer = project.mlo(&["get", "--update"]);
    answer.ends_with(1).has(&["a folder of this machine"]);
}

#[test]
fn tokens_go_to_their_host_alone() {
    let server = Server::start();
    registry(&server, &["1.0.0"]);
    server.rule(|path, authorization| {
        let wants = path.starts_with("/api/") && authorization != "Bearer sesame99";
        wants.then(|| Answer::of("").status(401))
    });
    let project = Project::with(&[("main.hcl", &versioned(&server, "1.0.0"))]);
    fails(&project.mlo(&["plan"]), "MLO1044", &["401"]);
    let variable = format!("TF_TOKEN_{}", server.host.replace(['.', ':'], "_"));
    let answer = said(project.command(&["get"]).env(variable, "sesame99"));
    answer.ends_with(0).has_not(&["sesame99"]);
}

/// An OCI registry with one artifact, under a tag; gives the digest of its manifest.
fn artifact(server: &Server, media_type: &str, layer: Vec<u8>) -> String {
    let digest = sha256(&layer);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.opentofu.modulepkg",
        "layers": [{ "mediaType": media_type, "digest": digest, "size": layer.len() }],
    })
    .to_string();
    let name = sha256(manifest.as_bytes());
    server.page(&format!("/v2/acme/net/blobs/{digest}"), Answer::of(layer));
    server.page(&format!("/v2/acme/net/manifests/{name}"), Answer::of(manifest.clone()));
    server.page("/v2/acme/net/manifests/1.0", Answer::of(manifest));
    name
}

#[test]
fn artifacts_of_oci_registries_are_fetched_by_their_digests() {
    let server = Server::start();
    let module = saying("from oci");
    let name = artifact(&server, "archive/zip", zip(&[("net/main.tf", 0o100_644, module.as_bytes())]));
    let project = Project::new();
    for source in [
        format!("oci://{}/acme/net:1.0//net", server.host),
        format!("oci://{}/acme/net//net?tag=1.0", server.host),
        format!("oci://{}/acme/net@{name}//net", server.host),
    ] {
        project.write("main.hcl", calling(&source));
        assert_eq!(text(&project), "from oci", "{source}");
    }
    // The tag moves: the lock holds the digest.
    let second = saying("second");
    project.write("main.hcl", calling(&format!("oci://{}/acme/net:1.0//net", server.host)));
    artifact(&server, "application/vnd.oci.image.layer.v1.tar+gzip", tar_gz(&[file("net/main.tf", &second)]));
    forget(&project);
    assert_eq!(text(&project), "from oci");
    project.ok(&["get", "--update"]);
    assert_eq!(text(&project), "second");
}

#[test]
fn what_has_another_digest_or_form_is_refused() {
    let server = Server::start();
    let project = Project::with(&[("main.hcl", &calling(&format!("oci://{}/acme/net:1.0", server.host)))]);
    let layer = zip(&[("main.tf", 0o100_644, b"")]);
    artifact(&server, "archive/zip", layer.clone());
    server.page(&format!("/v2/acme/net/blobs/{}", sha256(&layer)), Answer::of("swapped"));
    fails(&project.mlo(&["plan"]), "MLO1046", &["has another digest"]);
    artifact(&server, "text/plain", layer);
    fails(&project.mlo(&["plan"]), "MLO1046", &["neither `archive/zip`"]);
    server.page("/v2/acme/net/manifests/1.0", Answer::of(r#"{"layers":[]}"#));
    fails(&project.mlo(&["plan"]), "MLO1046", &["application/vnd.opentofu.modulepkg"]);
    server.page("/v2/acme/net/manifests/1.0", Answer::of("[".repeat(100_000)));
    fails(&project.mlo(&["plan"]), "MLO1046", &["not understood"]);
}

#[test]
fn registries_that_ask_who_it_is_get_a_token_or_the_password_of_docker() {
    let server = Server::start();
    let module = saying("let in");
    artifact(&server, "archive/zip", zip(&[("main.tf", 0o100_644, module.as_bytes())]));
    let realm = server.url("/token");
    server.page(
        "/token?service=reg&scope=repository:acme/net:pull",
        Answer::of(r#"{"token":"t0ken","access_token":"t0ken"}"#),
    );
    server.rule(move |path, authorization| {
        let challenge = format!("Bearer realm=\"{realm}\",service=\"reg\"");
        let shut = path.starts_with("/v2/") && authorization != "Bearer t0ken";
        shut.then(|| Answer::of("").status(401).with("WWW-Authenticate", &challenge))
    });
    let project = Project::with(&[("main.hcl", &calling(&format!("oci://{}/acme/net:1.0", server.host)))]);
    assert_eq!(text(&project), "let in");
    server.rule(|path, authorization| {
        let shut = path.starts_with("/v2/") && authorization != "Basic dTpw";
        shut.then(|| Answer::of("").status(401).with("WWW-Authenticate", "Basic realm=\"reg\""))
    });
    forget(&project);
    fails(&project.mlo(&["plan"]), "MLO1044", &["401"]);
    project.write(
        "docker/config.json",
        json!({ "auths": { server.host.as_str(): { "auth": "dTpw" } } }).to_string(),
    );
    let answer = said(project.command(&["plan"]).env("DOCKER_CONFIG", project.path().join("docker")));
    answer.ends_with(0).has_not(&["dTpw"]);
}
