//! Objects that exist in the state alone: `mlo_data`, known to Terraform's users as `terraform_data`; and what can be
//! read of other states and of models.
//!
//! Goes in: any value. Comes out: the same value, once it is applied. Never happens: a change outside.

mod model;
mod state;

use super::object::{attribute, empty, same, with};
use super::{
    BoxFuture, Change, Connection, ErrorClass, Imported, PlanRequest, Planned, Progress, Provider,
    ProviderError, ProviderSchema, ResourceSchema, Subject, Surroundings, TerraformType,
};
use crate::lang::eval::{AttributeSchema, BlockSchema};
use crate::lang::value::{Kind, Path, Refinement, Type, Value};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::future::ready;
use std::sync::Arc;

/// The provider of `mlo_data` and `terraform_data`, which are the same, and of the data sources beside them.
#[derive(Debug)]
pub struct Builtin {
    schema: ProviderSchema,
}

impl Builtin {
    /// Both resource types, and the data sources.
    pub fn new() -> Self {
        let resources = ["mlo_data", "terraform_data"].map(|name| (name, data_schema())).into();
        let data = [
            (model::TYPE, model::schema()),
            (state::TYPE, state::schema()),
            (state::TERRAFORM_TYPE, state::terraform_schema()),
        ];
        Self { schema: ProviderSchema { config: BlockSchema::new(), resources, data: data.into() } }
    }
}

impl Default for Builtin {
    fn default() -> Self {
        Self::new()
    }
}

fn data_schema() -> ResourceSchema {
    let block = BlockSchema::new()
        .attribute("input", AttributeSchema::optional(Type::Any).describe("Any value; kept in the state"))
        .attribute(
            "triggers_replace",
            AttributeSchema::optional(Type::Any)
                .describe("Any value; when it changes, the object is replaced"),
        )
        .attribute(
            "output",
            AttributeSchema::computed(Type::Any).describe("`input`, known once it is applied"),
        )
        .attribute("id", AttributeSchema::computed(Type::String).describe("An identifier of this object"));
    ResourceSchema { version: 0, description: "A value with the life of a resource", block }
}

impl Provider for Builtin {
    fn schema(&self) -> &ProviderSchema {
        &self.schema
    }

    fn plan<'a>(
        &'a self,
        _connection: Option<&'a dyn Connection>,
        request: PlanRequest<'a>,
    ) -> BoxFuture<'a, Result<Planned, ProviderError>> {
        Box::pin(ready(Ok(plan(&request))))
    }

    /// What is made from a sensitive value is sensitive here, and was not always there.
    fn of_terraform(&self, kind: TerraformType<'_>, object: &Value) -> Option<Value> {
        let ours =
            kind.source == "builtin/terraform" && kind.name == "terraform_data" && kind.schema_version == 0;
        let (input, output) = (attribute(object, "input"), attribute(object, "output"));
        let output = if same(&input, &output) { input } else { output.marked(input.marks_deep()) };
        ours.then(|| with(object, [("output", output)]))
    }

    fn connect<'a>(
        &'a self,
        _config: &'a Value,
        surroundings: &'a Surroundings,
    ) -> BoxFuture<'a, Result<Arc<dyn Connection>, ProviderError>> {
        let memory: Arc<dyn Connection> = Arc::new(Memory { surroundings: surroundings.clone() });
        Box::pin(ready(Ok(memory)))
    }
}

/// As Terraform plans `terraform_data`: the output is unknown when the input changes, and is null at once only where a
/// new object has no input.
fn plan(request: &PlanRequest<'_>) -> Planned {
    let (input, triggers) =
        (attribute(&request.proposed, "input"), attribute(&request.proposed, "triggers_replace"));
    let output = || if input.is_null() { input.clone() } else { Value::unknown(input.ty()) };
    let id = || {
        let refinement = Refinement { not_null: true, ..Refinement::default() };
        Value::from(Kind::Unknown(Type::String, refinement.into()))
    };
    let proposed = &request.proposed;
    let changed = |prior: &Value, name, now| !same(&attribute(prior, name), now);
    match request.prior {
        None => Planned { value: with(proposed, [("id", id()), ("output", output())]), replace: Vec::new() },
        Some(prior) if changed(prior, "triggers_replace", &triggers) => Planned {
            value: with(proposed, [("id", id()), ("output", output())]),
            replace: vec![Path::root().name("triggers_replace")],
        },
        Some(prior) if changed(prior, "input", &input) => {
            Planned { value: with(proposed, [("output", Value::unknown(input.ty()))]), replace: Vec::new() }
        }
        Some(_) => Planned { value: proposed.clone(), replace: Vec::new() },
    }
}

/// Nothing to connect to: the state is where these objects are.
struct Memory {
    /// For the data sources: other states and models lie there.
    surroundings: Surroundings,
}

impl Connection for Memory {
    fn read<'a>(
        &'a self,
        _subject: Subject<'a>,
        prior: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Value>, ProviderError>> {
        Box::pin(ready(Ok(Some(prior.clone()))))
    }

    fn start<'a>(
        &'a self,
        subject: Subject<'a>,
        change: Change<'a>,
    ) -> BoxFuture<'a, Result<Progress, ProviderError>> {
        let done = match change {
            Change::Create { planned } | Change::Update { planned, .. } => {
                Some(applied(planned, subject.token))
            }
            Change::Delete { .. } => None,
        };
        Box::pin(ready(Ok(Progress::Done(done))))
    }

    fn poll<'a>(
        &'a self,
        _subject: Subject<'a>,
        _handle: &'a str,
    ) -> BoxFuture<'a, Result<Progress, ProviderError>> {
        let error = ProviderError::new(ErrorClass::Retryable, "nothing of this provider is ever pending");
        Box::pin(ready(Err(error)))
    }

    fn read_data<'a>(
        &'a self,
        type_name: &'a str,
        config: &'a Value,
    ) -> BoxFuture<'a, Result<Value, ProviderError>> {
        Box::pin(async move {
            match type_name {
                model::TYPE => model::read(&self.surroundings, config).await,
                state::TERRAFORM_TYPE => state::read_terraform(&self.surroundings, config).await,
                _ => state::read(&self.surroundings, config).await,
            }
        })
    }

    /// Nothing is anywhere but in the state: what is imported begins with its id alone, as in Terraform.
    fn import<'a>(
        &'a self,
        _subject: Subject<'a>,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Imported>, ProviderError>> {
        let value = with(&empty(&data_schema().block), [("id", Value::string(id))]);
        Box::pin(ready(Ok(Some(Imported { value, token: None }))))
    }

    fn find<'a>(&'a self, _subject: Subject<'a>) -> BoxFuture<'a, Result<Option<Value>, ProviderError>> {
        Box::pin(ready(Ok(None)))
    }
}

fn applied(planned: &Value, token: &str) -> Value {
    let mut changes = Vec::new();
    if attribute(planned, "output").is_unknown() {
        changes.push(("output", attribute(planned, "input")));
    }
    if attribute(planned, "id").is_unknown() {
        changes.push(("id", Value::string(id_of(token))));
    }
    with(planned, changes)
}

/// An identifier in the form of a UUID (RFC 9562, version 8: made from a hash), the same for the same token.
fn id_of(token: &str) -> String {
    let digest = Sha256::digest(token.as_bytes());
    let mut bytes: Vec<u8> = digest.iter().copied().take(16).collect();
    for (at, keep, version) in [(6, 0x0f, 0x80), (8, 0x3f, 0x80)] {
        if let Some(byte) = bytes.get_mut(at) {
            *byte = *byte & keep | version;
        }
    }
    let digits = HEXLOWER.encode(&bytes);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| digits.get(range).unwrap_or_default());
    parts.join("-")
}

#[cfg(test)]
mod tests;
