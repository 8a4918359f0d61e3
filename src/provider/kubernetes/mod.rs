//! Objects of Kubernetes clusters, by server-side apply under the field manager `mlo`.
//!
//! Goes in: manifests of any kind. Comes out: objects that do their work, or why they do not, with what was there before put
//! back. Never happens: a field of another manager changed that the plan did not show or the configuration did not claim, a
//! difference reported that only the server made, an object deleted that has another uid.

mod change;
mod client;
mod compare;
mod config;
mod data;
mod exec;
mod fields;
mod handle;
mod kinds;
mod lists;
mod object;
mod owners;
mod plan;
mod quantity;
mod read;
mod rollout;
mod status;

use super::{
    BoxFuture, Change, Connection, ErrorClass, Imported, Order, PlanRequest, Planned, Progress, Provider,
    ProviderError, ProviderSchema, Subject, Surroundings,
};
use crate::diag::code::provider::ARGUMENT;
use crate::lang::value::Value;
use client::Api;
use lists::Lists;
use object::{Identity, TYPE};
use status::Failure;
use std::any::Any;
use std::collections::BTreeSet;
use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError};

/// The namespace of objects that name none, while no cluster says another.
const NAMESPACE: &str = "default";

/// The provider of `kubernetes_object`, also as a data source, and of the data source `kubernetes_kind`.
#[derive(Debug)]
pub struct Kubernetes {
    schema: ProviderSchema,
}

impl Kubernetes {
    /// Its resource type and data source.
    pub fn new() -> Self {
        let resources = [(TYPE, object::schema())].into();
        let data = [(TYPE, object::data_schema()), (data::KIND, data::kind_schema())].into();
        Self { schema: ProviderSchema { config: config::schema(), resources, data } }
    }
}

impl Default for Kubernetes {
    fn default() -> Self {
        Self::new()
    }
}

impl Provider for Kubernetes {
    fn schema(&self) -> &ProviderSchema {
        &self.schema
    }

    /// Without a cluster, by what is known of the built-in kinds. With one, a change is tried there first, where that is
    /// allowed, without being kept.
    fn plan<'a>(
        &'a self,
        connection: Option<&'a dyn Connection>,
        request: PlanRequest<'a>,
    ) -> BoxFuture<'a, Result<Planned, ProviderError>> {
        let cluster = connection.and_then(|connection| (connection as &dyn Any).downcast_ref::<Cluster>());
        Box::pin(plan::plan(cluster, request))
    }

    fn order(&self, _type_name: &str, object: &Value) -> Vec<Order> {
        plan::order(object)
    }

    fn connect<'a>(
        &'a self,
        config: &'a Value,
        surroundings: &'a Surroundings,
    ) -> BoxFuture<'a, Result<Arc<dyn Connection>, ProviderError>> {
        Box::pin(async move {
            let api = Api::of(config, surroundings).await?;
            let cluster: Arc<dyn Connection> = Arc::new(Cluster {
                api,
                lists: Lists::default(),
                surroundings: surroundings.clone(),
                begun: Mutex::default(),
                expected: Mutex::default(),
            });
            Ok(cluster)
        })
    }
}

/// A cluster, asked when it is needed.
struct Cluster {
    /// Nothing if neither the configuration nor the machine says where a cluster is.
    api: Option<Api>,
    lists: Lists,
    surroundings: Surroundings,
    /// Tokens of what this run began to make.
    begun: Mutex<BTreeSet<String>>,
    /// Namespaces and kinds that this run makes: what needs them waits for them.
    expected: Mutex<BTreeSet<String>>,
}

impl Cluster {
    /// The API server.
    ///
    /// # Errors
    /// If nobody says where it is.
    fn api(&self) -> Result<&Api, ProviderError> {
        self.api.as_ref().ok_or_else(|| {
            ProviderError::permanent("it is not known where the cluster is")
                .code(&ARGUMENT)
                .detail("The provider's block names neither `host` nor `config_path`, and there is no kubeconfig on this machine.")
                .help("write `provider \"kubernetes\" { config_path = \"~/.kube/config\" }`, or set KUBECONFIG")
        })
    }

    fn namespace(&self) -> &str {
        self.api.as_ref().map_or(NAMESPACE, Api::namespace)
    }

    /// The object that a manifest names, in the cluster's own terms.
    ///
    /// # Errors
    /// If the cluster cannot be asked, or has no such kind.
    async fn identity(&self, manifest: &Value) -> Result<Identity, ProviderError> {
        let named = Identity::of(manifest, self.namespace());
        let named = named.ok_or_else(|| ProviderError::permanent("it is not known which object this is"))?;
        let settled = self.api()?.settled(&named).await;
        let settled =
            settled.map_err(|failure| failure.error(&format!("asking for the kind {}", named.kind)))?;
        settled.ok_or_else(|| no_kind(&named))
    }

    fn expect(&self, what: String) {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner).insert(what);
    }

    fn is_expected(&self, what: &str) -> bool {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner).contains(what)
    }

    fn now(&self) -> jiff::Timestamp {
        (self.surroundings.now)()
    }
}

/// That the cluster has no such kind.
fn no_kind(at: &Identity) -> ProviderError {
    ProviderError::new(
        ErrorClass::Absent,
        format!("the cluster has no kind {} in {}", at.kind, at.api_version),
    )
    .code(&ARGUMENT)
    .help("if a CustomResourceDefinition makes it, put that in the same configuration or apply it first")
    .help("`kubectl api-resources` lists what there is")
}

impl Connection for Cluster {
    fn read<'a>(
        &'a self,
        subject: Subject<'a>,
        prior: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Value>, ProviderError>> {
        Box::pin(read::read(self, subject, prior))
    }

    fn start<'a>(
        &'a self,
        subject: Subject<'a>,
        change: Change<'a>,
    ) -> BoxFuture<'a, Result<Progress, ProviderError>> {
        Box::pin(change::start(self, subject, change))
    }

    fn poll<'a>(
        &'a self,
        subject: Subject<'a>,
        handle: &'a str,
    ) -> BoxFuture<'a, Result<Progress, ProviderError>> {
        Box::pin(change::poll(self, subject, handle))
    }

    fn read_data<'a>(
        &'a self,
        type_name: &'a str,
        config: &'a Value,
    ) -> BoxFuture<'a, Result<Value, ProviderError>> {
        match type_name {
            data::KIND => Box::pin(data::read_kind(self, config)),
            _ => Box::pin(data::read(self, config)),
        }
    }

    /// What has no handle was never begun: the handle is kept before an object is made.
    fn find<'a>(&'a self, _subject: Subject<'a>) -> BoxFuture<'a, Result<Option<Value>, ProviderError>> {
        Box::pin(ready(Ok(None)))
    }

    fn import<'a>(
        &'a self,
        _subject: Subject<'a>,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Imported>, ProviderError>> {
        Box::pin(read::import(self, id))
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
