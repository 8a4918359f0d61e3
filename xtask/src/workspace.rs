//! Where this repository is, and the Cargo that started the chore.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::command;
use crate::failure::Failure;

/// How a build is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to build, for checks and the demo.
    Dev,
    /// As it is shipped, for figures.
    Release,
}

/// The repository and its Cargo.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    cargo: OsString,
}

impl Workspace {
    /// Finds the repository by what `cargo run` says of this package.
    pub(crate) fn locate() -> Result<Self, Failure> {
        let package =
            std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = PathBuf::from(package).parent().map(Path::to_path_buf);
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        root.filter(|root| root.join("Cargo.toml").is_file())
            .map(|root| Self { root, cargo })
            .ok_or_else(|| Failure::new("this is not the repository").mend("run `cargo xtask` inside it"))
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// `cargo` with `arguments`, to run in the root.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.cargo);
        command.args(arguments).current_dir(&self.root);
        command
    }

    /// Builds packages and gives the path of the first one's program. What else they make lies beside it, where it looks.
    pub(crate) fn build(&self, packages: &[&str], profile: Profile) -> Result<PathBuf, Failure> {
        let mut cargo = self.cargo(&["build", "--locked", "--message-format=json-render-diagnostics"]);
        for package in packages {
            cargo.args(["--package", package]);
        }
        if profile == Profile::Release {
            cargo.arg("--release");
        }
        let said = command::read_shown(&mut cargo)?;
        let program = packages.first().copied().unwrap_or_default();
        executable(&said, program).ok_or_else(|| Failure::new(format!("the build made no `{program}`")))
    }
}

/// The path of the program `name` in what Cargo said, one JSON document a line.
fn executable(said: &str, name: &str) -> Option<PathBuf> {
    said.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message.pointer("/target/name").and_then(Value::as_str) == Some(name))
        .filter_map(|message| message.get("executable").and_then(Value::as_str).map(PathBuf::from))
        .next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_in_what_cargo_says() {
        let said = r#"{"reason":"compiler-artifact","target":{"name":"mlo"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"mlo"},"executable":"/t/debug/mlo"}
{"reason":"compiler-artifact","target":{"name":"mlo-runtime"},"executable":"/t/debug/mlo-runtime"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(said, "mlo"), Some(PathBuf::from("/t/debug/mlo")));
        assert_eq!(executable(said, "mlo-canary"), None);
    }
}
