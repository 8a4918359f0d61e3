//! `kubernetes_object`: any object of a cluster, as a manifest says.
//!
//! Goes in: a manifest as a value. Comes out: its identity, and the same as JSON for the server. Never happens: a value of
//! a Secret that is not sensitive.

use super::kinds::{self, Group};
use crate::diag::code::provider::ARGUMENT;
use crate::lang::eval::{AttributeSchema, BlockSchema, NestedBlock};
use crate::lang::value::{Marks, Path, PathStep, Type, Value, to_json};
use crate::provider::object::attribute;
use crate::provider::{DataSchema, ProviderError, ResourceSchema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use std::fmt;
use std::time::Duration;

/// Name of the resource type, and of the data source.
pub(super) const TYPE: &str = "kubernetes_object";
/// The annotation that says which creation an object is of.
pub(super) const TOKEN: &str = "mlifecycle.io/token";
/// Time for a change and its rollout if nothing else is said, as Kubernetes gives a Deployment.
const WITHIN: Duration = Duration::from_mins(10);
/// The parts of a Secret that are secret.
const SECRET: [&str; 2] = ["data", "stringData"];

pub(super) fn schema() -> ResourceSchema {
    let text = || AttributeSchema::optional(Type::String);
    let timeouts = ["create", "update", "delete"].into_iter().fold(BlockSchema::new(), |block, name| {
        block.attribute(
            name,
            text().describe("How long it may take, such as \"10m\" or \"90s\"; 10 minutes if not given"),
        )
    });
    let wait_for = BlockSchema::new()
        .attribute(
            "conditions",
            AttributeSchema::optional(Type::map(Type::String))
                .describe("Conditions of the object's status by type, and the status that each must have: `{ Ready = \"True\" }`"),
        )
        .attribute(
            "fields",
            AttributeSchema::optional(Type::map(Type::String))
                .describe("Fields by path, and the value that each must have: `{ \"status.phase\" = \"Running\" }`; `*` for any"),
        );
    let block = BlockSchema::new()
        .attribute(
            "manifest",
            AttributeSchema::required(Type::Any)
                .describe("The object: `apiVersion`, `kind`, `metadata` and whatever its kind has. Of a YAML file, `yamldecode(file(…))`"),
        )
        .attribute(
            "wait",
            AttributeSchema::optional(Type::Bool).describe(
                "Whether the apply waits until the object does its work. If not given: for rollouts of workloads, Jobs, claims, definitions and namespaces. With `true` also for the address of an Ingress and of a Service of type LoadBalancer; with `false` for nothing",
            ),
        )
        .attribute(
            "rollback",
            AttributeSchema::optional(Type::Bool).describe(
                "Whether a failed rollout of a change is put back as the object was before; true if not given",
            ),
        )
        .attribute(
            "force_conflicts",
            AttributeSchema::optional(Type::Any).describe(
                "`true` to take every field over from whoever else manages it, or a list of the fields that are: `[\"spec.replicas\"]`",
            ),
        )
        .attribute("id", AttributeSchema::computed(Type::String).describe("API version, kind, namespace and name: `apps/v1/Deployment/prod/web`"))
        .attribute("uid", AttributeSchema::computed(Type::String).describe("What the cluster knows it by"))
        .attribute(
            "ready",
            AttributeSchema::computed(Type::Bool).describe("Whether what was waited for came. A change that ended before waits anew"),
        )
        .attribute(
            "object",
            AttributeSchema::computed(Type::Any)
                .describe("The whole object as it was after it was last applied, with the server's defaults and its status"),
        )
        .attribute(
            "outside_changes",
            AttributeSchema::computed(Type::list(change_type()))
                .describe("Fields of the manifest that others changed since: which, who, by which operation, when"),
        )
        .block("wait_for", NestedBlock::single(wait_for))
        .block("health_check", NestedBlock::single(health_check()))
        .block("timeouts", NestedBlock::single(timeouts));
    ResourceSchema {
        version: 0,
        description: "Any object of a Kubernetes cluster, by server-side apply",
        block,
    }
}

fn health_check() -> BlockSchema {
    let text = |what: &str| AttributeSchema::optional(Type::String).describe(what);
    BlockSchema::new()
        .attribute("path", text("What the server of each Pod is asked for; `/ready` if not given"))
        .attribute("port", text("Number or name of its port; 8080 if not given"))
        .attribute("digest", text("Digest of the model that its answer must name: `sha256:…`"))
}

/// One field that others changed.
pub(super) fn change_type() -> Type {
    Type::object(["field", "manager", "operation", "time"].map(|name| (name.into(), Type::String)))
}

pub(super) fn data_schema() -> DataSchema {
    let needed = || AttributeSchema::required(Type::String);
    let block = BlockSchema::new()
        .attribute("api_version", needed().describe("Its API version, such as `v1` or `apps/v1`"))
        .attribute("kind", needed().describe("Its kind, such as `Service`"))
        .attribute("name", needed().describe("Its name"))
        .attribute(
            "namespace",
            AttributeSchema::optional(Type::String).describe("Its namespace; the provider's if not given"),
        )
        .attribute("object", AttributeSchema::computed(Type::Any).describe("The object as it is"));
    DataSchema { description: "An object of a Kubernetes cluster as it is", block }
}

/// What names an object in its cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Identity {
    /// Group and version: `apps/v1`, `v1`.
    pub(super) api_version: String,
    pub(super) kind: String,
    /// Nothing for kinds without a namespace.
    pub(super) namespace: Option<String>,
    pub(super) name: String,
}

impl Identity {
    /// Of a manifest; nothing while a part of it is not known. A kind with namespaces is in `default` if the manifest
    /// names none; so is, until the cluster says more, a kind that is not built in.
    pub(super) fn of(manifest: &Value, default: &str) -> Option<Self> {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let metadata = manifest.get("metadata")?;
        let api_version = text(manifest.get("apiVersion"))?;
        let kind = text(manifest.get("kind"))?;
        let name = text(metadata.get("name"))?;
        let given = metadata.get("namespace").filter(|given| !given.is_null());
        let namespace = match given {
            Some(given) => Some(text(Some(given))?),
            None => None,
        };
        let namespace = match kinds::find(&api_version, &kind) {
            Some(known) if !known.namespaced => None,
            _ => Some(namespace.unwrap_or_else(|| default.to_owned())),
        };
        Some(Self { api_version, kind, namespace, name })
    }

    /// The group of its API version, empty for the first group of all.
    pub(super) fn group(&self) -> &str {
        Group::of(&self.api_version).group
    }

    /// How an object is named in an `id` and for an import.
    pub(super) fn id(&self) -> String {
        let Self { api_version, kind, namespace, name } = self;
        match namespace {
            Some(namespace) => format!("{api_version}/{kind}/{namespace}/{name}"),
            None => format!("{api_version}/{kind}/{name}"),
        }
    }

    /// Of an `id`. A kind that is not built in has a namespace where there is one part more.
    pub(super) fn parse(id: &str, default: &str) -> Option<Self> {
        let parts: Vec<&str> = id.split('/').collect();
        let is_version = |text: &str| {
            text.strip_prefix('v').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
        };
        let (api_version, rest) = match parts.as_slice() {
            [version, rest @ ..] if is_version(version) => ((*version).to_owned(), rest),
            [group, version, rest @ ..] if is_version(version) => (format!("{group}/{version}"), rest),
            _ => return None,
        };
        let owned = |text: &&str| (*text).to_owned();
        let (kind, namespace, name) = match rest {
            [kind, name] => {
                let cluster = kinds::find(&api_version, kind).is_none_or(|known| !known.namespaced);
                (owned(kind), Some(default.to_owned()).filter(|_| !cluster), owned(name))
            }
            [kind, namespace, name] => (owned(kind), Some(owned(namespace)), owned(name)),
            _ => return None,
        };
        let is_whole = !kind.is_empty() && !name.is_empty() && namespace.as_deref() != Some("");
        is_whole.then_some(Self { api_version, kind, namespace, name })
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// What can be said of the arguments before anything is asked; unknown ones pass.
///
/// # Errors
/// If the manifest is none, or an argument cannot be used.
pub(super) fn check(wanted: &Value) -> Result<(), ProviderError> {
    check_manifest(&attribute(wanted, "manifest"))?;
    let force = attribute(wanted, "force_conflicts");
    if Force::of(&force).is_none() {
        let error =
            wrong("force_conflicts", "`force_conflicts` is neither true or false nor a list of fields");
        return Err(error.help("write `force_conflicts = true`, or `force_conflicts = [\"spec.replicas\"]`"));
    }
    for name in ["create", "update", "delete"] {
        let given = attribute(&attribute(wanted, "timeouts"), name);
        if given.as_str().is_some_and(|text| duration(text).is_none()) {
            let summary =
                format!("`timeouts.{name}` is no length of time: {:?}", given.as_str().unwrap_or_default());
            return Err(wrong("timeouts", summary)
                .help("write hours, minutes and seconds: \"1h\", \"10m\", \"90s\", \"1m30s\""));
        }
    }
    Ok(())
}

fn wrong(argument: &'static str, summary: impl Into<String>) -> ProviderError {
    ProviderError::permanent(summary).code(&ARGUMENT).at(Path::root().name(argument))
}

fn check_manifest(manifest: &Value) -> Result<(), ProviderError> {
    let wrong = |summary: String| wrong("manifest", summary);
    if manifest.is_unknown() {
        return Ok(());
    }
    if manifest.as_str().is_some() {
        let error = wrong("`manifest` is a text, not an object".to_owned());
        return Err(error.help("write `manifest = yamldecode(file(\"…\"))`, which reads JSON too"));
    }
    let Some(entries) = manifest.as_entries() else {
        return Err(wrong("`manifest` is no object".to_owned()));
    };
    let example = "begin with `apiVersion = \"v1\"`, `kind = \"ConfigMap\"`, `metadata = { name = \"…\" }`";
    for name in ["apiVersion", "kind"] {
        match entries.get(name) {
            Some(value) if value.is_unknown() || value.as_str().is_some_and(|text| !text.is_empty()) => {}
            Some(_) => return Err(wrong(format!("`manifest.{name}` is no text"))),
            None => return Err(wrong(format!("`manifest` has no `{name}`")).help(example)),
        }
    }
    if entries.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"))
        && entries.contains_key("items")
    {
        let error = wrong("`manifest` is a list of objects, and each is a resource of its own".to_owned());
        return Err(error.help("use `for_each` over its `items`"));
    }
    check_metadata(entries.get("metadata")).map_err(|summary| wrong(summary).help(example))
}

fn check_metadata(metadata: Option<&Value>) -> Result<(), String> {
    let Some(metadata) = metadata else { return Err("`manifest` has no `metadata`".to_owned()) };
    if metadata.is_unknown() {
        return Ok(());
    }
    let Some(entries) = metadata.as_entries() else {
        return Err("`manifest.metadata` is no object".to_owned());
    };
    match entries.get("name") {
        None if entries.contains_key("generateName") => {
            Err("`manifest.metadata` has `generateName`: what is kept needs a name".to_owned())
        }
        None => Err("`manifest.metadata` has no `name`".to_owned()),
        Some(name) if name.is_unknown() => Ok(()),
        Some(name) => match name.as_str() {
            Some(text) if is_name(text) => Ok(()),
            Some(text) => Err(format!("`manifest.metadata.name` is no name of Kubernetes: {text:?}")),
            None => Err("`manifest.metadata.name` is no text".to_owned()),
        },
    }
}

/// Whether a text can stand in a path of the API. What else a kind asks of names, the server says.
fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    !text.is_empty() && text.len() <= 253 && text.chars().all(fits) && text != "." && text != ".."
}

/// A length of time: `1h`, `10m`, `90s`, `1m30s`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (mut rest, mut total) = (text, 0_u64);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let unit = after.chars().next()?;
        let seconds = match unit {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(seconds)?)?;
        rest = after.get(1..)?;
    }
    // A year: more is a mistake, and would not fit in every sum of times.
    (1..=31_536_000).contains(&total).then(|| Duration::from_secs(total))
}

/// The time that the configuration gives one kind of change.
pub(super) fn within(object: &Value, change: &str) -> Duration {
    let given = attribute(&attribute(object, "timeouts"), change);
    given.as_str().and_then(duration).unwrap_or(WITHIN)
}

/// Which fields may be taken over from other managers.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Force {
    None,
    All,
    /// These, and what lies in them.
    Fields(Vec<String>),
}

impl Force {
    /// Of `force_conflicts`; nothing if it is of another form. What is not known takes nothing over.
    pub(super) fn of(value: &Value) -> Option<Self> {
        if value.is_null() || !value.is_wholly_known() {
            return Some(Self::None);
        }
        if let Some(all) = value.as_bool() {
            return Some(if all { Self::All } else { Self::None });
        }
        let fields = value.as_items()?.iter().map(|item| item.as_str().map(plain_field));
        fields.collect::<Option<Vec<_>>>().map(Self::Fields)
    }

    /// Whether a field, as [`plain_field`] writes it, may be taken over.
    pub(super) fn takes(&self, field: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Fields(fields) => fields.iter().any(|given| is_within(field, given)),
        }
    }
}

/// Whether a field is another one or lies in it. Both in the form of [`plain_field`].
pub(super) fn is_within(field: &str, outer: &str) -> bool {
    field.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// A field as people write it, without the dot that the server begins with and without spaces.
pub(super) fn plain_field(field: &str) -> String {
    let field = field.trim().trim_start_matches('.');
    field.strip_prefix("manifest.").unwrap_or(field).to_owned()
}

/// The manifest with the secret parts of a Secret marked.
pub(super) fn marked(manifest: &Value) -> Value {
    if manifest.get("kind").and_then(Value::as_str) != Some("Secret") {
        return manifest.clone();
    }
    manifest.clone().map_parts(|step, part| match step {
        PathStep::Name(name) if SECRET.contains(&&*name) => part.clone().marked(Marks::SENSITIVE),
        _ => part.clone(),
    })
}

/// A value as JSON, nulls and marks aside.
///
/// # Errors
/// If a part of it is not known, or may not be kept.
pub(super) fn json_of(value: &Value) -> Result<Json, ProviderError> {
    let bare = value.unmarked_deep();
    let mut json =
        to_json(&bare, &bare.ty()).map_err(|error| wrong("manifest", format!("`manifest`: {error}")))?;
    drop_nulls(&mut json);
    Ok(json)
}

fn drop_nulls(json: &mut Json) {
    match json {
        Json::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Json::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// JSON as a value. Depth is bounded by the parser that read it.
pub(super) fn value_of(json: &Json) -> Value {
    match json {
        Json::Null => Value::null(),
        Json::Bool(value) => Value::bool(*value),
        Json::Number(number) => {
            let parsed = crate::lang::value::Number::parse(&number.to_string());
            parsed.map_or_else(|| Value::string(number.to_string()), Value::number)
        }
        Json::String(text) => Value::string(crate::lang::value::normalize(text)),
        Json::Array(items) => Value::tuple(items.iter().map(value_of)),
        Json::Object(map) => {
            Value::object(map.iter().map(|(name, value)| (name.as_str().into(), value_of(value))))
        }
    }
}

/// What is sent to the server for a manifest: with the place where it is, `data` for `stringData`, and the token.
pub(super) fn body(manifest: &Json, identity: &Identity, token: &str) -> Json {
    let mut body = normal(manifest);
    if let Some(map) = body.as_object_mut() {
        map.remove("status");
        let metadata = map.entry("metadata").or_insert_with(|| Json::Object(Map::new()));
        if let Some(metadata) = metadata.as_object_mut() {
            match &identity.namespace {
                Some(namespace) => metadata.insert("namespace".to_owned(), Json::from(namespace.as_str())),
                None => metadata.shift_remove("namespace"),
            };
            let annotations = metadata.entry("annotations").or_insert_with(|| Json::Object(Map::new()));
            if let Some(annotations) = annotations.as_object_mut() {
                annotations.insert(TOKEN.to_owned(), Json::from(token));
            }
        }
    }
    body
}

/// A manifest as the server keeps it: `stringData` of a Secret, which nobody can read back, as `data`.
pub(super) fn normal(manifest: &Json) -> Json {
    let mut normal = manifest.clone();
    let is_secret = manifest.get("kind").and_then(Json::as_str) == Some("Secret");
    let Some(map) = normal.as_object_mut().filter(|_| is_secret) else { return normal };
    let Some(Json::Object(texts)) = map.shift_remove("stringData") else { return normal };
    let data = map.entry("data").or_insert_with(|| Json::Object(Map::new()));
    if let Some(data) = data.as_object_mut() {
        for (name, text) in texts {
            let text = text.as_str().map(encode_base64);
            data.extend(text.map(|text| (name, Json::from(text))));
        }
    }
    normal
}

/// A text as `data` of a Secret has it.
pub(super) fn encode_base64(text: &str) -> String {
    data_encoding::BASE64.encode(text.as_bytes())
}

/// The object as `object` keeps it: without what only the server's own bookkeeping needs, or what differs each time.
pub(super) fn kept_object(live: &Json) -> Value {
    let mut kept = live.clone();
    if let Some(metadata) = kept.get_mut("metadata").and_then(Json::as_object_mut) {
        for name in ["managedFields", "resourceVersion", "generation"] {
            metadata.shift_remove(name);
        }
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Json::as_object_mut) {
            annotations.shift_remove("kubectl.kubernetes.io/last-applied-configuration");
            annotations.shift_remove(TOKEN);
        }
    }
    marked(&value_of(&kept))
}

#[cfg(test)]
mod tests;
