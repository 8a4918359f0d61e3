//! By `git`.

use super::{calling, fails, forget, saying, text};
use crate::support::pack::{commit, git};
use crate::support::server::{Answer, Server};
use crate::support::{Project, said};

fn project(reference: &str) -> (Project, std::path::PathBuf) {
    let project = Project::new();
    let repository = project.path().join("repository");
    commit(&repository, &[("net/main.tf", &saying("first")), ("README.md", "a module")]);
    git(&repository, &["tag", "v1"]);
    project.write("main.hcl", calling(&format!("git::file://{}//net{reference}", repository.display())));
    (project, repository)
}

#[test]
fn a_module_of_a_repository_is_fetched_locked_and_used_again() {
    let (project, repository) = project("?ref=v1");
    fails(&project.mlo(&["validate"]), "MLO1043", &["run `mlo get`"]);
    assert!(!project.path().join(".mlo").exists(), "validate makes nothing");
    project.ok(&["get"]).has(&["?ref=v1 (commit ", "1 package was fetched"]);
    project.ok(&["get"]).has(&["All modules are there"]);
    project.ok(&["validate"]);
    assert_eq!(text(&project), "first");
    let lock = project.read(".mlo.lock.json");
    assert!(lock.contains(&git(&repository, &["rev-parse", "v1"])), "{lock}");

    // The tag moves: the lock holds, here and for those who have only the lock.
    commit(&repository, &[("net/main.tf", &saying("second"))]);
    git(&repository, &["tag", "--force", "v1"]);
    assert_eq!(text(&project), "first");
    forget(&project);
    assert_eq!(text(&project), "first");
    assert_eq!(project.read(".mlo.lock.json"), lock);
    project.ok(&["get", "--update"]).has(&["1 package was fetched"]);
    assert_eq!(text(&project), "second");

    // Without the repository there is still what was fetched.
    std::fs::remove_dir_all(&repository).unwrap();
    assert_eq!(text(&project), "second");
    forget(&project);
    fails(&project.mlo(&["plan"]), "MLO1044", &["`git` says"]);
}

#[test]
fn a_commit_that_is_gone_is_an_error() {
    let (project, repository) = project("?ref=main");
    project.ok(&["plan"]).has(&["1 package of modules was fetched", "commit it"]);
    forget(&project);
    std::fs::remove_dir_all(repository.join(".git")).unwrap();
    commit(&repository, &[("net/main.tf", &saying("another"))]);
    fails(&project.mlo(&["plan"]), "MLO1044", &["has no commit"]);
    project.ok(&["get", "--update"]);
    assert_eq!(text(&project), "another");
}

#[test]
fn branches_tags_and_commits_are_found() {
    let (project, repository) = project("");
    let first = git(&repository, &["rev-parse", "v1"]);
    git(&repository, &["tag", "--annotate", "--message", "x", "v2"]);
    git(&repository, &["checkout", "--quiet", "-b", "feature/x"]);
    commit(&repository, &[("net/main.tf", &saying("second"))]);
    git(&repository, &["checkout", "--quiet", "main"]);
    let address = format!("git::file://{}//net", repository.display());
    for (reference, expected) in [
        ("", "first"),
        ("?ref=v1", "first"),
        ("?ref=v2", "first"),
        ("?ref=feature/x", "second"),
        ("?ref=feature%2Fx&depth=1", "second"),
        (&format!("?ref={first}"), "first"),
        (&format!("?ref={}", &first[..9]), "first"),
    ] {
        project.write("main.hcl", calling(&format!("{address}{reference}")));
        assert_eq!(text(&project), expected, "{reference}");
    }
    project.ok(&["get"]);
    assert_eq!(
        project.read(".mlo.lock.json").matches("\"source\"").count(),
        1,
        "what is not used is forgotten"
    );
    project.write("main.hcl", calling(&format!("{address}?ref=nothing")));
    fails(&project.mlo(&["plan"]), "MLO1044", &["`git` says", "nothing"]);
    project.write("main.hcl", calling(&format!("{address}/none")));
    fails(&project.mlo(&["plan"]), "MLO1040", &["no folder `net/none`"]);
}

#[test]
fn a_package_is_a_world_of_its_own() {
    let project = Project::new();
    let repository = project.path().join("repository");
    let net = "module \"inner\" {\n  source = \"../shared\"\n}\noutput \"text\" {\n  value = \"${file(\"${path.module}/word.txt\")} ${module.inner.text}\"\n}\n";
    let out = "module \"out\" {\n  source = \"../../../modules\"\n}\n";
    let broken = "output \"text\" {\n  value = var.nothing\n}\n";
    commit(
        &repository,
        &[
            ("net/main.tf", net),
            ("net/word.txt", "hello"),
            ("shared/main.tf", &saying("inner")),
            ("out/main.tf", out),
            ("broken/main.tf", broken),
            ("newer/main.tf", "mlo {\n  required_version = \">= 99.0\"\n}\n"),
        ],
    );
    std::os::unix::fs::symlink("shared", repository.join("linked")).unwrap();
    commit(&repository, &[]);
    let address = format!("git::file://{}", repository.display());
    project.write("main.hcl", calling(&format!("{address}//net")));
    assert_eq!(text(&project), "hello inner");
    project.write("main.hcl", calling(&format!("{address}//linked")));
    assert_eq!(text(&project), "inner");
    let shown = format!("file://{}//", repository.display());
    for (folder, code, place) in [
        ("out", "MLO1011", "out/main.tf:2:"),
        ("broken", "MLO1050", "broken/main.tf:2:"),
        ("newer", "MLO1031", "newer/main.tf:2:"),
    ] {
        project.write("main.hcl", calling(&format!("{address}//{folder}")));
        let said = project.mlo(&["plan"]);
        said.ends_with(1).has(&[code, &format!("{shown}{place}")]);
    }
}

#[test]
fn what_was_changed_on_disk_is_not_used() {
    let (project, _) = project("");
    project.ok(&["get"]);
    let packages = std::fs::read_dir(project.path().join(".mlo/modules")).unwrap();
    let package = packages.flatten().next().unwrap().path();
    let mode = std::os::unix::fs::PermissionsExt::mode(&package.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
    let module = package.join("net/main.tf");
    std::fs::remove_file(&module).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &module).unwrap();
    for command in ["validate", "plan"] {
        fails(&project.mlo(&[command]), "MLO1043", &["were changed", "run `mlo get`"]);
    }
    project.ok(&["get"]).has(&["1 package was fetched"]);
    assert_eq!(text(&project), "first");
}

#[test]
fn addresses_that_could_do_harm_are_refused_at_their_place() {
    let project = Project::new();
    for source in [
        "git::ext::sh -c touch% pwned",
        "git::ext::sh",
        "git::--upload-pack=touch",
        "git::ssh://-oProxyCommand=touch/x",
        "git::file:///srv/x?ref=--upload-pack=touch",
        "git::http://example.com/x.git",
        "git::fd::17",
        "s3::https://bucket/x.zip",
        "https://h/x.rar?archive=rar",
    ] {
        project.write("main.hcl", calling(source));
        fails(&project.mlo(&["plan"]), "MLO1040", &[]);
    }
    project.write("main.hcl", calling("git::https://169.254.169.254/x.git"));
    fails(&project.mlo(&["plan"]), "MLO1044", &["link-local"]);
    project.write(
        "main.hcl",
        "module \"m\" {\n  source  = \"git::https://example.com/x.git\"\n  version = \"~> 1.0\"\n}\n",
    );
    fails(&project.mlo(&["plan"]), "MLO1040", &["only modules of a registry have versions", "?ref=v1.2.0"]);
}

#[test]
fn credentials_in_an_address_are_seen_nowhere() {
    let (project, repository) = project("");
    for source in [
        "https://user:hunter22@localhost:1/x.git",
        "git::https://user:hunter22@localhost:1/x.git",
        "https://localhost:1/x.zip?access_token=hunter22",
    ] {
        project.write("main.hcl", calling(source));
        for arguments in [&["plan"][..], &["get", "--json"], &["validate", "--json"]] {
            project.mlo(arguments).ends_with(1).has_not(&["hunter22"]);
        }
    }
    assert!(!project.path().join(".mlo.lock.json").exists());
    // They get to Git all the same, which takes no heed of them here.
    project.write("main.hcl", calling(&format!("git::file://user:hunter22@{}//net", repository.display())));
    project.ok(&["plan"]).has(&["first"]).has_not(&["hunter22"]);
    project.ok(&["get", "--json"]).has_not(&["hunter22"]);
    assert!(!project.read(".mlo.lock.json").contains("hunter22"));
}

#[test]
fn offline_nothing_is_asked() {
    let (project, _) = project("");
    project.write("main.hcl", calling("https://example.com/x.zip"));
    fails(&project.mlo(&["plan", "--offline"]), "MLO1043", &["--offline"]);
    let answer = said(project.command(&["get"]).env("MLO_OFFLINE", "1"));
    fails(&answer, "MLO1043", &["--offline"]);
}

#[test]
fn a_damaged_lock_is_an_error_and_never_empty() {
    let (project, _) = project("");
    project.ok(&["get"]);
    let lock = project.read(".mlo.lock.json");
    for (from, to) in
        [("\"format_version\": 1", "\"format_version\": 9"), ("commit:", "commit:--"), ("{", "")]
    {
        project.write(".mlo.lock.json", lock.replacen(from, to, 1));
        project.mlo(&["plan"]).ends_with(1).has(&["MLO1045", ".mlo.lock.json"]);
    }
    let other = lock.replace("\"digest\": \"sha256:", "\"digest\": \"sha256:0");
    let end = other.rfind("\"\n").unwrap();
    project.write(".mlo.lock.json", [&other[..end - 1], &other[end..]].concat());
    fails(&project.mlo(&["plan"]), "MLO1045", &["its content is", "mlo get --update"]);
    project.ok(&["get", "--update"]);
    assert_eq!(project.read(".mlo.lock.json"), lock);
}

#[test]
fn a_server_leads_git_nowhere() {
    let server = Server::start();
    let there = Answer::of("").status(302).with("Location", &server.url("/inside/info/refs"));
    server.page("/x.git/info/refs?service=git-upload-pack", there);
    let project = Project::with(&[("main.hcl", &calling(&format!("git::{}", server.url("/x.git"))))]);
    fails(&project.mlo(&["plan"]), "MLO1044", &["`git` says", "leads on to another address"]);
    assert!(!server.asked().iter().any(|asked| asked.contains("/inside")));
}
