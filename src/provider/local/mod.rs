//! Objects of this machine: files, inference services that run as processes, and whatever commands keep.
//!
//! Goes in: arguments whose relative paths begin at the project's folder. Comes out: files, and servers that outlive the
//! command. Never happens: a file written half, a signal to a process that is not ours.

mod command;
mod disk;
mod file;
mod service;

use super::object::text;
use super::{
    BoxFuture, Change, Connection, ErrorClass, Imported, Interrupted, PlanRequest, Planned, Progress,
    Provider, ProviderError, ProviderSchema, Subject, Surroundings, TerraformType,
};
use crate::lang::eval::{AttributeSchema, BlockSchema};
use crate::lang::value::{Type, Value};
use std::any::Any;
use std::future::ready;
use std::sync::Arc;

/// The argument of the provider's configuration.
const ROOT: &str = "root";

/// The provider of `local_command`, `local_file`, also as a data source, and `local_inference_service`.
#[derive(Debug)]
pub struct Local {
    schema: ProviderSchema,
}

impl Local {
    /// All its resource types.
    pub fn new() -> Self {
        let types = [
            (command::TYPE, command::schema()),
            (file::TYPE, file::schema()),
            (service::TYPE, service::schema()),
        ];
        let resources = types.into();
        let data = [(file::data::TYPE, file::data::schema())].into();
        let root = AttributeSchema::optional(Type::String)
            .describe("Folder that relative paths begin at, in place of the project's; relative to that");
        let config = BlockSchema::new().attribute(ROOT, root);
        Self { schema: ProviderSchema { config, resources, data } }
    }
}

impl Default for Local {
    fn default() -> Self {
        Self::new()
    }
}

impl Provider for Local {
    fn schema(&self) -> &ProviderSchema {
        &self.schema
    }

    /// Besides the values, planning reads the files that `source` and `model` name, if there is a connection: a file
    /// whose bytes changed is a change.
    fn plan<'a>(
        &'a self,
        connection: Option<&'a dyn Connection>,
        request: PlanRequest<'a>,
    ) -> BoxFuture<'a, Result<Planned, ProviderError>> {
        let machine = connection.and_then(|connection| (connection as &dyn Any).downcast_ref::<Machine>());
        let surroundings = machine.map(|machine| &machine.surroundings);
        Box::pin(async move {
            match request.type_name {
                command::TYPE => command::plan(&request),
                file::TYPE => file::plan(surroundings, &request),
                service::TYPE => service::plan(surroundings, &request).await,
                other => Err(unknown_type(other)),
            }
        })
    }

    fn of_terraform(&self, kind: TerraformType<'_>, object: &Value) -> Option<Value> {
        let same = kind.source == "hashicorp/local" && kind.name == file::TYPE && kind.schema_version == 0;
        same.then(|| file::of_terraform(object)).flatten()
    }

    fn connect<'a>(
        &'a self,
        config: &'a Value,
        surroundings: &'a Surroundings,
    ) -> BoxFuture<'a, Result<Arc<dyn Connection>, ProviderError>> {
        let mut surroundings = surroundings.clone();
        if let Some(root) = text(config, ROOT) {
            surroundings.project.push(root);
        }
        let machine: Arc<dyn Connection> = Arc::new(Machine {
            surroundings,
            commands: command::Begun::default(),
            files: file::Begun::default(),
        });
        Box::pin(ready(Ok(machine)))
    }
}

/// This machine.
struct Machine {
    surroundings: Surroundings,
    commands: command::Begun,
    files: file::Begun,
}

impl Connection for Machine {
    fn read<'a>(
        &'a self,
        subject: Subject<'a>,
        prior: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Value>, ProviderError>> {
        Box::pin(async move {
            match subject.type_name {
                command::TYPE => command::read(&self.surroundings, subject, prior).await,
                file::TYPE => file::read(&self.surroundings, prior),
                service::TYPE => service::read(&self.surroundings, subject, prior).await,
                other => Err(unknown_type(other)),
            }
        })
    }

    fn start<'a>(
        &'a self,
        subject: Subject<'a>,
        change: Change<'a>,
    ) -> BoxFuture<'a, Result<Progress, ProviderError>> {
        Box::pin(async move {
            let done = match subject.type_name {
                command::TYPE => {
                    return command::change(&self.surroundings, &self.commands, subject, change).await;
                }
                file::TYPE => return file::change(&self.surroundings, &self.files, subject, change),
                service::TYPE => service::change(&self.surroundings, subject, change).await?,
                other => return Err(unknown_type(other)),
            };
            Ok(Progress::Done(done))
        })
    }

    fn poll<'a>(
        &'a self,
        subject: Subject<'a>,
        handle: &'a str,
    ) -> BoxFuture<'a, Result<Progress, ProviderError>> {
        Box::pin(async move {
            match subject.type_name {
                command::TYPE => command::poll(&self.surroundings, &self.commands, subject, handle).await,
                file::TYPE => file::poll(&self.surroundings, &self.files, subject, handle),
                _ => {
                    let summary = "nothing of this type is ever pending";
                    Err(ProviderError::new(ErrorClass::Retryable, summary))
                }
            }
        })
    }

    fn recover<'a>(
        &'a self,
        subject: Subject<'a>,
        call: Interrupted,
        prior: &'a Value,
    ) -> BoxFuture<'a, Result<Progress, ProviderError>> {
        Box::pin(async move {
            match subject.type_name {
                command::TYPE => command::recover(&self.surroundings, subject, call, prior).await,
                _ => self.read(subject, prior).await.map(Progress::Done),
            }
        })
    }

    fn read_data<'a>(
        &'a self,
        _type_name: &'a str,
        config: &'a Value,
    ) -> BoxFuture<'a, Result<Value, ProviderError>> {
        Box::pin(ready(file::data::read(&self.surroundings, config)))
    }

    fn import<'a>(
        &'a self,
        subject: Subject<'a>,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Imported>, ProviderError>> {
        Box::pin(async move {
            match subject.type_name {
                file::TYPE => file::import(&self.surroundings, id),
                service::TYPE => service::import(&self.surroundings, subject, id).await,
                other => {
                    let summary = format!("objects of type `{other}` cannot be imported");
                    Err(ProviderError::permanent(summary))
                }
            }
        })
    }

    fn find<'a>(&'a self, subject: Subject<'a>) -> BoxFuture<'a, Result<Option<Value>, ProviderError>> {
        Box::pin(async move {
            match subject.type_name {
                service::TYPE => service::find(&self.surroundings, subject).await,
                // What has no handle was never begun.
                _ => Ok(None),
            }
        })
    }
}

fn unknown_type(name: &str) -> ProviderError {
    ProviderError::permanent(format!("the provider `local` has no resource type `{name}`"))
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
