//! What a run takes: where the configuration is, what is asked of the engine, how it is told.

use super::Signing;
use crate::plan::{AddressPattern, Requests};
use clap::{ArgAction, Args, ValueEnum};
use mlo_state::Address;
use std::path::PathBuf;

/// Operations at a time, unless it is said.
const PARALLELISM: u16 = 10;

/// In which form an answer is given.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Format {
    /// Text for people.
    #[default]
    Human,
    /// One JSON document, at the end.
    Json,
    /// A line of JSON for each thing that happens, as it happens.
    Ndjson,
    /// A comment for a pull request, at the end.
    Markdown,
    /// For a step of a GitHub workflow: annotations, a folded log, a summary, outputs.
    Github,
    /// SARIF 2.1.0, for code scanning, at the end.
    Sarif,
    /// A report of rules in the `JUnit` form, at the end.
    Junit,
}

/// How a run is told, and where else.
#[derive(Debug, Default, Clone, Args)]
pub(in crate::cli) struct Shown {
    /// In which form the answer is given.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Human)]
    pub(in crate::cli) format: Format,
    /// Write the JSON document to this file too.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) out_json: Option<PathBuf>,
    /// Write the comment for a pull request to this file too.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) out_md: Option<PathBuf>,
    /// Write what was found to this file too, as SARIF 2.1.0.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) out_sarif: Option<PathBuf>,
    /// Write how the rules came out to this file too, in the `JUnit` form.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) out_junit: Option<PathBuf>,
    /// Show warnings as one line each.
    #[arg(long)]
    pub(in crate::cli) compact_warnings: bool,
    /// Show the changes and the last line only.
    #[arg(long)]
    pub(in crate::cli) concise: bool,
    /// Mask nothing: show what is sensitive too.
    #[arg(long)]
    pub(in crate::cli) show_sensitive: bool,
}

/// Where the configuration is and which values it gets.
#[derive(Debug, Default, Clone, Args)]
pub(in crate::cli) struct Source {
    /// The folder of the configuration, or one manifest.
    #[arg(value_name = "FOLDER|MANIFEST")]
    pub(in crate::cli) path: Option<PathBuf>,
    /// Set a variable: `--var name=value`. The last one counts.
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub(in crate::cli) vars: Vec<String>,
    /// Set variables from a file of `name = value` lines.
    #[arg(long = "var-file", value_name = "FILE")]
    pub(in crate::cli) var_files: Vec<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) policies: Policies,
    /// Print one JSON document: short for `--format json` where that is a flag.
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) network: Network,
    #[command(flatten)]
    pub(in crate::cli) backend: Backend,
}

/// Which policies a run is judged by.
#[derive(Debug, Default, Clone, Args)]
pub(in crate::cli) struct Policies {
    /// A bundle of policies in place of the built-in one: a folder, a `.tar.gz`, `https://…`, `oci://…` or `git::…`. Can be given several times, the one with the most say first.
    #[arg(long = "policies", value_name = "BUNDLE", value_delimiter = ',')]
    pub(in crate::cli) bundles: Vec<String>,
    /// Ask for bundles that are signed with this key: a public one as PEM, or a secret. Of several keys, one will do.
    #[arg(long = "policy-key", value_name = "FILE", value_delimiter = ',')]
    pub(in crate::cli) keys: Vec<PathBuf>,
}

/// Where the state is kept, as far as the configuration leaves that open.
#[derive(Debug, Default, Clone, Args)]
pub(in crate::cli) struct Backend {
    /// Complete the `backend` block: a setting, or a file of lines `key = "value"`. Can be given several times.
    #[arg(long, value_name = "KEY=VALUE|FILE", value_delimiter = ',')]
    pub(in crate::cli) backend_config: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) environment: Environment,
}

impl Backend {
    /// The environment that is named.
    pub(in crate::cli) fn env(&self) -> Option<&str> {
        self.environment.env.as_deref()
    }
}

/// Which environment is meant.
#[derive(Debug, Default, Clone, Args)]
pub(in crate::cli) struct Environment {
    /// The environment: its values, its state. Needed if the configuration has `environment` blocks.
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(in crate::cli) env: Option<String>,
}

/// Whether modules and policies are fetched.
#[derive(Debug, Clone, Default, Args)]
pub(in crate::cli) struct Network {
    /// Fetch nothing: modules and policies from elsewhere must be there.
    #[arg(long)]
    pub(in crate::cli) offline: bool,
    /// Hosts that modules and policies may be fetched from wherever their names lead, with commas between them.
    #[arg(long = "allow-host", value_name = "HOST", value_delimiter = ',')]
    pub(in crate::cli) allow_hosts: Vec<String>,
}

impl Source {
    /// The environment that is named.
    pub(in crate::cli) fn env(&self) -> Option<&str> {
        self.backend.env()
    }

    /// The form in which the answer is given.
    pub(in crate::cli) fn format(&self, shown: &Shown) -> Format {
        if self.json { Format::Json } else { shown.format }
    }
}

/// What plan, apply and destroy take.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(in crate::cli) struct Engine {
    /// `check` blocks that do not hold are errors, not warnings.
    #[arg(long)]
    pub(in crate::cli) strict_checks: bool,
    /// Operations at a time.
    #[arg(long, value_name = "N", default_value_t = PARALLELISM, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(in crate::cli) parallelism: u16,
    /// Whether objects are read. Without it the plan goes by what the state has of them.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub(in crate::cli) refresh: bool,
    /// Change no object: only bring the state up to what the objects are now.
    #[arg(long)]
    pub(in crate::cli) refresh_only: bool,
    /// Exit with 2 if there are changes.
    #[arg(long)]
    pub(in crate::cli) detailed_exitcode: bool,
    /// Plan only this module, block or instance, and what it depends on. Can be given several times.
    #[arg(long = "target", value_name = "ADDRESS", conflicts_with = "excludes")]
    pub(in crate::cli) targets: Vec<AddressPattern>,
    /// Plan all but this module, block or instance, and what depends on it. Can be given several times.
    #[arg(long = "exclude", value_name = "ADDRESS")]
    pub(in crate::cli) excludes: Vec<AddressPattern>,
    /// Make a new object for this instance, and take the old one away. Can be given several times.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "refresh_only")]
    pub(in crate::cli) replace: Vec<Address>,
    /// Pass by a policy rule of the level `overridable`, and say why. Can be given several times.
    #[arg(long = "override", value_name = "RULE=REASON", value_parser = rule_and_reason)]
    pub(in crate::cli) overrides: Vec<(String, String)>,
    /// `mlo import` asks for this, and nothing else.
    #[arg(skip)]
    pub(in crate::cli) import: Option<(Address, String)>,
}

impl Default for Engine {
    /// As if no flag was typed.
    fn default() -> Self {
        Self {
            strict_checks: false,
            parallelism: PARALLELISM,
            refresh: true,
            refresh_only: false,
            detailed_exitcode: false,
            targets: Vec::new(),
            excludes: Vec::new(),
            replace: Vec::new(),
            overrides: Vec::new(),
            import: None,
        }
    }
}

impl Engine {
    /// What is asked of parts of the configuration.
    pub(in crate::cli) fn requests(&self) -> Requests {
        let (targets, excludes) = (self.targets.clone(), self.excludes.clone());
        Requests { targets, excludes, replace: self.replace.clone(), import: self.import.clone() }
    }
}

/// `mlo plan`
#[derive(Debug, Args)]
pub(in crate::cli) struct Plan {
    #[command(flatten)]
    pub(in crate::cli) source: Source,
    #[command(flatten)]
    pub(in crate::cli) engine: Engine,
    #[command(flatten)]
    pub(in crate::cli) shown: Shown,
    /// Plan to take away all objects of the state.
    #[arg(long, conflicts_with = "refresh_only")]
    pub(in crate::cli) destroy: bool,
    /// Save the plan in this file: `mlo apply FILE` then does just that.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) out: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) signing: Signing,
    /// Write a block for each object that is imported and has none to this file, which is not there yet.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["destroy", "refresh_only"])]
    pub(in crate::cli) generate_config: Option<PathBuf>,
}

/// `mlo apply`, `mlo destroy`
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct Apply {
    #[command(flatten)]
    pub(in crate::cli) source: Source,
    #[command(flatten)]
    pub(in crate::cli) engine: Engine,
    #[command(flatten)]
    pub(in crate::cli) shown: Shown,
    /// Take away all objects of the state, as `mlo destroy` does.
    #[arg(long, conflicts_with = "refresh_only")]
    pub(in crate::cli) destroy: bool,
    /// Do not ask.
    #[arg(long)]
    pub(in crate::cli) auto_approve: bool,
    /// Apply only a saved plan that is signed with one of the public keys in this file, one a line.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) author_keys: Option<PathBuf>,
    /// Wait so long for another run's lock: `30s`, `5m`.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub(in crate::cli) lock_timeout: std::time::Duration,
}

/// `mlo import`
#[derive(Debug, Args)]
pub(in crate::cli) struct Import {
    /// The instance that the object becomes. The configuration has its block.
    #[arg(conflicts_with_all = ["destroy", "targets", "excludes", "replace", "refresh_only"])]
    pub(in crate::cli) address: Address,
    /// What its provider knows the object by: the path of a file, the id of a service.
    pub(in crate::cli) id: String,
    /// Write the block to this file, which is not there yet, if the configuration does not have it.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) generate_config: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) apply: Apply,
}

/// `rule=reason`, neither of them empty.
fn rule_and_reason(text: &str) -> Result<(String, String), String> {
    match text.split_once('=').map(|(rule, reason)| (rule.trim(), reason.trim())) {
        Some((rule, reason)) if !rule.is_empty() && !reason.is_empty() => {
            Ok((rule.to_owned(), reason.to_owned()))
        }
        _ => Err("an override looks like `deletion=the bucket is empty`".to_owned()),
    }
}

/// `90s`, `5m`, `1h`, or a bare number of seconds.
pub(super) fn duration(text: &str) -> Result<std::time::Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or("");
    let seconds = match unit {
        "" | "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        _ => None,
    };
    let number: Option<u64> = digits.parse().ok();
    let seconds = number.zip(seconds).and_then(|(number, each)| number.checked_mul(each));
    seconds
        .map(std::time::Duration::from_secs)
        .ok_or_else(|| "a time looks like `30s`, `5m` or `1h`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, seconds) in
            [("30s", Some(30)), ("5m", Some(300)), ("2", Some(2)), ("5x", None), ("", None)]
        {
            assert_eq!(duration(text).ok().map(|time| time.as_secs()), seconds, "{text}");
        }
    }
}
