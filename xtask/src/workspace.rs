//! Where this repository is, and the Cargo that started the chore.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;

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
}
