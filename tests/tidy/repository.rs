//! The files of this repository, read once.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::source::Source;

/// Folders whose content is made, not written.
const MADE: [&str; 4] = [".git", ".mlo", "target", "node_modules"];

/// The hidden folders that are part of the repository; others belong to someone's editor.
const HIDDEN: [&str; 3] = [".cargo", ".ci", ".github"];

/// A file that is text.
#[derive(Debug)]
pub(crate) struct Text {
    /// Path from the repository's root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Everything the checks look at.
#[derive(Debug)]
pub(crate) struct Repository {
    /// Every file, with its size in bytes, in the order of paths.
    pub(crate) files: Vec<(String, u64)>,
    /// Those that are text, Rust included.
    pub(crate) texts: Vec<Text>,
    /// Those that are Rust.
    pub(crate) sources: Vec<Source>,
}

impl Repository {
    /// The repository that this test belongs to.
    pub(crate) fn this() -> &'static Self {
        static THIS: OnceLock<Repository> = OnceLock::new();
        THIS.get_or_init(|| Self::read(Path::new(env!("CARGO_MANIFEST_DIR"))))
    }

    /// A made-up one, for the tests of the checks.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let texts: Vec<Text> = files
            .iter()
            .map(|(path, text)| Text { path: (*path).to_owned(), text: (*text).to_owned() })
            .collect();
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.len() as u64)).collect();
        let rust = texts.iter().filter(|file| is_rust(&file.path));
        let sources = rust.map(|file| Source::new(&file.path, &file.text)).collect();
        Self { files, texts, sources }
    }

    /// The text of a file that must be there.
    pub(crate) fn text(&self, path: &str) -> &str {
        let found = self.texts.iter().find(|file| file.path == path);
        found.map_or_else(|| panic!("there is no {path}"), |file| file.text.as_str())
    }

    fn read(root: &Path) -> Self {
        let mut paths = Vec::new();
        walk(root, root, &mut paths);
        paths.sort();
        let bytes: Vec<(String, Vec<u8>)> =
            paths.into_iter().map(|path| (path.clone(), fs::read(root.join(path)).unwrap())).collect();
        let readable =
            bytes.iter().filter_map(|(path, bytes)| Some((path.as_str(), str::from_utf8(bytes).ok()?)));
        let read = Self::of(&readable.collect::<Vec<_>>());
        let files = bytes.iter().map(|(path, bytes)| (path.clone(), bytes.len() as u64)).collect();
        Self { files, ..read }
    }
}

/// Whether the file is Rust, by its name.
pub(crate) fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|end| end == "rs")
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
    let entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        let skipped =
            MADE.contains(&name.as_str()) || name.starts_with('.') && !HIDDEN.contains(&name.as_str());
        if kind.is_dir() && !skipped {
            walk(root, &path, found);
        } else if kind.is_file() {
            found.push(path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Repository;

    #[test]
    fn the_files_of_this_repository_are_found() {
        let this = Repository::this();
        for path in ["Cargo.toml", ".ci/run", "src/lib.rs", "examples/iris/model/iris.onnx"] {
            assert!(this.files.iter().any(|(found, _)| found == path), "{path} is not found");
        }
        assert!(this.sources.iter().any(|source| source.path == "tests/tidy/repository.rs"));
        assert!(!this.files.iter().any(|(path, _)| path.starts_with("target/")));
    }
}
