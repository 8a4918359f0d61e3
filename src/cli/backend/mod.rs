//! Where the state of a project is kept, and the store that is there.
//!
//! Goes in: a `backend` or `state` block, settings of the command line. Comes out: a folder or a bucket. Never happens:
//! a credential in a configuration, in a message or in what is written down of a place.

pub(super) mod moves;
mod settings;
mod written;

use super::args;
use super::lock::SystemClock;
use super::project::Place;
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::lang::config::StatePlace;
use crate::lang::value::Value;
use crate::plan::{Plan, holds_secret};
use mlo_state::s3::{AwsBucket, BucketSettings};
use mlo_state::seal::{DataKey, Key, KeyError, KeyName, Random, Scope, Wrapped};
use mlo_state::{FileStore, S3Store, Store, Vault};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The state of a project without environments, beside those of its environments.
const DEFAULT: &str = "default";
/// Where the states of environments are.
const ENVIRONMENTS: &str = "env";

/// Where states are kept: one, or one for each environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Backend {
    /// A folder of this machine; absolute.
    Local(PathBuf),
    /// Objects of a bucket below a key.
    S3 { bucket: Box<BucketSettings>, key: String },
}

impl Backend {
    /// Where the configuration's block and the command line say that state is kept.
    ///
    /// # Errors
    /// All that is wrong with both.
    pub(super) fn of(
        place: &Place,
        block: Option<&StatePlace>,
        options: &args::Backend,
    ) -> Result<Self, Diagnostics> {
        let given = settings::given(&options.backend_config)?;
        let Some(block) = block else {
            return match given.into_iter().next() {
                None => Ok(Self::Local(place.states())),
                Some(_) => Err(Diagnostic::error(
                    code::state::BACKEND,
                    "`--backend-config` completes a `backend` block, and the configuration has none",
                )
                .help("write `terraform { backend \"s3\" {} }` into it, or leave `--backend-config` out")
                .into()),
            };
        };
        let found = settings::Settings::read(block, given)?;
        match block.kind.name.as_ref() {
            "local" => local(place, &found),
            _ => Ok(found.bucket()?),
        }
    }

    /// Where another project has its states, by the settings of Terraform's backend `s3`; and how the keys of its workspaces
    /// begin.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub(super) fn elsewhere(config: &Value) -> Result<(Self, String), Diagnostics> {
        let (found, prefix) = settings::Settings::of_value(config)?;
        Ok((found.bucket()?, prefix))
    }

    /// The state of one environment, or the one that there is without environments.
    pub(super) fn store(&self, vault: &Vault, environment: Option<&str>) -> Arc<dyn Store> {
        match self {
            Self::Local(folder) => {
                Arc::new(FileStore::new(beside(folder, environment)).with_vault(vault.clone()))
            }
            Self::S3 { bucket, key } => {
                let key = beside(Path::new(key), environment);
                let bucket = AwsBucket::new(bucket.as_ref().clone());
                let clock = Arc::new(SystemClock::new());
                let store = S3Store::new(Arc::new(bucket), &key.to_string_lossy(), clock);
                Arc::new(store.with_vault(vault.clone().with_fallback(Arc::new(NoKey))))
            }
        }
    }
}

impl Backend {
    /// Refuses a plan that would bring sensitive values to a place in which nothing seals them, before anything is done.
    ///
    /// # Errors
    /// If there are such values, others use the place too, and no key is configured.
    pub(super) fn check_secrets(&self, plan: &Plan, vault: &Vault) -> Result<(), Diagnostics> {
        let outputs = plan.outputs.values().filter_map(|output| output.after.as_ref());
        let mut values = plan.operations.iter().filter_map(|each| each.planned.as_ref()).chain(outputs);
        if matches!(self, Self::Local(_)) || vault.has_keys() || !values.any(holds_secret) {
            return Ok(());
        }
        let summary = "the plan has sensitive values, the state is in a bucket, and no key seals them";
        let error = Diagnostic::error(code::state::BAD_KEY, summary);
        let error = error.detail(
            "A key that is made here would be known here alone, and others could not read the state.",
        );
        Err(error
            .help(
                "configure a key in an `encryption` block, or set `MLO_STATE_PASSPHRASE`: see docs/state.md",
            )
            .into())
    }
}

/// What is in place of a key that is made in the project: others who use the bucket would not have it, and what a
/// machine of CI had made would be gone with it.
struct NoKey;

impl Key for NoKey {
    fn name(&self) -> KeyName {
        KeyName { kind: "shared", label: "none".into() }
    }

    fn wrap(&self, _: &DataKey, _: &Scope, _: &Random) -> Result<Wrapped, KeyError> {
        let said = "the state is in a bucket and has sensitive values, and no key is configured that others have too";
        Err(KeyError::Unusable { said: said.to_owned() })
    }

    fn unwrap(&self, _: &Wrapped, _: &Scope) -> Result<DataKey, KeyError> {
        Err(KeyError::Another)
    }
}

/// The place of one state of several.
fn beside(states: &Path, environment: Option<&str>) -> PathBuf {
    environment.map_or_else(|| states.join(DEFAULT), |name| states.join(ENVIRONMENTS).join(name))
}

/// `backend "local"`: a folder, seen from the project's.
fn local(place: &Place, found: &settings::Settings) -> Result<Backend, Diagnostics> {
    let folder = found.text("path").map_or_else(|| place.states(), |path| place.folder.join(path));
    if folder.is_file() {
        let summary = format!("`{}` is a file, and state is kept in a folder", folder.display());
        let error = found.wrong("path", &place.relative(&summary));
        return Err(error.help("name a folder that is not there yet, or that `mlo` made").into());
    }
    Ok(Backend::Local(folder))
}
