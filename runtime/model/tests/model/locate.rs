//! URIs in, files or refusals out.

use std::path::PathBuf;

use mlo_model::{FolderProblem, ModelError, Root, locate};

/// A project with a model, a folder of models, and a secret beside it.
struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { root: tempfile::tempdir().unwrap() };
        for file in [
            "project/models/iris.onnx",
            "project/models/notes.txt",
            "project/models/.hidden.onnx",
            "project/two/a.onnx",
            "project/two/B.ONNX",
            "project/with space/m.onnx",
            "project/team/model.yaml",
            "secret/other.onnx",
        ] {
            let path = place.path(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::File::create(path).unwrap();
        }
        std::fs::create_dir(place.path("project/empty")).unwrap();
        place
    }

    fn path(&self, inner: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(inner)
    }

    /// What `uri` means in the manifest `project/team/model.yaml`; the scratch folder's own path taken out.
    fn locate(&self, uri: &str) -> String {
        let (project, base) = (self.path("project"), self.path("project/team"));
        let text = match locate(uri, &Root { project: &project, base: &base }) {
            Ok(path) => path.display().to_string(),
            Err(error) => error.to_string(),
        };
        text.replace(&format!("{}/", self.root.path().canonicalize().unwrap().display()), "")
    }
}

#[test]
fn a_uri_means_one_file() {
    let place = Place::new();
    let absolute = place.path("secret/other.onnx").display().to_string();
    let rows = [
        ("../models/iris.onnx", "project/models/iris.onnx"),
        ("file:../models/iris.onnx", "project/models/iris.onnx"),
        ("../models", "project/models/iris.onnx"),
        ("../models/", "project/models/iris.onnx"),
        ("FILE:../with%20space", "project/with space/m.onnx"),
        ("../with space/m.onnx", "project/with space/m.onnx"),
        (&absolute, "secret/other.onnx"),
        (&format!("file://{absolute}"), "secret/other.onnx"),
        (&format!("file://localhost{absolute}"), "secret/other.onnx"),
        (&format!("file:{absolute}"), "secret/other.onnx"),
    ];
    for (uri, expected) in rows {
        assert_eq!(place.locate(uri), expected, "{uri}");
    }
}

#[test]
fn what_is_not_one_file_is_refused_in_words() {
    let place = Place::new();
    let later = |scheme| {
        format!("models from `{scheme}:` are not supported yet by this version (a file or a folder is)")
    };
    let rows: Vec<(&str, String)> = vec![
        ("s3://bucket/model.onnx", later("s3")),
        ("https://host/model.onnx", later("https")),
        ("http://host/model.onnx", later("http")),
        ("models:/iris/1", later("models")),
        ("oci://registry/repo@sha256:00", later("oci")),
        ("", "`` is not a usable model URI: it is empty".to_owned()),
        ("file:", "`file:` is not a usable model URI: it names no file".to_owned()),
        (
            "file://host/model.onnx",
            "`file://host/model.onnx` is not a usable model URI: a `file://` URI with a host; write `file:///` and the path"
                .to_owned(),
        ),
        (
            "file:..%2fmodels",
            "`file:..%2fmodels` is not a usable model URI: its `%` escapes do not give a path".to_owned(),
        ),
        (
            "file:a%zz",
            "`file:a%zz` is not a usable model URI: its `%` escapes do not give a path".to_owned(),
        ),
        ("../nowhere.onnx", "there is no model at project/team/../nowhere.onnx".to_owned()),
        ("../empty", "the folder project/empty holds no `.onnx` file".to_owned()),
        ("../two", "the folder project/two holds 2 `.onnx` files, and one is needed: B.ONNX, a.onnx".to_owned()),
        ("../../secret/other.onnx", "secret/other.onnx is outside of the project project".to_owned()),
        ("../../secret", "secret/other.onnx is outside of the project project".to_owned()),
    ];
    for (uri, expected) in rows {
        let got =
            place.locate(uri).replace(&place.root.path().canonicalize().unwrap().display().to_string(), "");
        assert_eq!(got, expected, "{uri}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_inside_is_fine_and_one_that_leads_out_is_not() {
    let place = Place::new();
    std::os::unix::fs::symlink(
        place.path("project/models/iris.onnx"),
        place.path("project/team/latest.onnx"),
    )
    .unwrap();
    std::os::unix::fs::symlink(place.path("secret/other.onnx"), place.path("project/empty/out.onnx"))
        .unwrap();
    std::os::unix::fs::symlink("/dev/zero", place.path("project/two/zero")).unwrap();
    assert_eq!(place.locate("latest.onnx"), "project/models/iris.onnx");
    for leaving in ["../empty/out.onnx", "../empty", "../two/zero"] {
        assert!(place.locate(leaving).contains("is outside of the project"), "{leaving}");
    }
    assert!(place.locate("/dev/zero").contains("is not a regular file"));
}

#[test]
fn a_folder_with_too_many_entries_is_not_searched_through() {
    let root = tempfile::tempdir().unwrap();
    for index in 0..10_001 {
        std::fs::File::create(root.path().join(index.to_string())).unwrap();
    }
    let found = locate(".", &Root { project: root.path(), base: root.path() });
    assert!(matches!(found, Err(ModelError::Folder { problem: FolderProblem::Crowded(10_000), .. })));
}
