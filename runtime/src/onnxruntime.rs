//! Where ONNX Runtime's shared library is.
//!
//! In: the options and surroundings. Out: the path of a library of this machine, or every place that was looked at.
//! Never: a fetch (that is `cargo xtask`'s and pip's), or the loading itself (that is the session's).

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::config::Options;
use crate::surroundings::Surroundings;

/// The pinned release, shared with the chores that fetch it.
const PINNED: &str = include_str!("../onnxruntime.json");
/// Entries of a folder that are looked through for the library or a Python.
const FOLDER_ENTRIES_MAX: usize = 1000;

#[derive(Deserialize)]
struct Pinned {
    version: String,
    minimum: String,
}

/// Where a library was looked for, and why it is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Looked {
    /// The file or folder.
    pub path: PathBuf,
    /// Why it is not used.
    pub problem: LibraryProblem,
}

/// Why a file is not the library.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LibraryProblem {
    /// Nothing is there.
    #[error("not there")]
    Missing,
    /// It is a folder, device or pipe.
    #[error("not a regular file")]
    NotAFile,
    /// The operating system refuses to read it.
    #[error("cannot be read: {0}")]
    Unreadable(std::io::ErrorKind),
    /// It is something else.
    #[error("not a shared library of this operating system")]
    NotALibrary,
    /// It is for other processors.
    #[error("a shared library for another kind of processor")]
    OtherMachine,
    /// Its file name says that it is too old.
    #[error("version {0}, older than the least that works")]
    TooOld(String),
}

/// No library was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotFound {
    /// Every place, in the order in which they were looked at.
    pub looked: Vec<Looked>,
    /// The flag or variable that named the library, if one did: then nothing else was tried.
    pub named_by: Option<&'static str>,
}

impl std::error::Error for NotFound {}

impl fmt::Display for NotFound {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pinned = pinned();
        match self.named_by {
            Some(by) => write!(out, "{by} does not name a usable ONNX Runtime")?,
            None => write!(out, "ONNX Runtime was not found")?,
        }
        for Looked { path, problem } in &self.looked {
            write!(out, "\n  {}: {problem}", path.display())?;
        }
        write!(
            out,
            "\nObtain it with `cargo xtask demo` (in a checkout) or `pip install onnxruntime=={}`, \
             or name the library with --onnxruntime; version {} or later works",
            pinned.version, pinned.minimum
        )
    }
}

/// Finds the library: named by the operator; beside the program; in Python's packages; in the user's cache.
///
/// A library that is named must be usable: nothing else is tried then.
pub(crate) fn find(options: &Options, around: &Surroundings) -> Result<PathBuf, NotFound> {
    let named = [
        (options.onnxruntime.as_ref(), "--onnxruntime (MLO_ONNXRUNTIME)"),
        (around.ort_dylib_path.as_ref(), "ORT_DYLIB_PATH"),
    ];
    for (path, by) in named {
        if let Some(path) = path.filter(|path| !path.as_os_str().is_empty()) {
            let path = around.folder.join(path);
            return match check(&path) {
                Ok(()) => Ok(path),
                Err(problem) => Err(NotFound { looked: vec![Looked { path, problem }], named_by: Some(by) }),
            };
        }
    }
    let mut looked = Vec::new();
    for path in candidates(around) {
        match check(&path) {
            Ok(()) => return Ok(path),
            Err(problem) => looked.push(Looked { path, problem }),
        }
    }
    Err(NotFound { looked, named_by: None })
}

/// The file name without a version, as distributions and installers lay it.
fn plain_name() -> String {
    format!("{}onnxruntime{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}

/// The pinned release's file name in its wheel.
fn pinned_name(version: &str) -> String {
    if cfg!(target_os = "windows") {
        "onnxruntime.dll".to_owned()
    } else if cfg!(target_os = "macos") {
        format!("libonnxruntime.{version}.dylib")
    } else {
        format!("libonnxruntime.so.{version}")
    }
}

/// `linux-x86_64`: the key of this platform in the pin and in the cache.
fn platform() -> String {
    format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)
}

fn pinned() -> Pinned {
    serde_json::from_str(PINNED).expect("the pin is checked by a test")
}

fn candidates(around: &Surroundings) -> Vec<PathBuf> {
    let version = pinned().version;
    let mut places = Vec::new();
    let program = around.executable.as_deref().and_then(Path::parent);
    if let Some(folder) = program {
        for folder in [folder.to_owned(), folder.join("../lib/mlo")] {
            places.push(folder.join(plain_name()));
            if pinned_name(&version) != plain_name() {
                places.push(folder.join(pinned_name(&version)));
            }
        }
    }
    // A server that pip installed runs in the `bin` of its environment.
    let prefix = program.and_then(Path::parent).filter(|prefix| prefix.join("pyvenv.cfg").is_file());
    for environment in around.virtual_env.as_deref().into_iter().chain(prefix) {
        places.extend(in_python(environment));
    }
    if let Some(cache) = &around.cache {
        let folder = cache.join("mlo/onnxruntime").join(&version).join(platform());
        places.push(folder.join(pinned_name(&version)));
    }
    places
}

/// The libraries that wheels left in a Python environment, or the folder where they would be.
fn in_python(environment: &Path) -> Vec<PathBuf> {
    let capi = Path::new("site-packages/onnxruntime/capi");
    let folders: Vec<PathBuf> = if cfg!(windows) {
        vec![environment.join("Lib").join(capi)]
    } else {
        let pythons = entries(&environment.join("lib"), "python3");
        pythons.into_iter().map(|python| python.join(capi)).collect()
    };
    let mut found: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| entries(folder, plain_name().trim_end_matches(".dylib")))
        .filter(|path| !path.to_string_lossy().contains("providers"))
        .collect();
    if found.is_empty() {
        found.extend(folders.into_iter().map(|folder| folder.join(plain_name())));
    }
    if found.is_empty() {
        found.push(environment.join("lib/python3").join(capi).join(plain_name()));
    }
    found
}

/// The entries of a folder whose names start with `start`, sorted.
fn entries(folder: &Path, start: &str) -> Vec<PathBuf> {
    let Ok(found) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = found
        .take(FOLDER_ENTRIES_MAX)
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start)))
        .collect();
    found.sort();
    found
}

/// Whether a file can be loaded here, as far as its name and first bytes tell. Loading anything else would run into
/// the linker's own words, or hang on a pipe.
fn check(path: &Path) -> Result<(), LibraryProblem> {
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => LibraryProblem::Missing,
        kind => LibraryProblem::Unreadable(kind),
    };
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(LibraryProblem::NotAFile);
    }
    let mut head = Vec::with_capacity(HEAD_BYTES);
    std::fs::File::open(path)
        .and_then(|file| file.take(HEAD_BYTES as u64).read_to_end(&mut head))
        .map_err(unreadable)?;
    check_head(&head)?;
    match named_version(path) {
        Some(version) if is_older(&version, &pinned().minimum) => Err(LibraryProblem::TooOld(version)),
        _ => Ok(()),
    }
}

/// Bytes of an ELF header that are looked at.
const HEAD_BYTES: usize = 20;

/// The object format's magic number, and for ELF the processor.
fn check_head(head: &[u8]) -> Result<(), LibraryProblem> {
    if cfg!(target_os = "windows") {
        return if head.starts_with(b"MZ") { Ok(()) } else { Err(LibraryProblem::NotALibrary) };
    }
    if cfg!(target_os = "macos") {
        let known = [[0xcf, 0xfa, 0xed, 0xfe], [0xca, 0xfe, 0xba, 0xbe]];
        let is_library = head.first_chunk().is_some_and(|magic| known.contains(magic));
        return if is_library { Ok(()) } else { Err(LibraryProblem::NotALibrary) };
    }
    let (true, Some([low, high])) = (head.starts_with(b"\x7fELF"), head.get(18..20)) else {
        return Err(LibraryProblem::NotALibrary);
    };
    // `e_machine` of the ELF specification; a processor not listed here is left to the linker.
    let expected: Option<u16> = match std::env::consts::ARCH {
        "x86_64" => Some(62),
        "aarch64" => Some(183),
        _ => None,
    };
    if expected.is_some_and(|expected| expected != u16::from_le_bytes([*low, *high])) {
        return Err(LibraryProblem::OtherMachine);
    }
    Ok(())
}

/// `1.31.1` of `libonnxruntime.so.1.31.1` and `libonnxruntime.1.31.1.dylib`.
fn named_version(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let start = name.find(|c: char| c.is_ascii_digit())?;
    let version: String = name.chars().skip(start).take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let version = version.trim_end_matches('.');
    version.contains('.').then(|| version.to_owned())
}

/// Compares major and minor numbers.
fn is_older(version: &str, minimum: &str) -> bool {
    let numbers = |text: &str| -> Option<(u32, u32)> {
        let mut parts = text.split('.').map(|part| part.parse().ok());
        Some((parts.next()??, parts.next()??))
    };
    match (numbers(version), numbers(minimum)) {
        (Some(version), Some(minimum)) => version < minimum,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use clap::Parser as _;

    use super::*;

    fn elf(machine: u16) -> Vec<u8> {
        let mut head = b"\x7fELF\x02\x01\x01".to_vec();
        head.resize(18, 0);
        head.extend(machine.to_le_bytes());
        head
    }

    fn lay(path: &Path, bytes: &[u8]) -> PathBuf {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::File::create(path).unwrap().write_all(bytes).unwrap();
        path.to_owned()
    }

    /// Options of these arguments, whatever the environment of the tests names.
    fn options(arguments: &[&str]) -> Options {
        let mut options = Options::parse_from([&["mlo-runtime"], arguments].concat());
        options.onnxruntime = options.onnxruntime.filter(|_| arguments.contains(&"--onnxruntime"));
        options
    }

    #[test]
    fn the_pin_names_every_platform_with_a_digest() {
        let pin: serde_json::Value = serde_json::from_str(PINNED).unwrap();
        assert_eq!(pin["version"], pinned().version);
        for platform in ["linux-x86_64", "linux-aarch64", "macos-aarch64", "windows-x86_64"] {
            let library = &pin["libraries"][platform];
            assert_eq!(library["sha256"].as_str().unwrap().len(), 64, "{platform}");
            assert!(library["member"].as_str().unwrap().ends_with(library["file"].as_str().unwrap()));
        }
        assert_eq!(pin["libraries"][platform()]["file"], pinned_name(&pinned().version));
    }

    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    #[test]
    fn a_named_library_must_be_usable_and_nothing_else_is_tried() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let good =
            lay(&place("cache/mlo/onnxruntime/1.31.1/linux-x86_64/libonnxruntime.so.1.31.1"), &elf(62));
        lay(&place("text.so"), b"not a library at all, but long enough");
        lay(&place("arm.so"), &elf(183));
        lay(&place("short.so"), b"\x7fELF");
        lay(&place("libonnxruntime.so.1.20.0"), &elf(62));
        let around = Surroundings {
            folder: folder.path().to_owned(),
            cache: Some(place("cache")),
            ..Surroundings::default()
        };
        assert_eq!(find(&options(&[]), &around), Ok(good.clone()));
        let rows = [
            ("nowhere.so", "not there"),
            ("cache", "not a regular file"),
            ("text.so", "not a shared library of this operating system"),
            ("short.so", "not a shared library of this operating system"),
            ("arm.so", "a shared library for another kind of processor"),
            ("libonnxruntime.so.1.20.0", "version 1.20.0, older than the least that works"),
        ];
        for (name, problem) in rows {
            let refusal = find(&options(&["--onnxruntime", name]), &around).unwrap_err().to_string();
            let expected = format!(
                "--onnxruntime (MLO_ONNXRUNTIME) does not name a usable ONNX Runtime\n  {}: {problem}\nObtain it",
                place(name).display()
            );
            assert!(refusal.starts_with(&expected), "{name}: {refusal}");
        }
        let by_variable = Surroundings { ort_dylib_path: Some(place("nowhere.so")), ..around.clone() };
        assert_eq!(find(&options(&[]), &by_variable).unwrap_err().named_by, Some("ORT_DYLIB_PATH"));
        let flag_first = find(&options(&["--onnxruntime", good.to_str().unwrap()]), &by_variable);
        assert_eq!(flag_first, Ok(good), "the flag wins over the variable");
    }

    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    #[test]
    fn places_are_tried_in_order_and_listed_when_none_will_do() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let around = Surroundings {
            executable: Some(place("bin/mlo-runtime")),
            folder: folder.path().to_owned(),
            cache: Some(place("cache")),
            virtual_env: Some(place("venv")),
            ort_dylib_path: None,
            library_path: None,
            aws: std::collections::BTreeMap::new(),
            opentelemetry: std::collections::BTreeMap::new(),
        };
        let refusal = find(&options(&[]), &around)
            .unwrap_err()
            .to_string()
            .replace(folder.path().to_str().unwrap(), "");
        assert_eq!(
            refusal,
            "ONNX Runtime was not found
  /bin/libonnxruntime.so: not there
  /bin/libonnxruntime.so.1.31.1: not there
  /bin/../lib/mlo/libonnxruntime.so: not there
  /bin/../lib/mlo/libonnxruntime.so.1.31.1: not there
  /venv/lib/python3/site-packages/onnxruntime/capi/libonnxruntime.so: not there
  /cache/mlo/onnxruntime/1.31.1/linux-x86_64/libonnxruntime.so.1.31.1: not there
Obtain it with `cargo xtask demo` (in a checkout) or `pip install onnxruntime==1.31.1`, \
or name the library with --onnxruntime; version 1.24 or later works"
        );
        // From the last place to the first: each that appears is preferred to those after it.
        let capi = "venv/lib/python3.12/site-packages/onnxruntime/capi";
        let old = lay(&place(&format!("{capi}/libonnxruntime.so.1.20.1")), &elf(62));
        let cached =
            lay(&place("cache/mlo/onnxruntime/1.31.1/linux-x86_64/libonnxruntime.so.1.31.1"), &elf(62));
        assert_eq!(
            find(&options(&[]), &around),
            Ok(cached),
            "an old one in Python's packages is passed over"
        );
        std::fs::remove_file(old).unwrap();
        lay(&place(&format!("{capi}/libonnxruntime_providers_shared.so")), &elf(62));
        let wheel = lay(&place(&format!("{capi}/libonnxruntime.so.1.30.0")), &elf(62));
        assert_eq!(find(&options(&[]), &around), Ok(wheel));
        std::fs::create_dir_all(place("bin")).unwrap();
        lay(&place("lib/mlo/libonnxruntime.so"), &elf(62));
        assert_eq!(find(&options(&[]), &around), Ok(place("bin/../lib/mlo/libonnxruntime.so")));
    }
}
