//! The command line.

mod approve;
mod audit;
mod bundle;
mod look;
mod policy;
mod run;
mod state;
mod test;

pub(super) use approve::{Approve, Signing};
pub(super) use audit::{Audit, AuditList, AuditShow, AuditVerify};
pub(super) use bundle::{BundleBuild, BundleSign, BundleVerify, PolicyBundle, SignedWith};
pub(super) use look::{Console, Graph, GraphFormat, GraphType, Providers, ProvidersCommand};
pub(super) use policy::{About, Policy, PolicyCheck, PolicyEval, PolicyExplain, PolicyNew, PolicyTest};
pub(super) use run::{
    Apply, Backend, Engine, Environment, Format, Import, Network, Plan, Policies, Shown, Source,
};
pub(super) use state::{
    ForceUnlock, State, StateChange, StateDiff, StateImportTerraform, StateInstance, StateList, StateMigrate,
    StateMv, StateOf, StatePull, StatePush, StateRekey, StateRepair, StateReplaceProvider, StateRestore,
    StateRm, StateShow,
};
pub(super) use test::Test;

use super::exit::Exit;
use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Flags without a variable of their own: values of variables have theirs, `MLO_VAR_name`; and that all is to be taken
/// away, or a rule passed by, is typed each time.
const WITHOUT_VARIABLE: [&str; 5] = ["vars", "destroy", "overrides", "help", "version"];

/// What the user typed.
#[derive(Debug, Parser)]
#[command(
    name = "mlo",
    version,
    about = "From a model manifest to a governed, observable production endpoint",
    after_help = "Examples:\n  mlo plan examples/iris          what would be done\n  mlo apply examples/iris         do it\n  mlo help exit-codes             what the exit codes mean",
    max_term_width = 110
)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

impl Arguments {
    /// The command line as it was declared, and for each flag the variable that gives it where it is not typed:
    /// `--lock-timeout` is `MLO_LOCK_TIMEOUT`.
    pub(super) fn full() -> clap::Command {
        with_variables(Self::command())
    }

    /// What was typed, or how the program ends: help and version are answers, the rest are errors.
    pub(super) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Exit> {
        let read = Self::full().try_get_matches_from(arguments);
        read.and_then(|matches| Self::from_arg_matches(&matches)).map_err(|message| {
            // Where neither can be printed nobody listens.
            let _ = message.print();
            if message.use_stderr() { Exit::Error } else { Exit::Done }
        })
    }
}

fn with_variables(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|argument| {
        let Some(long) =
            argument.get_long().filter(|_| !WITHOUT_VARIABLE.contains(&argument.get_id().as_str()))
        else {
            return argument;
        };
        let name = format!("MLO_{}", long.replace('-', "_").to_uppercase());
        let argument = match argument.get_action() {
            // `0`, `false`, `no`, `off` and nothing at all are no.
            ArgAction::SetTrue => argument.value_parser(FalseyValueParser::new()),
            _ => argument,
        };
        argument.env(name).hide_env_values(true)
    });
    command.mut_subcommands(with_variables)
}

/// What every command takes.
#[derive(Debug, Args)]
pub(super) struct Global {
    /// Run as if started in this folder.
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(super) chdir: Option<PathBuf>,
    /// When to colour. `NO_COLOR` and `CLICOLOR_FORCE` are heeded too.
    #[arg(long, global = true, value_enum, default_value_t = When::Auto)]
    pub(super) color: When,
    /// The same as `--color never`.
    #[arg(long, global = true)]
    pub(super) no_color: bool,
}

/// When something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check the configuration and its manifests; nothing is read from outside
    #[command(
        after_help = "Examples:\n  mlo validate\n  mlo validate examples/iris --json\n  mlo validate examples/iris --policy --env prod"
    )]
    Validate(Validate),
    /// Show what an apply would do
    #[command(
        after_help = "Examples:\n  mlo plan examples/iris\n  mlo plan examples/invalid/low-accuracy.yaml\n  mlo plan --env staging --detailed-exitcode --var region=eu\n  mlo plan --out release.plan\n  mlo plan --format github --out-sarif mlo.sarif --out-junit mlo.xml\n  mlo plan --policies company.tar.gz --policies policies --policy-key company.pem\n  mlo plan --generate-config imported.hcl"
    )]
    Plan(Plan),
    /// Make the objects as the configuration wants them
    #[command(
        after_help = "Examples:\n  mlo apply examples/iris\n  mlo apply --env dev --auto-approve --json\n  mlo apply release.plan"
    )]
    Apply(Apply),
    /// Look at a saved plan and let it through, where an environment asks for that
    #[command(
        after_help = "Examples:\n  mlo approve release.plan --signing-key ~/.ssh/release\n  mlo approve release.plan --auto-approve\n\nKeys are made with `ssh-keygen -t ed25519`. The environment's block lists who may approve."
    )]
    Approve(Approve),
    /// Destroy all objects of the state: what apply made is stopped and removed
    #[command(after_help = "Examples:\n  mlo destroy examples/iris\n  mlo destroy --auto-approve")]
    Destroy(Apply),
    /// Show the state, or a saved plan
    #[command(after_help = "Examples:\n  mlo show\n  mlo show examples/iris --json\n  mlo show release.plan")]
    Show(Show),
    /// Look at the state object by object, and change what it says of them
    #[command(
        subcommand,
        after_help = "Examples:\n  mlo state list\n  mlo state mv local_file.a local_file.b --dry-run"
    )]
    State(State),
    /// Look at the records of what was decided and done, and check that they are whole
    #[command(
        subcommand,
        after_help = "Examples:\n  mlo audit list\n  mlo audit show --json\n  mlo audit verify"
    )]
    Audit(Audit),
    /// Take an object that is there already into the state
    #[command(
        after_help = "Examples:\n  mlo import local_file.a notes.txt\n  mlo import 'module.m[\"k\"].local_file.a' notes.txt examples/iris\n  mlo import local_file.b b.txt --generate-config imported.hcl"
    )]
    Import(Import),
    /// Have the next apply replace an object
    #[command(after_help = "Example:\n  mlo taint 'local_file.a[0]'")]
    Taint(StateInstance),
    /// Take back that the next apply shall replace an object
    #[command(after_help = "Example:\n  mlo untaint 'local_file.a[0]'")]
    Untaint(StateInstance),
    /// Show who holds the lock of a state in a bucket, and take it away
    #[command(
        after_help = "Examples:\n  mlo force-unlock\n  mlo force-unlock 0f9c2b --force\n\nA run that was cut off loses its lock by itself within a minute. The lock of a state in a folder goes with its process."
    )]
    ForceUnlock(ForceUnlock),
    /// Show the outputs of the last apply
    #[command(
        after_help = "Examples:\n  mlo output --from examples/iris\n  mlo output endpoints --json\n  mlo output url --raw"
    )]
    Output(Output),
    /// Evaluate expressions with the values of the configuration and the state
    #[command(
        after_help = "Examples:\n  mlo console\n  mlo console examples/iris\n  echo 'type(local.names)' | mlo console --var region=eu"
    )]
    Console(Console),
    /// Draw what depends on what, as DOT or as a picture
    #[command(
        after_help = "Examples:\n  mlo graph | grep -- '->'\n  mlo graph examples/iris --format svg > graph.svg\n  mlo graph --type apply --var region=eu\n  mlo graph --type plan-destroy\n  mlo graph --plan release.plan\n\nAn arrow of DOT leads from what waits to what it waits for. In the picture what comes first stands left."
    )]
    Graph(Graph),
    /// Show which providers the configuration and the state need, or what they look like
    #[command(
        after_help = "Examples:\n  mlo providers\n  mlo providers examples/iris\n  mlo providers schema --json"
    )]
    Providers(Providers),
    /// Fetch the modules and the policies that come from elsewhere
    #[command(
        after_help = "Examples:\n  mlo get\n  mlo get --update\n  mlo get examples/iris --json\n  mlo get --policies oci://registry.example.com/policies/company:1.4\n\nWhat is fetched lies in `.mlo/modules`. `.mlo.lock.json` says what each source was; commit it."
    )]
    Get(Get),
    /// Run the tests of the configuration: `*.tftest.hcl` files, here and in `tests/`
    #[command(
        after_help = "Examples:\n  mlo test\n  mlo test examples/module --verbose\n  mlo test --filter tests/plan.tftest.hcl --junit-xml report.xml\n  mlo test --var region=eu --json\n\nWith `--json` each thing that happens is a line of JSON, as it happens."
    )]
    Test(Test),
    /// Test, ask, check and publish policies
    #[command(
        subcommand,
        after_help = "Examples:\n  mlo policy test --coverage\n  mlo policy eval --input iris.yaml data.model.governance.deny\n  mlo policy check\n  mlo policy bundle build policies --output company.tar.gz"
    )]
    Policy(Policy),
    /// Lay configuration files out in the canonical way
    #[command(
        after_help = "Examples:\n  mlo fmt\n  mlo fmt --check --recursive\n  mlo fmt --diff --write=false main.hcl\n  mlo fmt - < main.hcl"
    )]
    Fmt(Fmt),
    /// Print a JSON Schema for editors
    #[command(
        after_help = "Examples:\n  mlo schema manifest > manifest.schema.json\n  mlo schema policy-input > input.schema.json"
    )]
    Schema(Schema),
    /// Explain a message by its code
    #[command(after_help = "Example:\n  mlo explain MLO3001")]
    Explain(Explain),
    /// Show the version
    #[command(after_help = "Examples:\n  mlo version\n  mlo version --json")]
    Version(Version),
    /// What the exit codes mean
    #[command(hide = true, long_about = super::command::explain::EXIT_CODES)]
    ExitCodes,
}

impl Command {
    /// Whether the answer is one JSON document.
    pub(super) fn wants_json(&self) -> bool {
        match self {
            Self::Validate(options) => options.source.json,
            Self::Plan(options) => options.source.format(&options.shown) == Format::Json,
            Self::Apply(options) | Self::Destroy(options) => {
                options.source.format(&options.shown) == Format::Json
            }
            Self::Show(options) => options.json,
            Self::Output(options) => options.json,
            Self::Version(options) => options.json,
            Self::Get(options) => options.json,
            Self::Test(options) => options.source.json,
            Self::Import(options) => options.apply.source.format(&options.apply.shown) == Format::Json,
            Self::Policy(Policy::Test(options)) => options.json,
            Self::Policy(Policy::Eval(options)) => options.json,
            Self::Policy(Policy::Check(options)) => options.json,
            Self::Policy(Policy::Bundle(command)) => command.wants_json(),
            Self::Policy(Policy::Explain(options)) => options.json,
            Self::Policy(Policy::New(_))
            | Self::Audit(_)
            | Self::State(_)
            | Self::Approve(_)
            | Self::Taint(_)
            | Self::Untaint(_)
            | Self::ForceUnlock(_)
            | Self::Console(_)
            | Self::Graph(_)
            | Self::Providers(_)
            | Self::Fmt(_)
            | Self::Schema(_)
            | Self::Explain(_)
            | Self::ExitCodes => false,
        }
    }
}

/// `mlo validate`
#[derive(Debug, Args)]
pub(super) struct Validate {
    #[command(flatten)]
    pub(super) source: Source,
    /// Ask the policies about the manifests too. No provider is asked, and no plan is made.
    #[arg(long)]
    pub(super) policy: bool,
}

/// `mlo show`
#[derive(Debug, Args)]
#[expect(clippy::struct_field_names, reason = "the flag has this name everywhere")]
pub(super) struct Show {
    /// The folder of the configuration, one manifest, or a plan that was saved.
    #[arg(value_name = "FOLDER|MANIFEST|PLAN")]
    pub(super) path: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    pub(super) json: bool,
    /// Mask nothing: show what is sensitive too.
    #[arg(long)]
    pub(super) show_sensitive: bool,
    #[command(flatten)]
    pub(super) backend: Backend,
}

/// `mlo output`
#[derive(Debug, Args)]
pub(super) struct Output {
    /// Only this one.
    #[arg(value_name = "NAME")]
    pub(super) name: Option<String>,
    /// Print one JSON document.
    #[arg(long, conflicts_with = "raw")]
    pub(super) json: bool,
    /// The folder or the manifest whose outputs they are, where it is not this folder.
    #[arg(long, value_name = "FOLDER|MANIFEST")]
    pub(super) from: Option<PathBuf>,
    /// Print the bare text of one string, number or bool.
    #[arg(long, requires = "name")]
    pub(super) raw: bool,
    /// Mask nothing: show what is sensitive too. An output that is asked for by name is always shown.
    #[arg(long)]
    pub(super) show_sensitive: bool,
    #[command(flatten)]
    pub(super) backend: Backend,
}

/// `mlo get`
#[derive(Debug, Args)]
pub(super) struct Get {
    /// The folder of the configuration.
    #[arg(value_name = "FOLDER")]
    pub(super) path: Option<PathBuf>,
    /// Take every source as it is now, whatever the lock file says, and write that anew.
    #[arg(long)]
    pub(super) update: bool,
    /// Set a variable: `--var name=value`. The last one counts.
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub(super) vars: Vec<String>,
    /// Set variables from a file of `name = value` lines.
    #[arg(long = "var-file", value_name = "FILE")]
    pub(super) var_files: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) policies: Policies,
    /// Print one JSON document.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) network: Network,
    #[command(flatten)]
    pub(super) environment: Environment,
}

/// `mlo fmt`
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(super) struct Fmt {
    /// Files and folders; `-` is standard input, and its text goes to standard output.
    #[arg(value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    /// Write nothing; exit with 3 if a file is not in the canonical layout.
    #[arg(long)]
    pub(super) check: bool,
    /// Show the differences.
    #[arg(long)]
    pub(super) diff: bool,
    /// Format the files of all folders below too.
    #[arg(long)]
    pub(super) recursive: bool,
    /// Whether files are written.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub(super) write: bool,
    /// Whether the names of files that change are listed.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub(super) list: bool,
}

/// `mlo schema`
#[derive(Debug, Args)]
pub(super) struct Schema {
    /// What the schema is of.
    #[arg(value_enum)]
    pub(super) of: SchemaOf,
}

/// What there are schemas of.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum SchemaOf {
    /// The `ModelDeployment` manifest, which is also what rules for models are asked about.
    Manifest,
    /// What rules for plans are asked about.
    PolicyInput,
}

/// `mlo explain`
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The code, such as MLO3001.
    pub(super) code: String,
}

/// `mlo version`
#[derive(Debug, Args)]
pub(super) struct Version {
    /// Print one JSON document.
    #[arg(long)]
    pub(super) json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_flag_has_a_variable() {
        let mut open = vec![Arguments::full()];
        let mut flags = 0;
        while let Some(command) = open.pop() {
            for flag in command.get_arguments().filter(|flag| flag.get_long().is_some()) {
                let exempt = WITHOUT_VARIABLE.contains(&flag.get_id().as_str());
                assert_eq!(flag.get_env().is_none(), exempt, "{} of {}", flag.get_id(), command.get_name());
                flags += 1;
            }
            open.extend(command.get_subcommands().cloned());
        }
        assert!(flags > 30, "{flags}");
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Arguments::command().get_subcommands().filter(|command| !command.is_hide_set()) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains(&format!("mlo {}", command.get_name())), "{}", command.get_name());
        }
    }
}
