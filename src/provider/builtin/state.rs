//! Outputs of other states: `mlo_state`, known to Terraform's users as `terraform_remote_state`.
//!
//! Goes in: where a state is. Comes out: its outputs as one object; what is sensitive there is sensitive here. Never
//! happens: a lock taken, or a change of that state.

use crate::diag::code::provider::{ARGUMENT, UNREADABLE};
use crate::lang::eval::{AttributeSchema, BlockSchema};
use crate::lang::value::{Path, Type, Value};
use crate::provider::object::{attribute, text, with};
use crate::provider::{DataSchema, ProviderError, StateAt, Surroundings};

/// Name of the data source.
pub(super) const TYPE: &str = "mlo_state";
/// Its name for those who come from Terraform, with Terraform's arguments.
pub(super) const TERRAFORM_TYPE: &str = "terraform_remote_state";
/// What Terraform calls the state that is kept without environments.
const WORKSPACE: &str = "default";

pub(super) fn schema() -> DataSchema {
    let path = AttributeSchema::required(Type::String).describe(
        "A project's folder, a manifest that was applied alone, or the folder of a state; relative to the project's folder",
    );
    let environment = AttributeSchema::optional(Type::String)
        .describe("The environment of that project; by default the one that is called as this run's");
    let block = BlockSchema::new().attribute("path", path).attribute("environment", environment);
    let block = with_outputs(block);
    DataSchema { description: "The outputs of another state", block }
}

pub(super) fn terraform_schema() -> DataSchema {
    let block = BlockSchema::new()
        .attribute(
            "backend",
            AttributeSchema::required(Type::String)
                .describe("The kind of store: \"local\" or \"s3\""),
        )
        .attribute(
            "config",
            AttributeSchema::optional(Type::Any)
                .describe("`{ path = … }`: as the argument `path` of `mlo_state`, or a file `*.tfstate`; `{ bucket = …, key = …, region = … }`: as a block `backend \"s3\"`"),
        )
        .attribute(
            "workspace",
            AttributeSchema::optional(Type::String).describe(
                "The environment of that project; \"default\", or nothing, for one without environments",
            ),
        )
        .attribute(
            "in_clear",
            AttributeSchema::optional(Type::Bool).describe(
                "That a state in a bucket is in clear, as Terraform's is, though this project seals its own: whoever can write there can put one there. False by default",
            ),
        );
    DataSchema { description: "The outputs of another state", block: with_outputs(block) }
}

fn with_outputs(block: BlockSchema) -> BlockSchema {
    block
        .attribute(
            "defaults",
            AttributeSchema::optional(Type::Any)
                .describe("An object of values for outputs that are not there"),
        )
        .attribute(
            "outputs",
            AttributeSchema::computed(Type::Any).describe("The outputs of the root module, by their names"),
        )
}

pub(super) async fn read(surroundings: &Surroundings, config: &Value) -> Result<Value, ProviderError> {
    let path = text(config, "path").unwrap_or_default();
    let environment = text(config, "environment").map(str::to_owned);
    let place = StateAt::Path(surroundings.project.join(path), environment);
    let outputs = outputs(surroundings, (place, path), attribute(config, "defaults"));
    outputs.await.map(|outputs| with(config, [("outputs", outputs)])).map_err(|error| error.at(at("path")))
}

pub(super) async fn read_terraform(
    surroundings: &Surroundings,
    config: &Value,
) -> Result<Value, ProviderError> {
    let wrong = |summary: &str, argument: &str| {
        ProviderError::permanent(summary.to_owned()).code(&ARGUMENT).at(at(argument))
    };
    let settings = attribute(config, "config");
    let workspace = text(config, "workspace").filter(|workspace| *workspace != WORKSPACE);
    let workspace = workspace.map(str::to_owned);
    let missing = |example: &str| {
        wrong("`config` does not say where the state is", "config")
            .help(format!("write `config = {example}`"))
    };
    let (place, shown) = match text(config, "backend") {
        Some("local") => {
            let path = text(&settings, "path").ok_or_else(|| missing("{ path = \"../other\" }"))?;
            (StateAt::Path(surroundings.project.join(path), workspace), path.to_owned())
        }
        Some("s3") => {
            let bucket = text(&settings, "bucket").zip(text(&settings, "key"));
            let (bucket, key) =
                bucket.ok_or_else(|| missing("{ bucket = \"…\", key = \"…\", region = \"…\" }"))?;
            let shown = format!("s3://{bucket}/{key}");
            let in_clear = attribute(config, "in_clear").as_bool().unwrap_or_default();
            (StateAt::Bucket { config: settings.clone(), workspace, in_clear }, shown)
        }
        _ => {
            let error = wrong("states are read from folders and from buckets of S3", "backend");
            return Err(error.help("write `backend = \"local\"` or `backend = \"s3\"`"));
        }
    };
    let outputs = outputs(surroundings, (place, &shown), attribute(config, "defaults"));
    outputs.await.map(|outputs| with(config, [("outputs", outputs)])).map_err(|error| error.at(at("config")))
}

/// The outputs that are there, over the defaults.
async fn outputs(
    surroundings: &Surroundings,
    (place, shown): (StateAt, &str),
    defaults: Value,
) -> Result<Value, ProviderError> {
    let is_path = matches!(place, StateAt::Path(..));
    let found = (surroundings.states)(place).await.map_err(|problem| {
        ProviderError::permanent(format!("the state at `{shown}` cannot be read"))
            .code(&UNREADABLE)
            .detail(problem)
    })?;
    let Some(found) = found else {
        let help = if is_path {
            "apply that project first, or check the path; it is relative to this project's folder"
        } else {
            "apply that project first, or check bucket, key and workspace"
        };
        let error = ProviderError::permanent(format!("there is no state at `{shown}`"));
        return Err(error.code(&UNREADABLE).help(help));
    };
    let defaults_of = defaults.as_entries().cloned().unwrap_or_default();
    Ok(Value::object(defaults_of.into_iter().chain(found)).with_marks(defaults.marks()))
}

fn at(argument: &str) -> Path {
    Path::root().name(argument)
}
