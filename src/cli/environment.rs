//! Which environment a command is about.
//!
//! Goes in: the `environment` blocks of a configuration, and a name from the command line. Comes out: the environment,
//! and whose state it has. Never happens: an environment that is guessed where there are several.

use crate::diag::{Diagnostic, Diagnostics, code};
use crate::lang::config::{Environment, StatePlace};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Environments of a configuration that declares none. The first is meant where none is named; it has the state that is
/// kept without environments.
pub(super) const BUILT_IN: [&str; 3] = ["dev", "staging", "prod"];

/// Blocks of a configuration.
pub(super) type Blocks = BTreeMap<Arc<str>, Environment>;

/// What the environment is called as long as the configuration is not read: as it is named, or else the one that is meant
/// where a configuration declares none.
pub(super) fn named_or_first(named: Option<&str>) -> &str {
    let [first, ..] = BUILT_IN;
    named.unwrap_or(first)
}

/// The environment of a run.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    /// Its name: `mlo.environment`.
    pub(super) name: String,
    /// Its block, if the configuration has environments.
    pub(super) block: Option<Environment>,
    /// Whether it is named on the command line or in the configuration.
    pub(super) is_named: bool,
}

impl Chosen {
    /// The environment of this name; without one, the one that there is where a configuration declares none.
    ///
    /// # Errors
    /// If there is none of this name, or if there are some and none is named.
    pub(super) fn of(blocks: &Blocks, name: Option<&str>) -> Result<Self, Diagnostics> {
        let names: Vec<_> = blocks.keys().map(AsRef::as_ref).collect();
        match (name, blocks.is_empty()) {
            (None, true) => Ok(Self::unnamed()),
            (None, false) => Err(missing(&names)),
            (Some(name), true) if BUILT_IN.contains(&name) => {
                Ok(Self { name: name.to_owned(), block: None, is_named: true })
            }
            (Some(name), _) => match blocks.get(name) {
                Some(block) => Ok(Self { name: name.to_owned(), block: Some(block.clone()), is_named: true }),
                None => Err(unknown(name, &names)),
            },
        }
    }

    /// The same for what looks at no state: where several could be meant, none is.
    ///
    /// # Errors
    /// If there is none of this name.
    pub(super) fn if_named(blocks: &Blocks, name: Option<&str>) -> Result<Self, Diagnostics> {
        if name.is_none() { Ok(Self::unnamed()) } else { Self::of(blocks, name) }
    }

    fn unnamed() -> Self {
        Self { name: named_or_first(None).to_owned(), block: None, is_named: false }
    }

    /// Whose state it has; `None`: the one that is kept without environments.
    pub(super) fn state(&self) -> Option<&str> {
        let [first, ..] = BUILT_IN;
        Some(self.name.as_str()).filter(|name| self.block.is_some() || *name != first)
    }

    /// Where its state is, if it says so, or else where all are.
    pub(super) fn place<'c>(&'c self, of_all: Option<&'c StatePlace>) -> Option<&'c StatePlace> {
        self.block.as_ref().and_then(|block| block.state.as_ref()).or(of_all)
    }

    /// What is typed to mean it: ` --env prod`, or nothing.
    pub(super) fn flag(&self) -> String {
        if self.is_named { format!(" --env {}", self.name) } else { String::new() }
    }
}

fn missing(names: &[&str]) -> Diagnostics {
    let shown: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    let error = Diagnostic::error(
        code::engine::ENVIRONMENT,
        "no environment is named, and the configuration has some",
    );
    let first = names.first().copied().unwrap_or_default();
    error
        .detail("Each has values and a state of its own, so one of them has to be named.")
        .help(format!("give `--env {first}`, or set `MLO_ENV`; there are {}", shown.join(", ")))
        .into()
}

fn unknown(name: &str, names: &[&str]) -> Diagnostics {
    let error = Diagnostic::error(code::engine::ENVIRONMENT, format!("there is no environment `{name}`"));
    let known = if names.is_empty() { BUILT_IN.as_slice() } else { names };
    let shown: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
    let why = if names.is_empty() { "the configuration declares none, so " } else { "" };
    let there_are = format!("{why}there are {}", shown.join(", "));
    error.did_you_mean(name, known.iter().copied()).help(there_are).into()
}
