//! From a URI to the one file that it means.
//!
//! In: what a manifest or a flag says, and the folders that give it meaning. Out: the absolute path of a regular file.
//! Never: a relative path that leaves the project, by `..` or by a link. Absolute paths are allowed: they say openly
//! where they point, and the operator's own machine is the operator's. That the file is still the same when it is
//! read is for its digest to show.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::{FolderProblem, ModelError};

/// Entries of a folder that are looked through for its model.
const FOLDER_ENTRIES_MAX: usize = 10_000;

/// What gives a relative path its meaning.
#[derive(Debug, Clone, Copy)]
pub struct Root<'a> {
    /// The folder that relative paths stay inside, links resolved.
    pub project: &'a Path,
    /// The folder that they start from, such as the manifest's own; inside `project`.
    pub base: &'a Path,
}

/// The file that `uri` means: `file:` URIs, paths, and folders that hold exactly one `.onnx`.
///
/// # Errors
/// [`ModelError::Scheme`] for what is fetched, [`ModelError::Uri`], [`ModelError::Missing`],
/// [`ModelError::Outside`], [`ModelError::NotAFile`], [`ModelError::Folder`], [`ModelError::Read`].
pub fn locate(uri: &str, root: &Root<'_>) -> Result<PathBuf, ModelError> {
    let written = path_of(uri)?;
    let confined = !written.is_absolute();
    let resolved = resolve(&root.base.join(&written))?;
    let file = if resolved.is_dir() {
        let only = only_model(&resolved)?;
        resolve(&only)?
    } else {
        resolved
    };
    if confined {
        let project = resolve(root.project)?;
        if !file.starts_with(&project) {
            return Err(ModelError::Outside { path: file, project });
        }
    }
    match std::fs::metadata(&file) {
        Ok(metadata) if metadata.is_file() => Ok(file),
        Ok(_) => Err(ModelError::NotAFile { path: file }),
        Err(source) => Err(ModelError::Read { path: file, source }),
    }
}

fn resolve(path: &Path) -> Result<PathBuf, ModelError> {
    path.canonicalize().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => ModelError::Missing { path: path.to_owned() },
        _ => ModelError::Read { path: path.to_owned(), source },
    })
}

/// The path that is written in a URI, not yet looked up.
fn path_of(uri: &str) -> Result<PathBuf, ModelError> {
    let wrong = |problem| ModelError::Uri { uri: uri.to_owned(), problem };
    if uri.is_empty() {
        return Err(wrong("it is empty"));
    }
    if uri.contains('\0') {
        return Err(wrong("it holds a NUL"));
    }
    let Some((scheme, rest)) = scheme_of(uri) else {
        return Ok(PathBuf::from(uri));
    };
    if scheme != "file" {
        return Err(ModelError::Scheme { scheme });
    }
    let path = match rest.strip_prefix("//") {
        Some(after) => {
            let after = after.strip_prefix("localhost").unwrap_or(after);
            if !after.starts_with('/') {
                return Err(wrong("a `file://` URI with a host; write `file:///` and the path"));
            }
            after
        }
        None => rest,
    };
    let path = decode(path).ok_or_else(|| wrong("its `%` escapes do not give a path"))?;
    if path.is_empty() {
        return Err(wrong("it names no file"));
    }
    // `file:///C:/models` on Windows.
    let drive = path.strip_prefix('/').filter(|rest| cfg!(windows) && rest.get(1..2) == Some(":"));
    Ok(PathBuf::from(drive.unwrap_or(&path)))
}

/// The scheme in lower case and what follows its colon. A single letter is a Windows drive, not a scheme.
fn scheme_of(uri: &str) -> Option<(String, &str)> {
    let (scheme, rest) = uri.split_once(':')?;
    let mut letters = scheme.chars();
    let starts = letters.next().is_some_and(|first| first.is_ascii_alphabetic());
    let goes_on =
        letters.clone().next().is_some() && letters.all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    (starts && goes_on).then(|| (scheme.to_ascii_lowercase(), rest))
}

/// Percent-decodes once. No escape may stand for a separator or a NUL, so that nothing hides behind one.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let high = char::from(*rest.next()?).to_digit(16)?;
        let low = char::from(*rest.next()?).to_digit(16)?;
        let decoded = u8::try_from(high * 16 + low).ok()?;
        if matches!(decoded, 0 | b'/' | b'\\') {
            return None;
        }
        bytes.push(decoded);
    }
    String::from_utf8(bytes).ok()
}

/// The only `.onnx` file of a folder. Hidden files do not count: editors and macOS leave them behind.
fn only_model(folder: &Path) -> Result<PathBuf, ModelError> {
    let problem = |problem| ModelError::Folder { path: folder.to_owned(), problem };
    let failed = |source| ModelError::Read { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for (index, entry) in std::fs::read_dir(folder).map_err(failed)?.enumerate() {
        if index >= FOLDER_ENTRIES_MAX {
            return Err(problem(FolderProblem::Crowded(FOLDER_ENTRIES_MAX)));
        }
        let path = entry.map_err(failed)?.path();
        let is_model = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"));
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if is_model && !hidden {
            found.push(path);
        }
    }
    match found.as_slice() {
        [] => Err(problem(FolderProblem::None)),
        [only] => Ok(only.clone()),
        several => {
            let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let mut names: Vec<String> = several.iter().map(name).collect();
            names.sort();
            Err(problem(FolderProblem::Several(names)))
        }
    }
}
