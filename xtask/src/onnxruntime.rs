//! ONNX Runtime, from the wheel that its makers publish for Python: one library and its licences, into the cache.
//!
//! The pins of `runtime/onnxruntime.json` go in; the path of a library with the pinned digest comes out. A library
//! with another digest is never left in the cache.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cache::{self, Cache};
use crate::command;
use crate::failure::Failure;
use crate::python::Python;
use crate::workspace::Workspace;

const PINS: &str = "runtime/onnxruntime.json";

/// Set by a person, these say which library to use; they are asked in this order, as the server asks them.
const VARIABLES: [&str; 2] = ["MLO_ONNXRUNTIME", "ORT_DYLIB_PATH"];

/// The Python that the wheel is chosen for. The library is the same in the wheels of every Python.
const WHEEL_PYTHON: &str = "3.12";

/// Members that must lie beside the library wherever it is handed on.
const LICENCES: [&str; 2] = ["onnxruntime/LICENSE", "onnxruntime/ThirdPartyNotices.txt"];

/// Copies members of an archive into a folder, by their last names: archive, folder, members.
const EXTRACT: &str = "\
import os, shutil, sys, zipfile
archive, folder, *members = sys.argv[1:]
with zipfile.ZipFile(archive) as wheel:
    for member in members:
        with wheel.open(member) as source, open(os.path.join(folder, os.path.basename(member)), 'wb') as target:
            shutil.copyfileobj(source, target)
";

/// One platform's library, as the pins describe it.
#[derive(Debug, PartialEq, Eq)]
struct Pin {
    version: String,
    platform: String,
    wheel_platform: String,
    member: String,
    file: String,
    sha256: String,
}

/// The library's path: what a variable names, else the cache, else a download.
pub(crate) fn obtain(workspace: &Workspace, cache: &Cache) -> Result<PathBuf, Failure> {
    for name in VARIABLES {
        if let Some(path) = std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_file()) {
            return Ok(path);
        }
    }
    let pins = workspace.root().join(PINS);
    let text = fs::read_to_string(&pins).map_err(|error| Failure::io("reading", &pins, &error))?;
    let platform = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
    let pin = pin(&text, &platform)
        .map_err(|failure| failure.mend(format!("name a library by {}", VARIABLES.join(" or "))))?;
    let folder = cache.folder(&["onnxruntime", &pin.version, &pin.platform]);
    let library = folder.join(&pin.file);
    Cache::fill(&folder, |_| is_pinned(&library, &pin), |partial| download(&pin, cache, &library, partial))?;
    Ok(library)
}

/// What the pins say of `platform`, such as `linux-x86_64`.
fn pin(text: &str, platform: &str) -> Result<Pin, Failure> {
    let bad = |what: &str| Failure::new(format!("{PINS}: {what}"));
    let pins: Value = serde_json::from_str(text).map_err(|error| bad(&error.to_string()))?;
    let library = pins
        .pointer(&format!("/libraries/{platform}"))
        .ok_or_else(|| bad(&format!("there is no ONNX Runtime for {platform}")))?;
    let field = |of: &Value, name: &str| {
        of.get(name).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| bad(&format!("no `{name}`")))
    };
    Ok(Pin {
        version: field(&pins, "version")?,
        platform: platform.to_owned(),
        wheel_platform: field(library, "wheel_platform")?,
        member: field(library, "member")?,
        file: field(library, "file")?,
        sha256: field(library, "sha256")?,
    })
}

fn is_pinned(library: &Path, pin: &Pin) -> bool {
    cache::sha256(library).is_ok_and(|digest| digest == pin.sha256)
}

/// Fills `folder` with the library and its licences. `wanted` is where the library will lie in the end.
fn download(pin: &Pin, cache: &Cache, wanted: &Path, folder: &Path) -> Result<(), Failure> {
    let placed = if wanted.exists() { "its digest is not the pinned one" } else { "not there" };
    let requirement = format!("onnxruntime=={}", pin.version);
    let explain = |failure: Failure| {
        VARIABLES
            .iter()
            .fold(failure, |failure, name| failure.tried(format!("{name}: names no file")))
            .tried(format!("the cache, {}: {placed}", wanted.display()))
            .mend(format!(
                "let pip reach its index (PIP_INDEX_URL names a mirror): `pip download {requirement}`"
            ))
            .mend(format!("or name a library that is there already by {}", VARIABLES[0]))
    };
    if cache.offline() {
        return Err(explain(Failure::new(
            "ONNX Runtime is not on this machine, and --offline downloads nothing",
        )));
    }
    eprintln!("obtaining ONNX Runtime {} for {}", pin.version, pin.platform);
    let python = Python::locate(cache)?;
    let wheels = folder.join("wheels");
    command::read(
        python
            .pip("download")
            .args(["--no-deps", "--only-binary=:all:", "--python-version", WHEEL_PYTHON])
            .args(["--platform", &pin.wheel_platform, "--dest"])
            .arg(&wheels)
            .arg(requirement.as_str()),
    )
    .map_err(|failure| explain(failure.within("ONNX Runtime was not downloaded")))?;
    extract(pin, &python, &wheels, folder)?;
    cache::remove(&wheels)
}

fn extract(pin: &Pin, python: &Python, wheels: &Path, folder: &Path) -> Result<(), Failure> {
    let wheel = fs::read_dir(wheels)
        .ok()
        .and_then(|mut entries| entries.find_map(Result::ok))
        .ok_or_else(|| Failure::new("pip said that it downloaded ONNX Runtime, but there is no wheel"))?;
    command::read(
        python.command().args(["-c", EXTRACT]).arg(wheel.path()).arg(folder).arg(&pin.member).args(LICENCES),
    )?;
    let library = folder.join(&pin.file);
    let digest = cache::sha256(&library).map_err(|error| Failure::io("reading", &library, &error))?;
    if digest == pin.sha256 {
        return Ok(());
    }
    Err(Failure::new(format!("{} of the downloaded wheel is not the library that is pinned", pin.member))
        .tried(format!("sha256 {digest}"))
        .mend(format!("{PINS} pins sha256 {}: the place that served the wheel altered it", pin.sha256)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"version": "1.2.3", "libraries": {"linux-x86_64": {
        "wheel_platform": "manylinux_2_28_x86_64", "member": "onnxruntime/capi/lib.so.1.2.3",
        "file": "lib.so.1.2.3", "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}}}"#;

    /// Makes a wheel whose library holds `content`, beside a folder to extract it into.
    fn wheel(content: &str) -> (tempfile::TempDir, PathBuf) {
        let scratch = tempfile::tempdir().unwrap();
        let wheels = scratch.path().join("wheels");
        fs::create_dir(&wheels).unwrap();
        let script = "import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as wheel:
    for member in sys.argv[3:]: wheel.writestr(member, sys.argv[2])";
        let python = Python::locate(&Cache::at(scratch.path().join("cache"), true)).unwrap();
        let mut command = python.command();
        command.args(["-c", script]).arg(wheels.join("onnxruntime.whl")).arg(content);
        command::read(command.arg("onnxruntime/capi/lib.so.1.2.3").args(LICENCES)).unwrap();
        (scratch, wheels)
    }

    fn extracted(content: &str) -> (tempfile::TempDir, Result<(), Failure>) {
        let (scratch, wheels) = wheel(content);
        let python = Python::locate(&Cache::at(scratch.path().join("cache"), true)).unwrap();
        let done = extract(&pin(TEXT, "linux-x86_64").unwrap(), &python, &wheels, scratch.path());
        (scratch, done)
    }

    #[test]
    fn the_library_comes_with_its_licences() {
        let (folder, done) = extracted("abc");
        done.unwrap();
        for name in ["lib.so.1.2.3", "LICENSE", "ThirdPartyNotices.txt"] {
            assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), "abc", "{name}");
        }
    }

    #[test]
    fn another_library_than_the_pinned_one_is_refused() {
        let (_folder, done) = extracted("abd");
        let text = done.unwrap_err().to_string();
        assert!(text.contains("not the library that is pinned"), "{text}");
    }

    #[test]
    fn offline_says_where_it_looked_and_what_would_help() {
        let scratch = tempfile::tempdir().unwrap();
        let cache = Cache::at(scratch.path().to_path_buf(), true);
        let wanted = scratch.path().join("onnxruntime/lib.so.1.2.3");
        let failure = download(&pin(TEXT, "linux-x86_64").unwrap(), &cache, &wanted, scratch.path());
        let text = failure.unwrap_err().to_string();
        for part in ["MLO_ONNXRUNTIME: names no file", "lib.so.1.2.3: not there", "onnxruntime==1.2.3"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn a_platform_without_a_library_is_named() {
        let text = pin(TEXT, "plan9-mips").unwrap_err().to_string();
        assert!(text.contains("there is no ONNX Runtime for plan9-mips"), "{text}");
    }

    #[test]
    fn the_pins_of_this_repository_are_complete() {
        let workspace = Workspace::locate().unwrap();
        let text = fs::read_to_string(workspace.root().join(PINS)).unwrap();
        for platform in ["linux-x86_64", "linux-aarch64", "macos-aarch64", "windows-x86_64"] {
            let pin = pin(&text, platform).unwrap();
            assert_eq!(pin.sha256.len(), 64, "{platform}");
            assert!(pin.member.ends_with(&pin.file), "{platform}");
        }
    }
}
