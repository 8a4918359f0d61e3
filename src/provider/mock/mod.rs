//! A provider that makes up what another would say, for tests.
//!
//! Goes in: the schema of the provider that it stands in for, and values that somebody chose. Comes out: objects whose
//! computed attributes are those values, or made up by their types. Never happens: anything outside.

mod value;

use super::{
    BoxFuture, Change, Connection, Imported, PlanRequest, Planned, Progress, Provider, ProviderError,
    ProviderSchema, Subject, Surroundings,
};
use crate::diag::code;
use crate::lang::eval::BlockSchema;
use crate::lang::value::Value;
use std::collections::BTreeMap;
use std::future::ready;
use std::sync::Arc;

pub use value::misfits;

/// Random bytes.
pub type Dice = Arc<dyn Fn() -> [u8; 16] + Send + Sync>;

/// What computed attributes of a type's objects are.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// An object of the attributes that somebody chose; the others are made up.
    pub values: Value,
    /// Whether they are known when a plan is made already.
    pub at_plan: bool,
}

/// What somebody chose, by the names of types.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// For objects of resource types.
    pub resources: BTreeMap<Arc<str>, Chosen>,
    /// For data sources.
    pub data: BTreeMap<Arc<str>, Chosen>,
    /// Whether computed attributes of all others are known when a plan is made already.
    pub at_plan: bool,
    /// Whether objects can be imported: where values were chosen for the very object.
    pub imports: bool,
}

/// Stands in for a provider; provider and connection in one.
#[derive(Clone)]
pub struct Mock {
    schema: ProviderSchema,
    choices: Choices,
    dice: Dice,
}

impl Mock {
    /// Stands in for the provider that has this schema.
    pub fn new(schema: ProviderSchema, choices: Choices, dice: Dice) -> Self {
        Self { schema, choices, dice }
    }

    /// An object with its computed attributes made up where they are not known, and, with `nulls`, where they are null.
    fn complete(
        &self,
        (chosen, block): (Option<&Chosen>, &BlockSchema),
        value: &Value,
        nulls: bool,
    ) -> Value {
        value::complete(value, block, (chosen.map(|chosen| &chosen.values), nulls), &self.dice)
    }

    fn resource(&self, type_name: &str) -> Result<(Option<&Chosen>, &BlockSchema), ProviderError> {
        let schema = self.schema.resources.get(type_name).ok_or_else(|| unknown_type(type_name))?;
        Ok((self.choices.resources.get(type_name), &schema.block))
    }

    fn planned(&self, request: &PlanRequest<'_>) -> Result<Planned, ProviderError> {
        let (chosen, block) = self.resource(request.type_name)?;
        let at_plan = chosen.map_or(self.choices.at_plan, |chosen| chosen.at_plan);
        let value = if request.prior.is_none() && at_plan {
            self.complete((chosen, block), &request.proposed, false)
        } else {
            request.proposed.clone()
        };
        Ok(Planned { value, replace: Vec::new() })
    }

    fn done(&self, type_name: &str, change: Change<'_>) -> Result<Progress, ProviderError> {
        let object = match change {
            Change::Create { planned } | Change::Update { planned, .. } => {
                Some(self.complete(self.resource(type_name)?, planned, false))
            }
            Change::Delete { .. } => None,
        };
        Ok(Progress::Done(object))
    }

    fn answer(&self, type_name: &str, config: &Value) -> Result<Value, ProviderError> {
        let schema = self.schema.data.get(type_name).ok_or_else(|| unknown_type(type_name))?;
        Ok(self.complete((self.choices.data.get(type_name), &schema.block), config, true))
    }

    fn imported(&self, type_name: &str) -> Result<Option<Imported>, ProviderError> {
        let (chosen, block) = self.resource(type_name)?;
        if !self.choices.imports {
            let error = ProviderError::permanent("a mock has no objects that could be imported");
            let error = error.code(&code::provider::ARGUMENT);
            return Err(error.help("say what it is with an `override_resource` block for its address"));
        }
        let value = value::whole(block, chosen.map(|chosen| &chosen.values), &self.dice);
        Ok(Some(Imported { value, token: None }))
    }
}

fn unknown_type(type_name: &str) -> ProviderError {
    ProviderError::permanent(format!("there is no type `{type_name}`"))
}

impl Provider for Mock {
    fn schema(&self) -> &ProviderSchema {
        &self.schema
    }

    fn plan<'a>(
        &'a self,
        _connection: Option<&'a dyn Connection>,
        request: PlanRequest<'a>,
    ) -> BoxFuture<'a, Result<Planned, ProviderError>> {
        Box::pin(ready(self.planned(&request)))
    }

    fn connect<'a>(
        &'a self,
        _config: &'a Value,
        _surroundings: &'a Surroundings,
    ) -> BoxFuture<'a, Result<Arc<dyn Connection>, ProviderError>> {
        let connection: Arc<dyn Connection> = Arc::new(self.clone());
        Box::pin(ready(Ok(connection)))
    }
}

impl Connection for Mock {
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
        Box::pin(ready(self.done(subject.type_name, change)))
    }

    fn poll<'a>(
        &'a self,
        _subject: Subject<'a>,
        _handle: &'a str,
    ) -> BoxFuture<'a, Result<Progress, ProviderError>> {
        Box::pin(ready(Err(ProviderError::permanent("nothing of a mock is ever pending"))))
    }

    fn read_data<'a>(
        &'a self,
        type_name: &'a str,
        config: &'a Value,
    ) -> BoxFuture<'a, Result<Value, ProviderError>> {
        Box::pin(ready(self.answer(type_name, config)))
    }

    fn find<'a>(&'a self, _subject: Subject<'a>) -> BoxFuture<'a, Result<Option<Value>, ProviderError>> {
        Box::pin(ready(Ok(None)))
    }

    fn import<'a>(
        &'a self,
        subject: Subject<'a>,
        _id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Imported>, ProviderError>> {
        Box::pin(ready(self.imported(subject.type_name)))
    }
}

#[cfg(test)]
mod tests;
