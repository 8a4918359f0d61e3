//! Files and folders to manifests.

use super::{shown, with};
use crate::diag::{Diagnostics, SourceMap};
use crate::manifest::{Manifests, load};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

fn put(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    File::create(folder.join(name)).unwrap().write_all(content.as_ref()).unwrap();
}

fn named(name: &str) -> String {
    with("").replace("name: m", &format!("name: {name}"))
}

fn loaded(path: &Path) -> (Result<(Manifests, Diagnostics), Diagnostics>, SourceMap) {
    let mut sources = SourceMap::new();
    (load(path, "project", &mut sources), sources)
}

/// The summaries of what is wrong, and where.
fn errors(path: &Path) -> Vec<String> {
    let (found, sources) = loaded(path);
    let place =
        |labels: &[crate::diag::Label]| labels.first().map_or(String::new(), |l| sources.place(l.span));
    let errors = found.expect_err("this is wrong");
    errors
        .iter()
        .map(|error| format!("{} {}", place(&error.labels), error.summary).trim().to_owned())
        .collect()
}

#[test]
fn a_folder_gives_the_manifests_of_its_own_yaml_files_by_name() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "b.yaml", named("zebra"));
    put(folder.path(), "a.yml", format!("{}\n---\n{}", named("one"), named("two")));
    put(folder.path(), ".hidden.yaml", named("hidden"));
    put(folder.path(), "c.yaml.bak", named("backup"));
    put(folder.path(), "docker-compose.yaml", "services: {web: {image: x}}\n");
    put(folder.path(), "chart.yaml", "a: {{ .Values.x }}\n\tbroken: [");
    put(
        folder.path(),
        "app.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {annotations: {a: mlifecycle.io}}\n",
    );
    put(folder.path(), "latin.yaml.txt", b"\xff\xfe");
    std::fs::create_dir(folder.path().join("folder.yaml")).unwrap();
    std::fs::create_dir(folder.path().join("deeper")).unwrap();
    put(&folder.path().join("deeper"), "d.yaml", named("deeper"));
    let (found, sources) = loaded(folder.path());
    let (found, said) = found.unwrap_or_else(|errors| panic!("{}", shown(&errors, &sources)));
    assert!(said.is_empty());
    let places: Vec<_> = found
        .iter()
        .map(|manifest| format!("{} {}", manifest.name(), sources.place(manifest.span_of("kind"))))
        .collect();
    assert_eq!(places, ["one project/a.yml:2:7", "two project/a.yml:8:7", "zebra project/b.yaml:2:7"]);
}

#[test]
fn a_folder_without_manifests_has_none_and_that_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let (found, _) = loaded(folder.path());
    assert!(found.unwrap().0.is_empty());
}

#[test]
fn what_says_that_it_is_ours_is_never_left_out() {
    let folder = tempfile::tempdir().unwrap();
    put(
        folder.path(),
        "group.yaml",
        "apiVersion: mlifecycle.io/v2\nkind: ModelDeployment\nspec: {model: {name: m, version: 1.0.0, uri: a}}\n",
    );
    put(
        folder.path(),
        "kind.yaml",
        "apiVersion: v1\nkind: modeldeployment\nspec: {model: {name: m, version: 1.0.0, uri: a}}\n",
    );
    put(
        folder.path(),
        "no-version.yaml",
        "kind: ModelDeployment\nspec: {model: {name: m, version: 1.0.0, uri: a}}\n",
    );
    put(folder.path(), "broken.yaml", "kind: ModelDeployment\n\tspec: {");
    assert_eq!(
        errors(folder.path()),
        [
            "project/broken.yaml:2:1 not valid YAML: a tab is used where YAML wants spaces",
            "project/group.yaml:1:13 the `apiVersion` of a manifest must be `mlifecycle.io/v1`, not `mlifecycle.io/v2`",
            "project/kind.yaml:1:13 the `apiVersion` of a manifest must be `mlifecycle.io/v1`, not `v1`",
            "project/kind.yaml:2:7 the `kind` of a manifest must be `ModelDeployment`, not `modeldeployment`",
            "project/no-version.yaml:1:1 `apiVersion` is missing",
        ]
    );
}

#[test]
fn names_are_unique_over_all_files_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "a.yaml", named("same"));
    put(folder.path(), "b.yaml", named("same"));
    assert_eq!(errors(folder.path()), ["project/b.yaml:4:18 two manifests are named `same`"]);
}

#[test]
fn errors_of_all_files_are_told_in_order_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["c", "a", "b"] {
        put(folder.path(), &format!("{name}.yaml"), with("  nmae: x\n  modle: y\n"));
    }
    let places: Vec<_> =
        errors(folder.path()).iter().map(|error| error.split(' ').next().unwrap().to_owned()).collect();
    let expected = ["a.yaml:5:3", "a.yaml:6:3", "b.yaml:5:3", "b.yaml:6:3", "c.yaml:5:3", "c.yaml:6:3"];
    assert_eq!(places, expected.map(|place| format!("project/{place}")));
}

#[test]
fn what_cannot_be_read_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    put(folder.path(), "latin.yaml", b"kind: ModelDeployment # \xe9\n");
    File::create(at("large.yaml")).unwrap().set_len(10 * 1024 * 1024 + 1).unwrap();
    for (name, expected) in [
        ("absent", "cannot read `project`: there is no such file or folder"),
        ("latin.yaml", "cannot read `project`: it is not UTF-8 text; byte 24 is the first that is not"),
        ("large.yaml", "cannot read `project`: it has more than 10 MiB"),
    ] {
        assert_eq!(errors(&at(name)), [expected], "{name}");
    }
    let of_folder = errors(folder.path());
    assert_eq!(of_folder.len(), 2, "the same files in a folder: {of_folder:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn pipes_and_devices_are_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.yaml");
    let mode = rustix::fs::Mode::RUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("zero.yaml")).unwrap();
    assert_eq!(errors(&pipe), ["cannot read `project`: it is not a regular file"]);
    assert_eq!(
        errors(folder.path()),
        [
            "cannot read `project/pipe.yaml`: it is not a regular file",
            "cannot read `project/zero.yaml`: it is not a regular file",
        ]
    );
}
