//! Python 3 and a pip that works: the one of the machine, else one in a virtual environment of the cache.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache::Cache;
use crate::command;
use crate::failure::Failure;

/// The names under which systems have Python 3, in the order of trying.
const NAMES: [&str; 2] = ["python3", "python"];

/// A Python 3 that has pip.
#[derive(Debug)]
pub(crate) struct Python {
    program: PathBuf,
}

impl Python {
    /// Finds one; makes the cache's virtual environment if the machine's own has no pip.
    pub(crate) fn locate(cache: &Cache) -> Result<Self, Failure> {
        let Some(own) = NAMES.iter().map(PathBuf::from).find(|program| runs(program, &["-c", IS_PYTHON_3]))
        else {
            return Err(Failure::new("Python 3 is not there")
                .tried("`python3` and `python` on PATH")
                .mend("install Python 3 (Debian and Ubuntu: `apt-get install python3 python3-venv`)"));
        };
        if runs(&own, &["-m", "pip", "--version"]) {
            return Ok(Self { program: own });
        }
        let folder = cache.folder(&["tools", "python-venv"]);
        let of_venv =
            |folder: &Path| folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
        let works = |folder: &Path| runs(&of_venv(folder), &["-m", "pip", "--version"]);
        // A virtual environment finds itself by where it lies, so it may be renamed; only its scripts may not be run.
        Cache::fill(&folder, works, |partial| make_venv(&own, partial))?;
        Ok(Self { program: of_venv(&folder) })
    }

    /// Its program.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// This Python, to be given arguments.
    pub(crate) fn command(&self) -> Command {
        Command::new(&self.program)
    }

    /// pip, to be given arguments. Asks nothing, and says only what went wrong.
    pub(crate) fn pip(&self, verb: &str) -> Command {
        let mut command = self.command();
        command.args(["-m", "pip", verb, "--quiet", "--disable-pip-version-check", "--no-input"]);
        // The packages go to a folder of the cache, which is what this variable wants to protect.
        command.env("PIP_REQUIRE_VIRTUALENV", "0");
        command
    }
}

/// Ends with success on a Python that the pip of today runs on.
const IS_PYTHON_3: &str = "import sys; sys.exit(sys.version_info < (3, 8))";

fn runs(program: &Path, arguments: &[&str]) -> bool {
    command::read(Command::new(program).args(arguments)).is_ok()
}

fn make_venv(python: &Path, folder: &Path) -> Result<(), Failure> {
    command::read(Command::new(python).args(["-m", "venv"]).arg(folder)).map(drop).map_err(|failure| {
        Failure::new("Python has neither pip nor the means to make a virtual environment")
            .tried(format!("`{} -m pip --version`", python.display()))
            .tried(failure.to_string().trim_end().to_owned())
            .mend("install them (Debian and Ubuntu: `apt-get install python3-venv`)")
    })
}
