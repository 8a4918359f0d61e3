//! `mlo policy …`.

use super::{Environment, Network, Policies, PolicyBundle};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `mlo policy`
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Policy {
    /// Run the tests of policies: the rules whose names begin with `test_`
    #[command(
        after_help = "Examples:\n  mlo policy test\n  mlo policy test policies fixtures.json --verbose\n  mlo policy test --run accuracy\n  mlo policy test --coverage --threshold 90 --junit-xml report.xml"
    )]
    Test(PolicyTest),
    /// Evaluate a query over policies, data and an input
    #[command(
        after_help = "Examples:\n  mlo policy eval --input iris.yaml data.model.governance.deny\n  mlo policy eval --data policies --input iris.yaml --env prod 'data.model.governance.violation[_].rule'\n  mlo policy eval 'x := 1 + 2' --json"
    )]
    Eval(PolicyEval),
    /// Check policies strictly: all that the gate would refuse, and names that nothing uses or that no input has
    #[command(after_help = "Examples:\n  mlo policy check\n  mlo policy check policies team/rules --json")]
    Check(PolicyCheck),
    /// Say what a rule is: what must hold, how much it weighs and by whose word, and its thresholds; or list all rules
    #[command(
        after_help = "Examples:\n  mlo policy explain\n  mlo policy explain accuracy --env prod\n  mlo policy explain signature --policies company.tar.gz,team --json"
    )]
    Explain(PolicyExplain),
    /// Begin a rule: writes a policy and a test of it
    #[command(
        after_help = "Example:\n  mlo policy new owner_named\n  mlo policy new cost_limit --about plan"
    )]
    New(PolicyNew),
    /// Pack, sign and verify bundles of policies
    #[command(
        subcommand,
        after_help = "Examples:\n  mlo policy bundle build policies --output company.tar.gz\n  mlo policy bundle sign company.tar.gz --policy-signing-key company.key\n  mlo policy bundle verify company.tar.gz --policy-key company.pem"
    )]
    Bundle(PolicyBundle),
}

/// `mlo policy test`
#[derive(Debug, Args)]
pub(in crate::cli) struct PolicyTest {
    /// Folders of policies, bundles (`.tar.gz` or an address), or files: `.rego`, and data as JSON or YAML. [default: policies]
    #[arg(value_name = "PATH")]
    pub(in crate::cli) paths: Vec<PathBuf>,
    /// Run only tests whose path matches this regular expression: `data.model.governance_test.test_accuracy`.
    #[arg(long, value_name = "REGEX")]
    pub(in crate::cli) run: Option<String>,
    /// Say which lines of the rules no test evaluates.
    #[arg(long)]
    pub(in crate::cli) coverage: bool,
    /// Fail if the tests evaluate a smaller share of the lines of the rules, in percent.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(in crate::cli) threshold: Option<f64>,
    /// List the tests that pass, and what tests print.
    #[arg(long)]
    pub(in crate::cli) verbose: bool,
    /// Write a report in the `JUnit` form to this file too.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) junit_xml: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) network: Network,
    /// Print one JSON document.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// `mlo policy eval`
#[derive(Debug, Args)]
pub(in crate::cli) struct PolicyEval {
    /// What is asked, in Rego.
    #[arg(value_name = "QUERY")]
    pub(in crate::cli) query: String,
    /// Folders of policies, bundles (`.tar.gz` or an address), or files, in place of the built-in ones. Can be given several times.
    #[arg(long, value_name = "PATH")]
    pub(in crate::cli) data: Vec<PathBuf>,
    /// The input, JSON or YAML; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) input: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) environment: Environment,
    /// Exit with 1 if the query is undefined.
    #[arg(long)]
    pub(in crate::cli) fail: bool,
    /// Exit with 1 if the query is defined.
    #[arg(long, conflicts_with = "fail")]
    pub(in crate::cli) fail_defined: bool,
    #[command(flatten)]
    pub(in crate::cli) network: Network,
    /// Print one JSON document, as `opa eval` does.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// `mlo policy check`
#[derive(Debug, Args)]
pub(in crate::cli) struct PolicyCheck {
    /// Folders of policies, bundles (`.tar.gz` or an address), or files. [default: policies]
    #[arg(value_name = "PATH")]
    pub(in crate::cli) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) network: Network,
    /// Print one JSON document.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// `mlo policy explain`
#[derive(Debug, Args)]
pub(in crate::cli) struct PolicyExplain {
    /// The rule. Without it all are listed.
    #[arg(value_name = "RULE")]
    pub(in crate::cli) rule: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) policies: Policies,
    #[command(flatten)]
    pub(in crate::cli) environment: Environment,
    #[command(flatten)]
    pub(in crate::cli) network: Network,
    /// Print one JSON document.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum About {
    /// Manifests: package `model.governance`.
    Model,
    /// Plans: package `deployment.policy`.
    Plan,
}

/// `mlo policy new`
#[derive(Debug, Args)]
pub(in crate::cli) struct PolicyNew {
    /// The name of the rule: small letters, digits and `_`.
    #[arg(value_name = "NAME")]
    pub(in crate::cli) name: String,
    /// The folder of policies.
    #[arg(long, value_name = "FOLDER", default_value = "policies")]
    pub(in crate::cli) folder: PathBuf,
    /// What the rule is about.
    #[arg(long, value_enum, default_value_t = About::Model)]
    pub(in crate::cli) about: About,
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches('%').parse::<f64>().ok();
    number.filter(|number| (0.0..=100.0).contains(number)).ok_or_else(|| "from 0 to 100".to_owned())
}
