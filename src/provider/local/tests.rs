//! What the tests of both resource types need: a project of its own, and the engine's part in a plan.

use super::*;
use crate::lang::eval::BlockSchema;
use crate::lang::value::{Type, from_json};
use crate::provider::object::attribute;
use mlo_state::Address;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A project in a folder of its own.
pub(super) struct Project {
    pub(super) folder: tempfile::TempDir,
    pub(super) surroundings: Surroundings,
    pub(super) provider: Local,
    pub(super) connection: Arc<dyn Connection>,
}

impl Project {
    pub(super) async fn new() -> Self {
        Self::with([]).await
    }

    /// With variables set besides those of the test's own environment.
    pub(super) async fn with<const N: usize>(variables: [(&str, &str); N]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::at(folder, variables).await
    }

    async fn at<const N: usize>(folder: tempfile::TempDir, variables: [(&str, &str); N]) -> Self {
        let path = folder.path().canonicalize().expect("a path");
        let variables: BTreeMap<String, String> =
            variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        #[expect(clippy::disallowed_methods, reason = "the test is the edge here")]
        let environment = move |name: &str| variables.get(name).cloned().or_else(|| std::env::var(name).ok());
        let surroundings = Surroundings {
            home: path.join(".mlo"),
            project: path,
            programs: programs(),
            environment: Arc::new(environment),
            ..Surroundings::nowhere()
        };
        let provider = Local::new();
        let connection = provider.connect(&Value::null(), &surroundings).await.expect("a connection");
        Self { folder, surroundings, provider, connection }
    }

    /// After a change of the surroundings.
    pub(super) async fn reconnect(&mut self) {
        self.connection =
            self.provider.connect(&Value::null(), &self.surroundings).await.expect("a connection");
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.surroundings.project.join(name)
    }

    /// Plans as the engine does: what is not wanted is proposed as it was, or unknown.
    pub(super) async fn plan(
        &self,
        type_name: &str,
        prior: Option<&Value>,
        wanted: &str,
    ) -> Result<Value, ProviderError> {
        self.plan_with(Some(&*self.connection), type_name, prior, wanted).await
    }

    pub(super) async fn plan_with(
        &self,
        connection: Option<&dyn Connection>,
        type_name: &str,
        prior: Option<&Value>,
        wanted: &str,
    ) -> Result<Value, ProviderError> {
        let schema = &self.provider.schema().resources[type_name].block;
        let wanted = object(schema, wanted);
        let proposed = schema.attributes.iter().map(|(name, schema)| {
            let given = attribute(&wanted, name);
            let value = match prior {
                _ if !given.is_null() || !schema.computed => given,
                Some(prior) => attribute(prior, name),
                None => Value::unknown(schema.ty.clone()),
            };
            (name.clone(), value)
        });
        let proposed = Value::object(proposed);
        let request = PlanRequest { type_name, prior, wanted: &wanted, proposed };
        self.provider.plan(connection, request).await.map(|planned| planned.value)
    }

    pub(super) async fn start(
        &self,
        subject: Subject<'_>,
        change: Change<'_>,
    ) -> Result<Option<Value>, ProviderError> {
        match self.connection.start(subject, change).await? {
            Progress::Done(object) => Ok(object),
            Progress::Pending { handle, .. } => match self.connection.poll(subject, &handle).await? {
                Progress::Done(object) => Ok(object),
                Progress::Pending { handle, .. } => panic!("pending: {handle}"),
            },
        }
    }

    /// Plans and makes an object.
    pub(super) async fn create(&self, subject: Subject<'_>, wanted: &str) -> Result<Value, ProviderError> {
        let planned = self.plan(subject.type_name, None, wanted).await?;
        let object = self.start(subject, Change::Create { planned: &planned }).await?.expect("an object");
        assert!(object.is_wholly_known(), "{object:?}");
        Ok(object)
    }

    /// Plans and makes a change.
    pub(super) async fn update(
        &self,
        subject: Subject<'_>,
        prior: &Value,
        wanted: &str,
    ) -> Result<Value, ProviderError> {
        let planned = self.plan(subject.type_name, Some(prior), wanted).await?;
        let object =
            self.start(subject, Change::Update { prior, planned: &planned }).await?.expect("an object");
        assert!(object.is_wholly_known(), "{object:?}");
        Ok(object)
    }

    pub(super) async fn read(&self, subject: Subject<'_>, prior: &Value) -> Option<Value> {
        self.connection.read(subject, prior).await.expect("it can be read")
    }

    pub(super) async fn delete(&self, subject: Subject<'_>, prior: &Value) {
        let done = self.start(subject, Change::Delete { prior }).await;
        assert_eq!(done, Ok(None));
    }
}

/// An object from JSON; what is left out is null.
pub(super) fn object(schema: &BlockSchema, json: &str) -> Value {
    let json = serde_json::from_str(json).expect("JSON");
    from_json(&json, &schema.implied_type()).expect("an object of the schema")
}

/// Where the programs of this workspace are built to: above the folder of the test's own executable.
fn programs() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    test.parent().and_then(Path::parent).expect("target/debug").to_owned()
}

pub(super) fn address(name: &str) -> Address {
    name.parse().expect("an address")
}

/// The text of an attribute; `?` if it is unknown, `-` if it is null.
pub(super) fn shown(object: &Value, name: &str) -> String {
    let value = attribute(object, name);
    match value.as_str() {
        _ if value.is_unknown() => "?".to_owned(),
        _ if value.is_null() => "-".to_owned(),
        Some(text) => text.to_owned(),
        None => value.as_number().map_or_else(|| format!("{value:?}"), ToString::to_string),
    }
}

#[test]
fn every_provider_and_its_types_are_registered() {
    let all = crate::provider::all();
    let types: Vec<_> = all
        .iter()
        .map(|(name, provider)| (*name, provider.schema().resources.keys().copied().collect::<Vec<_>>()))
        .collect();
    assert_eq!(
        types,
        [
            ("kubernetes", vec!["kubernetes_object"]),
            ("local", vec!["local_command", "local_file", "local_inference_service"]),
            ("mlo", vec!["mlo_data", "terraform_data"]),
            ("terraform", vec!["mlo_data", "terraform_data"]),
        ]
    );
    for (name, resource) in all.values().flat_map(|provider| &provider.schema().resources) {
        assert!(!resource.description.is_empty(), "{name} is described");
        for (attribute, schema) in &resource.block.attributes {
            assert!(!schema.description.is_empty(), "{name}.{attribute} is described");
            assert_ne!(schema.ty, Type::object([]), "{name}.{attribute} has a type");
        }
    }
}
