//! The Terraform of this machine, to compare with in the same run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command;
use crate::failure::Failure;

/// A `terraform` on `PATH`.
pub(crate) struct Terraform {
    /// `Terraform v1.11.4`
    pub(crate) version: String,
    /// Where what it says goes.
    pub(crate) log: PathBuf,
    /// An empty one, so that this machine's own says nothing.
    settings: PathBuf,
}

impl Terraform {
    /// Nothing if there is none, which a bench says. `folder` takes its log and its settings.
    pub(crate) fn find(folder: &Path) -> Result<Option<Self>, Failure> {
        let Ok(said) = command::read(Command::new("terraform").arg("version")) else { return Ok(None) };
        let version = said.lines().next().unwrap_or("Terraform").to_owned();
        let settings = folder.join("terraform.rc");
        fs::write(&settings, "").map_err(|error| Failure::io("writing", &settings, &error))?;
        Ok(Some(Self { version, settings, log: folder.join("terraform.log") }))
    }

    /// `terraform WORDS` in a folder.
    pub(crate) fn command(&self, words: &[&str], folder: &Path) -> Command {
        let mut command = Command::new("terraform");
        command.args(words).current_dir(folder);
        command.env("TF_CLI_CONFIG_FILE", &self.settings).env("CHECKPOINT_DISABLE", "1");
        command
    }

    /// Makes a folder ready for the other commands; not measured, since `mlo` has no such step.
    pub(crate) fn init(&self, folder: &Path) -> Result<(), Failure> {
        command::read(&mut self.command(&["init"], folder)).map(drop)
    }
}
