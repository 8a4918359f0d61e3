//! The one trait through which objects out there are read and changed, and one folder per provider.
//!
//! Goes in: values of a resource type's schema. Comes out: values as the object is, or an error by class. Never
//! happens: a provider that retries, prints, reads a clock or the environment, or looks at another provider.

pub mod builtin;
pub mod kubernetes;
pub mod local;
pub mod mock;

#[cfg(test)]
pub(crate) mod fake;

mod error;
mod object;
mod retry;
mod schema;

pub use error::{ErrorClass, ProviderError};
pub use retry::{retry, retry_change};
pub use schema::{DataSchema, ProviderSchema, ResourceSchema};

use crate::lang::eval::BlockSchema;
use crate::lang::value::{Path, Value};
use mlo_state::Address;
use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A future that can move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Looks up a variable of the environment.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Outputs by their names, sensitive ones marked; nothing if there is no state.
pub type Outputs = Result<Option<BTreeMap<Arc<str>, Value>>, String>;

/// Where another state is.
#[derive(Debug, Clone)]
pub enum StateAt {
    /// Where a path leads. Of a project with environments it is the state of the one that is named, or else of the one that
    /// is called as that of the run.
    Path(PathBuf, Option<String>),
    /// In a bucket.
    Bucket {
        /// The settings of Terraform's backend `s3`.
        config: Value,
        /// The environment, which Terraform calls a workspace.
        workspace: Option<String>,
        /// It is in clear, and meant to be.
        in_clear: bool,
    },
}

/// Looks up the outputs of another state.
pub type States = Arc<dyn Fn(StateAt) -> BoxFuture<'static, Outputs> + Send + Sync>;

/// What a provider may know of the machine and the run. Everything that differs between two runs comes from here.
#[derive(Clone)]
pub struct Surroundings {
    /// The project's folder, absolute: relative paths of arguments begin here.
    pub project: PathBuf,
    /// The project's `.mlo` folder, absolute: what is kept between runs lies here. May not exist yet.
    pub home: PathBuf,
    /// The folder of the running program: programs that are shipped with it lie here.
    pub programs: PathBuf,
    /// The environment of the run.
    pub environment: Environment,
    /// Other states: their formats are the engine's.
    pub states: States,
    /// The wall clock.
    pub now: Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>,
}

#[cfg(test)]
impl Surroundings {
    /// A machine with nothing on it.
    pub(crate) fn nowhere() -> Self {
        Self {
            project: "/nowhere".into(),
            home: "/nowhere/.mlo".into(),
            programs: "/nowhere".into(),
            environment: Arc::new(|_| None),
            states: Arc::new(|_| Box::pin(std::future::ready(Ok(None)))),
            now: Arc::new(|| jiff::Timestamp::UNIX_EPOCH),
        }
    }
}

/// All providers, by the name of their `provider` blocks.
pub fn all() -> BTreeMap<&'static str, Arc<dyn Provider>> {
    let builtin: Arc<dyn Provider> = Arc::new(builtin::Builtin::new());
    let (kubernetes, local) = (kubernetes::Kubernetes::new(), local::Local::new());
    [
        ("kubernetes", Arc::new(kubernetes) as _),
        ("local", Arc::new(local) as _),
        ("mlo", Arc::clone(&builtin)),
        ("terraform", builtin),
    ]
    .into()
}

/// The schema of a resource type, if one of the providers has it.
pub fn schema_of<'p>(
    providers: &'p BTreeMap<&'static str, Arc<dyn Provider>>,
    type_name: &str,
) -> Option<&'p BlockSchema> {
    let mut all = providers.values();
    all.find_map(|provider| provider.schema().resources.get(type_name)).map(|schema| &schema.block)
}

/// A resource type of Terraform.
#[derive(Debug, Clone, Copy)]
pub struct TerraformType<'a> {
    /// Namespace and type of its provider: `hashicorp/local`.
    pub source: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The version of its schema that an object follows.
    pub schema_version: u64,
}

/// Resource types of one kind of system.
pub trait Provider: Send + Sync {
    /// What its configuration and its resource types look like.
    fn schema(&self) -> &ProviderSchema;

    /// What an object will be when `request.wanted` is applied over `request.prior`. Called without a connection when
    /// the provider's own configuration is not known yet. The default keeps what the engine proposes.
    fn plan<'a>(
        &'a self,
        _connection: Option<&'a dyn Connection>,
        request: PlanRequest<'a>,
    ) -> BoxFuture<'a, Result<Planned, ProviderError>> {
        Box::pin(std::future::ready(Ok(Planned { value: request.proposed, replace: Vec::new() })))
    }

    /// What comes before an object and after it where no reference says so: of objects with an order among the same, those
    /// of a lower rank are made first and taken away last. What is not known of the object yet orders nothing.
    fn order(&self, _type_name: &str, _object: &Value) -> Vec<Order> {
        Vec::new()
    }

    /// An object that Terraform made, as this provider keeps it; nothing if Terraform's type is another thing than the
    /// one of its name here. `object` has Terraform's values for the attributes of the schema, null where there are none.
    fn of_terraform(&self, _kind: TerraformType<'_>, _object: &Value) -> Option<Value> {
        None
    }

    /// Connects with a configuration that is wholly known.
    fn connect<'a>(
        &'a self,
        config: &'a Value,
        surroundings: &'a Surroundings,
    ) -> BoxFuture<'a, Result<Arc<dyn Connection>, ProviderError>>;
}

/// A configured provider: it can read and change objects. `Any`, so that [`Provider::plan`] finds its own connection.
pub trait Connection: Any + Send + Sync {
    /// The object as it is now, or nothing if it is gone. `prior` is what the state knows of it.
    fn read<'a>(
        &'a self,
        subject: Subject<'a>,
        prior: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Value>, ProviderError>>;

    /// Begins a change. The intent is durable before this is called.
    fn start<'a>(
        &'a self,
        subject: Subject<'a>,
        change: Change<'a>,
    ) -> BoxFuture<'a, Result<Progress, ProviderError>>;

    /// Goes on with a change that [`Connection::start`] left pending, possibly in an earlier run. An error of a class
    /// other than [`ErrorClass::Retryable`] says that the change failed and what it left is known: whatever keeps the
    /// provider from finding that out is retryable.
    fn poll<'a>(
        &'a self,
        subject: Subject<'a>,
        handle: &'a str,
    ) -> BoxFuture<'a, Result<Progress, ProviderError>>;

    /// What became of an object that a call of an earlier run was to change or delete, and of which no handle is left.
    /// Where it cannot be told what the call did to it, the object that comes back is one that the next plan changes.
    fn recover<'a>(
        &'a self,
        subject: Subject<'a>,
        _call: Interrupted,
        prior: &'a Value,
    ) -> BoxFuture<'a, Result<Progress, ProviderError>> {
        Box::pin(async move { self.read(subject, prior).await.map(Progress::Done) })
    }

    /// What a data source says. `config` is wholly known, an object of the data source's schema with nulls for what
    /// only the answer tells; nothing is changed by reading.
    fn read_data<'a>(
        &'a self,
        type_name: &'a str,
        _config: &'a Value,
    ) -> BoxFuture<'a, Result<Value, ProviderError>> {
        let error = ProviderError::permanent(format!("there is no data source `{type_name}`"));
        Box::pin(std::future::ready(Err(error)))
    }

    /// The object that an earlier run made, or began to make, with `subject.token`: after a crash it is adopted.
    fn find<'a>(&'a self, subject: Subject<'a>) -> BoxFuture<'a, Result<Option<Value>, ProviderError>>;

    /// The object that its provider knows by an id, to be kept from now on; nothing if there is none. Changes nothing.
    /// `subject.token` is the one that it gets if it has none of its own.
    fn import<'a>(
        &'a self,
        subject: Subject<'a>,
        _id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Imported>, ProviderError>> {
        let summary = format!("objects of type `{}` cannot be imported", subject.type_name);
        Box::pin(std::future::ready(Err(ProviderError::permanent(summary))))
    }
}

/// What a call was to do whose end nobody has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupted {
    /// To make the object.
    Create,
    /// To change it.
    Update,
    /// To take it away.
    Delete,
}

/// An object that was there already.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The object as it is.
    pub value: Value,
    /// The token that it was made with, if it is known.
    pub token: Option<String>,
}

/// The object that a call is about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Its resource type.
    pub type_name: &'a str,
    /// Its address in the configuration.
    pub address: &'a Address,
    /// The idempotency token of its creation: the same in every attempt, and known to the state.
    pub token: &'a str,
}

/// What [`Provider::plan`] goes by. All values are objects of the resource type's schema.
#[derive(Debug, Clone)]
pub struct PlanRequest<'a> {
    /// The resource type.
    pub type_name: &'a str,
    /// The object as it is, or nothing if it will be created.
    pub prior: Option<&'a Value>,
    /// As the configuration says: what it leaves out is null.
    pub wanted: &'a Value,
    /// `wanted`, and where it is null for computed attributes: what `prior` has, or unknown for a new object.
    pub proposed: Value,
}

/// A place of an object among others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// What they have in common.
    pub among: String,
    /// Lower ones are made first.
    pub rank: u8,
}

/// What a provider plans.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The object afterwards; unknown where only applying will tell.
    pub value: Value,
    /// Attributes whose change needs a new object, beside those that the schema says.
    pub replace: Vec<Path>,
}

/// One change of one object.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// Make it as planned.
    Create {
        /// What it shall be; computed attributes may be unknown.
        planned: &'a Value,
    },
    /// Change it in place.
    Update {
        /// What it is.
        prior: &'a Value,
        /// What it shall be; computed attributes may be unknown.
        planned: &'a Value,
    },
    /// Take it away.
    Delete {
        /// What it is.
        prior: &'a Value,
    },
}

/// How far a change is.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// Done: the object, wholly known; nothing after a delete.
    Done(Option<Value>),
    /// Under way: ask again with the handle, which is kept in the journal.
    Pending {
        /// What [`Connection::poll`] needs to find it again.
        handle: String,
        /// When to ask again.
        after: Duration,
    },
}
