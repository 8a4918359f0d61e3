//! The Kubernetes cluster that the tests run on, and `kubectl`: built from `tests/cluster`, whose `go.sum` says of what.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Tool, go};
use crate::cache::Cache;
use crate::command;
use crate::failure::Failure;
use crate::workspace::Workspace;

/// The version of Kubernetes that `tests/cluster/go.mod` names.
const CLUSTER: Tool = Tool { name: "cluster", version: "v1.33.13", source: "tests/cluster" };

/// What is built, one after the other: a link takes more than two gigabytes. What is said of a package is its path.
const PROGRAMS: [(&str, &str); 2] = [("kubectl", "k8s.io/kubernetes/cmd/kubectl"), ("cluster", ".")];

/// Flags of every build. Others would compile 2,400 packages anew; without symbols for debuggers it takes less of both
/// time and space.
const FLAGS: [&str; 2] = ["-trimpath", "-gcflags=all=-dwarf=false"];

/// The programs of the test cluster.
#[derive(Debug)]
pub(crate) struct TestCluster {
    pub(crate) cluster: PathBuf,
    pub(crate) kubectl: PathBuf,
}

/// The cluster and `kubectl`, built unless what they are made from was built before.
///
/// What Go fetched and compiled stays in the cache: it takes nine minutes of one processor, and after a change of
/// ours only what is ours is compiled again.
pub(crate) fn test_cluster(workspace: &Workspace, cache: &Cache) -> Result<TestCluster, Failure> {
    let source = workspace.root().join(CLUSTER.source);
    let linked = linked();
    let text = sources(&source)?;
    let folder = CLUSTER.folder(cache, &[&FLAGS[..], &[&linked, &text]].concat());
    let cluster = CLUSTER.obtain(cache, &folder, "bin/cluster", |folder, _| {
        eprintln!("the first time this compiles Kubernetes: nine minutes of one processor");
        for (program, package) in PROGRAMS {
            let mut command = Command::new(go(cache)?);
            command.arg("build").args(FLAGS).arg(&linked).arg("-o").arg(folder.join("bin").join(program));
            command::read(in_cache(&mut command, cache).arg(package).current_dir(&source))?;
        }
        let mut command = Command::new(go(cache)?);
        command.arg("vet").args(FLAGS).arg(".");
        command::read(in_cache(&mut command, cache).current_dir(&source)).map(drop)
    })?;
    let kubectl = cluster.with_file_name("kubectl");
    Ok(TestCluster { cluster, kubectl })
}

/// Keeps what Go fetches and builds beside the tools; nothing of C is in it, so that no compiler of C is needed.
fn in_cache<'c>(command: &'c mut Command, cache: &Cache) -> &'c mut Command {
    command
        .env("GOMODCACHE", cache.folder(&["go", "modules"]))
        .env("GOCACHE", cache.folder(&["go", "build"]))
        .env("GOFLAGS", "-modcacherw -buildvcs=false")
        .env("GOTOOLCHAIN", "local")
        .env("CGO_ENABLED", "0")
}

/// The flag by which both programs know their version, as in a release; `kubectl` is asked for it by what wraps it.
fn linked() -> String {
    let [major, minor] = ["1", "33"];
    let values = [
        ("gitVersion", CLUSTER.version),
        ("gitMajor", major),
        ("gitMinor", minor),
        ("gitTreeState", "clean"),
        ("gitCommit", "0000000000000000000000000000000000000000"),
        ("buildDate", "1970-01-01T00:00:00Z"),
    ];
    let mut flag = "-ldflags=-s -w".to_owned();
    for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
        for (name, value) in values {
            flag.extend([" -X ", package, ".", name, "=", value]);
        }
    }
    flag
}

/// The text of all files that the cluster is made from, each after its name.
fn sources(folder: &Path) -> Result<String, Failure> {
    let failed = |error: &std::io::Error| Failure::io("reading", folder, error);
    let entries = fs::read_dir(folder).map_err(|error| failed(&error))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut all = String::new();
    for path in paths {
        let text = fs::read_to_string(&path).map_err(|error| Failure::io("reading", &path, &error))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        all.extend([&*name, "\n", &text, "\n"]);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> PathBuf {
        Workspace::locate().unwrap().root().join(CLUSTER.source)
    }

    #[test]
    fn the_version_is_the_one_that_the_module_names() {
        let module = fs::read_to_string(source().join("go.mod")).unwrap();
        assert!(module.contains(&format!("k8s.io/kubernetes {}\n", CLUSTER.version)), "{module}");
        assert!(linked().contains("gitMinor=33") && CLUSTER.version.starts_with("v1.33."));
    }

    #[test]
    fn a_change_of_any_file_is_another_cluster() {
        let scratch = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(scratch.path().join(name), text).unwrap();
        write("main.go", "package main");
        let before = sources(scratch.path()).unwrap();
        write("more.go", "");
        assert_ne!(sources(scratch.path()).unwrap(), before);
        assert!(sources(&source()).unwrap().contains("module mlo/tests/cluster"));
    }
}
