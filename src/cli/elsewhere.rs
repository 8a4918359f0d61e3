//! Outputs of other states: of a folder, of another project, of a bucket; ours, or Terraform's.
//!
//! Goes in: where a state is, as a data source has it. Comes out: its outputs, the sensitive ones marked. Never happens: a lock
//! taken; in a bucket, a state in clear taken where there is a key, unless the configuration says that it is.

use super::args::{self, Source};
use super::backend::Backend;
use super::command::state::terraform;
use super::lock::SystemClock;
use super::project::Place;
use super::session;
use super::vault::{self, Keys};
use crate::diag::{Diagnostics, SourceMap, because};
use crate::lang::value::Value;
use crate::provider::{BoxFuture, Outputs, StateAt};
use mlo_state::s3::{AwsBucket, Bucket as _};
use mlo_state::seal::SealError;
use mlo_state::{FileStore, Output, Store, StoreError, Vault};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How files of Terraform's state are called.
const TERRAFORM: &str = "tfstate";

/// The outputs of another state. `own` is the environment of the run, and `vault` has the keys of its project.
pub(super) fn outputs(at: StateAt, own: String, vault: Vault) -> BoxFuture<'static, Outputs> {
    match at {
        StateAt::Path(path, _) if path.extension().is_some_and(|ending| ending == TERRAFORM) => {
            Box::pin(std::future::ready(in_file(&path)))
        }
        StateAt::Path(path, named) => Box::pin(in_project(path, named, own)),
        StateAt::Bucket { config, workspace, in_clear } => {
            let vault = if in_clear { vault.taking_clear() } else { vault };
            Box::pin(in_bucket(config, workspace, vault))
        }
    }
}

/// The outputs of the state that a path leads to: a folder of a state, a project's folder, or a manifest that has a
/// state of its own. Of a project with environments it is the state of the one that is `named`, or else of our `own`.
async fn in_project(path: PathBuf, named: Option<String>, own: String) -> Outputs {
    let is_state = path.join("state.json").is_file();
    let project = if is_state { vault::project_of(&path) } else { Some(path.as_path()) };
    let place = match project {
        Some(project) if project.exists() => Place::find(Some(project)),
        _ if is_state => Place::find(Some(&path)),
        _ => return Ok(None),
    };
    let store: Arc<dyn Store> = if is_state {
        let place = place.map_err(|_| format!("{} cannot be read", path.display()))?;
        let keys = Keys::of_place(&place, &Source::default());
        let vault = keys.map_err(|messages| first_of(messages, &path.display()))?.vault;
        Arc::new(FileStore::new(path).with_vault(vault))
    } else {
        let mut options = args::Backend::default();
        let has_environments = place.as_ref().is_ok_and(|place| {
            place.declared_states(&mut SourceMap::new()).is_ok_and(|states| !states.environments.is_empty())
        });
        options.environment.env = named.or(Some(own).filter(|_| has_environments));
        let found = session::store_of(Some(&path), &options);
        found.map_err(|failed| first_of(failed.messages, &path.display()))?.store
    };
    ours(store.as_ref()).await
}

async fn ours(store: &dyn Store) -> Outputs {
    let loaded = store.read().await.map_err(|error| match error {
        StoreError::Sealed { error: SealError::Clear, .. } => in_the_open(&error.to_string()),
        error => error.to_string(),
    })?;
    Ok(loaded.snapshot.map(|snapshot| values(snapshot.outputs)))
}

fn values(outputs: BTreeMap<String, Output>) -> BTreeMap<Arc<str>, Value> {
    let value = |(name, output): (String, Output)| {
        crate::plan::decode_output(&output).map(|value| (Arc::from(name), value))
    };
    outputs.into_iter().filter_map(value).collect()
}

/// The outputs of a file that Terraform wrote.
fn in_file(path: &Path) -> Outputs {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(because(&error)),
    };
    let mut bytes = Vec::new();
    let read = file.take(terraform::BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| because(&error))?;
    let shown = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    terraforms(&shown, &bytes)
}

fn terraforms(shown: &str, bytes: &[u8]) -> Outputs {
    let outputs = terraform::outputs(shown, bytes).map_err(|messages| first_of(messages, &shown))?;
    Ok(Some(values(outputs)))
}

/// The outputs of a state in a bucket: of ours below the key, or, where there is none, of the object that Terraform has there.
async fn in_bucket(config: Value, workspace: Option<String>, vault: Vault) -> Outputs {
    let elsewhere = Backend::elsewhere(&config).map_err(|messages| first_of(messages, &"the bucket"))?;
    let (backend, prefix) = elsewhere;
    let store = backend.store(&vault, workspace.as_deref());
    if let Some(outputs) = ours(store.as_ref()).await? {
        return Ok(Some(outputs));
    }
    let Backend::S3 { bucket, key } = backend else { return Ok(None) };
    let key = match workspace {
        Some(workspace) => format!("{prefix}/{workspace}/{key}"),
        None => key,
    };
    let bucket = AwsBucket::new(*bucket);
    let shown = format!("{}/{key}", bucket.describe());
    let clock = Arc::new(SystemClock::new());
    let found = mlo_state::s3::object(Arc::new(bucket), clock, &key, terraform::BYTES_MAX).await;
    let Some(bytes) = found.map_err(|error| error.to_string())? else { return Ok(None) };
    vault.check_clear().map_err(|error| in_the_open(&format!("{shown}: {error}")))?;
    terraforms(&shown, &bytes)
}

/// What to do about what is in clear, if it may be.
fn in_the_open(said: &str) -> String {
    format!("{said}; if it is meant to be in clear, say so: `in_clear = true`")
}

/// What is wrong elsewhere, in one line.
fn first_of(messages: Diagnostics, what: &dyn std::fmt::Display) -> String {
    let first = messages.into_iter().next().map(|message| message.summary);
    first.unwrap_or_else(|| format!("{what} cannot be read"))
}
