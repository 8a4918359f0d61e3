//! Which files are read, and how they are named.

use super::arguments::twice;
use super::{BuiltinFiles, Folder, LoadRequest, Root, blocks, overrides};
use crate::diag::{Code, Diagnostic, Diagnostics, SourceMap, Span, code};
use crate::lang::config::ModuleSource;
use crate::lang::fetch::{FetchError, Project};
use crate::lang::syntax::ast::Body;
use crate::lang::syntax::{SOURCE_BYTES_MAX, decode, json, parse};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Bytes of an archive of the project.
const ARCHIVE_BYTES_MAX: usize = 64 << 20;

/// Where a module is: what tells whether two are the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Location {
    /// A folder, relative to the project.
    Folder(PathBuf),
    /// `mlo://name`
    Builtin(String),
    /// A folder of a package.
    Package(PackageRoot, PathBuf),
}

/// A package that was fetched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PackageRoot {
    /// Its folder, relative to the project.
    pub(super) at: PathBuf,
    /// What it is called before the names of its files.
    pub(super) shown: String,
}

impl Location {
    /// The place that a path means, seen from this one; nothing if that leads out of what this is a part of.
    pub(super) fn beside(&self, path: &str) -> Option<Self> {
        match self {
            Self::Folder(folder) => normal(&folder.join(path)).map(Self::Folder),
            Self::Builtin(name) => {
                let path = normal(&Path::new(name).join(path))?;
                path.to_str().map(|path| Self::Builtin(path.to_owned()))
            }
            Self::Package(root, folder) => {
                normal(&folder.join(path)).map(|path| Self::Package(root.clone(), path))
            }
        }
    }

    /// What this is a part of, in words.
    pub(super) fn whole(&self) -> &'static str {
        match self {
            Self::Package(..) => "its package",
            Self::Folder(_) | Self::Builtin(_) => "the project",
        }
    }
}

/// The files of a project and of the modules that come with the program.
pub(super) struct Files<'r> {
    project: Source<'r>,
    /// The root module's folder, relative to the project.
    root: PathBuf,
    /// How the root module's folder is shown.
    shown: PathBuf,
    builtin: &'r dyn Fn(&str) -> Option<BuiltinFiles>,
    builtin_names: &'r [&'r str],
}

enum Source<'r> {
    Disk(Project),
    Memory(&'r BTreeMap<String, String>),
    /// Files of the project from memory, and what was fetched for it from a disk.
    Saved(&'r BTreeMap<String, String>, Project),
    Nothing,
}

impl<'r> Files<'r> {
    pub(super) fn new(request: &LoadRequest<'r>) -> Result<Self, FetchError> {
        let (project, root, shown) = match request.root {
            Root::Folder { project, module, shown } => (
                Source::Disk(Project::open(project)?),
                normal(module).ok_or(FetchError::Outside)?,
                shown.to_owned(),
            ),
            Root::Memory(files) => (Source::Memory(files), PathBuf::new(), PathBuf::new()),
            Root::Saved { files, project, shown } => {
                (Source::Saved(files, Project::open(project)?), PathBuf::new(), shown.to_owned())
            }
            Root::Builtin(_) => (Source::Nothing, PathBuf::new(), PathBuf::new()),
        };
        let (builtin, builtin_names) = (request.builtin, request.builtin_names);
        Ok(Self { project, root, shown, builtin, builtin_names })
    }

    pub(super) fn builtin_names(&self) -> impl Iterator<Item = &'r str> {
        self.builtin_names.iter().copied()
    }

    /// Names of what is in a module's folder, in order.
    pub(super) fn list(&self, location: &Location) -> Result<Vec<String>, FetchError> {
        let folder = match location {
            Location::Builtin(name) => {
                let files = (self.builtin)(name).ok_or(FetchError::NotFound)?;
                let names: BTreeSet<_> = files.into_iter().map(|(name, _)| name).collect();
                return Ok(names.into_iter().collect());
            }
            Location::Folder(folder) => folder.clone(),
            Location::Package(root, folder) => root.at.join(folder),
        };
        match &self.project {
            Source::Disk(project) => project.list(&folder),
            Source::Saved(_, project) if is_fetched(&folder) => project.list(&folder),
            Source::Memory(files) | Source::Saved(files, _) => {
                let inside = |file: &&String| Path::new(file.as_str()).starts_with(&folder);
                if !folder.as_os_str().is_empty() && !files.keys().any(|file| inside(&file)) {
                    return Err(FetchError::NotFound);
                }
                let names = files.keys().map(|file| Path::new(file.as_str()));
                let names = names.filter(|file| file.parent() == Some(folder.as_path()));
                Ok(names.filter_map(|file| Some(file.file_name()?.to_str()?.to_owned())).collect())
            }
            Source::Nothing => Err(FetchError::NotFound),
        }
    }

    fn read(&self, location: &Location, name: &str) -> Result<Cow<'r, [u8]>, FetchError> {
        match location {
            Location::Builtin(module) => {
                let files = (self.builtin)(module).ok_or(FetchError::NotFound)?;
                let file = files.into_iter().find(|(file, _)| file == name).ok_or(FetchError::NotFound)?;
                Ok(Cow::Borrowed(file.1.as_bytes()))
            }
            Location::Folder(folder) => self.read_path(&folder.join(name), SOURCE_BYTES_MAX),
            Location::Package(root, folder) => {
                self.read_path(&root.at.join(folder).join(name), SOURCE_BYTES_MAX)
            }
        }
    }

    fn read_path(&self, path: &Path, bytes_max: usize) -> Result<Cow<'r, [u8]>, FetchError> {
        match &self.project {
            Source::Disk(project) => project.read(path, bytes_max).map(Cow::Owned),
            Source::Saved(_, project) if is_fetched(path) => project.read(path, bytes_max).map(Cow::Owned),
            Source::Memory(files) | Source::Saved(files, _) => {
                let text = path.to_str().and_then(|path| files.get(path)).ok_or(FetchError::NotFound)?;
                Ok(Cow::Borrowed(text.as_bytes()))
            }
            Source::Nothing => Err(FetchError::NotFound),
        }
    }

    /// The bytes of an archive at a place.
    pub(super) fn read_archive(&self, location: &Location) -> Result<Vec<u8>, FetchError> {
        let path = match location {
            Location::Builtin(_) => return Err(FetchError::NotFound),
            Location::Folder(path) => path.clone(),
            Location::Package(root, path) => root.at.join(path),
        };
        self.read_path(&path, ARCHIVE_BYTES_MAX).map(Cow::into_owned)
    }

    /// What a module says of where it is.
    pub(super) fn source(&self, location: &Location) -> ModuleSource {
        match location {
            Location::Folder(folder) => ModuleSource::Folder(self.shown_folder(folder)),
            Location::Package(root, folder) => ModuleSource::Folder(self.shown_folder(&root.at.join(folder))),
            Location::Builtin(name) => ModuleSource::Builtin(name.clone()),
        }
    }

    /// How a module's folder is shown; `.` for the current folder.
    pub(super) fn shown_folder(&self, folder: &Path) -> PathBuf {
        let shown = self.shown_path(folder);
        if shown.as_os_str().is_empty() { PathBuf::from(".") } else { shown }
    }

    /// A path of the project as it is shown: relative to where the root module's folder is shown.
    fn shown_path(&self, path: &Path) -> PathBuf {
        let mut up = self.root.components();
        let mut down = path.components();
        let same = up.clone().zip(down.clone()).take_while(|(ours, theirs)| ours == theirs).count();
        for _ in 0..same {
            up.next();
            down.next();
        }
        let mut shown = self.shown.clone();
        for _ in up {
            // Going up from what is shown: its last folder goes, or one more `..` comes.
            if matches!(shown.components().next_back(), Some(Component::Normal(_))) {
                shown.pop();
            } else {
                shown.push("..");
            }
        }
        shown.extend(down);
        shown
    }

    /// A module's place in words.
    pub(super) fn show(&self, location: &Location) -> String {
        match location {
            Location::Folder(folder) => slashes(&self.shown_folder(folder)),
            Location::Builtin(name) => format!("mlo://{name}"),
            Location::Package(root, folder) if folder.as_os_str().is_empty() => root.shown.clone(),
            Location::Package(root, folder) => format!("{}//{}", root.shown, slashes(folder)),
        }
    }

    pub(super) fn show_file(&self, location: &Location, name: &str) -> String {
        match location {
            Location::Folder(folder) => slashes(&self.shown_path(&folder.join(name))),
            Location::Builtin(module) => format!("mlo://{module}/{name}"),
            Location::Package(root, folder) => format!("{}//{}", root.shown, slashes(&folder.join(name))),
        }
    }
}

/// Whether a path of the project leads to what was fetched for it.
fn is_fetched(path: &Path) -> bool {
    path.starts_with(".mlo")
}

/// A path with `/` on every system.
fn slashes(path: &Path) -> String {
    let text = path.display().to_string();
    if cfg!(windows) { text.replace('\\', "/") } else { text }
}

/// A relative path without `.` and `..`; nothing if it leads out or is absolute.
pub(super) fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::CurDir => {}
            Component::ParentDir if normal.pop() => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(normal)
}

/// What a file of a folder is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Read.
    Source,
    /// Changes blocks of other files.
    Override,
    /// Nothing.
    Other,
}

/// The name of a file in the JSON form of the language ends with this.
const JSON: &str = ".json";

fn role(name: &str) -> Role {
    let native = name.strip_suffix(JSON).unwrap_or(name);
    let Some(stem) = native.strip_suffix(".hcl").or_else(|| native.strip_suffix(".tf")) else {
        return Role::Other;
    };
    if stem.is_empty() || name.starts_with('.') || stem.ends_with(".tftest") || stem.ends_with(".tfmock") {
        Role::Other
    } else if stem == "override" || stem.ends_with("_override") {
        Role::Override
    } else {
        Role::Source
    }
}

/// Whether a file of that name has tests.
pub(super) fn is_tests(name: &str) -> bool {
    is_of(name, ".tftest")
}

/// Whether a file of that name has what mocks share.
pub(super) fn is_mocks(name: &str) -> bool {
    is_of(name, ".tfmock")
}

fn is_of(name: &str, kind: &str) -> bool {
    let native = name.strip_suffix(".hcl").or_else(|| name.strip_suffix(JSON));
    native.is_some_and(|stem| stem.ends_with(kind)) && !name.starts_with('.')
}

pub(super) fn code_of(error: &FetchError) -> Code {
    match error {
        FetchError::Outside => code::lang::OUTSIDE,
        FetchError::TooLarge { .. } => code::lang::LIMIT,
        _ => code::lang::UNREADABLE,
    }
}

/// Reads and parses all files of a module. Nothing if the folder itself cannot be read.
pub(super) fn read_folder(
    files: &Files<'_>,
    location: &Location,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Option<Folder> {
    let names = match files.list(location) {
        Ok(names) => names,
        Err(error) => {
            let shown = files.show(location);
            let summary = format!("folder `{shown}` cannot be read: {error}");
            diagnostics.push(Diagnostic::error(code_of(&error), summary));
            return None;
        }
    };
    let mut folder = Folder { bodies: Vec::new(), whole: true, empty: true };
    let mut overrides = Vec::new();
    for name in names {
        let role = role(&name);
        if role == Role::Other {
            continue;
        }
        folder.empty = false;
        let (body, messages) = read_file(files, location, &name, &blocks::LABELS, sources);
        folder.whole &= !messages.has_errors();
        diagnostics.extend(messages);
        match role {
            Role::Override => overrides.extend(body),
            _ => folder.bodies.extend(body),
        }
    }
    overrides::merge(&mut folder.bodies, overrides, folder.whole, diagnostics);
    Some(folder)
}

/// The place of a file whose text is not known: its beginning.
fn unread(shown: String, sources: &mut SourceMap) -> Span {
    Span { source: sources.add(shown, ""), start: 0, end: 0 }
}

/// The tree of a file whose blocks are of these kinds; nothing if it cannot be read.
pub(super) fn read_file(
    files: &Files<'_>,
    location: &Location,
    name: &str,
    kinds: &[(&'static str, usize)],
    sources: &mut SourceMap,
) -> (Option<Body>, Diagnostics) {
    let shown = files.show_file(location, name);
    let bytes = match files.read(location, name) {
        Ok(bytes) => bytes,
        Err(error) => {
            let summary = format!("file `{shown}` cannot be read: {error}");
            let error = Diagnostic::error(code_of(&error), summary).at(unread(shown, sources), "");
            return (None, error.into());
        }
    };
    let (body, mut messages) = parse_bytes(shown, &bytes, sources);
    let body = body.map(|body| blocks::of_file(body, kinds, &mut messages));
    for block in body.iter().flat_map(Body::blocks) {
        let labels = block.labels.iter().map(|label| format!(" \"{}\"", label.name));
        sources
            .outline(block.span, labels.fold(block.kind.name.to_string(), |header, label| header + &label));
    }
    (body, messages)
}

/// The tree of a file that was read; nothing if it is not text.
fn parse_bytes(shown: String, bytes: &[u8], sources: &mut SourceMap) -> (Option<Body>, Diagnostics) {
    let text = match decode(bytes) {
        Ok(text) => text,
        Err(at) => {
            let source = sources.add(shown, String::from_utf8_lossy(bytes).as_ref());
            let start = u32::try_from(at).unwrap_or(u32::MAX);
            // What is shown there is the replacement character, three bytes long.
            let span = Span { source, start, end: start.saturating_add(3) };
            let byte = bytes.get(at).copied().unwrap_or(0);
            let error =
                Diagnostic::error(code::lang::NOT_UTF8, format!("byte 0x{byte:02x} is not UTF-8 text"));
            return (None, error.at(span, "here").help("save the file as UTF-8").into());
        }
    };
    let text: Arc<str> = text.into();
    let is_json = shown.ends_with(JSON);
    let source = sources.add(shown, text.clone());
    if is_json {
        let (body, messages) = json::parse(source, &text);
        return (Some(body), messages);
    }
    let parsed = parse(source, &text);
    (Some(parsed.file.body), parsed.diagnostics)
}

/// Whether a folder has files of the language, of whatever form.
pub fn has_configuration(folder: &Path) -> bool {
    let names = Project::open(folder).and_then(|project| project.list(Path::new("")));
    names.is_ok_and(|names| names.iter().any(|name| role(name) != Role::Other))
}

/// Whether a file of this name in a module's folder is one of the module's, in the language's own form.
pub fn is_configuration(name: &str) -> bool {
    role(name) == Role::Source && !name.ends_with(JSON)
}

/// Reads one file that is not part of a module, such as a file of values; in the JSON form if its name ends so, strings
/// as they are. `shown` is its name for the user.
///
/// # Errors
/// If it cannot be read, is too large, is not text, or is not HCL.
pub fn read_body(file: &Path, shown: &str, sources: &mut SourceMap) -> Result<Body, Diagnostics> {
    let name = file.file_name().map(Path::new).ok_or(FetchError::NotFound);
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let bytes = name.and_then(|name| Project::open(folder)?.read(name, SOURCE_BYTES_MAX));
    let bytes = bytes.map_err(|error| {
        Diagnostics::from(Diagnostic::error(
            code_of(&error),
            format!("file `{shown}` cannot be read: {error}"),
        ))
    })?;
    let (body, mut messages) = parse_bytes(shown.to_owned(), &bytes, sources);
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    // In other files the parser has looked for these.
    for property in body.iter().flat_map(Body::attributes).filter(|property| property.json.is_some()) {
        match seen.get(property.name.name.as_ref()) {
            Some(first) => {
                let what = format!("argument `{}`", property.name.name);
                messages.push(twice(&what, property.name.span, *first));
            }
            None => drop(seen.insert(&property.name.name, property.name.span)),
        }
    }
    match (body, messages) {
        (Some(body), messages) => messages.into_result(body).map(|(body, _)| body),
        (None, messages) => Err(messages),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_load_are_told_by_their_names() {
        for (name, expected) in [
            ("main.hcl", Role::Source),
            ("main.tf", Role::Source),
            ("a.b.tf", Role::Source),
            (".hidden.hcl", Role::Other),
            (".terraform.lock.hcl", Role::Other),
            (".tf", Role::Other),
            ("x.tftest.hcl", Role::Other),
            ("x.tfmock.hcl", Role::Other),
            ("main.tf.json", Role::Source),
            ("main.hcl.json", Role::Source),
            ("override.tf.json", Role::Override),
            ("x_override.hcl.json", Role::Override),
            ("x.tftest.json", Role::Other),
            (".hidden.tf.json", Role::Other),
            (".tf.json", Role::Other),
            ("x.tftest.hcl.json", Role::Other),
            ("data.json", Role::Other),
            ("override.tf", Role::Override),
            ("x_override.hcl", Role::Override),
            ("terraform.tfvars", Role::Other),
            ("main.tf~", Role::Other),
            ("iris.yaml", Role::Other),
        ] {
            assert_eq!(role(name), expected, "{name}");
        }
    }

    #[test]
    fn paths_are_shown_from_where_the_root_module_is_shown() {
        let files = |root: &str, shown: &str| Files {
            project: Source::Nothing,
            root: root.into(),
            shown: shown.into(),
            builtin: &|_| None,
            builtin_names: &[],
        };
        for (root, shown, path, expected) in [
            ("", "", "main.hcl", "main.hcl"),
            ("", "", "modules/a/main.hcl", "modules/a/main.hcl"),
            ("", "examples/iris", "main.hcl", "examples/iris/main.hcl"),
            ("", "/abs", "m/main.hcl", "/abs/m/main.hcl"),
            ("envs/prod", "", "envs/prod/main.hcl", "main.hcl"),
            ("envs/prod", "", "modules/a/main.hcl", "../../modules/a/main.hcl"),
            ("envs/prod", "envs/prod", "modules/a/main.hcl", "modules/a/main.hcl"),
            ("envs/prod", "prod", "modules/a/main.hcl", "../modules/a/main.hcl"),
        ] {
            assert_eq!(
                files(root, shown).shown_path(Path::new(path)),
                Path::new(expected),
                "{root} {shown} {path}"
            );
        }
    }
}
