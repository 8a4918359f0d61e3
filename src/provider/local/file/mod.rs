//! `local_file`: a file with given content.
//!
//! Goes in: content as text, as base64, or as another file. Comes out: a file that is written whole or not at all.
//! Never happens: a file of somebody else overwritten, a link followed, a device written to.

mod base64;
pub(super) mod data;

use super::disk;
use crate::diag::code::provider::{ARGUMENT, NOT_OURS, UNREADABLE};
use crate::lang::eval::{AttributeSchema, BlockSchema};
use crate::lang::value::{Marks, Path as ValuePath, Type, Value};
use crate::provider::object::{attribute, empty, same, text, text_or_null, with};
use crate::provider::{
    Change, ErrorClass, Imported, PlanRequest, Planned, Progress, ProviderError, ResourceSchema, Subject,
    Surroundings,
};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Name of the resource type.
pub(super) const TYPE: &str = "local_file";
/// The arguments of which exactly one gives the content.
const CONTENTS: [&str; 4] = ["content", "sensitive_content", "content_base64", "source"];
/// Bytes of one file at most: the limit for one value of the language.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Everybody may read; the owner may write.
const MODE: &str = "0644";
/// Only the owner may read.
const MODE_SENSITIVE: &str = "0600";
/// Everybody may enter folders made on the way.
const FOLDER_MODE: &str = "0755";

pub(super) fn schema() -> ResourceSchema {
    let text = || AttributeSchema::optional(Type::String);
    let block = BlockSchema::new()
        .attribute(
            "filename",
            AttributeSchema::required(Type::String)
                .force_new()
                .describe("Path of the file; relative to the project's folder. Missing folders are made"),
        )
        .attribute("content", text().describe("Content as text"))
        .attribute("sensitive_content", text().sensitive().describe("Content as text that is shown nowhere"))
        .attribute("content_base64", text().describe("Content in base64, for bytes that are no text"))
        .attribute("source", text().describe("Path of a file to copy; relative to the project's folder"))
        .attribute(
            "file_permission",
            AttributeSchema::optional_computed(Type::String)
                .describe("Octal mode; 0644, or 0600 with `sensitive_content`, if not given"),
        )
        .attribute(
            "directory_permission",
            AttributeSchema::optional_computed(Type::String).describe(
                "Octal mode of folders that are made on the way, less the umask; 0755 if not given",
            ),
        )
        .attribute("id", AttributeSchema::computed(Type::String).describe("The same as `content_sha256`"))
        .attribute(
            "content_sha256",
            AttributeSchema::computed(Type::String).describe("SHA-256 of the content in hexadecimal"),
        );
    ResourceSchema { version: 0, description: "A file on this machine with given content", block }
}

/// Plans what can be known: the digest too, unless `source` cannot be read yet.
pub(super) fn plan(
    surroundings: Option<&Surroundings>,
    request: &PlanRequest<'_>,
) -> Result<Planned, ProviderError> {
    let wanted = request.wanted;
    check(wanted)?;
    let digest = match content(wanted, surroundings) {
        Some(Ok(bytes)) => Value::string(digest_of(&bytes)),
        // The file may be made by this very apply, which tells if it is not.
        Some(Err(error)) if error.class != ErrorClass::Absent => return Err(error),
        Some(Err(_)) | None => Value::unknown(Type::String),
    };
    let secret = !attribute(wanted, "sensitive_content").is_null();
    let digest = digest.marked(marks_of_content(wanted));
    let value = with(
        &request.proposed,
        [
            ("id", digest.clone()),
            ("content_sha256", digest),
            ("file_permission", or(wanted, "file_permission", if secret { MODE_SENSITIVE } else { MODE })),
            ("directory_permission", or(wanted, "directory_permission", FOLDER_MODE)),
        ],
    );
    Ok(Planned { value, replace: Vec::new() })
}

/// What a digest of the content must not tell is what the content must not: short secrets are guessed from it.
fn marks_of_content(object: &Value) -> Marks {
    let given = CONTENTS.into_iter().map(|name| (name, attribute(object, name)));
    given.filter(|(_, content)| !content.is_null()).fold(Marks::NONE, |marks, (name, content)| {
        let own = if name == "sensitive_content" { Marks::SENSITIVE } else { Marks::NONE };
        marks | own | content.marks_deep()
    })
}

fn or(wanted: &Value, name: &str, default: &str) -> Value {
    Some(attribute(wanted, name)).filter(|given| !given.is_null()).unwrap_or_else(|| Value::string(default))
}

/// What can be said of the arguments before anything is read; unknown ones pass.
fn check(wanted: &Value) -> Result<(), ProviderError> {
    let given: Vec<_> = CONTENTS.into_iter().filter(|name| !attribute(wanted, name).is_null()).collect();
    if given.len() != 1 {
        let got =
            if given.is_empty() { "none is".to_owned() } else { format!("`{}` are", given.join("`, `")) };
        let summary = format!("exactly one of `{}` must be given; {got}", CONTENTS.join("`, `"));
        return Err(ProviderError::permanent(summary)
            .code(&ARGUMENT)
            .help("write `content = \"\"` for an empty file"));
    }
    for name in ["file_permission", "directory_permission"] {
        if let Some(mode) = text(wanted, name).filter(|mode| parse_mode(mode).is_none()) {
            let error = ProviderError::permanent(format!("`{name}` is not an octal mode: {mode:?}"));
            return Err(error
                .code(&ARGUMENT)
                .help("write three or four octal digits, such as \"0644\"")
                .at(path_of(name)));
        }
    }
    if text(wanted, "content_base64").is_some_and(|encoded| base64::decode(encoded).is_none()) {
        let error = ProviderError::permanent("`content_base64` is not base64 with padding");
        return Err(error.code(&ARGUMENT).help("use `content` for text").at(path_of("content_base64")));
    }
    match text(wanted, "filename") {
        Some(name) if name.is_empty() || name.ends_with('/') || name.contains('\0') => {
            let error = ProviderError::permanent(format!("`filename` is not the path of a file: {name:?}"));
            Err(error.code(&ARGUMENT).at(path_of("filename")))
        }
        _ => Ok(()),
    }
}

/// The content that the arguments ask for; nothing if it is not known, or cannot be read without a connection.
fn content(object: &Value, surroundings: Option<&Surroundings>) -> Option<Result<Vec<u8>, ProviderError>> {
    if let Some(plain) = text(object, "content").or_else(|| text(object, "sensitive_content")) {
        return Some(Ok(plain.as_bytes().to_vec()));
    }
    if let Some(encoded) = text(object, "content_base64") {
        return base64::decode(encoded).map(Ok);
    }
    let source = text(object, "source")?;
    Some(read_source(&surroundings?.project.join(source)))
}

fn read_source(path: &Path) -> Result<Vec<u8>, ProviderError> {
    read_whole(path, "source")
}

/// The bytes of a regular file that an argument names.
fn read_whole(path: &Path, argument: &str) -> Result<Vec<u8>, ProviderError> {
    let wrong = |what: &str| {
        let kind = if argument == "source" { "source" } else { "file" };
        let error = ProviderError::permanent(format!("the {kind} {} {what}", path.display()));
        error.code(&UNREADABLE).at(path_of(argument))
    };
    let unreadable = |error: io::Error| {
        let absent = error.kind() == io::ErrorKind::NotFound;
        let class = if absent { ErrorClass::Absent } else { ErrorClass::Permanent };
        ProviderError { class, ..wrong("cannot be read") }
            .detail(error.to_string())
            .help("check the path; it is relative to the project's folder")
    };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(wrong("is not a regular file"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX { Err(wrong("is larger than 64 MiB")) } else { Ok(bytes) }
}

/// The file as it is: what its content and mode are now. A file that is gone, or that is a file no more, is nothing.
pub(super) fn read(surroundings: &Surroundings, prior: &Value) -> Result<Option<Value>, ProviderError> {
    let path = target(surroundings, prior)?;
    let fail = |error: io::Error| failed(&format!("cannot read {}", path.display()), &error);
    let Some(metadata) = regular(&path).map_err(fail)? else { return Ok(None) };
    let found = disk::open_regular(&path).and_then(Found::read).map_err(fail)?;
    let mut changes = Vec::new();
    if text(prior, "content_sha256") != Some(found.digest.as_str()) {
        let digest = Value::string(found.digest.as_str()).marked(marks_of_content(prior));
        changes.extend([("id", digest.clone()), ("content_sha256", digest)]);
        for name in ["content", "sensitive_content"] {
            changes.extend(found.shown(prior, name, |bytes| String::from_utf8(bytes.to_vec()).ok()));
        }
        changes.extend(found.shown(prior, "content_base64", |bytes| Some(base64::encode(bytes))));
    }
    if let Some(mode) = disk::mode_of(&metadata)
        && text(prior, "file_permission").and_then(parse_mode) != Some(mode)
    {
        changes.push(("file_permission", Value::string(format!("{mode:04o}"))));
    }
    Ok(Some(with(prior, changes)))
}

/// A regular file by its path, as the argument that its content can be given by would have it.
pub(super) fn import(surroundings: &Surroundings, path: &str) -> Result<Option<Imported>, ProviderError> {
    let blank = with(
        &empty(&schema().block),
        [("filename", Value::string(path)), ("directory_permission", Value::string(FOLDER_MODE))],
    );
    // What an argument says of the content is asked for only where the argument is given.
    for (name, placeholder) in [("content", ""), ("content_base64", "")] {
        let prior = with(&blank, [(name, Value::string(placeholder))]);
        let Some(value) = read(surroundings, &prior)? else { return Ok(None) };
        if !attribute(&value, name).is_null() {
            return Ok(Some(Imported { value, token: None }));
        }
    }
    Err(ProviderError::permanent(format!("{path:?} is too large to be imported")))
}

/// A file that Terraform made. Its `id` is a SHA-1 there; the SHA-256, which it has as well since version 2.3 of the
/// provider, is both here. Nothing if the content of a copied file is not known.
pub(super) fn of_terraform(object: &Value) -> Option<Value> {
    let digest = match text(object, "content_sha256") {
        Some(digest) => Value::string(digest),
        None => Value::string(digest_of(&content(object, None)?.ok()?)),
    };
    let digest = digest.marked(marks_of_content(object));
    Some(with(object, [("id", digest.clone()), ("content_sha256", digest)]))
}

/// The digest of a file, and its bytes if they are not too many for a value.
struct Found {
    digest: String,
    bytes: Option<Vec<u8>>,
}

impl Found {
    fn read(mut file: File) -> io::Result<Self> {
        let mut bytes = Vec::new();
        (&mut file).take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        let mut hash = Hash(Sha256::new_with_prefix(&bytes));
        let rest = io::copy(&mut file, &mut hash)?;
        Ok(Self { digest: HEXLOWER.encode(&hash.0.finalize()), bytes: (rest == 0).then_some(bytes) })
    }

    /// What an argument would have to say for this content, if `prior` gave it; null if it cannot say it.
    fn shown(
        &self,
        prior: &Value,
        name: &'static str,
        say: impl FnOnce(&[u8]) -> Option<String>,
    ) -> Option<(&'static str, Value)> {
        let before = prior.get(name).filter(|before| !before.is_null())?;
        let said = text_or_null(self.bytes.as_deref().and_then(say));
        Some((name, said.marked(before.marks())))
    }
}

/// A writer into a digest.
struct Hash(Sha256);

impl io::Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The files that this process has begun to make, by token: what is polled and not among them was begun by an earlier
/// run.
#[derive(Default)]
pub(super) struct Begun(Mutex<BTreeMap<String, Value>>);

impl Begun {
    fn files(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a later run needs to know a file again. The content is not in it.
#[derive(Serialize, Deserialize)]
struct Handle {
    filename: String,
    content_sha256: String,
    directory_permission: String,
}

/// Makes, changes or removes the file. To make one, which it is becomes the handle, so that it is durable: a file has no
/// room for a token by which it could be found.
pub(super) fn change(
    surroundings: &Surroundings,
    begun: &Begun,
    subject: Subject<'_>,
    change: Change<'_>,
) -> Result<Progress, ProviderError> {
    match change {
        Change::Create { planned } => {
            check(planned)?;
            let known = text(planned, "content_sha256").map(|digest| Ok(digest.to_owned()));
            let digest = known.unwrap_or_else(|| Ok(digest_of(&bytes_of(surroundings, planned)?)))?;
            let own = |name| text(planned, name).unwrap_or_default().to_owned();
            let handle = Handle {
                filename: own("filename"),
                content_sha256: digest,
                directory_permission: own("directory_permission"),
            };
            let handle = serde_json::to_string(&handle);
            let handle = handle.map_err(|error| ProviderError::permanent(error.to_string()))?;
            begun.files().insert(subject.token.to_owned(), planned.clone());
            Ok(Progress::Pending { handle, after: Duration::ZERO })
        }
        Change::Update { planned, .. } => {
            write(surroundings, subject, planned, true).map(|file| Progress::Done(Some(file)))
        }
        Change::Delete { prior } => remove(&target(surroundings, prior)?).map(|()| Progress::Done(None)),
    }
}

/// Goes on with a file that is made: writes it if this process has begun it, else looks whether an earlier run did. How
/// it was given its content is not known then: that, the next plan says.
pub(super) fn poll(
    surroundings: &Surroundings,
    begun: &Begun,
    subject: Subject<'_>,
    handle: &str,
) -> Result<Progress, ProviderError> {
    let planned = begun.files().remove(subject.token);
    if let Some(planned) = planned {
        return write(surroundings, subject, &planned, false).map(|file| Progress::Done(Some(file)));
    }
    let unknown = |error| ProviderError { class: ErrorClass::Retryable, ..error };
    let handle: Handle = serde_json::from_str(handle).map_err(|_| {
        unknown(ProviderError::permanent("which file was made cannot be read from the journal"))
    })?;
    let digest = Value::string(handle.content_sha256);
    let made = with(
        &empty(&schema().block),
        [
            ("filename", Value::string(handle.filename)),
            ("directory_permission", Value::string(handle.directory_permission)),
            ("id", digest.clone()),
            ("content_sha256", digest.clone()),
        ],
    );
    let found = read(surroundings, &made).map_err(unknown)?;
    Ok(Progress::Done(found.filter(|found| same(&attribute(found, "content_sha256"), &digest))))
}

/// The content that is wanted.
fn bytes_of(surroundings: &Surroundings, planned: &Value) -> Result<Vec<u8>, ProviderError> {
    content(planned, Some(surroundings))
        .unwrap_or_else(|| Err(ProviderError::permanent("the content is not known")))
}

/// Writes the file; `ours` says whether the one that may be there is.
fn write(
    surroundings: &Surroundings,
    subject: Subject<'_>,
    planned: &Value,
    ours: bool,
) -> Result<Value, ProviderError> {
    check(planned)?;
    let path = target(surroundings, planned)?;
    let bytes = bytes_of(surroundings, planned)?;
    let digest = Value::string(digest_of(&bytes)).marked(marks_of_content(planned));
    let expected = attribute(planned, "content_sha256");
    if !expected.is_unknown() && !same(&expected, &digest) {
        let summary = format!("the source of {} changed since the plan", path.display());
        let error = ProviderError::new(ErrorClass::Conflict, summary);
        return Err(error.help("plan again").at(path_of("source")));
    }
    refuse_others(&path, ours, &digest)?;
    let mode = |name, default| text(planned, name).and_then(parse_mode).unwrap_or(default);
    let fail = |error: io::Error| failed(&format!("cannot write {}", path.display()), &error);
    disk::make_folder(&disk::folder_of(&path), mode("directory_permission", 0o755)).map_err(fail)?;
    let mark = HEXLOWER.encode(Sha256::digest(subject.token.as_bytes()).get(..4).unwrap_or_default());
    disk::write_whole(&path, &bytes, mode("file_permission", 0o600), &mark).map_err(fail)?;
    Ok(with(planned, [("id", digest.clone()), ("content_sha256", digest)]))
}

/// Refuses to write where something stands that is not the file that we made. A new file may be there with the wanted
/// content already: an earlier attempt may have made it.
fn refuse_others(path: &Path, ours: bool, digest: &Value) -> Result<(), ProviderError> {
    let conflict = |what: &str| {
        ProviderError::new(ErrorClass::Conflict, format!("{} {what}", path.display()))
            .code(&NOT_OURS)
            .help("move it away, or choose another `filename`")
            .at(path_of("filename"))
    };
    let fail = |error: io::Error| failed(&format!("cannot write {}", path.display()), &error);
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(fail(error)),
        Ok(metadata) if metadata.is_symlink() => {
            Err(conflict("is a symbolic link, and links are not followed"))
        }
        Ok(metadata) if metadata.is_dir() => Err(conflict("is a folder")),
        Ok(metadata) if !metadata.is_file() => Err(conflict("is not a regular file")),
        Ok(_) if ours => Ok(()),
        Ok(_) => {
            let found = disk::open_regular(path).and_then(Found::read).map_err(fail)?;
            let same = same(&Value::string(found.digest), digest);
            if same {
                Ok(())
            } else {
                Err(conflict("exists already with other content, and was not made here"))
            }
        }
    }
}

fn remove(path: &Path) -> Result<(), ProviderError> {
    let fail = |error: io::Error| failed(&format!("cannot remove {}", path.display()), &error);
    if regular(path).map_err(fail)?.is_none() {
        return Ok(());
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(fail(error)),
        _ => disk::sync_folder(&disk::folder_of(path)).map_err(fail),
    }
}

/// What is known of the regular file at a path, without following a link; nothing if there is none.
fn regular(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata).filter(Metadata::is_file)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn target(surroundings: &Surroundings, object: &Value) -> Result<PathBuf, ProviderError> {
    let name = text(object, "filename").ok_or_else(|| ProviderError::permanent("`filename` is not known"))?;
    Ok(surroundings.project.join(name))
}

fn path_of(name: &str) -> ValuePath {
    ValuePath::root().name(name)
}

fn failed(what: &str, error: &io::Error) -> ProviderError {
    let help = match error.kind() {
        io::ErrorKind::PermissionDenied => "check who owns the folder and whether you may write there",
        io::ErrorKind::StorageFull => "make room on the disk",
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only: choose another `filename`",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "a part of the path is a file and not a folder: choose another `filename`"
        }
        _ => "check the path and its folder",
    };
    ProviderError::permanent(what)
        .code(&UNREADABLE)
        .detail(error.to_string())
        .help(help)
        .at(path_of("filename"))
}

fn digest_of(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// Three or four octal digits.
fn parse_mode(mode: &str) -> Option<u32> {
    let digits = (3..=4).contains(&mode.len()) && mode.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    if digits { u32::from_str_radix(mode, 8).ok() } else { None }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
